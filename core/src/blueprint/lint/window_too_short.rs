//! `window-too-short`: a mean over less time than one measurement takes.

use super::{Look, Page, Rule, mark};
use crate::model::Diagnostic;

/// `scaling.window` below the environment's `prometheus.rate_interval`.
pub(super) struct WindowTooShort;

impl Rule for WindowTooShort {
    fn page(&self) -> Page {
        Page {
            code: "window-too-short",
            about: "The window is shorter than one measurement",
            explain: "scaling.window is the time that utilization is the mean of. Each value in it is itself a rate over prometheus.rate_interval,\n\
                so a shorter window holds no more than a part of one value.\n\n\
                \x20 # bpctl.yaml                              # the blueprint\n  prometheus: {rate_interval: 2m, …}        scaling: {window: 60s}\n\n\
                Write a window of at least the interval; five times it is usual.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for variant in &look.variants {
            let Some(scaling) = &variant.blueprint.value.spec.scaling else { continue };
            for (name, environment) in &variant.environments {
                let Some(prometheus) = environment.prometheus.as_ref() else { continue };
                if scaling.window >= prometheus.rate_interval {
                    continue;
                }
                let message = format!("a window of {} is shorter than the rate_interval of {name}", scaling.window);
                let diagnostic = Diagnostic::warning("window-too-short", message);
                let label = format!("below {}", prometheus.rate_interval);
                let diagnostic = mark(diagnostic, &variant.blueprint, &["spec", "scaling", "window"], label);
                let path = ["environments", name.as_str(), "prometheus", "rate_interval"];
                let label = format!("each value is a rate over {}", prometheus.rate_interval);
                let diagnostic = mark(diagnostic, &look.catalog.workspace, &path, label);
                found.push(diagnostic.help(format!("write {} or more", prometheus.rate_interval)));
            }
        }
        found
    }
}
