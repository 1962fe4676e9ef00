//! The local forge: a plain Git repository whose pull requests are refs. The embedded default; it needs no server.
//!
//! It protects from mistakes, not from insiders: who can write to the repository can write its refs. Approvals are signed with
//! SSH keys that the base branch lists; unsigned ones are recorded as such and count only in development. Its clock is this
//! machine's, so it never permits anything in production. Whether a pull request is merged is read off the base branch, not
//! off its record: a run that was killed between the two loses nothing (Z4).

mod signing;
mod store;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use bpctl_core::govern::MergePermit;
use bpctl_core::model::{BaseTip, RepoPath, Timestamp, Untrusted};
use bpctl_core::observe::{
    CheckConclusion, CheckRun, Identity, Known, PullFacts, PullState, Review, ReviewState, Rights, UnknownCode,
};

use crate::forge::{
    Answer, BranchName, Check, Clock, Created, Forge, ForgeError, ForgeWrite, IssueFilter, Landed, NewPull, OwnComment,
    OwnIssue, PullFilter, PullSummary, REMEMBERED, Swapped,
};
use crate::git::{CommitInfo, GitError, MergedTree, RefCreated, RefSwapped, Repository, Signature, WriteLock};

pub use signing::{AllowedSigners, NAMESPACE, SigningError, SigningKey};

use signing::Statement;
use store::{Head, Pull, Pushed, Record, Store, StoredReview, git};

/// A pull request with more commits than this has unknown co-authors.
const MAX_COMMITS: usize = 1000;

/// What a local forge is told about the world around it.
#[derive(Clone)]
pub struct LocalOptions {
    /// The protected branch's short name.
    pub base_branch: String,
    /// The text of Git's allowed-signers file, read from the base branch; `None`: nobody's approval is signed.
    pub allowed_signers: Option<String>,
    /// Who is at work here. The id is an e-mail address: the one that commits carry and the signers' file lists.
    pub me: Identity,
    /// This machine's clock.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Signs answers.
    pub signer: Option<SigningKey>,
}

impl std::fmt::Debug for LocalOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalOptions")
            .field("base_branch", &self.base_branch)
            .field("me", &self.me)
            .finish_non_exhaustive()
    }
}

/// A Git repository as a forge. Any number of them, in any number of processes, may work on one repository.
#[derive(Debug)]
pub struct LocalForge {
    store: Store,
    options: LocalOptions,
    signers: AllowedSigners,
}

/// What a merge has to hold; [`MergePermit`] without its seal, so that tests can make one.
struct Wanted<'a> {
    pull: u64,
    head: &'a str,
    base: &'a str,
    base_branch: &'a str,
    tree: &'a str,
}

/// What is true of a pull request now: its record, set right by what the branches say.
struct Current {
    record: Arc<Record>,
    head: String,
    state: PullState,
}

/// A pull request that is a ref has no page to write on.
fn no_comments(number: u64) -> ForgeError {
    ForgeError::Input {
        message: format!("pull request #{number} is one of the local forge, which keeps no comments"),
        hint: Some("`bpctl plan --base BRANCH -o markdown` shows what the comment would say".to_owned()),
    }
}

fn no_issues() -> ForgeError {
    ForgeError::Unsupported("the local forge keeps no issues; `bpctl audit` shows what was alerted of".to_owned())
}

/// The id of a person: the e-mail address, in lower case, so that one person has one id however it was typed.
fn person_id(email: &str) -> String {
    email.trim().to_lowercase()
}

impl LocalForge {
    /// Makes a forge of a repository. The base branch need not exist yet.
    pub fn open(repository: Arc<Repository>, mut options: LocalOptions) -> Result<Self, ForgeError> {
        if BranchName::new(options.base_branch.as_str()).is_none() {
            let message = format!("{:?} is not a branch name", options.base_branch);
            return Err(ForgeError::Input {
                message,
                hint: Some("name the base branch without refs/heads/".to_owned()),
            });
        }
        options.me.id = person_id(&options.me.id);
        let signers = AllowedSigners::parse(options.allowed_signers.as_deref().unwrap_or_default());
        Ok(Self { store: Store::new(repository), options, signers })
    }

    /// Who may sign approvals here.
    pub fn allowed_signers(&self) -> &AllowedSigners {
        &self.signers
    }

    fn repository(&self) -> &Repository {
        &self.store.repository
    }

