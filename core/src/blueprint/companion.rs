//! Companions: the objects of a blueprint's sources that belong to its workload and are compared and delivered with it (X8).
//!
//! A `HorizontalPodAutoscaler` that scales it, a `PodDisruptionBudget` and a Service that select its pods, `ConfigMap`s that its pods read, and
//! what `spec.target.companions` names. Which objects those are is read off manifests alone. Secrets are never among them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::lint::served_instead;
use super::pod::{Labels, PodLabels, config_names, config_references, labels_of, selects, selects_all};
use super::{Catalog, Manifest, Target};
use crate::model::{Name, ObjectRef, RepoPath, WorkloadKind};
use crate::rendering::Unclear;
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
    /// Those that another blueprint's workload has as well, which comes first: they are brought back with that one.
    pub shared: Vec<(Companion<'c>, Name)>,
    /// Those that are not, by intent: `Secret/web`, and why.
    pub left_out: Vec<(String, String)>,
    /// Those of which it is not clear what Git declares.
    pub unclear: Vec<(String, String)>,
}

/// The companions of every blueprint: where each stands. Made once a catalog, in one pass over its manifests, because thousands of blueprints
/// may share one folder.
#[derive(Debug, Clone, Default)]
pub(super) struct CompanionIndex(BTreeMap<Name, Found>);

#[derive(Debug, Clone, Default)]
struct Found {
    /// Object, file, position in the file.
    compared: Vec<(ObjectRef, RepoPath, usize)>,
    /// The same, and the blueprint that it belongs to first.
    shared: Vec<(ObjectRef, RepoPath, usize, Name)>,
    left_out: Vec<(String, String)>,
    unclear: Vec<(String, String)>,
    /// The first file of each object, by group, kind and name; `None`: more than one was told already.
    places: BTreeMap<(String, String, String), Option<RepoPath>>,
}

impl Catalog {
    /// The objects that belong to a blueprint's workload. One that belongs to several is the first blueprint's, by name.
    pub fn companions(&self, environment: &Name, name: &Name) -> Companions<'_> {
        let found = self.companion_index(environment).and_then(|index| index.0.get(name));
        let Some(found) = found else { return Companions::default() };
        let companion = |object: &ObjectRef, path: &RepoPath, position: usize| {
            let manifest = self.manifests_at(environment, path)?.get(position)?;
            Some(Companion { object: object.clone(), manifest })
        };
        let compared = found.compared.iter().filter_map(|(object, path, position)| companion(object, path, *position));
        let shared = found.shared.iter();
        let shared = shared.filter_map(|(object, path, at, with)| Some((companion(object, path, *at)?, with.clone())));
        Companions {
            compared: compared.collect(),
            shared: shared.collect(),
            left_out: found.left_out.clone(),
            unclear: found.unclear.clone(),
        }
    }
}

impl Catalog {
    /// Whether an object is a blueprint's workload, or belongs to that.
    pub fn governs(&self, environment: &Name, name: &Name, object: &ObjectRef) -> bool {
        self.blueprints.get(name).is_some_and(|blueprint| blueprint.value.object_in(environment) == *object)
            || self.companions(environment, name).compared.iter().any(|companion| companion.object == *object)
    }

