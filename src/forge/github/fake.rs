//! A GitHub for tests: state, rules, Git over HTTP; answers of the shape that GitHub documents. It is shared by the unit tests and by those
//! that run the program, and takes nothing of bpctl's.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::unwrap_used,
    missing_docs,
    dead_code,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use self::serving::{Request, Serving};

#[path = "calls.rs"]
pub mod calls;
#[path = "graph.rs"]
mod graph;
#[path = "serving.rs"]
mod serving;
#[path = "tracker.rs"]
pub mod tracker;

pub const BOT: &str = "bpctl-app[bot]";
pub const APP: u64 = 77;
pub const CI: u64 = 15_368;
/// Who merged what GitHub merged by itself.
pub const NATIVE_AUTO: &str = "GitHub, by auto-merge";
pub const NATIVE_QUEUE: &str = "GitHub, by its queue";

/// Changes the world before a request is looked at: given the world and the request's line.
type Meanwhile = Box<dyn FnMut(&mut World, &str) + Send>;
/// What is answered instead of an answer; the request may have been carried out.
type Fault = Box<dyn FnMut(&str) -> Option<Answer> + Send>;

/// A server with one repository, `shop/deploy`. Its threads, its port and its connections end with it, before its folder does.
pub struct Fake {
    pub url: String,
    pub world: Arc<Mutex<World>>,
    serving: Serving,
    folder: tempfile::TempDir,
}

/// A merge that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    pub by: String,
    pub head: String,
    pub base: String,
}

/// What the server knows.
#[derive(Default)]
pub struct World {
    pub git: PathBuf,
    pub now: i64,
    pub pulls: Vec<Value>,
    pub reviews: BTreeMap<u64, Vec<Value>>,
    pub runs: Vec<Value>,
    pub statuses: Vec<Value>,
    pub comments: Vec<Value>,
    pub issues: Vec<Value>,
    pub events: Vec<Value>,
    pub activity: Vec<Value>,
    pub rules: Vec<Value>,
    pub merges: Vec<Merge>,
    pub armed: Vec<String>,
    pub queued: Vec<String>,
    /// A conversation is open that the rules want to be ended: only GitHub knows of it.
    pub conversation: bool,
    /// What is armed or queued is merged as soon as the rules hold, before any request that they hold at.
    pub natively: bool,
    /// Method, path and status of each request to the API.
    pub log: Vec<(String, u16)>,
    /// GitHub lets bpctl's account keep no rule.
    pub bypass: bool,
    /// Requests that end so never arrive: a server on the way says that it failed.
    pub lost: Option<&'static str>,
    pub meanwhile: Option<Meanwhile>,
    pub fault: Option<Fault>,
    ids: u64,
}

/// Status, further header lines, body.
pub struct Answer(pub u16, pub String, pub Vec<u8>);

impl Answer {
    pub fn json(status: u16, body: &Value) -> Self {
        Self(status, String::new(), body.to_string().into_bytes())
    }
}

/// Numeric id, kind, rights.
pub fn account(login: &str) -> (u64, &'static str, &'static str) {
    match login {
        BOT => (9_001, "Bot", "write"),
        "github-actions[bot]" => (41_898_282, "Bot", "write"),
        "owner" => (1, "User", "admin"),
        "author" => (2, "User", "write"),
        "reviewer" => (3, "User", "write"),
        "reader" => (4, "User", "read"),
        _ => (99, "User", "none"),
    }
}

pub fn user(login: &str) -> Value {
    let (id, kind, _) = account(login);
    json!({ "id": id, "login": login, "type": kind })
}

/// Whose token this is.
fn owner_of(token: &str) -> &str {
    match token {
        "token-app" => BOT,
        "token-workflow" => "github-actions[bot]",
        "token-author" => "author",
        "token-reviewer" => "reviewer",
        _ => "owner",
    }
}

