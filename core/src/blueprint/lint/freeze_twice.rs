//! `freeze-twice`: two freezes of one name.

use std::collections::BTreeMap;

use super::{Look, Page, Rule};
use crate::model::{Diagnostic, Name};
use crate::yaml::Node;

/// Freezes of one policy that share a name and a time (X11).
pub(super) struct FreezeTwice;

impl Rule for FreezeTwice {
    fn page(&self) -> Page {
        Page {
            code: "freeze-twice",
            about: "Two freezes of one name overlap",
            explain: "Decisions cite a freeze by its name; two that hold at one time cannot be told apart, and their exceptions contradict each\n\
                other.\n\n  freezes:\n    - {name: year-end, from: 2026-12-20T00:00:00Z, to: 2027-01-04T00:00:00Z}\n    \
                - {name: year-end, from: 2026-12-30T00:00:00Z, to: 2027-01-10T00:00:00Z}\n\nMake one of them, or give each its own name.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for policy in look.catalog.policies.values() {
            let nodes = policy.document.root.get("freezes").map(Node::items).unwrap_or_default();
            let mut named: BTreeMap<&Name, Vec<_>> = BTreeMap::new();
            for (freeze, node) in policy.value.freezes.iter().zip(nodes) {
                named.entry(&freeze.name).or_default().push((freeze, node));
            }
            for same in named.values_mut() {
                same.sort_by_key(|(freeze, _)| (freeze.from, freeze.to));
                for pair in same.windows(2) {
                    let [(first, first_node), (second, second_node)] = pair else { continue };
                    if second.from >= first.to {
                        continue;
                    }
                    let span = |node: &Node| policy.document.span_of(node.get("name").unwrap_or(node));
                    let diagnostic =
                        Diagnostic::warning("freeze-twice", format!("two freezes {} hold at one time", first.name))
                            .label(span(second_node), "begins before the other ends")
                            .label(span(first_node), "the other");
                    found.push(diagnostic.source(policy.source()).help("make one of them, or give each its own name"));
                }
            }
        }
        found
    }
}
