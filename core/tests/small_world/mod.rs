//! What the tests of stages share: one workspace, one workload, and how files become a catalog.

use bpctl_core::blueprint::Catalog;
use bpctl_core::model::{BaseTip, Blob, Digest, File, Files, ObjectRef, RepoPath, Trusted};

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

pub fn web() -> ObjectRef {
    ObjectRef::deployment("shop", "web")
}
