//! Looks at an environment: cluster, metrics and the forge's record of past operations, gathered into one observation.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use bpctl_core::blueprint::{Catalog, Companion, Environment, PrometheusSource};
use bpctl_core::execute::Effect;
use bpctl_core::model::{
    Name, ObjectKind, ObjectParts, ObjectRef, Period, Quantity, Timestamp, Untrusted, WorkloadKind,
};
use bpctl_core::observe::{
    AUTOSCALER, ContainerUsage, FactKey, FactValue, Known, Level, LiveObject, Observation, ObservedFrom, Pod, PodUsage,
    Resource, TypeSchema, Unknown, UnknownCode, Usage, Warning, WorkloadName, autoscaled, warnings_of,
};

use bpctl_core::plan::Plan;

use super::PipelineError;
use super::history::{deliveries, history, last_changes};
use super::levels::levels;
use super::measures::measures;
use crate::cluster::{
    Cluster, ClusterWrite, ConnectOptions, LiveCluster, NamespaceListing, PodMoment, SnapshotCluster, Trial, Wanted,
    WantedObjects,
};
use crate::forge::{Forge, ForgeError};
use crate::git::Repository;
use crate::metrics::{Measured, Prometheus, PrometheusOptions};
use crate::runtime;

/// A cluster of either source.
pub enum ClusterEdge {
    /// The live API.
    Live(LiveCluster),
    /// A recorded folder.
    Snapshot(SnapshotCluster),
}

impl std::fmt::Debug for ClusterEdge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Live(_) => "Live",
            Self::Snapshot(_) => "Snapshot",
        })
    }
}

impl ClusterEdge {
    /// The reading half.
    pub fn reading(&self) -> &dyn Cluster {
        match self {
            Self::Live(live) => live,
            Self::Snapshot(snapshot) => snapshot,
        }
    }

    /// Begins another look: all lists of one share a time within which they have to come.
    fn begin_look(&self) {
        match self {
            Self::Live(live) => live.begin_look(),
            Self::Snapshot(_) => {}
        }
    }

    /// The writing half.
    pub fn writing(&self) -> &dyn ClusterWrite {
        match self {
            Self::Live(live) => live,
            Self::Snapshot(snapshot) => snapshot,
        }
    }
}

/// Connects to an environment's cluster. `root` is the repository's work tree, where snapshots lie.
pub async fn connect_cluster(place: &Environment, root: Option<&Path>) -> Result<ClusterEdge, PipelineError> {
    if let Some(folder) = &place.cluster.snapshot {
        let root =
            root.ok_or_else(|| PipelineError::told("a recorded cluster needs a work tree", "run bpctl in a clone"))?;
        if let Some(link) = runtime::first_link(root, folder.as_str()) {
            return Err(PipelineError::told(
                format!("the recorded cluster {folder} is not read: {link} is a symbolic link"),
                "bpctl follows no links; put the recording itself there",
            ));
        }
        return Ok(ClusterEdge::Snapshot(SnapshotCluster::open(root.join(folder.as_str()))?));
    }
    let options = ConnectOptions {
        kubeconfig: runtime::variable("BPCTL_KUBECONFIG").map(Into::into),
        context: place.cluster.context.clone(),
        in_cluster: place.cluster.in_cluster == Some(true),
        schema_cache: runtime::cache_folder().map(|folder| folder.join("schemas")),
        patience: None,
    };
    Ok(ClusterEdge::Live(LiveCluster::connect(options).await?))
}

/// An observation and the cluster that it is of.
#[derive(Debug)]
pub struct Observed {
    /// The facts.
    pub observation: Observation,
    /// Whether `now` is a server's time.
    pub server_clock: bool,
}

/// What a cluster answered.
#[derive(Debug)]
struct Seen {
    from: Option<ObservedFrom>,
    listings: BTreeMap<String, NamespaceListing>,
    schemas: BTreeMap<WorkloadKind, Known<TypeSchema>>,
}

async fn see(cluster: &ClusterEdge, wanted: &Wanted) -> Seen {
    let edge = cluster.reading();
    let kinds: BTreeSet<WorkloadKind> = wanted.values().flatten().copied().collect();
    let schemas = async {
        let mut schemas = BTreeMap::new();
        for kind in kinds {
            schemas.insert(kind, edge.type_schema(WorkloadKind::API_VERSION, kind.as_str()).await);
        }
        schemas
    };
    let (from, listings, schemas) = tokio::join!(edge.origin(), edge.list_namespaces(wanted), schemas);
    Seen { from: from.ok(), listings, schemas }
}