impl Fake {
    /// The rules ask for up-to-date heads, for `ci` by GitHub's own workflows, and for bpctl's verdict.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let git = folder.path().join("shop/deploy.git");
        let repository = git2::Repository::init_bare(&git).expect("a repository");
        repository.set_head("refs/heads/main").expect("a head");
        let mut config = repository.config().expect("a config");
        config.set_bool("http.receivepack", true).expect("set");
        config.set_bool("uploadpack.allowAnySHA1InWant", true).expect("set");
        let world = World {
            git,
            now: jiff::Timestamp::now().as_second(),
            rules: vec![strict(&[("ci", CI), ("bpctl/verdict", APP)])],
            ..World::default()
        };
        let world = Arc::new(Mutex::new(world));
        let shared = Arc::clone(&world);
        let serving = Serving::begin(move |request, base| respond(request, &shared, base));
        Self { url: serving.url.clone(), world, serving, folder }
    }

    pub fn with<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.world.lock().expect("no panic"))
    }

    /// The address of the repository.
    pub fn address(&self) -> String {
        format!("{}/shop/deploy.git", self.url)
    }

    /// Requests that count against GitHub's limit since the last call: those that found nothing new do not.
    pub fn counted(&self) -> usize {
        let log = self.with(|world| std::mem::take(&mut world.log));
        log.iter().filter(|(line, status)| *status != 304 && !line.contains("rate_limit")).count()
    }
}

/// The rule that required checks are green on a head that holds all of base.
pub fn strict(checks: &[(&str, u64)]) -> Value {
    let checks: Vec<Value> =
        checks.iter().map(|(name, app)| json!({ "context": name, "integration_id": app })).collect();
    json!({
        "type": "required_status_checks", "ruleset_id": 5,
        "parameters": { "strict_required_status_checks_policy": true, "required_status_checks": checks }
    })
}

impl World {
    pub fn repository(&self) -> git2::Repository {
        git2::Repository::open_bare(&self.git).expect("a repository")
    }

    fn id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    pub fn time(&self) -> String {
        stamp(self.now)
    }

    pub fn tip(&self, branch: &str) -> Option<String> {
        let repository = self.repository();
        let tip = repository.find_reference(&format!("refs/heads/{branch}")).ok()?.target();
        tip.map(|id| id.to_string())
    }

    /// Moves a branch as somebody; the record shows it.
    pub fn set_branch(&mut self, branch: &str, to: &str, by: &str) {
        let full = format!("refs/heads/{branch}");
        let before = self.tip(branch).unwrap_or_else(|| "0".repeat(40));
        self.repository().reference(&full, to.parse().expect("an id"), true, "moved").expect("moved");
        self.moved(&full, &before, to, by);
    }

    fn moved(&mut self, full: &str, before: &str, after: &str, by: &str) {
        let made = before.bytes().all(|digit| digit == b'0');
        let entry = json!({
            "id": self.id(), "before": before, "after": after, "ref": full, "timestamp": self.time(),
            "activity_type": if made { "branch_creation" } else { "push" }, "actor": user(by)
        });
        self.activity.insert(0, entry);
        let time = self.time();
        let branch = full.trim_start_matches("refs/heads/");
        for pull in self.pulls.iter_mut().filter(|pull| pull["state"] == "open" && pull["head"]["ref"] == branch) {
            pull["head"]["sha"] = after.into();
            pull["updated_at"] = time.clone().into();
            let number = pull["number"].as_u64().expect("a number");
            let repository = git2::Repository::open_bare(&self.git).expect("a repository");
            let _ =
                repository.reference(&format!("refs/pull/{number}/head"), after.parse().expect("an id"), true, "pull");
        }
    }

    /// A commit that changes one file.
    pub fn commit(&self, parents: &[&str], file: &str, text: &str, by: &str) -> String {
        let repository = self.repository();
        let first = parents.first().map(|id| repository.find_commit(id.parse().expect("an id")).expect("a commit"));
        let tree = first.map(|first| first.tree().expect("a tree"));
        let mut builder = repository.treebuilder(tree.as_ref()).expect("a tree");
        builder.insert(file, repository.blob(text.as_bytes()).expect("a blob"), 0o100_644).expect("inserted");
        let tree = builder.write().expect("a tree").to_string();
        self.commit_tree(&tree, parents, by)
    }

