//! What a server-side apply with force makes of a recorded object: fields merged by the kind's merge keys, ownership kept.
//!
//! Best effort, for snapshots: nothing is validated, and only keys of lists are defaulted.

use bpctl_core::model::{Digest, Quantity, Timestamp};
use bpctl_core::observe::{ListType, ScalarType, TypeSchema};
use serde_json::{Map, Value as Json, json};

use super::FIELD_MANAGER;

/// The object after the apply of what [`super::desired::desired`] makes of a manifest; equal to `before` where the apply changes nothing.
pub(super) fn apply(before: Option<&Json>, desired: &Json, schema: &TypeSchema, at: Timestamp) -> Json {
    let mut after = before.cloned().unwrap_or_else(|| created(desired, at));
    merge(&mut after, desired, "", schema);

    let fields = fields_of(desired, "", schema).unwrap_or_else(|| json!({}));
    let fields = top_level(fields);
    let entries = after.pointer("/metadata/managedFields").and_then(Json::as_array).cloned().unwrap_or_default();
    let (ours, others): (Vec<Json>, Vec<Json>) = entries.into_iter().partition(|entry| {
        entry["manager"] == FIELD_MANAGER && entry["operation"] == "Apply" && entry.get("subresource").is_none()
    });
    if let Some(old) = ours.first().and_then(|entry| entry.get("fieldsV1")) {
        let others: Vec<&Json> = others.iter().filter_map(|entry| entry.get("fieldsV1")).collect();
        prune(&mut after, old, Some(&fields), &others);
    }
    let same_fields = ours.first().is_some_and(|entry| entry["fieldsV1"] == fields);
    let time = ours.first().filter(|_| same_fields).map_or_else(|| json!(at), |entry| entry["time"].clone());
    let entry = json!({"manager": FIELD_MANAGER, "operation": "Apply", "apiVersion": desired["apiVersion"],
        "time": time, "fieldsType": "FieldsV1", "fieldsV1": fields});
    let entries: Vec<Json> = others.into_iter().chain([entry]).collect();
    after["metadata"]["managedFields"] = Json::Array(entries);

    if let Some(before) = before.filter(|before| **before != after) {
        let number = |key: &str| match before.pointer(key) {
            Some(Json::String(text)) => text.parse().unwrap_or(0),
            Some(other) => other.as_u64().unwrap_or(0),
            None => 0_u64,
        };
        after["metadata"]["resourceVersion"] = (number("/metadata/resourceVersion") + 1).to_string().into();
        if before.get("spec") != after.get("spec") {
            after["metadata"]["generation"] = (number("/metadata/generation") + 1).into();
        }
    }
    after
}

fn created(desired: &Json, at: Timestamp) -> Json {
    let name = Digest::of(&desired["metadata"]);
    json!({"apiVersion": desired["apiVersion"], "kind": desired["kind"], "metadata": {
        "uid": format!("snapshot-{}", name.short()), "resourceVersion": "1", "generation": 1, "creationTimestamp": at}})
}

