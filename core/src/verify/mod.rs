//! Verifies what landed (B13, B14, B16, B17): a pure question to one observation and a few times. What was measured is of each window's own
//! interval, so that a late run gives the same answer.

mod measured;
mod restart;
mod spans;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use self::measured::{Changed, judge_window};
use crate::blueprint::{Catalog, Delivery, Operation, Verification, containers, quantity, quantity_of};
use crate::decide::drift::{Attribution, writer};
use crate::govern::FIELD_MANAGER;
use crate::model::{FieldPath, Name, ObjectRef, Period, Quantity, Segment, Timestamp, Untrusted};
use crate::observe::{
    CheckConclusion, FailedDelivery, Known, ObservedFrom, PastChange, PastConfig, PastOperation, Pod, Recorder,
    Resource, Window,
};
use crate::render::count;
use crate::yaml::{Node, value_at};

pub use measured::{MeasuredChange, judge};
pub use restart::{RestartInput, verify_restart};
pub use spans::{Spans, Targets, UsageTarget};

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
    /// The values of `ConfigMap`s that went back with them, as Git declares them still (B17).
    pub config: &'a [PastConfig],
    /// When they were merged, by the forge's clock; where bpctl has delivered since, when it did.
    pub began: Timestamp,
    /// How they reach the cluster.
    pub delivery: Delivery,
    /// bpctl delivered since the merge, or the cluster refused it. Under `direct` what is missing before that is only not delivered yet.
    pub attempted: bool,
    /// The windows.
    pub windows: &'a Verification,
    /// What is measured in the later ones; else why nothing is.
    pub measured: Result<MeasuredInput<'a>, &'static str>,
    /// Where the facts come from.
    pub from: &'a ObservedFrom,
}

/// What is measured around an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasuredInput<'a> {
    /// Whose workload it changed.
    pub blueprint: &'a Name,
    /// Its merge commit.
    pub commit: &'a str,
    /// What it changed; `None`: not known.
    pub changes: Option<&'a [PastChange]>,
    /// It changed values that the pods read as well.
    pub configured: bool,
    /// The targets.
    pub targets: Targets,
    /// How long after a window's end it is judged.
    pub lag: Period,
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

impl DeclaredRequest {
    /// Where it stands in a workload.
    fn field(&self) -> FieldPath {
        let container = Segment::Item(vec![("name".into(), self.container.clone())]);
        FieldPath::keys(["spec", "template", "spec", "containers"])
            .join(container)
            .key("resources")
            .key("requests")
            .key(self.resource.name())
    }
}

/// How a verification stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All checks hold.
    Success,
    /// A target is not fully met, and the change is not to blame or it is nearly met: it stays (B16).
    Partial,
    /// A check failed.
    Failure,
    /// Its time is not over.
    Pending,
    /// It cannot be seen.
    Unknown,
    /// There is nothing to measure it by: of a window, never of the whole.
    NotMeasured,
}

impl Outcome {
    /// How the check on the merge commit reads.
    pub fn conclusion(self) -> CheckConclusion {
        match self {
            Self::Success | Self::Partial => CheckConclusion::Success,
            Self::Failure => CheckConclusion::Failure,
            Self::Pending => CheckConclusion::Pending,
            Self::Unknown | Self::NotMeasured => CheckConclusion::Neutral,
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Success => "success",
            Self::Partial => "partial success",
            Self::Failure => "failure",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
            Self::NotMeasured => "not measured",
        })
    }
}

/// One check of one window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WindowCheck {
    /// The window: `applied`, `ready`, `settled`, `sustained`; of a restart `recovered`.
    pub window: String,
    /// How it stands.
    pub outcome: Outcome,
    /// What was seen.
    pub evidence: String,
    /// The same in numbers, before the change and after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measured: Vec<MeasuredChange>,
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

impl VerifyReport {
    /// What was measured to be worse than it may be.
    pub fn missed(&self) -> Vec<String> {
        let all = self.checks.iter().flat_map(|check| &check.measured);
        all.filter(|line| line.outcome == Some(Outcome::Failure)).map(MeasuredChange::numbers).collect()
    }

