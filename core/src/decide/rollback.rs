//! Rollbacks (B8, B14, B17): after a merged change the pods of its template do not run, or the change failed its verification. What it
//! changed of the manifest and of the `ConfigMap`s that the pods read goes back, if that is single values and nothing else speaks against it; else a
//! person is told why not.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::config_back::{ConfigBroken, arrived_at, config_back};
use super::readiness::is_unseen;
use super::recovery::rolls_out;
use super::{DetectInput, Detected, Detector, Finding, Recovery, Reported, WhyNot};
use crate::action::{Action, ActionType, Rollback, SetBack};
use crate::model::{At, FieldPath, Severity, Timestamp, Untrusted};
use crate::observe::{
    CheckConclusion, Known, LastChange, LiveObject, PastChange, PastConfig, PastOperation, Pod, Unknown,
    current_revision,
};
use crate::verify::verify_operation;
use crate::yaml::value_at;

/// A merged change after which the workload is not well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BrokenChange {
    /// How that shows.
    pub broke: Broke,
    /// The commit of the base branch that brought it.
    pub commit: String,
    /// The commit before it, where that was looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// When it was merged by bpctl, or the time that the commit claims.
    pub at: Timestamp,
    /// Who wrote it, as the commit claims; `None`: bpctl.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Untrusted>,
    /// What it changed outside of the pod template: that stays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stays: Vec<FieldPath>,
    /// What is to be known of the `ConfigMap`s that it changed (B17).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<ConfigBroken>,
    /// What a person would be told instead.
    pub reported: Vec<Reported>,
}

/// How it shows that a change was none for the better.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Broke {
    /// Pods of its template do not run.
    Pods,
    /// Its verification failed.
    Verification {
        /// What was done: `resize`.
        operation: String,
        /// Its pull request.
        pull: u64,
        /// What was measured to be worse since than it may be.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        missed: Vec<String>,
    },
}

impl BrokenChange {
    /// What a person is told where it cannot go back after all.
    pub(crate) fn instead(self, because: &str) -> Vec<Reported> {
        let told = |mut reported: Reported| {
            reported.help.push(not_back(because));
            reported
        };
        self.reported.into_iter().map(told).collect()
    }
}

fn not_back(because: &str) -> Untrusted {
    Untrusted::new(format!("no rollback is proposed: {because}"))
}

/// The first characters of a commit's id, as Git shows them.
pub(crate) fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}

fn unknown(what: &str, why: &Unknown) -> String {
    format!("{what} is not known: {}", why.message)
}

/// Answers pods that no restart cures by the pod template that stood before, where that can be done; else says why it cannot.
pub(super) fn answer(input: &DetectInput<'_>, recovery: &Recovery, detected: &mut Detected) {
    let spent = matches!(recovery, Recovery::Person { spent: true, .. });
    let is_answered = |finding: &Finding| match finding {
        Finding::Reported(reported) => match reported.code.as_str() {
            "image-not-pulled" | "container-not-created" => true,
            "pods-failed" => spent,
            _ => false,
        },
        _ => false,
    };
    // One thing at a time: a restart is tried before, and where Git is ahead that has been said.
    if matches!(recovery, Recovery::Restart { .. })
        || input.earlier.iter().any(rolls_out)
        || !detected.findings.iter().any(|(finding, _)| is_answered(finding))
    {
        return;
    }
    // No value of a ConfigMap keeps an image from being pulled.
    let pulled = detected.findings.iter().any(|(finding, _)| {
        is_answered(finding) && !matches!(finding, Finding::Reported(told) if told.code == "image-not-pulled")
    });
    match of_pods(input, pulled) {
        Ok((action, mut broken)) => {
            for (finding, action) in std::mem::take(&mut detected.findings) {
                match finding {
                    Finding::Reported(reported) if is_answered(&Finding::Reported(reported.clone())) => {
                        broken.reported.push(reported);
                    }
                    other => detected.findings.push((other, action)),
                }
            }
            detected.findings.push((Finding::Broken(broken), Some(action)));
        }
        Err(because) => {
            for (finding, _) in detected.findings.iter_mut().filter(|(finding, _)| is_answered(finding)) {
                if let Finding::Reported(reported) = finding {
                    reported.help.push(not_back(&because));
                }
            }
        }
    }
}

