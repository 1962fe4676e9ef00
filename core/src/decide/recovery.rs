//! Recovery: pods that failed (B8). What a restart may cure is restarted, a limited number of times and with growing pauses; what it cannot
//! cure, or did not, is for a person.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::beside::left_in_pods;
use super::declared::edit;
use super::readiness::{Rollout, deadline, is_unseen};
use super::{DetectInput, Detected, Detector, Finding, Reported, UnknownFact, WhyNot, rollback};
use crate::action::{Action, Restart};
use crate::blueprint::{Catalog, Delivery};
use crate::model::{At, Period, Severity, Timestamp, Untrusted};
use crate::observe::{Known, LiveObject, PastRestart, Pod, Recorder, StoppedContainer, Warning, next_restart};
use crate::render::{count, listed, shell};
use crate::rendering::{LeftAlone, Syncs};

/// Pods that failed are restarted.
#[derive(Debug)]
pub struct RecoveryDetector;

/// Pods of a workload failed (B8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failing {
    /// Each pod that failed.
    pub pods: Vec<FailedPod>,
    /// Restarts so far: the most that the kubelet did of one container, and those of this template by bpctl.
    pub restarts: u32,
    /// Those of them by bpctl.
    pub by_bpctl: u32,
    /// The blueprint's limit; `None`: it names none.
    pub max: Option<u32>,
}

/// One pod that failed, as it is before anything is done about it (B15).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailedPod {
    /// Its name.
    pub pod: Untrusted,
    /// The container; `None`: the pod as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Untrusted>,
    /// Why it does not run.
    pub reason: Untrusted,
    /// Why its last run ended, where that is not the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Untrusted>,
    /// The exit code of its last run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// How often the kubelet restarted it.
    pub restarts: u32,
}

/// What is to be done about a workload's pods. Detector and judge ask the same question, so that neither takes the other's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovery {
    /// None failed.
    Healthy,
    /// Something is under way, or has to be settled first: one clause.
    Waits(String),
    /// A restart.
    Restart {
        /// What failed.
        failing: Failing,
        /// Not before this, for it was restarted lately.
        not_before: Option<Timestamp>,
    },
    /// A person.
    Person {
        /// What failed.
        failing: Failing,
        /// Why a restart is not enough: one clause.
        because: String,
        /// Restarts were tried as far as they go, or do not help: what may help is the pod template that stood before.
        spent: bool,
    },
}

/// What [`recovery`] looks at besides the workload and its pods.
#[derive(Debug, Clone, Copy)]
pub struct RecoveryInput {
    /// `spec.reliability.max_restart_count`.
    pub max: Option<u32>,
    /// `verification.recovered`: who fails sooner after a restart is not cured by it (B15).
    pub recovered: Period,
    /// Now, by the forge's clock.
    pub now: Timestamp,
    /// Now for what the cluster wrote down: [`Recorder::cluster_now`].
    pub cluster_now: Timestamp,
}

impl RecoveryInput {
    /// What a catalog and the facts say of it.
    pub fn new(max: Option<u32>, catalog: &Catalog, facts: &Recorder<'_>) -> Self {
        let recovered = catalog.workspace.value.verification.recovered;
        Self { max, recovered, now: facts.now(), cluster_now: facts.cluster_now() }
    }
}

/// The pause after the first restart; each further one doubles it.
const PAUSE: Period = Period::from_secs(60);
/// No pause is longer.
const LONGEST_PAUSE: Period = Period::from_secs(3600);

/// What is found here that says why pods do not run.
pub(super) const PODS: [&str; 5] =
    ["pods-failed", "image-not-pulled", "container-not-created", "container-waits", "pod-unschedulable"];

/// Reasons of containers that ran and ended. Others never ran: a restart does not change that.
const RAN: [&str; 7] = [
    "CrashLoopBackOff",
    "Error",
    "OOMKilled",
    "ContainerCannotRun",
    "ContainerStatusUnknown",
    "RunContainerError",
    "StartError",
];

