//! The walk over what the manifest declares.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use super::pairs::{Pair, pairs};
use super::way::{MergeKeys, Step, Way};
use super::{DriftKind, FieldDrift, quirks, scalar};
use crate::model::Segment;
use crate::observe::{ListType, LiveObject, TypeSchema};
use crate::rendering::differing_field;
use crate::yaml::{Document, Entry, Node, Value};

/// Everything that the manifest declares and the live object does not have so, in the manifest's order.
pub(super) fn differences(document: &Document, live: &LiveObject, schema: &TypeSchema) -> Vec<FieldDrift> {
    let mut walk = Walk {
        document,
        native: quirks::is_native(&live.reference.api_version),
        withhold: false,
        way: Way::new(schema),
        found: Vec::new(),
    };
    let secret = quirks::is_secret(&live.reference.api_version, &live.reference.kind);
    for entry in effective(document.root.entries()) {
        let below = live.body.get(entry.key.as_str());
        match entry.key.as_str() {
            "apiVersion" | "kind" | "status" => {}
            "metadata" => walk.metadata(&entry.value, below),
            "data" | "stringData" if secret => {
                walk.withhold = true;
                walk.secret(entry, &document.root, live.body.get("data"));
                walk.withhold = false;
            }
            key => {
                let mark = walk.way.down(Step::Key(key));
                walk.value(key, &entry.value, below);
                walk.way.up(mark);
            }
        }
    }
    walk.found
}

/// The entries that count: of a key given twice the last.
fn effective(entries: &[Entry]) -> impl Iterator<Item = &Entry> {
    // A map of few would cost more than it saves.
    let many = entries.len() > 16;
    let last: HashMap<&str, usize> =
        entries.iter().enumerate().filter(|_| many).map(|(position, entry)| (entry.key.as_str(), position)).collect();
    entries.iter().enumerate().filter_map(move |(position, entry)| {
        let later = entries.get(position + 1..).unwrap_or_default();
        let counts = if many {
            last.get(entry.key.as_str()) == Some(&position)
        } else {
            !later.iter().any(|other| other.key == entry.key)
        };
        counts.then_some(entry)
    })
}

struct Walk<'a> {
    document: &'a Document,
    /// The kind is one of Kubernetes' own.
    native: bool,
    /// Values are credentials.
    withhold: bool,
    way: Way<'a>,
    found: Vec<FieldDrift>,
}

impl<'a> Walk<'a> {
    fn report(&mut self, kind: DriftKind, declared: &Node, live: Option<&Json>) {
        let path = self.way.path();
        let values = declared.to_json();
        let differing = differing_field(&path, Some(&values), live);
        let item = match differing.0.get(path.0.len()) {
            Some(Segment::Index(index)) => declared.items().get(*index).unwrap_or(declared),
            _ => declared,
        };
        self.found.push(FieldDrift {
            unplaced: None,
            path,
            kind,
            span: Some(self.document.span_of(item)),
            declared: (!self.withhold).then_some(values),
            live: live.filter(|_| !self.withhold).cloned(),
            admitted: None,
            by: None,
        });
    }

    /// Of the object's own metadata only labels and annotations are the manifest's.
    fn metadata(&mut self, metadata: &'a Node, live: Option<&Json>) {
        let outer = self.way.down(Step::Key("metadata"));
        for field in effective(metadata.entries()).filter(|e| matches!(e.key.as_str(), "labels" | "annotations")) {
            let live = live.and_then(|live| live.get(field.key.as_str()));
            let inner = self.way.down(Step::Key(&field.key));
            for entry in effective(field.value.entries()) {
                let ignored = field.key == "annotations" && quirks::is_ignored_annotation(&entry.key);
                if ignored {
                    continue;
                }
                let mark = self.way.down(Step::Key(&entry.key));
                match live.and_then(|live| live.get(entry.key.as_str())) {
                    None if entry.value.value == Value::Null => {}
                    None => self.report(DriftKind::Missing, &entry.value, None),
                    Some(live) if entry.value.value == Value::Null => {
                        if live.as_str().is_some_and(|text| !text.is_empty()) {
                            self.report(DriftKind::Changed, &entry.value, Some(live));
                        }
                    }
                    Some(live) => self.value(&entry.key, &entry.value, Some(live)),
                }
                self.way.up(mark);
            }
            self.way.up(inner);
        }
        self.way.up(outer);
    }

