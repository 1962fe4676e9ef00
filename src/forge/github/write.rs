//! Pull requests, made and changed. Each write happens once; after a lost answer the state is read (Z3, Z8).

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::GithubForge;
use super::api::Listing;
use super::labels;
use super::wire::Event;
use crate::forge::http::{Reply, settled};
use crate::forge::{ForgeError, NewPull};

/// How often a request is sent again that the server refused because it does not see the new branch yet (Z6).
const TRIES: u32 = 4;

impl GithubForge {
    /// Opens a pull request for a branch, or adopts the one that is open: the server keeps a second one from being opened.
    pub(super) async fn propose(&self, pull: &NewPull) -> Result<u64, ForgeError> {
        let attempt = format!("open a pull request for {} of {}", pull.branch, self.name());
        self.api.spare(&attempt)?;
        let found = self.open_pulls_of(pull.branch.as_str()).await?;
        if let Some(found) = found.first() {
            if found.requested_reviewers.is_empty() && found.requested_teams.is_empty() {
                self.ask_reviewers(found.number, &pull.reviewers).await?;
            }
            return Ok(found.number);
        }
        let number = self.open(pull, &attempt).await?;
        self.ask_reviewers(number, &pull.reviewers).await?;
        Ok(number)
    }

    async fn open(&self, pull: &NewPull, attempt: &str) -> Result<u64, ForgeError> {
        #[derive(serde::Deserialize)]
        struct Opened {
            number: u64,
        }
        let body = json!({
            "head": pull.branch.as_str(),
            "base": self.base.as_str(),
            "title": pull.title,
            "body": labels::noted(&pull.body, &pull.labels),
        });
        let path = self.path(&["pulls"]);
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match self.api.write(attempt, Method::POST, &path, &body).await {
                Ok(reply) if reply.status.is_success() => return Ok(reply.json::<Opened>(attempt)?.number),
                Ok(reply) => reply.refused(attempt),
                Err(error) => error,
            };
            // 422: another run was faster, or the branch is not seen yet. Else the answer may have been lost after the fact.
            if let Some(found) = self.open_pulls_of(pull.branch.as_str()).await?.first() {
                return Ok(found.number);
            }
            if !matches!(error, ForgeError::Refused { status: 404 | 422, .. }) || tries == TRIES {
                return Err(error);
            }
            tokio::time::sleep(Duration::from_millis(200) * tries).await;
        }
    }

    /// Asks people and teams (`ORGANISATION/TEAM`), once: asking again would take back what they have said. Whom the server does not know, or
    /// does not let review, is skipped.
    async fn ask_reviewers(&self, number: u64, reviewers: &[String]) -> Result<(), ForgeError> {
        if reviewers.is_empty() || !self.wire_reviews(number).await?.is_empty() {
            return Ok(());
        }
        let attempt = format!("ask for reviews of #{number} of {}", self.name());
        let number = number.to_string();
        let path = self.path(&["pulls", &number, "requested_reviewers"]);
        let (teams, people): (Vec<&str>, Vec<&str>) =
            reviewers.iter().map(String::as_str).partition(|reviewer| reviewer.contains('/'));
        let teams: Vec<&str> = teams.iter().filter_map(|team| Some(team.split_once('/')?.1)).collect();
        let all = json!({ "reviewers": people, "team_reviewers": teams });
        // It is a courtesy: its failure changes nothing about the proposal. One name that is not known refuses all of them.
        let sent = self.api.write(&attempt, Method::POST, &path, &all).await;
        if sent.is_ok_and(|reply| reply.status.as_u16() == 422) && reviewers.len() > 1 {
            let people = people.into_iter().map(|person| json!({ "reviewers": [person] }));
            let teams = teams.into_iter().map(|team| json!({ "team_reviewers": [team] }));
            for one in people.chain(teams) {
                let _ = self.api.write(&attempt, Method::POST, &path, &one).await;
            }
        }
        Ok(())
    }

    pub(super) async fn reword(&self, number: u64, title: &str, body: &str) -> Result<(), ForgeError> {
        let attempt = format!("update the text of #{number} of {}", self.name());
        if self.says(number, title, body).await? {
            return Ok(());
        }
        let sent = self.patch(number, &attempt, &json!({ "title": title, "body": body })).await;
        settled(sent, &attempt, self.says(number, title, body)).await
    }

    async fn says(&self, number: u64, title: &str, body: &str) -> Result<bool, ForgeError> {
        let wire = self.wire_pull(number).await?;
        Ok(wire.title == title && wire.body.as_deref() == Some(body))
    }

    /// Says something on a pull request that is open, once since it was opened last.
    pub(super) async fn say(&self, number: u64, text: &str) -> Result<(), ForgeError> {
        if !self.is_open(number).await? {
            return Ok(());
        }
        let attempt = format!("read what happened to #{number} of {}", self.name());
        let issue = number.to_string();
        let path = self.path(&["issues", &issue, "events"]);
        let listing = Listing { attempt: &attempt, path: &path, query: &[] };
        let events: Vec<Event> = self.api.list(listing, |event: &Event| event.id.to_string()).await?;
        let reopened = events.iter().filter(|event| event.kind == "reopened").map(|event| event.created_at).max();
        let own = self.own_comments(number).await?;
        let since = own.iter().filter(|comment| reopened.is_none_or(|reopened| comment.created_at >= reopened));
        if since.into_iter().any(|comment| comment.body.as_deref() == Some(text)) {
            return Ok(());
        }
        self.add_comment(number, text).await.map(drop)
    }

    pub(super) async fn close(&self, number: u64) -> Result<(), ForgeError> {
        let attempt = format!("close #{number} of {}", self.name());
        if !self.is_open(number).await? {
            return Ok(());
        }
        let sent = self.patch(number, &attempt, &json!({ "state": "closed" })).await;
        settled(sent, &attempt, async { Ok(!self.is_open(number).await?) }).await
    }

    async fn is_open(&self, number: u64) -> Result<bool, ForgeError> {
        Ok(self.wire_pull(number).await?.state == "open")
    }

    pub(super) async fn patch(&self, number: u64, attempt: &str, body: &Value) -> Result<Reply, ForgeError> {
        let number = number.to_string();
        self.api.write(attempt, Method::PATCH, &self.path(&["pulls", &number]), body).await
    }
}