/// What is to be done about these pods.
pub fn recovery(input: &RecoveryInput, live: &LiveObject, pods: &[Pod]) -> Recovery {
    if is_unseen(live) {
        return Recovery::Waits("the controller has not seen the last change yet".into());
    }
    let pods: Vec<&Pod> = pods.iter().filter(|pod| !pod.terminating).collect();
    if !pods.iter().any(|pod| is_failed(pod)) {
        return Recovery::Healthy;
    }
    let number = |pointer: &str| live.body.at(pointer).and_then(serde_json::Value::as_u64);
    let declared = number("/spec/replicas").or_else(|| number("/status/desiredNumberScheduled")).unwrap_or(1);
    let ready = pods.iter().filter(|pod| pod.ready).count() as u64;
    // A pod that ended as a whole stays listed after another one took its place.
    let failed: Vec<&&Pod> =
        pods.iter().filter(|pod| is_failed(pod) && !(ended_whole(pod) && ready >= declared)).collect();
    if failed.is_empty() {
        return Recovery::Healthy;
    }
    // Pods of an earlier revision are about to be replaced: by a merged change, or by the last restart.
    let past = PastRestart::of(live, input.cluster_now);
    let since = past.as_ref().and_then(|past| past.at);
    let rollout = Rollout::of(live, &pods, since, input.now);
    let current = |pod: &&&&Pod| {
        !rollout.is_earlier(pod)
            && since.is_none_or(|since| pod.created_at.is_some_and(|at| at.as_second() >= since.as_second()))
    };
    let count = past.as_ref().map_or(0, |past| past.count);
    let of_now: Vec<&&&Pod> = failed.iter().filter(current).collect();
    // A roll-out that waits for the very pods that failed replaces none of them, however young the others are.
    if of_now.is_empty() && rollout.moves && is_stuck(live, &rollout, failed.iter().map(|pod| **pod)).is_none() {
        return Recovery::Waits("the pods that failed are being replaced".into());
    }
    let counted: Vec<&&&Pod> = if of_now.is_empty() { failed.iter().collect() } else { of_now.clone() };
    let told: Vec<FailedPod> = counted.iter().flat_map(|pod| told(pod)).collect();
    let by_kubelet = told.iter().map(|pod| pod.restarts).max().unwrap_or(0);
    let restarts = by_kubelet.saturating_add(count);
    let failing = Failing { pods: told, restarts, by_bpctl: count, max: input.max };
    let person = |because: String| Recovery::Person { failing: failing.clone(), because, spent: false };
    let spent = |because: String| Recovery::Person { failing: failing.clone(), because, spent: true };
    if let Some(past) = &past
        && past.at.is_none()
    {
        return person("when it was restarted last is not known: somebody else wrote bpctl's annotation".into());
    }
    let text = |pointer: &str| live.body.at(pointer).and_then(serde_json::Value::as_str);
    if text("/spec/updateStrategy/type") == Some("OnDelete") {
        return person("its strategy is OnDelete: a restart would replace no pod".into());
    }
    if live.body.at("/spec/paused") == Some(&serde_json::Value::Bool(true)) {
        return person("its roll-outs are paused: a restart would replace no pod".into());
    }
    if of_now.is_empty() {
        if is_stuck(live, &rollout, counted.iter().map(|pod| &****pod)).is_some() {
            return person("they are of an earlier pod template, and its roll-out waits for them to be ready".into());
        }
        return person(match since {
            Some(_) => format!("its last restart has not replaced them within {}", deadline(live)),
            None => "they are of an earlier pod template, and its roll-out brings no newer pods".into(),
        });
    }
    if rollout.is_unclear {
        return person("which of its pods are of the newest pod template is not known".into());
    }
    if of_now.iter().any(|pod| pod.unschedulable || pod.stopped.iter().any(|stopped| !ran(stopped))) {
        return spent("some of its containers cannot start, and a restart does not change that".into());
    }
    let Some(max) = input.max else {
        return person("the blueprint sets no max_restart_count".into());
    };
    if restarts >= max {
        return spent(format!("{} of {max} restarts are spent", restarts.min(max)));
    }
    if count > 0 && of_now.iter().any(|pod| crashed_at_once(pod, input.recovered)) {
        return spent(format!("it failed again within {} of its restart", input.recovered));
    }
    let not_before = since.filter(|_| count > 0).map(|since| pause(count).after(since));
    Recovery::Restart { failing, not_before: not_before.filter(|until| *until > input.now) }
}

