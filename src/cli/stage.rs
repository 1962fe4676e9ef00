//! `bpctl stage`.

use bpctl_core::render::count;
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
            let blueprints = count(parsed.blueprints.len(), "blueprint");
            let policies = count(parsed.policies.len(), "policy");
            output.talk(&format!("parse: took the work tree, gave {blueprints} and {policies}"));
        }
        Stage::Observe => {
            let observation = stage::look(&session(global).await?, named).await?;
            output.json(&observation);
            let environment = &observation.environment;
            output.talk(&format!(
                "observe: took environment {environment}, gave {}",
                count(observation.facts.len(), "fact")
            ));
        }
        Stage::Decide => {
            let observation: bpctl_core::observe::Observation = taken("an observation", "observe")?;
            let facts = count(observation.facts.len(), "fact");
            let decided = stage::decide(&repository(global)?, observation).await?;
            output.json(&decided);
            let findings: usize = decided.decisions.iter().map(|decision| decision.detected.findings.len()).sum();
            let (findings, blueprints) = (count(findings, "finding"), count(decided.decisions.len(), "blueprint"));
            output.talk(&format!("decide: took {facts}, gave {findings} for {blueprints}"));
        }
        Stage::Govern => {
            let decided: stage::Decided = taken("decisions", "decide")?;
            let decisions = decided.decisions.len();
            let plan = stage::judge(&session(global).await?, decided).await?;
            output.json(&plan);
            let verdicts = plan.items().count();
            let id = if verdicts > 0 { format!(", plan {}", plan.hash.short()) } else { String::new() };
            output.talk(&format!("govern: took {decisions} decisions, gave {verdicts} verdicts{id}"));
        }
    }
    Ok(Exit::Fine)
}

/// What somebody piped in instead, where that is known by a field of its own.
fn given(bytes: &[u8]) -> Option<&'static str> {
    let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    let has = |key: &str| value.get(key).is_some();
    [
        ("workspace", "what `bpctl stage parse` gives"),
        ("decisions", "what `bpctl stage decide` gives"),
        ("facts", "what `bpctl stage observe` gives"),
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
