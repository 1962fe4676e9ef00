//! `manifest-duplicate`: two items of a list, or two keys of a mapping, that have one name.

use std::collections::BTreeMap;

use super::{Look, Page, Rule, container_name, mark_node};
use crate::blueprint::Manifest;
use crate::model::{Diagnostic, Severity, WorkloadKind};
use crate::yaml::{Entry, Node};

/// Containers, volumes, ports, mounts and environment variables of a workload that are there twice; keys of any manifest.
pub(super) struct ManifestDuplicate;

const CODE: &str = "manifest-duplicate";

impl Rule for ManifestDuplicate {
    fn page(&self) -> Page {
        Page {
            code: CODE,
            about: "A manifest names two containers, volumes, ports, mounts or environment variables alike",
            explain: "Kubernetes refuses containers, volumes, named ports and mount paths that are there twice. Of an environment variable or a port\n\
                that is there twice the last one counts for some ways of applying, and a server-side apply, as bpctl and many controllers do\n\
                it, fails.\n\n  env:\n    - {name: LOG_LEVEL, value: info}\n    - {name: LOG_LEVEL, value: debug}\n\nKeep one of them.\n\n\
                So it is with a key of a mapping: the last one counts for most tools, and others refuse the file.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for manifest in look.variants.iter().filter_map(|variant| variant.manifest) {
            let object = &manifest.object;
            if object.api_version == "apps/v1" && WorkloadKind::of_kind(&object.kind).is_some() {
                duplicates(manifest, &mut found);
            }
        }
        for manifest in look.catalog.manifests.values().flat_map(|file| file.iter()) {
            keys(manifest, &mut found);
        }
        found
    }
}

fn duplicates(manifest: &Manifest, found: &mut Vec<Diagnostic>) {
    let Some(pod) = manifest.document.root.at(&["spec", "template", "spec"]) else { return };
    let items = |key: &str| pod.get(key).map(Node::items).unwrap_or_default();
    let containers: Vec<&Node> = items("containers").iter().chain(items("initContainers")).collect();
    let named = |item: &Node| item.get("name").and_then(Node::as_str).map(str::to_owned);
    let mut twice = |what: &str, severity: Severity, list: &[&Node], name: &dyn Fn(&Node) -> Option<String>| {
        let mut seen: BTreeMap<String, &Node> = BTreeMap::new();
        for item in list {
            let Some(name) = name(item) else { continue };
            let Some(first) = seen.get(&name) else {
                seen.insert(name, item);
                continue;
            };
            let diagnostic =
                Diagnostic { severity, ..Diagnostic::error(CODE, format!("{what} {name} is there twice")) };
            let diagnostic = mark_node(diagnostic, manifest, item, "again");
            let help = match severity {
                Severity::Error => "keep one of them, or rename one: Kubernetes refuses the two",
                _ => "keep one of them: the last one counts at best, and a server-side apply fails",
            };
            found.push(mark_node(diagnostic, manifest, first, "the first").help(help));
        }
    };
    twice("container", Severity::Error, &containers, &named);
    twice("volume", Severity::Error, &items("volumes").iter().collect::<Vec<_>>(), &named);
    twice("pull secret", Severity::Warning, &items("imagePullSecrets").iter().collect::<Vec<_>>(), &named);
    for container in &containers {
        let name = container_name(container);
        let items = |key: &str| container.get(key).map(Node::items).unwrap_or_default().iter().collect::<Vec<_>>();
        let path = |mount: &Node| mount.get("mountPath").and_then(Node::as_str).map(str::to_owned);
        let number = |port: &Node| {
            let protocol = port.get("protocol").and_then(Node::as_str).unwrap_or("TCP");
            Some(format!("{}/{protocol}", port.get("containerPort").and_then(Node::as_int)?))
        };
        twice(&format!("container {name}: the mount path"), Severity::Error, &items("volumeMounts"), &path);
        twice(&format!("container {name}: the port"), Severity::Error, &items("ports"), &named);
        twice(&format!("container {name}: the port"), Severity::Warning, &items("ports"), &number);
        twice(&format!("container {name}: the environment variable"), Severity::Warning, &items("env"), &named);
    }
}

/// More of one document are counted.
const MOST: usize = 20;

/// Keys that a mapping has twice.
fn keys(manifest: &Manifest, found: &mut Vec<Diagnostic>) {
    let document = &manifest.document;
    let span = |entry: &Entry| document.span(entry.key_start as usize..entry.key_end as usize);
    let doubled = document.doubled_keys();
    let rest = doubled.len().saturating_sub(MOST);
    for (number, (first, again)) in doubled.into_iter().take(MOST).enumerate() {
        let more = if rest > 0 && number + 1 == MOST {
            format!("; so are {rest} more of this document")
        } else {
            String::new()
        };
        let message = format!("the key {} is given twice, and the last one counts{more}", again.key);
        let diagnostic = Diagnostic::warning(CODE, message).label(span(again), "again").label(span(first), "the first");
        found.push(diagnostic.source(document.source.clone()).help("keep one of them"));
    }
}
