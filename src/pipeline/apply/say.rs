//! What a pass says on a pull request besides its text: the verdict as a check, and labels.

use bpctl_core::govern::{PullJudgement, VERDICT_CHECK};
use bpctl_core::model::Name;
use bpctl_core::render::sink;

use super::{Base, Pass};
use crate::forge::{BranchName, PullSummary};
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

    /// The labels of a proposal of this blueprint.
    pub(super) fn labels(&self, base: &Base, blueprint: &Name, action: &str) -> Vec<String> {
        base.rules.get().workspace.value.proposals.labels_of(Some(&self.environment), blueprint, action)
    }

    /// Puts labels on what a run opened that was killed before it did (Z1). That they are due stands in the list of open pull requests, so that
    /// nothing is asked where they are not.
    pub(super) async fn label_late(
        &mut self,
        base: &Base,
        blueprint: &Name,
        pull: &PullSummary,
    ) -> Result<(), PipelineError> {
        let branch = pull.head_branch.as_deref().unwrap_or_default();
        match BranchName::parse_proposal(&self.environment, branch) {
            Some((_, action)) if pull.unlabelled => {
                self.label(blueprint, pull.number, &self.labels(base, blueprint, &action)).await
            }
            _ => Ok(()),
        }
    }

    /// Puts labels on a pull request, where that is not done. That the forge refuses them is said, and keeps nothing from being done.
    pub(super) async fn label(
        &mut self,
        blueprint: &Name,
        number: u64,
        labels: &[String],
    ) -> Result<(), PipelineError> {
        if let Some(said) = self.effects.label_pull(number, labels).await? {
            let url = self.session.forge.reading().pull_url(number);
            let next = "bpctl doctor; on GitHub the labels have to exist, or the app to have `Issues: write`";
            let told = format!("{url} gets no labels: {}", sink::terminal(&said));
            self.step(blueprint, told, Some(next.into()));
        }
        Ok(())
    }
}
