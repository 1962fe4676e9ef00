//! A shop on the server: each test has a repository of its own there, and a clone of it here.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Program, Ran, Repo, lab, wait_for};

pub const ADMIN: &str = "ADMIN";
pub const AUTHOR: &str = "AUTHOR";
pub const REVIEWER: &str = "REVIEWER";
pub const BOT: &str = "BOT";

/// A repository of `forge-admin`. Author and reviewer may write; bpctl's account `forge-bot` administers it, because Gitea tells
/// nobody else what a reviewer may do.
pub struct Shop {
    pub repo: Repo,
    pub name: String,
}

impl Shop {
    /// The shipped example on the server, with `forge-reviewer` as the approver.
    pub fn new() -> Self {
        Self::changed(|_| {})
    }

    /// The same, after a change to its files.
    pub fn changed(change: impl FnOnce(&Repo)) -> Self {
        let repo = Repo::shop();
        let unique =
            repo.folder.path().file_name().and_then(|name| name.to_str()).expect("a name").trim_start_matches('.');
        let name = format!("shop-{unique}");
        repo.replace("bpctl.yaml", "forge: local ", "forge: gitea ");
        repo.replace("bpctl.yaml", "local: {allowed_signers: blueprints/allowed_signers}\n", "");
        for blueprint in ["backend", "backend-canary", "frontend"] {
            repo.replace(&format!("blueprints/{blueprint}/blueprint.yaml"), "alice@shop.example", "forge-reviewer");
        }
        change(&repo);
        repo.commit(&[], "for the server");
        let shop = Self { repo, name };
        call(ADMIN, "POST", "/user/repos", json!({ "name": shop.name, "default_branch": "main" }), 201);
        for (who, may) in [("forge-author", "write"), ("forge-reviewer", "write"), ("forge-bot", "admin")] {
            shop.api(ADMIN, "PUT", &format!("/collaborators/{who}"), json!({ "permission": may }), 204);
        }
        shop.repo.git(&["remote", "add", "origin", &shop.address()]);
        shop.push(ADMIN, "main");
        // The server learns of a push a moment later.
        wait_for("the repository's first push", 30, || {
            (shop.api(ADMIN, "GET", "", json!(null), 200)["empty"] == false).then_some(())
        });
        // As the set-up says.
        shop.rebases(false);
        shop
    }

    /// Lets people merge so that each commit comes to stand on the base branch, or not.
    pub fn rebases(&self, may: bool) {
        let ways = json!({
            "has_pull_requests": true,
            "allow_rebase": may,
            "allow_rebase_explicit": may,
            "allow_fast_forward_only_merge": may,
        });
        self.api(ADMIN, "PATCH", "", ways, 200);
    }

    /// Its address, without credentials.
    pub fn address(&self) -> String {
        format!("{}/forge-admin/{}.git", lab("LAB_FORGE_URL"), self.name)
    }

    /// Its address with somebody's credentials, for `git` alone.
    pub fn address_of(&self, who: &str) -> String {
        self.address().replacen("://", &format!("://x:{}@", lab(&format!("LAB_FORGE_TOKEN_{who}"))), 1)
    }

    /// Pushes a refspec as somebody.
    #[track_caller]
    pub fn push(&self, who: &str, refspec: &str) {
        self.repo.git(&["push", "-q", &self.address_of(who), refspec]);
    }

    /// Fetches a full ref and answers its commit.
    #[track_caller]
    pub fn fetch(&self, full_ref: &str) -> String {
        self.repo.git(&["fetch", "-q", "--no-tags", &self.address_of(ADMIN), full_ref]);
        self.repo.git(&["rev-parse", "FETCH_HEAD"]).trim().to_owned()
    }

    /// What refs the server has below a prefix.
    pub fn server_refs(&self, prefix: &str) -> Vec<String> {
        let listed = self.repo.git(&["ls-remote", "--refs", &self.address_of(ADMIN), &format!("{prefix}*")]);
        listed.lines().filter_map(|line| line.split_once('\t')).map(|(_, name)| name.to_owned()).collect()
    }

    /// Another clone, as another machine would have it.
    pub fn another_clone(&self) -> Repo {
        self.clone_with(&[])
    }

    /// The same with options of `git pull`.
    pub fn clone_with(&self, options: &[&str]) -> Repo {
        let clone = Repo::empty();
        clone.git(&[&["pull", "-q"], options, &[&self.address_of(ADMIN), "main"]].concat());
        clone.git(&["remote", "add", "origin", &self.address()]);
        clone
    }

    /// The program in this clone, with bpctl's own account.
    pub fn bpctl(&self) -> Program {
        bpctl(&self.repo)
    }

    /// `bpctl apply`, which has to end well.
    #[track_caller]
    pub fn apply(&self) -> Value {
        self.bpctl().run(&["apply", "--env", "staging", "-o", "json"]).exits(0).json()
    }

