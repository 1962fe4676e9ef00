//! The real renderers: `kustomize` (or `kubectl kustomize`) and `helm`, over files of one tree, without network and credentials (X9).
//!
//! A renderer sees a folder that holds what the rendering reads and nothing else, written from Git's objects, so without links. It runs in
//! an environment that is built from nothing (T43): no home of the person's, no PATH, no kubeconfig, no plugin, no proxy that leads anywhere.
//! Its time and its answer have bounds.

#![expect(
    clippy::disallowed_methods,
    reason = "an edge: writes a scratch folder, starts renderers, reads their answers"
)]

mod packed;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bpctl_core::blueprint::{Render, Renderer};
use bpctl_core::model::{File, Files, Period, RepoPath};
use bpctl_core::rendering::{Mutation, Parameter, RenderFailure};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::runtime;

pub use packed::unpacked;

/// What is read of a renderer's answer, and of its complaints.
const STDOUT_LIMIT: u64 = 64 << 20;
const STDERR_LIMIT: u64 = 1 << 20;
/// How long one rendering may take, where `BPCTL_RENDER_TIMEOUT` says nothing else: a chart can count to any number.
const TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUT_VARIABLE: &str = "BPCTL_RENDER_TIMEOUT";
/// How much memory it may ask for, in KiB.
const MEMORY: u32 = 2 << 20;

/// A folder with the files of one rendering, and the program that renders it.
#[derive(Debug)]
pub struct Workbench {
    scratch: tempfile::TempDir,
    program: PathBuf,
    render: Render,
    files: Files,
    timeout: Duration,
}

impl Workbench {
    /// Lays the files out. `files`: what `Inputs::files` gave.
    ///
    /// # Errors
    /// There is no such renderer on this machine, or no place for the files.
    pub fn new(render: &Render, files: Files) -> Result<Self, RenderFailure> {
        let (renderer, _) = render.root().ok_or_else(|| RenderFailure::new("the entry names no renderer"))?;
        let program = locate(renderer).ok_or_else(|| missing(renderer))?;
        let scratch = tempfile::Builder::new().prefix("bpctl-render-").tempdir().map_err(|error| io(&error))?;
        let bench = Self { scratch, program, render: render.clone(), files, timeout: timeout()? };
        for folder in ["tree", "home", "none"] {
            std::fs::create_dir(bench.scratch.path().join(folder)).map_err(|error| io(&error))?;
        }
        for (path, file) in &bench.files.0 {
            if let File::Blob(blob) = file {
                bench.write(path, &blob.bytes)?;
            }
        }
        Ok(bench)
    }

    /// The files that were laid out.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Renders the files with a mutation in them; afterwards they are as before.
    ///
    /// # Errors
    /// The renderer refused, took too long or answered too much.
    pub async fn run(&self, mutation: &Mutation) -> Result<Vec<u8>, RenderFailure> {
        for (path, bytes) in &mutation.files {
            self.write(path, bytes)?;
        }
        let mut render = self.render.clone();
        render.set.extend(mutation.set.clone());
        for (at, value) in &mutation.parameters {
            if let Some(parameter) = render.parameters.get_mut(*at) {
                parameter.value.clone_from(value);
            }
        }
        if mutation.far_away {
            // Argo CD gives them in no order.
            render.parameters.reverse();
        }
        let answer = self.start(&arguments(&render), mutation.far_away).await;
        for path in mutation.files.keys() {
            if let Some(blob) = self.files.blob(path) {
                self.write(path, &blob.bytes)?;
            }
        }
        answer
    }

