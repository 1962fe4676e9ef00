//! Verifies what landed (B13, B16): a pure question to one observation and a few times, so a late run gives the same answer.

mod restart;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::blueprint::{Delivery, Verification, quantity_of};
use crate::model::{ObjectRef, Period, Quantity, Segment, Timestamp, Untrusted};
use crate::observe::{CheckConclusion, Known, ObservedFrom, PastChange, Pod, Recorder, Resource};

pub use restart::{RestartInput, verify_restart};

/// What is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyInput<'a> {
    /// The workload.
    pub workload: &'a ObjectRef,
    /// The replicas that were merged; `None`: they are not Git's to say, of a `DaemonSet` or beside an autoscaler.
    pub replicas: Option<u32>,
    /// The requests that were merged, where they are what changed.
    pub requests: &'a [DeclaredRequest],
    /// The fields that went back, where it was a rollback.
    pub fields: &'a [PastChange],
    /// When they were merged, by the forge's clock.
    pub merged_at: Timestamp,
    /// How they reach the cluster.
    pub delivery: Delivery,
    /// The windows.
    pub windows: &'a Verification,
    /// Where the facts come from.
    pub from: &'a ObservedFrom,
}

/// A container's request as it stands on base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredRequest {
    /// The container's name.
    pub container: String,
    /// CPU or memory.
    pub resource: Resource,
    /// The request.
    pub request: Quantity,
}

/// How a verification stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All checks hold.
    Success,
    /// A check failed.
    Failure,
    /// Its time is not over.
    Pending,
    /// It cannot be seen.
    Unknown,
}

impl Outcome {
    /// How the check on the merge commit reads.
    pub fn conclusion(self) -> CheckConclusion {
        match self {
            Self::Success => CheckConclusion::Success,
            Self::Failure => CheckConclusion::Failure,
            Self::Pending => CheckConclusion::Pending,
            Self::Unknown => CheckConclusion::Neutral,
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
        })
    }
}

/// One check of one window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WindowCheck {
    /// The window: `applied`, `ready`.
    pub window: String,
    /// How it stands.
    pub outcome: Outcome,
    /// What was seen.
    pub evidence: String,
}

/// A verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerifyReport {
    /// The whole.
    pub outcome: Outcome,
    /// Its checks.
    pub checks: Vec<WindowCheck>,
    /// When a pending one can be judged at the latest.
    pub due: Option<Timestamp>,
}

/// The time that a controller gets to bring a merged change, in multiples of the `applied` window.
const CONTROLLER_FACTOR: u64 = 30;

/// Verifies a change of replicas or requests: in the cluster within the first window, all pods running and ready with it within the
/// second, none of them ended for want of memory (B13, B14).
pub fn verify_merged(input: &VerifyInput<'_>, facts: &Recorder<'_>) -> VerifyReport {
    let now = facts.now();
    if let ObservedFrom::Snapshot { .. } = input.from {
        let told = "a recorded cluster shows nothing that happens after the recording";
        return report(vec![check("applied", Outcome::Unknown, told)], None);
    }
    // The windows begin when the cluster got the value; a controller may take its time before.
    let patience = match input.delivery {
        Delivery::Direct => input.windows.applied,
        Delivery::Gitops => Period::from_millis(input.windows.applied.as_millis().saturating_mul(CONTROLLER_FACTOR)),
    };
    let applied_by = patience.after(input.merged_at);
    let live = match facts.object(input.workload) {
        Known::Known(Some(live)) => live,
        Known::Known(None) if now >= applied_by => {
            return report(vec![check("applied", Outcome::Failure, "the workload is not in the cluster")], None);
        }
        Known::Known(None) => {
            return report(vec![check("applied", Outcome::Pending, "not in the cluster yet")], Some(applied_by));
        }
        Known::Unknown(unknown) => return report(vec![check("applied", Outcome::Unknown, unknown.message)], None),
    };
    let number = |pointer: &str| live.body.pointer(pointer).and_then(serde_json::Value::as_u64);
    let has = number("/spec/replicas").or_else(|| number("/status/desiredNumberScheduled")).unwrap_or(1);
    if let Some(replicas) = input.replicas.filter(|replicas| has != u64::from(*replicas)) {
        let evidence = format!("spec.replicas is {has}, merged were {replicas}");
        let outcome = if now >= applied_by { Outcome::Failure } else { Outcome::Pending };
        return report(vec![check("applied", outcome, evidence)], (now < applied_by).then_some(applied_by));
    }
    if let Some((told, merged)) = input.requests.iter().find_map(|declared| other_request(&live.body, declared)) {
        let outcome = if now >= applied_by { Outcome::Failure } else { Outcome::Pending };
        let evidence = format!("{told}, merged was {merged}");
        return report(vec![check("applied", outcome, evidence)], (now < applied_by).then_some(applied_by));
    }
    if let Some(change) = input.fields.iter().find(|change| !is_live(&live.body, change)) {
        let outcome = if now >= applied_by { Outcome::Failure } else { Outcome::Pending };
        let field = crate::render::sink::terminal(&Untrusted::new(change.field.to_string()));
        let evidence = format!("{field} is not what was merged");
        return report(vec![check("applied", outcome, evidence)], (now < applied_by).then_some(applied_by));
    }
    let told: Vec<String> =
        input.requests.iter().map(|r| format!("the {} request is {}", r.resource, r.request)).collect();
    let told = match (told.is_empty(), input.fields.len()) {
        (true, 0) => format!("spec.replicas is {has}"),
        (true, 1) => "the field is back".into(),
        (true, fields) => format!("{fields} fields are back"),
        (false, _) => told.join(", "),
    };
    let applied = check("applied", Outcome::Success, told);

    let pods = match facts.pods(input.workload) {
        Known::Known(pods) => pods,
        Known::Unknown(unknown) => {
            return report(vec![applied, check("ready", Outcome::Unknown, unknown.message)], None);
        }
    };
    let mine: Vec<_> = pods.iter().filter(|pod| !pod.terminating).collect();
    let runs = |pod: &&&Pod| pod.ready && pod.phase.raw() == "Running" && has_requests(pod, input.requests);
    let ready = mine.iter().filter(runs).count();
    let out_of_memory = mine.iter().filter(|pod| pod.reasons.iter().any(|reason| reason.raw() == "OOMKilled")).count();
    let crashed = mine.iter().any(|pod| {
        pod.reasons.iter().any(|reason| {
            matches!(reason.raw(), "CrashLoopBackOff" | "OOMKilled" | "ImagePullBackOff" | "ErrImagePull")
        })
    });
    // Pods that became ready later than the window did not become ready in it, however late this run looks.
    let ready_by = input.windows.ready.after(patience.after(input.merged_at));
    let in_time = mine.iter().filter(|pod| pod.ready && pod.ready_since.is_none_or(|since| since <= ready_by)).count();
    let with = if input.requests.is_empty() { "" } else { " with the merged requests" };
    let killed =
        if out_of_memory == 0 { String::new() } else { format!(", {out_of_memory} out of memory (OOMKilled)") };
    let evidence = format!("{ready} of {has} pods running and ready{with}{killed}");
    let whole = u64::try_from(ready) == Ok(has) && mine.len() == ready && !crashed;
    let replaced = mine.iter().any(|pod| pod.created_at.is_some_and(|created| created > ready_by));
    let outcome = match (whole, now >= ready_by) {
        (true, _) if in_time == ready => Outcome::Success,
        // The pods of that time are gone; what they did is not known any more.
        (_, true) if replaced => Outcome::Unknown,
        (true, _) | (false, true) => Outcome::Failure,
        (false, false) => Outcome::Pending,
    };
    let due = (outcome == Outcome::Pending).then_some(ready_by);
    report(vec![applied, check("ready", outcome, evidence)], due)
}