    /// The `HorizontalPodAutoscaler` of the blueprint's sources that scales its workload, and so owns the replicas.
    pub fn autoscaler(&self, environment: &Name, name: &Name) -> Option<Companion<'_>> {
        let target = &self.blueprints.get(name)?.value.spec.target;
        let found = self.companion_index(environment)?.0.get(name)?;
        // Without a copy of each: there may be thousands.
        let compared = found.compared.iter().map(|(object, path, at)| (object, path, *at));
        let mut all = compared.chain(found.shared.iter().map(|(object, path, at, _)| (object, path, *at)));
        all.find_map(|(object, path, at)| {
            let manifest = self.manifests_at(environment, path)?.get(at)?;
            is_scaler(manifest, target).then(|| Companion { object: object.clone(), manifest })
        })
    }

    /// The `HorizontalPodAutoscaler` of this name that an environment has in Git, whatever it scales and wherever it stands.
    pub fn autoscaler_named(&self, environment: &Name, namespace: &str, name: &str) -> Option<&Manifest> {
        self.delivered(environment).find(|manifest| {
            let object = &manifest.object;
            object.kind == "HorizontalPodAutoscaler"
                && object.name == name
                && ["", namespace].contains(&object.namespace.as_str())
        })
    }

    /// Keeps what belonged to a workload before a change, and is still declared where it was looked for: a Service that the change takes away from
    /// its pods is the change that matters most, and no reason to look at it no more (X1, X8).
    pub fn keep_companions(&mut self, before: &Self, environment: &Name) {
        let mut kept = BTreeMap::new();
        for name in self.blueprints.keys() {
            let now = self.companions(environment, name);
            let has = |object: &ObjectRef| {
                let shared = now.shared.iter().map(|(companion, _)| companion);
                now.compared.iter().chain(shared).any(|companion| companion.object == *object)
            };
            let had = before.companions(environment, name).compared.into_iter().map(|companion| companion.object);
            let lost: Vec<ObjectRef> = had.filter(|object| !has(object)).collect();
            if !lost.is_empty() {
                kept.insert(name.clone(), lost);
            }
        }
        if !kept.is_empty() {
            self.kept.insert(environment.clone(), Arc::new(kept));
            self.companion_index = OnceLock::new();
        }
    }

    /// The names of the `ConfigMap`s that belong to a blueprint's workload, as it is declared today, whoever declares them (B17).
    pub fn config_names(&self, environment: &Name, name: &Name) -> BTreeSet<String> {
        let Some(blueprint) = self.blueprints.get(name) else { return BTreeSet::new() };
        let target = &blueprint.value.spec.target;
        let declared = self.manifest(environment, &target.source, &blueprint.value.object_in(environment));
        let mut names = declared.map(|manifest| config_names(&manifest.document.root)).unwrap_or_default();
        let named = target.companions.iter().filter(|companion| companion.kind == "ConfigMap");
        names.extend(named.map(|companion| companion.name.clone()));
        names
    }

    /// What reaches an environment of all that was read: what is rendered for it, and files as they stand that no rendering reads.
    pub fn delivered(&self, environment: &Name) -> impl Iterator<Item = &Manifest> {
        let rendered = self.renderings(environment).iter().filter_map(|rendering| rendering.outcome.as_ref().ok());
        let plain = self.manifests.iter().filter(|(path, _)| self.roots_reading(path).is_empty());
        rendered.map(AsRef::as_ref).chain(plain.map(|(_, all)| all.as_ref())).flat_map(|all: &Vec<Manifest>| all.iter())
    }

    /// The blueprints to whose workloads an object belongs.
    pub fn sharing(&self, environment: &Name, object: &ObjectRef) -> Vec<Name> {
        let names = self.blueprints.keys().filter(|name| {
            let all = self.companions(environment, name);
            all.compared
                .iter()
                .chain(all.shared.iter().map(|(companion, _)| companion))
                .any(|one| one.object == *object)
        });
        names.cloned().collect()
    }
}

impl CompanionIndex {
    /// Finds them.
    pub(super) fn of(catalog: &Catalog, environment: &Name) -> Self {
        let mut all: BTreeMap<Name, Found> = BTreeMap::new();
        let pointers = Pointers::of(catalog, environment);
        let plain = catalog.manifests.iter().map(|(path, manifests)| (path, manifests.as_slice()));
        let rendered = catalog.renderings(environment).iter();
        let rendered = rendered.filter_map(|r| Some((&r.root, r.outcome.as_ref().ok()?.as_slice())));
        for (path, manifests) in plain.chain(rendered) {
            for (position, manifest) in manifests.iter().enumerate() {
                let object = &manifest.object;
                let secret = object.kind == "Secret" && object.api_version == "v1";
                // By namespace: without one a manifest is an object in each.
                let mut governors: BTreeMap<&str, &Name> = BTreeMap::new();
                for (name, (workload, target, home)) in pointers.candidates(manifest) {
                    let namespace = object.namespace.as_str();
                    let here = namespace.is_empty() || namespace == home.namespace;
                    let at_source = if manifest.rendered {
                        path.meets(&target.source)
                    } else {
                        path.is_within(&target.source) && !catalog.renders(environment, &target.source)
                    };
                    if !here || !at_source {
                        continue;
                    }
                    let found = all.entry(name.clone()).or_default();
                    if secret {
                        let because = "not compared: bpctl never reads Secrets";
                        found.left_out.push((object.to_string(), because.into()));
                    } else if workload.has(manifest, target) || pointers.is_beside(manifest) {
                        let governor = *governors.entry(&home.namespace).or_insert(name);
                        found.add(at_home(manifest, home), path, position, Some(governor).filter(|one| *one != name));
                    }
                }
            }
        }
        for (name, blueprint) in catalog.blueprints.iter().filter(|(_, blueprint)| blueprint.value.is_in(environment)) {
            let target = &blueprint.value.spec.target;
            for named in &target.companions {
                let found = all.entry(name.clone()).or_default();
                if !found.places.keys().any(|(_, kind, name)| *kind == named.kind && *name == named.name) {
                    let because = format!("no manifest below {} declares it", target.source);
                    found.unclear.push((named.to_string(), because));
                }
            }
            // What a file that cannot be read declares too is not known.
            for (path, said) in catalog.unread_below(&target.source) {
                let found = all.entry(name.clone()).or_default();
                let (twice, once) = std::mem::take(&mut found.compared)
                    .into_iter()
                    .partition(|(o, ..)| Unclear::may_name(said, &o.name));
                found.compared = once;
                let unclear = Unclear::unreadable(path, said);
                let also = |(object, ..): (ObjectRef, RepoPath, usize)| {
                    (object.to_string(), format!("{unclear} and may declare it too"))
                };
                found.unclear.extend(Vec::into_iter(twice).map(also));
            }
        }
        add_kept(catalog, environment, &mut all);
        take_out_disputed(catalog, environment, &mut all);
        Self(all)
    }
}

