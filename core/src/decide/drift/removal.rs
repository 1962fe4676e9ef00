//! Fields that a delivery manager owns, the manifest no longer declares, and the cluster still has.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::Value as Json;

use super::ownership::{self, Entry, Owned};
use super::way::{Step, Way};
use super::{Attribution, DeliveryManagers, DriftKind, FieldDrift, attribution, quirks, scalar};
use crate::model::{At, FieldPath, Segment};
use crate::observe::{ListType, LiveObject, RESTART_ANNOTATION, TypeSchema};
use crate::yaml::{Document, Node, Value};

/// The manager of `kubectl apply` without `--server-side`.
pub(in crate::decide) const CLIENT_SIDE_APPLY: &str = "kubectl-client-side-apply";
/// Where it keeps what it applied.
pub(super) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// All pending removals, by path. Server-side apply says by ownership what a manager declared before, client-side apply
/// by its annotation; ownership by updates includes the server's defaults and says nothing. What managers that do not deliver
/// own as well stays for them ([`added`]).
pub(super) fn pending(
    document: &Document,
    live: &LiveObject,
    schema: &TypeSchema,
    managers: &DeliveryManagers,
) -> Vec<FieldDrift> {
    let applied = last_applied(&live.body, managers);
    let (mut walk, root) = Walk::begin(document, live, schema, managers);
    for entry in ownership::deliveries(&live.body, managers) {
        if entry.operation == "Apply" && entry.api_version == live.reference.api_version {
            walk.by = Some(entry.attribution(true));
            walk.owned(entry.fields, &root, &live.body);
        }
    }
    walk.by = None;
    if let Some(applied) = &applied {
        walk.applied(applied, &root, &live.body);
    }
    // A port that is left to be TCP is TCP.
    let is_left = |drift: &FieldDrift| {
        drift.live.as_ref().and_then(Json::as_str) == Some("TCP")
            && matches!(drift.path.0.last(), Some(Segment::Key(key)) if key == "protocol")
    };
    walk.found.retain(|drift| !is_left(drift));
    sorted(walk.found)
}

/// What one manager's `fieldsV1` owns of what a manifest declares and the cluster has: the topmost fields that are owned whole.
pub(super) fn declared_by(
    document: &Document,
    live: &LiveObject,
    schema: &TypeSchema,
    managers: &DeliveryManagers,
    fields: &Json,
) -> BTreeSet<FieldPath> {
    let (mut walk, root) = Walk::begin(document, live, schema, managers);
    let mut found = BTreeSet::new();
    walk.declared(fields, &root, &live.body, &mut found);
    found
}

/// Managers that write what they are asked to keep up, not what somebody wants otherwise than Git.
const CONTROLLERS: [&str; 4] = ["kube-controller-manager", "kube-scheduler", "kubelet", "cloud-controller-manager"];

/// Whether this is what such a one calls itself.
pub(super) fn controls(manager: &str) -> bool {
    CONTROLLERS.contains(&manager) || manager.contains("autoscaler")
}

/// What `kubectl rollout restart` writes.
pub(super) const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";

/// Fields that somebody added beside Git and no apply takes away, by path, each with who did.
pub(super) fn added(
    document: &Document,
    live: &LiveObject,
    schema: &TypeSchema,
    managers: &DeliveryManagers,
) -> Vec<FieldDrift> {
    let (mut walk, root) = Walk::begin(document, live, schema, managers);
    walk.beside = true;
    let selector = |key: &str| FieldPath::keys(vec!["spec", key]);
    for entry in ownership::entries(&live.body, managers) {
        // Whoever made the object by an update owns all its defaults too, which nobody added; of an apply they are the server's.
        // Of what anybody may edit later, a field that only the server's defaults bring tells the maker from an editor.
        let made = entry.operation == "Update"
            && match live.reference.kind.as_str() {
                "Service" => {
                    let external = live.body.at("/spec/type") == Some(&Json::from("ExternalName"));
                    entry.owns(&selector("sessionAffinity"))
                        && (external || entry.owns(&selector("internalTrafficPolicy")))
                }
                "PodDisruptionBudget" => false,
                "HorizontalPodAutoscaler" => {
                    entry.owns(&selector("scaleTargetRef")) && entry.owns(&selector("maxReplicas"))
                }
                _ => entry.owns(&selector("selector")),
            };
        let own = entry.subresource.is_none() && !entry.delivers;
        if own && !made && !controls(entry.manager) && entry.api_version == live.reference.api_version {
            walk.by = Some(entry.attribution(true));
            walk.owned(entry.fields, &root, &live.body);
        }
    }
    let mut found = sorted(walk.found);
    let restart = |added: &FieldDrift| [RESTARTED, RESTART_ANNOTATION].iter().any(|mark| added.path.has_key(mark));
    found.retain(|added| !restart(added) && !is_helms_mark(added));
    // `kubectl apply --server-side` takes over what a client-side apply owned, and with that the server's own defaults; whoever changes an item
    // of a list and changes it back owns those of the item.
    // What is empty in a custom resource, or has the value of a native default, was put there: its own defaults stand in its schema.
    let native = quirks::is_native(&live.reference.api_version);
    found.retain(|added| {
        if !native {
            let applied = added.by.as_ref().is_some_and(|by| by.operation.raw() == "Apply");
            let empty = added.live.as_ref().is_some_and(quirks::is_empty);
            return schema.default_at(&added.path) != added.live.as_ref() && (applied || !empty);
        }
        let above = added.path.0.split_last().and_then(|(_, above)| value_at(&live.body, &FieldPath(above.to_vec())));
        let is_default = |value: &Json| quirks::is_default_at(&live.reference.kind, &added.path, value, above);
        !added.live.as_ref().is_some_and(is_default)
    });
    found
}

