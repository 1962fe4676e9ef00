//! The pure stages together: decide, judge, change sets, verification, on small worlds made here.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod small_world;

use std::collections::BTreeMap;

use bpctl_core::action::Action;
use bpctl_core::blueprint::{Delivery, Tier, Verification};
use bpctl_core::decide::{Finding, decide, utilization};
use bpctl_core::govern::{Subject, Touch, Undoes, judge};
use bpctl_core::model::{Blob, Digest, File, Files, Name, Period, Proposed, Quantity, RepoPath, Timestamp, Untrusted};
use bpctl_core::observe::{
    FactKey, FactValue, Known, LiveObject, Observation, ObservedFrom, PastOperation, Pod, PodUsage, Recorder, Resource,
    TypeSchema, UnknownCode, Usage,
};
use bpctl_core::plan::{PlanInput, build};
use bpctl_core::propose::{Change, ChangedPath, Side, change_set};
use bpctl_core::verify::{Outcome, VerifyInput, verify_merged};
use rstest::rstest;
use serde_json::json;
use small_world::{WORKSPACE, catalog, files, rewritten, rolled_out, selecting, trusted, web};

fn blueprint(scaling: &str, governance: &str) -> String {
    format!(
        "apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata: {{name: web, version: 1.0.0, owner: team}}\nspec:\n  target: {{workload: Deployment/web, namespace: shop, source: deploy/web.yaml}}\n  scaling: {{{scaling}}}\n{governance}"
    )
}

fn manifest(replicas: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec:\n{replicas}  selector: {{matchLabels: {{app: web}}}}\n  template: {{metadata: {{labels: {{app: web}}}}, spec: {{containers: [{{name: web, image: web}}]}}}} # end\n"
    )
}

