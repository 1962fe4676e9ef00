//! Verification by what was measured (B13, B14, B16, B17): the arithmetic at its boundaries, whole windows from facts, and what follows.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod small_world;

use bpctl_core::action::Action;
use bpctl_core::blueprint::{Delivery, Verification};
use bpctl_core::decide::{Finding, decide};
use bpctl_core::govern::judge_action;
use bpctl_core::model::{FieldPath, Files, Name, Period, Quantity, Segment, Timestamp, Untrusted};
use bpctl_core::observe::{
    CheckConclusion, FactKey, FactValue, FailedDelivery, Gauges, Known, Level, LevelSeries, LiveObject, MeasuredLevel,
    Measures, Observation, ObservedFrom, PastChange, PastOperation, PodUsage, Recorder, Resource, TypeSchema,
    UnknownCode, Usage, Window, WindowMeasures, pod_from_json,
};
use bpctl_core::verify::{Outcome, VerifyInput, VerifyReport, judge, verify_merged, verify_operation};
use rstest::rstest;
use serde_json::{Value as Json, json};
use small_world::{WORKSPACE, files, rolled_out, selecting, trusted, web};

/// After, the most that it may be, before, whether more load explains it.
#[rstest]
#[case::met(80, 80, Some(85), false, Outcome::Success)]
#[case::met_and_nothing_known_before(80, 80, None, false, Outcome::Success)]
#[case::met_and_worse_than_before(80, 80, Some(10), false, Outcome::Success)]
#[case::nothing_of_nothing(0, 0, Some(0), false, Outcome::Success)]
#[case::missed_by_one(81, 80, Some(70), false, Outcome::Partial)]
#[case::missed_by_a_tenth(88, 80, Some(70), false, Outcome::Partial)]
#[case::missed_by_a_tenth_whatever_was_before(88, 80, None, false, Outcome::Partial)]
#[case::just_more_than_a_tenth(89, 80, Some(70), false, Outcome::Failure)]
#[case::a_tenth_of_basis_points(8_800, 8_000, Some(7_000), false, Outcome::Partial)]
#[case::a_basis_point_more(8_801, 8_000, Some(7_000), false, Outcome::Failure)]
#[case::met_before_to_the_dot(89, 80, Some(80), false, Outcome::Failure)]
#[case::missed_before_and_better(90, 80, Some(120), false, Outcome::Partial)]
#[case::missed_before_and_the_same(120, 80, Some(120), false, Outcome::Partial)]
#[case::missed_before_and_a_tenth_worse(110, 80, Some(100), false, Outcome::Partial)]
#[case::missed_before_and_more_than_that_worse(111, 80, Some(100), false, Outcome::Failure)]
#[case::missed_before_by_one(89, 80, Some(81), false, Outcome::Partial)]
#[case::missed_before_by_one_and_worse(90, 80, Some(81), false, Outcome::Failure)]
#[case::nobody_knows_what_was_before(89, 80, None, false, Outcome::Unknown)]
#[case::nor_does_load_tell(89, 80, None, true, Outcome::Unknown)]
#[case::more_load(300, 80, Some(70), true, Outcome::Partial)]
#[case::more_load_and_it_was_missed(300, 80, Some(90), true, Outcome::Partial)]
#[case::none_may_fail_and_one_does(1, 0, Some(0), false, Outcome::Failure)]
#[case::none_may_fail_and_one_did(1, 0, Some(1), false, Outcome::Partial)]
#[case::beyond_all_numbers(i128::MAX, 80, Some(80), false, Outcome::Failure)]
fn b16_a_value_is_judged_by_its_target_and_by_what_it_was(
    #[case] after: i128,
    #[case] at_most: i128,
    #[case] before: Option<i128>,
    #[case] load: bool,
    #[case] wanted: Outcome,
) {
    assert_eq!(judge(after, at_most, before, load).0, wanted);
}

const MERGED: &str = "2026-11-21T12:00:00Z";
/// With the default windows: settled until 12:05:10, sustained until 12:15:10, each judged half a rate interval later.
const SETTLED: &str = "2026-11-21T12:05:40Z";
const SUSTAINED: &str = "2026-11-21T12:15:40Z";
const LATER: &str = "2026-11-21T12:55:40Z";
const SCALING: &str = "  scaling: {min_replicas: 1, max_replicas: 5, scale_up_threshold: 80%}\n";
const PROMISES: &str = "  performance: {latency_p95: 200ms, error_rate: 1%}\n";

/// What an interval saw of each pod: CPU and memory in percent of the request, and requests, failed ones and those within 100ms, 200ms and
/// 400ms a second.
#[derive(Clone, Copy)]
struct Seen {
    pods: u32,
    cpu: i128,
    memory: i128,
    requests: i128,
    errors: i128,
    within: [i128; 3],
    samples: u32,
}

/// 100 requests a second of which none fails and 95 % take at most 150ms.
const FINE: Seen = Seen { pods: 2, cpu: 50, memory: 50, requests: 100, errors: 0, within: [90, 100, 100], samples: 20 };

