//! Commits that GitHub makes, and so signs (`verified`): those of an app alone, and only those that add, change and delete plain files.
//!
//! It is a compare-and-swap as a push with a lease is one: the commit is made on the head that is expected, or not at all. Its id is GitHub's,
//! so what became of an answer that was lost is told by what the branch has: the parent, the tree and the message, which names the run.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::{GithubForge, Role};
use crate::forge::{BranchName, Forge as _, ForgeError, Swapped, moves};
use crate::git::GitError;

/// What is sent in one request at most; more is pushed.
const MOST: usize = 4 << 20;
/// A plain file's mode: with any other the API would have to say one, and it has no word for it.
const PLAIN: u32 = 0o100_644;
/// How many commits that others put on top are looked through for one's own.
const LOOKED_THROUGH: usize = 32;

pub(super) const COMMIT: &str =
    "mutation($input: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $input) { commit { oid } } }";

impl GithubForge {
    /// Puts what `to` changes of `from` on a branch that points to `from`.
    pub(super) async fn append_signed(&self, branch: &BranchName, from: &str, to: &str) -> Result<Swapped, ForgeError> {
        let attempt = format!("append to the branch {branch} of {}", self.name());
        let git = |source| ForgeError::Git { attempt: attempt.clone(), source };
        let input =
            if self.me().await?.role == Role::App { self.as_input(branch, from, to).map_err(git)? } else { None };
        let Some(input) = input else { return moves::update(&*self.remote().await?, branch, from, to).await };
        let Err(error) = self.api.graphql::<IgnoredAny>(&attempt, COMMIT, json!({ "input": input }), true).await else {
            return Ok(Swapped::Swapped);
        };
        // Refused because it moved, or an answer that was lost (Z3): what the branch has decides.
        match self.branch(branch).await? {
            Some(now) if now == from => Err(error),
            Some(now) if self.holds_twin(&now, from, to).map_err(git)? => Ok(Swapped::Swapped),
            now => Ok(Swapped::Moved(now)),
        }
    }

    /// The commit as the API takes it; `None`: it says more than that does.
    pub(super) fn as_input(&self, branch: &BranchName, from: &str, to: &str) -> Result<Option<Value>, GitError> {
        let commit = self.repository.commit_info(to)?;
        if commit.parents != [from] {
            return Ok(None);
        }
        let (mut additions, mut deletions, mut size) = (Vec::new(), Vec::new(), 0);
        for changed in self.repository.diff_paths(from, to)? {
            let plain = [&changed.before, &changed.after].into_iter().flatten().all(|(_, mode)| *mode == PLAIN);
            let (Ok(path), true) = (changed.path, plain) else { return Ok(None) };
            match changed.after {
                Some((blob, _)) => {
                    let bytes = self.repository.read_blob(&blob)?;
                    size += bytes.len();
                    additions.push(json!({ "path": path.as_str(), "contents": STANDARD.encode(&bytes) }));
                }
                None => deletions.push(json!({ "path": path.as_str() })),
            }
        }
        let (title, text) = commit.message.raw().split_once('\n').unwrap_or((commit.message.raw(), ""));
        Ok((size <= MOST).then(|| {
            json!({
                "branch": { "repositoryNameWithOwner": self.name(), "branchName": branch.as_str() },
                "expectedHeadOid": from,
                "message": { "headline": title.trim(), "body": text.trim() },
                "fileChanges": { "additions": additions, "deletions": deletions },
            })
        }))
    }

