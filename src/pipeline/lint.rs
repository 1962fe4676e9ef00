//! `lint`: reads the work tree, runs the rules. No forge, no cluster, no network.

use std::collections::BTreeSet;

use bpctl_core::blueprint::lint::{self, Fix, Surroundings};
use bpctl_core::blueprint::{Catalog, Manifest, Render, WORKSPACE_FILE, Workspace, workspace_problems};
use bpctl_core::model::{
    Content, Diagnostic, FieldPath, Label, Name, RepoPath, Segment, Source, SourceSpan, Timestamp,
};
use bpctl_core::rendering::{Origin, Rendering, SourceField, all_fields};
use bpctl_core::yaml::{self, EditRefused, Node};

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
    /// The values that are written.
    pub values: Vec<Fix>,
    /// Its bytes then.
    pub bytes: Vec<u8>,
    /// The values that cannot be edited in place, and why.
    pub refused: Vec<(Fix, EditRefused)>,
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
    once(&mut diagnostics);
    if let Some(base) = base {
        let beside = tree::Beside { files: &[&tree.files], catalogs: &[&tree.catalog] };
        match tree::commit_tree(repository, &base, beside) {
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
        let reads = |made: Made<'_>| {
            changed.iter().any(|path| RepoPath::new(*path).is_ok_and(|path| made.rendering.reads(&path)))
        };
        let touches = |found: &Diagnostic, label: &Label| {
            changed.contains(label.span.file.as_str()) || made(&tree.catalog, found, label).is_some_and(reads)
        };
        // What has no place in a file cannot be told from what was there: it stays.
        diagnostics.retain(|found| found.labels.is_empty() || found.labels.iter().any(|label| touches(found, label)));
    }
    at_entries(&tree.catalog, &mut diagnostics);
    once(&mut diagnostics);
    let fixes = fix(&tree, &diagnostics);
    let Catalog { blueprints, policies, diagnostics: unread, .. } = &tree.catalog;
    let places = unread.iter().filter_map(|diagnostic| diagnostic.labels.first());
    let files_unread = places.map(|label| label.span.file.as_str()).collect::<BTreeSet<_>>().len();
    let (blueprints, policies) = (blueprints.len(), policies.len());
    // The process ends when all is said: to free what was read takes a tenth of a small lint.
    std::mem::forget(tree);
    Ok(Linted { diagnostics, unread: false, blueprints, policies, files_unread, suppressed, fixes })
}

/// What several environments render of one line is one finding.
fn once(found: &mut Vec<Diagnostic>) {
    let mut told = BTreeSet::new();
    found.retain(|found| {
        let places = found.labels.iter().map(|label| (label.span.to_string(), label.text.clone()));
        told.insert((found.code.clone(), found.message.clone(), places.collect::<Vec<_>>()))
    });
}

/// The rendering that a label points into, which is no file.
struct Made<'c> {
    environment: &'c Name,
    rendering: &'c Rendering,
    manifest: &'c Manifest,
}

fn made<'c>(catalog: &'c Catalog, diagnostic: &Diagnostic, label: &Label) -> Option<Made<'c>> {
    let source = diagnostic.sources.iter().find(|source| *source.name == *label.span.file)?;
    catalog.workspace.value.environments.keys().find_map(|environment| {
        catalog.renderings(environment).iter().find_map(|rendering| {
            let mut all = rendering.outcome.as_ref().ok()?.iter();
            let manifest = all.find(|manifest| is_in(manifest, source, label))?;
            Some(Made { environment, rendering, manifest })
        })
    })
}

/// Whether a label points into this manifest. What environments render of one folder has one name, and not one text.
fn is_in(manifest: &Manifest, source: &Source, label: &Label) -> bool {
    manifest.document.source == *source && manifest.document.root.range().contains(&label.span.start)
}

/// What was found in something rendered, and no line is known that makes it, is told at the entry by which it is rendered: nobody can open
/// what is rendered.
fn at_entries(catalog: &Catalog, found: &mut [Diagnostic]) {
    let workspace = &catalog.workspace;
    for diagnostic in found {
        for at in 0..diagnostic.labels.len() {
            let Some(made) = made(catalog, diagnostic, &diagnostic.labels[at]) else { continue };
            let entries = workspace.value.environments[made.environment].render.iter();
            let position = entries.map(Render::root).position(|root| {
                root.is_some_and(|(renderer, root)| (renderer, root) == (made.rendering.renderer, &made.rendering.root))
            });
            let nodes = workspace.document.root.at(&["environments", made.environment.as_str(), "render"]);
            let node = nodes.map(Node::items).unwrap_or_default().get(position.unwrap_or_default());
            let node = node.unwrap_or(&workspace.document.root);
            let by = ["kustomize", "helm", "application"].iter().find_map(|key| node.get(key)).unwrap_or(node);
            let label = &mut diagnostic.labels[at];
            label.span = workspace.document.span_of(by);
            label.text = format!("{} (in {}, as this renders it)", label.text, made.manifest.object);
            diagnostic.sources.push(workspace.document.source.clone());
            if at == 0 {
                // It would be written here.
                diagnostic.fix = None;
            }
        }
    }
}

