//! `bpctl verify`.

use bpctl_core::model::{Name, Period};
use bpctl_core::observe::Recorder;
use bpctl_core::render::sink;
use bpctl_core::verify::{Outcome, VerifyReport, verify_operation};
use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::{CommandError, EnvironmentArgs, Format, Global, Output, session};
use crate::pipeline::{base_tree, connect_cluster, observe, plan, render_rules, verify, work_tree_workspace};
use crate::runtime::{self, Exit};

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    environment: EnvironmentArgs,
    /// Text for people, or JSON
    #[arg(short, long, default_value = "text", env = "BPCTL_OUTPUT")]
    output: Format,
    /// Longest time to wait for what is pending
    #[arg(long, default_value = "0s", value_name = "TIME", env = "BPCTL_WAIT")]
    wait: Period,
}

/// `bpctl verify -o json`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerifyOutput {
    /// Always 1; grows by adding.
    pub schema_version: u32,
    /// The environment.
    pub environment: Name,
    /// Merged pull requests whose verification is open.
    pub verified: Vec<VerifiedPull>,
}

/// One merged pull request, and whether it reached the cluster.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedPull {
    /// Whose workload it changed.
    pub blueprint: Name,
    /// Its number.
    pub pull: u64,
    /// What was seen.
    pub report: VerifyReport,
}

/// Runs the command: it looks and says; `apply` writes the outcome down.
pub async fn run(global: &Global, args: &VerifyArgs, output: &Output) -> Result<Exit, CommandError> {
    let session = session(global).await?;
    let workspace = work_tree_workspace(&session.repository)?;
    let environment = plan::choose_environment(&workspace, args.environment.environment.as_deref())?;
    let forge = session.forge.reading();
    let tip = forge.base_tip().await.map_err(crate::pipeline::PipelineError::from)?;
    let (files, rules) = base_tree(&session.repository, &tip)?;
    let rules = render_rules(rules, &files, std::slice::from_ref(&environment)).await;
    let place = plan::place(rules.get(), &environment)?;
    let cluster = connect_cluster(place, session.repository.work_tree()).await?;
    let deadline = args.wait.after(runtime::now());
    let reports = loop {
        let observation =
            observe(&environment, place, &[rules.get()], &cluster, &session.repository, forge).await?.observation;
        // What is not known is not nothing (R6).
        let mut histories = rules.get().blueprints.keys().map(|name| Recorder::new(&observation).history(name).ok());
        if let Some(Err(why)) = histories.find(Result::is_err) {
            let said = why.detail.as_ref().map_or_else(String::new, |said| format!(" ({})", sink::terminal(said)));
            let told = format!("what bpctl merged is not known: {}{said}", why.message);
            return Err(CommandError::told(
                told,
                "it is the forge that says it: set BPCTL_TOKEN, and see bpctl doctor",
            ));
        }
        let open = verify::open(&session, &environment, &rules, &observation).await?;
        let reports: Vec<_> = open
            .into_iter()
            .filter_map(|(blueprint, operation)| {
                let facts = Recorder::new(&observation);
                let report = verify_operation(rules.get(), &environment, &blueprint, &operation, &facts)?;
                Some(verify::Verified { blueprint, operation, report })
            })
            .collect();
        let pending = reports.iter().any(|verified| verified.report.outcome == Outcome::Pending);
        if !pending || runtime::now() >= deadline {
            break reports;
        }
        let due = reports.iter().filter_map(|verified| verified.report.due).min();
        runtime::sleep(verify::pause(due, deadline)).await;
    };
    let failed = reports.iter().any(|verified| verified.report.outcome == Outcome::Failure);
    match args.output {
        Format::Json => {
            let verified = reports.into_iter().map(|verify::Verified { blueprint, operation, report }| VerifiedPull {
                blueprint,
                pull: operation.pull,
                report,
            });
            output.json(&VerifyOutput { schema_version: 1, environment, verified: verified.collect() });
        }
        Format::Text if reports.is_empty() => {
            output.data("nothing to verify: no merged change of the last day is open");
        }
        Format::Text => {
            for verified in &reports {
                let url = forge.pull_url(verified.operation.pull);
                output.data(&format!("{}  {url}  {}", verified.blueprint, verified.report.outcome));
                output.data(&verify::lines(&verified.report));
            }
        }
    }
    Ok(if failed { Exit::Found } else { Exit::Fine })
}
