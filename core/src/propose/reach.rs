//! Files that decide about others: what a checkout writes, and what a controller delivers and makes of it.

use std::collections::BTreeSet;

use super::declared::{Declared, mentions, searched};
use crate::blueprint::{Blueprint, Catalog, is_manifest};
use crate::model::{Files, Name, ObjectRef, RepoPath};
use crate::rendering::{KUSTOMIZATIONS, resolve};
use crate::yaml::{self, Kind, Node};

/// Where forges look for the programs that they run.
const WORKFLOWS: [&str; 13] = [
    ".github/workflows/",
    ".github/actions/",
    ".gitea/workflows/",
    ".forgejo/workflows/",
    ".gitlab-ci",
    ".gitlab/",
    ".woodpecker",
    ".drone",
    ".circleci/",
    ".buildkite/",
    ".travis",
    "azure-pipelines",
    "bitbucket-pipelines",
];
/// What a workflow runs, wherever it lies.
const RUN: [&str; 4] = ["action.yml", "action.yaml", "Jenkinsfile", "justfile"];

/// Why a changed file concerns every blueprint, wherever it lies; `None`: it does not (B6, T21).
pub(super) fn of_all(path: &RepoPath, sides: [&Files; 2]) -> Option<&'static str> {
    let runs = || {
        let blobs = sides.into_iter().filter_map(|files| files.blob(path));
        blobs.into_iter().any(|blob| blob.bytes.windows(5).any(|word| word.eq_ignore_ascii_case(b"bpctl")))
    };
    match path.file_name() {
        "CODEOWNERS" => Some("it decides who has to look at changes"),
        name if (WORKFLOWS.iter().any(|folder| path.as_str().starts_with(folder)) || RUN.contains(&name)) && runs() => {
            Some("it runs bpctl, or did: what is judged and applied, and with which credentials, is its to say")
        }
        ".gitattributes" | ".gitmodules" | ".lfsconfig" => Some("it decides what a checkout writes of other files"),
        ".sourceignore" => Some("it decides which files Flux leaves out"),
        name if name.starts_with(".argocd-source") => Some("it changes what an Application delivers"),
        _ => None,
    }
}

/// Why a file that no blueprint's path names concerns all of them: it tells Argo CD or Flux what to deliver, or may. `None`: it does not.
pub(super) fn delivers(was: &Declared, is: &Declared, catalog: &Catalog) -> Option<&'static str> {
    if [was, is].iter().any(|side| side.may_deliver()) {
        return Some("it cannot be read, and may tell a controller what to deliver");
    }
    let named = |side: &Declared| -> Vec<(ObjectRef, Delivery)> {
        let all = side.objects.iter();
        all.filter_map(|one| Some((one.object.clone(), Delivery::of(&one.document.root)?))).collect()
    };
    let (was, is) = (named(was), named(is));
    if was.iter().chain(&is).any(|(_, delivery)| delivery.is_ours(catalog)) {
        return Some("it tells a controller what to deliver from here");
    }
    // From wherever: the same objects may come from there, under the name of an Application that is followed here too.
    let same = is.iter().all(|one| was.contains(one));
    (!same).then_some("it tells a controller to deliver something else than before")
}

/// Whether an environment takes the files of a blueprint's source as they stand.
pub(super) fn is_read_plainly(catalog: &Catalog, blueprint: &Blueprint, environment: &Name) -> bool {
    blueprint.is_in(environment) && !catalog.renders(environment, &blueprint.spec.target.source)
}

/// Whether a file says how a folder is delivered in which, or below which, the source of a blueprint lies that is read plainly: then it is no
/// more delivered as it stands.
pub(super) fn takes_over(path: &RepoPath, catalog: &Catalog, blueprint: &Blueprint) -> bool {
    let name = path.file_name();
    if !KUSTOMIZATIONS.contains(&name) && !name.ends_with("Chart.yaml") {
        return false;
    }
    let folder = path.as_str().strip_suffix(name).unwrap_or_default().trim_end_matches('/');
    let source = &blueprint.spec.target.source;
    let above = |path: &RepoPath| folder.is_empty() || RepoPath::new(folder).is_ok_and(|folder| path.meets(&folder));
    let mut environments =
        catalog.workspace.value.environments.iter().filter(|(environment, _)| blueprint.is_in(environment));
    environments.any(|(environment, place)| {
        // A patch of the Application that is followed as it stands.
        let followed = place
            .render
            .iter()
            .filter_map(|entry| Some((entry.resolved_from.as_ref().or(entry.application.as_ref())?, entry.root()?.1)));
        let mut followed = followed.filter(|(_, root)| source.meets(root) || root.meets(source));
        followed.any(|(application, _)| above(application)) || (above(source) && !catalog.renders(environment, source))
    })
}

/// What of a kustomization computes objects, so that they cannot be told from what it lists.
const COMPUTES: [&str; 9] = [
    "helmCharts",
    "helmChartInflationGenerator",
    "generators",
    "transformers",
    "validators",
    "configurations",
    "openapi",
    "vars",
    "replacements",
];

