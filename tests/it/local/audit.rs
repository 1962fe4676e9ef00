//! The account (B12, R7, X3, X4): what is in it, what is not, what can be made of it, and that nothing rests on it.

use serde_json::{Value as Json, json};

use super::{APPLY, says};
use crate::support::{Repo, signed_shop};

const DEPLOYMENTS: &str = "clusters/staging/shop/deployments.json";
const LEDGER: &str = "refs/heads/bpctl-ledger/staging";
const CANARY: &str = "s3cr3t-canary";

/// Two passes with an approval between them.
fn story() -> Repo {
    let (repo, key) = signed_shop();
    repo.run(&APPLY).exits(0);
    repo.run(&["approve", "1", "--signing-key", &key, "--message", "yes"]).exits(0);
    repo.run(&APPLY).exits(0);
    repo
}

/// Changes the recorded frontend's first container by hand.
fn edit(repo: &Repo, change: impl Fn(&mut Json)) {
    let mut live: Json = serde_json::from_str(&repo.read(DEPLOYMENTS)).expect("JSON");
    for item in live["items"].as_array_mut().expect("items") {
        if item["metadata"]["name"] == "frontend" {
            change(&mut item["spec"]["template"]["spec"]["containers"][0]);
        }
    }
    repo.write(DEPLOYMENTS, &live.to_string());
}

fn kinds(repo: &Repo, arguments: &[&str]) -> Vec<String> {
    let all = [&["audit", "-o", "json"], arguments].concat();
    let told = repo.run(&all).exits(0).json();
    let kinds = told["entries"].as_array().expect("entries").iter().map(|entry| &entry["event"]["kind"]);
    kinds.map(|kind| kind.as_str().expect("a kind").to_owned()).collect()
}

/// Would miss: a decision whose recorded facts do not lead to it again; a comparison that compares nothing.
#[test]
fn x03_every_decision_of_the_story_is_derived_again_bit_for_bit() {
    let repo = story();
    let told = repo.run(&["audit", "replay", "-o", "json"]).exits(0).json();
    assert_eq!(
        (&told["same"], &told["different"], &told["notCompared"]),
        (&json!(6), &json!(0), &json!(0)),
        "{told:#}"
    );
    // Offline: the recording, the work tree and today's rules have no say.
    std::fs::remove_dir_all(repo.path().join("clusters")).expect("removed");
    repo.replace("blueprints/frontend/blueprint.yaml", "max_replicas: 5", "max_replicas: 2");
    repo.commit(&[], "other rules");
    says(&repo.run(&["audit", "replay"]).exits(0).stdout, &["6 of 6 decisions derived again, bit for bit; 0 differ"]);
    // A decision that was written otherwise is told, and so is one of another logic.
    let entries = repo.ledger("staging");
    let file = repo.git(&["ls-tree", "-r", "--name-only", LEDGER]);
    let text = repo.git(&["show", &format!("{LEDGER}:{}", file.trim())]);
    let forged = text.replacen("\"tier\":\"forbidden\"", "\"tier\":\"allowed\"", 1);
    let forged = forged.replacen("\"logic\":", "\"logic\":9", 1);
    assert_eq!(entries.len(), forged.lines().count());
    rewrite(&repo, file.trim(), &forged);
    let told = repo.run(&["audit", "replay"]).exits(6).stdout;
    says(
        &told,
        &[
            "reconcile Deployment/backend-canary",
            ": allowed comes out as",
            "was made by decision logic 9",
            "1 differ, 1 not compared",
        ],
    );
}

/// Puts another content under the ledger's branch, as a commit of bpctl's name on top of it.
fn rewrite(repo: &Repo, file: &str, text: &str) {
    let folder = repo.folder.path().join("ledger");
    let folder = folder.to_str().expect("UTF-8");
    repo.git(&["worktree", "add", "-q", "-f", folder, "bpctl-ledger/staging"]);
    std::fs::write(repo.folder.path().join("ledger").join(file), text).expect("written");
    repo.git(&["-C", folder, "commit", "-q", "-a", "--author=bpctl <bpctl@localhost>", "-m", "ledger"]);
    repo.git(&["worktree", "remove", "--force", folder]);
}

