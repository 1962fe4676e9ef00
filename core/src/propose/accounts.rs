//! Which changed values of a rendering's inputs account for themselves in what is rendered (X2, X9).
//!
//! A value may pass for what is rendered of it only where that is all it does. What one shows is no word for the value beside it: that one may
//! act where nothing is rendered (an upgrade, a sync, another cluster).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value as Json;

use super::changes::changes_of;
use super::{Change, ChangedPath, FieldChange, Side};
use crate::model::{FieldPath, ObjectRef, RepoPath};

/// Before and after, as texts; `None`: not there.
type Values = (Option<String>, Option<String>);

/// A value of an input, by where it stands.
type Place<'l> = (&'l RepoPath, &'l ObjectRef, &'l FieldPath);

/// What changes in the files that renderings read, value by value; or why it is more than values.
#[derive(Debug, Default)]
pub(super) struct Leaves(BTreeMap<RepoPath, Result<Vec<FieldChange>, String>>);

impl Leaves {
    /// Of all changed files that something rendered reads.
    pub(super) fn of(paths: &[ChangedPath], before: &Side, after: &Side) -> Self {
        let read = |path: &RepoPath| {
            before.rendered.values().chain(after.rendered.values()).any(|rendering| rendering.reads(path))
        };
        let leaves = |changed: &ChangedPath| {
            let path = changed.path.as_ref().ok().filter(|path| read(path))?;
            let fields = changes_of(path, changed, &before.files, &after.files, false).into_iter().map(|c| match c {
                Change::Field(field) => Ok(field),
                Change::Object(_) => Err("an object of it comes or goes".to_owned()),
                Change::Opaque(opaque) => Err(opaque.because),
            });
            Some((path.clone(), fields.collect()))
        };
        Self(paths.iter().filter_map(leaves).collect())
    }

    /// The changed values of one file.
    pub(super) fn in_file(&self, path: &RepoPath) -> Result<&[FieldChange], String> {
        match self.0.get(path) {
            Some(Ok(leaves)) => Ok(leaves),
            Some(Err(why)) => Err(why.clone()),
            None => Err("what changes in it was not looked at".into()),
        }
    }

    /// The files.
    pub(super) fn paths(&self) -> impl Iterator<Item = &RepoPath> {
        self.0.keys()
    }

    /// Those of the files that a rendering reads.
    pub(super) fn among(&self, reads: impl Fn(&RepoPath) -> bool) -> impl Iterator<Item = &FieldChange> {
        self.0.iter().filter(move |(path, _)| reads(path)).flat_map(|(_, leaves)| leaves.iter().flatten())
    }
}

/// Who accounts for what changes in one rendering.
#[derive(Debug)]
pub(super) struct Accounts<'l> {
    /// Values of which a change of what is rendered is told by nothing else.
    own: BTreeSet<Place<'l>>,
    /// The first change of what is rendered that no changed value says.
    pub(super) unsaid: Option<String>,
}

impl<'l> Accounts<'l> {
    /// Compares what changed in what one rendering makes with what changed in what it reads.
    pub(super) fn of(leaves: &'l Leaves, reads: impl Fn(&RepoPath) -> bool, changes: &[Change]) -> Self {
        let mut by_values: HashMap<Values, Vec<&'l FieldChange>> = HashMap::new();
        for leaf in leaves.among(reads) {
            by_values.entry(values(leaf)).or_default().push(leaf);
        }
        let mut accounts = Self { own: BTreeSet::new(), unsaid: None };
        for change in changes {
            let said: Vec<&FieldChange> = match change {
                Change::Field(field) => {
                    tellings(values(field)).filter_map(|told| by_values.get(&told)).flatten().copied().collect()
                }
                Change::Object(_) | Change::Opaque(_) => Vec::new(),
            };
            if said.is_empty() {
                accounts.unsaid.get_or_insert_with(|| named(change));
            }
            // Of several that say the same, the one at the very field makes it.
            let at: Vec<_> = said.iter().copied().filter(|leaf| is_at(leaf, change)).collect();
            if let [leaf] = (if at.is_empty() { said } else { at })[..] {
                accounts.own.insert(place(leaf));
            }
        }
        accounts
    }

    /// Whether a changed value has a change of what is rendered that is its own: the same before and after, and no other value says it.
    pub(super) fn has(&self, leaf: &FieldChange) -> bool {
        self.own.contains(&place(leaf))
    }
}

fn place(leaf: &FieldChange) -> Place<'_> {
    (&leaf.path, &leaf.object, &leaf.field)
}

/// Whether a value stands at the very field that changes in what is rendered.
pub(super) fn is_at(leaf: &FieldChange, change: &Change) -> bool {
    let Change::Field(made) = change else { return false };
    leaf.field == made.field && leaf.object.kind == made.object.kind && leaf.object.name == made.object.name
}

fn values(change: &FieldChange) -> Values {
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    (change.from.as_ref().map(text), change.to.as_ref().map(text))
}

/// Whether a value of a file says what changes in what is rendered.
pub(super) fn says(leaf: &FieldChange, made: &FieldChange) -> bool {
    tellings(values(made)).any(|told| told == values(leaf))
}

/// How a file may say a rendered change: as it is, or, of an image, as its tag or digest alone.
fn tellings((from, to): Values) -> impl Iterator<Item = Values> {
    let image = |separator: char| {
        let (before, old) = from.as_deref()?.rsplit_once(separator)?;
        let (after, new) = to.as_deref()?.rsplit_once(separator)?;
        (before == after).then(|| (Some(old.to_owned()), Some(new.to_owned())))
    };
    let parts = [image(':'), image('@')];
    std::iter::once((from, to)).chain(parts.into_iter().flatten())
}

/// A change of what is rendered, in a few words. Text of a file is named only where it is plain.
fn named(change: &Change) -> String {
    match change {
        Change::Field(FieldChange { object, field, .. }) => plain(&format!("{object} {field}")),
        Change::Object(whole) => plain(&whole.object.to_string()),
        Change::Opaque(_) => "a file".into(),
    }
}

/// A name that means nothing to any medium, else none.
pub(super) fn plain(text: &str) -> String {
    let is_plain = text.len() <= 200 && text.chars().all(|c| c.is_ascii_alphanumeric() || " ./-_=[]\"".contains(c));
    if is_plain { text.to_owned() } else { "a field".into() }
}
