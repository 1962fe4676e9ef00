//! Values and sums that every version of Kubernetes refuses, of the kinds that bpctl reads (`manifest-invalid`, R6): enumerations, bounds, fields
//! of another kind, and two of what may be there once. Only what stands there is judged: what a patch leaves out is its base's to say.

use std::collections::BTreeSet;

use super::manifest_invalid::{CODE, each, is_placeholder, meant, way};
use super::mark_node;
use crate::blueprint::Manifest;
use crate::model::{Diagnostic, ObjectRef, Quantity};
use crate::yaml::{Entry, Node, Value, nearest};

/// Fields, each with the texts that it takes. Paths are as in `manifest-invalid`.
type Choices = &'static [(&'static str, &'static [&'static str])];

const ROLLING_OR_ON_DELETE: &[&str] = &["RollingUpdate", "OnDelete"];
const PROTOCOLS: &[&str] = &["TCP", "UDP", "SCTP"];
const SCHEMES: &[&str] = &["HTTP", "HTTPS"];
const POLICIES: &[&str] = &["Honor", "Ignore"];
const CLAIMS: &[&str] = &["Retain", "Delete"];
const OPERATORS: &[&str] = &["In", "NotIn", "Exists", "DoesNotExist"];
const NODE_OPERATORS: &[&str] = &["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"];
const SECCOMP: &[&str] = &["RuntimeDefault", "Localhost", "Unconfined"];
const TARGETS: &[&str] = &["Utilization", "Value", "AverageValue"];
const TRAFFIC: &[&str] = &["Cluster", "Local"];
const SELECTS: &[&str] = &["Max", "Min", "Disabled"];
const STEPS: &[&str] = &["Pods", "Percent"];

const DEPLOYMENT: Choices = &[("spec.strategy.type", &["RollingUpdate", "Recreate"])];
const STATEFUL_SET: Choices = &[
    ("spec.updateStrategy.type", ROLLING_OR_ON_DELETE),
    ("spec.podManagementPolicy", &["OrderedReady", "Parallel"]),
    ("spec.persistentVolumeClaimRetentionPolicy.whenDeleted", CLAIMS),
    ("spec.persistentVolumeClaimRetentionPolicy.whenScaled", CLAIMS),
];
const DAEMON_SET: Choices = &[("spec.updateStrategy.type", ROLLING_OR_ON_DELETE)];
/// Of a workload's pods.
const POD: Choices = &[
    ("restartPolicy", &["Always", "OnFailure", "Never"]),
    ("dnsPolicy", &["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"]),
    ("preemptionPolicy", &["PreemptLowerPriority", "Never"]),
    // The last two are of 1.35.
    ("tolerations[].operator", &["Exists", "Equal", "Lt", "Gt"]),
    ("tolerations[].effect", &["NoSchedule", "PreferNoSchedule", "NoExecute"]),
    ("topologySpreadConstraints[].whenUnsatisfiable", &["DoNotSchedule", "ScheduleAnyway"]),
    ("topologySpreadConstraints[].nodeAffinityPolicy", POLICIES),
    ("topologySpreadConstraints[].nodeTaintsPolicy", POLICIES),
    ("securityContext.seccompProfile.type", SECCOMP),
    (
        "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[].matchExpressions[].operator",
        NODE_OPERATORS,
    ),
    (
        "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[].preference.matchExpressions[].operator",
        NODE_OPERATORS,
    ),
];
const CONTAINER: Choices = &[
    ("ports[].protocol", PROTOCOLS),
    ("livenessProbe.httpGet.scheme", SCHEMES),
    ("readinessProbe.httpGet.scheme", SCHEMES),
    ("startupProbe.httpGet.scheme", SCHEMES),
    ("lifecycle.postStart.httpGet.scheme", SCHEMES),
    ("lifecycle.preStop.httpGet.scheme", SCHEMES),
    ("terminationMessagePolicy", &["File", "FallbackToLogsOnError"]),
    ("securityContext.seccompProfile.type", SECCOMP),
];
const SERVICE: Choices = &[
    ("spec.type", &["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]),
    ("spec.sessionAffinity", &["None", "ClientIP"]),
    ("spec.externalTrafficPolicy", TRAFFIC),
    ("spec.internalTrafficPolicy", TRAFFIC),
    ("spec.ipFamilyPolicy", &["SingleStack", "PreferDualStack", "RequireDualStack"]),
    ("spec.ipFamilies[]", &["IPv4", "IPv6"]),
    ("spec.ports[].protocol", PROTOCOLS),
];
const DISRUPTION_BUDGET: Choices = &[
    ("spec.unhealthyPodEvictionPolicy", &["IfHealthyBudget", "AlwaysAllow"]),
    ("spec.selector.matchExpressions[].operator", OPERATORS),
];
const AUTOSCALER: Choices = &[
    ("spec.metrics[].type", &["Resource", "ContainerResource", "Pods", "Object", "External"]),
    ("spec.metrics[].resource.target.type", TARGETS),
    ("spec.metrics[].containerResource.target.type", TARGETS),
    ("spec.metrics[].pods.target.type", TARGETS),
    ("spec.metrics[].object.target.type", TARGETS),
    ("spec.metrics[].external.target.type", TARGETS),
    ("spec.behavior.scaleUp.selectPolicy", SELECTS),
    ("spec.behavior.scaleDown.selectPolicy", SELECTS),
    ("spec.behavior.scaleUp.policies[].type", STEPS),
    ("spec.behavior.scaleDown.policies[].type", STEPS),
];

/// Numbers, each with the least and the most that it may be.
type Bounds = &'static [(&'static str, i128, i128)];