    /// Now, in whole seconds, as commits have it.
    fn now(&self) -> Timestamp {
        let now = (self.options.clock)();
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    fn signature(&self) -> Signature {
        let me = &self.options.me;
        Signature { name: me.login.raw().to_owned(), email: me.id.clone(), at: self.now() }
    }

    fn branch_tip(&self, branch: &str) -> Result<Option<String>, ForgeError> {
        self.repository().ref_target(&format!("refs/heads/{branch}")).map_err(git(format!("read branch {branch}")))
    }

    fn base_commit(&self, branch: &str) -> Result<String, ForgeError> {
        self.branch_tip(branch)?.ok_or_else(|| ForgeError::Input {
            message: format!("the base branch {branch} does not exist"),
            hint: Some("make a first commit on it, or name another as the base branch".to_owned()),
        })
    }

    fn current(&self, number: u64) -> Result<Current, ForgeError> {
        let record = self.store.pull(number)?;
        self.settle(record)
    }

    /// Sets a record right by what the branches say.
    fn settle(&self, record: Arc<Record>) -> Result<Current, ForgeError> {
        let pull = &record.pull;
        let known = pull.head.commit.clone();
        if pull.state != PullState::Open {
            return Ok(Current { head: known, state: pull.state.clone(), record });
        }
        let tip = self.branch_tip(&pull.branch)?;
        if let Some(base) = self.branch_tip(&pull.base)? {
            let attempt = || git(format!("see whether pull request #{} is merged", pull.number));
            let repository = self.repository();
            // A head that the base branch had from the start proves nothing.
            let fresh = !repository.is_ancestor(&known, &pull.head.base).map_err(attempt())?;
            let landed = |head: &str| repository.landed_by(&base, head).map_err(attempt());
            if let Some(commit) = if fresh { landed(&known)? } else { None } {
                let state = self.merged(repository.commit_info(&commit).map_err(attempt())?);
                return Ok(Current { head: known, state, record });
            }
            // A head that was pushed without bpctl counts only as the second parent of a merge.
            if let Some(tip) = tip.as_ref().filter(|tip| **tip != known)
                && let Some(commit) = landed(tip)?
            {
                let info = repository.commit_info(&commit).map_err(attempt())?;
                if info.parents.get(1) == Some(tip) {
                    return Ok(Current { head: tip.clone(), state: self.merged(info), record });
                }
            }
        }
        Ok(Current { head: tip.unwrap_or(known), state: PullState::Open, record })
    }

    /// Merged by this commit, and by whoever it says committed it; of a fast-forward that is whoever wrote the head.
    fn merged(&self, landed: CommitInfo) -> PullState {
        let id = person_id(&landed.committer.email);
        let me = &self.options.me;
        let by = if id == me.id { me.clone() } else { Identity { id, login: landed.committer.name, bot: false } };
        PullState::Merged { at: landed.committer.at, commit: landed.id, by: (landed.parents.len() > 1).then_some(by) }
    }

    /// Who moved the branch to this head: bpctl's record where it names the head, else whoever the commit says.
    fn pusher(&self, record: Option<&Record>, branch: &str, head: &str) -> Result<Identity, ForgeError> {
        if let Some(pushed) = self.store.pushed(branch)?.filter(|pushed| pushed.head == head) {
            return Ok(pushed.by);
        }
        if let Some(known) = record.map(|record| &record.pull.head).filter(|known| known.commit == head) {
            return Ok(known.by.clone());
        }
        let info = self.repository().commit_info(head).map_err(git(format!("read who pushed {branch}")))?;
        Ok(Identity { id: person_id(&info.committer.email), login: info.committer.name, bot: false })
    }

    /// Everyone who wrote or co-wrote what the head has and the base has not.
    fn co_authors(&self, base: &str, head: &str) -> Result<Known<Vec<Identity>>, ForgeError> {
        let commits = self
            .repository()
            .commits_between(base, head, MAX_COMMITS + 1)
            .map_err(git("list a pull request's commits"))?;
        if commits.len() > MAX_COMMITS {
            return Ok(Known::unknown(UnknownCode::Incomplete, format!("it has more than {MAX_COMMITS} commits")));
        }
        let mut people = BTreeSet::new();
        for commit in commits {
            people.insert(Identity { id: person_id(&commit.author.email), login: commit.author.name, bot: false });
            for email in commit.co_authors {
                people.insert(Identity { id: person_id(&email), login: Untrusted::new(email), bot: false });
            }
        }
        Ok(Known::Known(people.into_iter().collect()))
    }

    /// The key that signs is nobody's whose answer counts.
    fn not_allowed(&self, base_branch: &str) -> ForgeError {
        let message = match &self.options.allowed_signers {
            None => format!(
                "nothing was recorded: {base_branch} names no local.allowed_signers, so that no signature counts"
            ),
            Some(_) => format!(
                "nothing was recorded: this key is none of {base_branch}'s allowed signers, so that its signature does not count"
            ),
        };
        let hint = "put a line with its public key into the file that local.allowed_signers in bpctl.yaml names, on the base branch: \
                    docs/LOCAL_FORGE.md shows both";
        ForgeError::Input { message, hint: Some(hint.to_owned()) }
    }

    /// A stored answer as a review: verified now, against today's signers.
    fn review(&self, pull: &Pull, stored: &StoredReview) -> Review {
        let statement = Statement {
            pull: pull.number,
            head: &stored.head,
            base_branch: &pull.base,
            answer: stored.answer.into(),
            justification: &stored.justification,
            at: stored.at,
        };
        let signature = stored.signature.as_deref();
        let principal = signature.and_then(|armored| self.signers.verify(&statement.payload(), armored, stored.at));
        let reviewer = match principal {
            Some(principal) => {
                Identity { id: principal.to_owned(), login: Untrusted::new(principal), bot: stored.by.bot }
            }
            None => Identity { id: format!("unsigned:{}", stored.by.id), ..stored.by.clone() },
        };
        // Who answers without a signature could push to the repository as well. A signature that does not hold is another matter.
        let rights = if signature.is_some() && principal.is_none() { Rights::Read } else { Rights::Write };
        Review {
            reviewer,
            state: match Answer::from(stored.answer) {
                Answer::Approve => ReviewState::Approved,
                Answer::Reject => ReviewState::ChangesRequested,
            },
            commit: stored.head.clone(),
            at: stored.at,
            stale: false,
            rights: Known::Known(rights),
            signed: Some(principal.is_some()),
            body: Untrusted::new(stored.justification.as_str()),
        }
    }

    /// All answers, oldest first by what their signatures say. One signature counts once, however often it was recorded.
    fn reviews(&self, record: &Record) -> Vec<Review> {
        let mut seen = BTreeSet::new();
        let stored = record.reviews.iter().filter(|r| r.signature.as_ref().is_none_or(|s| seen.insert(s)));
        let mut reviews: Vec<Review> = stored.map(|stored| self.review(&record.pull, stored)).collect();
        reviews.sort_by_key(|review| review.at);
        reviews
    }

    /// Writes down which pull requests of a branch are merged, before it moves or goes: of a head that was pushed without bpctl nothing else
    /// shows it then.
    fn keep_merges(&self, lock: &mut WriteLock<'_>, branch: &str) -> Result<(), ForgeError> {
        for record in self.store.pulls()? {
            if record.pull.branch != branch || record.pull.state != PullState::Open {
                continue;
            }
            let current = self.settle(record)?;
            if let PullState::Merged { .. } = current.state {
                self.record_merge(lock, current.record.pull.number, &self.seen(&current)?, &current.state)?;
            }
        }
        Ok(())
    }

    /// Moves a branch, brings its work tree along, and records who did it.
    fn move_branch(&self, lock: &mut WriteLock<'_>, branch: &str, from: &str, to: &str) -> Result<Swapped, ForgeError> {
        let full = format!("refs/heads/{branch}");
        let attempt = || git(format!("update branch {branch}"));
        self.keep_merges(lock, branch)?;
        match lock.advance(&full, from, to).map_err(attempt())? {
            RefSwapped::Swapped => {}
            RefSwapped::Moved(Some(at)) if at == to => return Ok(Swapped::Swapped),
            RefSwapped::Moved(at) => return Ok(Swapped::Moved(at)),
        }
        self.record_push(lock, branch, to)?;
        for record in self.store.pulls()? {
            if record.pull.branch == branch && self.settle(Arc::clone(&record))?.state == PullState::Open {
                let head = self.head(&record.pull.base, to, self.options.me.clone())?;
                self.store.update(lock, record.pull.number, &self.signature(), |record| {
                    (record.pull.head.commit != head.commit)
                        .then(|| record.pull.head = head.clone())
                        .map(|()| "updated")
                })?;
            }
        }
        Ok(Swapped::Swapped)
    }

    fn record_push(&self, lock: &mut WriteLock<'_>, branch: &str, head: &str) -> Result<(), ForgeError> {
        let pushed = Pushed { branch: branch.to_owned(), head: head.to_owned(), by: self.options.me.clone() };
        self.store.set_pushed(lock, branch, Some(&pushed), &self.signature())
    }

    fn head(&self, base_branch: &str, commit: &str, by: Identity) -> Result<Head, ForgeError> {
        Ok(Head { commit: commit.to_owned(), by, at: Some(self.now()), base: self.base_commit(base_branch)? })
    }

    /// The head of an open pull request as it is now, for its record.
    fn seen(&self, current: &Current) -> Result<Head, ForgeError> {
        let pull = &current.record.pull;
        if pull.head.commit == current.head {
            return Ok(pull.head.clone());
        }
        let by = self.pusher(Some(&current.record), &pull.branch, &current.head)?;
        self.head(&pull.base, &current.head, by)
    }

    fn check_commit(&self, commit: &str) -> Result<(), ForgeError> {
        self.repository().commit_info(commit).map(|_| ()).map_err(git(format!("read commit {commit}")))
    }

    fn land(&self, wanted: &Wanted<'_>, message: &str) -> Result<Landed, ForgeError> {
        let number = wanted.pull;
        let attempt = || git(format!("merge pull request #{number}"));
        let held = |why: String| Ok(Landed::Held(Untrusted::new(why)));
        let repository = self.repository();
        let mut lock = self.store.lock()?;
        let current = self.current(number)?;
        match &current.state {
            PullState::Merged { at, commit, .. } => {
                if current.head != wanted.head {
                    return Ok(Landed::Moved);
                }
                self.record_merge(&mut lock, number, &self.seen(&current)?, &current.state)?;
                let tree = repository.commit_info(commit).map_err(attempt())?.tree;
                return Ok(Landed::Merged { commit: commit.clone(), at: *at, tree_as_permitted: tree == wanted.tree });
            }
            PullState::Closed { .. } => return held(format!("pull request #{number} is closed")),
            PullState::Open => {}
        }
        let base_branch = current.record.pull.base.as_str();
        let as_judged = base_branch == wanted.base_branch
            && base_branch == self.options.base_branch
            && current.head == wanted.head
            && self.branch_tip(&current.record.pull.branch)?.as_deref() == Some(wanted.head)
            && self.branch_tip(base_branch)?.as_deref() == Some(wanted.base);
        if !as_judged {
            return Ok(Landed::Moved);
        }
        match repository.merge_tree(wanted.base, wanted.head).map_err(attempt())? {
            MergedTree::Clean(tree) if tree == wanted.tree => {}
            MergedTree::Clean(tree) => {
                return held(format!("merging gives tree {tree}, and the permit names {}", wanted.tree));
            }
            MergedTree::Conflict(paths) => return held(format!("the merge has conflicts in {}", paths.join(", "))),
        }
        let seen = self.seen(&current)?;
        let who = self.signature();
        let commit = repository.merge_commit(wanted.base, wanted.head, wanted.tree, &who, message).map_err(attempt())?;
        match lock.advance(&format!("refs/heads/{base_branch}"), wanted.base, &commit) {
            Ok(RefSwapped::Swapped) => {}
            Ok(RefSwapped::Moved(_)) => return Ok(Landed::Moved),
            Err(error @ GitError::LocalChanges { .. }) => return held(error.to_string()),
            Err(error) => return Err(attempt()(error)),
        }
        let by = Some(self.options.me.clone());
        let state = PullState::Merged { at: who.at, commit: commit.clone(), by };
        self.record_merge(&mut lock, number, &seen, &state)?;
        let landed = repository.commit_info(&commit).map_err(attempt())?.tree;
        Ok(Landed::Merged { commit, at: who.at, tree_as_permitted: landed == wanted.tree })
    }

    fn record_merge(
        &self,
        lock: &mut WriteLock<'_>,
        number: u64,
        head: &Head,
        state: &PullState,
    ) -> Result<(), ForgeError> {
        self.store.update(lock, number, &self.signature(), |record| {
            if record.pull.state == *state {
                return None;
            }
            record.pull.head = head.clone();
            record.pull.state = state.clone();
            Some("merged")
        })
    }

    fn closed(&self) -> PullState {
        PullState::Closed { at: self.now(), by: Some(self.options.me.clone()) }
    }
}

#[async_trait]
impl Forge for LocalForge {
    fn kind(&self) -> &'static str {
        "local"
    }

