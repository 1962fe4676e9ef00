//! action.yml on `act`, which runs workflows of GitHub's syntax on this machine itself: each command with its outputs, and what is hostile
//! in between (T11, T12, T13). What bash alone shows is in `action.rs`; a whole server and its runner in `forge_gitea/actions.rs`.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};

use crate::forge_github::Shop;
use crate::lint::formats::bad_shop;
use crate::support::Repo;

/// A step of the workflow that uses the action: its id, and its inputs.
type Step<'a> = (&'a str, Json);

/// What a run of a workflow came to.
struct Run {
    log: String,
    steps: Json,
    plan: Option<Json>,
}

impl Run {
    #[track_caller]
    fn outputs(&self, step: &str) -> BTreeMap<String, String> {
        let outputs = self.steps[step]["outputs"].as_object();
        let outputs = outputs.unwrap_or_else(|| panic!("no step {step} in {}\n{}", self.steps, self.log));
        outputs.iter().map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned())).collect()
    }

    /// Of a step: exit code, verdict, whether something is planned, and whether the step failed.
    #[track_caller]
    fn of(&self, step: &str) -> (String, String, String, bool) {
        let outputs = self.outputs(step);
        let output = |name: &str| outputs.get(name).cloned().unwrap_or_default();
        let failed = self.steps[step]["outcome"] == "failure";
        (output("exitcode"), output("verdict"), output("changes"), failed)
    }
}

/// Runs the action from a repository's own folder on an event, step by step; `program` is what the source build gives.
#[track_caller]
fn act(repo: &Repo, program: &Path, event: (&str, &Json), variables: &[(&str, &str)], steps: &[Step]) -> Run {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in ["action.yml", "action/bpctl.sh"] {
        repo.write(&format!(".bpctl/{file}"), &std::fs::read_to_string(root.join(file)).expect("a file"));
    }
    // GitHub lets a step that failed say its outputs; those after it are wanted too.
    let mut all = vec![json!({ "uses": "actions/checkout@v4" })];
    all.extend(
        steps.iter().map(|(id, with)| json!({ "id": id, "uses": "./.bpctl", "continue-on-error": true, "with": with })),
    );
    all.push(json!({
        "if": "always()",
        "env": { "STEPS": "${{ toJSON(steps) }}" },
        "run": "printf '%s' \"$STEPS\" >\"$ACT_TOLD/steps.json\"; cp \"$RUNNER_TEMP/bpctl-plan.json\" \"$ACT_TOLD/\" || true"
    }));
    let jobs = json!({ "it": { "runs-on": "ubuntu-latest", "steps": all } });
    let workflow = json!({ "name": "it", "on": event.0, "permissions": {}, "jobs": jobs });
    repo.write(".github/workflows/it.yml", &workflow.to_string());

    let folder = tempfile::tempdir().expect("a folder");
    let here = |name: &str| folder.path().join(name);
    std::fs::create_dir(here("bin")).expect("a folder");
    // In cargo's place: what the tests are built with is there already.
    let cargo = "#!/bin/sh\n[ \"$1 $2 $3 $4\" = 'build --release --locked --target-dir' ] || exit 9\n\
                 mkdir -p \"$5/release\" && ln -sf \"$ACT_PROGRAM\" \"$5/release/bpctl\"\n";
    std::fs::write(here("bin/cargo"), cargo).expect("a file");
    std::fs::set_permissions(here("bin/cargo"), std::fs::Permissions::from_mode(0o755)).expect("rights");
    std::fs::write(here("event.json"), event.1.to_string()).expect("a file");
    let path = std::env::var("PATH").expect("a path");
    let mut command = Command::new("act");
    command
        .args([
            event.0,
            "-P",
            "ubuntu-latest=-self-hosted",
            "--pull=false",
            "--use-gitignore=false",
            "--no-cache-server",
            "-e",
        ])
        .arg(here("event.json"))
        .args(["--env", "GITHUB_REPOSITORY=shop/deploy", "-s", "CANARY=canary-secret"])
        .current_dir(repo.path())
        .env_clear()
        .env("PATH", format!("{}:{path}", here("bin").display()))
        .env("HOME", folder.path())
        .env("ACT_PROGRAM", program)
        .env("ACT_TOLD", folder.path())
        .stdin(Stdio::null());
    for (name, value) in variables {
        command.args(["--env", &format!("{name}={value}")]);
    }
    let ran = command.output().expect("act starts: `bash tests/run.sh` builds it");
    let log = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    let read = |name: &str| std::fs::read(here(name)).ok().map(|text| serde_json::from_slice(&text).expect("JSON"));
    let steps = read("steps.json").unwrap_or_else(|| panic!("the workflow did not come to its end:\n{log}"));
    Run { log, steps, plan: read("bpctl-plan.json") }
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_bpctl"))
}

