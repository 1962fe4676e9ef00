//! T1, T2: a pull request is judged by the rules of base, whatever it brings along.

use super::{APPLY, says};
use crate::support::{Repo, key, signed_shop};

const BRANCH: &str = "bpctl/staging/backend/scale";

/// What an attacker edits beside the manifest: file, text, replacement. Empty text: the whole file; `None`: it is removed.
fn edits(mallory: &str) -> Vec<(&'static str, &'static str, Option<String>)> {
    let to = |text: &str| Some(text.to_owned());
    let backend = "blueprints/backend/blueprint.yaml";
    vec![
        (backend, "max_replicas: 4 ", to("max_replicas: 99 ")),
        (backend, "min_replicas: 2", to("min_replicas: 0")),
        (backend, "scale_up_threshold: 80%", to("scale_up_threshold: 31%")),
        (backend, "scale_down_threshold: 30%", to("scale_down_threshold: 1%")),
        (backend, "cpu: {minimum: 100m, maximum: \"2\"}", to("cpu: {minimum: 1m, maximum: \"99\"}")),
        (backend, "memory: {minimum: 128Mi, maximum: 1Gi}", to("memory: {minimum: 1Mi, maximum: 99Gi}")),
        (
            backend,
            "allowed_operations: [scale, reconcile]",
            to("allowed_operations: [scale, reconcile, scale_beyond_limits, change_governance]"),
        ),
        (backend, "requires_approval: [scale_beyond_limits]", to("requires_approval: []")),
        (backend, "forbidden_operations: [delete, scale_to_zero]", to("forbidden_operations: []")),
        (backend, "approvers: [alice@shop.example]", to("approvers: [mallory@shop.example]")),
        (backend, "approvers: [alice@shop.example]", to("approvers: []")),
        (backend, "timeout: 1h", to("timeout: 999h")),
        (backend, "source: deploy/backend.yaml", to("source: deploy/frontend.yaml")),
        (backend, "workload: Deployment/backend", to("workload: Deployment/frontend")),
        (backend, "name: backend,", to("name: other,")),
        (backend, "", None),
        ("blueprints/frontend/blueprint.yaml", "cooldown: 60s", to("cooldown: 0s")),
        ("blueprints/frontend/blueprint.yaml", "", None),
        ("blueprints/policies/base.yaml", "", None),
        (
            "blueprints/policies/base.yaml",
            "operations: {delete: forbidden, scale_to_zero: forbidden}",
            to("operations: {}"),
        ),
        ("blueprints/policies/base.yaml", "cooldown: 60s", to("cooldown: 0s")),
        ("blueprints/policies/base.yaml", "approval_timeout: 1h", to("approval_timeout: 999h")),
        ("blueprints/allowed_signers", "", to(mallory)),
        ("blueprints/allowed_signers", "", None),
        ("bpctl.yaml", "base: main", to("base: bpctl/staging/backend/scale")),
        ("bpctl.yaml", "tier: staging", to("tier: dev")),
        ("bpctl.yaml", "allowed_signers: blueprints/allowed_signers", to("allowed_signers: deploy/signers")),
        ("bpctl.yaml", "snapshot: clusters/staging", to("snapshot: clusters/other")),
        ("bpctl.yaml", "delivery: direct", to("delivery: gitops")),
        ("bpctl.yaml", "forge: local", to("forge: auto")),
        ("bpctl.yaml", "", None),
    ]
}

/// A second work tree of the branch, as an attacker has it.
struct Elsewhere<'r> {
    repo: &'r Repo,
    folder: String,
}

impl<'r> Elsewhere<'r> {
    fn of(repo: &'r Repo, arguments: &[&str]) -> Self {
        let folder = repo.folder.path().join("elsewhere").to_str().expect("UTF-8").to_owned();
        let add: Vec<&str> =
            ["worktree", "add", "-q"].into_iter().chain(arguments.iter().copied().take(arguments.len() - 1)).collect();
        let (branch, folder) = (arguments[arguments.len() - 1], folder);
        let add: Vec<&str> = if add.contains(&"-b") {
            [add, vec![branch, &folder]].concat()
        } else {
            [add, vec![&folder, branch]].concat()
        };
        repo.git(&add);
        Self { repo, folder }
    }

