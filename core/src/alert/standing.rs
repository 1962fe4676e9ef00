//! What of a pass amounts to an alert: a pure question to its plan, its facts and what it met (R6).

use std::collections::{BTreeMap, BTreeSet};

use super::{Alert, Cause};
use crate::action::Action;
use crate::blueprint::{Catalog, Tier};
use crate::decide::Reported;
use crate::govern::{Failure, ends, failures, is_open};
use crate::model::{Name, Untrusted};
use crate::observe::{CheckConclusion, Known, Recorder};
use crate::plan::{Plan, PlanItem};
use crate::render::{self, sink};
use crate::verify::Outcome;

/// Of more blueprints than these one alert is made: a cluster that takes nothing is one thing to mend.
const TOGETHER: usize = 5;

/// What a pass knows at its end.
#[derive(Debug)]
pub struct PassFacts<'a> {
    /// The trusted rules.
    pub catalog: &'a Catalog,
    /// The last plan.
    pub plan: &'a Plan,
    /// The facts that it rests on.
    pub facts: &'a Recorder<'a>,
    /// What this pass verified after the facts were read: by merge commit.
    pub concluded: &'a BTreeMap<String, Outcome>,
    /// What was refused.
    pub refused: &'a BTreeMap<Name, Refused>,
    /// Blueprints whose refused deliveries were made good after the facts were read.
    pub made_good: &'a BTreeSet<Name>,
    /// Restarts that failed their verification: the request, and the words of the report.
    pub unrecovered: &'a BTreeMap<Name, (String, String)>,
}

/// Something that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What makes it another refusal than the last: the commit, or what was attempted.
    pub about: String,
    /// bpctl's own words.
    pub told: String,
    /// What the other side said.
    pub said: Option<Untrusted>,
    /// What a person does about it.
    pub next: Option<String>,
}

/// What a pass could not see, so that it cannot say of it that it is over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Unclear {
    /// All: it did not come to its end.
    #[default]
    All,
    /// These blueprints.
    Of(BTreeSet<Name>),
}

impl Unclear {
    /// Whether a cause of this may last unseen.
    pub fn hides(&self, cause: Cause, of: Option<&Name>) -> bool {
        match self {
            Self::All => true,
            Self::Of(_) if cause.is_of_pass() => false,
            Self::Of(names) => of.map_or(!names.is_empty(), |of| names.contains(of)),
        }
    }
}

/// All that stands at the end of a pass, and of what it cannot tell.
pub fn standing(pass: &PassFacts<'_>) -> (Vec<Alert>, Unclear) {
    let (mut all, mut unclear) = (Vec::new(), BTreeSet::new());
    all.extend(not_seen(pass.plan));
    for part in &pass.plan.blueprints {
        let name = &part.name;
        all.extend(verification(pass, name));
        all.extend(breaker(pass, name));
        all.extend(refused(pass, name));
        if part.unknown.iter().any(|fact| fact.uncompared || fact.unread)
            || failures(pass.catalog, &pass.plan.environment, name, pass.facts).known().is_none()
        {
            unclear.insert(name.clone());
        }
        all.extend(helpless(name, &part.findings));
    }
    all.extend(waiting(pass.plan));
    (gathered(all), Unclear::Of(unclear))
}

/// Pods that do not run, and no action is planned that would help (B8, R6): where there is a way back, the finding is the action's.
fn helpless<'a>(name: &'a Name, findings: &'a [Reported]) -> impl Iterator<Item = Alert> + 'a {
    findings.iter().filter(|reported| reported.needs_person).filter_map(move |reported| {
        let told = match reported.code.as_str() {
            "pods-failed" => "pods failed",
            "image-not-pulled" => "an image cannot be pulled",
            "container-not-created" => "a container cannot be created",
            "pods-not-created" => "pods are not created",
            _ => return None,
        };
        let next = reported.help.first().map(sink::terminal);
        let told = format!("{told}, and no action helps");
        let alert = Alert::new(Cause::WaitsForPerson, Some(name), &reported.code, told);
        Some(alert.said(Some(reported.message.clone())).next(next))
    })
}

