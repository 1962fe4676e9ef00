//! Rules that look back (B7, B11, X6): the breaker, back and forth, and what steps add up to; all of it from merges, checks and Git.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod small_world;

use std::collections::BTreeSet;

use bpctl_core::blueprint::Tier;
use bpctl_core::govern::{RequestTouch, Subject, Touch, Undoes, Verdict, judge};
use bpctl_core::model::{FieldPath, Name, Period, RepoPath, Segment, Timestamp, Untrusted};
use bpctl_core::observe::{
    CheckConclusion, FactKey, FactValue, FailedDelivery, Known, LiveObject, Observation, ObservedFrom, PastChange,
    PastOperation, Recorder, Resource, UnknownCode,
};
use bpctl_core::propose::{Parsed, past_changes};
use rstest::rstest;
use serde_json::{Value as Json, json};
use small_world::{WORKSPACE, files, trusted, web};

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn request() -> FieldPath {
    FieldPath::keys(["spec", "template", "spec", "containers"])
        .join(Segment::Item(vec![("name".into(), "web".into())]))
        .key("resources")
        .key("requests")
        .key("cpu")
}

/// `scale:3>4:ok@5h`: an operation, what it changed (`?`: not known), how it ended (`reset`: it failed, and a person changed the blueprint
/// since; `lost`: the base branch does not hold it any more; `theirs`: it is of another account, and went well; `theirs-fail`, `theirs-reset`),
/// and how long ago.
fn history(told: &str) -> Vec<PastOperation> {
    let one = |(number, told): (usize, &str)| {
        let (told, ago) = told.split_once('@').unwrap();
        let parts: Vec<&str> = told.split(':').collect();
        let [operation, values, outcome] = parts.as_slice() else { panic!("{told}") };
        let value = |text: &str| text.parse::<u64>().map_or_else(|_| Json::from(text), Json::from);
        let field = if *operation == "scale" { FieldPath::keys(["spec", "replicas"]) } else { request() };
        let change = |(from, to): (&str, &str)| PastChange { field, from: Some(value(from)), to: Some(value(to)) };
        PastOperation {
            pull: number as u64 + 1,
            operation: (*operation).into(),
            merged_at: ago.parse::<Period>().unwrap().before(now()),
            commit: "c".into(),
            delivered_at: None,
            outcome: match *outcome {
                "ok" | "theirs" => Some(CheckConclusion::Success),
                "fail" | "reset" | "theirs-fail" | "theirs-reset" => Some(CheckConclusion::Failure),
                "unseen" => Some(CheckConclusion::Neutral),
                "open" | "lost" | "lost+reset" => None,
                other => panic!("{other}"),
            },
            changes: values.split_once('>').map(|values| vec![change(values)]),
            config: Vec::new(),
            reset_by: outcome.ends_with("reset").then(|| "p".into()),
            rewritten: outcome.starts_with("lost"),
            foreign: outcome.starts_with("theirs"),
        }
    };
    told.split_whitespace().enumerate().map(one).collect()
}

fn judged(policy: &str, past: &str, touch: Touch) -> Verdict {
    judged_with("", policy, past, touch)
}

/// The same with these lines at the end of the blueprint.
fn judged_with(lines: &str, policy: &str, past: &str, touch: Touch) -> Verdict {
    judged_after(lines, policy, past, Known::Known(Vec::new()), touch)
}

