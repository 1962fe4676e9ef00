//! What a merged change made of one workload's manifest and of the `ConfigMap`s that its pods read, read off two versions of its files (B17).

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::Value as Json;

use super::rendered::{Side, is_generation};
use super::{FieldDifference, differences};
use crate::blueprint::{Manifest, config_names, declared_object, is_manifest};
use crate::credential::field_holds;
use crate::model::{Blob, FieldPath, File, Files, ObjectParts, ObjectRef, RepoPath, Segment};
use crate::observe::{PastChange, PastConfig};
use crate::yaml::{self, Document, Kind, Node};

/// What a change of the past made of a workload (B17).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Landed {
    /// The fields of its manifest that differ.
    pub changes: Vec<PastChange>,
    /// The `ConfigMap`s that its pods read, before or after, and of which values differ.
    pub config: Vec<PastConfig>,
}

impl Landed {
    /// Whether it has nothing to do with the workload.
    pub fn is_nothing(&self) -> bool {
        self.changes.is_empty() && self.config.is_empty()
    }
}

/// An object on one side of a change.
struct Declared<'a> {
    object: ObjectRef,
    root: &'a Node,
    /// Where it was rendered.
    manifest: Option<&'a Manifest>,
}

impl<'a> Declared<'a> {
    fn rendered(manifest: &'a Manifest) -> Self {
        Self { object: manifest.object.clone(), root: &manifest.document.root, manifest: Some(manifest) }
    }
}

/// Files of the past that were parsed: those of one folder are asked for by every blueprint whose source it is, and what a change made of a file is
/// what the next one found (T42).
#[derive(Debug, Default)]
pub struct Parsed {
    /// By content; `None`: it is no YAML.
    all: BTreeMap<(RepoPath, String), Option<Rc<[Document]>>>,
    bytes: usize,
}

impl Parsed {
    /// How much text is kept at once. Parsed it is some ten times as much.
    const MOST: usize = 2 << 20;

    fn of(&mut self, path: &RepoPath, blob: &Blob) -> Option<Rc<[Document]>> {
        let key = (path.clone(), blob.id.clone());
        if let Some(known) = self.all.get(&key) {
            return known.clone();
        }
        let documents = yaml::parse(path.as_str(), &blob.bytes, Kind::Manifest);
        let documents = documents.map(|all| all.into_iter().flat_map(Document::listed).collect()).ok();
        if self.bytes + blob.bytes.len() > Self::MOST {
            *self = Self::default();
        }
        self.bytes += blob.bytes.len();
        self.all.insert(key, documents.clone());
        documents
    }
}

/// What differs of a workload between two versions of these files, and of the `ConfigMap`s that are called so (`reads`) or that it names on one of
/// the sides; nothing where they declare it in neither. `None`: one of those that may declare them cannot be read, or declares the workload and the
/// other does not (B11, B17).
pub fn past_changes(
    target: &ObjectRef,
    reads: &BTreeSet<String>,
    paths: &[RepoPath],
    (before, after): (&Files, &Files),
    parsed: &mut Parsed,
) -> Option<Landed> {
    let paths: Vec<&RepoPath> = paths.iter().filter(|path| is_manifest(path)).collect();
    let mut read = |names: &[&str]| -> Option<[Vec<Rc<[Document]>>; 2]> {
        let says = |files: &Files, path: &RepoPath| match files.get(path) {
            Some(File::Blob(blob)) => may_name(&blob.bytes, names),
            Some(File::Refused(_)) => true,
            None => false,
        };
        let paths: Vec<&RepoPath> =
            paths.iter().copied().filter(|path| [before, after].iter().any(|files| says(files, path))).collect();
        let mut side = |files: &Files| -> Option<Vec<Rc<[Document]>>> {
            let mut all = Vec::new();
            for path in &paths {
                match files.get(path) {
                    Some(File::Blob(blob)) => all.push(parsed.of(path, blob)?),
                    Some(File::Refused(_)) => return None,
                    // It comes or goes with the change.
                    None => {}
                }
            }
            Some(all)
        };
        Some([side(before)?, side(after)?])
    };
    // Which others its pods read the workload says.
    let own = read(&[&target.name])?;
    let mut names = reads.clone();
    for document in own.iter().flatten().flat_map(|all| all.iter()) {
        if target.is_declared_by(&declared_object(&document.root).into()) {
            names.extend(config_names(&document.root));
        }
    }
    names.insert(target.name.clone());
    let [old, new] = read(&names.iter().map(String::as_str).collect::<Vec<_>>())?;
    landed(target, reads, &declared(&old), &declared(&new))
}

/// Whether a file's text may be of an object of one of these names: it holds one, or writes letters in another way.
fn may_name(text: &[u8], names: &[&str]) -> bool {
    let finder = |word: &str| memchr::memmem::find(text, word.as_bytes()).is_some();
    names.iter().any(|name| finder(name)) || ["\\x", "\\u", "\\U", "\\\n", "\\\r"].iter().any(|escape| finder(escape))
}

fn declared(files: &[Rc<[Document]>]) -> Vec<Declared<'_>> {
    let roots = files.iter().flat_map(|documents| documents.iter()).map(|document| &document.root);
    roots.map(|root| Declared { object: declared_object(root).into(), root, manifest: None }).collect()
}

/// The same of a workload that is rendered (B11). `None`: it is not known; nothing where neither side renders it.
pub fn past_rendered_changes(
    target: &ObjectRef,
    reads: &BTreeSet<String>,
    (before, after): (&Side, &Side),
) -> Option<Landed> {
    landed(target, reads, &rendered(before)?, &rendered(after)?)
}

