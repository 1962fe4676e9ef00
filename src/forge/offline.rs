//! A forge that cannot be reached for want of a token: the base branch as last fetched, and nothing else. Enough to plan by, never
//! to write by.

use std::sync::Arc;

use async_trait::async_trait;
use bpctl_core::model::{BaseTip, Untrusted};
use bpctl_core::observe::{CheckRun, Identity, PullFacts};

use super::{BranchName, Clock, Forge, ForgeError, PullFilter, PullSummary};
use crate::git::Repository;
use crate::runtime;

/// The reading half without a token.
#[derive(Debug)]
pub struct OfflineForge {
    repository: Arc<Repository>,
    base: String,
}

impl OfflineForge {
    /// Looks at this repository only.
    pub fn new(repository: Arc<Repository>, base: String) -> Self {
        Self { repository, base }
    }

    fn unseen<T>(attempt: &str) -> Result<T, ForgeError> {
        Err(ForgeError::Input {
            message: format!("couldn't {attempt}: no token was given"),
            hint: Some("set BPCTL_TOKEN".into()),
        })
    }
}

#[async_trait]
impl Forge for OfflineForge {
    fn kind(&self) -> &'static str {
        "offline"
    }

    fn pull_url(&self, number: u64) -> String {
        format!("#{number}")
    }

    async fn clock(&self) -> Result<Clock, ForgeError> {
        Ok(Clock { now: runtime::now(), from_server: false })
    }

    async fn identity(&self) -> Result<Identity, ForgeError> {
        Ok(Identity { id: "bpctl".into(), login: Untrusted::new("bpctl"), bot: true })
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "an edge that resolves the base branch, as last fetched; it grants no permit"
    )]
    async fn base_tip(&self) -> Result<BaseTip, ForgeError> {
        let git = |source| ForgeError::Git { attempt: format!("find the branch {}", self.base), source };
        for full in [format!("refs/remotes/origin/{}", self.base), format!("refs/heads/{}", self.base)] {
            if let Some(commit) = self.repository.ref_target(&full).map_err(git)? {
                return Ok(BaseTip::attest(&self.base, commit));
            }
        }
        Err(ForgeError::Input {
            message: format!("there is no branch {}", self.base),
            hint: Some(format!("git fetch origin {}", self.base)),
        })
    }

    async fn branch(&self, branch: &BranchName) -> Result<Option<String>, ForgeError> {
        Self::unseen(&format!("look at branch {branch}"))
    }

    async fn pulls(&self, _: PullFilter) -> Result<Vec<PullSummary>, ForgeError> {
        Self::unseen("list pull requests")
    }

    async fn pull(&self, number: u64) -> Result<PullFacts, ForgeError> {
        Self::unseen(&format!("look at pull request #{number}"))
    }

    async fn checks(&self, commit: &str) -> Result<Vec<CheckRun>, ForgeError> {
        Self::unseen(&format!("list the checks of {commit}"))
    }
}
