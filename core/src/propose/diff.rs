//! The semantic difference of two YAML values.

use serde_json::Value as Json;

use crate::credential::conceals;
use crate::model::{FieldPath, Segment};
use crate::yaml::{Entry, Node, Value};

/// One field that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldDifference {
    /// Which.
    pub field: FieldPath,
    /// Before; `None`: it was not there.
    pub from: Option<Json>,
    /// After; `None`: it is not there.
    pub to: Option<Json>,
}

/// All leaves that differ, in the order of the first value. Lists of mappings with a `name` match by it; other lists of one length by
/// position; lists of different lengths differ as a whole.
pub fn differences(before: &Node, after: &Node) -> Vec<FieldDifference> {
    let mut found = Vec::new();
    walk(&FieldPath::default(), before, after, &mut found);
    found
}

fn walk(path: &FieldPath, before: &Node, after: &Node, found: &mut Vec<FieldDifference>) {
    // What a step of a JSON patch writes to, and what a patch is of, says what it brings.
    let says = |keys: [&str; 2]| keys.iter().any(|key| [before, after].iter().any(|side| side.get(key).is_some()));
    if says(["value", "patch"]) && says(["path", "target"]) {
        let [was, is] = [before, after].map(Node::to_json);
        if conceals(&was) || conceals(&is) {
            if was != is {
                found.push(FieldDifference { field: path.clone(), from: Some(was), to: Some(is) });
            }
            return;
        }
    }
    match (&before.value, &after.value) {
        (Value::Mapping(old), Value::Mapping(new)) => {
            for entry in old.iter().filter(|entry| is_last(before, entry)) {
                let at = path.key(entry.key.as_str());
                match after.get(&entry.key) {
                    Some(value) => walk(&at, &entry.value, value, found),
                    None => found.push(FieldDifference { field: at, from: Some(entry.value.to_json()), to: None }),
                }
            }
            for entry in new.iter().filter(|entry| before.get(&entry.key).is_none() && is_last(after, entry)) {
                let to = Some(entry.value.to_json());
                found.push(FieldDifference { field: path.key(entry.key.as_str()), from: None, to });
            }
        }
        (Value::Sequence(old), Value::Sequence(new)) => match (names(old), names(new)) {
            (Some(old_names), Some(new_names)) if !old.is_empty() && !new.is_empty() => {
                let item = |name: &str| path.join(Segment::Item(vec![("name".into(), name.into())]));
                for (name, node) in old_names.iter().zip(old) {
                    match new_names.iter().position(|other| other == name) {
                        Some(position) => walk(&item(name), node, &new[position], found),
                        None => found.push(FieldDifference { field: item(name), from: Some(node.to_json()), to: None }),
                    }
                }
                for (name, node) in new_names.iter().zip(new).filter(|(name, _)| !old_names.contains(name)) {
                    found.push(FieldDifference { field: item(name), from: None, to: Some(node.to_json()) });
                }
                // The same items in another order: the order may matter (init containers), so it is a change of the whole.
                let kept = |names: &[&str], other: &[&str]| {
                    names.iter().filter(|n| other.contains(n)).map(|n| (*n).to_owned()).collect::<Vec<_>>()
                };
                if kept(&old_names, &new_names) != kept(&new_names, &old_names) {
                    found.push(whole(path, before, after));
                }
            }
            _ if old.len() == new.len() => {
                for (position, (a, b)) in old.iter().zip(new).enumerate() {
                    walk(&path.join(Segment::Index(position)), a, b, found);
                }
            }
            _ => found.push(whole(path, before, after)),
        },
        (a, b) if same_scalar(a, b) => {}
        _ => found.push(whole(path, before, after)),
    }
}

/// Whether an entry is the one that counts: of a key given twice, as beside what is merged in, the last.
fn is_last(mapping: &Node, entry: &Entry) -> bool {
    mapping.entry(&entry.key).is_some_and(|last| std::ptr::eq(last, entry))
}

fn whole(path: &FieldPath, before: &Node, after: &Node) -> FieldDifference {
    FieldDifference { field: path.clone(), from: Some(before.to_json()), to: Some(after.to_json()) }
}

fn same_scalar(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Sequence(_) | Value::Mapping(_), _) | (_, Value::Sequence(_) | Value::Mapping(_)) => false,
        (a, b) => a == b,
    }
}

/// The `name` of every item, where all have one and no two the same.
fn names(items: &[Node]) -> Option<Vec<&str>> {
    let names: Vec<&str> = items.iter().map(|item| item.get("name").and_then(Node::as_str)).collect::<Option<_>>()?;
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    (sorted.len() == names.len()).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Kind, parse};

    /// Would miss: a value that is told twice, as what is merged in and as what overrides it, where one of them alone counts.
    #[test]
    fn what_overrides_a_merged_value_differs_once() {
        let node = |replicas: u8| {
            let text = format!("defaults: &d {{replicas: 7}}\nspec:\n  <<: *d\n  replicas: {replicas}\n");
            parse("a.yaml", text.as_bytes(), Kind::Manifest).expect("YAML").remove(0).root
        };
        let found = differences(&node(2), &node(3));
        let found: Vec<_> = found.iter().map(|one| (one.field.to_string(), one.from.clone(), one.to.clone())).collect();
        assert_eq!(found, [("spec.replicas".into(), Some(Json::from(2)), Some(Json::from(3)))]);
    }

    /// Would miss: a Secret's value in a patch whose target says that it is one, on one side alone.
    #[test]
    fn t38_a_patch_of_a_secret_differs_as_a_whole() {
        let node = |text: &str| parse("a.yaml", text.as_bytes(), Kind::Manifest).expect("YAML").remove(0).root;
        let was = node("patches:\n- path: p.yaml\n");
        let is = node("patches:\n- target: {kind: Secret}\n  patch: '[{op: add, path: /data/a, value: hunter2}]'\n");
        for (before, after) in [(&was, &is), (&is, &was)] {
            let found = differences(before, after);
            let held = |one: &FieldDifference| {
                crate::credential::field_holds("Kustomization", &one.field, [one.from.as_ref(), one.to.as_ref()])
            };
            assert!(found.iter().all(held) && !found.is_empty(), "{found:?}");
        }
    }
}
