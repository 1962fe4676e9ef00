//! `objective-without-meaning`: a service level that cannot be held or measured.

use super::{Look, Page, Rule, mark};
use crate::blueprint::Performance;
use crate::model::{Diagnostic, Period};

/// `latency_p95` of zero, `throughput` that is no number per time.
pub(super) struct ObjectiveWithoutMeaning;

impl Rule for ObjectiveWithoutMeaning {
    fn page(&self) -> Page {
        Page {
            code: "objective-without-meaning",
            about: "A service level that nothing can hold, or that is no measure",
            explain: "No request is answered in no time; and a throughput is a whole number of requests per s, m or h.\n\n\
                \x20 performance: {latency_p95: 0s, throughput: a lot}\n\nWrite values such as latency_p95: 200ms and throughput: 100/s.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        const CODE: &str = "objective-without-meaning";
        let mut found = Vec::new();
        for variant in &look.variants {
            let performance = &variant.blueprint.value.spec.performance;
            if performance.latency_p95 == Some(Period::from_millis(0)) {
                let diagnostic = Diagnostic::error(CODE, "nothing is answered within 0s");
                let path = ["spec", "performance", "latency_p95"];
                found.push(
                    mark(diagnostic, &variant.blueprint, &path, "no time at all").help("write a time such as 200ms"),
                );
            }
            if performance.throughput.as_deref().is_some_and(|text| Performance::rate(text).is_none()) {
                let diagnostic = Diagnostic::error(CODE, "throughput is a whole number of requests per s, m or h");
                let path = ["spec", "performance", "throughput"];
                found
                    .push(mark(diagnostic, &variant.blueprint, &path, "not such a number").help("write it like 100/s"));
            }
        }
        found
    }
}