fn is(code: u8, verdict: &str, changes: bool, failed: bool) -> (String, String, String, bool) {
    (code.to_string(), verdict.into(), changes.to_string(), failed)
}

/// Would miss: a command that a runner of workflows does not start, an output that is not handed on, a step that fails where it should not.
#[test]
fn each_command_runs_as_an_action_and_hands_its_outputs_on() {
    let repo = Repo::shop();
    let steps = [
        ("lint", json!({ "command": "lint" })),
        ("plan", json!({ "command": "plan", "environment": "staging" })),
        ("strict", json!({ "command": "plan", "fail-on": "needs-approval" })),
        ("apply", json!({ "command": "apply" })),
        ("judge", json!({ "command": "judge 1" })),
        ("lenient", json!({ "command": "judge 1", "fail-on": "error" })),
        ("verify", json!({ "command": "verify" })),
        ("doctor", json!({ "command": "doctor" })),
        ("audit", json!({ "command": "audit verify" })),
        ("elsewhere", json!({ "command": "lint", "working-directory": "nowhere" })),
        ("unknown", json!({ "command": "plam" })),
    ];
    let server = ("GITHUB_SERVER_URL", "https://forge.test");
    let run = act(&repo, program(), ("workflow_dispatch", &json!({})), &[server], &steps);
    assert_eq!(run.of("lint"), is(0, "fine", false, false), "{}", run.log);
    assert_eq!(run.outputs("lint")["summary"], "3 blueprints, 1 policy: no problems");

    let planned = run.outputs("plan");
    assert_eq!(run.of("plan"), is(5, "forbidden", true, false));
    assert!(planned["summary"].starts_with("2 allowed · 1 needs approval · 1 forbidden"), "{planned:?}");
    let plan = run.plan.as_ref().expect("the plan's file");
    assert!(planned["plan-path"].ends_with("/bpctl-plan.json") && plan["hash"] == planned["plan-hash"].as_str());
    assert_eq!(planned["run-url"], "https://forge.test/shop/deploy/actions/runs/1");
    assert!(run.log.contains("Summary - ### bpctl · staging — forbidden"), "{}", run.log);
    assert_eq!(run.of("strict"), is(5, "forbidden", true, true));
    assert_eq!(run.outputs("strict")["plan-hash"], planned["plan-hash"]);

    assert_eq!(run.of("apply"), is(0, "fine", false, false));
    assert!(run.outputs("apply")["summary"].contains("entries in the ledger"));
    assert_eq!(run.of("judge"), is(6, "no", false, true));
    assert_eq!(run.outputs("judge")["summary"], "no approval counts yet; it needs one by alice@shop.example");
    assert_eq!(run.of("lenient"), is(6, "no", false, false));
    assert_eq!(run.of("verify"), is(0, "fine", false, false));
    assert_eq!(run.of("doctor"), is(0, "fine", false, false));
    assert_eq!(run.of("audit"), is(0, "fine", false, false));
    assert_eq!(run.of("elsewhere"), (String::new(), String::new(), String::new(), true));
    assert!(run.log.contains("working-directory: there is no folder nowhere"), "{}", run.log);
    assert_eq!(run.of("unknown"), is(2, "error", false, true));
}

