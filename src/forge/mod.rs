//! Forges: where pull requests live. One concept, two halves: [`Forge`] reads, [`ForgeWrite`] writes.
//!
//! A planner is handed a `&dyn Forge` and so cannot write (B4). Every list arrives whole or is an error: a short list never
//! passes for a complete one (Z9). No write is repeated blindly: after an answer that was lost, the state is read first (Z3, Z8).

mod branch;
mod error;
pub mod gitea;
pub mod github;
mod http;
mod landed;
pub mod local;
mod moves;
pub mod offline;
#[cfg(test)]
pub(crate) mod testing;

use async_trait::async_trait;
use bpctl_core::govern::MergePermit;
use bpctl_core::model::{BaseTip, Period, RepoPath, Timestamp, Untrusted};
use bpctl_core::observe::{CheckConclusion, CheckRun, Identity, PullFacts, PullState};
use bpctl_core::render::marks::Marks;

pub use branch::BranchName;
pub use error::ForgeError;
use schemars::JsonSchema;
use serde::Serialize;

/// The forge's clock (its Date header), or the local one where a forge has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Now.
    pub now: Timestamp,
    /// Whether a server said so. A local clock never permits anything in production.
    pub from_server: bool,
}

/// One pull request in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullSummary {
    /// Its number.
    pub number: u64,
    /// Title.
    pub title: Untrusted,
    /// Who opened it.
    pub author: Identity,
    /// The branch it comes from, in this repository; `None` for a fork's.
    pub head_branch: Option<String>,
    /// The commit it proposes.
    pub head: String,
    /// Open, closed or merged.
    pub state: PullState,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// bpctl opened it with labels that it has not been given yet.
    pub unlabelled: bool,
}

/// Which pull requests to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullFilter {
    /// Those that are open.
    Open,
    /// All, newest first, back to this moment of their last update.
    UpdatedSince(Timestamp),
}

/// What was said of a change is remembered for so long: a pull request that nobody touched since counts no more.
pub const REMEMBERED: Period = Period::from_secs(90 * 86_400);

/// What a new pull request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPull {
    /// The branch that holds the change; it exists already.
    pub branch: BranchName,
    /// The newest pull request of the branch among those that the caller looked at, of all that are [`REMEMBERED`]. On the local forge, where
    /// looking and opening are one, a newer one that a person closed by now is [`ForgeError::Declined`]; a server may open it again within the
    /// time of one request.
    pub after: Option<u64>,
    /// Title, escaped for Markdown.
    pub title: String,
    /// Body, Markdown.
    pub body: String,
    /// Logins of people or teams to ask; an unknown one is skipped and said.
    pub reviewers: Vec<String>,
    /// Labels to put on it, once. Where they take a call of their own ([`Forge::labels_apart`]), it is opened with a note that they are due.
    pub labels: Vec<String>,
}

/// A comment that bpctl itself wrote on a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnComment {
    /// The forge's id of it.
    pub id: String,
    /// Its Markdown, as the forge keeps it. It was bpctl's own; who administers a repository may have edited it since.
    pub body: String,
}

/// An issue that bpctl itself opened, to alert people (R6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnIssue {
    /// Its number.
    pub number: u64,
    /// Whether it is open.
    pub open: bool,
    /// Its Markdown. It was bpctl's own; who may write to the repository may have edited it since.
    pub body: String,
}

/// Which issues to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueFilter {
    /// Those that are open.
    Open,
    /// Those that are closed, back to this moment of their last update.
    ClosedSince(Timestamp),
}

impl IssueFilter {
    /// The state to ask for, and the moment.
    fn asked(self) -> (&'static str, Option<String>) {
        match self {
            Self::Open => ("open", None),
            Self::ClosedSince(since) => ("closed", Some(format!("{since:.0}"))),
        }
    }
}

/// An open pull request that the forge merges by itself, because bpctl told it so: native auto-merge, a merge queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArmedPull {
    /// Its number.
    pub number: u64,
    /// The branch it comes from.
    pub head_branch: String,
}

/// What became of creating a branch. Creating the ref is the lock: exactly one of several runs gets `Created`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// This run made it.
    Created,
    /// It exists and points to this commit.
    Exists(String),
}

/// What became of a compare-and-swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swapped {
    /// It points to the new commit.
    Swapped,
    /// It points elsewhere (`None`: it is gone); nothing was changed.
    Moved(Option<String>),
}

