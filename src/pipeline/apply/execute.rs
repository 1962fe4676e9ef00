//! `bpctl stage execute` (B4): carries out one plan, and nothing besides it. What is judged first (what earlier runs brought) and last
//! (whether it arrived) are stages of their own.
//!
//! The plan comes from a file that anybody may have written, so that no permit rests on it: what is done is planned and judged anew, from base
//! and from what the cluster shows now, and the given plan only says which of that is meant.

use std::collections::BTreeSet;

use bpctl_core::action::Action;
use bpctl_core::blueprint::Delivery;
use bpctl_core::model::{Digest, Name, Period};
use bpctl_core::observe::Observation;
use bpctl_core::plan::{Plan, PlanItem};
use schemars::JsonSchema;
use serde::Serialize;

use super::{ApplyOptions, Base, Pass, read_base_looking};
use crate::forge::BranchName;
use crate::pipeline::{ClusterEdge, Effects, PipelineError, Session};

/// What the executing stage gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Executed {
    /// Always 1; grows by adding.
    pub schema_version: u32,
    /// The environment.
    pub environment: Name,
    /// Hash of the plan that was taken.
    pub plan: Digest,
    /// Nothing was done: it was only asked what would be.
    pub dry_run: bool,
    /// The calls that changed something, or would have, in order.
    pub calls: Vec<ExecutedCall>,
    /// What was done or left, in order.
    pub steps: Vec<ExecutedStep>,
    /// Actions of the plan that do not follow from base and cluster as they are now, by id: nothing was done about them.
    pub outdated: Vec<OutdatedAction>,
    /// New entries of the ledger.
    pub recorded: usize,
    /// Something went wrong with a part of it; the steps say what.
    pub failed: bool,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ExecutedCall {
    /// Which: `create-branch`, `apply-object`.
    pub call: String,
    /// On what.
    pub target: String,
}

/// One thing that was done or left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ExecutedStep {
    /// The blueprint.
    pub blueprint: Name,
    /// What.
    pub told: String,
    /// What a person does next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One action that is not planned any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OutdatedAction {
    /// The blueprint.
    pub blueprint: Name,
    /// The action's name.
    pub action: String,
    /// Its id.
    pub id: Digest,
}

/// Carries a plan out, as far as it is what base and cluster ask for now.
pub async fn execute(
    session: &Session,
    effects: &Effects<'_>,
    cluster: &std::sync::Arc<ClusterEdge>,
    plan: &Plan,
) -> Result<Executed, PipelineError> {
    let environment = &plan.environment;
    let (base, look) = read_base_looking(session, cluster, environment).await?;
    let options = ApplyOptions { wait: Period::from_secs(0), adopt: Vec::new() };
    let mut pass = Pass::new(session, effects, cluster, environment, &base, &options)?;
    let observation = pass.observe_on(&base, Some(look)).await?;
    let meant: BTreeSet<&Digest> = plan.items().map(|item| &item.id).collect();
    let done = pass.carry_out(base, observation, &meant).await;
    let written = pass.write_down().await;
    let stands = done?;
    written?;
    let outdated = plan.items().filter(|item| !stands.contains(&item.id)).map(|item| OutdatedAction {
        blueprint: item.action.blueprint().clone(),
        action: item.action.name().into(),
        id: item.id.clone(),
    });
    Ok(Executed {
        schema_version: 1,
        environment: environment.clone(),
        plan: plan.hash.clone(),
        dry_run: effects.is_dry_run(),
        outdated: outdated.collect(),
        calls: effects
            .calls()
            .into_iter()
            .map(|record| ExecutedCall { call: record.call.name().into(), target: record.target })
            .collect(),
        steps: pass
            .steps
            .into_iter()
            .map(|step| ExecutedStep { blueprint: step.blueprint, told: step.told, next: step.next })
            .collect(),
        recorded: pass.recorded,
        failed: pass.failed,
    })
}

impl Pass<'_> {
    /// Does what is meant and still planned. Answers the ids of that.
    async fn carry_out(
        &mut self,
        mut base: Base,
        mut observation: Observation,
        meant: &BTreeSet<&Digest>,
    ) -> Result<BTreeSet<Digest>, PipelineError> {
        let planned = self.plan(&base, &observation).await;
        let mut plan = only(planned, meant);
        let mut stands: BTreeSet<Digest> = plan.items().map(|item| item.id.clone()).collect();
        self.decided(&plan, &base, &observation);
        drop(self.write_down().await);
        let mut landed = self.settle_proposals_of(&plan, &base, &observation).await?;
        landed |= self.propose_all(&plan, &base, &observation).await?;
        if landed {
            // What was merged reaches the cluster by a plan that says so: this one does not.
            (base, observation) = self.look_anew().await?;
            let newer = only(self.plan(&base, &observation).await, meant);
            let still: BTreeSet<&Digest> = newer.items().map(|item| &item.id).collect();
            let delivers = |item: &&PlanItem| matches!(item.action, Action::Reconcile(_));
            for item in plan.items().filter(delivers).filter(|item| !still.contains(&item.id)) {
                stands.remove(&item.id);
            }
            plan = newer;
        }
        let whole = |items: &[PlanItem]| items.iter().all(|item| meant.contains(&item.id));
        if self.place.delivery == Delivery::Direct {
            let mut delivered = self.plan(&base, &observation).await;
            // Of a workload all is delivered that it lacks, or nothing: what counts as delivered is the whole of it.
            delivered.blueprints.retain(|part| !part.items.is_empty() && whole(&part.items));
            if self.deliver(&base, &observation, &delivered).await? {
                observation = self.observe(&base).await?;
                plan = only(self.plan(&base, &observation).await, meant);
            }
        }
        self.recover(&base, &observation, &plan).await?;
        Ok(stands)
    }

    /// Judges the open pull requests of what is meant, and merges what may be. Answers whether any landed.
    async fn settle_proposals_of(
        &mut self,
        plan: &Plan,
        base: &Base,
        observation: &Observation,
    ) -> Result<bool, PipelineError> {
        let mut landed = false;
        for (blueprint, summary) in self.open_pulls().await? {
            let branch = summary.head_branch.as_deref().unwrap_or_default();
            let operation = BranchName::parse_proposal(&self.environment, branch).map(|(_, operation)| operation);
            let of_it = |item: &PlanItem| {
                *item.action.blueprint() == blueprint && operation.as_deref() == Some(item.action.name())
            };
            if !plan.items().any(of_it) {
                continue;
            }
            match self.settle(base, summary.number, observation).await {
                Ok(merged) => landed |= merged,
                Err(error) => self.put_aside(&blueprint, &format!("pull request #{}", summary.number), error)?,
            }
        }
        Ok(landed)
    }
}

/// A plan without what is not meant.
fn only(mut plan: Plan, meant: &BTreeSet<&Digest>) -> Plan {
    for part in &mut plan.blueprints {
        part.items.retain(|item| meant.contains(&item.id));
    }
    plan
}
