//! Opens what every command needs: the repository and the forge.

use std::path::Path;
use std::sync::Arc;

use bpctl_core::blueprint::{ForgeKind, Workspace};
use bpctl_core::model::Untrusted;
use bpctl_core::observe::Identity;
use secrecy::{ExposeSecret as _, SecretString};

use super::PipelineError;
use super::address::{Address, is_folder};
use crate::forge::gitea::{GiteaForge, GiteaOptions};
use crate::forge::github::{Credentials, GithubForge, GithubOptions};
use crate::forge::local::{LocalForge, LocalOptions, SigningKey};
use crate::forge::offline::OfflineForge;
use crate::forge::{Forge, ForgeWrite};
use crate::git::{Repository, SshKey};
use crate::runtime;

/// What the command line and the environment say about access.
#[derive(Debug, Default)]
pub struct SessionOptions {
    /// The forge's token.
    pub token: Option<SecretString>,
    /// The private key that signs approvals on the local forge.
    pub signing_key: Option<std::path::PathBuf>,
    /// Who a person is on the local forge where nothing is signed; default `bpctl`.
    pub identity: Option<String>,
    /// Go on by what was fetched last where the forge does not answer: to look, and not to write.
    pub looks_only: bool,
}

/// A forge, as far as it can be reached.
pub enum ForgeAccess {
    /// Base only: no token was given, or the forge does not answer.
    Offline(OfflineForge),
    /// This clone's own branches, only to look at: `origin` is a server that is not asked by http, and nobody says what serves it. What stands here may be
    /// unpushed and unreviewed.
    Undecided(Box<LocalForge>),
    /// All.
    Full(Box<dyn ForgeWrite>),
}

impl std::fmt::Debug for ForgeAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ForgeAccess").field(&self.reading().kind()).finish()
    }
}

impl ForgeAccess {
    /// The reading half.
    pub fn reading(&self) -> &dyn Forge {
        match self {
            Self::Offline(forge) => forge,
            Self::Undecided(forge) => forge.as_ref(),
            Self::Full(forge) => forge.as_ref(),
        }
    }

    /// Why the forge does not answer, where it was asked and does not.
    pub fn unanswered(&self) -> Option<&str> {
        match self {
            Self::Offline(forge) => forge.unanswered(),
            Self::Undecided(_) | Self::Full(_) => None,
        }
    }

    /// What keeps anything from being written here, where nobody says which forge it is, and what mends it.
    pub fn undecided(&self) -> Option<(&'static str, &'static str)> {
        matches!(self, Self::Undecided(_)).then_some((
            "the remote `origin` is on a server, and its address does not tell what serves it: this clone's own branches are looked at, and nothing is written",
            "write `forge: gitea` or `forge: github` into bpctl.yaml on the base branch, or `forge: local` where this clone's own branch is what counts",
        ))
    }

    /// The writing half.
    pub fn writing(&self) -> Result<&dyn ForgeWrite, PipelineError> {
        match self {
            Self::Full(forge) => Ok(forge.as_ref()),
            Self::Undecided(_) => {
                let (told, mend) = self.undecided().unwrap_or_default();
                Err(PipelineError::told(told, mend))
            }
            Self::Offline(_) => Err(PipelineError::told(
                "this needs the forge, and no token was given",
                "set BPCTL_TOKEN to a token that can read and write this repository, on GitHub BPCTL_APP_ID and BPCTL_APP_KEY, or set `forge: local` in bpctl.yaml",
            )),
        }
    }
}

/// What a stage that only reads is handed (B4): no way leads from here to what writes.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// The repository.
    pub repository: &'a Repository,
    /// The forge's reading half.
    pub forge: &'a dyn Forge,
}

impl std::fmt::Debug for Reading<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Reading").field(&self.forge.kind()).finish()
    }
}

/// The repository and its forge.
#[derive(Debug)]
pub struct Session {
    /// The repository.
    pub repository: Arc<Repository>,
    /// The forge.
    pub forge: ForgeAccess,
}

impl Session {
    /// Opens the repository that holds `folder`, and its forge. The work tree only says which kind of forge to talk to; which branch is the
    /// protected base is never read from it (X5): the root of trust is the forge's default branch, on the local forge `main` or `master`,
    /// and only that branch's own bpctl.yaml may name another base.
    pub async fn open(folder: &Path, workspace: &Workspace, options: SessionOptions) -> Result<Self, PipelineError> {
        let repository = Arc::new(Repository::discover(folder)?);
        super::ledger::named_author()?;
        if let Some(key) = runtime::secret(&["BPCTL_COMMIT_KEY"]) {
            let key = SshKey::of(key.expose_secret()).map_err(|error| {
                let source = super::error::cause(&error);
                PipelineError::told(
                    format!("BPCTL_COMMIT_KEY: {error}{source}"),
                    "make one with: ssh-keygen -t ed25519 -N '' -f FILE   (its path or its text is the variable's value)",
                )
            })?;
            repository.sign_with(key);
        }
        let forge = connect(&repository, workspace, options).await?;
        Ok(Self { repository, forge })
    }

