//! Verifies a restart (B15): within `verification.recovered` of it all pods are new ones, run, are ready, and none failed again.

use super::{Outcome, VerifyReport, check, report};
use crate::model::{ObjectRef, Period, Timestamp};
use crate::observe::{Known, ObservedFrom, PastRestart, Pod, Recorder, newest_revision};

/// What is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestartInput<'a> {
    /// The workload.
    pub workload: &'a ObjectRef,
    /// `verification.recovered`.
    pub recovered: Period,
    /// Where the facts come from.
    pub from: &'a ObservedFrom,
}

/// Verifies the last restart of a workload by bpctl. `None`: there is none of this pod template.
pub fn verify_restart(
    input: &RestartInput<'_>,
    facts: &Recorder<'_>,
) -> Option<(PastRestart, Timestamp, VerifyReport)> {
    let Known::Known(Some(live)) = facts.object(input.workload) else { return None };
    let past = PastRestart::of(live, facts.cluster_now()).filter(|past| past.count > 0)?;
    let at = past.at?;
    let by = input.recovered.after(at);
    let told = |outcome, evidence: String, due| {
        Some((past.clone(), at, report(vec![check("recovered", outcome, evidence)], due)))
    };
    if let ObservedFrom::Snapshot { .. } = input.from {
        let evidence = "a recorded cluster shows nothing that happens after the recording";
        return told(Outcome::Unknown, evidence.into(), None);
    }
    let pods = match facts.pods(input.workload) {
        Known::Known(pods) => pods,
        Known::Unknown(unknown) => return told(Outcome::Unknown, unknown.message, None),
    };
    let number = |pointer: &str| live.body.pointer(pointer).and_then(serde_json::Value::as_u64);
    let replicas = number("/spec/replicas").or_else(|| number("/status/desiredNumberScheduled")).unwrap_or(1);
    let mine: Vec<&Pod> = pods.iter().filter(|pod| !pod.terminating).collect();
    let newest = newest_revision(&mine);
    // The cluster gives whole seconds.
    let is_new = |pod: &&Pod| {
        pod.created_at.is_some_and(|created| created.as_second() >= at.as_second()) && pod.revision.as_deref() == newest
    };
    let new: Vec<&Pod> = mine.iter().copied().filter(is_new).collect();
    let runs = |pod: &&&Pod| pod.ready && pod.phase.raw() == "Running" && pod.stopped.is_empty() && pod.restarts == 0;
    let running = new.iter().filter(runs).count();
    let again = new.iter().filter(|pod| !pod.ready && (pod.restarts > 0 || !pod.stopped.is_empty())).count();
    let restarts: u32 = new.iter().fold(0, |sum, pod| sum.saturating_add(pod.restarts));
    let old = mine.len() - new.len();
    let left = if old == 0 { String::new() } else { format!(", {old} old ones left") };
    let failed = if again == 0 { String::new() } else { format!(", {again} failed again") };
    let evidence = format!(
        "{running} of {replicas} new pods running and ready{left}{failed}, {restarts} restarts by the kubelet since"
    );
    let whole = u64::try_from(running).unwrap_or(u64::MAX) == replicas && mine.len() == running;
    let in_time = new.iter().all(|pod| pod.ready_since.is_none_or(|since| since <= by));
    let replaced = new.iter().any(|pod| pod.created_at.is_some_and(|created| created > by));
    let over = facts.now() >= by;
    let outcome = match (whole, over) {
        // It has to last that long.
        (_, false) if again == 0 => Outcome::Pending,
        (true, true) if in_time => Outcome::Success,
        // The pods of that time are gone; what they did is not known any more.
        (_, true) if replaced => Outcome::Unknown,
        _ => Outcome::Failure,
    };
    told(outcome, evidence, (outcome == Outcome::Pending).then_some(by))
}
