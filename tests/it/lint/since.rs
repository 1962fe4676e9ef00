//! `lint` against another commit: what changed, and whether versions rose with it.

use super::{BACKEND, FRONTEND, MANIFEST};
use crate::support::Repo;

const POLICY: &str = "blueprints/policies/base.yaml";

/// What `lint --base main` says of versions: file and the version that it asks for.
fn asked(repo: &Repo, base: &str) -> Vec<(String, String)> {
    let found = repo.run(&["lint", "-o", "json", "--base", base]).json();
    let bumps = found["diagnostics"].as_array().expect("diagnostics").iter().filter(|d| d["code"] == "version-bump");
    bumps
        .map(|d| {
            assert_eq!(d["severity"], "error");
            let help = d["help"].as_str().expect("help").trim_start_matches("write version: ");
            let help = help.trim_end_matches(", or run the same with --fix").to_owned();
            (d["labels"][0]["span"]["file"].as_str().expect("a file").to_owned(), help)
        })
        .collect()
}

/// File; what is written instead of what; the version that is needed: each row of the table of `docs/BLUEPRINT_FORMAT.md`.
#[rustfmt::skip]
const NEEDS: &[(&str, &str, &str, &str)] = &[
    (BACKEND, "allowed_operations: [scale, reconcile]", "allowed_operations: [scale, reconcile, restart]", "3.0.0"),
    (BACKEND, "forbidden_operations: [delete, scale_to_zero]", "forbidden_operations: [delete, scale_to_zero, change_image]", "3.0.0"),
    (BACKEND, "timeout: 1h}\n", "timeout: 1h}\nenvironments: {staging: {governance: {agent_authority: {allowed_operations: [scale]}}}}\n", "3.0.0"),
    (BACKEND, "owner: team-payments", "owner: team-orders", "3.0.0"),
    (BACKEND, "source: deploy/backend.yaml", "source: deploy", "3.0.0"),
    (BACKEND, "timeout: 1h}\n", "timeout: 1h}\nenvironments: {staging: {spec: {target: {namespace: other}}}}\n", "3.0.0"),
    (BACKEND, "    scale_down_threshold: 30%\n", "", "3.0.0"),
    (BACKEND, "approvers: [alice@shop.example]", "approvers: [bob@shop.example]", "3.0.0"),
    (BACKEND, "approvers: [alice@shop.example]", "approvers: [alice@shop.example, bob@shop.example]", "2.1.0"),
    (BACKEND, "    scale_down_threshold: 30%\n", "    scale_down_threshold: 30%\n    window: 10m\n", "2.1.0"),
    (BACKEND, "timeout: 1h}\n", "timeout: 1h}\nenvironments: {staging: {spec: {scaling: {max_replicas: 4}}}}\n", "2.1.0"),
    (BACKEND, "max_replicas: 3 ", "max_replicas: 4 ", "2.0.2"),
    (BACKEND, "description: Orders and payments", "description: Orders", "2.0.2"),
    // Listed nowhere or for approval, and built in as forbidden or not: the tier stays.
    (BACKEND, "requires_approval: [scale_beyond_limits]", "requires_approval: [scale_beyond_limits, change_image]", "2.0.2"),
    (BACKEND, "requires_approval: [scale_beyond_limits]", "requires_approval: []", "2.0.2"),
    (POLICY, "delete: forbidden, ", "", "2.0.0"),
    (POLICY, "delete: forbidden, ", "delete: requires_approval, ", "2.0.0"),
    (POLICY, "operations:", "match: {tiers: [prod]}\noperations:", "2.0.0"),
    (POLICY, "cooldown: 60s, ", "", "2.0.0"),
    (POLICY, "delete: forbidden, ", "delete: forbidden, restart: forbidden, ", "1.1.0"),
    (POLICY, "limits: {", "limits: {breaker: 3, ", "1.1.0"),
    (POLICY, "limits: {", "freezes: [{name: x, from: 2096-01-01T00:00:00Z, to: 2096-01-02T00:00:00Z}]\nlimits: {", "1.1.0"),
    (POLICY, "cooldown: 60s", "cooldown: 90s", "1.0.1"),
    (POLICY, "owner: platform", "owner: core", "1.0.1"),
    ("blueprints/backend-canary/blueprint.yaml", "scale_up_threshold: 90%", "scale_up_threshold: 91%", "0.3.1"),
    ("blueprints/backend-canary/blueprint.yaml", ", scale_up_threshold: 90%", "", "0.4.0"),
];

