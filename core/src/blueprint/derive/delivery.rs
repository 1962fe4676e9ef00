//! What the deliverers' own files in a repository say of its folders: Applications and `ApplicationSets` of Argo CD, Kustomizations of Flux.

use std::collections::BTreeSet;

use super::{LeftOut, folder};
use crate::blueprint::Render;
use crate::model::{Blob, Digest, File, Files, Name, RepoPath};
use crate::rendering::{Delivered, KUSTOMIZATIONS, resolve, resolve_application};
use crate::yaml::{self, Document, Kind, Node};

/// The namespace that a deliverer gives to what names none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// What is delivered.
    pub folder: RepoPath,
    /// Also what lies in folders below.
    pub deep: bool,
    /// The namespace.
    pub namespace: Name,
    /// The file that says so.
    pub by: RepoPath,
}

/// The documents of files that mention a text and are of its API group.
fn documents(files: &Files, group: &str) -> Vec<(RepoPath, Document)> {
    let mut found = Vec::new();
    for (path, file) in &files.0 {
        let File::Blob(blob) = file else { continue };
        if !String::from_utf8_lossy(&blob.bytes).contains(group) {
            continue;
        }
        let documents = yaml::parse(path.as_str(), &blob.bytes, Kind::Manifest).unwrap_or_default();
        let of_group = |document: &Document| {
            document.root.get("apiVersion").and_then(Node::as_str).is_some_and(|version| version.starts_with(group))
        };
        found.extend(documents.into_iter().filter(of_group).map(|document| (path.clone(), document)));
    }
    found
}

fn text<'d>(document: &'d Document, keys: &[&str]) -> Option<&'d str> {
    document.root.at(keys).and_then(Node::as_str)
}

fn place(named: &str) -> Option<RepoPath> {
    RepoPath::new(resolve("", named)?).ok()
}

const ARGO_CD: &str = "argoproj.io/";
const FLUX: &str = "kustomize.toolkit.fluxcd.io/";

/// The folders that Applications and Flux name, so that what they make is delivered though nothing else builds on them.
pub(super) fn named_folders(files: &Files) -> BTreeSet<RepoPath> {
    let argo_cd = documents(files, ARGO_CD).into_iter().filter(|(_, d)| text(d, &["kind"]) == Some("Application"));
    let argo_cd = argo_cd.filter_map(|(_, document)| place(text(&document, &["spec", "source", "path"])?));
    let flux = documents(files, FLUX).into_iter().filter(|(_, d)| text(d, &["kind"]) == Some("Kustomization"));
    argo_cd.chain(flux.filter_map(|(_, document)| place(text(&document, &["spec", "path"])?))).collect()
}

/// The namespaces that deliverers give, the environment's own first, as far as the names of files and folders tell.
pub fn destinations(files: &Files, here: &Delivered, environment: &Name) -> Vec<Destination> {
    let mut found = Vec::new();
    for (by, document) in documents(files, ARGO_CD) {
        let named =
            text(&document, &["spec", "source", "path"]).filter(|_| text(&document, &["kind"]) == Some("Application"));
        let namespace = text(&document, &["spec", "destination", "namespace"]).and_then(|name| Name::new(name).ok());
        let (Some(folder), Some(namespace)) = (named.and_then(place), namespace) else { continue };
        if is_ours(&document, &folder, here) {
            let recurse = document.root.at(&["spec", "source", "directory", "recurse"]);
            let deep = recurse.is_some_and(|node| matches!(node.value, yaml::Value::Bool(true)));
            found.push(Destination { folder, deep, namespace, by });
        }
    }
    for (by, document) in documents(files, FLUX) {
        let named = text(&document, &["spec", "path"]).filter(|_| text(&document, &["kind"]) == Some("Kustomization"));
        let namespace = text(&document, &["spec", "targetNamespace"]).and_then(|name| Name::new(name).ok());
        let (Some(folder), Some(namespace)) = (named.and_then(place), namespace) else { continue };
        found.push(Destination { folder, deep: true, namespace, by });
    }
    let mine = |path: &RepoPath| path.as_str().split(['/', '.', '-']).any(|part| part == environment.as_str());
    found.sort_by_key(|one| !(mine(&one.by) || mine(&one.folder)));
    found
}

/// Whether an Application is about this repository and its base: asked of one that holds nothing but its source's address.
fn is_ours(document: &Document, folder: &RepoPath, here: &Delivered) -> bool {
    let mut source = serde_json::Map::new();
    source.insert("path".into(), folder.as_str().into());
    // What is left out says something else than what is null.
    for key in ["repoURL", "targetRevision"] {
        let said = document.root.at(&["spec", "source", key]);
        source.extend(said.map(|node| (key.to_owned(), node.to_json())));
    }
    let plain = serde_json::json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "x"}, "spec": {"source": source},
    });
    let blob = |text: String| File::Blob(Blob { id: Digest::of(&text).to_string(), bytes: text.as_bytes().into() });
    let (Ok(path), Ok(inside)) = (RepoPath::new("application.json"), folder.join(KUSTOMIZATIONS[0])) else {
        return false;
    };
    let mut files = Files::default();
    files.0.insert(path.clone(), blob(plain.to_string()));
    files.0.insert(inside, blob("resources: []\n".into()));
    let entry = Render { application: Some(path), ..Render::default() };
    resolve_application(&entry, &files, here).is_ok_and(|resolved| resolved.elsewhere.is_none())
}

/// What Argo CD delivers of folders that are here and that bpctl does not follow: each file with why.
pub fn not_followed(files: &Files) -> Vec<LeftOut> {
    let mut found = Vec::new();
    for (path, document) in documents(files, ARGO_CD) {
        let name = text(&document, &["metadata", "name"]).unwrap_or("without a name").to_owned();
        let because = match text(&document, &["kind"]) {
            Some("ApplicationSet") => format!(
                "ApplicationSet/{name}: the Applications that it makes are not followed; what they name of this repository is read as the \
                 folders make it by themselves: check release, namespace and values"
            ),
            Some("Application") => {
                let several = document.root.at(&["spec", "sources"]).map_or(&[] as &[Node], Node::items);
                let folders = several.iter().filter_map(|source| place(source.get("path")?.as_str()?));
                let here: Vec<String> = folders
                    .filter(|folder| files.below(folder).next().is_some())
                    .map(|folder| folder.to_string())
                    .collect();
                if here.is_empty() {
                    continue;
                }
                format!(
                    "Application/{name} has several sources and is not followed; {} is read as it is by itself: check release, namespace \
                     and values",
                    here.join(" and ")
                )
            }
            _ => continue,
        };
        found.push(LeftOut { path, because, unrendered: false });
    }
    found
}

/// The namespace that a deliverer gives to a file that is delivered as it stands.
pub(super) fn destination<'d>(all: &'d [Destination], file: &RepoPath) -> Option<&'d Destination> {
    let is_in = |one: &&Destination| {
        if one.deep { file.is_within(&one.folder) } else { folder(file.as_str()) == one.folder.as_str() }
    };
    all.iter().find(is_in)
}

/// The same for a folder that is rendered: one above it, with other Applications in it, says nothing of that.
pub(super) fn destination_of_root<'d>(all: &'d [Destination], root: &RepoPath) -> Option<&'d Destination> {
    all.iter().find(|one| one.folder == *root)
}
