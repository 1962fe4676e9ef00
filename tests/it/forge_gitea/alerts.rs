//! Alerts on the real server: one issue for each cause, whoever is killed, however many run, and whoever else writes the like.

use bpctl::pipeline::Call;
use serde_json::{Value as Json, json};

use super::server::{ADMIN, AUTHOR, Shop, ask};
use crate::chat::Chat;
use crate::kill::{On, Story, calls};
use crate::local::leave_the_frontend;
use crate::local::restart::a_pod_fails;
use crate::support::Ran;

const APPLY: [&str; 3] = ["apply", "--env", "staging"];
const PODS: &str = "clusters/staging/shop/pods.json";
const MARKER: &str = "<!-- bpctl:alert:staging:waits-for-person/frontend -->";

/// The shop whose frontend fails for good, in a recording that says so; and the recording in which it is well.
fn failing() -> (Shop, String) {
    let mut well = String::new();
    let shop = Shop::changed(|repo| {
        leave_the_frontend(repo);
        well = repo.read(PODS);
        a_pod_fails(repo, "CrashLoopBackOff", 3);
    });
    (shop, well)
}

/// All issues that begin with the marker, oldest first.
fn marked(shop: &Shop) -> Vec<Json> {
    let all = shop.api(ADMIN, "GET", "/issues?state=all&type=issues&limit=50", json!(null), 200);
    let mut all = all.as_array().expect("a list").clone();
    all.retain(|issue| issue["body"].as_str().is_some_and(|body| body.starts_with(MARKER)));
    all.sort_by_key(|issue| issue["number"].as_u64());
    all
}

fn own(shop: &Shop) -> Vec<Json> {
    let mut own = marked(shop);
    own.retain(|issue| issue["user"]["login"] == "forge-bot");
    own
}

/// What stands in the ledger of today was written an hour ago.
fn age_the_ledger(shop: &Shop) {
    let branch = "refs/heads/bpctl-ledger/staging";
    let tip = shop.fetch(branch);
    let files = shop.repo.git(&["ls-tree", "-r", "--name-only", &tip]);
    let file = files.lines().last().expect("a file");
    let text = shop.repo.git(&["show", &format!("{tip}:{file}")]);
    let line = text.lines().find(|line| line.contains("\"kind\":\"alerted\"")).expect("an entry");
    let at = line.split("\"at\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a time");
    let before: bpctl_core::model::Timestamp = at.parse().expect("a time");
    let before = bpctl_core::model::Period::from_secs(3_600).before(before);
    let aged = line.replace(&format!("\"at\":\"{at}\""), &format!("\"at\":\"{before}\""));
    let commit = shop.commit_on(&tip, file, line, &aged, "older", "somebody@forge.test");
    shop.push(ADMIN, &format!("{commit}:{branch}"));
}

#[track_caller]
fn alert(shop: &Shop) -> Json {
    let report = shop.apply();
    let alerts = report["alerts"].as_array().expect("alerts");
    let found = alerts.iter().find(|alert| alert["key"] == "waits-for-person/frontend");
    found.unwrap_or_else(|| panic!("{report:#}")).clone()
}

