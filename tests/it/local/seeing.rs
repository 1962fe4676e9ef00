//! What the program says of what it could not see, does not do, or leaves to a person: in its words and its exit codes (R6, X10).

use serde_json::{Value as Json, json};

use super::rendered::shop as rendered_shop;
use super::restart::shop as failing_shop;
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
    says(&applied.stdout, &[&format!("alert: not everything could be seen: {told}\n")]);
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
    // All the rest is done, and no code of what was seen hides it.
    says(&planned.stdout, &["needs approval  scaling.max_replicas = 3"]);
    run(&["plan", "--detailed-exitcode"]).exits(1);
    says(&run(&APPLY).exits(1).stdout, &["opened local pull request #1", "there is neither kustomize nor kubectl"]);
    // An overlay that no blueprint is about is a note.
    repo.replace("blueprints/frontend/blueprint.yaml", "source: overlays/staging", "source: deploy/frontend.yaml");
    repo.replace("deploy/frontend.yaml", "replicas: 1 ", "replicas: 2 ");
    run(&["lint", "--fail-on", "warning"]).exits(0);
}

/// Would miss: one wrong indent after which nothing of all the other workloads is planned or delivered, and a run that is green over it.
#[test]
fn r06_a_manifest_that_cannot_be_read_is_its_own_workloads_alone() {
    let repo = Repo::shop();
    repo.replace("deploy/frontend.yaml", "  namespace: shop\n", " namespace: shop\n");
    repo.commit(&[], "a wrong indent");
    let (told, why) =
        ("1 of 3 workloads could not be compared: frontend", "the manifest: deploy/frontend.yaml:6:2 cannot be read (");
    let planned = repo.run(&PLAN).exits(1);
    assert_eq!(last_line(&planned), told);
    says(&planned.stdout, &[why, "needs approval  scaling.max_replicas = 3"]);
    assert!(!planned.stdout.contains("reconcile LOG_LEVEL"), "{}", planned.stdout);
    // Which labels it has is not known either.
    assert_eq!(
        last_line(&repo.run(&["plan", "--selector", "app=frontend"]).exits(1)),
        "1 of 1 workload could not be compared: frontend"
    );
    let applied = repo.run(&APPLY).exits(1);
    says(&applied.stdout, &["opened local pull request #1", why]);
    assert_eq!(last_line(&applied), told);
    // To lint it is what it was.
    says(&repo.run(&["lint"]).exits(6).stdout, &["error[yaml-syntax]", "deploy/frontend.yaml:6:2"]);
}

/// Would miss: a folder of many workloads that one wrong indent takes out of sight; and a second declaration in the file that was not read.
#[test]
fn r06_a_file_that_does_not_name_a_workload_does_not_hide_it() {
    let repo = Repo::shop();
    repo.replace("blueprints/backend/blueprint.yaml", "source: deploy/backend.yaml", "source: deploy");
    repo.replace("deploy/frontend.yaml", "  namespace: shop\n", " namespace: shop\n");
    repo.commit(&[], "a wrong indent");
    let planned = repo.run(&PLAN).exits(1);
    let told = "1 of 3 workloads could not be compared: frontend; not all that belongs to backend could be compared";
    assert_eq!(last_line(&planned), told);
    says(
        &planned.stdout,
        &["needs approval  scaling.max_replicas = 3", "what else belongs to it: deploy/frontend.yaml:6:2"],
    );
    assert_eq!(last_line(&repo.run(&APPLY).exits(1)), told);
    repo.commit(
        &[("deploy/zz.yaml", "kind: Deployment\nmetadata:\n  name: backend\n namespace: shop\n")],
        "a second one",
    );
    let planned = repo.run(&PLAN).exits(1);
    assert_eq!(last_line(&planned), "2 of 3 workloads could not be compared: backend, frontend");
    assert!(!planned.stdout.contains("scale     replicas"), "{}", planned.stdout);
}

