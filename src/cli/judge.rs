//! `bpctl judge`.

use std::collections::BTreeMap;

use bpctl_core::blueprint::Tier;
use bpctl_core::govern::{Decision, PullJudgement};
use bpctl_core::observe::{CheckConclusion, PullState};
use bpctl_core::render::{self, sink};
use clap::Args;

use super::{CommandError, EnvironmentArgs, Format, Global, Output, session};
use crate::pipeline::{
    Effects, PipelineError, base_tree, connect_cluster, observe, plan, pulls, render_rules, work_tree_workspace,
};
use crate::runtime::Exit;

/// Arguments of `judge`.
#[derive(Debug, Args)]
pub struct JudgeArgs {
    /// The pull request's number
    number: u64,
    #[command(flatten)]
    environment: EnvironmentArgs,
    /// Text for people, or JSON
    #[arg(short, long, default_value = "text", env = "BPCTL_OUTPUT")]
    output: Format,
    /// Write the verdict as the check `bpctl/verdict` on the pull request
    #[arg(long, env = "BPCTL_POST", value_parser = super::flag())]
    post: bool,
}

/// Runs the command.
pub async fn run(global: &Global, args: &JudgeArgs, output: &Output) -> Result<Exit, CommandError> {
    let session = session(global).await?;
    let workspace = work_tree_workspace(&session.repository)?;
    let environment = plan::choose_environment(&workspace, args.environment.environment.as_deref())?;
    let forge = session.forge.reading();
    let failed = PipelineError::from;
    let tip = forge.base_tip().await.map_err(failed)?;
    let (files, rules) = base_tree(&session.repository, &tip)?;
    plan::whole(rules.get())?;
    let rules = render_rules(rules, &files, std::slice::from_ref(&environment)).await;
    let place = plan::place(rules.get(), &environment)?;
    let cluster = connect_cluster(place, session.repository.work_tree()).await?;
    let observed = observe(&environment, place, &[rules.get()], &cluster, &session.repository, forge).await?;
    let facts = forge.pull(args.number).await.map_err(failed)?;
    let state = facts.state.clone();
    let observations = BTreeMap::from([(environment, observed.observation)]);
    let mut judged = pulls::judge_one(&session, &tip, &files, &rules, facts, &observations).await?;
    if args.post {
        let effects = Effects::new(session.forge.writing()?, None, false);
        if let Decision::Withhold(withheld) = judged.decide() {
            effects.withhold(withheld).await?;
        }
        let marks = pulls::marks_of(&session, &tip, &rules, &judged).await;
        effects.set_verdict(&judged, &marks).await?;
    }
    match args.output {
        Format::Json => output.json(&judged),
        Format::Text => output.data(&text(&forge.pull_url(args.number), &judged, &state)),
    }
    Ok(if judged.conclusion == CheckConclusion::Success { Exit::Fine } else { Exit::Found })
}

fn text(url: &str, judged: &PullJudgement, state: &PullState) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    // What was merged is base's own by now: there is nothing left of it to judge.
    if let PullState::Merged { at, commit, .. } = state {
        let commit = commit.get(..7).unwrap_or_default();
        return format!("{url} · merged as {commit} at {at:.0}: it changes nothing any more\n");
    }
    let short = judged.judged_by.get(..7).unwrap_or_default();
    // Its changes may be allowed, and it not fit to be merged as it is: then the check waits too.
    let held = judged.tier == Tier::Allowed && judged.conclusion != CheckConclusion::Success;
    let tier = if held { format!("{}, held", judged.tier) } else { judged.tier.to_string() };
    let _ = writeln!(out, "{url} · {tier} · judged by {short} · changes {}\n", judged.changes.short());
    let several = judged.verdicts.iter().any(|verdict| verdict.environment != judged.verdicts[0].environment);
    let width = judged.verdicts.iter().map(|verdict| verdict.blueprint.as_str().len()).max().unwrap_or_default();
    for verdict in &judged.verdicts {
        let place = if several { format!(" in {}", verdict.environment) } else { String::new() };
        let rule = verdict.verdict.principal();
        let cite = rule.map_or("", |rule| rule.cite.as_str());
        let _ = writeln!(
            out,
            "  {:<14} {:<width$}  {}{place}  [{cite}]",
            verdict.verdict.tier.to_string(),
            verdict.blueprint,
            render::changed(&verdict.change)
        );
        for line in &verdict.verdict.overrides {
            let _ = writeln!(out, "  {:<14} {line}", "");
        }
        for line in &verdict.verdict.impact {
            let _ = writeln!(out, "  {:<14} impact: {line}", "");
        }
        if let Some(alternative) = &verdict.verdict.alternative {
            let _ = writeln!(out, "  {:<14} instead: {alternative}", "");
        }
    }
    if !judged.reviews.is_empty() {
        let _ = writeln!(out, "\nreviews");
    }
    for review in &judged.reviews {
        let state = match review.state {
            bpctl_core::observe::ReviewState::Approved => "approved",
            bpctl_core::observe::ReviewState::ChangesRequested => "asks for changes",
            bpctl_core::observe::ReviewState::Commented => "commented",
            bpctl_core::observe::ReviewState::Dismissed => "dismissed",
        };
        let counts = review.refused.as_ref().map_or_else(|| "counts".into(), |why| format!("does not count: {why}"));
        let why = review.justification.as_ref().map(|why| format!(" — {}", sink::terminal(why))).unwrap_or_default();
        let _ = writeln!(out, "  {:<14} {state}, {counts}{why}", sink::terminal(&review.reviewer.login));
    }
    let _ = match judged.blockers.as_slice() {
        [] => writeln!(out, "\nbpctl may merge it"),
        blockers => {
            let _ = writeln!(out, "\nbpctl does not merge it");
            for blocker in blockers {
                let _ = writeln!(out, "  {}", blocker.because);
            }
            Ok(())
        }
    };
    out
}
