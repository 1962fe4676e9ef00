//! A plan as text for a terminal. One screen for the usual case; colour only repeats what words say, so there is none here.

use std::fmt::Write as _;

use super::{because, change, provenance, sink, symbol, words};
use crate::blueprint::{Delivery, Tier};
use crate::decide::drift::FieldDrift;
use crate::decide::{FailedPod, Finding, Reported};
use crate::model::Untrusted;
use crate::observe::ObservedFrom;
use crate::plan::{BlueprintPlan, Plan, PlanItem, Settled};

/// Most lines of one kind before the rest is only counted; `-o json` has all.
const MOST: usize = 20;

/// Renders a plan. `next` is the command to type next, where there is one.
pub fn plan(plan: &Plan, next: Option<&str>) -> String {
    let mut out = String::new();
    let place = match &plan.from {
        ObservedFrom::Live { context, version } => {
            format!(
                "cluster {} ({})",
                sink::terminal(&Untrusted::new(context)),
                sink::terminal(&Untrusted::new(version))
            )
        }
        ObservedFrom::Snapshot { folder, version } => {
            format!("recorded cluster {folder} ({})", sink::terminal(&Untrusted::new(version)))
        }
    };
    let short = plan.desired.base_commit.get(..7).unwrap_or(&plan.desired.base_commit);
    let desired = match &plan.desired.commit {
        None => " · planned: the work tree, with uncommitted changes".to_owned(),
        Some(commit) if *commit != plan.desired.base_commit => {
            format!(" · planned: {}", commit.get(..7).unwrap_or(commit))
        }
        Some(_) => String::new(),
    };
    let _ = writeln!(
        out,
        "{} · {} · {place} · observed {:.0} · base {}@{short}{desired}",
        plan.environment,
        words::blueprints(plan),
        plan.observed_at,
        plan.desired.base_branch
    );
    for part in plan.blueprints.iter().filter(|part| !part.items.is_empty()) {
        blueprint(&mut out, plan, part);
    }
    settled(&mut out, plan);
    list(&mut out, "found", plan, |part| {
        let told = |reported: &Reported| {
            let head = format!("{}: {}", words::severity(reported), sink::terminal(&reported.message));
            let help = reported.help.iter().map(|help| format!("  {}", sink::terminal(help)));
            let events = reported.events.iter().map(|event| format!("  seen: {}", sink::terminal(event)));
            [head].into_iter().chain(events).chain(help).collect::<Vec<_>>()
        };
        part.findings.iter().flat_map(told).collect()
    });
    list(&mut out, "not proposed", plan, |part| {
        let why_not = part.not_proposed.iter().map(|w| format!("{}: {}", w.what, w.because)).collect::<Vec<_>>();
        let held = part.items.iter().filter_map(|item| {
            let hold = item.hold()?;
            let until = hold.until();
            Some(format!(
                "{} ({}): {} {until} — {}",
                item.action.name(),
                change(item),
                hold.rule.cite,
                hold.rule.because
            ))
        });
        held.chain(why_not).collect()
    });
    list(&mut out, "unknown", plan, |part| {
        let line = |unknown: &crate::decide::UnknownFact| {
            let said = unknown.why.detail.as_ref().map_or_else(String::new, |d| format!(" ({})", sink::terminal(d)));
            format!("{}: {}{said}. No decision rests on it.", unknown.what, unknown.why.message)
        };
        part.unknown.iter().map(line).collect()
    });
    summary(&mut out, plan, next);
    out
}

fn blueprint(out: &mut String, plan: &Plan, part: &BlueprintPlan) {
    let _ = writeln!(out, "\n{:<58} {}", words::heading(part), part.manifest);
    for item in &part.items {
        let (verdict, rule) = match item.hold() {
            Some(hold) => ("held".to_owned(), hold.rule.cite.as_str()),
            None => (item.verdict.tier.to_string(), item.verdict.principal().map_or("", |rule| rule.cite.as_str())),
        };
        let head = format!("{} {:<9} {}", symbol(item), item.action.name(), change(item));
        let _ = writeln!(out, "  {head:<55} {verdict:<15} {rule}");
        if !matches!(item.finding, Finding::Drift(_)) {
            line(out, &because(item));
        }
        let fields = words::fields(item);
        for field in fields.iter().take(MOST) {
            drifted(out, field);
        }
        if fields.len() > MOST {
            line(out, &format!("… and {} more fields (-o json has all)", fields.len() - MOST));
        }
        if let Some((why, said)) = words::approximate(item) {
            let said = said.map_or_else(String::new, |said| format!(" ({})", sink::terminal(said)));
            line(out, &format!("approximate: {why}{said}"));
        }
        if let Finding::Failing(failing) = &item.finding {
            for pod in failing.pods.iter().take(MOST) {
                line(out, &sink::terminal(&Untrusted::new(FailedPod::told(pod))));
            }
            line(out, "all its pods are replaced, as its strategy says; Git is not changed");
        }
        if let Some(told) = plan.causes.as_ref().and_then(|causes| words::cause(causes, item)) {
            line(out, &told);
        }
        for place in provenance(item) {
            line(out, &format!("changes {place}"));
        }
        consequence(out, plan, item);
    }
}

