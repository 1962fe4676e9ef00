//! The command line: one file per command. Parses, calls the pipeline, shows.

mod actions;
mod answer;
mod apply;
mod audit;
mod breaker;
mod comment;
mod completions;
mod diagnostics;
mod doctor;
mod error;
mod event;
mod explain;
mod init;
mod judge;
mod lint;
mod origin;
mod output;
mod plan;
pub mod schema;
mod snapshot;
mod stage;
mod suggest;
mod tour;
mod verify;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use bpctl_core::blueprint::Workspace;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

pub use error::CommandError;
pub use output::Output;

use crate::git::Repository;
use crate::pipeline::{Session, SessionOptions, work_tree_workspace};
use crate::runtime::{self, Exit};

/// Plan, judge and propose Kubernetes changes from versioned blueprints.
///
/// Git history is the audit trail, pull-request review is the approval. stdout is data, stderr is talk.
#[derive(Debug, Parser)]
#[command(name = "bpctl", version, propagate_version = true, disable_help_subcommand = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// A switch's environment twin: empty, `0`, `false`, `no` and `off` are off, anything else is on.
pub(crate) fn flag() -> clap::builder::FalseyValueParser {
    clap::builder::FalseyValueParser::new()
}

/// Options that every command takes.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// Run as if started in this folder
    #[arg(short = 'C', long = "directory", value_name = "FOLDER", global = true, env = "BPCTL_DIRECTORY")]
    pub directory: Option<PathBuf>,
    /// Say less: no progress, no hints
    #[arg(short, long, global = true, env = "BPCTL_QUIET", value_parser = flag())]
    pub quiet: bool,
    /// No colour (so does `NO_COLOR`)
    #[arg(long, global = true, env = "BPCTL_NO_COLOR", value_parser = flag())]
    pub no_color: bool,
}

/// Which environment of bpctl.yaml.
#[derive(Debug, Clone, Args)]
pub struct EnvironmentArgs {
    /// The environment; may be left out where bpctl.yaml has only one
    #[arg(short, long = "env", value_name = "NAME", env = "BPCTL_ENV")]
    pub environment: Option<String>,
}

/// Text for people or data for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For machines; its schema is under schemas/.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell the whole story on a shipped example; needs nothing but git
    Tour(tour::TourArgs),
    /// Write a first blueprint for each workload of this repository, a policy and bpctl.yaml
    Init(init::InitArgs),
    /// Check blueprints, policies and bpctl.yaml of the work tree
    Lint(lint::LintArgs),
    /// Show what differs, what would be done, who may do it, and why not the rest; changes nothing
    Plan(plan::PlanArgs),
    /// One pass: settle open pull requests, propose, merge what is allowed, deliver, verify, write it down
    Apply(apply::ApplyArgs),
    /// Judge a pull request by the rules of its base branch
    Judge(judge::JudgeArgs),
    /// Tell a plan on a pull request, in one comment for each environment
    Comment(comment::CommentArgs),
    /// Approve a pull request of the local forge, signed with your SSH key
    Approve(answer::AnswerArgs),
    /// Reject a pull request of the local forge: it is closed
    Reject(answer::AnswerArgs),
    /// Check whether what was merged reached the cluster
    Verify(verify::VerifyArgs),
    /// Show what happened, and why
    Audit(audit::AuditArgs),
    /// Show what is stopped after failures, why, since when, and what ends it
    Breaker(breaker::BreakerArgs),
    /// Check what bpctl needs here: repository, forge, rights, clusters, Prometheus; changes nothing
    Doctor(doctor::DoctorArgs),
    /// Record a cluster into a folder that plans can be made from
    Snapshot(snapshot::SnapshotArgs),
    /// Show the line of each field: in the manifest, overlay, patch or values file that makes it
    Where(origin::WhereArgs),
    /// Show which operations earned to go without approval, and propose it
    Suggest(suggest::SuggestArgs),
    /// Run one stage alone: JSON in, JSON out
    Stage(stage::StageArgs),
    /// List the actions that bpctl knows
    Actions(actions::ActionsArgs),
    /// Explain a lint code or a governance rule
    Explain(explain::ExplainArgs),
    /// Print the JSON Schema of a file or an output
    Schema(schema::SchemaArgs),
    /// Print the completion script of a shell, or write manual pages
    Completions(completions::CompletionsArgs),
}

/// Runs the program.
pub fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "arguments are read once, here")]
    let words = std::env::args_os();
    let (cli, note) = match parse(words) {
        Ok(parsed) => parsed,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Fine };
            let _ = error.print();
            return exit.into();
        }
    };
    let output = Output::new(&cli.global);
    if let Some(note) = note {
        output.talk(&note);
    }
    match run(cli, &output) {
        Ok(exit) => exit.into(),
        Err(error) => {
            output.error(&error);
            error.exit().into()
        }
    }
}

/// Reads a command line. `BPCTL_OUTPUT` is set once for all commands of a job: one that lacks such a format goes on with its own, and says
/// so. On the command line it is a mistake, and so is a format that no command has.
fn parse(words: impl IntoIterator<Item = OsString>) -> Result<(Cli, Option<String>), clap::Error> {
    let mut command = Cli::command();
    let asked = runtime::variable("BPCTL_OUTPUT").filter(|asked| has_format(&command, asked));
    if let Some(asked) = &asked {
        command = without_format(command, asked);
    }
    let matches = command.try_get_matches_from_mut(words)?;
    let note = asked.filter(|asked| lacks_format(&command, &matches, asked));
    let note =
        note.map(|asked| format!("note: BPCTL_OUTPUT={asked} is no format of this command, which takes its own"));
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    Ok((cli, note))
}

