//! All about pull requests.

use std::collections::BTreeMap;
use std::time::Duration;

use bpctl_core::govern::looked_at;
use bpctl_core::model::{Timestamp, Untrusted};
use bpctl_core::observe::{Identity, Known, PullFacts, PullState, Review, ReviewState, Rights, UnknownCode};
use serde::Deserialize;
use serde_json::json;

use super::GithubForge;
use super::api::{Listing, locked, plain};
use super::labels;
use super::people::ghost;
use super::wire::{Activity, GitActor, Issue, Login, Many, PageInfo, Pull, PullReview, User};
use crate::forge::error::{known, unknown};
use crate::forge::{ForgeError, PullFilter, PullSummary};

/// How often, and after what pause, the server is asked again while it catches up with a push (Z6).
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(if cfg!(test) { 10 } else { 250 });
/// Where a pull request's commits end to be believable: GitHub refuses to show more of them.
const COMMIT_PAGES: usize = 100;

/// Who wrote the commits, since when the pull request has been open, and who put it into the queue.
pub(super) const WRITERS: &str = "query($owner: String!, $repo: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $repo) { pullRequest(number: $number) {
    commits(first: 100, after: $after) { totalCount pageInfo { hasNextPage endCursor } nodes { commit {
      oid
      authors(first: 100) { totalCount nodes { name email user { login databaseId } } }
      committer { name email user { login databaseId } }
    } } }
    timelineItems(last: 1, itemTypes: [REOPENED_EVENT]) { nodes { ... on ReopenedEvent { createdAt } } }
    mergeQueueEntry { enqueuer { login } }
  } }
}";

/// What [`WRITERS`] answers, whole.
struct Written {
    people: Vec<GitActor>,
    commits: Vec<String>,
    reopened: Option<Timestamp>,
    /// Who put it into the merge queue.
    enqueuer: Option<String>,
    /// A commit names more people than were listed.
    cut: bool,
}

impl GithubForge {
    pub(super) async fn list_pulls(&self, filter: PullFilter) -> Result<Vec<Pull>, ForgeError> {
        let attempt = format!("list pull requests of {}", self.name());
        self.api.spare(&attempt)?;
        let path = self.path(&["pulls"]);
        let base = ("base", self.base.as_str());
        let query = match filter {
            PullFilter::Open => [("state", "open"), ("sort", "created"), ("direction", "asc"), base],
            PullFilter::UpdatedSince(_) => [("state", "all"), ("sort", "updated"), ("direction", "desc"), base],
        };
        let listing = Listing { attempt: &attempt, path: &path, query: &query };
        let stop = |pull: &Pull| matches!(filter, PullFilter::UpdatedSince(since) if pull.updated_at < since);
        self.api.list_until(listing, plain, |pull: &Pull| pull.number.to_string(), stop).await
    }

    /// The open pull requests of a branch of this repository, in the order in which they were opened: found by its ref, which lags less than
    /// lists do (Z6).
    pub(super) async fn open_pulls_of(&self, branch: &str) -> Result<Vec<Pull>, ForgeError> {
        let attempt = format!("look for the pull request of {branch} of {}", self.name());
        let path = self.path(&["pulls"]);
        let head = format!("{}:{branch}", self.owner);
        let query = [("state", "open"), ("head", head.as_str()), ("base", self.base.as_str())];
        let listing = Listing { attempt: &attempt, path: &path, query: &query };
        let mut open = self.api.list(listing, |pull: &Pull| pull.number.to_string()).await?;
        open.retain(|pull| head_branch(pull).as_deref() == Some(branch));
        open.sort_by_key(|pull| pull.number);
        Ok(open)
    }

