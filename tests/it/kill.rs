//! Z1 and Z2: killed at every effect, and run at the same time as others. The table of where each effect can occur, and the stories on the
//! local forge; those on a server stand in `forge_gitea/killed.rs` and `forge_gitea/comment.rs`.

use std::collections::BTreeMap;

use bpctl::pipeline::Call;
use serde_json::Value as Json;

use crate::support::{Ran, Repo, signed_shop};

const APPLY: [&str; 3] = ["apply", "--env", "staging"];
const DEPLOYMENTS: &str = "clusters/staging/shop/deployments.json";

/// Which forge a story is told on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    Local,
    Gitea,
}

/// What has to happen for a call to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Story {
    /// Proposals are made, judged, approved and merged, and delivered.
    Merged,
    /// Base changed what an open proposal should be.
    Updated,
    /// Nobody approved in time.
    Expired,
    /// A pod failed.
    Restarted,
    /// A person's pull request gets its comment.
    Commented,
    /// Something lasts that people have to look at, and ends.
    Alerted,
}

/// Where a call can occur: in a story in which it is killed, or nowhere, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    In(Story),
    Never(&'static str),
}

/// The kill matrix. Who adds a call is asked by the compiler for its row, and the story of that row kills it.
pub fn row(call: Call, on: On, delivery: &str) -> Row {
    use Call::{AppendLedger, CreateBranch, DeleteBranch, MergePull, OpenPull, SetCheck};
    match (call, on) {
        (CreateBranch | DeleteBranch | OpenPull | SetCheck | MergePull | AppendLedger, _)
        | (Call::AnswerPull, On::Local) => Row::In(Story::Merged),
        (Call::UpdateBranch | Call::UpdatePull, _) => Row::In(Story::Updated),
        (Call::ClosePull, _) => Row::In(Story::Expired),
        (Call::RestartPods, _) => Row::In(Story::Restarted),
        (Call::ApplyObject, _) if delivery == "direct" => Row::In(Story::Merged),
        (Call::ApplyObject, _) => Row::Never("a controller delivers"),
        (Call::AnswerPull, On::Gitea) => Row::Never("who reviews does so on the server's own page"),
        (Call::PostComment | Call::EditComment | Call::RemoveComment, On::Gitea) => Row::In(Story::Commented),
        (Call::PostComment | Call::EditComment | Call::RemoveComment, On::Local) => {
            Row::Never("the local forge keeps no comments")
        }
        (Call::LabelPull, On::Gitea) => Row::Never("it takes labels as it opens a pull request"),
        (Call::LabelPull, On::Local) => Row::Never("the local forge keeps no labels"),
        (Call::DisarmPull, _) => Row::Never("it merges nothing by itself"),
        (Call::SendWebhook, _) | (Call::OpenIssue | Call::UpdateIssue, On::Gitea) => Row::In(Story::Alerted),
        (Call::OpenIssue | Call::UpdateIssue, On::Local) => Row::Never("the local forge keeps no issues"),
    }
}

/// The calls that a story comes to there, in the order of the list.
pub fn calls(story: Story, on: On, delivery: &str) -> Vec<Call> {
    Call::ALL.into_iter().filter(|call| row(*call, on, delivery) == Row::In(story)).collect()
}

/// The shop with Alice's key under this delivery.
fn shop(delivery: &str) -> (Repo, String) {
    let (repo, key) = signed_shop();
    delivered(&repo, delivery);
    repo.commit(&[], "delivered so");
    (repo, key)
}

/// Says in the work tree how changes reach the cluster; the shipped shop says `direct`.
pub fn delivered(repo: &Repo, delivery: &str) {
    repo.replace("bpctl.yaml", "delivery: direct", &format!("delivery: {delivery}"));
}

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
type Commands = Vec<Vec<String>>;

fn words(command: &[&str]) -> Vec<String> {
    command.iter().map(|word| (*word).to_owned()).collect()
}

