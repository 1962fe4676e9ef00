//! What Kubernetes' own types do to values on the way in, which no published schema says. Read from the field
//! declarations of `k8s.io/api` 0.36 (core, apps, batch, autoscaling, policy, networking). Custom resources keep what
//! they were given.

use serde_json::{Map, Value as Json};

use crate::model::{FieldPath, Segment};
use crate::yaml::{Node, Value};

/// Whole numbers and booleans that are not pointers: the server drops a zero, so it equals an absent field.
const ZERO_IS_ABSENT: &[&str] = &[
    "chapAuthDiscovery",
    "chapAuthSession",
    "failureThreshold",
    "healthCheckNodePort",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostPort",
    "initialDelaySeconds",
    "minReadySeconds",
    "nodePort",
    "partition",
    "paused",
    "periodSeconds",
    "publishNotReadyAddresses",
    "readOnly",
    "sslEnabled",
    "stdin",
    "stdinOnce",
    "successThreshold",
    "timeoutSeconds",
    "tty",
    "unschedulable",
];

/// Fields in which an empty or zero value asks for the server's choice, and what it chooses; an empty list: anything.
const FILLED_IN: &[(&str, &[&str])] = &[
    ("caBundle", &[]),
    ("clusterIP", &[]),
    ("dnsPolicy", &["ClusterFirst"]),
    ("failureThreshold", &["3"]),
    ("healthCheckNodePort", &[]),
    ("nodePort", &[]),
    ("path", &["/"]),
    ("periodSeconds", &["10"]),
    ("podManagementPolicy", &["OrderedReady"]),
    ("protocol", &["TCP"]),
    ("restartPolicy", &["Always"]),
    ("schedulerName", &["default-scheduler"]),
    ("scheme", &["HTTP"]),
    ("sessionAffinity", &["None"]),
    ("successThreshold", &["1"]),
    ("terminationMessagePath", &["/dev/termination-log"]),
    ("terminationMessagePolicy", &["File"]),
    ("timeoutSeconds", &["1"]),
    ("type", &["ClusterIP", "RollingUpdate"]),
];

/// What the server fills in of a workload and a Service where nothing is said.
const DEFAULTS: &[(&str, &str)] = &[
    ("internalTrafficPolicy", "Cluster"),
    ("maxSurge", "25%"),
    ("maxUnavailable", "25%"),
    ("progressDeadlineSeconds", "600"),
    ("revisionHistoryLimit", "10"),
    ("terminationGracePeriodSeconds", "30"),
];

/// Objects whose presence says something while they are empty.
const PRESENCE_COUNTS: &[&str] =
    &["emptyDir", "labelSelector", "namespaceSelector", "objectSelector", "podSelector", "selector"];

/// Maps with keys that people choose: a key with empty text is still a key.
const FREE_MAPS: &[&str] =
    &["annotations", "binaryData", "data", "labels", "matchLabels", "nodeSelector", "selector", "stringData"];

/// What the server adds to mappings that are otherwise replaced as a whole (`fieldRef`, `resourceFieldRef`).
const ATOMIC_DEFAULTS: &[(&str, &str)] = &[("apiVersion", "v1"), ("divisor", "0")];

/// Whether the API group is one of Kubernetes' own.
pub(super) fn is_native(api_version: &str) -> bool {
    api_version.split_once('/').is_none_or(|(group, _)| !group.contains('.') || group.ends_with(".k8s.io"))
}

/// Whether the server keeps this field of a pod under another name, by which the manifest says it too.
pub(super) fn is_overruled(native: bool, key: &str, pod: &Node) -> bool {
    let says = |key: &str| pod.get(key).and_then(Node::as_str).is_some_and(|text| !text.is_empty());
    native
        && match key {
            "serviceAccount" => says("serviceAccountName"),
            "serviceAccountName" => !says(key) && says("serviceAccount"),
            _ => false,
        }
}

/// Whether a Service leaves the pods' port to the server, which then takes the Service's own.
pub(super) fn is_own_port(native: bool, key: &str, declared: &Node, live: &Map<String, Json>) -> bool {
    native
        && key == "targetPort"
        && (is_zero(declared) || declared.as_str() == Some(""))
        && live.get("port").is_some_and(|port| live.get(key) == Some(port))
}

pub(super) fn is_free_map(key: &str) -> bool {
    FREE_MAPS.contains(&key)
}

