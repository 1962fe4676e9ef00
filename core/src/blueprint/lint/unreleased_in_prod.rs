//! `unreleased-in-prod`: a contract that is not yet one.

use super::{Look, Page, Rule, mark};
use crate::model::Diagnostic;

/// A version `0.x` of a blueprint that holds in production (B3).
pub(super) struct UnreleasedInProd;

impl Rule for UnreleasedInProd {
    fn page(&self) -> Page {
        Page {
            code: "unreleased-in-prod",
            about: "A version 0.x holds in production",
            explain: "Before 1.0.0 a version promises nothing, and a breaking change of governance needs no major step. What production goes by\n\
                is released.\n\n  metadata: {name: web, version: 0.3.0, owner: team-web}\n\nWrite 1.0.0 once the contract stands.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for variant in look.variants.iter().filter(|variant| variant.in_prod()) {
            let version = &variant.blueprint.value.metadata.version;
            if version.major == 0 {
                let diagnostic =
                    Diagnostic::info("unreleased-in-prod", format!("version {version} holds in production"));
                let diagnostic = mark(diagnostic, &variant.blueprint, &["metadata", "version"], "promises nothing yet");
                found.push(diagnostic.help("write 1.0.0 once the contract stands"));
            }
        }
        found
    }
}
