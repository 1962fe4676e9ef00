//! What of companions bpctl does not bring back, and how a plan says it.

use super::*;

/// Would miss: a `reconcile … allowed` that no apply ever settles, of a field that Git dropped and others than bpctl own.
#[rstest]
#[case::alone(&[("bpctl", "Apply")], Some("allowed"), "")]
#[case::beside_kubectl(&[("bpctl", "Apply"), ("kubectl-client-side-apply", "Update")], None, "of kubectl-client-side-apply: bpctl's apply does not take it away")]
#[case::beside_another_applier(&[("bpctl", "Apply"), ("argocd-controller", "Apply")], None, "of argocd-controller: bpctl's")]
fn b11_what_git_dropped_and_others_own_is_for_a_person(
    #[case] owners: &[(&str, &str)],
    #[case] item: Option<&str>,
    #[case] told: &str,
) {
    let dropped = |live: &mut Json| {
        let entry = |(manager, operation): &(&str, &str)| {
            json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": {"f:minReadySeconds": {}}}})
        };
        live["metadata"]["managedFields"] = owners.iter().map(entry).collect();
        live["spec"]["minReadySeconds"] = 9.into();
    };
    let plan = plan_at("}", &[], "", &observed(Known::Known(None), dropped));
    let part = &plan.blueprints[0];
    let tiers: Vec<String> = part.items.iter().map(|item| item.verdict.tier.to_string()).collect();
    assert_eq!(tiers, item.into_iter().collect::<Vec<_>>());
    let found: Vec<_> = part.findings.iter().filter(|reported| reported.code == "field-kept").collect();
    assert_eq!(found.len(), usize::from(item.is_none()), "{part:#?}");
    for reported in found {
        assert!(reported.needs_person && reported.message.raw().contains(told), "{reported:?}");
        assert!(reported.message.raw().starts_with("Deployment/web: spec.minReadySeconds is no longer in Git"));
        assert_eq!(reported.help[0].raw(), "take it out by hand: kubectl -n shop edit deployment/web");
        let hand_over = "-n shop apply --server-side --field-manager=bpctl --force-conflicts -f deploy/web.yaml";
        assert_eq!(reported.help.get(1).is_some_and(|help| help.raw().ends_with(hand_over)), told.contains("kubectl-"));
    }
}

/// R6, Would miss: a manifest that no Kubernetes takes, shown as drift that is allowed.
#[rstest]
#[case::of_another_type("replicas: 2", "replicas: \"two\"", "spec.replicas must be a whole number")]
#[case::misspelt(
    "image: web:1",
    "imagee: web:2",
    "Kubernetes knows no field spec.template.spec.containers[name=web].imagee"
)]
#[case::half_a_replica("replicas: 2", "replicas: 2.5", "must be a whole number, this is 2.5")]
// Would miss: half a workload, as a bad merge leaves it, that is called what Git declares, or brought "back" to the cluster.
#[case::no_selector("  selector: {matchLabels: {app: web}}\n", "", "spec has no selector")]
#[case::of_another_label("matchLabels: {app: web}", "matchLabels: {app: wbe}", "does not select its own pods")]
#[case::of_no_label(
    "matchLabels: {app: web}",
    "matchExpressions: [{key: app, operator: NotIn, values: [web]}]",
    "does not select its own pods"
)]
#[case::that_selects_nothing("selector: {matchLabels: {app: web}}", "selector: {}", "spec has no selector")]
#[case::no_image("          image: web:1\n", "", "containers[name=web] has no image")]
#[case::no_name("- name: web\n          image", "- image", "spec.template.spec.containers[0] has no name")]
#[case::an_init_container_without_image(
    "name: init, image: i,",
    "name: init,",
    "initContainers[name=init] has no image"
)]
#[case::no_containers(
    "containers:\n        - name: web\n          image: web:1\n          env: [{name: A, valueFrom: {configMapKeyRef: {name: one, key: a}}}]\n",
    "containers:\n",
    "spec.template.spec has no containers"
)]
#[case::a_port_in_capitals(
    "image: web:1",
    "image: web:1\n          ports: [{containerPort: 80, name: HTTP}]",
    "is no name of a port"
)]
#[case::no_quantity("image: i,", "image: i, resources: {requests: {cpu: 100mm}},", "requests.cpu is no quantity")]
fn r6_what_no_kubernetes_takes_says_nothing_of_what_git_wants(
    #[case] from: &str,
    #[case] to: &str,
    #[case] told: &str,
) {
    let mut entries = world("}\n  scaling: {min_replicas: 1, max_replicas: 9}", &[]);
    let (path, manifest) = entries.iter_mut().find(|(path, _)| path == "deploy/web.yaml").unwrap();
    let path = path.clone();
    assert!(manifest.contains(from), "{manifest}");
    *manifest = manifest.replacen(from, to, 1);
    let observation = observed(Known::Known(None), |live| live["spec"]["replicas"] = 5.into());
    let plan = planned("delivery: direct", entries, &observation);
    let part = &plan.blueprints[0];
    assert_eq!(part.items, []);
    assert_eq!(part.not_proposed, []);
    let [unknown] = unseen(part)[..] else { panic!("{part:#?}") };
    assert!(unknown.uncompared && unknown.why.message.starts_with(&format!("{path}:")), "{unknown:?}");
    assert!(unknown.why.detail.as_ref().unwrap().raw().contains(told), "{unknown:?}");
}