/// How Helm marks what is its release's: no template says it, and without it no upgrade takes the object.
fn is_helms_mark(added: &FieldDrift) -> bool {
    const MARKS: [&str; 3] =
        ["meta.helm.sh/release-name", "meta.helm.sh/release-namespace", "app.kubernetes.io/managed-by"];
    let by_helm = added.by.as_ref().is_some_and(|by| by.manager.raw() == "helm");
    by_helm && MARKS.iter().any(|mark| added.path.has_key(mark))
}

/// What client-side apply applied last. The annotation outlives a move to server-side apply, so it counts only while a
/// manager that delivers still owns by update, or where the recording left `managedFields` out.
pub(super) fn last_applied(body: &Json, managers: &DeliveryManagers) -> Option<Json> {
    let text = body.get("metadata")?.get("annotations")?.get(LAST_APPLIED)?.as_str()?;
    let counts = if ownership::is_recorded(body) {
        ownership::deliveries(body, managers).any(|entry| entry.operation == "Update")
    } else {
        managers.contains(CLIENT_SIDE_APPLY)
    };
    if counts { serde_json::from_str(text).ok() } else { None }
}

/// Whether the object was delivered last by a client-side apply.
pub(super) fn is_merged(body: &Json, managers: &DeliveryManagers) -> bool {
    ownership::deliveries(body, managers).max_by_key(|entry| entry.at).is_some_and(|last| last.operation == "Update")
}

/// What client-side apply brought last, where the last delivery was one; `None`: nobody says.
pub(super) fn brought(body: &Json, managers: &DeliveryManagers) -> Option<Json> {
    is_merged(body, managers).then(|| last_applied(body, managers)).flatten()
}

/// What stands at a path.
pub(super) fn value_at<'j>(json: &'j Json, path: &FieldPath) -> Option<&'j Json> {
    path.0.iter().try_fold(json, |json, segment| match segment {
        Segment::Key(key) => json.get(key),
        Segment::Index(index) => json.get(index),
        Segment::Item(keys) => json.as_array()?.iter().find(|item| {
            // What an item is told apart by may be the server's default.
            let is = |(key, value): &(String, String)| {
                item.get(key).is_none_or(|item| scalar::json_text(item).as_ref() == Some(value))
            };
            item.is_object() && keys.iter().all(is)
        }),
    })
}

/// By path, each once, and nothing below something that is reported.
fn sorted(mut found: Vec<FieldDrift>) -> Vec<FieldDrift> {
    found.sort_by(|a, b| a.path.cmp(&b.path));
    let mut kept: Vec<FieldDrift> = Vec::with_capacity(found.len());
    for drift in found {
        // A path sorts right before what lies below it.
        if !kept.last().is_some_and(|above| drift.path.0.starts_with(&above.path.0)) {
            kept.push(drift);
        }
    }
    kept
}

/// Where the walk stands in the manifest: the node, `None` below what it declares, and the text nearest to it.
struct Place<'a> {
    node: Option<&'a Node>,
    range: Range<usize>,
}

impl<'a> Place<'a> {
    /// `null_counts`: for who applies by server-side apply a key without a value is declared all the same.
    fn key(&self, key: &str, null_counts: bool) -> Place<'a> {
        let entry = self.node.and_then(|node| node.entry(key));
        match entry.filter(|entry| null_counts || entry.value.value != Value::Null) {
            Some(entry) => Place { node: Some(&entry.value), range: entry.key_start as usize..entry.key_end as usize },
            None => self.undeclared(),
        }
    }

    fn item(&self, is: impl Fn(&Node) -> bool) -> Place<'a> {
        match self.node.and_then(|node| node.items().iter().rev().find(|item| is(item))) {
            Some(item) => Place { node: Some(item), range: item.range() },
            None => self.undeclared(),
        }
    }

    fn undeclared(&self) -> Place<'a> {
        Place { node: None, range: self.range.clone() }
    }
}

