//! `manifest-invalid`: a value or a field in a manifest that no Kubernetes takes.
//!
//! Only what is certain whatever the cluster: the types of fields that have never been of another type, and names that are a slip of the pen
//! away from one that there is. What a cluster's own types say beyond that is for `plan --exact`.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::required::{Wholes, missing};
use super::selector_mismatch::mismatches;
use super::unions::excluding;
use super::values::{refused, sums};
use super::{Look, Page, Rule, above_limit, container_name, mark_node};
use crate::blueprint::Manifest;
use crate::blueprint::kinds::meant_kind;
use crate::model::{Diagnostic, Quantity, WorkloadKind};
use crate::yaml::{Entry, Node, Value, described, nearest};

/// A value of the wrong type, or a misspelt field, of a workload or of what may belong to one.
pub(super) struct ManifestInvalid;

pub(super) const CODE: &str = "manifest-invalid";

/// What a field has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Whole,
    /// A whole number, below zero too: the API server warns of that, and takes it.
    Any,
    Quantity,
    Text,
    /// A number of pods, or a share of them.
    Pods,
    /// 1 to 65535.
    Port,
    /// Text that is not empty.
    Image,
    /// When an image is pulled.
    PullPolicy,
    /// The name of a container's port.
    PortName,
    /// The name of a Service's port.
    Label,
    /// The name of a container.
    Container,
}

const PULL_POLICIES: [&str; 3] = ["Always", "IfNotPresent", "Never"];

/// Fields of a workload, and what each has to be. `[]`: any item of a list, `{}`: any key of a mapping.
const WORKLOAD: &[(&str, Wanted)] = &[
    ("metadata.name", Wanted::Text),
    ("metadata.labels{}", Wanted::Text),
    ("metadata.annotations{}", Wanted::Text),
    ("spec.replicas", Wanted::Whole),
    ("spec.minReadySeconds", Wanted::Whole),
    ("spec.progressDeadlineSeconds", Wanted::Whole),
    ("spec.selector.matchLabels{}", Wanted::Text),
    ("spec.volumeClaimTemplates[].spec.resources.requests{}", Wanted::Quantity),
    ("spec.template.metadata.labels{}", Wanted::Text),
    ("spec.template.metadata.annotations{}", Wanted::Text),
    ("spec.template.spec.nodeSelector{}", Wanted::Text),
    ("spec.template.spec.serviceAccountName", Wanted::Text),
    ("spec.template.spec.terminationGracePeriodSeconds", Wanted::Any),
    ("spec.template.spec.volumes[].name", Wanted::Text),
    ("spec.template.spec.volumes[].emptyDir.sizeLimit", Wanted::Quantity),
];

/// The same of a container.
const CONTAINER: &[(&str, Wanted)] = &[
    ("name", Wanted::Container),
    ("image", Wanted::Image),
    ("imagePullPolicy", Wanted::PullPolicy),
    ("command[]", Wanted::Text),
    ("args[]", Wanted::Text),
    ("env[].name", Wanted::Text),
    ("env[].value", Wanted::Text),
    ("ports[].containerPort", Wanted::Port),
    ("ports[].name", Wanted::PortName),
    ("resources.requests{}", Wanted::Quantity),
    ("resources.limits{}", Wanted::Quantity),
    ("volumeMounts[].name", Wanted::Text),
    ("volumeMounts[].mountPath", Wanted::Text),
];

/// The same of a `ConfigMap`.
const CONFIG_MAP: &[(&str, Wanted)] =
    &[("metadata.name", Wanted::Text), ("data{}", Wanted::Text), ("binaryData{}", Wanted::Text)];

/// The same of a Service. A `targetPort` may be a name, and so anything.
const SERVICE: &[(&str, Wanted)] = &[
    ("metadata.name", Wanted::Text),
    ("metadata.labels{}", Wanted::Text),
    ("metadata.annotations{}", Wanted::Text),
    ("spec.type", Wanted::Text),
    ("spec.clusterIP", Wanted::Text),
    ("spec.selector{}", Wanted::Text),
    ("spec.ports[].name", Wanted::Label),
    ("spec.ports[].protocol", Wanted::Text),
    ("spec.ports[].port", Wanted::Port),
    ("spec.ports[].nodePort", Wanted::Whole),
];

/// The same of a `PodDisruptionBudget`.
const DISRUPTION_BUDGET: &[(&str, Wanted)] = &[
    ("metadata.name", Wanted::Text),
    ("metadata.labels{}", Wanted::Text),
    ("metadata.annotations{}", Wanted::Text),
    ("spec.minAvailable", Wanted::Pods),
    ("spec.maxUnavailable", Wanted::Pods),
    ("spec.selector.matchLabels{}", Wanted::Text),
];

