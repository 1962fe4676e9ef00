//! `bpctl audit`: the ledger, asked (B12, F7), and what can be made of it: `show`, `replay`, `verify`, `backtest`.

mod backtest;
mod replay;
mod show;
mod trail;
mod words;

use bpctl_core::ledger::{Entry, Evidence, Query, VerdictFilter};
use bpctl_core::model::{Name, Period, Timestamp, Untrusted};
use bpctl_core::render::sink;
use clap::{Args, Subcommand, ValueEnum};
use schemars::JsonSchema;
use serde::Serialize;

use super::{CommandError, EnvironmentArgs, Global, Output, session};
use crate::git::Repository;
use crate::pipeline::{Session, ledger, plan, work_tree_workspace};
use crate::runtime::{self, Exit};

pub use backtest::BacktestOutput;
pub use replay::ReplayOutput;
pub use trail::TrailOutput;

/// Arguments of `audit`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: Option<AuditCommand>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Show all of one entry: action, rules, facts
    Show(show::ShowArgs),
    /// Derive recorded decisions again, offline, from the commit and the recorded facts, and compare
    Replay(replay::ReplayArgs),
    /// Check that the ledger only ever grew, by bpctl's hand, and says the same as the forge
    Verify(trail::TrailArgs),
    /// Say which recorded decisions would have been others under a policy
    Backtest(backtest::BacktestArgs),
}

/// What to list.
#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    environment: EnvironmentArgs,
    /// Text for people, JSON with the facts of every decision, or CSV
    #[arg(short, long, default_value = "text", env = "BPCTL_OUTPUT")]
    output: AuditFormat,
    /// Only what happened since: as long ago (7d), or a date or time (2026-11-21)
    #[arg(long, value_name = "TIME", default_value = "90d", env = "BPCTL_SINCE")]
    since: Moment,
    /// Only what happened before: as long ago, or a date or time
    #[arg(long, value_name = "TIME", env = "BPCTL_UNTIL")]
    until: Option<Moment>,
    /// Only this blueprint
    #[arg(long, value_name = "NAME", visible_alias = "service", env = "BPCTL_BLUEPRINT")]
    blueprint: Option<String>,
    /// Only operations of this action: scale, resize, reconcile, restart
    #[arg(long, value_name = "NAME", env = "BPCTL_ACTION", value_parser = action_names())]
    action: Option<String>,
    /// Only decisions with this verdict
    #[arg(long, value_name = "VERDICT", env = "BPCTL_VERDICT")]
    verdict: Option<VerdictArg>,
    /// Only what this person (login or id) or `bpctl` did
    #[arg(long, value_name = "NAME", env = "BPCTL_ACTOR")]
    actor: Option<String>,
    /// Only the operation whose correlation id begins so
    #[arg(long, value_name = "ID", env = "BPCTL_CORRELATION")]
    correlation: Option<String>,
}

fn action_names() -> clap::builder::PossibleValuesParser {
    bpctl_core::action::ALL.map(|action| action.name).into()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AuditFormat {
    /// For people.
    Text,
    /// For machines; its schema is under schemas/.
    Json,
    /// One line an entry, for spreadsheets.
    Csv,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum VerdictArg {
    /// Allowed, and not held.
    Allowed,
    /// A person has to approve it.
    NeedsApproval,
    /// Refused.
    Forbidden,
    /// Fine, but not at that time.
    Held,
}

impl From<VerdictArg> for VerdictFilter {
    fn from(verdict: VerdictArg) -> Self {
        match verdict {
            VerdictArg::Allowed => Self::Allowed,
            VerdictArg::NeedsApproval => Self::NeedsApproval,
            VerdictArg::Forbidden => Self::Forbidden,
            VerdictArg::Held => Self::Held,
        }
    }
}

/// `7d` ago, a date, or a time.
#[derive(Debug, Clone, Copy)]
enum Moment {
    Ago(Period),
    At(Timestamp),
}

impl Moment {
    fn at(self) -> Timestamp {
        match self {
            Self::Ago(period) => period.before(runtime::now()),
            Self::At(at) => at,
        }
    }
}

impl std::str::FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(period) = text.parse() {
            return Ok(Self::Ago(period));
        }
        let at = text.parse().or_else(|_| format!("{text}T00:00:00Z").parse());
        at.map(Self::At)
            .map_err(|_| "write how long ago (7d, 12h), a date (2026-11-21) or a time (2026-11-21T14:00:00Z)".into())
    }
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
    /// Entries, in the order of what happened.
    pub entries: Vec<Entry>,
}

