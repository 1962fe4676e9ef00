//! What a pass writes down, and what it writes down for one that was killed before it could: read off the forge and the cluster (Z1, Z4).

use std::collections::BTreeMap;

use bpctl_core::action::{Action, Reconcile, RevertedField};
use bpctl_core::credential::WITHHELD;
use bpctl_core::govern::{FIELD_MANAGER, last_apply};
use bpctl_core::ledger::{Entry, Event, Evidence, id_of_decision, thin};
use bpctl_core::model::{Digest, Name, ObjectRef, Period, Proposed, Timestamp};
use bpctl_core::observe::{
    CheckConclusion, FactKey, FactValue, FailedDelivery, Known, LiveObject, Observation, ObservedFrom, PastRestart,
    PullState, Recorder, ReviewState,
};
use bpctl_core::plan::{BlueprintPlan, Plan, PlanInput, PlanItem, Scope, build_for};
use bpctl_core::verify::{Outcome, VerifyReport, WindowCheck};

use super::{Base, Pass, Undelivered};
use crate::forge::{BranchName, ForgeError, PullFilter, PullSummary};
use crate::git::CommitInfo;
use crate::pipeline::{PipelineError, history, ledger, pulls, verify};

/// How far back a pass looks for what a killed one left.
pub(super) const REMEMBERED: Period = Period::from_secs(86_400);
/// Below how many commits that people pushed onto a proposal bpctl's own is looked for.
const PUSHED: usize = 50;

