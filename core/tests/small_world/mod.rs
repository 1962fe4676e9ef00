//! What the tests of stages share: one workspace, one workload, and how files become a catalog.

use bpctl_core::blueprint::Catalog;
use bpctl_core::model::{BaseTip, Blob, Digest, File, Files, ObjectRef, RepoPath, Trusted};
use serde_json::{Value as Json, json};

pub const WORKSPACE: &str = "apiVersion: bpctl.dev/v1\nkind: Workspace\nenvironments:\n  staging: {tier: staging, cluster: {context: lab}, delivery: direct}\n";

pub fn files(entries: &[(&str, &str)]) -> Files {
    Files(
        entries
            .iter()
            .map(|(path, text)| {
                let blob = Blob { id: Digest::of_bytes(text.as_bytes()).to_string(), bytes: text.as_bytes().into() };
                (RepoPath::new(*path).unwrap(), File::Blob(blob))
            })
            .collect(),
    )
}

/// The same files with other texts.
#[allow(dead_code, reason = "not every file of tests has workloads of several kinds")]
pub fn rewritten(mut files: Files, with: impl Fn(String) -> String) -> Files {
    for file in files.0.values_mut() {
        let File::Blob(blob) = file else { continue };
        blob.bytes = with(String::from_utf8(blob.bytes.to_vec()).unwrap()).as_bytes().into();
    }
    files
}

pub fn catalog(files: &Files) -> Catalog {
    let catalog = Catalog::load(files).unwrap();
    assert!(catalog.diagnostics.is_empty(), "{:?}", catalog.diagnostics);
    catalog
}

pub fn trusted(files: &Files) -> Trusted<Catalog> {
    #[allow(clippy::disallowed_methods, reason = "the test is the edge")]
    let tip = BaseTip::attest("main", "0".repeat(40));
    Trusted::from_base(&tip, catalog(files))
}

#[allow(dead_code, reason = "not every file of tests has a workload")]
pub fn web() -> ObjectRef {
    ObjectRef::deployment("shop", "web")
}

/// A workload of the cluster with what each has to have: a selector, and the labels that it selects.
#[allow(dead_code, reason = "not every file of tests has a workload in the cluster")]
pub fn selecting(mut body: Json) -> Json {
    body["spec"]["selector"] = json!({"matchLabels": {"app": "web"}});
    body["spec"]["template"]["metadata"]["labels"] = json!({"app": "web"});
    body
}

/// What the controller says of a workload of generation 1 that is rolled out to so many pods; of a `DaemonSet` in its own words.
#[allow(dead_code, reason = "not every file of tests has a workload that is rolled out")]
pub fn rolled_out(pods: u32, daemon_set: bool) -> Json {
    if daemon_set {
        return json!({"observedGeneration": 1, "desiredNumberScheduled": pods, "currentNumberScheduled": pods,
            "updatedNumberScheduled": pods, "numberReady": pods, "numberAvailable": pods});
    }
    json!({"observedGeneration": 1, "replicas": pods, "updatedReplicas": pods, "readyReplicas": pods, "availableReplicas": pods})
}
