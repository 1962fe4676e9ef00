//! What can go wrong with a cluster.

use bpctl_core::model::Untrusted;
use bpctl_core::observe::{Unknown, UnknownCode};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A cluster call that failed. What the other side said is kept as outside text.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The kubeconfig, or the pod's service account, cannot be used.
    #[error("couldn't {attempt}")]
    Config {
        /// What was attempted: `read the kubeconfig FILE`.
        attempt: String,
        /// Why.
        #[source]
        source: Cause,
    },
    /// No credentials could be had for the cluster.
    #[error("couldn't {attempt}: no credentials")]
    Credentials {
        /// What was attempted.
        attempt: String,
        /// Why.
        #[source]
        source: Cause,
    },
    /// The server could not be reached, or broke off. Of a write it is open whether it happened.
    #[error("couldn't {attempt}: the API server did not answer")]
    Unreachable {
        /// What was attempted: `list pods in namespace shop of context prod`.
        attempt: String,
        /// Why.
        #[source]
        source: Cause,
    },
    /// The server answered in time, but too slowly for bpctl. Of a write it is open whether it happened.
    #[error("couldn't {attempt}: no answer within {seconds} s")]
    Slow {
        /// What was attempted.
        attempt: String,
        /// How long bpctl waited.
        seconds: u64,
    },
    /// The credentials do not suffice (401, 403).
    #[error("couldn't {attempt}: forbidden")]
    Forbidden {
        /// What was attempted.
        attempt: String,
        /// What the server said.
        said: Untrusted,
    },
    /// Somebody else changed, made or deleted the object meanwhile (409).
    #[error("couldn't {attempt}: the object changed meanwhile")]
    Conflict {
        /// What was attempted.
        attempt: String,
        /// What the server said.
        said: Untrusted,
    },
    /// The object of this name is not the one that was judged (T44).
    #[error("couldn't {attempt}: {why}")]
    Replaced {
        /// What was attempted.
        attempt: String,
        /// How it differs.
        why: String,
    },
    /// The server, or an admission webhook, refuses the content (400, 422).
    #[error("couldn't {attempt}: the API server refuses the content")]
    Invalid {
        /// What was attempted.
        attempt: String,
        /// What the server said.
        said: Untrusted,
    },
    /// Another answer than was asked for.
    #[error("couldn't {attempt}: the API server answered {status}")]
    Refused {
        /// What was attempted.
        attempt: String,
        /// HTTP status.
        status: u16,
        /// What it said.
        said: Untrusted,
    },
    /// A list that did not arrive whole.
    #[error("couldn't {attempt}: {why}")]
    Incomplete {
        /// What was attempted.
        attempt: String,
        /// What is missing.
        why: String,
    },
    /// An answer that cannot be read.
    #[error("couldn't {attempt}: {why}")]
    Malformed {
        /// What was attempted.
        attempt: String,
        /// What is wrong with the answer.
        why: String,
    },
    /// Nobody recorded it.
    #[error("couldn't {attempt}: {why}")]
    NotRecorded {
        /// What was attempted.
        attempt: String,
        /// What is missing, and how to get it.
        why: String,
    },
    /// A file of a snapshot cannot be read or written.
    #[error("couldn't {attempt}")]
    File {
        /// What was attempted.
        attempt: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// bpctl does not know how to do that.
    #[error("{0}")]
    Unsupported(String),
}

impl ClusterError {
    /// What the server said, where it said something.
    pub fn said(&self) -> Option<&Untrusted> {
        match self {
            Self::Forbidden { said, .. }
            | Self::Conflict { said, .. }
            | Self::Invalid { said, .. }
            | Self::Refused { said, .. } => Some(said),
            _ => None,
        }
    }

    /// Whether a write may have happened although this came back.
    pub fn outcome_is_open(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Slow { .. } | Self::Malformed { .. } => true,
            Self::Refused { status, .. } => *status >= 500,
            _ => false,
        }
    }

    /// The same as a reason for not knowing.
    pub fn into_unknown(self) -> Unknown {
        let code = match &self {
            Self::Credentials { .. } | Self::Forbidden { .. } => UnknownCode::Forbidden,
            Self::Config { .. } | Self::Unreachable { .. } | Self::Slow { .. } => UnknownCode::Unreachable,
            Self::Refused { status, .. } if *status == 429 || *status >= 500 => UnknownCode::Unreachable,
            Self::Conflict { .. } | Self::Replaced { .. } | Self::Incomplete { .. } => UnknownCode::Incomplete,
            Self::Invalid { .. } => UnknownCode::Refused,
            Self::Refused { status, .. } if (400..500).contains(status) => UnknownCode::Refused,
            Self::Refused { .. } | Self::Malformed { .. } | Self::File { .. } => UnknownCode::Malformed,
            Self::NotRecorded { .. } => UnknownCode::NotObserved,
            Self::Unsupported(_) => UnknownCode::Unsupported,
        };
        let mut message = self.to_string();
        let mut source = std::error::Error::source(&self);
        let mut detail = self.said().cloned();
        if detail.is_none() {
            // Causes come from libraries that may quote the other side.
            let mut causes = Vec::new();
            while let Some(cause) = source {
                let text = cause.to_string();
                if causes.last() != Some(&text) {
                    causes.push(text);
                }
                source = cause.source();
            }
            detail = (!causes.is_empty()).then(|| Untrusted::new(causes.join(": ")));
        }
        if let Self::Refused { status: 404, .. } = self {
            message.push_str(" (no such thing there)");
        }
        Unknown { code, message, detail }
    }
}
