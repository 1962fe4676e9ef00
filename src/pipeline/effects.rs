//! The one interface through which bpctl changes the world: call recording, dry-run and a fail point at each call.
//!
//! Only `apply`, `approve`, `judge --post` and their like are handed it; a planner is not.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use bpctl_core::govern::{ApplyPermit, MergePermit, PullJudgement, RestartPermit, VERDICT_CHECK, Withheld};
use bpctl_core::model::{Name, Untrusted};
use bpctl_core::observe::CheckConclusion;
use bpctl_core::render::marks::Marks;

use super::PipelineError;
use crate::cluster::{Applied, ClusterWrite};
use crate::forge::{Answer, BranchName, Created, ForgeWrite, Landed, NewPull, OwnComment, Swapped};
use crate::runtime::{FailPoint, Moment};
use crate::webhook::Webhook;

/// The closed list of calls. Each has a fail point before and after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// A proposal's branch is made: the lock.
    CreateBranch,
    /// A proposal's branch is moved.
    UpdateBranch,
    /// A landed proposal's branch is deleted.
    DeleteBranch,
    /// A pull request is opened.
    OpenPull,
    /// A pull request gets its labels.
    LabelPull,
    /// A pull request's title and body are replaced.
    UpdatePull,
    /// A pull request that nobody approved in time is closed.
    ClosePull,
    /// A comment is written.
    PostComment,
    /// A comment's text is replaced.
    EditComment,
    /// A comment is deleted.
    RemoveComment,
    /// A check is written.
    SetCheck,
    /// A pull request is merged.
    MergePull,
    /// A forge that merges a pull request by itself is told not to.
    DisarmPull,
    /// An object is applied to the cluster.
    ApplyObject,
    /// A workload's pods are replaced.
    RestartPods,
    /// Entries are appended to the ledger.
    AppendLedger,
    /// A person's answer is recorded (local forge).
    AnswerPull,
    /// An issue is opened: people are alerted.
    OpenIssue,
    /// An issue says what is true now, or is closed.
    UpdateIssue,
    /// A message is sent to a chat.
    SendWebhook,
}

impl Call {
    /// All calls.
    pub const ALL: [Self; 20] = [
        Self::CreateBranch,
        Self::UpdateBranch,
        Self::DeleteBranch,
        Self::OpenPull,
        Self::LabelPull,
        Self::UpdatePull,
        Self::ClosePull,
        Self::PostComment,
        Self::EditComment,
        Self::RemoveComment,
        Self::SetCheck,
        Self::MergePull,
        Self::DisarmPull,
        Self::ApplyObject,
        Self::RestartPods,
        Self::AppendLedger,
        Self::AnswerPull,
        Self::OpenIssue,
        Self::UpdateIssue,
        Self::SendWebhook,
    ];

    /// Name in fail points and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::CreateBranch => "create-branch",
            Self::UpdateBranch => "update-branch",
            Self::DeleteBranch => "delete-branch",
            Self::OpenPull => "open-pull",
            Self::LabelPull => "label-pull",
            Self::UpdatePull => "update-pull",
            Self::ClosePull => "close-pull",
            Self::PostComment => "post-comment",
            Self::EditComment => "edit-comment",
            Self::RemoveComment => "remove-comment",
            Self::SetCheck => "set-check",
            Self::MergePull => "merge-pull",
            Self::DisarmPull => "disarm-pull",
            Self::ApplyObject => "apply-object",
            Self::RestartPods => "restart-pods",
            Self::AppendLedger => "append-ledger",
            Self::AnswerPull => "answer-pull",
            Self::OpenIssue => "open-issue",
            Self::UpdateIssue => "update-issue",
            Self::SendWebhook => "send-webhook",
        }
    }
}

/// One call that was made, or would have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// Which.
    pub call: Call,
    /// On what.
    pub target: String,
}

/// The interface.
pub struct Effects<'a> {
    forge: &'a dyn ForgeWrite,
    cluster: Option<&'a dyn ClusterWrite>,
    dry_run: bool,
    fail_point: FailPoint,
    calls: Mutex<Vec<CallRecord>>,
    /// Pull requests that were permitted by what this run has seen: what the forge merges by itself stays so for these alone.
    permitted: Mutex<BTreeSet<u64>>,
}

impl std::fmt::Debug for Effects<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Effects").field("dry_run", &self.dry_run).finish_non_exhaustive()
    }
}

impl<'a> Effects<'a> {
    /// Opens the interface. With `dry_run` calls are recorded and not made.
    pub fn new(forge: &'a dyn ForgeWrite, cluster: Option<&'a dyn ClusterWrite>, dry_run: bool) -> Self {
        Self {
            forge,
            cluster,
            dry_run,
            fail_point: FailPoint::from_environment(),
            calls: Mutex::default(),
            permitted: Mutex::default(),
        }
    }

    /// Whether calls are only recorded.
    pub fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<CallRecord> {
        self.calls.lock().map(|calls| calls.clone()).unwrap_or_default()
    }

