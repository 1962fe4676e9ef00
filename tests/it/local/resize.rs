//! Right-sizing through the program (B7): from recorded usage to the one value that changes, and what waits for a person.

use super::{APPLY, says};
use crate::stage::stage;
use crate::support::{Repo, signed_shop};

const BLUEPRINT: &str = "blueprints/frontend/blueprint.yaml";
const MANIFEST: &str = "deploy/frontend.yaml";
const USAGE: &str = "clusters/staging/usage.json";

/// The shop with a frontend that has no need of more replicas and may be resized, whose two pods use this much.
pub(super) fn shop(cpu: &str, memory: &str, memory_samples: u32) -> (Repo, String) {
    let (repo, alice) = signed_shop();
    repo.replace(BLUEPRINT, "scale_up_threshold: 80%", "scale_up_threshold: 95%");
    repo.replace(BLUEPRINT, "[scale, reconcile, restart]", "[scale, reconcile, restart, resize]");
    repo.replace(
        BLUEPRINT,
        "[scale_beyond_limits, change_image",
        "[scale_beyond_limits, resize_beyond_step, change_image",
    );
    record(&repo, "cpu", cpu, 20);
    record(&repo, "memory", memory, memory_samples);
    repo.commit(&[], "the frontend may be resized");
    (repo, alice)
}

/// Records what each of the frontend's two pods uses.
fn record(repo: &Repo, resource: &str, mean: &str, samples: u32) {
    let mut usage: serde_json::Value = serde_json::from_str(&repo.read(USAGE)).expect("JSON");
    for entry in usage.as_array_mut().expect("entries").iter_mut().filter(|entry| entry["resource"] == resource) {
        let pods = entry["pods"].as_array_mut().expect("pods");
        for name in ["frontend-7fd55b4478-dhmc9", "frontend-7fd55b4478-rbqvt"] {
            pods.retain(|pod| pod["pod"] != name);
            pods.push(serde_json::json!({"pod": name, "mean": mean, "samples": samples}));
        }
    }
    repo.write(USAGE, &usage.to_string());
    super::look(repo);
}

/// Would miss: an edit that touches another byte, a step that is not merged, a resize that nobody delivers or looks at afterwards.
#[test]
fn b07_a_step_becomes_a_merge_of_that_value_alone() {
    // 63m at 70% of the request ask for 90m, 100Mi at 80% for 125Mi of the 128Mi that are the minimum.
    let (repo, _) = shop("63m", "104857600", 20);
    let plan = repo.run(&["plan", "--env", "staging"]).exits(0).stdout;
    says(
        &plan,
        &[
            "▼ resize    cpu request 100m → 90m                      allowed         limits.resize_step = 10%",
            "cpu 63m used; at 70%, within its bounds, 90m is right, 10% off (mean of 2 ready pods over 5m)",
            "changes deploy/frontend.yaml:25:29",
            "frontend        memory request 128Mi: 100Mi used asks for 125Mi, and 128Mi is the minimum",
            "backend         resize: a scale comes first",
        ],
    );
    let markdown = repo.run(&["plan", "-o", "markdown"]).exits(0).stdout;
    says(&markdown, &["| ▼ | `frontend` | resize cpu request 100m → 90m | allowed | cpu 63m used"]);
    let before = repo.read(MANIFEST);
    let told = repo.run(&APPLY).exits(0).stdout;
    says(&told, &["cpu request 100m → 90m", "merged local pull request", "applied Deployment/frontend"]);
    assert_eq!(repo.merges(), 1, "{told}");
    assert_eq!(repo.read(MANIFEST), before.replacen("cpu: 100m", "cpu: 90m", 1));
    let changed = repo.git(&["diff", "--name-only", "main^1", "main"]);
    assert_eq!(changed.trim(), MANIFEST);
    says(&repo.git(&["log", "-1", "--format=%s", "main^2"]), &["resize frontend: cpu request 100m → 90m (staging)"]);
    // The recording cannot show what pods do with it: said, and not taken for success.
    let verified: Vec<_> = repo.ledger("staging").into_iter().filter(|e| e["event"]["kind"] == "verified").collect();
    assert_eq!(verified.len(), 1, "{verified:#?}");
    assert_eq!(
        (&verified[0]["blueprint"], &verified[0]["event"]["report"]["outcome"]),
        (&"frontend".into(), &"unknown".into())
    );
    // Nobody knows what pods of another size use: nothing follows.
    let again = repo.run(&["plan", "--env", "staging"]).exits(0).stdout;
    assert!(!again.contains("▼ resize") && !again.contains("▲ resize"), "{again}");
}

