//! `thresholds-oscillate`: a step down that would call for a step up at once.

use super::{Look, Page, Rule, Variant};
use crate::model::{Diagnostic, Percent};

/// `scale_down_threshold` too near to `scale_up_threshold`.
pub(super) struct ThresholdsOscillate;

impl Rule for ThresholdsOscillate {
    fn page(&self) -> Page {
        Page {
            code: "thresholds-oscillate",
            about: "Scaling down would at once call for scaling up",
            explain: "One replica less carries the same load on fewer pods. Just above the minimum that is the largest jump: from n to n-1 replicas\n\
                utilization rises by n/(n-1). If scale_down_threshold × n/(n-1) passes scale_up_threshold, replicas would go down and up for ever.\n\n\
                \x20 min_replicas: 1\n  scale_up_threshold: 80%\n  scale_down_threshold: 50%   # 2 → 1 replicas: 50% becomes 100%\n\n\
                Lower scale_down_threshold. (bpctl also refuses the single step, whatever the thresholds say.)",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for Variant { blueprint, .. } in &look.variants {
            let Some(scaling) = &blueprint.value.spec.scaling else { continue };
            let Some(down) = scaling.scale_down_threshold else { continue };
            let from = u64::from(scaling.min_replicas.max(1)) + 1;
            let after = Percent::from_basis_points(down.basis_points().saturating_mul(from) / (from - 1));
            let up = scaling.scale_up_threshold;
            if scaling.max_replicas <= scaling.min_replicas || after <= up {
                continue;
            }
            let highest = Percent::whole(up.basis_points() * (from - 1) / from / 100);
            let message = format!("scaling down at {down} would at once call for scaling up");
            let diagnostic = Diagnostic::error("thresholds-oscillate", message)
                .label(
                    blueprint.span(&["spec", "scaling", "scale_down_threshold"]),
                    format!("{from} replicas at {down} leave {} at {after}", from - 1),
                )
                .label(blueprint.span(&["spec", "scaling", "scale_up_threshold"]), format!("above {up} one is added"))
                .help(format!("lower scale_down_threshold to {highest} or less"))
                .source(blueprint.source());
            found.push(diagnostic);
        }
        found
    }
}
