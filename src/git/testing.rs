//! A repository in a temporary folder, for tests.

#![expect(clippy::disallowed_methods, reason = "tests make files and run git")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bpctl_core::model::{RepoPath, Timestamp};

use super::{Repository, Signature};

/// A repository with a work tree on `main`, and one commit.
pub(crate) struct TestRepo {
    folder: tempfile::TempDir,
    pub(crate) repository: Arc<Repository>,
}

impl TestRepo {
    pub(crate) fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        git(folder.path(), &["init", "--quiet", "--initial-branch=main"])?;
        std::fs::write(folder.path().join("readme"), "hello\n")?;
        git(folder.path(), &["add", "."])?;
        git(folder.path(), &["commit", "--quiet", "-m", "first"])?;
        let repository = Arc::new(Repository::discover(folder.path())?);
        Ok(Self { folder, repository })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Another handle on the same repository, as another process would have.
    pub(crate) fn again(&self) -> Result<Arc<Repository>> {
        Ok(Arc::new(Repository::discover(self.path())?))
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> Result<String> {
        git(self.path(), arguments)
    }

    pub(crate) fn head(&self) -> Result<String> {
        self.repository.head_commit()?.context("no commit")
    }

    /// A commit on top of another; no ref moves.
    pub(crate) fn commit(&self, parent: &str, changes: &[(&str, Option<&str>)], email: &str) -> Result<String> {
        let changes: BTreeMap<RepoPath, Option<Vec<u8>>> = changes
            .iter()
            .map(|(path, text)| Ok((RepoPath::new(*path)?, text.map(|t| t.as_bytes().to_vec()))))
            .collect::<Result<_>>()?;
        Ok(self.repository.commit_files(parent, &changes, &who(email), "a change\n")?)
    }
}

pub(crate) fn who(email: &str) -> Signature {
    let name = email.split('@').next().unwrap_or(email).to_owned();
    Signature { name, email: email.to_owned(), at: Timestamp::UNIX_EPOCH }
}

/// Runs the real `git`, as a person would.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("git")
        .current_dir(folder)
        .env_remove("GIT_DIR")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .args(["-c", "user.name=Paul", "-c", "user.email=paul@example.com", "-c", "gc.auto=0"])
        .args(["-c", "protocol.file.allow=always"])
        .args(arguments)
        .output()?;
    ensure!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

pub(crate) fn paths(texts: &[&str]) -> Result<Vec<RepoPath>> {
    texts.iter().map(|text| Ok(RepoPath::new(*text)?)).collect()
}