/// The pause after the how many-th restart: 1 minute, 2, 4, …, an hour at most.
fn pause(count: u32) -> Period {
    let doubled = 1_u64.checked_shl(count.saturating_sub(1)).map(|times| PAUSE.as_millis().saturating_mul(times));
    Period::from_millis(doubled.unwrap_or(u64::MAX).min(LONGEST_PAUSE.as_millis()))
}

fn ran(stopped: &StoppedContainer) -> bool {
    RAN.contains(&stopped.reason.raw()) || stopped.exit_code.is_some_and(|_| !cannot_start(stopped.reason.raw()))
}

fn ended_whole(pod: &Pod) -> bool {
    pod.phase.raw() == "Failed"
}

fn is_failed(pod: &Pod) -> bool {
    !pod.ready && (ended_whole(pod) || pod.stopped.iter().any(ran))
}

/// Whether a container's last run was shorter than a recovery has to last; one whose length is not known is taken for one.
fn crashed_at_once(pod: &Pod, recovered: Period) -> bool {
    pod.stopped.iter().filter(|stopped| ran(stopped)).any(|stopped| match (stopped.started_at, stopped.finished_at) {
        (Some(from), Some(to)) => to < recovered.after(from),
        _ => true,
    })
}

fn told(pod: &Pod) -> Vec<FailedPod> {
    let one = |stopped: &StoppedContainer| FailedPod {
        pod: pod.name.clone(),
        container: Some(stopped.name.clone()),
        reason: stopped.reason.clone(),
        ended: stopped.ended.clone(),
        exit_code: stopped.exit_code,
        restarts: stopped.restarts,
    };
    let stopped: Vec<FailedPod> = pod.stopped.iter().filter(|stopped| ran(stopped)).map(one).collect();
    if !stopped.is_empty() && !ended_whole(pod) {
        return stopped;
    }
    vec![FailedPod {
        pod: pod.name.clone(),
        container: None,
        reason: pod.ended.clone().unwrap_or_else(|| pod.phase.clone()),
        ended: None,
        exit_code: None,
        restarts: pod.restarts,
    }]
}

/// Waiting reasons of containers that never ran: code of the finding, and what helps.
fn cannot_start(reason: &str) -> bool {
    advice(reason).is_some()
}

fn advice(reason: &str) -> Option<(&'static str, &'static str)> {
    Some(match reason {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "ErrImageNeverPull"
        | "InvalidImageName"
        | "ImageInspectError"
        | "RegistryUnavailable" => (
            "image-not-pulled",
            "a restart does not help: correct the image's name or tag in the manifest, or the credentials for its registry",
        ),
        "CreateContainerConfigError" | "CreateContainerError" => (
            "container-not-created",
            "a restart does not help: a ConfigMap, Secret or volume that it names is missing or has no such key",
        ),
        _ => return None,
    })
}

impl Detector for RecoveryDetector {
    fn ident(&self) -> &'static str {
        "recovery"
    }

    fn about(&self) -> &'static str {
        "Pods that failed are restarted, up to max_restart_count and with growing pauses; after that a person looks"
    }

    fn detect(&self, input: &DetectInput<'_>) -> Detected {
        let mut detected = Detected::default();
        let recovery = look(input, &mut detected);
        explain(input, &mut detected);
        if let Some(recovery) = recovery {
            rollback::answer(input, &recovery, &mut detected);
        }
        detected
    }
}