/// Would miss: what kubectl delivers of a folder and bpctl passes over: JSON, and lists of another form.
#[test]
fn r06_what_kubectl_reads_of_a_folder_is_seen() {
    let scaler = |name: &str| {
        json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": name, "namespace": "shop"},
            "spec": {"maxReplicas": 9, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "backend"}}})
    };
    let twice =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "backend", "namespace": "shop"}});
    let list =
        |kind: &str, items: serde_json::Value| json!({"apiVersion": "autoscaling/v2", "kind": kind, "items": items});
    for (file, text, code, told) in [
        ("deploy/h.json", scaler("h"), 0, "HorizontalPodAutoscaler/h owns the replicas (1 to 9)"),
        (
            "deploy/h.yaml",
            list("HorizontalPodAutoscalerList", json!([scaler("h")])),
            0,
            "HorizontalPodAutoscaler/h owns the replicas (1 to 9)",
        ),
        (
            "deploy/h.yaml",
            list("HorizontalPodAutoscalerList", json!([{"metadata": {"name": "h"}, "spec": scaler("h")["spec"]}])),
            1,
            "deploy/h.yaml:1:32 cannot be read",
        ),
        ("deploy/h.yaml", list("ConfigMap", json!([scaler("h")])), 1, "a list that bpctl does not read"),
        ("deploy/h.yaml", list("List", json!({"backend": "backend"})), 1, "a list that bpctl does not read"),
        ("deploy/zz.json", twice, 1, "deploy/backend.yaml and deploy/zz.json both declare it"),
    ] {
        let repo = Repo::shop();
        repo.replace("blueprints/backend/blueprint.yaml", "source: deploy/backend.yaml", "source: deploy");
        repo.commit(&[(file, &text.to_string())], "beside it");
        let plan = repo.run(&["plan", "--env", "staging", "--target", "backend"]).exits(code).stdout;
        says(&plan, &[told]);
        assert!(!plan.contains("scale     replicas"), "{file}: {plan}");
    }
}

/// Would miss: a Service that differs unseen behind an exit code that says that all is well, because two files declare it or none does.
#[test]
fn r06_a_companion_that_is_unclear_is_not_green() {
    let repo = Repo::shop();
    let source = "source: deploy/backend.yaml";
    repo.replace("blueprints/backend/blueprint.yaml", source, &format!("{source}\n    companions: [Ingress/ap]"));
    repo.commit(&[], "a slip");
    let plan = repo.run(&["plan", "--env", "staging", "--target", "backend"]).exits(1).stdout;
    says(
        &plan,
        &[
            "no manifest below deploy/backend.yaml declares it",
            "not all that belongs to backend (Ingress/ap) could be compared",
        ],
    );
}

/// Would miss: a fact that only one detector lacks, taken for a workload that is not seen.
#[test]
fn r06_what_only_a_detector_lacks_is_unknown_and_green() {
    let repo = Repo::shop();
    std::fs::remove_file(repo.path().join("clusters/staging/usage.json")).expect("removed");
    let plan = repo.run(&PLAN).exits(0).stdout;
    // One reason is one line, whatever it is that lacks for it.
    says(&plan, &["unknown of backend, frontend: CPU utilization, cpu usage: "]);
    assert_eq!(plan.matches("No decision rests on it.").count(), 3, "five facts: {plan}");
    assert!(!plan.contains("could not be compared"), "{plan}");
    repo.run(&APPLY).exits(0);
}

/// Would miss: an apply that says "nothing to do" of what plan has for a person, and lines that name no object.
#[test]
fn apply_repeats_what_is_left_and_what_is_for_a_person() {
    let repo = failing_shop("CrashLoopBackOff", 3);
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
    says(
        &plan,
        &["1 for the controller", "freeze always until 2096-01-01T00:00:00Z: the controller does not know of it\n"],
    );
    assert!(!plan.contains("reconcile (1 field)"), "{plan}");
}