/// What belongs to workloads.
struct Further {
    /// Each object alone.
    objects: Vec<(ObjectRef, Known<Option<LiveObject>>)>,
    /// The types of their kinds.
    schemas: Vec<(ObjectKind, Known<TypeSchema>)>,
    /// The workloads of each namespace that an autoscaler scales, with its name; also where no source declares it.
    autoscaled: BTreeMap<String, Known<BTreeMap<WorkloadName, Untrusted>>>,
}

/// Looks at what belongs to workloads: one list per kind and namespace, whatever the number of objects.
async fn see_further(cluster: &ClusterEdge, wanted: &WantedObjects) -> Further {
    let edge = cluster.reading();
    let compared = wanted.iter().filter(|(_, names)| !names.is_empty());
    let kinds: BTreeSet<&ObjectKind> = compared.map(|((_, kind), _)| kind).collect();
    let schemas = async {
        let mut schemas = Vec::new();
        for kind in kinds {
            schemas.push((kind.clone(), edge.type_schema(&kind.api_version, &kind.kind).await));
        }
        schemas
    };
    let (mut found, schemas) = tokio::join!(edge.list_objects(wanted), schemas);
    let (mut objects, mut scaled) = (Vec::new(), BTreeMap::new());
    for (place @ (namespace, kind), names) in wanted {
        if *kind == autoscaler()
            && let Some(found) = found.get(place)
        {
            let known = match found.clone() {
                Known::Known(all) => autoscaled(all.into_values().collect()),
                Known::Unknown(unknown) => Known::Unknown(unknown),
            };
            scaled.insert(namespace.clone(), known);
        }
        for name in names {
            let known = match found.get_mut(place) {
                Some(Known::Known(map)) => Known::Known(map.remove(name)),
                Some(Known::Unknown(unknown)) => Known::Unknown(unknown.clone()),
                None => not_observed("its kind was not listed"),
            };
            let ObjectKind { api_version, kind } = kind.clone();
            let (namespace, name) = (namespace.clone(), name.clone());
            objects.push((ObjectParts { api_version, kind, namespace, name }.into(), known));
        }
    }
    Further { objects, schemas, autoscaled: scaled }
}

fn autoscaler() -> ObjectKind {
    let (api_version, kind) = AUTOSCALER;
    ObjectKind::new(api_version, kind)
}

/// The objects that belong to the workloads of these catalogs, and the autoscalers of every namespace where one may scale a workload.
pub(super) fn companions(catalogs: &[&Catalog], environment: &Name) -> WantedObjects {
    let mut wanted = WantedObjects::new();
    for catalog in catalogs {
        for (name, blueprint) in &catalog.blueprints {
            let blueprint = &blueprint.value;
            if blueprint.is_in(environment) && blueprint.spec.target.workload.kind.has_replicas() {
                let namespace = blueprint.object_in(environment).namespace.clone();
                wanted.entry((namespace, autoscaler())).or_default();
            }
            for Companion { object, .. } in catalog.companions(environment, name).compared {
                let place = (object.namespace.clone(), ObjectKind::of(&object));
                wanted.entry(place).or_default().insert(object.name.clone());
            }
        }
    }
    wanted
}

/// A look at a cluster that has begun: it goes on while the tree is still being read.
#[derive(Debug)]
pub struct Look(tokio::task::JoinHandle<Seen>);

impl Look {
    /// Begins to look at these workloads.
    pub fn begin(cluster: &Arc<ClusterEdge>, wanted: Wanted) -> Self {
        let cluster = Arc::clone(cluster);
        cluster.begin_look();
        Self(tokio::spawn(async move { see(&cluster, &wanted).await }))
    }

    /// What was seen; looked at now, where something is wanted that was not looked at.
    async fn end(self, cluster: &ClusterEdge, wanted: &Wanted) -> Seen {
        let holds = |seen: &Seen| {
            wanted.iter().all(|(namespace, kinds)| {
                let listing = seen.listings.get(namespace);
                listing.is_some_and(|listing| kinds.iter().all(|kind| listing.workloads.contains_key(kind)))
            })
        };
        match self.0.await {
            Ok(seen) if holds(&seen) => seen,
            _ => see(cluster, wanted).await,
        }
    }
}

