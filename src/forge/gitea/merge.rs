//! The merge, pinned to what was judged.
//!
//! The server pins the head. It does not pin the base: between the look at the base branch and the merge somebody else's
//! merge may land, and then the tree that lands is not the permitted one. That is seen afterwards and said (Z20).

use std::time::Duration;

use bpctl_core::model::Untrusted;
use bpctl_core::observe::PullState;
use reqwest::Method;
use serde_json::json;

use super::GiteaForge;
use super::facts::state_of;
use super::wire::{Pull, RepositorySettings};
use crate::forge::landed::{Pin, landed};
use crate::forge::{ForgeError, Landed};

/// How often a merge is asked for while the server is still finding out whether the branch merges.
const TRIES: u32 = 10;
/// How often the state is read after an answer that leaves it open.
const READS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(250);

/// What one request to merge came to.
enum Asked {
    /// It said yes, or nobody knows: the state tells.
    Look(Option<ForgeError>),
    /// Not yet.
    Later(Untrusted),
    Final(Landed),
}

impl GiteaForge {
    pub(super) async fn land(&self, pin: Pin<'_>, message: &str) -> Result<Landed, ForgeError> {
        let attempt = format!("merge #{} of {}", pin.pull, self.name());
        let mut held = Untrusted::new("");
        for tries in 0..TRIES {
            if tries > 0 {
                tokio::time::sleep(PAUSE * tries).await;
            }
            let wire = self.wire_pull(pin.pull).await?;
            if wire.merged {
                return self.landed(&wire, pin).await;
            }
            if !self.is_as_pinned(&wire, pin).await? {
                return Ok(Landed::Moved);
            }
            let Some(style) = self.style().await? else {
                return Ok(Landed::Held(Untrusted::new("the repository allows neither merge commits nor squashing")));
            };
            match self.ask(pin, style, message, &attempt).await {
                Asked::Final(landed) => return Ok(landed),
                Asked::Later(said) => held = said,
                Asked::Look(error) => return self.look(pin, error, &attempt).await,
            }
        }
        Ok(Landed::Held(held))
    }

    /// Open, ready, and with the head and the base that were judged.
    async fn is_as_pinned(&self, wire: &Pull, pin: Pin<'_>) -> Result<bool, ForgeError> {
        let pull = wire.state == "open" && wire.head.sha == pin.head && wire.base.label == pin.base_branch;
        if !pull || pin.base_branch != self.base.as_str() {
            return Ok(false);
        }
        let full = self.base.full();
        let git = |source| ForgeError::Git { attempt: format!("read {} of {}", self.base, self.name()), source };
        Ok(self.remote.ls_remote(&full).await.map_err(git)?.get(&full).map(String::as_str) == Some(pin.base))
    }

    /// A merge commit, or a squash where the repository allows only that: both give the same tree.
    async fn style(&self) -> Result<Option<&'static str>, ForgeError> {
        Ok(match self.settings().await? {
            RepositorySettings { allow_merge_commits: true, .. } => Some("merge"),
            RepositorySettings { allow_squash_merge: true, .. } => Some("squash"),
            _ => None,
        })
    }

    async fn ask(&self, pin: Pin<'_>, style: &str, message: &str, attempt: &str) -> Asked {
        let (title, text) = message.split_once('\n').unwrap_or((message, ""));
        // No `force_merge`, whatever bpctl's account may do: it bypasses no rule.
        let body = json!({
            "Do": style,
            "head_commit_id": pin.head,
            "merge_title_field": title.trim(),
            "merge_message_field": text.trim(),
            "delete_branch_after_merge": false,
        });
        let number = pin.pull.to_string();
        let path = self.path(&["pulls", &number, "merge"]);
        let reply = match self.api.write(attempt, Method::POST, &path, &body).await {
            Ok(reply) => reply,
            Err(error) => return Asked::Look(Some(error)),
        };
        let said = reply.said();
        match reply.status.as_u16() {
            200..=299 => Asked::Look(None),
            405 if said.raw().contains("try again later") => Asked::Later(said),
            405 if said.raw().contains("already merged") => Asked::Look(None),
            405 | 423 => Asked::Final(Landed::Held(said)),
            // A hook of the server, that is a protection; the rest of 409 is a head or a base that moved.
            409 if said.raw().contains("PushRejected") => Asked::Final(Landed::Held(said)),
            409 => Asked::Final(Landed::Moved),
            _ => Asked::Look(Some(reply.refused(attempt))),
        }
    }

    /// What has become of it? `error` is what to say where it has not been merged.
    async fn look(&self, pin: Pin<'_>, error: Option<ForgeError>, attempt: &str) -> Result<Landed, ForgeError> {
        for read in 0..READS {
            if read > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            let wire = self.wire_pull(pin.pull).await?;
            if wire.merged {
                return self.landed(&wire, pin).await;
            }
            if wire.state != "open" || wire.head.sha != pin.head {
                return Ok(Landed::Moved);
            }
        }
        Err(error.unwrap_or_else(|| ForgeError::Malformed {
            attempt: attempt.into(),
            why: "the forge says that it merged, and shows the pull request as open".into(),
        }))
    }

    /// Compares what landed with what was permitted.
    async fn landed(&self, wire: &Pull, pin: Pin<'_>) -> Result<Landed, ForgeError> {
        let PullState::Merged { at, commit, .. } = state_of(wire, None)? else { return Ok(Landed::Moved) };
        landed(&self.remote, &wire.base.label, pin, (commit, at)).await
    }
}
