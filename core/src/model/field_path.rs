//! Where a field stands inside an object, as people write it: `spec.template.spec.containers[name=web].image`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Segment {
    /// A key of a mapping.
    Key(String),
    /// An item of a list, by the value of its merge keys.
    Item(Vec<(String, String)>),
    /// An item of a list without merge keys, from 0.
    Index(usize),
}

/// A path from an object's root to one field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct FieldPath(pub Vec<Segment>);

impl FieldPath {
    /// Makes a path of plain keys.
    pub fn keys<I, S>(keys: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        Self(keys.into_iter().map(|key| Segment::Key(key.into())).collect())
    }

    /// This path, one step longer.
    #[must_use]
    pub fn join(&self, segment: Segment) -> Self {
        let mut path = self.clone();
        path.0.push(segment);
        path
    }

    /// This path, one key longer.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.join(Segment::Key(key.into()))
    }

    /// Whether the path starts with these plain keys.
    pub fn starts_with_keys(&self, keys: &[&str]) -> bool {
        self.0.len() >= keys.len()
            && self.0.iter().zip(keys).all(|(segment, key)| matches!(segment, Segment::Key(k) if k == key))
    }

    /// Whether the path is exactly these plain keys.
    pub fn is_keys(&self, keys: &[&str]) -> bool {
        self.0.len() == keys.len() && self.starts_with_keys(keys)
    }

    /// As `bpctl where` shows it: what stands before a container is left out.
    pub fn short(&self) -> String {
        self.to_string().replace("spec.template.spec.containers", "containers")
    }

    /// Whether it is the field, or one below the field, that a person names by its path, as plans or `bpctl where` write it.
    pub fn begins_as(&self, named: &str) -> bool {
        let begins =
            |path: &str| path.strip_prefix(named).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        begins(&self.to_string()) || begins(&self.short())
    }

    /// Whether a step of the path is this: `image`, `LOG_LEVEL`.
    pub fn has_part(&self, named: &str) -> bool {
        self.0.iter().any(|segment| match segment {
            Segment::Key(key) => key == named,
            Segment::Item(keys) => keys.iter().any(|(_, value)| value == named),
            Segment::Index(_) => false,
        })
    }

    /// What a person may call it: its last key, and both forms of its path.
    pub fn names(&self) -> Vec<String> {
        let last = self.0.iter().rev().find_map(|segment| match segment {
            Segment::Key(key) => Some(key.clone()),
            _ => None,
        });
        last.into_iter().chain([self.short(), self.to_string()]).collect()
    }

    /// Whether some step of the path is this key.
    pub fn has_key(&self, key: &str) -> bool {
        self.0.iter().any(|segment| matches!(segment, Segment::Key(k) if k == key))
    }
}

impl std::fmt::Display for FieldPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if key.contains(['.', '/', '[', ' ']) => write!(f, "[{key:?}]")?,
                Segment::Key(key) if position == 0 => write!(f, "{key}")?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Item(keys) => {
                    let keys: Vec<_> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
                    write!(f, "[{}]", keys.join(","))?;
                }
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
