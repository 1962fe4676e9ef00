//! While a change of the pod template waits for its delivery, nothing is scaled or sized (B6, B7, B8): what pods use was measured of another template,
//! and what is merged now would be delivered together with that change, and stand before it where the pods fail.

use super::drift::{DriftKind, FieldDrift, delivers};
use super::{Detected, Finding, WhyNot};
use crate::action::{Action, ActionType, Resize, Scale};
use crate::model::{At, ObjectRef};
use crate::observe::LiveObject;

/// Takes back what would follow such a change before it is delivered.
pub(super) fn wait(target: &ObjectRef, live: Option<&LiveObject>, detected: &mut Detected) {
    // Where nothing says who wrote what, nobody wrote it for all that is known.
    let told = live.and_then(|live| live.body.at("/metadata/managedFields")?.as_array());
    if told.is_none_or(Vec::is_empty) {
        return;
    }
    let waits = detected.findings.iter().find_map(|(finding, _)| match finding {
        Finding::Drift(drift) if drift.object == *target => drift.fields.iter().find(|field| is_undelivered(field)),
        _ => None,
    });
    let Some(field) = waits.map(|field| field.path.clone()) else { return };
    let field = crate::render::sink::terminal(&crate::model::Untrusted::new(field.to_string()));
    let because = format!(
        "Git has another pod template ({field}) than the cluster, and it is not delivered yet: that is settled first"
    );
    detected.findings.retain(|(_, action)| {
        let what = match action {
            Some(Action::Scale(_)) => Scale::NAME,
            Some(Action::Resize(_)) => Resize::NAME,
            _ => return true,
        };
        detected.why_not.push(WhyNot::new(what, because.clone()));
        false
    });
}

/// Whether the cluster has what was delivered last, and Git says something else by now. What others wrote into the cluster is drift, and waits for
/// nothing.
fn is_undelivered(field: &FieldDrift) -> bool {
    let of_git = match field.kind {
        DriftKind::PendingRemoval => true,
        DriftKind::Changed => field.by.as_ref().is_some_and(delivers),
        // What was never there was taken away by nobody.
        DriftKind::Missing => field.by.as_ref().is_none_or(delivers),
        DriftKind::Order | DriftKind::Admission => false,
    };
    of_git && field.path.starts_with_keys(&["spec", "template"])
}
