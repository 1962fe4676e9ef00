//! `bpctl audit show ID`.

use bpctl_core::ledger::{Entry, Event, Evidence};
use clap::Args;

use super::words::{shown, told};
use super::{named, opened};
use crate::cli::{CommandError, EnvironmentArgs, Format, Global, Output};
use crate::pipeline::ledger;
use crate::runtime::Exit;

/// Arguments of `audit show`.
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The entry's id, or the beginning of it
    id: String,
    #[command(flatten)]
    environment: EnvironmentArgs,
    /// Text for people, or the entry as JSON
    #[arg(short, long, default_value = "text", env = "BPCTL_OUTPUT")]
    output: Format,
}

pub(super) async fn run(global: &Global, args: &ShowArgs, output: &Output) -> Result<Exit, CommandError> {
    let (session, environment) = opened(global, &args.environment).await?;
    let loaded = ledger::load::<Evidence>(&session.repository, session.forge.reading(), &environment).await?;
    let entry = named(loaded.entries, &args.id)?;
    match args.output {
        Format::Json => output.json(&entry),
        Format::Text => output.data(&page(&entry)),
    }
    Ok(Exit::Fine)
}

fn page(entry: &Entry) -> String {
    let mut lines = vec![
        format!("{} of {} in {} at {}", entry.event.name(), entry.blueprint, entry.environment, entry.at),
        format!("  {}", told(&entry.event)),
    ];
    if let Event::Decided { verdict, base, logic, .. } = &entry.event {
        for rule in &verdict.rules {
            let place = rule.source.as_ref().map_or_else(String::new, |at| format!(" ({})", shown(&at.to_string())));
            lines.push(format!("  rule   {}: {}{place}", shown(&rule.cite), shown(&rule.because)));
        }
        for hold in &verdict.holds {
            lines.push(format!(
                "  held   {} {}: {}",
                shown(&hold.rule.cite),
                shown(&hold.until()),
                shown(&hold.rule.because)
            ));
        }
        lines.extend(verdict.alternative.iter().map(|other| format!("  instead {}", shown(other))));
        lines.push(format!("  rules of {}, decision logic {logic}", shown(base)));
    }
    match entry.evidence.as_ref().map(Evidence::observation) {
        None => {}
        Some(None) => lines.push("  its facts cannot be read".into()),
        Some(Some(facts)) => {
            lines.push(format!("  facts  observed {:.0}; all of them: -o json", facts.observed_at));
            let known = |value: &bpctl_core::observe::FactValue| {
                let text = serde_json::to_value(value).unwrap_or_default().to_string();
                if text.contains("\"unknown\":{\"code\"") { " (unknown)" } else { "" }
            };
            let fact = |(key, fact): (&bpctl_core::observe::FactKey, &bpctl_core::observe::Fact)| {
                format!("         {} from {}{}", shown(&key.to_string()), shown(&fact.source), known(&fact.value))
            };
            lines.extend(facts.facts.iter().map(|(key, found)| fact((key, found))));
        }
    }
    lines.push(format!("  correlation {}", shown(entry.correlation.as_str())));
    lines.push(format!("  id          {}", shown(entry.id.as_str())));
    lines.join("\n")
}
