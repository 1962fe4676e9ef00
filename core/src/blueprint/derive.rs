//! Derives blueprints from the manifests that a repository holds: the first draft of `bpctl init`.
//!
//! Only what a manifest says is taken over as it is; all else is a guess and is marked so, in a comment on its line. From files that
//! something else renders (Kustomize with more than a list of resources, Helm) nothing is derived as they stand: what is rendered from
//! them counts.

mod delivery;
mod roots;
mod spread;

use std::collections::{BTreeMap, BTreeSet};

pub use delivery::{Destination, destinations, not_followed};
use delivery::{destination, destination_of_root};
pub use roots::{FoundRoot, Stage, delivered, first_environment, is_of, render_roots, render_text};
use spread::Spread;

use super::companion::{belongs, divides_by};
use super::kinds::meant_kind;
use super::load::manifest;
use super::pod::{declared_total, main_containers};
use super::spec::is_object_name;
use super::{Manifest, Target, WorkloadRef, is_yaml};
use crate::model::{File, Files, Name, ObjectRef, RepoPath, WorkloadKind};
use crate::rendering::Rendering;
use crate::yaml::{self, Document, Kind, Node};

/// What cannot be read off manifests.
#[derive(Debug, Clone)]
pub struct DeriveOptions {
    /// Who answers for workloads whose labels do not say; `None`: a placeholder.
    pub owner: Option<String>,
    /// The namespace of manifests that name none.
    pub namespace: Name,
    /// The folder that blueprints go to.
    pub folder: RepoPath,
    /// Look below these only; empty: everywhere.
    pub below: Vec<RepoPath>,
    /// The environment that is looked at.
    pub environment: Name,
    /// The namespaces that deliverers give to what names none.
    pub destinations: Vec<Destination>,
}

/// What another environment of the workspace has.
#[derive(Debug, Clone)]
pub struct Beside {
    /// Its name.
    pub environment: Name,
    /// The folders that it renders.
    pub roots: Vec<RepoPath>,
    /// What came of them.
    pub renderings: Vec<Rendering>,
    /// The files and folders that these were made of.
    pub inputs: BTreeSet<RepoPath>,
    /// The workloads that have a blueprint there, each with its source.
    pub governed: Vec<(ObjectRef, RepoPath)>,
}

impl DeriveOptions {
    fn wants(&self, path: &RepoPath) -> bool {
        self.below.is_empty() || self.below.iter().any(|below| path.is_within(below))
    }
}

/// How the mark of a source ends that is one of several.
pub const DECLARED_TOO: &str = " declares it too";

/// A blueprint to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The blueprint's name.
    pub name: Name,
    /// Where it goes.
    pub path: RepoPath,
    /// The file.
    pub text: String,
    /// What it governs.
    pub workload: ObjectRef,
    /// What declares that.
    pub manifest: RepoPath,
    /// What it governs in other environments.
    pub covers: Vec<(Name, ObjectRef)>,
}

/// A file that holds a workload for which nothing was derived.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// The file.
    pub path: RepoPath,
    /// Why.
    pub because: String,
    /// It was to be rendered, and could not be: what it holds is not known.
    pub unrendered: bool,
}

/// Drafts, and what there are none for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Derived {
    /// By name.
    pub drafts: Vec<Draft>,
    /// By path.
    pub left_out: Vec<LeftOut>,
    /// Workloads that a blueprint governs already.
    pub governed: BTreeSet<ObjectRef>,
}

