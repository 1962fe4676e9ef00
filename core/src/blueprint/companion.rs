//! Companions: the objects of a blueprint's sources that belong to its workload and are compared and delivered with it (X8).
//!
//! A `HorizontalPodAutoscaler` that scales it, a `PodDisruptionBudget` and a Service that select its pods, `ConfigMap`s that its pods read, and
//! what `spec.target.companions` names. Which objects those are is read off manifests alone. Secrets are never among them.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Blueprint, Catalog, Manifest, Target};
use crate::model::{Name, ObjectRef, WorkloadKind};
use crate::yaml::Node;

/// `KIND/NAME` of an object that belongs to a workload, beside those that are found by themselves: `Certificate/web`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
#[schemars(with = "String")]
pub struct CompanionRef {
    /// The object's kind.
    pub kind: String,
    /// The object's name.
    pub name: String,
}

impl std::fmt::Display for CompanionRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

impl Serialize for CompanionRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CompanionRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let text = String::deserialize(deserializer)?;
        let (kind, name) = text.split_once('/').unwrap_or_default();
        let is_kind = kind.starts_with(|c: char| c.is_ascii_uppercase())
            && kind.len() <= 63
            && kind.chars().all(|c| c.is_ascii_alphanumeric());
        if !is_kind || !super::spec::is_object_name(name) {
            return Err(D::Error::custom(format!("`{text}` is not an object: write KIND/NAME, as in Certificate/web")));
        }
        if kind == "Secret" {
            return Err(D::Error::custom("bpctl never reads Secrets, so that none is compared: leave it out"));
        }
        if WorkloadKind::of_kind(kind).is_some() {
            return Err(D::Error::custom(format!("`{text}` is a workload: write a blueprint of its own for it")));
        }
        Ok(Self { kind: kind.into(), name: name.into() })
    }
}

/// An object that belongs to a workload.
#[derive(Debug, Clone)]
pub struct Companion<'c> {
    /// The object, with the namespace that it goes to.
    pub object: ObjectRef,
    /// What declares it.
    pub manifest: &'c Manifest,
}

/// The companions of one blueprint's workload.
#[derive(Debug, Clone, Default)]
pub struct Companions<'c> {
    /// Those that are compared, in the order of files.
    pub compared: Vec<Companion<'c>>,
    /// Those that are not, by intent: `Secret/web`, and why.
    pub left_out: Vec<(String, String)>,
    /// Those of which it is not clear what Git declares.
    pub unclear: Vec<(String, String)>,
}

impl Catalog {
    /// The objects that belong to a blueprint's workload. One that belongs to several is the first blueprint's, by name.
    pub fn companions(&self, name: &Name) -> Companions<'_> {
        let mut found = Companions::default();
        let Some(blueprint) = self.blueprints.get(name).map(|located| &located.value) else { return found };
        let target = &blueprint.spec.target;
        let Some(workload) = Workload::of(self, blueprint) else { return found };
        let mut places: BTreeMap<(String, String, String), &Manifest> = BTreeMap::new();
        let mut twice = BTreeSet::new();
        for manifest in self.below(target) {
            let object = at_home(manifest, target);
            if object.kind == "Secret" && object.api_version == "v1" {
                if workload.secrets.contains(object.name.as_str()) {
                    let because = "not compared: bpctl never reads Secrets";
                    found.left_out.push((object.to_string(), because.into()));
                }
                continue;
            }
            if !workload.has(manifest, target) {
                continue;
            }
            if !super::spec::is_object_name(&object.name) || !is_api_version(&object.api_version) {
                // It goes into addresses and onto terminals; Kubernetes would not take it either.
                let what = format!("a {} of {}", object.kind, manifest.path);
                found.unclear.push((what, "its name or apiVersion is none that Kubernetes takes".into()));
                continue;
            }
            let group = object.api_version.split_once('/').map_or("", |(group, _)| group);
            let key = (group.to_owned(), object.kind.clone(), object.name.clone());
            if let Some(first) = places.get(&key) {
                if twice.insert(key) {
                    let because = format!("{} and {} both declare it", first.path, manifest.path);
                    found.unclear.push((object.to_string(), because));
                    found.compared.retain(|companion| companion.object.to_string() != object.to_string());
                }
                continue;
            }
            places.insert(key, manifest);
            match self.governor(name, manifest, &object) {
                Some(other) => found.left_out.push((object.to_string(), format!("compared with blueprint {other}"))),
                None => found.compared.push(Companion { object, manifest }),
            }
        }
        for named in &target.companions {
            if !places.keys().any(|(_, kind, name)| *kind == named.kind && *name == named.name) {
                let because = format!("no manifest below {} declares it", target.source);
                found.unclear.push((named.to_string(), because));
            }
        }
        found
    }

    /// The manifests of a blueprint's sources that go to its namespace.
    fn below<'c>(&'c self, target: &'c Target) -> impl Iterator<Item = &'c Manifest> {
        // Paths that begin alike stand together; of those some are siblings (`web`, `web-2`).
        self.manifests
            .range(target.source.clone()..)
            .take_while(|(path, _)| path.as_str().starts_with(target.source.as_str()))
            .filter(|(path, _)| path.is_within(&target.source))
            .flat_map(|(_, manifests)| manifests.iter())
            .filter(|manifest| {
                let namespace = &manifest.object.namespace;
                namespace.is_empty() || namespace == target.namespace.as_str()
            })
    }

    /// The blueprint before this one that a companion belongs to as well.
    fn governor(&self, name: &Name, manifest: &Manifest, object: &ObjectRef) -> Option<&Name> {
        let others = self.blueprints.range::<Name, _>(..name);
        let mut others = others.filter(|(_, other)| {
            let target = &other.value.spec.target;
            target.namespace.as_str() == object.namespace && manifest.path.is_within(&target.source)
        });
        let is_its = |other: &Blueprint| Workload::of(self, other).is_some_and(|w| w.has(manifest, &other.spec.target));
        others.find(|(_, other)| is_its(&other.value)).map(|(other, _)| other)
    }
}

