//! `scaling-without-cpu-request`: utilization that cannot be known.

use super::{Look, Page, Rule, container_name, declared, is_misspelt, main_containers, mark, mark_node};
use crate::model::Diagnostic;

/// `spec.scaling` over a manifest with a container that requests no CPU.
pub(super) struct ScalingWithoutCpuRequest;

impl Rule for ScalingWithoutCpuRequest {
    fn page(&self) -> Page {
        Page {
            code: "scaling-without-cpu-request",
            about: "Scaling needs a CPU request in every container",
            explain: "Utilization is CPU used ÷ requested. Where a container requests none it is not known, and nothing is scaled (unless\n\
                a LimitRange of the namespace fills the request in).\n\n  containers:\n    - name: web\n      resources: {}   # no requests.cpu\n\n\
                Add resources.requests.cpu to each container, or remove spec.scaling.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for variant in &look.variants {
            let (Some(_), Some(manifest)) = (&variant.blueprint.value.spec.scaling, variant.manifest) else { continue };
            let without = main_containers(&manifest.document.root)
                .iter()
                .find(|container| declared(container, "requests", "cpu").is_none() && !is_misspelt(container));
            let Some(container) = without else { continue };
            let message =
                format!("container {} requests no CPU, so utilization is not known", container_name(container));
            let diagnostic = Diagnostic::warning("scaling-without-cpu-request", message);
            let diagnostic = mark(diagnostic, &variant.blueprint, &["spec", "scaling"], "scaled by CPU utilization");
            let diagnostic = mark_node(diagnostic, manifest, container, "this container");
            found.push(diagnostic.help("add resources.requests.cpu to the container, or remove spec.scaling"));
        }
        found
    }
}
