//! Whose bpctl's commits are, and what signs them (B10).

use super::{APPLY, says};
use crate::support::{Repo, key, signed_shop};

const NAMED: &str = "Shop Bot <bot@shop.example>";

/// The commits that none of these has, on any branch: id, author and committer.
fn commits(repo: &Repo, without: &[&str]) -> Vec<(String, String)> {
    let mut arguments = vec!["log", "--branches", "--format=%H %an <%ae> %cn <%ce>", "--not"];
    arguments.extend(without);
    let all = repo.git(&arguments);
    all.lines().map(|line| line.split_once(' ').expect("two words")).map(|(id, who)| (id.into(), who.into())).collect()
}

/// B10. Would miss: a proposal, a merge or an entry of the ledger without the name and the signature that the rules of a branch ask for; a signature
/// that Git does not take; an account that was begun under another name and is told as forged.
#[test]
fn b10_commits_have_the_name_and_the_signature_that_were_asked_for() {
    let (repo, _) = signed_shop();
    // The ledger begins under bpctl's own name.
    repo.run(&["apply", "--env", "staging", "--wait", "0s"]).exits(0);
    let before: Vec<String> = commits(&repo, &[]).into_iter().map(|(id, _)| id).collect();
    let (line, file) = key(&repo, "bot@shop.example", "bot");
    let signers = repo.folder.path().join("signers");
    std::fs::write(&signers, line.replace("bpctl-approval", "git")).expect("written");
    let signers = format!("gpg.ssh.allowedSignersFile={}", signers.display());
    let text = std::fs::read_to_string(&file).expect("a key");
    repo.replace("deploy/backend.yaml", "memory: 256Mi", "memory: 260Mi");
    repo.commit(&[], "something to do");
    // As a path, and as the text that a CI system keeps.
    for (at, given) in [&*file, &text, text.trim_end()].into_iter().enumerate() {
        let named = repo.bpctl().with("BPCTL_COMMIT_AUTHOR", NAMED).with("BPCTL_COMMIT_KEY", given);
        let rejected = named.run(&APPLY).exits(0);
        assert!(!format!("{rejected:?}").contains("PRIVATE KEY"), "{rejected:?}");
        let without: Vec<&str> = before.iter().map(String::as_str).collect();
        let made: Vec<(String, String)> =
            commits(&repo, &without).into_iter().filter(|(_, who)| !who.starts_with("Test ")).collect();
        assert!(at > 0 || made.len() >= 2, "{made:?}");
        for (id, who) in made {
            assert_eq!(who, format!("{NAMED} {NAMED}"), "{id}");
            repo.git(&["-c", &signers, "verify-commit", &id]);
        }
    }
    // Whoever looks at the account has to know the name.
    let told = repo.run(&["audit", "verify", "--env", "staging"]).exits(6).stdout;
    says(&told, &["written-by-another in ", "bot@shop.example wrote to "]);
    let named = repo.bpctl().with("BPCTL_COMMIT_AUTHOR", NAMED);
    says(&named.run(&["audit", "verify", "--env", "staging"]).exits(0).stdout, &["staging"]);
}

/// R6, T38. Would miss: a slip of the pen by which commits have no name or no signature, and a key that is shown.
#[test]
fn r06_a_name_or_a_key_that_is_none_stops_before_anything_is_done() {
    let (repo, _) = signed_shop();
    let before = repo.everything();
    for name in ["shop-bot", "bot@shop.example", "<bot@shop.example>", "Bot <bot>", "Bot <a@b> <c@d>", "Bot\u{7} <a@b>"]
    {
        let ran = repo.bpctl().with("BPCTL_COMMIT_AUTHOR", name).run(&APPLY).exits(1);
        says(
            &ran.stderr,
            &["BPCTL_COMMIT_AUTHOR is not a name and an e-mail address", "Git does: BPCTL_COMMIT_AUTHOR='"],
        );
    }
    let (_, file) = key(&repo, "bot@shop.example", "bot");
    let text = std::fs::read_to_string(&file).expect("a key");
    let broken = text.lines().filter(|line| !line.starts_with("-----END")).collect::<Vec<_>>().join("\n");
    for given in ["/nowhere/key", &broken, broken.trim_start_matches("-----BEGIN OPENSSH PRIVATE KEY-----\n")] {
        let ran = repo.bpctl().with("BPCTL_COMMIT_KEY", given).run(&APPLY).exits(1);
        says(&ran.stderr, &["BPCTL_COMMIT_KEY: couldn't read the signing key", "ssh-keygen -t ed25519"]);
        let secret = text.lines().nth(2).expect("a line");
        assert!(!format!("{ran:?}").contains(secret), "{ran:?}");
    }
    assert_eq!(repo.everything(), before);
}