/// What of a kustomization names other files: the key of the list, and the key of the name in an entry.
const NAMES: [(&str, &str); 6] = [
    ("resources", ""),
    ("bases", ""),
    ("components", ""),
    ("patches", "path"),
    ("patchesStrategicMerge", ""),
    ("patchesJson6902", "path"),
];

/// The namespaces into which a changed kustomization puts what it lists.
pub(super) fn moves_to(path: &RepoPath, files: &Files) -> Option<String> {
    let root = kustomization(path, files)?.ok()?;
    root.get("namespace").and_then(Node::as_str).map(str::to_owned)
}

/// What a kustomization says; `None`: it is none, or is not there. `Err`: it cannot be read.
fn kustomization(path: &RepoPath, files: &Files) -> Option<Result<Node, ()>> {
    let blob =
        KUSTOMIZATIONS.contains(&path.file_name()).then(|| files.get(path)).flatten().map(|_| files.blob(path))?;
    let documents = blob.and_then(|blob| yaml::parse(path.as_str(), &blob.bytes, Kind::Manifest).ok());
    Some(match documents.map(|mut all| (all.pop(), all.is_empty())) {
        Some((Some(document), true)) => Ok(document.root),
        _ => Err(()),
    })
}

/// What a changed kustomization that nobody renders here may make of things that do not look so: Flux takes each that lies below its folder, and
/// Argo CD any that it is sent to.
#[derive(Debug, Default)]
pub(super) struct Remade {
    /// It may be anything.
    anything: bool,
    /// The files and folders of this repository that it newly lists.
    listed: Vec<RepoPath>,
    /// The prefix and the suffix that it newly gives to names.
    renamed: Option<(String, String)>,
    /// What it says before and after.
    texts: [String; 2],
}

impl Remade {
    /// Reads both sides of a file; `None`: it is no kustomization, or is gone.
    pub(super) fn of(path: &RepoPath, [before, after]: [&Files; 2]) -> Option<Self> {
        let anything = || Some(Self { anything: true, ..Self::default() });
        let Ok(is) = kustomization(path, after)? else { return anything() };
        let was = kustomization(path, before).and_then(Result::ok);
        let was = was.as_ref();
        let anew = |key: &&str| {
            is.get(key).is_some()
                && is.get(key).map(Node::to_json) != was.and_then(|was| was.get(key)).map(Node::to_json)
        };
        let text = |files: &Files| files.blob(path).and_then(|blob| searched(&blob.bytes));
        let (before, Some(after_text)) = (text(before).unwrap_or_default(), text(after)) else { return anything() };
        let folder = path.as_str().strip_suffix(path.file_name()).unwrap_or_default();
        let had = was.map(names_of).unwrap_or_default();
        let listed: Option<Vec<RepoPath>> =
            names_of(&is).difference(&had).map(|named| local(folder, named, after)).collect();
        let Some(listed) = listed.filter(|_| !COMPUTES.iter().any(anew)) else { return anything() };
        let part = |key: &str| is.get(key).and_then(Node::as_str).unwrap_or_default().to_owned();
        let (prefix, suffix) = (part("namePrefix"), part("nameSuffix"));
        let renames = ["namePrefix", "nameSuffix"].iter().any(anew) && !(prefix.is_empty() && suffix.is_empty());
        let renamed = renames.then_some((prefix, suffix));
        Some(Self { anything: false, listed, renamed, texts: [before, after_text] })
    }

    /// Whether a blueprint's workload, or what acts on it, may be among that.
    pub(super) fn may_be(&self, catalog: &Catalog, blueprint: &Blueprint) -> bool {
        let [before, after] = &self.texts;
        let source = &blueprint.spec.target.source;
        let becomes = |name: &str| {
            self.renamed.as_ref().is_some_and(|(prefix, suffix)| {
                name.len() > prefix.len() + suffix.len() && name.starts_with(prefix) && name.ends_with(suffix)
            })
        };
        let mut environments = catalog.workspace.value.environments.keys().filter(|name| blueprint.is_in(name));
        self.anything
            || self.listed.iter().any(|path| path.meets(source))
            || environments.any(|environment| {
                let object = blueprint.object_in(environment);
                becomes(&object.name) || mentions(after, &object.name) > mentions(before, &object.name)
            })
    }
}

/// The files and folders that a kustomization lists.
fn names_of(root: &Node) -> BTreeSet<String> {
    let entries = NAMES.iter().flat_map(|(list, key)| {
        let named =
            |entry: &Node| if key.is_empty() { entry.as_str() } else { entry.get(key)?.as_str() }.map(str::to_owned);
        root.get(list).map_or(&[] as &[Node], Node::items).iter().filter_map(named).collect::<Vec<_>>()
    });
    entries.collect()
}

