//! Several runs at once, each in its own clone (Z2).

use rstest::rstest;

use super::server::{Shop, bpctl, branch};
use crate::support::{Ran, Repo};

#[rstest]
#[case::two(2)]
#[case::eight(8)]
fn z02_runs_at_once_make_one_proposal_of_each_and_all_end_well(#[case] runs: usize) {
    let shop = Shop::new();
    let clones: Vec<Repo> = (0..runs).map(|_| shop.another_clone()).collect();
    let started: Vec<_> = clones
        .iter()
        .map(|clone| bpctl(clone).command(&["apply", "--env", "staging"]).spawn().expect("bpctl starts"))
        .collect();
    for child in started {
        Ran::of(child.wait_with_output().expect("bpctl ends")).exits(0);
    }
    let pulls = shop.pulls();
    for blueprint in ["backend", "frontend"] {
        let branch = branch(blueprint);
        let of = pulls.iter().filter(|pull| pull["head"]["label"] == branch.as_str());
        let standing: Vec<_> =
            of.filter(|pull| pull["state"] == "open" || pull["merged"] == true).map(|pull| &pull["number"]).collect();
        assert_eq!(standing.len(), 1, "{blueprint}: {standing:?} of {}", pulls.len());
    }
    let main = shop.fetch("refs/heads/main");
    assert_eq!(shop.repo.git(&["log", "--merges", "--first-parent", "--format=%s", &main]).lines().count(), 1);
    let audit = shop.bpctl().run(&["audit", "--env", "staging"]).exits(0).stdout;
    assert_eq!(audit.lines().filter(|line| line.contains("  merged  ")).count(), 1, "{audit}");
    // And the next run has nothing to add.
    shop.apply();
    assert_eq!(shop.pulls().len(), pulls.len());
}
