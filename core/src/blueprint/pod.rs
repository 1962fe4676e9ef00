//! What a workload's manifest says of its containers.

use std::collections::{BTreeMap, BTreeSet};

use super::Manifest;
use crate::model::{Name, Quantity, RepoPath};
use crate::yaml::{Entry, Node, Value, nearest};

/// The containers that run as long as the pod does, by name: sidecars among the init containers too (B7).
pub fn containers(manifest: &Node) -> Vec<(String, &Node)> {
    let list = |key| manifest.at(&["spec", "template", "spec", key]).map(Node::items).unwrap_or_default();
    let sidecar = |node: &&Node| node.get("restartPolicy").and_then(Node::as_str) == Some("Always");
    let all = list("containers").iter().chain(list("initContainers").iter().filter(sidecar));
    all.map(|node| (node.get("name").and_then(Node::as_str).unwrap_or_default().to_owned(), node)).collect()
}

/// The container that a blueprint's `spec.resources` is about (B7): the one that it names, else the only one.
///
/// # Errors
/// Why there is none, in one clause.
pub fn sized_container<'m>(manifest: &'m Node, named: Option<&Name>) -> Result<(String, &'m Node), String> {
    let all = containers(manifest);
    match (named, all.as_slice()) {
        (None, [(name, node)]) => Ok((name.clone(), node)),
        (None, _) => Err(format!(
            "its pods have {} containers, and whose bounds spec.resources holds cannot be told: name one as \
             spec.resources.container",
            all.len()
        )),
        (Some(named), _) => {
            let of_its_own = main_containers(manifest).iter();
            let found = of_its_own.map(|node| (node.get("name").and_then(Node::as_str).unwrap_or_default(), node));
            let mut found = found.filter(|(name, _)| *name == named.as_str());
            let found = found.next().map(|(name, node)| (name.to_owned(), node));
            found.ok_or_else(|| format!("spec.resources.container is {named}, and its pods have no such container"))
        }
    }
}

/// The replicas that a manifest declares: 1 where it says nothing. `None`: what it says is no whole number (B6).
pub fn replicas(manifest: &Node) -> Option<i128> {
    match manifest.at(&["spec", "replicas"]) {
        None | Some(Node { value: Value::Null, .. }) => Some(1),
        Some(written) => written.as_int(),
    }
}

/// A quantity as Kubernetes takes it, text or number.
pub fn quantity(node: &Node) -> Option<Quantity> {
    quantity_of(&node.to_json())
}

