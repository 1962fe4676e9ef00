//! What can go wrong with a cluster.

use bpctl_core::model::Untrusted;
use bpctl_core::observe::{Unknown, UnknownCode};

use crate::runtime;

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
    /// The server does not take the credentials (401): they are wrong, or have expired.
    #[error("couldn't {attempt}: the API server does not take these credentials (401); log in again")]
    Unauthorized {
        /// What was attempted.
        attempt: String,
        /// What the server said.
        said: Untrusted,
    },
    /// The credentials do not suffice (403).
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
    /// An answer that is longer than what is read of one.
    #[error("couldn't {attempt}: the answer is longer than {mebibytes} MiB")]
    Long {
        /// What was attempted.
        attempt: String,
        /// What is read at most.
        mebibytes: usize,
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
            Self::Unauthorized { said, .. }
            | Self::Forbidden { said, .. }
            | Self::Conflict { said, .. }
            | Self::Invalid { said, .. }
            | Self::Refused { said, .. } => Some(said),
            _ => None,
        }
    }

    /// Whether bpctl's own account lacks a right, which says nothing of the object. An admission policy or a quota answers 403 as well, and
    /// refuses the object; the API server's authorizer alone speaks of the user (B11).
    pub fn is_want_of_rights(&self) -> bool {
        match self {
            Self::Credentials { .. } | Self::Unauthorized { .. } => true,
            Self::Forbidden { said, .. } => said.raw().contains(" is forbidden: User \""),
            _ => false,
        }
    }

    /// Whether the object is another by now than the one that was judged, so that nothing was refused (T44).
    pub fn is_overtaken(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::Replaced { .. })
    }

    /// Whether a write may have happened although this came back.
    pub fn outcome_is_open(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Slow { .. } | Self::Long { .. } | Self::Malformed { .. } => true,
            Self::Refused { status, .. } => *status >= 500,
            _ => false,
        }
    }

    /// The same as a reason for not knowing.
    pub fn into_unknown(self) -> Unknown {
        let code = match &self {
            Self::Credentials { .. } | Self::Unauthorized { .. } | Self::Forbidden { .. } => UnknownCode::Forbidden,
            Self::Config { .. } | Self::Unreachable { .. } | Self::Slow { .. } => UnknownCode::Unreachable,
            Self::Refused { status, .. } if *status == 429 || *status >= 500 => UnknownCode::Unreachable,
            Self::Conflict { .. } | Self::Replaced { .. } | Self::Incomplete { .. } => UnknownCode::Incomplete,
            Self::Invalid { .. } => UnknownCode::Refused,
            Self::Refused { status, .. } if (400..500).contains(status) => UnknownCode::Refused,
            Self::Refused { .. } | Self::Long { .. } | Self::Malformed { .. } | Self::File { .. } => {
                UnknownCode::Malformed
            }
            Self::NotRecorded { .. } => UnknownCode::NotObserved,
            Self::Unsupported(_) => UnknownCode::Unsupported,
        };
        // A library's words about a value quote it, and no value begins a line of what is shown (T11).
        let mut message = self.to_string().replace('\n', "\\n").replace('\r', "\\r");
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
            detail = (!causes.is_empty()).then(|| runtime::said(&causes.join(": ")));
        }
        if let Self::Refused { status: 404, .. } = self {
            message.push_str(" (no such thing there)");
        }
        Unknown { code, message, detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would miss: a quota or an admission policy that is taken for a missing right and never counted, and the other way round.
    #[test]
    fn b11_a_missing_right_is_told_from_what_admission_forbids() {
        let forbidden = |said: &str| ClusterError::Forbidden { attempt: "apply".into(), said: Untrusted::new(said) };
        for (said, rights) in [
            (
                "deployments.apps \"web\" is forbidden: User \"bp\" cannot patch resource \"deployments\" in API group \"apps\"",
                true,
            ),
            ("services \"web\" is forbidden: exceeded quota: count, requested: services=1, used: services=1", false),
            ("admission webhook \"policy.example.org\" denied the request: User \"bp\" is not on call", false),
        ] {
            assert_eq!(forbidden(said).is_want_of_rights(), rights, "{said}");
        }
    }
}
