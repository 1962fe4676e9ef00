//! Adoption through the program (X8), on a recorded cluster: what somebody wrote there goes into Git, or is brought back.

use super::{APPLY, leave_the_frontend, says};
use crate::support::{Repo, signed_shop};

const DEPLOYMENTS: &str = "clusters/staging/shop/deployments.json";
const MANIFEST: &str = "deploy/frontend.yaml";
const ADOPT: [&str; 5] = ["apply", "--env", "staging", "--adopt", "frontend:LOG_LEVEL"];

/// The shop, where only the frontend's drift is to be done: its log level and its replicas.
fn shop() -> (Repo, String) {
    let (repo, alice) = signed_shop();
    leave_the_frontend(&repo);
    repo.replace("blueprints/backend/blueprint.yaml", "scale_up_threshold: 80%", "scale_up_threshold: 99%");
    repo.commit(&[], "both may be busy");
    (repo, alice)
}

fn plan(repo: &Repo) -> String {
    repo.run(&["plan", "--env", "staging", "--target", "frontend"]).exits(0).stdout
}

/// Would miss: an adoption that lands without a person, one that changes another byte, and a value that is brought back while people look
/// at its adoption.
#[test]
fn x08_what_the_cluster_has_goes_into_git_by_a_pull_request() {
    let (repo, alice) = shop();
    let before = repo.read(MANIFEST);
    let planned = repo.run(&["plan", "--env", "staging", "--adopt", "frontend:LOG_LEVEL", "--detailed-exitcode"]);
    says(
        &planned.exits(5).stdout,
        &[
            "← adopt     LOG_LEVEL info → debug",
            "needs approval",
            "agent_authority without adopt",
            "\"debug\" in the cluster, Git says \"info\"",
            "written by kubectl-edit at 2026-11-21T02:49:20Z",
            "changes deploy/frontend.yaml:22:40",
            "next: bpctl apply --env staging --adopt frontend:LOG_LEVEL",
        ],
    );
    let first = repo.run(&ADOPT).exits(0).stdout;
    says(
        &first,
        &[
            "opened local pull request #1: adopt LOG_LEVEL info → debug",
            "#1 waits: no approval counts yet; it needs one by alice@shop.example",
        ],
    );
    assert!(!first.contains("applied"), "{first}");
    let body = repo.git(&["show", "refs/bpctl/pull/1:pull.json"]);
    says(
        &body,
        &[
            "adopt frontend: LOG_LEVEL info → debug (staging)",
            "written by `kubectl-edit` at 2026-11-21T02:49:20Z",
            "bpctl leaves the cluster as it is",
        ],
    );

    // Asked again: it is the same one. Without the question: it is left, and the plan says why.
    says(&repo.run(&ADOPT).exits(0).stdout, &["#1 waits"]);
    let left = repo.run(&APPLY).exits(0).stdout;
    says(&left, &["left: reconcile Deployment/frontend: 1 field: held by adoption until #1 is merged or closed"]);
    says(
        &plan(&repo),
        &["held            adoption", "adoption until #1 is merged or closed — adoption is proposed in #1"],
    );
    assert_eq!(repo.refs("refs/bpctl/pull").len(), 1);
    assert_eq!(repo.read(MANIFEST), before);

    repo.run(&["approve", "1", "--signing-key", &alice, "--message", "we need the logs"]).exits(0);
    says(&repo.run(&APPLY).exits(0).stdout, &["merged local pull request #1 as "]);
    assert_eq!(repo.read(MANIFEST), before.replace("value: info", "value: debug"));
    let settled = plan(&repo);
    assert!(!settled.contains("LOG_LEVEL"), "no drift is left: {settled}");
    let replayed = repo.run(&["audit", "replay"]).exits(0).stdout;
    says(&replayed, &["0 differ"]);
    let adopts = |entry: &serde_json::Value| entry["event"]["action"]["action"] == "adopt";
    let decided = repo.ledger("staging").into_iter().find(adopts).expect("it is written down");
    assert_eq!(decided["event"]["action"]["fields"][0]["to"], "debug");
}

/// Would miss: a scale that is merged beside an adoption, does not reach the cluster and so fails its verification.
#[test]
fn x08_nothing_else_is_merged_while_an_adoption_is_open() {
    let (repo, _) = signed_shop();
    let first = repo.run(&ADOPT).exits(0).stdout;
    says(
        &first,
        &[
            "adopt LOG_LEVEL info → debug",
            "left: scale Deployment/frontend: replicas 2 → 3: held by adoption until that is merged",
        ],
    );
    let number = first
        .split('#')
        .find(|part| part.contains(": adopt"))
        .and_then(|part| part.split(':').next())
        .expect("a number");
    let next = repo.run(&APPLY).exits(0).stdout;
    says(
        &next,
        &[&format!(
            "left: scale Deployment/frontend: replicas 2 → 3: held by adoption until #{number} is merged or closed"
        )],
    );
    assert_eq!(repo.merges(), 0);
    repo.run(&["reject", number]).exits(0);
    says(
        &repo.run(&APPLY).exits(0).stdout,
        &["replicas 2 → 3", "merged local pull request #", "applied Deployment/frontend: 2 fields"],
    );
}