fn world(scaling: &str, governance: &str, policy: &str, replicas: u32) -> Files {
    let mut entries = vec![
        ("bpctl.yaml".to_owned(), WORKSPACE.to_owned()),
        ("blueprints/web.yaml".to_owned(), blueprint(scaling, governance)),
        ("deploy/web.yaml".to_owned(), manifest(&format!("  replicas: {replicas}\n"))),
    ];
    if !policy.is_empty() {
        let head = "apiVersion: bpctl.dev/v1\nkind: Policy\nmetadata: {name: base, version: 1.0.0, owner: platform}\n";
        entries.push(("blueprints/base.yaml".to_owned(), format!("{head}{policy}")));
    }
    files(&entries.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>())
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const NOW: &str = "2026-11-21T12:00:00Z";

fn pod(number: u32, ready: bool) -> Pod {
    Pod {
        name: Untrusted::new(format!("web-{number}")),
        uid: number.to_string(),
        phase: Untrusted::new("Running"),
        ready,
        terminating: false,
        restarts: 0,
        created_at: Some(at("2026-11-21T11:00:00Z")),
        ready_since: Some(at("2026-11-21T11:00:05Z")),
        cpu_request: Some("100m".parse().unwrap()),
        memory_request: None,
        containers: Vec::new(),
        reasons: Vec::new(),
        stopped: Vec::new(),
        restarted: Vec::new(),
        unschedulable: false,
        unschedulable_because: None,
        revision: None,
        ended: None,
    }
}

/// Would miss: "nothing to do" of an empty repository that looks like "nothing to do" of a fleet, and an id that is the same for all of them.
#[test]
fn x10_what_was_compared_is_told_where_nothing_is_to_be_done() {
    let nothing = |files: &Files| {
        let (rules, observation) = (trusted(files), observation(2, 2, 50, 20));
        let desired = Proposed::from_head(None, catalog(files));
        let environment = Name::new("staging").unwrap();
        let plan = build(&PlanInput {
            rules: &rules,
            desired: &desired,
            environment: &environment,
            observation: &observation,
        });
        bpctl_core::render::text::plan(&plan, None).lines().last().unwrap().to_owned()
    };
    let bounds = "min_replicas: 1, max_replicas: 4, scale_up_threshold: 80%, scale_down_threshold: 10%, window: 5m";
    let told = nothing(&world(bounds, "", "", 2));
    assert_eq!(told, "nothing to do: 1 workload was compared and is as Git declares");
    let empty = files(&[("bpctl.yaml", WORKSPACE)]);
    assert!(
        nothing(&empty).starts_with("nothing to do: no blueprint is about this environment"),
        "{}",
        nothing(&empty)
    );
}

/// An observation of `ready` pods, each using `millis` of 100m over `samples` of 20.
fn observation(live_replicas: u32, ready: u32, millis: i128, samples: u32) -> Observation {
    let from = ObservedFrom::Live { context: "lab".into(), version: "1.36".into() };
    let mut observation = Observation::new(Name::new("staging").unwrap(), from, at(NOW));
    observation.add(FactKey::Autoscaler(web()), "t", FactValue::Autoscaler(Known::Known(None)));
    let template = json!({"spec": {"containers": [{"name": "web", "image": "web"}]}});
    let body = json!({"metadata": {"name": "web", "namespace": "shop", "uid": "u", "generation": 1},
        "spec": {"replicas": live_replicas, "template": template}, "status": rolled_out(live_replicas, false)});
    let body = selecting(body);
    let live = LiveObject::from_json("apps/v1", "Deployment", body).unwrap();
    let usage = (0..ready)
        .map(|n| PodUsage {
            pod: Untrusted::new(format!("web-{n}")),
            mean: Quantity::from_millis(millis),
            samples,
            containers: Vec::new(),
        })
        .collect();
    observation.add(FactKey::Object(web()), "kubernetes", FactValue::Object(Known::Known(Some(live))));
    observation.add(
        FactKey::Pods(web()),
        "kubernetes",
        FactValue::Pods(Known::Known((0..ready).map(|n| pod(n, true)).collect())),
    );
    let usage = Usage { window: Period::from_secs(300), expected_samples: 20, pods: usage, point_in_time: false };
    observation.add(FactKey::Usage(web(), Resource::Cpu), "prometheus", FactValue::Usage(Known::Known(usage)));
    observation.add(
        FactKey::Schema("apps/v1".into(), "Deployment".into()),
        "kubernetes",
        FactValue::Schema(Known::Known(TypeSchema::default())),
    );
    observation.add(
        FactKey::Deliveries(Name::new("web").unwrap()),
        "forge",
        FactValue::Deliveries(Known::Known(Vec::new())),
    );
    observation.add(FactKey::History(Name::new("web").unwrap()), "forge", FactValue::History(Known::Known(Vec::new())));
    observation
}

fn scale_of(files: &Files, observation: &Observation) -> Result<(u32, Option<u32>), String> {
    let facts = Recorder::new(observation);
    let detected = decide(&catalog(files), &Name::new("web").unwrap(), &Name::new("staging").unwrap(), &facts);
    for (finding, action) in &detected.findings {
        if let (Finding::Saturation(_), Some(Action::Scale(scale))) = (finding, action) {
            return Ok((scale.to, scale.limit.as_ref().map(|limit| limit.to)));
        }
    }
    let why = detected
        .why_not
        .iter()
        .map(|w| w.because.clone())
        .chain(detected.unknown.iter().map(|u| u.why.message.clone()));
    Err(why.collect::<Vec<_>>().join("; "))
}

/// B6, with its boundaries: the threshold itself is not passed; the step is one; beyond the maximum both are raised.
#[rstest]
#[case::the_example("min_replicas: 2, max_replicas: 5", 2, 85, Ok((3, None)))]
#[case::at_the_threshold("min_replicas: 2, max_replicas: 5", 2, 80, Err("within 80%"))]
#[case::just_above("min_replicas: 2, max_replicas: 5", 2, 81, Ok((3, None)))]
#[case::below("min_replicas: 2, max_replicas: 5", 2, 79, Err("within 80%"))]
#[case::to_the_maximum("min_replicas: 2, max_replicas: 5", 4, 99, Ok((5, None)))]
#[case::beyond_the_maximum("min_replicas: 2, max_replicas: 5", 5, 99, Ok((6, Some(6))))]
#[case::far_above_still_one_step("min_replicas: 1, max_replicas: 9", 2, 400, Ok((3, None)))]
#[case::own_threshold("min_replicas: 1, max_replicas: 9, scale_up_threshold: 50%", 2, 51, Ok((3, None)))]
#[case::down("min_replicas: 1, max_replicas: 9, scale_down_threshold: 30%", 3, 20, Ok((2, None)))]
#[case::down_at_the_threshold(
    "min_replicas: 1, max_replicas: 9, scale_down_threshold: 30%",
    3,
    30,
    Err("within 30% to 80%")
)]
#[case::down_at_the_minimum("min_replicas: 3, max_replicas: 9, scale_down_threshold: 30%", 3, 20, Err("is the least"))]
#[case::never_to_zero("min_replicas: 0, max_replicas: 9, scale_down_threshold: 30%", 1, 1, Err("is the least"))]
#[case::no_down_without_a_threshold("min_replicas: 1, max_replicas: 9", 3, 1, Err("within 80%"))]
#[case::no_swing(
    "min_replicas: 1, max_replicas: 9, scale_up_threshold: 50%, scale_down_threshold: 45%",
    2,
    40,
    Err("would carry 80%")
)]
#[case::the_maximum_and_more("min_replicas: 1, max_replicas: 3", 3, 92, Ok((4, Some(4))))]
#[case::six_needed_of_five("min_replicas: 2, max_replicas: 5", 5, 96, Ok((6, Some(6))))]
#[case::a_single_one_at_its_maximum("min_replicas: 1, max_replicas: 1", 1, 81, Ok((2, Some(2))))]
#[case::below_the_minimum_and_busy("min_replicas: 2, max_replicas: 5", 1, 90, Ok((2, None)))]
#[case::beyond_the_maximum_already("min_replicas: 2, max_replicas: 5", 7, 90, Ok((8, Some(8))))]
#[case::beyond_the_maximum_and_idle("min_replicas: 2, max_replicas: 5, scale_down_threshold: 30%", 7, 10, Ok((6, None)))]
#[case::all_of_the_request("min_replicas: 1, max_replicas: 9, scale_up_threshold: 100%", 2, 100, Err("within 100%"))]
#[case::more_than_all_of_it("min_replicas: 1, max_replicas: 9, scale_up_threshold: 100%", 2, 101, Ok((3, None)))]
#[case::the_lowest_threshold("min_replicas: 1, max_replicas: 9, scale_up_threshold: 1%", 2, 2, Ok((3, None)))]
#[case::at_the_lowest_threshold("min_replicas: 1, max_replicas: 9, scale_up_threshold: 1%", 2, 1, Err("within 1%"))]
#[case::just_below_the_lower("min_replicas: 1, max_replicas: 9, scale_down_threshold: 30%", 3, 29, Ok((2, None)))]
#[case::just_above_the_lower(
    "min_replicas: 1, max_replicas: 9, scale_down_threshold: 30%",
    3,
    31,
    Err("within 30% to 80%")
)]
#[case::idle("min_replicas: 1, max_replicas: 9, scale_down_threshold: 30%", 3, 0, Ok((2, None)))]
#[case::idle_without_a_lower("min_replicas: 1, max_replicas: 9", 3, 0, Err("within 80%"))]
#[case::three_to_two_as_told("min_replicas: 2, max_replicas: 9, scale_down_threshold: 30%", 3, 25, Ok((2, None)))]
#[case::down_to_one("min_replicas: 1, max_replicas: 9, scale_down_threshold: 30%", 2, 10, Ok((1, None)))]
#[case::one_is_the_least("min_replicas: 1, max_replicas: 9, scale_down_threshold: 30%", 1, 10, Err("is the least"))]
#[case::two_as_told_at_the_minimum(
    "min_replicas: 2, max_replicas: 9, scale_down_threshold: 30%",
    2,
    10,
    Err("is the least")
)]
#[case::two_that_one_cannot_carry(
    "min_replicas: 1, max_replicas: 9, scale_up_threshold: 80%, scale_down_threshold: 50%",
    2,
    45,
    Err("would carry 90%")
)]
#[case::carried_at_the_threshold("min_replicas: 1, max_replicas: 9, scale_up_threshold: 80%, scale_down_threshold: 41%", 2, 40, Ok((1, None)))]
#[case::carried_just_above_it(
    "min_replicas: 1, max_replicas: 9, scale_up_threshold: 80%, scale_down_threshold: 50%",
    2,
    41,
    Err("would carry 82%")
)]
#[case::carried_by_two_of_three("min_replicas: 1, max_replicas: 9, scale_up_threshold: 80%, scale_down_threshold: 54%", 3, 53, Ok((2, None)))]
#[case::not_carried_by_two_of_three(
    "min_replicas: 1, max_replicas: 9, scale_up_threshold: 80%, scale_down_threshold: 55%",
    3,
    54,
    Err("would carry 81%")
)]
#[case::one_step_down_at_a_time("min_replicas: 1, max_replicas: 20, scale_down_threshold: 30%", 20, 1, Ok((19, None)))]
fn b06_saturation(
    #[case] scaling: &str,
    #[case] replicas: u32,
    #[case] millis: i128,
    #[case] wanted: Result<(u32, Option<u32>), &str>,
) {
    let files = world(scaling, "", "", replicas);
    let found = scale_of(&files, &observation(replicas, replicas, millis, 20));
    match wanted {
        Ok(wanted) => assert_eq!(found, Ok(wanted)),
        Err(why) => assert!(found.as_ref().is_err_and(|told| told.contains(why)), "{found:?}"),
    }
}

