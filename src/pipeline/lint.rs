//! `lint`: reads the work tree, runs the rules. No forge, no cluster, no network.

use std::collections::BTreeSet;

use bpctl_core::blueprint::Workspace;
use bpctl_core::blueprint::lint::{self, Surroundings};
use bpctl_core::model::{Diagnostic, RepoPath, Timestamp};

use super::{PipelineError, tree};
use crate::git::{GitError, Repository};

/// What lint found, and in how much.
#[derive(Debug)]
pub struct Linted {
    /// Problems, in the order of files and lines.
    pub diagnostics: Vec<Diagnostic>,
    /// Blueprints that were read.
    pub blueprints: usize,
    /// Policies that were read.
    pub policies: usize,
}

/// Lints the work tree. A workspace that cannot be read is a finding too.
pub fn run(repository: &Repository, now: Timestamp) -> Result<Linted, PipelineError> {
    match tree::work_tree(repository) {
        Ok(tree) => {
            let missing = missing(repository, &tree.catalog.workspace.value)?;
            Ok(Linted {
                diagnostics: lint::lint(&tree.catalog, &Surroundings { now, missing }),
                blueprints: tree.catalog.blueprints.len(),
                policies: tree.catalog.policies.len(),
            })
        }
        Err(PipelineError::Input(diagnostic)) => {
            Ok(Linted { diagnostics: vec![*diagnostic], blueprints: 0, policies: 0 })
        }
        Err(other) => Err(other),
    }
}

/// The paths that the workspace names and nothing stands at.
fn missing(repository: &Repository, workspace: &Workspace) -> Result<BTreeSet<RepoPath>, GitError> {
    let snapshots = workspace.environments.values().filter_map(|environment| environment.cluster.snapshot.as_ref());
    let named = snapshots.chain(workspace.local.allowed_signers.as_ref()).chain([&workspace.blueprints]);
    let mut missing = BTreeSet::new();
    for path in named {
        if !repository.is_in_work_tree(path)? {
            missing.insert(path.clone());
        }
    }
    Ok(missing)
}
