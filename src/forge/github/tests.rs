//! Against a server that misbehaves, and against one that behaves as GitHub does.

#![allow(clippy::disallowed_methods, reason = "tests")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bpctl_core::observe::ReviewState;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::fake::{APP, BOT, CI, Fake, strict, user};
use super::*;
use crate::forge::testing::{Server, bare, new_pull, reply};

const TOKEN: &str = "canary-token";
const COMMIT: &str = "0123456789012345678901234567890123456789";
const ME: &str = r#"{"id":5,"login":"me","type":"User"}"#;

fn options(server: &Url, here: &TempDir, credentials: Credentials) -> GithubOptions {
    GithubOptions {
        server: server.clone(),
        owner: "shop".into(),
        repo: "deploy".into(),
        credentials,
        base_branch: "main".into(),
        git_dir: here.path().to_owned(),
    }
}

pub(super) fn token(text: &str) -> Credentials {
    Credentials::Token(SecretString::from(text.to_owned()))
}

fn connected(server: &Server) -> (GithubForge, TempDir) {
    let here = bare();
    (GithubForge::connect(options(&server.url, &here, token(TOKEN))).unwrap(), here)
}

/// A forge on the fake, whose repository keeps the objects as well.
pub(super) fn on(fake: &Fake, who: &str) -> GithubForge {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = Url::parse(&fake.url).unwrap();
    let git_dir = fake.with(|world| world.git.clone());
    let options = GithubOptions {
        server: url.clone(),
        owner: "shop".into(),
        repo: "deploy".into(),
        credentials: token(who),
        base_branch: "main".into(),
        git_dir: git_dir.clone(),
    };
    let mut places = places(&options).unwrap();
    places.git = Url::from_file_path(git_dir).unwrap();
    GithubForge::connect_at(options, places).unwrap()
}

/// The same with a clone of its own, which has what was fetched.
fn on_clone(fake: &Fake, who: &str, here: &TempDir) -> GithubForge {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = options(&Url::parse(&fake.url).unwrap(), here, token(who));
    let mut places = places(&options).unwrap();
    places.git = Url::from_file_path(fake.with(|world| world.git.clone())).unwrap();
    GithubForge::connect_at(options, places).unwrap()
}

/// A base, and an open proposal of bpctl's with everything that a merge needs. Answers number, base and head.
pub(super) fn proposal(fake: &Fake) -> (u64, String, String) {
    fake.with(|world| {
        let base = world.commit(&[], "a", "1", "owner");
        world.set_branch("main", &base, "owner");
        let head = world.commit(&[&base], "a", "2", "bpctl");
        world.set_branch("bpctl/test/a/scale", &head, BOT);
        let number = world.open("bpctl/test/a/scale", "Scale a", BOT);
        world.check(&head, "ci", "success", CI);
        world.check(&head, "bpctl/verdict", "success", APP);
        (number, base, head)
    })
}

fn tree(fake: &Fake, base: &str, head: &str) -> String {
    fake.with(|world| world.merged_tree(base, head)).unwrap()
}

fn pin<'a>(pull: u64, base: &'a str, head: &'a str, tree: &'a str) -> Pin<'a> {
    Pin { pull, head, base, base_branch: "main", tree }
}

