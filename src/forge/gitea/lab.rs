//! Against a real server: `tests/run.sh` runs these; by hand, with the lab's variables set: `cargo test --lib lab:: -- --ignored`.

#![allow(clippy::disallowed_methods, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bpctl_core::observe::{ReviewState, Rights};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

const ADMIN: &str = "ADMIN";
const AUTHOR: &str = "AUTHOR";
const REVIEWER: &str = "REVIEWER";
const BOT: &str = "BOT";

/// A repository of its own on the server, and a bare one here.
struct Lab {
    server: String,
    repo: String,
    here: TempDir,
}

fn token(who: &str) -> String {
    std::env::var(format!("LAB_FORGE_TOKEN_{who}")).unwrap()
}

impl Lab {
    /// `main` holds one file; author and reviewer may write, bpctl's account `forge-bot` administers.
    async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let here = tempfile::tempdir().unwrap();
        git2::Repository::init_bare(here.path()).unwrap();
        let unique = here.path().file_name().unwrap().to_str().unwrap().trim_start_matches('.').to_owned();
        let lab = Self { server: std::env::var("LAB_FORGE_URL").unwrap(), repo: format!("lab-{unique}"), here };
        let body = json!({ "name": lab.repo, "auto_init": true, "default_branch": "main" });
        assert_eq!(lab.call(ADMIN, Method::POST, "/user/repos", body).await.0, 201);
        for (who, may) in [("forge-author", "write"), ("forge-reviewer", "write"), ("forge-bot", "admin")] {
            let path = format!("/collaborators/{who}");
            assert_eq!(lab.repo_call(ADMIN, Method::PUT, &path, json!({ "permission": may })).await.0, 204);
        }
        lab
    }

    async fn call(&self, who: &str, method: Method, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/api/v1{path}", self.server);
        let request =
            reqwest::Client::new().request(method, url).header("authorization", format!("token {}", token(who)));
        let response = request.json(&body).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    async fn repo_call(&self, who: &str, method: Method, path: &str, body: Value) -> (u16, Value) {
        self.call(who, method, &format!("/repos/forge-admin/{}{path}", self.repo), body).await
    }

    fn forge(&self, who: &str) -> GiteaForge {
        self.forge_at(&self.server, who)
    }

    fn forge_at(&self, server: &str, who: &str) -> GiteaForge {
        GiteaForge::connect(GiteaOptions {
            api: Url::parse(server).unwrap(),
            owner: "forge-admin".into(),
            repo: self.repo.clone(),
            token: SecretString::from(token(who)),
            base_branch: "main".into(),
            git_dir: self.here.path().to_owned(),
            bots: Vec::new(),
        })
        .unwrap()
    }

    /// A commit here that changes one file; not pushed.
    fn commit(&self, parent: &str, file: &str, text: &str, message: &str, email: &str) -> String {
        let repository = git2::Repository::open(self.here.path()).unwrap();
        let parent = repository.find_commit(parent.parse().unwrap()).unwrap();
        let blob = repository.blob(text.as_bytes()).unwrap();
        let mut tree = repository.treebuilder(Some(&parent.tree().unwrap())).unwrap();
        tree.insert(file, blob, 0o100_644).unwrap();
        let tree = repository.find_tree(tree.write().unwrap()).unwrap();
        let person = git2::Signature::now("somebody", email).unwrap();
        repository.commit(None, &person, &person, message, &tree, &[&parent]).unwrap().to_string()
    }

    /// The tree that a merge gives.
    fn merged(&self, base: &str, head: &str) -> String {
        let repository = git2::Repository::open(self.here.path()).unwrap();
        let find = |id: &str| repository.find_commit(id.parse().unwrap()).unwrap();
        let mut index = repository.merge_commits(&find(base), &find(head), None).unwrap();
        index.write_tree_to(&repository).unwrap().to_string()
    }

    async fn review(&self, who: &str, number: u64, event: &str, commit: &str) -> i64 {
        let body = json!({ "event": event, "body": "because", "commit_id": commit });
        let (status, review) = self.repo_call(who, Method::POST, &format!("/pulls/{number}/reviews"), body).await;
        assert_eq!(status, 200, "{review}");
        review["id"].as_i64().unwrap()
    }

    async fn protect(&self, rule: Value) {
        let (status, answer) = self.repo_call(ADMIN, Method::POST, "/branch_protections", rule).await;
        assert_eq!(status, 201, "{answer}");
    }
}