/// What is found, and what is to be done about the pods; `None`: they were not seen.
fn look(input: &DetectInput<'_>, detected: &mut Detected) -> Option<Recovery> {
    let blueprint = &input.blueprint.value;
    let target = blueprint.spec.target.object();
    let max = blueprint.spec.reliability.max_restart_count;
    let Known::Known(Some(live)) = input.facts.object(&target) else {
        return None; // the drift detector says what is missing
    };
    let pods = match input.facts.pods(&target) {
        Known::Known(pods) => pods,
        Known::Unknown(why) => {
            // Whatever the blueprint asks for: pods that do not run are told of every workload, so that not to have looked is told too (R6).
            detected.unknown.push(UnknownFact::new("whether its pods run", why));
            return None;
        }
    };
    detected.findings.extend(cannot_run(input, pods).into_iter().map(|reported| (Finding::Reported(reported), None)));
    let asked = RecoveryInput::new(max, input.catalog, input.facts);
    let recovery = recovery(&asked, live, pods);
    match &recovery {
        Recovery::Healthy => {
            let restarted = restarted(input, pods).map(|reported| (Finding::Reported(reported), None));
            detected.findings.extend(restarted);
        }
        Recovery::Waits(because) => {
            detected.why_not.push(WhyNot::new("restart", because.clone()));
        }
        Recovery::Person { failing, because, .. } => {
            let reported = for_a_person(input, failing, because);
            detected.findings.push((Finding::Reported(reported), None));
        }
        Recovery::Restart { failing, .. } => match restart(input, live) {
            Ok(action) => detected.findings.push((Finding::Failing(failing.clone()), Some(action))),
            Err(because) => detected.why_not.push(WhyNot::new("restart", because)),
        },
    }
    Some(recovery)
}

/// How long a run that failed is told of: who looks once an hour sees it.
const LATELY: Period = Period::from_secs(3600);

/// Containers that run again after they were killed or crashed lately: whether one sees them down depends on the second in which one looks.
fn restarted(input: &DetectInput<'_>, pods: &[Pod]) -> Option<Reported> {
    // By the clock of the look: a recording tells of its own hour.
    let now = input.facts.observed_at();
    let lately = |stopped: &&StoppedContainer| stopped.finished_at.is_some_and(|at| LATELY.after(at) > now);
    let running = pods.iter().filter(|pod| !pod.terminating);
    let mut all: Vec<(&Pod, &StoppedContainer)> =
        running.flat_map(|pod| pod.restarted.iter().filter(lately).map(move |container| (pod, container))).collect();
    all.sort_by_key(|(_, container)| std::cmp::Reverse(container.finished_at));
    let (pod, last) = all.first()?;
    let told = |(pod, last): &(&Pod, &StoppedContainer)| {
        let at = last.finished_at.map_or_else(String::new, |at| format!(" at {at:.0}"));
        let limit = last.memory_limit.as_ref().map(|limit| format!("its limit is {limit}"));
        let code = last.exit_code.map(|code| format!("exit {code}"));
        let more: Vec<String> = code.into_iter().chain(limit).collect();
        let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join(", ")) };
        let (pod, name, reason) = (pod.name.raw(), last.name.raw(), last.reason.raw());
        format!("pod {pod}: container {name}: {reason}{more}{at}; it runs again, {}", count(last.restarts, "restart"))
    };
    let told: Vec<String> = all.iter().map(told).collect();
    let message = format!("{} so far", listed(&told, 1));
    let namespace = &input.blueprint.value.spec.target.namespace;
    let log = for_shell(&pod.name).zip(for_shell(&last.name));
    let log =
        log.map(|(pod, container)| format!("see why: kubectl -n {namespace} logs {pod} -c {container} --previous"));
    let memory = all.iter().find(|(_, last)| last.reason.raw() == "OOMKilled").map(|(_, last)| {
        if last.memory_limit.is_some() {
            "it takes more memory than its limit: raise the limit in Git, or find what takes it"
        } else {
            "it has no memory limit, so its pod's or its node's memory ran out: declare a request and a limit in Git, or find what takes it"
        }
    });
    let memory = memory.map(str::to_owned);
    let help = log.into_iter().chain(memory).map(Untrusted::new).collect();
    Some(Reported::for_person("pods-restarted", Severity::Warning, message, help))
}

