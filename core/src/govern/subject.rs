//! What is judged: an action or a change, reduced to what rules ask about.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::action::Action;
use crate::blueprint::{ConfigRange, Delivery, Operation, ResourceBounds, Scaling, Spec, is_credential, quantity_of};
use crate::decide::sizing::{limit_for, limit_ratio, within};
use crate::model::{FieldPath, Name, ObjectParts, ObjectRef, Percent, Quantity, Segment};
use crate::observe::{PastChange, PastConfig, Recorder, Resource};
use crate::propose::{Change, FieldChange, Governed};
use crate::yaml::Node;

/// What is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The blueprint that governs it.
    pub blueprint: Name,
    /// The object that changes.
    pub object: ObjectRef,
    /// What happens to it.
    pub touch: Touch,
    /// Whether it goes back to something that stood before.
    pub undoes: Undoes,
    /// Whether it takes a value of the cluster into Git.
    pub adopts: bool,
}

/// Whether a change is a rollback, and of what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Undoes {
    /// It is none.
    #[default]
    Nothing,
    /// It says so, and no fact shows a change that it takes back: it is judged as a rollback, and no pause is any shorter for it.
    Claimed,
    /// It takes back what this commit of the base branch changed, and nothing else.
    Commit(String),
}

impl Undoes {
    /// What these changes, which are said to be a rollback, take back: the newest operation's own, or the newest of the manifest or of what its
    /// pods read, as the facts have them; each of this workload or of a `ConfigMap` that the same commit changed (B17). A rollback is not taken back
    /// by another one.
    pub fn claimed<'c>(
        facts: &Recorder<'_>,
        (blueprint, workload): (&Name, Option<&ObjectRef>),
        changes: impl Iterator<Item = &'c FieldChange>,
    ) -> Self {
        let changes: Vec<&FieldChange> = changes.collect();
        let same = |change: &FieldChange, past: &PastChange| {
            (&past.field, &past.to, &past.from) == (&change.field, &change.from, &change.to)
        };
        let back = |past: Option<&Vec<PastChange>>, config: &[PastConfig]| {
            let one = |change: &FieldChange| {
                let own = workload.is_some_and(|workload| workload.is_declared_by(&change.object));
                let read = config.iter().filter(|one| one.object.is_declared_by(&change.object));
                let mut read = read.filter_map(|one| one.changes.as_ref()).flatten();
                (own && past.is_some_and(|past| past.iter().any(|past| same(change, past))))
                    || read.any(|past| same(change, past))
            };
            past.is_some() && !changes.is_empty() && changes.iter().all(|change| one(change))
        };
        let history = facts.history(blueprint).ok().map_or(&[] as &[_], Vec::as_slice);
        let newest = history.iter().rfind(|past| !past.foreign);
        let newest = newest.filter(|past| back(past.changes.as_ref(), &past.config)).map(|past| &past.commit);
        let brought = || {
            let last = facts.last_change(blueprint).ok().ok()??;
            let all = [last.newer.as_deref(), Some(last)].into_iter().flatten();
            all.into_iter().find(|last| back(last.changes.as_ref(), &last.config)).map(|last| &last.commit)
        };
        let commit = newest.or_else(brought);
        match commit.filter(|commit| !history.iter().any(|past| past.is_rollback() && past.commit == **commit)) {
            Some(commit) => Self::Commit(commit.clone()),
            None => Self::Claimed,
        }
    }
}

