//! bpctl's own issues: what people are alerted of (R6). Whose an issue is is told by the account's id, never by what it says (T9).

use reqwest::Method;
use serde_json::json;

use super::wire::Issue;
use super::{GiteaForge, Listing};
use crate::forge::http::settled;
use crate::forge::{ForgeError, IssueFilter, OwnIssue};

impl GiteaForge {
    /// Those of this account that begin with the marker, oldest first. The server is asked for this account's alone; the id decides.
    pub(super) async fn own_issues(&self, which: IssueFilter, marker: &str) -> Result<Vec<OwnIssue>, ForgeError> {
        let me = self.me().await?.clone();
        let attempt = format!("list the issues of {}", self.name());
        let (state, since) = which.asked();
        let mut query = vec![("type", "issues"), ("state", state), ("created_by", me.login.as_str())];
        query.extend(since.as_deref().map(|since| ("since", since)));
        let path = self.path(&["issues"]);
        let listing = Listing { attempt: &attempt, path: &path, query: &query, hides: false };
        let mut found = self.api.list(listing, |issue: &Issue| issue.number.to_string()).await?;
        found.retain(|issue| issue.is_of(me.id) && issue.body.starts_with(marker));
        found.sort_by_key(|issue| issue.number);
        Ok(found.into_iter().map(OwnIssue::from).collect())
    }

    pub(super) async fn make_issue(&self, title: &str, body: &str) -> Result<u64, ForgeError> {
        let attempt = format!("open an issue of {}", self.name());
        let content = json!({ "title": title, "body": body });
        let sent = self.api.write(&attempt, Method::POST, &self.path(&["issues"]), &content).await;
        match sent.and_then(|reply| reply.json::<Issue>(&attempt)) {
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
            let issue: Issue = self.api.read(&attempt, &path).await?;
            Ok(issue.body == body && issue.state == state)
        };
        settled(sent, &attempt, stands).await
    }
}

impl Issue {
    fn is_of(&self, account: i64) -> bool {
        self.user.as_ref().is_some_and(|user| user.id == account)
    }
}

impl From<Issue> for OwnIssue {
    fn from(issue: Issue) -> Self {
        Self { number: issue.number, open: issue.state == "open", body: issue.body }
    }
}