/// What belonged to a workload before a change, by its own word or another's, and is declared at the workload's source still.
fn add_kept(catalog: &Catalog, environment: &Name, all: &mut BTreeMap<Name, Found>) {
    let Some(kept) = catalog.kept.get(environment) else { return };
    for (name, object) in kept.iter().flat_map(|(name, objects)| objects.iter().map(move |object| (name, object))) {
        let same = |other: &ObjectRef| identity(other) == identity(object) && other.namespace == object.namespace;
        let known = |found: &Found| {
            let shared = found.shared.iter().map(|(object, ..)| object);
            found.compared.iter().map(|(object, ..)| object).chain(shared).any(same)
        };
        let Some(blueprint) = catalog.blueprints.get(name).filter(|_| !all.values().any(known)) else { continue };
        let (target, home) = (&blueprint.value.spec.target, blueprint.value.object_in(environment));
        let renders = catalog.renders(environment, &target.source);
        let plain = catalog.manifests.iter().filter(|(path, _)| !renders && path.is_within(&target.source));
        let plain = plain.map(|(path, manifests)| (path, manifests.as_slice()));
        let rendered = catalog.renderings(environment).iter().filter(|rendering| rendering.root.meets(&target.source));
        let rendered = rendered.filter_map(|made| Some((&made.root, made.outcome.as_ref().ok()?.as_slice())));
        for (path, manifests) in plain.chain(rendered) {
            for (position, manifest) in manifests.iter().enumerate().filter(|(_, one)| same(&at_home(one, &home))) {
                all.entry(name.clone()).or_default().add(at_home(manifest, &home), path, position, None);
            }
        }
    }
}

/// Group, kind and name: the version says nothing of which object it is.
fn identity(object: &ObjectRef) -> (String, String, String) {
    (object.group().to_owned(), object.kind.clone(), object.name.clone())
}

/// What two places declare otherwise is nobody's, whichever blueprints they belong to: each would deliver its own over the other's, and whoever
/// may change one source could redefine what lies in another (X8).
fn take_out_disputed(catalog: &Catalog, environment: &Name, all: &mut BTreeMap<Name, Found>) {
    let key = |object: &ObjectRef| (identity(object), object.namespace.clone());
    let mut places: BTreeMap<_, BTreeSet<(RepoPath, usize)>> = BTreeMap::new();
    for found in all.values() {
        let compared = found.compared.iter().map(|(object, path, at)| (object, path, at));
        let shared = found.shared.iter().map(|(object, path, at, _)| (object, path, at));
        for (object, path, at) in compared.chain(shared) {
            places.entry(key(object)).or_default().insert((path.clone(), *at));
        }
    }
    let body = |(path, at): &(RepoPath, usize)| {
        Some(catalog.manifests_at(environment, path)?.get(*at)?.document.root.to_json())
    };
    // Most are declared once, and nothing needs to be compared.
    places.retain(|_, places| {
        let mut bodies = places.iter().map(body);
        places.len() > 1 && bodies.next().is_some_and(|first| bodies.any(|other| other != first))
    });
    if places.is_empty() {
        return;
    }
    for found in all.values_mut() {
        let compared = std::mem::take(&mut found.compared);
        let shared = std::mem::take(&mut found.shared);
        let mut told = BTreeSet::new();
        let mut is_disputed = |object: &ObjectRef| {
            let Some(places) = places.get(&key(object)) else { return false };
            let files: Vec<String> = places.iter().map(|(path, _)| path.to_string()).take(2).collect();
            told.insert((object.to_string(), format!("{} both declare it", files.join(" and "))));
            true
        };
        found.compared = compared.into_iter().filter(|(object, ..)| !is_disputed(object)).collect();
        found.shared = shared.into_iter().filter(|(object, ..)| !is_disputed(object)).collect();
        found.unclear.extend(told);
    }
}

