//! The HTTP half: tokens that are renewed, lists that are whole, GraphQL, and GitHub's limits.
//!
//! A list is followed by its `Link` headers to its end, on the server's own origin only: else it is an error, and the token is not sent
//! (T37). Whatever was read before is asked for again by its tag (`ETag`): an answer of "not modified" counts against no limit.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bpctl_core::model::{Timestamp, Untrusted};
use reqwest::Method;
use reqwest::header::{self, HeaderMap, HeaderValue};
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use super::token::{AppKey, Credentials};
use crate::forge::ForgeError;
use crate::forge::http::{Http, Reply, Request, authorization};
use crate::runtime;

/// How many items a page is asked for.
const PAGE: &str = "100";
/// Where a list ends to be believable.
const PAGES: usize = 200;
/// How often a list is read again that changed while it was read.
const SWEEPS: usize = 4;
/// How much is kept to be asked for by its tag.
const KEPT: usize = 32 << 20;
/// The pause where the limit on how fast requests come is reached, and the server does not say how long it lasts.
const SECONDARY: Duration = Duration::from_millis(if cfg!(test) { 60 } else { 60_000 });
/// The last requests of the hour: they finish what was begun, and begin nothing (Z7).
const RESERVE: u64 = 50;
/// A token is renewed this long before it ends: nothing begins that it would not outlast.
const RENEWED: Duration = Duration::from_mins(5);
/// How long the server's clock is carried on before it is asked again.
const CARRIED: Duration = Duration::from_mins(1);

/// The server, as one account.
pub(super) struct Api {
    http: Http,
    graphql: Url,
    repo: [String; 2],
    keeper: Keeper,
    seen: Mutex<Seen>,
    cache: Mutex<Cache>,
}

enum Keeper {
    Given(SecretString),
    App { key: Box<AppKey>, issued: Mutex<Option<Issued>> },
}

/// A token of an app's installation.
#[derive(Debug, Clone)]
struct Issued {
    token: SecretString,
    until: Timestamp,
}

/// What the newest answers said besides.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    date: Option<(Timestamp, Instant)>,
    /// Requests that are left, and when the count begins anew.
    left: Option<(u64, Timestamp)>,
}

#[derive(Debug, Default)]
struct Cache {
    replies: HashMap<Url, (HeaderValue, Reply)>,
    bytes: usize,
}

/// What to list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listing<'a> {
    /// For messages: `list reviews of #1`.
    pub(super) attempt: &'a str,
    pub(super) path: &'a [&'a str],
    pub(super) query: &'a [(&'a str, &'a str)],
}

/// The items of one page, and how many there are on all, where the server says.
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) total: Option<usize>,
}

impl Api {
    /// Gets ready to talk to the API at `root`.
    ///
    /// # Errors
    /// An address that is not plain `http` or `https`; an app's key that is none.
    pub(super) fn new(
        root: &Url,
        graphql: Url,
        repo: [String; 2],
        credentials: Credentials,
    ) -> Result<Self, ForgeError> {
        let keeper = match credentials {
            Credentials::Token(token) => {
                authorization("Bearer", &token)?;
                Keeper::Given(token)
            }
            Credentials::App { id, key } => {
                Keeper::App { key: Box::new(AppKey::new(id, &key)?), issued: Mutex::default() }
            }
        };
        let http = Http::new(root, &[], SECONDARY)?;
        Ok(Self { http, graphql, repo, keeper, seen: Mutex::default(), cache: Mutex::default() })
    }

    /// Whether bpctl signs in as an app itself.
    pub(super) fn is_app(&self) -> bool {
        matches!(self.keeper, Keeper::App { .. })
    }

    /// The server's time, as far as an answer told it; carried on by this machine's steady clock for a moment.
    #[expect(clippy::disallowed_methods, reason = "an edge: the steady clock carries the server's on")]
    pub(super) fn now(&self) -> Option<Timestamp> {
        let (date, at) = locked(&self.seen).date?;
        let passed = Instant::now().duration_since(at);
        (passed < CARRIED).then(|| date.checked_add(passed).ok()).flatten()
    }