impl Pass<'_> {
    /// What earlier runs did, and may not have written down or cleared away before they were killed.
    pub(super) async fn remember(&mut self, base: &Base, observation: &Observation) -> Result<(), PipelineError> {
        let forge = self.session.forge.reading();
        let (now, me) = (forge.clock().await?.now, forge.identity().await?);
        // It is for people: without it a pass remembers nothing, and goes on (T30).
        let known = match ledger::recall(&self.session.repository, forge, &self.environment).await {
            Ok(known) => {
                self.raised.remember(&known);
                known
            }
            Err(error @ (PipelineError::Git(_) | PipelineError::Forge(ForgeError::Git { .. }))) => {
                self.raised.forgot(&error);
                ledger::Ledger::default()
            }
            Err(error) => return Err(error),
        };
        self.known = known.ids();
        let mut left = BTreeMap::new();
        let mut recent = forge.pulls(PullFilter::UpdatedSince(REMEMBERED.before(now))).await?;
        recent.sort_by_key(|pull| pull.number);
        for pull in recent {
            let Some(branch) = pull.head_branch.clone().and_then(BranchName::new) else { continue };
            let Some((blueprint, _)) = BranchName::parse_proposal(&self.environment, branch.as_str()) else { continue };
            let landed = match &pull.state {
                PullState::Merged { commit, .. } => commit,
                _ => &pull.head,
            };
            let correlation = self.correlation(pull.number, landed, base.tip.commit());
            if pull.author.id == me.id {
                let event = Event::Proposed { pull: pull.number, head: pull.head.clone() };
                self.entry(&blueprint, &correlation, pull.opened_at, event);
            }
            match &pull.state {
                PullState::Open => drop(left.remove(branch.as_str())),
                PullState::Closed { by: Some(by), .. } if by.id == me.id => {
                    let rules = base.rules.get();
                    let timeout = rules.blueprint(&blueprint, &self.environment, now);
                    let timeout = timeout.map(|known| rules.approval_timeout(self.place.tier, &known.value));
                    let at = timeout.and_then(|timeout| pulls::expired_at(&pull, &me, timeout));
                    if let Some(at) = at {
                        self.entry(&blueprint, &correlation, at, Event::Expired { pull: pull.number });
                    }
                }
                PullState::Closed { at, by } => {
                    let event = Event::Declined { pull: pull.number, by: by.clone(), reason: None };
                    if !known.has(&self.written(&blueprint, &correlation, *at, event)) {
                        let event = self.declined_by(&pull).await?;
                        self.entry(&blueprint, &correlation, *at, event);
                    }
                }
                // Whoever takes such a name for a branch brings no operation of bpctl's.
                PullState::Merged { .. } if pull.author.id != me.id => {}
                PullState::Merged { at, commit, .. } => {
                    self.remember_merged(base, &known, (&blueprint, &correlation), &pull, (*at, commit)).await?;
                    left.insert(branch.as_str().to_owned(), (branch, pull.head));
                }
            }
        }
        for (branch, head) in left.into_values() {
            if forge.branch(&branch).await?.is_some_and(|at| at == head)
                && let Some((blueprint, _)) = BranchName::parse_proposal(&self.environment, branch.as_str())
            {
                self.clear(&blueprint, &branch, &head).await?;
            }
        }
        self.remember_deliveries(base, observation, &known, now);
        Ok(())
    }

    /// Who said no, and why.
    async fn declined_by(&self, pull: &PullSummary) -> Result<Event, PipelineError> {
        let facts = self.session.forge.reading().pull(pull.number).await?;
        let PullState::Closed { by, .. } = facts.state else {
            return Ok(Event::Declined { pull: pull.number, by: None, reason: None });
        };
        // On the local forge the answer itself closes, and its signature says whose it is.
        let local = self.session.forge.reading().kind() == "local";
        let reviews = facts.reviews.known().map_or(&[] as &[_], Vec::as_slice);
        let no = reviews.iter().rfind(|review| {
            review.state == ReviewState::ChangesRequested
                && (local || by.as_ref().is_some_and(|by| by.id == review.reviewer.id))
        });
        let by = no.map(|review| review.reviewer.clone()).or(by);
        let reason = no.map(|review| review.body.clone()).filter(|body| !body.raw().is_empty());
        Ok(Event::Declined { pull: pull.number, by, reason })
    }

    /// A merge and its verification, as they stand on the forge.
    async fn remember_merged(
        &mut self,
        base: &Base,
        known: &ledger::Ledger,
        (blueprint, correlation): (&Name, &Digest),
        pull: &PullSummary,
        (at, commit): (Timestamp, &str),
    ) -> Result<(), PipelineError> {
        let forge = self.session.forge.reading();
        let event =
            |reviews, changes, by| Event::Merged { pull: pull.number, commit: commit.into(), reviews, changes, by };
        if !known.has(&self.written(blueprint, correlation, at, event(Vec::new(), Digest::of(""), None))) {
            let facts = forge.pull(pull.number).await?;
            let by = facts.merged_by_another();
            let (changes, reviews) = pulls::merged(self.session, &base.rules, blueprint, facts, commit).await?;
            self.entry(blueprint, correlation, at, event(reviews, changes, by));
        }
        let verified = |outcome, evidence: &str| {
            let check =
                WindowCheck { window: "check".into(), outcome, evidence: evidence.into(), measured: Vec::new() };
            let report = VerifyReport { outcome, checks: vec![check], due: None };
            Event::Verified { pull: pull.number, commit: commit.into(), report }
        };
        if known.has(&self.written(blueprint, correlation, at, verified(Outcome::Success, ""))) {
            return Ok(());
        }
        if let Some(check) = verify::check(forge, &self.environment, commit).await? {
            let outcome = match check.conclusion {
                CheckConclusion::Success => Outcome::Success,
                CheckConclusion::Failure => Outcome::Failure,
                CheckConclusion::Neutral => Outcome::Unknown,
                CheckConclusion::Pending => return Ok(()),
            };
            let event = verified(outcome, &bpctl_core::render::sink::terminal(&check.summary));
            self.entry(blueprint, correlation, check.at, event);
        }
        Ok(())
    }

    /// What the objects themselves show of being applied, and what checks say of being refused.
    fn remember_deliveries(&mut self, base: &Base, observation: &Observation, known: &ledger::Ledger, now: Timestamp) {
        let catalog = base.rules.get();
        let facts = Recorder::new(observation);
        for name in catalog.blueprints.keys() {
            if let Known::Known(failed) = facts.deliveries(name) {
                for failure in failed {
                    let correlation = Digest::of(&("delivery", &failure.commit));
                    self.entry(name, &correlation, failure.at, failed_event(failure));
                }
            }
        }
        let targets = catalog.blueprints.iter().map(|(name, b)| (b.value.spec.target.object(), name));
        let targets: BTreeMap<ObjectRef, &Name> = targets.collect();
        for (key, fact) in &observation.facts {
            let (FactKey::Object(object), FactValue::Object(Known::Known(Some(live)))) = (key, &fact.value) else {
                continue;
            };
            let Some((at, receipt)) = shown(live, &observation.from, observation.observed_at, now) else { continue };
            let declares = |name: &&Name| catalog.declaration(&self.environment, name, object).is_ok();
            // Most are a blueprint's own workload; only for the others all are asked.
            let own = targets.get(object).copied().filter(declares);
            let Some(name) = own.or_else(|| catalog.blueprints.keys().find(declares)) else { continue };
            let correlation = known.decision_on(object).unwrap_or_else(|| Digest::of(&("applied", &live.uid)));
            let event = Event::Applied {
                summary: format!("{object}: written down by a later run"),
                base: String::new(),
                object: object.clone(),
                uid: live.uid.clone(),
                receipt,
            };
            self.entry(&name.clone(), &correlation, at, event);
        }
    }

    /// Writes down which blueprints' deliveries were refused, as a check on the delivered commit: the breaker counts it, wherever the next
    /// pass runs. What was delivered since, or differs no more, is made good.
    pub(super) async fn count_deliveries(
        &mut self,
        base: &Base,
        plan: &Plan,
        observation: &Observation,
        undelivered: &Undelivered,
    ) -> Result<(), PipelineError> {
        let forge = self.session.forge.reading();
        let facts = Recorder::new(observation);
        let commit = base.tip.commit();
        for part in &plan.blueprints {
            let Known::Known(standing) = facts.deliveries(&part.name) else { continue };
            if let Some(refused) = undelivered.refused.get(&part.name) {
                if self.effects.is_dry_run() {
                    continue;
                }
                let because: Vec<&str> = refused.iter().map(|(_, said)| said.as_str()).collect();
                let because = bpctl_core::model::Untrusted::new(because.join("; "));
                let attempt = history::next_attempt(forge, &self.environment, &part.name, commit).await?;
                let name = history::delivery_check(&self.environment, &part.name, attempt);
                self.effects.set_check(commit, &name, CheckConclusion::Failure, because.raw()).await?;
                self.raised.refused_again(&part.name, commit);
                let at = forge.clock().await?.now;
                let event = failed_event(&FailedDelivery { commit: commit.into(), attempt, at, because });
                let correlation =
                    refused.first().map_or_else(|| Digest::of(&("delivery", commit)), |(id, _)| id.clone());
                self.entry(&part.name, &correlation, at, event);
            } else if !standing.is_empty() {
                if waits(part) || undelivered.uncounted.contains(&part.name) {
                    // Whatever holds it now, base is not delivered: that stays a failure.
                    self.failed = true;
                    continue;
                }
                self.raised.made_good.insert(part.name.clone());
                for failure in standing {
                    let name = history::delivery_check(&self.environment, &part.name, failure.attempt);
                    let told = format!("delivered by {}", commit.get(..7).unwrap_or(commit));
                    self.effects.set_check(&failure.commit, &name, CheckConclusion::Success, &told).await?;
                }
            }
        }
        Ok(())
    }

    /// Appends what happened so far to the ledger. What it had when this pass began is not read again to be found there: no entry goes but with
    /// the whole branch, and then the next pass writes what this one knew.
    pub(super) async fn write_down(&mut self) -> Result<(), PipelineError> {
        if self.effects.is_dry_run() {
            return Ok(());
        }
        if self.entries.iter().any(|entry| !self.known.contains(&entry.id)) {
            let at = self.session.forge.reading().clock().await?.now;
            let new: Vec<Entry> =
                self.entries.iter().filter(|entry| !self.known.contains(&entry.id)).cloned().collect();
            let fresh = ledger::record(self.session, self.effects, &self.environment, &new, at).await?;
            self.recorded += fresh.len();
            let written =
                self.entries.iter().filter(|entry| fresh.contains(&entry.id)).map(|entry| entry.event.clone());
            self.raised.written.extend(written);
        }
        self.known.extend(self.entries.drain(..).map(|entry| entry.id));
        Ok(())
    }

    /// Writes down every decision, as it follows from what is kept of its facts: live texts that may be credentials are in neither.
    pub(super) fn decided(&mut self, plan: &Plan, base: &Base, observation: &Observation) {
        let catalog = base.rules.get();
        let is_new =
            |item: &PlanItem| !self.known.contains(&id_of_decision(&item.id, &item.verdict, &plan.desired.base_commit));
        // What waits for a person is decided in every pass, and written down once.
        let new: Vec<&BlueprintPlan> = plan.blueprints.iter().filter(|part| part.items.iter().any(is_new)).collect();
        if new.is_empty() {
            return;
        }
        let desired = Proposed::from_head(Some(base.tip.commit().into()), catalog.clone());
        for part in new {
            let declared = |object: &ObjectRef| {
                let names = std::iter::once(&part.name).chain(catalog.blueprints.keys());
                let mut found = names.filter_map(|name| catalog.declaration(&self.environment, name, object).ok());
                found.next().map(|(_, manifest)| manifest.document.root.to_json())
            };
            // What is to stand in Git is no secret of the cluster's any more.
            let adopted = part.items.iter().flat_map(|item| match &item.action {
                Action::Adopt(adopt) => adopt.fields.as_slice(),
                _ => &[],
            });
            let proposed: Vec<_> = adopted.filter_map(|field| field.to.as_ref()).collect();
            let evidence = thin(&observation.only(&part.evidence), declared, &proposed);
            let input = PlanInput {
                rules: &base.rules,
                desired: &desired,
                environment: &self.environment,
                observation: &evidence,
            };
            let only = [part.name.clone()].into();
            let kept = build_for(&input, Some((&only, Scope { asked: Vec::new(), of: 1 })));
            let evidence = Evidence::of(&evidence);
            for item in &part.items {
                let same = |kept: &&PlanItem| {
                    kept.action.name() == item.action.name() && kept.action.workload() == item.action.workload()
                };
                let event = Event::Decided {
                    action: kept
                        .items()
                        .find(same)
                        .map_or_else(|| bare(&item.action), |kept| kept.action.clone())
                        .told(),
                    summary: format!("{}: {}", bpctl_core::render::change(item), bpctl_core::render::because(item)),
                    verdict: item.verdict.clone(),
                    version: part.version.clone(),
                    base: plan.desired.base_commit.clone(),
                    logic: plan.logic,
                };
                let mut entry = self.written(&part.name, &item.id, observation.governed_at, event);
                entry.evidence.clone_from(&evidence);
                self.entries.push(entry);
            }
        }
    }

    /// What the entries of one operation share: the action's id, as the proposal's commit says it (for people; no verdict rests on it).
    pub(super) fn correlation(&self, pull: u64, commit: &str, base: &str) -> Digest {
        let repository = &self.session.repository;
        let said = |info: &CommitInfo| -> Option<Digest> {
            let line = info.message.raw().lines().find_map(|line| line.strip_prefix("Bpctl-Action: "))?;
            serde_json::from_value(serde_json::Value::String(line.trim().to_owned())).ok()
        };
        let found = || {
            let landed = repository.commit_info(commit).ok()?;
            // A person may have pushed onto it, and have merged it by hand: bpctl's own commit lies below.
            let below = || {
                let (base, head) = match landed.parents.as_slice() {
                    [base, head, ..] => (base.as_str(), head.as_str()),
                    _ => (base, commit),
                };
                repository.commits_between(base, head, PUSHED).ok()?.iter().find_map(said)
            };
            said(&landed).or_else(below)
        };
        found().unwrap_or_else(|| Digest::of(&("pull", &self.environment, pull)))
    }

    pub(super) fn written(&self, blueprint: &Name, correlation: &Digest, at: Timestamp, event: Event) -> Entry {
        Entry::new(at, self.environment.clone(), blueprint.clone(), correlation.clone(), event)
    }

    pub(super) fn entry(&mut self, blueprint: &Name, correlation: &Digest, at: Timestamp, event: Event) {
        let entry = self.written(blueprint, correlation, at, event);
        self.entries.push(entry);
    }
}

