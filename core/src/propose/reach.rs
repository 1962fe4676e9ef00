//! Files that decide about others: what a checkout writes, what a controller delivers, and a second manifest of one workload.

use std::collections::BTreeSet;

use crate::blueprint::{Blueprint, Catalog, Located, Manifest, belongs, is_manifest, manifest};
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
        blobs.into_iter().any(|blob| memchr::memmem::find(&blob.bytes, b"bpctl").is_some())
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

/// What a changed file declares on one side; nothing, where it is not there, or is no manifest.
#[derive(Debug, Default)]
pub(super) struct Declared {
    /// What can be read of it.
    objects: Vec<Manifest>,
    /// What else it names: items of a list that is none of Kubernetes' own sorts, which kubectl applies all the same.
    names: BTreeSet<String>,
    /// Something of it cannot be read, and whoever delivers it may read it otherwise (kubectl applies the documents before a broken one).
    unread: Option<Unread>,
}

/// What cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unread {
    /// It may hold an object of Argo CD's or Flux's.
    delivers: bool,
}

impl Declared {
    /// Reads one side of a file.
    pub(super) fn of(path: &RepoPath, files: &Files) -> Self {
        let is_program = path.as_str().ends_with(".jsonnet") || path.as_str().ends_with(".libsonnet");
        if !is_manifest(path) && !is_program {
            return Self::default();
        }
        let blob = match files.get(path) {
            None => return Self::default(),
            Some(File::Refused(_)) => return Self { unread: Some(Unread { delivers: true }), ..Self::default() },
            Some(File::Blob(blob)) => blob,
        };
        let unread = || Some(Unread { delivers: may_deliver(&blob.bytes) });
        if is_program {
            return Self { unread: unread(), ..Self::default() };
        }
        let parse = |bytes: &[u8]| yaml::parse(path.as_str(), bytes, Kind::Manifest).ok();
        let whole = parse(&blob.bytes);
        let is_broken = whole.is_none();
        let documents = whole.unwrap_or_else(|| {
            let parts = documents_of(&blob.bytes).take(PARTS);
            parts.filter_map(parse).flatten().collect()
        });
        let all: Vec<Document> = documents.into_iter().flat_map(Document::listed).collect();
        let mut names = BTreeSet::new();
        let mut lists = false;
        // What it lists is applied, whatever it calls itself.
        for list in all.iter().filter(|document| document.unread_list().is_some()) {
            lists = true;
            let items = list.root.get("items").map_or(&[] as &[Node], Node::items);
            names.extend(items.iter().flat_map(named).map(str::to_owned));
        }
        let objects = all.into_iter().filter_map(|document| manifest(path, document)).collect();
        Self { objects, names, unread: if is_broken || lists { unread() } else { None } }
    }

    /// What lies in another repository.
    pub(super) fn unseen() -> Self {
        Self { unread: Some(Unread { delivers: false }), ..Self::default() }
    }

    /// Whether all of it can be read.
    pub(super) fn is_readable(&self) -> bool {
        self.unread.is_none()
    }
}

/// Of how many documents of a file that cannot be read as a whole each is read by itself.
const PARTS: usize = 1000;

/// The documents of a text, each by itself.
fn documents_of(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = memchr::memmem::find(text, b"\n---");
        rest = end.and_then(|end| text.get(end + 1..));
        Some(end.map_or(text, |end| text.get(..=end).unwrap_or(text)))
    })
}

/// The names by which an object is one, or is about one.
fn named(root: &Node) -> impl Iterator<Item = &str> {
    let own = root.at(&["metadata", "name"]).and_then(Node::as_str);
    own.into_iter().chain(meant(root).map(|(_, name)| name))
}

/// What an object's specification points to, as `scaleTargetRef` and `workloadRef` do: kind, where it says one, and name.
fn meant(root: &Node) -> impl Iterator<Item = (Option<&str>, &str)> {
    let entries = root.get("spec").map_or(&[] as &[yaml::Entry], Node::entries);
    let refs = entries.iter().filter(|entry| entry.key.ends_with("Ref")).map(|entry| &entry.value);
    refs.filter_map(|at| Some((at.get("kind").and_then(Node::as_str), at.get("name").and_then(Node::as_str)?)))
}

/// Whether a text that cannot be read may name Argo CD or Flux: plainly, or written so that it cannot be looked for.
fn may_deliver(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return true };
    ["argoproj", "fluxcd"].iter().any(|group| text.contains(group)) || text.contains(['\\', '\0'])
}

