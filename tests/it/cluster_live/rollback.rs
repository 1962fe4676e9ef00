//! A rollback on a real API server (B8, B17): from an image that is not there to pods that run the one before, and nothing after that.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bpctl_core::model::Timestamp;

use super::restart::{deployed, fail, pods, ready};
use super::workspace::bpctl;
use crate::support::{Namespace, Repo, wait_for};

const MANIFEST: &str = "deploy/web.yaml";

/// Would miss: a rollback that is not proposed while the roll-out is stuck, is merged and not delivered, is not verified, or goes on.
#[test]
fn b08_an_image_that_is_not_there_goes_back_and_the_pods_are_well() {
    let namespace = Namespace::new("rollback");
    let repo = deployed(&namespace, "1", 3, ("direct", "3s"));
    let well = || {
        let pods = pods(&namespace);
        let image = |pod: &serde_json::Value| pod["spec"]["containers"][0]["image"] == "registry.example.org/web:1";
        (pods.len() == 2 && pods.iter().all(|pod| ready(pod) && image(pod))).then_some(())
    };
    wait_for("2 pods", 60, well);
    // The cluster's clock gives whole seconds: which of two templates' pods of one second is the newer is not known, nor whether a
    // delivery of the second of a merge was its own.
    let second = || thread::sleep(Duration::from_millis(1200));
    second();
    let program = bpctl(&repo, None);
    let before = repo.read(MANIFEST);
    repo.replace(MANIFEST, "web:1", "web:nopull");
    repo.commit(&[], "a new version");
    // The cluster does not have it yet: nothing is to go back.
    let ahead = program.run(&["plan"]).exits(0).stdout;
    assert!(ahead.contains("~ reconcile") && !ahead.contains("↩"), "{ahead}");
    let delivered = program.run(&["apply"]).exits(0).stdout;
    assert!(delivered.contains("applied Deployment/web"), "{delivered}");
    let goes_back = "image web:nopull → web:1";
    let plan = wait_for("the rollback", 60, || {
        let plan = program.run(&["plan"]).exits(0).stdout;
        plan.contains("↩ rollback").then_some(plan)
    });
    assert!(plan.contains(goes_back) && plan.contains("needs approval"), "{plan}");

    let opened = program.run(&["apply"]).exits(0).stdout;
    assert!(opened.contains("opened local pull request #1") && opened.contains(goes_back), "{opened}");
    assert_eq!(repo.merges(), 0);
    second();
    program.run(&["approve", "1", "--as", "alice", "--message", "back"]).exits(0);
    let landed = program.run(&["apply", "--wait", "90s"]).exits(0).stdout;
    assert!(landed.contains("merged local pull request #1") && landed.contains("applied Deployment/web"), "{landed}");
    assert!(landed.contains("success (applied success: the field is back; ready success: 2 of 2 pods"), "{landed}");
    assert_eq!(repo.read(MANIFEST), before);
    wait_for("the pods before", 60, well);
    let after = program.run(&["apply"]).exits(0).stdout;
    assert!(!after.contains("pull request"), "{after}");
    let plan = program.run(&["plan", "--detailed-exitcode"]).exits(0).stdout;
    assert!(!plan.contains("↩") && !plan.contains("rollback"), "{plan}");
    assert_eq!(repo.merges(), 1);
}

/// B13. Would miss: a failure for good of what a person merged long before the pass that delivers it, and the advice to take back what mends.
#[test]
fn b13_what_was_merged_long_before_the_pass_that_delivers_it_has_not_failed() {
    let namespace = Namespace::new("merged-before");
    let repo = deployed(&namespace, "1", 3, ("direct", "1s"));
    wait_for("2 pods", 60, || well(&namespace));
    thread::sleep(Duration::from_millis(1200));
    let program = bpctl(&repo, None);
    repo.replace(MANIFEST, "web:1", "web:nopull");
    repo.commit(&[], "a new version");
    program.run(&["apply"]).exits(0);
    let opened = wait_for("the way back", 60, || {
        let ran = program.run(&["apply"]).exits(0).stdout;
        ran.contains("opened local pull request #1").then_some(ran)
    });
    assert!(opened.contains("image web:nopull → web:1"), "{opened}");
    // The cluster's clock gives whole seconds.
    thread::sleep(Duration::from_millis(1200));
    // A person merges it, and the next pass comes later than `applied` (1s here) allows.
    repo.git(&["merge", "-q", "--no-ff", "-m", "Merge: back", "bpctl/lab/web/rollback"]);
    thread::sleep(Duration::from_millis(2500));
    let ran = program.run(&["apply", "--wait", "60s"]).exits(0).stdout;
    assert!(ran.contains("applied Deployment/web") && !ran.contains("failure"), "{ran}");
    assert!(ran.contains("verified local pull request #1: success"), "{ran}");
}

/// The workload reads a `ConfigMap` of this mode, in Git and in the cluster.
fn configured(namespace: &Namespace, delivery: &str) -> Repo {
    let repo = deployed(namespace, "1", 3, (delivery, "3s"));
    let map = format!(
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: web, namespace: {}}}\ndata:\n  MODE: slow   # how\n  OLD: \"1\"\n",
        namespace.name
    );
    let text = repo.read(MANIFEST).replace("web:1\"}", "web:1\", envFrom: [{configMapRef: {name: web}}]}") + &map;
    repo.write(MANIFEST, &text);
    repo.commit(&[], "configuration");
    namespace.kubectl(&["apply", "-f", "-"], Some(&text));
    repo
}

