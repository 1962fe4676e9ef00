//! Readiness: pods that a workload wants and that are not there or not ready, though none failed (B8). A restart mends none of it, so that
//! a person is told.

use serde_json::Value as Json;

use super::declared::edit;
use super::{DetectInput, Detected, Detector, Finding, Reported, recovery};
use crate::blueprint::Manifest;
use crate::model::{At, Period, Severity, Timestamp, Untrusted, WorkloadKind};
use crate::observe::{Known, LiveObject, Pod, current_revision};
use crate::render::listed;
use crate::yaml::Node;

/// Pods that are missing, or not ready for too long, are told.
#[derive(Debug)]
pub struct ReadinessDetector;

/// How long a roll-out may go without progress where the workload does not say: Kubernetes' own default.
const PROGRESS: Period = Period::from_secs(600);

/// How long this workload's roll-outs may go without progress.
pub(super) fn deadline(live: &LiveObject) -> Period {
    let told = live.body.at("/spec/progressDeadlineSeconds").and_then(Json::as_u64);
    told.map_or(PROGRESS, Period::from_secs)
}

/// Whether the controller has not seen the last change of the workload: its status is of before.
pub(super) fn is_unseen(live: &LiveObject) -> bool {
    let number = |pointer: &str| live.body.at(pointer).and_then(Json::as_u64);
    let generation = number("/metadata/generation");
    generation.is_some() && number("/status/observedGeneration").is_some_and(|seen| Some(seen) < generation)
}

/// A condition of the workload.
fn condition<'l>(live: &'l LiveObject, name: &str, status: &str, reason: &str) -> Option<&'l Json> {
    let is = |condition: &&Json| {
        [("type", name), ("status", status), ("reason", reason)]
            .iter()
            .all(|(key, value)| condition.get(key).and_then(Json::as_str) == Some(*value))
    };
    live.body.at("/status/conditions")?.as_array()?.iter().find(is)
}

/// The controller has given up on its roll-out.
fn timed_out(live: &LiveObject) -> Option<&Json> {
    condition(live, "Progressing", "False", "ProgressDeadlineExceeded")
}

/// A roll-out, as the pods that are not on their way out show it.
#[derive(Debug)]
pub(super) struct Rollout<'p> {
    newest: Option<&'p str>,
    /// Pods of several revisions are there, and which one is made now is not known.
    pub(super) is_unclear: bool,
    /// Newer pods are coming: the last restart or the newest pod of the newest revision is younger than the deadline.
    pub(super) moves: bool,
}

impl<'p> Rollout<'p> {
    /// Reads it; `since`: the last restart by bpctl.
    pub(super) fn of(live: &'p LiveObject, pods: &[&'p Pod], since: Option<Timestamp>, now: Timestamp) -> Self {
        let newest = current_revision(live, pods);
        let of_newest = pods.iter().filter(|pod| pod.revision.is_some() && pod.revision.as_deref() == newest);
        let moved = of_newest.filter_map(|pod| pod.created_at).chain(since).max();
        let replaces = live.body.at("/spec/updateStrategy/type").and_then(Json::as_str) != Some("OnDelete")
            && live.body.at("/spec/paused") != Some(&Json::Bool(true));
        Self {
            newest,
            is_unclear: newest.is_none() && pods.iter().any(|pod| pod.revision.is_some()),
            moves: replaces
                && timed_out(live).is_none()
                && moved.is_some_and(|moved| deadline(live).after(moved) > now),
        }
    }

    /// A pod of a revision that is made no more.
    pub(super) fn is_earlier(&self, pod: &Pod) -> bool {
        self.newest.is_some() && pod.revision.is_some() && pod.revision.as_deref() != self.newest
    }
}

impl Detector for ReadinessDetector {
    fn ident(&self) -> &'static str {
        "readiness"
    }

    fn about(&self) -> &'static str {
        "Pods that are missing, or not ready for longer than a roll-out may take, are told, and a DaemonSet that runs on no node"
    }

    fn detect(&self, input: &DetectInput<'_>) -> Detected {
        let mut detected = Detected::default();
        let target = input.blueprint.value.spec.target.object();
        // What is not seen of them the detectors before this one said.
        let (Known::Known(Some(live)), Known::Known(pods)) = (input.facts.object(&target), input.facts.pods(&target))
        else {
            return detected;
        };
        if live.deleted_at().is_some() {
            return detected;
        }
        detected.findings.extend(paused(input, live).map(|reported| (Finding::Reported(reported), None)));
        if !is_unseen(live) {
            detected.findings.extend(rollout_held(input, live).map(|reported| (Finding::Reported(reported), None)));
            let found = short(input, live, pods).map(|reported| (Finding::Reported(reported), None));
            detected.findings.extend(found);
            recovery::explain(input, &mut detected);
        }
        detected
    }
}

