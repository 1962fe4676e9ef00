//! What a run learns from the past (B11, X6): outcomes from checks, changes from Git, and who resets a breaker.

use bpctl::pipeline::{Session, SessionOptions, work_tree};
use bpctl_core::observe::CheckConclusion;
use serde_json::json;

use super::resize::shop;
use super::{APPLY, says};
use crate::support::Repo;

const DEPLOYMENTS: &str = "clusters/staging/shop/deployments.json";

/// Writes the outcome of the last merge as bpctl writes it.
pub(super) fn conclude(repo: &Repo, conclusion: CheckConclusion) {
    conclude_as(repo, conclusion, None);
}

/// The same by this account.
fn conclude_as(repo: &Repo, conclusion: CheckConclusion, account: Option<&str>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let repository = bpctl::git::Repository::discover(&repo.path()).expect("a repository");
        let workspace = work_tree(&repository).expect("a tree").catalog.workspace.value;
        let options = SessionOptions { identity: account.map(str::to_owned), ..SessionOptions::default() };
        let session = Session::open(&repo.path(), &workspace, options).await.expect("a session");
        let merge = repo.git(&["log", "-1", "--merges", "--format=%H", "main"]);
        let forge = session.forge.writing().expect("writing");
        forge.set_check(merge.trim(), "bpctl/verify-staging", conclusion, "as a test says").await.expect("written");
    });
}

/// Would miss: a breaker that never opens because nobody looks the outcomes up, one that a run of bpctl closes by itself, one that a
/// person closes who knew of no failure yet, and one that a person cannot close.
#[test]
fn b11_the_breaker_opens_by_checks_and_a_person_closes_it() {
    let (repo, _) = shop("63m", "104857600", 20);
    let policy = "blueprints/policies/base.yaml";
    repo.replace(policy, "cooldown: 60s", "cooldown: 60s, breaker: 1");
    repo.commit(&[], "one failure is enough");
    repo.run(&APPLY).exits(0);
    assert_eq!(repo.merges(), 1);
    let held =
        "limits.breaker = 1 until a person's change of the blueprint is merged — failed one after another: resize #";
    let plan = || {
        // Something is always to be done: somebody scaled the frontend by hand.
        let live = repo.read(DEPLOYMENTS);
        let mut live: serde_json::Value = serde_json::from_str(&live).expect("JSON");
        for item in live["items"].as_array_mut().expect("items") {
            if item["metadata"]["name"] == "frontend" {
                item["spec"]["replicas"] = 4.into();
            }
        }
        repo.write(DEPLOYMENTS, &live.to_string());
        repo.run(&["plan", "--target", "frontend"]).exits(0).stdout
    };
    assert!(!plan().contains("limits.breaker"), "it is not verified yet");
    // A person's change that lands while the operation is still watched answers nothing.
    repo.replace("blueprints/frontend/blueprint.yaml", "version: 1.4.0", "version: 1.4.1");
    repo.commit(&[], "something of ours");
    std::thread::sleep(std::time::Duration::from_millis(1100)); // commits have whole seconds
    conclude(&repo, CheckConclusion::Failure);
    says(&plan(), &["frontend  reconcile (replicas 4 → 2)", held]);
    // Nothing that bpctl does itself closes it, and other workloads go on; people are alerted.
    says(
        &repo.run(&APPLY).exits(0).stdout,
        &[
            "\nalert: frontend: a verification failed: resize of pull request ",
            "\nalert: frontend: stopped after failures: failed one after another: resize #",
        ],
    );
    says(&plan(), &[held]);
    assert!(!repo.run(&["plan", "--target", "backend"]).exits(0).stdout.contains("limits.breaker"));
    // Nor does a person's change of something else.
    repo.commit(&[("README.md", "hello\n")], "something else");
    says(&plan(), &[held]);
    repo.replace("blueprints/frontend/blueprint.yaml", "version: 1.4.1", "version: 1.4.2");
    repo.commit(&[], "I looked at it");
    assert!(!plan().contains("limits.breaker"), "{}", plan());
    // What comes later is dated as whoever wrote it likes, and takes nothing back.
    let mut later = repo.git_command(&["commit", "-q", "--allow-empty", "-m", "from a slow clock"]);
    assert!(later.env("GIT_COMMITTER_DATE", "2001-01-01T00:00:00Z").status().expect("git starts").success());
    assert!(!plan().contains("limits.breaker"), "{}", plan());
    // It opens again with the next failure, and closes with a success.
    conclude(&repo, CheckConclusion::Success);
    assert!(!plan().contains("limits.breaker"));
}