/// B6: while a roll-out is not through, what its pods use says nothing of the pods that will be.
#[rstest]
#[case::through("old", Ok((3, None)))]
#[case::two_revisions("new", Err("its pods are of 2 revisions"))]
fn b06_no_step_during_a_roll_out(#[case] revision: &str, #[case] wanted: Result<(u32, Option<u32>), &str>) {
    let files = world("min_replicas: 2, max_replicas: 5", "", "", 2);
    let mut seen = observation(2, 2, 92, 20);
    if let Some(FactValue::Pods(Known::Known(pods))) = seen.facts.get_mut(&FactKey::Pods(web())).map(|f| &mut f.value) {
        (pods[0].revision, pods[1].revision) = (Some("old".into()), Some(revision.into()));
    }
    let found = scale_of(&files, &seen);
    match wanted {
        Ok(wanted) => assert_eq!(found, Ok(wanted)),
        Err(why) => assert!(found.as_ref().is_err_and(|told| told.contains(why)), "{found:?}"),
    }
}

/// B6: nor while the workload's own status says so, is of an earlier generation, or is not there; by every kind that has replicas.
#[rstest]
#[case::through("", "", Ok((3, None)))]
#[case::of_an_earlier_generation("/metadata/generation", "2", Err("the controller has not seen the last change yet"))]
#[case::no_status("/status", "{}", Err("does not say which generation"))]
#[case::no_generation("/metadata/generation", "null", Err("does not say which generation"))]
#[case::one_is_not_ready(
    "/status/readyReplicas",
    "1",
    Err("its status says 2 pods of 2, 2 up to date, 1 ready; it waits")
)]
#[case::none_is_ready("/status/readyReplicas", "null", Err("2 up to date, 0 ready; it waits"))]
#[case::one_is_not_available(
    "/status/unavailableReplicas",
    "1",
    Err("2 ready, 1 not available; it waits until all are")
)]
#[case::one_is_missing("/status/replicas", "1", Err("its status says 1 pod of 2"))]
#[case::one_is_of_an_earlier_template("/status/updatedReplicas", "1", Err("pods are of an earlier pod template"))]
#[case::paused("/spec/paused", "true", Err("its roll-outs are paused"))]
fn b06_no_step_while_the_status_is_not_settled(
    #[case] pointer: &str,
    #[case] value: &str,
    #[case] wanted: Result<(u32, Option<u32>), &str>,
    #[values("Deployment", "StatefulSet")] kind: &str,
) {
    let files = world("min_replicas: 2, max_replicas: 5", "", "", 2);
    let files = rewritten(files, |text| text.replace("Deployment", kind));
    let seen = observation(2, 2, 92, 20);
    let text = serde_json::to_string(&seen).unwrap().replace("Deployment", kind);
    let mut seen: Observation = serde_json::from_str(&text).unwrap();
    for fact in seen.facts.values_mut() {
        let FactValue::Object(Known::Known(Some(live))) = &mut fact.value else { continue };
        let mut body = (*live.body).clone();
        if let Some((above, key)) = pointer.rsplit_once('/') {
            body.pointer_mut(above).unwrap()[key] = serde_json::from_str(value).unwrap();
        }
        live.body = body.into();
    }
    let found = scale_of(&files, &seen);
    match wanted {
        Ok(wanted) => assert_eq!(found, Ok(wanted)),
        Err(why) => assert!(found.as_ref().is_err_and(|told| told.contains(why)), "{found:?}"),
    }
}