    fn git(&self, arguments: &[&str]) -> String {
        let all: Vec<&str> = ["-C", self.folder.as_str()].iter().chain(arguments).copied().collect();
        self.repo.git(&all)
    }

    #[track_caller]
    fn edit(&self, path: &str, from: &str, to: Option<&str>) {
        let file = std::path::Path::new(&self.folder).join(path);
        let Some(to) = to else { return std::fs::remove_file(file).expect("removed") };
        let text = std::fs::read_to_string(&file).expect("a file");
        let edited = if from.is_empty() { to.to_owned() } else { text.replace(from, to) };
        assert_ne!(edited, text, "{path}: {from}");
        std::fs::write(file, edited).expect("written");
    }

    fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "as agreed"]);
    }
}

/// T1 on an open proposal: commits are pushed onto it. Would miss: rules, signers, approvers, environment or base read from the head.
#[test]
fn t01_a_proposal_that_loosens_its_rules_is_judged_by_those_of_base() {
    let (repo, alice) = signed_shop();
    let (mallory_line, mallory) = key(&repo, "mallory@shop.example", "mallory");
    repo.run(&APPLY).exits(0);
    // Alice agreed to what bpctl proposed, not to what comes now.
    repo.run(&["approve", "1", "--signing-key", &alice]).exits(0);
    let main = repo.git(&["rev-parse", "main"]);
    let elsewhere = Elsewhere::of(&repo, &[BRANCH]);
    let agreed = elsewhere.git(&["rev-parse", "HEAD"]).trim().to_owned();
    for (path, from, to) in edits(&mallory_line) {
        let what = format!("{path}: {from:?} → {to:?}");
        elsewhere.edit(path, from, to.as_deref());
        elsewhere.edit("deploy/backend.yaml", "replicas: 4", Some("replicas: 40"));
        elsewhere.commit();
        // The signers are base's, so that a key which only the proposal allows signs nothing.
        repo.run(&["approve", "1", "--signing-key", &mallory]).exits(1);
        repo.run(&["approve", "1", "--as", "mallory@shop.example"]).exits(0);
        let judged = repo.run(&["judge", "1", "-o", "json"]).exits(6).json();
        assert_ne!(judged["tier"], "allowed", "{what}");
        assert_ne!(judged["conclusion"], "success", "{what}");
        assert_eq!(judged["judgedBy"], main.trim(), "{what}");
        let blocked: Vec<&str> =
            judged["blockers"].as_array().expect("blockers").iter().filter_map(|b| b["code"].as_str()).collect();
        assert!(blocked.contains(&"needs-approval") || blocked.contains(&"forbidden"), "{what}: {blocked:?}");
        repo.run(&APPLY).exits(0);
        assert_eq!(repo.git(&["rev-parse", "main"]), main, "{what}: it was merged");
        elsewhere.git(&["reset", "-q", "--hard", &agreed]);
    }
    // And the proposal itself, as it was agreed to, is merged: the approval was for these very changes.
    elsewhere.git(&["checkout", "-q", "--detach"]);
    says(&repo.run(&APPLY).exits(0).stdout, &["merged local pull request #1"]);
}

/// T1 on a branch that was there first, under bpctl's own name for it. Would miss: adopting a branch without judging what it holds.
#[test]
fn t01_a_branch_that_was_pushed_under_bpctls_name_is_not_merged() {
    for (path, from, to) in [
        ("blueprints/frontend/blueprint.yaml", "max_replicas: 5", Some("max_replicas: 50")),
        ("blueprints/policies/base.yaml", "", None),
        ("bpctl.yaml", "tier: staging", Some("tier: dev")),
        ("clusters/staging/usage.json", "", Some("{}")),
    ] {
        let (repo, _) = signed_shop();
        let elsewhere = Elsewhere::of(&repo, &["-b", "bpctl/staging/frontend/scale"]);
        elsewhere.edit(path, from, to);
        elsewhere.edit("deploy/frontend.yaml", "replicas: 2", Some("replicas: 50"));
        elsewhere.commit();
        elsewhere.git(&["checkout", "-q", "--detach"]);
        let before = repo.git(&["show", &format!("main:{path}")]);
        for _ in 0..2 {
            repo.run(&APPLY).exits(0);
        }
        assert_eq!(repo.git(&["show", &format!("main:{path}")]), before);
        assert!(!repo.git(&["show", "main:deploy/frontend.yaml"]).contains("replicas: 50"), "{path}");
    }
}

