//! The folders of a repository that Kustomize or Helm renders for one environment, as far as the files tell.

use std::collections::{BTreeMap, BTreeSet};

use super::{Rendered, folder};
use crate::blueprint::{Render, Renderer};
use crate::model::{Files, Name, RepoPath};
use crate::rendering::inputs;
use crate::yaml::{self, Kind, Node};

/// A folder to be rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRoot {
    /// The entry for `bpctl.yaml`.
    pub render: Render,
    /// Other overlays of the same base: those of other environments, it seems.
    pub others: Vec<RepoPath>,
}

/// Overlays that nothing else builds on, one of each family, and charts that no other chart holds. `files` has to hold all kustomizations
/// and `Chart.yaml` files; `below`: folders that somebody named, empty: all.
pub fn render_roots(files: &Files, environment: &Name, namespace: &Name, below: &[RepoPath]) -> Vec<FoundRoot> {
    let mut found = overlays(files, environment, below);
    found.extend(charts(files, environment, namespace));
    found.retain(|root| {
        let meets = |(_, path): (Renderer, &RepoPath)| below.is_empty() || below.iter().any(|below| path.meets(below));
        root.render.root().is_some_and(meets)
    });
    found.sort_by(|a, b| a.render.root().map(|(_, root)| root).cmp(&b.render.root().map(|(_, root)| root)));
    found
}

fn overlays(files: &Files, environment: &Name, below: &[RepoPath]) -> Vec<FoundRoot> {
    let known = Rendered::of(files);
    let mut used: BTreeSet<RepoPath> = BTreeSet::new();
    let mut reads: BTreeMap<RepoPath, BTreeSet<RepoPath>> = BTreeMap::new();
    for name in known.kustomize.keys() {
        let Ok(root) = RepoPath::new(name.clone()) else { continue };
        let entry = Render { kustomize: Some(root.clone()), ..Render::default() };
        let folders: BTreeSet<RepoPath> =
            inputs(&entry, files).depth.into_keys().filter(|path| *path != root).collect();
        used.extend(folders.iter().cloned());
        reads.insert(root, folders);
    }
    // What only lists manifests is read as it stands; a component is no root.
    let roots: Vec<&RepoPath> = reads
        .keys()
        .filter(|root| {
            let plain = matches!(known.kustomize.get(root.as_str()), Some(Ok(_)));
            let through = reads[*root].iter().any(|base| matches!(known.kustomize.get(base.as_str()), Some(Err(()))));
            let named = below.contains(root);
            let wanted = below.is_empty() || below.iter().any(|below| root.meets(below));
            wanted && (named || !used.contains(*root)) && (!plain || through) && !is_component(files, root)
        })
        .collect();
    let mut families: Vec<Vec<&RepoPath>> = Vec::new();
    for root in roots {
        let akin = |family: &Vec<&RepoPath>| family.iter().any(|other| !reads[*other].is_disjoint(&reads[root]));
        match families.iter_mut().find(|family| akin(family)) {
            Some(family) => family.push(root),
            None => families.push(vec![root]),
        }
    }
    let chosen = families.into_iter().map(|family| {
        let like = |wanted: &str| family.iter().position(|root| root.as_str().split('/').any(|part| part == wanted));
        let position = like(environment.as_str()).or_else(|| like("prod")).or_else(|| like("production")).unwrap_or(0);
        let others = family.iter().enumerate().filter(|(other, _)| *other != position);
        FoundRoot {
            others: others.map(|(_, root)| (*root).clone()).collect(),
            render: Render { kustomize: Some(family[position].clone()), ..Render::default() },
        }
    });
    chosen.collect()
}

fn is_component(files: &Files, root: &RepoPath) -> bool {
    let names = super::KUSTOMIZATIONS.iter().filter_map(|name| root.join(name).ok());
    names.filter_map(|path| Some((files.blob(&path)?, path))).any(|(blob, path)| {
        yaml::parse(path.as_str(), &blob.bytes, Kind::Manifest).is_ok_and(|documents| {
            documents.iter().any(|document| document.root.get("kind").and_then(Node::as_str) == Some("Component"))
        })
    })
}

fn charts(files: &Files, environment: &Name, namespace: &Name) -> Vec<FoundRoot> {
    let all: BTreeSet<&str> =
        files.0.keys().filter(|path| path.file_name() == "Chart.yaml").map(|path| folder(path.as_str())).collect();
    let mut found = Vec::new();
    for root in &all {
        let Ok(root) = RepoPath::new(*root) else { continue };
        let within = all
            .iter()
            .any(|other| *other != root.as_str() && RepoPath::new(*other).is_ok_and(|other| root.is_within(&other)));
        let Some(blob) = root.join("Chart.yaml").ok().and_then(|path| files.blob(&path)) else { continue };
        let documents = yaml::parse(root.as_str(), &blob.bytes, Kind::Manifest).unwrap_or_default();
        let library = documents.iter().any(|d| d.root.get("type").and_then(Node::as_str) == Some("library"));
        if within || library || documents.is_empty() {
            continue;
        }
        let named = |stem: &str| root.join(&format!("values{stem}{environment}.yaml")).ok();
        let values = ["-", ".", "_"].into_iter().filter_map(named).find(|path| files.blob(path).is_some());
        found.push(FoundRoot {
            render: Render {
                helm: Some(root),
                namespace: Some(namespace.clone()),
                values: values.into_iter().collect(),
                ..Render::default()
            },
            others: Vec::new(),
        });
    }
    found
}

/// The entries as they stand in `bpctl.yaml`, indented for an environment; empty: nothing.
pub fn render_text(roots: &[FoundRoot]) -> String {
    let mut text = String::new();
    for (position, root) in roots.iter().enumerate() {
        if position == 0 {
            text.push_str("    # What Kustomize and Helm render for it; plans compare with that and name the lines that make it.\n    render:\n");
        }
        let say = |path: &RepoPath| serde_json::Value::from(path.as_str()).to_string();
        match root.render.root() {
            Some((Renderer::Kustomize, path)) => {
                let others: Vec<&str> = root.others.iter().take(4).map(RepoPath::as_str).collect();
                let mark = match others.len() {
                    0 => String::new(),
                    _ => format!(" # guessed: there are also {}", others.join(", ")),
                };
                text.push_str(&format!("      - kustomize: {}{mark}\n", say(path)));
            }
            Some((Renderer::Helm, path)) => {
                text.push_str(&format!("      - helm: {} # guessed: release, namespace and values\n", say(path)));
                for (key, value) in [("release", &root.render.release), ("namespace", &root.render.namespace)] {
                    if let Some(value) = value {
                        let value = serde_json::Value::from(value.as_str());
                        text.push_str(&format!("        {key}: {value}\n"));
                    }
                }
                if !root.render.values.is_empty() {
                    let values: Vec<String> = root.render.values.iter().map(say).collect();
                    text.push_str(&format!("        values: [{}]\n", values.join(", ")));
                }
            }
            None => {}
        }
    }
    text
}