fn drifted(out: &mut String, field: &FieldDrift) {
    let path = sink::terminal(&Untrusted::new(field.path.to_string()));
    let told = format!("{path}: {}", words::difference(field, sink::terminal));
    line(out, &told);
    let unplaced = || field.unplaced.as_ref().map(|why| format!("no line to point to: {why}"));
    let at = field.span.as_ref().map(|span| format!("declared at {span}")).or_else(unplaced);
    let by = field.by.as_ref().map(|by| {
        let when = by.at.map_or_else(String::new, |at| format!(" at {at:.0}"));
        let how = by.subresource.as_ref().map_or_else(String::new, |s| format!(" ({} subresource)", sink::terminal(s)));
        let sure = if by.exact { "" } else { " (or another manager)" };
        format!("written by {}{how}{when}{sure}", sink::terminal(&by.manager))
    });
    let told: Vec<String> = by.into_iter().chain(at).collect();
    if !told.is_empty() {
        line(out, &format!("  {}", told.join(" · ")));
    }
}

fn consequence(out: &mut String, plan: &Plan, item: &PlanItem) {
    for over in &item.verdict.overrides {
        line(out, over);
    }
    let rule = item.verdict.principal();
    match item.verdict.tier {
        Tier::Allowed => {
            if matches!(item.action, crate::action::Action::Reconcile(_)) && plan.delivery == Delivery::Gitops {
                line(out, "delivery is gitops: the controller brings it back, bpctl writes nothing");
            }
        }
        Tier::RequiresApproval => {
            if let Some(rule) = rule {
                line(out, &rule_line(rule));
            }
            if let Some(alternative) = &item.verdict.alternative {
                line(out, &format!("nearest allowed: {alternative}"));
            }
            let approvers = &item.verdict.approvers;
            let who = if approvers.is_empty() { "anybody with write access".into() } else { approvers.join(", ") };
            line(out, &format!("approvers: {}", sink::terminal(&Untrusted::new(who))));
        }
        Tier::Forbidden => {
            if let Some(rule) = rule {
                line(out, &rule_line(rule));
            }
            if let Some(alternative) = &item.verdict.alternative {
                line(out, &format!("instead: {alternative}"));
            }
        }
    }
}

fn rule_line(rule: &crate::govern::RuleRef) -> String {
    match &rule.source {
        Some(span) => format!("{} ({span})", rule.because),
        None => rule.because.clone(),
    }
}

fn line(out: &mut String, text: &str) {
    let _ = writeln!(out, "              {text}");
}

fn list(out: &mut String, title: &str, plan: &Plan, lines: impl Fn(&BlueprintPlan) -> Vec<String>) {
    let all: Vec<(String, String)> =
        plan.blueprints.iter().flat_map(|part| lines(part).into_iter().map(|l| (part.name.to_string(), l))).collect();
    if all.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{title}");
    let all = together(&all);
    let width = all.iter().take(MOST).map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, told) in all.iter().take(MOST) {
        let _ = writeln!(out, "  {name:<width$}  {told}");
    }
    if all.len() > MOST {
        let _ = writeln!(out, "  … and {} more (-o json has all)", all.len() - MOST);
    }
}

/// The same line of many blueprints is one line.
fn together(all: &[(String, String)]) -> Vec<(String, String)> {
    let mut names: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for (_, line) in all {
        *names.entry(line).or_default() += 1;
    }
    let common: Vec<(String, usize)> =
        names.into_iter().filter(|(_, count)| *count > 3).map(|(line, count)| (line.to_owned(), count)).collect();
    let first = common.iter().map(|(line, count)| (format!("{count} blueprints"), line.clone()));
    let rest = all.iter().filter(|(_, line)| !common.iter().any(|(known, _)| known == line)).cloned();
    first.chain(rest).collect()
}

/// What the change settles: it would be to do without it.
fn settled(out: &mut String, plan: &Plan) {
    let Some(causes) = &plan.causes else { return };
    gone(out, "settled by this change", &causes.settled);
    gone(out, "not planned any more, and not settled: not seen, not governed, or forbidden now", &causes.lost);
}

fn gone(out: &mut String, title: &str, settled: &[Settled]) {
    if settled.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{title}");
    for Settled { blueprint, item } in settled.iter().take(MOST) {
        let _ = writeln!(out, "  {blueprint}  {} {}", item.action.name(), change(item));
    }
    if settled.len() > MOST {
        let _ = writeln!(out, "  … and {} more (-o json has all)", settled.len() - MOST);
    }
}

fn summary(out: &mut String, plan: &Plan, next: Option<&str>) {
    let counts = plan.counts();
    let parts = [
        (counts.allowed, "allowed"),
        (counts.needs_approval, "needs approval"),
        (counts.forbidden, "forbidden"),
        (counts.held, "held"),
        (plan.findings().filter(|(_, reported)| reported.needs_person).count(), "for a person"),
    ];
    let told: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let _ = writeln!(out);
    if let Some(causes) = &plan.causes {
        let _ = writeln!(out, "{}", words::causes(causes));
        let _ = writeln!(out, "whether the change itself may be merged is judged on its pull request: bpctl judge");
    }
    if told.is_empty() {
        let caveat = match &plan.scope {
            Some(_) if plan.blueprints.is_empty() => ": no blueprint was selected",
            _ if plan.has_unknown() => ", as far as could be seen",
            _ => "",
        };
        let _ = writeln!(out, "nothing to do{caveat}        plan {}", plan.hash.short());
        return;
    }
    let next = next.map_or_else(String::new, |next| format!("   next: {next}"));
    let _ = writeln!(out, "{}        plan {}{next}", told.join(" · "), plan.hash.short());
}
