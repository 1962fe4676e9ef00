//! Labels of proposals. GitHub takes none as it opens a pull request, so that they are a call of their own; that they are due stands in the pull
//! request's own text until they were put on.
//!
//! So a run that was killed between the two is finished by the next, which sees the note in the list that it reads anyway (Z1), and what a person
//! takes off is never put on again: the note is gone by then.

use reqwest::Method;
use serde_json::json;

use bpctl_core::model::Untrusted;

use super::GithubForge;
use crate::forge::ForgeError;
use crate::forge::http::settled;

/// The note, at the end of the text. People do not see it.
const DUE: &str = "\n\n<!-- bpctl:labels -->";

/// A text with the note, where there are labels.
pub(super) fn noted(body: &str, labels: &[String]) -> String {
    if labels.is_empty() { body.to_owned() } else { format!("{body}{DUE}") }
}

/// Whether a text has the note.
pub(super) fn are_due(body: Option<&str>) -> bool {
    without(body).is_some()
}

fn without(body: Option<&str>) -> Option<&str> {
    body?.strip_suffix(DUE)
}

impl GithubForge {
    /// Puts labels on, and takes the note away; nothing without the note. A refusal is answered, and not tried again.
    pub(super) async fn label(&self, number: u64, labels: &[String]) -> Result<Option<Untrusted>, ForgeError> {
        let wire = self.wire_pull(number).await?;
        let me = self.me().await?.user.id;
        let mine = wire.user.as_ref().is_some_and(|user| user.id == me) && wire.state == "open";
        let Some(body) = without(wire.body.as_deref()).filter(|_| mine) else { return Ok(None) };
        let attempt = format!("put labels on #{number} of {}", self.name());
        let issue = number.to_string();
        let path = self.path(&["issues", &issue, "labels"]);
        let mut refused = None;
        if !labels.is_empty() {
            let sent = self.api.write(&attempt, Method::POST, &path, &json!({ "labels": labels })).await;
            let stands = async {
                let wire = self.wire_pull(number).await?;
                Ok(labels.iter().all(|label| wire.labels.iter().any(|own| own.name.eq_ignore_ascii_case(label))))
            };
            match settled(sent, &attempt, stands).await {
                Err(ForgeError::Refused { status: 403 | 404 | 410 | 422, said, .. }) => refused = Some(said),
                other => other?,
            }
        }
        let attempt = format!("say that #{number} of {} has its labels", self.name());
        let sent = self.patch(number, &attempt, &json!({ "body": body })).await;
        settled(sent, &attempt, async { Ok(!are_due(self.wire_pull(number).await?.body.as_deref())) }).await?;
        Ok(refused)
    }
}
