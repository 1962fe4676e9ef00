use serde_json::Value as Json;

use super::{DeliveryManagers, DriftKind, FieldDrift, compare, exact};
use crate::observe::{LiveObject, TypeSchema};
use crate::yaml::{Document, Kind, parse};

const WEB: &str = include_str!("fixtures/web.yaml");
const DROPPED: &str = include_str!("fixtures/dropped.yaml");
const CLIENT_APPLIED: &str = include_str!("fixtures/client-applied.json");
const CLIENT_EDITED: &str = include_str!("fixtures/client-edited.json");
const SERVER_APPLIED: &str = include_str!("fixtures/server-applied.json");
const SERVER_EDITED: &str = include_str!("fixtures/server-edited.json");
const HPA_SCALED: &str = include_str!("fixtures/hpa-scaled.json");

fn deployment_schema() -> TypeSchema {
    serde_json::from_str(include_str!("fixtures/deployment.schema.json")).expect("schema")
}

fn document(text: &str) -> Document {
    parse("web.yaml", text.as_bytes(), Kind::Manifest).expect("yaml").remove(0)
}

fn live(api_version: &str, kind: &str, body: Json) -> LiveObject {
    LiveObject::from_json(api_version, kind, body).expect("named")
}

fn recorded(manifest: &str, recording: &str) -> Vec<FieldDrift> {
    let live = live("apps/v1", "Deployment", serde_json::from_str(recording).expect("json"));
    compare(&document(manifest), &live, &deployment_schema(), &DeliveryManagers::default())
}

fn line(drift: &FieldDrift) -> String {
    let value = |value: &Option<Json>| value.as_ref().map_or("-".to_owned(), Json::to_string);
    format!("{:?} {} {} → {}", drift.kind, drift.path, value(&drift.declared), value(&drift.live))
}

fn lines(found: &[FieldDrift]) -> Vec<String> {
    found.iter().map(line).collect()
}

fn who(drift: &FieldDrift) -> String {
    drift.by.as_ref().map_or("nobody".to_owned(), |by| {
        let through = by.subresource.as_ref().map(|name| format!("/{}", name.raw())).unwrap_or_default();
        let sure = if by.exact { "" } else { "?" };
        format!("{}{through} {}{sure}", by.manager.raw(), by.operation.raw())
    })
}

/// Compares two objects written as YAML; the live one is named `x`.
pub(super) fn objects(api_version: &str, kind: &str, manifest: &str, body: &str) -> Vec<String> {
    let mut body = document(body).root.to_json();
    body["metadata"]["name"] = "x".into();
    let live = live(api_version, kind, body);
    lines(&compare(&document(manifest), &live, &deployment_schema(), &DeliveryManagers::default()))
}

pub(super) fn deployments(manifest: &str, body: &str) -> Vec<String> {
    objects("apps/v1", "Deployment", manifest, body)
}

/// Compares two pod specs.
fn pods(manifest: &str, body: &str) -> Vec<String> {
    let within = |spec: &str| format!("spec: {{template: {{spec: {spec}}}}}");
    deployments(&within(manifest), &within(body))
        .into_iter()
        .map(|line| line.replace("spec.template.spec.", "").replace("containers[name=c]", "c"))
        .collect()
}

/// Compares two containers named `c`.
fn containers(manifest: &str, body: &str) -> Vec<String> {
    let within = |fields: &str| format!("{{containers: [{{name: c, {fields}}}]}}");
    pods(&within(manifest), &within(body))
}

pub(super) const NONE: [&str; 0] = [];

#[test]
fn nothing_differs_right_after_an_apply() {
    for recording in [CLIENT_APPLIED, SERVER_APPLIED] {
        assert_eq!(lines(&recorded(WEB, recording)), NONE);
    }
}

