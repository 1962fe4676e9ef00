//! Makes a new repository, for `bpctl tour`.

#![allow(clippy::disallowed_methods, reason = "an edge: makes a repository")]

use std::collections::BTreeMap;
use std::path::Path;

use bpctl_core::model::RepoPath;

use super::{GitError, Repository, Signature};

impl Repository {
    /// Makes a repository with a work tree in an existing folder; HEAD is on `branch`. No template, hook or config of the machine goes in.
    pub fn init(folder: &Path, branch: &str) -> Result<Self, GitError> {
        let attempt = || format!("make a Git repository in {}", folder.display());
        let mut options = git2::RepositoryInitOptions::new();
        options.external_template(false).initial_head(branch).no_reinit(true);
        git2::Repository::init_opts(folder, &options).map_err(GitError::library(attempt()))?;
        Self::discover(folder)
    }

    /// Commits these files, which lie in the work tree already, as the first commit of HEAD's branch. Answers its id.
    pub fn commit_all(
        &self,
        files: &BTreeMap<RepoPath, Vec<u8>>,
        author: &Signature,
        message: &str,
    ) -> Result<String, GitError> {
        let tree = self.write_tree(files)?;
        let commit = self.commit_tree(&tree, &[], author, message)?;
        let branch = self.head_branch()?.unwrap_or_else(|| "main".into());
        let full = if branch.starts_with("refs/") { branch } else { format!("refs/heads/{branch}") };
        self.create_ref(&full, &commit)?;
        let attempt = || "bring the index along".to_owned();
        let raw = self.raw();
        let id = git2::Oid::from_str(&tree).map_err(GitError::library(attempt()))?;
        let tree = raw.find_tree(id).map_err(GitError::library(attempt()))?;
        let mut index = git2::Index::open(&self.path().join("index")).map_err(GitError::library(attempt()))?;
        index.read_tree(&tree).map_err(GitError::library(attempt()))?;
        index.write().map_err(GitError::library(attempt()))?;
        Ok(commit)
    }
}
