//! Drift: what one manifest document declares and the cluster does not have, or still has and the manifest dropped.
//!
//! Containment, not equality: every leaf that the manifest declares equals the live one; what defaults, `status` and
//! other managers add is not drift. A field that a delivery manager owns and the manifest no longer declares is a
//! pending removal. Types and merge keys come from the kind's [`TypeSchema`]; nothing here knows Deployments. Never
//! decides what to do about it.
//!
//! Not seen by containment: a key that somebody added inside an item of an atomic list, and a value that a webhook would change on the way
//! in. A server-side dry run ([`exact()`]) sees both.

mod attribution;
mod compare;
mod deliverers;
mod exact;
mod kept;
mod ownership;
mod pairs;
mod pods;
mod quirks;
mod removal;
mod rivals;
mod scalar;
mod way;

#[cfg(test)]
mod emptied;
#[cfg(test)]
mod tests;

pub use exact::exact;
pub use kept::{KeptKeys, KeptPort, kept_by, kept_by_others, kept_keys, kept_port};
pub use rivals::{Rival, goes_with_its_type, is_refused_to_bpctl_alone, kept_rivals, merged_away, replaced};
use std::cell::LazyCell;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value as Json;

use crate::credential::{WITHHELD, field_holds};
use crate::model::{FieldPath, ObjectRef, Segment, SourceSpan, Timestamp, Untrusted};
use crate::observe::{LiveObject, TypeSchema};
use crate::yaml::Document;

pub(super) use removal::CLIENT_SIDE_APPLY;

/// One field in which manifest and cluster differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldDrift {
    /// Where: the topmost path that is wholly missing or pending, else the leaf.
    pub path: FieldPath,
    /// How it differs.
    pub kind: DriftKind,
    /// The manifest's value; for a pending removal the nearest parent that the manifest still declares.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "span")]
    pub span: Option<SourceSpan>,
    /// Why there is no place, where the manifest is rendered and no line was found that makes the field (X9).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unplaced: Option<String>,
    /// What the manifest declares; withheld for a Secret's data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<Json>,
    /// What the cluster has (text from outside); withheld for a Secret's data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Json>,
    /// What the API server would store instead of what Git declares, where it was asked: admission changes it on the way in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admitted: Option<Json>,
    /// Who wrote the live value, where `managedFields` tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Attribution>,
}

impl FieldDrift {
    /// Whether what it was or is may be a credential (T38).
    pub(crate) fn may_hold_credential(&self, object: &ObjectRef) -> bool {
        let values = [&self.declared, &self.live, &self.admitted].map(Option::as_ref);
        field_holds(&object.kind, &self.path, values)
    }

    /// The same without values that may be credentials (T38).
    #[must_use]
    pub(crate) fn told(mut self, object: &ObjectRef) -> Self {
        if self.may_hold_credential(object) {
            let values = [&mut self.declared, &mut self.live, &mut self.admitted];
            values.into_iter().flatten().for_each(|value| *value = WITHHELD.into());
        }
        self
    }
}

/// How a field differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DriftKind {
    /// Declared with another value than the cluster's.
    Changed,
    /// Declared, not in the cluster.
    Missing,
    /// In the cluster, owned by a delivery manager, no longer declared.
    PendingRemoval,
    /// Both have these items of a list whose order says something, and in another order; the values are the items' names.
    Order,
    /// Changed on the way in by the API server or by admission, as a dry run shows: not as Git declares it, or not declared at all.
    Admission,
}

/// Who wrote a field, as `managedFields` name them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attribution {
    /// The manager's name.
    pub manager: Untrusted,
    /// `Apply` or `Update`.
    pub operation: Untrusted,
    /// The subresource it wrote through: `scale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subresource: Option<Untrusted>,
    /// When it last wrote any field of the object, not always this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// False where several could have written it, or where it only wrote next to it.
    pub exact: bool,
}

