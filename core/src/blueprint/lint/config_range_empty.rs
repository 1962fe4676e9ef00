//! `config-range-empty`: a range that no value, or every value, lies in.

use super::{Look, Page, Rule, key_span};
use crate::model::Diagnostic;

/// `one_of` empty or beside `min` and `max`, `min` above `max`, or nothing at all.
pub(super) struct ConfigRangeEmpty;

impl Rule for ConfigRangeEmpty {
    fn page(&self) -> Page {
        Page {
            code: "config-range-empty",
            about: "A range of configuration that says nothing, or allows nothing",
            explain: "A key's range is one_of with at least one value, or min and max with min at most max; not both.\n\n\
                \x20 config: {ConfigMap/web: {WORKERS: {min: 8, max: 4}, LOG_LEVEL: {one_of: []}}}\n\n\
                Write for example {min: 1, max: 8}, or {one_of: [info, debug]}.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for variant in &look.variants {
            for (map, keys) in &variant.blueprint.value.spec.config {
                for (key, range) in keys {
                    let bounds = range.min.is_some() || range.max.is_some();
                    let (message, help) = match &range.one_of {
                        Some(_) if bounds => ("one_of and min or max exclude each other", "keep one of the two"),
                        Some(values) if values.is_empty() => ("no value is allowed", "list the values in one_of"),
                        Some(_) => continue,
                        None if range.min.zip(range.max).is_some_and(|(min, max)| min > max) => {
                            ("no number is at least min and at most max", "raise max or lower min")
                        }
                        None if bounds => continue,
                        None => ("this says nothing about the key", "write one_of, or min and max"),
                    };
                    let diagnostic = Diagnostic::error("config-range-empty", message)
                        .label(key_span(&variant.blueprint, &["spec", "config", map], key), "this key's range");
                    found.push(diagnostic.source(variant.blueprint.source()).help(help));
                }
            }
        }
        found
    }
}