/// What happens to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touch {
    /// Git will declare another number of replicas.
    Replicas {
        /// New value; `None`: the field is removed, which means 1.
        to: Option<u64>,
    },
    /// The blueprint will say another maximum or minimum.
    ReplicaBound,
    /// Git will declare other requests.
    Requests(Vec<RequestTouch>),
    /// Git will declare another limit of a container, and the same request.
    Limit {
        /// The container.
        container: String,
        /// CPU or memory.
        resource: Resource,
        /// The limit.
        limit: LimitTouch,
    },
    /// The blueprint will say another maximum of a request.
    RequestMaximum,
    /// The cluster goes back to what Git declares.
    Reconcile {
        /// The replicas that it goes back to, where they are among the fields.
        replicas: Option<u64>,
    },
    /// The workload's pods are replaced.
    Restart {
        /// The value that the annotation gets.
        request: String,
    },
    /// Fields of the workload's manifest go back to what stood before; each of them is judged besides.
    Rollback,
    /// Values of the cluster are taken into Git; each of them is judged besides.
    Adopt,
    /// Values of a `ConfigMap` change.
    Config(Vec<ConfigTouch>),
    /// Another field of a manifest.
    Field(FieldPath),
    /// One that holds others: a whole container comes, goes or takes another's place, and its image and probes with it.
    Whole(FieldPath, BTreeSet<Operation>),
    /// A whole object is added, with these keys where it is a `ConfigMap`.
    Added(Vec<ConfigTouch>),
    /// A whole object is removed.
    Removed,
    /// A blueprint, policy, workspace or signers file changes.
    Governance,
    /// Bytes change that bpctl has no meaning for.
    Opaque,
}

/// A container's request that Git will declare otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestTouch {
    /// The container's name.
    pub container: String,
    /// CPU or memory.
    pub resource: Resource,
    /// What stands on base; `None`: nothing that can be read.
    pub from: Option<Quantity>,
    /// The new value; `None`: it goes, or cannot be read.
    pub to: Option<Quantity>,
    /// The same container's limit, where that changes too.
    pub limit: Option<LimitTouch>,
}

/// A container's limit that Git will declare otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitTouch {
    /// What stands on base; `None`: nothing that can be read.
    pub from: Option<Quantity>,
    /// The new value; `None`: it goes, or cannot be read.
    pub to: Option<Quantity>,
}

/// A key of a `ConfigMap` whose value Git will declare otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigTouch {
    /// `ConfigMap/NAME`, as `spec.config` writes it.
    pub map: String,
    /// The key.
    pub key: String,
    /// What stands on base; `None`: nothing, or no text.
    pub from: Option<String>,
    /// The new value; `None`: it goes, or is no text.
    pub to: Option<String>,
    /// The key goes.
    pub gone: bool,
    /// It is of the blueprint's own namespace.
    pub own: bool,
}

impl ConfigTouch {
    /// A key of this `ConfigMap`, for the blueprint of this workload.
    fn of(
        map: &ObjectRef,
        target: Option<&ObjectRef>,
        key: &str,
        from: Option<String>,
        to: Option<String>,
        gone: bool,
    ) -> Self {
        let namespace = &map.namespace;
        let own = map.api_version == "v1"
            && target.is_some_and(|target| namespace.is_empty() || *namespace == target.namespace);
        Self { map: format!("ConfigMap/{}", map.name), key: key.into(), from, to, gone, own }
    }

    /// The range that the blueprint declares for it.
    pub fn range<'s>(&self, spec: &'s Spec) -> Option<&'s ConfigRange> {
        spec.config.get(&self.map)?.get(&self.key).filter(|_| self.own)
    }

    /// Whether a value is written under a name that says it is a credential; to take one away is fine.
    pub fn is_credential(&self, spec: &Spec) -> bool {
        !self.gone && is_credential(&self.key, self.range(spec))
    }

    /// Whether it is a change from one value to another that lies in the declared range.
    pub fn is_within(&self, spec: &Spec) -> bool {
        let (Some(_), Some(to)) = (&self.from, &self.to) else { return false };
        self.range(spec).is_some_and(|range| range.allows(to))
    }
}

/// What the operations of a subject follow from: the trusted blueprint, policies and manifest, never the subject's own claim.
#[derive(Debug, Clone, Copy)]
pub struct OperationInput<'a> {
    /// The blueprint's bounds.
    pub spec: &'a Spec,
    /// Largest change of a request without a person.
    pub step: Percent,
    /// The container that `spec.resources` is about, as base declares it; `None`: which that is cannot be told.
    pub container: Option<(&'a str, &'a Node)>,
    /// Who brings the cluster what Git declares.
    pub delivery: Delivery,
}