    /// What of it only reads.
    pub fn reading(&self) -> Reading<'_> {
        Reading { repository: &self.repository, forge: self.forge.reading() }
    }
}

async fn connect(
    repository: &Arc<Repository>,
    workspace: &Workspace,
    options: SessionOptions,
) -> Result<ForgeAccess, PipelineError> {
    let origin = repository.remote_url("origin")?;
    let address = origin.as_deref().map(Address::of).transpose()?.flatten();
    let elsewhere = origin.as_deref().is_some_and(|origin| !is_folder(origin));
    let known = address.as_ref().map_or(ForgeKind::Local, Address::kind);
    let kind = if workspace.forge == ForgeKind::Auto { known } else { workspace.forge };
    if kind == ForgeKind::Local {
        let said = workspace.forge == ForgeKind::Local;
        if (known != ForgeKind::Local || elsewhere && said) && !may_be_local(repository, known)? {
            return Err(PipelineError::told(
                "the work tree's bpctl.yaml says `forge: local`, and the base branch of the remote `origin` does not",
                "merge that line into the base branch first, and git fetch origin",
            ));
        }
        let root = match default_branch(repository)? {
            Some(default) => local_root(repository, &[heads(&default), fetched(&default)])?,
            None => local_root(repository, &USUAL.map(heads))?,
        };
        let forge = local(repository, root, &options)?;
        let undecided = workspace.forge == ForgeKind::Auto && elsewhere;
        return Ok(if undecided {
            ForgeAccess::Undecided(Box::new(forge))
        } else {
            ForgeAccess::Full(Box::new(forge))
        });
    }
    // The work tree of a pull request may not lead away from a server that is known (X5).
    if known == ForgeKind::Github && kind != ForgeKind::Github {
        return Err(PipelineError::told(
            "bpctl.yaml says `forge: gitea`, and the remote `origin` is a repository on GitHub",
            "write `forge: github`, or leave the line out",
        ));
    }
    let address = address.ok_or_else(|| {
        let name = if kind == ForgeKind::Github { "github" } else { "gitea" };
        PipelineError::told(
            format!("bpctl.yaml says `forge: {name}`, but the remote `origin` is no address on a server"),
            "git remote add origin https://SERVER/OWNER/REPOSITORY.git",
        )
    })?;
    let base_branch = workspace.base.clone();
    let git_dir = repository.path().to_owned();
    let Address { server, owner, repo, .. } = address;
    let looks_only = options.looks_only;
    let connected = if kind == ForgeKind::Github {
        // An app may do more than the token of a workflow, which stands beside it wherever there is one.
        let app = Credentials::app_from_environment()?;
        let Some(credentials) = app.or(options.token.map(Credentials::Token)) else { return offline(repository, None) };
        github(repository, GithubOptions { server, owner, repo, credentials, base_branch, git_dir }).await
    } else {
        let token = options.token.or_else(|| runtime::secret(&["GITEA_TOKEN"]));
        let Some(token) = token else { return offline(repository, None) };
        let bots = Vec::new();
        gitea(repository, GiteaOptions { api: server, owner, repo, token, base_branch, git_dir, bots }).await
    };
    match connected {
        Err(PipelineError::Forge(error)) if looks_only => offline(repository, Some(error.to_string())),
        forge => Ok(ForgeAccess::Full(forge?)),
    }
}

async fn github(repository: &Repository, options: GithubOptions) -> Result<Box<dyn ForgeWrite>, PipelineError> {
    let forge = GithubForge::connect(options)?.on_default_branch().await?;
    Ok(Box::new(match other_base(repository, &forge).await? {
        Some(named) => forge.on_branch(named)?,
        None => forge,
    }))
}

async fn gitea(repository: &Repository, options: GiteaOptions) -> Result<Box<dyn ForgeWrite>, PipelineError> {
    let forge = GiteaForge::connect(options)?.on_default_branch().await?;
    Ok(Box::new(match other_base(repository, &forge).await? {
        Some(named) => forge.on_branch(named)?,
        None => forge,
    }))
}

/// The base branch as last fetched: there is no token, or the forge does not answer whoever only looks, and why.
fn offline(repository: &Arc<Repository>, unanswered: Option<String>) -> Result<ForgeAccess, PipelineError> {
    let base = local_root(repository, &server_roots(repository)?)?;
    Ok(ForgeAccess::Offline(OfflineForge::new(repository.clone(), base, unanswered)))
}

/// What default branches are called.
pub(super) const USUAL: [&str; 2] = ["main", "master"];

pub(super) fn heads(name: &str) -> String {
    format!("refs/heads/{name}")
}

pub(super) fn fetched(name: &str) -> String {
    format!("refs/remotes/origin/{name}")
}

/// Where the default branch of a server stands here, as it was fetched first. The usual names count only where nobody said which it is: anybody
/// who may push can make a branch of one of them.
fn server_roots(repository: &Repository) -> Result<Vec<String>, PipelineError> {
    let default = default_branch(repository)?;
    let names = default.as_deref().map_or(USUAL.to_vec(), |default| vec![default]);
    let (here, there) = (names.iter().copied().map(heads), names.iter().copied().map(fetched));
    Ok(there.chain(here).collect())
}

