//! `freeze-over`: a freeze that has ended.

use super::{Look, Page, Rule};
use crate::model::Diagnostic;
use crate::yaml::Node;

/// `to` in the past (X11).
pub(super) struct FreezeOver;

impl Rule for FreezeOver {
    fn page(&self) -> Page {
        Page {
            code: "freeze-over",
            about: "A freeze has ended",
            explain: "It holds nothing any more. A list of past freezes hides the next one.\n\n\
                \x20 freezes: [{name: year-end, from: 2019-12-20T00:00:00Z, to: 2020-01-04T00:00:00Z}]\n\nDelete it, or write the next dates.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for policy in look.catalog.policies.values() {
            let nodes = policy.document.root.get("freezes").map(Node::items).unwrap_or_default();
            for (freeze, node) in policy.value.freezes.iter().zip(nodes) {
                let Some(to) = node.get("to") else { continue };
                if freeze.to <= look.surroundings.now && freeze.from < freeze.to {
                    let diagnostic = Diagnostic::info("freeze-over", format!("freeze {} has ended", freeze.name))
                        .label(policy.document.span_of(to), "in the past");
                    found.push(diagnostic.source(policy.source()).help("delete it, or write the next dates"));
                }
            }
        }
        found
    }
}
