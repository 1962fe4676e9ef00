//! The shipped workflows on Gitea's own runner: a pull request is told what it would do, told again after a push, reviewed, merged, and
//! brought to the cluster. Only the pins are others: the forge of the lab has no actions but its own.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value as Json, json};

use super::server::{ADMIN, AUTHOR, BOT, REVIEWER, Shop, ask, head_becomes};
use crate::action::{release, serve};
use crate::support::{Namespace, Repo, copy, lab, wait_for};

const VERSION: &str = "0.0.1";
const MARKER: &str = "<!-- bpctl:staging -->";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A repository on the forge that workflows name by `uses: OWNER/NAME@lab`.
fn action(owner: &str, name: &str, files: impl FnOnce(&Path)) {
    let (made, told) = ask(ADMIN, "POST", "/orgs", &json!({ "username": owner }));
    assert!(matches!(made, 201 | 422), "{told}");
    let (made, told) =
        ask(ADMIN, "POST", &format!("/orgs/{owner}/repos"), &json!({ "name": name, "default_branch": "lab" }));
    assert!(matches!(made, 201 | 409), "{told}");
    let repo = Repo::empty();
    files(&repo.path());
    repo.commit(&[], "an action");
    let address = lab("LAB_FORGE_URL").replacen("://", &format!("://x:{}@", lab("LAB_FORGE_TOKEN_ADMIN")), 1);
    repo.git(&["push", "-q", "--force", &format!("{address}/{owner}/{name}.git"), "HEAD:refs/heads/lab"]);
}

/// Gitea's runner for one repository; it ends with the test.
struct Runner {
    child: Child,
    folder: tempfile::TempDir,
    _release: tempfile::TempDir,
}

impl Runner {
    fn new(shop: &Shop) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let here = |name: &str| folder.path().join(name);
        // Without what a debugger reads: each step fetches it anew.
        let stripped = here("bpctl");
        let strip = Command::new("strip")
            .args(["-o", stripped.to_str().expect("a path"), env!("CARGO_BIN_EXE_bpctl")])
            .status();
        assert!(strip.expect("strip starts").success());
        let release = release(VERSION, &stripped);
        let releases = serve(release.path().to_owned());
        let config = json!({
            "log": { "level": "info" },
            "runner": {
                "file": here("registration"),
                "capacity": 2,
                "fetch_interval": "1s",
                "labels": ["ubuntu-latest:host"],
                "envs": { "BPCTL_VERSION": VERSION, "BPCTL_RELEASES": releases, "LAB_ARTIFACTS": here("artifacts") },
            },
            "cache": { "enabled": false },
            "host": { "workdir_parent": here("work") },
        });
        std::fs::write(here("config.yaml"), config.to_string()).expect("a file");
        let token = shop.api(ADMIN, "POST", "/actions/runners/registration-token", json!(null), 200);
        let token = token["token"].as_str().expect("a token");
        let url = lab("LAB_FORGE_URL");
        let register = ["register", "--no-interactive", "--instance", &url, "--token", token, "--name", "lab"];
        let output = Self::command(folder.path()).args(register).output().expect("gitea-runner starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let log = std::fs::File::create(here("log")).expect("a file");
        let child = Self::command(folder.path())
            .arg("daemon")
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .expect("gitea-runner starts");
        Self { child, folder, _release: release }
    }

    fn command(folder: &Path) -> Command {
        let mut command = Command::new("gitea-runner");
        command.arg("-c").arg(folder.join("config.yaml")).current_dir(folder).env("HOME", folder);
        command
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let _ = writeln!(std::io::stderr(), "--- the runner's log\n{log}");
        }
    }
}

/// Each shipped workflow, with the lab's actions.
fn workflow(name: &str) -> (String, String) {
    let file: PathBuf = root().join("templates/workflows").join(name);
    let text = std::fs::read_to_string(file).expect("a file");
    let pinned = |line: &str| match line.split_once('@') {
        Some((uses, _)) if line.contains("uses: ") => format!("{uses}@lab"),
        _ => line.to_owned(),
    };
    (format!(".gitea/workflows/{name}"), text.lines().map(|line| pinned(line) + "\n").collect())
}

/// What the runs of a repository came to, for when it is not what was awaited.
fn runs(shop: &Shop) -> Json {
    shop.api(ADMIN, "GET", "/actions/tasks", json!(null), 200)
}

