//! The arithmetic of right-sizing (B7), at its boundaries and at every rounding.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use bpctl_core::decide::sizing::{Sizing, size, within};
use bpctl_core::model::Percent;
use bpctl_core::observe::Resource;
use rstest::rstest;

/// `util=70% min=50m max=1 limit=200m ratio=150% pods=2 step=10% reach=30% oom`: what differs from the usual.
fn sizing(resource: Resource, request: &str, used: &str, options: &str) -> Sizing {
    let mut sizing = Sizing {
        resource,
        current: request.parse().unwrap(),
        used: used.parse().unwrap(),
        pods: 1,
        target_utilization: Percent::whole(100),
        minimum: None,
        maximum: None,
        limit: None,
        limit_ratio: None,
        out_of_memory: false,
        step: Percent::whole(10),
        reach: Percent::whole(30),
    };
    for option in options.split_whitespace() {
        match option.split_once('=').unwrap_or((option, "")) {
            ("util", value) => sizing.target_utilization = value.parse().unwrap(),
            ("min", value) => sizing.minimum = Some(value.parse().unwrap()),
            ("max", value) => sizing.maximum = Some(value.parse().unwrap()),
            ("ratio", value) => sizing.limit_ratio = Some(value.parse().unwrap()),
            ("limit", value) => sizing.limit = Some(value.parse().unwrap()),
            ("pods", value) => sizing.pods = value.parse().unwrap(),
            ("step", value) => sizing.step = value.parse().unwrap(),
            ("reach", value) => sizing.reach = value.parse().unwrap(),
            ("oom", _) => sizing.out_of_memory = true,
            (other, _) => panic!("{other}"),
        }
    }
    sizing
}