    fn write(&self, path: &RepoPath, bytes: &[u8]) -> Result<(), RenderFailure> {
        let target = self.scratch.path().join("tree").join(path.as_str());
        let folder = target.parent().unwrap_or(self.scratch.path());
        std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&target, bytes)).map_err(|error| io(&error))
    }

    /// The program within bounds, where there is a shell that can set them. It ends with bpctl, also with one that is killed: then the
    /// pipe closes that a second shell waits at, and the folder goes as soon as nobody holds on to bpctl's own end.
    fn bounded(&self) -> Command {
        let shell = Path::new("/bin/sh");
        if !shell.is_file() {
            return Command::new(&self.program);
        }
        // Of processors too, so that one which nobody waits for any more ends; it may have several at once.
        let seconds = 4 * self.timeout.as_secs().max(1);
        let script = format!(
            "ulimit -v {MEMORY} 2>/dev/null; ulimit -t {seconds} 2>/dev/null; scratch=\"$0\"; exec 3<&0; \"$@\" </dev/null 3<&- & run=$!; \
             {{ read -r _ <&3; trap '' TERM; kill -9 $run; \
                for _ in 1 2 3 4 5; do kill -0 $PPID || {{ /bin/rm -rf \"$scratch\"; break; }}; /bin/sleep 1; done; }} \
             >/dev/null 2>&1 & watch=$!; \
             wait $run; ended=$?; kill $watch; exit $ended"
        );
        let mut command = Command::new(shell);
        command.args(["-c", &script]).arg(self.scratch.path()).arg(&self.program);
        command
    }

    async fn start(&self, arguments: &[String], far_away: bool) -> Result<Vec<u8>, RenderFailure> {
        let (scratch, home) = (self.scratch.path(), self.scratch.path().join("home"));
        let is_kubectl = self.program.file_name().is_some_and(|name| name == "kubectl");
        let arguments = match (&self.render.kustomize, is_kubectl) {
            (Some(_), true) => ["kustomize".to_owned()].into_iter().chain(arguments[1..].iter().cloned()).collect(),
            _ => arguments.to_vec(),
        };
        let mut command = self.bounded();
        command.args(&arguments).current_dir(scratch.join("tree")).env_clear();
        command.envs([("PATH", scratch.join("none")), ("HOME", home.clone()), ("TMPDIR", home.clone())]);
        for folder in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HELM_PLUGINS", "XDG_CONFIG_HOME"] {
            command.env(folder, &home);
        }
        // Whoever asks for something from elsewhere, all the same, finds nobody there.
        for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"] {
            command.env(proxy, "http://127.0.0.1:9");
        }
        let zone = scratch.join("zone");
        if far_away {
            std::fs::write(&zone, far_zone()).map_err(|error| io(&error))?;
            command.env("TZ", &zone);
        }
        command.env("KUBECONFIG", "/dev/null").env("LC_ALL", "C").env("GOMEMLIMIT", "1GiB");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| io(&error))?;
        // Held until it ended: it closes when this run does, however that ends.
        let _alive = child.stdin.take();
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(RenderFailure::new("its answer cannot be read"));
        };
        let (mut answer, mut complaint) = (Vec::new(), Vec::new());
        let read = async {
            let mut stdout = stdout.take(STDOUT_LIMIT + 1);
            let mut stderr = stderr.take(STDERR_LIMIT);
            let (one, two) = tokio::join!(stdout.read_to_end(&mut answer), stderr.read_to_end(&mut complaint));
            one.and(two)
        };
        match tokio::time::timeout(self.timeout, read).await {
            Ok(read) => read.map(drop).map_err(|error| io(&error))?,
            Err(_) => {
                let told =
                    format!("it did not end within {} s ({TIMEOUT_VARIABLE} says how long)", self.timeout.as_secs());
                return Err(RenderFailure::new(told));
            }
        }
        if answer.len() as u64 > STDOUT_LIMIT {
            return Err(RenderFailure::new(format!("it makes more than {} MiB", STDOUT_LIMIT >> 20)));
        }
        let ended = tokio::time::timeout(self.timeout, child.wait()).await;
        let status = ended.map_err(|_| RenderFailure::new("it does not end"))?.map_err(|error| io(&error))?;
        if status.success() {
            return Ok(answer);
        }
        // Paths of the scratch folder mean nothing to anybody.
        let complaint =
            String::from_utf8_lossy(&complaint).replace(&format!("{}/", scratch.join("tree").display()), "");
        let reason = reason(&complaint).unwrap_or_else(|| {
            let ended =
                status.code().map_or_else(|| "was ended by a signal".into(), |code| format!("ended with {code}"));
            format!("{} said nothing, and {ended}", self.program.display())
        });
        Err(RenderFailure::new("the renderer refused").said(&reason))
    }
}

