//! Roll-outs and outages: pods that the controller does not replace, does not make, or that nobody wants back (B8, X10).

use super::*;

/// Would miss: a DaemonSet that runs nowhere because of what Git does not declare, and an alarm for one that Git itself keeps off all nodes.
#[rstest]
#[case("", 0, "runs-nowhere for a person")]
#[case("nodeSelector: {gpu: a}, ", 0, "runs-nowhere")]
#[case("", 1, "")]
fn b08_a_daemon_set_that_runs_nowhere_is_told(#[case] chosen: &str, #[case] nodes: u64, #[case] wanted: &str) {
    let declared = format!(
        "template: {{metadata: {{labels: {{app: web}}}}, spec: {{{chosen}containers: [{{name: web, image: web}}]}}}}"
    );
    let status = json!({"desiredNumberScheduled": nodes});
    assert_eq!(told_of("DaemonSet", &declared, &json!({}), status), wanted);
}

/// What is told, and whether a person is asked, of a workload without pods.
fn told_of(kind: &str, declared: &str, spec: &Json, status: Json) -> String {
    let told = found_of(kind, declared, spec, status)
        .into_iter()
        .map(|reported| if reported.needs_person { format!("{} for a person", reported.code) } else { reported.code });
    told.collect::<Vec<_>>().join("; ")
}

/// The same, whole.
fn found_of(kind: &str, declared: &str, spec: &Json, mut status: Json) -> Vec<bpctl_core::decide::Reported> {
    let mut files = world(Some(3), "");
    let blueprint = format!(
        "apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata: {{name: web, version: 1.0.0, owner: team}}\nspec:\n  target: {{workload: {kind}/web, namespace: shop, source: deploy/web.yaml}}\n"
    );
    let manifest = format!(
        "apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: web, namespace: shop}}\nspec: {{selector: {{matchLabels: {{app: web}}}}, {declared}}}\n"
    );
    files.0.extend(small_world::files(&[("blueprints/web.yaml", &blueprint), ("deploy/web.yaml", &manifest)]).0);
    let mut observation = observe("", "");
    status["observedGeneration"] = 1.into();
    let body = json!({"metadata": {"name": "web", "namespace": "shop", "uid": "u", "generation": 1, "creationTimestamp": NOW},
        "spec": spec, "status": status});
    let live = LiveObject::from_json("apps/v1", kind, selecting(body)).unwrap();
    let workload = live.reference.clone();
    observation.add(FactKey::Object(workload.clone()), "t", FactValue::Object(Known::Known(Some(live))));
    let schema = FactValue::Schema(Known::Known(bpctl_core::observe::TypeSchema::default()));
    observation.add(FactKey::Schema("apps/v1".into(), kind.into()), "t", schema);
    observation.add(FactKey::Pods(workload), "t", FactValue::Pods(Known::Known(Vec::new())));
    let facts = Recorder::new(&observation);
    let detected = decide(trusted(&files).get(), &Name::new("web").unwrap(), &Name::new("staging").unwrap(), &facts);
    let told = detected.findings.into_iter().filter_map(|(finding, _)| match finding {
        Finding::Reported(reported) => Some(reported),
        _ => None,
    });
    told.collect()
}