/// Which change is to blame: the newest of the manifest, or a newer one of `ConfigMap`s alone, unless the pods failed before the cluster had that
/// (both times are the cluster's).
fn blamed<'l>(input: &DetectInput<'_>, last: &'l LastChange, pods: &[Pod], pulled: bool) -> &'l LastChange {
    let Some(newer) = last.newer.as_deref().filter(|_| pulled) else { return last };
    let Some(arrived) = arrived_at(input, &newer.config) else { return newer };
    let failed = |pod: &&Pod| !pod.terminating && !pod.ready && (!pod.stopped.is_empty() || pod.has_ended());
    let before = |pod: &Pod| pod.ready_since.is_some_and(|since| since < arrived);
    if pods.iter().filter(failed).all(before) { last } else { newer }
}

/// The way back of the newest change of the manifest's pod template or of what its pods read, or why there is none. `pulled`: something else fails
/// than that images are pulled.
fn of_pods(input: &DetectInput<'_>, pulled: bool) -> Result<(Action, BrokenChange), String> {
    let target = input.blueprint.value.spec.target.object();
    let manifest = input.manifest.ok_or("which file declares it is not known")?;
    if manifest.rendered {
        return Err("its manifest is rendered; a person reverts the change of what it is rendered from".into());
    }
    let (live, pods) = seen(input)?;
    let text = |pointer: &str| live.body.at(pointer).and_then(Json::as_str);
    if text("/spec/updateStrategy/type") == Some("OnDelete") || live.body.at("/spec/paused") == Some(&true.into()) {
        return Err("its roll-outs are paused or OnDelete, so that it would replace no pod".into());
    }
    if !of_newest(live, pods) {
        return Err("the pods that do not run are not known to be of the newest pod template".into());
    }
    let name = &input.blueprint.value.metadata.name;
    let history = input.facts.history(name).ok().map_err(|why| unknown("what was rolled back before", &why))?;
    let last = match input.facts.last_change(name) {
        Known::Known(Some(last)) => blamed(input, last, pods, pulled),
        Known::Known(None) => return Err("none of the base branch's last commits changed its manifest".into()),
        Known::Unknown(why) => return Err(unknown("what changed last", &why)),
    };
    let commit = short(&last.commit);
    if let Some(back) = history.iter().find(|past| past.is_rollback() && past.commit == last.commit) {
        return Err(format!("the last change of its manifest, {commit}, is itself a rollback (#{})", back.pull));
    }
    if last.went_back {
        return Err(format!("the last change of its manifest, {commit}, went back to an earlier value itself"));
    }
    let Some(changes) = &last.changes else {
        return Err(format!("{commit} brought the manifest, or what it changed cannot be read"));
    };
    let in_template = |change: &&PastChange| change.field.starts_with_keys(&["spec", "template"]);
    let (template, rest): (Vec<&PastChange>, Vec<&PastChange>) = changes.iter().partition(in_template);
    if template.is_empty() && (last.config.is_empty() || !pulled) {
        return Err(format!("the last change of its manifest, {commit}, is not in the pod template"));
    }
    let fields = set_back(commit, &template, &last.config, history)?;
    let (config, told) = config_back(input, commit, &last.config, history)?;
    if fields.is_empty() && config.is_empty() {
        return Err(format!("{commit} changed no value that could go back"));
    }
    let action = Rollback { version: 1, blueprint: name.clone(), workload: target, fields, config };
    // What cannot be edited is said now, with the finding.
    action.lower(input.catalog, input.environment)?;
    let broken = BrokenChange {
        broke: Broke::Pods,
        commit: last.commit.clone(),
        before: last.before.clone(),
        at: last.at,
        author: Some(last.author.clone()),
        stays: rest.into_iter().map(|change| change.field.clone()).collect(),
        config: told,
        reported: Vec::new(),
    };
    Ok((Action::Rollback(action), broken))
}

/// The workload and its pods, with all that a comparison with Git needs: where that lacks, whether the change has arrived is not known.
fn seen<'a>(input: &'a DetectInput<'_>) -> Result<(&'a LiveObject, &'a [Pod]), String> {
    let target = input.blueprint.value.spec.target.object();
    let compared = "whether the cluster has what Git declares";
    input.facts.schema(&target.api_version, &target.kind).ok().map_err(|why| unknown(compared, &why))?;
    let live = input.facts.object(&target).ok().map_err(|why| unknown(compared, &why))?;
    let live = live.ok_or("it is not in the cluster")?;
    if is_unseen(live) {
        return Err("the controller has not seen the last change yet".into());
    }
    let pods = input.facts.pods(&target).ok().map_err(|why| unknown("how its pods are", &why))?;
    Ok((live, pods))
}

