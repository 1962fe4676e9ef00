//! `listed-twice`: an item that a list holds already.

use super::{Look, Page, Rule};
use crate::blueprint::Located;
use crate::model::Diagnostic;
use crate::yaml::Node;

/// Equal items in a list of operations, approvers, owners, tiers or blueprints.
pub(super) struct ListedTwice;

impl Rule for ListedTwice {
    fn page(&self) -> Page {
        Page {
            code: "listed-twice",
            about: "A list holds the same item twice",
            explain: "The second changes nothing; often another one was meant.\n\n  approvers: [alice, bob, alice]\n\nDelete one of the two.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for variant in &look.variants {
            let blueprint = &*variant.blueprint;
            let governance = &blueprint.value.governance;
            let mut list = |is: bool, path: &[&str]| {
                if is {
                    report(blueprint, blueprint.document.root.at(path), &mut found);
                }
            };
            if let Some(authority) = &governance.agent_authority {
                for (key, list_of) in [
                    ("allowed_operations", &authority.allowed_operations),
                    ("requires_approval", &authority.requires_approval),
                    ("forbidden_operations", &authority.forbidden_operations),
                ] {
                    list(repeats(list_of), &["governance", "agent_authority", key]);
                }
            }
            list(repeats(&governance.approval_workflow.approvers), &["governance", "approval_workflow", "approvers"]);
        }
        for policy in look.catalog.policies.values() {
            let root = &policy.document.root;
            for key in ["tiers", "owners", "blueprints"] {
                report(policy, root.at(&["match", key]), &mut found);
            }
            for freeze in root.get("freezes").map(Node::items).unwrap_or_default() {
                report(policy, freeze.get("except"), &mut found);
            }
        }
        found
    }
}

/// Whether the text is worth a look.
fn repeats<T: PartialEq>(list: &[T]) -> bool {
    list.iter().enumerate().any(|(at, item)| list[..at].contains(item))
}

fn report<T>(on: &Located<T>, list: Option<&Node>, found: &mut Vec<Diagnostic>) {
    let mut seen: std::collections::BTreeMap<&str, &Node> = std::collections::BTreeMap::new();
    for item in list.map(Node::items).unwrap_or_default() {
        let Some(text) = item.as_str() else { continue };
        match seen.get(text) {
            None => {
                seen.insert(text, item);
            }
            Some(first) => {
                let diagnostic = Diagnostic::warning("listed-twice", "this item stands in the list already")
                    .label(on.document.span_of(item), "again")
                    .label(on.document.span_of(first), "the first");
                found.push(diagnostic.source(on.source()).help("delete one; was another one meant?"));
            }
        }
    }
}
