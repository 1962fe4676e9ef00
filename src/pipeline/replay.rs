//! Derives recorded decisions again, offline: from the commit whose rules judged, and from the recorded facts (X3); and asks what another
//! policy would have made of them (X4). Neither looks at a cluster, and nothing rests on the answers.

use std::collections::BTreeMap;

use bpctl_core::action::Action;
use bpctl_core::blueprint::{Catalog, Located, Policy};
use bpctl_core::decide::LOGIC;
use bpctl_core::govern::Verdict;
use bpctl_core::ledger::{Entry, Event, Evidence};
use bpctl_core::model::{BaseTip, Digest, Name, Proposed, Timestamp, Trusted, canonical_json};
use bpctl_core::plan::{Plan, PlanInput, Scope, build_for};
use schemars::JsonSchema;
use serde::Serialize;

use super::{PipelineError, Session, plan, render, tree};

/// One recorded decision, derived again.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Replayed {
    /// The entry.
    pub id: Digest,
    /// When it was decided.
    pub at: Timestamp,
    /// The blueprint.
    pub blueprint: Name,
    /// What was decided, in short.
    pub was: String,
    /// How it compares.
    pub answer: Answer,
}

/// How a decision compares with what its facts give now.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "answer")]
pub enum Answer {
    /// Action and verdict are the same, bit for bit.
    Same,
    /// They are not.
    Different {
        /// What they are; left out: nothing is decided.
        #[serde(skip_serializing_if = "Option::is_none")]
        now: Option<String>,
    },
    /// Another version of the decision logic made it: not compared.
    OtherLogic {
        /// Which.
        logic: u32,
    },
    /// Its commit or its facts are not there.
    NotDerivable {
        /// Why.
        why: String,
    },
}

/// A decision that another policy would have changed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Flip {
    /// The entry.
    pub id: Digest,
    /// When it was decided.
    pub at: Timestamp,
    /// The blueprint.
    pub blueprint: Name,
    /// The action, in short.
    pub action: String,
    /// The verdict: `allowed`, `needs approval`, `forbidden`, each maybe `, held`.
    pub was: String,
    /// What it would have been; `not proposed` where the policy changes what is decided.
    pub would_be: String,
    /// The rule.
    pub because: String,
}

/// A recorded decision.
struct Recorded<'e> {
    action: &'e Action,
    verdict: &'e Verdict,
    version: &'e str,
    base: &'e str,
    logic: u32,
}

impl<'e> Recorded<'e> {
    fn of(event: &'e Event) -> Option<Self> {
        let Event::Decided { action, verdict, version, base, logic, .. } = event else { return None };
        Some(Self { action, verdict, version, base, logic: *logic })
    }
}

/// Derives every decision among these entries again.
pub async fn replay(session: &Session, environment: &Name, entries: &[Entry]) -> Result<Vec<Replayed>, PipelineError> {
    let mut past = Past::new(session, environment).await?;
    let mut all = Vec::new();
    for entry in entries {
        let Some(was) = Recorded::of(&entry.event) else { continue };
        let answer = match past.plan(entry, &was, None).await {
            Err(answer) => answer,
            Ok(plan) => {
                let now = decided(&plan, was.action);
                let now = now.map(|(action, verdict, version)| (action.clone().told(), verdict, version));
                match &now {
                    Some((action, verdict, version)) if same(&was, action, verdict, version) => Answer::Same,
                    now => Answer::Different { now: now.as_ref().map(|(action, verdict, _)| told(action, verdict)) },
                }
            }
        };
        let (id, at, blueprint) = (entry.id.clone(), entry.at, entry.blueprint.clone());
        all.push(Replayed { id, at, blueprint, was: told(was.action, was.verdict), answer });
    }
    Ok(all)
}

/// Judges every decision among these entries again, with a policy more. Answers how many were, how many could not be, and the flips.
pub async fn backtest(
    session: &Session,
    environment: &Name,
    entries: &[Entry],
    policy: &Located<Policy>,
) -> Result<(usize, usize, Vec<Flip>), PipelineError> {
    let mut past = Past::new(session, environment).await?;
    let (mut judged, mut not_judged, mut flips) = (0, 0, Vec::new());
    for entry in entries {
        let Some(was) = Recorded::of(&entry.event) else { continue };
        let Ok(plan) = past.plan(entry, &was, Some(policy)).await else {
            not_judged += 1;
            continue;
        };
        judged += 1;
        let now = decided(&plan, was.action);
        let would_be = now.map_or_else(|| "not proposed".into(), |(_, verdict, _)| standing(verdict));
        let before = standing(was.verdict);
        if would_be == before {
            continue;
        }
        let rule = now.and_then(|(_, verdict, _)| {
            let hold = verdict.holds.first().map(|hold| &hold.rule).filter(|_| verdict.tier == was.verdict.tier);
            hold.or_else(|| verdict.principal()).map(|rule| rule.cite.clone())
        });
        flips.push(Flip {
            id: entry.id.clone(),
            at: entry.at,
            blueprint: entry.blueprint.clone(),
            action: was.action.name().into(),
            was: before,
            would_be,
            because: rule.unwrap_or_else(|| policy.value.metadata.name.to_string()),
        });
    }
    Ok((judged, not_judged, flips))
}