/// Would miss: at night a revert of the very commit that mends it, because the cluster does not run it yet.
#[test]
fn b08_where_git_is_ahead_nobody_is_told_to_revert() {
    for (reason, code) in [("CrashLoopBackOff", "pods-failed"), ("ImagePullBackOff", "image-not-pulled")] {
        let repo = failing_shop(reason, 3);
        repo.replace("deploy/frontend.yaml", "frontend:1.4.0", "frontend:1.4.1");
        repo.commit(&[], "the fix");
        for (delivery, brings) in
            [("direct", "its reconcile brings it (bpctl apply)"), ("gitops", "the controller brings it")]
        {
            let workspace = repo.read("bpctl.yaml").replace("delivery: direct", &format!("delivery: {delivery}"));
            repo.commit(&[("bpctl.yaml", &workspace)], "delivered so");
            let plan = repo.run(&["plan", "--target", "frontend"]).exits(0).stdout;
            says(&plan, &[code, &format!("what Git declares: its pod template is another one, and {brings}")]);
            assert!(!plan.contains("git revert") && !plan.contains("correct the image"), "{plan}");
        }
    }
}

/// Would miss: a pod's name that a shell would obey.
#[test]
fn t10_what_a_person_is_told_to_type_holds_no_name_that_is_none() {
    let repo = failing_shop("CrashLoopBackOff", 3);
    let pods = "clusters/staging/shop/pods.json";
    let text = repo.read(pods).replace("frontend-7fd55b4478-dhmc9", "x;rm -rf ~");
    repo.commit(&[(pods, &text)], "hostile");
    let plan = repo.run(&["plan", "--target", "frontend"]).exits(0).stdout;
    says(&plan, &["see why: kubectl -n shop logs deployment/frontend --previous"]);
}

/// Would miss: an exact plan that cannot be told from another, and a rendered workload that nobody tried.
#[test]
fn an_exact_plan_says_that_it_is_one_or_cannot_be() {
    let (repo, _) = rendered_shop();
    let exact = repo.run(&["plan", "--exact"]).exits(0).stdout;
    says(&exact, &[" · not checked with a dry run: a recording cannot be asked · base main"]);
    let frontend = exact.split("\nfrontend ").nth(1).expect("the frontend");
    assert!(frontend.contains("approximate: a recording cannot be asked what it would store"), "{exact}");
    assert!(!repo.run(&PLAN).exits(0).stdout.contains("dry run"));
}

