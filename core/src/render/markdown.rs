//! A plan as Markdown for a pull request's comment or a job's summary: verdict, counts, table, details, hash.

use std::fmt::Write as _;

use super::{because, change, sink, symbol, words};
use crate::blueprint::Tier;
use crate::decide::UnknownFact;
use crate::model::Untrusted;
use crate::plan::{Cause, Plan, PlanItem};

/// GitHub refuses comments over 65,536 characters; the rest is for markers and later growth.
const BUDGET: usize = 60_000;

/// Renders a plan. Never over the budget: what does not fit is counted, and the full plan is said to be in `-o json`.
pub fn plan(plan: &Plan) -> String {
    let counts = plan.counts();
    let verdict = if counts.forbidden > 0 {
        "forbidden"
    } else if counts.needs_approval > 0 {
        "needs approval"
    } else if plan.needs_person() {
        "needs a person"
    } else if plan.is_blind() {
        "not all could be compared"
    } else if counts.allowed > 0 {
        "allowed"
    } else if counts.controller > 0 {
        "for the controller"
    } else if counts.held > 0 {
        "held for now"
    } else {
        "nothing to do"
    };
    let mut out = format!("### bpctl · {} — {verdict}\n", plan.environment);
    let plural = |n: usize| if n == 1 { "" } else { "s" };
    let _ = writeln!(
        out,
        "**{} allowed · {} need{} approval · {} forbidden**{}{}\n",
        counts.allowed,
        counts.needs_approval,
        if counts.needs_approval == 1 { "s" } else { "" },
        counts.forbidden,
        if counts.held > 0 { format!(" · {} held for now", counts.held) } else { String::new() },
        if counts.controller > 0 { format!(" · {} for the controller", counts.controller) } else { String::new() }
    );
    if let Some(uncompared) = words::uncompared(plan) {
        let _ = writeln!(out, "**{uncompared}**\n");
    }
    let unseen = words::unseen(plan);
    for unseen in &unseen {
        let (why, what) = (unseen.why(sink::markdown), sink::markdown(&Untrusted::new(unseen.what())));
        let _ = writeln!(out, "**Not seen in the cluster:** {why}, of {what}. {}\n", unseen.help(sink::markdown));
    }
    if let Some(scope) = &plan.scope {
        let asked = sink::markdown(&Untrusted::new(scope.asked.join(" ")));
        let _ = writeln!(out, "Of {} blueprints only {}: {asked}\n", scope.of, plan.blueprints.len());
    }
    if let Some(causes) = &plan.causes {
        let told = words::causes(causes, plan).replace('\n', "; ");
        let _ = writeln!(
            out,
            "{told}\n\nThese are deliveries and proposals; whether the change itself may be merged is judged on its pull request.\n",
        );
    }
    if plan.items().next().is_some() {
        out.push_str("| | workload | change | verdict | because |\n|---|---|---|---|---|\n");
    }
    let mut left = 0;
    for part in &plan.blueprints {
        for item in &part.items {
            let before = plan.causes.as_ref().is_some_and(|causes| *causes.get(item) == Cause::Before);
            let row = row(part.name.as_str(), item, before);
            if out.len() + row.len() < BUDGET / 2 {
                out.push_str(&row);
            } else {
                left += 1;
            }
        }
    }
    if left > 0 {
        let _ = writeln!(out, "\n… and {left} more action{}; the full plan is `bpctl plan -o json`.", plural(left));
    }
    details(&mut out, "Drifted fields", drift_lines(plan));
    found(&mut out, plan);
    details(&mut out, "What goes back", back_lines(plan));
    details(&mut out, "Not proposed, and until when", not_proposed(plan));
    details(&mut out, "Unknown", unknown(plan, &unseen));
    let short = plan.desired.base_commit.get(..7).unwrap_or(&plan.desired.base_commit);
    let _ = writeln!(
        out,
        "\n<sub>judged by {}@{short}{} · observed {:.0}{}</sub>",
        plan.desired.base_branch,
        words::id(plan, " · "),
        plan.observed_at,
        words::exact(plan)
    );
    out
}

