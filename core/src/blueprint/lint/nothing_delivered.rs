//! `nothing-delivered`: direct delivery that the blueprint does not let happen.

use super::{Look, Page, Rule, mark};
use crate::blueprint::{Delivery, Operation};
use crate::model::Diagnostic;

/// `agent_authority` without `reconcile` where an environment has `delivery: direct`.
pub(super) struct NothingDelivered;

impl Rule for NothingDelivered {
    fn page(&self) -> Page {
        Page {
            code: "nothing-delivered",
            about: "bpctl delivers, but the blueprint does not list reconcile",
            explain: "Under delivery: direct what was merged reaches the cluster by the operation `reconcile`. Where an agent_authority stands, what\n\
                it does not list needs approval, and there is no pull request that could get one: nothing is ever delivered.\n\n\
                \x20 agent_authority: {allowed_operations: [scale]}   # and the environment has delivery: direct\n\n\
                Add reconcile to allowed_operations; or to requires_approval, if it is meant that nothing is delivered.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for variant in &look.variants {
            let Some(authority) = &variant.blueprint.value.governance.agent_authority else { continue };
            let lists = [&authority.allowed_operations, &authority.requires_approval, &authority.forbidden_operations];
            let direct = variant.environments.iter().find(|(_, environment)| environment.delivery == Delivery::Direct);
            let Some((name, _)) = direct.filter(|_| !lists.iter().any(|list| list.contains(&Operation::Reconcile)))
            else {
                continue;
            };
            let message = "nothing that is merged reaches the cluster: reconcile is listed nowhere";
            let diagnostic = Diagnostic::warning("nothing-delivered", message);
            let path = ["governance", "agent_authority"];
            let diagnostic = mark(diagnostic, &variant.blueprint, &path, "what is not listed here needs approval");
            let path = ["environments", name.as_str(), "delivery"];
            let diagnostic = mark(diagnostic, &look.catalog.workspace, &path, "bpctl delivers here");
            found.push(diagnostic.help("add reconcile to allowed_operations"));
        }
        found
    }
}