/// Derives a draft for each workload of these files that no blueprint governs yet. `governed`: the workloads that have one, each with
/// its source; `renderings`: what was rendered, with the files and folders that each was made of; `beside`: the workspace's other environments.
pub fn derive(
    files: &Files,
    governed: &[(ObjectRef, RepoPath)],
    renderings: &[(Rendering, BTreeSet<RepoPath>)],
    beside: &[Beside],
    options: &DeriveOptions,
) -> Derived {
    let rendered = Rendered::of(files);
    let mut derived = Derived::default();
    let mut found: Vec<Found> = Vec::new();
    let mut autoscalers: BTreeMap<Scaled, Divided> = BTreeMap::new();
    for (path, file) in &files.0 {
        let File::Blob(blob) = file else { continue };
        // What a renderer makes of a file counts, and not the file.
        let made = |rendering: &Rendering| rendering.outcome.is_ok() && rendering.reads(path);
        if path.is_within(&options.folder)
            || !options.wants(path)
            || renderings.iter().any(|(rendering, _)| made(rendering))
        {
            continue;
        }
        let text = String::from_utf8_lossy(&blob.bytes);
        let mut others = UNGOVERNED.iter().map(|(group, _)| *group).chain(["HorizontalPodAutoscaler", "apps/v1"]);
        if !mentions_workload(&text) && !others.any(|mentioned| text.contains(mentioned)) {
            continue;
        }
        let mut leave_out = |because: &str| {
            derived.left_out.push(LeftOut { path: path.clone(), because: because.into(), unrendered: false });
        };
        let manifest = is_yaml(path) && mentions_workload(&text);
        if let Some(by) = rendered.by(path) {
            let inputs = renderings.iter().map(|(_, inputs)| inputs).chain(beside.iter().map(|other| &other.inputs));
            if manifest && !inputs.flatten().any(|input| path.is_within(input)) {
                leave_out(&by);
            }
            continue;
        }
        let documents = match yaml::parse(path.as_str(), &blob.bytes, Kind::Manifest) {
            Ok(documents) => documents,
            Err(wrong) if manifest => {
                let at = wrong.labels.first().map_or_else(String::new, |label| format!("line {}: ", label.span.line));
                leave_out(&format!("it is not YAML that Kubernetes reads; a template, perhaps: {at}{}", wrong.message));
                continue;
            }
            Err(_) => continue,
        };
        for document in documents.into_iter().flat_map(Document::listed) {
            if let Some(unread) = document.unread_list().filter(|_| manifest) {
                leave_out(&format!("{} (bpctl explain {})", unread.message, unread.code));
                continue;
            }
            if let Some(because) = ungoverned(&document.root) {
                leave_out(&because);
            }
            autoscalers.extend(autoscaled(&document.root));
            let Some((kind, name)) = workload(&document.root) else { continue };
            if document.root.at(&["spec", "selector"]).is_none() {
                leave_out(&format!("{kind}/{name} has no spec.selector: a patch, or not whole"));
                continue;
            }
            let own = document.root.at(&["metadata", "namespace"]).and_then(Node::as_str);
            let given = own.or_else(|| rendered.namespace(path));
            let destination = destination(&options.destinations, path).filter(|_| given.is_none());
            let given = given.or_else(|| Some(destination?.namespace.as_str()));
            let Ok(namespace) = Name::new(given.unwrap_or(options.namespace.as_str())) else {
                leave_out(&format!("{kind}/{name} is in a namespace that Kubernetes does not take"));
                continue;
            };
            let guessed = match (own, given, destination) {
                (Some(_), ..) => None,
                (None, _, Some(destination)) => Some(format!("guessed: as {} delivers it", destination.by)),
                (None, Some(_), None) => Some("the kustomization's".to_owned()),
                (None, None, None) => Some("guessed: the manifest names none".to_owned()),
            };
            let object = ObjectRef::workload(kind, namespace.as_str(), name);
            found.push(Found {
                object,
                kind,
                guessed_namespace: guessed,
                path: path.clone(),
                document,
                rendered: false,
            });
        }
    }
    for (rendering, _) in renderings {
        let manifests = match &rendering.outcome {
            Ok(manifests) => manifests,
            Err(failure) => {
                let said = failure.said.as_ref().map_or_else(String::new, |said| format!(" ({})", said.raw()));
                let mend = failure.version_to_say().map_or_else(String::new, |mend| format!("; in bpctl.yaml, {mend}"));
                let because = format!("{} could not render it: {}{said}{mend}", rendering.renderer, failure.message);
                derived.left_out.push(LeftOut { path: rendering.root.clone(), because, unrendered: true });
                continue;
            }
        };
        for manifest in manifests.iter() {
            autoscalers.extend(autoscaled(&manifest.document.root));
            if let Some(because) = ungoverned(&manifest.document.root) {
                derived.left_out.push(LeftOut { path: rendering.root.clone(), because, unrendered: false });
            }
            let Some((kind, name)) = workload(&manifest.document.root) else { continue };
            let own = Some(manifest.object.namespace.as_str()).filter(|namespace| !namespace.is_empty());
            let destination = destination_of_root(&options.destinations, &rendering.root).filter(|_| own.is_none());
            let given = own.or_else(|| Some(destination?.namespace.as_str()));
            let Ok(namespace) = Name::new(given.unwrap_or(options.namespace.as_str())) else { continue };
            let guessed = match (own, destination) {
                (Some(_), _) => None,
                (None, Some(destination)) => Some(format!("guessed: as {} delivers it", destination.by)),
                (None, None) => Some("guessed: what is rendered names none".to_owned()),
            };
            let object = ObjectRef::workload(kind, namespace.as_str(), name);
            let document = manifest.document.clone();
            let path = rendering.root.clone();
            found.push(Found { object, kind, guessed_namespace: guessed, path, document, rendered: true });
        }
    }
    // What owns the replicas in one environment must not have a rival in the blueprint of all.
    for manifest in beside.iter().flat_map(|other| &other.renderings).filter_map(|made| made.outcome.as_ref().ok()) {
        for (scaled, divided) in manifest.iter().filter_map(|manifest| autoscaled(&manifest.document.root)) {
            // Its own environment's says by what it scales.
            autoscalers.entry(scaled).or_insert(divided);
        }
    }
    let own: Vec<&Rendering> = renderings.iter().map(|(rendering, _)| rendering).collect();
    let mut targets: BTreeMap<ObjectRef, RepoPath> = BTreeMap::new();
    let mut known: BTreeSet<ObjectRef> = BTreeSet::new();
    let mut names = BTreeSet::new();
    let mut twice: BTreeMap<RepoPath, Vec<String>> = BTreeMap::new();
    // What one file declares twice has no source that says which is meant.
    let mut doubled: BTreeMap<(RepoPath, ObjectRef), usize> = BTreeMap::new();
    for workload in &found {
        *doubled.entry((workload.path.clone(), workload.object.clone())).or_default() += 1;
    }
    // Of copies the one nearest to the root is meant, more often than not: what lies deeper is a variant, an extra, an archive.
    found.sort_by_key(|workload| (workload.rendered, workload.path.as_str().matches('/').count()));
    let mut copies: BTreeMap<ObjectRef, BTreeSet<RepoPath>> = BTreeMap::new();
    for workload in &found {
        copies.entry(workload.object.clone()).or_default().insert(workload.path.clone());
    }
    let mut folders = Folders { files, rendered: &rendered, options, read: BTreeMap::new() };
    for workload in found {
        // A manifest without a namespace is of the namespace that its blueprint says.
        let declared = workload.declared();
        if governed.iter().any(|(object, source)| {
            *object == workload.object || (object.is_declared_by(&declared) && workload.path.is_within(source))
        }) {
            known.insert(declared);
            continue;
        }
        if let Some(first) = targets.get(&workload.object) {
            let because = format!("{} of namespace {} is in {first} too", workload.object, workload.object.namespace);
            twice.entry(workload.path).or_default().push(because);
            continue;
        }
        if doubled.get(&(workload.path.clone(), workload.object.clone())).is_some_and(|times| *times > 1) {
            let because = format!("it declares {} of namespace {} twice", workload.object, workload.object.namespace);
            derived.left_out.push(LeftOut { path: workload.path, because, unrendered: false });
            continue;
        }
        let good = is_object_name(&workload.object.name);
        let free = free_name(&workload.object, &names, files, options).filter(|_| good);
        let Some((name, path)) = free else {
            let because = if good {
                format!("there is no free name for the blueprint of {}", workload.object)
            } else {
                format!("{} has a name that Kubernetes does not take", workload.object)
            };
            derived.left_out.push(LeftOut { path: workload.path, because, unrendered: false });
            continue;
        };
        names.insert(name.clone());
        targets.insert(workload.object.clone(), workload.path.clone());
        let (source, left_out) = workload.source(&mut folders);
        derived.left_out.extend(left_out);
        let spread = Spread::of(&workload, source, &own, beside, options);
        derived.left_out.extend(spread.note.clone().map(|because| LeftOut {
            path: workload.path.clone(),
            because,
            unrendered: false,
        }));
        let elsewhere = spread.covers.iter().map(|(_, object)| object.namespace.as_str());
        let scaled = [workload.object.namespace.as_str(), ""].into_iter().chain(elsewhere).find_map(|namespace| {
            autoscalers.get(&(workload.kind, workload.object.name.clone(), namespace.to_owned()))
        });
        let others = copies.get(&workload.object).into_iter().flatten().filter(|path| **path != workload.path);
        let text = workload.text(&name, &spread, (scaled, &others.collect::<Vec<_>>()), options);
        let (workload, manifest, covers) = (workload.object, workload.path, spread.covers);
        derived.drafts.push(Draft { name, path, text, workload, manifest, covers });
    }
    derived.left_out.extend(twice.into_iter().map(|(path, all)| {
        let more =
            if all.len() > 1 { format!(", and so are {} more of its workloads", all.len() - 1) } else { String::new() };
        LeftOut { because: format!("{}{more}", all[0]), path, unrendered: false }
    }));
    derived.governed = known;
    derived.drafts.sort_by(|a, b| a.name.cmp(&b.name));
    derived.left_out.sort();
    derived.left_out.dedup();
    derived
}

