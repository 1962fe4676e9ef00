//! Whose approval counts, by what the server records (T5, T25, T26, T27).

use serde_json::json;

use super::server::{ADMIN, AUTHOR, BOT, REVIEWER, Shop, ask, branch, told};

/// Somebody's pull request from somebody's branch, to raise the backend above its maximum; needs approval.
fn proposal(shop: &Shop, pusher: &str, opener: &str, name: &str, message: &str) -> u64 {
    let base = shop.repo.git(&["rev-parse", "main"]).trim().to_owned();
    let email = "somebody@elsewhere.test";
    let head = shop.commit_on(&base, "deploy/backend.yaml", "replicas: 3", "replicas: 4", message, email);
    shop.push(pusher, &format!("{head}:refs/heads/{name}"));
    super::server::recorded(shop, &head);
    let body = json!({ "head": name, "base": "main", "title": name });
    shop.api(opener, "POST", "/pulls", body, 201)["number"].as_u64().expect("a number")
}

#[test]
fn t27_nobody_approves_what_is_their_own() {
    let shop = Shop::new();

    // The author. Gitea refuses that by itself; what it lets through does not count.
    let own = proposal(&shop, AUTHOR, REVIEWER, "own", "own");
    let head = shop.head(own);
    let body = json!({ "event": "APPROVED", "body": "mine", "commit_id": head });
    let path = format!("/repos/forge-admin/{}/pulls/{own}/reviews", shop.name);
    let (status, _) = ask(REVIEWER, "POST", &path, &body);
    let refusals = shop.refusals(own);
    assert!(
        (status == 422 && refusals.is_empty()) || refusals == ["forge-reviewer: the author cannot approve"],
        "{status} {refusals:?}"
    );

    // Who pushed the branch that somebody else opened the pull request for.
    let pushed = proposal(&shop, REVIEWER, AUTHOR, "pushed", "pushed");
    shop.approve(REVIEWER, pushed);
    assert_eq!(shop.refusals(pushed), ["forge-reviewer: who pushed last cannot approve"]);

    // Who pushed onto it afterwards; and an approval by somebody else counts again.
    let onto = proposal(&shop, BOT, BOT, "onto", "onto");
    let next = shop.commit_on(
        &shop.head(onto),
        "deploy/backend.yaml",
        "replicas: 4",
        "replicas: 5",
        "more",
        "x@elsewhere.test",
    );
    shop.push(REVIEWER, &format!("{next}:refs/heads/onto"));
    super::server::head_becomes(&shop, onto, &next);
    shop.approve(REVIEWER, onto);
    assert_eq!(shop.refusals(onto), ["forge-reviewer: who pushed last cannot approve"]);
    shop.approve(AUTHOR, onto);
    let refusals = shop.refusals(onto);
    assert!(
        refusals.contains(&"forge-author: the blueprint names other approvers: forge-reviewer".to_owned()),
        "{refusals:?}"
    );

    // Who is named as a co-author, by the address of the account or the one that Gitea hands out for it.
    for (name, email) in
        [("co-author", "Forge-Reviewer@forge.test"), ("co-author-2", "3+forge-reviewer@noreply.localhost")]
    {
        let trailer = format!("{name}\n\nco-authored-BY: Someone <{email}>\n\nSigned-off-by: x <x@elsewhere.test>");
        let together = proposal(&shop, BOT, BOT, name, &trailer);
        shop.approve(REVIEWER, together);
        assert_eq!(
            shop.refusals(together),
            ["forge-reviewer: who wrote or pushed a commit of it cannot approve"],
            "{email}"
        );
    }

    // bpctl's own account, on a person's pull request: a machine, also where the server takes it for a person.
    let persons = proposal(&shop, AUTHOR, AUTHOR, "persons", "persons");
    shop.approve(BOT, persons);
    assert_eq!(shop.refusals(persons), ["forge-bot: a machine account approves nothing"]);
    let judged = shop.judge(persons);
    assert_eq!(judged["conclusion"], "pending", "{judged}");
    shop.approve(REVIEWER, persons);
    let judged = shop.judge(persons);
    assert_eq!(judged["conclusion"], "success", "{judged}");
    // Yet bpctl does not merge what people propose.
    let blockers: Vec<_> = judged["blockers"].as_array().expect("a list").iter().map(|b| b["code"].clone()).collect();
    assert_eq!(blockers, ["not-ours"]);
}

#[test]
fn t27_where_no_approvers_are_named_bpctls_own_account_does_not_count_either() {
    let shop = Shop::changed(|repo| {
        repo.replace("blueprints/backend/blueprint.yaml", "approvers: [forge-reviewer], ", "");
    });
    let number = proposal(&shop, AUTHOR, AUTHOR, "anybody", "anybody");
    shop.approve(BOT, number);
    assert_eq!(shop.refusals(number), ["forge-bot: a machine account approves nothing"]);
    assert_eq!(shop.judge(number)["conclusion"], "pending");
    shop.approve(ADMIN, number);
    assert_eq!(shop.judge(number)["conclusion"], "success");
}