/// Whether pods of the newest template are there, and one of them does not run.
fn of_newest(live: &LiveObject, pods: &[Pod]) -> bool {
    let status = |key: &str| live.body.at(&format!("/status/{key}"));
    let updated = ["updatedReplicas", "updatedNumberScheduled"].iter().find_map(|key| status(key)?.as_u64());
    let there: Vec<&Pod> = pods.iter().filter(|pod| !pod.terminating).collect();
    let Some(newest) = current_revision(live, &there).filter(|_| updated.is_some_and(|updated| updated > 0)) else {
        return false;
    };
    let known = status("updateRevision").and_then(Json::as_str).is_none_or(|revision| revision == newest);
    let fails = |pod: &&Pod| !pod.ready && (!pod.stopped.is_empty() || pod.phase.raw() == "Failed");
    known && there.into_iter().filter(fails).any(|pod| pod.revision.as_deref() == Some(newest))
}

/// The fields on their way back; what bpctl rolled back from once is never gone back to.
fn set_back(
    commit: &str,
    changes: &[&PastChange],
    config: &[PastConfig],
    history: &[PastOperation],
) -> Result<Vec<SetBack>, String> {
    // The name of what is generated follows its content.
    let follows = |change: &PastChange| {
        let names = |one: &PastConfig| {
            let text = |side: &Option<Json>, name: &str| side.as_ref().and_then(Json::as_str) == Some(name);
            one.was.as_ref().is_some_and(|was| text(&change.from, was) && text(&change.to, &one.object.name))
        };
        config.iter().any(names)
    };
    let changes: Vec<&PastChange> = changes.iter().copied().filter(|change| !follows(change)).collect();
    for past in history.iter().filter(|past| past.is_rollback()) {
        let Some(then) = &past.changes else {
            return Err(format!("what rollback #{} changed is not known, and nothing goes back and forth", past.pull));
        };
        let left = |change: &PastChange| then.iter().any(|t| t.field == change.field && t.from == change.from);
        if changes.iter().any(|change| left(change)) {
            return Err(format!("what stood before {commit} was rolled back itself, with #{}", past.pull));
        }
    }
    let back: Option<Vec<SetBack>> = changes.iter().map(|change| SetBack::of(change)).collect();
    back.ok_or_else(|| format!("{commit} did more than give single values another value (it added or removed some)"))
}

/// A change of bpctl's own that failed its verification goes back, where the blueprint says so.
#[derive(Debug)]
pub struct RollbackDetector;

impl Detector for RollbackDetector {
    fn ident(&self) -> &'static str {
        "rollback"
    }

    fn about(&self) -> &'static str {
        "What failed its verification goes back, where spec.reliability.rollback.on_failed_verification says so; else a person is told"
    }

    fn detect(&self, input: &DetectInput<'_>) -> Detected {
        let mut detected = Detected::default();
        let blueprint = &input.blueprint.value;
        // Where it is unknown the cooldown says so, and holds.
        let Known::Known(history) = input.facts.history(&blueprint.metadata.name) else { return detected };
        let answered = input.earlier.iter().any(|(_, action)| matches!(action, Some(Action::Rollback(_))));
        let failed = |past: &&PastOperation| past.outcome == Some(CheckConclusion::Failure) && past.reset_by.is_none();
        let last = history.iter().rfind(|past| !past.foreign);
        let Some(last) = last.filter(failed).filter(|_| !answered) else { return detected };
        let what = format!("{} #{}", last.operation, last.pull);
        // One way back is enough: the replica that the load asks for anyway.
        let asked = input.earlier.iter().find_map(|(_, action)| match action {
            Some(Action::Scale(scale)) if brings_back(last, scale.to) => Some(scale.to),
            _ => None,
        });
        if let Some(to) = asked {
            let because = format!("{what} failed its verification, and the scale to {to} replicas takes it back");
            detected.why_not.push(WhyNot::new(Rollback::NAME, because));
            return detected;
        }
        // Over the windows' own time, whatever the load is by now.
        let (catalog, environment, name) = (input.catalog, input.environment, &blueprint.metadata.name);
        let missed = verify_operation(catalog, environment, name, last, input.facts)
            .map_or_else(Vec::new, |report| report.missed());
        match of_verification(input, last, history, &missed) {
            Ok(None) => {}
            Ok(Some((action, broken))) => {
                detected.findings.push((Finding::Broken(broken), Some(Action::Rollback(action))));
            }
            Err(Stays::Well) => {
                let because = format!("{what} failed its verification, and all its pods are ready by now");
                detected.why_not.push(WhyNot::new(Rollback::NAME, because));
            }
            Err(Stays::Because(because)) => {
                let mut reported = reported(input, last, &missed);
                reported.help.push(not_back(&because));
                detected.findings.push((Finding::Reported(reported), None));
            }
        }
        detected
    }
}

