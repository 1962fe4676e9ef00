//! `audit-without-effect`: a record that is not kept as it says.

use super::{Look, Page, Rule, mark};
use crate::model::{Diagnostic, Period};

/// `logging` other than `all`, `format` other than `json`, `retention` below 90 days (B12).
pub(super) struct AuditWithoutEffect;

impl Rule for AuditWithoutEffect {
    fn page(&self) -> Page {
        Page {
            code: "audit-without-effect",
            about: "The record is kept whole, as JSON, for 90 days at least",
            explain: "Every decision is recorded, as JSON, and the ledger keeps it; a blueprint cannot make that less.\n\n\
                \x20 audit: {logging: errors, format: csv, retention: 7d}\n\nWrite logging: all, format: json, retention: 90d or more; or leave audit out.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for variant in &look.variants {
            let audit = &variant.blueprint.value.governance.audit;
            for (key, fine, least, help) in [
                ("logging", audit.logging == "all", "all", "write `logging: all`, or leave it out"),
                ("format", audit.format == "json", "json", "write `format: json`, or leave it out"),
                (
                    "retention",
                    audit.retention >= Period::from_secs(90 * 86_400),
                    "90d",
                    "write 90d or more, or leave it out",
                ),
            ] {
                if !fine {
                    let diagnostic =
                        Diagnostic::warning("audit-without-effect", format!("{key} cannot be less than it is"));
                    let path = ["governance", "audit", key];
                    found.push(mark(diagnostic, &variant.blueprint, &path, "has no effect").help(help).fix(least));
                }
            }
        }
        found
    }
}
