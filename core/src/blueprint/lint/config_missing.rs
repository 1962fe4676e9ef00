//! `config-missing`: a `ConfigMap`, or a key of it, that no source has; a value outside its own range.

use std::collections::BTreeMap;

use super::{Look, Page, Rule, key_span, mark_node};
use crate::blueprint::{ConfigRange, Manifest};
use crate::model::Diagnostic;
use crate::yaml::{Node, Value};

/// `spec.config` that does not fit the `ConfigMap` of the blueprint's sources.
pub(super) struct ConfigMissing;

impl Rule for ConfigMissing {
    fn page(&self) -> Page {
        Page {
            code: "config-missing",
            about: "spec.config does not fit the ConfigMap that it names",
            explain: "A range speaks of a key of a ConfigMap that stands in the blueprint's sources, and today's value has to lie in it.\n\n\
                \x20 # deploy/web.yaml                             # the blueprint\n  kind: ConfigMap                               config:\n\
                \x20 metadata: {name: web}                           ConfigMap/web:\n  data: {WORKERS: \"64\"}                            WORKERS: {min: 1, max: 8}\n\n\
                Correct the name, the key, the value or the range. Names are written ConfigMap/NAME.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let configured = look.variants.iter().filter(|variant| !variant.blueprint.value.spec.config.is_empty());
        let configured: Vec<_> = configured.collect();
        let mut maps: BTreeMap<&str, Vec<&Manifest>> = BTreeMap::new();
        if !configured.is_empty() {
            for manifest in look.all_manifests().filter(|manifest| manifest.object.kind == "ConfigMap") {
                maps.entry(&manifest.object.name).or_default().push(manifest);
            }
        }
        let mut found = Vec::new();
        for variant in configured {
            let target = &variant.blueprint.value.spec.target;
            for (name, keys) in &variant.blueprint.value.spec.config {
                let at_map = key_span(&variant.blueprint, &["spec", "config"], name);
                let problem =
                    |message: String| Diagnostic::error("config-missing", message).source(variant.blueprint.source());
                let Some(map_name) = name.strip_prefix("ConfigMap/") else {
                    let diagnostic =
                        problem("only ConfigMaps are configured".into()).label(at_map, "not ConfigMap/NAME");
                    found.push(diagnostic.help("write it as ConfigMap/NAME"));
                    continue;
                };
                let here = maps.get(map_name).into_iter().flatten().find(|manifest| {
                    let namespace = manifest.object.namespace.as_str();
                    manifest.path.meets(&target.source)
                        && (namespace.is_empty() || namespace == target.namespace.as_str())
                });
                let Some(manifest) = here else {
                    // A file that could not be read may hold it.
                    if look.all_read() && !look.is_unrendered(variant) {
                        let diagnostic = problem("no source declares this ConfigMap".into());
                        let diagnostic = diagnostic.label(at_map, format!("not found below {}", target.source));
                        found.push(diagnostic.help("correct the name, or declare the ConfigMap beside the workload"));
                    }
                    continue;
                };
                for (key, range) in keys {
                    let at_key = key_span(&variant.blueprint, &["spec", "config", name], key);
                    let Some(value) = manifest.document.root.at(&["data", key]) else {
                        let diagnostic = problem("the ConfigMap has no such key".into()).label(at_key, "this key");
                        let diagnostic = mark_node(diagnostic, manifest, &manifest.document.root, "of this ConfigMap");
                        found.push(diagnostic.help("correct the key, or add it to the ConfigMap's data"));
                        continue;
                    };
                    if !fits(range, value) {
                        let diagnostic =
                            problem("today's value lies outside the range".into()).label(at_key, "this range");
                        let diagnostic = mark_node(diagnostic, manifest, value, "today's value");
                        found.push(diagnostic.help("widen the range, or change the value"));
                    }
                }
            }
        }
        found
    }
}

fn fits(range: &ConfigRange, value: &Node) -> bool {
    let text = match &value.value {
        Value::String(text) | Value::Float(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => return false,
    };
    if let Some(values) = &range.one_of {
        return values.contains(&text);
    }
    if range.min.is_none() && range.max.is_none() {
        return true; // said by `config-range-empty`
    }
    text.parse::<i64>().is_ok_and(|n| range.min.is_none_or(|min| n >= min) && range.max.is_none_or(|max| n <= max))
}