/// Whether so many replicas are all that an operation changed, as it was before.
fn brings_back(past: &PastOperation, replicas: u32) -> bool {
    let changes = past.changes.as_deref().unwrap_or_default();
    matches!(changes, [one] if one.field.is_keys(&["spec", "replicas"]) && one.from == Some(replicas.into()))
}

/// Why what failed stays as it is.
enum Stays {
    /// It became well later.
    Well,
    /// One clause.
    Because(String),
}

impl From<String> for Stays {
    fn from(because: String) -> Self {
        Self::Because(because)
    }
}

/// The way back of a failed operation; `Ok(None)`: the manifest says something else by now.
fn of_verification(
    input: &DetectInput<'_>,
    last: &PastOperation,
    history: &[PastOperation],
    missed: &[String],
) -> Result<Option<(Rollback, BrokenChange)>, Stays> {
    let blueprint = &input.blueprint.value;
    let commit = short(&last.commit);
    let (live, pods) = seen(input)?;
    if missed.is_empty() && is_well(live, pods) {
        return Err(Stays::Well);
    }
    let stands = |change: &PastChange| {
        let node = input.manifest.and_then(|manifest| value_at(&manifest.document, &change.field));
        node.map(crate::yaml::Node::to_json) == change.to
    };
    let changes = last.changes.as_deref();
    if changes.is_some_and(|changes| !changes.iter().all(stands)) {
        return Ok(None);
    }
    if last.is_rollback() {
        return Err(String::from("a rollback is not rolled back").into());
    }
    if !blueprint.spec.reliability.rollback.as_ref().is_some_and(|rollback| rollback.on_failed_verification) {
        let because = format!(
            "{} does not ask for it; with `reliability: {{rollback: {{on_failed_verification: true, within: 60s}}}}` in its spec bpctl plan proposes it",
            input.blueprint.path
        );
        return Err(because.into());
    }
    let Some(changes) = changes.filter(|changes| !changes.is_empty() || !last.config.is_empty()) else {
        return Err(format!("what {commit} changed of the manifest is not known").into());
    };
    let differs = |field: &FieldPath| {
        input.earlier.iter().any(|(finding, _)| match finding {
            Finding::Drift(drift) => drift.fields.iter().any(|drift| drift.path == *field),
            _ => false,
        })
    };
    if changes.iter().any(|change| differs(&change.field)) {
        return Err(String::from("Git is ahead: the cluster does not have yet what was merged").into());
    }
    let fields = set_back(commit, &changes.iter().collect::<Vec<_>>(), &last.config, history)?;
    let (config, told) = config_back(input, commit, &last.config, history)?;
    if fields.is_empty() && config.is_empty() {
        return Ok(None);
    }
    let (name, workload) = (blueprint.metadata.name.clone(), blueprint.spec.target.object());
    let action = Rollback { version: 1, blueprint: name, workload, fields, config };
    let broken = BrokenChange {
        broke: Broke::Verification { operation: last.operation.clone(), pull: last.pull, missed: missed.to_vec() },
        commit: last.commit.clone(),
        before: None,
        at: last.merged_at,
        author: None,
        stays: Vec::new(),
        config: told,
        reported: vec![reported(input, last, missed)],
    };
    Ok(Some((action, broken)))
}

/// As many pods as are declared, and all of them ready.
fn is_well(live: &LiveObject, pods: &[Pod]) -> bool {
    let number = |pointer: &str| live.body.at(pointer).and_then(Json::as_u64);
    let declared = number("/spec/replicas").or_else(|| number("/status/desiredNumberScheduled")).unwrap_or(1);
    let there = pods.iter().filter(|pod| !pod.terminating);
    there.clone().all(|pod| pod.ready) && there.count() as u64 == declared
}

/// What a person is told of a failed verification.
fn reported(input: &DetectInput<'_>, last: &PastOperation, missed: &[String]) -> Reported {
    let commit = short(&last.commit);
    let why = if missed.is_empty() { String::new() } else { format!(": {}", missed.join("; ")) };
    let (name, pull, at) = (&last.operation, last.pull, last.merged_at);
    let message = format!("{name} #{pull} (merged {at:.0} as {commit}) failed its verification{why}");
    let help = [
        format!("see what failed: bpctl audit --env {}", input.environment),
        format!("go back: git revert {commit} (-m 1 where it is a merge) and a pull request"),
    ];
    let help = help.into_iter().map(Untrusted::new).collect();
    Reported::for_person("verification-failed", Severity::Error, message, help)
}