    /// `stringData` is written only: the server keeps it as base64 in `data`, over what `data` declares. A live object
    /// without data was not read whole, so nothing is said about it.
    fn secret(&mut self, field: &'a Entry, root: &'a Node, live: Option<&Json>) {
        let Some(live) = live.and_then(Json::as_object) else { return };
        let plain = field.key == "stringData";
        let outer = self.way.down(Step::Key(&field.key));
        for entry in effective(field.value.entries()) {
            let overridden = !plain && root.at(&["stringData", &entry.key]).is_some();
            if overridden || entry.value.value == Value::Null {
                continue;
            }
            let mark = self.way.down(Step::Key(&entry.key));
            let declared = entry.value.as_str();
            match (live.get(entry.key.as_str()), declared) {
                (None, _) => self.report(DriftKind::Missing, &entry.value, None),
                (Some(Json::String(live)), Some(text)) if plain && *live == quirks::base64(text.as_bytes()) => {}
                (Some(Json::String(live)), Some(text)) if !plain && scalar::same_base64(text, live) => {}
                (Some(live), _) => self.report(DriftKind::Changed, &entry.value, Some(live)),
            }
            self.way.up(mark);
        }
        self.way.up(outer);
    }

    fn value(&mut self, key: &str, declared: &'a Node, live: Option<&Json>) {
        let Some(live) = live.filter(|live| !live.is_null()) else {
            if quirks::counts(self.native, key, declared) {
                self.report(DriftKind::Missing, declared, None);
            }
            return;
        };
        match (&declared.value, live) {
            (Value::Null, _) => {}
            (Value::Mapping(entries), Json::Object(map)) => self.mapping(key, declared, entries, live, map),
            (Value::Sequence(items), Json::Array(list)) => self.sequence(declared, items, live, list),
            (Value::Mapping(_) | Value::Sequence(_), _) => {
                if quirks::counts(self.native, key, declared) || !quirks::is_empty(live) {
                    self.report(DriftKind::Changed, declared, Some(live));
                }
            }
            _ => {
                if !self.same_scalar(key, declared, live) {
                    self.report(DriftKind::Changed, declared, Some(live));
                }
            }
        }
    }

    fn same_scalar(&self, key: &str, declared: &Node, live: &Json) -> bool {
        scalar::plainly_equal(declared, live)
            || self.way.scalar().is_some_and(|scalar| scalar::equal_as(scalar, declared, live))
            || quirks::is_filled_in(self.native, key, declared, live)
    }

    fn mapping(&mut self, key: &str, node: &'a Node, entries: &'a [Entry], live: &Json, map: &Map<String, Json>) {
        let before = self.found.len();
        let native = self.native;
        let says = |entry: &&Entry| {
            !quirks::is_overruled(native, &entry.key, node)
                && !quirks::is_own_port(native, &entry.key, &entry.value, map)
        };
        for entry in effective(entries).filter(says) {
            let below = map.get(entry.key.as_str()).filter(|live| !live.is_null());
            let mark = self.way.down(Step::Key(&entry.key));
            let empty_text = matches!(&entry.value.value, Value::String(text) if text.is_empty());
            let nothing = native && entry.value.value == Value::Null && quirks::is_free_map(key);
            if nothing && below.is_some_and(|live| live.as_str().is_some_and(|text| !text.is_empty())) {
                // Whatever applies it makes it empty, or takes it away.
                self.report(DriftKind::Changed, &entry.value, below);
            } else if native && entry.key == "imagePullPolicy" && empty_text && below.is_some() {
                // Left to the server, which goes by the image.
                let image = node.get("image").and_then(Node::as_str);
                if image.is_some_and(|image| below.and_then(Json::as_str) != Some(quirks::pull_policy(image))) {
                    self.report(DriftKind::Changed, &entry.value, below);
                }
            } else if below.is_none()
                && empty_text
                && (quirks::is_free_map(key) || took_another_form(&entry.key, node, map))
            {
                self.report(DriftKind::Missing, &entry.value, None);
            } else {
                self.value(&entry.key, &entry.value, below);
            }
            self.way.up(mark);
        }
        // A mapping that is replaced as a whole is all the manifest's: a key that it does not declare is a difference.
        if self.found.len() == before && self.way.is_atomic_map() {
            let free = quirks::is_free_map(key);
            let added = map.iter().any(|(key, live)| {
                // A key without a value is an empty text where the server was given it, and none where it was left out.
                let adds = match node.get(key) {
                    Some(node) => node.value == Value::Null && !quirks::is_empty(live),
                    None => true,
                };
                adds && !quirks::is_atomic_default(free, key, live) && self.way.default(key) != Some(live)
            });
            if added {
                self.report(DriftKind::Changed, node, Some(live));
            }
        }
    }