#[test]
fn t05_an_approval_without_write_access_does_not_count() {
    let shop = Shop::new();
    let number = proposal(&shop, BOT, BOT, "reader", "reader");
    let path = "/collaborators/forge-reviewer";
    shop.api(ADMIN, "PUT", path, json!({ "permission": "read" }), 204);
    shop.approve(REVIEWER, number);
    assert_eq!(shop.refusals(number), ["forge-reviewer: the reviewer has no write access"]);
    // Who is no collaborator at all: the repository is public.
    shop.api(ADMIN, "DELETE", path, json!(null), 204);
    assert_eq!(shop.refusals(number), ["forge-reviewer: the reviewer has no write access"]);
    // Rights are those of today.
    shop.api(ADMIN, "PUT", path, json!({ "permission": "write" }), 204);
    assert_eq!(shop.refusals(number), ["forge-reviewer: counts"]);
    // Where bpctl's account may not ask for rights, nothing counts, and it says what is missing.
    shop.api(ADMIN, "PUT", "/collaborators/forge-bot", json!({ "permission": "write" }), 204);
    let refusals = shop.refusals(number);
    assert!(
        refusals[0].contains("the reviewer's rights are not known: bpctl's account does not administer"),
        "{refusals:?}"
    );
}

#[test]
fn t25_an_approval_outlives_a_moved_base_and_dies_with_a_changed_value() {
    let shop = Shop::new();
    shop.apply();
    let number = shop.open_of("backend");
    shop.approve(REVIEWER, number);
    let reviewed = shop.head(number);

    // Base moves, and is merged into the branch on the pull request's page.
    let base = shop.fetch("refs/heads/main");
    let next = shop.commit_on(&base, "deploy/backend-canary.yaml", "replicas: 0", "replicas: 1", "canary", "a@x.test");
    shop.push(AUTHOR, &format!("{next}:refs/heads/main"));
    shop.api(AUTHOR, "POST", &format!("/pulls/{number}/update?style=merge"), json!(null), 200);
    crate::support::wait_for("the update", 20, || (shop.head(number) != reviewed).then_some(()));
    assert_eq!(shop.refusals(number), ["forge-reviewer: counts"]);
    assert_eq!(shop.judge(number)["conclusion"], "success");

    // Somebody changes the value.
    let updated = shop.fetch(&format!("refs/pull/{number}/head"));
    let more = shop.commit_on(&updated, "deploy/backend.yaml", "replicas: 4", "replicas: 5", "one more", "a@x.test");
    shop.push(AUTHOR, &format!("{more}:refs/heads/{}", branch("backend")));
    super::server::head_becomes(&shop, number, &more);
    assert_eq!(shop.refusals(number), ["forge-reviewer: the changes are no longer those that were looked at"]);
    shop.apply();
    assert_eq!(shop.pull(number)["merged"], false);
    assert_eq!(shop.head(number), more, "a machine does not touch what a person pushed");

    // Back to the value, and a file beside it: not what was looked at either.
    let back = shop.commit_on(&more, "deploy/backend.yaml", "replicas: 5", "replicas: 4", "back", "a@x.test");
    let beside = shop.commit_on(&back, "deploy/frontend.yaml", "LOG_LEVEL", "LOG_LEVEL2", "beside", "a@x.test");
    shop.push(AUTHOR, &format!("{beside}:refs/heads/{}", branch("backend")));
    super::server::head_becomes(&shop, number, &beside);
    assert_eq!(shop.refusals(number), ["forge-reviewer: the changes are no longer those that were looked at"]);

    // Exactly what was looked at, by another commit: counts, and is merged.
    shop.push(AUTHOR, &format!("+{back}:refs/heads/{}", branch("backend")));
    super::server::head_becomes(&shop, number, &back);
    assert_eq!(shop.refusals(number), ["forge-reviewer: counts"]);
    let report = shop.apply();
    assert_eq!(shop.pull(number)["merged"], true, "{:?}", told(&report));
    let main = shop.fetch("refs/heads/main");
    assert_eq!(shop.repo.git(&["rev-parse", &format!("{main}^2")]).trim(), back);
}

#[test]
fn t26_a_dismissed_review_revives_no_older_one() {
    let shop = Shop::new();
    let number = proposal(&shop, BOT, BOT, "dismissed", "dismissed");
    let first = shop.approve(REVIEWER, number);
    let second = shop.approve(REVIEWER, number);
    assert_eq!(shop.refusals(number), ["forge-reviewer: counts"]);
    let dismiss = |review: u64| {
        let path = format!("/pulls/{number}/reviews/{review}/dismissals");
        shop.api(ADMIN, "POST", &path, json!({ "message": "not like this" }), 200);
    };
    dismiss(second);
    assert_eq!(shop.refusals(number), ["forge-reviewer: it was dismissed"]);
    // A newer one counts; the older one's dismissal, later, takes nothing from it.
    shop.approve(REVIEWER, number);
    dismiss(first);
    assert_eq!(shop.refusals(number), ["forge-reviewer: counts"]);
    // A comment is no word on the matter; a request for changes is.
    let head = shop.head(number);
    shop.review(REVIEWER, number, "COMMENT", &head);
    assert_eq!(shop.judge(number)["conclusion"], "success");
    shop.review(REVIEWER, number, "REQUEST_CHANGES", &head);
    let judged = shop.judge(number);
    assert_eq!(judged["conclusion"], "pending", "{judged}");
}