/// What became of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Landed {
    /// It is merged, by this run or an earlier one.
    Merged {
        /// The commit on the base branch.
        commit: String,
        /// When, by the forge's clock.
        at: Timestamp,
        /// Whether the tree that landed is the permitted one (Z20).
        tree_as_permitted: bool,
    },
    /// The head or the base is no longer what the permit names: judge again (T23, T24).
    Moved,
    /// The forge's own protection refuses; its words.
    Held(Untrusted),
}

/// What `approve` and `reject` say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Approve,
    /// No: the pull request is closed.
    Reject,
}

/// Whether something that bpctl needs is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is.
    Fine,
    /// It is not, and bpctl does less for it.
    Limited,
    /// It is not, and bpctl cannot do its work.
    Broken,
}

/// One thing that was looked at, for `bpctl doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// How it is.
    pub state: State,
    /// What was found.
    pub told: String,
    /// What mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl Check {
    /// It is as it should be.
    pub fn fine(told: impl Into<String>) -> Self {
        Self { state: State::Fine, told: told.into(), mend: None }
    }

    /// bpctl does less without it.
    pub fn limited(told: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { state: State::Limited, told: told.into(), mend: Some(mend.into()) }
    }

    /// bpctl cannot do its work without it.
    pub fn broken(told: impl Into<String>, mend: Option<String>) -> Self {
        Self { state: State::Broken, told: told.into(), mend }
    }
}

/// The reading half. Objects that answers name (base tip, heads) are in the local repository when the call returns.
#[async_trait]
pub trait Forge: Send + Sync {
    /// `local`, `gitea`, `github`: for messages.
    fn kind(&self) -> &'static str;
    /// A page for people about this pull request, or a short name where there is no page.
    fn pull_url(&self, number: u64) -> String;
    /// The page that shows this line of a file as a commit has it; `None`: there is no such page.
    fn line_url(&self, commit: &str, path: &RepoPath, line: usize) -> Option<String>;
    /// The clock that verdicts go by.
    async fn clock(&self) -> Result<Clock, ForgeError>;
    /// Who bpctl is there.
    async fn identity(&self) -> Result<Identity, ForgeError>;
    /// The tip of the protected base branch, fetched.
    async fn base_tip(&self) -> Result<BaseTip, ForgeError>;
    /// The commit of a branch, fetched; `None`: no such branch.
    async fn branch(&self, branch: &BranchName) -> Result<Option<String>, ForgeError>;
    /// Pull requests, whole.
    async fn pulls(&self, filter: PullFilter) -> Result<Vec<PullSummary>, ForgeError>;
    /// All about one pull request, its head fetched; parts that did not arrive whole are unknown in it.
    async fn pull(&self, number: u64) -> Result<PullFacts, ForgeError>;
    /// Every open pull request that this forge merges by itself because bpctl told it so, whichever branch it goes to by now. Whole or an error
    /// (Z9). Where bpctl tells no forge that, there is none.
    async fn armed(&self) -> Result<Vec<ArmedPull>, ForgeError> {
        Ok(Vec::new())
    }
    /// Whether that was so of one pull request when [`Self::pull`] or [`Self::armed`] read it last.
    fn is_armed(&self, _number: u64) -> bool {
        false
    }
    /// Whether a person may merge a pull request here by a rebase, which may give another tree than a merge (X2).
    async fn rebases(&self) -> Result<bool, ForgeError> {
        Ok(false)
    }
    /// Whether a person may merge so that each commit comes to stand on the base branch's own line, by a rebase or by moving the branch on: then what
    /// a commit in the middle has looks like what once stood there (T32).
    async fn keeps_each_commit(&self) -> Result<bool, ForgeError> {
        self.rebases().await
    }
    /// Whether a check that bpctl writes there may mark lines of files.
    fn shows_marks(&self) -> bool {
        false
    }
    /// Whether labels take a call of their own after a pull request was opened: [`ForgeWrite::label_pull`].
    fn labels_apart(&self) -> bool {
        false
    }
    /// Which of these labels are not there, for `bpctl doctor`; `None`: the forge makes them as they are used, or keeps none.
    async fn missing_labels(&self, _wanted: &[String]) -> Result<Option<Vec<String>>, ForgeError> {
        Ok(None)
    }
    /// All checks on a commit.
    async fn checks(&self, commit: &str) -> Result<Vec<CheckRun>, ForgeError>;
    /// What this forge lets bpctl do here and what it keeps from it, for `bpctl doctor`. What cannot be asked is an error.
    async fn abilities(&self) -> Result<Vec<Check>, ForgeError>;
    /// Comments on a pull request by bpctl's own account whose text begins with the marker, oldest first, of all pages (Z9). Whose they are
    /// is told by the account's id: anybody can write a marker (T9).
    async fn comments(&self, number: u64, marker: &str) -> Result<Vec<OwnComment>, ForgeError>;
    /// The page of an issue; `None`: this forge keeps none.
    fn issue_url(&self, number: u64) -> Option<String>;
    /// Issues that bpctl's own account opened and whose text begins with the marker, oldest first, of all pages (Z9). Whose they are is told by
    /// the account's id: anybody can write a marker (T9).
    async fn issues(&self, which: IssueFilter, marker: &str) -> Result<Vec<OwnIssue>, ForgeError>;
}