/// Looks at everything that the blueprints of these catalogs are about.
pub async fn observe(
    environment: &Name,
    place: &Environment,
    catalogs: &[&Catalog],
    cluster: &ClusterEdge,
    repository: &Repository,
    forge: &dyn Forge,
) -> Result<Observed, PipelineError> {
    observe_on(environment, place, catalogs, cluster, (repository, forge), None).await
}

/// The same, going on from a look that has begun.
pub async fn observe_on(
    environment: &Name,
    place: &Environment,
    catalogs: &[&Catalog],
    cluster: &ClusterEdge,
    (repository, forge): (&Repository, &dyn Forge),
    look: Option<Look>,
) -> Result<Observed, PipelineError> {
    let clock = forge.clock().await?;
    let wanted = Asked::of(catalogs, environment, clock.now);
    let now = match cluster {
        ClusterEdge::Live(_) => clock.now,
        ClusterEdge::Snapshot(snapshot) => snapshot.recorded_at(),
    };
    if look.is_none() {
        cluster.begin_look();
    }
    let seen = async {
        match look {
            Some(look) => look.end(cluster, &wanted.lists).await,
            None => see(cluster, &wanted.lists).await,
        }
    };
    let (seen, further, usage, levels, history, deliveries, adoptions) = tokio::join!(
        seen,
        see_further(cluster, &wanted.objects),
        usage(place, cluster, &wanted, now),
        levels(place, cluster, &wanted.levels, now),
        Box::pin(history(environment, catalogs, repository, forge, clock.now)),
        deliveries(environment, place.delivery, catalogs, repository, forge),
        Box::pin(super::adopt::open(environment, place.delivery, catalogs, repository, forge))
    );
    let Seen { from, listings, schemas } = seen;
    let mut from = from.unwrap_or_else(|| unreachable_origin(place));
    if let (ObservedFrom::Snapshot { folder, .. }, Some(named)) = (&mut from, &place.cluster.snapshot) {
        *folder = named.to_string(); // as the workspace names it, the same on every machine
    }
    let source = match cluster {
        ClusterEdge::Live(_) => "kubernetes",
        ClusterEdge::Snapshot(_) => "snapshot",
    };
    let mut observation = Observation::new(environment.clone(), from, now);
    observation.governed_at = clock.now;
    for (kind, schema) in schemas {
        let key = FactKey::Schema(WorkloadKind::API_VERSION.into(), kind.as_str().into());
        observation.add(key, source, FactValue::Schema(schema));
    }
    for (object, known) in further.objects {
        observation.add(FactKey::Object(object), source, FactValue::Object(known));
    }
    for (kind, schema) in further.schemas {
        observation.add(FactKey::Schema(kind.api_version, kind.kind), source, FactValue::Schema(schema));
    }
    let mut objects: BTreeMap<(String, WorkloadKind), Known<BTreeMap<String, LiveObject>>> = BTreeMap::new();
    let mut pods = BTreeMap::new();
    for (namespace, listing) in listings {
        let by_name = |list: Vec<LiveObject>| list.into_iter().map(|o| (o.reference.name.clone(), o)).collect();
        for (kind, known) in listing.workloads {
            objects.insert((namespace.clone(), kind), known.map(by_name));
        }
        pods.insert(namespace, listing.pods);
    }
    for (workload, kind) in &wanted.workloads {
        let object = match objects.get_mut(&(workload.namespace.clone(), *kind)) {
            Some(Known::Known(map)) => Known::Known(map.remove(&workload.name)),
            Some(Known::Unknown(unknown)) => Known::Unknown(unknown.clone()),
            None => not_observed("the namespace was not listed"),
        };
        observation.add(FactKey::Object(workload.clone()), source, FactValue::Object(object));
        let mine = match pods.get_mut(&workload.namespace) {
            Some(Known::Known(map)) => Known::Known(map.remove(&(*kind, workload.name.clone())).unwrap_or_default()),
            Some(Known::Unknown(unknown)) => Known::Unknown(unknown.clone()),
            None => not_observed("the namespace was not listed"),
        };
        if kind.has_replicas() {
            let scaler = match further.autoscaled.get(&workload.namespace) {
                Some(Known::Known(scaled)) => Known::Known(scaled.get(&(*kind, workload.name.clone())).cloned()),
                Some(Known::Unknown(unknown)) => Known::Unknown(unknown.clone()),
                None => not_observed("the namespace was not listed"),
            };
            observation.add(FactKey::Autoscaler(workload.clone()), source, FactValue::Autoscaler(scaler));
        }
        let names: Option<BTreeSet<String>> =
            mine.known().map(|pods| pods.iter().map(|pod| pod.name.raw().to_owned()).collect());
        observation.add(FactKey::Pods(workload.clone()), source, FactValue::Pods(mine));
        for resource in [Resource::Cpu, Resource::Memory] {
            let Some(window) = wanted.windows.get(&(workload.clone(), resource)) else { continue };
            let measured = usage.get(&(*window, resource)).map_or_else(
                || not_observed("nobody measured it"),
                |measured| measured.of(workload, names.as_ref(), *window),
            );
            let key = FactKey::Usage(workload.clone(), resource);
            let by = match (source, measured.known().is_some_and(|usage| usage.point_in_time)) {
                ("snapshot", _) => source,
                (_, true) => "metrics.k8s.io",
                (_, false) => "prometheus",
            };
            observation.add(key, by, FactValue::Usage(measured));
        }
    }
    for (workload, known) in warnings(cluster, &observation).await {
        observation.add(FactKey::Warnings(workload), source, FactValue::Warnings(known));
    }
    for ((workload, level), measured) in levels {
        let by = if source == "snapshot" { source } else { "prometheus" };
        observation.add(FactKey::Level(workload, level), by, FactValue::Level(measured));
    }
    let troubled = wanted.troubled(&observation);
    let last = last_changes(environment, catalogs, (&troubled, &history), repository, forge, clock.now);
    for (name, last) in Box::pin(last).await {
        observation.add(FactKey::LastChange(name), "git", FactValue::LastChange(last));
    }
    let history = super::history::delivered(history, place.delivery, catalogs, &observation);
    let measured = measures(environment, place, catalogs, cluster, &history, clock.now);
    for (name, measured) in Box::pin(measured).await {
        observation.add(FactKey::Measures(name), "prometheus", FactValue::Measures(measured));
    }
    for name in wanted.blueprints.keys() {
        super::history::add(&mut observation, name, &history, &deliveries);
        let mine = adoptions.as_ref().map(|all| all.get(name).cloned().unwrap_or_default());
        observation.add(FactKey::Adoptions(name.clone()), "forge", FactValue::Adoptions(mine));
    }
    Ok(Observed { observation, server_clock: clock.from_server })
}

