//! A plan of a change against what stood before it (X1), and plans of a part.

use serde_json::{Value as Json, json};

use crate::support::Repo;

/// On a branch: the frontend's replicas in Git go from 2 to 4; in the cluster they are 2, and `LOG_LEVEL` has drifted before.
fn changed() -> Repo {
    let repo = Repo::shop();
    repo.git(&["checkout", "-q", "-b", "feature"]);
    let manifest = repo.read("deploy/frontend.yaml");
    repo.commit(&[("deploy/frontend.yaml", &manifest.replace("replicas: 2", "replicas: 4"))], "more of it");
    repo
}

fn item<'p>(plan: &'p Json, blueprint: &str) -> &'p Json {
    let part = plan["blueprints"].as_array().expect("blueprints").iter().find(|part| part["name"] == blueprint);
    &part.expect("the blueprint")["items"][0]
}

#[test]
fn x01_what_a_change_causes_is_told_from_what_stood_before_it() {
    let repo = changed();
    // What came to the base meanwhile is not this change's doing.
    repo.git(&["checkout", "-q", "main"]);
    let later = repo.read("deploy/backend.yaml").replace("replicas: 3", "replicas: 2");
    repo.commit(&[("deploy/backend.yaml", &later)], "meanwhile");
    repo.git(&["checkout", "-q", "feature"]);

    let plan = repo.run(&["plan", "--env", "staging", "--base", "main", "-o", "json"]).exits(0).json();
    let causes = &plan["causes"];
    let cause = |blueprint: &str| &causes["items"][item(&plan, blueprint)["id"].as_str().expect("an id")];
    assert_eq!(*cause("backend"), "before");
    assert_eq!(*cause("backend-canary"), "before");
    let partly = cause("frontend")["partly"].as_array().expect("partly");
    assert_eq!(partly.len(), 1, "LOG_LEVEL had drifted before: {causes:#}");
    assert_eq!(item(&plan, "frontend")["finding"]["fields"].as_array().expect("fields").len(), 2);
    let settled = causes["settled"].as_array().expect("settled");
    assert_eq!(settled.len(), 1, "{causes:#}");
    assert_eq!(
        (&settled[0]["blueprint"], &settled[0]["item"]["action"]["action"]),
        (&json!("frontend"), &json!("scale"))
    );

    let text = repo.run(&["plan", "--env", "staging", "--base", "main"]).exits(0).stdout;
    assert!(text.contains(": this change causes 1 (1 in part) · 2 stood before it · 1 settled by it\n"), "{text}");
    assert!(text.contains("had drifted before this change: spec.template.spec.containers[name=web].env"), "{text}");
    assert!(!text.contains("next: bpctl apply"), "apply does what stands on base, not this: {text}");
    repo.git(&["merge", "-q", "--no-edit", "main"]);
    let unchanged = repo.run(&["plan", "--env", "staging", "--base", "HEAD", "-o", "json"]).exits(0).json();
    assert!(unchanged["causes"]["items"].as_object().expect("items").values().all(|cause| *cause == "before"));
    let merged = repo.run(&["plan", "--env", "staging", "--base", "main", "-o", "json"]).exits(0).json();
    assert_eq!(unchanged["hash"], merged["hash"], "what it is compared with changes no action");
    let ids = |plan: &Json| plan["causes"]["items"].as_object().expect("items").keys().cloned().collect::<Vec<_>>();
    assert_eq!(ids(&merged), ids(&plan), "it was planned as merged before it was");
}