/// Whether the lack of this declared value means anything. Custom resources keep what is empty, and it may say something: `selfSigned: {}`.
pub(super) fn counts(native: bool, key: &str, declared: &Node) -> bool {
    match &declared.value {
        Value::Null => false,
        _ if !native => true,
        Value::String(text) => !text.is_empty(),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => !(is_zero(declared) && ZERO_IS_ABSENT.contains(&key)),
        Value::Sequence(items) => !items.is_empty(),
        Value::Mapping(entries) => {
            PRESENCE_COUNTS.contains(&key)
                || entries.iter().any(|entry| {
                    let empty_text = matches!(&entry.value.value, Value::String(text) if text.is_empty());
                    (empty_text && is_free_map(key)) || counts(native, &entry.key, &entry.value)
                })
        }
    }
}

fn is_zero(node: &Node) -> bool {
    match &node.value {
        Value::Bool(flag) => !flag,
        Value::Int(number) => number.get() == 0,
        Value::Float(text) => text.bytes().all(|byte| matches!(byte, b'0' | b'.')),
        _ => false,
    }
}

/// Whether the manifest left the choice to the server and this is what it chose.
pub(super) fn is_filled_in(native: bool, key: &str, declared: &Node, live: &Json) -> bool {
    let open = match &declared.value {
        Value::String(text) => text.is_empty(),
        _ => is_zero(declared) && ZERO_IS_ABSENT.contains(&key),
    };
    native
        && open
        && FILLED_IN.iter().any(|(field, chosen)| {
            *field == key
                && (chosen.is_empty()
                    || super::scalar::json_text(live).is_some_and(|live| chosen.contains(&live.as_str())))
        })
}

/// What the server fills in of a container's `imagePullPolicy` where nobody says one.
pub(super) fn pull_policy(image: &str) -> &'static str {
    let named = image.split_once('@').map_or(image, |(name, _)| name);
    let last = named.rsplit('/').next().unwrap_or_default();
    let tag = last.rsplit_once(':').map(|(_, tag)| tag);
    // The server goes by the tag, and by the digest only where there is none.
    let is_pinned = tag.map_or_else(|| image.contains('@'), |tag| tag != "latest");
    if is_pinned { "IfNotPresent" } else { "Always" }
}

/// Whether the server adds this to a mapping that is otherwise replaced as a whole. `free`: its keys are people's, and one with an empty text
/// is a key.
pub(super) fn is_atomic_default(free: bool, key: &str, live: &Json) -> bool {
    if free {
        return is_empty(live) && !live.is_string();
    }
    is_empty(live) || ATOMIC_DEFAULTS.iter().any(|(field, default)| *field == key && live.as_str() == Some(default))
}

/// Whether this, at a path of an object, is what the server itself fills in where nobody says anything. `above`: the mapping that holds it.
pub(super) fn is_default_at(kind: &str, path: &FieldPath, live: &Json, above: Option<&Json>) -> bool {
    let (Some(Segment::Key(key)), before) = (path.0.last(), path.0.iter().rev().nth(1)) else { return false };
    let below = |parent: &str| matches!(before, Some(Segment::Key(name)) if name == parent);
    let beside = |key: &str| above.and_then(|above| above.get(key));
    if matches!(before, Some(Segment::Key(name)) if is_free_map(name)) {
        return false;
    }
    match key.as_str() {
        "imagePullPolicy" => beside("image").and_then(Json::as_str).map(pull_policy) == live.as_str(),
        // Of a disruption budget it is what somebody chose, and of a probe another grace than the pod's.
        "maxUnavailable" | "maxSurge" => below("rollingUpdate") && is_default(key, live),
        "terminationGracePeriodSeconds" => below("spec") && is_default(key, live),
        "targetPort" if kind == "Service" => beside("port") == Some(live),
        "minReplicas" if kind == "HorizontalPodAutoscaler" => *live == 1,
        // An empty selector takes all, none takes nothing or its own namespace; a volume without a source gets `emptyDir: {}`.
        "labelSelector" | "namespaceSelector" | "objectSelector" | "podSelector" if live.is_object() => false,
        _ if kind == "HorizontalPodAutoscaler" && below("scaleUp") => {
            is_pace(key, live, 0, &[("Pods", 4), ("Percent", 100)])
        }
        _ if kind == "HorizontalPodAutoscaler" && below("scaleDown") => is_pace(key, live, 300, &[("Percent", 100)]),
        _ => is_default(key, live),
    }
}

