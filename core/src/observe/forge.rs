//! What a forge records about pull requests: server records only, never trailers, comments or labels (DESIGN: facts).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use serde_json::Value as Json;

use super::Known;
use crate::blueprint::Operation;
use crate::model::{Digest, FieldPath, ObjectRef, Timestamp, Untrusted};

/// A person or a machine, by the forge's own numeric id (T6). On the local forge the id is the allowed signer's principal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// The forge's id, as text; two identities are the same person only if these are equal.
    pub id: String,
    /// The name to show.
    pub login: Untrusted,
    /// The forge says that this is a machine account.
    pub bot: bool,
}

/// Whether a pull request is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum PullState {
    /// Open.
    Open,
    /// Closed without a merge.
    Closed {
        /// When, by the forge's clock.
        at: Timestamp,
        /// Who closed it, where the forge tells.
        by: Option<Identity>,
    },
    /// Merged.
    Merged {
        /// When, by the forge's clock.
        at: Timestamp,
        /// The commit that landed on the base branch.
        commit: String,
        /// Who merged it, where the forge tells; no verdict reads it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Identity>,
    },
}

/// What a reviewer may do in the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rights {
    /// May not push.
    Read,
    /// May push.
    Write,
}

/// What a review says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReviewState {
    /// Yes.
    Approved,
    /// No.
    ChangesRequested,
    /// Only words.
    Commented,
    /// Withdrawn by somebody with the right to.
    Dismissed,
}

/// One review, as the forge records it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// Who.
    pub reviewer: Identity,
    /// What it says.
    pub state: ReviewState,
    /// The commit that was looked at.
    pub commit: String,
    /// When, by the forge's clock.
    pub at: Timestamp,
    /// The forge itself no longer counts it (stale after a push, where the forge is set up so).
    pub stale: bool,
    /// What the reviewer may do.
    pub rights: Known<Rights>,
    /// On the local forge: the signature was made by an allowed signer's key over this very commit. `None`: the forge vouches.
    pub signed: Option<bool>,
    /// The justification, in the reviewer's words (B10).
    pub body: Untrusted,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckConclusion {
    /// Not finished.
    Pending,
    /// Good.
    Success,
    /// Bad.
    Failure,
    /// Neither: skipped, cancelled, neutral.
    Neutral,
}

/// One check or commit status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckRun {
    /// Its name or context: `bpctl/verdict`.
    pub name: String,
    /// The commit it stands on.
    pub commit: String,
    /// How it ended.
    pub conclusion: CheckConclusion,
    /// Who wrote it.
    pub by: Identity,
    /// When, by the forge's clock.
    pub at: Timestamp,
    /// The line beside it.
    pub summary: Untrusted,
}

/// Everything that a judgement needs to know of one pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PullFacts {
    /// Its number.
    pub number: u64,
    /// Title.
    pub title: Untrusted,
    /// Who opened it.
    pub author: Identity,
    /// The branch it comes from; `None` when it comes from another repository (a fork).
    pub head_branch: Option<String>,
    /// The commit it proposes.
    pub head: String,
    /// The branch it goes to.
    pub base_branch: String,
    /// Open, closed or merged.
    pub state: PullState,
    /// When it was opened, by the forge's clock.
    pub opened_at: Timestamp,
    /// When it was opened, opened again or changed last, by the forge's clock; where the forge does not say, when it was opened.
    pub changed_at: Timestamp,
    /// A draft is never merged.
    pub draft: bool,
    /// Who pushed the head last.
    pub last_pusher: Known<Identity>,
    /// Everyone who wrote, co-wrote or pushed a commit of it, where the forge knows them.
    pub co_authors: Known<Vec<Identity>>,
    /// All reviews, oldest first.
    pub reviews: Known<Vec<Review>>,
    /// All checks on the head.
    pub checks: Known<Vec<CheckRun>>,
    /// What the forge's protection of the base branch requires by name, besides `bpctl/verdict`.
    pub required_checks: Known<Vec<String>>,
    /// For each reviewed commit: the hash of the changes it proposes against today's base, and whether no other path changed.
    #[serde(default)]
    pub changes_at: std::collections::BTreeMap<String, Known<Digest>>,
}

impl PullFacts {
    /// Who merged it, where that is another account than its author's, and the forge tells.
    pub fn merged_by_another(&self) -> Option<Identity> {
        match &self.state {
            PullState::Merged { by: Some(by), .. } if by.id != self.author.id => Some(by.clone()),
            _ => None,
        }
    }
}

