//! What pods use right now, by the metrics API (`metrics.k8s.io`): one short mean per pod, without a past.

use std::collections::BTreeMap;

use bpctl_core::model::{Period, Quantity, Timestamp};
use bpctl_core::observe::{Known, Resource};
use serde::Deserialize;

use super::{ClusterError, LiveCluster, list, parse};

/// One pod's use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodMoment {
    /// The end of the time that it is the mean of.
    pub at: Timestamp,
    /// The length of that time.
    pub over: Period,
    /// The sum over its containers, by resource.
    pub used: BTreeMap<Resource, Quantity>,
    /// What each container used, where there are several.
    pub containers: BTreeMap<String, BTreeMap<Resource, Quantity>>,
}

#[derive(Deserialize)]
struct PodMetricsList {
    #[serde(default)]
    metadata: list::HeadMetadata,
    items: Vec<PodMetrics>,
}

#[derive(Deserialize)]
struct PodMetrics {
    metadata: Named,
    /// `null` for some seconds after a pod began: it was not measured yet.
    timestamp: Option<Timestamp>,
    /// As Go writes it: `15.012s`, `1m0.5s`.
    window: String,
    containers: Option<Vec<Container>>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    namespace: String,
}

#[derive(Deserialize)]
struct Container {
    name: String,
    usage: BTreeMap<String, Quantity>,
}

impl LiveCluster {
    /// What the pods of a namespace use, by name. The API has no pages: one call.
    pub async fn pod_moments(&self, namespace: &str) -> Known<BTreeMap<String, PodMoment>> {
        match self.read_moments(namespace).await {
            Ok(moments) => Known::Known(moments),
            Err(error) => Known::Unknown(error.into_unknown()),
        }
    }

    async fn read_moments(&self, namespace: &str) -> Result<BTreeMap<String, PodMoment>, ClusterError> {
        let attempt = format!("read what pods of namespace {namespace} use from metrics.k8s.io of {}", self.context());
        let malformed = |why: String| ClusterError::Malformed { attempt: attempt.clone(), why };
        if !list::is_namespace(namespace) {
            return Err(malformed("that is no name of a namespace".into()));
        }
        let body = self.get_moments(namespace, &attempt).await.map_err(|error| match error {
            ClusterError::Refused { status: 404, .. } => {
                ClusterError::Unsupported("its API server has no metrics.k8s.io (a metrics-server serves it)".into())
            }
            other => other,
        })?;
        let all: PodMetricsList = parse(&body, &attempt)?;
        if let Err(why) = all.metadata.whole() {
            return Err(ClusterError::Incomplete { attempt, why });
        }
        let mut moments = BTreeMap::new();
        for pod in all.items {
            if pod.metadata.namespace != namespace {
                return Err(malformed("a pod is of another namespace".into()));
            }
            let Some(at) = pod.timestamp else { continue };
            let containers = pod.containers.unwrap_or_default();
            let over =
                period(&pod.window).ok_or_else(|| malformed(format!("`{}` is no time", pod.window.escape_debug())))?;
            let mut used = BTreeMap::new();
            for resource in [Resource::Cpu, Resource::Memory] {
                // A container that says nothing leaves the pod's sum unknown, not smaller.
                let each = containers.iter().map(|container| container.usage.get(resource.name()).map(Quantity::nanos));
                if let Some(sum) = each.sum::<Option<i128>>().filter(|_| !containers.is_empty()) {
                    used.insert(resource, Quantity::from_nanos(sum));
                }
            }
            let several = containers.len() > 1;
            let of_one = |container: Container| {
                let known = [Resource::Cpu, Resource::Memory].into_iter();
                let used = known.filter_map(|resource| Some((resource, container.usage.get(resource.name())?.clone())));
                let used = used.collect();
                (container.name, used)
            };
            let containers = containers.into_iter().filter(|_| several).map(of_one).collect();
            moments.insert(pod.metadata.name, PodMoment { at, over, used, containers });
        }
        Ok(moments)
    }
}

/// Go's way to write a time, down to whole milliseconds.
fn period(text: &str) -> Option<Period> {
    let mut millis: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, after) = tail.split_at(unit);
        let each: u64 = match unit {
            "h" => 3_600_000,
            "m" => 60_000,
            "s" => 1000,
            "ms" => 1,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let fraction: String = fraction.chars().chain("000".chars()).take(3).collect();
        let part = whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(fraction.parse().ok()?)?;
        millis = millis.checked_add(part.checked_mul(each)? / 1000)?;
        rest = after;
    }
    (millis > 0).then(|| Period::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_go_are_read_and_nothing_else() {
        for (text, millis) in
            [("15.012s", 15_012), ("1m0.5s", 60_500), ("30s", 30_000), ("1h1m1s", 3_661_000), ("250ms", 250)]
        {
            assert_eq!(period(text), Some(Period::from_millis(millis)), "{text}");
        }
        for text in ["", "0s", "s", "15", "-1s", "1d", "1.2.3s", "99999999999999999999s"] {
            assert_eq!(period(text), None, "{text}");
        }
    }
}
