//! What a head tree changes against a base tree: fields of governed objects, and an opaque change for every other byte.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::accounts::Leaves;
use super::built::Built;
use super::declared::{Changed, Declared, Workload};
use super::edits::edit;
use super::kustomizations::{Home, Remade, Unrendered, is_as_before, moves_to, place_of};
use super::reach;
use super::rendered::{Pair, input};
use super::{RenderedInput, Side, differences};
use crate::blueprint::{Blueprint, Catalog, Located, WORKSPACE_FILE, declared_object, is_manifest, is_yaml};
use crate::credential::{WITHHELD, field_holds};
use crate::model::{Digest, FieldPath, Files, Name, ObjectRef, RepoPath, Segment, Trusted, Untrusted};
use crate::rendering::{KUSTOMIZATIONS, is_kustomization};
use crate::yaml::{self, Document, Edit, Kind, Node};

/// How many values of one file may change so that its bytes are compared with what they alone make: each is set in the file by itself (T42).
const MOST_EXPLAINED: usize = 200;
/// The same in bytes: each value is set in the whole file.
const MOST_BYTES: usize = 16 << 20;

/// A path whose content differs between two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedPath {
    /// The path; text where [`RepoPath`] refuses it.
    pub path: Result<RepoPath, Untrusted>,
    /// Git's id of the content (and mode, where it is no plain file) in base; `None`: not there.
    pub before: Option<String>,
    /// The same in head.
    pub after: Option<String>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum Change {
    /// A field of an object.
    Field(FieldChange),
    /// A whole object came or went.
    Object(ObjectChange),
    /// Bytes that bpctl has no meaning for: comments, formatting, a file it cannot read.
    Opaque(OpaqueChange),
}

/// A field of an object changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    /// The file.
    pub path: RepoPath,
    /// The object.
    pub object: ObjectRef,
    /// The field.
    pub field: FieldPath,
    /// Before.
    pub from: Option<Json>,
    /// After.
    pub to: Option<Json>,
}

impl FieldChange {
    /// Whether its values may be credentials, by its object's kind, a name on the way to them, or their texts (T38).
    pub fn is_credential(&self) -> bool {
        field_holds(&self.object.kind, &self.field, [self.from.as_ref(), self.to.as_ref()])
    }
}

impl Change {
    /// The same for people and files to read: a credential's values are in Git already, and need not be in a job's log as well (T38).
    #[must_use]
    pub fn told(&self) -> Self {
        let Self::Field(change) = self else { return self.clone() };
        if !change.is_credential() {
            return self.clone();
        }
        let withheld = |side: &Option<Json>| side.as_ref().map(|_| Json::from(WITHHELD));
        Self::Field(FieldChange { from: withheld(&change.from), to: withheld(&change.to), ..change.clone() })
    }
}

/// A whole object came or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ObjectChange {
    /// The file.
    pub path: RepoPath,
    /// The object.
    pub object: ObjectRef,
    /// It came.
    pub added: bool,
    /// Hash of what came or went.
    pub content: Digest,
    /// The keys that came, of a `ConfigMap`: the name of one may say that it is a credential.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

/// Bytes that bpctl has no meaning for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OpaqueChange {
    /// The path.
    pub path: Untrusted,
    /// Git's id before.
    pub from: Option<String>,
    /// Git's id after.
    pub to: Option<String>,
    /// It belongs to the rules themselves.
    pub governance: bool,
    /// Why it has no meaning.
    pub because: String,
}

/// A change and whose rules judge it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Governed {
    /// The blueprint.
    pub blueprint: Name,
    /// The only environment that it reaches: it is a change of what is rendered there. `None`: all of them read the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Name>,
    /// The change.
    pub change: Change,
}