impl Seen {
    fn gauges(&self, over: Period) -> Gauges {
        let pod = |n: u32| Untrusted::new(format!("web-7d9c5b8f6d-x2x9{n}"));
        let usage = |share: i128, whole: i128| {
            let mean = Quantity::from_nanos(share * whole / 100);
            let one = |n| PodUsage { pod: pod(n), mean: mean.clone(), samples: self.samples, containers: Vec::new() };
            let pods = (0..self.pods).map(one).collect();
            Known::Known(Usage { window: over, expected_samples: 20, pods, point_in_time: false })
        };
        let level = |series: Vec<(Option<i128>, i128)>| {
            let one = |n| {
                let of = |(at_most, mean): &(Option<i128>, i128)| LevelSeries {
                    of: pod(n),
                    workload: false,
                    at_most: at_most.map(Quantity::from_millis),
                    mean: Quantity::from_nanos(mean * 1_000_000_000),
                    samples: self.samples,
                };
                series.iter().map(of).collect::<Vec<_>>()
            };
            let series = (0..self.pods).flat_map(one).collect();
            Known::Known(MeasuredLevel { window: over, expected_samples: 20, series })
        };
        let [fast, middling, slow] = self.within;
        Gauges {
            usage: [
                (Resource::Cpu, usage(self.cpu, 100_000_000)),
                (Resource::Memory, usage(self.memory, (64 << 20) * 1_000_000_000)),
            ]
            .into(),
            levels: [
                (Level::Requests, level(vec![(None, self.requests)])),
                (Level::Errors, level(vec![(None, self.errors)])),
                (
                    Level::Latency,
                    level(vec![(Some(100), fast), (Some(200), middling), (Some(400), slow), (None, self.requests)]),
                ),
            ]
            .into(),
        }
    }
}

/// One operation and what was seen around it.
#[derive(Clone)]
struct Around {
    spec: String,
    operation: &'static str,
    /// `spec.replicas`, before and after; a request in millicores, where that is what changed.
    replicas: (u32, u32),
    request: Option<(i128, i128)>,
    before: Seen,
    after: Seen,
    sustained: Seen,
    now: &'static str,
    outcome: Option<CheckConclusion>,
    prometheus: &'static str,
}

impl Around {
    /// A replica more for a load that asks for it.
    fn scale(from: u32, to: u32, before: Seen, after: Seen) -> Self {
        Self {
            spec: format!("{SCALING}{PROMISES}"),
            operation: "scale",
            replicas: (from, to),
            request: None,
            before: Seen { pods: from, ..before },
            sustained: Seen { pods: to, ..after },
            after: Seen { pods: to, ..after },
            now: SUSTAINED,
            outcome: None,
            prometheus: ", prometheus: {url: \"http://x\"}",
        }
    }

    fn files(&self) -> Files {
        let workspace = WORKSPACE.replace("delivery: direct", &format!("delivery: direct{}", self.prometheus));
        let blueprint = format!(
            "apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata: {{name: web, version: 1.0.0, owner: team}}\nspec:\n  target: {{workload: Deployment/web, namespace: shop, source: deploy/web.yaml}}\n  reliability: {{rollback: {{on_failed_verification: true, within: 60s}}}}\n{}",
            self.spec
        );
        let manifest = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec:\n  replicas: {}\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec:\n      containers:\n        - {{name: web, image: web, resources: {{requests: {{cpu: {}m, memory: 64Mi}}}}}}\n",
            self.replicas.1,
            self.cpu()
        );
        files(&[("bpctl.yaml", &workspace), ("blueprints/web.yaml", &blueprint), ("deploy/web.yaml", &manifest)])
    }

    fn cpu(&self) -> i128 {
        self.request.map_or(100, |(_, to)| to)
    }

    fn changes(&self) -> Vec<PastChange> {
        let replicas = FieldPath::keys(["spec", "replicas"]);
        let container = FieldPath::keys(["spec", "template", "spec", "containers"])
            .join(Segment::Item(vec![("name".into(), "web".into())]));
        let request = container.key("resources").key("requests").key("cpu");
        match self.request {
            Some((from, to)) => {
                let milli = |value| Some(Json::from(format!("{value}m")));
                vec![PastChange { field: request, from: milli(from), to: milli(to) }]
            }
            None => {
                vec![PastChange {
                    field: replicas,
                    from: Some(self.replicas.0.into()),
                    to: Some(self.replicas.1.into()),
                }]
            }
        }
    }

    fn past(&self) -> PastOperation {
        PastOperation {
            pull: 7,
            operation: self.operation.into(),
            merged_at: MERGED.parse().unwrap(),
            commit: "c0ffee0".into(),
            delivered_at: None,
            outcome: self.outcome,
            changes: Some(self.changes()),
            config: Vec::new(),
            reset_by: None,
            rewritten: false,
            foreign: false,
        }
    }

    fn observation(&self) -> Observation {
        let from = ObservedFrom::Live { context: "lab".into(), version: "1.36".into() };
        let mut observation = Observation::new(Name::new("staging").unwrap(), from, self.now.parse().unwrap());
        let containers = json!([{"name": "web", "image": "web", "resources": {"requests": {"cpu": format!("{}m", self.cpu()), "memory": "64Mi"}}}]);
        let body = json!({"metadata": {"name": "web", "namespace": "shop", "uid": "u", "generation": 1, "managedFields": []},
            "spec": {"replicas": self.replicas.1, "template": {"spec": {"containers": containers}}},
            "status": rolled_out(self.replicas.1, false)});
        let body = selecting(body);
        let pod = |n: u32| {
            let ready = json!([{"type": "Ready", "status": "True", "lastTransitionTime": MERGED}]);
            pod_from_json(&json!({"metadata": {"name": format!("web-7d9c5b8f6d-x2x9{n}"), "creationTimestamp": MERGED},
                "spec": {"containers": containers}, "status": {"phase": "Running", "conditions": ready}}))
            .unwrap()
        };
        let name = Name::new("web").unwrap();
        let mut add = |key, value| observation.add(key, "t", value);
        add(FactKey::Autoscaler(web()), FactValue::Autoscaler(Known::Known(None)));
        let live = LiveObject::from_json("apps/v1", "Deployment", body);
        add(FactKey::Object(web()), FactValue::Object(Known::Known(live)));
        add(FactKey::Pods(web()), FactValue::Pods(Known::Known((0..self.replicas.1).map(pod).collect())));
        let types = FactKey::Schema("apps/v1".into(), "Deployment".into());
        add(types, FactValue::Schema(Known::Known(TypeSchema::default())));
        add(FactKey::Deliveries(name.clone()), FactValue::Deliveries(Known::Known(Vec::new())));
        add(FactKey::History(name.clone()), FactValue::History(Known::Known(vec![self.past()])));
        let now: Timestamp = self.now.parse().unwrap();
        let window = |window, seconds, after: &Seen| {
            let over = Period::from_secs(seconds);
            WindowMeasures { window, over, before: self.before.gauges(over), after: after.gauges(over) }
        };
        let due: Timestamp = SUSTAINED.parse().unwrap();
        let mut windows = vec![window(Window::Settled, 240, &self.after)];
        windows.extend((now >= due).then(|| window(Window::Sustained, 600, &self.sustained)));
        if now >= SETTLED.parse().unwrap() {
            let measures = Measures { commit: "c0ffee0".into(), windows };
            add(FactKey::Measures(name), FactValue::Measures(Known::Known(measures)));
        }
        let stored: Observation = serde_json::from_str(&serde_json::to_string(&observation).unwrap()).unwrap();
        assert_eq!(stored, observation, "a record of it decides the same");
        stored
    }

    fn report(&self) -> VerifyReport {
        self.report_of(&self.observation())
    }

    fn report_of(&self, observation: &Observation) -> VerifyReport {
        let (name, staging) = (Name::new("web").unwrap(), Name::new("staging").unwrap());
        let rules = trusted(&self.files());
        verify_operation(rules.get(), &staging, &name, &self.past(), &Recorder::new(observation)).unwrap()
    }

    /// The lines of the windows that were measured.
    fn told(&self) -> String {
        let report = self.report();
        let lines = report.checks.iter().flat_map(|check| &check.measured).map(ToString::to_string);
        format!("{}: {}", report.outcome, lines.collect::<Vec<_>>().join("; "))
    }
}

