//! `percentage-out-of-range`: a share above the whole, or of nothing.

use super::{Look, Page, Rule, mark};
use crate::model::{Diagnostic, Percent};

/// `availability`, `error_rate` or `target_utilization` above 100 %, or a target of 0 %.
pub(super) struct PercentageOutOfRange;

impl Rule for PercentageOutOfRange {
    fn page(&self) -> Page {
        Page {
            code: "percentage-out-of-range",
            about: "A share of more than all, or a target of nothing",
            explain: "No service is there for more than 100% of the time, no more than 100% of requests fail, and a request that is to be used\n\
                to 0% or to more than 100% has no size. A limit is no less than its request.\n\n\
                \x20 performance: {availability: 999%}\n  resources: {cpu: {target_utilization: 0%}}\n\nWrite a share such as 99.9% or 70%.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let whole = Percent::whole(100);
        let mut found = Vec::new();
        for variant in &look.variants {
            let spec = &variant.blueprint.value.spec;
            let mut report = |path: &[&str], value: Percent, example: &str| {
                let name = path.last().copied().unwrap_or_default();
                let diagnostic = Diagnostic::error("percentage-out-of-range", format!("{name} cannot be {value}"));
                let label = if name == "limit_ratio" {
                    "less than the request"
                } else if value > whole {
                    "more than all"
                } else {
                    "nothing"
                };
                found.push(
                    mark(diagnostic, &variant.blueprint, path, label).help(format!("write a share such as {example}")),
                );
            };
            for (key, value, example) in [
                ("availability", spec.performance.availability, "99.9%"),
                ("error_rate", spec.performance.error_rate, "1%"),
            ] {
                if let Some(value) = value.filter(|value| *value > whole) {
                    report(&["spec", "performance", key], value, example);
                }
            }
            let resources =
                [("cpu", &spec.resources.cpu), ("memory", &spec.resources.memory), ("disk", &spec.resources.disk)];
            for (resource, bounds) in resources {
                let target = bounds.as_ref().and_then(|bounds| bounds.target_utilization);
                if let Some(target) = target.filter(|target| *target > whole || *target == Percent::whole(0)) {
                    report(&["spec", "resources", resource, "target_utilization"], target, "70%");
                }
                let ratio = bounds.as_ref().and_then(|bounds| bounds.limit_ratio);
                if let Some(ratio) = ratio.filter(|ratio| *ratio < whole) {
                    report(&["spec", "resources", resource, "limit_ratio"], ratio, "200%");
                }
            }
        }
        found
    }
}
