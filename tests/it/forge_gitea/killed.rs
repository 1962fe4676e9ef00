//! Killed before and after each write to the server, one after the other in the same repository: each next run goes on where the last one was
//! killed, two that nobody kills finish it, and nothing happens twice (Z1, Z4). Where each call belongs says the table in `kill.rs`; comments
//! have their story in `comment.rs`.

use std::collections::BTreeSet;

use bpctl::pipeline::Call;
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::server::{ADMIN, Shop, branch};
use crate::kill::{On, Story, calls, delivered};
use crate::local::leave_the_frontend;
use crate::local::restart::{a_pod_fails, request};
use crate::support::{Repo, wait_for};

const APPLY: [&str; 3] = ["apply", "--env", "staging"];

/// Kills a run before each of these calls, and one after it, in the order in which a run comes to them.
#[track_caller]
fn killed_at(shop: &Shop, order: &[Call], story: Story, delivery: &str) {
    let names = |calls: &[Call]| calls.iter().map(|call| call.name()).collect::<BTreeSet<_>>();
    assert_eq!(names(order), names(&calls(story, On::Gitea, delivery)), "the story's rows");
    for call in order {
        for moment in ["before", "after"] {
            let point = format!("{}:{moment}", call.name());
            let killed = shop.bpctl().with("BPCTL_FAIL_POINT", &point).run(&APPLY);
            assert_eq!(killed.signal, Some(9), "{point}: {killed:?}");
        }
    }
}

/// How many entries of a kind the ledger has, of a blueprint.
fn written(shop: &Shop, kind: &str, blueprint: &str) -> usize {
    let audit = shop.bpctl().run(&["audit", "--env", "staging", "-o", "json"]).exits(0).json();
    let entries = audit["entries"].as_array().expect("entries");
    entries.iter().filter(|entry| entry["event"]["kind"] == kind && entry["blueprint"] == blueprint).count()
}

/// bpctl's verdicts on a commit, all that were ever written.
fn verdicts(shop: &Shop, commit: &str) -> usize {
    let statuses = shop.api(ADMIN, "GET", &format!("/statuses/{commit}?limit=50"), json!(null), 200);
    statuses.as_array().expect("a list").iter().filter(|status| status["context"] == "bpctl/verdict").count()
}

/// The frontend as the recording has it.
fn frontend(repo: &Repo) -> Json {
    let all: Json = serde_json::from_str(&repo.read("clusters/staging/shop/deployments.json")).expect("JSON");
    let found = all["items"].as_array().expect("items").iter().find(|item| item["metadata"]["name"] == "frontend");
    found.expect("the frontend").clone()
}

/// Would miss: a write to the server whose half is taken for the whole, or that is done again by who comes next.
#[rstest]
fn z01_a_run_that_was_killed_is_finished_by_the_next(#[values("direct", "gitops")] delivery: &str) {
    let shop = Shop::changed(|repo| delivered(repo, delivery));
    let before = frontend(&shop.repo);
    let mut order = vec![
        Call::AppendLedger,
        Call::CreateBranch,
        Call::OpenPull,
        Call::SetCheck,
        Call::MergePull,
        Call::DeleteBranch,
    ];
    if delivery == "direct" {
        order.push(Call::ApplyObject);
    }
    killed_at(&shop, &order, Story::Merged, delivery);
    shop.apply();
    shop.apply();

    let pulls = shop.pulls();
    let states: Vec<_> = pulls.iter().map(|pull| (&pull["head"]["label"], &pull["state"], &pull["merged"])).collect();
    assert_eq!(pulls.len(), 2, "{states:?}");
    let waits = shop.open_of("backend");
    let merged = pulls.iter().find(|pull| pull["head"]["label"] == branch("frontend").as_str());
    let merged = merged.expect("a pull request");
    assert_eq!(merged["merged"], true, "{states:?}");
    let main = shop.fetch("refs/heads/main");
    assert_eq!(shop.repo.git(&["log", "--merges", "--first-parent", "--format=%s", &main]).lines().count(), 1);
    for (head, conclusion) in
        [(&shop.head(waits), "pending"), (&shop.head(merged["number"].as_u64().unwrap()), "success")]
    {
        assert_eq!((shop.verdict(head).0.as_str(), verdicts(&shop, head)), (conclusion, 1));
    }
    assert_eq!(shop.pull(waits)["requested_reviewers"][0]["login"], "forge-reviewer");
    assert_eq!(shop.server_refs("refs/heads/bpctl/"), [format!("refs/heads/{}", branch("backend"))]);
    let counted = |kind: &str| (written(&shop, kind, "frontend"), written(&shop, kind, "backend"));
    assert_eq!((counted("proposed"), counted("merged")), ((1, 1), (1, 0)));
    // The cluster was written to once, or by nobody.
    let (delivered, writes) = if delivery == "direct" { (3, 1) } else { (2, 0) };
    let after = frontend(&shop.repo);
    assert_eq!(after["spec"]["replicas"], delivered);
    assert_eq!(written(&shop, "applied", "frontend"), writes);
    let generation = |object: &Json| object["metadata"]["generation"].as_u64().expect("a number");
    assert_eq!(generation(&after), generation(&before) + u64::try_from(writes).expect("small"));
}

