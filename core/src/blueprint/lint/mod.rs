//! Lint: checks of what people wrote, before anything acts on it.
//!
//! A rule is one file here and one line in [`RULES`]: code, one line about it, a page for `bpctl explain`, and a check that gives
//! diagnostics with spans. Problems that reading itself meets (`yaml-syntax`, `unknown-field`, …) have their pages in [`READING`].

mod bounds_inverted;
mod cooldown_too_short;
mod reading;
mod target_missing;
mod thresholds_oscillate;

pub use reading::READING;

use std::borrow::Cow;

use super::Catalog;
use crate::model::{Diagnostic, Name};

/// What is known of one code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The code, `kebab-case`.
    pub code: &'static str,
    /// One line.
    pub about: &'static str,
    /// What is wrong, an example, and what to write instead.
    pub explain: &'static str,
}

/// A lint rule.
pub trait Rule: Sync {
    /// Code, one line, page.
    fn page(&self) -> Page;
    /// Looks at a whole catalog.
    fn check(&self, catalog: &Catalog) -> Vec<Diagnostic>;
}

/// All rules.
pub const RULES: [&dyn Rule; 4] = [
    &bounds_inverted::BoundsInverted,
    &thresholds_oscillate::ThresholdsOscillate,
    &cooldown_too_short::CooldownTooShort,
    &target_missing::TargetMissing,
];

/// The page of a code, of a rule or of reading.
pub fn page(code: &str) -> Option<Page> {
    RULES.iter().map(|rule| rule.page()).chain(READING).find(|page| page.code == code)
}

/// Runs every rule, after what reading found. In the order of files and lines.
pub fn lint(catalog: &Catalog) -> Vec<Diagnostic> {
    let mut found = catalog.diagnostics.clone();
    for rule in RULES {
        found.extend(rule.check(catalog));
    }
    found.sort_by(|a, b| {
        let place = |d: &Diagnostic| d.labels.first().map(|label| (label.span.file.clone(), label.span.start));
        place(a).cmp(&place(b)).then_with(|| a.code.cmp(&b.code))
    });
    found.dedup();
    found
}

/// Every blueprint as written and as each of its environments has it, so that an override is checked like the rest.
fn variants(catalog: &Catalog) -> impl Iterator<Item = Cow<'_, super::Located<super::Blueprint>>> {
    catalog.blueprints.values().flat_map(|blueprint| {
        let environments: Vec<&Name> = blueprint.value.environments.keys().collect();
        let overridden =
            environments.into_iter().filter_map(|name| catalog.blueprint(&blueprint.value.metadata.name, name));
        std::iter::once(Cow::Borrowed(&**blueprint)).chain(overridden)
    })
}
