//! `approvals-cannot-count`: a local forge whose approvals nobody can sign.

use super::{Look, Page, Rule, mark};
use crate::blueprint::{ForgeKind, TierName};
use crate::model::Diagnostic;

/// `forge: local` without `local.allowed_signers`, where an environment is not `dev`.
pub(super) struct ApprovalsCannotCount;

impl Rule for ApprovalsCannotCount {
    fn page(&self) -> Page {
        Page {
            code: "approvals-cannot-count",
            about: "The local forge takes signed approvals only, and nobody may sign",
            explain: "Unsigned answers count where every environment is dev. Elsewhere an approval needs a key that local.allowed_signers lists;\n\
                without that file nothing that needs approval can ever be merged.\n\n\
                \x20 forge: local\n  environments: {staging: {tier: staging, …}}   # and no local.allowed_signers\n\n\
                Add `local: {allowed_signers: blueprints/allowed_signers}` and the file; docs/LOCAL_FORGE.md says what stands in it.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let workspace = &look.catalog.workspace;
        let dearer = workspace.value.environments.iter().find(|(_, environment)| environment.tier != TierName::Dev);
        let Some((name, environment)) = dearer else { return Vec::new() };
        if workspace.value.forge != ForgeKind::Local || workspace.value.local.allowed_signers.is_some() {
            return Vec::new();
        }
        let diagnostic = Diagnostic::warning("approvals-cannot-count", "no approval can count: nobody may sign");
        let diagnostic = mark(diagnostic, workspace, &["forge"], "approvals are signed here");
        let path = ["environments", name.as_str(), "tier"];
        let diagnostic =
            mark(diagnostic, workspace, &path, format!("unsigned ones do not count for {}", environment.tier));
        vec![diagnostic.help("add `local: {allowed_signers: FILE}`, and the keys of those who approve to that file")]
    }
}