fn row(name: &str, item: &PlanItem, before: bool) -> String {
    let verdict = match (item.hold(), item.verdict.tier) {
        (Some(hold), _) => format!("held: {}", sink::markdown(&Untrusted::new(&hold.rule.cite))),
        (None, Tier::Allowed) => "allowed".into(),
        (None, tier) => format!("**{tier}**"),
    };
    let rule = item.verdict.principal().map_or_else(String::new, |rule| {
        let place = rule.source.as_ref().map_or_else(String::new, |span| format!(" ({}:{})", span.file, span.line));
        format!(" · {}", sink::markdown(&Untrusted::new(format!("{}{place}", rule.cite))))
    });
    format!(
        "| {} | `{name}` | {} {} | {verdict} | {}{}{rule} |\n",
        symbol(item),
        item.action.name(),
        change(item),
        if before { "stood before this change · " } else { "" },
        because(item)
    )
}

fn drift_lines(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for part in &plan.blueprints {
        for item in &part.items {
            for (object, field) in words::fields(item) {
                let by = words::writer(field, sink::markdown).map_or_else(String::new, |by| format!(", {by}"));
                let companion = object.map_or_else(String::new, |object| format!("{object} "));
                lines.push(format!(
                    "- `{}` {companion}{}: {}{by}",
                    part.name,
                    sink::markdown(&Untrusted::new(field.path.to_string())),
                    words::difference(field, sink::markdown)
                ));
            }
            let told = words::approximate(item, sink::markdown).into_iter().chain(words::frozen(item));
            lines.extend(told.map(|told| format!("- `{}` {}: {told}", part.name, item.action.workload())));
        }
    }
    lines
}

fn back_lines(plan: &Plan) -> Vec<String> {
    let told = |item: &PlanItem| {
        let blueprint = item.action.blueprint().clone();
        let lines = words::broken(item, sink::markdown).into_iter().chain(words::set_backs(item, sink::markdown));
        lines.map(move |line| format!("- `{blueprint}` {line}")).collect::<Vec<_>>()
    };
    plan.items().flat_map(told).collect()
}

/// What no action answers stands open, not folded: it waits for a person.
fn found(out: &mut String, plan: &Plan) {
    let mut left = 0;
    for (number, (name, reported)) in plan.findings().enumerate() {
        let help: Vec<String> = reported.help.iter().map(sink::markdown).collect();
        let help = if help.is_empty() { String::new() } else { format!(" — {}", help.join(", ")) };
        let severity = words::severity(reported);
        let seen = reported.events.iter().map(|event| format!("  - seen: {}\n", sink::markdown(event)));
        let seen = seen.collect::<String>();
        let row = format!("- `{name}` {severity}: {}{help}\n{seen}", sink::markdown(&reported.message));
        if out.len() + row.len() > BUDGET / 2 {
            left += 1;
            continue;
        }
        if number == 0 {
            out.push_str("\n**Found**\n\n");
        }
        out.push_str(&row);
    }
    if left > 0 {
        let _ = writeln!(out, "\n… and {left} more findings; all are in `bpctl plan -o json`.");
    }
}

fn not_proposed(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for part in &plan.blueprints {
        for item in &part.items {
            if let Some(hold) = item.hold() {
                let until = hold.until();
                lines.push(format!("- `{}` {} {until}: {}", part.name, item.action.name(), hold.rule.because));
            }
        }
        lines.extend(part.not_proposed.iter().map(|why| format!("- `{}` {}: {}", part.name, why.what, why.because)));
    }
    lines
}

fn unknown(plan: &Plan, unseen: &[words::Unseen<'_>]) -> Vec<String> {
    let mut lines = Vec::new();
    for part in &plan.blueprints {
        let line = |unknown| format!("- `{}` {}", words::heading(part), words::unknown(unknown, sink::markdown));
        let other = |unknown: &&UnknownFact| !unseen.iter().any(|unseen| unseen.holds(unknown));
        lines.extend(part.unknown.iter().filter(other).map(line));
    }
    lines
}

fn details(out: &mut String, title: &str, lines: Vec<String>) {
    if lines.is_empty() {
        return;
    }
    let _ = write!(out, "\n<details><summary>{title}</summary>\n\n");
    let total = lines.len();
    for (shown, line) in lines.into_iter().enumerate() {
        if out.len() + line.len() + 200 > BUDGET {
            let _ = writeln!(out, "- … and {} more", total - shown);
            break;
        }
        let _ = writeln!(out, "{line}");
    }
    out.push_str("\n</details>\n");
}
