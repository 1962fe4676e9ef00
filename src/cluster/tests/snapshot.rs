//! Snapshot folders.

use std::collections::BTreeMap;
use std::path::Path;

use bpctl_core::model::{ObjectRef, Period, Quantity, Untrusted, WorkloadKind};
use bpctl_core::observe::{Known, LiveObject, PodUsage, Resource, UnknownCode, group_pods};
use serde_json::{Value as Json, json};

use super::{deployment, deployments, pod};
use crate::cluster::{
    Cluster as _, ClusterError, NamespaceListing, RawListing, RecordedUsage, SnapshotCluster, SnapshotHeader, record,
};

fn header() -> SnapshotHeader {
    SnapshotHeader {
        schema_version: 1,
        recorded_at: "2026-01-31T12:00:00Z".parse().expect("a time"),
        context: "prod".into(),
        version: "1.36".into(),
        namespaces: vec!["shop".into()],
    }
}

fn listing() -> RawListing {
    RawListing {
        workloads: BTreeMap::from([(
            WorkloadKind::Deployment,
            Known::Known(vec![deployment("api", "1", 2), deployment("web", "2", 2)]),
        )]),
        pods: Known::Known(vec![pod("web-7d-x", "web"), pod("api-7d-y", "api")]),
    }
}

/// The same as a plan sees it.
fn seen() -> NamespaceListing {
    let RawListing { workloads, pods } = listing();
    let read = |kind: WorkloadKind, items: Vec<Json>| {
        let object = |item| LiveObject::from_json("apps/v1", kind.as_str(), item).expect("an object");
        items.into_iter().map(object).collect()
    };
    let workloads = workloads.into_iter().map(|(kind, known)| (kind, known.map(|items| read(kind, items)))).collect();
    NamespaceListing { workloads, pods: pods.map(|pods| group_pods(&pods)) }
}

fn usage() -> RecordedUsage {
    let used = |pod: &str| PodUsage {
        pod: Untrusted::new(pod),
        mean: Quantity::from_millis(250),
        samples: 20,
        containers: Vec::new(),
    };
    RecordedUsage {
        namespace: "shop".into(),
        resource: Resource::Cpu,
        window: Period::from_secs(300),
        expected_samples: 20,
        pods: vec![used("web-7d-x"), used("api-7d-y")],
    }
}

fn recorded() -> (tempfile::TempDir, SnapshotCluster) {
    let folder = tempfile::tempdir().expect("a folder");
    let listings = BTreeMap::from([("shop".to_owned(), listing())]);
    record(folder.path(), &header(), &listings, &BTreeMap::new(), &BTreeMap::new(), &[usage()], &[]).expect("recorded");
    let snapshot = SnapshotCluster::open(folder.path()).expect("a snapshot");
    (folder, snapshot)
}

fn code<T>(known: Known<T>) -> UnknownCode {
    known.ok().err().expect("unknown").code
}

#[tokio::test]
async fn what_is_recorded_is_what_was_seen() {
    let (folder, snapshot) = recorded();
    assert_eq!(snapshot.list_namespace("shop", &deployments()).await, seen());
    assert_eq!(snapshot.usage("shop", Resource::Cpu), Known::Known(usage()));
    assert_eq!(snapshot.usage_over("shop", Resource::Cpu, usage().window), Known::Known(usage()));
    let other = snapshot.usage_over("shop", Resource::Cpu, Period::from_secs(60));
    assert_eq!(code(other), UnknownCode::NotObserved, "another window");
    assert_eq!(code(snapshot.usage("shop", Resource::Memory)), UnknownCode::NotObserved);
    assert_eq!(code(snapshot.list_namespace("other", &deployments()).await.pods), UnknownCode::NotObserved);
    let schema = snapshot.type_schema("apps/v1", "Deployment").await;
    assert!(schema.known().is_some_and(|schema| schema.lists.contains_key("spec.template.spec.containers")));
    assert_eq!(code(snapshot.type_schema("g.io/v1", "Thing").await), UnknownCode::NotObserved);
    let text = std::fs::read_to_string(folder.path().join("shop/deployments.json")).expect("a file");
    assert_eq!(text.lines().count(), 4, "a line an object");
}

