//! What belongs to a workload: found when it differs, brought back, created, and never more of it read than is needed.

use serde_json::{Value as Json, json};

use super::rights::{Account, comparable, unknown};
use super::workspace::{Difference, WAYS, bpctl, drift, parts, workspace};
use crate::support::{Namespace, Repo, audited, kubectl, wait_for};

const MANIFESTS: &str = include_str!("companions.yaml");

/// A repository of a workload with its companions; the blueprint's target has this besides.
fn repository(namespace: &Namespace, manifests: &str, target: &str) -> Repo {
    let repo = Repo::empty();
    repo.write("bpctl.yaml", &workspace());
    repo.write("deploy/web.yaml", manifests);
    let blueprint = format!(
        "apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata: {{name: web, version: 1.0.0, owner: team}}\nspec:\n  target: \
         {{workload: Deployment/web, namespace: {}, source: deploy{target}}}\n",
        namespace.name
    );
    repo.write("blueprints/web.yaml", &blueprint);
    repo.commit(&[], "start");
    repo
}

fn deliver(namespace: &Namespace, way: &[&str], manifests: &str) {
    let mut arguments = way.to_vec();
    arguments.extend(["-f", "-"]);
    namespace.kubectl(&arguments, Some(manifests));
    // `managedFields` have seconds: an edit is later than the delivery.
    std::thread::sleep(std::time::Duration::from_millis(1100));
}

fn plan(repo: &Repo) -> Json {
    bpctl(repo, None).run(&["plan", "-o", "json"]).exits(0).json()
}

fn part(plan: &Json) -> &Json {
    parts(plan).next().expect("a part").1
}

/// The line of the manifests that holds a text, which stands there once.
fn at(text: &str) -> String {
    assert_eq!(MANIFESTS.matches(text).count(), 1, "{text:?}");
    format!("deploy/web.yaml:{}", MANIFESTS.lines().position(|line| line.contains(text)).unwrap() + 1)
}

/// The objects that a plan is about, and what it would do.
fn objects(part: &Json) -> Vec<(String, String)> {
    let items = part["items"].as_array().unwrap().iter();
    let text = |value: &Json| value.as_str().unwrap().to_owned();
    items
        .map(|item| {
            let object = &item["action"]["workload"];
            (format!("{}/{}", text(&object["kind"]), text(&object["name"])), text(&item["finding"]["finding"]))
        })
        .collect()
}

