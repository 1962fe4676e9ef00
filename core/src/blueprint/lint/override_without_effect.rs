//! `override-without-effect`: an override that says what holds anyway.

use super::{Look, Page, Rule};
use crate::blueprint::{Blueprint, Located};
use crate::model::{Diagnostic, Name};
use crate::yaml::{Node, Value};

/// A field below `environments:` with the value that the blueprint has without it.
pub(super) struct OverrideWithoutEffect;

impl Rule for OverrideWithoutEffect {
    fn page(&self) -> Page {
        Page {
            code: "override-without-effect",
            about: "An environment's field repeats the blueprint's own",
            explain: "It changes nothing today, and will hold the environment back when the value above it is changed.\n\n\
                \x20 spec: {scaling: {max_replicas: 5, …}}\n  environments: {prod: {spec: {scaling: {max_replicas: 5}}}}\n\n\
                Delete the field below environments, or write what shall differ.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for blueprint in look.catalog.blueprints.values() {
            for name in blueprint.value.environments.keys() {
                for part in ["spec", "governance"] {
                    let root = &blueprint.document.root;
                    let over = root.at(&["environments", name.as_str(), part]);
                    if let (Some(over), Some(base)) = (over, root.get(part)) {
                        compare(blueprint, name, over, base, &mut found);
                    }
                }
            }
        }
        found
    }
}

fn compare(blueprint: &Located<Blueprint>, name: &Name, over: &Node, base: &Node, found: &mut Vec<Diagnostic>) {
    if let (Value::Mapping(fields), Value::Mapping(_)) = (&over.value, &base.value) {
        for field in fields {
            if let Some(base) = base.get(&field.key) {
                compare(blueprint, name, &field.value, base, found);
            }
        }
    } else if over.to_json() == base.to_json() {
        let diagnostic = Diagnostic::info("override-without-effect", format!("{name} has this value anyway"))
            .label(blueprint.document.span_of(over), "the same …")
            .label(blueprint.document.span_of(base), "… as here");
        found.push(diagnostic.source(blueprint.source()).help("delete it, or write what shall differ"));
    }
}