/// B6: pods that are young are said to be, with the moment from which on they are known: 80 % of 5m and a rate over 60s.
#[rstest]
#[case::young(
    "11:55:01",
    Known::unknown(UnknownCode::NoSamples, "none"),
    "too young for a window of 5m; it is known from 2026-11-21T12:00:01Z on"
)]
#[case::old_enough("11:55:00", Known::unknown(UnknownCode::NoSamples, "none"), "none")]
#[case::unseen_for_another_reason("11:55:01", Known::unknown(UnknownCode::Unreachable, "gone"), "gone")]
fn b06_young_pods_are_said_to_be(#[case] ready_since: &str, #[case] usage: Known<Usage>, #[case] wanted: &str) {
    let files = rewritten(world("min_replicas: 2, max_replicas: 5", "", "", 2), |text| {
        text.replace("delivery: direct", "delivery: direct, prometheus: {url: 'http://p'}")
    });
    let mut seen = observation(2, 2, 92, 20);
    for fact in seen.facts.values_mut() {
        match &mut fact.value {
            FactValue::Pods(Known::Known(pods)) => {
                pods[1].ready_since = Some(at(&format!("2026-11-21T{ready_since}Z")));
            }
            FactValue::Usage(known) => *known = usage.clone(),
            _ => {}
        }
    }
    let found = scale_of(&files, &seen).unwrap_err();
    assert!(found.contains(wanted), "{found}");
}

/// B6: nor while a pod beside the ready ones is on its way; one that ended does not count.
#[rstest]
#[case::pending("Pending", Err("1 pod of it is there and not ready"))]
#[case::not_ready("Running", Err("1 pod of it is there and not ready"))]
#[case::evicted("Failed", Ok((3, None)))]
fn b06_no_step_beside_a_pod_that_is_not_ready(#[case] phase: &str, #[case] wanted: Result<(u32, Option<u32>), &str>) {
    let files = world("min_replicas: 2, max_replicas: 5", "", "", 2);
    let mut seen = observation(2, 2, 92, 20);
    if let Some(FactValue::Pods(Known::Known(pods))) = seen.facts.get_mut(&FactKey::Pods(web())).map(|f| &mut f.value) {
        pods.push(Pod { phase: Untrusted::new(phase), ..pod(2, false) });
    }
    let found = scale_of(&files, &seen);
    match wanted {
        Ok(wanted) => assert_eq!(found, Ok(wanted)),
        Err(why) => assert!(found.as_ref().is_err_and(|told| told.contains(why)), "{found:?}"),
    }
}

/// Σ usage ÷ Σ request of ready pods in basis points, rounded down, each `used/requested/samples` of 20; unknown where too little was seen.
#[rstest]
#[case::the_first_of_the_page("85/100/20 85/100/20", Ok(8_500))]
#[case::the_second("92/100/20 50/100/20", Ok(7_100))]
#[case::the_third_is_rounded_down("100/150/20 100/150/20", Ok(6_666))]
#[case::one_pod("80/100/20", Ok(8_000))]
#[case::nothing_used("0/100/20", Ok(0))]
#[case::all_of_it("100/100/20", Ok(10_000))]
#[case::more_than_all("400/100/20", Ok(40_000))]
#[case::a_third("1/3/20", Ok(3_333))]
#[case::two_thirds("2/3/20", Ok(6_666))]
#[case::a_basis_point("1/10000/20", Ok(1))]
#[case::less_than_a_basis_point("1/10001/20", Ok(0))]
#[case::sums_and_not_the_mean_of_shares("100/100/20 0/300/20", Ok(2_500))]
#[case::a_large_and_a_small_pod("10/10/20 10/990/20", Ok(200))]
#[case::a_request_of_nothing_beside_another("5/0/20 5/100/20", Ok(1_000))]
#[case::requests_of_nothing("5/0/20", Err("add up to nothing"))]
#[case::sixteen_of_twenty("80/100/16", Ok(8_000))]
#[case::fifteen_of_twenty("80/100/15", Err("15 of 20 samples"))]
#[case::no_sample("80/100/-", Err("0 of 20 samples"))]
#[case::thirty_two_of_forty("80/100/20 40/100/12", Ok(6_000))]
#[case::thirty_one_of_forty("80/100/20 40/100/11", Err("31 of 40 samples"))]
#[case::both_just_enough("80/100/16 80/100/16", Ok(8_000))]
#[case::both_just_not("80/100/16 80/100/15", Err("31 of 40 samples"))]
#[case::four_of_five_pods_seen("80/100/20 80/100/20 80/100/20 80/100/20 0/100/-", Ok(8_000))]
#[case::three_of_four_pods_seen("80/100/20 80/100/20 80/100/20 0/100/-", Err("60 of 80 samples"))]
#[case::more_samples_than_expected_count_once("80/100/40 0/100/-", Err("20 of 40 samples"))]
#[case::who_is_not_ready_is_left_out("80/100/20 500/100/20/not", Ok(8_000))]
#[case::nor_are_its_samples_missed("80/100/20 0/100/-/not", Ok(8_000))]
#[case::nor_its_request("80/100/20 1/-/20/not", Ok(8_000))]
#[case::none_is_ready("80/100/20/not", Err("no pod is ready"))]
#[case::no_pods("", Err("no pod is ready"))]
#[case::a_container_without_a_request("80/-/20", Err("has no cpu request"))]
#[case::one_of_two_without_a_request("80/100/20 1/-/20", Err("has no cpu request"))]
fn b06_utilization(#[case] pods: &str, #[case] wanted: Result<u64, &str>) {
    let (mut all, mut usage) = (Vec::new(), Vec::new());
    for (number, text) in (0_u32..).zip(pods.split_whitespace()) {
        let parts: Vec<&str> = text.split('/').collect();
        let [used, request, samples, rest @ ..] = parts.as_slice() else { panic!("{text}") };
        let cpu_request = request.parse().ok().map(Quantity::from_millis);
        all.push(Pod { cpu_request, ..pod(number, rest.is_empty()) });
        let mean = Quantity::from_millis(used.parse().unwrap());
        let sample =
            |samples| PodUsage { pod: Untrusted::new(format!("web-{number}")), mean, samples, containers: Vec::new() };
        usage.extend(samples.parse().ok().map(sample));
    }
    let usage = Usage { window: Period::from_secs(300), expected_samples: 20, pods: usage, point_in_time: false };
    match (utilization(&all, &usage, Resource::Cpu), wanted) {
        (Ok(found), Ok(wanted)) => assert_eq!(found.percent.basis_points(), wanted),
        (Err(why), Err(wanted)) => assert!(why.message.contains(wanted), "{why:?}"),
        (found, _) => panic!("{found:?}"),
    }
}