/// The same after these deliveries were refused.
fn judged_after(lines: &str, policy: &str, past: &str, refused: Known<Vec<FailedDelivery>>, touch: Touch) -> Verdict {
    let blueprint = "apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata: {name: web, version: 1.0.0, owner: team}\nspec:\n  target: {workload: Deployment/web, namespace: shop, source: deploy/web.yaml}\n  scaling: {min_replicas: 1, max_replicas: 9}\n  resources: {cpu: {minimum: 10m}}\n";
    let policy = format!(
        "apiVersion: bpctl.dev/v1\nkind: Policy\nmetadata: {{name: base, version: 1.0.0, owner: platform}}\n{policy}"
    );
    let manifest = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  replicas: 3\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers:\n        - {name: web, image: web, resources: {requests: {cpu: 100m}}}\n";
    let files = files(&[
        ("bpctl.yaml", WORKSPACE),
        ("blueprints/web.yaml", &format!("{blueprint}{lines}")),
        ("blueprints/base.yaml", &policy),
        ("deploy/web.yaml", manifest),
    ]);
    let (name, staging) = (Name::new("web").unwrap(), Name::new("staging").unwrap());
    let from = ObservedFrom::Live { context: "lab".into(), version: "1.36".into() };
    let mut observation = Observation::new(staging.clone(), from, now());
    observation.add(FactKey::Autoscaler(web()), "t", FactValue::Autoscaler(Known::Known(None)));
    let body = json!({"metadata": {"name": "web", "namespace": "shop", "uid": "u"}});
    let live = LiveObject::from_json("apps/v1", "Deployment", body);
    observation.add(FactKey::Object(web()), "t", FactValue::Object(Known::Known(live)));
    observation.add(FactKey::Deliveries(name.clone()), "forge", FactValue::Deliveries(refused));
    observation.add(FactKey::History(name.clone()), "t", FactValue::History(Known::Known(history(past))));
    let subject = Subject { blueprint: name, object: web(), touch, undoes: Undoes::Nothing, adopts: false };
    judge(&trusted(&files), &staging, &subject, &Recorder::new(&observation))
}

fn scale() -> Touch {
    Touch::Replicas { to: Some(4) }
}

fn resize(from: &str, to: &str) -> Touch {
    let (from, to) = (from.parse().ok(), to.parse().ok());
    Touch::Requests(vec![RequestTouch { container: "web".into(), resource: Resource::Cpu, from, to, limit: None }])
}

/// What the breaker says, where it is open.
fn open(verdict: &Verdict) -> Option<&str> {
    verdict.holds.iter().find(|hold| hold.rule.ident == "breaker").map(|hold| hold.rule.because.as_str())
}

const THREE: &str = "scale:1>2:fail@9h scale:2>3:fail@8h scale:3>4:fail@7h";

