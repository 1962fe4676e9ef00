//! `rollback-too-late`: a rollback later than bpctl promises.

use super::{Look, Page, Rule, mark};
use crate::model::{Diagnostic, Period};

/// `rollback.within` above 60s (B11).
pub(super) struct RollbackTooLate;

impl Rule for RollbackTooLate {
    fn page(&self) -> Page {
        Page {
            code: "rollback-too-late",
            about: "A rollback has to come within 60s",
            explain: "After a verification failed, what made it fail is taken back within 60s. A longer time only lengthens the outage, and zero\n\
                cannot be kept.\n\n  rollback: {on_failed_verification: true, within: 10m}\n\nWrite 60s or less.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for variant in &look.variants {
            let Some(rollback) = &variant.blueprint.value.spec.reliability.rollback else { continue };
            let none = rollback.within == Period::from_millis(0);
            if rollback.within > Period::from_secs(60) || none {
                let message =
                    format!("a rollback within {} is {}", rollback.within, if none { "not possible" } else { "late" });
                let diagnostic = Diagnostic::warning("rollback-too-late", message);
                let path = ["spec", "reliability", "rollback", "within"];
                let diagnostic = mark(diagnostic, &variant.blueprint, &path, "more than nothing, and up to 60s");
                found.push(diagnostic.help("write 60s or less"));
            }
        }
        found
    }
}
