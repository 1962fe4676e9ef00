//! The closed vocabulary of operations that rules speak about, and the three tiers (B5).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that may be done to a workload; rules give each a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Change replicas within the blueprint's minimum and maximum.
    Scale,
    /// Change replicas beyond the minimum or maximum, or the bounds themselves.
    ScaleBeyondLimits,
    /// Set replicas to 0.
    ScaleToZero,
    /// Bring a drifted field of the cluster back to what Git declares.
    Reconcile,
    /// Restart pods.
    Restart,
    /// Change requests or limits within one step.
    Resize,
    /// Change requests or limits by more than a step.
    ResizeBeyondStep,
    /// Change `ConfigMap` values within declared ranges.
    Configure,
    /// Change a container's image.
    ChangeImage,
    /// Change the deployment strategy, surge or unavailable.
    ChangeStrategy,
    /// Change probes.
    ChangeProbes,
    /// Go back to an earlier revision.
    Rollback,
    /// Take a value of the cluster into Git.
    Adopt,
    /// Change anything else in a manifest that a blueprint governs.
    ChangeManifest,
    /// Change a blueprint, a policy, the workspace or the allowed signers.
    ChangeGovernance,
    /// Delete a workload, service or volume.
    Delete,
    /// Change a Secret.
    ChangeSecrets,
    /// Change a network policy.
    ChangeNetworkPolicy,
    /// Change roles or role bindings.
    ChangeRbac,
}

impl Operation {
    /// All operations, in the order of the docs.
    pub const ALL: [Self; 19] = [
        Self::Scale,
        Self::ScaleBeyondLimits,
        Self::ScaleToZero,
        Self::Reconcile,
        Self::Restart,
        Self::Resize,
        Self::ResizeBeyondStep,
        Self::Configure,
        Self::ChangeImage,
        Self::ChangeStrategy,
        Self::ChangeProbes,
        Self::Rollback,
        Self::Adopt,
        Self::ChangeManifest,
        Self::ChangeGovernance,
        Self::Delete,
        Self::ChangeSecrets,
        Self::ChangeNetworkPolicy,
        Self::ChangeRbac,
    ];

    /// The name that files use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scale => "scale",
            Self::ScaleBeyondLimits => "scale_beyond_limits",
            Self::ScaleToZero => "scale_to_zero",
            Self::Reconcile => "reconcile",
            Self::Restart => "restart",
            Self::Resize => "resize",
            Self::ResizeBeyondStep => "resize_beyond_step",
            Self::Configure => "configure",
            Self::ChangeImage => "change_image",
            Self::ChangeStrategy => "change_strategy",
            Self::ChangeProbes => "change_probes",
            Self::Rollback => "rollback",
            Self::Adopt => "adopt",
            Self::ChangeManifest => "change_manifest",
            Self::ChangeGovernance => "change_governance",
            Self::Delete => "delete",
            Self::ChangeSecrets => "change_secrets",
            Self::ChangeNetworkPolicy => "change_network_policy",
            Self::ChangeRbac => "change_rbac",
        }
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Who may do something. Ordered by strictness: of two the stricter, that is the greater, wins (B2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// bpctl may do it.
    Allowed,
    /// A person has to approve it.
    #[serde(alias = "needs_approval")]
    RequiresApproval,
    /// Nobody may do it through bpctl.
    Forbidden,
}

impl std::fmt::Display for Tier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Allowed => "allowed",
            Self::RequiresApproval => "needs approval",
            Self::Forbidden => "forbidden",
        })
    }
}