/// Under 80 % of the samples utilization is unknown, and nothing is decided by it.
#[rstest]
#[case::enough(16, true)]
#[case::too_few(15, false)]
#[case::none(0, false)]
fn too_few_samples_are_unknown(#[case] samples: u32, #[case] decides: bool) {
    let files = world("min_replicas: 2, max_replicas: 5", "", "", 2);
    let found = scale_of(&files, &observation(2, 2, 95, samples));
    assert_eq!(found.is_ok(), decides, "{found:?}");
}

/// B6: what the metrics API says of one moment is known, and decides nothing over a longer window.
#[test]
fn b06_one_moment_is_told_and_decides_only_over_a_window_as_short() {
    let files = world("min_replicas: 2, max_replicas: 5", "", "", 2);
    let mut seen = observation(2, 2, 92, 1);
    let key = FactKey::Usage(web(), Resource::Cpu);
    let mut usage = |expected| {
        let Some(FactValue::Usage(Known::Known(usage))) = seen.facts.get_mut(&key).map(|fact| &mut fact.value) else {
            panic!("usage")
        };
        (usage.point_in_time, usage.expected_samples) = (true, expected);
        scale_of(&files, &seen)
    };
    let told = "CPU is 92% of request at this moment, by metrics.k8s.io; a decision over 5m needs 80% of that time, which a \
                Prometheus shows, or a shorter window";
    assert_eq!(usage(20), Err(told.to_owned()));
    assert_eq!(usage(2), Err(told.to_owned()));
    assert_eq!(usage(1), Ok((3, None)));
    let facts = Recorder::new(&seen);
    let detected = decide(&catalog(&files), &Name::new("web").unwrap(), &Name::new("staging").unwrap(), &facts);
    assert_eq!(detected.unknown, [], "it is known");

    let Some(FactValue::Usage(Known::Known(usage))) = seen.facts.get_mut(&key).map(|fact| &mut fact.value) else {
        panic!("usage")
    };
    usage.pods.truncate(1);
    let told =
        "CPU is 92% of request, by metrics.k8s.io, which has measured 1 of 2 ready pods: a decision needs 80% of them";
    assert_eq!(scale_of(&files, &seen), Err(told.to_owned()));
}

#[test]
fn nothing_is_scaled_while_replicas_are_not_settled_or_not_ready() {
    let files = world("min_replicas: 2, max_replicas: 5", "", "", 3);
    assert!(scale_of(&files, &observation(2, 2, 95, 20)).unwrap_err().contains("settled first"));
    assert!(scale_of(&files, &observation(3, 2, 95, 20)).unwrap_err().contains("2 of 3 replicas are ready"));
}

fn tier(files: &Files, touch: Touch, history: Known<Vec<PastOperation>>) -> (Tier, Vec<String>, Option<String>) {
    let mut observation = observation(2, 2, 50, 20);
    observation.add(
        FactKey::Deliveries(Name::new("web").unwrap()),
        "forge",
        FactValue::Deliveries(Known::Known(Vec::new())),
    );
    observation.add(FactKey::History(Name::new("web").unwrap()), "forge", FactValue::History(history));
    let facts = Recorder::new(&observation);
    let subject =
        Subject { blueprint: Name::new("web").unwrap(), object: web(), touch, undoes: Undoes::Nothing, adopts: false };
    let verdict = judge(&trusted(files), &Name::new("staging").unwrap(), &subject, &facts);
    let holds = verdict.holds.iter().map(|hold| hold.rule.ident.clone()).collect();
    (verdict.tier, holds, verdict.alternative)
}

const BOUNDS: &str = "min_replicas: 2, max_replicas: 5";

