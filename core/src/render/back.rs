//! What a rollback says of itself: what was broken, and each value that goes back (B17).

use serde_json::Value as Json;

use super::values::values;
use super::words::{listed, plain};
use crate::action::{Action, ConfigBack, SetBack};
use crate::credential::{field_holds, names_credential};
use crate::decide::{BrokenChange, ConfigBroken, Finding, short};
use crate::execute::{Effect, SetField};
use crate::model::{ObjectParts, Segment, Untrusted};
use crate::plan::PlanItem;

/// The fields that go back, one by one: `spec.template….image: "web:2" → "web:1"`, with values as the medium's sink shows them; of a `ConfigMap` with
/// the object and the place (B17).
pub fn set_backs(item: &PlanItem, sink: impl Fn(&Untrusted) -> String) -> Vec<String> {
    let Action::Rollback(rollback) = &item.action else { return Vec::new() };
    let told = |back: &SetBack| {
        let field = sink(&Untrusted::new(back.field.to_string()));
        // Its value is in Git already; it need not be in a terminal's scrollback and a job's log as well (T38).
        if names_credential(&back.field) {
            return format!("{field}: not shown");
        }
        let (from, to) = values(Some(&back.from), Some(&back.to));
        format!("{field}: {} → {}", sink(&from), sink(&to))
    };
    let of_config = |(at, back): (usize, &ConfigBack)| {
        let ConfigBack { object, field, from, to } = back;
        let name = sink(&Untrusted::new(format!("{field} of {object}")));
        // Each value has its effect, in the same order.
        let place = match item.effects.get(rollback.fields.len() + at) {
            Some(Effect::SetField(SetField { path, at: Some(at), .. })) => {
                format!(" at {}", sink(&Untrusted::new(format!("{path}:{}:{}", at.line, at.column))))
            }
            _ => String::new(),
        };
        if field_holds(&object.kind, field, [from.as_ref(), to.as_ref()]) {
            return format!("{name}: not shown{place}");
        }
        let (from, to) = values(from.as_ref(), to.as_ref());
        format!("{name}: {} → {}{place}", sink(&from), sink(&to))
    };
    let config = rollback.config.iter().enumerate().map(of_config);
    rollback.fields.iter().map(told).chain(config).collect()
}

/// What is to be known besides of a rollback whose change had `ConfigMap`s in it: one line each.
pub fn notes(item: &PlanItem, sink: impl Fn(&Untrusted) -> String) -> Vec<String> {
    let (Action::Rollback(rollback), Finding::Broken(broken)) = (&item.action, &item.finding) else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    for ConfigBroken { object, stays, also } in &broken.config {
        let object = sink(&Untrusted::new(object.to_string()));
        if *stays {
            lines.push(format!("{object} came with the change, and stays"));
        } else if !also.is_empty() {
            let also = listed(also, 3);
            lines.push(format!(
                "the pods of {also} read {object} as well: judged by those rules too, and for a person to merge"
            ));
        }
    }
    let replaced = rollback.fields.iter().any(|back| back.field.starts_with_keys(&["spec", "template"]));
    if !rollback.config.is_empty() && !replaced {
        let ObjectParts { kind, name, namespace, .. } = &*rollback.workload;
        let kind = kind.to_lowercase();
        lines.push(format!(
            "no roll-out follows: pods that fail read the values when they start again, and those that run once a person restarts \
             them: kubectl -n {namespace} rollout restart {kind}/{name}"
        ));
    }
    lines
}

/// What is known of the change that goes back, one line each; texts of others go through the medium's sink.
pub fn broken(item: &PlanItem, sink: impl Fn(&Untrusted) -> String) -> Vec<String> {
    let Finding::Broken(broken) = &item.finding else { return Vec::new() };
    let BrokenChange { commit, at, author, stays, reported, .. } = broken;
    let by = author.as_ref().map_or_else(|| "bpctl".into(), &sink);
    let mut lines = vec![format!("brought by {} ({at:.0}, {by})", short(commit))];
    for reported in reported {
        lines.push(sink(&reported.message));
        lines.extend(reported.events.iter().map(|event| format!("seen: {}", sink(event))));
        if reported.code == "pods-failed" {
            lines.extend(reported.help.first().map(&sink)); // what shows why; the rest is what a person would do instead
        }
    }
    if !stays.is_empty() {
        let stays: Vec<String> = stays.iter().map(|field| sink(&Untrusted::new(field.to_string()))).collect();
        lines.push(format!("not in the pod template, and stays as it is: {}", listed(&stays, 3)));
    }
    lines
}

/// `LOG_LEVEL of ConfigMap/web DEBUG → INFO`, on the same terms.
pub(super) fn set_config(back: &ConfigBack) -> Option<String> {
    let ConfigBack { object, field, from, to } = back;
    let Some(Segment::Key(key)) = field.0.last() else { return None };
    let text = |value: Option<&Json>| value.map_or_else(|| Some("nothing".into()), plain);
    let held = field_holds(&object.kind, field, [from.as_ref(), to.as_ref()]);
    let name = |text: String| plain(&Json::from(text)).filter(|_| !held);
    let (key, object) = (name(key.clone())?, name(object.to_string())?);
    Some(format!("{key} of {object} {} → {}", text(from.as_ref())?, text(to.as_ref())?))
}