/// The same of a `HorizontalPodAutoscaler`, v1 and v2 together.
const AUTOSCALER: &[(&str, Wanted)] = &[
    ("metadata.name", Wanted::Text),
    ("metadata.labels{}", Wanted::Text),
    ("metadata.annotations{}", Wanted::Text),
    ("spec.minReplicas", Wanted::Whole),
    ("spec.maxReplicas", Wanted::Whole),
    ("spec.targetCPUUtilizationPercentage", Wanted::Whole),
    ("spec.scaleTargetRef.apiVersion", Wanted::Text),
    ("spec.scaleTargetRef.kind", Wanted::Text),
    ("spec.scaleTargetRef.name", Wanted::Text),
    ("spec.metrics[].type", Wanted::Text),
    ("spec.metrics[].resource.name", Wanted::Text),
    ("spec.metrics[].resource.target.averageUtilization", Wanted::Whole),
    ("spec.metrics[].resource.target.averageValue", Wanted::Quantity),
    ("spec.metrics[].containerResource.target.averageUtilization", Wanted::Whole),
    ("spec.metrics[].containerResource.target.averageValue", Wanted::Quantity),
    ("spec.metrics[].pods.target.averageValue", Wanted::Quantity),
    ("spec.metrics[].object.target.value", Wanted::Quantity),
    ("spec.metrics[].object.target.averageValue", Wanted::Quantity),
    ("spec.metrics[].external.target.value", Wanted::Quantity),
    ("spec.metrics[].external.target.averageValue", Wanted::Quantity),
    ("spec.behavior.scaleUp.stabilizationWindowSeconds", Wanted::Whole),
    ("spec.behavior.scaleDown.stabilizationWindowSeconds", Wanted::Whole),
];

/// Mappings of a workload whose fields are bpctl's concern, and all of them as of Kubernetes 1.36; those of the three kinds together.
#[rustfmt::skip]
const WORKLOAD_FIELDS: &[(&str, &[&str])] = &[
    ("", &["apiVersion", "kind", "metadata", "spec", "status"]),
    ("spec", &[
        "minReadySeconds", "ordinals", "paused", "persistentVolumeClaimRetentionPolicy", "podManagementPolicy", "progressDeadlineSeconds",
        "replicas", "revisionHistoryLimit", "selector", "serviceName", "strategy", "template", "updateStrategy", "volumeClaimTemplates",
    ]),
    ("spec.template", &["metadata", "spec"]),
    ("spec.template.spec", &[
        "activeDeadlineSeconds", "affinity", "automountServiceAccountToken", "containers", "dnsConfig", "dnsPolicy", "enableServiceLinks",
        "ephemeralContainers", "hostAliases", "hostIPC", "hostNetwork", "hostPID", "hostUsers", "hostname", "hostnameOverride",
        "imagePullSecrets", "initContainers", "nodeName", "nodeSelector", "os", "overhead", "preemptionPolicy", "priority",
        "priorityClassName", "readinessGates", "resourceClaims", "resources", "restartPolicy", "runtimeClassName", "schedulerName",
        "schedulingGates", "schedulingGroup", "securityContext", "serviceAccount", "serviceAccountName", "setHostnameAsFQDN",
        "shareProcessNamespace", "subdomain", "terminationGracePeriodSeconds", "tolerations", "topologySpreadConstraints", "volumes",
        "workloadRef",
    ]),
];

/// The same of a container.
#[rustfmt::skip]
const CONTAINER_FIELDS: &[(&str, &[&str])] = &[
    ("", &[
        "args", "command", "env", "envFrom", "image", "imagePullPolicy", "lifecycle", "livenessProbe", "name", "ports", "readinessProbe",
        "resizePolicy", "resources", "restartPolicy", "restartPolicyRules", "securityContext", "startupProbe", "stdin", "stdinOnce",
        "terminationMessagePath", "terminationMessagePolicy", "tty", "volumeDevices", "volumeMounts", "workingDir",
    ]),
    ("env[]", &["name", "value", "valueFrom"]),
    ("ports[]", &["containerPort", "hostIP", "hostPort", "name", "protocol"]),
    ("resources", &["claims", "limits", "requests"]),
    ("resources.requests", &["cpu", "ephemeral-storage", "memory"]),
    ("resources.limits", &["cpu", "ephemeral-storage", "memory"]),
];

/// The same of a `ConfigMap`.
const CONFIG_MAP_FIELDS: &[(&str, &[&str])] =
    &[("", &["apiVersion", "binaryData", "data", "immutable", "kind", "metadata"])];

