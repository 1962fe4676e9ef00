//! Alerts: what people have to hear of without looking (R6, B10). A closed list of causes, what of a pass amounts to one, what was told of it
//! before, and its words for an issue and a chat. Nothing is decided by them: whatever becomes of an alert, the pass has stopped already.

mod known;
mod page;
mod standing;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Digest, Name, Untrusted};

pub use known::{Change, Known, changes, known};
pub use page::{About, about, body, chat, key_of, marker, title};
pub use standing::{PassFacts, Refused, Unclear, gathered, standing, waiting};

/// What an alert is about. The name is part of its key, so that it never changes (R6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// A pass ended with an error: nothing that would have followed was done (R6).
    PassFailed,
    /// Something could not be seen, and so was not compared (R6).
    NotSeen,
    /// What landed, or a restart, failed its verification (B13 to B16).
    VerificationFailed,
    /// A workload's operations are stopped after failures (B11).
    BreakerOpen,
    /// The base branch does not hold a merge any more (Z13).
    BaseRewritten,
    /// The cluster refused what stands on base, or a restart; or a proposal could not be gone on with.
    OperationRefused,
    /// A rollback or a restart waits for a person (B8, B17).
    WaitsForPerson,
    /// The forge landed another tree than was permitted (Z20).
    OtherTree,
    /// The ledger holds lines that bpctl did not write as they stand (T30).
    LedgerDamaged,
    /// Approvers are asked (B10).
    ApprovalAsked,
    /// Nobody approved in time (B10).
    ApprovalExpired,
}

impl Cause {
    /// All causes.
    pub const ALL: [Self; 11] = [
        Self::PassFailed,
        Self::NotSeen,
        Self::VerificationFailed,
        Self::BreakerOpen,
        Self::BaseRewritten,
        Self::OperationRefused,
        Self::WaitsForPerson,
        Self::OtherTree,
        Self::LedgerDamaged,
        Self::ApprovalAsked,
        Self::ApprovalExpired,
    ];

    /// Its name, in keys and in `alerts.mute`.
    pub fn name(self) -> &'static str {
        match self {
            Self::PassFailed => "pass-failed",
            Self::NotSeen => "not-seen",
            Self::VerificationFailed => "verification-failed",
            Self::BreakerOpen => "breaker-open",
            Self::BaseRewritten => "base-rewritten",
            Self::OperationRefused => "operation-refused",
            Self::WaitsForPerson => "waits-for-person",
            Self::OtherTree => "other-tree",
            Self::LedgerDamaged => "ledger-damaged",
            Self::ApprovalAsked => "approval-asked",
            Self::ApprovalExpired => "approval-expired",
        }
    }

    /// The cause of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }

    /// In words, as a headline.
    pub fn words(self) -> &'static str {
        match self {
            Self::PassFailed => "a pass ended with an error",
            Self::NotSeen => "not everything could be seen",
            Self::VerificationFailed => "a verification failed",
            Self::BreakerOpen => "stopped after failures",
            Self::BaseRewritten => "the base branch was rewritten",
            Self::OperationRefused => "an operation was refused",
            Self::WaitsForPerson => "waits for a person",
            Self::OtherTree => "another tree landed than was permitted",
            Self::LedgerDamaged => "the ledger was changed by somebody else",
            Self::ApprovalAsked => "an approval is asked for",
            Self::ApprovalExpired => "nobody approved in time",
        }
    }

    /// It happens and is over: a message and no issue. The ledger's own entry of it is its receipt.
    pub fn is_passing(self) -> bool {
        matches!(self, Self::ApprovalAsked | Self::ApprovalExpired)
    }

    /// It is of a pass as a whole, so that no other thing that could not be seen hides it.
    pub fn is_of_pass(self) -> bool {
        matches!(self, Self::PassFailed | Self::NotSeen | Self::LedgerDamaged)
    }

    /// Each pass finds it anew as long as it lasts, so that a pass that does not is the end of it. Else a person ends it.
    pub fn is_derived(self) -> bool {
        !self.is_passing() && self != Self::OtherTree
    }
}

/// What one pass has to tell of one cause (R6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Of what.
    pub cause: Cause,
    /// Of which blueprint; `None`: of the environment.
    pub of: Option<Name>,
    /// What makes it another occurrence of the same cause. No count of attempts and no time of a pass goes in: each pass finds the same.
    pub about: Digest,
    /// bpctl's own words, one line.
    pub told: String,
    /// What somebody else said: a cluster, a forge, a log.
    pub said: Option<Untrusted>,
    /// What a person does about it.
    pub next: Option<String>,
    /// The page that it is about.
    pub page: Option<String>,
}

impl Alert {
    /// One alert. `about` is hashed together with the cause.
    pub fn new(cause: Cause, of: Option<&Name>, about: &impl Serialize, told: impl Into<String>) -> Self {
        let about = Digest::of(&(cause, about));
        Self { cause, of: of.cloned(), about, told: told.into(), said: None, next: None, page: None }
    }

    /// With what somebody said.
    #[must_use]
    pub fn said(mut self, said: Option<Untrusted>) -> Self {
        self.said = said;
        self
    }

    /// With what a person does about it.
    #[must_use]
    pub fn next(mut self, next: Option<String>) -> Self {
        self.next = next;
        self
    }

    /// With its page.
    #[must_use]
    pub fn page(mut self, page: impl Into<String>) -> Self {
        self.page = Some(page.into());
        self
    }

    /// What stays the same as long as it is about the same: `breaker-open/frontend`. Names hold no slash.
    pub fn key(&self) -> String {
        key(self.cause, self.of.as_ref())
    }
}

/// The key of a cause and what it is of.
pub fn key(cause: Cause, of: Option<&Name>) -> String {
    of.map_or_else(|| cause.name().to_owned(), |of| format!("{}/{of}", cause.name()))
}
