//! `resize`: set requests of a workload's container, in Git, and the limit with one where it moves with it (B7). Above the maximum it raises
//! maximum and value together, above the limit both too, so that a person approves both.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::ActionType;
use crate::blueprint::{Blueprint, Catalog, Located, Operation, containers, quantity};
use crate::execute::{Effect, Place, SetField};
use crate::model::{FieldPath, Name, ObjectRef, Quantity, Segment};
use crate::observe::Resource;
use crate::rendering::edit_of;

/// Set requests of a workload's container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resize {
    /// Parameter version: 1.
    pub version: u32,
    /// The blueprint.
    pub blueprint: Name,
    /// The workload.
    pub workload: ObjectRef,
    /// The requests; CPU and memory of one workload change together.
    pub requests: Vec<RequestChange>,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RequestChange {
    /// The container's name.
    pub container: String,
    /// CPU or memory.
    pub resource: Resource,
    /// What Git declares today.
    pub from: Quantity,
    /// What it will declare.
    pub to: Quantity,
    /// The maximum that has to be raised with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<QuantityChange>,
    /// The container's limit, which changes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<QuantityChange>,
}

impl RequestChange {
    /// The field of the workload's manifest: of `requests` or of `limits`.
    fn field(&self, part: &str) -> FieldPath {
        FieldPath::keys(["spec", "template", "spec", "containers"])
            .join(Segment::Item(vec![("name".into(), self.container.clone())]))
            .key("resources")
            .key(part)
            .key(self.resource.name())
    }

    /// What is written: the part of `resources`, before and after.
    fn values(&self) -> impl Iterator<Item = (&'static str, &Quantity, &Quantity)> {
        let limit = self.limit.as_ref().map(|limit| ("limits", &limit.from, &limit.to));
        std::iter::once(("requests", &self.from, &self.to)).chain(limit)
    }
}

/// A quantity that changes with a request: the blueprint's `maximum`, the container's limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QuantityChange {
    /// What stands today.
    pub from: Quantity,
    /// What will.
    pub to: Quantity,
}

impl ActionType for Resize {
    const NAME: &'static str = "resize";
    const ABOUT: &'static str = "Set CPU and memory requests to what pods use, in the manifest, by pull request";
    const OPERATION: Operation = Operation::Resize;

    fn blueprint(&self) -> &Name {
        &self.blueprint
    }

    fn workload(&self) -> &ObjectRef {
        &self.workload
    }

    fn fields(&self) -> Vec<FieldPath> {
        self.requests.iter().flat_map(|change| change.values().map(|(part, ..)| change.field(part))).collect()
    }

    fn lower(&self, tree: &Catalog, environment: &Name) -> Result<Vec<Effect>, String> {
        let (blueprint, manifest) = tree.declaration(environment, &self.blueprint, &self.workload)?;
        let containers = containers(&manifest.document.root);
        let mut effects = Vec::new();
        for change in &self.requests {
            let resource = change.resource.name();
            let container = containers.iter().find(|(name, _)| *name == change.container);
            for (part, from, to) in change.values() {
                let node = container.and_then(|(_, node)| node.at(&["resources", part, resource]));
                let Some(node) = node.filter(|node| quantity(node).as_ref() == Some(from)) else {
                    let what = part.trim_end_matches('s');
                    return Err(format!("the manifest no longer declares a {resource} {what} of {from}"));
                };
                let values = (Some(node.to_json()), Some(Json::from(to.to_string())));
                effects.push(edit_of(tree, environment, manifest, &change.field(part), values)?);
            }
            if let Some(maximum) = &change.maximum {
                effects.push(raise(blueprint, resource, maximum)?);
            }
        }
        Ok(effects)
    }
}

/// Raises the maximum on the line that says it.
fn raise(blueprint: &Located<Blueprint>, resource: &str, maximum: &QuantityChange) -> Result<Effect, String> {
    let mut overrides = blueprint.value.environments.values();
    let maximum_of =
        |spec: &serde_json::Map<String, Json>| spec.get("resources")?.get(resource)?.get("maximum").cloned();
    if overrides.any(|over| maximum_of(&over.spec).is_some()) {
        return Err(format!("an environment overrides the {resource} maximum; a person raises the right one"));
    }
    let field = ["spec", "resources", resource, "maximum"];
    let node = blueprint.document.root.at(&field);
    let Some(node) = node.filter(|node| quantity(node).as_ref() == Some(&maximum.from)) else {
        let (path, from) = (&blueprint.path, &maximum.from);
        return Err(format!("{path} does not say a {resource} maximum of {from} outside its overrides"));
    };
    Ok(Effect::SetField(SetField {
        path: blueprint.path.clone(),
        document: blueprint.document.index,
        field: FieldPath::keys(field),
        from: Some(node.to_json()),
        to: Some(Json::from(maximum.to.to_string())),
        at: Some(Place::from(&blueprint.document.span_of(node))),
    }))
}