/// The same of a Service; `ipFamily` and `topologyKeys` as of versions that are gone.
#[rustfmt::skip]
const SERVICE_FIELDS: &[(&str, &[&str])] = &[
    ("", &["apiVersion", "kind", "metadata", "spec", "status"]),
    ("spec", &[
        "allocateLoadBalancerNodePorts", "clusterIP", "clusterIPs", "externalIPs", "externalName", "externalTrafficPolicy",
        "healthCheckNodePort", "internalTrafficPolicy", "ipFamilies", "ipFamily", "ipFamilyPolicy", "loadBalancerClass", "loadBalancerIP",
        "loadBalancerSourceRanges", "ports", "publishNotReadyAddresses", "selector", "sessionAffinity", "sessionAffinityConfig",
        "topologyKeys", "trafficDistribution", "type",
    ]),
    ("spec.ports[]", &["appProtocol", "name", "nodePort", "port", "protocol", "targetPort"]),
];

/// The same of a `PodDisruptionBudget`.
const DISRUPTION_BUDGET_FIELDS: &[(&str, &[&str])] = &[
    ("", &["apiVersion", "kind", "metadata", "spec", "status"]),
    ("spec", &["maxUnavailable", "minAvailable", "selector", "unhealthyPodEvictionPolicy"]),
    ("spec.selector", &["matchExpressions", "matchLabels"]),
];

/// The same of a `HorizontalPodAutoscaler`, v1 and v2 together.
#[rustfmt::skip]
const AUTOSCALER_FIELDS: &[(&str, &[&str])] = &[
    ("", &["apiVersion", "kind", "metadata", "spec", "status"]),
    ("spec", &["behavior", "maxReplicas", "metrics", "minReplicas", "scaleTargetRef", "targetCPUUtilizationPercentage"]),
    ("spec.scaleTargetRef", &["apiVersion", "kind", "name"]),
    ("spec.metrics[]", &["containerResource", "external", "object", "pods", "resource", "type"]),
    ("spec.metrics[].resource", &["name", "target"]),
    ("spec.metrics[].resource.target", &["averageUtilization", "averageValue", "type", "value"]),
    ("spec.metrics[].containerResource", &["container", "name", "target"]),
    ("spec.metrics[].containerResource.target", &["averageUtilization", "averageValue", "type", "value"]),
    ("spec.behavior", &["scaleDown", "scaleUp"]),
    ("spec.behavior.scaleUp", &["policies", "selectPolicy", "stabilizationWindowSeconds", "tolerance"]),
    ("spec.behavior.scaleDown", &["policies", "selectPolicy", "stabilizationWindowSeconds", "tolerance"]),
];

