//! Proposals that nobody approved in time (B10, Z15): closed, said, written down; and when they are made again.

use bpctl_core::ledger::Event;
use bpctl_core::model::{Digest, Name, Period};

use super::Pass;
use crate::pipeline::PipelineError;

impl Pass<'_> {
    /// Closes what was not approved within its time, with a comment that says so.
    pub(super) async fn expire(
        &mut self,
        blueprint: &Name,
        number: u64,
        correlation: &Digest,
        within: Period,
    ) -> Result<(), PipelineError> {
        let forge = self.session.forge.reading();
        let told = format!("no approval within {within}");
        let comment =
            format!("Closed by bpctl: {told}. It is proposed again after a pause, if it is still needed then.");
        self.effects.close_pull(number, &comment).await?;
        let url = forge.pull_url(number);
        if self.effects.is_dry_run() {
            self.step(blueprint, format!("would close {url}: {told}"), None);
            return Ok(());
        }
        let now = forge.clock().await?.now;
        self.entry(blueprint, correlation, now, Event::Expired { pull: number });
        self.step(blueprint, format!("closed {url}: {told}"), None);
        self.expired(blueprint, number, within);
        Ok(())
    }
}
