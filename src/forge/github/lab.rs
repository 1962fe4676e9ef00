//! Every request beside GitHub's own description of its API, through the lab's proxy, to an emulator that keeps a state:
//! `cargo test --lib lab:: -- --ignored`, with the lab's variables set.

#![allow(clippy::disallowed_methods, reason = "tests")]

use bpctl_core::propose::Place;
use bpctl_core::render::marks::{self, Level, Mark};
use serde_json::{Value, json};

use super::tests::{pem, token};
use super::*;
use crate::forge::testing::bare;

const POST: reqwest::Method = reqwest::Method::POST;

fn lab(name: &str) -> String {
    std::env::var(name).unwrap()
}

/// A call past the proxy, to prepare what is asked about.
async fn prepare(method: reqwest::Method, path: &str, body: Value) -> Value {
    let url = format!("{}/repos/admin/demo/{path}", lab("LAB_GITHUB_EMULATOR"));
    let mut request = reqwest::Client::new().request(method, url).bearer_auth("tok-admin");
    if !body.is_null() {
        request = request.json(&body);
    }
    let response = request.send().await.unwrap();
    assert!(response.status().is_success(), "{path}: {}", response.status());
    response.json().await.unwrap()
}

/// What the proxy said about requests since a line of its log, and how many lines that has.
fn log(from: usize) -> (Vec<String>, usize) {
    let text = std::fs::read_to_string(lab("LAB_GITHUB_LOG")).unwrap();
    let bad = |line: &&str| line.contains("Violation: request") || line.contains("route not found");
    let told = text.lines().skip(from).filter(bad).map(ToOwned::to_owned).collect();
    (told, text.lines().count())
}

/// A check with as much beside lines as there may be.
fn marked() -> Marks {
    let mark = |line: usize| Mark {
        place: Place { path: "deploy/a.yaml".into(), line },
        level: [Level::Notice, Level::Warning, Level::Failure][line % 3],
        title: "forbidden: a in prod".into(),
        message: "Deployment/a spec.replicas: 2 → 0".into(),
        details: line.is_multiple_of(2).then(|| "impact: none".into()),
    };
    Marks { shown: (1..=marks::MOST).map(mark).collect(), left: 3 }
}

/// Would miss: a path, a parameter or a body that GitHub does not describe. (What the emulator answers where it lacks something is not asked.)
#[tokio::test]
#[ignore = "needs the lab"]
async fn every_request_is_as_github_describes_it() {
    let here = bare();
    let unique = here.path().file_name().unwrap().to_str().unwrap().trim_start_matches('.').to_owned();
    let branch = format!("bpctl/{unique}/a/scale");
    let main = prepare(reqwest::Method::GET, "git/ref/heads/main", Value::Null).await;
    let base = main["object"]["sha"].as_str().unwrap().to_owned();
    let made = json!({ "ref": format!("refs/heads/{branch}"), "sha": base });
    prepare(reqwest::Method::POST, "git/refs", made).await;
    let file = json!({ "message": "Scale", "content": "MQ==", "branch": branch });
    prepare(reqwest::Method::PUT, &format!("contents/{unique}"), file).await;
    let (_, before) = log(0);

    let proxy = Url::parse(&lab("LAB_GITHUB_URL")).unwrap();
    let options = GithubOptions {
        server: proxy.clone(),
        owner: "admin".into(),
        repo: "demo".into(),
        credentials: token("tok-author"),
        base_branch: "main".into(),
        git_dir: here.path().to_owned(),
    };
    // GraphQL is in no description of the REST API.
    let graphql = Url::parse(&lab("LAB_GITHUB_EMULATOR")).unwrap().join("graphql").unwrap();
    let places = Places { api: proxy, graphql, git: Url::from_file_path(here.path()).unwrap() };
    let forge = GithubForge::connect_at(options.clone(), places.clone()).unwrap();

    assert!(forge.clock().await.unwrap().from_server);
    assert_eq!(forge.identity().await.unwrap().login.raw(), "author");
    assert_eq!(forge.settings().await.unwrap().default_branch, "main");
    let reviewers = ["reviewer", "nobody-there", "shop/team"].map(ToOwned::to_owned).to_vec();
    let branch = BranchName::new(branch).unwrap();
    let pull = NewPull {
        branch: branch.clone(),
        after: None,
        title: "Scale".into(),
        body: "why".into(),
        reviewers,
        labels: vec![unique.clone()],
    };
    let number = forge.open_pull(&pull).await.unwrap();
    assert_eq!(forge.open_pull(&pull).await.unwrap(), number, "Z6: found by its ref");
    let wire = forge.wire_pull(number).await.unwrap();
    assert_eq!(facts::head_branch(&wire).as_deref(), Some(branch.as_str()));
    assert!(labels::are_due(wire.body.as_deref()));
    let _ = forge.label_pull(number, &pull.labels).await;
    forge.update_pull(number, "Scale a", "because").await.unwrap();
    let all = forge.list_pulls(PullFilter::UpdatedSince(Timestamp::UNIX_EPOCH)).await.unwrap();
    assert!(all.iter().any(|pull| pull.number == number && pull.title == "Scale a"));
    let head = wire.head.sha.clone();
    let approval = json!({ "event": "APPROVE", "body": "looked at it", "commit_id": head });
    prepare(reqwest::Method::POST, &format!("pulls/{number}/reviews"), approval).await;
    let reviews = forge.wire_reviews(number).await.unwrap();
    assert_eq!(reviews.iter().map(|review| review.state.as_str()).collect::<Vec<_>>(), ["APPROVED"]);
    let reviewer = reviews[0].user.clone().unwrap();
    let _ = forge.rights(&reviewer).await;
    let _ = forge.protection().await;
    let _ = forge.is_strict_by_classic_protection().await;
    let protection = rules::Protection { rulesets: vec![1], ..rules::Protection::default() };
    let _ = forge.may_bypass(&protection).await;
    let _ = forge.checks(&head).await;
    let _ = forge.moved(&wire, Some(branch.as_str())).await;
    let _ = forge.set_check(&head, "bpctl/x", CheckConclusion::Neutral, "because").await;
    let written = forge.post_comment(number, "<!-- bpctl --> one").await.unwrap();
    forge.edit_comment(number, &written.id, "<!-- bpctl --> two").await.unwrap();
    let own = forge.comments(number, "<!-- bpctl -->").await.unwrap();
    assert_eq!(own.iter().map(|comment| comment.body.as_str()).collect::<Vec<_>>(), ["<!-- bpctl --> two"]);
    forge.remove_comment(number, &written.id).await.unwrap();
    let issue = forge.open_issue("an alert", "<!-- bpctl:alert:x:y -->").await.unwrap();
    forge.update_issue(issue, "an alert", "<!-- bpctl:alert:x:y -->\nit is over", false).await.unwrap();
    for which in [IssueFilter::Open, IssueFilter::ClosedSince(Timestamp::UNIX_EPOCH)] {
        let own = forge.issues(which, "<!-- bpctl:alert:x:").await.unwrap();
        assert_eq!(own.iter().any(|own| own.number == issue), which != IssueFilter::Open, "{own:?}");
    }
    let tree = "0".repeat(40);
    let pin = Pin { pull: number, head: &head, base: &base, base_branch: "main", tree: &tree };
    let _ = forge.bring_up_to_date(pin).await;

    // As an app: check runs, its own page, and the way to a token.
    let app = GithubForge::connect_at(options.clone(), places.clone()).unwrap();
    let user = User { id: 9, login: "x[bot]".into(), kind: "Bot".into() };
    app.me.set(Me { user, app: Some(1), role: Role::App }).unwrap();
    for conclusion in
        [CheckConclusion::Pending, CheckConclusion::Success, CheckConclusion::Failure, CheckConclusion::Neutral]
    {
        // The emulator has no statuses to read before, so that these are sent by hand.
        let body = checks::run(&head, "bpctl/verdict", conclusion, "because", ("because", &marked()));
        let _ = app.api.write("write a check run", POST, &app.path(&["check-runs"]), &body).await;
        let body = checks::status("bpctl/verdict", conclusion, "because");
        let _ = app.api.write("write a status", POST, &app.path(&["statuses", &head]), &body).await;
    }
    let path = ["app", "installations", "1", "access_tokens"];
    let _ = app.api.write("get a token", POST, &path, &json!({ "repositories": ["demo"] })).await;
    let _ = app.api.get("read an app", &["apps", "x"], &[]).await;
    let _ = app.ask(pin, "merge", "Scale", "merge").await;
    let key = SecretString::from(pem());
    let signed = GithubOptions { credentials: Credentials::App { id: "1".into(), key }, ..options };
    let _ = GithubForge::connect_at(signed, places).unwrap().settings().await;

    let _ = forge.say(number, "nobody approved").await;
    forge.close(number).await.unwrap();
    let _ = forge.closed_by(&wire).await;

    let (violations, after) = log(before);
    assert_eq!(violations, Vec::<String>::new());
    assert!(after > before + 100, "the proxy saw nothing: {before} {after}");
}