/// The rules of past commits of base, each read once.
struct Past<'s> {
    session: &'s Session,
    environment: &'s Name,
    tip: BaseTip,
    rules: BTreeMap<String, Result<Trusted<Catalog>, String>>,
}

impl<'s> Past<'s> {
    async fn new(session: &'s Session, environment: &'s Name) -> Result<Self, PipelineError> {
        let tip = session.forge.reading().base_tip().await?;
        Ok(Self { session, environment, tip, rules: BTreeMap::new() })
    }

    /// What an entry's facts give by the rules of its commit, with a policy more.
    async fn plan(
        &mut self,
        entry: &Entry,
        was: &Recorded<'_>,
        policy: Option<&Located<Policy>>,
    ) -> Result<Plan, Answer> {
        let lacks = |why: String| Answer::NotDerivable { why };
        if was.logic != LOGIC {
            return Err(Answer::OtherLogic { logic: was.logic });
        }
        let facts = entry.evidence.as_ref().ok_or_else(|| lacks("it has no facts".into()))?;
        let observation = Evidence::observation(facts).ok_or_else(|| lacks("its facts cannot be read".into()))?;
        if !self.rules.contains_key(was.base) {
            let rules = self.read(was.base).await;
            self.rules.insert(was.base.to_owned(), rules);
        }
        let mut rules = match self.rules.get(was.base) {
            Some(Ok(rules)) => rules.clone(),
            Some(Err(why)) => return Err(lacks(why.clone())),
            None => return Err(lacks("its commit was not read".into())),
        };
        if let Some(policy) = policy {
            rules = rules.map(|mut catalog| {
                catalog.policies.insert(policy.value.metadata.name.clone(), policy.clone());
                catalog
            });
        }
        let desired = Proposed::from_head(Some(was.base.to_owned()), rules.get().clone());
        let input =
            PlanInput { rules: &rules, desired: &desired, environment: self.environment, observation: &observation };
        let only = [entry.blueprint.clone()].into();
        Ok(build_for(&input, Some((&only, Scope { asked: Vec::new(), of: 1 }))))
    }

    async fn read(&self, commit: &str) -> Result<Trusted<Catalog>, String> {
        let repository = &self.session.repository;
        let told = |error: &dyn std::fmt::Display| format!("the rules of {commit} cannot be read: {error}");
        let tip = repository.past_tip(&self.tip, commit).map_err(|error| told(&error))?;
        // Who writes to the ledger may name any commit: only those of base are rules.
        let tip = tip.ok_or_else(|| format!("{commit} is no commit of {}", self.tip.branch()))?;
        let (files, rules) = tree::base_tree(repository, &tip).map_err(|error| told(&error))?;
        plan::whole(rules.get()).map_err(|error| told(&error))?;
        Ok(render::render_rules(rules, &files, std::slice::from_ref(self.environment)).await)
    }
}

/// The decision about the same object among those of a plan.
fn decided<'p>(plan: &'p Plan, action: &Action) -> Option<(&'p Action, &'p Verdict, &'p str)> {
    plan.blueprints.iter().find_map(|part| {
        let same = |item: &&bpctl_core::plan::PlanItem| {
            item.action.name() == action.name() && item.action.workload() == action.workload()
        };
        part.items.iter().find(same).map(|item| (&item.action, &item.verdict, part.version.as_str()))
    })
}

fn same(was: &Recorded<'_>, action: &Action, verdict: &Verdict, version: &str) -> bool {
    canonical_json(&(was.action, was.verdict, was.version)) == canonical_json(&(action, verdict, version))
}

fn standing(verdict: &Verdict) -> String {
    format!("{}{}", verdict.tier, if verdict.holds.is_empty() { "" } else { ", held" })
}

fn told(action: &Action, verdict: &Verdict) -> String {
    let action_id = action.id();
    format!("{} {} ({}): {}", action.name(), action.workload(), action_id.short(), standing(verdict))
}