/// B18, the first demonstration. Would miss: a report from which nobody sees what a replica more did.
#[test]
fn b13_a_scale_up_is_told_before_and_after() {
    let slow = Seen { cpu: 85, ..FINE };
    let shared = Seen { cpu: 56, ..FINE };
    let told = Around { now: SETTLED, ..Around::scale(2, 3, slow, shared) }.told();
    assert_eq!(
        told,
        "pending: replicas 2 → 3; CPU 85% → 56%, target 80%: success; \
         p95 latency 150ms → 150ms, target 200ms: success; error rate 0% → 0%, target 1%: success; memory 50% → 50%; requests 200/s → 300/s"
    );
}

/// The numbers after a change, on as many pods, against 80% CPU, 200ms and 1% of errors; before it all of that was met, or not.
#[rstest]
#[case::all_is_well((2, 3), Seen { cpu: 85, ..FINE }, FINE, Outcome::Success)]
#[case::a_load_that_fell((2, 3), Seen { cpu: 85, ..FINE }, Seen { cpu: 5, requests: 10, within: [9, 10, 10], ..FINE }, Outcome::Success)]
#[case::not_enough_yet((2, 3), Seen { cpu: 150, ..FINE }, Seen { cpu: 100, ..FINE }, Outcome::Partial)]
#[case::not_enough_and_the_same((2, 3), Seen { cpu: 150, ..FINE }, Seen { cpu: 150, ..FINE }, Outcome::Partial)]
#[case::a_near_miss((2, 3), Seen { cpu: 100, ..FINE }, Seen { cpu: 88, ..FINE }, Outcome::Partial)]
#[case::the_load_rose_faster((2, 3), Seen { cpu: 85, ..FINE }, Seen { cpu: 130, requests: 120, within: [110, 120, 120], ..FINE }, Outcome::Partial)]
#[case::slower_with_more_load((2, 3), FINE, Seen { requests: 200, within: [0, 100, 200], ..FINE }, Outcome::Partial)]
#[case::slower_with_the_same_load((3, 4), FINE, Seen { requests: 75, within: [0, 30, 75], ..FINE }, Outcome::Failure)]
#[case::errors_that_are_new((3, 4), FINE, Seen { requests: 75, errors: 5, within: [70, 75, 75], ..FINE }, Outcome::Failure)]
#[case::as_many_errors_as_before((3, 4), Seen { errors: 5, ..FINE }, Seen { requests: 75, errors: 3, within: [70, 75, 75], ..FINE }, Outcome::Partial)]
#[case::a_replica_less_is_enough((3, 2), Seen { cpu: 20, ..FINE }, Seen { cpu: 30, ..FINE }, Outcome::Success)]
#[case::a_replica_less_is_too_slow((3, 2), FINE, Seen { within: [0, 50, 100], ..FINE }, Outcome::Failure)]
#[case::a_replica_less_and_more_load((3, 2), FINE, Seen { requests: 300, within: [0, 150, 300], ..FINE }, Outcome::Failure)]
#[case::a_replica_less_within_a_tenth((3, 2), FINE, Seen { requests: 200, within: [0, 189, 200], ..FINE }, Outcome::Partial)]
#[case::slow_beyond_the_histogram((3, 2), FINE, Seen { within: [0, 0, 0], ..FINE }, Outcome::Failure)]
#[case::four_fifths_of_the_samples((2, 3), Seen { cpu: 85, ..FINE }, Seen { samples: 16, ..FINE }, Outcome::Success)]
#[case::fewer_of_them((2, 3), Seen { cpu: 85, ..FINE }, Seen { samples: 15, ..FINE }, Outcome::Unknown)]
#[case::missed_and_unseen_before((3, 2), Seen { samples: 15, ..FINE }, Seen { within: [0, 50, 100], ..FINE }, Outcome::Unknown)]
#[case::met_and_unseen_before((3, 2), Seen { samples: 15, ..FINE }, FINE, Outcome::Success)]
#[case::nobody_asks_any_more((3, 2), FINE, Seen { requests: 0, within: [0, 0, 0], ..FINE }, Outcome::Unknown)]
#[case::nobody_asked((3, 2), Seen { requests: 0, within: [0, 0, 0], ..FINE }, Seen { requests: 0, within: [0, 0, 0], ..FINE }, Outcome::Success)]
fn b13_a_scale_is_judged_by_what_was_measured(
    #[case] replicas: (u32, u32),
    #[case] before: Seen,
    #[case] after: Seen,
    #[case] wanted: Outcome,
) {
    let around = Around::scale(replicas.0, replicas.1, before, after);
    assert_eq!(around.report().outcome, wanted, "{}", around.told());
    // Whoever looks forty minutes later finds the same.
    assert_eq!(Around { now: LATER, ..around.clone() }.report(), around.report());
}