/// Would miss: a value of the live cluster in the ledger, in the action, in the facts, or in the last-applied annotation.
#[test]
fn t38_what_people_write_into_the_cluster_is_not_in_the_ledger() {
    let (repo, _) = signed_shop();
    edit(&repo, |container| {
        container["env"] = json!([{"name": "LOG_LEVEL", "value": CANARY}, {"name": "TOKEN", "value": CANARY}]);
        container["args"] = json!([format!("--password={CANARY}")]);
    });
    let text = repo.read(DEPLOYMENTS);
    assert!(text.contains(CANARY));
    repo.run(&APPLY).exits(0);
    let whole = repo.git(&["log", "-p", "--format=%B", LEDGER]);
    assert!(!whole.contains(CANARY), "{whole}");
    says(&repo.run(&["audit"]).exits(0).stdout, &["env[name=LOG_LEVEL].value \"(withheld)\" → \"info\""]);
    repo.run(&["audit", "replay"]).exits(0);
}

/// Would miss: a filter that lets everything pass, or nothing.
#[test]
fn f07_the_audit_is_asked_by_time_service_action_verdict_actor_and_correlation() {
    let repo = story();
    let all = kinds(&repo, &[]);
    assert_eq!(all.len(), repo.ledger("staging").len());
    assert_eq!(kinds(&repo, &["--service", "backend-canary"]), ["decided"; 2]);
    assert_eq!(kinds(&repo, &["--verdict", "forbidden"]), ["decided"; 2]);
    assert_eq!(kinds(&repo, &["--actor", "alice@shop.example"]), ["merged"]);
    let scaled = kinds(&repo, &["--action", "scale", "--blueprint", "backend"]);
    assert_eq!(scaled, ["decided", "proposed", "merged", "verified"]);
    let backend = repo.run(&["audit", "-o", "json", "--actor", "alice@shop.example"]).exits(0).json();
    let correlation = backend["entries"][0]["correlation"].as_str().expect("an id").to_owned();
    assert_eq!(kinds(&repo, &["--correlation", &correlation[..12]]), scaled);
    assert!(kinds(&repo, &["--until", "2026-01-01"]).is_empty());
    assert!(kinds(&repo, &["--since", "2199-01-01"]).is_empty());
    assert_eq!(kinds(&repo, &["--since", "1h"]), all);
    repo.run(&["audit", "--since", "tomorrow"]).exits(2);
    // In the order of what happened: what was decided stands before what came of it.
    let text = repo.run(&["audit"]).exits(0).stdout;
    let line = |wanted: &str| {
        text.lines().position(|line| line.contains(wanted)).unwrap_or_else(|| panic!("{wanted}: {text}"))
    };
    assert!(line("proposed   #1") < line("merged     #1"));
    assert!(line("merged     #1") < line("applied    Deployment/backend"));
    let csv = repo.run(&["audit", "-o", "csv"]).exits(0).stdout;
    assert_eq!(csv.lines().count(), all.len() + 1);
    assert!(csv.starts_with("at,environment,blueprint,event,verdict,actors,correlation,id,text\r\n"), "{csv}");
    let id = repo.ledger("staging")[0]["id"].as_str().expect("an id").to_owned();
    says(
        &repo.run(&["audit", "show", &id[..12]]).exits(0).stdout,
        &["decided of backend in staging", "facts  observed", &id],
    );
    repo.run(&["audit", "show", "nothing"]).exits(1);
}

/// Would miss: the end of an operation that is not found beside its beginning, because a person pushed onto the proposal and merged it.
#[test]
fn r07_what_a_person_added_to_a_proposal_is_of_the_same_operation() {
    let (repo, _) = signed_shop();
    repo.run(&APPLY).exits(0);
    let proposed = of_pull(&repo, "proposed");
    let branch = repo.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/bpctl/staging/backend"]);
    repo.git(&["switch", "-q", branch.trim()]);
    repo.commit(&[("NOTES.md", "why\n")], "a word");
    repo.git(&["switch", "-q", "main"]);
    repo.git(&["merge", "-q", "--no-ff", "-m", "by hand", branch.trim()]);
    repo.run(&APPLY);
    assert_eq!(of_pull(&repo, "merged"), proposed);
    // Whoever reads the account learns that no rule permitted it.
    says(&repo.run(&["audit"]).exits(0).stdout, &[" by Test, not by bpctl, without an approval that counts"]);
    assert_eq!(kinds(&repo, &["--actor", "Test"]), ["merged"]);
    repo.run(&["audit", "verify"]).exits(0);
}

