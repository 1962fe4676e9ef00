//! Tests of what Git empties, or leaves to the server, where the cluster has something.

use super::tests::{NONE, deployments, objects};

/// Would miss: a selector that Git empties, whose labels stay in the cluster and cut an object off; a key without a value beside one that has one.
#[test]
fn what_git_empties_differs_from_what_the_cluster_has() {
    let budget = |git: &str, has: &str| objects("policy/v1", "PodDisruptionBudget", git, has);
    let has = "spec: {selector: {matchLabels: {app: web}}}";
    assert_eq!(
        budget("spec: {selector: {matchLabels: {}}}", has),
        [r#"Changed spec.selector.matchLabels {} → {"app":"web"}"#]
    );
    assert_eq!(budget(has, has), NONE);
    let service = |git: &str| objects("v1", "Service", git, "spec: {selector: {app: web}}");
    assert_eq!(service("spec: {selector: {}}"), [r#"Changed spec.selector {} → {"app":"web"}"#]);
    assert_eq!(service("spec: {selector: {app: web}}"), NONE);
    let labels = |git: &str, has: &str| {
        objects(
            "v1",
            "ConfigMap",
            &format!("metadata: {{labels: {git}}}\ndata: {git}"),
            &format!("metadata: {{labels: {has}}}\ndata: {has}"),
        )
    };
    assert_eq!(
        labels("{a: null}", "{a: b}"),
        [r#"Changed metadata.labels.a null → "b""#, r#"Changed data.a null → "b""#]
    );
    for has in ["{}", "{a: ''}"] {
        assert_eq!(labels("{a: null}", has), NONE, "{has}");
    }
}

#[test]
fn a_port_that_is_left_to_be_tcp_is_no_removal() {
    let port = r#"{".":{},"f:containerPort":{},"f:protocol":{},"f:name":{}}"#;
    let list = format!(r#"{{"k:{{\"containerPort\":80,\"protocol\":\"TCP\"}}":{port}}}"#);
    let container = format!(r#"{{"k:{{\"name\":\"c\"}}":{{".":{{}},"f:name":{{}},"f:ports":{list}}}}}"#);
    let fields = format!(r#"{{"f:spec":{{"f:template":{{"f:spec":{{"f:containers":{container}}}}}}}}}"#);
    let owned = format!(r#"[{{"manager":"kubectl","operation":"Apply","apiVersion":"apps/v1","fieldsV1":{fields}}}]"#);
    let body = |ports: &str| {
        format!(
            "{{metadata: {{managedFields: {owned}}}, spec: {{template: {{spec: {{containers: [{{name: c, ports: [{ports}]}}]}}}}}}}}"
        )
    };
    let git = |port: &str| format!("spec: {{template: {{spec: {{containers: [{{name: c, ports: [{{{port}}}]}}]}}}}}}");
    let has = body("{containerPort: 80, protocol: TCP, name: a}");
    assert_eq!(deployments(&git("containerPort: 80, name: a"), &has), NONE);
    assert_eq!(deployments(&git("containerPort: 80"), &has).len(), 1, "the name went");
}
