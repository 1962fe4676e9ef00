//! Files that decide about others: what a checkout writes, what a controller delivers, and a second manifest of one workload.

use crate::blueprint::{Blueprint, Catalog, declared_object, is_manifest};
use crate::model::{Files, RepoPath};
use crate::rendering::resolve;
use crate::yaml::{self, Document, Kind, Node};

/// Why a changed file concerns every blueprint, wherever it lies; `None`: it does not (B6, T21).
pub(super) fn of_all(path: &RepoPath) -> Option<&'static str> {
    match path.file_name() {
        ".gitattributes" | ".gitmodules" | ".lfsconfig" => Some("it decides what a checkout writes of other files"),
        ".sourceignore" => Some("it decides which files Flux leaves out"),
        name if name.starts_with(".argocd-source") => Some("it changes what an Application delivers"),
        _ => None,
    }
}

/// Whether it holds, or held, what tells Argo CD or Flux to deliver folders that blueprints govern.
pub(super) fn delivers<'d>(documents: impl Iterator<Item = &'d Document>, catalog: &Catalog) -> bool {
    documents.filter_map(|document| folders(&document.root)).any(|folders| are_ours(&folders, catalog))
}

/// Whether a file declares the workload of a blueprint whose source is read plainly, beside that source: who delivers the folder applies both.
pub(super) fn declares(path: &RepoPath, documents: &[Document], catalog: &Catalog, blueprint: &Blueprint) -> bool {
    let source = &blueprint.spec.target.source;
    let folder = |path: &RepoPath| path.as_str().rsplit_once('/').map(|(folder, _)| folder.to_owned());
    let beside = match folder(source) {
        Some(above) => path.as_str().strip_prefix(&above).is_some_and(|rest| rest.starts_with('/')),
        None => folder(path).is_none(),
    };
    if !beside || path.is_within(source) {
        return false;
    }
    let environments =
        || catalog.workspace.value.environments.keys().filter(|environment| blueprint.is_in(environment));
    let plain: Vec<_> = environments().filter(|environment| !catalog.renders(environment, source)).collect();
    documents.iter().any(|document| {
        let declared = declared_object(&document.root).into();
        plain.iter().any(|environment| blueprint.object_in(environment).is_declared_by(&declared))
    })
}

/// The objects of a changed file on one side; none where it is no manifest, or cannot be read.
pub(super) fn documents(path: &RepoPath, files: &Files) -> Vec<Document> {
    let blob = files.blob(path).filter(|_| is_manifest(path));
    let parsed = blob.and_then(|blob| yaml::parse(path.as_str(), &blob.bytes, Kind::Manifest).ok());
    parsed.into_iter().flatten().flat_map(Document::listed).collect()
}

/// The folders that an object of Argo CD's or Flux's names; empty: it may be any. `None`: it is another object.
fn folders(root: &Node) -> Option<Vec<RepoPath>> {
    let text = |keys: &[&str]| root.at(keys).and_then(Node::as_str);
    let (group, _) = text(&["apiVersion"])?.split_once('/')?;
    let named: Vec<&str> = match (group, text(&["kind"])?) {
        ("argoproj.io", "Application") => {
            let several = root.at(&["spec", "sources"]).map_or(&[] as &[Node], Node::items);
            let sources = root.at(&["spec", "source"]).into_iter().chain(several);
            let paths: Vec<&str> = sources.filter_map(|source| source.get("path")?.as_str()).collect();
            // A chart from a repository of charts.
            Some(paths).filter(|paths| !paths.is_empty())?
        }
        ("kustomize.toolkit.fluxcd.io", "Kustomization") => vec![text(&["spec", "path"]).unwrap_or(".")],
        ("helm.toolkit.fluxcd.io", "HelmRelease") => {
            vec![text(&["spec", "chart", "spec", "chart"]).filter(|chart| chart.contains('/'))?]
        }
        ("argoproj.io", "ApplicationSet") | ("source.toolkit.fluxcd.io", "GitRepository") => Vec::new(),
        _ => return None,
    };
    let place = |named: &&str| match resolve("", named) {
        Some(path) if path.is_empty() => Some(RepoPath::root()),
        path => RepoPath::new(path?).ok(),
    };
    Some(named.iter().filter_map(place).collect())
}

/// Whether something of a blueprint's comes from these folders.
fn are_ours(folders: &[RepoPath], catalog: &Catalog) -> bool {
    let entries = || catalog.workspace.value.environments.values().flat_map(|place| &place.render);
    let sources = catalog.blueprints.values().map(|blueprint| &blueprint.value.spec.target.source);
    let mut ours = sources.chain(entries().filter_map(|entry| Some(entry.root()?.1)));
    folders.is_empty() || ours.any(|ours| folders.iter().any(|folder| folder.is_root() || folder.meets(ours)))
}