/// All that differs between two trees.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ChangeSet {
    /// Changes that blueprints govern, in the order of their paths; those of what is rendered after them.
    pub governed: Vec<Governed>,
    /// Files whose change stands among them as what is rendered.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rendered: BTreeMap<RepoPath, RenderedInput>,
    /// Other paths, with Git's id after.
    pub ungoverned: BTreeMap<String, Option<String>>,
}

impl ChangeSet {
    /// What an approval is bound to: the typed changes and every other path's content. No commit and no clock goes in (X2).
    pub fn hash(&self) -> Digest {
        Digest::of(self)
    }
}

/// Compares two trees. Which blueprint governs a path is read from base: a head cannot take a file out of its rules.
pub fn change_set(rules: &Trusted<Catalog>, before: &Side, after: &Side, paths: &[ChangedPath]) -> ChangeSet {
    let catalog = rules.get();
    let mut set = ChangeSet::default();
    let leaves = Leaves::of(paths, before, after);
    let pairs = Pair::all(before, after, &leaves);
    let named = || paths.iter().filter_map(|changed| changed.path.as_ref().ok());
    let moved: BTreeSet<String> = named().filter_map(|path| moves_to(path, &after.files)).collect();
    let unrendered = Unrendered::of(catalog, [&before.files, &after.files]);
    let built = Built::all(before, after, &unrendered);
    for changed in paths {
        let path = match &changed.path {
            Ok(path) => path,
            // A path that no tree of ours can hold is never harmless.
            Err(raw) => {
                let change = opaque(raw.clone(), changed, true, "its path is refused");
                add_to_all(catalog, &mut set, changed, &change);
                continue;
            }
        };
        let own = path.is_within(&catalog.workspace.value.blueprints)
            || path.as_str() == WORKSPACE_FILE
            || catalog.workspace.value.local.allowed_signers.as_ref() == Some(path);
        // What is rendered today, and what is rendered on either side: a file that a head begins to read is read too.
        let roots = if own { Vec::new() } else { catalog.roots_reading(path) };
        let readers: Vec<&Pair<'_>> = pairs.iter().filter(|pair| !own && pair.reads(path)).collect();
        let all = || catalog.blueprints.values().map(AsRef::as_ref);
        let mut owners: Vec<&Located<Blueprint>> = all()
            .filter(|b| {
                let source = &b.value.spec.target.source;
                path.is_within(source)
                    || roots.iter().any(|root| root.meets(source))
                    || readers.iter().any(|pair| pair.is_of(b))
            })
            .collect();
        // What cannot be rendered may make anything of anybody's: another renderer may take what ours refuses.
        for pair in readers.iter().filter(|pair| pair.changes.is_err()) {
            let nobodys = !all().any(|blueprint| pair.is_of(blueprint));
            let among = |b: &&Located<Blueprint>| nobodys || b.value.is_in(pair.environment);
            let more: Vec<_> =
                all().filter(among).filter(|b| !owners.iter().any(|own| std::ptr::eq(*own, *b))).collect();
            owners.extend(more);
        }
        // Read for what it declares: once, whoever asks.
        let [was, is] = if own {
            [Declared::default(), Declared::default()]
        } else {
            let taken = unrendered.takes(path);
            [&before.files, &after.files].map(|files| Declared::of(path, files, taken))
        };
        // What a submodule holds is known to whoever checks it out.
        let is_submodule = [&changed.before, &changed.after].into_iter().any(|side| mode(side.as_ref()) == "160000");
        let [was, is] = if is_submodule { [Declared::unseen(), Declared::unseen()] } else { [was, is] };
        let nobodys = owners.is_empty();
        // As nobody renders it, it is nothing that is known.
        let plainly = owners.iter().any(|owner| reach::is_plain_anywhere(catalog, &owner.value));
        let known = !readers.is_empty() && readers.iter().all(|pair| pair.changes.is_ok());
        let mut home = unrendered.home(path);
        home.moved.extend(moved.iter().cloned());
        let file = Changed { path, was: &was, is: &is, known: known && !plainly, home: &home };
        // What comes of the kustomizations that nobody renders is known where they can be built; else what they say has to do.
        let makers: Vec<&Built<'_>> = built.iter().filter(|one| !own && one.reads(path)).collect();
        let is_built = !makers.is_empty()
            && makers.iter().all(|one| one.is_known())
            && !unrendered.is_made_elsewhere(path, is_as_before(catalog, path, [&was, &is]));
        let remade = if own || known || is_built { None } else { Remade::of(path, [&before.files, &after.files]) };
        let otherwise = remade.as_ref().is_some_and(Remade::works_otherwise);
        let worked = if is_built { BTreeSet::new() } else { unrendered.worked(path, otherwise, nobodys) };
        let sets = if remade.is_some() { unrendered.worked(path, true, false) } else { BTreeSet::new() };
        // Flux takes one that comes for all that lay below it, and those below once it goes.
        let comes = comes_or_goes(path, changed).then(|| place_of(path));
        let makes = |b: &Located<Blueprint>| makers.iter().any(|one| one.concerns(catalog, &b.value));
        let concerned = |b: &&Located<Blueprint>| {
            let owns = owners.iter().any(|owner| std::ptr::eq(*owner, *b));
            let takes_over = || {
                let known = is_built && changed.before.is_some() && changed.after.is_some();
                reach::takes_over(path, known, catalog, &b.value)
                    || remade.as_ref().is_some_and(|remade| remade.may_be(catalog, &b.value, &unrendered, &home))
                    || !known && unrendered.reach(&worked, catalog, &b.value)
                    || comes.as_ref().is_some_and(|folder| unrendered.delivers_below(folder, catalog, &b.value))
                    || remade.as_ref().is_some_and(|remade| {
                        remade.sets(catalog, &b.value, &home) && unrendered.reach(&sets, catalog, &b.value)
                    })
            };
            !owns && (file.concerns(catalog, &b.value, &owners) || makes(b) || ((nobodys || plainly) && takes_over()))
        };
        let more: Vec<_> = if own { Vec::new() } else { all().filter(concerned).collect() };
        let by_file = |b: &&&Located<Blueprint>| file.concerns(catalog, &b.value, &owners);
        let by_delivery: Vec<_> = more.iter().filter(|b| !by_file(b)).copied().collect();
        // Who owns it is asked about their own in it: what is made of another's there comes besides.
        let coupling = if own { BTreeSet::new() } else { unrendered.coupling(path) };
        let made_of =
            |b: &&Located<Blueprint>| unrendered.reach(&coupling, catalog, &b.value) && (!is_built || makes(b));
        let by_others: Vec<_> = owners.iter().filter(|b| made_of(b)).copied().collect();
        owners.extend(more);
        let links = [&changed.before, &changed.after].into_iter().any(|side| mode(side.as_ref()) == "120000");
        let followed = links.then_some("it is a link: a controller that delivers what it leads to follows it");
        if !own && let Some(because) = reach::of_all(path, [&before.files, &after.files]).or(followed) {
            let others: Vec<_> = all().filter(|b| !owners.iter().any(|owner| std::ptr::eq(*owner, *b))).collect();
            let change = opaque(Untrusted::new(path.as_str()), changed, false, because);
            set.add(&others, None, &change);
            if owners.is_empty() {
                continue;
            }
        }
        // A template of a chart's cannot be read mostly: whoever owns it is asked, and what it makes is judged as what it renders to.
        let readable = was.is_readable() && is.is_readable();
        let told =
            || (nobodys || readable || plainly).then(|| reach::delivers(&was, &is, catalog, &unrendered)).flatten();
        let makes = makers.iter().any(|one| one.delivers_otherwise());
        if !own
            && let Some(because) = told().or(makes.then_some("with it a controller is told to deliver something else"))
        {
            let change = opaque(Untrusted::new(path.as_str()), changed, false, because);
            add_to_all(catalog, &mut set, changed, &change);
            continue;
        }
        if !own && owners.is_empty() {
            set.ungoverned.insert(path.as_str().into(), changed.after.clone());
            continue;
        }
        if !roots.is_empty() || !readers.is_empty() {
            let plainly = set.add_plain(catalog, &owners, path, changed, (&before.files, &after.files));
            match input(path, changed, &readers, &leaves, catalog) {
                Ok(input) => {
                    let single = input.single && !plainly;
                    set.rendered.insert(path.clone(), RenderedInput { single, ..input });
                }
                Err(because) => {
                    let change = opaque(Untrusted::new(path.as_str()), changed, false, &because);
                    // Where what is made of it is known on both sides, nobody else makes anything of it.
                    let known = !readers.is_empty() && readers.iter().all(|pair| pair.changes.is_ok());
                    let among = |environment: &&Name| readers.iter().any(|pair| pair.environment == *environment);
                    for environment in catalog.workspace.value.environments.keys().filter(among).filter(|_| known) {
                        set.add(&owners, Some(environment), &change);
                    }
                    if !known {
                        set.add(&owners, None, &change);
                    }
                }
            }
            continue;
        }
        let anywhere =
            |b: &Blueprint| b.environments.keys().map(|e| b.object_in(e)).chain([b.spec.target.object()]).collect();
        let changes: Vec<Change> = changes_of(path, changed, &before.files, &after.files, own);
        // What is of somebody's own workload, and becomes a part of another's.
        let of_own = |b: &Located<Blueprint>, change: &Change| {
            let targets: Vec<ObjectRef> = anywhere(&b.value);
            targets.iter().any(|target| self::is(target, change))
        };
        let all_theirs = |b: &Located<Blueprint>| {
            changes.iter().all(|change| !of_own(b, change) && owners.iter().any(|owner| of_own(owner, change)))
        };
        let not_all_own = |b: &Located<Blueprint>| changes.iter().any(|change| !of_own(b, change));
        let made = by_delivery.into_iter().filter(|b| !changes.is_empty() && all_theirs(b));
        let made: Vec<_> = made.chain(by_others.into_iter().filter(|b| not_all_own(b))).collect();
        if !own && !made.is_empty() {
            let because = "what delivers it from here, and no entry renders, may make the workload otherwise of it";
            set.add(&made, None, &opaque(Untrusted::new(path.as_str()), changed, false, because));
        }
        for change in changes {
            if own {
                match own_blueprint(catalog, &change) {
                    Some(blueprint) => set.governed.push(Governed { blueprint, environment: None, change }),
                    None => add_to_all(catalog, &mut set, changed, &change),
                }
            } else {
                set.add_to(&owners, anywhere, None, &change);
            }
        }
    }
    let unmoved = Home::default();
    for pair in &pairs {
        let owners: Vec<_> = catalog.blueprints.values().map(AsRef::as_ref).filter(|b| pair.is_of(b)).collect();
        for change in pair.changes.iter().flatten() {
            set.add_to(&owners, |b| vec![b.object_in(pair.environment)], Some(pair.environment), change);
        }
        // What it makes of another's workload, or for it, is that one's to judge as well; and what tells a controller what to deliver is everybody's.
        let changed = pair.changed();
        let delivering = reach::delivering(&changed);
        let told = |change: &&Change| change.object().is_some_and(|object| delivering.contains(object));
        for change in pair.changes.iter().flatten().filter(told) {
            let others: Vec<_> = catalog.blueprints.values().map(AsRef::as_ref).filter(|b| !pair.is_of(b)).collect();
            set.add(&others, None, change);
        }
        let here = catalog.blueprints.values().map(AsRef::as_ref).filter(|b| b.value.is_in(pair.environment));
        for other in here.filter(|b| !changed.is_empty() && !pair.is_of(b)) {
            let workload = Workload::of(catalog, &other.value, pair.environment, &unmoved);
            let its = changed.iter().filter(|one| workload.has(one)).map(|one| &one.object);
            let its: BTreeSet<&ObjectRef> = its.collect();
            let about = |change: &&Change| change.object().is_some_and(|object| its.contains(object));
            for change in pair.changes.iter().flatten().filter(about) {
                set.add(&[other], Some(pair.environment), change);
            }
        }
    }
    set
}