/// Would miss: a merged image that never reaches a pod, because somebody held the roll-out in the cluster and the object is as Git declares.
#[rstest]
#[case::partition("StatefulSet", "", json!({"rollingUpdate": {"partition": 3}}), json!({"replicas": 1}), true)]
#[case::partition_of_git(
    "StatefulSet",
    "updateStrategy: {rollingUpdate: {partition: 3}}, ",
    json!({"rollingUpdate": {"partition": 3}}),
    json!({"replicas": 1}),
    false
)]
#[case::no_partition("StatefulSet", "", json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}), json!({"replicas": 1}), false)]
#[case::all_are_new("StatefulSet", "", json!({"rollingUpdate": {"partition": 3}}), json!({"replicas": 1, "updatedReplicas": 1}), false)]
#[case::on_delete("StatefulSet", "", json!({"type": "OnDelete"}), json!({"replicas": 2, "updatedReplicas": 1}), true)]
#[case::on_delete_of_git("StatefulSet", "updateStrategy: {type: OnDelete}, ", json!({"type": "OnDelete"}), json!({"replicas": 2}), false)]
#[case::of_a_daemon_set("DaemonSet", "", json!({"type": "OnDelete"}), json!({"currentNumberScheduled": 2}), true)]
#[case::a_daemon_set_that_is_through(
    "DaemonSet",
    "",
    json!({"type": "OnDelete"}),
    json!({"currentNumberScheduled": 2, "updatedNumberScheduled": 2}),
    false
)]
fn b08_a_roll_out_that_the_cluster_alone_holds_is_told(
    #[case] kind: &str,
    #[case] declared: &str,
    #[case] strategy: Json,
    #[case] status: Json,
    #[case] held: bool,
) {
    let by_git = !declared.is_empty();
    let declared = format!(
        "{declared}template: {{metadata: {{labels: {{app: web}}}}, spec: {{containers: [{{name: web, image: web}}]}}}}"
    );
    let told = told_of(kind, &declared, &json!({"updateStrategy": strategy, "replicas": 1}), status);
    assert_eq!(told.contains("rollout-held for a person"), held, "{told}");
    // What Git means is no fault; that its pods run something else is told all the same.
    assert_eq!(told.contains("rollout-held"), held || by_git, "{told}");
}

/// Would miss: "as Git declares" of a partition that Git says otherwise, and the advice to take away, or to delete, what alone keeps somebody's
/// image from pods that run what Git declares.
#[rstest]
#[case::git_says_another("StatefulSet", "updateStrategy: {rollingUpdate: {partition: 0}}, ", json!({"rollingUpdate": {"partition": 2}}), "web:evil", "partition: 2, where Git says 0, keeps the cluster's from them", "leave the partition until then", false)]
#[case::git_says_none("StatefulSet", "", json!({"rollingUpdate": {"partition": 2}}), "web:evil", "partition: 2, which the cluster alone has, keeps the cluster's from them", "leave the partition until then", true)]
#[case::on_delete("DaemonSet", "updateStrategy: {type: RollingUpdate}, ", json!({"type": "OnDelete"}), "web:evil", "OnDelete, where Git says \"RollingUpdate\", keeps the cluster's from them", "delete none of them before", false)]
#[case::on_delete_of_git("DaemonSet", "updateStrategy: {type: OnDelete}, ", json!({"type": "OnDelete"}), "web:evil", "OnDelete, as Git declares, keeps the cluster's from them", "delete none of them before", false)]
#[case::as_git_is("StatefulSet", "updateStrategy: {rollingUpdate: {partition: 0}}, ", json!({"rollingUpdate": {"partition": 2}}), "web", "partition: 2 keeps, where Git says 0: what Git declares now does not reach them", "when that is brought back", false)]
#[case::as_git_is_and_says("DaemonSet", "updateStrategy: {type: OnDelete}, ", json!({"type": "OnDelete"}), "web", "OnDelete keeps, as Git declares", "one that is deleted comes back as Git declares", false)]
fn b08_what_keeps_somebodys_template_from_pods_is_not_taken_out(
    #[case] kind: &str,
    #[case] declared: &str,
    #[case] strategy: Json,
    #[case] image: &str,
    #[case] says: &str,
    #[case] helps: &str,
    #[case] for_person: bool,
) {
    let declared = format!(
        "{declared}template: {{metadata: {{labels: {{app: web}}}}, spec: {{containers: [{{name: web, image: web}}]}}}}"
    );
    let mut spec = json!({"updateStrategy": strategy, "replicas": 1});
    spec["template"]["spec"]["containers"] = json!([{"name": "web", "image": image}]);
    let status = json!({"replicas": 3, "updatedReplicas": 1, "currentNumberScheduled": 3, "updatedNumberScheduled": 1});
    let found = found_of(kind, &declared, &spec, status);
    let held: Vec<_> = found.iter().filter(|reported| reported.code == "rollout-held").collect();
    let [held] = held[..] else { panic!("{found:#?}") };
    assert!(held.message.raw().starts_with("2 of 3 pods") && held.message.raw().contains(says), "{held:#?}");
    assert!(held.help.iter().any(|help| help.raw().contains(helps)), "{held:#?}");
    assert_eq!(held.needs_person, for_person, "{held:#?}");
    assert!(!held.help.iter().any(|help| help.raw().contains("take it out")), "{held:#?}");
}

