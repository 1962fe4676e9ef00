//! `selector-mismatch`: a Deployment that does not select its own pods.

use super::{Look, Page, Rule, mark_node};
use crate::model::Diagnostic;

/// `spec.selector.matchLabels` that the pod template does not carry.
pub(super) struct SelectorMismatch;

impl Rule for SelectorMismatch {
    fn page(&self) -> Page {
        Page {
            code: "selector-mismatch",
            about: "The Deployment does not select the pods that it makes",
            explain: "Kubernetes refuses a Deployment whose selector does not match its own template's labels.\n\n\
                \x20 selector: {matchLabels: {app: web}}\n  template: {metadata: {labels: {app: website}}}\n\nMake the two labels the same.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for manifest in look.variants.iter().filter_map(|variant| variant.manifest) {
            let root = &manifest.document.root;
            let labels = root.at(&["spec", "template", "metadata", "labels"]);
            let Some(selected) = root.at(&["spec", "selector", "matchLabels"]) else { continue };
            for entry in selected.entries() {
                let carried = labels.and_then(|labels| labels.get(&entry.key));
                if carried.is_some_and(|node| node.value == entry.value.value) {
                    continue;
                }
                let message = format!("{} does not select its own pods", manifest.object);
                let diagnostic = Diagnostic::error("selector-mismatch", message);
                let diagnostic = mark_node(diagnostic, manifest, &entry.value, "wanted by the selector");
                let diagnostic = match carried {
                    Some(node) => mark_node(diagnostic, manifest, node, "but the pods carry this"),
                    None => diagnostic,
                };
                found.push(
                    diagnostic.help(format!("give the template the label {} with the selector's value", entry.key)),
                );
            }
        }
        found
    }
}
