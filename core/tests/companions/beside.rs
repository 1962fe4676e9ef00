//! What somebody added beside Git, and what is told of it.

use super::*;

/// How the API server merges the lists and mappings of a Deployment that these tests touch.
fn pod_types() -> TypeSchema {
    let by_name = || ListType::Map(vec![("name".to_owned(), None)]);
    let lists = ["containers", "initContainers", "volumes", "containers[].env"];
    let lists = lists.map(|list| (format!("spec.template.spec.{list}"), by_name()));
    let atomic_maps = [
        "spec.template.spec.nodeSelector".into(),
        "spec.template.spec.containers[].env[].valueFrom.configMapKeyRef".into(),
    ];
    TypeSchema { lists: lists.into(), atomic_maps: atomic_maps.into(), ..TypeSchema::default() }
}

fn pending() -> FactValue {
    let body = json!({"metadata": {"name": "web-1", "uid": "1", "creationTimestamp": "2026-11-21T11:00:00Z",
        "labels": {"app": "web"}}, "spec": {"containers": [{"name": "web"}]}, "status": {"phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}});
    FactValue::Pods(Known::Known(vec![bpctl_core::observe::pod_from_json(&body).unwrap()]))
}

/// Would miss: a container and a node selector that a second manager applied, in no line of the plan; and "the controller brings it" of pods
/// that stay as they are for the node selector's sake, which no delivery takes away.
#[rstest]
#[case::applied("Apply", "ops, server-side apply")]
#[case::updated("Update", "ops")]
fn x10_what_a_second_manager_applied_beside_git_is_told(
    #[case] operation: &str,
    #[case] by: &str,
    #[values("web:1", "web:2")] image: &str,
) {
    let mut observation = observed(Known::Known(None), |live| {
        let pod = &mut live["spec"]["template"]["spec"];
        pod["nodeSelector"] = json!({"disk": "ssd"});
        pod["dnsPolicy"] = "ClusterFirst".into();
        pod["containers"][0]["image"] = image.into();
        pod["containers"][0]["env"].as_array_mut().unwrap().push(json!({"name": "X", "value": "1"}));
        pod["containers"].as_array_mut().unwrap().push(json!({"name": "proxy", "image": "proxy:1"}));
        live["spec"]["revisionHistoryLimit"] = 10.into();
        live["spec"]["template"]["metadata"]["annotations"] = json!({"ops/reload": "1"});
        let mut fields = json!({"f:template": {"f:metadata": {"f:annotations": {"f:ops/reload": {}}}, "f:spec": {
            "f:nodeSelector": {}, "f:containers": {
                "k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:image": {},
                    "f:env": {"k:{\"name\":\"X\"}": {".": {}, "f:name": {}, "f:value": {}}}},
                "k:{\"name\":\"proxy\"}": {".": {}, "f:name": {}, "f:image": {}}}}}});
        if operation == "Apply" {
            // A whole manifest: it names the selector, and makes its applier no maker of the object.
            fields["f:selector"] = json!({});
            // What kubectl takes over from a client-side apply: the server's defaults.
            fields["f:revisionHistoryLimit"] = json!({});
            fields["f:template"]["f:spec"]["f:dnsPolicy"] = json!({});
        }
        // Who delivers it: without one, who applies nearly all of it would be that.
        let delivered = json!({"f:metadata": {"f:labels": {"f:app": {}}}, "f:spec": {"f:selector": {}, "f:template": {
            "f:metadata": {"f:labels": {"f:app": {}}}}}});
        live["metadata"]["managedFields"] = json!([
            {"manager": "argocd-controller", "operation": "Apply", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
                "fieldsV1": delivered},
            {"manager": "ops", "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": fields}}]);
    });
    observation.add(
        FactKey::Schema("apps/v1".into(), "Deployment".into()),
        "t",
        FactValue::Schema(Known::Known(pod_types())),
    );
    observation.add(FactKey::Pods(web()), "t", pending());
    let part = plan_under("delivery: gitops", "}", &[], "", &observation).blueprints.remove(0);
    let beside = |why: &&WhyNot| why.because.contains("has what Git does not declare, and keeps it");
    let [why] = part.not_proposed.iter().filter(beside).collect::<Vec<_>>()[..] else { panic!("{part:#?}") };
    let fields: Vec<String> = why.fields.iter().map(|field| field.raw().replace("spec.template.", "")).collect();
    let paths = ["spec.containers[name=proxy]", "metadata.annotations", "spec.containers[name=web].env[name=X]"];
    for path in paths.into_iter().chain(["spec.nodeSelector"]) {
        assert!(
            fields.iter().any(|told| told.starts_with(path) && told.ends_with(&format!(" (by {by})"))),
            "{path}: {fields:?}"
        );
    }
    assert_eq!(fields.len(), 4, "{fields:?}");
    let [stuck] = part.findings.as_slice() else { panic!("{part:#?}") };
    let help: Vec<&str> = stuck.help.iter().map(Untrusted::raw).collect();
    assert!(stuck.code == "pod-unschedulable" && help.len() == 2, "{stuck:?}");
    let ahead = "its pod template is another one, and the controller brings it; what it has beside Git stays";
    assert_eq!(help[0].ends_with(ahead), image == "web:2", "{help:?}");
    let told = format!(
        "spec.template.spec.nodeSelector (by {by}); if it is that, take it out: kubectl -n shop edit deployment/web"
    );
    assert!(
        help[1].starts_with("they have what Git does not declare, and keep it: ") && help[1].ends_with(&told),
        "{help:?}"
    );
}

/// Would miss: "declare it, or take it out by hand" of the marks by which Helm knows what is its release's.
#[rstest]
#[case::of_helm("helm", 0)]
#[case::of_somebody("ops", 1)]
fn x10_helms_own_marks_are_nothing_beside_git(#[case] manager: &str, #[case] told: usize) {
    let mut service = live(80);
    let marks = json!({"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "shop"});
    service["metadata"]["annotations"] = marks;
    service["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by": "Helm"});
    service["metadata"]["managedFields"] = json!([{"manager": manager, "operation": "Update", "apiVersion": "v1",
        "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": {"f:annotations": {"f:meta.helm.sh/release-name": {},
            "f:meta.helm.sh/release-namespace": {}}, "f:labels": {"f:app.kubernetes.io/managed-by": {}}}}}]);
    let observation = observed(Known::Known(Some(service)), |_| {});
    let part = plan_under("delivery: gitops", "}", &[SERVICE], "", &observation).blueprints.remove(0);
    let beside = |why: &&WhyNot| why.because.contains("has what Git does not declare, and keeps it");
    assert_eq!(part.not_proposed.iter().filter(beside).count(), told, "{part:#?}");
}

/// X8, Would miss: "the controller brings it back" of a key in a Service's selector, where what the controller does is `kubectl apply`, which
/// takes away what it applied itself and nothing else: the Service selects nothing until somebody edits it.
#[rstest]
#[case::kubectl(("kubectl-client-side-apply", "Update"), Some(json!({"app": "web"})), "kubectl-patch", Some("spec.selector.v (by kubectl-patch) is"))]
#[case::kubectl_took_the_mapping_over(("kubectl-client-side-apply", "Update"), Some(json!({"app": "web"})), "kubectl-client-side-apply", Some("spec.selector.v is"))]
#[case::helm(("helm-controller", "Update"), None, "kubectl-patch", Some("spec.selector.v (by kubectl-patch) is"))]
#[case::git_dropped_it(("kubectl-client-side-apply", "Update"), Some(json!({"app": "web", "v": "2"})), "kubectl-client-side-apply", None)]
#[case::helm_brought_it(("helm-controller", "Update"), None, "helm-controller", None)]
#[case::by_server_side_apply(("argocd-controller", "Apply"), None, "kubectl-patch", None)]
#[case::of_late_by_server_side_apply(("kubectl-client-side-apply", "Update"), Some(json!({"app": "web"})), "kustomize-controller", None)]
fn x08_a_key_that_a_merge_keeps_is_no_work_for_the_controller(
    #[case] (manager, operation): (&str, &str),
    #[case] applied: Option<Json>,
    #[case] owner: &str,
    #[case] told: Option<&str>,
) {
    let look = |selector: Json| {
        let mut service = live(80);
        service["spec"]["selector"] = selector;
        let entry = |manager: &str, operation: &str, time: &str, fields: Json| {
            json!({"manager": manager, "operation": operation, "apiVersion": "v1", "time": time,
                "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": fields}})
        };
        let late = if owner.starts_with("kustomize") { "Apply" } else { "Update" };
        service["metadata"]["managedFields"] = json!([
            entry(manager, operation, "2026-11-21T10:00:00Z", json!({"f:ports": {}})),
            entry(owner, late, "2026-11-21T11:00:00Z", json!({"f:selector": {}}))
        ]);
        if let Some(applied) = &applied {
            let applied = json!({"spec": {"selector": applied}}).to_string();
            service["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": applied});
        }
        let mut observation = observed(Known::Known(Some(service)), |_| {});
        let types = TypeSchema { atomic_maps: ["spec.selector".into()].into(), ..TypeSchema::default() };
        observation.add(FactKey::Schema("v1".into(), "Service".into()), "t", FactValue::Schema(Known::Known(types)));
        observation
    };
    let plan = |delivery, selector| plan_under(delivery, "}", &[SERVICE], "", &look(selector)).blueprints.remove(0);
    let part = plan("delivery: gitops", json!({"app": "web", "v": "2"}));
    assert_eq!(part.items.is_empty(), told.is_some(), "{part:#?}");
    if let Some(told) = told {
        let [kept, stays] = part.findings.as_slice() else { panic!("{part:#?}") };
        let message = format!("Service/x: {told} in the cluster and not in Git, and no delivery takes it away");
        assert!(kept.code == "field-kept" && kept.needs_person && kept.message.raw().starts_with(&message), "{kept:?}");
        assert!(kept.help[0].raw().ends_with(": kubectl -n shop edit service/x"), "{kept:?}");
        assert!(stays.code == "drift-stays" && stays.fields[0].path.is_keys(&["spec", "selector"]), "{stays:?}");
    }
    // What Git declares otherwise is the controller's to bring, and bpctl's own apply replaces the mapping.
    for part in [
        plan("delivery: gitops", json!({"app": "x", "v": "2"})),
        plan("delivery: direct", json!({"app": "web", "v": "2"})),
    ] {
        assert!(part.items.len() == 1 && part.findings.is_empty(), "{part:#?}");
    }
    if applied.as_ref().is_some_and(|applied| applied.get("v").is_some()) {
        // Of a mapping that loses one key and keeps another, both are told.
        let part = plan("delivery: gitops", json!({"app": "web", "v": "2", "w": "3"}));
        assert!(part.items.len() == 1 && part.findings.len() == 1, "{part:#?}");
        assert!(part.findings[0].message.raw().contains("spec.selector.w is in the cluster"), "{part:#?}");
    }
}

