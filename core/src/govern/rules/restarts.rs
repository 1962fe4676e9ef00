//! Restarts (B8), judged by what the pods show and never by what a detector says of them: a pod failed, fewer restarts than the blueprint's
//! limit, the pause after the last one is over, and the last one was not in vain.

use super::{Outcome, Rule, RuleInput};
use crate::blueprint::Tier;
use crate::decide::{Recovery, RecoveryInput, recovery};
use crate::govern::Touch;
use crate::observe::Known;
use crate::render::count;

/// `spec.reliability.max_restart_count`.
pub struct Restarts;

impl Rule for Restarts {
    fn ident(&self) -> &'static str {
        "restarts"
    }

    fn about(&self) -> &'static str {
        "Failed pods are restarted fewer times than max_restart_count, with growing pauses; further, and where none failed, with approval"
    }

    fn cites(&self) -> &'static [&'static str] {
        &["reliability.max_restart_count", "spec.reliability.max_restart_count", "pause between restarts"]
    }

    fn check(&self, input: &RuleInput<'_>) -> Vec<Outcome> {
        let Touch::Restart { .. } = &input.subject.touch else { return Vec::new() };
        let max = input.blueprint.value.spec.reliability.max_restart_count;
        let keys = ["spec", "reliability", "max_restart_count"];
        let cite = match max {
            Some(max) => format!("reliability.max_restart_count = {max}"),
            None => "spec.reliability.max_restart_count is missing".into(),
        };
        let source = Some(input.blueprint.span(if max.is_some() { &keys } else { &keys[..1] }));
        let outcome = |tier, because: String| Outcome {
            tier: Some(tier),
            hold_until: None,
            hold_ends: None,
            unknown: None,
            cite: cite.clone(),
            because,
            alternative: None,
            source: source.clone(),
        };
        let unseen = |why: String| {
            vec![Outcome {
                tier: None,
                unknown: Some(why),
                ..outcome(Tier::Allowed, "how its pods are is not known".into())
            }]
        };
        let live = match input.facts.object(&input.subject.object) {
            Known::Known(Some(live)) => live,
            Known::Known(None) => return unseen("it is not in the cluster".into()),
            Known::Unknown(unknown) => return unseen(unknown.message),
        };
        let pods = match input.facts.pods(&input.subject.object) {
            Known::Known(pods) => pods,
            Known::Unknown(unknown) => return unseen(unknown.message),
        };
        let asked = RecoveryInput::new(max, input.catalog, input.facts);
        match recovery(&asked, live, pods) {
            Recovery::Healthy => vec![outcome(Tier::RequiresApproval, "none of its pods failed".into())],
            Recovery::Waits(because) => {
                vec![Outcome { tier: None, ..outcome(Tier::Allowed, because) }]
            }
            Recovery::Person { because, .. } => vec![outcome(Tier::RequiresApproval, because)],
            Recovery::Restart { failing, not_before } => {
                let within = format!("{} of {} so far", failing.restarts, count(max.unwrap_or(0), "restart"));
                let mut outcomes = vec![outcome(Tier::Allowed, within)];
                outcomes.extend(not_before.map(|until| Outcome {
                    tier: None,
                    hold_until: Some(until),
                    hold_ends: None,
                    cite: "pause between restarts".into(),
                    ..outcome(
                        Tier::Allowed,
                        format!("{} by bpctl so far, and each pause is twice the one before", failing.by_bpctl),
                    )
                }));
                outcomes
            }
        }
    }
}
