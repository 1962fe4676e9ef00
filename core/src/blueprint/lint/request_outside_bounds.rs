//! `request-outside-bounds`: the manifest requests what the blueprint does not want.

use super::{Look, Page, Rule, declared, declared_total, main_containers, mark, mark_node, sized_container};
use crate::model::Diagnostic;

/// The sum of a pod's requests below `minimum` or above `maximum`.
pub(super) struct RequestOutsideBounds;

impl Rule for RequestOutsideBounds {
    fn page(&self) -> Page {
        Page {
            code: "request-outside-bounds",
            about: "The manifest's requests lie outside the blueprint's bounds",
            explain: "Bounds of resources are per pod: the sum over its containers, or what spec.resources.container names. What Git declares already breaks them.\n\n\
                \x20 # deploy/web.yaml                   # the blueprint\n  resources: {requests: {cpu: 2}}     resources: {cpu: {maximum: \"1\"}}\n\n\
                Change the request, or the bound. Where a container says nothing the sum is not known, and nothing is reported.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for variant in &look.variants {
            let Some(manifest) = variant.manifest else { continue };
            let resources = &variant.blueprint.value.spec.resources;
            for (resource, name, bounds) in [
                ("cpu", "cpu", &resources.cpu),
                ("memory", "memory", &resources.memory),
                ("disk", "ephemeral-storage", &resources.disk),
            ] {
                let root = &manifest.document.root;
                let of_one = resources.container.as_ref().and_then(|named| sized_container(root, Some(named)).ok());
                let requested = match &resources.container {
                    None => declared_total(root, "requests", name),
                    Some(_) => of_one.as_ref().and_then(|(_, container)| declared(container, "requests", name)),
                };
                let (Some(bounds), Some(requested)) = (bounds, requested) else { continue };
                let below = bounds.minimum.as_ref().filter(|minimum| requested < **minimum).map(|m| ("minimum", m));
                let above = bounds.maximum.as_ref().filter(|maximum| requested > **maximum).map(|m| ("maximum", m));
                for (key, bound) in below.into_iter().chain(above) {
                    let side = if key == "minimum" { "below" } else { "above" };
                    let who =
                        of_one.as_ref().map_or_else(|| "pod".into(), |(name, _)| format!("pod of container {name}"));
                    let message = format!("the manifest requests {requested} of {name} per {who}, {side} the {key}");
                    let diagnostic = Diagnostic::warning("request-outside-bounds", message);
                    let path = ["spec", "resources", resource, key];
                    let mut diagnostic = mark(diagnostic, &variant.blueprint, &path, format!("{key} is {bound}"));
                    let all = main_containers(root).iter();
                    for container in all.filter(|c| of_one.as_ref().is_none_or(|(_, one)| std::ptr::eq(*one, *c))) {
                        if let Some(node) = container.at(&["resources", "requests", name]) {
                            diagnostic = mark_node(diagnostic, manifest, node, "requested here");
                        }
                    }
                    found.push(diagnostic.help(format!("change the request in {}, or the {key}", manifest.path)));
                }
            }
        }
        found
    }
}