impl Found {
    fn add(&mut self, object: ObjectRef, path: &RepoPath, position: usize, governor: Option<&Name>) {
        if !super::spec::is_object_name(&object.name) || !is_api_version(&object.api_version) {
            // It goes into addresses and onto terminals; Kubernetes would not take it either.
            let what = format!("a {} of {path}", object.kind);
            self.unclear.push((what, "its name or apiVersion is none that Kubernetes takes".into()));
            return;
        }
        match self.places.entry(identity(&object)) {
            Entry::Vacant(place) => drop(place.insert(Some(path.clone()))),
            Entry::Occupied(mut place) => {
                if let Some(first) = place.get_mut().take() {
                    self.unclear.push((object.to_string(), format!("{first} and {path} both declare it")));
                    let is_other = |other: &ObjectRef| other.kind != object.kind || other.name != object.name;
                    self.compared.retain(|(other, ..)| is_other(other));
                    self.shared.retain(|(other, ..)| is_other(other));
                }
                return;
            }
        }
        match governor {
            Some(other) => self.shared.push((object, path.clone(), position, other.clone())),
            None => self.compared.push((object, path.clone(), position)),
        }
    }
}

/// Which blueprints a manifest may belong to, by what their workloads point to and are pointed to by.
struct Pointers<'c> {
    pods: PodLabels<'c>,
    by_file: BTreeMap<&'c RepoPath, Vec<&'c Name>>,
    workloads: BTreeMap<&'c Name, (Workload<'c>, &'c Target, ObjectRef)>,
    by_workload: BTreeMap<(&'c str, &'c str), Vec<&'c Name>>,
    by_label: BTreeMap<(&'c str, &'c str), Vec<&'c Name>>,
    by_config: BTreeMap<&'c str, Vec<&'c Name>>,
    by_secret: BTreeMap<&'c str, Vec<&'c Name>>,
    by_name: BTreeMap<(&'c str, &'c str), Vec<&'c Name>>,
}

impl<'c> Pointers<'c> {
    fn of(catalog: &'c Catalog, environment: &Name) -> Self {
        let rendered = catalog.renderings(environment).iter().filter_map(|rendering| rendering.outcome.as_ref().ok());
        let plain = catalog.manifests.values().map(AsRef::as_ref);
        let all = rendered.map(AsRef::as_ref).chain(plain).flat_map(|all: &Vec<Manifest>| all.iter());
        let mut pointers = Self {
            pods: PodLabels::of(all),
            by_file: BTreeMap::new(),
            workloads: BTreeMap::new(),
            by_workload: BTreeMap::new(),
            by_label: BTreeMap::new(),
            by_config: BTreeMap::new(),
            by_secret: BTreeMap::new(),
            by_name: BTreeMap::new(),
        };
        for (name, blueprint) in catalog.blueprints.iter().filter(|(_, blueprint)| blueprint.value.is_in(environment)) {
            let target = &blueprint.value.spec.target;
            let object = blueprint.value.object_in(environment);
            let Some(declared) = catalog.manifest(environment, &target.source, &object) else { continue };
            let Some(workload) = Workload::declared_by(&declared.document.root) else { continue };
            pointers.by_file.entry(&declared.path).or_default().push(name);
            let reference = (target.workload.kind.as_str(), target.workload.name.as_str());
            pointers.by_workload.entry(reference).or_default().push(name);
            for label in &workload.labels {
                pointers.by_label.entry((*label.0, *label.1)).or_default().push(name);
            }
            for config in &workload.config {
                pointers.by_config.entry(config).or_default().push(name);
            }
            for secret in &workload.secrets {
                pointers.by_secret.entry(secret).or_default().push(name);
            }
            for named in &target.companions {
                pointers.by_name.entry((&named.kind, &named.name)).or_default().push(name);
            }
            pointers.workloads.insert(name, (workload, target, object));
        }
        pointers
    }

