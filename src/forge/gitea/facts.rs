//! All about pull requests.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bpctl_core::govern::looked_at;
use bpctl_core::model::{Timestamp, Untrusted};
use bpctl_core::observe::{Identity, Known, PullFacts, PullState, Review, ReviewState, Rights, UnknownCode};

use super::pusher::Pushes;
use super::wire::{Activity, Branch, Commit, Event, Protection, Pull, PullReview, User};
use super::{GiteaForge, Listing};
use crate::forge::error::{known, unknown};
use crate::forge::{ForgeError, PullFilter, PullSummary};

/// How far back the activity feed is read, in pages.
const FEED_PAGES: usize = 8;
/// Entries of a timeline's page are left out by the server; so many empty pages end it.
const EMPTY_PAGES: usize = 2;
const TIMELINE_PAGES: usize = 200;
/// How often, and after what pause, the server is asked again while it catches up with a push (Z6).
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(250);
/// A push this young may not have reached the feed.
const YOUNG: i64 = 15;

impl GiteaForge {
    pub(super) async fn list_pulls(&self, filter: PullFilter) -> Result<Vec<Pull>, ForgeError> {
        let attempt = format!("list pull requests of {}", self.name());
        let path = self.path(&["pulls"]);
        let base = ("base_branch", self.base.as_str());
        let query = match filter {
            PullFilter::Open => [("state", "open"), ("sort", "oldest"), base],
            PullFilter::UpdatedSince(_) => [("state", "all"), ("sort", "recentupdate"), base],
        };
        let listing = Listing { attempt: &attempt, path: &path, query: &query, hides: false };
        let stop = |pull: &Pull| matches!(filter, PullFilter::UpdatedSince(since) if pull.updated_at < since);
        let mut pulls = self.api.list_until(listing, |pull: &Pull| pull.number.to_string(), stop).await?;
        // Servers that do not know the filter list all.
        pulls.retain(|pull| pull.base.label == self.base.as_str());
        Ok(pulls)
    }

    /// Brings the heads here and sums up.
    pub(super) async fn summaries(&self, mut wires: Vec<Pull>) -> Result<Vec<PullSummary>, ForgeError> {
        // Of a pull request that is not open the server shows where the branch points to now, if it still exists.
        if wires.iter().any(|wire| wire.state != "open" && !wire.head.name.starts_with("refs/pull/")) {
            let attempt = format!("list the heads of pull requests of {}", self.name());
            let git = |source| ForgeError::Git { attempt: attempt.clone(), source };
            let heads = self.remote.ls_remote("refs/pull/").await.map_err(git)?;
            for wire in wires.iter_mut().filter(|wire| wire.state != "open") {
                if let Some(head) = heads.get(&pull_ref(wire.number)) {
                    wire.head.sha.clone_from(head);
                }
            }
        }
        // Of bpctl's own; what a person said no to is compared with what would be proposed. The head of anybody else's may be anything, and is
        // fetched for whoever asks about that pull request (T42).
        let wanted = wires
            .iter()
            .filter(|wire| is_own(wire) && (wire.state == "open" || (!wire.merged && !self.has(&wire.head.sha))));
        let refs: Vec<String> = wanted.map(|wire| pull_ref(wire.number)).collect();
        let fetched = if refs.is_empty() { BTreeMap::new() } else { self.fetch(&refs).await? };
        let mut summaries = Vec::with_capacity(wires.len());
        for mut wire in wires {
            let served =
                wire.state != "open" || !is_own(&wire) || fetched.get(&pull_ref(wire.number)) == Some(&wire.head.sha);
            if !served {
                let number = wire.number;
                let (fresh, head) = self.settled(number).await?;
                wire = fresh;
                wire.head.sha = head;
            }
            let branch = head_branch(&wire);
            // Only of bpctl's own proposals does it matter who closed them.
            let by = if is_own(&wire) && wire.state == "closed" && !wire.merged {
                self.closed_by(&self.timeline(wire.number).await?)
            } else {
                self.merged_by(&wire)
            };
            let state = state_of(&wire, by)?;
            summaries.push(PullSummary {
                number: wire.number,
                title: Untrusted::new(&wire.title),
                author: self.identity_of(wire.user.as_ref()),
                head_branch: branch,
                head: wire.head.sha,
                state,
                opened_at: wire.created_at,
                unlabelled: false,
            });
        }
        Ok(summaries)
    }

