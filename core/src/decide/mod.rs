//! Decides what should be done: facts in, findings and actions out, with every why and why-not.
//!
//! A detector is one file here, registered once in [`DETECTORS`]. Detectors read facts only through the recorder and never see the
//! effects interface: a stage cannot write, by compilation (B4; `tests/it/layers.rs`).

mod adopt;
mod beside;
mod config_back;
mod contract;
mod declared;
mod delivery;
pub mod drift;
mod headless;
pub mod levels;
mod pages;
mod passed;
mod readiness;
mod recovery;
mod replicas_reset;
mod resize;
mod rollback;
mod saturation;
pub mod sizing;
mod switched_off;
mod undelivered;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use config_back::ConfigBroken;
pub use contract::ContractDetector;
pub(crate) use declared::ELSE;
pub use declared::{CompanionDetector, DriftDetector};
pub use delivery::DeliveryDetector;
pub use levels::ServiceLevelDetector;
pub use pages::PAGES;
pub use readiness::ReadinessDetector;
pub use recovery::{FailedPod, Failing, Recovery, RecoveryDetector, RecoveryInput, recovery};
pub use resize::{MeasuredRequest, Missized, ResizeDetector};
pub(crate) use rollback::short;
pub use rollback::{Broke, BrokenChange, RollbackDetector};
pub(crate) use saturation::enough;
pub use saturation::{MOMENTARY, SaturationDetector, Utilization, utilization};

use crate::action::Action;
use crate::blueprint::lint::first_fault;
use crate::blueprint::{Blueprint, Catalog, Located, Manifest};
use crate::model::{At, Name, ObjectRef, Percent, Period, Quantity, Severity, Untrusted, WorkloadKind};
use crate::observe::{Known, LiveObject, Pod, Recorder, Unknown, UnknownCode};
use crate::render::count;

/// Version of the decision logic. It rises with every change that can make the same facts give another decision (X3).
pub const LOGIC: u32 = 14;

/// What a detector looks at.
#[derive(Debug)]
pub struct DetectInput<'a> {
    /// The tree's catalog.
    pub catalog: &'a Catalog,
    /// The environment.
    pub environment: &'a Name,
    /// The blueprint as it holds in the environment.
    pub blueprint: &'a Located<Blueprint>,
    /// The target's manifest, where the tree has it and Kubernetes takes it.
    pub manifest: Option<&'a Manifest>,
    /// Facts.
    pub facts: &'a Recorder<'a>,
    /// What the detectors before this one found.
    pub earlier: &'a [(Finding, Option<Action>)],
}

/// What a detector found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Detected {
    /// Findings, each with the action that answers it.
    pub findings: Vec<(Finding, Option<Action>)>,
    /// What was not proposed, and why.
    pub why_not: Vec<WhyNot>,
    /// What could not be seen.
    pub unknown: Vec<UnknownFact>,
}

/// A detector.
pub trait Detector: Sync {
    /// Identifier, `kebab-case`.
    fn ident(&self) -> &'static str;
    /// One line for the docs.
    fn about(&self) -> &'static str;
    /// Looks at one blueprint.
    fn detect(&self, input: &DetectInput<'_>) -> Detected;
}

/// All detectors, in the order in which a plan shows their findings.
pub const DETECTORS: [&dyn Detector; 10] = [
    &SaturationDetector,
    &ResizeDetector,
    &DriftDetector,
    &CompanionDetector,
    &DeliveryDetector,
    &RecoveryDetector,
    &ReadinessDetector,
    &RollbackDetector,
    &ContractDetector,
    &ServiceLevelDetector,
];

/// A difference that matters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "finding")]
pub enum Finding {
    /// CPU utilization is above or below its threshold.
    Saturation(Saturation),
    /// Requests are not what usage asks for.
    Missized(Missized),
    /// Fields of the cluster differ from what Git declares.
    Drift(DriftFinding),
    /// Git declares an object that the cluster does not have.
    Absent {
        /// Which.
        object: ObjectRef,
        /// What it will not be like, where the API server was asked: what admission changes of it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        admission: Vec<drift::FieldDrift>,
        /// Why the API server did not say what it would store, where it was asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approximate: Option<Unknown>,
    },
    /// Pods failed.
    Failing(Failing),
    /// A merged change after which the workload is not well.
    Broken(BrokenChange),
    /// Fields of the cluster differ from what Git declares, and somebody asked to keep them.
    Adopted {
        /// The fields that are asked for, by object.
        drifts: Vec<DriftFinding>,
    },
    /// Something that no action answers.
    Reported(Reported),
}

impl Finding {
    /// The same for people and files to read, without values that may be credentials (T38).
    #[must_use]
    pub(crate) fn told(mut self) -> Self {
        let drifts = match &mut self {
            Self::Drift(drift) => std::slice::from_mut(drift),
            Self::Adopted { drifts } => drifts.as_mut_slice(),
            Self::Absent { object, admission, .. } => {
                *admission = std::mem::take(admission).into_iter().map(|field| field.told(object)).collect();
                return self;
            }
            _ => return self,
        };
        for DriftFinding { object, fields, .. } in drifts {
            *fields = std::mem::take(fields).into_iter().map(|field| field.told(object)).collect();
        }
        self
    }
}

/// Something that is not as it should be, and that no action of bpctl answers. Each has a stable code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reported {
    /// What kind: `pods-failed`.
    pub code: String,
    /// How bad.
    pub severity: Severity,
    /// It stays as it is until a person does something.
    pub needs_person: bool,
    /// The object that stays other than Git declares it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectRef>,
    /// What was seen; names and reasons in it come from the cluster.
    pub message: Untrusted,
    /// What to do, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub help: Vec<Untrusted>,
    /// The fields that differ from Git and stay so, each with its place, as those of an action's finding. No value of what may be a credential.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<drift::FieldDrift>,
    /// What the cluster warns of, where that explains it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Untrusted>,
}