    pub fn commit_tree(&self, tree: &str, parents: &[&str], by: &str) -> String {
        let repository = self.repository();
        let person =
            git2::Signature::new(by, &format!("{by}@x.test"), &git2::Time::new(self.now, 0)).expect("a person");
        let tree = repository.find_tree(tree.parse().expect("an id")).expect("a tree");
        let find = |id: &&str| repository.find_commit(id.parse().expect("an id")).expect("a commit");
        let parents: Vec<git2::Commit<'_>> = parents.iter().map(find).collect();
        let parents: Vec<&git2::Commit<'_>> = parents.iter().collect();
        repository.commit(None, &person, &person, "a change", &tree, &parents).expect("a commit").to_string()
    }

    /// The tree that a merge gives.
    pub fn merged_tree(&self, base: &str, head: &str) -> Option<String> {
        let repository = self.repository();
        let find = |id: &str| repository.find_commit(id.parse().expect("an id")).expect("a commit");
        let mut index = repository.merge_commits(&find(base), &find(head), None).expect("merged");
        (!index.has_conflicts()).then(|| index.write_tree_to(&repository).expect("a tree").to_string())
    }

    fn holds(&self, base: &str, head: &str) -> bool {
        let id = |id: &str| id.parse::<git2::Oid>().expect("an id");
        base == head || self.repository().graph_descendant_of(id(head), id(base)).unwrap_or(false)
    }

    pub fn open(&mut self, branch: &str, title: &str, by: &str) -> u64 {
        let number = self.pulls.len() as u64 + 1;
        let head = self.tip(branch).expect("a branch");
        let repo = json!({ "id": 1000 });
        self.pulls.push(json!({
            "number": number, "node_id": format!("PR_{number}"), "title": title, "body": "", "user": user(by), "state": "open", "draft": false,
            "merged_at": null, "merge_commit_sha": null, "closed_at": null, "created_at": self.time(), "updated_at": self.time(),
            "base": { "ref": "main", "sha": self.tip("main"), "repo": repo },
            "head": { "ref": branch, "sha": head, "repo": repo },
            "auto_merge": null, "labels": [], "requested_reviewers": [], "requested_teams": []
        }));
        let full = format!("refs/pull/{number}/head");
        self.repository().reference(&full, head.parse().expect("an id"), true, "pull").expect("a ref");
        number
    }

    pub fn pull(&mut self, number: u64) -> &mut Value {
        self.pulls.iter_mut().find(|pull| pull["number"] == number).expect("a pull request")
    }

    pub fn head(&mut self, number: u64) -> String {
        self.pull(number)["head"]["sha"].as_str().expect("a commit").to_owned()
    }

    pub fn review(&mut self, number: u64, by: &str, state: &str) {
        let head = self.head(number);
        let review = json!({
            "id": self.id(), "user": user(by), "state": state, "body": "looked at it", "commit_id": head, "submitted_at": self.time()
        });
        self.reviews.entry(number).or_default().push(review);
    }

    /// A check run by an app, `completed` with this conclusion.
    pub fn check(&mut self, commit: &str, name: &str, conclusion: &str, app: u64) {
        let slug = if app == APP { "bpctl-app" } else { "github-actions" };
        let run = json!({
            "id": self.id(), "name": name, "head_sha": commit, "status": "completed", "conclusion": conclusion,
            "started_at": self.time(), "completed_at": self.time(), "output": { "title": conclusion, "summary": "" },
            "app": { "id": app, "slug": slug }
        });
        self.runs.push(run);
    }

    /// The newest conclusion of a name and an app.
    pub fn conclusion(&self, commit: &str, name: &str, app: u64) -> Option<&Value> {
        let mine = |run: &&Value| run["head_sha"] == commit && run["name"] == name && run["app"]["id"] == app;
        self.runs.iter().rfind(mine)
    }

