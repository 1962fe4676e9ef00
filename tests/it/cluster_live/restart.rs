//! Restarts on a real API server (B8, B15): the annotation and its manager, the new pods, and what is made of them.

use std::thread;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::workspace::{blueprint, bpctl, workspace};
use crate::support::{Namespace, Repo, wait_for};

/// A Deployment of this image in cluster and Git, under a limit of restarts.
pub(super) fn deployed(namespace: &Namespace, image: &str, max: u32, (delivery, recovered): (&str, &str)) -> Repo {
    let repo = Repo::empty();
    let workspace = workspace().replace("delivery: direct", &format!("delivery: {delivery}"));
    repo.write("bpctl.yaml", &format!("{workspace}verification: {{recovered: {recovered}}}\n"));
    let manifest = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: {}}}\nspec:\n  replicas: 2\n  selector:\n    matchLabels: {{app: web}}\n  \
         template:\n    metadata:\n      labels: {{app: web}}\n    spec:\n      containers:\n        - {{name: web, image: \"registry.example.org/web:{image}\"}}\n",
        namespace.name
    );
    repo.write("deploy/web.yaml", &manifest);
    let (path, blueprint) = blueprint("web", &namespace.name, "deploy/web.yaml");
    repo.write(&path, &format!("{blueprint}  reliability: {{max_restart_count: {max}}}\n"));
    namespace.kubectl(&["create", "-f", "-"], Some(&manifest));
    repo.commit(&[], "start");
    repo
}

pub(super) fn pods(namespace: &Namespace) -> Vec<Json> {
    let pods = namespace.get("pods")["items"].as_array().expect("pods").clone();
    pods.into_iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).collect()
}

