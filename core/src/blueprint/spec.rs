//! The `spec` and `governance` of a blueprint (B1). Field names are the requirement's own.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Operation;
use crate::model::{Name, ObjectRef, Percent, Period, Quantity, RepoPath, WorkloadKind};
use crate::observe::{Level, Resource};

/// What a workload needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Which workload, and where its manifest is.
    pub target: Target,
    /// Bounds of CPU, memory and disk.
    #[serde(default)]
    pub resources: Resources,
    /// Service levels.
    #[serde(default)]
    pub performance: Performance,
    /// Replicas and when to change them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Scaling>,
    /// Restarts, health checks, rollback.
    #[serde(default)]
    pub reliability: Reliability,
    /// How new versions roll out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentSpec>,
    /// `ConfigMap` values that may change, and how far: `ConfigMap/NAME` → key → range.
    #[serde(default)]
    pub config: BTreeMap<String, BTreeMap<String, ConfigRange>>,
}

impl Spec {
    /// The time that usage of a resource is asked for over; `None`: nothing rests on it (B6, B7).
    pub fn window(&self, resource: Resource) -> Option<Period> {
        let scales = resource == Resource::Cpu && self.scaling.is_some();
        let asked = scales || self.resources.of(resource).is_some();
        asked.then(|| self.any_window())
    }

    /// The time that a service level is asked for over; `None`: the blueprint promises none that rests on it (B1).
    pub fn level_window(&self, level: Level) -> Option<Period> {
        let Performance { latency_p95, throughput, availability, error_rate } = &self.performance;
        let failing = availability.is_some() || error_rate.is_some();
        let asked = match level {
            Level::Latency => latency_p95.is_some(),
            Level::Errors => failing,
            Level::Requests => failing || throughput.is_some(),
        };
        asked.then(|| self.any_window())
    }

    fn any_window(&self) -> Period {
        self.scaling.as_ref().map_or_else(default_window, |scaling| scaling.window)
    }
}

/// Which workload, and where its manifest is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// `Deployment/NAME`, `StatefulSet/NAME` or `DaemonSet/NAME`.
    pub workload: WorkloadRef,
    /// The workload's namespace.
    pub namespace: Name,
    /// The file or folder of the repository that declares it.
    pub source: RepoPath,
    /// Further objects of the source that belong to the workload, `KIND/NAME`: custom resources, an Ingress. Those that its manifest
    /// points to, or that point to it, are found by themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub companions: Vec<super::CompanionRef>,
    /// The environments that have the workload; left out: all of the workspace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<Name>,
}

impl Target {
    /// The Kubernetes object.
    pub fn object(&self) -> ObjectRef {
        ObjectRef::workload(self.workload.kind, self.namespace.as_str(), self.workload.name.clone())
    }
}

/// `Deployment/NAME`, `StatefulSet/NAME` or `DaemonSet/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct WorkloadRef {
    /// The object's kind.
    pub kind: WorkloadKind,
    /// The object's name.
    pub name: String,
}

impl Serialize for WorkloadRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}/{}", self.kind, self.name))
    }
}

impl<'de> Deserialize<'de> for WorkloadRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let text = String::deserialize(deserializer)?;
        let not_one =
            |why: &str| D::Error::custom(format!("{why}: write Deployment/NAME, StatefulSet/NAME or DaemonSet/NAME"));
        let (kind, name) = text.split_once('/').ok_or_else(|| not_one(&format!("`{text}` is not a workload")))?;
        let kind = WorkloadKind::of_kind(kind)
            .ok_or_else(|| not_one(&format!("`{kind}` is not a kind of workload that bpctl governs")))?;
        if !is_object_name(name) {
            return Err(not_one(&format!("`{name}` is not a name that Kubernetes takes")));
        }
        Ok(Self { kind, name: name.into() })
    }
}

/// Kubernetes' rule for object names: a DNS subdomain.
pub(crate) fn is_object_name(name: &str) -> bool {
    (1..=253).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
        && !name.starts_with(['-', '.'])
        && !name.ends_with(['-', '.'])
}

/// Bounds of the workload's resources, per pod; of one container where that is named.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// The container that bounds and right-sizing are about, where pods have several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Name>,
    /// CPU in cores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<ResourceBounds>,
    /// Memory in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<ResourceBounds>,
    /// Disk in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<ResourceBounds>,
}

impl Resources {
    /// The bounds of a resource that pods are right-sized in.
    pub fn of(&self, resource: Resource) -> Option<&ResourceBounds> {
        match resource {
            Resource::Cpu => self.cpu.as_ref(),
            Resource::Memory => self.memory.as_ref(),
        }
    }
}

/// Bounds of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResourceBounds {
    /// Never request less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Quantity>,
    /// Never request more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<Quantity>,
    /// Usage that a request should be sized for, as a share of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_utilization: Option<Percent>,
    /// The limit as a share of the request: it moves with it. Left out: a limit stays, unless it equals the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_ratio: Option<Percent>,
}

/// Service levels.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Performance {
    /// 95 % of requests are answered within this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_p95: Option<Period>,
    /// Requests per time that it has to carry, `100/s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput: Option<String>,
    /// Share of requests that it has to answer without an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<Percent>,
    /// Share of requests that may fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_rate: Option<Percent>,
}