/// The three tiers, and that the stricter of two rules wins, whoever says it (B2, B5).
#[rstest]
#[case::within("", "", Touch::Replicas { to: Some(5) }, Tier::Allowed)]
#[case::above("", "", Touch::Replicas { to: Some(6) }, Tier::RequiresApproval)]
#[case::below("", "", Touch::Replicas { to: Some(1) }, Tier::RequiresApproval)]
#[case::zero("", "", Touch::Replicas { to: Some(0) }, Tier::Forbidden)]
#[case::reconcile_to_zero("", "", Touch::Reconcile { replicas: Some(0) }, Tier::Forbidden)]
#[case::reconcile("", "", Touch::Reconcile { replicas: None }, Tier::Allowed)]
#[case::removed("", "", Touch::Removed, Tier::Forbidden)]
#[case::governance("", "", Touch::Governance, Tier::RequiresApproval)]
#[case::opaque("", "", Touch::Opaque, Tier::RequiresApproval)]
#[case::policy_is_stricter("", "operations: {scale: forbidden}\n", Touch::Replicas { to: Some(3) }, Tier::Forbidden)]
#[case::policy_cannot_loosen("", "operations: {delete: allowed}\n", Touch::Removed, Tier::Forbidden)]
#[case::policy_of_another_tier("", "match: {tiers: [prod]}\noperations: {scale: forbidden}\n", Touch::Replicas { to: Some(3) }, Tier::Allowed)]
#[case::blueprint_is_stricter("governance: {agent_authority: {requires_approval: [scale]}}\n", "", Touch::Replicas { to: Some(3) }, Tier::RequiresApproval)]
#[case::unlisted_needs_approval("governance: {agent_authority: {allowed_operations: [restart]}}\n", "", Touch::Replicas { to: Some(3) }, Tier::RequiresApproval)]
#[case::blueprint_cannot_loosen("governance: {agent_authority: {allowed_operations: [delete, scale_to_zero]}}\n", "", Touch::Replicas { to: Some(0) }, Tier::Forbidden)]
fn b05_tiers(#[case] governance: &str, #[case] policy: &str, #[case] touch: Touch, #[case] wanted: Tier) {
    let files = world(BOUNDS, governance, policy, 2);
    assert_eq!(tier(&files, touch, Known::Known(Vec::new())).0, wanted);
}

#[test]
fn zero_replicas_is_refused_with_an_alternative() {
    let files = world(BOUNDS, "", "", 2);
    let (_, _, alternative) = tier(&files, Touch::Replicas { to: Some(0) }, Known::Known(Vec::new()));
    assert_eq!(alternative.as_deref(), Some("replicas = 2 (min_replicas)"));
}

fn merged(when: &str) -> Known<Vec<PastOperation>> {
    let commit = "1".repeat(40);
    Known::Known(vec![PastOperation {
        pull: 1,
        operation: "scale".into(),
        merged_at: at(when),
        commit,
        delivered_at: None,
        outcome: None,
        changes: None,
        config: Vec::new(),
        reset_by: None,
        rewritten: false,
        foreign: false,
    }])
}

/// The cooldown goes by the forge's merge times, at least 60 s, to the second; unknown history holds (B11, T31).
#[rstest]
#[case::just_before("", merged("2026-11-21T11:59:01Z"), true)]
#[case::just_over("", merged("2026-11-21T11:59:00Z"), false)]
#[case::policy_is_longer("limits: {cooldown: 10m}\n", merged("2026-11-21T11:51:00Z"), true)]
#[case::policy_cannot_shorten("limits: {cooldown: 1s}\n", merged("2026-11-21T11:59:30Z"), true)]
#[case::nothing_happened("", Known::Known(Vec::new()), false)]
#[case::not_known("", Known::unknown(UnknownCode::Unreachable, "the forge did not answer"), true)]
#[case::this_very_second("", merged("2026-11-21T12:00:00Z"), true)]
#[case::a_second_ago("", merged("2026-11-21T11:59:59Z"), true)]
#[case::by_a_clock_that_is_ahead("", merged("2026-11-21T12:00:01Z"), true)]
#[case::a_second_over("", merged("2026-11-21T11:58:59Z"), false)]
#[case::yesterday("", merged("2026-11-20T12:00:00Z"), false)]
#[case::half_a_minute("", merged("2026-11-21T11:59:30Z"), true)]
#[case::a_policy_of_just_more("limits: {cooldown: 61s}\n", merged("2026-11-21T11:59:00Z"), true)]
#[case::a_policy_of_just_more_is_over("limits: {cooldown: 61s}\n", merged("2026-11-21T11:58:59Z"), false)]
#[case::a_policy_of_the_least("limits: {cooldown: 60s}\n", merged("2026-11-21T11:59:00Z"), false)]
#[case::a_policy_of_just_less_does_not_count("limits: {cooldown: 59s}\n", merged("2026-11-21T11:59:01Z"), true)]
#[case::a_policy_of_just_less_ends_with_the_least("limits: {cooldown: 59s}\n", merged("2026-11-21T11:59:00Z"), false)]
#[case::a_policy_of_nothing("limits: {cooldown: 0s}\n", merged("2026-11-21T11:59:01Z"), true)]
#[case::ten_minutes_less_a_second("limits: {cooldown: 10m}\n", merged("2026-11-21T11:50:01Z"), true)]
#[case::ten_minutes("limits: {cooldown: 10m}\n", merged("2026-11-21T11:50:00Z"), false)]
#[case::ten_minutes_and_a_second("limits: {cooldown: 10m}\n", merged("2026-11-21T11:49:59Z"), false)]
#[case::an_hour_less_a_second("limits: {cooldown: 1h}\n", merged("2026-11-21T11:00:01Z"), true)]
#[case::an_hour("limits: {cooldown: 1h}\n", merged("2026-11-21T11:00:00Z"), false)]
#[case::a_day_less_a_second("limits: {cooldown: 24h}\n", merged("2026-11-20T12:00:01Z"), true)]
#[case::a_day("limits: {cooldown: 24h}\n", merged("2026-11-20T12:00:00Z"), false)]
#[case::a_policy_of_another_tier(
    "match: {tiers: [prod]}\nlimits: {cooldown: 10m}\n",
    merged("2026-11-21T11:55:00Z"),
    false
)]
#[case::a_policy_of_this_tier(
    "match: {tiers: [staging]}\nlimits: {cooldown: 10m}\n",
    merged("2026-11-21T11:55:00Z"),
    true
)]
#[case::a_policy_of_another_owner(
    "match: {owners: [other]}\nlimits: {cooldown: 10m}\n",
    merged("2026-11-21T11:55:00Z"),
    false
)]
#[case::refused("", Known::unknown(UnknownCode::Forbidden, "no"), true)]
#[case::half_of_it("", Known::unknown(UnknownCode::Incomplete, "no"), true)]
#[case::too_old("", Known::unknown(UnknownCode::Stale, "no"), true)]
fn b11_cooldown(#[case] policy: &str, #[case] history: Known<Vec<PastOperation>>, #[case] held: bool) {
    let files = world(BOUNDS, "", policy, 2);
    let (_, holds, _) = tier(&files, Touch::Replicas { to: Some(3) }, history);
    assert_eq!(holds.contains(&"cooldown".to_owned()), held, "{holds:?}");
}