fn rendered(side: &Side) -> Option<Vec<Declared<'_>>> {
    let outcomes: Option<Vec<_>> = side.rendered.values().map(|rendering| rendering.outcome.as_ref().ok()).collect();
    Some(outcomes?.into_iter().flat_map(|all| all.iter()).map(Declared::rendered).collect())
}

fn landed(target: &ObjectRef, reads: &BTreeSet<String>, old: &[Declared<'_>], new: &[Declared<'_>]) -> Option<Landed> {
    let workload = |side: &'_ [Declared<'_>]| -> Vec<usize> {
        let is = |(_, one): &(usize, &Declared<'_>)| target.is_declared_by(&one.object);
        side.iter().enumerate().filter(is).map(|(at, _)| at).collect()
    };
    let (before, after) = match (workload(old).as_slice(), workload(new).as_slice()) {
        ([], []) => (None, None),
        ([before, ..], [after, ..]) => (Some(old[*before].root), Some(new[*after].root)),
        _ => return None,
    };
    let mut names = reads.clone();
    names.extend([before, after].into_iter().flatten().flat_map(config_names));
    let changes = before.zip(after).map(|(before, after)| differences(before, after)).unwrap_or_default();
    Some(Landed { changes: changes.into_iter().map(past).collect(), config: config(target, &names, old, new) })
}

fn past(difference: FieldDifference) -> PastChange {
    let FieldDifference { field, from, to } = difference;
    PastChange { field, from, to }
}

/// What became of the `ConfigMap`s of these names.
fn config(target: &ObjectRef, names: &BTreeSet<String>, old: &[Declared<'_>], new: &[Declared<'_>]) -> Vec<PastConfig> {
    let mut found = Vec::new();
    let mut paired: BTreeSet<&str> = BTreeSet::new();
    // What a generator gave another name comes first, so that the name before it is none that went away.
    let mut ordered: Vec<&String> = names.iter().collect();
    ordered.sort_by_key(|name| old.iter().any(|one| one.object.name == ***name));
    for name in ordered.into_iter().map(String::as_str) {
        if paired.contains(name) {
            continue;
        }
        let object: ObjectRef = ObjectParts {
            api_version: "v1".into(),
            kind: "ConfigMap".into(),
            namespace: target.namespace.clone(),
            name: name.into(),
        }
        .into();
        let of = |side: &'_ [Declared<'_>]| -> Vec<usize> {
            let is = |(_, one): &(usize, &Declared<'_>)| object.is_declared_by(&one.object);
            side.iter().enumerate().filter(is).map(|(at, _)| at).collect()
        };
        let whole = |brought: bool| {
            let object = object.clone();
            PastConfig { object, was: None, changes: None, brought, withheld: Vec::new() }
        };
        match (of(old).as_slice(), of(new).as_slice()) {
            ([], []) => {}
            ([before], [after]) => found.extend(values(&object, None, old[*before].root, new[*after].root)),
            ([], [after]) => {
                let generation = |one: &&Declared<'_>| {
                    let both = one.manifest.zip(new[*after].manifest);
                    both.is_some_and(|(before, after)| is_generation(before, after))
                };
                match old.iter().filter(generation).collect::<Vec<_>>().as_slice() {
                    [before] => {
                        paired.insert(&before.object.name);
                        let was = Some(before.object.name.clone());
                        found.extend(values(&object, was, before.root, new[*after].root));
                    }
                    _ => found.push(whole(true)),
                }
            }
            // It went away, or one side has it twice.
            _ => found.push(whole(false)),
        }
    }
    found.sort_by(|one, other| one.object.cmp(&other.object));
    found
}

/// The values that differ; `None`: what differs is none that pods read.
fn values(object: &ObjectRef, was: Option<String>, before: &Node, after: &Node) -> Option<PastConfig> {
    let part = |field: &FieldPath| matches!(field.0.first(), Some(Segment::Key(key)) if ["data", "binaryData"].contains(&key.as_str()));
    let differ = differences(before, after).into_iter().filter(|difference| part(&difference.field));
    let (mut changes, mut withheld) = (Vec::new(), Vec::new());
    for change in differ.flat_map(each_key).map(past) {
        if field_holds(&object.kind, &change.field, [change.from.as_ref(), change.to.as_ref()]) {
            withheld.extend(change.field.0.last().map(|last| match last {
                Segment::Key(key) => key.clone(),
                _ => change.field.to_string(),
            }));
        } else {
            changes.push(change);
        }
    }
    let any = !changes.is_empty() || !withheld.is_empty();
    any.then(|| PastConfig { object: object.clone(), was, changes: Some(changes), brought: false, withheld })
}

/// Of all values at once, each for itself.
fn each_key(difference: FieldDifference) -> Vec<FieldDifference> {
    let FieldDifference { field, from, to } = &difference;
    let maps = [from, to].map(|side| side.as_ref().and_then(Json::as_object));
    if field.0.len() != 1 || maps.iter().all(Option::is_none) {
        return vec![difference];
    }
    let keys: BTreeSet<&String> = maps.iter().flatten().flat_map(|map| map.keys()).collect();
    let value = |side: Option<&serde_json::Map<String, Json>>, key: &String| side.and_then(|map| map.get(key)).cloned();
    let one = |key| FieldDifference { field: field.key(key), from: value(maps[0], key), to: value(maps[1], key) };
    keys.into_iter().map(one).collect()
}
