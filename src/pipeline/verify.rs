//! `verify`: did what landed reach the cluster? The answer is a check on the merge commit.

use bpctl_core::blueprint::Catalog;
use bpctl_core::model::{Name, Period, Timestamp, Trusted};
use bpctl_core::observe::{CheckConclusion, CheckRun, Known, Observation, ObservedFrom, PastOperation, Recorder};
use bpctl_core::verify::{HORIZON, Outcome, VerifyReport, WindowCheck, is_verified};

use super::{PipelineError, Session};
use crate::forge::Forge;
use crate::runtime;

/// The name of the check on a merge commit.
pub fn check_name(environment: &Name) -> String {
    format!("bpctl/verify-{environment}")
}

/// One verification.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The blueprint.
    pub blueprint: Name,
    /// The operation.
    pub operation: PastOperation,
    /// The report.
    pub report: VerifyReport,
}

/// The last operation of each blueprint whose verification is open.
pub async fn open(
    session: &Session,
    environment: &Name,
    rules: &Trusted<Catalog>,
    observation: &Observation,
) -> Result<Vec<(Name, PastOperation)>, PipelineError> {
    let facts = Recorder::new(observation);
    let forge = session.forge.reading();
    let clock = forge.clock().await?;
    let mut found = Vec::new();
    for name in rules.get().blueprints.keys() {
        let Known::Known(history) = facts.history(name) else { continue };
        let Some(last) = history.iter().rfind(|past| is_verified(past)) else { continue };
        if last.outcome.is_some() || last.merged_at < HORIZON.before(clock.now) {
            continue;
        }
        if check(forge, environment, &last.commit).await?.is_none() {
            found.push((name.clone(), last.clone()));
        }
    }
    Ok(found)
}

/// The final outcome that stands on a merge commit, by bpctl itself.
pub async fn outcome(
    forge: &dyn Forge,
    environment: &Name,
    commit: &str,
) -> Result<Option<CheckConclusion>, PipelineError> {
    Ok(check(forge, environment, commit).await?.map(|check| check.conclusion))
}

/// The check that holds it.
pub async fn check(forge: &dyn Forge, environment: &Name, commit: &str) -> Result<Option<CheckRun>, PipelineError> {
    let last = standing(forge, environment, commit).await?;
    Ok(last.filter(|check| check.conclusion != CheckConclusion::Pending))
}

/// Whether a green check stands for a target that was missed (B16): what decides an outcome begins the line beside it.
pub fn is_partial(check: &CheckRun) -> bool {
    let decides = check.summary.raw().split(':').next().unwrap_or_default();
    check.conclusion == CheckConclusion::Success && decides.ends_with(&format!(" {}", Outcome::Partial))
}

/// bpctl's own check as it stands; final ones first.
pub async fn standing(forge: &dyn Forge, environment: &Name, commit: &str) -> Result<Option<CheckRun>, PipelineError> {
    let me = forge.identity().await?;
    standing_of(forge, environment, commit, &me.id).await
}

/// The same of any account.
pub async fn standing_of(
    forge: &dyn Forge,
    environment: &Name,
    commit: &str,
    account: &str,
) -> Result<Option<CheckRun>, PipelineError> {
    let name = check_name(environment);
    let checks = forge.checks(commit).await?;
    let mine =
        checks.into_iter().filter(|check| check.name == name && check.by.id == account && check.commit == commit);
    let (pending, ended): (Vec<CheckRun>, Vec<CheckRun>) =
        mine.partition(|check| check.conclusion == CheckConclusion::Pending);
    Ok(ended.into_iter().next_back().or(pending.into_iter().next_back()))
}