/// Would miss: a ledger that was rewritten, shortened, forged or deleted and that nobody notices; a verdict that rests on it.
#[test]
fn t30_what_was_done_to_the_ledger_is_reported_and_changes_no_verdict() {
    let repo = story();
    let check = |code: i32| repo.run(&["audit", "verify"]).exits(code).stdout;
    let clean = check(0);
    says(&clean, &["it only grew, and the forge has its pull requests, and who answered them, as it has them"]);
    let tip = repo.git(&["rev-parse", LEDGER]).trim().to_owned();
    let file = repo.git(&["ls-tree", "-r", "--name-only", LEDGER]).trim().to_owned();
    let text = repo.git(&["show", &format!("{LEDGER}:{file}")]);
    let plan = repo.run(&["plan"]).exits(0).stdout;
    let reset = || repo.git(&["update-ref", LEDGER, &tip]);

    rewrite(&repo, &file, &text.replacen("\"pull\":1", "\"pull\":7", 1));
    says(&check(6), &["rewritten", "no-proposal"]);
    let alerted = repo.run(&["apply", "--dry-run"]).exits(0).stdout;
    says(&alerted, &["\nalert: the ledger was changed by somebody else: 1 of its lines cannot be read, or "]);
    reset();
    let (shorter, _) = text.trim_end().rsplit_once('\n').expect("lines");
    rewrite(&repo, &file, &format!("{shorter}\n"));
    says(&check(6), &["shortened"]);
    reset();
    // One that was written anew from its first commit on, in bpctl's name, with another approver: the forge knows who it was.
    rewrite(&repo, &file, &text.replace("alice@shop.example", "eve@shop.example"));
    let tree = repo.git(&["rev-parse", &format!("{LEDGER}^{{tree}}")]);
    let author = ["-c", "user.name=bpctl", "-c", "user.email=bpctl@localhost"];
    let forged = repo.git(&[&author[..], &["commit-tree", "-m", "ledger", tree.trim()]].concat());
    repo.git(&["update-ref", LEDGER, forged.trim()]);
    let told = check(6);
    says(
        &told,
        &["contradiction: entry ", "says that eve@shop.example answered #1 so, and the forge has no such review"],
    );
    reset();
    // A whole history that was written anew lacks what the forge has, and what somebody saw before.
    let orphan =
        repo.git(&["commit-tree", "-m", "ledger", repo.git(&["rev-parse", &format!("{LEDGER}^{{tree}}")]).trim()]);
    repo.git(&["update-ref", LEDGER, orphan.trim()]);
    says(&check(6), &["written-by-another"]);
    says(&repo.run(&["audit", "verify", "--known", &tip]).exits(6).stdout, &["the branch does not hold"]);
    repo.git(&["update-ref", "-d", LEDGER]);
    says(&check(6), &["bpctl made proposals: its branch was deleted"]);
    assert_eq!(repo.run(&["plan"]).exits(0).stdout, plan);
    // The next pass writes down what the forge still shows, and does nothing again.
    let merges = repo.merges();
    repo.run(&APPLY).exits(0);
    assert_eq!(repo.merges(), merges);
    let merged = repo
        .ledger("staging")
        .into_iter()
        .find(|entry| entry["event"]["kind"] == "merged" && entry["event"]["pull"] == 1);
    let merged = merged.expect("the merge is written down again");
    assert_eq!(merged["event"]["reviews"][0]["reviewer"]["login"], "alice@shop.example", "{merged:#}");
    assert_eq!(merged["event"]["reviews"][0]["refused"], Json::Null, "{merged:#}");
}

/// Would miss: a few bytes on an unprotected branch by which nothing is merged or delivered any more: a ledger of more than is read at once, a day's
/// file that is a link or too large, days of the future; and one that is neither told nor written to.
#[test]
fn t30_a_ledger_that_is_too_large_or_damaged_stops_no_pass() {
    let repo = signed_shop().0;
    let file = |name: &str, text: &str| {
        let path = repo.folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        repo.git(&["hash-object", "-w", path.to_str().expect("a path")]).trim().to_owned()
    };
    let (long, larger, link) =
        (file("long", &"x".repeat(4_000_000)), file("larger", &"x".repeat(5_000_000)), file("to", "x"));
    let today = bpctl::runtime::now().to_string().get(..10).expect("a day").replace('-', "/");
    let add = |mode: &str, blob: &str, path: &str| {
        repo.git(&["update-index", "--add", "--cacheinfo", &format!("{mode},{blob},{path}")]);
    };
    repo.git(&["read-tree", "--empty"]);
    add("120000", &link, &format!("{today}.jsonl"));
    add("100644", &larger, &format!("{today}-2.jsonl"));
    for part in 4..24 {
        add("100644", &long, &format!("{today}-{part}.jsonl"));
    }
    add("100644", &long, "2100/01/01.jsonl");
    let tree = repo.git(&["write-tree"]);
    repo.git(&["read-tree", "HEAD"]);
    let commit = repo.git(&["commit-tree", "-m", "ledger", tree.trim()]);
    repo.git(&["update-ref", LEDGER, commit.trim()]);
    let told = repo.run(&APPLY).exits(0).stdout;
    says(&told, &["\nalert: the ledger was changed by somebody else: ", " of its lines cannot be read, or "]);
    assert_eq!(repo.merges(), 1, "{told}");
    let written = repo.git(&["show", &format!("{LEDGER}:{today}-3.jsonl")]);
    says(&written, &["\"kind\":\"decided\"", "\"kind\":\"merged\""]);
    // What stood there stands there still, and nothing is done or written twice.
    assert_eq!(repo.git(&["rev-parse", &format!("{LEDGER}:{today}-2.jsonl")]).trim(), larger);
    repo.run(&APPLY).exits(0);
    assert_eq!(repo.merges(), 1);
    let again = repo.git(&["show", &format!("{LEDGER}:{today}-3.jsonl")]);
    let ids = |text: &str| {
        let id = |line: &str| serde_json::from_str::<Json>(line).expect("JSON")["id"].to_string();
        text.lines().map(id).collect::<Vec<_>>()
    };
    let all = ids(&again);
    let once: std::collections::BTreeSet<&String> = all.iter().collect();
    assert_eq!((once.len(), &all[..ids(&written).len()]), (all.len(), ids(&written).as_slice()));
}

