//! `bpctl apply`.

use std::sync::Arc;

use bpctl_core::blueprint::Alerts;
use bpctl_core::model::{Name, Period, Untrusted};
use bpctl_core::render::{self, sink};
use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::{CommandError, EnvironmentArgs, Format, Global, Output, ready, with_token};
use crate::pipeline::adopt::AdoptRequest;
use crate::pipeline::alerts::{self, AlertState, AlertTold, Found, Told};
use crate::pipeline::apply::{ApplyOptions, ApplyReport, apply};
use crate::pipeline::{Effects, PipelineError, Session, SessionOptions, connect_cluster, plan, workspace_on_base};
use crate::runtime::Exit;

/// Arguments of `apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    #[command(flatten)]
    environment: EnvironmentArgs,
    /// Text for people, or JSON
    #[arg(short, long, default_value = "text", env = "BPCTL_OUTPUT")]
    output: Format,
    /// Longest time to wait for what landed to be verified; the next run goes on where this one stopped
    #[arg(long, default_value = "0s", value_name = "TIME", env = "BPCTL_WAIT")]
    wait: Period,
    /// Propose to keep what the cluster has of this blueprint, or of one field of it, instead of bringing it back: `frontend:LOG_LEVEL`;
    /// may be given more than once
    #[arg(long, value_name = "BLUEPRINT[:FIELD]")]
    adopt: Vec<AdoptRequest>,
    /// Only say what would be done
    #[arg(long, env = "BPCTL_DRY_RUN", value_parser = super::flag())]
    dry_run: bool,
}

/// `bpctl apply -o json`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplyOutput {
    /// Always 1; grows by adding.
    pub schema_version: u32,
    /// The environment.
    pub environment: String,
    /// Hash of the plan that the pass began with.
    pub plan: String,
    /// What was done or left, in order.
    pub steps: Vec<StepOutput>,
    /// What stays as it is: held, forbidden, the controller's, a person's, or not compared.
    pub left: Vec<LeftOutput>,
    /// Verifications.
    pub verified: Vec<VerifiedOutput>,
    /// New entries of the ledger.
    pub recorded: usize,
    /// What people were alerted of, and what lasts of that.
    pub alerts: Vec<AlertTold>,
    /// What could not be told, and why.
    pub untold: Vec<String>,
}

/// One step.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StepOutput {
    /// The blueprint.
    pub blueprint: String,
    /// What was done or left.
    pub told: String,
    /// What a person does next.
    pub next: Option<String>,
}

/// One thing that stays as it is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LeftOutput {
    /// The blueprint.
    pub blueprint: String,
    /// What, and why.
    pub told: String,
    /// What a person does about it, one line each.
    pub help: Vec<String>,
}

/// One verification.
#[derive(Debug, Serialize, JsonSchema)]
pub struct VerifiedOutput {
    /// The blueprint.
    pub blueprint: String,
    /// The pull request.
    pub pull: u64,
    /// The report.
    pub report: bpctl_core::verify::VerifyReport,
}

/// Runs the command.
pub async fn run(global: &Global, args: &ApplyArgs, output: &Output) -> Result<Exit, CommandError> {
    let (folder, workspace) = ready(global)?;
    let environment = plan::choose_environment(&workspace, args.environment.environment.as_deref())?;
    let session = match Session::open(&folder, &workspace, with_token(SessionOptions::default())).await {
        Ok(session) => session,
        Err(error) => {
            // Without its forge it has no place for an issue, and no memory: the chat alone hears of it.
            if !args.dry_run
                && let Some(untold) = alerts::tell_alone(&environment, &error).await
            {
                output.talk(&format!("not told: {untold}"));
            }
            return Err(error.into());
        }
    };
    let (done, told) = pass(&session, &environment, args).await;
    let (report, base) = match done {
        Ok(done) => done,
        Err(error) => {
            // Where nobody else is told, the error itself says it.
            let told =
                Told { alerts: told.alerts.into_iter().filter(|a| a.state != AlertState::Here).collect(), ..told };
            if told.is_something() {
                output.talk(&alert_lines(&told));
            }
            return Err(error.into());
        }
    };
    // Blind is not green: what could not be compared may be anything.
    let failed = report.failed || report.plan.is_blind();
    match args.output {
        Format::Json => output.json(&data(report, told)),
        Format::Text => output.data(&text(&report, &told, args.dry_run, &base)),
    }
    Ok(if failed { Exit::Error } else { Exit::Fine })
}