#[test]
fn companions_differ_in_what_was_edited_and_in_nothing_else_and_one_pass_settles_them() {
    for way in WAYS {
        let namespace = Namespace::new("companions");
        let repo = repository(&namespace, MANIFESTS, "");
        deliver(&namespace, way, MANIFESTS);
        // The autoscaler's controller writes the status, and what is left out is filled in.
        wait_for("the autoscaler's status", 60, || namespace.get("hpa web").pointer("/status/conditions").map(|_| ()));
        let seen = plan(&repo);
        assert_eq!(part(&seen)["items"], json!([]), "{way:?}: nothing was changed");
        assert_eq!(part(&seen)["unknown"], json!([]), "{way:?}");
        let left_out = json!([{"what": "Secret/web-tls", "because": "not compared: bpctl never reads Secrets"}]);
        assert_eq!(part(&seen)["notProposed"], left_out);

        let edit = |what: &str, kind: &str, patch: &str| {
            namespace.kubectl(&["patch", what, "--field-manager=kubectl-edit", kind, "-p", patch], None);
        };
        edit("hpa/web", "--type=merge", r#"{"spec":{"maxReplicas":9}}"#);
        edit("pdb/web", "--type=merge", r#"{"spec":{"minAvailable":1}}"#);
        edit("service/web", "--type=json", r#"[{"op":"replace","path":"/spec/ports/0/targetPort","value":9090}]"#);
        edit(
            "configmap/web",
            "--type=merge",
            r#"{"data":{"LOG_LEVEL":"debug","EXTRA":"1"},"binaryData":{"logo":"AQID"}}"#,
        );
        namespace.kubectl(&["delete", "configmap/web-all"], None);
        let seen = plan(&repo);
        let by = |path: &str, text: &str| Difference {
            path: path.into(),
            kind: "changed".into(),
            at: at(text),
            by: Some("kubectl-edit".into()),
        };
        let expected = [
            by("spec.maxReplicas", "maxReplicas: 4"),
            by("spec.minAvailable", "minAvailable: 50%"),
            by("spec.ports[port=80,protocol=TCP].targetPort", "targetPort: http"),
            by("binaryData.logo", "logo: AQIDBA=="),
            by("data.LOG_LEVEL", "LOG_LEVEL: info"),
        ];
        let mut found = drift(part(&seen));
        found.sort();
        let mut expected: Vec<Difference> = expected.into();
        expected.sort();
        assert_eq!(found, expected, "{way:?}");
        let all = [
            ("HorizontalPodAutoscaler/web", "drift"),
            ("PodDisruptionBudget/web", "drift"),
            ("Service/web", "drift"),
            ("ConfigMap/web", "drift"),
            ("ConfigMap/web-all", "absent"),
        ];
        assert_eq!(objects(part(&seen)), all.map(|(object, finding)| (object.to_owned(), finding.to_owned())));

        if way.len() == 1 {
            let ran = bpctl(&repo, None).run(&["apply"]).exits(0);
            assert!(ran.stdout.contains("applied ConfigMap/web-all: created"), "{}", ran.stdout);
            assert_eq!(namespace.get("hpa web")["spec"]["maxReplicas"], 4, "{}", ran.stdout);
            let config = namespace.get("configmap web");
            assert_eq!((&config["data"]["LOG_LEVEL"], &config["data"]["EXTRA"]), (&json!("info"), &json!("1")));
            let seen = plan(&repo);
            assert_eq!(part(&seen)["items"], json!([]), "{}", ran.stdout);
        }
        let secrets = audited(&namespace.name).into_iter().filter(|event| event["objectRef"]["resource"] == "secrets");
        let read: Vec<Json> =
            secrets.filter(|event| !event["userAgent"].as_str().unwrap_or("").starts_with("kubectl")).collect();
        assert_eq!(read, Vec::<Json>::new(), "Secrets are never asked for");
    }
}

#[test]
fn a_companion_that_git_dropped_is_left_alone() {
    let namespace = Namespace::new("dropped");
    deliver(&namespace, WAYS[1], MANIFESTS);
    let start = MANIFESTS.find("---\napiVersion: policy/v1").unwrap();
    let end = start + MANIFESTS[start + 4..].find("---\n").unwrap() + 4;
    let repo = repository(&namespace, &format!("{}{}", &MANIFESTS[..start], &MANIFESTS[end..]), "");
    let seen = plan(&repo);
    assert_eq!(part(&seen)["items"], json!([]));
    bpctl(&repo, None).run(&["apply"]).exits(0);
    assert_eq!(namespace.get("pdb web")["metadata"]["name"], "web");
}

#[test]
fn a_role_that_lacks_a_kind_makes_that_kind_unknown_and_nothing_else() {
    let namespace = Namespace::new("half");
    let rights = include_str!("../../../templates/rbac/reader.yaml");
    let without = rights.replace(
        "  - apiGroups: [autoscaling]\n    resources: [horizontalpodautoscalers]\n    verbs: [get, list, watch]\n",
        "",
    );
    assert_ne!(rights, without);
    let without = without.replace("bpctl-reader", &format!("bpctl-reader-{}", namespace.name));
    let without = without.replace("namespace: bpctl", &format!("namespace: {}", namespace.name));
    let account = Account::with(&namespace, Some(without));
    let repo = repository(&namespace, MANIFESTS, "");
    deliver(&namespace, WAYS[1], MANIFESTS);
    namespace.kubectl(&["patch", "service/web", "--type=merge", "-p", r#"{"spec":{"type":"ClusterIP"}}"#], None);
    namespace.kubectl(&["delete", "hpa/web", "configmap/web"], None);
    // Not all that belongs to it was compared: that is no green plan.
    let seen = bpctl(&repo, Some(&account.kubeconfig())).run(&["plan", "-o", "json"]).exits(1).json();
    assert_eq!(unknown(&seen), [("HorizontalPodAutoscaler/web".to_owned(), "forbidden".to_owned())]);
    let expected = [("Service/web".to_owned(), "drift".to_owned()), ("ConfigMap/web".to_owned(), "absent".to_owned())];
    assert_eq!(objects(part(&seen)), expected);
}

#[test]
fn the_reader_role_lists_companions_once_a_kind_and_a_recording_holds_no_more_than_was_asked_for() {
    let namespace = Namespace::new("listed");
    let account = Account::reader(&namespace);
    let repo = repository(&namespace, MANIFESTS, "");
    deliver(&namespace, WAYS[0], MANIFESTS);
    namespace.kubectl(&["create", "configmap", "others", "--from-literal=password=hunter2"], None);
    for number in 0..60 {
        namespace.kubectl(&["create", "configmap", &format!("more-{number}")], None);
    }
    namespace.kubectl(&["patch", "pdb/web", "--type=merge", "-p", r#"{"spec":{"minAvailable":1}}"#], None);
    namespace.kubectl(&["delete", "configmap/web-all"], None);
    let kubeconfig = account.kubeconfig();
    let read = |arguments: &[&str]| bpctl(&repo, Some(&kubeconfig)).run(arguments).exits(0);
    // Until the types are kept: a server that has just started changes what it says of them for a moment.
    let mut before = account.requests().len();
    for _ in 0..5 {
        read(&["plan"]);
        let asked = account.requests().split_off(before);
        before += asked.len();
        if !asked.iter().any(|request| request.contains("/openapi/v3/")) {
            break;
        }
    }
    let live = read(&["plan", "-o", "json"]).json();
    let mut requests = account.requests().split_off(before);
    requests.sort();
    let expected = [
        "get /openapi/v3",
        "get /version",
        "list /api/v1/namespaces/NS/configmaps",
        "list /api/v1/namespaces/NS/configmaps",
        "list /api/v1/namespaces/NS/pods",
        "list /api/v1/namespaces/NS/services",
        "list /apis/apps/v1/namespaces/NS/deployments",
        "list /apis/autoscaling/v2/namespaces/NS/horizontalpodautoscalers",
        "list /apis/policy/v1/namespaces/NS/poddisruptionbudgets",
    ];
    assert_eq!(requests, expected, "one call a kind and page; 50 objects a page where they may be large");
    assert_eq!(objects(part(&live)).len(), 2, "{live:#}");

    let recorded = read(&["snapshot", "recorded"]);
    assert!(!recorded.stderr.contains("configmap"), "{}", recorded.stderr);
    let text = repo.read(&format!("recorded/{}/configmap.json", namespace.name));
    assert!(text.contains("\"others\"") && !text.contains("hunter2"), "{text}");
    repo.replace("bpctl.yaml", "cluster: {context: lab}", "cluster: {snapshot: recorded}");
    repo.commit(&[], "a recording");
    let snapshot = repo.run(&["plan", "-o", "json"]).exits(0).json();
    assert_eq!(comparable(live), comparable(snapshot));

    // A ConfigMap that becomes a companion later was not recorded whole: that is no difference.
    let manifests = MANIFESTS.replace("name: web-all", "name: others");
    repo.commit(&[("deploy/web.yaml", &manifests)], "another one");
    let later = repo.run(&["plan", "-o", "json"]).exits(1).json();
    let kinds: Vec<String> = unknown(&later).into_iter().map(|(what, _)| what).collect();
    assert_eq!(kinds, ["ConfigMap/web", "ConfigMap/others"]);

    // Delivery changes a recording's files as it would change the cluster.
    repo.commit(&[("deploy/web.yaml", MANIFESTS)], "as before");
    let ran = repo.run(&["apply"]).exits(0);
    assert!(ran.stdout.contains("applied ConfigMap/web-all: created"), "{}", ran.stdout);
    let settled = repo.run(&["plan", "-o", "json"]).exits(0).json();
    assert_eq!(part(&settled)["items"], json!([]), "{}", ran.stdout);
}

/// X8. Would miss: an autoscaler that nobody declared, whose replicas bpctl sets back; and one that the account may not list, taken for none.
#[test]
fn an_autoscaler_of_the_cluster_alone_keeps_its_replicas_live_and_in_a_recording() {
    let namespace = Namespace::new("scaled");
    let start = MANIFESTS.find("---\napiVersion: autoscaling").unwrap();
    let end = start + MANIFESTS[start + 4..].find("---\n").unwrap() + 4;
    let declared = format!("{}{}", &MANIFESTS[..start], &MANIFESTS[end..]);
    let repo = repository(&namespace, &declared.replacen("  selector:", "  replicas: 2\n  selector:", 1), "");
    deliver(&namespace, WAYS[0], MANIFESTS);
    namespace.kubectl(&["scale", "deployment/web", "--replicas=4"], None);
    namespace.kubectl(&["set", "image", "deployment/web", "*=registry.example.org/web:9"], None);
    let scaler = "HorizontalPodAutoscaler/web scales it and is in the cluster alone: the replicas are left to it";
    assert!(bpctl(&repo, None).run(&["plan"]).exits(0).stdout.contains(scaler));
    bpctl(&repo, None).run(&["snapshot", "recorded"]).exits(0);
    let live = bpctl(&repo, None).run(&["apply"]).exits(0).stdout;
    assert!(live.contains("applied Deployment/web"), "{live}");
    assert_eq!(namespace.get("deployment web")["spec"]["replicas"], 4);

    repo.replace("bpctl.yaml", "cluster: {context: lab}", "cluster: {snapshot: recorded}");
    repo.commit(&[], "a recording");
    assert!(repo.run(&["plan"]).exits(0).stdout.contains(scaler));
    let list = format!("recorded/{}/horizontalpodautoscaler.v2.autoscaling.json", namespace.name);
    std::fs::remove_file(repo.path().join(list)).unwrap();
    // They differ, and nobody can say whether they should.
    let told = repo.run(&["plan"]).exits(1).stdout;
    assert!(told.contains("(spec.replicas, which may be an autoscaler's) could be compared"), "{told}");
    assert!(!told.contains("spec.replicas: "), "{told}");
}

const KIND: &str = r#"{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "widgets.GROUP"},
"spec": {"group": "GROUP", "scope": "Namespaced", "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
"versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {
"type": "object", "properties": {
"size": {"type": "integer", "default": 3}, "weight": {"type": "number"}, "note": {"type": "string"},
"memory": {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": true,
"pattern": "^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$"},
"rules": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"], "items": {"type": "object",
"required": ["id"], "properties": {"id": {"type": "string"}, "port": {"type": "integer"}}}}}}}}}}]}}"#;

