//! Where Git or the cluster breaks what the blueprint promises, and no action of bpctl's mends it (B1, B9): replicas, requests, probes,
//! strategy. What the cluster has otherwise than Git is drift, and told there once.

use serde_json::Value as Json;

use super::declared::autoscaler;
use super::passed::PassedReplicas;
use super::switched_off::is_told;
use super::{DetectInput, Detected, Detector, Finding, Reported};
use crate::action::Action;
use crate::blueprint::{Probe, containers, declared, sized_container};
use crate::model::{At, Name, Quantity, Severity, Untrusted};
use crate::observe::{Known, Resource};
use crate::render::count;
use crate::yaml::Node;

/// Compares manifest and cluster with the blueprint's own promises.
#[derive(Debug)]
pub struct ContractDetector;

impl Detector for ContractDetector {
    fn ident(&self) -> &'static str {
        "contract"
    }

    fn about(&self) -> &'static str {
        "Replicas, requests, probes and strategy are what the blueprint promises"
    }

    fn detect(&self, input: &DetectInput<'_>) -> Detected {
        let mut detected = Detected::default();
        if let Some(manifest) = input.manifest {
            let root = &manifest.document.root;
            let mut found = Vec::new();
            found.extend(replicas(input, root));
            for resource in [Resource::Cpu, Resource::Memory] {
                found.extend(requests(input, root, resource));
            }
            found.extend(probes(input, root));
            found.extend(strategy(input, root));
            detected.findings.extend(found.into_iter().map(|reported| (Finding::Reported(reported), None)));
        }
        detected.findings.extend(expired(input).map(|reported| (Finding::Reported(reported), None)));
        detected
    }
}

/// An override that holds no more, with what it changed: whoever reads the file sees other values than those that decide (X11).
fn expired(input: &DetectInput<'_>) -> Option<Reported> {
    let over = input.blueprint.value.environments.get(input.environment)?;
    let expires = over.expires.filter(|expires| *expires <= input.facts.now())?;
    let fields = |part: &str, map: &serde_json::Map<String, Json>| -> Vec<String> {
        let one = |(key, value): (&String, &Json)| match value {
            Json::Object(inner) => inner.keys().map(|below| format!("{part}.{key}.{below}")).collect(),
            _ => vec![format!("{part}.{key}")],
        };
        map.iter().flat_map(one).collect()
    };
    let named: Vec<String> = [fields("spec", &over.spec), fields("governance", &over.governance)].concat();
    let environment = input.environment;
    let message = format!(
        "the override for {environment} expired at {expires:.0}: {} {} no more",
        named.join(", "),
        if named.len() == 1 { "holds" } else { "hold" }
    );
    Some(broken("override-expired", Severity::Warning, message, "delete it, or write another end".into()))
}

/// A broken promise; `severe` where users may notice.
fn broken(code: &str, severity: Severity, message: String, help: String) -> Reported {
    let needs_person = severity == Severity::Error;
    Reported { needs_person, ..Reported::for_person(code, severity, message, vec![Untrusted::new(help)]) }
}

