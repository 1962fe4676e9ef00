//! Service levels (B1): the arithmetic at its boundaries, and what is found or said to be unknown.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod small_world;

use bpctl_core::action::Action;
use bpctl_core::decide::levels::{Latency, failed_share, p95};
use bpctl_core::decide::{Finding, decide};
use bpctl_core::model::{Name, Period, Quantity, Untrusted};
use bpctl_core::observe::{
    FactKey, FactValue, Known, Level, LevelSeries, LiveObject, MeasuredLevel, Observation, ObservedFrom, PodUsage,
    Recorder, Resource, TypeSchema, UnknownCode, Usage, pod_from_json,
};
use rstest::rstest;
use serde_json::json;
use small_world::{WORKSPACE, catalog, files, rolled_out, selecting, trusted, web};

/// Milliseconds and requests up to there; all requests; what 95 % take at most, in microseconds.
#[rstest]
#[case::all_in_the_first(&[(100, 100)], 100, Some(Latency::Known(95_000_000)))]
#[case::exactly_at_a_bound(&[(100, 95), (200, 100)], 100, Some(Latency::Known(100_000_000)))]
#[case::just_past_a_bound(&[(100, 94), (200, 100)], 100, Some(Latency::Known(116_666_667)))]
#[case::half_of_a_bucket(&[(100, 90), (200, 100)], 100, Some(Latency::Known(150_000_000)))]
#[case::the_end_of_a_bucket(&[(100, 0), (200, 95)], 100, Some(Latency::Known(200_000_000)))]
#[case::just_beyond_the_last(&[(100, 0), (200, 94)], 100, Some(Latency::Beyond(200_000_000)))]
#[case::all_beyond(&[(100, 0), (200, 0)], 1, Some(Latency::Beyond(200_000_000)))]
#[case::no_bounds_at_all(&[], 1, Some(Latency::Beyond(0)))]
#[case::nothing_asked(&[(100, 0)], 0, None)]
#[case::less_than_nothing(&[(100, 0)], -1, None)]
#[case::one_request(&[(100, 1)], 1, Some(Latency::Known(95_000_000)))]
#[case::twenty(&[(100, 19), (200, 20)], 20, Some(Latency::Known(100_000_000)))]
#[case::twenty_and_one_more(&[(100, 19), (200, 21)], 21, Some(Latency::Known(147_500_000)))]
#[case::empty_buckets_between(&[(100, 90), (200, 90), (300, 100)], 100, Some(Latency::Known(250_000_000)))]
#[case::a_dip_counts_as_none(&[(100, 90), (200, 80), (300, 100)], 100, Some(Latency::Known(250_000_000)))]
#[case::rounded_up(&[(100, 0), (200, 3)], 3, Some(Latency::Known(195_000_000)))]
#[case::thirds_are_rounded_up(&[(100, 0), (110, 7)], 7, Some(Latency::Known(109_500_000)))]
#[case::sevenths(&[(1, 93), (2, 100)], 100, Some(Latency::Known(1_285_715)))]
#[case::beyond_all_numbers(&[(100, i128::MAX / 1_000_000_000)], i128::MAX, None)]
fn p95_is_read_off_buckets(#[case] buckets: &[(i128, i128)], #[case] total: i128, #[case] wanted: Option<Latency>) {
    let buckets: Vec<_> = buckets.iter().map(|(bound, count)| (bound * 1_000_000, *count)).collect();
    assert_eq!(p95(&buckets, total), wanted);
}

/// Failed, all; the share in basis points, rounded up.
#[rstest]
#[case::none(0, 100, Some(0))]
#[case::one_percent(1, 100, Some(100))]
#[case::all(100, 100, Some(10_000))]
#[case::a_third(1, 3, Some(3_334))]
#[case::the_least(1, 1_000_000_000, Some(1))]
#[case::a_basis_point(1, 10_000, Some(1))]
#[case::just_more(1_000_001, 100_000_000, Some(101))]
#[case::more_than_all(101, 100, None)]
#[case::nothing(0, 0, None)]
#[case::negative(-1, 100, None)]
#[case::beyond_all_numbers(i128::MAX, i128::MAX, None)]
fn failed_shares_are_rounded_up(#[case] failed: i128, #[case] all: i128, #[case] wanted: Option<u64>) {
    assert_eq!(failed_share(failed, all).ok().map(bpctl_core::model::Percent::basis_points), wanted);
}

