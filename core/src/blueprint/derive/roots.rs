//! The folders of a repository that Kustomize or Helm renders for one environment, as far as the files tell.

use std::collections::{BTreeMap, BTreeSet};

use super::delivery::named_folders;
use super::{LeftOut, Rendered, folder};
use crate::blueprint::{Render, Renderer};
use crate::model::{File, Files, Name, RepoPath};
use crate::rendering::{Delivered, application_folders, inputs, resolve, resolve_application};
use crate::yaml::{self, Kind, Node};

/// A folder to be rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRoot {
    /// The entry for `bpctl.yaml`.
    pub render: Render,
    /// Other overlays of the same base, or values files of the same chart: those of other environments, it seems.
    pub others: Vec<RepoPath>,
    /// What people should know of it.
    pub note: Option<String>,
    /// Who may deliver something else than what the folder makes by itself, as the note says.
    pub otherwise: Option<&'static str>,
}

/// Overlays that nothing else builds on, one of each family, and charts that no other chart holds; and the families that are for other
/// environments alone. `files` has to hold all kustomizations and `Chart.yaml` files; `below`: folders that somebody named, empty: all.
pub fn render_roots(
    files: &Files,
    environment: &Name,
    namespace: &Name,
    below: &[RepoPath],
) -> (Vec<FoundRoot>, Vec<LeftOut>) {
    let (mut found, mut left_out) = (Vec::new(), Vec::new());
    for family in families(files, below) {
        match of_family(&family, environment) {
            Ok(root) => found.push(root),
            Err(left) => left_out.push(left),
        }
    }
    found.extend(charts(files, environment, namespace));
    found.retain(|root| {
        let meets = |(_, path): (Renderer, &RepoPath)| below.is_empty() || below.iter().any(|below| path.meets(below));
        root.render.root().is_some_and(meets)
    });
    found.sort_by(|a, b| a.render.root().map(|(_, root)| root).cmp(&b.render.root().map(|(_, root)| root)));
    (found, left_out)
}

/// What the first environment is best called where nobody says it: as the overlays are, of which most families have one; of several that of
/// which least depends. `None`: they say nothing, or some are called `staging`.
pub fn first_environment(files: &Files, below: &[RepoPath]) -> Option<Name> {
    let mut called: BTreeMap<(Stage, &str), usize> = BTreeMap::new();
    let families = families(files, below);
    for family in &families {
        let parts: BTreeSet<&str> = family.iter().flat_map(|root| root.as_str().split('/')).collect();
        for part in parts {
            if let Some(stage) = Stage::of(part) {
                *called.entry((stage, part)).or_default() += 1;
            }
        }
    }
    if called.keys().any(|(stage, _)| *stage == Stage::Staging) {
        return None;
    }
    let most = *called.values().max()?;
    let ((_, name), _) = called.iter().find(|(_, count)| **count == most)?;
    Name::new(*name).ok()
}

/// What an environment is for, as its name says: people write it in several ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// For those who write the software.
    Dev,
    /// For tests.
    Test,
    /// As production, without its users.
    Staging,
    /// Production.
    Prod,
}

impl Stage {
    /// The stage that a name says; `None`: it says none.
    pub fn of(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "dev" | "development" | "sandbox" => Self::Dev,
            "test" | "testing" | "qa" | "uat" => Self::Test,
            "staging" | "stage" | "stg" | "preprod" | "pre-prod" => Self::Staging,
            "prod" | "production" | "prd" | "live" => Self::Prod,
            _ => return None,
        })
    }
}

/// Whether a folder's path says that it is this environment's.
pub fn is_of(path: &RepoPath, environment: &Name) -> bool {
    let stage = Stage::of(environment.as_str());
    let is = |part: &str| part == environment.as_str() || (stage.is_some() && Stage::of(part) == stage);
    path.as_str().split('/').any(is)
}

/// The overlay of a family that is the environment's.
fn of_family(family: &[RepoPath], environment: &Name) -> Result<FoundRoot, LeftOut> {
    let find = |like: &dyn Fn(&str) -> bool| family.iter().position(|root| root.as_str().split('/').any(like));
    let mine = find(&|part| part == environment.as_str());
    let mine = mine.or_else(|| family.iter().position(|root| is_of(root, environment)));
    let others = |position: usize| {
        let others = family.iter().enumerate().filter(|(other, _)| *other != position);
        others.map(|(_, root)| root.clone()).collect::<Vec<_>>()
    };
    let position = match (mine, family) {
        (Some(position), _) => position,
        (None, [_]) => 0,
        // Another environment's, by its name: what is planned and judged for it must be nobody else's.
        (None, [first, ..]) if find(&|part| Stage::of(part).is_some()).is_some() => {
            let all = family.iter().map(RepoPath::as_str).collect::<Vec<_>>().join(", ");
            let because = format!(
                "of {all} none is called {environment}: name one of these folders to init, or another environment with --env"
            );
            return Err(LeftOut { path: first.clone(), because, unrendered: false });
        }
        (None, _) => 0,
    };
    Ok(FoundRoot {
        others: others(position),
        note: None,
        otherwise: None,
        render: Render { kustomize: family.get(position).cloned(), ..Render::default() },
    })
}

