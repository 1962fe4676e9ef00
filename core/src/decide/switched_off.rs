//! A workload without pods that nobody brings back: behind an autoscaler, which is off at zero, or where Argo CD passes over that (X10).

use super::declared::{REPLICAS, autoscaler};
use super::passed::PassedReplicas;
use super::{DetectInput, Finding, Reported};
use crate::action::Action;
use crate::blueprint::Manifest;
use crate::model::{At, Severity, Untrusted};
use crate::observe::{Known, LiveObject};
use crate::render::shell;

/// No pods run, and nobody brings them back.
pub(super) const NOBODYS: &str = "scaled-to-zero";
/// The same behind an autoscaler.
pub(super) const OFF: &str = "autoscaler-off";

/// No pods, behind an autoscaler: at zero it is off, so that neither it nor, where replicas are left to it, anybody else brings them back.
pub(super) fn switched_off(
    input: &DetectInput<'_>,
    manifest: &Manifest,
    live: Option<&LiveObject>,
) -> Option<(Finding, Option<Action>)> {
    let live = live.filter(|live| live.body.at("/spec/replicas").and_then(serde_json::Value::as_i64) == Some(0))?;
    let declared = crate::blueprint::replicas(&manifest.document.root);
    // What Git wants to be zero is judged as that.
    if declared == Some(0) {
        return None;
    }
    let target = input.blueprint.value.spec.target.object();
    let wanted = declared.filter(|_| manifest.document.root.at(&REPLICAS).is_some());
    let least = input.blueprint.value.spec.scaling.as_ref().map(|scaling| i128::from(scaling.min_replicas));
    let to = wanted.or(least).unwrap_or(1).max(1);
    let command = format!(
        "kubectl -n {} scale {}/{} --replicas={to}",
        shell(target.namespace.as_str()),
        target.kind.to_lowercase(),
        shell(&target.name)
    );
    let told = |code: &str, message: String, help: String| {
        let help = vec![Untrusted::new(help)];
        (Finding::Reported(Reported::for_person(code, Severity::Error, message, help)), None)
    };
    let owner = match autoscaler(input, Some(live)) {
        Known::Known(Some(owner)) => owner,
        Known::Known(None) => {
            if wanted.is_none() {
                let message = "no pods run: the cluster has 0 replicas, and Git leaves their number open, so that no apply brings them back";
                return Some(told(NOBODYS, message.into(), format!("declare replicas in Git, or: {command}")));
            }
            // Else it is drift, which is brought back.
            let passed = PassedReplicas::of(input, live)?;
            let message = format!("no pods run: the cluster has 0 replicas, and Git says {to}");
            return Some(told(NOBODYS, message, format!("{}; or: {command}", passed.brought_back())));
        }
        Known::Unknown(_) => {
            let says =
                wanted.map_or_else(|| "Git leaves their number open".into(), |wanted| format!("Git says {wanted}"));
            let message = format!(
                "no pods run: the cluster has 0 replicas, and {says}; whether an autoscaler owns them is not known, and at 0 none scales"
            );
            return Some(told(NOBODYS, message, format!("unless that is meant: {command}")));
        }
    };
    // In the cluster, or declared and not there yet: once it is, it is off.
    let name = input.facts.autoscaler(&target).known().copied().flatten().cloned();
    let declared = input.catalog.autoscaler(input.environment, &input.blueprint.value.metadata.name);
    let name = name.or_else(|| declared.map(|scaler| Untrusted::new(scaler.object.name.as_str())));
    // KEDA scales to zero and from there by itself, and so does an autoscaler that may go to zero.
    let to_zero = |name: &Untrusted| {
        let scaler = input.catalog.autoscaler_named(input.environment, &target.namespace, name.raw());
        let least = scaler.and_then(|scaler| scaler.document.root.at(&["spec", "minReplicas"])?.as_int());
        name.raw().starts_with("keda-hpa-") || least == Some(0)
    };
    if name.as_ref().is_none_or(to_zero) {
        return None;
    }
    let message =
        format!("no pods run: the cluster has 0 replicas, at which {owner} is off until somebody scales it up");
    Some(told(OFF, message, format!("from 1 on the autoscaler scales again: {command}")))
}

/// Whether it was found of this workload.
pub(super) fn is_told(input: &DetectInput<'_>) -> bool {
    let off = |told: &Reported| told.code == NOBODYS || told.code == OFF;
    input.earlier.iter().any(|(found, _)| matches!(found, Finding::Reported(told) if off(told)))
}
