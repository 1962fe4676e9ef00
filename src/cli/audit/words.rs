//! Entries in words, one line each.

use bpctl_core::action::Action;
use bpctl_core::govern::ReviewJudgement;
use bpctl_core::ledger::{Entry, Event};
use bpctl_core::model::Untrusted;
use bpctl_core::render::{self, sink};
use bpctl_core::verify::VerifyReport;

/// How many fields a line names.
const NAMED: usize = 3;

/// The ledger's branch can be written by others: its text is outside text.
pub(super) fn shown(text: &str) -> String {
    sink::terminal(&Untrusted::new(text))
}

fn short(commit: &str) -> String {
    shown(commit.get(..7).unwrap_or(commit))
}

/// One line an entry: when, what it is of, what happened, the end of its id.
pub(super) fn table<E>(entries: &[Entry<E>]) -> String {
    let width = entries.iter().map(|entry| entry.blueprint.as_str().len()).max().unwrap_or(0);
    let line = |e: &Entry<E>| {
        format!(
            "{:.0}  {:<width$}  {:<9}  {}  [{}]",
            e.at,
            e.blueprint,
            e.event.name(),
            told(&e.event),
            shown(e.id.short())
        )
    };
    entries.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A head line and a line an entry, by RFC 4180.
pub(super) fn csv<E>(entries: &[Entry<E>]) -> String {
    let mut text = "at,environment,blueprint,event,verdict,actors,correlation,id,text\r\n".to_owned();
    for entry in entries {
        let verdict = match &entry.event {
            Event::Decided { verdict, .. } if !verdict.holds.is_empty() => format!("{}, held", verdict.tier),
            Event::Decided { verdict, .. } => verdict.tier.to_string(),
            _ => String::new(),
        };
        let cells = [
            format!("{:.0}", entry.at),
            entry.environment.to_string(),
            entry.blueprint.to_string(),
            entry.event.name().to_owned(),
            verdict,
            entry.event.actors().join(" "),
            entry.correlation.to_string(),
            entry.id.to_string(),
            told(&entry.event),
        ];
        text += &cells.map(|cell| quoted(&cell)).join(",");
        text += "\r\n";
    }
    text
}

/// A cell; one that a spreadsheet would run as a formula is text.
fn quoted(cell: &str) -> String {
    let safe = shown(cell);
    let formula = safe.starts_with(['=', '+', '-', '@']);
    format!("\"{}{}\"", if formula { "'" } else { "" }, safe.replace('"', "\"\""))
}

/// What happened, in one line.
pub(super) fn told(event: &Event) -> String {
    match event {
        Event::Decided { action, summary, verdict, version, .. } => {
            let rule = verdict.principal().map_or("", |rule| rule.cite.as_str());
            let held =
                verdict.holds.first().map_or_else(String::new, |hold| format!(", held by {}", shown(&hold.rule.cite)));
            let what = fields(action).map_or_else(|| shown(summary), |fields| format!("{}: {fields}", action.name()));
            format!("{what} — {}{held} by {} (blueprint {})", verdict.tier, shown(rule), shown(version))
        }
        Event::Proposed { pull, head } => format!("#{pull} at {}", short(head)),
        Event::Merged { pull, commit, reviews, by: merger, .. } => {
            let said = |review: &ReviewJudgement| {
                let why = review.justification.as_ref().map(|why| format!(" ({})", sink::terminal(why)));
                sink::terminal(&review.reviewer.login) + &why.unwrap_or_default()
            };
            let by: Vec<String> = reviews.iter().filter(|review| review.approves()).map(said).collect();
            // What bpctl merged had what its rules ask for; a machine may be the forge's own queue, to which bpctl gave it.
            let by_hand = merger.as_ref().is_some_and(|who| !who.bot);
            let approved = match by.is_empty() {
                false => format!(", approved by {}", by.join(", ")),
                true if by_hand => ", without an approval that counts".into(),
                true => String::new(),
            };
            let merger = merger.as_ref().map_or_else(String::new, |who| format!(" by {}", sink::terminal(&who.login)));
            let by_hand = if by_hand { ", not by bpctl" } else { "" };
            format!("#{pull} as {}{merger}{by_hand}{approved}", short(commit))
        }
        Event::Declined { pull, by, reason } => {
            let by = by.as_ref().map_or_else(|| "a person".into(), |by| sink::terminal(&by.login));
            let why = reason.as_ref().map_or_else(String::new, |reason| format!(": {}", sink::terminal(reason)));
            format!("#{pull} was closed by {by}{why}")
        }
        Event::Expired { pull } => format!("#{pull}: nobody approved it in time"),
        Event::Applied { summary, base, .. } if base.is_empty() => shown(summary),
        Event::Applied { summary, base, .. } => format!("{} (base {})", shown(summary), short(base)),
        Event::Failed { commit, attempt, because } => {
            format!("delivery of {}, attempt {attempt}: {}", short(commit), sink::terminal(because))
        }
        // The event's own name stands before it.
        Event::Restarted { summary, .. } => shown(summary.strip_prefix("restarted ").unwrap_or(summary)),
        Event::Recovered { request, report } => {
            format!("restart {}: {} ({})", shown(request), report.outcome, checks(report))
        }
        Event::Verified { pull, report, .. } => format!("#{pull}: {} ({})", report.outcome, checks(report)),
        Event::Alerted { cause, over: true, .. } => format!("{}: over", cause.words()),
        Event::Alerted { cause, told, .. } => format!("{}: {}", cause.words(), shown(told)),
    }
}

/// The fields that go back, named; `None`: the summary says it.
fn fields(action: &Action) -> Option<String> {
    let Action::Reconcile(reconcile) = action else { return None };
    let object = shown(&reconcile.workload.to_string());
    if reconcile.uid.is_none() {
        return Some(format!("create {object}"));
    }
    let field = |field: &bpctl_core::action::RevertedField| {
        let name = shown(&field.field.to_string());
        let (from, to) = render::values(field.from.as_ref(), field.to.as_ref());
        format!("{name} {} → {}", sink::terminal(&from), sink::terminal(&to))
    };
    let mut named: Vec<String> = reconcile.fields.iter().take(NAMED).map(field).collect();
    let more = reconcile.fields.len().saturating_sub(NAMED);
    if more > 0 {
        named.push(format!("{more} more"));
    }
    Some(format!("{object} {}", named.join(", ")))
}

fn checks(report: &VerifyReport) -> String {
    let checks: Vec<String> =
        report.checks.iter().map(|c| format!("{}: {}", shown(&c.window), shown(&c.evidence))).collect();
    checks.join("; ")
}
