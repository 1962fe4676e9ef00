//! What a change of a rendering's inputs comes to: the objects of both sides, compared (X2, X9).
//!
//! Both sides are rendered by the edge, by the `render` entries of base; here they are data like any other file of a proposal.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::accounts::{Accounts, Leaves, plain};
use super::changes::whole;
use super::{Change, ChangedPath, FieldChange, differences};
use crate::blueprint::{Blueprint, Catalog, Located, Manifest, Renderer};
use crate::model::{Digest, Files, Name, ObjectRef, RepoPath, canonical_json};
use crate::rendering::{Rendering, is_own_values};
use crate::yaml::Node;

/// One side of a change: its files, and what base's own `render` entries make of them.
#[derive(Debug, Default)]
pub struct Side {
    /// The files that changed, as far as they are there.
    pub files: Files,
    /// By environment and place in its list: every entry that reads a changed file on one of the two sides.
    pub rendered: BTreeMap<(Name, usize), Rendering>,
    /// By folder: what comes of the kustomizations that no entry renders and that the change may make otherwise ([`touched`](super::touched)).
    pub beside: BTreeMap<RepoPath, Rendering>,
}

/// A file that renderings read, whose change stands as typed changes of what they make: each value of it as one of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RenderedInput {
    /// Git's id after; `None`: it goes.
    pub after: Option<String>,
    /// One overlay of one environment alone reads it and holds it, or it is a file of values of one chart that one environment alone names and that
    /// asks nothing of the cluster: what bpctl may merge.
    pub single: bool,
}

/// One entry of one environment, rendered on both sides.
pub(super) struct Pair<'s> {
    pub(super) environment: &'s Name,
    before: &'s Rendering,
    after: &'s Rendering,
    /// What differs, or why that is not known.
    pub(super) changes: Result<Vec<Change>, String>,
    /// Which changed values stand among them.
    accounts: Accounts<'s>,
}

impl<'s> Pair<'s> {
    /// All that was rendered on both sides.
    pub(super) fn all(before: &'s Side, after: &'s Side, leaves: &'s Leaves) -> Vec<Self> {
        let both = before.rendered.iter().filter_map(|(key, before)| Some((key, before, after.rendered.get(key)?)));
        let pair = |((environment, _), before, after): (&'s (Name, usize), &'s Rendering, &'s Rendering)| {
            let changes = compared(before, after).map_err(|why| format!("in {environment} {why}"));
            let reads = |path: &RepoPath| before.reads(path) || after.reads(path);
            let accounts = Accounts::of(leaves, reads, changes.as_deref().unwrap_or_default());
            Self { environment, before, after, changes, accounts }
        };
        both.map(pair).collect()
    }

    pub(super) fn reads(&self, path: &RepoPath) -> bool {
        self.before.reads(path) || self.after.reads(path)
    }

    /// Whether it is the blueprint's to judge: it makes what the source holds, or the workload itself.
    pub(super) fn is_of(&self, blueprint: &Located<Blueprint>) -> bool {
        let (source, target) = (&blueprint.value.spec.target.source, blueprint.value.object_in(self.environment));
        [self.before, self.after].iter().any(|side| {
            let made = || side.outcome.iter().flat_map(|all| all.iter()).any(|m| target.is_declared_by(&m.object));
            side.root.meets(source) || made()
        })
    }

    /// The objects of its changes, as they stand on each side.
    pub(super) fn changed(&self) -> Vec<&'s Manifest> {
        made_otherwise(self.changes.as_deref().unwrap_or_default(), [self.before, self.after])
    }

    /// Why a changed file of this rendering is not seen whole in what is rendered.
    fn unseen(&self, path: &RepoPath) -> Option<String> {
        let hidden = [self.before, self.after].iter().any(|side| side.reads(path) && !side.shows(path));
        let root = &self.after.root;
        hidden.then(|| format!("it is part of what {root} computes with, so that its effect may be another elsewhere"))
    }
}

