//! What a change of strategy or probes does to those whom the workload serves, in whole numbers (B9): told beside the verdict, for whoever
//! approves. No verdict rests on it.

use serde_json::Value as Json;

use crate::model::{FieldPath, Segment};
use crate::propose::FieldChange;
use crate::render::count;

/// The effects of all changes of one workload together, each one line.
pub(super) fn impact(before: &Json, changes: &[&FieldChange]) -> Vec<String> {
    let mut after = before.clone();
    for change in changes {
        set(&mut after, &change.field.0, change.to.as_ref());
    }
    let mut lines = Vec::new();
    rollout(before, &after, &mut lines);
    for (name, old, new) in containers(before, &after) {
        if new.is_none() {
            continue; // it goes with all that was asked of it
        }
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            let (old, new) = (old.and_then(|c| c.get(probe)), new.and_then(|c| c.get(probe)));
            if old != new {
                probes(probe, &name, old, new, &mut lines);
            }
        }
        if let Some(new) = new {
            too_soon(&name, old, new, &mut lines);
        }
    }
    lines
}

/// Whether the impact of this field is told.
pub(super) fn is_told(field: &FieldPath) -> bool {
    field.starts_with_keys(&["spec", "strategy"])
        || field.starts_with_keys(&["spec", "updateStrategy"])
        || ["livenessProbe", "readinessProbe", "startupProbe"].iter().any(|key| field.has_key(key))
}

/// Sets or removes one field of a value; a path that does not fit changes nothing.
fn set(value: &mut Json, path: &[Segment], to: Option<&Json>) {
    let Some((first, rest)) = path.split_first() else {
        *value = to.cloned().unwrap_or(Json::Null);
        return;
    };
    match first {
        Segment::Key(key) => {
            if !value.is_object() {
                *value = Json::Object(serde_json::Map::new());
            }
            let Some(map) = value.as_object_mut() else { return };
            if rest.is_empty() && to.is_none() {
                map.remove(key);
            } else {
                set(map.entry(key.clone()).or_insert(Json::Null), rest, to);
            }
        }
        Segment::Item(keys) => {
            let Some(items) = value.as_array_mut() else { return };
            let named =
                |item: &Json| keys.iter().all(|(key, value)| item.get(key).and_then(Json::as_str) == Some(value));
            match (items.iter().position(named), rest.is_empty(), to) {
                (Some(position), true, None) => drop(items.remove(position)),
                (Some(position), ..) => {
                    if let Some(item) = items.get_mut(position) {
                        set(item, rest, to);
                    }
                }
                (None, true, Some(new)) => items.push(new.clone()),
                (None, ..) => {}
            }
        }
        Segment::Index(index) => {
            if let Some(item) = value.as_array_mut().and_then(|items| items.get_mut(*index)) {
                set(item, rest, to);
            }
        }
    }
}

/// A part of the replicas: a number, or a percentage of them. `None`: it cannot be read.
fn part(value: Option<&Json>, replicas: u64, up: bool) -> Option<u64> {
    match value {
        None => part(Some(&Json::from("25%")), replicas, up),
        Some(Json::Number(number)) => number.as_u64(),
        Some(Json::String(text)) => {
            let percent: u64 = text.strip_suffix('%')?.parse().ok()?;
            let product = percent.checked_mul(replicas)?;
            Some(if up { product.div_ceil(100) } else { product / 100 })
        }
        Some(_) => None,
    }
}

/// How a roll-out goes: replicas that serve at least, and pods that there are at most. `None`: it cannot be told.
fn serving(manifest: &Json) -> Option<(u64, u64, u64)> {
    let replicas = manifest.pointer("/spec/replicas").map_or(Some(1), Json::as_u64)?;
    let kind = manifest.get("kind").and_then(Json::as_str)?;
    let key = if kind == "Deployment" { "strategy" } else { "updateStrategy" };
    let strategy = manifest.get("spec")?.get(key);
    let of = |key: &str| strategy?.get("rollingUpdate")?.get(key);
    match (kind, strategy.and_then(|s| s.get("type")).and_then(Json::as_str)) {
        ("Deployment", Some("Recreate")) => Some((replicas, 0, replicas)),
        ("Deployment", None | Some("RollingUpdate")) => {
            let surge = part(of("maxSurge"), replicas, true)?;
            // Kubernetes rounds this one down; both being nothing would be a standstill.
            let unavailable = part(of("maxUnavailable"), replicas, false)?;
            let unavailable = if surge == 0 && unavailable == 0 { 1 } else { unavailable };
            Some((replicas, replicas.saturating_sub(unavailable), replicas.saturating_add(surge)))
        }
        ("StatefulSet", None | Some("RollingUpdate")) => {
            let one = Json::from(1);
            let unavailable = part(of("maxUnavailable").or(Some(&one)), replicas, true)?.max(1);
            Some((replicas, replicas.saturating_sub(unavailable), replicas))
        }
        _ => None,
    }
}