/// Would miss: a proposal whose text is another than its change, a close that is said twice, a restart that is done twice, whoever is killed
/// between what belongs together.
#[rstest]
fn z01_an_update_a_close_and_a_restart_are_done_once(#[values("direct", "gitops")] delivery: &str) {
    let shop = Shop::changed(|repo| {
        delivered(repo, delivery);
        leave_the_frontend(repo);
        a_pod_fails(repo, "CrashLoopBackOff", 2);
    });
    killed_at(&shop, &[Call::RestartPods], Story::Restarted, delivery);
    let restart = request(&shop.repo).expect("a restart");
    let number = shop.open_of("backend");

    let blueprint = "blueprints/backend/blueprint.yaml";
    let change = |from: &str, to: &str| {
        shop.repo.git(&["pull", "-q", &shop.address_of(ADMIN), "main"]);
        shop.repo.replace(blueprint, from, to);
        shop.repo.git(&["add", "blueprints"]);
        shop.repo.git(&["commit", "-q", "-m", "another rule"]);
        shop.push(ADMIN, "main");
    };
    change("max_replicas: 3 ", "max_replicas: 2 ");
    killed_at(&shop, &[Call::UpdateBranch, Call::UpdatePull], Story::Updated, delivery);
    assert_eq!(shop.open_of("backend"), number);
    let told = |pull: &Json| (pull["title"].to_string(), pull["body"].to_string());
    let (title, body) = told(&shop.pull(number));
    assert!(body.contains("max_replicas 2 → 4") || title.contains("max_replicas 2 → 4"), "{title} {body}");

    change("timeout: 1h", "timeout: 3s");
    wait_for("a pull request that is old enough", 30, || {
        let opened = shop.pull(number)["created_at"].as_str()?.parse::<bpctl_core::model::Timestamp>().ok()?;
        (bpctl::runtime::now().as_second() - opened.as_second() > 4).then_some(())
    });
    killed_at(&shop, &[Call::ClosePull], Story::Expired, delivery);
    shop.apply();
    shop.apply();
    let pull = shop.pull(number);
    assert_eq!((pull["state"].as_str(), pull["merged"].as_bool()), (Some("closed"), Some(false)), "{pull}");
    let comments = shop.api(ADMIN, "GET", &format!("/issues/{number}/comments"), json!(null), 200);
    let closing = |one: &&Json| one["body"].as_str().is_some_and(|body| body.starts_with("Closed by bpctl: "));
    assert_eq!(comments.as_array().expect("a list").iter().filter(closing).count(), 1, "{comments}");
    let audit = shop.bpctl().run(&["audit", "--env", "staging", "-o", "json"]).exits(0).json();
    let of_it = |kind: &str| {
        let entries = audit["entries"].as_array().expect("entries").iter();
        entries.filter(|entry| entry["event"]["kind"] == kind && entry["event"]["pull"] == number).count()
    };
    assert_eq!((of_it("proposed"), of_it("expired"), of_it("declined")), (1, 1, 0));
    assert_eq!(request(&shop.repo), Some(restart));
    assert_eq!(written(&shop, "restarted", "frontend"), 1);
}