/// Why a file that no blueprint's path names concerns all of them: it tells Argo CD or Flux what to deliver, or may. `None`: it does not.
pub(super) fn delivers(was: &Declared, is: &Declared, catalog: &Catalog) -> Option<&'static str> {
    if [was, is].iter().any(|side| side.unread.is_some_and(|unread| unread.delivers)) {
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

/// Whether any environment takes the files of a blueprint's source as they stand.
pub(super) fn is_plain_anywhere(catalog: &Catalog, blueprint: &Blueprint) -> bool {
    let mut environments = catalog.workspace.value.environments.keys();
    environments.any(|environment| is_read_plainly(catalog, blueprint, environment))
}

/// Whether a file lies in the folder of a source or below: who delivers the folder mostly delivers both.
fn is_beside(path: &RepoPath, source: &RepoPath) -> bool {
    match source.as_str().rsplit_once('/') {
        Some((above, _)) => path.as_str().strip_prefix(above).is_some_and(|rest| rest.starts_with('/')),
        None => true,
    }
}

/// Whether a file of nobody's declares the workload of a blueprint that is read plainly, or what belongs to that, or may: who delivers both
/// applies both.
pub(super) fn declares(
    path: &RepoPath,
    (was, is): (&Declared, &Declared),
    catalog: &Catalog,
    blueprint: &Blueprint,
) -> bool {
    let source = &blueprint.spec.target.source;
    let environments = catalog.workspace.value.environments.keys();
    let plain: Vec<&Name> =
        environments.filter(|environment| is_read_plainly(catalog, blueprint, environment)).collect();
    if plain.is_empty() || path.is_within(source) {
        return false;
    }
    let are_its = |objects: &[&Manifest]| plain.iter().any(|at| are_of(objects, catalog, blueprint, at));
    if is_beside(path, source) {
        // What goes is the workload's as much as what comes.
        return [was, is].iter().any(|side| !side.is_readable() || are_its(&side.objects.iter().collect::<Vec<_>>()));
    }
    // Elsewhere, a copy that stood there before is another cluster's, or an example. One that comes may be delivered from a folder above both.
    let comes = |one: &&Manifest| !was.objects.iter().any(|before| before.object == one.object);
    let new: Vec<&Manifest> = is.objects.iter().filter(comes).collect();
    let named = |at: &&Name| {
        let name = &blueprint.object_in(at).name;
        is.names.contains(name) && !was.names.contains(name)
    };
    are_its(&new) || plain.iter().any(named)
}

/// Whether a file that others own declares a blueprint's workload, or what belongs to that, or may, where both are delivered as they stand:
/// nobody else's approval is a way around its rules.
pub(super) fn declares_of_another(
    path: &RepoPath,
    is: &Declared,
    catalog: &Catalog,
    blueprint: &Blueprint,
    owners: &[&Located<Blueprint>],
) -> bool {
    let together = |environment: &&Name| {
        let mut plainly = owners.iter().map(|owner| is_read_plainly(catalog, &owner.value, environment));
        blueprint.is_in(environment) && plainly.any(|plainly| plainly)
    };
    let objects: Vec<&Manifest> = is.objects.iter().collect();
    let may = |environment: &Name| {
        let beside = !is.is_readable() && is_beside(path, &blueprint.spec.target.source);
        is.names.contains(&blueprint.object_in(environment).name)
            || (beside && is_read_plainly(catalog, blueprint, environment))
    };
    let mut environments = catalog.workspace.value.environments.keys().filter(together);
    environments.any(|environment| may(environment) || are_of(&objects, catalog, blueprint, environment))
}

/// Whether one of these objects is a blueprint's workload in an environment, or belongs to it.
fn are_of(objects: &[&Manifest], catalog: &Catalog, blueprint: &Blueprint, environment: &Name) -> bool {
    let target = &blueprint.spec.target;
    let object = blueprint.object_in(environment);
    let workload = catalog.manifest(environment, &target.source, &object);
    let near = |other: &ObjectRef| other.namespace.is_empty() || other.namespace == object.namespace;
    objects.iter().any(|other| {
        let is_its = || workload.is_some_and(|workload| belongs(other, target, &workload.document.root));
        // Whatever its kind: an autoscaler of somebody else's making scales as well, and a rollout takes its pods over.
        let mut refs = meant(&other.document.root);
        let is_about = refs.any(|(kind, name)| name == object.name && kind.is_none_or(|kind| kind == object.kind));
        object.is_declared_by(&other.object) || (near(&other.object) && (is_about || is_its()))
    })
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
