//! Faults of the server and of accounts on it (T6, Z19, Z21).

use serde_json::json;

use super::moved::before_post;
use super::server::{ADMIN, AUTHOR, Account, Shop, call, recorded, told};
use crate::support::Program;

const APPLY: [&str; 5] = ["apply", "--env", "staging", "-o", "json"];

/// Names are somebody else's tomorrow: a pusher who is renamed has pushed all the same, and whoever takes the old name has not.
/// Would miss: people that are told apart by their names.
#[test]
fn t06_people_are_their_numbers_and_not_their_names() {
    let (mut old, mut new) = (String::new(), String::new());
    let shop = Shop::changed(|repo| {
        let unique = repo.folder.path().file_name().and_then(|name| name.to_str()).expect("a name").replace('.', "");
        (old, new) = (format!("old-{unique}"), format!("new-{unique}"));
        repo.replace("blueprints/backend/blueprint.yaml", "forge-reviewer", &format!("{old}, {new}"));
    });
    let pusher = Account::new(&shop, &old, "write");
    let base = shop.repo.git(&["rev-parse", "main"]).trim().to_owned();
    let head = shop.commit_on(&base, "deploy/backend.yaml", "replicas: 3", "replicas: 4", "more", "x@elsewhere.test");
    let address = shop.address().replacen("://", &format!("://x:{}@", pusher.token("push")), 1);
    shop.repo.git(&["push", "-q", &address, &format!("{head}:refs/heads/more")]);
    recorded(&shop, &head);
    let opened = shop.api(AUTHOR, "POST", "/pulls", json!({ "head": "more", "base": "main", "title": "more" }), 201);
    let number = opened["number"].as_u64().expect("a number");

    call(ADMIN, "POST", &format!("/admin/users/{old}/rename"), json!({ "new_username": new }), 204);
    let pusher = Account { login: new.clone(), ..pusher };
    let approve = |who: &Account| {
        let path = format!("/repos/forge-admin/{}/pulls/{number}/reviews", shop.name);
        who.call("POST", &path, &json!({ "event": "APPROVED", "body": "good", "commit_id": head }), 200);
    };
    approve(&pusher);
    assert_eq!(shop.refusals(number), [format!("{new}: who pushed last cannot approve")]);
    let other = Account::new(&shop, &old, "write");
    approve(&other);
    let refusals = shop.refusals(number);
    assert!(refusals.contains(&format!("{old}: counts")), "{refusals:?}");
    assert_eq!(shop.judge(number)["conclusion"], "success");
}

/// Would miss: a run that goes on without rights as if nothing were there, or whose successor does a thing twice.
#[test]
fn z19_a_token_that_ends_midway_stops_the_run_and_the_next_one_goes_on() {
    let shop = Shop::new();
    let login = format!("mayfly-{}", shop.name);
    let mayfly = Account::new(&shop, &login, "admin");
    let with = |token: String| -> Program { shop.repo.bpctl().with("BPCTL_TOKEN", token) };
    let main = shop.fetch("refs/heads/main");
    let first = mayfly.token("first");
    let ends = mayfly.clone();
    let line = before_post("/merge", move || ends.forget("first"));
    shop.repo.git(&["remote", "set-url", "origin", &format!("{line}/forge-admin/{}.git", shop.name)]);
    let ran = with(first).run(&APPLY).exits(1);
    shop.repo.git(&["remote", "set-url", "origin", &shop.address()]);
    assert!(ran.stderr.contains("401") && ran.stderr.contains("token"), "{}", ran.stderr);
    assert_eq!(shop.fetch("refs/heads/main"), main, "nothing is merged");
    let opened = shop.pulls().len();

    let report = with(mayfly.token("second")).run(&APPLY).exits(0).json();
    assert!(opened <= 2 && shop.pulls().len() == 2, "{opened}: {:?}", told(&report));
    let merged = shop.pulls().iter().filter(|pull| pull["merged"] == true).count();
    assert_eq!(merged, 1, "{:?}", told(&report));
    let audit = with(mayfly.token("third")).run(&["audit", "--env", "staging"]).exits(0);
    assert_eq!(audit.stdout.lines().filter(|line| line.contains(" merged ")).count(), 1, "{}", audit.stdout);
}

/// Would miss: pushes without end, a merge that is done again because it was not written down, entries that are lost.
#[test]
fn z21_a_ledger_that_takes_nothing_is_an_error_and_nothing_is_done_twice() {
    let shop = Shop::new();
    let rule = json!({ "rule_name": "bpctl-ledger/*", "enable_push": false });
    shop.api(ADMIN, "POST", "/branch_protections", rule, 201);
    let ran = shop.bpctl().run(&APPLY).exits(1);
    assert!(ran.stderr.contains("bpctl-ledger/staging"), "{}", ran.stderr);
    let done = || shop.pulls().iter().filter(|pull| pull["merged"] == true).count();
    let before = (done(), shop.pulls().len(), shop.fetch("refs/heads/main"));
    let again = shop.bpctl().run(&APPLY);
    assert_eq!(again.code, Some(1), "{}", again.stderr);
    let after = (done(), shop.pulls().len());
    assert!(after.0 <= 1 && after.1 <= 2, "{before:?} {after:?}");

    shop.api(ADMIN, "DELETE", "/branch_protections/bpctl-ledger%2F*", json!(null), 204);
    shop.apply();
    shop.apply();
    assert_eq!((done(), shop.pulls().len()), (1, 2));
    let audit = shop.bpctl().run(&["audit", "--env", "staging"]).exits(0);
    for kind in [" merged ", " proposed "] {
        let times = audit.stdout.lines().filter(|line| line.contains(kind)).count();
        assert_eq!(times, if kind == " merged " { 1 } else { 2 }, "{kind} in\n{}", audit.stdout);
    }
    shop.bpctl().run(&["audit", "verify", "--env", "staging"]).exits(0);
}