#[rstest]
#[case::nothing("", "", None)]
#[case::of_another_account(
    "",
    "scale:1>2:theirs-fail@9h scale:2>3:fail@8h scale:3>4:theirs-fail@7h",
    Some("failed one after another: scale #1 of another account, scale #2, scale #3 of another account")
)]
#[case::another_accounts_success_frees_nothing("", &format!("{THREE} scale:4>5:theirs@6h"), Some("failed one after another: scale #1, scale #2, scale #3"))]
#[case::nor_does_the_answer_to_its_failure("", &format!("{THREE} scale:4>5:theirs-reset@6h"), Some("failed one after another: scale #1, scale #2, scale #3"))]
#[case::but_its_failures_end_with_a_success(
    "",
    "scale:1>2:theirs-fail@9h scale:2>3:theirs-fail@8h scale:3>4:ok@7h scale:4>5:theirs-fail@6h",
    None
)]
#[case::two("", "scale:1>2:fail@9h scale:2>3:fail@8h", None)]
#[case::three("", THREE, Some("failed one after another: scale #1, scale #2, scale #3"))]
#[case::four("", &format!("{THREE} resize:?:fail@6h"), Some("failed one after another: scale #1, scale #2, scale #3, resize #4"))]
#[case::of_several_kinds(
    "",
    "scale:1>2:fail@9h resize:?:fail@8h scale:3>4:fail@7h",
    Some("failed one after another: scale #1, resize #2, scale #3")
)]
#[case::a_success_afterwards("", &format!("{THREE} scale:4>5:ok@6h"), None)]
#[case::a_success_before("", &format!("scale:0>1:ok@10h {THREE}"), Some("failed one after another: scale #2, scale #3, scale #4"))]
#[case::a_success_between("", "scale:1>2:fail@9h scale:2>3:ok@8h scale:3>4:fail@7h scale:4>5:fail@6h", None)]
#[case::reset_after_the_last("", "scale:1>2:fail@9h scale:2>3:fail@8h scale:3>4:reset@7h", None)]
#[case::reset_after_an_earlier("", "scale:1>2:fail@9h scale:2>3:reset@8h scale:3>4:fail@7h", None)]
#[case::reset_and_failed_again(
    "",
    "scale:1>2:reset@9h scale:1>2:fail@8h scale:2>3:fail@7h scale:3>4:fail@6h",
    Some("failed one after another: scale #2, scale #3, scale #4")
)]
#[case::what_was_not_seen_neither_counts("", "scale:1>2:unseen@9h scale:2>3:fail@8h scale:3>4:fail@7h", None)]
#[case::nor_resets(
    "",
    "scale:1>2:fail@9h scale:2>3:fail@8h scale:3>4:unseen@7h scale:4>5:open@6h scale:4>5:fail@5h",
    Some("failed one after another: scale #1, scale #2, scale #5")
)]
#[case::one_is_enough("limits: {breaker: 1}\n", "scale:1>2:fail@9h", Some("failed one after another: scale #1"))]
#[case::a_policy_is_more_patient("limits: {breaker: 4}\n", THREE, None)]
#[case::one("", "scale:1>2:fail@9h", None)]
#[case::only_good_ones("", "scale:1>2:ok@9h scale:2>3:ok@8h scale:3>4:ok@7h", None)]
#[case::three_that_are_open("", "scale:1>2:open@9h scale:2>3:open@8h scale:3>4:open@7h", None)]
#[case::three_that_nobody_saw("", "scale:1>2:unseen@9h scale:2>3:unseen@8h scale:3>4:unseen@7h", None)]
#[case::three_and_an_open_one("", &format!("{THREE} scale:4>5:open@6h"), Some("failed one after another: scale #1, scale #2, scale #3"))]
#[case::three_and_one_that_nobody_saw("", &format!("{THREE} scale:4>5:unseen@6h"), Some("failed one after another: scale #1, scale #2, scale #3"))]
#[case::three_and_what_only_has_the_name("", &format!("{THREE} scale:4>5:theirs@6h"), Some("failed one after another: scale #1, scale #2, scale #3"))]
#[case::three_and_a_reset("", &format!("{THREE} scale:4>5:reset@6h"), None)]
#[case::a_reset_and_two("", "scale:1>2:reset@9h scale:2>3:fail@8h scale:3>4:fail@7h", None)]
#[case::three_after_a_success(
    "",
    "scale:1>2:fail@9h scale:2>3:fail@8h scale:3>4:ok@7h scale:4>5:fail@6h scale:5>6:fail@5h scale:6>7:fail@4h",
    Some("failed one after another: scale #4, scale #5, scale #6")
)]
#[case::two_of_two(
    "limits: {breaker: 2}\n",
    "scale:1>2:fail@9h scale:2>3:fail@8h",
    Some("failed one after another: scale #1, scale #2")
)]
#[case::one_of_two("limits: {breaker: 2}\n", "scale:1>2:fail@9h", None)]
#[case::two_of_two_with_a_success_between(
    "limits: {breaker: 2}\n",
    "scale:1>2:fail@9h scale:2>3:ok@8h scale:3>4:fail@7h",
    None
)]
#[case::four_of_five("limits: {breaker: 5}\n", &format!("{THREE} scale:4>5:fail@6h"), None)]
#[case::five_of_five("limits: {breaker: 5}\n", &format!("{THREE} scale:4>5:fail@6h scale:5>6:fail@5h"), Some("failed one after another: scale #1, scale #2, scale #3, scale #4, scale #5"))]
#[case::one_is_enough_and_was_mended("limits: {breaker: 1}\n", "scale:1>2:fail@9h scale:2>3:ok@8h", None)]
fn b11_the_breaker_counts_failures_in_a_row(#[case] policy: &str, #[case] past: &str, #[case] wanted: Option<&str>) {
    let verdict = judged(policy, past, scale());
    assert_eq!(open(&verdict), wanted, "{verdict:?}");
    if wanted.is_some() {
        let hold = verdict.holds.iter().find(|hold| hold.rule.ident == "breaker").unwrap();
        assert_eq!(hold.until(), "until a person's change of the blueprint is merged");
        // Whatever is to be done: delivering and restarting too.
        for touch in
            [Touch::Reconcile { replicas: None }, Touch::Restart { request: "r".into() }, resize("100m", "90m")]
        {
            assert!(open(&judged(policy, past, touch.clone())).is_some(), "{touch:?}");
        }
    }
}