fn is_ill(pod: &Pod) -> bool {
    !pod.ready && !pod.terminating && (pod.unschedulable || !pod.stopped.is_empty())
}

/// The warnings of workloads whose pods are not all ready: one list a namespace, and none where all is well.
async fn warnings(cluster: &ClusterEdge, observation: &Observation) -> Vec<(ObjectRef, Known<Vec<Warning>>)> {
    let troubled = observation.facts.iter().filter_map(|(key, fact)| match (key, &fact.value) {
        (FactKey::Pods(workload), FactValue::Pods(Known::Known(pods)))
            if pods.iter().any(|pod| !pod.ready && !pod.terminating) =>
        {
            Some((workload, pods))
        }
        _ => None,
    });
    let mut listed: BTreeMap<&str, Known<Vec<serde_json::Value>>> = BTreeMap::new();
    let mut found = Vec::new();
    for (workload, pods) in troubled {
        if !listed.contains_key(workload.namespace.as_str()) {
            listed.insert(&workload.namespace, cluster.reading().warnings(&workload.namespace).await);
        }
        if let Some(events) = listed.get(workload.namespace.as_str()) {
            let mine = events.as_ref().map(|events| warnings_of(workload, pods, events));
            found.push((workload.clone(), mine));
        }
    }
    found
}

/// Asks the API server what it would store of everything that a plan would apply, and adds the answers to the observation.
pub async fn try_exactly(cluster: &ClusterEdge, plan: &Plan, desired: &Catalog, observation: &mut Observation) {
    let mut trials = Vec::new();
    for effect in plan.items().flat_map(|item| &item.effects) {
        let Effect::ApplyObject(apply) = effect else { continue };
        let manifest = desired.applied(&plan.environment, apply);
        trials.extend(manifest.map(|manifest| Trial {
            object: apply.object.clone(),
            uid: apply.uid.clone(),
            manifest: manifest.document.root.to_json(),
        }));
    }
    for (object, answer) in cluster.reading().dry_run(trials).await {
        observation.add(FactKey::DryRun(object), "kubernetes", FactValue::DryRun(answer));
    }
}

