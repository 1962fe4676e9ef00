//! What is proposed for adoption into Git is not brought back meanwhile (X8): an apply would write over what approvers are looking at.

use super::{Outcome, Rule, RuleInput};
use crate::blueprint::Delivery;
use crate::govern::Touch;
use crate::observe::Known;

/// An open adoption of the object's fields.
pub struct Adoption;

impl Rule for Adoption {
    fn ident(&self) -> &'static str {
        "adoption"
    }

    fn about(&self) -> &'static str {
        "While the adoption of an object's fields is proposed, the object is not brought back"
    }

    fn check(&self, input: &RuleInput<'_>) -> Vec<Outcome> {
        let place = input.catalog.workspace.value.environments.get(input.environment);
        let direct = place.is_some_and(|place| place.delivery == Delivery::Direct);
        if !direct || !matches!(input.subject.touch, Touch::Reconcile { .. }) {
            return Vec::new();
        }
        let hold = |ends: Option<String>, unknown: Option<String>, because: String| Outcome {
            tier: None,
            hold_until: None,
            hold_ends: ends,
            unknown,
            cite: "adoption".into(),
            because,
            alternative: None,
            source: None,
        };
        match input.facts.adoptions(&input.subject.blueprint) {
            Known::Unknown(unknown) => {
                vec![hold(None, Some(unknown.message), "whether its adoption is proposed is not known".into())]
            }
            Known::Known(open) => {
                let mine = open.iter().find(|adoption| {
                    adoption.objects.as_ref().is_none_or(|objects| objects.contains(&input.subject.object))
                });
                let told = |pull: u64| {
                    hold(Some(format!("#{pull} is merged or closed")), None, format!("adoption is proposed in #{pull}"))
                };
                mine.map(|adoption| told(adoption.pull)).into_iter().collect()
            }
        }
    }
}
