//! T23, T27: whose word counts, and for what.

use std::collections::BTreeMap;

use bpctl::forge::Landed;
use bpctl::pipeline::{Effects, Session, SessionOptions, base_tree, connect_cluster, observe, plan, pulls, work_tree};
use bpctl_core::blueprint::TierName;
use bpctl_core::govern::{ApprovalTerms, Decision, count_reviews};
use bpctl_core::model::{Digest, Name, Timestamp, Untrusted};
use bpctl_core::observe::{Identity, Known, PullFacts, PullState, Review, ReviewState, Rights, UnknownCode};

use super::{APPLY, says};
use crate::support::{key, signed_shop};

fn person(id: &str) -> Identity {
    Identity { id: id.into(), login: Untrusted::new(id), bot: false }
}

fn approval(by: Identity) -> Review {
    Review {
        reviewer: by,
        state: ReviewState::Approved,
        commit: "head".into(),
        at: Timestamp::UNIX_EPOCH,
        stale: false,
        rights: Known::Known(Rights::Write),
        signed: Some(true),
        body: Untrusted::new(""),
    }
}

fn pull(review: Review) -> PullFacts {
    PullFacts {
        number: 1,
        title: Untrusted::new("t"),
        author: person("author"),
        head_branch: Some("b".into()),
        head: "head".into(),
        base_branch: "main".into(),
        state: PullState::Open,
        opened_at: Timestamp::UNIX_EPOCH,
        changed_at: Timestamp::UNIX_EPOCH,
        draft: false,
        last_pusher: Known::Known(person("pusher")),
        co_authors: Known::Known(vec![person("writer")]),
        reviews: Known::Known(vec![review]),
        checks: Known::Known(Vec::new()),
        required_checks: Known::Known(Vec::new()),
        changes_at: BTreeMap::new(),
    }
}

/// T27, with T5, T25 and T26 beside it. Would miss: any one line of the core's `refusal`.
#[test]
fn t27_author_pusher_co_author_and_bot_do_not_count() {
    type Spoil = fn(&mut PullFacts, &mut Review);
    let rows: Vec<(&str, &str, Spoil)> = vec![
        ("author", "the author cannot approve", |_, _| {}),
        ("AUTHOR", "the author cannot approve", |_, _| {}),
        ("unsigned:author", "the author cannot approve", |_, _| {}),
        ("pusher", "who pushed last cannot approve", |_, _| {}),
        ("writer", "who wrote or pushed a commit of it cannot approve", |_, _| {}),
        ("alice", "a machine account", |_, review| review.reviewer.bot = true),
        ("alice", "was asked for until", |_, review| review.at = Timestamp::from_second(3601).expect("a time")),
        ("alice", "dismissed", |_, review| review.state = ReviewState::Dismissed),
        ("alice", "stale", |_, review| review.stale = true),
        ("alice", "no write access", |_, review| review.rights = Known::Known(Rights::Read)),
        ("alice", "rights are not known", |_, review| review.rights = Known::unknown(UnknownCode::Incomplete, "x")),
        ("alice", "not signed", |_, review| review.signed = Some(false)),
        ("bob", "the blueprint names other approvers", |_, _| {}),
        ("alice", "who pushed last is not known", |pull, _| {
            pull.last_pusher = Known::unknown(UnknownCode::Incomplete, "x")
        }),
        ("alice", "who wrote the commits is not known", |pull, _| {
            pull.co_authors = Known::unknown(UnknownCode::Incomplete, "x")
        }),
        ("alice", "what was looked at is not known", |_, review| review.commit = "older".into()),
        ("alice", "no longer those", |pull, review| {
            review.commit = "older".into();
            pull.changes_at.insert("older".into(), Known::Known(Digest::of(&"other")));
        }),
    ];
    let changes = Digest::of(&"changes");
    let approvers: Vec<String> =
        ["alice", "author", "AUTHOR", "unsigned:author", "pusher", "writer"].map(str::to_owned).to_vec();
    let until = Timestamp::from_second(3600).ok();
    let terms = ApprovalTerms { approvers: &approvers, tier: TierName::Staging, until, justified: false };
    let count = |pull: &PullFacts| count_reviews(pull, &changes, &terms).expect("known");
    for (who, why, spoil) in rows {
        let mut review = approval(person(who));
        let mut facts = pull(review.clone());
        spoil(&mut facts, &mut review);
        facts.reviews = Known::Known(vec![review]);
        let judged = count(&facts);
        assert!(judged.iter().all(|review| !review.approves()), "{who}: {why}");
        assert!(judged[0].refused.as_ref().is_some_and(|said| said.contains(why)), "{who}: {judged:?}");
    }
    // Nothing spoilt: it counts; and an equal change looked at on an older commit counts as well (T25).
    assert!(count(&pull(approval(person("alice"))))[0].approves());
    let mut older = pull(Review { commit: "older".into(), ..approval(person("alice")) });
    older.changes_at.insert("older".into(), Known::Known(changes.clone()));
    assert!(count(&older)[0].approves());
    // T26: a dismissed review does not revive the one before it.
    let dismissed = Review { state: ReviewState::Dismissed, ..approval(person("alice")) };
    let mut revived = pull(approval(person("alice")));
    revived.reviews = Known::Known(vec![approval(person("alice")), dismissed]);
    assert!(!count(&revived)[0].approves());
}