/// Where a name in a kustomization leads, if that is to a manifest or a folder here: whatever else it takes is read by it alone.
fn local(folder: &str, named: &str, files: &Files) -> Option<RepoPath> {
    let is_remote = ["://", "@", "?", "//"].iter().any(|sign| named.contains(sign)) || named.starts_with("github.com");
    let path = RepoPath::new(resolve(folder, named).filter(|path| !is_remote && !path.is_empty())?).ok()?;
    let is_folder = || !path.file_name().contains('.') && files.get(&path).is_none();
    (is_manifest(&path) || is_folder()).then_some(path)
}

/// Whether any environment takes the files of a blueprint's source as they stand.
pub(super) fn is_plain_anywhere(catalog: &Catalog, blueprint: &Blueprint) -> bool {
    let mut environments = catalog.workspace.value.environments.keys();
    environments.any(|environment| is_read_plainly(catalog, blueprint, environment))
}

/// What an object of Argo CD's or Flux's delivers.
#[derive(Debug, PartialEq, Eq)]
enum Delivery {
    /// Nobody knows: it may be anything.
    Any(String),
    /// These, each as it is written, to where; and the folders among them.
    From { written: BTreeSet<String>, folders: Vec<RepoPath> },
}

impl Delivery {
    /// `None`: it is another object.
    fn of(root: &Node) -> Option<Self> {
        let text = |keys: &[&str]| root.at(keys).and_then(Node::as_str);
        let (group, _) = text(&["apiVersion"])?.split_once('/')?;
        let kind = text(&["kind"])?;
        let spec = root.get("spec");
        let any = || Some(Self::Any(spec.map(Node::to_json).map(|json| json.to_string()).unwrap_or_default()));
        let mut folders: Vec<&str> = Vec::new();
        let mut written = BTreeSet::new();
        let leaf = |place: &str, node: &Node, written: &mut BTreeSet<String>| {
            written.insert(format!("{place}={}", node.to_json()));
        };
        match (group, kind) {
            ("argoproj.io", "Application") => {
                if root.at(&["spec", "sourceHydrator"]).is_some() {
                    return any();
                }
                let several = root.at(&["spec", "sources"]).map_or(&[] as &[Node], Node::items);
                let sources = root.at(&["spec", "source"]).into_iter().chain(several);
                for (position, source) in sources.enumerate() {
                    for key in ["repoURL", "path", "chart", "targetRevision", "ref"] {
                        if let Some(value) = source.get(key) {
                            leaf(&format!("{position}.{key}"), value, &mut written);
                        }
                    }
                    folders.extend(source.get("path").and_then(Node::as_str));
                }
                if written.is_empty() {
                    return any();
                }
            }
            ("kustomize.toolkit.fluxcd.io", "Kustomization") => {
                folders.push(text(&["spec", "path"]).unwrap_or("."));
                for key in ["sourceRef", "path"] {
                    if let Some(value) = root.at(&["spec", key]) {
                        leaf(key, value, &mut written);
                    }
                }
            }
            ("helm.toolkit.fluxcd.io", "HelmRelease") => {
                for key in ["chart", "chartRef"] {
                    if let Some(value) = root.at(&["spec", key]) {
                        leaf(key, value, &mut written);
                    }
                }
                // Of a repository of charts it is a name, of any other source a path.
                let of_charts = text(&["spec", "chart", "spec", "sourceRef", "kind"]) == Some("HelmRepository");
                folders.extend(text(&["spec", "chart", "spec", "chart"]).filter(|_| !of_charts));
            }
            ("argoproj.io", "ApplicationSet" | "AppProject") | ("source.toolkit.fluxcd.io", _) => return any(),
            _ => return None,
        }
        for key in ["destination", "project", "targetNamespace", "storageNamespace", "kubeConfig"] {
            if let Some(value) = root.at(&["spec", key]) {
                leaf(key, value, &mut written);
            }
        }
        let place = |named: &&str| match resolve("", named).filter(|_| !named.contains(['$', '{'])) {
            Some(path) if path.is_empty() => Some(RepoPath::root()),
            path => RepoPath::new(path?).ok(),
        };
        // Flux stops `..` at the root, and puts variables in: what does not resolve here may be any folder.
        match folders.iter().map(place).collect::<Option<Vec<_>>>() {
            Some(folders) => Some(Self::From { written, folders }),
            None => any(),
        }
    }

    /// Whether something of a blueprint's comes from it.
    fn is_ours(&self, catalog: &Catalog) -> bool {
        let Self::From { folders, .. } = self else { return true };
        let entries = || catalog.workspace.value.environments.values().flat_map(|place| &place.render);
        let sources = catalog.blueprints.values().map(|blueprint| &blueprint.value.spec.target.source);
        let mut ours = sources.chain(entries().filter_map(|entry| Some(entry.root()?.1)));
        ours.any(|ours| folders.iter().any(|folder| folder.is_root() || folder.meets(ours)))
    }
}
