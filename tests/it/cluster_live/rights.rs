//! What bpctl may see, what it makes of what it may not, and how often it asks.

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::workspace::{blueprint, bpctl, drift, parts, workspace};
use crate::support::{Namespace, Ran, Repo, audited, kubectl, lab, wait_for};

const APPLIER: &str = include_str!("../../../templates/rbac/applier.yaml");
const READER: &str = include_str!("../../../templates/rbac/reader.yaml");

/// A service account of a namespace, with these rights.
pub struct Account<'n> {
    namespace: &'n Namespace,
    rights: Option<String>,
    folder: tempfile::TempDir,
}

impl<'n> Account<'n> {
    /// With the shipped rights of a reader.
    pub fn reader(namespace: &'n Namespace) -> Self {
        let rights = READER.replace("bpctl-reader", &format!("bpctl-reader-{}", namespace.name));
        Self::with(namespace, Some(rights.replace("namespace: bpctl", &format!("namespace: {}", namespace.name))))
    }

    pub fn with(namespace: &'n Namespace, rights: Option<String>) -> Self {
        namespace.kubectl(&["create", "serviceaccount", "bpctl"], None);
        if let Some(rights) = &rights {
            namespace.kubectl(&["apply", "-f", "-"], Some(rights));
        }
        Self { namespace, rights, folder: tempfile::tempdir().expect("a folder") }
    }

    pub fn user(&self) -> String {
        format!("system:serviceaccount:{}:bpctl", self.namespace.name)
    }

    /// A kubeconfig with a token of it.
    pub fn kubeconfig(&self) -> PathBuf {
        let token = self.namespace.kubectl(&["create", "token", "bpctl"], None);
        changed(&self.folder, |config| config["users"][0]["user"] = json!({"token": token.trim()}))
    }

    /// Its requests so far, as the API server wrote them down.
    pub fn requests(&self) -> Vec<String> {
        let all = audited(&self.user())
            .into_iter()
            .filter(|event| event.pointer("/user/username") == Some(&self.user().into()));
        let path = |event: &Json| {
            event["requestURI"].as_str().unwrap().split('?').next().unwrap().replace(&self.namespace.name, "NS")
        };
        all.map(|event| format!("{} {}", event["verb"].as_str().unwrap(), path(&event))).collect()
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        if self.rights.is_some() && !std::thread::panicking() {
            let name = format!("bpctl-reader-{}", self.namespace.name);
            kubectl(
                &[
                    "delete",
                    "--ignore-not-found",
                    &format!("clusterrole/{name}"),
                    &format!("clusterrolebinding/{name}"),
                ],
                None,
            );
        }
    }
}

/// The lab's kubeconfig, changed.
pub fn changed(folder: &tempfile::TempDir, change: impl FnOnce(&mut Json)) -> PathBuf {
    let text = kubectl(&["config", "view", "--raw", "--flatten", "-o", "json"], None);
    let mut config: Json = serde_json::from_str(&text).expect("JSON");
    change(&mut config);
    let path = folder.path().join("kubeconfig");
    std::fs::write(&path, config.to_string()).expect("a file");
    path
}

/// A number of Deployments in a namespace and in Git; the first one drifted.
fn workloads(namespace: &Namespace, number: usize) -> Repo {
    let repo = Repo::empty();
    let workspace = workspace()
        .replace("delivery:", &format!("prometheus: {{url: \"{}\"}}\n    delivery:", lab("LAB_PROMETHEUS_URL")));
    repo.write("bpctl.yaml", &workspace);
    grow(&repo, namespace, 0, number);
    namespace.kubectl(&["set", "image", "deployment/web-0", "web=registry.example.org/web:2"], None);
    repo
}

fn grow(repo: &Repo, namespace: &Namespace, from: usize, to: usize) {
    let mut all = Vec::new();
    for number in from..to {
        let name = format!("web-{number}");
        let file = format!("deploy/{name}.yaml");
        let manifest = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: {}}}\nspec:\n  replicas: 1\n  selector:\n    \
             matchLabels: {{app: {name}}}\n  template:\n    metadata:\n      labels: {{app: {name}}}\n    spec:\n      containers:\n        \
             - name: web\n          image: registry.example.org/web:1\n          resources: {{requests: {{cpu: 100m, memory: 64Mi}}}}\n",
            namespace.name
        );
        repo.write(&file, &manifest);
        let (path, blueprint) = blueprint(&name, &namespace.name, &file);
        repo.write(&path, &format!("{blueprint}  scaling: {{min_replicas: 1, max_replicas: 3, window: 20s}}\n"));
        all.push(manifest);
    }
    namespace.kubectl(&["apply", "--server-side", "--field-manager=bpctl", "-f", "-"], Some(&all.join("---\n")));
    repo.commit(&[], "more");
}