/// Would miss: pods that stay without a node for the sake of a key of their node selector, under "the controller brings it".
#[test]
fn x10_a_kept_key_of_the_node_selector_is_told_where_pods_do_not_run() {
    let mut observation = observed(Known::Known(None), |live| {
        live["spec"]["template"]["spec"]["nodeSelector"] = json!({"os": "linux", "disk": "ssd"});
        live["spec"]["template"]["spec"]["containers"][0]["image"] = "web:2".into();
        let selector = json!({"spec": {"template": {"spec": {"nodeSelector": {"os": "linux"}}}}}).to_string();
        live["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": selector});
        let entry = |manager: &str, fields: Json| {
            json!({"manager": manager, "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": {"f:template": {"f:spec": fields}}}})
        };
        live["metadata"]["managedFields"] = json!([
            entry("kubectl-client-side-apply", json!({"f:restartPolicy": {}})),
            entry("kubectl-patch", json!({"f:nodeSelector": {}}))
        ]);
    });
    let key = FactKey::Schema("apps/v1".into(), "Deployment".into());
    observation.add(key, "t", FactValue::Schema(Known::Known(pod_types())));
    observation.add(FactKey::Pods(web()), "t", pending());
    let mut entries = world("}", &[]);
    entries[2].1 = entries[2].1.replacen("      volumes:", "      nodeSelector: {os: linux}\n      volumes:", 1);
    let part = planned("delivery: gitops", entries, &observation).blueprints.remove(0);
    let stuck = part.findings.iter().find(|found| found.code == "pod-unschedulable").unwrap();
    let help: Vec<&str> = stuck.help.iter().map(Untrusted::raw).collect();
    assert!(help[0].ends_with("the controller brings it; what it has beside Git stays"), "{help:?}");
    assert!(help[1].contains("spec.template.spec.nodeSelector.disk (by kubectl-patch); if it is that"), "{help:?}");
}

