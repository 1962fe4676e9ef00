//! The story, told on a server.

use serde_json::json;

use super::server::{BOT, REVIEWER, Shop, ask, bpctl, branch, told};
use crate::support::wait_for;

#[test]
fn what_is_allowed_is_merged_and_what_needs_a_person_waits_for_one() {
    let shop = Shop::new();
    let before = shop.repo.git(&["rev-parse", "HEAD", "--symbolic-full-name", "--branches"]);
    let report = shop.apply();
    let pulls = shop.pulls();
    assert_eq!(pulls.len(), 2, "{report}");
    let waits = shop.open_of("backend");
    let merged = shop.pull(3 - waits);
    assert_eq!(merged["head"]["label"], branch("frontend").as_str());
    assert_eq!((&merged["merged"], &merged["merged_by"]["login"]), (&json!(true), &json!("forge-bot")), "{report}");
    assert_eq!(merged["user"]["login"], "forge-bot");

    // The head that was judged is the second parent, and nothing but what was proposed landed.
    let main = shop.fetch("refs/heads/main");
    assert_eq!(merged["merge_commit_sha"], main.as_str());
    assert_eq!(shop.repo.git(&["rev-parse", &format!("{main}^2")]).trim(), merged["head"]["sha"]);
    assert_eq!(shop.repo.git(&["diff", "--name-only", &format!("{main}^1"), &main]).trim(), "deploy/frontend.yaml");
    let text = shop.repo.git(&["show", &format!("{main}:deploy/frontend.yaml")]);
    assert!(text.contains("replicas: 3"), "{text}");

    // The other waits: its check says so, the judge says so, and the person whom the blueprint names was asked.
    let head = shop.head(waits);
    let (state, says) = shop.verdict(&head);
    assert_eq!(state, "pending", "{says}");
    assert!(says.contains("needs approval") && says.contains("forge-reviewer"), "{says}");
    let judged = shop.bpctl().run(&["judge", &waits.to_string(), "--env", "staging"]).exits(6);
    assert!(judged.stdout.contains("no approval counts yet; it needs one by forge-reviewer"), "{}", judged.stdout);
    assert!(judged.stdout.contains("bpctl does not merge it"), "{}", judged.stdout);
    let asked = shop.pull(waits);
    assert_eq!(asked["requested_reviewers"][0]["login"], "forge-reviewer", "{asked}");
    assert_eq!(
        shop.server_refs("refs/heads/bpctl"),
        ["refs/heads/bpctl-ledger/staging", &format!("refs/heads/{}", branch("backend"))]
    );

    // Again, and nothing happens.
    let again = shop.apply();
    assert_eq!(shop.pulls().len(), 2, "{again}");
    assert_eq!(shop.fetch("refs/heads/main"), main);

    // Commits are read, the clone is not touched; the recorded cluster alone took the delivery.
    assert_eq!(shop.repo.git(&["rev-parse", "HEAD", "--symbolic-full-name", "--branches"]), before);
    let changed = shop.repo.git(&["status", "--porcelain"]);
    assert!(changed.lines().all(|line| line.contains(" clusters/staging/")), "{changed}");
    assert_eq!(shop.repo.refs("refs/heads"), ["refs/heads/main"]);

    // A person approves; the next pass merges exactly what was looked at.
    shop.review(REVIEWER, waits, "APPROVED", &head);
    let report = shop.apply();
    let landed = shop.pull(waits);
    assert_eq!((&landed["merged"], &landed["merged_by"]["login"]), (&json!(true), &json!("forge-bot")), "{report}");
    let main = shop.fetch("refs/heads/main");
    assert_eq!(shop.repo.git(&["rev-parse", &format!("{main}^2")]).trim(), head);
    assert!(told(&report).iter().any(|line| line.contains("needs approval, given by 1 person")), "{report}");
    assert_eq!(shop.verdict(&head).0, "success");
    assert_eq!(shop.server_refs("refs/heads/bpctl/"), Vec::<String>::new());

    // The account of it.
    let audit = shop.bpctl().run(&["audit", "--env", "staging"]).exits(0);
    let number = format!("#{waits}");
    for wanted in ["decided", "proposed", "merged", "approved by forge-reviewer", number.as_str()] {
        assert!(audit.stdout.contains(wanted), "{wanted} in\n{}", audit.stdout);
    }
    assert_eq!(audit.stdout.lines().filter(|line| line.contains(" merged ")).count(), 2, "{}", audit.stdout);
    let verdicts = shop.api(BOT, "GET", &format!("/statuses/{main}"), json!(null), 200);
    assert!(
        verdicts.as_array().expect("a list").iter().any(|status| status["context"] == "bpctl/verify-staging"),
        "{verdicts}"
    );
}