    /// Makes a proposal's branch. In a dry run it is said to be made.
    pub async fn create_branch(&self, branch: &BranchName, commit: &str) -> Result<Created, PipelineError> {
        // A dry run looks where the branch is, as the write would find it: what stands open is not proposed again.
        let there = if self.is_dry_run() { self.forge.branch(branch).await? } else { None };
        let would = there.map_or(Created::Created, Created::Exists);
        let real = async { Ok(self.forge.create_branch(branch, commit).await?) };
        self.call(Call::CreateBranch, branch.as_str(), would, real).await
    }

    /// Moves a proposal's branch.
    pub async fn update_branch(&self, branch: &BranchName, from: &str, to: &str) -> Result<Swapped, PipelineError> {
        let real = async { Ok(self.forge.update_branch(branch, from, to).await?) };
        self.call(Call::UpdateBranch, branch.as_str(), Swapped::Swapped, real).await
    }

    /// Deletes a landed proposal's branch.
    pub async fn delete_branch(&self, branch: &BranchName, at: &str) -> Result<Swapped, PipelineError> {
        let real = async { Ok(self.forge.delete_branch(branch, at).await?) };
        self.call(Call::DeleteBranch, branch.as_str(), Swapped::Swapped, real).await
    }

    /// Opens a pull request. In a dry run its number is 0.
    pub async fn open_pull(&self, pull: &NewPull) -> Result<u64, PipelineError> {
        let real = async { Ok(self.forge.open_pull(pull).await?) };
        self.call(Call::OpenPull, &pull.title, 0, real).await
    }

    /// Puts labels on a pull request that lacks them still, on a forge that does not take them as it is opened. Answers what that says where it
    /// refuses them.
    pub async fn label_pull(&self, number: u64, labels: &[String]) -> Result<Option<Untrusted>, PipelineError> {
        if !self.forge.labels_apart() {
            return Ok(None);
        }
        let real = async { Ok(self.forge.label_pull(number, labels).await?) };
        self.call(Call::LabelPull, &format!("#{number}"), None, real).await
    }

    /// Replaces a pull request's title and body.
    pub async fn update_pull(&self, number: u64, title: &str, body: &str) -> Result<(), PipelineError> {
        let real = async { Ok(self.forge.update_pull(number, title, body).await?) };
        self.call(Call::UpdatePull, &format!("#{number}"), (), real).await
    }

    /// Closes a pull request, with a comment that says why.
    pub async fn close_pull(&self, number: u64, comment: &str) -> Result<(), PipelineError> {
        let real = async { Ok(self.forge.close_pull(number, comment).await?) };
        self.call(Call::ClosePull, &format!("#{number}"), (), real).await
    }

    /// Writes a comment. In a dry run it has no id.
    pub async fn post_comment(&self, number: u64, body: &str) -> Result<OwnComment, PipelineError> {
        let real = async { Ok(self.forge.post_comment(number, body).await?) };
        let pretended = OwnComment { id: String::new(), body: body.into() };
        self.call(Call::PostComment, &format!("#{number}"), pretended, real).await
    }

    /// Replaces a comment's text.
    pub async fn edit_comment(&self, number: u64, id: &str, body: &str) -> Result<(), PipelineError> {
        let real = async { Ok(self.forge.edit_comment(number, id, body).await?) };
        self.call(Call::EditComment, &format!("#{number}"), (), real).await
    }

    /// Deletes a comment.
    pub async fn remove_comment(&self, number: u64, id: &str) -> Result<(), PipelineError> {
        let real = async { Ok(self.forge.remove_comment(number, id).await?) };
        self.call(Call::RemoveComment, &format!("#{number}"), (), real).await
    }

    /// Writes a check.
    pub async fn set_check(
        &self,
        commit: &str,
        name: &str,
        conclusion: CheckConclusion,
        summary: &str,
    ) -> Result<(), PipelineError> {
        let real = async { Ok(self.forge.set_check(commit, name, conclusion, summary).await?) };
        self.call(Call::SetCheck, name, (), real).await
    }

    /// Writes the verdict of a pull request as a check, with what stands beside its lines.
    pub async fn set_verdict(&self, judged: &PullJudgement, marks: &Marks) -> Result<(), PipelineError> {
        let PullJudgement { head, conclusion, summary, .. } = judged;
        let real = async { Ok(self.forge.set_marked_check(head, VERDICT_CHECK, *conclusion, summary, marks).await?) };
        self.call(Call::SetCheck, VERDICT_CHECK, (), real).await
    }

    /// Merges what the permit names.
    pub async fn merge(&self, permit: MergePermit, message: &str) -> Result<Landed, PipelineError> {
        let number = permit.pull();
        let real = async { Ok(self.forge.merge(permit, message).await?) };
        let landed = self.call(Call::MergePull, &format!("#{number}"), Landed::Moved, real).await?;
        // What moved is not what the permit names; of an answer that was lost nobody knows.
        if self.dry_run || landed != Landed::Moved {
            self.permitted.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
        }
        Ok(landed)
    }

