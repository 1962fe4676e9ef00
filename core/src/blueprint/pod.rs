//! What a workload's manifest says of its containers.

use crate::model::Quantity;
use crate::yaml::Node;

/// The containers that run as long as the pod does, by name: sidecars among the init containers too (B7).
pub fn containers(manifest: &Node) -> Vec<(String, &Node)> {
    let list = |key| manifest.at(&["spec", "template", "spec", key]).map(Node::items).unwrap_or_default();
    let sidecar = |node: &&Node| node.get("restartPolicy").and_then(Node::as_str) == Some("Always");
    let all = list("containers").iter().chain(list("initContainers").iter().filter(sidecar));
    all.map(|node| (node.get("name").and_then(Node::as_str).unwrap_or_default().to_owned(), node)).collect()
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
