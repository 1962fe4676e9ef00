//! `scaling-fixed`: bounds that leave nothing to scale.

use super::{Look, Page, Rule, mark};
use crate::model::Diagnostic;

/// `min_replicas` equal to `max_replicas`.
pub(super) struct ScalingFixed;

impl Rule for ScalingFixed {
    fn page(&self) -> Page {
        Page {
            code: "scaling-fixed",
            about: "Minimum and maximum are the same, so nothing is ever scaled alone",
            explain: "Every change of replicas needs approval then. That may be meant; thresholds and window have no use beside it.\n\n\
                \x20 scaling: {min_replicas: 3, max_replicas: 3, scale_up_threshold: 80%}\n\nRaise max_replicas if bpctl shall scale.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for variant in &look.variants {
            let Some(scaling) = &variant.blueprint.value.spec.scaling else { continue };
            if scaling.min_replicas == scaling.max_replicas && scaling.min_replicas > 0 {
                let message = format!("bpctl cannot scale: minimum and maximum are both {}", scaling.max_replicas);
                let diagnostic = Diagnostic::info("scaling-fixed", message);
                let path = ["spec", "scaling", "max_replicas"];
                let diagnostic = mark(diagnostic, &variant.blueprint, &path, "equal to min_replicas");
                found.push(diagnostic.help("raise max_replicas if bpctl shall scale"));
            }
        }
        found
    }
}