/// The writing half. Only the effects interface calls it.
#[async_trait]
pub trait ForgeWrite: Forge {
    /// Makes a branch at a commit of the local repository, unless it exists.
    async fn create_branch(&self, branch: &BranchName, commit: &str) -> Result<Created, ForgeError>;
    /// Moves a branch from one commit to another, unless it moved meanwhile.
    async fn update_branch(&self, branch: &BranchName, from: &str, to: &str) -> Result<Swapped, ForgeError>;
    /// Moves a branch on by one commit, unless it moved meanwhile. A forge may make the commit itself of what it changes, with the same parent and
    /// message, and sign it: then its id is another.
    async fn append(&self, branch: &BranchName, from: &str, to: &str) -> Result<Swapped, ForgeError> {
        self.update_branch(branch, from, to).await
    }
    /// Deletes a branch that points to this commit.
    async fn delete_branch(&self, branch: &BranchName, at: &str) -> Result<Swapped, ForgeError>;
    /// Opens a pull request; where one is open for the branch already, answers that one's number.
    async fn open_pull(&self, pull: &NewPull) -> Result<u64, ForgeError>;
    /// Puts labels on a pull request of bpctl's own that is noted to lack them, and takes the note away; without the note it does nothing: what
    /// a person took off is not put on again. Answers what the forge said where it refuses them.
    async fn label_pull(&self, _number: u64, _labels: &[String]) -> Result<Option<Untrusted>, ForgeError> {
        Ok(None)
    }
    /// Replaces title and body.
    async fn update_pull(&self, number: u64, title: &str, body: &str) -> Result<(), ForgeError>;
    /// Closes without merging, and says why, once.
    async fn close_pull(&self, number: u64, comment: &str) -> Result<(), ForgeError>;
    /// Writes a comment on a pull request.
    async fn post_comment(&self, number: u64, body: &str) -> Result<OwnComment, ForgeError>;
    /// Replaces the text of a comment.
    async fn edit_comment(&self, number: u64, id: &str, body: &str) -> Result<(), ForgeError>;
    /// Deletes a comment; one that is gone already is no error.
    async fn remove_comment(&self, number: u64, id: &str) -> Result<(), ForgeError>;
    /// Opens an issue; answers its number.
    async fn open_issue(&self, title: &str, body: &str) -> Result<u64, ForgeError>;
    /// Replaces an issue's title and text, and says whether it is open.
    async fn update_issue(&self, number: u64, title: &str, body: &str, open: bool) -> Result<(), ForgeError>;
    /// Writes a check (commit status) on a commit.
    async fn set_check(
        &self,
        commit: &str,
        name: &str,
        conclusion: CheckConclusion,
        summary: &str,
    ) -> Result<(), ForgeError>;
    /// The same with marks beside lines of the commit's files; a forge that shows none leaves them out.
    async fn set_marked_check(
        &self,
        commit: &str,
        name: &str,
        conclusion: CheckConclusion,
        summary: &str,
        _marks: &Marks,
    ) -> Result<(), ForgeError> {
        self.set_check(commit, name, conclusion, summary).await
    }
    /// Takes back that the forge merges this pull request by itself; one that it does not merge so is no error.
    async fn disarm(&self, _number: u64) -> Result<(), ForgeError> {
        Ok(())
    }
    /// Merges exactly what the permit names.
    async fn merge(&self, permit: MergePermit, message: &str) -> Result<Landed, ForgeError>;
    /// Records a person's answer, signed (local forge). Other forges refuse: there the review is made on the forge's own page.
    async fn answer(&self, number: u64, head: &str, answer: Answer, justification: &str) -> Result<(), ForgeError>;
}
