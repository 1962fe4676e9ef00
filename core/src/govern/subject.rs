//! What is judged: an action or a change, reduced to what rules ask about.

use crate::action::Action;
use crate::blueprint::{Operation, Scaling};
use crate::model::{FieldPath, Name, ObjectRef};
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
    /// The cluster goes back to what Git declares.
    Reconcile {
        /// The replicas that it goes back to, where they are among the fields.
        replicas: Option<u64>,
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

impl Subject {
    /// What an action does.
    pub fn of_action(action: &Action) -> Self {
        let touch = match action {
            Action::Scale(scale) => Touch::Replicas { to: Some(u64::from(scale.to)) },
            Action::Reconcile(reconcile) => Touch::Reconcile { replicas: reconcile.replicas().map(u64::from) },
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
                (change.object.clone(), if bound { Touch::ReplicaBound } else { Touch::Governance })
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
            Change::Field(change) => (change.object.clone(), Touch::Field(change.field.clone())),
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

    /// The operations that rules speak about. Bounds are the trusted blueprint's, never the subject's own claim.
    pub fn operations(&self, scaling: Option<&Scaling>) -> Vec<Operation> {
        let by_kind = match self.object.kind.as_str() {
            "Secret" => Some(Operation::ChangeSecrets),
            "NetworkPolicy" => Some(Operation::ChangeNetworkPolicy),
            "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding" => Some(Operation::ChangeRbac),
            _ => None,
        };
        let touch = match &self.touch {
            Touch::Replicas { to } => replicas(to.unwrap_or(1), scaling),
            Touch::ReplicaBound => Operation::ScaleBeyondLimits,
            // What stands on base was approved when it was merged; only a way to zero is judged again.
            Touch::Reconcile { replicas: Some(0) } => Operation::ScaleToZero,
            Touch::Reconcile { .. } => Operation::Reconcile,
            Touch::Field(field) => field_operation(field),
            Touch::Added | Touch::Opaque => Operation::ChangeManifest,
            Touch::Removed => Operation::Delete,
            Touch::Governance => Operation::ChangeGovernance,
        };
        by_kind.into_iter().chain([touch]).collect()
    }
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
