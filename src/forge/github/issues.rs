//! bpctl's own issues: what people are alerted of (R6). Whose an issue is is told by the account's id, never by what it says (T9).

use reqwest::Method;
use serde_json::json;

use super::GithubForge;
use super::api::Listing;
use super::wire::IssueItem;
use crate::forge::http::settled;
use crate::forge::{ForgeError, IssueFilter, OwnIssue};

/// By it the server is asked for alerts alone: a list of all issues holds the pull requests, too. The account's id decides.
const LABEL: &str = "bpctl-alert";

impl GithubForge {
    /// Those of this account that begin with the marker, oldest first.
    pub(super) async fn own_issues(&self, which: IssueFilter, marker: &str) -> Result<Vec<OwnIssue>, ForgeError> {
        let me = self.me().await?.user.id;
        let attempt = format!("list the issues of {}", self.name());
        let (state, since) = which.asked();
        let mut query = vec![("state", state), ("labels", LABEL)];
        query.extend(since.as_deref().map(|since| ("since", since)));
        let path = self.path(&["issues"]);
        let listing = Listing { attempt: &attempt, path: &path, query: &query };
        let mut found = self.api.list(listing, |issue: &IssueItem| issue.number.to_string()).await?;
        found.retain(|issue| issue.is_of(me) && issue.text().starts_with(marker));
        found.sort_by_key(|issue| issue.number);
        Ok(found.into_iter().map(OwnIssue::from).collect())
    }

    pub(super) async fn make_issue(&self, title: &str, body: &str) -> Result<u64, ForgeError> {
        let attempt = format!("open an issue of {}", self.name());
        let content = json!({ "title": title, "body": body, "labels": [LABEL] });
        let sent = self.api.write(&attempt, Method::POST, &self.path(&["issues"]), &content).await;
        match sent.and_then(|reply| reply.json::<IssueItem>(&attempt)) {
            Ok(made) => Ok(made.number),
            // The answer may have been lost after the fact (Z8).
            Err(error) => {
                let own = self.own_issues(IssueFilter::Open, body).await?.pop();
                own.map(|issue| issue.number).ok_or(error)
            }
        }
    }

    pub(super) async fn change_issue(
        &self,
        number: u64,
        title: &str,
        body: &str,
        open: bool,
    ) -> Result<(), ForgeError> {
        let attempt = format!("change issue #{number} of {}", self.name());
        let number = number.to_string();
        let path = self.path(&["issues", &number]);
        let state = if open { "open" } else { "closed" };
        let content = json!({ "title": title, "body": body, "state": state });
        let sent = self.api.write(&attempt, Method::PATCH, &path, &content).await;
        let stands = async {
            let issue: IssueItem = self.api.read(&attempt, &path).await?;
            Ok(issue.text() == body && issue.state == state)
        };
        settled(sent, &attempt, stands).await
    }
}

impl IssueItem {
    /// Of this account, and no pull request.
    fn is_of(&self, account: u64) -> bool {
        self.pull_request.is_none() && self.user.as_ref().is_some_and(|user| user.id == account)
    }

    fn text(&self) -> &str {
        self.body.as_deref().unwrap_or_default()
    }
}

impl From<IssueItem> for OwnIssue {
    fn from(issue: IssueItem) -> Self {
        Self { number: issue.number, open: issue.state == "open", body: issue.body.unwrap_or_default() }
    }
}
