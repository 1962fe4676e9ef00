//! Saturation: CPU utilization against the blueprint's thresholds (B6), in whole numbers.
//!
//! The formula, published in `docs/FORMULAS.md`: `utilization = Σ usage × 10,000 ÷ Σ request`, rounded down, over pods that are ready, in
//! basis points; usage is the mean over the window. Under 80 % of the samples it is unknown.

use super::passed::PassedReplicas;
use super::{DetectInput, Detected, Detector, Finding, Saturation, UnknownFact, WhyNot};
use crate::action::{Action, LimitChange, Scale};
use crate::blueprint::{Blueprint, Scaling};
use crate::model::{At, ObjectRef, Percent, Period, Quantity};
use crate::observe::{Known, LiveObject, ObservedFrom, Pod, Resource, Unknown, UnknownCode, Usage};
use crate::render::count;

/// What stands between a use that is known of one moment only, and what a decision needs.
pub const MOMENTARY: &str = " at this moment, by metrics.k8s.io; ";

/// Least share of expected samples that a decision rests on.
pub(super) const COVERAGE: Percent = Percent::whole(80);

/// Scale up above the threshold, down below it, one replica at a time.
#[derive(Debug)]
pub struct SaturationDetector;

/// CPU utilization of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Utilization {
    /// Σ usage ÷ Σ request.
    pub percent: Percent,
    /// Σ usage of ready pods.
    pub usage: Quantity,
    /// Σ request of ready pods.
    pub request: Quantity,
    /// Ready pods.
    pub ready_pods: u32,
}

/// Whether as many samples arrived as a decision needs.
pub(crate) fn enough(samples: u64, expected: u64, over: Period) -> Result<(), Unknown> {
    if Percent::ratio(i128::from(samples), i128::from(expected)).is_none_or(|share| share < COVERAGE) {
        let message = format!("{samples} of {expected} samples over {over} arrived, fewer than {COVERAGE}");
        return Err(Unknown { code: UnknownCode::TooFewSamples, message, detail: None });
    }
    Ok(())
}

/// Utilization over the ready pods, or why it is not known.
pub fn utilization(pods: &[Pod], usage: &Usage, resource: Resource) -> Result<Utilization, Unknown> {
    utilization_of(pods, usage, resource, None)
}

/// The same of one container of theirs (B7).
pub(super) fn utilization_of(
    pods: &[Pod],
    usage: &Usage,
    resource: Resource,
    container: Option<&str>,
) -> Result<Utilization, Unknown> {
    let unknown = |code, message: String| Unknown { code, message, detail: None };
    let ready: Vec<&Pod> = pods.iter().filter(|pod| pod.ready).collect();
    if ready.is_empty() {
        return Err(unknown(UnknownCode::TooFewSamples, "no pod is ready".into()));
    }
    let mut used: i128 = 0;
    let mut requested: i128 = 0;
    let mut samples: u64 = 0;
    for pod in &ready {
        let Some(request) = pod.request(resource, container) else {
            let message =
                format!("a container has no {resource} request, so there is nothing to measure usage against");
            return Err(unknown(UnknownCode::NotObserved, message));
        };
        // A pod without samples is unseen, not idle: it is left out of both sums, and counts against the coverage.
        let sample = usage.pods.iter().find(|sample| sample.pod == pod.name);
        // What a pod with one container uses, that container uses.
        let container = container.filter(|_| !pod.containers.is_empty());
        if let Some((mean, count)) = sample.and_then(|sample| sample.of(container)) {
            requested = requested.saturating_add(request.nanos());
            used = used.saturating_add(mean.nanos());
            samples += u64::from(count.min(usage.expected_samples));
        }
    }
    let expected = u64::from(usage.expected_samples) * ready.len() as u64;
    let coverage = Percent::ratio(i128::from(samples), i128::from(expected)).unwrap_or(Percent::whole(0));
    if coverage < COVERAGE && usage.point_in_time {
        let name = if resource == Resource::Cpu { "CPU" } else { "memory" };
        let now = Percent::ratio(used, requested).map_or_else(|| "unknown".into(), |percent| percent.to_string());
        let message = if usage.expected_samples > 1 {
            format!(
                "{name} is {now} of request{MOMENTARY}a decision over {} needs {COVERAGE} of that \
                 time, which a Prometheus shows, or a shorter window",
                usage.window
            )
        } else {
            // One moment would do: it is pods that are missing, as for some seconds after they began.
            format!(
                "{name} is {now} of request, by metrics.k8s.io, which has measured {samples} of {} ready pods: \
                 a decision needs {COVERAGE} of them",
                ready.len()
            )
        };
        return Err(unknown(UnknownCode::TooFewSamples, message));
    }
    enough(samples, expected, usage.window)?;
    let percent = Percent::ratio(used, requested);
    let percent =
        percent.ok_or_else(|| unknown(UnknownCode::Malformed, format!("the {resource} requests add up to nothing")))?;
    Ok(Utilization {
        percent,
        usage: Quantity::from_nanos(used),
        request: Quantity::from_nanos(requested),
        ready_pods: u32::try_from(ready.len()).unwrap_or(u32::MAX),
    })
}

