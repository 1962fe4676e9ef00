//! Opens what every command needs: the repository and the forge.

use std::path::Path;
use std::sync::Arc;

use bpctl_core::blueprint::{ForgeKind, Workspace};
use bpctl_core::model::Untrusted;
use bpctl_core::observe::Identity;
use secrecy::SecretString;

use super::PipelineError;
use crate::forge::gitea::{GiteaForge, GiteaOptions};
use crate::forge::local::{LocalForge, LocalOptions, SigningKey};
use crate::forge::offline::OfflineForge;
use crate::forge::{Forge, ForgeWrite};
use crate::git::Repository;
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
}

/// A forge, as far as it can be reached.
pub enum ForgeAccess {
    /// Base only: no token was given.
    Offline(OfflineForge),
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
            Self::Full(forge) => forge.as_ref(),
        }
    }

    /// The writing half.
    pub fn writing(&self) -> Result<&dyn ForgeWrite, PipelineError> {
        match self {
            Self::Full(forge) => Ok(forge.as_ref()),
            Self::Offline(_) => Err(PipelineError::told(
                "this needs the forge, and no token was given",
                "set BPCTL_TOKEN to a token that can read and write this repository, or set `forge: local` in bpctl.yaml",
            )),
        }
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
    /// Opens the repository that holds `folder`, and its forge as the workspace (of the work tree) names it. Which forge it is decides
    /// nothing about rules: those are read from its base branch.
    pub fn open(folder: &Path, workspace: &Workspace, options: SessionOptions) -> Result<Self, PipelineError> {
        let repository = Arc::new(Repository::discover(folder)?);
        let forge = connect(&repository, workspace, options)?;
        Ok(Self { repository, forge })
    }
}

fn connect(
    repository: &Arc<Repository>,
    workspace: &Workspace,
    options: SessionOptions,
) -> Result<ForgeAccess, PipelineError> {
    let origin = repository.remote_url("origin")?;
    let web = origin.as_deref().filter(|url| url.starts_with("http://") || url.starts_with("https://"));
    let gitea = match workspace.forge {
        ForgeKind::Local => None,
        ForgeKind::Gitea => Some(web.ok_or_else(|| {
            PipelineError::told(
                "bpctl.yaml says `forge: gitea`, but the remote `origin` is no http(s) address",
                "git remote add origin https://SERVER/OWNER/REPOSITORY.git",
            )
        })?),
        ForgeKind::Auto => web,
    };
    let Some(url) = gitea else { return local(repository, workspace, &options) };
    let Some(token) = options.token else {
        return Ok(ForgeAccess::Offline(OfflineForge::new(repository.clone(), workspace.base.clone())));
    };
    let (server, owner, repo) = split(url)?;
    let forge = GiteaForge::connect(GiteaOptions {
        api: server,
        owner,
        repo,
        token,
        base_branch: workspace.base.clone(),
        git_dir: repository.path().to_owned(),
        bots: Vec::new(),
    })?;
    Ok(ForgeAccess::Full(Box::new(forge)))
}

/// Server, owner and repository of a clone address; credentials in it are dropped.
fn split(url: &str) -> Result<(url::Url, String, String), PipelineError> {
    let bad = || {
        PipelineError::told(
            "the address of the remote `origin` does not end in OWNER/REPOSITORY",
            "git remote set-url origin https://SERVER/OWNER/REPOSITORY.git",
        )
    };
    let mut server = url::Url::parse(url).map_err(|_| bad())?;
    let path = server.path().trim_end_matches('/').trim_end_matches(".git").to_owned();
    let mut parts = path.rsplitn(3, '/');
    let (Some(repo), Some(owner), Some(prefix)) = (parts.next(), parts.next(), parts.next()) else { return Err(bad()) };
    server.set_path(&format!("{prefix}/"));
    server.set_username("").and_then(|()| server.set_password(None)).map_err(|()| bad())?;
    Ok((server, owner.to_owned(), repo.to_owned()))
}

fn local(
    repository: &Arc<Repository>,
    workspace: &Workspace,
    options: &SessionOptions,
) -> Result<ForgeAccess, PipelineError> {
    let me = |name: &str, bot| Identity { id: name.into(), login: Untrusted::new(name), bot };
    let signer = options.signing_key.as_deref().map(SigningKey::load).transpose().map_err(|error| {
        let source = std::error::Error::source(&error).map_or_else(String::new, |source| format!(": {source}"));
        PipelineError::told(
            format!("couldn't use the signing key: {error}{source}"),
            "make one with: ssh-keygen -t ed25519 -N '' -f FILE   (and add its public line to the allowed signers on the base branch)",
        )
    })?;
    let tip = local_base(repository, workspace)?;
    let allowed_signers = match &workspace.local.allowed_signers {
        Some(_) => super::tree::base_signers(repository, &tip)?,
        None => None,
    };
    let forge = LocalForge::open(
        repository.clone(),
        LocalOptions {
            base_branch: workspace.base.clone(),
            allowed_signers,
            me: options.identity.as_deref().map_or_else(|| me("bpctl", true), |name| me(name, false)),
            clock: Arc::new(runtime::now),
            signer,
        },
    )?;
    Ok(ForgeAccess::Full(Box::new(forge)))
}

fn local_base(repository: &Repository, workspace: &Workspace) -> Result<String, PipelineError> {
    repository.ref_target(&format!("refs/heads/{}", workspace.base))?.ok_or_else(|| {
        PipelineError::told(
            format!("there is no branch {}", workspace.base),
            format!(
                "bpctl.yaml names it as `base`; commit something to it first: git commit, git branch -M {}",
                workspace.base
            ),
        )
    })
}
