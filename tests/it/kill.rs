//! Z1 and Z2 on the local forge: killed at every effect, and run at the same time as others.

use std::collections::BTreeMap;

use bpctl::pipeline::Call;
use serde_json::Value as Json;

use crate::support::{Ran, Repo, signed_shop};

const APPLY: [&str; 3] = ["apply", "--env", "staging"];
const DEPLOYMENTS: &str = "clusters/staging/shop/deployments.json";

/// What a story left behind, without what differs between two undisturbed runs: times, and ids of commits that hold times.
#[derive(Debug, PartialEq)]
struct Outcome {
    tree: String,
    deployments: Json,
    pulls: Vec<String>,
    merges: usize,
    branches: Vec<String>,
    checks: Vec<String>,
    landed: Vec<String>,
}

/// One event of the ledger, by what it is about.
fn event(entry: &Json) -> String {
    let event = &entry["event"];
    let about = ["/pull", "/object", "/summary"].iter().find_map(|path| event.pointer(path));
    format!(
        "{} {} {}",
        event["kind"].as_str().unwrap_or_default(),
        entry["blueprint"].as_str().unwrap_or_default(),
        about.unwrap_or(&Json::Null)
    )
}

fn events(repo: &Repo) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for entry in repo.ledger("staging") {
        *counted.entry(event(&entry)).or_default() += 1;
    }
    counted
}

fn outcome(repo: &Repo) -> Outcome {
    let checks = repo.git(&["log", "--first-parent", "--format=%H", "main"]);
    let stored = |commit: &str| repo.refs(&format!("refs/bpctl/checks/{commit}"));
    Outcome {
        tree: repo.git(&[
            "rev-parse",
            "main:deploy",
            "main:blueprints/backend",
            "main:blueprints/frontend",
            "main:blueprints/policies",
        ]),
        deployments: serde_json::from_str(&repo.read(DEPLOYMENTS)).expect("JSON"),
        pulls: repo.refs("refs/bpctl/pull"),
        merges: repo.merges(),
        branches: repo.refs("refs/heads"),
        checks: checks.lines().map(|commit| format!("{}", stored(commit).len())).collect(),
        landed: repo.git(&["log", "--first-parent", "--format=%s", "main"]).lines().map(ToOwned::to_owned).collect(),
    }
}

/// The commands of a story, in order.
type Story = Vec<Vec<String>>;

fn words(command: &[&str]) -> Vec<String> {
    command.iter().map(|word| (*word).to_owned()).collect()
}

/// Two passes with an approval between them.
fn the_story(key: &str) -> Story {
    vec![words(&APPLY), words(&["approve", "1", "--signing-key", key, "--message", "yes"]), words(&APPLY)]
}

fn run(repo: &Repo, command: &[String], point: Option<&str>) -> Ran {
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    match point {
        Some(point) => repo.bpctl().with("BPCTL_FAIL_POINT", point).run(&command),
        None => repo.run(&command),
    }
}

/// Tells a story, killed once at this point. Answers which command was killed; `None`: none came to it.
fn killed(repo: &Repo, story: &Story, point: &str) -> Option<usize> {
    let mut hit = None;
    for (number, command) in story.iter().enumerate() {
        let ran = run(repo, command, hit.is_none().then_some(point));
        if ran.signal == Some(9) {
            assert_eq!(hit, None);
            hit = Some(number);
            let again = run(repo, command, None);
            // An answer that was recorded is recorded: giving it again is refused or adds the same once more, and is no harm.
            if again.code != Some(0) {
                run(repo, command, None).exits(0);
            }
        } else {
            assert_eq!(ran.code, Some(0), "{point}, {command:?}: {}\n{}", ran.stdout, ran.stderr);
        }
    }
    hit
}

/// What holds after any story.
#[track_caller]
fn sound(repo: &Repo, point: &str) {
    repo.git(&["fsck", "--strict", "--no-dangling"]);
    let dirty = repo.git(&["status", "--porcelain", "--", ":!clusters"]);
    assert_eq!(dirty, "", "{point}: the work tree");
    let mut ids: Vec<String> = repo.ledger("staging").iter().map(|entry| entry["id"].to_string()).collect();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all, "{point}: an event stands in the ledger twice");
    // A further pass finds nothing to do.
    let before = repo.everything();
    run(repo, &words(&APPLY), None).exits(0);
    assert_eq!(before, repo.everything(), "{point}: a further pass did something");
}

/// Kills the story at every occurrence of a point, and compares with the undisturbed one.
fn every_time(call: Call, moment: &str) {
    let (repo, key) = signed_shop();
    for command in the_story(&key) {
        run(&repo, &command, None).exits(0);
    }
    let (expected, expected_events) = (outcome(&repo), events(&repo));
    sound(&repo, "undisturbed");
    let mut hits = 0;
    for nth in 1.. {
        let point = format!("{}:{moment}:{nth}", call.name());
        let (repo, key) = signed_shop();
        let Some(_) = killed(&repo, &the_story(&key), &point) else { break };
        hits += 1;
        sound(&repo, &point);
        assert_eq!(expected, outcome(&repo), "{point}");
        let got = events(&repo);
        for (event, times) in &expected_events {
            let kind = event.split(' ').next().unwrap_or_default();
            let found = got.get(event).copied().unwrap_or(0);
            match kind {
                // Also what a killed run did and could not write down: forge and cluster hold the receipts.
                "merged" | "proposed" | "applied" | "verified" => {
                    assert_eq!(found, *times, "{point}: {event} in {got:#?}");
                }
                // The same action may be decided again on the base that a killed run left.
                "decided" => assert!(found >= 1, "{point}: {event} is lost: {got:#?}"),
                other => panic!("{other}"),
            }
        }
        for event in got.keys().filter(|event| event.starts_with("merged") || event.starts_with("proposed")) {
            assert!(expected_events.contains_key(event), "{point}: {event}");
        }
    }
    assert!(hits > 0, "{} is not reached by the story: it needs a scenario of its own, as below", call.name());
}

