//! `threshold-without-effect`: a threshold that utilization always or never passes.

use super::{Look, Page, Rule, declared_total, mark};
use crate::model::{Diagnostic, Percent};

/// `scale_up_threshold: 0%`, `scale_down_threshold: 0%`, or an upper threshold that the CPU limits keep out of reach.
pub(super) struct ThresholdWithoutEffect;

impl Rule for ThresholdWithoutEffect {
    fn page(&self) -> Page {
        Page {
            code: "threshold-without-effect",
            about: "A threshold that utilization always or never passes",
            explain: "Utilization is CPU used ÷ requested. Any load is above 0%, none is below it, and no container uses more than its limit: with\n\
                requests of 100m and limits of 150m utilization ends at 150%, and a threshold of 150% or more is never passed.\n\n\
                \x20 scaling: {scale_up_threshold: 160%}   # limits ÷ requests is 150%\n\n\
                Write a threshold between the two, such as 80%; leave scale_down_threshold out if nothing shall be removed.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        const CODE: &str = "threshold-without-effect";
        let zero = Percent::whole(0);
        let mut found = Vec::new();
        for variant in &look.variants {
            let Some(scaling) = &variant.blueprint.value.spec.scaling else { continue };
            let (up, down) = (["spec", "scaling", "scale_up_threshold"], ["spec", "scaling", "scale_down_threshold"]);
            if scaling.scale_up_threshold == zero {
                let diagnostic = Diagnostic::error(CODE, "any load at all would add a replica");
                let diagnostic = mark(diagnostic, &variant.blueprint, &up, "every utilization is above 0%");
                found.push(diagnostic.help("write the utilization above which one replica is added, such as 80%"));
            }
            if scaling.scale_down_threshold == Some(zero) {
                let diagnostic = Diagnostic::warning(CODE, "no replica would ever be removed");
                let diagnostic = mark(diagnostic, &variant.blueprint, &down, "no utilization is below 0%");
                found.push(diagnostic.help("leave it out, or write a threshold such as 30%"));
            }
            let Some(manifest) = variant.manifest else { continue };
            let (Some(requests), Some(limits)) = (
                declared_total(&manifest.document.root, "requests", "cpu"),
                declared_total(&manifest.document.root, "limits", "cpu"),
            ) else {
                continue;
            };
            let most = Percent::ratio(limits.nanos(), requests.nanos());
            if let Some(most) = most.filter(|most| scaling.scale_up_threshold >= *most && *most > zero) {
                let diagnostic = Diagnostic::error(CODE, "no load would ever add a replica");
                let label = format!("the CPU limits end utilization at {most}: {limits} of {requests} requested");
                let diagnostic = mark(diagnostic, &variant.blueprint, &up, label);
                found.push(diagnostic.help(format!("lower it below {most}, or raise the CPU limits")));
            }
        }
        found
    }
}
