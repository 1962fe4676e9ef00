//! B4: each stage alone, JSON in and JSON out.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value as Json, json};

use crate::support::{Ran, Repo};

/// One stage, fed with what another gave.
pub fn stage(repo: &Repo, arguments: &[&str], input: &str) -> Ran {
    let program = repo.bpctl();
    let mut command = program.command(arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("bpctl starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    let text = input.to_owned();
    let writer = std::thread::spawn(move || pipe.write_all(text.as_bytes()));
    let output = child.wait_with_output().expect("bpctl ends");
    let _ = writer.join().expect("written");
    Ran::of(output)
}

#[test]
fn b04_the_stages_one_after_another_give_the_plan() {
    let repo = Repo::shop();
    let parsed = stage(&repo, &["stage", "parse", "--env", "staging"], "").exits(0);
    assert_eq!(parsed.json()["blueprints"].as_object().expect("blueprints").len(), 3);
    let observed = stage(&repo, &["stage", "observe", "--env", "staging"], "").exits(0);
    assert!(observed.stderr.contains("observe: took environment staging, gave "), "{}", observed.stderr);
    let decided = stage(&repo, &["stage", "decide"], &observed.stdout).exits(0);
    assert!(decided.json()["decisions"][0]["detected"]["findings"].is_array(), "{}", decided.stdout);
    let governed = stage(&repo, &["stage", "govern"], &decided.stdout).exits(0);
    let plan = repo.run(&["plan", "--env", "staging", "-o", "json"]).exits(0).json();
    assert_eq!(governed.json(), plan);
    let again = stage(&repo, &["stage", "decide"], &observed.stdout).exits(0);
    assert_eq!(again.stdout, decided.stdout, "the same facts, the same decisions");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

/// Would miss: a judge that believes what the stage before it says of itself.
#[test]
fn decisions_that_somebody_made_up_are_judged_by_base_like_any_other() {
    let repo = Repo::shop();
    let observed = stage(&repo, &["stage", "observe", "--env", "staging"], "").exits(0);
    let mut decided: Json = stage(&repo, &["stage", "decide"], &observed.stdout).exits(0).json();
    let frontend = decided["decisions"].as_array_mut().expect("decisions").iter_mut();
    let frontend = frontend.into_iter().find(|decision| decision["blueprint"] == "frontend").expect("frontend");
    let scale = frontend["detected"]["findings"].as_array_mut().expect("findings").iter_mut();
    let scale = scale.into_iter().find(|pair| pair[1]["action"] == "scale").expect("a scale");
    scale[1]["to"] = json!(0);
    let plan = stage(&repo, &["stage", "govern"], &decided.to_string()).exits(0).json();
    let part = plan["blueprints"].as_array().expect("blueprints").iter().find(|part| part["name"] == "frontend");
    let items = part.expect("frontend")["items"].as_array().expect("items").clone();
    let item = items.iter().find(|item| item["action"]["action"] == "scale").expect("the scale");
    assert_eq!(item["verdict"]["tier"], "forbidden", "{item:#}");

    decided["decisions"][0]["blueprint"] = json!("nobody");
    let plan = stage(&repo, &["stage", "govern"], &decided.to_string()).exits(0).json();
    assert_eq!(plan["blueprints"].as_array().expect("blueprints").len(), 2, "a blueprint that is not there");
}

#[test]
fn what_is_no_input_of_a_stage_is_refused_without_being_shown() {
    let repo = Repo::shop();
    for input in ["", "{", "[]", "{\"schemaVersion\": 1, \"token\": \"hunter2\"}", "hunter2"] {
        let ran = stage(&repo, &["stage", "decide"], input).exits(1);
        assert!(ran.stderr.contains("the standard input is not an observation"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("hunter2"), "T38: {}", ran.stderr);
    }
    let mut newer = stage(&repo, &["stage", "observe", "--env", "staging"], "").exits(0).json();
    newer["schemaVersion"] = json!(2);
    let ran = stage(&repo, &["stage", "decide"], &newer.to_string()).exits(1);
    assert!(ran.stderr.contains("schemaVersion 2"), "{}", ran.stderr);
}

/// Would miss: an error about the last line of an input that is another stage's.
#[test]
fn an_input_of_another_stage_is_told_as_that() {
    let repo = Repo::shop();
    let observed = stage(&repo, &["stage", "observe", "--env", "staging"], "").exits(0);
    let ran = stage(&repo, &["stage", "govern"], &observed.stdout).exits(1);
    for told in [
        "not decisions: it has no field `observation`; this is what `bpctl stage observe` gives",
        "`bpctl stage decide` gives",
    ] {
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }
    let ran = stage(&repo, &["stage", "decide"], "{}").exits(1);
    assert!(ran.stderr.contains("not an observation: it has no field `"), "{}", ran.stderr);
}

/// The plan of the stages before, with those of its actions that are meant.
fn planned(repo: &Repo, meant: impl Fn(&Json) -> bool) -> Json {
    let observed = stage(repo, &["stage", "observe", "--env", "staging"], "").exits(0);
    let decided = stage(repo, &["stage", "decide"], &observed.stdout).exits(0);
    let mut plan = stage(repo, &["stage", "govern"], &decided.stdout).exits(0).json();
    for part in plan["blueprints"].as_array_mut().expect("blueprints") {
        part["items"].as_array_mut().expect("items").retain(&meant);
    }
    plan
}

fn scales(name: &str) -> impl Fn(&Json) -> bool {
    move |item: &Json| item["action"]["action"] == "scale" && item["action"]["blueprint"] == name
}

/// Would miss: an executor that does more than the plan it was given, writes in a dry run, or does a thing twice.
#[test]
fn b04_a_plan_is_executed_and_nothing_besides_it() {
    let repo = Repo::shop();
    let plan = planned(&repo, scales("frontend")).to_string();
    let before = repo.everything();
    let dry = stage(&repo, &["stage", "execute", "--dry-run"], &plan).exits(0).json();
    assert_eq!(before, repo.everything());
    assert_eq!((dry["dryRun"].as_bool(), &dry["calls"][0]["call"]), (Some(true), &json!("create-branch")), "{dry:#}");

    let done = stage(&repo, &["stage", "execute"], &plan).exits(0);
    assert!(done.stderr.contains("execute: took 1 action, made "), "{}", done.stderr);
    let done = done.json();
    crate::generated::valid(&crate::generated::validator("executed"), &done, "stage execute");
    let calls: Vec<&str> =
        done["calls"].as_array().expect("calls").iter().filter_map(|call| call["call"].as_str()).collect();
    for call in ["create-branch", "open-pull", "merge-pull", "delete-branch", "append-ledger"] {
        assert!(calls.contains(&call), "{call}: {calls:?}");
    }
    assert_eq!((repo.merges(), repo.refs("refs/bpctl/pull").len()), (1, 1), "the backend was not meant");
    assert!(!calls.contains(&"apply-object"), "the drift was not meant: {calls:?}");
    assert_eq!(done["outdated"], json!([]), "{done:#}");
    assert_eq!(repo.git(&["diff", "--stat", "HEAD~1", "--", "deploy/frontend.yaml"]).lines().count(), 2);

    // The same plan again: what it says is done.
    let again = stage(&repo, &["stage", "execute"], &plan).exits(0).json();
    assert_eq!((repo.merges(), repo.refs("refs/bpctl/pull").len()), (1, 1));
    assert_eq!(again["outdated"][0]["action"], "scale", "{again:#}");

    // Drift alone is delivered alone.
    let drift = planned(&repo, |item| item["action"]["action"] == "reconcile");
    let delivered = stage(&repo, &["stage", "execute"], &drift.to_string()).exits(0).json();
    assert!(delivered["calls"].to_string().contains("apply-object"), "{delivered:#}");
    assert_eq!(repo.refs("refs/bpctl/pull").len(), 1);
}

/// Would miss: a permit that rests on what a file says of an action, or of its verdict.
#[test]
fn b04_a_plan_that_somebody_made_up_permits_nothing() {
    let repo = Repo::shop();
    // Another number under the right id does what the id says; another id is no action of ours.
    let mut forged = planned(&repo, scales("backend"));
    let backend = forged["blueprints"].as_array_mut().expect("blueprints").iter_mut();
    let backend = backend.into_iter().find(|part| part["name"] == "backend").expect("the backend");
    let item = &mut backend["items"][0];
    item["verdict"]["tier"] = json!("allowed");
    item["action"]["to"] = json!(40);
    let done = stage(&repo, &["stage", "execute"], &forged.to_string()).exits(0).json();
    assert!(done["steps"].to_string().contains("#1 waits: no approval counts yet"), "{done:#}");
    let head = repo.git(&["show", "bpctl/staging/backend/scale:deploy/backend.yaml"]);
    assert!(repo.merges() == 0 && head.contains("replicas: 4"), "{head}");

    let mut forged = planned(&repo, scales("frontend"));
    let frontend = forged["blueprints"].as_array_mut().expect("blueprints").iter_mut();
    let frontend = frontend.into_iter().find(|part| part["name"] == "frontend").expect("the frontend");
    frontend["items"][0]["id"] = json!("0".repeat(64));
    let before = repo.refs("refs/heads");
    let done = stage(&repo, &["stage", "execute"], &forged.to_string()).exits(0).json();
    assert_eq!(done["outdated"].as_array().map(Vec::len), Some(1), "{done:#}");
    assert_eq!((before, repo.merges()), (repo.refs("refs/heads"), 0));
    let ran = stage(&repo, &["stage", "execute", "--env", "prod"], &forged.to_string()).exits(1);
    assert!(ran.stderr.contains("the plan is of staging, and --env says prod"), "{}", ran.stderr);
}

/// Would miss: a verification that writes its outcome down, or that finds nothing to say of what was merged.
#[test]
fn b04_what_was_merged_is_verified_by_an_observation_and_nothing_is_written() {
    let repo = Repo::shop();
    // A run that died when it had merged, so that no outcome stands yet.
    let died = repo.bpctl().with("BPCTL_FAIL_POINT", "apply-object:before").run(&["apply", "--env", "staging"]);
    assert_eq!(died.signal, Some(9), "{died:?}");
    let before = repo.everything();
    let observed = stage(&repo, &["stage", "observe", "--env", "staging"], "").exits(0);
    let told = stage(&repo, &["stage", "verify"], &observed.stdout).exits(0);
    assert!(told.stderr.ends_with("gave 1 report\n"), "{}", told.stderr);
    let told = told.json();
    crate::generated::valid(&crate::generated::validator("verification"), &told, "stage verify");
    let one = &told["verified"][0];
    assert_eq!((&one["blueprint"], &one["operation"]["operation"]), (&json!("frontend"), &json!("scale")), "{told:#}");
    assert_eq!(one["report"]["outcome"], "unknown", "nothing happens in a recording: {told:#}");
    assert_eq!(before, repo.everything());
    // Facts of another moment give another answer, and no other place is looked at: here the history is not known.
    let mut blind = observed.json();
    let facts = blind["facts"].as_object_mut().expect("facts");
    facts.retain(|key, _| !key.starts_with("history"));
    let told = stage(&repo, &["stage", "verify"], &blind.to_string()).exits(0).json();
    assert!(told["verified"] == json!([]) && told["unknown"]["frontend"].is_object(), "{told:#}");
}

/// A repository whose frontend is rendered, with what belongs to it; the lines of its environment's `render`.
fn rendered(by: &str) -> Repo {
    let repo = Repo::shop();
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: frontend, namespace: shop}\ndata: {LEVEL: info}\n";
    repo.replace(
        "deploy/frontend.yaml",
        "          env:\n",
        "          envFrom: [{configMapRef: {name: frontend}}]\n          env:\n",
    );
    let (source, render) = match by {
        "kustomize" => {
            repo.write("deploy/kustomization.yaml", "resources: [frontend.yaml, map.yaml]\n");
            repo.write("deploy/map.yaml", map);
            repo.write("overlays/staging/kustomization.yaml", "resources: [../../deploy]\n");
            ("overlays/staging", "overlays/staging")
        }
        "helm" => {
            repo.write("chart/Chart.yaml", "apiVersion: v2\nname: front\nversion: 0.1.0\n");
            repo.write("chart/templates/map.yaml", map);
            repo.write("chart/templates/frontend.yaml", &repo.read("deploy/frontend.yaml"));
            ("chart", "chart, namespace: shop")
        }
        _ => {
            repo.write("deploy/front/map.yaml", map);
            repo.write("deploy/front/frontend.yaml", &repo.read("deploy/frontend.yaml"));
            ("deploy/front", "")
        }
    };
    let blueprint = "blueprints/frontend/blueprint.yaml";
    repo.replace(blueprint, "source: deploy/frontend.yaml", &format!("source: {source}"));
    if !render.is_empty() {
        let entry = format!("    delivery: direct\n    render: [{{{by}: {render}}}]");
        repo.replace("bpctl.yaml", "    delivery: direct", &entry);
    }
    repo.commit(&[], "the frontend comes otherwise");
    repo
}

/// B4, X9. Would miss: what belongs to a workload that is rendered, at which the stage alone did not look, so that its drift was lost and all
/// three stages ended well.
#[rstest::rstest]
#[case::plain("plain")]
#[case::kustomize("kustomize")]
#[case::helm("helm")]
fn b04_the_stages_give_the_plan_of_what_is_rendered(#[case] by: &str) {
    let repo = rendered(by);
    let observed = stage(&repo, &["stage", "observe", "--env", "staging"], "").exits(0);
    let decided = stage(&repo, &["stage", "decide", "--env", "staging"], &observed.stdout).exits(0);
    let governed = stage(&repo, &["stage", "govern", "--env", "staging"], &decided.stdout).exits(0).json();
    let plan = repo.run(&["plan", "--env", "staging", "-o", "json"]).json();
    let frontend = plan["blueprints"].as_array().expect("blueprints").iter().find(|part| part["name"] == "frontend");
    let told = frontend.expect("the frontend").to_string();
    assert!(told.contains("ConfigMap"), "its companion is compared: {told}");
    assert!(!told.contains("nobody looked"), "{told}");
    assert_eq!(governed["hash"], plan["hash"]);
    assert_eq!(governed, plan);
}

/// Would miss: facts of one environment that are taken for those of another.
#[test]
fn what_is_of_another_environment_is_refused() {
    let repo = Repo::shop();
    let other = "  canary: {tier: staging, cluster: {snapshot: clusters/staging}}\n  staging:\n";
    repo.replace("bpctl.yaml", "  staging:\n", other);
    repo.commit(&[], "two environments");
    let observed = stage(&repo, &["stage", "observe", "--env", "canary"], "").exits(0).stdout;
    let decided = stage(&repo, &["stage", "decide", "--env", "canary"], &observed).exits(0).stdout;
    for (name, input) in [("decide", &observed), ("verify", &observed), ("govern", &decided)] {
        let ran = stage(&repo, &["stage", name, "--env", "staging"], input).exits(1);
        assert!(ran.stderr.contains("is of canary, and --env says staging"), "{name}: {}", ran.stderr);
        assert!(ran.stderr.contains("bpctl stage observe --env staging") && ran.stdout.is_empty(), "{name}: {ran:?}");
    }
}