impl Subject {
    /// The limit that an action raises together with its value: a change of a rule, whatever base's own limit is.
    pub fn of_limit(action: &Action) -> Option<Self> {
        let Action::Scale(scale) = action else { return None };
        scale.limit.as_ref()?;
        let (blueprint, object) = (action.blueprint().clone(), action.workload().clone());
        Some(Self { blueprint, object, touch: Touch::ReplicaBound, undoes: Undoes::Nothing, adopts: false })
    }

    /// What an action does.
    pub fn of_action(action: &Action) -> Self {
        let touch = match action {
            Action::Scale(scale) => Touch::Replicas { to: Some(u64::from(scale.to)) },
            Action::Resize(resize) => {
                let request = |change: &crate::action::RequestChange| RequestTouch {
                    container: change.container.clone(),
                    resource: change.resource,
                    // With a maximum that is raised it is a change of a rule, and no step.
                    from: Some(change.from.clone()).filter(|_| change.maximum.is_none()),
                    to: Some(change.to.clone()),
                    limit: change
                        .limit
                        .as_ref()
                        .map(|limit| LimitTouch { from: Some(limit.from.clone()), to: Some(limit.to.clone()) }),
                };
                Touch::Requests(resize.requests.iter().map(request).collect())
            }
            Action::Reconcile(reconcile) => Touch::Reconcile { replicas: reconcile.replicas().map(u64::from) },
            Action::Restart(restart) => Touch::Restart { request: restart.request.clone() },
            Action::Rollback(_) => Touch::Rollback,
            Action::Adopt(_) => Touch::Adopt,
        };
        let (blueprint, object) = (action.blueprint().clone(), action.workload().clone());
        Self { blueprint, object, touch, undoes: Undoes::Nothing, adopts: false }
    }

    /// What a change of a pull request does, beside the others of it.
    /// `target` is the workload of that blueprint on base: only its replicas are the blueprint's.
    pub fn of_change(governed: &Governed, target: Option<&ObjectRef>, all: &[Governed]) -> Self {
        let (object, touch) = match &governed.change {
            Change::Field(change) if change.object.kind == "Blueprint" => {
                let bound =
                    ["min_replicas", "max_replicas"].iter().any(|key| change.field.is_keys(&["spec", "scaling", key]));
                let maximum = [Resource::Cpu, Resource::Memory]
                    .iter()
                    .any(|resource| change.field.is_keys(&["spec", "resources", resource.name(), "maximum"]));
                let touch = match (bound, maximum) {
                    (true, _) => Touch::ReplicaBound,
                    (_, true) => Touch::RequestMaximum,
                    _ => Touch::Governance,
                };
                (change.object.clone(), touch)
            }
            Change::Field(change) if change.object.api_version.starts_with("bpctl.dev/") => {
                (change.object.clone(), Touch::Governance)
            }
            Change::Field(change)
                if change.field.is_keys(&["spec", "replicas"])
                    && target.is_some_and(|target| target.is_declared_by(&change.object)) =>
            {
                // Kubernetes takes `-0.0` for none.
                let none = |to: &serde_json::Value| to.as_f64() == Some(0.0);
                // What is declared as nothing is left out.
                let to = change
                    .to
                    .as_ref()
                    .filter(|to| !to.is_null())
                    .map(|to| if none(to) { 0 } else { to.as_u64().unwrap_or(u64::MAX) });
                (change.object.clone(), Touch::Replicas { to })
            }
            Change::Field(change) if change.object.kind == "ConfigMap" => {
                let touched = config_of(change, target);
                let touch =
                    if touched.is_empty() { Touch::Field(change.field.clone()) } else { Touch::Config(touched) };
                (change.object.clone(), touch)
            }
            Change::Field(change) => {
                let own = target.is_some_and(|target| target.is_declared_by(&change.object));
                let touch = Some(change).filter(|_| own).and_then(|change| sizes(change, governed, all));
                let touch = touch.unwrap_or_else(|| {
                    let inside = operations_inside(change);
                    let field = change.field.clone();
                    if inside.is_empty() { Touch::Field(field) } else { Touch::Whole(field, inside) }
                });
                (change.object.clone(), touch)
            }
            Change::Object(change) => {
                let governance = change.object.api_version.starts_with("bpctl.dev/");
                let touch = match (governance, change.added) {
                    (true, _) => Touch::Governance,
                    (false, true) => {
                        let new = |key: &String| ConfigTouch::of(&change.object, target, key, None, None, false);
                        Touch::Added(change.keys.iter().map(new).collect())
                    }
                    (false, false) => Touch::Removed,
                };
                (change.object.clone(), touch)
            }
            Change::Opaque(change) => {
                let object = ObjectParts {
                    api_version: String::new(),
                    kind: "File".into(),
                    namespace: String::new(),
                    name: change.path.raw().into(),
                };
                (object.into(), if change.governance { Touch::Governance } else { Touch::Opaque })
            }
        };
        Self { blueprint: governed.blueprint.clone(), object, touch, undoes: Undoes::Nothing, adopts: false }
    }