#[rstest]
#[case::inside("2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", "[]", true)]
#[case::over("2026-11-20T00:00:00Z", "2026-11-21T12:00:00Z", "[]", false)]
#[case::excepted("2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", "[scale]", false)]
fn x11_freeze(#[case] from: &str, #[case] to: &str, #[case] except: &str, #[case] held: bool) {
    let policy = format!("freezes: [{{name: sale, from: {from}, to: {to}, except: {except}}}]\n");
    let files = world(BOUNDS, "", &policy, 2);
    let (_, holds, _) = tier(&files, Touch::Replicas { to: Some(3) }, Known::Known(Vec::new()));
    assert_eq!(holds.contains(&"freeze".to_owned()), held, "{holds:?}");
}

/// The evidence of a plan is enough to derive it again (X3): the same actions, verdicts and hash.
#[test]
fn x03_a_plan_is_derived_again_from_its_evidence() {
    let files = world(BOUNDS, "", "limits: {cooldown: 60s}\n", 2);
    let environment = Name::new("staging").unwrap();
    let desired = Proposed::from_head(Some("0".repeat(40)), catalog(&files));
    let rules = trusted(&files);
    let whole = observation(2, 2, 85, 20);
    let plan = build(&PlanInput { rules: &rules, desired: &desired, environment: &environment, observation: &whole });
    let evidence = whole.only(&plan.blueprints[0].evidence);
    let read: Observation = serde_json::from_str(&serde_json::to_string(&evidence).unwrap()).unwrap();
    let again = build(&PlanInput { rules: &rules, desired: &desired, environment: &environment, observation: &read });
    assert_eq!(plan, again);
    assert_eq!(plan.items().count(), 1);
}

fn changes(before: &str, after: &str) -> Vec<Change> {
    let base = world(BOUNDS, "", "", 2);
    let mut old = base.clone();
    let mut new = base.clone();
    let path = RepoPath::new("deploy/web.yaml").unwrap();
    let blob = |text: &str| {
        File::Blob(Blob { id: Digest::of_bytes(text.as_bytes()).to_string(), bytes: text.as_bytes().into() })
    };
    old.0.insert(path.clone(), blob(before));
    new.0.insert(path.clone(), blob(after));
    let changed = ChangedPath { path: Ok(path), before: Some("a".into()), after: Some("b".into()) };
    let side = |files| Side { files, ..Side::default() };
    let set = change_set(&trusted(&base), &side(old), &side(new), &[changed]);
    set.governed.into_iter().map(|governed| governed.change).collect()
}

/// A field is a field; every other changed byte is an opaque change, so nothing hides beside a value.
#[test]
fn x02_every_other_changed_byte_is_an_opaque_change() {
    let before = manifest("  replicas: 2\n");
    let field = |change: &Change| matches!(change, Change::Field(f) if f.field.to_string() == "spec.replicas");
    let alone = changes(&before, &manifest("  replicas: 3\n"));
    assert!(alone.len() == 1 && field(&alone[0]), "{alone:?}");
    let with_comment = changes(&before, &manifest("  replicas: 3\n").replace("# end", "# END"));
    assert!(
        with_comment.iter().any(field) && with_comment.iter().any(|c| matches!(c, Change::Opaque(_))),
        "{with_comment:?}"
    );
    let only_comment = changes(&before, &before.replace("# end", "# END"));
    assert!(matches!(only_comment.as_slice(), [Change::Opaque(_)]), "{only_comment:?}");
    // Would miss: an image that an approver is told to be a comment.
    let twice = changes(&before, &before.replacen("  replicas: 2\n", "  replicas: 9\n  replicas: 2\n", 1));
    let told = twice
        .iter()
        .any(|c| matches!(c, Change::Opaque(o) if o.because.starts_with("it gives the key replicas twice")));
    assert!(told, "{twice:?}");
    let unreadable = changes(&before, "a: [");
    assert!(matches!(unreadable.as_slice(), [Change::Opaque(_)]), "{unreadable:?}");
    let second_document =
        changes(&before, &format!("{before}---\nkind: Secret\napiVersion: v1\nmetadata: {{name: x}}\n"));
    assert!(
        second_document.iter().any(|c| matches!(c, Change::Object(o) if o.added && o.object.kind == "Secret")),
        "{second_document:?}"
    );
}

