//! The pause between operations on one workload: at least 60 s, from the forge's merge times and the cluster's own clock (B11, X6). The
//! operation that a rollback takes back does not hold it: what it broke would wait for nothing.

use serde_json::Value as Json;

use super::{Outcome, Rule, RuleInput};
use crate::govern::{Touch, Undoes};
use crate::model::{Period, Timestamp};
use crate::observe::{Known, PastRestart};

/// `spec.scaling.cooldown` and the policies' `limits.cooldown`; the longest wins.
pub struct Cooldown;

/// No rule can make the pause shorter.
const LEAST: Period = Period::from_secs(60);

/// The field manager that bpctl applies as.
pub const FIELD_MANAGER: &str = "bpctl";

impl Rule for Cooldown {
    fn ident(&self) -> &'static str {
        "cooldown"
    }

    fn about(&self) -> &'static str {
        "A pause of at least 60s between operations on one workload; times are the forge's and the cluster's"
    }

    fn cites(&self) -> &'static [&'static str] {
        &["cooldown"]
    }

    fn check(&self, input: &RuleInput<'_>) -> Vec<Outcome> {
        let (cooldown, source) = longest(input);
        let (last, what) = match last_operation(input) {
            Ok(Some(last)) => last,
            Ok(None) => return Vec::new(),
            Err(why) => {
                return vec![Outcome {
                    tier: None,
                    hold_until: None,
                    hold_ends: None,
                    unknown: Some(why),
                    cite: format!("cooldown = {cooldown}"),
                    because: "the time of the last operation is unknown".into(),
                    alternative: None,
                    source,
                }];
            }
        };
        let until = cooldown.after(last);
        if until <= input.facts.now() {
            return Vec::new();
        }
        vec![Outcome {
            tier: None,
            hold_until: Some(until),
            hold_ends: None,
            unknown: None,
            cite: format!("cooldown = {cooldown}"),
            because: format!("last operation: {what}"),
            alternative: None,
            source,
        }]
    }
}

fn longest(input: &RuleInput<'_>) -> (Period, Option<crate::model::SourceSpan>) {
    let mut longest = (LEAST, None);
    if let Some(scaling) = &input.blueprint.value.spec.scaling
        && scaling.cooldown > longest.0
    {
        longest = (scaling.cooldown, Some(input.blueprint.span(&["spec", "scaling", "cooldown"])));
    }
    let metadata = &input.blueprint.value.metadata;
    for policy in input.catalog.policies.values() {
        if let Some(cooldown) = policy.value.limits.cooldown
            && policy.value.applies_to.matches(input.tier, &metadata.owner, &metadata.name)
            && cooldown > longest.0
        {
            longest = (cooldown, Some(policy.span(&["limits", "cooldown"])));
        }
    }
    longest
}

/// The last operation, and how to name it.
fn last_operation(input: &RuleInput<'_>) -> Result<Option<(Timestamp, String)>, String> {
    let history = match input.facts.history(&input.subject.blueprint) {
        Known::Known(history) => history,
        Known::Unknown(unknown) => return Err(unknown.message),
    };
    let undone = |commit: &str| matches!(&input.subject.undoes, Undoes::Commit(undone) if undone == commit);
    let counted = history.iter().filter(|operation| !undone(&operation.commit));
    let merged = counted.map(|operation| (operation.merged_at, operation.pull)).max();
    let live = match input.facts.object(&input.blueprint.value.spec.target.object()) {
        Known::Known(live) => live,
        Known::Unknown(unknown) => return Err(unknown.message),
    };
    let restarted = live.and_then(|live| PastRestart::of(live, input.facts.cluster_now())?.at);
    let restarted = restarted.map(|at| (at, format!("restarted {at:.0}")));
    let applied = live.and_then(|live| last_apply(&live.body)).map(|at| (at, format!("applied {at:.0}")));
    let told = merged.map(|(at, pull)| (at, format!("#{pull}, merged {at:.0}")));
    Ok(match input.subject.touch {
        // Delivering what was merged is part of that operation; a second delivery without a merge between is a new one. The cluster
        // gives whole seconds.
        Touch::Reconcile { .. } => {
            let after = |(at, _): &(Timestamp, String)| merged.is_none_or(|(m, _)| m.as_second() <= at.as_second());
            applied.filter(after).max(restarted.filter(after))
        }
        Touch::Restart { .. } => told.max(applied).max(restarted),
        _ => told.max(restarted),
    })
}

/// When bpctl last applied the object, by the cluster's clock.
pub fn last_apply(object: &Json) -> Option<Timestamp> {
    let entries = object.pointer("/metadata/managedFields")?.as_array()?;
    entries
        .iter()
        .filter(|entry| entry.get("manager").and_then(Json::as_str) == Some(FIELD_MANAGER))
        .filter_map(|entry| entry.get("time")?.as_str()?.parse().ok())
        .max()
}
