//! What every version of Kubernetes asks of an object: without it the API server refuses the whole (`manifest-invalid`, R6).
//!
//! Only of whole objects: what Kustomize merges into another one has a part of it by design, and is judged by what is rendered of it.

use std::collections::{BTreeMap, BTreeSet};

use super::manifest_invalid::{CODE, each, meant, way};
use super::{Look, mark_node};
use crate::blueprint::{Catalog, Manifest};
use crate::model::{Diagnostic, ObjectRef};
use crate::yaml::{Entry, Node, Value, nearest};

/// Mappings, and what each has to have. A path is as in `manifest-invalid`.
type Needs = &'static [(&'static str, &'static [&'static str])];

const WORKLOAD: Needs = &[("", &["spec"]), ("spec", &["selector", "template"]), ("spec.template", &["spec"])];
const JOB: Needs = &[("", &["spec"]), ("spec", &["template"]), ("spec.template", &["spec"])];
const CRON_JOB: Needs = &[
    ("", &["spec"]),
    ("spec", &["schedule", "jobTemplate"]),
    ("spec.jobTemplate", &["spec"]),
    ("spec.jobTemplate.spec", &["template"]),
    ("spec.jobTemplate.spec.template", &["spec"]),
];
const POD: Needs = &[("", &["spec"])];
/// Of a Service without ports of its own see `ports_of`.
const SERVICE: Needs = &[("", &["spec"]), ("spec.ports[]", &["port"])];
const AUTOSCALER: Needs = &[
    ("", &["spec"]),
    ("spec", &["maxReplicas", "scaleTargetRef"]),
    ("spec.scaleTargetRef", &["kind", "name"]),
    ("spec.metrics[]", &["type"]),
    ("spec.metrics[].resource", &["name", "target"]),
    ("spec.metrics[].resource.target", &["type"]),
];

/// Of what a pod is made of.
const POD_SPEC: Needs = &[
    ("", &["containers"]),
    ("volumes[]", &["name"]),
    ("volumes[].secret", &["secretName"]),
    ("volumes[].secret.items[]", &["key", "path"]),
    ("volumes[].configMap", &["name"]),
    ("volumes[].configMap.items[]", &["key", "path"]),
    ("volumes[].persistentVolumeClaim", &["claimName"]),
    ("volumes[].hostPath", &["path"]),
];
const CONTAINER: Needs = &[
    ("", &["name", "image"]),
    ("ports[]", &["containerPort"]),
    ("env[]", &["name"]),
    ("volumeMounts[]", &["name", "mountPath"]),
    ("env[].valueFrom.configMapKeyRef", &["name", "key"]),
    ("env[].valueFrom.secretKeyRef", &["name", "key"]),
    ("env[].valueFrom.fieldRef", &["fieldPath"]),
    ("env[].valueFrom.resourceFieldRef", &["resource"]),
    ("envFrom[].configMapRef", &["name"]),
    ("envFrom[].secretRef", &["name"]),
    ("livenessProbe.httpGet", &["port"]),
    ("livenessProbe.tcpSocket", &["port"]),
    ("livenessProbe.grpc", &["port"]),
    ("readinessProbe.httpGet", &["port"]),
    ("readinessProbe.tcpSocket", &["port"]),
    ("readinessProbe.grpc", &["port"]),
    ("startupProbe.httpGet", &["port"]),
    ("startupProbe.tcpSocket", &["port"]),
    ("startupProbe.grpc", &["port"]),
    ("lifecycle.postStart.httpGet", &["port"]),
    ("lifecycle.preStop.httpGet", &["port"]),
];

/// What an object of this kind has to have, and where its pods' specification stands.
fn needs(object: &ObjectRef) -> Option<(Needs, Option<&'static [&'static str]>)> {
    const TEMPLATE: &[&str] = &["spec", "template", "spec"];
    Some(match (object.api_version.as_str(), object.kind.as_str()) {
        ("apps/v1", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet") => (WORKLOAD, Some(TEMPLATE)),
        ("batch/v1", "Job") => (JOB, Some(TEMPLATE)),
        ("batch/v1", "CronJob") => (CRON_JOB, Some(&["spec", "jobTemplate", "spec", "template", "spec"])),
        ("v1", "Pod") => (POD, Some(&["spec"])),
        ("v1", "Service") => (SERVICE, None),
        ("autoscaling/v1" | "autoscaling/v2", "HorizontalPodAutoscaler") => (AUTOSCALER, None),
        _ => return None,
    })
}

/// Where an object of this kind holds the specification of its pods.
pub(super) fn pod_keys(object: &ObjectRef) -> Option<&'static [&'static str]> {
    needs(object)?.1
}

