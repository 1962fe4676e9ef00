//! Proposals that nobody approves in time, through the program (B10, Z15).

use std::time::Duration;

use super::{APPLY, leave_the_frontend, says};
use crate::kill::{On, Story, calls, delivered};
use crate::support::{Repo, key, signed_shop};

const BACKEND: &str = "blueprints/backend/blueprint.yaml";

/// The shop, where only the backend is to be scaled, beyond its maximum, and asks for this.
fn shop(workflow: &str) -> (Repo, String) {
    let (repo, alice) = signed_shop();
    leave_the_frontend(&repo);
    let text = repo.read(BACKEND);
    let line = text.lines().find(|line| line.contains("approval_workflow:")).expect("it has one").to_owned();
    repo.replace(BACKEND, &line, &format!("  approval_workflow: {{approvers: [alice@shop.example], {workflow}}}"));
    repo.commit(&[], "somebody has to hurry");
    (repo, alice)
}

/// How many time-outs the ledger holds.
fn expired(repo: &Repo) -> usize {
    repo.ledger("staging").iter().filter(|entry| entry["event"]["kind"] == "expired").count()
}

fn wait(seconds: u64) {
    std::thread::sleep(Duration::from_millis(seconds * 1000 + 200));
}

/// Would miss: an approval of the 61st minute that is taken because the run that closes came later still.
#[test]
fn z15_an_approval_that_comes_late_does_not_count() {
    let (repo, alice) = shop("timeout: 3s");
    let plan = repo.run(&["plan", "--env", "staging", "--target", "backend"]).exits(0).stdout;
    says(&plan, &["approvers: alice@shop.example · asked for 3s, then closed"]);
    says(&repo.run(&APPLY).exits(0).stdout, &["opened local pull request #1"]);
    wait(4); // signatures hold whole seconds
    repo.run(&["approve", "1", "--signing-key", &alice]).exits(0);
    let judged = repo.run(&["judge", "1"]).exits(6).stdout;
    says(&judged, &["it came at ", ", and was asked for until ", "no approval within 3s"]);
    let closed = repo.run(&APPLY).exits(0).stdout;
    says(&closed, &["closed local pull request #1: no approval within 3s"]);
    assert_eq!(repo.merges(), 0);
    says(&repo.git(&["show", "refs/bpctl/pull/1:pull.json"]), &["Closed by bpctl: no approval within 3s."]);
}

/// Would miss: a close of bpctl's own that is taken for a person's no, and one that comes back at once, again and again.
#[test]
fn b10_what_nobody_approves_comes_back_after_growing_pauses() {
    let (repo, alice) = shop("timeout: 4s");
    repo.run(&APPLY).exits(0);
    wait(4);
    let closed = repo.run(&APPLY).exits(0).stdout;
    says(
        &closed,
        &["closed local pull request #1", "not proposed: nobody approved #1 within 4s; it is proposed again at 20"],
    );
    let plan = repo.run(&["plan", "--env", "staging", "--target", "backend"]).exits(0).stdout;
    says(&plan, &["not proposed\n", "scale: nobody approved #1 within 4s; it is proposed again at 20"]);
    let before = repo.everything();
    repo.run(&["apply", "--env", "staging", "--dry-run"]).exits(0);
    assert_eq!(before, repo.everything());
    assert_eq!(expired(&repo), 1);

    wait(4);
    says(&repo.run(&APPLY).exits(0).stdout, &["opened local pull request #2"]);
    wait(4);
    says(&repo.run(&APPLY).exits(0).stdout, &["closed local pull request #2"]);
    // The second pause is twice as long.
    wait(4);
    says(&repo.run(&APPLY).exits(0).stdout, &["nobody approved #2 within 4s; it is proposed again at 20"]);
    wait(4);
    says(&repo.run(&APPLY).exits(0).stdout, &["opened local pull request #3"]);
    assert_eq!(expired(&repo), 2);
    says(&repo.run(&["audit"]).exits(0).stdout, &["#2: nobody approved it in time"]);
    repo.run(&["audit", "verify"]).exits(0);

    // In time it counts, however late the run that merges.
    repo.run(&["approve", "3", "--signing-key", &alice]).exits(0);
    wait(4);
    says(&repo.run(&APPLY).exits(0).stdout, &["merged local pull request #3 as "]);
}

