//! What a workload's manifest says of its containers.

use crate::model::{Name, Quantity};
use crate::yaml::{Node, Value};

/// The containers that run as long as the pod does, by name: sidecars among the init containers too (B7).
pub fn containers(manifest: &Node) -> Vec<(String, &Node)> {
    let list = |key| manifest.at(&["spec", "template", "spec", key]).map(Node::items).unwrap_or_default();
    let sidecar = |node: &&Node| node.get("restartPolicy").and_then(Node::as_str) == Some("Always");
    let all = list("containers").iter().chain(list("initContainers").iter().filter(sidecar));
    all.map(|node| (node.get("name").and_then(Node::as_str).unwrap_or_default().to_owned(), node)).collect()
}

/// The container that a blueprint's `spec.resources` is about (B7): the one that it names, else the only one.
///
/// # Errors
/// Why there is none, in one clause.
pub fn sized_container<'m>(manifest: &'m Node, named: Option<&Name>) -> Result<(String, &'m Node), String> {
    let all = containers(manifest);
    match (named, all.as_slice()) {
        (None, [(name, node)]) => Ok((name.clone(), node)),
        (None, _) => Err(format!(
            "its pods have {} containers, and whose bounds spec.resources holds cannot be told: name one as \
             spec.resources.container",
            all.len()
        )),
        (Some(named), _) => {
            let of_its_own = main_containers(manifest).iter();
            let found = of_its_own.map(|node| (node.get("name").and_then(Node::as_str).unwrap_or_default(), node));
            let mut found = found.filter(|(name, _)| *name == named.as_str());
            let found = found.next().map(|(name, node)| (name.to_owned(), node));
            found.ok_or_else(|| format!("spec.resources.container is {named}, and its pods have no such container"))
        }
    }
}

/// The replicas that a manifest declares: 1 where it says nothing. `None`: what it says is no whole number (B6).
pub fn replicas(manifest: &Node) -> Option<i128> {
    match manifest.at(&["spec", "replicas"]) {
        None | Some(Node { value: Value::Null, .. }) => Some(1),
        Some(written) => written.as_int(),
    }
}

/// A quantity as Kubernetes takes it, text or number.
pub fn quantity(node: &Node) -> Option<Quantity> {
    quantity_of(&node.to_json())
}

/// The same of JSON.
pub fn quantity_of(value: &serde_json::Value) -> Option<Quantity> {
    match value {
        serde_json::Value::String(text) => text.parse().ok(),
        serde_json::Value::Number(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

/// The containers that a workload's pods are for: none of the init containers.
pub(super) fn main_containers(manifest: &Node) -> &[Node] {
    manifest.at(&["spec", "template", "spec", "containers"]).map(Node::items).unwrap_or_default()
}

/// What a container declares of a resource: `requests` or `limits`, as it is written. `None`: nothing, or nothing that can be read.
pub fn declared(container: &Node, part: &str, resource: &str) -> Option<Quantity> {
    match &container.at(&["resources", part, resource])?.value {
        Value::String(text) | Value::Float(text) => text.parse().ok(),
        Value::Int(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

/// The sum over a pod's containers. `None`: one of them says nothing, so that the sum is not known.
pub(super) fn declared_total(manifest: &Node, part: &str, resource: &str) -> Option<Quantity> {
    if main_containers(manifest).is_empty() {
        return None;
    }
    // Sidecars among the init containers run, and are measured, as long as the pod does.
    let all = containers(manifest);
    let parts: Option<Vec<Quantity>> = all.iter().map(|(_, container)| declared(container, part, resource)).collect();
    parts.map(|parts| Quantity::sum_of(&parts))
}