/// The overlays that nothing else builds on, those of one base together.
fn families(files: &Files, below: &[RepoPath]) -> Vec<Vec<RepoPath>> {
    let known = Rendered::of(files);
    let mut used: BTreeSet<RepoPath> = BTreeSet::new();
    let mut reads: BTreeMap<RepoPath, BTreeSet<RepoPath>> = BTreeMap::new();
    let mut refused: BTreeSet<RepoPath> = BTreeSet::new();
    for name in known.kustomize.keys() {
        let Ok(root) = RepoPath::new(name.clone()) else { continue };
        let entry = Render { kustomize: Some(root.clone()), ..Render::default() };
        let inputs = inputs(&entry, files);
        if inputs.refused.is_some() {
            refused.insert(root.clone());
        }
        let folders: BTreeSet<RepoPath> = inputs.depth.into_keys().filter(|path| *path != root).collect();
        used.extend(folders.iter().cloned());
        reads.insert(root, folders);
    }
    // What only lists manifests is read as it stands, unless somebody delivers it as it is rendered, or it lists what is elsewhere; a component
    // is no root.
    let delivered = named_folders(files);
    let roots: Vec<&RepoPath> = reads
        .keys()
        .filter(|root| {
            let plain = matches!(known.kustomize.get(root.as_str()), Some(Ok(_)));
            let through = reads[*root].iter().any(|base| matches!(known.kustomize.get(base.as_str()), Some(Err(()))));
            let named = below.contains(root);
            let wanted = below.is_empty() || below.iter().any(|below| root.meets(below));
            let other = || delivered.contains(*root) || refused.contains(*root);
            wanted && (named || !used.contains(*root)) && (!plain || through || other()) && !is_component(files, root)
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
    families.into_iter().map(|family| family.into_iter().cloned().collect()).collect()
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
        let values = values.or_else(|| {
            let stage = Stage::of(environment.as_str())?;
            let is_it = |path: &&RepoPath| {
                let name = path.file_name().strip_prefix("values").and_then(|name| name.strip_suffix(".yaml"));
                let name = name.and_then(|name| name.strip_prefix(['-', '.', '_']));
                folder(path.as_str()) == root.as_str() && name.and_then(Stage::of) == Some(stage)
            };
            files.0.keys().find(is_it).cloned()
        });
        let chosen = |path: &RepoPath| values.as_ref() == Some(path) || path.file_name() == "values.yaml";
        let beside = |path: &RepoPath| {
            folder(path.as_str()) == root.as_str() && path.file_name().starts_with("values") && !chosen(path)
        };
        let others = files.0.keys().filter(|path| beside(path)).cloned().collect();
        found.push(FoundRoot {
            others,
            note: None,
            otherwise: None,
            render: Render {
                helm: Some(root),
                namespace: Some(namespace.clone()),
                values: values.into_iter().collect(),
                ..Render::default()
            },
        });
    }
    found
}

/// The same, as the Argo CD Applications and the Kustomizations of Flux in these files deliver them: folder, release, namespace and values are theirs to say, and no guess.
pub fn delivered(roots: Vec<FoundRoot>, files: &Files, here: &Delivered, environment: &Name) -> Vec<FoundRoot> {
    let mentions = |path: &RepoPath| {
        files.blob(path).is_some_and(|blob| String::from_utf8_lossy(&blob.bytes).contains("argoproj.io/"))
    };
    let applications = files.0.keys().filter(|path| mentions(path));
    let applications: Vec<(&RepoPath, Vec<RepoPath>)> =
        applications.map(|path| (path, application_folders(path, files))).collect();
    let flux = flux(files);
    let by_argo_cd = roots.into_iter().map(|root| of_application(root, &applications, files, here, environment));
    by_argo_cd.map(|root| of_flux(root, &flux, environment)).collect()
}

/// A `Kustomization` of Flux: its file, the folder that it delivers, and what of it is not in that folder.
type Flux = (RepoPath, RepoPath, Option<String>);

fn flux(files: &Files) -> Vec<Flux> {
    const OWN: [&str; 10] = [
        "targetNamespace",
        "postBuild",
        "patches",
        "patchesStrategicMerge",
        "patchesJson6902",
        "images",
        "components",
        "namePrefix",
        "nameSuffix",
        "commonMetadata",
    ];
    let mut found = Vec::new();
    for (path, file) in &files.0 {
        let File::Blob(blob) = file else { continue };
        if !String::from_utf8_lossy(&blob.bytes).contains("kustomize.toolkit.fluxcd.io/") {
            continue;
        }
        for document in yaml::parse(path.as_str(), &blob.bytes, Kind::Manifest).unwrap_or_default() {
            let text = |keys: &[&str]| document.root.at(keys).and_then(Node::as_str);
            let is_flux = text(&["apiVersion"]).is_some_and(|v| v.starts_with("kustomize.toolkit.fluxcd.io/"));
            let folder = text(&["spec", "path"]).filter(|_| is_flux && text(&["kind"]) == Some("Kustomization"));
            let Some(folder) = folder.and_then(|named| RepoPath::new(resolve("", named)?).ok()) else { continue };
            let own = OWN.iter().find(|key| document.root.at(&["spec", key]).is_some());
            found.push((path.clone(), folder, own.map(|key| (*key).to_owned())));
        }
    }
    found
}

/// The overlay of a family that Flux delivers to the environment, as far as the names of files and folders tell.
fn of_flux(root: FoundRoot, flux: &[Flux], environment: &Name) -> FoundRoot {
    let Some((Renderer::Kustomize, folder)) = root.render.root() else { return root };
    let family: Vec<&RepoPath> = [folder].into_iter().chain(&root.others).collect();
    let named: Vec<&Flux> = flux.iter().filter(|(_, folder, _)| family.contains(&folder)).collect();
    let mine = |path: &RepoPath| path.as_str().split(['/', '.', '-']).any(|part| part == environment.as_str());
    let chosen = named.iter().find(|(path, folder, _)| mine(path) || mine(folder)).or(named.first());
    let Some((path, chosen, own)) = chosen else { return root };
    let note = match own {
        Some(own) => format!("{path} delivers it with its own `{own}`, which is not rendered here"),
        None => format!("as {path} delivers it"),
    };
    let others = family.into_iter().filter(|other| *other != chosen).cloned().collect();
    let otherwise = own.is_some().then_some("Flux");
    let render = Render { kustomize: Some(chosen.clone()), ..Render::default() };
    FoundRoot { render, others, note: Some(note), otherwise }
}

fn of_application(
    root: FoundRoot,
    applications: &[(&RepoPath, Vec<RepoPath>)],
    files: &Files,
    here: &Delivered,
    environment: &Name,
) -> FoundRoot {
    let Some((_, folder)) = root.render.root() else { return root };
    let naming = applications.iter().filter(|(_, folders)| folders.contains(folder)).map(|(path, _)| *path);
    let resolved = |path: &RepoPath| {
        let entry = Render { application: Some(path.clone()), ..Render::default() };
        match resolve_application(&entry, files, here) {
            Ok(Render { elsewhere: Some(why), .. }) => Err(why.message),
            resolved => resolved.map_err(|diagnostic| diagnostic.message),
        }
    };
    let (good, bad): (Vec<_>, Vec<_>) =
        naming.map(|path| (path, resolved(path))).partition(|(_, resolved)| resolved.is_ok());
    let mine = |path: &RepoPath| path.as_str().contains(environment.as_str());
    let chosen = good.iter().position(|(path, _)| mine(path)).unwrap_or(0);
    let others: Vec<&str> = good.iter().map(|(path, _)| path.as_str()).collect();
    if let Some((path, Ok(render))) = good.get(chosen) {
        let others: Vec<&str> = others.into_iter().filter(|other| *other != path.as_str()).collect();
        let note = (!others.is_empty()).then(|| format!("guessed: there are also {}", others.join(", ")));
        return FoundRoot { render: render.clone(), others: Vec::new(), note, otherwise: None };
    }
    let note =
        bad.into_iter().find_map(|(path, why)| Some(format!("{path} names it, and is not followed: {}", why.err()?)));
    let otherwise = note.is_some().then_some("Argo CD");
    FoundRoot { note, otherwise, ..root }
}

/// The entries as they stand in `bpctl.yaml`, indented for an environment; empty: nothing.
pub fn render_text(roots: &[FoundRoot]) -> String {
    let mut text = String::new();
    for (position, root) in roots.iter().enumerate() {
        if position == 0 {
            text.push_str("    # What Kustomize and Helm render for it; plans compare with that and name the lines that make it.\n    render:\n");
        }
        let say = |path: &RepoPath| serde_json::Value::from(path.as_str()).to_string();
        let note = root.note.as_ref().map(|note| format!(" # {}", note.replace(char::is_control, " ")));
        if let Some(application) = &root.render.resolved_from {
            text.push_str(&format!("      - application: {}{}\n", say(application), note.unwrap_or_default()));
            continue;
        }
        if let Some(note) = note {
            text.push_str(&format!("     {note}\n"));
        }
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
                let others: Vec<&str> = root.others.iter().take(4).map(RepoPath::as_str).collect();
                let also =
                    if others.is_empty() { String::new() } else { format!("; there are also {}", others.join(", ")) };
                text.push_str(&format!("      - helm: {} # guessed: release, namespace and values{also}\n", say(path)));
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
