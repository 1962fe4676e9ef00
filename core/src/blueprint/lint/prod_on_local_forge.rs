//! `prod-on-local-forge`: production that nothing is ever merged for.

use super::{Look, Page, Rule, mark};
use crate::blueprint::{ForgeKind, TierName};
use crate::model::Diagnostic;

/// `forge: local` beside an environment with `tier: prod`.
pub(super) struct ProdOnLocalForge;

impl Rule for ProdOnLocalForge {
    fn page(&self) -> Page {
        Page {
            code: "prod-on-local-forge",
            about: "The local forge merges nothing for production",
            explain: "Freezes and cooldowns go by a clock. The local forge has only this machine's, which is not trusted where an environment is\n\
                prod: plans are made, nothing is merged or applied.\n\n  forge: local\n  environments: {prod: {tier: prod, …}}\n\n\
                Use a forge with a clock of its own (`forge: gitea`), or keep production in another repository.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let workspace = &look.catalog.workspace;
        let prod = workspace.value.environments.iter().find(|(_, environment)| environment.tier == TierName::Prod);
        let Some((name, _)) = prod.filter(|_| workspace.value.forge == ForgeKind::Local) else { return Vec::new() };
        let diagnostic = Diagnostic::warning("prod-on-local-forge", "nothing is ever merged: an environment is prod");
        let diagnostic = mark(diagnostic, workspace, &["forge"], "has this machine's clock only");
        let diagnostic = mark(diagnostic, workspace, &["environments", name.as_str(), "tier"], "not trusted for prod");
        vec![diagnostic.help("use `forge: gitea`, or keep production in another repository")]
    }
}