fn mentions_workload(text: &str) -> bool {
    WorkloadKind::ALL.iter().any(|kind| text.contains(kind.as_str()))
}

fn workload(root: &Node) -> Option<(WorkloadKind, &str)> {
    let text = |keys: &[&str]| root.at(keys).and_then(Node::as_str);
    let kind = WorkloadKind::of_kind(text(&["kind"])?).filter(|_| text(&["apiVersion"]) == Some("apps/v1"))?;
    Some((kind, text(&["metadata", "name"])?))
}

/// What runs pods and is no workload that a blueprint can be about: its group, its kind.
const UNGOVERNED: [(&str, &str); 6] = [
    ("apps/", "ReplicaSet"),
    ("batch/", "CronJob"),
    ("batch/", "Job"),
    ("argoproj.io/", "Rollout"),
    ("serving.knative.dev/", "Service"),
    ("helm.toolkit.fluxcd.io/", HELM_RELEASE),
];
const HELM_RELEASE: &str = "HelmRelease";

/// Why nothing is derived for what runs pods and is no workload that a blueprint can be about.
fn ungoverned(root: &Node) -> Option<String> {
    let text = |keys: &[&str]| root.at(keys).and_then(Node::as_str);
    let (kind, group) = (text(&["kind"])?, text(&["apiVersion"])?);
    let name = text(&["metadata", "name"]).unwrap_or_default();
    if let Some(meant) = meant_kind(group, kind).filter(|meant| WorkloadKind::of_kind(meant).is_some()) {
        return Some(format!("{kind}/{name}: {group} has no such kind; did you mean {meant}?"));
    }
    let prefix = text(&["metadata", "generateName"]).filter(|_| name.is_empty());
    if let (Some(prefix), true) = (prefix, group == "apps/v1" && WorkloadKind::of_kind(kind).is_some()) {
        return Some(format!("a {kind} of generateName: {prefix} is another one each time: give it a name"));
    }
    let outdated = group.starts_with("apps/v1beta") || group == "extensions/v1beta1";
    if outdated && WorkloadKind::of_kind(kind).is_some() {
        return Some(format!("{kind}/{name} is of {group}, which Kubernetes serves no more: write apps/v1"));
    }
    UNGOVERNED.iter().find(|(of, name)| *name == kind && group.starts_with(of))?;
    let because = if kind == HELM_RELEASE {
        "Flux makes its objects of a chart; a chart of this repository can be rendered by `render` of an environment"
    } else {
        "a blueprint is about a Deployment, a StatefulSet or a DaemonSet"
    };
    Some(format!("{kind}/{name}: {because}"))
}