/// Would miss: a no that keeps the cluster from being brought back, and an adoption that is proposed after it again and again.
#[test]
fn x08_a_persons_close_is_a_no_to_adoption() {
    let (repo, _) = shop();
    repo.run(&ADOPT).exits(0);
    repo.run(&["reject", "1", "--message", "no debug logs"]).exits(0);
    let again = repo.run(&ADOPT).exits(0).stdout;
    says(&again, &["not proposed: a person closed this adopt before"]);
    says(&repo.run(&APPLY).exits(0).stdout, &["applied Deployment/frontend: spec.template"]);
    assert!(!plan(&repo).contains("LOG_LEVEL"));
}

/// Would miss: half an adoption, or a value that a pass brings back although somebody asked to keep it.
#[test]
fn x08_what_git_cannot_say_is_refused_with_the_reason_and_nothing_is_done() {
    let (repo, _) = shop();
    let refused = |asked: &[&str], wanted: &[&str]| {
        let before = repo.everything();
        for command in ["plan", "apply"] {
            let mut all = vec![command, "--env", "staging"];
            all.extend(asked.iter().flat_map(|one| ["--adopt", one]));
            says(&repo.run(&all).exits(1).stderr, wanted);
            assert_eq!(before, repo.everything(), "{all:?}");
        }
    };
    refused(&["fronted"], &["there is no blueprint fronted", "did you mean `frontend`?"]);
    refused(&["frontend:LOG_LEVL"], &["no field that differs is called `LOG_LEVL`; "]);
    refused(&["frontend:valu"], &["did you mean `value`?"]);
    refused(&["backend"], &["nothing of backend is adopted: nothing of it differs from Git"]);
    assert_eq!(repo.run(&["plan", "--adopt", "frontend:"]).code, Some(2));

    // A credential, by its name; with it nothing else of the blueprint.
    repo.replace(MANIFEST, "{name: BACKEND_URL, value: \"http://backend:8080\"}", "{name: API_TOKEN, value: one}");
    repo.replace(DEPLOYMENTS, "\"BACKEND_URL\",\"value\":\"http://backend:8080\"", "\"API_TOKEN\",\"value\":\"two\"");
    repo.commit(&[], "a token");
    refused(&["frontend"], &["API_TOKEN", "it may be a credential"]);
    refused(&["frontend:LOG_LEVEL", "frontend:API_TOKEN"], &["it may be a credential"]);
    // Not one value.
    repo.replace(
        MANIFEST,
        "            - {name: API_TOKEN, value: one}\n",
        "            - {name: API_TOKEN, value: two}\n            - {name: MODE, value: fast}\n",
    );
    repo.commit(&[], "one that is not there");
    refused(
        &["frontend:MODE"],
        &["MODE", "it is more than a single value: change it by hand at deploy/frontend.yaml:"],
    );
    // To zero, whoever asks.
    repo.replace("deploy/backend-canary.yaml", "replicas: 0", "replicas: 2");
    repo.commit(&[], "two of them");
    let text = repo.read(DEPLOYMENTS);
    let mut all: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for item in all["items"].as_array_mut().expect("items") {
        if item["metadata"]["name"] == "backend-canary" {
            item["spec"]["replicas"] = 0.into();
        }
    }
    repo.commit(&[(DEPLOYMENTS, &all.to_string())], "scaled away");
    let planned = repo.run(&["plan", "--env", "staging", "--adopt", "backend-canary:replicas"]).exits(0).stdout;
    says(&planned, &["✗ adopt     replicas 2 → 0", "forbidden"]);
    let zero = repo.run(&["apply", "--env", "staging", "--adopt", "backend-canary:replicas"]).exits(1).stderr;
    says(&zero, &["nothing of backend-canary is adopted: it is forbidden by", "instead: replicas = 1"]);
}