/// T6, Would miss: somebody's privileged container in every pod, told by nobody, since it was written in the name of who delivers, of one of
/// Kubernetes' controllers, or with `managedFields` taken away; and what the server itself fills in, told as somebody's.
#[rstest]
#[case::as_who_delivers(Some("argocd-controller"), "(in the name of argocd-controller)")]
#[case::as_kubectl(Some("kubectl-client-side-apply"), "(in the name of kubectl-client-side-apply)")]
#[case::as_a_controller(Some("kube-controller-manager"), "(in the name of kube-controller-manager)")]
#[case::as_an_autoscaler(Some("x-autoscaler"), "(in the name of x-autoscaler)")]
#[case::as_themselves(Some("kubectl-patch"), "(by kubectl-patch)")]
#[case::without_a_record(None, "(the cluster does not say by whom)")]
fn t06_what_runs_in_the_pods_is_told_whoever_says_to_have_written_it(
    #[case] manager: Option<&str>,
    #[case] by: &str,
    #[values("delivery: gitops", "delivery: direct")] delivery: &str,
) {
    let look = |edit: &dyn Fn(&mut Json)| {
        let mut observation = observed(Known::Known(Some(live(80))), |live| {
            let pod = &mut live["spec"]["template"]["spec"];
            // What the server fills in.
            pod["dnsPolicy"] = "ClusterFirst".into();
            pod["restartPolicy"] = "Always".into();
            pod["securityContext"] = json!({});
            pod["terminationGracePeriodSeconds"] = 30.into();
            pod["containers"][0]["terminationMessagePath"] = "/dev/termination-log".into();
            pod["containers"][0]["imagePullPolicy"] = "IfNotPresent".into();
            let spec = &mut live["spec"];
            spec["strategy"] =
                json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}});
            spec["progressDeadlineSeconds"] = 600.into();
            spec["revisionHistoryLimit"] = 10.into();
            spec["template"]["metadata"]["creationTimestamp"] = Json::Null;
            spec["template"]["metadata"]["annotations"] =
                json!({"kubectl.kubernetes.io/restartedAt": "2026-01-31T12:00:00Z"});
            edit(live);
        });
        let types = FactValue::Schema(Known::Known(pod_types()));
        observation.add(FactKey::Schema("apps/v1".into(), "Deployment".into()), "t", types);
        let part = plan_under(delivery, "}", &[SERVICE], "", &observation).blueprints.remove(0);
        let beside = |why: &WhyNot| why.because.contains("Deployment/web has what Git does not declare, and keeps it");
        let told = part.not_proposed.into_iter().filter(beside).flat_map(|why| why.fields);
        told.map(|field| field.raw().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(look(&|_| {}), Vec::<String>::new(), "as the server made it");
    let told = look(&|live| {
        let pod = &mut live["spec"]["template"]["spec"];
        pod["hostPID"] = true.into();
        pod["serviceAccountName"] = "admin".into();
        pod["serviceAccount"] = "admin".into();
        pod["volumes"].as_array_mut().unwrap().push(json!({"name": "h", "hostPath": {"path": "/", "type": ""}}));
        pod["containers"][0]["command"] = json!(["evil"]);
        pod["containers"][0]["securityContext"] = json!({"privileged": true});
        pod["containers"].as_array_mut().unwrap().push(json!({"name": "evil", "image": "evil.example/x:1"}));
        pod["containers"][0]["restartPolicy"] = "Always".into();
        // What no commit reaches the pods with, and what says how they are watched.
        live["spec"]["paused"] = true.into();
        live["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] = "100%".into();
        live["spec"]["template"]["metadata"]["annotations"]["sidecar.istio.io/inject"] = "false".into();
        let Some(manager) = manager else { return };
        live["metadata"]["managedFields"] = json!([{"manager": manager, "operation": "Update", "apiVersion": "apps/v1",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:hostPID": {}, "f:serviceAccountName": {},
                "f:serviceAccount": {}, "f:volumes": {".": {}, "k:{\"name\":\"h\"}": {".": {}, "f:name": {}, "f:hostPath": {"f:path": {}}}},
                "f:containers": {"k:{\"name\":\"web\"}": {"f:command": {}, "f:securityContext": {".": {}, "f:privileged": {}}},
                    "k:{\"name\":\"evil\"}": {".": {}, "f:name": {}, "f:image": {}}}}}}}}]);
    });
    let pod = |path: &str| format!("spec.template.spec.{path} {by}");
    for path in [
        "hostPID",
        "volumes[name=h]",
        "containers[name=web].securityContext",
        "containers[name=web].command",
        "containers[name=evil]",
    ] {
        let found =
            told.iter().any(|told| told.starts_with(&format!("spec.template.spec.{path}")) && told.ends_with(by));
        assert!(found, "{path}: {told:#?}");
    }
    for path in [
        "spec.paused (",
        "spec.strategy.rollingUpdate.maxUnavailable (",
        "spec.template.metadata.annotations[\"sidecar.istio.io/inject\"] (",
        "spec.template.spec.containers[name=web].restartPolicy (",
    ] {
        assert!(told.iter().any(|told| told.starts_with(path)), "{path}: {told:#?}");
    }
    assert!(!told.iter().any(|told| told.contains("restartedAt")), "{told:#?}");
    assert!(
        told.contains(&pod("serviceAccountName")) && told[0].contains("hostPID"),
        "what is about rights first: {told:#?}"
    );
}