/// Would miss: a port that bpctl adds beside the old one again and again, until the breaker opens.
#[rstest]
#[case::others_own_the_old_one("{port: 80}", json!([{"port": 81, "protocol": "TCP"}]), "kubectl-patch", Some("port 81, Git says 80"))]
#[case::of_one_name("{port: 80, name: a}", json!([{"port": 81, "protocol": "TCP", "name": "a"}]), "kubectl-patch", Some("port 81"))]
#[case::of_two_names("{port: 80, name: a}", json!([{"port": 81, "protocol": "TCP", "name": "b"}]), "kubectl-patch", None)]
#[case::bpctl_owns_the_old_one("{port: 80}", json!([{"port": 81, "protocol": "TCP"}]), "bpctl", None)]
#[case::a_controller_owns_it("{port: 80}", json!([{"port": 81, "protocol": "TCP"}]), "argocd-controller", Some("port 81"))]
#[case::another_target("{port: 80, targetPort: 8080}", json!([{"port": 80, "protocol": "TCP", "targetPort": 9}]), "kubectl-patch", None)]
fn b11_a_port_that_no_apply_brings_back_is_for_a_person(
    #[case] declared: &str,
    #[case] ports: Json,
    #[case] owner: &str,
    #[case] told: Option<&str>,
) {
    let key = json!({"port": ports[0]["port"], "protocol": "TCP"}).to_string();
    let operation = if owner == "bpctl" { "Apply" } else { "Update" };
    let mut service = live(80);
    service["spec"]["ports"] = ports;
    service["metadata"]["managedFields"] = json!([{"manager": owner, "operation": operation, "apiVersion": "v1",
        "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:ports": {format!("k:{key}"): {".": {}, "f:port": {}}}}}}]);
    let mut observation = observed(Known::Known(Some(service)), |_| {});
    let keys = vec![("port".to_owned(), None), ("protocol".to_owned(), Some("TCP".to_owned()))];
    let types = TypeSchema { lists: [("spec.ports".into(), ListType::Map(keys))].into(), ..TypeSchema::default() };
    observation.add(FactKey::Schema("v1".into(), "Service".into()), "t", FactValue::Schema(Known::Known(types)));
    let (service, gitops) = (SERVICE.replace("{port: 80}", declared), "delivery: gitops");
    for delivery in ["delivery: direct", gitops] {
        let plan = plan_under(delivery, "}", &[&service], "", &observation);
        // Another manager's port is bpctl's apply's to leave, and that manager's own to move.
        let told = told.filter(|_| delivery != gitops || owner != "argocd-controller");
        let part = &plan.blueprints[0];
        assert_eq!(part.items.is_empty(), told.is_some(), "{part:#?}");
        let found: Vec<&str> = part.findings.iter().map(|reported| reported.message.raw()).collect();
        assert!(told.is_none_or(|told| found.len() == 1 && found[0].contains(told)), "{found:?}");
        assert_eq!(found.is_empty(), told.is_none(), "{found:?}");
    }
}

/// Would miss: "the controller brings it back" of what the API server takes from no controller.
#[rstest]
#[case::another_cluster_ip("v1", "Service", "{clusterIP: None}", json!({"clusterIP": "10.0.0.1"}), Some("Git changes spec.clusterIP"))]
#[case::a_cluster_ip_where_none_was("v1", "Service", "{clusterIP: 10.0.0.9, ports: [{port: 80}]}", json!({"type": "ExternalName", "ports": [{"port": 80}]}), None)]
#[case::a_selector("apps/v1", "Deployment", "{}", json!({"selector": {"matchLabels": {"a": "c"}}}), Some("Git changes spec.selector.matchLabels.a"))]
#[case::a_stateful_sets_service("apps/v1", "StatefulSet", "{serviceName: b, replicas: 2, }", json!({"serviceName": "a", "replicas": 1}), Some("Git changes spec.serviceName, which Kubernetes never changes in place: the API server refuses the object, whoever applies it; what else"))]
#[case::its_claims("apps/v1", "StatefulSet", "{volumeClaimTemplates: [{metadata: {name: b}}], }", json!({"volumeClaimTemplates": [{"metadata": {"name": "a"}}]}), Some("Git changes spec.volumeClaimTemplates"))]
#[case::its_replicas("apps/v1", "StatefulSet", "{replicas: 2, }", json!({"replicas": 1}), None)]
fn x08_what_no_apply_can_change_is_for_a_person(
    #[case] api_version: &str,
    #[case] kind: &str,
    #[case] declared: &str,
    #[case] mut has: Json,
    #[case] told: Option<&str>,
    #[values("delivery: direct", "delivery: gitops")] delivery: &str,
) {
    let parts =
        ObjectParts { api_version: api_version.into(), kind: kind.into(), namespace: "shop".into(), name: "x".into() };
    let object = ObjectRef::from(parts);
    let mut observation = observed(Known::Known(None), |_| {});
    let mut declared = declared.to_owned();
    if kind != "Service" {
        let rest = "selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: x, image: x}]}}}";
        declared = format!("{{{}{rest}", &declared[1..].strip_suffix('}').unwrap_or_default());
        has["template"] =
            json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "x", "image": "x"}]}});
        if has["selector"].is_null() {
            has["selector"] = json!({"matchLabels": {"a": "b"}});
        }
    }
    let body = json!({"metadata": {"name": "x", "namespace": "shop", "uid": "2"}, "spec": has});
    let live = LiveObject::from_json(api_version, kind, body);
    observation.add(FactKey::Autoscaler(object.clone()), "t", FactValue::Autoscaler(Known::Known(None)));
    observation.add(FactKey::Object(object), "t", FactValue::Object(Known::Known(live)));
    let types = FactValue::Schema(Known::Known(TypeSchema::default()));
    observation.add(FactKey::Schema(api_version.into(), kind.into()), "t", types);
    let mut entries = world(", companions: [Service/x]}", &[&manifest(api_version, kind, &declared)]);
    if kind != "Service" {
        entries[1].1 = blueprint("web", &format!("{kind}/x"), "}");
    }
    let plan = planned(delivery, entries, &observation);
    let part = &plan.blueprints[0];
    // bpctl's own delivery tries it, and tells what came of it.
    let told = told.filter(|_| delivery == "delivery: gitops");
    assert_eq!(part.items.len(), usize::from(told.is_none()), "{part:#?}");
    // Would miss: replicas that somebody changed beside it, which a plan tells no more.
    let (waits, found): (Vec<&Reported>, Vec<&Reported>) =
        part.findings.iter().partition(|reported| reported.code == "drift-stays");
    let rest = told.is_some_and(|told| told.ends_with("; what else"));
    assert_eq!(waits.len(), usize::from(rest), "{part:#?}");
    for waits in waits {
        assert!(waits.message.raw().ends_with("is not brought back: apply-refused is settled first"), "{waits:?}");
        let [field] = waits.help.as_slice() else { panic!("{waits:?}") };
        assert!(field.raw().starts_with("spec.replicas: 1 in the cluster, Git says 2; "), "{waits:?}");
        assert!(field.raw().contains("deploy/x0.yaml:4:"), "{waits:?}");
        // Would miss: a reader of the plan's JSON that has to take the sentence apart.
        let [field] = waits.fields.as_slice() else { panic!("{waits:?}") };
        let (told, place) = (json!([field.path.to_string(), field.live, field.declared]), field.span.as_ref());
        assert_eq!(told, json!(["spec.replicas", 1, 2]), "{waits:?}");
        assert!(place.is_some_and(|span| (span.file.as_str(), span.line) == ("deploy/x0.yaml", 4)), "{waits:?}");
    }
    let messages: Vec<&str> = found.iter().map(|reported| reported.message.raw()).collect();
    assert_eq!(messages.len(), usize::from(told.is_some()), "{messages:?}");
    assert!(told.is_none_or(|told| messages[0].contains(told)), "{messages:?}");
    assert!(found.iter().all(|reported| reported.needs_person && reported.code == "apply-refused"));
}