/// Whether the live workload has the value that a change gave a field.
fn is_live(live: &Json, change: &PastChange) -> bool {
    let has = |item: &Json, keys: &[(String, String)]| {
        keys.iter().all(|(key, value)| item.get(key).and_then(Json::as_str) == Some(value))
    };
    let found = change.field.0.iter().try_fold(live, |value, segment| match segment {
        Segment::Key(key) => value.get(key),
        Segment::Index(at) => value.get(at),
        Segment::Item(keys) => value.as_array()?.iter().find(|item| has(item, keys)),
    });
    let quantity = |value: Option<&Json>| value.and_then(quantity_of);
    let merged = change.to.as_ref();
    found == merged || quantity(found).is_some_and(|found| quantity(merged) == Some(found))
}

/// What the live workload requests where that is not what was merged, and what was.
fn other_request<'r>(live: &serde_json::Value, declared: &'r DeclaredRequest) -> Option<(String, &'r Quantity)> {
    let containers = live.pointer("/spec/template/spec/containers").and_then(serde_json::Value::as_array);
    let named =
        |item: &&serde_json::Value| item.get("name").and_then(|name| name.as_str()) == Some(&declared.container);
    let item = containers.into_iter().flatten().find(named);
    let request = item.and_then(|item| item.pointer(&format!("/resources/requests/{}", declared.resource)));
    let request = request.and_then(quantity_of);
    let told = match &request {
        Some(request) if *request == declared.request => return None,
        Some(request) => format!("the {} request is {request}", declared.resource),
        None => format!("there is no {} request", declared.resource),
    };
    Some((told, &declared.request))
}

/// Whether the pod itself, and not only what makes pods, has what was merged.
fn has_requests(pod: &Pod, declared: &[DeclaredRequest]) -> bool {
    declared.iter().all(|declared| pod.request(declared.resource, Some(&declared.container)) == Some(&declared.request))
}

fn check(window: &str, outcome: Outcome, evidence: impl Into<String>) -> WindowCheck {
    WindowCheck { window: window.into(), outcome, evidence: evidence.into() }
}

fn report(checks: Vec<WindowCheck>, due: Option<Timestamp>) -> VerifyReport {
    let has = |outcome| checks.iter().any(|check| check.outcome == outcome);
    let outcome = if has(Outcome::Failure) {
        Outcome::Failure
    } else if has(Outcome::Unknown) {
        Outcome::Unknown
    } else if has(Outcome::Pending) {
        Outcome::Pending
    } else {
        Outcome::Success
    };
    VerifyReport { outcome, checks, due }
}