/// A proposal by `who`: branch, commit, pull request.
async fn propose(lab: &Lab, who: &str, name: &str) -> (u64, String, String) {
    let forge = lab.forge(who);
    let base = forge.base_tip().await.unwrap().commit().to_owned();
    let head =
        lab.commit(&base, &format!("{name}.txt"), name, name, &format!("forge-{}@forge.test", who.to_lowercase()));
    let branch = BranchName::new(format!("bpctl/test/{name}")).unwrap();
    assert_eq!(forge.create_branch(&branch, &head).await.unwrap(), Created::Created);
    let number = forge.open_pull(&new_pull(&branch, &["forge-reviewer", "nobody-there"])).await.unwrap();
    (number, base, head)
}

fn new_pull(branch: &BranchName, reviewers: &[&str]) -> NewPull {
    let reviewers = reviewers.iter().map(|&reviewer| reviewer.to_owned()).collect();
    NewPull { reviewers, ..crate::forge::testing::new_pull(branch) }
}

fn pin<'a>(pull: u64, base: &'a str, head: &'a str, tree: &'a str) -> Pin<'a> {
    Pin { pull, head, base, base_branch: "main", tree }
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn z2_of_two_runs_one_creates_the_branch() {
    let lab = Lab::new().await;
    let (one, two) = (lab.forge(BOT), lab.forge(BOT));
    let base = one.base_tip().await.unwrap().commit().to_owned();
    let branch = BranchName::new("bpctl/test/a/scale").unwrap();
    let (a, b) = (lab.commit(&base, "a", "1", "a", "a@x.test"), lab.commit(&base, "a", "2", "b", "a@x.test"));
    let (first, second) = tokio::join!(one.create_branch(&branch, &a), two.create_branch(&branch, &b));
    let answers = [first.unwrap(), second.unwrap()];
    assert_eq!(answers.iter().filter(|answer| **answer == Created::Created).count(), 1, "{answers:?}");
    let now = one.branch(&branch).await.unwrap().unwrap();
    assert!(answers.contains(&Created::Exists(now.clone())), "{answers:?}");
    // The same commit once more is no second creation.
    assert_eq!(one.create_branch(&branch, &now).await.unwrap(), Created::Exists(now.clone()));
    let other = if now == a { &b } else { &a };
    assert_eq!(one.update_branch(&branch, other, &base).await.unwrap(), Swapped::Moved(Some(now.clone())));
    assert_eq!(one.update_branch(&branch, &now, other).await.unwrap(), Swapped::Swapped);
    assert_eq!(one.delete_branch(&branch, &now).await.unwrap(), Swapped::Moved(Some(other.clone())));
    assert_eq!(one.delete_branch(&branch, other).await.unwrap(), Swapped::Swapped);
    assert_eq!(one.delete_branch(&branch, other).await.unwrap(), Swapped::Moved(None));
    assert_eq!(one.branch(&branch).await.unwrap(), None);
    let hostile = BranchName::new("a/--upload-pack=touch").unwrap();
    assert_eq!(one.branch(&hostile).await.unwrap(), None);
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn a_proposal_is_opened_once_and_described() {
    let lab = Lab::new().await;
    let bot = lab.forge(BOT);
    let clock = bot.clock().await.unwrap();
    assert!(clock.from_server);
    assert_eq!(bot.identity().await.unwrap().login.raw(), "forge-bot");
    let (number, _, head) = propose(&lab, BOT, "once").await;
    let branch = BranchName::new("bpctl/test/once").unwrap();
    let pull = new_pull(&branch, &[]);
    let (again, third) = tokio::join!(bot.propose(&pull), bot.open(&pull));
    assert_eq!((again.unwrap(), third.unwrap()), (number, number));
    bot.update_pull(number, "Other", "text").await.unwrap();
    let facts = bot.pull(number).await.unwrap();
    assert_eq!((facts.title.raw(), facts.head.as_str(), facts.base_branch.as_str()), ("Other", head.as_str(), "main"));
    assert_eq!(facts.head_branch.as_deref(), Some(branch.as_str()));
    assert_eq!(facts.last_pusher.known().unwrap().login.raw(), "forge-bot");
    assert_eq!(facts.co_authors.known().unwrap().iter().map(|who| who.login.raw()).collect::<Vec<_>>(), ["forge-bot"]);
    assert!(facts.reviews.known().unwrap().is_empty() && facts.required_checks.known().unwrap().is_empty());
    assert!(!facts.draft && facts.state == bpctl_core::observe::PullState::Open);
    assert_eq!(bot.pulls(PullFilter::Open).await.unwrap().len(), 1);
    bot.update_pull(number, "WIP: Other", "text").await.unwrap();
    assert!(bot.pull(number).await.unwrap().draft);
    bot.close_pull(number, "over").await.unwrap();
    bot.close_pull(number, "over").await.unwrap();
    let closed = bot.pull(number).await.unwrap();
    let bpctl_core::observe::PullState::Closed { by, .. } = closed.state else { panic!("{:?}", closed.state) };
    assert_eq!(by.unwrap().login.raw(), "forge-bot");
    // A branch that outlives its closed pull request and moves on is not what was proposed (Z5).
    let next = lab.commit(&head, "x", "x", "x", "a@x.test");
    assert_eq!(bot.update_branch(&branch, &head, &next).await.unwrap(), Swapped::Swapped);
    let listed = bot.pulls(PullFilter::UpdatedSince(closed.opened_at)).await.unwrap();
    assert_eq!((listed.len(), listed[0].head.as_str()), (1, head.as_str()));
    assert_eq!(bot.pull(number).await.unwrap().head, head);
    assert_ne!(bot.open_pull(&new_pull(&branch, &[])).await.unwrap(), number);
    assert!(bot.pulls(PullFilter::UpdatedSince(clock.now + Duration::from_hours(1))).await.unwrap().is_empty());
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn t26_t27_reviews_and_pushers_are_told_as_recorded() {
    let lab = Lab::new().await;
    let bot = lab.forge(BOT);
    let (number, _, head) = propose(&lab, BOT, "reviews").await;
    let first = lab.review(REVIEWER, number, "APPROVED", &head).await;
    lab.review(AUTHOR, number, "COMMENT", &head).await;
    let facts = bot.pull(number).await.unwrap();
    let reviews = facts.reviews.known().unwrap();
    let told: Vec<_> = reviews.iter().map(|review| (review.reviewer.login.raw(), review.state, review.stale)).collect();
    assert_eq!(
        told,
        [("forge-reviewer", ReviewState::Approved, false), ("forge-author", ReviewState::Commented, false),]
    );
    assert!(reviews.iter().all(|review| review.rights.known() == Some(&Rights::Write) && !review.reviewer.bot));
    assert_eq!((reviews[0].commit.as_str(), reviews[0].body.raw()), (head.as_str(), "because"));
    // Somebody else's unfinished review is counted by the server and not shown.
    let body = json!({ "body": "hm", "comments": [{ "path": "reviews.txt", "body": "?", "new_position": 1 }] });
    assert_eq!(lab.repo_call(AUTHOR, Method::POST, &format!("/pulls/{number}/reviews"), body).await.0, 200);
    assert_eq!(bot.pull(number).await.unwrap().reviews.known().unwrap().len(), 2);
    // The author of the pull request is bpctl; the author account pushes on top.
    let branch = BranchName::new("bpctl/test/reviews").unwrap();
    let message = "more\n\nCo-authored-by: R <forge-reviewer@forge.test>\nCo-authored-by: X <x@elsewhere.test>";
    let next = lab.commit(&head, "reviews.txt", "other", message, "forge-author@forge.test");
    assert_eq!(lab.forge(AUTHOR).update_branch(&branch, &head, &next).await.unwrap(), Swapped::Swapped);
    let facts = bot.pull(number).await.unwrap();
    assert_eq!(facts.head, next);
    assert_eq!(facts.last_pusher.known().unwrap().login.raw(), "forge-author");
    let ids: Vec<_> = facts.co_authors.known().unwrap().iter().map(|who| who.id.clone()).collect();
    assert_eq!(ids, ["2", "3", "4", "email:x@elsewhere.test"]);
    // Forced back by the reviewer: the same commit, another pusher.
    assert_eq!(lab.forge(REVIEWER).update_branch(&branch, &next, &head).await.unwrap(), Swapped::Swapped);
    let facts = bot.pull(number).await.unwrap();
    assert_eq!(facts.last_pusher.known().unwrap().login.raw(), "forge-reviewer", "{:?}", facts.last_pusher);
    let path = format!("/pulls/{number}/reviews/{first}/dismissals");
    assert_eq!(lab.repo_call(ADMIN, Method::POST, &path, json!({ "message": "no" })).await.0, 200);
    let facts = bot.pull(number).await.unwrap();
    assert_eq!(facts.reviews.known().unwrap()[0].state, ReviewState::Dismissed);
    // Asked again: the approval is taken back.
    lab.review(REVIEWER, number, "APPROVED", &head).await;
    assert!(!bot.pull(number).await.unwrap().reviews.known().unwrap().iter().any(|review| review.stale));
    let body = json!({ "reviewers": ["forge-reviewer"] });
    assert_eq!(lab.repo_call(ADMIN, Method::POST, &format!("/pulls/{number}/requested_reviewers"), body).await.0, 201);
    let facts = bot.pull(number).await.unwrap();
    assert!(facts.reviews.known().unwrap().last().unwrap().stale, "{:?}", facts.reviews);
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn t27_who_opens_a_pull_request_for_a_branch_is_not_its_pusher() {
    let lab = Lab::new().await;
    let author = lab.forge(AUTHOR);
    let base = author.base_tip().await.unwrap().commit().to_owned();
    let head = lab.commit(&base, "a", "a", "a", "a@x.test");
    let branch = BranchName::new("feature").unwrap();
    author.create_branch(&branch, &head).await.unwrap();
    let number = lab.forge(REVIEWER).open_pull(&new_pull(&branch, &[])).await.unwrap();
    let facts = lab.forge(BOT).pull(number).await.unwrap();
    assert_eq!(facts.author.login.raw(), "forge-reviewer");
    assert_eq!(facts.last_pusher.known().unwrap().login.raw(), "forge-author");
    // Without an administrator's token nothing is told about rights.
    lab.review(ADMIN, number, "APPROVED", &head).await;
    let facts = author.pull(number).await.unwrap();
    assert!(facts.reviews.known().unwrap()[0].rights.known().is_none());
    assert_eq!(facts.required_checks.known().unwrap(), &Vec::<String>::new());
    let facts = lab.forge(BOT).pull(number).await.unwrap();
    assert_eq!(facts.reviews.known().unwrap()[0].rights.known(), Some(&Rights::Write));
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn t5_a_reader_has_no_rights() {
    let lab = Lab::new().await;
    let (number, _, head) = propose(&lab, AUTHOR, "reader").await;
    let path = "/collaborators/forge-reviewer";
    assert_eq!(lab.repo_call(ADMIN, Method::PUT, path, json!({ "permission": "read" })).await.0, 204);
    lab.review(REVIEWER, number, "APPROVED", &head).await;
    let facts = lab.forge(BOT).pull(number).await.unwrap();
    assert_eq!(facts.reviews.known().unwrap()[0].rights.known(), Some(&Rights::Read));
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn z9_lists_longer_than_a_page_arrive_whole() {
    let lab = Lab::new().await;
    let bot = lab.forge(BOT);
    let base = bot.base_tip().await.unwrap().commit().to_owned();
    for i in 0..53 {
        let path = format!("/statuses/{base}");
        let body = json!({ "state": "success", "context": format!("ci/{i}") });
        assert_eq!(lab.repo_call(AUTHOR, Method::POST, &path, body).await.0, 201);
    }
    let checks = bot.checks(&base).await.unwrap();
    assert_eq!((checks.len(), checks[0].name.as_str(), checks[52].name.as_str()), (53, "ci/0", "ci/52"));
    assert_eq!(checks[0].by.login.raw(), "forge-author");
}

/// Would miss: a marker by somebody else taken for bpctl's own, and one that stands after more comments than a page holds.
#[tokio::test]
#[ignore = "needs the lab"]
async fn t09_z09_own_comments_are_found_among_many_and_changed() {
    let lab = Lab::new().await;
    let bot = lab.forge(BOT);
    let (number, _, _) = propose(&lab, AUTHOR, "talk").await;
    let path = format!("/issues/{number}/comments");
    for text in ["<!-- bpctl:staging -->\nforged".to_owned()].into_iter().chain((0..55).map(|i| format!("talk {i}"))) {
        assert_eq!(lab.repo_call(AUTHOR, Method::POST, &path, json!({ "body": text })).await.0, 201);
    }
    let marker = "<!-- bpctl:staging -->\n";
    assert!(bot.comments(number, marker).await.unwrap().is_empty());
    let posted = bot.post_comment(number, &format!("{marker}one")).await.unwrap();
    bot.post_comment(number, "<!-- bpctl:prod -->\none").await.unwrap();
    assert_eq!(bot.comments(number, marker).await.unwrap(), std::slice::from_ref(&posted));
    bot.edit_comment(number, &posted.id, &format!("{marker}two")).await.unwrap();
    let found = bot.comments(number, marker).await.unwrap();
    assert_eq!((found[0].id.as_str(), found[0].body.as_str()), (posted.id.as_str(), "<!-- bpctl:staging -->\ntwo"));
    bot.remove_comment(number, &posted.id).await.unwrap();
    bot.remove_comment(number, &posted.id).await.unwrap();
    assert!(bot.comments(number, marker).await.unwrap().is_empty());
    assert!(bot.edit_comment(number, &posted.id, "x").await.is_err());
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn a_check_is_written_once() {
    let lab = Lab::new().await;
    let bot = lab.forge(BOT);
    let base = bot.base_tip().await.unwrap().commit().to_owned();
    for conclusion in
        [CheckConclusion::Pending, CheckConclusion::Neutral, CheckConclusion::Failure, CheckConclusion::Success]
    {
        bot.set_check(&base, "bpctl/verdict", conclusion, "a | b").await.unwrap();
        bot.set_check(&base, "bpctl/verdict", conclusion, "a | b").await.unwrap();
        let checks = bot.checks(&base).await.unwrap();
        assert_eq!((checks.len(), checks[0].conclusion, checks[0].summary.raw()), (1, conclusion, "a | b"));
    }
    assert_eq!(bot.statuses(&base).await.unwrap().len(), 4);
    // T29: another account's status of the same name stands beside it.
    lab.forge(AUTHOR).set_check(&base, "bpctl/verdict", CheckConclusion::Failure, "no").await.unwrap();
    let checks = bot.checks(&base).await.unwrap();
    assert_eq!(checks.iter().map(|check| check.by.login.raw()).collect::<Vec<_>>(), ["forge-bot", "forge-author"]);
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn a_pinned_merge_lands_the_permitted_tree_once() {
    let lab = Lab::new().await;
    let bot = lab.forge(BOT);
    let (number, base, head) = propose(&lab, AUTHOR, "land").await;
    let tree = lab.merged(&base, &head);
    let landed = bot.land(pin(number, &base, &head, &tree), "Title\n\nText: one\ntwo").await.unwrap();
    let Landed::Merged { commit, at, tree_as_permitted: true } = landed.clone() else { panic!("{landed:?}") };
    let info = bot.remote.repository().commit_info(&commit).unwrap();
    assert_eq!(info.parents, [base.clone(), head.clone()]);
    assert!(info.message.raw().starts_with("Title\n\nText: one\ntwo"), "{:?}", info.message);
    assert_eq!(bot.base_tip().await.unwrap().commit(), commit);
    assert_eq!(bot.land(pin(number, &base, &head, &tree), "again").await.unwrap(), landed);
    let other = bot.land(pin(number, &base, &head, &base), "again").await.unwrap();
    assert!(matches!(other, Landed::Merged { tree_as_permitted: false, .. }), "Z20: {other:?}");
    let by = Some(bot.identity().await.unwrap());
    let facts = bot.pull(number).await.unwrap();
    assert_eq!(facts.state, bpctl_core::observe::PullState::Merged { at, commit, by });
    assert_eq!(facts.head, head);
    assert_eq!(bot.branch(&BranchName::new("bpctl/test/land").unwrap()).await.unwrap(), Some(head));
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn t23_t24_what_moved_is_not_merged() {
    let lab = Lab::new().await;
    let bot = lab.forge(BOT);
    let (number, base, head) = propose(&lab, AUTHOR, "moved").await;
    let branch = BranchName::new("bpctl/test/moved").unwrap();
    let tree = lab.merged(&base, &head);
    let next = lab.commit(&head, "more", "more", "more", "a@x.test");
    lab.forge(AUTHOR).update_branch(&branch, &head, &next).await.unwrap();
    assert_eq!(bot.land(pin(number, &base, &head, &tree), "m").await.unwrap(), Landed::Moved);
    // The server's own pin, without bpctl's look beforehand.
    for _ in 0..40 {
        let body = json!({ "Do": "merge", "head_commit_id": head });
        let (status, answer) = lab.repo_call(BOT, Method::POST, &format!("/pulls/{number}/merge"), body).await;
        if status != 405 {
            assert_eq!((status, answer["message"].as_str()), (409, Some("head out of date")));
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let tip = lab.commit(&base, "base", "base", "base", "a@x.test");
    assert_eq!(bot.update_branch(&BranchName::new("main").unwrap(), &base, &tip).await.unwrap(), Swapped::Swapped);
    assert_eq!(bot.land(pin(number, &base, &next, &tree), "m").await.unwrap(), Landed::Moved);
    bot.close_pull(number, "over").await.unwrap();
    assert_eq!(bot.land(pin(number, &tip, &next, &tree), "m").await.unwrap(), Landed::Moved);
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn a_protected_branch_holds_the_merge() {
    let lab = Lab::new().await;
    let bot = lab.forge(BOT);
    lab.protect(json!({
        "rule_name": "ma*",
        "required_approvals": 1,
        "enable_status_check": true,
        "status_check_contexts": ["ci/*", "bpctl/verdict", "lint"],
        "dismiss_stale_approvals": true,
    }))
    .await;
    let (number, base, head) = propose(&lab, AUTHOR, "held").await;
    lab.forge(AUTHOR).set_check(&head, "ci/one", CheckConclusion::Success, "").await.unwrap();
    for who in [BOT, AUTHOR] {
        let facts = lab.forge(who).pull(number).await.unwrap();
        assert_eq!(facts.required_checks.known().unwrap(), &["ci/one", "lint"], "seen by {who}");
    }
    let tree = lab.merged(&base, &head);
    let landed = bot.land(pin(number, &base, &head, &tree), "m").await.unwrap();
    assert!(matches!(&landed, Landed::Held(said) if !said.raw().is_empty()), "{landed:?}");
    let direct = bot.update_branch(&BranchName::new("main").unwrap(), &base, &head).await;
    assert!(matches!(direct, Err(ForgeError::Git { .. })), "{direct:?}");
    // A value changes: the server dismisses the approval by itself.
    lab.review(REVIEWER, number, "APPROVED", &head).await;
    let next = lab.commit(&head, "held.txt", "other", "other", "a@x.test");
    lab.forge(AUTHOR).update_branch(&BranchName::new("bpctl/test/held").unwrap(), &head, &next).await.unwrap();
    let mut dismissed = false;
    for _ in 0..20 {
        let facts = bot.pull(number).await.unwrap();
        dismissed = facts.reviews.known().unwrap()[0].state == ReviewState::Dismissed;
        if dismissed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(dismissed);
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn a_conflict_is_held_not_waited_for_without_end() {
    let lab = Lab::new().await;
    let bot = lab.forge(BOT);
    let (number, base, head) = propose(&lab, AUTHOR, "conflict").await;
    let tip = lab.commit(&base, "conflict.txt", "else", "base", "a@x.test");
    bot.update_branch(&BranchName::new("main").unwrap(), &base, &tip).await.unwrap();
    let landed = bot.land(pin(number, &tip, &head, &tip), "m").await.unwrap();
    assert!(matches!(landed, Landed::Held(_) | Landed::Moved), "{landed:?}");
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn t3_a_fork_has_no_branch_here() {
    let lab = Lab::new().await;
    let (status, fork) = lab.repo_call(AUTHOR, Method::POST, "/forks", json!({ "name": lab.repo })).await;
    assert_eq!(status, 202, "{fork}");
    let bot = lab.forge(BOT);
    let base = bot.base_tip().await.unwrap().commit().to_owned();
    let head = lab.commit(&base, "fork", "fork", "fork", "a@x.test");
    let url = format!("{}/forge-author/{}.git", lab.server, lab.repo);
    let repository = Arc::new(Repository::discover(lab.here.path()).unwrap());
    let remote = GitRemote::new(repository, &url, Some(&SecretString::from(token(AUTHOR)))).unwrap();
    remote.push("refs/heads/feature", &head, None).await.unwrap();
    let body = json!({ "head": "forge-author:feature", "base": "main", "title": "fork" });
    let (status, pull) = lab.repo_call(AUTHOR, Method::POST, "/pulls", body).await;
    assert_eq!(status, 201, "{pull}");
    let number = pull["number"].as_u64().unwrap();
    let facts = bot.pull(number).await.unwrap();
    assert_eq!((facts.head_branch, facts.head.as_str()), (None, head.as_str()));
    assert!(facts.last_pusher.known().is_none());
    assert_eq!(bot.pulls(PullFilter::Open).await.unwrap()[0].head_branch, None);
    // A branch of the same name here is another one.
    let branch = BranchName::new("feature").unwrap();
    bot.create_branch(&branch, &head).await.unwrap();
    assert_ne!(bot.open_pull(&new_pull(&branch, &[])).await.unwrap(), number);
}

/// The server, behind a line that loses the answers to POSTs whose path ends so; counts them.
fn lossy(server: &str, path_end: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let target = Url::parse(server).unwrap().socket_addrs(|| None).unwrap()[0];
    let lost = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&lost);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, count) = (client.unwrap(), Arc::clone(&count));
            std::thread::spawn(move || {
                let mut server = TcpStream::connect(target).unwrap();
                let drop_answer = Arc::new(std::sync::atomic::AtomicBool::new(false));
                let (mut back, mut front) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let dropping = Arc::clone(&drop_answer);
                std::thread::spawn(move || {
                    let mut buffer = vec![0; 65536];
                    while let Ok(read @ 1..) = back.read(&mut buffer) {
                        if dropping.load(Ordering::SeqCst) || front.write_all(&buffer[..read]).is_err() {
                            break;
                        }
                    }
                    let _ = front.shutdown(std::net::Shutdown::Both);
                });
                let mut buffer = vec![0; 65536];
                while let Ok(read @ 1..) = client.read(&mut buffer) {
                    let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
                    let line = text.lines().next().unwrap_or_default();
                    if line.starts_with("POST ") && line.contains(&format!("{path_end} HTTP")) {
                        drop_answer.store(true, Ordering::SeqCst);
                        count.fetch_add(1, Ordering::SeqCst);
                    }
                    if server.write_all(&buffer[..read]).is_err() {
                        break;
                    }
                }
                let _ = server.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    (url, lost)
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn z3_after_a_lost_answer_to_a_merge_the_state_is_read() {
    let lab = Lab::new().await;
    let (number, base, head) = propose(&lab, AUTHOR, "lost").await;
    let tree = lab.merged(&base, &head);
    let (url, lost) = lossy(&lab.server, "/merge");
    let mut landed = Ok(Landed::Moved);
    for _ in 0..20 {
        landed = lab.forge_at(&url, BOT).land(pin(number, &base, &head, &tree), "m").await;
        // The answer "try again later" may be the one that was lost: nothing happened then.
        if landed.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(matches!(landed, Ok(Landed::Merged { tree_as_permitted: true, .. })), "{landed:?}");
    assert!(lost.load(Ordering::SeqCst) > 0);
    let log = lab.forge(BOT);
    let tip = log.base_tip().await.unwrap();
    assert_eq!(log.remote.repository().commit_info(tip.commit()).unwrap().parents, [base, head], "merged once");
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn z3_after_a_lost_answer_to_an_opening_the_pull_request_is_found() {
    let lab = Lab::new().await;
    let (url, lost) = lossy(&lab.server, "/pulls");
    let forge = lab.forge_at(&url, BOT);
    let base = forge.base_tip().await.unwrap().commit().to_owned();
    let head = lab.commit(&base, "a", "a", "a", "a@x.test");
    let branch = BranchName::new("bpctl/test/lost").unwrap();
    assert_eq!(forge.create_branch(&branch, &head).await.unwrap(), Created::Created);
    let mut number = forge.open_pull(&new_pull(&branch, &[])).await;
    if number.is_err() {
        number = forge.open_pull(&new_pull(&branch, &[])).await;
    }
    assert_eq!((number.unwrap(), lost.load(Ordering::SeqCst)), (1, 1));
    assert_eq!(lab.forge(BOT).pulls(PullFilter::UpdatedSince(Timestamp::UNIX_EPOCH)).await.unwrap().len(), 1);
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn z8_after_a_lost_answer_to_a_check_it_is_not_written_twice() {
    let lab = Lab::new().await;
    let base = lab.forge(BOT).base_tip().await.unwrap().commit().to_owned();
    let (url, lost) = lossy(&lab.server, base.clone().leak());
    let forge = lab.forge_at(&url, BOT);
    for _ in 0..2 {
        let _ = forge.set_check(&base, "bpctl/verdict", CheckConclusion::Success, "yes").await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert_eq!((forge.statuses(&base).await.unwrap().len(), lost.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test]
#[ignore = "needs the lab"]
async fn z2_eight_runs_open_one_pull_request() {
    let lab = Arc::new(Lab::new().await);
    let base = lab.forge(BOT).base_tip().await.unwrap().commit().to_owned();
    let branch = BranchName::new("bpctl/test/many").unwrap();
    let runs: Vec<_> = (0..8)
        .map(|i| {
            let (lab, branch, head) =
                (Arc::clone(&lab), branch.clone(), lab.commit(&base, "a", &i.to_string(), "a", "a@x.test"));
            tokio::spawn(async move {
                let forge = lab.forge(BOT);
                let created = forge.create_branch(&branch, &head).await.unwrap();
                (created == Created::Created, forge.open_pull(&new_pull(&branch, &["forge-reviewer"])).await.unwrap())
            })
        })
        .collect();
    let mut answers = Vec::new();
    for run in runs {
        answers.push(run.await.unwrap());
    }
    assert_eq!(answers.iter().filter(|(created, _)| *created).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|(_, number)| *number == answers[0].1), "{answers:?}");
    let all = lab.forge(BOT).pulls(PullFilter::UpdatedSince(Timestamp::UNIX_EPOCH)).await.unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
}

/// The server itself opens as many as it is asked for at the same time.
#[tokio::test]
#[ignore = "needs the lab"]
async fn z2_of_pull_requests_opened_at_the_same_time_one_stays_open() {
    let lab = Arc::new(Lab::new().await);
    let forge = lab.forge(BOT);
    let base = forge.base_tip().await.unwrap().commit().to_owned();
    let branch = BranchName::new("bpctl/test/twice").unwrap();
    forge.create_branch(&branch, &lab.commit(&base, "a", "a", "a", "a@x.test")).await.unwrap();
    let runs: Vec<_> = (0..6)
        .map(|_| {
            let (forge, pull) = (lab.forge(BOT), new_pull(&branch, &[]));
            tokio::spawn(async move { forge.open(&pull).await.unwrap() })
        })
        .collect();
    for run in runs {
        run.await.unwrap();
    }
    let all = forge.pulls(PullFilter::UpdatedSince(Timestamp::UNIX_EPOCH)).await.unwrap();
    let open: Vec<_> = all.iter().filter(|pull| pull.state == bpctl_core::observe::PullState::Open).collect();
    assert_eq!(open.iter().map(|pull| pull.number).collect::<Vec<_>>(), [1], "{all:?}");
    for pull in &all {
        if let bpctl_core::observe::PullState::Closed { by, .. } = &pull.state {
            assert_eq!(by.as_ref().unwrap().login.raw(), "forge-bot");
        }
    }
}
