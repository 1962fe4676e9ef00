//! What the program says of what it could not see, does not do, or leaves to a person: in its words and its exit codes (R6, X10).

use super::rendered::shop as rendered_shop;
use super::{APPLY, says};
use crate::support::{Ran, Repo};

const PLAN: [&str; 3] = ["plan", "--env", "staging"];

#[track_caller]
fn last_line(ran: &Ran) -> &str {
    ran.stdout.lines().last().unwrap_or_default()
}

/// Would miss: a scheduled run that stays green with the cluster gone.
#[test]
fn r06_a_cluster_that_cannot_be_seen_is_not_green() {
    let repo = Repo::shop();
    repo.replace("bpctl.yaml", "{snapshot: clusters/staging}", "{context: gone}");
    repo.commit(&[], "a cluster that nobody reaches");
    let kubeconfig = repo.folder.path().join("kubeconfig");
    let text = "apiVersion: v1\nkind: Config\nclusters: [{name: gone, cluster: {server: 'https://127.0.0.1:1'}}]\n\
                contexts: [{name: gone, context: {cluster: gone, user: gone}}]\nusers: [{name: gone, user: {}}]\n";
    std::fs::write(&kubeconfig, text).expect("written");
    let run = |arguments: &[&str]| {
        repo.bpctl().with("BPCTL_KUBECONFIG", kubeconfig.to_str().expect("UTF-8")).run(arguments).exits(1)
    };
    let told = "3 of 3 workloads could not be compared: backend, backend-canary, frontend";
    assert_eq!(last_line(&run(&PLAN)), told);
    assert_eq!(
        last_line(&run(&["plan", "--detailed-exitcode", "--target", "backend"])),
        "1 of 1 workload could not be compared: backend"
    );
    says(
        &run(&["plan", "-o", "markdown", "--target", "backend"]).stdout,
        &["not all could be compared", "**1 of 1 workload could not be compared: backend**"],
    );
    let applied = run(&APPLY);
    says(&applied.stdout, &["not compared: the cluster's object: couldn't list"]);
    assert_eq!(last_line(&applied), told);
}

/// Would miss: a machine without the renderer, which is green for ever.
#[test]
fn r06_a_missing_renderer_is_not_green_where_a_blueprint_needs_it() {
    let (repo, _) = rendered_shop();
    let run = |arguments: &[&str]| repo.bpctl().with("BPCTL_KUSTOMIZE", "/nonexistent").run(arguments);
    says(&run(&["lint"]).exits(0).stdout, &["warning", "render-failed"]);
    run(&["lint", "--fail-on", "warning"]).exits(6);
    let planned = run(&PLAN).exits(1);
    assert_eq!(last_line(&planned), "1 of 3 workloads could not be compared: frontend");
    // All the rest is done, and the highest code wins.
    says(&planned.stdout, &["needs approval  scaling.max_replicas = 3"]);
    run(&["plan", "--detailed-exitcode"]).exits(5);
    says(&run(&APPLY).exits(1).stdout, &["opened local pull request #1", "there is neither kustomize nor kubectl"]);
    // An overlay that no blueprint is about is a note.
    repo.replace("blueprints/frontend/blueprint.yaml", "source: overlays/staging", "source: deploy/frontend.yaml");
    repo.replace("deploy/frontend.yaml", "replicas: 1 ", "replicas: 2 ");
    run(&["lint", "--fail-on", "warning"]).exits(0);
}

/// Would miss: a fact that only one detector lacks, taken for a workload that is not seen.
#[test]
fn r06_what_only_a_detector_lacks_is_unknown_and_green() {
    let repo = Repo::shop();
    std::fs::remove_file(repo.path().join("clusters/staging/usage.json")).expect("removed");
    let plan = repo.run(&PLAN).exits(0).stdout;
    says(&plan, &["CPU utilization: ", "No decision rests on it."]);
    assert!(!plan.contains("could not be compared"), "{plan}");
    repo.run(&APPLY).exits(0);
}

/// Would miss: an apply that says "nothing to do" of what plan has for a person, and lines that name no object.
#[test]
fn apply_repeats_what_is_left_and_what_is_for_a_person() {
    let repo = super::restart::shop("CrashLoopBackOff", 3);
    let told = repo.run(&APPLY).exits(0).stdout;
    says(
        &told,
        &[
            "error pods-failed, for a person: pod frontend-7fd55b4478-dhmc9: container web: CrashLoopBackOff",
            "see why: kubectl -n shop logs",
            "left: reconcile Deployment/backend-canary: replicas 1 → 0: forbidden by scaling.min_replicas = 1",
        ],
    );
    let json = repo.run(&["apply", "--env", "staging", "-o", "json"]).exits(0).json();
    let left = json["left"].as_array().expect("left");
    assert!(left.iter().any(|left| left["blueprint"] == "frontend" && left["help"][0].is_string()), "{json:#}");
}

/// Would miss: a `next: bpctl apply` after which apply does nothing.
#[test]
fn what_follows_from_a_plan_is_what_apply_does() {
    let repo = Repo::shop();
    says(&repo.run(&PLAN).exits(0).stdout, &["next: bpctl apply --env staging\n"]);
    repo.replace("deploy/frontend.yaml", "replicas: 2 ", "replicas: 3 ");
    says(&repo.run(&PLAN).exits(0).stdout, &["apply does what stands on main, not this\n"]);
    repo.git(&["checkout", "-q", "."]);
    // Only drift is left: the frontend's and the canary's.
    std::fs::remove_file(repo.path().join("clusters/staging/usage.json")).expect("removed");
    repo.replace("bpctl.yaml", "delivery: direct", "delivery: gitops");
    repo.commit(&[], "a controller delivers");
    let plan = repo.run(&PLAN).exits(0).stdout;
    says(&plan, &["1 forbidden · 1 for the controller", "the controller brings it back, bpctl writes nothing"]);
    assert!(!plan.contains("next: bpctl apply"), "{plan}");
    says(&repo.run(&APPLY).exits(0).stdout, &["Deployment/frontend: 1 field: the controller brings it back"]);
    repo.replace("bpctl.yaml", "delivery: gitops", "delivery: direct");
    repo.replace("bpctl.yaml", "tier: staging", "tier: prod");
    repo.commit(&[], "in production");
    let plan = repo.run(&PLAN).exits(0).stdout;
    says(&plan, &["apply leaves it: a local clock permits nothing in production\n"]);
    says(&repo.run(&APPLY).exits(0).stdout, &["not applied: a local clock permits nothing in production"]);
}

/// Would miss: a pause of bpctl's said to hold what a controller delivers.
#[test]
fn nothing_holds_what_the_controller_brings_back() {
    let repo = Repo::shop();
    let freeze = "freezes: [{name: always, from: 2020-01-01T00:00:00Z, to: 2096-01-01T00:00:00Z}]\n";
    let policy = "blueprints/policies/base.yaml";
    repo.commit(&[(policy, &format!("{}{freeze}", repo.read(policy)))], "frozen");
    says(&repo.run(&PLAN).exits(0).stdout, &["reconcile (1 field): freeze always"]);
    let left = "left: reconcile Deployment/frontend: 1 field: held by freeze always until 2096-01-01T00:00:00Z";
    says(&repo.run(&APPLY).exits(0).stdout, &[left]);
    repo.replace("bpctl.yaml", "delivery: direct", "delivery: gitops");
    repo.commit(&[], "a controller delivers");
    let plan = repo.run(&PLAN).exits(0).stdout;
    says(&plan, &["1 for the controller"]);
    assert!(!plan.contains("reconcile (1 field)"), "{plan}");
}