fn rollout(before: &Json, after: &Json, lines: &mut Vec<String>) {
    let strategy = |manifest: &Json| {
        let spec = manifest.get("spec").cloned().unwrap_or(Json::Null);
        (spec.get("strategy").cloned(), spec.get("updateStrategy").cloned())
    };
    if strategy(before) == strategy(after) {
        return;
    }
    let (Some((replicas, serve, most)), Some((_, served, had))) = (serving(after), serving(before)) else {
        lines.push("a roll-out: how many pods serve during it cannot be told".into());
        return;
    };
    let outage = if serve == 0 { ": an outage" } else { "" };
    lines
        .push(format!("a roll-out: of {} at least {serve} serve, before {served}{outage}", count(replicas, "replica")));
    if most != had {
        lines.push(format!("a roll-out: at most {} at once, before {had}", count(most, "pod")));
    }
}

type Pair<'j> = (String, Option<&'j Json>, Option<&'j Json>);

/// The containers of both, by name and in the order of the first.
fn containers<'j>(before: &'j Json, after: &'j Json) -> Vec<Pair<'j>> {
    fn list(manifest: &Json) -> Vec<(String, &Json)> {
        let mut all = Vec::new();
        for key in ["containers", "initContainers"] {
            let items = manifest.pointer(&format!("/spec/template/spec/{key}")).and_then(Json::as_array);
            all.extend(
                items
                    .into_iter()
                    .flatten()
                    .map(|c| (c.get("name").and_then(Json::as_str).unwrap_or_default().to_owned(), c)),
            );
        }
        all
    }
    let (old, new) = (list(before), list(after));
    let find = |all: &[(String, &'j Json)], name: &str| all.iter().find(|(n, _)| n == name).map(|(_, c)| *c);
    let mut names: Vec<&String> = old.iter().map(|(name, _)| name).collect();
    names.extend(new.iter().map(|(name, _)| name).filter(|name| find(&old, name).is_none()));
    names.into_iter().map(|name| (shown(name), find(&old, name), find(&new, name))).collect()
}

/// A container's name as Kubernetes takes it; another one is not repeated.
fn shown(name: &str) -> String {
    let good = name.len() <= 63 && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if good && !name.is_empty() { name.into() } else { "a container".into() }
}

/// Seconds of failures until the kubelet acts, and how they come about; Kubernetes' defaults where nothing stands.
fn patience(probe: &Json) -> Option<(u64, String)> {
    let number = |key: &str, default: u64| probe.get(key).map_or(Some(default), Json::as_u64);
    let (period, failures) = (number("periodSeconds", 10)?, number("failureThreshold", 3)?);
    Some((period.checked_mul(failures)?, format!("{period}s × {failures}")))
}

fn probes(probe: &str, container: &str, old: Option<&Json>, new: Option<&Json>, lines: &mut Vec<String>) {
    let (name, acts) = match probe {
        "readinessProbe" => ("readiness", "taken out of service"),
        "livenessProbe" => ("liveness", "restarted"),
        _ => ("startup", "restarted, if it has not started,"),
    };
    let told = |probe: &Json| {
        patience(probe).map_or_else(|| "a time that cannot be told".into(), |(time, how)| format!("{time}s ({how})"))
    };
    let line = match (old, new) {
        (Some(old), Some(new)) => {
            let handlers = ["httpGet", "tcpSocket", "exec", "grpc"];
            if handlers.iter().any(|handler| old.get(handler) != new.get(handler)) {
                lines.push(format!(
                    "{name} of {container}: something else is asked; if no pod answers it, all are {acts} at once"
                ));
            }
            for (key, default, what) in [
                ("timeoutSeconds", 1, "an answer later than this counts as a failure"),
                ("initialDelaySeconds", 0, "first asked so long after the start"),
            ] {
                let number = |probe: &Json| probe.get(key).map_or(Some(default), Json::as_u64);
                if let (Some(old), Some(new)) = (number(old), number(new))
                    && old != new
                {
                    lines.push(format!("{name} of {container}: {new}s, before {old}s: {what}"));
                }
            }
            if patience(old) == patience(new) {
                return;
            }
            format!(
                "{name} of {container}: a pod that does not answer is {acts} after {}, before {}",
                told(new),
                told(old)
            )
        }
        (None, Some(new)) => {
            format!("{name} of {container} is new: a pod that does not answer is {acts} after {}", told(new))
        }
        (Some(old), None) => format!(
            "{name} of {container} goes: a pod that does not answer is not {acts} any more, before after {}",
            told(old)
        ),
        (None, None) => return,
    };
    lines.push(line);
}

/// A pod that is restarted before it is taken out of service fails its users twice.
fn too_soon(container: &str, old: Option<&Json>, new: &Json, lines: &mut Vec<String>) {
    let times = |container: &Json| {
        let of = |probe: &str| patience(container.get(probe)?).map(|(time, _)| time);
        Some((of("readinessProbe")?, of("livenessProbe")?))
    };
    let (Some((readiness, liveness)), was) = (times(new), old.and_then(times)) else { return };
    if liveness <= readiness && was.is_none_or(|(readiness, liveness)| liveness > readiness) {
        lines.push(format!(
            "{container} is restarted after {liveness}s and taken out of service only after {readiness}s: a pod under load is killed"
        ));
    }
}
