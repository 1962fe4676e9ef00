//! `path-missing`: a file or folder of `bpctl.yaml` that is not there.

use super::{Look, Page, Rule, mark};
use crate::model::{Diagnostic, RepoPath};

/// `blueprints`, `local.allowed_signers` or `cluster.snapshot` that lead nowhere.
pub(super) struct PathMissing;

impl Rule for PathMissing {
    fn page(&self) -> Page {
        Page {
            code: "path-missing",
            about: "bpctl.yaml names a file or folder that is not there",
            explain: "Without the blueprints' folder nothing is governed, without the signers' file no approval counts, and without its folder a\n\
                snapshot shows no cluster.\n\n  local: {allowed_signers: blueprints/allowed_singers}\n\n\
                Correct the path, which is relative to the repository's root; or add the file. `bpctl snapshot` records a cluster.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let workspace = &look.catalog.workspace;
        let mut found = Vec::new();
        let mut report = |path: &RepoPath, keys: &[&str]| {
            if look.surroundings.missing.contains(path) {
                let diagnostic = Diagnostic::error("path-missing", format!("there is no such file or folder: {path}"));
                let diagnostic = mark(diagnostic, workspace, keys, "leads nowhere");
                found.push(
                    diagnostic.help("correct the path, which begins at the repository's root, or add what it names"),
                );
            }
        };
        report(&workspace.value.blueprints, &["blueprints"]);
        if let Some(signers) = &workspace.value.local.allowed_signers {
            report(signers, &["local", "allowed_signers"]); // or a folder, which is no file of signers
        }
        for (name, environment) in &workspace.value.environments {
            if let Some(snapshot) = &environment.cluster.snapshot {
                report(snapshot, &["environments", name.as_str(), "cluster", "snapshot"]);
            }
        }
        found
    }
}