/// Would miss: a field, an argument, a type or a variable of GraphQL that GitHub does not have. What it answers is the fake server's word.
#[tokio::test]
#[ignore = "needs the lab"]
async fn every_request_of_graphql_fits_githubs_own_schema() {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use super::{armed, facts, people, signed};

    let fake = super::fake::Fake::new();
    let (_, base, head) = super::tests::proposal(&fake);
    let forge = super::tests::on(&fake, "token-app");
    let branch = BranchName::new("bpctl-ledger/test").unwrap();
    let input = forge.as_input(&branch, &base, &head).unwrap().expect("plain files");
    let listed = json!({ "owner": "shop", "repo": "deploy", "after": null });
    let mut one = listed.clone();
    one["number"] = 1.into();
    let pinned = json!({ "pull": "PR_1", "head": head });
    let mut arms = pinned.clone();
    (arms["method"], arms["title"], arms["text"]) = ("SQUASH".into(), "Scale".into(), "".into());
    let pull = json!({ "pull": "PR_1" });
    let all: Vec<Value> = [
        (people::VIEWER, json!({})),
        (facts::WRITERS, one),
        (armed::ARMED, listed),
        (armed::ARM, arms),
        (armed::ENQUEUE, pinned),
        (armed::DISARM, pull.clone()),
        (armed::DEQUEUE, pull),
        (signed::COMMIT, json!({ "input": input })),
        // And this would be told.
        ("query($x: Nothing!) { viewer { nothing } }", json!({ "y": 1 })),
    ]
    .into_iter()
    .map(|(query, variables)| json!({ "query": query, "variables": variables }))
    .collect();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/github/graphql.mjs");
    let mut node = Command::new("node");
    node.args([script, &lab("LAB_GITHUB_GRAPHQL")]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut node = node.spawn().unwrap();
    node.stdin.take().unwrap().write_all(Value::from(all).to_string().as_bytes()).unwrap();
    let ended = node.wait_with_output().unwrap();
    assert!(ended.status.success());
    let told = String::from_utf8(ended.stdout).unwrap();
    let told: Vec<&str> = told.lines().collect();
    let expected = [
        "Unknown type \"Nothing\". Did you mean \"String\"?",
        "Cannot query field \"nothing\" on type \"User\". Did you mean \"watching\"?",
        "Variable \"$x\" is never used.",
        "$y is not declared",
    ];
    assert_eq!(told, expected);
}
