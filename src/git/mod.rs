//! Git: objects, trees and refs through libgit2, by object id (T18, T20, T21).
//!
//! Links and submodules are never followed; hooks, filters, attributes, fsmonitor and the config of repository, user and
//! machine decide nothing here: libgit2 gets an empty config, merges and checkouts are done by bpctl over object ids. Of
//! the repository's config only `remote.*.url` is read, by a parser that follows no include. The network belongs to the
//! `git` program ([`program`], [`remote`]).

mod checkout;
mod config;
mod error;
mod graph;
mod history;
mod init;
mod lock;
mod merge;
pub mod program;
mod read;
mod rebase;
mod refs;
pub mod remote;
mod repository;
mod signing;
mod walk;
mod write;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use error::GitError;
pub use history::{CommitInfo, Person};
pub use lock::WriteLock;
pub use merge::MergedTree;
pub use read::{ChangedPath, Entry, MAX_FILE_BYTES};
pub use refs::{RefCreated, RefSwapped};
pub use repository::Repository;
pub use signing::{SigningError, SshKey};
pub use write::Signature;
