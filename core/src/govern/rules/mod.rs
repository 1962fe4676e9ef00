//! Governance rules: one file each, registered once in [`RULES`].

mod adoption;
mod alternatives;
mod authority;
mod bounds;
mod breaker;
mod config;
mod cooldown;
mod freeze;
mod policy;
mod resources;
mod restarts;
mod reversal;
mod verification;

pub(super) use alternatives::alternative;
pub use breaker::{Failure, ends, failures, is_open};
pub use cooldown::{FIELD_MANAGER, last_apply};
pub use freeze::FREEZE;

use crate::blueprint::{Blueprint, Catalog, Located, Operation, Tier, TierName};
use crate::model::{Name, SourceSpan, Timestamp};
use crate::observe::Recorder;

use super::Subject;

/// What a rule looks at.
#[derive(Debug)]
pub struct RuleInput<'a> {
    /// The trusted catalog.
    pub catalog: &'a Catalog,
    /// The environment.
    pub environment: &'a Name,
    /// Its tier.
    pub tier: TierName,
    /// The blueprint as it holds there, read from base.
    pub blueprint: &'a Located<Blueprint>,
    /// What is judged.
    pub subject: &'a Subject,
    /// The operation that the subject amounts to.
    pub operation: Operation,
    /// Facts, through the recorder.
    pub facts: &'a Recorder<'a>,
}

/// What a rule says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The tier that it demands; `None`: it only delays.
    pub tier: Option<Tier>,
    /// Nothing happens before this.
    pub hold_until: Option<Timestamp>,
    /// Nothing happens before this, which is no time: `a person changes the blueprint`.
    pub hold_ends: Option<String>,
    /// Nothing happens, and nobody can say until when: why.
    pub unknown: Option<String>,
    /// The rule as people know it: `scaling.max_replicas = 3`.
    pub cite: String,
    /// One clause: why.
    pub because: String,
    /// The nearest allowed thing, where there is one.
    pub alternative: Option<String>,
    /// The line that says so; `None`: built in.
    pub source: Option<SourceSpan>,
}

/// A governance rule.
pub trait Rule: Sync {
    /// Identifier, `kebab-case`.
    fn ident(&self) -> &'static str;
    /// One line for the docs.
    fn about(&self) -> &'static str;
    /// How what it is known by in plans begins: `scaling.min_replicas`. Nothing else is cited (`explain` finds it by that).
    fn cites(&self) -> &'static [&'static str];
    /// Its answer; empty: it has nothing to say.
    fn check(&self, input: &RuleInput<'_>) -> Vec<Outcome>;
}

/// All rules, in the order in which they are cited.
pub const RULES: [&dyn Rule; 12] = [
    &bounds::Bounds,
    &resources::Resources,
    &restarts::Restarts,
    &config::Config,
    &reversal::Reversal,
    &policy::Policies,
    &authority::Authority,
    &breaker::Breaker,
    &cooldown::Cooldown,
    &verification::OpenVerification,
    &freeze::Freezes,
    &adoption::Adoption,
];