/// One operation of the past, from merged pull requests and the checks on their merge commits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PastOperation {
    /// The pull request's number.
    pub pull: u64,
    /// What was done: `scale`.
    pub operation: String,
    /// When it was merged, by the forge's clock.
    pub merged_at: Timestamp,
    /// The commit that landed.
    pub commit: String,
    /// When bpctl last delivered the workload after the merge, by the cluster's clock; `None`: not since, or another one delivers (B13).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
    /// How its verification ended; `None` while that is open.
    pub outcome: Option<CheckConclusion>,
    /// The fields of the workload's manifest that it changed, as Git has them; `None`: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<PastChange>>,
    /// The `ConfigMap`s that the workload's pods read and that it changed as well (B17).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<PastConfig>,
    /// The commit of the base branch by which a person changed the blueprint after it, where that was looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset_by: Option<String>,
    /// The base branch does not hold the commit any more: somebody rewrote it (Z13). Looked for of a blueprint's newest operation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rewritten: bool,
    /// Somebody else opened the pull request, from a branch with a name as bpctl's own: anybody may (T9). It may hold what bpctl would do, and
    /// frees nothing; how it ended is not looked up (B11).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub foreign: bool,
}

impl PastOperation {
    /// Whether it changed nothing of the workload, as far as that is known.
    pub fn is_nothing(&self) -> bool {
        self.changes.as_ref().is_some_and(Vec::is_empty) && self.config.is_empty()
    }

    /// Whether it changed what its name says, for all that is known: else its success says nothing of what failed before (B11).
    pub fn is_what_it_says(&self) -> bool {
        let Some(changes) = &self.changes else { return false };
        let replicas = |change: &PastChange| change.field.is_keys(&["spec", "replicas"]);
        match &self.operation {
            name if *name == Operation::Scale.name() => changes.iter().any(replicas),
            name if *name == Operation::Resize.name() => changes.iter().any(|change| change.field.has_key("resources")),
            _ => !self.is_nothing(),
        }
    }

    /// Whether it went back itself: such a one is not taken back (B17).
    pub fn is_rollback(&self) -> bool {
        self.operation == Operation::Rollback.name()
    }

    /// From when on it is watched: what was merged long before bpctl delivers it has had no time yet (B13, B16).
    pub fn began(&self) -> Timestamp {
        self.delivered_at.map_or(self.merged_at, |delivered| delivered.max(self.merged_at))
    }
}

/// A field that an operation of the past changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PastChange {
    /// The field.
    pub field: FieldPath,
    /// Before.
    pub from: Option<Json>,
    /// After.
    pub to: Option<Json>,
}

/// What a change of the past made of a `ConfigMap` that the workload's pods read (B17).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PastConfig {
    /// The object, in the workload's namespace, as the change left it.
    pub object: ObjectRef,
    /// Its name before, where a generator ends it with the hash of its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// The values that it changed, without those that may be credentials; `None`: it took the object away, or cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<PastChange>>,
    /// It brought the object.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub brought: bool,
    /// The keys of further values that it changed, which may be credentials: no record holds those (T38).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<String>,
}

/// The newest change of a workload's manifest on the base branch's own line: what a rollback would take back (B8, B17, T32).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastChange {
    /// The commit of the base branch that brought it.
    pub commit: String,
    /// The commit before it: the base branch as it stood until then; `None`: it is the branch's first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The time that the commit claims.
    pub at: Timestamp,
    /// Who wrote it, as the commit claims.
    pub author: Untrusted,
    /// The fields of the manifest that it changed; `None`: it brought the manifest, or cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<PastChange>>,
    /// The `ConfigMap`s that the workload's pods read and that it changed as well, or alone (B17).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<PastConfig>,
    /// The newest commit after it that changed such `ConfigMap`s and not the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newer: Option<Box<LastChange>>,
    /// It is a merge: it is reverted by `git revert -m 1` alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub merge: bool,
    /// It gave a field back the value that the change before it had taken: whoever made it went back already.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub went_back: bool,
}

impl LastChange {
    /// Whether it took back something of these changes.
    pub fn takes_back(&self, changes: &[PastChange], config: &[PastConfig]) -> bool {
        let back = |own: &[PastChange], earlier: &[PastChange]| {
            let is = |change: &PastChange, e: &PastChange| {
                (&e.field, &e.from, &e.to) == (&change.field, &change.to, &change.from)
            };
            own.iter().any(|change| earlier.iter().any(|earlier| is(change, earlier)))
        };
        let of_config = |own: &PastConfig| {
            let same = config.iter().filter(|earlier| earlier.object == own.object);
            same.filter_map(|earlier| earlier.changes.as_deref())
                .any(|earlier| back(own.changes.as_deref().unwrap_or_default(), earlier))
        };
        back(self.changes.as_deref().unwrap_or_default(), changes) || self.config.iter().any(of_config)
    }
}

/// An open pull request of bpctl's that takes values of the cluster into Git (X8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenAdoption {
    /// Its number.
    pub pull: u64,
    /// When it was opened, by the forge's clock.
    pub opened_at: Timestamp,
    /// The objects whose fields it changes; `None`: not known, so it may be any of the blueprint's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<Vec<ObjectRef>>,
}

/// A delivery that the cluster refused, by bpctl's own check on the commit that was delivered (B11, X6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailedDelivery {
    /// The commit of the base branch.
    pub commit: String,
    /// The how many-th failure on that commit: the last part of the check's name.
    pub attempt: u32,
    /// When, by the forge's clock.
    pub at: Timestamp,
    /// What was refused, and what the cluster said.
    pub because: Untrusted,
}
