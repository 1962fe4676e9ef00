//! Branches and pull requests, made and changed. Each write happens once; after a lost answer the state is read (Z3, Z8).

use std::hash::{BuildHasher as _, RandomState};
use std::sync::PoisonError;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::GiteaForge;
use super::facts::head_branch;
use super::wire::{Event, Pull};
use crate::forge::http::{Reply, settled};
use crate::forge::{BranchName, ForgeError, NewPull, PullFilter};

/// How often a request is sent again that the server refused because it does not see the new branch yet (Z6).
const TRIES: u32 = 4;
/// How often, and after what pause, a run looks for the pull request that another is about to open.
const WAITS: u32 = 8;
const WAIT: Duration = Duration::from_millis(300);

impl GiteaForge {
    /// Opens a pull request for a branch, or adopts the one that is open.
    ///
    /// The server does not keep two requests at the same time from opening two. So the run that made the branch opens,
    /// the others wait for it to; should it have died, they open after a while of their own. Of two that get opened
    /// nevertheless the first stays.
    pub(super) async fn propose(&self, pull: &NewPull) -> Result<u64, ForgeError> {
        let mine = self.made.lock().unwrap_or_else(PoisonError::into_inner).contains(&pull.branch);
        let mut found = self.open_pull_of(&pull.branch).await?;
        for _ in 0..if mine { 0 } else { WAITS } {
            if found.is_some() {
                break;
            }
            tokio::time::sleep(WAIT + WAIT.mul_f64(jitter())).await;
            found = self.open_pull_of(&pull.branch).await?;
        }
        let number = match found {
            Some(number) => number,
            None => self.open(pull).await?,
        };
        self.ask_reviewers(number, &pull.reviewers).await?;
        Ok(number)
    }

    async fn open_pull_of(&self, branch: &BranchName) -> Result<Option<u64>, ForgeError> {
        Ok(self.open_pulls_of(branch).await?.first().map(|pull| pull.number))
    }

    /// In the order in which they were opened.
    async fn open_pulls_of(&self, branch: &BranchName) -> Result<Vec<Pull>, ForgeError> {
        let mut open = self.list_pulls(PullFilter::Open).await?;
        open.retain(|pull| head_branch(pull).as_deref() == Some(branch.as_str()));
        open.sort_by_key(|pull| pull.number);
        Ok(open)
    }

    /// Closes what this account opened for a branch besides the first.
    async fn keep_first(&self, opened: u64, branch: &BranchName) -> Result<u64, ForgeError> {
        let open = self.open_pulls_of(branch).await?;
        let Some((first, others)) = open.split_first() else { return Ok(opened) };
        if others.is_empty() {
            return Ok(first.number);
        }
        let me = self.me().await?.id;
        for other in others.iter().filter(|other| other.user.as_ref().is_some_and(|user| user.id == me)) {
            self.close(other.number).await?;
        }
        Ok(first.number)
    }

    pub(super) async fn open(&self, pull: &NewPull) -> Result<u64, ForgeError> {
        #[derive(serde::Deserialize)]
        struct Opened {
            number: u64,
        }
        let attempt = format!("open a pull request for {} of {}", pull.branch, self.name());
        let body = json!({
            "head": pull.branch.as_str(),
            "base": self.base.as_str(),
            "title": pull.title,
            "body": pull.body,
            "labels": self.label_ids(&pull.labels).await?,
        });
        let path = self.path(&["pulls"]);
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match self.api.write(&attempt, Method::POST, &path, &body).await {
                Ok(reply) if reply.status.is_success() => {
                    return self.keep_first(reply.json::<Opened>(&attempt)?.number, &pull.branch).await;
                }
                Ok(reply) if reply.status.as_u16() == 404 && tries < TRIES => {
                    tokio::time::sleep(Duration::from_millis(200) * tries).await;
                    continue;
                }
                Ok(reply) => reply.refused(&attempt),
                Err(error) => error,
            };
            // 409: another run was faster. Else the answer may have been lost after the fact.
            return match self.open_pull_of(&pull.branch).await? {
                Some(number) => Ok(number),
                None => Err(error),
            };
        }
    }

    /// Asks people and teams (`ORGANISATION/TEAM`), once: asking again would take back what they have said. Whom the
    /// server does not know, or does not let review, is skipped.
    async fn ask_reviewers(&self, number: u64, reviewers: &[String]) -> Result<(), ForgeError> {
        if reviewers.is_empty() || !self.wire_reviews(number).await?.is_empty() {
            return Ok(());
        }
        let attempt = format!("ask for reviews of #{number} of {}", self.name());
        let number = number.to_string();
        let path = self.path(&["pulls", &number, "requested_reviewers"]);
        for reviewer in reviewers {
            let body = match reviewer.split_once('/') {
                Some((_, team)) => json!({ "team_reviewers": [team] }),
                None => json!({ "reviewers": [reviewer] }),
            };
            // It is a courtesy: its failure changes nothing about the proposal.
            let _ = self.api.write(&attempt, Method::POST, &path, &body).await;
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
        Ok(wire.title == title && wire.body == body)
    }

    /// Says something on a pull request that is open, once.
    pub(super) async fn comment(&self, number: u64, text: &str) -> Result<(), ForgeError> {
        let attempt = format!("comment on #{number} of {}", self.name());
        if !self.is_open(number).await? || self.commented(number, text).await? {
            return Ok(());
        }
        let issue = number.to_string();
        let path = self.path(&["issues", &issue, "comments"]);
        let sent = self.api.write(&attempt, Method::POST, &path, &json!({ "body": text })).await;
        settled(sent, &attempt, self.commented(number, text)).await
    }

    /// Whether bpctl said this there, since it was opened last.
    async fn commented(&self, number: u64, text: &str) -> Result<bool, ForgeError> {
        let me = self.me().await?;
        let events = self.timeline(number).await?;
        let reopened = events.iter().filter(|event| event.kind == "reopen").map(|event| event.id).max();
        let said = |event: &&Event| event.kind == "comment" && event.body == text && event.id > reopened.unwrap_or(0);
        let mine = |event: &Event| event.user.as_ref().is_some_and(|user| user.id == me.id);
        Ok(events.iter().filter(said).any(mine))
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

    async fn patch(&self, number: u64, attempt: &str, body: &Value) -> Result<Reply, ForgeError> {
        let number = number.to_string();
        self.api.write(attempt, Method::PATCH, &self.path(&["pulls", &number]), body).await
    }
}

/// Between 0 and 1, so that runs that began together do not go on together.
fn jitter() -> f64 {
    let random = u32::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or_default();
    f64::from(random) / f64::from(u32::MAX)
}