/// Two passes with an approval between them.
fn the_story(key: &str) -> Commands {
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
fn killed(repo: &Repo, story: &Commands, point: &str) -> Option<usize> {
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
fn every_time(call: Call, moment: &str, delivery: &str, undisturbed: &(Outcome, BTreeMap<String, usize>)) {
    let (expected, expected_events) = undisturbed;
    let mut hits = 0;
    for nth in 1.. {
        let point = format!("{}:{moment}:{nth}", call.name());
        let (repo, key) = shop(delivery);
        let Some(_) = killed(&repo, &the_story(&key), &point) else { break };
        hits += 1;
        sound(&repo, &point);
        assert_eq!(*expected, outcome(&repo), "{point}");
        let got = events(&repo);
        for (event, times) in expected_events {
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
    assert!(hits > 0, "{} is not reached by the story: its row names another", call.name());
}

/// Would miss: an effect that nobody kills anywhere, or whose row says too easily that it never comes.
#[test]
fn z01_every_effect_has_its_row_on_each_forge_under_each_delivery() {
    let source = include_str!("../../src/pipeline/effects.rs");
    let (_, list) = source.split_once("pub enum Call {").expect("the list of calls");
    let (list, _) = list.split_once("\n}").expect("its end");
    let declared = list.lines().filter(|line| line.trim_end().ends_with(',')).count();
    assert_eq!(declared, Call::ALL.len(), "a call is missing in Call::ALL");
    let mut never = Vec::new();
    for call in Call::ALL {
        for on in [On::Local, On::Gitea] {
            for delivery in ["direct", "gitops"] {
                if let Row::Never(why) = row(call, on, delivery) {
                    never.push(format!("{} {on:?} {delivery}: {why}", call.name()));
                }
            }
        }
    }
    assert_eq!(
        never,
        [
            "label-pull Local direct: the local forge keeps no labels",
            "label-pull Local gitops: the local forge keeps no labels",
            "label-pull Gitea direct: it takes labels as it opens a pull request",
            "label-pull Gitea gitops: it takes labels as it opens a pull request",
            "post-comment Local direct: the local forge keeps no comments",
            "post-comment Local gitops: the local forge keeps no comments",
            "edit-comment Local direct: the local forge keeps no comments",
            "edit-comment Local gitops: the local forge keeps no comments",
            "remove-comment Local direct: the local forge keeps no comments",
            "remove-comment Local gitops: the local forge keeps no comments",
            "disarm-pull Local direct: it merges nothing by itself",
            "disarm-pull Local gitops: it merges nothing by itself",
            "disarm-pull Gitea direct: it merges nothing by itself",
            "disarm-pull Gitea gitops: it merges nothing by itself",
            "apply-object Local gitops: a controller delivers",
            "apply-object Gitea gitops: a controller delivers",
            "answer-pull Gitea direct: who reviews does so on the server's own page",
            "answer-pull Gitea gitops: who reviews does so on the server's own page",
            "open-issue Local direct: the local forge keeps no issues",
            "open-issue Local gitops: the local forge keeps no issues",
            "update-issue Local direct: the local forge keeps no issues",
            "update-issue Local gitops: the local forge keeps no issues",
        ]
    );
}

/// Would miss: a row that says never, of a call that is made after all.
#[test]
fn z01_what_never_comes_there_does_not_come() {
    for delivery in ["direct", "gitops"] {
        let never = Call::ALL.into_iter().filter(|call| matches!(row(*call, On::Local, delivery), Row::Never(_)));
        for call in never {
            let (repo, key) = shop(delivery);
            let point = format!("{}:before", call.name());
            assert_eq!(killed(&repo, &the_story(&key), &point), None, "{point}");
            // A comment on what is open: asked for, and refused before anything is written.
            let (repo, _) = shop(delivery);
            repo.run(&APPLY).exits(0);
            repo.git(&["checkout", "-q", "--force", "bpctl/staging/backend/scale"]);
            repo.run(&["plan", "--env", "staging", "--base", "main", "--out", "../plan.json"]).exits(0);
            let comment = ["comment", "1", "--plan", "../plan.json"].map(ToOwned::to_owned);
            let ran = run(&repo, &comment, Some(&point)).exits(1);
            assert!(ran.stderr.contains("which keeps no comments"), "{point}: {}", ran.stderr);
        }
    }
}

/// Would miss: an effect whose half is taken for the whole, or done twice.
#[rstest::rstest]
fn z01_killed_at_every_effect_the_story_ends_the_same(
    #[values("direct", "gitops")] delivery: &str,
    #[values("before", "after")] moment: &str,
) {
    let (repo, key) = shop(delivery);
    for command in the_story(&key) {
        run(&repo, &command, None).exits(0);
    }
    let undisturbed = (outcome(&repo), events(&repo));
    sound(&repo, "undisturbed");
    // On both processors: none of these waits for another.
    std::thread::scope(|scope| {
        for call in calls(Story::Merged, On::Local, delivery) {
            let undisturbed = &undisturbed;
            scope.spawn(move || every_time(call, moment, delivery, undisturbed));
        }
    });
}

/// Would miss: a proposal whose text is another than its change, because whoever moved it was killed between the two.
#[rstest::rstest]
fn z01_killed_while_a_proposal_is_updated(
    #[values("direct", "gitops")] delivery: &str,
    #[values("before", "after")] moment: &str,
) {
    let tell = |point: Option<&str>| {
        let (repo, key) = shop(delivery);
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
    let undisturbed = tell(None);
    for call in calls(Story::Updated, On::Local, delivery) {
        assert_eq!(undisturbed, tell(Some(&format!("{}:{moment}", call.name()))), "{}", call.name());
    }
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
