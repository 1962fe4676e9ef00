//! `bpctl.yaml` at the repository's root: environments, the forge, limits.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BlueprintVersion;
use crate::model::{Name, Period, RepoPath};

/// The file's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WorkspaceKind {
    /// A workspace.
    Workspace,
}

/// The workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Workspace {
    /// `bpctl.dev/v1`.
    #[serde(rename = "apiVersion")]
    pub api_version: BlueprintVersion,
    /// `Workspace`.
    pub kind: WorkspaceKind,
    /// The folder that holds blueprints, policies and the like.
    #[serde(default = "default_blueprints")]
    pub blueprints: RepoPath,
    /// The protected branch that rules are read from and changes are merged into.
    #[serde(default = "default_base", deserialize_with = "branch_name")]
    pub base: String,
    /// Where pull requests live.
    #[serde(default)]
    pub forge: ForgeKind,
    /// Settings of the local forge.
    #[serde(default)]
    pub local: LocalForge,
    /// Clusters and how changes reach them, by name.
    pub environments: BTreeMap<Name, Environment>,
    /// How changes are proposed.
    #[serde(default)]
    pub proposals: Proposals,
    /// How long what landed is watched (B16).
    #[serde(default)]
    pub verification: Verification,
}

fn default_base() -> String {
    "main".into()
}

/// A branch's short name, by the rules of `git check-ref-format`; never an option (T22).
fn branch_name<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    #[allow(clippy::case_sensitive_file_extension_comparisons, reason = "it is in lower case")]
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.to_ascii_lowercase().ends_with(".lock");
    let odd = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    let good = text.split('/').all(part)
        && !text.starts_with('-')
        && !text.starts_with("refs/")
        && !text.ends_with('.')
        && !text.contains("..")
        && !text.contains("@{")
        && !text.contains(odd);
    if good {
        Ok(text)
    } else {
        Err(serde::de::Error::custom(format!("{text:?} is not a branch's name, such as main")))
    }
}

// The literal is a valid path; a refusal here would be a bug that every test meets.
fn default_blueprints() -> RepoPath {
    #[expect(clippy::expect_used, reason = "a constant that a test reads")]
    RepoPath::new("blueprints").expect("`blueprints` is a path")
}

/// Where pull requests live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ForgeKind {
    /// By the remote `origin`: a Gitea server, else this repository itself.
    #[default]
    Auto,
    /// Gitea or Forgejo.
    Gitea,
    /// This repository: pull requests are refs.
    Local,
}

/// Settings of the local forge.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalForge {
    /// Keys whose approvals count, in the format of `git`'s `gpg.ssh.allowedSignersFile`. Read from the base branch only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_signers: Option<RepoPath>,
}

/// How dear an environment is. Policies match on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TierName {
    /// For trying things: unsigned local approvals count.
    Dev,
    /// Like production, without its users.
    #[serde(alias = "stage")]
    Staging,
    /// Production: never merged by a local clock.
    Prod,
}

impl std::fmt::Display for TierName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Dev => "dev",
            Self::Staging => "staging",
            Self::Prod => "prod",
        })
    }
}

/// One environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// How dear it is.
    pub tier: TierName,
    /// Its cluster.
    pub cluster: ClusterSource,
    /// Its Prometheus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<PrometheusSource>,
    /// Its Argo CD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argocd: Option<ArgoCd>,
    /// How merged changes reach the cluster.
    #[serde(default)]
    pub delivery: Delivery,
}

/// Where a cluster is: exactly one of the three.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClusterSource {
    /// A context of the kubeconfig.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The cluster that bpctl runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_cluster: Option<bool>,
    /// A folder of the repository that `bpctl snapshot` recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<RepoPath>,
}

/// Where Prometheus is, and what it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrometheusSource {
    /// Base URL. `BPCTL_PROMETHEUS_URL` replaces it.
    pub url: String,
    /// The time that `rate()` looks at; at least four scrape intervals.
    #[serde(default = "default_rate_interval")]
    pub rate_interval: Period,
}

fn default_rate_interval() -> Period {
    Period::from_secs(60)
}

/// Where Argo CD keeps its Applications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArgoCd {
    /// Its namespace.
    pub namespace: String,
}

/// How merged changes reach the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// A controller (Argo CD, Flux) brings them; bpctl never writes fields that Git declares.
    #[default]
    Gitops,
    /// bpctl applies them by server-side apply.
    Direct,
}

/// How changes are proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Proposals {
    /// What shares a pull request.
    #[serde(default)]
    pub group: Grouping,
    /// Open pull requests of bpctl at a time, per environment.
    #[serde(default = "default_limit")]
    pub limit: usize,
}

impl Default for Proposals {
    fn default() -> Self {
        Self { group: Grouping::default(), limit: default_limit() }
    }
}

fn default_limit() -> usize {
    10
}

/// What shares a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Grouping {
    /// One pull request per workload and kind of operation.
    #[default]
    Blueprint,
}

/// How long what landed is watched: the first two windows (B16).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// Within this the change is in the cluster without error.
    #[serde(default = "default_applied")]
    pub applied: Period,
    /// Within this the pods run and are ready.
    #[serde(default = "default_ready")]
    pub ready: Period,
    /// Within this of a restart the pods run, are ready and have not failed again (B15).
    #[serde(default = "default_recovered")]
    pub recovered: Period,
}

impl Default for Verification {
    fn default() -> Self {
        Self { applied: default_applied(), ready: default_ready(), recovered: default_recovered() }
    }
}

fn default_applied() -> Period {
    Period::from_secs(10)
}
fn default_ready() -> Period {
    Period::from_secs(60)
}
fn default_recovered() -> Period {
    Period::from_secs(30)
}
