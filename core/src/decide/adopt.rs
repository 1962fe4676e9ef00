//! Adoption (X8): of drifted fields that somebody asked to keep as the cluster has them, the answer is an edit of Git and not of the
//! cluster. All that was asked of one blueprint, or nothing of it.

use std::collections::BTreeSet;

use super::{Detected, DriftFinding, Finding, WhyNot};
use crate::action::{Action, Adopt, AdoptedField, Reconcile};
use crate::blueprint::{Blueprint, Delivery};
use crate::model::{FieldPath, Untrusted};
use crate::render::listed;
use crate::render::sink::terminal;
use crate::yaml::nearest;

/// Answers the drift that is asked for (`asked`; none: all of it) by taking it into Git.
pub(super) fn adopt(blueprint: &Blueprint, delivery: Option<Delivery>, asked: &[String], detected: &mut Detected) {
    if let Err(because) = answer(blueprint, delivery, asked, detected) {
        detected.why_not.push(WhyNot::new("adopt", because));
    }
}

fn answer(
    blueprint: &Blueprint,
    delivery: Option<Delivery>,
    asked: &[String],
    detected: &mut Detected,
) -> Result<(), String> {
    let drifted = || {
        detected.findings.iter().filter_map(|(finding, action)| match (finding, action) {
            (Finding::Drift(drift), Some(Action::Reconcile(_))) => Some(drift),
            _ => None,
        })
    };
    let paths: Vec<&FieldPath> = drifted().flat_map(|drift| &drift.fields).map(|field| &field.path).collect();
    let wanted = wanted(&paths, asked).map_err(|why| elsewhere(detected, &why))?;
    let absent = detected.findings.iter().find_map(|(finding, _)| match finding {
        Finding::Absent { object, .. } if asked.is_empty() => Some(object),
        _ => None,
    });
    if let Some(object) = absent {
        return Err(format!("Git declares {object} and the cluster does not have it: take its manifest out by hand"));
    }
    let mut drifts = Vec::new();
    let mut fields = Vec::new();
    let mut waits = Vec::new();
    let mut position = None;
    let mut kept = Vec::new();
    for (finding, action) in std::mem::take(&mut detected.findings) {
        let (Finding::Drift(drift), Some(Action::Reconcile(reconcile))) = (&finding, &action) else {
            kept.push((finding, action));
            continue;
        };
        let (taken, left): (Vec<_>, Vec<_>) =
            drift.fields.iter().cloned().partition(|field| wanted.contains(&field.path));
        if taken.is_empty() {
            kept.push((finding, action));
            continue;
        }
        position.get_or_insert(kept.len());
        fields.extend(taken.iter().map(|field| AdoptedField {
            object: drift.object.clone(),
            field: field.path.clone(),
            from: field.declared.clone(),
            to: field.live.clone(),
        }));
        drifts.push(DriftFinding { fields: taken, ..drift.clone() });
        if left.is_empty() {
            continue;
        }
        if delivery == Some(Delivery::Direct) {
            waits.push(drift.object.to_string());
            continue;
        }
        let stays = |field: &FieldPath| left.iter().any(|left| left.path == *field);
        let mut rest = reconcile.fields.clone();
        rest.retain(|reverted| stays(&reverted.field));
        let rest = Action::Reconcile(Reconcile { fields: rest, ..reconcile.clone() });
        kept.push((Finding::Drift(DriftFinding { fields: left, ..drift.clone() }), Some(rest)));
    }
    let action = Adopt {
        version: 1,
        blueprint: blueprint.metadata.name.clone(),
        workload: blueprint.spec.target.object(),
        fields,
    };
    kept.insert(position.unwrap_or(0), (Finding::Adopted { drifts }, Some(Action::Adopt(action))));
    detected.findings = kept;
    if !waits.is_empty() {
        let because = format!(
            "what else differs of {} waits until the adoption is merged or closed: an apply writes the whole object",
            listed(&waits, 3)
        );
        detected.why_not.push(WhyNot::new("reconcile", because));
    }
    Ok(())
}

/// The fields that are asked for. `Err`: nothing is called so, or nothing differs.
fn wanted(paths: &[&FieldPath], asked: &[String]) -> Result<BTreeSet<FieldPath>, String> {
    if paths.is_empty() {
        return Err("nothing of it differs from Git".into());
    }
    if asked.is_empty() {
        return Ok(paths.iter().map(|path| (*path).clone()).collect());
    }
    let mut wanted = BTreeSet::new();
    for named in asked {
        let mut found: Vec<&&FieldPath> = paths.iter().filter(|path| path.begins_as(named)).collect();
        if found.is_empty() {
            found = paths.iter().filter(|path| path.has_part(named)).collect();
        }
        if found.is_empty() {
            let names: Vec<String> = paths.iter().flat_map(|path| path.names()).collect();
            let near = nearest(named, &names.iter().map(String::as_str).collect::<Vec<_>>());
            let shown = |text: &str| terminal(&Untrusted::new(text));
            let differ: Vec<String> = paths.iter().map(|path| shown(&path.short())).collect();
            let hint = near.map_or_else(
                || format!("what differs is {}", listed(&differ, 3)),
                |near| format!("did you mean `{}`?", shown(near)),
            );
            return Err(format!("no field that differs is called `{}`; {hint}", shown(named)));
        }
        wanted.extend(found.into_iter().map(|path| (*path).clone()));
    }
    Ok(wanted)
}

/// What is no drift that a reconcile would answer may be told otherwise: unseen, or a person's.
fn elsewhere(detected: &Detected, why: &str) -> String {
    if let Some(unknown) = detected.unknown.iter().find(|unknown| unknown.uncompared) {
        return format!("{} is not known: {}", unknown.what, unknown.why.message);
    }
    let waits =
        detected.findings.iter().any(|(finding, action)| matches!((finding, action), (Finding::Drift(_), None)));
    let codes = ["field-kept", "port-kept", "apply-refused"];
    let reported = detected.findings.iter().find_map(|(finding, _)| match finding {
        Finding::Reported(reported) if codes.contains(&reported.code.as_str()) => Some(reported),
        _ => None,
    });
    reported.map_or(why.to_owned(), |reported| {
        if waits {
            return format!("what differs of it waits: {} is told by the plan, and is settled first", reported.code);
        }
        format!("{why}; {} is told by the plan, and is changed by hand", reported.code)
    })
}
