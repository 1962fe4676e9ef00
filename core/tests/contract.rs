//! Broken promises: what a manifest or the cluster has otherwise than the blueprint says, and no action mends.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod small_world;

use bpctl_core::decide::{Finding, decide};
use bpctl_core::model::{Name, Severity, Untrusted};
use bpctl_core::observe::{FactKey, FactValue, Known, LiveObject, Observation, ObservedFrom, Recorder};
use rstest::rstest;
use serde_json::json;
use small_world::{WORKSPACE, catalog, files, trusted, web};

/// What is found: severity, code and message.
fn found(spec: &str, manifest: &str, live: Option<u64>) -> Vec<String> {
    found_beside(spec, manifest, live, None)
}

/// The same beside an autoscaler in the cluster.
fn found_beside(spec: &str, manifest: &str, live: Option<u64>, scaler: Option<&str>) -> Vec<String> {
    let blueprint = format!(
        "apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata: {{name: web, version: 1.0.0, owner: team}}\nspec:\n  target: {{workload: Deployment/web, namespace: shop, source: deploy/web.yaml}}\n{spec}"
    );
    let pod = if manifest.contains("  template:") { String::new() } else { template("") };
    let manifest = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec:\n  selector: {{matchLabels: {{app: web}}}}\n{manifest}{pod}"
    );
    let files =
        files(&[("bpctl.yaml", WORKSPACE), ("blueprints/web.yaml", &blueprint), ("deploy/web.yaml", &manifest)]);
    assert!(catalog(&files).diagnostics.is_empty());
    let (name, staging) = (Name::new("web").unwrap(), Name::new("staging").unwrap());
    let from = ObservedFrom::Live { context: "lab".into(), version: "1.36".into() };
    let mut observation = Observation::new(staging.clone(), from, "2026-11-21T12:00:00Z".parse().unwrap());
    observation.add(FactKey::Autoscaler(web()), "t", FactValue::Autoscaler(Known::Known(scaler.map(Untrusted::new))));
    let body = |replicas| json!({"metadata": {"name": "web", "namespace": "shop", "uid": "u"}, "spec": {"replicas": replicas}});
    let object = live.and_then(|replicas| LiveObject::from_json("apps/v1", "Deployment", body(replicas)));
    observation.add(FactKey::Object(web()), "t", FactValue::Object(Known::Known(object)));
    let rules = trusted(&files);
    let detected = decide(rules.get(), &name, &staging, &Recorder::new(&observation));
    let told = detected.findings.iter().filter_map(|(finding, action)| match finding {
        // That one stands in the cluster alone is told besides.
        Finding::Reported(reported) if reported.code != "autoscaler-undeclared" => {
            assert!(action.is_none());
            let severity = format!("{:?}", reported.severity).to_lowercase();
            let is_left = reported.message.raw().contains("are left to");
            assert_eq!(reported.needs_person, reported.severity == Severity::Error || is_left);
            Some(format!("{severity} {}: {}", reported.code, reported.message.raw()))
        }
        _ => None,
    });
    told.collect()
}

const SCALING: &str = "  scaling: {min_replicas: 2, max_replicas: 5}\n";
const CPU: &str = "  resources: {cpu: {minimum: 100m, maximum: 500m}, memory: {minimum: 128Mi}}\n";
const CHECKS: &str = "  reliability: {health_checks: {readiness: required, liveness: required}}\n";
const ROLLING: &str = "  deployment: {strategy: RollingUpdate, max_surge: 1, max_unavailable: 25%}\n";

/// One container with these lines.
fn pod(lines: &str) -> String {
    format!("  replicas: 4\n{}", template(lines))
}

fn template(lines: &str) -> String {
    format!(
        "  template: {{metadata: {{labels: {{app: web}}}}, spec: {{containers: [{{name: web, image: web{lines}}}]}}}}\n"
    )
}

