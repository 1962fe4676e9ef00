//! What can go wrong while stages and edges are brought together.

use bpctl_core::model::{Diagnostic, Untrusted};

use crate::cluster::ClusterError;
use crate::forge::ForgeError;
use crate::git::GitError;
use crate::webhook::WebhookError;

/// A run that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The user's input is wrong: shown with its excerpt.
    #[error("{}", .0.message)]
    Input(Box<Diagnostic>),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The forge failed.
    #[error(transparent)]
    Forge(#[from] ForgeError),
    /// The cluster failed.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The chat's webhook did not take a message.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// Something that a person can mend.
    #[error("{message}")]
    Told {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
}

/// `: cause`, where an error has one.
pub(super) fn cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(String::new, |source| format!(": {source}"))
}

/// What to do about a token that is not good enough.
const TOKEN: &str = "the token in BPCTL_TOKEN needs to read and write this repository, its pull requests and statuses";

/// Whether `git` complains about the token. It runs with `LC_ALL=C`: the words do not depend on the machine.
fn is_about_access(said: &Untrusted) -> bool {
    let words = ["Authentication failed", "could not read Username", "could not read Password", "returned error: 403"];
    words.iter().any(|word| said.raw().contains(word))
}

impl PipelineError {
    /// An error with a hint.
    pub fn told(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Told { message: message.into(), hint: Some(hint.into()) }
    }

    /// What is wrong, and in which line of which file.
    pub fn placed(&self) -> String {
        match self {
            Self::Input(diagnostic) => {
                let place = diagnostic.labels.first().map(|label| &label.span);
                let place = place.map(|span| format!("{}:{}:{}: ", span.file, span.line, span.column));
                format!("{}{}", place.unwrap_or_default(), diagnostic.message)
            }
            other => other.to_string(),
        }
    }

    /// What to do, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Input(diagnostic) => diagnostic.help.clone(),
            Self::Told { hint, .. } | Self::Forge(ForgeError::Input { hint, .. }) => hint.clone(),
            Self::Forge(ForgeError::Refused { status: 401, .. }) => Some(
                "the server does not take the token in BPCTL_TOKEN: it is mistyped, has expired, or is another server's; make a new one".into(),
            ),
            Self::Forge(ForgeError::Refused { status: 403, .. }) => Some(TOKEN.into()),
            Self::Forge(ForgeError::Refused { status: 404, .. }) => Some(
                "see that the remote `origin` is this repository (git remote -v), and that the token's account may see it".into(),
            ),
            Self::Forge(ForgeError::Unreachable { .. }) => {
                Some("see that the server of the remote `origin` (git remote -v) is up, and can be reached from here".into())
            }
            Self::Forge(ForgeError::Git { source: GitError::Program { said, .. }, .. }) if is_about_access(said) => {
                Some(TOKEN.into())
            }
            Self::Git(error) if error.is_missing_object() => {
                Some("a shallow clone lacks it: git fetch --unshallow, in CI `fetch-depth: 0`".into())
            }
            Self::Webhook(error) => Some(error.hint().into()),
            Self::Cluster(ClusterError::Config { .. }) => Some(
                "see that the kubeconfig is there, by BPCTL_KUBECONFIG, KUBECONFIG or ~/.kube/config, with each file that it names, and that bpctl.yaml names a context of it (kubectl config get-contexts)".into(),
            ),
            Self::Cluster(ClusterError::Forbidden { .. }) => {
                Some("kubectl apply -f templates/rbac/reader.yaml   (grants get, list, watch; nothing else)".into())
            }
            _ => None,
        }
    }

    /// What the other side said, as outside text.
    pub fn said(&self) -> Option<&Untrusted> {
        match self {
            Self::Git(GitError::Program { said, .. })
            | Self::Forge(
                ForgeError::Refused { said, .. }
                | ForgeError::Limited { said, .. }
                | ForgeError::Git { source: GitError::Program { said, .. }, .. },
            ) => Some(said),
            Self::Cluster(error) => error.said(),
            Self::Webhook(error) => error.said(),
            _ => None,
        }
    }
}

impl From<Box<Diagnostic>> for PipelineError {
    fn from(diagnostic: Box<Diagnostic>) -> Self {
        Self::Input(diagnostic)
    }
}