fn status(id: u32) -> String {
    format!(r#"{{"id":{id},"state":"success","context":"ci/{id}","creator":null,"created_at":"2026-01-02T03:04:05Z"}}"#)
}

/// Two pages of statuses and no check run; what the second page is.
fn two_pages(second: impl Fn(&str) -> String + Send + 'static) -> Server {
    Server::on_request(move |request| {
        let (line, host) =
            (request.lines().next().unwrap(), request.lines().find_map(|l| l.strip_prefix("host: ")).unwrap());
        let first = format!("[{},{}]", status(3), status(2));
        if line.contains("/user ") {
            reply(200, "", ME)
        } else if line.contains("check-runs") {
            reply(200, "", r#"{"total_count":0,"check_runs":[]}"#)
        } else if line.contains("page=2") {
            second(host)
        } else {
            reply(200, &format!("ETag: \"1\"\r\nLink: <http://{host}/next?page=2>; rel=\"next\"\r\n"), &first)
        }
    })
}

#[tokio::test]
async fn z9_a_list_is_followed_to_its_end_or_fails() {
    let server = two_pages(|_| reply(200, "", &format!("[{}]", status(1))));
    let checks = connected(&server).0.checks(COMMIT).await.unwrap();
    assert_eq!(checks.iter().map(|check| check.name.as_str()).collect::<Vec<_>>(), ["ci/1", "ci/2", "ci/3"]);
    // T29: a status without an account is nobody's.
    assert!(checks.iter().all(|check| check.by.id == "-1" && check.by.bot));

    let server = two_pages(|_| reply(500, "", "{}"));
    assert!(matches!(connected(&server).0.checks(COMMIT).await, Err(ForgeError::Refused { status: 500, .. })));
    assert!(server.requests().iter().filter(|request| request.contains("page=2")).count() > 3, "Z8: a GET is repeated");

    // A page that comes again is no end, and an item that comes twice is no list.
    let server = two_pages(|host| reply(200, &format!("Link: <http://{host}/next?page=2>; rel=\"next\"\r\n"), "[]"));
    assert!(matches!(connected(&server).0.checks(COMMIT).await, Err(ForgeError::Malformed { .. })));
    let server = two_pages(|_| reply(200, "", &format!("[{}]", status(2))));
    assert!(matches!(connected(&server).0.checks(COMMIT).await, Err(ForgeError::Malformed { .. })));
    let server = two_pages(|_| reply(200, "", "[]"));
    assert_eq!(connected(&server).0.checks(COMMIT).await.unwrap().len(), 2);
}

/// Would miss: an item that slid from the second page to the first between the two.
#[tokio::test]
async fn z9_a_list_whose_first_page_changes_while_it_is_read_is_read_again() {
    let firsts = AtomicUsize::new(0);
    let server = Server::on_request(move |request| {
        let (line, host) =
            (request.lines().next().unwrap(), request.lines().find_map(|l| l.strip_prefix("host: ")).unwrap());
        let link = format!("Link: <http://{host}/next?page=2>; rel=\"next\"\r\n");
        if line.contains("/user ") {
            reply(200, "", ME)
        } else if line.contains("check-runs") {
            reply(200, "", r#"{"total_count":0,"check_runs":[]}"#)
        } else if line.contains("page=2") {
            reply(200, "", &format!("[{}]", status(1)))
        } else if firsts.fetch_add(1, Ordering::Relaxed) == 0 {
            reply(200, &link, &format!("[{},{}]", status(4), status(3)))
        } else {
            reply(200, &link, &format!("[{},{}]", status(3), status(2)))
        }
    });
    let checks = connected(&server).0.checks(COMMIT).await.unwrap();
    assert_eq!(checks.iter().map(|check| check.name.as_str()).collect::<Vec<_>>(), ["ci/1", "ci/2", "ci/3"]);
}

#[tokio::test]
async fn t37_links_and_redirects_to_another_host_get_no_token() {
    let other = Server::new(|_| reply(200, "", "[]"));
    let target = other.url.to_string();
    let link = format!("Link: <{target}x?page=2>; rel=\"next\"\r\n");
    let server = Server::new(move |line| {
        if line.contains("/user ") { reply(200, "", ME) } else { reply(200, &link, &format!("[{}]", status(1))) }
    });
    let (forge, _here) = connected(&server);
    assert!(matches!(forge.checks(COMMIT).await, Err(ForgeError::Malformed { .. })));
    let server = Server::new(move |_| reply(301, &format!("Location: {target}\r\n"), ""));
    let (forge, _here) = connected(&server);
    assert!(matches!(forge.settings().await, Err(ForgeError::Refused { status: 301, .. })));
    assert!(other.requests().is_empty(), "{:?}", other.requests());
}

#[tokio::test]
async fn t38_the_token_stands_in_no_error_and_no_address() {
    let server = Server::new(|_| reply(404, "", r#"{"message":"no"}"#));
    let (forge, here) = connected(&server);
    let error = forge.pull(1).await.unwrap_err();
    let shown = format!("{error:?} {error} {forge:?} {:?}", options(&server.url, &here, token(TOKEN)));
    assert!(!shown.contains(TOKEN), "{shown}");
    let first = server.requests()[0].clone();
    assert!(
        first.starts_with("GET /api/v3/user ") && first.contains(&format!("authorization: Bearer {TOKEN}")),
        "{first}"
    );
    let app = Credentials::App { id: "1".into(), key: SecretString::from(format!("-----BEGIN {TOKEN}")) };
    assert!(!format!("{app:?}").contains(TOKEN));
    let error = GithubForge::connect(options(&server.url, &here, app)).unwrap_err();
    assert!(!format!("{error:?} {error}").contains(TOKEN), "{error:?}");
}

#[test]
fn a_server_has_its_api_where_its_kind_has_it() {
    let here = bare();
    let at = |server: &str| {
        let places = places(&options(&Url::parse(server).unwrap(), &here, token(TOKEN))).unwrap();
        [places.api, places.graphql, places.git].map(String::from)
    };
    let git = |server: &str| format!("{server}/shop/deploy.git");
    let own = ["https://api.github.com/".into(), "https://api.github.com/graphql".into(), git("https://github.com")];
    assert_eq!(at("https://github.com/"), own);
    assert_eq!(at("https://acme.ghe.com")[..2], ["https://api.acme.ghe.com/", "https://api.acme.ghe.com/graphql"]);
    let forge = GithubForge::connect(options(&Url::parse("https://x.test").unwrap(), &here, token(TOKEN))).unwrap();
    assert_eq!(forge.pull_url(7), "https://x.test/shop/deploy/pull/7");
    let path = bpctl_core::model::RepoPath::new("deploy/a b.yaml").unwrap();
    let line = forge.line_url(COMMIT, &path, 12).unwrap();
    assert_eq!(line, format!("https://x.test/shop/deploy/blob/{COMMIT}/deploy/a%20b.yaml#L12"));
    let enterprise = ["https://x.test/api/v3".into(), "https://x.test/api/graphql".into(), git("https://x.test")];
    assert_eq!(at("https://x.test"), enterprise);
}

#[tokio::test]
async fn z7_what_the_server_asks_for_is_obeyed_or_told() {
    let calls = AtomicUsize::new(0);
    let date = "Date: Sat, 21 Nov 2026 02:16:37 GMT\r\n";
    let server = Server::new(move |_| match calls.fetch_add(1, Ordering::Relaxed) {
        0 => reply(429, "Retry-After: 1\r\n", "{}"),
        1 => reply(403, "Retry-After: 1\r\n", "{}"),
        _ => reply(200, date, "{}"),
    });
    let (forge, _here) = connected(&server);
    let started = Instant::now();
    let clock = forge.clock().await.unwrap();
    assert!(started.elapsed() >= std::time::Duration::from_secs(2));
    assert_eq!((clock.now.to_string().as_str(), clock.from_server), ("2026-11-21T02:16:37Z", true), "Z14");

    // The limit on speed, without a word for how long: a pause that doubles, then an end. (60 s and 120 s outside of tests.)
    let server = Server::new(|_| reply(403, "", r#"{"message":"You have exceeded a secondary rate limit."}"#));
    let (forge, _here) = connected(&server);
    let started = Instant::now();
    assert!(matches!(forge.settings().await, Err(ForgeError::Limited { until: None, .. })));
    assert!(started.elapsed() >= std::time::Duration::from_millis(60 + 120 + 240 + 480));
    assert_eq!(server.requests().len(), 5);

    // The hour's requests are used up: when they come back is told, and nobody waits for an hour.
    let reset = format!("{date}X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1795230000\r\n");
    let server = Server::new(move |_| reply(403, &reset, r#"{"message":"API rate limit exceeded"}"#));
    let (forge, _here) = connected(&server);
    let error = forge.settings().await.unwrap_err();
    assert!(error.to_string().ends_with("takes no more requests until 2026-11-21T03:00:00Z"), "{error}");
    assert_eq!(server.requests().len(), 1);
    // A plain refusal is none of that.
    let server = Server::new(|_| reply(403, "", r#"{"message":"Resource not accessible"}"#));
    assert!(matches!(connected(&server).0.settings().await, Err(ForgeError::Refused { status: 403, .. })));
}

#[tokio::test]
async fn z7_the_last_requests_are_kept_for_what_was_begun() {
    let date = "Date: Sat, 21 Nov 2026 02:16:37 GMT\r\n";
    let left =
        format!("{date}X-RateLimit-Remaining: 49\r\nX-RateLimit-Reset: 1795230000\r\nX-RateLimit-Resource: core\r\n");
    let server = Server::new(move |line| match line {
        line if line.contains("/user ") => reply(200, &left, ME),
        line if line.starts_with("PATCH") => reply(200, &left, "{}"),
        _ => reply(200, &left, &pull_json("closed")),
    });
    let (forge, _here) = connected(&server);
    forge.identity().await.unwrap();
    for told in [forge.pulls(PullFilter::Open).await.unwrap_err(), forge.pull(1).await.unwrap_err()] {
        assert!(told.to_string().ends_with("until 2026-11-21T03:00:00Z"), "{told}");
    }
    assert!(matches!(forge.checks(COMMIT).await, Err(ForgeError::Limited { .. })));
    let before = server.requests().len();
    forge.close(1).await.unwrap();
    assert!(server.requests().len() > before, "closing goes on");
}

/// A key as GitHub gives it to an app.
pub(super) fn pem() -> String {
    let made = std::process::Command::new("openssl").args(["genrsa", "-traditional", "2048"]).output().unwrap();
    let pem = String::from_utf8(made.stdout).unwrap();
    assert!(pem.starts_with("-----BEGIN RSA PRIVATE KEY"), "{pem}");
    pem
}

fn pull_json(state: &str) -> String {
    let side = json!({ "ref": "b", "sha": COMMIT, "repo": { "id": 1 } });
    json!({
        "number": 1, "title": "t", "user": null, "state": state, "merged_at": null, "merge_commit_sha": null, "base": side, "head": side,
        "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z", "closed_at": null
    })
    .to_string()
}

#[tokio::test]
async fn z8_a_write_is_sent_once() {
    for code in [500, 502, 409] {
        let server = Server::new(move |_| reply(code, "", "{}"));
        let (forge, _here) = connected(&server);
        let answer = forge.api.write("write", reqwest::Method::POST, &["x"], &json!({})).await;
        assert!(answer.is_err() == (code >= 500));
        assert_eq!(server.requests().len(), 1);
    }
}

/// Would miss: a check or a comment that is written again because its answer was lost.
#[tokio::test]
async fn z8_what_became_of_a_lost_answer_is_read() {
    let fake = Fake::new();
    let (number, _, head) = proposal(&fake);
    fake.with(|world| {
        world.fault = Some(Box::new(|line| {
            let post = line.starts_with("POST") && !line.contains("graphql");
            post.then(|| fake::Answer::json(502, &json!({})))
        }));
    });
    let forge = on(&fake, "token-app");
    forge.set_check(&head, "bpctl/x", CheckConclusion::Neutral, "because").await.unwrap();
    forge.set_check(&head, "bpctl/x", CheckConclusion::Neutral, "because").await.unwrap();
    forge.say(number, "why").await.unwrap();
    forge.say(number, "why").await.unwrap();
    let (runs, comments) = fake.with(|world| (world.runs.len(), world.comments.len()));
    assert_eq!((runs, comments), (3, 1));
    let own = forge.checks(&head).await.unwrap().into_iter().find(|check| check.name == "bpctl/x").unwrap();
    assert_eq!((own.conclusion, own.summary.raw()), (CheckConclusion::Neutral, "because"));
    assert_eq!(own.by.id, forge.identity().await.unwrap().id);
}

/// Would miss: a new branch that the server does not know yet taken for a refusal, a pull request that was opened taken for one that was not,
/// tries without end.
#[tokio::test]
async fn z6_a_server_that_lags_behind_gets_one_pull_request() {
    let pull = || new_pull(&BranchName::new("bpctl/test/lags").unwrap());
    let posts = |server: &Server| server.requests().iter().filter(|request| request.starts_with("POST ")).count();
    let early = AtomicUsize::new(0);
    let server = Server::new(move |line| match line.split_whitespace().next() {
        Some("POST") if early.fetch_add(1, Ordering::Relaxed) == 0 => reply(404, "", "{}"),
        Some("POST") => reply(201, "", r#"{"number":7}"#),
        _ => reply(200, "", "[]"),
    });
    assert_eq!(connected(&server).0.open_pull(&pull()).await.unwrap(), 7);
    assert_eq!(posts(&server), 2);
    assert!(server.requests()[0].contains("head=shop%3Abpctl%2Ftest%2Flags"), "{}", server.requests()[0]);

    let never = Server::new(|line| match line.split_whitespace().next() {
        Some("POST") => reply(404, "", "{}"),
        _ => reply(200, "", "[]"),
    });
    assert!(matches!(connected(&never).0.open_pull(&pull()).await, Err(ForgeError::Refused { status: 404, .. })));
    assert!((2..=5).contains(&posts(&never)), "{}", posts(&never));

    // Two runs at once: one opens, the other finds it.
    let fake = Fake::new();
    let (number, ..) = proposal(&fake);
    let again = NewPull { branch: BranchName::new("bpctl/test/a/scale").unwrap(), ..pull() };
    assert_eq!(on(&fake, "token-app").open_pull(&again).await.unwrap(), number);
}

#[tokio::test]
async fn what_was_read_before_is_asked_for_by_its_tag() {
    let fake = Fake::new();
    let (number, ..) = proposal(&fake);
    let forge = on(&fake, "token-app");
    let first = forge.pull(number).await.unwrap();
    fake.counted();
    assert_eq!(forge.pull(number).await.unwrap(), first);
    assert_eq!(fake.counted(), 1, "the query, which has no tag");
    fake.with(|world| world.review(number, "reviewer", "APPROVED"));
    assert_ne!(forge.pull(number).await.unwrap(), first);
}

#[tokio::test]
async fn an_app_signs_in_and_renews_its_token() {
    let pem = pem();
    let tokens = AtomicUsize::new(0);
    let server = Server::new(move |line| {
        let date = "Date: Sat, 21 Nov 2026 02:00:00 GMT\r\n";
        if line.contains("/installation ") {
            reply(200, date, r#"{"id":4}"#)
        } else if line.contains("/access_tokens ") {
            let count = tokens.fetch_add(1, Ordering::Relaxed);
            // The first lives for four more minutes, too short to begin anything with.
            let ends = if count == 0 { "2026-11-21T02:04:00Z" } else { "2026-11-21T03:00:00Z" };
            reply(201, date, &format!(r#"{{"token":"{TOKEN}-{count}","expires_at":"{ends}"}}"#))
        } else {
            reply(200, date, r#"{"default_branch":"main"}"#)
        }
    });
    let here = bare();
    let app = Credentials::App { id: "4711".into(), key: SecretString::from(pem.clone()) };
    let forge = GithubForge::connect(options(&server.url, &here, app)).unwrap();
    for _ in 0..3 {
        forge.settings().await.unwrap();
    }
    let requests = server.requests();
    let sent: Vec<&str> =
        requests.iter().filter_map(|r| r.lines().find_map(|l| l.strip_prefix("authorization: Bearer "))).collect();
    let used: Vec<&&str> = sent.iter().filter(|token| token.starts_with(TOKEN)).collect();
    assert_eq!(used, [&"canary-token-0", &"canary-token-1", &"canary-token-1"]);
    assert!(
        requests.iter().any(|request| request.ends_with(r#"{"repositories":["deploy"]}"#)),
        "for this repository alone"
    );

    // The claim is what GitHub documents, and signed by the key.
    let parts: Vec<&str> = sent[0].split('.').collect();
    let read = |text: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap() };
    assert_eq!(read(parts[0]), json!({ "alg": "RS256", "typ": "JWT" }));
    let claims = read(parts[1]);
    let lives = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!((&claims["iss"], lives <= 600), (&json!("4711"), true));
    let key = here.path().join("key.pem");
    std::fs::write(&key, &pem).unwrap();
    let signature = here.path().join("signature");
    std::fs::write(&signature, URL_SAFE_NO_PAD.decode(parts[2]).unwrap()).unwrap();
    let text = here.path().join("text");
    std::fs::write(&text, format!("{}.{}", parts[0], parts[1])).unwrap();
    let checked = std::process::Command::new("openssl")
        .args(["dgst", "-sha256", "-prverify"])
        .arg(&key)
        .arg("-signature")
        .arg(&signature)
        .arg(&text)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
}

#[tokio::test]
async fn who_bpctl_is_decides_what_it_may_do() {
    let fake = Fake::new();
    let (number, base, head) = proposal(&fake);
    let tree = tree(&fake, &base, &head);
    for (who, id, words) in [
        ("token-workflow", "41898282", "GITHUB_TOKEN only proposes"),
        ("token-author", "2", "person's token only proposes"),
    ] {
        let forge = on(&fake, who);
        let me = forge.identity().await.unwrap();
        assert_eq!((me.id.as_str(), me.bot), (id, true), "bpctl's own account approves nothing");
        let landed = forge.land(pin(number, &base, &head, &tree), "Scale").await.unwrap();
        assert!(matches!(&landed, Landed::Held(said) if said.raw().contains(words)), "{landed:?}");
    }
    // Whoever may write check runs does; a person's token writes a status, with a word of its own for neither.
    for (who, conclusion) in [("token-workflow", CheckConclusion::Neutral), ("token-author", CheckConclusion::Neutral)]
    {
        let forge = on(&fake, who);
        forge.set_check(&head, "bpctl/y", conclusion, &"long ".repeat(100)).await.unwrap();
        let me = forge.identity().await.unwrap();
        let checks = forge.checks(&head).await.unwrap();
        let own: Vec<_> = checks.iter().filter(|check| check.name == "bpctl/y" && check.by.id == me.id).collect();
        assert_eq!((own.len(), own[0].conclusion), (1, conclusion), "{who}: {checks:?}");
        forge.set_check(&head, "bpctl/y", conclusion, &"long ".repeat(100)).await.unwrap();
    }
    assert_eq!(fake.with(|world| (world.runs.len(), world.statuses.len())), (3, 1));
    assert_eq!(fake.with(|world| world.merges.len()), 0);
}

#[tokio::test]
async fn x5_bpctl_bypasses_no_rule_and_merges_where_they_hold_the_base() {
    let fake = Fake::new();
    let (number, base, head) = proposal(&fake);
    let tree = tree(&fake, &base, &head);
    let held = async |words: &str| {
        let landed = on(&fake, "token-app").land(pin(number, &base, &head, &tree), "Scale").await.unwrap();
        assert!(matches!(&landed, Landed::Held(said) if said.raw().contains(words)), "{landed:?}");
        assert_eq!(fake.with(|world| world.merges.len()), 0);
    };
    let rules = fake.with(|world| std::mem::take(&mut world.rules));
    held("do not ask for branches to be up to date").await;
    fake.with(|world| (world.rules, world.bypass) = (rules.clone(), true));
    held("may bypass").await;
    // Another app's check of the same name does not do (T29), whatever it says.
    fake.with(|world| (world.bypass, world.runs[0]["app"]["id"]) = (false, 1.into()));
    held("Required status check \"ci\"").await;
    let facts = on(&fake, "token-app").pull(number).await.unwrap();
    assert_eq!(facts.required_checks, Known::Known(vec![format!("ci (from app {CI})")]));
    // Nor does anybody's status of the name under which that is told.
    fake.with(|world| {
        let context = format!("ci (from app {CI})");
        let status = json!({ "id": 900, "sha": head, "state": "success", "context": context, "description": "", "created_at": world.time(),
            "creator": fake::user("author") });
        world.statuses.push(status);
    });
    let facts = on(&fake, "token-app").pull(number).await.unwrap();
    let name = format!("ci (from app {CI})");
    assert_eq!(facts.required_checks, Known::Known(vec![name.clone()]));
    assert!(facts.checks.known().unwrap().iter().all(|check| check.name != name));
    fake.with(|world| world.runs[0]["app"]["id"] = CI.into());
    let facts = on(&fake, "token-app").pull(number).await.unwrap();
    assert_eq!(facts.required_checks, Known::Known(vec!["ci".into()]));

    let landed = on(&fake, "token-app").land(pin(number, &base, &head, &tree), "Scale\n\nwhy").await.unwrap();
    assert!(matches!(landed, Landed::Merged { tree_as_permitted: true, .. }), "{landed:?}");
    // Again: it says what has become of it, and merges nothing. Z20: another tree than the permitted one is told.
    let again = on(&fake, "token-app").land(pin(number, &base, &head, &base), "Scale").await.unwrap();
    assert!(matches!(again, Landed::Merged { tree_as_permitted: false, .. }), "{again:?}");
    assert_eq!(fake.with(|world| world.merges.len()), 1);
}

#[tokio::test]
async fn t24_a_head_that_lacks_base_is_brought_up_to_date_and_judged_again() {
    let fake = Fake::new();
    let (number, _, head) = proposal(&fake);
    let moved = fake.with(|world| {
        let base = world.tip("main").unwrap();
        let next = world.commit(&[&base], "b", "1", "owner");
        world.set_branch("main", &next, "owner");
        next
    });
    let tree = tree(&fake, &moved, &head);
    let forge = on(&fake, "token-app");
    // Judged against the old base: nothing is done.
    let old = fake.with(|world| {
        world.repository().find_commit(moved.parse().unwrap()).unwrap().parent_id(0).unwrap().to_string()
    });
    assert_eq!(forge.land(pin(number, &old, &head, &tree), "Scale").await.unwrap(), Landed::Moved);
    assert_eq!(fake.with(|world| world.head(number)), head);
    // Judged against today's: base is merged in, never forced.
    assert_eq!(forge.land(pin(number, &moved, &head, &tree), "Scale").await.unwrap(), Landed::Moved);
    let now = fake.with(|world| world.head(number));
    let parents: Vec<String> = fake.with(|world| {
        world.repository().find_commit(now.parse().unwrap()).unwrap().parent_ids().map(|id| id.to_string()).collect()
    });
    assert_eq!(parents, [head, moved]);
    let facts = forge.pull(number).await.unwrap();
    let me = forge.identity().await.unwrap();
    assert_eq!(facts.last_pusher.known().map(|pusher| &pusher.id), Some(&me.id));
}

#[tokio::test]
async fn native_auto_merge_is_armed_for_this_head_and_taken_back() {
    let fake = Fake::new();
    let (number, base, head) = proposal(&fake);
    let tree = tree(&fake, &base, &head);
    fake.with(|world| world.rules.push(strict(&[("late", CI)])));
    let forge = on(&fake, "token-app");
    let landed = forge.land(pin(number, &base, &head, &tree), "Scale").await.unwrap();
    assert!(matches!(&landed, Landed::Held(said) if said.raw().contains("merges by itself")), "{landed:?}");
    assert_eq!(fake.with(|world| world.armed.clone()), ["PR_1"]);
    // Another run finds it armed.
    let other = on(&fake, "token-app");
    other.pull(number).await.unwrap();
    assert!(other.is_armed(number));
    // One that cannot take it back knows so.
    fake.with(|world| {
        world.fault = Some(Box::new(|line| line.contains("graphql").then(|| fake::Answer::json(401, &json!({})))));
    });
    assert!(other.disarm(number).await.is_err() && other.is_armed(number));
    fake.with(|world| world.fault = None);
    // An answer that is lost is no answer: it was done, so that the next time there is nothing left to do, and that is seen.
    fake.with(|world| {
        world.fault = Some(Box::new(|line| line.contains("graphql").then(|| fake::Answer::json(502, &json!({})))));
    });
    assert!(other.disarm(number).await.is_err() && other.is_armed(number));
    fake.with(|world| world.fault = None);
    other.disarm(number).await.unwrap();
    assert!(!other.is_armed(number) && fake.with(|world| world.armed.is_empty()));
    assert_eq!(other.armed().await.unwrap(), []);

    // Without bpctl's check among the rules nothing would hold it back: it is not armed.
    fake.with(|world| world.rules = vec![strict(&[("late", CI)])]);
    let landed = on(&fake, "token-app").land(pin(number, &base, &head, &tree), "Scale").await.unwrap();
    assert!(matches!(&landed, Landed::Held(said) if !said.raw().contains("merges by itself")), "{landed:?}");
    assert!(fake.with(|world| world.armed.is_empty()));
}

#[tokio::test]
async fn a_merge_queue_gets_this_head_and_gives_it_back() {
    let fake = Fake::new();
    let (number, base, head) = proposal(&fake);
    let tree = tree(&fake, &base, &head);
    fake.with(|world| world.rules.push(json!({ "type": "merge_queue", "ruleset_id": 5, "parameters": {} })));
    let landed = on(&fake, "token-app").land(pin(number, &base, &head, &tree), "Scale").await.unwrap();
    assert!(matches!(&landed, Landed::Held(said) if said.raw().contains("merge queue")), "{landed:?}");
    assert_eq!(fake.with(|world| world.queued.clone()), ["PR_1"]);
    let other = on(&fake, "token-app");
    other.pull(number).await.unwrap();
    other.disarm(number).await.unwrap();
    assert!(fake.with(|world| world.queued.is_empty()) && !other.is_armed(number));
}

/// Would miss: one that somebody sent to another branch, where no list of proposals has it, and back again; one that a person armed, taken back from
/// them; a token that arms nothing asked about what it armed.
#[tokio::test]
async fn what_bpctl_left_to_the_forge_is_found_whichever_branch_it_goes_to_and_whoever_edited_it() {
    let fake = Fake::new();
    let (number, base, head) = proposal(&fake);
    let tree = tree(&fake, &base, &head);
    fake.with(|world| {
        world.conversation = true;
        let next = world.commit(&[&base], "b", "1", "owner");
        world.set_branch("bpctl/test/b/scale", &next, BOT);
        let theirs = world.open("bpctl/test/b/scale", "Scale b", BOT);
        world.pull(theirs)["auto_merge"] = json!({ "enabled_by": user("owner"), "merge_method": "merge" });
    });
    on(&fake, "token-app").land(pin(number, &base, &head, &tree), "Scale").await.unwrap();
    fake.with(|world| world.pull(number)["base"]["ref"] = "other".into());
    let forge = on(&fake, "token-app");
    assert_eq!(forge.pulls(PullFilter::Open).await.unwrap().len(), 1, "it is in no list of proposals");
    let found = forge.armed().await.unwrap();
    assert_eq!(found, [ArmedPull { number, head_branch: "bpctl/test/a/scale".into() }]);
    forge.disarm(number).await.unwrap();
    assert!(fake.with(|world| world.pull(number)["auto_merge"].is_null() && !world.pull(2)["auto_merge"].is_null()));
    fake.with(|world| world.log.clear());
    assert_eq!(on(&fake, "token-author").armed().await.unwrap(), []);
    assert!(fake.with(|world| world.log.iter().all(|(line, _)| !line.contains("graphql"))));
}

#[tokio::test]
async fn z3_a_merge_whose_answer_is_lost_is_read_back() {
    let fake = Fake::new();
    let (number, base, head) = proposal(&fake);
    let tree = tree(&fake, &base, &head);
    fake.with(|world| {
        world.fault = Some(Box::new(|line| line.starts_with("PUT").then(|| fake::Answer::json(502, &json!({})))));
    });
    let landed = on(&fake, "token-app").land(pin(number, &base, &head, &tree), "Scale").await.unwrap();
    assert!(matches!(landed, Landed::Merged { tree_as_permitted: true, .. }), "{landed:?}");
    assert_eq!(fake.with(|world| world.merges.len()), 1);
}

#[tokio::test]
async fn t27_who_pushed_wrote_and_reviewed_is_what_the_server_records() {
    let fake = Fake::new();
    let (number, _, head) = proposal(&fake);
    fake.with(|world| {
        let pushed = world.commit(&[&head], "a", "3", "author");
        world.set_branch("bpctl/test/a/scale", &pushed, "reviewer");
        for (by, state) in
            [("reviewer", "APPROVED"), ("reader", "APPROVED"), ("author", "DISMISSED"), ("owner", "PENDING")]
        {
            world.review(number, by, state);
        }
    });
    let facts = on(&fake, "token-app").pull(number).await.unwrap();
    assert_eq!(facts.last_pusher.known().unwrap().id, "3");
    let writers = facts.co_authors.known().unwrap();
    let ids: Vec<&str> = writers.iter().map(|writer| writer.id.as_str()).collect();
    assert_eq!(ids, ["2", "3", "9001", "email:bpctl@x.test"]);
    let reviews: Vec<_> = facts
        .reviews
        .known()
        .unwrap()
        .iter()
        .map(|r| (r.reviewer.id.as_str(), r.state, r.rights.known().copied()))
        .collect();
    let (read, write) = (Some(Rights::Read), Some(Rights::Write));
    assert_eq!(
        reviews,
        [("3", ReviewState::Approved, write), ("4", ReviewState::Approved, read), ("2", ReviewState::Dismissed, write)]
    );
    // Would miss: somebody whose commit names nobody, and whom a later push by another hides.
    fake.with(|world| {
        let pushed = world.commit(&[&head], "a", "4", "nobody");
        world.set_branch("bpctl/test/a/scale", &pushed, "reviewer");
        let merged = world.commit(&[&pushed], "a", "5", "nobody");
        world.set_branch("bpctl/test/a/scale", &merged, "owner");
    });
    let facts = on(&fake, "token-app").pull(number).await.unwrap();
    let brought = |facts: &PullFacts, id: &str| facts.co_authors.known().map(|all| all.iter().any(|who| who.id == id));
    assert_eq!(facts.last_pusher.known().unwrap().id, "1");
    assert_eq!(brought(&facts, "3"), Some(true));
    // And who let a machine push for them.
    fake.with(|world| {
        let pushed = world.commit(&[&head], "a", "6", "nobody");
        world.set_branch("bpctl/test/a/scale", &pushed, "github-actions[bot]");
    });
    let facts = on(&fake, "token-app").pull(number).await.unwrap();
    assert_eq!((facts.last_pusher.known(), brought(&facts, "3")), (None, None));
    // The record leads elsewhere: who pushed this head is not known.
    fake.with(|world| (world.now, world.activity[0]["after"]) = (world.now + 60, COMMIT.into()));
    assert!(on(&fake, "token-app").pull(number).await.unwrap().last_pusher.known().is_none());
}

#[tokio::test]
async fn t6_rights_of_another_user_of_the_same_name_are_not_believed() {
    let server = Server::new(|_| reply(200, "", r#"{"permission":"write","user":{"id":8,"login":"ann"}}"#));
    let (forge, _here) = connected(&server);
    let ann = |id: u64| User { id, login: "ann".into(), kind: "User".into() };
    assert_eq!(forge.rights(&ann(8)).await.known(), Some(&Rights::Write));
    assert_eq!(forge.rights(&ann(9)).await.known(), None);
}

#[tokio::test]
async fn t9_only_comments_of_its_own_account_are_its_own() {
    let fake = Fake::new();
    let (number, ..) = proposal(&fake);
    let marker = "<!-- bpctl -->";
    fake.with(|world| {
        for id in 0..140_u64 {
            let body = format!("{marker} {id}");
            let by = if id == 130 { BOT } else { "author" };
            world.comments.push(json!({ "id": 500 + id, "body": body, "user": user(by), "created_at": "2026-01-02T03:04:05Z", "issue": number }));
        }
    });
    let forge = on(&fake, "token-app");
    // Z9: it lies on the second page.
    let own = forge.comments(number, marker).await.unwrap();
    assert_eq!(own, [OwnComment { id: "630".into(), body: format!("{marker} 130") }]);
    let posted = forge.post_comment(number, "no marker").await.unwrap();
    forge.edit_comment(number, &posted.id, &format!("{marker} new")).await.unwrap();
    assert_eq!(forge.comments(number, marker).await.unwrap().len(), 2);
    forge.remove_comment(number, &posted.id).await.unwrap();
    forge.remove_comment(number, &posted.id).await.unwrap();
    assert_eq!(forge.comments(number, marker).await.unwrap(), own);
}

#[tokio::test]
async fn a_pull_request_is_closed_once_and_who_closed_it_is_told() {
    let fake = Fake::new();
    let (number, ..) = proposal(&fake);
    let forge = on(&fake, "token-app");
    forge.close_pull(number, "nobody approved").await.unwrap();
    forge.close_pull(number, "nobody approved").await.unwrap();
    assert_eq!(fake.with(|world| world.comments.len()), 1);
    let all = forge.pulls(PullFilter::UpdatedSince(Timestamp::UNIX_EPOCH)).await.unwrap();
    let me = forge.identity().await.unwrap();
    let by = all.iter().map(|pull| match &pull.state {
        bpctl_core::observe::PullState::Closed { by, .. } => by.clone(),
        _ => None,
    });
    assert_eq!(by.collect::<Vec<_>>(), [Some(me)]);
    assert_eq!(forge.pulls(PullFilter::Open).await.unwrap(), []);
}

/// T3, T42, Would miss: whatever a stranger pushed, brought here by every list of pull requests, because their branch has bpctl's name.
#[tokio::test]
async fn t03_heads_of_forks_are_not_fetched_for_a_list() {
    let fake = Fake::new();
    let (_, base, mine) = proposal(&fake);
    let theirs = fake.with(|world| {
        let head = world.commit(&[&base], "a", "3", "eve");
        world.set_branch("bpctl/test/b/scale", &head, "eve");
        let number = world.open("bpctl/test/b/scale", "Scale b", "eve");
        world.pull(number)["head"]["repo"] = json!({ "id": 2000 });
        head
    });
    let here = bare();
    let all = on_clone(&fake, "token-app", &here).pulls(PullFilter::Open).await.unwrap();
    let mut found: Vec<_> = all.iter().map(|pull| (pull.head.as_str(), pull.head_branch.as_deref())).collect();
    found.sort_by_key(|(_, branch)| branch.is_none());
    assert_eq!(found, [(mine.as_str(), Some("bpctl/test/a/scale")), (theirs.as_str(), None)]);
    let has = |commit: &str| git2::Repository::open(here.path()).unwrap().find_commit(commit.parse().unwrap()).is_ok();
    assert!(has(&mine) && !has(&theirs));
}

#[test]
fn t22_names_that_are_none_are_refused() {
    let here = bare();
    let good = options(&Url::parse("https://forge.test").unwrap(), &here, token(TOKEN));
    for name in ["", "..", ".", "a/b", "a%2fb", "--upload-pack=x", "a b"] {
        assert!(GithubForge::connect(GithubOptions { owner: name.into(), ..good.clone() }).is_err(), "{name}");
        assert!(GithubForge::connect(GithubOptions { repo: name.into(), ..good.clone() }).is_err(), "{name}");
    }
    assert!(GithubForge::connect(GithubOptions { base_branch: "-x".into(), ..good.clone() }).is_err());
    assert!(GithubForge::connect(good).is_ok());
}