    /// Brings the heads here and sums up.
    pub(super) async fn summaries(&self, wires: Vec<Pull>) -> Result<Vec<PullSummary>, ForgeError> {
        // Of bpctl's own; what a person said no to is compared with what would be proposed. The head of anybody else's may be anything, and is
        // fetched for whoever asks about that pull request (T42).
        let wanted = wires.iter().filter(|wire| is_own(wire) && wire.merged_at.is_none() && !self.has(&wire.head.sha));
        let refs: Vec<String> = wanted.map(|wire| pull_ref(wire.number)).collect();
        let fetched = if refs.is_empty() { BTreeMap::new() } else { self.fetch(&refs).await? };
        let me = self.me.get().map(|me| me.user.id);
        let mut summaries = Vec::with_capacity(wires.len());
        for mut wire in wires {
            let asked = refs.contains(&pull_ref(wire.number));
            if asked && wire.state == "open" && fetched.get(&pull_ref(wire.number)) != Some(&wire.head.sha) {
                wire = self.settled(wire.number).await?;
            }
            // Only of bpctl's own proposals does it matter who closed them.
            let closed = is_own(&wire) && wire.state == "closed" && wire.merged_at.is_none();
            let closed_by = if closed { self.closed_by(&wire).await? } else { None };
            let state = state_of(&wire, closed_by)?;
            let mine = wire.user.as_ref().is_some_and(|user| Some(user.id) == me);
            let unlabelled = mine && wire.state == "open" && labels::are_due(wire.body.as_deref());
            summaries.push(PullSummary {
                number: wire.number,
                title: Untrusted::new(&wire.title),
                author: self.identity_of(wire.user.as_ref()),
                head_branch: head_branch(&wire),
                head: wire.head.sha,
                state,
                opened_at: wire.created_at,
                unlabelled,
            });
        }
        Ok(summaries)
    }