fn not_observed<T>(message: &str) -> Known<T> {
    Known::unknown(UnknownCode::NotObserved, message)
}

pub(super) fn unreachable_origin(place: &Environment) -> ObservedFrom {
    let context = place.cluster.context.clone().unwrap_or_else(|| "in-cluster".into());
    ObservedFrom::Live { context, version: "unknown".into() }
}

/// What the catalogs ask about.
struct Asked {
    blueprints: BTreeMap<Name, ObjectRef>,
    workloads: BTreeMap<ObjectRef, WorkloadKind>,
    lists: Wanted,
    windows: BTreeMap<(ObjectRef, Resource), Period>,
    levels: BTreeMap<(ObjectRef, Level), Period>,
    objects: WantedObjects,
}

impl Asked {
    fn of(catalogs: &[&Catalog], environment: &Name, now: Timestamp) -> Self {
        let mut wanted = Self {
            blueprints: BTreeMap::new(),
            workloads: BTreeMap::new(),
            lists: Wanted::new(),
            windows: BTreeMap::new(),
            levels: BTreeMap::new(),
            objects: companions(catalogs, environment),
        };
        for catalog in catalogs {
            for name in catalog.blueprints.keys() {
                let Some(blueprint) = catalog.blueprint(name, environment, now) else { continue };
                if !blueprint.value.is_in(environment) {
                    continue;
                }
                let workload = blueprint.value.spec.target.object();
                wanted.blueprints.insert(name.clone(), workload.clone());
                let kind = blueprint.value.spec.target.workload.kind;
                wanted.lists.entry(workload.namespace.clone()).or_default().insert(kind);
                for resource in [Resource::Cpu, Resource::Memory] {
                    if let Some(window) = blueprint.value.spec.window(resource) {
                        wanted.windows.entry((workload.clone(), resource)).or_insert(window);
                    }
                }
                for level in Level::ALL {
                    if let Some(window) = blueprint.value.spec.level_window(level) {
                        wanted.levels.entry((workload.clone(), level)).or_insert(window);
                    }
                }
                wanted.workloads.insert(workload, kind);
            }
        }
        wanted
    }

    /// The blueprints whose workload's pods are in trouble.
    fn troubled(&self, observation: &Observation) -> BTreeSet<Name> {
        let ill = |workload: &ObjectRef| match observation.facts.get(&FactKey::Pods(workload.clone())) {
            Some(fact) => matches!(&fact.value, FactValue::Pods(Known::Known(pods)) if pods.iter().any(is_ill)),
            None => false,
        };
        self.blueprints.iter().filter(|(_, workload)| ill(workload)).map(|(name, _)| name.clone()).collect()
    }
}

/// Usage of one resource over one window.
enum WindowUsage {
    /// With what stands for a namespace without samples, which has no entry.
    Prometheus(Known<BTreeMap<String, Samples>>, Samples),
    Snapshot(BTreeMap<String, Known<Samples>>),
    /// One moment, by the cluster's own metrics API.
    Moment(Moment),
    Unknown(Unknown),
}

/// What the pods of a namespace used over a window, found by their names: each workload asks for its own.
struct Samples {
    window: Period,
    expected: u32,
    pods: Vec<PodUsage>,
    positions: HashMap<String, Vec<usize>>,
}

impl Samples {
    fn new(window: Period, expected: u32, pods: Vec<PodUsage>) -> Self {
        let mut positions: HashMap<String, Vec<usize>> = HashMap::new();
        for (position, sample) in pods.iter().enumerate() {
            positions.entry(sample.pod.raw().to_owned()).or_default().push(position);
        }
        Self { window, expected, pods, positions }
    }

    /// Those of these pods, in the order in which they came.
    fn of(&self, names: &BTreeSet<String>) -> Vec<PodUsage> {
        let mut mine: Vec<usize> =
            names.iter().filter_map(|name| self.positions.get(name)).flatten().copied().collect();
        mine.sort_unstable();
        mine.into_iter().filter_map(|position| self.pods.get(position).cloned()).collect()
    }
}

