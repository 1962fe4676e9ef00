//! The closed vocabulary of effects: all that bpctl can ever do to a repository or a cluster.
//!
//! Effects are data. Carrying them out is the business of the binary's effects interface, which is not visible from this crate; it
//! makes no choices. A new variant here widens what bpctl can touch and is reviewed alone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::model::{FieldPath, ObjectRef, RepoPath, SourceSpan};

/// One effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "effect")]
pub enum Effect {
    /// Sets one field of one file, in place, or takes it out; it reaches the base branch through a pull request.
    SetField(SetField),
    /// Applies an object's manifest, as it stands on base, by server-side apply.
    ApplyObject(ApplyObject),
    /// Makes a workload's controller replace its pods, by one annotation of the pod template.
    RestartPods(RestartPods),
}

/// Sets one field of one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetField {
    /// The file.
    pub path: RepoPath,
    /// Which document of the file, from 0.
    pub document: usize,
    /// Which field.
    pub field: FieldPath,
    /// What stands there today; `None`: nothing.
    pub from: Option<Json>,
    /// What will stand there; `None`: nothing, the key goes.
    pub to: Option<Json>,
    /// Where it stands today: line and column for people. Not part of any hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Place>,
}

/// A line and column, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl From<&SourceSpan> for Place {
    fn from(span: &SourceSpan) -> Self {
        Self { line: span.line, column: span.column }
    }
}

/// Applies an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplyObject {
    /// Which object.
    pub object: ObjectRef,
    /// The live object that was looked at; `None`: there was none.
    pub uid: Option<String>,
    /// The file that declares it.
    pub path: RepoPath,
    /// Which document of the file, from 0.
    pub document: usize,
    /// With `spec.replicas` left to the autoscaler that owns them, whatever the file says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leave_replicas: bool,
}

/// Makes a workload's controller replace its pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestartPods {
    /// The workload.
    pub object: ObjectRef,
    /// The live object that was looked at.
    pub uid: String,
    /// Its generation then.
    pub generation: i64,
    /// The value that the annotation gets.
    pub request: String,
}
