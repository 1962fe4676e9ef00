//! `port-unknown`: a probe or a Service that names a port which no container has.

use std::collections::BTreeSet;

use super::{Look, Page, PodLabels, Rule, container_name, is_placeholder, mark_node, pod_template, selected_labels};
use crate::blueprint::Manifest;
use crate::model::{Diagnostic, Severity};
use crate::yaml::{Node, nearest};

/// A port's name that leads nowhere.
pub(super) struct PortUnknown;

const CODE: &str = "port-unknown";

impl Rule for PortUnknown {
    fn page(&self) -> Page {
        Page {
            code: CODE,
            about: "A probe or a Service names a port that no container has",
            explain: "A probe looks for the name among the ports of its own container, a Service among those of the pods that it selects. Where it is\n\
                not there, the probe fails each time, so that pods never get ready or are restarted again and again, and the Service has no\n\
                endpoints.\n\n\
                \x20 ports: [{name: http, containerPort: 8080}]\n  readinessProbe: {httpGet: {path: /, port: htp}}   # http\n\n\
                Write the name that the container has, or the port's number. Pods that no manifest makes are not known: of a Service this is a\n\
                warning.",
        }
    }

    fn check(&self, look: &Look<'_>) -> Vec<Diagnostic> {
        let mut found: Vec<Diagnostic> = look.targets().flat_map(probes).collect();
        if look.knows_all() {
            let pods = PodLabels::of(look.all_manifests());
            let services = look.all_manifests().filter(|m| m.object.kind == "Service" && look.reaches(m));
            found.extend(services.flat_map(|service| target_ports(service, &pods)));
        }
        found
    }
}

/// The names of a container's ports.
fn port_names(container: &Node) -> impl Iterator<Item = &str> {
    let ports = container.get("ports").map(Node::items).unwrap_or_default();
    ports.iter().filter_map(|port| port.get("name")?.as_str())
}

fn all_containers(pod: &Node) -> impl Iterator<Item = &Node> {
    ["containers", "initContainers"].into_iter().flat_map(|list| pod.get(list).map(Node::items).unwrap_or_default())
}

/// A port given by name: none is made of digits alone.
fn named(node: &Node) -> Option<&str> {
    node.as_str().filter(|name| name.contains(|c: char| c.is_ascii_lowercase()) && !is_placeholder(name))
}

/// A text of digits alone, which is no port's name.
fn quoted_number(node: &Node) -> Option<&str> {
    node.as_str().filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
}

fn problem(
    severity: Severity,
    message: String,
    manifest: &Manifest,
    node: &Node,
    names: &BTreeSet<&str>,
) -> Diagnostic {
    let name = node.as_str().unwrap_or_default();
    let names: Vec<&str> = names.iter().copied().collect();
    let help = match nearest(name, &names) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("write the port's number, or give a container's port the name {name}"),
    };
    let diagnostic = Diagnostic { severity, ..Diagnostic::error(CODE, message) };
    mark_node(diagnostic, manifest, node, "no such port").help(help)
}

fn probes(manifest: &Manifest) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let pod = pod_template(manifest).and_then(|template| template.get("spec"));
    for container in pod.into_iter().flat_map(all_containers) {
        let names: BTreeSet<&str> = port_names(container).collect();
        for probe in ["readinessProbe", "livenessProbe", "startupProbe"] {
            for handler in ["httpGet", "tcpSocket"] {
                let Some(node) = container.at(&[probe, handler, "port"]) else { continue };
                if let Some(digits) = quoted_number(node) {
                    let (object, owner) = (&manifest.object, container_name(container));
                    let message = format!(
                        "the {probe} of {owner} in {object} asks port \"{digits}\", which is a name in quotes: the API server refuses it"
                    );
                    let diagnostic = mark_node(Diagnostic::error(CODE, message), manifest, node, "a text");
                    found.push(diagnostic.help(format!("write the number without quotes: {digits}")));
                    continue;
                }
                // One that is spelt so, but for capitals, is told where it stands: no port is called so (`manifest-invalid`).
                let alike = |name: &&str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
                let Some(name) = named(node).filter(|name| !alike(name)) else { continue };
                let (object, owner) = (&manifest.object, container_name(container));
                let message =
                    format!("the {probe} of {object} asks port {name}, which container {owner} does not have");
                found.push(problem(Severity::Error, message, manifest, node, &names));
            }
        }
    }
    found
}

fn target_ports(service: &Manifest, pods: &PodLabels<'_>) -> Vec<Diagnostic> {
    let ports = service.document.root.at(&["spec", "ports"]).map(Node::items).unwrap_or_default();
    let mut wanted =
        ports.iter().filter_map(|port| port.get("targetPort")).filter(|node| named(node).is_some()).peekable();
    let Some(selector) = selected_labels(service).filter(|_| wanted.peek().is_some()) else { return Vec::new() };
    let makers = pods.selected(selector);
    let templates = makers.iter().filter_map(|maker| pod_template(maker)?.get("spec"));
    let names: BTreeSet<&str> = templates.flat_map(all_containers).flat_map(port_names).collect();
    // What something else fills in later may be any name.
    if makers.is_empty() || names.iter().any(|name| is_placeholder(name)) {
        return Vec::new();
    }
    let lost = wanted.filter(|node| named(node).is_some_and(|name| !names.contains(name)));
    let told = |node: &Node| {
        let name = node.as_str().unwrap_or_default();
        let message = format!("{} sends to port {name}, which none of the pods that it selects has", service.object);
        problem(Severity::Warning, message, service, node, &names)
    };
    lost.map(told).collect()
}
