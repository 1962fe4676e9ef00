//! Right-sizing: what pods use against what they request (B7). The arithmetic is in `sizing.rs`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::passed::PassedReplicas;
use super::saturation::{too_young, utilization_of};
use super::sizing::{self, Size, Sizing};
use super::{DetectInput, Detected, Detector, Finding, Left, UnknownFact, WhyNot};
use crate::action::{Action, QuantityChange, RequestChange, Resize};
use crate::blueprint::{ResourceBounds, TierName, declared, divides_by, sized_container};
use crate::model::{At, Name, Percent, Period, Quantity};
use crate::observe::{Known, Pod, Resource, Unknown, UnknownCode};
use crate::render::count as counted;
use crate::yaml::Node;

/// Requests follow what pods use, in steps.
#[derive(Debug)]
pub struct ResizeDetector;

/// Requests that are not what usage asks for (B7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Missized {
    /// The time that usage is the mean of.
    pub window: Period,
    /// Ready pods.
    pub pods: u32,
    /// Each request that is off.
    pub requests: Vec<MeasuredRequest>,
}

/// One request, and what usage asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeasuredRequest {
    /// CPU or memory.
    pub resource: Resource,
    /// Mean usage of a pod.
    pub used: Quantity,
    /// Share of the request that usage should be.
    pub target_utilization: Percent,
    /// What usage asks for, at least the minimum.
    pub target: Quantity,
    /// How far off the request is, as a share of it.
    pub off: Percent,
    /// Only a step of the way is proposed now.
    pub step: bool,
}

impl Detector for ResizeDetector {
    fn ident(&self) -> &'static str {
        "resize"
    }

    fn about(&self) -> &'static str {
        "CPU and memory requests follow what a container uses, in steps of limits.resize_step, within the blueprint's bounds"
    }

    fn detect(&self, input: &DetectInput<'_>) -> Detected {
        let mut detected = Detected::default();
        let spec = &input.blueprint.value.spec;
        let target = spec.target.object();
        let bounded = |resource: Resource| spec.resources.of(resource).map(|bounds| (resource, bounds));
        let bounded: Vec<_> = [Resource::Cpu, Resource::Memory].into_iter().filter_map(bounded).collect();
        if bounded.is_empty() {
            return detected;
        }
        let (Some(manifest), Known::Known(Some(live))) = (input.manifest, input.facts.object(&target)) else {
            return detected; // the drift detector says what is missing
        };
        let root = &manifest.document.root;
        // A DaemonSet declares no replicas: how many nodes it is for, its controller says.
        let replicated = spec.target.workload.kind.has_replicas();
        let pointer = if replicated { "/spec/replicas" } else { "/status/desiredNumberScheduled" };
        let has = live.body.at(pointer).and_then(serde_json::Value::as_u64);
        let Some(has) = has.or(replicated.then_some(1)) else {
            let message = "the DaemonSet's status does not say how many nodes it is for".into();
            let why = Unknown { code: UnknownCode::NotObserved, message, detail: None };
            detected.unknown.push(UnknownFact::new("pods wanted", why));
            return detected;
        };
        let mut all = |because: String| detected.why_not.push(WhyNot::new("resize", because));
        let declares = replicated && !matches!(super::declared::autoscaler(input, Some(live)), Known::Known(Some(_)));
        // What Git leaves open is the cluster's.
        let said = root.at(&["spec", "replicas"]).and_then(Node::as_int).filter(|_| declares);
        let replicas = said.unwrap_or(i128::from(has));
        if replicas == 0 {
            return detected;
        }
        if super::switched_off::is_told(input) {
            all("no pods run: a person scales it up first".into());
            return detected;
        }
        if i128::from(has) != replicas {
            let settled = PassedReplicas::of(input, live)
                .map_or_else(|| ": that is settled first".into(), |passed| format!(", which {}", passed.settled()));
            all(format!("Git says {} and the cluster has {has}{settled}", counted(replicas, "replica")));
            return detected;
        }
        if input.earlier.iter().any(|(finding, _)| matches!(finding, Finding::Saturation(_))) {
            all("a scale comes first: afterwards each pod uses another amount".into());
            return detected;
        }
        let (container, node) = match sized_container(root, spec.resources.container.as_ref()) {
            Ok(sized) => sized,
            Err(because) => {
                all(because);
                return detected;
            }
        };
        let mut changes = Vec::new();
        let mut measured = Vec::new();
        for (resource, bounds) in bounded {
            let today = declared(node, "requests", resource.name());
            match sized(input, resource, bounds, node, replicas) {
                Ok((current, size, request)) => {
                    let maximum = bounds.maximum.as_ref().filter(|_| size.above_maximum);
                    let maximum = maximum.map(|from| QuantityChange { from: from.clone(), to: size.to.clone() });
                    let limit = declared(node, "limits", resource.name()).zip(size.limit);
                    let limit = limit.map(|(from, to)| QuantityChange { from, to });
                    let container = container.clone();
                    changes.push(RequestChange { container, resource, from: current, to: size.to, maximum, limit });
                    measured.push(request);
                }
                Err(left) => {
                    let today = today.map_or_else(String::new, |today| format!(" {today}"));
                    left.tell(&mut detected, &format!("{resource} request{today}"), &format!("{resource} usage"));
                }
            }
        }
        if changes.is_empty() {
            return detected;
        }
        if let Err(left) = super::rolled_out(live, input.facts.pods(&target)) {
            left.tell(&mut detected, "resize", super::ROLLED_OUT);
            return detected;
        }
        let window =
            spec.window(Resource::Memory).or_else(|| spec.window(Resource::Cpu)).unwrap_or(Period::from_secs(0));
        let pods = u32::try_from(replicas).unwrap_or(u32::MAX);
        let action = Action::Resize(Resize {
            version: 1,
            blueprint: input.blueprint.value.metadata.name.clone(),
            workload: target,
            requests: changes,
        });
        detected.findings.push((Finding::Missized(Missized { window, pods, requests: measured }), Some(action)));
        detected
    }
}