/// The first two windows, by the pods' own times: a look that comes late answers the same.
#[rstest]
#[case::all_ready_in_time(3, 3, "2026-11-21T11:59:50Z", Outcome::Success)]
#[case::late_look_same_answer(3, 3, "2026-11-21T11:20:00Z", Outcome::Success)]
#[case::not_there_yet(2, 2, "2026-11-21T11:59:55Z", Outcome::Pending)]
#[case::never_there(2, 2, "2026-11-21T11:59:00Z", Outcome::Failure)]
#[case::pods_missing_yet(3, 2, "2026-11-21T11:59:50Z", Outcome::Pending)]
#[case::pods_missing(3, 2, "2026-11-21T11:50:00Z", Outcome::Failure)]
#[case::merged_this_second(3, 3, "2026-11-21T12:00:00Z", Outcome::Success)]
#[case::ready_at_the_last_moment(3, 3, "2026-11-21T10:58:55Z", Outcome::Success)]
#[case::ready_a_second_too_late(3, 3, "2026-11-21T10:58:54Z", Outcome::Failure)]
#[case::made_at_the_last_moment(3, 3, "2026-11-21T10:58:50Z", Outcome::Failure)]
#[case::made_later_who_knows(3, 3, "2026-11-21T10:58:49Z", Outcome::Unknown)]
#[case::too_few_for_nine_seconds(2, 2, "2026-11-21T11:59:51Z", Outcome::Pending)]
#[case::too_few_for_ten(2, 2, "2026-11-21T11:59:50Z", Outcome::Failure)]
#[case::too_few_for_eleven(2, 2, "2026-11-21T11:59:49Z", Outcome::Failure)]
#[case::too_few_just_merged(2, 2, "2026-11-21T12:00:00Z", Outcome::Pending)]
#[case::too_many_for_nine_seconds(4, 4, "2026-11-21T11:59:51Z", Outcome::Pending)]
#[case::too_many_for_ten(4, 4, "2026-11-21T11:59:50Z", Outcome::Failure)]
#[case::none_wanted_there(0, 0, "2026-11-21T11:59:50Z", Outcome::Failure)]
#[case::none_wanted_there_yet(0, 0, "2026-11-21T11:59:51Z", Outcome::Pending)]
#[case::one_missing_for_69_seconds(3, 2, "2026-11-21T11:58:51Z", Outcome::Pending)]
#[case::one_missing_for_70(3, 2, "2026-11-21T11:58:50Z", Outcome::Failure)]
#[case::one_missing_for_71(3, 2, "2026-11-21T11:58:49Z", Outcome::Failure)]
#[case::one_missing_just_merged(3, 2, "2026-11-21T12:00:00Z", Outcome::Pending)]
#[case::all_missing_for_69_seconds(3, 0, "2026-11-21T11:58:51Z", Outcome::Pending)]
#[case::all_missing_for_70(3, 0, "2026-11-21T11:58:50Z", Outcome::Failure)]
#[case::one_too_many_for_69_seconds(3, 4, "2026-11-21T11:58:51Z", Outcome::Pending)]
#[case::one_too_many_for_70(3, 4, "2026-11-21T11:58:50Z", Outcome::Failure)]
#[case::one_missing_and_replaced(3, 2, "2026-11-21T10:58:49Z", Outcome::Unknown)]
#[case::one_missing_and_not_replaced(3, 2, "2026-11-21T10:58:50Z", Outcome::Failure)]
fn b16_first_two_windows(#[case] live: u32, #[case] ready: u32, #[case] merged: &str, #[case] wanted: Outcome) {
    windows_give(Delivery::Direct, (live, ready), merged, wanted);
}

/// Under `gitops` the controller gets thirty times the first window.
#[rstest]
#[case::not_brought_for_299_seconds(2, 2, "2026-11-21T11:55:01Z", Outcome::Pending)]
#[case::not_brought_for_300(2, 2, "2026-11-21T11:55:00Z", Outcome::Failure)]
#[case::one_missing_for_359_seconds(3, 2, "2026-11-21T11:54:01Z", Outcome::Pending)]
#[case::one_missing_for_360(3, 2, "2026-11-21T11:54:00Z", Outcome::Failure)]
#[case::all_there(3, 3, "2026-11-21T11:54:00Z", Outcome::Success)]
fn b16_first_two_windows_under_gitops(
    #[case] live: u32,
    #[case] ready: u32,
    #[case] merged: &str,
    #[case] wanted: Outcome,
) {
    windows_give(Delivery::Gitops, (live, ready), merged, wanted);
}

fn windows_give(delivery: Delivery, (live, ready): (u32, u32), merged: &str, wanted: Outcome) {
    let observation = observation(live, ready, 50, 20);
    let facts = Recorder::new(&observation);
    let windows = Verification::default();
    let workload = web();
    let input = VerifyInput {
        workload: &workload,
        replicas: Some(3),
        requests: &[],
        fields: &[],
        config: &[],
        began: at(merged),
        delivery,
        attempted: true,
        windows: &windows,
        measured: Err("the environment names no Prometheus"),
        from: &observation.from,
    };
    assert_eq!(verify_merged(&input, &facts).outcome, wanted, "{:?}", verify_merged(&input, &facts));
}

/// The ledger takes each event once, however often it is offered (Z4).
#[test]
fn z04_the_ledger_takes_an_event_once() {
    use bpctl_core::ledger::{Entry, Event, append, lines, read_line};
    let entry = |pull| {
        let name = |text| Name::new(text).unwrap();
        let event = Event::Declined { pull, by: None, reason: None };
        Entry::new(at(NOW), name("staging"), name("web"), Digest::of("x"), event)
    };
    let files = append(
        &BTreeMap::<RepoPath, Vec<u8>>::new(),
        &std::collections::BTreeSet::default(),
        &[entry(1), entry(1), entry(2)],
    );
    let entries: Vec<Entry> = files.values().flat_map(|file| lines(file)).filter_map(read_line).collect();
    assert_eq!(entries.len(), 2);
    let known = entries.iter().map(|entry| entry.id.clone()).collect();
    assert!(append(&files, &known, &[entry(2)]).is_empty());
    assert!(read_line::<bpctl_core::ledger::Evidence>(b"{\"schemaVersion\": 9}").is_none());
}