    fn pull_url(&self, number: u64) -> String {
        format!("local pull request #{number}")
    }

    fn line_url(&self, _: &str, _: &RepoPath, _: usize) -> Option<String> {
        None
    }

    async fn clock(&self) -> Result<Clock, ForgeError> {
        Ok(Clock { now: (self.options.clock)(), from_server: false })
    }

    async fn identity(&self) -> Result<Identity, ForgeError> {
        Ok(self.options.me.clone())
    }

    #[expect(clippy::disallowed_methods, reason = "this edge resolves the base branch")]
    async fn base_tip(&self) -> Result<BaseTip, ForgeError> {
        let commit = self.base_commit(&self.options.base_branch)?;
        Ok(BaseTip::attest(self.options.base_branch.as_str(), commit))
    }

    async fn branch(&self, branch: &BranchName) -> Result<Option<String>, ForgeError> {
        self.branch_tip(branch.as_str())
    }

    async fn pulls(&self, filter: PullFilter) -> Result<Vec<PullSummary>, ForgeError> {
        let mut found = Vec::new();
        for record in self.store.pulls()?.into_iter().rev() {
            let Current { record, head, state } = self.settle(record)?;
            let pull = &record.pull;
            let wanted = match (filter, &state) {
                (_, PullState::Open) => true,
                (PullFilter::Open, _) => false,
                (PullFilter::UpdatedSince(since), PullState::Merged { at, .. }) => pull.updated_at.max(*at) >= since,
                (PullFilter::UpdatedSince(since), PullState::Closed { .. }) => pull.updated_at >= since,
            };
            if wanted {
                found.push(PullSummary {
                    number: pull.number,
                    title: Untrusted::new(pull.title.as_str()),
                    author: pull.author.clone(),
                    head_branch: Some(pull.branch.clone()),
                    head,
                    state,
                    opened_at: pull.opened_at,
                    unlabelled: false,
                });
            }
        }
        Ok(found)
    }

