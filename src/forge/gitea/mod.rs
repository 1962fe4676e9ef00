//! Gitea and Forgejo: the REST API for records, the `git` program for commits and branches.
//!
//! What the server cannot tell is unknown here, never guessed:
//! - Rights of reviewers and the protection rule in full are shown to administrators of the repository only; without
//!   that, no approval counts.
//! - A machine account is one that the server's users hold and its search for people does not (`--user-type bot`), the
//!   server's own (Actions, Ghost), or one that [`GiteaOptions::bots`] names.
//! - Who pushed last is what the timeline or the activity feed records for this very head; the entry that the server makes up
//!   when a pull request is opened names its author and is not believed. Pushes with a deploy key are recorded as the
//!   repository owner's.
//! - A commit status names the account that wrote it: that account takes the place of an app's id (T29).
//!
//! The token needs the scopes `write:repository`, `write:issue` and `read:user`.

mod abilities;
mod api;
mod checks;
mod comments;
mod facts;
mod issues;
mod labels;
mod merge;
mod people;
mod pusher;
mod wire;
mod write;

#[cfg(test)]
mod lab;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use bpctl_core::govern::MergePermit;
use bpctl_core::model::{BaseTip, RepoPath, Timestamp, Untrusted};
use bpctl_core::observe::{CheckConclusion, CheckRun, Identity, PullFacts};
use secrecy::SecretString;
use url::Url;

use self::api::{Api, Listing};
use self::wire::{Pull, RepositorySettings, User};
use super::{
    Answer, BranchName, Check, Clock, Created, Forge, ForgeError, ForgeWrite, IssueFilter, Landed, NewPull, OwnComment,
    OwnIssue, PullFilter, PullSummary, Swapped, moves,
};
use crate::forge::landed::Pin;
use crate::git::remote::GitRemote;
use crate::git::{GitError, Repository};

/// Where a repository on Gitea is, and who asks.
#[derive(Debug, Clone)]
pub struct GiteaOptions {
    /// The server's address, `https://git.example.org`, with the path that it is served under.
    pub api: Url,
    /// The user or organisation that owns the repository.
    pub owner: String,
    /// The repository's name.
    pub repo: String,
    /// An access token.
    pub token: SecretString,
    /// The protected branch that proposals go to.
    pub base_branch: String,
    /// The local repository that keeps fetched commits.
    pub git_dir: PathBuf,
    /// Logins of machine accounts that the server takes for people.
    pub bots: Vec<String>,
}

/// A repository on Gitea or Forgejo.
pub struct GiteaForge {
    api: Api,
    remote: GitRemote,
    server: Url,
    owner: String,
    repo: String,
    base: BranchName,
    /// In lower case: logins do not tell cases apart.
    bots: BTreeSet<String>,
    me: OnceLock<User>,
    /// By user id: is it a machine account?
    machines: Mutex<HashMap<i64, bool>>,
    /// The branches that this run made.
    made: Mutex<BTreeSet<BranchName>>,
}

impl std::fmt::Debug for GiteaForge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GiteaForge")
            .field("server", &self.server.as_str())
            .field("owner", &self.owner)
            .field("repo", &self.repo)
            .finish_non_exhaustive()
    }
}

impl GiteaForge {
    /// Gets ready to talk to the server; nothing is sent yet.
    ///
    /// # Errors
    /// An address, a name or a local repository that cannot be used.
    pub fn connect(options: GiteaOptions) -> Result<Self, ForgeError> {
        let GiteaOptions { api, owner, repo, token, base_branch, git_dir, bots } = options;
        for name in [&owner, &repo] {
            let good = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            if !good || name == "." || name == ".." || name.starts_with('-') {
                let message = format!("{name:?} is not the name of an owner or a repository on Gitea");
                return Err(ForgeError::Input {
                    message,
                    hint: Some("give the owner and the repository as OWNER/REPO".into()),
                });
            }
        }
        let base = BranchName::new(base_branch).ok_or_else(|| ForgeError::Input {
            message: "the base branch's name is not one that Git takes".into(),
            hint: None,
        })?;
        let client = Api::new(&api, &token)?;
        let git = |source: GitError| ForgeError::Git { attempt: format!("use {owner}/{repo} of {api}"), source };
        let mut address = api.clone();
        if let Ok(mut segments) = address.path_segments_mut() {
            segments.pop_if_empty().extend([owner.as_str(), &format!("{repo}.git")]);
        }
        let repository = Arc::new(Repository::discover(&git_dir).map_err(git)?);
        let remote = GitRemote::new(repository, address.as_str(), Some(&token)).map_err(git)?;
        let bots = bots.into_iter().map(|login| login.to_lowercase()).collect();
        let (me, machines, made) = (OnceLock::new(), Mutex::default(), Mutex::default());
        Ok(Self { api: client, remote, server: api, owner, repo, base, bots, me, machines, made })
    }

