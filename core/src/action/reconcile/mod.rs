//! `reconcile`: bring drifted fields of the cluster back to what Git declares. Under `direct` delivery it is carried out by
//! server-side apply; under `gitops` it is what the controller will do, and bpctl only says so.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::ActionType;
use crate::blueprint::{Catalog, Operation};
use crate::execute::{ApplyObject, Effect};
use crate::model::{FieldPath, Name, ObjectRef};
use crate::render::sink::terminal;

/// Bring drifted fields back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reconcile {
    /// Parameter version: 1.
    pub version: u32,
    /// The blueprint.
    pub blueprint: Name,
    /// The workload, or the companion of it that goes back.
    pub workload: ObjectRef,
    /// The live object that was looked at; `None`: it does not exist and will be created.
    pub uid: Option<String>,
    /// The fields, in the manifest's order.
    pub fields: Vec<RevertedField>,
    /// `spec.replicas` is left out of what is applied: an autoscaler owns it, whatever the manifest says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leave_replicas: bool,
}

/// One field that goes back to what Git declares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RevertedField {
    /// Which field.
    pub field: FieldPath,
    /// What the cluster has; `None`: nothing.
    pub from: Option<Json>,
    /// What Git declares; `None`: nothing any more.
    pub to: Option<Json>,
}

impl Reconcile {
    /// The replicas that the cluster would get, where they are among the fields.
    pub fn replicas(&self) -> Option<u32> {
        let field = self.fields.iter().find(|field| field.field.is_keys(&["spec", "replicas"]))?;
        u32::try_from(field.to.as_ref()?.as_u64()?).ok()
    }
}

impl ActionType for Reconcile {
    const NAME: &'static str = "reconcile";
    const ABOUT: &'static str = "Bring drifted fields of the cluster back to what Git declares";
    const OPERATION: Operation = Operation::Reconcile;

    fn blueprint(&self) -> &Name {
        &self.blueprint
    }

    fn workload(&self) -> &ObjectRef {
        &self.workload
    }

    fn lower(&self, tree: &Catalog, environment: &Name) -> Result<Vec<Effect>, String> {
        let (_, manifest) = tree.declaration(environment, &self.blueprint, &self.workload)?;
        // Applying it would write another value each time, and make pods anew with it.
        if let Some(field) = manifest.varying().next().filter(|_| self.uid.is_some()) {
            let field = terminal(&field);
            return Err(format!(
                "{field} is another each time {} is rendered: no apply would settle it",
                manifest.path
            ));
        }
        Ok(vec![Effect::ApplyObject(ApplyObject {
            object: self.workload.clone(),
            uid: self.uid.clone(),
            path: manifest.path.clone(),
            document: manifest.document.index,
            leave_replicas: self.leave_replicas,
        })])
    }
}
