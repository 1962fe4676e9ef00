//! `rollback`: set single fields of a workload's manifest, and values of the `ConfigMap`s that its pods read, back to what stood before one merged
//! change, in Git (B8, B14, B17). It names values and no commit: which change it takes back is read off Git again by whoever judges it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::ActionType;
use crate::blueprint::{Catalog, Operation};
use crate::execute::Effect;
use crate::model::{FieldPath, Name, ObjectRef, RepoPath, Untrusted};
use crate::observe::PastChange;
use crate::propose::{edit, is_writable};
use crate::render::sink::terminal;
use crate::rendering::edit_of;
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
    /// The values of `ConfigMap`s, all of the same change (B17).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<ConfigBack>,
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

/// One value of a `ConfigMap` that goes back (B17).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigBack {
    /// The object, in the workload's namespace.
    pub object: ObjectRef,
    /// The value: `data.KEY`.
    pub field: FieldPath,
    /// What Git declares today; `None`: nothing, so that the key comes again.
    pub from: Option<Json>,
    /// What it declared before, and will; `None`: nothing, so that the key goes.
    pub to: Option<Json>,
}

impl ConfigBack {
    /// The way back of a change of this object.
    pub fn of(object: &ObjectRef, change: &PastChange) -> Self {
        let PastChange { field, from, to } = change.clone();
        Self { object: object.clone(), field, from: to, to: from }
    }
}

impl Rollback {
    /// Each value that it sets, those of `ConfigMap`s last (B17): object, field, what stands there, what will.
    pub fn values(&self) -> impl Iterator<Item = (&ObjectRef, &FieldPath, Option<&Json>, Option<&Json>)> {
        let own = self.fields.iter().map(|back| (&self.workload, &back.field, Some(&back.from), Some(&back.to)));
        own.chain(self.config.iter().map(|back| (&back.object, &back.field, back.from.as_ref(), back.to.as_ref())))
    }
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
    const ABOUT: &'static str = "Set fields of a manifest and of its ConfigMaps back to what stood before the change that broke it, by pull request";
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
        let mut effects = Vec::new();
        let mut plain: BTreeMap<&RepoPath, Vec<Edit>> = BTreeMap::new();
        for (object, field, from, to) in self.values() {
            let (_, manifest) = tree.declaration(environment, &self.blueprint, object)?;
            let named = || if *object == self.workload { "the manifest".to_owned() } else { object.to_string() };
            let node = value_at(&manifest.document, field);
            if node.map(yaml::Node::to_json).as_ref() != from {
                return Err(format!("{} no longer says what the change brought: {}", named(), shown(field)));
            }
            if manifest.rendered && (from.is_none() || to.is_none()) {
                let why = format!("{field} of {object} came or went, and is rendered from {}", manifest.path);
                return Err(format!("{}: it goes back by hand", shown(&why)));
            }
            let effect = edit_of(tree, environment, manifest, field, (from.cloned(), to.cloned()))?;
            // A value over several lines or behind an anchor is not set back in place: that is known before anybody is asked.
            if !manifest.rendered {
                let edits = plain.entry(&manifest.path).or_default();
                edits.extend(edit(manifest.document.index, manifest.document.in_file(field), from, to));
                let source = &manifest.document.source;
                yaml::apply(&source.name, source.text.as_bytes(), edits).map_err(|refused| shown(&refused))?;
            }
            effects.push(effect);
        }
        Ok(effects)
    }
}

/// Names of fields come from files: they are shown as text from outside.
fn shown(what: &impl ToString) -> String {
    terminal(&Untrusted::new(what.to_string()))
}
