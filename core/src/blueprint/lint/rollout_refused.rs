//! `rollout-refused`: a rollout that Kubernetes refuses.

use super::{Look, Page, Rule, mark};
use crate::model::Diagnostic;

/// An unknown strategy, bounds that are no numbers, bounds beside `Recreate`, or both bounds zero.
pub(super) struct RolloutRefused;

impl Rule for RolloutRefused {
    fn page(&self) -> Page {
        Page {
            code: "rollout-refused",
            about: "A rollout that Kubernetes refuses",
            explain: "A Deployment's strategy is RollingUpdate or Recreate. max_surge and max_unavailable belong to RollingUpdate, are whole\n\
                numbers or percentages, and are not both zero: then no pod could be replaced.\n\n\
                \x20 deployment: {strategy: RollingUpdate, max_surge: 0, max_unavailable: 0}\n\n\
                Write for example strategy: RollingUpdate, max_surge: 25%, max_unavailable: 0.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        const CODE: &str = "rollout-refused";
        let mut found = Vec::new();
        for variant in &look.variants {
            let Some(deployment) = &variant.blueprint.value.spec.deployment else { continue };
            let mut report = |key: &str, message: String, label: &str, help: &str| {
                let diagnostic =
                    mark(Diagnostic::error(CODE, message), &variant.blueprint, &["spec", "deployment", key], label);
                found.push(diagnostic.help(help));
            };
            if !matches!(deployment.strategy.as_str(), "RollingUpdate" | "Recreate") {
                let message = "a Deployment knows no such strategy".to_owned();
                report("strategy", message, "neither RollingUpdate nor Recreate", "write RollingUpdate or Recreate");
                continue;
            }
            let bounds = [("max_surge", &deployment.max_surge), ("max_unavailable", &deployment.max_unavailable)];
            let mut zeros = 0;
            for (key, value) in bounds {
                let Some(value) = value else { continue };
                if deployment.strategy == "Recreate" {
                    let help = "remove it, or write strategy: RollingUpdate";
                    report(key, format!("Recreate has no {key}"), "belongs to RollingUpdate", help);
                    continue;
                }
                match amount(value) {
                    None => {
                        let message = format!("{key} is a whole number or a percentage");
                        report(key, message, "this is neither", "write it like 1 or 25%");
                    }
                    Some(0) => zeros += 1,
                    Some(_) => {}
                }
            }
            if zeros == 2 {
                let message = "with neither a pod more nor a pod less nothing can be replaced".to_owned();
                report("max_surge", message, "0, and max_unavailable too", "write 1 or 25% for one of the two");
            }
        }
        found
    }
}

/// The number before an optional `%`.
pub(super) fn amount(value: &serde_json::Value) -> Option<u64> {
    match value {
        serde_json::Value::Number(number) => number.as_u64(),
        serde_json::Value::String(text) => {
            let digits = text.strip_suffix('%').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
            digits.parse().ok()
        }
        _ => None,
    }
}
