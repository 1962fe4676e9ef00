//! A chat's incoming webhook, Slack-compatible (R6): one message, sent with little patience, and never a reason for anything else to stop.
//!
//! Its address is a credential: it comes from the environment alone, stands in no error and no record, and is sent nowhere but to its own host
//! (T36 to T38).

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use bpctl_core::model::Untrusted;
use reqwest::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use url::{Host, Url};

use crate::runtime;

/// The variable that holds the address.
pub const VARIABLE: &str = "BPCTL_ALERT_WEBHOOK";
/// How long one try may take, and all of them.
const TRY: Duration = Duration::from_millis(if cfg!(test) { 300 } else { 5_000 });
const ALL: Duration = Duration::from_millis(if cfg!(test) { 2_000 } else { 15_000 });
const FIRST_PAUSE: Duration = Duration::from_millis(if cfg!(test) { 5 } else { 500 });
/// Longest message: Slack cuts at 40,000 characters, Discord refuses above 2,000.
const LONGEST: usize = 1_900;
/// What is read of an answer.
const ANSWER: usize = 4 << 10;

/// A message that was not taken.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// What stands in the variable is no address that a message may be sent to.
    #[error("{VARIABLE} {0}")]
    Address(&'static str),
    /// Nobody answered.
    #[error("couldn't send an alert to the chat: it did not answer")]
    Unreachable {
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It took too long.
    #[error("couldn't send an alert to the chat: no answer in time")]
    Slow,
    /// It answered, and did not take it.
    #[error("couldn't send an alert to the chat: it answered {status}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// What it said.
        said: Untrusted,
    },
}

impl WebhookError {
    /// What the other side said.
    pub fn said(&self) -> Option<&Untrusted> {
        match self {
            Self::Refused { said, .. } => Some(said),
            _ => None,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Address(_) => {
                "make an incoming webhook in the chat, and give its https address as a secret of the job"
            }
            Self::Refused { status: 300..=399, .. } => "give the address that it points to: redirects are not followed",
            _ => "bpctl doctor --test-alert sends a message to try it",
        }
    }

    /// Whether another try may end otherwise.
    fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Slow => true,
            Self::Refused { status, .. } => *status == 429 || *status >= 500,
            Self::Address(_) => false,
        }
    }
}

/// A chat's webhook.
pub struct Webhook {
    client: reqwest::Client,
    url: SecretString,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Webhook")
    }
}

impl Webhook {
    /// Whether the environment names one, good or bad.
    pub fn is_configured() -> bool {
        runtime::variable(VARIABLE).is_some()
    }

    /// The webhook that the environment names; `None`: it names none.
    ///
    /// # Errors
    /// What it names is none.
    pub fn from_environment() -> Result<Option<Self>, WebhookError> {
        runtime::secret(&[VARIABLE]).as_ref().map(Self::new).transpose()
    }

    /// The webhook at an address.
    ///
    /// # Errors
    /// It is no https address; http is taken on this machine alone.
    #[expect(clippy::disallowed_methods, reason = "an edge: the HTTP client")]
    pub fn new(address: &SecretString) -> Result<Self, WebhookError> {
        let url = Url::parse(address.expose_secret().trim()).map_err(|_| WebhookError::Address("is no web address"))?;
        let here = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return Err(WebhookError::Address("is no web address")),
        };
        match url.scheme() {
            "https" => {}
            "http" if here => {}
            _ => return Err(WebhookError::Address("is no https address: whoever reads along could write to the chat")),
        }
        // Whoever answers may repeat a part of it; one that may be a word is none.
        let secret = |part: &&str| part.len() >= 16 || part.contains(|c: char| c.is_ascii_digit());
        let whole =
            [url.path().trim_start_matches('/'), url.query().unwrap_or_default(), url.password().unwrap_or_default()];
        for part in whole.into_iter().chain(url.path().split('/').filter(secret)) {
            runtime::hold(&SecretString::from(part));
        }
        let client = reqwest::Client::builder()
            .user_agent(concat!("bpctl/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(TRY)
            .timeout(TRY)
            .build()
            .map_err(|source| WebhookError::Unreachable { source: source.without_url().into() })?;
        Ok(Self { client, url: SecretString::from(url.to_string()) })
    }

    /// Sends a message; what may pass is tried again a little. A message whose answer was lost may come twice.
    ///
    /// # Errors
    /// The chat did not take it.
    pub async fn send(&self, text: &str) -> Result<(), WebhookError> {
        let body = json!({ "text": cut(text) });
        let once = async || self.once(&body).await;
        let pauses = ExponentialBuilder::default().with_min_delay(FIRST_PAUSE).with_max_times(2).with_jitter();
        let all = once.retry(pauses).when(WebhookError::may_pass);
        tokio::time::timeout(ALL, all).await.unwrap_or(Err(WebhookError::Slow))
    }

    async fn once(&self, body: &serde_json::Value) -> Result<(), WebhookError> {
        let lost = |error: reqwest::Error| {
            if error.is_timeout() {
                WebhookError::Slow
            } else {
                WebhookError::Unreachable { source: error.without_url().into() }
            }
        };
        let mut response = self.client.post(self.url.expose_secret()).json(body).send().await.map_err(lost)?;
        let status: StatusCode = response.status();
        if status.is_success() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > ANSWER {
                break;
            }
        }
        bytes.truncate(ANSWER);
        Err(WebhookError::Refused { status: status.as_u16(), said: runtime::said(&String::from_utf8_lossy(&bytes)) })
    }
}

/// Whole lines, as many as a chat takes.
fn cut(text: &str) -> String {
    let mut kept = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if kept.chars().count() + line.chars().count() > LONGEST {
            let more = lines.count() + 1;
            let begun: String = if kept.is_empty() { line.chars().take(LONGEST).collect() } else { String::new() };
            // A line that was cut may have an open code span.
            let end = if begun.matches('`').count() % 2 == 1 { "`" } else { "" };
            return format!("{}\n… and {more} more: bpctl audit", format!("{kept}{begun}{end}").trim_end());
        }
        kept.push_str(line);
        kept.push('\n');
    }
    kept.trim_end().to_owned()
}

#[cfg(test)]
mod tests;
