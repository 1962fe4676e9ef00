//! Against servers that take a message, and that do not.

#![allow(clippy::disallowed_methods, reason = "tests")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::*;
use crate::forge::testing::{Server, bare, reply};

fn webhook(server: &Server) -> Webhook {
    let _ = bare();
    Webhook::new(&SecretString::from(server.url.join("services/CANARY-T0/CANARY-B0").unwrap().to_string())).unwrap()
}

/// Would miss: a message that is not as Slack's webhooks take it, and one that is sent twice without need.
#[tokio::test]
async fn r06_a_message_is_json_with_a_text() {
    let server = Server::new(|_| reply(200, "", "ok"));
    webhook(&server).send("*bpctl* &lt;x&gt;\nsecond").await.unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].starts_with("POST /services/CANARY-T0/CANARY-B0 "), "{requests:?}");
    assert!(requests[0].to_lowercase().contains("content-type: application/json"), "{requests:?}");
    assert!(requests[0].ends_with(r#"{"text":"*bpctl* &lt;x&gt;\nsecond"}"#), "{requests:?}");
}

/// R11. Would miss: a chat that is away for a moment, and one that is asked for ever.
#[tokio::test]
async fn r11_what_may_pass_is_tried_again_and_not_for_ever() {
    let calls = AtomicUsize::new(0);
    let server = Server::new(move |_| match calls.fetch_add(1, Ordering::Relaxed) {
        0 => reply(503, "", "away"),
        1 => reply(429, "Retry-After: 3600\r\n", ""),
        _ => reply(200, "", "ok"),
    });
    webhook(&server).send("x").await.unwrap();
    assert_eq!(server.requests().len(), 3);
    let server = Server::new(|_| reply(500, "", "CANARY-B0 is broken"));
    let error = webhook(&server).send("x").await.unwrap_err();
    assert!(matches!(&error, WebhookError::Refused { status: 500, .. }), "{error:?}");
    assert_eq!(server.requests().len(), 3);
    // No use: it will never take it.
    let server = Server::new(|_| reply(404, "", "no_service"));
    let error = webhook(&server).send("x").await.unwrap_err();
    assert_eq!((server.requests().len(), error.said().unwrap().raw()), (1, "no_service"));
}

/// Would miss: a chat that takes the message and never answers, and a run that waits for it.
#[tokio::test]
async fn r06_a_chat_that_does_not_answer_holds_nobody_up() {
    let server = Server::new(|_| {
        std::thread::sleep(Duration::from_secs(20));
        String::new()
    });
    let begun = Instant::now();
    let error = webhook(&server).send("x").await.unwrap_err();
    assert!(matches!(error, WebhookError::Slow) && begun.elapsed() < Duration::from_secs(5), "{error:?}");
    // Nobody listens there.
    let closed = Webhook::new(&SecretString::from("http://127.0.0.1:1/services/CANARY-T0")).unwrap();
    let error = closed.send("x").await.unwrap_err();
    assert!(matches!(error, WebhookError::Unreachable { .. }), "{error:?}");
}

/// T36, T37. Would miss: an address that leads elsewhere, by a redirect or in the clear.
#[tokio::test]
async fn t36_t37_a_message_goes_to_its_own_host_alone() {
    let other = Server::new(|_| reply(200, "", "ok"));
    let target = other.url.to_string();
    let server = Server::new(move |_| reply(307, &format!("Location: {target}\r\n"), ""));
    let error = webhook(&server).send("x").await.unwrap_err();
    assert!(matches!(error, WebhookError::Refused { status: 307, .. }), "{error:?}");
    assert!(other.requests().is_empty() && server.requests().len() == 1);
    for bad in [
        "http://chat.test/services/x",
        "http://127.0.0.1.evil.test/x",
        "http://10.0.0.1/x",
        "file:///etc/passwd",
        "gopher://localhost/",
        "services/x",
        "",
    ] {
        assert!(matches!(Webhook::new(&SecretString::from(bad)), Err(WebhookError::Address(_))), "{bad}");
    }
    for good in ["https://chat.test/x", "http://127.0.0.1:8065/hooks/x", "http://[::1]/x", "http://localhost/x"] {
        assert!(Webhook::new(&SecretString::from(good)).is_ok(), "{good}");
    }
}

/// T38. Would miss: the address in an error, also where the server repeats a part of it.
#[tokio::test]
async fn t38_the_address_stands_in_no_error() {
    let server = Server::new(|_| reply(403, "", "no such webhook: CANARY-B0 of services/CANARY-T0"));
    let here = webhook(&server);
    let refused = here.send("x").await.unwrap_err();
    let gone = Webhook::new(&SecretString::from("http://127.0.0.1:1/services/CANARY-T0/CANARY-B0")).unwrap();
    let lost = gone.send("x").await.unwrap_err();
    let source = std::error::Error::source(&lost).map(ToString::to_string);
    let shown = format!("{refused} {refused:?} {lost} {lost:?} {source:?} {here:?} {}", lost.hint());
    assert!(!shown.contains("CANARY"), "{shown}");
}

/// Z17. Would miss: a message that a chat refuses for its length, with a code span that does not end.
#[test]
fn z17_a_long_message_is_cut_between_lines() {
    let many: Vec<String> = (0..200).map(|at| format!("line {at} {}", "x".repeat(50))).collect();
    let shown = cut(&many.join("\n"));
    assert!(shown.chars().count() < LONGEST + 40 && shown.ends_with("more: bpctl audit"), "{shown}");
    assert!(shown.starts_with("line 0 ") && shown.lines().all(|line| line.len() > 20), "{shown}");
    let one = cut(&format!("a `{}`", "y".repeat(5_000)));
    assert!(one.matches('`').count().is_multiple_of(2) && one.chars().count() < LONGEST + 40, "{one}");
}
