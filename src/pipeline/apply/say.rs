//! What a pass says on a pull request besides its text: the verdict as a check, and labels.

use bpctl_core::govern::{PullJudgement, VERDICT_CHECK};

use super::{Base, Pass};
use crate::pipeline::{PipelineError, pulls};

impl Pass<'_> {
    /// Writes the check, unless it stands already. What stands beside lines is looked up only where the check is written.
    pub(super) async fn say_verdict(&self, base: &Base, judged: &PullJudgement) -> Result<(), PipelineError> {
        let forge = self.session.forge.reading();
        let me = forge.identity().await?;
        let checks = forge.checks(&judged.head).await?;
        let last = checks.iter().rfind(|check| check.name == VERDICT_CHECK && check.by.id == me.id);
        if last.is_some_and(|check| check.conclusion == judged.conclusion && check.summary.raw() == judged.summary) {
            return Ok(());
        }
        let marks = pulls::marks_of(self.session, &base.tip, &base.rules, judged).await;
        self.effects.set_verdict(judged, &marks).await
    }
}