impl Rule for ManifestInvalid {
    fn page(&self) -> Page {
        Page {
            code: CODE,
            about: "A manifest holds a value or a field that Kubernetes does not take",
            explain: "The API server refuses such an object, or drops the field and does without what was meant. Reported are the fields that bpctl\n\
                itself reads, of workloads, Services, autoscalers, disruption budgets\nand ConfigMaps, and only what is wrong in every version: numbers, quantities and texts of another type, and fields whose name is\n\
                a slip of the pen away from one that there is; ports, pull policies and keys that are none, an apiVersion that is served no more, a kind\n\
                that its group does not have, a mount\n\
                without its volume, bounds of a roll-out beside a strategy without, values that are none of those that a field takes\n\
                (`type: rollingUpdate`), shares above 100%, two ports of one number; and what is not there and has to be: a selector, containers, the name\n\
                and image of each, the names of a Service's ports where it has several, a probe's port,\n\
                a volume's secretName. A patch of Kustomize has parts alone: of it the rendering is judged.\n\n\
                \x20 replicas: two                      # a whole number: 2\n  resources: {requests: {cpu: 250mm}}  # 250m\n  \
                env: [{name: DEBUG, value: yes}]     # text: \"yes\"\n  imagee: registry.example/web:1.2     # image\n\n\
                Write what the message names. Environment variables and values of a ConfigMap are text: numbers and yes, no, on, off, true,\n\
                false stand in quotes. `plan --exact` asks the API server about everything else.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = look.catalog.kindless.clone();
        // What is rendered of a file that stands there as it is has its line there.
        let mut told: BTreeSet<(&str, &str, String)> = BTreeSet::new();
        let wholes = Wholes::of(look);
        for manifest in look.all_manifests() {
            let mut lacks = missing(manifest);
            lacks.extend(excluding(manifest));
            lacks.extend(sums(manifest));
            if !lacks.is_empty() && wholes.holds(look, manifest) {
                found.extend(lacks);
            }
            for (place, diagnostic) in faults(manifest) {
                let object = &manifest.object;
                let first = told.insert((&object.kind, &object.name, place));
                if first || !manifest.rendered {
                    found.push(diagnostic);
                }
            }
        }
        found
    }
}

/// Whether something of a container is misspelt: then nobody can say what it does not declare.
pub(super) fn is_misspelt(container: &Node) -> bool {
    let mut any = false;
    values(container, CONTAINER, &mut |node, wanted| any |= fault(node, wanted).is_some());
    fields(container, CONTAINER_FIELDS, &mut |entry, known| any |= meant(&entry.key, known).is_some());
    any
}

/// The first of what no Kubernetes takes of a manifest: what Git wants of its object is then not known (R6).
pub(crate) fn first_fault(manifest: &Manifest) -> Option<Diagnostic> {
    let first = faults(manifest).into_iter().next().map(|(_, diagnostic)| diagnostic);
    let others = || {
        missing(manifest)
            .into_iter()
            .chain(excluding(manifest))
            .chain(sums(manifest))
            .chain(mismatches(manifest))
            .chain(above_limit(manifest))
            .next()
    };
    first.or_else(others)
}

/// All that is wrong with a manifest, each with the field that it is about.
fn faults(manifest: &Manifest) -> Vec<(String, Diagnostic)> {
    let (root, object) = (&manifest.document.root, &manifest.object);
    let mut found = Vec::new();
    match (object.api_version.as_str(), object.kind.as_str()) {
        ("v1", "ConfigMap") => {
            check(manifest, root, "", CONFIG_MAP, CONFIG_MAP_FIELDS, &mut found);
            config_keys(manifest, &mut found);
        }
        ("v1", "Service") => check(manifest, root, "", SERVICE, SERVICE_FIELDS, &mut found),
        ("policy/v1", "PodDisruptionBudget") => {
            check(manifest, root, "", DISRUPTION_BUDGET, DISRUPTION_BUDGET_FIELDS, &mut found);
        }
        ("autoscaling/v1" | "autoscaling/v2", "HorizontalPodAutoscaler") => {
            check(manifest, root, "", AUTOSCALER, AUTOSCALER_FIELDS, &mut found);
            found.extend(autoscaler_without_room(manifest));
        }
        _ => {}
    }
    found.extend(unserved(manifest));
    found.extend(unknown_kind(manifest));
    if object.api_version == "apps/v1" && WorkloadKind::of_kind(&object.kind).is_some() {
        check(manifest, root, "", WORKLOAD, WORKLOAD_FIELDS, &mut found);
        // A StatefulSet keeps all revisions at a number below zero.
        let history = if object.kind == "StatefulSet" { Wanted::Any } else { Wanted::Whole };
        check(manifest, root, "", &[("spec.revisionHistoryLimit", history)], &[], &mut found);
        let pod = root.at(&["spec", "template", "spec"]);
        for list in ["containers", "initContainers"] {
            for container in pod.and_then(|pod| pod.get(list)).map(Node::items).unwrap_or_default() {
                let inside = format!("spec.template.spec.{list}[name={}].", container_name(container));
                check(manifest, container, &inside, CONTAINER, CONTAINER_FIELDS, &mut found);
                mounts(manifest, container, &inside, &mut found);
            }
        }
        found.extend(strategy_without_rollout(manifest));
    }
    found.extend(refused(manifest));
    found
}

/// Versions of workloads and of what belongs to them by itself that no supported Kubernetes serves, and which it serves instead.
pub(crate) fn served_instead(api_version: &str, kind: &str) -> Option<&'static str> {
    match api_version {
        "extensions/v1beta1" | "apps/v1beta1" | "apps/v1beta2" => WorkloadKind::of_kind(kind).map(|_| "apps/v1"),
        "policy/v1beta1" => (kind == "PodDisruptionBudget").then_some("policy/v1"),
        "autoscaling/v2beta1" | "autoscaling/v2beta2" => {
            (kind == "HorizontalPodAutoscaler").then_some("autoscaling/v2")
        }
        _ => None,
    }
}

fn unserved(manifest: &Manifest) -> Option<(String, Diagnostic)> {
    let object = &manifest.object;
    let instead = served_instead(&object.api_version, &object.kind)?;
    let node = manifest.document.root.get("apiVersion")?;
    let message = format!("{} of {}: Kubernetes serves it no more", object.kind, object.api_version);
    let diagnostic = mark_node(Diagnostic::error(CODE, message), manifest, node, "here");
    // What else is another: metrics there, and what a selector without labels selects (nothing, then everything).
    let also = match object.api_version.as_str() {
        "autoscaling/v2beta1" => {
            ", and in metrics `target: {type: Utilization, averageUtilization: N}` for targetAverageUtilization"
        }
        "policy/v1beta1" if selects_all(manifest) => "; there an empty selector selects every pod of the namespace",
        _ => "",
    };
    Some(("apiVersion".into(), diagnostic.help(format!("write apiVersion: {instead}{also}"))))
}

