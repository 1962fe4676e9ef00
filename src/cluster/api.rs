//! Requests to one API server: bytes in, bytes out, errors by cause.

use std::error::Error as StdError;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use kube::Client;
use kube::client::Body;

use super::ClusterError;
use crate::runtime;

/// How long one answer may take. The server itself ends a request after 60 s.
const PATIENCE: Duration = Duration::from_secs(30);

/// More of one answer is not read (T42): a page of objects as large as a server takes them is longer, and is asked for in smaller ones.
const LONGEST: usize = 32 << 20;

/// An API server.
#[derive(Clone)]
pub(super) struct Api {
    client: Client,
}

/// An attempt that failed, and whether to try again.
struct Fault {
    error: ClusterError,
    again: bool,
    after: Option<Duration>,
}

impl Api {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Reads. What may pass by itself (broken connections, 429, 5xx) is tried up to three times in all (Z8).
    pub(super) async fn get(&self, path: &str, attempt: &str) -> Result<Vec<u8>, ClusterError> {
        let pauses = ExponentialBuilder::default().with_min_delay(Duration::from_millis(100)).with_max_times(2);
        (|| async { self.once(Method::GET, path, None, attempt).await })
            .retry(pauses.with_jitter())
            .when(|fault| fault.again)
            .adjust(|fault, pause| pause.map(|pause| fault.after.map_or(pause, |after| after.max(pause))))
            .await
            .map_err(|fault| fault.error)
    }

    /// Applies, once: whoever gets no answer reads before trying again (Z3, Z8).
    pub(super) async fn apply(&self, path: &str, body: Vec<u8>, attempt: &str) -> Result<Vec<u8>, ClusterError> {
        let body = Some((body, "application/apply-patch+yaml"));
        self.once(Method::PATCH, path, body, attempt).await.map_err(|fault| fault.error)
    }

    /// Asks a question that the server takes as a request to create, and of which it keeps nothing.
    pub(super) async fn ask(&self, path: &str, body: Vec<u8>, attempt: &str) -> Result<Vec<u8>, ClusterError> {
        let body = Some((body, "application/json"));
        self.once(Method::POST, path, body, attempt).await.map_err(|fault| fault.error)
    }

    async fn once(
        &self,
        method: Method,
        path: &str,
        body: Option<(Vec<u8>, &'static str)>,
        attempt: &str,
    ) -> Result<Vec<u8>, Fault> {
        let final_error = |error| Fault { error, again: false, after: None };
        let mut request = Request::builder().method(method).uri(path).header(ACCEPT, "application/json");
        if let Some((_, kind)) = &body {
            request = request.header(CONTENT_TYPE, *kind);
        }
        let request = request.body(body.map_or_else(Body::empty, |(body, _)| Body::from(body))).map_err(|source| {
            final_error(ClusterError::Malformed { attempt: attempt.into(), why: source.to_string() })
        })?;
        let exchange = async {
            let response = self.client.send(request).await?;
            let status = response.status();
            let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
            let body = match Limited::new(response.into_body(), LONGEST).collect().await {
                Ok(body) => Some(Vec::from(body.to_bytes())),
                Err(error) if error.is::<LengthLimitError>() => None,
                Err(error) => return Err(kube::Error::Service(error)),
            };
            Ok::<_, kube::Error>((status, after, body))
        };
        match tokio::time::timeout(PATIENCE, exchange).await {
            Err(_) => Err(final_error(ClusterError::Slow { attempt: attempt.into(), seconds: PATIENCE.as_secs() })),
            Ok(Err(error)) => Err(failed(error, attempt)),
            Ok(Ok((_, _, None))) => {
                Err(final_error(ClusterError::Long { attempt: attempt.into(), mebibytes: LONGEST >> 20 }))
            }
            Ok(Ok((status, _, Some(body)))) if status.is_success() => Ok(body),
            Ok(Ok((status, after, Some(body)))) => {
                let after = after.map(|seconds| Duration::from_secs(seconds.min(10)));
                let again = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
                Err(Fault { error: refused(status, &body, attempt), again, after })
            }
        }
    }
}

/// Why nobody could log in, without what the program printed that gives out tokens: the parser's own message quotes it (T38).
pub(super) fn unquoted(error: kube::client::AuthError) -> Box<dyn StdError + Send + Sync> {
    match error {
        kube::client::AuthError::AuthExecParse(_) => {
            "what it printed is no ExecCredential (client.authentication.k8s.io), which holds the token".into()
        }
        error => error.into(),
    }
}

fn failed(error: kube::Error, attempt: &str) -> Fault {
    let attempt = attempt.to_owned();
    match error {
        kube::Error::Auth(source) => {
            Fault { error: ClusterError::Credentials { attempt, source: unquoted(source) }, again: false, after: None }
        }
        error => {
            // A certificate that is not trusted now will not be trusted in 100 ms.
            let again = !causes(&error).any(<dyn StdError>::is::<rustls::Error>);
            let source: Box<dyn StdError + Send + Sync> = match error {
                kube::Error::Service(source) => source,
                other => other.into(),
            };
            Fault { error: ClusterError::Unreachable { attempt, source }, again, after: None }
        }
    }
}

/// An error and what it rests on; `io::Error` hides from `source` what it wraps.
fn causes<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    fn next<'e>(cause: &&'e (dyn StdError + 'static)) -> Option<&'e (dyn StdError + 'static)> {
        let cause: &'e (dyn StdError + 'static) = *cause;
        match cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => cause.source(),
        }
    }
    std::iter::successors(Some(error), next)
}

fn refused(status: StatusCode, body: &[u8], attempt: &str) -> ClusterError {
    #[derive(serde::Deserialize)]
    struct Status {
        message: String,
    }
    let text = serde_json::from_slice::<Status>(body)
        .map_or_else(|_| String::from_utf8_lossy(body).into_owned(), |status| status.message);
    let said = runtime::said(&text);
    let attempt = attempt.to_owned();
    match status.as_u16() {
        401 => ClusterError::Unauthorized { attempt, said },
        403 => ClusterError::Forbidden { attempt, said },
        409 => ClusterError::Conflict { attempt, said },
        400 | 422 => ClusterError::Invalid { attempt, said },
        status => ClusterError::Refused { attempt, status, said },
    }
}
