//! What a change causes, beside what stood before it: two plans against one observation (X1).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Plan, PlanItem};
use crate::action::{Action, RevertedField};
use crate::blueprint::Tier;
use crate::model::{Digest, FieldPath, Name, ObjectRef};

/// A plan's actions, told apart by where they come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Causes {
    /// The commit that the planned state was compared with.
    pub base: String,
    /// Each action of the plan, by its id.
    pub items: BTreeMap<Digest, Cause>,
    /// What would be to do at the base and is done with the change.
    pub settled: Vec<Settled>,
    /// What would be to do at the base and is not planned any more without being settled: its blueprint is gone, something of it is
    /// not seen, or the change makes something forbidden of it.
    #[serde(default)]
    pub lost: Vec<Settled>,
}

/// Where an action comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// The change causes it.
    Change,
    /// It stood before the change.
    Before,
    /// The change causes it; these fields of it had drifted before.
    Partly(Vec<FieldPath>),
}

/// An action of the base's plan that the change settles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Settled {
    /// The blueprint.
    pub blueprint: Name,
    /// The action and its verdict, as they were.
    pub item: PlanItem,
}

/// How many actions come from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CauseCounts {
    /// Caused by the change, wholly or partly.
    pub change: usize,
    /// There before it.
    pub before: usize,
    /// Settled by it.
    pub settled: usize,
}

impl Causes {
    /// Compares a plan with the base's, made against the same observation.
    pub fn of(plan: &Plan, before: &Plan, base: &str) -> Self {
        let mut stood: BTreeMap<(&Name, &str, &ObjectRef), &PlanItem> = BTreeMap::new();
        for part in &before.blueprints {
            let key = |item| (Self::key(&part.name, item), item);
            stood.extend(part.items.iter().map(key));
        }
        let mut items = BTreeMap::new();
        for part in &plan.blueprints {
            for item in &part.items {
                let twin = stood.remove(&Self::key(&part.name, item));
                items.insert(item.id.clone(), cause(item, twin));
            }
        }
        let settles = |name: &Name| {
            let part = plan.blueprints.iter().find(|part| part.name == *name);
            let known = part.filter(|part| part.unknown.is_empty());
            known.is_some_and(|part| part.items.iter().all(|item| item.verdict.tier != Tier::Forbidden))
        };
        let (settled, lost) = stood
            .into_iter()
            .map(|((name, ..), item)| Settled { blueprint: name.clone(), item: item.clone() })
            .partition(|gone| settles(&gone.blueprint));
        Self { base: base.into(), items, settled, lost }
    }

    /// What makes an action the same before and after a change: a workload and its companions each have their own.
    fn key<'p>(blueprint: &'p Name, item: &'p PlanItem) -> (&'p Name, &'static str, &'p ObjectRef) {
        (blueprint, item.action.name(), item.action.workload())
    }

    /// Where an action comes from.
    pub fn get(&self, item: &PlanItem) -> &Cause {
        self.items.get(&item.id).unwrap_or(&Cause::Change)
    }

    /// How many come from where.
    pub fn counts(&self) -> CauseCounts {
        let before = self.items.values().filter(|cause| **cause == Cause::Before).count();
        CauseCounts { change: self.items.len() - before, before, settled: self.settled.len() }
    }
}

fn cause(item: &PlanItem, twin: Option<&PlanItem>) -> Cause {
    let Some(twin) = twin else { return Cause::Change };
    if item.action == twin.action {
        return Cause::Before;
    }
    // What goes on must be the same on both sides; of a drift each field is looked at alone.
    let (Action::Reconcile(now), Action::Reconcile(then)) = (&item.action, &twin.action) else { return Cause::Change };
    let stood = |field: &&RevertedField| then.fields.contains(field);
    let before: Vec<FieldPath> = now.fields.iter().filter(stood).map(|field| field.field.clone()).collect();
    match before.len() {
        0 => Cause::Change,
        all if all == now.fields.len() => Cause::Before,
        _ => Cause::Partly(before),
    }
}
