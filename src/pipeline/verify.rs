//! `verify`: did what landed reach the cluster? The answer is a check on the merge commit.

use bpctl_core::blueprint::{Catalog, Environment, Operation, containers, quantity};
use bpctl_core::model::{Name, Period, Trusted};
use bpctl_core::observe::{
    CheckConclusion, CheckRun, Known, Observation, ObservedFrom, PastOperation, Recorder, Resource,
};
use bpctl_core::verify::{DeclaredRequest, Outcome, VerifyInput, VerifyReport, verify_merged};
use bpctl_core::yaml::Node;

use super::{PipelineError, Session};
use crate::forge::Forge;

/// The name of the check on a merge commit.
pub fn check_name(environment: &Name) -> String {
    format!("bpctl/verify-{environment}")
}

/// One verification.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The blueprint.
    pub blueprint: Name,
    /// The operation.
    pub operation: PastOperation,
    /// The report.
    pub report: VerifyReport,
}

/// How far back unverified operations are looked for.
const HORIZON: Period = Period::from_secs(86_400);

/// The last operation of each blueprint whose verification is open.
pub async fn open(
    session: &Session,
    environment: &Name,
    rules: &Trusted<Catalog>,
    observation: &Observation,
) -> Result<Vec<(Name, PastOperation)>, PipelineError> {
    let facts = Recorder::new(observation);
    let forge = session.forge.reading();
    let clock = forge.clock().await?;
    let mut found = Vec::new();
    for name in rules.get().blueprints.keys() {
        let Known::Known(history) = facts.history(name) else { continue };
        let Some(last) = history.iter().rfind(|operation| is_verified(&operation.operation)) else { continue };
        if last.merged_at < HORIZON.before(clock.now) {
            continue;
        }
        if outcome(forge, environment, &last.commit).await?.is_none() {
            found.push((name.clone(), last.clone()));
        }
    }
    Ok(found)
}

/// The operations whose outcome shows in the cluster. Only the newest of a workload is looked at: it is what should be there.
fn is_verified(operation: &str) -> bool {
    [Operation::Scale, Operation::Resize, Operation::Rollback].iter().any(|known| known.name() == operation)
}

/// The final outcome that stands on a merge commit, by bpctl itself.
pub async fn outcome(
    forge: &dyn Forge,
    environment: &Name,
    commit: &str,
) -> Result<Option<CheckConclusion>, PipelineError> {
    Ok(check(forge, environment, commit).await?.map(|check| check.conclusion))
}

/// The check that holds it.
pub async fn check(forge: &dyn Forge, environment: &Name, commit: &str) -> Result<Option<CheckRun>, PipelineError> {
    let me = forge.identity().await?;
    let name = check_name(environment);
    let checks = forge.checks(commit).await?;
    let mut mine =
        checks.into_iter().filter(|check| check.name == name && check.by.id == me.id && check.commit == commit);
    Ok(mine.rfind(|check| check.conclusion != CheckConclusion::Pending))
}

/// Verifies one operation against an observation.
pub fn look(
    place: &Environment,
    rules: &Trusted<Catalog>,
    environment: &Name,
    blueprint: &Name,
    operation: &PastOperation,
    observation: &Observation,
) -> Option<VerifyReport> {
    let catalog = rules.get();
    let effective = catalog.blueprint(blueprint, environment, observation.governed_at)?;
    let target = &effective.value.spec.target;
    let workload = target.object();
    let manifest = catalog.manifest(environment, &target.source, &workload)?;
    let declared = manifest.document.root.at(&["spec", "replicas"]).and_then(Node::as_int).unwrap_or(1);
    let declares = target.workload.kind.has_replicas() && catalog.autoscaler(environment, blueprint).is_none();
    // Of what went back the fields themselves are looked at; what pods request, where it is among them.
    let back = operation.changes.as_deref().filter(|_| operation.is_rollback()).unwrap_or_default();
    let sized = back.iter().any(|change| change.field.has_key("resources"));
    let requests = if sized || operation.operation == Operation::Resize.name() {
        requests(&manifest.document.root)
    } else {
        Vec::new()
    };
    let input = VerifyInput {
        workload: &workload,
        replicas: if declares { Some(u32::try_from(declared).ok()?) } else { None },
        requests: &requests,
        fields: back,
        merged_at: operation.merged_at,
        delivery: place.delivery,
        windows: &catalog.workspace.value.verification,
        from: &observation.from,
    };
    Some(verify_merged(&input, &Recorder::new(observation)))
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

/// The line beside the check.
pub fn summary(report: &VerifyReport) -> String {
    let told: Vec<String> =
        report.checks.iter().map(|check| format!("{} {}: {}", check.window, check.outcome, check.evidence)).collect();
    told.join("; ")
}

/// Whether an outcome is final. What could not be seen today may be seen tomorrow, but not on a recording.
pub fn is_final(outcome: Outcome, from: &ObservedFrom) -> bool {
    match outcome {
        Outcome::Success | Outcome::Failure => true,
        Outcome::Unknown => matches!(from, ObservedFrom::Snapshot { .. }),
        Outcome::Pending => false,
    }
}