fn plan(repo: &Repo, kubeconfig: &std::path::Path) -> Json {
    bpctl(repo, Some(kubeconfig)).run(&["plan", "-o", "json"]).exits(0).json()
}

/// A plan of workloads that cannot be compared.
fn blind_plan(repo: &Repo, kubeconfig: &std::path::Path) -> Json {
    bpctl(repo, Some(kubeconfig)).run(&["plan", "-o", "json"]).exits(1).json()
}

/// The unknown lines of a plan's parts: what and code.
pub fn unknown(plan: &Json) -> Vec<(String, String)> {
    let all = parts(plan).flat_map(|(_, part)| part["unknown"].as_array().unwrap().clone());
    all.map(|line| (line["what"].as_str().unwrap().into(), line["why"]["code"].as_str().unwrap().into())).collect()
}

#[track_caller]
fn says_that_it_saw_not_all(ran: Ran) {
    let ran = ran.exits(1);
    assert!(ran.stdout.contains(" could not be compared: web-0"), "{}\n{}", ran.stdout, ran.stderr);
}

#[test]
fn the_reader_role_is_all_that_a_plan_needs_and_is_asked_the_same_for_one_workload_as_for_thirty() {
    let namespace = Namespace::new("reader");
    let account = Account::reader(&namespace);
    let repo = workloads(&namespace, 1);
    let kubeconfig = account.kubeconfig();

    let seen = plan(&repo, &kubeconfig);
    let (_, first) = parts(&seen).next().unwrap();
    assert_eq!(drift(first).len(), 1, "{seen:#}");
    let mut one = account.requests();
    one.sort();
    let lists = [
        "list /apis/apps/v1/namespaces/NS/deployments",
        "list /apis/autoscaling/v2/namespaces/NS/horizontalpodautoscalers",
        "list /api/v1/namespaces/NS/pods",
    ]
    .map(String::from);
    let mut first_time = lists.to_vec();
    first_time.extend(["get /openapi/v3", "get /openapi/v3/apis/apps/v1", "get /version"].map(String::from));
    first_time.sort();
    assert_eq!(one, first_time, "the types are read once and kept");

    let before = account.requests().len();
    grow(&repo, &namespace, 1, 30);
    let thirty = plan(&repo, &kubeconfig);
    assert_eq!(parts(&thirty).count(), 30);
    let mut later = account.requests().split_off(before);
    later.sort();
    // While pods are not ready their events are asked for, in one list.
    let events = later.iter().position(|request| request == "list /api/v1/namespaces/NS/events");
    events.map(|position| later.remove(position));
    let mut expected = lists.to_vec();
    expected.extend(["get /openapi/v3", "get /version"].map(String::from));
    expected.sort();
    assert_eq!(later, expected);

    // Another page costs another request.
    namespace.kubectl(&["scale", "deployment/web-1", "--replicas=480"], None);
    wait_for("480 pods", 120, || {
        (namespace.get("deployment web-1").pointer("/status/readyReplicas") == Some(&480.into())).then_some(())
    });
    let before = account.requests().len();
    let paged = plan(&repo, &kubeconfig);
    // Nothing but the load of young pods is unknown.
    let young = |code: &str| ["not-observed", "too-few-samples"].contains(&code);
    assert!(unknown(&paged).iter().all(|(_, code)| young(code)), "{:?}", unknown(&paged));
    let pods = account.requests().split_off(before).iter().filter(|request| request.ends_with("/pods")).count();
    assert_eq!(pods, 2, "509 pods are two pages of 500");
}

#[test]
fn the_reader_role_allows_just_what_it_says() {
    let namespace = Namespace::new("can-i");
    let account = Account::reader(&namespace);
    let list = kubectl(&["auth", "can-i", "--list", "--as", &account.user(), "--namespace", &namespace.name], None);
    let mut lines: Vec<String> =
        list.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    lines.sort();
    let golden: Vec<&str> = include_str!("reader.can-i").lines().collect();
    assert_eq!(lines, golden);
}