impl Detector for SaturationDetector {
    fn ident(&self) -> &'static str {
        "saturation"
    }

    fn about(&self) -> &'static str {
        "CPU utilization above scale_up_threshold adds one replica, below scale_down_threshold removes one"
    }

    fn detect(&self, input: &DetectInput<'_>) -> Detected {
        let mut detected = Detected::default();
        let blueprint = &input.blueprint.value;
        let Some(scaling) = &blueprint.spec.scaling else { return detected };
        let target = blueprint.spec.target.object();
        let (Some(manifest), Known::Known(Some(live))) = (input.manifest, input.facts.object(&target)) else {
            return detected; // the drift detector says what is missing
        };
        if !blueprint.spec.target.workload.kind.has_replicas() {
            let because = "a DaemonSet runs one pod on each node: it has no replicas to change".to_owned();
            detected.why_not.push(WhyNot::new("scale", because));
            return detected;
        }
        if let Some(scaler) = input.catalog.autoscaler(input.environment, &blueprint.metadata.name) {
            let bound = |key| scaler.manifest.document.root.at(&["spec", key]).and_then(crate::yaml::Node::as_int);
            let bounds = format!("{} to {}", bound("minReplicas").unwrap_or(1), bound("maxReplicas").unwrap_or(1));
            let because = format!(
                "{} owns the replicas ({bounds}): change minReplicas and maxReplicas in {}, not the replicas",
                scaler.object, scaler.manifest.path
            );
            detected.why_not.push(WhyNot::new("scale", because));
            return detected;
        }
        match input.facts.autoscaler(&target) {
            Known::Known(None) => {}
            Known::Known(Some(name)) => {
                let because = format!("{} owns the replicas", super::declared::scaler_named(name));
                detected.why_not.push(WhyNot::new("scale", because));
                return detected;
            }
            Known::Unknown(why) => {
                detected.unknown.push(UnknownFact::new(super::declared::AUTOSCALED, why));
                return detected;
            }
        }
        // Where the manifest leaves replicas out they are the cluster's: no apply changes them.
        let declared = manifest.document.root.at(&["spec", "replicas"]).and_then(crate::yaml::Node::as_int);
        let has = live.body.at("/spec/replicas").and_then(serde_json::Value::as_u64).unwrap_or(1);
        let Ok(replicas) = u32::try_from(declared.unwrap_or(has.into())) else { return detected };
        let why_not = |because: String| WhyNot::new("scale", because);
        if has != u64::from(replicas) || (replicas == 0 && declared.is_none()) {
            let because = if matches!(super::declared::autoscaler(input, Some(live)), Known::Known(Some(_))) {
                format!("an autoscaler set {}, which are its own to change; Git says {replicas}", count(has, "replica"))
            } else if let Some(passed) = PassedReplicas::of(input, live) {
                format!("Git says {replicas} and the cluster has {has}, which {}", passed.settled())
            } else if super::switched_off::is_told(input) {
                "no pods run: a person scales it up first".into()
            } else if declared.is_none() {
                "no pods run, and Git leaves their number open: a person scales it up first".into()
            } else {
                format!("Git says {replicas} and the cluster has {has}: that is settled first")
            };
            detected.why_not.push(why_not(because));
            return detected;
        }
        let measured = measure(input, &target);
        let measured = match measured {
            Ok(measured) => measured,
            // Seen, and not enough to act on.
            Err(why) if is_momentary(input, &target, &why) => {
                detected.why_not.push(why_not(why.message));
                return detected;
            }
            Err(why) => {
                detected.unknown.push(UnknownFact::new("CPU utilization", why));
                return detected;
            }
        };
        if measured.ready_pods != replicas {
            let because =
                super::not_all_ready(measured.ready_pods.into(), replicas.into(), blueprint.spec.target.workload.kind);
            detected.why_not.push(why_not(because));
            return detected;
        }
        match step(blueprint, scaling, replicas, declared.is_some(), &measured, live) {
            Ok((finding, action)) => match super::rolled_out(live, input.facts.pods(&target)) {
                Ok(()) => detected.findings.push((finding, Some(action))),
                Err(left) => left.tell(&mut detected, "scale", super::ROLLED_OUT),
            },
            Err(because) => detected.why_not.push(why_not(because)),
        }
        detected
    }
}