/// Z13: a base branch that does not hold what was merged was rewritten. That alone stops a workload, whatever the limit, until a person's pull
/// request says that it was meant.
#[rstest]
#[case::the_newest("", "scale:1>2:ok@9h scale:2>3:lost@8h", true)]
#[case::whatever_the_limit("limits: {breaker: 9}\n", "scale:2>3:lost@8h", true)]
#[case::a_person_meant_it("", "scale:2>3:lost+reset@8h", false)]
#[case::what_came_after_is_there("", "scale:1>2:lost@9h scale:2>3:ok@8h", false)]
fn z13_a_base_that_lost_a_merge_opens_the_breaker(#[case] policy: &str, #[case] past: &str, #[case] opens: bool) {
    let verdict = judged(policy, past, scale());
    let hold = verdict.holds.iter().find(|hold| hold.rule.ident == "breaker");
    assert_eq!(hold.is_some(), opens, "{verdict:?}");
    if let Some(hold) = hold {
        let told = hold.rule.because.as_str();
        assert!(told.contains("does not hold its merge c any more: somebody rewrote the branch"), "{told}");
        assert_eq!(hold.until(), "until a person's pull request that changes the blueprint is merged");
    }
}

/// What is said of going back and forth.
fn swings(verdict: &Verdict) -> Option<&str> {
    verdict.rules.iter().find(|rule| rule.ident == "reversal").map(|rule| rule.because.as_str())
}

const SWUNG: &str = "scale:3>4:ok@9h scale:4>3:ok@8h";

#[rstest]
#[case::there_alone("", "scale:3>4:ok@9h", None)]
#[case::there_and_further("", "scale:3>4:ok@9h scale:4>5:ok@8h", None)]
#[case::there_and_back("", SWUNG, Some("replicas went 3 → 4 with #1 and back with #2"))]
#[case::back_to_something_else("", "scale:3>4:ok@9h scale:4>2:ok@8h", None)]
#[case::the_newest_is_told(
    "",
    "scale:3>4:ok@9h scale:4>3:ok@8h scale:3>4:ok@7h scale:4>3:ok@6h",
    Some("replicas went 3 → 4 with #3 and back with #4")
)]
#[case::something_between(
    "",
    "scale:3>4:ok@9h resize:100m>110m:ok@8h scale:4>3:ok@7h",
    Some("replicas went 3 → 4 with #1 and back with #3")
)]
#[case::within_the_day("", "scale:3>4:ok@86399s scale:4>3:ok@8h", Some("replicas went 3 → 4 with #1 and back with #2"))]
#[case::a_day_ago("", "scale:3>4:ok@24h scale:4>3:ok@8h", None)]
#[case::a_policy_looks_less_far("limits: {reversal: 1h}\n", SWUNG, None)]
#[case::a_policy_looks_further(
    "limits: {reversal: 48h}\n",
    "scale:3>4:ok@40h scale:4>3:ok@30h",
    Some("replicas went 3 → 4 with #1 and back with #2")
)]
#[case::another_field("", "resize:100m>110m:ok@9h resize:110m>100m:ok@8h", None)]
#[case::one_is_not_known("", "scale:?:ok@9h scale:4>3:ok@8h", None)]
#[case::two_are_not_known(
    "",
    "scale:?:ok@9h scale:?:ok@8h",
    Some("what 2 operations of the last 1d changed is not known")
)]
#[case::nothing("", "", None)]
#[case::there_back_and_there(
    "",
    "scale:3>4:ok@9h scale:4>3:ok@8h scale:3>4:ok@7h",
    Some("replicas went 4 → 3 with #2 and back with #3")
)]
#[case::in_a_circle("", "scale:3>4:ok@9h scale:4>5:ok@8h scale:5>3:ok@7h", None)]
#[case::two_at_once_and_back(
    "",
    "scale:3>5:ok@9h scale:5>3:ok@8h",
    Some("replicas went 3 → 5 with #1 and back with #2")
)]
#[case::down_and_up("", "scale:4>3:ok@9h scale:3>4:ok@8h", Some("replicas went 4 → 3 with #1 and back with #2"))]
#[case::back_and_then_further(
    "",
    "scale:3>4:ok@9h scale:4>3:ok@8h scale:3>5:ok@7h",
    Some("replicas went 3 → 4 with #1 and back with #2")
)]
#[case::the_same_way_twice("", "scale:3>4:ok@9h scale:3>4:ok@8h", None)]
#[case::though_both_failed(
    "",
    "scale:3>4:fail@9h scale:4>3:fail@8h",
    Some("replicas went 3 → 4 with #1 and back with #2")
)]
#[case::though_both_are_open(
    "",
    "scale:3>4:open@9h scale:4>3:open@8h",
    Some("replicas went 3 → 4 with #1 and back with #2")
)]
#[case::both_a_day_ago("", "scale:3>4:ok@25h scale:4>3:ok@24h", None)]
#[case::both_just_within_the_day(
    "",
    "scale:3>4:ok@86399s scale:4>3:ok@86398s",
    Some("replicas went 3 → 4 with #1 and back with #2")
)]
#[case::a_policy_to_the_second("limits: {reversal: 9h}\n", SWUNG, None)]
#[case::a_policy_to_the_second_before(
    "limits: {reversal: 32401s}\n",
    SWUNG,
    Some("replicas went 3 → 4 with #1 and back with #2")
)]
#[case::an_unknown_one_between(
    "",
    "scale:3>4:ok@9h scale:?:ok@8h scale:4>3:ok@7h",
    Some("replicas went 3 → 4 with #1 and back with #3")
)]
#[case::two_unknown_of_another_kind("", "resize:?:ok@9h resize:?:ok@8h", None)]
#[case::one_unknown_of_each_kind("", "scale:?:ok@9h resize:?:ok@8h", None)]
#[case::two_unknown_a_day_ago("", "scale:?:ok@25h scale:?:ok@24h", None)]
fn b11_back_and_forth_is_a_persons(#[case] policy: &str, #[case] past: &str, #[case] wanted: Option<&str>) {
    let verdict = judged(policy, past, scale());
    let tier = if wanted.is_some() { Tier::RequiresApproval } else { Tier::Allowed };
    assert_eq!((swings(&verdict), verdict.tier), (wanted, tier), "{verdict:?}");
}