fn selects_all(manifest: &Manifest) -> bool {
    let selector = manifest.document.root.at(&["spec", "selector"]);
    selector.is_some_and(|selector| {
        selector.entries().iter().all(|entry| entry.value.entries().is_empty() && entry.value.items().is_empty())
    })
}

fn unknown_kind(manifest: &Manifest) -> Option<(String, Diagnostic)> {
    let object = &manifest.object;
    let meant = meant_kind(&object.api_version, &object.kind)?;
    let node = manifest.document.root.get("kind")?;
    let message = format!("{} has no kind {}", object.api_version, object.kind);
    let diagnostic = mark_node(Diagnostic::error(CODE, message), manifest, node, "here");
    Some(("kind".into(), diagnostic.help(format!("did you mean `kind: {meant}`?"))))
}

/// Keys of a `ConfigMap` that are no names of files.
fn config_keys(manifest: &Manifest, found: &mut Vec<(String, Diagnostic)>) {
    let good = |key: &str| {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        (1..=253).contains(&key.len()) && key.chars().all(legal) && key != "." && !key.starts_with("..")
    };
    for part in ["data", "binaryData"] {
        let entries = manifest.document.root.get(part).map(Node::entries).unwrap_or_default();
        for entry in entries.iter().filter(|entry| !good(&entry.key) && !is_placeholder(&entry.key)) {
            let message = format!("{part} has a key that is none: `{}`", entry.key);
            let span = manifest.document.span(entry.key_start as usize..entry.key_end as usize);
            let diagnostic = Diagnostic::error(CODE, message).label(span, "this key");
            let diagnostic = diagnostic.source(manifest.document.source.clone());
            let help = "keys are made of letters, digits, `-`, `_` and `.`";
            found.push((format!("{part}.{}", entry.key), diagnostic.help(help)));
        }
    }
}

/// Among so many volumes at most the one that may have been meant is looked for (T42).
const FEW: usize = 100;

/// Mounts of a container whose volume the pod does not have; a `StatefulSet`'s claims are volumes.
fn mounts(manifest: &Manifest, container: &Node, inside: &str, found: &mut Vec<(String, Diagnostic)>) {
    let root = &manifest.document.root;
    let items = |keys: &[&str]| root.at(keys).map(Node::items).unwrap_or_default().iter();
    let volumes = items(&["spec", "template", "spec", "volumes"]).filter_map(|volume| volume.get("name"));
    let claims = items(&["spec", "volumeClaimTemplates"]).filter_map(|claim| claim.at(&["metadata", "name"]));
    let names: Vec<&str> = volumes.chain(claims).filter_map(Node::as_str).collect();
    let known: HashSet<&str> = names.iter().copied().collect();
    let open = names.iter().any(|name| is_placeholder(name));
    for mount in container.get("volumeMounts").map(Node::items).unwrap_or_default() {
        let Some(node) = mount.get("name") else { continue };
        let Some(name) = node.as_str().filter(|name| !known.contains(name) && !is_placeholder(name)) else { continue };
        if open {
            continue;
        }
        let message = format!("{inside}volumeMounts[name={name}] mounts a volume that the pod does not have");
        let diagnostic = mark_node(Diagnostic::error(CODE, message), manifest, node, "no such volume");
        found.push((
            format!("{inside}volumeMounts[name={name}]"),
            diagnostic.help(match nearest(name, names.get(..FEW).unwrap_or(&names)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "declare it below spec.template.spec.volumes".into(),
            }),
        ));
    }
}

/// Bounds of a roll-out beside a strategy that has none: the API server refuses the two together.
fn strategy_without_rollout(manifest: &Manifest) -> Option<(String, Diagnostic)> {
    let (field, without) = match manifest.object.kind.as_str() {
        "Deployment" => ("strategy", "Recreate"),
        "StatefulSet" => ("updateStrategy", "OnDelete"),
        _ => return None,
    };
    let strategy = manifest.document.root.at(&["spec", field])?;
    strategy.get("type").and_then(Node::as_str).filter(|named| *named == without)?;
    let bounds = strategy.get("rollingUpdate").filter(|node| node.value != Value::Null)?;
    let place = format!("spec.{field}.rollingUpdate");
    let message = format!("{place} stands beside type: {without}, which has none");
    let diagnostic = mark_node(Diagnostic::error(CODE, message), manifest, bounds, "here");
    Some((place, diagnostic.help(format!("delete rollingUpdate, or write type: RollingUpdate instead of {without}"))))
}

