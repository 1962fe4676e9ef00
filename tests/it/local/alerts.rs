//! Alerts where there is no place for issues: the chat, the ledger, and the last lines of `apply` (R6, B10).

use serde_json::Value as Json;

use super::restart::{a_pod_fails, shop};
use super::{APPLY, leave_the_frontend, says};
use crate::chat::Chat;
use crate::kill::{On, Story, calls};
use crate::support::{Ran, Repo, signed_shop};

const PODS: &str = "clusters/staging/shop/pods.json";

fn apply(repo: &Repo, chat: &Chat) -> Ran {
    repo.bpctl().with("BPCTL_ALERT_WEBHOOK", chat.address()).run(&APPLY)
}

fn alerted(repo: &Repo) -> Vec<(String, bool)> {
    let of = |entry: &Json| {
        let event = &entry["event"];
        (event["cause"].as_str().unwrap_or_default().to_owned(), event["over"].as_bool().unwrap_or_default())
    };
    repo.ledger("staging").iter().filter(|entry| entry["event"]["kind"] == "alerted").map(of).collect()
}

/// R6. Would miss: a cause that each scheduled pass tells anew, an end that nobody hears of, one that is told without a chat as if it had been.
#[test]
fn r06_a_chat_hears_once_of_what_lasts_and_once_of_its_end() {
    let repo = shop("CrashLoopBackOff", 3);
    let chat = Chat::new();
    // Nobody is there to be alerted: the last lines say it, and nothing is written down.
    says(&repo.run(&APPLY).exits(0).stdout, &["\nalert: frontend: waits for a person: pods failed"]);
    assert!(alerted(&repo).is_empty() && chat.heard().is_empty());
    says(&apply(&repo, &chat).exits(0).stdout, &["\nalert: frontend: waits for a person: pods failed"]);
    let heard = chat.heard();
    let [text] = heard.as_slice() else { panic!("{heard:?}") };
    says(text, &["*bpctl staging/frontend*: waits for a person — pods failed", "CrashLoopBackOff"]);
    says(&apply(&repo, &chat).exits(0).stdout, &["\nalert, told before: frontend: waits for a person"]);
    assert_eq!(chat.heard(), Vec::<String>::new());
    // A pass that cannot be begun tells that, and not that the other is over.
    let rules = repo.read("blueprints/frontend/blueprint.yaml");
    repo.commit(&[("blueprints/frontend/blueprint.yaml", "kind: {")], "broken rules");
    says(&apply(&repo, &chat).exits(1).stderr, &["alert: a pass ended with an error"]);
    let heard = chat.heard();
    assert!(heard.len() == 1 && heard[0].contains("*bpctl staging*: a pass ended with an error"), "{heard:?}");
    // All is well again.
    repo.commit(&[("blueprints/frontend/blueprint.yaml", &rules)], "the rules again");
    repo.write(PODS, &Repo::shop().read(PODS));
    says(&apply(&repo, &chat).exits(0).stdout, &["over: frontend: waits for a person", "over: a pass ended with"]);
    let heard = chat.heard();
    assert!(heard.len() == 1 && heard[0].lines().count() == 2, "{heard:?}");
    let of = |cause: &str, over| (cause.to_owned(), over);
    let mut all = alerted(&repo);
    all.sort();
    let [waits, failed] = ["waits-for-person", "pass-failed"];
    assert_eq!(all, [of(failed, false), of(failed, true), of(waits, false), of(waits, true)]);
    assert!(repo.run(&["audit", "verify", "--env", "staging"]).code == Some(0));
    says(&repo.run(&["audit", "--env", "staging"]).exits(0).stdout, &["alerted    waits for a person: pods failed"]);
}

