//! `eviction-impossible`: a disruption budget that no pod may ever be evicted under.

use std::cell::OnceCell;

use super::{Look, Page, PodLabels, Rule, Variant, mark_node, selected_labels};
use crate::blueprint::{Companion, Manifest};
use crate::model::{Diagnostic, Name};
use crate::yaml::{Node, Value};

/// A budget that is used up before anything happens.
pub(super) struct EvictionImpossible;

impl Rule for EvictionImpossible {
    fn page(&self) -> Page {
        Page {
            code: "eviction-impossible",
            about: "A PodDisruptionBudget lets no pod be evicted, ever",
            explain: "A node with such a pod on it can not be drained: an upgrade of the cluster waits until somebody deletes the pod by hand.\n\n\
                \x20 kind: PodDisruptionBudget\n  spec: {minAvailable: 2}     # of 2 replicas\n  spec: {maxUnavailable: 0}\n\n\
                Write `maxUnavailable: 1`, or more replicas than minAvailable. Replicas that an autoscaler owns, and budgets over several\n\
                workloads, are left out. Where it is meant so, a Suppression of this code says why.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut pods = None;
        let mut found = Vec::new();
        for variant in &look.variants {
            for (environment, _) in &variant.environments {
                // Once for all budgets.
                let scaled = OnceCell::new();
                let is_scaled = || {
                    let name = &variant.blueprint.value.metadata.name;
                    *scaled.get_or_init(|| look.catalog.autoscaler(environment, name).is_some())
                };
                for budget in budgets(look, variant, environment) {
                    let shares = |budget: &Manifest| {
                        let pods = pods.get_or_insert_with(|| PodLabels::of(look.all_manifests()));
                        selected_labels(budget).is_none_or(|labels| pods.selects_several(labels))
                    };
                    found.extend(look_at(variant, budget, is_scaled, shares));
                }
            }
        }
        found
    }
}

fn budgets<'c>(look: &Look<'c>, variant: &Variant<'_>, environment: &Name) -> impl Iterator<Item = &'c Manifest> {
    let all = look.catalog.companions(environment, &variant.blueprint.value.metadata.name);
    let all = all.compared.into_iter().chain(all.shared.into_iter().map(|(companion, _)| companion));
    let is_budget = |companion: &Companion<'_>| companion.object.kind == "PodDisruptionBudget";
    all.filter(is_budget).map(|companion| companion.manifest)
}

fn look_at(
    variant: &Variant<'_>,
    budget: &Manifest,
    is_scaled: impl FnOnce() -> bool,
    shares: impl FnOnce(&Manifest) -> bool,
) -> Option<Diagnostic> {
    let spec = budget.document.root.get("spec")?;
    let (node, why, help) = if let Some(most) = spec.get("maxUnavailable").filter(|node| part(node, 1) == Some(0)) {
        (most, "none may be missing".to_owned(), "write `maxUnavailable: 1`".to_owned())
    } else {
        let least = spec.get("minAvailable")?;
        let workload = variant
            .manifest
            .filter(|manifest| matches!(manifest.object.kind.as_str(), "Deployment" | "StatefulSet"))?;
        // Replicas that stand nowhere are an autoscaler's mostly, and so are those that one of the cluster's has.
        let replicas = workload.document.root.at(&["spec", "replicas"])?.as_int().filter(|replicas| *replicas > 0)?;
        if is_scaled() || part(least, replicas)? < replicas || shares(budget) {
            return None;
        }
        let (have, help) =
            (format!("of {replicas} that there are, as many have to stay"), "write `maxUnavailable: 1` instead");
        (least, have, help.to_owned())
    };
    let message = format!("{} lets no pod be evicted: {why}", budget.object);
    Some(mark_node(Diagnostic::warning("eviction-impossible", message), budget, node, "here").help(help))
}

/// A number of pods, or a share of so many: Kubernetes rounds up.
fn part(node: &Node, of: i128) -> Option<i128> {
    match &node.value {
        Value::Int(number) => Some(number.get()),
        Value::String(text) => {
            let share: i128 = text.strip_suffix('%')?.parse().ok()?;
            Some((share * of + 99) / 100)
        }
        _ => None,
    }
}
