//! What excludes each other in a manifest: the API server takes one of several fields, or no zero beside another zero, in every version
//! (`manifest-invalid`, R6). The usual slip is a patch that adds another kind of probe to the one of its base.

use super::manifest_invalid::{CODE, each, way};
use super::required::pod_keys;
use crate::blueprint::Manifest;
use crate::model::Diagnostic;
use crate::yaml::{Node, Value};

const PROBES: [&str; 3] = ["livenessProbe", "readinessProbe", "startupProbe"];
const PROBE_HANDLERS: [&str; 4] = ["exec", "grpc", "httpGet", "tcpSocket"];
const PROBE_FIELDS: [&str; 6] = [
    "failureThreshold",
    "initialDelaySeconds",
    "periodSeconds",
    "successThreshold",
    "terminationGracePeriodSeconds",
    "timeoutSeconds",
];
const HOOKS: [&str; 2] = ["postStart", "preStop"];
const HOOK_HANDLERS: [&str; 4] = ["exec", "httpGet", "sleep", "tcpSocket"];
const SOURCES: [&str; 5] = ["configMapKeyRef", "fieldRef", "fileKeyRef", "resourceFieldRef", "secretKeyRef"];

/// Each field that excludes another one that stands beside it.
pub(super) fn excluding(manifest: &Manifest) -> Vec<Diagnostic> {
    let (root, object) = (&manifest.document.root, &manifest.object);
    let mut found = Vec::new();
    if let Some(pod) = pod_keys(object).and_then(|keys| root.at(keys)) {
        for container in
            ["initContainers", "containers"].into_iter().filter_map(|list| pod.get(list)).flat_map(Node::items)
        {
            for key in PROBES {
                let Some(probe) = container.get(key) else { continue };
                one_of(manifest, probe, &PROBE_HANDLERS, &mut found);
                found.extend(without_handler(manifest, probe));
            }
            for key in ["livenessProbe", "startupProbe"] {
                found.extend(container.get(key).and_then(|probe| succeeds_at_once(manifest, probe)));
            }
            for hook in HOOKS.into_iter().filter_map(|key| container.get("lifecycle")?.get(key)) {
                one_of(manifest, hook, &HOOK_HANDLERS, &mut found);
            }
            found.extend(escalates(manifest, container));
            let env = container.get("env").map(Node::items).unwrap_or_default();
            for variable in env {
                one_of(manifest, variable, &["value", "valueFrom"], &mut found);
            }
            for from in env.iter().filter_map(|variable| variable.get("valueFrom")) {
                one_of(manifest, from, &SOURCES, &mut found);
            }
        }
        each(pod, "volumes[]", &mut |volume| {
            let sources: Vec<&str> = volume.entries().iter().map(|entry| entry.key.as_str()).collect();
            let sources: Vec<&str> = sources.into_iter().filter(|key| *key != "name").collect();
            one_of(manifest, volume, &sources, &mut found);
        });
        each(pod, "tolerations[]", &mut |toleration| found.extend(tolerates(manifest, toleration)));
        found.extend(restarts(manifest, pod));
    }
    match (object.api_version.as_str(), object.kind.as_str()) {
        ("policy/v1", "PodDisruptionBudget") => {
            if let Some(spec) = root.get("spec") {
                one_of(manifest, spec, &["minAvailable", "maxUnavailable"], &mut found);
            }
        }
        ("apps/v1", "Deployment") => found.extend(stands_still(manifest, &["spec", "strategy", "rollingUpdate"])),
        ("apps/v1", "DaemonSet") => found.extend(stands_still(manifest, &["spec", "updateStrategy", "rollingUpdate"])),
        _ => {}
    }
    found
}

/// Something is there: to the API server an empty text is nothing.
fn has(node: &Node, key: &str) -> bool {
    node.get(key).is_some_and(|node| node.value != Value::Null && node.as_str() != Some(""))
}

fn one_of(manifest: &Manifest, node: &Node, arms: &[&str], found: &mut Vec<Diagnostic>) {
    let mut there = arms.iter().filter(|key| has(node, key));
    let (Some(first), Some(second)) = (there.next(), there.next()) else { return };
    let place = way(&manifest.document.root, node).unwrap_or_default();
    let message = format!("{place} has {first} and {second}, of which every version of Kubernetes takes one");
    // The later one in the file is the one that was added.
    let at = |key: &str| node.entry(key).map_or(0, |entry| entry.key_start);
    let (kept, added) = if at(first) <= at(second) { (first, second) } else { (second, first) };
    let help = format!("remove {place}.{kept} or {place}.{added}; a patch takes one away by `{kept}: null`");
    found.push(on(manifest, node, added, message).help(help));
}