/// What the workload lacks, the cause before the consequence.
fn short(input: &DetectInput<'_>, live: &LiveObject, pods: &[Pod]) -> Option<Reported> {
    let target = &input.blueprint.value.spec.target;
    let number = |pointer: &str| live.body.at(pointer).and_then(Json::as_u64);
    let describe = |what: &str| format!("see why: kubectl -n {} describe {what}", target.namespace);
    let workload = format!("{}/{}", target.workload.kind.as_str().to_lowercase(), target.workload.name);
    let wanted = if target.workload.kind.has_replicas() {
        number("/spec/replicas").unwrap_or(1)
    } else {
        number("/status/desiredNumberScheduled")?
    };
    if wanted == 0 {
        return (!target.workload.kind.has_replicas()).then(|| nowhere(input.manifest));
    }
    let (now, deadline) = (input.facts.now(), deadline(live));
    let there: Vec<&Pod> = pods.iter().filter(|pod| !pod.terminating && !pod.has_ended()).collect();
    let ready = there.iter().filter(|pod| pod.ready).count();
    let words = |condition: &Json| {
        let text = condition.get("message").and_then(Json::as_str).unwrap_or_default();
        text.chars().take(400).collect::<String>()
    };
    let exist = format!("{} of {wanted} pods exist, {ready} ready", there.len());
    if let Some(failure) = condition(live, "ReplicaFailure", "True", "FailedCreate") {
        let message = format!("{exist}; the controller cannot create more: {}", words(failure));
        let help = "a quota, an admission webhook or a service account may be what forbids it: that has to change";
        return Some(reported("pods-not-created", message, help.into()));
    }
    let rollout = Rollout::of(live, &there, None, now);
    let since = |pod: &Pod| pod.ready_since.or(pod.created_at);
    let late = |pod: &&&Pod| {
        // What stopped or found no node has been told with its reason.
        let told = pod.unschedulable || !pod.stopped.is_empty();
        let replaced = rollout.moves && rollout.is_earlier(pod);
        !(pod.ready || told || replaced) && since(pod).is_some_and(|since| deadline.after(since) <= now)
    };
    let mut late: Vec<&&Pod> = there.iter().filter(late).collect();
    late.sort_by_key(|pod| since(pod));
    if let Some(first) = late.first() {
        let at = since(first).map_or_else(String::new, |at| format!(" since {at:.0}"));
        let names: Vec<&str> = late.iter().map(|pod| pod.name.raw()).collect();
        let message =
            format!("{ready} of {wanted} pods are ready; not ready, nor failing,{at}: pod {}", listed(&names, 1));
        let pod = recovery::for_shell(&first.name).map_or(workload, |pod| format!("pod {pod}"));
        return Some(reported("pods-not-ready", message, describe(&pod)));
    }
    if input.earlier.iter().any(|(finding, _)| is_of_pods(finding)) {
        return None;
    }
    if let Some(condition) = timed_out(live) {
        let message = format!("{exist}; the controller says: {}", words(condition));
        return Some(reported("rollout-stuck", message, describe(&workload)));
    }
    let stands = moved(live, pods).is_some_and(|moved| deadline.after(moved) <= now);
    (stands && (there.len() as u64) < wanted).then(|| {
        reported("pods-not-created", format!("{exist}, and none came or went for {deadline}"), describe(&workload))
    })
}

/// A roll-out that somebody paused: what Git wants of the pods reaches none. Where Git says whether it is paused, that is drift or meant.
fn paused(input: &DetectInput<'_>, live: &LiveObject) -> Option<Reported> {
    let target = &input.blueprint.value.spec.target;
    let by_git = input.manifest.is_some_and(|manifest| manifest.document.root.at(&["spec", "paused"]).is_some());
    let waits = input.earlier.iter().any(recovery::rolls_out);
    if by_git || !waits || live.body.at("/spec/paused") != Some(&Json::Bool(true)) {
        return None;
    }
    let message = "its roll-outs are paused in the cluster: what Git declares of its pod template reaches no pod";
    let workload = format!("{}/{}", target.workload.kind.as_str().to_lowercase(), target.workload.name);
    let help = format!("to go on: kubectl -n {} rollout resume {workload}", target.namespace);
    Some(Reported { severity: Severity::Warning, ..reported("rollout-paused", message.into(), help) })
}