    /// Those that it may belong to, by name.
    fn candidates(&self, manifest: &Manifest) -> Vec<(&'c Name, &(Workload<'c>, &'c Target, ObjectRef))> {
        let (object, root) = (&manifest.object, &manifest.document.root);
        let text = |keys: &[&str]| root.at(keys).and_then(Node::as_str).unwrap_or_default();
        let labelled = |keys: &[&str]| {
            let first = root.at(keys).map(Node::entries).unwrap_or_default().first()?;
            Some(self.by_label.get(&(first.key.as_str(), first.value.as_str()?)))
        };
        let pointed = match object.kind.as_str() {
            "HorizontalPodAutoscaler" => {
                let scaled = |key| text(&["spec", "scaleTargetRef", key]);
                self.by_workload.get(&(scaled("kind"), scaled("name")))
            }
            "Service" => labelled(&["spec", "selector"]).flatten(),
            // Without labels it may select any pods.
            "PodDisruptionBudget" => match labelled(&["spec", "selector", "matchLabels"]) {
                Some(labelled) => labelled,
                None => return self.workloads.iter().map(|(name, workload)| (*name, workload)).collect(),
            },
            "ConfigMap" => self.by_config.get(object.name.as_str()),
            "Secret" => self.by_secret.get(object.name.as_str()),
            _ => None,
        };
        let named = self.by_name.get(&(object.kind.as_str(), object.name.as_str()));
        let beside = self.is_beside(manifest).then(|| self.by_file.get(&manifest.path)).flatten();
        let names: BTreeSet<&'c Name> = pointed.into_iter().chain(named).chain(beside).flatten().copied().collect();
        names.into_iter().filter_map(|name| Some((name, self.workloads.get(name)?))).collect()
    }

    /// Whether it is a Service or disruption budget that selects the pods of no workload, by a slip, by a label that somebody sets on running pods
    /// or by none at all, in the file of a single one: what a selector says must not make bpctl look away from the object that it cuts off (X8).
    fn is_beside(&self, manifest: &Manifest) -> bool {
        matches!(manifest.object.kind.as_str(), "Service" | "PodDisruptionBudget")
            && self.pods.is_only_workload(&manifest.path)
            && self.pods.selects_none(manifest)
    }
}

/// The object of a manifest, in the namespace that it goes to.
fn at_home(manifest: &Manifest, workload: &ObjectRef) -> ObjectRef {
    manifest.object.in_namespace(workload.namespace.as_str())
}

/// Whether an object belongs to the workload that this manifest declares.
pub(crate) fn belongs(manifest: &Manifest, target: &Target, workload: &Node) -> bool {
    Workload::declared_by(workload).is_some_and(|workload| workload.has(manifest, target))
}

/// Whether an object acts on the pods of the workload that this manifest declares: it belongs to that, holds what they read, or says who reaches them.
pub(crate) fn acts_on(manifest: &Manifest, target: &Target, workload: &Node) -> bool {
    let Some(workload) = Workload::declared_by(workload) else { return false };
    let (object, root) = (&manifest.object, &manifest.document.root);
    workload.has(manifest, target)
        || match object.kind.as_str() {
            "Secret" => workload.secrets.contains(object.name.as_str()),
            "NetworkPolicy" => {
                root.at(&["spec", "podSelector"]).is_none_or(|selector| selects(selector, &workload.labels))
            }
            _ => false,
        }
}

/// The `ConfigMap`s and Secrets that the pods of a workload read: kind and name.
pub(crate) fn read(workload: &Node) -> Vec<(&'static str, &str)> {
    let Some(workload) = Workload::declared_by(workload) else { return Vec::new() };
    let (config, secrets) = (workload.config.into_iter(), workload.secrets.into_iter());
    config.map(|name| ("ConfigMap", name)).chain(secrets.map(|name| ("Secret", name))).collect()
}

/// Whether a manifest is a `HorizontalPodAutoscaler` that scales the target.
pub(super) fn is_scaler(manifest: &Manifest, target: &Target) -> bool {
    let (object, root) = (&manifest.object, &manifest.document.root);
    let text = |key| root.at(&["spec", "scaleTargetRef", key]).and_then(Node::as_str);
    // Of a version that no cluster serves any more it is invalid, and not none: somebody has to hear of it (X8).
    (matches!(object.api_version.as_str(), "autoscaling/v1" | "autoscaling/v2")
        || served_instead(&object.api_version, &object.kind) == Some("autoscaling/v2"))
        && object.kind == "HorizontalPodAutoscaler"
        && text("apiVersion").is_none_or(|version| version.starts_with("apps/"))
        && text("kind") == Some(target.workload.kind.as_str())
        && text("name") == Some(target.workload.name.as_str())
}

