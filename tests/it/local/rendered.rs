//! A workload that Kustomize renders, through the program: its pull request edits the overlay, and only a person merges that (X9).

use super::{APPLY, says};
use crate::support::{Repo, signed_shop, wait_for};

const OVERLAY: &str = "overlays/staging/kustomization.yaml";
const TEXT: &str = "resources: [../../deploy]\nreplicas:\n  - {name: frontend, count: 2}   # two zones\nlabels: []\n";

/// The shop, whose frontend comes by an overlay.
pub(super) fn shop() -> (Repo, String) {
    let (repo, alice) = signed_shop();
    repo.write("deploy/kustomization.yaml", "resources: [frontend.yaml]\n");
    repo.replace("deploy/frontend.yaml", "replicas: 2 ", "replicas: 1 ");
    repo.write(OVERLAY, TEXT);
    repo.replace("blueprints/frontend/blueprint.yaml", "source: deploy/frontend.yaml", "source: overlays/staging");
    repo.replace(
        "bpctl.yaml",
        "    delivery: direct",
        "    delivery: direct\n    render: [{kustomize: overlays/staging}]",
    );
    repo.commit(&[], "the frontend comes by an overlay");
    (repo, alice)
}

/// Would miss: an edit of the base, which is another environment's too; a merge of what nobody rendered; a rendered change that is judged
/// otherwise than the same one of a plain manifest.
#[test]
fn x09_a_rendered_field_is_edited_where_it_is_made_and_merged_as_what_it_renders() {
    let (repo, _) = shop();
    repo.run(&["lint"]).exits(0);
    let plan = repo.run(&["plan", "--env", "staging"]).exits(0).stdout;
    says(
        &plan,
        &["▲ scale     replicas 2 → 3                              allowed", &format!("changes {OVERLAY}:3:29")],
    );
    let first = repo.run(&APPLY).exits(0).stdout;
    says(&first, &["replicas 2 → 3", "merged local pull request #", "applied Deployment/frontend"]);
    let merged = repo.git(&["show", &format!("main:{OVERLAY}")]);
    assert_eq!(merged, TEXT.replace("count: 2", "count: 3"), "{first}");
    let again = repo.run(&["plan", "--env", "staging"]).exits(0).stdout;
    assert!(!again.contains("▲ scale     replicas 2"), "{again}");
    let recorded = repo.run(&["audit", "-o", "json"]).exits(0).stdout;
    says(&recorded, &["merged"]);
}

const CHART: [(&str, &str); 3] = [
    ("charts/frontend/Chart.yaml", "apiVersion: v2\nname: frontend\nversion: 1.0.0\n"),
    ("charts/frontend/values.yaml", "replicas: 1\n"),
    ("values/staging.yaml", "replicas: 2   # two zones\n"),
];

/// The shop, whose frontend comes by a chart, with values of this environment alone.
fn charted(more: &str) -> Repo {
    let (repo, _) = signed_shop();
    let manifest = repo.read("deploy/frontend.yaml");
    let (replicas, template) = ("replicas: 2 ", "charts/frontend/templates/deployment.yaml");
    assert!(manifest.contains(replicas), "{manifest}");
    repo.write(template, &format!("{}{more}", manifest.replace(replicas, "replicas: {{ .Values.replicas }} ")));
    repo.git(&["rm", "-q", "deploy/frontend.yaml"]);
    repo.replace("blueprints/frontend/blueprint.yaml", "source: deploy/frontend.yaml", "source: charts/frontend");
    repo.replace(
        "bpctl.yaml",
        "    delivery: direct",
        "    delivery: direct\n    render: [{helm: charts/frontend, values: [values/staging.yaml]}]",
    );
    repo.commit(&CHART, "the frontend comes by a chart");
    repo
}

/// Would miss: values of one environment that only a person edits; values of the chart's own, which are every environment's; a merge of what
/// the cluster may be given otherwise than it was rendered here.
#[test]
fn x09_a_value_of_a_chart_is_edited_and_merged_where_one_environment_alone_has_it() {
    let repo = charted("");
    repo.run(&["lint"]).exits(0);
    let plan = repo.run(&["plan", "--env", "staging"]).exits(0).stdout;
    says(&plan, &["▲ scale     replicas 2 → 3", "allowed", "changes values/staging.yaml:1:11"]);
    says(&repo.run(&APPLY).exits(0).stdout, &["merged local pull request #", "applied Deployment/frontend"]);
    assert_eq!(repo.read("values/staging.yaml"), "replicas: 3   # two zones\n");

    // A template that asks the cluster, wherever it does: it is proposed, and a person merges it.
    for more in [
        "\n{{- if .Capabilities.APIVersions.Has \"x/v1\" }}\n# there\n{{- end }}\n",
        "\n{{- if (lookup \"v1\" \"Pod\" \"\" \"\") }}\n{{- end }}\n",
    ] {
        let repo = charted(more);
        let ran = repo.run(&APPLY).exits(0).stdout;
        says(&ran, &["or its chart asks the cluster): that is for a person to merge"]);
        assert_eq!(repo.read("values/staging.yaml"), CHART[2].1, "{ran}");
    }

    // The chart's own value.
    let repo = charted("");
    repo.write("values/staging.yaml", "{}\n");
    repo.replace("charts/frontend/values.yaml", "1", "2");
    repo.commit(&[], "a default");
    let plan = repo.run(&["plan", "--env", "staging"]).exits(0).stdout;
    says(&plan, &["charts/frontend/values.yaml:1:11 may make more than this: a person edits it"]);
}

