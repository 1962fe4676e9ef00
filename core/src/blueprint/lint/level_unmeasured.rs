//! `level-unmeasured`: a promise that nothing measures.

use super::look::key_span;
use super::{Look, Page, Rule};
use crate::model::{Diagnostic, Name};
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

    /// Once for an environment, because one line of the workspace mends it for every blueprint there.
    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let workspace = &look.catalog.workspace;
        let environments = workspace.value.environments.iter();
        // A recording holds what was measured where it was made.
        let blind = environments.filter(|(_, place)| place.prometheus.is_none() && place.cluster.snapshot.is_none());
        blind
            .filter_map(|(name, _)| Some((name, Self::promised(look, name)?)))
            .map(|(name, promised)| {
                let of = match promised.as_slice() {
                    [one] => format!("blueprint {one}"),
                    many => format!("{} blueprints", many.len()),
                };
                let message = format!("nothing measures the service levels of {of} in environment {name}");
                let span = key_span(workspace, &["environments"], name.as_str());
                let diagnostic = Diagnostic::warning("level-unmeasured", message).source(workspace.source());
                let help =
                    "add `prometheus: {url: …}` to the environment, or remove `spec.performance` from what runs there";
                diagnostic.label(span, "names no prometheus").help(help)
            })
            .collect()
    }
}

impl LevelUnmeasured {
    /// The blueprints that promise levels in an environment; `None`: none does.
    fn promised<'l>(look: &'l Look<'_>, name: &Name) -> Option<Vec<&'l Name>> {
        let there = look.variants.iter().filter(|variant| variant.environments.iter().any(|(other, _)| *other == name));
        let promises = there
            .map(|variant| &variant.blueprint.value)
            .filter(|blueprint| Level::ALL.into_iter().any(|level| blueprint.spec.level_window(level).is_some()));
        let promised: Vec<_> = promises.map(|blueprint| &blueprint.metadata.name).collect();
        (!promised.is_empty()).then_some(promised)
    }
}