/// Would miss: a newer release of the base branch that is told as drift of a branch which left it earlier, and as what the branch brings back.
#[test]
fn x01_a_branch_behind_its_base_is_planned_as_it_would_be_merged() {
    let repo = Repo::shop();
    repo.git(&["checkout", "-q", "-b", "readme"]);
    repo.commit(&[("README.md", "hi\n")], "a word");
    repo.git(&["checkout", "-q", "main"]);
    repo.replace("deploy/frontend.yaml", "frontend:1.4.0", "frontend:1.5.0");
    repo.commit(&[], "a release");
    repo.git(&["checkout", "-q", "readme"]);
    let plan = ["plan", "--env", "staging", "-t", "frontend", "--base", "main"];
    let ran = repo.run(&plan);
    super::says(&ran.stderr, &["main moved since this work left it: it is planned as merged into main as it is now"]);
    super::says(&ran.stdout, &["frontend:1.4.0\" in the cluster, Git says", "frontend:1.5.0", "this change causes 0"]);
    // Nothing is merged where somebody still works, or where the two conflict; then it is said what the plan is not.
    repo.write("deploy/backend.yaml", &repo.read("deploy/backend.yaml").replace("replicas: 3", "replicas: 4"));
    super::says(&repo.run(&plan).stderr, &["the work tree has uncommitted changes", "merge it in, and plan again"]);
    repo.git(&["checkout", "-q", "--", "."]);
    repo.replace("deploy/frontend.yaml", "frontend:1.4.0", "frontend:1.6.0");
    repo.commit(&[], "another release");
    super::says(&repo.run(&plan).stderr, &["and the two conflict"]);
}

/// Would miss: metrics that are missing on both sides, blamed on the change after which bpctl first asks for them.
#[test]
fn x01_what_was_never_measured_is_not_hidden_by_a_change() {
    let repo = Repo::shop();
    std::fs::remove_file(repo.path().join("clusters/staging/usage.json")).expect("removed");
    repo.replace("deploy/frontend.yaml", "replicas: 2 ", "replicas: 4 ");
    repo.commit(&[], "more than the cluster has: that is settled before anybody asks for usage");
    repo.git(&["checkout", "-q", "-b", "feature"]);
    repo.replace("deploy/frontend.yaml", "replicas: 4 ", "replicas: 2 ");
    repo.commit(&[], "as the cluster has it");
    let plan = repo.run(&["plan", "--env", "staging", "--base", "main", "-o", "json"]).exits(0).json();
    assert_eq!(plan["causes"]["unknown"], json!([]), "{:#}", plan["causes"]);
    let frontend = plan["blueprints"].as_array().expect("blueprints").iter().find(|part| part["name"] == "frontend");
    assert!(
        frontend.expect("the frontend")["unknown"].to_string().contains("CPU utilization"),
        "it is told all the same"
    );
}

#[test]
fn a_part_is_planned_as_it_would_be_among_all_and_says_that_it_is_a_part() {
    let repo = changed();
    let plan = |arguments: &[&str]| {
        let mut all = vec!["plan", "--env", "staging", "-o", "json"];
        all.extend(arguments);
        repo.run(&all).exits(0).json()
    };
    let names = |plan: &Json| -> Vec<String> {
        let parts = plan["blueprints"].as_array().expect("blueprints").iter();
        parts.map(|part| part["name"].as_str().expect("a name").to_owned()).collect()
    };
    let whole = plan(&[]);
    assert_eq!((names(&whole).len(), whole.get("scope")), (3, None));
    let target = plan(&["--target", "backend"]);
    assert_eq!(names(&target), ["backend"]);
    assert_eq!(target["blueprints"][0], whole["blueprints"][0]);
    assert_eq!(target["scope"], json!({"asked": ["--target backend"], "of": 3}));
    assert_eq!(names(&plan(&["--changed-since", "main"])), ["frontend"]);
    assert_eq!(names(&plan(&["--target", "backend,frontend", "--changed-since", "main"])), ["frontend"]);
    let mut shards: Vec<String> = ["1/2", "2/2"].iter().flat_map(|shard| names(&plan(&["--shard", shard]))).collect();
    shards.sort();
    assert_eq!(shards, names(&whole));

    let wrong = repo.run(&["plan", "--env", "staging", "-l", "app=nothing"]).exits(1);
    assert!(wrong.stderr.contains("no blueprint's workload has the labels app=nothing"), "{}", wrong.stderr);
    let text = repo.run(&["plan", "--env", "staging", "--changed-since", "HEAD"]).exits(0).stdout;
    assert!(text.contains("0 of 3 blueprints (--changed-since HEAD)"), "{text}");
    assert!(text.contains("nothing to do: no blueprint was selected"), "{text}");
    let pattern = plan(&["--target", "back*"]);
    assert_eq!(
        (names(&pattern), &pattern["scope"]["asked"]),
        (vec!["backend".into(), "backend-canary".into()], &json!(["--target back*"]))
    );
    let wrong = repo.run(&["plan", "--env", "staging", "--target", "x*"]).exits(1);
    assert!(wrong.stderr.contains("there is no blueprint x*"), "{}", wrong.stderr);
    let wrong = repo.run(&["plan", "--env", "staging", "--target", "fronted"]).exits(1);
    assert!(wrong.stderr.contains("it has: backend, backend-canary, frontend"), "{}", wrong.stderr);
    for name in ["--upload-pack=x", "main..x", "@{-1}", "nothing"] {
        let asked = format!("--base={name}");
        let refused = repo.run(&["plan", "--env", "staging", &asked]).exits(1);
        assert!(refused.stderr.contains("there is no branch, tag or commit"), "T22 {name}: {}", refused.stderr);
    }
}

