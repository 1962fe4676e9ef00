//! Findings of lint that people decided to live with: reviewed data with a reason and an end, never a comment in the file itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BlueprintVersion;
use crate::model::{Name, RepoPath, Timestamp};

/// The file's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SuppressionKind {
    /// A suppression.
    Suppression,
}

/// Findings of one lint rule that are not shown, in one place, up to a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Suppression {
    /// `bpctl.dev/v1`.
    #[serde(rename = "apiVersion")]
    pub api_version: BlueprintVersion,
    /// `Suppression`.
    pub kind: SuppressionKind,
    /// Name and owner.
    pub metadata: SuppressionMetadata,
    /// What is not shown, where, why, and until when.
    pub spec: SuppressionSpec,
}

/// Who and which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SuppressionMetadata {
    /// Unique among the repository's suppressions.
    pub name: Name,
    /// The team that answers for it.
    pub owner: String,
}

/// What is not shown, where, why, and until when. One of `path` and `blueprint` has to be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SuppressionSpec {
    /// The lint rule's code.
    pub code: String,
    /// The file, or the folder of the files, in which its findings are not shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<RepoPath>,
    /// The blueprint in which they are not shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blueprint: Option<Name>,
    /// Why it is right to live with them.
    pub reason: String,
    /// From this moment on they are shown again.
    #[serde(deserialize_with = "super::moment::read")]
    pub expires: Timestamp,
}