/// Would miss: "that is settled first" of replicas that an autoscaler of another kind keeps from ever being settled.
#[test]
fn what_an_autoscaler_set_is_not_waited_for() {
    let repo = Repo::shop();
    let file = "clusters/staging/shop/deployments.json";
    let mut all: Json = serde_json::from_str(&repo.read(file)).expect("JSON");
    let items = all["items"].as_array_mut().expect("items");
    let frontend = items.iter_mut().find(|item| item["metadata"]["name"] == "frontend").expect("the frontend");
    frontend["spec"]["replicas"] = 3.into();
    frontend["metadata"]["managedFields"].as_array_mut().expect("managers").push(json!({
        "manager": "custom-autoscaler", "operation": "Update", "subresource": "scale", "apiVersion": "apps/v1",
        "time": "2026-11-21T02:50:00Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}}));
    repo.commit(&[(file, &all.to_string())], "an autoscaler");
    let plan = repo.run(&["plan", "--target", "frontend"]).exits(0).stdout;
    says(
        &plan,
        &["scale: an autoscaler set 3 replicas, which are its own to change; Git says 2", "which is left to it"],
    );
    assert!(!plan.contains("settled first"), "{plan}");
}

/// Would miss: a plan that decides by other bounds than the file shows, without a word.
#[test]
fn x11_an_override_that_has_expired_is_named_in_the_plan() {
    let repo = Repo::shop();
    let blueprint = "blueprints/frontend/blueprint.yaml";
    let over = "environments:\n  staging: {expires: 2026-01-01T00:00:00Z, spec: {scaling: {max_replicas: 12}}}\n";
    repo.commit(&[(blueprint, &format!("{}{over}", repo.read(blueprint)))], "for a sale");
    let told = "warning override-expired: the override for staging expired at 2026-01-01T00:00:00Z: spec.scaling.max_replicas holds no more";
    says(&repo.run(&PLAN).exits(0).stdout, &[told]);
}

/// Would miss: a code that a plan prints and `explain` does not know.
#[test]
fn every_code_that_a_plan_reports_can_be_explained() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("core/src/decide");
    let mut codes = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for before in ["broken(\"", "add(\"", "code: \"", "                    \"", "            \""] {
            let named = text.split(before).skip(1).filter_map(|rest| rest.split_once('"'));
            let code = |name: &&str| name.contains('-') && name.bytes().all(|c| c.is_ascii_lowercase() || c == b'-');
            codes.extend(named.map(|(name, _)| name).filter(code).map(ToOwned::to_owned));
        }
    }
    assert!(codes.len() > 10 && codes.iter().any(|code| code == "image-not-pulled"), "{codes:?}");
    let repo = Repo::empty();
    for code in codes {
        repo.run(&["explain", &code]).exits(0);
    }
}

/// Would miss: a plan that looks at another cluster than the file at hand names, and a context that nobody has.
#[test]
fn where_the_work_tree_names_another_cluster_the_plan_says_which_counts() {
    let repo = Repo::shop();
    repo.replace("bpctl.yaml", "{snapshot: clusters/staging}", "{context: labb}");
    let plan = repo.run(&PLAN).exits(0);
    says(&plan.stderr, &["note: the cluster that main names was looked at; the work tree names another"]);
    repo.commit(&[], "a slip of the pen");
    let kubeconfig = repo.folder.path().join("kubeconfig");
    let text = "apiVersion: v1\nkind: Config\nclusters: [{name: lab, cluster: {server: 'https://127.0.0.1:1'}}]\n\
                contexts: [{name: lab, context: {cluster: lab, user: lab}}]\nusers: [{name: lab, user: {}}]\n";
    std::fs::write(&kubeconfig, text).expect("written");
    let plan = repo.bpctl().with("BPCTL_KUBECONFIG", kubeconfig.to_str().expect("UTF-8")).run(&PLAN).exits(1);
    says(&plan.stderr, &["couldn't use context labb", "there is no such context; there is: lab"]);
}

/// Would miss: a folder made from the root on because of a slip.
#[test]
fn a_plan_is_written_into_a_folder_that_is_there() {
    let repo = Repo::shop();
    let ran = repo.run(&["plan", "--out", "gone/plan.json"]).exits(1);
    says(&ran.stderr, &["couldn't write gone/plan.json: there is no folder gone"]);
    assert!(!repo.path().join("gone").exists() && ran.stdout.is_empty());
    repo.run(&["plan", "--out", "plan.json"]).exits(0);
}

/// Would miss: a path that `where` prints and does not take, a slip that gets no hint, an object that belongs to a workload and has no line,
/// and one missing manifest that hides all others.
#[test]
fn x09_where_takes_what_it_prints_and_says_what_may_be_meant() {
    let repo = Repo::shop();
    let map =
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: frontend, namespace: shop}\ndata:\n  LIMIT: \"1\"\n";
    let manifest = format!("{}{map}", repo.read("deploy/frontend.yaml"));
    let manifest = manifest
        .replace("      containers:\n", "      volumes: [{name: c, configMap: {name: frontend}}]\n      containers:\n");
    repo.commit(&[("deploy/frontend.yaml", &manifest)], "configured");
    let all = repo.run(&["where", "frontend", "--all"]).exits(0).stdout;
    says(
        &all,
        &["frontend · Deployment/frontend · deploy/frontend.yaml", "frontend · ConfigMap/frontend · ", "data.LIMIT"],
    );
    let image = all.lines().find(|line| line.contains("[name=web].image ")).expect("the image");
    let path = image.split_whitespace().next().expect("a path");
    assert!(path.starts_with("containers[name=web]"), "{image}");
    for asked in [path, "image", "spec.template.spec.containers[name=web].image"] {
        let one = repo.run(&["where", "frontend", asked]).exits(0).stdout;
        says(&one, &["  containers[name=web].image  registry", "lines found for 1 of 1 field\n"]);
    }
    says(&repo.run(&["where", "frontend", "data.LIMIT"]).exits(0).stdout, &["ConfigMap/frontend"]);
    says(&repo.run(&["where", "frontend", "LOG_LEVEL"]).exits(0).stdout, &["env[name=LOG_LEVEL].value"]);
    says(&repo.run(&["where", "frontend", "replcas"]).exits(2).stderr, &["did you mean replicas?"]);
    std::fs::remove_file(repo.path().join("deploy/backend.yaml")).expect("removed");
    let rest = repo.run(&["where"]).exits(1);
    says(&rest.stderr, &["backend is left out: no manifest below deploy/backend.yaml declares Deployment/backend"]);
    says(&rest.stdout, &["frontend · Deployment/frontend"]);
}

