//! Documents that are of no kind, or of none that is read where they stand.

use crate::model::Diagnostic;
use crate::yaml::{Document, Node, Value, nearest};

/// What is wrong with a document of bpctl's own files whose kind is none of them.
pub(super) fn unknown_kind(document: &Document, kind: Option<&str>) -> Diagnostic {
    let node = document.root.get("kind").unwrap_or(&document.root);
    let span = match &node.value {
        Value::Mapping(entries) if !entries.is_empty() => {
            document.span(entries[0].key_start as usize..entries[0].key_end as usize)
        }
        _ => document.span_of(node),
    };
    let message = match kind {
        Some(kind) => format!("`{kind}` is not a kind that bpctl knows"),
        None => "this document has no `kind`".to_owned(),
    };
    Diagnostic::error("unknown-kind", message).label(span, "here").source(document.source.clone()).help(
        "files under the blueprints folder are `kind: Blueprint`, `Policy` or `Suppression`; move manifests elsewhere",
    )
}

/// What is wrong with a manifest of no kind. A file of values has no `apiVersion` either.
pub(super) fn kindless(document: &Document) -> Option<Diagnostic> {
    let kind = document.root.get("kind");
    let node = document.root.get("apiVersion").filter(|_| kind.and_then(Node::as_str).is_none_or(str::is_empty))?;
    Some(
        Diagnostic::error("manifest-invalid", "this document has an `apiVersion` and no `kind`")
            .label(document.span_of(kind.unwrap_or(node)), "here")
            .source(document.source.clone())
            .help("add its `kind: …`, or delete the document: Kubernetes takes no object without one"),
    )
}

/// The kinds of Kubernetes' own groups that workloads and what belongs to them are of; those of other groups nobody knows here.
#[rustfmt::skip]
const KINDS: [(&str, &[&str]); 7] = [
    ("v1", &[
        "Binding", "ComponentStatus", "ConfigMap", "Endpoints", "Event", "LimitRange", "Namespace", "Node", "PersistentVolume",
        "PersistentVolumeClaim", "Pod", "PodTemplate", "ReplicationController", "ResourceQuota", "Secret", "Service", "ServiceAccount", "Status",
    ]),
    ("apps/v1", &["ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "Scale", "StatefulSet"]),
    ("batch/v1", &["CronJob", "Job"]),
    ("policy/v1", &["Eviction", "PodDisruptionBudget"]),
    ("autoscaling/v1", &["HorizontalPodAutoscaler", "Scale"]),
    ("autoscaling/v2", &["HorizontalPodAutoscaler"]),
    ("networking.k8s.io/v1", &["IPAddress", "Ingress", "IngressClass", "NetworkPolicy", "ServiceCIDR"]),
];

/// The kind that somebody may have meant who wrote one that its group does not have.
pub(super) fn meant_kind(api_version: &str, kind: &str) -> Option<&'static str> {
    let (_, known) = KINDS.iter().find(|(group, _)| *group == api_version)?;
    let one = kind.strip_suffix("List").filter(|one| !one.is_empty()).unwrap_or(kind);
    if known.contains(&one) || kind == "List" { None } else { nearest(kind, known) }
}