/// Would miss: a database without a member for ever, by the command that is told: pods that the new selector does not look for are adopted by
/// nobody, and hold the names of those that it would make; volume claims that go with it, of which nobody is warned; and a claim that is deleted
/// for another access mode.
#[rstest]
#[case::another_selector("StatefulSet", "apps/v1", json!({"selector": {"matchLabels": {"app": "db"}}}), "its pods go with it, its volume claims stay", "delete statefulset/web")]
#[case::whose_claims_go("StatefulSet", "apps/v1", json!({"selector": {"matchLabels": {"app": "db"}}, "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"}}), "its volume claims with all their data", "delete statefulset/web")]
#[case::another_service("StatefulSet", "apps/v1", json!({"serviceName": "a"}), "its pods and volume claims stay", "delete statefulset/web --cascade=orphan")]
#[case::a_claim("PersistentVolumeClaim", "v1", json!({"accessModes": ["ReadWriteOnce"]}), "declare a claim of another name", "deleting this one deletes them")]
fn x08_what_never_changes_in_place_is_made_anew_as_it_survives(
    #[case] kind: &str,
    #[case] version: &str,
    #[case] has: Json,
    #[case] what: &str,
    #[case] ends: &str,
) {
    let mut observation = observed(Known::Known(None), |_| {});
    let stateful = kind == "StatefulSet";
    let name = if stateful { "web" } else { "x" };
    let mut spec = json!({});
    let mut entries = if stateful {
        let mut entries = world("}", &[]);
        spec = bpctl_core::yaml::parse("web", entries[2].1.as_bytes(), bpctl_core::yaml::Kind::Manifest).unwrap()[0]
            .root
            .to_json()["spec"]
            .clone();
        entries[1].1 = entries[1].1.replace("Deployment", "StatefulSet");
        entries[2].1 = entries[2].1.replace("Deployment", "StatefulSet");
        entries[2].1 = entries[2].1.replacen("\nspec:\n", "\nspec:\n  serviceName: b\n", 1);
        spec["serviceName"] = "b".into();
        entries
    } else {
        let claim = manifest(version, kind, "{accessModes: [ReadWriteMany]}");
        world(&format!(", companions: [{kind}/x]}}"), &[&claim])
    };
    entries[0].1 = entries[0].1.replace("delivery: direct", "delivery: gitops");
    spec.as_object_mut().unwrap().extend(has.as_object().unwrap().clone());
    let parts =
        ObjectParts { api_version: version.into(), kind: kind.into(), namespace: "shop".into(), name: name.into() };
    let body = json!({"metadata": {"name": name, "namespace": "shop", "uid": "2"}, "spec": spec});
    let live = LiveObject::from_json(version, kind, body);
    observation.add(FactKey::Object(ObjectRef::from(parts)), "t", FactValue::Object(Known::Known(live)));
    let types = FactValue::Schema(Known::Known(TypeSchema::default()));
    observation.add(FactKey::Schema(version.into(), kind.into()), "t", types);
    let plan = planned("delivery: gitops", entries, &observation);
    let part = &plan.blueprints[0];
    let found: Vec<&Reported> = part.findings.iter().filter(|found| found.code == "apply-refused").collect();
    let [found] = found.as_slice() else { panic!("{part:#?}") };
    let help = found.help[0].raw();
    assert!(help.contains(what) && help.ends_with(ends), "{help}");
}

