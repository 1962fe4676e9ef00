//! The comment on a pull request, on the real server: one for each environment, whoever else writes, and however often bpctl runs.

use bpctl::pipeline::Call;
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::server::{ADMIN, AUTHOR, Shop};
use crate::kill::{On, Story, calls, delivered};
use crate::support::{Ran, lab, wait_for};

const MARKER: &str = "<!-- bpctl:staging -->";

/// A person's pull request, checked out, and the file of its plan.
struct Proposed {
    shop: Shop,
    number: u64,
}

impl Proposed {
    fn new() -> Self {
        Self::under("direct")
    }

    fn under(delivery: &str) -> Self {
        let shop = Shop::changed(|repo| delivered(repo, delivery));
        shop.repo.git(&["checkout", "-q", "-b", "feature"]);
        let proposed = Self { shop, number: 0 };
        proposed.push("replicas: 2 ", "replicas: 4 ");
        let body = json!({ "head": "feature", "base": "main", "title": "more of it" });
        let opened = proposed.shop.api(AUTHOR, "POST", "/pulls", body, 201);
        let proposed = Self { number: opened["number"].as_u64().expect("a number"), ..proposed };
        proposed.plan();
        proposed
    }

    fn push(&self, from: &str, to: &str) {
        self.shop.repo.replace("deploy/frontend.yaml", from, to);
        self.shop.repo.commit(&[], "a change");
        self.shop.push(AUTHOR, "feature");
    }

    /// As a job does that has no right to write.
    fn plan(&self) {
        let arguments = ["plan", "--env", "staging", "--base", "main", "--out", "../plan.json", "-o", "markdown"];
        self.shop.bpctl().run(&arguments).exits(0);
    }

    fn comment(&self, more: &[&str]) -> Ran {
        let number = self.number.to_string();
        let arguments = [&["comment", &number, "--plan", "../plan.json", "-o", "json"], more].concat();
        self.shop.bpctl().run(&arguments)
    }

    #[track_caller]
    fn done(&self, more: &[&str]) -> (String, String) {
        let told = self.comment(more).exits(0).json();
        let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
        (text("done"), text("comment"))
    }

    /// All comments that begin with the marker.
    fn marked(&self) -> Vec<Json> {
        let all = self.shop.api(ADMIN, "GET", &format!("/issues/{}/comments", self.number), json!(null), 200);
        let marked = |comment: &&Json| comment["body"].as_str().is_some_and(|body| body.starts_with(MARKER));
        all.as_array().expect("a list").iter().filter(marked).cloned().collect()
    }
}

/// T9, Z9, Z16. Would miss: a second comment, a write that changes nothing, somebody else's marker, a plan of an older head told as the news.
#[test]
fn t09_one_comment_is_found_again_and_says_what_is_true_now() {
    let it = Proposed::new();
    let forged = json!({ "body": format!("{MARKER}\n### bpctl · staging — allowed") });
    it.shop.api(AUTHOR, "POST", &format!("/issues/{}/comments", it.number), forged, 201);
    let (done, id) = it.done(&["--run-url", "https://ci.test/run/7"]);
    assert_eq!(done, "posted");
    assert_eq!(it.done(&["--run-url", "https://ci.test/run/7"]), ("unchanged".into(), id.clone()));
    let marked = it.marked();
    assert_eq!(marked.len(), 2, "the forged one is left alone");
    let body = marked[1]["body"].as_str().expect("a body");
    let head = it.shop.head(it.number);
    let line = format!("{}/src/commit/{head}/deploy/frontend.yaml#L9", it.shop.address().trim_end_matches(".git"));
    assert!(body.contains(&line) && body.contains("](https://ci.test/run/7)"), "{body}");
    // A push while the plan was made: a newer run tells it.
    it.push("replicas: 4 ", "replicas: 3 ");
    super::server::head_becomes(&it.shop, it.number, it.shop.repo.git(&["rev-parse", "HEAD"]).trim());
    let late = it.comment(&[]).exits(0).json();
    assert!(late["because"].as_str().is_some_and(|why| why.contains("a newer run tells it")), "{late}");
    it.plan();
    assert_eq!(it.done(&[]), ("updated".into(), id.clone()));
    // Back to what base has: the earlier comment says so.
    it.push("replicas: 3 ", "replicas: 2 ");
    super::server::head_becomes(&it.shop, it.number, it.shop.repo.git(&["rev-parse", "HEAD"]).trim());
    it.plan();
    assert_eq!(it.done(&["--when", "on-change"]), ("updated".into(), id));
    assert!(it.marked()[1]["body"].as_str().is_some_and(|body| body.contains("nothing to do because of this change")));
    // Of a head that could not be planned nothing stands that was said of another: not on the older head's word, and once.
    let nowhere = |on: &[&str]| {
        let number = it.number.to_string();
        let command = [&["comment", &number, "--plan", "nowhere.json", "--env", "staging"], on].concat();
        it.shop.bpctl().run(&command).exits(1)
    };
    it.shop.repo.git(&["checkout", "-q", "--detach", "HEAD^"]);
    nowhere(&[]);
    assert!(it.marked()[1]["body"].as_str().is_some_and(|body| body.contains("nothing to do because of this change")));
    it.shop.repo.git(&["checkout", "-q", "-"]);
    nowhere(&["--when", "never"]);
    assert!(
        nowhere(&["--run-url", "https://ci.test/run/9"]).stdout.contains("says that there is no plan of this head")
    );
    let body = it.marked()[1]["body"].as_str().expect("a body").to_owned();
    assert!(body.contains("could not be planned") && body.contains("](https://ci.test/run/9)"), "{body}");
    assert_eq!(nowhere(&["--run-url", "https://ci.test/run/9"]).stdout, "");
    // Written anew, below the talk.
    it.push("replicas: 2 ", "replicas: 5 ");
    super::server::head_becomes(&it.shop, it.number, it.shop.repo.git(&["rev-parse", "HEAD"]).trim());
    it.plan();
    assert_eq!(it.done(&["--method", "recreate"]).0, "posted");
    assert_eq!(it.done(&["--method", "recreate"]).0, "unchanged");
    assert_eq!(it.marked().len(), 2);
}