#[test]
fn a_reader_delivers_nothing_and_with_the_applier_role_just_what_exists() {
    let namespace = Namespace::new("applier");
    let account = Account::reader(&namespace);
    let repo = Repo::empty();
    repo.write("bpctl.yaml", &workspace());
    grow(&repo, &namespace, 0, 2);
    // As others apply, so that bpctl's own cooldown does not hold it back.
    let other = |number: usize| format!("deployment/web-{number}");
    namespace.kubectl(&["delete", &other(0), &other(1)], None);
    namespace.kubectl(&["create", "-f", &repo.path().join("deploy/web-0.yaml").display().to_string()], None);
    namespace.kubectl(&["set", "image", &other(0), "web=registry.example.org/web:2"], None);
    let kubeconfig = account.kubeconfig();
    let pass = |code| {
        let ran = bpctl(&repo, Some(&kubeconfig)).run(&["apply", "-o", "json"]).exits(code).json();
        let told = ran["steps"].as_array().unwrap().iter().map(|step| step["told"].as_str().unwrap().to_owned());
        told.collect::<Vec<_>>()
    };

    let doctor = |code| bpctl(&repo, Some(&kubeconfig)).run(&["doctor"]).exits(code).stdout;
    let told = doctor(6);
    let denied = format!("  ✗ it may not patch Deployment in {}, and `delivery: direct` has to\n", namespace.name);
    assert!(told.contains(&denied) && told.contains("templates/rbac/applier.yaml"), "{told}");
    let told = pass(1);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told.iter().all(|told| told.contains("forbidden")), "{told:#?}");
    // That is about bpctl's account, and about no workload: the breaker counts nothing, and the advice is about rights.
    let again = bpctl(&repo, Some(&kubeconfig)).run(&["apply"]).exits(1).stdout;
    assert_eq!(again.matches("templates/rbac/applier.yaml").count(), 2, "{again}");
    let counted = bpctl(&repo, Some(&kubeconfig)).run(&["breaker"]).exits(0).stdout;
    assert_eq!(counted.trim(), "nothing is stopped, and nothing failed");
    let image = || {
        let deployment = namespace.get("deployment web-0");
        deployment.pointer("/spec/template/spec/containers/0/image").and_then(Json::as_str).unwrap().to_owned()
    };
    assert_eq!(image(), "registry.example.org/web:2");

    // The lab's one account does both.
    let rights = APPLIER.replace("name: bpctl-applier #", "name: bpctl #");
    let rights = rights.replace("bpctl-applier", &format!("bpctl-applier-{}", namespace.name));
    let rights = rights.replace("namespace: shop", &format!("namespace: {}", namespace.name));
    namespace.kubectl(
        &["apply", "-f", "-"],
        Some(&rights.replace("namespace: bpctl", &format!("namespace: {}", namespace.name))),
    );
    let told = pass(1);
    assert!(
        told[0].starts_with("applied Deployment/web-0: spec.template.spec.containers[name=web].image"),
        "{told:#?}"
    );
    assert!(told[1].contains("forbidden") && told[1].contains("create"), "{told:#?}");
    assert!(doctor(0).contains("  ✓ it may apply what stands on base, and restart pods"));
    assert_eq!(image(), "registry.example.org/web:1");
    assert_eq!(namespace.get("deployments")["items"].as_array().unwrap().len(), 1);
}

#[test]
fn without_rights_everything_is_unknown_and_nothing_is_drift() {
    let namespace = Namespace::new("no-rights");
    let account = Account::with(&namespace, None);
    let repo = workloads(&namespace, 2);
    let kubeconfig = account.kubeconfig();
    let seen = blind_plan(&repo, &kubeconfig);
    for (name, part) in parts(&seen) {
        assert_eq!(part["items"], json!([]), "{name}");
    }
    let expected = ("the cluster's object".to_owned(), "forbidden".to_owned());
    assert_eq!(unknown(&seen), [expected.clone(), expected]);
    says_that_it_saw_not_all(bpctl(&repo, Some(&kubeconfig)).run(&["plan"]));
    says_that_it_saw_not_all(bpctl(&repo, Some(&kubeconfig)).run(&["apply"]));
    let told = bpctl(&repo, Some(&kubeconfig)).run(&["doctor"]).exits(6).stdout;
    assert!(told.contains("  ✗ the cluster's object of 2 workloads: couldn't list"), "{told}");
    assert!(told.contains("      kubectl apply -f templates/rbac/reader.yaml"), "{told}");
    assert_eq!(repo.refs("refs/bpctl/pull"), Vec::<String>::new());
    // A recording of nothing is none, and takes no better one's place.
    repo.write("recorded/snapshot.json", "{}");
    let recorded = bpctl(&repo, Some(&kubeconfig)).run(&["snapshot", "recorded"]).exits(1);
    assert!(recorded.stderr.contains("nothing was recorded"), "{}", recorded.stderr);
    assert_eq!(repo.read("recorded/snapshot.json"), "{}");
}

