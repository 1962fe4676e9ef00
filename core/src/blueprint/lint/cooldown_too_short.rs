//! `cooldown-too-short`: a cooldown below the 60 s that hold anyway.

use super::{Look, Page, Rule, Variant};
use crate::model::{Diagnostic, Period, SourceSpan};

/// A cooldown below 60s.
pub(super) struct CooldownTooShort;

const LEAST: Period = Period::from_secs(60);

impl Rule for CooldownTooShort {
    fn page(&self) -> Page {
        Page {
            code: "cooldown-too-short",
            about: "A cooldown below 60s has no effect",
            explain: "bpctl waits at least 60s between two operations on one workload, whatever the files say. A shorter cooldown is a promise\n\
                that it does not keep.\n\n  scaling: {cooldown: 10s}\n\nWrite 60s or more, or leave it out.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let warn = |cooldown: Period, span: SourceSpan, source| {
            Diagnostic::warning("cooldown-too-short", format!("a cooldown of {cooldown} has no effect"))
                .label(span, "below the 60s that hold anyway")
                .help("write 60s or more, or leave it out")
                .fix("60s")
                .source(source)
        };
        let mut found = Vec::new();
        for Variant { blueprint, .. } in &look.variants {
            if let Some(scaling) = &blueprint.value.spec.scaling
                && scaling.cooldown < LEAST
            {
                found.push(warn(
                    scaling.cooldown,
                    blueprint.span(&["spec", "scaling", "cooldown"]),
                    blueprint.source(),
                ));
            }
        }
        for policy in look.catalog.policies.values() {
            if let Some(cooldown) = policy.value.limits.cooldown.filter(|cooldown| *cooldown < LEAST) {
                found.push(warn(cooldown, policy.span(&["limits", "cooldown"]), policy.source()));
            }
        }
        found
    }
}
