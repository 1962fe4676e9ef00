//! The circuit breaker (B11, X6): after a number of failed operations in a row a workload's operations are held. Outcomes are the checks on
//! merge commits and on delivered commits; what resets it is a success, or a person's change of the blueprint on the base branch. No state of its own is kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Outcome, Rule, RuleInput};
use crate::blueprint::{Catalog, Delivery};
use crate::govern::Undoes;
use crate::model::{Name, Timestamp, Untrusted};
use crate::observe::{CheckConclusion, Known, Recorder};

/// `limits.breaker`.
pub struct Breaker;

impl Rule for Breaker {
    fn ident(&self) -> &'static str {
        "breaker"
    }

    fn about(&self) -> &'static str {
        "After limits.breaker failed operations in a row (3) nothing is done until a person changes what failed"
    }

    fn cites(&self) -> &'static [&'static str] {
        &["limits.breaker"]
    }

    fn check(&self, input: &RuleInput<'_>) -> Vec<Outcome> {
        let (limit, source) = input.catalog.breaker(input.tier, &input.blueprint.value.metadata);
        let hold = |unknown: Option<String>, ends: Option<&str>, because: String| Outcome {
            tier: None,
            hold_until: None,
            hold_ends: ends.map(Into::into),
            unknown,
            cite: format!("limits.breaker = {limit}"),
            because,
            alternative: None,
            source: source.clone(),
        };
        let failed = match failures(input.catalog, input.environment, &input.subject.blueprint, input.facts) {
            Known::Known(failed) => failed,
            // An unknown history holds everything already: the cooldown says so.
            Known::Unknown(_) if input.facts.history(&input.subject.blueprint).known().is_none() => return Vec::new(),
            Known::Unknown(unknown) => {
                return vec![hold(Some(unknown.message), None, "which deliveries failed is not known".into())];
            }
        };
        if !is_open(&failed, limit) {
            return Vec::new();
        }
        if limit > 0 && is_undone(input, &failed) {
            return Vec::new();
        }
        let told: Vec<&str> = failed.iter().map(|failure| failure.what.as_str()).collect();
        let because = if told.is_empty() {
            "no failure is let pass".into()
        } else {
            format!("failed one after another: {}", told.join(", "))
        };
        let lost = failed.iter().find(|failure| failure.rewritten).map(|failure| failure.what.clone());
        let because = lost.unwrap_or(because);
        vec![hold(None, Some(ends(&failed)), because)]
    }
}

/// Whether the newest failure is the one that a rollback takes back: that is the way out, and a person approves it.
fn is_undone(input: &RuleInput<'_>, failed: &[Failure]) -> bool {
    let Undoes::Commit(undone) = &input.subject.undoes else { return false };
    let history = input.facts.history(&input.subject.blueprint);
    let operation = history.known().and_then(|history| history.iter().find(|operation| operation.commit == *undone));
    let newest = failed.last().filter(|failure| failure.because.is_none() && !failure.rewritten);
    operation.zip(newest).is_some_and(|(operation, newest)| {
        operation.outcome == Some(CheckConclusion::Failure) && operation.merged_at == newest.at
    })
}

/// What closes the breaker of these failures. Deliveries that failed count only while the same would be delivered, and something has to be.
pub fn ends(failures: &[Failure]) -> &'static str {
    if failures.iter().any(|failure| failure.rewritten) {
        return "a person's pull request that changes the blueprint is merged";
    }
    let deliveries = !failures.is_empty() && failures.iter().all(|failure| failure.because.is_some());
    if deliveries {
        "a change of the blueprint or of its manifests is merged, or nothing differs from Git any more"
    } else {
        "a person's change of the blueprint is merged"
    }
}

/// A failure that a breaker counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What: `scale #12`, `delivery of 1a2b3c4`.
    pub what: String,
    /// When it was merged, or refused.
    pub at: Timestamp,
    /// What the cluster said, of a delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<Untrusted>,
    /// The base branch does not hold the merge any more. One is enough, whatever the limit (Z13).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rewritten: bool,
}

/// Whether these failures open a breaker with this limit.
pub fn is_open(failures: &[Failure], limit: u32) -> bool {
    u32::try_from(failures.len()).map_or(true, |failed| failed >= limit) || failures.iter().any(|f| f.rewritten)
}

/// The failures since the last success or reset, oldest first: operations whose verification failed, and deliveries that were refused. What
/// was never verified, or could not be, is passed over. What another account proposed under such a name, as a run with another token does,
/// counts where that account saw it fail; its successes free nothing.
pub fn failures(catalog: &Catalog, environment: &Name, blueprint: &Name, facts: &Recorder<'_>) -> Known<Vec<Failure>> {
    let history = match facts.history(blueprint) {
        Known::Known(history) => history,
        Known::Unknown(unknown) => return Known::Unknown(unknown),
    };
    let mut failed = Vec::new();
    for operation in history.iter().rev() {
        if operation.foreign {
            if operation.outcome == Some(CheckConclusion::Failure) && operation.reset_by.is_none() {
                let what = format!("{} #{} of another account", operation.operation, operation.pull);
                failed.push(Failure { what, at: operation.merged_at, because: None, rewritten: false });
            }
            continue;
        }
        match operation.outcome {
            _ if operation.reset_by.is_some() => break,
            _ if operation.rewritten => {
                let (name, pull) = (&operation.operation, operation.pull);
                let short = operation.commit.get(..7).unwrap_or(&operation.commit);
                let what = format!(
                    "{name} #{pull}; the base branch does not hold its merge {short} any more: somebody rewrote the branch"
                );
                failed.push(Failure { what, at: operation.merged_at, because: None, rewritten: true });
            }
            Some(CheckConclusion::Success) => break,
            Some(CheckConclusion::Failure) => failed.push(Failure {
                what: format!("{} #{}", operation.operation, operation.pull),
                at: operation.merged_at,
                because: None,
                rewritten: false,
            }),
            Some(CheckConclusion::Pending | CheckConclusion::Neutral) | None => {}
        }
    }
    let place = catalog.workspace.value.environments.get(environment);
    if place.is_some_and(|place| place.delivery == Delivery::Direct) {
        let refused = match facts.deliveries(blueprint) {
            Known::Known(refused) => refused,
            Known::Unknown(unknown) => return Known::Unknown(unknown),
        };
        failed.extend(refused.iter().map(|delivery| Failure {
            what: format!("delivery of {}", delivery.commit.get(..7).unwrap_or(&delivery.commit)),
            at: delivery.at,
            because: Some(delivery.because.clone()),
            rewritten: false,
        }));
    }
    failed.sort_by_key(|failure| failure.at);
    Known::Known(failed)
}