/// How a workload is hidden, and what does it.
type Hidden<'a> = (&'a str, &'a dyn Fn(&Repo));

/// Would miss: a plan that calls a workload settled which it does not see any more.
#[test]
fn what_a_change_hides_is_not_settled() {
    let hide: [(Hidden<'_>, i32); 3] = [
        (
            ("the manifest is gone", &|repo| {
                std::fs::remove_file(repo.path().join("deploy/backend.yaml")).expect("removed")
            }),
            1, // blind is not green
        ),
        (
            ("nobody governs it", &|repo| {
                std::fs::remove_dir_all(repo.path().join("blueprints/backend")).expect("removed");
            }),
            0,
        ),
        (
            ("it is made forbidden", &|repo| {
                let manifest = repo.read("deploy/backend.yaml");
                repo.write("deploy/backend.yaml", &manifest.replace("replicas: 3", "replicas: 0"));
            }),
            0,
        ),
    ];
    for ((how, change), code) in hide {
        let repo = Repo::shop();
        change(&repo);
        let plan = repo.run(&["plan", "--env", "staging", "--base", "main", "-o", "json"]).exits(code).json();
        assert_eq!(plan["causes"]["settled"], json!([]), "{how}");
        let lost = plan["causes"]["lost"].as_array().expect("lost");
        assert!(lost.iter().any(|lost| lost["blueprint"] == "backend"), "{how}: {lost:#?}");
        let text = repo.run(&["plan", "--env", "staging", "--base", "main"]).exits(code).stdout;
        assert!(text.contains("not planned any more, and not settled"), "{how}: {text}");
        assert_eq!(text.contains("1 unknown by it: backend (the manifest)"), code == 1, "{how}: {text}");
    }
}

/// Would miss: an error that stood before the change counted as its own, and one that it mends told nowhere.
#[test]
fn x01_what_is_reported_is_told_apart_like_what_is_planned() {
    let repo = Repo::shop();
    repo.replace("blueprints/frontend/blueprint.yaml", "cpu: {minimum: 50m,", "cpu: {minimum: 200m,");
    repo.commit(&[], "more is promised than requested");
    let against = ["plan", "--env", "staging", "--base", "main", "--target", "frontend"];
    repo.git(&["checkout", "-q", "-b", "same"]);
    let stands = repo.run(&against).exits(0).stdout;
    assert!(stands.contains("less than the minimum of 200m (stood before this change)"), "{stands}");
    assert!(stands.contains("this change causes 0 · 3 stood before it · 0 settled by it"), "{stands}");
    // Another number in the same words is no other problem.
    let more = repo.read("deploy/frontend.yaml").replace("requests: {cpu: 100m", "requests: {cpu: 150m");
    repo.commit(&[("deploy/frontend.yaml", &more)], "a little more is requested");
    let stands = repo.run(&against).stdout;
    assert!(stands.contains("less than the minimum of 200m (stood before this change)"), "{stands}");
    let manifest = repo.read("deploy/frontend.yaml").replace("requests: {cpu: 150m", "requests: {cpu: 200m");
    repo.commit(&[("deploy/frontend.yaml", &manifest)], "so much is requested");
    let mended = repo.run(&against).exits(0).stdout;
    assert!(mended.contains("mended by this change\n  frontend  warning request-outside-bounds"), "{mended}");
}

/// Would miss: an object that a change takes out of Git, and that runs on in the cluster with nobody told.
#[test]
fn x01_what_a_change_takes_out_of_git_is_told() {
    let repo = Repo::shop();
    std::fs::remove_file(repo.path().join("deploy/backend.yaml")).expect("removed");
    let text = repo.run(&["plan", "--env", "staging", "--base", "main"]).exits(1).stdout;
    assert!(
        text.contains(
            "left in the cluster: Deployment/backend in shop; nothing that a blueprint names declares it any more"
        ),
        "{text}"
    );
    // With its blueprint it is in no part of the plan.
    std::fs::remove_dir_all(repo.path().join("blueprints/backend")).expect("removed");
    let text = repo.run(&["plan", "--env", "staging", "--base", "main"]).stdout;
    assert!(text.contains("\nwithout a blueprint now: Deployment/backend in shop; it is in the cluster"), "{text}");
}

/// Would miss: "causes 0" and "as Git declares" of the line that takes a Service or a disruption budget away from its pods: by a slip, by nothing
/// at all, or for another workload's.
#[test]
fn x01_what_a_change_takes_away_from_a_workload_is_still_looked_at() {
    let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: frontend, namespace: shop}\nspec:\n  selector: {app: frontend}\n  \
                   ports: [{port: 80}]\n";
    let live = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "frontend", "namespace": "shop", "uid": "9"},
        "spec": {"selector": {"app": "frontend"}, "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}], "clusterIP": "10.0.0.9"}}]});
    let frontend = Repo::shop().read("deploy/frontend.yaml");
    for (selector, told) in [
        ("  selector: {app: frontendd}\n", "spec.selector.app: \"frontend\" in the cluster, Git says \"frontendd\""),
        ("  selector: {app: backend}\n", "spec.selector.app: \"frontend\" in the cluster, Git says \"backend\""),
        ("  type: ExternalName\n  externalName: x.example\n", "spec.type"),
    ] {
        // Beside its workload, and in a file of its own.
        for (file, before) in [("deploy/frontend.yaml", frontend.trim_end()), ("deploy/front/service.yaml", "")] {
            let repo = Repo::shop();
            if before.is_empty() {
                repo.git(&["mv", "deploy/frontend.yaml", "deploy/front.yaml"]);
                repo.git(&["rm", "-q", "--cached", "deploy/front.yaml"]);
                std::fs::remove_file(repo.path().join("deploy/front.yaml")).expect("removed");
                repo.write("deploy/front/web.yaml", &frontend);
                repo.replace(
                    "blueprints/frontend/blueprint.yaml",
                    "source: deploy/frontend.yaml",
                    "source: deploy/front",
                );
            }
            repo.write("clusters/staging/shop/service.json", &live.to_string());
            let types = r#"{"schemaVersion": 1, "schema": {"lists": {"spec.ports": {"map": [["port", null], ["protocol", "TCP"]]}}, "scalars": {}, "atomicMaps": [], "defaults": {}}}"#;
            repo.write("clusters/staging/schemas/v1_Service.json", types);
            repo.commit(&[(file, &format!("{before}\n{service}"))], "a Service");
            let against = ["plan", "--env", "staging", "-t", "frontend", "--base", "main"];
            let none = repo.run(&against).stdout;
            assert!(!none.contains("Service/frontend"), "{none}");
            repo.git(&["switch", "-q", "-c", "feature"]);
            let away = service.replace("  selector: {app: frontend}\n", selector);
            repo.commit(&[(file, &format!("{before}\n{away}"))], "nothing to see");
            let plan = repo.run(&against).stdout;
            assert!(plan.contains("reconcile Service/frontend") && plan.contains(told), "{file} {selector}: {plan}");
            assert!(plan.contains("this change causes 1"), "{plan}");
        }
    }
}

