//! The judge.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::defaults::{self, default_tier};
use super::rules::{RULES, RuleInput, alternative as way_on};
use super::{OperationInput, Outcome, Subject, Undoes};
use crate::action::{Action, Adopt, AdoptedField, Reconcile, Rollback};
use crate::blueprint::{Catalog, Justification, Operation, Tier, TierName, sized_container};
use crate::model::{FieldPath, Name, ObjectRef, Period, RepoPath, SourceSpan, Timestamp, Trusted, WorkloadKind};
use crate::observe::Recorder;
use crate::propose::{Change, FieldChange, Governed};

/// A rule that spoke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RuleRef {
    /// The rule's identifier.
    pub ident: String,
    /// As people know it: `scaling.max_replicas = 3`.
    pub cite: String,
    /// Why.
    pub because: String,
    /// The line of the base branch that says so; `None`: built in.
    pub source: Option<SourceSpan>,
}

/// Something that delays an action which is otherwise fine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// The rule.
    pub rule: RuleRef,
    /// When it ends; `None`: not known, or not by time.
    pub until: Option<Timestamp>,
    /// What ends it, where that is not a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<String>,
}

impl Hold {
    /// `until 2026-11-21T14:03:05Z`, `until a person …`, `until that is known` (X10).
    pub fn until(&self) -> String {
        match (&self.until, &self.ends) {
            (Some(until), _) => format!("until {until:.0}"),
            (None, Some(ends)) => format!("until {ends}"),
            (None, None) => "until that is known".into(),
        }
    }
}

/// The judge's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Who may do it.
    pub tier: Tier,
    /// What the subject amounts to.
    pub operations: Vec<Operation>,
    /// The rules that demand this tier, the most telling first.
    pub rules: Vec<RuleRef>,
    /// The nearest allowed thing.
    pub alternative: Option<String>,
    /// What it does to those whom the workload serves, in numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub impact: Vec<String>,
    /// Overrides of the environment that hold for a time, and until when (X11).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<String>,
    /// What delays it.
    pub holds: Vec<Hold>,
    /// Freezes that it falls into and that do not delay it: a controller that delivers does not know of them (X11).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unheeded: Vec<Hold>,
    /// Who may approve; empty: anybody with write access.
    pub approvers: Vec<String>,
    /// How long an approval is waited for, where one is needed; `None`: without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Period>,
    /// An approval has to say why.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub justified: bool,
}

impl Verdict {
    /// Adds what a part of the same action is judged: the strictest tier and every hold count.
    fn add(&mut self, part: Self) {
        if part.tier > self.tier {
            (self.tier, self.rules, self.alternative) = (part.tier, part.rules, part.alternative);
            self.timeout = part.timeout;
        }
        self.operations.extend(part.operations);
        self.holds.extend(part.holds);
    }

    /// The longest hold first, each once.
    fn in_order(&mut self) {
        self.operations.sort_unstable();
        self.operations.dedup();
        self.holds.sort_by_key(|hold| std::cmp::Reverse(hold.until.unwrap_or(Timestamp::MAX)));
        self.holds.dedup();
    }

    /// The rule to show first.
    pub fn principal(&self) -> Option<&RuleRef> {
        self.rules.first()
    }
}

