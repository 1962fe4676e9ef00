//! `bpctl audit verify` (T30).

use bpctl_core::ledger::Problem;
use bpctl_core::render::sink;
use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::opened;
use super::words::shown;
use crate::cli::{CommandError, EnvironmentArgs, Format, Global, Output};
use crate::pipeline::trail::{self, Trail};
use crate::runtime::Exit;

/// Arguments of `audit verify`.
#[derive(Debug, Args)]
pub(super) struct TrailArgs {
    /// A commit of the ledger's branch that was seen before: the branch must still hold it
    #[arg(long, value_name = "COMMIT", env = "BPCTL_KNOWN")]
    known: Option<String>,
    #[command(flatten)]
    environment: EnvironmentArgs,
    /// Text for people, or JSON
    #[arg(short, long, default_value = "text", env = "BPCTL_OUTPUT")]
    output: Format,
}

/// `bpctl audit verify -o json`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrailOutput {
    /// Always 1; grows by adding.
    pub schema_version: u32,
    /// The environment.
    pub environment: String,
    /// The branch's newest commit: what to give as `--known` the next time.
    pub commit: Option<String>,
    /// How many commits the branch has.
    pub commits: usize,
    /// How many entries.
    pub entries: usize,
    /// Days older than 90 days that were dropped.
    pub dropped: Vec<String>,
    /// What is not as bpctl writes it.
    pub problems: Vec<Problem>,
}

pub(super) async fn run(global: &Global, args: &TrailArgs, output: &Output) -> Result<Exit, CommandError> {
    let (session, environment) = opened(global, &args.environment).await?;
    let Trail { commit, commits, entries, dropped, problems } =
        trail::check(&session, &environment, args.known.as_deref()).await?;
    let found = !problems.is_empty();
    match args.output {
        Format::Json => output.json(&TrailOutput {
            schema_version: 1,
            environment: environment.to_string(),
            commit,
            commits,
            entries,
            dropped: dropped.iter().map(ToString::to_string).collect(),
            problems,
        }),
        Format::Text => {
            let line = |problem: &Problem| {
                let at = problem
                    .commit
                    .as_deref()
                    .map_or_else(String::new, |c| format!(" in {}", shown(c.get(..12).unwrap_or(c))));
                format!("{}{at}: {}", shown(&problem.code), sink::terminal(&problem.message))
            };
            let mut lines: Vec<String> = problems.iter().map(line).collect();
            if !dropped.is_empty() {
                lines.push(format!(
                    "{} old days were dropped, up to {}",
                    dropped.len(),
                    dropped.last().map_or("", |path| path.as_str())
                ));
            }
            let at = commit.as_deref().map_or_else(|| "no ledger".into(), |commit| format!("ledger at {commit}"));
            let verdict = if found {
                format!("{} problems", problems.len())
            } else {
                "it only grew, and the forge has its pull requests, and who answered them, as it has them".into()
            };
            lines.push(format!("{environment}: {at}, {commits} commits, {entries} entries: {verdict}"));
            output.data(&lines.join("\n"));
            if let Some(commit) = commit.filter(|_| !found) {
                output.talk(&format!("next time: bpctl audit verify --env {environment} --known {commit}"));
            }
        }
    }
    Ok(if found { Exit::Found } else { Exit::Fine })
}