/// The restart, or why it waits.
fn restart(input: &DetectInput<'_>, live: &LiveObject) -> Result<Action, &'static str> {
    if input.manifest.is_none() {
        return Err("what Git declares of it is not known, so that new pods may not be as Git wants them");
    }
    if input.earlier.iter().any(rolls_out) {
        return Err("the pod template in the cluster is not what Git declares: that is settled first");
    }
    let (request, generation) = next_restart(live, input.facts.cluster_now())
        .ok_or("the cluster does not say which generation of it this is")?;
    let blueprint = &input.blueprint.value;
    Ok(Action::Restart(Restart {
        version: 1,
        blueprint: blueprint.metadata.name.clone(),
        workload: blueprint.spec.target.object(),
        uid: live.uid.clone(),
        generation,
        request,
    }))
}

/// The reasons of warnings that explain a finding. They choose what is shown beside it, and nothing else.
fn explains(code: &str) -> &'static [&'static str] {
    match code {
        "pods-failed" => &["BackOff", "Unhealthy", "Failed", "Evicted", "FailedPreStopHook", "FailedPostStartHook"],
        "image-not-pulled" => &["Failed", "BackOff", "InspectFailed", "ErrImageNeverPull"],
        "pod-unschedulable" => &["FailedScheduling", "NotTriggerScaleUp", "FailedBinding"],
        "container-not-created" | "container-waits" | "pods-not-ready" => {
            &["Failed", "FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "Unhealthy"]
        }
        "pods-not-created" => &["FailedCreate"],
        _ => &[],
    }
}

/// Sets the cluster's own warnings beside what they explain.
pub(super) fn explain(input: &DetectInput<'_>, detected: &mut Detected) {
    let reported = detected.findings.iter_mut().filter_map(|(finding, _)| match finding {
        Finding::Reported(reported) if !explains(&reported.code).is_empty() => Some(reported),
        _ => None,
    });
    for reported in reported {
        // What cannot be seen of them explains nothing, and changes nothing.
        let Known::Known(warnings) = input.facts.warnings(&input.blueprint.value.spec.target.object()) else { return };
        let fits = |warning: &&Warning| explains(&reported.code).contains(&warning.reason.raw());
        reported.events = warnings.iter().filter(fits).take(3).map(Warning::told).collect();
        if reported.code == "pod-unschedulable" {
            let said: Vec<&str> = reported.events.iter().map(Untrusted::raw).collect();
            if let Some(help) = why_unscheduled(input.blueprint.value.spec.target.namespace.as_str(), &said) {
                // What else the pods have is told all the same.
                reported.help.splice(..reported.help.len().min(1), [Untrusted::new(help)]);
            }
        }
    }
}

/// What helps where the scheduler's own words say which it is; `None`: they do not. What is done is the same.
fn why_unscheduled(namespace: &str, said: &[&str]) -> Option<String> {
    // The nodes are not to blame where the scheduler says that they are not.
    if said.iter().any(|words| words.contains("unbound immediate PersistentVolumeClaims")) {
        return Some(format!(
            "a restart does not help: a volume claim of it is not bound; see which, and why: kubectl -n {namespace} describe pvc"
        ));
    }
    // Where the scheduler says what there is too little of, nothing else is to be looked for.
    let short = !said.is_empty() && said.iter().all(|words| words.contains("Insufficient "));
    short.then(|| {
        "a restart does not help: the nodes have no room for what it requests; what they have left: kubectl describe nodes"
            .into()
    })
}

/// Whether the pod template is another one than Git declares: new pods would be of what Git does not want, also where that drift waits for
/// something else, and no action answers it.
pub(super) fn rolls_out((finding, _): &(Finding, Option<Action>)) -> bool {
    match finding {
        Finding::Drift(drift) => drift.fields.iter().any(|field| field.path.starts_with_keys(&["spec", "template"])),
        _ => false,
    }
}

/// What brings the cluster what Git declares already, where the pods do not run by that: then nothing is to be corrected in Git.
/// `left`: the pods have something beside it, which stays.
fn ahead(input: &DetectInput<'_>, left: bool) -> Option<Untrusted> {
    let waiting = input.earlier.iter().find(|found| rolls_out(found))?;
    let place = input.catalog.workspace.value.environments.get(input.environment);
    let gitops = place.is_none_or(|place| place.delivery == Delivery::Gitops);
    let policy = input.manifest.and_then(|manifest| input.catalog.sync_policy(input.environment, manifest));
    let target = input.blueprint.value.spec.target.object();
    let live = input.facts.object(&target).known().copied().flatten();
    let alone = input.manifest.and_then(|manifest| LeftAlone::of(&manifest.document.root, live, policy.is_some()));
    let by = match &waiting.1 {
        Some(_) if gitops && let Some((mark, _)) = alone => {
            let (key, value) = mark.mark();
            format!("nobody brings it while {} leaves the object alone ({key}: {value})", mark.by())
        }
        None => "no apply brings it: see what of it is for a person".into(),
        // What a pod template is otherwise than Git by, a person may have written, or a commit may bring that is not synced yet.
        Some(_) if gitops => match policy.filter(|policy| policy.when != Syncs::Always) {
            Some(policy) => format!("the next sync brings it ({})", policy.command()),
            None => "the controller brings it".into(),
        },
        Some(_) => "its reconcile brings it (bpctl apply)".to_owned(),
    };
    let rest = if left { "; what it has beside Git stays" } else { "" };
    let then = match live {
        Some(live) if waiting.1.is_some() && waits_for_ready(live) => format!(
            "; then delete each pod that is not ready, because with podManagementPolicy OrderedReady none is replaced before all are ready: \
             kubectl -n {} delete pod POD",
            target.namespace
        ),
        _ => String::new(),
    };
    Some(Untrusted::new(format!(
        "the pods do not run what Git declares: its pod template is another one, and {by}{rest}{then}"
    )))
}

/// What is said of what the pods have beside Git: no apply takes it away, and it may be why they do not run.
fn left_told(input: &DetectInput<'_>, left: &[Untrusted]) -> Option<Untrusted> {
    let named: Vec<&str> = left.iter().map(Untrusted::raw).collect();
    let edit = edit(&input.blueprint.value.spec.target.object());
    let told = || {
        format!(
            "they have what Git does not declare, and keep it: {}; if it is that, take it out: {edit}",
            listed(&named, 3)
        )
    };
    (!left.is_empty()).then(|| Untrusted::new(told()))
}

/// What keeps pods from running at all, each kind once.
fn cannot_run(input: &DetectInput<'_>, pods: &[Pod]) -> Vec<Reported> {
    let mut found: Vec<(&str, String, Vec<String>)> = Vec::new();
    let mut add =
        |code: &'static str, told: String, help: &str| match found.iter_mut().find(|(known, ..)| *known == code) {
            Some((_, _, all)) => all.push(told),
            None => found.push((code, help.to_owned(), vec![told])),
        };
    let brackets = |words: &Untrusted| {
        let words: String = words.raw().chars().take(200).collect();
        format!(" ({words})")
    };
    let unscheduled: Vec<&Untrusted> = pods.iter().filter_map(|pod| pod.unschedulable_because.as_ref()).collect();
    let unscheduled: Vec<&str> = unscheduled.into_iter().map(Untrusted::raw).collect();
    let unscheduled = why_unscheduled(input.blueprint.value.spec.target.namespace.as_str(), &unscheduled);
    for pod in pods.iter().filter(|pod| !pod.terminating && !pod.ready) {
        let name = pod.name.raw();
        if pod.unschedulable && pod.phase.raw() == "Pending" {
            let help = "a restart does not help: the nodes have no room for its requests, none of them may take it, or a volume claim of it is not bound";
            // The condition stays when the event is gone.
            let because = pod.unschedulable_because.as_ref().map_or_else(String::new, brackets);
            let help = unscheduled.as_deref().unwrap_or(help);
            add("pod-unschedulable", format!("pod {name}: no node takes it{because}"), help);
        }
        for stopped in &pod.stopped {
            let message = stopped.message.as_ref().map_or_else(String::new, brackets);
            let told = format!("pod {name}: container {}: {}{message}", stopped.name.raw(), stopped.reason.raw());
            if let Some((code, help)) = advice(stopped.reason.raw()) {
                add(code, told, help);
            } else if !ran(stopped) {
                let help = "it never ran, so that a restart does not help: kubectl describe tells more";
                add("container-waits", told, help);
            }
        }
    }
    let left = if found.is_empty() { Vec::new() } else { left_in_pods(input) };
    let ahead = ahead(input, !left.is_empty()).or_else(|| found.first().and_then(|_| unstick(input)));
    let beside = left_told(input, &left);
    let reported = |(code, help, all): (&str, String, Vec<String>)| {
        let help = [ahead.clone().unwrap_or_else(|| Untrusted::new(help))].into_iter().chain(beside.clone()).collect();
        let others = if all.len() > 1 { format!("; and {} more", all.len() - 1) } else { String::new() };
        Reported::for_person(code, Severity::Error, format!("{}{others}", all[0]), help)
    };
    found.into_iter().map(reported).collect()
}