/// Both objects were edited by `kubectl label`, `annotate`, `scale`, `set env`, `set image`, `edit` and `patch`.
#[test]
fn every_edit_of_a_live_object_is_found_in_the_manifests_order_with_who_did_it() {
    for recording in [CLIENT_EDITED, SERVER_EDITED] {
        let found = recorded(WEB, recording);
        let found: Vec<_> = found.iter().map(|drift| format!("{} | {}", line(drift), who(drift))).collect();
        let proxy = r#"{"image":"registry.example.com/proxy:1","name":"proxy","resources":{"requests":{"cpu":1}}}"#;
        assert_eq!(
            found,
            [
                r#"Missing metadata.labels.team "shop" → - | kubectl-label Update?"#.to_owned(),
                concat!(
                    r#"Changed metadata.annotations["example.com/owner"] "team-shop" → "mallory" | "#,
                    "kubectl-annotate Update"
                )
                .into(),
                "Changed spec.replicas 2 → 5 | kubectl/scale Update".into(),
                concat!(
                    r#"Changed spec.template.spec.nodeSelector {"kubernetes.io/os":"linux"} → "#,
                    r#"{"disk":"ssd","kubernetes.io/os":"linux"} | kubectl-patch Update"#
                )
                .into(),
                r#"Changed spec.template.spec.tolerations[0].value "shop" → "other" | kubectl-patch Update"#.into(),
                concat!(
                    r#"Changed spec.template.spec.containers[name=web].image "registry.example.com/web:1.2.3" → "#,
                    r#""registry.example.com/web:9" | kubectl-set Update"#
                )
                .into(),
                concat!(
                    r#"Changed spec.template.spec.containers[name=web].args ["--port","8080"] → "#,
                    r#"["--port","9090"] | kubectl-patch Update"#
                )
                .into(),
                concat!(
                    r#"Changed spec.template.spec.containers[name=web].env[name=MODE].value "fast" → "slow" | "#,
                    "kubectl-set Update"
                )
                .into(),
                concat!(
                    "Missing spec.template.spec.containers[name=web].env[name=POD].valueFrom ",
                    r#"{"fieldRef":{"fieldPath":"metadata.name"}} → - | kubectl-set Update?"#
                )
                .into(),
                concat!(
                    r#"Changed spec.template.spec.containers[name=web].readinessProbe.httpGet.path "/healthz" → "#,
                    r#""/live" | kubectl-edit Update"#
                )
                .into(),
                concat!(
                    "Changed spec.template.spec.containers[name=web].readinessProbe.periodSeconds 5 → 30 | ",
                    "kubectl-patch Update"
                )
                .into(),
                format!("Missing spec.template.spec.containers[name=proxy] {proxy} → - | kubectl-patch Update?"),
                "Missing spec.template.spec.volumes[name=cache].emptyDir {} → - | kubectl-patch Update?".into(),
            ]
        );
    }
}

#[test]
fn replicas_that_an_autoscaler_owns_are_drift_with_its_name() {
    let found = recorded(WEB, HPA_SCALED);
    assert_eq!(lines(&found), ["Changed spec.replicas 2 → 4"]);
    assert_eq!(who(&found[0]), "kube-controller-manager/scale Update");
}

#[test]
fn what_the_manifest_dropped_is_pending_once_and_at_its_top() {
    for (recording, by) in [(CLIENT_APPLIED, "kubectl-client-side-apply Update"), (SERVER_APPLIED, "bpctl Apply")] {
        let found = recorded(DROPPED, recording);
        assert!(found.iter().all(|drift| drift.kind == DriftKind::PendingRemoval && who(drift) == by), "{found:?}");
        let paths: Vec<_> = found
            .iter()
            .map(|drift| {
                drift.path.to_string().replace("spec.template.spec.", "").replace("containers[name=web]", "web")
            })
            .collect();
        assert_eq!(
            paths,
            [
                r#"metadata.annotations["example.com/owner"]"#,
                "metadata.labels.team",
                "spec.replicas",
                "containers[name=proxy]",
                "web.env[name=MODE]",
                "web.ports[containerPort=5353,protocol=UDP]",
                "web.readinessProbe",
                "web.resources.limits.memory",
                "tolerations",
                "volumes[name=settings]",
            ]
        );
        let line = |at: usize| found[at].span.as_ref().map(|span| span.line);
        assert_eq!((line(1), line(7)), (Some(5), Some(36)), "the nearest parent that is still declared");
    }
}

/// Tried on a server: a field stays for whoever owns it too, in whichever way; a list item goes though others wrote in it, unless they own
/// the item; of a probe goes only what nobody else owns.
#[test]
fn a_removal_stops_at_what_the_server_would_leave() {
    let manifest = "spec: {template: {spec: {containers: [{name: web}]}}}";
    let object = |operation: &str, owns_the_item: bool| {
        let mine = serde_json::json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {
            "k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:readinessProbe": {"f:httpGet": {"f:path": {}}}, "f:stdin": {}},
            "k:{\"name\":\"proxy\"}": {".": {}, "f:name": {}, "f:tty": {}},
        }}}}});
        let mut theirs = serde_json::json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {
            "k:{\"name\":\"web\"}": {"f:readinessProbe": {"f:periodSeconds": {}}, "f:stdin": {}},
            "k:{\"name\":\"proxy\"}": {"f:image": {}},
        }}}}});
        if owns_the_item {
            theirs["f:spec"]["f:template"]["f:spec"]["f:containers"]["k:{\"name\":\"proxy\"}"]["."] =
                serde_json::json!({});
        }
        serde_json::json!({
            "metadata": {"name": "x", "managedFields": [
                {"manager": "bpctl", "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": mine},
                {"manager": "other", "operation": operation, "apiVersion": "apps/v1", "fieldsV1": theirs},
            ]},
            "spec": {"template": {"spec": {"containers": [
                {"name": "web", "stdin": true, "readinessProbe": {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 9}},
                {"name": "proxy", "image": "p", "tty": true},
            ]}}},
        })
    };
    let pending = |operation: &str, owns_the_item: bool| -> Vec<String> {
        let live = live("apps/v1", "Deployment", object(operation, owns_the_item));
        let found = compare(&document(manifest), &live, &deployment_schema(), &DeliveryManagers::default());
        found.iter().map(|drift| drift.path.to_string().replace("spec.template.spec.containers", "")).collect()
    };
    for operation in ["Update", "Apply"] {
        assert_eq!(pending(operation, false), ["[name=proxy]", "[name=web].readinessProbe.httpGet"]);
        assert_eq!(pending(operation, true), ["[name=proxy].tty", "[name=web].readinessProbe.httpGet"]);
    }
}

