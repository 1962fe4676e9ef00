//! Earned autonomy on the server (X12): merged pull requests and statuses of bpctl's own account, and nobody else's.

use serde_json::json;

use super::server::{ADMIN, AUTHOR, BOT, Shop};

/// A scale of the frontend that a person let in, verified by somebody.
fn land(shop: &Shop, (from, to): (u32, u32), verified_by: &str) {
    let branch = "bpctl/staging/frontend/scale";
    let base = shop.fetch("refs/heads/main");
    let (old, new) = (format!("replicas: {from} "), format!("replicas: {to} "));
    let head = shop.commit_on(&base, "deploy/frontend.yaml", &old, &new, "scale", "bpctl@localhost");
    shop.push(BOT, &format!("{head}:refs/heads/{branch}"));
    let body = json!({ "title": "scale", "head": branch, "base": "main" });
    let pull = shop.api(BOT, "POST", "/pulls", body, 201);
    let number = pull["number"].as_u64().expect("a number");
    let merge = json!({ "Do": "merge", "delete_branch_after_merge": true });
    crate::support::wait_for("the merge", 30, || {
        let path = format!("/repos/forge-admin/{}/pulls/{number}/merge", shop.name);
        (super::server::ask(ADMIN, "POST", &path, &merge).0 == 200).then_some(())
    });
    let commit = shop.pull(number)["merge_commit_sha"].as_str().expect("a commit").to_owned();
    let status = json!({ "context": "bpctl/verify-staging", "state": "success", "description": "as a test says" });
    shop.api(verified_by, "POST", &format!("/statuses/{commit}"), status, 201);
}

#[test]
fn x12_a_suggestion_is_opened_on_the_server_and_left_to_a_person() {
    let shop = Shop::changed(|repo| {
        let blueprint = "blueprints/frontend/blueprint.yaml";
        repo.replace(blueprint, "allowed_operations: [scale, reconcile,", "allowed_operations: [reconcile,");
    });
    let suggest =
        |after: &str| shop.bpctl().run(&["suggest", "--propose", "--after", after, "-o", "json"]).exits(0).json();
    land(&shop, (2, 3), AUTHOR);
    assert_eq!(suggest("1")["suggestions"], json!([]), "somebody else's status verifies nothing");
    land(&shop, (3, 4), BOT);
    let found = suggest("1");
    let suggestion = &found["suggestions"][0];
    assert_eq!(
        (&suggestion["operations"], &suggestion["nextVersion"]),
        (&json!(["scale"]), &json!("2.0.0")),
        "{found}"
    );
    assert!(suggestion["told"].as_str().is_some_and(|told| told.starts_with("opened http")), "{found}");
    let pulls = shop.pulls();
    let open: Vec<_> = pulls.iter().filter(|pull| pull["state"] == "open").collect();
    let [pull] = open.as_slice() else { panic!("{pulls:?}") };
    assert_eq!(pull["head"]["ref"], "bpctl-autonomy/frontend");
    let (body, page) =
        (pull["body"].as_str().expect("a body"), suggestion["successes"][0]["url"].as_str().expect("a page"));
    assert!(body.contains(page), "{body}");
    assert_eq!(shop.judge(pull["number"].as_u64().expect("a number"))["tier"], "requires_approval");
    // Again it is the same one.
    assert!(suggest("1")["suggestions"][0]["told"].as_str().is_some_and(|told| told.ends_with(" is open")));
}
