//! Refs, moved by compare-and-swap under Git's own lock file of each ref.

#![expect(clippy::disallowed_methods, reason = "an edge: waits for moments for another process's lock")]

use std::time::{Duration, Instant};

use git2::{ErrorCode, Oid, ReferenceType};

use super::lock::Intent;
use super::repository::oid;
use super::{GitError, Repository, WriteLock};

/// How long another process's lock on one ref is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// What became of making a ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefCreated {
    /// This call made it.
    Created,
    /// It was there, and points to this object.
    Exists(String),
}

/// What became of moving or deleting a ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefSwapped {
    /// Done by this call.
    Swapped,
    /// It points elsewhere (`None`: it is gone); nothing was changed.
    Moved(Option<String>),
}

impl Repository {
    /// Makes a ref unless it exists.
    pub fn create_ref(&self, full: &str, to: &str) -> Result<RefCreated, GitError> {
        self.lock()?.create_ref(full, to)
    }

    /// Moves a ref from one object to another, unless it moved meanwhile. The work tree stays: see [`WriteLock::advance`].
    pub fn swap_ref(&self, full: &str, from: &str, to: &str) -> Result<RefSwapped, GitError> {
        self.lock()?.swap_ref(full, from, to)
    }

    /// Deletes a ref that points to this object.
    pub fn delete_ref(&self, full: &str, at: &str) -> Result<RefSwapped, GitError> {
        self.lock()?.delete_ref(full, at)
    }
}

impl WriteLock<'_> {
    /// Makes a ref unless it exists.
    pub fn create_ref(&mut self, full: &str, to: &str) -> Result<RefCreated, GitError> {
        let to = oid(to)?;
        Ok(match self.noted(full, None, Some(to))? {
            RefSwapped::Swapped => RefCreated::Created,
            RefSwapped::Moved(Some(at)) => RefCreated::Exists(at),
            RefSwapped::Moved(None) => {
                return Err(GitError::refused(format!("create {full}"), "it came and went meanwhile"));
            }
        })
    }

    /// Moves a ref from one object to another, unless it moved meanwhile.
    pub fn swap_ref(&mut self, full: &str, from: &str, to: &str) -> Result<RefSwapped, GitError> {
        self.noted(full, Some(oid(from)?), Some(oid(to)?))
    }

    /// Deletes a ref that points to this object.
    pub fn delete_ref(&mut self, full: &str, at: &str) -> Result<RefSwapped, GitError> {
        self.noted(full, Some(oid(at)?), None)
    }

    fn noted(&mut self, full: &str, from: Option<Oid>, to: Option<Oid>) -> Result<RefSwapped, GitError> {
        self.note(&Intent { refs: vec![full.to_owned()], checkout: None })?;
        let swapped = self.compare_and_swap(full, from, to);
        self.done()?;
        swapped
    }

    /// The caller has noted the ref.
    pub(super) fn compare_and_swap(
        &self,
        full: &str,
        from: Option<Oid>,
        to: Option<Oid>,
    ) -> Result<RefSwapped, GitError> {
        let attempt = || format!("update {full}");
        if !full.starts_with("refs/") || !git2::Reference::is_valid_name(full) {
            return Err(GitError::refused(attempt(), "it is not a full ref name"));
        }
        let start = Instant::now();
        let mut tries = 0_u32;
        loop {
            match attempt_swap(&self.repository.raw(), full, from, to) {
                Ok(swapped) => return Ok(swapped),
                Err(GitError::Library { source, .. }) if source.code() == ErrorCode::Locked => {
                    if start.elapsed() >= PATIENCE {
                        let lock = self.repository.common_dir().join(format!("{full}.lock"));
                        return Err(GitError::Busy { attempt: attempt(), lock: lock.display().to_string() });
                    }
                }
                // `git` removes empty folders below refs/ while others are about to write into them.
                Err(GitError::Library { source, .. }) if source.class() == git2::ErrorClass::Os && tries < 5 => {
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn attempt_swap(
    raw: &git2::Repository,
    full: &str,
    from: Option<Oid>,
    to: Option<Oid>,
) -> Result<RefSwapped, GitError> {
    let attempt = || format!("update {full}");
    if let Some(to) = to {
        let odb = raw.odb().map_err(GitError::library(attempt()))?;
        odb.read_header(to).map_err(GitError::library(attempt()))?;
    }
    // Cheap, and keeps the losers of a race from waiting for the lock.
    if from.is_none()
        && let Some(at) = target(raw, full)?
    {
        return Ok(RefSwapped::Moved(Some(at.to_string())));
    }
    if from.is_some() && target(raw, full)?.is_none() {
        return Ok(RefSwapped::Moved(None));
    }
    // libgit2 looks whether a ref exists before it takes the lock; so the lock comes first here, and then the look.
    let mut transaction = raw.transaction().map_err(GitError::library(attempt()))?;
    transaction.lock_ref(full).map_err(GitError::library(attempt()))?;
    let now = target(raw, full)?;
    if now != from {
        return Ok(RefSwapped::Moved(now.map(|id| id.to_string())));
    }
    match to {
        Some(to) => {
            if from.is_none() {
                refuse_overlap(raw, full)?;
            }
            let who =
                git2::Signature::new("bpctl", "bpctl", &git2::Time::new(0, 0)).map_err(GitError::library(attempt()))?;
            transaction.set_target(full, to, Some(&who), "bpctl").map_err(GitError::library(attempt()))?;
        }
        None => transaction.remove(full).map_err(GitError::library(attempt()))?,
    }
    transaction.commit().map_err(GitError::library(attempt()))?;
    Ok(RefSwapped::Swapped)
}

/// What a ref points to; `None`: there is none. A symbolic ref is refused: writing through it would move another.
pub(super) fn target(raw: &git2::Repository, full: &str) -> Result<Option<Oid>, GitError> {
    match raw.find_reference(full) {
        Ok(found) if found.kind() == Some(ReferenceType::Direct) => Ok(found.target()),
        Ok(_) => Err(GitError::refused(format!("read {full}"), "it is a symbolic ref")),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(GitError::library(format!("read {full}"))(error)),
    }
}

/// `a/b` cannot be made while `a` or `a/b/c` exists, packed or loose.
fn refuse_overlap(raw: &git2::Repository, full: &str) -> Result<(), GitError> {
    let attempt = || format!("create {full}");
    for (at, _) in full.match_indices('/').skip(1) {
        let above = full.get(..at).unwrap_or_default();
        if git2::Reference::is_valid_name(above) && target(raw, above)?.is_some() {
            return Err(GitError::refused(attempt(), format!("{above} exists")));
        }
    }
    let mut below = raw.references_glob(&format!("{full}/*")).map_err(GitError::library(attempt()))?;
    match below.next() {
        Some(_) => Err(GitError::refused(attempt(), "refs exist below it")),
        None => Ok(()),
    }
}
