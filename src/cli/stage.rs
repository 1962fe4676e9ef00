//! `bpctl stage`.

use clap::{Args, ValueEnum};

use super::{CommandError, EnvironmentArgs, Global, Output, repository, session};
use crate::pipeline::stage;
use crate::runtime::{self, Exit};

/// More than any observation within bpctl's memory bound.
const MOST: u64 = 1 << 30;

/// Arguments of `stage`.
#[derive(Debug, Args)]
pub struct StageArgs {
    /// Which: `bpctl stage observe | bpctl stage decide | bpctl stage govern` is what `bpctl plan -o json` does
    #[arg(value_enum)]
    stage: Stage,
    #[command(flatten)]
    environment: EnvironmentArgs,
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
}

/// Runs the command.
pub async fn run(global: &Global, args: &StageArgs, output: &Output) -> Result<Exit, CommandError> {
    let named = args.environment.environment.as_deref();
    match args.stage {
        Stage::Parse => {
            let parsed = stage::parse(&repository(global)?, named)?;
            output.json(&parsed);
            let (blueprints, policies) = (parsed.blueprints.len(), parsed.policies.len());
            output.talk(&format!("parse: took the work tree, gave {blueprints} blueprints and {policies} policies"));
        }
        Stage::Observe => {
            let observation = stage::look(&session(global).await?, named).await?;
            output.json(&observation);
            let environment = &observation.environment;
            output.talk(&format!("observe: took environment {environment}, gave {} facts", observation.facts.len()));
        }
        Stage::Decide => {
            let observation: bpctl_core::observe::Observation = taken("an observation", "observe")?;
            let facts = observation.facts.len();
            let decided = stage::decide(&repository(global)?, observation).await?;
            output.json(&decided);
            let findings: usize = decided.decisions.iter().map(|decision| decision.detected.findings.len()).sum();
            let blueprints = decided.decisions.len();
            output.talk(&format!("decide: took {facts} facts, gave {findings} findings for {blueprints} blueprints"));
        }
        Stage::Govern => {
            let decided: stage::Decided = taken("decisions", "decide")?;
            let decisions = decided.decisions.len();
            let plan = stage::judge(&session(global).await?, decided).await?;
            output.json(&plan);
            let verdicts = plan.items().count();
            output.talk(&format!(
                "govern: took {decisions} decisions, gave {verdicts} verdicts, plan {}",
                plan.hash.short()
            ));
        }
    }
    Ok(Exit::Fine)
}

/// What the stage before gave, from the standard input.
fn taken<T: serde::de::DeserializeOwned>(what: &str, from: &str) -> Result<T, CommandError> {
    let bytes = runtime::read_input(MOST).map_err(|source| CommandError::io("read the standard input", source))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        // The message names fields and places, never the value.
        let place = format!("line {}, column {}", error.line(), error.column());
        let hint = format!("pipe it in: bpctl stage {from} | bpctl stage …; `bpctl schema` has the form");
        CommandError::told(format!("the standard input is not {what}: see {place}"), hint)
    })
}