/// The line beside the check: what decides it first.
pub fn summary(report: &VerifyReport) -> String {
    let (decides, rest): (Vec<_>, Vec<_>) =
        report.checks.iter().partition(|check| check.outcome == report.outcome && check.outcome != Outcome::Success);
    let mut told: Vec<(String, String)> = Vec::new();
    for WindowCheck { window, outcome, evidence, .. } in decides.into_iter().chain(rest) {
        let why = format!("{outcome}: {evidence}");
        match told.last_mut().filter(|(_, last)| *last == why) {
            Some((windows, _)) => *windows += &format!(", {window}"),
            None => told.push((window.clone(), why)),
        }
    }
    let told: Vec<String> = told.into_iter().map(|(windows, why)| format!("{windows} {why}")).collect();
    told.join("; ")
}

/// A line for each check, and for each number of it.
pub fn lines(report: &VerifyReport) -> String {
    let mut told = Vec::new();
    for WindowCheck { window, outcome, evidence, measured } in &report.checks {
        let mut facts: Vec<String> = measured.iter().map(ToString::to_string).collect();
        if evidence.is_empty() || facts.join("; ") != *evidence {
            facts.insert(0, evidence.clone());
        }
        for (n, fact) in facts.iter().enumerate() {
            let (window, outcome) = if n == 0 { (window.as_str(), outcome.to_string()) } else { ("", String::new()) };
            told.push(format!("  {window:<9}  {outcome:<15}  {fact}"));
        }
    }
    told.join("\n")
}

/// How long to wait before looking again: a tenth of what is left, so that long windows are not asked for every moment.
pub fn pause(due: Option<Timestamp>, deadline: Timestamp) -> Period {
    let left = |until: Timestamp| {
        u64::try_from(until.as_millisecond().saturating_sub(runtime::now().as_millisecond())).unwrap_or(0)
    };
    let tenth = due.map_or(0, left) / 10;
    Period::from_millis(tenth.clamp(500, 10_000).min(left(deadline).max(500)))
}

/// Whether an outcome is final. What could not be seen today may be seen tomorrow, but not on a recording.
pub fn is_final(outcome: Outcome, from: &ObservedFrom) -> bool {
    match outcome {
        Outcome::Success | Outcome::Partial | Outcome::Failure => true,
        Outcome::Unknown => matches!(from, ObservedFrom::Snapshot { .. }),
        Outcome::Pending | Outcome::NotMeasured => false,
    }
}

#[cfg(test)]
mod tests {
    use bpctl_core::model::Untrusted;
    use bpctl_core::observe::Identity;

    use super::*;

    /// B16, X12. Would miss: autonomy that is earned by changes which missed their target, and a success that earns none because its numbers
    /// speak of an earlier miss.
    #[test]
    fn x12_a_partial_success_is_told_from_a_success_by_its_check() {
        let is_partial = |outcomes: &[(&str, Outcome)]| {
            let checks = outcomes.iter().map(|(window, outcome)| WindowCheck {
                window: (*window).into(),
                outcome: *outcome,
                evidence: "CPU 95% → 95%, target 80%: partial success (missed before too)".into(),
                measured: Vec::new(),
            });
            let of = |wanted| outcomes.iter().any(|(_, outcome)| *outcome == wanted).then_some(wanted);
            let outcome = of(Outcome::Partial).unwrap_or(Outcome::Success);
            let report = VerifyReport { outcome, checks: checks.collect(), due: None };
            let by = Identity { id: "1".into(), login: Untrusted::new("bpctl"), bot: true };
            super::is_partial(&CheckRun {
                name: "bpctl/verify-staging".into(),
                commit: "c0ffee".into(),
                conclusion: outcome.conclusion(),
                by,
                at: Timestamp::UNIX_EPOCH,
                summary: Untrusted::new(summary(&report)),
            })
        };
        let (good, partial) = (Outcome::Success, Outcome::Partial);
        assert!(is_partial(&[("applied", good), ("ready", good), ("settled", partial)]));
        assert!(is_partial(&[("applied", good), ("settled", partial), ("sustained", partial)]));
        assert!(!is_partial(&[("applied", good), ("ready", good), ("settled", good)]));
        assert!(!is_partial(&[("settled", Outcome::NotMeasured), ("applied", good)]));
    }
}