/// Would miss: a large change that is merged because its branch is called `resize`, as the small one's is.
#[test]
fn b07_the_whole_way_waits_for_approval_and_lands_with_both_requests() {
    // 35m at 70% ask for 50m: half. 200Mi at 80% ask for 250Mi: nearly twice, just under the limit of 256Mi.
    let (repo, alice) = shop("35m", "200Mi", 20);
    let before = repo.read(MANIFEST);
    let plan = repo.run(&["plan", "--env", "staging"]).exits(0).stdout;
    says(
        &plan,
        &[
            "▲ resize    cpu request 100m → 50m, memory request 128Mi → 250Mi needs approval  limits.resize_step = 10%",
            "nearest allowed: cpu request = 90m, memory request = 140Mi",
        ],
    );
    let first = repo.run(&APPLY).exits(0).stdout;
    says(&first, &["cpu request 100m → 50m, memory request 128Mi → 250Mi", "waits: no approval counts yet"]);
    assert_eq!(repo.read(MANIFEST), before);
    assert!(repo.refs("refs/heads").contains(&"refs/heads/bpctl/staging/frontend/resize".to_owned()), "{first}");
    // Usage is never twice the same: a pull request that waits does not move with it.
    let standing = repo.git(&["rev-parse", "bpctl/staging/frontend/resize"]);
    record(&repo, "cpu", "36m", 20);
    record(&repo, "memory", "200Mi", 20);
    let again = repo.run(&APPLY).exits(0).stdout;
    assert_eq!(repo.git(&["rev-parse", "bpctl/staging/frontend/resize"]), standing, "{again}");
    // The backend's scale is the other one that waits.
    let judged = repo.run(&["judge", "2"]).exits(6).stdout;
    says(
        &judged,
        &["resources.requests.cpu: \"100m\" → \"50m\"", "[limits.resize_step = 10%]", "instead: cpu request = 90m"],
    );
    repo.run(&["approve", "2", "--signing-key", &alice]).exits(0);
    repo.run(&APPLY).exits(0);
    assert_eq!(repo.read(MANIFEST), before.replacen("{cpu: 100m, memory: 128Mi}", "{cpu: 50m, memory: 250Mi}", 1));
}

/// Would miss: unknown usage that is taken for none, and a minimum that a person's pull request goes below.
#[test]
fn b07_old_recordings_decide_nothing_and_the_minimum_is_named() {
    let (repo, _) = shop("70m", "1Mi", 4);
    let plan = repo.run(&["plan", "--env", "staging"]).exits(0).stdout;
    says(&plan, &["memory usage: 8 of 40 samples over 5m arrived", "cpu request 100m: 70m used asks for 100m"]);
    let mut usage: serde_json::Value = serde_json::from_str(&repo.read(USAGE)).expect("JSON");
    usage.as_array_mut().expect("entries").retain(|entry| entry["resource"] == "cpu");
    repo.commit(&[(USAGE, &usage.to_string())], "recorded before memory was");
    let plan = repo.run(&["plan", "--env", "staging"]).exits(0).stdout;
    says(&plan, &["frontend  memory usage: couldn't read the memory use in namespace shop"]);
    assert!(!plan.contains(" resize    "), "{plan}");
}

/// Would miss: a no that the next look's slightly other number makes void, and one that holds whatever is measured later.
#[test]
fn b07_a_no_holds_until_usage_asks_for_something_else() {
    let (repo, _) = shop("35m", "100Mi", 20);
    says(&repo.run(&APPLY).exits(0).stdout, &["opened local pull request #2: cpu request 100m → 50m"]);
    repo.run(&["reject", "2", "--message", "not before the sale"]).exits(0);
    record(&repo, "cpu", "36m", 20);
    says(&repo.run(&APPLY).exits(0).stdout, &[" not proposed: a person closed this resize before"]);
    record(&repo, "cpu", "42m", 20);
    says(&repo.run(&APPLY).exits(0).stdout, &["opened local pull request #3: cpu request 100m → 60m"]);
}