/// What pods used at one moment, by namespace.
struct Moment {
    resource: Resource,
    now: Timestamp,
    pods: Arc<BTreeMap<String, Known<BTreeMap<String, PodMoment>>>>,
}

/// A moment that is older tells nothing of now; a metrics server looks once a minute or more often.
const FRESH: Period = Period::from_secs(120);

impl Moment {
    /// The use of these pods, each one sample of as many as would fill the window.
    fn of(&self, namespace: &str, names: &BTreeSet<String>, window: Period) -> Known<Usage> {
        let all = match self.pods.get(namespace) {
            Some(Known::Known(all)) => all,
            Some(Known::Unknown(unknown)) => return Known::Unknown(unknown.clone()),
            None => return not_observed("nobody measured it"),
        };
        let fresh = |moment: &&PodMoment| moment.at >= FRESH.before(self.now);
        let mine = || names.iter().filter_map(|name| Some((name, all.get(name).filter(fresh)?)));
        let Some(shortest) = mine().map(|(_, moment)| moment.over.as_millis()).min() else {
            let message = format!("metrics.k8s.io has nothing of its pods from the last {FRESH}");
            return Known::unknown(
                if names.is_empty() { UnknownCode::NotObserved } else { UnknownCode::Stale },
                message,
            );
        };
        let expected = moments_in(window, Period::from_millis(shortest));
        let pods = mine().filter_map(|(name, moment)| {
            let mean = moment.used.get(&self.resource)?.clone();
            let of_one = |(container, used): (&String, &BTreeMap<Resource, _>)| {
                let mean: &Quantity = used.get(&self.resource)?;
                Some(ContainerUsage { name: Untrusted::new(container), mean: mean.clone(), samples: 1 })
            };
            let containers = moment.containers.iter().filter_map(of_one).collect();
            Some(PodUsage { pod: Untrusted::new(name), mean, samples: 1, containers })
        });
        let expected_samples = u32::try_from(expected).unwrap_or(u32::MAX);
        Known::Known(Usage { window, expected_samples, pods: pods.collect(), point_in_time: true })
    }
}

/// How many moments of one length fill a window. To the second: a metrics-server says 9.999s where it measures every 10s.
fn moments_in(window: Period, over: Period) -> u64 {
    let seconds = (over.as_millis().saturating_add(500)) / 1000 * 1000;
    let over = if seconds == 0 { over.as_millis() } else { seconds };
    window.as_millis().div_ceil(over.max(1)).max(1)
}

impl WindowUsage {
    fn of(&self, workload: &ObjectRef, pods: Option<&BTreeSet<String>>, window: Period) -> Known<Usage> {
        let samples = match self {
            Self::Moment(moment) => {
                let Some(pods) = pods else { return not_observed("which pods are the workload's is not known") };
                return moment.of(&workload.namespace, pods, window);
            }
            Self::Unknown(unknown) | Self::Prometheus(Known::Unknown(unknown), _) => {
                return Known::Unknown(unknown.clone());
            }
            Self::Prometheus(Known::Known(all), none) => all.get(&workload.namespace).unwrap_or(none),
            Self::Snapshot(recorded) => match recorded.get(&workload.namespace) {
                Some(Known::Known(samples)) => samples,
                Some(Known::Unknown(unknown)) => return Known::Unknown(unknown.clone()),
                None => return not_observed("the snapshot holds no usage"),
            },
        };
        if samples.window != window {
            let message = format!("usage was recorded over {}, the blueprint asks for {window}", samples.window);
            return Known::unknown(UnknownCode::NotObserved, message);
        }
        let Some(pods) = pods else { return not_observed("which pods are the workload's is not known") };
        let mine = samples.of(pods);
        if mine.is_empty() && !pods.is_empty() {
            return Known::unknown(
                UnknownCode::NoSamples,
                format!("no sample of its pods arrived over the last {window}"),
            );
        }
        let expected_samples = samples.expected;
        Known::Known(Usage { window, expected_samples, pods: mine, point_in_time: false })
    }
}

