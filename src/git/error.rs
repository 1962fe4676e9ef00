//! What can go wrong with Git.

use bpctl_core::model::Untrusted;

/// A Git operation that failed.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// libgit2 refused.
    #[error("couldn't {attempt}")]
    Library {
        /// What was attempted: `read commit 1234`.
        attempt: String,
        /// Why.
        #[source]
        source: git2::Error,
    },
    /// The file system refused.
    #[error("couldn't {attempt}")]
    Io {
        /// What was attempted.
        attempt: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The `git` program failed.
    #[error("couldn't {attempt}: git ended with {}", .status.map_or_else(|| "a signal".to_owned(), |s| s.to_string()))]
    Program {
        /// What was attempted: `fetch main from origin`.
        attempt: String,
        /// Exit code; `None`: ended by a signal or a deadline.
        status: Option<i32>,
        /// What it said on stderr, as outside text.
        said: Untrusted,
    },
    /// bpctl refuses: the input, or what stands in the repository, is not something that it works with.
    #[error("couldn't {attempt}: {why}")]
    Refused {
        /// What was attempted.
        attempt: String,
        /// Why, in bpctl's own words.
        why: String,
    },
    /// Another process holds a lock for longer than bpctl waits.
    #[error("couldn't {attempt}: {lock} is held by another process")]
    Busy {
        /// What was attempted.
        attempt: String,
        /// The lock file.
        lock: String,
    },
    /// Files of the work tree that an update would overwrite were changed and not committed. Nothing was changed.
    #[error("couldn't {attempt}: uncommitted changes in {}", .files.join(", "))]
    LocalChanges {
        /// What was attempted.
        attempt: String,
        /// The files, as paths from the repository's root.
        files: Vec<String>,
    },
}

impl GitError {
    /// bpctl's own refusal.
    pub(crate) fn refused(attempt: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Refused { attempt: attempt.into(), why: why.into() }
    }

    /// Whether an object is not in the repository, which a shallow clone leaves out.
    pub(crate) fn is_missing_object(&self) -> bool {
        let missing = (git2::ErrorClass::Odb, git2::ErrorCode::NotFound);
        matches!(self, Self::Library { source, .. } if (source.class(), source.code()) == missing)
    }

    /// For `map_err` on libgit2's results.
    pub(crate) fn library(attempt: impl Into<String>) -> impl FnOnce(git2::Error) -> Self {
        move |source| Self::Library { attempt: attempt.into(), source }
    }

    /// For `map_err` on the file system's results.
    pub(crate) fn io(attempt: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { attempt: attempt.into(), source }
    }
}
