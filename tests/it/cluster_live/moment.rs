//! Usage without a Prometheus: the cluster's own metrics API.

use serde_json::{Value as Json, json};

use super::quirks::{WEB, deliver, repository};
use super::rights::Account;
use super::workspace::{WAYS, bpctl, parts};
use crate::support::{Namespace, wait_for};

/// B6
#[test]
fn the_clusters_own_metrics_tell_the_moment() {
    let namespace = Namespace::new("moment");
    let account = Account::reader(&namespace);
    let manifest = WEB
        .replace(
            "labels: {app: web}}\n    spec",
            "labels: {app: web}, annotations: {kwok.x-k8s.io/usage-cpu: 92m}}\n    spec",
        )
        .replace("spec:\n  selector", "spec:\n  replicas: 2\n  selector");
    assert!(manifest.contains("usage-cpu") && manifest.contains("replicas: 2"));
    let repo = repository(&namespace, "", "");
    let blueprint = repo.read("blueprints/web.yaml");
    let with = |scaling: &str| {
        let blueprint = format!("{blueprint}  scaling: {{min_replicas: 1, max_replicas: 5, {scaling}}}\n");
        repo.commit(&[("deploy/web.yaml", &manifest), ("blueprints/web.yaml", &blueprint)], "scaled");
    };
    with("window: 5m");
    deliver(&namespace, WAYS[1], &manifest);
    let kubeconfig = account.kubeconfig();
    let part = || -> Json {
        let plan = bpctl(&repo, Some(&kubeconfig)).run(&["plan", "-o", "json"]).exits(0).json();
        parts(&plan).next().expect("a part").1.clone()
    };
    let told = wait_for("the pods' metrics", 90, || {
        let part = part();
        let why = part["notProposed"].as_array()?.first()?["because"].as_str()?.to_owned();
        why.contains("at this moment").then_some((why, part))
    });
    assert!(told.0.starts_with("CPU is 9") && told.0.contains("a decision over 5m needs 80%"), "{}", told.0);
    assert_eq!((&told.1["items"], &told.1["unknown"]), (&json!([]), &json!([])));
    assert!(told.1["evidence"].as_array().unwrap().iter().any(|key| key.as_str().unwrap().starts_with("usage-cpu:")));

    with("window: 1s");
    // A pod is measured some seconds after it began, and not all begin at once.
    let step = wait_for("all pods' metrics", 60, || part()["items"].get(0).cloned());
    assert_eq!(step["action"]["to"], 3, "{step:#}");
    let without = namespace.kubectl(&["auth", "can-i", "list", "pods.metrics.k8s.io", "--as", &account.user()], None);
    assert_eq!(without.trim(), "yes");
}
