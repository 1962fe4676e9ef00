//! The blueprint: the contract of one workload.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Governance, Spec};
use crate::model::{Name, ObjectRef, Timestamp};

/// The version of the file's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BlueprintVersion {
    /// The only one so far.
    #[serde(rename = "bpctl.dev/v1")]
    V1,
}

/// The file's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BlueprintKind {
    /// A blueprint.
    Blueprint,
}

/// The contract of one workload: what it needs, its bounds, who may change what (B1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Blueprint {
    /// `bpctl.dev/v1`.
    #[serde(rename = "apiVersion")]
    pub api_version: BlueprintVersion,
    /// `Blueprint`.
    pub kind: BlueprintKind,
    /// Name, version, owner, description.
    pub metadata: Metadata,
    /// What the workload needs.
    pub spec: Spec,
    /// Who may change what.
    #[serde(default)]
    pub governance: Governance,
    /// What differs per environment: `spec` and `governance` fields that replace those above, field by field.
    #[serde(default)]
    pub environments: BTreeMap<Name, Override>,
}

impl Blueprint {
    /// Whether an environment has the workload.
    pub fn is_in(&self, environment: &Name) -> bool {
        let named = &self.spec.target.environments;
        named.is_empty() || named.contains(environment)
    }

    /// The workload as one environment has it: its namespace may be another there. That does not expire, so it needs no clock.
    pub fn object_in(&self, environment: &Name) -> ObjectRef {
        let object = self.spec.target.object();
        self.namespace_over(environment).map_or_else(|| object.clone(), |namespace| object.in_namespace(namespace))
    }

    /// The namespace that an environment's overrides give the target.
    pub fn namespace_over(&self, environment: &Name) -> Option<&str> {
        self.environments.get(environment)?.spec.get("target")?.get("namespace")?.as_str()
    }
}

/// Fields that replace the blueprint's own in one environment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Fields of `spec`.
    #[serde(default)]
    pub spec: serde_json::Map<String, serde_json::Value>,
    /// Fields of `governance`.
    #[serde(default)]
    pub governance: serde_json::Map<String, serde_json::Value>,
    /// From then on it has no effect (X11); left out: it stays.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::moment::read_optional")]
    pub expires: Option<Timestamp>,
}

/// Who and which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Unique among the repository's blueprints.
    pub name: Name,
    /// Semantic version (B3): major = breaking governance, minor = new policies or targets, patch = values.
    pub version: semver::Version,
    /// The team that answers for it.
    pub owner: String,
    /// One line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}