/// The object of a manifest, in the namespace that it goes to.
fn at_home(manifest: &Manifest, target: &Target) -> ObjectRef {
    ObjectRef { namespace: target.namespace.to_string(), ..manifest.object.clone() }
}

/// `v1`, or `GROUP/VERSION`.
fn is_api_version(text: &str) -> bool {
    let (group, version) = text.split_once('/').unwrap_or(("core", text));
    let good = |part: &str| super::spec::is_object_name(part);
    text.len() <= 253 && good(group) && good(version)
}

/// What of a workload's manifest says which objects are its companions.
struct Workload<'c> {
    labels: BTreeMap<&'c str, &'c str>,
    config: BTreeSet<&'c str>,
    secrets: BTreeSet<&'c str>,
}

impl<'c> Workload<'c> {
    fn of(catalog: &'c Catalog, blueprint: &Blueprint) -> Option<Self> {
        let target = &blueprint.spec.target;
        let root = &catalog.manifest(&target.source, &target.object())?.document.root;
        let template = root.at(&["spec", "template"])?;
        let labels = template.at(&["metadata", "labels"]).map(Node::entries).unwrap_or_default();
        let labels = labels.iter().filter_map(|entry| Some((entry.key.as_str(), entry.value.as_str()?))).collect();
        let mut workload = Self { labels, config: BTreeSet::new(), secrets: BTreeSet::new() };
        let Some(pod) = template.get("spec") else { return Some(workload) };
        let items = |node: &'c Node, key| node.get(key).map(Node::items).unwrap_or_default();
        let name = |node: &'c Node, keys: &[&str]| node.at(keys).and_then(Node::as_str);
        for volume in items(pod, "volumes") {
            workload.config.extend(name(volume, &["configMap", "name"]));
            workload.secrets.extend(name(volume, &["secret", "secretName"]));
            for source in volume.at(&["projected", "sources"]).map(Node::items).unwrap_or_default() {
                workload.config.extend(name(source, &["configMap", "name"]));
                workload.secrets.extend(name(source, &["secret", "name"]));
            }
        }
        for container in items(pod, "containers").iter().chain(items(pod, "initContainers")) {
            for source in items(container, "envFrom") {
                workload.config.extend(name(source, &["configMapRef", "name"]));
                workload.secrets.extend(name(source, &["secretRef", "name"]));
            }
            for variable in items(container, "env") {
                workload.config.extend(name(variable, &["valueFrom", "configMapKeyRef", "name"]));
                workload.secrets.extend(name(variable, &["valueFrom", "secretKeyRef", "name"]));
            }
        }
        workload.secrets.extend(items(pod, "imagePullSecrets").iter().filter_map(|secret| name(secret, &["name"])));
        Some(workload)
    }

    /// Whether the object of a manifest is a companion.
    fn has(&self, manifest: &Manifest, target: &Target) -> bool {
        let (object, root) = (&manifest.object, &manifest.document.root);
        let text = |keys: &[&str]| root.at(keys).and_then(Node::as_str);
        let named =
            || target.companions.iter().any(|companion| companion.kind == object.kind && companion.name == object.name);
        let by_itself = match (object.api_version.as_str(), object.kind.as_str()) {
            ("autoscaling/v1" | "autoscaling/v2", "HorizontalPodAutoscaler") => {
                let of_apps = text(&["spec", "scaleTargetRef", "apiVersion"]).is_none_or(|v| v.starts_with("apps/"));
                text(&["spec", "scaleTargetRef", "kind"]) == Some(target.workload.kind.as_str())
                    && text(&["spec", "scaleTargetRef", "name"]) == Some(target.workload.name.as_str())
                    && of_apps
            }
            ("policy/v1", "PodDisruptionBudget") => {
                root.at(&["spec", "selector"]).is_some_and(|selector| self.is_selected(selector))
            }
            ("v1", "Service") => {
                let selector = root.at(&["spec", "selector"]).map(Node::entries).unwrap_or_default();
                !selector.is_empty() && selector.iter().all(|entry| self.is_labelled(&entry.key, &entry.value))
            }
            ("v1", "ConfigMap") => self.config.contains(object.name.as_str()),
            _ => false,
        };
        by_itself || named()
    }

    fn is_labelled(&self, key: &str, value: &Node) -> bool {
        self.labels.get(key).is_some_and(|label| Some(*label) == value.as_str())
    }

    /// A label selector, as Kubernetes reads it: all of it has to hold, and an empty one selects every pod.
    fn is_selected(&self, selector: &Node) -> bool {
        let labels = selector.get("matchLabels").map(Node::entries).unwrap_or_default();
        let expressions = selector.get("matchExpressions").map(Node::items).unwrap_or_default();
        labels.iter().all(|entry| self.is_labelled(&entry.key, &entry.value))
            && expressions.iter().all(|expression| {
                let Some(key) = expression.get("key").and_then(Node::as_str) else { return false };
                let label = self.labels.get(key);
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
}