/// Of requests by what they mean, however they are written.
#[rstest]
#[case::there_and_back(
    "resize:100m>110m:ok@9h resize:110m>100m:ok@8h",
    Some("the cpu request went 100m → 110m with #1 and back with #2")
)]
#[case::written_otherwise(
    "resize:100m>110m:ok@9h resize:0.11>0.1:ok@8h",
    Some("the cpu request went 100m → 110m with #1 and back with #2")
)]
#[case::there_alone("resize:110m>100m:ok@9h", None)]
fn b11_requests_that_swing_are_a_persons(#[case] past: &str, #[case] wanted: Option<&str>) {
    assert_eq!(swings(&judged("", past, resize("100m", "105m"))), wanted);
}

/// From the last value that a person merged, walked back through what the merges changed.
#[rstest]
#[case::none_before("", ("100m", "90m"), None)]
#[case::two_steps("resize:110m>100m:ok@9d", ("100m", "90m"), None)]
#[case::just_within("resize:120m>110m:ok@9d resize:110m>100m:ok@8d", ("100m", "90m"), None)]
#[case::just_beyond("resize:122m>111m:ok@9d resize:111m>101m:ok@8d", ("101m", "91m"), Some("2 resizes of the last 31 days, from 122m, the last value that a person merged, and this one add up to 25.4%"))]
#[case::small_steps_add_up_to_little("resize:108m>106m:ok@9d resize:106m>104m:ok@8d resize:104m>102m:ok@7d resize:102m>100m:ok@6d", ("100m", "98m"), None)]
#[case::back_again("resize:100m>110m:ok@9d resize:110m>100m:ok@8d", ("100m", "110m"), None)]
#[case::a_person_in_between("resize:150m>140m:ok@9d resize:111m>100m:ok@8d", ("100m", "90m"), None)]
#[case::a_person_since("resize:150m>140m:ok@9d resize:140m>130m:ok@8d", ("100m", "90m"), None)]
#[case::a_whole_way_was_approved("resize:300m>110m:ok@9d resize:110m>100m:ok@8d", ("100m", "90m"), None)]
#[case::not_known("resize:?:ok@9d resize:?:ok@8d", ("100m", "90m"), Some("2 resizes of the last 31 days, counted as a step each, and this one add up to 30%"))]
#[case::one_of_them_not_known("resize:?:ok@9d resize:110m>100m:ok@8d", ("100m", "90m"), Some("2 resizes of the last 31 days, 1 of them counted as a step each, and this one add up to 28.18%"))]
#[case::of_another_operation("scale:3>4:ok@9d scale:4>5:ok@8d", ("100m", "90m"), None)]
fn b07_steps_add_up_from_a_persons_value(
    #[case] past: &str,
    #[case] (from, to): (&str, &str),
    #[case] wanted: Option<&str>,
) {
    let verdict = judged("", past, resize(from, to));
    let told = verdict.rules.iter().find(|rule| rule.cite.starts_with("limits.resize_sum")).map(|r| r.because.as_str());
    assert_eq!(told, wanted, "{verdict:?}");
}

