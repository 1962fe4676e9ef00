//! Labels of proposals: put on once, by whichever run comes to it, and never against a person (Z1).

use super::fake::Answer;
use super::{Shop, Value, json, told};
use crate::support::Repo;

/// Asks for labels in the workspace.
pub fn labelled(repo: &Repo) {
    let workspace = repo.read("bpctl.yaml");
    repo.write(
        "bpctl.yaml",
        &format!("{workspace}proposals: {{labels: [bpctl, \"{{environment}}\", \"{{action}}\"]}}\n"),
    );
}

fn pulls(shop: &Shop) -> Vec<Value> {
    shop.fake.with(|world| world.pulls.clone())
}

fn names(pull: &Value) -> Vec<&str> {
    let labels = pull["labels"].as_array().expect("labels");
    labels.iter().map(|label| label["name"].as_str().expect("a name")).collect()
}

fn requests(shop: &Shop, end: &str) -> usize {
    shop.fake.with(|world| world.log.iter().filter(|(line, _)| line.starts_with("POST") && line.ends_with(end)).count())
}

#[track_caller]
fn all_are_labelled(shop: &Shop) {
    let pulls = pulls(shop);
    assert_eq!(pulls.len(), 2);
    for pull in &pulls {
        assert_eq!(names(pull), ["bpctl", "staging", "scale"], "{pull}");
        assert!(!pull["body"].as_str().expect("text").contains("bpctl:labels"), "{pull}");
    }
}

/// Would miss: a label that is put on again after a person took it off, a request for labels in a pass that opens nothing, and a note that stays in
/// what people read.
#[test]
fn z01_labels_are_put_on_once_and_what_a_person_takes_off_stays_off() {
    let shop = Shop::changed(labelled);
    shop.apply("token-app");
    all_are_labelled(&shop);
    assert_eq!(requests(&shop, "/labels"), 2);
    let number = shop.pull_of("backend")["number"].as_u64().expect("a number");
    shop.fake.with(|world| {
        world.pull(number)["labels"] = json!([{ "name": "mine" }]);
        world.log.clear();
    });
    shop.apply("token-app");
    shop.apply("token-app");
    assert_eq!((names(&shop.pull_of("backend")), requests(&shop, "/labels")), (vec!["mine"], 0));
    // None are asked for: nothing is said of them.
    let plain = Shop::new();
    plain.apply("token-app");
    assert!(
        pulls(&plain).iter().all(|pull| names(pull).is_empty() && !pull["body"].to_string().contains("labels -->"))
    );
    assert_eq!(requests(&plain, "/labels"), 0);
}

/// Would miss: a proposal that a killed run opened and nobody labels, labels that are lost with the text that is written anew, an answer that was
/// lost, and a person's no to labels that a run put on and could not write down.
#[test]
fn z01_a_run_that_was_killed_before_its_labels_is_finished_by_the_next() {
    for point in ["open-pull:after:2", "label-pull:before:1", "label-pull:after:1"] {
        let shop = Shop::changed(labelled);
        let ran = shop.bpctl("token-app").with("BPCTL_FAIL_POINT", point).run(&["apply", "--env", "staging"]);
        assert_eq!(ran.signal, Some(9), "{point}: {}", ran.stderr);
        shop.apply("token-app");
        all_are_labelled(&shop);
    }
    // The server does it, and its answer is lost; it does it, and then it is gone.
    for (verb, end) in [("POST", "/labels"), ("PATCH", "/pulls/1")] {
        let shop = Shop::changed(labelled);
        let mut lost = false;
        shop.fake.with(|world| {
            world.fault = Some(Box::new(move |line| {
                let now = line.starts_with(verb) && line.ends_with(end) && !std::mem::replace(&mut lost, true);
                now.then(|| Answer::json(502, &json!({})))
            }));
        });
        shop.bpctl("token-app").run(&["apply", "--env", "staging"]);
        shop.apply("token-app");
        all_are_labelled(&shop);
    }
}

/// Would miss: a refusal that keeps proposals from being made or merged, that nobody is told of, or that is tried in every pass.
#[test]
fn z01_labels_that_are_refused_are_told_and_keep_nothing_back() {
    // With the environment's name it is longer than GitHub takes.
    let shop = Shop::changed(|repo| {
        labelled(repo);
        repo.replace("bpctl.yaml", "{action}", &format!("{}{{environment}}", "long ".repeat(9)));
    });
    let report = shop.apply("token-app");
    assert!(told(&report).contains("gets no labels: Validation Failed"), "{report}");
    assert!(shop.pull_of("frontend")["merged_at"].is_string(), "{report}");
    shop.fake.with(|world| world.log.clear());
    let again = shop.apply("token-app");
    assert!(!told(&again).contains("labels") && requests(&shop, "/labels") == 0, "{again}");
}
