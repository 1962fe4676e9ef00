//! Rollbacks through the program (B8, B17, T32), on a recorded cluster: from pods that do not run to the file as it was before.

use bpctl_core::observe::CheckConclusion;
use serde_json::{Value as Json, json};

use super::{APPLY, says};
use crate::support::{Repo, signed_shop};

const PODS: &str = "clusters/staging/shop/pods.json";
const DEPLOYMENTS: &str = "clusters/staging/shop/deployments.json";
const MANIFEST: &str = "deploy/frontend.yaml";

fn edit(repo: &Repo, path: &str, change: impl Fn(&mut Json)) {
    let mut all: Json = serde_json::from_str(&repo.read(path)).expect("JSON");
    all["items"].as_array_mut().expect("items").iter_mut().for_each(change);
    repo.write(path, &all.to_string());
}

/// The recorded cluster runs this image of the frontend, and its first pod waits for this reason.
fn record(repo: &Repo, image: &str, reason: &str) {
    edit(repo, DEPLOYMENTS, |item| {
        if item["metadata"]["name"] == "frontend" {
            item["spec"]["template"]["spec"]["containers"][0]["image"] = image.into();
        }
    });
    edit(repo, PODS, |pod| {
        if is_first(pod) {
            pod["status"]["containerStatuses"] =
                json!([{"name": "web", "restartCount": 0, "state": {"waiting": {"reason": reason}}}]);
            unready(pod);
        }
    });
}

fn is_first(pod: &Json) -> bool {
    pod["metadata"]["name"] == "frontend-7fd55b4478-dhmc9"
}

fn unready(pod: &mut Json) {
    let conditions = pod["status"]["conditions"].as_array_mut().expect("conditions");
    for condition in conditions.iter_mut().filter(|condition| condition["type"] == "Ready") {
        condition["status"] = "False".into();
    }
}

/// The shop after a merged change of the frontend's manifest, which has arrived and whose image is not there.
fn broken(from: &str, to: &str) -> (Repo, String, String) {
    let (repo, alice) = signed_shop();
    repo.replace(DEPLOYMENTS, "\"value\":\"debug\"", "\"value\":\"info\"");
    repo.commit(&[], "nothing else is to be done about the frontend");
    let before = repo.read(MANIFEST);
    repo.replace(MANIFEST, from, to);
    record(&repo, "registry.shop.example/frontend:1.5.0", "ImagePullBackOff");
    repo.commit(&[], "a new version");
    (repo, alice, before)
}

/// T9, Z5. Would miss: a way back that counts as gone because somebody pushed a word onto its branch, and what failed stands.
#[test]
fn t09_what_changes_nothing_is_no_rollback() {
    let (repo, _, _) = broken("frontend:1.4.0", "frontend:1.5.0");
    let first = repo.run(&APPLY).exits(0).stdout;
    assert!(first.contains(": rollback to what"), "{first}");
    repo.git(&["checkout", "-q", "-B", "bpctl/staging/frontend/rollback", "main"]);
    repo.commit(&[("README.md", "a word\n")], "a word");
    repo.git(&["checkout", "-q", "main"]);
    for _ in 0..2 {
        repo.run(&APPLY);
    }
    assert!(repo.read(MANIFEST).contains("frontend:1.5.0"));
    let plan = repo.run(&["plan", "--target", "frontend"]).stdout;
    assert!(plan.contains("↩ rollback") && !plan.contains("is itself a rollback"), "{plan}");
}

/// R6. Would miss: an outage of which nobody hears as long as the way back may not be proposed; an alert that is called over meanwhile.
#[test]
fn r06_a_way_back_that_is_held_or_forbidden_is_told_as_long_as_it_is() {
    let (repo, _, _) = broken("frontend:1.4.0", "frontend:1.5.0");
    let policy = "blueprints/policies/base.yaml";
    let rules = repo.read(policy);
    let freeze = "freezes: [{name: always, from: 2020-01-01T00:00:00Z, to: 2096-01-01T00:00:00Z}]\n";
    repo.commit(&[(policy, &format!("{rules}{freeze}"))], "nothing moves");
    let held = "alert: frontend: waits for a person: rollback is held by freeze always until 2096-01-01T00:00:00Z";
    says(&repo.run(&APPLY).exits(0).stdout, &[held]);
    let blueprint = repo.read("blueprints/frontend/blueprint.yaml");
    let (before, after) = blueprint.split_once("forbidden_operations: [").expect("some are");
    let none = format!("{before}forbidden_operations: [rollback, {after}");
    repo.commit(&[(policy, &rules), ("blueprints/frontend/blueprint.yaml", &none)], "never back");
    says(&repo.run(&APPLY).exits(0).stdout, &["alert: frontend: waits for a person: rollback is forbidden"]);
}

