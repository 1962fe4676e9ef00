//! `override-loosens`: the dearest environment allows more than the blueprint does elsewhere.

use std::collections::BTreeSet;

use super::{Look, Page, Rule};
use crate::blueprint::{AgentAuthority, Operation, Tier};
use crate::model::Diagnostic;

/// An override of `agent_authority` that drops an operation to a looser tier where it matters most.
pub(super) struct OverrideLoosens;

impl Rule for OverrideLoosens {
    fn page(&self) -> Page {
        Page {
            code: "override-loosens",
            about: "production allows more than the blueprint does elsewhere",
            explain: "An override replaces a list as a whole: what it leaves out falls back to a looser tier, and nobody sees it happen.\n\n\
                \x20 governance:\n    agent_authority: {forbidden_operations: [delete, change_image]}\n  environments:\n    prod:\n\
                \x20     governance: {agent_authority: {forbidden_operations: [change_strategy]}}   # change_image is no longer forbidden\n\n\
                Repeat in the override what is to stay, or put the tightening into a policy.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let environments = &look.catalog.workspace.value.environments;
        let Some(dearest) = environments.values().map(|environment| environment.tier).max() else { return Vec::new() };
        if environments.values().all(|environment| environment.tier == dearest) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for variant in &look.variants {
            let dear = variant.environments.iter().find(|(_, environment)| environment.tier == dearest);
            let (Some((name, _)), Some(there)) = (dear, &variant.blueprint.value.governance.agent_authority) else {
                continue;
            };
            let written = look.catalog.blueprints.get(&variant.blueprint.value.metadata.name);
            let Some(elsewhere) = written.and_then(|b| b.value.governance.agent_authority.as_ref()) else { continue };
            let operations: BTreeSet<Operation> =
                elsewhere.forbidden_operations.iter().chain(&elsewhere.requires_approval).copied().collect();
            let looser = operations.into_iter().find_map(|operation| {
                let (here, before) = (tier(there, operation), tier(elsewhere, operation));
                (here < before).then_some((operation, here, before))
            });
            let Some((operation, here, before)) = looser else { continue };
            let path = ["environments", name.as_str(), "governance", "agent_authority"];
            let message = format!("in {name} {operation} is {}, and {} elsewhere", said(here), said(before));
            let diagnostic = Diagnostic::warning("override-loosens", message);
            let span = written.map_or_else(|| variant.blueprint.span(&["governance"]), |b| b.span(&path));
            let diagnostic =
                diagnostic.label(span, "this override replaces the whole list").source(variant.blueprint.source());
            found.push(
                diagnostic.help(format!("repeat {operation} in the override's list, or tighten {name} by a policy")),
            );
        }
        found
    }
}

fn tier(authority: &AgentAuthority, operation: Operation) -> Tier {
    if authority.forbidden_operations.contains(&operation) {
        Tier::Forbidden
    } else if authority.allowed_operations.contains(&operation) && !authority.requires_approval.contains(&operation) {
        Tier::Allowed
    } else {
        Tier::RequiresApproval
    }
}

fn said(tier: Tier) -> &'static str {
    match tier {
        Tier::Allowed => "allowed",
        Tier::RequiresApproval => "for a person to approve",
        Tier::Forbidden => "forbidden",
    }
}