pub(super) fn ready(pod: &Json) -> bool {
    let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
    conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// Makes a pod fail as a kubelet would say it.
pub(super) fn fail(namespace: &Namespace, pod: &Json, restarts: u32) {
    let name = pod["metadata"]["name"].as_str().expect("a name");
    let status = json!({"status": {
        "conditions": [{"type": "Ready", "status": "False"}, {"type": "ContainersReady", "status": "False"}],
        "containerStatuses": [{"name": "web", "image": "web", "imageID": "", "ready": false, "restartCount": restarts,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T01:00:00Z"}}}]}});
    namespace
        .kubectl(&["patch", "pod", name, "--subresource=status", "--type=strategic", "-p", &status.to_string()], None);
}

fn template(namespace: &Namespace) -> Json {
    let deployment = namespace.kubectl(&["get", "deployment", "web", "-o", "json", "--show-managed-fields"], None);
    serde_json::from_str(&deployment).expect("JSON")
}

/// Would miss: a restart that the API server does not take, that takes fields of others, that runs beside another make two of, or whose
/// success is not seen.
#[test]
fn b08_a_failed_pod_is_replaced_and_the_recovery_is_seen() {
    for delivery in ["direct", "gitops"] {
        let namespace = Namespace::new("restart");
        let repo = deployed(&namespace, "1", 3, (delivery, "10s"));
        wait_for("2 pods", 60, || (pods(&namespace).iter().filter(|pod| ready(pod)).count() == 2).then_some(()));
        let old = pods(&namespace);
        // The cluster's clock gives whole seconds: pods of the second of a restart may be either side of it.
        thread::sleep(Duration::from_millis(1200));
        fail(&namespace, &old[0], 2);
        let program = bpctl(&repo, None);
        let plan = wait_for("the restart", 20, || {
            let plan = program.run(&["plan"]).exits(0).stdout;
            plan.contains("restart 3 of 3").then_some(plan)
        });
        assert!(plan.contains("allowed"), "{plan}");
        // Several runs at once ask for the same.
        let told: Vec<String> = thread::scope(|scope| {
            let runs: Vec<_> =
                (0..3).map(|_| scope.spawn(|| bpctl(&repo, None).run(&["apply", "--wait", "40s"]).stdout)).collect();
            runs.into_iter().map(|run| run.join().expect("a run")).collect()
        });
        let live = template(&namespace);
        let request = live["spec"]["template"]["metadata"]["annotations"]["bpctl.dev/restart"].as_str();
        let request = request.unwrap_or_else(|| panic!("{told:#?}"));
        assert!(request.contains("-1-"), "{request}");
        let managers = live["metadata"]["managedFields"].as_array().expect("managers");
        let mine = managers.iter().find(|entry| entry["manager"] == "bpctl-restart").expect("the manager");
        assert_eq!(
            mine["fieldsV1"],
            json!({"f:spec": {"f:template": {"f:metadata": {"f:annotations": {"f:bpctl.dev/restart": {}}}}}})
        );
        assert!(told.iter().any(|told| told.contains("restarted Deployment/web")), "{told:#?}");
        let last = program.run(&["apply", "--wait", "40s"]).exits(0).stdout;
        let all = format!("{}{last}", told.join(""));
        assert!(all.contains("success (recovered success: 2 of 2 new pods running and ready"), "{all}");
        let new = pods(&namespace);
        assert!(
            new.len() == 2 && new.iter().all(|pod| old.iter().all(|o| o["metadata"]["uid"] != pod["metadata"]["uid"]))
        );
        let ledger = repo.ledger("lab");
        let count = |kind: &str| ledger.iter().filter(|entry| entry["event"]["kind"] == kind).count();
        assert_eq!((count("restarted"), count("recovered")), (1, 1), "{ledger:#?}");
        // Git says nothing of the annotation, and it is no drift.
        let plan = program.run(&["plan"]).exits(0).stdout;
        assert!(!plan.contains("bpctl.dev/restart") && !plan.contains("~ reconcile"), "{plan}");
    }
}

/// Would miss: pods that fail again at once, restarted for ever, or taken for a recovery (B15).
#[test]
fn b15_pods_that_fail_again_at_once_are_a_persons() {
    let namespace = Namespace::new("restart-vain");
    // The simulated kubelet has restarted such a pod four times when it is first seen.
    let repo = deployed(&namespace, "broken", 9, ("gitops", "3s"));
    let program = bpctl(&repo, None);
    wait_for("the restart", 30, || program.run(&["plan"]).stdout.contains("restart 5 of 9").then_some(()));
    let applied = program.run(&["apply", "--wait", "40s"]).exits(1).stdout;
    assert!(applied.contains("restarted Deployment/web: "), "{applied}");
    assert!(applied.contains("failure (recovered failure: 0 of 2 new pods running and ready"), "{applied}");
    let first = template(&namespace)["metadata"]["generation"].clone();
    let plan = wait_for("the finding", 30, || {
        let plan = program.run(&["plan", "--detailed-exitcode"]);
        (plan.code == Some(4)).then_some(plan.stdout)
    });
    assert!(plan.contains("Not restarted: it failed again within 3s of its restart"), "{plan}");
    program.run(&["apply"]);
    assert_eq!(template(&namespace)["metadata"]["generation"], first);
}

/// Would miss: an answer to a missing image that makes more pods without it.
#[test]
fn b08_an_image_that_cannot_be_pulled_is_told_and_not_restarted() {
    let namespace = Namespace::new("restart-image");
    let repo = deployed(&namespace, "nopull", 3, ("gitops", "3s"));
    let program = bpctl(&repo, None);
    let plan = wait_for("the finding", 30, || {
        let plan = program.run(&["plan"]).exits(0).stdout;
        plan.contains("image-not-pulled").then_some(plan)
    });
    assert!(plan.contains("a restart does not help: correct the image's name or tag"), "{plan}");
    assert!(!plan.contains("↻"), "{plan}");

    // What the cluster itself warns of stands beside it, as text from outside.
    let pod = pods(&namespace)[0]["metadata"]["name"].as_str().expect("a name").to_owned();
    let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "web.1", "namespace": namespace.name}, "type": "Warning",
        "reason": "Failed", "message": "manifest unknown\u{1b}[31m", "count": 4,
        "involvedObject": {"kind": "Pod", "namespace": namespace.name, "name": pod}});
    namespace.kubectl(&["create", "-f", "-"], Some(&event.to_string()));
    let plan = program.run(&["plan"]).exits(0).stdout;
    assert!(plan.contains(&format!("seen: Pod/{pod} Failed, 4 times: manifest unknown")), "{plan}");
    assert!(!plan.contains('\u{1b}'), "{plan}");
}