const MOST: i128 = i32::MAX as i128;
const STATEFUL_SET_BOUNDS: Bounds = &[("spec.updateStrategy.rollingUpdate.partition", 0, MOST)];
const POD_BOUNDS: Bounds = &[("topologySpreadConstraints[].maxSkew", 1, MOST)];
const AUTOSCALER_BOUNDS: Bounds = &[
    ("spec.targetCPUUtilizationPercentage", 1, MOST),
    ("spec.metrics[].resource.target.averageUtilization", 1, MOST),
    ("spec.metrics[].containerResource.target.averageUtilization", 1, MOST),
    ("spec.behavior.scaleUp.stabilizationWindowSeconds", 0, 3600),
    ("spec.behavior.scaleDown.stabilizationWindowSeconds", 0, 3600),
    ("spec.behavior.scaleUp.policies[].value", 1, MOST),
    ("spec.behavior.scaleDown.policies[].value", 1, MOST),
    ("spec.behavior.scaleUp.policies[].periodSeconds", 1, 1800),
    ("spec.behavior.scaleDown.policies[].periodSeconds", 1, 1800),
];

/// Numbers that Kubernetes keeps as 64 bits; it keeps all others as 32, and of a longer one the last 32: 4294967296 replicas are none.
const LONG: &[&str] = &[
    "activeDeadlineSeconds",
    "expirationSeconds",
    "fsGroup",
    "runAsGroup",
    "runAsUser",
    "supplementalGroups",
    "terminationGracePeriodSeconds",
    "tolerationSeconds",
];
/// What is a quantity, or holds nothing else.
const QUANTITIES: &[&str] =
    &["averageValue", "capacity", "divisor", "limits", "overhead", "requests", "sizeLimit", "storage", "value"];

/// Numbers of pods or shares of them, and whether a share may be above 100%.
type Shares = &'static [(&'static str, bool)];

const DEPLOYMENT_SHARES: Shares =
    &[("spec.strategy.rollingUpdate.maxSurge", true), ("spec.strategy.rollingUpdate.maxUnavailable", false)];
const DAEMON_SET_SHARES: Shares = &[
    ("spec.updateStrategy.rollingUpdate.maxSurge", false),
    ("spec.updateStrategy.rollingUpdate.maxUnavailable", false),
];
const DISRUPTION_BUDGET_SHARES: Shares = &[("spec.minAvailable", false), ("spec.maxUnavailable", false)];

/// Fields of a workload's `spec` that another kind has, and what this one calls it, if at all.
type Others = &'static [(&'static str, Option<&'static str>)];

const NOT_OF_DEPLOYMENTS: Others = &[
    ("updateStrategy", Some("strategy")),
    ("podManagementPolicy", None),
    ("serviceName", None),
    ("volumeClaimTemplates", None),
    ("persistentVolumeClaimRetentionPolicy", None),
    ("ordinals", None),
];
const NOT_OF_STATEFUL_SETS: Others =
    &[("strategy", Some("updateStrategy")), ("paused", None), ("progressDeadlineSeconds", None)];
const NOT_OF_DAEMON_SETS: Others = &[
    ("replicas", None),
    ("strategy", Some("updateStrategy")),
    ("paused", None),
    ("progressDeadlineSeconds", None),
    ("podManagementPolicy", None),
    ("serviceName", None),
    ("volumeClaimTemplates", None),
    ("persistentVolumeClaimRetentionPolicy", None),
    ("ordinals", None),
];

/// What is asked of one kind.
struct Kind {
    choices: Choices,
    bounds: Bounds,
    shares: Shares,
    others: Others,
    has_pods: bool,
}

