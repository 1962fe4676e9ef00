//! `request-above-limit`: a container that Kubernetes refuses.

use super::{Look, Page, Rule, container_name, declared, main_containers, mark_node};
use crate::blueprint::Manifest;
use crate::model::Diagnostic;

/// A container's request above its own limit.
pub(super) struct RequestAboveLimit;

impl Rule for RequestAboveLimit {
    fn page(&self) -> Page {
        Page {
            code: "request-above-limit",
            about: "A container requests more than its limit",
            explain: "Kubernetes refuses such a pod template, so the manifest can never be applied.\n\n\
                \x20 resources:\n    requests: {memory: 512Mi}\n    limits: {memory: 256Mi}\n\nRaise the limit or lower the request.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        look.variants.iter().filter_map(|variant| variant.manifest).flat_map(above_limit).collect()
    }
}

/// Every request of a workload's containers that is above its limit.
pub(super) fn above_limit(manifest: &Manifest) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for container in main_containers(&manifest.document.root) {
        for resource in ["cpu", "memory", "ephemeral-storage"] {
            let of = |part| declared(container, part, resource);
            let (Some(request), Some(limit)) = (of("requests"), of("limits")) else { continue };
            let node = |part| container.at(&["resources", part, resource]);
            if request <= limit {
                continue;
            }
            let (Some(high), Some(low)) = (node("requests"), node("limits")) else { continue };
            let message = format!("container {} requests more {resource} than its limit", container_name(container));
            let diagnostic = Diagnostic::error("request-above-limit", message);
            let diagnostic = mark_node(diagnostic, manifest, high, format!("{request} requested …"));
            let diagnostic = mark_node(diagnostic, manifest, low, format!("… but at most {limit}"));
            found.push(diagnostic.help(format!("raise the limit to {request} or more, or lower the request")));
        }
    }
    found
}
