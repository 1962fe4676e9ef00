//! `secret-in-config`: a credential among the values that bpctl may change.

use super::{Look, Page, Rule, key_span};
use crate::blueprint::is_credential;
use crate::model::Diagnostic;

/// A key of `spec.config` whose name says that it holds a credential (B9).
pub(super) struct SecretInConfig;

impl Rule for SecretInConfig {
    fn page(&self) -> Page {
        Page {
            code: "secret-in-config",
            about: "A credential is no configuration",
            explain: "Values that bpctl changes stand in Git, in pull requests and in the ledger. A credential belongs into a Secret, and only\n\
                people change it.\n\n  config: {ConfigMap/web: {DB_PASSWORD: {one_of: [a, b]}}}\n\n\
                Remove the key from spec.config, and the value from the ConfigMap.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for variant in &look.variants {
            for (map, keys) in &variant.blueprint.value.spec.config {
                for (key, range) in keys {
                    if !is_credential(key, Some(range)) {
                        continue;
                    }
                    let diagnostic = Diagnostic::warning(
                        "secret-in-config",
                        "this key's name says that it is a credential",
                    )
                    .label(key_span(&variant.blueprint, &["spec", "config", map], key), "bpctl would write it to Git");
                    let help = "remove it here, and keep the value in a Secret that people change";
                    found.push(diagnostic.source(variant.blueprint.source()).help(help));
                }
            }
        }
        found
    }
}
