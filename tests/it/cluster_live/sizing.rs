//! Right-sizing and service levels against real servers (B1, B7).

use super::workspace::{blueprint, bpctl, workspace};
use crate::support::{Namespace, Repo, lab, wait_for};

/// A Deployment whose pods use 80Mi of 100Mi, in cluster and Git, under a blueprint with these lines.
fn deployed(namespace: &Namespace, workspace: &str, spec: &str) -> Repo {
    let repo = Repo::empty();
    repo.write("bpctl.yaml", workspace);
    let manifest = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: {}}}\nspec:\n  replicas: 2\n  selector:\n    matchLabels: {{app: web}}\n  \
         template:\n    metadata:\n      labels: {{app: web}}\n      annotations: {{kwok.x-k8s.io/usage-memory: 80Mi}}\n    spec:\n      containers:\n        \
         - name: web\n          image: registry.example.org/web:1\n          resources:\n            requests: {{memory: 100Mi}} # as measured in May\n            \
         limits: {{memory: 200Mi}}\n",
        namespace.name
    );
    repo.write("deploy/web.yaml", &manifest);
    let (path, blueprint) = blueprint("web", &namespace.name, "deploy/web.yaml");
    repo.write(&path, &format!("{blueprint}{spec}"));
    namespace.kubectl(&["apply", "--server-side", "--field-manager=bpctl", "-f", "-"], Some(&manifest));
    repo.commit(&[], "start");
    repo
}

/// Would miss: a step that is not what the cluster gets, a limit that stays behind, a line that is written anew.
#[test]
fn b07_a_resize_is_proposed_merged_and_delivered() {
    let namespace = Namespace::new("resize");
    let spec =
        "  resources: {memory: {limit_ratio: 200%}}\n  scaling: {min_replicas: 2, max_replicas: 5, window: 1s}\n";
    let repo = deployed(&namespace, &workspace(), spec);
    let program = bpctl(&repo, None);
    let plan = wait_for("the pods' metrics", 120, || {
        let plan = program.run(&["plan"]).exits(0).stdout;
        plan.contains("memory request 100Mi → 90Mi").then_some(plan)
    });
    assert!(plan.contains("memory request 100Mi → 90Mi, memory limit 200Mi → 180Mi"), "{plan}");
    let told = program.run(&["apply", "--wait", "60s"]).exits(0);
    let git = repo.read("deploy/web.yaml");
    assert!(git.contains("requests: {memory: 90Mi} # as measured in May"), "{git}{}", told.stdout);
    assert!(git.contains("limits: {memory: 180Mi}"), "{git}");
    let live = namespace.get("deployment/web");
    let resources = &live["spec"]["template"]["spec"]["containers"][0]["resources"];
    assert_eq!(
        resources.to_string(),
        r#"{"limits":{"memory":"180Mi"},"requests":{"memory":"90Mi"}}"#,
        "{}",
        told.stdout
    );
}

/// B1, Z11: what is asked by default is PromQL that a real server takes; where nobody exports it, it is unknown and nothing is found.
#[test]
fn b01_the_usual_questions_are_understood_and_no_answer_is_unknown() {
    let namespace = Namespace::new("levels");
    let url = lab("LAB_PROMETHEUS_URL");
    let workspace = format!("{}    prometheus: {{url: \"{url}\", rate_interval: 8s}}\n", workspace());
    let spec = "  performance: {latency_p95: 200ms, error_rate: 1%, availability: 99%, throughput: 100/s}\n";
    let repo = deployed(&namespace, &workspace, spec);
    let plan = bpctl(&repo, None).run(&["plan"]).exits(0).stdout;
    assert!(plan.contains("service-levels-unseen"), "{plan}");
    for told in [
        "latency_p95: Prometheus has no latency of it",
        "error_rate, availability, throughput: Prometheus has no requests of it",
    ] {
        assert!(plan.contains(told), "{told}: {plan}");
    }
}
