//! Builds a plan: decide, then judge, blueprint by blueprint.

use std::collections::BTreeSet;

use super::{BlueprintPlan, Desired, Plan, PlanItem, Scope};
use crate::action::Action;
use crate::blueprint::{Catalog, Delivery, TierName};
use crate::decide::{LOGIC, WhyNot, decide};
use crate::govern::{Subject, judge};
use crate::model::{Digest, Name, Proposed, Trusted};
use crate::observe::{Observation, Recorder};

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

/// Builds the plan. Pure: the same inputs give the same plan, byte for byte.
pub fn build(input: &PlanInput<'_>) -> Plan {
    build_for(input, None)
}

/// The same for some blueprints only: those of the scope.
pub fn build_for(input: &PlanInput<'_>, only: Option<(&BTreeSet<Name>, Scope)>) -> Plan {
    let catalog = input.desired.get();
    let place = catalog.workspace.value.environments.get(input.environment);
    let mut blueprints = Vec::with_capacity(catalog.blueprints.len());
    for name in catalog.blueprints.keys() {
        if only.as_ref().is_some_and(|(names, _)| !names.contains(name)) {
            continue;
        }
        blueprints.push(part(input, catalog, name));
    }
    let actions: Vec<&Action> =
        blueprints.iter().flat_map(|b: &BlueprintPlan| b.items.iter().map(|item| &item.action)).collect();
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
        scope: only.map(|(_, scope)| scope),
        causes: None,
    }
}

fn part(input: &PlanInput<'_>, catalog: &Catalog, name: &Name) -> BlueprintPlan {
    let facts = Recorder::new(input.observation);
    let detected = decide(catalog, name, input.environment, &facts);
    let mut not_proposed = detected.why_not;
    let mut items = Vec::new();
    for (finding, action) in detected.findings {
        let Some(action) = action else { continue };
        match action.lower(catalog) {
            Ok(effects) => {
                let verdict = judge(input.rules, input.environment, &Subject::of_action(&action), &facts);
                items.push(PlanItem { id: action.id(), finding, action, verdict, effects });
            }
            Err(because) => not_proposed.push(WhyNot { what: action.name().into(), because }),
        }
    }
    let blueprint = &catalog.blueprints[name].value;
    let target = &blueprint.spec.target;
    let manifest = catalog.manifest(&target.source, &target.object());
    BlueprintPlan {
        name: name.clone(),
        version: blueprint.metadata.version.to_string(),
        manifest: manifest.map_or_else(|| target.source.to_string(), |manifest| manifest.path.to_string()),
        items,
        not_proposed,
        unknown: detected.unknown,
        evidence: facts.keys().into_iter().collect(),
    }
}
