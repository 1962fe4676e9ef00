//! What a changed file declares, whoever owns it: a second manifest of a workload, what acts on one, and what cannot be read and may be either.
//!
//! A controller may deliver a folder that bpctl knows nothing of, and by a reader that takes what bpctl's refuses. So whatever is new and may be
//! about a workload is its blueprint's to judge, wherever it lies; what stood there before is another cluster's, or an example.

use std::collections::BTreeSet;

use super::kustomizations::Home;
use super::reach::is_read_plainly;
use crate::blueprint::{Blueprint, Catalog, Located, Manifest, Target, acts_on, is_manifest, manifest, read};
use crate::model::{File, Files, Name, ObjectRef, RepoPath};
use crate::yaml::{self, Document, Kind, Node, Value};

/// What a changed file declares on one side; nothing, where it is not there, or is no manifest.
#[derive(Debug, Default)]
pub(super) struct Declared {
    /// What can be read of it.
    pub(super) objects: Vec<Manifest>,
    /// Every text in what is applied and is no object by itself: items of a list that is none of Kubernetes' own sorts, patches.
    names: BTreeSet<String>,
    /// Something of it cannot be read, and whoever delivers it may read it otherwise (kubectl applies the documents before a broken one).
    unread: Option<Unread>,
    /// Manifests that stand in it as texts, which an operator fills in and applies: a `ResourceSet`'s template, a workflow's step.
    held: Option<Unread>,
}

/// What cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Unread {
    /// It lies in another repository.
    Elsewhere,
    /// It may say anything: its text cannot be searched.
    Anything,
    /// Its text, as far as it can be without being read.
    Text(String),
}

impl Unread {
    fn of(bytes: &[u8]) -> Self {
        searched(bytes).map_or(Self::Anything, Self::Text)
    }

    /// How often it says a name; [`usize::MAX`]: nobody knows.
    fn mentions(&self, name: &str) -> usize {
        match self {
            Self::Elsewhere => 0,
            Self::Anything => usize::MAX,
            Self::Text(text) => mentions(text, name),
        }
    }
}

impl Declared {
    /// Reads one side of a file. `taken`: a kustomization takes it for a manifest or a patch, whatever it is called.
    pub(super) fn of(path: &RepoPath, files: &Files, taken: bool) -> Self {
        let is_program = path.as_str().ends_with(".jsonnet") || path.as_str().ends_with(".libsonnet");
        if !is_manifest(path) && !is_program && !taken {
            return Self::default();
        }
        let blob = match files.get(path) {
            None => return Self::default(),
            Some(File::Refused(_)) => return Self { unread: Some(Unread::Anything), ..Self::default() },
            Some(File::Blob(blob)) => blob,
        };
        let unread = || Some(Unread::of(&blob.bytes));
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
        let (mut lists, mut held) = (false, String::new());
        for document in &all {
            // What it lists is applied, whatever it calls itself.
            if document.unread_list().is_some() {
                lists = true;
                texts(&document.root, &mut names);
            } else if is_patch(&document.root) || fills_in(&document.root) {
                texts(&document.root, &mut names);
            }
            if may_be_applied(&document.root) {
                held_texts(&document.root, &mut held);
            }
        }
        let held = (!held.is_empty()).then(|| Unread::of(held.as_bytes()));
        // Items may leave their kind to the list: of those all texts are known.
        let all = all.into_iter().flat_map(Document::listed_in_any);
        let inside = |document: Document| document.objects_inside().into_iter().chain([document]).collect::<Vec<_>>();
        let objects = all.flat_map(inside).filter_map(|document| manifest(path, document)).collect();
        Self { objects, names, unread: if is_broken || lists { unread() } else { None }, held }
    }

    /// What lies in another repository.
    pub(super) fn unseen() -> Self {
        Self { unread: Some(Unread::Elsewhere), ..Self::default() }
    }

    /// Whether all of it can be read.
    pub(super) fn is_readable(&self) -> bool {
        self.unread.is_none()
    }

    /// Whether what cannot be read of it may be an object of Argo CD's or Flux's.
    pub(super) fn may_deliver(&self) -> bool {
        self.not_read().any(|unread| match unread {
            Unread::Elsewhere => false,
            Unread::Anything => true,
            Unread::Text(text) => may_tell(text),
        })
    }

