//! `companion-unclear`: what belongs to a workload is declared nowhere, or twice.

use super::{Look, Page, Rule, item_span, mark};
use crate::model::Diagnostic;

/// An object that `spec.target.companions` names and no source declares, or that two manifests declare.
pub(super) struct CompanionUnclear;

impl Rule for CompanionUnclear {
    fn page(&self) -> Page {
        Page {
            code: "companion-unclear",
            about: "What belongs to the workload is declared nowhere, or twice",
            explain: "A plan cannot tell what Git wants of such an object, so its drift is unknown and it is never brought back.\n\n\
                \x20 target: {workload: Deployment/web, namespace: shop, source: deploy, companions: [Certificate/web]}\n\n\
                Declare the object once below target.source, in the target's namespace or without one; or leave it out of companions.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        // A file that could not be read may hold it.
        if !look.all_read() {
            return Vec::new();
        }
        let mut found = Vec::new();
        for (name, blueprint) in &look.catalog.blueprints {
            let environments = look.catalog.workspace.value.environments.keys();
            // What could not be rendered may declare it.
            let unclear: std::collections::BTreeSet<(String, String)> = environments
                .filter(|environment| {
                    let source = &blueprint.value.spec.target.source;
                    blueprint.value.is_in(environment)
                        && look.catalog.declared(environment, source, &blueprint.value.object_in(environment)).is_ok()
                })
                .flat_map(|environment| look.catalog.companions(environment, name).unclear)
                .collect();
            for (what, because) in unclear {
                let message = format!("{what} belongs to the workload, and what Git wants of it is unclear: {because}");
                let diagnostic = Diagnostic::error("companion-unclear", message);
                let named = &blueprint.value.spec.target.companions;
                let diagnostic = match named.iter().position(|companion| companion.to_string() == what) {
                    Some(position) => {
                        let path = ["spec", "target", "companions"];
                        diagnostic.label(item_span(blueprint, &path, position), "named here").source(blueprint.source())
                    }
                    None => mark(diagnostic, blueprint, &["spec", "target", "source"], "looked for below this"),
                };
                found.push(diagnostic.help("declare it once below target.source, or leave it out of companions"));
            }
        }
        found
    }
}