/// Would miss: a rollback that nobody proposes, one that lands without a person, one that changes another byte, and one that is taken back.
#[test]
fn b08_a_broken_image_goes_back_through_a_pull_request() {
    let (repo, alice, before) = broken("frontend:1.4.0", "frontend:1.5.0");
    let parent = repo.git(&["rev-parse", "--short=7", "main^"]);
    let head = repo.git(&["rev-parse", "--short=7", "main"]);
    // Another branch's and a later commit's changes are none of this manifest's on base.
    repo.git(&["checkout", "-q", "-b", "elsewhere"]);
    repo.replace(MANIFEST, "frontend:1.5.0", "frontend:6.6.6");
    repo.commit(&[], "never merged");
    repo.git(&["checkout", "-q", "main"]);
    repo.commit(&[("README.md", "hello\n")], "something else");
    let title = format!("to what {} had: image frontend:1.5.0 → frontend:1.4.0", parent.trim());
    let plan = repo.run(&["plan", "--target", "frontend", "--detailed-exitcode"]).exits(4).stdout;
    says(
        &plan,
        &[
            &format!("↩ rollback  {title}"),
            &format!("since {} an image cannot be pulled", head.trim()),
            &format!("brought by {} (", head.trim()),
            "pod frontend-7fd55b4478-dhmc9: container web: ImagePullBackOff",
            "changes deploy/frontend.yaml:",
            "needs approval",
        ],
    );
    assert!(!plan.contains("for a person"), "the rollback answers it: {plan}");
    let markdown = repo.run(&["plan", "--target", "frontend", "-o", "markdown"]).exits(0).stdout;
    says(&markdown, &[&format!("| ↩ | `frontend` | rollback {title} | **needs approval** by `"), "What goes back"]);

    let first = repo.run(&APPLY).exits(0).stdout;
    says(&first, &[&format!(": rollback {title}"), "it needs one by alice@shop.example"]);
    says(&first, &["\nalert: frontend: waits for a person: rollback needs approval"]);
    let number = first.split("opened local pull request #").find(|part| part.contains(&title)).expect("its number");
    let number = number.split(':').next().expect("a number").to_owned();
    assert!(repo.read(MANIFEST).contains("frontend:1.5.0"));
    // One is enough.
    let again = repo.run(&APPLY).exits(0).stdout;
    assert!(!again.contains(&format!("opened local pull request #{number}")), "{again}");

    repo.run(&["approve", &number, "--signing-key", &alice, "--message", "back"]).exits(0);
    let landed = repo.run(&APPLY).exits(0).stdout;
    says(&landed, &[&format!("merged local pull request #{number} as "), "applied Deployment/frontend"]);
    assert_eq!(repo.read(MANIFEST), before);
    assert_eq!(repo.git(&["diff", "--stat", "main^1", "main", "--", "deploy"]).lines().count(), 2);
    says(&repo.git(&["log", "-1", "--format=%B", "main^2"]), &["Bpctl-Action: ", "since "]);

    // In the recording the pod fails still: the last change is a rollback, and is not taken back.
    super::look(&repo);
    repo.run(&APPLY).exits(0);
    let after = repo.run(&["plan", "--target", "frontend", "--detailed-exitcode"]).exits(4).stdout;
    says(&after, &["error image-not-pulled, for a person", "is itself a rollback (#"]);
    assert!(!after.contains("↩"), "{after}");
    let replayed = repo.run(&["audit", "replay", "--env", "staging"]).exits(0).stdout;
    assert!(!replayed.contains("different"), "{replayed}");
}

