//! `loosened-in-vain`: a tier looser than the built-in one.

use super::{Look, Page, Rule, item_span, key_span};
use crate::blueprint::Tier;
use crate::govern::default_tier;
use crate::model::Diagnostic;

/// An operation that a blueprint or a policy gives a looser tier than the built-in table (B5).
pub(super) struct LoosenedInVain;

impl Rule for LoosenedInVain {
    fn page(&self) -> Page {
        Page {
            code: "loosened-in-vain",
            about: "No rule can loosen a built-in tier",
            explain: "Of all rules that speak of an operation the strictest wins, the built-in table among them. To delete, to change Secrets,\n\
                network policies or roles, and to scale to zero stay forbidden; what always needs approval goes on needing it.\n\n\
                \x20 agent_authority: {allowed_operations: [delete]}   # stays forbidden\n\n\
                Move it to the list that holds anyway; docs/BLUEPRINT_FORMAT.md has the table.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let problem = |operation, tier: Tier, built_in: Tier| {
            let message = format!("{operation} is not {tier}: it {}", stays(built_in));
            Diagnostic::warning("loosened-in-vain", message)
        };
        for variant in &look.variants {
            let Some(authority) = &variant.blueprint.value.governance.agent_authority else { continue };
            for (key, list, tier) in [
                ("allowed_operations", &authority.allowed_operations, Tier::Allowed),
                ("requires_approval", &authority.requires_approval, Tier::RequiresApproval),
            ] {
                for (position, operation) in list.iter().enumerate() {
                    let built_in = default_tier(*operation);
                    if built_in > tier {
                        let at = item_span(&variant.blueprint, &["governance", "agent_authority", key], position);
                        let diagnostic = problem(*operation, tier, built_in).label(at, "has no effect");
                        let list =
                            if built_in == Tier::Forbidden { "forbidden_operations" } else { "requires_approval" };
                        let diagnostic = diagnostic.help(format!("move it to {list}, or delete it"));
                        found.push(diagnostic.source(variant.blueprint.source()));
                    }
                }
            }
        }
        for policy in look.catalog.policies.values() {
            for (operation, tier) in &policy.value.operations {
                let built_in = default_tier(*operation);
                if built_in > *tier {
                    let at = key_span(policy, &["operations"], operation.name());
                    let diagnostic =
                        problem(*operation, *tier, built_in).label(at, "has no effect").source(policy.source());
                    found.push(diagnostic.help(format!("write `{}`, or delete it", word(built_in))));
                }
            }
        }
        found
    }
}

fn stays(tier: Tier) -> &'static str {
    if tier == Tier::Forbidden { "stays forbidden" } else { "always needs approval" }
}

fn word(tier: Tier) -> &'static str {
    if tier == Tier::Forbidden { "forbidden" } else { "requires_approval" }
}
