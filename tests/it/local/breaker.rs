//! What a run learns from the past (B11, X6): outcomes from checks, changes from Git, and who resets a breaker.

use bpctl::pipeline::{Session, SessionOptions, work_tree};
use bpctl_core::observe::CheckConclusion;

use super::resize::shop;
use super::{APPLY, says};
use crate::support::Repo;

const DEPLOYMENTS: &str = "clusters/staging/shop/deployments.json";

/// Writes the outcome of the last merge as bpctl writes it.
pub(super) fn conclude(repo: &Repo, conclusion: CheckConclusion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let repository = bpctl::git::Repository::discover(&repo.path()).expect("a repository");
        let workspace = work_tree(&repository).expect("a tree").catalog.workspace.value;
        let session = Session::open(&repo.path(), &workspace, SessionOptions::default()).await.expect("a session");
        let merge = repo.git(&["log", "-1", "--merges", "--format=%H", "main"]);
        let forge = session.forge.writing().expect("writing");
        forge.set_check(merge.trim(), "bpctl/verify-staging", conclusion, "as a test says").await.expect("written");
    });
}

/// Would miss: a breaker that never opens because nobody looks the outcomes up, one that a run of bpctl closes by itself, and one that
/// a person cannot close.
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
    repo.replace("blueprints/frontend/blueprint.yaml", "version: 1.4.0", "version: 1.4.1");
    repo.commit(&[], "I looked at it");
    assert!(!plan().contains("limits.breaker"), "{}", plan());
    // It opens again with the next failure, and closes with a success.
    conclude(&repo, CheckConclusion::Success);
    assert!(!plan().contains("limits.breaker"));
}
