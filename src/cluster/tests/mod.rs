//! Both sources, against a server that misbehaves on purpose, on folders, and (ignored without the lab) on the real API.

mod fake;
mod lab;
mod live;
mod snapshot;

use std::collections::BTreeSet;

use bpctl_core::model::WorkloadKind;
use serde_json::{Value as Json, json};

/// The one kind that most of these tests ask for.
fn deployments() -> BTreeSet<WorkloadKind> {
    BTreeSet::from([WorkloadKind::Deployment])
}

fn deployment(name: &str, uid: &str, replicas: u32) -> Json {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop", "uid": uid, "resourceVersion": "7", "generation": 2},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [
            {"name": "web", "image": "web:1", "ports": [{"containerPort": 80, "protocol": "TCP"}]}]}}}})
}

fn pod(name: &str, owner: &str) -> Json {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-{name}"), "labels": {"pod-template-hash": "7d"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": format!("{owner}-7d"), "controller": true}]},
        "spec": {"containers": [{"name": "web", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})
}
