//! Who brings the cluster what a reconcile is about where bpctl does not deliver: the controller by itself, or somebody who syncs (R6, X8).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Plan, PlanItem};
use crate::action::Action;
use crate::blueprint::{Delivery, Manifest};
use crate::decide::Finding;
use crate::decide::drift::FieldDrift;
use crate::model::{ObjectRef, Untrusted};
use crate::observe::LiveObject;
use crate::render::shell;
use crate::rendering::{LeftAlone, SyncPolicy, Syncs};

/// The field manager of Argo CD.
const ARGO_CD: &str = "argocd-controller";

/// Why a controller does not bring something back by itself: what its Application says of syncs, or a mark of the object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PendingSync {
    /// The file of the Application; of an object with a mark, its manifest's.
    pub application: String,
    /// Each new commit is synced by itself: `syncPolicy.automated` without `selfHeal`. Else nothing is.
    pub automated: bool,
    /// It stays as it is until a person syncs; else a commit that is not synced yet may bring it.
    pub person: bool,
    /// Argo CD's controller leaves the Application alone: an annotation says so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skipped: bool,
    /// The object says itself that its controller leaves it alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_alone: Option<LeftAlone>,
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
        Some(Self { application: policy.file.to_string(), automated, person, skipped, left_alone: None, command })
    }

    /// What holds for an object that says itself that its controller leaves it alone, in Git or in the cluster.
    pub(super) fn marked(
        object: &ObjectRef,
        manifest: &Manifest,
        live: Option<&LiveObject>,
        by_application: bool,
    ) -> Option<Self> {
        let (mark, in_git) = LeftAlone::of(&manifest.document.root, live, by_application)?;
        let (namespace, kind) = (shell(&object.namespace), object.kind.to_lowercase());
        let name = shell(&object.name);
        let (key, _) = mark.mark();
        let has = |part: &str| {
            live.is_some_and(|live| {
                live.body.pointer(&format!("/metadata/{part}")).is_some_and(|all| all.get(key).is_some())
            })
        };
        let command = match (in_git, live) {
            (false, _) if has("annotations") => format!("kubectl -n {namespace} annotate {kind}/{name} {key}-"),
            (false, _) => format!("kubectl -n {namespace} label {kind}/{name} {key}-"),
            (true, _) if !manifest.rendered => {
                let file = shell(manifest.path.as_str());
                format!("kubectl -n {namespace} apply --server-side --force-conflicts -f {file}")
            }
            (true, Some(_)) => format!("kubectl -n {namespace} edit {kind}/{name}"),
            (true, None) => format!("kubectl -n {namespace} apply -f FILE"),
        };
        Some(Self {
            application: manifest.path.to_string(),
            automated: false,
            person: true,
            skipped: false,
            left_alone: Some(mark),
            command: Untrusted::new(command),
        })
    }

    /// What is said of a mark.
    fn told_alone(&self, mark: LeftAlone, command: &str) -> String {
        let ((key, value), by, path) = (mark.mark(), mark.by(), &self.application);
        // What is written in the manifest stays until it is taken out there, whatever is done in the cluster.
        if command.ends_with('-') {
            return format!("{by} leaves it alone ({key}: {value} in the cluster, not in Git): {command}");
        }
        let leaves = if mark == LeftAlone::FluxIfNotPresent {
            "makes it once, and changes it no more"
        } else {
            "leaves it alone"
        };
        format!(
            "{by} {leaves} ({key}: {value} in {path}): a person brings it, or takes that out of the manifest: {command}"
        )
    }

    /// What is said of it. `merges`: of a change that is about to be merged; that is a new commit, whatever it is about.
    pub fn told(&self, merges: bool) -> String {
        let command = crate::render::sink::terminal(&self.command);
        if let Some(mark) = self.left_alone {
            return self.told_alone(mark, &command);
        }
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
