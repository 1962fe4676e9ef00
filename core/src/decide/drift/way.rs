//! The way from the root to the field in hand: borrowed while walking, made into a path only where something differs.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde_json::Value as Json;

use super::scalar;
use crate::model::{FieldPath, Segment};
use crate::observe::{ListType, ScalarType, TypeSchema};
use crate::yaml::Node;

/// A list's merge keys, with their defaults.
pub(super) type MergeKeys = [(String, Option<String>)];

/// One step of the way.
pub(super) enum Step<'a> {
    Key(&'a str),
    /// An item of a keyed list, as the manifest has it.
    Declared(&'a MergeKeys, &'a Node),
    /// An item of a keyed list, as JSON has it.
    Json(&'a MergeKeys, &'a Json),
    /// An item of a keyed list that the schema does not know.
    Named(Vec<(String, String)>),
    /// A member of a set.
    Member(String),
    Index(usize),
}

impl Step<'_> {
    fn segment(&self) -> Segment {
        match self {
            Self::Key(key) => Segment::Key((*key).to_owned()),
            Self::Declared(keys, node) => Segment::Item(named(keys, |key| node.get(key).and_then(scalar::node_text))),
            Self::Json(keys, json) => Segment::Item(named(keys, |key| json.get(key).and_then(scalar::json_text))),
            Self::Named(keys) => Segment::Item(keys.clone()),
            // As `managedFields` print it: a member has a value and no key.
            Self::Member(text) => Segment::Item(vec![(String::new(), text.clone())]),
            Self::Index(index) => Segment::Index(*index),
        }
    }
}

fn named(keys: &MergeKeys, value: impl Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let text = |key: &str, default: &Option<String>| value(key).or_else(|| default.clone()).unwrap_or_default();
    keys.iter().map(|(key, default)| (key.clone(), text(key, default))).collect()
}

/// The steps from the root, and the same as the schema writes it.
pub(super) struct Way<'a> {
    steps: Vec<Step<'a>>,
    shape: String,
    schema: &'a TypeSchema,
}

impl<'a> Way<'a> {
    pub(super) fn new(schema: &'a TypeSchema) -> Self {
        Self { steps: Vec::with_capacity(16), shape: String::with_capacity(128), schema }
    }

    /// Goes one step down; `up` takes what this returns.
    pub(super) fn down(&mut self, step: Step<'a>) -> usize {
        let mark = self.shape.len();
        match step {
            Step::Key(key) => {
                if mark > 0 {
                    self.shape.push('.');
                }
                self.shape.push_str(key);
            }
            _ => self.shape.push_str("[]"),
        }
        self.steps.push(step);
        mark
    }

    /// Goes back up.
    pub(super) fn up(&mut self, mark: usize) {
        self.steps.pop();
        self.shape.truncate(mark);
    }

    pub(super) fn steps(&self) -> &[Step<'a>] {
        &self.steps
    }

    /// Whether the way stands at an item of a list and this key names it.
    pub(super) fn is_merge_key(&self, key: &str) -> bool {
        match self.steps.last() {
            Some(Step::Declared(keys, _) | Step::Json(keys, _)) => keys.iter().any(|(name, _)| name == key),
            Some(Step::Named(keys)) => keys.iter().any(|(name, _)| name == key),
            _ => false,
        }
    }

    pub(super) fn path(&self) -> FieldPath {
        FieldPath(self.steps.iter().map(Step::segment).collect())
    }

    /// How the list here matches its items.
    pub(super) fn list(&self) -> &'a ListType {
        self.lookup(&self.schema.lists).unwrap_or(&ListType::Atomic)
    }

    pub(super) fn scalar(&self) -> Option<ScalarType> {
        self.lookup(&self.schema.scalars).copied()
    }

    /// The value that the server fills in for a key of the mapping here.
    pub(super) fn default(&self, key: &str) -> Option<&'a Json> {
        self.schema.defaults.get(&format!("{}.{key}", self.shape))
    }

    /// Whether the mapping here is replaced as a whole, by itself or with the one that it is in: a selector's `matchLabels`.
    pub(super) fn is_atomic_map(&self) -> bool {
        let whole = |shape: &str| self.schema.atomic_maps.iter().any(|atomic| atomic == shape);
        whole(&self.shape) || self.shape.rsplit_once('.').is_some_and(|(above, _)| whole(above))
    }

    fn lookup<T>(&self, by_path: &'a BTreeMap<String, T>) -> Option<&'a T> {
        by_path.get(&self.shape).or_else(|| by_path.get(&self.free_shape(by_path)?))
    }

    /// The shape with `{}` for keys of free maps; `None` where the way leads through none.
    fn free_shape<T>(&self, by_path: &BTreeMap<String, T>) -> Option<String> {
        let known = |prefix: &str| {
            // Siblings such as `ports-x` sort between `ports` and `ports[]`.
            by_path
                .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
                .map_while(|(path, _)| path.strip_prefix(prefix))
                .any(|rest| rest.is_empty() || rest.starts_with(['.', '[', '{']))
        };
        let mut shape = String::with_capacity(self.shape.len());
        let mut free = false;
        for step in &self.steps {
            let mark = shape.len();
            let Step::Key(key) = step else {
                shape.push_str("[]");
                continue;
            };
            if mark > 0 {
                shape.push('.');
            }
            shape.push_str(key);
            if !known(&shape) {
                shape.truncate(mark);
                shape.push_str("{}");
                free = true;
                if !known(&shape) {
                    return None;
                }
            }
        }
        free.then_some(shape)
    }
}