/// Judges a subject by the rules of the base branch and by facts. Pure: the same inputs give the same verdict, today and in a replay.
pub fn judge(rules: &Trusted<Catalog>, environment: &Name, subject: &Subject, facts: &Recorder<'_>) -> Verdict {
    let catalog = rules.get();
    let Some(place) = catalog.workspace.value.environments.get(environment) else {
        return lone(
            Tier::Forbidden,
            "environment",
            format!("environment {environment} is not on {}", rules.tip().branch()),
        );
    };
    let Some(blueprint) = catalog.blueprint(&subject.blueprint, environment, facts.now()) else {
        let because =
            format!("blueprint {} is not on {} yet: a person merges it first", subject.blueprint, rules.tip().branch());
        // Whom it will belong to is its own claim, so every policy speaks.
        let named = catalog.policies.values().filter_map(|p| p.value.operations.get(&Operation::ChangeGovernance));
        let tier = named.copied().chain([default_tier(Operation::ChangeGovernance)]).max().unwrap_or(Tier::Forbidden);
        let operations = vec![Operation::ChangeGovernance];
        return Verdict { operations, ..lone(tier, "unknown-blueprint", because) };
    };
    let spec = &blueprint.value.spec;
    let manifest = catalog.manifest(environment, &spec.target.source, &spec.target.object());
    let sized = manifest.and_then(|m| sized_container(&m.document.root, spec.resources.container.as_ref()).ok());
    let operations = subject.operations(&OperationInput {
        spec,
        step: catalog.resize_limits(place.tier, &blueprint.value.metadata).step.value,
        container: sized.as_ref().map(|(name, node)| (name.as_str(), *node)),
        delivery: place.delivery,
    });
    let mut tiers: Vec<(Tier, RuleRef, Option<String>)> = Vec::new();
    let mut holds = Vec::new();
    for operation in &operations {
        for rule in RULES {
            let input = RuleInput {
                catalog,
                environment,
                tier: place.tier,
                blueprint: &blueprint,
                subject,
                operation: *operation,
                facts,
            };
            for outcome in rule.check(&input) {
                debug_assert!(rule.cites().iter().any(|cite| outcome.cite.starts_with(cite)), "{}", outcome.cite);
                let reference = cite(rule.ident(), &outcome);
                if let Some(tier) = outcome.tier {
                    tiers.push((tier, reference, outcome.alternative));
                } else {
                    holds.push(Hold { rule: reference, until: outcome.hold_until, ends: outcome.hold_ends });
                }
            }
        }
    }
    let tier = tiers.iter().map(|(tier, ..)| *tier).max().unwrap_or(Tier::Forbidden);
    // People's own lines tell more than the built-in table, and a number more than a list; else the order of the rules stays.
    tiers.sort_by_key(|(_, rule, _)| rule.source.is_none() && rule.cite.starts_with(defaults::SOURCE));
    let alternative = tiers.iter().filter(|(t, ..)| *t == tier).find_map(|(.., alternative)| alternative.clone());
    let alternative = alternative.or_else(|| {
        // What is forbidden has a way on: that of the operation that nobody may do, where a rule has not named one.
        let built_in = operations.iter().find(|operation| default_tier(**operation) == Tier::Forbidden);
        let operation = *built_in.or(operations.last()).filter(|_| tier == Tier::Forbidden)?;
        let tier = place.tier;
        Some(way_on(&RuleInput { catalog, environment, tier, blueprint: &blueprint, subject, operation, facts }))
    });
    let rules = tiers.into_iter().filter(|(t, ..)| *t == tier).map(|(_, rule, _)| rule).collect();
    holds.sort_by_key(|hold| std::cmp::Reverse(hold.until.unwrap_or(Timestamp::MAX)));
    let over = blueprint.value.environments.get(environment).and_then(|over| over.expires);
    let overrides = over.filter(|expires| *expires > facts.now()).map(|expires| {
        let at = blueprint.span(&["environments", environment.as_str(), "expires"]);
        format!("the override of {environment} holds until {expires:.0} ({at})")
    });
    let overrides = overrides.into_iter().collect();
    let approvers = blueprint.value.governance.approval_workflow.approvers.clone();
    // What a rollback in production waits for is an outage that goes on: nobody is better off without it.
    let forever = operations.contains(&Operation::Rollback) && place.tier == TierName::Prod;
    let asked = tier == Tier::RequiresApproval;
    let timeout = (asked && !forever).then(|| catalog.approval_timeout(place.tier, &blueprint.value));
    let justified = asked && blueprint.value.governance.approval_workflow.justification == Justification::Required;
    Verdict {
        tier,
        operations,
        rules,
        alternative,
        impact: Vec::new(),
        overrides,
        holds,
        unheeded: Vec::new(),
        approvers,
        timeout,
        justified,
    }
}

/// Judges an action; one on an object that belongs to several workloads by all of their blueprints, and one that goes back or takes
/// values of the cluster into Git by each of its fields besides: the strictest tier and every hold count.
pub fn judge_action(rules: &Trusted<Catalog>, environment: &Name, action: &Action, facts: &Recorder<'_>) -> Verdict {
    match action {
        Action::Rollback(rollback) => return judge_rollback(rules, environment, rollback, facts),
        Action::Adopt(adopt) => return judge_adopt(rules, environment, adopt, facts),
        _ => {}
    }
    let mut verdict = judge(rules, environment, &Subject::of_action(action), facts);
    let Action::Reconcile(reconcile) = action else { return verdict };
    if WorkloadKind::of(&reconcile.workload).is_some() {
        return verdict;
    }
    for name in rules.get().sharing(environment, &reconcile.workload) {
        if name == reconcile.blueprint {
            continue;
        }
        let theirs = Action::Reconcile(Reconcile { blueprint: name, ..reconcile.clone() });
        let theirs = judge(rules, environment, &Subject::of_action(&theirs), facts);
        if theirs.tier > verdict.tier {
            let holds = std::mem::take(&mut verdict.holds);
            verdict = theirs;
            verdict.holds.extend(holds);
        } else {
            verdict.holds.extend(theirs.holds);
        }
    }
    verdict.holds.sort_by_key(|hold| std::cmp::Reverse(hold.until.unwrap_or(Timestamp::MAX)));
    verdict
}

/// Judges an action as a plan shows it: what raises a limit of its own is judged for that too, even within base's limit.
pub fn judge_planned(rules: &Trusted<Catalog>, environment: &Name, action: &Action, facts: &Recorder<'_>) -> Verdict {
    let verdict = judge_action(rules, environment, action, facts);
    match Subject::of_limit(action).filter(|_| verdict.tier == Tier::Allowed) {
        Some(limit) => judge(rules, environment, &limit, facts),
        None => verdict,
    }
}