/// One request's new size, or why it stays.
fn sized(
    input: &DetectInput<'_>,
    resource: Resource,
    bounds: &ResourceBounds,
    container: &Node,
    replicas: i128,
) -> Result<(Quantity, Size, MeasuredRequest), Left> {
    let not = |because: &str| Err(Left::Not(because.into()));
    let blueprint = &input.blueprint.value;
    let target = blueprint.spec.target.object();
    let Some(current) = declared(container, "requests", resource.name()).filter(|current| current.nanos() > 0) else {
        return not("the manifest declares none that can be read");
    };
    let limit = declared(container, "limits", resource.name());
    let target_utilization = bounds.target_utilization.unwrap_or(Percent::whole(100));
    if target_utilization == Percent::whole(0) {
        return not("target_utilization is 0%: no request is large enough");
    }
    if let Some(scaling) = blueprint.spec.scaling.as_ref().filter(|_| resource == Resource::Cpu)
        && target_utilization >= scaling.scale_up_threshold
    {
        // The request that usage asks for would be one at which a replica is added, and then usage falls again.
        let (up, given) = (scaling.scale_up_threshold, bounds.target_utilization.is_some());
        let is = if given { format!("is {target_utilization}") } else { "is not given, which means 100%".into() };
        return Err(Left::Not(format!("CPU drives scaling above {up}, and target_utilization {is}, not below that")));
    }
    if let Some(because) = autoscaled(input, resource, container) {
        return Err(Left::Not(because));
    }
    let pods = input.facts.pods(&target).ok().map_err(Left::Unseen)?;
    let young = |why| too_young(input, pods, resource, why);
    let usage = input.facts.usage(&target, resource).ok().map_err(|why| Left::Unseen(young(why)))?;
    let ready: Vec<&Pod> = pods.iter().filter(|pod| pod.ready).collect();
    if i128::try_from(ready.len()).ok() != Some(replicas) {
        let ready = u64::try_from(ready.len()).unwrap_or(u64::MAX);
        let wanted = u64::try_from(replicas).unwrap_or(0);
        return Err(Left::Not(super::not_all_ready(ready, wanted, blueprint.spec.target.workload.kind)));
    }
    let named = blueprint.spec.resources.container.as_ref().map(Name::as_str);
    let others = ready.iter().filter(|pod| pod.request(resource, named) != Some(&current)).count();
    if others > 0 {
        // Drift, a rollout that is not through, or a container that something added to the pods.
        return Err(Left::Not(format!(
            "{others} of {replicas} pods run with another request, or with further containers (name one as spec.resources.container); it waits for \
             that"
        )));
    }
    let unseen = |why: Unknown| {
        let seen = usage.point_in_time && why.code == UnknownCode::TooFewSamples;
        if seen { Left::Not(why.message) } else { Left::Unseen(young(why)) }
    };
    let measured = utilization_of(pods, usage, resource, named).map_err(unseen)?;
    // Each measured pod requests the same, so that the sum of requests tells how many were measured.
    let pods_measured = u32::try_from(measured.request.nanos() / current.nanos()).unwrap_or(u32::MAX);
    let environment = input.catalog.workspace.value.environments.get(input.environment);
    let tier = environment.map_or(TierName::Prod, |environment| environment.tier);
    let limits = input.catalog.resize_limits(tier, &blueprint.metadata);
    let out_of_memory = resource == Resource::Memory
        && pods.iter().any(|pod| pod.reasons.iter().any(|reason| reason.raw() == "OOMKilled"));
    let sizing = Sizing {
        resource,
        current: current.clone(),
        used: measured.usage,
        pods: pods_measured,
        target_utilization,
        minimum: bounds.minimum.clone(),
        maximum: bounds.maximum.clone(),
        limit,
        limit_ratio: bounds.limit_ratio,
        out_of_memory,
        step: limits.step.value,
        reach: limits.reach.value,
    };
    let size = sizing::size(&sizing).map_err(Left::Not)?;
    let off = sizing::off(&current, &size.target).unwrap_or(Percent::whole(0));
    let used = sizing::per_pod(resource, &sizing.used, pods_measured);
    let (target, step) = (size.target.clone(), size.step);
    Ok((current, size, MeasuredRequest { resource, used, target_utilization, target, off, step }))
}