fn mode(namespace: &Namespace) -> serde_json::Value {
    namespace.get("configmap/web")["data"].clone()
}

/// It is not ready from now on, as a kubelet says it.
fn since_now(namespace: &Namespace, pod: &serde_json::Value) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let now = Timestamp::from_second(i64::try_from(now).expect("a time")).expect("a time");
    let condition = serde_json::json!({"type": "Ready", "status": "False", "lastTransitionTime": now});
    let status = serde_json::json!({"status": {"conditions": [condition]}}).to_string();
    let name = pod["metadata"]["name"].as_str().expect("a name");
    namespace.kubectl(&["patch", "pod", name, "--subresource=status", "--type=strategic", "-p", &status], None);
}

/// All pods are there, and ready.
fn well(namespace: &Namespace) -> Option<()> {
    let pods = pods(namespace);
    (pods.len() == 2 && pods.iter().all(ready)).then_some(())
}

/// Would miss: a rollback that takes the image back and leaves the values that came with it, or does not bring them to the cluster.
#[test]
fn b17_configuration_goes_back_with_the_image_that_came_with_it() {
    let namespace = Namespace::new("config-back");
    let repo = configured(&namespace, "direct");
    wait_for("2 pods", 60, || well(&namespace));
    let second = || thread::sleep(Duration::from_millis(1200));
    second();
    let program = bpctl(&repo, None);
    let before = repo.read(MANIFEST);
    repo.replace(MANIFEST, "web:1", "web:nopull");
    repo.replace(MANIFEST, "MODE: slow   # how\n", "MODE: fast   # how\n  NEW: \"2\"\n");
    repo.commit(&[], "a new version, and how it is configured");
    let delivered = program.run(&["apply"]).exits(0).stdout;
    assert!(delivered.contains("applied Deployment/web") && delivered.contains("applied ConfigMap/web"), "{delivered}");
    let plan = wait_for("the rollback", 60, || {
        let plan = program.run(&["plan"]).exits(0).stdout;
        plan.contains("↩ rollback").then_some(plan)
    });
    for part in [
        "image web:nopull → web:1",
        "MODE of ConfigMap/web fast → slow",
        "data.NEW of ConfigMap/web: \"2\" → nothing at deploy/web.yaml:",
    ] {
        assert!(plan.contains(part), "{part}: {plan}");
    }
    program.run(&["apply"]).exits(0);
    second();
    program.run(&["approve", "1", "--as", "alice", "--message", "back"]).exits(0);
    let landed = program.run(&["apply", "--wait", "90s"]).exits(0).stdout;
    assert!(landed.contains("merged local pull request #1") && landed.contains("applied ConfigMap/web"), "{landed}");
    assert!(
        landed.contains("success (applied success: the field is back, and 2 values of ConfigMaps; ready"),
        "{landed}"
    );
    assert_eq!(repo.read(MANIFEST), before);
    assert_eq!(mode(&namespace), serde_json::json!({"MODE": "slow", "OLD": "1"}));
    wait_for("the pods before", 60, || well(&namespace));
    let plan = program.run(&["plan", "--detailed-exitcode"]).exits(0).stdout;
    assert!(!plan.contains("rollback"), "{plan}");
    let replayed = program.run(&["audit", "replay", "--env", "lab"]).exits(0).stdout;
    assert!(!replayed.contains("different"), "{replayed}");
}

/// Would miss: a change of configuration alone that nobody watches, that is written into the cluster under `gitops`, or that is called back before
/// it is there.
#[test]
fn b17_a_change_of_configuration_alone_goes_back() {
    let namespace = Namespace::new("config-alone");
    let repo = configured(&namespace, "gitops");
    let controller = || drop(namespace.kubectl(&["apply", "-f", "-"], Some(&repo.read(MANIFEST))));
    wait_for("2 pods", 60, || well(&namespace));
    thread::sleep(Duration::from_millis(1200));
    let program = bpctl(&repo, None);
    let before = repo.read(MANIFEST);
    repo.replace(MANIFEST, "MODE: slow", "MODE: fast");
    repo.commit(&[], "another mode");
    controller();
    thread::sleep(Duration::from_millis(1200));
    let failed = pods(&namespace)[0].clone();
    fail(&namespace, &failed, 3);
    since_now(&namespace, &failed);
    let plan = wait_for("the rollback", 60, || {
        let plan = program.run(&["plan"]).exits(0).stdout;
        plan.contains("↩ rollback").then_some(plan)
    });
    for part in
        ["MODE of ConfigMap/web fast → slow", "needs approval", "no roll-out follows", "rollout restart deployment/web"]
    {
        assert!(plan.contains(part), "{part}: {plan}");
    }
    program.run(&["apply"]).exits(0);
    program.run(&["approve", "1", "--as", "alice", "--message", "back"]).exits(0);
    let landed = program.run(&["apply"]).exits(0).stdout;
    assert!(landed.contains("merged local pull request #1") && !landed.contains("applied ConfigMap"), "{landed}");
    assert_eq!(repo.read(MANIFEST), before);
    assert_eq!(mode(&namespace)["MODE"], "fast", "the controller brings it");
    controller();
    let name = failed["metadata"]["name"].as_str().expect("a name");
    namespace.kubectl(&["delete", "pod", name, "--wait=false"], None);
    wait_for("the pods before", 60, || well(&namespace));
    let verified = program.run(&["verify", "--wait", "60s"]).exits(0).stdout;
    assert!(verified.contains("the value of a ConfigMap is back"), "{verified}");
}
