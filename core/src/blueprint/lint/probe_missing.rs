//! `probe-missing`: a health check that is required and absent.

use super::{Look, Page, Rule, main_containers, mark, mark_node};
use crate::blueprint::Probe;
use crate::model::Diagnostic;

/// `health_checks` that are `required` beside a manifest in which no container has such a probe.
pub(super) struct ProbeMissing;

impl Rule for ProbeMissing {
    fn page(&self) -> Page {
        Page {
            code: "probe-missing",
            about: "A required probe that no container has",
            explain: "Without a readiness probe a pod gets requests before it can answer them; without a liveness probe one that hangs stays.\n\n\
                \x20 reliability: {health_checks: {readiness: required}}   # and no container has a readinessProbe\n\n\
                Add the probe to a container of the manifest, or write `optional`.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for variant in &look.variants {
            let Some(manifest) = variant.manifest else { continue };
            let checks = &variant.blueprint.value.spec.reliability.health_checks;
            let all = main_containers(&manifest.document.root);
            let Some(first) = all.first() else { continue };
            for (key, wanted, probe) in
                [("readiness", checks.readiness, "readinessProbe"), ("liveness", checks.liveness, "livenessProbe")]
            {
                if wanted == Probe::Optional || all.iter().any(|container| container.get(probe).is_some()) {
                    continue;
                }
                let diagnostic = Diagnostic::error("probe-missing", format!("no container has a {probe}"));
                let path = ["spec", "reliability", "health_checks", key];
                let diagnostic = mark(diagnostic, &variant.blueprint, &path, "required here");
                let diagnostic = mark_node(diagnostic, manifest, first, "not in these containers");
                found.push(diagnostic.help(format!("add a {probe} in {}, or write `{key}: optional`", manifest.path)));
            }
        }
        found
    }
}
