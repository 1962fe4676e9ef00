//! What an apply by bpctl leaves in the cluster though Git does not declare it: a field stays while another manager owns it.

use serde_json::Value as Json;

use super::{DeliveryManagers, DriftKind, FieldDrift, applied_by_alone, ownership, quirks, removal, scalar};
use crate::govern::FIELD_MANAGER;
use crate::model::{At, FieldPath, Segment, Untrusted};
use crate::observe::LiveObject;
use crate::yaml::{Document, Node};

/// The managers for whose sake a field stays when bpctl's apply leaves it out; `None`: it goes, for bpctl alone applied it. None are named
/// where the object does not say who owns what.
pub fn kept_by(live: &LiveObject, path: &FieldPath) -> Option<Vec<Untrusted>> {
    if applied_by_alone(live, path, FIELD_MANAGER) {
        return None;
    }
    let entries = ownership::entries(&live.body, &DeliveryManagers::default());
    let others = entries.iter().filter(|entry| entry.manager != FIELD_MANAGER || entry.operation != "Apply");
    let mut names: Vec<&str> = others.filter(|entry| entry.keeps(path)).map(|entry| entry.manager).collect();
    names.sort_unstable();
    names.dedup();
    Some(names.into_iter().map(Untrusted::new).collect())
}

/// Whether a field stays for the sake of somebody who does not deliver from Git, when a controller's apply leaves it out.
pub fn kept_by_others(document: &Document, live: &LiveObject, path: &FieldPath) -> bool {
    let entries = ownership::entries(&live.body, &DeliveryManagers::default().of(document, live));
    entries.iter().any(|entry| !entry.delivers && entry.keeps(path))
}

/// Keys of a mapping that stay beside what Git declares of it (X8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptKeys {
    keys: Vec<FieldPath>,
    by: Option<Untrusted>,
    /// Git dropped another key of it, which goes.
    pub others_go: bool,
}

impl KeptKeys {
    /// `spec.selector.v (by kubectl-patch)`, each.
    pub fn named(&self) -> Vec<Untrusted> {
        let by = self.by.as_ref().map_or_else(String::new, |by| format!(" (by {})", by.raw()));
        self.keys.iter().map(|key| Untrusted::new(format!("{key}{by}"))).collect()
    }
}

/// The keys that somebody added to a mapping which only server-side apply takes for one value, where the object was delivered last by a
/// client-side apply: that takes away what it applied itself and nothing else. Tried on a server with a Service's selector, a node selector and a
/// reference to a `ConfigMap`'s key; what it applied stands in its annotation, and without one in who owns the mapping.
pub fn kept_keys(document: &Document, live: &LiveObject, drift: &FieldDrift) -> Option<KeptKeys> {
    let (Some(Json::Object(declared)), Some(Json::Object(has))) = (&drift.declared, &drift.live) else { return None };
    // A mapping is reported as a whole only where all that Git declares of it is there.
    if drift.kind != DriftKind::Changed {
        return None;
    }
    let managers = DeliveryManagers::default().of(document, live);
    if !removal::is_merged(&live.body, &managers) {
        return None;
    }
    let by = drift.by.as_ref().filter(|by| !managers.contains(by.manager.raw())).map(|by| by.manager.clone());
    let applied = removal::last_applied(&live.body, &managers);
    let brought = |key: &str| match &applied {
        Some(applied) => removal::value_at(applied, &drift.path).is_some_and(|map| map.get(key).is_some()),
        None => by.is_none(),
    };
    let added =
        has.iter().filter(|(key, value)| !declared.contains_key(*key) && !quirks::is_atomic_default(key, value));
    let (go, keys): (Vec<&str>, Vec<&str>) = added.map(|(key, _)| key.as_str()).partition(|key| brought(key));
    // A key without a value in Git takes the cluster's away.
    let emptied = declared.iter().any(|(key, value)| value.is_null() && has.contains_key(key));
    let keys: Vec<FieldPath> = keys.into_iter().map(|key| drift.path.key(key)).collect();
    (!keys.is_empty()).then_some(KeptKeys { keys, by, others_go: emptied || !go.is_empty() })
}

/// A Service's port that Git declares and the cluster lacks, and one that an apply leaves beside it, where the API server takes no such
/// two: several ports need a name each, and no two have the same. A port is told apart by its number and protocol alone, so that one whose
/// number changed is another port to an apply. `stays`: whether a field that the apply leaves out is there after it.
pub fn kept_port(
    document: &Document,
    live: &LiveObject,
    stays: impl Fn(&FieldPath) -> bool,
) -> Option<(String, String)> {
    // Where it is not recorded who owns what, an apply may take the old one away.
    let is_service = live.reference.api_version == "v1" && live.reference.kind == "Service";
    if !is_service || !ownership::is_recorded(&live.body) {
        return None;
    }
    let declared = document.root.at(&["spec", "ports"]).map(Node::items).unwrap_or_default();
    let has = live.body.at("/spec/ports").and_then(Json::as_array)?;
    let text = |port: &Node, key: &str| port.get(key).and_then(scalar::node_text);
    let declared: Vec<Port> = declared.iter().filter_map(|port| Port::of(|key| text(port, key))).collect();
    let text = |port: &Json, key: &str| port.get(key).and_then(scalar::json_text);
    let has: Vec<Port> = has.iter().filter_map(|port| Port::of(|key| text(port, key))).collect();
    let kept = |port: &&Port| !port.is_among(&declared) && stays(&port.path());
    let kept: Vec<&Port> = has.iter().filter(kept).collect();
    let mut added = declared.iter().filter(|port| !port.is_among(&has));
    added.find_map(|added| {
        let clashes = |kept: &&&Port| added.name.is_empty() || kept.name.is_empty() || added.name == kept.name;
        kept.iter().find(clashes).map(|kept| (added.number.clone(), kept.number.clone()))
    })
}

struct Port {
    number: String,
    protocol: String,
    name: String,
}

impl Port {
    fn of(text: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let protocol = text("protocol").unwrap_or_else(|| "TCP".into());
        Some(Self { number: text("port")?, protocol, name: text("name").unwrap_or_default() })
    }

    fn is_among(&self, ports: &[Self]) -> bool {
        ports.iter().any(|port| port.number == self.number && port.protocol == self.protocol)
    }

    fn path(&self) -> FieldPath {
        let keys = [("port", &self.number), ("protocol", &self.protocol)];
        let item = Segment::Item(keys.map(|(key, value)| (key.to_owned(), value.clone())).into());
        FieldPath::keys(["spec", "ports"]).join(item)
    }
}