/// Whether a file is a kustomization that was not there, or is there no more.
fn comes_or_goes(path: &RepoPath, changed: &ChangedPath) -> bool {
    is_kustomization(path) && changed.before.is_some() != changed.after.is_some()
}

impl ChangeSet {
    /// What a file that renderings read is by itself, in the environments that take it as it stands. Answers whether there are any.
    fn add_plain(
        &mut self,
        catalog: &Catalog,
        owners: &[&Located<Blueprint>],
        path: &RepoPath,
        changed: &ChangedPath,
        (before, after): (&Files, &Files),
    ) -> bool {
        if KUSTOMIZATIONS.contains(&path.file_name()) {
            return false; // it declares nothing by itself
        }
        let mut any = false;
        for environment in catalog.workspace.value.environments.keys() {
            let plain = |b: &&Located<Blueprint>| {
                path.is_within(&b.value.spec.target.source) && reach::is_read_plainly(catalog, &b.value, environment)
            };
            let here: Vec<_> = owners.iter().copied().filter(plain).collect();
            if here.is_empty() {
                continue;
            }
            any = true;
            for change in changes_of(path, changed, before, after, false) {
                self.add_to(&here, |b| vec![b.object_in(environment)], Some(environment), &change);
            }
        }
        any
    }

    /// A change of a blueprint's own workload is judged by that one, any other by all that it may concern.
    fn add_to(
        &mut self,
        owners: &[&Located<Blueprint>],
        targets: impl Fn(&Blueprint) -> Vec<ObjectRef>,
        environment: Option<&Name>,
        change: &Change,
    ) {
        let exact: Vec<_> =
            owners.iter().copied().filter(|b| targets(&b.value).iter().any(|target| is(target, change))).collect();
        self.add(if exact.is_empty() { owners } else { &exact }, environment, change);
    }

