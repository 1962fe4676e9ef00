//! A plan as text for a terminal. One screen for the usual case; colour only repeats what words say, so there is none here.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{back, because, change, provenance, sink, symbol, words};
use crate::action::Action;
use crate::blueprint::{Delivery, Tier};
use crate::decide::drift::FieldDrift;
use crate::decide::{FailedPod, Finding, MOMENTARY, Reported, UnknownFact};
use crate::model::{Name, Severity, Untrusted};
use crate::observe::ObservedFrom;
use crate::plan::{BlueprintPlan, Plan, PlanItem, Settled, Standing};

/// Most lines of one kind before the rest is only counted; `-o json` has all.
const MOST: usize = 20;

/// Renders a plan. `next`: what follows from it, where that can be said in a line.
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
        "{} · {} · {place} · observed {:.0}{} · base {}@{short}{desired}",
        plan.environment,
        words::blueprints(plan),
        plan.observed_at,
        words::exact(plan),
        plan.desired.base_branch
    );
    let unseen = words::unseen(plan);
    for unseen in &unseen {
        let _ = writeln!(out, "\nnot seen in the cluster: {}", unseen.why(sink::terminal));
        let _ = writeln!(out, "  of {}. No decision rests on it.\n  {}", unseen.what(), unseen.help(sink::terminal));
    }
    rules(&mut out, plan);
    for part in plan.blueprints.iter().filter(|part| !part.items.is_empty()) {
        blueprint(&mut out, plan, part);
    }
    settled(&mut out, plan);
    found(&mut out, plan);
    list(&mut out, "not proposed", plan, |part| {
        let told = part.not_proposed.iter().filter(|why| !why.because.contains(MOMENTARY));
        let why_not = told.map(|w| format!("{}: {}", w.what, w.because)).collect::<Vec<_>>();
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
    momentary(&mut out, plan);
    let is_told = |unknown: &UnknownFact| unseen.iter().any(|unseen| unseen.holds(unknown));
    let alike = alike(plan, is_told);
    list(&mut out, "unknown", plan, |part| {
        let line = |unknown| undecided(&words::unknown(unknown, sink::terminal));
        part.unknown
            .iter()
            .filter(|unknown| !is_told(unknown) && !alike.contains_key(&why(unknown)))
            .map(line)
            .collect()
    });
    for (why, facts) in &alike {
        let _ = writeln!(out, "\n{}", undecided(&format!("unknown of {}: {why}", words::of_whom(facts))));
    }
    summary(&mut out, plan, next);
    out
}

/// A change of the rules is judged by those of base, and said to be (X5).
fn rules(out: &mut String, plan: &Plan) {
    let Some(proposed) = &plan.proposed_rules else { return };
    let files: Vec<String> = proposed.files.iter().map(|file| sink::terminal(&Untrusted::new(file.as_str()))).collect();
    let base = &plan.desired.base_branch;
    let _ = writeln!(
        out,
        "\nthis change edits rules ({}): what stands here is the judgement of {base}; its own count once a person has merged them",
        words::listed(&files, 3)
    );
    let flips: Vec<_> = plan.items().filter_map(|item| Some((item, proposed.verdicts.get(&item.id)?))).collect();
    if flips.is_empty() {
        let _ = writeln!(out, "  by its own rules every verdict would be the same");
    }
    for (item, own) in flips.iter().take(MOST) {
        let (name, tier) = (item.action.blueprint(), item.verdict.tier);
        let action = item.action.name();
        let _ = writeln!(
            out,
            "  {name}  {action} {}: {tier}; its own rules say {}, by {}",
            change(item),
            own.tier,
            own.cite
        );
    }
    if flips.len() > MOST {
        let _ = writeln!(out, "  … and {} more (-o json has all)", flips.len() - MOST);
    }
}

fn blueprint(out: &mut String, plan: &Plan, part: &BlueprintPlan) {
    let _ = writeln!(out, "\n{:<58} {}", words::heading(part), part.manifest);
    for item in &part.items {
        let (verdict, rule) = match item.hold() {
            _ if plan.waits_for_sync(item) => ("for a person".to_owned(), ""),
            // No approval and no pause of bpctl's keeps a controller: what the rules say stands below.
            _ if plan.is_controllers(item) && item.verdict.tier != Tier::Allowed => ("the controller's".to_owned(), ""),
            Some(hold) => ("held".to_owned(), hold.rule.cite.as_str()),
            None => (item.verdict.tier.to_string(), item.verdict.principal().map_or("", |rule| rule.cite.as_str())),
        };
        let head = format!("{} {:<9} {}", symbol(item), item.action.name(), change(item));
        let _ = writeln!(out, "  {head:<55} {verdict:<15} {rule}");
        if !matches!(item.finding, Finding::Drift(_)) {
            line(out, &because(item));
        }
        let fields = words::fields(item);
        for (object, field) in fields.iter().take(MOST) {
            let object = object.as_ref().filter(|_| matches!(item.finding, Finding::Adopted { .. }));
            drifted(out, object, field);
        }
        if fields.len() > MOST {
            line(out, &format!("… and {} more fields (-o json has all)", fields.len() - MOST));
        }
        if let Some(told) = words::approximate(item, sink::terminal) {
            line(out, &told);
        }
        if let Finding::Failing(failing) = &item.finding {
            for pod in failing.pods.iter().take(MOST) {
                line(out, &sink::terminal(&Untrusted::new(FailedPod::told(pod))));
            }
            line(out, "all its pods are replaced, as its strategy says; Git is not changed");
        }
        for told in back::broken(item, sink::terminal) {
            line(out, &told);
        }
        for told in back::set_backs(item, sink::terminal).iter().take(MOST) {
            line(out, told);
        }
        for told in back::notes(item, sink::terminal) {
            line(out, &told);
        }
        if let Some(told) = plan.causes.as_ref().and_then(|causes| words::cause(causes, item)) {
            line(out, &told);
        }
        for place in provenance(item) {
            line(out, &format!("changes {place}"));
        }
        if matches!(item.action, Action::Adopt(_)) && plan.delivery == Delivery::Gitops {
            line(out, "delivery is gitops: the controller may bring the cluster back before this is merged");
        }
        consequence(out, plan, item);
    }
}

fn drifted(out: &mut String, object: Option<&String>, field: &FieldDrift) {
    let path = sink::terminal(&Untrusted::new(field.path.to_string()));
    let object = object.map_or_else(String::new, |object| format!("{object} "));
    let told = format!("{object}{path}: {}", words::difference(field, sink::terminal));
    line(out, &told);
    let unplaced = || field.unplaced.as_ref().map(|why| format!("no line to point to: {why}"));
    let at = words::place(field).or_else(unplaced);
    let by = words::writer(field, sink::terminal);
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
    if plan.is_delivered_by_others(item) {
        for told in words::delivered(plan, item) {
            line(out, &told);
        }
        return;
    }
    match item.verdict.tier {
        Tier::Allowed => {}
        Tier::RequiresApproval => {
            if let Some(rule) = rule {
                line(out, &rule_line(rule));
            }
            if let Some(alternative) = &item.verdict.alternative {
                line(out, &format!("nearest allowed: {alternative}"));
            }
            let approvers = &item.verdict.approvers;
            let who = if approvers.is_empty() { "anybody with write access".into() } else { approvers.join(", ") };
            let waits = item.verdict.timeout.filter(|_| proposes(&item.action));
            let waits = waits.map_or_else(String::new, |waits| format!(" · asked for {waits}, then closed"));
            let why = if item.verdict.justified { " · an approval has to say why" } else { "" };
            line(out, &format!("approvers: {}{waits}{why}", sink::terminal(&Untrusted::new(who))));
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

/// Whether a pull request carries it.
fn proposes(action: &Action) -> bool {
    !matches!(action, Action::Reconcile(_) | Action::Restart(_))
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

/// What is found, errors and warnings before notes. Each of those has its first line; what explains it is cut before it.
fn found(out: &mut String, plan: &Plan) {
    let told = |part: &BlueprintPlan, reported: &Reported| {
        let stood = plan.causes.as_ref().is_some_and(|causes| causes.stood(&part.name, reported));
        let stood = if stood { " (stood before this change)" } else { "" };
        let head = format!("{}: {}{stood}", words::severity(reported), sink::terminal(&reported.message));
        let events = reported.events.iter().map(|event| format!("  seen: {}", sink::terminal(event)));
        let help = reported.help.iter().map(|help| format!("  {}", sink::terminal(help)));
        // The sink leaves no line end in a line, so that they can be told apart again.
        [head].into_iter().chain(events).chain(help).collect::<Vec<_>>().join("\n")
    };
    let of = |is_note: bool| {
        let all = plan.blueprints.iter().flat_map(|part| part.findings.iter().map(move |reported| (part, reported)));
        let all = all.filter(|(_, reported)| (reported.severity == Severity::Info) == is_note);
        words::together(&all.map(|(part, reported)| (part.name.to_string(), told(part, reported))).collect::<Vec<_>>())
    };
    let (firm, notes) = (of(false), of(true));
    if firm.is_empty() && notes.is_empty() {
        return;
    }
    let _ = writeln!(out, "\nfound");
    let width = firm.iter().chain(&notes).map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut left = MOST.saturating_sub(firm.len());
    let mut cut = 0;
    for (number, (name, told)) in firm.iter().chain(&notes).enumerate() {
        for (at, line) in told.lines().enumerate() {
            let stands = number < firm.len() && at == 0;
            if !stands && left == 0 {
                cut += 1;
                continue;
            }
            left -= usize::from(!stands);
            let _ = writeln!(out, "  {name:<width$}  {line}");
        }
    }
    if cut > 0 {
        let _ = writeln!(out, "  … and {cut} more {} (-o json has all)", if cut == 1 { "line" } else { "lines" });
    }
}

fn list(out: &mut String, title: &str, plan: &Plan, lines: impl Fn(&BlueprintPlan) -> Vec<String>) {
    let all: Vec<(String, String)> =
        plan.blueprints.iter().flat_map(|part| lines(part).into_iter().map(|l| (part.name.to_string(), l))).collect();
    if all.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{title}");
    let all = words::together(&all);
    let width = all.iter().take(MOST).map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, told) in all.iter().take(MOST) {
        let _ = writeln!(out, "  {name:<width$}  {told}");
    }
    if all.len() > MOST {
        let _ = writeln!(out, "  … and {} more (-o json has all)", all.len() - MOST);
    }
}

/// What is the same for every workload without a Prometheus is said once.
fn momentary(out: &mut String, plan: &Plan) {
    let needs = |part: &BlueprintPlan| {
        part.not_proposed.iter().find_map(|why| Some(why.because.split_once(MOMENTARY)?.1.to_owned()))
    };
    let parts = plan.blueprints.iter().filter_map(|part| Some((&part.name, needs(part)?)));
    let (names, needs): (Vec<_>, Vec<String>) = parts.unzip();
    if let Some(needs) = needs.first() {
        let names = words::listed(&names, 3);
        let _ = writeln!(out, "\nusage of {names} is known of this moment only, by metrics.k8s.io: {needs}");
    }
}

/// What is not known ends as a sentence, also where it is a question.
fn undecided(told: &str) -> String {
    let end = if told.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{told}{end} No decision rests on it.")
}

/// Why something is unknown, as it is shown.
fn why(unknown: &UnknownFact) -> String {
    let said = unknown.why.detail.as_ref().map_or_else(String::new, |said| format!(" ({})", sink::terminal(said)));
    format!("{}{said}", unknown.why.message)
}

/// What more than two decisions lack for one reason, or two workloads are not compared for: that is said once, at the end.
fn alike(plan: &Plan, is_told: impl Fn(&UnknownFact) -> bool) -> BTreeMap<String, Vec<(&Name, &UnknownFact)>> {
    let mut all: BTreeMap<String, Vec<(&Name, &UnknownFact)>> = BTreeMap::new();
    for part in &plan.blueprints {
        for unknown in part.unknown.iter().filter(|unknown| !is_told(unknown)) {
            all.entry(why(unknown)).or_default().push((&part.name, unknown));
        }
    }
    all.retain(|_, facts| facts.len() > 2 || (facts.len() == 2 && facts.iter().all(|(_, unknown)| unknown.uncompared)));
    all
}

/// What the change settles: it would be to do without it.
fn settled(out: &mut String, plan: &Plan) {
    let Some(causes) = &plan.causes else { return };
    gone(out, "settled by this change", &causes.settled);
    if !causes.mended.is_empty() {
        let _ = writeln!(out, "\nmended by this change");
        for Standing { blueprint, reported } in causes.mended.iter().take(MOST) {
            let message = sink::terminal(&reported.message);
            let _ = writeln!(out, "  {blueprint}  {}: {message}", words::severity(reported));
        }
    }
    if !causes.config.is_empty() {
        let _ = writeln!(out, "\nvalues that this change makes others");
        for change in causes.config.iter().take(MOST) {
            let _ = writeln!(out, "  {}  {}", change.blueprint, words::config(change, sink::terminal));
        }
        if causes.config.len() > MOST {
            let _ = writeln!(out, "  … and {} more (-o json has all)", causes.config.len() - MOST);
        }
    }
    gone(
        out,
        "persists, not planned any more, and not settled: refused, not seen, not governed, or forbidden now",
        &causes.lost,
    );
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
    // As the exit code goes by it: what stood before a change is told above, and is the schedule's.
    let of_change = plan.causes.is_some();
    let counts = plan.counts_of(plan.of_change());
    let parts = [
        (counts.allowed, "allowed"),
        (counts.needs_approval, "needs approval"),
        (counts.forbidden, "forbidden"),
        (counts.held, "held"),
        (counts.controller, "for the controller"),
        (plan.for_persons(plan.of_change(), plan.findings_of_change()), "for a person"),
    ];
    let about = if of_change { "of the change: " } else { "" };
    let told: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let _ = writeln!(out);
    if let Some(causes) = &plan.causes {
        let _ = writeln!(out, "{}", words::causes(causes, plan));
        let _ = writeln!(out, "whether the change itself may be merged is judged on its pull request: bpctl judge");
    }
    if told.is_empty() && of_change && (plan.items().next().is_some() || plan.findings().next().is_some()) {
        let _ = writeln!(out, "{about}nothing{}", words::id(plan, "        "));
    } else if told.is_empty() {
        let _ = writeln!(out, "{}", words::nothing(plan));
    } else {
        let next = next.map_or_else(String::new, |next| format!("   {next}"));
        let _ = writeln!(out, "{about}{}{}{next}", told.join(" · "), words::id(plan, "        "));
    }
    if let Some(uncompared) = words::uncompared(plan) {
        let _ = writeln!(out, "{uncompared}");
    }
}
