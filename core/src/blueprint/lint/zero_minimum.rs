//! `zero-minimum`: a minimum that no operation may reach.

use super::{Look, Page, Rule, mark};
use crate::model::Diagnostic;

/// `min_replicas: 0`.
pub(super) struct ZeroMinimum;

impl Rule for ZeroMinimum {
    fn page(&self) -> Page {
        Page {
            code: "zero-minimum",
            about: "A minimum of zero replicas promises what is always forbidden",
            explain: "Zero replicas is an outage; bpctl never scales there, whatever the minimum says. Utilization of no pods is not known\n\
                either, so nothing would scale it up again.\n\n  scaling: {min_replicas: 0, max_replicas: 5}\n\nWrite min_replicas: 1 or more.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for variant in &look.variants {
            if variant.blueprint.value.spec.scaling.as_ref().is_some_and(|scaling| scaling.min_replicas == 0) {
                let diagnostic = Diagnostic::warning("zero-minimum", "min_replicas is 0, where bpctl never scales to");
                let path = ["spec", "scaling", "min_replicas"];
                found.push(
                    mark(diagnostic, &variant.blueprint, &path, "zero is always forbidden").help("write 1 or more"),
                );
            }
        }
        found
    }
}
