//! `override-expired`: an environment's override that has no effect any more.

use super::{Look, Page, Rule, mark};
use crate::model::Diagnostic;

/// `environments.ENV.expires` in the past (X11).
pub(super) struct OverrideExpired;

impl Rule for OverrideExpired {
    fn page(&self) -> Page {
        Page {
            code: "override-expired",
            about: "An environment's override has expired",
            explain: "It has no effect any more: the environment has what the blueprint says above.\n\n\
                \x20 environments:\n    prod: {expires: 2020-01-04T00:00:00Z, spec: {scaling: {max_replicas: 20}}}\n\n\
                Delete it; or, where it shall hold on, write the next end, or none.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for blueprint in look.catalog.blueprints.values() {
            for (name, over) in &blueprint.value.environments {
                if over.expires.is_some_and(|expires| expires <= look.surroundings.now) {
                    let message = format!("the override of {name} has no effect any more");
                    let path = ["environments", name.as_str(), "expires"];
                    let diagnostic = Diagnostic::warning("override-expired", message);
                    let diagnostic = mark(diagnostic, blueprint, &path, "in the past");
                    found.push(diagnostic.help("delete the override, or write another end"));
                }
            }
        }
        found
    }
}