/// One pass on the cluster that base names: `apply` reads commits only.
async fn pass(
    session: &Session,
    environment: &Name,
    args: &ApplyArgs,
) -> (Result<(ApplyReport, String), PipelineError>, Told) {
    let opened = async {
        let tip = session.forge.reading().base_tip().await?;
        let base = workspace_on_base(&session.repository, &tip)?;
        let place = plan::base_place(base.get(), environment)?;
        let cluster = connect_cluster(place, session.repository.work_tree()).await;
        Ok((base.get().base.clone(), base.get().alerts.clone(), cluster))
    };
    let opened: Result<_, PipelineError> = opened.await;
    let writing = match session.forge.writing() {
        Ok(writing) => writing,
        Err(error) => return (Err(error), Told::default()),
    };
    let (error, settings) = match opened {
        Ok((base, _, Ok(cluster))) => {
            let cluster = Arc::new(cluster);
            let effects = Effects::new(writing, Some(cluster.writing()), args.dry_run);
            let options = ApplyOptions { wait: args.wait, adopt: args.adopt.clone() };
            let (report, told) = apply(session, &effects, &cluster, environment, &options).await;
            return (report.map(|report| (report, base)), told);
        }
        Ok((_, settings, Err(error))) => (error, settings),
        Err(error) => (error, Alerts::default()),
    };
    let effects = Effects::new(writing, None, args.dry_run);
    let found = Found { standing: vec![alerts::failed(&error)], ..Found::default() };
    let told = alerts::tell(session, &effects, environment, &settings, found).await;
    (Err(error), told)
}

fn data(report: ApplyReport, told: Told) -> ApplyOutput {
    ApplyOutput {
        schema_version: 1,
        environment: report.environment.to_string(),
        plan: report.plan.hash.to_string(),
        left: render::left(&report.plan)
            .into_iter()
            .map(|left| LeftOutput { blueprint: left.blueprint.to_string(), told: left.told, help: left.help })
            .collect(),
        steps: report
            .steps
            .into_iter()
            .map(|step| StepOutput { blueprint: step.blueprint.to_string(), told: step.told, next: step.next })
            .collect(),
        verified: report
            .verified
            .into_iter()
            .map(|v| VerifiedOutput { blueprint: v.blueprint.to_string(), pull: v.operation.pull, report: v.report })
            .collect(),
        recorded: report.recorded + told.recorded,
        alerts: told.alerts,
        untold: told.untold,
    }
}

/// What people were alerted of, a line each.
fn alert_lines(told: &Told) -> String {
    let state = |state: AlertState| match state {
        AlertState::New | AlertState::Here => "alert",
        AlertState::Stands => "alert, told before",
        AlertState::Seen => "alert, seen by a person",
        AlertState::Over => "over",
        AlertState::WouldBeTold => "would alert",
    };
    let shown = |text: &str| sink::terminal(&Untrusted::new(text));
    let line = |alert: &AlertTold| {
        let issue = alert.issue.as_ref().map_or_else(String::new, |issue| format!("   {}", shown(issue)));
        format!("{}: {}{issue}", state(alert.state), shown(&alert.told))
    };
    let untold = told.untold.iter().map(|untold| format!("not told: {}", shown(untold)));
    told.alerts.iter().map(line).chain(untold).collect::<Vec<_>>().join("\n")
}

fn text(report: &ApplyReport, told: &Told, dry_run: bool, base: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    let dry = if dry_run { " · dry run: nothing was changed" } else { "" };
    let short = report.plan.desired.base_commit.get(..7).unwrap_or_default();
    let _ = writeln!(out, "{} · base {base}@{short} · plan {}{dry}\n", report.environment, report.plan.hash.short());
    let names =
        report.plan.blueprints.iter().map(|part| &part.name).chain(report.steps.iter().map(|step| &step.blueprint));
    let width = names.map(|name| name.as_str().len()).max().unwrap_or(0);
    for step in &report.steps {
        let _ = writeln!(out, "  {:<width$}  {}", step.blueprint.as_str(), step.told);
        if let Some(next) = &step.next {
            let _ = writeln!(out, "  {:<width$}    next: {next}", "");
        }
    }
    let left = render::left(&report.plan);
    // One line for many: help is of one workload, and stays with it.
    let (alone, alike): (Vec<_>, Vec<_>) = left.into_iter().partition(|left| !left.help.is_empty());
    let alike: Vec<_> = alike.into_iter().map(|left| (left.blueprint.to_string(), left.told)).collect();
    for (name, told) in render::together(&alike) {
        let _ = writeln!(out, "  {name:<width$}  {told}");
    }
    for left in &alone {
        let _ = writeln!(out, "  {:<width$}  {}", left.blueprint.as_str(), left.told);
        for help in &left.help {
            let _ = writeln!(out, "  {:<width$}    {help}", "");
        }
    }
    if report.steps.is_empty() && alike.is_empty() && alone.is_empty() {
        let seen =
            if report.plan.has_unknown() { ", as far as could be seen (bpctl plan says what could not)" } else { "" };
        let _ = writeln!(out, "  nothing to do{seen}");
    }
    let recorded = report.recorded + told.recorded;
    if recorded > 0 {
        let plural = if recorded == 1 { "entry" } else { "entries" };
        let _ = writeln!(out, "\n{recorded} {plural} in the ledger   next: bpctl audit --env {}", report.environment);
    }
    if told.is_something() {
        let _ = writeln!(out, "\n{}", alert_lines(told));
    }
    // Last, where nobody passes over it.
    if let Some(uncompared) = render::uncompared(&report.plan) {
        let _ = writeln!(out, "\n{uncompared}");
    }
    out
}
