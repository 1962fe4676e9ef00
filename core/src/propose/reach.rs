//! Files that decide about others: what a checkout writes, and what a controller delivers and makes of it.

use std::collections::BTreeSet;

use super::declared::Declared;
use super::kustomizations::Unrendered;
use crate::blueprint::{Blueprint, Catalog, Manifest, is_manifest};
use crate::model::{File, Files, Name, ObjectRef, RepoPath};
use crate::rendering::{KUSTOMIZATIONS, resolve};
use crate::yaml::{self, Document, Kind, Node};

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
        _ if is_argo_source(path) => Some("it changes what an Application delivers"),
        _ => None,
    }
}

/// Why a file that no blueprint's path names concerns all of them: it tells Argo CD or Flux what to deliver, or may. `None`: it does not.
pub(super) fn delivers(
    was: &Declared,
    is: &Declared,
    catalog: &Catalog,
    unrendered: &Unrendered,
) -> Option<&'static str> {
    if [was, is].iter().any(|side| side.may_deliver()) {
        return Some("it cannot be read, and may tell a controller what to deliver");
    }
    let named = |side: &Declared| -> Vec<(ObjectRef, Delivery)> {
        let all = side.objects.iter();
        all.filter_map(|one| Some((one.object.clone(), Delivery::of(&one.document.root)?))).collect()
    };
    let (was, is) = (named(was), named(is));
    if was.iter().chain(&is).any(|(_, delivery)| delivery.is_ours(catalog, unrendered)) {
        return Some("it tells a controller what to deliver from here");
    }
    // From wherever: the same objects may come from there, under the name of an Application that is followed here too.
    let same = is.iter().all(|one| was.contains(one));
    (!same).then_some("it tells a controller to deliver something else than before")
}

/// What an object says of a folder that it has a controller deliver, beside what the folder's own kustomization says.
#[derive(Debug)]
pub(super) struct Delivered {
    /// `None`: it may be any.
    pub(super) folder: Option<RepoPath>,
    /// Its objects go there, whatever they name.
    pub(super) namespace: Option<String>,
    /// Components that have a say in them, as they are called from there.
    pub(super) components: Vec<String>,
}

/// Whether a file's text may be of such an object: it is looked for in all files of a repository.
pub fn may_deliver_with_more(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let more = ["targetNamespace", "components", "argoproj.io"].iter().any(|word| text.contains(word));
    more && text.contains("kustomize")
}

/// All of them: Flux's and Argo CD's, on both sides.
pub(super) fn delivered_with_more(sides: [&Files; 2]) -> Vec<Delivered> {
    let says = |file: &File| matches!(file, File::Blob(blob) if may_deliver_with_more(&blob.bytes));
    let files =
        sides.into_iter().flat_map(|files| files.0.iter()).filter(|(path, file)| is_manifest(path) && says(file));
    let mut all = Vec::new();
    for (path, file) in files {
        let File::Blob(blob) = file else { continue };
        let documents = yaml::parse(path.as_str(), &blob.bytes, Kind::Manifest).unwrap_or_default();
        for document in documents.into_iter().flat_map(Document::listed_in_any) {
            if is_argo_source(path) {
                let folder = path.as_str().strip_suffix(path.file_name()).unwrap_or_default();
                let more = document.root.get("kustomize");
                all.extend(more.and_then(|more| with_more(folder.trim_end_matches('/'), more, "namespace")));
                continue;
            }
            let version = document.root.get("apiVersion").and_then(Node::as_str).unwrap_or_default();
            let Some(spec) = document.root.get("spec") else { continue };
            if version.starts_with("kustomize.toolkit.fluxcd.io/") {
                all.extend(with_more(path_of(spec), spec, "targetNamespace"));
            } else if version.starts_with("argoproj.io/") {
                let spec = spec.at(&["template", "spec"]).unwrap_or(spec);
                let many = spec.get("sources").map(Node::items).unwrap_or_default().iter();
                for source in spec.get("source").into_iter().chain(many) {
                    all.extend(source.get("kustomize").and_then(|more| with_more(path_of(source), more, "namespace")));
                }
            }
        }
    }
    all
}

fn path_of(source: &Node) -> &str {
    source.get("path").and_then(Node::as_str).unwrap_or(".")
}

/// Whether a file changes what an Application delivers from beside it.
fn is_argo_source(path: &RepoPath) -> bool {
    path.file_name().starts_with(".argocd-source")
}

