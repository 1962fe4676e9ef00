//! The HTTP half: one token, and lists that are whole by their count.
//!
//! `Link` headers are not followed, so the token goes to no other host (T37).

use std::collections::HashSet;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{self, HeaderMap, HeaderValue};
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::forge::ForgeError;
use crate::forge::http::{Http, Reply, Request, authorization};

/// How many items a page is asked for; the server may give fewer.
const PAGE: usize = 50;
/// Where a list ends to be believable.
const PAGES: usize = 2_000;
/// How often a list is read again that changed while it was read.
const SWEEPS: usize = 4;

/// The server, as one user.
pub(super) struct Api {
    http: Http,
    headers: HeaderMap,
    page_size: OnceLock<usize>,
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

impl Api {
    /// Gets ready to talk to the server at `base`.
    ///
    /// # Errors
    /// A base address that is not plain `http` or `https`, or a token that no header can hold.
    pub(super) fn new(base: &Url, token: &SecretString) -> Result<Self, ForgeError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, authorization("token", token)?);
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Ok(Self { http: Http::new(base, &["api", "v1"], Duration::ZERO)?, headers, page_size: OnceLock::new() })
    }

    /// Reads; an answer of 4xx is an answer.
    pub(super) async fn get(&self, attempt: &str, path: &[&str], query: &[(&str, &str)]) -> Result<Reply, ForgeError> {
        let url = &self.http.url(path, query);
        self.http.get(Request { attempt, method: &Method::GET, url, headers: &self.headers, body: None }).await
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
        let url = &self.http.url(path, &[]);
        self.http.write(Request { attempt, method: &method, url, headers: &self.headers, body: Some(body) }).await
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
            let total = reply.number("x-total-count").and_then(|total| usize::try_from(total).ok());
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
}
