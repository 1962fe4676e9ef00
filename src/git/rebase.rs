//! What a rebase of a branch would give: forges offer it beside the merge, and it brings commit after commit anew, so that what a later one took
//! back may come to stand.

use std::collections::{BTreeSet, HashSet};

use bpctl_core::model::RepoPath;
use git2::Oid;

use super::history::CommitInfo;
use super::merge::{Merge, TREE, empty_tree};
use super::repository::oid;
use super::{GitError, Repository};

/// Longer lines, and more commits, are not followed.
const MOST: usize = 500;
/// More changed paths of all commits together are not compared: each commit of a branch may change them all (T42).
const MOST_PATHS: usize = 50_000;

impl Repository {
    /// Whether all that `head` adds is one line of commits on top of `base`: there a rebase changes nothing, and gives what a merge gives.
    pub fn is_straight(&self, base: &str, head: &str) -> Result<bool, GitError> {
        let mut at = self.commit_info(head)?;
        for _ in 0..MOST {
            if at.id == base {
                return Ok(true);
            }
            let [parent] = at.parents.as_slice() else { break };
            at = self.commit_info(parent)?;
        }
        Ok(false)
    }

    /// The paths that more than one of the commits changes which `head` has and `base` has not, so that something stood there in between. `None`: they
    /// are too many to be looked at.
    pub fn changed_again(&self, base: &str, head: &str) -> Result<Option<BTreeSet<String>>, GitError> {
        let Some(mine) = self.bounded(base, head)? else { return Ok(None) };
        let (mut once, mut again, mut left) = (BTreeSet::new(), BTreeSet::new(), MOST_PATHS);
        if mine.len() > 1 {
            for commit in &mine {
                let Some(touched) = self.touched(commit, &mut left)? else { return Ok(None) };
                for path in touched {
                    if !once.insert(path.clone()) {
                        again.insert(path);
                    }
                }
            }
        }
        Ok(Some(again))
    }

    /// The tree that a rebase of `head` onto `base` gives. `None`: that depends on how it is done, because two commits have to be merged within a
    /// file, the branch merges lines of its own, or the base branch has since changed a path that one of the commits changes, so that Git may
    /// take one for brought already.
    pub fn rebased_tree(&self, base: &str, head: &str) -> Result<Option<String>, GitError> {
        let (Some(mine), Some(theirs)) = (self.line(base, head)?, self.bounded(head, base)?) else { return Ok(None) };
        let (mut theirs_touch, mut left) = (BTreeSet::new(), MOST_PATHS);
        for commit in &theirs {
            let Some(touched) = self.touched(commit, &mut left)? else { return Ok(None) };
            theirs_touch.extend(touched);
        }
        // A merge is no commit of its own there.
        let replayed =
            || mine.iter().filter_map(|commit| Some((commit, <&[String; 1]>::try_from(&*commit.parents).ok()?)));
        for (commit, _) in replayed() {
            let Some(touched) = self.touched(commit, &mut left)? else { return Ok(None) };
            if touched.iter().any(|path| theirs_touch.contains(path)) {
                return Ok(None);
            }
        }
        // Held from here on: nothing below asks the repository itself.
        let raw = self.raw();
        let tree = |id: &str| -> Result<Oid, GitError> {
            let commit = raw.find_commit(oid(id)?).map_err(GitError::library(format!("read commit {id}")))?;
            Ok(commit.tree_id())
        };
        let mut stands = Some((tree(base)?, TREE));
        for (commit, [parent]) in replayed() {
            let mut replay = Merge { raw: &raw, conflicts: BTreeSet::new(), lines: BTreeSet::new() };
            stands = replay.slot("", Some((tree(parent)?, TREE)), stands, Some((tree(&commit.id)?, TREE)))?;
            if !replay.conflicts.is_empty() || !replay.lines.is_empty() {
                return Ok(None);
            }
        }
        let tree = match stands {
            Some((tree, _)) => tree,
            None => empty_tree(&raw)?,
        };
        Ok(Some(tree.to_string()))
    }

    /// The commits that `head` has and `base` has not, oldest first, where each follows on another; `None`: they are of several lines, or too many.
    fn line(&self, base: &str, head: &str) -> Result<Option<Vec<CommitInfo>>, GitError> {
        let Some(mine) = self.bounded(base, head)? else { return Ok(None) };
        let ids: HashSet<&str> = mine.iter().map(|commit| commit.id.as_str()).collect();
        let alone = |commit: &CommitInfo| commit.parents.iter().filter(|id| ids.contains(id.as_str())).count() < 2;
        if !mine.iter().all(|commit| alone(commit) && !commit.parents.is_empty()) {
            return Ok(None);
        }
        // Nearest to the head first: where each has one parent among them, that is the line.
        Ok(Some(mine.into_iter().rev().collect()))
    }

    fn bounded(&self, base: &str, head: &str) -> Result<Option<Vec<CommitInfo>>, GitError> {
        let found = self.commits_between(base, head, MOST + 1)?;
        Ok(Some(found).filter(|found| found.len() <= MOST))
    }

    /// The paths that a commit changes against its parent; none of a merge, and of a first one. `None`: they are more than are left.
    fn touched(&self, commit: &CommitInfo, left: &mut usize) -> Result<Option<BTreeSet<String>>, GitError> {
        let [parent] = commit.parents.as_slice() else { return Ok(Some(BTreeSet::new())) };
        let paths = self.diff_paths(parent, &commit.id)?;
        let Some(rest) = left.checked_sub(paths.len()) else { return Ok(None) };
        *left = rest;
        let text = |path: Result<RepoPath, String>| path.map_or_else(|text| text, |path| path.to_string());
        Ok(Some(paths.into_iter().map(|changed| text(changed.path)).collect()))
    }
}
