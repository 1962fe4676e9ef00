//! `bpctl suggest`: which operations earned their autonomy, and a pull request that allows them (X12).

use bpctl_core::model::Untrusted;
use bpctl_core::render::sink;
use clap::Args;

use super::{CommandError, Format, Global, Output, session};
use crate::pipeline::suggest::{Suggestions, suggest};
use crate::pipeline::{Effects, plan, work_tree_workspace};
use crate::runtime::Exit;

/// Arguments of `suggest`.
#[derive(Debug, Args)]
pub struct SuggestArgs {
    /// Blueprints of this environment only; what is suggested has to be earned in every environment of the blueprint all the same
    #[arg(short, long = "env", value_name = "NAME", env = "BPCTL_ENV")]
    environment: Option<String>,
    /// How many successes in a row are asked for; else what policies say (`limits.earned_after`), else 10
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    after: Option<u32>,
    /// Open a pull request for each blueprint, which a person merges
    #[arg(long)]
    propose: bool,
    /// Text for people, or JSON
    #[arg(short, long, default_value = "text", env = "BPCTL_OUTPUT")]
    output: Format,
}

/// Runs the command.
pub async fn run(global: &Global, args: &SuggestArgs, output: &Output) -> Result<Exit, CommandError> {
    let session = session(global).await?;
    let workspace = work_tree_workspace(&session.repository)?;
    let named = args.environment.as_deref().filter(|name| !name.is_empty());
    let environment = named.map(|name| plan::choose_environment(&workspace, Some(name))).transpose()?;
    let effects = if args.propose { Some(Effects::new(session.forge.writing()?, None, false)) } else { None };
    let found = suggest(&session, environment.as_ref(), args.after, effects.as_ref()).await?;
    match args.output {
        Format::Json => output.json(&found),
        Format::Text => output.data(&text(&found)),
    }
    Ok(Exit::Fine)
}

fn text(found: &Suggestions) -> String {
    let safe = |text: &str| sink::terminal(&Untrusted::new(text));
    let mut lines = Vec::new();
    for suggestion in &found.suggestions {
        let next = suggestion.next_version.as_ref().map_or_else(String::new, |next| format!(" → {next}"));
        let names: Vec<&str> = suggestion.operations.iter().map(|operation| operation.name()).collect();
        lines.push(format!("{} {}{next}  allow {}", suggestion.blueprint, suggestion.version, names.join(", ")));
        for success in &suggestion.successes {
            let (url, at) = (safe(&success.url), success.merged_at);
            lines.push(format!("  {} in {}: {url}, merged {at:.0}, verified", success.operation, success.environment));
        }
        lines.push(format!("  {}", safe(&suggestion.told)));
    }
    if found.suggestions.is_empty() {
        lines.push("nothing is suggested".into());
    }
    lines.extend(found.not_yet.iter().map(|not| format!("  {} {}: {}", not.blueprint, not.operation, not.because)));
    lines.join("\n") + "\n"
}
