//! Commits and how they descend from each other.

use std::collections::{HashSet, VecDeque};

use bpctl_core::model::{BaseTip, Timestamp, Untrusted};

use super::graph::{Descent, Spot};
use super::repository::{commit, oid};
use super::{GitError, Repository};

/// Who a commit names, and when. Anybody can write anything there: it decides nothing on a forge that has records of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Name.
    pub name: Untrusted,
    /// E-mail address, as written.
    pub email: String,
    /// The time that the commit claims.
    pub at: Timestamp,
}

/// What a commit says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    /// Its id.
    pub id: String,
    /// Its tree's id.
    pub tree: String,
    /// Its parents' ids; the first is the branch that was merged into.
    pub parents: Vec<String>,
    /// Who wrote the change.
    pub author: Person,
    /// Who made the commit.
    pub committer: Person,
    /// The whole message.
    pub message: Untrusted,
    /// E-mail addresses of `Co-authored-by:` lines, wherever in the message they stand.
    pub co_authors: Vec<String>,
}

impl Repository {
    /// What a commit says.
    pub fn commit_info(&self, id: &str) -> Result<CommitInfo, GitError> {
        info(&commit(&self.raw(), id)?)
    }

    /// The last `limit` commits of a branch's own line, newest first: only first parents are followed.
    pub fn first_parent_log(&self, from: &str, limit: usize) -> Result<Vec<CommitInfo>, GitError> {
        let raw = self.raw();
        let mut log = Vec::new();
        let mut next = Some(commit(&raw, from)?);
        while let Some(commit) = next.filter(|_| log.len() < limit) {
            log.push(info(&commit)?);
            next = first_parent(&commit)?;
        }
        Ok(log)
    }

    /// Whether a commit lies on the own line of a branch with this tip: only first parents are followed (T32).
    pub fn first_parent_contains(&self, tip: &str, wanted: &str) -> Result<bool, GitError> {
        let raw = self.raw();
        let descent = Descent::of(&raw);
        let wanted = descent.spot(oid(wanted)?);
        let mut next = Some(descent.spot(commit(&raw, tip)?.id()));
        while let Some(spot) = next {
            if spot == wanted {
                return Ok(true);
            }
            next = descent.parents(spot)?.first().copied();
        }
        Ok(false)
    }