/// All that a manifest lacks, if it declares the whole object.
pub(super) fn missing(manifest: &Manifest) -> Vec<Diagnostic> {
    let Some((needs, pod)) = needs(&manifest.object) else { return Vec::new() };
    let root = &manifest.document.root;
    let mut found = Vec::new();
    lacking(manifest, root, needs, &mut found);
    if let Some(pod) = pod.and_then(|keys| root.at(keys)).filter(|pod| !pod.entries().is_empty()) {
        lacking(manifest, pod, POD_SPEC, &mut found);
        for list in ["initContainers", "containers"] {
            for container in pod.get(list).map(Node::items).unwrap_or_default() {
                lacking(manifest, container, CONTAINER, &mut found);
            }
        }
    }
    if manifest.object.kind == "Service" {
        found.extend(ports_of(manifest));
    }
    found
}

/// What the mappings that patterns lead to do not have. Where one of them is not there at all, that is told once, of what should hold it.
fn lacking(manifest: &Manifest, root: &Node, needs: Needs, found: &mut Vec<Diagnostic>) {
    for (pattern, keys) in needs {
        each(root, pattern, &mut |node| {
            let is_item = pattern.is_empty() || pattern.ends_with("[]");
            if node.value == Value::Null && !is_item {
                return;
            }
            let absent = keys.iter().filter(|key| !has(node, key));
            // A key that is a slip away from this one is told as that.
            let slip = |key: &str| node.entries().iter().any(|entry| meant(&entry.key, &[key]).is_some());
            let absent = absent.filter(|key| !slip(key));
            found.extend(absent.map(|key| told(manifest, node, key)));
        });
    }
}

/// Whether a mapping has something there: nothing, and a list without items, are nothing to the API server.
fn has(node: &Node, key: &str) -> bool {
    let empty = |node: &Node| match &node.value {
        Value::Null => true,
        Value::Sequence(items) => items.is_empty(),
        Value::String(text) => key == "name" && text.is_empty(),
        // A selector that selects everything.
        Value::Mapping(entries) => key == "selector" && entries.iter().all(|entry| is_nothing(&entry.value)),
        _ => false,
    };
    node.get(key).is_some_and(|node| !empty(node))
}

fn is_nothing(node: &Node) -> bool {
    node.value == Value::Null || (node.entries().is_empty() && node.items().is_empty() && node.as_str().is_none())
}

fn told(manifest: &Manifest, node: &Node, key: &str) -> Diagnostic {
    let root = &manifest.document.root;
    let place = way(root, node).filter(|place| !place.is_empty());
    let whose = place.clone().unwrap_or_else(|| manifest.object.to_string());
    let message = format!("{whose} has no {key}, which every version of Kubernetes asks for");
    let field = place.map_or_else(|| key.to_owned(), |place| format!("{place}.{key}"));
    at(Diagnostic::error(CODE, message), manifest, node, key).help(help(root, node, key, &field))
}

/// Points to the key that is there with nothing in it; else to the first of the mapping that lacks it. Of what is rendered to a value, whose line
/// can be found.
fn at(diagnostic: Diagnostic, manifest: &Manifest, node: &Node, key: &str) -> Diagnostic {
    fn scalar(node: &Node) -> Option<&Node> {
        match &node.value {
            Value::Null => None,
            Value::Mapping(entries) => entries.iter().find_map(|entry| scalar(&entry.value)),
            Value::Sequence(items) => items.iter().find_map(scalar),
            _ => Some(node),
        }
    }
    let named = node.get("name").filter(|name| name.as_str().is_some());
    let label = format!("without {key}");
    match node.entry(key) {
        Some(Entry { key_start, key_end, .. }) => {
            let span = manifest.document.span(*key_start as usize..*key_end as usize);
            diagnostic.label(span, "nothing in it").source(manifest.document.source.clone())
        }
        None if manifest.rendered => {
            mark_node(diagnostic, manifest, named.or_else(|| scalar(node)).unwrap_or(node), label)
        }
        None => mark_node(diagnostic, manifest, node, label),
    }
}

