//! A replica less that is one too few: what was measured says so whenever somebody looks, and it comes back (B16, B17, B18).

use std::thread;
use std::time::Duration;

use serde_json::Value as Json;

use super::{Shop, told};
use crate::support::wait_for;

const SPEC: &str =
    "  performance: {latency_p95: 200ms}\n  reliability: {rollback: {on_failed_verification: true, within: 60s}}\n";

/// The outcome of a window's p95 latency, and its milliseconds before and after.
fn latency(report: &Json, window: &str) -> (String, u64, u64) {
    let checks = report["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["window"] == window).unwrap_or_else(|| panic!("{report:#}"));
    let measured = check["measured"].as_array().unwrap();
    let line = measured.iter().find(|line| line["measure"] == "p95 latency").unwrap_or_else(|| panic!("{report:#}"));
    assert_eq!(line["target"], "200ms");
    let millis = |side: &str| line[side].as_str().unwrap().trim_end_matches("ms").parse().unwrap();
    (line["outcome"].as_str().unwrap().to_owned(), millis("before"), millis("after"))
}

/// B18, the fourth demonstration. Would miss: a failure that all pods being ready hides, one that looking later makes good, a way back
/// that waits for the next run, or that nobody verifies.
#[test]
fn b16_a_late_run_gives_the_same_verdict_and_what_became_slow_goes_back() {
    let windows = "ready: 15s, settled: 15s, sustained: 15s";
    let shop = Shop::with("story-slow", windows, SPEC, 3, 60);
    shop.repo.replace("bpctl.yaml", "tier: staging", "tier: dev");
    shop.repo.commit(&[], "a place where anybody may approve");

    let mut page = shop.page("04-rollback");
    shop.shows(&mut page, "bpctl plan", 0);
    let steps = shop.shows(&mut page, "bpctl apply", 0).stdout;
    assert!(steps.contains("applied Deployment/web: spec.replicas 3 → 2"), "{steps}");
    assert!(steps.contains("verified local pull request #1: pending"), "{steps}");
    let merge = shop.repo.git(&["rev-parse", "main"]).trim().to_owned();
    assert!(shop.checks(&merge).contains("pending"), "{}", shop.checks(&merge));

    // At the window's end, and later, when the requests are fast again whatever the pods: the same.
    let verify = |wait: &str| shop.run(&["verify", "--wait", wait, "-o", "json"]).exits(6).json();
    let seen = verify("120s");
    let report = &seen["verified"][0]["report"];
    assert_eq!(report["outcome"], "failure", "{report:#}");
    let (outcome, before, after) = latency(report, "settled");
    assert_eq!(outcome, "failure");
    // A scrape may come late on a busy machine.
    assert!((140..=170).contains(&before) && (290..=310).contains(&after), "{report:#}");
    shop.load.needs(0);
    thread::sleep(Duration::from_secs(12));
    assert_eq!(verify("0s"), seen);
    assert_eq!(shop.verified(), Vec::<Json>::new(), "who looks writes nothing");

    // The pass that writes it down opens the way back, though all pods are ready.
    shop.load.needs(3);
    shop.shows(&mut page, "bpctl verify", 6);
    let steps = shop.shows(&mut page, "bpctl apply", 1).stdout;
    let numbers = format!("p95 latency {before}ms → {after}ms, target 200ms");
    assert!(steps.contains(&format!("failure (settled failure: {numbers}")), "{steps}");
    assert!(steps.contains("opened local pull request #2: rollback"), "{steps}");
    assert!(shop.checks(&merge).contains(&numbers), "{}", shop.checks(&merge));
    let body = shop.shows(&mut page, "bpctl plan", 0).stdout;
    assert!(body.contains(&numbers), "{body}");

    let approve = ["approve", "2", "--as", "alice", "--message", "it was slow"];
    page.run("bpctl approve 2 --as alice --message \"it was slow\"", &approve, |words| shop.run(words), 0);
    shop.shows(&mut page, "bpctl apply --wait 120s", 0);
    shop.shows(&mut page, "bpctl audit", 0);
    let back = Json::Array(shop.verified());
    let report = &back[1]["report"];
    assert_eq!(report["outcome"], "success", "{back:#}");
    let (outcome, _, after) = latency(report, "sustained");
    assert!(outcome == "success" && (140..=170).contains(&after), "{report:#}");
    assert_eq!(shop.deployment().pointer("/spec/replicas"), Some(&3.into()));
    assert_eq!(shop.load.ready(), 3);
    // What went back stays: a replica less is a person's to allow now.
    page.end();
    let plan = shop.plan();
    let items = plan["blueprints"][0]["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item["verdict"]["tier"] != "allowed"), "{plan:#}");
}

/// Would miss: an operation on top of one whose effect is not known yet, one that waits a quarter of an hour, or a first one that stays
/// pending for ever.
#[test]
fn b16_another_operation_waits_until_the_first_has_settled_and_ends_its_watch() {
    // 340m on two pods that ask for 100m each: a replica more is not enough.
    let shop = Shop::with("story-twice", "ready: 5s, settled: 65s", "", 2, 340);
    let apply = shop.run(&["apply", "-o", "json"]).exits(0).json();
    assert!(told(&apply).last().unwrap().starts_with("verified local pull request #1: pending"), "{apply:#}");
    let first = shop.repo.git(&["rev-parse", "main"]).trim().to_owned();
    // Measured on three pods, a fourth is wanted, and the plan says what it waits for.
    let plan = wait_for("a fourth pod's proposal", 60, || {
        let plan = shop.plan();
        let items = plan["blueprints"][0]["items"].as_array().unwrap();
        (items.first()?["action"]["to"] == 4).then_some(plan)
    });
    let holds = plan["blueprints"][0]["items"][0]["verdict"]["holds"].as_array().unwrap();
    assert!(holds.iter().any(|hold| hold["rule"]["cite"] == "verification.settled"), "{holds:#?}");

    // Then it follows, though the first one would be watched for ten minutes more.
    let steps = wait_for("the second operation", 120, || {
        let apply = shop.run(&["apply", "-o", "json"]).exits(0).json();
        let steps = told(&apply).join("\n");
        steps.contains("merged local pull request #2").then_some(steps)
    });
    assert!(steps.contains("verified local pull request #1: partial success (settled partial success: CPU"), "{steps}");
    assert!(steps.contains("sustained not measured: not watched to its end: #2 follows"), "{steps}");
    assert!(shop.checks(&first).contains("success"), "{}", shop.checks(&first));
    let verified = shop.verified();
    assert_eq!((verified.len(), &verified[0]["report"]["outcome"]), (1, &"partial".into()), "{verified:#?}");
    assert_eq!(shop.deployment().pointer("/spec/replicas"), Some(&4.into()));
}
