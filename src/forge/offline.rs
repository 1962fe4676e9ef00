//! A forge that cannot be reached, for want of a token or of an answer: the base branch as last fetched, and nothing else. Enough to plan
//! by, never to write by.

use std::sync::Arc;

use async_trait::async_trait;
use bpctl_core::model::{BaseTip, RepoPath, Untrusted};
use bpctl_core::observe::{CheckRun, Identity, PullFacts};

use super::{BranchName, Check, Clock, Forge, ForgeError, IssueFilter, OwnComment, OwnIssue, PullFilter, PullSummary};
use crate::git::Repository;
use crate::runtime;

/// The reading half without a forge.
#[derive(Debug)]
pub struct OfflineForge {
    repository: Arc<Repository>,
    base: String,
    unanswered: Option<String>,
}

impl OfflineForge {
    /// Looks at this repository only. `unanswered`: why the forge does not answer; `None`: no token was given.
    pub fn new(repository: Arc<Repository>, base: String, unanswered: Option<String>) -> Self {
        Self { repository, base, unanswered }
    }

    /// Why the forge does not answer, where it was asked.
    pub fn unanswered(&self) -> Option<&str> {
        self.unanswered.as_deref()
    }

    fn unseen<T>(&self, attempt: &str) -> Result<T, ForgeError> {
        let why = self.unanswered.as_deref().unwrap_or("no token was given");
        let hint = self.unanswered.is_none().then(|| "set BPCTL_TOKEN".into());
        Err(ForgeError::Input { message: format!("couldn't {attempt}: {why}"), hint })
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

    fn line_url(&self, _: &str, _: &RepoPath, _: usize) -> Option<String> {
        None
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
        self.unseen(&format!("look at branch {branch}"))
    }

    async fn pulls(&self, _: PullFilter) -> Result<Vec<PullSummary>, ForgeError> {
        self.unseen("list pull requests")
    }

    async fn pull(&self, number: u64) -> Result<PullFacts, ForgeError> {
        self.unseen(&format!("look at pull request #{number}"))
    }

    async fn checks(&self, commit: &str) -> Result<Vec<CheckRun>, ForgeError> {
        self.unseen(&format!("list the checks of {commit}"))
    }

    async fn abilities(&self) -> Result<Vec<Check>, ForgeError> {
        let told = "no token was given: lint and plan work; nothing is proposed, judged, merged or delivered";
        Ok(vec![Check::limited(
            told,
            "set BPCTL_TOKEN to a token that can write this repository, its pull requests and statuses",
        )])
    }

    fn issue_url(&self, _: u64) -> Option<String> {
        None
    }

    async fn issues(&self, _: IssueFilter, _: &str) -> Result<Vec<OwnIssue>, ForgeError> {
        self.unseen("list issues")
    }

    async fn comments(&self, number: u64, _: &str) -> Result<Vec<OwnComment>, ForgeError> {
        self.unseen(&format!("list the comments on pull request #{number}"))
    }
}
