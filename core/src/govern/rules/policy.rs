//! Shared policies: every one that matches speaks, and the strictest wins (B2).

use super::{Outcome, Rule, RuleInput};

/// `kind: Policy`, `operations`.
pub struct Policies;

impl Rule for Policies {
    fn ident(&self) -> &'static str {
        "policy"
    }

    fn about(&self) -> &'static str {
        "The operations of every policy that matches the environment's tier, the owner and the blueprint"
    }

    fn cites(&self) -> &'static [&'static str] {
        &["policy "]
    }

    fn check(&self, input: &RuleInput<'_>) -> Vec<Outcome> {
        let metadata = &input.blueprint.value.metadata;
        let policies = input.catalog.policies.values();
        policies
            .filter(|policy| policy.value.applies_to.matches(input.tier, &metadata.owner, &metadata.name))
            .filter_map(|policy| {
                let tier = *policy.value.operations.get(&input.operation)?;
                let span = policy.span(&["operations", input.operation.name()]);
                Some(Outcome {
                    tier: Some(tier),
                    hold_until: None,
                    hold_ends: None,
                    unknown: None,
                    cite: format!("policy {}: {}", policy.value.metadata.name, input.operation),
                    because: format!("policy {} says: {tier}", policy.value.metadata.name),
                    alternative: None,
                    source: Some(span),
                })
            })
            .collect()
    }
}
