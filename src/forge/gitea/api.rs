//! The HTTP half: one server, one token, answers that are bounded and whole.
//!
//! Reads are repeated with jitter where the server or the way to it failed, and later where it asks for patience. Writes
//! are sent once; what became of one whose answer was lost is for the caller to read (Z3, Z8). Redirects and `Link`
//! headers are never followed, so the token goes to no other host (T37).

use std::collections::HashSet;
use std::error::Error;
use std::sync::OnceLock;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use bpctl_core::model::{Timestamp, Untrusted};
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::forge::ForgeError;

/// The largest answer that is read.
const BODY_LIMIT: usize = 32 << 20;
/// How many items a page is asked for; the server may give fewer.
const PAGE: usize = 50;
/// Where a list ends to be believable.
const PAGES: usize = 2_000;
/// How often a list is read again that changed while it was read.
const SWEEPS: usize = 4;
/// A server that asks for more patience than this gets none.
const PATIENCE: Duration = Duration::from_mins(2);
/// Doubled from attempt to attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(if cfg!(test) { 5 } else { 200 });
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// A merge runs in the request.
const WRITE_TIMEOUT: Duration = Duration::from_mins(2);

/// The server, as one user.
pub(super) struct Api {
    client: reqwest::Client,
    root: Url,
    page_size: OnceLock<usize>,
}

/// An answer that came.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// `X-Total-Count`.
    pub(super) total: Option<usize>,
    /// `Date`.
    pub(super) date: Option<Timestamp>,
    body: Vec<u8>,
}

/// What to list, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listing<'a> {
    /// For messages: `list reviews of #1`.
    pub(super) attempt: &'a str,
    /// Below `api/v1/`.
    pub(super) path: &'a [&'a str],
    pub(super) query: &'a [(&'a str, &'a str)],
    /// The server counts items that it does not show (other people's unfinished reviews).
    pub(super) hides: bool,
}

