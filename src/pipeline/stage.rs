//! Each stage alone (B4): what the pipeline hands from one to the next, as JSON. All that stand here only read, and are handed nothing that
//! writes; the one that executes is in `apply/execute.rs`.

use std::collections::BTreeMap;

use bpctl_core::blueprint::{Blueprint, Catalog, Policy, Workspace};
use bpctl_core::model::{Name, Proposed};
use bpctl_core::observe::{Known, Observation, PastOperation, Recorder, Unknown};
use bpctl_core::plan::{Decision, Plan, PlanInput, decide_all};
use bpctl_core::verify::{HORIZON, VerifyReport, is_verified, verify_operation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PipelineError, Reading, connect_cluster, observe, plan, pulls, render, tree};
use crate::git::Repository;

/// What the parsing stage gives: the work tree's own files, typed.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Parsed {
    /// Always 1; grows by adding.
    pub schema_version: u32,
    /// The environment whose overrides are laid over; left out: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Name>,
    /// The workspace.
    pub workspace: Workspace,
    /// Blueprints, by name.
    pub blueprints: BTreeMap<Name, Blueprint>,
    /// Policies, by name.
    pub policies: BTreeMap<Name, Policy>,
}

/// What the deciding stage gives and the judging one takes.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decided {
    /// Always 1; grows by adding.
    pub schema_version: u32,
    /// The facts, as they were taken.
    pub observation: Observation,
    /// Each blueprint's findings and actions, and what was not proposed.
    pub decisions: Vec<Decision>,
}

/// Parses the work tree.
pub fn parse(repository: &Repository, named: Option<&str>) -> Result<Parsed, PipelineError> {
    let catalog = tree::work_tree(repository)?.catalog;
    plan::whole(&catalog)?;
    let workspace = catalog.workspace.value.clone();
    let environment = match named {
        Some(_) => Some(plan::choose_environment(&workspace, named)?),
        None => None,
    };
    let effective = |name: &Name| match &environment {
        Some(environment) => {
            catalog.blueprint(name, environment, crate::runtime::now()).map(|blueprint| blueprint.value.clone())
        }
        None => catalog.blueprints.get(name).map(|blueprint| blueprint.value.clone()),
    };
    let blueprints = catalog.blueprints.keys().filter_map(|name| Some((name.clone(), effective(name)?))).collect();
    let policies = catalog.policies.iter().map(|(name, policy)| (name.clone(), policy.value.clone())).collect();
    Ok(Parsed { schema_version: 1, environment, workspace, blueprints, policies })
}

/// Looks at an environment.
pub async fn look(
    Reading { repository, forge }: Reading<'_>,
    named: Option<&str>,
) -> Result<Observation, PipelineError> {
    let mut tree = tree::work_tree(repository)?;
    plan::whole(&tree.catalog)?;
    let environment = plan::choose_environment(&tree.catalog.workspace.value, named)?;
    // What belongs to a workload stands in what is rendered: unrendered, nobody would look at it (X9).
    tree.render(std::slice::from_ref(&environment)).await;
    let base = tree::workspace_on_base(repository, &forge.base_tip().await?)?;
    let place = plan::base_place(base.get(), &environment)?;
    let cluster = connect_cluster(place, repository.work_tree()).await?;
    Ok(observe(&environment, place, &[&tree.catalog], &cluster, repository, forge).await?.observation)
}

/// Decides what should be done in the work tree's state, on these facts.
pub async fn decide(repository: &Repository, observation: Observation) -> Result<Decided, PipelineError> {
    known("an observation", observation.schema_version)?;
    let mut tree = tree::work_tree(repository)?;
    plan::whole(&tree.catalog)?;
    environment_of(&tree.catalog, &observation)?;
    tree.render(std::slice::from_ref(&observation.environment)).await;
    let catalog = tree.catalog;
    let decisions = decide_all(&catalog, &observation.environment, &observation, None);
    Ok(Decided { schema_version: 1, observation, decisions })
}

