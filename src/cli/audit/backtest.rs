//! `bpctl audit backtest --policy FILE` (X4).

use std::path::PathBuf;

use bpctl_core::blueprint::parse_policy;
use bpctl_core::ledger::Evidence;
use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::words::shown;
use super::{Moment, opened};
use crate::cli::{CommandError, EnvironmentArgs, Format, Global, Output};
use crate::pipeline::PipelineError;
use crate::pipeline::ledger;
use crate::pipeline::replay::{Flip, backtest};
use crate::runtime::{self, Exit};

/// Arguments of `audit backtest`.
#[derive(Debug, Args)]
pub(super) struct BacktestArgs {
    /// A policy, as it would stand below blueprints/; one of the same name is replaced by it
    #[arg(long, value_name = "FILE", env = "BPCTL_POLICY")]
    policy: PathBuf,
    /// Only decisions since: as long ago (7d), or a date or time (2026-11-21)
    #[arg(long, value_name = "TIME", default_value = "90d", env = "BPCTL_SINCE")]
    since: Moment,
    #[command(flatten)]
    environment: EnvironmentArgs,
    /// Text for people, or JSON
    #[arg(short, long, default_value = "text", env = "BPCTL_OUTPUT")]
    output: Format,
}

/// `bpctl audit backtest -o json`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BacktestOutput {
    /// Always 1; grows by adding.
    pub schema_version: u32,
    /// The environment.
    pub environment: String,
    /// The policy.
    pub policy: String,
    /// How many recorded decisions were judged again.
    pub judged: usize,
    /// How many could not be: made by another version of the logic, or without facts.
    pub not_judged: usize,
    /// Decisions that would have been others.
    pub flips: Vec<Flip>,
}

pub(super) async fn run(global: &Global, args: &BacktestArgs, output: &Output) -> Result<Exit, CommandError> {
    let name = args.policy.display().to_string();
    let bytes = runtime::read_file(&args.policy).map_err(|source| CommandError::io(&format!("read {name}"), source))?;
    let policy = parse_policy(&name, &bytes).map_err(PipelineError::Input)?;
    let policy_name = policy.value.metadata.name.to_string();
    let (session, environment) = opened(global, &args.environment).await?;
    let (forge, since) = (session.forge.reading(), args.since.at());
    let mut loaded = ledger::load_since::<Evidence>(&session.repository, forge, &environment, Some(since)).await?;
    loaded.entries.retain(|entry| entry.at >= since);
    let (judged, not_judged, flips) = backtest(&session, &environment, &loaded.entries, &policy).await?;
    match args.output {
        Format::Json => output.json(&BacktestOutput {
            schema_version: 1,
            environment: environment.to_string(),
            policy: policy_name,
            judged,
            not_judged,
            flips,
        }),
        Format::Text => {
            let line = |flip: &Flip| {
                let Flip { at, blueprint, action, was, would_be, because, id } = flip;
                let (action, because) = (shown(action), shown(because));
                format!("{at:.0}  {blueprint}  {action}: {was} → {would_be} by {because}  [{}]", shown(id.short()))
            };
            let mut lines: Vec<String> = flips.iter().map(line).collect();
            let rest =
                if not_judged == 0 { String::new() } else { format!("; {not_judged} could not be judged again") };
            lines.push(format!("{} of {judged} recorded decisions would flip under {policy_name}{rest}", flips.len()));
            output.data(&lines.join("\n"));
        }
    }
    Ok(Exit::Fine)
}
