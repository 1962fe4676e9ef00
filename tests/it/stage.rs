//! B4: each stage alone, JSON in and JSON out.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value as Json, json};

use crate::support::{Ran, Repo};

fn stage(repo: &Repo, arguments: &[&str], input: &str) -> Ran {
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
