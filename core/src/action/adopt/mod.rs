//! `adopt`: take values of the cluster into Git, instead of bringing the cluster back (X8). What is taken is named value by value; what
//! Git cannot say on one line, and what may be a credential, is refused, and then nothing of the blueprint is taken.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::ActionType;
use crate::blueprint::{Catalog, Manifest, Operation};
use crate::execute::Effect;
use crate::model::{FieldPath, Name, ObjectRef, RepoPath, Untrusted};
use crate::propose::{FieldChange, edit, is_writable};
use crate::render::sink::terminal;
use crate::rendering::edit_of;
use crate::yaml::{self, Edit};

/// Take values of the cluster into Git.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Adopt {
    /// Parameter version: 1.
    pub version: u32,
    /// The blueprint.
    pub blueprint: Name,
    /// Its workload.
    pub workload: ObjectRef,
    /// The fields, of the workload and of what belongs to it.
    pub fields: Vec<AdoptedField>,
}

/// One field that Git will have as the cluster has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AdoptedField {
    /// The object.
    pub object: ObjectRef,
    /// Its field.
    pub field: FieldPath,
    /// What Git declares; `None`: nothing.
    pub from: Option<Json>,
    /// What the cluster has; `None`: nothing, so that the key goes.
    pub to: Option<Json>,
}

impl AdoptedField {
    /// The change of the manifest that it is, in this file.
    pub(crate) fn change(&self, path: RepoPath) -> FieldChange {
        let Self { object, field, from, to } = self.clone();
        FieldChange { path, object, field, from, to }
    }

    /// Its edit. `Err`: why there is none.
    fn edit(&self, tree: &Catalog, environment: &Name, manifest: &Manifest) -> Result<Effect, String> {
        if self.change(manifest.path.clone()).is_credential() {
            return Err("its name says that it may be a credential, which is written into no file".into());
        }
        if ![&self.from, &self.to].into_iter().flatten().all(is_writable) {
            // What is rendered is no file that anybody has.
            let values = (self.from.as_ref(), self.to.as_ref());
            let by_hand = match tree.place_beside(environment, manifest, &self.field, values) {
                Ok(span) => format!("it by hand at {span}"),
                Err(why) if manifest.rendered => {
                    format!("by hand what {} is rendered from; no line to point to: {why}", manifest.path)
                }
                Err(_) => format!("it by hand at {}", manifest.path),
            };
            return Err(format!("it is more than a single value: change {by_hand}"));
        }
        if manifest.rendered && self.to.is_none() {
            return Err(format!(
                "nothing takes a rendered field out: change by hand what {} is rendered from",
                manifest.path
            ));
        }
        if manifest.rendered && self.from.is_none() {
            return Err(format!("no line makes it yet: add it by hand to what {} is rendered from", manifest.path));
        }
        edit_of(tree, environment, manifest, &self.field, (self.from.clone(), self.to.clone()))
    }
}

impl ActionType for Adopt {
    const NAME: &'static str = "adopt";
    const ABOUT: &'static str = "Take values of the cluster into Git, instead of bringing it back, by pull request";
    const OPERATION: Operation = Operation::Adopt;

    fn blueprint(&self) -> &Name {
        &self.blueprint
    }

    fn workload(&self) -> &ObjectRef {
        &self.workload
    }

    fn fields(&self) -> Vec<FieldPath> {
        let own = self.fields.iter().filter(|adopted| adopted.object == self.workload);
        own.map(|adopted| adopted.field.clone()).collect()
    }

    fn lower(&self, tree: &Catalog, environment: &Name) -> Result<Vec<Effect>, String> {
        let mut effects = Vec::new();
        let mut plain: BTreeMap<&RepoPath, (&Manifest, Vec<Edit>)> = BTreeMap::new();
        for adopted in &self.fields {
            let (_, manifest) = tree.declaration(environment, &self.blueprint, &adopted.object)?;
            let named = |why: &dyn std::fmt::Display| shown(&format!("{} of {}: {why}", adopted.field, adopted.object));
            let effect = adopted.edit(tree, environment, manifest).map_err(|why| named(&why))?;
            if !manifest.rendered {
                let document = &manifest.document;
                let edit =
                    edit(document.index, document.in_file(&adopted.field), adopted.from.as_ref(), adopted.to.as_ref());
                let (_, edits) = plain.entry(&manifest.path).or_insert((manifest, Vec::new()));
                edits.extend(edit);
                // Whether it can be written in place is known before anybody is asked.
                let source = &document.source;
                yaml::apply(&source.name, source.text.as_bytes(), edits).map_err(|refused| named(&refused))?;
            }
            effects.push(effect);
        }
        Ok(effects)
    }
}

/// Names of fields come from files and from the cluster: they are shown as text from outside.
fn shown(what: &str) -> String {
    terminal(&Untrusted::new(what))
}
