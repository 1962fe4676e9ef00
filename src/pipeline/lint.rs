//! `lint`: reads the work tree, runs the rules. No forge, no cluster, no network.

use bpctl_core::blueprint::lint;
use bpctl_core::model::Diagnostic;

use super::{PipelineError, tree};
use crate::git::Repository;

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
pub fn run(repository: &Repository) -> Result<Linted, PipelineError> {
    match tree::work_tree(repository) {
        Ok(tree) => Ok(Linted {
            diagnostics: lint::lint(&tree.catalog),
            blueprints: tree.catalog.blueprints.len(),
            policies: tree.catalog.policies.len(),
        }),
        Err(PipelineError::Input(diagnostic)) => {
            Ok(Linted { diagnostics: vec![*diagnostic], blueprints: 0, policies: 0 })
        }
        Err(other) => Err(other),
    }
}