    async fn pull(&self, number: u64) -> Result<PullFacts, ForgeError> {
        let Current { record, head, state } = self.current(number)?;
        let pull = &record.pull;
        // What a merged pull request brought is what its merge commit's first parent had not.
        let base = match &state {
            PullState::Merged { commit, .. } => {
                let info = self.repository().commit_info(commit).map_err(git(format!("read commit {commit}")))?;
                info.parents.first().cloned().unwrap_or_else(|| pull.head.base.clone())
            }
            _ => self.base_commit(&pull.base)?,
        };
        Ok(PullFacts {
            number,
            title: Untrusted::new(pull.title.as_str()),
            author: pull.author.clone(),
            head_branch: Some(pull.branch.clone()),
            base_branch: pull.base.clone(),
            opened_at: pull.opened_at,
            changed_at: pull.head.at.filter(|_| pull.head.commit == head).unwrap_or(pull.opened_at),
            draft: false,
            last_pusher: Known::Known(self.pusher(Some(&record), &pull.branch, &head)?),
            co_authors: self.co_authors(&base, &head)?,
            reviews: Known::Known(self.reviews(&record)),
            checks: Known::Known(self.store.checks(&head)?.into_values().collect()),
            required_checks: Known::Known(Vec::new()),
            changes_at: std::collections::BTreeMap::new(),
            head,
            state,
        })
    }

