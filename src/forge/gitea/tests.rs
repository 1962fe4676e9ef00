//! Against a server that misbehaves.

#![allow(clippy::disallowed_methods, reason = "tests")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::forge::testing::{Server, bare, new_pull, reply};

const TOKEN: &str = "canary-token";

fn connected(server: &Server) -> (GiteaForge, TempDir) {
    let here = bare();
    (GiteaForge::connect(options(server.url.join("git/").unwrap(), &here)).unwrap(), here)
}

fn options(api: Url, here: &TempDir) -> GiteaOptions {
    GiteaOptions {
        api,
        owner: "shop".into(),
        repo: "deploy".into(),
        token: SecretString::from(TOKEN.to_owned()),
        base_branch: "main".into(),
        git_dir: here.path().to_owned(),
        bots: vec!["Renovate".into()],
    }
}

fn status(id: u32) -> String {
    format!(
        r#"{{"id":{id},"status":"success","context":"ci/{id}","creator":null,"created_at":"2026-01-02T03:04:05Z"}}"#
    )
}

const COMMIT: &str = "0123456789012345678901234567890123456789";

#[tokio::test]
async fn z9_a_page_that_fails_makes_the_list_fail() {
    let server = Server::new(|line| {
        if line.contains("page=1&") {
            reply(200, "X-Total-Count: 3\r\n", &format!("[{},{}]", status(3), status(2)))
        } else {
            reply(500, "", "{}")
        }
    });
    let (forge, _here) = connected(&server);
    assert!(matches!(forge.checks(COMMIT).await, Err(ForgeError::Refused { status: 500, .. })));
    assert!(server.requests().len() > 3, "Z8: a GET is repeated");
}

#[tokio::test]
async fn z9_a_list_shorter_than_its_count_is_no_list() {
    for second in
        ["[]", "null", "[{\"id\":2,\"status\":\"x\",\"context\":\"\",\"created_at\":\"2026-01-02T03:04:05Z\"}]"]
    {
        let server = Server::new(move |line| {
            let first = format!("[{},{}]", status(3), status(2));
            reply(200, "X-Total-Count: 3\r\n", if line.contains("page=1&") { &first } else { second })
        });
        let (forge, _here) = connected(&server);
        assert!(matches!(forge.checks(COMMIT).await, Err(ForgeError::Malformed { .. })), "{second}");
    }
    let server = Server::new(|_| reply(200, "", "[]"));
    assert!(matches!(connected(&server).0.checks(COMMIT).await, Err(ForgeError::Malformed { .. })), "without a count");
}

#[tokio::test]
async fn z9_a_list_that_grows_while_it_is_read_is_read_again() {
    let calls = AtomicUsize::new(0);
    let server = Server::new(move |line| {
        let (call, first) = (calls.fetch_add(1, Ordering::Relaxed), line.contains("page=1&"));
        match (call, first) {
            (0, _) => reply(200, "X-Total-Count: 3\r\n", &format!("[{},{}]", status(3), status(2))),
            (_, true) => reply(200, "X-Total-Count: 4\r\n", &format!("[{},{}]", status(4), status(3))),
            (_, false) => reply(200, "X-Total-Count: 4\r\n", &format!("[{},{}]", status(2), status(1))),
        }
    });
    let checks = connected(&server).0.checks(COMMIT).await.unwrap();
    assert_eq!(checks.iter().map(|check| check.name.as_str()).collect::<Vec<_>>(), ["ci/1", "ci/2", "ci/3", "ci/4"]);
    // T29: a status without an account is nobody's.
    assert!(checks.iter().all(|check| check.by.id == "-1" && check.by.bot));
}

#[tokio::test]
async fn t37_links_and_redirects_to_another_host_are_not_followed() {
    let other = Server::new(|_| reply(200, "X-Total-Count: 1\r\n", "[]"));
    let target = other.url.to_string();
    let link = format!("Link: <{target}>; rel=\"next\"\r\nX-Total-Count: 1\r\n");
    let server = Server::new(move |_| reply(200, &link, &format!("[{}]", status(1))));
    assert_eq!(connected(&server).0.checks(COMMIT).await.unwrap().len(), 1);
    let server = Server::new(move |_| reply(302, &format!("Location: {target}\r\n"), ""));
    let (forge, _here) = connected(&server);
    assert!(matches!(forge.checks(COMMIT).await, Err(ForgeError::Refused { status: 302, .. })));
    assert!(matches!(forge.clock().await, Err(ForgeError::Refused { status: 302, .. })));
    assert!(other.requests().is_empty(), "{:?}", other.requests());
}

