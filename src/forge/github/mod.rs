//! GitHub, github.com or Enterprise: the REST API for records, GraphQL for what REST does not tell, the `git` program for commits and
//! branches.
//!
//! What the server cannot tell is unknown here, never guessed:
//! - Who bpctl is decides what it may do. Only an app of its own merges: what a workflow's `GITHUB_TOKEN` or a person merges, others could as
//!   well, and a person's token would be that person's vote.
//! - Who pushed last is what the repository's activity records for this very head.
//! - Checks are told apart by the app that wrote them (T29), statuses by the account. bpctl writes check runs where it is an app, else statuses:
//!   GitHub lets nobody else write check runs.
//! - Who co-wrote a commit is asked by GraphQL, which knows the accounts behind the addresses.
//!
//! See `docs/GITHUB.md` for what the token has to be allowed.

mod abilities;
mod api;
mod armed;
mod checks;
mod comments;
mod facts;
mod issues;
mod labels;
mod merge;
mod people;
mod rules;
mod signed;
mod token;
mod wire;
mod write;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod moving;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use bpctl_core::govern::MergePermit;
use bpctl_core::model::{BaseTip, RepoPath, Timestamp, Untrusted};
use bpctl_core::observe::{CheckConclusion, CheckRun, Identity, Known, PullFacts, Rights};
use bpctl_core::render::marks::Marks;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use self::api::{Api, locked};
use self::wire::{Pull, Repo, User};
use super::landed::Pin;
use super::{
    Answer, ArmedPull, BranchName, Check, Clock, Created, Forge, ForgeError, ForgeWrite, IssueFilter, Landed, NewPull,
    OwnComment, OwnIssue, PullFilter, PullSummary, Swapped, moves,
};
use crate::git::remote::GitRemote;
use crate::git::{GitError, Repository};
use crate::runtime;

pub use self::token::Credentials;

/// Where a repository on GitHub is, and who asks.
#[derive(Debug, Clone)]
pub struct GithubOptions {
    /// The server's address as people open it: `https://github.com`, `https://github.example.org`.
    pub server: Url,
    /// The user or organisation that owns the repository.
    pub owner: String,
    /// The repository's name.
    pub repo: String,
    /// Who bpctl is there.
    pub credentials: Credentials,
    /// The protected branch that proposals go to.
    pub base_branch: String,
    /// The local repository that keeps fetched commits.
    pub git_dir: PathBuf,
}

/// Where the parts of a server are.
#[derive(Debug, Clone)]
struct Places {
    api: Url,
    graphql: Url,
    git: Url,
}

/// A repository on GitHub.
pub struct GithubForge {
    api: Api,
    repository: Arc<Repository>,
    server: Url,
    git: Url,
    owner: String,
    repo: String,
    base: BranchName,
    me: OnceLock<Me>,
    /// The remote, with the token that it was made with.
    remote: Mutex<Option<(SecretString, Arc<GitRemote>)>>,
    /// What reviewers may do, by their id: asked once in a run.
    rights: Mutex<HashMap<u64, Known<Rights>>>,
    /// Who closed a pull request, by its number and when.
    closers: Mutex<HashMap<(u64, Timestamp), Option<User>>>,
    /// By number: the pull requests that the forge merges by itself as bpctl told it to, as they were seen last.
    armed: Mutex<HashMap<u64, Armed>>,
}

/// A pull request that the forge merges by itself.
#[derive(Debug, Clone)]
struct Armed {
    /// Its id for GraphQL.
    pull: String,
    /// Once its rules hold.
    auto: bool,
    /// By the merge queue.
    queued: bool,
}

/// Who bpctl is.
#[derive(Debug, Clone)]
struct Me {
    user: User,
    /// The app's id, where it is one and the server tells.
    app: Option<u64>,
    role: Role,
}

/// What kind of account that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A token of a person, or of a machine account that the server takes for one.
    Person,
    /// The token of a workflow's run.
    Workflow,
    /// An app of bpctl's own.
    App,
}

impl std::fmt::Debug for GithubForge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GithubForge")
            .field("server", &self.server.as_str())
            .field("owner", &self.owner)
            .field("repo", &self.repo)
            .finish_non_exhaustive()
    }
}

impl GithubForge {
    /// Gets ready to talk to the server; nothing is sent yet.
    ///
    /// # Errors
    /// An address, a name, an app's key or a local repository that cannot be used.
    pub fn connect(options: GithubOptions) -> Result<Self, ForgeError> {
        let places = places(&options)?;
        Self::connect_at(options, places)
    }