/// B10. Would miss: approvers who hear nothing, or hear it with each pass; a blueprint that names other ways; a cause that is muted and told.
#[test]
fn b10_approvers_hear_of_what_waits_for_them_once() {
    let chat = Chat::new();
    let (repo, _) = signed_shop();
    apply(&repo, &chat).exits(0);
    let heard = chat.heard();
    let asked: Vec<&String> = heard.iter().filter(|text| text.contains("an approval is asked for")).collect();
    assert!(asked.len() == 1 && asked[0].contains("bpctl approve"), "{heard:?}");
    apply(&repo, &chat).exits(0);
    assert_eq!(chat.heard(), Vec::<String>::new());
    // Nor did anybody answer in time.
    let (repo, _) = signed_shop();
    repo.replace("blueprints/backend/blueprint.yaml", "timeout: 1h}", "timeout: 1s}");
    repo.commit(&[], "somebody has to hurry");
    apply(&repo, &chat).exits(0);
    std::thread::sleep(std::time::Duration::from_millis(2_200));
    apply(&repo, &chat).exits(0);
    // On a slow machine the second has passed when the first pass judges what it opened.
    let late: Vec<String> = chat.heard().into_iter().filter(|text| text.contains("nobody approved in time")).collect();
    assert!(
        late.len() == 1 && late[0].contains("*bpctl staging/backend*: nobody approved in time — pull request "),
        "{late:?}"
    );
    // The forge alone asks, or nobody is to hear of it at all.
    for (file, from, to) in [
        ("blueprints/backend/blueprint.yaml", "timeout: 1h}", "timeout: 1h, notifications: [review_request]}"),
        ("bpctl.yaml", "kind: Workspace", "kind: Workspace\nalerts: {mute: [approval-asked]}"),
    ] {
        let (repo, _) = signed_shop();
        repo.replace(file, from, to);
        repo.commit(&[], "other ways");
        apply(&repo, &chat).exits(0);
        assert_eq!(chat.heard(), Vec::<String>::new(), "{file}");
    }
}

/// R6, T38. Would miss: a chat that is down and takes the pass with it, and one whose address is then told in the output.
#[test]
fn r06_a_chat_that_does_not_take_it_stops_nothing() {
    let repo = shop("CrashLoopBackOff", 3);
    let chat = Chat::answering("404 Not Found");
    let ran = apply(&repo, &chat).exits(0);
    assert_eq!(chat.heard().len(), 1, "once: it will never take it");
    says(&ran.stdout, &["not told: the chat: couldn't send an alert to the chat: it answered 404"]);
    assert!(!format!("{ran:?}").contains("CANARY"), "{ran:?}");
    let ran = repo.bpctl().with("BPCTL_ALERT_WEBHOOK", "http://chat.test/hooks/CANARY-T0").run(&["doctor"]);
    says(&ran.stdout, &["  ! BPCTL_ALERT_WEBHOOK is no https address"]);
    assert!(!format!("{ran:?}").contains("CANARY"), "{ran:?}");
    // The doctor tries it.
    let chat = Chat::new();
    let doctor = repo.bpctl().with("BPCTL_ALERT_WEBHOOK", chat.address()).run(&["doctor", "--test-alert"]);
    says(&doctor.stdout, &["  ✓ the chat took a message"]);
    assert_eq!(chat.heard().len(), 1);
}

/// Z1, Z2. Would miss: a message that comes twice because who sent it was killed, or because eight runs found the same.
#[test]
fn z01_z02_a_message_comes_once_whoever_is_killed_and_however_many_run() {
    for call in calls(Story::Alerted, On::Local, "direct") {
        for (moment, heard) in [("before", 0), ("after", 1)] {
            let (repo, chat) = (shop("CrashLoopBackOff", 3), Chat::new());
            let program = repo.bpctl().with("BPCTL_ALERT_WEBHOOK", chat.address());
            let killed = program.with("BPCTL_FAIL_POINT", format!("{}:{moment}", call.name())).run(&APPLY);
            assert_eq!(killed.signal, Some(9), "{moment}: {killed:?}");
            says(&apply(&repo, &chat).exits(0).stdout, &["alert, told before: frontend: waits for a person"]);
            let texts = chat.heard();
            assert_eq!(texts.iter().filter(|text| text.contains("pods failed")).count(), heard, "{moment}: {texts:?}");
        }
    }
    let (repo, chat) = (Repo::shop(), Chat::new());
    leave_the_frontend(&repo);
    a_pod_fails(&repo, "CrashLoopBackOff", 3);
    repo.commit(&[], "a pod failed");
    let program = || repo.bpctl().with("BPCTL_ALERT_WEBHOOK", chat.address());
    let started: Vec<_> = (0..8).map(|_| program().command(&APPLY).spawn().expect("bpctl starts")).collect();
    for child in started {
        Ran::of(child.wait_with_output().expect("it ends")).exits(0);
    }
    let texts = chat.heard();
    assert_eq!(texts.iter().filter(|text| text.contains("pods failed")).count(), 1, "{texts:?}");
    assert_eq!(alerted(&repo), [("waits-for-person".to_owned(), false)]);
}