#[test]
fn ownership_by_update_infers_no_removal_and_by_apply_it_needs_no_name() {
    let mut body: Json = serde_json::from_str(SERVER_APPLIED).expect("json");
    body["metadata"]["managedFields"][0]["operation"] = "Update".into();
    let found = |body: Json, names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let managers = DeliveryManagers { names, ..DeliveryManagers::default() };
        compare(&document(DROPPED), &live("apps/v1", "Deployment", body), &deployment_schema(), &managers).len()
    };
    assert_eq!(found(body, &["bpctl"]), 0);
    let recording = |text: &str| serde_json::from_str::<Json>(text).expect("json");
    assert_eq!(found(recording(SERVER_APPLIED), &["argocd-controller"]), 10);
    assert_eq!(found(recording(CLIENT_APPLIED), &["bpctl"]), 0);
}

#[test]
fn a_last_applied_annotation_counts_until_its_manager_is_gone() {
    let found = |change: &dyn Fn(&mut Json)| {
        let mut body: Json = serde_json::from_str(CLIENT_APPLIED).expect("json");
        change(&mut body["metadata"]["managedFields"]);
        let live = live("apps/v1", "Deployment", body);
        compare(&document(DROPPED), &live, &deployment_schema(), &DeliveryManagers::default()).len()
    };
    assert_eq!(found(&|_| {}), 10);
    assert_eq!(found(&|fields| *fields = Json::Null), 10, "left out of the recording");
    let migrated = |fields: &mut Json| {
        fields.as_array_mut().expect("entries").retain(|entry| entry["manager"] != "kubectl-client-side-apply");
    };
    assert_eq!(found(&migrated), 0);
}

#[test]
fn malformed_managed_fields_own_nothing() {
    let broken = [
        "7",
        "[]",
        "[7, null, {}]",
        "[{manager: bpctl, operation: Apply, apiVersion: apps/v1, fieldsV1: 7}]",
        "[{manager: bpctl, operation: Apply, apiVersion: apps/v1, time: x, fieldsV1: {'': 1, '€:x': {}, 'f:spec': 3}}]",
        "[{manager: bpctl, operation: Apply, apiVersion: apps/v1, fieldsV1: {'f:spec': {'k:{': {}, 'v:': {}}}}]",
        "[{manager: bpctl, operation: Apply, apiVersion: apps/v1, fieldsV1: {'f:spec': {'f:replicas': {'k:{}': {}}}}}]",
        "[{manager: bpctl, operation: Apply, apiVersion: apps/v1, fieldsV1: {'f:spec': {'f:replicas': {'i:-1': {}}}}}]",
    ];
    for fields in broken {
        let body = format!("{{metadata: {{managedFields: {fields}}}, spec: {{replicas: 3}}}}");
        let found = deployments("spec: {replicas: 2}", &body);
        assert_eq!(found, ["Changed spec.replicas 2 → 3"], "{fields}");
    }
    for text in ["'{'", "'7'", "'[]'", "7"] {
        let annotations = format!("{{{}: {text}}}", super::removal::LAST_APPLIED);
        let body = format!("{{metadata: {{annotations: {annotations}}}, spec: {{replicas: 2}}}}");
        assert_eq!(deployments("spec: {replicas: 2}", &body), NONE, "{text}");
    }
}

#[test]
fn of_several_owners_the_latest_that_does_not_deliver_is_named_and_not_as_sure() {
    let entry = |manager: &str, time: &str| {
        let fields = serde_json::json!({"f:spec": {"f:paused": {}}});
        serde_json::json!({"manager": manager, "operation": "Update", "time": time, "fieldsV1": fields})
    };
    let by = |entries: Vec<Json>| {
        let body = serde_json::json!({"metadata": {"name": "x", "managedFields": entries}, "spec": {"paused": true}});
        let live = live("apps/v1", "Deployment", body);
        let found =
            compare(&document("spec: {paused: false}"), &live, &deployment_schema(), &DeliveryManagers::default());
        who(&found[0])
    };
    let (early, late) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    assert_eq!(by(vec![entry("a", late), entry("b", early), entry("bpctl", late)]), "a Update?");
    assert_eq!(by(vec![entry("bpctl", late), entry("b", early)]), "b Update");
    assert_eq!(by(vec![entry("bpctl", late)]), "bpctl Update");
    assert_eq!(by(vec![]), "nobody");
}