fn failed_event(failure: &FailedDelivery) -> Event {
    let FailedDelivery { commit, attempt, because, .. } = failure.clone();
    Event::Failed { commit, attempt, because }
}

/// Whether something of base is not in the cluster, or may not be. A load that nobody measured says nothing of that.
fn waits(part: &BlueprintPlan) -> bool {
    let reconcile = |item: &PlanItem| matches!(item.action, Action::Reconcile(_));
    let delivered =
        |item: &PlanItem| item.verdict.tier == bpctl_core::blueprint::Tier::Allowed && item.hold().is_none();
    part.unknown.iter().any(|unknown| unknown.uncompared)
        || part.items.iter().any(|item| reconcile(item) && !delivered(item))
}

/// The action without what the cluster has.
fn bare(action: &Action) -> Action {
    let mut action = action.clone();
    if let Action::Reconcile(reconcile) = &mut action {
        reconcile.fields.iter_mut().for_each(|field| field.from = Some(WITHHELD.into()));
    }
    action
}

/// When an object was applied by bpctl, and its receipt; `None`: not, or long ago.
fn shown(
    live: &LiveObject,
    from: &ObservedFrom,
    observed_at: Timestamp,
    now: Timestamp,
) -> Option<(Timestamp, String)> {
    if !live.body.mentions(FIELD_MANAGER) {
        return None;
    }
    // Not the observation's own: of thousands of objects it would keep all that is read here.
    let applied = last_apply(&live.body.clone())?;
    let at = match from {
        ObservedFrom::Live { .. } if REMEMBERED.after(applied) > now => applied,
        // A recording's clock stands still; a restart gives the object another version.
        ObservedFrom::Snapshot { .. } if applied == observed_at && PastRestart::of(live, observed_at).is_none() => now,
        _ => return None,
    };
    Some((at, receipt(from, Some(applied), &live.resource_version)))
}

/// What an object shows of its last apply.
pub(super) fn receipt(from: &ObservedFrom, applied: Option<Timestamp>, version: &str) -> String {
    match (from, applied) {
        (ObservedFrom::Live { .. }, Some(applied)) => format!("{applied:.0}"),
        _ => format!("version {version}"),
    }
}

/// `Deployment/web: spec.replicas`: which fields went back, without what they had.
pub(super) fn delivered(reconcile: &Reconcile) -> String {
    let object = &reconcile.workload;
    if reconcile.uid.is_none() {
        return format!("{object}: created");
    }
    let name = |field: &RevertedField| field.field.to_string();
    let fields: Vec<String> = reconcile.fields.iter().map(name).collect();
    format!("{object}: {}", fields.join(", "))
}