/// A workload's kind and name, and the namespace that its autoscaler names; empty where it names none.
type Scaled = (WorkloadKind, String, String);
/// The resources of which an autoscaler holds usage to a share of the request.
type Divided = Vec<&'static str>;

/// The workload whose replicas an autoscaler owns, and what that goes by.
fn autoscaled(root: &Node) -> Option<(Scaled, Divided)> {
    let text = |keys: &[&str]| root.at(keys).and_then(Node::as_str);
    text(&["kind"]).filter(|kind| *kind == "HorizontalPodAutoscaler")?;
    let kind = WorkloadKind::of_kind(text(&["spec", "scaleTargetRef", "kind"])?)?;
    let namespace = text(&["metadata", "namespace"]).unwrap_or_default();
    let spec = root.get("spec").map(Node::to_json);
    let version = text(&["apiVersion"]).unwrap_or_default();
    let divides = |resource: &&str| divides_by(version, spec.as_ref(), resource, None);
    let divided = ["cpu", "memory"].into_iter().filter(divides).collect();
    Some(((kind, text(&["spec", "scaleTargetRef", "name"])?.to_owned(), namespace.to_owned()), divided))
}

/// A name for the blueprint whose file is not there yet: the workload's own, else behind its namespace, else with its kind.
fn free_name(
    object: &ObjectRef,
    taken: &BTreeSet<Name>,
    files: &Files,
    options: &DeriveOptions,
) -> Option<(Name, RepoPath)> {
    let own = object.name.replace('.', "-");
    let kind = object.kind.to_lowercase();
    [own.clone(), format!("{}-{own}", object.namespace), format!("{}-{own}-{kind}", object.namespace)]
        .into_iter()
        .filter_map(|name| Name::new(name).ok().filter(|name| !taken.contains(name)))
        .find_map(|name| {
            let path = options.folder.join(&format!("{name}/blueprint.yaml")).ok()?;
            files.get(&path).is_none().then_some((name, path))
        })
}

