//! `override-unknown-environment`: fields for an environment that is not there.

use super::{Look, Page, Rule, item_span, key_span};
use crate::model::Diagnostic;

/// A name in a blueprint's `environments`, or in those of its target, that the workspace lacks.
pub(super) struct OverrideUnknownEnvironment;

impl Rule for OverrideUnknownEnvironment {
    fn page(&self) -> Page {
        Page {
            code: "override-unknown-environment",
            about: "Fields for an environment that the workspace does not have",
            explain: "They never hold, and the environment that was meant goes by the looser values above.\n\n\
                \x20 # bpctl.yaml                # the blueprint\n  environments: {prod: …}     environments: {production: {spec: …}}\n\n\
                Write the name as bpctl.yaml has it, or add the environment there.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let known = &look.catalog.workspace.value.environments;
        let mut found = Vec::new();
        for blueprint in look.catalog.blueprints.values() {
            let overrides = blueprint.value.environments.keys();
            let overrides = overrides.map(|name| (name, key_span(blueprint, &["environments"], name.as_str())));
            let path = ["spec", "target", "environments"];
            let places = blueprint.value.spec.target.environments.iter().enumerate();
            let places = places.map(|(position, name)| (name, item_span(blueprint, &path, position)));
            for (name, span) in overrides.chain(places).filter(|(name, _)| !known.contains_key(*name)) {
                let names: Vec<&str> = known.keys().map(crate::model::Name::as_str).collect();
                let message = format!("bpctl.yaml has no environment {name}");
                let diagnostic =
                    Diagnostic::error("override-unknown-environment", message).label(span, "this never holds");
                let help = format!("write one of {}, or add {name} to bpctl.yaml", names.join(", "));
                found.push(diagnostic.source(blueprint.source()).help(help));
            }
        }
        found
    }
}
