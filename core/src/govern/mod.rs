//! The one judge: `judge(trusted rules, subject, facts) → verdict`, the same function for a person's pull request, bpctl's own, and a
//! run-time action.
//!
//! Rules are read from the base branch only ([`crate::model::Trusted`]); a proposed catalog does not fit the parameter (X5, T1; `tests/it/layers.rs`).

mod defaults;
mod earned;
mod impact;
mod judge;
mod permit;
mod proposed;
mod pull;
mod reason;
mod review;
mod rules;
mod subject;

pub use defaults::default_tier;
pub use earned::{EARNABLE, Earning, earnable, earned_after, in_a_row};
pub use judge::{Hold, LONE, RuleRef, Verdict, judge, judge_action, judge_planned};
pub use permit::{ApplyPermit, Decision, MergePermit, RestartPermit, Withheld};
pub use proposed::{ProposedRules, ProposedVerdict, proposed_rules};
pub use pull::{
    Blocker, ChangeVerdict, PullInput, PullJudgement, VERDICT_CHECK, judge_pull, permit_apply, permit_restart,
    rules_hash,
};
pub use review::{ApprovalTerms, ReviewJudgement, count_reviews, justification, looked_at};
pub use rules::{FIELD_MANAGER, FREEZE, Failure, Outcome, RULES, Rule, RuleInput, ends, failures, is_open, last_apply};
pub use subject::{ConfigTouch, LimitTouch, OperationInput, RequestTouch, Subject, Touch, Undoes};
use subject::{follows, request_of};
