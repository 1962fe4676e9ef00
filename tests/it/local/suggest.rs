//! Earned autonomy through the program (X12): from merges and their checks to a pull request that a person merges.

use bpctl::forge::{BranchName, NewPull};
use bpctl::pipeline::{Session, SessionOptions, work_tree};
use bpctl_core::observe::CheckConclusion;

use super::breaker::conclude;
use super::{APPLY, says};
use crate::support::{Repo, signed_shop};

const BLUEPRINT: &str = "blueprints/frontend/blueprint.yaml";
const BRANCH: &str = "bpctl/staging/frontend/scale";

/// A scale of bpctl's that a person let in, and how it ended.
fn land(repo: &Repo, from: u32, to: u32, outcome: Option<CheckConclusion>) {
    repo.git(&["switch", "-q", "-c", BRANCH]);
    repo.replace("deploy/frontend.yaml", &format!("replicas: {from} "), &format!("replicas: {to} "));
    repo.commit(&[], "scale");
    repo.git(&["switch", "-q", "main"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let repository = bpctl::git::Repository::discover(&repo.path()).expect("a repository");
        let workspace = work_tree(&repository).expect("a tree").catalog.workspace.value;
        let session = Session::open(&repo.path(), &workspace, SessionOptions::default()).await.expect("a session");
        let branch = BranchName::new(BRANCH).expect("a name");
        let pull = NewPull {
            branch,
            after: None,
            title: "scale".into(),
            body: String::new(),
            reviewers: Vec::new(),
            labels: Vec::new(),
        };
        session.forge.writing().expect("writing").open_pull(&pull).await.expect("opened");
    });
    repo.git(&["merge", "-q", "--no-ff", "-m", "scale", BRANCH]);
    repo.git(&["branch", "-q", "-D", BRANCH]);
    if let Some(outcome) = outcome {
        conclude(repo, outcome);
    }
}

fn suggest(repo: &Repo, arguments: &[&str]) -> String {
    repo.run(&[&["suggest", "--env", "staging"], arguments].concat()).exits(0).stdout
}

/// Would miss: a row that a failure, or an operation that nobody verified, does not end; a suggestion that is proposed without a word; one
/// that bpctl merges itself; a version that `lint --base` refuses; and a no that is not heard.
#[test]
fn x12_what_went_well_each_time_may_be_allowed_by_a_person() {
    let (repo, alice) = signed_shop();
    repo.replace(
        BLUEPRINT,
        "allowed_operations: [scale, reconcile, restart]",
        "allowed_operations: [reconcile, restart]",
    );
    repo.replace(
        BLUEPRINT,
        "requires_approval: [scale_beyond_limits,",
        "requires_approval: [scale, scale_beyond_limits,",
    );
    repo.commit(&[], "people scale");
    land(&repo, 2, 3, Some(CheckConclusion::Success));
    land(&repo, 3, 4, Some(CheckConclusion::Failure));
    land(&repo, 4, 3, Some(CheckConclusion::Success));
    let short = suggest(&repo, &["--after", "2"]);
    says(&short, &["nothing is suggested", "frontend scale: 1 of 2 verified successes in a row in staging"]);

    land(&repo, 3, 4, Some(CheckConclusion::Success));
    let before = repo.everything();
    let told = suggest(&repo, &["--after", "2"]);
    says(
        &told,
        &[
            "frontend 1.4.0 → 2.0.0  allow scale",
            "scale in staging: local pull request #4, merged 20",
            "scale in staging: local pull request #3, merged 20",
            "bpctl suggest --propose opens a pull request, which a person merges",
            "frontend resize: 0 of 2 verified successes in a row",
        ],
    );
    assert!(!told.contains("backend scale") && !told.contains("#1,"), "{told}");
    says(&suggest(&repo, &[]), &["frontend scale: 2 of 10 verified successes"]);
    assert_eq!(before, repo.everything());

    says(&suggest(&repo, &["--after", "2", "--propose"]), &["opened local pull request #5"]);
    says(&suggest(&repo, &["--after", "2", "--propose"]), &["local pull request #5 is open"]);
    let edited = repo.git(&["show", "bpctl-autonomy/frontend:blueprints/frontend/blueprint.yaml"]);
    says(
        &edited,
        &[
            "version: 2.0.0",
            "allowed_operations: [reconcile, restart, scale]",
            "requires_approval: [scale_beyond_limits,",
        ],
    );
    repo.git(&["switch", "-q", "bpctl-autonomy/frontend"]);
    repo.run(&["lint", "--base", "main"]).exits(0);
    repo.git(&["switch", "-q", "main"]);
    // Base judges it, and bpctl leaves it, approved or not.
    says(&repo.run(&["judge", "5"]).exits(6).stdout, &["needs approval", "needs one by alice@shop.example"]);
    repo.run(&["approve", "5", "--signing-key", &alice]).exits(0);
    let merged = repo.merges();
    repo.run(&APPLY);
    assert!(!repo.read(BLUEPRINT).contains("restart, scale]"), "{merged} before, {} after", repo.merges());
    says(&repo.run(&["judge", "5"]).stdout, &["it changes rules: that is for a person to merge"]);

    // A person's no, and what nobody verified.
    repo.run(&["reject", "5"]).exits(0);
    says(&suggest(&repo, &["--after", "2", "--propose"]), &["not proposed: a person closed this before"]);
    let replicas = repo.read("deploy/frontend.yaml").lines().find_map(|line| {
        line.trim().strip_prefix("replicas: ").map(|rest| rest[..1].parse::<u32>().expect("a number"))
    });
    let replicas = replicas.expect("replicas");
    land(&repo, replicas, if replicas == 4 { 3 } else { 4 }, None);
    says(&suggest(&repo, &["--after", "2"]), &["nothing is suggested", "frontend scale: 0 of 2"]);
}

/// Would miss: a suggestion that a policy or the blueprint itself forbids, and a policy's own number.
#[test]
fn x12_what_is_not_the_blueprints_to_say_is_not_suggested() {
    let (repo, _) = signed_shop();
    repo.replace(
        BLUEPRINT,
        "allowed_operations: [scale, reconcile, restart]",
        "allowed_operations: [reconcile, restart]",
    );
    repo.commit(&[], "people scale");
    land(&repo, 2, 3, Some(CheckConclusion::Success));
    says(&suggest(&repo, &["--after", "1"]), &["frontend 1.4.0 → 2.0.0  allow scale"]);
    let policy = "blueprints/policies/base.yaml";
    repo.replace(policy, "cooldown: 60s", "cooldown: 60s, earned_after: 3");
    repo.commit(&[], "three times");
    says(&suggest(&repo, &[]), &["frontend scale: 1 of 3 verified successes"]);
    let text = repo.read(policy);
    let operations = text.lines().find(|line| line.starts_with("operations:")).expect("operations").to_owned();
    repo.replace(policy, &operations, &operations.replacen('{', "{scale: requires_approval, ", 1));
    repo.commit(&[], "people scale everywhere");
    says(
        &suggest(&repo, &["--after", "1"]),
        &["nothing is suggested", "frontend scale: policy base asks for approval in staging"],
    );
    repo.replace(BLUEPRINT, "forbidden_operations: [delete,", "forbidden_operations: [delete, scale,");
    repo.commit(&[], "nobody scales");
    says(&suggest(&repo, &["--after", "1"]), &["nothing is suggested", "frontend scale: the blueprint forbids it"]);
}
