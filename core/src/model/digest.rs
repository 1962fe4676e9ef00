//! Content hashes over canonical JSON: the identity of actions, plans and requests (X2, X3).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A SHA-256 in lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// Hashes the canonical JSON of a value.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Self {
        Self::of_bytes(canonical_json(value).as_bytes())
    }

    /// Hashes bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        use std::fmt::Write as _;
        let hash = Sha256::digest(bytes);
        let mut text = String::with_capacity(64);
        for byte in hash {
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// All 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits, for people.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Writes a value as canonical JSON: keys sorted by code point, no white space. Two values that are equal as data give
/// equal bytes on every machine; no float is ever written by bpctl's own types.
pub fn canonical_json<T: Serialize + ?Sized>(value: &T) -> String {
    // `serde_json::Value` keeps objects in a BTreeMap (its `preserve_order` feature is off), which sorts keys.
    match serde_json::to_value(value) {
        Ok(value) => sorted(value).to_string(),
        // Our types have string keys and no failing serializers; a value that cannot be written has no identity.
        Err(error) => format!("{{\"unserializable\":{:?}}}", error.to_string()),
    }
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_json_sorts_keys_at_every_depth() {
        let value = serde_json::json!({"b": {"z": 1, "a": [ {"y": 1, "x": 2} ]}, "a": null});
        assert_eq!(canonical_json(&value), r#"{"a":null,"b":{"a":[{"x":2,"y":1}],"z":1}}"#);
    }
}