    async fn checks(&self, commit: &str) -> Result<Vec<CheckRun>, ForgeError> {
        self.check_commit(commit)?;
        Ok(self.store.checks(commit)?.into_values().collect())
    }

    async fn abilities(&self) -> Result<Vec<Check>, ForgeError> {
        let mut checks =
            vec![Check::fine("pull requests are refs of this repository (local forge); no server is asked")];
        let people: BTreeSet<&str> = self.signers.principals().collect();
        checks.push(if people.is_empty() {
            let told = "nobody's signature is known: answers count unsigned, and only where all environments are dev";
            let mend = "put people's public keys into the file of `local.allowed_signers`, on the base branch (docs/LOCAL_FORGE.md)";
            Check::limited(told, mend)
        } else {
            Check::fine(format!("{} may sign approvals", bpctl_core::render::count(people.len(), "person")))
        });
        for (line, why) in self.signers.skipped() {
            checks.push(Check::limited(
                format!("line {line} of the allowed signers counts for nobody: {why}"),
                "mend it",
            ));
        }
        Ok(checks)
    }

    fn issue_url(&self, _: u64) -> Option<String> {
        None
    }

    async fn issues(&self, _: IssueFilter, _: &str) -> Result<Vec<OwnIssue>, ForgeError> {
        Err(no_issues())
    }