/// Would miss: advice to raise a limit that nobody set.
#[rstest]
#[case(true, "it takes more memory than its limit: raise the limit in Git, or find what takes it")]
#[case(
    false,
    "it has no memory limit, so its pod's or its node's memory ran out: declare a request and a limit in Git, or find what takes it"
)]
fn b08_who_has_no_memory_limit_is_not_told_to_raise_it(#[case] is_limited: bool, #[case] wanted: &str) {
    let mut observation = observe("", "ready killed=3");
    let pods = observation.facts.get(&FactKey::Pods(web())).map(|fact| fact.value.clone());
    let Some(FactValue::Pods(Known::Known(mut pods))) = pods else { panic!("pods") };
    if !is_limited {
        pods[1].restarted[0].memory_limit = None;
    }
    observation.add(FactKey::Pods(web()), "t", FactValue::Pods(Known::Known(pods)));
    let rules = trusted(&world(Some(3), ""));
    let facts = Recorder::new(&observation);
    let detected = decide(rules.get(), &Name::new("web").unwrap(), &Name::new("staging").unwrap(), &facts);
    let mut help = detected.findings.iter().filter_map(|(finding, _)| match finding {
        Finding::Reported(reported) => reported.help.last(),
        _ => None,
    });
    assert_eq!(help.next().unwrap().raw(), wanted);
}

/// Would miss: a revert of the very fix, or a restart that replaces nothing, where a `StatefulSet` waits for a broken pod of the template before.
#[rstest]
#[case::stuck("crash=1", json!({}), true)]
#[case::out_of_restarts("crash=9", json!({}), true)]
#[case::beside_ready_ones("ready crash=1", json!({}), true)]
#[case::cannot_be_pulled("pull", json!({}), true)]
#[case::of_the_newest("crash=1", json!({"updateRevision": "new"}), false)]
#[case::in_parallel("crash=1", json!({"podManagementPolicy": "Parallel"}), false)]
#[case::above_a_partition("crash=1", json!({"partition": 0}), true)]
#[case::below_a_partition("crash=1", json!({"partition": 1, "currentRevision": "new"}), false)]
#[case::while_others_are_young("ready crash=1", json!({"young": true}), true)]
#[case::of_neither_template("crash=1", json!({"partition": 1, "currentRevision": "before"}), true)]
fn b08_a_pod_of_an_earlier_template_that_a_stateful_set_waits_for_is_deleted_by_a_person(
    #[case] pods: &str,
    #[case] more: Json,
    #[case] stuck: bool,
) {
    let files = rewritten(world(Some(3), ""), |text| text.replace("Deployment", "StatefulSet"));
    let mut observation = observe("", pods);
    let mut body = serde_json::to_value(&live("").body).unwrap();
    body["status"]["updateRevision"] = more.get("updateRevision").cloned().unwrap_or_else(|| "newer".into());
    if let Some(partition) = more.get("partition") {
        body["spec"]["updateStrategy"] = json!({"rollingUpdate": {"partition": partition}});
    }
    if let Some(revision) = more.get("currentRevision") {
        body["status"]["currentRevision"] = revision.clone();
    }
    if let Some(policy) = more.get("podManagementPolicy") {
        body["spec"]["podManagementPolicy"] = policy.clone();
    }
    let seen = observation.facts.get(&FactKey::Pods(web())).map(|fact| fact.value.clone()).unwrap();
    let seen = match (seen, more.get("young")) {
        // A revert made the template before the newest again, of which the others are.
        (FactValue::Pods(Known::Known(mut pods)), Some(_)) => {
            pods[0].revision = Some("newer".into());
            pods[0].created_at = Some(observation.observed_at);
            FactValue::Pods(Known::Known(pods))
        }
        (seen, _) => seen,
    };
    let live = LiveObject::from_json("apps/v1", "StatefulSet", body).unwrap();
    let set = live.reference.clone();
    observation.add(FactKey::Object(set.clone()), "t", FactValue::Object(Known::Known(Some(live))));
    observation.add(FactKey::Pods(set.clone()), "t", seen);
    observation.add(FactKey::Autoscaler(set), "t", FactValue::Autoscaler(Known::Known(None)));
    let schema = FactValue::Schema(Known::Known(bpctl_core::observe::TypeSchema::default()));
    observation.add(FactKey::Schema("apps/v1".into(), "StatefulSet".into()), "t", schema);
    let rules = trusted(&files);
    let facts = Recorder::new(&observation);
    let detected = decide(rules.get(), &Name::new("web").unwrap(), &Name::new("staging").unwrap(), &facts);
    let help: Vec<&str> = detected
        .findings
        .iter()
        .filter_map(|(finding, _)| match finding {
            Finding::Reported(reported) => Some(reported.help.iter().map(bpctl_core::model::Untrusted::raw)),
            _ => None,
        })
        .flatten()
        .collect();
    let deletes = help.iter().any(|help| help.contains("kubectl -n shop delete pod web-"));
    assert_eq!(deletes, stuck, "{help:?}");
    let restarts = detected.findings.iter().any(|(_, action)| matches!(action, Some(Action::Restart(_))));
    assert!(!(stuck && (restarts || help.iter().any(|help| help.contains("git revert")))), "{help:?}");
}

