//! `lint`: reads the work tree, runs the rules. No forge, no cluster, no network.

use std::collections::BTreeSet;

use bpctl_core::blueprint::lint::{self, Fix, Surroundings};
use bpctl_core::blueprint::{Catalog, WORKSPACE_FILE, Workspace, workspace_problems};
use bpctl_core::model::{Diagnostic, Label, RepoPath, Timestamp};
use bpctl_core::yaml::{self, EditRefused};

use super::{PipelineError, tree};
use crate::git::{GitError, Repository};

/// What lint found, and in how much.
#[derive(Debug)]
pub struct Linted {
    /// Problems, in the order of files and lines.
    pub diagnostics: Vec<Diagnostic>,
    /// The workspace could not be read, and so nothing else was.
    pub unread: bool,
    /// Blueprints that were read.
    pub blueprints: usize,
    /// Policies that were read.
    pub policies: usize,
    /// Findings that are suppressed.
    pub suppressed: usize,
    /// What `--fix` would write: files with their bytes after it, and each value.
    pub fixes: Vec<FixedFile>,
}

/// A file as `--fix` would leave it.
#[derive(Debug)]
pub struct FixedFile {
    /// The file.
    pub path: RepoPath,
    /// The values.
    pub values: Vec<Fix>,
    /// Its bytes then; `Err`: why the file cannot be edited in place.
    pub bytes: Result<Vec<u8>, EditRefused>,
}

/// What is linted, and against what.
#[derive(Debug, Clone, Default)]
pub struct LintOptions {
    /// Only findings in files that differ from this commit.
    pub changed_since: Option<String>,
    /// Versions have to rise with what changed since the work left this commit (B3).
    pub base: Option<String>,
}

/// Lints the work tree. A workspace that cannot be read is a finding too.
pub async fn run(repository: &Repository, options: &LintOptions, now: Timestamp) -> Result<Linted, PipelineError> {
    // A name that means nothing is said before anything is read: it is a slip of whoever calls.
    let since = options.changed_since.as_deref().map(|name| tree::commit_of(repository, name)).transpose()?;
    let base = options.base.as_deref().map(|name| tree::left(repository, name)).transpose()?;
    let mut tree = match tree::work_tree(repository) {
        Ok(tree) => tree,
        Err(PipelineError::Input(diagnostic)) => {
            let path: Vec<RepoPath> = RepoPath::new(WORKSPACE_FILE).into_iter().collect();
            let all = workspace_problems(&repository.read_work_tree(&path)?);
            return Ok(Linted {
                diagnostics: if all.is_empty() { vec![*diagnostic] } else { all },
                unread: true,
                blueprints: 0,
                policies: 0,
                suppressed: 0,
                fixes: Vec::new(),
            });
        }
        Err(other) => return Err(other),
    };
    tree.render_all().await;
    let missing = missing(repository, &tree.catalog.workspace.value)?;
    let lint::Findings { found: mut diagnostics, suppressed } =
        lint::lint(&tree.catalog, &Surroundings { now, missing });
    if let Some(base) = base {
        match tree::commit_tree(repository, &base) {
            Ok(before) => diagnostics.extend(lint::version_bumps(&before.catalog, &tree.catalog)),
            // What could not be read had no version to rise from.
            Err(PipelineError::Input(_)) => {}
            Err(other) => return Err(other),
        }
        lint::sort(&mut diagnostics);
    }
    if let Some(since) = since {
        let changed = repository.uncommitted_in(&tree.files, &since, &tree.wanted)?;
        let changed: BTreeSet<&str> = changed.iter().map(RepoPath::as_str).collect();
        let touches = |label: &Label| changed.contains(label.span.file.as_str());
        // What has no place in a file cannot be told from what was there: it stays.
        diagnostics.retain(|found| found.labels.is_empty() || found.labels.iter().any(touches));
    }
    let fixes = fix(&tree, &diagnostics);
    let Catalog { blueprints, policies, .. } = &tree.catalog;
    let (blueprints, policies) = (blueprints.len(), policies.len());
    Ok(Linted { diagnostics, unread: false, blueprints, policies, suppressed, fixes })
}

/// The files with the values that findings say may be written.
fn fix(tree: &tree::Tree, found: &[Diagnostic]) -> Vec<FixedFile> {
    let all = lint::fixes(&tree.catalog, found).into_iter();
    all.filter_map(|(path, values)| {
        let blob = tree.files.blob(&path)?;
        let edits: Vec<_> = values.iter().map(|fix| fix.edit.clone()).collect();
        let bytes = yaml::apply(path.as_str(), &blob.bytes, &edits);
        Some(FixedFile { path, values, bytes })
    })
    .collect()
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
