//! Check runs and commit statuses: read together, written as the one that bpctl's account may write.

use std::collections::BTreeSet;

use bpctl_core::model::{Timestamp, Untrusted};
use bpctl_core::observe::{CheckConclusion, CheckRun};
use bpctl_core::render::marks::{Level, Mark, Marks};
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
        marks: &Marks,
    ) -> Result<(), ForgeError> {
        let attempt = format!("write the check {name} on {commit} of {}", self.name());
        let me = self.me().await?;
        let (path, body, line) = match me.app {
            Some(_) => {
                let line = cut(summary, TITLE);
                (self.path(&["check-runs"]), run(commit, name, conclusion, summary, (&line, marks)), line)
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

/// The title is shown as it is; the summary is Markdown; what stands beside lines is plain text.
pub(super) fn run(
    commit: &str,
    name: &str,
    conclusion: CheckConclusion,
    summary: &str,
    (title, marks): (&str, &Marks),
) -> Value {
    let mut told = sink::markdown(&Untrusted::new(summary));
    if marks.left > 0 {
        let all = marks.shown.len() + marks.left;
        told.push_str(&format!("\n\n{} of {all} changes are marked beside their lines.", marks.shown.len()));
    }
    let mut output = json!({ "title": title, "summary": told });
    if !marks.shown.is_empty() {
        output["annotations"] = marks.shown.iter().map(annotation).collect();
    }
    let mut body = json!({ "name": name, "head_sha": commit, "status": "completed", "output": output });
    match conclusion {
        CheckConclusion::Pending => body["status"] = "in_progress".into(),
        CheckConclusion::Success => body["conclusion"] = "success".into(),
        CheckConclusion::Failure => body["conclusion"] = "failure".into(),
        CheckConclusion::Neutral => body["conclusion"] = "neutral".into(),
    }
    body
}

fn annotation(mark: &Mark) -> Value {
    let Mark { place, level, title, message, details } = mark;
    let level = match level {
        Level::Notice => "notice",
        Level::Warning => "warning",
        Level::Failure => "failure",
    };
    let mut annotation = json!({
        "path": place.path,
        "start_line": place.line,
        "end_line": place.line,
        "annotation_level": level,
        "title": cut(title, TITLE),
        "message": message,
    });
    if let Some(details) = details {
        annotation["raw_details"] = details.as_str().into();
    }
    annotation
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

#[cfg(test)]
mod tests {
    use bpctl_core::propose::Place;

    use super::*;

    /// Would miss: marks that are left out without a word, a title that GitHub refuses, and a list of none, which says no more than none at all.
    #[test]
    fn t42_a_check_run_says_how_much_it_does_not_show() {
        let place = Place { path: "a.yaml".into(), line: 7 };
        let mark = Mark {
            place,
            level: Level::Failure,
            title: "x".repeat(400),
            message: "no".into(),
            details: Some("d".into()),
        };
        let marks = Marks { shown: vec![mark], left: 2 };
        let output = run("c", "n", CheckConclusion::Failure, "no", ("no", &marks))["output"].take();
        assert_eq!(output["summary"], "`no`\n\n1 of 3 changes are marked beside their lines.");
        let shown = &output["annotations"][0];
        assert_eq!(
            (&shown["path"], &shown["start_line"], &shown["end_line"]),
            (&json!("a.yaml"), &json!(7), &json!(7))
        );
        assert_eq!((&shown["annotation_level"], &shown["raw_details"]), (&json!("failure"), &json!("d")));
        assert_eq!(shown["title"].as_str().map(|title| title.chars().count()), Some(TITLE));
        let none = run("c", "n", CheckConclusion::Success, "yes", ("yes", &Marks::default()));
        assert_eq!(none["output"].get("annotations"), None);
    }
}