/// Would miss: a value that nobody touched, told as new because another of the blueprints that read it comes first now.
#[test]
fn x01_a_shared_value_is_no_other_for_being_counted_elsewhere() {
    let repo = Repo::shop();
    let reads =
        |name: &str| format!("        - name: {name}\n          envFrom: [{{configMapRef: {{name: shared}}}}]\n");
    let own = |name: &str| format!("        - name: {name}\n");
    for (name, container) in [("frontend", "web"), ("backend", "api")] {
        repo.replace(&format!("deploy/{name}.yaml"), &own(container), &reads(container));
        let (file, source) = (format!("blueprints/{name}/blueprint.yaml"), format!("source: deploy/{name}.yaml"));
        repo.replace(&file, &source, "source: deploy");
    }
    let map = |value: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: shared, namespace: shop}}\ndata: {{SIZE: {value}}}\n"
        )
    };
    repo.commit(&[("deploy/shared.yaml", &map("huge"))], "a shared map");
    repo.git(&["switch", "-q", "-c", "feature"]);
    let against = ["plan", "--env", "staging", "--base", "main"];
    let told = "values that this change makes others";
    repo.commit(&[("deploy/shared.yaml", &map("tiny"))], "another value");
    let plan = repo.run(&against).stdout;
    assert!(plan.contains(told) && plan.contains("backend  ConfigMap/shared SIZE: huge → tiny"), "{plan}");
    repo.commit(&[("deploy/shared.yaml", &map("huge"))], "the same value");
    repo.replace("deploy/backend.yaml", &reads("api"), &own("api"));
    repo.commit(&[], "the backend reads it no more");
    let plan = repo.run(&against).stdout;
    assert!(!plan.contains(told) && !plan.contains("nothing →"), "{plan}");
}

