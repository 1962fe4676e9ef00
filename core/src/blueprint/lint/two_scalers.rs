//! `two-scalers`: an autoscaler and a blueprint write the same replicas.

use std::collections::BTreeMap;

use super::{Look, Page, Rule, mark, mark_node};
use crate::blueprint::Manifest;
use crate::model::Diagnostic;
use crate::yaml::Node;

/// `spec.scaling` for a workload that a `HorizontalPodAutoscaler` of the same sources targets.
pub(super) struct TwoScalers;

impl Rule for TwoScalers {
    fn page(&self) -> Page {
        Page {
            code: "two-scalers",
            about: "A HorizontalPodAutoscaler scales the same workload",
            explain: "Two owners of one number undo each other: the autoscaler sets replicas in the cluster, bpctl in Git.\n\n\
                \x20 kind: HorizontalPodAutoscaler\n  spec: {scaleTargetRef: {kind: Deployment, name: web}}   # and the blueprint has spec.scaling\n\n\
                Remove spec.scaling from the blueprint, or the autoscaler.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut scalers: BTreeMap<&str, Vec<&Manifest>> = BTreeMap::new();
        let all = look.all_manifests();
        for manifest in all.filter(|manifest| manifest.object.kind == "HorizontalPodAutoscaler") {
            let text = |key| manifest.document.root.at(&["spec", "scaleTargetRef", key]).and_then(Node::as_str);
            if let (Some("Deployment"), Some(name)) = (text("kind"), text("name")) {
                scalers.entry(name).or_default().push(manifest);
            }
        }
        let mut found = Vec::new();
        for variant in &look.variants {
            let target = &variant.blueprint.value.spec.target;
            if variant.blueprint.value.spec.scaling.is_none() {
                continue;
            }
            for scaler in scalers.get(target.workload.name.as_str()).into_iter().flatten() {
                // Without a namespace it goes where whoever applies it says: the workload's own, if it stands in its sources.
                let namespace = scaler.object.namespace.as_str();
                let same = namespace == target.namespace.as_str()
                    || (namespace.is_empty() && scaler.path.is_within(&target.source));
                let Some(node) = scaler.document.root.at(&["spec", "scaleTargetRef"]).filter(|_| same) else {
                    continue;
                };
                let message = format!("Deployment/{} has two owners of its replicas", target.workload.name);
                let diagnostic = Diagnostic::error("two-scalers", message);
                let diagnostic = mark(diagnostic, &variant.blueprint, &["spec", "scaling"], "bpctl scales it");
                let diagnostic = mark_node(diagnostic, scaler, node, "and so does this HorizontalPodAutoscaler");
                found.push(diagnostic.help("remove spec.scaling, or the HorizontalPodAutoscaler"));
            }
        }
        found
    }
}