    pub fn close(&mut self, number: u64, by: &str) {
        let (id, time) = (self.id(), self.time());
        let pull = self.pull(number);
        pull["state"] = "closed".into();
        pull["closed_at"] = time.clone().into();
        pull["updated_at"] = time.clone().into();
        pull["closed_by"] = user(by);
        self.events
            .push(json!({ "id": id, "event": "closed", "created_at": time, "actor": user(by), "issue": number }));
    }

    /// What keeps this from being merged, if anything.
    fn blocked(&mut self, number: u64, by_queue: bool) -> Option<String> {
        let (pull, tip) = (self.pull(number).clone(), self.tip("main").expect("main"));
        let head = pull["head"]["sha"].as_str().expect("a commit");
        if pull["draft"] == true {
            return Some("Pull Request is still a draft".into());
        }
        if self.conversation {
            return Some("All conversations must be resolved".into());
        }
        for rule in &self.rules {
            if rule["type"] == "merge_queue" && !by_queue {
                return Some("Changes must be made through the merge queue".into());
            }
            for check in rule["parameters"]["required_status_checks"].as_array().into_iter().flatten() {
                let name = check["context"].as_str().expect("a name");
                let run = self.conclusion(head, name, check["integration_id"].as_u64().unwrap_or_default());
                if run.is_none_or(|run| run["conclusion"] != "success") {
                    return Some(format!("Required status check \"{name}\" is expected."));
                }
            }
            if rule["parameters"]["strict_required_status_checks_policy"] == true && !self.holds(&tip, head) {
                return Some("Head branch is not up to date with the base branch".into());
            }
        }
        None
    }

    /// GitHub itself merges what it was told to, to the branch of these rules, where they let it.
    fn merge_by_itself(&mut self) {
        let told = [(NATIVE_AUTO, self.armed.clone()), (NATIVE_QUEUE, self.queued.clone())];
        for (by, pulls) in told {
            for number in pulls.iter().filter_map(|pull| pull.strip_prefix("PR_")?.parse().ok()) {
                let pull = self.pull(number);
                if pull["state"] == "open" && pull["base"]["ref"] == "main" {
                    let _ = self.merge(number, by);
                }
            }
        }
    }

    /// Merges as somebody whom the rules hold.
    pub fn merge(&mut self, number: u64, by: &str) -> Result<String, String> {
        if let Some(why) = self.blocked(number, by == NATIVE_QUEUE) {
            return Err(why);
        }
        let (head, base) = (self.head(number), self.tip("main").expect("main"));
        let tree = self.merged_tree(&base, &head).ok_or("Merge conflict")?;
        let commit = self.commit_tree(&tree, &[&base, &head], by);
        self.set_branch("main", &commit, by);
        self.merges.push(Merge { by: by.into(), head, base });
        let time = self.time();
        let pull = self.pull(number);
        for key in ["merged_at", "closed_at", "updated_at"] {
            pull[key] = time.clone().into();
        }
        pull["state"] = "closed".into();
        pull["merge_commit_sha"] = commit.clone().into();
        pull["auto_merge"] = Value::Null;
        let node = format!("PR_{number}");
        self.armed.retain(|armed| *armed != node);
        self.queued.retain(|queued| *queued != node);
        Ok(commit)
    }
}

fn stamp(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).expect("a time").to_string()
}

fn respond(request: &Request, world: &Mutex<World>, base: &str) -> Answer {
    if request.path.starts_with("/shop/deploy.git/") { git(request, world) } else { api(request, world, base) }
}