/// X8, Would miss: "nothing to do" of a commit that takes replicas out of Git behind an autoscaler, as `lint` advises, and with which whoever
/// delivers it makes 1 of 5; and an alarm where nobody takes them away, since bpctl delivers, or an apply never brought them.
#[rstest]
#[case::kubectl("delivery: gitops", ("kubectl-client-side-apply", "Update"), true, Some("apply edit-last-applied deployment/web"))]
#[case::argo_cd_by_server_side_apply("delivery: gitops", ("argocd-controller", "Apply"), false, Some("--field-manager=handover-to-autoscaler"))]
#[case::never_applied("delivery: gitops", ("kubectl-client-side-apply", "Update"), false, None)]
#[case::bpctl_delivers("delivery: direct", ("kubectl-client-side-apply", "Update"), true, None)]
fn x08_replicas_that_git_drops_behind_an_autoscaler_are_told(
    #[case] delivery: &str,
    #[case] (manager, operation): (&str, &str),
    #[case] applied: bool,
    #[case] told: Option<&str>,
) {
    let scaler =
        manifest("autoscaling/v2", "HorizontalPodAutoscaler", "{scaleTargetRef: {kind: Deployment, name: web}}");
    let observation = |replicas: u32| {
        let mut observation = observed(Known::Known(None), |live| {
            live["metadata"]["managedFields"] = json!([{"manager": manager, "operation": operation, "apiVersion": "apps/v1",
                "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]);
            let last = json!({"spec": {"replicas": 2}}).to_string();
            if applied {
                let key = "kubectl.kubernetes.io/last-applied-configuration";
                live["metadata"]["annotations"] = json!({key: last});
            }
            live["spec"]["replicas"] = replicas.into();
        });
        observation.add(
            FactKey::Autoscaler(web()),
            "t",
            FactValue::Autoscaler(Known::Known(Some(Untrusted::new("x")))),
        );
        observation
    };
    let look = |replicas: u32, line: &str| {
        let mut entries = world("}", &[&scaler]);
        let web = entries.iter_mut().find(|(path, _)| path == "deploy/web.yaml").unwrap();
        web.1 = web.1.replace("  replicas: 2\n", line);
        let part = planned(delivery, entries, &observation(replicas)).blueprints.remove(0);
        part.findings.into_iter().find(|found| found.code == "replicas-reset")
    };
    let found = look(5, "");
    assert_eq!(found.is_some(), told.is_some(), "{found:?}");
    if let (Some(found), Some(told)) = (found, told) {
        assert!(found.needs_person && found.message.raw().contains("makes of 5 replicas its default, 1"), "{found:?}");
        assert!(found.help[0].raw().contains(told), "{found:?}");
    }
    assert_eq!(look(1, ""), None, "one is what it becomes");
    assert_eq!(look(5, "  replicas: 2\n"), None, "Git says them");
}

/// X8, Would miss: "remove it from the manifest" of replicas that Git means, where the change takes the autoscaler out, and the delivery sets
/// production from 7 to 3.
#[rstest]
#[case::declared(true, "delivery: gitops", "remove it from the manifest")]
#[case::taken_out(false, "delivery: gitops", "the next delivery by what delivers the object sets 2")]
#[case::bpctl_leaves_them(false, "delivery: direct", "remove it from the manifest")]
fn x08_git_without_the_autoscaler_says_what_its_number_will_do(
    #[case] declared: bool,
    #[case] delivery: &str,
    #[case] wanted: &str,
) {
    let scaler =
        manifest("autoscaling/v2", "HorizontalPodAutoscaler", "{scaleTargetRef: {kind: Deployment, name: web}}");
    let mut observation = observed(Known::Known(None), |live| live["spec"]["replicas"] = 7.into());
    observation.add(FactKey::Autoscaler(web()), "t", FactValue::Autoscaler(Known::Known(Some(Untrusted::new("x")))));
    let manifests: &[&str] = if declared { &[&scaler] } else { &[] };
    let part = plan_under(delivery, "}", manifests, "", &observation).blueprints.remove(0);
    let told: Vec<&str> =
        part.not_proposed.iter().filter(|why| why.what == "replicas").map(|why| why.because.as_str()).collect();
    assert!(told.len() == 1 && told[0].contains(wanted), "{told:#?}");
}

/// X8, Would miss: "allowed" of a change of strategy that bpctl's own apply cannot bring, since the server has put the parameters of a rolling
/// update there; "the API server refuses what Git declares, whoever applies it" of what `kubectl apply` brings at once; and "the controller brings
/// it" of a StatefulSet's, which nobody's apply brings.
#[rstest]
#[case::kubectl_brings_it("delivery: gitops", ("kubectl-client-side-apply", "Update"), "Deployment", false)]
#[case::argo_cd_by_server_side_apply("delivery: gitops", ("argocd-controller", "Apply"), "Deployment", true)]
#[case::bpctl("delivery: direct", ("bpctl", "Apply"), "Deployment", true)]
#[case::of_a_stateful_set("delivery: gitops", ("kubectl-client-side-apply", "Update"), "StatefulSet", true)]
fn x08_another_kind_of_roll_out_is_brought_by_nobody_or_by_a_merge(
    #[case] delivery: &str,
    #[case] (manager, operation): (&str, &str),
    #[case] kind: &str,
    #[case] refused: bool,
    #[values(false, true)] exact: bool,
) {
    let (key, other) = if kind == "Deployment" { ("strategy", "Recreate") } else { ("updateStrategy", "OnDelete") };
    let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%"}});
    let mut observation = observed(Known::Known(None), |_| {});
    let object = ObjectRef::workload(bpctl_core::model::WorkloadKind::of_kind(kind).unwrap(), "shop", "web");
    let mut body =
        bpctl_core::yaml::parse("web", WEB.as_bytes(), bpctl_core::yaml::Kind::Manifest).unwrap()[0].root.to_json();
    // By an update its maker owns the defaults too; of an apply nobody does.
    let owned = if operation == "Update" {
        json!({"f:replicas": {}, format!("f:{key}"): {"f:type": {}, "f:rollingUpdate": {"f:maxUnavailable": {}}}, "f:selector": {}})
    } else {
        json!({"f:replicas": {}})
    };
    body["metadata"] = json!({"name": "web", "namespace": "shop", "uid": "1", "managedFields": [{"manager": manager,
        "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": owned}}]});
    if operation == "Update" {
        let last = json!({"spec": {"replicas": 2}}).to_string();
        body["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": last});
    }
    body["spec"][key] = strategy;
    let live = LiveObject::from_json("apps/v1", kind, body).unwrap();
    observation.add(FactKey::Object(object.clone()), "t", FactValue::Object(Known::Known(Some(live))));
    observation.add(FactKey::Autoscaler(object.clone()), "t", FactValue::Autoscaler(Known::Known(None)));
    observation.add(FactKey::Schema("apps/v1".into(), kind.into()), "t", FactValue::Schema(Known::Known(pod_types())));
    if exact && delivery.contains("gitops") {
        let why = Known::unknown(UnknownCode::Refused, "spec.strategy.rollingUpdate: Forbidden");
        observation.add(FactKey::DryRun(object), "t", FactValue::DryRun(why));
    }
    let mut entries = world("}", &[]);
    for (_, text) in &mut entries {
        *text = text
            .replace("Deployment", kind)
            .replace("  replicas: 2\n", &format!("  replicas: 2\n  {key}: {{type: {other}}}\n"));
    }
    let part = planned(delivery, entries, &observation).blueprints.remove(0);
    let found: Vec<&Reported> = part.findings.iter().filter(|found| found.code == "apply-refused").collect();
    assert_eq!((found.len(), part.items.len()), (usize::from(refused), usize::from(!refused)), "{part:#?}");
    let patch = format!("-p '{{\"spec\":{{\"{key}\":{{\"type\":\"{other}\",\"rollingUpdate\":null}}}}}}'");
    assert!(found.iter().all(|found| found.help[0].raw().ends_with(&patch) && found.needs_person), "{found:#?}");
    let beside =
        part.not_proposed.iter().any(|why| why.fields.iter().any(|field| field.raw().contains("rollingUpdate")));
    assert!(!beside || refused, "the delivery takes it away: {part:#?}");
}

/// Would miss: "Kubernetes keeps no writer of a scale to 0" of another number, which nobody scaled to 0.
#[rstest]
#[case(0, "who wrote it is not known: Kubernetes keeps no writer of a scale to 0")]
#[case(1, "who wrote it is not known: nobody owns it, as where an apply left it out")]
#[case(3, "who wrote it is not known · declared")]
fn x08_replicas_that_nobody_wrote_are_told_by_their_number(#[case] replicas: u32, #[case] wanted: &str) {
    let observation = observed(Known::Known(None), |live| {
        live["metadata"]["managedFields"] = json!([{"manager": "team-x", "operation": "Apply", "apiVersion": "apps/v1",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:selector": {}}}}]);
        live["spec"]["replicas"] = replicas.into();
    });
    let text = render::text::plan(&plan_under("delivery: gitops", "}", &[], "", &observation), None);
    assert!(text.contains(wanted), "{text}");
}

/// X8, R6, Would miss: "the controller brings it back" of an object that its controller leaves alone, since a mark in Git or in the cluster says so;
/// whoever wrote the drift may have set it there.
#[rstest]
#[case::none("", json!({}), None)]
#[case::disabled_in_the_cluster(
    "",
    json!({"kustomize.toolkit.fluxcd.io/reconcile": "Disabled"}),
    Some("Flux leaves it alone (kustomize.toolkit.fluxcd.io/reconcile: disabled in the cluster, not in Git): \
          kubectl -n shop annotate deployment/web kustomize.toolkit.fluxcd.io/reconcile-")
)]
#[case::ignored_in_the_cluster("", json!({"kustomize.toolkit.fluxcd.io/ssa": "Ignore"}), Some("web kustomize.toolkit.fluxcd.io/ssa-"))]
#[case::made_once_counts_in_git_alone("", json!({"kustomize.toolkit.fluxcd.io/ssa": "IfNotPresent"}), None)]
#[case::enabled("", json!({"kustomize.toolkit.fluxcd.io/reconcile": "enabled"}), None)]
#[case::disabled_in_git(
    "kustomize.toolkit.fluxcd.io/reconcile: disabled",
    json!({}),
    Some("in deploy/web.yaml): a person brings it, or takes that out of the manifest: \
          kubectl -n shop apply --server-side --force-conflicts -f deploy/web.yaml")
)]
#[case::made_once("kustomize.toolkit.fluxcd.io/ssa: IfNotPresent", json!({}), Some("makes it once, and changes it no more"))]
#[case::skipped("argocd.argoproj.io/hook: Skip", json!({}), Some("Argo CD leaves it alone (argocd.argoproj.io/hook: Skip in "))]
#[case::a_hook("argocd.argoproj.io/hook: PostSync", json!({}), None)]
fn x08_what_its_controller_leaves_alone_is_for_a_person(
    #[case] git: &str,
    #[case] cluster: Json,
    #[case] told: Option<&str>,
) {
    let mut entries = world("}", &[]);
    if !git.is_empty() {
        entries[2].1 = entries[2]
            .1
            .replace("{name: web}\nspec:\n  rep", &format!("{{name: web, annotations: {{{git}}}}}\nspec:\n  rep"));
        assert!(entries[2].1.contains(git), "{}", entries[2].1);
    }
    let observation = observed(Known::Known(None), |live| {
        live["spec"]["replicas"] = 7.into();
        live["metadata"]["annotations"] = cluster;
    });
    let plan = planned("delivery: gitops", entries.clone(), &observation);
    let [item] = plan.blueprints[0].items.as_slice() else { panic!("{plan:#?}") };
    assert_eq!(plan.waits_for_sync(item), told.is_some(), "{item:#?}");
    let text = render::text::plan(&plan, None);
    assert_eq!(text.contains("the controller brings it back"), told.is_none(), "{text}");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let told = told.map(|told| told.split_whitespace().collect::<Vec<_>>().join(" "));
    assert!(told.is_none_or(|told| text.contains(&told)), "{text}");
    // bpctl's own delivery heeds no other controller's marks.
    let direct = planned("delivery: direct", entries, &observation);
    assert!(direct.blueprints[0].items.iter().all(|item| item.sync.is_none()), "{direct:#?}");
}