    /// An earlier commit of the protected branch's own line, as the tip that it was then; `None`: the commit never was one.
    #[expect(
        clippy::disallowed_methods,
        reason = "the edge that reads the protected branch: what was its tip once is in its own line"
    )]
    pub fn past_tip(&self, tip: &BaseTip, commit: &str) -> Result<Option<BaseTip>, GitError> {
        let was = self.first_parent_contains(tip.commit(), commit)?;
        Ok(was.then(|| BaseTip::attest(tip.branch(), commit)))
    }

    /// Whether `ancestor` is `descendant` or one of its ancestors.
    pub fn is_ancestor(&self, ancestor: &str, descendant: &str) -> Result<bool, GitError> {
        let raw = self.raw();
        let (old, new) = (commit(&raw, ancestor)?.id(), commit(&raw, descendant)?.id());
        let descent = Descent::of(&raw);
        descent.reaches(descent.spot(new), descent.spot(old))
    }

    /// A best common ancestor of two commits; `None`: they share no history.
    pub fn merge_base(&self, a: &str, b: &str) -> Result<Option<String>, GitError> {
        match self.raw().merge_base(oid(a)?, oid(b)?) {
            Ok(base) => Ok(Some(base.to_string())),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(GitError::library(format!("find the merge base of {a} and {b}"))(error)),
        }
    }

    /// The commits that `head` has and `base` has not, at most `limit`, nearest to `head` first. Commit times have no say: libgit2's
    /// own walk takes commits for new whose descendants are dated earlier.
    pub fn commits_between(&self, base: &str, head: &str, limit: usize) -> Result<Vec<CommitInfo>, GitError> {
        let attempt = || format!("list the commits between {base} and {head}");
        let raw = self.raw();
        let descent = Descent::of(&raw);
        let base = descent.spot(commit(&raw, base)?.id());
        let mut queue = VecDeque::from([oid(head)?]);
        let (mut seen, mut commits) = (HashSet::new(), Vec::new());
        while let Some(id) = queue.pop_front().filter(|_| commits.len() < limit) {
            if !seen.insert(id) || descent.reaches(base, descent.spot(id))? {
                continue;
            }
            let found = raw.find_commit(id).map_err(GitError::library(attempt()))?;
            queue.extend(found.parent_ids());
            commits.push(info(&found)?);
        }
        Ok(commits)
    }

    /// The commit of the branch line ending in `tip` that brought `head` in: the merge with `head` as its second parent, else
    /// the oldest commit of the line that has `head` in its history. `None`: `head` is not in `tip`'s history.
    pub fn landed_by(&self, tip: &str, head: &str) -> Result<Option<String>, GitError> {
        let raw = self.raw();
        let descent = Descent::of(&raw);
        let (head, tip) = (descent.spot(oid(head)?), descent.spot(commit(&raw, tip)?.id()));
        let holds = |spot| descent.reaches(spot, head);
        if !holds(tip)? {
            return Ok(None);
        }
        let named = |spot: &Spot| descent.id(*spot).map(|id| id.to_string());
        let mut line = Vec::new();
        let mut next = Some(tip);
        while let Some(spot) = next {
            let parents = descent.parents(spot)?;
            if spot == head || parents.get(1) == Some(&head) {
                return named(&spot).map(Some);
            }
            line.push(spot);
            next = parents.first().copied();
            // The line goes on far beyond the commit that brought it in.
            let ends = match next.map(|next| (next, descent.may_reach(next, head))) {
                None => true,
                Some((next, Some(may))) => next != head && !may,
                // Without numbers to go by it is asked ever more seldom.
                Some((next, None)) => line.len() >= 64 && line.len().is_power_of_two() && !holds(next)?,
            };
            if ends {
                break;
            }
        }
        // Newer commits hold what older ones hold: the boundary can be searched by halves.
        let (mut low, mut high) = (0, line.len());
        while high - low > 1 {
            let middle = usize::midpoint(low, high);
            if holds(line[middle])? { low = middle } else { high = middle }
        }
        line.get(low).map(named).transpose()
    }
}

fn first_parent<'r>(commit: &git2::Commit<'r>) -> Result<Option<git2::Commit<'r>>, GitError> {
    match commit.parent_count() {
        0 => Ok(None),
        _ => {
            commit.parent(0).map(Some).map_err(GitError::library(format!("read the parent of commit {}", commit.id())))
        }
    }
}

fn info(commit: &git2::Commit<'_>) -> Result<CommitInfo, GitError> {
    let message = String::from_utf8_lossy(commit.message_raw_bytes()).into_owned();
    Ok(CommitInfo {
        id: commit.id().to_string(),
        tree: commit.tree_id().to_string(),
        parents: commit.parent_ids().map(|id| id.to_string()).collect(),
        author: person(&commit.author())?,
        committer: person(&commit.committer())?,
        co_authors: co_authors(&message),
        message: Untrusted::new(message),
    })
}

fn person(signature: &git2::Signature<'_>) -> Result<Person, GitError> {
    let at = Timestamp::from_second(signature.when().seconds())
        .map_err(|_| GitError::refused("read a commit", "its time is out of range"))?;
    Ok(Person {
        name: Untrusted::new(String::from_utf8_lossy(signature.name_bytes())),
        email: String::from_utf8_lossy(signature.email_bytes()).into_owned(),
        at,
    })
}

/// Every address that could be meant: who is named as co-author must not approve, so a line too many is better than one too few.
fn co_authors(message: &str) -> Vec<String> {
    const KEY: &str = "co-authored-by:";
    let mut found: Vec<String> = Vec::new();
    for line in message.lines().map(str::trim) {
        let Some(value) = line.get(..KEY.len()).filter(|k| k.eq_ignore_ascii_case(KEY)).and(line.get(KEY.len()..))
        else {
            continue;
        };
        let email = match value.rsplit_once('<') {
            Some((_, rest)) => rest.split('>').next().unwrap_or(rest).trim(),
            None => value.trim(),
        };
        if !email.is_empty() && !found.iter().any(|known| known == email) {
            found.push(email.to_owned());
        }
    }
    found
}
