//! The closed vocabulary of actions: typed, versioned, absolute (replicas = 3, never +1), each with its precondition (was 2).
//!
//! A new action is one folder here and one line in each of the lists below: the variant, `ALL`, and the macro. Its parameters, what it lowers to, its doc and its
//! tests live in the folder; schema, docs and command line come from there.

mod adopt;
mod reconcile;
mod resize;
mod restart;
mod rollback;
mod scale;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub use adopt::{Adopt, AdoptedField};
pub use reconcile::{Reconcile, RevertedField};
pub use resize::{QuantityChange, RequestChange, Resize};
pub use restart::Restart;
pub use rollback::{ConfigBack, Rollback, SetBack};
pub use scale::{LimitChange, Scale};

use crate::blueprint::{Catalog, Operation};
use crate::credential::{WITHHELD, field_holds};
use crate::execute::Effect;
use crate::model::{Digest, FieldPath, Name, ObjectRef};

/// One action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Action {
    /// Set a workload's replicas, in Git.
    Scale(Scale),
    /// Set requests of a workload's container, in Git.
    Resize(Resize),
    /// Bring drifted fields of the cluster back to what Git declares.
    Reconcile(Reconcile),
    /// Replace a workload's pods.
    Restart(Restart),
    /// Set fields of a workload's manifest back to what stood before a change, in Git.
    Rollback(Rollback),
    /// Take values of the cluster into Git.
    Adopt(Adopt),
}

/// What every action can say of itself.
pub trait ActionType {
    /// Name in files, branches and commands.
    const NAME: &'static str;
    /// One line for `bpctl actions` and the docs.
    const ABOUT: &'static str;
    /// The operation that rules judge when nothing about the parameters says otherwise.
    const OPERATION: Operation;

    /// The blueprint it serves.
    fn blueprint(&self) -> &Name;
    /// The workload it changes.
    fn workload(&self) -> &ObjectRef;
    /// The fields of the workload's manifest that it sets.
    fn fields(&self) -> Vec<FieldPath> {
        Vec::new()
    }
    /// The effects that carry it out, given where things stand in the tree. `Err`: why it cannot be done, in one sentence.
    fn lower(&self, tree: &Catalog, environment: &Name) -> Result<Vec<Effect>, String>;
}

/// What is known of one action type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionInfo {
    /// Name.
    pub name: &'static str,
    /// One line.
    pub about: &'static str,
    /// Operation that rules judge.
    pub operation: Operation,
}

const fn info<A: ActionType>() -> ActionInfo {
    ActionInfo { name: A::NAME, about: A::ABOUT, operation: A::OPERATION }
}

/// All actions.
pub const ALL: [ActionInfo; 6] =
    [info::<Scale>(), info::<Resize>(), info::<Reconcile>(), info::<Restart>(), info::<Rollback>(), info::<Adopt>()];

/// Calls the same method whichever action it is: the list that a new action adds one line to.
macro_rules! each {
    ($action:expr, $inner:ident => $body:expr) => {
        match $action {
            Action::Scale($inner) => $body,
            Action::Resize($inner) => $body,
            Action::Reconcile($inner) => $body,
            Action::Restart($inner) => $body,
            Action::Rollback($inner) => $body,
            Action::Adopt($inner) => $body,
        }
    };
}

impl Action {
    /// The identity of the action: the hash of its canonical JSON. No text, no commit and no clock goes in (X2).
    pub fn id(&self) -> Digest {
        Digest::of(self)
    }

    /// The same for people and files to read, without values that may be credentials (T38). Its id is not that of the action.
    #[must_use]
    pub fn told(mut self) -> Self {
        fn withhold(kind: &str, field: &FieldPath, from: Option<&mut Json>, to: Option<&mut Json>) {
            if field_holds(kind, field, [from.as_deref(), to.as_deref()]) {
                from.into_iter().chain(to).for_each(|value| *value = WITHHELD.into());
            }
        }
        match &mut self {
            Self::Reconcile(reconcile) => {
                let kind = &reconcile.workload.kind;
                let fields = reconcile.fields.iter_mut();
                fields.for_each(|one| withhold(kind, &one.field, one.from.as_mut(), one.to.as_mut()));
            }
            Self::Rollback(rollback) => {
                let kind = &rollback.workload.kind;
                let fields = rollback.fields.iter_mut();
                fields.for_each(|one| withhold(kind, &one.field, Some(&mut one.from), Some(&mut one.to)));
                let config = rollback.config.iter_mut();
                config.for_each(|one| withhold(&one.object.kind, &one.field, one.from.as_mut(), one.to.as_mut()));
            }
            Self::Adopt(adopt) => {
                let fields = adopt.fields.iter_mut();
                fields.for_each(|one| withhold(&one.object.kind, &one.field, one.from.as_mut(), one.to.as_mut()));
            }
            Self::Scale(_) | Self::Resize(_) | Self::Restart(_) => {}
        }
        self
    }

    /// Name in files, branches and commands.
    pub fn name(&self) -> &'static str {
        fn name<A: ActionType>(_: &A) -> &'static str {
            A::NAME
        }
        each!(self, inner => name(inner))
    }

    /// The blueprint it serves.
    pub fn blueprint(&self) -> &Name {
        each!(self, inner => inner.blueprint())
    }

    /// The workload it changes.
    pub fn workload(&self) -> &ObjectRef {
        each!(self, inner => inner.workload())
    }

    /// The fields of the workload's manifest that it sets.
    pub fn fields(&self) -> Vec<FieldPath> {
        each!(self, inner => inner.fields())
    }

    /// The effects that carry it out.
    pub fn lower(&self, tree: &Catalog, environment: &Name) -> Result<Vec<Effect>, String> {
        each!(self, inner => inner.lower(tree, environment))
    }
}