    /// `bpctl judge`, as JSON.
    #[track_caller]
    pub fn judge(&self, number: u64) -> Value {
        let ran: Ran = self.bpctl().run(&["judge", &number.to_string(), "--env", "staging", "-o", "json"]);
        assert!(matches!(ran.code, Some(0 | 6)), "{ran:?}");
        ran.json()
    }

    /// Why nobody's approval counts, one line for each reviewer.
    #[track_caller]
    pub fn refusals(&self, number: u64) -> Vec<String> {
        let judged = self.judge(number);
        let reviews = judged["reviews"].as_array().expect("reviews").clone();
        let lines = reviews.iter().map(|review| {
            let login = review["reviewer"]["login"].as_str().expect("a login");
            format!("{login}: {}", review["refused"].as_str().unwrap_or("counts"))
        });
        lines.collect()
    }

    /// A call on this repository.
    #[track_caller]
    pub fn api(&self, who: &str, method: &str, path: &str, body: Value, expected: u16) -> Value {
        call(who, method, &format!("/repos/forge-admin/{}{path}", self.name), body, expected)
    }

    /// All pull requests, by number.
    pub fn pulls(&self) -> Vec<Value> {
        let answer = self.api(ADMIN, "GET", "/pulls?state=all&limit=50", json!(null), 200);
        let mut pulls = answer.as_array().expect("a list").clone();
        pulls.sort_by_key(|pull| pull["number"].as_u64());
        pulls
    }

    pub fn pull(&self, number: u64) -> Value {
        self.api(ADMIN, "GET", &format!("/pulls/{number}"), json!(null), 200)
    }

    /// The number of the only open pull request for a blueprint.
    #[track_caller]
    pub fn open_of(&self, blueprint: &str) -> u64 {
        let branch = branch(blueprint);
        let pulls = self.pulls();
        let mut open = pulls.iter().filter(|pull| pull["state"] == "open" && pull["head"]["label"] == branch.as_str());
        let found = open.next().unwrap_or_else(|| panic!("no open pull request of {branch}: {pulls:?}"));
        assert!(open.next().is_none(), "two open pull requests of {branch}");
        found["number"].as_u64().expect("a number")
    }

    pub fn head(&self, number: u64) -> String {
        self.pull(number)["head"]["sha"].as_str().expect("a commit").to_owned()
    }

    /// Somebody's review of a commit; answers its id.
    #[track_caller]
    pub fn review(&self, who: &str, number: u64, event: &str, commit: &str) -> u64 {
        let body = json!({ "event": event, "body": "looked at it", "commit_id": commit });
        let review = self.api(who, "POST", &format!("/pulls/{number}/reviews"), body, 200);
        review["id"].as_u64().expect("an id")
    }

    /// An approval of what is proposed now.
    #[track_caller]
    pub fn approve(&self, who: &str, number: u64) -> u64 {
        let head = self.head(number);
        self.review(who, number, "APPROVED", &head)
    }

    /// The newest `bpctl/verdict` on a commit: state and text.
    pub fn verdict(&self, commit: &str) -> (String, String) {
        let path = format!("/statuses/{commit}?sort=highestindex");
        let statuses = self.api(ADMIN, "GET", &path, json!(null), 200);
        let mut found: Vec<&Value> =
            statuses.as_array().expect("a list").iter().filter(|status| status["context"] == "bpctl/verdict").collect();
        found.sort_by_key(|status| status["id"].as_u64());
        let text = |status: &Value, key: &str| status[key].as_str().unwrap_or_default().to_owned();
        found.last().map(|status| (text(status, "status"), text(status, "description"))).unwrap_or_default()
    }

    /// A commit on top of another that changes files; in this clone only, its work tree stays.
    #[track_caller]
    pub fn commit_on(&self, parent: &str, path: &str, from: &str, to: &str, message: &str, email: &str) -> String {
        let text = self.repo.git(&["show", &format!("{parent}:{path}")]);
        assert_eq!(text.matches(from).count(), 1, "{from:?} in {path}");
        let scratch = self.repo.folder.path().join("blob");
        std::fs::write(&scratch, text.replace(from, to)).expect("a file");
        let blob = self.repo.git(&["hash-object", "-w", scratch.to_str().expect("a path")]);
        let index = self.repo.folder.path().join("index");
        let git = |arguments: &[&str]| {
            let mut command = self.repo.git_command(arguments);
            command.env("GIT_INDEX_FILE", &index);
            for side in ["AUTHOR", "COMMITTER"] {
                command.env(format!("GIT_{side}_NAME"), "somebody").env(format!("GIT_{side}_EMAIL"), email);
            }
            let output = command.output().expect("git starts");
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
        };
        git(&["read-tree", parent]);
        git(&["update-index", "--cacheinfo", &format!("100644,{},{path}", blob.trim())]);
        let tree = git(&["write-tree"]);
        git(&["commit-tree", "-p", parent, "-m", message, &tree])
    }
}

