//! `cooldown-too-long`: a cooldown longer than bpctl looks back.

use super::{Look, Page, Rule, mark};
use crate::model::{Diagnostic, Period};

/// A cooldown above 31 days.
pub(super) struct CooldownTooLong;

const MOST: Period = Period::from_secs(31 * 86_400);

impl Rule for CooldownTooLong {
    fn page(&self) -> Page {
        Page {
            code: "cooldown-too-long",
            about: "A cooldown above 31 days ends sooner than it says",
            explain: "Past operations are looked for 31 days back. What is older does not hold anything, so a longer cooldown ends there.\n\n\
                \x20 limits: {cooldown: 90d}\n\nWrite 31d or less; to keep bpctl out for longer make `scale` need approval, or write a freeze.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let warn = |cooldown: Period| {
            Diagnostic::warning("cooldown-too-long", format!("a cooldown of {cooldown} ends after 31d"))
                .help("write 31d or less; to hold it for longer make `scale` need approval, or write a freeze")
                .fix("31d")
        };
        let label = "operations are looked for 31 days back";
        let mut found = Vec::new();
        for variant in &look.variants {
            if let Some(scaling) = variant.blueprint.value.spec.scaling.as_ref().filter(|s| s.cooldown > MOST) {
                found.push(mark(warn(scaling.cooldown), &variant.blueprint, &["spec", "scaling", "cooldown"], label));
            }
        }
        for policy in look.catalog.policies.values() {
            if let Some(cooldown) = policy.value.limits.cooldown.filter(|cooldown| *cooldown > MOST) {
                found.push(mark(warn(cooldown), policy, &["limits", "cooldown"], label));
            }
        }
        found
    }
}