    fn add(&mut self, owners: &[&Located<Blueprint>], environment: Option<&Name>, change: &Change) {
        self.governed.extend(owners.iter().map(|owner| Governed {
            blueprint: owner.value.metadata.name.clone(),
            environment: environment.cloned(),
            change: change.clone(),
        }));
    }
}

/// A change that touches rules shared by all is judged for every blueprint.
fn add_to_all(catalog: &Catalog, set: &mut ChangeSet, changed: &ChangedPath, change: &Change) {
    for blueprint in catalog.blueprints.keys() {
        set.governed.push(Governed { blueprint: blueprint.clone(), environment: None, change: change.clone() });
    }
    // Where there is none, what is approved holds the file all the same.
    if catalog.blueprints.is_empty() {
        let path = changed.path.as_ref().map_or_else(Untrusted::raw, RepoPath::as_str);
        set.ungoverned.insert(path.into(), changed.after.clone());
    }
}

fn own_blueprint(catalog: &Catalog, change: &Change) -> Option<Name> {
    let path = match change {
        Change::Field(change) if change.object.kind == "Blueprint" => {
            return Name::new(change.object.name.clone()).ok();
        }
        Change::Object(change) if change.object.kind == "Blueprint" => {
            return Name::new(change.object.name.clone()).ok();
        }
        Change::Field(_) | Change::Object(_) => return None,
        Change::Opaque(change) => change.path.raw(),
    };
    catalog.blueprints.values().find(|b| b.path.as_str() == path).map(|b| b.value.metadata.name.clone())
}