/// Would miss: a target that nobody can fall short of, since the tenth of it is more than all failures.
#[rstest]
#[case::kept(0, Outcome::Success)]
#[case::missed(2, Outcome::Failure)]
fn b13_availability_is_missed_by_its_failures(#[case] errors: i128, #[case] wanted: Outcome) {
    let after = Seen { errors, ..FINE };
    let around = Around { spec: "  performance: {availability: 99%}\n".into(), ..Around::scale(3, 2, FINE, after) };
    assert_eq!(around.report().outcome, wanted, "{}", around.told());
    assert!(around.told().contains("availability 100% → "), "{}", around.told());
}

/// Requests are judged by what a pod requested then: 70m of 100m, and of 90m. Would miss: a utilization of yesterday's use by today's request.
#[rstest]
#[case::towards_its_target(("90%", 100, 90), 70, 80, "success: CPU 70% → 80%, target 90%: success")]
#[case::not_there_yet(("70%", 100, 110), 95, 80, "partial success: CPU 95% → 80%, target 70%: partial success (missed before too, and no worse now)")]
#[case::too_little(("90%", 100, 70), 70, 100, "failure: CPU 70% → 100%, target 90%: failure")]
fn b14_a_resize_is_judged_by_the_requests_of_its_time(
    #[case] (target, from, to): (&str, i128, i128),
    #[case] before: i128,
    #[case] after: i128,
    #[case] wanted: &str,
) {
    // `Seen` counts in percent of 100m: what the pods used, in millicores.
    let used = |share: i128, request: i128| Seen { cpu: share * request / 100, ..FINE };
    let mut around = Around::scale(2, 2, used(before, from), used(after, to));
    around.spec = format!("  resources: {{cpu: {{minimum: 10m, target_utilization: {target}}}}}\n");
    (around.operation, around.request) = ("resize", Some((from, to)));
    assert!(around.told().starts_with(wanted), "{}", around.told());
}

/// Would miss: a step that scaling takes by its own thresholds, and that fails by a target that right-sizing has.
#[rstest]
#[case::its_target(60, Outcome::Success)]
#[case::the_threshold(80, Outcome::Partial)]
#[case::beyond_it(81, Outcome::Failure)]
fn b13_what_scaling_bears_is_no_failure(#[case] after: i128, #[case] wanted: Outcome) {
    let after = Seen { cpu: after, ..FINE };
    let spec = format!("{SCALING}  resources: {{cpu: {{target_utilization: 60%}}}}\n");
    let around = Around { spec, ..Around::scale(3, 2, FINE, after) };
    assert_eq!(around.report().outcome, wanted, "{}", around.told());
}

/// Would miss: a repository without metrics that waits for them, or is told a success of what nobody measured.
#[rstest]
#[case::no_prometheus("", SCALING, "the environment names no Prometheus")]
#[case::no_target(", prometheus: {url: \"http://x\"}", "", "the blueprint names no target")]
fn b16_what_nothing_measures_is_said(#[case] prometheus: &'static str, #[case] spec: &str, #[case] why: &str) {
    let now = "2026-11-21T12:00:05Z";
    let around = Around { prometheus, spec: spec.into(), now, ..Around::scale(2, 3, FINE, FINE) };
    let report = around.report();
    assert_eq!(report.outcome, Outcome::Success);
    let later: Vec<_> = report.checks.iter().map(|check| (check.outcome, check.evidence.as_str())).skip(2).collect();
    assert_eq!(later, [(Outcome::NotMeasured, why); 2]);
}