    fn connect_at(options: GithubOptions, places: Places) -> Result<Self, ForgeError> {
        let GithubOptions { server, owner, repo, credentials, base_branch, git_dir } = options;
        for name in [&owner, &repo] {
            let good = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
            if !good || name == "." || name == ".." || name.starts_with('-') {
                return Err(ForgeError::Input {
                    message: format!("{name:?} is not the name of an owner or a repository on GitHub"),
                    hint: Some("give the owner and the repository as OWNER/REPO".into()),
                });
            }
        }
        let base = base_branch_of(base_branch)?;
        let Places { api, graphql, git } = places;
        let api = Api::new(&api, graphql, [owner.clone(), repo.clone()], credentials)?;
        let attempt = format!("use {owner}/{repo} of {server}");
        let repository =
            Repository::discover(&git_dir).map_err(|source: GitError| ForgeError::Git { attempt, source })?;
        Ok(Self {
            api,
            repository: Arc::new(repository),
            server,
            git,
            owner,
            repo,
            base,
            me: OnceLock::new(),
            remote: Mutex::default(),
            rights: Mutex::default(),
            closers: Mutex::default(),
            armed: Mutex::default(),
        })
    }

    /// The same forge with the base branch that the server itself calls the default: no file of the repository has a say.
    pub async fn on_default_branch(self) -> Result<Self, ForgeError> {
        let branch = self.settings().await?.default_branch;
        self.on_branch(branch)
    }

    /// The same forge with another base branch.
    pub fn on_branch(self, branch: String) -> Result<Self, ForgeError> {
        Ok(Self { base: base_branch_of(branch)?, ..self })
    }

    /// A path below the repository's.
    fn path<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        [&["repos", self.owner.as_str(), self.repo.as_str()], rest].concat()
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

    async fn settings(&self) -> Result<Repo, ForgeError> {
        let attempt = format!("read the settings of {}", self.name());
        self.api.read(&attempt, &self.path(&[])).await
    }

    async fn wire_pull(&self, number: u64) -> Result<Pull, ForgeError> {
        let attempt = format!("read pull request #{number} of {}", self.name());
        self.api.read(&attempt, &self.path(&["pulls", &number.to_string()])).await
    }

    /// The repository on the server, for the token of now.
    async fn remote(&self) -> Result<Arc<GitRemote>, ForgeError> {
        let token = self.api.token().await?;
        let mut kept = locked(&self.remote);
        if let Some((with, remote)) = &*kept
            && with.expose_secret() == token.expose_secret()
        {
            return Ok(Arc::clone(remote));
        }
        let attempt = format!("use {} of {}", self.name(), self.server);
        let remote = GitRemote::new(Arc::clone(&self.repository), self.git.as_str(), Some(&token))
            .map_err(|source| ForgeError::Git { attempt, source })?;
        let remote = Arc::new(remote);
        *kept = Some((token, Arc::clone(&remote)));
        Ok(remote)
    }

    /// Whether a commit is here.
    fn has(&self, commit: &str) -> bool {
        self.repository.resolve(commit).is_ok_and(|found| found.is_some())
    }

    /// Brings full refs here.
    async fn fetch(&self, refs: &[String]) -> Result<BTreeMap<String, String>, ForgeError> {
        let attempt = format!("fetch commits of {}", self.name());
        self.remote().await?.fetch(refs).await.map_err(|source| ForgeError::Git { attempt, source })
    }
}

fn base_branch_of(name: String) -> Result<BranchName, ForgeError> {
    let message = "the base branch's name is not one that Git takes".into();
    BranchName::new(name).ok_or(ForgeError::Input { message, hint: None })
}

/// github.com and the data-residency hosts of ghe.com have an API host of their own; an Enterprise server has paths.
fn places(options: &GithubOptions) -> Result<Places, ForgeError> {
    let server = &options.server;
    let bad = |_| ForgeError::Input { message: format!("{server} is no address of a GitHub server"), hint: None };
    let below = |path: &str| {
        let mut url = server.clone();
        url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
        url
    };
    let host = server.host_str().unwrap_or_default();
    let api = if host == "github.com" || host.ends_with(".ghe.com") {
        Url::parse(&format!("https://api.{host}/")).map_err(bad)?
    } else {
        below("api/v3")
    };
    let graphql = if api.path() == "/" { api.join("graphql").map_err(bad)? } else { below("api/graphql") };
    Ok(Places { api, graphql, git: below(&format!("{}/{}.git", options.owner, options.repo)) })
}