/// What to write.
fn help(root: &Node, node: &Node, key: &str, field: &str) -> String {
    let text = |node: &Node| node.as_str().map(str::to_owned);
    match key {
        "selector" => {
            let labels = root.at(&["spec", "template", "metadata", "labels"]).map(Node::entries).unwrap_or_default();
            match labels.iter().find_map(|entry| Some((&entry.key, text(&entry.value)?))) {
                Some((label, value)) => format!("add {field}: {{matchLabels: {{{label}: {value}}}}}"),
                None => format!("add {field}: {{matchLabels: {{…}}}} with labels that its template carries"),
            }
        }
        "containers" => format!("add {field}: a list with the name and the image of each container"),
        "image" => {
            let name = node.get("name").and_then(Node::as_str).unwrap_or_default();
            let list = |keys: &[&str]| root.at(keys).map(Node::items).unwrap_or_default().iter();
            let all = list(&["spec", "template", "spec", "containers"])
                .chain(list(&["spec", "template", "spec", "initContainers"]))
                .filter(|other| has(other, "image"));
            let names: Vec<&str> = all.filter_map(|other| other.get("name")?.as_str()).collect();
            match nearest(name, &names) {
                Some(meant) => format!("did you mean the container `{meant}`? A patch finds it by its name"),
                None => format!("add {field}: the image that the container runs"),
            }
        }
        // The usual slip: a volume's ConfigMap has a name, its Secret a secretName.
        "secretName" if node.get("name").is_some() => "did you mean `secretName` for `name`?".into(),
        "name" if node.get("secretName").is_some() => "did you mean `name` for `secretName`?".into(),
        "name" if node.get("configMapName").is_some() => "did you mean `name` for `configMapName`?".into(),
        "containerPort" | "port" => format!("add {field}: a port from 1 to 65535"),
        "schedule" => format!("add {field}, such as \"0 3 * * *\""),
        _ => format!("add {field}"),
    }
}

/// A Service that has no ports where it needs some, or several of which one has no name.
fn ports_of(manifest: &Manifest) -> Vec<Diagnostic> {
    let root = &manifest.document.root;
    let Some(spec) = root.get("spec").filter(|spec| !spec.entries().is_empty()) else { return Vec::new() };
    let text = |key| spec.get(key).and_then(Node::as_str);
    let ports = spec.get("ports").map(Node::items).unwrap_or_default();
    let none_needed = text("type") == Some("ExternalName") || text("clusterIP") == Some("None");
    let slip = spec.entries().iter().any(|entry| meant(&entry.key, &["ports", "type", "clusterIP"]).is_some());
    if ports.is_empty() && !none_needed && !slip && !has(spec, "clusterIPs") {
        return vec![told(manifest, spec, "ports")];
    }
    if ports.len() < 2 {
        return Vec::new();
    }
    let nameless = ports.iter().filter(|port| {
        !has(port, "name") && !port.entries().iter().any(|entry| meant(&entry.key, &["name"]).is_some())
    });
    let told = |port: &Node| {
        let place = way(root, port).unwrap_or_default();
        let message = format!("{place} has no name: of several ports of a Service each must have one");
        at(Diagnostic::error(CODE, message), manifest, port, "name").help(format!("add {place}.name, such as http"))
    };
    nameless.map(told).collect()
}

/// Whether a manifest says that it is a part that something else merges: `$patch` and the like.
fn is_patch(node: &Node) -> bool {
    let here = node.entries().iter().any(|entry| entry.key.starts_with('$') || is_patch(&entry.value));
    here || node.items().iter().any(is_patch)
}

/// The manifests that declare whole objects: what is rendered, what blueprints are about, and of what else stands below their sources as it is
/// delivered that which nothing else in the repository may be a patch of.
pub(super) struct Wholes<'c> {
    governed: BTreeSet<*const Manifest>,
    /// How many files' manifests are of one kind and name.
    alike: BTreeMap<(&'c str, &'c str), usize>,
}

impl<'c> Wholes<'c> {
    pub(super) fn of(look: &Look<'c>) -> Self {
        let catalog: &'c Catalog = look.catalog;
        let mut governed: BTreeSet<*const Manifest> = look.targets().map(std::ptr::from_ref).collect();
        for (name, blueprint) in &catalog.blueprints {
            for environment in catalog.workspace.value.environments.keys().filter(|e| blueprint.value.is_in(e)) {
                let companions = catalog.companions(environment, name).compared;
                governed.extend(companions.into_iter().map(|companion| std::ptr::from_ref(companion.manifest)));
            }
        }
        let mut alike: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for manifest in catalog.manifests.values().flat_map(|file| file.iter()) {
            *alike.entry((&manifest.object.kind, &manifest.object.name)).or_default() += 1;
        }
        Self { governed, alike }
    }

    /// Whether this is one of them.
    pub(super) fn holds(&self, look: &Look<'c>, manifest: &Manifest) -> bool {
        let alone = || {
            let object = &manifest.object;
            self.alike.get(&(object.kind.as_str(), object.name.as_str())) == Some(&1)
                && !is_patch(&manifest.document.root)
                && look.reaches(manifest)
        };
        manifest.rendered || self.governed.contains(&std::ptr::from_ref(manifest)) || alone()
    }
}
