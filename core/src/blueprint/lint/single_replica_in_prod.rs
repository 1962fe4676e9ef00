//! `single-replica-in-prod`: one pod carries production.

use super::{Look, Page, Rule, mark};
use crate::model::Diagnostic;

/// `min_replicas: 1` where an environment's tier is `prod`.
pub(super) struct SingleReplicaInProd;

impl Rule for SingleReplicaInProd {
    fn page(&self) -> Page {
        Page {
            code: "single-replica-in-prod",
            about: "One replica carries production",
            explain: "With a minimum of one, a single node that goes away takes the service with it.\n\n\
                \x20 scaling: {min_replicas: 1, max_replicas: 5}   # in an environment with tier: prod\n\n\
                Write min_replicas: 2 or more, at least for that environment:\n\n\
                \x20 environments: {prod: {spec: {scaling: {min_replicas: 2}}}}",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for variant in look.variants.iter().filter(|variant| variant.in_prod()) {
            if variant.blueprint.value.spec.scaling.as_ref().is_some_and(|scaling| scaling.min_replicas == 1) {
                let diagnostic =
                    Diagnostic::warning("single-replica-in-prod", "one replica may carry production alone");
                let path = ["spec", "scaling", "min_replicas"];
                let diagnostic = mark(diagnostic, &variant.blueprint, &path, "holds in an environment of tier prod");
                found.push(diagnostic.help("write 2 or more, here or below `environments:`"));
            }
        }
        found
    }
}