/// A `maxReplicas` below `minReplicas`, which is 1 where nothing is said; zero is for those who switch that on.
fn autoscaler_without_room(manifest: &Manifest) -> Option<(String, Diagnostic)> {
    let spec = manifest.document.root.get("spec")?;
    let most = spec.get("maxReplicas")?;
    let least = spec.get("minReplicas").filter(|node| node.value != Value::Null);
    let (most_number, least_number) = (most.as_int()?, least.map_or(Some(1), Node::as_int)?);
    if most_number >= least_number {
        return None;
    }
    let message = format!("spec.maxReplicas is {most_number}, below minReplicas ({least_number})");
    let diagnostic = mark_node(Diagnostic::error(CODE, message), manifest, most, "here");
    let diagnostic = match least {
        Some(least) => mark_node(diagnostic, manifest, least, "more than the most"),
        None => diagnostic,
    };
    Some(("spec.maxReplicas".into(), diagnostic.help(format!("write {least_number} or more"))))
}

fn check(
    manifest: &Manifest,
    root: &Node,
    inside: &str,
    types: &[(&str, Wanted)],
    known: &[(&str, &[&str])],
    found: &mut Vec<(String, Diagnostic)>,
) {
    let document = &manifest.document;
    let mut report = |place: String, message: String, span, label: &str, help: String| {
        let diagnostic = Diagnostic::error(CODE, message).label(span, label).source(document.source.clone());
        found.push((place, diagnostic.help(help)));
    };
    let mut wrong = Vec::new();
    values(root, types, &mut |node, wanted| wrong.extend(fault(node, wanted).map(|wrong| (node, wanted, wrong))));
    let mut misspelt = Vec::new();
    fields(root, known, &mut |entry, known| misspelt.extend(meant(&entry.key, known).map(|meant| (entry, meant))));
    if wrong.is_empty() && misspelt.is_empty() {
        return;
    }
    let ways = ways(root, wrong.iter().map(|(node, ..)| *node).chain(misspelt.iter().map(|(entry, _)| &entry.value)));
    let place_of =
        |node: &Node| format!("{inside}{}", ways.get(&std::ptr::from_ref(node)).cloned().unwrap_or_default());
    for (node, wanted, wrong) in wrong {
        let written = document.source.text.get(node.range()).unwrap_or_default();
        let place = place_of(node);
        let message = format!("{place} {wrong}");
        report(place, message, document.span_of(node), "here", help(node, wanted, written));
    }
    for (entry, meant) in misspelt {
        let place = place_of(&entry.value);
        let span = document.span(entry.key_start as usize..entry.key_end as usize);
        let message = format!("Kubernetes knows no field {place}");
        report(place, message, span, "this key", format!("did you mean `{meant}`?"));
    }
}