/// A merged pull request of this account, from a branch with a name as bpctl's own; it changes a word in README.md, or what it is given.
fn merged(repo: &Repo, number: u64, account: &str, file: (&str, &str)) {
    let branch = "bpctl/staging/frontend/resize";
    repo.git(&["checkout", "-q", "-b", branch]);
    let head = repo.commit(&[file], "a word");
    let base = repo.git(&["rev-parse", "main"]);
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["merge", "-q", "--no-ff", "-m", "a word", branch]);
    repo.git(&["branch", "-q", "-D", branch]);
    let (commit, at) = (repo.git(&["rev-parse", "main"]), bpctl::runtime::now().to_string());
    let author = json!({"login": account, "id": account, "bot": account == "bpctl"});
    let pull = json!({
        "version": 1, "number": number, "title": "a word", "body": "", "branch": branch, "base": "main", "author": author,
        "openedAt": at, "updatedAt": at, "head": {"commit": head.trim(), "by": author, "base": base.trim()},
        "state": {"state": "merged", "at": at, "commit": commit.trim()},
    });
    repo.write("pull.json", &pull.to_string());
    let blob = repo.git(&["hash-object", "-w", "pull.json"]);
    std::fs::remove_file(repo.path().join("pull.json")).expect("removed");
    repo.git(&["update-index", "--add", "--cacheinfo", &format!("100644,{},pull.json", blob.trim())]);
    let tree = repo.git(&["write-tree", "--prefix="]);
    repo.git(&["reset", "-q", "--hard"]);
    let record = repo.git(&["commit-tree", tree.trim(), "-p", head.trim(), "-m", "merged"]);
    repo.git(&["update-ref", &format!("refs/bpctl/pull/{number}"), record.trim()]);
}

/// Would miss: a breaker that anybody closes by a word in README.md, from a branch called as bpctl's own, or by a push to bpctl's own branch;
/// and such a merge that bpctl takes for its own: that it verifies, writes down and pauses after.
#[test]
fn b11_what_only_has_the_name_of_an_operation_closes_no_breaker() {
    let (repo, _) = shop("63m", "104857600", 20);
    repo.replace("blueprints/policies/base.yaml", "cooldown: 60s", "cooldown: 60s, breaker: 1");
    repo.commit(&[], "one failure is enough");
    repo.run(&APPLY).exits(0);
    conclude(&repo, CheckConclusion::Failure);
    let stopped = |when: &str| {
        let told = repo.run(&["breaker", "--env", "staging"]).exits(0).stdout;
        assert!(told.contains("frontend  stopped since"), "{when}: {told}");
    };
    stopped("before");
    let past = || {
        let observed = repo.run(&["stage", "observe", "--env", "staging"]).exits(0).json();
        observed["facts"]["history:frontend"]["value"]["history"]["known"].clone()
    };
    merged(&repo, 71, "mallory", ("README.md", "a word\n"));
    let told = repo.run(&APPLY).exits(0).stdout;
    assert!(!told.contains("verified local pull request #71"), "{told}");
    conclude(&repo, CheckConclusion::Success);
    stopped("somebody else's");
    let operations = past();
    assert_eq!(operations.as_array().map(Vec::len), Some(1), "it is no operation at all: {operations}");
    let merges = |number: u64| {
        let entries = repo.ledger("staging").into_iter();
        entries.filter(|entry| entry["event"]["kind"] == "merged" && entry["event"]["pull"] == number).count()
    };
    assert_eq!(merges(71), 0);
    // What changes the workload may hold, and frees nothing.
    let manifest = repo.read("deploy/frontend.yaml").replace("replicas: 2", "replicas: 3");
    merged(&repo, 72, "mallory", ("deploy/frontend.yaml", &manifest));
    conclude(&repo, CheckConclusion::Success);
    stopped("somebody else's of the workload");
    assert_eq!((&past()[1]["foreign"], &past()[1]["outcome"]), (&json!(true), &json!(null)));
    // bpctl's own branch takes pushes of others.
    merged(&repo, 73, "bpctl", ("README.md", "another word\n"));
    conclude(&repo, CheckConclusion::Success);
    stopped("bpctl's own, of something else");
}

/// Would miss: a run with another token, to which no failure of the first one's operations counts.
#[test]
fn b11_what_another_account_saw_fail_holds_as_well() {
    let (repo, _) = shop("63m", "104857600", 20);
    repo.replace("blueprints/policies/base.yaml", "cooldown: 60s", "cooldown: 60s, breaker: 1");
    repo.commit(&[], "one failure is enough");
    let stopped = || {
        let told = repo.run(&["breaker", "--env", "staging"]).exits(0).stdout;
        told.contains("frontend  stopped since").then_some(told)
    };
    let manifest = repo.read("deploy/frontend.yaml").replace("replicas: 2", "replicas: 3");
    merged(&repo, 71, "robot-2", ("deploy/frontend.yaml", &manifest));
    conclude_as(&repo, CheckConclusion::Failure, Some("mallory"));
    assert_eq!(stopped(), None, "of somebody who did not propose it");
    conclude_as(&repo, CheckConclusion::Failure, Some("robot-2"));
    let told = stopped().expect("it is stopped");
    says(&told, &["resize #71 of another account"]);
    repo.replace("blueprints/frontend/blueprint.yaml", "version: 1.4.0", "version: 1.4.1");
    repo.commit(&[], "I looked at it");
    assert_eq!(stopped(), None);
}