/// Whether an autoscaler holds what is used of a resource to a share of what is requested (B7): each new request then moves its replicas, and
/// with them what a pod uses. Without a metric Kubernetes takes a share of CPU. `container`: of whose request it is asked.
pub(crate) fn divides_by(api_version: &str, spec: Option<&Json>, resource: &str, container: Option<&str>) -> bool {
    let metrics = spec.and_then(|spec| spec.get("metrics")).and_then(Json::as_array).filter(|all| !all.is_empty());
    let Some(metrics) = metrics.filter(|_| api_version != "autoscaling/v1") else { return resource == "cpu" };
    let text = |json: &Json, pointer: &str| json.pointer(pointer).and_then(Json::as_str).map(str::to_owned);
    metrics.iter().any(|metric| {
        let key = match text(metric, "/type").as_deref() {
            Some("Resource") => "resource",
            Some("ContainerResource") => "containerResource",
            _ => return false,
        };
        let Some(metric) = metric.get(key) else { return false };
        let of_another = text(metric, "/container").is_some_and(|of| container.is_some_and(|own| own != of));
        let share = text(metric, "/target/type").as_deref() == Some("Utilization")
            || metric.pointer("/target/averageUtilization").is_some();
        share && !of_another && text(metric, "/name").as_deref() == Some(resource)
    })
}

/// `v1`, or `GROUP/VERSION`.
fn is_api_version(text: &str) -> bool {
    let (group, version) = text.split_once('/').unwrap_or(("core", text));
    let good = |part: &str| super::spec::is_object_name(part);
    text.len() <= 253 && good(group) && good(version)
}

/// What of a workload's manifest says which objects are its companions.
struct Workload<'c> {
    labels: Labels<'c>,
    config: BTreeSet<&'c str>,
    secrets: BTreeSet<&'c str>,
}

impl<'c> Workload<'c> {
    fn declared_by(root: &'c Node) -> Option<Self> {
        let template = root.at(&["spec", "template"])?;
        let labels = labels_of(template);
        let config = config_references(template).into_iter().filter_map(|source| source.get("name")?.as_str());
        let mut workload = Self { labels, config: config.collect(), secrets: BTreeSet::new() };
        let Some(pod) = template.get("spec") else { return Some(workload) };
        let items = |node: &'c Node, key| node.get(key).map(Node::items).unwrap_or_default();
        let name = |node: &'c Node, keys: &[&str]| node.at(keys).and_then(Node::as_str);
        for volume in items(pod, "volumes") {
            workload.secrets.extend(name(volume, &["secret", "secretName"]));
            for source in volume.at(&["projected", "sources"]).map(Node::items).unwrap_or_default() {
                workload.secrets.extend(name(source, &["secret", "name"]));
            }
        }
        for container in items(pod, "containers").iter().chain(items(pod, "initContainers")) {
            for source in items(container, "envFrom") {
                workload.secrets.extend(name(source, &["secretRef", "name"]));
            }
            for variable in items(container, "env") {
                workload.secrets.extend(name(variable, &["valueFrom", "secretKeyRef", "name"]));
            }
        }
        workload.secrets.extend(items(pod, "imagePullSecrets").iter().filter_map(|secret| name(secret, &["name"])));
        Some(workload)
    }

    /// Whether the object of a manifest is a companion.
    fn has(&self, manifest: &Manifest, target: &Target) -> bool {
        let (object, root) = (&manifest.object, &manifest.document.root);
        let named =
            || target.companions.iter().any(|companion| companion.kind == object.kind && companion.name == object.name);
        let by_itself = match (object.api_version.as_str(), object.kind.as_str()) {
            (_, "HorizontalPodAutoscaler") => is_scaler(manifest, target),
            ("policy/v1" | "policy/v1beta1", "PodDisruptionBudget") => {
                root.at(&["spec", "selector"]).is_some_and(|selector| selects(selector, &self.labels))
            }
            ("v1", "Service") => {
                let selector = root.at(&["spec", "selector"]);
                selector.is_some_and(|s| !s.entries().is_empty() && selects_all(s, &self.labels))
            }
            ("v1", "ConfigMap") => self.config.contains(object.name.as_str()),
            _ => false,
        };
        by_itself || named()
    }
}