/// A line that another environment's overlay reads as well is judged by what it makes there too, and left to a person.
#[test]
fn x09_what_reaches_another_environment_is_judged_there_and_left_to_a_person() {
    let (repo, _) = shop();
    repo.write("overlays/canary/kustomization.yaml", "resources: [../staging]\n");
    let canary = "  canary:\n    tier: staging\n    cluster: {snapshot: clusters/staging}\n    render: [{kustomize: overlays/canary}]\n";
    repo.replace("bpctl.yaml", "  staging:\n", &format!("{canary}  staging:\n"));
    // A maximum that both have is not raised by bpctl.
    let (source, alone) = ("source: deploy/backend.yaml", "source: deploy/backend.yaml\n    environments: [staging]");
    repo.replace("blueprints/backend/blueprint.yaml", source, alone);
    repo.commit(&[], "another overlay on top of it");
    repo.run(&APPLY).exits(0);
    let backend = "bpctl/staging/backend/scale";
    repo.git(&["checkout", "-q", "--", "clusters"]);
    repo.git(&["switch", "-q", "-C", backend, "main"]);
    repo.replace(OVERLAY, "count: 2", "count: 4");
    repo.commit(&[], "a stranger");
    repo.git(&["switch", "-q", "main"]);
    let judged = repo.run(&["judge", "1", "--env", "staging", "-o", "json"]);
    let judged: serde_json::Value = serde_json::from_str(&judged.stdout).expect("JSON");
    let told: Vec<String> = judged["verdicts"].as_array().expect("verdicts").iter().map(one).collect();
    assert_eq!(told, ["staging overlays/staging 2 → 4", "canary overlays/canary 2 → 4"], "{judged}");
    let before = repo.git(&["rev-parse", "main"]);
    let ran = repo.run(&APPLY).exits(0).stdout;
    assert_eq!(repo.git(&["rev-parse", "main"]), before, "{ran}");
    says(&ran, &["may do more than is seen here"]);
}

