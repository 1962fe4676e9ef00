//! `bpctl plan`.

use std::mem::ManuallyDrop;
use std::path::PathBuf;

use bpctl_core::action::Action;
use bpctl_core::blueprint::{Tier, TierName};
use bpctl_core::model::RepoPath;
use bpctl_core::plan::{Plan, PlanItem, Selector, Shard, Target};
use bpctl_core::render::{self, comment::Around};
use clap::{Args, ValueEnum};

use super::{CommandError, EnvironmentArgs, Global, Output, session_with};
use crate::pipeline::SessionOptions;
use crate::pipeline::adopt::AdoptRequest;
use crate::pipeline::plan::{self, PlanOptions};
use crate::runtime::{self, Exit};

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    environment: EnvironmentArgs,
    /// Text for people, Markdown for comments and summaries, JSON or YAML for machines
    #[arg(short, long, default_value = "text", env = "BPCTL_OUTPUT")]
    output: PlanFormat,
    /// Plan this blueprint only, or those of a pattern: `cart-*`; may be given more than once
    #[arg(short, long, value_name = "BLUEPRINT", env = "BPCTL_TARGET", value_delimiter = ',')]
    target: Vec<Target>,
    /// Plan blueprints only whose workload's manifest has these labels, as in `kubectl -l`: app=web,tier!=db or 'app in (web,api)'
    #[arg(short = 'l', long, value_name = "LABELS", env = "BPCTL_SELECTOR")]
    selector: Option<Selector>,
    /// Plan blueprints only whose files differ from this branch, tag or commit
    #[arg(long, value_name = "REF", env = "BPCTL_CHANGED_SINCE")]
    changed_since: Option<String>,
    /// Plan one of N parts of the blueprints, in the order of their names, for runs on one commit that share the work: 2/5
    #[arg(long, value_name = "I/N", env = "BPCTL_SHARD")]
    shard: Option<Shard>,
    /// Tell what this change, as merged into this branch, tag or commit, causes from what stood before it
    #[arg(long, value_name = "REF", env = "BPCTL_BASE_REF")]
    base: Option<String>,
    /// Ask the API server, by dry runs, what applying would change of what differs; needs the rights of templates/rbac/exact.yaml
    #[arg(long, env = "BPCTL_EXACT", value_parser = super::flag(), conflicts_with = "base")]
    exact: bool,
    /// Plan to keep what the cluster has of this blueprint, or of one field of it, instead of bringing it back: `frontend:LOG_LEVEL`;
    /// may be given more than once
    #[arg(long, value_name = "BLUEPRINT[:FIELD]", conflicts_with = "base")]
    adopt: Vec<AdoptRequest>,
    /// Exit with 3 when changes are planned, 4 when something needs approval, 5 when something is forbidden
    #[arg(long, env = "BPCTL_DETAILED_EXITCODE", value_parser = super::flag())]
    detailed_exitcode: bool,
    /// Also append the plan, as Markdown, to this file: a job's summary
    #[arg(long, value_name = "FILE", env = "BPCTL_SUMMARY")]
    summary: Option<PathBuf>,
    /// The page of the run, for the Markdown to point to
    #[arg(long, value_name = "URL", env = "BPCTL_RUN_URL")]
    run_url: Option<String>,
    /// Also write the plan, as JSON, to this file
    #[arg(long, value_name = "FILE", env = "BPCTL_PLAN_OUT")]
    out: Option<PathBuf>,
}

/// Formats of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PlanFormat {
    Text,
    Markdown,
    Json,
    Yaml,
}