impl Performance {
    /// `100/s`, `20/m`, `5/h` as a number of requests and the seconds that they are in.
    pub fn rate(text: &str) -> Option<(i128, i128)> {
        let (number, unit) = text.split_once('/')?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return None,
        };
        let whole = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        number.parse().ok().filter(|_| whole).map(|number| (number, seconds))
    }
}

/// Replicas and when to change them (B6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    /// Never fewer, unless a person approves.
    pub min_replicas: u32,
    /// Never more, unless a person approves.
    pub max_replicas: u32,
    /// CPU utilization (usage ÷ request over ready pods) above which one replica is added.
    #[serde(default = "default_scale_up")]
    pub scale_up_threshold: Percent,
    /// CPU utilization below which one replica is removed. Left out: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down_threshold: Option<Percent>,
    /// The time that utilization is the mean of.
    #[serde(default = "default_window")]
    pub window: Period,
    /// Pause after an operation on this workload; at least 60s (B11).
    #[serde(default = "default_cooldown")]
    pub cooldown: Period,
}

fn default_scale_up() -> Percent {
    Percent::whole(80)
}
fn default_window() -> Period {
    Period::from_secs(300)
}
fn default_cooldown() -> Period {
    Period::from_secs(60)
}

/// Restarts, health checks, rollback.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reliability {
    /// Restarts that bpctl does before it asks a person (B8).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_restart_count: Option<u32>,
    /// Probes that the manifest must have.
    #[serde(default)]
    pub health_checks: HealthChecks,
    /// What follows a failed verification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<RollbackSpec>,
}

/// Probes that the manifest must have.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthChecks {
    /// The readiness probe.
    #[serde(default)]
    pub readiness: Probe,
    /// The liveness probe.
    #[serde(default)]
    pub liveness: Probe,
}

/// Whether a probe must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// It must.
    Required,
    /// It may.
    #[default]
    Optional,
}

/// What follows a failed verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackSpec {
    /// Roll back.
    pub on_failed_verification: bool,
    /// Within this time of the failure.
    pub within: Period,
}

/// How new versions roll out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeploymentSpec {
    /// `RollingUpdate` or `Recreate`.
    pub strategy: String,
    /// Pods above the desired number during a rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_surge: Option<serde_json::Value>,
    /// Pods below the desired number during a rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<serde_json::Value>,
}

/// Values that a `ConfigMap` key may take (B9): one of a list, or whole numbers between bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigRange {
    /// Any of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<String>>,
    /// At least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    /// At most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
}

/// Who may change what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Governance {
    /// Operations by tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_authority: Option<AgentAuthority>,
    /// Who approves, and how long is waited (B10).
    #[serde(default)]
    pub approval_workflow: ApprovalWorkflow,
    /// What is written down.
    #[serde(default)]
    pub audit: Audit,
}

/// Operations by tier. Where it stands, an operation in none of the lists needs approval.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentAuthority {
    /// bpctl may do these.
    #[serde(default)]
    pub allowed_operations: Vec<Operation>,
    /// A person has to approve these.
    #[serde(default)]
    pub requires_approval: Vec<Operation>,
    /// Nobody may do these through bpctl.
    #[serde(default)]
    pub forbidden_operations: Vec<Operation>,
}

/// Who approves, and how long is waited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalWorkflow {
    /// People (logins; on the local forge principals of allowed signers). Empty: anybody with write access.
    #[serde(default)]
    pub approvers: Vec<String>,
    /// After this without an answer the proposal is rejected.
    #[serde(default = "default_timeout")]
    pub timeout: Period,
    /// How approvers hear of it; empty: in every way there is (B10).
    #[serde(default)]
    pub notifications: Vec<Notification>,
    /// Whether an approval has to say why.
    #[serde(default)]
    pub justification: Justification,
}

/// Whether an approval has to say why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Justification {
    /// It may.
    #[default]
    Optional,
    /// One without text does not count.
    Required,
}

impl Default for ApprovalWorkflow {
    fn default() -> Self {
        Self {
            approvers: Vec::new(),
            timeout: default_timeout(),
            notifications: Vec::new(),
            justification: Justification::default(),
        }
    }
}

fn default_timeout() -> Period {
    Period::from_secs(3600)
}

/// How approvers hear of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Notification {
    /// The forge asks them for a review.
    ReviewRequest,
    /// A message to the chat behind `BPCTL_ALERT_WEBHOOK`.
    Webhook,
}

impl ApprovalWorkflow {
    /// Whether approvers hear of it this way.
    pub fn notifies_by(&self, way: Notification) -> bool {
        self.notifications.is_empty() || self.notifications.contains(&way)
    }
}

/// What is written down (B12).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// Which decisions.
    #[serde(default = "default_logging")]
    pub logging: String,
    /// How long they stay queryable.
    #[serde(default = "default_retention")]
    pub retention: Period,
    /// The format.
    #[serde(default = "default_format")]
    pub format: String,
}

impl Default for Audit {
    fn default() -> Self {
        Self { logging: default_logging(), retention: default_retention(), format: default_format() }
    }
}

fn default_logging() -> String {
    "all".into()
}
fn default_retention() -> Period {
    Period::from_secs(90 * 86_400)
}
fn default_format() -> String {
    "json".into()
}