fn is(target: &ObjectRef, change: &Change) -> bool {
    change.object().is_some_and(|object| target.is_declared_by(object))
}

pub(super) fn changes_of(path: &RepoPath, changed: &ChangedPath, base: &Files, head: &Files, own: bool) -> Vec<Change> {
    let unread = |because: &str| vec![opaque(Untrusted::new(path.as_str()), changed, own, because)];
    if !(if own { is_yaml(path) } else { is_manifest(path) }) {
        return unread("it is neither YAML nor JSON");
    }
    let kind = if own { Kind::Own } else { Kind::Manifest };
    let read = |files: &Files, there: bool| -> Option<Vec<Document>> {
        if !there {
            return Some(Vec::new());
        }
        let documents = yaml::parse(path.as_str(), &files.blob(path)?.bytes, kind).ok()?;
        Some(documents.into_iter().flat_map(Document::listed).collect())
    };
    let (Some(before), Some(after)) = (read(base, changed.before.is_some()), read(head, changed.after.is_some()))
    else {
        return unread("it cannot be read");
    };
    let (Some(old), Some(new)) = (by_identity(path, &before), by_identity(path, &after)) else {
        return unread("two documents of it declare the same object");
    };
    let foreign = |object: &ObjectRef| own && !object.api_version.starts_with("bpctl.dev/");
    if old.keys().chain(new.keys()).any(foreign) {
        return unread("it holds something else than blueprints, policies and the workspace");
    }
    if old.keys().chain(new.keys()).any(|object| object.kind.ends_with("List"))
        || before.iter().chain(&after).any(|document| document.unread_list().is_some())
    {
        return unread("it holds a list of objects");
    }
    let mut changes = Vec::new();
    for (object, document) in &old {
        match new.get(object) {
            None => changes.push(whole(path, object, document, false)),
            Some(other) => changes.extend(differences(&document.root, &other.root).into_iter().map(|difference| {
                Change::Field(FieldChange {
                    path: path.clone(),
                    object: object.clone(),
                    field: difference.field,
                    from: difference.from,
                    to: difference.to,
                })
            })),
        }
    }
    changes.extend(
        new.iter().filter(|(object, _)| !old.contains_key(*object)).map(|(object, d)| whole(path, object, d, true)),
    );
    let size = base.blob(path).map_or(0, |blob| blob.bytes.len());
    let same_bytes = changed.before.is_some() && base.blob(path).map(|b| &b.id) == head.blob(path).map(|b| &b.id);
    if mode(changed.before.as_ref()) != mode(changed.after.as_ref()) || (changes.is_empty() && same_bytes) {
        changes.push(opaque(Untrusted::new(path.as_str()), changed, own, "its mode differs"));
    } else if changes.is_empty() && after.is_empty() {
        // It stands in no list otherwise, and so in no approval. Whoever delivers it may see more in it.
        changes.push(opaque(
            Untrusted::new(path.as_str()),
            changed,
            own,
            "it declares nothing: comments alone, or nothing at all",
        ));
    } else if changes.len() > MOST_EXPLAINED || changes.len().saturating_mul(size) > MOST_BYTES {
        let because = format!("{} values of it change: not each is looked at", changes.len());
        changes.push(opaque(Untrusted::new(path.as_str()), changed, own, &because));
    } else if !explained(path, &changes, &old, base, head) {
        let because = match doubled(&old, &new) {
            Some(key) => {
                &format!("it gives {key} twice: Kubernetes takes the last, and another reader may take the first")
            }
            None => "bytes differ besides the fields: comments or formatting",
        };
        changes.push(opaque(Untrusted::new(path.as_str()), changed, own, because));
    }
    changes
}