/// A changed file that these renderings read: what stands for it, or why it has no meaning beyond its bytes.
pub(super) fn input(
    path: &RepoPath,
    changed: &ChangedPath,
    readers: &[&Pair<'_>],
    leaves: &Leaves,
    catalog: &Catalog,
) -> Result<RenderedInput, String> {
    if readers.is_empty() {
        return Err("what it changes in what is rendered was not looked at".into());
    }
    if let Some(why) = readers.iter().find_map(|pair| pair.changes.as_ref().err()) {
        return Err(format!("what it changes in what is delivered is not known: {why}"));
    }
    if let Some(why) = readers.iter().find_map(|pair| pair.unseen(path)) {
        return Err(format!("Kustomize or Helm reads it, and what it changes there is not known: {why}"));
    }
    if readers.iter().all(|pair| pair.changes.iter().all(Vec::is_empty)) {
        let both = |pair: &&&Pair<'_>| [pair.before, pair.after].into_iter().any(|one| is_application(one, path));
        if readers.iter().any(|pair| both(&pair)) {
            return Err("nothing that is rendered changes by it; it is an Application, which also says where and when Argo CD delivers, what it prunes and what it passes over".into());
        }
        return Err("nothing that is rendered changes by it: comments, formatting, or what has no effect yet".into());
    }
    for leaf in leaves.in_file(path)? {
        // Kustomize shows all that a value does, so one overlay is enough; a chart may do more with it than is seen here.
        let shown = readers.iter().any(|pair| pair.accounts.has(leaf));
        let hidden = readers.iter().any(|pair| pair.before.renderer == Renderer::Helm && !pair.accounts.has(leaf));
        if hidden || !shown {
            let field = plain(&leaf.field.to_string());
            return Err(format!("{field} changes, and what is rendered does not show that as a change of its own"));
        }
    }
    if let Some((pair, unsaid)) = readers.iter().find_map(|pair| Some((pair, pair.accounts.unsaid.as_ref()?))) {
        let root = &pair.after.root;
        return Err(format!("{unsaid} changes in what {root} renders, and no changed value of a file says so"));
    }
    let own = |pair: &Pair<'_>| {
        let Pair { before, after, environment, .. } = pair;
        before.root == after.root
            && match before.renderer {
                Renderer::Kustomize => path.is_within(&before.root),
                Renderer::Helm => {
                    is_own_values(catalog, environment, &before.root, path) && before.is_whole() && after.is_whole()
                }
            }
    };
    let single = matches!(readers, [pair] if own(pair));
    Ok(RenderedInput { after: changed.after.clone(), single })
}

/// Whether a file is the Application that a rendering follows.
fn is_application(rendering: &Rendering, path: &RepoPath) -> bool {
    rendering.sync.as_ref().is_some_and(|sync| sync.file == *path)
}

/// The objects of these changes, as they stand on each side.
pub(super) fn made_otherwise<'s>(changes: &[Change], sides: [&'s Rendering; 2]) -> Vec<&'s Manifest> {
    let changed: BTreeSet<&ObjectRef> = changes.iter().filter_map(Change::object).collect();
    let made = |side: &'s Rendering| side.outcome.iter().flat_map(|all| all.iter()).chain(side.hooks.iter());
    sides.into_iter().flat_map(made).filter(|manifest| changed.contains(&manifest.object)).collect()
}

