//! Title, body and commit message of a proposal.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::{back, because, change, provenance, sink, words};
use crate::action::Action;
use crate::blueprint::{Delivery, Tier};
use crate::model::{Name, Untrusted};
use crate::plan::{Plan, PlanItem};
use crate::propose::Change;

/// `scale frontend: replicas 2 → 3 (staging)`.
pub fn title(plan: &Plan, item: &PlanItem) -> String {
    format!("{} {}: {} ({})", item.action.name(), item.action.blueprint(), change(item), plan.environment)
}

/// The same of what is merged, by its changes alone: no text of the pull request's goes in.
pub fn landed<'c>(
    environment: &Name,
    blueprint: &Name,
    operation: &str,
    changes: impl Iterator<Item = &'c Change>,
) -> String {
    let shown = |value: &Option<Json>| match value {
        None => "nothing".to_owned(),
        Some(Json::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let told = |change: &Change| match change.told() {
        Change::Field(change) => {
            let field = change.field.short();
            let field = field.strip_prefix("spec.").unwrap_or(&field);
            Some(format!("{field} {} → {}", shown(&change.from), shown(&change.to)))
        }
        Change::Object(_) | Change::Opaque(_) => None,
    };
    // The same change may be judged by several blueprints.
    let all: Vec<Option<String>> = changes.map(told).collect();
    let what = match all.first() {
        Some(Some(only)) if all.iter().all(|other| other.as_ref() == Some(only)) => only.clone(),
        _ => super::count(all.len(), "change"),
    };
    format!("{operation} {blueprint}: {what} ({environment})")
}

/// The pull request's body: what, why, who may, what happens next; then the evidence.
pub fn body(plan: &Plan, item: &PlanItem) -> String {
    let mut out = format!("**{}** — {}\n\n", change(item), because(item));
    let tier = item.verdict.tier;
    // An adoption changes nothing of the cluster that could be verified.
    let then = if matches!(item.action, Action::Adopt(_)) { "bpctl merges it" } else { "bpctl merges and verifies it" };
    let approvers = &item.verdict.approvers;
    let next = match tier {
        Tier::Allowed => {
            "Within the blueprint's rules: bpctl merges it and verifies what lands. Close it to say no.".to_owned()
        }
        Tier::RequiresApproval if approvers.is_empty() => {
            format!("It needs an approving review by a person with write access; then {then}. Close it to say no.")
        }
        Tier::RequiresApproval => format!(
            "It needs an approving review by {}; then {then}. Close it to say no.",
            sink::markdown(&Untrusted::new(approvers.join(", ")))
        ),
        Tier::Forbidden => "It is forbidden and is not merged.".into(),
    };
    let _ = writeln!(out, "**{tier}.** {next}\n");
    if matches!(item.action, Action::Adopt(_)) {
        let meanwhile = match plan.delivery {
            Delivery::Direct => {
                "While it is open bpctl leaves the cluster as it is; once it is closed, what Git declares is brought back."
            }
            Delivery::Gitops => "bpctl does not keep the controller from bringing the cluster back meanwhile.",
        };
        let _ = writeln!(out, "{meanwhile}\n");
    }
    out.push_str("| | |\n|---|---|\n");
    let mut row = |what: &str, text: String| {
        let _ = writeln!(out, "| {what} | {text} |");
    };
    row("environment", format!("`{}` ({})", plan.environment, plan.tier));
    row("blueprint", format!("`{}`", item.action.blueprint()));
    row(
        "workload",
        sink::markdown(&Untrusted::new(format!("{} in {}", item.action.workload(), item.action.workload().namespace))),
    );
    for told in back::broken(item, sink::markdown) {
        row("why", told);
    }
    for told in back::set_backs(item, sink::markdown) {
        row("goes back", told);
    }
    for told in back::notes(item, sink::markdown) {
        row("note", told);
    }
    for told in words::adopted(item, sink::markdown) {
        row("takes", told);
    }
    for place in provenance(item) {
        row("changes", sink::markdown(&Untrusted::new(place)));
    }
    for rule in &item.verdict.rules {
        let place = rule.source.as_ref().map_or_else(String::new, |span| format!(" at {span}"));
        row("rule", format!("{} — {}", sink::markdown(&Untrusted::new(format!("{}{place}", rule.cite))), rule.because));
    }
    if let Some(timeout) = item.verdict.timeout {
        row(
            "waits",
            format!("{timeout} for an approval, from when it was opened or changed last; then bpctl closes it"),
        );
    }
    if item.verdict.justified {
        row("asks", "an approval has to say why".into());
    }
    if let Some(alternative) = &item.verdict.alternative {
        row("nearest allowed", alternative.clone());
    }
    row("observed", format!("{:.0}", plan.observed_at));
    let short = plan.desired.base_commit.get(..7).unwrap_or(&plan.desired.base_commit);
    let _ = write!(
        out,
        "\n<sub>judged by {}@{short} · action {} · decision logic {}</sub>\n",
        plan.desired.base_branch,
        item.id.short(),
        plan.logic
    );
    out
}

/// The commit's message. Trailers are for people; no verdict rests on them.
pub fn commit_message(plan: &Plan, item: &PlanItem, title: &str) -> String {
    let rule = item.verdict.principal().map_or_else(String::new, |rule| rule.cite.clone());
    format!(
        "{}\n\n{}.\n\nBpctl-Action: {}\nBpctl-Environment: {}\nBpctl-Rule: {}\n",
        sink::commit_title(&Untrusted::new(title)),
        because(item),
        item.id,
        plan.environment,
        sink::commit(&Untrusted::new(rule))
    )
}
