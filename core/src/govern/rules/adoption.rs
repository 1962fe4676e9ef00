//! What is proposed for adoption into Git is not brought back meanwhile (X8): an apply would write over what approvers are looking at. So
//! nothing else is merged that would have to be applied, but what goes back.

use super::{Outcome, Rule, RuleInput};
use crate::blueprint::Delivery;
use crate::govern::{Touch, Undoes};
use crate::observe::{Known, OpenAdoption};

/// An open adoption of the object's fields.
pub struct Adoption;

impl Rule for Adoption {
    fn ident(&self) -> &'static str {
        "adoption"
    }

    fn about(&self) -> &'static str {
        "While the adoption of fields is proposed, their object is not brought back, and nothing else of the blueprint is merged"
    }

    fn cites(&self) -> &'static [&'static str] {
        &["adoption"]
    }

    fn check(&self, input: &RuleInput<'_>) -> Vec<Outcome> {
        let RuleInput { subject, facts, .. } = input;
        let place = input.catalog.workspace.value.environments.get(input.environment);
        let direct = place.is_some_and(|place| place.delivery == Delivery::Direct);
        if !direct || subject.adopts {
            return Vec::new();
        }
        let open = match (&subject.touch, facts.adoptions(&subject.blueprint)) {
            (Touch::Restart { .. } | Touch::Adopt, _) => return Vec::new(),
            (Touch::Reconcile { .. }, Known::Unknown(unknown)) => {
                return vec![hold(None, Some(unknown.message), "whether its adoption is proposed is not known".into())];
            }
            (Touch::Reconcile { .. }, Known::Known(open)) => open.iter().find(|open| is_left(input, open)),
            // What goes back is more than what is kept.
            _ if subject.undoes != Undoes::Nothing => None,
            // What would be merged now would not reach the cluster, and fail its verification. Where the forge does not answer, the
            // history is not known either, and holds it.
            (_, open) => open.known().and_then(|open| open.first()),
        };
        if let Some(OpenAdoption { pull, .. }) = open {
            return vec![hold(
                Some(format!("#{pull} is merged or closed")),
                None,
                format!("adoption is proposed in #{pull}"),
            )];
        }
        let changes = !matches!(subject.touch, Touch::Reconcile { .. }) && subject.undoes == Undoes::Nothing;
        if changes && facts.asked(&subject.blueprint).is_some() {
            return vec![hold(Some("that is merged or closed".into()), None, "its adoption is asked for".into())];
        }
        Vec::new()
    }
}

/// Whether an object is left as it is for an adoption: it is of its fields, and nothing went back in Git since, which has to be delivered.
fn is_left(input: &RuleInput<'_>, open: &OpenAdoption) -> bool {
    let back = input.facts.history(&input.subject.blueprint).known().is_some_and(|history| {
        history.iter().any(|past| past.is_rollback() && !past.foreign && past.merged_at > open.opened_at)
    });
    !back && open.objects.as_ref().is_none_or(|objects| objects.contains(&input.subject.object))
}

fn hold(ends: Option<String>, unknown: Option<String>, because: String) -> Outcome {
    Outcome {
        tier: None,
        hold_until: None,
        hold_ends: ends,
        unknown,
        cite: "adoption".into(),
        because,
        alternative: None,
        source: None,
    }
}