/// Would miss: an outage that nobody is told of, because whose the replicas are may not be seen.
#[rstest]
#[case(0, true)]
#[case(1, false)]
fn r06_replicas_that_may_be_an_autoscalers_are_not_green(#[case] replicas: u64, #[case] is_out: bool) {
    let mut body = serde_json::to_value(&live("").body).unwrap();
    body["spec"]["replicas"] = replicas.into();
    let live = LiveObject::from_json("apps/v1", "Deployment", body).unwrap();
    let mut observation = observe("", "");
    observation.add(FactKey::Object(web()), "t", FactValue::Object(Known::Known(Some(live))));
    let unknown = Known::unknown(UnknownCode::Forbidden, "no rights");
    observation.add(FactKey::Autoscaler(web()), "t", FactValue::Autoscaler(unknown));
    let rules = trusted(&world(Some(3), ""));
    let facts = Recorder::new(&observation);
    let detected = decide(rules.get(), &Name::new("web").unwrap(), &Name::new("staging").unwrap(), &facts);
    assert!(
        detected.unknown.iter().any(|unknown| unknown.unread && unknown.what.contains("spec.replicas")),
        "{detected:?}"
    );
    let person = detected.findings.iter().any(
        |(finding, _)| matches!(finding, Finding::Reported(told) if told.code == "scaled-to-zero" && told.needs_person),
    );
    assert_eq!(person, is_out, "{detected:?}");
}

/// Would miss: an outage that is called "as Git declares", where Git leaves the number of replicas open or to an autoscaler, which is off at 0.
#[rstest]
#[case::open(None, "", "scaled-to-zero")]
#[case::behind_one(Some("web"), "", "autoscaler-off")]
#[case::behind_a_declared_one(
    None,
    "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web, namespace: shop}\nspec: {minReplicas: 2, maxReplicas: 6, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}\n",
    "autoscaler-off"
)]
#[case::behind_one_that_may_go_to_zero(Some("keda-hpa-web"), "", "")]
fn x10_no_pods_where_git_leaves_their_number_open(
    #[case] scaler: Option<&str>,
    #[case] more: &str,
    #[case] code: &str,
) {
    let files = rewritten(world(Some(3), ""), |text| match text.strip_prefix("apiVersion: apps/v1") {
        Some(rest) => format!("apiVersion: apps/v1{}{more}", rest.replace("  replicas: 2\n", "")),
        None => text,
    });
    let mut body = serde_json::to_value(&live("").body).unwrap();
    body["spec"]["replicas"] = 0.into();
    let live = LiveObject::from_json("apps/v1", "Deployment", body).unwrap();
    let mut observation = observe("", "");
    observation.add(FactKey::Object(web()), "t", FactValue::Object(Known::Known(Some(live))));
    let scaler = scaler.map(bpctl_core::model::Untrusted::new);
    observation.add(FactKey::Autoscaler(web()), "t", FactValue::Autoscaler(Known::Known(scaler)));
    let rules = trusted(&files);
    let facts = Recorder::new(&observation);
    let detected = decide(rules.get(), &Name::new("web").unwrap(), &Name::new("staging").unwrap(), &facts);
    let found = detected.findings.iter().filter_map(|(finding, _)| match finding {
        Finding::Reported(told) if told.needs_person => Some(told.code.as_str()),
        _ => None,
    });
    assert_eq!(found.collect::<Vec<_>>().join(" "), code, "{detected:?}");
}
