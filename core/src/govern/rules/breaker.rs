//! The circuit breaker (B11, X6): after a number of failed operations in a row a workload's operations are held. Outcomes are the checks on
//! merge commits; what resets it is a success, or a person's change of the blueprint on the base branch. No state of its own is kept.

use super::{Outcome, Rule, RuleInput};
use crate::observe::{CheckConclusion, Known, PastOperation};

/// `limits.breaker`.
pub struct Breaker;

impl Rule for Breaker {
    fn ident(&self) -> &'static str {
        "breaker"
    }

    fn about(&self) -> &'static str {
        "After limits.breaker failed operations in a row (3) nothing is done until a person changes the blueprint"
    }

    fn check(&self, input: &RuleInput<'_>) -> Vec<Outcome> {
        // An unknown history holds everything already: the cooldown says so.
        let Known::Known(history) = input.facts.history(&input.subject.blueprint) else { return Vec::new() };
        let (limit, source) = input.catalog.breaker(input.tier, &input.blueprint.value.metadata);
        let failed = failed_in_a_row(history);
        if u32::try_from(failed.len()).is_ok_and(|failed| failed < limit) {
            return Vec::new();
        }
        let told: Vec<String> = failed.iter().rev().map(|o| format!("{} #{}", o.operation, o.pull)).collect();
        vec![Outcome {
            tier: None,
            hold_until: None,
            hold_ends: Some("a person's change of the blueprint is merged".into()),
            unknown: None,
            cite: format!("limits.breaker = {limit}"),
            because: if told.is_empty() {
                "no failure is let pass".into()
            } else {
                format!("failed one after another: {}", told.join(", "))
            },
            alternative: None,
            source,
        }]
    }
}

/// The failed operations since the last success or reset, newest first. What was never verified, or could not be, is passed over: it
/// neither counts nor resets.
fn failed_in_a_row(history: &[PastOperation]) -> Vec<&PastOperation> {
    let mut failed = Vec::new();
    for operation in history.iter().rev() {
        match operation.outcome {
            _ if operation.reset_by.is_some() => break,
            Some(CheckConclusion::Success) => break,
            Some(CheckConclusion::Failure) => failed.push(operation),
            Some(CheckConclusion::Pending | CheckConclusion::Neutral) | None => {}
        }
    }
    failed
}
