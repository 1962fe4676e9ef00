//! The fields of a manifest, and those that blueprints speak about.

use crate::model::{FieldPath, Segment};
use crate::yaml::{Document, Node, Value};

/// Every value of an object but what says which object it is: its labels, and all beside `metadata`; each with its path.
pub fn all_fields(document: &Document) -> Vec<(FieldPath, &Node)> {
    let mut found = Vec::new();
    if let Some(labels) = document.root.at(&["metadata", "labels"]) {
        leaves(&FieldPath::keys(vec!["metadata", "labels"]), labels, &mut found);
    }
    for entry in document.root.entries() {
        if !["apiVersion", "kind", "metadata", "status"].contains(&entry.key.as_str()) {
            leaves(&FieldPath::keys(vec![entry.key.as_str()]), &entry.value, &mut found);
        }
    }
    found
}

/// The same without what no blueprint speaks about: replicas, strategy, images, resources, environment values and probes stay.
pub fn governed_fields(document: &Document) -> Vec<(FieldPath, &Node)> {
    let mut fields = all_fields(document);
    fields.retain(|(path, _)| is_governed(path));
    fields
}

fn is_governed(path: &FieldPath) -> bool {
    if path.is_keys(&["spec", "replicas"]) || path.is_keys(&["spec", "minReadySeconds"]) {
        return true;
    }
    if ["strategy", "updateStrategy"].iter().any(|key| path.starts_with_keys(&["spec", key])) {
        return true;
    }
    let in_container = ["containers", "initContainers"]
        .iter()
        .any(|list| path.starts_with_keys(&["spec", "template", "spec", list]) && path.0.len() > 5);
    let Some(Segment::Key(key)) = path.0.get(5).filter(|_| in_container) else { return false };
    match key.as_str() {
        "image" | "resources" | "readinessProbe" | "livenessProbe" | "startupProbe" => true,
        // The name of a variable is what it is found by.
        "env" => !matches!(path.0.last(), Some(Segment::Key(last)) if last == "name" && path.0.len() == 8),
        _ => false,
    }
}

fn leaves<'a>(path: &FieldPath, node: &'a Node, found: &mut Vec<(FieldPath, &'a Node)>) {
    match &node.value {
        Value::Mapping(entries) => {
            for entry in entries {
                leaves(&path.key(entry.key.as_str()), &entry.value, found);
            }
        }
        Value::Sequence(items) => {
            let names: Option<Vec<&str>> = items.iter().map(|item| item.get("name")?.as_str()).collect();
            for (index, item) in items.iter().enumerate() {
                let step = match &names {
                    Some(names) if names.iter().filter(|name| **name == names[index]).count() == 1 => {
                        Segment::Item(vec![("name".into(), names[index].into())])
                    }
                    _ => Segment::Index(index),
                };
                leaves(&path.join(step), item, found);
            }
        }
        Value::Null => {}
        _ => found.push((path.clone(), node)),
    }
}