    async fn comments(&self, number: u64, _: &str) -> Result<Vec<OwnComment>, ForgeError> {
        Err(no_comments(number))
    }
}

#[async_trait]
impl ForgeWrite for LocalForge {
    async fn create_branch(&self, branch: &BranchName, commit: &str) -> Result<Created, ForgeError> {
        self.check_commit(commit)?;
        let mut lock = self.store.lock()?;
        let made = lock.create_ref(&branch.full(), commit).map_err(git(format!("create branch {branch}")))?;
        match made {
            RefCreated::Exists(at) => Ok(Created::Exists(at)),
            RefCreated::Created => {
                self.record_push(&mut lock, branch.as_str(), commit)?;
                Ok(Created::Created)
            }
        }
    }

    async fn update_branch(&self, branch: &BranchName, from: &str, to: &str) -> Result<Swapped, ForgeError> {
        self.check_commit(to)?;
        self.move_branch(&mut self.store.lock()?, branch.as_str(), from, to)
    }

    async fn delete_branch(&self, branch: &BranchName, at: &str) -> Result<Swapped, ForgeError> {
        let attempt = || git(format!("delete branch {branch}"));
        let here = self.repository().work_tree().is_some()
            && self.repository().head_branch().map_err(attempt())?.as_deref() == Some(branch.as_str());
        if here || self.repository().checked_out_elsewhere(&branch.full()).is_some() {
            return Err(ForgeError::Input {
                message: format!("branch {branch} is checked out in a work tree"),
                hint: Some("git switch to another branch there".to_owned()),
            });
        }
        let mut lock = self.store.lock()?;
        self.keep_merges(&mut lock, branch.as_str())?;
        match lock.delete_ref(&branch.full(), at).map_err(attempt())? {
            RefSwapped::Moved(at) => Ok(Swapped::Moved(at)),
            RefSwapped::Swapped => {
                self.store.set_pushed(&mut lock, branch.as_str(), None, &self.signature())?;
                Ok(Swapped::Swapped)
            }
        }
    }

    async fn open_pull(&self, new: &NewPull) -> Result<u64, ForgeError> {
        let branch = new.branch.as_str();
        // Looking and opening happen under one lock, and opening is one ref: two runs never open two (Z2), a killed one none or one.
        let mut lock = self.store.lock()?;
        for record in self.store.pulls()? {
            if record.pull.branch != branch {
                continue;
            }
            let number = record.pull.number;
            match self.settle(Arc::clone(&record))?.state {
                PullState::Open => return Ok(number),
                PullState::Closed { at, by: Some(by) }
                    if new.after.is_none_or(|after| number > after)
                        && at > REMEMBERED.before(self.now())
                        && by.id != self.options.me.id =>
                {
                    return Err(ForgeError::Declined(number));
                }
                _ => {}
            }
        }
        let base = self.options.base_branch.as_str();
        let tip = self
            .branch_tip(branch)?
            .ok_or_else(|| ForgeError::Input { message: format!("branch {branch} does not exist"), hint: None })?;
        let head = self.head(base, &tip, self.pusher(None, branch, &tip)?)?;
        if self.repository().is_ancestor(&tip, &head.base).map_err(git("open a pull request"))? {
            return Err(ForgeError::Input { message: format!("{base} has all of {branch} already"), hint: None });
        }
        let now = self.now();
        let pull = Pull {
            version: 1,
            number: 0,
            title: new.title.clone(),
            body: new.body.clone(),
            branch: branch.to_owned(),
            base: base.to_owned(),
            author: self.options.me.clone(),
            opened_at: now,
            updated_at: now,
            head,
            state: PullState::Open,
            closing: None,
        };
        self.store.open(&mut lock, pull, &self.signature())
    }