/// Would miss: a disruption budget that a controller is said to bring back, though the API server refuses it beside what somebody wrote.
#[rstest]
#[case::of_another("kubectl-patch", "Update", true)]
#[case::of_the_deliveries("argocd-controller", "Apply", false)]
fn x08_a_field_that_excludes_gits_own_is_named_with_who_keeps_it(
    #[case] manager: &str,
    #[case] operation: &str,
    #[case] refused: bool,
    #[values(false, true)] exact: bool,
) {
    let parts = ObjectParts {
        api_version: "policy/v1".into(),
        kind: "PodDisruptionBudget".into(),
        namespace: "shop".into(),
        name: "x".into(),
    };
    let object = ObjectRef::from(parts);
    let mut observation = observed(Known::Known(None), |_| {});
    let body = json!({"metadata": {"name": "x", "namespace": "shop", "uid": "2", "managedFields": [{"manager": manager,
        "operation": operation, "apiVersion": "policy/v1", "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:maxUnavailable": {}}}}]},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}}});
    let live = LiveObject::from_json("policy/v1", "PodDisruptionBudget", body);
    observation.add(FactKey::Object(object.clone()), "t", FactValue::Object(Known::Known(live)));
    let types = FactValue::Schema(Known::Known(TypeSchema::default()));
    observation.add(FactKey::Schema("policy/v1".into(), "PodDisruptionBudget".into()), "t", types);
    if exact && refused {
        let why = Known::unknown(UnknownCode::Refused, "minAvailable and maxUnavailable cannot be both set");
        observation.add(FactKey::DryRun(object), "t", FactValue::DryRun(why));
    }
    let budget = manifest("policy/v1", "PodDisruptionBudget", "{minAvailable: 1, selector: {matchLabels: {app: web}}}");
    let plan = plan_under("delivery: gitops", "}", &[&budget], "", &observation);
    let part = &plan.blueprints[0];
    let found: Vec<&Reported> = part.findings.iter().filter(|found| found.code == "apply-refused").collect();
    assert_eq!((found.len(), part.items.len()), (usize::from(refused), usize::from(!refused)), "{part:#?}");
    if let [found] = found.as_slice() {
        let message = found.message.raw();
        assert!(
            message
                .contains("Git declares spec.minAvailable, and the cluster has spec.maxUnavailable (by kubectl-patch)"),
            "{message}"
        );
        assert!(found.help[0].raw().contains("kubectl -n shop edit poddisruptionbudget/x"), "{found:?}");
    }
}

/// Under `gitops` what a dry run is refused for is for a person; bpctl's own delivery tries it, and tells what came of it.
#[rstest]
#[case::gitops(
    "delivery: gitops",
    true,
    "spec.ports[0].name: Required value",
    "the API server refuses what Git declares, whoever applies it: spec.ports[0].name: Required value"
)]
#[case::no_namespace(
    "delivery: gitops",
    true,
    "namespaces \"shop\" not found",
    "its namespace shop does not exist, and the API server takes it nowhere else"
)]
#[case::direct("delivery: direct", false, "spec.ports[0].name: Required value", "")]
fn x08_what_the_api_server_refuses_no_controller_brings(
    #[case] delivery: &str,
    #[case] person: bool,
    #[case] said: &str,
    #[case] told: &str,
) {
    let mut observation = observed(Known::Known(Some(live(81))), |_| {});
    let why = Known::unknown(UnknownCode::Refused, said);
    observation.add(FactKey::DryRun(service()), "t", FactValue::DryRun(why));
    let part = &plan_under(delivery, "}", &[SERVICE], "", &observation).blueprints[0];
    assert_eq!(part.items.is_empty(), person, "{part:#?}");
    let told = format!("Service/x: {told}");
    let found: Vec<(&str, &str)> = part.findings.iter().map(|one| (one.code.as_str(), one.message.raw())).collect();
    // What differs is told beside it.
    let stays = "Service/x differs from Git, and is not brought back: apply-refused is settled first";
    let wanted = vec![("apply-refused", told.as_str()), ("drift-stays", stays)];
    assert_eq!(found, if person { wanted } else { Vec::new() });
}