/// The session and the environment that is meant.
async fn opened(global: &Global, environment: &EnvironmentArgs) -> Result<(Session, Name), CommandError> {
    let session = session(global).await?;
    let workspace = work_tree_workspace(&session.repository)?;
    let environment = plan::choose_environment(&workspace, environment.environment.as_deref())?;
    Ok((session, environment))
}

/// Runs the command.
pub async fn run(global: &Global, args: &AuditArgs, output: &Output) -> Result<Exit, CommandError> {
    match &args.command {
        None => list(global, &args.list, output).await,
        Some(AuditCommand::Show(args)) => show::run(global, args, output).await,
        Some(AuditCommand::Replay(args)) => replay::run(global, args, output).await,
        Some(AuditCommand::Verify(args)) => trail::run(global, args, output).await,
        Some(AuditCommand::Backtest(args)) => backtest::run(global, args, output).await,
    }
}

async fn list(global: &Global, args: &ListArgs, output: &Output) -> Result<Exit, CommandError> {
    let (session, environment) = opened(global, &args.environment).await?;
    let query = Query {
        since: Some(args.since.at()),
        until: args.until.map(Moment::at),
        blueprint: args.blueprint.clone(),
        action: args.action.clone(),
        verdict: args.verdict.map(Into::into),
        actor: args.actor.clone(),
        correlation: args.correlation.clone(),
    };
    // What an operation began with may lie before the time that is asked for; only the filter by action needs it.
    let first = query.since.filter(|_| query.action.is_none());
    let (repository, forge) = (&session.repository, session.forge.reading());
    // A listing decides nothing; `audit verify`, `audit show` and `audit replay` check what they read.
    Repository::read_unchecked();
    let unreadable = if args.output == AuditFormat::Json {
        let loaded = ledger::load_since::<Evidence>(repository, forge, &environment, first).await?;
        let (environment, unreadable) = (environment.to_string(), loaded.unreadable);
        let entries = query.select(loaded.entries);
        output.json(&AuditOutput { schema_version: 1, environment, unreadable, entries });
        unreadable
    } else {
        let loaded = ledger::list_since(repository, forge, &environment, first).await?;
        let entries = query.select(loaded.entries);
        match args.output {
            AuditFormat::Csv => output.raw(&words::csv(&entries)),
            _ if entries.is_empty() => output.data(&format!("the ledger of {environment} has no entries for this")),
            _ => output.data(&words::table(&entries)),
        }
        // The process ends here: giving ten thousand entries back one by one is a twentieth of its time.
        std::mem::forget(entries);
        loaded.unreadable
    };
    if unreadable > 0 {
        let lines = if unreadable == 1 { "1 line".into() } else { format!("{unreadable} lines") };
        output.talk(&format!("warning: {lines} of the ledger could not be read: bpctl audit verify"));
    }
    Ok(Exit::Fine)
}

/// The one entry whose id begins so.
fn named<E>(entries: Vec<Entry<E>>, start: &str) -> Result<Entry<E>, CommandError> {
    let shown = sink::terminal(&Untrusted::new(start));
    let mut found: Vec<Entry<E>> = entries.into_iter().filter(|entry| entry.id.as_str().starts_with(start)).collect();
    match (found.pop(), found.len()) {
        (Some(entry), 0) if !start.is_empty() => Ok(entry),
        (None, _) => Err(CommandError::told(
            format!("no entry's id begins with {shown:?}"),
            "bpctl audit shows ids at the end of each line",
        )),
        (_, more) => Err(CommandError::told(
            format!("the ids of {} entries begin with {shown:?}", more + 1),
            "give more of its digits: bpctl audit -o csv has all of them",
        )),
    }
}
