//! What can go wrong with a forge.

use bpctl_core::model::{Timestamp, Untrusted};
use bpctl_core::observe::{Known, Unknown, UnknownCode};

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
    /// The server takes no more requests for now (Z7).
    #[error("couldn't {attempt}: the forge takes no more requests {}", again(*.until))]
    Limited {
        /// What was attempted.
        attempt: String,
        /// When it takes them again, by its own clock, where it says.
        until: Option<Timestamp>,
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
    /// A person closed what was opened for the same branch meanwhile: that is a no.
    #[error("pull request #{0} was open for the same branch meanwhile, and a person closed it")]
    Declined(u64),
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

fn again(until: Option<Timestamp>) -> String {
    until.map_or_else(|| "for now: wait some minutes".into(), |until| format!("until {until:.0}"))
}

/// What a call gave, or why that is not known.
pub(super) fn known<T>(result: Result<T, ForgeError>) -> Known<T> {
    result.map_or_else(|error| Known::Unknown(unknown(&error)), Known::Known)
}

/// A failed call as the reason for not knowing.
pub(super) fn unknown(error: &ForgeError) -> Unknown {
    let (code, detail) = match error {
        ForgeError::Unreachable { .. } | ForgeError::Git { .. } => (UnknownCode::Unreachable, None),
        ForgeError::Refused { status: 401 | 403 | 404, said, .. } => (UnknownCode::Forbidden, Some(said.clone())),
        ForgeError::Refused { said, .. } | ForgeError::Limited { said, .. } => {
            (UnknownCode::Unreachable, Some(said.clone()))
        }
        ForgeError::Malformed { .. } => (UnknownCode::Incomplete, None),
        ForgeError::Unsupported(_) | ForgeError::Declined(_) | ForgeError::Input { .. } => {
            (UnknownCode::Unsupported, None)
        }
    };
    Unknown { code, message: error.to_string(), detail }
}