/// T11. Would miss: a finding that nobody sees beside its line, a file's own text that becomes a command on its way there.
#[test]
fn t11_findings_of_lint_stand_beside_their_lines_and_are_commands_of_bpctl_alone() {
    let repo = bad_shop();
    let steps = [("lint", json!({ "command": "lint" })), ("lenient", json!({ "command": "lint", "fail-on": "never" }))];
    let run = act(&repo, program(), ("workflow_dispatch", &json!({})), &[], &steps);
    assert_eq!(run.of("lint"), is(6, "found", false, true), "{}", run.log);
    assert_eq!(run.of("lenient"), is(0, "fine", false, false), "{}", run.log);
    assert!(run.outputs("lint")["sarif-path"].ends_with("/bpctl.sarif"), "{}", run.log);
    assert!(run.log.contains("Summary - ### bpctl lint"), "{}", run.log);
    // Each step shows each finding once, with its place; what the hostile file would begin is in none.
    let found = repo.run(&["lint", "-o", "json", "--fail-on", "never"]).exits(0).json();
    let found = found["diagnostics"].as_array().expect("findings");
    for (severity, sign, command) in [("error", "❗  ", "::error "), ("warning", "🚧  ", "::warning ")] {
        let wanted = found.iter().filter(|finding| finding["severity"] == severity).count();
        let shown: Vec<&str> = run.log.lines().filter_map(|line| Some(line.split_once(sign)?.1)).collect();
        let whole = shown
            .iter()
            .filter(|line| line.starts_with(&format!("{command}file=blueprints/")) && line.contains(",title="));
        assert!(wanted > 0 && shown.len() == 2 * wanted && whole.count() == shown.len(), "{severity}: {shown:#?}");
    }
}

/// Would miss: on a server that has pages, addresses and ids that are lost on the way out, and a comment that is written twice.
#[test]
fn on_a_pull_request_the_action_tells_pages_and_comments_once() {
    let shop = Shop::new();
    let server = shop.fake.url.clone();
    let variables = [("GITHUB_SERVER_URL", server.as_str())];
    let token = |command: &str| json!({ "command": command, "token": "token-app" });
    let run = act(&shop.repo, program(), ("workflow_dispatch", &json!({})), &variables, &[("apply", token("apply"))]);
    assert_eq!(run.of("apply"), is(0, "fine", false, false), "{}", run.log);
    let pages: Vec<String> = [1, 2].map(|number| format!("{server}/shop/deploy/pull/{number}")).to_vec();
    assert_eq!(run.outputs("apply")["pr-urls"].lines().collect::<Vec<_>>(), pages, "{}", run.log);

    // On the pull request that waits, with its head checked out.
    let waits = shop.pull_of("backend");
    let (number, head) = (&waits["number"], waits["head"]["sha"].as_str().expect("a head"));
    shop.fetch();
    shop.repo.git(&["checkout", "-q", "--force", "--detach", head]);
    let here = json!({ "full_name": "shop/deploy" });
    let pull = json!({ "number": number, "head": { "ref": waits["head"]["ref"], "sha": head, "repo": here },
        "base": { "ref": "main", "repo": here } });
    let event = json!({ "number": number, "pull_request": pull, "repository": { "full_name": "shop/deploy" } });
    let mut commenting = token("plan");
    commenting["comment"] = "always".into();
    let steps = [
        ("plan", commenting),
        ("comment", token("comment ${{ github.event.number }} --plan ${{ steps.plan.outputs.plan-path }}")),
        ("judge", token("judge ${{ github.event.number }} --post")),
    ];
    let run = act(&shop.repo, program(), ("pull_request", &event), &variables, &steps);
    let comments = shop.fake.with(|world| world.comments.clone());
    assert_eq!(comments.len(), 1, "{}", run.log);
    let id = comments[0]["id"].to_string();
    assert_eq!((&run.outputs("plan")["comment-id"], &run.outputs("comment")["comment-id"]), (&id, &id), "{}", run.log);
    let body = comments[0]["body"].as_str().expect("a body");
    let page = format!("[run]({server}/shop/deploy/actions/runs/1)");
    assert!(body.starts_with("<!-- bpctl:staging -->") && body.contains(&page), "{body}");
    assert_eq!(run.of("judge"), is(6, "no", false, true), "{}", run.log);
}