    /// The report as it stands before a pass that delivers itself has done so: what the cluster lacks is what the pass is still to bring (B13).
    #[must_use]
    pub fn before_delivery(mut self) -> Self {
        for check in &mut self.checks {
            if check.window == APPLIED && check.outcome == Outcome::Failure {
                check.outcome = Outcome::Pending;
            }
        }
        report(self.checks, self.due)
    }

    /// The report where another operation follows now: what it would still have shown is not to be seen any more. A window that was only
    /// watched for longer is none of it.
    #[must_use]
    pub fn cut_short(mut self, by: u64) -> Self {
        for check in self.checks.iter_mut().filter(|check| check.outcome == Outcome::Pending) {
            let watched = check.window == Window::Sustained.name();
            check.outcome = if watched { Outcome::NotMeasured } else { Outcome::Unknown };
            check.evidence = format!("not watched to its end: #{by} follows");
        }
        report(self.checks, None)
    }
}

/// Whether an operation's outcome shows in the cluster, and it is bpctl's own. Only the newest one of a workload is looked at: it is what
/// should be there.
pub fn is_verified(past: &PastOperation) -> bool {
    let known = [Operation::Scale, Operation::Resize, Operation::Rollback];
    !past.foreign && known.iter().any(|known| known.name() == past.operation)
}

/// The window in which the cluster gets the value.
const APPLIED: &str = "applied";

/// How far back operations are looked for that are not verified yet.
pub const HORIZON: Period = Period::from_secs(86_400);

/// Verifies a merged operation by what stands on base. `None`: base does not declare its workload any more.
pub fn verify_operation(
    catalog: &Catalog,
    environment: &Name,
    blueprint: &Name,
    operation: &PastOperation,
    facts: &Recorder<'_>,
) -> Option<VerifyReport> {
    let place = catalog.workspace.value.environments.get(environment)?;
    let effective = catalog.blueprint(blueprint, environment, facts.now())?;
    let target = &effective.value.spec.target;
    let workload = target.object();
    let manifest = catalog.manifest(environment, &target.source, &workload)?;
    let declares = target.workload.kind.has_replicas() && catalog.autoscaler(environment, blueprint).is_none();
    // What Git leaves open is the cluster's.
    let declared = manifest.document.root.at(&["spec", "replicas"]).and_then(Node::as_int).filter(|_| declares);
    // Of what went back the fields themselves are looked at; what pods request, where it is among them.
    let changes = operation.changes.as_deref();
    let back = changes.filter(|_| operation.is_rollback()).unwrap_or_default();
    let sized = back.iter().any(|change| change.field.has_key("resources"));
    let requests = if sized || operation.operation == Operation::Resize.name() {
        requests(&manifest.document.root)
    } else {
        Vec::new()
    };
    let config =
        if operation.is_rollback() { standing(catalog, environment, blueprint, &operation.config) } else { Vec::new() };
    let refused = |all: &&Vec<FailedDelivery>| all.iter().any(|failed| failed.at >= operation.merged_at);
    let refused = facts.deliveries(blueprint).known().is_some_and(refused);
    let input = VerifyInput {
        workload: &workload,
        replicas: declared.map(u32::try_from).transpose().ok()?,
        requests: &requests,
        fields: back,
        config: &config,
        began: operation.began(),
        delivery: place.delivery,
        attempted: operation.delivered_at.is_some() || refused,
        windows: &catalog.workspace.value.verification,
        measured: Targets::of(&effective.value.spec, place).map(|targets| MeasuredInput {
            blueprint,
            commit: &operation.commit,
            changes,
            configured: !operation.config.is_empty(),
            targets,
            lag: Targets::lag(place),
        }),
        from: facts.from(),
    };
    Some(verify_merged(&input, facts))
}

/// The values of `ConfigMap`s that an operation set and that Git declares still: what a person changed again since, has not arrived for good.
fn standing(catalog: &Catalog, environment: &Name, blueprint: &Name, config: &[PastConfig]) -> Vec<PastConfig> {
    let all = catalog.companions(environment, blueprint);
    let declared: Vec<_> = all.compared.iter().chain(all.shared.iter().map(|(companion, _)| companion)).collect();
    let stands = |one: &PastConfig| {
        let manifest = declared.iter().find(|companion| companion.object == one.object)?.manifest;
        let says = |change: &&PastChange| value_at(&manifest.document, &change.field).map(Node::to_json) == change.to;
        let changes = one.changes.as_ref()?.iter().filter(says).cloned().collect();
        Some(PastConfig { changes: Some(changes), ..one.clone() })
    };
    config.iter().filter_map(stands).collect()
}

