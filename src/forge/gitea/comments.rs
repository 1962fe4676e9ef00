//! bpctl's own comments on pull requests. Whose a comment is is told by the account's id, never by what it says (T9).

use reqwest::Method;
use serde_json::json;

use super::wire::Comment;
use super::{GiteaForge, Listing};
use crate::forge::http::settled;
use crate::forge::{ForgeError, OwnComment};

impl GiteaForge {
    pub(super) async fn own_comments(&self, number: u64, marker: &str) -> Result<Vec<OwnComment>, ForgeError> {
        let me = self.me().await?.id;
        let attempt = format!("list the comments on #{number} of {}", self.name());
        let issue = number.to_string();
        let path = self.path(&["issues", &issue, "comments"]);
        let listing = Listing { attempt: &attempt, path: &path, query: &[], hides: false };
        let mut found = self.api.list(listing, |comment: &Comment| comment.id.to_string()).await?;
        found.retain(|comment| {
            comment.body.starts_with(marker) && comment.user.as_ref().is_some_and(|user| user.id == me)
        });
        found.sort_by_key(|comment| comment.id);
        Ok(found.into_iter().map(|comment| OwnComment { id: comment.id.to_string(), body: comment.body }).collect())
    }

    pub(super) async fn add_comment(&self, number: u64, body: &str) -> Result<OwnComment, ForgeError> {
        let attempt = format!("comment on #{number} of {}", self.name());
        let issue = number.to_string();
        let path = self.path(&["issues", &issue, "comments"]);
        let sent = self.api.write(&attempt, Method::POST, &path, &json!({ "body": body })).await;
        match sent.and_then(|reply| reply.json::<Comment>(&attempt)) {
            Ok(posted) => Ok(OwnComment { id: posted.id.to_string(), body: posted.body }),
            // The answer may have been lost after the fact (Z8).
            Err(error) => self.own_comments(number, body).await?.pop().ok_or(error),
        }
    }

    pub(super) async fn reword_comment(&self, number: u64, id: &str, body: &str) -> Result<(), ForgeError> {
        let attempt = format!("edit comment {id} on #{number} of {}", self.name());
        let path = self.path(&["issues", "comments", id]);
        let sent = self.api.write(&attempt, Method::PATCH, &path, &json!({ "body": body })).await;
        let says = |own: &OwnComment| own.id == id && own.body == body;
        settled(sent, &attempt, async { Ok(self.own_comments(number, body).await?.iter().any(says)) }).await
    }

    pub(super) async fn delete_comment(&self, number: u64, id: &str) -> Result<(), ForgeError> {
        let attempt = format!("delete comment {id} on #{number} of {}", self.name());
        let path = self.path(&["issues", "comments", id]);
        let sent = self.api.write(&attempt, Method::DELETE, &path, &json!({})).await;
        // Another run may have deleted it, too.
        let is = |own: &OwnComment| own.id == id;
        settled(sent, &attempt, async { Ok(!self.own_comments(number, "").await?.iter().any(is)) }).await
    }
}