#[rstest]
#[case::nothing_promised("", "  replicas: 99\n", &[])]
#[case::at_the_minimum(SCALING, "  replicas: 2\n", &[])]
#[case::at_the_maximum(SCALING, "  replicas: 5\n", &[])]
#[case::below(SCALING, "  replicas: 1\n", &["warning replicas-outside-bounds: Git declares 1 replica, fewer than the minimum of 2"])]
#[case::left_out(SCALING, "", &["warning replicas-outside-bounds: Git declares no replicas, which means 1, fewer than the minimum of 2"])]
#[case::of_inverted_bounds("  scaling: {min_replicas: 5, max_replicas: 2}\n", "  replicas: 3\n", &[])]
#[case::above(SCALING, "  replicas: 6\n", &["warning replicas-outside-bounds: Git declares 6 replicas, more than the maximum of 5"])]
#[case::request_at_the_minimum(CPU, &pod(", resources: {requests: {cpu: 100m, memory: 128Mi}}"), &[])]
#[case::request_below(CPU, &pod(", resources: {requests: {cpu: 99m, memory: 128Mi}}"), &["warning request-outside-bounds: a pod requests 99m of cpu, less than the minimum of 100m"])]
#[case::request_at_the_maximum(CPU, &pod(", resources: {requests: {cpu: 500m}}"), &[])]
#[case::request_above(CPU, &pod(", resources: {requests: {cpu: 501m}}"), &["warning request-outside-bounds: a pod requests 501m of cpu, more than the maximum of 500m"])]
#[case::memory_below(CPU, &pod(", resources: {requests: {memory: 64Mi}}"), &["warning request-outside-bounds: a pod requests 64Mi of memory, less than the minimum of 128Mi"])]
#[case::none_requested(CPU, &pod(""), &[])]
#[case::beyond_all_numbers(CPU, &pod(", resources: {requests: {cpu: \"1e29\"}}"), &[])]
#[case::both_probes(CHECKS, &pod(", readinessProbe: {exec: {}}, livenessProbe: {exec: {}}"), &[])]
#[case::no_readiness(CHECKS, &pod(", livenessProbe: {exec: {}}"), &["error probe-missing: no container has a readiness probe, and the blueprint requires one"])]
#[case::an_empty_probe(CHECKS, &pod(", readinessProbe: {}, livenessProbe: {exec: {}}"), &["error probe-missing: no container has a readiness probe, and the blueprint requires one"])]
#[case::neither(CHECKS, &pod(""), &["error probe-missing: no container has a readiness probe, and the blueprint requires one", "error probe-missing: no container has a liveness probe, and the blueprint requires one"])]
#[case::the_promised_strategy(ROLLING, "  replicas: 4\n  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 25%}}\n", &[])]
#[case::another_strategy(ROLLING, "  strategy: {type: Recreate}\n", &["warning strategy-differs: the manifest's strategy is Recreate, the blueprint promises RollingUpdate"])]
#[case::more_unavailable(ROLLING, "  replicas: 4\n  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 26%}}\n", &["warning strategy-differs: the manifest's maxUnavailable is 26%, more than the blueprint's max_unavailable of 25%"])]
#[case::less_unavailable(ROLLING, "  replicas: 4\n  strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 10%}}\n", &[])]
#[case::a_number_for_a_share(ROLLING, "  replicas: 4\n  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 1}}\n", &[])]
#[case::a_larger_number_for_a_share(ROLLING, "  replicas: 4\n  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 2}}\n", &["warning strategy-differs: the manifest's maxUnavailable is 2, more than the blueprint's max_unavailable of 25%"])]
#[case::by_default(ROLLING, "  replicas: 8\n", &["warning strategy-differs: the manifest's maxSurge is 25%, more than the blueprint's max_surge of 1"])]
fn broken_promises_are_found(#[case] spec: &str, #[case] manifest: &str, #[case] wanted: &[&str]) {
    assert_eq!(found(spec, manifest, None), wanted);
}

/// What the cluster has otherwise than Git is drift already; that it is outside the bounds is told beside it, once.
#[rstest]
#[case::as_in_git("  replicas: 3\n", 3, &[])]
#[case::drifted_within("  replicas: 3\n", 4, &[])]
#[case::both_outside("  replicas: 9\n", 9, &["warning replicas-outside-bounds: Git declares 9 replicas, more than the maximum of 5"])]
fn a_cluster_that_breaks_a_promise_is_told_once(#[case] manifest: &str, #[case] has: u64, #[case] wanted: &[&str]) {
    assert_eq!(found(SCALING, manifest, Some(has)), wanted);
}

/// Would miss: a false alarm about replicas that Git leaves to an autoscaler on purpose, and the advice to wait for a reconcile that leaves
/// them to it.
#[rstest]
#[case::git_says_nothing("", Some(4), &[])]
#[case::and_none_is_there("", None, &[])]
#[case::git_is_outside("  replicas: 1\n", Some(4), &["warning replicas-outside-bounds: Git declares 1 replica, fewer than the minimum of 2"])]
#[case::it_is_outside("  replicas: 2\n", Some(1), &["warning replicas-outside-bounds: the cluster has 1 replica, the blueprint allows 2 to 5, and they are left to HorizontalPodAutoscaler/web (of the cluster)"])]
#[case::git_says_nothing_and_it_is_outside("", Some(1), &["warning replicas-outside-bounds: the cluster has 1 replica, the blueprint allows 2 to 5, and they are left to HorizontalPodAutoscaler/web (of the cluster)"])]
fn b06_replicas_outside_bounds_are_told_of_the_autoscaler_that_owns_them(
    #[case] manifest: &str,
    #[case] has: Option<u64>,
    #[case] wanted: &[&str],
) {
    assert_eq!(found_beside(SCALING, manifest, has, Some("web")), wanted);
}