/// Why a request stays though usage asks for another: an autoscaler holds usage to a share of the same request, so that each new one moves the
/// replicas, then usage, and then the request again, and nobody is asked (B7). What is not known of one permits nothing.
fn autoscaled(input: &DetectInput<'_>, resource: Resource, container: &Node) -> Option<String> {
    let blueprint = &input.blueprint.value;
    let target = &blueprint.spec.target;
    if !target.workload.kind.has_replicas() {
        return None;
    }
    let container = container.get("name").and_then(Node::as_str);
    if let Some(scaler) = input.catalog.autoscaler(input.environment, &blueprint.metadata.name) {
        let divides = |version: &str, spec: Option<&Json>| divides_by(version, spec, resource.name(), container);
        let spec = scaler.manifest.document.root.get("spec").map(Node::to_json);
        let live = input.facts.object(&scaler.object).known().copied().flatten();
        let divides = divides(&scaler.object.api_version, spec.as_ref())
            || live.is_some_and(|live| divides(&live.reference.api_version, live.body.get("spec")));
        return divides.then(|| {
            format!(
                "{} ({}) holds usage to a share of this request: each new one would move its replicas, and usage with them",
                scaler.object, scaler.manifest.path
            )
        });
    }
    match input.facts.autoscaler(&target.object()) {
        Known::Known(None) => None,
        Known::Known(Some(name)) => Some(format!(
            "{} is in the cluster alone, and may hold usage to a share of this request: each new one would move its replicas, and usage with \
             them. Declare it below {}, and what it goes by is known",
            super::declared::scaler_named(name),
            target.source
        )),
        Known::Unknown(why) => {
            Some(format!("whether an autoscaler holds usage to a share of this request is not known: {}", why.message))
        }
    }
}