fn formats(command: &clap::Command) -> Option<Vec<String>> {
    let output = command.get_arguments().find(|argument| argument.get_id() == "output")?;
    Some(output.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect())
}

/// Whether a command, or one of its own, has this format.
fn has_format(command: &clap::Command, asked: &str) -> bool {
    formats(command).is_some_and(|formats| formats.iter().any(|format| format == asked))
        || command.get_subcommands().any(|inner| has_format(inner, asked))
}

/// The same, where who lacks this format does not look at the environment for one.
fn without_format(command: clap::Command, asked: &str) -> clap::Command {
    let lacks = formats(&command).is_some_and(|formats| !formats.iter().any(|format| format == asked));
    let command =
        if lacks { command.mut_arg("output", |output| output.env(clap::builder::Resettable::Reset)) } else { command };
    command.mut_subcommands(|inner| without_format(inner, asked))
}

/// Whether the command that was chosen lacks this format, and no other was asked for.
fn lacks_format(command: &clap::Command, matches: &clap::ArgMatches, asked: &str) -> bool {
    if let Some((name, inner)) = matches.subcommand() {
        return command.find_subcommand(name).is_some_and(|command| lacks_format(command, inner, asked));
    }
    formats(command).is_some_and(|formats| !formats.iter().any(|format| format == asked))
        && matches.value_source("output") == Some(clap::parser::ValueSource::DefaultValue)
}

fn run(cli: Cli, output: &Output) -> Result<Exit, CommandError> {
    let Cli { global, command } = cli;
    match command {
        Command::Tour(args) => tour::run(&global, &args, output),
        Command::Init(args) => block_on(init::run(&global, &args, output)),
        Command::Lint(args) => on_this_thread(lint::run(&global, &args, output)),
        Command::Plan(args) => block_on(plan::run(&global, &args, output)),
        Command::Apply(args) => block_on(apply::run(&global, &args, output)),
        Command::Judge(args) => block_on(judge::run(&global, &args, output)),
        Command::Comment(args) => block_on(comment::run(&global, &args, output)),
        Command::Approve(args) => block_on(answer::run(&global, &args, output, crate::forge::Answer::Approve)),
        Command::Reject(args) => block_on(answer::run(&global, &args, output, crate::forge::Answer::Reject)),
        Command::Verify(args) => block_on(verify::run(&global, &args, output)),
        Command::Audit(args) => block_on(audit::run(&global, &args, output)),
        Command::Breaker(args) => block_on(breaker::run(&global, &args, output)),
        Command::Doctor(args) => block_on(doctor::run(&global, &args, output)),
        Command::Snapshot(args) => block_on(snapshot::run(&global, &args, output)),
        Command::Where(args) => block_on(origin::run(&global, &args, output)),
        Command::Suggest(args) => block_on(suggest::run(&global, &args, output)),
        Command::Stage(args) => block_on(stage::run(&global, &args, output)),
        Command::Actions(args) => Ok(actions::run(&args, output)),
        Command::Explain(args) => explain::run(&args, output),
        Command::Schema(args) => schema::run(&args, output),
        Command::Completions(args) => completions::run(&args, output),
    }
}

/// Runs a command that waits for others.
fn block_on<T>(work: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    // The only provider; without it two crates would each choose their own.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(|source| CommandError::io("start", source))?.block_on(work)
}

/// The same for one that seldom waits, without threads that would cost more than the work.
fn on_this_thread<T>(work: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|source| CommandError::io("start", source))?.block_on(work)
}

/// What is attempted to find where a command begins.
fn folder_of(global: &Global) -> String {
    let named = |folder: &std::path::PathBuf| format!("find the folder {}", folder.display());
    global.directory.as_ref().map_or_else(|| "find the working folder".into(), named)
}

/// The repository that the command is about.
fn repository(global: &Global) -> Result<Repository, CommandError> {
    let folder = runtime::start_folder(global.directory.as_deref())
        .map_err(|source| CommandError::io(&folder_of(global), source))?;
    Ok(Repository::discover(&folder).map_err(crate::pipeline::PipelineError::from)?)
}

/// The repository and its forge.
async fn session(global: &Global) -> Result<Session, CommandError> {
    session_with(global, SessionOptions::default()).await
}

async fn session_with(global: &Global, options: SessionOptions) -> Result<Session, CommandError> {
    let (folder, workspace) = ready(global)?;
    Ok(Session::open(&folder, &workspace, with_token(options)).await?)
}

/// What a session begins with: where it is, and what the work tree says; not on what strangers brought, before any credential is read.
fn ready(global: &Global) -> Result<(PathBuf, Workspace), CommandError> {
    let repository = repository(global)?;
    event::refuse_strangers(&repository)?;
    let workspace: Workspace = work_tree_workspace(&repository)?;
    Ok((repository.work_tree().unwrap_or(repository.path()).to_owned(), workspace))
}

/// The forge's token, from the environment where nothing else gave one.
fn with_token(options: SessionOptions) -> SessionOptions {
    SessionOptions { token: options.token.or_else(|| runtime::secret(&["BPCTL_TOKEN"])), ..options }
}
