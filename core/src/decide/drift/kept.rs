//! What an apply by bpctl leaves in the cluster though Git does not declare it: a field stays while another manager owns it.

use serde_json::Value as Json;

use super::{DeliveryManagers, applied_by_alone, ownership, scalar};
use crate::govern::FIELD_MANAGER;
use crate::model::{FieldPath, Segment, Untrusted};
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
pub fn kept_by_others(live: &LiveObject, path: &FieldPath) -> bool {
    let entries = ownership::entries(&live.body, &DeliveryManagers::default());
    entries.iter().any(|entry| !entry.delivers && entry.keeps(path))
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
    let has = live.body.pointer("/spec/ports").and_then(Json::as_array)?;
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