#[async_trait]
impl Forge for GithubForge {
    fn kind(&self) -> &'static str {
        "github"
    }

    fn pull_url(&self, number: u64) -> String {
        self.page(&["pull", &number.to_string()]).into()
    }

    fn line_url(&self, commit: &str, path: &RepoPath, line: usize) -> Option<String> {
        let mut url = self.page(&["blob", commit]);
        url.path_segments_mut().ok()?.extend(path.as_str().split('/'));
        url.set_fragment(Some(&format!("L{line}")));
        Some(url.into())
    }

    async fn clock(&self) -> Result<Clock, ForgeError> {
        let told = match self.api.now() {
            Some(now) => Some(now),
            None => self.api.ask_time().await?,
        };
        Ok(told
            .map_or_else(|| Clock { now: runtime::now(), from_server: false }, |now| Clock { now, from_server: true }))
    }

    async fn identity(&self) -> Result<Identity, ForgeError> {
        let me = self.me().await?.user.clone();
        Ok(self.identity_of(Some(&me)))
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
        self.me().await?;
        let wires = self.list_pulls(filter).await?;
        self.summaries(wires).await
    }

    async fn pull(&self, number: u64) -> Result<PullFacts, ForgeError> {
        self.facts(number).await
    }

    fn labels_apart(&self) -> bool {
        true
    }

    fn shows_marks(&self) -> bool {
        self.me.get().is_some_and(|me| me.app.is_some())
    }

    async fn checks(&self, commit: &str) -> Result<Vec<CheckRun>, ForgeError> {
        self.all_checks(commit).await
    }

    async fn abilities(&self) -> Result<Vec<Check>, ForgeError> {
        self.looked_over().await
    }

    async fn armed(&self) -> Result<Vec<ArmedPull>, ForgeError> {
        self.all_armed().await
    }

    fn is_armed(&self, number: u64) -> bool {
        locked(&self.armed).contains_key(&number)
    }

    async fn keeps_each_commit(&self) -> Result<bool, ForgeError> {
        let settings = self.settings().await?;
        if settings.allow_rebase_merge == Some(false) {
            return Ok(false);
        }
        let (protection, _) = self.protection().await?;
        Ok(protection.methods.is_none_or(|methods| methods.iter().any(|method| method == "rebase")))
    }

    fn issue_url(&self, number: u64) -> Option<String> {
        Some(self.page(&["issues", &number.to_string()]).into())
    }

    async fn issues(&self, which: IssueFilter, marker: &str) -> Result<Vec<OwnIssue>, ForgeError> {
        self.own_issues(which, marker).await
    }

    async fn comments(&self, number: u64, marker: &str) -> Result<Vec<OwnComment>, ForgeError> {
        self.marked_comments(number, marker).await
    }
}

#[async_trait]
impl ForgeWrite for GithubForge {
    async fn create_branch(&self, branch: &BranchName, commit: &str) -> Result<Created, ForgeError> {
        moves::create(&*self.remote().await?, branch, commit).await
    }

    async fn update_branch(&self, branch: &BranchName, from: &str, to: &str) -> Result<Swapped, ForgeError> {
        moves::update(&*self.remote().await?, branch, from, to).await
    }

    async fn append(&self, branch: &BranchName, from: &str, to: &str) -> Result<Swapped, ForgeError> {
        self.append_signed(branch, from, to).await
    }

    async fn delete_branch(&self, branch: &BranchName, at: &str) -> Result<Swapped, ForgeError> {
        moves::delete(&*self.remote().await?, branch, at).await
    }

    async fn open_pull(&self, pull: &NewPull) -> Result<u64, ForgeError> {
        self.propose(pull).await
    }

    async fn label_pull(&self, number: u64, labels: &[String]) -> Result<Option<Untrusted>, ForgeError> {
        self.label(number, labels).await
    }

    async fn update_pull(&self, number: u64, title: &str, body: &str) -> Result<(), ForgeError> {
        self.reword(number, title, body).await
    }

    async fn close_pull(&self, number: u64, comment: &str) -> Result<(), ForgeError> {
        self.say(number, comment).await?;
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
        self.write_check(commit, name, conclusion, summary, &Marks::default()).await
    }

    async fn set_marked_check(
        &self,
        commit: &str,
        name: &str,
        conclusion: CheckConclusion,
        summary: &str,
        marks: &Marks,
    ) -> Result<(), ForgeError> {
        self.write_check(commit, name, conclusion, summary, marks).await
    }

    async fn disarm(&self, number: u64) -> Result<(), ForgeError> {
        self.take_back(number).await
    }

    async fn merge(&self, permit: MergePermit, message: &str) -> Result<Landed, ForgeError> {
        self.land(Pin::of(&permit), message).await
    }

    async fn answer(&self, number: u64, _: &str, _: Answer, _: &str) -> Result<(), ForgeError> {
        Err(ForgeError::Unsupported(format!(
            "on GitHub a review is made on the pull request's own page, by a person who is signed in there: {}",
            self.pull_url(number)
        )))
    }
}
