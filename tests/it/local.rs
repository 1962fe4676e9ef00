//! The local forge through the program, on the shipped shop: the story, and what may not happen in it.

mod adopt;
mod alerts;
mod attacked;
mod audit;
mod breaker;
mod causes;
mod comment;
mod config;
mod doctor;
mod dresses;
mod expiry;
mod faults;
mod governance;
mod hostile;
mod reason;
mod refused;
mod rendered;
mod resize;
pub mod restart;
mod review;
mod rollback;
mod secrets;
mod seeing;
mod signed;
mod suggest;
mod syncing;
mod telling;

use crate::support::{Repo, key, signed_shop};

const APPLY: [&str; 3] = ["apply", "--env", "staging"];

#[track_caller]
fn says(text: &str, wanted: &[&str]) {
    for line in wanted {
        assert!(text.contains(line), "{line:?} is missing in:\n{text}");
    }
}

/// The controller has seen what was applied to the recording, in which nothing runs.
fn look(repo: &Repo) {
    let file = "clusters/staging/shop/deployments.json";
    let mut all: serde_json::Value = serde_json::from_str(&repo.read(file)).expect("JSON");
    for item in all["items"].as_array_mut().expect("items") {
        item["status"]["observedGeneration"] = item["metadata"]["generation"].clone();
    }
    repo.write(file, &all.to_string());
}

/// The frontend may be busy, and as large as it is: of it only drift is to be done.
pub fn leave_the_frontend(repo: &Repo) {
    let blueprint = "blueprints/frontend/blueprint.yaml";
    repo.replace(blueprint, "scale_up_threshold: 80%", "scale_up_threshold: 99%");
    let sizes = "  resources:\n    cpu: {minimum: 50m, maximum: \"1\", target_utilization: 70%}\n    memory: {minimum: 128Mi, maximum: 512Mi, target_utilization: 80%}\n";
    repo.replace(blueprint, sizes, "");
}

#[test]
fn the_shop_lints_clean() {
    let (repo, _) = signed_shop();
    let ran = repo.run(&["lint"]).exits(0);
    assert_eq!(ran.stdout, "3 blueprints, 1 policy: no problems\n");
    assert_eq!(repo.run(&["lint", "-o", "json"]).exits(0).json()["diagnostics"].as_array().map(Vec::len), Some(0));
}

/// Would miss: a finding that no longer arises, a verdict that changes, a place in a file that is wrong.
#[test]
fn the_plan_says_what_why_and_who() {
    let (repo, _) = signed_shop();
    let text = repo.run(&["plan", "--env", "staging"]).exits(0).stdout;
    says(
        &text,
        &[
            "▲ scale     replicas 3 → 4, max_replicas 3 → 4          needs approval  scaling.max_replicas = 3",
            "CPU 92.04% of request over 5m, above 80% (691m of 750m used by 3 ready pods)",
            "changes blueprints/backend/blueprint.yaml:15:19",
            "approvers: alice@shop.example",
            "✗ reconcile replicas 1 → 0                              forbidden       scaling.min_replicas = 1",
            "▲ scale     replicas 2 → 3                              allowed         scaling.min_replicas = 2, max_replicas = 5",
            "written by kubectl-edit at 2026-11-21T02:49:20Z · declared at deploy/frontend.yaml:22:40",
            "scale: Git says 0 and the cluster has 1: that is settled first",
            "2 allowed · 1 needs approval · 1 forbidden",
        ],
    );
    let markdown = repo.run(&["plan", "-o", "markdown"]).exits(0).stdout;
    says(
        &markdown,
        &[
            "### bpctl · staging — forbidden",
            "**2 allowed · 1 needs approval · 1 forbidden**",
            "| ▲ | `backend` | scale replicas 3 → 4, max_replicas 3 → 4 | **needs approval** by `alice@shop.example` |",
            "written by kubectl-edit at ",
        ],
    );
    let json = repo.run(&["plan", "-o", "json"]).exits(0).json();
    let items: Vec<String> = json["blueprints"]
        .as_array()
        .expect("blueprints")
        .iter()
        .flat_map(|part| part["items"].as_array().expect("items"))
        .map(|item| format!("{} {}", item["action"]["action"], item["verdict"]["tier"]).replace('"', ""))
        .collect();
    assert_eq!(items, ["scale requires_approval", "reconcile forbidden", "scale allowed", "reconcile allowed"]);
    // The same plan from the same files, whenever it is made.
    assert_eq!(json["hash"], repo.run(&["plan", "-o", "json"]).json()["hash"]);
    repo.run(&["plan", "--detailed-exitcode"]).exits(5);
}

