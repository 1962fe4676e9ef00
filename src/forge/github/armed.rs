//! What GitHub merges by itself because bpctl told it so: found again whatever became of the pull request since, and taken back.

use bpctl_core::model::Untrusted;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::api::locked;
use super::merge::Method;
use super::rules::Protection;
use super::wire::{Login, Many, PageInfo, Pull};
use super::{Armed, GithubForge, Role};
use crate::forge::landed::Pin;
use crate::forge::{ArmedPull, ForgeError, Landed};

/// Where the list of open pull requests ends to be believable.
const PAGES: usize = 100;

pub(super) const ARM: &str = "mutation($pull: ID!, $head: GitObjectID!, $method: PullRequestMergeMethod!, $title: String!, $text: String!) {
  enablePullRequestAutoMerge(input: {pullRequestId: $pull, expectedHeadOid: $head, mergeMethod: $method, commitHeadline: $title, commitBody: $text}) {
    pullRequest { id }
  }
}";
pub(super) const ENQUEUE: &str = "mutation($pull: ID!, $head: GitObjectID!) {
  enqueuePullRequest(input: {pullRequestId: $pull, expectedHeadOid: $head}) { mergeQueueEntry { id } }
}";
pub(super) const DISARM: &str = "mutation($pull: ID!) {
  disablePullRequestAutoMerge(input: {pullRequestId: $pull}) { pullRequest { id } }
}";
pub(super) const DEQUEUE: &str =
    "mutation($pull: ID!) { dequeuePullRequest(input: {id: $pull}) { mergeQueueEntry { id } } }";
/// Whichever branch they go to: whoever edits a pull request changes that, and neither auto-merge nor a queue forgets it.
pub(super) const ARMED: &str = "query($owner: String!, $repo: String!, $after: String) {
  repository(owner: $owner, name: $repo) { pullRequests(states: OPEN, first: 100, after: $after) {
    totalCount pageInfo { hasNextPage endCursor } nodes {
      id number headRefName autoMergeRequest { enabledBy { login } } mergeQueueEntry { enqueuer { login } }
    }
  } }
}";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    id: String,
    number: u64,
    head_ref_name: String,
    auto_merge_request: Option<Request>,
    merge_queue_entry: Option<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    enabled_by: Option<Login>,
}

#[derive(Deserialize)]
struct Entry {
    enqueuer: Option<Login>,
}