/// A key that a mapping has twice and had once: what it hides is in no field.
fn doubled(old: &BTreeMap<ObjectRef, &Document>, new: &BTreeMap<ObjectRef, &Document>) -> Option<String> {
    let keys = |all: &BTreeMap<ObjectRef, &Document>| -> Vec<String> {
        let twice = all.values().flat_map(|document| document.doubled_keys());
        twice.map(|(_, again)| again.key.to_string()).collect()
    };
    let (had, has) = (keys(old), keys(new));
    let count = |all: &[String], key: &String| all.iter().filter(|other| *other == key).count();
    let brought = has.iter().find(|key| count(&has, key) > count(&had, key))?;
    let plain = brought.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    Some(if plain { format!("the key {brought}") } else { "a key".into() })
}

/// Whether setting just the changed fields in base's bytes gives head's bytes.
fn explained(
    path: &RepoPath,
    changes: &[Change],
    old: &BTreeMap<ObjectRef, &Document>,
    base: &Files,
    head: &Files,
) -> bool {
    let (Some(before), Some(after)) = (base.blob(path), head.blob(path)) else { return true };
    if changes.iter().any(|change| !matches!(change, Change::Field(_))) {
        return true; // a whole object that came or went needs a person anyway
    }
    let edits: Option<Vec<Edit>> = changes
        .iter()
        .map(|change| match change {
            Change::Field(change) => {
                let document = old.get(&change.object)?;
                let field = document.in_file(&change.field);
                edit(document.index, field, change.from.as_ref(), change.to.as_ref())
            }
            _ => None,
        })
        .collect();
    let Some(edits) = edits else { return false };
    yaml::apply(path.as_str(), &before.bytes, &edits).is_ok_and(|bytes| bytes.as_slice() == &*after.bytes)
}

