//! A proposal is merged for what is seen now, not for what was seen when it was opened (R6).

use super::APPLY;
use crate::support::{Repo, signed_shop};

const USAGE: &str = "clusters/staging/usage.json";

/// Would miss: a replica more for a load that is gone, or that nobody can see any more, because a person approved it in time.
#[test]
fn r06_what_nothing_asks_for_any_more_is_not_merged() {
    let (repo, alice): (Repo, String) = signed_shop();
    repo.run(&APPLY).exits(0);
    repo.run(&["approve", "1", "--signing-key", &alice, "--message", "more connections"]).exits(0);
    let (usage, merges) = (repo.read(USAGE), repo.merges());
    let waits = |why: &str| {
        let ran = repo.run(&APPLY);
        assert!(ran.stdout.contains("local pull request #1 waits: it would not be proposed now: "), "{}", ran.stdout);
        assert!(ran.stdout.contains(why), "{why} in {}", ran.stdout);
        assert_eq!(repo.merges(), merges);
    };
    let quiet = usage.replace("230114069n", "150000000n").replace("230113372n", "150000000n");
    assert_ne!(quiet, usage);
    repo.write(USAGE, &quiet);
    waits("within");
    repo.write(USAGE, "[");
    waits("unknown");
    // Judging says it too.
    let judged = repo.run(&["judge", "1"]);
    assert!(judged.stdout.contains("it would not be proposed now"), "{}", judged.stdout);

    repo.write(USAGE, &usage);
    repo.run(&APPLY).exits(0);
    assert_eq!(repo.merges(), merges + 1);
}
