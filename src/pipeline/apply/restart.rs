//! Restarts: the one thing that a pass does to a cluster without Git, under either delivery (B8, B15).

use bpctl_core::action::Action;
use bpctl_core::decide::{FailedPod, Finding};
use bpctl_core::execute::Effect;
use bpctl_core::govern::permit_restart;
use bpctl_core::ledger::Event;
use bpctl_core::model::{Digest, Name, Period, Timestamp};
use bpctl_core::observe::{Known, Observation, PastRestart, Recorder};
use bpctl_core::plan::Plan;
use bpctl_core::verify::{Outcome, RestartInput, VerifyReport, verify_restart};

use super::account::REMEMBERED;
use super::{Base, Pass};
use crate::pipeline::{PipelineError, ledger, verify};
use crate::runtime;

/// A restart and how its verification stands.
type Restarted = (Name, PastRestart, Timestamp, VerifyReport);

impl Pass<'_> {
    /// Restarts what may be. Answers whether anything was.
    pub(super) async fn recover(
        &mut self,
        base: &Base,
        observation: &Observation,
        plan: &Plan,
    ) -> Result<bool, PipelineError> {
        let server_clock = self.session.forge.reading().clock().await?.from_server;
        let mut any = false;
        for item in plan.items() {
            let Action::Restart(restart) = &item.action else { continue };
            for effect in &item.effects {
                let Effect::RestartPods(effect) = effect else { continue };
                let facts = Recorder::new(observation);
                let permit = permit_restart(&base.rules, &self.environment, &item.action, effect, &facts, server_clock);
                let Some(permit) = permit else {
                    self.not_done(item, ("restarted", "restart it yourself"), server_clock);
                    continue;
                };
                let applied = match self.effects.restart(permit).await {
                    Ok(applied) => applied,
                    // One workload that the server refuses does not keep the others waiting.
                    Err(PipelineError::Cluster(error)) => {
                        drop(self.refused(&restart.blueprint, &error));
                        continue;
                    }
                    Err(other) => return Err(other),
                };
                let because = bpctl_core::render::because(item);
                let Some(applied) = applied else {
                    self.step(&restart.blueprint, format!("would restart {}: {because}", restart.workload), None);
                    continue;
                };
                any = true;
                if !applied.changed {
                    self.step(&restart.blueprint, format!("{}: another run has restarted it", restart.workload), None);
                    continue;
                }
                let told = format!("restarted {}: {because}", restart.workload);
                let now = self.session.forge.reading().clock().await?.now;
                let before: Vec<FailedPod> = match &item.finding {
                    Finding::Failing(failing) => failing.pods.clone(),
                    _ => Vec::new(),
                };
                let (summary, request) = (told.clone(), restart.request.clone());
                let event = Event::Restarted { summary, request, uid: applied.uid, before };
                self.entry(&restart.blueprint, &item.id, now, event);
                self.step(&restart.blueprint, told, None);
            }
        }
        Ok(any)
    }

    /// Verifies the restarts of the last day that the ledger has no final outcome of, and writes down those that a killed run did not; what
    /// follows from a failure is derived from the cluster anew in every run, never from the ledger.
    pub(super) async fn verify_restarts(
        &mut self,
        base: &Base,
        first: &Observation,
        deadline: Timestamp,
    ) -> Result<(), PipelineError> {
        if self.restarts(base, first).is_empty() {
            return Ok(());
        }
        let forge = self.session.forge.reading();
        // Without a ledger an outcome is written again, no more.
        let known = ledger::recall(&self.session.repository, forge, &self.environment).await;
        let known = known.map(|known| known.ids()).unwrap_or_default();
        let mut newer: Option<Observation> = None;
        loop {
            let observation = newer.as_ref().unwrap_or(first);
            let mut pending = false;
            for (blueprint, past, at, report) in self.restarts(base, observation) {
                let correlation = Digest::of(&("restart", &blueprint, &past.request));
                if report.outcome == Outcome::Failure {
                    self.raised.unrecovered(&blueprint, &past.request, &verify::summary(&report));
                }
                let event = Event::Recovered { request: past.request.clone(), report: report.clone() };
                let id = self.written(&blueprint, &correlation, at, event).id;
                if known.contains(&id) {
                    continue;
                }
                let waits = report.outcome == Outcome::Pending;
                if waits && runtime::now() < deadline && !self.effects.is_dry_run() {
                    pending = true;
                    continue;
                }
                if self.entries.iter().any(|entry| entry.id == id) {
                    continue;
                }
                let uid = self.uid(base, &blueprint, observation);
                let summary = format!("restarted {at:.0}");
                let event = Event::Restarted { summary, request: past.request.clone(), uid, before: Vec::new() };
                self.entry(&blueprint, &correlation, at, event);
                let told = format!("restart of {at:.0}: {} ({})", report.outcome, verify::summary(&report));
                let next = match report.outcome {
                    Outcome::Pending => Some(format!("bpctl apply --env {}", self.environment)),
                    // Whether it is restarted again, or a person is needed, is told there.
                    Outcome::Failure => Some(format!("bpctl plan --env {}", self.environment)),
                    _ => None,
                };
                self.failed |= report.outcome == Outcome::Failure;
                self.step(&blueprint, told, next);
                if verify::is_final(report.outcome, &observation.from) {
                    let now = self.session.forge.reading().clock().await?.now;
                    let event = Event::Recovered { request: past.request, report };
                    self.entry(&blueprint, &correlation, now, event);
                }
            }
            if !pending {
                return Ok(());
            }
            runtime::sleep(Period::from_millis(500)).await;
            newer = Some(self.observe(base).await?);
        }
    }

    /// Each workload's last restart, if it is not older than a day.
    fn restarts(&self, base: &Base, observation: &Observation) -> Vec<Restarted> {
        let catalog = base.rules.get();
        let facts = Recorder::new(observation);
        let one = |name: &Name| {
            let blueprint = catalog.blueprint(name, &self.environment, facts.now())?;
            let input = RestartInput {
                workload: &blueprint.value.spec.target.object(),
                recovered: catalog.workspace.value.verification.recovered,
                from: &observation.from,
            };
            let (past, at, report) = verify_restart(&input, &facts)?;
            (REMEMBERED.after(at) > facts.cluster_now()).then(|| (name.clone(), past, at, report))
        };
        catalog.blueprints.keys().filter_map(one).collect()
    }

    fn uid(&self, base: &Base, blueprint: &Name, observation: &Observation) -> String {
        let facts = Recorder::new(observation);
        let blueprint = base.rules.get().blueprint(blueprint, &self.environment, facts.now());
        let target = blueprint.map(|blueprint| blueprint.value.spec.target.object());
        match target.map(|target| facts.object(&target)) {
            Some(Known::Known(Some(live))) => live.uid.clone(),
            _ => String::new(),
        }
    }
}
