//! `target-above-scale-up`: a request sized for a utilization that at once adds a replica.

use super::{Look, Page, Rule, mark};
use crate::model::Diagnostic;

/// CPU `target_utilization` at or above `scale_up_threshold`.
pub(super) struct TargetAboveScaleUp;

impl Rule for TargetAboveScaleUp {
    fn page(&self) -> Page {
        Page {
            code: "target-above-scale-up",
            about: "Pods sized as wanted would at once be scaled up",
            explain: "target_utilization is what CPU requests are sized for; scale_up_threshold is where a replica is added. With the first at or\n\
                above the second a well-sized workload grows without need.\n\n\
                \x20 resources: {cpu: {target_utilization: 85%}}\n  scaling: {scale_up_threshold: 80%}\n\n\
                Lower target_utilization, or raise scale_up_threshold.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for variant in &look.variants {
            let spec = &variant.blueprint.value.spec;
            let target = spec.resources.cpu.as_ref().and_then(|cpu| cpu.target_utilization);
            let (Some(target), Some(scaling)) = (target, &spec.scaling) else { continue };
            let up = scaling.scale_up_threshold;
            if target < up {
                continue;
            }
            let message = format!("CPU sized for {target} would at once be scaled up");
            let diagnostic = Diagnostic::warning("target-above-scale-up", message);
            let path = ["spec", "resources", "cpu", "target_utilization"];
            let diagnostic = mark(diagnostic, &variant.blueprint, &path, format!("{target} is wanted …"));
            let path = ["spec", "scaling", "scale_up_threshold"];
            let diagnostic = mark(diagnostic, &variant.blueprint, &path, format!("… but above {up} one is added"));
            found.push(diagnostic.help(format!("lower target_utilization below {up}, or raise scale_up_threshold")));
        }
        found
    }
}
