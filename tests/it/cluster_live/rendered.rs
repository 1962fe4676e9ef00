//! Kustomize and Helm, by the real programs: what they make is compared with the cluster, and drift names the line that makes a field (X9).

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value as Json;

use super::workspace::{Difference, bpctl, drift, parts};
use crate::support::{Namespace, Repo, copy, lab};

const OVERLAY: &str = "deploy/overlays/lab/kustomization.yaml";

/// A repository with an overlay over a base, and a chart with subcharts, for this namespace.
fn repository(namespace: &str) -> Repo {
    let repo = Repo::empty();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cluster_live/rendered"), &repo.path());
    repo.replace(OVERLAY, "NAMESPACE", namespace);
    repo.write(
        "bpctl.yaml",
        &format!(
            "apiVersion: bpctl.dev/v1\nkind: Workspace\nforge: local\nenvironments:\n  lab:\n    tier: dev\n    cluster: {{context: \
             lab}}\n    delivery: direct\n    render:\n      - kustomize: deploy/overlays/lab\n      - helm: charts/api\n        \
             namespace: {namespace}\n        values: [charts/api/values-lab.yaml]\n        set: {{image.tag: v2.0.1}}\n"
        ),
    );
    for (name, kind, source) in [
        ("web", "Deployment", "deploy"),
        ("jobs", "Deployment", "deploy"),
        ("api", "Deployment", "charts/api"),
        ("cache", "StatefulSet", "charts/api"),
    ] {
        let target = format!("{{workload: {kind}/{name}, namespace: {namespace}, source: {source}}}");
        repo.write(
            &format!("blueprints/{name}.yaml"),
            &format!(
                "apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata: {{name: {name}, version: 1.0.0, owner: team}}\nspec:\n  target: \
                 {target}\n"
            ),
        );
    }
    repo.commit(&[], "start");
    repo
}

/// What the renderers make of a folder, without bpctl.
fn rendered(folder: &Path, namespace: &str) -> Result<[String; 2], String> {
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(folder).output().expect("it starts");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        if output.status.success() { Ok(text) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    };
    // As `helm dependency build` would.
    let linked = folder.join("charts/api/charts/common");
    std::fs::create_dir(&linked).expect("a folder");
    copy(&folder.join("charts/common"), &linked);
    let workspace = std::fs::read_to_string(folder.join("bpctl.yaml")).expect("bpctl.yaml");
    let tag = workspace.split("image.tag: ").nth(1).and_then(|rest| rest.split('}').next()).expect("a tag");
    let set = format!("image.tag={tag}");
    let arguments = [
        "template",
        "api",
        "charts/api",
        "-n",
        namespace,
        "-f",
        "charts/api/values-lab.yaml",
        "--no-hooks",
        "--set",
        &set,
    ];
    let both = run("kubectl", &["kustomize", "deploy/overlays/lab"])
        .and_then(|web| run("helm", &arguments).map(|api| [web, api]));
    std::fs::remove_dir_all(&linked).expect("it goes");
    both
}

fn at(path: &str, kind: &str, at: &str, by: &str) -> Difference {
    Difference { path: path.into(), kind: kind.into(), at: at.into(), by: Some(by.into()) }
}

