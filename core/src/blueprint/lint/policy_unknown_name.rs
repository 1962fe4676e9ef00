//! `policy-unknown-name`: a policy that speaks of somebody who is not there.

use std::collections::BTreeSet;

use super::{Look, Page, Rule, item_span};
use crate::model::Diagnostic;

/// `match.blueprints` or `match.owners` with a name that no blueprint has.
pub(super) struct PolicyUnknownName;

impl Rule for PolicyUnknownName {
    fn page(&self) -> Page {
        Page {
            code: "policy-unknown-name",
            about: "A policy names a blueprint or an owner that does not exist",
            explain: "A rule that matches nobody protects nobody: a mistyped name is the usual reason.\n\n\
                \x20 match: {blueprints: [fronted], owners: [team-wbe]}\n\nCorrect the name, or delete it.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        if !look.all_read() {
            return Vec::new();
        }
        let owners: BTreeSet<&str> =
            look.catalog.blueprints.values().map(|blueprint| blueprint.value.metadata.owner.as_str()).collect();
        let mut found = Vec::new();
        for policy in look.catalog.policies.values() {
            let mut report = |key: &str, position: usize, what: &str| {
                let message = format!("no blueprint has this {what}, so nothing is matched by it");
                let diagnostic = Diagnostic::warning("policy-unknown-name", message)
                    .label(item_span(policy, &["match", key], position), "matches nothing");
                found.push(diagnostic.source(policy.source()).help("correct the name, or delete it"));
            };
            for (position, name) in policy.value.applies_to.blueprints.iter().enumerate() {
                if !look.catalog.blueprints.contains_key(name) {
                    report("blueprints", position, "name");
                }
            }
            for (position, owner) in policy.value.applies_to.owners.iter().enumerate() {
                if owner != "*" && !owners.contains(owner.as_str()) {
                    report("owners", position, "owner");
                }
            }
        }
        found
    }
}