/// Would miss: a first comment on a change that does nothing, where none was wanted.
#[test]
fn a_change_that_does_nothing_gets_no_comment_where_none_is_wanted() {
    let it = Proposed::new();
    it.push("replicas: 4 ", "replicas: 2 ");
    super::server::head_becomes(&it.shop, it.number, it.shop.repo.git(&["rev-parse", "HEAD"]).trim());
    it.plan();
    assert_eq!(it.done(&["--when", "on-change"]).0, "nothing");
    let number = it.number.to_string();
    let unplanned = ["comment", &number, "--plan", "nowhere.json", "--env", "staging", "--when"];
    let ran = it.shop.bpctl().run(&[&unplanned[..], &["on-change"]].concat()).exits(1);
    assert!(ran.stderr.contains("there is no plan: nowhere.json does not exist"), "{ran:?}");
    assert!(it.marked().is_empty());
    // A first head that could not be planned: without a word people would wait. The secret's line break is none of the token.
    let token = format!("{}\n", lab("LAB_FORGE_TOKEN_BOT"));
    it.shop.bpctl().with("BPCTL_TOKEN", token).run(&[&unplanned[..], &["always"]].concat()).exits(1);
    let posted = it.marked().first().map(|comment| comment["body"].as_str().expect("a body").to_owned());
    assert!(posted.as_ref().is_some_and(|body| body.contains("could not be planned")), "{posted:?}");
    assert_eq!(it.done(&["--when", "on-change"]).0, "updated");
    it.shop.api(ADMIN, "DELETE", &format!("/issues/comments/{}", it.marked()[0]["id"]), json!(null), 204);
    assert_eq!(it.done(&["--when", "always"]).0, "posted");
}

/// Z1. Would miss: a comment that is written twice because nobody wrote down that it was, and one that is left beside the new one.
#[rstest]
fn z01_a_comment_is_written_once_by_whoever_is_killed(#[values("direct", "gitops")] delivery: &str) {
    let it = Proposed::under(delivery);
    let number = it.number.to_string();
    for call in calls(Story::Commented, On::Gitea, delivery) {
        let more: &[&str] = if call == Call::RemoveComment { &["--method", "recreate"] } else { &[] };
        for moment in ["before", "after"] {
            let point = format!("{}:{moment}", call.name());
            if call == Call::PostComment {
                for comment in it.marked() {
                    it.shop.api(ADMIN, "DELETE", &format!("/issues/comments/{}", comment["id"]), json!(null), 204);
                }
            } else {
                it.comment(&["--run-url", "https://ci.test/1"]).exits(0);
            }
            let arguments = [&["comment", &number, "--plan", "../plan.json"], more].concat();
            let killed = it.shop.bpctl().with("BPCTL_FAIL_POINT", &point).run(&arguments);
            assert_eq!(killed.signal, Some(9), "{point}: {killed:?}");
            it.comment(more).exits(0);
            assert_eq!(it.done(more).0, "unchanged", "{point}");
            let marked = it.marked();
            assert_eq!(marked.len(), 1, "{point}");
            assert!(!marked[0]["body"].as_str().expect("a body").contains("ci.test"), "{point}");
        }
    }
}

/// Z2. Would miss: two runs that each find none and write one.
#[test]
fn z02_runs_at_once_leave_one_comment() {
    let it = Proposed::new();
    let number = it.number.to_string();
    let arguments = ["comment", number.as_str(), "--plan", "../plan.json"];
    let started: Vec<_> = (0..4).map(|_| it.shop.bpctl().command(&arguments).spawn().expect("bpctl starts")).collect();
    for child in started {
        Ran::of(child.wait_with_output().expect("it ends")).exits(0);
    }
    wait_for("one comment", 10, || (it.marked().len() == 1).then_some(()));
    assert_eq!(it.done(&[]).0, "unchanged");
}
