//! What the server lets bpctl do here, for `bpctl doctor`.

use bpctl_core::govern::VERDICT_CHECK;
use bpctl_core::render::sink;

use super::GiteaForge;
use super::wire::Branch;
use crate::forge::{Check, Forge as _, ForgeError};

impl GiteaForge {
    pub(super) async fn looked_over(&self) -> Result<Vec<Check>, ForgeError> {
        let me = self.identity().await?;
        let who = sink::terminal(&me.login);
        let settings = self.settings().await?;
        let mut checks = vec![Check::fine(format!("{} answers; bpctl is {who} there (id {})", self.server, me.id))];
        let rights = &settings.permissions;
        checks.push(if rights.push {
            Check::fine(format!("{who} may write to {}", self.name()))
        } else {
            let told = format!("{who} may only read {}: nothing is proposed, judged or merged", self.name());
            Check::broken(
                told,
                Some(format!("add {who} as a collaborator with write access, in the repository's settings")),
            )
        });
        if !rights.admin {
            let told =
                "the server shows reviewers' rights to administrators of the repository only: no approval counts";
            checks.push(Check::limited(told, format!("make {who} an administrator of {}", self.name())));
        }
        if !settings.allow_merge_commits && !settings.allow_squash_merge {
            let told = "the repository allows neither merge commits nor squashing: bpctl merges nothing";
            checks.push(Check::limited(told, "allow one of them in the repository's settings"));
        }
        if settings.keeps_each_commit() {
            let told = "pull requests may be merged by a rebase or a fast-forward, which brings each commit: where that may give something \
                        else than the merge that is judged, or more than one commit changes a governed file, the verdict waits";
            checks.push(Check::limited(
                told,
                "turn both ways of rebasing and fast-forward off in the repository's settings, and leave merge commits or squashing",
            ));
        }
        let branch = self.base_branch().await?;
        checks.push(protection(&branch, self.base.as_str()));
        // Statuses are anybody's who may write, and the newest counts, whoever wrote it.
        if branch.protected && self.rule_of(&branch).await.is_some_and(|rule| !rule.enable_merge_whitelist) {
            let told = format!("whoever may write can write the status {VERDICT_CHECK}, and merge what bpctl refuses");
            let whom =
                format!("enable the merge whitelist of {}: {who}, and the people who may overrule it", self.base);
            checks.push(Check::limited(told, whom));
        }
        Ok(checks)
    }
}

/// Whether the base branch waits for the verdict.
fn protection(branch: &Branch, base: &str) -> Check {
    let settings = "in the repository's settings, under Branches";
    let patterns = branch.status_check_contexts.as_deref().unwrap_or_default();
    let waits = || patterns.is_empty() || patterns.iter().any(|pattern| super::checks::matches(pattern, VERDICT_CHECK));
    if !branch.protected {
        let told = format!("{base} is not protected: whoever may write can pass bpctl by");
        return Check::limited(
            told,
            format!("protect {base} {settings}, and require the status check {VERDICT_CHECK}"),
        );
    }
    if !branch.enable_status_check || !waits() {
        let told = format!("{base} does not wait for the check {VERDICT_CHECK}: people can merge what it refuses");
        return Check::limited(told, format!("require the status check {VERDICT_CHECK} of {base} {settings}"));
    }
    Check::fine(format!("{base} is protected, and waits for {VERDICT_CHECK}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::State;

    fn branch(protected: bool, checked: bool, contexts: &[&str]) -> Branch {
        Branch {
            protected,
            enable_status_check: checked,
            status_check_contexts: Some(contexts.iter().map(|&context| context.into()).collect()),
            effective_branch_protection_name: String::new(),
        }
    }

    /// Would miss: a protected branch that waits for other checks only.
    #[test]
    fn a_branch_that_does_not_wait_for_the_verdict_is_told() {
        for (branch, state) in [
            (branch(false, false, &[]), State::Limited),
            (branch(true, false, &[VERDICT_CHECK]), State::Limited),
            (branch(true, true, &["ci/test"]), State::Limited),
            (branch(true, true, &["bpctl/*"]), State::Fine),
            (branch(true, true, &[]), State::Fine),
        ] {
            assert_eq!(protection(&branch, "main").state, state, "{branch:?}");
        }
    }
}
