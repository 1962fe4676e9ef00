//! `bpctl stage`.

use std::sync::Arc;

use bpctl_core::model::Name;
use bpctl_core::plan::Plan;
use bpctl_core::render::count;
use bpctl_core::verify::Outcome;
use clap::{Args, ValueEnum};

use super::{CommandError, EnvironmentArgs, Global, Output, repository, session};
use crate::pipeline::apply::execute;
use crate::pipeline::{Effects, connect_cluster, plan, stage, workspace_on_base};
use crate::runtime::{self, Exit};

/// More than any observation within bpctl's memory bound.
const MOST: u64 = 1 << 30;

/// Arguments of `stage`.
#[derive(Debug, Args)]
pub struct StageArgs {
    /// Which: `bpctl stage observe | bpctl stage decide | bpctl stage govern` is what `bpctl plan -o json` does; `| bpctl stage execute` does
    /// what that plan says
    #[arg(value_enum)]
    stage: Stage,
    #[command(flatten)]
    environment: EnvironmentArgs,
    /// Of `execute`: only say what would be done
    #[arg(long, env = "BPCTL_DRY_RUN", value_parser = super::flag())]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Stage {
    /// Gives the work tree's workspace, blueprints and policies; with --env as that environment has them
    Parse,
    /// Gives what the cluster, Prometheus and the forge show of an environment
    Observe,
    /// Takes an observation, gives what should be done, and why not the rest
    Decide,
    /// Takes decisions, gives the plan: who may, by which rule of the base branch
    Govern,
    /// Takes a plan, does what of it base and cluster still ask for and the rules permit, and gives what was done
    Execute,
    /// Takes an observation, gives how what was merged has arrived; it writes nothing down
    Verify,
}

/// Runs the command.
pub async fn run(global: &Global, args: &StageArgs, output: &Output) -> Result<Exit, CommandError> {
    let named = args.environment.environment.as_deref();
    match args.stage {
        Stage::Parse => {
            let parsed = stage::parse(&repository(global)?, named)?;
            output.json(&parsed);
            let blueprints = count(parsed.blueprints.len(), "blueprint");
            let policies = count(parsed.policies.len(), "policy");
            output.talk(&format!("parse: took the work tree, gave {blueprints} and {policies}"));
        }
        Stage::Observe => {
            let observation = stage::look(session(global).await?.reading(), named).await?;
            output.json(&observation);
            let environment = &observation.environment;
            output.talk(&format!(
                "observe: took environment {environment}, gave {}",
                count(observation.facts.len(), "fact")
            ));
        }
        Stage::Decide => {
            let observation: bpctl_core::observe::Observation = taken("an observation", "observe")?;
            is_of(named, "the observation", &observation.environment, "stage observe")?;
            let facts = count(observation.facts.len(), "fact");
            let decided = stage::decide(&repository(global)?, observation).await?;
            output.json(&decided);
            let findings: usize = decided.decisions.iter().map(|decision| decision.detected.findings.len()).sum();
            let (findings, blueprints) = (count(findings, "finding"), count(decided.decisions.len(), "blueprint"));
            output.talk(&format!("decide: took {facts}, gave {findings} for {blueprints}"));
        }
        Stage::Govern => {
            let decided: stage::Decided = taken("decisions", "decide")?;
            is_of(named, "the observation in the decisions", &decided.observation.environment, "stage observe")?;
            let decisions = decided.decisions.len();
            let plan = stage::judge(session(global).await?.reading(), decided).await?;
            output.json(&plan.clone().told());
            let verdicts = plan.items().count();
            let id = if verdicts > 0 { format!(", plan {}", plan.hash.short()) } else { String::new() };
            output.talk(&format!("govern: took {decisions} decisions, gave {verdicts} verdicts{id}"));
        }
        Stage::Execute => return carry_out(global, args, output).await,
        Stage::Verify => {
            let observation: bpctl_core::observe::Observation = taken("an observation", "observe")?;
            is_of(named, "the observation", &observation.environment, "stage observe")?;
            let facts = count(observation.facts.len(), "fact");
            let verification = stage::verify(session(global).await?.reading(), &observation).await?;
            output.json(&verification);
            let verified = count(verification.verified.len(), "report");
            output.talk(&format!("verify: took {facts}, gave {verified}"));
            if verification.verified.iter().any(|verified| verified.report.outcome == Outcome::Failure) {
                return Ok(Exit::Found);
            }
        }
    }
    Ok(Exit::Fine)
}

