//! `approver-never-matches`: an approver that no forge knows by this name.

use super::{Look, Page, Rule, item_span};
use crate::blueprint::ForgeKind;
use crate::model::Diagnostic;

/// Approvers that are blank, hold white space, or are not written as the workspace's forge writes them.
pub(super) struct ApproverNeverMatches;

impl Rule for ApproverNeverMatches {
    fn page(&self) -> Page {
        Page {
            code: "approver-never-matches",
            about: "An approver is not written as the forge writes people",
            explain: "Approvers are compared as text: logins on GitHub and Gitea, e-mail addresses in lower case on the local forge. Whose name no forge can\n\
                write so is never recognized, and their approval never counts. Teams cannot approve yet.\n\n\
                \x20 approval_workflow: {approvers: [Alice@Shop.example, \"@web/leads\"]}\n\n\
                Write alice@shop.example on the local forge, alice on GitHub and Gitea.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let forge = look.catalog.workspace.value.forge;
        let mut found = Vec::new();
        for variant in &look.variants {
            for (position, approver) in
                variant.blueprint.value.governance.approval_workflow.approvers.iter().enumerate()
            {
                let (label, help) = if approver.is_empty() || approver.contains(char::is_whitespace) {
                    ("no login and no address is blank or holds white space", "write one login or address per item")
                } else if forge == ForgeKind::Local && approver.chars().any(char::is_uppercase) {
                    ("the local forge writes addresses in lower case", "write it in lower case")
                } else if matches!(forge, ForgeKind::Gitea | ForgeKind::Github) && approver.contains(['@', '/']) {
                    ("no login on a server holds @ or /", "write the person's login; teams cannot approve yet")
                } else {
                    continue;
                };
                let at = item_span(&variant.blueprint, &["governance", "approval_workflow", "approvers"], position);
                let diagnostic =
                    Diagnostic::error("approver-never-matches", "nobody is ever recognized as this approver");
                found.push(diagnostic.label(at, label).source(variant.blueprint.source()).help(help));
            }
        }
        found
    }
}