/// Runs the command.
pub async fn run(global: &Global, args: &PlanArgs, output: &Output) -> Result<Exit, CommandError> {
    if let Some(file) = &args.out {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !runtime::is_folder(folder)) {
            let message = format!("couldn't write {}: there is no folder {}", file.display(), folder.display());
            return Err(CommandError::told(message, "make it first, or correct the path"));
        }
    }
    // A forge that is down hides nothing of the cluster.
    let session = session_with(global, SessionOptions { looks_only: true, ..SessionOptions::default() }).await?;
    let unanswered = session.forge.unanswered();
    if let Some(why) = unanswered {
        output.talk(&format!(
            "warning: {why}: rules are those that were fetched last, and what was done before is unknown, so that nothing is permitted"
        ));
    }
    if let Some((told, mend)) = session.forge.undecided() {
        output.talk(&format!("warning: {told}; {mend}"));
    }
    let options = PlanOptions {
        targets: args.target.clone(),
        selector: args.selector.clone(),
        changed_since: args.changed_since.clone(),
        shard: args.shard,
        base: args.base.clone(),
        exact: args.exact,
        adopt: args.adopt.clone(),
    };
    let planned = plan::plan(&session, args.environment.environment.as_deref(), &options).await?;
    let next = next(&planned, &args.adopt);
    let plan::Planned { plan, tree, notes, faults, spent, .. } = planned;
    // The process ends when all is said: to free ten thousand blueprints one by one would take longer than to tell of them.
    let (plan, _tree, _spent) = (&*ManuallyDrop::new(plan.told()), ManuallyDrop::new(tree), ManuallyDrop::new(spent));
    for note in &notes {
        output.talk(&format!("note: {note}"));
    }
    if let Some(first) = faults.first() {
        let more = if faults.len() > 1 { format!(" and {} more", faults.len() - 1) } else { String::new() };
        output.talk(&format!("warning: lint finds {}{more}; see `bpctl lint`", first.code));
    }
    let forge = session.forge.reading();
    let page = || {
        let line = |commit: &str, path: &RepoPath, line: usize| forge.line_url(commit, path, line);
        let run = args.run_url.as_deref();
        render::comment::page(plan, &Around { line: &line, run, whole: "`bpctl plan -o json`" })
    };
    match args.output {
        PlanFormat::Text => output.data(&render::text::plan(plan, next.as_deref())),
        PlanFormat::Markdown => output.data(&page()),
        PlanFormat::Json => output.json(plan),
        PlanFormat::Yaml => output.data(&yaml(plan)?),
    }
    if let Some(file) = &args.summary {
        runtime::append_file(file, page().as_bytes())
            .map_err(|source| CommandError::io(&format!("write {}", file.display()), source))?;
    }
    if let Some(file) = &args.out {
        let text =
            serde_json::to_vec_pretty(plan).map_err(|error| CommandError::told(error.to_string(), "this is a bug"))?;
        runtime::write_file(file, &text)
            .map_err(|source| CommandError::io(&format!("write {}", file.display()), source))?;
        output.talk(&format!("wrote {}", file.display()));
    }
    let unseen = if unanswered.is_some() { Exit::Error } else { Exit::Fine };
    Ok(exit(plan, args.detailed_exitcode).max(unseen))
}

fn yaml(plan: &Plan) -> Result<String, CommandError> {
    // Through JSON, so that both formats say the same.
    let value = serde_json::to_value(plan).map_err(|error| CommandError::told(error.to_string(), "this is a bug"))?;
    serde_yaml::to_string(&value).map_err(|error| CommandError::told(error.to_string(), "this is a bug"))
}

/// What follows from the plan, where that can be said in a line. It never promises what `apply` would not do.
fn next(planned: &plan::Planned, adopt: &[AdoptRequest]) -> Option<String> {
    let plan = &planned.plan;
    // `apply` looks at all blueprints as they stand on base: after a plan of some, or of a change, it would do something else.
    if plan.scope.is_some() || plan.causes.is_some() || plan.items().next().is_none() {
        return None;
    }
    let desired = &plan.desired;
    if desired.commit.as_ref() != Some(&desired.base_commit) {
        return Some(format!("apply does what stands on {}, not this", desired.base_branch));
    }
    let local = plan.tier == TierName::Prod && !planned.server_clock;
    // What somebody asked to adopt is proposed whatever pauses there are.
    let asked = |item: &PlanItem| matches!(item.action, Action::Adopt(_));
    let open = |item: &&PlanItem| (item.hold().is_none() || asked(item)) && !plan.is_controllers(item);
    let takes = |item: &PlanItem| match item.action {
        Action::Scale(_) | Action::Resize(_) | Action::Rollback(_) | Action::Adopt(_) => {
            item.verdict.tier != Tier::Forbidden
        }
        Action::Reconcile(_) | Action::Restart(_) => item.verdict.tier == Tier::Allowed && !local,
    };
    if plan.items().filter(open).any(takes) {
        let adopt = adopt.iter().map(|request| format!(" --adopt {}", render::shell(&request.to_string())));
        return Some(format!("next: bpctl apply --env {}{}", plan.environment, adopt.collect::<String>()));
    }
    let kept = local && plan.items().filter(open).any(|item| item.verdict.tier == Tier::Allowed);
    kept.then(|| "apply leaves it: a local clock permits nothing in production".into())
}

fn exit(plan: &Plan, detailed: bool) -> Exit {
    // Blind is not green: what could not be compared may be anything.
    let seen = if plan.is_blind() { Exit::Error } else { Exit::Fine };
    if !detailed || seen != Exit::Fine {
        return seen;
    }
    // Of a change: what it causes. What stood before is the schedule's to tell.
    let counts = plan.counts_of(plan.of_change());
    if counts.forbidden > 0 {
        Exit::Forbidden
    } else if counts.needs_approval > 0 || plan.for_persons(plan.of_change(), plan.findings_of_change()) > 0 {
        Exit::NeedsApproval
    } else if counts.allowed + counts.controller > 0 {
        Exit::Changes
    } else {
        Exit::Fine
    }
}