/// Would miss: drift called settled that runs on, because the blueprint is about another workload, or nobody can apply what Git says now.
#[test]
fn x01_what_stays_as_it_is_is_not_settled() {
    type Edit = (&'static str, fn(&Repo), &'static str);
    let edits: [Edit; 2] = [
        (
            "another workload",
            |repo| {
                repo.replace("deploy/frontend.yaml", "  name: frontend\n", "  name: shopfront\n");
                repo.replace("blueprints/frontend/blueprint.yaml", "Deployment/frontend", "Deployment/shopfront");
            },
            "left in the cluster: Deployment/frontend",
        ),
        (
            "a selector that nobody changes in place",
            |repo| {
                let labels = repo.read("deploy/frontend.yaml").replace("{app: frontend}", "{app: shopfront}");
                repo.write("deploy/frontend.yaml", &labels);
            },
            "apply-refused",
        ),
    ];
    for (how, edit, told) in edits {
        let repo = Repo::shop();
        repo.replace("bpctl.yaml", "delivery: direct", "delivery: gitops");
        repo.commit(&[], "a controller delivers");
        edit(&repo);
        let plan = repo.run(&["plan", "--env", "staging", "--base", "main", "-o", "json"]).json();
        let drift = |list: &str| {
            let all = plan["causes"][list].as_array().expect("a list").iter();
            all.filter(|one| one["item"]["action"]["action"] == "reconcile" && one["blueprint"] == "frontend").count()
        };
        assert_eq!((drift("settled"), drift("lost")), (0, 1), "{how}: {:#}", plan["causes"]);
        let text = repo.run(&["plan", "--env", "staging", "--base", "main"]).stdout;
        assert!(text.contains("persists, not planned any more") && text.contains(told), "{how}: {text}");
    }
}

/// Would miss: what a change itself makes of an object that no apply can bring anyway, told as what stood before it.
#[test]
fn x01_what_a_change_makes_of_what_is_refused_is_its_own() {
    let repo = Repo::shop();
    repo.replace("bpctl.yaml", "delivery: direct", "delivery: gitops");
    let labels = repo.read("deploy/frontend.yaml").replace("{app: frontend}", "{app: shopfront}");
    repo.commit(&[("deploy/frontend.yaml", &labels)], "a selector that nobody changes in place");
    repo.git(&["switch", "-q", "-c", "topic"]);
    let against = ["plan", "--env", "staging", "--base", "main", "-t", "frontend", "--detailed-exitcode"];
    repo.write("README.md", "more\n");
    repo.commit(&[("README.md", "more\n")], "nothing of it");
    let plan = repo.run(&against).exits(0).stdout;
    assert!(plan.contains("this change causes 0") && plan.contains("apply-refused"), "{plan}");
    let image = repo.read("deploy/frontend.yaml");
    let image = image.lines().find(|line| line.contains("image: ")).expect("an image").to_owned();
    repo.replace("deploy/frontend.yaml", &image, &format!("{}-evil", image.trim_end()));
    repo.commit(&[], "another image");
    let plan = repo.run(&against).exits(4).stdout;
    assert!(plan.contains("this change causes 1") && plan.contains("-evil"), "{plan}");
}

