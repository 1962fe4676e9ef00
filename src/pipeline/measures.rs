//! What was measured around merged operations, from Prometheus: before each, and in the windows after it that are over (B13, B14, B16).

use std::collections::BTreeMap;

use bpctl_core::blueprint::{Catalog, Environment};
use bpctl_core::model::{Name, ObjectRef, Period, Timestamp};
use bpctl_core::observe::{
    CheckConclusion, Gauges, Known, Measures, PastOperation, Resource, Unknown, Usage, WindowMeasures,
};
use bpctl_core::verify::{HORIZON, Spans, Targets, is_verified};

use super::ClusterEdge;
use super::levels::{is_pod_of, of_workload};
use super::observe::connect_prometheus;
use crate::metrics::Prometheus;

/// The newest operation of each blueprint whose verification is open, or failed: what it brought, as far as its windows are over.
pub(super) async fn measures(
    environment: &Name,
    place: &Environment,
    catalogs: &[&Catalog],
    cluster: &ClusterEdge,
    history: &Known<BTreeMap<Name, Vec<PastOperation>>>,
    now: Timestamp,
) -> BTreeMap<Name, Known<Measures>> {
    let mut found = BTreeMap::new();
    let (ClusterEdge::Live(_), Known::Known(history), Some(source)) = (cluster, history, &place.prometheus) else {
        return found;
    };
    for (name, operations) in history {
        let open = |past: &&PastOperation| {
            past.merged_at >= HORIZON.before(now) && matches!(past.outcome, None | Some(CheckConclusion::Failure))
        };
        let last = operations.iter().rfind(|past| is_verified(past)).filter(open);
        let catalog = catalogs.iter().find(|catalog| catalog.blueprints.contains_key(name));
        let (Some(last), Some(catalog)) = (last, catalog) else { continue };
        let Some(blueprint) = catalog.blueprint(name, environment, now) else { continue };
        let Ok(targets) = Targets::of(&blueprint.value.spec, place) else { continue };
        let windows = &catalog.workspace.value.verification;
        let spans = Spans::of(windows, place.delivery, last.began(), Targets::lag(place));
        let over: Vec<_> = spans.measured().filter(|(.., due)| *due <= now).collect();
        if over.is_empty() {
            continue;
        }
        let measured = match connect_prometheus(source) {
            Err(why) => Known::Unknown(without_detail(why)),
            Ok(prometheus) => {
                let workload = blueprint.value.spec.target.object();
                let mut windows = Vec::new();
                for (window, over, end, _) in over {
                    let (before, after) = tokio::join!(
                        gauges(&prometheus, &workload, &targets, over, last.merged_at),
                        gauges(&prometheus, &workload, &targets, over, end)
                    );
                    windows.push(WindowMeasures { window, over, before, after });
                }
                Known::Known(Measures { commit: last.commit.clone(), windows })
            }
        };
        found.insert(name.clone(), measured);
    }
    found
}

/// One interval, of the pods that the workload had then.
async fn gauges(
    prometheus: &Prometheus,
    workload: &ObjectRef,
    targets: &Targets,
    over: Period,
    end: Timestamp,
) -> Gauges {
    let namespaces = [workload.namespace.clone()];
    let mut gauges = Gauges::default();
    for resource in [Resource::Cpu, Resource::Memory] {
        let measured = prometheus.usage(&namespaces, resource, over, end).await;
        let usage = match measured.pods {
            Known::Unknown(why) => Known::Unknown(without_detail(why)),
            Known::Known(mut all) => {
                let mut pods = all.remove(&workload.namespace).unwrap_or_default();
                pods.retain(|pod| is_pod_of(pod.pod.raw(), workload));
                let expected_samples = measured.expected_samples;
                Known::Known(Usage { window: over, expected_samples, pods, point_in_time: false })
            }
        };
        gauges.usage.insert(resource, usage);
    }
    for level in targets.levels() {
        let measured = prometheus.level(&namespaces, level, over, end).await;
        let mine = match measured.series {
            Known::Unknown(why) => Known::Unknown(without_detail(why)),
            Known::Known(all) => {
                let series = all.get(&workload.namespace).map_or(&[] as &[_], Vec::as_slice);
                Known::Known(of_workload(workload, over, measured.expected_samples, series))
            }
        };
        gauges.levels.insert(level, mine);
    }
    gauges
}

/// What the other side said decides nothing, and is no one's to keep.
fn without_detail(why: Unknown) -> Unknown {
    Unknown { detail: None, ..why }
}
