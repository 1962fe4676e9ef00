//! The page's table of calls: each is made, and none is made that has no row (`src/forge/github/calls.rs` refuses it in every test).

use std::collections::BTreeSet;
use std::process::Command;

use super::fake::calls::{Row, row_of, rows};
use super::fake::{APP, CI, strict};
use super::{Shop, Value, json};

/// The levels of a permission: `Pull requests: read; write to arm` asks for both.
fn permissions(row: &Row) -> Vec<(String, &'static str)> {
    let mut all = Vec::new();
    for part in row.permission.split([',', ';']) {
        if let Some((name, level)) = part.trim().split_once(": ") {
            all.push((name.to_owned(), if level.contains("write") { "write" } else { "read" }));
        }
    }
    all
}

/// Would miss: a row for what is not asked any more, a call that needs more than the app is told to be given, a permission that nothing needs.
#[test]
fn each_call_of_the_table_is_made_and_the_app_is_given_what_they_need_and_no_more() {
    let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
    let mut gather = |shop: &Shop| {
        for (line, _) in shop.fake.with(|world| std::mem::take(&mut world.log)) {
            let row = row_of(&line).unwrap_or_else(|| panic!("no row for {line}"));
            seen.insert((row.method.clone(), row.path.clone()));
        }
    };
    // An app with its own key proposes, merges, waits, is approved of, brings up to date, verifies.
    let shop = Shop::changed(super::labels::labelled);
    let made = Command::new("openssl").args(["genrsa", "-traditional", "2048"]).output().expect("openssl starts");
    let key = String::from_utf8(made.stdout).expect("PEM");
    let app = || shop.repo.bpctl().with("BPCTL_APP_ID", "77").with("BPCTL_APP_KEY", key.as_str());
    app().run(&["apply", "--env", "staging"]).exits(0);
    let waits = shop.pull_of("backend");
    let number = waits["number"].as_u64().expect("a number");
    shop.fake.with(|world| world.review(number, "reviewer", "APPROVED"));
    app().run(&["doctor", "--env", "staging"]);
    // Its plan is told, told anew in a comment of its own, and told again by a run of which the first knew nothing.
    shop.fetch();
    let head = waits["head"]["sha"].as_str().expect("a head").to_owned();
    shop.repo.git(&["checkout", "-q", "--force", "--detach", &head]);
    app().run(&["plan", "--env", "staging", "--out", "../plan.json"]).exits(0);
    let comment = |method: &str, plan: &str| {
        app().run(&["comment", &number.to_string(), "--plan", plan, "--method", method]).exits(0);
    };
    comment("update", "../plan.json");
    shop.fake.with(|world| world.comments[0]["body"] = "<!-- bpctl:staging -->\nolder".into());
    comment("update", "../plan.json");
    shop.fake.with(|world| world.comments[0]["body"] = "<!-- bpctl:staging -->\nolder".into());
    comment("recreate", "../plan.json");
    shop.repo.git(&["checkout", "-q", "--force", "main"]);
    for _ in 0..2 {
        app().run(&["apply", "--env", "staging"]).exits(0);
    }
    gather(&shop);

    // Without a rule for up-to-date heads classic protection is asked; a person's token writes statuses; a person's close is read.
    let shop = Shop::new();
    shop.fake.with(|world| world.rules = vec![json!({ "type": "pull_request", "ruleset_id": 5, "parameters": {} })]);
    shop.bpctl("token-app").run(&["apply", "--env", "staging"]).exits(0);
    shop.fake.with(|world| world.rules = vec![strict(&[("ci", CI), ("bpctl/verdict", APP)])]);
    shop.bpctl("token-author").run(&["apply", "--env", "staging"]).exits(0);
    let number = shop.pull_of("backend")["number"].as_u64().expect("a number");
    shop.fake.with(|world| world.close(number, "owner"));
    shop.bpctl("token-app").run(&["apply", "--env", "staging"]).exits(0);
    gather(&shop);

    // What nobody approved in time is closed, and who closed it is asked afterwards.
    let shop = Shop::new();
    for _ in 0..3 {
        shop.bpctl("token-app").run(&["apply", "--env", "staging"]).exits(0);
        shop.fake.with(|world| world.now += 7200);
    }
    gather(&shop);

    // What lasts gets an issue, which is closed when it is over; a person's issue with bpctl's words and label is left alone.
    let (pods, mut well) = ("clusters/staging/shop/pods.json", String::new());
    let shop = Shop::changed(|repo| {
        crate::local::leave_the_frontend(repo);
        well = repo.read(pods);
        crate::local::restart::a_pod_fails(repo, "CrashLoopBackOff", 3);
    });
    let apply = || shop.bpctl("token-app").run(&["apply", "--env", "staging", "-o", "json"]).json();
    let told = apply();
    let first = shop.fake.with(|world| world.issues.clone());
    let [issue] = first.as_slice() else { panic!("{told}: {first:#?}") };
    assert_eq!((issue["user"]["login"].as_str(), issue["state"].as_str()), (Some(super::BOT), Some("open")));
    assert_eq!(issue["labels"][0]["name"], "bpctl-alert");
    let mut forged = issue.clone();
    forged["number"] = 2_000.into();
    forged["user"] = super::fake::user("author");
    shop.fake.with(|world| world.issues.insert(0, forged));
    assert_eq!(apply()["alerts"][0]["state"], "stands");
    shop.repo.write(pods, &well);
    assert_eq!(apply()["alerts"][0]["state"], "over");
    let after = shop.fake.with(|world| world.issues.clone());
    let states: Vec<&Value> = after.iter().map(|issue| &issue["state"]).collect();
    assert_eq!(states, ["open", "closed"], "{after:#?}");
    gather(&shop);

    // The time is asked for only where no answer told it lately; the lab's test does.
    let asked = |row: &&Row| row.path != "/rate_limit";
    let written: BTreeSet<(String, String)> =
        rows().iter().filter(asked).map(|row| (row.method.clone(), row.path.clone())).collect();
    assert_eq!(
        written.difference(&seen).collect::<Vec<_>>(),
        Vec::<&(String, String)>::new(),
        "rows that no call needs"
    );

    // What the page says that the app is to be given is what its calls need; Git itself needs Contents.
    let page = include_str!("../../../docs/GITHUB.md");
    let given =
        page.split("| permission | for | without it |").nth(1).expect("the table").split("\n\n").next().expect("rows");
    for row in rows() {
        assert!(row.why.len() > 8, "{row:?}: a reason");
        for (name, level) in permissions(row) {
            let line = given.lines().find(|line| line.starts_with(&format!("| {name}: ")));
            let line = line.unwrap_or_else(|| panic!("{name}: {level} is not among what the app is given"));
            assert!(level == "read" || line.contains("write"), "{row:?}: {line}");
        }
    }
    for line in
        given.lines().filter(|line| line.starts_with("| ") && !line.contains(": none") && !line.starts_with("| ---"))
    {
        let (name, level) = line
            .trim_start_matches("| ")
            .split(" |")
            .next()
            .and_then(|cell| cell.split_once(": "))
            .expect("a permission");
        let wanted = if level.starts_with("read and write") { "write" } else { "read" };
        let needed = rows().iter().any(|row| permissions(row).contains(&(name.to_owned(), wanted)));
        assert!(needed, "{name}: {level} is given, and no call needs it");
    }
}