/// The closed list: who adds a call adds its kill tests.
#[test]
fn z01_the_list_of_fail_points() {
    let names: Vec<&str> = Call::ALL.iter().map(|call| call.name()).collect();
    assert_eq!(
        names,
        [
            "create-branch",
            "update-branch",
            "delete-branch",
            "open-pull",
            "update-pull",
            "close-pull",
            "post-comment",
            "edit-comment",
            "remove-comment",
            "set-check",
            "merge-pull",
            "apply-object",
            "restart-pods",
            "append-ledger",
            "answer-pull"
        ]
    );
}

/// Would miss: an effect whose half is taken for the whole, or done twice.
#[rstest::rstest]
fn z01_killed_at_every_effect_the_story_ends_the_same(
    #[values(
        Call::CreateBranch,
        Call::DeleteBranch,
        Call::OpenPull,
        Call::SetCheck,
        Call::MergePull,
        Call::ApplyObject,
        Call::AppendLedger,
        Call::AnswerPull
    )]
    call: Call,
    #[values("before", "after")] moment: &str,
) {
    every_time(call, moment);
}

/// `restart-pods` and `close-pull` have their own stories, in `local/restart.rs` and `local/expiry.rs`; `update-branch` and `update-pull` need a proposal whose plan changes before anybody looked at it, which the story has not.
#[rstest::rstest]
fn z01_killed_while_a_proposal_is_updated(
    #[values(Call::UpdateBranch, Call::UpdatePull)] call: Call,
    #[values("before", "after")] moment: &str,
) {
    let tell = |point: Option<&str>| {
        let (repo, key) = signed_shop();
        run(&repo, &words(&APPLY), None).exits(0);
        // The maximum that the proposal raises is another one now: the open proposal is moved.
        repo.replace("blueprints/backend/blueprint.yaml", "max_replicas: 3 ", "max_replicas: 2 ");
        repo.git(&["add", "blueprints"]);
        repo.git(&["commit", "-q", "-m", "fewer connections"]);
        let story = vec![words(&APPLY), words(&["approve", "1", "--signing-key", &key]), words(&APPLY)];
        match point {
            None => story.iter().for_each(|command| {
                run(&repo, command, None).exits(0);
            }),
            Some(point) => assert_eq!(killed(&repo, &story, point), Some(0), "{point} is reached"),
        }
        sound(&repo, point.unwrap_or("undisturbed"));
        let head = repo.git(&["show", "main:deploy/backend.yaml"]);
        assert!(head.contains("replicas: 4"), "{head}");
        outcome(&repo)
    };
    assert_eq!(tell(None), tell(Some(&format!("{}:{moment}", call.name()))));
}

/// What runs at once leave the same, in whatever order they came: contents, not numbers and generations.
fn contents(repo: &Repo) -> (String, Vec<Json>, Vec<String>, usize, Vec<String>) {
    let Outcome { tree, deployments, pulls, merges, mut landed, .. } = outcome(repo);
    landed.sort();
    let specs = deployments["items"].as_array().expect("items").iter().map(|item| item["spec"].clone()).collect();
    (tree, specs, landed, merges, pulls)
}

/// Z2. Would miss: two pull requests for one proposal, a merge done twice, an event written twice, a loser that fails.
#[rstest::rstest]
fn z02_runs_at_once_do_the_work_of_one(#[values(2, 8)] runs: usize) {
    let (alone, key) = signed_shop();
    for command in the_story(&key) {
        run(&alone, &command, None).exits(0);
    }
    let (repo, key) = signed_shop();
    let at_once = || {
        let started: Vec<_> = (0..runs).map(|_| repo.bpctl().command(&APPLY).spawn().expect("bpctl starts")).collect();
        for child in started {
            Ran::of(child.wait_with_output().expect("it ends")).exits(0);
        }
    };
    at_once();
    let is_backend =
        |pull: &&String| repo.git(&["show", &format!("{pull}:pull.json")]).contains("bpctl/staging/backend/scale");
    let pulls = repo.refs("refs/bpctl/pull");
    let backend = pulls.iter().find(is_backend).and_then(|pull| pull.rsplit('/').next()).expect("a proposal");
    run(&repo, &words(&["approve", backend, "--signing-key", &key, "--message", "yes"]), None).exits(0);
    at_once();
    sound(&repo, "at once");
    assert_eq!(contents(&alone), contents(&repo));
    assert_eq!(repo.refs("refs/heads"), ["refs/heads/bpctl-ledger/staging", "refs/heads/main"]);
    let counted = events(&repo);
    for kind in ["proposed", "merged"] {
        let of_kind: Vec<_> = counted.iter().filter(|(event, _)| event.starts_with(kind)).collect();
        assert!(of_kind.len() == 2 && of_kind.iter().all(|(_, times)| **times == 1), "{counted:#?}");
    }
}
