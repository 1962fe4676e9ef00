//! `rollback`: set single fields of a workload's manifest back to what stood before one merged change, in Git (B8, B14, B17). It names
//! values and no commit: which change it takes back is read off Git again by whoever judges it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::ActionType;
use crate::blueprint::{Catalog, Operation};
use crate::execute::Effect;
use crate::model::{FieldPath, Name, ObjectRef, Untrusted};
use crate::observe::PastChange;
use crate::propose::{edit, is_writable};
use crate::render::sink::terminal;
use crate::rendering::{Computed, edit_place};
use crate::yaml::{self, Edit, value_at};

/// Set fields of a workload's manifest back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rollback {
    /// Parameter version: 1.
    pub version: u32,
    /// The blueprint.
    pub blueprint: Name,
    /// The workload.
    pub workload: ObjectRef,
    /// The fields, all of one change.
    pub fields: Vec<SetBack>,
}

/// One field that goes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetBack {
    /// The field of the workload's manifest.
    pub field: FieldPath,
    /// What Git declares today.
    pub from: Json,
    /// What it declared before, and will.
    pub to: Json,
}

impl SetBack {
    /// The way back of a change. `None`: it added or removed something, or one of the values is not one that is written in place.
    pub fn of(change: &PastChange) -> Option<Self> {
        let (from, to) = (change.to.clone()?, change.from.clone()?);
        (is_writable(&from) && is_writable(&to)).then(|| Self { field: change.field.clone(), from, to })
    }
}

impl ActionType for Rollback {
    const NAME: &'static str = "rollback";
    const ABOUT: &'static str =
        "Set fields of a manifest back to what stood before the change that broke it, by pull request";
    const OPERATION: Operation = Operation::Rollback;

    fn blueprint(&self) -> &Name {
        &self.blueprint
    }

    fn workload(&self) -> &ObjectRef {
        &self.workload
    }

    fn fields(&self) -> Vec<FieldPath> {
        self.fields.iter().map(|back| back.field.clone()).collect()
    }

    fn lower(&self, tree: &Catalog, environment: &Name) -> Result<Vec<Effect>, String> {
        let (_, manifest) = tree.declaration(environment, &self.blueprint, &self.workload)?;
        let mut effects = Vec::new();
        let mut edits: Vec<Edit> = Vec::new();
        for SetBack { field, from, to } in &self.fields {
            let node = value_at(&manifest.document, field);
            if node.map(yaml::Node::to_json).as_ref() != Some(from) {
                return Err(format!("the manifest no longer says what the change brought: {}", shown(field)));
            }
            let place = edit_place(tree, environment, manifest, field, Computed::Not)?;
            edits.extend(edit(manifest.document.index, manifest.document.in_file(field), Some(from), Some(to)));
            effects.push(place.set(Some(from.clone()), Some(to.clone())));
        }
        // A value over several lines or behind an anchor is not set back in place: that is known before anybody is asked.
        if !manifest.rendered {
            let source = &manifest.document.source;
            yaml::apply(&source.name, source.text.as_bytes(), &edits).map_err(|refused| shown(&refused))?;
        }
        Ok(effects)
    }
}

/// Names of fields come from files: they are shown as text from outside.
fn shown(what: &impl ToString) -> String {
    terminal(&Untrusted::new(what.to_string()))
}
