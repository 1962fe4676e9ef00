//! `level-unmeasured`: a promise that nothing measures.

use super::{Look, Page, Rule, mark};
use crate::model::Diagnostic;
use crate::observe::Level;

/// `spec.performance` in an environment that names no Prometheus.
pub(super) struct LevelUnmeasured;

impl Rule for LevelUnmeasured {
    fn page(&self) -> Page {
        Page {
            code: "level-unmeasured",
            about: "A service level in an environment that names no Prometheus",
            explain: "Latency, errors and load are known by a Prometheus alone. Without one whether they are met is never known.\n\n\
                \x20 # bpctl.yaml                        # the blueprint\n  staging:                            performance:\n    \
                cluster: {context: staging}         latency_p95: 200ms\n\n\
                Add `prometheus: {url: …}` to the environment, or remove the promise.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for variant in &look.variants {
            let spec = &variant.blueprint.value.spec;
            if Level::ALL.into_iter().all(|level| spec.level_window(level).is_none()) {
                continue;
            }
            // A recording holds what was measured where it was made.
            let blind = variant
                .environments
                .iter()
                .find(|(_, place)| place.prometheus.is_none() && place.cluster.snapshot.is_none());
            let Some((name, _)) = blind else { continue };
            let message = format!("nothing measures the service levels in environment {name}");
            let diagnostic = Diagnostic::warning("level-unmeasured", message);
            let diagnostic = mark(diagnostic, &variant.blueprint, &["spec", "performance"], "promised here");
            let help = format!("add a prometheus to environment {name} in bpctl.yaml, or remove the promise");
            found.push(diagnostic.help(help));
        }
        found
    }
}
