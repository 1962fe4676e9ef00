//! `two-scalers`: an autoscaler and a blueprint, or an autoscaler and a manifest, say the same replicas.

use std::collections::{BTreeMap, BTreeSet};

use super::{Look, Page, Rule, Variant, mark, mark_node};
use crate::blueprint::Manifest;
use crate::blueprint::companion::is_scaler;
use crate::model::{Diagnostic, Name, RepoPath};
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
                leaves them alone. Remove spec.replicas from the manifest; that is a warning. But what delivers the manifest takes away what it\n\
                applied before, and that once leaves Kubernetes' default, 1 replica. So first, right before the change is delivered, take\n\
                spec.replicas out of what was applied last: `kubectl apply edit-last-applied deployment/web`; of a server-side apply let\n\
                another field manager apply the same number. In a base, see that each overlay has an autoscaler: without one it gets 1.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        // Each environment has its own autoscalers: what one renders, another may not.
        let environments = look.catalog.workspace.value.environments.keys();
        let scalers: BTreeMap<&Name, BTreeMap<&str, Vec<&Manifest>>> = environments
            .map(|name| {
                let mut by_target: BTreeMap<&str, Vec<&Manifest>> = BTreeMap::new();
                for manifest in look.catalog.delivered(name).filter(|manifest| manifest.object.kind == KIND) {
                    let target = manifest.document.root.at(&["spec", "scaleTargetRef", "name"]).and_then(Node::as_str);
                    by_target.entry(target.unwrap_or_default()).or_default().push(manifest);
                }
                (name, by_target)
            })
            .collect();
        let mut found = Vec::new();
        // Environments that have the same say it once.
        let mut told = BTreeSet::new();
        for variant in &look.variants {
            let name = variant.blueprint.value.spec.target.workload.name.as_str();
            for environment in variant.environments.iter().map(|(environment, _)| *environment) {
                let all = scalers.get(environment).and_then(|all| all.get(name));
                for scaler in all.into_iter().flatten() {
                    let new = compare(look, variant, environment, scaler).into_iter();
                    found.extend(new.filter(|new| told.insert((new.severity, places(new)))));
                }
            }
        }
        found
    }
}

const KIND: &str = "HorizontalPodAutoscaler";

fn places(diagnostic: &Diagnostic) -> Vec<(String, usize)> {
    diagnostic.labels.iter().map(|label| (label.span.file.clone(), label.span.start)).collect()
}

/// What an autoscaler and a blueprint, and what it and a manifest, say of the same replicas.
fn compare(look: &Look<'_>, variant: &Variant<'_>, environment: &Name, scaler: &Manifest) -> Vec<Diagnostic> {
    let target = &variant.blueprint.value.spec.target;
    // Without a namespace it goes where whoever applies it says: the workload's own, if it stands in its sources.
    let namespace = scaler.object.namespace.as_str();
    let beside =
        if scaler.rendered { scaler.path.meets(&target.source) } else { scaler.path.is_within(&target.source) };
    let same = namespace == target.namespace.as_str() || (namespace.is_empty() && beside);
    if !same || !is_scaler(scaler, target) {
        return Vec::new();
    }
    let scaler = as_written(look, scaler);
    let Some(node) = scaler.document.root.at(&["spec", "scaleTargetRef"]) else { return Vec::new() };
    let workload = format!("{}/{}", target.workload.kind.as_str(), target.workload.name);
    let mut found = Vec::new();
    if variant.blueprint.value.spec.scaling.is_some() {
        let message = format!("{workload} has two owners of its replicas");
        let diagnostic = Diagnostic::error("two-scalers", message);
        let diagnostic = mark(diagnostic, &variant.blueprint, &["spec", "scaling"], "bpctl scales it");
        let diagnostic = mark_node(diagnostic, scaler, node, "and so does this HorizontalPodAutoscaler");
        let others = look.catalog.workspace.value.environments.len() > variant.environments.len();
        let elsewhere =
            format!("; to scale it where there is none: environments.<name>.spec.scaling, and none for {environment}");
        let elsewhere = if others { elsewhere.as_str() } else { "" };
        found.push(diagnostic.help(format!("remove spec.scaling, or the HorizontalPodAutoscaler{elsewhere}")));
    }
    let replicas = variant.manifest.and_then(|m| Some((m, m.document.root.at(&["spec", "replicas"])?)));
    if let Some((manifest, replicas)) = replicas {
        let message = format!("the manifest of {workload} says replicas that an autoscaler owns");
        let diagnostic = Diagnostic::warning("two-scalers", message);
        let diagnostic = mark_node(diagnostic, manifest, replicas, "each kubectl apply sets them back to this");
        let diagnostic = mark_node(diagnostic, scaler, node, "this HorizontalPodAutoscaler changes them");
        found.push(diagnostic.help(
            "remove spec.replicas from the manifest, but first from what was applied last (kubectl apply edit-last-applied), or the delivery sets 1 once: \
             bpctl explain two-scalers",
        ));
    }
    found
}

/// The one file's document that a rendering read an autoscaler from, where that is plain to see: people edit files.
fn as_written<'c>(look: &Look<'c>, scaler: &'c Manifest) -> &'c Manifest {
    let target = |manifest: &Manifest| manifest.document.root.at(&["spec", "scaleTargetRef"]).map(Node::to_json);
    let read = |path: &RepoPath| look.catalog.roots_reading(path).contains(&&scaler.path);
    let files = look.catalog.manifests.iter().filter(|(path, _)| scaler.rendered && read(path));
    let mut alike = files.flat_map(|(_, all)| all.iter()).filter(|manifest| {
        manifest.object.kind == KIND && manifest.object.name == scaler.object.name && target(manifest) == target(scaler)
    });
    match (alike.next(), alike.next()) {
        (Some(only), None) => only,
        _ => scaler,
    }
}