/// Whether a use is known, but only of this moment.
fn is_momentary(input: &DetectInput<'_>, target: &ObjectRef, why: &Unknown) -> bool {
    let usage = input.facts.usage(target, Resource::Cpu);
    why.code == UnknownCode::TooFewSamples && usage.known().is_some_and(|usage| usage.point_in_time)
}

fn measure(input: &DetectInput<'_>, target: &ObjectRef) -> Result<Utilization, Unknown> {
    let pods = input.facts.pods(target).ok()?;
    let usage = input.facts.usage(target, Resource::Cpu).ok();
    let known = usage.and_then(|usage| utilization(pods, usage, Resource::Cpu));
    known.map_err(|why| too_young(input, pods, Resource::Cpu, why))
}

/// Why what pods use is not known, in plainer words where that is because the youngest was measured for too short a time: from when on it is (B6).
pub(super) fn too_young(input: &DetectInput<'_>, pods: &[Pod], resource: Resource, why: Unknown) -> Unknown {
    let spec = &input.blueprint.value.spec;
    if !matches!(why.code, UnknownCode::TooFewSamples | UnknownCode::NoSamples) {
        return why;
    }
    let place = input.catalog.workspace.value.environments.get(input.environment);
    let source = place.and_then(|place| place.prometheus.as_ref());
    let (Some(source), Some(window), ObservedFrom::Live { .. }) = (source, spec.window(resource), input.facts.from())
    else {
        return why;
    };
    // A rate counts from one interval after the first sample on.
    let rate = if resource == Resource::Cpu { source.rate_interval.as_millis() } else { 0 };
    let needed = Period::from_millis(window.as_millis().saturating_mul(COVERAGE.basis_points()) / 10_000 + rate);
    let ready = pods.iter().filter(|pod| pod.ready);
    let youngest = ready.filter_map(|pod| pod.ready_since.or(pod.created_at)).max();
    match youngest.map(|begun| needed.after(begun)).filter(|from| *from > input.facts.observed_at()) {
        Some(from) => {
            let message = format!("its pods are too young for a window of {window}; it is known from {from:.0} on");
            Unknown { code: UnknownCode::TooFewSamples, message, detail: None }
        }
        None => why,
    }
}

/// One step up or down, or why none.
fn step(
    blueprint: &Blueprint,
    scaling: &Scaling,
    replicas: u32,
    declared: bool,
    measured: &Utilization,
    live: &LiveObject,
) -> Result<(Finding, Action), String> {
    let percent = measured.percent;
    let finding = |threshold, above| {
        Finding::Saturation(Saturation {
            utilization: percent,
            threshold,
            above,
            window: scaling.window,
            usage: measured.usage.clone(),
            request: measured.request.clone(),
            ready_pods: measured.ready_pods,
            replicas,
        })
    };
    let action = |to: u32, limit| {
        Action::Scale(Scale {
            version: 1,
            blueprint: blueprint.metadata.name.clone(),
            workload: live.reference.clone(),
            from: declared.then_some(replicas),
            to,
            limit,
        })
    };
    if percent > scaling.scale_up_threshold {
        let to = replicas.saturating_add(1);
        let limit = (to > scaling.max_replicas).then_some(LimitChange { from: scaling.max_replicas, to });
        return Ok((finding(scaling.scale_up_threshold, true), action(to, limit)));
    }
    let Some(low) = scaling.scale_down_threshold.filter(|low| percent < *low) else {
        let low = scaling.scale_down_threshold.map_or_else(String::new, |low| format!("{low} to "));
        return Err(format!(
            "CPU {percent} of request over {}: within {low}{}",
            scaling.window, scaling.scale_up_threshold
        ));
    };
    if replicas <= scaling.min_replicas.max(1) {
        return Err(format!("CPU {percent} of request is below {low}, and {replicas} is the least"));
    }
    // What the remaining pods would carry: a step down that calls for a step up at once is none.
    let after = percent.basis_points().saturating_mul(u64::from(replicas)) / u64::from(replicas - 1);
    let after = Percent::from_basis_points(after);
    if after > scaling.scale_up_threshold {
        let up = scaling.scale_up_threshold;
        return Err(format!(
            "CPU {percent} is below {low}, but {} would carry {after}, above {up}",
            count(replicas - 1, "replica")
        ));
    }
    Ok((finding(low, false), action(replicas - 1, None)))
}