    /// Asks for the time; it counts against no limit.
    pub(super) async fn ask_time(&self) -> Result<Option<Timestamp>, ForgeError> {
        Ok(self.get("ask the forge for the time", &["rate_limit"], &[]).await?.date)
    }

    /// An error where only the reserve is left: what begins now could not be finished (Z7).
    pub(super) fn spare(&self, attempt: &str) -> Result<(), ForgeError> {
        let left = locked(&self.seen).left;
        match left {
            Some((left, until)) if left < RESERVE && self.now().is_none_or(|now| now < until) => {
                let said = format!("the last {left} requests are kept for what was begun");
                Err(ForgeError::Limited { attempt: attempt.into(), until: Some(until), said: Untrusted::new(said) })
            }
            _ => Ok(()),
        }
    }

    /// The token of now.
    pub(super) async fn token(&self) -> Result<SecretString, ForgeError> {
        let (key, issued) = match &self.keeper {
            Keeper::Given(token) => return Ok(token.clone()),
            Keeper::App { key, issued } => (key, issued),
        };
        let now = self.now().unwrap_or_else(runtime::now);
        let kept = locked(issued).clone();
        if let Some(kept) = kept.filter(|kept| now.checked_add(RENEWED).is_ok_and(|soon| soon < kept.until)) {
            return Ok(kept.token);
        }
        let fresh = self.issue(key, now).await?;
        *locked(issued) = Some(fresh.clone());
        Ok(fresh.token)
    }

    /// A token for this repository alone, by the app's installation there.
    async fn issue(&self, key: &AppKey, now: Timestamp) -> Result<Issued, ForgeError> {
        #[derive(Deserialize)]
        struct Installation {
            id: u64,
        }
        #[derive(Deserialize)]
        struct Fresh {
            token: String,
            expires_at: Timestamp,
        }
        let [owner, repo] = &self.repo;
        let headers = headers(&key.claim(now)?)?;
        let attempt = &format!("find where the GitHub App is installed for {owner}/{repo}");
        let url = &self.http.url(&["repos", owner, repo, "installation"], &[]);
        let found =
            self.http.get(Request { attempt, method: &Method::GET, url, headers: &headers, body: None }).await?;
        self.note(&found);
        if found.status.as_u16() == 404 {
            return Err(ForgeError::Input {
                message: format!("the GitHub App is not installed for {owner}/{repo}"),
                hint: Some("install it there, on the page of the app; BPCTL_APP_ID is the app's own id".into()),
            });
        }
        let installation: Installation = found.json(attempt)?;
        let attempt = &format!("get a token of the GitHub App for {owner}/{repo}");
        let id = installation.id.to_string();
        let url = &self.http.url(&["app", "installations", &id, "access_tokens"], &[]);
        let body = Some(&json!({ "repositories": [repo] }));
        let request = Request { attempt, method: &Method::POST, url, headers: &headers, body };
        // One token more harms nobody, so that this is repeated like a read.
        let given = self.http.get(request).await?;
        self.note(&given);
        let Fresh { token, expires_at } = given.json(attempt)?;
        let token = token.into();
        runtime::hold(&token);
        Ok(Issued { token, until: expires_at })
    }

    /// Reads; an answer of 4xx is an answer.
    pub(super) async fn get(&self, attempt: &str, path: &[&str], query: &[(&str, &str)]) -> Result<Reply, ForgeError> {
        self.get_url(attempt, &self.http.url(path, query)).await
    }

    /// Reads one value.
    pub(super) async fn read<T: DeserializeOwned>(&self, attempt: &str, path: &[&str]) -> Result<T, ForgeError> {
        self.get(attempt, path, &[]).await?.json(attempt)
    }