    fn sequence(&mut self, node: &'a Node, items: &'a [Node], live: &Json, list: &[Json]) {
        if items.is_empty() && list.is_empty() {
            return;
        }
        match self.way.list() {
            ListType::Map(keys) => self.keyed(keys, items, list),
            ListType::Set => self.set(items, list),
            ListType::Atomic => self.atomic(node, items, live, list),
        }
    }

    fn keyed(&mut self, keys: &'a MergeKeys, items: &'a [Node], list: &[Json]) {
        for (item, pair) in items.iter().zip(pairs(keys, items, list)) {
            let mark = self.way.down(Step::Declared(keys, item));
            match pair {
                Pair::Skipped => {}
                Pair::Missing => self.report(DriftKind::Missing, item, None),
                Pair::Live(live) => self.value("", item, Some(live)),
            }
            self.way.up(mark);
        }
        self.order(keys, items, list);
    }

    /// Items that both have, in another order than Git's, where the order says something: containers start one after another, and a variable is
    /// filled in where the one that it names stands before it. What somebody added between them is no difference of order.
    fn order(&mut self, keys: &'a MergeKeys, items: &'a [Node], list: &[Json]) {
        let variables = match self.way.steps().last() {
            Some(Step::Key("containers" | "initContainers")) => false,
            Some(Step::Key("env")) => true,
            _ => return,
        };
        let mut common: Vec<(&Node, usize)> = Vec::new();
        for item in items.iter().filter(|item| item.value != Value::Null) {
            let mut there =
                list.iter().enumerate().filter(|(_, live)| live.is_object() && scalar::same_item(keys, item, live));
            match (there.next(), there.next()) {
                (None, _) => {}
                (Some((position, _)), None) if common.iter().all(|(other, _)| !scalar::twins(keys, item, other)) => {
                    common.push((item, position));
                }
                // Of twins nobody can say which is which.
                _ => return,
            }
        }
        let name = |item: &Node| item.get("name").and_then(scalar::node_text).unwrap_or_default();
        let names = |one: &Node, other: &Node| {
            one.get("value").and_then(Node::as_str).is_some_and(|value| value.contains(&format!("$({})", name(other))))
        };
        let turned = |(earlier, one): &(&Node, usize), (later, other): &(&Node, usize)| {
            one > other && (!variables || names(earlier, later) || names(later, earlier))
        };
        let first = (1..common.len()).find(|&at| common[..at].iter().any(|earlier| turned(earlier, &common[at])));
        let Some(first) = first else { return };
        let declared: Vec<String> = common.iter().map(|(item, _)| name(item)).collect();
        let span = self.document.span_of(common[first].0);
        common.sort_by_key(|(_, position)| *position);
        let live: Vec<String> = common.iter().map(|(item, _)| name(item)).collect();
        self.found.push(FieldDrift {
            path: self.way.path(),
            kind: DriftKind::Order,
            span: Some(span),
            unplaced: None,
            declared: Some(declared.into()),
            live: Some(live.into()),
            admitted: None,
            by: None,
        });
    }

    fn set(&mut self, items: &'a [Node], list: &[Json]) {
        for item in items.iter().filter(|item| item.value != Value::Null) {
            let mark = self.way.down(Step::Member(scalar::node_text(item).unwrap_or_default()));
            if !list.iter().any(|live| self.same_member(item, live)) {
                self.report(DriftKind::Missing, item, None);
            }
            self.way.up(mark);
        }
    }

    fn same_member(&self, item: &Node, live: &Json) -> bool {
        self.same_scalar("", item, live) || (scalar::node_text(item).is_none() && item.to_json() == *live)
    }

    /// One leaf, in order; but items that are mappings get defaults from the server, so those are contained one by one.
    fn atomic(&mut self, node: &'a Node, items: &'a [Node], live: &Json, list: &[Json]) {
        if items.len() != list.len() {
            self.report(DriftKind::Changed, node, Some(live));
            return;
        }
        let before = self.found.len();
        for (position, (item, live)) in items.iter().zip(list).enumerate() {
            let mark = self.way.down(Step::Index(position));
            self.value("", item, Some(live));
            self.way.up(mark);
        }
        if self.found.len() > before && !items.iter().all(|item| matches!(item.value, Value::Mapping(_))) {
            self.found.truncate(before);
            self.report(DriftKind::Changed, node, Some(live));
        }
    }
}

/// An environment variable with empty text now comes from somewhere else.
fn took_another_form(key: &str, node: &Node, live: &Map<String, Json>) -> bool {
    key == "value" && live.contains_key("valueFrom") && node.get("valueFrom").is_none()
}
