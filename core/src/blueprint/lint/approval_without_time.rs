//! `approval-without-time`: an approval that comes too late in any case.

use super::{Look, Page, Rule, mark};
use crate::model::{Diagnostic, Period};

/// A time-out of zero for approvals.
pub(super) struct ApprovalWithoutTime;

impl Rule for ApprovalWithoutTime {
    fn page(&self) -> Page {
        Page {
            code: "approval-without-time",
            about: "Nobody can approve in no time",
            explain: "After the time-out a proposal without an answer is rejected. With zero that is at once, so that nothing could be approved.\n\n\
                \x20 approval_workflow: {timeout: 0s}\n\nWrite the time that people need, such as 1h. To forbid an operation list it as forbidden.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let zero = Period::from_millis(0);
        let problem = || Diagnostic::error("approval-without-time", "nobody can answer within 0s");
        let (label, help) = ("rejected as soon as it is asked", "write the time that people need, such as 1h");
        let mut found = Vec::new();
        for variant in &look.variants {
            if variant.blueprint.value.governance.approval_workflow.timeout == zero {
                let path = ["governance", "approval_workflow", "timeout"];
                found.push(mark(problem(), &variant.blueprint, &path, label).help(help));
            }
        }
        for policy in look.catalog.policies.values() {
            if policy.value.limits.approval_timeout == Some(zero) {
                found.push(mark(problem(), policy, &["limits", "approval_timeout"], label).help(help));
            }
        }
        found
    }
}