/// Would miss: a workflow that a runner does not understand, a job that lacks a right, a comment that is written again, a change that is
/// merged and reaches nothing.
#[test]
fn the_shipped_workflows_tell_a_pull_request_and_deliver_what_is_merged() {
    let namespace = Namespace::new("runner");
    let name = &namespace.name;
    let manifest = |replicas: u32| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: {name}}}\nspec:\n  replicas: {replicas}\n  \
             selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec:\n      containers:\n        \
             - name: web\n          image: registry.shop.example/web:1\n"
        )
    };
    let blueprint = format!(
        "apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata: {{name: web, version: 1.0.0, owner: team-web}}\nspec:\n  target: {{workload: Deployment/web, \
         namespace: {name}, source: deploy/web.yaml}}\n  scaling: {{min_replicas: 2, max_replicas: 5, cooldown: 1s}}\ngovernance:\n  agent_authority: \
         {{allowed_operations: [reconcile]}}\n  approval_workflow: {{approvers: [forge-reviewer]}}\n"
    );
    let workspace = "apiVersion: bpctl.dev/v1\nkind: Workspace\nforge: gitea\nenvironments:\n  staging: {tier: staging, cluster: {context: lab}, delivery: direct}\n";
    let shop = Shop::changed(|repo| {
        for old in ["blueprints", "deploy", "clusters"] {
            std::fs::remove_dir_all(repo.path().join(old)).expect("removed");
        }
        repo.write("bpctl.yaml", workspace);
        repo.write("blueprints/web.yaml", &blueprint);
        repo.write("deploy/web.yaml", &manifest(2));
    });
    for standin in ["checkout", "upload-artifact", "download-artifact"] {
        action("actions", standin, |into| copy(&root().join("tests/lab/actions").join(standin), into));
    }
    action("bpctl", "bpctl", |into| {
        std::fs::create_dir(into.join("action")).expect("a folder");
        for file in ["action.yml", "action/bpctl.sh"] {
            std::fs::copy(root().join(file), into.join(file)).expect("a copy");
        }
    });
    let kubeconfig = std::fs::read_to_string(lab("KUBECONFIG")).expect("a file");
    for (secret, data) in [
        ("BPCTL_READER_KUBECONFIG", kubeconfig.as_str()),
        ("BPCTL_KUBECONFIG", &kubeconfig),
        ("BPCTL_TOKEN", &lab(&format!("LAB_FORGE_TOKEN_{BOT}"))),
    ] {
        shop.api(ADMIN, "PUT", &format!("/actions/secrets/{secret}"), json!({ "data": data }), 201);
    }
    let runner = Runner::new(&shop);
    let files = [workflow("pull-request.yml"), workflow("judge.yml"), workflow("apply.yml")];
    shop.repo.commit(&files.each_ref().map(|(path, text)| (path.as_str(), text.as_str())), "workflows");
    shop.push(ADMIN, "main");
    let replicas = || namespace.get("deployments")["items"][0]["spec"]["replicas"].as_u64();
    // The push itself is a pass: what base declares is brought.
    wait_for("the first pass", 90, || (replicas() == Some(2)).then_some(()));

    shop.repo.git(&["checkout", "-q", "-b", "feature"]);
    let push = |replicas: u32| {
        shop.repo.commit(&[("deploy/web.yaml", &manifest(replicas))], "more of it");
        shop.push(AUTHOR, "feature");
    };
    push(3);
    let opened =
        shop.api(AUTHOR, "POST", "/pulls", json!({ "head": "feature", "base": "main", "title": "more of it" }), 201);
    let number = opened["number"].as_u64().expect("a number");
    let comments = || {
        let all = shop.api(ADMIN, "GET", &format!("/issues/{number}/comments"), json!(null), 200);
        let marked = |one: &&Json| one["body"].as_str().is_some_and(|body| body.starts_with(MARKER));
        all.as_array().expect("a list").iter().filter(marked).cloned().collect::<Vec<_>>()
    };
    let says =
        |text: &str| comments().into_iter().find(|one| one["body"].as_str().is_some_and(|body| body.contains(text)));
    let first = wait_for("the comment", 120, || says("replicas 2 → 3"));
    let body = first["body"].as_str().expect("a body");
    let run = body.split("[run](").nth(1).and_then(|rest| rest.split(')').next()).unwrap_or_else(|| panic!("{body}"));
    let page = Command::new("curl").args(["-fsS", "-o", "/dev/null", run]).status().expect("curl starts");
    assert!(page.success(), "{run} is a page of the run: {}", runs(&shop));
    push(4);
    let second = wait_for("the comment after a push", 120, || says("replicas 2 → 4"));
    assert_eq!((comments().len(), &second["id"]), (1, &first["id"]), "it is updated");

    let head = shop.repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    head_becomes(&shop, number, &head);
    wait_for("the check waits for an approval", 120, || (shop.verdict(&head).0 == "pending").then_some(()));
    shop.approve(REVIEWER, number);
    wait_for("the check knows of the approval", 120, || (shop.verdict(&head).0 == "success").then_some(()));
    let merge = json!({ "Do": "merge", "head_commit_id": head });
    shop.api(AUTHOR, "POST", &format!("/pulls/{number}/merge"), merge, 200);
    // The push begins a pass; a pause after the merge may hold it, and then a later one brings it, as the schedule's would.
    let began = std::time::Instant::now();
    wait_for("the cluster has what was merged", 120, || {
        if began.elapsed().as_secs() % 20 == 19 {
            shop.api(ADMIN, "POST", "/actions/workflows/apply.yml/dispatches", json!({ "ref": "main" }), 204);
            std::thread::sleep(std::time::Duration::from_secs(1));
        }
        (replicas() == Some(4)).then_some(())
    });
    drop(runner);
}
