//! What can go wrong with a forge.

use bpctl_core::model::Untrusted;

/// A forge call that failed. What the other side said is kept as outside text.
#[derive(Debug, thiserror::Error)]
pub enum ForgeError {
    /// The server could not be reached, or broke off.
    #[error("couldn't {attempt}: the forge did not answer")]
    Unreachable {
        /// What was attempted: `list pull requests of OWNER/REPO`.
        attempt: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server refused.
    #[error("couldn't {attempt}: the forge answered {status}")]
    Refused {
        /// What was attempted.
        attempt: String,
        /// HTTP status.
        status: u16,
        /// What it said.
        said: Untrusted,
    },
    /// An answer that cannot be read.
    #[error("couldn't {attempt}: {why}")]
    Malformed {
        /// What was attempted.
        attempt: String,
        /// What is wrong with the answer.
        why: String,
    },
    /// Git failed.
    #[error("couldn't {attempt}")]
    Git {
        /// What was attempted.
        attempt: String,
        /// Why.
        #[source]
        source: crate::git::GitError,
    },
    /// This forge cannot do that.
    #[error("{0}")]
    Unsupported(String),
    /// The caller's input is wrong.
    #[error("{message}")]
    Input {
        /// What is wrong.
        message: String,
        /// What to do instead.
        hint: Option<String>,
    },
}