/// A kind of the cluster that goes when the test ends.
struct Gone(String);
impl Drop for Gone {
    fn drop(&mut self) {
        let arguments = ["delete", "crd", self.0.as_str(), "--wait=false"];
        let _ = std::process::Command::new("kubectl").args(arguments).output();
    }
}

#[test]
fn custom_resources_that_a_blueprint_names_are_compared_by_their_own_types() {
    let namespace = Namespace::new("custom");
    let group = format!("{}.example.org", namespace.name);
    kubectl(&["apply", "-f", "-"], Some(&KIND.replace("GROUP", &group)));
    let _gone = Gone(format!("widgets.{group}"));
    let widget = format!(
        "---\napiVersion: {group}/v1\nkind: Widget\nmetadata: {{name: web}}\nspec:\n  weight: 2.0\n  memory: 1024Mi\n  rules:\n  \
         - {{id: b, port: 2}}\n  - {{id: a, port: 1}}\n"
    );
    let manifests = format!("{MANIFESTS}{widget}");
    let repo = repository(&namespace, &manifests, ", companions: [Widget/web]");
    wait_for("the kind", 30, || {
        let crd: Json =
            serde_json::from_str(&kubectl(&["get", "crd", &format!("widgets.{group}"), "-o", "json"], None)).ok()?;
        let conditions = crd.pointer("/status/conditions")?.as_array()?.clone();
        conditions.iter().any(|c| c["type"] == "Established" && c["status"] == "True").then_some(())
    });
    // As others apply, so that bpctl's own cooldown does not hold it back.
    deliver(&namespace, WAYS[0], &manifests);
    wait_for("the kind's types", 30, || {
        let seen = bpctl(&repo, None).run(&["plan", "-o", "json"]).json();
        (seen["blueprints"][0]["unknown"] == json!([])).then_some(())
    });
    assert_eq!(part(&plan(&repo))["items"], json!([]));

    let patch =
        r#"{"spec":{"memory":"1Gi","note":"theirs","rules":[{"id":"a","port":9},{"id":"b","port":2},{"id":"c"}]}}"#;
    namespace.kubectl(
        &["patch", &format!("widgets.{group}/web"), "--type=merge", "--field-manager=other", "-p", patch],
        None,
    );
    let seen = plan(&repo);
    let found = drift(part(&seen));
    let line = manifests.lines().position(|line| line.contains("id: a, port: 1")).unwrap() + 1;
    let expected = Difference {
        path: "spec.rules[id=a].port".into(),
        kind: "changed".into(),
        at: format!("deploy/web.yaml:{line}"),
        by: Some("other".into()),
    };
    assert_eq!(found, [expected]);
    bpctl(&repo, None).run(&["apply"]).exits(0);
    let live = namespace.get(&format!("widgets.{group} web"));
    assert_eq!(live["spec"]["rules"].as_array().unwrap().iter().find(|rule| rule["id"] == "a").unwrap()["port"], 1);
    assert_eq!(live["spec"]["note"], "theirs");

    // A kind that the server does not have.
    let unheard = manifests.replace(&format!("{group}/v1"), "unheard.example.org/v1");
    repo.commit(&[("deploy/web.yaml", &unheard)], "another group");
    let seen = bpctl(&repo, None).run(&["plan", "-o", "json"]).exits(1).json();
    assert_eq!(unknown(&seen), [("Widget/web".to_owned(), "unsupported".to_owned())]);
}