    /// The same, as a part of what goes back.
    #[must_use]
    pub fn undoing(self, undoes: Undoes) -> Self {
        Self { undoes, ..self }
    }

    /// The same, as a part of what is taken from the cluster into Git.
    #[must_use]
    pub fn adopting(self, adopts: bool) -> Self {
        Self { adopts, ..self }
    }

    /// The operations that rules speak about.
    pub fn operations(&self, input: &OperationInput<'_>) -> Vec<Operation> {
        let by_kind = match self.object.kind.as_str() {
            "Secret" => Some(Operation::ChangeSecrets),
            "NetworkPolicy" => Some(Operation::ChangeNetworkPolicy),
            "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding" => Some(Operation::ChangeRbac),
            _ => None,
        };
        // What bpctl's own hand never does, a controller that brings back what was merged does.
        let by_controller = input.delivery == Delivery::Gitops && matches!(self.touch, Touch::Reconcile { .. });
        let by_kind = by_kind.filter(|_| !by_controller);
        let touch = match &self.touch {
            Touch::Replicas { to } => replicas(to.unwrap_or(1), input.spec.scaling.as_ref()),
            Touch::ReplicaBound => Operation::ScaleBeyondLimits,
            Touch::Requests(requests) if requests.iter().all(|request| is_step(request, input)) => Operation::Resize,
            Touch::Requests(_) | Touch::Limit { .. } | Touch::RequestMaximum => Operation::ResizeBeyondStep,
            // What stands on base was approved when it was merged; only a way to zero is judged again.
            Touch::Reconcile { replicas: Some(0) } => Operation::ScaleToZero,
            Touch::Reconcile { .. } => Operation::Reconcile,
            Touch::Restart { .. } => Operation::Restart,
            Touch::Rollback => Operation::Rollback,
            Touch::Adopt => Operation::Adopt,
            Touch::Config(touched) | Touch::Added(touched)
                if touched.iter().any(|touch| touch.is_credential(input.spec)) =>
            {
                Operation::ChangeSecrets
            }
            Touch::Config(touched) if touched.iter().all(|touch| touch.is_within(input.spec)) => Operation::Configure,
            Touch::Field(field) | Touch::Whole(field, _) => field_operation(field),
            Touch::Config(_) | Touch::Added(_) | Touch::Opaque => Operation::ChangeManifest,
            Touch::Removed => Operation::Delete,
            Touch::Governance => Operation::ChangeGovernance,
        };
        // Whoever goes back is asked for that too, whatever the fields are.
        let back = (self.undoes != Undoes::Nothing && touch != Operation::Rollback).then_some(Operation::Rollback);
        let adopts = (self.adopts && touch != Operation::Adopt).then_some(Operation::Adopt);
        let inside = match &self.touch {
            Touch::Whole(_, inside) => inside.iter().copied().filter(|operation| *operation != touch).collect(),
            _ => Vec::new(),
        };
        by_kind.into_iter().chain(back).chain(adopts).chain(inside).chain([touch]).collect()
    }
}