/// What was found in something rendered is told at the line that makes it, where that is found: there it is mended (X9).
async fn place(tree: &mut tree::Tree, found: &mut [Diagnostic]) {
    let environments: Vec<Name> = tree.catalog.workspace.value.environments.keys().cloned().collect();
    for environment in environments {
        let labels =
            || found.iter().flat_map(|diagnostic| diagnostic.labels.iter().map(move |label| (diagnostic, label)));
        let fields = labels().filter_map(|(found, label)| rendered(&tree.catalog, &environment, found, label));
        let wanted: BTreeSet<_> = fields
            .map(|Rendered { manifest, field, .. }| (manifest.path.clone(), manifest.object.clone(), field))
            .collect();
        if wanted.is_empty() {
            continue;
        }
        let files = tree.files.clone();
        render::trace(&mut tree.catalog, &files, &environment, &wanted, render::PLAN_SEARCH).await;
        for diagnostic in &mut *found {
            for at in 0..diagnostic.labels.len() {
                let about = rendered(&tree.catalog, &environment, diagnostic, &diagnostic.labels[at]);
                let Some(Rendered { manifest, field, is_key }) = about else { continue };
                let Some(Origin::Line(line)) = tree.catalog.origin(&environment, manifest, &field) else { continue };
                let file = RepoPath::new(line.span.file.as_str()).ok().and_then(|path| files.blob(&path));
                if let Some(Content::Text(text)) = file.map(|blob| &blob.bytes) {
                    let source = Source { name: line.span.file.as_str().into(), text: text.clone() };
                    let key = line.field.as_ref().filter(|_| is_key).and_then(|value| key_of(value, text));
                    diagnostic.labels[at].span = key.unwrap_or_else(|| line.span.clone());
                    diagnostic.sources.push(source);
                }
            }
        }
    }
}

/// The place of the key that a value of a file stands behind.
fn key_of(value: &SourceField, text: &str) -> Option<SourceSpan> {
    let documents = yaml::parse(value.path.as_str(), text.as_bytes(), yaml::Kind::Manifest).ok()?;
    let document = documents.iter().find(|document| document.index == value.document)?;
    let (Segment::Key(key), above) = value.field.0.split_last()? else { return None };
    let above = FieldPath(above.to_vec());
    let parent = if above.0.is_empty() { Some(&document.root) } else { yaml::value_at(document, &above) };
    let entry = parent?.entry(key)?;
    Some(document.span(entry.key_start as usize..entry.key_end as usize))
}

/// What a label in something rendered is about.
struct Rendered<'c> {
    manifest: &'c Manifest,
    field: FieldPath,
    /// It marks the field's key, not its value.
    is_key: bool,
}

/// The field of a rendered object that a label is about.
fn rendered<'c>(
    catalog: &'c Catalog,
    environment: &Name,
    diagnostic: &Diagnostic,
    label: &Label,
) -> Option<Rendered<'c>> {
    let source = diagnostic.sources.iter().find(|source| *source.name == *label.span.file)?;
    let all = catalog.renderings(environment).iter().filter_map(|rendering| rendering.outcome.as_ref().ok());
    let manifest = all.flat_map(|manifests| manifests.iter()).find(|manifest| is_in(manifest, source, label))?;
    let mut fields = all_fields(&manifest.document).into_iter();
    let (own, root) = (fields.find(|(_, node)| node.range() == label.span.range()), &manifest.document.root);
    let (field, is_key) = match own {
        Some((field, _)) => (field, false),
        None => path_at(root, &label.span, FieldPath::default()),
    };
    // What is said of a whole object is said at its name.
    let whole = field.0.is_empty() || ["apiVersion", "kind"].iter().any(|key| field.is_keys(&[key]));
    let name = || FieldPath::keys(["metadata", "name"]);
    Some(if whole { Rendered { manifest, field: name(), is_key: false } } else { Rendered { manifest, field, is_key } })
}

/// The path of the value that a label marks, by its key (then true) or as it stands, or of the nearest around it.
fn path_at(node: &Node, span: &SourceSpan, path: FieldPath) -> (FieldPath, bool) {
    for entry in node.entries() {
        let key = entry.key_start as usize..entry.key_end as usize;
        if key.contains(&span.start) {
            return (path.key(entry.key.as_str()), true);
        }
        if entry.value.range().contains(&span.start) {
            return path_at(&entry.value, span, path.key(entry.key.as_str()));
        }
    }
    match node.items().iter().position(|item| item.range().contains(&span.start)) {
        Some(at) => path_at(&node.items()[at], span, path.join(Segment::Index(at))),
        None => (path, false),
    }
}

/// The files with the values that findings say may be written.
fn fix(tree: &tree::Tree, found: &[Diagnostic]) -> Vec<FixedFile> {
    let all = lint::fixes(&tree.files, found).into_iter();
    all.filter_map(|(path, values)| {
        let blob = tree.files.blob(&path)?;
        let mut fixed = FixedFile { path, values: Vec::new(), bytes: blob.bytes.to_vec(), refused: Vec::new() };
        for value in values {
            match yaml::apply(fixed.path.as_str(), &fixed.bytes, std::slice::from_ref(&value.edit)) {
                Ok(bytes) => {
                    fixed.bytes = bytes;
                    fixed.values.push(value);
                }
                Err(why) => fixed.refused.push((value, why)),
            }
        }
        Some(fixed)
    })
    .collect()
}

/// The paths that the workspace names and nothing stands at.
fn missing(repository: &Repository, workspace: &Workspace) -> Result<BTreeSet<RepoPath>, GitError> {
    let snapshots = workspace.environments.values().filter_map(|environment| environment.cluster.snapshot.as_ref());
    let named = snapshots.chain(workspace.local.allowed_signers.as_ref()).chain([&workspace.blueprints]);
    let mut missing = BTreeSet::new();
    for path in named {
        let signers = workspace.local.allowed_signers.as_ref() == Some(path);
        if !repository.is_in_work_tree(path)? || (signers && repository.is_folder_in_work_tree(path)) {
            missing.insert(path.clone());
        }
    }
    Ok(missing)
}