    /// The same forge with the base branch that the server itself calls the default: no file of the repository has a say.
    pub async fn on_default_branch(self) -> Result<Self, ForgeError> {
        let settings = self.settings().await?;
        self.on_branch(settings.default_branch)
    }

    async fn settings(&self) -> Result<RepositorySettings, ForgeError> {
        let attempt = format!("read the settings of {}", self.name());
        self.api.read(&attempt, &self.path(&[])).await
    }

    /// The same forge with another base branch.
    pub fn on_branch(self, branch: String) -> Result<Self, ForgeError> {
        let base = BranchName::new(branch).ok_or_else(|| ForgeError::Input {
            message: "the base branch's name is not one that Git takes".into(),
            hint: None,
        })?;
        Ok(Self { base, ..self })
    }

    /// A path below the repository's.
    fn path<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        let mut path = vec!["repos", self.owner.as_str(), self.repo.as_str()];
        path.extend_from_slice(rest);
        path
    }

    /// A page below the repository's.
    fn page(&self, rest: &[&str]) -> Url {
        let mut url = self.server.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend([self.owner.as_str(), &self.repo]).extend(rest);
        }
        url
    }

    /// OWNER/REPO, for messages.
    fn name(&self) -> String {
        format!("{}/{}", self.owner, self.repo)
    }

    async fn me(&self) -> Result<&User, ForgeError> {
        if let Some(me) = self.me.get() {
            return Ok(me);
        }
        let me = self.api.read("ask the forge who bpctl is there", &["user"]).await?;
        Ok(self.me.get_or_init(|| me))
    }

    async fn wire_pull(&self, number: u64) -> Result<Pull, ForgeError> {
        let attempt = format!("read pull request #{number} of {}", self.name());
        self.api.read(&attempt, &self.path(&["pulls", &number.to_string()])).await
    }

    /// Whether a commit is here.
    fn has(&self, commit: &str) -> bool {
        self.remote.repository().resolve(commit).is_ok_and(|found| found.is_some())
    }

    /// Brings full refs here.
    async fn fetch(&self, refs: &[String]) -> Result<std::collections::BTreeMap<String, String>, ForgeError> {
        let attempt = format!("fetch commits of {}", self.name());
        self.remote.fetch(refs).await.map_err(|source| ForgeError::Git { attempt, source })
    }
}