/// The one stage that writes: it alone is handed the effects.
async fn carry_out(global: &Global, args: &StageArgs, output: &Output) -> Result<Exit, CommandError> {
    let taken: Plan = taken("a plan", "govern")?;
    stage::known("a plan", taken.schema_version)?;
    let session = session(global).await?;
    let tip = session.forge.reading().base_tip().await.map_err(crate::pipeline::PipelineError::from)?;
    let base = workspace_on_base(&session.repository, &tip)?;
    is_of(args.environment.environment.as_deref(), "the plan", &taken.environment, "plan -o json")?;
    let place = plan::base_place(base.get(), &taken.environment)?;
    let cluster = Arc::new(connect_cluster(place, session.repository.work_tree()).await?);
    let effects = Effects::new(session.forge.writing()?, Some(cluster.writing()), args.dry_run);
    let executed = execute(&session, &effects, &cluster, &taken).await?;
    output.json(&executed);
    let (actions, calls) = (count(taken.items().count(), "action"), count(executed.calls.len(), "call"));
    let outdated = executed.outdated.len();
    let left = if outdated > 0 { format!(", left {outdated} that are not planned any more") } else { String::new() };
    output.talk(&format!("execute: took {actions}, made {calls}{left}"));
    Ok(if executed.failed { Exit::Error } else { Exit::Fine })
}

/// Refuses what is of another environment than `--env` says: facts of one must not be taken for those of another.
fn is_of(named: Option<&str>, what: &str, environment: &Name, from: &str) -> Result<(), CommandError> {
    match named.filter(|named| !named.is_empty() && *named != environment.as_str()) {
        None => Ok(()),
        Some(named) => Err(CommandError::told(
            format!("{what} is of {environment}, and --env says {named}"),
            format!("leave --env out, or make one of {named}: bpctl {from} --env {named}"),
        )),
    }
}

/// What somebody piped in instead, where that is known by a field of its own.
fn given(bytes: &[u8]) -> Option<&'static str> {
    let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    let has = |key: &str| value.get(key).is_some();
    [
        ("workspace", "what `bpctl stage parse` gives"),
        ("decisions", "what `bpctl stage decide` gives"),
        ("facts", "what `bpctl stage observe` gives"),
        ("verified", "what `bpctl stage verify` gives"),
        ("calls", "what `bpctl stage execute` gives"),
        ("hash", "a plan"),
    ]
    .into_iter()
    .find_map(|(key, given)| has(key).then_some(given))
}

/// What the stage before gave, from the standard input.
fn taken<T: serde::de::DeserializeOwned>(what: &str, from: &str) -> Result<T, CommandError> {
    let bytes = runtime::read_input(MOST).map_err(|source| CommandError::io("read the standard input", source))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        // The message names fields and places, never the value.
        let told = error.to_string();
        let field = told.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        let place = match field {
            Some(field) => format!("it has no field `{field}`"),
            None => format!("see line {}, column {}", error.line(), error.column()),
        };
        let given = given(&bytes).map_or_else(String::new, |given| format!("; this is {given}"));
        let hint = format!("it is what `bpctl stage {from}` gives: bpctl stage {from} | bpctl stage …");
        CommandError::told(format!("the standard input is not {what}: {place}{given}"), hint)
    })
}