#[test]
fn exit_codes_by_kind() {
    let (repo, _) = signed_shop();
    repo.run(&["plan", "--nonsense"]).exits(2);
    repo.run(&["nonsense"]).exits(2);
    repo.run(&["schema", "nonsense"]).exits(2);
    let ran = repo.run(&["plan", "--env", "nowhere"]);
    assert!(matches!(ran.code, Some(1 | 2)), "{ran:?}");
    says(&ran.stderr, &["no environment \"nowhere\"", "staging"]);
    repo.run(&["judge", "7"]).exits(1);
    repo.replace("blueprints/frontend/blueprint.yaml", "max_replicas: 5", "max_replicas: 1");
    repo.run(&["lint"]).exits(6);
    repo.run(&["lint", "--fail-on", "never"]).exits(0);
}

/// Would miss: `approve` whose signature nobody needs (the guard is `review.signed` in the core's `count_reviews`).
#[test]
fn the_story_needs_a_signature() {
    let (repo, alice) = signed_shop();
    let first = repo.run(&APPLY).exits(0).stdout;
    says(
        &first,
        &[
            "opened local pull request #1: replicas 3 → 4, max_replicas 3 → 4",
            "local pull request #1 waits: no approval counts yet; it needs one by alice@shop.example",
            "opened local pull request #2: replicas 2 → 3",
            "merged local pull request #2 as ",
            "applied Deployment/frontend: 2 fields",
            "backend-canary  left: reconcile Deployment/backend-canary: replicas 1 → 0: forbidden by scaling.min_replicas = 1",
        ],
    );
    assert_eq!(repo.merges(), 1);
    let judged = repo.run(&["judge", "1"]).exits(6).stdout;
    says(&judged, &["needs approval", "bpctl does not merge it"]);

    // Not signed: it says so, and counts for nothing in staging.
    repo.run(&["approve", "1", "--as", "alice@shop.example"]).exits(0);
    says(&repo.run(&["judge", "1"]).exits(6).stdout, &["it is not signed by an allowed signer"]);
    repo.run(&APPLY).exits(0);
    assert_eq!(repo.merges(), 1);

    // Signed by a key that base does not list.
    let (line, mallory) = key(&repo, "alice@shop.example", "mallory");
    let approve = ["approve", "1", "--signing-key", &mallory, "--as", "alice@shop.example"];
    repo.run(&approve).exits(1);
    // Nor does it count where it was let in for a moment.
    let signers = repo.read("blueprints/allowed_signers");
    repo.commit(&[("blueprints/allowed_signers", &format!("{signers}{line}"))], "let in");
    repo.run(&approve).exits(0);
    repo.commit(&[("blueprints/allowed_signers", &signers)], "shut out");
    repo.run(&APPLY).exits(0);
    assert_eq!(repo.merges(), 1, "{}", repo.run(&["judge", "1"]).stdout);

    // Signed by Alice.
    repo.run(&["approve", "1", "--signing-key", &alice, "--message", "more connections"]).exits(0);
    let last = repo.run(&APPLY).exits(0).stdout;
    says(
        &last,
        &["merged local pull request #1 as ", "given by 1 person", "applied Deployment/backend: spec.replicas 3 → 4"],
    );
    assert_eq!(repo.merges(), 2);
    assert_eq!(repo.refs("refs/heads"), ["refs/heads/bpctl-ledger/staging", "refs/heads/main"]);
    says(&repo.read("deploy/backend.yaml"), &["replicas: 4"]);
    says(
        &repo.read("blueprints/backend/blueprint.yaml"),
        &["max_replicas: 4      # the database takes so many connections"],
    );
    says(&repo.run(&["audit"]).exits(0).stdout, &["merged     #1 as ", "approved by alice@shop.example"]);

    // Again: nothing.
    let before = repo.everything();
    repo.run(&APPLY).exits(0);
    assert_eq!(before, repo.everything());
}

