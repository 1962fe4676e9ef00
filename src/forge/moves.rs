//! Branches made, moved and deleted by compare-and-swap: a push with a lease, on every forge that is a server.

use super::{BranchName, Created, ForgeError, Swapped};
use crate::git::GitError;
use crate::git::remote::{GitRemote, Pushed};

fn git(what: &str, branch: &BranchName) -> impl FnOnce(GitError) -> ForgeError {
    let attempt = format!("{what} the branch {branch}");
    move |source| ForgeError::Git { attempt, source }
}

pub(super) async fn create(remote: &GitRemote, branch: &BranchName, commit: &str) -> Result<Created, ForgeError> {
    match remote.push(&branch.full(), commit, None).await.map_err(git("create", branch))? {
        Pushed::Done => Ok(Created::Created),
        Pushed::Already => Ok(Created::Exists(commit.into())),
        Pushed::Elsewhere(Some(commit)) => Ok(Created::Exists(commit)),
        Pushed::Elsewhere(None) => Err(ForgeError::Malformed {
            attempt: format!("create the branch {branch}"),
            why: "it came and went meanwhile".into(),
        }),
    }
}

pub(super) async fn update(
    remote: &GitRemote,
    branch: &BranchName,
    from: &str,
    to: &str,
) -> Result<Swapped, ForgeError> {
    match remote.push(&branch.full(), to, Some(from)).await.map_err(git("update", branch))? {
        Pushed::Done | Pushed::Already => Ok(Swapped::Swapped),
        Pushed::Elsewhere(now) => Ok(Swapped::Moved(now)),
    }
}

pub(super) async fn delete(remote: &GitRemote, branch: &BranchName, at: &str) -> Result<Swapped, ForgeError> {
    match remote.delete(&branch.full(), at).await.map_err(git("delete", branch))? {
        Pushed::Done => Ok(Swapped::Swapped),
        Pushed::Already => Ok(Swapped::Moved(None)),
        Pushed::Elsewhere(now) => Ok(Swapped::Moved(now)),
    }
}
