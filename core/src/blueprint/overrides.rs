//! A blueprint as one environment has it: its overrides laid over it (X11).

use std::borrow::Cow;

use super::{Blueprint, Catalog, Located};
use crate::model::{Diagnostic, Name, Timestamp};
use crate::yaml::{self, Document, Entry, Node, Value};

impl Catalog {
    /// The blueprint as it holds in one environment at this time: an override that expired has no effect (X11). It goes by the forge's
    /// clock, as pauses and freezes do.
    pub fn blueprint(&self, name: &Name, environment: &Name, now: Timestamp) -> Option<Cow<'_, Located<Blueprint>>> {
        let located = self.blueprints.get(name)?;
        match located.value.environments.get(environment).and_then(|over| over.expires) {
            Some(expires) if expires <= now => Some(Cow::Borrowed(located)),
            _ => self.blueprint_as_written(name, environment),
        }
    }

    /// The same, whatever has expired: for `lint`, which tells that on its own.
    pub fn blueprint_as_written(&self, name: &Name, environment: &Name) -> Option<Cow<'_, Located<Blueprint>>> {
        effective(self.blueprints.get(name)?, environment).ok()
    }
}

/// The blueprint with one environment's overrides laid over it, field by field. Spans lead to the override where there is one.
pub(super) fn effective<'b>(
    located: &'b Located<Blueprint>,
    environment: &Name,
) -> Result<Cow<'b, Located<Blueprint>>, Box<Diagnostic>> {
    if !located.value.environments.contains_key(environment) {
        return Ok(Cow::Borrowed(located)); // what most say, without a look into the text
    }
    let over = located.document.root.at(&["environments", environment.as_str()]);
    let Some(over) = over else { return Ok(Cow::Borrowed(located)) };
    if let Some(target) = over.at(&["spec", "target"]) {
        // Which files a blueprint governs must not depend on the environment that is asked about, and a workload does not move by itself.
        let refused = |node: &Node, wrong: &str, help: &str| {
            let diagnostic =
                Diagnostic::error("bad-value", wrong).label(located.document.span_of(node), "this override");
            Err(Box::new(diagnostic.source(located.source()).help(help)))
        };
        if target.entries().iter().any(|entry| entry.key != "namespace") || target.entries().is_empty() {
            let wrong = "an environment can have another namespace of the target, and nothing else of it";
            return refused(target, wrong, "write a blueprint of its own for the other target");
        }
        if let Some(expires) = over.get("expires") {
            let wrong = "a target's namespace does not expire";
            return refused(expires, wrong, "leave `expires` out: what else shall end, write into a policy or by hand");
        }
    }
    let mut document = Document::clone(&located.document);
    for part in ["spec", "governance"] {
        if let Some(fields) = over.get(part) {
            lay_over(&mut document.root, part, fields);
        }
    }
    let value: Blueprint = yaml::from_node(&document, &document.root)?;
    Ok(Cow::Owned(Located { value, path: located.path.clone(), document: document.into() }))
}

fn lay_over(node: &mut Node, key: &str, over: &Node) {
    let Value::Mapping(entries) = &mut node.value else { return };
    match entries.iter_mut().find(|entry| entry.key == key) {
        Some(entry) => match (&entry.value.value, &over.value) {
            (Value::Mapping(_), Value::Mapping(fields)) => {
                for field in fields {
                    lay_over(&mut entry.value, &field.key, &field.value);
                }
            }
            _ => entry.value = over.clone(),
        },
        None => {
            let added = Entry { key: key.into(), key_start: over.start, key_end: over.end, value: over.clone() };
            *entries = std::mem::take(entries).into_iter().chain([added]).collect();
        }
    }
}