/// Git over HTTP, by Git's own program; what a push moved is recorded as its account's.
fn git(request: &Request, world: &Mutex<World>) -> Answer {
    let Some(token) = request.headers.get("authorization").and_then(|value| value.strip_prefix("Basic ")) else {
        return Answer(401, "www-authenticate: Basic realm=x\r\n".into(), Vec::new());
    };
    let token =
        String::from_utf8(base64::Engine::decode(&base64::engine::general_purpose::STANDARD, token).expect("base64"));
    let token = token.expect("text").trim_start_matches("x-access-token:").to_owned();
    let mut world = world.lock().expect("no panic");
    let refs = |world: &World| -> BTreeMap<String, String> {
        let repository = world.repository();
        let found = repository.references_glob("refs/heads/*").expect("refs").flatten();
        found.filter_map(|found| Some((found.name().ok()?.to_owned(), found.target()?.to_string()))).collect()
    };
    let before = refs(&world);
    let root: &Path = world.git.parent().and_then(Path::parent).expect("a root");
    let query: Vec<String> = request.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mut command = Command::new("git");
    command.arg("http-backend").env_clear().env("PATH", "/usr/bin:/bin").env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1").env("REMOTE_USER", owner_of(&token));
    command.env("REQUEST_METHOD", &request.method).env("PATH_INFO", &request.path).env("QUERY_STRING", query.join("&"));
    for (name, header) in [
        ("CONTENT_TYPE", "content-type"),
        ("HTTP_CONTENT_ENCODING", "content-encoding"),
        ("GIT_PROTOCOL", "git-protocol"),
    ] {
        if let Some(value) = request.headers.get(header) {
            command.env(name, value);
        }
    }
    command.env("CONTENT_LENGTH", request.body.len().to_string());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("git starts");
    let _ = child.stdin.take().expect("stdin").write_all(&request.body);
    let output = child.wait_with_output().expect("git ends").stdout;
    let end = output.windows(4).position(|four| four == b"\r\n\r\n").expect("headers") + 2;
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let status = head
        .lines()
        .find_map(|line| line.strip_prefix("Status: "))
        .map_or(200, |line| line[..3].parse().expect("a status"));
    let by = owner_of(&token).to_owned();
    for (name, after) in refs(&world) {
        let old = before.get(&name).cloned().unwrap_or_else(|| "0".repeat(40));
        if old != after {
            world.moved(&name, &old, &after, &by);
        }
    }
    let kept = head.lines().filter(|line| !line.starts_with("Status: "));
    let head = kept.fold(String::new(), |text, line| text + line + "\r\n");
    Answer(status, head, output[end + 2..].to_vec())
}

fn api(request: &Request, world: &Mutex<World>, base: &str) -> Answer {
    let mut world = world.lock().expect("no panic");
    let line = format!("{} {}", request.method, request.path);
    world.now += 1;
    if let Some(mut meanwhile) = world.meanwhile.take() {
        meanwhile(&mut world, &line);
        world.meanwhile = Some(meanwhile);
    }
    if world.natively {
        world.merge_by_itself();
    }
    let by = request.headers.get("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let mut answer = if world.lost.is_some_and(|lost| line.ends_with(lost)) {
        Answer(502, String::new(), Vec::new())
    } else if by.matches('.').count() == 2 {
        as_app(request, &world)
    } else {
        answer(request, &mut world, owner_of(by), base)
    };
    // The tag of a page is that of what it says.
    if answer.0 == 200 && request.method == "GET" {
        let tag = format!(
            "\"{:x}\"",
            git2::Oid::hash_object(git2::ObjectType::Blob, &answer.2)
                .expect("a hash")
                .as_bytes()
                .iter()
                .fold(0_u128, |sum, byte| sum.wrapping_mul(257) + u128::from(*byte))
        );
        if request.headers.get("if-none-match") == Some(&tag) {
            answer = Answer(304, String::new(), Vec::new());
        }
        answer.1 += &format!("etag: {tag}\r\n");
    }
    if let Some(fault) = &mut world.fault
        && let Some(other) = fault(&line)
    {
        answer = other;
    }
    let date = jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&jiff::Timestamp::from_second(world.now).expect("a time"));
    answer.1 += &format!("date: {}\r\n", date.expect("a date"));
    // A test takes it for another forge.
    assert!(line.contains(" /api/v1/") || calls::row_of(&line).is_some(), "docs/GITHUB.md has no row for {line}");
    world.log.push((line, answer.0));
    answer
}