fn kind(object: &ObjectRef) -> Option<Kind> {
    let workload = |choices, bounds, shares, others| Kind { choices, bounds, shares, others, has_pods: true };
    let other = |choices, bounds, shares| Kind { choices, bounds, shares, others: &[], has_pods: false };
    Some(match (object.api_version.as_str(), object.kind.as_str()) {
        ("apps/v1", "Deployment") => workload(DEPLOYMENT, &[], DEPLOYMENT_SHARES, NOT_OF_DEPLOYMENTS),
        ("apps/v1", "StatefulSet") => workload(STATEFUL_SET, STATEFUL_SET_BOUNDS, &[], NOT_OF_STATEFUL_SETS),
        ("apps/v1", "DaemonSet") => workload(DAEMON_SET, &[], DAEMON_SET_SHARES, NOT_OF_DAEMON_SETS),
        ("v1", "Service") => other(SERVICE, &[], &[]),
        ("v1", "ConfigMap") => other(&[], &[], &[]),
        ("policy/v1", "PodDisruptionBudget") => other(DISRUPTION_BUDGET, &[], DISRUPTION_BUDGET_SHARES),
        ("autoscaling/v1" | "autoscaling/v2", "HorizontalPodAutoscaler") => other(AUTOSCALER, AUTOSCALER_BOUNDS, &[]),
        _ => return None,
    })
}

/// All that no version takes of what stands there, each with the field that it is about.
pub(super) fn refused(manifest: &Manifest) -> Vec<(String, Diagnostic)> {
    let root = &manifest.document.root;
    let Some(kind) = kind(&manifest.object) else { return Vec::new() };
    let mut look = Look { manifest, found: Vec::new() };
    look.choices(root, kind.choices);
    look.bounds(root, kind.bounds);
    look.shares(root, kind.shares);
    look.others(kind.others);
    if let Some(pod) = root.at(&["spec", "template", "spec"]).filter(|_| kind.has_pods) {
        look.choices(pod, POD);
        look.bounds(pod, POD_BOUNDS);
        for container in ["initContainers", "containers"].into_iter().filter_map(|list| pod.get(list)) {
            container.items().iter().for_each(|container| look.choices(container, CONTAINER));
        }
    }
    if let Some(spec) = root.get("spec") {
        look.too_long(spec);
    }
    match manifest.object.kind.as_str() {
        "Service" => look.twin_ports(),
        "ConfigMap" => look.twin_keys(),
        _ => {}
    }
    look.found
}

struct Look<'m> {
    manifest: &'m Manifest,
    found: Vec<(String, Diagnostic)>,
}

impl<'m> Look<'m> {
    fn report(&mut self, node: &'m Node, told: impl FnOnce(&str) -> String, help: String) {
        let place = way(&self.manifest.document.root, node).unwrap_or_default();
        let diagnostic = mark_node(Diagnostic::error(CODE, told(&place)), self.manifest, node, "here");
        self.found.push((place, diagnostic.help(help)));
    }

    /// Texts that are none of those that a field takes. An empty one the server fills in.
    fn choices(&mut self, root: &'m Node, choices: Choices) {
        for (pattern, taken) in choices {
            let mut wrong = Vec::new();
            each(root, pattern, &mut |node| {
                let text =
                    node.as_str().filter(|text| !text.is_empty() && !is_placeholder(text) && !taken.contains(text));
                wrong.extend(text.map(|text| (node, text.to_owned())));
            });
            for (node, text) in wrong {
                let alike = taken.iter().copied().find(|taken| taken.eq_ignore_ascii_case(&text));
                let help = alike
                    .or_else(|| nearest(&text, taken))
                    .map_or_else(|| "write one of these".to_owned(), |meant| format!("did you mean `{meant}`?"));
                self.report(node, |place| format!("{place} is none of {}: `{text}`", taken.join(", ")), help);
            }
        }
    }

    fn bounds(&mut self, root: &'m Node, bounds: Bounds) {
        for (pattern, least, most) in bounds {
            let mut wrong = Vec::new();
            each(root, pattern, &mut |node| {
                wrong.extend(
                    node.as_int().filter(|number| !(least..=most).contains(&number)).map(|number| (node, number)),
                );
            });
            for (node, number) in wrong {
                let (bound, side) = if number < *least { (least, "less") } else { (most, "more") };
                let told = |place: &str| format!("{place} is {number}, and can not be {side} than {bound}");
                self.report(node, told, format!("write {bound} or {}", if side == "less" { "more" } else { "less" }));
            }
        }
    }

