//! `snapshot`: records an environment into a folder, so that plans can be made, shown and tested without the cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bpctl_core::blueprint::{Catalog, Environment};
use bpctl_core::model::{Name, ObjectKind, Period, Timestamp, WorkloadKind};
use bpctl_core::observe::{Known, Level, ObservedFrom, Resource};

use super::observe::{companions, connect_prometheus};
use super::{ClusterEdge, PipelineError};
use crate::cluster::{RecordedLevel, RecordedUsage, SnapshotHeader, Wanted, record};

/// What was recorded.
#[derive(Debug)]
pub struct Recorded {
    /// Namespaces.
    pub namespaces: Vec<String>,
    /// What could not be recorded.
    pub missing: Vec<String>,
}

/// Records the namespaces that the blueprints name.
pub async fn take(
    catalog: &Catalog,
    environment: &Name,
    place: &Environment,
    cluster: &ClusterEdge,
    folder: &Path,
    now: Timestamp,
) -> Result<Recorded, PipelineError> {
    let ClusterEdge::Live(live) = cluster else {
        return Err(PipelineError::told(
            format!("environment {environment} is a recording itself"),
            "record a live one: give it `cluster: {context: NAME}`, or pass --context",
        ));
    };
    let mut wanted: Wanted = BTreeMap::new();
    let mut windows = BTreeSet::new();
    let mut level_windows = BTreeSet::new();
    for name in catalog.blueprints.keys() {
        let Some(blueprint) = catalog.blueprint(name, environment, now) else { continue };
        if !blueprint.value.is_in(environment) {
            continue;
        }
        let target = &blueprint.value.spec.target;
        wanted.entry(target.namespace.to_string()).or_default().insert(target.workload.kind);
        let levels = Level::ALL.into_iter();
        level_windows.extend(levels.filter_map(|level| Some((level, blueprint.value.spec.level_window(level)?))));
        windows.extend([Resource::Cpu, Resource::Memory].iter().filter_map(|r| blueprint.value.spec.window(*r)));
    }
    let namespaces: Vec<String> = wanted.keys().cloned().collect();
    let reading = cluster.reading();
    let ObservedFrom::Live { context, version } = reading.origin().await? else {
        return Err(PipelineError::told("the cluster is not live", "this is a bug"));
    };
    let mut missing = Vec::new();
    let mut listings = BTreeMap::new();
    for (namespace, kinds) in &wanted {
        let listing = live.raw_namespace(namespace, kinds).await;
        let workloads = listing.workloads.iter().map(|(kind, known)| (kind.plural(), unknown(known)));
        for (what, unknown) in workloads.chain([("pods", unknown(&listing.pods))]) {
            missing.extend(unknown.map(|why| format!("{what} of {namespace}: {why}")));
        }
        listings.insert(namespace.clone(), listing);
    }
    for name in catalog.blueprints.keys() {
        let unclear = catalog.companions(environment, name).unclear.into_iter();
        missing.extend(unclear.map(|(what, why)| format!("{what} of {name}: {why}")));
    }
    let companions = companions(&[catalog], environment);
    let mut objects = live.raw_objects(&companions).await;
    for namespace in &namespaces {
        let kind = ObjectKind::new("v1", "Event");
        objects.insert((namespace.clone(), kind), reading.warnings(namespace).await);
    }
    for ((namespace, kind), known) in &objects {
        missing.extend(unknown(known).map(|why| format!("{} of {namespace}: {why}", kind.kind)));
    }
    let mut schemas = BTreeMap::new();
    let workloads: BTreeSet<_> = wanted.values().flatten().collect();
    let workloads = workloads.into_iter().map(|kind| ObjectKind::new(WorkloadKind::API_VERSION, kind.as_str()));
    let compared = companions.into_iter().filter(|(_, names)| !names.is_empty()).map(|((_, kind), _)| kind);
    for kind in workloads.chain(compared).collect::<BTreeSet<_>>() {
        match reading.type_schema(&kind.api_version, &kind.kind).await {
            Known::Known(schema) => {
                schemas.insert((kind.api_version, kind.kind), schema);
            }
            Known::Unknown(why) => missing.push(format!("the types of {}: {}", kind.kind, why.message)),
        }
    }
    let (mut usage, mut levels) = (Vec::new(), Vec::new());
    match place.prometheus.as_ref().map(connect_prometheus) {
        None => missing.push(
            "usage: the environment names no Prometheus, and what metrics.k8s.io says of one moment is not recorded"
                .into(),
        ),
        Some(Err(why)) => missing.push(format!("usage: {}", why.message)),
        Some(Ok(prometheus)) => {
            // A snapshot holds one window per resource: the first that a blueprint asks for.
            let window = windows.first().copied().unwrap_or(Period::from_secs(300));
            for resource in [Resource::Cpu, Resource::Memory] {
                let at = prometheus.moment(now).await.unwrap_or(now);
                let measured = prometheus.usage(&namespaces, resource, window, at).await;
                match measured.pods {
                    Known::Known(by_namespace) => usage.extend(by_namespace.into_iter().map(|(namespace, pods)| {
                        RecordedUsage { namespace, resource, window, expected_samples: measured.expected_samples, pods }
                    })),
                    Known::Unknown(why) => missing.push(format!("{resource} usage: {}", why.message)),
                }
            }
            for (level, window) in level_windows {
                let at = prometheus.moment(now).await.unwrap_or(now);
                let measured = prometheus.level(&namespaces, level, window, at).await;
                let expected_samples = measured.expected_samples;
                match measured.series {
                    Known::Known(all) => levels.extend(all.into_iter().map(|(namespace, series)| RecordedLevel {
                        namespace,
                        level,
                        window,
                        expected_samples,
                        series,
                    })),
                    Known::Unknown(why) => missing.push(format!("{level}: {}", why.message)),
                }
            }
        }
    }
    // What stands in the folder may be all that there is of it.
    if listings.values().all(|listing| listing.workloads.values().all(|known| unknown(known).is_some())) {
        let why = missing.first().cloned().unwrap_or_else(|| format!("no blueprint is in {environment}"));
        return Err(PipelineError::told(
            format!("nothing was recorded, and {} is as it was: {why}", folder.display()),
            "give the account that bpctl runs as the rights of templates/rbac/reader.yaml",
        ));
    }
    let header =
        SnapshotHeader { schema_version: 1, recorded_at: now, context, version, namespaces: namespaces.clone() };
    record(folder, &header, &listings, &objects, &schemas, &usage, &levels)?;
    Ok(Recorded { namespaces, missing })
}

fn unknown<T>(known: &Known<T>) -> Option<&str> {
    match known {
        Known::Known(_) => None,
        Known::Unknown(why) => Some(&why.message),
    }
}
