//! What an apply by bpctl leaves in the cluster though Git does not declare it: a field stays while another manager owns it.

use serde_json::Value as Json;

use super::rivals::{merges, pod_of};
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
    let free = matches!(drift.path.0.last(), Some(Segment::Key(key)) if quirks::is_free_map(key));
    let added =
        has.iter().filter(|(key, value)| !declared.contains_key(*key) && !quirks::is_atomic_default(free, key, value));
    let (go, keys): (Vec<&str>, Vec<&str>) = added.map(|(key, _)| key.as_str()).partition(|key| brought(key));
    // A key without a value in Git takes the cluster's away.
    let emptied = declared.iter().any(|(key, value)| value.is_null() && has.contains_key(key));
    let keys: Vec<FieldPath> = keys.into_iter().map(|key| drift.path.key(key)).collect();
    (!keys.is_empty()).then_some(KeptKeys { keys, by, others_go: emptied || !go.is_empty() })
}

/// A port of Git's and one of the cluster's that an apply leaves beside it, where the API server takes no such two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPort {
    /// The list that holds both.
    pub list: FieldPath,
    /// The number that Git declares, with its protocol where the other one has the same.
    pub declared: String,
    /// The number that stays.
    pub kept: String,
    /// Git's is in the cluster as well.
    pub is_there: bool,
}

/// A port that no apply can bring, since another one stays: no two of a Service, nor of a container, have the same name or take the same port of
/// a node, and several of a Service need a name each. A port is told apart by its number and protocol alone, and where a client-side apply
/// delivers it by its number, so that one whose number changed is another port to an apply.
/// `stays`: whether a field that the apply leaves out is there after it; `direct`: bpctl applies it, by server-side apply.
pub fn kept_port(
    document: &Document,
    live: &LiveObject,
    direct: bool,
    stays: impl Fn(&FieldPath) -> bool,
) -> Option<KeptPort> {
    // Where it is not recorded who owns what, an apply may take the old one away.
    if !ownership::is_recorded(&live.body) {
        return None;
    }
    let by_number = !direct && merges(live);
    let (of_service, of_container) = (
        Shape { number: "port", of_node: "nodePort", by_number },
        Shape { number: "containerPort", of_node: "hostPort", by_number },
    );
    let is_service = live.reference.api_version == "v1" && live.reference.kind == "Service";
    if is_service {
        let list = FieldPath::keys(["spec", "ports"]);
        let (git, has) = (document.root.at(&["spec", "ports"]), live.body.at("/spec/ports"));
        return clash(list, &of_service, git?, has?, &stays);
    }
    let keys = pod_of(live)?;
    let git = document.root.at(keys)?;
    let has = keys.iter().try_fold(&*live.body, |json, key| json.get(key))?;
    let lists = ["containers", "initContainers"].into_iter();
    let mut containers =
        lists.flat_map(|list| git.get(list).map(Node::items).unwrap_or_default().iter().map(move |c| (list, c)));
    containers.find_map(|(list, container)| {
        let name = container.get("name")?.as_str()?;
        let named = |other: &&Json| other.get("name").and_then(Json::as_str) == Some(name);
        let has = has.get(list)?.as_array()?.iter().find(named)?;
        let item = Segment::Item(vec![("name".into(), name.into())]);
        let path = FieldPath::keys(keys.iter().copied()).key(list).join(item).key("ports");
        clash(path, &of_container, container.get("ports")?, has.get("ports")?, &stays)
    })
}

/// How ports of a list are written, and told apart.
struct Shape {
    number: &'static str,
    /// Which port of a node leads there: no two lead to one list's ports.
    of_node: &'static str,
    by_number: bool,
}

/// Such two of one list.
fn clash(
    list: FieldPath,
    shape: &Shape,
    git: &Node,
    has: &Json,
    stays: impl Fn(&FieldPath) -> bool,
) -> Option<KeptPort> {
    let text = |port: &Node, key: &str| port.get(key).and_then(scalar::node_text);
    let declared: Vec<Port> = git.items().iter().filter_map(|port| Port::of(shape, |key| text(port, key))).collect();
    let text = |port: &Json, key: &str| port.get(key).and_then(scalar::json_text);
    let has: Vec<Port> = has.as_array()?.iter().filter_map(|port| Port::of(shape, |key| text(port, key))).collect();
    let kept = |port: &&Port| !port.is_among(&declared, shape) && stays(&list.join(port.item(shape.number)));
    let kept: Vec<&Port> = has.iter().filter(kept).collect();
    let (wanted, kept) = declared.iter().find_map(|wanted| {
        // Among several a port of a Service needs a name.
        let nameless = |kept: &Port| {
            shape.number == "port" && !wanted.is_among(&has, shape) && (wanted.name.is_empty() || kept.name.is_empty())
        };
        let same = |one: &str, other: &str| !one.is_empty() && one == other;
        let on_node = |kept: &Port| same(&wanted.of_node, &kept.of_node) && wanted.protocol == kept.protocol;
        let clashes = |kept: &&&Port| nameless(kept) || same(&wanted.name, &kept.name) || on_node(kept);
        kept.iter().find(clashes).map(|kept| (wanted, *kept))
    })?;
    let told = |port: &Port| {
        if wanted.number == kept.number { format!("{}/{}", port.number, port.protocol) } else { port.number.clone() }
    };
    Some(KeptPort { list, declared: told(wanted), kept: told(kept), is_there: wanted.is_among(&has, shape) })
}

struct Port {
    number: String,
    protocol: String,
    name: String,
    of_node: String,
}

impl Port {
    fn of(shape: &Shape, text: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let protocol = text("protocol").unwrap_or_else(|| "TCP".into());
        let of_node = text(shape.of_node).filter(|number| number != "0").unwrap_or_default();
        Some(Self { number: text(shape.number)?, protocol, name: text("name").unwrap_or_default(), of_node })
    }

    fn is_among(&self, ports: &[Self], shape: &Shape) -> bool {
        let is = |port: &Self| port.number == self.number && (shape.by_number || port.protocol == self.protocol);
        ports.iter().any(is)
    }

    fn item(&self, number: &str) -> Segment {
        let keys = [(number, &self.number), ("protocol", &self.protocol)];
        Segment::Item(keys.map(|(key, value)| (key.to_owned(), value.clone())).into())
    }
}
