//! Drift as the API server itself sees it: what a dry run of the apply would store, beside what is there and what Git declares.
//!
//! Containment only suspects. A dry run passes defaulting and admission, so it says which suspects an apply would change at all, what else
//! it would change, and what admission makes of a declared value.

use serde_json::{Map, Value as Json};

use super::way::{Step, Way};
use super::{DriftKind, FieldDrift, applied_by_alone, compare, quirks, scalar};
use crate::govern::FIELD_MANAGER;
use crate::model::FieldPath;
use crate::observe::{ListType, LiveObject, TypeSchema};
use crate::yaml::Document;

/// The API server's own count of a DaemonSet's templates.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// The suspected differences that an apply would change, what admission makes of them, and what else the apply would change. `live`: what is
/// there, `None` for an object that would be created.
pub fn exact(
    document: &Document,
    live: Option<&LiveObject>,
    tried: &LiveObject,
    schema: &TypeSchema,
    suspected: Vec<FieldDrift>,
) -> Vec<FieldDrift> {
    let overruled = compare::differences(document, tried, schema);
    let Some(live) = live else {
        // Of an object that is made, all that can be said is what it will not be like.
        let as_admission =
            |drift: FieldDrift| FieldDrift { kind: DriftKind::Admission, admitted: drift.live, live: None, ..drift };
        return overruled.into_iter().map(as_admission).collect();
    };
    let mut walk = Walk { way: Way::new(schema), found: Vec::new() };
    walk.objects(&live.body, &tried.body);
    let mut changes = walk.found;
    changes.retain(|change| !change.path.has_key(TEMPLATE_GENERATION));
    let mut kept: Vec<FieldDrift> = Vec::with_capacity(suspected.len());
    for mut drift in suspected {
        if drift.kind == DriftKind::Order {
            // Items are matched by their keys, wherever they stand: it is an apply's to change where it is gone after one.
            if !overruled.iter().any(|other| other.kind == DriftKind::Order && other.path == drift.path) {
                kept.push(drift);
            }
            continue;
        }
        // Another manager's removal is that manager's to do, whatever bpctl's own apply would leave.
        let removal = drift.kind == DriftKind::PendingRemoval && !applied_by_alone(live, &drift.path, FIELD_MANAGER);
        if removal || changes.iter().any(|change| overlap(&change.path, &drift.path)) {
            let other = overruled.iter().find(|other| other.path == drift.path);
            drift.admitted = other.and_then(|other| other.live.clone());
            kept.push(drift);
        }
    }
    let declared = |change: &Change<'_>| {
        kept.iter().any(|drift| drift.kind != DriftKind::Order && overlap(&change.path, &drift.path))
    };
    let further: Vec<Change<'_>> = changes.into_iter().filter(|change| !declared(change)).collect();
    for change in further {
        // What Git declares and the cluster has, admission changes all the same.
        let against = |other: &&FieldDrift| other.kind != DriftKind::Order && overlap(&other.path, &change.path);
        let against = overruled.iter().find(against).cloned();
        kept.push(match against {
            Some(against) => {
                FieldDrift { kind: DriftKind::Admission, admitted: against.live, live: change.from.cloned(), ..against }
            }
            None => change.into_drift(),
        });
    }
    kept
}

/// A leaf, or a whole list or mapping, that the apply would change.
struct Change<'a> {
    path: FieldPath,
    from: Option<&'a Json>,
    to: Option<&'a Json>,
}

impl Change<'_> {
    fn into_drift(self) -> FieldDrift {
        FieldDrift {
            path: self.path,
            kind: DriftKind::Admission,
            span: None,
            declared: None,
            live: self.from.cloned(),
            admitted: self.to.cloned(),
            unplaced: None,
            by: None,
        }
    }
}

/// Whether one path is the other, or leads to it.
fn overlap(one: &FieldPath, other: &FieldPath) -> bool {
    one.0.starts_with(&other.0) || other.0.starts_with(&one.0)
}

struct Walk<'a> {
    way: Way<'a>,
    found: Vec<Change<'a>>,
}

impl<'a> Walk<'a> {
    /// All that an apply can change: neither status nor bookkeeping.
    fn objects(&mut self, from: &'a Json, to: &'a Json) {
        for key in keys(from.as_object(), to.as_object()) {
            match key {
                "apiVersion" | "kind" | "status" => {}
                "metadata" => {
                    let outer = self.way.down(Step::Key("metadata"));
                    for key in ["labels", "annotations"] {
                        let of = |object: &'a Json| object.get("metadata").and_then(|metadata| metadata.get(key));
                        self.key(key, of(from), of(to));
                    }
                    self.way.up(outer);
                }
                key => self.key(key, from.get(key), to.get(key)),
            }
        }
    }

    fn key(&mut self, key: &'a str, from: Option<&'a Json>, to: Option<&'a Json>) {
        let mark = self.way.down(Step::Key(key));
        self.value(from, to);
        self.way.up(mark);
    }

    fn value(&mut self, from: Option<&'a Json>, to: Option<&'a Json>) {
        let empty = |json: Option<&Json>| json.is_none_or(quirks::is_empty);
        match (from, to) {
            (from, to) if from == to || (empty(from) && empty(to)) => {}
            (Some(Json::Object(from)), Some(Json::Object(to))) if !self.way.is_atomic_map() => {
                for key in keys(Some(from), Some(to)) {
                    // Kept by the server's own controllers, and by `kubectl` for itself.
                    if !quirks::is_ignored_annotation(key) {
                        self.key(key, from.get(key), to.get(key));
                    }
                }
            }
            (Some(Json::Array(one)), Some(Json::Array(other))) => match self.way.list() {
                ListType::Map(keys) => {
                    let twin = |items: &'a [Json], item: &Json| {
                        items.iter().find(|other| scalar::same_json_item(keys, item, other))
                    };
                    let pairs = one.iter().map(|item| (item, Some(item), twin(other, item)));
                    let new = other.iter().filter(|item| twin(one, item).is_none());
                    for (item, from, to) in pairs.chain(new.map(|item| (item, None, Some(item)))) {
                        let mark = self.way.down(Step::Json(keys, item));
                        self.value(from, to);
                        self.way.up(mark);
                    }
                }
                ListType::Set | ListType::Atomic => self.report(from, to),
            },
            _ => self.report(from, to),
        }
    }

    fn report(&mut self, from: Option<&'a Json>, to: Option<&'a Json>) {
        self.found.push(Change { path: self.way.path(), from, to });
    }
}

/// The keys of both, in order, each once.
fn keys<'a>(one: Option<&'a Map<String, Json>>, other: Option<&'a Map<String, Json>>) -> Vec<&'a str> {
    let mut keys: Vec<&str> = one.into_iter().chain(other).flat_map(Map::keys).map(String::as_str).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}