struct Failure {
    error: ForgeError,
    kind: FailureKind,
    /// What the server asked for.
    wait: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FailureKind {
    /// Nobody knows what the server did.
    Lost,
    /// The server did nothing: too many requests.
    Throttled,
    /// Asking again gives the same.
    Final,
}

impl Api {
    /// Gets ready to talk to the server at `base`.
    ///
    /// # Errors
    /// A base address that is not plain `http` or `https`, or a token that no header can hold.
    #[expect(clippy::disallowed_methods, reason = "an edge: the HTTP client")]
    pub(super) fn new(base: &Url, token: &SecretString) -> Result<Self, ForgeError> {
        let input = |message: &str, hint: &str| ForgeError::Input { message: message.into(), hint: Some(hint.into()) };
        let plain =
            matches!(base.scheme(), "http" | "https") && base.username().is_empty() && base.password().is_none();
        if !plain || base.query().is_some() || base.fragment().is_some() || base.host().is_none() {
            return Err(input(
                "the forge's address is not a plain web address",
                "write https://HOST or https://HOST/PATH",
            ));
        }
        let mut root = base.clone();
        if let Ok(mut segments) = root.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]);
        }
        let mut authorization = HeaderValue::from_str(&format!("token {}", token.expose_secret()))
            .map_err(|_| input("the forge's token holds characters that no token has", "look for line breaks in it"))?;
        authorization.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, authorization);
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let client = reqwest::Client::builder()
            .default_headers(headers)
            .user_agent(concat!("bpctl/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(10))
            .build()
            .map_err(|source| ForgeError::Unreachable { attempt: "set up HTTP".into(), source: source.into() })?;
        Ok(Self { client, root, page_size: OnceLock::new() })
    }

    /// Reads; an answer of 4xx is an answer.
    pub(super) async fn get(&self, attempt: &str, path: &[&str], query: &[(&str, &str)]) -> Result<Reply, ForgeError> {
        let url = self.url(path);
        let once = async || self.once(Method::GET, &url, query, None, attempt).await;
        once.retry(backoff())
            .when(|failure: &Failure| failure.kind != FailureKind::Final)
            .adjust(Failure::patient)
            .await
            .map_err(|failure| failure.error)
    }

    /// Reads one value.
    pub(super) async fn read<T: DeserializeOwned>(&self, attempt: &str, path: &[&str]) -> Result<T, ForgeError> {
        self.get(attempt, path, &[]).await?.json(attempt)
    }

    /// Writes, once. Only where the server says that it did nothing because of too many requests, again.
    pub(super) async fn write(
        &self,
        attempt: &str,
        method: Method,
        path: &[&str],
        body: &Value,
    ) -> Result<Reply, ForgeError> {
        let url = self.url(path);
        let once = async || self.once(method.clone(), &url, &[], Some(body), attempt).await;
        let throttled = |failure: &Failure| failure.kind == FailureKind::Throttled;
        once.retry(backoff()).when(throttled).adjust(Failure::patient).await.map_err(|failure| failure.error)
    }

    /// All items of a list, whole or not at all (Z9). `key` names an item.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        listing: Listing<'_>,
        key: fn(&T) -> String,
    ) -> Result<Vec<T>, ForgeError> {
        self.list_until(listing, key, |_| false).await
    }

    /// The items of a list before the first that `stop` says yes to, without a gap.
    pub(super) async fn list_until<T: DeserializeOwned>(
        &self,
        listing: Listing<'_>,
        key: fn(&T) -> String,
        stop: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>, ForgeError> {
        for sweep in 0..SWEEPS {
            if sweep > 0 {
                tokio::time::sleep(Duration::from_millis(150)).await;
            }
            if let Some(items) = self.sweep(listing, key, &stop).await? {
                return Ok(items);
            }
        }
        let why = "the list did not arrive whole: its pages and its count do not agree".into();
        Err(ForgeError::Malformed { attempt: listing.attempt.into(), why })
    }

    /// One pass over all pages; `None`: something moved between two of them.
    async fn sweep<T: DeserializeOwned>(
        &self,
        listing: Listing<'_>,
        key: fn(&T) -> String,
        stop: impl Fn(&T) -> bool,
    ) -> Result<Option<Vec<T>>, ForgeError> {
        let mut items: Vec<T> = Vec::new();
        let mut seen = HashSet::new();
        let mut first_total = None;
        for page in 1..=PAGES {
            let (page_text, limit) = (page.to_string(), PAGE.to_string());
            let mut query = listing.query.to_vec();
            query.extend([("page", page_text.as_str()), ("limit", limit.as_str())]);
            let reply = self.get(listing.attempt, listing.path, &query).await?;
            let total = reply.total;
            // An empty list is `null` in some places.
            let found: Vec<T> = reply.json::<Option<Vec<T>>>(listing.attempt)?.unwrap_or_default();
            let total = total.ok_or_else(|| ForgeError::Malformed {
                attempt: listing.attempt.into(),
                why: "the answer does not say how many there are".into(),
            })?;
            if *first_total.get_or_insert(total) != total {
                return Ok(None);
            }
            let empty = found.is_empty();
            for item in found {
                if stop(&item) {
                    return Ok(Some(items));
                }
                if !seen.insert(key(&item)) {
                    return Ok(None);
                }
                items.push(item);
            }
            if items.len() == total {
                return Ok(Some(items));
            }
            if items.len() > total || (empty && !listing.hides) {
                return Ok(None);
            }
            if listing.hides && page * self.page_size().await? >= total {
                return Ok(Some(items));
            }
        }
        Ok(None)
    }

    /// How many items a page really holds.
    async fn page_size(&self) -> Result<usize, ForgeError> {
        #[derive(Deserialize)]
        struct Settings {
            max_response_items: usize,
        }
        if let Some(size) = self.page_size.get() {
            return Ok(*size);
        }
        let settings: Settings = self.read("read the forge's settings", &["settings", "api"]).await?;
        Ok(*self.page_size.get_or_init(|| settings.max_response_items.clamp(1, PAGE)))
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.root.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(path);
        }
        url
    }

    async fn once(
        &self,
        method: Method,
        url: &Url,
        query: &[(&str, &str)],
        body: Option<&Value>,
        attempt: &str,
    ) -> Result<Reply, Failure> {
        let lost = |source: Box<dyn Error + Send + Sync>| Failure {
            error: ForgeError::Unreachable { attempt: attempt.into(), source },
            kind: FailureKind::Lost,
            wait: None,
        };
        let timeout = if method == Method::GET { READ_TIMEOUT } else { WRITE_TIMEOUT };
        let mut request = self.client.request(method, url.clone()).query(query).timeout(timeout);
        if let Some(body) = body {
            request = request.json(body);
        }
        let mut response = request.send().await.map_err(|error| lost(error.without_url().into()))?;
        let status = response.status();
        let headers = response.headers().clone();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| lost(error.without_url().into()))? {
            if bytes.len() + chunk.len() > BODY_LIMIT {
                let why = format!("the answer is longer than {} MiB", BODY_LIMIT >> 20);
                let error = ForgeError::Malformed { attempt: attempt.into(), why };
                return Err(Failure { error, kind: FailureKind::Final, wait: None });
            }
            bytes.extend_from_slice(&chunk);
        }
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let date = text("date").and_then(|text| DateTimeParser::new().parse_timestamp(text).ok());
        let total = text("x-total-count").and_then(|text| text.parse().ok());
        let wait = text("retry-after").and_then(|text| patience(text, date));
        let reply = Reply { status, total, date, body: bytes };
        let kind = match status {
            StatusCode::TOO_MANY_REQUESTS => FailureKind::Throttled,
            StatusCode::FORBIDDEN if wait.is_some() => FailureKind::Throttled,
            _ if status.is_server_error() => FailureKind::Lost,
            _ if status.is_redirection() => FailureKind::Final,
            _ => return Ok(reply),
        };
        Err(Failure { error: reply.refused(attempt), kind, wait })
    }
}

