//! `replicas-outside-bounds`: the manifest starts where bpctl may not go.

use super::{Look, Page, Rule, mark, mark_node};
use crate::model::Diagnostic;
use crate::render::count;

/// The manifest's `replicas` below `min_replicas` or above `max_replicas`.
pub(super) struct ReplicasOutsideBounds;

impl Rule for ReplicasOutsideBounds {
    fn page(&self) -> Page {
        Page {
            code: "replicas-outside-bounds",
            about: "The manifest's replicas lie outside the blueprint's bounds",
            explain: "What Git declares already breaks the contract that the blueprint makes, so every proposal about replicas needs approval.\n\n\
                \x20 # deploy/web.yaml         # the blueprint\n  replicas: 7               scaling: {min_replicas: 2, max_replicas: 5}\n\n\
                Change `replicas` in the manifest, or the bound. A manifest with zero replicas is left to `plan`, which says what that means.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for variant in &look.variants {
            let (Some(scaling), Some(manifest)) = (&variant.blueprint.value.spec.scaling, variant.manifest) else {
                continue;
            };
            let Some(node) = manifest.document.root.at(&["spec", "replicas"]) else { continue };
            let Some(replicas) = node.as_int().filter(|replicas| *replicas > 0) else { continue };
            let (key, bound, side) = if replicas < i128::from(scaling.min_replicas) {
                ("min_replicas", scaling.min_replicas, "below")
            } else if replicas > i128::from(scaling.max_replicas) {
                ("max_replicas", scaling.max_replicas, "above")
            } else {
                continue;
            };
            let diagnostic = Diagnostic::warning(
                "replicas-outside-bounds",
                format!("the manifest has {}, {side} {key}", count(replicas, "replica")),
            );
            let diagnostic =
                mark(diagnostic, &variant.blueprint, &["spec", "scaling", key], format!("{key} is {bound}"));
            let diagnostic = mark_node(diagnostic, manifest, node, "declared here");
            found.push(diagnostic.help(format!("set replicas to {bound} in {}, or change {key}", manifest.path)));
        }
        found
    }
}