/// Would miss: a variable that somebody added by hand, and that runs on after the reconcile without anybody knowing.
#[test]
fn x10_what_was_added_beside_git_is_told_once() {
    let repo = Repo::shop();
    let file = "clusters/staging/shop/deployments.json";
    let mut all: Json = serde_json::from_str(&repo.read(file)).expect("JSON");
    let items = all["items"].as_array_mut().expect("items");
    let frontend = items.iter_mut().find(|item| item["metadata"]["name"] == "frontend").expect("the frontend");
    let container = &mut frontend["spec"]["template"]["spec"]["containers"][0];
    container["env"].as_array_mut().expect("variables").push(json!({"name": "NEWVAR", "value": "1"}));
    let fields = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {
        "f:env": {"k:{\"name\":\"NEWVAR\"}": {".": {}, "f:name": {}, "f:value": {}}}}}}}}});
    frontend["metadata"]["managedFields"].as_array_mut().expect("managers").push(json!({
        "manager": "kubectl-set", "operation": "Update", "apiVersion": "apps/v1", "time": "2026-11-21T02:50:00Z",
        "fieldsType": "FieldsV1", "fieldsV1": fields}));
    repo.commit(&[(file, &all.to_string())], "by hand");
    let told = "reconcile: Deployment/frontend has what Git does not declare, and keeps it: \
                spec.template.spec.containers[name=web].env[name=NEWVAR] (by kubectl-set)\n";
    says(&repo.run(&PLAN).exits(0).stdout, &[told]);
}

/// Would miss: a plan that says of a manifest that it is not there, where the blueprint's namespace or path is what is wrong.
#[test]
fn a_plan_says_like_lint_why_no_manifest_is_the_targets() {
    let repo = Repo::shop();
    let blueprint = "blueprints/backend/blueprint.yaml";
    let plan = || repo.run(&["plan", "--env", "staging", "--target", "backend"]).stdout;
    repo.replace(blueprint, "namespace: shop", "namespace: shopp");
    says(&plan(), &["deploy/backend.yaml declares Deployment/backend in namespace shop, and the blueprint's is shopp"]);
    repo.replace(blueprint, "source: deploy/backend.yaml", "source: deploy/bakend.yaml");
    says(&plan(), &["there are no manifests at deploy/bakend.yaml"]);
}

/// Would miss: a hint to branches where nothing was committed, and a library's code where the clone is shallow.
#[test]
fn history_that_is_not_there_is_told_with_what_brings_it() {
    let (repo, shop) = (Repo::empty(), Repo::shop());
    repo.write("bpctl.yaml", &shop.read("bpctl.yaml"));
    says(&repo.run(&["plan"]).stderr, &["there is no commit here yet", "git commit"]);
    shop.commit(&[("note.txt", "a second commit")], "again");
    let from = format!("file://{}", shop.path().display());
    let folder = tempfile::tempdir().expect("a folder");
    let clone = folder.path().join("clone");
    shop.git(&["clone", "-q", "--depth", "1", &from, clone.to_str().expect("a path")]);
    let ran = crate::support::Program::new(&clone, shop.home().as_path()).run(&["plan", "--base", "HEAD~1"]);
    says(&ran.stderr, &["git fetch --unshallow"]);
}
