//! Killed before or after each write to the server: the next runs finish it, and nothing happens twice (Z1, Z4).

use rstest::rstest;

use super::server::{Shop, branch};

#[rstest]
fn z01_a_run_that_was_killed_is_finished_by_the_next(
    #[values("create-branch", "open-pull", "set-check", "merge-pull", "delete-branch", "append-ledger")] effect: &str,
    #[values("before", "after")] moment: &str,
) {
    let shop = Shop::new();
    let killed =
        shop.bpctl().with("BPCTL_FAIL_POINT", format!("{effect}:{moment}")).run(&["apply", "--env", "staging"]);
    assert_eq!(killed.signal, Some(9), "{killed:?}");
    shop.apply();
    shop.apply();

    let pulls = shop.pulls();
    let states: Vec<_> = pulls.iter().map(|pull| (&pull["head"]["label"], &pull["state"], &pull["merged"])).collect();
    assert_eq!(pulls.len(), 2, "{states:?}");
    let waits = shop.open_of("backend");
    let merged = pulls.iter().find(|pull| pull["head"]["label"] == branch("frontend").as_str());
    assert_eq!(merged.expect("a pull request")["merged"], true, "{states:?}");
    let main = shop.fetch("refs/heads/main");
    assert_eq!(shop.repo.git(&["log", "--merges", "--first-parent", "--format=%s", &main]).lines().count(), 1);
    assert_eq!(shop.verdict(&shop.head(waits)).0, "pending");
    assert_eq!(shop.pull(waits)["requested_reviewers"][0]["login"], "forge-reviewer");
    assert_eq!(shop.server_refs("refs/heads/bpctl/"), [format!("refs/heads/{}", branch("backend"))]);
    let audit = shop.bpctl().run(&["audit", "--env", "staging"]).exits(0).stdout;
    for (word, times) in [("  merged  ", 1), ("  proposed  ", 2)] {
        assert_eq!(audit.lines().filter(|line| line.contains(word)).count(), times, "{word} in\n{audit}");
    }
}
