//! `lint --fix`: values that change no decision, written in place; every other byte stays.

use super::{BACKEND, FRONTEND};
use crate::support::Repo;

/// Would miss: a byte that changes beside the value, a value that is not said, and a finding that stays.
#[test]
fn fix_writes_the_value_and_no_other_byte_and_says_it() {
    let repo = Repo::shop();
    let text = repo.read(FRONTEND).replace("    cooldown: 60s", "    cooldown:   '1s'   # soon").replace('\n', "\r\n");
    repo.write(FRONTEND, &text);
    let backend = format!("{}  audit: {{retention: 7d, format: csv}}\n", repo.read(BACKEND));
    repo.write(BACKEND, &backend);
    assert!(repo.run(&["lint"]).exits(0).stdout.contains("3 warnings"));
    assert_eq!(repo.read(FRONTEND), text, "without --fix nothing is written");
    let ran = repo.run(&["lint", "--fix"]).exits(0);
    assert!(ran.stdout.ends_with("no problems\n"), "{}", ran.stdout);
    for said in [
        "fixed blueprints/frontend/blueprint.yaml:20:17: 1s → 60s (cooldown-too-short)",
        "fixed blueprints/backend/blueprint.yaml:24:22: 7d → 90d (audit-without-effect)",
        "fixed blueprints/backend/blueprint.yaml:24:34: csv → json (audit-without-effect)",
    ] {
        assert!(ran.stderr.contains(said), "{said} is missing in {}", ran.stderr);
    }
    assert_eq!(repo.read(FRONTEND), text.replace("'1s'", "'60s'"));
    assert_eq!(repo.read(BACKEND), backend.replace("7d", "90d").replace("csv", "json"));
    let again = repo.run(&["lint", "--fix"]).exits(0);
    assert!(!again.stderr.contains("fixed"), "{}", again.stderr);
}

/// Would miss: a version of two parts that somebody has to mend by hand before anything else is looked at.
#[test]
fn b03_a_version_that_lacks_a_part_is_completed() {
    let repo = Repo::shop();
    for (short, whole) in [("version: 1.4", "version: 1.4.0"), ("version: \"v1\"", "version: \"1.0.0\"")] {
        repo.git(&["checkout", "-q", "."]);
        repo.replace(FRONTEND, "version: 1.4.0", short);
        repo.run(&["lint"]).exits(6);
        repo.run(&["lint", "--fix"]).exits(0);
        assert!(repo.read(FRONTEND).contains(whole), "{}", repo.read(FRONTEND));
    }
}

/// B3. Would miss: a version that the fix itself needs, and one that is written without having been asked for.
#[test]
fn b03_fix_writes_the_version_that_base_asks_for() {
    let repo = Repo::shop();
    repo.replace(FRONTEND, "cooldown: 60s", "cooldown: 1s");
    repo.commit(&[], "an old sin");
    repo.run(&["lint", "--fix"]).exits(0);
    assert!(repo.read(FRONTEND).contains("version: 1.4.0"));
    repo.git(&["checkout", "-q", "."]);
    let before = repo.read(FRONTEND);
    let ran = repo.run(&["lint", "--fix", "--base", "main"]).exits(0);
    assert!(ran.stderr.contains("1.4.0 → 1.4.1 (version-bump)"), "{}", ran.stderr);
    assert_eq!(repo.read(FRONTEND), before.replace("cooldown: 1s", "cooldown: 60s").replace("1.4.0", "1.4.1"));
}

/// Would miss: a file that is half written, or an error that is swallowed, where a value cannot be spliced.
#[test]
fn what_cannot_be_edited_in_place_is_said_and_left() {
    let repo = Repo::shop();
    repo.replace(FRONTEND, "cooldown: 60s", "cooldown: &short 1s");
    let before = repo.read(FRONTEND);
    let ran = repo.run(&["lint", "--fix"]).exits(0);
    assert!(ran.stderr.contains("not fixed blueprints/frontend/blueprint.yaml: "), "{}", ran.stderr);
    assert!(ran.stdout.contains("cooldown-too-short"), "{}", ran.stdout);
    assert_eq!(repo.read(FRONTEND), before);
}
