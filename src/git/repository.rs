//! Finding and opening a repository, and what its refs say.

#![expect(clippy::disallowed_methods, reason = "an edge: reads .git files")]

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use git2::Oid;

use super::{GitError, SshKey, config};

/// A repository on this machine. Any number of threads and processes may use one at the same time.
pub struct Repository {
    git_dir: PathBuf,
    common_dir: PathBuf,
    work_tree: Option<PathBuf>,
    raw: Mutex<git2::Repository>,
    /// What signs the commits that are made.
    key: OnceLock<SshKey>,
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository")
            .field("git_dir", &self.git_dir)
            .field("work_tree", &self.work_tree)
            .finish_non_exhaustive()
    }
}

impl Repository {
    /// Opens the repository that holds `path`: the nearest folder upwards with a `.git`, or `path` itself where that is a
    /// bare repository. A bare repository further up is not taken: files of a work tree could pose as one. The environment
    /// (`GIT_DIR` and the like) and `core.worktree` have no say.
    pub fn discover(path: &Path) -> Result<Self, GitError> {
        let attempt = || format!("find a Git repository at {}", path.display());
        let start = path.canonicalize().map_err(GitError::io(attempt()))?;
        for folder in start.ancestors() {
            let dot_git = folder.join(".git");
            if let Ok(metadata) = dot_git.metadata() {
                let git_dir = if metadata.is_dir() { dot_git } else { linked(&dot_git, folder)? };
                return Self::open(git_dir, Some(folder.to_owned()));
            }
        }
        if start.join("HEAD").is_file() && start.join("objects").is_dir() && start.join("refs").is_dir() {
            return Self::open(start, None);
        }
        Err(GitError::refused(attempt(), "neither it nor a folder above it holds .git"))
    }

    /// The same repository once more, for another thread.
    pub fn again(&self) -> Result<Self, GitError> {
        let again = Self::open(self.git_dir.clone(), self.work_tree.clone())?;
        if let Some(key) = self.key.get() {
            again.sign_with(key.clone());
        }
        Ok(again)
    }

    /// From here on each commit that is made is signed with this key, as `git` with `gpg.format=ssh` signs. The first key stays.
    pub fn sign_with(&self, key: SshKey) {
        let _ = self.key.set(key);
    }

    pub(super) fn key(&self) -> Option<&SshKey> {
        self.key.get()
    }

    /// From here on this process does not compute objects' hashes again when it reads them, as `git` itself does not. Only for a listing, on
    /// which nothing rests: it takes half of the time of reading a long ledger.
    pub fn read_unchecked() {
        git2::opts::strict_hash_verification(false);
    }

    fn open(git_dir: PathBuf, work_tree: Option<PathBuf>) -> Result<Self, GitError> {
        let attempt = || format!("open the Git repository {}", git_dir.display());
        let common_dir = match read_small(&git_dir.join("commondir")) {
            Ok(text) => git_dir.join(text.trim_end()).canonicalize().map_err(GitError::io(attempt()))?,
            Err(_) => git_dir.clone(),
        };
        if common_dir.join("reftable").exists() {
            return Err(GitError::refused(attempt(), "its refs are stored as a reftable, which libgit2 cannot read"));
        }
        let raw = git2::Repository::open_bare(&git_dir).map_err(GitError::library(attempt()))?;
        // From here on every setting has its default, whatever the config of repository, user or machine says (T21).
        let nothing = git2::Config::new().map_err(GitError::library(attempt()))?;
        raw.set_config(&nothing).map_err(GitError::library(attempt()))?;
        Ok(Self { git_dir, common_dir, work_tree, raw: Mutex::new(raw), key: OnceLock::new() })
    }

    /// The folder with HEAD and index: `.git`, or a linked work tree's own part of it.
    pub fn path(&self) -> &Path {
        &self.git_dir
    }

    /// The folder with objects and refs; equal to [`Repository::path`] except in linked work trees.
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// The checked-out files; `None`: a bare repository.
    pub fn work_tree(&self) -> Option<&Path> {
        self.work_tree.as_deref()
    }

    /// Whether history is cut off (Z13): then ancestry and merge bases are not to be trusted.
    pub fn is_shallow(&self) -> bool {
        self.common_dir.join("shallow").metadata().is_ok_and(|m| m.len() > 0)
    }

    /// The commit that is checked out; `None`: no commit yet.
    pub fn head_commit(&self) -> Result<Option<String>, GitError> {
        self.resolve("HEAD")
    }

    /// The short name of the branch that is checked out; `None`: HEAD is detached.
    pub fn head_branch(&self) -> Result<Option<String>, GitError> {
        let raw = self.raw();
        let head = raw.find_reference("HEAD").map_err(GitError::library("read HEAD"))?;
        let target = head.symbolic_target().map_err(GitError::library("read HEAD"))?;
        Ok(target.and_then(|t| t.strip_prefix("refs/heads/")).map(ToOwned::to_owned))
    }