/// Whether a `StatefulSet` replaces no pod before all are ready: a template that mends one that is not never reaches it.
fn waits_for_ready(live: &LiveObject) -> bool {
    let text = |pointer: &str| live.body.at(pointer).and_then(serde_json::Value::as_str);
    live.reference.kind == "StatefulSet"
        && text("/spec/podManagementPolicy") != Some("Parallel")
        && text("/spec/updateStrategy/type") != Some("OnDelete")
}

/// A pod that such a `StatefulSet` waits for, and that is not of the template which it would be made anew of: of the newest, or, below a partition,
/// of the one before. Nothing but its deletion helps.
fn is_stuck<'p>(live: &LiveObject, rollout: &Rollout<'_>, mut pods: impl Iterator<Item = &'p Pod>) -> Option<&'p Pod> {
    let partition = live.body.at("/spec/updateStrategy/rollingUpdate/partition");
    let partition = partition.and_then(serde_json::Value::as_u64).unwrap_or(0);
    let before = live.body.at("/status/currentRevision").and_then(serde_json::Value::as_str);
    let ordinal = |pod: &Pod| pod.name.raw().rsplit_once('-').and_then(|(_, number)| number.parse::<u64>().ok());
    let comes_back_otherwise = |pod: &Pod| match ordinal(pod) {
        Some(ordinal) if ordinal < partition => {
            before.is_some_and(|before| pod.revision.as_deref().is_some_and(|revision| revision != before))
        }
        _ => rollout.is_earlier(pod),
    };
    pods.find(|pod| waits_for_ready(live) && !pod.ready && !pod.terminating && comes_back_otherwise(pod))
}