/// Would miss: a close that nobody wrote down because the run was killed, or that is done twice.
#[rstest::rstest]
fn z01_killed_around_a_close_it_is_closed_and_written_down_once(
    #[values("direct", "gitops")] delivery: &str,
    #[values("before", "after")] moment: &str,
) {
    for call in calls(Story::Expired, On::Local, delivery) {
        let (repo, _) = shop("timeout: 3s");
        delivered(&repo, delivery);
        repo.commit(&[], "delivered so");
        repo.run(&APPLY).exits(0);
        wait(3);
        let killed = repo.bpctl().with("BPCTL_FAIL_POINT", format!("{}:{moment}", call.name())).run(&APPLY);
        assert!(killed.signal.is_some(), "{killed:?}");
        repo.run(&APPLY).exits(0);
        repo.run(&APPLY).exits(0);
        let of_it = |entry: &&serde_json::Value| entry["event"]["kind"] == "expired" && entry["event"]["pull"] == 1;
        assert_eq!(repo.ledger("staging").iter().filter(of_it).count(), 1);
        let closings = repo.git(&["log", "--first-parent", "--format=%s", "refs/bpctl/pull/1"]);
        assert_eq!(closings.matches("closed").count(), 1, "{closings}");
    }
}

/// Would miss: an approval without a word where the blueprint asks for one.
#[test]
fn b10_an_approval_says_why_where_the_blueprint_asks_for_it() {
    let (repo, alice) = shop("justification: required");
    says(
        &repo.run(&["plan", "--env", "staging", "--target", "backend"]).exits(0).stdout,
        &["asked for 1h, then closed · an approval has to say why"],
    );
    // What is to be run says it, and what would not count is not recorded.
    let why = "bpctl approve 1 --signing-key FILE -m WHY";
    says(&repo.run(&APPLY).exits(0).stdout, &[why]);
    // What stands open is not proposed again by a dry run either.
    let dry = repo.run(&["apply", "--env", "staging", "--dry-run"]).exits(0).stdout;
    assert!(dry.contains("pull request #1 waits") && !dry.contains("staging/backend/scale"), "{dry}");
    let refused = repo.run(&["approve", "1", "--signing-key", &alice]).exits(1).stderr;
    says(&refused, &["backend asks approvers why", why]);
    repo.run(&APPLY).exits(0);
    assert_eq!(repo.merges(), 0);
    repo.run(&["approve", "1", "--signing-key", &alice, "--message", "the sale begins"]).exits(0);
    says(&repo.run(&APPLY).exits(0).stdout, &["merged local pull request #1 as "]);
}

/// Would miss: somebody who goes home with "approved, next: bpctl apply", and is no approver.
#[test]
fn b10_who_approves_in_vain_is_told_at_once() {
    let (repo, alice) = shop("justification: optional");
    let (line, eve) = key(&repo, "eve@shop.example", "eve");
    let signers = "blueprints/allowed_signers";
    let both = format!("{}{line}", repo.read(signers));
    repo.commit(&[(signers, &both)], "eve may sign");
    repo.run(&APPLY).exits(0);
    let told = repo.run(&["approve", "1", "--signing-key", &eve]).exits(0);
    says(
        &told.stdout,
        &["recorded an approval of ", "signed, that does not count: the blueprint names other approvers: alice@"],
    );
    assert!(!told.stderr.contains("next: bpctl apply"), "{}", told.stderr);
    repo.run(&APPLY).exits(0);
    assert_eq!(repo.merges(), 0);
    let told = repo.run(&["approve", "1", "--signing-key", &alice]).exits(0);
    assert!(told.stdout.starts_with("approved local pull request #1 at "), "{}", told.stdout);
    repo.run(&APPLY).exits(0);
    assert_eq!(repo.merges(), 1);
}