#[test]
fn only_labels_and_annotations_of_the_metadata_are_compared() {
    let manifest = "
apiVersion: apps/v1beta2
kind: Deployment
metadata:
  name: y
  namespace: z
  creationTimestamp: null
  finalizers: [a]
  labels: {a: b, empty: '', nothing: null}
  annotations: {kubectl.kubernetes.io/last-applied-configuration: x, deployment.kubernetes.io/revision: '7', c: d}
status: {replicas: 9}
";
    assert_eq!(
        deployments(manifest, "{metadata: {labels: {a: x}}}"),
        [
            r#"Changed metadata.labels.a "b" → "x""#,
            r#"Missing metadata.labels.empty "" → -"#,
            r#"Missing metadata.annotations.c "d" → -"#
        ]
    );
}

#[test]
fn empties_equal_what_is_absent() {
    for empty in ["null", "{}", "[]", "''", "{requests: {}, limits: null}"] {
        assert_eq!(containers(&format!("resources: {empty}"), ""), NONE, "{empty}");
    }
    assert_eq!(containers("command: []", "command: [a]"), [r#"Changed c.command [] → ["a"]"#]);
}

/// The server drops zeros of fields that are not pointers; a pointer's zero says something.
#[test]
fn zeros_equal_what_is_absent_where_the_server_drops_them() {
    assert_eq!(pods("{hostNetwork: false, hostPID: false}", "{}"), NONE);
    assert_eq!(deployments("spec: {minReadySeconds: 0, paused: false}", "spec: {}"), NONE);
    assert_eq!(containers("livenessProbe: {periodSeconds: 0}", "livenessProbe: {periodSeconds: 10}"), NONE);
    assert_eq!(
        containers("livenessProbe: {periodSeconds: 0}", "livenessProbe: {periodSeconds: 20}"),
        ["Changed c.livenessProbe.periodSeconds 0 → 20"]
    );
    assert_eq!(pods("{automountServiceAccountToken: false}", "{}"), ["Missing automountServiceAccountToken false → -"]);
    assert_eq!(
        objects("example.com/v1", "Thing", "spec: {paused: false}", "spec: {}"),
        ["Missing spec.paused false → -"]
    );
}

/// A headless Service that needs no port has `targetPort: 0` in many charts.
#[test]
fn a_target_port_that_is_left_open_equals_the_port() {
    let service = |target: &str, live: &str| {
        let declared = format!("spec: {{ports: [{{port: 80, targetPort: {target}}}]}}");
        objects(
            "v1",
            "Service",
            &declared,
            &format!("spec: {{ports: [{{port: 80, protocol: TCP, targetPort: {live}}}]}}"),
        )
    };
    assert_eq!(service("0", "80"), NONE);
    assert_eq!(service("''", "80"), NONE);
    assert_eq!(service("0", "81").len(), 1);
    assert_eq!(service("81", "80").len(), 1);
}

#[test]
fn quantities_compare_by_value() {
    let declared = "resources: {limits: {cpu: 1, memory: 1024Mi}, requests: {cpu: 0.5, memory: 1e3}}";
    assert_eq!(
        containers(declared, "resources: {limits: {cpu: '1', memory: 1Gi}, requests: {cpu: 500m, memory: 1k}}"),
        NONE
    );
    assert_eq!(
        containers("resources: {limits: {cpu: 1}}", "resources: {limits: {cpu: 1001m}}"),
        [r#"Changed c.resources.limits.cpu 1 → "1001m""#]
    );
}

#[test]
fn requests_that_the_server_took_from_the_limits_are_not_drift() {
    assert_eq!(
        containers("resources: {limits: {cpu: 1}}", "resources: {limits: {cpu: '1'}, requests: {cpu: '1'}}"),
        NONE
    );
}

#[test]
fn an_int_or_string_takes_both_spellings() {
    let declared = "readinessProbe: {httpGet: {port: '80'}}";
    assert_eq!(containers(declared, "readinessProbe: {httpGet: {port: 80, scheme: HTTP}}"), NONE);
    assert_eq!(
        containers(declared, "readinessProbe: {httpGet: {port: http}}"),
        [r#"Changed c.readinessProbe.httpGet.port "80" → "http""#]
    );
}

#[test]
fn a_float_without_a_fraction_is_a_whole_number() {
    assert_eq!(deployments("spec: {replicas: 2.0}", "spec: {replicas: 2}"), NONE);
}

#[test]
fn text_is_not_a_number() {
    assert_eq!(
        containers("env: [{name: A, value: 8080}]", "env: [{name: A, value: '8080'}]"),
        [r#"Changed c.env[name=A].value 8080 → "8080""#]
    );
    assert_eq!(
        deployments("metadata: {labels: {v: 1}}", "metadata: {labels: {v: '1'}}"),
        [r#"Changed metadata.labels.v 1 → "1""#]
    );
}

#[test]
fn of_a_variable_given_twice_the_last_counts() {
    let declared = "env: [{name: A, value: one}, {name: B, value: b}, {name: A, value: two}]";
    assert_eq!(containers(declared, "env: [{name: A, value: two}, {name: B, value: b}]"), NONE);
    assert_eq!(containers(declared, "env: [{name: A, value: one}, {name: B, value: b}, {name: A, value: two}]"), NONE);
    assert_eq!(
        containers(declared, "env: [{name: B, value: b}, {name: A, value: one}]"),
        [r#"Changed c.env[name=A].value "two" → "one""#]
    );
    assert_eq!(
        containers("env: [{name: A, value: x}]", "env: [{name: A, value: x}, {name: A, value: z}]"),
        [r#"Changed c.env[name=A].value "x" → "z""#]
    );
}

#[test]
fn a_variable_that_now_comes_from_elsewhere_is_drift_both_ways() {
    let from = "valueFrom: {fieldRef: {fieldPath: metadata.name, apiVersion: v1}}";
    for (value, shown) in [("x", r#""x""#), ("''", r#""""#)] {
        let found = containers(&format!("env: [{{name: A, value: {value}}}]"), &format!("env: [{{name: A, {from}}}]"));
        assert_eq!(found, [format!("Missing c.env[name=A].value {shown} → -")]);
    }
    let declared = "env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]";
    assert_eq!(containers(declared, &format!("env: [{{name: A, {from}}}]")), NONE, "the server adds the version");
    assert_eq!(
        containers(declared, "env: [{name: A, value: x}]"),
        [r#"Missing c.env[name=A].valueFrom {"fieldRef":{"fieldPath":"metadata.name"}} → -"#]
    );
}

#[test]
fn ports_match_by_number_and_protocol() {
    let declared = "ports: [{containerPort: 53, name: tcp}, {containerPort: 53, protocol: UDP, name: udp}]";
    let live = "ports: [{containerPort: 53, protocol: UDP, name: udp}, {containerPort: 53, protocol: TCP, name: tcp}]";
    assert_eq!(containers(declared, live), NONE);
    assert_eq!(
        containers(declared, "ports: [{containerPort: 53, protocol: UDP, name: udp}]"),
        [r#"Missing c.ports[containerPort=53,protocol=TCP] {"containerPort":53,"name":"tcp"} → -"#]
    );
}

#[test]
fn containers_that_others_add_are_not_drift_and_those_that_go_are() {
    assert_eq!(pods("{containers: [{name: a}]}", "{containers: [{name: istio}, {name: a}]}"), NONE);
    assert_eq!(
        pods("{containers: [{name: a}, {name: b, image: i}]}", "{containers: [{name: a}]}"),
        [r#"Missing containers[name=b] {"image":"i","name":"b"} → -"#]
    );
}

#[test]
fn lists_without_keys_are_one_value_in_order() {
    assert_eq!(
        containers("{command: [a, b], args: [x]}".trim_matches(['{', '}']), "command: [b, a], args: [x, z]"),
        [r#"Changed c.command ["a","b"] → ["b","a"]"#, r#"Changed c.args ["x"] → ["x","z"]"#]
    );
    assert_eq!(
        pods("{tolerations: [{key: a}, {key: b}]}", "{tolerations: [{key: a, operator: Exists}, {key: c}]}"),
        [r#"Changed tolerations[1].key "b" → "c""#]
    );
    assert_eq!(pods("{tolerations: [{key: a}]}", "{tolerations: []}"), [r#"Changed tolerations [{"key":"a"}] → []"#]);
}

#[test]
fn a_key_added_to_a_mapping_that_is_replaced_whole_is_drift() {
    assert_eq!(
        pods("{nodeSelector: {a: b}}", "{nodeSelector: {a: b, c: d}}"),
        [r#"Changed nodeSelector {"a":"b"} → {"a":"b","c":"d"}"#]
    );
    assert_eq!(
        pods("{nodeSelector: {a: b}}", "{nodeSelector: {a: x, c: d}}"),
        [r#"Changed nodeSelector.a "b" → "x""#],
        "once, and where it is"
    );
}

#[test]
fn a_volume_of_another_kind_is_drift() {
    assert_eq!(
        pods("{volumes: [{name: v, emptyDir: {}}]}", "{volumes: [{name: v, hostPath: {path: /}}]}"),
        ["Missing volumes[name=v].emptyDir {} → -"]
    );
    assert_eq!(
        pods("{volumes: [{name: v, configMap: {name: c}}]}", "{volumes: [{name: v, secret: {secretName: c}}]}"),
        [r#"Missing volumes[name=v].configMap {"name":"c"} → -"#]
    );
}

#[test]
fn sets_match_in_any_order() {
    let mut schema = TypeSchema::default();
    schema.lists.insert("spec.modes".into(), crate::observe::ListType::Set);
    let body = serde_json::json!({"metadata": {"name": "x"}, "spec": {"modes": ["c", "a"]}});
    let live = live("example.com/v1", "Thing", body);
    let found = compare(&document("spec: {modes: [a, b]}"), &live, &schema, &DeliveryManagers::default());
    assert_eq!(lines(&found), [r#"Missing spec.modes[=b] "b" → -"#]);
}

#[test]
fn lists_and_scalars_below_free_keys_have_their_types() {
    let mut schema = TypeSchema::default();
    let keys = vec![("name".to_owned(), None)];
    schema.lists.insert("spec.zones{}.pools".into(), crate::observe::ListType::Map(keys));
    schema.scalars.insert("spec.zones{}.pools[].cpu".into(), crate::observe::ScalarType::Quantity);
    let body = serde_json::json!({"metadata": {"name": "x"}, "spec": {"zones": {"a.b": {"pools": [
        {"name": "other"}, {"name": "p", "cpu": "500m"},
    ]}}}});
    let live = live("example.com/v1", "Thing", body);
    let manifest = document("spec: {zones: {a.b: {pools: [{name: p, cpu: 0.5}]}}}");
    assert_eq!(compare(&manifest, &live, &schema, &DeliveryManagers::default()), []);
}

#[test]
fn string_data_is_compared_with_what_the_server_keeps_and_never_shown() {
    let secrets = |manifest: &str, body: &str| objects("v1", "Secret", manifest, body);
    let manifest = "{data: {b: eg==, a: b2xk}, stringData: {a: new}}";
    assert_eq!(secrets(manifest, "data: {a: bmV3, b: eg==}"), NONE);
    assert_eq!(secrets(manifest, "data: {a: b2xk, b: eHg=}"), ["Changed data.b - → -", "Changed stringData.a - → -"]);
    assert_eq!(secrets(manifest, "data: {b: eg==}"), ["Missing stringData.a - → -"]);
    assert_eq!(secrets(manifest, "type: Opaque"), NONE, "data was not read");
}

#[test]
fn a_key_given_twice_counts_once_and_a_value_of_another_shape_is_changed() {
    assert_eq!(deployments("spec: {replicas: 1, replicas: 2}", "spec: {replicas: 2}"), NONE);
    assert_eq!(
        deployments("spec: {strategy: {type: Recreate}}", "spec: {strategy: Recreate}"),
        [r#"Changed spec.strategy {"type":"Recreate"} → "Recreate""#]
    );
    assert_eq!(
        deployments("spec: {paused: true}", "spec: {paused: {a: b}}"),
        [r#"Changed spec.paused true → {"a":"b"}"#]
    );
}

#[test]
fn drift_points_into_the_manifest_and_survives_storage() {
    let found = recorded(WEB, SERVER_EDITED);
    let span = found[2].span.as_ref().expect("span");
    assert_eq!((span.line, span.column, &WEB[span.range()]), (11, 13, "2"));
    for drift in found {
        let text = serde_json::to_string(&drift).expect("json");
        assert_eq!(serde_json::from_str::<FieldDrift>(&text).expect("read"), drift);
    }
}

/// A certificate that an injector puts into a webhook is its own business; one that Git pins is Git's.
#[test]
fn quirk_ca_bundle_is_injected() {
    let webhooks = |fields: &str| format!("webhooks: [{{name: w, clientConfig: {{{fields}}}}}]");
    let compare = |declared: &str, live: &str| {
        let kind = "ValidatingWebhookConfiguration";
        objects("admissionregistration.k8s.io/v1", kind, &webhooks(declared), &webhooks(live))
    };
    for declared in ["service: {name: s}", "service: {name: s}, caBundle: \"\"", "service: {name: s}, caBundle: null"] {
        assert_eq!(compare(declared, "service: {name: s}, caBundle: QUJD"), NONE, "{declared}");
    }
    assert_eq!(
        compare("caBundle: Cg==", "caBundle: QUJD"),
        ["Changed webhooks[0].clientConfig.caBundle \"Cg==\" → \"QUJD\""]
    );
}

/// The job controller labels pods and selects them by a uid that no manifest can know.
#[test]
fn quirk_controller_uid_labels() {
    let manifest = "spec: {template: {metadata: {labels: {app: migrate}}}}";
    let labels = |app: &str| {
        format!(
            "spec: {{selector: {{matchLabels: {{batch.kubernetes.io/controller-uid: u}}}}, template: {{metadata: {{labels: \
             {{app: {app}, controller-uid: u, batch.kubernetes.io/controller-uid: u, job-name: x}}}}}}}}"
        )
    };
    assert_eq!(objects("batch/v1", "Job", manifest, &labels("migrate")), NONE);
    assert_eq!(
        objects("batch/v1", "Job", manifest, &labels("other")),
        ["Changed spec.template.metadata.labels.app \"migrate\" → \"other\""]
    );
}

/// What a dry run makes of suspects, as lines with what admission stores instead.
fn exactly(manifest: &str, live_body: &str, tried: &str) -> Vec<String> {
    let object = |body: &str| {
        let mut body = document(body).root.to_json();
        body["metadata"]["name"] = "x".into();
        live("apps/v1", "Deployment", body)
    };
    let (document, live, tried, schema) = (document(manifest), object(live_body), object(tried), deployment_schema());
    let suspected = compare(&document, &live, &schema, &DeliveryManagers::default());
    let found = exact(&document, Some(&live), &tried, &schema, suspected);
    let admitted = |drift: &FieldDrift| drift.admitted.as_ref().map_or(String::new(), |value| format!(" ⇒ {value}"));
    found.iter().map(|drift| format!("{}{}", line(drift), admitted(drift))).collect()
}

#[test]
fn a_dry_run_keeps_what_an_apply_would_change_and_says_what_admission_makes_of_it() {
    let spec = |replicas: u32, image: &str, more: &str| {
        format!(
            "spec: {{replicas: {replicas}, template: {{spec: {{containers: [{{name: c, image: {image}, args: [a]}}{more}]}}}}}}"
        )
    };
    let manifest = spec(2, "web:1", "");
    let image = "spec.template.spec.containers[name=c].image";
    // Nothing would change of the image, and a sidecar comes in.
    assert_eq!(
        exactly(&manifest, &spec(3, "mirror/web:1", ""), &spec(2, "mirror/web:1", ", {name: mesh, image: m}")),
        [
            "Changed spec.replicas 2 → 3",
            "Admission spec.template.spec.containers[name=mesh] - → - ⇒ {\"image\":\"m\",\"name\":\"mesh\"}"
        ]
    );
    // It changes, but not into what is declared; a value that is as declared now would not stay so.
    assert_eq!(
        exactly(&manifest, &spec(2, "old:1", ""), &spec(2, "mirror/web:1", "")),
        [format!("Changed {image} \"web:1\" → \"old:1\" ⇒ \"mirror/web:1\"")]
    );
    let scaled = exactly(&manifest, &spec(3, "web:1", ""), &spec(2, "mirror/web:1", ""));
    let admitted = format!("Admission {image} \"web:1\" → \"web:1\" ⇒ \"mirror/web:1\"");
    assert_eq!(scaled, ["Changed spec.replicas 2 → 3".to_owned(), admitted]);
    // Status, bookkeeping and what `kubectl` keeps for itself are not changes; a label is.
    let noise = |number: u32| {
        format!(
            "{}\nstatus: {{replicas: {number}}}\nmetadata: {{generation: {number}, annotations: \
             {{deployment.kubernetes.io/revision: \"{number}\"}}, labels: {{l: \"{number}\"}}}}",
            spec(2 + number, "web:1", "")
        )
    };
    assert_eq!(
        exactly(&manifest, &noise(1), &noise(0)),
        ["Changed spec.replicas 2 → 3", "Admission metadata.labels.l - → \"1\" ⇒ \"0\""]
    );
    assert_eq!(
        exactly(&manifest, &spec(3, "web:1", ""), &spec(3, "web:1", "")),
        NONE,
        "the server would change nothing"
    );
}

/// Seen on public manifests: what the server writes otherwise than it was told.
#[test]
fn what_the_server_says_otherwise_is_no_drift() {
    for (manifest, body) in [
        ("{serviceAccount: one, serviceAccountName: two}", "{serviceAccount: two, serviceAccountName: two}"),
        ("{serviceAccount: one, serviceAccountName: ''}", "{serviceAccount: one, serviceAccountName: one}"),
        ("{imagePullSecrets: [{name: ''}]}", "{imagePullSecrets: [{}]}"),
        ("{imagePullSecrets: [{name: }]}", "{imagePullSecrets: [{}]}"),
    ] {
        assert_eq!(pods(manifest, body), Vec::<String>::new(), "{manifest}");
    }
    for (manifest, body) in [
        ("resources: {requests: {cpu: 0.3333333333}}", "resources: {requests: {cpu: 334m}}"),
        ("resources: {requests: {cpu: 100.5m}}", "resources: {requests: {cpu: 101m}}"),
        ("resources: {limits: {cpu: 5u}}", "resources: {limits: {cpu: 1m}}"),
        ("readinessProbe: {httpGet: {path: '', port: 80}}", "readinessProbe: {httpGet: {path: /, port: 80}}"),
    ] {
        assert_eq!(containers(manifest, body), Vec::<String>::new(), "{manifest}");
    }
    // And what looks like it is.
    assert_eq!(pods("{serviceAccountName: two}", "{serviceAccountName: one}").len(), 1);
    assert_eq!(pods("{serviceAccount: two}", "{serviceAccount: one}").len(), 1);
    assert_eq!(containers("resources: {limits: {cpu: 100m}}", "resources: {limits: {cpu: 101m}}").len(), 1);
}

/// Applied by server-side apply, a key without a value is the applier's all the same.
#[test]
fn a_key_without_a_value_is_declared_by_who_applies_it() {
    let body = |owned: &str| {
        format!(
            "metadata: {{managedFields: [{{manager: kubectl, operation: Apply, apiVersion: apps/v1, fieldsType: FieldsV1, fieldsV1: {owned}}}]}}\n\
             spec: {{replicas: 1, paused: true}}\n"
        )
    };
    let owned = "{'f:spec': {'f:replicas': {}, 'f:paused': {}}}";
    assert_eq!(deployments("spec: {replicas: null, paused: true}", &body(owned)), Vec::<String>::new());
    assert_eq!(deployments("spec: {paused: true}", &body(owned)), ["PendingRemoval spec.replicas - → 1"]);
}

/// A count that the API server keeps for itself moves with every change of the template.
#[test]
fn the_api_servers_own_count_of_templates_is_no_drift() {
    let object = |image: &str, count: &str| {
        format!(
            "metadata: {{annotations: {{deprecated.daemonset.template.generation: '{count}'}}}}\nspec: {{template: {{spec: {{containers: [{{name: c, image: {image}}}]}}}}}}"
        )
    };
    let manifest = "spec: {template: {spec: {containers: [{name: c, image: a}]}}}";
    let found = exactly(manifest, &object("b", "2"), &object("a", "3"));
    assert_eq!(found, ["Changed spec.template.spec.containers[name=c].image \"a\" → \"b\""]);
}

/// Would miss: whoever wrote beside it last, named for a field that client-side apply never brought and nobody took away.
#[test]
fn what_was_never_applied_was_taken_away_by_nobody() {
    let writer = |applied: &str| {
        let body = serde_json::json!({
            "metadata": {"name": "x", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied}, "managedFields": [
                {"manager": "kubectl-client-side-apply", "operation": "Update", "apiVersion": "apps/v1", "time": "2026-11-21T10:00:00Z",
                    "fieldsV1": {"f:spec": {"f:paused": {}}}},
                {"manager": "kubectl-patch", "operation": "Update", "apiVersion": "apps/v1", "time": "2026-11-21T11:00:00Z",
                    "fieldsV1": {"f:spec": {"f:replicas": {}}}}]},
            "spec": {"paused": true, "replicas": 2}});
        let live = live("apps/v1", "Deployment", body);
        let manifest = document("spec: {paused: true, minReadySeconds: 5, replicas: 2}");
        let found = compare(&manifest, &live, &deployment_schema(), &DeliveryManagers::default());
        assert_eq!(lines(&found), ["Missing spec.minReadySeconds 5 → -"]);
        who(&found[0])
    };
    assert_eq!(writer(r#"{"spec": {"paused": true}}"#), "nobody");
    assert_eq!(writer(r#"{"spec": {"paused": true, "minReadySeconds": 5}}"#), "kubectl-patch Update?");
}

/// X8, X10, Would miss: init containers that run in another order than Git has them, and a variable that nothing fills in, as "is as Git declares"; and
/// drift that no apply settles, where a webhook puts its container before Git's or the order says nothing.
#[test]
fn x08_the_order_of_containers_and_of_variables_that_name_each_other_is_gits() {
    let inits = |names: &str| {
        let items: Vec<String> = names.split_whitespace().map(|name| format!("{{name: {name}}}")).collect();
        format!("{{containers: [{}]}}", items.join(", "))
    };
    let turned = |list: &str, live: &str, git: &str| vec![format!("Order {list} {git} → {live}")];
    for (git, live, found) in [
        ("a b c", "a b c", vec![]),
        ("a b", "b a", turned("containers", r#"["b","a"]"#, r#"["a","b"]"#)),
        ("a b c", "x c y a b z", turned("containers", r#"["c","a","b"]"#, r#"["a","b","c"]"#)),
        ("a b", "mesh a proxy b", vec![]),
        ("a", "b a", vec![]),
    ] {
        assert_eq!(pods(&inits(git), &inits(live)), found, "{git} | {live}");
    }
    let env = |items: &str| format!("env: [{items}]");
    let (host, port) = ("{name: HOST, value: h}", "{name: PORT, value: '1'}");
    let url = "{name: URL, value: 'http://$(HOST)/'}";
    for (git, live, is_turned) in [
        ([host, url, port].join(","), [url, host, port].join(","), true),
        ([url, host].join(","), [host, url].join(","), true),
        ([host, url, port].join(","), [port, host, url].join(","), false),
        ([host, port].join(","), [port, host].join(","), false),
    ] {
        let found = containers(&env(&git), &env(&live));
        assert_eq!(found.len(), usize::from(is_turned), "{git} | {live}: {found:?}");
        assert!(found.iter().all(|told| told.starts_with("Order c.env ")), "{found:?}");
    }
    // What a dry run shows in Git's order again is an apply's to bring; what it leaves is not.
    let object = |names: &str| {
        let mut body = document(&format!("spec: {{template: {{spec: {}}}}}", inits(names))).root.to_json();
        body["metadata"]["name"] = "x".into();
        live("apps/v1", "Deployment", body)
    };
    let manifest = document(&format!("spec: {{template: {{spec: {}}}}}", inits("a b")));
    let (has, schema) = (object("b a"), deployment_schema());
    let suspected = || compare(&manifest, &has, &schema, &DeliveryManagers::default());
    assert_eq!(exact(&manifest, Some(&has), &object("a b"), &schema, suspected()).len(), 1);
    assert_eq!(exact(&manifest, Some(&has), &object("b a"), &schema, suspected()).len(), 0);
}