#[tokio::test]
async fn lists_of_kubectl_are_read_in_either_format() {
    let (folder, snapshot) = recorded();
    let file = |name: &str| folder.path().join("shop").join(name);
    let items = [deployment("api", "1", 2), deployment("web", "2", 2)];
    std::fs::remove_file(file("deployments.json")).expect("there");
    let yaml: Vec<_> = items.iter().map(|item| format!("- {item}")).collect();
    let yaml = yaml.join("\n");
    let yaml = format!("apiVersion: v1\nitems:\n{yaml}\nkind: List\nmetadata:\n  resourceVersion: \"\"\n");
    std::fs::write(file("deployments.yaml"), yaml).expect("written");
    let pods = json!({"apiVersion": "v1", "kind": "List", "items": [pod("web-7d-x", "web"), pod("api-7d-y", "api")]});
    std::fs::write(file("pods.json"), serde_json::to_string_pretty(&pods).expect("json")).expect("written");
    assert_eq!(snapshot.list_namespace("shop", &deployments()).await, seen());

    std::fs::write(file("deployments.json"), "{\"items\": []}").expect("written");
    assert_eq!(
        code(snapshot.list_namespace("shop", &deployments()).await.workloads[&WorkloadKind::Deployment].clone()),
        UnknownCode::Malformed,
        "two files"
    );
    std::fs::remove_file(file("deployments.json")).expect("there");
    std::fs::remove_file(file("deployments.yaml")).expect("there");
    assert_eq!(
        code(snapshot.list_namespace("shop", &deployments()).await.workloads[&WorkloadKind::Deployment].clone()),
        UnknownCode::NotObserved,
        "no file"
    );
}

#[tokio::test]
async fn half_a_list_is_no_list() {
    let (folder, snapshot) = recorded();
    let file = folder.path().join("shop/deployments.json");
    let whole = std::fs::read_to_string(&file).expect("a file");
    for text in [
        whole[..whole.len() / 2].to_owned(),
        whole.replace("\"metadata\":{}", "\"metadata\":{\"continue\":\"t\"}"),
        whole.replace("\"namespace\":\"shop\"", "\"namespace\":\"other\""),
        whole.replace("\"kind\":\"Deployment\"", "\"kind\":\"Secret\""),
        String::new(),
    ] {
        std::fs::write(&file, &text).expect("written");
        assert_eq!(
            code(snapshot.list_namespace("shop", &deployments()).await.workloads[&WorkloadKind::Deployment].clone()),
            UnknownCode::Malformed,
            "{text}"
        );
    }
}

/// T18
#[cfg(unix)]
#[tokio::test]
async fn t18_links_are_not_followed() {
    let (folder, snapshot) = recorded();
    let file = folder.path().join("shop/pods.json");
    std::fs::rename(&file, folder.path().join("elsewhere")).expect("moved");
    std::os::unix::fs::symlink(folder.path().join("elsewhere"), &file).expect("linked");
    assert_eq!(code(snapshot.list_namespace("shop", &deployments()).await.pods), UnknownCode::Malformed);
}

#[test]
fn without_its_header_a_snapshot_says_what_to_write() {
    let (folder, _) = recorded();
    std::fs::remove_file(folder.path().join("snapshot.json")).expect("there");
    let error = SnapshotCluster::open(folder.path()).expect_err("no header").to_string();
    assert!(error.contains("recordedAt") && error.contains("[\"shop\"]"), "{error}");
    for text in [
        "{}",
        "{\"schemaVersion\": 2, \"recordedAt\": \"2026-01-31T12:00:00Z\", \"context\": \"\", \"version\": \"1\", \"namespaces\": []}",
    ] {
        std::fs::write(folder.path().join("snapshot.json"), text).expect("written");
        assert!(SnapshotCluster::open(folder.path()).is_err(), "{text}");
    }
    assert!(SnapshotCluster::open(folder.path().join("none")).is_err());
}

fn web() -> ObjectRef {
    ObjectRef::deployment("shop", "web")
}

fn read(folder: &Path) -> Json {
    let text = std::fs::read(folder.join("shop/deployments.json")).expect("a file");
    let list: Json = serde_json::from_slice(&text).expect("json");
    list["items"][1].clone()
}