/// What the files of a folder, and of those below it, declare.
struct Folder {
    /// Whether all of it can be a source; if not, why.
    whole: Result<(), String>,
    /// The workloads that a blueprint can be about.
    workloads: Vec<Manifest>,
    /// All else.
    others: Vec<Manifest>,
}

/// The folders that were asked for, each read once, because thousands of workloads may share one.
struct Folders<'f> {
    files: &'f Files,
    rendered: &'f Rendered,
    options: &'f DeriveOptions,
    read: BTreeMap<RepoPath, Option<Folder>>,
}

impl Folders<'_> {
    /// `None` for a folder that nobody asked for, or that holds the blueprints.
    fn get(&mut self, folder: &RepoPath) -> Option<&Folder> {
        let (files, rendered, options) = (self.files, self.rendered, self.options);
        let read = || Some(Folder::read(files, rendered, folder));
        let wanted = options.wants(folder) && !options.folder.is_within(folder);
        self.read.entry(folder.clone()).or_insert_with(|| if wanted { read() } else { None }).as_ref()
    }
}

impl Folder {
    fn read(files: &Files, rendered: &Rendered, folder: &RepoPath) -> Self {
        let mut all = Self { whole: Ok(()), workloads: Vec::new(), others: Vec::new() };
        let below = files.0.range(folder.clone()..).take_while(|(path, _)| path.as_str().starts_with(folder.as_str()));
        for (path, file) in below.filter(|(path, _)| path.is_within(folder) && is_yaml(path)) {
            let mut stands_in_the_way = |because: String| all.whole = all.whole.clone().and(Err(because));
            let File::Blob(blob) = file else {
                stands_in_the_way(format!("{path} is no file"));
                continue;
            };
            if let Some(by) = rendered.by(path) {
                stands_in_the_way(format!("{path} is not to be read as it stands: {by}"));
                continue;
            }
            let Ok(documents) = yaml::parse(path.as_str(), &blob.bytes, Kind::Manifest) else {
                stands_in_the_way(format!("{path} is not YAML that Kubernetes reads"));
                continue;
            };
            for document in documents.into_iter().flat_map(Document::listed) {
                let is_workload = workload(&document.root).is_some();
                let of = if is_workload { &mut all.workloads } else { &mut all.others };
                of.extend(manifest(path, document));
            }
        }
        all
    }
}

/// A workload and where it was found.
struct Found {
    object: ObjectRef,
    kind: WorkloadKind,
    guessed_namespace: Option<String>,
    path: RepoPath,
    document: Document,
    /// `path` is the folder that was rendered.
    rendered: bool,
}

impl Found {
    /// Whether an object is one of this kind and name, wherever it is.
    fn is_named(&self, object: &ObjectRef) -> bool {
        (&object.api_version, &object.kind, &object.name)
            == (&self.object.api_version, &self.object.kind, &self.object.name)
    }

    /// The object as the manifest names it.
    fn declared(&self) -> ObjectRef {
        if self.guessed_namespace.is_some() { self.object.in_namespace("") } else { self.object.clone() }
    }

