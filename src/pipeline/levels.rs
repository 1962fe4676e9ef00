//! What workloads' requests are like, from Prometheus or a recording: one question a level and window, whatever the number of workloads.

use std::collections::{BTreeMap, BTreeSet};

use bpctl_core::blueprint::Environment;
use bpctl_core::model::{ObjectRef, Period, Timestamp};
use bpctl_core::observe::{Known, Level, LevelSeries, MeasuredLevel};

use super::ClusterEdge;
use super::observe::connect_prometheus;

/// The levels of these workloads over their windows. Where nothing measures them there are no facts: a thousand that say so say no more.
pub(super) async fn levels(
    place: &Environment,
    cluster: &ClusterEdge,
    wanted: &BTreeMap<(ObjectRef, Level), Period>,
    now: Timestamp,
) -> BTreeMap<(ObjectRef, Level), Known<MeasuredLevel>> {
    let mut found = BTreeMap::new();
    let measures = match cluster {
        ClusterEdge::Snapshot(snapshot) => snapshot.has_levels(),
        ClusterEdge::Live(_) => place.prometheus.is_some(),
    };
    if wanted.is_empty() || !measures {
        return found;
    }
    if let ClusterEdge::Snapshot(snapshot) = cluster {
        let mut all = BTreeMap::new();
        for (key @ (workload, level), window) in wanted {
            let recorded = all
                .entry((workload.namespace.as_str(), *level, *window))
                .or_insert_with_key(|(namespace, level, window)| snapshot.level_over(namespace, *level, *window));
            let recorded = recorded.as_ref();
            let mine = recorded.map(|all| of_workload(workload, *window, all.expected_samples, &all.series));
            found.insert(key.clone(), mine);
        }
        return found;
    }
    let Some(prometheus) = place.prometheus.as_ref().map(connect_prometheus) else { return found };
    let asked: BTreeSet<(Level, Period)> = wanted.iter().map(|((_, level), window)| (*level, *window)).collect();
    for (level, window) in asked {
        let about = || wanted.iter().filter(|((_, of), over)| (*of, **over) == (level, window)).map(|(key, _)| key);
        let measured = match &prometheus {
            Err(why) => Known::Unknown(why.clone()),
            Ok(prometheus) => {
                let namespaces: BTreeSet<String> = about().map(|(workload, _)| workload.namespace.clone()).collect();
                let namespaces: Vec<String> = namespaces.into_iter().collect();
                match prometheus.moment(now).await {
                    Ok(at) => {
                        let measured = prometheus.level(&namespaces, level, window, at).await;
                        measured.series.map(|series| (measured.expected_samples, series))
                    }
                    Err(error) => Known::Unknown(error.into_unknown()),
                }
            }
        };
        for key in about() {
            let mine = measured.as_ref().map(|(expected, all)| {
                let series = all.get(&key.0.namespace).map_or(&[] as &[LevelSeries], Vec::as_slice);
                of_workload(&key.0, window, *expected, series)
            });
            found.insert(key.clone(), mine);
        }
    }
    found
}

/// The series that are the workload's own. Pods are told by the name that their controller gives them, so that the pods of the whole window
/// count, also those that are gone.
pub(super) fn of_workload(
    workload: &ObjectRef,
    window: Period,
    expected_samples: u32,
    all: &[LevelSeries],
) -> MeasuredLevel {
    let mine = |series: &&LevelSeries| {
        let of = series.of.raw();
        if series.workload { of == workload.name } else { is_pod_of(of, workload) }
    };
    MeasuredLevel { window, expected_samples, series: all.iter().filter(mine).cloned().collect() }
}

/// Whether a pod's name is one that the workload's controller gives: `NAME-HASH-SUFFIX`, `NAME-0`, `NAME-SUFFIX`.
pub(super) fn is_pod_of(pod: &str, workload: &ObjectRef) -> bool {
    let Some(rest) = pod.strip_prefix(&workload.name).and_then(|rest| rest.strip_prefix('-')) else { return false };
    let parts: Vec<&str> = rest.split('-').collect();
    // The letters that controllers draw from have no vowels: `web-ingress-x2x9k` is no pod of `web`.
    let drawn = |part: &str| part.bytes().all(|b| b"bcdfghjklmnpqrstvwxz2456789".contains(&b));
    let suffix = |part: &str| part.len() == 5 && drawn(part);
    match (workload.kind.as_str(), parts.as_slice()) {
        ("Deployment", [hash, end]) => (6..=10).contains(&hash.len()) && drawn(hash) && suffix(end),
        ("StatefulSet", [number]) => !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()),
        ("DaemonSet", [end]) => suffix(end),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_pod_of;
    use bpctl_core::model::{ObjectParts, ObjectRef};

    #[test]
    fn pods_are_told_by_what_their_controllers_call_them() {
        for (kind, pod, is) in [
            ("Deployment", "web-7d9c5b8f6d-x2x9k", true),
            ("Deployment", "web-api-7d9c5b8f6d-x2x9k", false),
            ("Deployment", "web-ingress-x2x9k", false),
            ("Deployment", "web-0", false),
            ("StatefulSet", "web-12", true),
            ("StatefulSet", "web-api-0", false),
            ("DaemonSet", "web-x2x9k", true),
            ("DaemonSet", "web-x2x9", false),
            ("Deployment", "web", false),
        ] {
            let workload = ObjectRef::from(ObjectParts {
                kind: kind.into(),
                ..ObjectParts::clone(&ObjectRef::deployment("shop", "web"))
            });
            assert_eq!(is_pod_of(pod, &workload), is, "{kind} {pod}");
        }
    }
}
