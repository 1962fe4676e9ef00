//! The real API server: `tests/run.sh` runs these; by hand, with the lab's variables set: `cargo test --lib lab:: -- --ignored`.

use bpctl_core::model::{ObjectRef, WorkloadKind};
use bpctl_core::observe::{Known, LiveObject};
use serde_json::{Value as Json, json};

use super::deployments;
use crate::cluster::desired::substance;
use crate::cluster::{ClusterError, ConnectOptions, LiveCluster, server_side};

const NAMESPACE: &str = "bpctl-cluster-lab";

async fn lab() -> LiveCluster {
    let _ = rustls::crypto::ring::default_provider().install_default();
    LiveCluster::connect(ConnectOptions::default()).await.expect("the lab's kubeconfig")
}

fn kubectl(arguments: &[&str]) -> String {
    let output = std::process::Command::new("kubectl").args(arguments).output().expect("kubectl");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn manifest(name: &str, replicas: u32) -> Json {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": {"team": "a"}},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "web", "image": "web:1", "ports": [{"containerPort": 80}],
                "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                "resources": {"requests": {"cpu": "0.5"}}}]}}}})
}

async fn live(lab: &LiveCluster, object: &ObjectRef) -> LiveObject {
    let listing = lab.raw_namespace(NAMESPACE, &deployments()).await;
    let Known::Known(items) = &listing.workloads[&WorkloadKind::Deployment] else { panic!("a list") };
    let items = items.clone();
    let items = items.into_iter().filter_map(|body| LiveObject::from_json("apps/v1", "Deployment", body));
    items.into_iter().find(|live| live.reference == *object).expect("the object")
}

/// The whole life of an object, and at each step what a snapshot makes of the same apply.
#[tokio::test]
#[ignore = "needs the lab"]
async fn lab_an_apply_does_what_the_permit_says_and_a_snapshot_does_the_same() {
    let lab = lab().await;
    let _ = std::process::Command::new("kubectl").args(["create", "namespace", NAMESPACE]).output();
    kubectl(&["delete", "deployment", "-n", NAMESPACE, "--all", "--wait"]);
    let object = ObjectRef::deployment(NAMESPACE, "web");
    let schema =
        bpctl_core::observe::Known::ok(crate::cluster::Cluster::type_schema(&lab, "apps/v1", "Deployment").await)
            .expect("a schema");

    let gone = lab.apply_object(&object, Some("gone"), &manifest("web", 1), false).await.expect_err("gone");
    assert!(matches!(gone, ClusterError::Replaced { .. }), "{gone}");
    let raced = lab.try_apply(&object, Some("gone"), &manifest("web", 1)).await.expect_err("the server checks too");
    assert!(matches!(raced, ClusterError::Conflict { .. }), "{raced:?}");

    let made = lab.apply_object(&object, None, &manifest("web", 1), false).await.expect("made");
    assert!(made.changed && made.generation == 1, "{made:?}");
    let uid = Some(made.uid.as_str());
    let same = lab.apply_object(&object, uid, &manifest("web", 1), false).await.expect("applied");
    assert!(!same.changed && same.generation == 1, "{same:?}");

    let before = live(&lab, &object).await;
    let dry = lab.apply_object(&object, uid, &manifest("web", 3), true).await.expect("tried");
    assert!(dry.changed);
    assert_eq!(live(&lab, &object).await.body["spec"]["replicas"], 1);

    // Somebody else scales by hand; the apply takes the field back, removes what it owned, and keeps what is theirs.
    kubectl(&["scale", "deployment", "-n", NAMESPACE, "web", "--replicas=2"]);
    kubectl(&["label", "deployment", "-n", NAMESPACE, "web", "theirs=yes"]);
    let drifted = live(&lab, &object).await;
    let mut second = manifest("web", 3);
    second["metadata"]["labels"] = json!({"tier": "b"});
    second["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{"name": "B", "value": "3"}]);
    second["spec"]["template"]["spec"]["containers"][0]["ports"] =
        json!([{"containerPort": 80}, {"containerPort": 81}]);
    // What would end the object, and what is declared as nothing, is no part of it.
    second["metadata"]["finalizers"] = json!(["x.example/y"]);
    second["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "1"}]);
    second["spec"]["minReadySeconds"] = Json::Null;
    let desired = crate::cluster::desired::desired(&object, &second, "test").expect("a manifest");
    assert!(!desired.to_string().contains("null") && desired["metadata"].get("finalizers").is_none(), "{desired}");
    let predicted =
        server_side::apply(Some(&drifted.body), &desired, &schema, "2026-01-01T00:00:00Z".parse().expect("a time"));
    lab.apply_object(&object, uid, &second, false).await.expect("applied");
    let after = live(&lab, &object).await;
    assert_eq!(after.body["metadata"]["labels"], json!({"theirs": "yes", "tier": "b"}));
    assert!(after.body["metadata"].get("ownerReferences").is_none(), "{:#}", after.body["metadata"]);
    assert_eq!(substance(&predicted), substance(&after.body));
    let fields = |body: &Json| {
        let entries = body["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        entries.into_iter().find(|entry| entry["manager"] == "bpctl").map(|entry| entry["fieldsV1"].clone())
    };
    assert_eq!(fields(&predicted), fields(&after.body));
    assert_eq!(before.uid, after.uid);

    let bad = lab
        .apply_object(
            &object,
            uid,
            &{
                let mut bad = second.clone();
                bad["spec"]["replicas"] = json!(-1);
                bad
            },
            false,
        )
        .await
        .expect_err("invalid");
    assert!(matches!(&bad, ClusterError::Invalid { said, .. } if said.raw().contains("replicas")), "{bad:?}");
    let mut typo = second.clone();
    typo["spec"]["replica"] = json!(1);
    let typo = lab.apply_object(&object, uid, &typo, false).await.expect_err("unknown field");
    assert!(typo.said().is_some(), "{typo:?}");

    // Created by somebody else between the look and the apply: theirs is not taken over.
    kubectl(&["create", "deployment", "-n", NAMESPACE, "other", "--image=other:1", "--replicas=2"]);
    let other = ObjectRef::deployment(NAMESPACE, "other");
    let race = lab.try_apply(&other, None, &manifest("other", 9)).await.expect_err("theirs");
    assert!(matches!(race, ClusterError::Conflict { .. }), "{race:?}");
    kubectl(&["delete", "namespace", NAMESPACE, "--wait=false"]);
}