/// What a claim to be the app is good for.
fn as_app(request: &Request, world: &World) -> Answer {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/api/v3/repos/shop/deploy/installation") => Answer::json(200, &json!({ "id": 4 })),
        ("POST", "/api/v3/app/installations/4/access_tokens") => {
            Answer::json(201, &json!({ "token": "token-app", "expires_at": stamp(world.now + 3600) }))
        }
        _ => Answer::json(401, &json!({ "message": "A JSON web token could not be decoded" })),
    }
}

fn answer(request: &Request, world: &mut World, by: &str, base: &str) -> Answer {
    let ok = |body: &Value| Answer::json(200, body);
    let created = |body: &Value| Answer::json(201, body);
    let missing = || Answer::json(404, &json!({ "message": "Not Found" }));
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let decoded = request.path.replace("%5B", "[").replace("%5D", "]");
    let path = decoded.trim_start_matches("/api/v3/");
    let parts: Vec<&str> = path.split('/').collect();
    let number = |text: &str| text.parse::<u64>().unwrap_or_default();
    if path == "/api/graphql" {
        return graph::answer(&body, world, by);
    }
    let rest = match parts.as_slice() {
        ["rate_limit"] => return ok(&json!({})),
        ["user"] if by.ends_with("[bot]") => {
            return Answer::json(403, &json!({ "message": "Resource not accessible by integration" }));
        }
        ["user"] => return ok(&user(by)),
        ["apps", "bpctl-app"] => return ok(&json!({ "id": APP, "slug": "bpctl-app" })),
        ["apps", "github-actions"] => return ok(&json!({ "id": CI, "slug": "github-actions" })),
        ["repos", "shop", "deploy", rest @ ..] => rest,
        _ => return missing(),
    };
    if let Some(answer) = tracker::answer(request, rest, &body, world, by, base) {
        return answer;
    }
    match (request.method.as_str(), rest) {
        ("GET", []) => ok(&json!({
            "id": 1000, "default_branch": "main", "allow_merge_commit": true, "allow_squash_merge": true, "allow_auto_merge": true
        })),
        ("GET", ["pulls"]) => {
            let asked = |key: &str| request.query.get(key).map(String::as_str);
            let mut found: Vec<Value> = world
                .pulls
                .iter()
                .filter(|pull| {
                    let state = asked("state").is_none_or(|state| state == "all" || pull["state"] == state);
                    let head = asked("head")
                        .is_none_or(|head| head.strip_prefix("shop:").is_some_and(|head| pull["head"]["ref"] == head));
                    state && head && asked("base").is_none_or(|base| pull["base"]["ref"] == base)
                })
                .cloned()
                .collect();
            if asked("sort") == Some("updated") {
                found.sort_by_key(|pull| std::cmp::Reverse(pull["updated_at"].as_str().unwrap_or_default().to_owned()));
            }
            page(&found, request, base)
        }
        ("POST", ["pulls"]) => {
            let branch = body["head"].as_str().unwrap_or_default();
            let open = world.pulls.iter().any(|pull| pull["state"] == "open" && pull["head"]["ref"] == branch);
            if open || world.tip(branch).is_none() {
                let message = format!("A pull request already exists for shop:{branch}.");
                return Answer::json(
                    422,
                    &json!({ "message": "Validation Failed", "errors": [{ "message": message }] }),
                );
            }
            let number = world.open(branch, body["title"].as_str().unwrap_or_default(), by);
            world.pull(number)["body"] = body["body"].clone();
            created(&world.pull(number).clone())
        }
        (method, ["pulls" | "issues", one, ..])
            if *one != "comments" && !world.pulls.iter().any(|pull| pull["number"] == number(one)) =>
        {
            let _ = method;
            missing()
        }
        ("GET", ["pulls" | "issues", one]) => ok(&world.pull(number(one)).clone()),
        ("PATCH", ["pulls", one]) => {
            if body["state"] == "closed" {
                world.close(number(one), by);
            }
            let pull = world.pull(number(one));
            for key in ["title", "body"] {
                if let Some(text) = body.get(key) {
                    pull[key] = text.clone();
                }
            }
            ok(&pull.clone())
        }
        ("PUT", ["pulls", one, "merge"]) => {
            let pull = world.pull(number(one)).clone();
            if pull["state"] != "open" {
                return Answer::json(405, &json!({ "message": "Pull Request is not mergeable" }));
            }
            if body["sha"] != pull["head"]["sha"] {
                return Answer::json(
                    409,
                    &json!({ "message": "Head branch was modified. Review and try the merge again." }),
                );
            }
            match world.merge(number(one), by) {
                Ok(commit) => ok(&json!({ "sha": commit, "merged": true, "message": "merged" })),
                Err(why) => Answer::json(405, &json!({ "message": why })),
            }
        }
        ("PUT", ["pulls", one, "update-branch"]) => {
            let (head, tip) = (world.head(number(one)), world.tip("main").expect("main"));
            if body["expected_head_sha"] != head.as_str() {
                return Answer::json(422, &json!({ "message": "expected head sha didn't match current head ref." }));
            }
            let tree = world.merged_tree(&tip, &head).expect("a tree");
            let commit = world.commit_tree(&tree, &[&head, &tip], "GitHub");
            let branch = world.pull(number(one))["head"]["ref"].as_str().expect("a branch").to_owned();
            world.set_branch(&branch, &commit, by);
            Answer::json(202, &json!({ "message": "Updating pull request branch." }))
        }
        ("GET", ["pulls", one, "reviews"]) => page(world.reviews.entry(number(one)).or_default(), request, base),
        ("POST", ["pulls", one, "requested_reviewers"]) => {
            let asked = body["reviewers"].as_array().cloned().unwrap_or_default();
            if asked.iter().any(|login| account(login.as_str().unwrap_or_default()).2 == "none") {
                return Answer::json(422, &json!({ "message": "Reviews may only be requested from collaborators." }));
            }
            let asked: Vec<Value> = asked.iter().map(|login| user(login.as_str().unwrap_or_default())).collect();
            world.pull(number(one))["requested_reviewers"] = asked.into();
            created(&world.pull(number(one)).clone())
        }
        ("GET", ["commits", commit, "check-runs"]) => {
            let mut newest: BTreeMap<(String, String), Value> = BTreeMap::new();
            for run in world.runs.iter().filter(|run| run["head_sha"] == *commit) {
                newest.insert((run["name"].to_string(), run["app"]["id"].to_string()), run.clone());
            }
            let runs: Vec<Value> = newest.into_values().collect();
            ok(&json!({ "total_count": runs.len(), "check_runs": runs }))
        }
        ("GET", ["commits", commit, "statuses"]) => {
            let mine = world.statuses.iter().rev().filter(|status| status["sha"] == *commit);
            page(&mine.cloned().collect::<Vec<_>>(), request, base)
        }
        ("POST", ["check-runs"]) => {
            let marks = body["output"]["annotations"].as_array().map_or(&[][..], Vec::as_slice);
            let whole = |mark: &Value| {
                let line = |key: &str| mark[key].as_u64().is_some_and(|line| line > 0);
                mark["path"].is_string() && mark["message"].is_string() && line("start_line") && line("end_line")
            };
            if marks.len() > 50 || !marks.iter().all(whole) {
                return Answer::json(422, &json!({ "message": "Invalid request.\n\nannotations" }));
            }
            let app = if by == BOT { APP } else { CI };
            let slug = by.trim_end_matches("[bot]");
            let mut run = body.clone();
            run["id"] = world.id().into();
            run["app"] = json!({ "id": app, "slug": slug });
            run["started_at"] = world.time().into();
            run["completed_at"] = if body["status"] == "completed" { world.time().into() } else { Value::Null };
            if run.get("conclusion").is_none() {
                run["conclusion"] = Value::Null;
            }
            world.runs.push(run.clone());
            created(&run)
        }
        ("POST", ["statuses", commit]) => {
            let mut status = body.clone();
            status["id"] = world.id().into();
            status["sha"] = (*commit).into();
            status["creator"] = user(by);
            status["created_at"] = world.time().into();
            world.statuses.push(status.clone());
            created(&status)
        }
        ("GET", ["activity"]) => {
            let asked = request.query.get("ref");
            let mine = world.activity.iter().filter(|entry| asked.is_none_or(|name| entry["ref"] == name.as_str()));
            ok(&mine.cloned().collect())
        }
        ("GET", ["collaborators", login, "permission"]) => {
            ok(&json!({ "permission": account(login).2, "user": user(login) }))
        }
        ("GET", ["issues", one, "events"]) => {
            let mine = world.events.iter().filter(|event| event["issue"] == number(one));
            page(&mine.cloned().collect::<Vec<_>>(), request, base)
        }
        ("POST", ["issues", one, "labels"]) => {
            let names = body["labels"].as_array().expect("names");
            if names.iter().any(|name| name.as_str().is_none_or(|name| name.chars().count() > 50)) {
                return Answer::json(422, &json!({ "message": "Validation Failed" }));
            }
            let labels = world.pull(number(one))["labels"].as_array_mut().expect("a list");
            for name in names {
                if !labels.iter().any(|label| label["name"] == *name) {
                    labels.push(json!({ "name": name }));
                }
            }
            ok(&json!(labels))
        }
        ("GET", ["issues", one, "comments"]) => {
            let mine = world.comments.iter().filter(|comment| comment["issue"] == number(one));
            page(&mine.cloned().collect::<Vec<_>>(), request, base)
        }
        ("POST", ["issues", one, "comments"]) => {
            let comment = json!({
                "id": world.id(), "body": body["body"], "user": user(by), "created_at": world.time(), "issue": number(one)
            });
            world.comments.push(comment.clone());
            created(&comment)
        }
        ("PATCH", ["issues", "comments", one]) => {
            match world.comments.iter_mut().find(|comment| comment["id"] == number(one)) {
                Some(comment) => {
                    comment["body"] = body["body"].clone();
                    ok(&comment.clone())
                }
                None => missing(),
            }
        }
        ("DELETE", ["issues", "comments", one]) => {
            let before = world.comments.len();
            world.comments.retain(|comment| comment["id"] != number(one));
            if world.comments.len() == before { missing() } else { Answer(204, String::new(), Vec::new()) }
        }
        ("GET", ["branches", "main"]) => {
            ok(&json!({ "name": "main", "commit": { "sha": world.tip("main") }, "protected": true }))
        }
        ("GET", ["branches", "main", "protection", ..]) => {
            Answer::json(403, &json!({ "message": "Resource not accessible by integration" }))
        }
        ("GET", ["rules", "branches", "main"]) => page(&world.rules, request, base),
        ("GET", ["rulesets", "5"]) => {
            ok(&json!({ "id": 5, "current_user_can_bypass": if world.bypass { "always" } else { "never" } }))
        }
        _ => missing(),
    }
}

/// A page, and the way to the next one.
fn page(all: &[Value], request: &Request, base: &str) -> Answer {
    let asked = |key: &str, other: usize| request.query.get(key).map_or(other, |text| text.parse().unwrap_or(other));
    let (size, page) = (asked("per_page", 30), asked("page", 1));
    let shown: Vec<&Value> = all.iter().skip((page - 1) * size).take(size).collect();
    let mut answer = Answer::json(200, &json!(shown));
    if page * size < all.len() {
        let mut query = request.query.clone();
        query.insert("page".into(), (page + 1).to_string());
        let query: Vec<String> = query.iter().map(|(key, value)| format!("{key}={value}")).collect();
        answer.1 = format!("link: <{base}{}?{}>; rel=\"next\"\r\n", request.path, query.join("&"));
    }
    answer
}
