//! Governance rules shared by blueprints (B2): of two rules the stricter wins.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BlueprintVersion, Operation, Tier, TierName};
use crate::model::{Name, Percent, Period, Timestamp};

/// The file's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PolicyKind {
    /// A policy.
    Policy,
}

/// Governance rules for all blueprints that it matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// `bpctl.dev/v1`.
    #[serde(rename = "apiVersion")]
    pub api_version: BlueprintVersion,
    /// `Policy`.
    pub kind: PolicyKind,
    /// Name, version, owner.
    pub metadata: PolicyMetadata,
    /// Which blueprints, in which environments. Left out: all.
    #[serde(default, rename = "match")]
    pub applies_to: PolicyMatch,
    /// Operations by name, with their tier.
    #[serde(default)]
    pub operations: BTreeMap<Operation, Tier>,
    /// Numbers.
    #[serde(default)]
    pub limits: Limits,
    /// Times in which nothing is changed (X11).
    #[serde(default)]
    pub freezes: Vec<Freeze>,
}

/// Who and which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyMetadata {
    /// Unique among the repository's policies.
    pub name: Name,
    /// Semantic version.
    pub version: semver::Version,
    /// The team that answers for it.
    pub owner: String,
    /// One line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Which blueprints a policy speaks about. Each list that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyMatch {
    /// Environments of these tiers. Empty: all.
    #[serde(default)]
    pub tiers: Vec<TierName>,
    /// Blueprints of these owners; `*` is any.
    #[serde(default)]
    pub owners: Vec<String>,
    /// Blueprints of these names.
    #[serde(default)]
    pub blueprints: Vec<Name>,
}

impl PolicyMatch {
    /// Whether a blueprint of this name and owner is meant, in an environment of this tier.
    pub fn matches(&self, tier: TierName, owner: &str, blueprint: &Name) -> bool {
        (self.tiers.is_empty() || self.tiers.contains(&tier))
            && (self.owners.is_empty() || self.owners.iter().any(|o| o == "*" || o == owner))
            && (self.blueprints.is_empty() || self.blueprints.contains(blueprint))
    }
}

/// Numbers that rules use. Of two the stricter wins: smaller steps, longer cooldown, shorter time-out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Largest autonomous change of a request (B7); 10 % where no policy says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resize_step: Option<Percent>,
    /// Up to this far off, a request goes one step; further off the whole way is proposed, with approval. 30 % where no policy says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resize_reach: Option<Percent>,
    /// Largest sum of autonomous changes within the history that is looked at; 25 % where no policy says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resize_sum: Option<Percent>,
    /// Failed operations in a row that stop everything (B11).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<u32>,
    /// A field that was changed and changed back within this time is a person's to change again; 24h where no policy says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversal: Option<Period>,
    /// Pause between operations on one workload; at least 60s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cooldown: Option<Period>,
    /// Verified successes in a row after which `bpctl suggest` would allow an operation (X12); 10 where no policy says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earned_after: Option<u32>,
    /// After this without an answer a proposal is rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_timeout: Option<Period>,
}

/// A time in which nothing is changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// For messages.
    pub name: Name,
    /// Begin.
    #[serde(deserialize_with = "super::moment::read")]
    pub from: Timestamp,
    /// End.
    #[serde(deserialize_with = "super::moment::read")]
    pub to: Timestamp,
    /// Operations that go on.
    #[serde(default)]
    pub except: Vec<Operation>,
}