/// B3. Would miss: a change that needs more than is asked, one that needs less, and a version that is right but refused.
#[test]
fn b03_a_version_rises_as_much_as_its_change_needs() {
    let repo = Repo::shop();
    assert_eq!(asked(&repo, "main"), []);
    let mut wrong = Vec::new();
    for (file, from, to, wanted) in NEEDS {
        let before = repo.read(file);
        repo.replace(file, from, to);
        let said = asked(&repo, "main");
        if said != [((*file).to_owned(), (*wanted).to_owned())] {
            wrong.push(format!("{to:?} asks for {said:?}, not {wanted}"));
        }
        let version = |text: &str| {
            text.split_once("version: ").and_then(|(_, rest)| rest.split_once(',')).map(|(v, _)| v.to_owned())
        };
        let old = version(&before).expect("a version");
        repo.replace(file, &format!("version: {old}"), &format!("version: {wanted}"));
        let said = asked(&repo, "main");
        if !said.is_empty() {
            wrong.push(format!("{to:?} with {wanted} still asks for {said:?}"));
        }
        repo.write(file, &before);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// B3. Would miss: layout that needs a version, a version that falls, a new file that is compared with nothing.
#[test]
fn b03_layout_needs_no_version_and_none_falls() {
    let repo = Repo::shop();
    repo.replace(BACKEND, "max_replicas: 3      # the database takes so many connections", "max_replicas: 3 # so many");
    repo.replace(BACKEND, "cpu: {minimum: 100m, maximum: \"2\"}", "cpu: {maximum: '2', minimum: 100m}");
    assert_eq!(asked(&repo, "main"), []);
    repo.replace(BACKEND, "version: 2.0.1", "version: 2.0.0");
    assert_eq!(asked(&repo, "main"), [(BACKEND.to_owned(), "2.0.1".to_owned())]);
    repo.replace(BACKEND, "max_replicas: 3 ", "max_replicas: 4 ");
    assert_eq!(asked(&repo, "main"), [(BACKEND.to_owned(), "2.0.2".to_owned())]);
    let repo = Repo::shop();
    repo.git(&["rm", "-q", "-r", "blueprints/policies"]);
    repo.commit(&[], "no policy yet");
    repo.git(&["checkout", "-q", "main~1", "--", "blueprints/policies"]);
    assert_eq!(asked(&repo, "main"), []);
}

/// What came to the branch after the work left it is not the work's doing.
#[test]
fn a_branch_that_went_on_asks_nothing_of_who_did_not_change() {
    let repo = Repo::shop();
    repo.git(&["checkout", "-q", "-b", "work"]);
    repo.git(&["checkout", "-q", "main"]);
    repo.replace(BACKEND, "version: 2.0.1", "version: 2.1.0");
    repo.replace(BACKEND, "max_replicas: 3 ", "max_replicas: 4 ");
    repo.commit(&[], "main goes on");
    repo.git(&["checkout", "-q", "work"]);
    assert_eq!(asked(&repo, "main"), []);
    repo.replace(BACKEND, "max_replicas: 3 ", "max_replicas: 5 ");
    assert_eq!(asked(&repo, "main"), [(BACKEND.to_owned(), "2.0.2".to_owned())]);
}

/// Would miss: findings of files that nobody touched, and a finding that is lost because the file is not committed yet.
#[test]
fn only_findings_in_changed_files_are_shown() {
    let repo = Repo::shop();
    repo.replace(BACKEND, "max_replicas: 3 ", "max_replicas: 1 ");
    let before = repo.commit(&[], "an old sin");
    let codes = |since: &str| {
        let found = repo.run(&["lint", "-o", "json", "--changed-since", since]).json();
        let all = found["diagnostics"].as_array().expect("diagnostics").clone();
        all.iter().map(|d| d["code"].as_str().expect("a code").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(codes("main"), Vec::<String>::new());
    repo.replace(FRONTEND, "cooldown: 60s", "cooldown: 1s");
    assert_eq!(codes("main"), ["cooldown-too-short"], "not committed");
    repo.commit(&[], "a new one");
    assert_eq!(codes(&before), ["cooldown-too-short"], "committed");
    // A second place counts too: the manifest changed, the blueprint that it breaks did not.
    repo.replace(MANIFEST, "replicas: 3", "replicas: 2");
    assert_eq!(codes("main"), ["replicas-outside-bounds"]);
    for name in ["nowhere", "--all", "main..main", "-n"] {
        let ran = repo.run(&["lint", &format!("--changed-since={name}")]).exits(1);
        assert!(ran.stderr.contains("there is no branch, tag or commit"), "{}", ran.stderr);
    }
}
