//! The demonstrations that need no running cluster: on the shipped example, its recorded cluster and the local forge.

use super::Page;
use crate::support::{Repo, signed_shop};

/// The last merge, as Git shows it.
fn last_merge(repo: &Repo) -> String {
    repo.git(&["diff", "-U0", "--no-color", "main~1", "main"])
}

const DIFF: &str = "git diff -U0 main~1 main";

/// B18, the second demonstration. Would miss: a maximum that the machine raises by itself, an approval that needs no reason, and one that
/// the record does not name.
#[test]
fn b18_a_fourth_replica_beyond_the_maximum_is_approved_with_a_justification() {
    let (repo, alice) = signed_shop();
    repo.replace(
        "blueprints/backend/blueprint.yaml",
        "approvers: [alice@shop.example]",
        "approvers: [alice@shop.example], justification: required",
    );
    repo.commit(&[], "an approval of the backend says why");
    let mut page = Page::open("02-approval");
    page.bpctl(&repo, "bpctl plan --target backend", 0);
    page.bpctl(&repo, "bpctl apply", 0);
    let approve = ["approve", "1", "--signing-key", alice.as_str()];
    page.run("bpctl approve 1 --signing-key ~/.ssh/id_ed25519", &approve, |words| repo.run(words), 1);
    page.bpctl(&repo, "bpctl judge 1", 6);
    let why = "the sale starts tonight, and finance agreed to a fourth pod";
    let command = format!("bpctl approve 1 --signing-key ~/.ssh/id_ed25519 --message \"{why}\"");
    page.run(&command, &[&approve[..], &["--message", why]].concat(), |words| repo.run(words), 0);
    page.bpctl(&repo, "bpctl apply", 0);
    page.shows(DIFF, &last_merge(&repo));
    assert!(repo.read("deploy/backend.yaml").contains("replicas: 4"));
    let audit = page.bpctl(&repo, "bpctl audit --blueprint backend", 0).stdout;
    assert!(audit.contains("alice@shop.example"), "{audit}");
    page.end();
}

/// B18, the third demonstration. Would miss: an outage that waits for an approval, a delete that one can have approved, and a no without
/// what to do instead.
#[test]
fn b18_a_delete_is_forbidden_and_the_minimum_is_offered_instead() {
    let (repo, alice) = signed_shop();
    let mut page = Page::open("03-forbidden");
    page.bpctl(&repo, "bpctl plan --target backend-canary", 0);
    page.bpctl(&repo, "bpctl apply", 0);
    assert!(repo.read("clusters/staging/shop/deployments.json").contains("backend-canary"));
    // Somebody takes the manifest away on a branch that is to be merged anyway.
    let elsewhere = repo.home().join("elsewhere").display().to_string();
    repo.git(&["worktree", "add", "-q", &elsewhere, "bpctl/staging/backend/scale"]);
    repo.git(&["-C", &elsewhere, "rm", "-q", "deploy/backend-canary.yaml"]);
    repo.git(&["-C", &elsewhere, "commit", "-q", "-m", "the canary goes"]);
    repo.git(&["worktree", "remove", "--force", &elsewhere]);
    page.shows("git push origin HEAD:bpctl/staging/backend/scale", "");
    page.bpctl(&repo, "bpctl judge 1", 6);
    let approve = ["approve", "1", "--signing-key", &alice, "--message", "it is not used"];
    page.run(
        "bpctl approve 1 --signing-key ~/.ssh/id_ed25519 --message \"it is not used\"",
        &approve,
        |words| repo.run(words),
        0,
    );
    page.bpctl(&repo, "bpctl apply", 0);
    let (before, manifest) = (repo.merges(), repo.read("deploy/backend-canary.yaml"));
    assert_eq!(before, 1, "the frontend's alone");
    // What bpctl offers instead.
    repo.write("deploy/backend-canary.yaml", &manifest.replace("replicas: 0 ", "replicas: 1 "));
    repo.commit(&[], "the canary keeps its one pod");
    page.shows("git commit -am \"the canary keeps its one pod\"", "");
    page.bpctl(&repo, "bpctl plan --target backend-canary", 0);
    page.bpctl(&repo, "bpctl audit --verdict forbidden", 0);
    page.end();
}

/// B18, the fifth demonstration. Would miss: one service's no, or its failure, that holds another's yes.
#[test]
fn b18_two_services_are_judged_independently() {
    let (repo, alice) = signed_shop();
    let mut page = Page::open("05-multi-service");
    page.bpctl(&repo, "bpctl plan", 0);
    page.bpctl(&repo, "bpctl apply", 0);
    assert!(repo.read("deploy/frontend.yaml").contains("replicas: 3"));
    assert!(repo.read("deploy/backend.yaml").contains("replicas: 3"));
    page.run(
        "bpctl reject 1 --signing-key ~/.ssh/id_ed25519 --message \"first find out why it is busy\"",
        &["reject", "1", "--signing-key", &alice, "--message", "first find out why it is busy"],
        |words| repo.run(words),
        0,
    );
    page.bpctl(&repo, "bpctl apply", 0);
    page.bpctl(&repo, "bpctl plan", 0);
    page.bpctl(&repo, "bpctl audit", 0);
    page.end();
}
