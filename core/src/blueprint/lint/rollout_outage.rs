//! `rollout-outage`: a rollout that may stop everything at once.

use super::{Look, Page, Rule, mark};
use crate::model::Diagnostic;

/// `max_unavailable` of 100 % or of all replicas, or `Recreate` in production.
pub(super) struct RolloutOutage;

impl Rule for RolloutOutage {
    fn page(&self) -> Page {
        Page {
            code: "rollout-outage",
            about: "A rollout may stop every pod at once",
            explain: "With max_unavailable: 100%, or as many as the minimum has replicas, a new version may start where no old pod is left.\n\
                In production that also goes for strategy: Recreate.\n\n\
                \x20 deployment: {strategy: RollingUpdate, max_unavailable: 100%}\n\nWrite a smaller part, such as 25%, or 0 beside a max_surge.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for variant in &look.variants {
            let spec = &variant.blueprint.value.spec;
            let Some(deployment) = &spec.deployment else { continue };
            let least = spec.scaling.as_ref().map(|scaling| u64::from(scaling.min_replicas)).filter(|least| *least > 0);
            let all = match &deployment.max_unavailable {
                Some(serde_json::Value::String(text)) => {
                    text.strip_suffix('%').and_then(|digits| digits.parse::<u64>().ok()).is_some_and(|part| part >= 100)
                }
                Some(value) => value.as_u64().zip(least).is_some_and(|(gone, least)| gone >= least),
                None => false,
            };
            let (key, label) = if all {
                ("max_unavailable", "this may be every pod")
            } else if deployment.strategy == "Recreate" && variant.in_prod() {
                ("strategy", "stops every pod before a new one starts")
            } else {
                continue;
            };
            let diagnostic = Diagnostic::warning("rollout-outage", "a rollout may leave no pod running");
            let diagnostic = mark(diagnostic, &variant.blueprint, &["spec", "deployment", key], label);
            found.push(diagnostic.help("write RollingUpdate with max_unavailable below all replicas, such as 25%"));
        }
        found
    }
}
