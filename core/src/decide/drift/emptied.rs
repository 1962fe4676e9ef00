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

/// Would miss: a node's role, or a selector's key, with an empty text that somebody added; and what Git says beside keys that say nothing.
#[test]
fn keys_that_git_does_not_have_are_told_whatever_stands_beside_them() {
    let service = |git: &str, has: &str| {
        objects("v1", "Service", &format!("spec: {{selector: {git}}}"), &format!("spec: {{selector: {has}}}")).len()
    };
    for (git, has) in [
        ("{a: b}", "{a: b, v: ''}"),
        ("{a: b, z: }", "{a: b, c: d}"),
        ("{a: b, a: b}", "{a: b, c: d}"),
        ("{a: b}", "{a: b, apiVersion: v1}"),
    ] {
        assert_eq!(service(git, has), 1, "{git} {has}");
        assert_eq!(service(git, git), 0, "{git}");
    }
    // As a server-side apply makes it of the very same manifest, and as a client-side one leaves it.
    for has in ["{a: b, z: ''}", "{a: b}"] {
        assert_eq!(service("{a: b, z: }", has), 0, "{has}");
    }
}

/// Would miss: what is empty in a custom resource, where it says something; what is left to the server, and is not what that makes of it.
#[test]
fn what_is_empty_is_compared_as_the_server_takes_it() {
    let issuer = |git: &str, has: &str| objects("cert-manager.io/v1", "Issuer", git, has).len();
    for empty in ["{}", "''", "[]"] {
        assert_eq!(issuer(&format!("spec: {{selfSigned: {empty}}}"), "spec: {}"), 1, "{empty}");
        assert_eq!(issuer(&format!("spec: {{selfSigned: {empty}}}"), &format!("spec: {{selfSigned: {empty}}}")), 0);
    }
    assert_eq!(issuer("spec: {selfSigned: null}", "spec: {}"), 0);
    let pulls = |image: &str, has: &str| {
        let pod = |policy: &str| {
            format!(
                "spec: {{template: {{spec: {{containers: [{{name: c, image: \"{image}\", imagePullPolicy: {policy}}}]}}}}}}"
            )
        };
        deployments(&pod("''"), &pod(has)).len()
    };
    for (image, policy) in [
        ("web:1", "IfNotPresent"),
        ("web", "Always"),
        ("web:latest", "Always"),
        ("host:5000/web", "Always"),
        ("web@sha256:0", "IfNotPresent"),
        ("web:latest@sha256:0", "Always"),
    ] {
        let other = if policy == "Always" { "IfNotPresent" } else { "Always" };
        assert_eq!((pulls(image, policy), pulls(image, other)), (0, 1), "{image}");
    }
    let rolls = |has: &str| {
        let (git, has) = ("spec: {updateStrategy: {type: ''}}", format!("spec: {{updateStrategy: {{type: {has}}}}}"));
        objects("apps/v1", "StatefulSet", git, &has).len()
    };
    assert_eq!((rolls("RollingUpdate"), rolls("OnDelete")), (0, 1));
}