/// A file of a time zone, as `tzfile` has them: one offset for all times, of eleven years, a month and some, so that no part of a date that is
/// shown stays as it is.
fn far_zone() -> Vec<u8> {
    const AHEAD: i32 = ((11 * 365 + 40) * 24 + 5) * 3600 + 7 * 60 + 11;
    let counts = [0_i32, 0, 0, 0, 1, 4].map(i32::to_be_bytes);
    [b"TZif".as_slice(), &[0; 16], counts.as_flattened(), &AHEAD.to_be_bytes(), &[0, 0], b"FAR\0"].concat()
}

/// What is shown of a renderer's complaint, in lines: the first of them say which file it is about, and the last one what is wrong.
const TOLD: usize = 3;

/// The part of a complaint that tells most, on one line; `None`: there is none.
fn reason(complaint: &str) -> Option<String> {
    let lines = complaint.lines().map(str::trim).filter(|line| !line.is_empty());
    // What Kustomize says of fields that it still takes would stand in the place of what is wrong.
    let lines: Vec<&str> = lines.filter(|line| !line.starts_with("# Warning:")).collect();
    let begins = lines.iter().rposition(|line| line.starts_with("Error")).unwrap_or(0);
    let (first, rest) = lines.get(begins..)?.split_first()?;
    let first = unlogged(first).unwrap_or_else(|| first.trim_start_matches("Error: ").to_owned());
    // A log writes an error of several lines between angle brackets.
    let mut told: Vec<&str> = match first.as_str() {
        "<" => rest.iter().take_while(|line| **line != ">").copied().collect(),
        one => std::iter::once(one).chain(rest.iter().copied()).collect(),
    };
    let last = told.last().copied().filter(|_| told.len() > TOLD);
    told.truncate(TOLD);
    told.extend(last.map(|_| "…"));
    told.extend(last);
    Some(without_middle(told.join(" ")))
}

/// A long text without its middle: its first words say what was read, and the last ones what is wrong with it.
fn without_middle(text: String) -> String {
    const HEAD: usize = 90;
    const TAIL: usize = 180;
    let length = text.chars().count();
    if length <= HEAD + TAIL {
        return text;
    }
    text.chars().take(HEAD).chain(" … ".chars()).chain(text.chars().skip(length - TAIL)).collect()
}

/// What kubectl means, of a line of its log: `E1121 19:01:43.568709    3788 run.go:72] "command failed" err="…"`; `None`: it is no such line.
fn unlogged(line: &str) -> Option<String> {
    let (head, told) = line.split_once("] ")?;
    let level = head.strip_prefix(['I', 'W', 'E', 'F'])?;
    if !level.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let quoted = told.split_once(" err=").map_or(told, |(_, error)| error);
    Some(serde_json::from_str(quoted).unwrap_or_else(|_| quoted.to_owned()))
}

fn arguments(render: &Render) -> Vec<String> {
    let mut arguments: Vec<String> = Vec::new();
    match render.root() {
        Some((Renderer::Kustomize, root)) => arguments.extend(["build".into(), format!("./{root}")]),
        Some((Renderer::Helm, root)) => {
            let release = render.release.as_ref().map_or_else(|| release(root), ToString::to_string);
            let namespace = render.template_namespace.as_ref().or(render.namespace.as_ref());
            let namespace = namespace.map_or("default", |name| name.as_str());
            arguments.extend(["template".into(), release, format!("./{root}"), format!("--namespace={namespace}")]);
            arguments.push("--skip-schema-validation".into());
            arguments.extend((!render.skip_crds).then(|| "--include-crds".into()));
            arguments.extend(render.values.iter().map(|path| format!("--values=./{path}")));
            arguments.extend(render.own_values.iter().map(|own| format!("--values=./{}", own.file)));
            arguments.extend(render.set.iter().map(|(key, value)| format!("--set-json={key}={value}")));
            arguments.extend(render.parameters.iter().map(Parameter::argument));
            arguments.extend(render.kube_version.iter().map(|version| format!("--kube-version={version}")));
        }
        None => {}
    }
    arguments
}

/// A release's name from a folder's.
fn release(root: &RepoPath) -> String {
    let name: String =
        root.file_name().to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "release".into() } else { name.chars().take(53).collect() }
}