/// T1: a work tree that names another base is not asked which rules hold for a pull request to main. Would miss: a green check by
/// the rules of a branch of the attacker's choice (the guard is the blocker `other-base`, which is not fine).
#[test]
fn t01_a_work_tree_that_names_another_base_gives_no_green_check() {
    let (repo, _) = signed_shop();
    repo.run(&APPLY).exits(0);
    repo.git(&["checkout", "-q", "-b", "evil"]);
    repo.replace("bpctl.yaml", "base: main", "base: evil");
    repo.replace("blueprints/backend/blueprint.yaml", "max_replicas: 3 ", "max_replicas: 4 ");
    repo.git(&["commit", "-q", "-m", "mine", "bpctl.yaml", "blueprints"]);
    let judged = repo.run(&["judge", "1", "--post", "-o", "json"]).exits(6).json();
    assert_ne!(judged["conclusion"], "success");
    let main = repo.git(&["rev-parse", "main"]);
    repo.run(&APPLY);
    assert_eq!(repo.git(&["rev-parse", "main"]), main);
}

/// T2: rules and a manifest in one pull request are for people to merge, with whatever approval. Would miss: bpctl as the hand that
/// changes its own rules.
#[test]
fn t02_rules_and_a_manifest_together_are_never_merged() {
    let (repo, alice) = signed_shop();
    repo.run(&APPLY).exits(0);
    let main = repo.git(&["rev-parse", "main"]);
    let elsewhere = Elsewhere::of(&repo, &[BRANCH]);
    elsewhere.edit("blueprints/policies/base.yaml", "approval_timeout: 1h", Some("approval_timeout: 2h"));
    elsewhere.commit();
    repo.run(&["approve", "1", "--signing-key", &alice]).exits(0);
    repo.run(&APPLY).exits(0);
    assert_eq!(repo.git(&["rev-parse", "main"]), main, "{}", repo.run(&["judge", "1"]).stdout);
    // Not for the pause after the frontend's scaling, but for good.
    says(&repo.run(&["judge", "1"]).stdout, &["it changes rules: that is for a person to merge"]);
}

/// Z14: the local clock is this machine's. Would miss: a merge in production that rests on it.
#[test]
fn z14_a_local_clock_permits_nothing_in_production() {
    let (repo, alice) = signed_shop();
    repo.replace("bpctl.yaml", "tier: staging", "tier: prod");
    repo.commit(&[], "production");
    repo.run(&APPLY).exits(0);
    repo.run(&["approve", "1", "--signing-key", &alice]).exits(0);
    repo.run(&APPLY).exits(0);
    assert_eq!(repo.merges(), 0);
    for number in ["1", "2"] {
        let judged = repo.run(&["judge", number, "-o", "json"]).json();
        let codes: Vec<&str> =
            judged["blockers"].as_array().expect("blockers").iter().filter_map(|b| b["code"].as_str()).collect();
        assert_eq!(codes, ["local-clock"], "{number}");
    }
}