    /// Numbers that the API server would keep a part of, wherever they stand, and not refuse.
    fn too_long(&mut self, node: &'m Node) {
        let fits = |number: i128| (i128::from(i32::MIN)..=MOST).contains(&number);
        let written = match &node.value {
            Value::Int(number) if !fits(number.get()) => number.get().to_string(),
            // 3e9 and 3000000000.0 are whole to Kubernetes; fractions are told elsewhere.
            Value::Float(text)
                if text.parse::<Quantity>().is_ok_and(|number| !fits(number.nanos() / 1_000_000_000)) =>
            {
                text.to_string()
            }
            Value::Mapping(entries) => {
                let short = |entry: &&Entry| !LONG.contains(&&*entry.key) && !QUANTITIES.contains(&&*entry.key);
                return entries.iter().filter(short).for_each(|entry| self.too_long(&entry.value));
            }
            Value::Sequence(items) => return items.iter().for_each(|item| self.too_long(item)),
            _ => return,
        };
        let place = way(&self.manifest.document.root, node);
        if !self.found.iter().any(|(told, _)| Some(told) == place.as_ref()) {
            let told = |place: &str| format!("{place} is {written}, and can not be more than {MOST} either way");
            self.report(node, told, "the API server would keep the last 32 bits of it: write a smaller number".into());
        }
    }

    /// A whole number from 0, or a share with its `%`.
    fn shares(&mut self, root: &'m Node, shares: Shares) {
        for (pattern, above) in shares {
            let mut all = Vec::new();
            each(root, pattern, &mut |node| all.push(node));
            for node in all {
                let (what, help) = match &node.value {
                    Value::Int(number) if number.get() < 0 => ("can not be below 0", "write 0 or more".to_owned()),
                    Value::Float(text) if !text.trim_end_matches('0').ends_with('.') && !text.contains(['e', 'E']) => {
                        ("must be a whole number or a share", "write it like 1 or 25%".to_owned())
                    }
                    Value::String(text) if !is_placeholder(text) => {
                        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                        let share = text.strip_suffix('%').filter(|share| digits(share));
                        match share {
                            Some(share) if *above || share.parse::<u32>().is_ok_and(|share| share <= 100) => continue,
                            Some(_) => ("can not be above 100%", "write 100% or less".to_owned()),
                            None if digits(text) => (
                                "must be a whole number or a share",
                                format!("write {text} without quotes, or {text}%"),
                            ),
                            None => ("must be a whole number or a share", "write it like 1 or 25%".to_owned()),
                        }
                    }
                    _ => continue,
                };
                let written = match &node.value {
                    Value::String(text) => format!("`{text}`"),
                    Value::Float(text) => text.to_string(),
                    _ => node.as_int().map_or_else(String::new, |number| number.to_string()),
                };
                self.report(node, |place| format!("{place} {what}, this is {written}"), help);
            }
        }
    }

    /// Fields that are another kind's.
    fn others(&mut self, others: Others) {
        let manifest = self.manifest;
        let Some(spec) = manifest.document.root.get("spec") else { return };
        for (key, meant) in others {
            let Some(entry) = spec.entry(key).filter(|entry| entry.value.value != Value::Null) else { continue };
            let kind = &manifest.object.kind;
            let message = format!("Kubernetes knows no field spec.{key} of a {kind}");
            let document = &manifest.document;
            let span = match &entry.value.value {
                // What is rendered has its line where a value is.
                Value::Mapping(_) | Value::Sequence(_) | Value::Null => {
                    document.span(entry.key_start as usize..entry.key_end as usize)
                }
                _ if manifest.rendered => document.span_of(&entry.value),
                _ => document.span(entry.key_start as usize..entry.key_end as usize),
            };
            let help = meant
                .map_or_else(|| format!("remove it: a {kind} has none"), |meant| format!("did you mean `{meant}`?"));
            let diagnostic = Diagnostic::error(CODE, message).label(span, "this key").source(document.source.clone());
            self.found.push((format!("spec.{key}"), diagnostic.help(help)));
        }
    }

    /// Two ports of a Service of one number and protocol, or of one name.
    fn twin_ports(&mut self) {
        let Some(ports) = self.manifest.document.root.at(&["spec", "ports"]) else { return };
        let (mut numbers, mut names) = (BTreeSet::new(), BTreeSet::new());
        for port in ports.items() {
            let protocol = port.get("protocol").and_then(Node::as_str).filter(|text| !text.is_empty()).unwrap_or("TCP");
            if let Some(number) = port.get("port")
                && let Some(written) = number.as_int()
                && !numbers.insert((written, protocol))
            {
                let told =
                    |place: &str| format!("{place} is {written}, as that of an earlier port of the same protocol");
                self.report(number, told, "write another number, or take one of the two out".into());
            }
            if let Some(name) = port.get("name")
                && let Some(written) = name.as_str().filter(|name| !name.is_empty() && !is_placeholder(name))
                && !names.insert(written)
            {
                let told = |place: &str| format!("{place} is `{written}`, as that of an earlier port");
                self.report(name, told, "write another name".into());
            }
        }
    }

