//! `sized-container-missing`: bounds of a container that the pods do not have.

use super::{Look, Page, Rule, mark, mark_node, sized_container};
use crate::model::Diagnostic;

/// `spec.resources.container` names no container of the manifest.
pub(super) struct SizedContainerMissing;

impl Rule for SizedContainerMissing {
    fn page(&self) -> Page {
        Page {
            code: "sized-container-missing",
            about: "spec.resources is about a container that the manifest does not have",
            explain: "Bounds and right-sizing are about the container that spec.resources.container names. Where there is none of that name\n\
                nothing is sized and nothing is bounded. Sidecars among the init containers cannot be named.\n\n\
                \x20 # deploy/web.yaml                   # the blueprint\n  containers: [{name: web}]           resources: {container: wbe}\n\n\
                Write the container's name as the manifest does.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for variant in &look.variants {
            let Some(manifest) = variant.manifest else { continue };
            let root = &manifest.document.root;
            let Some(named) = &variant.blueprint.value.spec.resources.container else { continue };
            if sized_container(root, Some(named)).is_ok() {
                continue;
            }
            let diagnostic = Diagnostic::error("sized-container-missing", format!("there is no container {named}"));
            let path = ["spec", "resources", "container"];
            let mut diagnostic = mark(diagnostic, &variant.blueprint, &path, "named here …");
            if let Some(all) = root.at(&["spec", "template", "spec", "containers"]) {
                diagnostic = mark_node(diagnostic, manifest, all, "… and not among these");
            }
            found.push(diagnostic.help("write the container's name as the manifest does"));
        }
        found
    }
}