/// X5, T1. Would miss: whose signature counts, changed in a file that stands beside all other rules, and told as a file like any other.
#[test]
fn x05_a_change_of_allowed_signers_is_told_as_one_of_rules() {
    let (repo, _) = signed_shop();
    let (line, _) = key(&repo, "mallory@shop.example", "mallory");
    let signers = "people/signers";
    repo.write(signers, &repo.read("blueprints/allowed_signers"));
    repo.replace("bpctl.yaml", "allowed_signers: blueprints/allowed_signers", "allowed_signers: people/signers");
    repo.commit(&[], "people stand elsewhere");
    repo.run(&APPLY).exits(0);
    repo.git(&["checkout", "-q", "--", "clusters"]);
    let elsewhere = Elsewhere::of(&repo, &[BRANCH]);
    elsewhere.edit(signers, "", Some(&line));
    elsewhere.commit();
    elsewhere.git(&["checkout", "-q", "--detach"]);
    let judged = repo.run(&["judge", "1", "-o", "json"]).exits(6).json();
    let about = judged["verdicts"].as_array().expect("verdicts").iter().find(|one| one.to_string().contains(signers));
    let about = about.unwrap_or_else(|| panic!("{judged:#}"));
    assert!(about.to_string().contains("change_governance"), "{about:#}");

    repo.git(&["switch", "-q", "-c", "feature"]);
    repo.write(signers, &format!("{}{line}", repo.read(signers)));
    repo.commit(&[], "one more person");
    let plan = repo.run(&["plan", "--env", "staging", "--base", "main", "-o", "json"]).exits(0).json();
    assert!(plan["proposedRules"]["files"].as_array().is_some_and(|all| all == &[signers]), "{plan:#}");
}

/// Would miss: a typing error in the rules that one approval merges, and after which nothing is judged any more, nor the pull request that
/// mends it.
#[test]
fn b10_rules_that_cannot_be_read_are_not_merged() {
    let (repo, alice) = signed_shop();
    repo.run(&super::APPLY).exits(0);
    repo.git(&["checkout", "-q", "-f", "bpctl/staging/backend/scale"]);
    let broken = repo.read("blueprints/frontend/blueprint.yaml").replace("max_replicas:", "max_replica:");
    repo.commit(&[("blueprints/frontend/blueprint.yaml", &broken)], "a typing error");
    repo.git(&["switch", "-q", "main"]);
    repo.run(&["approve", "1", "--signing-key", &alice, "--message", "fine"]);
    let judged = repo.run(&["judge", "1"]);
    assert_ne!(judged.code, Some(0), "{}", judged.stdout);
    says(
        &judged.stdout,
        &[
            "the rules cannot be read, and nothing could be judged any more: blueprints/frontend/blueprint.yaml:",
            "`max_replica`",
        ],
    );
    // Nor where no branch of the name is, nor a file whose name is refused.
    let head = repo.git(&["rev-parse", "bpctl/staging/backend/scale~1"]);
    for (file, text, told) in [
        (
            "bpctl.yaml",
            repo.read("bpctl.yaml").replace("base: main", "base: other"),
            "would name the base branch other",
        ),
        ("blueprints/a\\b.yaml", "x: 1\n".into(), "the rules cannot be read"),
    ] {
        repo.git(&["checkout", "-q", "-f", "bpctl/staging/backend/scale"]);
        repo.git(&["reset", "-q", "--hard", head.trim()]);
        repo.commit(&[(file, &text)], "a slip");
        repo.git(&["switch", "-q", "main"]);
        repo.run(&["approve", "1", "--signing-key", &alice, "--message", "fine"]);
        let judged = repo.run(&["judge", "1"]);
        assert_ne!(judged.code, Some(0), "{}", judged.stdout);
        says(&judged.stdout, &[told]);
    }
}

/// Would miss: a clone of a server by ssh, whose own unpushed branch is taken for what was reviewed, and delivered.
#[test]
fn x05_what_serves_a_remote_by_ssh_is_not_guessed_where_something_is_written() {
    let repo = Repo::shop();
    repo.replace("bpctl.yaml", "forge: local ", "# forge ");
    repo.commit(&[], "no forge is named");
    repo.git(&["remote", "add", "origin", "git@git.example:me/shop.git"]);
    let before = repo.everything();
    repo.run(&["plan"]).exits(0);
    let ran = repo.run(&super::APPLY).exits(1);
    says(&ran.stderr, &["does not tell what serves it", "write `forge: gitea` or `forge: github` into bpctl.yaml"]);
    says(&repo.run(&["doctor"]).stdout, &["✗ the remote `origin` is on a server, and its address does not tell"]);
    assert_eq!(repo.everything(), before);
    repo.replace("bpctl.yaml", "# forge ", "forge: local ");
    repo.commit(&[], "ours");
    repo.run(&super::APPLY).exits(0);
}