/// What differs between two renderings of an entry.
pub(super) fn compared(before: &Rendering, after: &Rendering) -> Result<Vec<Change>, String> {
    let (old, new) = (objects(before)?, objects(after)?);
    let gone: Vec<_> = old.iter().filter(|(object, _)| !new.contains_key(*object)).collect();
    let came: Vec<_> = new.iter().filter(|(object, _)| !old.contains_key(*object)).collect();
    let path = &after.root;
    let mut changes = Vec::new();
    let mut moved = Vec::new();
    for (object, manifest) in &old {
        if let Some(other) = new.get(object) {
            changes.extend(fields(path, manifest, other));
        }
    }
    for (object, manifest) in gone {
        let same: Vec<_> = came.iter().filter(|(_, other)| is_generation(manifest, other)).collect();
        match same.as_slice() {
            [(other, to)] => {
                changes.extend(fields(path, manifest, to));
                moved.push(*other);
            }
            _ => changes.push(whole(path, object, &manifest.document, false)),
        }
    }
    let new = came.into_iter().filter(|(object, _)| !moved.contains(object));
    changes.extend(new.map(|(object, manifest)| whole(path, object, &manifest.document, true)));
    Ok(changes)
}

fn objects(rendering: &Rendering) -> Result<BTreeMap<&ObjectRef, &Manifest>, String> {
    let Rendering { root, renderer, outcome, .. } = rendering;
    let manifests =
        outcome.as_ref().map_err(|because| format!("{renderer} could not render {root}: {}", because.message))?;
    let mut objects = BTreeMap::new();
    for manifest in manifests.iter().chain(rendering.hooks.iter()) {
        if manifest.object.kind.ends_with("List") || manifest.document.unread_list().is_some() {
            return Err(format!("{root} makes a list of objects"));
        }
        if objects.insert(&manifest.object, manifest).is_some() {
            return Err(format!("{root} makes one object twice"));
        }
    }
    Ok(objects)
}

fn fields(path: &RepoPath, before: &Manifest, after: &Manifest) -> Vec<Change> {
    let found = differences(&before.document.root, &after.document.root).into_iter();
    let known = found.filter(|d| !before.is_unstable(&d.field) && !after.is_unstable(&d.field));
    let change = |d: super::FieldDifference| {
        let object = after.object.clone();
        Change::Field(FieldChange { path: path.clone(), object, field: d.field, from: d.from, to: d.to })
    };
    known.map(change).collect()
}

/// Whether two objects are one that Kustomize generates: their names differ in the hash of their content alone.
pub(super) fn is_generation(before: &Manifest, after: &Manifest) -> bool {
    (&before.object.kind, &before.object.namespace) == (&after.object.kind, &after.object.namespace)
        && generated_name(before).is_some_and(|name| generated_name(after) == Some(name))
}

/// The name that Kustomize's generator ended with the hash of the content; whoever writes such a name by hand does not hit that.
pub(crate) fn generated_name(manifest: &Manifest) -> Option<&str> {
    let (name, hash) = manifest.object.name.rsplit_once('-').filter(|(_, hash)| hash.len() == 10)?;
    let root = &manifest.document.root;
    let part = |key: &str| root.get(key).map_or_else(|| Json::from(""), Node::to_json);
    let mut content = serde_json::Map::new();
    for (key, value) in [("kind", Json::from(&*manifest.object.kind)), ("name", "".into()), ("data", part("data"))] {
        content.insert(key.into(), value);
    }
    let optional = match (manifest.object.api_version.as_str(), manifest.object.kind.as_str()) {
        ("v1", "ConfigMap") => "binaryData",
        ("v1", "Secret") => {
            content.insert("type".into(), part("type"));
            "stringData"
        }
        _ => return None,
    };
    content.extend(root.get(optional).map(|node| (optional.to_owned(), node.to_json())));
    // As Go writes JSON, and in Kustomize's own digits, which spell no words.
    let mut text = canonical_json(&Json::Object(content));
    for odd in ['<', '>', '&', '\u{2028}', '\u{2029}'] {
        text = text.replace(odd, &format!("\\u{:04x}", u32::from(odd)));
    }
    let digits = Digest::of_bytes(text.as_bytes());
    let spelt = digits.as_str().chars().take(10).map(|digit| match digit {
        '0' => 'g',
        '1' => 'h',
        '3' => 'k',
        'a' => 'm',
        'e' => 't',
        other => other,
    });
    spelt.eq(hash.chars()).then_some(name)
}