struct Walk<'a> {
    document: &'a Document,
    live: &'a LiveObject,
    managers: &'a DeliveryManagers,
    /// Entries of managers that do not deliver; read when first needed.
    others: OnceCell<Vec<Entry<'a>>>,
    secret: bool,
    /// It looks for what others added: of a mapping that is what they wrote of it, not the whole.
    beside: bool,
    /// Whose ownership is being walked.
    by: Option<Attribution>,
    way: Way<'a>,
    found: Vec<FieldDrift>,
}

impl<'a> Walk<'a> {
    fn begin(
        document: &'a Document,
        live: &'a LiveObject,
        schema: &'a TypeSchema,
        managers: &'a DeliveryManagers,
    ) -> (Self, Place<'a>) {
        let walk = Self {
            document,
            live,
            managers,
            others: OnceCell::new(),
            secret: quirks::is_secret(&live.reference.api_version, &live.reference.kind),
            beside: false,
            by: None,
            way: Way::new(schema),
            found: Vec::new(),
        };
        (walk, Place { node: Some(&document.root), range: document.root.range() })
    }

    fn report(&mut self, path: FieldPath, range: Range<usize>, live: &Json) {
        let by = self
            .by
            .clone()
            .or_else(|| attribution::delivered(&path, &ownership::entries(&self.live.body, self.managers)));
        let withhold = self.secret && (path.has_key("data") || path.has_key("stringData"));
        self.found.push(FieldDrift {
            unplaced: None,
            admitted: None,
            path,
            kind: DriftKind::PendingRemoval,
            span: Some(self.document.span(range)),
            declared: None,
            live: (!withhold).then(|| live.clone()),
            by,
        });
    }

    fn others(&self) -> &[Entry<'a>] {
        self.others.get_or_init(|| {
            ownership::entries(&self.live.body, self.managers).into_iter().filter(|entry| !entry.delivers).collect()
        })
    }

    /// Whether the walk goes here at all: of the object's own metadata only labels and annotations, key by key.
    fn is_ours(&self, key: &str) -> bool {
        match self.way.steps() {
            [] => !matches!(key, "apiVersion" | "kind" | "status"),
            [Step::Key("metadata")] => matches!(key, "labels" | "annotations"),
            [Step::Key("metadata"), Step::Key("annotations")] => !quirks::is_ignored_annotation(key),
            _ => true,
        }
    }

    /// The object's own metadata, its labels and its annotations go key by key.
    fn is_reportable(&self) -> bool {
        !matches!(self.way.steps(), [] | [Step::Key("metadata")] | [Step::Key("metadata"), Step::Key(_)])
    }

    /// Walks a `fieldsV1` tree beside the manifest and the live object.
    fn owned(&mut self, fields: &'a Json, place: &Place<'a>, live: &'a Json) {
        let Some(fields) = fields.as_object() else { return };
        for (step, below) in fields {
            let Some(owned) = Owned::read(step) else { continue };
            let Some((step, place, live)) = self.step(owned, place, live) else { continue };
            let mark = self.way.down(step);
            if place.node.is_none() && self.is_reportable() {
                self.undeclared(below, &place, live);
            } else if !ownership::is_leaf(below) {
                self.owned(below, &place, live);
            }
            self.way.up(mark);
        }
    }

    /// The same walk, for what the manifest declares of it.
    fn declared(&mut self, fields: &'a Json, place: &Place<'a>, live: &'a Json, found: &mut BTreeSet<FieldPath>) {
        for (step, below) in fields.as_object().into_iter().flatten() {
            let Some(owned) = Owned::read(step) else { continue };
            let Some((step, place, live)) = self.step(owned, place, live) else { continue };
            let mark = self.way.down(step);
            if place.node.is_some() {
                if ownership::is_leaf(below) {
                    found.insert(self.way.path());
                } else {
                    self.declared(below, &place, live, found);
                }
            }
            self.way.up(mark);
        }
    }