/// Would miss: a key that stays where the cluster has none, or takes its neighbours with it.
#[test]
fn x08_a_key_that_the_cluster_lacks_goes_with_its_line() {
    let (repo, alice) = shop();
    repo.replace(
        MANIFEST,
        "    spec:\n      containers:",
        "    spec:\n      priorityClassName: high   # for the sale\n      containers:",
    );
    repo.commit(&[], "a priority that the cluster does not have");
    let with = repo.read(MANIFEST);
    let adopt = ["apply", "--env", "staging", "--adopt", "frontend:priorityClassName"];
    let first = repo.run(&adopt).exits(0).stdout;
    says(&first, &["opened local pull request #1: adopt 1 field"]);
    // What else differs of the object waits too: an apply writes all of it.
    says(&repo.run(&APPLY).exits(0).stdout, &["held by adoption until #1 is merged or closed"]);
    repo.run(&["approve", "1", "--signing-key", &alice]).exits(0);
    says(
        &repo.run(&APPLY).exits(0).stdout,
        &["merged local pull request #1 as ", "applied Deployment/frontend: spec.template"],
    );
    assert_eq!(repo.read(MANIFEST), with.replace("      priorityClassName: high   # for the sale\n", ""));
}

/// Would miss: a tag that only a person may adopt, though one line says it; a name that is edited in the base, which is another environment's too.
#[test]
fn x08_a_value_of_an_overlay_is_adopted_where_it_is_made() {
    let (repo, alice) = super::rendered::shop();
    repo.replace("blueprints/frontend/blueprint.yaml", "scale_up_threshold: 80%", "scale_up_threshold: 99%");
    let overlay = "overlays/staging/kustomization.yaml";
    let text = repo.read(overlay);
    repo.write(overlay, &format!("{text}images:\n  - {{name: registry.shop.example/frontend, newTag: 1.3.0}}\n"));
    repo.commit(&[], "an older version");
    let asked = ["apply", "--env", "staging", "--adopt", "frontend:image"];
    // The line says the tag alone.
    says(
        &repo.run(&asked).exits(0).stdout,
        &["opened local pull request #2: adopt image frontend:1.3.0 → frontend:1.4.0"],
    );
    repo.run(&["approve", "2", "--signing-key", &alice]).exits(0);
    says(&repo.run(&APPLY).exits(0).stdout, &["merged local pull request #2 as "]);
    says(&repo.read(overlay), &["{name: registry.shop.example/frontend, newTag: 1.4.0}"]);
    // A name that differs comes from the base, which is another environment's too; and two lines are not one edit.
    for file in ["deploy/frontend.yaml", overlay] {
        repo.write(file, &repo.read(file).replace("registry.shop.example/frontend", "registry.other.example/frontend"));
    }
    repo.commit(&[], "another registry");
    says(
        &repo.run(&asked).exits(1).stderr,
        &["and deploy/frontend.yaml:", "makes only a part of it; a person edits it"],
    );
    repo.replace(overlay, "newTag: 1.4.0", "newTag: 1.5.0");
    repo.commit(&[], "and another tag");
    says(&repo.run(&asked).exits(1).stderr, &["makes only a part of it; a person edits it"]);
}

/// Would miss: an edit of the base, which is another environment's too, and one that renders as something else.
#[test]
fn x08_replicas_of_an_overlay_are_adopted_where_they_are_made() {
    let (repo, alice) = super::rendered::shop();
    let overlay = "overlays/staging/kustomization.yaml";
    repo.replace("blueprints/frontend/blueprint.yaml", "scale_up_threshold: 80%", "scale_up_threshold: 99%");
    repo.replace(overlay, "count: 2", "count: 4");
    repo.commit(&[], "four");
    let asked = ["apply", "--env", "staging", "--adopt", "frontend:replicas"];
    says(&repo.run(&asked).exits(0).stdout, &["adopt replicas 4 → 2"]);
    let number = repo.refs("refs/bpctl/pull").len().to_string();
    repo.run(&["approve", &number, "--signing-key", &alice]).exits(0);
    says(&repo.run(&APPLY).exits(0).stdout, &[&format!("merged local pull request #{number} as ")]);
    says(&repo.read(overlay), &["count: 2}   # two zones"]);
}

/// Would miss: a scale that a person pushes onto an adoption, and that is merged and told as the adoption of something else.
#[test]
fn x08_an_adoption_onto_which_somebody_pushed_is_for_a_person_to_merge() {
    let (repo, alice) = shop();
    repo.run(&ADOPT).exits(0);
    repo.git(&["switch", "-q", "bpctl/staging/frontend/adopt"]);
    repo.replace(MANIFEST, "replicas: 2", "replicas: 4");
    repo.commit(&[], "and this");
    repo.git(&["switch", "-q", "main"]);
    repo.run(&["approve", "1", "--signing-key", &alice, "--message", "we need the logs"]).exits(0);
    let merges = repo.merges();
    says(&repo.run(&APPLY).stdout, &["#1 waits: somebody else pushed onto it: that is for a person to merge"]);
    assert_eq!(repo.merges(), merges);
}
