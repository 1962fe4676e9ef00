//! The blueprint's own `agent_authority`, on top of the built-in tiers (B5).

use super::{Outcome, Rule, RuleInput};
use crate::blueprint::Tier;
use crate::govern::defaults::{SOURCE, default_tier};

/// `governance.agent_authority`.
pub struct Authority;

impl Rule for Authority {
    fn ident(&self) -> &'static str {
        "authority"
    }

    fn about(&self) -> &'static str {
        "The built-in tier of the operation, and the blueprint's agent_authority; an operation in none of its lists needs approval"
    }

    fn cites(&self) -> &'static [&'static str] {
        &[SOURCE, "allowed_operations", "requires_approval", "forbidden_operations", "agent_authority without "]
    }

    fn check(&self, input: &RuleInput<'_>) -> Vec<Outcome> {
        let operation = input.operation;
        let built_in = default_tier(operation);
        let mut outcomes = vec![outcome(built_in, format!("{SOURCE}: {operation}"), built_in_because(built_in), None)];
        let Some(authority) = &input.blueprint.value.governance.agent_authority else { return outcomes };
        let lists = [
            ("forbidden_operations", &authority.forbidden_operations, Tier::Forbidden),
            ("requires_approval", &authority.requires_approval, Tier::RequiresApproval),
            ("allowed_operations", &authority.allowed_operations, Tier::Allowed),
        ];
        let path = ["governance", "agent_authority"];
        let found = lists.iter().find(|(_, list, _)| list.contains(&operation));
        outcomes.push(match found {
            Some((key, list, tier)) => {
                let node = input.blueprint.document.root.at(&[path[0], path[1], key]);
                let position = list.iter().position(|listed| *listed == operation).unwrap_or(0);
                let item = node.and_then(|node| node.items().get(position));
                let span = item.map(|item| input.blueprint.document.span_of(item));
                outcome(*tier, format!("{key}: {operation}"), blueprint_because(*tier), span)
            }
            None => outcome(
                Tier::RequiresApproval,
                format!("agent_authority without {operation}"),
                "the blueprint lists it nowhere, and what is not listed needs approval".into(),
                Some(input.blueprint.span(&path)),
            ),
        });
        outcomes
    }
}

fn built_in_because(tier: Tier) -> String {
    match tier {
        Tier::Allowed => "allowed unless a rule says otherwise",
        Tier::RequiresApproval => "always for a person to approve",
        Tier::Forbidden => "never done through bpctl; a person does it by other means",
    }
    .into()
}

fn blueprint_because(tier: Tier) -> String {
    format!("the blueprint says: {tier}")
}

fn outcome(tier: Tier, cite: String, because: String, source: Option<crate::model::SourceSpan>) -> Outcome {
    Outcome {
        tier: Some(tier),
        hold_until: None,
        hold_ends: None,
        unknown: None,
        cite,
        because,
        alternative: None,
        source,
    }
}
