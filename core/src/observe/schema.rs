//! Types of a kind, from the server's OpenAPI v3: merge keys of lists and the scalars that compare by value.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{FieldPath, Segment};

/// How a list's items are matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ListType {
    /// By the value of these keys; a key's default stands where an item leaves it out (`protocol: TCP`).
    Map(Vec<(String, Option<String>)>),
    /// As a set of scalars.
    Set,
    /// As a whole, in order.
    Atomic,
}

/// Scalars that compare by value and not by spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScalarType {
    /// `100m` = `0.1`.
    Quantity,
    /// `80` = `"80"`: the field takes both spellings.
    IntOrString,
    /// Text.
    String,
    /// Whole number.
    Integer,
    /// Any number.
    Number,
    /// Boolean.
    Boolean,
    /// RFC 3339 time.
    Time,
    /// Base64, in which line breaks mean nothing.
    Bytes,
}

/// The shape of one kind. A path is dotted keys with `[]` for any item: `spec.template.spec.containers[].ports`; `{}` is
/// any key of a free map: `spec.template.spec.containers[].resources.requests{}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TypeSchema {
    /// Lists by path.
    pub lists: BTreeMap<String, ListType>,
    /// Scalars by path, only those that need more than equality.
    pub scalars: BTreeMap<String, ScalarType>,
    /// Mappings that are replaced as a whole (`x-kubernetes-map-type: atomic`), by path.
    pub atomic_maps: Vec<String>,
    /// Values that the server fills in where a manifest leaves them out, by path: JSON.
    pub defaults: BTreeMap<String, serde_json::Value>,
}

impl TypeSchema {
    /// The value that the server fills in at a path of an object.
    pub fn default_at(&self, path: &FieldPath) -> Option<&serde_json::Value> {
        let mut shape = String::new();
        for segment in &path.0 {
            match segment {
                Segment::Key(key) if shape.is_empty() => shape.push_str(key),
                Segment::Key(key) => {
                    shape.push('.');
                    shape.push_str(key);
                }
                Segment::Index(_) | Segment::Item(_) => shape.push_str("[]"),
            }
        }
        self.defaults.get(&shape)
    }
}