/// The requests that a manifest declares.
fn requests(manifest: &Node) -> Vec<DeclaredRequest> {
    let mut declared = Vec::new();
    for (container, node) in containers(manifest) {
        for resource in [Resource::Cpu, Resource::Memory] {
            let request = node.at(&["resources", "requests", resource.name()]).and_then(quantity);
            let container = container.clone();
            declared.extend(request.map(|request| DeclaredRequest { container, resource, request }));
        }
    }
    declared
}

/// Verifies a change of replicas or requests: in the cluster within the first window, all pods running and ready with it within the
/// second, none of them ended for want of memory (B13, B14); then usage and service levels in the later ones.
pub fn verify_merged(input: &VerifyInput<'_>, facts: &Recorder<'_>) -> VerifyReport {
    let now = facts.now();
    if let ObservedFrom::Snapshot { .. } = input.from {
        let told = "a recorded cluster shows nothing that happens after the recording";
        return report(vec![check(APPLIED, Outcome::Unknown, told)], None);
    }
    // The windows begin when the cluster got the value; a controller may take its time before.
    let lag = input.measured.as_ref().map_or(Period::from_millis(0), |measured| measured.lag);
    let spans = Spans::of(input.windows, input.delivery, input.began, lag);
    let (applied_by, ready_by) = (spans.applied_by, spans.ready_by);
    let missing = |evidence: String, written_by: Option<Attribution>| {
        if input.delivery == Delivery::Direct && !input.attempted {
            return report(vec![check(APPLIED, Outcome::Pending, format!("{evidence}; not delivered yet"))], None);
        }
        // Drift from what had arrived is no failure of what was merged.
        // Without a time, as of a subresource, it is the one that owns the field now; bpctl's own apply took it from all others.
        let since = |by: &Attribution| by.manager.raw() != FIELD_MANAGER && by.at.is_none_or(|at| at > input.began);
        if let Some(by) = written_by.filter(|by| input.delivery == Delivery::Direct && since(by)) {
            let by = crate::render::sink::terminal(&by.manager);
            let evidence = format!("{evidence}; {by} has written it since");
            return report(vec![check(APPLIED, Outcome::Unknown, evidence)], None);
        }
        let outcome = if now >= applied_by { Outcome::Failure } else { Outcome::Pending };
        report(vec![check(APPLIED, outcome, evidence)], (now < applied_by).then_some(applied_by))
    };
    let live = match facts.object(input.workload) {
        Known::Known(Some(live)) => live,
        Known::Known(None) => return missing("the workload is not in the cluster".into(), None),
        Known::Unknown(unknown) => return report(vec![check(APPLIED, Outcome::Unknown, unknown.message)], None),
    };
    let number = |pointer: &str| live.body.pointer(pointer).and_then(serde_json::Value::as_u64);
    let has = number("/spec/replicas").or_else(|| number("/status/desiredNumberScheduled")).unwrap_or(1);
    if let Some(replicas) = input.replicas.filter(|replicas| has != u64::from(*replicas)) {
        let by = writer(live, &FieldPath::keys(["spec", "replicas"]));
        return missing(format!("spec.replicas is {has}, merged were {replicas}"), by);
    }
    if let Some((told, declared)) = input.requests.iter().find_map(|declared| other_request(&live.body, declared)) {
        return missing(format!("{told}, merged was {}", declared.request), writer(live, &declared.field()));
    }
    if let Some(change) = input.fields.iter().find(|change| !is_live(&live.body, change)) {
        let field = crate::render::sink::terminal(&Untrusted::new(change.field.to_string()));
        return missing(format!("{field} is not what was merged"), writer(live, &change.field));
    }
    for one in input.config {
        let object = &one.object;
        let live = match facts.object(object) {
            Known::Known(live) => live,
            Known::Unknown(unknown) => return report(vec![check(APPLIED, Outcome::Unknown, unknown.message)], None),
        };
        let there = |change: &&PastChange| live.is_some_and(|live| is_live(&live.body, change));
        if let Some(change) = one.changes.iter().flatten().find(|change| !there(change)) {
            let field = crate::render::sink::terminal(&Untrusted::new(change.field.to_string()));
            let by = live.and_then(|live| writer(live, &change.field));
            return missing(format!("{field} of {object} is not what was merged"), by);
        }
    }
    let told: Vec<String> =
        input.requests.iter().map(|r| format!("the {} request is {}", r.resource, r.request)).collect();
    let scaled = changed_replicas(input);
    let values: usize = input.config.iter().flat_map(|one| &one.changes).map(Vec::len).sum();
    let told = match (told.is_empty(), input.fields.len()) {
        (true, 0) if values == 1 => "the value of a ConfigMap is back".into(),
        (true, 0) if values > 1 => format!("{values} values of ConfigMaps are back"),
        (true, 0) => {
            scaled.map_or_else(|| format!("spec.replicas is {has}"), |from| format!("replicas {from} → {has}"))
        }
        (true, 1) => "the field is back".into(),
        (true, fields) => format!("{fields} fields are back"),
        (false, _) => told.join(", "),
    };
    let told = if values > 0 && !input.fields.is_empty() {
        format!("{told}, and {} of ConfigMaps", count(values, "value"))
    } else {
        told
    };
    let mut applied = check(APPLIED, Outcome::Success, told);
    if let Some(before) = scaled {
        let (measure, before, after) = ("replicas".into(), Some(before.to_string()), Some(has.to_string()));
        applied.measured = vec![MeasuredChange { measure, before, after, target: None, outcome: None, because: None }];
    }

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
    let stuck = |reason: &Untrusted| matches!(reason.raw(), "CrashLoopBackOff" | "ImagePullBackOff" | "ErrImagePull");
    let crashed = out_of_memory > 0 || mine.iter().any(|pod| pod.reasons.iter().any(stuck));
    // Pods that became ready later than the window did not become ready in it, however late this run looks.
    let is_later = |pod: &Pod| pod.created_at.is_some_and(|created| created > ready_by);
    // What an autoscaler adds while it is watched says nothing of the change, as long as pods of that time are there.
    let autoscaled = input.replicas.is_none() && !is_on_nodes(&live.body) && !mine.iter().all(|pod| is_later(pod));
    let was_in_time = |pod: &&&Pod| {
        pod.ready && (pod.ready_since.is_none_or(|since| since <= ready_by) || (autoscaled && is_later(pod)))
    };
    let in_time = mine.iter().filter(was_in_time).count();
    let with = if input.requests.is_empty() { "" } else { " with the merged requests" };
    let whole = u64::try_from(ready) == Ok(has) && mine.len() == ready && !crashed;
    let replaced = mine.iter().any(|pod| is_later(pod));
    let mut evidence = format!("{ready} of {has} pods running and ready{with}");
    // All of them are there, and still it is no success: why.
    let more = mine.len().saturating_sub(ready);
    if u64::try_from(ready) == Ok(has) && more > 0 {
        evidence += &format!(", and {more} more that {} not", if more == 1 { "is" } else { "are" });
    }
    let late = ready.saturating_sub(in_time);
    if whole && late > 0 && !replaced {
        evidence += &format!(", {late} of them only after {ready_by:.0}");
    }
    if out_of_memory > 0 {
        evidence += &format!(", {out_of_memory} out of memory (OOMKilled)");
    }
    let crashing = mine.iter().filter_map(|pod| pod.reasons.iter().find(|reason| stuck(reason)));
    let crashing: BTreeSet<&str> = crashing.map(Untrusted::raw).collect();
    if !crashing.is_empty() {
        evidence += &format!(", {}", crashing.into_iter().collect::<Vec<_>>().join(", "));
    }
    let outcome = match (whole, now >= ready_by) {
        (true, _) if in_time == ready => Outcome::Success,
        // The pods of that time are gone; what they did is not known any more.
        (_, true) if replaced => Outcome::Unknown,
        (true, _) | (false, true) => Outcome::Failure,
        (false, false) => Outcome::Pending,
    };
    let due = (outcome == Outcome::Pending).then_some(ready_by);
    let checks = vec![applied, check("ready", outcome, evidence)];
    if matches!(outcome, Outcome::Failure | Outcome::Pending) {
        return report(checks, due);
    }
    let after = input.replicas.map(|_| has).or_else(|| is_on_nodes(&live.body).then_some(has));
    let changed = Changed {
        workload: input.workload,
        changes: input.measured.as_ref().ok().and_then(|measured| measured.changes),
        configured: input.measured.as_ref().is_ok_and(|measured| measured.configured),
        before: scaled.or(after),
        after,
        // A pod that came later may have other requests than those that were measured.
        pod: mine.iter().copied().find(|pod| pod.ready && !is_later(pod)),
    };
    later(input, &spans, &changed, checks, facts)
}

