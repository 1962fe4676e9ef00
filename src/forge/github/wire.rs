//! GitHub's JSON, as much of it as is read.

use bpctl_core::model::Timestamp;
use serde::Deserialize;

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct User {
    pub(super) id: u64,
    pub(super) login: String,
    /// `User`, `Bot`, `Organization`, `Mannequin`.
    #[serde(rename = "type", default)]
    pub(super) kind: String,
}

/// The repository and its settings; those about merging are shown to whoever may push.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Repo {
    pub(super) default_branch: String,
    #[serde(default)]
    pub(super) allow_merge_commit: Option<bool>,
    #[serde(default)]
    pub(super) allow_squash_merge: Option<bool>,
    #[serde(default)]
    pub(super) allow_rebase_merge: Option<bool>,
    #[serde(default)]
    pub(super) allow_auto_merge: Option<bool>,
}

/// One side of a pull request.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Side {
    #[serde(rename = "ref")]
    pub(super) name: String,
    /// The head keeps its last commit after the pull request was merged or closed.
    pub(super) sha: String,
    /// None where the repository is gone.
    pub(super) repo: Option<RepoId>,
}

/// A repository's identity: names change hands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct RepoId {
    pub(super) id: u64,
}

/// A pull request, in a list or alone.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Pull {
    pub(super) number: u64,
    #[serde(default)]
    pub(super) node_id: String,
    pub(super) title: String,
    #[serde(default)]
    pub(super) body: Option<String>,
    pub(super) user: Option<User>,
    pub(super) state: String,
    #[serde(default)]
    pub(super) draft: bool,
    pub(super) merged_at: Option<Timestamp>,
    /// In no list.
    #[serde(default)]
    pub(super) merged_by: Option<User>,
    /// Of one that is open: a merge that was tried.
    pub(super) merge_commit_sha: Option<String>,
    pub(super) base: Side,
    pub(super) head: Side,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) closed_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) auto_merge: Option<AutoMerge>,
    #[serde(default)]
    pub(super) labels: Vec<Label>,
    #[serde(default)]
    pub(super) requested_reviewers: Vec<User>,
    #[serde(default)]
    pub(super) requested_teams: Vec<serde::de::IgnoredAny>,
}

/// A label.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Label {
    pub(super) name: String,
}

/// The forge merges by itself when its rules hold.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct AutoMerge {
    pub(super) enabled_by: Option<User>,
}

/// A review.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct PullReview {
    pub(super) id: u64,
    pub(super) user: Option<User>,
    /// `APPROVED`, `CHANGES_REQUESTED`, `COMMENTED`, `DISMISSED`, `PENDING`.
    pub(super) state: String,
    #[serde(default)]
    pub(super) body: Option<String>,
    /// None where the commit is gone.
    pub(super) commit_id: Option<String>,
    /// None while it is not submitted.
    pub(super) submitted_at: Option<Timestamp>,
}

/// A commit status. Each POST adds one.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Status {
    pub(super) id: u64,
    /// `error`, `failure`, `pending`, `success`.
    pub(super) state: String,
    pub(super) context: String,
    #[serde(default)]
    pub(super) description: Option<String>,
    pub(super) creator: Option<User>,
    pub(super) created_at: Timestamp,
}

/// A check run.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Run {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) head_sha: String,
    /// `queued`, `in_progress`, `completed`, and some that wait.
    pub(super) status: String,
    pub(super) conclusion: Option<String>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) completed_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) output: Output,
    pub(super) app: Option<App>,
}

/// What a check run shows.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Output {
    #[serde(default)]
    pub(super) title: Option<String>,
}

/// The app that wrote a check run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct App {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) slug: Option<String>,
}

/// A page of check runs.
#[derive(Debug, Deserialize)]
pub(super) struct Runs {
    pub(super) total_count: usize,
    pub(super) check_runs: Vec<Run>,
}

