//! A rollback on a real API server (B8, B17): from an image that is not there to pods that run the one before, and nothing after that.

use std::thread;
use std::time::Duration;

use super::restart::{deployed, pods, ready};
use super::workspace::bpctl;
use crate::support::{Namespace, wait_for};

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
