//! Prometheus, and what speaks its API (Thanos, Mimir, `VictoriaMetrics`).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use bpctl_core::blueprint::LevelQueries;
use bpctl_core::model::{Period, Quantity, Timestamp, Untrusted};
use bpctl_core::observe::{ContainerUsage, Known, PodUsage, Resource, Unknown, UnknownCode};
use reqwest::{StatusCode, Url, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::Measured;
use super::decimal::nanos;
use crate::runtime;

/// How long one answer may take; the server is told to give up a little earlier.
const PATIENCE: Duration = Duration::from_secs(20);
/// Larger than the answer for 100,000 pods.
const MAX_BODY: usize = 64 << 20;
/// Samples that a mean over a window rests on.
const SAMPLES: u64 = 20;

// Several endpoints may export one container's series (cAdvisor and the kubelet's resource metrics, replicas of Prometheus):
// the largest of them counts, once. What a pod uses is added up here, so that what each container uses is known too. `last_over_time` bounds the age of a sample where the server's own look-back does not.
// A rate over more time than a container is there is lower than what it uses: only from one `$rate` after its first sample on it has any.
const CPU: &str = r#"max by (namespace, pod, container) (rate(container_cpu_usage_seconds_total{container!="",container!="POD",namespace=~"$namespaces"}[$rate]) and container_cpu_usage_seconds_total{container!="",container!="POD",namespace=~"$namespaces"} offset $rate)"#;
const MEMORY: &str = r#"max by (namespace, pod, container) (last_over_time(container_memory_working_set_bytes{container!="",container!="POD",namespace=~"$namespaces"}[$rate]))"#;

/// Where Prometheus is and what to ask it.
#[derive(Debug, Clone)]
pub struct PrometheusOptions {
    /// Its address, with a path prefix where it has one.
    pub url: String,
    /// A bearer token.
    pub bearer: Option<SecretString>,
    /// PromQL that gives cores by `namespace` and `pod`, and by `container` where it can. `$namespaces` stands for a regular expression, to be used as
    /// `namespace=~"$namespaces"`, and `$rate` for the rate interval.
    pub cpu_query: Option<String>,
    /// The same for bytes of memory.
    pub memory_query: Option<String>,
    /// What is asked for service levels instead of what usual exporters serve.
    pub level_queries: LevelQueries,
    /// The interval of rates: at least two, better four times the scrape interval. A sample is not used for longer than that.
    pub rate_interval: Period,
}

/// A Prometheus that cannot be used, or did not answer.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The address or token cannot be used.
    #[error("couldn't use Prometheus at {url}: {why}")]
    Options {
        /// The address, without credentials.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// No answer.
    #[error("couldn't {attempt}: Prometheus did not answer")]
    Unreachable {
        /// What was attempted.
        attempt: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// Another answer than was asked for.
    #[error("couldn't {attempt}: Prometheus answered {status}")]
    Refused {
        /// What was attempted.
        attempt: String,
        /// HTTP status.
        status: u16,
        /// What it said.
        said: Untrusted,
    },
    /// An answer that is not whole, by its own account.
    #[error("couldn't {attempt}: the answer is partial")]
    Partial {
        /// What was attempted.
        attempt: String,
        /// What it said.
        said: Untrusted,
    },
    /// An answer that cannot be read, or is not a number.
    #[error("couldn't {attempt}: {why}")]
    Malformed {
        /// What was attempted.
        attempt: String,
        /// What is wrong.
        why: String,
    },
    /// An answer without a single sample.
    #[error("couldn't {attempt}: Prometheus has no samples of that")]
    Empty {
        /// What was attempted.
        attempt: String,
    },
}

impl MetricsError {
    /// The same as a reason for not knowing.
    pub fn into_unknown(self) -> Unknown {
        let (code, detail) = match &self {
            Self::Options { .. } => (UnknownCode::Unsupported, None),
            Self::Unreachable { source, .. } => (UnknownCode::Unreachable, Some(runtime::said(&chain(source)))),
            Self::Refused { status: 401 | 403, said, .. } => (UnknownCode::Forbidden, Some(said.clone())),
            Self::Refused { status, said, .. } if *status == 429 || *status >= 500 => {
                (UnknownCode::Unreachable, Some(said.clone()))
            }
            Self::Refused { said, .. } => (UnknownCode::Malformed, Some(said.clone())),
            Self::Partial { said, .. } => (UnknownCode::Incomplete, Some(said.clone())),
            Self::Malformed { .. } => (UnknownCode::Malformed, None),
            Self::Empty { .. } => (UnknownCode::NoSamples, None),
        };
        // What is quoted begins no line (T11).
        Unknown { code, message: self.to_string().replace('\n', "\\n").replace('\r', "\\r"), detail }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// How many seconds two clocks may be apart that tell the same time.
const MAX_SKEW: u64 = 60;
/// How far an answer's moment may be from the one asked for, in nanoseconds: servers round it, to the millisecond or the second.
const MAX_ROUNDING: u128 = 1_000_000_000;

/// A Prometheus server.
#[derive(Debug, Clone)]
pub struct Prometheus {
    client: reqwest::Client,
    query_url: Url,
    options: PrometheusOptions,
}

impl Prometheus {
    /// Checks the options and prepares a client; nothing is asked yet.
    pub fn connect(options: PrometheusOptions) -> Result<Self, MetricsError> {
        Self::with_patience(options, PATIENCE)
    }

    pub(super) fn with_patience(options: PrometheusOptions, patience: Duration) -> Result<Self, MetricsError> {
        let shown = &options.url;
        let refuse = |url: &str, why: &str| MetricsError::Options { url: url.into(), why: why.into() };
        let mut url = Url::parse(&options.url).map_err(|error| refuse("the given address", &error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            let _ = (url.set_username(""), url.set_password(None));
            return Err(refuse(url.as_str(), "it holds credentials; give a bearer token instead"));
        }
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() || url.query().is_some() {
            return Err(refuse(shown, "it is no plain http or https address"));
        }
        url.set_path(&format!("{}/api/v1/query", url.path().trim_end_matches('/')));
        url.set_fragment(None);
        let mut headers = reqwest::header::HeaderMap::new();
        if let Some(bearer) = &options.bearer {
            let value = reqwest::header::HeaderValue::from_str(&format!("Bearer {}", bearer.expose_secret()));
            let mut value = value.map_err(|_| refuse(shown, "its token is not one line of text"))?;
            value.set_sensitive(true);
            headers.insert(reqwest::header::AUTHORIZATION, value);
        }
        // The token goes to this host alone: redirects are answers that are not understood (T36, T37).
        let client = reqwest::Client::builder()
            .user_agent(concat!("bpctl/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .redirect(redirect::Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .timeout(patience)
            .build()
            .map_err(|error| refuse(shown, &chain(&error)))?;
        Ok(Self { client, query_url: url, options })
    }

    /// The server's own clock.
    pub async fn now(&self) -> Result<Timestamp, MetricsError> {
        let attempt = "read Prometheus' clock";
        let malformed = |why: &str| MetricsError::Malformed { attempt: attempt.into(), why: why.into() };
        let body = self.ask("time()", None, attempt).await?;
        let answer: Answer<(serde::de::IgnoredAny, String)> = whole(&body, attempt)?;
        let (_, text) = answer.result;
        let nanos = nanos(&text).ok_or_else(|| malformed("it is no number"))?;
        Timestamp::from_nanosecond(nanos).map_err(|_| malformed("it is no time"))
    }

    /// The moment that is `now` there. A server, or a cache before it, whose clock is far from the one that rules go by tells of another time,
    /// and not of now (Z11); one that does not tell its time is asked about ours.
    pub async fn moment(&self, now: Timestamp) -> Result<Timestamp, MetricsError> {
        let Ok(there) = self.now().await else { return Ok(now) };
        if now.as_second().abs_diff(there.as_second()) > MAX_SKEW {
            let why = format!("its clock says {there:.0}, and it is {now:.0}");
            return Err(MetricsError::Malformed { attempt: "go by Prometheus' clock".into(), why });
        }
        Ok(there)
    }

    /// The mean use of each pod of some namespaces over a window that ends at a moment.
    pub async fn usage(&self, namespaces: &[String], resource: Resource, window: Period, at: Timestamp) -> Measured {
        let (step, expected_samples) = sampling(window);
        let pods = match self.pods(namespaces, resource, window, step, at).await {
            Ok(pods) => Known::Known(pods),
            Err(error) => Known::Unknown(error.into_unknown()),
        };
        Measured { window, expected_samples, pods }
    }

    async fn pods(
        &self,
        namespaces: &[String],
        resource: Resource,
        window: Period,
        step: Period,
        at: Timestamp,
    ) -> Result<BTreeMap<String, Vec<PodUsage>>, MetricsError> {
        let attempt = format!("read the {resource} use of the last {window} at {at}");
        if namespaces.is_empty() {
            return Ok(BTreeMap::new());
        }
        let query = match resource {
            Resource::Cpu => self.options.cpu_query.as_deref().unwrap_or(CPU),
            Resource::Memory => self.options.memory_query.as_deref().unwrap_or(MEMORY),
        };
        let (means, counts) = self.sampled(query, namespaces, (window, step), at, &attempt).await?;
        let malformed = |why: &str| MetricsError::Malformed { attempt: attempt.clone(), why: why.into() };
        let (means, counts) = (by_container(means, &attempt)?, by_container(counts, &attempt)?);
        let mut pods: BTreeMap<String, BTreeMap<String, Vec<ContainerUsage>>> = BTreeMap::new();
        for (key @ (namespace, pod, container), mean) in &means {
            if !namespaces.contains(namespace) {
                return Err(malformed(
                    "the query answers for namespaces that were not asked for: use $namespaces in it",
                ));
            }
            let mean = nanos(mean).ok_or_else(|| malformed("a value is not a number, or negative"))?;
            let samples = counts.get(key).and_then(|count| u32::try_from(nanos(count)? / 1_000_000_000).ok());
            let samples = samples.ok_or_else(|| malformed("a pod has a mean and no count"))?;
            let usage = ContainerUsage { name: Untrusted::new(container), mean: Quantity::from_nanos(mean), samples };
            pods.entry(namespace.clone()).or_default().entry(pod.clone()).or_default().push(usage);
        }
        let whole =
            |(pod, containers)| whole_pod(pod, containers).ok_or_else(|| malformed("a sum is beyond any range"));
        let namespace = |(namespace, pods): (String, BTreeMap<_, _>)| {
            Ok((namespace, pods.into_iter().map(whole).collect::<Result<Vec<_>, _>>()?))
        };
        pods.into_iter().map(namespace).collect()
    }

    /// Mean and number of samples of each series that a query gives, over a window. Nothing at all is an error: it is not known.
    pub(super) async fn sampled(
        &self,
        query: &str,
        namespaces: &[String],
        (window, step): (Period, Period),
        at: Timestamp,
        attempt: &str,
    ) -> Result<(Vec<Series>, Vec<Series>), MetricsError> {
        let expression = self.expression(query, namespaces);
        // The line feeds end a comment of a query of one's own.
        let sub = |function: &str| format!("{function}((\n{expression}\n)[{window}:{step}])");
        let (mean, count) = (sub("avg_over_time"), sub("count_over_time"));
        let (means, counts) = tokio::try_join!(self.vector(&mean, at, attempt), self.vector(&count, at, attempt))?;
        if means.is_empty() {
            return Err(MetricsError::Empty { attempt: attempt.into() });
        }
        Ok((means, counts))
    }

    /// The queries of one's own for service levels.
    pub(super) fn level_queries(&self) -> &LevelQueries {
        &self.options.level_queries
    }

    fn expression(&self, query: &str, namespaces: &[String]) -> String {
        // PromQL anchors the expression at both ends.
        let namespaces: Vec<String> = namespaces.iter().map(|namespace| escaped(namespace)).collect();
        query.replace("$rate", &self.options.rate_interval.to_string()).replace("$namespaces", &namespaces.join("|"))
    }

    async fn vector(&self, query: &str, at: Timestamp, attempt: &str) -> Result<Vec<Series>, MetricsError> {
        let body = self.ask(query, Some(at), attempt).await?;
        let answer: Answer<Vec<Series>> = whole(&body, attempt)?;
        if answer.result_type != "vector" {
            let why = "the query does not give one value for each pod".into();
            return Err(MetricsError::Malformed { attempt: attempt.into(), why });
        }
        // What a cache kept of another moment is not what was asked for (Z11).
        let elsewhen = |series: &&Series| {
            nanos(series.value.0.get()).is_none_or(|of| of.abs_diff(at.as_nanosecond()) > MAX_ROUNDING)
        };
        if let Some(series) = answer.result.iter().find(elsewhen) {
            let of = nanos(series.value.0.get()).and_then(|of| Timestamp::from_nanosecond(of).ok());
            let of = of.map_or_else(|| "no time".into(), |of| of.to_string());
            let why = format!("the answer is of {of}, which is not the moment that was asked for");
            return Err(MetricsError::Malformed { attempt: attempt.into(), why });
        }
        Ok(answer.result)
    }

    /// Asks by POST, as the query may be long; by GET where a proxy lets nothing else through.
    async fn ask(&self, query: &str, at: Option<Timestamp>, attempt: &str) -> Result<Vec<u8>, MetricsError> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("query", query);
        form.append_pair("timeout", &format!("{}s", PATIENCE.as_secs() - 5));
        // Thanos: an error and not half an answer.
        form.append_pair("partial_response", "false");
        if let Some(at) = at {
            form.append_pair("time", &at.to_string());
        }
        let form = form.finish();
        let unreachable = |source: reqwest::Error| MetricsError::Unreachable {
            attempt: attempt.into(),
            source: source.without_url(),
        };
        let post = self.client.post(self.query_url.clone()).body(form.clone());
        let post = post.header(reqwest::header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let mut response = post.send().await.map_err(unreachable)?;
        if matches!(response.status(), StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED) {
            let mut url = self.query_url.clone();
            url.set_query(Some(&form));
            response = self.client.get(url).send().await.map_err(unreachable)?;
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BODY {
                let why = format!("the answer is larger than {} MiB", MAX_BODY >> 20);
                return Err(MetricsError::Malformed { attempt: attempt.into(), why });
            }
        }
        let status = response.status();
        if status.is_success() { Ok(body) } else { Err(refused(status, &body, attempt)) }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<R> {
    status: String,
    data: Option<Answer<R>>,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Option<Vec<String>>,
    /// `VictoriaMetrics`: some storage node did not answer.
    #[serde(default)]
    is_partial: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<R> {
    result_type: String,
    result: R,
}

#[derive(Deserialize)]
pub(super) struct Series {
    pub(super) metric: Labels,
    /// The moment that it is of, and the value then.
    pub(super) value: (Box<serde_json::value::RawValue>, String),
}

#[derive(Deserialize)]
pub(super) struct Labels {
    pub(super) namespace: Option<String>,
    pub(super) pod: Option<String>,
    container: Option<String>,
    pub(super) workload: Option<String>,
    pub(super) le: Option<String>,
}

fn whole<R: serde::de::DeserializeOwned>(body: &[u8], attempt: &str) -> Result<Answer<R>, MetricsError> {
    let attempt = attempt.to_owned();
    let envelope: Envelope<R> = match serde_json::from_slice(body) {
        Ok(envelope) => envelope,
        Err(error) => {
            let why = format!("the answer is no answer of Prometheus: {}", error_kind(&error));
            return Err(MetricsError::Malformed { attempt, why });
        }
    };
    let warnings = envelope.warnings.unwrap_or_default();
    if envelope.is_partial || !warnings.is_empty() {
        return Err(MetricsError::Partial { attempt, said: runtime::said(&warnings.join("; ")) });
    }
    match envelope.data {
        Some(data) if envelope.status == "success" => Ok(data),
        _ => Err(MetricsError::Refused { attempt, status: 200, said: runtime::said(&envelope.error) }),
    }
}

/// Where reading broke off; serde quotes the text, which is outside text.
fn error_kind(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}

fn refused(status: StatusCode, body: &[u8], attempt: &str) -> MetricsError {
    let error = serde_json::from_slice::<Envelope<serde::de::IgnoredAny>>(body).map(|envelope| envelope.error);
    let error = error.unwrap_or_else(|_| String::from_utf8_lossy(body).into_owned());
    MetricsError::Refused { attempt: attempt.into(), status: status.as_u16(), said: runtime::said(&error) }
}

/// A pod's usage from that of its containers: one that ran for a part of the time only (an init container) counts for that part.
fn whole_pod(pod: String, containers: Vec<ContainerUsage>) -> Option<PodUsage> {
    let samples = containers.iter().map(|container| container.samples).max()?;
    let mut sum: i128 = 0;
    for ContainerUsage { mean, samples, .. } in &containers {
        sum = sum.checked_add(mean.nanos().checked_mul(i128::from(*samples))?)?;
    }
    let mean = Quantity::from_nanos(sum / i128::from(samples.max(1)));
    // Of a single one the pod's numbers say it already.
    let containers = if containers.len() > 1 { containers } else { Vec::new() };
    Some(PodUsage { pod: Untrusted::new(pod), mean, samples, containers })
}

/// Namespace, pod, container; no container where the query has summed them up.
type ContainerKey = (String, String, String);

fn by_container(series: Vec<Series>, attempt: &str) -> Result<BTreeMap<ContainerKey, String>, MetricsError> {
    let malformed = |why: &str| MetricsError::Malformed { attempt: attempt.into(), why: why.into() };
    let mut pods = BTreeMap::new();
    for Series { metric, value: (_, value) } in series {
        let (Some(namespace), Some(pod)) = (metric.namespace, metric.pod) else {
            return Err(malformed("a series has no namespace or no pod: the query must keep both labels"));
        };
        match pods.entry((namespace, pod, metric.container.unwrap_or_default())) {
            Entry::Vacant(entry) => drop(entry.insert(value)),
            Entry::Occupied(_) => {
                return Err(malformed(
                    "a container has several series: the query must sum by namespace, pod and container",
                ));
            }
        }
    }
    Ok(pods)
}

/// How often a window is sampled, and how many samples that gives.
pub(super) fn sampling(window: Period) -> (Period, u32) {
    let step = (window.as_millis() / SAMPLES).max(1000);
    (Period::from_millis(step), u32::try_from(window.as_millis() / step).unwrap_or(u32::MAX))
}

/// Text as a regular expression that matches just that, inside a PromQL string.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            // In the string, `\\` is one backslash of the expression.
            '\\' => escaped.push_str("\\\\\\\\"),
            c if ".+*?()|[]{}^$".contains(c) => {
                escaped.push_str("\\\\");
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}
