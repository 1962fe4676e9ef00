//! `scale`: set a workload's replicas, in Git (B6). Beyond the maximum it raises the limit and the value together, so that a person
//! approves both.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::ActionType;
use crate::blueprint::{Catalog, Operation};
use crate::execute::{Effect, Place, SetField};
use crate::model::{FieldPath, Name, ObjectRef};
use crate::render::listed;
use crate::rendering::edit_of;

/// Set a workload's replicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Scale {
    /// Parameter version: 1.
    pub version: u32,
    /// The blueprint.
    pub blueprint: Name,
    /// The workload.
    pub workload: ObjectRef,
    /// What Git declares today; `None`: the manifest leaves it out, which means 1.
    pub from: Option<u32>,
    /// What it will declare.
    pub to: u32,
    /// The maximum that has to be raised with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitChange>,
}

/// A change of `spec.scaling.max_replicas`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LimitChange {
    /// Today's maximum.
    pub from: u32,
    /// The new one.
    pub to: u32,
}

impl ActionType for Scale {
    const NAME: &'static str = "scale";
    const ABOUT: &'static str = "Set a workload's replicas, in its manifest, by pull request";
    const OPERATION: Operation = Operation::Scale;

    fn blueprint(&self) -> &Name {
        &self.blueprint
    }

    fn workload(&self) -> &ObjectRef {
        &self.workload
    }

    fn fields(&self) -> Vec<FieldPath> {
        vec![FieldPath::keys(["spec", "replicas"])]
    }

    fn lower(&self, tree: &Catalog, environment: &Name) -> Result<Vec<Effect>, String> {
        let (blueprint, manifest) = tree.declaration(environment, &self.blueprint, &self.workload)?;
        let field = FieldPath::keys(["spec", "replicas"]);
        let values = (self.from.map(Json::from), Some(Json::from(self.to)));
        let mut effects = vec![edit_of(tree, environment, manifest, &field, values)?];
        if let Some(limit) = &self.limit {
            let overrides = blueprint.value.environments.values();
            if overrides.into_iter().any(|o| o.spec.get("scaling").is_some_and(|s| s.get("max_replicas").is_some())) {
                return Err("an environment overrides max_replicas; a person raises the right one".into());
            }
            // What bpctl raises for one environment, it would scale to in the others without asking anybody.
            let places = tree.workspace.value.environments.keys();
            let others: Vec<&Name> =
                places.filter(|place| *place != environment && blueprint.value.is_in(place)).collect();
            if !others.is_empty() {
                return Err(format!(
                    "{} says max_replicas: {} for {} too; a person raises it there, or gives {environment} a maximum of its own, by a pull \
                     request: environments: {{{environment}: {{spec: {{scaling: {{max_replicas: {}}}}}}}}}",
                    blueprint.path,
                    limit.from,
                    listed(&others, 3),
                    limit.to
                ));
            }
            let field = ["spec", "scaling", "max_replicas"];
            let node = blueprint.document.root.at(&field);
            // An override per environment stands elsewhere; only the line that says today's maximum may be edited.
            if node.and_then(crate::yaml::Node::as_int) != Some(i128::from(limit.from)) {
                return Err(format!(
                    "{} does not say max_replicas: {} outside its overrides",
                    blueprint.path, limit.from
                ));
            }
            effects.push(Effect::SetField(SetField {
                path: blueprint.path.clone(),
                document: blueprint.document.index,
                field: FieldPath::keys(field),
                from: Some(Json::from(limit.from)),
                to: Some(Json::from(limit.to)),
                at: node.map(|node| Place::from(&blueprint.document.span_of(node))),
            }));
        }
        Ok(effects)
    }
}
