//! Delivery under `direct`: what stands on base is applied where the cluster differs (B4).

use std::collections::{BTreeMap, BTreeSet};

use bpctl_core::action::{Action, Reconcile};
use bpctl_core::blueprint::Tier;
use bpctl_core::execute::Effect;
use bpctl_core::govern::permit_apply;
use bpctl_core::ledger::Event;
use bpctl_core::model::{Digest, Name, ObjectRef, WorkloadKind};
use bpctl_core::observe::{Observation, Recorder};
use bpctl_core::plan::{Plan, PlanItem};

use super::{Base, Pass, account};
use crate::pipeline::PipelineError;

/// What a delivery left undone.
#[derive(Debug, Default)]
pub(super) struct Undelivered {
    /// What the cluster refused, by blueprint: the action, and what was said. The breaker counts it.
    pub(super) refused: BTreeMap<Name, Vec<(Digest, String)>>,
    /// Blueprints of which something is not delivered that says nothing of their manifests: for want of rights, or overtaken.
    pub(super) uncounted: BTreeSet<Name>,
}

/// An apply that came to nothing, because somebody else was there first or holds the fields.
struct Idle<'p> {
    reconcile: &'p Reconcile,
    told: String,
    next: Option<String>,
    overtaken: bool,
}

/// What keeps pods from starting where it is not there.
const READ: [&str; 4] = ["ConfigMap", "Secret", "ServiceAccount", "PersistentVolumeClaim"];

/// When an object is applied among those of one pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// Pods may need it as they start: an environment is read once, and what is not there keeps them from starting.
    Before,
    /// It has pods.
    Runs,
    /// It scales or watches what has.
    After,
}

fn turn(object: &ObjectRef) -> Turn {
    match object.kind.as_str() {
        "HorizontalPodAutoscaler" => Turn::After,
        kind if WorkloadKind::of_kind(kind).is_some() => Turn::Runs,
        _ => Turn::Before,
    }
}

fn reconciles(item: &PlanItem) -> Option<(&PlanItem, &Reconcile)> {
    match &item.action {
        Action::Reconcile(reconcile) => Some((item, reconcile)),
        _ => None,
    }
}