    /// Sees that the forge does not merge by itself what may not be merged by the facts of now, whatever was lost: an approval, a fact, the time
    /// for it. Nothing is asked where the forge was not told to.
    pub async fn withhold(&self, withheld: Withheld) -> Result<(), PipelineError> {
        let number = withheld.pull();
        self.permitted.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
        if self.forge.is_armed(number) { self.disarm(number).await } else { Ok(()) }
    }

    /// The end of every pass over an environment, also of one that failed: what the forge merges by itself of its proposals, and this run did
    /// not permit anew, is taken back. So what nobody judged, because facts, rules or the pull request itself could not be read, is not left to
    /// the forge either: unknown never permits.
    pub async fn withhold_rest(&self, environment: &Name) -> Result<(), PipelineError> {
        for pull in self.forge.armed().await? {
            let permitted = self.permitted.lock().unwrap_or_else(PoisonError::into_inner).contains(&pull.number);
            if !permitted && BranchName::parse_proposal(environment, &pull.head_branch).is_some() {
                self.disarm(pull.number).await?;
            }
        }
        Ok(())
    }

    async fn disarm(&self, number: u64) -> Result<(), PipelineError> {
        let real = async { Ok(self.forge.disarm(number).await?) };
        self.call(Call::DisarmPull, &format!("#{number}"), (), real).await
    }

    /// Applies what the permit holds. `None`: a dry run.
    pub async fn apply_object(&self, permit: ApplyPermit) -> Result<Option<Applied>, PipelineError> {
        let target = format!("{} in {}", permit.object(), permit.object().namespace);
        let cluster =
            self.cluster.ok_or_else(|| PipelineError::told("no cluster was opened for writing", "this is a bug"))?;
        let real = async { Ok(Some(cluster.apply(permit, false).await?)) };
        self.call(Call::ApplyObject, &target, None, real).await
    }

    /// Restarts what the permit names. `None`: a dry run.
    pub async fn restart(&self, permit: RestartPermit) -> Result<Option<Applied>, PipelineError> {
        let target = format!("{} in {}", permit.object(), permit.object().namespace);
        let cluster =
            self.cluster.ok_or_else(|| PipelineError::told("no cluster was opened for writing", "this is a bug"))?;
        let real = async { Ok(Some(cluster.restart(permit).await?)) };
        self.call(Call::RestartPods, &target, None, real).await
    }

    /// Appends to the ledger: its branch is made or moved to a commit that holds more.
    pub async fn append_ledger(
        &self,
        branch: &BranchName,
        from: Option<&str>,
        to: &str,
    ) -> Result<Swapped, PipelineError> {
        let real = async {
            Ok(match from {
                Some(from) => self.forge.append(branch, from, to).await?,
                None => match self.forge.create_branch(branch, to).await? {
                    Created::Created => Swapped::Swapped,
                    Created::Exists(other) => Swapped::Moved(Some(other)),
                },
            })
        };
        self.call(Call::AppendLedger, branch.as_str(), Swapped::Swapped, real).await
    }

    /// Records a person's answer.
    pub async fn answer(&self, number: u64, head: &str, answer: Answer, why: &str) -> Result<(), PipelineError> {
        let real = async { Ok(self.forge.answer(number, head, answer, why).await?) };
        self.call(Call::AnswerPull, &format!("#{number}"), (), real).await
    }

    /// Opens an issue. In a dry run its number is 0.
    pub async fn open_issue(&self, title: &str, body: &str) -> Result<u64, PipelineError> {
        let real = async { Ok(self.forge.open_issue(title, body).await?) };
        self.call(Call::OpenIssue, title, 0, real).await
    }

    /// Says what is true now of what an issue is about, and whether it is open.
    pub async fn update_issue(&self, number: u64, title: &str, body: &str, open: bool) -> Result<(), PipelineError> {
        let real = async { Ok(self.forge.update_issue(number, title, body, open).await?) };
        self.call(Call::UpdateIssue, &format!("#{number}"), (), real).await
    }

    /// Sends a message to a chat. Where that is is a credential, and stands in no record.
    pub async fn send_webhook(&self, webhook: &Webhook, text: &str) -> Result<(), PipelineError> {
        let real = async { Ok(webhook.send(text).await?) };
        self.call(Call::SendWebhook, "the chat", (), real).await
    }

    /// The same where no forge can be had: that is what is told.
    pub async fn send_alone(webhook: &Webhook, text: &str) -> Result<(), PipelineError> {
        let fail_point = FailPoint::from_environment();
        fail_point.pass(Call::SendWebhook.name(), Moment::Before);
        webhook.send(text).await?;
        fail_point.pass(Call::SendWebhook.name(), Moment::After);
        Ok(())
    }

    async fn call<T>(
        &self,
        call: Call,
        target: &str,
        pretended: T,
        real: impl Future<Output = Result<T, PipelineError>>,
    ) -> Result<T, PipelineError> {
        if let Ok(mut calls) = self.calls.lock() {
            calls.push(CallRecord { call, target: target.into() });
        }
        if self.dry_run {
            return Ok(pretended);
        }
        self.fail_point.pass(call.name(), Moment::Before);
        let answer = real.await?;
        self.fail_point.pass(call.name(), Moment::After);
        Ok(answer)
    }
}