    /// One pull request with its head, fetched. The server moves `refs/pull/N/head` a moment after the branch.
    async fn settled(&self, number: u64) -> Result<Pull, ForgeError> {
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(PAUSE * attempt).await;
            }
            let wire = self.wire_pull(number).await?;
            if self.has(&wire.head.sha) {
                return Ok(wire);
            }
            let mut refs = vec![pull_ref(number)];
            if wire.state == "open" {
                refs.extend(head_branch(&wire).map(|branch| format!("refs/heads/{branch}")));
            }
            if self.fetch(&refs).await?.into_values().any(|commit| commit == wire.head.sha) {
                return Ok(wire);
            }
        }
        Err(ForgeError::Malformed {
            attempt: format!("fetch the head of pull request #{number} of {}", self.name()),
            why: "the forge names one commit and serves another".into(),
        })
    }

    pub(super) async fn facts(&self, number: u64) -> Result<PullFacts, ForgeError> {
        let me = &self.me().await?.user;
        let attempt = format!("read pull request #{number} of {}", self.name());
        self.api.spare(&attempt)?;
        let wire = self.settled(number).await?;
        let head = wire.head.sha.clone();
        let branch = head_branch(&wire);
        let (reviews, checks, written, moved, protection) = tokio::join!(
            self.wire_reviews(number),
            self.all_checks(&head),
            self.written(number),
            self.moved(&wire, branch.as_deref()),
            self.protection(),
        );
        let mut checks = known(checks);
        let required_checks = self.required(&protection, &mut checks).await;
        let reopened = written.as_ref().ok().and_then(|written| written.reopened);
        let enqueuer = written.as_ref().ok().and_then(|written| written.enqueuer.as_deref());
        let queued = enqueuer.is_some_and(|by| self.is_my_name(by));
        let auto =
            wire.auto_merge.as_ref().and_then(|armed| armed.enabled_by.as_ref()).is_some_and(|by| by.id == me.id);
        // Before anything that may fail: who reads on and stops knows at least what to take back.
        self.remember(number, &wire.node_id, auto, queued);
        let pushed = moved.known().and_then(|moved| moved.first()).map(|last| last.timestamp);
        let changed_at = [reopened, pushed].into_iter().flatten().fold(wire.created_at, Timestamp::max);
        let pushers = moved.and_then(|moved| self.pushers(&moved, wire.user.as_ref().is_some_and(|by| by.id == me.id)));
        let last_pusher = pushers.clone().and_then(|pushers| match pushers.first() {
            Some(last) => Known::Known(last.clone()),
            None => Known::unknown(UnknownCode::NotObserved, "the forge records no push of this head"),
        });
        let co_authors = self.co_authors(&head, written, pushers);
        let reviews = match reviews {
            Ok(reviews) => self.reviews(reviews).await,
            Err(error) => Known::Unknown(unknown(&error)),
        };
        let closed = wire.state == "closed" && wire.merged_at.is_none();
        let closed_by = if closed { self.closed_by(&wire).await.unwrap_or_default() } else { None };
        let merged_by = wire.merged_by.as_ref().map(|user| self.identity_of(Some(user)));
        let state = state_of(&wire, merged_by.or(closed_by))?;
        // The head may have moved while all this was read: then nothing of it fits together.
        if wire.state == "open" {
            let now = self.wire_pull(number).await?;
            if now.head.sha != head || now.state != wire.state || now.base.name != wire.base.name {
                return Err(ForgeError::Malformed {
                    attempt,
                    why: "it changed while it was read; read it again".into(),
                });
            }
        }
        Ok(PullFacts {
            number,
            title: Untrusted::new(&wire.title),
            author: self.identity_of(wire.user.as_ref()),
            head_branch: branch,
            head,
            base_branch: wire.base.name,
            state,
            opened_at: wire.created_at,
            changed_at,
            draft: wire.draft,
            last_pusher,
            co_authors,
            reviews,
            checks,
            required_checks,
            changes_at: BTreeMap::new(),
        })
    }

    pub(super) async fn wire_reviews(&self, number: u64) -> Result<Vec<PullReview>, ForgeError> {
        let attempt = format!("list reviews of #{number} of {}", self.name());
        let number = number.to_string();
        let path = self.path(&["pulls", &number, "reviews"]);
        let listing = Listing { attempt: &attempt, path: &path, query: &[] };
        self.api.list(listing, |review: &PullReview| review.id.to_string()).await
    }

    /// Reviews as bpctl counts them, oldest first. Whether one is stale the forge says by dismissing it, where it is set up so.
    async fn reviews(&self, wires: Vec<PullReview>) -> Known<Vec<Review>> {
        let mut reviews = Vec::new();
        for wire in wires {
            let state = match wire.state.as_str() {
                "PENDING" => continue,
                "APPROVED" => ReviewState::Approved,
                "CHANGES_REQUESTED" => ReviewState::ChangesRequested,
                "COMMENTED" => ReviewState::Commented,
                "DISMISSED" => ReviewState::Dismissed,
                _ => {
                    let message = "the forge tells a kind of review that bpctl does not know";
                    return Known::unknown(UnknownCode::Malformed, message);
                }
            };
            let Some(at) = wire.submitted_at else {
                return Known::unknown(UnknownCode::Incomplete, "the forge does not tell when a review was submitted");
            };
            let rights = match &wire.user {
                // Only an answer needs rights, and only a person has them.
                Some(user) if user.kind == "User" && state != ReviewState::Commented => self.rights(user).await,
                _ => Known::Known(Rights::Read),
            };
            let (reviewer, commit) = (self.identity_of(wire.user.as_ref()), wire.commit_id.unwrap_or_default());
            let body = Untrusted::new(wire.body.unwrap_or_default());
            reviews.push((wire.id, Review { reviewer, state, commit, at, stale: false, rights, signed: None, body }));
        }
        reviews.sort_by_key(|(id, review)| (review.at, *id));
        // What a review looked at may be gone from the branch; without it nobody can say whether the changes are the same.
        let reviews: Vec<Review> = reviews.into_iter().map(|(_, review)| review).collect();
        for commit in looked_at(&reviews) {
            if commit.len() == 40
                && !self.has(commit)
                && let Ok(remote) = self.remote().await
            {
                let _ = remote.fetch_commit(commit).await;
            }
        }
        Known::Known(reviews)
    }

    /// Who moved the branch, the last one first. A machine that is not bpctl does what somebody made it do: on bpctl's own proposals, where
    /// nobody but bpctl is the author, who that is has to be known (T27).
    fn pushers(&self, moved: &[Activity], of_bpctl: bool) -> Known<Vec<Identity>> {
        let mut pushers = Vec::with_capacity(moved.len());
        for entry in moved {
            let Some(actor) = &entry.actor else {
                return Known::unknown(UnknownCode::Incomplete, "an account that pushed to the branch is gone");
            };
            let pusher = self.identity_of(Some(actor));
            let own = self.me.get().is_some_and(|me| me.user.id == actor.id);
            if of_bpctl && pusher.bot && !own {
                let message = "a machine account pushed to the branch, and who made it do so is not known";
                return Known::unknown(UnknownCode::Incomplete, message);
            }
            pushers.push(pusher);
        }
        Known::Known(pushers)
    }

    /// What moved the branch up to this head since it was made, newest first, by the repository's own record.
    pub(super) async fn moved(&self, wire: &Pull, branch: Option<&str>) -> Known<Vec<Activity>> {
        let Some(branch) = branch else {
            return Known::unknown(UnknownCode::NotObserved, "who pushed to another repository is not recorded here");
        };
        let attempt = format!("read who moved {branch} of {}", self.name());
        let path = self.path(&["activity"]);
        let full = format!("refs/heads/{branch}");
        let mut tries = 0;
        loop {
            let query = [("ref", full.as_str()), ("per_page", "100")];
            let reply = self.api.get(&attempt, &path, &query).await;
            let found: Vec<Activity> = match reply.and_then(|reply| reply.json(&attempt)) {
                Ok(found) => found,
                Err(error) => return Known::Unknown(unknown(&error)),
            };
            let whole = found.len() < 100 || found.iter().any(Activity::creates);
            // Newest first. Of a branch that is gone since, the last entries tell of that.
            let found = found.into_iter().filter(|entry| entry.name == full);
            let open = wire.state == "open";
            let moved: Vec<Activity> = found.skip_while(|entry| !open && entry.after != wire.head.sha).collect();
            tries += 1;
            match moved.first() {
                Some(last) if last.after == wire.head.sha && !whole => {
                    return Known::unknown(UnknownCode::Incomplete, "the branch was pushed to more than 100 times");
                }
                Some(last) if last.after == wire.head.sha => {
                    let made = moved.iter().position(Activity::creates).map_or(moved.len(), |made| made + 1);
                    return Known::Known(moved.into_iter().take(made).collect());
                }
                // The record follows a moment later (Z6).
                _ if tries < TRIES && self.is_young(wire) => tokio::time::sleep(PAUSE * tries).await,
                Some(_) => {
                    let message = "the forge records the last push of the branch as leading elsewhere";
                    return Known::unknown(UnknownCode::Stale, message);
                }
                None => return Known::unknown(UnknownCode::NotObserved, "the forge records no push of this head"),
            }
        }
    }

    fn is_young(&self, wire: &Pull) -> bool {
        self.api.now().is_some_and(|now| now.duration_since(wire.updated_at).as_secs() < 15)
    }

    /// Who wrote a pull request's commits, as the forge knows them.
    async fn written(&self, number: u64) -> Result<Written, ForgeError> {
        #[derive(Deserialize)]
        struct Answer {
            repository: Option<Repository>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Repository {
            pull_request: Option<PullRequest>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct PullRequest {
            commits: Many<Node>,
            timeline_items: Many<Reopened>,
            merge_queue_entry: Option<Entry>,
        }
        #[derive(Deserialize)]
        struct Entry {
            enqueuer: Option<Login>,
        }
        #[derive(Deserialize)]
        struct Node {
            commit: Commit,
        }
        #[derive(Deserialize)]
        struct Commit {
            oid: String,
            authors: Many<GitActor>,
            committer: Option<GitActor>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Reopened {
            created_at: Timestamp,
        }
        let attempt = format!("read who wrote the commits of #{number} of {}", self.name());
        let incomplete = |why: &str| ForgeError::Malformed { attempt: attempt.clone(), why: why.into() };
        let mut written =
            Written { people: Vec::new(), commits: Vec::new(), reopened: None, enqueuer: None, cut: false };
        let mut after: Option<String> = None;
        for _ in 0..COMMIT_PAGES {
            let variables = json!({ "owner": self.owner, "repo": self.repo, "number": number, "after": after });
            let answer: Answer = self.api.graphql(&attempt, WRITERS, variables, false).await?;
            let pull = answer.repository.and_then(|repository| repository.pull_request);
            let pull = pull.ok_or_else(|| incomplete("the forge does not know it"))?;
            written.reopened = pull.timeline_items.nodes.iter().map(|event| event.created_at).max();
            let entry = pull.merge_queue_entry.and_then(|entry| entry.enqueuer);
            written.enqueuer = entry.map(|enqueuer| enqueuer.login);
            for Node { commit } in pull.commits.nodes {
                written.cut |= commit.authors.total_count != commit.authors.nodes.len();
                written.people.extend(commit.authors.nodes.into_iter().chain(commit.committer));
                written.commits.push(commit.oid);
            }
            match pull.commits.page_info {
                Some(PageInfo { has_next_page: true, end_cursor: Some(next) }) => after = Some(next),
                Some(PageInfo { has_next_page: false, .. }) if written.commits.len() == pull.commits.total_count => {
                    return Ok(written);
                }
                _ => break,
            }
        }
        Err(incomplete("the list of its commits did not arrive whole"))
    }

    /// Everyone who wrote a commit or brought one. An address in a commit may be anybody's or nobody's: who pushed it is never hidden by it.
    fn co_authors(
        &self,
        head: &str,
        written: Result<Written, ForgeError>,
        pushers: Known<Vec<Identity>>,
    ) -> Known<Vec<Identity>> {
        let mut all = match pushers {
            Known::Known(pushers) => pushers,
            Known::Unknown(why) => return Known::Unknown(why),
        };
        match written {
            Err(error) => Known::Unknown(unknown(&error)),
            Ok(written) if written.commits.iter().all(|commit| commit != head) => {
                Known::unknown(UnknownCode::Stale, "the forge lists the commits of another head")
            }
            Ok(written) if written.cut => {
                Known::unknown(UnknownCode::Incomplete, "a commit names more people than the forge lists")
            }
            Ok(written) => {
                all.extend(self.writers(written.people));
                all.sort();
                all.dedup();
                Known::Known(all)
            }
        }
    }

    /// Who closed it last.
    pub(super) async fn closed_by(&self, wire: &Pull) -> Result<Option<Identity>, ForgeError> {
        let key = (wire.number, wire.closed_at.unwrap_or(wire.updated_at));
        let known: Option<Option<User>> = locked(&self.closers).get(&key).cloned();
        let closer = match known {
            Some(closer) => closer,
            None => {
                let attempt = format!("read who closed #{} of {}", wire.number, self.name());
                let issue: Issue = self.api.read(&attempt, &self.path(&["issues", &wire.number.to_string()])).await?;
                locked(&self.closers).insert(key, issue.closed_by.clone());
                issue.closed_by
            }
        };
        Ok(Some(closer.map_or_else(ghost, |closer| self.identity_of(Some(&closer)))))
    }
}

/// The ref that holds a pull request's head, fork or not.
fn pull_ref(number: u64) -> String {
    format!("refs/pull/{number}/head")
}

/// The branch of this repository that a pull request comes from.
pub(super) fn head_branch(wire: &Pull) -> Option<String> {
    let here = wire.head.repo.is_some() && wire.head.repo == wire.base.repo;
    here.then(|| wire.head.name.clone())
}

/// Whether it comes from one of bpctl's own branches.
fn is_own(wire: &Pull) -> bool {
    head_branch(wire).is_some_and(|branch| branch.starts_with("bpctl/"))
}

/// `by`: who merged or closed it, where that is known.
pub(super) fn state_of(wire: &Pull, by: Option<Identity>) -> Result<PullState, ForgeError> {
    let incomplete =
        |why: &str| ForgeError::Malformed { attempt: format!("read pull request #{}", wire.number), why: why.into() };
    match (wire.merged_at, wire.state.as_str()) {
        (Some(at), _) => {
            let commit = wire.merge_commit_sha.clone().filter(|commit| !commit.is_empty());
            let commit = commit.ok_or_else(|| incomplete("it is merged by no commit"))?;
            Ok(PullState::Merged { at, commit, by })
        }
        (None, "open") => Ok(PullState::Open),
        (None, "closed") => Ok(PullState::Closed { at: wire.closed_at.unwrap_or(wire.updated_at), by }),
        (None, _) => Err(incomplete("it is neither open nor closed")),
    }
}