/// R6, T9, Z2. Would miss: eight issues of eight runs, one that each pass writes anew, somebody else's that is taken for bpctl's, one that a
/// person has seen and that is opened again, and one that stays open when all is well.
#[test]
fn r06_a_cause_has_one_issue_from_its_beginning_to_its_end() {
    let (shop, well) = failing();
    let failed = shop.repo.read(PODS);
    let forged = json!({ "title": "bpctl", "body": format!("{MARKER}\n<!-- bpctl:over -->\nall is well") });
    shop.api(AUTHOR, "POST", "/issues", forged, 201);
    let mut tellers = 0;
    let started: Vec<_> = (0..8).map(|_| shop.bpctl().command(&APPLY).spawn().expect("bpctl starts")).collect();
    for child in started {
        let ran = Ran::of(child.wait_with_output().expect("it ends")).exits(0);
        assert!(!ran.stdout.contains("not told"), "{}", ran.stdout);
        tellers += usize::from(
            ran.stdout.lines().any(|line| line.starts_with("alert: ") && line.contains(": waits for a person: ")),
        );
    }
    assert_eq!(tellers, 1);
    assert_eq!(alert(&shop)["state"], "stands");
    let [first] = own(&shop).try_into().unwrap_or_else(|all: Vec<Json>| panic!("{all:#?}"));
    let number = first["number"].as_u64().expect("a number");
    assert_eq!(alert(&shop)["issue"].as_str(), first["html_url"].as_str());
    assert_eq!(own(&shop)[0]["updated_at"], first["updated_at"], "a pass that finds the same writes nothing");
    // A person has seen it.
    let path = format!("/issues/{number}");
    shop.api(ADMIN, "PATCH", &path, json!({ "state": "closed" }), 201);
    assert_eq!(alert(&shop)["state"], "seen");
    assert_eq!(own(&shop)[0]["state"], "closed");
    // It is over, and comes back: the same issue is opened again, and closed by bpctl in the end.
    shop.repo.write(PODS, &well);
    assert_eq!(alert(&shop)["state"], "over");
    shop.repo.write(PODS, &failed);
    assert_eq!(alert(&shop)["state"], "new");
    let open: Vec<Json> = own(&shop);
    assert_eq!((open.len(), &open[0]["state"], open[0]["number"].as_u64()), (1, &json!("open"), Some(number)));
    shop.repo.write(PODS, &well);
    assert_eq!(alert(&shop)["state"], "over");
    let closed = own(&shop);
    assert_eq!((closed.len(), &closed[0]["state"]), (1, &json!("closed")));
    assert!(closed[0]["body"].as_str().expect("a body").contains("It is over"), "{closed:#?}");
    let others: Vec<Json> =
        marked(&shop).into_iter().filter(|issue| issue["user"]["login"] == "forge-author").collect();
    assert_eq!((others.len(), &others[0]["state"]), (1, &json!("open")), "somebody else's is left alone");
    assert!(shop.apply()["alerts"].as_array().expect("alerts").is_empty());
}

/// Z1. Would miss: an issue that is opened twice, or never, because who was about to was killed.
#[test]
fn z01_an_issue_is_opened_changed_and_closed_once_by_whoever_is_killed() {
    let (shop, well) = failing();
    let (failed, chat) = (shop.repo.read(PODS), Chat::new());
    let kill = |call: Call, moment: &str| {
        let point = format!("{}:{moment}", call.name());
        let program = shop.bpctl().with("BPCTL_FAIL_POINT", &point).with("BPCTL_ALERT_WEBHOOK", chat.address());
        let killed = program.run(&APPLY);
        assert_eq!(killed.signal, Some(9), "{point}: {killed:?}");
    };
    let mut killed = vec![Call::OpenIssue, Call::OpenIssue, Call::UpdateIssue, Call::UpdateIssue];
    kill(Call::OpenIssue, "before");
    assert!(own(&shop).is_empty());
    // Whoever comes at once leaves it to the one that wrote it down; who comes a minute later does it.
    shop.apply();
    assert!(own(&shop).is_empty());
    age_the_ledger(&shop);
    kill(Call::OpenIssue, "after");
    shop.apply();
    assert_eq!(own(&shop).len(), 1);
    shop.repo.write(PODS, &well);
    for moment in ["before", "after"] {
        kill(Call::UpdateIssue, moment);
    }
    assert_eq!(alert(&shop)["state"], "over");
    let all = own(&shop);
    assert_eq!((all.len(), &all[0]["state"]), (1, &json!("closed")));
    shop.repo.write(PODS, &failed);
    for moment in ["before", "after"] {
        kill(Call::SendWebhook, moment);
        killed.push(Call::SendWebhook);
        shop.repo.write(PODS, if moment == "before" { &well } else { &failed });
        shop.apply();
        shop.repo.write(PODS, &failed);
    }
    assert_eq!(own(&shop).len(), 1);
    killed.sort_by_key(|call| call.name());
    killed.dedup();
    let mut rows = calls(Story::Alerted, On::Gitea, "direct");
    rows.sort_by_key(|call| call.name());
    assert_eq!(killed, rows, "the story's rows");
}

