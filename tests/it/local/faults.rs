//! Faults of the machine (Z19).

use super::APPLY;
use crate::support::Repo;

/// What a run leaves behind, without what names a moment.
fn done(repo: &Repo) -> (usize, Vec<String>, Vec<String>, String) {
    let ledger = repo.ledger("staging");
    let mut kinds: Vec<String> =
        ledger.iter().map(|entry| entry["event"]["kind"].as_str().unwrap_or_default().into()).collect();
    // Each pass decides anew, on what it then sees, and a disk that was full may be in the record; everything else happens once.
    kinds.retain(|kind| !matches!(kind.as_str(), "decided" | "failed"));
    kinds.sort();
    (repo.merges(), repo.refs("refs/bpctl/pull"), kinds, repo.git(&["show", "main:deploy/frontend.yaml"]))
}

/// A disk that is full at some byte: the run says so, and the next one ends where one on a good disk does. Would miss: half a file that is
/// taken for a whole one, an effect without its record, a lock that stays, a panic.
#[test]
fn z19_on_a_full_disk_nothing_is_half_done() {
    let whole = Repo::shop();
    whole.run(&APPLY).exits(0);
    let mut failed = 0;
    for blocks in [0, 1, 2, 8, 24, 64] {
        let repo = Repo::shop();
        let ran = repo.bpctl().run_on_small_disk(blocks, &APPLY);
        assert!(matches!(ran.code, Some(0 | 1)), "{blocks} blocks: {ran:?}");
        if ran.code == Some(1) {
            failed += 1;
            assert!(ran.stderr.starts_with("error: "), "{blocks} blocks: {}", ran.stderr);
            assert!(!ran.stderr.contains("panicked"), "{blocks} blocks: {}", ran.stderr);
        }
        repo.git(&["fsck", "--strict", "--no-dangling"]);
        repo.run(&APPLY).exits(0);
        assert_eq!(done(&repo), done(&whole), "{blocks} blocks, then: {}", ran.stderr);
    }
    assert!(failed >= 3, "only {failed} of the disks were too small");
}