/// Would miss: a rejection whose author and reason are lost.
#[test]
fn b10_a_rejection_is_written_down_with_who_and_why() {
    let (repo, key) = signed_shop();
    repo.run(&APPLY).exits(0);
    repo.run(&["reject", "1", "--signing-key", &key, "--message", "not before the sale"]).exits(0);
    repo.run(&APPLY).exits(0);
    says(
        &repo.run(&["audit", "--actor", "alice@shop.example"]).exits(0).stdout,
        &["#1 was closed by alice@shop.example: not before the sale"],
    );
    assert_eq!(of_pull(&repo, "declined"), of_pull(&repo, "proposed"));
}

/// What the entries about #1 of a kind have in common with others of the operation.
fn of_pull(repo: &Repo, kind: &str) -> Json {
    let mut entries = repo.ledger("staging").into_iter();
    let found = entries.find(|entry| entry["event"]["kind"] == kind && entry["event"]["pull"] == 1);
    found.unwrap_or_else(|| panic!("no {kind} of #1"))["correlation"].clone()
}

/// Would miss: an operation whose end is told as another's, because a person pushed onto its branch.
#[test]
fn r07_what_was_pushed_onto_and_declined_is_of_the_same_operation() {
    let (repo, key) = signed_shop();
    repo.run(&APPLY).exits(0);
    repo.git(&["switch", "-q", "bpctl/staging/backend/scale"]);
    repo.commit(&[("NOTES.md", "why\n")], "a word");
    repo.git(&["switch", "-q", "main"]);
    repo.run(&["reject", "1", "--signing-key", &key, "--message", "no"]).exits(0);
    repo.run(&APPLY);
    assert_eq!(of_pull(&repo, "declined"), of_pull(&repo, "proposed"));
}

/// Would miss: a policy whose effect on the past is not told, or told of what it would leave alone.
#[test]
fn x04_a_policy_is_tried_on_recorded_decisions() {
    let repo = story();
    let policy = |lines: &str| {
        let text = format!(
            "apiVersion: bpctl.dev/v1\nkind: Policy\nmetadata: {{name: careful, version: 1.0.0, owner: platform}}\n{lines}\n"
        );
        std::fs::write(repo.folder.path().join("careful.yaml"), text).expect("written");
        let file = repo.folder.path().join("careful.yaml");
        let file = file.to_str().expect("UTF-8");
        repo.run(&["audit", "backtest", "--policy", file, "-o", "json"]).exits(0).json()
    };
    let before = repo.everything();
    let told = policy("operations: {scale: requires_approval}");
    let flips = told["flips"].as_array().expect("flips");
    assert_eq!((told["judged"].as_u64(), flips.len()), (Some(6), 1), "{told:#}");
    let flip = &flips[0];
    assert_eq!(
        (&flip["blueprint"], &flip["was"], &flip["wouldBe"]),
        (&json!("frontend"), &json!("allowed"), &json!("needs approval"))
    );
    assert!(policy("operations: {delete: forbidden}")["flips"].as_array().expect("flips").is_empty());
    let frozen = policy("freezes:\n  - {name: all, from: 2020-01-01T00:00:00Z, to: 2199-01-01T00:00:00Z}");
    assert!(
        frozen["flips"].as_array().expect("flips").iter().any(|flip| flip["wouldBe"] == "allowed, held"),
        "{frozen:#}"
    );
    assert_eq!(before, repo.everything(), "it only reads");
}