/// What is wrong with a value. Nothing (`null`) is always right: it stands for a field that is left out. So is what something else fills in later.
fn fault(node: &Node, wanted: Wanted) -> Option<String> {
    let wrong = |wanted: &str| Some(format!("must be {wanted}, this is {}", described(node)));
    match (wanted, &node.value) {
        // 2.0 and 1e3 are whole to Kubernetes.
        (Wanted::Whole | Wanted::Any, Value::Float(text)) => {
            let part = text.split_once('.').map_or("", |(_, part)| part);
            let is_broken = part.bytes().all(|byte| byte.is_ascii_digit()) && part.bytes().any(|byte| byte != b'0');
            is_broken.then(|| format!("must be a whole number, this is {text}"))
        }
        (Wanted::Quantity, Value::Int(number)) if number.get() < 0 => Some(below_zero(&number.to_string())),
        (Wanted::Quantity, Value::Float(text)) if is_negative(text) => Some(below_zero(text)),
        (_, Value::Null)
        | (Wanted::Text, Value::String(_))
        | (Wanted::Any | Wanted::Pods, Value::Int(_))
        | (Wanted::Port, Value::Float(_))
        | (Wanted::Quantity, Value::Int(_) | Value::Float(_)) => None,
        (Wanted::Whole, Value::Int(number)) => (number.get() < 0).then(|| below_zero(&number.to_string())),
        (Wanted::Port, Value::Int(number)) => {
            (!(1..=65535).contains(&number.get())).then(|| format!("is {number}, and ports are 1 to 65535"))
        }
        (Wanted::Image, Value::String(text)) => {
            text.trim().is_empty().then(|| "is empty, and must name an image".into())
        }
        // An empty one the server fills in.
        (Wanted::PullPolicy, Value::String(text)) => {
            (!text.is_empty() && !is_placeholder(text) && !PULL_POLICIES.contains(&&**text))
                .then(|| format!("is none of {}: `{text}`", PULL_POLICIES.join(", ")))
        }
        (
            Wanted::Whole
            | Wanted::Any
            | Wanted::Quantity
            | Wanted::Port
            | Wanted::PortName
            | Wanted::Label
            | Wanted::Container,
            Value::String(text),
        ) if is_placeholder(text) => None,
        // Nothing is what a Service's only port may have, and is asked for where there are several.
        (Wanted::PortName | Wanted::Label, Value::String(text)) if text.is_empty() || is_port_name(text, wanted) => {
            None
        }
        (Wanted::PortName, Value::String(text)) => Some(format!(
            "is no name of a port: `{text}`; those are 1 to 15 of a-z, 0-9 and `-`, one letter at least, and no `-` at an end or beside another"
        )),
        (Wanted::Label, Value::String(text)) => Some(format!(
            "is no name of a port: `{text}`; those of a Service are 1 to 63 of a-z, 0-9 and `-`, with no `-` at an end"
        )),
        // One without a name lacks it, which is told as that.
        (Wanted::Container, Value::String(text)) if text.is_empty() || is_port_name(text, Wanted::Label) => None,
        (Wanted::Container, Value::String(text)) => Some(format!(
            "is no name of a container: `{text}`; those are 1 to 63 of a-z, 0-9 and `-`, with no `-` at an end"
        )),
        (Wanted::Whole | Wanted::Any | Wanted::Port, _) => wrong("a whole number"),
        (Wanted::Quantity, Value::String(text)) if Quantity::is_spelt(text) && is_negative(text) => {
            Some(below_zero(text))
        }
        (Wanted::Quantity, Value::String(text)) => {
            (!Quantity::is_spelt(text)).then(|| format!("is no quantity such as 250m or 128Mi: `{text}`"))
        }
        (Wanted::Quantity, _) => wrong("a quantity such as 250m or 128Mi"),
        (Wanted::Pods, Value::String(text)) if is_share(text) || is_placeholder(text) => None,
        (Wanted::Pods, _) => wrong("a whole number such as 1 or a share such as 50%"),
        (
            Wanted::Text | Wanted::Image | Wanted::PullPolicy | Wanted::PortName | Wanted::Label | Wanted::Container,
            _,
        ) => wrong("text"),
    }
}

fn below_zero(number: &str) -> String {
    format!("is {number}, and can not be below 0")
}

/// Below zero; `-0` is not.
fn is_negative(number: &str) -> bool {
    number.starts_with('-') && number.bytes().any(|byte| (b'1'..=b'9').contains(&byte))
}

/// Whether the API server takes the name of a port: of a container's as IANA names services, of a Service's as DNS names hosts.
fn is_port_name(text: &str, wanted: Wanted) -> bool {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let most = if wanted == Wanted::PortName { 15 } else { 63 };
    let alike =
        (1..=most).contains(&text.len()) && text.bytes().all(legal) && !text.starts_with('-') && !text.ends_with('-');
    let service = || text.bytes().any(|byte| byte.is_ascii_lowercase()) && !text.contains("--");
    alike && (wanted != Wanted::PortName || service())
}

/// What something else fills in later.
pub(super) fn is_placeholder(text: &str) -> bool {
    text.contains('$') || text.contains("{{")
}

/// `50%`.
fn is_share(text: &str) -> bool {
    text.strip_suffix('%').is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What to write instead.
fn help(node: &Node, wanted: Wanted, written: &str) -> String {
    let text = node.as_str().unwrap_or_default();
    match wanted {
        Wanted::Whole | Wanted::Any | Wanted::Pods | Wanted::Port if text.parse::<u32>().is_ok() => {
            format!("write {text} without quotes")
        }
        Wanted::Whole | Wanted::Any => "write a whole number, such as 2".into(),
        Wanted::Port => "write a port from 1 to 65535".into(),
        Wanted::Image if node.as_str().is_some() => "write the image that the container runs".into(),
        Wanted::PullPolicy if node.as_str().is_some() => nearest(text, &PULL_POLICIES)
            .map_or_else(|| "write one of these".into(), |meant| format!("did you mean `{meant}`?")),
        Wanted::Quantity => Quantity::meant(text).map_or_else(
            || "write 250m or 0.25 for CPU, 128Mi or 1Gi for memory".into(),
            |meant| format!("write {meant}"),
        ),
        Wanted::Pods => "write a number of pods, such as 1, or a share, such as 50%".into(),
        Wanted::PortName | Wanted::Label | Wanted::Container if node.as_str().is_some() => {
            let lower = text.to_ascii_lowercase().replace('_', "-");
            let meant =
                is_port_name(&lower, if wanted == Wanted::PortName { wanted } else { Wanted::Label }).then_some(lower);
            format!("write {}", meant.unwrap_or_else(|| "a short name in lower case, such as http".into()))
        }
        // A number in quotes is no name of a container's port.
        Wanted::PortName => "write a name, such as http, or delete it".into(),
        Wanted::Text | Wanted::Image | Wanted::PullPolicy | Wanted::Label | Wanted::Container
            if node.items().is_empty() && node.entries().is_empty() =>
        {
            format!("write \"{written}\" in quotes")
        }
        Wanted::Text | Wanted::Image | Wanted::PullPolicy | Wanted::Label | Wanted::Container => {
            "write one text".into()
        }
    }
}

/// The field that somebody who wrote a name that is none may have meant.
pub(super) fn meant<'n>(key: &str, known: &[&'n str]) -> Option<&'n str> {
    // `$patch` and the like are Kustomize's.
    if known.contains(&key) || key.starts_with('$') { None } else { nearest(key, known) }
}