fn replicas(input: &DetectInput<'_>, root: &Node) -> Vec<Reported> {
    let Some(scaling) = &input.blueprint.value.spec.scaling else { return Vec::new() };
    let (low, high) = (i128::from(scaling.min_replicas), i128::from(scaling.max_replicas));
    let mut found = Vec::new();
    // Bounds that nothing can be within are what is wrong then, and lint tells.
    if low > high {
        return found;
    }
    // What is no number, the drift detector and lint tell.
    let Some(declared) = crate::blueprint::replicas(root) else { return found };
    // A way to zero is refused with the drift that it is, and an alternative.
    let zero = |found: &(Finding, Option<Action>)| match found {
        (Finding::Drift(drift), Some(_)) => drift.fields.iter().any(|field| field.path.is_keys(&["spec", "replicas"])),
        _ => false,
    };
    if declared == 0 && input.earlier.iter().any(zero) {
        return found;
    }
    let target = input.blueprint.value.spec.target.object();
    let live = input.facts.object(&target).known().copied().flatten();
    let owner = autoscaler(input, live).known().cloned().flatten();
    let is_declared = root.at(&["spec", "replicas"]).is_some();
    // What Git leaves to an autoscaler it does not say.
    if !(low..=high).contains(&declared) && (is_declared || owner.is_none()) {
        let side = if declared < low { "fewer than the minimum of" } else { "more than the maximum of" };
        let bound = if declared < low { low } else { high };
        let says = if is_declared { count(declared, "replica") } else { "no replicas, which means 1".into() };
        let message = format!("Git declares {says}, {side} {bound}");
        let help = "change replicas in the manifest, or the bounds in the blueprint".into();
        found.push(broken("replicas-outside-bounds", Severity::Warning, message, help));
    }
    let has = live.and_then(|live| live.body.at("/spec/replicas")).and_then(Json::as_i64).map(i128::from);
    let Some(has) = has.filter(|has| !(low..=high).contains(has)) else { return found };
    let (replicas, is_left) = (count(has, "replica"), owner.is_some());
    // That no pods run at all is told already.
    if has == 0 && is_told(input) {
        return found;
    }
    let told = match owner {
        // No reconcile is about them: only the autoscaler's own bounds help.
        Some(owner) if has != declared || !is_declared => Some((
            format!("the cluster has {replicas}, the blueprint allows {low} to {high}, and they are left to {owner}"),
            format!(
                "set minReplicas and maxReplicas of {owner} within {low} to {high}, or delete it where nobody wants it"
            ),
        )),
        None if !is_declared => Some((
            format!(
                "the cluster has {replicas}, the blueprint allows {low} to {high}, and Git leaves their number open"
            ),
            format!("declare replicas within {low} to {high} in Git: no apply brings back what Git does not say"),
        )),
        // Where Git and cluster disagree it is drift; here it matters that the cluster is outside while Git is within.
        None if has != declared => Some((
            format!("the cluster has {replicas}, Git says {declared}, and the blueprint allows {low} to {high}"),
            match live.and_then(|live| PassedReplicas::of(input, live)) {
                Some(passed) => passed.brought_back(),
                None if matches!(autoscaler(input, live), Known::Unknown(_)) => {
                    "whether an autoscaler owns them is not known: until it is, nobody brings them back".into()
                }
                None => "somebody changed them beside Git; see the drift, which reconcile brings back".into(),
            },
        )),
        _ => None,
    };
    found.extend(told.map(|(message, help)| Reported {
        needs_person: is_left,
        ..broken("replicas-outside-bounds", Severity::Warning, message, help)
    }));
    found
}

/// The pods' sum, where every container says something; of one container where the blueprint names it.
fn total(root: &Node, resource: Resource, named: Option<&Name>) -> Option<Quantity> {
    if named.is_some() {
        return declared(sized_container(root, named).ok()?.1, "requests", resource.name());
    }
    let all = containers(root);
    let parts: Option<Vec<Quantity>> =
        all.iter().map(|(_, node)| declared(node, "requests", resource.name())).collect();
    parts.filter(|parts| !parts.is_empty()).map(|parts| Quantity::sum_of(&parts))
}

fn requests(input: &DetectInput<'_>, root: &Node, resource: Resource) -> Option<Reported> {
    let bounds = input.blueprint.value.spec.resources.of(resource)?;
    let named = input.blueprint.value.spec.resources.container.as_ref();
    let declared = total(root, resource, named)?;
    let low = bounds.minimum.as_ref().filter(|minimum| declared < **minimum);
    let high = bounds.maximum.as_ref().filter(|maximum| declared > **maximum);
    let (side, bound) =
        low.map(|low| ("less than the minimum of", low)).or(high.map(|h| ("more than the maximum of", h)))?;
    let who = named.map_or_else(|| "a pod".into(), |named| format!("container {named}"));
    let message = format!("{who} requests {declared} of {resource}, {side} {bound}");
    let help = "change the request in the manifest, or the bound in the blueprint".into();
    Some(broken("request-outside-bounds", Severity::Warning, message, help))
}