/// The windows one after another: each is pending until its samples have arrived, and a failure is final at once.
#[rstest]
#[case::ready("2026-11-21T12:00:05Z", "pending", &["applied", "ready", "settled"])]
#[case::before_the_samples_arrived("2026-11-21T12:05:39Z", "pending", &["applied", "ready", "settled"])]
#[case::settled(SETTLED, "pending", &["applied", "ready", "settled", "sustained"])]
#[case::still("2026-11-21T12:15:39Z", "pending", &["applied", "ready", "settled", "sustained"])]
#[case::sustained(SUSTAINED, "success", &["applied", "ready", "settled", "sustained"])]
fn b16_windows_follow_one_another(#[case] now: &'static str, #[case] wanted: &str, #[case] windows: &[&str]) {
    let mut around = Around { now, ..Around::scale(2, 3, Seen { cpu: 85, ..FINE }, FINE) };
    let seen = |report: &VerifyReport| report.checks.iter().map(|check| check.window.clone()).collect::<Vec<_>>();
    let report = around.report();
    assert_eq!(
        (report.outcome.to_string().as_str(), seen(&report).as_slice()),
        (wanted, &windows.iter().map(ToString::to_string).collect::<Vec<_>>()[..])
    );
    assert_eq!(report.due.is_some(), wanted == "pending");
    if now == SETTLED {
        around.after = Seen { pods: 3, requests: 66, within: [0, 20, 66], ..FINE };
        let report = around.report();
        assert_eq!((report.outcome, seen(&report).len()), (Outcome::Failure, 3), "{report:#?}");
    }
    // What held for a while and not for longer fails as well.
    if now == SUSTAINED {
        around.sustained = Seen { pods: 3, requests: 66, within: [0, 20, 66], ..FINE };
        assert_eq!(around.report().outcome, Outcome::Failure);
    }
}

/// Would miss: metrics that are gone and pass for healthy ones.
#[rstest]
#[case::nobody_looked(None, Outcome::Unknown)]
#[case::unreachable(Some(Known::unknown(UnknownCode::Unreachable, "Prometheus did not answer")), Outcome::Unknown)]
#[case::of_another_operation(
    Some(Known::Known(Measures { commit: "other".into(), windows: Vec::new() })),
    Outcome::Unknown
)]
fn b16_lost_metrics_are_unknown(#[case] fact: Option<Known<Measures>>, #[case] wanted: Outcome) {
    let around = Around::scale(2, 3, FINE, FINE);
    let mut observation = around.observation();
    let key = FactKey::Measures(Name::new("web").unwrap());
    observation.facts.remove(&key);
    if let Some(fact) = fact {
        observation.add(key, "t", FactValue::Measures(fact));
    }
    assert_eq!(around.report_of(&observation).outcome, wanted);
}

/// A window whose metrics vanished is unknown; what nothing ever measured is not asked for.
#[rstest]
#[case::gone(false, Outcome::Unknown)]
#[case::never_there(true, Outcome::Success)]
fn b16_metrics_that_vanish_are_no_success(#[case] never: bool, #[case] wanted: Outcome) {
    let around = Around::scale(2, 3, FINE, FINE);
    let mut observation = around.observation();
    let key = FactKey::Measures(Name::new("web").unwrap());
    let FactValue::Measures(Known::Known(mut measures)) = observation.facts[&key].value.clone() else { panic!() };
    for window in &mut measures.windows {
        window.after.levels.insert(Level::Latency, Known::unknown(UnknownCode::NotObserved, "no latency of it"));
        if never {
            window.before.levels.insert(Level::Latency, Known::unknown(UnknownCode::NotObserved, "no latency of it"));
        }
    }
    observation.add(key, "t", FactValue::Measures(Known::Known(measures)));
    assert_eq!(around.report_of(&observation).outcome, wanted);
}

/// Would miss: an operation that follows before the one before it is judged, and one that waits a quarter of an hour for nothing.
#[test]
fn b16_another_operation_ends_the_watch_and_says_so() {
    let settled = Around { now: SETTLED, ..Around::scale(2, 3, Seen { cpu: 85, ..FINE }, FINE) };
    let report = settled.report().cut_short(8);
    assert_eq!(report.outcome, Outcome::Success);
    assert_eq!(report.checks[3].evidence, "not watched to its end: #8 follows");
    let early = Around { now: "2026-11-21T12:01:00Z", ..settled };
    assert_eq!(early.report().cut_short(8).outcome, Outcome::Unknown);
}

/// What the plan proposes and what holds it, by when it looks.
fn planned(around: &Around) -> Vec<String> {
    planned_from(around, &around.observation())
}

fn planned_from(around: &Around, observation: &Observation) -> Vec<String> {
    let rules = trusted(&around.files());
    let (name, staging) = (Name::new("web").unwrap(), Name::new("staging").unwrap());
    let facts = Recorder::new(observation);
    let detected = decide(rules.get(), &name, &staging, &facts);
    let actions = detected.findings.iter().filter_map(|(_, action)| action.as_ref());
    let told = actions.map(|action| {
        let holds = judge_action(&rules, &staging, action, &facts).holds;
        let holds: Vec<String> =
            holds.iter().map(|hold| format!(" held by {} {}", hold.rule.cite, hold.until())).collect();
        format!("{}{}", action.name(), holds.concat())
    });
    let mut told: Vec<String> = told.collect();
    let reported = detected.findings.iter().filter_map(|(finding, _)| match finding {
        Finding::Reported(reported) if reported.needs_person => Some(reported.message.raw().to_owned()),
        _ => None,
    });
    told.extend(reported);
    told
}