/// X8, Would miss: a drift for ever, of an Application's object that bears a mark of Flux's.
#[test]
fn x08_fluxs_marks_say_nothing_to_argo_cd() {
    use bpctl_core::rendering::LeftAlone;
    let of = |mark: &str, by_application: bool| {
        let text = format!("metadata: {{annotations: {{{mark}}}}}");
        let all = bpctl_core::yaml::parse("x", text.as_bytes(), bpctl_core::yaml::Kind::Manifest).unwrap();
        LeftAlone::of(&all[0].root, None, by_application)
    };
    let flux = "kustomize.toolkit.fluxcd.io/reconcile: disabled";
    assert_eq!((of(flux, true), of(flux, false)), (None, Some((LeftAlone::FluxDisabled, true))));
    // What is not there yet Flux makes.
    assert_eq!(of("kustomize.toolkit.fluxcd.io/ssa: IfNotPresent", false), None);
    assert_eq!(of("argocd.argoproj.io/hook: Skip", true), Some((LeftAlone::ArgoSkip, true)));
}

/// X8, Would miss: "the controller brings it back" of an address that no delivery takes away, and a green plan ever after: the Service stays headless.
#[rstest]
#[case::git_dropped_it("clusterIP: None, ", "", Some("None"), true)]
#[case::long_ago("", "", Some("None"), true)]
#[case::an_empty_one("", "clusterIP: '', ", Some("None"), true)]
#[case::git_says_so("clusterIP: None, ", "clusterIP: None, ", Some("None"), false)]
#[case::an_address_is_as_good_as_another("clusterIP: 10.0.0.1, ", "", Some("10.0.0.1"), false)]
#[case::a_name("", "type: ExternalName, externalName: x.y, ", Some("None"), false)]
fn x08_a_service_that_git_stops_to_make_headless_is_for_a_person(
    #[case] applied: &str,
    #[case] git: &str,
    #[case] address: Option<&str>,
    #[case] told: bool,
    #[values("delivery: gitops", "delivery: direct")] delivery: &str,
) {
    let with = |extra: &str| SERVICE.replace("{selector", &format!("{{{extra}selector"));
    let mut service = live(80);
    service["spec"]["clusterIP"] = address.into();
    service["spec"]["clusterIPs"] = json!([address]);
    let last = bpctl_core::yaml::parse("x", with(applied).as_bytes(), bpctl_core::yaml::Kind::Manifest).unwrap();
    let last = last[0].root.to_json().to_string();
    service["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": last});
    let observation = observed(Known::Known(Some(service)), |_| {});
    let plan = plan_under(delivery, "}", &[&with(git)], "", &observation);
    let part = &plan.blueprints[0];
    assert!(git.contains("type") || part.items.is_empty(), "{part:#?}");
    let found: Vec<&Reported> = part.findings.iter().filter(|found| found.message.raw().contains("headless")).collect();
    assert_eq!(found.len(), usize::from(told), "{part:#?}");
    for reported in found {
        assert!(
            reported.needs_person && reported.help[0].raw().ends_with("kubectl -n shop delete service/x"),
            "{reported:?}"
        );
    }
}
