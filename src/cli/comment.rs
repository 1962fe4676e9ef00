//! `bpctl comment`: tells a plan on a pull request.
//!
//! The plan comes from a file, so that the job that may write on the forge needs no credential of the cluster, and the job that has one may
//! write nothing. Whoever wrote the file is not trusted with more than being shown.

use std::path::PathBuf;

use bpctl_core::model::Name;
use bpctl_core::plan::Plan;
use clap::{Args, ValueEnum};
use schemars::JsonSchema;
use serde::Serialize;

use super::{CommandError, EnvironmentArgs, Format, Global, Output, session};
use crate::pipeline::comment::{self, CommentOptions, Commented};
use crate::runtime::{self, Exit};

/// The largest plan that is read.
const LARGEST: u64 = 64 << 20;

/// Arguments of `comment`.
#[derive(Debug, Args)]
pub struct CommentArgs {
    /// The pull request's number
    number: u64,
    #[command(flatten)]
    environment: EnvironmentArgs,
    /// The plan, as `bpctl plan --base BRANCH --out FILE` wrote it
    #[arg(long, value_name = "FILE", env = "BPCTL_PLAN")]
    plan: PathBuf,
    /// Edit the earlier comment of the environment, or write a new one and delete it
    #[arg(long, default_value = "update", env = "BPCTL_COMMENT_METHOD")]
    method: Method,
    /// Comment on every pull request, on those that change something (or of which something else was said before), or on none
    #[arg(long, default_value = "always", env = "BPCTL_COMMENT")]
    when: When,
    /// The page of the run, to point to
    #[arg(long, value_name = "URL", env = "BPCTL_RUN_URL")]
    run_url: Option<String>,
    /// Text for people, or JSON
    #[arg(short, long, default_value = "text", env = "BPCTL_OUTPUT")]
    output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Method {
    Update,
    Recreate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum When {
    Always,
    OnChange,
    Never,
}

/// What `comment -o json` prints (schema version 1).
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommentOutput {
    /// Always 1; grows by adding.
    schema_version: u32,
    /// The pull request.
    pull: u64,
    /// `posted`, `updated`, `unchanged`, or `nothing`.
    done: &'static str,
    /// The comment that stands there now, by the forge's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    /// Why nothing was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
}

/// Runs the command.
pub async fn run(global: &Global, args: &CommentArgs, output: &Output) -> Result<Exit, CommandError> {
    let plan = match read(&args.plan) {
        Ok(plan) => plan.told(),
        Err(error) => {
            if let Some(told) = unplanned(global, args).await? {
                output.data(&told);
            }
            return Err(error);
        }
    };
    if let Some(named) = args.environment.environment.as_deref().filter(|named| !named.is_empty())
        && plan.environment.as_str() != named
    {
        let message =
            format!("{} is a plan of the environment {}, not of {named:?}", args.plan.display(), plan.environment);
        return Err(CommandError::usage(message, "give the plan of that environment, or leave --env out"));
    }
    let when = match args.when {
        When::Always => comment::When::Always,
        When::OnChange => comment::When::OnChange,
        When::Never => {
            shown(args, Commented::Nothing("--when never".into()), "", output);
            return Ok(Exit::Fine);
        }
    };
    let method = match args.method {
        Method::Update => comment::Method::Update,
        Method::Recreate => comment::Method::Recreate,
    };
    let session = session(global).await?;
    let options = CommentOptions { number: args.number, method, when, run: args.run_url.as_deref() };
    let done = comment::write(&session, &plan, &options).await?;
    shown(args, done, &session.forge.reading().pull_url(args.number), output);
    Ok(Exit::Fine)
}

/// Where there is no plan the comment says so: nobody waits for it, and nothing that was said of another head stands for this one.
async fn unplanned(global: &Global, args: &CommentArgs) -> Result<Option<String>, CommandError> {
    let named = args.environment.environment.as_deref().and_then(|named| Name::new(named).ok());
    let missing = runtime::read_at_most(&args.plan, 0).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
    let Some(environment) = named.filter(|_| missing && !matches!(args.when, When::Never)) else {
        return Ok(None);
    };
    let session = session(global).await?;
    let method = comment::Method::Update;
    let when = if matches!(args.when, When::OnChange) { comment::When::OnChange } else { comment::When::Always };
    let options = CommentOptions { number: args.number, method, when, run: args.run_url.as_deref() };
    let url = session.forge.reading().pull_url(args.number);
    Ok(match comment::unplanned(&session, &environment, &options).await? {
        Commented::Posted(id) | Commented::Updated(id) if matches!(args.output, Format::Text) => {
            Some(format!("{url} · comment {id} says that there is no plan of this head"))
        }
        _ => None,
    })
}

fn read(file: &std::path::Path) -> Result<Plan, CommandError> {
    let bytes = runtime::read_at_most(file, LARGEST).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => CommandError::told(
            format!("there is no plan: {} does not exist", file.display()),
            "see the job that plans, which writes it with `bpctl plan --out FILE`; in CI its artifact brings it here",
        ),
        _ => CommandError::io(&format!("read {}", file.display()), source),
    })?;
    let wrong = |why: String| {
        let message = format!("{} is no plan that this bpctl can read: {why}", file.display());
        CommandError::told(message, "write it with `bpctl plan --out FILE`, with the same version of bpctl")
    };
    let plan: Plan = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    if plan.schema_version != 1 {
        return Err(wrong(format!("its schemaVersion is {}", plan.schema_version)));
    }
    Ok(plan)
}

fn shown(args: &CommentArgs, done: Commented, url: &str, output: &Output) {
    let (word, comment, because) = match done {
        Commented::Posted(id) => ("posted", Some(id), None),
        Commented::Updated(id) => ("updated", Some(id), None),
        Commented::Unchanged(id) => ("unchanged", Some(id), None),
        Commented::Nothing(because) => ("nothing", None, Some(because)),
    };
    match args.output {
        Format::Json => {
            output.json(&CommentOutput { schema_version: 1, pull: args.number, done: word, comment, because });
        }
        Format::Text => output.data(&match (comment, because) {
            (Some(id), _) if word == "unchanged" => format!("{url} · comment {id} says the same already"),
            (Some(id), _) => format!("{url} · {word} comment {id}"),
            (None, because) => format!("no comment: {}", because.unwrap_or_default()),
        }),
    }
}