    async fn get_url(&self, attempt: &str, url: &Url) -> Result<Reply, ForgeError> {
        let mut headers = headers(&self.token().await?)?;
        let known = locked(&self.cache).replies.get(url).cloned();
        if let Some((tag, _)) = &known {
            headers.insert(header::IF_NONE_MATCH, tag.clone());
        }
        let request = Request { attempt, method: &Method::GET, url, headers: &headers, body: None };
        let reply = self.http.get(request).await?;
        self.note(&reply);
        if reply.status.as_u16() == 304 {
            let Some((_, known)) = known else { return Err(reply.refused(attempt)) };
            return Ok(Reply { date: reply.date, ..known });
        }
        if let Some(tag) = reply.header("etag").filter(|_| reply.status.is_success())
            && let Ok(tag) = HeaderValue::from_str(tag)
        {
            let mut cache = locked(&self.cache);
            if cache.bytes + reply.body.len() <= KEPT {
                cache.bytes += reply.body.len();
                cache.replies.insert(url.clone(), (tag, reply.clone()));
            }
        }
        Ok(reply)
    }

    /// Writes, once. Only where the server says that it did nothing because of too many requests, again.
    pub(super) async fn write(
        &self,
        attempt: &str,
        method: Method,
        path: &[&str],
        body: &Value,
    ) -> Result<Reply, ForgeError> {
        self.change(attempt, method, path, Some(body)).await
    }

    /// Removes.
    pub(super) async fn remove(&self, attempt: &str, path: &[&str]) -> Result<Reply, ForgeError> {
        self.change(attempt, Method::DELETE, path, None).await
    }

    async fn change(
        &self,
        attempt: &str,
        method: Method,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<Reply, ForgeError> {
        let headers = headers(&self.token().await?)?;
        let url = &self.http.url(path, &[]);
        let reply = self.http.write(Request { attempt, method: &method, url, headers: &headers, body }).await?;
        self.note(&reply);
        Ok(reply)
    }

    /// A GraphQL query, or with `writes` a mutation, which is sent once.
    pub(super) async fn graphql<T: DeserializeOwned>(
        &self,
        attempt: &str,
        query: &str,
        variables: Value,
        writes: bool,
    ) -> Result<T, ForgeError> {
        #[derive(Deserialize)]
        struct Answer {
            data: Option<Value>,
            #[serde(default)]
            errors: Vec<Problem>,
        }
        #[derive(Deserialize)]
        struct Problem {
            #[serde(rename = "type", default)]
            kind: Option<String>,
            #[serde(default)]
            message: String,
        }
        let headers = headers(&self.token().await?)?;
        let body = json!({ "query": query, "variables": variables });
        let request =
            Request { attempt, method: &Method::POST, url: &self.graphql, headers: &headers, body: Some(&body) };
        let reply = if writes { self.http.write(request).await? } else { self.http.get(request).await? };
        let answer: Answer = reply.json(attempt)?;
        if let Some(problem) = answer.errors.first() {
            let said = runtime::said(&problem.message.chars().take(2_000).collect::<String>());
            let attempt = attempt.to_owned();
            let status = match problem.kind.as_deref() {
                Some("RATE_LIMITED") => {
                    let until = reply.number("x-ratelimit-reset").and_then(moment);
                    return Err(ForgeError::Limited { attempt, until, said });
                }
                Some("NOT_FOUND") => 404,
                Some("FORBIDDEN" | "INSUFFICIENT_SCOPES") => 403,
                _ => 422,
            };
            return Err(ForgeError::Refused { attempt, status, said });
        }
        serde_json::from_value(answer.data.unwrap_or_default()).map_err(|error| ForgeError::Malformed {
            attempt: attempt.into(),
            why: format!("the answer is not as documented: {}", runtime::without_credentials(&error.to_string())),
        })
    }

    /// All items of a list, whole or not at all (Z9). `key` names an item.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        listing: Listing<'_>,
        key: fn(&T) -> String,
    ) -> Result<Vec<T>, ForgeError> {
        self.list_until(listing, plain, key, |_| false).await
    }