/// Judges decisions by the rules of the base branch, whoever made them.
pub async fn judge(Reading { repository, forge }: Reading<'_>, decided: Decided) -> Result<Plan, PipelineError> {
    known("decisions", decided.schema_version)?;
    known("an observation", decided.observation.schema_version)?;
    let half = tree::half_read(repository)?;
    let (tree, desired): (_, Proposed<Catalog>) =
        tree::desired_tree(repository, half, &decided.observation.environment).await?;
    plan::whole(&tree.catalog)?;
    environment_of(&tree.catalog, &decided.observation)?;
    let tip = forge.base_tip().await?;
    let environment = &decided.observation.environment;
    let rules = tree::rules_beside(repository, &tip, &tree, desired.commit(), environment).await?;
    plan::whole(rules.get())?;
    let observation = &decided.observation;
    let input = PlanInput { rules: &rules, desired: &desired, environment: &observation.environment, observation };
    let plan = render::judged(input, &tree.files, decided.decisions, None).await;
    // As `plan` has it: what a person closed is no more to do.
    if desired.commit() == Some(tip.commit()) {
        let reading = Reading { repository, forge };
        if let Ok(declined) = pulls::all_declined(reading, (&tip, &tree.files, &rules), &plan).await {
            return Ok(plan.without_declined(&declined));
        }
    }
    Ok(plan)
}

/// What the verifying stage gives.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// Always 1; grows by adding.
    pub schema_version: u32,
    /// The environment.
    pub environment: Name,
    /// The newest operation of each blueprint whose outcome does not stand yet, and how that is, by these facts.
    pub verified: Vec<VerifiedOperation>,
    /// Blueprints of which it is not known what was done, and why.
    pub unknown: BTreeMap<Name, Unknown>,
}

/// One merged operation.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedOperation {
    /// Whose workload it changed.
    pub blueprint: Name,
    /// What was merged.
    pub operation: PastOperation,
    /// What was seen since.
    pub report: VerifyReport,
}

/// Verifies what was merged, by these facts and what stands on base: it says how it is and writes nothing down.
pub async fn verify(
    Reading { repository, forge }: Reading<'_>,
    observation: &Observation,
) -> Result<Verification, PipelineError> {
    known("an observation", observation.schema_version)?;
    let environment = &observation.environment;
    let (files, rules) = tree::base_tree(repository, &forge.base_tip().await?)?;
    plan::whole(rules.get())?;
    environment_of(rules.get(), observation)?;
    let rules = render::render_rules(rules, &files, std::slice::from_ref(environment)).await;
    let facts = Recorder::new(observation);
    let (mut verified, mut unknown) = (Vec::new(), BTreeMap::new());
    for name in rules.get().blueprints.keys() {
        let history = match facts.history(name) {
            Known::Known(history) => history,
            Known::Unknown(why) => {
                unknown.insert(name.clone(), why);
                continue;
            }
        };
        let last = history.iter().rfind(|past| is_verified(past));
        let open =
            |past: &&PastOperation| past.outcome.is_none() && past.merged_at >= HORIZON.before(observation.governed_at);
        let Some(last) = last.filter(open) else { continue };
        if let Some(report) = verify_operation(rules.get(), environment, name, last, &facts) {
            verified.push(VerifiedOperation { blueprint: name.clone(), operation: last.clone(), report });
        }
    }
    Ok(Verification { schema_version: 1, environment: environment.clone(), verified, unknown })
}

/// Refuses what another version of bpctl wrote.
pub fn known(what: &str, version: u32) -> Result<(), PipelineError> {
    if version == 1 {
        return Ok(());
    }
    let told = format!("{what} of schemaVersion {version} is not known to this bpctl, which reads 1");
    Err(PipelineError::told(told, "use the bpctl that wrote it, or a newer one"))
}

fn environment_of(catalog: &Catalog, observation: &Observation) -> Result<(), PipelineError> {
    plan::choose_environment(&catalog.workspace.value, Some(observation.environment.as_str())).map(drop)
}