/// Would miss: a proposal that is opened anew, or told as new, by each pass while it waits.
#[test]
fn a_waiting_proposal_is_opened_once() {
    let (repo, _) = signed_shop();
    // Only the backend has something to do, so that base does not move.
    repo.replace("blueprints/frontend/blueprint.yaml", "scale_up_threshold: 80%", "scale_up_threshold: 95%");
    repo.commit(&[], "the frontend may be busy");
    says(&repo.run(&APPLY).exits(0).stdout, &["opened local pull request #1"]);
    let before = repo.everything();
    let again = repo.run(&APPLY).exits(0).stdout;
    assert!(!again.contains("opened"), "{again}");
    assert_eq!(again.matches("#1 waits").count(), 1, "{again}");
    assert_eq!(before, repo.everything());
}

/// Would miss: a no that holds for one pass, or for ever.
#[test]
fn a_no_holds_until_something_changes() {
    let (repo, _) = signed_shop();
    repo.run(&APPLY).exits(0);
    repo.run(&["reject", "1", "--message", "no"]).exits(0);
    for _ in 0..2 {
        let again = repo.run(&APPLY).exits(0).stdout;
        says(&again, &["not proposed: a person closed this scale before"]);
    }
    assert_eq!(repo.refs("refs/bpctl/pull").len(), 2);
    let declined = repo.ledger("staging").iter().filter(|entry| entry["event"]["kind"] == "declined").count();
    assert_eq!(declined, 1);
    // The maximum is another one: so is the proposal.
    repo.replace("blueprints/backend/blueprint.yaml", "max_replicas: 3 ", "max_replicas: 2 ");
    repo.git(&["commit", "-q", "-m", "fewer connections", "blueprints"]);
    says(&repo.run(&APPLY).exits(0).stdout, &["opened local pull request #3: replicas 3 → 4, max_replicas 2 → 4"]);
}

/// Would miss: any call that is made in a dry run or by a command that only reads (the guard is `Effects::call`).
#[test]
fn what_only_reads_changes_nothing() {
    let (repo, _) = signed_shop();
    let reads = |repo: &Repo, commands: &[&[&str]]| {
        let before = repo.everything();
        for command in commands {
            let ran = repo.run(command);
            assert!(matches!(ran.code, Some(0 | 5 | 6)), "{command:?}: {ran:?}");
            assert_eq!(before, repo.everything(), "{command:?}");
        }
    };
    let dry: &[&str] = &["apply", "--env", "staging", "--dry-run"];
    let plan: &[&str] = &["plan", "--env", "staging"];
    let markdown: &[&str] = &["plan", "-o", "markdown"];
    reads(&repo, &[&["lint"], plan, markdown, dry, &["audit"]]);
    says(
        &repo.run(dry).stdout,
        &["dry run: nothing was changed", "would open a pull request from bpctl/staging/backend/scale"],
    );
    repo.run(&APPLY).exits(0);
    reads(&repo, &[&["lint"], plan, &["judge", "1"], &["judge", "2", "-o", "json"], dry, &["audit", "-o", "json"]]);
}

/// Would miss: work of a person that is thrown away because it lies on the branch that bpctl wants.
#[test]
fn a_persons_branch_is_not_overwritten() {
    let (repo, _) = signed_shop();
    repo.git(&["checkout", "-q", "-b", "bpctl/staging/backend/scale"]);
    let theirs = repo.commit(&[("notes.txt", "mine")], "my work");
    repo.git(&["checkout", "-q", "main"]);
    let told = repo.run(&APPLY).exits(0).stdout;
    assert_eq!(repo.git(&["rev-parse", "bpctl/staging/backend/scale"]).trim(), theirs, "{told}");
    says(&told, &["not proposed: somebody else's work is on bpctl/staging/backend/scale"]);
}