    /// Where it is declared: its file, or the folder of that where what belongs to the workload lies there too. A folder in which
    /// something declares the same workload again, or that cannot be taken whole, is not taken; what stays uncompared then is told.
    fn source(&self, folders: &mut Folders<'_>) -> (RepoPath, Option<LeftOut>) {
        let file = || self.path.clone();
        let Ok(folder) = RepoPath::new(folder(self.path.as_str())) else { return (file(), None) };
        if self.rendered {
            return (file(), None);
        }
        let Ok(namespace) = Name::new(self.object.namespace.clone()) else { return (file(), None) };
        let target = Target {
            workload: WorkloadRef { kind: self.kind, name: self.object.name.clone() },
            namespace,
            source: folder.clone(),
            companions: Vec::new(),
            environments: Vec::new(),
        };
        let Some(there) = folders.get(&folder) else { return (file(), None) };
        let here = |namespace: &str| namespace.is_empty() || namespace == self.object.namespace;
        let mut beside = there.others.iter().filter(|manifest| {
            manifest.path != self.path
                && here(&manifest.object.namespace)
                && belongs(manifest, &target, &self.document.root)
        });
        let Some(first) = beside.next() else { return (file(), None) };
        let is_own = |other: &Manifest| {
            let (one, other) = (&self.document, (&other.path, &other.document));
            *other.0 == self.path && (other.1.index, &other.1.within) == (one.index, &one.within)
        };
        let again = there.workloads.iter().find(|other| {
            let object = &other.object;
            let same = object.kind == self.object.kind && object.name == self.object.name && here(&object.namespace);
            same && !is_own(other)
        });
        let because = match (again, &there.whole) {
            (None, Ok(())) => return (folder, None),
            (Some(other), _) => format!("{} declares {} too", other.path, self.object),
            (None, Err(because)) => because.clone(),
        };
        let more = beside.count();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let object = &first.object;
        let because = format!(
            "{}/{}{more} of {} stays uncompared: {folder} is no source for that blueprint, because {because}",
            object.kind, object.name, self.object,
        );
        (file(), Some(LeftOut { path: first.path.clone(), because, unrendered: false }))
    }

    /// `others`: what declares the same workload and was not taken.
    fn text(
        &self,
        name: &Name,
        spread: &Spread,
        (autoscaled, others): (Option<&Divided>, &[&RepoPath]),
        options: &DeriveOptions,
    ) -> String {
        let root = &self.document.root;
        let label = |key| root.at(&["metadata", "labels", key]).and_then(Node::as_str).filter(|text| !text.is_empty());
        let labelled = ["team", "owner", "app.kubernetes.io/part-of"].into_iter().find_map(label);
        let (owner, mark) = match (&options.owner, labelled) {
            // What is asked for stands for workloads that do not say it themselves.
            (_, Some(owner)) => (owner, " # guessed, from a label"),
            (Some(owner), None) => (owner.as_str(), ""),
            (None, None) => ("unknown", " # guessed: write the team that answers for it"),
        };
        let namespace = &self.object.namespace;
        let namespace_mark = self.guessed_namespace.as_ref().map(|why| format!(" # {why}")).unwrap_or_default();
        let source_mark = others.first().map_or_else(String::new, |first| {
            let more = if others.len() > 1 { format!(", one of {},", others.len()) } else { String::new() };
            format!(" # guessed: {}{more}{DECLARED_TOO}", comment(first.as_str()))
        });
        let mut text = format!(
            "# Derived from {manifest} by bpctl init. Check each line marked as guessed, then delete the mark.\n\
             apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata:\n  name: {name}\n  version: 0.1.0\n  owner: {owner}{mark}\n\
             spec:\n  target:\n    workload: {workload}\n    namespace: {namespace}{namespace_mark}\n    source: {source}{source_mark}\n",
            manifest = self.path,
            owner = scalar(owner),
            name = scalar(name.as_str()),
            workload = self.object,
            namespace = scalar(namespace),
            source = scalar(spread.source.as_str()),
        );
        if let Some(environments) = &spread.environments {
            let environments: Vec<String> = environments.iter().map(|name| scalar(name.as_str())).collect();
            text.push_str(&format!(
                "    environments: [{}] # guessed: the others have it not, or otherwise\n",
                environments.join(", ")
            ));
        }
        if self.kind == WorkloadKind::StatefulSet {
            // What holds data may size its memory by itself, and one more of it may share nothing: a person decides, not a guess.
            text.push_str("  # No resources and no scaling: what a StatefulSet holds may not grow or shrink by itself. Add what is safe.\n");
        } else {
            text.push_str(&self.resources(autoscaled.map_or(&[], Vec::as_slice)));
            text.push_str(&self.scaling(autoscaled.is_some()));
        }
        text.push_str(&self.health_checks());
        if !spread.namespaces.is_empty() {
            text.push_str("environments:\n");
        }
        for (environment, namespace) in &spread.namespaces {
            text.push_str(&format!(
                "  {}: {{spec: {{target: {{namespace: {}}}}}}}\n",
                scalar(environment.as_str()),
                scalar(namespace)
            ));
        }
        text
    }

