//! HTTP to a forge: one server, answers that are bounded, reads that are repeated, writes that are not.
//!
//! Reads are repeated with jitter where the server or the way to it failed. Whatever the server says it refused for want of patience is
//! sent again when it asks for that, within bounds; then the error says when to come back (Z7). Writes are sent once; what became of one whose
//! answer was lost is for the caller to read (Z3, Z8). Redirects are never followed, and no request leaves for another server (T37).

use std::error::Error;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use bpctl_core::model::{Timestamp, Untrusted};
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::ForgeError;
use crate::runtime;

/// The largest answer that is read.
const BODY_LIMIT: usize = 32 << 20;
/// A server that asks for more patience than this gets none.
const PATIENCE: Duration = Duration::from_mins(2);
/// Doubled from attempt to attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(if cfg!(test) { 5 } else { 200 });
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// A merge runs in the request.
const WRITE_TIMEOUT: Duration = Duration::from_mins(2);

/// One server.
#[derive(Debug)]
pub(super) struct Http {
    client: reqwest::Client,
    root: Url,
    /// The first pause where the server refuses for want of patience and does not say for how long; doubled from time to time.
    throttled: Duration,
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    /// For messages: `list reviews of #1`.
    pub(super) attempt: &'a str,
    pub(super) method: &'a Method,
    pub(super) url: &'a Url,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: Option<&'a Value>,
}

/// An answer that came.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// `Date`.
    pub(super) date: Option<Timestamp>,
    pub(super) body: Vec<u8>,
    pub(super) headers: HeaderMap,
}

#[derive(Debug)]
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

