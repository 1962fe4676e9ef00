//! What requests are like: the questions for service levels, and how their answers are read (B1).

use std::collections::BTreeMap;

use bpctl_core::model::{Period, Quantity, Timestamp, Untrusted};
use bpctl_core::observe::{Known, Level, LevelSeries, UnknownCode};

use super::MeasuredRequests;
use super::decimal::nanos;
use super::prometheus::{MetricsError, Prometheus, Series, sampling};

/// What usual exporters serve: the counter of requests, the label of its answer's status, the histogram of the times in seconds.
const EXPORTERS: [(&str, &str, &str); 6] = [
    // Prometheus' client libraries.
    ("http_requests_total", "code", "http_request_duration_seconds_bucket"),
    ("http_requests_total", "status", "http_request_duration_seconds_bucket"),
    ("http_request_duration_seconds_count", "code", "http_request_duration_seconds_bucket"),
    ("http_request_duration_seconds_count", "status", "http_request_duration_seconds_bucket"),
    // Micrometer (Spring Boot, Quarkus).
    ("http_server_requests_seconds_count", "status", "http_server_requests_seconds_bucket"),
    // OpenTelemetry.
    (
        "http_server_request_duration_seconds_count",
        "http_response_status_code",
        "http_server_request_duration_seconds_bucket",
    ),
];

/// What is asked where nobody says otherwise: of each pod by the first exporter that it has.
fn usual(level: Level) -> String {
    let rate = |by: &str, metric: &str, selector: &str| {
        format!(r#"sum by (namespace, pod{by}) (rate({metric}{{{selector}namespace=~"$namespaces"}}[$rate]))"#)
    };
    let mut all: Vec<String> = EXPORTERS
        .iter()
        .map(|(counter, status, buckets)| match level {
            Level::Requests => rate("", counter, &format!(r#"{status}!="","#)),
            // Zero where none failed: no answer is not known, and never healthy.
            Level::Errors => format!(
                "{} or 0 * {}",
                rate("", counter, &format!(r#"{status}=~"5..","#)),
                rate("", counter, &format!(r#"{status}!="","#))
            ),
            Level::Latency => rate(", le", buckets, ""),
        })
        .collect();
    all.dedup();
    all.join(" or ")
}

impl Prometheus {
    /// What the requests of some namespaces were like over a window that ends at a moment.
    pub async fn level(&self, namespaces: &[String], level: Level, window: Period, at: Timestamp) -> MeasuredRequests {
        let (step, expected_samples) = sampling(window);
        let series = match self.series(namespaces, level, (window, step), at).await {
            Ok(series) => Known::Known(series),
            // The whole query would hide what to do about it.
            Err(MetricsError::Empty { .. }) => {
                let message = format!("Prometheus has no {level} of it (prometheus.queries.{level} names others)");
                Known::unknown(UnknownCode::NotObserved, message)
            }
            Err(error) => Known::Unknown(error.into_unknown()),
        };
        MeasuredRequests { window, expected_samples, series }
    }

    async fn series(
        &self,
        namespaces: &[String],
        level: Level,
        window: (Period, Period),
        at: Timestamp,
    ) -> Result<BTreeMap<String, Vec<LevelSeries>>, MetricsError> {
        let attempt = format!("read the {level} of the last {} at {at}", window.0);
        let own = self.level_queries();
        let own = match level {
            Level::Requests => &own.requests,
            Level::Errors => &own.errors,
            Level::Latency => &own.latency,
        };
        let query = own.clone().unwrap_or_else(|| usual(level));
        let (means, counts) = self.sampled(&query, namespaces, window, at, &attempt).await?;
        let malformed = |why: &str| MetricsError::Malformed { attempt: attempt.clone(), why: why.into() };
        let counts = by_series(counts, level).map_err(malformed)?;
        let mut found: BTreeMap<String, Vec<LevelSeries>> = BTreeMap::new();
        for (key, mean) in by_series(means, level).map_err(malformed)? {
            if !namespaces.contains(&key.namespace) {
                return Err(malformed(
                    "the query answers for namespaces that were not asked for: use $namespaces in it",
                ));
            }
            let mean = nanos(&mean).ok_or_else(|| malformed("a value is not a number, or negative"))?;
            let samples = counts.get(&key).and_then(|count| u32::try_from(nanos(count)? / 1_000_000_000).ok());
            let samples = samples.ok_or_else(|| malformed("a series has a mean and no count"))?;
            let Key { namespace, of, workload, at_most } = key;
            let (of, mean) = (Untrusted::new(of), Quantity::from_nanos(mean));
            let at_most = at_most.map(Quantity::from_nanos);
            found.entry(namespace).or_default().push(LevelSeries { of, workload, at_most, mean, samples });
        }
        Ok(found)
    }
}

/// What tells one series from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    namespace: String,
    of: String,
    workload: bool,
    at_most: Option<i128>,
}

fn by_series(series: Vec<Series>, level: Level) -> Result<BTreeMap<Key, String>, &'static str> {
    let mut found = BTreeMap::new();
    for Series { metric, value: (_, value) } in series {
        let namespace = metric.namespace.ok_or("a series has no namespace: the query must keep that label")?;
        let (of, workload) = match (metric.workload, metric.pod) {
            (Some(workload), _) => (workload, true),
            (None, Some(pod)) => (pod, false),
            (None, None) => return Err("a series has neither pod nor workload: the query must keep one of the labels"),
        };
        let at_most = match (level, metric.le.as_deref()) {
            (Level::Latency, None) => return Err("a series has no le: the query must give the rates of buckets"),
            (Level::Latency, Some("+Inf")) | (Level::Requests | Level::Errors, _) => None,
            (Level::Latency, Some(bound)) => Some(nanos(bound).ok_or("a bucket's bound is no number of seconds")?),
        };
        if found.insert(Key { namespace, of, workload, at_most }, value).is_some() {
            return Err("a pod has several series: the query must sum by namespace and pod");
        }
    }
    Ok(found)
}