fn probes(input: &DetectInput<'_>, root: &Node) -> Vec<Reported> {
    let checks = &input.blueprint.value.spec.reliability.health_checks;
    let list = root.at(&["spec", "template", "spec", "containers"]).map(Node::items).unwrap_or_default();
    let mut found = Vec::new();
    for (kind, wanted, key) in
        [("readiness", checks.readiness, "readinessProbe"), ("liveness", checks.liveness, "livenessProbe")]
    {
        let has = |container: &Node| container.get(key).is_some_and(|probe| !probe.entries().is_empty());
        if wanted != Probe::Required || list.is_empty() || list.iter().any(has) {
            continue;
        }
        let message = format!("no container has a {kind} probe, and the blueprint requires one");
        let help = format!("add a {key} to the manifest, or write {kind}: optional");
        found.push(broken("probe-missing", Severity::Error, message, help));
    }
    found
}

/// A part of the replicas as Kubernetes writes it: whether it is a percentage, and the number.
fn part(value: &Json) -> Option<(bool, u64)> {
    match value {
        Json::Number(number) => number.as_u64().map(|number| (false, number)),
        Json::String(text) => text.strip_suffix('%')?.parse().ok().map(|number| (true, number)),
        _ => None,
    }
}

fn strategy(input: &DetectInput<'_>, root: &Node) -> Vec<Reported> {
    let mut found = Vec::new();
    let Some(wanted) = &input.blueprint.value.spec.deployment else { return found };
    let declared = root.at(&["spec", "strategy"]).or_else(|| root.at(&["spec", "updateStrategy"]));
    let kind = declared.and_then(|strategy| strategy.get("type")).and_then(Node::as_str).unwrap_or("RollingUpdate");
    if kind != wanted.strategy {
        let other = if ["RollingUpdate", "Recreate", "OnDelete"].contains(&kind) { kind } else { "another one" };
        let message = format!("the manifest's strategy is {other}, the blueprint promises {}", wanted.strategy);
        let help = "make the two say the same, by a pull request".into();
        found.push(broken("strategy-differs", Severity::Warning, message, help));
        return found;
    }
    if kind != "RollingUpdate" {
        return found;
    }
    let of = |key: &str| declared.and_then(|strategy| strategy.at(&["rollingUpdate", key])).map(Node::to_json);
    for (name, key, wanted) in
        [("max_unavailable", "maxUnavailable", &wanted.max_unavailable), ("max_surge", "maxSurge", &wanted.max_surge)]
    {
        let Some(limit) = wanted else { continue };
        // What the manifest leaves out has Kubernetes' default.
        let deployment = root.get("kind").and_then(Node::as_str) == Some("Deployment");
        let default = match key {
            _ if deployment => Json::from("25%"),
            "maxUnavailable" => Json::from(1),
            _ => Json::from(0),
        };
        let value = of(key).unwrap_or(default);
        let above = match (part(&value), part(limit)) {
            (Some((share, value)), Some((same, limit))) if share == same => value > limit,
            // A number and a share are compared over the replicas.
            (Some(value), Some(limit)) => {
                let replicas = root.at(&["spec", "replicas"]).and_then(Node::as_int).unwrap_or(1);
                let replicas = u64::try_from(replicas).unwrap_or(0);
                let pods = |(share, number): (bool, u64)| {
                    if share { number.saturating_mul(replicas) / 100 } else { number }
                };
                pods(value) > pods(limit)
            }
            _ => continue,
        };
        if above {
            let shown =
                part(&value).map_or_else(String::new, |(share, n)| format!("{n}{}", if share { "%" } else { "" }));
            let promised =
                part(limit).map_or_else(String::new, |(share, n)| format!("{n}{}", if share { "%" } else { "" }));
            let message = format!("the manifest's {key} is {shown}, more than the blueprint's {name} of {promised}");
            let help = "make the two say the same, by a pull request".into();
            found.push(broken("strategy-differs", Severity::Warning, message, help));
        }
    }
    found
}
