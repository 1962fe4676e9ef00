//! Restarts through the program (B8, B15), on a recorded cluster: what is shown, what is written, and that Git stays as it is.

use serde_json::{Value as Json, json};

use super::{APPLY, says};
use crate::kill::{On, Story, calls, delivered};
use crate::support::Repo;

const PODS: &str = "clusters/staging/shop/pods.json";
const DEPLOYMENTS: &str = "clusters/staging/shop/deployments.json";
const FIRST: &str = "frontend-7fd55b4478-dhmc9";

/// The shop, in which the frontend's first pod has failed.
pub(super) fn shop(reason: &str, restarts: u32) -> Repo {
    let repo = Repo::shop();
    a_pod_fails(&repo, reason, restarts);
    repo.commit(&[], "a pod failed");
    repo
}

/// The frontend's first pod has failed in the recording, and nothing else is to be done about it.
pub fn a_pod_fails(repo: &Repo, reason: &str, restarts: u32) {
    let mut pods: Json = serde_json::from_str(&repo.read(PODS)).expect("JSON");
    let items = pods["items"].as_array_mut().expect("pods");
    let pod = items.iter_mut().find(|pod| pod["metadata"]["name"] == FIRST).expect("the pod");
    pod["status"]["containerStatuses"] = json!([{"name": "web", "restartCount": restarts,
        "state": {"waiting": {"reason": reason}},
        "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137, "startedAt": "2026-11-21T02:49:30Z", "finishedAt": "2026-11-21T02:50:20Z"}}}]);
    for condition in pod["status"]["conditions"].as_array_mut().expect("conditions") {
        if condition["type"] == "Ready" {
            condition["status"] = "False".into();
        }
    }
    repo.replace(DEPLOYMENTS, "\"value\":\"debug\"", "\"value\":\"info\"");
    repo.write(PODS, &pods.to_string());
}

fn frontend(repo: &Repo) -> Json {
    let all: Json = serde_json::from_str(&repo.read(DEPLOYMENTS)).expect("JSON");
    let found = all["items"].as_array().expect("items").iter().find(|item| item["metadata"]["name"] == "frontend");
    found.expect("the frontend").clone()
}

/// The restart that the frontend's pod template shows.
pub fn request(repo: &Repo) -> Option<String> {
    let annotation = frontend(repo)["spec"]["template"]["metadata"]["annotations"]["bpctl.dev/restart"].clone();
    annotation.as_str().map(ToOwned::to_owned)
}

/// Would miss: a restart that is proposed and never carried out, one that is done twice, and one that changes Git.
#[test]
fn b08_a_failed_pod_is_restarted_once_and_git_stays_as_it_is() {
    for delivery in ["direct", "gitops"] {
        let repo = shop("CrashLoopBackOff", 2);
        let there = if repo.read("bpctl.yaml").contains("delivery: direct") { "direct" } else { "gitops" };
        if there != delivery {
            repo.replace("bpctl.yaml", &format!("delivery: {there}"), &format!("delivery: {delivery}"));
            repo.commit(&[], "delivered otherwise");
        }
        let plan = repo.run(&["plan", "--target", "frontend"]).exits(0).stdout;
        says(
            &plan,
            &[
                "↻ restart   replace its pods, restart 3 of 3            allowed         reliability.max_restart_count = 3",
                "1 container failed: OOMKilled; 2 restarts so far, 0 of them by bpctl",
                "pod frontend-7fd55b4478-dhmc9: container web: CrashLoopBackOff (OOMKilled, exit 137)",
                "all its pods are replaced, as its strategy says; Git is not changed",
            ],
        );
        assert_eq!(request(&repo), None);
        says(&repo.run(&["apply", "--dry-run"]).exits(0).stdout, &["would restart Deployment/frontend"]);
        assert_eq!(request(&repo), None);
        let tree = repo.git(&["rev-parse", "main:deploy"]);
        let applied = repo.run(&APPLY).exits(0).stdout;
        says(&applied, &["frontend", "restarted Deployment/frontend: 1 container failed: OOMKilled"]);
        let first = request(&repo).expect("an annotation");
        let managers = frontend(&repo)["metadata"]["managedFields"].to_string();
        assert!(managers.contains("\"bpctl-restart\"") && first.contains("-1-"), "{first} {managers}");
        // The recorded controller has done nothing about it yet.
        says(
            &repo.run(&["plan", "--target", "frontend"]).exits(0).stdout,
            &["restart: the controller has not seen the last change yet"],
        );
        repo.run(&APPLY).exits(0);
        assert_eq!(request(&repo).as_ref(), Some(&first));
        assert_eq!(repo.git(&["rev-parse", "main:deploy"]), tree);
        let ledger = repo.ledger("staging");
        let events = |kind: &str| -> Vec<&Json> {
            ledger.iter().filter(|e| e["event"]["kind"] == kind && e["blueprint"] == "frontend").collect()
        };
        let [restarted] = events("restarted")[..] else { panic!("{ledger:#?}") };
        assert_eq!(restarted["event"]["request"], first.as_str());
        assert_eq!(restarted["event"]["before"][0]["restarts"], 2);
        // Nothing happens in a recording, and that is no success.
        let [recovered] = events("recovered")[..] else { panic!("{ledger:#?}") };
        assert_eq!(recovered["event"]["report"]["outcome"], "unknown");
    }
}

/// Would miss: a run that was killed between the restart and writing it down, and then restarts again or forgets it.
#[rstest::rstest]
fn z01_b08_killed_around_a_restart_it_is_done_and_written_down_once(
    #[values("direct", "gitops")] delivery: &str,
    #[values("before", "after")] moment: &str,
) {
    for call in calls(Story::Restarted, On::Local, delivery) {
        let repo = shop("CrashLoopBackOff", 2);
        delivered(&repo, delivery);
        repo.commit(&[], "delivered so");
        let killed = repo.bpctl().with("BPCTL_FAIL_POINT", format!("{}:{moment}", call.name())).run(&APPLY);
        assert!(killed.signal.is_some(), "{moment}: {:?} {}", killed.code, killed.stderr);
        let there = request(&repo);
        assert_eq!(there.is_some(), moment == "after");
        repo.run(&APPLY).exits(0);
        repo.run(&APPLY).exits(0);
        let after = request(&repo).expect("an annotation");
        assert!(there.is_none_or(|there| there == after) && after.contains("-1-"), "{moment}: {after}");
        let ledger = repo.ledger("staging");
        let restarted = ledger.iter().filter(|entry| entry["event"]["kind"] == "restarted").count();
        assert_eq!(restarted, 1, "{moment}");
    }
}

/// Would miss: an endless restart, a person who is not told what to run, and an exit code that says all is well.
#[test]
fn b08_after_three_restarts_a_person_is_told_what_to_run() {
    let repo = shop("CrashLoopBackOff", 3);
    let plan = repo.run(&["plan", "--target", "frontend", "--detailed-exitcode"]).exits(4).stdout;
    says(
        &plan,
        &[
            "error pods-failed, for a person: pod frontend-7fd55b4478-dhmc9: container web: CrashLoopBackOff (OOMKilled, exit 137). Not restarted: 3 of 3 restarts are spent",
            "see why: kubectl -n shop logs frontend-7fd55b4478-dhmc9 -c web --previous",
            &format!(
                "Git has nothing to go back to: {} brought deploy/frontend.yaml,",
                &repo.git(&["rev-list", "--max-parents=0", "HEAD"])[..7]
            ),
            "1 for a person",
        ],
    );
    // To revert the commit that brought all manifests would delete them; only one that changed this one may be meant.
    assert!(!plan.contains("revert"), "{plan}");
    repo.replace(
        "deploy/frontend.yaml",
        "labels: {app: frontend}\nspec:",
        "labels: {app: frontend, tier: front}\nspec:",
    );
    let at = repo.commit(&[], "a label");
    let short = &at[..7];
    let later = repo.run(&["plan", "--target", "frontend"]).exits(0).stdout;
    says(&later, &[&format!("git show {short}, then git revert {short} and a pull request")]);
    let markdown = repo.run(&["plan", "--target", "frontend", "-o", "markdown"]).exits(0).stdout;
    says(&markdown, &["needs a person", "- `frontend` error pods-failed, for a person: `pod frontend-"]);
    repo.run(&APPLY).exits(0);
    assert_eq!(request(&repo), None);
}

/// Would miss: what a cluster says, live in a comment or on a terminal (T7, T10).
#[test]
fn t07_reasons_of_pods_are_escaped() {
    let repo = shop("<img src=x>\u{1b}[31m@everyone", 1);
    let markdown = repo.run(&["plan", "--target", "frontend", "-o", "markdown"]).exits(0).stdout;
    assert!(markdown.contains("`pod frontend-") || markdown.contains("restart"), "{markdown}");
    let outside: String = markdown.split('`').step_by(2).collect();
    assert!(!outside.contains("<img") && !outside.contains("@everyone"), "{markdown}");
    let text = repo.run(&["plan", "--target", "frontend"]).exits(0).stdout;
    assert!(text.contains("<img src=x>") && !text.contains('\u{1b}'), "{text}");
}