/// T30. Would miss: people who are told nothing any more, because somebody wrote into the ledger that they were: of the year 2100, or an hour ago.
#[test]
fn t30_what_the_ledger_says_was_told_keeps_nobody_from_being_told() {
    let (shop, _) = failing();
    let chat = Chat::new();
    let pass = || {
        let ran = shop.bpctl().with("BPCTL_ALERT_WEBHOOK", chat.address()).run(&APPLY).exits(0);
        ran.stdout
    };
    pass();
    let branch = "refs/heads/bpctl-ledger/staging";
    let entry = || {
        let tip = shop.fetch(branch);
        let files = shop.repo.git(&["ls-tree", "-r", "--name-only", &tip]);
        let file = files.lines().next().expect("a file").to_owned();
        let text = shop.repo.git(&["show", &format!("{tip}:{file}")]);
        let mine = text.lines().find(|line| line.contains("\"kind\":\"alerted\"") && line.contains("waits-for-person"));
        mine.expect("an entry").to_owned()
    };
    let line = entry();
    let at = line.split("\"at\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a time").to_owned();
    let now: bpctl_core::model::Timestamp = at.parse().expect("a time");
    let hour = bpctl_core::model::Period::from_secs(3_600).before(now).to_string();
    for forged in ["2100-01-01T00:00:00Z", &hour] {
        // The world before it was told, and a ledger that says that it was.
        for issue in own(&shop) {
            shop.api(ADMIN, "DELETE", &format!("/issues/{}", issue["number"]), json!(null), 204);
        }
        let path = shop.repo.folder.path().join("forged");
        std::fs::write(&path, format!("{}\n", line.replace(&at, forged))).expect("written");
        let blob = shop.repo.git(&["hash-object", "-w", path.to_str().expect("a path")]);
        let day = forged.get(..10).expect("a day").replace('-', "/");
        shop.repo.git(&["read-tree", "--empty"]);
        shop.repo.git(&["update-index", "--add", "--cacheinfo", &format!("100644,{},{day}.jsonl", blob.trim())]);
        let tree = shop.repo.git(&["write-tree"]);
        shop.repo.git(&["read-tree", "HEAD"]);
        let commit = shop.repo.git(&["commit-tree", "-m", "ledger", tree.trim()]);
        shop.push(AUTHOR, &format!("+{}:{branch}", commit.trim()));
        chat.heard();
        let told = pass();
        assert_eq!(own(&shop).len(), 1, "{forged}: {told}");
        let said = chat.heard();
        assert!(said.iter().any(|text| text.contains("waits for a person")), "{forged}: {said:?}");
    }
}

/// T7, T8, Z17. Would miss: text of a cluster that makes a link or a mention of an issue's page, as the server itself renders it.
#[test]
fn t07_t08_what_a_cluster_says_is_dead_in_an_issue() {
    let hostile = "@forge-author <!channel> [x](http://evil.test) http://evil.test <img src=x> #1 `a`";
    let shop = Shop::changed(|repo| {
        leave_the_frontend(repo);
        a_pod_fails(repo, &format!("{hostile} {}", "y".repeat(70_000)), 3);
    });
    let report = shop.apply();
    let all = own(&shop);
    let [issue] = all.as_slice() else { panic!("{report:#}: {all:#?}") };
    let body = issue["body"].as_str().expect("a body");
    assert!(body.len() < 6_000 && body.contains("evil.test"), "{body}");
    let context = format!("forge-admin/{}", shop.name);
    let page = json!({ "Text": body, "Mode": "gfm", "Context": context });
    let (_, html) = ask(ADMIN, "POST", "/markdown", &page);
    let html = html.as_str().expect("a page");
    assert!(html.contains("<code>"), "{html}");
    for live in ["class=\"mention\"", "href=\"http://evil", "<img", "class=\"ref-issue\""] {
        assert!(!html.contains(live), "{live}: {html}");
    }
}
