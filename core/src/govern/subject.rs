//! What is judged: an action or a change, reduced to what rules ask about.

use crate::action::Action;
use crate::blueprint::{Operation, Scaling, Spec, quantity_of};
use crate::decide::sizing::within;
use crate::model::{FieldPath, Name, ObjectRef, Percent, Quantity, Segment};
use crate::observe::Resource;
use crate::propose::Change;

/// What is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The blueprint that governs it.
    pub blueprint: Name,
    /// The object that changes.
    pub object: ObjectRef,
    /// What happens to it.
    pub touch: Touch,
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
    /// Another field of a manifest.
    Field(FieldPath),
    /// A whole object is added.
    Added,
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
}

/// What the operations of a subject follow from: the trusted blueprint, policies and manifest, never the subject's own claim.
#[derive(Debug, Clone, Copy)]
pub struct OperationInput<'a> {
    /// The blueprint's bounds.
    pub spec: &'a Spec,
    /// Largest change of a request without a person.
    pub step: Percent,
    /// The pods have one container, so that what a pod uses is what it uses.
    pub lone_container: bool,
}

impl Subject {
    /// The limit that an action raises together with its value: a change of a rule, whatever base's own limit is.
    pub fn of_limit(action: &Action) -> Option<Self> {
        let Action::Scale(scale) = action else { return None };
        scale.limit.as_ref()?;
        let (blueprint, object) = (action.blueprint().clone(), action.workload().clone());
        Some(Self { blueprint, object, touch: Touch::ReplicaBound })
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
                };
                Touch::Requests(resize.requests.iter().map(request).collect())
            }
            Action::Reconcile(reconcile) => Touch::Reconcile { replicas: reconcile.replicas().map(u64::from) },
            Action::Restart(restart) => Touch::Restart { request: restart.request.clone() },
        };
        Self { blueprint: action.blueprint().clone(), object: action.workload().clone(), touch }
    }

    /// What a change of a pull request does.
    /// `target` is the workload of that blueprint on base: only its replicas are the blueprint's.
    pub fn of_change(blueprint: &Name, target: Option<&ObjectRef>, change: &Change) -> Self {
        let (object, touch) = match change {
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
                let to = change.to.as_ref().map(|to| to.as_u64().unwrap_or(u64::MAX));
                (change.object.clone(), Touch::Replicas { to })
            }
            Change::Field(change) => {
                let request =
                    request_of(&change.field).filter(|_| target.is_some_and(|t| t.is_declared_by(&change.object)));
                let touch = request.map_or_else(
                    || Touch::Field(change.field.clone()),
                    |(container, resource)| {
                        let (from, to) = (change.from.as_ref(), change.to.as_ref());
                        let (from, to) = (from.and_then(quantity_of), to.and_then(quantity_of));
                        Touch::Requests(vec![RequestTouch { container, resource, from, to }])
                    },
                );
                (change.object.clone(), touch)
            }
            Change::Object(change) => {
                let governance = change.object.api_version.starts_with("bpctl.dev/");
                let touch = match (governance, change.added) {
                    (true, _) => Touch::Governance,
                    (false, true) => Touch::Added,
                    (false, false) => Touch::Removed,
                };
                (change.object.clone(), touch)
            }
            Change::Opaque(change) => {
                let object = ObjectRef {
                    api_version: String::new(),
                    kind: "File".into(),
                    namespace: String::new(),
                    name: change.path.raw().into(),
                };
                (object, if change.governance { Touch::Governance } else { Touch::Opaque })
            }
        };
        Self { blueprint: blueprint.clone(), object, touch }
    }

    /// The operations that rules speak about.
    pub fn operations(&self, input: &OperationInput<'_>) -> Vec<Operation> {
        let by_kind = match self.object.kind.as_str() {
            "Secret" => Some(Operation::ChangeSecrets),
            "NetworkPolicy" => Some(Operation::ChangeNetworkPolicy),
            "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding" => Some(Operation::ChangeRbac),
            _ => None,
        };
        let touch = match &self.touch {
            Touch::Replicas { to } => replicas(to.unwrap_or(1), input.spec.scaling.as_ref()),
            Touch::ReplicaBound => Operation::ScaleBeyondLimits,
            Touch::Requests(requests) if requests.iter().all(|request| is_step(request, input)) => Operation::Resize,
            Touch::Requests(_) | Touch::RequestMaximum => Operation::ResizeBeyondStep,
            // What stands on base was approved when it was merged; only a way to zero is judged again.
            Touch::Reconcile { replicas: Some(0) } => Operation::ScaleToZero,
            Touch::Reconcile { .. } => Operation::Reconcile,
            Touch::Restart { .. } => Operation::Restart,
            Touch::Field(field) => field_operation(field),
            Touch::Added | Touch::Opaque => Operation::ChangeManifest,
            Touch::Removed => Operation::Delete,
            Touch::Governance => Operation::ChangeGovernance,
        };
        by_kind.into_iter().chain([touch]).collect()
    }
}

/// `spec.template.spec.containers[name=…].resources.requests.cpu` or `.memory`.
fn request_of(field: &FieldPath) -> Option<(String, Resource)> {
    let (head, tail) = (FieldPath(field.0.get(..4)?.to_vec()), field.0.get(4..)?);
    let [Segment::Item(keys), Segment::Key(resources), Segment::Key(requests), Segment::Key(resource)] = tail else {
        return None;
    };
    let [(key, container)] = keys.as_slice() else { return None };
    let resource = [Resource::Cpu, Resource::Memory].into_iter().find(|known| known.name() == resource)?;
    (head.is_keys(&["spec", "template", "spec", "containers"])
        && key == "name"
        && (resources.as_str(), requests.as_str()) == ("resources", "requests"))
        .then(|| (container.clone(), resource))
}

/// Within a step, and within what the blueprint says of the resource.
fn is_step(request: &RequestTouch, input: &OperationInput<'_>) -> bool {
    let (Some(from), Some(to)) = (&request.from, &request.to) else { return false };
    let Some(bounds) = input.spec.resources.of(request.resource) else { return false };
    input.lone_container && within(from, to, input.step) && bounds.maximum.as_ref().is_none_or(|maximum| to <= maximum)
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