/// T27 on the local forge. Would miss: last pusher and co-authors that are taken from bpctl's own record only.
#[test]
fn t27_who_pushed_or_wrote_does_not_approve_on_the_local_forge() {
    for (author, message, why) in [
        ("alice@shop.example", "more", "who pushed last cannot approve"),
        (
            "bob@shop.example",
            "more\n\nCo-authored-by: Alice <Alice@shop.example>",
            "who wrote or pushed a commit of it cannot approve",
        ),
    ] {
        let (repo, alice) = signed_shop();
        repo.run(&APPLY).exits(0);
        let tree = repo.git(&["rev-parse", "bpctl/staging/backend/scale^{tree}"]);
        let identity = format!("user.email={author}");
        let commit = repo.git(&[
            "-c",
            &identity,
            "commit-tree",
            tree.trim(),
            "-p",
            "bpctl/staging/backend/scale",
            "-m",
            message,
        ]);
        repo.git(&["update-ref", "refs/heads/bpctl/staging/backend/scale", commit.trim()]);
        repo.run(&["approve", "1", "--signing-key", &alice]).exits(0);
        says(&repo.run(&["judge", "1"]).exits(6).stdout, &[why]);
        repo.run(&APPLY).exits(0);
        assert_eq!(repo.merges(), 1, "{author}");
    }
}