impl Reported {
    /// What stays as it is until a person does something, and what they can do, one line each.
    pub(crate) fn for_person(code: &str, severity: Severity, message: String, help: Vec<Untrusted>) -> Self {
        let message = Untrusted::new(message);
        Self {
            code: code.into(),
            severity,
            needs_person: true,
            object: None,
            message,
            help,
            fields: Vec::new(),
            events: Vec::new(),
        }
    }
}

/// CPU utilization is above or below its threshold (B6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Saturation {
    /// Σ usage ÷ Σ request over ready pods, rounded down to 1/100 of a percent.
    pub utilization: Percent,
    /// The threshold that is passed.
    pub threshold: Percent,
    /// Above it (scale up) or below it (scale down).
    pub above: bool,
    /// The time that usage is the mean of.
    pub window: Period,
    /// Sum of the ready pods' usage, in cores.
    pub usage: Quantity,
    /// Sum of the ready pods' requests, in cores.
    pub request: Quantity,
    /// Ready pods.
    pub ready_pods: u32,
    /// Replicas that Git declares.
    pub replicas: u32,
}

/// Fields of the cluster differ from what Git declares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DriftFinding {
    /// The object.
    pub object: ObjectRef,
    /// The fields.
    pub fields: Vec<drift::FieldDrift>,
    /// Why the API server did not say what it would store, where it was asked: the fields are as the manifest has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approximate: Option<Unknown>,
}

/// Something that was not proposed (X10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WhyNot {
    /// What it is about: `scale`, `cpu`.
    pub what: String,
    /// Why not, and until when.
    pub because: String,
    /// All fields that it is about, where `because` names the first of them: paths of the cluster's object, each with who wrote it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Untrusted>,
}

impl WhyNot {
    /// What it is about, and why not.
    pub fn new(what: impl Into<String>, because: impl Into<String>) -> Self {
        Self { what: what.into(), because: because.into(), fields: Vec::new() }
    }
}

/// Something that could not be seen. No decision rests on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnknownFact {
    /// What: `CPU usage`.
    pub what: String,
    /// Why.
    pub why: Unknown,
    /// Without it the workload could not be compared with Git at all (R6).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uncompared: bool,
    /// Without it not all that belongs to the workload could be compared with Git: an object, or a file of its source (R6).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unread: bool,
}

impl UnknownFact {
    /// Something that some of the decisions lack.
    pub fn new(what: impl Into<String>, why: Unknown) -> Self {
        Self { what: what.into(), why, uncompared: false, unread: false }
    }

    /// An object that belongs to the workload, its types, or a file that may declare one: without it that is not compared.
    pub fn unread(what: impl Into<String>, why: Unknown) -> Self {
        Self { unread: true, ..Self::new(what, why) }
    }

    /// The manifest, the workload or its types: without it there is nothing to decide about.
    pub fn uncompared(what: impl Into<String>, why: Unknown) -> Self {
        Self { uncompared: true, ..Self::new(what, why) }
    }
}

/// Why ready pods are not as many as wanted, which a look at what pods use has to wait for.
fn not_all_ready(ready: u64, wanted: u64, kind: WorkloadKind) -> String {
    let replicated = kind.has_replicas();
    if ready > wanted {
        let wanted =
            if replicated { format!("{} declared", count(wanted, "replica")) } else { format!("{wanted} wanted") };
        return format!("{ready} pods are ready and {wanted}; it waits until the others are gone");
    }
    let noun = if replicated { "replica" } else { "pod" };
    let (are, others) = if wanted == 1 { ("is", "it waits for that") } else { ("are", "it waits for the others") };
    format!("{ready} of {} {are} ready; {others}", count(wanted, noun))
}

/// Why something is left as it is.
enum Left {
    /// Seen: fine, under way, or not bpctl's to change.
    Not(String),
    /// Not seen.
    Unseen(Unknown),
}

impl Left {
    /// Says so: of what nothing is proposed, or what is not known.
    fn tell(self, detected: &mut Detected, not: &str, unknown: &str) {
        match self {
            Self::Not(because) => detected.why_not.push(WhyNot::new(not, because)),
            Self::Unseen(why) => detected.unknown.push(UnknownFact::new(unknown, why)),
        }
    }
}