/// Every value that a pattern leads to.
fn values<'n>(root: &'n Node, types: &[(&str, Wanted)], visit: &mut dyn FnMut(&'n Node, Wanted)) {
    for (pattern, wanted) in types {
        each(root, pattern, &mut |node| visit(node, *wanted));
    }
}

/// Every key of the mappings that patterns lead to, with the names that are known there.
fn fields<'n, 'k>(root: &'n Node, known: &[(&str, &'k [&'k str])], visit: &mut dyn FnMut(&'n Entry, &'k [&'k str])) {
    for (pattern, names) in known {
        each(root, pattern, &mut |node| node.entries().iter().for_each(|entry| visit(entry, names)));
    }
}

/// Visits what a pattern leads to.
pub(super) fn each<'n>(node: &'n Node, pattern: &str, visit: &mut dyn FnMut(&'n Node)) {
    if pattern.is_empty() {
        return visit(node);
    }
    // Thousands of manifests times tens of patterns: a search for one byte of a short text costs more to begin than to do.
    let dot = pattern.bytes().position(|byte| byte == b'.');
    let (step, rest) = dot.map_or((pattern, ""), |dot| (&pattern[..dot], &pattern[dot + 1..]));
    if let Some(list) = step.strip_suffix("[]") {
        let items = node.get(list).map_or(&[] as &[Node], Node::items);
        for item in items {
            each(item, rest, visit);
        }
    } else if let Some(map) = step.strip_suffix("{}") {
        let entries = node.get(map).map_or(&[] as &[Entry], Node::entries);
        for entry in entries {
            each(&entry.value, rest, visit);
        }
    } else if let Some(child) = node.get(step) {
        each(child, rest, visit);
    }
}

/// The way from a node to one inside it, as people write it. Looked for only where something is wrong.
pub(super) fn way(from: &Node, to: &Node) -> Option<String> {
    ways(from, std::iter::once(to)).remove(&std::ptr::from_ref(to))
}

/// The same to many, in one walk (T42).
fn ways<'n>(from: &'n Node, to: impl Iterator<Item = &'n Node>) -> HashMap<*const Node, String> {
    let mut wanted: HashSet<*const Node> = to.map(std::ptr::from_ref).collect();
    let mut found = HashMap::new();
    walk(from, &mut Vec::new(), &mut wanted, &mut found);
    found
}

/// A step to a node: below a key, or an item of a list.
#[derive(Clone, Copy)]
enum Step<'n> {
    Key(&'n str),
    Item(usize, &'n Node),
}

fn walk<'n>(
    node: &'n Node,
    steps: &mut Vec<Step<'n>>,
    wanted: &mut HashSet<*const Node>,
    found: &mut HashMap<*const Node, String>,
) {
    if wanted.is_empty() {
        return;
    }
    if wanted.remove(&std::ptr::from_ref(node)) {
        found.insert(std::ptr::from_ref(node), written(steps));
    }
    for entry in node.entries() {
        steps.push(Step::Key(&entry.key));
        walk(&entry.value, steps, wanted, found);
        steps.pop();
    }
    for (at, item) in node.items().iter().enumerate() {
        steps.push(Step::Item(at, item));
        walk(item, steps, wanted, found);
        steps.pop();
    }
}

fn written(steps: &[Step<'_>]) -> String {
    let mut way = String::new();
    for step in steps {
        match step {
            Step::Key(key) => {
                let dot = if way.is_empty() { "" } else { "." };
                way.push_str(&format!("{dot}{key}"));
            }
            Step::Item(at, item) => match item.get("name").and_then(Node::as_str) {
                Some(name) => way.push_str(&format!("[name={name}]")),
                None => way.push_str(&format!("[{at}]")),
            },
        }
    }
    way
}