    /// All that is known as a text alone.
    fn not_read(&self) -> impl Iterator<Item = &Unread> {
        self.unread.iter().chain(&self.held)
    }

    /// Whether the text of what cannot be read says a kind and a name, and did not before.
    fn holds_anew(&self, before: &Self, kind: &str, name: &str) -> bool {
        let one = |unread: &Unread| match unread {
            Unread::Text(text) => mentions(text, kind).min(mentions(text, name)),
            _ => 0,
        };
        let text = |side: &Self| side.not_read().map(one).sum::<usize>();
        text(self) > text(before)
    }

    /// Whether it names something, where it is not known as what, and did not before.
    fn names_anew(&self, before: &Self, name: &str) -> bool {
        let mentions = |side: &Self| side.not_read().fold(0, |sum: usize, one| sum.saturating_add(one.mentions(name)));
        let (had, has) = (mentions(before), mentions(self));
        has == usize::MAX || has > had || (self.names.contains(name) && !before.names.contains(name))
    }
}

/// Of how many documents of a file that cannot be read as a whole each is read by itself; its text is searched besides.
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

/// Whether a document is a list of a JSON patch's operations, which Kustomize takes from a file of any name.
fn is_patch(root: &Node) -> bool {
    root.items().iter().any(|operation| operation.get("op").is_some())
}

/// Whether an object's texts are filled into the objects that Flux's operator makes: what a `ResourceSet` lists, and its inputs.
fn fills_in(root: &Node) -> bool {
    let group = root.get("apiVersion").and_then(Node::as_str).and_then(|version| version.split_once('/'));
    group.is_some_and(|(group, _)| group == "fluxcd.controlplane.io")
}

/// Whether what an object holds as a text may be applied by who reads it: a definition's texts are descriptions, and configuration is somebody's own.
fn may_be_applied(root: &Node) -> bool {
    let kind = root.get("kind").and_then(Node::as_str);
    kind.is_some_and(|kind| !["ConfigMap", "Secret", "CustomResourceDefinition"].contains(&kind))
}

/// The texts in a node that are manifests, one after the other.
fn held_texts(node: &Node, into: &mut String) {
    match &node.value {
        Value::String(text) if ["apiVersion", "kind"].iter().all(|key| text.contains(key)) && text.contains('\n') => {
            into.push_str(text);
            into.push('\n');
        }
        Value::Sequence(items) => items.iter().for_each(|item| held_texts(item, into)),
        Value::Mapping(entries) => entries.iter().for_each(|entry| held_texts(&entry.value, into)),
        _ => {}
    }
}

/// Every text in a node.
fn texts(node: &Node, into: &mut BTreeSet<String>) {
    match &node.value {
        Value::String(text) => drop(into.insert(text.to_string())),
        Value::Sequence(items) => items.iter().for_each(|item| texts(item, into)),
        Value::Mapping(entries) => entries.iter().for_each(|entry| texts(&entry.value, into)),
        _ => {}
    }
}

/// A text in which names stand as they are, without being read as YAML or JSON: escapes are what they stand for. `None`: names may stand in it
/// that cannot be looked for.
pub(super) fn searched(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))?;
    // A tag may say that a text is written in base64, and may be spelt in many ways.
    let tags = text.split('!').skip(1).map(|after| after.split_whitespace().next().unwrap_or_default());
    let mut tags = tags.chain(text.lines().filter(|line| line.starts_with("%TAG")));
    if tags.any(|tag| tag.contains("binary") || tag.contains('%')) {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let digits = match after.as_bytes().first() {
            Some(b'x') => 2,
            Some(b'u') => 4,
            Some(b'U') => 8,
            _ => 0,
        };
        let code = after.get(1..=digits).filter(|_| digits > 0).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        if let Some(letter) = code.and_then(char::from_u32) {
            out.push(letter);
            rest = after.get(1 + digits..).unwrap_or_default();
        } else if let Some(next) = after.strip_prefix("\r\n").or_else(|| after.strip_prefix(['\n', '\r'])) {
            // A line that goes on.
            rest = next.trim_start_matches([' ', '\t']);
        } else {
            out.push(' ');
            let mut letters = after.chars();
            let _ = letters.next();
            rest = letters.as_str();
        }
    }
    out.push_str(rest);
    Some(out)
}

