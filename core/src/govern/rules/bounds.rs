//! Replica bounds (B6): within them `scale` is judged, beyond them a person is asked, and zero is refused with an alternative.

use super::{Outcome, Rule, RuleInput};
use crate::blueprint::{Operation, Tier};
use crate::govern::Touch;

/// `spec.scaling.min_replicas`, `max_replicas`.
pub struct Bounds;

impl Rule for Bounds {
    fn ident(&self) -> &'static str {
        "replica-bounds"
    }

    fn about(&self) -> &'static str {
        "Replicas beyond min_replicas or max_replicas need approval; zero, and what is no number of pods, is forbidden; min_replicas is the alternative"
    }

    fn cites(&self) -> &'static [&'static str] {
        &[
            "scaling.min_replicas",
            "scaling.max_replicas",
            "spec.scaling is missing",
            "spec.replicas is no number of pods",
        ]
    }

    fn check(&self, input: &RuleInput<'_>) -> Vec<Outcome> {
        let to = match input.subject.touch {
            Touch::Replicas { to } => to.unwrap_or(1),
            Touch::Reconcile { replicas: Some(to) } => to,
            _ => return Vec::new(),
        };
        let scaling = input.blueprint.value.spec.scaling.as_ref();
        let minimum = scaling.map_or(1, |scaling| scaling.min_replicas.max(1));
        let outcome = |tier, cite: String, because: String, alternative, keys: &[&str]| Outcome {
            tier: Some(tier),
            hold_until: None,
            hold_ends: None,
            unknown: None,
            cite,
            because,
            alternative,
            source: scaling.is_some().then(|| input.blueprint.span(keys)),
        };
        // The API server refuses it, or keeps 32 bits of it, which may be none at all.
        if i32::try_from(to).is_err() {
            return vec![Outcome {
                cite: "spec.replicas is no number of pods".into(),
                because:
                    "what is negative or no whole number the API server refuses, and of one above 2147483647 it keeps \
                          32 bits, which may be zero"
                        .into(),
                ..zero(minimum, scaling.map(|_| input.blueprint.span(&["spec", "scaling", "max_replicas"])))
            }];
        }
        let Some(bounds) = scaling else {
            return match input.operation {
                // No number of the blueprint forbids it, nor says how many it needs.
                Operation::ScaleToZero => vec![Outcome {
                    cite: "spec.scaling is missing".into(),
                    because: "zero replicas is an outage, with bounds for replicas or without".into(),
                    alternative: None,
                    ..zero(minimum, Some(input.blueprint.span(&["spec"])))
                }],
                Operation::ScaleBeyondLimits => vec![Outcome {
                    tier: Some(Tier::RequiresApproval),
                    hold_until: None,
                    hold_ends: None,
                    unknown: None,
                    cite: "spec.scaling is missing".into(),
                    because: "the blueprint sets no bounds for replicas".into(),
                    alternative: None,
                    source: Some(input.blueprint.span(&["spec"])),
                }],
                _ => Vec::new(),
            };
        };
        let (low, high) = (u64::from(bounds.min_replicas), u64::from(bounds.max_replicas));
        if to == 0 {
            return vec![zero(minimum, Some(input.blueprint.span(&["spec", "scaling", "min_replicas"])))];
        }
        // Going back to what stands on base is not judged by the bounds again.
        if matches!(input.subject.touch, Touch::Reconcile { .. }) {
            return Vec::new();
        }
        if to > high {
            let because = format!("{} more than the maximum of {high}", to - high);
            let cite = format!("scaling.max_replicas = {high}");
            let alternative = Some(format!("replicas = {high}"));
            return vec![outcome(
                Tier::RequiresApproval,
                cite,
                because,
                alternative,
                &["spec", "scaling", "max_replicas"],
            )];
        }
        if to < low {
            let because = format!("{} fewer than the minimum of {low}", low - to);
            let cite = format!("scaling.min_replicas = {low}");
            let alternative = Some(format!("replicas = {low}"));
            return vec![outcome(
                Tier::RequiresApproval,
                cite,
                because,
                alternative,
                &["spec", "scaling", "min_replicas"],
            )];
        }
        let cite = format!("scaling.min_replicas = {low}, max_replicas = {high}");
        vec![outcome(
            Tier::Allowed,
            cite,
            format!("within {low} to {high} replicas"),
            None,
            &["spec", "scaling", "max_replicas"],
        )]
    }
}

fn zero(minimum: u32, source: Option<crate::model::SourceSpan>) -> Outcome {
    Outcome {
        tier: Some(Tier::Forbidden),
        hold_until: None,
        hold_ends: None,
        unknown: None,
        cite: format!("scaling.min_replicas = {minimum}"),
        because: "zero replicas is an outage".into(),
        alternative: Some(format!("replicas = {minimum} (min_replicas)")),
        source,
    }
}
