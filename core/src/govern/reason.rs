//! Whether what a proposal of bpctl's own was made for is still there: a merge rests on the facts of its own pass, not on those of the pass that
//! opened it (R6).

use super::Touch;
use super::pull::Blocker;
use crate::action::{Action, ActionType, Resize, Scale};
use crate::blueprint::Catalog;
use crate::decide::{Detected, decide};
use crate::model::{Name, Trusted};
use crate::observe::Recorder;

/// What keeps a proposal to scale or resize from being merged: it would not be made today, or the other way. `None`: it would, or it is
/// another operation, which people asked for or approve by what they see.
pub(super) fn gone(
    rules: &Trusted<Catalog>,
    (environment, blueprint, operation): (&Name, &Name, &str),
    touches: &[Touch],
    facts: Option<&Recorder<'_>>,
) -> Option<Blocker> {
    if ![Scale::NAME, Resize::NAME].contains(&operation) {
        return None;
    }
    let block = |because: String| Some(Blocker { code: "reason-gone".into(), because });
    let Some(facts) = facts else { return block(format!("nobody looked whether {environment} still needs it")) };
    let detected = decide(rules.get(), blueprint, environment, facts);
    let mut actions = detected.findings.iter().filter_map(|(_, action)| action.as_ref());
    match actions.find(|action| action.name() == operation) {
        None => block(format!("it would not be proposed now: {}", why(&detected, operation))),
        Some(Action::Scale(scale)) => {
            let same = touches.iter().any(|touch| *touch == Touch::Replicas { to: Some(scale.to.into()) });
            if same { None } else { block(format!("by now it would be {} replicas", scale.to)) }
        }
        Some(Action::Resize(resize)) => {
            let requests = touches.iter().flat_map(|touch| match touch {
                Touch::Requests(requests) => requests.as_slice(),
                _ => &[],
            });
            // Usage never stands still: another amount the same way is the same reason.
            let mut other = requests.filter(|request| {
                let now = resize.requests.iter();
                !now.filter(|now| now.container == request.container && now.resource == request.resource)
                    .any(|now| Some(now.to.cmp(&now.from)) == request.to.as_ref().map(|to| to.cmp(&now.from)))
            });
            let other = other.next()?;
            block(format!("the {} request of {} would not be changed that way now", other.resource, other.container))
        }
        Some(_) => None,
    }
}

/// Why an operation is not proposed, as the plan says it.
fn why(detected: &Detected, operation: &str) -> String {
    let about = |what: &str| what == operation || (operation == Resize::NAME && what.contains("request"));
    let told = detected.why_not.iter().find(|not| about(&not.what)).map(|not| not.because.clone());
    let unknown =
        || detected.unknown.first().map(|unknown| format!("{} is unknown: {}", unknown.what, unknown.why.message));
    told.or_else(unknown).unwrap_or_else(|| "nothing that is seen asks for it".into())
}