impl Pass<'_> {
    /// Applies what stands on base where the cluster differs. Answers whether the cluster is another than was seen: something was applied, or
    /// another run was there first (Z2).
    pub(super) async fn deliver(
        &mut self,
        base: &Base,
        observation: &Observation,
        plan: &Plan,
    ) -> Result<bool, PipelineError> {
        let server_clock = self.session.forge.reading().clock().await?.from_server;
        let mut applied_any = false;
        let mut undelivered = Undelivered::default();
        let mut idle = Vec::new();
        // What pods read as they start comes before them, and what scales them after; of all blueprints, because several may read one thing.
        let mut items: Vec<(&PlanItem, &Reconcile)> = plan.items().filter_map(reconciles).collect();
        items.sort_by_key(|(_, reconcile)| turn(&reconcile.workload));
        let mut missing: BTreeMap<&Name, &ObjectRef> = BTreeMap::new();
        for (item, reconcile) in items {
            for effect in &item.effects {
                let Effect::ApplyObject(effect) = effect else { continue };
                let is_read = READ.contains(&reconcile.workload.kind.as_str());
                if let Some(read) =
                    missing.get(&reconcile.blueprint).filter(|_| turn(&reconcile.workload) == Turn::Runs)
                {
                    let told =
                        format!("{} not applied: {read} comes first, and could not be brought", reconcile.workload);
                    if !undelivered.refused.contains_key(&reconcile.blueprint) {
                        undelivered.uncounted.insert(reconcile.blueprint.clone());
                    }
                    self.step(&reconcile.blueprint, told, None);
                    continue;
                }
                let facts = Recorder::new(observation);
                let Some(permit) =
                    permit_apply(&base.rules, &self.environment, &item.action, effect, &facts, server_clock)
                else {
                    self.not_done(item, ("applied", "apply it yourself"), server_clock);
                    if is_read && reconcile.uid.is_none() {
                        missing.insert(&reconcile.blueprint, &reconcile.workload);
                    }
                    continue;
                };
                let what = match (reconcile.fields.len(), &reconcile.uid) {
                    (_, None) => format!("{}: created", reconcile.workload),
                    (1, _) => format!("{}: {}", reconcile.workload, reverted(reconcile)),
                    (fields, _) => format!("{}: {fields} fields", reconcile.workload),
                };
                let applied = match self.effects.apply_object(permit).await {
                    Ok(applied) => applied,
                    Err(PipelineError::Cluster(error)) if error.is_overtaken() => {
                        let told = format!("{error}; the next run decides anew");
                        idle.push(Idle { reconcile, told, next: None, overtaken: true });
                        continue;
                    }
                    // One object that the server refuses does not keep the others waiting.
                    Err(PipelineError::Cluster(error)) => {
                        if is_read {
                            missing.insert(&reconcile.blueprint, &reconcile.workload);
                        }
                        let said = self.refused(&reconcile.blueprint, &error);
                        if error.is_want_of_rights() {
                            undelivered.uncounted.insert(reconcile.blueprint.clone());
                        } else {
                            let refused = undelivered.refused.entry(reconcile.blueprint.clone()).or_default();
                            refused.push((item.id.clone(), said));
                        }
                        continue;
                    }
                    Err(other) => return Err(other),
                };
                let Some(applied) = applied else {
                    self.step(&reconcile.blueprint, format!("would apply {what}"), None);
                    continue;
                };
                if !applied.changed {
                    let told = format!("{}: the server took the manifest and changed nothing", reconcile.workload);
                    let next = Some(format!(
                        "bpctl plan --env {} --exact: what it stores is not what Git declares",
                        self.environment
                    ));
                    idle.push(Idle { reconcile, told, next, overtaken: false });
                    continue;
                }
                applied_any = true;
                let now = self.session.forge.reading().clock().await?.now;
                let event = Event::Applied {
                    summary: account::delivered(reconcile),
                    base: base.tip.commit().into(),
                    object: reconcile.workload.clone(),
                    receipt: account::receipt(&observation.from, applied.applied_at, &applied.resource_version),
                    uid: applied.uid,
                };
                self.entry(&reconcile.blueprint, &item.id, now, event);
                self.step(&reconcile.blueprint, format!("applied {what}"), None);
            }
        }
        let overtaken = self.settle_idle(base, idle, &mut undelivered).await?;
        self.count_deliveries(base, plan, observation, &undelivered).await?;
        Ok(applied_any || overtaken)
    }

    /// Looks again at what an apply did not change: where the workload is as Git declares it by now, another run was there first, and nothing
    /// is left undone (Z2). Answers whether that is so of any.
    async fn settle_idle(
        &mut self,
        base: &Base,
        idle: Vec<Idle<'_>>,
        undelivered: &mut Undelivered,
    ) -> Result<bool, PipelineError> {
        if idle.is_empty() {
            return Ok(false);
        }
        let mut meanwhile = false;
        let now = self.observe(base).await?;
        let plan = self.plan(base, &now).await;
        let blind: BTreeSet<&Name> = plan.uncompared().map(|(name, _)| name).collect();
        for Idle { reconcile: Reconcile { blueprint, workload, .. }, told, next, overtaken } in idle {
            let drifts =
                |item: &PlanItem| matches!(item.action, Action::Reconcile(_)) && item.action.workload() == workload;
            if blind.contains(blueprint) || plan.items().any(drifts) {
                self.failed |= overtaken;
                undelivered.uncounted.insert(blueprint.clone());
                self.step(blueprint, told, next);
            } else {
                meanwhile = true;
                self.step(blueprint, format!("{workload}: changed meanwhile, and is as Git declares it"), None);
            }
        }
        Ok(meanwhile)
    }

    /// Says why something was not done to the cluster, `applied` or `restarted`; held and forbidden items are said with the plan.
    pub(super) fn not_done(&mut self, item: &PlanItem, (done, yourself): (&str, &str), server_clock: bool) {
        let rule = item.verdict.principal().map_or("", |rule| rule.cite.as_str());
        let why = match (item.verdict.tier, item.hold()) {
            (_, Some(_)) | (Tier::Forbidden, _) => return,
            (Tier::RequiresApproval, _) => {
                format!("needs approval ({rule}): change that rule by a pull request, or {yourself}")
            }
            (Tier::Allowed, _) if !server_clock => "a local clock permits nothing in production".into(),
            (Tier::Allowed, _) => "no permit was given".into(),
        };
        self.step(item.action.blueprint(), format!("{} not {done}: {why}", item.action.workload()), None);
    }
}

/// `replicas 2 → 3`, for a delivery of one field.
fn reverted(reconcile: &bpctl_core::action::Reconcile) -> String {
    let Some(field) = reconcile.fields.first() else { return "1 field".into() };
    let value = |v| bpctl_core::render::sink::terminal(&bpctl_core::render::value(v));
    let name = bpctl_core::render::sink::terminal(&bpctl_core::model::Untrusted::new(field.field.to_string()));
    format!("{name} {} → {}", value(field.from.as_ref()), value(field.to.as_ref()))
}