/// What is written, with `step` where the rest comes later, `maximum` where that has to be raised, and what the limit becomes; or a part of why not.
#[rstest]
// The requirement's own numbers.
#[case::thirty_off_is_a_step(Resource::Cpu, "100m", "70m", "", Ok("90m step"))]
#[case::half_is_the_whole_way(Resource::Cpu, "100m", "50m", "", Ok("50m"))]
#[case::within_ten_is_usage(Resource::Cpu, "120m", "108m", "", Ok("108m"))]
#[case::the_minimum_holds(Resource::Memory, "256Mi", "64Mi", "min=128Mi", Ok("128Mi"))]
#[case::at_the_minimum(
    Resource::Memory,
    "128Mi",
    "64Mi",
    "min=128Mi",
    Err("64Mi used asks for 64Mi, and 128Mi is the minimum")
)]
#[case::under_five(Resource::Cpu, "120m", "117m", "", Err("117m used, under 5% off (2.5%)"))]
// The edges between them, down and up.
#[case::five_exactly(Resource::Cpu, "100m", "95m", "", Ok("95m"))]
#[case::just_under_five(Resource::Cpu, "1000m", "951m", "", Err("under 5% off (4.9%)"))]
#[case::five_up(Resource::Cpu, "100m", "105m", "", Ok("105m"))]
#[case::ten_exactly(Resource::Cpu, "100m", "90m", "", Ok("90m"))]
#[case::just_over_ten(Resource::Cpu, "1000m", "899m", "", Ok("900m step"))]
#[case::just_over_ten_up(Resource::Cpu, "1000m", "1101m", "", Ok("1100m step"))]
#[case::thirty_up(Resource::Cpu, "100m", "130m", "", Ok("110m step"))]
#[case::just_over_thirty(Resource::Cpu, "1000m", "699m", "", Ok("699m"))]
#[case::just_over_thirty_up(Resource::Cpu, "1000m", "1301m", "", Ok("1301m"))]
#[case::equal(Resource::Cpu, "100m", "100m", "", Err("(0%)"))]
#[case::idle(Resource::Cpu, "100m", "0", "", Ok("1m"))]
// Rounding: up to a millicore or a MiB, and a step never goes further than a step.
#[case::up_to_a_millicore(Resource::Cpu, "100m", "94000001n", "", Ok("95m"))]
#[case::up_into_indifference(Resource::Cpu, "100m", "95000001n", "", Err("under 5% off (4%)"))]
#[case::up_to_a_mib(Resource::Memory, "200Mi", "193986561", "", Ok("186Mi"))]
#[case::a_step_down_is_rounded_up(Resource::Cpu, "105m", "80m", "", Ok("95m step"))]
#[case::a_step_up_is_rounded_down(Resource::Cpu, "105m", "130m", "", Ok("115m step"))]
#[case::a_step_of_mib(Resource::Memory, "256Mi", "200Mi", "", Ok("231Mi step"))]
#[case::decimal_bytes(Resource::Memory, "128M", "110000000", "", Ok("110Mi step"))]
#[case::less_than_a_unit(Resource::Cpu, "7m", "5m", "", Err("a step of 10% is less than 1m"))]
// Σ over pods, and the target utilization.
#[case::mean_of_pods(Resource::Cpu, "100m", "255m", "pods=3", Ok("90m step"))]
#[case::mean_of_pods_is_rounded_up(Resource::Cpu, "100m", "277m", "pods=3", Ok("93m"))]
#[case::target_utilization(Resource::Cpu, "100m", "70m", "util=70%", Err("70m used asks for 100m, under 5% off (0%)"))]
#[case::target_utilization_up(Resource::Cpu, "100m", "84m", "util=70%", Ok("110m step"))]
#[case::target_utilization_far(Resource::Cpu, "100m", "98m", "util=70%", Ok("140m"))]
// Bounds, limit, memory that ran out.
#[case::a_step_stops_at_the_minimum(Resource::Cpu, "100m", "60m", "min=95m", Ok("95m"))]
#[case::from_below_the_minimum_at_once(Resource::Memory, "100Mi", "64Mi", "min=128Mi", Ok("128Mi"))]
#[case::up_to_the_maximum(Resource::Cpu, "1000m", "1080m", "max=1080m", Ok("1080m"))]
#[case::beyond_the_maximum(Resource::Cpu, "1000m", "1081m", "max=1080m", Ok("1081m maximum"))]
#[case::a_step_below_the_maximum(Resource::Cpu, "1000m", "1300m", "max=1200m", Ok("1100m step"))]
#[case::down_to_above_the_maximum(Resource::Cpu, "2000m", "1500m", "max=1", Ok("1800m step"))]
// Limits: they stay, are raised with a request that passes them, or keep their share of it.
#[case::below_the_limit(Resource::Memory, "128Mi", "140Mi", "limit=192Mi", Ok("140Mi"))]
#[case::at_the_limit(Resource::Memory, "180Mi", "192Mi", "limit=192Mi", Ok("192Mi"))]
#[case::above_the_limit_both(Resource::Memory, "180Mi", "193Mi", "limit=192Mi", Ok("193Mi limit 193Mi"))]
#[case::far_above_the_limit_both(Resource::Memory, "128Mi", "250Mi", "limit=192Mi", Ok("250Mi limit 250Mi"))]
#[case::a_step_below_the_limit(Resource::Cpu, "100m", "130m", "limit=120m", Ok("110m step"))]
#[case::a_step_above_the_limit(Resource::Cpu, "115m", "140m", "limit=120m", Ok("126m step limit 126m"))]
#[case::down_leaves_the_limit(Resource::Cpu, "100m", "90m", "limit=200m", Ok("90m"))]
#[case::limit_below_minimum(Resource::Memory, "100Mi", "64Mi", "min=128Mi limit=110Mi", Ok("128Mi limit 128Mi"))]
#[case::the_ratio_up(Resource::Cpu, "100m", "110m", "limit=200m ratio=200%", Ok("110m limit 220m"))]
#[case::the_ratio_down(Resource::Cpu, "100m", "90m", "limit=200m ratio=200%", Ok("90m limit 180m"))]
#[case::the_ratio_is_rounded_up(Resource::Cpu, "105m", "115m", "limit=158m ratio=150%", Ok("115m limit 173m"))]
#[case::the_ratio_corrects_a_limit(Resource::Cpu, "100m", "90m", "limit=500m ratio=200%", Ok("90m limit 180m"))]
#[case::the_ratio_as_it_is_already(Resource::Cpu, "100m", "90m", "limit=180m ratio=200%", Ok("90m"))]
#[case::no_limit_no_ratio(Resource::Cpu, "100m", "90m", "ratio=200%", Ok("90m"))]
#[case::equal_stays_equal(Resource::Cpu, "100m", "70m", "limit=100m util=90%", Ok("90m step limit 90m"))]
#[case::equal_memory_stays_equal(Resource::Memory, "100Mi", "90Mi", "limit=100Mi util=90%", Err("under 5% off (0%)"))]
#[case::equal_memory_grows(Resource::Memory, "100Mi", "99Mi", "limit=100Mi util=90%", Ok("110Mi limit 110Mi"))]
#[case::equal_without_room(Resource::Memory, "100Mi", "70Mi", "limit=100Mi", Err("usage would be 100% of the limit"))]
#[case::equal_with_little_room(
    Resource::Memory,
    "100Mi",
    "70Mi",
    "limit=100Mi util=90.01%",
    Err("usage would be 90.01% of the limit")
)]
#[case::the_ratio_gives_room(Resource::Memory, "100Mi", "70Mi", "limit=120Mi ratio=112%", Ok("90Mi step limit 101Mi"))]
#[case::the_ratio_gives_too_little(
    Resource::Memory,
    "100Mi",
    "70Mi",
    "limit=120Mi ratio=111%",
    Err("usage would be 90.09% of the limit")
)]
#[case::out_of_memory_no_less(
    Resource::Memory,
    "256Mi",
    "128Mi",
    "oom",
    Err("128Mi used, but a container ran out of memory")
)]
#[case::out_of_memory_more(Resource::Memory, "256Mi", "300Mi", "oom", Ok("281Mi step"))]
// Policies' own numbers.
#[case::smaller_step(Resource::Cpu, "100m", "70m", "step=5%", Ok("95m step"))]
#[case::smaller_reach(Resource::Cpu, "100m", "80m", "reach=15%", Ok("80m"))]
#[case::no_step_at_all(Resource::Cpu, "100m", "80m", "step=0%", Err("a step of 0% is less than 1m"))]
fn b07_sizes(
    #[case] resource: Resource,
    #[case] request: &str,
    #[case] used: &str,
    #[case] options: &str,
    #[case] wanted: Result<&str, &str>,
) {
    let found = size(&sizing(resource, request, used, options)).map(|size| {
        let step = if size.step { " step" } else { "" };
        let maximum = if size.above_maximum { " maximum" } else { "" };
        let limit = size.limit.map_or_else(String::new, |limit| format!(" limit {limit}"));
        format!("{}{step}{maximum}{limit}", size.to)
    });
    match wanted {
        Ok(wanted) => assert_eq!(found.as_deref(), Ok(wanted)),
        Err(why) => assert!(found.as_ref().is_err_and(|told| told.contains(why)), "{found:?}"),
    }
}