/// Would miss: bpctl's own replica more that stands before the image that broke the pods, and closes the way back.
#[test]
fn b08_what_bpctl_scaled_since_does_not_hide_the_image_that_broke_the_pods() {
    let (repo, _) = signed_shop();
    repo.replace(DEPLOYMENTS, "\"value\":\"debug\"", "\"value\":\"info\"");
    repo.replace(MANIFEST, "frontend:1.4.0", "frontend:1.5.0");
    edit(&repo, DEPLOYMENTS, |item| {
        if item["metadata"]["name"] == "frontend" {
            item["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.shop.example/frontend:1.5.0".into();
        }
    });
    repo.commit(&[], "a new version, which has arrived");
    let scaled = repo.run(&APPLY).exits(0).stdout;
    says(&scaled, &["frontend", ": replicas 2 → 3", "merged local pull request #"]);
    super::look(&repo);
    record(&repo, "registry.shop.example/frontend:1.5.0", "ImagePullBackOff");
    repo.commit(&[], "and is gone");
    let plan = repo.run(&["plan", "--target", "frontend"]).exits(0).stdout;
    says(&plan, &["↩ rollback", "image frontend:1.5.0 → frontend:1.4.0"]);
    // What a person scaled is no pod template either, and theirs to judge.
    let replicas = repo.read(MANIFEST);
    let three = replicas.lines().find(|line| line.contains("replicas: 3")).expect("3 replicas");
    repo.write(MANIFEST, &replicas.replace(three, &three.replace("replicas: 3", "replicas: 2")));
    repo.commit(&[], "less of it");
    let plan = repo.run(&["plan", "--target", "frontend"]).exits(0).stdout;
    says(&plan, &["image-not-pulled, for a person", "is not in the pod template"]);
}

/// Would miss: a person who is told of no way, or of one that is none.
#[test]
fn b08_what_cannot_go_back_in_place_is_a_persons_and_says_why() {
    let (repo, ..) = broken(
        "image: registry.shop.example/frontend:1.4.0\n",
        "image: registry.shop.example/frontend:1.5.0\n          imagePullPolicy: Always\n",
    );
    edit(&repo, DEPLOYMENTS, |item| {
        if item["metadata"]["name"] == "frontend" {
            item["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "Always".into();
        }
    });
    repo.commit(&[], "as it is");
    let plan = repo.run(&["plan", "--target", "frontend"]).exits(0).stdout;
    says(
        &plan,
        &[
            "error image-not-pulled, for a person",
            "did more than give single values another value (it added or removed some)",
        ],
    );
    assert!(!plan.contains("↩"), "{plan}");
}

/// Would miss: text of a manifest or of a commit that is live in a comment, in a commit message or on a terminal (T7, T8, T10).
#[test]
fn t07_what_goes_back_is_escaped() {
    let (repo, ..) = broken("frontend:1.4.0", "frontend:1.5.0");
    let hostile = "\"</td><img src=x> @everyone \\e[31m\"";
    repo.replace(MANIFEST, "value: info", &format!("value: {hostile}"));
    repo.replace(MANIFEST, "registry.shop.example/frontend:1.5.0", "\"www.evil.example/[x](y):1\"");
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-q", "--author", "@everyone [x](y) <a@b.example>", "-m", "hostile"]);
    record(&repo, "www.evil.example/[x](y):1", "ImagePullBackOff");
    edit(&repo, DEPLOYMENTS, |item| {
        if item["metadata"]["name"] == "frontend" {
            item["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] =
                "</td><img src=x> @everyone \u{1b}[31m".into();
        }
    });
    repo.commit(&[], "as it is");
    repo.run(&APPLY).exits(0);
    let plan = repo.run(&["plan", "--target", "frontend"]).exits(0).stdout;
    says(&plan, &["had: 2 fields", "@everyone [x](y)", "<img src=x> @everyone \\u{1b}[31m"]);
    assert!(!plan.contains('\u{1b}'), "{plan}");
    let markdown = repo.run(&["plan", "--target", "frontend", "-o", "markdown"]).exits(0).stdout;
    let outside: String = markdown.split('`').step_by(2).collect();
    assert!(!outside.contains("<img") && !outside.contains("@everyone") && !outside.contains("www."), "{markdown}");
    let message = repo.git(&["log", "-1", "--format=%B", "bpctl/staging/frontend/rollback"]);
    assert!(!message.contains("<img") && !message.contains('@') && !message.contains("www."), "{message}");
}

/// Would miss: a way back to what stood on the merged branch only, between its commits (T32).
#[test]
fn t32_what_stood_on_another_branch_is_not_gone_back_to() {
    let (repo, _) = signed_shop();
    repo.replace(DEPLOYMENTS, "\"value\":\"debug\"", "\"value\":\"info\"");
    repo.commit(&[], "nothing else is to be done about the frontend");
    repo.git(&["checkout", "-q", "-b", "feature"]);
    repo.replace(MANIFEST, "frontend:1.4.0", "frontend:6.6.6");
    repo.commit(&[], "on the way");
    repo.replace(MANIFEST, "frontend:6.6.6", "frontend:1.5.0");
    repo.commit(&[], "a new version");
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["merge", "-q", "--no-ff", "-m", "the new version", "feature"]);
    record(&repo, "registry.shop.example/frontend:1.5.0", "ImagePullBackOff");
    repo.commit(&[], "it is not there");
    let plan = repo.run(&["plan", "--target", "frontend"]).exits(0).stdout;
    says(&plan, &["image frontend:1.5.0 → frontend:1.4.0"]);
    assert!(!plan.contains("6.6.6"), "{plan}");
}

/// Would miss: a person who went back by hand, and is proposed to go forth again (B17).
#[test]
fn b17_a_persons_revert_is_not_taken_back() {
    let (repo, ..) = broken("frontend:1.4.0", "frontend:1.5.0");
    repo.replace(MANIFEST, "frontend:1.5.0", "frontend:1.4.0");
    record(&repo, "registry.shop.example/frontend:1.4.0", "ImagePullBackOff");
    let back = repo.commit(&[], "back");
    let plan = repo.run(&["plan", "--target", "frontend"]).exits(0).stdout;
    let told = format!("the last change of its manifest, {}, went back to an earlier value itself", &back[..7]);
    says(&plan, &["error image-not-pulled, for a person", &told]);
    assert!(!plan.contains("↩"), "{plan}");
}

/// Would miss: a way back that waits for the pause after what it takes back, or for the breaker which that opened; and one that lands as a
/// step nobody counts, or without a person.
#[test]
fn b11_what_failed_goes_back_though_its_failure_stops_everything_else() {
    let (repo, alice) = super::resize::shop("63m", "104857600", 20);
    repo.replace("blueprints/policies/base.yaml", "cooldown: 60s", "cooldown: 10m, breaker: 1");
    repo.replace(
        "blueprints/frontend/blueprint.yaml",
        "    max_restart_count: 3\n",
        "    max_restart_count: 3\n    rollback: {on_failed_verification: true, within: 60s}\n",
    );
    repo.commit(&[], "one failure is enough");
    let before = repo.read(MANIFEST);
    repo.run(&APPLY).exits(0);
    assert_ne!(repo.read(MANIFEST), before);
    super::breaker::conclude(&repo, CheckConclusion::Failure);
    super::look(&repo);
    let well = repo.run(&["plan", "--target", "frontend"]).exits(0).stdout;
    says(&well, &["rollback: resize #", "failed its verification, and all its pods are ready by now"]);
    edit(&repo, PODS, |pod| {
        if is_first(pod) {
            unready(pod);
        }
    });
    let merge = repo.git(&["log", "-1", "--merges", "--format=%h", "--abbrev=7", "main"]);
    let title = format!("to what stood before {}: cpu request 90m → 100m", merge.trim());
    let plan = repo.run(&["plan", "--target", "frontend"]).exits(0).stdout;
    says(&plan, &[&format!("↩ rollback  {title}"), "the workload is not well: resize #", "needs approval"]);
    let opened = repo.run(&APPLY).exits(0).stdout;
    says(&opened, &[&title]);
    let number = opened.split("opened local pull request #").find(|part| part.contains(&title)).expect("its number");
    let number = number.split(':').next().expect("a number").to_owned();
    repo.run(&["approve", &number, "--signing-key", &alice, "--message", "back"]).exits(0);
    let landed = repo.run(&APPLY).exits(0).stdout;
    says(&landed, &[&format!("merged local pull request #{number} as ")]);
    assert_eq!(repo.read(MANIFEST), before);
}

/// Would miss: a rendered workload that stays as it is, or whose way back is written into a file that makes more than that.
#[test]
fn b11_what_failed_goes_back_in_the_overlay_that_makes_it() {
    let (repo, alice) = super::rendered::shop();
    repo.replace(
        "blueprints/frontend/blueprint.yaml",
        "    max_restart_count: 3\n",
        "    max_restart_count: 3\n    rollback: {on_failed_verification: true, within: 60s}\n",
    );
    repo.commit(&[], "what fails goes back");
    let overlay = "overlays/staging/kustomization.yaml";
    let before = repo.read(overlay);
    repo.run(&APPLY).exits(0);
    assert_eq!(repo.read(overlay), before.replace("count: 2", "count: 3"));
    super::breaker::conclude(&repo, CheckConclusion::Failure);
    super::look(&repo);
    edit(&repo, PODS, |pod| {
        if is_first(pod) {
            unready(pod);
        }
    });
    let merge = repo.git(&["log", "-1", "--merges", "--format=%h", "--abbrev=7", "main"]);
    let title = format!("to what stood before {}: replicas 3 → 2", merge.trim());
    let plan = repo.run(&["plan", "--target", "frontend"]).exits(0).stdout;
    says(&plan, &[&format!("↩ rollback  {title}"), &format!("changes {overlay}:3:29"), "needs approval"]);
    let opened = repo.run(&APPLY).exits(0).stdout;
    let number = opened.split("opened local pull request #").find(|part| part.contains(&title)).expect("its number");
    let number = number.split(':').next().expect("a number").to_owned();
    repo.run(&["approve", &number, "--signing-key", &alice, "--message", "back"]).exits(0);
    let landed = repo.run(&APPLY).exits(0).stdout;
    says(&landed, &[&format!("merged local pull request #{number} as ")]);
    assert_eq!(repo.read(overlay), before);
}