    /// One pull request with its head, fetched. The server moves `refs/pull/N/head` a moment after the branch.
    pub(super) async fn settled(&self, number: u64) -> Result<(Pull, String), ForgeError> {
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(PAUSE * attempt).await;
            }
            let wire = self.wire_pull(number).await?;
            let own = pull_ref(number);
            let mut refs = vec![own.clone()];
            if wire.state == "open" {
                refs.extend(head_branch(&wire).map(|branch| format!("refs/heads/{branch}")));
            }
            let fetched = self.fetch(&refs).await?;
            let head = if wire.state == "open" {
                fetched.into_values().find(|commit| *commit == wire.head.sha)
            } else {
                fetched.get(&own).cloned()
            };
            if let Some(head) = head {
                return Ok((wire, head));
            }
        }
        Err(ForgeError::Malformed {
            attempt: format!("fetch the head of pull request #{number} of {}", self.name()),
            why: "the forge names one commit and serves another".into(),
        })
    }

    pub(super) async fn facts(&self, number: u64) -> Result<PullFacts, ForgeError> {
        let (wire, head) = self.settled(number).await?;
        let branch = head_branch(&wire);
        let (reviews, statuses, timeline, commits, base) = tokio::join!(
            self.wire_reviews(number),
            self.statuses(&head),
            self.timeline(number),
            self.commits(number),
            self.base_protection(),
        );
        let checks = known(statuses.map(|statuses| self.check_runs(&head, &statuses)));
        let required_checks = match &base {
            Ok((base, _)) => {
                checks.clone().ok().map_or_else(Known::Unknown, |checks| super::checks::required(base, &checks))
            }
            Err(error) => Known::Unknown(unknown(error)),
        };
        let closed_by = timeline.as_ref().ok().and_then(|events| self.closed_by(events));
        let changes = timeline.as_ref().ok().into_iter().flatten();
        let changes = changes.filter(|event| event.kind == "pull_push" || event.kind == "reopen");
        let changed_at = changes.map(|event| event.created_at).max().unwrap_or(wire.created_at).max(wire.created_at);
        let pushes = timeline.as_ref().ok().into_iter().flatten().filter(|event| event.kind == "pull_push");
        let pushers: Vec<User> = pushes.filter_map(|event| event.user.clone()).collect();
        let last_pusher = self.last_pusher(&wire, &head, branch.as_deref(), timeline).await;
        let written = self.co_authors(&wire, &head, commits, reviews.as_deref().unwrap_or_default()).await;
        // An address in a commit may be anybody's or nobody's: who pushed it is never hidden by it (T27).
        let co_authors = written.map(|written| {
            let pushers = pushers.iter().map(|user| self.identity_of(Some(user)));
            let all: BTreeSet<Identity> = written.into_iter().chain(pushers).collect();
            all.into_iter().collect()
        });
        let stale_counts = base.as_ref().ok().is_none_or(|(_, stale_counts)| *stale_counts);
        let reviews = match reviews {
            Ok(reviews) => self.reviews(&reviews, stale_counts).await,
            Err(error) => Known::Unknown(unknown(&error)),
        };
        let author = match &wire.user {
            Some(user) => self.whole_identity(user).await.unwrap_or_else(|_| self.identity_of(Some(user))),
            None => super::ghost(),
        };
        let state = state_of(&wire, self.merged_by(&wire).or(closed_by))?;
        // The head may have moved while all this was read: then nothing of it fits together.
        if wire.state == "open" {
            let now = self.wire_pull(number).await?;
            if now.head.sha != head || now.state != wire.state {
                return Err(ForgeError::Malformed {
                    attempt: format!("read pull request #{number} of {}", self.name()),
                    why: "it changed while it was read; read it again".into(),
                });
            }
        }
        Ok(PullFacts {
            number,
            title: Untrusted::new(&wire.title),
            author,
            head_branch: branch,
            head,
            base_branch: wire.base.label,
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
        let listing = Listing { attempt: &attempt, path: &path, query: &[], hides: true };
        self.api.list(listing, |review: &PullReview| review.id.to_string()).await
    }

    /// Reviews as bpctl counts them, oldest first; requests for reviews are none.
    async fn reviews(&self, wires: &[PullReview], stale_counts: bool) -> Known<Vec<Review>> {
        let mut people: BTreeMap<i64, (Identity, Known<Rights>)> = BTreeMap::new();
        let mut reviews = Vec::new();
        for wire in wires {
            let said = match wire.state.as_str() {
                "REQUEST_REVIEW" | "PENDING" => continue,
                "APPROVED" => ReviewState::Approved,
                "REQUEST_CHANGES" => ReviewState::ChangesRequested,
                "COMMENT" => ReviewState::Commented,
                _ => {
                    return Known::unknown(
                        UnknownCode::Malformed,
                        "the forge tells a kind of review that bpctl does not know",
                    );
                }
            };
            let state = if wire.dismissed { ReviewState::Dismissed } else { said };
            if let Some(user) = &wire.user
                && !people.contains_key(&user.id)
            {
                people.insert(user.id, self.reviewer(user).await);
            }
            let known = wire.user.as_ref().and_then(|user| people.get(&user.id)).cloned();
            let (reviewer, rights) = known.unwrap_or_else(|| (super::ghost(), Known::Known(Rights::Read)));
            // Asking somebody again takes back what that person said: the server counts the approval no longer.
            let asked_again = said == ReviewState::Approved
                && !wire.official
                && wires.iter().any(|other| {
                    let same = other.user.as_ref().map(|user| user.id) == wire.user.as_ref().map(|user| user.id);
                    other.state == "REQUEST_REVIEW" && same && other.id > wire.id
                });
            // A review that was begun early and submitted late counts from its submission. A dismissal sets that time too;
            // it must not make the dismissed review younger than one that still stands.
            let at = if wire.dismissed { wire.submitted_at } else { wire.updated_at.unwrap_or(wire.submitted_at) };
            reviews.push((
                wire.id,
                Review {
                    reviewer,
                    state,
                    commit: wire.commit_id.clone(),
                    at,
                    stale: asked_again || (wire.stale && stale_counts),
                    rights,
                    signed: None,
                    body: Untrusted::new(&wire.body),
                },
            ));
        }
        reviews.sort_by_key(|(id, review)| (review.at, *id));
        // What a review looked at may be gone from the branch; without it nobody can say whether the changes are the same.
        let reviews: Vec<Review> = reviews.into_iter().map(|(_, review)| review).collect();
        for commit in looked_at(&reviews).into_iter().filter(|commit| commit.len() == 40) {
            let _ = self.remote.fetch_commit(commit).await;
        }
        Known::Known(reviews)
    }

    async fn reviewer(&self, user: &User) -> (Identity, Known<Rights>) {
        if let Err(error) = self.me().await {
            return (self.identity_of(Some(user)), Known::Unknown(unknown(&error)));
        }
        match self.whole_identity(user).await {
            Ok(identity) if identity.bot => (identity, Known::Known(Rights::Read)),
            Ok(identity) => (identity, self.rights(user).await),
            Err(_) => {
                let message = "the forge does not tell whether the reviewer is a person or a machine account";
                (self.identity_of(Some(user)), Known::unknown(UnknownCode::Incomplete, message))
            }
        }
    }

    /// The timeline. Its count is that of the page, and pages have gaps where the server leaves entries out.
    pub(super) async fn timeline(&self, number: u64) -> Result<Vec<Event>, ForgeError> {
        let attempt = format!("read the timeline of #{number} of {}", self.name());
        let number = number.to_string();
        let path = self.path(&["issues", &number, "timeline"]);
        let (mut events, mut empty) = (Vec::new(), 0);
        for page in 1..=TIMELINE_PAGES {
            let reply = self.api.get(&attempt, &path, &[("page", &page.to_string()), ("limit", "50")]).await?;
            let found: Vec<Option<Event>> = reply.json::<Option<Vec<_>>>(&attempt)?.unwrap_or_default();
            empty = if found.is_empty() { empty + 1 } else { 0 };
            if empty == EMPTY_PAGES {
                return Ok(events);
            }
            events.extend(found.into_iter().flatten());
        }
        Err(ForgeError::Malformed { attempt, why: "it does not end".into() })
    }

    /// Who closed it last.
    fn merged_by(&self, wire: &Pull) -> Option<Identity> {
        wire.merged_by.as_ref().filter(|_| wire.merged).map(|user| self.identity_of(Some(user)))
    }

    fn closed_by(&self, timeline: &[Event]) -> Option<Identity> {
        let closings = timeline.iter().filter(|event| event.kind == "close");
        closings.max_by_key(|event| event.id).map(|event| self.identity_of(event.user.as_ref()))
    }

    /// The newest push of a branch that the activity feed shows.
    async fn newest_push(&self, branch: &str) -> Result<Option<Activity>, ForgeError> {
        let attempt = format!("read the activity of {}", self.name());
        let path = self.path(&["activities", "feeds"]);
        let full = format!("refs/heads/{branch}");
        for page in 1..=FEED_PAGES {
            let reply = self.api.get(&attempt, &path, &[("page", &page.to_string()), ("limit", "50")]).await?;
            let found: Vec<Activity> = reply.json::<Option<Vec<_>>>(&attempt)?.unwrap_or_default();
            if found.is_empty() {
                break;
            }
            let pushes = found
                .into_iter()
                .filter(|entry| entry.op_type == "commit_repo" && (entry.ref_name == full || entry.ref_name == branch));
            // The server leaves the order within one second open.
            if let Some(newest) = pushes.max_by_key(|entry| (entry.created, entry.id)) {
                return Ok(Some(newest));
            }
        }
        Ok(None)
    }

    async fn last_pusher(
        &self,
        wire: &Pull,
        head: &str,
        branch: Option<&str>,
        timeline: Result<Vec<Event>, ForgeError>,
    ) -> Known<Identity> {
        let timeline = match timeline {
            Ok(timeline) => timeline,
            Err(error) => return Known::Unknown(unknown(&error)),
        };
        let mut tries = 0;
        loop {
            let newest = match branch {
                Some(branch) => match self.newest_push(branch).await {
                    Ok(newest) => newest,
                    Err(error) => return Known::Unknown(unknown(&error)),
                },
                None => None,
            };
            let author = wire.user.as_ref().map(|user| user.id);
            let pushes =
                Pushes { head, opened_at: wire.created_at, author, timeline: &timeline, newest: newest.as_ref() };
            let last = pushes.last();
            tries += 1;
            if last.known().is_some() || branch.is_none() || tries >= TRIES || !self.is_young(wire).await {
                return last.map(|user| self.identity_of(Some(&user)));
            }
            tokio::time::sleep(PAUSE * tries).await;
        }
    }

    async fn is_young(&self, wire: &Pull) -> bool {
        use crate::forge::Forge as _;
        match self.clock().await {
            Ok(clock) => clock.now.duration_since(wire.updated_at).as_secs() < YOUNG,
            Err(_) => false,
        }
    }

    async fn commits(&self, number: u64) -> Result<Vec<Commit>, ForgeError> {
        let attempt = format!("list commits of #{number} of {}", self.name());
        let number = number.to_string();
        let path = self.path(&["pulls", &number, "commits"]);
        let query = [("verification", "false"), ("files", "false")];
        let listing = Listing { attempt: &attempt, path: &path, query: &query, hides: false };
        self.api.list(listing, |commit: &Commit| commit.sha.clone()).await
    }

    async fn co_authors(
        &self,
        wire: &Pull,
        head: &str,
        commits: Result<Vec<Commit>, ForgeError>,
        reviews: &[PullReview],
    ) -> Known<Vec<Identity>> {
        let commits = match commits {
            Ok(commits) => commits,
            Err(error) => return Known::Unknown(unknown(&error)),
        };
        if !commits.is_empty() && commits.iter().all(|commit| commit.sha != head) {
            return Known::unknown(UnknownCode::Stale, "the forge lists the commits of another head");
        }
        let users: Vec<&User> = reviews.iter().filter_map(|review| review.user.as_ref()).chain(&wire.user).collect();
        known(self.writers(&commits, &users).await)
    }

    /// The base branch, with what any reader may see of its protection.
    pub(super) async fn base_branch(&self) -> Result<Branch, ForgeError> {
        let attempt = format!("read the branch {} of {}", self.base, self.name());
        let mut path = self.path(&["branches"]);
        // The server takes the rest of the path for the name.
        path.extend(self.base.as_str().split('/'));
        self.api.read(&attempt, &path).await
    }

    /// The base branch's protection, and whether an approval that the server calls stale counts less for it.
    async fn base_protection(&self) -> Result<(Branch, bool), ForgeError> {
        let branch = self.base_branch().await?;
        if !branch.protected {
            return Ok((branch, false));
        }
        let rule = self.rule_of(&branch).await;
        let counts = rule.is_none_or(|rule| rule.dismiss_stale_approvals || rule.ignore_stale_approvals);
        Ok((branch, counts))
    }

    /// The rule that protects a branch; `None`: the server does not show it.
    pub(super) async fn rule_of(&self, branch: &Branch) -> Option<Protection> {
        let rule = &branch.effective_branch_protection_name;
        if rule.is_empty() {
            return None;
        }
        let attempt = format!("read the protection of {} of {}", self.base, self.name());
        let mut path = self.path(&["branch_protections"]);
        path.extend(rule.split('/'));
        self.api.read(&attempt, &path).await.ok()
    }
}

/// The ref that holds a pull request's head, fork or not.
pub(super) fn pull_ref(number: u64) -> String {
    format!("refs/pull/{number}/head")
}

/// The branch of this repository that a pull request comes from.
pub(super) fn head_branch(wire: &Pull) -> Option<String> {
    let here = wire.head.repo_id == wire.base.repo_id && wire.head.repo_id > 0;
    (here && !wire.head.label.is_empty()).then(|| wire.head.label.clone())
}

/// Whether it comes from one of bpctl's own branches.
fn is_own(wire: &Pull) -> bool {
    head_branch(wire).is_some_and(|branch| branch.starts_with("bpctl/"))
}

/// `by`: who merged or closed it, where that is known.
pub(super) fn state_of(wire: &Pull, by: Option<Identity>) -> Result<PullState, ForgeError> {
    let incomplete =
        |why: &str| ForgeError::Malformed { attempt: format!("read pull request #{}", wire.number), why: why.into() };
    match (wire.merged, wire.state.as_str()) {
        (true, _) => {
            let at: Timestamp = wire.merged_at.ok_or_else(|| incomplete("it is merged at no time"))?;
            let commit = wire.merge_commit_sha.clone().filter(|commit| !commit.is_empty());
            let commit = commit.ok_or_else(|| incomplete("it is merged by no commit"))?;
            Ok(PullState::Merged { at, commit, by })
        }
        (false, "open") => Ok(PullState::Open),
        (false, "closed") => Ok(PullState::Closed { at: wire.closed_at.unwrap_or(wire.updated_at), by }),
        (false, _) => Err(incomplete("it is neither open nor closed")),
    }
}
