//! `lint`: reads the work tree, runs the rules. No forge, no cluster, no network.

use std::collections::BTreeSet;

use bpctl_core::blueprint::lint::{self, Fix, Surroundings};
use bpctl_core::blueprint::{Catalog, Manifest, WORKSPACE_FILE, Workspace, workspace_problems};
use bpctl_core::model::{Content, Diagnostic, FieldPath, Label, Name, RepoPath, Source, Timestamp};
use bpctl_core::rendering::{Line, Origin, all_fields};
use bpctl_core::yaml::{self, EditRefused};

use super::{PipelineError, render, tree};
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
    /// Files that hold what could not be read, whatever `--changed-since` shows.
    pub files_unread: usize,
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
                files_unread: 0,
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
    place(&mut tree, &mut diagnostics).await;
    // What several environments render of one line is one finding.
    let mut told = BTreeSet::new();
    diagnostics.retain(|found| {
        let places = found.labels.iter().map(|label| (label.span.to_string(), label.text.clone()));
        told.insert((found.code.clone(), found.message.clone(), places.collect::<Vec<_>>()))
    });
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
    let Catalog { blueprints, policies, diagnostics: unread, .. } = &tree.catalog;
    let places = unread.iter().filter_map(|diagnostic| diagnostic.labels.first());
    let files_unread = places.map(|label| label.span.file.as_str()).collect::<BTreeSet<_>>().len();
    let (blueprints, policies) = (blueprints.len(), policies.len());
    Ok(Linted { diagnostics, unread: false, blueprints, policies, files_unread, suppressed, fixes })
}

/// What was found in something rendered is told at the line that makes it, where that is found: there it is mended (X9).
async fn place(tree: &mut tree::Tree, found: &mut [Diagnostic]) {
    let environments: Vec<Name> = tree.catalog.workspace.value.environments.keys().cloned().collect();
    for environment in environments {
        let labels =
            || found.iter().flat_map(|diagnostic| diagnostic.labels.iter().map(move |label| (diagnostic, label)));
        let fields = labels().filter_map(|(found, label)| rendered(&tree.catalog, &environment, found, label));
        let wanted: BTreeSet<_> =
            fields.map(|(manifest, field)| (manifest.path.clone(), manifest.object.clone(), field)).collect();
        if wanted.is_empty() {
            continue;
        }
        let files = tree.files.clone();
        render::trace(&mut tree.catalog, &files, &environment, &wanted, render::PLAN_SEARCH).await;
        for diagnostic in &mut *found {
            for at in 0..diagnostic.labels.len() {
                let line = rendered(&tree.catalog, &environment, diagnostic, &diagnostic.labels[at]);
                let origin = line.and_then(|(manifest, field)| tree.catalog.origin(&environment, manifest, &field));
                let Some(Origin::Line(Line { span, .. })) = origin else { continue };
                let file = RepoPath::new(span.file.as_str()).ok().and_then(|path| files.blob(&path));
                if let Some(Content::Text(text)) = file.map(|blob| &blob.bytes) {
                    let source = Source { name: span.file.as_str().into(), text: text.clone() };
                    diagnostic.labels[at].span = span.clone();
                    diagnostic.sources.push(source);
                }
            }
        }
    }
}

/// The field of a rendered object that a label is about.
fn rendered<'c>(
    catalog: &'c Catalog,
    environment: &Name,
    diagnostic: &Diagnostic,
    label: &Label,
) -> Option<(&'c Manifest, FieldPath)> {
    // What environments render of one folder has one name, and not one text.
    let source = diagnostic.sources.iter().find(|source| *source.name == *label.span.file)?;
    let all = catalog.renderings(environment).iter().filter_map(|rendering| rendering.outcome.as_ref().ok());
    let mut here = all.flat_map(|manifests| manifests.iter()).filter(|manifest| manifest.document.source == *source);
    here.find_map(|manifest| {
        let mut fields = all_fields(&manifest.document).into_iter();
        let (field, _) = fields.find(|(_, node)| node.range() == label.span.range())?;
        Some((manifest, field))
    })
}

/// The files with the values that findings say may be written.
fn fix(tree: &tree::Tree, found: &[Diagnostic]) -> Vec<FixedFile> {
    let all = lint::fixes(&tree.files, found).into_iter();
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