    /// One key of a `ConfigMap` as text and as binary data.
    fn twin_keys(&mut self) {
        let root = &self.manifest.document.root;
        let (Some(data), Some(binary)) = (root.get("data"), root.get("binaryData")) else { return };
        for entry in binary.entries().iter().filter(|entry| data.get(&entry.key).is_some()) {
            let key = entry.key.to_string();
            let told = |place: &str| format!("{place} stands in data as well: a key is there once");
            self.report(&entry.value, told, format!("take `{key}` out of data or out of binaryData"));
        }
    }
}

/// What a whole manifest adds up to: bounds of several fields, and fields that go with others alone.
pub(super) fn sums(manifest: &Manifest) -> Vec<Diagnostic> {
    let root = &manifest.document.root;
    let Some(spec) = root.get("spec") else { return Vec::new() };
    let int = |key: &str| spec.get(key).and_then(Node::as_int);
    let on = |node: &Node, message: String, help: String| {
        mark_node(Diagnostic::error(CODE, message), manifest, node, "here").help(help)
    };
    let mut found = Vec::new();
    match (manifest.object.api_version.as_str(), manifest.object.kind.as_str()) {
        ("apps/v1", "Deployment") => {
            // What is there and no number is told as that.
            let given = |key: &str, default| {
                spec.get(key).filter(|n| n.value != Value::Null).map_or(Some(default), Node::as_int)
            };
            if let (Some(deadline), Some(ready)) = (given("progressDeadlineSeconds", 600), given("minReadySeconds", 0))
                && deadline >= 0
                && deadline <= ready
                && let Some(node) = spec
                    .get("progressDeadlineSeconds")
                    .filter(|n| n.as_int().is_some())
                    .or_else(|| spec.get("minReadySeconds"))
            {
                let message = format!(
                    "spec.progressDeadlineSeconds is {deadline}, and must be more than minReadySeconds ({ready})"
                );
                found.push(on(node, message, format!("write progressDeadlineSeconds: {} or more", ready + 1)));
            }
        }
        ("autoscaling/v1" | "autoscaling/v2", "HorizontalPodAutoscaler") => {
            let metrics = spec.get("metrics").map(Node::items).unwrap_or_default();
            let to_zero = |metric: &Node| matches!(metric.get("type").and_then(Node::as_str), Some(kind) if kind == "Object" || kind == "External" || is_placeholder(kind));
            // Of v1 they may stand in an annotation.
            let annotated = root.at(&["metadata", "annotations"]).is_some_and(|all| !all.entries().is_empty());
            if int("minReplicas") == Some(0)
                && !metrics.iter().any(to_zero)
                && !annotated
                && let Some(node) = spec.get("minReplicas")
            {
                let message = "spec.minReplicas is 0, which needs a metric of type Object or External".to_owned();
                found.push(on(node, message, "write 1 or more".into()));
            }
        }
        ("v1", "Service") => {
            let kind = spec.get("type").and_then(Node::as_str).filter(|kind| !kind.is_empty()).unwrap_or("ClusterIP");
            if matches!(kind, "ClusterIP" | "ExternalName") {
                for port in spec.get("ports").map(Node::items).unwrap_or_default() {
                    if let Some(node) = port.get("nodePort")
                        && node.as_int().is_some_and(|number| number > 0)
                    {
                        let place = way(root, node).unwrap_or_default();
                        let message =
                            format!("{place} is for a Service of type NodePort or LoadBalancer, this one is {kind}");
                        found.push(on(node, message, "take nodePort out, or write spec.type: NodePort".into()));
                    }
                }
            }
            let names =
                spec.get("externalName").is_some_and(|name| name.value != Value::Null && name.as_str() != Some(""));
            let slip = spec.entries().iter().any(|entry| meant(&entry.key, &["externalName"]).is_some());
            if kind == "ExternalName"
                && !names
                && !slip
                && let Some(node) = spec.get("type")
            {
                let message = "spec.type is ExternalName, and spec.externalName says no name".to_owned();
                found.push(on(node, message, "add spec.externalName, or write another type".into()));
            }
        }
        _ => {}
    }
    found
}
