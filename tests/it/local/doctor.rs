//! `bpctl doctor` where nothing is needed but Git: what is there, what is not, and what mends it.

use super::says;
use crate::support::{Repo, signed_shop};

/// Would miss: a doctor that finds all well whatever is there, one that stops at the first thing, and one that changes something.
#[test]
fn the_doctor_tells_what_is_there_and_what_mends_what_is_not() {
    let (repo, _) = signed_shop();
    let before = repo.git(&["for-each-ref"]);
    let well = repo.run(&["doctor"]).exits(0).stdout;
    says(
        &well,
        &[
            "  ✓ a Git repository with its whole history\n",
            "  ✓ 3 blueprints and 1 policy are read, without errors\n",
            "  ✓ 1 person may sign approvals\n",
            "has the rules that everything is judged by\n",
            "  ✓ cluster clusters/staging (1.36) shows what all 3 blueprints are about\n",
            "  ! the cluster is a recording",
        ],
    );
    assert!(!well.contains('✗'), "{well}");
    assert_eq!(repo.git(&["for-each-ref"]), before);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");

    // One thing that is wrong leaves the others to be looked at.
    repo.replace("blueprints/frontend/blueprint.yaml", "max_replicas: 5", "max_replicas: 1");
    let ill = repo.run(&["doctor"]).exits(6).stdout;
    says(
        &ill,
        &[
            "  ✗ 3 blueprints and 1 policy: 1 error\n      bpctl lint\n",
            "  ✓ 1 person may sign approvals\n",
            "1 to mend (✗)",
        ],
    );
    let data = repo.run(&["doctor", "-o", "json", "--env", "nowhere"]).exits(6).json();
    let areas: Vec<&str> =
        data["areas"].as_array().unwrap().iter().map(|area| area["name"].as_str().unwrap()).collect();
    assert_eq!(areas, ["repository", "forge", "alerts", "environment"]);
    assert_eq!(data["areas"][3]["checks"][0]["state"], "broken");
    assert_eq!(data["areas"][3]["checks"][0]["mend"], "it has: staging");
}

/// Would miss: a workflow that was copied as it is shipped, whose job fails before bpctl can say why; and one with a commit taken for such.
#[test]
fn t40_the_doctor_finds_workflows_that_name_no_commit() {
    let (repo, _) = signed_shop();
    let workflow = |commit: &str| format!("jobs:\n  a:\n    steps:\n      - uses: bpctl/bpctl@{commit} # why\n");
    repo.write(".github/workflows/fine.yml", &workflow(&"1".repeat(40)));
    assert!(!repo.run(&["doctor"]).exits(0).stdout.contains("zeros"));
    repo.write(".github/workflows/judge.yml", &workflow(&"0".repeat(40)));
    repo.write(".gitea/workflows/apply.yml", &workflow(&"0".repeat(40)));
    let told = repo.run(&["doctor"]).exits(6).stdout;
    let files = ".gitea/workflows/apply.yml, .github/workflows/judge.yml";
    says(
        &told,
        &[&format!("  ✗ bpctl is used by a commit of zeros, which no server has, so that no job runs: {files}\n")],
    );
}

/// Would miss: nine things to mend where one server does not answer, and none of them what mends it.
#[test]
fn the_doctor_names_a_server_that_does_not_answer_once() {
    let repo = Repo::shop();
    let kubeconfig = repo.folder.path().join("kubeconfig");
    let text = "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\nusers: [{name: u, user: {}}]\ncontexts: [{name: lab, context: {cluster: c, user: u}}]\n";
    std::fs::write(&kubeconfig, text).expect("a kubeconfig");
    repo.replace("bpctl.yaml", "cluster: {snapshot: clusters/staging}", "cluster: {context: lab}");
    repo.commit(&[], "a live cluster");
    let told = repo.bpctl().with("KUBECONFIG", kubeconfig.display().to_string()).run(&["doctor"]).exits(6).stdout;
    let broken: Vec<&str> = told.lines().filter(|line| line.starts_with("  ✗ ")).collect();
    assert!(broken.len() == 1 && broken[0].contains("the API server did not answer"), "{told}");
    says(&told, &["kubectl --context lab version"]);
}

#[test]
fn the_doctor_says_how_to_begin_and_that_history_is_cut_off() {
    let empty = Repo::empty();
    let told = empty.run(&["doctor"]).exits(6).stdout;
    says(&told, &["  ✗ there is no bpctl.yaml at the repository's root\n      `bpctl init` writes one"]);

    let (repo, _) = signed_shop();
    repo.commit(&[], "one more");
    let cut = Repo::empty();
    cut.git(&["fetch", "-q", "--depth", "1", &format!("file://{}", repo.path().display()), "main"]);
    cut.git(&["reset", "-q", "--hard", "FETCH_HEAD"]);
    let told = cut.run(&["doctor"]).stdout;
    says(&told, &["  ! history is cut off", "      git fetch --unshallow; in CI `fetch-depth: 0`\n"]);
}