/// Would miss: a branch's own image, told as what the controller is about to bring.
#[test]
fn x01_what_is_not_merged_yet_is_told_as_that() {
    let repo = Repo::shop();
    repo.replace("bpctl.yaml", "delivery: direct", "delivery: gitops");
    repo.commit(&[], "a controller delivers");
    let plan = |format: &str| repo.run(&["plan", "--env", "staging", "-t", "frontend", "-o", format]).exits(0).stdout;
    let brings = "delivery is gitops: the controller brings it back, bpctl writes nothing";
    assert!(plan("text").contains(brings) && plan("markdown").contains("| the controller's |"), "{}", plan("text"));
    repo.git(&["checkout", "-q", "-b", "feature"]);
    repo.replace("deploy/frontend.yaml", "frontend:1.4.0", "frontend:1.5.0");
    repo.commit(&[], "another image");
    let told = plan("text");
    assert!(told.contains("main does not declare all of it: it is not merged yet") && !told.contains(brings), "{told}");
    assert!(plan("markdown").contains("| the controller's, once merged |"), "{}", plan("markdown"));
}

/// Would miss: a workload that comes with a change, and that nobody is ever told of.
#[test]
fn x01_a_workload_that_comes_without_a_blueprint_is_named() {
    let repo = Repo::shop();
    let worker = repo.read("deploy/frontend.yaml").replace("frontend", "worker");
    let frontend = repo.read("deploy/frontend.yaml");
    repo.write("deploy/frontend.yaml", &format!("{}\n---\n{worker}", frontend.trim_end()));
    let text = repo.run(&["plan", "--env", "staging", "--base", "main"]).stdout;
    assert!(text.contains("\nadded without a blueprint: Deployment/worker; bpctl does not look at it"), "{text}");
    assert!(
        !repo.run(&["plan", "--env", "staging", "--base", "HEAD", "-t", "frontend"]).stdout.contains("added without")
    );
}

/// Would miss: a verdict by base's limit on an action that also raises the proposal's own.
#[test]
fn an_action_that_raises_a_limit_needs_approval_whatever_base_allows() {
    let repo = Repo::shop();
    let blueprint = repo.read("blueprints/frontend/blueprint.yaml");
    repo.write("blueprints/frontend/blueprint.yaml", &blueprint.replace("max_replicas: 5", "max_replicas: 2"));
    let plan = repo.run(&["plan", "--env", "staging", "--target", "frontend", "-o", "json"]).exits(0).json();
    let items = plan["blueprints"][0]["items"].as_array().expect("items");
    let scale = items.iter().find(|item| item["action"]["action"] == "scale").expect("a scale");
    assert_eq!(scale["action"]["limit"]["to"], 3, "{scale:#}");
    assert_ne!(scale["verdict"]["tier"], "allowed", "{scale:#}");
}

/// Would miss: a value that bpctl brought, and that goes with its next apply since Git has the key without a value now.
#[test]
fn b05_a_key_without_a_value_is_as_left_out_for_what_bpctl_brought() {
    let repo = Repo::shop();
    let labels = "labels: {app: frontend}\nspec:";
    repo.replace("deploy/frontend.yaml", labels, "labels: {app: frontend, tier: a}\nspec:");
    repo.commit(&[], "a label");
    repo.run(&super::APPLY);
    assert!(repo.run(&["plan", "--env", "staging", "-t", "frontend"]).stdout.contains("nothing to do"));
    repo.replace("deploy/frontend.yaml", "limits: {memory: 256Mi}", "limits: {memory: }");
    repo.replace("deploy/frontend.yaml", "tier: a", "tier: b");
    repo.commit(&[], "no limit");
    let plan = repo.run(&["plan", "--env", "staging", "-t", "frontend"]).stdout;
    assert!(plan.contains("limits.memory: \"256Mi\" in the cluster, no longer in Git"), "{plan}");
}
