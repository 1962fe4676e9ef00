//! Gitea's JSON, as much of it as is read. Forgejo's is the same.

use bpctl_core::model::Timestamp;
use serde::Deserialize;

/// A user.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct User {
    pub(super) id: i64,
    pub(super) login: String,
    /// A made-up address where the user keeps the real one private.
    #[serde(default)]
    pub(super) email: String,
}

/// One side of a pull request.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Side {
    /// The branch's short name; empty for a pull request without a branch (`AGit`).
    pub(super) label: String,
    /// The branch's short name, or `refs/pull/N/head` where the branch is gone.
    #[serde(rename = "ref")]
    pub(super) name: String,
    /// The branch's commit now, even where the pull request was merged or closed before that.
    pub(super) sha: String,
    /// -1 where the repository is gone.
    pub(super) repo_id: i64,
}

/// A pull request.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Pull {
    pub(super) number: u64,
    pub(super) title: String,
    #[serde(default)]
    pub(super) body: String,
    pub(super) user: Option<User>,
    pub(super) state: String,
    #[serde(default)]
    pub(super) draft: bool,
    #[serde(default)]
    pub(super) merged: bool,
    pub(super) merged_at: Option<Timestamp>,
    pub(super) merged_by: Option<User>,
    pub(super) merge_commit_sha: Option<String>,
    pub(super) base: Side,
    pub(super) head: Side,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) closed_at: Option<Timestamp>,
}

/// A label.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Label {
    pub(super) id: i64,
    pub(super) name: String,
}

/// A review, or the request for one.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct PullReview {
    pub(super) id: i64,
    /// None for a request to a team.
    pub(super) user: Option<User>,
    pub(super) state: String,
    #[serde(default)]
    pub(super) body: String,
    #[serde(default)]
    pub(super) commit_id: String,
    #[serde(default)]
    pub(super) stale: bool,
    #[serde(default)]
    pub(super) official: bool,
    #[serde(default)]
    pub(super) dismissed: bool,
    /// When it was begun; it may have been unfinished for a while.
    pub(super) submitted_at: Timestamp,
    /// When it was submitted, or dismissed.
    pub(super) updated_at: Option<Timestamp>,
}

/// A commit status. Each POST adds one.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Status {
    pub(super) id: i64,
    /// `pending`, `success`, `error`, `failure`, `warning`, `skipped`.
    #[serde(rename = "status")]
    pub(super) state: String,
    #[serde(default)]
    pub(super) description: String,
    pub(super) context: String,
    /// None where the account is gone.
    pub(super) creator: Option<User>,
    pub(super) created_at: Timestamp,
}

/// A comment on a pull request.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Comment {
    pub(super) id: i64,
    /// None where the account is gone.
    pub(super) user: Option<User>,
    #[serde(default)]
    pub(super) body: String,
}

/// An issue.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Issue {
    pub(super) number: u64,
    /// None where the account is gone.
    pub(super) user: Option<User>,
    #[serde(default)]
    pub(super) body: String,
    pub(super) state: String,
}

/// An entry of a pull request's timeline.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Event {
    pub(super) id: i64,
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    pub(super) user: Option<User>,
    /// JSON in a `pull_push`.
    #[serde(default)]
    pub(super) body: String,
    pub(super) created_at: Timestamp,
}

/// The body of a `pull_push` event.
#[derive(Debug, Deserialize)]
pub(super) struct PushEvent {
    #[serde(default)]
    pub(super) is_force_push: bool,
    /// Oldest first; of a forced push: before and after.
    #[serde(default)]
    pub(super) commit_ids: Option<Vec<String>>,
}

/// An entry of the repository's activity feed.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Activity {
    pub(super) id: i64,
    pub(super) op_type: String,
    pub(super) act_user: Option<User>,
    #[serde(default)]
    pub(super) ref_name: String,
    /// JSON in a `commit_repo`.
    #[serde(default)]
    pub(super) content: String,
    pub(super) created: Timestamp,
}

/// The content of a `commit_repo` entry.
#[derive(Debug, Deserialize)]
pub(super) struct PushContent {
    #[serde(rename = "HeadCommit")]
    pub(super) head: Option<PushedCommit>,
}

/// A commit in a [`PushContent`].
#[derive(Debug, Deserialize)]
pub(super) struct PushedCommit {
    #[serde(rename = "Sha1")]
    pub(super) sha: String,
}

/// A commit of a pull request.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Commit {
    pub(super) sha: String,
    #[serde(rename = "commit")]
    pub(super) text: CommitText,
    /// The user whose address the commit gives.
    pub(super) author: Option<User>,
    pub(super) committer: Option<User>,
}

/// What a commit itself says.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CommitText {
    pub(super) author: Option<CommitPerson>,
    pub(super) committer: Option<CommitPerson>,
    #[serde(default)]
    pub(super) message: String,
}

/// Who a commit names.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CommitPerson {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) email: String,
}

/// A branch, with what its protection asks for; any reader may see that.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Branch {
    #[serde(default)]
    pub(super) protected: bool,
    #[serde(default)]
    pub(super) enable_status_check: bool,
    /// Glob patterns.
    #[serde(default)]
    pub(super) status_check_contexts: Option<Vec<String>>,
    /// The rule that applies; empty unless the caller administers the repository.
    #[serde(default)]
    pub(super) effective_branch_protection_name: String,
}

/// A protection rule, as much of it as its name does not tell.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Protection {
    #[serde(default)]
    pub(super) dismiss_stale_approvals: bool,
    #[serde(default)]
    pub(super) ignore_stale_approvals: bool,
    /// Some alone may merge.
    #[serde(default)]
    pub(super) enable_merge_whitelist: bool,
}

/// What somebody may do in the repository.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Permission {
    /// `none`, `read`, `write`, `admin`, `owner`.
    pub(super) permission: String,
    pub(super) user: Option<User>,
}

/// A search's answer.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Found {
    #[serde(default)]
    pub(super) data: Option<Vec<User>>,
}

/// The repository's settings.
#[derive(Debug, Clone, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "the server answers so")]
pub(super) struct RepositorySettings {
    #[serde(default)]
    pub(super) default_branch: String,
    #[serde(default)]
    pub(super) allow_merge_commits: bool,
    #[serde(default)]
    pub(super) allow_squash_merge: bool,
    /// Each commit anew; what a server does not tell it may allow.
    #[serde(default = "allowed")]
    pub(super) allow_rebase: bool,
    /// The same, and a merge commit.
    #[serde(default = "allowed")]
    pub(super) allow_rebase_explicit: bool,
    /// The branch is moved on, without a commit of the merge.
    #[serde(default = "allowed")]
    pub(super) allow_fast_forward_only_merge: bool,
    /// What the caller may do.
    #[serde(default)]
    pub(super) permissions: RepositoryPermissions,
}

fn allowed() -> bool {
    true
}

impl RepositorySettings {
    /// Whether a pull request may be merged commit by commit.
    pub(super) fn rebases(&self) -> bool {
        self.allow_rebase || self.allow_rebase_explicit
    }

    /// Whether each commit of a pull request may come to stand on the base branch.
    pub(super) fn keeps_each_commit(&self) -> bool {
        self.rebases() || self.allow_fast_forward_only_merge
    }
}

/// What the caller may do in the repository.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct RepositoryPermissions {
    #[serde(default)]
    pub(super) admin: bool,
    #[serde(default)]
    pub(super) push: bool,
}