/// Would miss: "the controller brings it back" of a variable, a probe or a volume whose other kind somebody wrote and every apply keeps; and
/// one that goes with the controller's own apply, told as refused.
#[rstest]
#[case::a_value("kubectl-edit", "Update", "/spec/template/spec/containers/0/env/0", "valueFrom", json!({"value": "x"}), Some("containers[name=web].env[name=A].valueFrom, and the cluster has spec.template.spec.containers[name=web].env[name=A].value (by kubectl-edit)"))]
#[case::another_source("kubectl-edit", "Update", "/spec/template/spec/containers/0/env/0/valueFrom", "configMapKeyRef", json!({"fieldRef": {"fieldPath": "metadata.name"}}), Some("valueFrom.fieldRef (by kubectl-edit)"))]
#[case::a_volume("kubectl-edit", "Update", "/spec/template/spec/volumes/0", "configMap", json!({"emptyDir": {}}), Some("volumes[name=a].emptyDir (by kubectl-edit)"))]
#[case::of_the_deliveries("argocd-controller", "Apply", "/spec/template/spec/containers/0/env/0", "valueFrom", json!({"value": "x"}), None)]
#[case::a_volume_that_kubectl_delivers("kubectl-client-side-apply", "Update", "/spec/template/spec/volumes/0", "configMap", json!({"emptyDir": {}}), None)]
fn x08_another_kind_of_source_that_stays_is_no_work_for_the_controller(
    #[case] manager: &str,
    #[case] operation: &str,
    #[case] at: &str,
    #[case] gone: &str,
    #[case] has: Json,
    #[case] told: Option<&str>,
) {
    let observation = observed(Known::Known(None), |live| {
        let place = live.pointer_mut(at).unwrap();
        place.as_object_mut().unwrap().remove(gone).unwrap();
        place.as_object_mut().unwrap().extend(has.as_object().unwrap().clone());
        let kept = has.as_object().unwrap().keys().next().unwrap();
        let volume = at.contains("volumes");
        let mut owned = json!({format!("f:{kept}"): {}});
        if at.ends_with("valueFrom") {
            owned = json!({"f:valueFrom": owned});
        }
        let pod = if volume {
            json!({"f:volumes": {"k:{\"name\":\"a\"}": owned}})
        } else {
            json!({"f:containers": {"k:{\"name\":\"web\"}": {"f:env": {"k:{\"name\":\"A\"}": owned}}}})
        };
        live["metadata"]["managedFields"] = json!([{"manager": manager, "operation": operation, "apiVersion": "apps/v1",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:template": {"f:spec": pod}}}}]);
        live["spec"]["replicas"] = 7.into();
    });
    let mut observation = observation;
    let by_name = || ListType::Map(vec![("name".to_owned(), None)]);
    let lists = ["containers", "initContainers", "volumes", "containers.env"];
    let lists = lists.map(|list| (format!("spec.template.spec.{list}"), by_name()));
    let types = TypeSchema { lists: lists.into(), ..TypeSchema::default() };
    let key = FactKey::Schema("apps/v1".into(), "Deployment".into());
    observation.add(key, "t", FactValue::Schema(Known::Known(types)));
    let part = &plan_under("delivery: gitops", "}", &[], "", &observation).blueprints[0];
    assert_eq!(part.items.is_empty(), told.is_some(), "{part:#?}");
    let Some(told) = told else { return };
    let [refused, waits] = part.findings.as_slice() else { panic!("{part:#?}") };
    assert!(refused.code == "apply-refused" && refused.message.raw().contains(told), "{refused:?}");
    assert_eq!(refused.help[0].raw().split(": ").last(), Some("kubectl -n shop edit deployment/web"));
    let help: Vec<&str> = waits.help.iter().map(Untrusted::raw).collect();
    let replicas = &waits.fields[0];
    assert!(replicas.path.is_keys(&["spec", "replicas"]) && replicas.live == Some(json!(7)), "{waits:?}");
    assert!(waits.code == "drift-stays" && help.len() == 2 && help[0].starts_with("spec.replicas: 7"), "{waits:?}");
    assert!(help[1].contains("not in the cluster, Git says"), "{waits:?}");
}

/// Would miss: "nothing of it differs" where the drift waits for what the API server refuses.
#[test]
fn x08_what_waits_for_something_refused_is_drift_all_the_same() {
    let mut observation = observed(Known::Known(None), |live| {
        live["spec"]["selector"] = json!({"matchLabels": {"app": "other"}});
        live["spec"]["template"]["spec"]["containers"][0]["image"] = "web:2".into();
    });
    observation.add(FactKey::Asked(name("web")), "t", FactValue::Asked(vec!["image".into()]));
    let mut entries = world("}", &[]);
    entries[2].1 = entries[2].1.replacen("spec:\n", "spec:\n  selector: {matchLabels: {app: web}}\n", 1);
    let part = planned("delivery: gitops", entries, &observation).blueprints.remove(0);
    let told = "what differs of it waits: apply-refused is told by the plan, and is settled first";
    assert!(part.not_proposed.iter().any(|why| why.what == "adopt" && why.because == told), "{part:#?}");
}

/// Would miss: a controller that sets replicas to zero behind an autoscaler, which never scales up again, planned as nothing to do.
#[rstest]
#[case::gitops("delivery: gitops", "replicas: 0", Some(Tier::Forbidden))]
#[case::bpctl_leaves_them("delivery: direct", "replicas: 0", None)]
#[case::another_number("delivery: gitops", "replicas: 2", None)]
fn b06_zero_behind_an_autoscaler_is_the_outage_that_it_is(
    #[case] delivery: &str,
    #[case] declared: &str,
    #[case] tier: Option<Tier>,
) {
    let scaler =
        manifest("autoscaling/v2", "HorizontalPodAutoscaler", "{scaleTargetRef: {kind: Deployment, name: web}}");
    let mut entries = world("}", &[&scaler]);
    entries[2].1 = entries[2].1.replacen("replicas: 2", declared, 1);
    let observation = observed(Known::Known(None), |live| {
        live["metadata"]["managedFields"] = json!([{"manager": "kube-controller-manager", "operation": "Update",
            "subresource": "scale", "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]);
        live["spec"]["replicas"] = 5.into();
    });
    let plan = planned(delivery, entries, &observation);
    let part = &plan.blueprints[0];
    let tiers: Vec<Tier> = part.items.iter().map(|item| item.verdict.tier).collect();
    assert_eq!(tiers, tier.into_iter().collect::<Vec<_>>(), "{part:#?}");
    // Would miss: "an autoscaler that is gone", of one that is there.
    let text = render::text::plan(&plan, None);
    let told = "spec.replicas: 5 in the cluster, set by an autoscaler; Git says 0, from which none scales";
    let off = "HorizontalPodAutoscaler/x (deploy/x0.yaml) owns spec.replicas, and is off at 0, which Git declares";
    assert_eq!((text.contains(told), text.contains(off)), (tier.is_some(), tier.is_some()), "{text}");
    assert!(!text.contains("that is gone"), "{text}");
}

/// Would miss: a second missing right that is told as the first, so that who grants what stands there looks again.
#[test]
fn r6_each_missing_right_is_named_and_the_workload_first() {
    let refused = |what: &str| {
        let message = format!("list {what} of context lab: forbidden");
        let said = format!("{what} is forbidden: User \"u\" cannot list resource \"{what}\" in the namespace \"shop\"");
        Unknown { code: UnknownCode::Forbidden, message, detail: Some(Untrusted::new(said)) }
    };
    let mut observation = observed(Known::Known(None), |_| {});
    for (object, what) in [(service(), "services"), (web(), "deployments.apps")] {
        observation.add(FactKey::Object(object), "t", FactValue::Object(Known::Unknown(refused(what))));
    }
    let text = render::text::plan(&plan_at("}", &[SERVICE], "", &observation), None);
    let told = text.lines().find(|line| line.starts_with("not seen in the cluster: ")).unwrap_or_default();
    for what in ["services", "deployments.apps"] {
        assert!(told.contains(&format!("cannot list resource \"{what}\"")), "{text}");
    }
    assert!(text.contains("  of web: the cluster's object, Service/x. No decision"), "{text}");
}

/// Would miss: an autoscaler that nobody wrote into Git, whose replicas bpctl sets back, and one that cannot be seen, taken for none.
#[rstest]
#[case::in_the_cluster_alone(Known::Known(Some(Untrusted::new("web-hpa"))))]
#[case::not_known(Known::unknown(UnknownCode::Forbidden, "no"))]
#[case::none(Known::Known(None))]
fn x08_replicas_are_left_to_an_autoscaler_that_is_in_the_cluster_alone(#[case] scaler: Known<Option<Untrusted>>) {
    let mut observation = observed(Known::Known(None), |live| {
        live["metadata"]["managedFields"] = json!([{"manager": "kubectl", "operation": "Update", "subresource": "scale",
            "apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]);
        live["spec"]["replicas"] = 7.into();
        live["spec"]["template"]["spec"]["containers"][0]["image"] = "web:2".into();
    });
    observation.add(FactKey::Autoscaler(web()), "t", FactValue::Autoscaler(scaler.clone()));
    let left = scaler != Known::Known(None);
    for rest in ["}", "}\n  scaling: {min_replicas: 1, max_replicas: 3}"] {
        let plan = plan_at(rest, &[], "", &observation);
        let part = &plan.blueprints[0];
        let [item] = part.items.as_slice() else { panic!("{part:#?}") };
        let Action::Reconcile(reconcile) = &item.action else { panic!("{item:#?}") };
        assert_eq!((reconcile.leave_replicas, reconcile.replicas()), (left, (!left).then_some(2)), "{rest}");
        let codes: Vec<&str> = part.findings.iter().map(|reported| reported.code.as_str()).collect();
        let named = matches!(scaler, Known::Known(Some(_)));
        assert_eq!(codes.contains(&"autoscaler-undeclared"), named, "{codes:?}");
        let owns = |why: &&WhyNot| why.because.starts_with("HorizontalPodAutoscaler/web-hpa");
        let scaled = usize::from(rest != "}");
        assert_eq!(part.not_proposed.iter().filter(owns).count(), if named { 1 + scaled } else { 0 }, "{part:#?}");
        let unseen = |unknown: &&UnknownFact| unknown.what == "whether an autoscaler owns its replicas";
        assert_eq!(part.unknown.iter().filter(unseen).count(), usize::from(left && !named && rest != "}"), "{part:#?}");
        let blind = |unknown: &&UnknownFact| unknown.unread && unknown.what.starts_with("spec.replicas");
        assert_eq!(part.unknown.iter().filter(blind).count(), usize::from(left && !named), "{part:#?}");
    }
}

/// Would miss: another team's Service, declared anew in one's own source and delivered over theirs.
#[test]
fn x08_what_two_blueprints_sources_declare_otherwise_is_nobodys() {
    let observation = observed(Known::Known(Some(live(80))), |_| {});
    let service = |port: u32| SERVICE.replace("port: 80", &format!("port: {port}"));
    for (other, unclear) in [(service(80), 0), (service(9000), 1)] {
        let mut entries = world("}", &[&service(80)]);
        entries.push((
            "blueprints/z.yaml".into(),
            blueprint("z", "Deployment/z", "}").replace("source: deploy", "source: z"),
        ));
        entries.push(("z/z.yaml".into(), WEB.replace("metadata: {name: web}", "metadata: {name: z}")));
        entries.push(("z/service.yaml".into(), other));
        let plan = planned("delivery: direct", entries, &observation);
        for part in plan.blueprints.iter().filter(|part| part.name.as_str() == "web") {
            let told = part.unknown.iter().filter(|unknown| unknown.what.contains("Service/x")).count();
            assert_eq!(told, unclear, "{part:#?}");
        }
    }
}

/// Would miss: an outage that no line tells, since the replicas are left to an autoscaler that is off.
#[rstest]
#[case::scaled_to_nothing("web-hpa", 0, "replicas: 2", Some("--replicas=2"))]
#[case::one_runs("web-hpa", 1, "replicas: 2", None)]
#[case::keda_scales_from_zero("keda-hpa-web", 0, "replicas: 2", None)]
#[case::nothing_is_wanted("web-hpa", 0, "replicas: 0", None)]
fn x08_no_pods_behind_an_autoscaler_are_told(
    #[case] scaler: &str,
    #[case] has: u32,
    #[case] declared: &str,
    #[case] told: Option<&str>,
) {
    let mut observation = observed(Known::Known(None), |live| live["spec"]["replicas"] = has.into());
    let scaler = Known::Known(Some(Untrusted::new(scaler)));
    observation.add(FactKey::Autoscaler(web()), "t", FactValue::Autoscaler(scaler));
    let mut entries = world("}", &[]);
    entries[2].1 = entries[2].1.replace("replicas: 2", declared);
    let part = &planned("delivery: gitops", entries, &observation).blueprints[0];
    let found: Vec<&Reported> = part.findings.iter().filter(|found| found.code == "autoscaler-off").collect();
    assert_eq!(found.len(), usize::from(told.is_some()), "{part:#?}");
    if let (Some(found), Some(told)) = (found.first(), told) {
        assert!(
            found.needs_person
                && found.message.raw().contains("HorizontalPodAutoscaler/web-hpa (of the cluster) is off"),
            "{found:?}"
        );
        assert!(found.help[0].raw().ends_with(told), "{found:?}");
    }
}

/// Would miss: "in the cluster alone" of an autoscaler that Git declares, for another workload or in another folder.
#[test]
fn x08_an_autoscaler_that_git_declares_otherwise_is_not_in_the_cluster_alone() {
    let told = "deploy/x0.yaml declares it for Deployment/webb: ";
    let mut observation = observed(Known::Known(None), |_| {});
    let scaler = Known::Known(Some(Untrusted::new("web-hpa")));
    observation.add(FactKey::Autoscaler(web()), "t", FactValue::Autoscaler(scaler));
    let declared = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web-hpa}\n\
         spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: webb}, maxReplicas: 3}\n";
    let plan = plan_at("}", &[declared], "", &observation);
    let found: Vec<&str> = plan.blueprints[0].findings.iter().map(|reported| reported.message.raw()).collect();
    assert!(found.iter().any(|message| message.contains(told)), "{found:?}");
}

/// Would miss: "delete it there" of an autoscaler that Git declares in a document with a slip in it.
#[test]
fn x08_an_autoscaler_in_a_document_that_cannot_be_read_is_not_in_the_cluster_alone() {
    let mut observation = observed(Known::Known(None), |_| {});
    let scaler = Known::Known(Some(Untrusted::new("web-hpa")));
    observation.add(FactKey::Autoscaler(web()), "t", FactValue::Autoscaler(scaler));
    let declared = "apiVersion: autoscaling/v2\nkindd: HorizontalPodAutoscaler\nmetadata: {name: web-hpa}\n\
         spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, maxReplicas: 3}\n";
    let plan = plan_at("}", &[declared], "", &observation);
    let found: Vec<&Reported> = plan.blueprints[0].findings.iter().collect();
    let [found] = found.as_slice() else { panic!("{found:#?}") };
    assert!(found.message.raw().contains("nothing that can be read below deploy declares it"), "{found:?}");
    assert!(found.help[0].raw().starts_with("correct deploy/x0.yaml:1:"), "{found:?}");
}

/// Would miss: a controller's work on a network policy told as forbidden, so that at night somebody does it by hand; and bpctl doing it.
#[rstest]
#[case("delivery: gitops", Tier::Allowed)]
#[case("delivery: direct", Tier::Forbidden)]
fn b09_a_network_policy_is_brought_back_by_the_controller_alone(#[case] delivery: &str, #[case] wanted: Tier) {
    let parts = ObjectParts {
        api_version: "networking.k8s.io/v1".into(),
        kind: "NetworkPolicy".into(),
        namespace: "shop".into(),
        name: "x".into(),
    };
    let object = ObjectRef::from(parts);
    let mut observation = observed(Known::Known(None), |_| {});
    let body = json!({"metadata": {"name": "x", "namespace": "shop", "uid": "2"}, "spec": {"podSelector": {"matchLabels": {"app": "x"}}}});
    let live = LiveObject::from_json("networking.k8s.io/v1", "NetworkPolicy", body);
    observation.add(FactKey::Object(object), "t", FactValue::Object(Known::Known(live)));
    let types = FactValue::Schema(Known::Known(TypeSchema::default()));
    observation.add(FactKey::Schema("networking.k8s.io/v1".into(), "NetworkPolicy".into()), "t", types);
    let policy = manifest("networking.k8s.io/v1", "NetworkPolicy", "{podSelector: {matchLabels: {app: web}}}");
    let plan = plan_under(delivery, ", companions: [NetworkPolicy/x]}", &[&policy], "", &observation);
    let items = &plan.blueprints[0].items;
    assert_eq!(items.len(), 1, "{:#?}", plan.blueprints[0]);
    assert_eq!(items[0].verdict.tier, wanted, "{:#?}", items[0].verdict);
}

/// Would miss: "checked" said of what the account has no right to ask.
#[rstest]
#[case::none(&[UnknownCode::Forbidden, UnknownCode::Forbidden], " · not checked with the server's dry run: no right to patch 2 of 2 (templates/rbac/exact.yaml gives it)")]
#[case::some(&[UnknownCode::Forbidden, UnknownCode::Unreachable], " · checked in part with the server's dry run: no right to patch 1 of 2 (")]
#[case::all(&[UnknownCode::Unreachable, UnknownCode::Unreachable], " · checked with the server's dry run · ")]
fn x08_the_first_line_says_what_was_checked_with_a_dry_run(#[case] why: &[UnknownCode], #[case] told: &str) {
    let mut observation = observed(Known::Known(Some(live(81))), |live| live["spec"]["replicas"] = 7.into());
    for (object, code) in [web(), service()].into_iter().zip(why) {
        observation.add(FactKey::DryRun(object), "t", FactValue::DryRun(Known::unknown(*code, "no")));
    }
    let mut plan = plan_at("}", &[SERVICE], "", &observation);
    plan.exact = true;
    let text = render::text::plan(&plan, None);
    let first = text.lines().next().unwrap_or_default();
    assert!(first.contains(told), "{text}");
}

/// R6: whichever file name comes first, or both in one file.
#[rstest]
#[case::before("deploy/a.yaml", "deploy/a.yaml and deploy/web.yaml both declare it")]
#[case::after("deploy/z.yaml", "deploy/web.yaml and deploy/z.yaml both declare it")]
#[case::beside("deploy/web.yaml", "deploy/web.yaml declares it twice")]
fn r6_a_workload_that_two_manifests_declare_is_not_compared(#[case] path: &str, #[case] told: &str) {
    let mut entries = world("}", &[SERVICE]);
    if path == "deploy/web.yaml" {
        entries[2].1 = format!("{WEB}---\n{WEB}");
    } else {
        entries.push((path.into(), WEB.replace("replicas: 2", "replicas: 5")));
    }
    let files = read(&entries);
    let desired = Proposed::from_head(None, catalog(&files));
    let observation = observed(Known::Known(None), |live| live["spec"]["replicas"] = 3.into());
    let environment = name("staging");
    let input =
        PlanInput { rules: &trusted(&files), desired: &desired, environment: &environment, observation: &observation };
    let plan = build(&input);
    let part = &plan.blueprints[0];
    assert_eq!(part.items, []);
    let [unknown] = unseen(part)[..] else { panic!("{part:#?}") };
    assert_eq!((unknown.what.as_str(), unknown.why.message.as_str(), unknown.uncompared), ("the manifest", told, true));
}

/// Would miss: a workload or a Service that somebody deleted and a finalizer holds, told to be as Git declares, or to be brought back.
#[rstest]
#[case::held(json!(["x.io/hold"]), "is being deleted since 2026-11-21T11:00:00Z, and its finalizer x.io/hold holds it: ")]
#[case::two(json!(["a", "b"]), "is being deleted since 2026-11-21T11:00:00Z, and its finalizers a, b hold it: ")]
#[case::none(Json::Null, "is being deleted since 2026-11-21T11:00:00Z: ")]
fn x08_what_is_being_deleted_is_for_a_person(#[case] finalizers: Json, #[case] told: &str) {
    let goes = |body: &mut Json| {
        body["metadata"]["deletionTimestamp"] = "2026-11-21T11:00:00Z".into();
        body["metadata"]["finalizers"] = finalizers.clone();
    };
    let mut service = live(81);
    goes(&mut service);
    let of_service = plan("", Known::Known(Some(service)));
    let of_workload = plan_at(
        "}",
        &[SERVICE],
        "",
        &observed(Known::Known(Some(live(80))), |deployment| {
            deployment["spec"]["replicas"] = 7.into();
            goes(deployment);
        }),
    );
    for (plan, object) in [(of_service, "Service/x"), (of_workload, "Deployment/web")] {
        let part = &plan.blueprints[0];
        assert_eq!(part.items, [], "{object}");
        let [reported] = part.findings.as_slice() else { panic!("{part:#?}") };
        assert_eq!((reported.code.as_str(), reported.severity), ("being-deleted", Severity::Error));
        assert!(
            reported.needs_person && reported.message.raw().starts_with(&format!("{object} {told}")),
            "{reported:#?}"
        );
    }
}

/// Would miss: the network of the node for a pod, said in no output because three harmless fields stand before it.
#[test]
fn x10_what_the_cluster_has_beside_git_is_kept_whole_and_begins_with_rights() {
    let observation = observed(Known::Known(Some(live(80))), |live| {
        for field in ["minReadySeconds", "progressDeadlineSeconds", "revisionHistoryLimit"] {
            live["spec"][field] = 5.into();
        }
        live["spec"]["template"]["spec"]["hostNetwork"] = true.into();
        live["metadata"]["managedFields"] = json!([{"manager": "kubectl-patch", "operation": "Update", "apiVersion": "apps/v1",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:minReadySeconds": {}, "f:progressDeadlineSeconds": {},
            "f:revisionHistoryLimit": {}, "f:template": {"f:spec": {"f:hostNetwork": {}}}}}}]);
    });
    let plan = plan_at("}", &[SERVICE], "", &observation);
    let [why] = plan.blueprints[0].not_proposed.as_slice() else { panic!("{plan:#?}") };
    let told = "keeps it: spec.template.spec.hostNetwork (by kubectl-patch), spec.minReadySeconds (by kubectl-patch), ";
    assert!(why.because.contains(told) && why.because.ends_with(" and 1 more"), "{}", why.because);
    assert_eq!(why.fields.len(), 4);
}

/// Would miss: the eleventh workload that fails, behind the advice about the first ten.
#[test]
fn x10_what_is_found_is_told_before_what_explains_it() {
    let mut plan = plan("", Known::Known(Some(live(80))));
    let reported = |number: usize, severity| Reported {
        code: "pods-failed".into(),
        severity,
        needs_person: true,
        object: None,
        message: Untrusted::new(format!("pod {number}")),
        help: ["look", "mend"].map(Untrusted::new).into(),
        fields: Vec::new(),
        events: Vec::new(),
    };
    let of = |count| (0..count).map(|number| reported(number, Severity::Error)).collect::<Vec<_>>();
    for (errors, helps) in [(5, 12), (12, 8), (25, 0)] {
        plan.blueprints[0].findings = of(errors);
        plan.blueprints[0].findings.insert(0, reported(99, Severity::Info));
        let text = render::text::plan(&plan, None);
        let told = (0..errors).all(|number| text.contains(&format!("error pods-failed, for a person: pod {number}\n")));
        assert!(told, "{text}");
        let lines = ["look", "mend"].map(|help| text.matches(&format!("  web    {help}\n")).count());
        assert_eq!(lines.iter().sum::<usize>(), helps, "{text}");
        // What is cut: the other details, and the note with its own, where there is no room.
        let cut = (2 * errors + 3).saturating_sub(20_usize.saturating_sub(errors));
        let told = format!("… and {cut} more lines (-o json has all)");
        assert_eq!(text.contains(&told), cut > 0, "{text}");
    }
}