/// How often a text says a name as a word.
pub(super) fn mentions(text: &str, name: &str) -> usize {
    let is_inner = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_');
    let is_word = |at: usize| {
        let (before, after) = (text.get(..at), text.get(at + name.len()..));
        let ends = |side: Option<char>| side.is_none_or(|letter| !is_inner(letter));
        ends(before.and_then(|before| before.chars().next_back())) && ends(after.and_then(|after| after.chars().next()))
    };
    text.match_indices(name).filter(|(at, _)| is_word(*at)).count()
}

/// Whether a text that is not read may be an object of Argo CD's or Flux's. Their annotations stand on everybody's objects, and an Argo Rollout
/// delivers nothing.
fn may_tell(text: &str) -> bool {
    let computed = |line: &str| line.contains("kind") && ["{{", "${"].iter().any(|sign| line.contains(sign));
    let tells = || ["Appl", "AppProject"].iter().any(|kind| text.contains(kind)) || text.lines().any(computed);
    let flux = text.match_indices("fluxcd.io/").filter_map(|(at, group)| text.get(at + group.len()..));
    (text.replace("argocd.argoproj.io/", "").contains("argoproj") && tells())
        || flux.into_iter().any(|version| version.starts_with(['v', '{', '$']))
}

/// What an object's specification points to, as `scaleTargetRef` and `workloadRef` do: kind and name. Without a kind the first is a Deployment's;
/// other references without one are those of another sort.
fn meant(root: &Node) -> impl Iterator<Item = (&str, &str)> {
    let entries = root.get("spec").map_or(&[] as &[yaml::Entry], Node::entries);
    let refs = entries.iter().filter(|entry| entry.key.ends_with("Ref"));
    refs.filter_map(|entry| {
        let scaled = (entry.key == "scaleTargetRef").then_some("Deployment");
        let kind = entry.value.get("kind").and_then(Node::as_str).or(scaled)?;
        Some((kind, entry.value.get("name").and_then(Node::as_str)?))
    })
}

/// Whether a file lies in the folder of a source or below: who delivers the folder mostly delivers both.
fn is_beside(path: &RepoPath, source: &RepoPath) -> bool {
    match source.as_str().rsplit_once('/') {
        Some((above, _)) => path.as_str().strip_prefix(above).is_some_and(|rest| rest.starts_with('/')),
        None => true,
    }
}

/// A changed file that is to be looked at for what it declares.
#[derive(Debug, Clone, Copy)]
pub(super) struct Changed<'c> {
    pub(super) path: &'c RepoPath,
    pub(super) was: &'c Declared,
    pub(super) is: &'c Declared,
    /// What is rendered with it is known, on both sides, and it is delivered in no other way: its text says nothing besides.
    pub(super) known: bool,
    /// Where what it declares goes.
    pub(super) home: &'c Home,
}

impl Changed<'_> {
    /// Whether it declares the workload of a blueprint, or what acts on that, or may: who delivers both applies both. `owners` have rules for the
    /// file by its path, which are no way around those of others.
    pub(super) fn concerns(&self, catalog: &Catalog, blueprint: &Blueprint, owners: &[&Located<Blueprint>]) -> bool {
        let source = &blueprint.spec.target.source;
        if self.path.is_within(source) && owners.is_empty() {
            return false;
        }
        let beside = is_beside(self.path, source);
        let sides = [self.was, self.is];
        let mut environments = catalog.workspace.value.environments.keys().filter(|name| blueprint.is_in(name));
        environments.any(|environment| {
            let workload = Workload::of(catalog, blueprint, environment, self.home);
            let had = |one: &Manifest| self.was.objects.iter().any(|old| old.object == one.object && workload.has(old));
            if self.is.objects.iter().any(|one| workload.has(one) && !had(one)) {
                return true;
            }
            if !self.known && self.is.names_anew(self.was, &workload.object.name) {
                return true;
            }
            // What its pods read may stand in a text that bpctl's reader refuses and kubectl's takes.
            if !self.known && workload.read().iter().any(|(kind, name)| self.is.holds_anew(self.was, kind, name)) {
                return true;
            }
            // Where both are delivered as they stand, what goes is the workload's as much as what comes.
            let plainly = |blueprint: &Blueprint| is_read_plainly(catalog, blueprint, environment);
            let unread = || beside && plainly(blueprint) && sides.iter().any(|side| !side.is_readable());
            let objects = || sides.iter().any(|side| side.objects.iter().any(|one| workload.has(one)));
            if owners.is_empty() {
                beside && plainly(blueprint) && (unread() || objects())
            } else {
                owners.iter().any(|owner| plainly(&owner.value)) && (unread() || objects())
            }
        })
    }
}