fn without_handler(manifest: &Manifest, probe: &Node) -> Option<Diagnostic> {
    let known = probe.entries().iter().all(|entry| PROBE_FIELDS.contains(&entry.key.as_str()));
    let first = probe.entries().first().filter(|_| known)?;
    let place = way(&manifest.document.root, probe).unwrap_or_default();
    let message =
        format!("{place} says how often, and nothing that is asked: every version of Kubernetes wants a handler");
    let help = format!("add {place}.httpGet, tcpSocket, exec or grpc");
    Some(on(manifest, probe, &first.key, message).help(help))
}

/// A liveness or startup probe that is to succeed more than once.
fn succeeds_at_once(manifest: &Manifest, probe: &Node) -> Option<Diagnostic> {
    let times = probe.get("successThreshold").and_then(Node::as_int).filter(|times| *times > 1)?;
    let place = way(&manifest.document.root, probe).unwrap_or_default();
    let message =
        format!("{place}.successThreshold is {times}: of this probe every version of Kubernetes takes 1 alone");
    Some(on(manifest, probe, "successThreshold", message).help("write 1, or leave it out"))
}

/// A toleration that says of which value, and that any will do; or that names no key, and does not say that any will do.
fn tolerates(manifest: &Manifest, toleration: &Node) -> Option<Diagnostic> {
    let exists = match toleration.get("operator").map(|node| &node.value) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) if ["Exists", "Equal", ""].contains(&&**text) => **text == *"Exists",
        // What a later version takes, or something else fills in.
        Some(_) => return None,
    };
    let place = way(&manifest.document.root, toleration).unwrap_or_default();
    if exists && has(toleration, "value") {
        let message = format!("{place} has operator Exists, which takes no value");
        return Some(on(manifest, toleration, "value", message).help("remove the value, or write operator: Equal"));
    }
    let first = toleration.entries().first()?;
    (!exists && !has(toleration, "key")).then(|| {
        let message = format!("{place} names no key, which only operator: Exists may do");
        on(manifest, toleration, &first.key, message).help("write operator: Exists, or the key")
    })
}

/// A privileged container that may not do what it is privileged for.
fn escalates(manifest: &Manifest, container: &Node) -> Option<Diagnostic> {
    let security = container.get("securityContext")?;
    let says = |key: &str, flag: bool| security.get(key).is_some_and(|node| node.value == Value::Bool(flag));
    if !says("privileged", true) || !says("allowPrivilegeEscalation", false) {
        return None;
    }
    let place = way(&manifest.document.root, security).unwrap_or_default();
    let message = format!(
        "{place} has privileged: true and allowPrivilegeEscalation: false, which no version of Kubernetes takes"
    );
    Some(
        on(manifest, security, "allowPrivilegeEscalation", message)
            .help("remove allowPrivilegeEscalation; or privileged, and name the capabilities that it needs"),
    )
}

/// A policy that the kind of object does not take.
fn restarts(manifest: &Manifest, pod: &Node) -> Option<Diagnostic> {
    let policy = pod.get("restartPolicy")?;
    let text = policy.as_str().filter(|text| ["Always", "OnFailure", "Never"].contains(text))?;
    let object = &manifest.object;
    let taken = match (object.api_version.as_str(), object.kind.as_str()) {
        ("apps/v1", _) => "Always",
        ("batch/v1", _) if text == "Always" => "OnFailure or Never",
        _ => return None,
    };
    if taken == text {
        return None;
    }
    let message = format!("a {} takes no restartPolicy {text}", object.kind);
    Some(on(manifest, pod, "restartPolicy", message).help(format!("write {taken}")))
}

/// A roll-out that may neither add nor take away a pod.
fn stands_still(manifest: &Manifest, keys: &[&str]) -> Option<Diagnostic> {
    let rolling = manifest.document.root.at(keys)?;
    let zero = |key: &str| {
        rolling.get(key).is_some_and(|node| match &node.value {
            Value::String(text) => **text == *"0%",
            Value::Int(number) => number.to_string() == "0",
            _ => false,
        })
    };
    if !zero("maxSurge") || !zero("maxUnavailable") {
        return None;
    }
    let place = keys.join(".");
    let message = format!("{place} has maxSurge 0 and maxUnavailable 0: no pod may be added, and none taken away");
    Some(
        on(manifest, rolling, "maxUnavailable", message)
            .help("write 1 for one of them, as every version of Kubernetes asks"),
    )
}

fn on(manifest: &Manifest, node: &Node, key: &str, message: String) -> Diagnostic {
    let diagnostic = Diagnostic::error(CODE, message);
    let value = node.get(key).filter(|value| manifest.rendered && value.entries().is_empty());
    let document = &manifest.document;
    match (value, node.entry(key)) {
        (Some(value), _) => diagnostic.label(document.span_of(value), "beside the other"),
        (None, Some(entry)) => {
            diagnostic.label(document.span(entry.key_start as usize..entry.key_end as usize), "here")
        }
        (None, None) => diagnostic.label(document.span_of(node), "here"),
    }
    .source(document.source.clone())
}
