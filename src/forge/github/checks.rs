//! Check runs and commit statuses: read together, written as the one that bpctl's account may write.

use std::collections::BTreeSet;

use bpctl_core::model::{Timestamp, Untrusted};
use bpctl_core::observe::{CheckConclusion, CheckRun};
use bpctl_core::render::sink;
use reqwest::Method;
use serde_json::{Value, json};

use super::GithubForge;
use super::api::{Listing, Page};
use super::wire::{Run, Runs, Status};
use crate::forge::ForgeError;
use crate::forge::http::{Reply, settled};

/// The longest line beside a check run.
const TITLE: usize = 255;
/// The longest line beside a commit status.
const DESCRIPTION: usize = 140;

impl GithubForge {
    /// The newest of each name and writer on a commit, oldest first: anybody who may push may write any name (T29).
    pub(super) async fn all_checks(&self, commit: &str) -> Result<Vec<CheckRun>, ForgeError> {
        self.me().await?;
        let attempt = format!("list the checks of {commit} of {}", self.name());
        self.api.spare(&attempt)?;
        self.checks_of(commit, &attempt).await
    }

    async fn checks_of(&self, commit: &str, attempt: &str) -> Result<Vec<CheckRun>, ForgeError> {
        let path = self.path(&["commits", commit, "check-runs"]);
        let listing = Listing { attempt, path: &path, query: &[("filter", "latest")] };
        let runs = self.api.list_until(listing, runs, |run: &Run| run.id.to_string(), |_| false);
        let path = self.path(&["commits", commit, "statuses"]);
        let listing = Listing { attempt, path: &path, query: &[] };
        let statuses = self.api.list(listing, |status: &Status| status.id.to_string());
        let (runs, statuses) = tokio::join!(runs, statuses);
        let (mut runs, mut statuses) = (runs?, statuses?);
        statuses.sort_by_key(|status| std::cmp::Reverse(status.id));
        let mut seen = BTreeSet::new();
        statuses.retain(|status| seen.insert((status.context.clone(), status.creator.as_ref().map(|by| by.id))));
        statuses.reverse();
        runs.sort_by_key(|run| std::cmp::Reverse(run.id));
        // Each POST of bpctl's own adds one.
        let mine = self.me.get().and_then(|me| me.app);
        let own = |run: &Run| mine.is_some() && run.app.as_ref().map(|app| app.id) == mine;
        let mut seen = BTreeSet::new();
        runs.retain(|run| !own(run) || seen.insert(run.name.clone()));
        runs.reverse();
        let me = self.me.get().map(|me| me.user.id);
        let statuses = statuses.into_iter().map(|status| CheckRun {
            name: status.context,
            commit: commit.into(),
            conclusion: match status.state.as_str() {
                "success" => CheckConclusion::Success,
                // A status has no word for neither: bpctl's own account says `error`, and never otherwise.
                "error" if status.creator.as_ref().map(|by| by.id) == me => CheckConclusion::Neutral,
                "failure" | "error" => CheckConclusion::Failure,
                _ => CheckConclusion::Pending,
            },
            by: self.identity_of(status.creator.as_ref()),
            at: status.created_at,
            summary: Untrusted::new(status.description.unwrap_or_default()),
        });
        let runs = runs.into_iter().map(|run| CheckRun {
            conclusion: conclusion(&run),
            by: self.identity_of_app(run.app.as_ref()),
            // One that waits to be started has no time yet.
            at: run.completed_at.or(run.started_at).unwrap_or(Timestamp::UNIX_EPOCH),
            summary: Untrusted::new(run.output.title.unwrap_or_default()),
            name: run.name,
            commit: run.head_sha,
        });
        Ok(statuses.chain(runs).collect())
    }

    /// Writes a check, unless the newest of this account says the same already.
    pub(super) async fn write_check(
        &self,
        commit: &str,
        name: &str,
        conclusion: CheckConclusion,
        summary: &str,
    ) -> Result<(), ForgeError> {
        let attempt = format!("write the check {name} on {commit} of {}", self.name());
        let me = self.me().await?;
        let (path, body, line) = match me.app {
            Some(_) => {
                let line = cut(summary, TITLE);
                (self.path(&["check-runs"]), run(commit, name, conclusion, summary, &line), line)
            }
            None => {
                let line = cut(summary, DESCRIPTION);
                (self.path(&["statuses", commit]), status(name, conclusion, &line), line)
            }
        };
        let own = me.user.id.to_string();
        let stands = async || -> Result<bool, ForgeError> {
            let checks = self.checks_of(commit, &attempt).await?;
            let newest = checks.iter().rfind(|check| check.name == name && check.by.id == own);
            Ok(newest.is_some_and(|check| check.conclusion == conclusion && check.summary.raw() == line))
        };
        if stands().await? {
            return Ok(());
        }
        let sent = self.api.write(&attempt, Method::POST, &path, &body).await;
        settled(sent, &attempt, stands()).await
    }
}

fn runs(reply: &Reply, attempt: &str) -> Result<Page<Run>, ForgeError> {
    let Runs { total_count, check_runs } = reply.json(attempt)?;
    Ok(Page { items: check_runs, total: Some(total_count) })
}

fn conclusion(run: &Run) -> CheckConclusion {
    match (run.status.as_str(), run.conclusion.as_deref()) {
        ("completed", Some("success")) => CheckConclusion::Success,
        ("completed", Some("neutral" | "skipped" | "cancelled" | "stale")) => CheckConclusion::Neutral,
        ("completed", _) => CheckConclusion::Failure,
        _ => CheckConclusion::Pending,
    }
}

/// The title is shown as it is; the summary is Markdown.
pub(super) fn run(commit: &str, name: &str, conclusion: CheckConclusion, summary: &str, title: &str) -> Value {
    let output = json!({ "title": title, "summary": sink::markdown(&Untrusted::new(summary)) });
    let mut body = json!({ "name": name, "head_sha": commit, "status": "completed", "output": output });
    match conclusion {
        CheckConclusion::Pending => body["status"] = "in_progress".into(),
        CheckConclusion::Success => body["conclusion"] = "success".into(),
        CheckConclusion::Failure => body["conclusion"] = "failure".into(),
        CheckConclusion::Neutral => body["conclusion"] = "neutral".into(),
    }
    body
}

pub(super) fn status(name: &str, conclusion: CheckConclusion, description: &str) -> Value {
    let state = match conclusion {
        CheckConclusion::Pending => "pending",
        CheckConclusion::Success => "success",
        CheckConclusion::Failure => "failure",
        CheckConclusion::Neutral => "error",
    };
    json!({ "state": state, "context": name, "description": description })
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.into() } else { text.chars().take(most - 1).chain(['…']).collect() }
}
