//! Builds a plan: decide, then judge, blueprint by blueprint.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BlueprintPlan, Desired, Plan, PlanItem, Scope};
use crate::action::Action;
use crate::blueprint::{Catalog, Delivery, Tier, TierName};
use crate::decide::{Detected, Finding, LOGIC, WhyNot, decide};
use crate::govern::{Subject, judge};
use crate::model::{Digest, Name, Proposed, Trusted};
use crate::observe::{FactKey, Observation, Recorder};

/// What a plan is built from.
#[derive(Debug)]
pub struct PlanInput<'a> {
    /// The rules, from the protected base branch.
    pub rules: &'a Trusted<Catalog>,
    /// The desired state: base itself, another commit, or the work tree.
    pub desired: &'a Proposed<Catalog>,
    /// The environment.
    pub environment: &'a Name,
    /// The facts.
    pub observation: &'a Observation,
}

/// What the deciding stage answers for one blueprint: all that the judging stage needs besides rules and facts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The blueprint.
    pub blueprint: Name,
    /// What was found, and what not.
    pub detected: Detected,
    /// The facts that were read.
    pub evidence: Vec<FactKey>,
}

/// The deciding stage alone (B4): what should be done, before anybody asks who may do it.
pub fn decide_all(
    catalog: &Catalog,
    environment: &Name,
    observation: &Observation,
    only: Option<&BTreeSet<Name>>,
) -> Vec<Decision> {
    let names = catalog.blueprints.keys().filter(|name| only.is_none_or(|only| only.contains(name)));
    let decision = |name: &Name| {
        let facts = Recorder::new(observation);
        let detected = decide(catalog, name, environment, &facts);
        Decision { blueprint: name.clone(), detected, evidence: facts.keys().into_iter().collect() }
    };
    names.map(decision).collect()
}

/// Builds the plan. Pure: the same inputs give the same plan, byte for byte.
pub fn build(input: &PlanInput<'_>) -> Plan {
    build_for(input, None)
}

/// The same for some blueprints only: those of the scope.
pub fn build_for(input: &PlanInput<'_>, only: Option<(&BTreeSet<Name>, Scope)>) -> Plan {
    let names = only.as_ref().map(|(names, _)| *names);
    let decisions = decide_all(input.desired.get(), input.environment, input.observation, names);
    govern(input, decisions, only.map(|(_, scope)| scope))
}

/// The judging stage alone (B4): a plan of these decisions. A decision about a blueprint that the desired state does not have is none.
pub fn govern(input: &PlanInput<'_>, decisions: Vec<Decision>, scope: Option<Scope>) -> Plan {
    let catalog = input.desired.get();
    let place = catalog.workspace.value.environments.get(input.environment);
    let blueprints: Vec<BlueprintPlan> =
        decisions.into_iter().filter_map(|decision| part(input, catalog, decision)).collect();
    let actions: Vec<&Action> = blueprints.iter().flat_map(|b| b.items.iter().map(|item| &item.action)).collect();
    Plan {
        schema_version: 1,
        hash: Digest::of(&actions),
        logic: LOGIC,
        environment: input.environment.clone(),
        // An environment that the tree does not name is treated as the dearest.
        tier: place.map_or(TierName::Prod, |place| place.tier),
        delivery: place.map_or(Delivery::Gitops, |place| place.delivery),
        desired: Desired {
            base_branch: input.rules.tip().branch().into(),
            base_commit: input.rules.tip().commit().into(),
            commit: input.desired.commit().map(Into::into),
        },
        from: input.observation.from.clone(),
        observed_at: input.observation.observed_at,
        blueprints,
        scope,
        causes: None,
    }
}

fn part(input: &PlanInput<'_>, catalog: &Catalog, decision: Decision) -> Option<BlueprintPlan> {
    let Decision { blueprint: name, detected, evidence } = decision;
    let blueprint = &catalog.blueprints.get(&name)?.value;
    let facts = Recorder::new(input.observation);
    let mut not_proposed = detected.why_not;
    let mut items = Vec::new();
    let mut findings = Vec::new();
    for (finding, action) in detected.findings {
        let Some(action) = action else {
            if let Finding::Reported(reported) = finding {
                findings.push(reported);
            }
            continue;
        };
        match action.lower(catalog) {
            Ok(effects) => {
                let judged = |subject| judge(input.rules, input.environment, &subject, &facts);
                let verdict = judged(Subject::of_action(&action));
                // Within base's limit, and yet the proposal's own is raised: that is judged too.
                let verdict = match Subject::of_limit(&action).filter(|_| verdict.tier == Tier::Allowed) {
                    Some(limit) => judged(limit),
                    None => verdict,
                };
                items.push(PlanItem { id: action.id(), finding, action, verdict, effects });
            }
            Err(because) => not_proposed.push(WhyNot { what: action.name().into(), because }),
        }
    }
    let target = &blueprint.spec.target;
    let manifest = catalog.manifest(&target.source, &target.object());
    let evidence: BTreeSet<FactKey> = evidence.into_iter().chain(facts.keys()).collect();
    Some(BlueprintPlan {
        name,
        version: blueprint.metadata.version.to_string(),
        manifest: manifest.map_or_else(|| target.source.to_string(), |manifest| manifest.path.to_string()),
        items,
        findings,
        not_proposed,
        unknown: detected.unknown,
        evidence: evidence.into_iter().collect(),
    })
}