/// What was refused in this pass, or before on what stands on base and was not delivered since.
fn refused(pass: &PassFacts<'_>, name: &Name) -> Option<Alert> {
    if let Some(Refused { about, told, said, next }) = pass.refused.get(name) {
        let alert = Alert::new(Cause::OperationRefused, Some(name), about, told.clone());
        return Some(alert.said(said.clone()).next(next.clone()));
    }
    let Known::Known(standing) = pass.facts.deliveries(name) else { return None };
    let last = standing.last().filter(|_| !pass.made_good.contains(name))?;
    let short = last.commit.get(..7).unwrap_or(&last.commit);
    let told = format!("the cluster did not take {short}");
    let alert = Alert::new(Cause::OperationRefused, Some(name), &last.commit, told);
    Some(alert.said(Some(last.because.clone())))
}

/// One alert for each key, and one for all where a cause is of many blueprints.
pub fn gathered(all: Vec<Alert>) -> Vec<Alert> {
    let mut by_cause: BTreeMap<Cause, BTreeMap<Option<Name>, Alert>> = BTreeMap::new();
    for alert in all {
        by_cause.entry(alert.cause).or_default().entry(alert.of.clone()).or_insert(alert);
    }
    let mut told = Vec::new();
    for (cause, alerts) in by_cause {
        let names: Vec<&Name> = alerts.keys().flatten().collect();
        if names.len() <= TOGETHER {
            told.extend(alerts.into_values());
            continue;
        }
        let words = format!("{} blueprints: {}", names.len(), render::listed(&names, TOGETHER));
        let first = alerts.values().next().cloned();
        let said = first.as_ref().and_then(|first| first.said.clone());
        // Which of them are among it changes from pass to pass; that there are many does not.
        told.push(Alert::new(cause, None, &"many", words).said(said).next(first.and_then(|first| first.next)));
    }
    told
}

fn not_seen(plan: &Plan) -> Option<Alert> {
    if !plan.is_blind() {
        return None;
    }
    let told = render::uncompared(plan)?;
    let blind = plan.blueprints.iter().flat_map(|part| &part.unknown).filter(|fact| fact.uncompared || fact.unread);
    let blind: Vec<_> = blind.collect();
    let about: BTreeSet<String> = blind.iter().map(|fact| format!("{:?}", fact.why.code)).collect();
    let why = blind.first().map(|fact| Untrusted::new(render::unknown(fact, |said| said.raw().to_owned())));
    let next = Some(format!("bpctl doctor --env {}", plan.environment));
    Some(Alert::new(Cause::NotSeen, None, &about, told).said(why).next(next))
}

/// The newest operation failed its verification, by the check on its commit or by what this pass has just seen; a restart did.
fn verification(pass: &PassFacts<'_>, name: &Name) -> Option<Alert> {
    let environment = &pass.plan.environment;
    let next = Some(format!("bpctl plan --env {environment}"));
    if let Some((request, report)) = pass.unrecovered.get(name) {
        let told = "restarted pods did not recover";
        let alert = Alert::new(Cause::VerificationFailed, Some(name), request, told).next(next);
        return Some(alert.said(Some(Untrusted::new(report.as_str()))));
    }
    let Known::Known(history) = pass.facts.history(name) else { return None };
    let last = history.iter().rfind(|past| !past.foreign)?;
    let failed = match pass.concluded.get(&last.commit) {
        Some(outcome) => *outcome == Outcome::Failure,
        None => last.outcome == Some(CheckConclusion::Failure),
    };
    // Who changed the blueprint since has seen it.
    if !failed || last.reset_by.is_some() {
        return None;
    }
    let told = format!("{} of pull request {} failed its verification", last.operation, last.pull);
    Some(Alert::new(Cause::VerificationFailed, Some(name), &last.commit, told).next(next))
}

