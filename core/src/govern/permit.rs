//! Permits: the proof that a merge or an effect may happen now. Only the judge makes them.

use serde::Serialize;

use crate::execute::RestartPods;
use crate::model::{Digest, ObjectRef, Timestamp};

/// The proof that one pull request may be merged: which head, onto which base, by which rules, with whose approvals.
///
/// It cannot be cloned, and it has no public constructor: a merge without a judgement does not compile (`tests/it/layers.rs`).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MergePermit {
    pub(super) pull: u64,
    pub(super) head: String,
    pub(super) base: String,
    pub(super) base_branch: String,
    pub(super) tree: String,
    pub(super) rules: Digest,
    pub(super) changes: Digest,
    pub(super) approvals: Vec<String>,
    pub(super) checks: Vec<String>,
    pub(super) at: Timestamp,
}

impl MergePermit {
    /// The pull request's number.
    pub fn pull(&self) -> u64 {
        self.pull
    }
    /// The only head that may be merged.
    pub fn head(&self) -> &str {
        &self.head
    }
    /// The base commit that was judged against.
    pub fn base(&self) -> &str {
        &self.base
    }
    /// The branch that is merged into.
    pub fn base_branch(&self) -> &str {
        &self.base_branch
    }
    /// The tree that must land.
    pub fn tree(&self) -> &str {
        &self.tree
    }
    /// Hash of the trusted rules that judged.
    pub fn rules(&self) -> &Digest {
        &self.rules
    }
    /// Hash of the changes that were judged.
    pub fn changes(&self) -> &Digest {
        &self.changes
    }
    /// Ids of the reviewers whose approvals counted.
    pub fn approvals(&self) -> &[String] {
        &self.approvals
    }
}

/// What became of a judgement: the permit to merge, or the duty to see that nobody else merges on an earlier one (R6).
#[derive(Debug)]
#[must_use = "a permit that is gone has to be taken back from a forge that merges by itself"]
pub enum Decision {
    /// It may be merged now.
    Merge(Box<MergePermit>),
    /// It may not.
    Withhold(Withheld),
}

/// That one pull request may not be merged by the facts of now. Like a permit only the judge makes it, and whoever wants the permit of a
/// judgement is handed one of the two: a loss of it, whatever the reason, cannot be left unsaid.
#[derive(Debug)]
#[must_use = "a forge that was told to merge by itself has to be told otherwise"]
pub struct Withheld {
    pub(super) pull: u64,
}

impl Withheld {
    /// The pull request's number.
    pub fn pull(&self) -> u64 {
        self.pull
    }
}

/// The proof that one object may be applied to the cluster now: its content stands on the protected base branch and no rule forbids
/// bringing the cluster back to it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplyPermit {
    pub(super) object: ObjectRef,
    pub(super) uid: Option<String>,
    pub(super) manifest: serde_json::Value,
    pub(super) base: String,
    pub(super) action: Digest,
    pub(super) at: Timestamp,
}

impl ApplyPermit {
    /// The object that may be applied.
    pub fn object(&self) -> &ObjectRef {
        &self.object
    }
    /// The live object's uid that was judged; another object of the same name is not applied to (T44). `None`: it did not exist.
    pub fn uid(&self) -> Option<&str> {
        self.uid.as_deref()
    }
    /// What is applied: the manifest on base, as JSON.
    pub fn manifest(&self) -> &serde_json::Value {
        &self.manifest
    }
    /// The base commit that holds the manifest.
    pub fn base(&self) -> &str {
        &self.base
    }
    /// The action's id.
    pub fn action(&self) -> &Digest {
        &self.action
    }
}

/// The proof that one workload's pods may be replaced now (B8): a pod failed, and no rule forbids or delays it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RestartPermit {
    pub(super) effect: RestartPods,
    pub(super) base: String,
    pub(super) action: Digest,
    pub(super) at: Timestamp,
}

impl RestartPermit {
    /// The workload that may be restarted.
    pub fn object(&self) -> &ObjectRef {
        &self.effect.object
    }
    /// The live object's uid that was judged (T44).
    pub fn uid(&self) -> &str {
        &self.effect.uid
    }
    /// The generation that was judged: a workload that changed since is judged again.
    pub fn generation(&self) -> i64 {
        self.effect.generation
    }
    /// The annotation's value.
    pub fn request(&self) -> &str {
        &self.effect.request
    }
    /// The base commit whose rules judged.
    pub fn base(&self) -> &str {
        &self.base
    }
    /// The action's id.
    pub fn action(&self) -> &Digest {
        &self.action
    }
}
