//! What commands say where somebody asks for what is over, mistyped or not there.

use super::{APPLY, says};
use crate::support::{Repo, signed_shop};

/// Would miss: a merged pull request that is judged as if it could still change something.
#[test]
fn a_merged_pull_request_is_said_to_be_merged() {
    let (repo, _) = signed_shop();
    repo.run(&APPLY).exits(0);
    let judged = repo.run(&["judge", "2"]).stdout;
    assert!(judged.lines().count() == 1 && judged.contains(" merged as "), "{judged}");
}

/// Would miss: an operation that every plan prints and `explain` does not know.
#[test]
fn operations_are_explained() {
    let repo = Repo::shop();
    says(
        &repo.run(&["explain", "scale"]).exits(0).stdout,
        &["scale: Change replicas within the blueprint's minimum and maximum", "Built in it is `allowed`"],
    );
    says(&repo.run(&["explain"]).exits(0).stdout, &["\noperations\n", "  change_rbac  "]);
}

/// Would miss: the usual way to name an earlier commit, refused as if there were none.
#[test]
fn an_earlier_commit_is_named_as_git_does() {
    let repo = Repo::shop();
    repo.write("notes.txt", "1");
    repo.commit(&[], "a note");
    for name in ["HEAD~1", "main^", "HEAD~"] {
        repo.run(&["lint", "--changed-since", name]).exits(0);
    }
    says(
        &repo.run(&["lint", "--changed-since", "HEAD~9"]).exits(1).stderr,
        &["HEAD has fewer than 9 commits before it"],
    );
    says(
        &repo.run(&["lint", "--changed-since", "nope~1"]).exits(1).stderr,
        &["there is no branch, tag or commit nope"],
    );
}

/// Would miss: an error about a file that does not say which.
#[test]
fn the_kubeconfig_is_named() {
    let repo = Repo::shop();
    repo.replace("bpctl.yaml", "cluster: {snapshot: clusters/staging}", "cluster: {context: lab}");
    repo.commit(&[], "a live cluster");
    let ran = repo.bpctl().with("KUBECONFIG", "/nowhere/config").run(&["plan"]).exits(1);
    says(&ran.stderr, &["the kubeconfig /nowhere/config"]);
}

/// Would miss: a heading with nothing below it, and a value of several lines that breaks the columns.
#[test]
fn where_tells_only_of_what_was_asked_for() {
    let repo = Repo::shop();
    let config = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: backend}\ndata: {many: \"a=1\\nb=2\\n\"}\n";
    repo.write("deploy/backend.yaml", &format!("{}{config}", repo.read("deploy/backend.yaml")));
    repo.replace(
        "blueprints/backend/blueprint.yaml",
        "source: deploy/backend.yaml",
        "source: deploy/backend.yaml\n    companions: [ConfigMap/backend]",
    );
    let told = repo.run(&["where", "backend", "many"]).exits(0).stdout;
    assert!(
        told.starts_with("backend · ConfigMap/backend ") && told.contains("  a=1 …  deploy/backend.yaml:"),
        "{told}"
    );
}

/// Would miss: one server that does not answer, told once for each workload.
#[test]
fn one_cause_is_told_once() {
    let repo = Repo::shop();
    let kubeconfig = repo.folder.path().join("kubeconfig");
    let text = "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\nusers: [{name: u, user: {}}]\ncontexts: [{name: lab, context: {cluster: c, user: u}}]\n";
    std::fs::write(&kubeconfig, text).expect("a kubeconfig");
    repo.replace("bpctl.yaml", "cluster: {snapshot: clusters/staging}", "cluster: {context: lab}");
    repo.commit(&[], "a live cluster");
    let ran = repo.bpctl().with("KUBECONFIG", kubeconfig.display().to_string()).run(&["plan"]).exits(1);
    assert_eq!(ran.stdout.matches("did not answer").count(), 1, "{}", ran.stdout);
    let second = ran.stdout.lines().nth(2).unwrap_or_default();
    assert!(second.starts_with("not seen in the cluster: the API server did not answer ("), "{}", ran.stdout);
    says(
        &ran.stdout,
        &[
            "  of backend, backend-canary, frontend: the cluster's object. No decision rests on it.\n",
            "kubectl --context lab version; bpctl.yaml names the context",
            "3 of 3 workloads could not be compared",
        ],
    );
    let markdown = repo.bpctl().with("KUBECONFIG", kubeconfig.display().to_string()).run(&["plan", "-o", "markdown"]);
    assert_eq!(markdown.stdout.matches("did not answer").count(), 1, "{}", markdown.stdout);
}

/// Would miss: a rule that a plan cites and `explain` does not find by that.
#[test]
fn what_plans_cite_is_explained() {
    let repo = Repo::shop();
    for rule in bpctl_core::govern::RULES {
        for cite in rule.cites() {
            let asked = cite.trim_end_matches([' ', '.']);
            says(&repo.run(&["explain", asked]).exits(0).stdout, &[&format!("{}: ", rule.ident())]);
        }
    }
    for (asked, told) in [
        ("scaling.min_replicas = 2, max_replicas = 5", "replica-bounds: "),
        ("bpctl defaults: change_image", "authority: "),
        ("freeze year-end", "freeze: "),
        ("unknown-blueprint", "unknown-blueprint: The blueprint is not on the base branch yet"),
    ] {
        says(&repo.run(&["explain", asked]).exits(0).stdout, &[told]);
    }
    repo.run(&["explain", "scaling.nonsense"]).exits(2);
}

/// Would miss: one variable for a whole job that breaks the commands which lack that format, and a mistake that is taken for one.
#[test]
fn a_format_of_another_command_is_ignored_where_the_environment_says_it() {
    let repo = Repo::shop();
    let run = |format: &str, words: &[&str]| repo.bpctl().with("BPCTL_OUTPUT", format).run(words);
    let planned = run("sarif", &["plan", "--env", "staging"]).exits(0);
    says(&planned.stderr, &["note: BPCTL_OUTPUT=sarif is no format of this command"]);
    assert!(planned.stdout.starts_with("staging · 3 blueprints"), "{}", planned.stdout);
    assert!(run("csv", &["audit", "show", "nothing"]).stderr.contains("note: BPCTL_OUTPUT=csv"));
    let linted = run("sarif", &["lint"]).exits(0);
    assert!(linted.stdout.contains("sarif") && !linted.stderr.contains("BPCTL_OUTPUT"), "{}", linted.stderr);
    assert!(!run("json", &["plan", "--env", "staging"]).exits(0).stderr.contains("BPCTL_OUTPUT"));
    repo.run(&["plan", "-o", "sarif"]).exits(2);
    run("nonsense", &["plan"]).exits(2);
}

/// Would miss: advice that makes a branch called HEAD.
#[test]
fn a_base_that_is_no_branch_is_not_made_one() {
    let repo = Repo::shop();
    let ran = repo.bpctl().with("BPCTL_BASE", "HEAD").run(&["plan"]).exits(1);
    says(&ran.stderr, &["there is no branch HEAD", "name the branch that changes are merged into (git branch --list)"]);
}
