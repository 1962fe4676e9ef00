//! `limit-without-room`: a limit that leaves no room for anything.

use super::{Look, Page, Rule, mark};
use crate::model::{Diagnostic, Percent};

/// `breaker: 0`, `resize_step: 0%`, `resize_sum` below `resize_step`.
pub(super) struct LimitWithoutRoom;

impl Rule for LimitWithoutRoom {
    fn page(&self) -> Page {
        Page {
            code: "limit-without-room",
            about: "A limit that leaves no room",
            explain: "A breaker of 0 failures is open before anything was tried; a step of 0% is no step; and a sum below one step ends before the\n\
                first.\n\n  limits: {breaker: 0, resize_step: 10%, resize_sum: 5%}\n\nWrite for example breaker: 3, resize_step: 10%, resize_sum: 30%.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for policy in look.catalog.policies.values() {
            let limits = &policy.value.limits;
            let mut report = |key: &str, message: &str, help: &str| {
                let diagnostic =
                    mark(Diagnostic::error("limit-without-room", message), policy, &["limits", key], "no room");
                found.push(diagnostic.help(help));
            };
            if limits.breaker == Some(0) {
                report("breaker", "a breaker of 0 stops everything from the start", "write 1 or more, such as 3");
            }
            if limits.resize_step == Some(Percent::whole(0)) {
                report("resize_step", "a step of 0% changes nothing", "write the largest step, such as 10%");
            }
            if limits.resize_sum.zip(limits.resize_step).is_some_and(|(sum, step)| sum < step) {
                report("resize_sum", "the sum of all steps is below one step", "write at least resize_step");
            }
        }
        found
    }
}