/// The windows that are judged by what was measured in them, up to the first that fails or is not over.
fn later(
    input: &VerifyInput<'_>,
    spans: &Spans,
    changed: &Changed<'_>,
    mut checks: Vec<WindowCheck>,
    facts: &Recorder<'_>,
) -> VerifyReport {
    for (window, _, end, due) in spans.measured() {
        let found = match &input.measured {
            Err(why) => check(window.name(), Outcome::NotMeasured, *why),
            Ok(_) if facts.now() < due => {
                checks.push(check(window.name(), Outcome::Pending, format!("until {end:.0}")));
                return report(checks, Some(due));
            }
            Ok(measured) => match facts.measures(measured.blueprint) {
                Known::Unknown(why) => check(window.name(), Outcome::Unknown, why.message),
                Known::Known(all) => {
                    let mine = all.windows.iter().find(|of| of.window == window && all.commit == measured.commit);
                    mine.map_or_else(
                        || check(window.name(), Outcome::Unknown, "nobody measured it"),
                        |of| judge_window(&measured.targets, changed, of),
                    )
                }
            },
        };
        let failed = found.outcome == Outcome::Failure;
        checks.push(found);
        if failed {
            break;
        }
    }
    report(checks, None)
}

/// The replicas before the change, where it changed them.
fn changed_replicas(input: &VerifyInput<'_>) -> Option<u64> {
    let changes = input.measured.as_ref().map_or(input.fields, |measured| measured.changes.unwrap_or_default());
    let change = changes.iter().find(|change| change.field.is_keys(&["spec", "replicas"]))?;
    // What is not written is 1.
    change.from.as_ref().map_or(Some(1), Json::as_u64)
}