/// What is proposed as a step is one for the judge too, goes the right way and not past the target; what is not a step is within one or
/// beyond the reach. Every request and usage of a small range, so that no rounding is left out.
#[test]
fn b07_the_judge_and_the_arithmetic_agree_at_every_rounding() {
    let (mut steps, mut whole) = (0, 0);
    for request in 1..=240 {
        for used in 0..=360 {
            let sizing = sizing(Resource::Cpu, &format!("{request}m"), &format!("{used}m"), "");
            let Ok(size) = size(&sizing) else { continue };
            let (from, to, target) = (&sizing.current, &size.to, &size.target);
            let told = format!("{from} at {used}m: {to}");
            if size.step {
                steps += 1;
                assert!(within(from, to, sizing.step) && to != from, "{told}");
                assert!((from < to) == (to < target) && to != target, "{told}");
            } else {
                whole += 1;
                assert_eq!(to, target, "{told}");
                assert!(within(from, to, sizing.step) || !within(from, to, sizing.reach), "{told}");
            }
        }
    }
    assert!(steps > 1000 && whole > 1000, "{steps} {whole}");
}

/// A limit is never below its request, whatever is sized; one that keeps its share does so to the unit.
#[test]
fn b07_no_limit_lies_below_its_request() {
    let mut moved = 0;
    for request in 1..=120 {
        for used in (0..=240).step_by(3) {
            for options in ["limit=150m", "limit=150m ratio=130% util=70%", "limit=120m ratio=100% util=80%"] {
                let sizing = sizing(Resource::Cpu, &format!("{request}m"), &format!("{used}m"), options);
                let Ok(size) = size(&sizing) else { continue };
                let limit = size.limit.as_ref().or(sizing.limit.as_ref()).unwrap();
                assert!(&size.to <= limit, "{request}m at {used}m, {options}: {size:?}");
                moved += usize::from(size.limit.is_some());
            }
        }
    }
    assert!(moved > 1000, "{moved}");
}