/// Would miss: a base compared in place of what is rendered, a line of a file that another one overrides, a value that a setting gives.
#[test]
fn x09_what_is_rendered_is_compared_and_drift_names_the_line_that_makes_it() {
    let namespace = Namespace::new("rendered");
    let repo = repository(&namespace.name);
    bpctl(&repo, None).run(&["lint"]).exits(0);
    for text in rendered(&repo.path(), &namespace.name).expect("they render") {
        namespace.kubectl(&["apply", "--server-side", "-f", "-"], Some(&text));
    }
    let see = || bpctl(&repo, None).run(&["plan", "-o", "json"]).exits(0).json();
    let plan = see();
    for (name, part) in parts(&plan) {
        assert_eq!(drift(part), [], "{name}: nothing was changed");
    }
    let patch = |what: &str, operations: &str| {
        let patch = format!("[{operations}]");
        namespace.kubectl(&["patch", what, "--type=json", "--field-manager=somebody", "-p", &patch], None);
    };
    let set = |path: &str, value: &str| format!(r#"{{"op":"replace","path":"{path}","value":{value}}}"#);
    let container = "/spec/template/spec/containers/0";
    patch(
        "deployment/web",
        &[
            set("/spec/replicas", "5"),
            set(&format!("{container}/image"), r#""registry.example.org/web:1.20""#),
            set(&format!("{container}/env/0/value"), r#""debug""#),
            set(&format!("{container}/env/1/value"), r#""9""#),
            set(&format!("{container}/resources/requests/cpu"), r#""99m""#),
            set(&format!("{container}/resources/requests/memory"), r#""1Gi""#),
            set(&format!("{container}/readinessProbe/periodSeconds"), "70"),
            set("/spec/template/spec/containers/1/resources/requests/cpu", r#""1""#),
        ]
        .join(","),
    );
    patch("deployment/jobs", &set("/spec/strategy/rollingUpdate/maxUnavailable", "2"));
    patch(
        "deployment/api",
        &[
            set("/spec/replicas", "1"),
            set(&format!("{container}/image"), r#""registry.example.org/api:v9""#),
            set(&format!("{container}/env/0/value"), r#""bold""#),
            set(&format!("{container}/env/1/value"), r#""mars""#),
            set(&format!("{container}/livenessProbe/periodSeconds"), "90"),
            set("/spec/template/spec/terminationGracePeriodSeconds", "40"),
            set(&format!("{container}/resources/requests/memory"), r#""65Mi""#),
        ]
        .join(","),
    );
    patch(
        "statefulset/cache",
        &[set("/spec/replicas", "4"), set(&format!("{container}/resources/requests/memory"), r#""97Mi""#)].join(","),
    );
    let plan = see();
    let told: BTreeMap<&str, Vec<Difference>> = parts(&plan).map(|(name, part)| (name, drift(part))).collect();
    let field = |container: &str, rest: &str| format!("spec.template.spec.containers[name={container}].{rest}");
    let sorted = |mut all: Vec<Difference>| {
        all.sort();
        all
    };
    let changed = |path: &str, place: &str| at(path, "changed", place, "somebody");
    let expected = BTreeMap::from([
        (
            "web",
            vec![
                changed("spec.replicas", &format!("{OVERLAY}:11")),
                changed(&field("web", "image"), &format!("{OVERLAY}:8")),
                changed(&field("web", "env[name=LOG_LEVEL].value"), &format!("{OVERLAY}:18")),
                changed(&field("web", "env[name=WORKERS].value"), "deploy/base/web.yaml:17"),
                changed(&field("web", "resources.requests.cpu"), "deploy/overlays/lab/cpu.yaml:11"),
                changed(&field("web", "resources.requests.memory"), "deploy/base/web.yaml:19"),
                changed(
                    &field("web", "readinessProbe.periodSeconds"),
                    "deploy/components/probes/kustomization.yaml:16",
                ),
                changed(&field("proxy", "resources.requests.cpu"), "deploy/base/web.yaml:23"),
            ],
        ),
        ("jobs", vec![changed("spec.strategy.rollingUpdate.maxUnavailable", "deploy/base/jobs.yaml:7")]),
        (
            "api",
            vec![
                changed("spec.replicas", "charts/api/values-lab.yaml:1"),
                changed(&field("api", "image"), "bpctl.yaml:14"),
                changed(&field("api", "env[name=MODE].value"), "charts/api/templates/deployment.yaml:19"),
                changed(&field("api", "env[name=REGION].value"), "charts/common/templates/_env.tpl:3"),
                changed(&field("api", "livenessProbe.periodSeconds"), "charts/api/values.yaml:5"),
                changed("spec.template.spec.terminationGracePeriodSeconds", "charts/api/templates/deployment.yaml:13"),
                changed(&field("api", "resources.requests.memory"), "charts/api/values.yaml:4"),
            ],
        ),
        (
            "cache",
            vec![
                changed("spec.replicas", "charts/api/values-lab.yaml:3"),
                changed(&field("cache", "resources.requests.memory"), "charts/api/values.yaml:7"),
            ],
        ),
    ]);
    for (name, expected) in expected {
        assert_eq!(sorted(told[name].iter().map(clone).collect()), sorted(expected), "{name}");
    }

    // Direct delivery applies what is rendered from base.
    let report = bpctl(&repo, None).run(&["apply", "--wait", "0s"]);
    assert_eq!(report.code, Some(0), "{}{}", report.stdout, report.stderr);
    for (name, part) in parts(&see()) {
        assert_eq!(drift(part), [], "{name}: it was brought back");
    }
    assert_eq!(namespace.get("deployment web")["spec"]["replicas"], 3);
}

fn clone(difference: &Difference) -> Difference {
    let Difference { path, kind, at, by } = difference;
    Difference { path: path.clone(), kind: kind.clone(), at: at.clone(), by: by.clone() }
}

/// Each line that is named is changed here by the test, rendered by the programs themselves, and compared. Would miss: a line that is
/// claimed because it looks right, and a file whose bytes bpctl counts in another way.
#[test]
fn x09_every_line_that_is_named_moves_its_field() {
    let _ = lab("KUBECONFIG");
    let repo = repository("anywhere");
    let before = rendered(&repo.path(), "anywhere").expect("they render").map(|text| objects(&text));
    let told = bpctl(&repo, None).run(&["where", "-o", "json"]).exits(0).json();
    let (mut located, mut all) = (0, 0);
    for workload in told["workloads"].as_array().unwrap() {
        let object = (workload["workload"]["kind"].as_str().unwrap(), workload["workload"]["name"].as_str().unwrap());
        for field in workload["fields"].as_array().unwrap() {
            all += 1;
            let line = &field["origin"]["line"];
            let Some(path) = line["span"]["file"].as_str() else { continue };
            located += 1;
            let text = repo.read(path);
            let number = |key: &str| usize::try_from(line["span"][key].as_u64().unwrap()).unwrap();
            let (start, end) = (number("start"), number("end"));
            // Another mutation than bpctl's: a truth value turns, a number grows a digit, text a letter.
            let new = match &text[start..end] {
                "true" => "false".to_owned(),
                old if old.ends_with(|c: char| c.is_ascii_digit()) => format!("{old}3"),
                old if old.starts_with(|c: char| c.is_ascii_digit()) => format!("3{old}"),
                old => format!("{old}z"),
            };
            repo.write(path, &format!("{}{new}{}", &text[..start], &text[end..]));
            let after = rendered(&repo.path(), "anywhere");
            repo.write(path, &text);
            let after = after.unwrap_or_else(|error| panic!("{field}: {error}")).map(|text| objects(&text));
            let moved = before.iter().zip(&after).any(|(before, after)| {
                let find = |all: &[Json]| {
                    let is = |o: &&Json| {
                        (o["kind"].as_str(), o["metadata"]["name"].as_str()) == (Some(object.0), Some(object.1))
                    };
                    all.iter().find(is).map(Json::to_string)
                };
                find(before).is_some() && find(before) != find(after)
            });
            assert!(moved, "{object:?} {field}: its line moves nothing");
        }
    }
    assert!(all >= 25 && located == all, "{located} of {all} fields have a line");
}

/// The objects of some YAML, by the real reader of Kubernetes.
fn objects(text: &str) -> Vec<Json> {
    let text = crate::support::kubectl(
        &["create", "--dry-run=client", "--validate=false", "-o", "json", "-f", "-"],
        Some(text),
    );
    let all = serde_json::Deserializer::from_str(&text).into_iter::<Json>().map(|object| object.expect("JSON"));
    all.flat_map(|object| match object["items"].as_array() {
        Some(items) => items.clone(),
        None => vec![object],
    })
    .collect()
}

/// Would miss: a chart that takes the machine with it, or that reads what is not in the repository.
#[test]
fn t15_a_hostile_chart_ends_in_bounds_and_sees_nothing_of_the_machine() {
    let repo = repository("anywhere");
    let template = "charts/api/templates/deployment.yaml";
    let good = repo.read(template);
    let seen = |what: &str| {
        repo.write(template, &good.replace("| default \"safe\" | quote }}", what));
        let from = std::time::Instant::now();
        let ran = bpctl(&repo, None).with("AWS_SECRET_ACCESS_KEY", "canary-1").run(&["where", "api", "-o", "json"]);
        assert!(from.elapsed().as_secs() < 40, "{:?}", from.elapsed());
        ran
    };
    for hostile in
        ["}}{{ range $i := until 900000000 }}{{ $i }}{{ end }}", "}}{{ range $i := until 30000000 }}xxxxxxxx{{ end }}"]
    {
        let ran = seen(hostile).exits(1);
        assert!(ran.stderr.contains("Helm could not render charts/api"), "{}", ran.stderr);
    }
    // Functions that look outside give nothing, or do not exist.
    for hostile in [
        "}}{{ .Files.Get \"../../../../../../etc/passwd\" | quote }}",
        "}}{{ getHostByName \"localhost\" | quote }}",
        "}}{{ (lookup \"v1\" \"Namespace\" \"\" \"default\") | toString | quote }}",
        "}}{{ env \"AWS_SECRET_ACCESS_KEY\" }}",
    ] {
        let ran = seen(hostile);
        let all = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!all.contains("root:") && !all.contains("127.0.0.1") && !all.contains("canary-1"), "{hostile}: {all}");
    }
}

/// Would miss: a blueprint on a base that an overlay changes, an overlay of another environment, a chart that nobody renders.
#[test]
fn init_derives_blueprints_from_what_is_rendered() {
    let _ = lab("KUBECONFIG");
    let repo = repository("shop");
    repo.git(&["rm", "-rq", "bpctl.yaml", "blueprints"]);
    repo.write(
        "deploy/overlays/dev/kustomization.yaml",
        "resources: [../../base]\nreplicas: [{name: web, count: 9}]\n",
    );
    repo.git(&["remote", "add", "origin", "https://github.com/example/shop.git"]);
    repo.commit(&[], "manifests alone");
    let told = repo.run(&["init", "--env", "lab", "--namespace", "apis"]).exits(0).stdout;
    for line in [
        "Deployment/web in shop, from deploy/overlays/lab",
        "Deployment/jobs in shop, from deploy/overlays/lab",
        "Deployment/api in apis, from charts/api",
        "StatefulSet/cache in apis, from charts/api",
    ] {
        assert!(told.contains(line), "{line} is missing in {told}");
    }
    let workspace = repo.read("bpctl.yaml");
    for line in [
        "      - helm: \"charts/api\" # guessed: release, namespace and values\n        namespace: \"apis\"\n        values: [\"charts/api/values-lab.yaml\"]\n",
        "      - kustomize: \"deploy/overlays/lab\" # guessed: there are also deploy/overlays/dev\n",
    ] {
        assert!(workspace.contains(line), "{line} is missing in {workspace}");
    }
    assert!(!workspace.contains("forge:"), "the remote says which: {workspace}");
    assert!(repo.read("blueprints/web/blueprint.yaml").contains("min_replicas: 3 # as the manifest declares"));
    repo.run(&["lint"]).exits(0);
    let told = repo.run(&["where", "web", "spec.replicas"]).exits(0).stdout;
    assert!(told.contains("deploy/overlays/lab/kustomization.yaml:11:12"), "{told}");
}

/// A chart that makes a secret of its own each time is not drift each time, and is not applied again and again.
#[test]
fn x09_what_is_another_each_time_it_is_rendered_is_unknown() {
    let namespace = Namespace::new("random");
    let repo = repository(&namespace.name);
    let template = "charts/api/templates/deployment.yaml";
    let text = repo.read(template);
    let varying = [
        ("sum", "randAlphaNum 16 | sha256sum"),
        ("key", r#"encryptAES "0123456789abcdef" "x""#),
        ("tpl", r#"tpl "{{ randAlphaNum 8 }}" ."#),
        ("day", r#"now | date "2006-01-02""#),
        ("year", r#"date "2006" """#),
        ("utc", r#"dateInZone "2006" now "UTC""#),
        // A constant, and yet a date: one of today looks the same to whoever renders it once more.
        ("then", r#"toDate "2006" "2001" | date "2006""#),
        ("epoch", "now | unixEpoch"),
        ("order", r#"keys (dict "a" 1 "b" 2) | join "-""#),
        ("coin", "randInt 0 2"),
    ];
    let steady =
        [("sorted", r#"keys (dict "a" 1 "b" 2) | sortAlpha | join "-""#), ("word", r#"print "now keys" | quote"#)];
    let noted = |(name, code): &(&str, &str)| format!("        {name}: {{{{ {code} | toString | quote }}}}\n");
    let notes: String = varying.iter().chain(&steady).map(noted).collect();
    let random = format!("labels: {{app: {{{{ .Release.Name }}}}}}\n      annotations:\n{notes}    spec:");
    repo.commit(
        &[(template, &text.replace("labels: {app: {{ .Release.Name }}}\n    spec:", &random))],
        "a secret of its own",
    );
    for text in rendered(&repo.path(), &namespace.name).expect("they render") {
        namespace.kubectl(&["apply", "--server-side", "-f", "-"], Some(&text));
    }
    let see = || bpctl(&repo, None).run(&["plan", "-o", "json"]).exits(0).json();
    let plan = see();
    let api = parts(&plan).find(|(name, _)| *name == "api").expect("api").1;
    assert_eq!(drift(api), []);
    let unknown = api["unknown"].to_string();
    let told = |name: &str| unknown.contains(&format!("annotations.{name}\""));
    assert_eq!(
        varying.iter().filter(|(name, _)| !told(name)).collect::<Vec<_>>(),
        Vec::<&(&str, &str)>::new(),
        "{unknown}"
    );
    assert_eq!(
        steady.iter().filter(|(name, _)| told(name)).collect::<Vec<_>>(),
        Vec::<&(&str, &str)>::new(),
        "{unknown}"
    );
    let told = bpctl(&repo, None).run(&["where", "api", "spec.replicas", "-o", "json"]).exits(0).json();
    assert_eq!(told["workloads"][0]["fields"][0]["origin"]["line"]["also"], 0, "{told}");
    namespace.kubectl(&["scale", "deployment/api", "--replicas=5"], None);
    let plan = see();
    let api = parts(&plan).find(|(name, _)| *name == "api").expect("api").1;
    assert_eq!(api["items"], serde_json::json!([]));
    // Would miss: what somebody changed of the other fields, which no apply brings back and a person has to see.
    let found = &api["findings"][0];
    assert_eq!(found["code"], "drift-stays", "{api}");
    assert!(found["message"].as_str().is_some_and(|told| told.contains("no apply would settle it")), "{api}");
    assert!(
        found["help"][0].as_str().is_some_and(|told| told.contains("spec.replicas: 5 in the cluster, Git says")),
        "{api}"
    );
}

/// Would miss: a workload that is created where nobody delivers it, an overlay that silently wins over another.
#[test]
fn x09_what_another_namespace_gets_or_two_overlays_declare_is_not_planned() {
    let _ = lab("KUBECONFIG");
    let repo = repository("shop");
    repo.replace("blueprints/api.yaml", "namespace: shop", "namespace: elsewhere");
    let found = repo.run(&["lint"]).exits(6).stdout;
    assert!(found.contains("no manifest declares Deployment/api in namespace elsewhere"), "{found}");
    let repo = repository("shop");
    repo.write(
        "deploy/overlays/dev/kustomization.yaml",
        "namespace: shop\nresources: [../../base]\nreplicas: [{name: web, count: 9}]\n",
    );
    repo.replace("bpctl.yaml", "      - helm", "      - kustomize: deploy/overlays/dev\n      - helm");
    repo.commit(&[], "two overlays");
    let found = repo.run(&["lint"]).exits(6).stdout;
    assert!(found.contains("deploy/overlays/lab and deploy/overlays/dev both declare it"), "{found}");
    let plan = bpctl(&repo, None).run(&["plan", "-o", "json"]).exits(1).json();
    for (name, part) in parts(&plan).filter(|(name, _)| ["web", "jobs"].contains(name)) {
        assert!(part["unknown"].to_string().contains("both declare it"), "{name} {part}");
        assert_eq!(part["items"], serde_json::json!([]));
    }
}

/// A stranger's text in a kustomization: nothing of it is fetched, and nothing outside of the tree is read (T36, T19).
#[test]
fn t36_a_rendering_reaches_no_network_and_no_other_folder() {
    let _ = lab("KUBECONFIG");
    let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    server.set_nonblocking(true).expect("it does not wait");
    let url = format!("http://{}/r.yaml", server.local_addr().expect("an address"));
    let outside = tempfile::tempdir().expect("a folder");
    std::fs::write(outside.path().join("kustomization.yaml"), "resources: []\n").expect("written");
    let up = format!("{}{}", "../".repeat(24), outside.path().display().to_string().trim_start_matches('/'));
    for text in [
        format!("resources: [\"{url}\"]\n"),
        format!("Resources: [\"{url}\"]\n"),
        format!("resources: [../../base]\npatches: [{{Path: \"{url}\"}}]\n"),
        format!("resources: [../../base]\nopenapi: {{path: \"{url}\"}}\n"),
        format!("resources: [../../base]\nconfigMapGenerator: [{{name: a, files: [\"x={url}\"]}}]\n"),
        "resources: [../../base]\ngenerators: [gen.yaml]\n".into(),
        format!(
            "resources: [../../base]\ntransformers:\n  - |-\n    apiVersion: builtin\n    kind: PatchTransformer\n    metadata: {{name: p}}\n    path: {url}\n"
        ),
        format!("Resources: [{up}]\n"),
        format!("resources: [{up}]\n"),
    ] {
        let repo = repository("shop");
        repo.write(
            "deploy/overlays/lab/gen.yaml",
            &format!("apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {{name: g}}\nfiles: [\"x={url}\"]\n"),
        );
        repo.write(
            &format!("deploy/overlays/lab/{}", url.replace("//", "/")),
            "kind: Deployment\nmetadata: {name: decoy}\n",
        );
        repo.commit(&[(OVERLAY, &text)], "hostile");
        let found = repo.run(&["lint"]).exits(6).stdout;
        assert!(found.contains("render-failed"), "{text}: {found}");
        assert!(server.accept().is_err(), "{text}: something was asked for");
    }
    // Helm: a schema that is elsewhere is not looked at.
    let repo = repository("shop");
    repo.commit(
        &[("charts/api/values.schema.json", &format!("{{\"properties\": {{\"image\": {{\"$ref\": \"{url}\"}}}}}}"))],
        "a schema",
    );
    repo.run(&["lint"]).exits(0);
    assert!(server.accept().is_err(), "a schema was asked for");
}
