//! Verification in a pass: what earlier runs brought, first, and what this one brought, last (B13, B14, B16).

use bpctl_core::blueprint::Delivery;
use bpctl_core::ledger::Event;
use bpctl_core::model::{Name, Timestamp};
use bpctl_core::observe::{CheckConclusion, Known, Observation, ObservedFrom, PastOperation, Recorder};
use bpctl_core::verify::{HORIZON, Outcome, VerifyReport, verify_operation};

use super::{Base, Pass};
use crate::pipeline::PipelineError;
use crate::pipeline::verify::{Verified, check_name, is_final, open, pause, standing, summary};
use crate::runtime;

impl Pass<'_> {
    /// Concludes what can be concluded of earlier runs' operations, and remembers what is still watched.
    pub(super) async fn verify_earlier(
        &mut self,
        base: &Base,
        observation: &Observation,
    ) -> Result<Vec<Verified>, PipelineError> {
        self.end_overtaken(base, observation).await?;
        let mut done = Vec::new();
        for (blueprint, operation) in open(self.session, &self.environment, &base.rules, observation).await? {
            let Some(report) = self.look(base, &blueprint, &operation, observation) else { continue };
            // What this pass may still bring has not failed to arrive; it is looked at again after that.
            let direct = self.place.delivery == Delivery::Direct;
            let report = if direct { report.before_delivery() } else { report };
            if is_final(report.outcome, &observation.from) {
                self.conclude(&blueprint, &operation, &report, &observation.from).await?;
                done.push(Verified { blueprint, operation, report });
            } else {
                self.watched.insert(blueprint, (operation, report));
            }
        }
        Ok(done)
    }

    /// Ends the watch over operations that another one followed which this run did not merge: what they brought cannot be told any more.
    async fn end_overtaken(&mut self, base: &Base, observation: &Observation) -> Result<(), PipelineError> {
        let facts = Recorder::new(observation);
        for blueprint in base.rules.get().blueprints.keys() {
            let Known::Known(history) = facts.history(blueprint) else { continue };
            let own: Vec<&PastOperation> = history.iter().filter(|past| !past.foreign).collect();
            let [.., overtaken, by] = own.as_slice() else { continue };
            if overtaken.outcome.is_some() || overtaken.merged_at < HORIZON.before(facts.now()) {
                continue;
            }
            let forge = self.session.forge.reading();
            let stands = standing(forge, &self.environment, &overtaken.commit).await?;
            if stands.is_some_and(|check| check.conclusion == CheckConclusion::Pending) {
                let told = format!("not watched to its end: #{} was merged", by.pull);
                let (name, neutral) = (check_name(&self.environment), CheckConclusion::Neutral);
                self.effects.set_check(&overtaken.commit, &name, neutral, &told).await?;
            }
        }
        Ok(())
    }

    /// Concludes what was still watched of a workload, as another operation has followed.
    pub(super) async fn cut_short(&mut self, blueprint: &Name, by: u64) -> Result<(), PipelineError> {
        let Some((operation, report)) = self.watched.remove(blueprint) else { return Ok(()) };
        // What it would have shown later cannot be told from what follows: unknown is final, too.
        let report = report.cut_short(by);
        self.write_outcome(blueprint, &operation, &report).await?;
        self.told(blueprint, &operation, &report);
        Ok(())
    }

    /// Verifies what landed and is not verified yet; waits for what is pending, until the deadline.
    pub(super) async fn verify(
        &mut self,
        base: &Base,
        observation: &Observation,
        deadline: Timestamp,
        done: &mut Vec<Verified>,
    ) -> Result<(), PipelineError> {
        let mut open = open(self.session, &self.environment, &base.rules, observation).await?;
        open.retain(|(_, operation)| !done.iter().any(|done| done.operation.commit == operation.commit));
        let mut newer = None;
        loop {
            let observation = newer.as_ref().unwrap_or(observation);
            let (mut pending, mut due) = (Vec::new(), None);
            for (blueprint, operation) in open {
                let Some(report) = self.look(base, &blueprint, &operation, observation) else { continue };
                // What nobody has delivered yet is not waited for: this pass has done what it may.
                let waits = report.outcome == Outcome::Pending && report.due.is_some();
                let again = waits && runtime::now() < deadline && !self.effects.is_dry_run();
                if again {
                    due = due.into_iter().chain(report.due).min();
                    pending.push((blueprint, operation));
                    continue;
                }
                self.conclude(&blueprint, &operation, &report, &observation.from).await?;
                done.push(Verified { blueprint, operation, report });
            }
            if pending.is_empty() {
                return Ok(());
            }
            open = pending;
            runtime::sleep(pause(due, deadline)).await;
            newer = Some(self.observe(base).await?);
        }
    }

    fn look(
        &self,
        base: &Base,
        blueprint: &Name,
        operation: &PastOperation,
        observation: &Observation,
    ) -> Option<VerifyReport> {
        verify_operation(base.rules.get(), &self.environment, blueprint, operation, &Recorder::new(observation))
    }

    async fn conclude(
        &mut self,
        blueprint: &Name,
        operation: &PastOperation,
        report: &VerifyReport,
        from: &ObservedFrom,
    ) -> Result<(), PipelineError> {
        if is_final(report.outcome, from) {
            self.write_outcome(blueprint, operation, report).await?;
        } else if report.outcome == Outcome::Pending {
            // Whoever looks at the commit sees that it is watched, and until when.
            let (forge, summary) = (self.session.forge.reading(), summary(report));
            let stands = standing(forge, &self.environment, &operation.commit).await?;
            if stands.is_none_or(|check| check.summary.raw() != summary) {
                let (name, pending) = (check_name(&self.environment), report.outcome.conclusion());
                self.effects.set_check(&operation.commit, &name, pending, &summary).await?;
            }
        }
        self.told(blueprint, operation, report);
        Ok(())
    }

    fn told(&mut self, blueprint: &Name, operation: &PastOperation, report: &VerifyReport) {
        let url = self.session.forge.reading().pull_url(operation.pull);
        let next = (report.outcome == Outcome::Pending).then(|| format!("bpctl verify --env {}", self.environment));
        self.step(blueprint, format!("verified {url}: {} ({})", report.outcome, summary(report)), next);
    }

    /// The check on the merge commit, and the ledger's entry.
    async fn write_outcome(
        &mut self,
        blueprint: &Name,
        operation: &PastOperation,
        report: &VerifyReport,
    ) -> Result<(), PipelineError> {
        let name = check_name(&self.environment);
        self.effects.set_check(&operation.commit, &name, report.outcome.conclusion(), &summary(report)).await?;
        let now = self.session.forge.reading().clock().await?.now;
        let event = Event::Verified { pull: operation.pull, commit: operation.commit.clone(), report: report.clone() };
        let correlation = self.correlation(operation.pull, &operation.commit, &operation.commit);
        self.entry(blueprint, &correlation, now, event);
        Ok(())
    }
}
