//! `freeze-inverted`: a freeze that ends before it begins.

use super::{Look, Page, Rule};
use crate::model::Diagnostic;
use crate::yaml::Node;

/// `to` at or before `from` (X11).
pub(super) struct FreezeInverted;

impl Rule for FreezeInverted {
    fn page(&self) -> Page {
        Page {
            code: "freeze-inverted",
            about: "A freeze ends before it begins",
            explain: "It never holds anything, while its author relies on it.\n\n\
                \x20 freezes: [{name: year-end, from: 2027-01-04T00:00:00Z, to: 2026-12-20T00:00:00Z}]\n\nSwap the two, or correct the year.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for policy in look.catalog.policies.values() {
            let nodes = policy.document.root.get("freezes").map(Node::items).unwrap_or_default();
            for (freeze, node) in policy.value.freezes.iter().zip(nodes) {
                let (Some(from), Some(to)) = (node.get("from"), node.get("to")) else { continue };
                if freeze.to <= freeze.from {
                    let message = format!("freeze {} ends before it begins", freeze.name);
                    let diagnostic = Diagnostic::error("freeze-inverted", message)
                        .label(policy.document.span_of(to), "ends here …")
                        .label(policy.document.span_of(from), "… but begins here");
                    found.push(diagnostic.source(policy.source()).help("swap the two, or correct the year"));
                }
            }
        }
        found
    }
}
