//! `bounds-inverted`: a maximum below its minimum.

use super::{Look, Page, Rule, Variant};
use crate::model::Diagnostic;

/// `max_replicas` below `min_replicas`, `maximum` below `minimum`.
pub(super) struct BoundsInverted;

impl Rule for BoundsInverted {
    fn page(&self) -> Page {
        Page {
            code: "bounds-inverted",
            about: "A maximum lies below its minimum",
            explain: "No number of replicas, and no request, is both at least the minimum and at most the maximum, so nothing could ever be\n\
                allowed.\n\n  scaling:\n    min_replicas: 4\n    max_replicas: 2     # below 4\n\n\
                Raise the maximum or lower the minimum.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for Variant { blueprint, .. } in &look.variants {
            let mut report = |low: (&[&str], String), high: (&[&str], String)| {
                let name = |path: &[&str]| path.last().copied().unwrap_or_default().to_owned();
                let (low_name, high_name) = (name(low.0), name(high.0));
                let diagnostic = Diagnostic::error("bounds-inverted", format!("{high_name} is below {low_name}"))
                    .label(blueprint.span(high.0), format!("… but at most {}", high.1))
                    .label(blueprint.span(low.0), format!("at least {} …", low.1))
                    .help(format!("raise {high_name} to {} or more, or lower {low_name}", low.1))
                    .source(blueprint.source());
                found.push(diagnostic);
            };
            let spec = &blueprint.value.spec;
            if let Some(scaling) = &spec.scaling
                && scaling.max_replicas < scaling.min_replicas
            {
                let path = |key| ["spec", "scaling", key];
                report(
                    (&path("min_replicas"), scaling.min_replicas.to_string()),
                    (&path("max_replicas"), scaling.max_replicas.to_string()),
                );
            }
            let resources =
                [("cpu", &spec.resources.cpu), ("memory", &spec.resources.memory), ("disk", &spec.resources.disk)];
            for (resource, bounds) in resources {
                let Some(bounds) = bounds else { continue };
                if let (Some(low), Some(high)) = (&bounds.minimum, &bounds.maximum)
                    && high < low
                {
                    let path = |key| ["spec", "resources", resource, key];
                    report((&path("minimum"), low.to_string()), (&path("maximum"), high.to_string()));
                }
            }
        }
        found
    }
}