    fn containers(&self) -> &[Node] {
        main_containers(&self.document.root)
    }

    /// The sum over the containers, in billionths; `None` where one of them says nothing.
    fn sum(&self, part: &str, resource: &str) -> Option<i128> {
        declared_total(&self.document.root, part, resource).map(|sum| sum.nanos()).filter(|sum| *sum > 0)
    }

    /// `divided`: what an autoscaler holds to a share of the request, so that usage says nothing of the right one.
    fn resources(&self, divided: &[&str]) -> String {
        let mut lines = String::new();
        for (resource, show, share) in [("cpu", cpu as fn(i128) -> Option<String>, 70), ("memory", memory, 80)] {
            let Some(request) = self.sum("requests", resource) else { continue };
            let limit = self.sum("limits", resource);
            if resource == "memory" && limit == Some(request) {
                lines.push_str("    # No memory: request and limit are equal, as of a program that takes it whole, and would move together.\n");
                continue;
            }
            // Rounded so that what the manifest says today lies within.
            let most = limit.unwrap_or(request * 2);
            let unit = if resource == "cpu" { 1_000_000 } else { 1_i128 << 20 };
            let unit = if resource == "cpu" { unit } else { unit * 1_000_000_000 };
            let (Some(minimum), Some(maximum)) = (show(request / 2), show(most + (unit - most % unit) % unit)) else {
                continue;
            };
            let most = if limit.is_some() { "the limit" } else { "twice the request" };
            let (sized, why) = if divided.contains(&resource) {
                (String::new(), "; no target_utilization, since an autoscaler goes by a share of this request")
            } else {
                (format!(", target_utilization: {share}%"), "")
            };
            lines.push_str(&format!(
                "    {resource}: {{minimum: {minimum}, maximum: {maximum}{sized}}} # guessed: half of the request, {most}{why}\n"
            ));
        }
        let bounded = lines.lines().any(|line| !line.trim_start().starts_with('#'));
        // A key with nothing but a comment below it is no mapping.
        if bounded { format!("  resources:\n{lines}") } else { lines.replacen("    #", "  #", 1) }
    }

    fn scaling(&self, autoscaled: bool) -> String {
        if !self.kind.has_replicas() {
            return String::new();
        }
        if autoscaled {
            return "  # No scaling: an autoscaler owns the replicas.\n".into();
        }
        if self.sum("requests", "cpu").is_none() {
            return "  # No scaling: a container requests no CPU, so its utilization is not known.\n".into();
        }
        let is_said = self.document.root.at(&["spec", "replicas"]).is_some();
        let said = if is_said { "as the manifest declares" } else { "guessed: the manifest declares none" };
        let declared = super::replicas(&self.document.root).and_then(|declared| u32::try_from(declared).ok());
        let Some(replicas @ 1..=1_000_000) = declared else {
            return "  # No scaling: the manifest declares no replicas that could grow.\n".into();
        };
        format!(
            "  scaling:\n    min_replicas: {replicas} # {said}\n    max_replicas: {} # guessed: twice as many\n    \
             scale_up_threshold: 80% # guessed\n    window: 5m # guessed\n    cooldown: 5m # guessed\n",
            replicas * 2
        )
    }

    /// A probe that every container has is a promise that the next change must not break.
    fn health_checks(&self) -> String {
        let all = |probe: &str| {
            !self.containers().is_empty() && self.containers().iter().all(|container| container.get(probe).is_some())
        };
        let probes = [("readiness", "readinessProbe"), ("liveness", "livenessProbe")];
        let required: Vec<String> =
            probes.into_iter().filter(|(_, probe)| all(probe)).map(|(name, _)| format!("{name}: required")).collect();
        if required.is_empty() {
            return String::new();
        }
        format!("  reliability:\n    health_checks: {{{}}}\n", required.join(", "))
    }
}

fn cpu(nanos: i128) -> Option<String> {
    let millis = nanos / 1_000_000;
    (millis > 0).then(|| if millis % 1000 == 0 { format!("\"{}\"", millis / 1000) } else { format!("{millis}m") })
}

fn memory(nanos: i128) -> Option<String> {
    const MI: i128 = 1 << 20;
    let bytes = nanos / 1_000_000_000;
    (bytes >= MI).then(|| format!("{}Mi", bytes / MI))
}