/// What two versions of a file say of one workload, among others.
#[test]
fn what_a_merge_changed_is_read_off_two_versions_of_a_file() {
    let path = RepoPath::new("deploy/web.yaml").unwrap();
    let text = |replicas: u32, other: u32| {
        format!(
            "kind: Deployment\napiVersion: apps/v1\nmetadata: {{name: web}}\nspec: {{replicas: {replicas}}}\n---\nkind: Deployment\napiVersion: apps/v1\nmetadata: {{name: other}}\nspec: {{replicas: {other}}}\n"
        )
    };
    let changed = |a: &str, b: &str| {
        let (a, b) = (files(&[("deploy/web.yaml", a)]), files(&[("deploy/web.yaml", b)]));
        let (reads, paths) = (BTreeSet::new(), std::slice::from_ref(&path));
        past_changes(&web(), &reads, paths, (&a, &b), &mut Parsed::default()).map(|landed| landed.changes)
    };
    let found = changed(&text(3, 1), &text(4, 2)).unwrap();
    let wanted = PastChange { field: FieldPath::keys(["spec", "replicas"]), from: Some(3.into()), to: Some(4.into()) };
    assert_eq!(found, [wanted]);
    assert_eq!(changed(&text(3, 1), &text(3, 2)), Some(Vec::new()));
    assert_eq!(changed("a: 1\n", "a: 2\n"), Some(Vec::new()));
    assert_eq!(changed(&text(3, 1), "a: 2\n"), None);
    assert_eq!(changed(&text(3, 1), "a: [\n"), None);
}

/// An override holds up to its end, by the forge's clock, and every verdict names it; then the blueprint's own values count.
#[rstest]
#[case::it_stays("", Tier::RequiresApproval, None)]
#[case::one_second_left(
    "expires: 2026-11-21T12:00:01Z, ",
    Tier::RequiresApproval,
    Some("the override of staging holds until 2026-11-21T12:00:01Z (blueprints/web.yaml:9:22)")
)]
#[case::over("expires: 2026-11-21T12:00:00Z, ", Tier::Allowed, None)]
#[case::long_over("expires: 2020-01-01T00:00:00Z, ", Tier::Allowed, None)]
fn x11_an_override_ends_to_the_second(#[case] expires: &str, #[case] tier: Tier, #[case] named: Option<&str>) {
    let over = format!("environments:\n  staging: {{{expires}spec: {{scaling: {{max_replicas: 3}}}}}}\n");
    let verdict = judged_with(&over, "", "", scale());
    assert_eq!((verdict.tier, verdict.overrides.first().map(String::as_str)), (tier, named), "{verdict:?}");
}

/// Would miss: deliveries that are refused again and again, a mixture of both kinds of failure, and what nobody could see.
#[rstest]
#[case::two(Known::Known(2), "", None)]
#[case::three(
    Known::Known(3),
    "",
    Some("failed one after another: delivery of abcdef0, delivery of abcdef0, delivery of abcdef0")
)]
#[case::both(
    Known::Known(2),
    "scale:1>2:fail@9h",
    Some("failed one after another: scale #1, delivery of abcdef0, delivery of abcdef0")
)]
#[case::unseen(
    Known::unknown(UnknownCode::Unreachable, "no answer"),
    "",
    Some("which deliveries failed is not known: no answer")
)]
fn b11_refused_deliveries_open_the_breaker(
    #[case] refused: Known<u32>,
    #[case] past: &str,
    #[case] wanted: Option<&str>,
) {
    let delivery = |attempt| FailedDelivery {
        commit: "abcdef0123".into(),
        attempt,
        at: now(),
        because: Untrusted::new("Duplicate value"),
    };
    let refused = refused.map(|times| (1..=times).map(delivery).collect());
    assert_eq!(open(&judged_after("", "", past, refused, Touch::Reconcile { replicas: None })), wanted);
}