/// Whether this is what the server fills in of an autoscaler's behaviour, as soon as anybody says a word of it.
fn is_pace(key: &str, live: &Json, window: u16, policies: &[(&str, u16)]) -> bool {
    let policy = |(kind, value): &(&str, u16)| serde_json::json!({"type": kind, "value": value, "periodSeconds": 15});
    match key {
        "selectPolicy" => *live == "Max",
        "stabilizationWindowSeconds" => *live == window,
        "policies" => *live == Json::from(policies.iter().map(policy).collect::<Vec<_>>()),
        _ => false,
    }
}

/// Whether this is what the server itself fills in where nobody says anything.
pub(super) fn is_default(key: &str, live: &Json) -> bool {
    let text = super::scalar::json_text(live).unwrap_or_default();
    let fills = FILLED_IN.iter().any(|(field, chosen)| *field == key && chosen.contains(&text.as_str()));
    is_empty(live) || fills || DEFAULTS.contains(&(key, text.as_str()))
}

/// The same, and what the server fills in of a pod's volumes, its variables' sources and the nodes' ports.
const POD_DEFAULTS: &[(&str, &str)] = &[
    ("apiVersion", "v1"),
    ("cachingMode", "ReadWrite"),
    ("defaultMode", "420"),
    ("divisor", "0"),
    ("expirationSeconds", "3600"),
    ("fsType", "ext4"),
    // By the image that the container was made with.
    ("imagePullPolicy", "Always"),
    ("imagePullPolicy", "IfNotPresent"),
    ("iscsiInterface", "default"),
    ("keyring", "/etc/ceph/keyring"),
    ("pool", "rbd"),
    ("procMount", "Default"),
    ("pullPolicy", "Always"),
    ("pullPolicy", "IfNotPresent"),
    ("storageMode", "ThinProvisioned"),
    ("user", "admin"),
    ("volumeMode", "Filesystem"),
];

/// Whether this is what the server itself fills in of a pod where nobody says anything.
pub(super) fn is_default_of_pods(key: &str, live: &Json) -> bool {
    let text = super::scalar::json_text(live).unwrap_or_default();
    let zero = ZERO_IS_ABSENT.contains(&key) && matches!(text.as_str(), "0" | "false");
    zero || is_default(key, live) || POD_DEFAULTS.contains(&(key, text.as_str()))
}

/// Null and the three empties.
pub(super) fn is_empty(json: &Json) -> bool {
    match json {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(map) => map.is_empty(),
        Json::Bool(_) | Json::Number(_) => false,
    }
}

/// Annotations that others than the manifest's author keep.
pub(super) fn is_ignored_annotation(key: &str) -> bool {
    matches!(key, super::removal::LAST_APPLIED | "deployment.kubernetes.io/revision")
}

/// Whether the object holds credentials, so that values are withheld.
pub(super) fn is_secret(api_version: &str, kind: &str) -> bool {
    api_version == "v1" && kind == "Secret"
}

/// Standard base64, as Secrets hold their data.
pub(super) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (position, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let digit = ALPHABET.get((bits >> shift & 63) as usize).copied().unwrap_or(b'=');
            text.push(char::from(if position <= chunk.len() { digit } else { b'=' }));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_the_standard_one() {
        for (plain, encoded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob\u{ff}", "Zm9vYsO/")] {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn native_groups() {
        for (api_version, native) in
            [("v1", true), ("apps/v1", true), ("networking.k8s.io/v1", true), ("argoproj.io/v1alpha1", false)]
        {
            assert_eq!(is_native(api_version), native, "{api_version}");
        }
    }

    /// Would miss: the selector of nothing that somebody turned into one of everything.
    #[test]
    fn x10_an_empty_selector_that_somebody_added_is_no_default() {
        let is = |path: &[&str]| {
            let path = FieldPath::keys([&["spec", "template", "spec"], path].concat());
            is_default_at("Deployment", &path, &serde_json::json!({}), None)
        };
        assert!(!is(&["topologySpreadConstraints", "labelSelector"]));
        assert!(!is(&["affinity", "podAntiAffinity", "namespaceSelector"]));
        assert!(is(&["volumes", "emptyDir"]) && is(&["securityContext"]));
    }
}
