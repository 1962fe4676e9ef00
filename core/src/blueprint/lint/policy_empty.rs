//! `policy-empty`: a policy without a rule.

use super::{Look, Page, Rule, mark};
use crate::blueprint::Limits;
use crate::model::Diagnostic;

/// A policy with neither operations nor limits nor freezes (B2).
pub(super) struct PolicyEmpty;

impl Rule for PolicyEmpty {
    fn page(&self) -> Page {
        Page {
            code: "policy-empty",
            about: "A policy says nothing",
            explain: "Without operations, limits or freezes it changes no decision.\n\n\
                \x20 kind: Policy\n  metadata: {name: base, version: 1.0.0, owner: platform}\n\n\
                Add what it shall rule, for example operations: {change_image: requires_approval}; or delete the file.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for policy in look.catalog.policies.values() {
            let value = &policy.value;
            if value.operations.is_empty() && value.freezes.is_empty() && value.limits == Limits::default() {
                let message = format!("policy {} changes no decision", value.metadata.name);
                let diagnostic =
                    mark(Diagnostic::warning("policy-empty", message), policy, &["metadata", "name"], "this policy");
                found.push(diagnostic.help("add operations, limits or freezes; or delete it"));
            }
        }
        found
    }
}
