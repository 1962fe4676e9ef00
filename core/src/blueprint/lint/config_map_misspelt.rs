//! `config-map-misspelt`: pods that read a `ConfigMap` which nobody declares, beside one of nearly the same name.

use std::collections::{BTreeMap, BTreeSet};

use super::{Look, Page, Rule, config_references, is_placeholder, mark_node, pod_template};
use crate::blueprint::Manifest;
use crate::model::Diagnostic;
use crate::propose::generated_name;
use crate::yaml::{Node, Value, nearest};

/// A reference that is a slip of the pen away from what is there.
pub(super) struct ConfigMapMisspelt;

impl Rule for ConfigMapMisspelt {
    fn page(&self) -> Page {
        Page {
            code: "config-map-misspelt",
            about: "The pods read a ConfigMap that no manifest declares, and one of nearly the same name is there",
            explain: "Without it the containers are not created: CreateContainerConfigError, or a volume that is not mounted.\n\n\
                \x20 kind: ConfigMap\n  metadata: {name: web-config}\n  ---\n  envFrom: [{configMapRef: {name: web-confg}}]   # web-config\n\n\
                Correct the name. A ConfigMap that something else makes, and one that is optional, are left out, and so is a name of which the\n\
                pods read the one beside it as well.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        // What could not be read or rendered may declare it.
        if !look.knows_all() {
            return Vec::new();
        }
        let mut declared: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for map in look.all_manifests().filter(|manifest| manifest.object.kind == "ConfigMap") {
            // What a generator makes has a hash behind its name.
            let names = [Some(map.object.name.as_str()), generated_name(map)].into_iter().flatten();
            declared.entry(&map.object.namespace).or_default().extend(names);
        }
        look.targets().flat_map(|manifest| misspelt(manifest, &declared)).collect()
    }
}

fn misspelt(manifest: &Manifest, declared: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<Diagnostic> {
    let references: Vec<&Node> = pod_template(manifest).map(config_references).unwrap_or_default();
    let read: BTreeSet<&str> = references.iter().filter_map(|node| node.get("name")?.as_str()).collect();
    let namespace = manifest.object.namespace.as_str();
    let anywhere = |name: &str| declared.values().any(|names| names.contains(name));
    let here = || ["", namespace].into_iter().filter_map(|namespace| declared.get(namespace)).flatten().copied();
    let free: Vec<&str> = here().filter(|name| !read.contains(name)).collect();
    let wrong = |reference: &&Node| {
        let node = reference.get("name")?;
        let optional = reference.get("optional").is_some_and(|optional| optional.value == Value::Bool(true));
        let name = node.as_str().filter(|_| !optional).filter(|name| !is_placeholder(name) && !anywhere(name))?;
        let meant = nearest(name, &free)?;
        let message = format!("{} reads ConfigMap/{name}, which no manifest declares", manifest.object);
        let diagnostic =
            mark_node(Diagnostic::warning("config-map-misspelt", message), manifest, node, "no such ConfigMap");
        Some(diagnostic.help(format!("did you mean `{meant}`?")))
    };
    references.iter().filter_map(wrong).collect()
}