impl GithubForge {
    /// Every open pull request that bpctl armed or queued. Only as an app it does.
    pub(super) async fn all_armed(&self) -> Result<Vec<ArmedPull>, ForgeError> {
        #[derive(Deserialize)]
        struct Answer {
            repository: Option<Repository>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Repository {
            pull_requests: Many<Node>,
        }
        if self.me().await?.role != Role::App {
            return Ok(Vec::new());
        }
        let attempt = format!("list what the forge merges by itself in {}", self.name());
        let incomplete = |why: &str| ForgeError::Malformed { attempt: attempt.clone(), why: why.into() };
        let (mut found, mut read, mut after) = (Vec::new(), 0, None::<String>);
        for _ in 0..PAGES {
            let variables = json!({ "owner": self.owner, "repo": self.repo, "after": after });
            let answer: Answer = self.api.graphql(&attempt, ARMED, variables, false).await?;
            let page = answer.repository.ok_or_else(|| incomplete("the forge does not know it"))?.pull_requests;
            read += page.nodes.len();
            for node in page.nodes {
                let by = |by: Option<Login>| by.is_some_and(|by| self.is_my_name(&by.login));
                let queued = node.merge_queue_entry.is_some_and(|entry| by(entry.enqueuer));
                let auto = node.auto_merge_request.is_some_and(|request| by(request.enabled_by));
                self.remember(node.number, &node.id, auto, queued);
                if auto || queued {
                    found.push(ArmedPull { number: node.number, head_branch: node.head_ref_name });
                }
            }
            match page.page_info {
                Some(PageInfo { has_next_page: true, end_cursor: Some(next) }) => after = Some(next),
                // One that was opened meanwhile is one more; that is no other run's business.
                Some(PageInfo { has_next_page: false, .. }) if read >= page.total_count => return Ok(found),
                _ => break,
            }
        }
        Err(incomplete("the list of open pull requests did not arrive whole"))
    }

    /// Whether GraphQL means bpctl's own account: an app's is its name alone there.
    pub(super) fn is_my_name(&self, login: &str) -> bool {
        let me = self.me.get().map(|me| me.user.login.trim_end_matches("[bot]"));
        me.is_some_and(|me| me == login.trim_end_matches("[bot]"))
    }

    /// What is known of one pull request: nothing to take back, auto-merge, a place in the queue, or both.
    pub(super) fn remember(&self, number: u64, pull: &str, auto: bool, queued: bool) {
        let mut all = locked(&self.armed);
        if auto || queued {
            all.insert(number, Armed { pull: pull.into(), auto, queued });
        } else {
            all.remove(&number);
        }
    }

    /// Leaves it to the forge to merge this very head once its own rules let it, where it may be left.
    pub(super) async fn arm(
        &self,
        wire: &Pull,
        protection: &Protection,
        (pin, method): (Pin<'_>, Method),
        message: &str,
        said: Untrusted,
    ) -> Result<Landed, ForgeError> {
        let brake = protection.asks_for_verdict_of(self.me().await?.app);
        if wire.auto_merge.is_some() || !brake || self.settings().await?.allow_auto_merge != Some(true) {
            return Ok(Landed::Held(said));
        }
        let attempt = format!("let the forge merge #{} of {} when its rules hold", pin.pull, self.name());
        let (title, text) = message.split_once('\n').unwrap_or((message, ""));
        let variables = json!({
            "pull": wire.node_id,
            "head": pin.head,
            "method": method.to_uppercase(),
            "title": title.trim(),
            "text": text.trim(),
        });
        // Before it is sent: an answer that is lost may have armed it.
        self.remember(pin.pull, &wire.node_id, true, false);
        match self.api.graphql::<IgnoredAny>(&attempt, ARM, variables, true).await {
            Ok(_) => {
                Ok(Landed::Held(Untrusted::new(format!("{} (it merges by itself once the rules hold)", said.raw()))))
            }
            // The head moved, or its rules hold by now: the next run looks again.
            Err(ForgeError::Refused { .. }) => {
                self.remember(pin.pull, &wire.node_id, false, false);
                Ok(Landed::Held(said))
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn enqueue(&self, wire: &Pull, pin: Pin<'_>, attempt: &str) -> Result<Landed, ForgeError> {
        let variables = json!({ "pull": wire.node_id, "head": pin.head });
        self.remember(pin.pull, &wire.node_id, wire.auto_merge.is_some(), true);
        match self.api.graphql::<IgnoredAny>(attempt, ENQUEUE, variables, true).await {
            Ok(_) => Ok(Landed::Held(Untrusted::new("it is in the merge queue"))),
            // It may be refused because it is in the queue already.
            Err(ForgeError::Refused { said, .. }) => Ok(Landed::Held(said)),
            Err(error) => Err(error),
        }
    }

    /// Takes back what [`Self::arm`] or [`Self::enqueue`] said. What is not known to be armed is not asked about.
    pub(super) async fn take_back(&self, number: u64) -> Result<(), ForgeError> {
        let Some(armed) = locked(&self.armed).get(&number).cloned() else { return Ok(()) };
        let attempt = format!("keep the forge from merging #{number} of {} by itself", self.name());
        // The queue first: what stands in it is merged without another look at its rules.
        for mutation in [armed.queued.then_some(DEQUEUE), armed.auto.then_some(DISARM)].into_iter().flatten() {
            let variables = json!({ "pull": armed.pull });
            match self.api.graphql::<IgnoredAny>(&attempt, mutation, variables, true).await {
                Ok(_) => {}
                // It was not armed any more, says a refusal; whether that is so is seen.
                Err(error @ ForgeError::Refused { status: 422, .. }) => {
                    self.all_armed().await?;
                    if locked(&self.armed).contains_key(&number) {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        self.remember(number, &armed.pull, false, false);
        Ok(())
    }
}