    /// One step down all three; `None` where the live object has nothing there.
    fn step(&self, owned: Owned<'a>, place: &Place<'a>, live: &'a Json) -> Option<(Step<'a>, Place<'a>, &'a Json)> {
        match owned {
            Owned::Field(key) => {
                let live = live.get(key).filter(|live| !live.is_null() && self.is_ours(key))?;
                Some((Step::Key(key), place.key(key, true), live))
            }
            Owned::Item(keys) => {
                let live = live
                    .as_array()?
                    .iter()
                    .find(|item| keys.iter().all(|(key, value)| item.get(key) == Some(value)))?;
                if let ListType::Map(names) = self.way.list() {
                    let place = place.item(|item| scalar::same_item(names, item, live));
                    return Some((Step::Json(names, live), place, live));
                }
                let place = place.item(|item| {
                    let same = |(key, value): (&String, &Json)| {
                        item.get(key).is_some_and(|node| scalar::plainly_equal(node, value))
                    };
                    keys.iter().all(same)
                });
                let text = |value: &Json| scalar::json_text(value).unwrap_or_default();
                let names = keys.iter().map(|(key, value)| (key.clone(), text(value))).collect();
                Some((Step::Named(names), place, live))
            }
            Owned::Member(value) => {
                let live = live.as_array()?.iter().find(|item| **item == value)?;
                let place = place.item(|item| scalar::plainly_equal(item, live));
                Some((Step::Member(scalar::json_text(live)?), place, live))
            }
            Owned::Index(index) => {
                let live = live.get(index)?;
                let node = place.node.and_then(|node| node.items().get(index));
                let place =
                    node.map_or_else(|| place.undeclared(), |node| Place { node: Some(node), range: node.range() });
                Some((Step::Index(index), place, live))
            }
        }
    }

    /// Reports an undeclared field where the next apply of who is walked removes it whole, else the parts that it removes. Tried on a
    /// server: a field stays for whoever owns it as well, by Apply or by Update, and a mapping for what others own in it; a list item for
    /// those who own the item, and not for who only wrote in it.
    fn undeclared(&mut self, fields: &'a Json, place: &Place<'a>, live: &'a Json) {
        let path = self.way.path();
        let whole = ownership::is_leaf(fields) || !matches!(self.way.steps().last(), Some(Step::Key(_)));
        let held = if self.beside { !whole } else { self.others().iter().any(|entry| entry.keeps(&path)) };
        if !held {
            self.report(path, place.range.clone(), live);
        } else if !ownership::is_leaf(fields) {
            let Some(map) = fields.as_object() else { return };
            for (step, below) in map {
                let Some(owned) = Owned::read(step) else { continue };
                // What names an item stays as long as the item does.
                if matches!(owned, Owned::Field(key) if self.way.is_merge_key(key)) {
                    continue;
                }
                let Some((step, place, live)) = self.step(owned, place, live) else { continue };
                let mark = self.way.down(step);
                self.undeclared(below, &place, live);
                self.way.up(mark);
            }
        }
    }

    /// Walks what client-side apply applied last. It removes what it applied, whoever else wrote it since.
    fn applied(&mut self, applied: &'a Json, place: &Place<'a>, live: &'a Json) {
        match (applied, live) {
            (Json::Object(applied), Json::Object(live)) => {
                for (key, value) in applied.iter().filter(|(_, value)| !quirks::is_empty(value)) {
                    let Some(live) = live.get(key).filter(|live| !quirks::is_empty(live) && self.is_ours(key)) else {
                        continue;
                    };
                    self.applied_step(Step::Key(key), value, &place.key(key, false), live);
                }
            }
            (Json::Array(applied), Json::Array(live)) => match self.way.list() {
                ListType::Map(names) => {
                    for value in applied.iter().filter(|value| value.is_object()) {
                        let same = |item: &&Json| scalar::same_json_item(names, value, item);
                        let Some(live) = live.iter().rev().find(same) else { continue };
                        let place = place.item(|item| scalar::same_item(names, item, live));
                        self.applied_step(Step::Json(names, live), value, &place, live);
                    }
                }
                ListType::Set => {
                    for value in applied {
                        let Some(live) = live.iter().find(|item| *item == value) else { continue };
                        let Some(text) = scalar::json_text(value) else { continue };
                        self.applied_step(
                            Step::Member(text),
                            value,
                            &place.item(|item| scalar::plainly_equal(item, value)),
                            live,
                        );
                    }
                }
                ListType::Atomic => {}
            },
            _ => {}
        }
    }

    fn applied_step(&mut self, step: Step<'a>, value: &'a Json, place: &Place<'a>, live: &'a Json) {
        let mark = self.way.down(step);
        if place.node.is_none() && self.is_reportable() {
            let path = self.way.path();
            self.report(path, place.range.clone(), live);
        } else if value.is_array() || (value.is_object() && !self.way.is_atomic_map()) {
            self.applied(value, place, live);
        }
        self.way.up(mark);
    }
}