/// What two ready pods answer: requests and errors a second, and the requests that took at most 100ms, 200ms and 500ms, each of one pod.
struct Seen {
    requests: &'static str,
    errors: &'static str,
    buckets: [&'static str; 3],
    samples: u32,
    /// The workload's own series instead of pods'.
    workload: bool,
    /// Millicores of 100m that a pod uses.
    cpu: i128,
}

impl Default for Seen {
    fn default() -> Self {
        Self { requests: "50", errors: "0", buckets: ["40", "50", "50"], samples: 20, workload: false, cpu: 50 }
    }
}

const SCALING: &str = "  scaling: {min_replicas: 2, max_replicas: 5}\n";

/// Severity, code and message of what is found; whether a replica more is proposed.
fn found(spec: &str, seen: Option<&Seen>) -> (Vec<String>, bool) {
    let blueprint = format!(
        "apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata: {{name: web, version: 1.0.0, owner: team}}\nspec:\n  target: {{workload: Deployment/web, namespace: shop, source: deploy/web.yaml}}\n{SCALING}{spec}"
    );
    let manifest = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: web}}\n  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: web}]}}\n";
    let files = files(&[("bpctl.yaml", WORKSPACE), ("blueprints/web.yaml", &blueprint), ("deploy/web.yaml", manifest)]);
    let (name, staging) = (Name::new("web").unwrap(), Name::new("staging").unwrap());
    let from = ObservedFrom::Live { context: "lab".into(), version: "1.36".into() };
    let mut observation = Observation::new(staging.clone(), from, "2026-11-21T12:00:00Z".parse().unwrap());
    observation.add(FactKey::Autoscaler(web()), "t", FactValue::Autoscaler(Known::Known(None)));
    let body = json!({"metadata": {"name": "web", "namespace": "shop", "uid": "u", "generation": 1},
        "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "web", "image": "web"}]}}},
        "status": rolled_out(2, false)});
    let live = LiveObject::from_json("apps/v1", "Deployment", selecting(body));
    observation.add(FactKey::Object(web()), "t", FactValue::Object(Known::Known(live)));
    let types = FactValue::Schema(Known::Known(TypeSchema::default()));
    observation.add(FactKey::Schema("apps/v1".into(), "Deployment".into()), "t", types);
    let pod = |n| {
        let conditions = json!([{"type": "Ready", "status": "True"}]);
        let containers = json!([{"name": "web", "resources": {"requests": {"cpu": "100m"}}}]);
        pod_from_json(&json!({"metadata": {"name": format!("web-{n}")}, "spec": {"containers": containers},
            "status": {"phase": "Running", "conditions": conditions}}))
        .unwrap()
    };
    observation.add(FactKey::Pods(web()), "t", FactValue::Pods(Known::Known((0..2).map(pod).collect())));
    let window = Period::from_secs(300);
    let cpu = seen.map_or(50, |seen| seen.cpu);
    let used = |n| PodUsage {
        pod: Untrusted::new(format!("web-{n}")),
        mean: Quantity::from_millis(cpu),
        samples: 20,
        containers: Vec::new(),
    };
    let usage = Usage { window, expected_samples: 20, pods: (0..2).map(used).collect(), point_in_time: false };
    observation.add(FactKey::Usage(web(), Resource::Cpu), "t", FactValue::Usage(Known::Known(usage)));
    for level in Level::ALL {
        let known = match seen {
            None => Known::unknown(UnknownCode::Unreachable, "Prometheus did not answer"),
            Some(seen) => Known::Known(measured(seen, level, window)),
        };
        observation.add(FactKey::Level(web(), level), "t", FactValue::Level(known));
    }
    let text = serde_json::to_string(&observation).unwrap();
    let stored: Observation = serde_json::from_str(&text).unwrap();
    assert_eq!(stored, observation, "a recording of it decides the same");
    assert!(catalog(&files).diagnostics.is_empty());
    let rules = trusted(&files);
    let detected = decide(rules.get(), &name, &staging, &Recorder::new(&stored));
    let told = detected.findings.iter().filter_map(|(finding, _)| match finding {
        Finding::Reported(reported) => {
            let person = if reported.needs_person { ", for a person" } else { "" };
            let severity = format!("{:?}", reported.severity).to_lowercase();
            Some(format!("{severity} {}{person}: {}", reported.code, reported.message.raw()))
        }
        _ => None,
    });
    let scales = detected.findings.iter().any(|(_, action)| matches!(action, Some(Action::Scale(_))));
    (told.collect(), scales)
}

fn measured(seen: &Seen, level: Level, window: Period) -> MeasuredLevel {
    let mut series = Vec::new();
    let names: &[&str] = if seen.workload { &["web"] } else { &["web-0", "web-1"] };
    for name in names {
        let mut add = |at_most: Option<&str>, mean: &str| {
            series.push(LevelSeries {
                of: Untrusted::new(*name),
                workload: seen.workload,
                at_most: at_most.map(|bound| bound.parse().unwrap()),
                mean: mean.parse().unwrap(),
                samples: seen.samples,
            });
        };
        match level {
            Level::Requests => add(None, seen.requests),
            Level::Errors => add(None, seen.errors),
            Level::Latency => {
                for (bound, count) in ["100m", "200m", "500m"].into_iter().zip(seen.buckets) {
                    add(Some(bound), count);
                }
                add(None, seen.requests);
            }
        }
    }
    MeasuredLevel { window, expected_samples: 20, series }
}

const P95: &str = "  performance: {latency_p95: 200ms}\n";
const ALL: &str = "  performance: {latency_p95: 200ms, error_rate: 1%, availability: 99%, throughput: 100/s}\n";

