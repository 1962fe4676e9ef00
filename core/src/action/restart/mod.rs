//! `restart`: replace a workload's pods (B8). The one action that is no change of Git: a run-time effect, one annotation of the pod
//! template under a field manager of its own. Its value is derived from what was seen, so that the same request restarts once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ActionType;
use crate::blueprint::{Catalog, Operation};
use crate::execute::{Effect, RestartPods};
use crate::model::{Name, ObjectRef};

/// Replace a workload's pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Restart {
    /// Parameter version: 1.
    pub version: u32,
    /// The blueprint.
    pub blueprint: Name,
    /// The workload.
    pub workload: ObjectRef,
    /// The live object that was looked at: no other one of its name is restarted.
    pub uid: String,
    /// Its generation when it was looked at: after a change of it nothing is restarted.
    pub generation: i64,
    /// The annotation's value: which template, the how many-th restart of it, of which generation.
    pub request: String,
}

impl ActionType for Restart {
    const NAME: &'static str = "restart";
    const ABOUT: &'static str = "Replace a workload's pods after a failure, by one annotation of its pod template";
    const OPERATION: Operation = Operation::Restart;

    fn blueprint(&self) -> &Name {
        &self.blueprint
    }

    fn workload(&self) -> &ObjectRef {
        &self.workload
    }

    fn lower(&self, _: &Catalog, _: &Name) -> Result<Vec<Effect>, String> {
        Ok(vec![Effect::RestartPods(RestartPods {
            object: self.workload.clone(),
            uid: self.uid.clone(),
            generation: self.generation,
            request: self.request.clone(),
        })])
    }
}