/// B17: all pods are ready, and p95 latency is not what it was: the replica comes back. Would miss: a rollback for want of unready pods, or
/// one that a load which fell meanwhile prevents.
#[test]
fn b17_a_level_that_a_change_broke_takes_it_back() {
    let failed = Some(CheckConclusion::Failure);
    let slow = Seen { within: [0, 50, 100], ..FINE };
    let around = Around { outcome: failed, now: LATER, ..Around::scale(3, 2, FINE, slow) };
    assert_eq!(planned(&around), ["rollback"]);
    // Where it failed for another reason, and is well by now, it stays.
    let well = Around { outcome: failed, now: LATER, ..Around::scale(3, 2, FINE, FINE) };
    assert_eq!(planned(&well), Vec::<String>::new());
    // A rollback that did not help is told, and not taken back.
    let mut back = around;
    back.operation = "rollback";
    assert_eq!(
        planned(&back),
        [
            "rollback #7 (merged 2026-11-21T12:00:00Z as c0ffee0) failed its verification: p95 latency 150ms → 380ms, target 200ms"
        ]
    );
}

/// Would miss: two proposals of one value, of which the one that waits for a person is left over.
#[test]
fn b17_a_replica_that_the_load_asks_for_is_the_way_back() {
    let after = Seen { cpu: 95, ..FINE };
    let failed = Some(CheckConclusion::Failure);
    let around = Around { outcome: failed, now: LATER, ..Around::scale(3, 2, FINE, after) };
    let mut observation = around.observation();
    assert_eq!(planned_from(&around, &observation), ["rollback"]);
    let used = after.gauges(Period::from_secs(300)).usage[&Resource::Cpu].clone();
    observation.add(FactKey::Usage(web(), Resource::Cpu), "t", FactValue::Usage(used));
    assert_eq!(planned_from(&around, &observation), ["scale"]);
}

/// A second operation waits until usage has settled after the first; X10 says until when.
#[rstest]
#[case::ready("2026-11-21T12:01:30Z", vec!["scale held by verification.settled until 2026-11-21T12:05:40Z".to_owned()])]
#[case::a_second_before("2026-11-21T12:05:39Z", vec!["scale held by verification.settled until 2026-11-21T12:05:40Z".to_owned()])]
#[case::settled(SETTLED, vec!["scale".to_owned()])]
fn b16_an_operation_waits_until_the_last_one_has_settled(#[case] now: &'static str, #[case] wanted: Vec<String>) {
    let around = Around { now, ..Around::scale(2, 3, Seen { cpu: 85, ..FINE }, FINE) };
    let rules = trusted(&around.files());
    let observation = around.observation();
    let scale = Action::Scale(bpctl_core::action::Scale {
        version: 1,
        blueprint: Name::new("web").unwrap(),
        workload: web(),
        from: Some(3),
        to: 4,
        limit: None,
    });
    let facts = Recorder::new(&observation);
    let holds = judge_action(&rules, &Name::new("staging").unwrap(), &scale, &facts).holds;
    let holds: Vec<String> = holds.iter().map(|hold| format!(" held by {} {}", hold.rule.cite, hold.until())).collect();
    assert_eq!(vec![format!("scale{}", holds.concat())], wanted);
}

/// B20: whatever was measured of errors before and after a change of as many replicas, under a load that stays: what failed is taken back,
/// and nothing else is. Worked out once more here, in requests of a thousand.
#[test]
fn b20_the_figures_of_rollbacks() {
    let mut table = "| errors before and after, 0 to 30 of 1000, where 10 may fail | in all | failed, as worked out | taken back | taken back without having failed |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for (from, to) in [(3, 2), (2, 3)] {
        let (mut all, mut failed, mut back, mut idle) = (0, 0, 0, 0);
        for (before, after) in (0..=30).step_by(5).flat_map(|before| (0..=30).map(move |after| (before, after))) {
            // 6000 requests a second, whatever the pods.
            let seen =
                |errors: i32, pods: i128| Seen { requests: 6000 / pods, errors: i128::from(errors) * 6 / pods, ..FINE };
            let mut around = Around::scale(from, to, seen(before, from.into()), seen(after, to.into()));
            around.spec = "  performance: {error_rate: 1%}\n".into();
            let wanted = after > 11 && (before <= 10 || after * 10 > before * 11);
            let outcome = around.report().outcome;
            assert_eq!(outcome == Outcome::Failure, wanted, "{before} → {after}: {outcome}");
            around.outcome = Some(outcome.conclusion());
            let proposed = planned(&around) == ["rollback"];
            all += 1;
            failed += i32::from(wanted);
            back += i32::from(wanted && proposed);
            idle += i32::from(!wanted && proposed);
        }
        table += &format!("| replicas {from} → {to} | {all} | {failed} | {back} | {idle} |\n");
    }
    let page = include_str!("../../docs/FIGURES.md");
    assert!(page.contains(&table), "docs/FIGURES.md should hold:\n\n{table}");
}