fn breaker(pass: &PassFacts<'_>, name: &Name) -> Option<Alert> {
    let environment = &pass.plan.environment;
    let blueprint = pass.catalog.blueprints.get(name)?;
    let (limit, _) = pass.catalog.breaker(pass.plan.tier, &blueprint.value.metadata);
    let Known::Known(failed) = failures(pass.catalog, environment, name, pass.facts) else { return None };
    // A limit of 0 is a choice, and no news.
    if failed.is_empty() || pass.made_good.contains(name) || !is_open(&failed, limit) {
        return None;
    }
    let next = Some(format!("bpctl breaker --env {environment}; it ends when {}", ends(&failed)));
    if let Some(lost) = failed.iter().find(|failure| failure.rewritten) {
        return Some(Alert::new(Cause::BaseRewritten, Some(name), &lost.what, lost.what.clone()).next(next));
    }
    let what: Vec<&str> = failed.iter().map(|failure| failure.what.as_str()).collect();
    let told = format!("failed one after another: {}", render::listed(&what, TOGETHER));
    let newest = failed.last().map(|failure: &Failure| (&failure.what, failure.at));
    let said = failed.last().and_then(|failure| failure.because.clone());
    Some(Alert::new(Cause::BreakerOpen, Some(name), &newest, told).said(said).next(next))
}

/// Each blueprint of which a rollback or a restart needs a person, or a rollback may not be made, now or at all: what it would end goes on.
pub fn waiting(plan: &Plan) -> Vec<Alert> {
    plan.blueprints.iter().filter_map(|part| waits_for_person(&part.name, &part.items)).collect()
}

fn waits_for_person(name: &Name, items: &[PlanItem]) -> Option<Alert> {
    let (item, told) = items.iter().find_map(|item| {
        let is_back = matches!(item.action, Action::Rollback(_));
        let told = match (item.verdict.tier, item.hold()) {
            (Tier::Forbidden, _) if is_back => "is forbidden".to_owned(),
            // A restart may be held for a minute; of a way back nobody would hear until it is proposed.
            (_, Some(hold)) if is_back => format!("is held by {} {}", hold.rule.cite, hold.until()),
            (Tier::RequiresApproval, None) if is_back || matches!(item.action, Action::Restart(_)) => {
                "needs approval".to_owned()
            }
            _ => return None,
        };
        Some((item, format!("{} {told}", item.action.name())))
    })?;
    let because = Some(Untrusted::new(render::because(item)));
    Some(Alert::new(Cause::WaitsForPerson, Some(name), &item.id, told).said(because))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Severity;

    /// Would miss: the commonest ends of a bad change, an image that is not there and pods that nobody creates, of which nobody hears; and a
    /// warning that is nobody's told as an outage.
    #[test]
    fn r06_pods_that_no_action_helps_are_told_whatever_keeps_them() {
        let name = Name::new("web").expect("a name");
        let told = |code: &str, needs_person: bool| {
            let help = vec![Untrusted::new("look")];
            let reported = Reported::for_person(code, Severity::Error, "what was seen".into(), help);
            helpless(&name, &[Reported { needs_person, ..reported }]).map(|alert| alert.told).collect::<Vec<_>>()
        };
        for (code, words) in [
            ("pods-failed", "pods failed, and no action helps"),
            ("image-not-pulled", "an image cannot be pulled, and no action helps"),
            ("container-not-created", "a container cannot be created, and no action helps"),
            ("pods-not-created", "pods are not created, and no action helps"),
        ] {
            assert_eq!(told(code, true), [words]);
            assert_eq!(told(code, false), [""; 0], "{code}");
        }
        assert_eq!(told("pods-not-ready", true), [""; 0]);
    }

    /// Would miss: a cluster that takes nothing, told in a hundred issues.
    #[test]
    fn r06_one_cause_of_many_blueprints_is_one_alert() {
        let of = |count: usize| {
            let names = (0..count).map(|at| Name::new(format!("web-{at}")).expect("a name"));
            gathered(names.map(|name| Alert::new(Cause::OperationRefused, Some(&name), &1, "no")).collect())
        };
        assert_eq!(of(5).len(), 5);
        let many = of(100);
        assert_eq!(many.len(), 1);
        assert_eq!((many[0].key().as_str(), many[0].told.starts_with("100 blueprints: ")), ("operation-refused", true));
        assert_eq!(many[0].about, of(99)[0].about, "each pass finds the same");
    }
}