#[async_trait]
impl Forge for GiteaForge {
    fn kind(&self) -> &'static str {
        "gitea"
    }

    fn pull_url(&self, number: u64) -> String {
        self.page(&["pulls", &number.to_string()]).into()
    }

    fn line_url(&self, commit: &str, path: &RepoPath, line: usize) -> Option<String> {
        let mut url = self.page(&["src", "commit", commit]);
        url.path_segments_mut().ok()?.extend(path.as_str().split('/'));
        url.set_fragment(Some(&format!("L{line}")));
        Some(url.into())
    }

    #[expect(clippy::disallowed_methods, reason = "an edge: a clock that says of itself that it is a local one")]
    async fn clock(&self) -> Result<Clock, ForgeError> {
        let attempt = "ask the forge for the time";
        match self.api.get(attempt, &["version"], &[]).await?.date {
            Some(now) => Ok(Clock { now, from_server: true }),
            None => Ok(Clock { now: Timestamp::now(), from_server: false }),
        }
    }

    async fn identity(&self) -> Result<Identity, ForgeError> {
        let me = self.me().await?.clone();
        self.whole_identity(&me).await
    }

    #[expect(clippy::disallowed_methods, reason = "the edge that reads the protected branch from the forge")]
    async fn base_tip(&self) -> Result<BaseTip, ForgeError> {
        match self.branch(&self.base).await? {
            Some(commit) => Ok(BaseTip::attest(self.base.as_str(), commit)),
            None => Err(ForgeError::Input {
                message: format!("{} has no branch {}", self.name(), self.base),
                hint: Some("name the protected branch in bpctl.yaml".into()),
            }),
        }
    }

    async fn branch(&self, branch: &BranchName) -> Result<Option<String>, ForgeError> {
        let full = branch.full();
        Ok(self.fetch(std::slice::from_ref(&full)).await?.remove(&full))
    }

    async fn pulls(&self, filter: PullFilter) -> Result<Vec<PullSummary>, ForgeError> {
        let wires = self.list_pulls(filter).await?;
        self.summaries(wires).await
    }

    async fn pull(&self, number: u64) -> Result<PullFacts, ForgeError> {
        self.facts(number).await
    }

    async fn checks(&self, commit: &str) -> Result<Vec<CheckRun>, ForgeError> {
        let statuses = self.statuses(commit).await?;
        Ok(self.check_runs(commit, &statuses))
    }

    async fn missing_labels(&self, wanted: &[String]) -> Result<Option<Vec<String>>, ForgeError> {
        self.labels_without(wanted).await.map(Some)
    }

    async fn abilities(&self) -> Result<Vec<Check>, ForgeError> {
        self.looked_over().await
    }

    async fn rebases(&self) -> Result<bool, ForgeError> {
        Ok(self.settings().await?.rebases())
    }

    async fn keeps_each_commit(&self) -> Result<bool, ForgeError> {
        Ok(self.settings().await?.keeps_each_commit())
    }

    fn issue_url(&self, number: u64) -> Option<String> {
        Some(self.page(&["issues", &number.to_string()]).into())
    }

    async fn issues(&self, which: IssueFilter, marker: &str) -> Result<Vec<OwnIssue>, ForgeError> {
        self.own_issues(which, marker).await
    }

    async fn comments(&self, number: u64, marker: &str) -> Result<Vec<OwnComment>, ForgeError> {
        self.own_comments(number, marker).await
    }
}

#[async_trait]
impl ForgeWrite for GiteaForge {
    async fn create_branch(&self, branch: &BranchName, commit: &str) -> Result<Created, ForgeError> {
        let created = moves::create(&self.remote, branch, commit).await?;
        if created == Created::Created {
            self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(branch.clone());
        }
        Ok(created)
    }

    async fn update_branch(&self, branch: &BranchName, from: &str, to: &str) -> Result<Swapped, ForgeError> {
        moves::update(&self.remote, branch, from, to).await
    }

    async fn delete_branch(&self, branch: &BranchName, at: &str) -> Result<Swapped, ForgeError> {
        moves::delete(&self.remote, branch, at).await
    }

    async fn open_pull(&self, pull: &NewPull) -> Result<u64, ForgeError> {
        self.propose(pull).await
    }

    async fn update_pull(&self, number: u64, title: &str, body: &str) -> Result<(), ForgeError> {
        self.reword(number, title, body).await
    }

    async fn close_pull(&self, number: u64, comment: &str) -> Result<(), ForgeError> {
        self.comment(number, comment).await?;
        self.close(number).await
    }

    async fn post_comment(&self, number: u64, body: &str) -> Result<OwnComment, ForgeError> {
        self.add_comment(number, body).await
    }

    async fn edit_comment(&self, number: u64, id: &str, body: &str) -> Result<(), ForgeError> {
        self.reword_comment(number, id, body).await
    }

    async fn remove_comment(&self, number: u64, id: &str) -> Result<(), ForgeError> {
        self.delete_comment(number, id).await
    }

    async fn open_issue(&self, title: &str, body: &str) -> Result<u64, ForgeError> {
        self.make_issue(title, body).await
    }

    async fn update_issue(&self, number: u64, title: &str, body: &str, open: bool) -> Result<(), ForgeError> {
        self.change_issue(number, title, body, open).await
    }

    async fn set_check(
        &self,
        commit: &str,
        name: &str,
        conclusion: CheckConclusion,
        summary: &str,
    ) -> Result<(), ForgeError> {
        self.write_status(commit, name, conclusion, summary).await
    }

    async fn merge(&self, permit: MergePermit, message: &str) -> Result<Landed, ForgeError> {
        self.land(Pin::of(&permit), message).await
    }

    async fn answer(&self, number: u64, _: &str, _: Answer, _: &str) -> Result<(), ForgeError> {
        Err(ForgeError::Unsupported(format!(
            "on Gitea a review is made on the pull request's own page, by a person who is signed in there: {}",
            self.pull_url(number)
        )))
    }
}

/// An account that is gone, or was never told.
fn ghost() -> Identity {
    Identity { id: "-1".into(), login: Untrusted::new("Ghost"), bot: true }
}