    /// Whether a branch's history holds the commit that GitHub was to make of `to`, directly on `from`.
    fn holds_twin(&self, now: &str, from: &str, to: &str) -> Result<bool, GitError> {
        let wanted = self.repository.commit_info(to)?;
        let since = self.repository.first_parent_log(now, LOOKED_THROUGH)?;
        let first = since.iter().find(|commit| commit.parents.first().is_some_and(|parent| parent == from));
        let words = |text: &str| text.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>();
        Ok(first
            .is_some_and(|made| made.tree == wanted.tree && words(made.message.raw()) == words(wanted.message.raw())))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "tests")]

    use std::collections::BTreeMap;

    use bpctl_core::model::{RepoPath, Timestamp};

    use super::super::fake::{Answer, Fake, World};
    use super::super::tests::{on, proposal};
    use super::*;
    use crate::forge::ForgeWrite as _;
    use crate::git::Signature;

    const LEDGER: &str = "bpctl-ledger/test";

    /// A ledger's branch with one commit, and a commit that is to follow it: writes `2026/01/02.jsonl`, removes `a`.
    fn ledger(fake: &Fake, forge: &GithubForge, run: &str) -> (BranchName, String, String) {
        proposal(fake);
        let from = fake.with(|world| {
            let first = world.commit(&[], "a", "1", "owner");
            world.set_branch(LEDGER, &first, "owner");
            first
        });
        let to = next(forge, &from, run);
        (BranchName::new(LEDGER.to_owned()).unwrap(), from, to)
    }

    fn next(forge: &GithubForge, from: &str, run: &str) -> String {
        let path = |text: &str| RepoPath::new(text).unwrap();
        let changes = BTreeMap::from([(path("2026/01/02.jsonl"), Some(b"{}\n".to_vec())), (path("a"), None)]);
        let author =
            Signature { name: "bpctl".into(), email: "bpctl@localhost".into(), at: Timestamp::from_second(1).unwrap() };
        let message = format!("ledger: 1 entry of test\n\nBpctl-Run: {run}\n");
        forge.repository.commit_files(from, &changes, &author, &message).unwrap()
    }

    fn committer(world: &World) -> String {
        let repository = world.repository();
        let tip = repository.find_commit(world.tip(LEDGER).unwrap().parse().unwrap()).unwrap();
        tip.committer().name().unwrap().to_owned()
    }

    fn asked_graphql(world: &World) -> bool {
        world.log.iter().any(|(line, _)| line.contains("graphql"))
    }

    /// Would miss: another tree, parent or message than was meant; a commit that bpctl makes itself, unsigned, though GitHub would.
    #[tokio::test]
    async fn an_apps_append_is_githubs_own_commit_of_the_same_change() {
        let fake = Fake::new();
        let forge = on(&fake, "token-app");
        let (branch, from, to) = ledger(&fake, &forge, "r1");
        assert_eq!(forge.append(&branch, &from, &to).await.unwrap(), Swapped::Swapped);
        let tip = fake.with(|world| world.tip(LEDGER)).unwrap();
        let (made, meant) = (forge.repository.commit_info(&tip).unwrap(), forge.repository.commit_info(&to).unwrap());
        assert_ne!(made.id, meant.id);
        assert_eq!((made.tree, made.parents), (meant.tree, meant.parents));
        assert_eq!(made.message.raw().trim(), meant.message.raw().trim());
        assert_eq!(fake.with(|world| committer(world)), "GitHub");
    }

    /// Would miss: what came meanwhile overwritten, or one's own commit taken for another's after an answer that was lost, so that it is made twice;
    /// another run's equal commit taken for one's own.
    #[tokio::test]
    async fn z03_an_append_moves_the_branch_once_or_not_at_all() {
        let fake = Fake::new();
        let forge = on(&fake, "token-app");
        let (branch, from, to) = ledger(&fake, &forge, "r1");
        // Another run's, of the same entries.
        assert_eq!(forge.append(&branch, &from, &next(&forge, &from, "r2")).await.unwrap(), Swapped::Swapped);
        let theirs = fake.with(|world| world.tip(LEDGER));
        assert_eq!(forge.append(&branch, &from, &to).await.unwrap(), Swapped::Moved(theirs.clone()));
        assert_eq!(fake.with(|world| world.tip(LEDGER)), theirs);
        // The answer is lost, the commit is made, and somebody else's is on top of it by then.
        let from = theirs.unwrap();
        let again = next(&forge, &from, "r3");
        fake.with(|world| {
            world.fault =
                Some(Box::new(|line| line.contains("graphql").then(|| Answer(502, String::new(), Vec::new()))));
        });
        assert_eq!(forge.append(&branch, &from, &again).await.unwrap(), Swapped::Swapped);
        fake.with(|world| {
            let tip = world.tip(LEDGER).unwrap();
            let more = world.commit(&[&tip], "b", "2", "owner");
            world.set_branch(LEDGER, &more, "owner");
        });
        assert_eq!(forge.append(&branch, &from, &again).await.unwrap(), Swapped::Swapped);
        // A request that never arrived is an error, and nothing else.
        let tip = fake.with(|world| world.tip(LEDGER)).unwrap();
        let last = next(&forge, &tip, "r4");
        fake.with(|world| (world.fault, world.lost) = (None, Some("/graphql")));
        assert!(forge.append(&branch, &tip, &last).await.is_err());
        assert_eq!(fake.with(|world| world.tip(LEDGER)), Some(tip));
    }

    /// Would miss: a mode that is lost on the way, because the API has no word for it; a person's token whose name GitHub would sign with.
    #[tokio::test]
    async fn what_the_api_cannot_say_is_pushed() {
        let fake = Fake::new();
        let forge = on(&fake, "token-app");
        let (branch, from, to) = ledger(&fake, &forge, "r1");
        let person = on(&fake, "token-author");
        assert_eq!(person.append(&branch, &from, &to).await.unwrap(), Swapped::Swapped);
        assert_eq!(fake.with(|world| world.tip(LEDGER)).as_deref(), Some(to.as_str()));
        let program = fake.with(|world| {
            let repository = world.repository();
            let parent = repository.find_commit(to.parse().unwrap()).unwrap();
            let blob = repository.blob(b"#!/bin/sh\n").unwrap();
            let mut update = git2::build::TreeUpdateBuilder::new();
            update.upsert("run", blob, git2::FileMode::BlobExecutable);
            let tree = update.create_updated(&repository, &parent.tree().unwrap()).unwrap();
            world.commit_tree(&tree.to_string(), &[&to], "owner")
        });
        forge.me().await.unwrap();
        fake.with(|world| world.log.clear());
        assert_eq!(forge.append(&branch, &to, &program).await.unwrap(), Swapped::Swapped);
        assert_eq!(fake.with(|world| world.tip(LEDGER)).as_deref(), Some(program.as_str()));
        assert!(!fake.with(|world| asked_graphql(world)));
    }
}