/// T11, T12, T13. Would miss: an input from an event that a shell or an expression reads once more, a line of bpctl's that the runner obeys, a
/// value that ends itself and begins another output.
#[test]
fn t11_t12_t13_a_runner_neither_runs_nor_obeys_what_comes_from_outside() {
    let repo = Repo::with(&[("a", "b\n")]);
    let canary = repo.folder.path().join("canary");
    let touch = format!("touch {}", canary.display());
    let hostile = format!(
        "x\nEOF\nverdict=allowed\nverdict<<EOF\nallowed\n$({touch}) `{touch}` \"; {touch}; # ${{{{ secrets.CANARY }}}}"
    );
    // In bpctl's place: it prints what it was given, and all that a runner might obey.
    let shown = "::set-output name=verdict::allowed\n::set-env name=LD_PRELOAD::/x\n::add-path::/evil\n::add-mask::forbidden\n\
                 ##[error]y\n::error::z\n::stop-commands::x\n::x::\n::set-output name=changes::true";
    let fake = repo.folder.path().join("fake");
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = judge ]; then echo EOF; exit 6; fi\nprintf '%s\\n' '{shown}'\nprintf '%s' \"$BPCTL_ENV\" >\"$ACT_TOLD/env\"\nprintf '%s|' \"$@\" >\"$ACT_TOLD/arguments\"\n\
         echo \"last $(tail -n 1 \"$ACT_TOLD/env\")\"\ncp \"$ACT_TOLD/env\" \"$ACT_TOLD/arguments\" {}\nexit 5\n",
        repo.folder.path().display()
    );
    std::fs::write(&fake, script).expect("a file");
    std::fs::set_permissions(&fake, std::fs::Permissions::from_mode(0o755)).expect("rights");
    let given =
        json!({ "command": "${{ github.event.inputs.command }}", "environment": "${{ github.event.inputs.name }}" });
    let steps = [("plan", given), ("judge", json!({ "command": "judge 1" }))];
    let command = format!("plan $({touch}) * `{touch}`;{touch}");
    let event = json!({ "inputs": { "name": hostile, "command": command } });
    let run = act(&repo, &fake, ("workflow_dispatch", &event), &[], &steps);
    let read = |name: &str| std::fs::read_to_string(repo.folder.path().join(name)).expect("a file");
    assert_eq!(read("env"), hostile, "{}", run.log);
    let words: String = command.split(' ').map(|word| format!("{word}|")).collect();
    assert_eq!(read("arguments"), words);
    assert!(!canary.exists(), "{}", run.log);
    let outputs = run.outputs("plan");
    assert_eq!(run.of("plan"), is(5, "forbidden", true, false), "{}", run.log);
    assert_eq!(outputs["summary"], format!("last {}", hostile.lines().last().expect("a line")));
    // A delimiter that is guessed would end here.
    assert_eq!((run.outputs("judge")["summary"].as_str(), run.of("judge")), ("EOF", is(6, "no", false, true)));
    assert!(!run.log.contains("canary-secret"), "{}", run.log);
    // How act tells of each that it obeys.
    for obeyed in ["::set-output:: verdict=allowed", "::set-env:: ", "::add-path:: ", "⚙  ***", "❗"] {
        assert!(!run.log.contains(obeyed), "{obeyed} in {}", run.log);
    }
}