/// What is not known where the workload's status is missing.
const ROLLED_OUT: &str = "whether a roll-out is through";

/// Why what pods use does not tell yet what they need: a roll-out is not through, or nobody can see whether it is (B6, B7).
fn rolled_out(live: &LiveObject, pods: Known<&Vec<Pod>>) -> Result<(), Left> {
    let not = |because: String| Err(Left::Not(because));
    let pods = pods.ok().map_err(Left::Unseen)?;
    let number = |pointer: &str| live.body.at(pointer).and_then(serde_json::Value::as_u64);
    // Kubernetes leaves out a zero.
    let status = |key: &str| number(&format!("/status/{key}")).unwrap_or(0);
    if number("/metadata/generation").is_none() || number("/status/observedGeneration").is_none() {
        let message = "the workload's status does not say which generation of it the controller has seen".into();
        return Err(Left::Unseen(Unknown { code: UnknownCode::NotObserved, message, detail: None }));
    }
    if readiness::is_unseen(live) {
        return not("the controller has not seen the last change yet; it waits for that".into());
    }
    if live.body.at("/spec/paused") == Some(&serde_json::Value::Bool(true)) {
        return not("its roll-outs are paused; it waits until somebody resumes them".into());
    }
    let there = || pods.iter().filter(|pod| !pod.terminating);
    let revisions: BTreeSet<&str> = there().filter_map(|pod| pod.revision.as_deref()).collect();
    let newest = live.body.at("/status/updateRevision").and_then(serde_json::Value::as_str);
    let (wanted, all, updated, ready, unavailable) = if live.reference.kind == WorkloadKind::DaemonSet.as_str() {
        let [wanted, all, updated, ready, unavailable] = [
            "desiredNumberScheduled",
            "currentNumberScheduled",
            "updatedNumberScheduled",
            "numberReady",
            "numberUnavailable",
        ]
        .map(status);
        (wanted, all, updated, ready, unavailable)
    } else {
        let [all, updated, ready, unavailable] =
            ["replicas", "updatedReplicas", "readyReplicas", "unavailableReplicas"].map(status);
        (number("/spec/replicas").unwrap_or(1), all, updated, ready, unavailable)
    };
    // A roll-out that brings no pod leaves the old ones alone.
    if updated < all || newest.is_some_and(|newest| revisions.iter().any(|revision| *revision != newest)) {
        return not(
            "pods are of an earlier pod template than the workload's: a roll-out is not through, and it waits for that"
                .into(),
        );
    }
    let of = revisions.len();
    if of > 1 {
        return not(format!("its pods are of {of} revisions: a roll-out is not through, and it waits for that"));
    }
    if [all, updated, ready] != [wanted; 3] || unavailable > 0 {
        let still = if unavailable > 0 { format!(", {unavailable} not available") } else { String::new() };
        return not(format!(
            "its status says {} of {wanted}, {updated} up to date, {ready} ready{still}; it waits until all are",
            count(all, "pod")
        ));
    }
    // One that ended stays listed after another one took its place.
    let waiting = there().filter(|pod| !pod.ready && !pod.has_ended()).count() as u64;
    if waiting > 0 {
        let (is, it) = if waiting == 1 { ("is", "that") } else { ("are", "those") };
        return not(format!("{} of it {is} there and not ready; it waits for {it}", count(waiting, "pod")));
    }
    Ok(())
}

/// Runs every detector on one blueprint.
pub fn decide(catalog: &Catalog, name: &Name, environment: &Name, facts: &Recorder<'_>) -> Detected {
    let mut all = Detected::default();
    let Some(blueprint) = catalog.blueprint(name, environment, facts.now()) else { return all };
    let target = &blueprint.value.spec.target;
    // The drift detector says what is wrong with one that no Kubernetes takes.
    let manifest = catalog.manifest(environment, &target.source, &target.object());
    let manifest = manifest.filter(|manifest| first_fault(manifest).is_none());
    for detector in DETECTORS {
        let earlier = &all.findings;
        let found =
            detector.detect(&DetectInput { catalog, environment, blueprint: &blueprint, manifest, facts, earlier });
        all.findings.extend(found.findings);
        all.why_not.extend(found.why_not);
        all.unknown.extend(found.unknown);
        if detector.ident() == DriftDetector.ident() {
            let object = target.object();
            undelivered::wait(&object, facts.object(&object).known().copied().flatten(), &mut all);
        }
    }
    // What is being deleted takes no change; the drift detectors say so.
    let goes = |object: &ObjectRef| {
        facts.object(object).known().copied().flatten().is_some_and(|live| live.deleted_at().is_some())
    };
    all.findings.retain(|(_, action)| !action.as_ref().is_some_and(|action| goes(action.workload())));
    if let Some(asked) = facts.asked(name) {
        let place = catalog.workspace.value.environments.get(environment);
        adopt::adopt(&blueprint.value, place.map(|place| place.delivery), asked, &mut all);
    }
    // Kept for every workload until the plan is made; most have nothing to say.
    all.findings.shrink_to_fit();
    all.why_not.shrink_to_fit();
    all.unknown.shrink_to_fit();
    all
}