impl Failure {
    /// What the server asks for goes before what was planned; too much of it ends the attempts.
    fn patient(&self, planned: Option<Duration>) -> Option<Duration> {
        match (self.wait, planned) {
            (Some(asked), Some(planned)) if asked <= PATIENCE => Some(asked.max(planned)),
            (Some(_), _) => None,
            (None, planned) => planned,
        }
    }
}

impl Reply {
    /// The body of a good answer.
    pub(super) fn json<T: DeserializeOwned>(&self, attempt: &str) -> Result<T, ForgeError> {
        if !self.status.is_success() {
            return Err(self.refused(attempt));
        }
        serde_json::from_slice(&self.body).map_err(|error| ForgeError::Malformed {
            attempt: attempt.into(),
            why: format!("the answer is not as documented: {error}"),
        })
    }

    /// Good, without a body.
    pub(super) fn done(&self, attempt: &str) -> Result<(), ForgeError> {
        if self.status.is_success() { Ok(()) } else { Err(self.refused(attempt)) }
    }

    /// The answer as an error.
    pub(super) fn refused(&self, attempt: &str) -> ForgeError {
        ForgeError::Refused { attempt: attempt.into(), status: self.status.as_u16(), said: Untrusted::new(self.said()) }
    }

    /// What the server said, cut.
    pub(super) fn said(&self) -> String {
        let message = serde_json::from_slice::<Value>(&self.body)
            .ok()
            .and_then(|body| ["message", "error"].iter().find_map(|key| Some(body.get(key)?.as_str()?.to_owned())));
        let text = message.unwrap_or_else(|| String::from_utf8_lossy(&self.body).into_owned());
        text.trim().chars().take(2_000).collect()
    }
}

fn backoff() -> ExponentialBuilder {
    let (min, max) = (FIRST_PAUSE, Duration::from_secs(5));
    ExponentialBuilder::default().with_min_delay(min).with_max_delay(max).with_max_times(4).with_jitter()
}

/// `Retry-After`: seconds, or a moment by the server's own clock.
fn patience(text: &str, now: Option<Timestamp>) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::try_from(until.duration_since(now?)).unwrap_or_default())
}
