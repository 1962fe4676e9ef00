//! Reading `metadata.managedFields`: who owns what. Malformed entries own nothing.

use serde_json::Value as Json;

use super::{Attribution, DeliveryManagers, scalar};
use crate::model::{FieldPath, Segment, Timestamp, Untrusted};

/// One manager's entry.
pub(super) struct Entry<'a> {
    pub manager: &'a str,
    pub operation: &'a str,
    pub subresource: Option<&'a str>,
    pub api_version: &'a str,
    pub at: Option<Timestamp>,
    /// The `fieldsV1` tree.
    pub fields: &'a Json,
    /// The manager delivers from Git.
    pub delivers: bool,
}

impl Entry<'_> {
    pub(super) fn attribution(&self, exact: bool) -> Attribution {
        Attribution {
            manager: Untrusted::new(self.manager),
            operation: Untrusted::new(self.operation),
            subresource: self.subresource.map(Untrusted::new),
            at: self.at,
            exact,
        }
    }

    /// Whether it owns the field, something in it, or the whole that it is an inseparable part of.
    pub(super) fn owns(&self, path: &FieldPath) -> bool {
        self.at(path).is_some()
    }

    /// Whether the field stays for its sake where another one's apply drops it, whichever way it wrote: what it owns, and of a list's item
    /// more than something in it.
    pub(super) fn keeps(&self, path: &FieldPath) -> bool {
        let is_item = matches!(path.0.last(), Some(Segment::Item(_)));
        self.at(path).is_some_and(|fields| !is_item || is_leaf(fields) || fields.get(".").is_some())
    }

    /// How far down to the field it owns something, one more where it owns something in it: of several who own a mapping that is merged, one may
    /// have brought it empty and the other what is in it.
    pub(super) fn depth(&self, path: &FieldPath) -> usize {
        let mut fields = self.fields;
        for (depth, segment) in path.0.iter().enumerate() {
            match child(fields, segment) {
                Some(below) => fields = below,
                None => return depth,
            }
        }
        path.0.len() + usize::from(!is_leaf(fields))
    }

    /// What it owns of the field, or of the whole that the field is an inseparable part of.
    fn at(&self, path: &FieldPath) -> Option<&Json> {
        let mut fields = self.fields;
        for (depth, segment) in path.0.iter().enumerate() {
            if depth > 0 && is_leaf(fields) {
                break;
            }
            fields = child(fields, segment)?;
        }
        Some(fields)
    }
}

/// All entries that can be read.
pub(super) fn entries<'a>(body: &'a Json, managers: &DeliveryManagers) -> Vec<Entry<'a>> {
    raw(body).filter_map(|entry| read(entry, managers)).collect()
}

/// The entries of managers that deliver from Git.
pub(super) fn deliveries<'a>(body: &'a Json, managers: &'a DeliveryManagers) -> impl Iterator<Item = Entry<'a>> + 'a {
    raw(body).filter_map(|entry| read(entry, managers)).filter(|entry| entry.delivers)
}

/// Whether the object says at all who owns what; `kubectl get` leaves it out.
pub(super) fn is_recorded(body: &Json) -> bool {
    raw(body).next().is_some()
}

fn raw(body: &Json) -> impl Iterator<Item = &Json> {
    body.get("metadata")
        .and_then(|metadata| metadata.get("managedFields"))
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
}

fn read<'a>(entry: &'a Json, managers: &DeliveryManagers) -> Option<Entry<'a>> {
    let text = |key: &str| entry.get(key).and_then(Json::as_str);
    let manager = text("manager")?;
    let subresource = text("subresource").filter(|text| !text.is_empty());
    Some(Entry {
        manager,
        operation: text("operation").unwrap_or_default(),
        subresource,
        api_version: text("apiVersion").unwrap_or_default(),
        at: text("time").and_then(|time| time.parse().ok()),
        fields: entry.get("fieldsV1").filter(|fields| fields.is_object())?,
        // `kubectl scale` is "kubectl" too, and no delivery.
        delivers: subresource.is_none()
            && (managers.contains(manager)
                || text("operation") == Some("Apply") && managers.appliers.iter().any(|name| name == manager)),
    })
}

/// Nothing is owned below: a scalar, or a list or mapping that is replaced as a whole.
pub(super) fn is_leaf(fields: &Json) -> bool {
    fields.as_object().is_none_or(|fields| fields.keys().all(|key| key == "."))
}

/// One step down a `fieldsV1` tree, for a step of a path.
fn child<'a>(fields: &'a Json, segment: &Segment) -> Option<&'a Json> {
    let fields = fields.as_object()?;
    match segment {
        Segment::Key(key) => fields.get(&format!("f:{key}")),
        Segment::Index(index) => fields.get(&format!("i:{index}")),
        Segment::Item(keys) => {
            // Most items have one key, a name; only others are worth reading every step for.
            let one = match keys.as_slice() {
                [(key, value)] => fields.get(&format!("k:{}", serde_json::json!({ key: value }))),
                _ => None,
            };
            one.or_else(|| {
                let is = |step: &str| Owned::read(step).is_some_and(|owned| owned.is(keys));
                fields.iter().find(|(step, _)| is(step)).map(|(_, below)| below)
            })
        }
    }
}

/// A key of a `fieldsV1` tree.
pub(super) enum Owned<'a> {
    /// `f:image`
    Field(&'a str),
    /// `k:{"name":"web"}`
    Item(serde_json::Map<String, Json>),
    /// `v:"text"`
    Member(Json),
    /// `i:0`
    Index(usize),
}

impl<'a> Owned<'a> {
    /// Reads a key; `None` for `.` and for what is malformed.
    pub(super) fn read(step: &'a str) -> Option<Self> {
        match step.split_at_checked(2)? {
            ("f:", name) => Some(Self::Field(name)),
            ("k:", keys) => serde_json::from_str(keys).ok().map(Self::Item),
            ("v:", value) => serde_json::from_str(value).ok().map(Self::Member),
            ("i:", index) => index.parse().ok().map(Self::Index),
            _ => None,
        }
    }

    fn is(&self, keys: &[(String, String)]) -> bool {
        let text = |json: &Json| scalar::json_text(json).unwrap_or_default();
        match self {
            Self::Item(owned) => {
                owned.len() == keys.len()
                    && keys.iter().all(|(key, value)| owned.get(key).is_some_and(|json| text(json) == *value))
            }
            Self::Member(json) => matches!(keys, [(key, value)] if key.is_empty() && text(json) == *value),
            Self::Field(_) | Self::Index(_) => false,
        }
    }
}
