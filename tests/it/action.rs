//! action.yml and its script, run by bash as a runner does, with hostile values (T11, T12, T13).

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value as Json;

use crate::support::{Repo, unique};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A runner's step: a folder for what is temporary, and the file of its outputs.
struct Step {
    folder: tempfile::TempDir,
    variables: BTreeMap<String, String>,
}

impl Step {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("temp")).expect("a folder");
        let mut step = Self { folder, variables: BTreeMap::new() };
        for name in [
            "ENVIRONMENT",
            "COMMENT",
            "COMMENT_METHOD",
            "FAIL_ON",
            "KUBECONFIG",
            "CONTEXT",
            "TOKEN",
            "APP_ID",
            "APP_KEY",
        ] {
            step.variables.insert(format!("INPUT_{name}"), String::new());
        }
        let path = |name: &str| step.folder.path().join(name).display().to_string();
        let (temp, output) = (path("temp"), path("output"));
        step.with("RUNNER_TEMP", &temp).with("GITHUB_OUTPUT", &output).with("INPUT_WORKING_DIRECTORY", ".")
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// A program in the place of bpctl.
    fn fake(self, script: &str) -> Self {
        let file = self.folder.path().join("fake");
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("a file");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("rights");
        let file = file.display().to_string();
        self.with("BPCTL_BIN", &file)
    }

    fn run(&self, folder: &Path, what: &str) -> Output {
        let script = root().join("action/bpctl.sh");
        let mut command = Command::new("bash");
        command.arg(script).arg(what).current_dir(folder).env_clear().envs(&self.variables);
        command.env("PATH", std::env::var("PATH").unwrap_or_default()).output().expect("bash starts")
    }

    /// The outputs, read as a runner reads them.
    fn outputs(&self) -> BTreeMap<String, String> {
        let text = std::fs::read_to_string(self.folder.path().join("output")).unwrap_or_default();
        let mut outputs = BTreeMap::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let (name, end) = line.split_once("<<").unwrap_or_else(|| panic!("{line:?} in {text}"));
            assert!(end.len() == 32 && end.bytes().all(|byte| byte.is_ascii_hexdigit()), "{line}");
            let value: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
            assert!(outputs.insert(name.to_owned(), value.join("\n")).is_none(), "{name} twice");
        }
        outputs
    }

    fn left(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().join("temp")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// T13. Would miss: an input that is text of a script, where a quote in it begins another command.
#[test]
fn t13_no_expression_stands_in_a_script_and_each_input_reaches_it() {
    let action: Json =
        serde_yaml::from_str(&std::fs::read_to_string(root().join("action.yml")).expect("a file")).expect("YAML");
    let steps = action["runs"]["steps"].as_array().expect("steps");
    for step in steps {
        assert!(!step["run"].as_str().expect("a script").contains("${{"), "{step}");
    }
    let given = steps.iter().map(|step| step["env"].to_string()).collect::<String>();
    for input in action["inputs"].as_object().expect("inputs").keys() {
        assert!(given.contains(&format!("${{{{ inputs.{input} }}}}")), "{input} reaches no step");
    }
    for (name, output) in action["outputs"].as_object().expect("outputs") {
        assert_eq!(output["value"], format!("${{{{ steps.run.outputs.{name} }}}}"));
        let script = std::fs::read_to_string(root().join("action/bpctl.sh")).expect("a file");
        assert!(script.contains(&format!("put {name} ")), "{name} is never put");
    }
}

/// T11, T12. Would miss: a value that ends itself and begins another output, a line that the runner obeys, an input that is more than one
/// word or another's, an address of another repository taken for a pull request of this one.
#[test]
fn t11_t12_hostile_values_go_through_whole_and_are_never_obeyed() {
    let hostile = "x\nEOF\nverdict=allowed\nverdict<<EOF\nallowed\n$(touch canary) `touch canary` \"; touch canary #";
    let shown = "::add-mask::x\\n##[error]y\\nopened https://forge.test/shop/deploy/pulls/7, and https://evil.test/shop/deploy/pulls/8 \
                 https://forge.test/shop/deploy/pulls/9/x\\nlast::set-output name=a::b";
    let step = Step::new()
        .fake(&format!(
            "printf '{shown}\\n'; printf '%s' \"$BPCTL_ENV\" >env; printf '%s\\n' \"$@\" >arguments; exit 6"
        ))
        .with("INPUT_COMMAND", "judge 12 $(touch canary) *")
        .with("INPUT_ENVIRONMENT", hostile)
        .with("GITHUB_SERVER_URL", "https://forge.test")
        .with("GITHUB_REPOSITORY", "shop/deploy")
        .with("GITHUB_RUN_ID", "5");
    let here = tempfile::tempdir().expect("a folder");
    let ran = step.run(here.path(), "run");
    assert_eq!(ran.status.code(), Some(6), "{}", text(&ran.stderr));
    let log = text(&ran.stdout);
    let (first, rest) = log.split_once('\n').expect("lines");
    let stop = first.strip_prefix("::stop-commands::").expect("the first line");
    assert!(stop.len() == 32 && rest.ends_with(&format!("::{stop}::\n")), "{log}");
    assert_eq!(rest.matches(stop).count(), 1, "{log}");
    let read = |name: &str| std::fs::read_to_string(here.path().join(name)).expect("a file");
    assert_eq!((read("env"), read("arguments")), (hostile.into(), "judge\n12\n$(touch\ncanary)\n*\n".into()));
    assert!(!here.path().join("canary").exists());
    let outputs = step.outputs();
    assert_eq!(outputs["exitcode"], "6");
    assert_eq!((outputs["verdict"].as_str(), outputs["changes"].as_str()), ("no", "false"));
    assert_eq!(outputs["summary"], "last::set-output name=a::b");
    assert_eq!(outputs["pr-urls"], "https://forge.test/shop/deploy/pulls/7");
    assert_eq!(outputs["run-url"], "https://forge.test/shop/deploy/actions/runs/5");
    let missing = Step::new()
        .fake("touch ran")
        .with("INPUT_COMMAND", "plan")
        .with("INPUT_WORKING_DIRECTORY", "-P $(touch canary)");
    assert_eq!(missing.run(here.path(), "run").status.code(), Some(2));
    assert!(!here.path().join("ran").exists() && !here.path().join("canary").exists());
}

/// Would miss: a credential that others on the machine can read, or that outlives the step, whatever becomes of it.
#[test]
fn a_kubeconfig_is_readable_by_this_step_alone_and_gone_with_it() {
    for code in [0, 1] {
        let step = Step::new()
            .fake(&format!(
                "stat -c %a \"$BPCTL_KUBECONFIG\" >mode; cat \"$BPCTL_KUBECONFIG\" >was; env >env; exit {code}"
            ))
            .with("INPUT_COMMAND", "verify")
            .with("INPUT_TOKEN", "canary-token")
            .with("INPUT_KUBECONFIG", "a: b\n$(touch canary)");
        let here = tempfile::tempdir().expect("a folder");
        let ran = step.run(here.path(), "run");
        assert_eq!(ran.status.code(), Some(code), "{}", text(&ran.stderr));
        let read = |name: &str| std::fs::read_to_string(here.path().join(name)).expect("a file");
        assert_eq!((read("mode").trim(), read("was").as_str()), ("600", "a: b\n$(touch canary)\n"));
        assert!(!read("env").contains("INPUT_KUBECONFIG") && !read("env").contains("INPUT_TOKEN"), "once is enough");
        assert!(!step.left().iter().any(|file| file.ends_with("kubeconfig")), "{:?}", step.left());
        assert!(!text(&ran.stdout).contains("canary") && !text(&ran.stderr).contains("canary"));
    }
}

/// Would miss: a step that fails on what it was not asked to fail on, a plan whose outputs are another's, a comment where none was asked for.
#[test]
fn a_plan_tells_its_outputs_and_fails_on_what_is_asked() {
    let repo = Repo::shop();
    let step = |fail_on: &str| {
        let step = Step::new()
            .with("BPCTL_BIN", env!("CARGO_BIN_EXE_bpctl"))
            .with("INPUT_COMMAND", "plan")
            .with("INPUT_FAIL_ON", fail_on);
        let summary = step.folder.path().join("summary.md").display().to_string();
        step.with("GITHUB_STEP_SUMMARY", &summary).with("HOME", &repo.home().display().to_string())
    };
    for (fail_on, code) in
        [("", 0), ("error", 0), ("forbidden", 5), ("needs-approval", 5), ("changes", 5), ("never", 2)]
    {
        let step = step(fail_on);
        let ran = step.run(&repo.path(), "run");
        assert_eq!(ran.status.code(), Some(code), "{fail_on}: {}", text(&ran.stderr));
        let outputs = step.outputs();
        if code == 2 {
            assert!(outputs.is_empty() && text(&ran.stderr).contains("none of error, forbidden"), "{outputs:?}");
            continue;
        }
        assert_eq!(
            (outputs["exitcode"].as_str(), outputs["verdict"].as_str(), outputs["changes"].as_str()),
            ("5", "forbidden", "true")
        );
        let plan: Json = serde_json::from_slice(&std::fs::read(&outputs["plan-path"]).expect("a plan")).expect("JSON");
        assert_eq!(plan["hash"], outputs["plan-hash"].as_str());
        assert!(outputs["summary"].contains("1 forbidden"), "{outputs:?}");
        assert!(!outputs.contains_key("comment-id"));
        let summary = std::fs::read_to_string(step.folder.path().join("summary.md")).expect("a file");
        assert!(summary.starts_with("### bpctl · staging — forbidden\n"), "{summary}");
    }
    for (fail_on, code, fails) in [("", 6, 6), ("error", 6, 0), ("error", 1, 1), ("", 0, 0)] {
        let judge =
            Step::new().fake(&format!("exit {code}")).with("INPUT_COMMAND", "judge 1").with("INPUT_FAIL_ON", fail_on);
        assert_eq!(judge.run(&repo.path(), "run").status.code(), Some(fails), "{fail_on} {code}");
    }
    // Before anything is done.
    for (command, input, value, told) in [
        ("judge 1", "INPUT_FAIL_ON", "warn", "fail-on: of judge it is error"),
        ("plan", "INPUT_COMMENT", "sometimes", "comment: sometimes is none of always, on-change, never"),
        ("", "INPUT_FAIL_ON", "", "command: it is empty"),
    ] {
        let ran = Step::new().fake("exit 0").with("INPUT_COMMAND", command).with(input, value).run(&repo.path(), "run");
        assert_eq!(ran.status.code(), Some(2), "{told}");
        assert!(text(&ran.stderr).contains(told), "{}", text(&ran.stderr));
    }
    let lint = Step::new()
        .with("BPCTL_BIN", env!("CARGO_BIN_EXE_bpctl"))
        .with("INPUT_COMMAND", "lint")
        .with("INPUT_FAIL_ON", "error");
    assert_eq!(lint.with("HOME", "/nonexistent").run(&repo.path(), "run").status.code(), Some(0));
}

/// Would miss: the answer of a comment that is lost, and one that is written where none was wanted.
#[test]
fn a_comment_tells_its_id() {
    let answer = "printf '%s\\n' \"$@\" $BPCTL_COMMENT $BPCTL_COMMENT_METHOD $BPCTL_OUTPUT >>arguments; printf '{\\n  \"done\": \"posted\",\\n  \"comment\": \"41\"\\n}\\n'";
    let step = Step::new()
        .fake(answer)
        .with("INPUT_COMMAND", "comment 7 --plan plan.json")
        .with("INPUT_COMMENT", "on-change")
        .with("INPUT_COMMENT_METHOD", "recreate");
    let here = tempfile::tempdir().expect("a folder");
    assert_eq!(step.run(here.path(), "run").status.code(), Some(0));
    assert_eq!(step.outputs()["comment-id"], "41");
    let given = std::fs::read_to_string(here.path().join("arguments")).expect("a file");
    assert_eq!(given, "comment\n7\n--plan\nplan.json\non-change\nrecreate\njson\n");
    // Of a plan on a pull request, where that is asked for.
    for (comment, told) in [("", false), ("never", false), ("always", true)] {
        let both = format!(
            "case $1 in plan) echo '{{}}' >\"$BPCTL_PLAN_OUT\"; echo \"$BPCTL_BASE_REF\" >base ;; *) {answer} ;; esac"
        );
        let step = Step::new().fake(&both).with("INPUT_COMMAND", "plan").with("INPUT_COMMENT", comment);
        let step = step.with("GITHUB_REF", "refs/pull/7/head").with("GITHUB_BASE_REF", "main");
        assert_eq!(step.run(here.path(), "run").status.code(), Some(0));
        assert_eq!(step.outputs().contains_key("comment-id"), told, "{comment}");
        assert_eq!(std::fs::read_to_string(here.path().join("base")).expect("a file"), "refs/remotes/origin/main\n");
    }
}

/// Serves a folder on loopback.
pub fn serve(folder: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap_or(0);
            let line = text(&request[..read]);
            let path = line.split_whitespace().nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
            let (status, body) = match std::fs::read(folder.join(path)) {
                Ok(body) => (200, body),
                Err(_) => (404, Vec::new()),
            };
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    address
}

/// A release as docs/CI.md lays it out, of any program.
pub fn release(version: &str, program: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "cd \"$1\"; mkdir \"v$2\" b; install -m 755 \"$3\" b/bpctl; \
        for target in x86_64-unknown-linux-musl aarch64-unknown-linux-musl; do \
        tar -cf - -C b bpctl | gzip -1 >\"v$2/bpctl-$2-$target.tar.gz\"; done; cd \"v$2\"; sha256sum *.tar.gz >SHA256SUMS";
    let mut bash = Command::new("bash");
    let made =
        bash.args(["-euc", script, "-"]).arg(folder.path()).arg(version).arg(program).status().expect("bash starts");
    assert!(made.success());
    folder
}

/// Would miss: a binary that runs before, or although, its checksum is another; a version that is a path or a command; plain HTTP to elsewhere.
#[test]
fn a_release_is_verified_before_anything_of_it_runs() {
    let program = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(program.path(), "#!/bin/sh\ntouch ran\n").expect("a file");
    let release = release("1.2.3", program.path());
    let sums = release.path().join("v1.2.3/SHA256SUMS");
    let address = serve(release.path().to_owned());
    let install = |version: &str, from: &str| {
        let step = Step::new().with("INPUT_VERSION", version).with("BPCTL_RELEASES", from);
        let ran = step.run(step.folder.path(), "install");
        (ran.status.code(), text(&ran.stderr), step)
    };
    let (code, said, step) = install("1.2.3", &address);
    assert_eq!(code, Some(0), "{said}");
    let bin = step.outputs()["bin"].clone();
    assert!(Command::new(&bin).current_dir(step.folder.path()).status().expect("it starts").success());

    for (version, why) in [
        ("9.9.9", "couldn't fetch"),
        ("../1.2.3", "is neither a release"),
        ("1.2.3;touch x", "is neither"),
        ("latest", "is neither"),
    ] {
        let (code, said, step) = install(version, &address);
        assert!(code == Some(2) && said.contains(why), "{version}: {said}");
        assert!(step.outputs().is_empty());
    }
    let (code, said, _) = install("1.2.3", &format!("http://forge-{}.invalid", unique()));
    assert!(code == Some(2) && said.contains("couldn't fetch"), "{said}");
    let good = std::fs::read_to_string(&sums).expect("a file");
    for (sums_say, why) in [
        (good.replace(|c: char| "0123456789abcdef".contains(c), "0"), "does not have one line"),
        (
            good.lines().map(|line| format!("{}{}\n", "0".repeat(64), &line[64..])).collect(),
            "is not what SHA256SUMS says",
        ),
        (format!("{good}{good}"), "does not have one line"),
        (String::new(), "does not have one line"),
    ] {
        std::fs::write(&sums, sums_say).expect("a file");
        let (code, said, step) = install("1.2.3", &address);
        assert!(code == Some(2) && said.contains(why), "{why}: {said}");
        assert!(step.outputs().is_empty() && !step.left().iter().any(|file| file.ends_with("bpctl")));
    }
}
