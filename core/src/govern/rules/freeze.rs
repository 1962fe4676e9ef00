//! Freeze windows: times in which nothing is changed (X11).

use super::{Outcome, Rule, RuleInput};
use crate::blueprint::Operation;
use crate::govern::Undoes;

/// The rule's identifier.
pub const FREEZE: &str = "freeze";

/// `kind: Policy`, `freezes`.
pub struct Freezes;

impl Rule for Freezes {
    fn ident(&self) -> &'static str {
        FREEZE
    }

    fn about(&self) -> &'static str {
        "Within a policy's freeze window only the excepted operations go on"
    }

    fn cites(&self) -> &'static [&'static str] {
        &["freeze "]
    }

    fn check(&self, input: &RuleInput<'_>) -> Vec<Outcome> {
        let metadata = &input.blueprint.value.metadata;
        let now = input.facts.now();
        let mut outcomes = Vec::new();
        for policy in input.catalog.policies.values() {
            if !policy.value.applies_to.matches(input.tier, &metadata.owner, &metadata.name) {
                continue;
            }
            for (position, freeze) in policy.value.freezes.iter().enumerate() {
                // What goes back is excepted as a whole, whatever its fields are; that it does is what the facts say, not what it says.
                let back = matches!(input.subject.undoes, Undoes::Commit(_));
                let excepted = |operation| freeze.except.contains(operation);
                let excepted = excepted(&input.operation) || (back && excepted(&Operation::Rollback));
                if now < freeze.from || now >= freeze.to || excepted {
                    continue;
                }
                let except: Vec<String> = freeze.except.iter().map(ToString::to_string).collect();
                let what = if except.is_empty() { "all".into() } else { format!("all but {}", except.join(", ")) };
                let node = policy.document.root.get("freezes").and_then(|node| node.items().get(position));
                outcomes.push(Outcome {
                    tier: None,
                    hold_until: Some(freeze.to),
                    hold_ends: None,
                    unknown: None,
                    cite: format!("freeze {}", freeze.name),
                    because: format!("policy {} freezes {what}", policy.value.metadata.name),
                    alternative: None,
                    source: node.map(|node| policy.document.span_of(node)),
                });
            }
        }
        outcomes
    }
}