/// Would miss: a resize that is never verified because an autoscaler did its work meanwhile.
#[rstest]
#[case::added_beside_those_of_then(&[MERGED, "2026-11-21T12:08:00Z"], Outcome::Success)]
#[case::all_of_them_are_new(&["2026-11-21T12:08:00Z", "2026-11-21T12:08:00Z"], Outcome::Unknown)]
fn b16_pods_that_an_autoscaler_adds_are_no_failure(#[case] created: &[&str], #[case] wanted: Outcome) {
    let around = Around::scale(2, 2, FINE, FINE);
    let mut observation = around.observation();
    let pods = created.iter().map(|at| {
        let ready = json!([{"type": "Ready", "status": "True", "lastTransitionTime": at}]);
        pod_from_json(&json!({"metadata": {"name": "web-1", "creationTimestamp": at},
            "spec": {"containers": []}, "status": {"phase": "Running", "conditions": ready}}))
        .unwrap()
    });
    observation.add(FactKey::Pods(web()), "t", FactValue::Pods(Known::Known(pods.collect())));
    let (workload, windows) = (web(), Verification::default());
    let input = VerifyInput {
        workload: &workload,
        replicas: None,
        requests: &[],
        fields: &[],
        config: &[],
        began: MERGED.parse().unwrap(),
        delivery: Delivery::Direct,
        attempted: true,
        windows: &windows,
        measured: Err("the environment names no Prometheus"),
        from: &observation.from,
    };
    let report = verify_merged(&input, &Recorder::new(&observation));
    assert_eq!(report.outcome, wanted, "{report:#?}");
}

