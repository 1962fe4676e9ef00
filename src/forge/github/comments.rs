//! Comments of bpctl's own: told by the account's id, never by what they say (T9).

use reqwest::Method;
use serde_json::json;

use super::GithubForge;
use super::api::Listing;
use super::wire::Comment;
use crate::forge::http::settled;
use crate::forge::{ForgeError, OwnComment};

impl GithubForge {
    /// All comments of this account, oldest first.
    pub(super) async fn own_comments(&self, number: u64) -> Result<Vec<Comment>, ForgeError> {
        let me = self.me().await?.user.id;
        let attempt = format!("list the comments on #{number} of {}", self.name());
        let issue = number.to_string();
        let path = self.path(&["issues", &issue, "comments"]);
        let listing = Listing { attempt: &attempt, path: &path, query: &[] };
        let mut comments = self.api.list(listing, |comment: &Comment| comment.id.to_string()).await?;
        comments.retain(|comment| comment.user.as_ref().is_some_and(|user| user.id == me));
        comments.sort_by_key(|comment| comment.id);
        Ok(comments)
    }

    pub(super) async fn marked_comments(&self, number: u64, marker: &str) -> Result<Vec<OwnComment>, ForgeError> {
        let own = self.own_comments(number).await?.into_iter().map(OwnComment::from);
        Ok(own.filter(|comment| comment.body.starts_with(marker)).collect())
    }

    pub(super) async fn add_comment(&self, number: u64, body: &str) -> Result<OwnComment, ForgeError> {
        let attempt = format!("comment on #{number} of {}", self.name());
        let issue = number.to_string();
        let path = self.path(&["issues", &issue, "comments"]);
        let before = self.own_comments(number).await?.pop().map_or(0, |last| last.id);
        let sent = self.api.write(&attempt, Method::POST, &path, &json!({ "body": body })).await;
        match sent.and_then(|reply| reply.json::<Comment>(&attempt)) {
            Ok(posted) => Ok(posted.into()),
            // The answer may have been lost after the fact (Z8).
            Err(error) => {
                let mut own = self.own_comments(number).await?.into_iter();
                let posted = own.find(|own| own.id > before && own.body.as_deref() == Some(body));
                posted.map(OwnComment::from).ok_or(error)
            }
        }
    }

    pub(super) async fn reword_comment(&self, number: u64, id: &str, body: &str) -> Result<(), ForgeError> {
        let attempt = format!("edit comment {id} on #{number} of {}", self.name());
        let path = self.path(&["issues", "comments", id]);
        let sent = self.api.write(&attempt, Method::PATCH, &path, &json!({ "body": body })).await;
        let says = |own: &Comment| own.id.to_string() == id && own.body.as_deref() == Some(body);
        settled(sent, &attempt, async { Ok(self.own_comments(number).await?.iter().any(says)) }).await
    }

    pub(super) async fn delete_comment(&self, number: u64, id: &str) -> Result<(), ForgeError> {
        let attempt = format!("delete comment {id} on #{number} of {}", self.name());
        let path = self.path(&["issues", "comments", id]);
        let sent = self.api.remove(&attempt, &path).await;
        // Another run may have deleted it, too.
        let is = |own: &Comment| own.id.to_string() == id;
        settled(sent, &attempt, async { Ok(!self.own_comments(number).await?.iter().any(is)) }).await
    }
}

impl From<Comment> for OwnComment {
    fn from(comment: Comment) -> Self {
        Self { id: comment.id.to_string(), body: comment.body.unwrap_or_default() }
    }
}
