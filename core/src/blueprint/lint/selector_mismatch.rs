//! `selector-mismatch`: a Deployment that does not select its own pods.

use super::{Look, Page, Rule, labels_of, mark_node, selects};
use crate::blueprint::Manifest;
use crate::model::{Diagnostic, WorkloadKind};
use crate::yaml::Node;

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
        look.targets().flat_map(mismatches).collect()
    }
}

/// The labels that a workload's selector wants and its template does not carry.
pub(super) fn mismatches(manifest: &Manifest) -> Vec<Diagnostic> {
    let root = &manifest.document.root;
    // Without a template the selector is not what is wrong; a Job makes its own.
    if WorkloadKind::of_kind(&manifest.object.kind).is_none() {
        return Vec::new();
    }
    let Some(template) = root.at(&["spec", "template"]) else { return Vec::new() };
    let Some(selector) = root.at(&["spec", "selector"]) else { return Vec::new() };
    let labels = template.at(&["metadata", "labels"]);
    let mut found = Vec::new();
    for entry in selector.get("matchLabels").map(Node::entries).unwrap_or_default() {
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
        found.push(diagnostic.help(format!("give the template the label {} with the selector's value", entry.key)));
    }
    let expressions = selector.get("matchExpressions").filter(|all| !all.items().is_empty());
    if let Some(expressions) = expressions.filter(|_| found.is_empty() && !selects(selector, &labels_of(template))) {
        let message = format!("{} does not select its own pods", manifest.object);
        let diagnostic = Diagnostic::error("selector-mismatch", message);
        let diagnostic = mark_node(diagnostic, manifest, expressions, "wanted by the selector");
        found.push(diagnostic.help("give the template labels for which all of these hold"));
    }
    found
}