impl Attribution {
    /// Whether it is the horizontal autoscaler of the controller manager, which writes through the scale subresource.
    pub fn is_horizontal_autoscaler(&self) -> bool {
        let scale = self.subresource.as_ref().is_some_and(|subresource| subresource.raw() == "scale");
        scale && self.manager.raw() == "kube-controller-manager"
    }
}

/// The field managers that deliver from Git.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryManagers {
    /// Their names. A write through a subresource is never a delivery.
    pub names: Vec<String>,
    /// Who delivers an object by server-side apply under another name, as what they apply of it shows.
    pub appliers: Vec<String>,
    /// Who may: whether what they own and Git does not declare stays is not known.
    pub unclear: Vec<String>,
}

impl Default for DeliveryManagers {
    fn default() -> Self {
        let names = [
            "bpctl",
            "argocd-controller",
            "kustomize-controller",
            "helm-controller",
            removal::CLIENT_SIDE_APPLY,
            "kubectl",
        ];
        Self { names: names.map(str::to_owned).into(), appliers: Vec::new(), unclear: Vec::new() }
    }
}

impl DeliveryManagers {
    fn contains(&self, manager: &str) -> bool {
        self.names.iter().any(|name| name == manager)
    }
}

/// Whether what was written came from Git, as far as the writer's name tells: nothing is permitted by it.
pub(crate) fn delivers(by: &Attribution) -> bool {
    by.subresource.is_none() && DeliveryManagers::default().contains(by.manager.raw())
}

/// Compares one manifest document with the live object: differences in the manifest's order, then pending removals by
/// path.
pub fn compare(
    document: &Document,
    live: &LiveObject,
    schema: &TypeSchema,
    managers: &DeliveryManagers,
) -> Vec<FieldDrift> {
    let managers = &managers.of(document, live);
    let mut found = compare::differences(document, live, schema);
    let removals = removal::pending(document, live, schema, managers);
    if found.is_empty() && removals.is_empty() {
        return found;
    }
    let entries = ownership::entries(&live.body, managers);
    let brought = if found.iter().any(|drift| drift.kind == DriftKind::Missing) {
        removal::brought(&live.body, managers)
    } else {
        None
    };
    // What was never there was removed by nobody.
    let is_new = |drift: &FieldDrift| {
        let brought = brought.as_ref().filter(|_| drift.kind == DriftKind::Missing);
        brought.is_some_and(|brought| removal::value_at(brought, &drift.path).is_none())
    };
    for drift in &mut found {
        // An order is owned by nobody.
        let unowned = drift.kind == DriftKind::Order || is_new(drift);
        drift.by = if unowned { None } else { attribution::of(drift, &entries) };
    }
    found.extend(removals);
    found
}

/// What says with which rights a pod runs, and what it runs: whoever adds that beside Git is seen first.
const RIGHTS: [&str; 8] =
    ["hostNetwork", "hostPID", "hostIPC", "privileged", "capabilities", "serviceAccountName", "hostPath", "command"];

/// Where an added field comes in the list: what is about a pod's rights, then containers, then the rest, the object's own labels and annotations last.
fn rank(added: &FieldDrift) -> usize {
    fn holds(value: &Json, key: &str) -> bool {
        match value {
            Json::Object(map) => map.iter().any(|(known, below)| known == key || holds(below, key)),
            Json::Array(items) => items.iter().any(|item| holds(item, key)),
            _ => false,
        }
    }
    let about = |key: &&str| added.path.has_key(key) || added.live.as_ref().is_some_and(|live| holds(live, key));
    let is_container = match added.path.0.as_slice() {
        [.., Segment::Key(list), Segment::Item(_)] => list == "containers" || list == "initContainers",
        _ => false,
    };
    let of_container = is_container.then_some(RIGHTS.len());
    let is_metadata = added.path.starts_with_keys(&["metadata"]);
    RIGHTS.iter().position(about).or(of_container).unwrap_or(RIGHTS.len() + 1 + usize::from(is_metadata))
}

