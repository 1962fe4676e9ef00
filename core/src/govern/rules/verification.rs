//! While it is open what an operation brought, no other one changes the workload: what is measured would be of both (B13, B16). Another may
//! follow once usage and levels have settled, and ends the watch over whether they stay.

use super::{Outcome, Rule, RuleInput};
use crate::govern::{Touch, Undoes};
use crate::model::Period;
use crate::observe::{Known, PastOperation};
use crate::verify::{Spans, Targets, is_verified};

/// The windows up to `verification.settled`.
pub struct OpenVerification;

impl Rule for OpenVerification {
    fn ident(&self) -> &'static str {
        "verification"
    }

    fn about(&self) -> &'static str {
        "No operation follows another before it is known what that one brought; its own rollback may"
    }

    fn cites(&self) -> &'static [&'static str] {
        &["verification.settled", "verification.ready"]
    }

    fn check(&self, input: &RuleInput<'_>) -> Vec<Outcome> {
        let changes_it = !matches!(
            input.subject.touch,
            // Delivering is part of the operation, and pods that fail are an answer already.
            Touch::Reconcile { .. }
                | Touch::Restart { .. }
                | Touch::ReplicaBound
                | Touch::RequestMaximum
                | Touch::Governance
        );
        let place = input.catalog.workspace.value.environments.get(input.environment);
        // On a recording nothing is verified. Where the history is unknown, the cooldown says so, and holds.
        let (Some(place), Known::Known(history)) = (place, input.facts.history(&input.subject.blueprint)) else {
            return Vec::new();
        };
        let open = |past: &&PastOperation| past.outcome.is_none() && !past.rewritten;
        let last = history.iter().rfind(|past| is_verified(past)).filter(open);
        let Some(last) = last.filter(|_| changes_it && place.cluster.snapshot.is_none()) else { return Vec::new() };
        if matches!(&input.subject.undoes, Undoes::Commit(undone) if *undone == last.commit) {
            return Vec::new();
        }
        let windows = &input.catalog.workspace.value.verification;
        let measured = Targets::of(&input.blueprint.value.spec, place).is_ok();
        let lag = if measured { Targets::lag(place) } else { Period::from_millis(0) };
        let spans = Spans::of(windows, place.delivery, last.began(), lag);
        let (until, window) = if measured { (spans.settled(), "settled") } else { (spans.ready_by, "ready") };
        if until <= input.facts.now() {
            return Vec::new();
        }
        let (name, pull) = (&last.operation, last.pull);
        vec![Outcome {
            tier: None,
            hold_until: Some(until),
            hold_ends: None,
            unknown: None,
            cite: format!("verification.{window}"),
            because: format!("what {name} #{pull} (merged {:.0}) brought is not known yet", last.merged_at),
            alternative: None,
            source: None,
        }]
    }
}