/// A renderer: where its variable says, else on PATH.
fn locate(renderer: Renderer) -> Option<PathBuf> {
    let (variable, names): (_, &[&str]) = match renderer {
        Renderer::Kustomize => ("BPCTL_KUSTOMIZE", &["kustomize", "kubectl"]),
        Renderer::Helm => ("BPCTL_HELM", &["helm"]),
    };
    if let Some(given) = runtime::variable(variable) {
        return Some(PathBuf::from(given)).filter(|path| path.is_file());
    }
    let path = runtime::variable("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
    names.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|path| is_program(path)))
}

/// How long one rendering may take.
fn timeout() -> Result<Duration, RenderFailure> {
    let Some(given) = runtime::variable(TIMEOUT_VARIABLE) else { return Ok(TIMEOUT) };
    let period = given.parse::<Period>().ok().filter(|period| *period >= Period::from_secs(1));
    let wrong = || RenderFailure::new(format!("{TIMEOUT_VARIABLE} is no period such as 30s")).said(&given);
    Ok(Duration::from_millis(period.ok_or_else(wrong)?.as_millis()))
}

fn is_program(path: &Path) -> bool {
    path.is_file()
}

fn missing(renderer: Renderer) -> RenderFailure {
    let message = match renderer {
        Renderer::Kustomize => {
            "there is neither kustomize nor kubectl on this machine; install one, or say where it is with BPCTL_KUSTOMIZE"
        }
        Renderer::Helm => "there is no helm on this machine; install it, or say where it is with BPCTL_HELM",
    };
    RenderFailure { renderer_missing: true, ..RenderFailure::new(message) }
}