async fn usage(
    place: &Environment,
    cluster: &ClusterEdge,
    wanted: &Asked,
    now: Timestamp,
) -> BTreeMap<(Period, Resource), WindowUsage> {
    let windows: BTreeSet<(Period, Resource)> =
        wanted.windows.iter().map(|((_, resource), window)| (*window, *resource)).collect();
    let mut answers = BTreeMap::new();
    if windows.is_empty() {
        return answers;
    }
    let prometheus = match (cluster, &place.prometheus) {
        (ClusterEdge::Snapshot(snapshot), _) => {
            for (window, resource) in windows {
                let of_namespace = |namespace: &String| {
                    let recorded = snapshot.usage_over(namespace, resource, window);
                    recorded.map(|usage| Samples::new(usage.window, usage.expected_samples, usage.pods))
                };
                let recorded = wanted.lists.keys().map(|namespace| (namespace.clone(), of_namespace(namespace)));
                answers.insert((window, resource), WindowUsage::Snapshot(recorded.collect()));
            }
            return answers;
        }
        (ClusterEdge::Live(live), None) => {
            let mut moments = BTreeMap::new();
            for namespace in wanted.lists.keys() {
                let moment = live.pod_moments(namespace).await;
                moments.insert(namespace.clone(), unserved(moment));
            }
            let pods = Arc::new(moments);
            let moment = |resource| WindowUsage::Moment(Moment { resource, now, pods: Arc::clone(&pods) });
            return windows.into_iter().map(|(window, resource)| ((window, resource), moment(resource))).collect();
        }
        (ClusterEdge::Live(_), Some(source)) => connect_prometheus(source),
    };
    for (window, resource) in windows {
        let answer = match &prometheus {
            Err(error) => WindowUsage::Unknown(error.clone()),
            Ok(prometheus) => match prometheus.moment(now).await {
                Ok(at) => {
                    let namespaces: Vec<String> = wanted.lists.keys().cloned().collect();
                    let Measured { window, expected_samples, pods } =
                        prometheus.usage(&namespaces, resource, window, at).await;
                    let samples = |pods| Samples::new(window, expected_samples, pods);
                    let by_name = |all: BTreeMap<String, Vec<PodUsage>>| {
                        all.into_iter().map(|(namespace, pods)| (namespace, samples(pods))).collect()
                    };
                    WindowUsage::Prometheus(pods.map(by_name), samples(Vec::new()))
                }
                Err(error) => WindowUsage::Unknown(error.into_unknown()),
            },
        };
        answers.insert((window, resource), answer);
    }
    answers
}

/// Says what would help where the cluster has no metrics API, or does not show it.
fn unserved<T>(moment: Known<T>) -> Known<T> {
    match moment {
        Known::Known(moment) => Known::Known(moment),
        Known::Unknown(why) => Known::Unknown(Unknown {
            message: format!(
                "the environment names no Prometheus, and the cluster itself did not say: {}",
                why.message
            ),
            ..why
        }),
    }
}

/// Connects to a Prometheus.
pub fn connect_prometheus(source: &PrometheusSource) -> Result<Prometheus, Unknown> {
    let options = PrometheusOptions {
        url: runtime::variable("BPCTL_PROMETHEUS_URL").unwrap_or_else(|| source.url.clone()),
        bearer: runtime::secret(&["BPCTL_PROMETHEUS_TOKEN"]),
        cpu_query: None,
        memory_query: None,
        level_queries: source.queries.clone(),
        rate_interval: source.rate_interval,
    };
    Prometheus::connect(options).map_err(crate::metrics::MetricsError::into_unknown)
}

/// A failed call as a reason for not knowing.
pub fn forge_unknown(error: &ForgeError) -> Unknown {
    let (code, detail) = match error {
        ForgeError::Unreachable { .. } => (UnknownCode::Unreachable, None),
        ForgeError::Refused { said, .. } => (UnknownCode::Forbidden, Some(said.clone())),
        ForgeError::Input { .. } => (UnknownCode::NotObserved, None),
        _ => (UnknownCode::Incomplete, None),
    };
    Unknown { code, message: error.to_string(), detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B6. Would miss: a metrics-server that measures every 10s and by whose 9.999s nothing is ever decided.
    #[test]
    fn b06_a_moment_counts_to_the_second() {
        for (window, over, moments) in
            [(10, 9_999, 1), (10, 10_001, 1), (20, 15_012, 2), (300, 15_000, 20), (10, 9_499, 2), (1, 250, 4)]
        {
            assert_eq!(
                moments_in(Period::from_secs(window), Period::from_millis(over)),
                moments,
                "{window}s of {over}ms"
            );
        }
    }
}