/// The same of JSON.
pub fn quantity_of(value: &serde_json::Value) -> Option<Quantity> {
    match value {
        serde_json::Value::String(text) => text.parse().ok(),
        serde_json::Value::Number(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

/// The containers that a workload's pods are for: none of the init containers.
pub(super) fn main_containers(manifest: &Node) -> &[Node] {
    manifest.at(&["spec", "template", "spec", "containers"]).map(Node::items).unwrap_or_default()
}

/// What a container declares of a resource: `requests` or `limits`, as it is written. `None`: nothing, or nothing that can be read.
pub fn declared(container: &Node, part: &str, resource: &str) -> Option<Quantity> {
    match &container.at(&["resources", part, resource])?.value {
        Value::String(text) | Value::Float(text) => text.parse().ok(),
        Value::Int(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

/// The sum over a pod's containers. `None`: one of them says nothing, so that the sum is not known.
pub(super) fn declared_total(manifest: &Node, part: &str, resource: &str) -> Option<Quantity> {
    if main_containers(manifest).is_empty() {
        return None;
    }
    // Sidecars among the init containers run, and are measured, as long as the pod does.
    let all = containers(manifest);
    let parts: Option<Vec<Quantity>> = all.iter().map(|(_, container)| declared(container, part, resource)).collect();
    parts.map(|parts| Quantity::sum_of(&parts))
}

/// The template of the pods that a manifest makes: it is one itself where it is a pod.
pub(super) fn pod_template(manifest: &Manifest) -> Option<&Node> {
    let root = &manifest.document.root;
    match manifest.object.kind.as_str() {
        "Pod" => Some(root),
        "CronJob" => root.at(&["spec", "jobTemplate", "spec", "template"]),
        _ => root.at(&["spec", "template"]),
    }
}

/// Where the pods of a template name `ConfigMap`s that they read: each with its `name`, and whether it is `optional`.
pub(super) fn config_references(template: &Node) -> Vec<&Node> {
    fn items<'n>(node: &'n Node, keys: &[&str]) -> &'n [Node] {
        node.at(keys).map(Node::items).unwrap_or_default()
    }
    let Some(pod) = template.get("spec") else { return Vec::new() };
    let mut found = Vec::new();
    for volume in items(pod, &["volumes"]) {
        let projected = items(volume, &["projected", "sources"]).iter();
        found.extend([volume].into_iter().chain(projected).filter_map(|source| source.get("configMap")));
    }
    for container in items(pod, &["containers"]).iter().chain(items(pod, &["initContainers"])) {
        found.extend(items(container, &["envFrom"]).iter().filter_map(|source| source.get("configMapRef")));
        let variables = items(container, &["env"]).iter();
        found.extend(variables.filter_map(|variable| variable.at(&["valueFrom", "configMapKeyRef"])));
    }
    found
}

/// The names of the `ConfigMap`s that the pods of a workload read (B17).
pub(crate) fn config_names(workload: &Node) -> BTreeSet<String> {
    let all = workload.at(&["spec", "template"]).map(config_references).unwrap_or_default();
    all.into_iter().filter_map(|source| Some(source.get("name")?.as_str()?.to_owned())).collect()
}

/// A pod's labels.
pub(super) type Labels<'m> = BTreeMap<&'m str, &'m str>;

/// The labels that a pod template gives its pods.
pub(super) fn labels_of(template: &Node) -> Labels<'_> {
    let labels = template.at(&["metadata", "labels"]).map(Node::entries).unwrap_or_default();
    labels.iter().filter_map(|entry| Some((entry.key.as_str(), entry.value.as_str()?))).collect()
}

/// Whether pods carry each of these labels, as a Service selects them.
pub(super) fn selects_all(wanted: &Node, labels: &Labels<'_>) -> bool {
    let carried = |key: &str, value: &Node| labels.get(key).is_some_and(|label| Some(*label) == value.as_str());
    wanted.entries().iter().all(|entry| carried(&entry.key, &entry.value))
}

/// A label selector, as Kubernetes reads it: all of it has to hold, and an empty one selects every pod.
pub(super) fn selects(selector: &Node, labels: &Labels<'_>) -> bool {
    let expressions = selector.get("matchExpressions").map(Node::items).unwrap_or_default();
    selector.get("matchLabels").is_none_or(|wanted| selects_all(wanted, labels))
        && expressions.iter().all(|expression| {
            let Some(key) = expression.get("key").and_then(Node::as_str) else { return false };
            let label = labels.get(key);
            let values = expression.get("values").map(Node::items).unwrap_or_default();
            let is_in = label.is_some_and(|label| values.iter().any(|value| value.as_str() == Some(*label)));
            match expression.get("operator").and_then(Node::as_str) {
                Some("In") => is_in,
                Some("NotIn") => !is_in,
                Some("Exists") => label.is_some(),
                Some("DoesNotExist") => label.is_none(),
                _ => false,
            }
        })
}

/// The labels by which a Service, `PodDisruptionBudget` or `NetworkPolicy` selects pods; `None`: it names none.
pub(super) fn selected_labels(manifest: &Manifest) -> Option<&Node> {
    let keys: &[&str] = match (manifest.object.api_version.as_str(), manifest.object.kind.as_str()) {
        ("v1", "Service") => &["spec", "selector"],
        ("policy/v1" | "policy/v1beta1", "PodDisruptionBudget") => &["spec", "selector", "matchLabels"],
        ("networking.k8s.io/v1", "NetworkPolicy") => &["spec", "podSelector", "matchLabels"],
        _ => return None,
    };
    // The type makes the API server ignore the selector.
    let external =
        manifest.document.root.at(&["spec", "type"]).and_then(Node::as_str).is_some_and(|kind| kind == "ExternalName");
    manifest.document.root.at(keys).filter(|labels| !labels.entries().is_empty() && !external)
}

/// The labels of all pods that manifests make, found by one of them: there may be thousands.
pub(super) struct PodLabels<'m> {
    pods: Vec<Labels<'m>>,
    /// What makes each.
    makers: Vec<&'m Manifest>,
    /// By key and value.
    by_label: BTreeMap<&'m str, BTreeMap<&'m str, Vec<usize>>>,
    workloads: BTreeMap<&'m RepoPath, usize>,
    /// The names of objects of types that are not Kubernetes' own: their operators give such names to the labels of pods that they make.
    custom: Vec<&'m str>,
}

impl<'m> PodLabels<'m> {
    /// Of all that makes pods: whatever has a pod template, and pods themselves.
    pub(super) fn of(manifests: impl Iterator<Item = &'m Manifest>) -> Self {
        let mut all = Self {
            pods: Vec::new(),
            makers: Vec::new(),
            by_label: BTreeMap::new(),
            workloads: BTreeMap::new(),
            custom: Vec::new(),
        };
        for manifest in manifests {
            let object = &manifest.object;
            let group = object.group();
            if group.contains('.') && !group.ends_with(".k8s.io") {
                all.custom.push(&object.name);
            }
            let Some(template) = pod_template(manifest) else { continue };
            *all.workloads.entry(&manifest.path).or_default() += 1;
            let labels = labels_of(template);
            for label in &labels {
                all.by_label.entry(label.0).or_default().entry(label.1).or_default().push(all.pods.len());
            }
            all.pods.push(labels);
            all.makers.push(manifest);
        }
        all.custom.sort_unstable();
        all
    }

    /// Whether a file declares one workload and no second.
    pub(super) fn is_only_workload(&self, path: &RepoPath) -> bool {
        self.workloads.get(path) == Some(&1)
    }

    /// The label by which a manifest selects the pods of no workload; `None`: it selects some, or names none. What something else fills in later, and
    /// what is named after an operator's object, may select others; and labels whose key no manifest has are often set on running pods.
    pub(super) fn selecting_nothing<'s>(&self, manifest: &'s Manifest) -> Option<&'s Entry> {
        let elsewhere = |text: &str| text.contains('$') || self.custom.binary_search(&text).is_ok();
        let mut wanted = Vec::new();
        for entry in selected_labels(manifest)?.entries() {
            // What is no text has a finding of its own.
            let value = entry.value.as_str().filter(|value| !elsewhere(value))?;
            if self.by_label.contains_key(entry.key.as_str()) || self.near_key(&entry.key, value).is_some() {
                wanted.push((entry, value));
            }
        }
        let (fewest, value) = wanted.iter().min_by_key(|(entry, value)| self.carrying(&entry.key, value).len())?;
        let all = |pod: &usize| wanted.iter().all(|(e, value)| self.pods[*pod].get(e.key.as_str()) == Some(value));
        (!self.carrying(&fewest.key, value).iter().any(all)).then_some(*fewest)
    }

    /// Whether a Service or disruption budget selects the pods of no manifest, whatever its labels are; not known, and so not, of what something else
    /// fills in later.
    pub(super) fn selects_none(&self, manifest: &Manifest) -> bool {
        let root = &manifest.document.root;
        let expressions = root.at(&["spec", "selector", "matchExpressions"]).map(Node::items).unwrap_or_default();
        if !expressions.is_empty() {
            return self.selecting_nothing(manifest).is_some();
        }
        let Some(labels) = selected_labels(manifest) else { return true };
        let filled_in = |text: &str| text.contains('$') || self.custom.binary_search(&text).is_ok();
        !labels.entries().iter().any(|entry| entry.value.as_str().is_some_and(filled_in))
            && self.selected(labels).is_empty()
    }

    /// What makes the pods that carry all of these labels.
    pub(super) fn selected(&self, wanted: &Node) -> Vec<&'m Manifest> {
        let carrying = wanted.entries().iter().map(|e| self.carrying(&e.key, e.value.as_str().unwrap_or_default()));
        let fewest = carrying.min_by_key(|pods| pods.len()).unwrap_or_default().iter();
        fewest.filter(|pod| selects_all(wanted, &self.pods[**pod])).map(|pod| self.makers[*pod]).collect()
    }

    /// Whether labels select the pods of more than one workload.
    pub(super) fn selects_several(&self, wanted: &Node) -> bool {
        let makers = self.selected(wanted);
        let name = |maker: &&Manifest| (maker.object.kind.clone(), maker.object.name.clone());
        makers.first().map(name).is_some_and(|first| makers.iter().any(|maker| name(maker) != first))
    }

    /// The pods that carry a label.
    fn carrying(&self, key: &str, value: &str) -> &[usize] {
        self.by_label.get(key).and_then(|values| values.get(value)).map_or(&[], Vec::as_slice)
    }

    /// The label that somebody may have meant who wrote one that no pods carry.
    pub(super) fn meant(&self, key: &str, value: &str) -> Option<String> {
        if !self.carrying(key, value).is_empty() {
            return None;
        }
        let values: Vec<&str> = self.by_label.get(key).into_iter().flat_map(|values| values.keys().copied()).collect();
        nearest(value, &values)
            .map(|value| format!("{key}: {value}"))
            .or_else(|| self.near_key(key, value).map(|key| format!("{key}: {value}")))
    }

    /// A key nearly like this one, of the same value.
    fn near_key(&self, key: &str, value: &str) -> Option<&'m str> {
        let alike = self.by_label.iter().filter(|(_, values)| values.contains_key(value));
        nearest(key, &alike.map(|(key, _)| *key).collect::<Vec<_>>())
    }
}