/// A blueprint's workload in an environment.
#[derive(Debug)]
pub(super) struct Workload<'c> {
    object: ObjectRef,
    target: &'c Target,
    manifest: Option<&'c Manifest>,
    home: &'c Home,
}

impl<'c> Workload<'c> {
    pub(super) fn of(catalog: &'c Catalog, blueprint: &'c Blueprint, environment: &Name, home: &'c Home) -> Self {
        let (target, object) = (&blueprint.spec.target, blueprint.object_in(environment));
        Self { manifest: catalog.manifest(environment, &target.source, &object), object, target, home }
    }

    /// Whether its pods read an object of this kind and name.
    pub(super) fn reads(&self, kind: &str, name: &str) -> bool {
        self.read().contains(&(kind, name))
    }

    /// Whether it has this name, or may: Kustomize matches names by regular expressions.
    pub(super) fn is_called(&self, name: &str) -> bool {
        name == self.object.name || name.contains(['*', '.', '|', '[', '('])
    }

    /// Whether a container of it runs an image of this name, or may, whatever its tag: Kustomize takes the name for a regular expression. Not known of a
    /// workload that is not.
    pub(super) fn runs(&self, name: &str) -> bool {
        let Some(pod) = self.manifest.and_then(|manifest| manifest.document.root.at(&["spec", "template", "spec"]))
        else {
            return true;
        };
        let lists = ["containers", "initContainers"].into_iter().filter_map(|list| pod.get(list));
        let mut images = lists.flat_map(Node::items).filter_map(|container| container.get("image")?.as_str());
        name.contains(['*', '+', '?', '|', '[', '(', '\\', '^', '$'])
            || images.any(|image| {
                image.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '@']))
            })
    }

    /// What its pods read: kind and name.
    fn read(&self) -> Vec<(&'static str, &str)> {
        self.manifest.map(|manifest| read(&manifest.document.root)).unwrap_or_default()
    }

    /// Whether an object is it, belongs to it, acts on it, or is the namespace that it lies in.
    pub(super) fn has(&self, other: &Manifest) -> bool {
        let Self { object, .. } = self;
        let own = Some(&other.object.namespace).filter(|place| !place.is_empty());
        let place = own.or(self.home.own.as_ref()).map_or("", String::as_str);
        let near = place.is_empty()
            || place == object.namespace
            || may_become(place, &object.namespace)
            || self.home.moved.contains(&object.namespace);
        let is_named = |name: &str| name == object.name || may_become(name, &object.name);
        // Of whatever version: one that this cluster does not serve another may.
        let is_kind = |kind: &str| kind == object.kind || may_become(kind, &object.kind);
        let is_it = || is_kind(&other.object.kind) && is_named(&other.object.name);
        // Whatever its kind: an autoscaler of somebody else's making scales as well, and a rollout takes its pods over.
        let is_about = || {
            let mut refs = meant(&other.document.root);
            refs.any(|(kind, name)| is_named(name) && is_kind(kind))
        };
        let acts = || self.manifest.is_some_and(|manifest| acts_on(other, self.target, &manifest.document.root));
        // With its namespace it goes, and by that one's labels its pods are admitted.
        let kept_in = |name: &str| name == object.namespace || may_become(name, &object.namespace);
        let is_home = other.object.kind == "Namespace" && kept_in(&other.object.name);
        is_home || near && (is_it() || is_about() || acts())
    }
}

/// Whether Flux may put variables into a text so that it says this: `${NAME:=frontend}`, and `<< inputs.name >>` of its operator.
fn may_become(text: &str, wanted: &str) -> bool {
    let between = |open: &str, close: &str| {
        let (before, rest) = text.split_once(open)?;
        let after = rest.rsplit_once(close).map_or("", |(_, after)| after);
        Some((before, after))
    };
    let mut parts = [between("${", "}"), between("<<", ">>")].into_iter().flatten();
    parts.any(|(before, after)| {
        wanted.len() >= before.len() + after.len() && wanted.starts_with(before) && wanted.ends_with(after)
    })
}