/// The mode that stands before an id, where it is no plain file's; nothing where there is no file: that is a change of its own.
fn mode(side: Option<&String>) -> &str {
    side.and_then(|side| side.split_once(':')).map_or("", |(mode, _)| mode)
}

/// The documents of a file by what they declare; `None`: two declare the same.
pub(super) fn by_identity<'d>(path: &RepoPath, documents: &'d [Document]) -> Option<BTreeMap<ObjectRef, &'d Document>> {
    let mut map = BTreeMap::new();
    for document in documents {
        let mut object = declared_object(&document.root);
        if object.name.is_empty() {
            object.name = path.as_str().into(); // the workspace has no name
        }
        if map.insert(object.into(), document).is_some() {
            return None;
        }
    }
    Some(map)
}

pub(super) fn whole(path: &RepoPath, object: &ObjectRef, document: &Document, added: bool) -> Change {
    let content = Digest::of(&document.root.to_json());
    let parts = ["data", "binaryData"].into_iter().filter(|_| added && object.kind == "ConfigMap");
    let entries = parts.filter_map(|part| document.root.get(part)).flat_map(Node::entries);
    let keys = entries.map(|entry| entry.key.to_string()).collect();
    Change::Object(ObjectChange { path: path.clone(), object: object.clone(), added, content, keys })
}

fn opaque(path: Untrusted, changed: &ChangedPath, governance: bool, because: &str) -> Change {
    let (from, to) = (changed.before.clone(), changed.after.clone());
    Change::Opaque(OpaqueChange { path, from, to, governance, because: because.into() })
}

impl Change {
    /// Whether it changes rules: a blueprint, a policy, the workspace, or what cannot be read among them.
    pub fn is_rule(&self) -> bool {
        match self {
            Self::Field(change) => change.object.api_version.starts_with("bpctl.dev/"),
            Self::Object(change) => change.object.api_version.starts_with("bpctl.dev/"),
            Self::Opaque(change) => change.governance,
        }
    }

    /// The object that it is a change of; `None`: bytes have none.
    pub fn object(&self) -> Option<&ObjectRef> {
        match self {
            Self::Field(change) => Some(&change.object),
            Self::Object(change) => Some(&change.object),
            Self::Opaque(_) => None,
        }
    }

    /// The last key of the field, for short texts.
    pub fn short_field(&self) -> Option<&str> {
        match self {
            Self::Field(change) => match change.field.0.last() {
                Some(Segment::Key(key)) => Some(key),
                _ => None,
            },
            _ => None,
        }
    }
}