impl Http {
    /// Gets ready to talk to the server at `base`, below which `root` lies. `throttled` is how long to wait where it refuses for want of
    /// patience and does not say for how long.
    ///
    /// # Errors
    /// A base address that is not plain `http` or `https`.
    #[expect(clippy::disallowed_methods, reason = "an edge: the HTTP client")]
    pub(super) fn new(base: &Url, root: &[&str], throttled: Duration) -> Result<Self, ForgeError> {
        let plain =
            matches!(base.scheme(), "http" | "https") && base.username().is_empty() && base.password().is_none();
        if !plain || base.query().is_some() || base.fragment().is_some() || base.host().is_none() {
            return Err(ForgeError::Input {
                message: "the forge's address is not a plain web address".into(),
                hint: Some("write https://HOST or https://HOST/PATH".into()),
            });
        }
        let root = below(base, root);
        let client = reqwest::Client::builder();
        // Tests speak to loopback without TLS, and connect ten thousand times: reading the machine's authorities was most of their time.
        #[cfg(test)]
        let client = client.tls_certs_only([]);
        let client = client
            .user_agent(concat!("bpctl/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(10))
            .build()
            .map_err(|source| ForgeError::Unreachable { attempt: "set up HTTP".into(), source: source.into() })?;
        Ok(Self { client, root, throttled })
    }

    /// An address below the root.
    pub(super) fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = below(&self.root, path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Reads; an answer of 4xx is an answer.
    pub(super) async fn get(&self, request: Request<'_>) -> Result<Reply, ForgeError> {
        self.send(request, |kind| kind != FailureKind::Final).await
    }

    /// Writes, once. Only where the server says that it did nothing because of too many requests, again.
    pub(super) async fn write(&self, request: Request<'_>) -> Result<Reply, ForgeError> {
        self.send(request, |kind| kind == FailureKind::Throttled).await
    }

    async fn send(&self, request: Request<'_>, again: fn(FailureKind) -> bool) -> Result<Reply, ForgeError> {
        let once = async || self.once(request).await;
        let mut unsaid = self.throttled;
        let patient = |failure: &Failure, planned: Option<Duration>| {
            let asked = failure.wait.or_else(|| {
                let silent = failure.kind == FailureKind::Throttled && !unsaid.is_zero();
                let wait = silent.then_some(unsaid);
                unsaid *= 2;
                wait
            });
            // What the server asks for goes before what was planned; too much of it ends the attempts.
            match (asked, planned) {
                (Some(asked), Some(planned)) if asked <= PATIENCE => Some(asked.max(planned)),
                (Some(_), _) => None,
                (None, planned) => planned,
            }
        };
        let when = |failure: &Failure| again(failure.kind);
        once.retry(backoff()).when(when).adjust(patient).await.map_err(|failure| failure.error)
    }

    async fn once(&self, request: Request<'_>) -> Result<Reply, Failure> {
        let Request { attempt, method, url, headers, body } = request;
        if url.origin() != self.root.origin() {
            let why = "the forge points to another server".into();
            let error = ForgeError::Malformed { attempt: attempt.into(), why };
            return Err(Failure { error, kind: FailureKind::Final, wait: None });
        }
        let lost = |source: Box<dyn Error + Send + Sync>| Failure {
            error: ForgeError::Unreachable { attempt: attempt.into(), source },
            kind: FailureKind::Lost,
            wait: None,
        };
        let timeout = if *method == Method::GET { READ_TIMEOUT } else { WRITE_TIMEOUT };
        let mut sent = self.client.request(method.clone(), url.clone()).headers(headers.clone()).timeout(timeout);
        if let Some(body) = body {
            sent = sent.json(body);
        }
        let mut response = sent.send().await.map_err(|error| lost(error.without_url().into()))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| lost(error.without_url().into()))? {
            if bytes.len() + chunk.len() > BODY_LIMIT {
                let why = format!("the answer is longer than {} MiB", BODY_LIMIT >> 20);
                let error = ForgeError::Malformed { attempt: attempt.into(), why };
                return Err(Failure { error, kind: FailureKind::Final, wait: None });
            }
            bytes.extend_from_slice(&chunk);
        }
        let date = headers.get("date").and_then(|value| value.to_str().ok());
        let date = date.and_then(|text| DateTimeParser::new().parse_timestamp(text).ok());
        let reply = Reply { status, date, body: bytes, headers };
        let wait = reply.patience();
        let kind = match status {
            StatusCode::TOO_MANY_REQUESTS => FailureKind::Throttled,
            StatusCode::FORBIDDEN if wait.is_some() || reply.is_too_fast() => FailureKind::Throttled,
            _ if status.is_server_error() => FailureKind::Lost,
            // A conditional request that found nothing new is answered by one of these.
            StatusCode::NOT_MODIFIED => return Ok(reply),
            _ if status.is_redirection() => FailureKind::Final,
            _ => return Ok(reply),
        };
        let error = if kind == FailureKind::Throttled {
            let until = wait.zip(date).and_then(|(wait, date)| date.checked_add(wait).ok());
            ForgeError::Limited { attempt: attempt.into(), until, said: reply.said() }
        } else {
            reply.refused(attempt)
        };
        Err(Failure { error, kind, wait })
    }
}

impl Reply {
    /// A header's text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A header's number.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.header(name)?.trim().parse().ok()
    }

    /// The body of a good answer.
    pub(super) fn json<T: DeserializeOwned>(&self, attempt: &str) -> Result<T, ForgeError> {
        self.done(attempt)?;
        serde_json::from_slice(&self.body).map_err(|error| ForgeError::Malformed {
            attempt: attempt.into(),
            why: format!("the answer is not as documented: {}", runtime::without_credentials(&error.to_string())),
        })
    }

    /// Good, without a body.
    pub(super) fn done(&self, attempt: &str) -> Result<(), ForgeError> {
        if self.status.is_success() { Ok(()) } else { Err(self.refused(attempt)) }
    }

    /// The answer as an error.
    pub(super) fn refused(&self, attempt: &str) -> ForgeError {
        ForgeError::Refused { attempt: attempt.into(), status: self.status.as_u16(), said: self.said() }
    }

    /// What the server said, cut, and without the credentials that it repeats (T38).
    pub(super) fn said(&self) -> Untrusted {
        let message = serde_json::from_slice::<Value>(&self.body)
            .ok()
            .and_then(|body| ["message", "error"].iter().find_map(|key| Some(body.get(key)?.as_str()?.to_owned())));
        let text = message.unwrap_or_else(|| String::from_utf8_lossy(&self.body).into_owned());
        runtime::said(&text)
    }

    /// How long the server asks to wait: `Retry-After` (seconds, or a moment by its own clock), or until a quota that is used up begins anew.
    fn patience(&self) -> Option<Duration> {
        let left = |until: Timestamp| Some(Duration::try_from(until.duration_since(self.date?)).unwrap_or_default());
        if let Some(text) = self.header("retry-after") {
            return match text.trim().parse() {
                Ok(seconds) => Some(Duration::from_secs(seconds)),
                Err(_) => left(DateTimeParser::new().parse_timestamp(text).ok()?),
            };
        }
        if self.number("x-ratelimit-remaining") != Some(0) {
            return None;
        }
        left(Timestamp::from_second(i64::try_from(self.number("x-ratelimit-reset")?).ok()?).ok()?)
    }

    /// GitHub's limit on how fast requests come, which may be told by its words alone.
    fn is_too_fast(&self) -> bool {
        self.said().raw().to_lowercase().contains("secondary rate limit")
    }
}

/// What a write came to, which happens once: where the answer is no success or was lost, `stands` reads whether all is as it was to be (Z3, Z8).
pub(super) async fn settled(
    sent: Result<Reply, ForgeError>,
    attempt: &str,
    stands: impl Future<Output = Result<bool, ForgeError>> + Send,
) -> Result<(), ForgeError> {
    let Err(error) = sent.and_then(|reply| reply.done(attempt)) else { return Ok(()) };
    if stands.await? { Ok(()) } else { Err(error) }
}

/// A header that holds a token.
///
/// # Errors
/// A token that no header can hold.
pub(super) fn authorization(scheme: &str, token: &SecretString) -> Result<HeaderValue, ForgeError> {
    let mut value = HeaderValue::from_str(&format!("{scheme} {}", token.expose_secret())).map_err(|_| {
        let message = "the forge's token holds characters that no token has".into();
        ForgeError::Input { message, hint: Some("look for line breaks in it".into()) }
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn below(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

fn backoff() -> ExponentialBuilder {
    let (min, max) = (FIRST_PAUSE, Duration::from_secs(5));
    ExponentialBuilder::default().with_min_delay(min).with_max_delay(max).with_max_times(4).with_jitter()
}
