//! `two-scalers`: an autoscaler and a blueprint, or an autoscaler and a manifest, say the same replicas.

use std::collections::{BTreeMap, BTreeSet};

use super::{Look, Page, Rule, mark, mark_node};
use crate::blueprint::Manifest;
use crate::blueprint::companion::is_scaler;
use crate::model::Diagnostic;
use crate::yaml::Node;

/// `spec.scaling`, or replicas in the manifest, for a workload that a `HorizontalPodAutoscaler` of the same sources targets.
pub(super) struct TwoScalers;

impl Rule for TwoScalers {
    fn page(&self) -> Page {
        Page {
            code: "two-scalers",
            about: "A HorizontalPodAutoscaler scales the same workload",
            explain: "Two owners of one number undo each other: the autoscaler sets replicas in the cluster, bpctl in Git.\n\n\
                \x20 kind: HorizontalPodAutoscaler\n  spec: {scaleTargetRef: {kind: Deployment, name: web}}   # and the blueprint has spec.scaling\n\n\
                Remove spec.scaling from the blueprint, or the autoscaler.\n\n\
                Replicas in the manifest are a third: an apply of anything but bpctl sets the autoscaler's number back to them, and bpctl\n\
                leaves them alone. Remove spec.replicas from the manifest; that is a warning.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut scalers: BTreeMap<&str, Vec<&Manifest>> = BTreeMap::new();
        for manifest in look.all_manifests().filter(|manifest| manifest.object.kind == "HorizontalPodAutoscaler") {
            if let Some(name) = manifest.document.root.at(&["spec", "scaleTargetRef", "name"]).and_then(Node::as_str) {
                scalers.entry(name).or_default().push(manifest);
            }
        }
        let mut found = Vec::new();
        let mut told = BTreeSet::new();
        for variant in &look.variants {
            let target = &variant.blueprint.value.spec.target;
            for scaler in scalers.get(target.workload.name.as_str()).into_iter().flatten() {
                // Without a namespace it goes where whoever applies it says: the workload's own, if it stands in its sources.
                let namespace = scaler.object.namespace.as_str();
                let same = namespace == target.namespace.as_str()
                    || (namespace.is_empty() && scaler.path.is_within(&target.source));
                let scaled = scaler.document.root.at(&["spec", "scaleTargetRef"]);
                let Some(node) = scaled.filter(|_| same && is_scaler(scaler, target)) else { continue };
                let workload = format!("{}/{}", target.workload.kind.as_str(), target.workload.name);
                if variant.blueprint.value.spec.scaling.is_some() {
                    let message = format!("{workload} has two owners of its replicas");
                    let diagnostic = Diagnostic::error("two-scalers", message);
                    let diagnostic = mark(diagnostic, &variant.blueprint, &["spec", "scaling"], "bpctl scales it");
                    let diagnostic = mark_node(diagnostic, scaler, node, "and so does this HorizontalPodAutoscaler");
                    found.push(diagnostic.help("remove spec.scaling, or the HorizontalPodAutoscaler"));
                }
                let replicas = variant.manifest.and_then(|m| Some((m, m.document.root.at(&["spec", "replicas"])?)));
                let Some((manifest, replicas)) = replicas else { continue };
                // Every environment that overrides something has the same manifest.
                if told.insert((&manifest.path, replicas.start, &scaler.path, node.start)) {
                    let message = format!("the manifest of {workload} says replicas that an autoscaler owns");
                    let diagnostic = Diagnostic::warning("two-scalers", message);
                    let diagnostic =
                        mark_node(diagnostic, manifest, replicas, "each kubectl apply sets them back to this");
                    let diagnostic = mark_node(diagnostic, scaler, node, "this HorizontalPodAutoscaler changes them");
                    found.push(diagnostic.help(
                        "remove spec.replicas from the manifest: the autoscaler keeps them between its minReplicas and maxReplicas",
                    ));
                }
            }
        }
        found
    }
}
