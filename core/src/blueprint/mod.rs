//! What people write: blueprints, policies, the workspace (B1, B2), and how they are read and checked.

mod companion;
mod config;
pub mod derive;
mod document;
mod kinds;
mod kustomized;
mod limits;
pub mod lint;
mod load;
mod moment;
mod operation;
mod overrides;
mod pod;
mod policy;
mod sources;
mod spec;
mod suppression;
mod workspace;

pub use companion::{Companion, CompanionRef, Companions};
pub(crate) use companion::{acts_on, divides_by, read};
pub use config::is_credential;
pub use document::{Blueprint, BlueprintKind, BlueprintVersion, Metadata, Override};
pub use limits::{Limit, ResizeLimits};
pub use load::{
    Catalog, Located, Manifest, OwnFiles, WORKSPACE_FILE, is_manifest, is_yaml, load_workspace, parse_policy,
    workspace_problems,
};
pub(crate) use load::{declared_object, manifest};
pub use operation::{Operation, Tier};
pub(crate) use pod::config_names;
pub use pod::{containers, declared, quantity, quantity_of, replicas, sized_container};
pub use policy::{Freeze, Limits, Policy, PolicyKind, PolicyMatch, PolicyMetadata};
pub(crate) use spec::is_object_name;
pub use spec::{
    AgentAuthority, ApprovalWorkflow, Audit, ConfigRange, DeploymentSpec, Governance, HealthChecks, Justification,
    Notification, Performance, Probe, Reliability, ResourceBounds, Resources, RollbackSpec, Scaling, Spec, Target,
    WorkloadRef,
};
pub use suppression::{Suppression, SuppressionKind, SuppressionMetadata, SuppressionSpec};
pub use workspace::{
    Alerts, ArgoCd, ClusterSource, DEFAULT_BASE, Delivery, Environment, ForgeKind, Grouping, LevelQueries, LocalForge,
    PrometheusSource, Proposals, Render, Renderer, TierName, Verification, Workspace, WorkspaceKind,
};