/// What is run for such pods.
fn unstick(input: &DetectInput<'_>) -> Option<Untrusted> {
    let target = input.blueprint.value.spec.target.object();
    let live = input.facts.object(&target).known().copied()??;
    let pods = input.facts.pods(&target).known().copied()?;
    let there: Vec<&Pod> = pods.iter().filter(|pod| !pod.terminating).collect();
    let rollout = Rollout::of(live, &there, None, input.facts.now());
    let pod = for_shell(&is_stuck(live, &rollout, there.into_iter())?.name)?;
    Some(Untrusted::new(format!(
        "pod {pod} is of an earlier pod template, and with podManagementPolicy OrderedReady none is replaced before all are ready: neither a \
         restart nor a revert reaches it; delete it, and it comes back with another template: kubectl -n {} delete pod {pod}",
        target.namespace
    )))
}

/// More are not named on one line.
const NAMED_INPUTS: usize = 12;

/// How Git goes back, where it holds something to go back to: a revert of the commit that brought the manifest would delete it.
fn way_back(input: &DetectInput<'_>) -> Untrusted {
    let blueprint = &input.blueprint.value;
    let source = || blueprint.spec.target.source.to_string();
    let path = input.manifest.map_or_else(source, |manifest| manifest.path.to_string());
    Untrusted::new(match input.facts.last_change(&blueprint.metadata.name) {
        Known::Known(Some(last)) if last.changes.is_some() => format!(
            "if the last change of {path} did it: git show {0}{1}, then git revert {2}{0} and a pull request",
            rollback::short(&last.commit),
            if last.merge { " -m --first-parent" } else { "" },
            if last.merge { "-m 1 " } else { "" }
        ),
        Known::Known(Some(last)) => format!(
            "Git has nothing to go back to: {} brought {path}, or what it changed cannot be read; correct it by a pull request",
            rollback::short(&last.commit)
        ),
        Known::Known(None) => {
            format!("no late change of {path} did it: none of the base branch's last commits changed it")
        }
        Known::Unknown(_) => {
            // What is rendered is made of more than the folder: values files and bases lie beside it.
            let from = input.manifest.filter(|manifest| manifest.rendered).map(|manifest| &manifest.path);
            let mut paths = from.map_or_else(Vec::new, |root| input.catalog.rendered_from(root));
            if paths.is_empty() || paths.len() > NAMED_INPUTS {
                paths = vec![path.as_str()];
            }
            let log: Vec<String> = paths.into_iter().map(shell).collect();
            format!(
                "if a change of what makes {path} did it: git log -5 -- {}, then git revert COMMIT (-m 1 where it is a merge) and a pull request",
                log.join(" ")
            )
        }
    })
}