/// An object as it is applied: what is declared as nothing is left out. The server would make an empty text of a label's or a selector's key, which no
/// plan told and which may cut a Service off from its pods.
pub(super) fn without_nulls(value: &Json) -> Json {
    match value {
        Json::Object(map) => {
            let there = map.iter().filter(|(_, value)| !value.is_null());
            Json::Object(there.map(|(key, value)| (key.clone(), without_nulls(value))).collect())
        }
        Json::Array(items) => Json::Array(items.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

fn child(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn is_atomic(path: &str, schema: &TypeSchema) -> bool {
    schema.atomic_maps.iter().any(|atomic| atomic == path)
}

fn merge(live: &mut Json, desired: &Json, path: &str, schema: &TypeSchema) {
    match (&mut *live, desired) {
        (Json::Object(live), Json::Object(desired)) if !is_atomic(path, schema) => {
            for (key, value) in desired {
                match live.get_mut(key) {
                    Some(place) if same_quantity(place, value, path, key, schema) => {}
                    Some(place) => merge(place, value, &child(path, key), schema),
                    None => drop(live.insert(key.clone(), filled(value, &child(path, key), schema))),
                }
            }
        }
        (Json::Array(live), Json::Array(desired)) => match schema.lists.get(path) {
            Some(ListType::Map(keys)) => {
                for item in desired {
                    let key = key_of(item, keys);
                    match live.iter_mut().find(|place| key_of(place, keys) == key) {
                        Some(place) => merge(place, item, &format!("{path}[]"), schema),
                        None => live.push(filled_item(item, keys, path, schema)),
                    }
                }
            }
            Some(ListType::Set) => {
                for item in desired {
                    if !live.contains(item) {
                        live.push(item.clone());
                    }
                }
            }
            _ => live.clone_from(desired),
        },
        (live, desired) => *live = filled(desired, path, schema),
    }
}

/// `500m` stays where `0.5` is applied: the server keeps one spelling of a quantity.
fn same_quantity(live: &Json, desired: &Json, path: &str, key: &str, schema: &TypeSchema) -> bool {
    let typed = |path: &str| schema.scalars.get(path) == Some(&ScalarType::Quantity);
    let quantity = |value: &Json| match value {
        Json::String(text) => text.parse::<Quantity>().ok(),
        other => other.to_string().parse().ok(),
    };
    (typed(&child(path, key)) || typed(&format!("{path}{{}}")))
        && quantity(live).is_some_and(|live| quantity(desired) == Some(live))
}

/// A value as it is stored when it is new: keys of list items have their defaults.
fn filled(value: &Json, path: &str, schema: &TypeSchema) -> Json {
    match value {
        Json::Object(map) => Json::Object(
            map.iter().map(|(key, value)| (key.clone(), filled(value, &child(path, key), schema))).collect(),
        ),
        Json::Array(items) => match schema.lists.get(path) {
            Some(ListType::Map(keys)) => {
                Json::Array(items.iter().map(|item| filled_item(item, keys, path, schema)).collect())
            }
            _ => value.clone(),
        },
        other => other.clone(),
    }
}

fn filled_item(item: &Json, keys: &[(String, Option<String>)], path: &str, schema: &TypeSchema) -> Json {
    let mut item = filled(item, &format!("{path}[]"), schema);
    if let Some(map) = item.as_object_mut() {
        for (key, default) in keys {
            if let Some(default) = default {
                map.entry(key).or_insert_with(|| default.clone().into());
            }
        }
    }
    item
}

/// An item's keys as ownership names them: `{"containerPort":80,"protocol":"TCP"}`.
fn key_of(item: &Json, keys: &[(String, Option<String>)]) -> String {
    let value = |key: &String, default: &Option<String>| {
        item.get(key).cloned().or_else(|| default.clone().map(Json::String)).unwrap_or(Json::Null)
    };
    let values: Map<String, Json> = keys.iter().map(|(key, default)| (key.clone(), value(key, default))).collect();
    Json::Object(values).to_string()
}

/// Who applies this owns these fields, in the notation of `fieldsV1`; `None`: a leaf.
fn fields_of(value: &Json, path: &str, schema: &TypeSchema) -> Option<Json> {
    match value {
        Json::Object(map) if !is_atomic(path, schema) && !map.is_empty() => {
            let fields = map.iter().map(|(key, value)| {
                (format!("f:{key}"), fields_of(value, &child(path, key), schema).unwrap_or_else(|| json!({})))
            });
            Some(Json::Object(fields.collect()))
        }
        Json::Array(items) => match schema.lists.get(path) {
            Some(ListType::Map(keys)) => {
                let fields = items.iter().map(|item| {
                    let inner = fields_of(item, &format!("{path}[]"), schema);
                    let mut inner = inner.unwrap_or_else(|| json!({}));
                    inner["."] = json!({});
                    (format!("k:{}", key_of(item, keys)), inner)
                });
                Some(Json::Object(fields.collect()))
            }
            Some(ListType::Set) => {
                Some(Json::Object(items.iter().map(|item| (format!("v:{item}"), json!({}))).collect()))
            }
            _ => None,
        },
        _ => None,
    }
}

/// Without what names the object: nobody owns that.
fn top_level(mut fields: Json) -> Json {
    if let Some(map) = fields.as_object_mut() {
        map.remove("f:apiVersion");
        map.remove("f:kind");
        let metadata = map.get_mut("f:metadata").and_then(Json::as_object_mut);
        let is_empty = metadata.is_some_and(|metadata| {
            metadata.remove("f:name");
            metadata.remove("f:namespace");
            metadata.is_empty()
        });
        if is_empty {
            map.remove("f:metadata");
        }
    }
    fields
}

/// Removes what `old` owned, `new` does not name any more, and nobody else owns.
fn prune(value: &mut Json, old: &Json, new: Option<&Json>, others: &[&Json]) {
    let Some(old) = old.as_object() else { return };
    for (field, inner) in old {
        let new = new.and_then(|new| new.get(field));
        let others: Vec<&Json> = others.iter().filter_map(|other| other.get(field)).collect();
        let gone = new.is_none() && others.is_empty();
        match field.split_once(':') {
            Some(("f", key)) => {
                let Some(map) = value.as_object_mut() else { continue };
                if gone {
                    map.remove(key);
                } else if let Some(place) = map.get_mut(key) {
                    prune(place, inner, new, &others);
                }
            }
            Some(("k", key)) => {
                let (Some(items), Ok(Json::Object(key))) = (value.as_array_mut(), serde_json::from_str(key)) else {
                    continue;
                };
                let is_it = |item: &Json| key.iter().all(|(key, value)| item.get(key) == Some(value));
                if gone {
                    items.retain(|item| !is_it(item));
                } else if let Some(place) = items.iter_mut().find(|item| is_it(item)) {
                    prune(place, inner, new, &others);
                }
            }
            Some(("v", key)) if gone => {
                if let (Some(items), Ok(key)) = (value.as_array_mut(), serde_json::from_str::<Json>(key)) {
                    items.retain(|item| *item != key);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would miss: an empty text that no plan told, in a selector, beside labels, or in a custom resource.
    #[test]
    fn what_is_declared_as_nothing_brings_nothing() {
        let object = json!({"metadata": {"labels": {"a": null, "c": "d"}},
            "spec": {"type": null, "selector": {"app": "web", "v": null}, "items": [{"x": null, "y": []}]}});
        let sent =
            json!({"metadata": {"labels": {"c": "d"}}, "spec": {"selector": {"app": "web"}, "items": [{"y": []}]}});
        assert_eq!(without_nulls(&object), sent);
    }
}