#[test]
fn z05_a_pull_request_that_a_person_closed_is_a_no_until_something_changes() {
    let shop = Shop::new();
    shop.apply();
    let number = shop.open_of("backend");
    shop.api(REVIEWER, "PATCH", &format!("/pulls/{number}"), json!({ "state": "closed" }), 201);
    let report = shop.apply();
    assert_eq!(shop.pulls().len(), 2, "{report}");
    assert!(told(&report).iter().any(|line| line.starts_with("backend: not proposed: a person closed")), "{report}");
    // Also for another clone, without the ledger and with the branch gone.
    for name in ["bpctl-ledger/staging".to_owned(), branch("backend")] {
        shop.api(REVIEWER, "DELETE", &format!("/branches/{}", name.replace('/', "%2F")), json!(null), 204);
    }
    let clone = shop.another_clone();
    super::server::bpctl(&clone).run(&["apply", "--env", "staging"]).exits(0);
    assert_eq!(shop.pulls().len(), 2);

    // Rules that do not touch it make it no other question; another maximum does.
    let base = shop.fetch("refs/heads/main");
    let next = shop.commit_on(
        &base,
        "blueprints/backend/blueprint.yaml",
        "minimum: 100m",
        "minimum: 110m",
        "tune",
        "a@x.test",
    );
    shop.push(REVIEWER, &format!("{next}:refs/heads/main"));
    super::server::bpctl(&clone).run(&["apply", "--env", "staging"]).exits(0);
    assert_eq!(shop.pulls().len(), 2, "the same change is the same question");
    let other = shop.commit_on(
        &next,
        "blueprints/backend/blueprint.yaml",
        "max_replicas: 3 ",
        "max_replicas: 4 ",
        "more",
        "a@x.test",
    );
    shop.push(REVIEWER, &format!("{other}:refs/heads/main"));
    super::server::bpctl(&clone).run(&["apply", "--env", "staging"]).exits(0);
    assert_eq!(shop.pull(3)["merged"], true, "within the new maximum");
}

#[test]
fn without_a_token_nothing_is_proposed_and_the_way_out_is_told() {
    let shop = Shop::new();
    let ran = shop.repo.run(&["apply", "--env", "staging"]).exits(1);
    assert!(ran.stderr.contains("BPCTL_TOKEN"), "{}", ran.stderr);
    assert_eq!(shop.pulls().len(), 0);
}