    /// The commit that a full ref (`refs/…`, `HEAD`) or a hexadecimal id (7 to 40 digits) means; `None`: there is none. No
    /// other notation is understood, so no name is taken for an option or an expression (T22).
    pub fn resolve(&self, name: &str) -> Result<Option<String>, GitError> {
        let attempt = || format!("resolve {name:?}");
        let raw = self.raw();
        let found = if name == "HEAD" || name.starts_with("refs/") {
            if !git2::Reference::is_valid_name(name) {
                return Ok(None);
            }
            raw.refname_to_id(name).map(Some)
        } else if name.len() == 40 && is_hex(name) {
            Oid::from_str(name).map(Some)
        } else if (7..40).contains(&name.len()) && is_hex(name) {
            raw.find_object_by_prefix(name, None).map(|object| Some(object.id()))
        } else {
            Ok(None)
        };
        let peeled = found.and_then(|id| match id {
            Some(id) => raw.find_object(id, None)?.peel_to_commit().map(|commit| Some(commit.id().to_string())),
            None => Ok(None),
        });
        match peeled {
            Err(error) if matches!(error.code(), git2::ErrorCode::NotFound | git2::ErrorCode::UnbornBranch) => Ok(None),
            other => other.map_err(GitError::library(attempt())),
        }
    }

    /// The branch that a remote calls its default one, as the clone was told; `None`: it was not.
    pub fn remote_head(&self, remote: &str) -> Result<Option<String>, GitError> {
        let full = format!("refs/remotes/{remote}/HEAD");
        let raw = self.raw();
        match raw.find_reference(&full) {
            Ok(found) => {
                let target = found.symbolic_target().ok().flatten();
                let target = target.and_then(|target| target.strip_prefix(&format!("refs/remotes/{remote}/")));
                Ok(target.map(ToOwned::to_owned))
            }
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(GitError::library(format!("read {full}"))(error)),
        }
    }

    /// What a full ref points to, without peeling; `None`: there is no such ref.
    pub fn ref_target(&self, full: &str) -> Result<Option<String>, GitError> {
        let raw = self.raw();
        Ok(super::refs::target(&raw, full)?.map(|id| id.to_string()))
    }

    /// All direct refs below a prefix such as `refs/heads/`, with what they point to, in order.
    pub fn refs_below(&self, prefix: &str) -> Result<Vec<(String, String)>, GitError> {
        let attempt = || format!("list refs below {prefix}");
        let raw = self.raw();
        let mut found = Vec::new();
        for reference in raw.references_glob(&format!("{prefix}*")).map_err(GitError::library(attempt()))? {
            let reference = reference.map_err(GitError::library(attempt()))?;
            if let (Ok(name), Some(target)) = (reference.name(), reference.target()) {
                found.push((name.to_owned(), target.to_string()));
            }
        }
        found.sort();
        Ok(found)
    }

    /// The URL of a remote, as written: `insteadOf`, includes and every other key are ignored.
    pub fn remote_url(&self, name: &str) -> Result<Option<String>, GitError> {
        let path = self.common_dir.join("config");
        match read_small(&path) {
            Ok(text) => Ok(config::remote_url(&text, name)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(GitError::io(format!("read {}", path.display()))(error)),
        }
    }

    /// libgit2's handle; one thread at a time.
    pub(super) fn raw(&self) -> MutexGuard<'_, git2::Repository> {
        self.raw.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a `.git` file leads.
fn linked(file: &Path, folder: &Path) -> Result<PathBuf, GitError> {
    let attempt = || format!("read {}", file.display());
    let text = read_small(file).map_err(GitError::io(attempt()))?;
    let target =
        text.strip_prefix("gitdir:").ok_or_else(|| GitError::refused(attempt(), "it does not start with gitdir:"))?;
    folder.join(target.trim()).canonicalize().map_err(GitError::io(attempt()))
}

/// A regular file of at most 1 MiB, as text.
fn read_small(path: &Path) -> std::io::Result<String> {
    if !path.metadata()?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    let mut text = String::new();
    std::fs::File::open(path)?.take(1 << 20).read_to_string(&mut text)?;
    Ok(text)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// A full object id.
pub(super) fn oid(id: &str) -> Result<Oid, GitError> {
    if id.len() != 40 || !is_hex(id) {
        return Err(GitError::refused(format!("read object {id:?}"), "an object id has 40 hexadecimal digits"));
    }
    Oid::from_str(id).map_err(GitError::library(format!("read object {id}")))
}

/// A commit, by full id.
pub(super) fn commit<'r>(raw: &'r git2::Repository, id: &str) -> Result<git2::Commit<'r>, GitError> {
    raw.find_commit(oid(id)?).map_err(GitError::library(format!("read commit {id}")))
}

/// A commit's tree, by the commit's full id.
pub(super) fn tree_of<'r>(raw: &'r git2::Repository, id: &str) -> Result<git2::Tree<'r>, GitError> {
    commit(raw, id)?.tree().map_err(GitError::library(format!("read the tree of commit {id}")))
}