/// Text that may stand in a comment.
fn comment(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// Text as a YAML scalar: plain where nobody can read it as something else.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(plain);
    let reserved = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    if word && !reserved.contains(&text.to_ascii_lowercase().as_str()) {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

/// Folders whose manifests something renders before they reach a cluster.
struct Rendered {
    helm: BTreeSet<String>,
    /// Folder of a kustomization → the namespace it sets; `Err`: it changes more than that.
    kustomize: BTreeMap<String, Result<Option<String>, ()>>,
    /// File → the folder of a kustomization that it is a patch of.
    patches: BTreeMap<String, String>,
}

use super::kustomized::only_lists;
use crate::rendering::{KUSTOMIZATIONS, resolve};

impl Rendered {
    fn of(files: &Files) -> Self {
        let mut rendered = Self { helm: BTreeSet::new(), kustomize: BTreeMap::new(), patches: BTreeMap::new() };
        let mut builds_on: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut changed_elsewhere = Vec::new();
        for (path, file) in &files.0 {
            let folder = folder(path.as_str());
            if path.file_name() == "Chart.yaml" {
                rendered.helm.insert(folder.to_owned());
            }
            let (true, File::Blob(blob)) = (KUSTOMIZATIONS.contains(&path.file_name()), file) else { continue };
            let documents = yaml::parse(path.as_str(), &blob.bytes, Kind::Manifest).unwrap_or_default();
            let Some(document) = documents.first() else {
                rendered.kustomize.insert(folder.to_owned(), Err(()));
                continue;
            };
            let namespace = document.root.get("namespace").and_then(Node::as_str).map(str::to_owned);
            let listed = ["resources", "bases", "components"].into_iter().filter_map(|key| document.root.get(key));
            let listed = listed.flat_map(Node::items).filter_map(Node::as_str);
            let listed: Vec<String> = listed.filter_map(|text| resolve(folder, text)).collect();
            let patches = ["patches", "patchesStrategicMerge", "patchesJson6902"];
            let patches = patches.into_iter().filter_map(|key| document.root.get(key)).flat_map(Node::items);
            let patches = patches.filter_map(|patch| patch.as_str().or_else(|| patch.get("path")?.as_str()));
            rendered.patches.extend(patches.filter_map(|text| Some((resolve(folder, text)?, folder.to_owned()))));
            let plain = only_lists(&document.root);
            if !plain || namespace.is_some() {
                changed_elsewhere.extend(listed.iter().cloned());
            }
            builds_on.insert(folder.to_owned(), listed);
            rendered.kustomize.insert(folder.to_owned(), if plain { Ok(namespace) } else { Err(()) });
        }
        // What an overlay changes does not reach the cluster as its base stands in Git, however many folders lie between.
        let mut seen = BTreeSet::new();
        while let Some(base) = changed_elsewhere.pop() {
            let Some(known) = rendered.kustomize.get_mut(&base) else { continue };
            *known = Err(());
            if seen.insert(base.clone()) {
                changed_elsewhere.extend(builds_on.get(&base).into_iter().flatten().cloned());
            }
        }
        rendered
    }

    fn by(&self, path: &RepoPath) -> Option<String> {
        if let Some(chart) = ancestors(path.as_str()).find(|folder| self.helm.contains(*folder)) {
            return Some(format!("it is of the Helm chart {}, which this environment does not render", shown(chart)));
        }
        if let Some(folder) = self.patches.get(path.as_str()) {
            return Some(format!("it is a patch of {}, which this environment does not render", shown(folder)));
        }
        let (folder, nearest) =
            ancestors(path.as_str()).find_map(|folder| Some((folder, self.kustomize.get(folder)?)))?;
        nearest.is_err().then(|| {
            format!(
                "{} is changed on its way to a cluster, and no overlay that changes it is rendered here",
                shown(folder)
            )
        })
    }

    fn namespace(&self, path: &RepoPath) -> Option<&str> {
        ancestors(path.as_str()).find_map(|folder| self.kustomize.get(folder))?.as_ref().ok()?.as_deref()
    }
}

fn shown(folder: &str) -> &str {
    if folder.is_empty() { "the repository's root" } else { folder }
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The folders above a path, the nearest first, the root (`""`) last.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder(path)), |inner| (!inner.is_empty()).then(|| folder(inner)))
}

#[cfg(test)]
mod tests;