/// A rollback, as its own pull request will be judged: what it does to each field, and that it goes back; what other workloads read as well by
/// their blueprints too, for which it goes nowhere back.
fn judge_rollback(rules: &Trusted<Catalog>, environment: &Name, rollback: &Rollback, facts: &Recorder<'_>) -> Verdict {
    let Rollback { blueprint, workload, config, .. } = rollback;
    let change = |path: &RepoPath,
                  (object, field, from, to): (&ObjectRef, &FieldPath, Option<&Json>, Option<&Json>)| {
        let (object, field) = (object.clone(), field.clone());
        FieldChange { path: path.clone(), object, field, from: from.cloned(), to: to.cloned() }
    };
    let path = source(rules, blueprint);
    let changes: Vec<FieldChange> = rollback.values().map(|value| change(&path, value)).collect();
    let undoes = Undoes::claimed(facts, (blueprint, Some(workload)), changes.iter());
    let whole = Subject::of_action(&Action::Rollback(rollback.clone()));
    let mut verdict =
        judge_fields(rules, environment, whole, changes, facts, |subject| subject.undoing(undoes.clone()));
    for back in config {
        let value = (&back.object, &back.field, back.from.as_ref(), back.to.as_ref());
        for name in rules.get().sharing(environment, &back.object) {
            let theirs = rules.get().blueprints.get(&name).filter(|_| name != *blueprint);
            let Some(theirs) = theirs.map(|blueprint| blueprint.value.object_in(environment)) else { continue };
            let change = Change::Field(change(&source(rules, &name), value));
            let all = [Governed { blueprint: name, environment: Some(environment.clone()), change }];
            let [governed] = &all;
            let subject = Subject::of_change(governed, Some(&theirs), &all);
            let theirs = judge(rules, environment, &subject, facts);
            if theirs.tier == Tier::RequiresApproval {
                let new: Vec<String> =
                    theirs.approvers.iter().filter(|name| !verdict.approvers.contains(name)).cloned().collect();
                verdict.approvers.extend(new);
            }
            verdict.add(theirs);
        }
    }
    verdict.in_order();
    verdict
}

/// An adoption, in the same way: what it does to each field, and that it takes what the cluster has.
fn judge_adopt(rules: &Trusted<Catalog>, environment: &Name, adopt: &Adopt, facts: &Recorder<'_>) -> Verdict {
    let path = source(rules, &adopt.blueprint);
    let change = |adopted: &AdoptedField| adopted.change(path.clone());
    let changes = adopt.fields.iter().map(change).collect();
    let whole = Subject::of_action(&Action::Adopt(adopt.clone()));
    judge_fields(rules, environment, whole, changes, facts, |subject| subject.adopting(true))
}

/// Where a blueprint's manifests are; what is not on base is in no file of it.
fn source(rules: &Trusted<Catalog>, blueprint: &Name) -> RepoPath {
    let source = rules.get().blueprints.get(blueprint).map(|blueprint| blueprint.value.spec.target.source.clone());
    source.unwrap_or_else(|| rules.get().workspace.path.clone())
}

/// An action as a whole and each change that it makes: the strictest tier and every hold count.
fn judge_fields(
    rules: &Trusted<Catalog>,
    environment: &Name,
    whole: Subject,
    changes: Vec<FieldChange>,
    facts: &Recorder<'_>,
    meant: impl Fn(Subject) -> Subject,
) -> Verdict {
    let (blueprint, workload) = (whole.blueprint.clone(), whole.object.clone());
    let governed = |change: FieldChange| Governed {
        blueprint: blueprint.clone(),
        environment: Some(environment.clone()),
        change: Change::Field(change),
    };
    let all: Vec<Governed> = changes.into_iter().map(governed).collect();
    let mut verdict = judge(rules, environment, &meant(whole), facts);
    for governed in &all {
        let subject = meant(Subject::of_change(governed, Some(&workload), &all));
        verdict.add(judge(rules, environment, &subject, facts));
    }
    verdict.in_order();
    verdict
}

fn cite(ident: &str, outcome: &Outcome) -> RuleRef {
    let because = match &outcome.unknown {
        Some(why) => format!("{}: {why}", outcome.because),
        None => outcome.because.clone(),
    };
    RuleRef { ident: ident.into(), cite: outcome.cite.clone(), because, source: outcome.source.clone() }
}

/// What is judged without any rule, because there is nothing on base to judge by; with a line for `explain`.
pub const LONE: [(&str, &str); 2] = [
    ("environment", "The environment is not on the base branch yet: nothing is done there until a person merged it"),
    (
        "unknown-blueprint",
        "The blueprint is not on the base branch yet: nothing of it is done until a person merged it",
    ),
];

fn lone(tier: Tier, ident: &str, because: String) -> Verdict {
    Verdict {
        tier,
        operations: Vec::new(),
        rules: vec![RuleRef { ident: ident.into(), cite: ident.into(), because, source: None }],
        alternative: (tier == Tier::Forbidden).then(|| "a pull request adds it first, for people to merge".into()),
        impact: Vec::new(),
        overrides: Vec::new(),
        holds: Vec::new(),
        unheeded: Vec::new(),
        approvers: Vec::new(),
        timeout: None,
        justified: false,
    }
}