#[test]
fn a_delivery_changes_the_files_and_forgets_the_use() {
    let (folder, snapshot) = recorded();
    let manifest = deployment("web", "whatever", 3);
    let dry = snapshot.apply_object(&web(), Some("2"), &manifest, true).expect("tried");
    assert!(dry.changed && read(folder.path())["spec"]["replicas"] == 2, "a dry run writes nothing");

    let applied = snapshot.apply_object(&web(), Some("2"), &manifest, false).expect("applied");
    assert_eq!((applied.generation, applied.resource_version.as_str(), applied.changed), (3, "8", true));
    let live = read(folder.path());
    assert_eq!(live["spec"]["replicas"], 3);
    assert_eq!(live["metadata"]["uid"], "2");
    let entry = &live["metadata"]["managedFields"][0];
    assert_eq!((&entry["manager"], &entry["operation"]), (&json!("bpctl"), &json!("Apply")));
    let Known::Known(usage) = snapshot.usage("shop", Resource::Cpu) else { panic!("usage") };
    let pods: Vec<_> = usage.pods.iter().map(|used| used.pod.raw()).collect();
    assert_eq!(pods, ["api-7d-y"], "the other workload's stays");

    let before = std::fs::read(folder.path().join("shop/deployments.json")).expect("a file");
    let again = snapshot.apply_object(&web(), Some("2"), &manifest, false).expect("applied");
    assert!(!again.changed);
    assert_eq!(std::fs::read(folder.path().join("shop/deployments.json")).expect("a file"), before);
}

/// T44
#[test]
fn t44_another_object_of_the_same_name_is_left_alone() {
    let (_folder, snapshot) = recorded();
    for uid in [Some("other"), None] {
        let error = snapshot.apply_object(&web(), uid, &deployment("web", "x", 3), false).expect_err("another");
        assert!(matches!(error, ClusterError::Replaced { .. }), "{error}");
    }
    let new = ObjectRef::deployment("shop", "new");
    assert!(snapshot.apply_object(&new, Some("gone"), &deployment("new", "x", 1), false).is_err());
    let made = snapshot.apply_object(&new, None, &deployment("new", "x", 1), false).expect("made");
    assert!(snapshot.apply_object(&new, Some(&made.uid), &deployment("new", "x", 1), false).is_ok_and(|a| !a.changed));
}

#[test]
fn an_apply_merges_by_keys_and_removes_what_it_owned_alone() {
    let (folder, snapshot) = recorded();
    let mut manifest = deployment("web", "x", 3);
    manifest["metadata"]["labels"] = json!({"team": "a", "tier": "b"});
    let containers = &mut manifest["spec"]["template"]["spec"]["containers"];
    containers[0]["ports"] = json!([{"containerPort": 80}, {"containerPort": 81}]);
    containers[0]["env"] = json!([{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]);
    snapshot.apply_object(&web(), Some("2"), &manifest, false).expect("applied");
    let container = |live: &Json| live["spec"]["template"]["spec"]["containers"][0].clone();
    let tcp = |port: u32| json!({"containerPort": port, "protocol": "TCP"});
    assert_eq!(
        container(&read(folder.path()))["ports"],
        json!([tcp(80), tcp(81)]),
        "80/TCP is one port, spelled twice"
    );

    let mut second = manifest.clone();
    second["metadata"]["labels"] = json!({"team": "a"});
    second["spec"].as_object_mut().expect("spec").remove("replicas");
    let containers = &mut second["spec"]["template"]["spec"]["containers"];
    containers[0]["ports"] = json!([{"containerPort": 80}]);
    containers[0]["env"] = json!([{"name": "B", "value": "3"}]);
    snapshot.apply_object(&web(), Some("2"), &second, false).expect("applied");
    let live = read(folder.path());
    assert_eq!(live["metadata"]["labels"], json!({"team": "a"}));
    assert_eq!(container(&live)["env"], json!([{"name": "B", "value": "3"}]));
    assert_eq!(container(&live)["ports"], json!([tcp(80)]));
    assert_eq!(live["spec"].get("replicas"), None, "nobody else owned it");
}
