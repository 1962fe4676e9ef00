//! The plan: an immutable list of actions, each with finding, evidence, verdict and the lines it changes; and what was not proposed.

mod build;
mod causes;
mod config;
mod pending;
mod scope;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use build::{Decision, PlanInput, build, build_for, decide_all, govern, rendered_fields};
pub use causes::{Cause, CauseCounts, Causes, Hidden, Orphan, Settled, Standing, as_called_now};
pub use config::{ConfigChange, ConfigChanges};
pub use pending::PendingSync;
pub use scope::{Scope, Selector, SelectorError, Shard, ShardError, Target, touches};

use crate::action::Action;
use crate::blueprint::{Delivery, Tier, TierName};
use crate::decide::{Finding, Reported, UnknownFact, WhyNot};
use crate::execute::Effect;
use crate::govern::{Hold, ProposedRules, Verdict};
use crate::model::{Digest, Name, Timestamp};
use crate::observe::{FactKey, ObservedFrom};

/// Where the desired state was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Desired {
    /// The branch whose rules judged, `main`.
    pub base_branch: String,
    /// Its commit.
    pub base_commit: String,
    /// The commit that was planned; `None`: the work tree, with changes that no commit holds.
    pub commit: Option<String>,
}

/// A plan (schema version 1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Always 1; grows by adding.
    pub schema_version: u32,
    /// Hash of the canonical actions: no text, no commit, no clock.
    pub hash: Digest,
    /// Version of the decision logic.
    pub logic: u32,
    /// The environment.
    pub environment: Name,
    /// Its tier.
    pub tier: TierName,
    /// How changes reach the cluster.
    pub delivery: Delivery,
    /// Where the desired state was read.
    pub desired: Desired,
    /// Where the cluster was looked at.
    pub from: ObservedFrom,
    /// When.
    pub observed_at: Timestamp,
    /// The API server was to be asked, by dry runs, what it would make of what differs; a recording cannot be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exact: bool,
    /// Each blueprint, in the order of names.
    pub blueprints: Vec<BlueprintPlan>,
    /// The part of the blueprints that was asked for; left out: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// What comes from the planned change and what stood before it, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causes: Option<Causes>,
    /// What the rules would say that the planned state brings along, where they are others than those that judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed_rules: Option<ProposedRules>,
}

/// The part of one blueprint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlueprintPlan {
    /// Its name.
    pub name: Name,
    /// Its version.
    pub version: String,
    /// The manifest's file, or the source where it was not found.
    pub manifest: String,
    /// Actions.
    pub items: Vec<PlanItem>,
    /// What is not as it should be and no action answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Reported>,
    /// What was not proposed.
    pub not_proposed: Vec<WhyNot>,
    /// What could not be seen.
    pub unknown: Vec<UnknownFact>,
    /// The facts that all this rests on.
    pub evidence: Vec<FactKey>,
}

/// One action of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanItem {
    /// The action's id.
    pub id: Digest,
    /// Why.
    pub finding: Finding,
    /// What.
    pub action: Action,
    /// Who may.
    pub verdict: Verdict,
    /// What it lowers to.
    pub effects: Vec<Effect>,
    /// Base does not declare all that it brings the cluster: that comes with the planned change, and nobody brings it before that is merged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unmerged: bool,
    /// Why its controller does not bring it by itself, where an Application says so; left out: it does, or bpctl acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<PendingSync>,
}

impl PlanItem {
    /// What delays it, longest first; nothing delays what is forbidden anyway.
    pub fn hold(&self) -> Option<&Hold> {
        self.verdict.holds.first().filter(|_| self.verdict.tier != Tier::Forbidden)
    }
}

/// How many actions of each tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Allowed.
    pub allowed: usize,
    /// Needs approval.
    pub needs_approval: usize,
    /// Forbidden.
    pub forbidden: usize,
    /// Held: fine, but not now.
    pub held: usize,
    /// Not bpctl's to do: under `delivery: gitops` the controller brings the cluster back.
    pub controller: usize,
}

impl Plan {
    /// All actions.
    pub fn items(&self) -> impl Iterator<Item = &PlanItem> {
        self.blueprints.iter().flat_map(|blueprint| &blueprint.items)
    }

    /// Counts by tier; a held action counts as held.
    pub fn counts(&self) -> Counts {
        self.counts_of(self.items())
    }

    /// Whether an action stood before the change that this is the plan of; of a plan without a base none did (X1).
    pub fn stood(&self, item: &PlanItem) -> bool {
        self.causes.as_ref().is_some_and(|causes| *causes.get(item) == Cause::Before)
    }

    /// The same of a finding.
    pub fn found_before(&self, blueprint: &Name, reported: &Reported) -> bool {
        self.causes.as_ref().is_some_and(|causes| causes.stood(blueprint, reported))
    }

    /// Its actions; of a plan against a base those that the change causes (X1).
    pub fn of_change(&self) -> impl Iterator<Item = &PlanItem> {
        self.items().filter(|item| !self.stood(item))
    }

    /// Its findings, in the same way.
    pub fn findings_of_change(&self) -> impl Iterator<Item = (&Name, &Reported)> {
        self.findings().filter(|(name, reported)| !self.found_before(name, reported))
    }

    /// The same of some of its actions.
    pub fn counts_of<'p>(&self, items: impl Iterator<Item = &'p PlanItem>) -> Counts {
        let mut counts = Counts::default();
        for item in items {
            match item.verdict.tier {
                _ if self.waits_for_sync(item) => {}
                _ if self.is_controllers(item) => counts.controller += 1,
                _ if item.hold().is_some() => counts.held += 1,
                Tier::Allowed => counts.allowed += 1,
                Tier::RequiresApproval => counts.needs_approval += 1,
                Tier::Forbidden => counts.forbidden += 1,
            }
        }
        counts
    }

    /// What is not as it should be and no action answers, with the blueprint that it is of.
    pub fn findings(&self) -> impl Iterator<Item = (&Name, &Reported)> {
        self.blueprints.iter().flat_map(|part| part.findings.iter().map(|reported| (&part.name, reported)))
    }

    /// How much of some of its actions and findings stays as it is until a person does something.
    pub fn for_persons<'p>(
        &self,
        items: impl Iterator<Item = &'p PlanItem>,
        findings: impl Iterator<Item = (&'p Name, &'p Reported)>,
    ) -> usize {
        items.filter(|item| self.waits_for_sync(item)).count()
            + findings.filter(|(_, reported)| reported.needs_person).count()
    }

    /// Blueprints whose workload could not be compared with Git, and what was missing. Blind is not green (R6).
    pub fn uncompared(&self) -> impl Iterator<Item = (&Name, &UnknownFact)> {
        self.blueprints
            .iter()
            .filter_map(|part| Some((&part.name, part.unknown.iter().find(|unknown| unknown.uncompared)?)))
    }

    /// Whether a workload, or what belongs to it, could not be compared with Git: it may be anything (R6).
    pub fn is_blind(&self) -> bool {
        let mut all = self.blueprints.iter().flat_map(|part| &part.unknown);
        all.any(|unknown| unknown.uncompared || unknown.unread)
    }

    /// Whether something could not be seen.
    pub fn has_unknown(&self) -> bool {
        self.blueprints.iter().any(|blueprint| !blueprint.unknown.is_empty())
    }
}
