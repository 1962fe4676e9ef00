//! `bpctl breaker`: what is stopped after failures, why, since when, and what ends it (B11). From merges and checks alone: no cluster is
//! asked, and nothing is kept.

use bpctl_core::govern::{Failure, ends, failures, is_open};
use bpctl_core::model::{Timestamp, Untrusted};
use bpctl_core::observe::{Known, Recorder};
use bpctl_core::render::sink;
use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::{CommandError, EnvironmentArgs, Format, Global, Output, session};
use crate::pipeline::{PipelineError, base_tree, past, plan, work_tree_workspace};
use crate::runtime::Exit;

/// Arguments of `breaker`.
#[derive(Debug, Args)]
pub struct BreakerArgs {
    #[command(flatten)]
    environment: EnvironmentArgs,
    /// Text for people, or JSON
    #[arg(short, long, default_value = "text", env = "BPCTL_OUTPUT")]
    output: Format,
}

/// `bpctl breaker -o json`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BreakerOutput {
    /// Always 1; grows by adding.
    pub schema_version: u32,
    /// The environment.
    pub environment: String,
    /// Each blueprint's breaker, in the order of names.
    pub breakers: Vec<Breaker>,
}

/// One blueprint's breaker.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Breaker {
    /// The blueprint.
    pub blueprint: String,
    /// Its file: a person's change of it on the base branch closes the breaker.
    pub file: String,
    /// Its manifests: where only deliveries failed, a change of these closes it too.
    pub manifests: String,
    /// How many failures in a row open it.
    pub limit: u32,
    /// Whether it is open: nothing is done.
    pub open: bool,
    /// When the failure came that opened it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The failures that count, oldest first.
    pub failures: Vec<Failure>,
    /// Why they are not known; then everything is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// Runs the command.
pub async fn run(global: &Global, args: &BreakerArgs, output: &Output) -> Result<Exit, CommandError> {
    let session = session(global).await?;
    let workspace = work_tree_workspace(&session.repository)?;
    let environment = plan::choose_environment(&workspace, args.environment.environment.as_deref())?;
    let forge = session.forge.reading();
    let tip = forge.base_tip().await.map_err(PipelineError::from)?;
    let (_, rules) = base_tree(&session.repository, &tip)?;
    let catalog = rules.get();
    let place = plan::place(catalog, &environment)?;
    let seen = past(&environment, place, catalog, &session.repository, forge).await?;
    let facts = Recorder::new(&seen);
    let breakers: Vec<Breaker> = catalog
        .blueprints
        .iter()
        .map(|(name, blueprint)| {
            let (limit, _) = catalog.breaker(place.tier, &blueprint.value.metadata);
            let (failures, unknown) = match failures(catalog, &environment, name, &facts) {
                Known::Known(failures) => (failures, None),
                Known::Unknown(unknown) => (Vec::new(), Some(unknown.message)),
            };
            let reached = usize::try_from(limit).unwrap_or(usize::MAX);
            let lost = failures.iter().find(|failure| failure.rewritten);
            let opened = lost.or_else(|| reached.checked_sub(1).and_then(|last| failures.get(last)));
            Breaker {
                blueprint: name.to_string(),
                file: blueprint.path.to_string(),
                manifests: blueprint.value.spec.target.source.to_string(),
                limit,
                open: unknown.is_none() && is_open(&failures, limit),
                since: opened.map(|failure| failure.at),
                failures,
                unknown,
            }
        })
        .collect();
    match args.output {
        Format::Text => output.data(&text(&breakers)),
        Format::Json => {
            let environment = environment.to_string();
            output.json(&BreakerOutput { schema_version: 1, environment, breakers });
        }
    }
    Ok(Exit::Fine)
}

fn text(breakers: &[Breaker]) -> String {
    let shown = |text: &str| sink::terminal(&Untrusted::new(text));
    let mut lines = Vec::new();
    for Breaker { blueprint, file, manifests, limit, open, since, failures, unknown } in breakers {
        if let Some(why) = unknown {
            lines.push(format!("{blueprint}  not known, so everything is held: {}", shown(why)));
        } else if *open {
            let since = since.map_or_else(String::new, |since| format!(" since {since:.0}"));
            lines.push(if failures.iter().any(|failure| failure.rewritten) {
                format!("{blueprint}  stopped{since}: the base branch was rewritten")
            } else {
                format!("{blueprint}  stopped{since}: {} failures in a row, the limit is {limit}", failures.len())
            });
        } else if !failures.is_empty() {
            lines.push(format!("{blueprint}  goes on: {} of {limit} failures in a row", failures.len()));
        }
        for failure in failures {
            let said = failure.because.as_ref().map_or_else(String::new, |said| format!(": {}", sink::terminal(said)));
            lines.push(format!("  {:.0}  {}{said}", failure.at, shown(&failure.what)));
        }
        if *open {
            lines.push(format!("  ends when {}", ends(failures)));
            lines.push(format!("    blueprint {}, manifests {}", shown(file), shown(manifests)));
        }
    }
    if lines.is_empty() {
        return "nothing is stopped, and nothing failed".into();
    }
    lines.join("\n")
}
