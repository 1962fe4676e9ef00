//! The fields of a manifest, and those that blueprints speak about.

use serde_json::Value as Json;

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

/// The field that a person looks for who is told that the cluster has another value: of lists of plain values the first item that differs. Where
/// none of Git's does, because the cluster has more, it is the list.
pub fn differing_field(field: &FieldPath, declared: Option<&Json>, live: Option<&Json>) -> FieldPath {
    let plain = |json: Option<&'_ Json>| match json {
        Some(Json::Array(items)) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            let text = |item: &Json| item.as_str().map_or_else(|| item.to_string(), str::to_owned);
            Some(items.iter().map(text).collect::<Vec<_>>())
        }
        _ => None,
    };
    let (Some(declared), Some(live)) = (plain(declared), plain(live)) else { return field.clone() };
    let alike = |(one, other): &(&String, &String)| one == other;
    let first = declared.iter().zip(&live).take_while(alike).count();
    let last = declared[first..].iter().rev().zip(live.get(first..).unwrap_or_default().iter().rev()).take_while(alike);
    if first + last.count() < declared.len() { field.join(Segment::Index(first)) } else { field.clone() }
}

/// The item of a value that [`differing_field`] names, or all of it.
pub(crate) fn item_of<'j>(value: Option<&'j Json>, field: &FieldPath, differing: &FieldPath) -> Option<&'j Json> {
    match differing.0.get(field.0.len()) {
        Some(Segment::Index(index)) => value?.get(index),
        _ => value,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Would miss: the list's first item for another one that differs, and an item that is as in Git where the cluster has one more.
    #[test]
    fn x09_of_a_list_of_plain_values_the_item_that_differs_is_meant() {
        let field = FieldPath::keys(["args"]);
        let item = |index| field.join(Segment::Index(index));
        let declared = json!(["--max", "200mb", "--verbose"]);
        for (live, meant) in [
            (json!(["--max", "300mb", "--verbose"]), item(1)),
            (json!(["--max", "300mb", "-q"]), item(1)),
            (json!(["--max", "--verbose"]), item(1)),
            (json!(["--max", "200mb"]), item(2)),
            (json!([]), item(0)),
            (json!(["--max", "200mb", "-x", "--verbose"]), field.clone()),
            (json!(["--max", "200mb", "--verbose", "--verbose"]), field.clone()),
            (json!("--max"), field.clone()),
        ] {
            assert_eq!(differing_field(&field, Some(&declared), Some(&live)), meant, "{live}");
        }
        assert_eq!(differing_field(&field, Some(&declared), None), field);
        // Items that are mappings get defaults from the server: which one differs is not seen so.
        let (git, live) = (json!([{"key": "a"}]), json!([{"key": "a", "operator": "Exists"}]));
        assert_eq!(differing_field(&field, Some(&git), Some(&live)), field);
        // What is written as a number is the same item.
        assert_eq!(differing_field(&field, Some(&json!([1, "b"])), Some(&json!(["1", "c"]))), item(1));
    }
}
