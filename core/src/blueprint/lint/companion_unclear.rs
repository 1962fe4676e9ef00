//! `companion-unclear`: what belongs to a workload is declared nowhere, or twice, or belongs to none.

use std::collections::{BTreeMap, BTreeSet};

use super::{Look, Page, Rule, item_span, mark, mark_node};
use crate::model::{Diagnostic, WorkloadKind};
use crate::yaml::{Node, nearest};

/// An object that `spec.target.companions` names and no source declares, or that two manifests declare; an autoscaler of nothing.
pub(super) struct CompanionUnclear;

impl Rule for CompanionUnclear {
    fn page(&self) -> Page {
        Page {
            code: "companion-unclear",
            about: "What belongs to the workload is declared nowhere, or twice, or names another one",
            explain: "A plan cannot tell what Git wants of such an object, so its drift is unknown and it is never brought back.\n\n\
                \x20 target: {workload: Deployment/web, namespace: shop, source: deploy, companions: [Certificate/web]}\n\n\
                Declare the object once below target.source, in the target's namespace or without one; or leave it out of companions.\n\n\
                A HorizontalPodAutoscaler whose scaleTargetRef names a workload that no manifest declares scales nothing, and bpctl does not\n\
                see whose replicas it is meant to own: correct the name.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        // A file that could not be read may hold it.
        if !look.all_read() {
            return Vec::new();
        }
        let mut found = autoscalers_of_nothing(look);
        for (name, blueprint) in &look.catalog.blueprints {
            let environments = look.catalog.workspace.value.environments.keys();
            // What could not be rendered may declare it.
            let unclear: BTreeSet<(String, String)> = environments
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

/// Autoscalers below a blueprint's source of which no manifest declares what they scale. Of what could not be rendered nothing is known.
fn autoscalers_of_nothing(look: &Look<'_>) -> Vec<Diagnostic> {
    if !look.knows_all() {
        return Vec::new();
    }
    let mut workloads: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for object in look.all_manifests().map(|manifest| &manifest.object) {
        workloads.entry(&object.kind).or_default().insert(&object.name);
    }
    let mut found = Vec::new();
    for manifest in look.all_manifests().filter(|manifest| manifest.object.kind == "HorizontalPodAutoscaler") {
        let Some(scaled) = manifest.document.root.at(&["spec", "scaleTargetRef"]) else { continue };
        let text = |key| scaled.get(key).and_then(Node::as_str);
        let (Some(kind), Some(node)) = (text("kind"), scaled.get("name")) else { continue };
        let Some(name) = node.as_str().filter(|name| !name.contains('$')) else { continue };
        let sources = look.catalog.blueprints.values().map(|blueprint| &blueprint.value.spec.target.source);
        let declared = workloads.get(kind).is_some_and(|names| names.contains(name));
        if WorkloadKind::of_kind(kind).is_none() || declared || !sources.into_iter().any(|s| manifest.path.meets(s)) {
            continue;
        }
        let message = format!("{} scales {kind}/{name}, which no manifest declares", manifest.object);
        let diagnostic = mark_node(Diagnostic::warning("companion-unclear", message), manifest, node, "named here");
        let names: Vec<&str> = workloads.get(kind).into_iter().flatten().copied().collect();
        found.push(diagnostic.help(match nearest(name, &names) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "name the workload that it shall scale".into(),
        }));
    }
    found
}
