//! The one write lock of a repository: bpctl's ref updates and checkouts happen under it, one after the other.
//!
//! It is an advisory lock of the operating system on `bpctl.lock` in the common folder, so it ends with its process. Inside, each
//! single ref still goes through Git's own `REF.lock`, which keeps plain `git` out. A process that is killed leaves such a
//! `REF.lock` behind, and perhaps a work tree that is half brought along: what it was about to do stands in `bpctl.lock`, and
//! whoever takes the lock next finishes or clears it (Z1). The note says what to look at; the refs decide what happened.

#![expect(clippy::disallowed_methods, reason = "an edge: lock files")]

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{GitError, Repository};

/// How long a process waits for its turn.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a lock file that a killed process may have left is watched before it is removed.
const STALE: Duration = Duration::from_secs(2);

/// The right to move refs. Others wait until it is dropped.
#[derive(Debug)]
pub struct WriteLock<'r> {
    pub(super) repository: &'r Repository,
    file: File,
}

/// What the holder is about to do.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Intent {
    /// Full refs whose lock files it may hold.
    pub(super) refs: Vec<String>,
    /// The checkout that follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) checkout: Option<Checkout>,
}

/// A work tree that is about to be brought along with its branch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Checkout {
    pub(super) git_dir: PathBuf,
    pub(super) work_tree: PathBuf,
    pub(super) branch: String,
    pub(super) from: String,
    pub(super) to: String,
}

impl Repository {
    /// Waits for the write lock, at most 20 seconds, and clears up after a process that was killed while it had it.
    pub fn lock(&self) -> Result<WriteLock<'_>, GitError> {
        let path = self.common_dir().join("bpctl.lock");
        let attempt = || "lock the repository for writing".to_owned();
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(GitError::io(format!("open {}", path.display())))?;
        let start = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(20));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(GitError::Busy { attempt: attempt(), lock: path.display().to_string() });
                }
                Err(TryLockError::Error(error)) => return Err(GitError::io(attempt())(error)),
            }
        }
        let mut lock = WriteLock { repository: self, file };
        lock.recover()?;
        Ok(lock)
    }
}

impl WriteLock<'_> {
    /// The repository that is locked.
    pub fn repository(&self) -> &Repository {
        self.repository
    }

    /// Notes what is about to happen.
    pub(super) fn note(&mut self, intent: &Intent) -> Result<(), GitError> {
        let text = serde_json::to_string(intent).map_err(|e| GitError::refused("note an update", e.to_string()))?;
        self.rewrite(text.as_bytes())
    }

    /// Notes that it happened, or will not.
    pub(super) fn done(&mut self) -> Result<(), GitError> {
        self.rewrite(b"")
    }

    fn rewrite(&mut self, bytes: &[u8]) -> Result<(), GitError> {
        let mut write = || {
            self.file.set_len(0)?;
            self.file.rewind()?;
            self.file.write_all(bytes)
        };
        write().map_err(GitError::io("write bpctl.lock"))
    }

    /// Finishes what a killed process began.
    fn recover(&mut self) -> Result<(), GitError> {
        let mut text = String::new();
        let read = self.file.rewind().and_then(|()| (&self.file).take(1 << 20).read_to_string(&mut text));
        // A note that was cut off was never acted on.
        let (Ok(_), Ok(intent)) = (read, serde_json::from_str::<Intent>(&text)) else {
            return if text.is_empty() { Ok(()) } else { self.done() };
        };
        for full in &intent.refs {
            if git2::Reference::is_valid_name(full) && full.starts_with("refs/") {
                clear_stale(&self.repository.common_dir().join(format!("{full}.lock")))?;
            }
        }
        if let Some(checkout) = &intent.checkout
            && self.repository.ref_target(&checkout.branch)?.as_deref() == Some(checkout.to.as_str())
        {
            clear_stale(&checkout.git_dir.join("index.lock"))?;
            super::checkout::bring_along(self.repository, checkout)?;
        }
        self.done()
    }
}

/// Removes a lock file that nobody touches any more. A living `git` holds one for moments; it gets them.
fn clear_stale(path: &Path) -> Result<(), GitError> {
    let start = Instant::now();
    loop {
        let age = match path.symlink_metadata().and_then(|m| m.modified()) {
            Ok(modified) => modified.elapsed().unwrap_or_default(),
            Err(_) => return Ok(()),
        };
        if age >= STALE || start.elapsed() >= STALE {
            return std::fs::remove_file(path)
                .map_err(GitError::io(format!("remove the left-over {}", path.display())));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
