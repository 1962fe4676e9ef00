//! `bpctl audit`.

use bpctl_core::ledger::{Entry, Event};
use bpctl_core::model::{Period, Untrusted};
use bpctl_core::observe::ObservedFrom;
use bpctl_core::render::sink;
use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::{CommandError, EnvironmentArgs, Format, Global, Output, session};
use crate::pipeline::{ledger, plan, work_tree_workspace};
use crate::runtime::{self, Exit};

/// Arguments of `audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(flatten)]
    environment: EnvironmentArgs,
    /// Text for people, or JSON with the evidence of every decision
    #[arg(short, long, default_value = "text", env = "BPCTL_OUTPUT")]
    output: Format,
    /// Only what happened since this long ago
    #[arg(long, value_name = "TIME", default_value = "90d", env = "BPCTL_SINCE")]
    since: Period,
    /// Only this blueprint
    #[arg(long, value_name = "NAME", env = "BPCTL_BLUEPRINT")]
    blueprint: Option<String>,
}

/// `bpctl audit -o json`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditOutput {
    /// Always 1; grows by adding.
    pub schema_version: u32,
    /// The environment.
    pub environment: String,
    /// Lines of the ledger that could not be read.
    pub unreadable: usize,
    /// Entries, oldest first.
    pub entries: Vec<Entry>,
}

/// Runs the command.
pub async fn run(global: &Global, args: &AuditArgs, output: &Output) -> Result<Exit, CommandError> {
    let session = session(global).await?;
    let workspace = work_tree_workspace(&session.repository)?;
    let environment = plan::choose_environment(&workspace, args.environment.environment.as_deref())?;
    let loaded = ledger::load(&session.repository, session.forge.reading(), &environment).await?;
    let from = args.since.before(runtime::now());
    let wanted = |entry: &Entry| {
        // A decision on a recording is as old as the recording; what was done about it is not.
        let recorded = |event: &Event| match event {
            Event::Decided { evidence, .. } => matches!(evidence.from, ObservedFrom::Snapshot { .. }),
            _ => false,
        };
        (entry.at >= from || recorded(&entry.event))
            && args.blueprint.as_ref().is_none_or(|name| entry.blueprint.as_str() == name)
    };
    let entries: Vec<Entry> = loaded.entries.into_iter().filter(wanted).collect();
    match args.output {
        Format::Json => output.json(&AuditOutput {
            schema_version: 1,
            environment: environment.to_string(),
            unreadable: loaded.unreadable,
            entries,
        }),
        Format::Text if entries.is_empty() => {
            output.data(&format!("the ledger of {environment} has no entries for this"));
        }
        Format::Text => {
            let width = entries.iter().map(|entry| entry.blueprint.as_str().len()).max().unwrap_or(0);
            let lines: Vec<String> = entries
                .iter()
                .map(|e| format!("{:.0}  {:<width$}  {:<9}  {}", e.at, e.blueprint, e.event.name(), told(&e.event)))
                .collect();
            output.data(&lines.join("\n"));
            if loaded.unreadable > 0 {
                output.talk(&format!("warning: {} lines of the ledger could not be read", loaded.unreadable));
            }
        }
    }
    Ok(Exit::Fine)
}

/// The checks of a verification. The ledger's branch can be written by others: its text is outside text.
fn checks(report: &bpctl_core::verify::VerifyReport) -> String {
    let shown = |text: &str| sink::terminal(&Untrusted::new(text));
    let checks: Vec<String> =
        report.checks.iter().map(|c| format!("{}: {}", shown(&c.window), shown(&c.evidence))).collect();
    checks.join("; ")
}

fn told(event: &Event) -> String {
    let short = |commit: &str| commit.get(..7).unwrap_or(commit).to_owned();
    // The ledger's branch can be written by others: its text is outside text.
    let shown = |text: &str| sink::terminal(&Untrusted::new(text));
    match event {
        Event::Decided { summary, verdict, version, .. } => {
            let rule = verdict.principal().map_or("", |rule| rule.cite.as_str());
            let held =
                verdict.holds.first().map_or_else(String::new, |hold| format!(", held by {}", shown(&hold.rule.cite)));
            format!("{} — {}{held} by {} (blueprint {})", shown(summary), verdict.tier, shown(rule), shown(version))
        }
        Event::Proposed { pull, head } => format!("#{pull} at {}", shown(&short(head))),
        Event::Merged { pull, commit, reviews, .. } => {
            let by: Vec<String> =
                reviews.iter().filter(|r| r.approves()).map(|r| sink::terminal(&r.reviewer.login)).collect();
            let by = if by.is_empty() { String::new() } else { format!(", approved by {}", by.join(", ")) };
            format!("#{pull} as {}{by}", shown(&short(commit)))
        }
        Event::Declined { pull } => format!("#{pull} was closed by a person"),
        Event::Applied { summary, base, .. } => format!("{} (base {})", shown(summary), shown(&short(base))),
        // The event's own name stands before it.
        Event::Restarted { summary, .. } => shown(summary.strip_prefix("restarted ").unwrap_or(summary)),
        Event::Recovered { request, report } => {
            format!("restart {}: {} ({})", shown(request), report.outcome, checks(report))
        }
        Event::Verified { pull, report, .. } => format!("#{pull}: {} ({})", report.outcome, checks(report)),
    }
}
