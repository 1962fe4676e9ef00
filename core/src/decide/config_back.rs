//! What of a change's `ConfigMap`s goes back with it, or why none of it can (B17): each value as it stood before, or nothing at all. What somebody
//! changed again since, what may be a credential, and what was taken away is a person's to put back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::DetectInput;
use crate::action::ConfigBack;
use crate::blueprint::Manifest;
use crate::model::{At, FieldPath, Name, ObjectRef, Segment, Timestamp, Untrusted};
use crate::observe::{Known, PastChange, PastConfig, PastOperation};
use crate::propose::is_writable;
use crate::render::sink::terminal;
use crate::yaml::{Node, value_at};

/// What is to be known of a `ConfigMap` that a change which goes back had changed (B17).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigBroken {
    /// The object.
    pub object: ObjectRef,
    /// It came with the change, and stays.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stays: bool,
    /// The other blueprints whose workloads read it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Name>,
}

/// When the cluster got the last of these: by who wrote them, and the cluster's clock. `None`: it does not say so of each.
pub(super) fn arrived_at(input: &DetectInput<'_>, config: &[PastConfig]) -> Option<Timestamp> {
    let written = |one: &PastConfig| {
        let live = input.facts.object(&one.object).known().copied()??;
        let entries = live.body.at("/metadata/managedFields")?.as_array()?;
        entries.iter().filter_map(|entry| entry.get("time")?.as_str()?.parse().ok()).max()
    };
    let all: Option<Vec<Timestamp>> = config.iter().map(written).collect();
    all?.into_iter().max()
}

/// The values of these `ConfigMap`s on their way back, and what is to be known of them. `Err`: why none goes back, in one clause.
pub(super) fn config_back(
    input: &DetectInput<'_>,
    commit: &str,
    config: &[PastConfig],
    history: &[PastOperation],
) -> Result<(Vec<ConfigBack>, Vec<ConfigBroken>), String> {
    let (mut back, mut told) = (Vec::new(), Vec::new());
    let blueprint = &input.blueprint.value;
    for one in config {
        let PastConfig { object, changes, brought, withheld, .. } = one;
        let mut also = input.catalog.sharing(input.environment, object);
        also.retain(|name| *name != blueprint.metadata.name);
        told.push(ConfigBroken { object: object.clone(), stays: *brought, also });
        if *brought {
            continue;
        }
        let Some(changes) = changes else {
            return Err(format!(
                "{commit} took {object} away, or what it changed of it cannot be read: it comes back by hand"
            ));
        };
        let all = input.catalog.companions(input.environment, &blueprint.metadata.name);
        let shared = all.shared.iter().map(|(companion, _)| companion);
        let Some(manifest) =
            all.compared.iter().chain(shared).find(|one| one.object == *object).map(|one| one.manifest)
        else {
            let named = object.to_string();
            let unclear = all.unclear.iter().find(|(what, _)| *what == named);
            let source = &blueprint.spec.target.source;
            let gone = || format!("no manifest below {source} declares it for the workload any more");
            let why = unclear.map_or_else(gone, |(_, why)| why.clone());
            return Err(format!("{commit} changed {object}, and {why}"));
        };
        if let Some(key) = withheld.first() {
            let field = field_of(manifest, key);
            let place = place(input, manifest, &field);
            return Err(format!(
                "{commit} changed {} of {object}, which may be a credential: it goes back by hand{place}",
                shown(key)
            ));
        }
        for change in changes {
            if let Some(value) = one_back(input, commit, (object, manifest), change)? {
                back.push(value);
            }
        }
        is_new(commit, object, changes, history)?;
    }
    // Pods may be as they are because of what was there before: then Git is ahead, and nothing is known of the change.
    for ConfigBack { object, field, from, .. } in &back {
        let live = match input.facts.object(object) {
            Known::Known(live) => live,
            Known::Unknown(why) => {
                return Err(format!(
                    "whether the cluster has {object} as Git declares it is not known: {}",
                    why.message
                ));
            }
        };
        let has = live.and_then(|live| {
            field.0.iter().try_fold(&*live.body, |value, step| match step {
                Segment::Key(key) => value.get(key),
                _ => None,
            })
        });
        if has != from.as_ref() {
            return Err(format!("Git is ahead: the cluster does not have {object} yet as {commit} left it"));
        }
    }
    Ok((back, told))
}

/// One value on its way back; `None`: it is back already.
fn one_back(
    input: &DetectInput<'_>,
    commit: &str,
    (object, manifest): (&ObjectRef, &Manifest),
    change: &PastChange,
) -> Result<Option<ConfigBack>, String> {
    let stands = value_at(&manifest.document, &change.field).map(Node::to_json);
    if stands == change.from {
        return Ok(None);
    }
    let field = shown(&change.field);
    let by_hand = || format!("it goes back by hand{}", place(input, manifest, &change.field));
    if stands != change.to {
        return Err(format!(
            "{field} of {object} is another again since {commit}, and nothing is written over that{}",
            place(input, manifest, &change.field)
        ));
    }
    let text = |value: &Json| value.is_string() && is_writable(value);
    if !change.field.starts_with_keys(&["data"]) || ![&change.from, &change.to].into_iter().flatten().all(text) {
        return Err(format!("{field} of {object} is no plain text: {}", by_hand()));
    }
    Ok(Some(ConfigBack::of(object, change)))
}

/// What bpctl rolled back from once is never gone back to.
fn is_new(commit: &str, object: &ObjectRef, changes: &[PastChange], history: &[PastOperation]) -> Result<(), String> {
    for past in history.iter().filter(|past| past.is_rollback()) {
        let then = past.config.iter().filter(|then| then.object == *object).filter_map(|then| then.changes.as_ref());
        let mut left =
            then.flatten().filter(|then| changes.iter().any(|c| (&c.field, &c.from) == (&then.field, &then.from)));
        if past.changes.is_none() {
            return Err(format!("what rollback #{} changed is not known, and nothing goes back and forth", past.pull));
        }
        if left.next().is_some() {
            return Err(format!("what stood in {object} before {commit} was rolled back itself, with #{}", past.pull));
        }
    }
    Ok(())
}

/// Where a `ConfigMap` has a key.
fn field_of(manifest: &Manifest, key: &str) -> FieldPath {
    let binary = manifest.document.root.at(&["binaryData", key]).is_some();
    FieldPath::keys([if binary { "binaryData" } else { "data" }, key])
}

/// ` at deploy/web.yaml:17:9`: the line of a value, or of what is nearest above it; of what is rendered the line that makes it, where that is known.
fn place(input: &DetectInput<'_>, manifest: &Manifest, field: &FieldPath) -> String {
    let above = (1..=field.0.len()).rev().map(|steps| FieldPath(field.0[..steps].to_vec()));
    let mut found = above.filter_map(|path| {
        if manifest.rendered {
            return input.catalog.place_beside(input.environment, manifest, &path, (None, None)).ok();
        }
        Some(manifest.document.span_of(value_at(&manifest.document, &path)?))
    });
    match found.next() {
        Some(span) => format!(" at {}", shown(&span)),
        None if manifest.rendered => format!(", in what {} is rendered from", manifest.path),
        None => format!(" in {}", manifest.path),
    }
}

/// Keys come from files: they are shown as text from outside.
fn shown(what: &impl ToString) -> String {
    terminal(&Untrusted::new(what.to_string()))
}