/// A partition or `OnDelete` for whose sake nobody replaces pods of an earlier template (B8): one of the cluster alone keeps from them what Git
/// declares. Where the cluster's template is not Git's, it keeps somebody's template from them instead, and to take it out would spread that.
fn rollout_held(input: &DetectInput<'_>, live: &LiveObject) -> Option<Reported> {
    let target = input.blueprint.value.spec.target.object();
    let status = |key: &str| live.body.at(&format!("/status/{key}")).and_then(Json::as_u64);
    let (all, updated) = match input.blueprint.value.spec.target.workload.kind {
        WorkloadKind::StatefulSet => (status("replicas")?, status("updatedReplicas")),
        WorkloadKind::DaemonSet => (status("currentNumberScheduled")?, status("updatedNumberScheduled")),
        WorkloadKind::Deployment => return None,
    };
    // Kubernetes leaves out a zero.
    let earlier = all.saturating_sub(updated.unwrap_or(0));
    let of_git = |path: &[&str]| {
        let path = [&["spec", "updateStrategy"], path].concat();
        input.manifest.and_then(|manifest| manifest.document.root.at(&path)).map(Node::to_json)
    };
    let strategy = live.body.at("/spec/updateStrategy")?;
    let partition = strategy.at("/rollingUpdate/partition").and_then(Json::as_u64).unwrap_or(0);
    let on_delete = strategy.get("type").and_then(Json::as_str) == Some("OnDelete");
    let (held, declared, meant) = if on_delete {
        let declared = of_git(&["type"]);
        let meant = declared.as_ref().and_then(Json::as_str) == Some("OnDelete");
        ("updateStrategy.type: OnDelete".to_owned(), declared, meant)
    } else if partition > 0 {
        let declared = of_git(&["rollingUpdate", "partition"]);
        let meant = declared.as_ref().and_then(Json::as_u64) == Some(partition);
        (format!("updateStrategy.rollingUpdate.partition: {partition}"), declared, meant)
    } else {
        return None;
    };
    if earlier == 0 {
        return None;
    }
    let meant = meant || input.manifest.is_none();
    let pods = if all == 1 { "1 pod is".to_owned() } else { format!("{all} pods are") };
    let image = "jsonpath={range .items[*]}{.metadata.name} {.spec.containers[*].image}{\"\\n\"}{end}";
    let see = format!("see what they run: kubectl -n {} get pods -o '{image}'", target.namespace);
    let whose = match &declared {
        _ if meant => "as Git declares".to_owned(),
        Some(declared) => format!("where Git says {declared}"),
        None => "which the cluster alone has".to_owned(),
    };
    let note = |message: String, help: String| {
        let note = Reported { severity: Severity::Info, ..reported("rollout-held", message, help) };
        Reported { needs_person: false, ..note }
    };
    // What keeps somebody's template from them is no fault of theirs: they may be the last that run what Git declares.
    if input.earlier.iter().any(recovery::rolls_out) {
        let message = format!(
            "{earlier} of {pods} of an earlier pod template, and {held}, {whose}, keeps the cluster's from them, which is not Git's: they may \
             still run what Git declares"
        );
        let then = if on_delete {
            "Bring the template back first, and delete none of them before: one that is deleted comes back with the cluster's template"
        } else {
            "Bring the template back first, and leave the partition until then: without it they become the cluster's template"
        };
        let help = format!("{see}. {then}");
        return Some(if declared.is_some() {
            note(message, help)
        } else {
            Reported { severity: Severity::Warning, ..reported("rollout-held", message, help) }
        });
    }
    // What Git means is no fault, and what it says otherwise is drift; yet these pods run what it may never have declared: somebody's image of
    // before it was brought back.
    if declared.is_some() || meant {
        let message = format!(
            "{earlier} of {pods} of an earlier pod template, which {held} keeps, {whose}: what Git declares now does not reach them"
        );
        let then = match (meant, on_delete) {
            (true, false) => "they become it when the partition falls",
            (true, true) => "one that is deleted comes back as Git declares",
            (false, _) => "they become it when that is brought back",
        };
        return Some(note(message, format!("{see}; {then}")));
    }
    let message = format!(
        "{earlier} of {pods} of an earlier pod template, and the cluster alone has {held}: what Git declares does not reach them"
    );
    let help = format!("take it out, or declare it in Git where it is meant: {}", edit(&target));
    Some(Reported { severity: Severity::Warning, ..reported("rollout-held", message, help) })
}

/// When the workload or a pod of it changed last, as far as the cluster says.
fn moved(live: &LiveObject, pods: &[Pod]) -> Option<Timestamp> {
    let time = |value: Option<&Json>| value.and_then(Json::as_str).and_then(|text| text.parse().ok());
    let written = live.body.at("/metadata/managedFields").and_then(Json::as_array).into_iter().flatten();
    let written = written.filter_map(|entry| time(entry.get("time")));
    let made: Option<Timestamp> = time(live.body.at("/metadata/creationTimestamp"));
    let of_pods = pods.iter().flat_map(|pod| [pod.created_at, pod.ready_since]).flatten();
    of_pods.chain(written).chain(made).max()
}

/// Whether the detector before this one said why pods do not run.
fn is_of_pods(finding: &Finding) -> bool {
    match finding {
        Finding::Failing(_) | Finding::Broken(_) => true,
        Finding::Reported(reported) => recovery::PODS.contains(&reported.code.as_str()),
        _ => false,
    }
}

/// A DaemonSet without a node: where Git itself chooses nodes, that may be meant.
fn nowhere(manifest: Option<&Manifest>) -> Reported {
    let declares = |key: &str| {
        manifest.is_some_and(|manifest| manifest.document.root.at(&["spec", "template", "spec", key]).is_some())
    };
    let chosen = declares("nodeSelector") || declares("affinity");
    let message = "it runs on no node: no pod of it is wanted anywhere";
    let help = "its node selector, its affinity or the nodes' taints leave none: kubectl get nodes --show-labels";
    let found = reported("runs-nowhere", message.into(), help.into());
    if chosen { Reported { severity: Severity::Warning, needs_person: false, ..found } } else { found }
}

fn reported(code: &str, message: String, help: String) -> Reported {
    Reported::for_person(code, Severity::Error, message, vec![Untrusted::new(help)])
}
