//! Looks at an environment: cluster, metrics and the forge's record of past operations, gathered into one observation.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bpctl_core::blueprint::{Catalog, Environment, PrometheusSource};
use bpctl_core::model::{Name, ObjectRef, Period, Timestamp, WorkloadKind};
use bpctl_core::observe::{
    FactKey, FactValue, Known, LiveObject, Observation, ObservedFrom, Resource, TypeSchema, Unknown, UnknownCode, Usage,
};

use super::PipelineError;
use super::history::history;
use crate::cluster::{Cluster, ClusterWrite, ConnectOptions, LiveCluster, NamespaceListing, SnapshotCluster, Wanted};
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

/// A look at a cluster that has begun: it goes on while the tree is still being read.
#[derive(Debug)]
pub struct Look(tokio::task::JoinHandle<Seen>);

impl Look {
    /// Begins to look at these workloads.
    pub fn begin(cluster: &Arc<ClusterEdge>, wanted: Wanted) -> Self {
        let cluster = Arc::clone(cluster);
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
    let seen = async {
        match look {
            Some(look) => look.end(cluster, &wanted.lists).await,
            None => see(cluster, &wanted.lists).await,
        }
    };
    let (seen, usage, history) = tokio::join!(
        seen,
        usage(place, cluster, &wanted, now),
        history(environment, catalogs, repository, forge, clock.now)
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
            observation.add(key, if source == "snapshot" { source } else { "prometheus" }, FactValue::Usage(measured));
        }
    }
    for name in &wanted.blueprints {
        let mine = history.clone().map(|all| all.get(name).cloned().unwrap_or_default());
        observation.add(FactKey::History(name.clone()), "forge", FactValue::History(mine));
    }
    Ok(Observed { observation, server_clock: clock.from_server })
}

fn not_observed<T>(message: &str) -> Known<T> {
    Known::unknown(UnknownCode::NotObserved, message)
}

fn unreachable_origin(place: &Environment) -> ObservedFrom {
    let context = place.cluster.context.clone().unwrap_or_else(|| "in-cluster".into());
    ObservedFrom::Live { context, version: "unknown".into() }
}

/// What the catalogs ask about.
struct Asked {
    blueprints: BTreeSet<Name>,
    workloads: BTreeMap<ObjectRef, WorkloadKind>,
    lists: Wanted,
    windows: BTreeMap<(ObjectRef, Resource), Period>,
}

impl Asked {
    fn of(catalogs: &[&Catalog], environment: &Name, now: Timestamp) -> Self {
        let mut wanted = Self {
            blueprints: BTreeSet::new(),
            workloads: BTreeMap::new(),
            lists: Wanted::new(),
            windows: BTreeMap::new(),
        };
        for catalog in catalogs {
            for name in catalog.blueprints.keys() {
                let Some(blueprint) = catalog.blueprint(name, environment, now) else { continue };
                let workload = blueprint.value.spec.target.object();
                wanted.blueprints.insert(name.clone());
                let kind = blueprint.value.spec.target.workload.kind;
                wanted.lists.entry(workload.namespace.clone()).or_default().insert(kind);
                for resource in [Resource::Cpu, Resource::Memory] {
                    if let Some(window) = blueprint.value.spec.window(resource) {
                        wanted.windows.entry((workload.clone(), resource)).or_insert(window);
                    }
                }
                wanted.workloads.insert(workload, kind);
            }
        }
        wanted
    }
}

/// Usage of one resource over one window.
enum WindowUsage {
    Prometheus(Measured),
    Snapshot(BTreeMap<String, Known<crate::cluster::RecordedUsage>>),
    Unknown(Unknown),
}

impl WindowUsage {
    fn of(&self, workload: &ObjectRef, pods: Option<&BTreeSet<String>>, window: Period) -> Known<Usage> {
        let (expected_samples, of_namespace, measured_over) = match self {
            Self::Unknown(unknown) => return Known::Unknown(unknown.clone()),
            Self::Prometheus(measured) => match &measured.pods {
                Known::Unknown(unknown) => return Known::Unknown(unknown.clone()),
                Known::Known(all) => {
                    (measured.expected_samples, all.get(&workload.namespace).cloned(), measured.window)
                }
            },
            Self::Snapshot(recorded) => match recorded.get(&workload.namespace) {
                Some(Known::Known(usage)) => (usage.expected_samples, Some(usage.pods.clone()), usage.window),
                Some(Known::Unknown(unknown)) => return Known::Unknown(unknown.clone()),
                None => return not_observed("the snapshot holds no usage"),
            },
        };
        if measured_over != window {
            let message = format!("usage was recorded over {measured_over}, the blueprint asks for {window}");
            return Known::unknown(UnknownCode::NotObserved, message);
        }
        let Some(pods) = pods else { return not_observed("which pods are the workload's is not known") };
        let mine: Vec<_> =
            of_namespace.unwrap_or_default().into_iter().filter(|sample| pods.contains(sample.pod.raw())).collect();
        if mine.is_empty() && !pods.is_empty() {
            return not_observed(&format!("no sample of its pods arrived over the last {window}"));
        }
        Known::Known(Usage { window, expected_samples, pods: mine })
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
                let recorded =
                    wanted.lists.keys().map(|ns| (ns.clone(), snapshot.usage_over(ns, resource, window))).collect();
                answers.insert((window, resource), WindowUsage::Snapshot(recorded));
            }
            return answers;
        }
        (ClusterEdge::Live(_), None) => {
            let message = "the environment names no Prometheus".to_owned();
            let unknown = Unknown { code: UnknownCode::NotObserved, message, detail: None };
            return windows.into_iter().map(|asked| (asked, WindowUsage::Unknown(unknown.clone()))).collect();
        }
        (ClusterEdge::Live(_), Some(source)) => connect_prometheus(source),
    };
    for (window, resource) in windows {
        let answer = match &prometheus {
            Err(error) => WindowUsage::Unknown(error.clone()),
            Ok(prometheus) => {
                let at = prometheus.now().await.unwrap_or(now);
                let namespaces: Vec<String> = wanted.lists.keys().cloned().collect();
                WindowUsage::Prometheus(prometheus.usage(&namespaces, resource, window, at).await)
            }
        };
        answers.insert((window, resource), answer);
    }
    answers
}

/// Connects to a Prometheus.
pub fn connect_prometheus(source: &PrometheusSource) -> Result<Prometheus, Unknown> {
    let options = PrometheusOptions {
        url: runtime::variable("BPCTL_PROMETHEUS_URL").unwrap_or_else(|| source.url.clone()),
        bearer: runtime::secret(&["BPCTL_PROMETHEUS_TOKEN"]),
        cpu_query: None,
        memory_query: None,
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