/// At a promise it is kept, beyond it broken; where too little was seen it is unknown, and never kept.
#[rstest]
#[case::nothing_promised("", Some(Seen::default()), &[])]
#[case::all_kept(ALL, Some(Seen::default()), &[])]
#[case::latency_at_the_promise(P95, Some(Seen { buckets: ["0", "47.5", "50"], ..Seen::default() }), &[])]
#[case::latency_above(P95, Some(Seen { buckets: ["0", "45", "50"], ..Seen::default() }), &["error latency-above-target, for a person: 95% of requests take up to 350ms over 5m, and 200ms is promised"])]
#[case::latency_beyond_the_histogram(P95, Some(Seen { buckets: ["0", "0", "0"], ..Seen::default() }), &["error latency-above-target, for a person: 95% of requests take more than 500ms over 5m, and 200ms is promised"])]
#[case::the_histogram_ends_too_soon("  performance: {latency_p95: 501ms}\n", Some(Seen { buckets: ["0", "0", "0"], ..Seen::default() }), &["info service-levels-unseen: whether these of spec.performance are met is unknown: latency_p95: its slowest requests take more than 500ms, the histogram's last bound, which lies below 501ms"])]
#[case::a_scale_may_answer_it(P95, Some(Seen { buckets: ["0", "45", "50"], cpu: 85, ..Seen::default() }), &["warning latency-above-target: 95% of requests take up to 350ms over 5m, and 200ms is promised"])]
#[case::more_in_a_bucket_than_in_all(P95, Some(Seen { buckets: ["60", "50", "50"], ..Seen::default() }), &["info service-levels-unseen: whether these of spec.performance are met is unknown: latency_p95: more requests are in a bucket of the histogram than in all of it"])]
#[case::errors_at_the_promise("  performance: {error_rate: 1%}\n", Some(Seen { errors: "0.5", ..Seen::default() }), &[])]
#[case::errors_above("  performance: {error_rate: 1%}\n", Some(Seen { errors: "0.500000001", ..Seen::default() }), &["error error-rate-above-target, for a person: 1.01% of requests failed over 5m, and at most 1% may"])]
#[case::availability_at_the_promise("  performance: {availability: 99%}\n", Some(Seen { errors: "0.5", ..Seen::default() }), &[])]
#[case::availability_below("  performance: {availability: 99.9%}\n", Some(Seen { errors: "0.5", ..Seen::default() }), &["error availability-below-target, for a person: 99% of requests were answered over 5m, and 99.9% are promised"])]
#[case::all_failed("  performance: {availability: 0.01%}\n", Some(Seen { errors: "50", ..Seen::default() }), &["error availability-below-target, for a person: 0% of requests were answered over 5m, and 0.01% are promised"])]
#[case::more_failed_than_arrived("  performance: {error_rate: 1%}\n", Some(Seen { errors: "51", ..Seen::default() }), &["info service-levels-unseen: whether these of spec.performance are met is unknown: error_rate: more requests failed than arrived: the two queries count different ones"])]
#[case::load_at_the_promise("  performance: {throughput: 100/s}\n", Some(Seen::default()), &[])]
#[case::load_above("  performance: {throughput: 5999/m}\n", Some(Seen::default()), &["warning throughput-above-target: about 100 requests a second arrive over 5m, more than the 5999/m it has to carry"])]
#[case::load_in_hours("  performance: {throughput: 360000/h}\n", Some(Seen::default()), &[])]
#[case::no_request("  performance: {latency_p95: 200ms, error_rate: 1%}\n", Some(Seen { requests: "0", buckets: ["0", "0", "0"], ..Seen::default() }), &["info service-levels-unseen: whether these of spec.performance are met is unknown: latency_p95, error_rate: no request arrived over 5m"])]
#[case::enough_samples(P95, Some(Seen { samples: 16, ..Seen::default() }), &[])]
#[case::too_few_samples(P95, Some(Seen { samples: 15, ..Seen::default() }), &["info service-levels-unseen: whether these of spec.performance are met is unknown: latency_p95: 30 of 40 samples over 5m arrived, fewer than 80%"])]
#[case::the_workloads_own_series(P95, Some(Seen { workload: true, ..Seen::default() }), &[])]
#[case::too_few_of_its_own(P95, Some(Seen { workload: true, samples: 15, ..Seen::default() }), &["info service-levels-unseen: whether these of spec.performance are met is unknown: latency_p95: 15 of 20 samples over 5m arrived, fewer than 80%"])]
#[case::no_answer("  performance: {throughput: 100/s}\n", None, &["info service-levels-unseen: whether these of spec.performance are met is unknown: throughput: Prometheus did not answer"])]
fn b01_service_levels(#[case] spec: &str, #[case] seen: Option<Seen>, #[case] wanted: &[&str]) {
    let (told, scales) = found(spec, seen.as_ref());
    assert_eq!(told, wanted);
    assert_eq!(scales, seen.is_some_and(|seen| seen.cpu > 80));
}
