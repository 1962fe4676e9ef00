//! `bpctl audit replay [ID]` (X3).

use bpctl_core::ledger::Evidence;
use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::words::shown;
use super::{named, opened};
use crate::cli::{CommandError, EnvironmentArgs, Format, Global, Output};
use crate::pipeline::ledger;
use crate::pipeline::replay::{Answer, Replayed, replay};
use crate::runtime::Exit;

/// Arguments of `audit replay`.
#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// The entry's id, or the beginning of it; left out: every decision
    id: Option<String>,
    #[command(flatten)]
    environment: EnvironmentArgs,
    /// Text for people, or JSON
    #[arg(short, long, default_value = "text", env = "BPCTL_OUTPUT")]
    output: Format,
}

/// `bpctl audit replay -o json`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayOutput {
    /// Always 1; grows by adding.
    pub schema_version: u32,
    /// The environment.
    pub environment: String,
    /// How many decisions came out the same.
    pub same: usize,
    /// How many came out otherwise.
    pub different: usize,
    /// How many were not compared.
    pub not_compared: usize,
    /// Each decision.
    pub decisions: Vec<Replayed>,
}

pub(super) async fn run(global: &Global, args: &ReplayArgs, output: &Output) -> Result<Exit, CommandError> {
    let (session, environment) = opened(global, &args.environment).await?;
    let loaded = ledger::load::<Evidence>(&session.repository, session.forge.reading(), &environment).await?;
    let entries = match &args.id {
        Some(id) => vec![named(loaded.entries, id)?],
        None => loaded.entries,
    };
    let decisions = replay(&session, &environment, &entries).await?;
    let count = |wanted: fn(&Answer) -> bool| decisions.iter().filter(|decision| wanted(&decision.answer)).count();
    let same = count(|answer| matches!(answer, Answer::Same));
    let different = count(|answer| matches!(answer, Answer::Different { .. }));
    let not_compared = decisions.len() - same - different;
    match args.output {
        Format::Json => output.json(&ReplayOutput {
            schema_version: 1,
            environment: environment.to_string(),
            same,
            different,
            not_compared,
            decisions,
        }),
        Format::Text if decisions.is_empty() => output.data("no decision to derive again"),
        Format::Text => {
            let mut lines: Vec<String> = decisions.iter().filter_map(line).collect();
            let rest = if not_compared == 0 { String::new() } else { format!(", {not_compared} not compared") };
            lines.push(format!(
                "{same} of {} decisions derived again, bit for bit; {different} differ{rest}",
                decisions.len()
            ));
            output.data(&lines.join("\n"));
        }
    }
    Ok(if different > 0 { Exit::Found } else { Exit::Fine })
}

/// What is not as it was.
fn line(decision: &Replayed) -> Option<String> {
    let told = match &decision.answer {
        Answer::Same => return None,
        Answer::Different { now } => match now {
            None => "is not decided from these facts".into(),
            Some(now) => format!("comes out as {}", shown(now)),
        },
        Answer::OtherLogic { logic } => {
            format!("was made by decision logic {logic}: replay it with a bpctl of that version")
        }
        Answer::NotDerivable { why } => format!("cannot be derived again: {}", shown(why)),
    };
    let Replayed { at, blueprint, was, id, .. } = decision;
    Some(format!("{at:.0}  {blueprint}  {} {told}  [{}]", shown(was), shown(id.short())))
}