/// Would miss: a plan that asks for an approval for ever of what apply does not propose, with the exit code of an open question.
#[test]
fn b10_a_plan_knows_what_a_person_closed() {
    let (repo, _) = shop("35m", "100Mi", 20);
    repo.run(&APPLY).exits(0);
    record(&repo, "cpu", "35m", 20);
    let plan = |code: i32| repo.run(&["plan", "--target", "frontend", "--detailed-exitcode"]).exits(code).stdout;
    says(&plan(4), &[" resize    cpu request 100m → 50m", "needs approval"]);
    repo.run(&["reject", "2", "--message", "not before the sale"]).exits(0);
    let told = plan(0);
    says(&told, &["resize: a person closed this before, and nothing changed since"]);
    assert!(!told.contains("needs approval"), "{told}");
    // B4: nor do the stages, one after another.
    let observed = stage(&repo, &["stage", "observe"], "").exits(0).stdout;
    let decided = stage(&repo, &["stage", "decide"], &observed).exits(0).stdout;
    let governed = stage(&repo, &["stage", "govern"], &decided).exits(0).json();
    assert_eq!(governed, repo.run(&["plan", "--env", "staging", "-o", "json"]).exits(0).json());
    record(&repo, "cpu", "42m", 20);
    says(&plan(4), &[" resize    cpu request 100m → 60m"]);
}

/// Would miss: steps that nobody counts, because they come by a branch of another name.
#[test]
fn b07_a_request_in_another_operations_branch_is_for_a_person() {
    let (repo, _) = signed_shop();
    let blueprint = "blueprints/backend/blueprint.yaml";
    let list = repo.read(blueprint);
    let from = list.find("allowed_operations: [").expect("a list") + "allowed_operations: [".len();
    repo.write(blueprint, &format!("{}resize, {}", &list[..from], &list[from..]));
    repo.commit(&[], "the backend may be resized");
    repo.run(&APPLY).exits(0);
    let branch = "bpctl/staging/backend/scale";
    repo.git(&["checkout", "-q", "-B", "mine", "main"]);
    repo.replace("deploy/backend.yaml", "cpu: 250m", "cpu: 275m");
    repo.commit(&[], "a step");
    repo.git(&["branch", "-q", "-f", branch, "mine"]);
    repo.git(&["checkout", "-q", "main"]);
    let number = repo.refs("refs/bpctl/pull").len();
    let told: Vec<String> =
        (1..=number).map(|n| repo.run(&["judge", &n.to_string(), "--env", "staging"]).stdout).collect();
    let told = told.iter().find(|told| told.contains("275m")).unwrap_or_else(|| panic!("no pull request: {told:#?}"));
    says(told, &["allowed", "is no resize of it: that is for a person to merge"]);
}

/// Would miss: sums and products of requests beyond what Kubernetes knows, which end the program.
#[test]
fn requests_beyond_all_numbers_end_nothing() {
    let repo = Repo::shop();
    let manifest = repo.read("deploy/backend.yaml");
    for huge in ["1e29", "-1e29", "9999999999Ei", "9223372036854775808", "8Ei"] {
        let side = format!(
            "containers:\n        - {{name: a, image: a, resources: {{requests: {{cpu: \"{huge}\"}}}}}}\n        - {{name: b, image: b, resources: {{requests: {{cpu: \"{huge}\"}}}}}}\n"
        );
        repo.write("deploy/backend.yaml", &manifest.replace("containers:\n", &side));
        for arguments in [&["lint"][..], &["plan", "--env", "staging"]] {
            let ran = repo.run(arguments);
            // Below zero Kubernetes takes nothing: what Git wants is not known then.
            let answers =
                if huge.starts_with('-') { matches!(ran.code, Some(1 | 6)) } else { matches!(ran.code, Some(0 | 6)) };
            assert!(answers, "{huge} {arguments:?}: {:?} {}", ran.code, ran.stderr);
        }
    }
}

/// Would miss: a rule that people merged and nobody reads, because of its file's name.
#[test]
fn a_rule_does_not_vanish_with_the_spelling_of_its_name() {
    let policy = "apiVersion: bpctl.dev/v1\nkind: Policy\nmetadata: {name: strict, version: 1.0.0, owner: x}\noperations: {scale: forbidden}\n";
    let repo = Repo::shop();
    repo.write("blueprints/strict.YAML", policy);
    repo.commit(&[], "strict");
    let plan = repo.run(&["plan", "--env", "staging", "--target", "frontend"]).exits(0).stdout;
    says(&plan, &["forbidden"]);
    let repo = Repo::shop();
    repo.write("blueprints/a\\b.yaml", policy);
    repo.commit(&[], "strict");
    let refused = repo.run(&["plan", "--env", "staging"]).exits(1);
    assert!(refused.stderr.contains("name that is refused"), "{}", refused.stderr);
}