/// The keys that a change of a `ConfigMap` is about; none: it is about something else of it.
fn config_of(change: &FieldChange, target: Option<&ObjectRef>) -> Vec<ConfigTouch> {
    let Some(Segment::Key(part)) = change.field.0.first() else { return Vec::new() };
    if part != "data" && part != "binaryData" {
        return Vec::new();
    }
    let text = |value: Option<&Json>| value.and_then(Json::as_str).filter(|_| part == "data").map(ToOwned::to_owned);
    let touch = |key: &str, from: Option<&Json>, to: Option<&Json>| {
        ConfigTouch::of(&change.object, target, key, text(from), text(to), to.is_none())
    };
    match change.field.0.get(1) {
        Some(Segment::Key(key)) => vec![touch(key, change.from.as_ref(), change.to.as_ref())],
        Some(_) => Vec::new(),
        // All of them come, go or become something else.
        None => {
            let keys = |value: &Option<Json>| -> Vec<String> {
                value.as_ref().and_then(Json::as_object).map(|map| map.keys().cloned().collect()).unwrap_or_default()
            };
            let mut all = keys(&change.from);
            all.extend(keys(&change.to));
            all.sort_unstable();
            all.dedup();
            let of = |value: &Option<Json>, key: &str| value.as_ref().and_then(|value| value.get(key)).cloned();
            all.iter().map(|key| touch(key, of(&change.from, key).as_ref(), of(&change.to, key).as_ref())).collect()
        }
    }
}

/// A request or a limit of a container, with the other of the two where that changes as well: one cannot be judged without the other.
fn sizes(change: &FieldChange, own: &Governed, all: &[Governed]) -> Option<Touch> {
    let (container, resource, _) = part_of(&change.field)?;
    let resources = FieldPath(change.field.0.get(..6)?.to_vec());
    let changed = |part: &str| {
        let field = resources.clone().key(part).key(resource.name());
        // What another environment renders of the same object is another pod's.
        let beside = |other: &&Governed| (&other.environment, &other.blueprint) == (&own.environment, &own.blueprint);
        let fields = all.iter().filter(beside).filter_map(|governed| match &governed.change {
            Change::Field(field) => Some(field),
            _ => None,
        });
        // All limits may go at once: then a map above this one is what changed.
        let mut fields = std::iter::once(change).chain(fields).filter(|other| other.object == change.object);
        let found = fields.find(|other| field.0.starts_with(&other.field.0))?;
        let below = field.0.get(found.field.0.len()..)?;
        let value = |side: &Option<Json>| {
            let value = below.iter().try_fold(side.as_ref()?, |value, step| match step {
                Segment::Key(key) => value.get(key),
                _ => None,
            });
            value.and_then(quantity_of)
        };
        Some((value(&found.from), value(&found.to)))
    };
    let limit = changed("limits").map(|(from, to)| LimitTouch { from, to });
    match (changed("requests"), limit) {
        (Some((from, to)), limit) => Some(Touch::Requests(vec![RequestTouch { container, resource, from, to, limit }])),
        (None, Some(limit)) => Some(Touch::Limit { container, resource, limit }),
        (None, None) => None,
    }
}

/// `spec.template.spec.containers[name=…].resources.requests.cpu` or `.memory`.
pub(super) fn request_of(field: &FieldPath) -> Option<(String, Resource)> {
    part_of(field).filter(|(.., part)| part == "requests").map(|(container, resource, _)| (container, resource))
}

