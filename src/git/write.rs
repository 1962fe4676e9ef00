//! Making objects: blobs, trees and commits. Refs are not touched here.

use std::collections::BTreeMap;

use bpctl_core::model::{RepoPath, Timestamp};
use git2::build::TreeUpdateBuilder;
use git2::{FileMode, ObjectType};

use super::repository::{commit, oid, tree_of};
use super::{GitError, Repository};

/// Who a new commit names as author and committer. The time makes the commit's id: equal input, equal id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Name.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// When; whole seconds count.
    pub at: Timestamp,
}

impl Signature {
    /// For libgit2, which refuses `<`, `>` and line ends: they are dropped, and a name that is left empty becomes `bpctl`.
    fn raw(&self) -> Result<git2::Signature<'static>, GitError> {
        let clean = |text: &str| {
            let kept: String = text.chars().filter(|c| !c.is_control() && !matches!(c, '<' | '>')).collect();
            match kept.trim_matches(|c: char| c.is_whitespace() || ".,:;\"'\\".contains(c)) {
                "" => "bpctl".to_owned(),
                kept => kept.to_owned(),
            }
        };
        git2::Signature::new(&clean(&self.name), &clean(&self.email), &git2::Time::new(self.at.as_second(), 0))
            .map_err(GitError::library("name a commit's author"))
    }
}

impl Repository {
    /// Makes a commit on top of `parent` that writes (`Some`) and removes (`None`) these files. Existing files keep their mode, new
    /// ones get `100644`. A path with a link, a submodule or a file on its way, or a link, submodule or folder at its end, is
    /// refused (T18, T20). Answers the commit's id; no ref moves.
    pub fn commit_files(
        &self,
        parent: &str,
        changes: &BTreeMap<RepoPath, Option<Vec<u8>>>,
        author: &Signature,
        message: &str,
    ) -> Result<String, GitError> {
        let attempt = || format!("commit on top of {parent}");
        let raw = self.raw();
        let parent_commit = commit(&raw, parent)?;
        let tree = tree_of(&raw, parent)?;
        let mut update = TreeUpdateBuilder::new();
        for (path, content) in changes {
            let existing = mode_at(&raw, &tree, path)?;
            match content {
                Some(bytes) => {
                    let mode = if existing == Some(i32::from(FileMode::BlobExecutable)) {
                        FileMode::BlobExecutable
                    } else {
                        FileMode::Blob
                    };
                    update.upsert(
                        path.as_str(),
                        raw.blob(bytes).map_err(GitError::library(format!("write {path}")))?,
                        mode,
                    );
                }
                None if existing.is_some() => {
                    update.remove(path.as_str());
                }
                None => {}
            }
        }
        let tree = update.create_updated(&raw, &tree).map_err(GitError::library(attempt()))?;
        let tree = raw.find_tree(tree).map_err(GitError::library(attempt()))?;
        self.write_commit(&raw, &tree, &[&parent_commit], (author, message), &attempt())
    }

    /// Makes the merge commit of `head` into `base` with a given tree. No ref moves.
    pub fn merge_commit(
        &self,
        base: &str,
        head: &str,
        tree: &str,
        author: &Signature,
        message: &str,
    ) -> Result<String, GitError> {
        self.commit_tree(tree, &[base, head], author, message)
    }

    /// Makes a commit of a tree with these parents. No ref moves.
    pub fn commit_tree(
        &self,
        tree: &str,
        parents: &[&str],
        author: &Signature,
        message: &str,
    ) -> Result<String, GitError> {
        let attempt = || format!("make a commit of tree {tree}");
        let raw = self.raw();
        let tree = raw.find_tree(oid(tree)?).map_err(GitError::library(attempt()))?;
        let parents = parents.iter().map(|id| commit(&raw, id)).collect::<Result<Vec<_>, _>>()?;
        self.write_commit(&raw, &tree, &parents.iter().collect::<Vec<_>>(), (author, message), &attempt())
    }

    /// Signed, where there is a key. Equal input gives an equal id all the same: an Ed25519 signature has nothing random.
    fn write_commit(
        &self,
        raw: &git2::Repository,
        tree: &git2::Tree<'_>,
        parents: &[&git2::Commit<'_>],
        (author, message): (&Signature, &str),
        attempt: &str,
    ) -> Result<String, GitError> {
        let who = author.raw()?;
        let Some(key) = self.key() else {
            let id = raw.commit(None, &who, &who, message, tree, parents);
            return Ok(id.map_err(GitError::library(attempt))?.to_string());
        };
        let text = raw.commit_create_buffer(&who, &who, message, tree, parents).map_err(GitError::library(attempt))?;
        let signature = key.sign_commit(&text).map_err(|error| GitError::refused(attempt, error.to_string()))?;
        let text = std::str::from_utf8(&text).map_err(|_| GitError::refused(attempt, "it is not UTF-8"))?;
        // A signature's last line end would be a line of the commit's.
        let id = raw.commit_signed(text, signature.trim_end(), None).map_err(GitError::library(attempt))?;
        Ok(id.to_string())
    }

    /// Writes a tree of these files alone, all `100644`.
    pub fn write_tree(&self, files: &BTreeMap<RepoPath, Vec<u8>>) -> Result<String, GitError> {
        let raw = self.raw();
        let empty = super::merge::empty_tree(&raw)?;
        let empty = raw.find_tree(empty).map_err(GitError::library("write a tree"))?;
        let mut update = TreeUpdateBuilder::new();
        for (path, bytes) in files {
            let id = raw.blob(bytes).map_err(GitError::library(format!("write {path}")))?;
            update.upsert(path.as_str(), id, FileMode::Blob);
        }
        let tree = update.create_updated(&raw, &empty).map_err(GitError::library("write a tree"))?;
        Ok(tree.to_string())
    }
}

/// The mode of the file at a path; `None`: nothing stands there. Refuses everything that a file cannot be written through or over.
fn mode_at(raw: &git2::Repository, tree: &git2::Tree<'_>, path: &RepoPath) -> Result<Option<i32>, GitError> {
    let attempt = || format!("write {path}");
    let mut folder = tree.clone();
    let mut parts = path.as_str().split('/').peekable();
    while let Some(part) = parts.next() {
        let Some((id, mode, kind)) = folder.get_name(part).map(|e| (e.id(), e.filemode_raw(), e.kind())) else {
            return Ok(None);
        };
        match (mode & 0o170_000, parts.peek().is_some()) {
            (0o040_000, true) if kind == Some(ObjectType::Tree) => {
                folder = raw.find_tree(id).map_err(GitError::library(attempt()))?;
            }
            (0o100_000, false) => return Ok(Some(mode)),
            (0o040_000, _) => return Err(GitError::refused(attempt(), "a folder stands there")),
            (0o120_000, _) => return Err(GitError::refused(attempt(), format!("{part} is a symbolic link"))),
            (0o160_000, _) => return Err(GitError::refused(attempt(), format!("{part} is a submodule"))),
            _ => return Err(GitError::refused(attempt(), format!("{part} is a file, not a folder"))),
        }
    }
    Ok(None)
}