/// What moved a ref.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Activity {
    pub(super) after: String,
    #[serde(rename = "ref")]
    pub(super) name: String,
    pub(super) timestamp: Timestamp,
    pub(super) actor: Option<User>,
    #[serde(rename = "activity_type")]
    kind: String,
}

impl Activity {
    /// Whether the branch was made by it.
    pub(super) fn creates(&self) -> bool {
        self.kind == "branch_creation"
    }
}

/// What somebody may do in the repository.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Permission {
    /// `none`, `read`, `write`, `admin`: finer roles are told as the coarser one that they hold.
    pub(super) permission: String,
    pub(super) user: Option<User>,
}

/// An issue: every pull request is one.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Issue {
    pub(super) closed_by: Option<User>,
}

/// What happened to an issue.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Event {
    pub(super) id: u64,
    #[serde(rename = "event")]
    pub(super) kind: String,
    pub(super) created_at: Timestamp,
}

/// A comment on an issue.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Comment {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) body: Option<String>,
    pub(super) user: Option<User>,
    pub(super) created_at: Timestamp,
}

/// An issue in a list, or as it was opened.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct IssueItem {
    pub(super) number: u64,
    #[serde(default)]
    pub(super) body: Option<String>,
    pub(super) user: Option<User>,
    pub(super) state: String,
    /// There where it is a pull request.
    #[serde(default)]
    pub(super) pull_request: Option<serde::de::IgnoredAny>,
}

/// A branch, with what its classic protection requires; any reader may see that.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Branch {
    pub(super) commit: CommitId,
    #[serde(default)]
    pub(super) protection: Option<Classic>,
}

/// A commit's id.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CommitId {
    pub(super) sha: String,
}

/// Classic protection as a branch shows it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Classic {
    #[serde(default)]
    pub(super) required_status_checks: Option<ClassicChecks>,
}

/// The checks that classic protection asks for.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct ClassicChecks {
    /// Shown to readers of the protection itself only.
    #[serde(default)]
    pub(super) strict: Option<bool>,
    #[serde(default)]
    pub(super) contexts: Vec<String>,
    #[serde(default)]
    pub(super) checks: Vec<ClassicCheck>,
}

/// One of them.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ClassicCheck {
    pub(super) context: String,
    /// None, or -1: anybody's.
    #[serde(default)]
    pub(super) app_id: Option<i64>,
}

/// A rule of a ruleset that holds for a branch.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Rule {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) ruleset_id: Option<u64>,
    #[serde(default)]
    pub(super) parameters: Parameters,
}

/// What a rule asks for; each kind has its own.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Parameters {
    #[serde(default)]
    pub(super) required_status_checks: Vec<RuleCheck>,
    #[serde(default)]
    pub(super) strict_required_status_checks_policy: bool,
    #[serde(default)]
    pub(super) allowed_merge_methods: Option<Vec<String>>,
}

/// A check that a rule asks for.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RuleCheck {
    pub(super) context: String,
    #[serde(default)]
    pub(super) integration_id: Option<i64>,
}

/// A ruleset, as far as it says who need not keep it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Ruleset {
    /// `always`, `pull_requests_only`, `never`, `exempt`.
    #[serde(default)]
    pub(super) current_user_can_bypass: Option<String>,
}

/// Somebody, as GraphQL names them.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Actor {
    pub(super) login: String,
    pub(super) database_id: Option<u64>,
}

/// Who wrote a commit.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct GitActor {
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
    /// The account whose address it is.
    pub(super) user: Option<Actor>,
}

/// Somebody's name, as GraphQL has it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Login {
    pub(super) login: String,
}

/// A page of a list, as GraphQL has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Many<T> {
    #[serde(default)]
    pub(super) total_count: usize,
    pub(super) page_info: Option<PageInfo>,
    pub(super) nodes: Vec<T>,
}

/// Where a list goes on.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageInfo {
    pub(super) has_next_page: bool,
    pub(super) end_cursor: Option<String>,
}