    async fn update_pull(&self, number: u64, title: &str, body: &str) -> Result<(), ForgeError> {
        let mut lock = self.store.lock()?;
        self.store.update(&mut lock, number, &self.signature(), |record| {
            if record.pull.title == title && record.pull.body == body {
                return None;
            }
            title.clone_into(&mut record.pull.title);
            body.clone_into(&mut record.pull.body);
            Some("edited")
        })
    }

    async fn close_pull(&self, number: u64, comment: &str) -> Result<(), ForgeError> {
        let mut lock = self.store.lock()?;
        let current = self.current(number)?;
        match current.state {
            PullState::Closed { .. } => Ok(()),
            PullState::Merged { .. } => {
                Err(ForgeError::Input { message: format!("pull request #{number} is merged"), hint: None })
            }
            PullState::Open => {
                let seen = self.seen(&current)?;
                self.store.update(&mut lock, number, &self.signature(), |record| {
                    record.pull.head = seen.clone();
                    record.pull.state = self.closed();
                    record.pull.closing = Some(comment.to_owned());
                    Some("closed")
                })
            }
        }
    }

    async fn post_comment(&self, number: u64, _: &str) -> Result<OwnComment, ForgeError> {
        Err(no_comments(number))
    }

    async fn edit_comment(&self, number: u64, _: &str, _: &str) -> Result<(), ForgeError> {
        Err(no_comments(number))
    }

    async fn remove_comment(&self, number: u64, _: &str) -> Result<(), ForgeError> {
        Err(no_comments(number))
    }

    async fn open_issue(&self, _: &str, _: &str) -> Result<u64, ForgeError> {
        Err(no_issues())
    }

    async fn update_issue(&self, _: u64, _: &str, _: &str, _: bool) -> Result<(), ForgeError> {
        Err(no_issues())
    }

    async fn set_check(
        &self,
        commit: &str,
        name: &str,
        conclusion: CheckConclusion,
        summary: &str,
    ) -> Result<(), ForgeError> {
        self.check_commit(commit)?;
        let check = CheckRun {
            name: name.to_owned(),
            commit: commit.to_owned(),
            conclusion,
            by: self.options.me.clone(),
            at: self.now(),
            summary: Untrusted::new(summary),
        };
        self.store.set_check(&check, &self.signature())
    }

    async fn merge(&self, permit: MergePermit, message: &str) -> Result<Landed, ForgeError> {
        let wanted = Wanted {
            pull: permit.pull(),
            head: permit.head(),
            base: permit.base(),
            base_branch: permit.base_branch(),
            tree: permit.tree(),
        };
        self.land(&wanted, message)
    }

    async fn answer(&self, number: u64, head: &str, answer: Answer, justification: &str) -> Result<(), ForgeError> {
        let mut lock = self.store.lock()?;
        let current = self.current(number)?;
        if current.state != PullState::Open {
            return Err(ForgeError::Input { message: format!("pull request #{number} is not open"), hint: None });
        }
        if current.head != head {
            return Err(ForgeError::Input {
                message: format!("pull request #{number} now proposes {}, not {head}", current.head),
                hint: Some("look at the new proposal first".to_owned()),
            });
        }
        let at = self.now();
        let base_branch = current.record.pull.base.as_str();
        let statement = Statement { pull: number, head, base_branch, answer, justification, at };
        let signature = match &self.options.signer {
            Some(key) => {
                let payload = statement.payload();
                let signature =
                    key.sign(&payload).map_err(|error| ForgeError::Input { message: error.to_string(), hint: None })?;
                // It would be kept, and count for nothing: whoever signs hears that now.
                if self.signers.verify(&payload, &signature, at).is_none() {
                    return Err(self.not_allowed(base_branch));
                }
                Some(signature)
            }
            None => None,
        };
        let review = StoredReview {
            head: head.to_owned(),
            answer: answer.into(),
            justification: justification.to_owned(),
            at,
            by: self.options.me.clone(),
            signature,
        };
        let seen = self.seen(&current)?;
        self.store.update(&mut lock, number, &self.signature(), |record| {
            record.reviews.push(review.clone());
            // What was looked at stays, even when the branch is moved on by force.
            record.pull.head = seen.clone();
            if answer == Answer::Approve {
                return Some("approved");
            }
            record.pull.state = self.closed();
            Some("rejected")
        })
    }
}
