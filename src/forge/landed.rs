//! What a merge was permitted to be, and whether that is what landed (Z20).

use bpctl_core::govern::MergePermit;
use bpctl_core::model::Timestamp;

use super::{ForgeError, Landed};
use crate::git::GitError;
use crate::git::remote::GitRemote;

/// What a permit names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pin<'a> {
    pub(super) pull: u64,
    pub(super) head: &'a str,
    pub(super) base: &'a str,
    pub(super) base_branch: &'a str,
    pub(super) tree: &'a str,
}

impl<'a> Pin<'a> {
    pub(super) fn of(permit: &'a MergePermit) -> Self {
        Self {
            pull: permit.pull(),
            head: permit.head(),
            base: permit.base(),
            base_branch: permit.base_branch(),
            tree: permit.tree(),
        }
    }
}

/// Brings here what landed as `commit` on a branch, and compares it with what was permitted.
pub(super) async fn landed(
    remote: &GitRemote,
    branch: &str,
    pin: Pin<'_>,
    (commit, at): (String, Timestamp),
) -> Result<Landed, ForgeError> {
    let attempt = format!("read what landed as #{}", pin.pull);
    let git = |source: GitError| ForgeError::Git { attempt: attempt.clone(), source };
    remote.fetch(&[format!("refs/heads/{branch}")]).await.map_err(git)?;
    if !remote.fetch_commit(&commit).await.map_err(git)? {
        return Err(ForgeError::Malformed { attempt, why: format!("the forge does not serve {commit}") });
    }
    let landed = remote.repository().commit_info(&commit).map_err(git)?;
    // A merge commit brings the head in; a squash has one parent.
    let brings_head = landed.parents.len() < 2 || landed.parents.iter().any(|parent| parent == pin.head);
    Ok(Landed::Merged { commit, at, tree_as_permitted: landed.tree == pin.tree && brings_head })
}
