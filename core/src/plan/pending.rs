//! Who brings the cluster what a reconcile is about where bpctl does not deliver: the controller by itself, or somebody who syncs (R6, X8).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Plan, PlanItem};
use crate::action::Action;
use crate::blueprint::Delivery;
use crate::decide::Finding;
use crate::decide::drift::FieldDrift;
use crate::model::Untrusted;
use crate::rendering::{SyncPolicy, Syncs};

/// The field manager of Argo CD.
const ARGO_CD: &str = "argocd-controller";

/// Why an Application's Argo CD does not bring something back by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PendingSync {
    /// The file of the Application.
    pub application: String,
    /// Each new commit is synced by itself: `syncPolicy.automated` without `selfHeal`. Else nothing is.
    pub automated: bool,
    /// It stays as it is until a person syncs; else a commit that is not synced yet may bring it.
    pub person: bool,
    /// Argo CD's controller leaves the Application alone: an annotation says so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skipped: bool,
    /// What a person runs.
    pub command: Untrusted,
}

impl PendingSync {
    /// What holds for an item of a manifest that an Application delivers; `None`: Argo CD brings it by itself, or nothing is known.
    pub(super) fn of(policy: Option<&SyncPolicy>, finding: &Finding, unmerged: bool) -> Option<Self> {
        let policy = policy?;
        // Of what somebody else wrote since, Argo CD has synced the commit already.
        let foreign = |field: &FieldDrift| {
            field.by.as_ref().is_some_and(|by| by.manager.raw() != ARGO_CD || by.subresource.is_some())
        };
        let edited = match finding {
            Finding::Drift(drift) => drift.fields.iter().any(foreign),
            // What was there and is gone is no other commit than was synced.
            Finding::Absent { .. } => true,
            _ => false,
        };
        let (automated, person) = match policy.when {
            Syncs::Always => return None,
            Syncs::EachCommit => (true, edited && !unmerged),
            Syncs::ByHand => (false, !unmerged),
            Syncs::Skipped => (false, true),
        };
        let skipped = policy.when == Syncs::Skipped;
        let command = Untrusted::new(policy.command());
        Some(Self { application: policy.file.to_string(), automated, person, skipped, command })
    }

    /// What is said of it. `merges`: of a change that is about to be merged; that is a new commit, whatever it is about.
    pub fn told(&self, merges: bool) -> String {
        let command = crate::render::sink::terminal(&self.command);
        let application = &self.application;
        if self.skipped {
            return format!(
                "{application} is left alone by Argo CD (annotation argocd.argoproj.io/skip-reconcile): {command}"
            );
        }
        match (self.automated, self.person) {
            (false, true) => format!("{application} is not synced by itself (no syncPolicy.automated): {command}"),
            (false, false) => {
                format!("once merged a person syncs it ({application} has no syncPolicy.automated): {command}")
            }
            (true, true) if merges => format!(
                "{application} does not heal itself (syncPolicy.automated.selfHeal is not true), and syncs each commit: merging this change \
                 brings it back too; without that it stays until: {command}"
            ),
            (true, true) => format!(
                "{application} does not heal itself (syncPolicy.automated.selfHeal is not true): it stays until the next commit of it, or: {command}"
            ),
            (true, false) => format!(
                "{application} syncs each commit once (selfHeal is not true): what was changed beside Git stays until: {command}"
            ),
        }
    }
}

impl Plan {
    /// Whether an action is not bpctl's: under `delivery: gitops` it applies nothing, and a controller brings back what was merged. No pause of
    /// bpctl's holds that, and no approval: the rules that ask for one are told beside it. What is forbidden stays to be seen as that.
    pub fn is_controllers(&self, item: &PlanItem) -> bool {
        self.is_delivered_by_others(item) && item.verdict.tier != crate::blueprint::Tier::Forbidden
    }

    /// The same, whatever the rules say of it.
    pub fn is_delivered_by_others(&self, item: &PlanItem) -> bool {
        self.delivery == Delivery::Gitops && matches!(item.action, Action::Reconcile(_))
    }

    /// Whether it is a controller's that does not act before a person syncs.
    pub fn waits_for_sync(&self, item: &PlanItem) -> bool {
        self.is_controllers(item) && item.sync.as_ref().is_some_and(|sync| sync.person)
    }
}
