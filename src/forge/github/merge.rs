//! The merge, pinned to what was judged.
//!
//! GitHub pins the head (`sha`). It does not pin the base: so bpctl merges only where the branch's rules ask for heads that hold all of base,
//! or where a queue merges. Then what lands is the head's own tree, and it is compared all the same (Z20). What the rules hold back is left
//! to GitHub's own auto-merge, armed for this very head, only where bpctl's check is among those rules: then the check is the brake.

use std::time::Duration;

use bpctl_core::model::Untrusted;
use bpctl_core::observe::PullState;
use serde_json::json;

use super::facts::state_of;
use super::rules::Protection;
use super::wire::{Pull, Repo};
use super::{GithubForge, Role};
use crate::forge::landed::{Pin, landed};
use crate::forge::{ForgeError, Landed};

/// How often the state is read after an answer that leaves it open.
const READS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(if cfg!(test) { 5 } else { 250 });

/// A way of merging, as the API calls it.
pub(super) type Method = &'static str;

/// What one request to merge came to.
pub(super) enum Asked {
    /// It said yes, or nobody knows: the state tells.
    Look(Option<ForgeError>),
    /// The rules hold it back, in the forge's words.
    Held(Untrusted),
    Moved,
}

impl GithubForge {
    pub(super) async fn land(&self, pin: Pin<'_>, message: &str) -> Result<Landed, ForgeError> {
        let attempt = format!("merge #{} of {}", pin.pull, self.name());
        let held = |why: &str| Ok(Landed::Held(Untrusted::new(why)));
        let wire = self.wire_pull(pin.pull).await?;
        if wire.merged_at.is_some() {
            return self.landed(&wire, pin).await;
        }
        let (protection, tip) = self.protection().await?;
        if !is_as_pinned(&wire, pin) || pin.base_branch != self.base.as_str() || tip != pin.base {
            return Ok(Landed::Moved);
        }
        match self.me().await?.role {
            Role::App => {}
            Role::Workflow => {
                return held(
                    "a workflow's GITHUB_TOKEN only proposes: whoever may change a workflow has it; give bpctl an app of its own",
                );
            }
            Role::Person => return held("a person's token only proposes: give bpctl an app of its own"),
        }
        if self.may_bypass(&protection).await? {
            return held("bpctl's app may bypass the rules of the branch: take it off the list of those who may");
        }
        if protection.queue {
            return self.enqueue(&wire, pin, &attempt).await;
        }
        if !protection.strict && !self.is_strict_by_classic_protection().await? {
            return held(
                "the rules of the branch do not ask for branches to be up to date before merging, and there is no merge queue",
            );
        }
        if !self.holds_base(pin)? {
            return self.bring_up_to_date(pin).await;
        }
        let Some(method) = method(&protection, &self.settings().await?) else {
            return held("the repository allows neither merge commits nor squashing");
        };
        match self.ask(pin, method, message, &attempt).await {
            Asked::Look(error) => self.look(pin, error, &attempt).await,
            Asked::Moved => Ok(Landed::Moved),
            Asked::Held(said) => self.arm(&wire, &protection, (pin, method), message, said).await,
        }
    }

    /// Whether the head holds all of base, as the rules ask. Both are here: they were judged.
    fn holds_base(&self, pin: Pin<'_>) -> Result<bool, ForgeError> {
        let attempt = format!("compare #{} of {} with {}", pin.pull, self.name(), self.base);
        let git = |source| ForgeError::Git { attempt, source };
        self.repository.is_ancestor(pin.base, pin.head).map_err(git)
    }

    /// Merges base into the head, as a person would by the page's button. It is another head then, and judged anew.
    pub(super) async fn bring_up_to_date(&self, pin: Pin<'_>) -> Result<Landed, ForgeError> {
        let attempt = format!("bring #{} of {} up to date", pin.pull, self.name());
        let number = pin.pull.to_string();
        let path = self.path(&["pulls", &number, "update-branch"]);
        let reply =
            self.api.write(&attempt, reqwest::Method::PUT, &path, &json!({ "expected_head_sha": pin.head })).await?;
        match reply.status.as_u16() {
            // 422: the head moved, or somebody was faster.
            200..=299 | 422 => Ok(Landed::Moved),
            _ => Err(reply.refused(&attempt)),
        }
    }

    pub(super) async fn ask(&self, pin: Pin<'_>, method: &str, message: &str, attempt: &str) -> Asked {
        let (title, text) = message.split_once('\n').unwrap_or((message, ""));
        let body = json!({
            "sha": pin.head,
            "merge_method": method,
            "commit_title": title.trim(),
            "commit_message": text.trim(),
        });
        let number = pin.pull.to_string();
        let path = self.path(&["pulls", &number, "merge"]);
        let reply = match self.api.write(attempt, reqwest::Method::PUT, &path, &body).await {
            Ok(reply) => reply,
            Err(error) => return Asked::Look(Some(error)),
        };
        let said = reply.said();
        match reply.status.as_u16() {
            200..=299 => Asked::Look(None),
            409 => Asked::Moved,
            405 if said.raw().contains("was modified") => Asked::Moved,
            405 | 422 => Asked::Held(said),
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
            if wire.merged_at.is_some() {
                return self.landed(&wire, pin).await;
            }
            if wire.state != "open" || wire.head.sha != pin.head {
                return Ok(Landed::Moved);
            }
            // A refusal is the server's word that it did nothing.
            if matches!(&error, Some(ForgeError::Refused { status: 400..500, .. })) {
                break;
            }
        }
        Err(error.unwrap_or_else(|| ForgeError::Malformed {
            attempt: attempt.into(),
            why: "the forge says that it merged, and shows the pull request as open".into(),
        }))
    }

    async fn landed(&self, wire: &Pull, pin: Pin<'_>) -> Result<Landed, ForgeError> {
        let PullState::Merged { at, commit, .. } = state_of(wire, None)? else { return Ok(Landed::Moved) };
        landed(&*self.remote().await?, &wire.base.name, pin, (commit, at)).await
    }
}

/// Open, ready, and with the head and the target that were judged.
fn is_as_pinned(wire: &Pull, pin: Pin<'_>) -> bool {
    wire.state == "open" && !wire.draft && wire.head.sha == pin.head && wire.base.name == pin.base_branch
}

/// A merge commit, or a squash where only that is allowed: both give the same tree.
fn method(protection: &Protection, settings: &Repo) -> Option<Method> {
    let allowed = |name: &str| protection.methods.as_ref().is_none_or(|methods| methods.iter().any(|m| m == name));
    if settings.allow_merge_commit != Some(false) && !protection.linear && allowed("merge") {
        Some("merge")
    } else if settings.allow_squash_merge != Some(false) && allowed("squash") {
        Some("squash")
    } else {
        None
    }
}