/// The same of requests and limits: container, resource, which of the two.
fn part_of(field: &FieldPath) -> Option<(String, Resource, String)> {
    let (head, tail) = (FieldPath(field.0.get(..4)?.to_vec()), field.0.get(4..)?);
    let [Segment::Item(keys), Segment::Key(resources), Segment::Key(part), Segment::Key(resource)] = tail else {
        return None;
    };
    let [(key, container)] = keys.as_slice() else { return None };
    let resource = [Resource::Cpu, Resource::Memory].into_iter().find(|known| known.name() == resource)?;
    (head.is_keys(&["spec", "template", "spec", "containers"])
        && key == "name"
        && resources == "resources"
        && ["requests", "limits"].contains(&part.as_str()))
    .then(|| (container.clone(), resource, part.clone()))
}

/// Within a step, and within what the blueprint says of the resource.
fn is_step(request: &RequestTouch, input: &OperationInput<'_>) -> bool {
    let (Some(from), Some(to)) = (&request.from, &request.to) else { return false };
    let Some(bounds) = input.spec.resources.of(request.resource) else { return false };
    let sized = input.container.filter(|(name, _)| *name == request.container);
    let limit = || request.limit.as_ref().is_none_or(|limit| follows(request, limit, bounds, input.step));
    sized.is_some()
        && within(from, to, input.step)
        && bounds.maximum.as_ref().is_none_or(|maximum| to <= maximum)
        && limit()
}

/// Whether a limit moves with its request as the blueprint says, or as it did, and not further than a step.
pub(super) fn follows(request: &RequestTouch, limit: &LimitTouch, bounds: &ResourceBounds, step: Percent) -> bool {
    let (Some(from), Some(to)) = (&request.from, &request.to) else { return false };
    let (Some(before), Some(after)) = (&limit.from, &limit.to) else { return false };
    let ratio = limit_ratio(bounds.limit_ratio, from, before);
    within(before, after, step)
        && ratio.is_some_and(|ratio| limit_for(request.resource, to, ratio).as_ref() == Some(after))
}

fn replicas(to: u64, scaling: Option<&Scaling>) -> Operation {
    match scaling {
        _ if to == 0 => Operation::ScaleToZero,
        Some(scaling) if (u64::from(scaling.min_replicas)..=u64::from(scaling.max_replicas)).contains(&to) => {
            Operation::Scale
        }
        _ => Operation::ScaleBeyondLimits,
    }
}

/// What rules ask about of what a value holds, where a field of a pod template is a mapping or a list: whoever may not change an image may not
/// change it with its container's name either.
fn operations_inside(change: &FieldChange) -> BTreeSet<Operation> {
    fn collect(field: &FieldPath, value: &Json, found: &mut BTreeSet<Operation>) {
        match value {
            Json::Object(map) => map.iter().for_each(|(key, value)| collect(&field.key(key.as_str()), value, found)),
            Json::Array(items) => items.iter().for_each(|item| collect(field, item, found)),
            _ => found.extend(Some(field_operation(field)).filter(|operation| *operation != Operation::ChangeManifest)),
        }
    }
    let mut found = BTreeSet::new();
    let containers = ["containers", "initContainers"];
    let template = FieldPath::keys(["spec", "template"]);
    let holds = template.0.starts_with(&change.field.0)
        || change.field.starts_with_keys(&["spec", "template"])
            && change.field.0.len() <= 5
            && (change.field.0.len() <= 3 || containers.iter().any(|key| change.field.has_key(key)));
    for value in [&change.from, &change.to].into_iter().flatten().filter(|value| holds && !value.is_string()) {
        collect(&change.field, value, &mut found);
    }
    found
}

fn field_operation(field: &FieldPath) -> Operation {
    let probe = ["livenessProbe", "readinessProbe", "startupProbe"];
    if probe.iter().any(|key| field.has_key(key)) {
        Operation::ChangeProbes
    } else if field.starts_with_keys(&["spec", "strategy"]) || field.starts_with_keys(&["spec", "updateStrategy"]) {
        Operation::ChangeStrategy
    } else if field.starts_with_keys(&["spec", "template"]) && field.has_key("resources") {
        Operation::ResizeBeyondStep
    } else if matches!(field.0.last(), Some(crate::model::Segment::Key(key)) if key == "image") {
        Operation::ChangeImage
    } else {
        Operation::ChangeManifest
    }
}