/// A field that somebody added beside Git (X10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// Which.
    pub path: FieldPath,
    /// Who owns it; `None`: the object does not say.
    pub by: Option<Attribution>,
    /// The name is that of one that delivers, or of Kubernetes' own controllers: whoever writes calls themselves as they like (T6).
    pub in_its_name: bool,
    /// Who owns it may be who delivers the object: whether it stays is not known.
    pub unclear: bool,
}

/// Fields that somebody added beside Git: neither drift nor taken away by any apply. Each with who did; what is about a pod's rights first.
/// Of pods it is all that stands there, whoever says to have written it (T6).
pub fn added(document: &Document, live: &LiveObject, schema: &TypeSchema) -> Vec<Added> {
    let managers = DeliveryManagers::default().of(document, live);
    let mut found = removal::added(document, live, schema, &managers);
    let known = found.len();
    let goes = LazyCell::new(|| removal::pending(document, live, schema, &managers));
    for (path, value) in pods::undeclared(document, live, schema) {
        let told = |other: &FieldDrift| path.0.starts_with(&other.path.0);
        if found[..known].iter().any(told) || goes.iter().any(told) {
            continue;
        }
        let by = writer(live, &path);
        found.push(FieldDrift {
            path,
            kind: DriftKind::PendingRemoval,
            span: None,
            unplaced: None,
            declared: None,
            live: Some(value.clone()),
            admitted: None,
            by,
        });
    }
    // What is told whole is not told again in parts.
    let tops: Vec<FieldPath> = found[known..].iter().map(|added| added.path.clone()).collect();
    found.retain(|added| !tops.iter().any(|top| added.path != *top && added.path.0.starts_with(&top.0)));
    found.sort_by_key(rank);
    let in_its_name = |by: &Attribution| managers.contains(by.manager.raw()) || removal::controls(by.manager.raw());
    let tell = |added: FieldDrift| {
        let in_its_name = added.by.as_ref().is_some_and(in_its_name);
        let unclear = added.by.as_ref().is_some_and(|by| {
            by.operation.raw() == "Apply" && managers.unclear.iter().any(|name| name == by.manager.raw())
        });
        Added { path: added.path, by: added.by, in_its_name, unclear }
    };
    found.into_iter().map(tell).collect()
}

/// Who wrote a field of a live object last, as far as it says.
pub fn writer(live: &LiveObject, path: &FieldPath) -> Option<Attribution> {
    let entries = ownership::entries(&live.body, &DeliveryManagers::default());
    let by = attribution::latest(path, entries.iter().filter(|entry| entry.owns(path)))?;
    Some(Attribution { exact: true, ..by })
}

/// Whether one of these managers owns a field of a live object.
pub fn owned_by(live: &LiveObject, path: &FieldPath, managers: &[String]) -> bool {
    let entries = ownership::entries(&live.body, &DeliveryManagers::default());
    entries.iter().any(|entry| managers.iter().any(|manager| manager == entry.manager) && entry.owns(path))
}

/// Whether a field is there by this manager's own applies alone: an apply of it without the field takes the field away.
pub fn applied_by_alone(live: &LiveObject, path: &FieldPath, manager: &str) -> bool {
    let entries = ownership::entries(&live.body, &DeliveryManagers::default());
    let mut owners = entries.iter().filter(|entry| entry.keeps(path)).peekable();
    owners.peek().is_some() && owners.all(|entry| entry.manager == manager && entry.operation == "Apply")
}

/// Reads a [`SourceSpan`], which by itself is only written.
fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SourceSpan>, D::Error> {
    #[derive(Deserialize)]
    struct Span {
        file: String,
        line: usize,
        column: usize,
        start: usize,
        end: usize,
    }
    let span = Option::<Span>::deserialize(deserializer)?;
    Ok(span.map(|Span { file, line, column, start, end }| SourceSpan { file, line, column, start, end }))
}
