//! `operation-twice`: one operation in two lists.

use std::collections::BTreeMap;

use super::{Look, Page, Rule, item_span};
use crate::blueprint::Operation;
use crate::model::Diagnostic;

/// An operation that several lists of `agent_authority` hold.
pub(super) struct OperationTwice;

impl Rule for OperationTwice {
    fn page(&self) -> Page {
        Page {
            code: "operation-twice",
            about: "One operation stands in two lists",
            explain: "Of an operation in several lists of agent_authority the strictest counts, so the other entry is a promise that does not\n\
                hold.\n\n  agent_authority:\n    allowed_operations: [scale]\n    forbidden_operations: [scale]\n\nKeep one.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for variant in &look.variants {
            let Some(authority) = &variant.blueprint.value.governance.agent_authority else { continue };
            let mut first: BTreeMap<Operation, (&str, usize)> = BTreeMap::new();
            // The strictest first: it is the one that counts.
            for (key, list) in [
                ("forbidden_operations", &authority.forbidden_operations),
                ("requires_approval", &authority.requires_approval),
                ("allowed_operations", &authority.allowed_operations),
            ] {
                for (position, operation) in list.iter().enumerate() {
                    let (counts, at) = *first.entry(*operation).or_insert((key, position));
                    if counts == key {
                        continue; // twice in one list: `listed-twice`
                    }
                    let place = |key, at| item_span(&variant.blueprint, &["governance", "agent_authority", key], at);
                    let overrides = variant.blueprint.document.root.get("environments").map(crate::yaml::Node::range);
                    let overridden =
                        |key, at| overrides.as_ref().is_some_and(|all| all.contains(&place(key, at).start));
                    if overridden(counts, at) && !overridden(key, position) {
                        continue; // an environment that is stricter than the rest
                    }
                    let diagnostic =
                        Diagnostic::warning("operation-twice", format!("{operation} stands in {key} and in {counts}"))
                            .label(place(key, position), "has no effect")
                            .label(place(counts, at), "this counts, being the stricter");
                    found.push(diagnostic.source(variant.blueprint.source()).help("keep one of the two"));
                }
            }
        }
        found
    }
}
