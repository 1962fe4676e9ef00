//! `strategy-differs`: the manifest rolls out otherwise than the blueprint says.

use super::{Look, Page, Rule, mark, mark_node};
use crate::model::Diagnostic;

/// `spec.deployment` beside another `spec.strategy` of the manifest.
pub(super) struct StrategyDiffers;

impl Rule for StrategyDiffers {
    fn page(&self) -> Page {
        Page {
            code: "strategy-differs",
            about: "The manifest's strategy is not the blueprint's",
            explain: "The cluster follows the manifest. What the blueprint says of the rollout is a promise that nobody keeps.\n\n\
                \x20 # deploy/web.yaml              # the blueprint\n  strategy: {type: Recreate}     deployment: {strategy: RollingUpdate}\n\n\
                Make the two say the same. What the manifest leaves out has Kubernetes' default: RollingUpdate, 25% and 25%.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for variant in &look.variants {
            let (Some(deployment), Some(manifest)) = (&variant.blueprint.value.spec.deployment, variant.manifest)
            else {
                continue;
            };
            let Some(strategy) = manifest.document.root.at(&["spec", "strategy"]) else { continue };
            let pairs = [
                ("strategy", Some(serde_json::Value::from(deployment.strategy.as_str())), strategy.get("type")),
                ("max_surge", deployment.max_surge.clone(), strategy.at(&["rollingUpdate", "maxSurge"])),
                (
                    "max_unavailable",
                    deployment.max_unavailable.clone(),
                    strategy.at(&["rollingUpdate", "maxUnavailable"]),
                ),
            ];
            for (key, wanted, declared) in pairs {
                let (Some(wanted), Some(declared)) = (wanted, declared) else { continue };
                if declared.to_json() == wanted {
                    continue;
                }
                let diagnostic = Diagnostic::warning("strategy-differs", format!("the manifest has another {key}"));
                let path = ["spec", "deployment", key];
                let diagnostic = mark(diagnostic, &variant.blueprint, &path, "the blueprint says this");
                let diagnostic = mark_node(diagnostic, manifest, declared, "the cluster follows this");
                found.push(diagnostic.help(format!("write the same in {}, or in the blueprint", manifest.path)));
            }
        }
        found
    }
}