#[test]
fn without_the_pods_drift_is_seen_and_utilization_is_not() {
    let namespace = Namespace::new("no-pods");
    let rights = format!(
        "{{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {{name: r}}, rules: [{{apiGroups: [apps], resources: \
         [deployments], verbs: [list]}}, {{apiGroups: [autoscaling], resources: [horizontalpodautoscalers], verbs: [list]}}]}}\n---\n{{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {{name: r}}, \
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}}, subjects: [{{kind: ServiceAccount, name: bpctl, \
         namespace: {}}}]}}\n",
        namespace.name
    );
    let account = Account::with(&namespace, Some(rights));
    let repo = workloads(&namespace, 2);
    let kubeconfig = account.kubeconfig();
    let seen = plan(&repo, &kubeconfig);
    let drifted: Vec<usize> = parts(&seen).map(|(_, part)| drift(part).len()).collect();
    assert_eq!(drifted, [1, 0], "{seen:#}");
    let expected = ["CPU utilization", "whether its pods run"].map(|what| (what.to_owned(), "forbidden".to_owned()));
    assert_eq!(unknown(&seen), [expected.clone(), expected].concat());
    // Also where the blueprint asks for nothing that needs them.
    for number in 0..2 {
        let name = format!("web-{number}");
        let (path, blueprint) = blueprint(&name, &namespace.name, &format!("deploy/{name}.yaml"));
        repo.write(&path, &blueprint);
    }
    repo.commit(&[], "no scaling");
    let seen = plan(&repo, &kubeconfig);
    assert!(unknown(&seen).iter().all(|(what, _)| what == "whether its pods run"), "{seen:#}");
    let told = bpctl(&repo, Some(&kubeconfig)).run(&["doctor"]).stdout;
    assert!(told.contains("whether its pods run of 2 workloads"), "{told}");
}

#[test]
fn an_api_server_that_does_not_answer_is_unknown() {
    let namespace = Namespace::new("gone");
    let repo = workloads(&namespace, 1);
    let folder = tempfile::tempdir().expect("a folder");
    let kubeconfig =
        changed(&folder, |config| config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1".into());
    let seen = blind_plan(&repo, &kubeconfig);
    let (_, part) = parts(&seen).next().unwrap();
    assert_eq!(part["items"], json!([]));
    assert_eq!(unknown(&seen), [("the cluster's object".to_owned(), "unreachable".to_owned())]);
    says_that_it_saw_not_all(bpctl(&repo, Some(&kubeconfig)).run(&["plan"]));
}

#[test]
fn a_plan_on_a_snapshot_is_the_plan_on_the_cluster() {
    let namespace = Namespace::new("snapshot");
    let account = Account::reader(&namespace);
    let repo = workloads(&namespace, 5);
    // Absent, scaled, foreign and deleted things too.
    namespace.kubectl(&["delete", "deployment/web-1"], None);
    namespace.kubectl(&["scale", "deployment/web-2", "--replicas=2"], None);
    namespace.kubectl(&["label", "deployment/web-3", "extra=1"], None);
    namespace.kubectl(&["rollout", "status", "deployment/web-0"], None);
    namespace.kubectl(&["rollout", "status", "deployment/web-2"], None);
    let kubeconfig = account.kubeconfig();
    let live = wait_for("enough samples", 180, || {
        let plan = plan(&repo, &kubeconfig);
        unknown(&plan).is_empty().then_some(plan)
    });
    let recorded = bpctl(&repo, Some(&kubeconfig)).run(&["snapshot", "recorded"]).exits(0);
    assert!(recorded.stdout.contains(&namespace.name), "{}", recorded.stdout);
    repo.replace("bpctl.yaml", "cluster: {context: lab}", "cluster: {snapshot: recorded}");
    repo.commit(&[], "a recording");
    let snapshot = repo.run(&["plan", "-o", "json"]).exits(0).json();
    let (live, snapshot) = (comparable(live), comparable(snapshot));
    for ((name, live), (_, snapshot)) in parts(&live).zip(parts(&snapshot)) {
        assert_eq!(live, snapshot, "{name}");
    }
    assert_eq!(live, snapshot);
}

/// A plan without where and when it was made, and without the hundredths of a percent by which its moments differ.
pub fn comparable(mut plan: Json) -> Json {
    for key in ["from", "observedAt", "desired"] {
        assert!(plan.as_object_mut().unwrap().remove(key).is_some(), "{key}");
    }
    for part in plan["blueprints"].as_array_mut().unwrap() {
        for line in part["notProposed"].as_array_mut().unwrap() {
            let because = line["because"].as_str().unwrap().to_owned();
            if let Some((_, rest)) = because.strip_prefix("CPU ").and_then(|rest| rest.split_once('%')) {
                line["because"] = format!("CPU …%{rest}").into();
            }
        }
    }
    plan
}