fn with_more(folder: &str, more: &Node, namespace: &str) -> Option<Delivered> {
    let is_open = folder.contains(['$', '{']);
    let folder = resolve("", folder).filter(|folder| !folder.is_empty()).and_then(|folder| RepoPath::new(folder).ok());
    let folder = (!is_open).then(|| folder.unwrap_or_else(RepoPath::root));
    let named = more.get("components").map(Node::items).unwrap_or_default().iter().filter_map(Node::as_str);
    let components: Vec<String> = named.map(str::to_owned).collect();
    let namespace = more.get(namespace).and_then(Node::as_str).map(str::to_owned);
    (namespace.is_some() || !components.is_empty()).then_some(Delivered { folder, namespace, components })
}

/// The objects among these that tell a controller what to deliver, and say something else than before.
pub(super) fn delivering(changed: &[&Manifest]) -> BTreeSet<ObjectRef> {
    let deliveries: Vec<(&ObjectRef, Delivery)> =
        changed.iter().filter_map(|one| Some((&one.object, Delivery::of(&one.document.root)?))).collect();
    let alone = |at: usize| {
        let (object, delivery) = &deliveries[at];
        let same = |(other, one): &&(&ObjectRef, Delivery)| other == object && one == delivery;
        deliveries.iter().filter(same).count() < 2
    };
    (0..deliveries.len()).filter(|at| alone(*at)).map(|at| deliveries[at].0.clone()).collect()
}

/// Whether an environment takes the files of a blueprint's source as they stand.
pub(super) fn is_read_plainly(catalog: &Catalog, blueprint: &Blueprint, environment: &Name) -> bool {
    blueprint.is_in(environment) && !catalog.renders(environment, &blueprint.spec.target.source)
}

/// Whether a file says how a folder is delivered in which, or below which, the source of a blueprint lies that is read plainly: then it is no
/// more delivered as it stands. `known`: it said so before, and what comes of it on both sides is compared by itself.
pub(super) fn takes_over(path: &RepoPath, known: bool, catalog: &Catalog, blueprint: &Blueprint) -> bool {
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
        followed.any(|(application, _)| above(application))
            || (!known && above(source) && !catalog.renders(environment, source))
    })
}

/// Whether any environment takes the files of a blueprint's source as they stand.
pub(super) fn is_plain_anywhere(catalog: &Catalog, blueprint: &Blueprint) -> bool {
    let mut environments = catalog.workspace.value.environments.keys();
    environments.any(|environment| is_read_plainly(catalog, blueprint, environment))
}

/// What Argo CD and Flux may have Kustomize do that makes other objects of a folder's: images and replicas are by name, labels change none.
const REMAKES: [&str; 7] =
    ["components", "patches", "patchesStrategicMerge", "patchesJson6902", "namePrefix", "nameSuffix", "namespace"];

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
                    // Another version of a chart that lies elsewhere is its maker's, and everyday.
                    let of_charts = source.get("chart").is_some();
                    for key in ["repoURL", "path", "chart", "targetRevision", "ref", "plugin", "directory"] {
                        if let Some(value) = source.get(key).filter(|_| !(of_charts && key == "targetRevision")) {
                            leaf(&format!("{position}.{key}"), value, &mut written);
                        }
                    }
                    for key in REMAKES {
                        if let Some(value) = source.at(&["kustomize", key]) {
                            leaf(&format!("{position}.kustomize.{key}"), value, &mut written);
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
                for key in ["sourceRef", "path"].into_iter().chain(REMAKES) {
                    if let Some(value) = root.at(&["spec", key]) {
                        leaf(key, value, &mut written);
                    }
                }
            }
            ("helm.toolkit.fluxcd.io", "HelmRelease") => {
                for key in ["chartRef", "postRenderers"] {
                    if let Some(value) = root.at(&["spec", key]) {
                        leaf(key, value, &mut written);
                    }
                }
                // Of a repository of charts it is a name, of any other source a path.
                let of_charts = text(&["spec", "chart", "spec", "sourceRef", "kind"]) == Some("HelmRepository");
                for entry in root.at(&["spec", "chart", "spec"]).map(Node::entries).unwrap_or_default() {
                    if !(of_charts && matches!(&*entry.key, "version" | "interval")) {
                        leaf(&entry.key, &entry.value, &mut written);
                    }
                }
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
    fn is_ours(&self, catalog: &Catalog, unrendered: &Unrendered) -> bool {
        let Self::From { folders, .. } = self else { return true };
        let entries = || catalog.workspace.value.environments.values().flat_map(|place| &place.render);
        let sources = catalog.blueprints.values().map(|blueprint| &blueprint.value.spec.target.source);
        let mut ours = sources.chain(entries().filter_map(|entry| Some(entry.root()?.1)));
        ours.any(|ours| folders.iter().any(|folder| folder.is_root() || folder.meets(ours)))
            || folders.iter().any(|folder| {
                let mut all = catalog.blueprints.values();
                all.any(|blueprint| unrendered.delivers(folder, catalog, &blueprint.value))
            })
    }
}