    /// The items of a list before the first that `stop` says yes to, without a gap.
    pub(super) async fn list_until<T>(
        &self,
        listing: Listing<'_>,
        page: fn(&Reply, &str) -> Result<Page<T>, ForgeError>,
        key: fn(&T) -> String,
        stop: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>, ForgeError> {
        for sweep in 0..SWEEPS {
            if sweep > 0 {
                tokio::time::sleep(Duration::from_millis(150)).await;
            }
            if let Some(items) = self.sweep(listing, page, key, &stop).await? {
                return Ok(items);
            }
        }
        let why = "the list did not arrive whole: it changes while it is read".into();
        Err(ForgeError::Malformed { attempt: listing.attempt.into(), why })
    }

    /// One pass over all pages; `None`: something moved between two of them.
    async fn sweep<T>(
        &self,
        listing: Listing<'_>,
        page: fn(&Reply, &str) -> Result<Page<T>, ForgeError>,
        key: fn(&T) -> String,
        stop: impl Fn(&T) -> bool,
    ) -> Result<Option<Vec<T>>, ForgeError> {
        let Listing { attempt, path, query } = listing;
        let query = [query, &[("per_page", PAGE)]].concat();
        let (mut items, mut seen, mut read): (Vec<T>, _, Vec<(Url, Reply)>) = (Vec::new(), HashSet::new(), Vec::new());
        let mut url = self.http.url(path, &query);
        loop {
            if read.len() == PAGES || read.iter().any(|(before, _)| *before == url) {
                return Err(ForgeError::Malformed { attempt: attempt.into(), why: "the list does not end".into() });
            }
            let reply = self.get_url(attempt, &url).await?;
            let next = next(&reply, attempt)?;
            let found = page(&reply, attempt)?;
            read.push((url, reply));
            let mut stopped = false;
            for item in found.items {
                stopped = stop(&item);
                if stopped {
                    break;
                }
                if !seen.insert(key(&item)) {
                    return Ok(None);
                }
                items.push(item);
            }
            match next {
                Some(next) if !stopped => url = next,
                _ if !stopped && found.total.is_some_and(|total| total != items.len()) => return Ok(None),
                _ => break,
            }
        }
        // What left an earlier page meanwhile pulled an item over the edge unread: then that page is another now.
        read.pop();
        for (url, before) in read {
            if self.get_url(attempt, &url).await?.body != before.body {
                return Ok(None);
            }
        }
        Ok(Some(items))
    }

    #[expect(clippy::disallowed_methods, reason = "an edge: the steady clock carries the server's on")]
    fn note(&self, reply: &Reply) {
        let mut seen = locked(&self.seen);
        if let Some(date) = reply.date {
            seen.date = Some((date, Instant::now()));
        }
        let core = reply.header("x-ratelimit-resource").is_none_or(|resource| resource == "core");
        let (left, until) = (reply.number("x-ratelimit-remaining"), reply.number("x-ratelimit-reset"));
        if let (true, Some(left), Some(until)) = (core, left, until.and_then(moment)) {
            seen.left = Some((left, until));
        }
    }
}

/// A page that is an array.
pub(super) fn plain<T: DeserializeOwned>(reply: &Reply, attempt: &str) -> Result<Page<T>, ForgeError> {
    Ok(Page { items: reply.json(attempt)?, total: None })
}

/// The next page of a list: the answer's own `Link` of that name.
fn next(reply: &Reply, attempt: &str) -> Result<Option<Url>, ForgeError> {
    let Some(links) = reply.header("link") else { return Ok(None) };
    let bad = || ForgeError::Malformed { attempt: attempt.into(), why: "where the list goes on cannot be read".into() };
    for link in links.split(',') {
        let (target, parameters) = link.split_once(';').ok_or_else(bad)?;
        if parameters.split(';').any(|parameter| matches!(parameter.trim(), r#"rel="next""# | "rel=next")) {
            let target = target.trim().strip_prefix('<').and_then(|target| target.strip_suffix('>')).ok_or_else(bad)?;
            return Url::parse(target).map(Some).map_err(|_| bad());
        }
    }
    Ok(None)
}

fn headers(token: &SecretString) -> Result<HeaderMap, ForgeError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, authorization("Bearer", token)?);
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/vnd.github+json"));
    headers.insert("x-github-api-version", HeaderValue::from_static("2022-11-28"));
    Ok(headers)
}

fn moment(seconds: u64) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok()
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
