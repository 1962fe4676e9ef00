//! `kind: Suppression`: what people decided to live with, for a time, in one place.

use super::{BACKEND, FRONTEND, lint, place};
use crate::support::Repo;

const FILE: &str = "blueprints/suppressions.yaml";

fn suppression(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: bpctl.dev/v1\nkind: Suppression\nmetadata: {{name: {name}, owner: team-payments}}\nspec: {{{spec}}}\n"
    )
}

/// The shop with one finding in the backend and one of the same code in the frontend.
fn two_findings() -> Repo {
    let repo = Repo::shop();
    repo.replace(BACKEND, "min_replicas: 2", "min_replicas: 3");
    repo.replace(FRONTEND, "min_replicas: 2", "min_replicas: 5");
    repo.replace("deploy/frontend.yaml", "replicas: 2  ", "replicas: 5  ");
    repo
}

fn codes(repo: &Repo) -> Vec<(String, String)> {
    let found = lint(repo);
    found.iter().map(|d| (d["code"].as_str().expect("a code").to_owned(), place(d).0.to_owned())).collect()
}

fn own(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(code, file)| ((*code).to_owned(), (*file).to_owned())).collect()
}

/// Would miss: one that hides too much, nothing, or another blueprint of the same file, and one that nobody sees any more.
#[test]
fn a_suppression_hides_one_code_in_one_place_up_to_its_end() {
    let repo = two_findings();
    let both = own(&[("scaling-fixed", BACKEND), ("scaling-fixed", FRONTEND)]);
    assert_eq!(codes(&repo), both);
    let until = "reason: one licence, expires: 2096-01-01T00:00:00Z";
    for (place, left) in [
        ("blueprint: backend", vec![("scaling-fixed", FRONTEND)]),
        ("path: blueprints/frontend", vec![("scaling-fixed", BACKEND)]),
        ("path: blueprints/frontend/blueprint.yaml", vec![("scaling-fixed", BACKEND)]),
        ("path: blueprints", vec![]),
        (
            "path: blueprints/front",
            vec![("scaling-fixed", BACKEND), ("scaling-fixed", FRONTEND), ("suppression-unused", FILE)],
        ),
        (
            "blueprint: nobody",
            vec![("scaling-fixed", BACKEND), ("scaling-fixed", FRONTEND), ("suppression-unused", FILE)],
        ),
    ] {
        repo.write(FILE, &suppression("x", &format!("code: scaling-fixed, {place}, {until}")));
        assert_eq!(codes(&repo), own(&left), "{place}");
    }
    repo.write(FILE, &suppression("x", &format!("code: scaling-fixed, blueprint: backend, {until}")));
    assert!(
        repo.run(&["lint"]).exits(0).stdout.ends_with("3 blueprints, 1 policy: no problems, 1 hint, 1 suppressed\n")
    );
    assert_eq!(repo.run(&["lint", "-o", "json"]).exits(0).json()["suppressed"], 1);
    // Two blueprints in one file are two places.
    let joined = format!("{}---\n{}", repo.read(BACKEND), repo.read(FRONTEND));
    repo.write(BACKEND, &joined);
    repo.git(&["rm", "-q", "-f", FRONTEND]);
    assert_eq!(codes(&repo), own(&[("scaling-fixed", BACKEND)]));
}

#[test]
fn what_is_wrong_with_a_suppression_is_a_finding() {
    let repo = two_findings();
    let both = [("scaling-fixed", BACKEND), ("scaling-fixed", FRONTEND)];
    for (spec, code) in [
        ("code: scaling-fixed, path: blueprints, reason: x, expires: 2020-01-01T00:00:00Z", "suppression-expired"),
        ("code: scaling-fixd, path: blueprints, reason: x, expires: 2096-01-01T00:00:00Z", "suppression-unknown-code"),
        ("code: version-bump, path: blueprints, reason: x, expires: 2096-01-01T00:00:00Z", "suppression-unknown-code"),
        ("code: scaling-fixed, reason: x, expires: 2096-01-01T00:00:00Z", "bad-value"),
        (
            "code: scaling-fixed, path: blueprints, blueprint: backend, reason: x, expires: 2096-01-01T00:00:00Z",
            "bad-value",
        ),
        ("code: scaling-fixed, path: blueprints, reason: ' ', expires: 2096-01-01T00:00:00Z", "bad-value"),
        ("code: scaling-fixed, path: blueprints, reason: x", "missing-field"),
        ("code: scaling-fixed, path: ../x, reason: x, expires: 2096-01-01T00:00:00Z", "bad-value"),
    ] {
        repo.write(FILE, &suppression("x", spec));
        let mut wanted = own(&both);
        wanted.push((code.to_owned(), FILE.to_owned()));
        assert_eq!(codes(&repo), wanted, "{spec}");
        assert_eq!(repo.run(&["explain", code]).exits(0).stderr, "");
    }
    repo.write(
        FILE,
        &suppression("x", "code: scaling-fixd, path: blueprints, reason: x, expires: 2096-01-01T00:00:00Z"),
    );
    assert!(repo.run(&["lint"]).exits(6).stdout.contains("did you mean `scaling-fixed`?"));
    let spec = "code: scaling-fixed, path: blueprints, reason: x, expires: 2096-01-01T00:00:00Z";
    repo.write(FILE, &format!("{}---\n{}", suppression("x", spec), suppression("x", spec)));
    assert_eq!(codes(&repo), own(&[("duplicate-name", FILE)]));
}

/// Would miss: a file that means nothing, and is silent.
#[test]
fn reading_cannot_be_suppressed() {
    let repo = Repo::shop();
    repo.replace(BACKEND, "min_replicas: 2", "min_replica: 2");
    let until = "reason: x, expires: 2096-01-01T00:00:00Z";
    repo.write(FILE, &suppression("x", &format!("code: unknown-field, path: blueprints, {until}")));
    assert_eq!(codes(&repo), own(&[("unknown-field", BACKEND), ("suppression-unknown-code", FILE)]));
}