/// Would miss: outcomes and changes that only the local forge gives, another account's status that counts, and a person's change of the
/// blueprint that is not seen.
#[test]
fn b11_outcomes_and_changes_of_the_past_come_from_the_server() {
    let shop = Shop::new();
    shop.apply();
    let merge = shop.fetch("refs/heads/main");
    let past = || {
        let observed = shop.bpctl().run(&["stage", "observe", "--env", "staging"]).exits(0).json();
        observed["facts"]["history:frontend"]["value"]["history"]["known"][0].clone()
    };
    let first = past();
    let replicas = json!([{"field": [{"key": "spec"}, {"key": "replicas"}], "from": 2, "to": 3}]);
    assert_eq!((&first["operation"], &first["commit"], &first["changes"]), (&json!("scale"), &json!(merge), &replicas));
    let failed = json!({"context": "bpctl/verify-staging", "state": "failure", "description": "as a test says"});
    shop.api(REVIEWER, "POST", &format!("/statuses/{merge}"), failed.clone(), 201);
    assert_eq!(past()["outcome"], first["outcome"], "anybody who may push can write a status");
    shop.api(BOT, "POST", &format!("/statuses/{merge}"), failed, 201);
    assert_eq!((&past()["outcome"], &past()["resetBy"]), (&json!("failure"), &json!(null)));
    for (path, from, to, resets) in [
        ("deploy/frontend.yaml", "replicas: 3", "replicas: 4", false),
        ("blueprints/frontend/blueprint.yaml", "version: 1.4.0", "version: 1.4.1", true),
    ] {
        let base = shop.fetch("refs/heads/main");
        let next = shop.commit_on(&base, path, from, to, "a person's", "a@x.test");
        shop.push(REVIEWER, &format!("{next}:refs/heads/main"));
        let reset_by = past()["resetBy"].clone();
        assert_eq!(reset_by, if resets { json!(next) } else { json!(null) }, "{path}");
    }
}

/// Z13: a base branch that somebody set back does not hold what was merged. Nothing goes on by itself until a person's pull request says
/// that it was meant: a commit that is pushed can have any date.
#[test]
fn z13_a_base_branch_that_was_set_back_opens_the_breaker() {
    let shop = Shop::new();
    let before = shop.fetch("refs/heads/main");
    shop.apply();
    assert_ne!(shop.fetch("refs/heads/main"), before, "a scale was merged");
    shop.push(REVIEWER, &format!("+{before}:refs/heads/main"));
    let stopped = || {
        let told = shop.bpctl().run(&["breaker", "-o", "json", "--env", "staging"]).exits(0).json();
        let mine = told["breakers"].as_array().unwrap().iter().find(|breaker| breaker["blueprint"] == "frontend");
        mine.unwrap()["open"].as_bool().unwrap()
    };
    assert!(stopped());
    let told = shop.bpctl().run(&["breaker", "--env", "staging"]).exits(0).stdout;
    assert!(told.contains("frontend  stopped since") && told.contains("the base branch was rewritten"), "{told}");
    assert!(told.contains("ends when a person's pull request that changes the blueprint is merged"), "{told}");
    // A clone without history cannot tell, and does not take that for yes.
    let cut = bpctl(&shop.clone_with(&["--depth=1"])).run(&["breaker", "--env", "staging"]).exits(0).stdout;
    assert!(cut.contains("not known, so everything is held: this clone is cut off"), "{cut}");
    // It is not proposed and merged again, and people are alerted by an issue.
    let report = shop.apply();
    let alert = report["alerts"].as_array().unwrap().iter().find(|alert| alert["key"] == "base-rewritten/frontend");
    assert!(alert.is_some_and(|alert| alert["state"] == "new" && alert["issue"].is_string()), "{report:#}");
    assert_eq!(shop.fetch("refs/heads/main"), before);
    // A push that touches the blueprint is no word of the server's; a merged pull request is.
    let file = "blueprints/frontend/blueprint.yaml";
    let pushed = shop.commit_on(&before, file, "version: 1.4.0", "version: 1.4.1", "pushed", "a@x.test");
    shop.push(REVIEWER, &format!("{pushed}:refs/heads/main"));
    assert!(stopped());
    let proposed = shop.commit_on(&pushed, file, "version: 1.4.1", "version: 1.4.2", "it was meant", "a@x.test");
    shop.push(REVIEWER, &format!("{proposed}:refs/heads/meant"));
    let pull = json!({"title": "it was meant", "head": "meant", "base": "main"});
    let number = shop.api(REVIEWER, "POST", "/pulls", pull, 201)["number"].as_u64().unwrap();
    let merge = json!({"Do": "merge", "MergeTitleField": "meant"});
    wait_for("the merge", 30, || {
        let (status, _) =
            ask(REVIEWER, "POST", &format!("/repos/forge-admin/{}/pulls/{number}/merge", shop.name), &merge);
        (status == 200).then_some(())
    });
    assert!(!stopped());
}