/// The pods that failed, one for each container and way to fail first, and how many of those there are: an out-of-memory is not to hide
/// the crash beside it.
fn each_way_first(pods: &[FailedPod]) -> (Vec<&FailedPod>, usize) {
    let mut ways = BTreeSet::new();
    let way = |pod: &FailedPod| {
        let raw = |text: &Option<Untrusted>| text.as_ref().map(|text| text.raw().to_owned());
        (raw(&pod.container), pod.reason.raw().to_owned(), raw(&pod.ended))
    };
    let (first, rest): (Vec<&FailedPod>, Vec<&FailedPod>) = pods.iter().partition(|pod| ways.insert(way(pod)));
    let count = first.len();
    (first.into_iter().chain(rest).collect(), count)
}

/// What a person is told: what failed, why it is theirs, and what to run.
fn for_a_person(input: &DetectInput<'_>, failing: &Failing, because: &str) -> Reported {
    let target = &input.blueprint.value.spec.target;
    let (namespace, workload) = (&target.namespace, &target.workload);
    let workload = format!("{}/{}", workload.kind.as_str().to_lowercase(), workload.name);
    let look = failing.pods.first().and_then(FailedPod::look).unwrap_or_else(|| format!("logs {workload} --previous"));
    let look = Untrusted::new(format!("see why: kubectl -n {namespace} {look}"));
    let left = left_in_pods(input);
    let back = ahead(input, !left.is_empty()).or_else(|| unstick(input)).unwrap_or_else(|| way_back(input));
    let help = [look, back].into_iter().chain(left_told(input, &left)).collect();
    let failed = each_way_first(&failing.pods);
    let told: Vec<String> = failed.0.iter().map(|pod| pod.told()).collect();
    let message = format!("{}. Not restarted: {because}", listed(&told, failed.1.min(3)));
    Reported::for_person("pods-failed", Severity::Error, message, help)
}

/// A name that may stand in a command; one that is none of Kubernetes' is not for anybody's shell.
pub(super) fn for_shell(name: &Untrusted) -> Option<&str> {
    let good = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-.".contains(&c);
    Some(name.raw()).filter(|name| name.bytes().all(good))
}

impl FailedPod {
    /// The reason in words of bpctl's own: nothing of what the cluster says is in it.
    pub(crate) fn kind(&self) -> &'static str {
        let mut reasons = self.ended.iter().chain([&self.reason]).map(Untrusted::raw);
        let known =
            |reason: &str| RAN.into_iter().filter(|known| *known != "CrashLoopBackOff").find(|known| *known == reason);
        reasons.find_map(known).unwrap_or("ended and does not run again")
    }

    /// What to ask `kubectl` about it.
    fn look(&self) -> Option<String> {
        let pod = for_shell(&self.pod)?;
        let Some(container) = &self.container else { return Some(format!("describe pod {pod}")) };
        let container = for_shell(container)?;
        let previous = if self.restarts > 0 { " --previous" } else { "" };
        Some(format!("logs {pod} -c {container}{previous}"))
    }

    /// `pod web-1: container web: CrashLoopBackOff (OOMKilled, exit 137)`. Outside text: it goes through a sink.
    pub(crate) fn told(&self) -> String {
        let ended = self.ended.as_ref().map(|ended| ended.raw().to_owned());
        let code = self.exit_code.map(|code| format!("exit {code}"));
        let more: Vec<String> = ended.into_iter().chain(code).collect();
        let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join(", ")) };
        let container =
            self.container.as_ref().map_or_else(String::new, |container| format!("container {}: ", container.raw()));
        format!("pod {}: {container}{}{more}", self.pod.raw(), self.reason.raw())
    }
}