/// B13, B16, under `direct`: merged by a person at 12:00:00, delivered by a pass ten minutes later. Would miss: a failure for good of what the
/// next step of the same pass delivers, pods called late that had no time yet, windows that begin before the change, and a value that was
/// delivered and taken away again, or that the cluster refused, waited for all day.
#[test]
fn b13_the_windows_begin_with_the_delivery_and_what_is_not_delivered_has_not_failed() {
    let seen = |at: &'static str, has: u32, delivered: Option<&str>, refused: Option<&str>| {
        let around = Around { now: at, ..Around::scale(2, 3, FINE, FINE) };
        let mut past = around.past();
        past.delivered_at = delivered.map(|at| at.parse().unwrap());
        let mut observation = around.observation();
        let there = Around { now: at, ..Around::scale(2, has, FINE, FINE) }.observation();
        observation.facts.insert(FactKey::Object(web()), there.facts[&FactKey::Object(web())].clone());
        let failed = refused.map(|at| FailedDelivery {
            commit: "c0ffee0".into(),
            attempt: 1,
            at: at.parse().unwrap(),
            because: Untrusted::new("no"),
        });
        let name = Name::new("web").unwrap();
        let refused = FactValue::Deliveries(Known::Known(failed.into_iter().collect()));
        observation.add(FactKey::Deliveries(name.clone()), "t", refused);
        let rules = trusted(&around.files());
        let staging = Name::new("staging").unwrap();
        verify_operation(rules.get(), &staging, &name, &past, &Recorder::new(&observation)).unwrap()
    };
    let late = "2026-11-21T12:10:05Z";
    let waits = seen(late, 2, None, None);
    assert_eq!((waits.outcome, waits.due), (Outcome::Pending, None), "{waits:#?}");
    assert_eq!(waits.checks[0].evidence, "spec.replicas is 2, merged were 3; not delivered yet");
    // Pods that are not there ten minutes after the merge and five seconds after the delivery are on their way.
    let delivered = Some("2026-11-21T12:10:00Z");
    let few = {
        let around = Around { now: late, ..Around::scale(2, 3, FINE, FINE) };
        let mut past = around.past();
        past.delivered_at = delivered.map(|at| at.parse().unwrap());
        let mut observation = around.observation();
        observation.add(FactKey::Pods(web()), "t", FactValue::Pods(Known::Known(Vec::new())));
        let (rules, staging) = (trusted(&around.files()), Name::new("staging").unwrap());
        let name = Name::new("web").unwrap();
        verify_operation(rules.get(), &staging, &name, &past, &Recorder::new(&observation)).unwrap()
    };
    assert_eq!((few.outcome, few.due), (Outcome::Pending, Some("2026-11-21T12:11:10Z".parse().unwrap())), "{few:#?}");
    // Delivered, and somebody took it away; or refused: that is a failure, once the window is over.
    assert_eq!(seen(late, 2, delivered, None).outcome, Outcome::Pending);
    let gone = seen("2026-11-21T12:10:10Z", 2, delivered, None);
    assert_eq!(gone.outcome, Outcome::Failure, "{gone:#?}");
    assert_eq!(seen(late, 2, None, Some("2026-11-21T12:01:00Z")).outcome, Outcome::Failure);
    // Unless the object says who: drift from what had arrived is not what was merged.
    let drifted = |manager: &str, wrote: &str| {
        let around = Around { now: "2026-11-21T12:10:10Z", ..Around::scale(2, 3, FINE, FINE) };
        let mut past = around.past();
        past.delivered_at = delivered.map(|at| at.parse().unwrap());
        let mut observation = around.observation();
        let Some(FactValue::Object(Known::Known(Some(live)))) =
            observation.facts.get(&FactKey::Object(web())).map(|fact| &fact.value)
        else {
            panic!("no object");
        };
        let mut body = serde_json::to_value(&live.body).unwrap();
        body["spec"]["replicas"] = 2.into();
        body["metadata"]["managedFields"] = json!([
            {"manager": "bpctl", "operation": "Apply", "apiVersion": "apps/v1", "time": "2026-11-21T12:10:00Z", "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": {"f:template": {}}}},
            {"manager": manager, "operation": "Update", "apiVersion": "apps/v1", "time": wrote, "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        ]);
        if wrote.is_empty() {
            body["metadata"]["managedFields"][1].as_object_mut().unwrap().remove("time");
        }
        let live = LiveObject::from_json("apps/v1", "Deployment", body);
        observation.add(FactKey::Object(web()), "t", FactValue::Object(Known::Known(live)));
        let (rules, staging) = (trusted(&around.files()), Name::new("staging").unwrap());
        let name = Name::new("web").unwrap();
        verify_operation(rules.get(), &staging, &name, &past, &Recorder::new(&observation)).unwrap()
    };
    assert_eq!(drifted("kubectl", "").outcome, Outcome::Unknown, "kubectl scale leaves no time");
    let taken = drifted("kubectl-edit", "2026-11-21T12:10:04Z");
    assert_eq!(taken.outcome, Outcome::Unknown, "{taken:#?}");
    assert_eq!(taken.checks[0].evidence, "spec.replicas is 2, merged were 3; kubectl-edit has written it since");
    assert_eq!(
        drifted("kubectl-edit", "2026-11-21T12:09:00Z").outcome,
        Outcome::Failure,
        "bpctl's value never arrived"
    );
    assert_eq!(drifted("bpctl", "2026-11-21T12:10:04Z").outcome, Outcome::Failure, "as an admission webhook has it");
    assert_eq!(seen(late, 2, None, Some("2026-11-21T11:59:00Z")).outcome, Outcome::Pending, "refused before it");
    // And none before a pass that will deliver it has done so.
    let before = gone.before_delivery();
    assert_eq!(before.outcome, Outcome::Pending, "{before:#?}");
    // What is settled is looked at from there on: of windows of the merge nothing is said.
    let there = seen(SUSTAINED, 3, Some("2026-11-21T12:12:00Z"), None);
    assert_eq!(
        (there.outcome, there.due),
        (Outcome::Pending, Some("2026-11-21T12:17:40Z".parse().unwrap())),
        "{there:#?}"
    );
}

/// Would miss: yesterday's use measured by what a person's change requests today, told as a failure.
#[test]
fn b16_pods_of_later_say_nothing_of_what_was_measured() {
    let around = Around { now: LATER, ..Around::scale(3, 2, FINE, Seen { cpu: 60, ..FINE }) };
    let mut observation = around.observation();
    let pod = |n: u32| {
        let containers = json!([{"name": "web", "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}}}]);
        let created = "2026-11-21T12:30:00Z";
        let ready = json!([{"type": "Ready", "status": "True", "lastTransitionTime": created}]);
        pod_from_json(&json!({"metadata": {"name": format!("web-{n}"), "creationTimestamp": created},
            "spec": {"containers": containers}, "status": {"phase": "Running", "conditions": ready}}))
        .unwrap()
    };
    observation.add(FactKey::Pods(web()), "t", FactValue::Pods(Known::Known((0..2).map(pod).collect())));
    let report = around.report_of(&observation);
    assert_eq!((report.outcome, report.missed()), (Outcome::Unknown, Vec::new()), "{report:#?}");
}

/// B13. Would miss: "ready failure: 3 of 3 pods running and ready", by which nobody understands what failed.
#[test]
fn b13_a_failure_whose_pods_are_all_there_says_what_failed() {
    let told = |ready: &str, more: bool, reason: Option<&str>| {
        let around = Around { now: LATER, ..Around::scale(2, 3, FINE, FINE) };
        let mut observation = around.observation();
        let pod = |n: u32| {
            let broken = more && n == 3;
            let status = if broken { "False" } else { "True" };
            let ready =
                json!([{"type": "Ready", "status": status, "lastTransitionTime": if n == 0 { ready } else { MERGED }}]);
            let waiting = reason.filter(|_| n == 1).map(|reason| json!({"waiting": {"reason": reason}}));
            let statuses = json!([{"name": "web", "ready": !broken, "restartCount": 0, "state": waiting.unwrap_or_else(|| json!({"running": {}}))}]);
            let containers =
                json!([{"name": "web", "image": "web", "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}}]);
            pod_from_json(&json!({"metadata": {"name": format!("web-7d9c5b8f6d-x2x9{n}"), "creationTimestamp": MERGED},
                "spec": {"containers": containers},
                "status": {"phase": "Running", "conditions": ready, "containerStatuses": statuses}}))
            .unwrap()
        };
        let pods = (0..if more { 4 } else { 3 }).map(pod).collect();
        observation.add(FactKey::Pods(web()), "t", FactValue::Pods(Known::Known(pods)));
        let report = around.report_of(&observation);
        let check = report.checks.iter().find(|check| check.window == "ready").unwrap().clone();
        (check.outcome, check.evidence)
    };
    let all = "3 of 3 pods running and ready";
    let failed = |why: &str| (Outcome::Failure, format!("{all}, {why}"));
    assert_eq!(told("2026-11-21T12:40:00Z", false, None), failed("1 of them only after 2026-11-21T12:01:10Z"));
    assert_eq!(told(MERGED, true, None), failed("and 1 more that is not"));
    assert_eq!(told(MERGED, false, Some("CrashLoopBackOff")), failed("CrashLoopBackOff"));
    assert_eq!(told(MERGED, false, None), (Outcome::Success, all.into()));
}