/// T23, T24: between judgement and merge the branch or base moves. Would miss: a merge that does not pin what was judged (the guard is
/// `as_judged` in the local forge).
#[test]
fn t23_a_push_after_the_judgement_is_not_merged() {
    for moved in ["refs/heads/bpctl/staging/backend/scale", "refs/heads/main"] {
        let (repo, alice) = signed_shop();
        repo.run(&APPLY).exits(0);
        repo.run(&["approve", "1", "--signing-key", &alice]).exits(0);
        // The recording and what was delivered to it stay out of the way.
        repo.git(&["add", "-A"]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (first, pushed) = runtime.block_on(async {
            let workspace = work_tree(&bpctl::git::Repository::discover(&repo.path()).expect("a repository"))
                .expect("a tree")
                .catalog
                .workspace
                .value;
            let session = Session::open(&repo.path(), &workspace, SessionOptions::default()).await.expect("a session");
            let forge = session.forge.reading();
            let tip = forge.base_tip().await.expect("base");
            let (files, rules) = base_tree(&session.repository, &tip).expect("rules");
            let staging = Name::new("staging").expect("a name");
            let place = plan::place(rules.get(), &staging).expect("a place");
            let cluster = connect_cluster(place, session.repository.work_tree()).await.expect("a cluster");
            let observed =
                observe(&staging, place, &[rules.get()], &cluster, &session.repository, forge).await.expect("facts");
            let facts = forge.pull(1).await.expect("a pull request");
            let observations = BTreeMap::from([(staging, observed.observation)]);
            let mut judged =
                pulls::judge_one(&session, &tip, &files, &rules, facts, &observations).await.expect("a judgement");
            let Decision::Merge(permit) = judged.decide() else { panic!("a permit") };
            let tree = repo.git(&["rev-parse", &format!("{moved}^{{tree}}")]);
            let pushed = repo.git(&["commit-tree", tree.trim(), "-p", moved, "-m", "pushed meanwhile"]);
            repo.git(&["update-ref", moved, pushed.trim()]);
            let effects = Effects::new(session.forge.writing().expect("writing"), None, false);
            (effects.merge(*permit, "merge").await.expect("an answer"), pushed)
        });
        assert!(matches!(first, Landed::Moved), "{moved}: {first:?}");
        assert_eq!(repo.git(&["rev-parse", moved]), pushed);
        assert_eq!(repo.merges(), 1);
    }
}

/// An answer is bound to the pull request and the commit that it names. Would miss: a signature that is copied to another one.
#[test]
fn a_signature_counts_where_it_was_given() {
    let (repo, alice) = signed_shop();
    let (_, _) = key(&repo, "bob@shop.example", "bob");
    repo.run(&APPLY).exits(0);
    repo.run(&["approve", "1", "--signing-key", &alice]).exits(0);
    // Copied onto a changed head: the stored answer is made to name it.
    let branch = "refs/heads/bpctl/staging/backend/scale";
    let old = repo.git(&["rev-parse", branch]).trim().to_owned();
    repo.git(&["worktree", "add", "-q", "../copy", "bpctl/staging/backend/scale"]);
    let file = repo.folder.path().join("copy/deploy/backend.yaml");
    let text = std::fs::read_to_string(&file).expect("a file").replace("replicas: 4", "replicas: 40");
    std::fs::write(&file, text).expect("written");
    repo.git(&["-C", "../copy", "commit", "-q", "-a", "-m", "more"]);
    let new = repo.git(&["rev-parse", branch]).trim().to_owned();
    let review = repo.git(&["show", "refs/bpctl/pull/1:reviews/0001.json"]);
    assert!(review.contains(&old), "{review}");
    repo.write("../forged.json", &review.replace(&old, &new));
    let blob = repo.git(&["hash-object", "-w", "../forged.json"]);
    let pull = repo.git(&["rev-parse", "refs/bpctl/pull/1:pull.json"]);
    let reviews = repo.folder.path().join("index");
    let index = |arguments: &[&str]| {
        let output = repo.git_command(arguments).env("GIT_INDEX_FILE", &reviews).output().expect("git starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    index(&["update-index", "--add", "--cacheinfo", &format!("100644,{},pull.json", pull.trim())]);
    index(&["update-index", "--add", "--cacheinfo", &format!("100644,{},reviews/0001.json", blob.trim())]);
    let tree = index(&["write-tree"]);
    let commit = repo.git(&["commit-tree", tree.trim(), "-p", "refs/bpctl/pull/1", "-m", "approved"]);
    repo.git(&["update-ref", "refs/bpctl/pull/1", commit.trim()]);
    repo.run(&["judge", "1"]).exits(6);
    repo.run(&APPLY).exits(0);
    assert_eq!(repo.merges(), 1);
}

/// Would miss: a newcomer who approves again and again, with and without a key, and is told each time that it worked.
#[test]
fn b10_an_answer_that_cannot_count_is_told_at_once() {
    let (repo, alice) = signed_shop();
    let (line, mallory) = key(&repo, "mallory@shop.example", "mallory");
    says(&repo.run(&APPLY).exits(0).stdout, &["next: bpctl approve 1 --signing-key FILE"]);
    let refused = repo.run(&["approve", "1", "--signing-key", &mallory]).exits(1);
    says(&refused.stderr, &["this key is none of main's allowed signers", "docs/LOCAL_FORGE.md"]);
    let unsigned = repo.run(&["approve", "1"]).exits(0);
    says(&unsigned.stderr, &["next: bpctl approve 1 --signing-key FILE"]);
    // Nobody may sign at all.
    repo.replace("bpctl.yaml", "local: {allowed_signers: blueprints/allowed_signers}\n", "");
    repo.commit(&[], "nobody signs");
    let way = "say whose keys approve: local.allowed_signers in bpctl.yaml, on the base branch (docs/LOCAL_FORGE.md)";
    says(&repo.run(&APPLY).exits(0).stdout, &[way]);
    says(&repo.run(&["approve", "1"]).exits(0).stderr, &[way]);
    says(
        &repo.run(&["approve", "1", "--signing-key", &alice]).exits(1).stderr,
        &["main names no local.allowed_signers"],
    );
    // The way leads out.
    repo.replace("bpctl.yaml", "forge: local ", "local: {allowed_signers: blueprints/allowed_signers}\nforge: local ");
    repo.commit(&[("blueprints/allowed_signers", &line)], "mallory may");
    says(&repo.run(&["approve", "1", "--signing-key", &mallory]).exits(0).stdout, &["signed"]);
    // A no is heard from anybody, and says what it is.
    says(
        &repo.run(&["reject", "1"]).exits(0).stdout,
        &["rejected local pull request #1, not signed: who said so is a claim"],
    );
}