/// Somebody pushes to bpctl's own pull request: would miss a Job's image or an Application's destination that is merged behind an allowed value.
#[test]
fn x09_what_a_value_does_unseen_does_not_pass_behind_one_that_is_seen() {
    let (repo, _) = shop();
    let (job, application) = ("overlays/staging/job.yaml", "overlays/staging/app.yaml");
    repo.write(
        job,
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate, namespace: shop, annotations: {helm.sh/hook: pre-upgrade}}\nspec: \
         {template: {spec: {restartPolicy: Never, containers: [{name: m, image: \"m:1\"}]}}}\n",
    );
    repo.write(
        application,
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: frontend}\nspec:\n  project: shop\n  source: {repoURL: \
         \"https://git.example/shop.git\", path: overlays/staging}\n  destination: {server: \"https://staging.example\", namespace: shop}\n",
    );
    repo.write(OVERLAY, &TEXT.replace("../../deploy", "../../deploy, job.yaml"));
    repo.replace("bpctl.yaml", "{kustomize: overlays/staging}", &format!("{{application: {application}}}"));
    repo.commit(&[], "a hook, by Argo CD");
    repo.run(&APPLY).exits(0);
    for (file, from, to, seen) in [
        (job, "m:1", "evil:6", "staging overlays/staging \"m:1\" → \"evil:6\""),
        (application, "https://staging", "https://prod", "staging overlays/staging/app.yaml"),
    ] {
        repo.git(&["checkout", "-q", "--", "clusters"]);
        repo.git(&["switch", "-q", "-C", "bpctl/staging/backend/scale", "main"]);
        repo.replace(OVERLAY, "count: 3", "count: 4");
        repo.replace(file, from, to);
        repo.commit(&[], "a stranger");
        repo.git(&["switch", "-q", "main"]);
        let judged = repo.run(&["judge", "1", "--env", "staging", "-o", "json"]).stdout;
        let judged: serde_json::Value = serde_json::from_str(&judged).expect("JSON");
        let told: Vec<String> = judged["verdicts"].as_array().expect("verdicts").iter().map(one).collect();
        assert!(told.iter().any(|line| line.starts_with(seen)), "{told:?}");
        assert!(told.contains(&"staging overlays/staging 3 → 4".to_owned()), "{told:?}");
        assert_eq!(judged["tier"], "requires_approval", "{judged}");
    }
}

/// Would miss: one environment's replicas measured with another's bounds, also where its own overlay makes nothing.
#[test]
fn x09_lint_measures_each_environment_with_its_own_rendering() {
    let (repo, _) = shop();
    let overlay = "overlays/prod/kustomization.yaml";
    let prod = "  prod:\n    tier: staging\n    cluster: {snapshot: clusters/staging}\n    render: [{kustomize: overlays/prod}]\n";
    repo.replace("bpctl.yaml", "  staging:\n", &format!("{prod}  staging:\n"));
    let blueprint = "blueprints/frontend/blueprint.yaml";
    repo.replace(blueprint, "source: overlays/staging", "source: overlays");
    let text = repo.read(blueprint);
    let bounds = "environments: {prod: {spec: {scaling: {min_replicas: 4, max_replicas: 8}}}}\n";
    repo.write(blueprint, &format!("{text}{bounds}"));
    let lint = |count: u32, name: &str| {
        let text = format!("resources: [../../deploy]\nreplicas:\n  - {{name: {name}, count: {count}}}\n");
        repo.write(overlay, &text);
        let found = repo.run(&["lint", "-o", "json"]).json()["diagnostics"].clone();
        let found = found.as_array().expect("diagnostics").clone();
        let about = found.into_iter().filter(|one| one["code"] == "replicas-outside-bounds");
        about.map(|one| one["message"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(lint(6, "frontend"), Vec::<String>::new());
    assert_eq!(lint(9, "frontend"), ["the manifest has 9 replicas, above max_replicas"]);
    assert_eq!(lint(6, "nobody"), Vec::<String>::new());
}

/// One blueprint, an overlay with a namespace of its own per environment: would miss a plan of the other environment's namespace, a workload
/// that is nowhere and said by nobody, and one that is planned where it is not meant to be.
#[test]
fn x09_an_environment_has_its_own_namespace_or_no_such_workload() {
    let (repo, _) = shop();
    repo.write("overlays/canary/kustomization.yaml", "resources: [../../deploy]\nnamespace: shop-canary\n");
    let canary = "  canary:\n    tier: staging\n    cluster: {snapshot: clusters/staging}\n    render: [{kustomize: overlays/canary}]\n";
    let unrendered = canary.replace("    render: [{kustomize: overlays/canary}]\n", "");
    let blueprint = "blueprints/frontend/blueprint.yaml";
    // Would miss: an advice that takes production out of what bpctl looks at.
    let start = repo.read("bpctl.yaml");
    repo.write("bpctl.yaml", &start.replace("  staging:\n", &format!("{unrendered}  staging:\n")));
    says(&repo.run(&["lint"]).exits(6).stdout, &["name in bpctl.yaml what canary gets, `render:"]);
    repo.write("bpctl.yaml", &start.replace("  staging:\n", &format!("{canary}  staging:\n")));
    let over = "write `source: overlays`, which holds both, and `environments: {canary: {spec:";
    says(&repo.run(&["lint"]).exits(6).stdout, &["overlays/canary makes it there: ", over]);
    repo.replace(blueprint, "source: overlays/staging", "source: overlays");
    repo.commit(&[], "another environment");
    let lint = repo.run(&["lint"]).exits(6).stdout;
    says(
        &lint,
        &[
            "in canary no manifest declares Deployment/frontend in namespace shop",
            "there it is in namespace shop-canary: write `environments: {canary:",
        ],
    );
    let text = repo.read(blueprint);
    repo.write(
        blueprint,
        &format!("{text}environments: {{canary: {{spec: {{target: {{namespace: shop-canary}}}}}}}}\n"),
    );
    repo.commit(&[], "it has a namespace of its own");
    repo.run(&["lint"]).exits(0);
    // Nobody recorded the canary's namespace, which is not green.
    let plan = |environment, code| repo.run(&["plan", "--env", environment, "-o", "json"]).exits(code).json();
    let home = |plan: &serde_json::Value| {
        let parts = plan["blueprints"].as_array().expect("parts").iter();
        let part = parts.clone().find(|part| part["name"] == "frontend")?;
        let read = part["evidence"].as_array().expect("facts").iter().filter_map(|fact| fact.as_str());
        read.filter(|fact| fact.ends_with(":frontend")).map(str::to_owned).next()
    };
    assert_eq!(home(&plan("canary", 1)).as_deref(), Some("object:apps/v1:Deployment:shop-canary:frontend"));
    assert_eq!(home(&plan("staging", 0)).as_deref(), Some("object:apps/v1:Deployment:shop:frontend"));
    repo.write(blueprint, &text.replace("source: overlays", "source: overlays\n    environments: [staging]"));
    repo.commit(&[], "it is in staging alone");
    repo.run(&["lint"]).exits(0);
    assert_eq!(home(&plan("canary", 0)), None);
    let ran = repo.run(&["where", "frontend", "--env", "canary"]).exits(1).stderr;
    says(&ran, &["frontend is not in canary"]);
    repo.write(
        blueprint,
        &format!(
            "{text}environments: {{canary: {{spec: {{target: {{namespace: x}}}}, expires: 2030-01-01T00:00:00Z}}}}\n"
        ),
    );
    says(&repo.run(&["lint"]).exits(6).stdout, &["a target's namespace does not expire"]);
}

fn one(verdict: &serde_json::Value) -> String {
    let (environment, change) = (verdict["environment"].as_str().unwrap_or_default(), &verdict["change"]);
    format!("{environment} {} {} → {}", change["path"].as_str().unwrap_or_default(), change["from"], change["to"])
}

/// Would miss: a change of an overlay or a values file that no blueprint's rules see, because its path is nobody's source.
#[test]
fn x09_whatever_a_rendering_reads_is_governed() {
    let (repo, _) = shop();
    repo.git(&["switch", "-q", "-c", "people"]);
    repo.replace("deploy/frontend.yaml", "frontend:1.4.0", "frontend:6.6.6");
    repo.commit(&[], "another image, in the base");
    repo.git(&["switch", "-q", "main"]);
    let paths = repo.run(&["plan", "--env", "staging", "-o", "json"]).exits(0).json();
    assert_eq!(paths["blueprints"].as_array().map(Vec::len), Some(3));
    let opened = repo.git(&["push", "-q", ".", "people:refs/heads/bpctl/staging/frontend/scale"]);
    assert_eq!(opened, "");
    let told = repo.run(&APPLY).exits(0).stdout;
    let main = repo.git(&["show", "main:deploy/frontend.yaml"]);
    assert!(main.contains("frontend:1.4.0"), "{told}");
}

/// What cannot be rendered is unknown, and nothing is done about it: would miss a plan from the base's files instead.
#[test]
fn x09_what_does_not_render_is_unknown() {
    for (text, why) in [
        ("resources: [../../deploy, ../gone]\n", "there is no overlays/gone"),
        ("resources: [../../deploy]\nreplicas: [{name: other, count: 2}]\n", "the renderer refused"),
        ("resources: [https://example.org/x.yaml]\n", "fetched from elsewhere"),
        ("resources: [../../deploy]\ngenerators: [exec.yaml]\n", "it runs plug-ins of Kustomize"),
    ] {
        let (repo, _) = shop();
        repo.commit(&[(OVERLAY, text)], "broken");
        let ran = repo.run(&["lint"]).exits(6);
        says(&ran.stdout, &["render-failed", "bpctl.yaml"]);
        let plan = repo.run(&["plan", "--env", "staging"]).exits(1).stdout;
        says(&plan, &["the manifest: Kustomize could not render overlays/staging", why]);
        assert!(!plan.contains("Deployment/frontend"), "{plan}");
        let told = repo.run(&APPLY).exits(1).stdout;
        says(&told, &["frontend        not compared: the manifest: Kustomize could not render overlays/staging", why]);
        assert!(!told.contains("Deployment/frontend"), "{told}");
    }
}

/// What somebody else's repository delivers is not read off this one; an entry that stands there twice is said.
#[test]
fn x09_what_another_repository_delivers_is_unknown() {
    let (repo, _) = shop();
    let application = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: frontend}\nspec:\n  source: {repoURL: \"https://git.example/shop.git\", path: overlays/staging}\n  destination: {namespace: shop}\n";
    repo.write("argocd/frontend.yaml", application);
    repo.replace("bpctl.yaml", "{kustomize: overlays/staging}", "{application: argocd/frontend.yaml}");
    repo.git(&["remote", "add", "origin", "git@git.example:shop.git"]);
    repo.commit(&[], "by Argo CD");
    repo.run(&["lint"]).exits(0);
    // Would miss: a person who looks for drift that Argo CD calls none.
    repo.replace("deploy/frontend.yaml", "frontend:1.4.0", "frontend:1.5.0");
    let passes = |rule: &str| {
        let text = application.replace(
            "  destination",
            &format!("  ignoreDifferences: [{{group: apps, kind: Deployment, {rule}}}]\n  destination"),
        );
        repo.write("argocd/frontend.yaml", &text);
        repo.run(&["plan", "--env", "staging", "-t", "frontend"]).exits(0).stdout
    };
    let image = "spec.template.spec.containers[name=web].image: ";
    says(&passes("jsonPointers: [/spec/replicas]"), &[image]);
    // What bpctl itself delivers, Argo CD has no say in.
    says(&passes("jqPathExpressions: ['.spec.template.spec.containers[].image']"), &[image]);
    repo.replace("bpctl.yaml", "delivery: direct", "delivery: gitops");
    for rule in [
        "jqPathExpressions: ['.spec.template.spec.containers[].image']",
        "jsonPointers: [/spec/template/spec/containers/0/image]",
    ] {
        let plan = passes(rule);
        says(&plan, &["not proposed", "image, which the Application's ignoreDifferences passes over"]);
        assert!(!plan.contains(image), "{plan}");
    }
    // Would miss: "that is settled first" of replicas that nobody ever settles.
    let nobody = "which nothing settles before the next sync, because the Application's ignoreDifferences passes over spec.replicas";
    repo.replace(OVERLAY, "count: 2}", "count: 4}");
    says(&passes("jsonPointers: [/spec/replicas]"), &[nobody]);
    repo.replace(OVERLAY, "count: 4}", "count: 2}");
    let plan = passes("jqPathExpressions: ['.spec.template | select(.spec)']");
    says(&plan, &[image, "whether Argo CD calls Deployment/frontend in sync all the same: its Application's"]);
    repo.replace("bpctl.yaml", "delivery: gitops", "delivery: direct");
    repo.replace("argocd/frontend.yaml", "git.example/shop.git", "git.example/other.git");
    repo.commit(&[], "from elsewhere");
    says(&repo.run(&["lint"]).exits(6).stdout, &["delivers another repository", "https://git.example/other.git"]);
    let plan = repo.run(&["plan", "--env", "staging"]).exits(1).stdout;
    says(&plan, &["the manifest: Kustomize could not render overlays/staging"]);
    assert!(!plan.contains("Deployment/frontend"), "{plan}");
    let entry = "{application: argocd/frontend.yaml}";
    repo.replace("bpctl.yaml", entry, &format!("{entry}, {entry}"));
    says(&repo.run(&["lint"]).exits(6).stdout, &["this entry stands there twice"]);
}

/// Would miss: a chart without an end that a plan of everything else waits for.
#[test]
fn x09_what_does_not_end_is_unknown_and_the_rest_goes_on() {
    use std::os::unix::fs::PermissionsExt as _;
    let (repo, _) = shop();
    let program = repo.folder.path().join("endless");
    std::fs::write(&program, "#!/bin/sh\nexec /bin/sleep 300\n").expect("a file");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    let endless = |arguments: &[&str], timeout: &str| {
        let program = repo.bpctl().with("BPCTL_KUSTOMIZE", program.to_string_lossy());
        program.with("BPCTL_RENDER_TIMEOUT", timeout).run(arguments)
    };
    let plan = endless(&["plan", "--env", "staging"], "1s").exits(1).stdout;
    says(&plan, &["Kustomize could not render overlays/staging: it did not end within 1 s", "backend"]);
    says(&endless(&["lint"], "soon").exits(6).stdout, &["BPCTL_RENDER_TIMEOUT is no period such as 30s"]);
}

/// Would miss: a change of a generated `ConfigMap` that shows nothing but another hash; a password among its values.
#[test]
fn x01_what_a_change_of_configuration_is_about_is_told_with_its_line() {
    let (repo, _) = shop();
    let container = repo.read("deploy/frontend.yaml");
    let name = container.split("- name: ").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("a container");
    let overlay = format!(
        "{TEXT}configMapGenerator:\n  - name: shop-env\n    literals:\n      - size=huge\n      - DB_PASSWORD=first\n    files: [app.properties]\n\
         patches:\n  - patch: |\n      apiVersion: apps/v1\n      kind: Deployment\n      metadata: {{name: frontend, namespace: shop}}\n      \
         spec: {{template: {{spec: {{containers: [{{name: {name}, envFrom: [{{configMapRef: {{name: shop-env}}}}]}}]}}}}}}\n"
    );
    repo.write(OVERLAY, &overlay.replace("  - name: shop-env\n", "  - name: shop-env\n    namespace: shop\n"));
    repo.write("overlays/staging/app.properties", "colour=red\nmode=slow\n");
    repo.commit(&[], "generated configuration");
    let line = |text: &str| repo.read(OVERLAY).lines().position(|line| line.contains(text)).map_or(0, |at| at + 1);
    let found = repo.run(&["where", "frontend", "size", "--env", "staging"]).exits(0).stdout;
    says(&found, &["huge", &format!("{OVERLAY}:{}:14", line("size=huge"))]);
    repo.git(&["switch", "-q", "-c", "bigger"]);
    repo.replace(OVERLAY, "size=huge", "size=giant");
    repo.replace(OVERLAY, "DB_PASSWORD=first", "DB_PASSWORD=hunter2");
    repo.replace("overlays/staging/app.properties", "mode=slow", "mode=fast");
    repo.commit(&[], "another size");
    let plan = repo.run(&["plan", "--env", "staging", "--base", "main"]).exits(1).stdout;
    // The recorded cluster has no ConfigMaps.
    let told = [
        "values that this change makes others",
        &format!("size: huge → giant, {OVERLAY}:{}:14", line("size=giant")),
        "DB_PASSWORD: (withheld) → (withheld)",
        "app.properties: mode=slow → mode=fast, overlays/staging/app.properties:2:1",
    ];
    says(&plan, &told);
    assert!(!plan.contains("hunter2"), "{plan}");
    // Would miss: a value that comes in under another map's name, or as bytes.
    repo.git(&["switch", "-q", "-c", "renamed", "main"]);
    repo.write(OVERLAY, &repo.read(OVERLAY).replace("shop-env", "other-env").replace("size=huge", "size=tiny"));
    repo.commit(&[], "another name");
    let plan = repo.run(&["plan", "--env", "staging", "--base", "main"]).exits(1).stdout;
    says(
        &plan,
        &["values that this change makes others", &format!("size: huge → tiny, {OVERLAY}:{}:14", line("size=tiny"))],
    );
    assert!(!plan.contains("app.properties: "), "what moves is the same: {plan}");
    repo.git(&["switch", "-q", "-c", "bytes", "main"]);
    repo.replace(OVERLAY, "      - size=huge\n", "");
    repo.replace(OVERLAY, "files: [app.properties]", "files: [app.properties, size=size.bin]");
    std::fs::write(repo.path().join("overlays/staging/size.bin"), b"huge\n\xff").expect("a file");
    repo.commit(&[], "as bytes");
    let plan = repo.run(&["plan", "--env", "staging", "--base", "main"]).exits(1).stdout;
    says(&plan, &["size: huge → (binary, 6 bytes, "]);
}

/// Would miss: a repository whose root is its overlay, of which nothing could be planned.
#[test]
fn x09_the_repositorys_root_is_an_overlay_too() {
    let (repo, _) = shop();
    repo.write("kustomization.yaml", "resources: [overlays/staging]\nreplicas: [{name: frontend, count: 4}]\n");
    repo.replace("bpctl.yaml", "{kustomize: overlays/staging}", "{kustomize: .}");
    repo.commit(&[], "the root is the overlay");
    let found = repo.run(&["where", "frontend", "replicas", "--env", "staging"]).exits(0).stdout;
    says(&found, &["Deployment/frontend · . · staging, rendered", "4", "kustomization.yaml:2:36"]);
}

/// An executable that a tree brings along is not run, whatever it is called (T21).
#[test]
fn t21_a_rendering_runs_nothing_of_the_tree() {
    let (repo, _) = shop();
    let canary = repo.folder.path().join("canary");
    let script = format!("#!/bin/sh\ntouch {}\n", canary.display());
    for name in ["overlays/staging/run.sh", "overlays/staging/git", "overlays/staging/helm"] {
        repo.write(name, &script);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(repo.path().join(name), mode).expect("it may run");
    }
    let function = "apiVersion: x/v1\nkind: X\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: ./run.sh}\n";
    repo.write("overlays/staging/exec.yaml", function);
    repo.commit(
        &[(OVERLAY, "resources: [../../deploy]\ntransformers: [exec.yaml]\ngenerators: [exec.yaml]\n")],
        "it runs",
    );
    let plan = repo.run(&["plan", "--env", "staging"]).exits(1).stdout;
    says(&plan, &["Kustomize could not render overlays/staging"]);
    assert!(!canary.exists());
}

/// T43: a run that is killed leaves no renderer running, and nothing of its files.
#[test]
fn t43_a_killed_run_leaves_no_renderer_and_no_folder() {
    let (repo, _) = shop();
    let scratch = repo.folder.path().join("scratch");
    std::fs::create_dir(&scratch).expect("a folder");
    let (script, pid) = (repo.folder.path().join("kustomize"), repo.folder.path().join("pid"));
    let text = format!("#!/bin/sh\necho $$ > {}\nexec /bin/sleep 60\n", pid.display());
    std::fs::write(&script, text).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).expect("it may run");
    let shown = |path: &std::path::Path| path.to_str().expect("UTF-8").to_owned();
    let program = repo.bpctl().with("BPCTL_KUSTOMIZE", shown(&script)).with("TMPDIR", shown(&scratch));
    let mut running = program.command(&["plan", "--env", "staging"]).spawn().expect("bpctl starts");
    let renderer = wait_for("the renderer", 30, || {
        std::fs::read_to_string(&pid).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    });
    assert!(std::fs::read_dir(&scratch).expect("a folder").next().is_some());
    running.kill().expect("killed");
    running.wait().expect("ended");
    let stat = format!("/proc/{renderer}/stat");
    wait_for("the renderer's end", 30, || {
        std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z ")).then_some(())
    });
    wait_for("the folder's end", 30, || std::fs::read_dir(&scratch).expect("a folder").next().is_none().then_some(()));
}

/// Would miss: a finding that points into a rendering, which nobody can edit, where the line that makes it is known.
#[test]
fn x09_what_lint_finds_in_a_rendering_is_told_at_its_line() {
    let (repo, _) = shop();
    repo.replace(OVERLAY, "count: 2", "count: 9");
    let found = repo.run(&["lint"]).exits(0).stdout;
    says(&found, &["warning[replicas-outside-bounds]", &format!("─[{OVERLAY}:3:29]")]);
    assert!(!found.contains("(rendered)"), "{found}");
}

/// Would miss: an overlay of the field's that nobody can render, since a transformer of Kustomize's own gives it a label; and a label that is
/// not compared.
#[test]
fn x09_kustomizes_own_transformers_are_run() {
    let (repo, _) = shop();
    repo.write(OVERLAY, &format!("{TEXT}transformers: [labels.yaml]\nconfigurations: [names.yaml]\n"));
    repo.write(
        "overlays/staging/labels.yaml",
        "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: l}\nlabels: {ring: inner}\nfieldSpecs: [{path: metadata/labels, create: true}]\n",
    );
    repo.write(
        "overlays/staging/names.yaml",
        "nameReference: [{kind: Issuer, fieldSpecs: [{kind: Certificate, path: spec/issuer}]}]\n",
    );
    repo.commit(&[], "labels");
    repo.run(&["lint"]).exits(0);
    says(
        &repo.run(&["plan", "--env", "staging"]).exits(0).stdout,
        &["metadata.labels.ring: not in the cluster, Git says \"inner\""],
    );
}

/// Would miss: a manifest in a `List` that is not read as kubectl reads it, an edit at another item's place, and one that is not delivered.
#[test]
fn x09_an_item_of_a_list_is_compared_edited_and_delivered() {
    let (repo, _) = signed_shop();
    let manifest = repo.read("deploy/frontend.yaml");
    let documents: Vec<&str> = manifest.split("---\n").filter(|text| text.contains("kind:")).collect();
    let mut list = "apiVersion: v1\nkind: List\nitems:\n  - {apiVersion: v1, kind: ConfigMap, metadata: {name: first, namespace: shop}}\n".to_owned();
    for document in &documents {
        let lines = document.lines().filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty());
        for (position, line) in lines.enumerate() {
            list.push_str(&format!("  {}{line}\n", if position == 0 { "- " } else { "  " }));
        }
    }
    repo.write("deploy/frontend.yaml", &list);
    repo.commit(&[], "a list");
    repo.run(&["lint"]).exits(0);
    let ran = repo.run(&APPLY).exits(0).stdout;
    says(&ran, &["replicas 2 → 3", "merged local pull request #", "applied Deployment/frontend"]);
    assert_eq!(
        repo.git(&["show", "main:deploy/frontend.yaml"]),
        list.replacen("replicas: 2 ", "replicas: 3 ", 1),
        "{ran}"
    );
}

/// Would miss: drift of what belongs to a rendered workload, without the line that makes it.
#[test]
fn x09_drift_of_a_companion_names_the_line_that_makes_it() {
    let (repo, _) = shop();
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: frontend, namespace: shop}\ndata: {LEVEL: info}\n";
    repo.write("overlays/staging/config.yaml", config);
    repo.replace(OVERLAY, "[../../deploy]", "[../../deploy, config.yaml]");
    let blueprint = "blueprints/frontend/blueprint.yaml";
    repo.replace(
        blueprint,
        "source: overlays/staging",
        "source: overlays/staging\n    companions: [ConfigMap/frontend]",
    );
    let live = r#"{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "frontend", "namespace": "shop", "uid": "c", "resourceVersion": "1"}, "data": {"LEVEL": "debug"}}]}"#;
    repo.write("clusters/staging/shop/configmap.json", live);
    let types = r#"{"schemaVersion": 1, "schema": {"lists": {}, "scalars": {}, "atomicMaps": [], "defaults": {}}}"#;
    repo.write("clusters/staging/schemas/v1_ConfigMap.json", types);
    repo.commit(&[], "a ConfigMap that somebody changed");
    says(
        &repo.run(&["plan", "--env", "staging"]).exits(0).stdout,
        &["data.LEVEL: \"debug\" in the cluster, Git says \"info\"", "declared at overlays/staging/config.yaml:4:15"],
    );
}

/// What differs is an image's name below an overlay that sets the tag, and one of several arguments. Would miss: the line of what does not differ,
/// and an adoption that sends a person to what is rendered, which is no file.
#[test]
fn x09_drift_points_to_the_part_and_the_item_that_differ() {
    let (repo, _) = shop();
    let manifest = "deploy/frontend.yaml";
    repo.replace(manifest, "frontend:1.4.0", "store:1.3.0\n          args: [--quiet, 200mb, --wide]");
    let images = "images: [{name: registry.shop.example/store, newTag: 1.4.0}]\n";
    repo.write(OVERLAY, &format!("{TEXT}{images}"));
    let live = "clusters/staging/shop/deployments.json";
    repo.replace(
        live,
        "[{\"env\":[{\"name\":\"LOG_LEVEL\"",
        "[{\"args\":[\"--quiet\",\"300mb\",\"--wide\"],\"env\":[{\"name\":\"LOG_LEVEL\"",
    );
    repo.commit(&[], "another shop");
    let plan = repo.run(&["plan", "--env", "staging", "--target", "frontend"]).exits(0).stdout;
    let after = |what: &str| {
        let mut lines = plan.lines().skip_while(|line| !line.contains(what)).skip(1);
        lines.next().unwrap_or_else(|| panic!("{what}: {plan}")).trim().to_owned()
    };
    let image = "Git says \"registry.shop.example/store:1.4.0\"";
    assert!(after(image).ends_with("declared at deploy/frontend.yaml:18:18"), "{plan}");
    assert!(
        after("[\"--quiet\",\"300mb\",\"--wide\"] in the cluster").ends_with("declared at deploy/frontend.yaml:19:27"),
        "{plan}"
    );
    let adopt = repo.run(&["plan", "--env", "staging", "--adopt", "frontend:args"]);
    let told = format!("{}{}", adopt.stdout, adopt.stderr);
    says(&told, &["it is more than a single value: change it by hand at deploy/frontend.yaml:19:27"]);
    assert!(!told.contains("(rendered)"), "{told}");
    // The same of a manifest as it stands.
    repo.replace("blueprints/frontend/blueprint.yaml", "source: overlays/staging", "source: deploy/frontend.yaml");
    repo.commit(&[], "the base, which is not what reaches the environment");
    let plan = repo.run(&["plan", "--env", "staging", "--target", "frontend"]).stdout;
    says(&plan, &["overlays/staging makes another one of deploy/frontend.yaml"]);
    assert!(!plan.contains("reconcile"), "{plan}");
    repo.replace("bpctl.yaml", "\n    render: [{kustomize: overlays/staging}]", "");
    repo.commit(&[], "without the overlay");
    let plan = repo.run(&["plan", "--env", "staging", "--target", "frontend"]).exits(0).stdout;
    says(&plan, &["declared at deploy/frontend.yaml:19:27"]);
}

/// Would miss: a page, an annotation or a test report that points into what is rendered, which is no file, where no line is known; and a finding
/// that is told twice, once in the file and once in what is rendered of it.
#[test]
fn x09_no_output_of_lint_takes_a_rendering_for_a_file() {
    let (repo, _) = shop();
    // A prefix of the names leaves no text of the object's own name in any file.
    repo.write(OVERLAY, "namePrefix: eu-\nresources: [../../deploy, pdb.yaml]\n");
    repo.write(
        "overlays/staging/pdb.yaml",
        "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: front, namespace: shop}\nspec:\n  minAvailable: 1\n  selectorr: 3\n  \
         selector: {matchLabels: {app: frontend}}\n",
    );
    repo.replace("deploy/frontend.yaml", "requests: {cpu: 100m, memory: 128Mi}", "requests: {memory: 128Mi}");
    let (env, from) = (
        "env:\n            - {name: LOG_LEVEL, value: info}\n            - {name: BACKEND_URL, value: \"http://backend:8080\"}",
        "envFrom: [{configMapRef: {name: settings}}]",
    );
    repo.replace("deploy/frontend.yaml", env, from);
    let settings =
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: shop}\ndata: {LEVEL: info}\n";
    repo.write("overlays/staging/settings.yaml", settings);
    repo.replace(OVERLAY, "pdb.yaml", "pdb.yaml, settings.yaml");
    repo.replace("blueprints/frontend/blueprint.yaml", "Deployment/frontend", "Deployment/eu-frontend");
    for format in ["text", "json", "sarif", "junit", "github", "markdown"] {
        let ran = repo.run(&["lint", "-o", format]);
        let told = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!told.contains("(rendered)") && !told.contains("%28rendered"), "{format}: {told}");
        if format == "text" {
            says(
                &told,
                &[
                    "[overlays/staging/pdb.yaml:6:3]",
                    "[bpctl.yaml:12:26]",
                    "this container (in Deployment/eu-frontend, as this renders it)",
                ],
            );
            assert_eq!(told.matches("Kubernetes knows no field spec.selectorr").count(), 1, "{told}");
        }
    }
}