/// Whether it runs on nodes, and declares no replicas.
fn is_on_nodes(live: &Json) -> bool {
    live.pointer("/spec/replicas").is_none() && live.pointer("/status/desiredNumberScheduled").is_some()
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
fn other_request<'r>(live: &serde_json::Value, declared: &'r DeclaredRequest) -> Option<(String, &'r DeclaredRequest)> {
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
    Some((told, declared))
}

/// Whether the pod itself, and not only what makes pods, has what was merged.
fn has_requests(pod: &Pod, declared: &[DeclaredRequest]) -> bool {
    declared.iter().all(|declared| pod.request(declared.resource, Some(&declared.container)) == Some(&declared.request))
}

fn check(window: &str, outcome: Outcome, evidence: impl Into<String>) -> WindowCheck {
    WindowCheck { window: window.into(), outcome, evidence: evidence.into(), measured: Vec::new() }
}

/// What counts first among several.
fn rank(outcome: Option<Outcome>) -> u8 {
    match outcome {
        Some(Outcome::Failure) => 0,
        Some(Outcome::Unknown) => 1,
        Some(Outcome::Pending) => 2,
        Some(Outcome::Partial) => 3,
        Some(Outcome::Success) => 4,
        Some(Outcome::NotMeasured) | None => 5,
    }
}

/// Of several outcomes the one that counts; `None`: nothing was measured.
fn worst(outcomes: impl Iterator<Item = Outcome>) -> Option<Outcome> {
    outcomes.filter(|outcome| *outcome != Outcome::NotMeasured).min_by_key(|outcome| rank(Some(*outcome)))
}

fn report(checks: Vec<WindowCheck>, due: Option<Timestamp>) -> VerifyReport {
    let outcome = worst(checks.iter().map(|check| check.outcome)).unwrap_or(Outcome::Unknown);
    VerifyReport { outcome, checks, due }
}