/// The default branch of `origin`, by what started this job or by what the clone was told. Neither is of the work tree's making.
fn default_branch(repository: &Repository) -> Result<Option<String>, PipelineError> {
    let event = runtime::event().ok().flatten();
    let told = event.as_ref().and_then(|event| event.pointer("/repository/default_branch")?.as_str());
    match told {
        Some(told) => Ok(Some(told.to_owned())),
        None => Ok(repository.remote_head("origin")?),
    }
}

/// Whether the base that a workspace would name is there, where that is another than today's: nothing is judged by a branch that is not.
pub(super) fn has_base(repository: &Repository, after: &Workspace, before: &Workspace) -> Result<(), PipelineError> {
    let named = after.base.as_str();
    let mut places = [heads(named), fetched(named)].into_iter();
    let is_there = |place: String| Ok::<_, PipelineError>(repository.ref_target(&place)?.is_some());
    if named == before.base
        || places.try_fold(false, |found, place| Ok::<_, PipelineError>(found || is_there(place)?))?
    {
        return Ok(());
    }
    Err(PipelineError::told(
        format!("bpctl.yaml would name the base branch {}, and there is none here", named.escape_debug()),
        "make the branch first, and fetch it",
    ))
}

/// The base that the default branch's own bpctl.yaml names, where that is another.
async fn other_base(repository: &Repository, forge: &dyn Forge) -> Result<Option<String>, PipelineError> {
    let root = forge.base_tip().await?;
    Ok(named_base(repository, root.commit())?.filter(|named| named != root.branch()))
}

/// The base that a commit's own bpctl.yaml names.
fn named_base(repository: &Repository, commit: &str) -> Result<Option<String>, PipelineError> {
    Ok(super::tree::workspace_at(repository, commit)?.map(|workspace| workspace.base))
}

/// The base branch of a repository without a server to ask: what the operator's environment says, else the first of these refs that is
/// there; its own bpctl.yaml may name another branch. The work tree has no say.
fn local_root(repository: &Repository, roots: &[String]) -> Result<String, PipelineError> {
    if let Some(base) = runtime::variable("BPCTL_BASE") {
        return Ok(base);
    }
    for root in roots {
        let Some(commit) = repository.ref_target(root)? else { continue };
        let own = root.rsplit('/').next().unwrap_or("main").to_owned();
        return Ok(named_base(repository, &commit)?.unwrap_or(own));
    }
    if repository.resolve("HEAD")?.is_none() {
        let told = "there is no commit here yet, and bpctl reads the rules from commits";
        return Err(PipelineError::told(told, "git add --all && git commit"));
    }
    let fetched = if repository.remote_url("origin")?.is_some() { "git branch main origin/main, or " } else { "" };
    Err(PipelineError::told(
        "which branch is the protected base? There is neither main nor master here",
        format!("{fetched}say it in your own environment: BPCTL_BASE=BRANCH (the work tree's bpctl.yaml may not)"),
    ))
}

/// A work tree may not leave a server for the local forge: where there is a server, its branches have to say so. Of one that names no forge
/// nothing may have been fetched yet.
fn may_be_local(repository: &Repository, known: ForgeKind) -> Result<bool, PipelineError> {
    for root in server_roots(repository)? {
        let Some(commit) = repository.ref_target(&root)? else { continue };
        if let Some(workspace) = super::tree::workspace_at(repository, &commit)? {
            return Ok(workspace.forge == ForgeKind::Local);
        }
    }
    Ok(known == ForgeKind::Local || runtime::variable("BPCTL_BASE").is_some())
}

fn local(repository: &Arc<Repository>, base: String, options: &SessionOptions) -> Result<LocalForge, PipelineError> {
    let me = |name: &str, bot| Identity { id: name.into(), login: Untrusted::new(name), bot };
    let signer = options.signing_key.as_deref().map(SigningKey::load).transpose().map_err(|error| {
        let source = super::error::cause(&error);
        PipelineError::told(
            format!("{error}{source}"),
            "make one with: ssh-keygen -t ed25519 -N '' -f FILE   (and add its public line to the allowed signers on the base branch)",
        )
    })?;
    let tip = repository.ref_target(&format!("refs/heads/{base}"))?.ok_or_else(|| {
        let remote = repository.ref_target(&format!("refs/remotes/origin/{base}")).ok().flatten();
        let hint = if remote.is_some() {
            format!("it is the base that changes are merged into: git branch {base} origin/{base}")
        } else {
            // A commit, a tag or HEAD may be what was named: no branch of such a name would help.
            "name the branch that changes are merged into (git branch --list), in bpctl.yaml's `base` or in BPCTL_BASE"
                .into()
        };
        PipelineError::told(format!("there is no branch {base}"), hint)
    })?;
    let allowed_signers = super::tree::base_signers(repository, &tip)?;
    Ok(LocalForge::open(
        repository.clone(),
        LocalOptions {
            base_branch: base,
            allowed_signers,
            me: options.identity.as_deref().map_or_else(|| me("bpctl", true), |name| me(name, false)),
            clock: Arc::new(runtime::now),
            signer,
        },
    )?)
}