fn io(error: &std::io::Error) -> RenderFailure {
    RenderFailure::new("its files or its answer could not be written or read").said(&error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bench(script: &str) -> Workbench {
        use std::os::unix::fs::PermissionsExt as _;
        let render = Render { kustomize: RepoPath::new("k").ok(), ..Render::default() };
        let scratch = tempfile::tempdir().unwrap();
        for folder in ["tree", "home", "none"] {
            std::fs::create_dir(scratch.path().join(folder)).unwrap();
        }
        let program = scratch.path().join("renderer");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Workbench { scratch, program, render, files: Files::default(), timeout: TIMEOUT }
    }

    /// Would miss: a shell around the renderer that hides how it ended, or keeps its answer open.
    #[tokio::test]
    async fn an_answer_and_an_end_arrive() {
        assert_eq!(bench("echo a: 1").run(&Mutation::default()).await.unwrap(), b"a: 1\n");
        let refused = bench("echo Error: no >&2; exit 3").run(&Mutation::default()).await.unwrap_err();
        assert_eq!(refused.said.unwrap().raw(), "no");
    }

    /// Would miss: a chart's hooks and tests that nobody judges, since Helm was asked to leave them out.
    #[test]
    fn x09_a_chart_is_rendered_with_its_hooks() {
        let asked = arguments(&Render { helm: RepoPath::new("c").ok(), ..Render::default() });
        assert!(asked.iter().all(|argument| !argument.contains("hooks") && !argument.contains("tests")), "{asked:?}");
    }

    /// Would miss: an image that is a parameter's own, where Helm lets a forced one win whatever the order; a list and a comma that Helm reads
    /// otherwise; values of the Application that stand over its parameters.
    #[tokio::test]
    async fn x09_helm_is_given_what_argo_cd_gives_it() {
        let span = bpctl_core::model::SourceSpan { file: "a".into(), line: 1, column: 1, start: 0, end: 0 };
        let parameter = |name: &str, value: &str, forced| Parameter {
            name: name.into(),
            value: value.into(),
            forced,
            span: span.clone(),
        };
        let parameters =
            vec![parameter("a", "{8080,true}", false), parameter("b", "x,y", false), parameter("a", "1", true)];
        let render = Render { helm: RepoPath::new("c").ok(), parameters, ..Render::default() };
        let mut bench = bench("for one; do echo \"$one\"; done");
        bench.render = render;
        let mutation = Mutation { parameters: [(1, "z".to_owned())].into(), ..Mutation::default() };
        for (mutation, expected) in [
            (Mutation::default(), ["--set=a={8080,true}", "--set=b=x\\,y", "--set-string=a=1"]),
            (mutation, ["--set=a={8080,true}", "--set=b=z", "--set-string=a=1"]),
        ] {
            let given = String::from_utf8(bench.run(&mutation).await.unwrap()).unwrap();
            assert!(given.ends_with(&(expected.join("\n") + "\n")), "{given}");
        }
        let far = bench.run(&Mutation { far_away: true, ..Mutation::default() }).await.unwrap();
        assert!(String::from_utf8(far).unwrap().ends_with("--set-string=a=1\n--set=b=x\\,y\n--set=a={8080,true}\n"));
    }

    /// Would miss: a chart that is told where its objects go, where its Application tells it otherwise, and CRDs that it leaves out.
    #[test]
    fn x09_a_chart_is_told_what_its_application_says() {
        let name = |text: &str| bpctl_core::model::Name::new(text).ok();
        let plain = Render { helm: RepoPath::new("c").ok(), namespace: name("shop"), ..Render::default() };
        let told = Render { template_namespace: name("told"), skip_crds: true, ..plain.clone() };
        let has = |render: &Render, argument: &str| arguments(render).iter().any(|given| given == argument);
        assert!(has(&plain, "--namespace=shop") && has(&plain, "--include-crds"));
        assert!(has(&told, "--namespace=told") && !has(&told, "--include-crds"));
    }

    /// T43: a renderer that nobody waits for any more is not left running.
    #[tokio::test]
    async fn t43_a_renderer_ends_with_the_run_that_started_it() {
        let bench = bench("echo $$ > ../pid; exec /bin/sleep 60");
        let file = bench.scratch.path().join("pid");
        let started = async {
            while std::fs::read_to_string(&file).map_or(true, |text| text.trim().is_empty()) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let none = Mutation::default();
        tokio::select! {
            ended = bench.run(&none) => panic!("{ended:?}"),
            () = started => {}
        }
        let process = format!("/proc/{}", std::fs::read_to_string(&file).unwrap().trim());
        let running = || std::fs::read_to_string(format!("{process}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
        for _ in 0..200 {
            if !running() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{process} runs on");
    }

    /// Would miss: the clock and the line of code of a log before the one sentence that helps.
    #[test]
    fn a_log_line_is_told_as_what_it_means() {
        let log =
            r#"E1121 19:01:43.568709    3788 run.go:72] "command failed" err="no matches for \"Deployment web\"""#;
        let reason = |complaint: &str| super::reason(complaint).unwrap_or_default();
        assert_eq!(reason(log), "no matches for \"Deployment web\"");
        assert_eq!(reason("W1121 19:01:43.5 12 a.go:7] something else"), "something else");
        assert_eq!(reason("Warning: old\nError: there is no k/x] y\n"), "there is no k/x] y");
        assert_eq!(super::reason(" \n"), None);
        assert_eq!(
            reason(&format!("# Warning: 'commonLabels' is deprecated.\n{log}")),
            "no matches for \"Deployment web\""
        );
        let long =
            format!("Error: accumulating resources: {}: json: unknown field \"resource\"", "from 'base': ".repeat(40));
        let told = reason(&long);
        assert!(told.starts_with("accumulating resources: from 'base'"), "{told}");
        assert!(told.ends_with("json: unknown field \"resource\"") && told.chars().count() < 300, "{told}");
    }

    /// Would miss: an error of several lines of which nothing but its bracket, or its first words, is told.
    #[test]
    fn a_complaint_of_several_lines_is_told_with_its_file_and_its_cause() {
        let lines = "trouble with the builtin PatchTransformer: `\n\tpath: p.yaml\n\t`: unable to parse p.yaml";
        let told = "trouble with the builtin PatchTransformer: ` path: p.yaml `: unable to parse p.yaml";
        assert_eq!(super::reason(&format!("Error: {lines}")).as_deref(), Some(told));
        let log = format!("E1121 19:01:43.568709    3788 run.go:72] \"command failed\" err=<\n\t{lines}\n >\n");
        assert_eq!(super::reason(&log).as_deref(), Some(told));
        assert_eq!(super::reason("Error: a\nb\nc\nd\ne").as_deref(), Some("a b c … e"));
    }

    /// Would miss: a program that is none, of which nobody is told which it is and how it ended.
    #[tokio::test]
    async fn who_says_nothing_is_named_with_how_it_ended() {
        let said = bench("exit 3").run(&Mutation::default()).await.unwrap_err().said.unwrap();
        assert!(said.raw().ends_with("/renderer said nothing, and ended with 3"), "{said:?}");
    }
}
