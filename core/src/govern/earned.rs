//! Earned autonomy (X12): which operations of a blueprint may be allowed, because what people approved went well often enough. It only finds
//! them; the blueprint is changed by a pull request that a person merges.

use super::defaults::default_tier;
use crate::blueprint::{Blueprint, Catalog, Operation, Tier};
use crate::model::{Name, Timestamp};
use crate::observe::CheckConclusion;

/// The operations that bpctl proposes and verifies, and that its own table allows: only these can be earned.
pub const EARNABLE: [Operation; 2] = [Operation::Scale, Operation::Resize];

/// A merged proposal, by the forge's records and Git.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earning {
    /// Its number.
    pub pull: u64,
    /// The commit that landed.
    pub commit: String,
    /// When, by the forge's clock.
    pub merged_at: Timestamp,
    /// What it amounts to by today's rules.
    pub operations: Vec<Operation>,
    /// How its verification ended; `None`: not yet, or it was not verified.
    pub outcome: Option<CheckConclusion>,
}

/// Whether an operation that needs approval may be earned at all. `None`: it needs none by the blueprint. `Err`: why it may not.
pub fn earnable(catalog: &Catalog, blueprint: &Blueprint, operation: Operation) -> Option<Result<(), String>> {
    let authority = blueprint.governance.agent_authority.as_ref()?;
    if authority.forbidden_operations.contains(&operation) {
        return Some(Err("the blueprint forbids it".into()));
    }
    let asked = authority.requires_approval.contains(&operation);
    if !asked && authority.allowed_operations.contains(&operation) {
        return None;
    }
    if default_tier(operation) != Tier::Allowed {
        return Some(Err("it is always for a person".into()));
    }
    let places = &catalog.workspace.value.environments;
    for (name, place) in places.iter().filter(|(name, _)| blueprint.is_in(name)) {
        if blueprint.environments.get(name).is_some_and(|over| over.governance.contains_key("agent_authority")) {
            return Some(Err(format!("{name} has an authority of its own: a person changes that")));
        }
        let metadata = &blueprint.metadata;
        let stricter = catalog.policies.values().find(|policy| {
            let matches = policy.value.applies_to.matches(place.tier, &metadata.owner, &metadata.name);
            matches && policy.value.operations.get(&operation).is_some_and(|tier| *tier != Tier::Allowed)
        });
        if let Some(policy) = stricter {
            return Some(Err(format!("policy {} asks for approval in {name}", policy.value.metadata.name)));
        }
    }
    Some(Ok(()))
}

/// The newest successes of an operation in a row, the newest first: a failure ends it, and so does what was not verified.
pub fn in_a_row(past: &[Earning], operation: Operation) -> Vec<&Earning> {
    let mut sorted: Vec<&Earning> = past.iter().collect();
    sorted.sort_by_key(|earning| std::cmp::Reverse((earning.merged_at, earning.pull)));
    let verified = |earning: &&Earning| earning.outcome == Some(CheckConclusion::Success);
    let alike = |earning: &&Earning| earning.operations == [operation];
    sorted.into_iter().take_while(verified).filter(alike).collect()
}

/// How many successes are asked for: the most of the policies that match in an environment of the blueprint's, 10 where none says.
pub fn earned_after(catalog: &Catalog, name: &Name) -> u32 {
    let Some(blueprint) = catalog.blueprints.get(name).map(|blueprint| &blueprint.value) else { return 10 };
    let places = catalog.workspace.value.environments.iter().filter(|(place, _)| blueprint.is_in(place));
    let said = places.flat_map(|(_, place)| {
        let metadata = &blueprint.metadata;
        let policies = catalog.policies.values();
        let matching = policies.filter(|p| p.value.applies_to.matches(place.tier, &metadata.owner, &metadata.name));
        matching.filter_map(|policy| policy.value.limits.earned_after)
    });
    said.max().unwrap_or(10)
}