#[tokio::test]
async fn t38_the_token_stands_in_no_error_and_no_address() {
    let server = Server::new(|_| reply(403, "", r#"{"message":"no"}"#));
    let (forge, here) = connected(&server);
    let error = forge.checks(COMMIT).await.unwrap_err();
    let shown = format!("{error:?} {error} {forge:?} {:?}", options(server.url.join("git/").unwrap(), &here));
    assert!(!shown.contains(TOKEN), "{shown}");
    assert!(!server.requests()[0].lines().next().unwrap().contains(TOKEN));
    assert!(server.requests()[0].contains(&format!("authorization: token {TOKEN}")));
    assert!(server.requests()[0].starts_with("GET /git/api/v1/repos/shop/deploy/statuses/"));
    let unreachable = GiteaForge::connect(options(Url::parse("http://127.0.0.1:1").unwrap(), &here)).unwrap();
    let error = unreachable.clock().await.unwrap_err();
    assert!(matches!(error, ForgeError::Unreachable { .. }) && !format!("{error:?}").contains(TOKEN), "{error:?}");
}

#[tokio::test]
async fn z7_retry_after_is_obeyed() {
    let calls = AtomicUsize::new(0);
    let server = Server::new(move |_| match calls.fetch_add(1, Ordering::Relaxed) {
        0 => reply(429, "Retry-After: 1\r\n", "{}"),
        1 => reply(403, "Retry-After: 1\r\n", "{}"),
        _ => reply(200, "Date: Sat, 21 Nov 2026 02:16:37 GMT\r\n", "{}"),
    });
    let started = Instant::now();
    let (forge, _here) = connected(&server);
    let clock = forge.clock().await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(2));
    assert_eq!((clock.now.to_string().as_str(), clock.from_server), ("2026-11-21T02:16:37Z", true), "Z14");
    let server = Server::new(|_| reply(429, "Retry-After: 86400\r\n", "{}"));
    assert!(matches!(connected(&server).0.clock().await, Err(ForgeError::Limited { .. })));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn z8_a_write_is_sent_once() {
    for code in [500, 502, 409] {
        let server = Server::new(move |_| reply(code, "", "{}"));
        let (forge, _here) = connected(&server);
        let answer = forge.api.write("write", Method::POST, &["x"], &json!({})).await;
        assert!(answer.is_err() == (code >= 500));
        assert_eq!(server.requests().len(), 1);
    }
    let calls = AtomicUsize::new(0);
    let throttled =
        Server::new(move |_| reply(if calls.fetch_add(1, Ordering::Relaxed) == 0 { 429 } else { 200 }, "", "{}"));
    assert!(connected(&throttled).0.api.write("write", Method::POST, &["x"], &json!({})).await.is_ok());
    assert_eq!(throttled.requests().len(), 2);
}

/// Would miss: a new branch that the server does not know yet taken for a refusal, a list that lags taken for a pull request that was not opened
/// (and so opened twice), tries without end.
#[tokio::test]
async fn z6_a_server_that_lags_behind_gets_one_pull_request() {
    let pull = || new_pull(&BranchName::new("bpctl/test/lags").unwrap());
    let posts = |server: &Server| server.requests().iter().filter(|request| request.starts_with("POST ")).count();
    let early = AtomicUsize::new(0);
    let server = Server::new(move |line| match line.split_whitespace().next() {
        Some("POST") if early.fetch_add(1, Ordering::Relaxed) == 0 => reply(404, "", "{}"),
        Some("POST") => reply(201, "", r#"{"number":7}"#),
        _ => reply(200, "X-Total-Count: 0\r\n", "[]"),
    });
    assert_eq!(connected(&server).0.open(&pull()).await.unwrap(), 7);
    assert_eq!(posts(&server), 2);

    let never = Server::new(|line| match line.split_whitespace().next() {
        Some("POST") => reply(404, "", "{}"),
        _ => reply(200, "X-Total-Count: 0\r\n", "[]"),
    });
    assert!(matches!(connected(&never).0.open(&pull()).await, Err(ForgeError::Refused { status: 404, .. })));
    assert!((2..=5).contains(&posts(&never)), "{}", posts(&never));
}

/// Would miss: a comment that is written a second time because the answer to the first was lost, a marker that anybody can write taken for
/// bpctl's own (T9), a deletion that fails because another run was faster.
#[tokio::test]
async fn z8_t09_a_comment_whose_answer_was_lost_is_found_and_other_peoples_are_not() {
    let comments = r#"[{"id":3,"user":{"id":9,"login":"eve"},"body":"<!-- m -->x"},{"id":5,"user":{"id":7,"login":"bot"},"body":"<!-- m -->x"},
        {"id":4,"user":{"id":7,"login":"bot"},"body":"<!-- m -->old"},{"id":6,"user":null,"body":"<!-- m -->x"},{"id":8,"user":{"id":7,"login":"bot"},"body":"y"}]"#;
    let server = Server::new(move |line| match line.split_whitespace().nth(1).unwrap_or_default() {
        path if line.starts_with("GET ") && path.ends_with("/user") => reply(200, "", r#"{"id":7,"login":"bot"}"#),
        _ if line.starts_with("GET ") => reply(200, "X-Total-Count: 5\r\n", comments),
        _ if line.starts_with("DELETE ") => reply(404, "", "{}"),
        _ => reply(502, "", "{}"),
    });
    let (forge, _here) = connected(&server);
    let own = forge.comments(1, "<!-- m -->").await.unwrap();
    assert_eq!(own.iter().map(|comment| comment.id.as_str()).collect::<Vec<_>>(), ["4", "5"]);
    assert_eq!(forge.post_comment(1, "<!-- m -->x").await.unwrap(), own[1]);
    forge.edit_comment(1, "5", "<!-- m -->x").await.unwrap();
    assert!(forge.edit_comment(1, "4", "<!-- m -->x").await.is_err());
    assert!(forge.post_comment(1, "<!-- m -->z").await.is_err());
    forge.remove_comment(1, "11").await.unwrap();
    assert!(forge.remove_comment(1, "5").await.is_err(), "it is still there");
    assert_eq!(server.requests().iter().filter(|request| request.starts_with("POST ")).count(), 2);
}

#[tokio::test]
async fn t15_an_endless_answer_is_cut_off() {
    let server = Server::new(|_| reply(200, "X-Total-Count: 1\r\n", &"[".repeat(33 << 20)));
    assert!(matches!(connected(&server).0.checks(COMMIT).await, Err(ForgeError::Malformed { .. })));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn t27_machine_accounts_are_told_from_people() {
    let server = Server::new(|line| {
        let body = match line.split_whitespace().nth(1).unwrap_or_default() {
            path if path.ends_with("users/search?uid=7") => r#"{"data":[{"id":7,"login":"ann"}],"ok":true}"#,
            path if path.ends_with("users/robot") => r#"{"id":8,"login":"robot"}"#,
            path if path.contains("users/search") => r#"{"data":[],"ok":true}"#,
            _ => return reply(404, "", "{}"),
        };
        reply(200, "", body)
    });
    let (forge, _here) = connected(&server);
    let user = |id: i64, login: &str| User { id, login: login.into(), email: String::new() };
    assert!(!forge.whole_identity(&user(7, "ann")).await.unwrap().bot);
    assert!(forge.whole_identity(&user(8, "robot")).await.unwrap().bot);
    assert!(forge.whole_identity(&user(9, "renovate")).await.unwrap().bot);
    assert!(forge.whole_identity(&user(-2, "gitea-actions")).await.unwrap().bot);
    assert!(forge.whole_identity(&user(10, "hidden")).await.is_err());
}

#[tokio::test]
async fn t6_rights_of_another_user_of_the_same_name_are_not_believed() {
    let server = Server::new(|_| reply(200, "", r#"{"permission":"write","user":{"id":8,"login":"ann"}}"#));
    let (forge, _here) = connected(&server);
    let ann = |id: i64| User { id, login: "ann".into(), email: String::new() };
    assert_eq!(forge.rights(&ann(8)).await.known(), Some(&bpctl_core::observe::Rights::Write));
    assert_eq!(forge.rights(&ann(9)).await.known(), None);
}

#[test]
fn t22_names_that_are_none_are_refused() {
    let here = tempfile::tempdir().unwrap();
    git2::Repository::init_bare(here.path()).unwrap();
    let good = options(Url::parse("https://forge.test").unwrap(), &here);
    for name in ["", "..", ".", "a/b", "a%2fb", "--upload-pack=x", "a b"] {
        assert!(GiteaForge::connect(GiteaOptions { owner: name.into(), ..good.clone() }).is_err(), "{name}");
        assert!(GiteaForge::connect(GiteaOptions { repo: name.into(), ..good.clone() }).is_err(), "{name}");
    }
    for api in ["ftp://forge.test", "https://u:p@forge.test", "https://forge.test/?a=b", "data:x"] {
        assert!(GiteaForge::connect(GiteaOptions { api: Url::parse(api).unwrap(), ..good.clone() }).is_err(), "{api}");
    }
    assert!(GiteaForge::connect(GiteaOptions { base_branch: "-x".into(), ..good.clone() }).is_err());
    assert!(GiteaForge::connect(good).is_ok());
}

/// Would miss: a file's name that leaves its place in the address.
#[test]
fn a_line_is_shown_on_a_page_of_the_commit() {
    let server = Server::new(|_| reply(200, "", "{}"));
    let (forge, _here) = connected(&server);
    let url = |path: &str| forge.line_url(COMMIT, &RepoPath::new(path).unwrap(), 9).unwrap();
    let page = format!("{}git/shop/deploy/src/commit/{COMMIT}", server.url);
    assert_eq!(url("deploy/web.yaml"), format!("{page}/deploy/web.yaml#L9"));
    assert_eq!(url("a b/?q#x.yaml"), format!("{page}/a%20b/%3Fq%23x.yaml#L9"));
}

#[tokio::test]
async fn a_review_is_made_on_the_page() {
    let server = Server::new(|_| reply(200, "", "{}"));
    let (forge, _here) = connected(&server);
    let error = forge.answer(7, COMMIT, Answer::Approve, "why").await.unwrap_err().to_string();
    assert!(error.contains("/git/shop/deploy/pulls/7"), "{error}");
    assert!(server.requests().is_empty());
}