/// A call on the whole server; answers the body.
#[track_caller]
#[allow(clippy::needless_pass_by_value, reason = "it is what `json!` gives")]
pub fn call(who: &str, method: &str, path: &str, body: Value, expected: u16) -> Value {
    let (status, answer) = ask(who, method, path, &body);
    assert_eq!(status, expected, "{method} {path}: {answer}");
    answer
}

/// The status and the body. Whatever the server said.
pub fn ask(who: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let token = lab(&format!("LAB_FORGE_TOKEN_{who}"));
    ask_with(&format!("header = \"authorization: token {token}\""), method, path, body)
}

/// The same with a line of curl's configuration that says who asks.
fn ask_with(credentials: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let mut child = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "60", "--config", "-", "--request", method])
        .args(["--write-out", "\n%{http_code}", "--header", "content-type: application/json"])
        .args(["--data-binary", &body.to_string()])
        .arg(format!("{}/api/v1{path}", lab("LAB_FORGE_URL")))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("curl starts");
    let secret = format!("{credentials}\n");
    child.stdin.take().expect("stdin").write_all(secret.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("curl ends");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let (answer, status) = text.rsplit_once('\n').expect("a status");
    // A page of HTML is no JSON.
    let page = || if answer.is_empty() { Value::Null } else { answer.into() };
    (status.parse().expect("a status"), serde_json::from_str(answer).unwrap_or_else(|_| page()))
}

/// An account of one test alone.
#[derive(Clone)]
pub struct Account {
    pub login: String,
    pub password: String,
}

impl Account {
    /// A new one with rights on the shop's repository.
    #[track_caller]
    pub fn new(shop: &Shop, login: &str, may: &str) -> Self {
        let account = Self { login: login.to_owned(), password: format!("Pass-{}", shop.name) };
        let email = format!("{login}.{}@forge.test", crate::support::unique());
        let body = json!({
            "username": login, "email": email, "password": account.password, "must_change_password": false
        });
        call(ADMIN, "POST", "/admin/users", body, 201);
        shop.api(ADMIN, "PUT", &format!("/collaborators/{login}"), json!({ "permission": may }), 204);
        account
    }

    /// A call with its password.
    #[track_caller]
    pub fn call(&self, method: &str, path: &str, body: &Value, expected: u16) -> Value {
        let (status, answer) = ask_with(&format!("user = \"{}:{}\"", self.login, self.password), method, path, body);
        assert_eq!(status, expected, "{method} {path}: {answer}");
        answer
    }

    /// A new token of this name.
    #[track_caller]
    pub fn token(&self, name: &str) -> String {
        let body = json!({ "name": name, "scopes": ["all"] });
        let made = self.call("POST", &format!("/users/{}/tokens", self.login), &body, 201);
        made["sha1"].as_str().expect("a token").to_owned()
    }

    /// Takes it back.
    #[track_caller]
    pub fn forget(&self, name: &str) {
        self.call("DELETE", &format!("/users/{}/tokens/{name}", self.login), &json!(null), 204);
    }
}

/// The program in any clone, with bpctl's own account.
pub fn bpctl(repo: &Repo) -> Program {
    repo.bpctl().with("BPCTL_TOKEN", lab("LAB_FORGE_TOKEN_BOT"))
}

/// The branch of a proposal to scale.
pub fn branch(blueprint: &str) -> String {
    format!("bpctl/staging/{blueprint}/scale")
}

/// What a run of `apply` told, one line for each step.
pub fn told(report: &Value) -> Vec<String> {
    let steps = report["steps"].as_array().expect("steps");
    let line = |step: &Value| {
        format!("{}: {}", step["blueprint"].as_str().unwrap_or_default(), step["told"].as_str().unwrap_or_default())
    };
    steps.iter().map(line).collect()
}

/// Waits until the server shows a head and has written down who pushed it.
#[track_caller]
pub fn head_becomes(shop: &Shop, number: u64, head: &str) {
    wait_for("the new head", 60, || (shop.head(number) == head).then_some(()));
    recorded(shop, head);
}

/// Waits until the server has written down who pushed a commit: it works through its pushes one by one, which takes a busy
/// machine longer than bpctl asks again for.
#[track_caller]
pub fn recorded(shop: &Shop, commit: &str) {
    wait_for("the record of the push", 60, || {
        let feed = shop.api(ADMIN, "GET", "/activities/feeds?limit=50", json!(null), 200);
        let pushes = feed.as_array().expect("a list").iter().filter(|entry| entry["op_type"] == "commit_repo");
        let contents = pushes.filter_map(|entry| entry["content"].as_str());
        contents.into_iter().any(|content| content.contains(commit)).then_some(())
    });
}
