//! What tests share: running the program in a scrubbed environment, and making repositories.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What a run of the program gave.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn of(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        Self {
            code: output.status.code(),
            signal: output.status.signal(),
            stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
        }
    }

    /// Asserts the exit code, showing everything where it is another.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// The program, ready to run in a folder: nothing of the tests' own environment reaches it but PATH and what is given.
pub struct Program {
    folder: PathBuf,
    home: PathBuf,
    variables: BTreeMap<String, String>,
}

impl Program {
    pub fn new(folder: &Path, home: &Path) -> Self {
        Self { folder: folder.to_owned(), home: home.to_owned(), variables: BTreeMap::new() }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bpctl"));
        command.args(arguments);
        self.prepared(command)
    }

    /// Runs it with so many seconds of the processor and no more: unlike the time on the wall they are the same on a busy machine.
    pub fn run_within(&self, seconds: u32, arguments: &[&str]) -> Ran {
        self.run_limited(&format!("ulimit -t {seconds}"), arguments)
    }

    /// Runs it where no file may grow beyond so many blocks of 512 bytes: a write that would fails.
    pub fn run_on_small_disk(&self, blocks: u32, arguments: &[&str]) -> Ran {
        self.run_limited(&format!("trap '' XFSZ; ulimit -f {blocks}"), arguments)
    }

    fn run_limited(&self, limit: &str, arguments: &[&str]) -> Ran {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{limit}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_bpctl")]);
        command.args(arguments);
        Ran::of(self.prepared(command).output().expect("bpctl starts"))
    }

    fn prepared(&self, mut command: Command) -> Command {
        command
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap_or_default())
            .env("HOME", &self.home)
            .env("XDG_CACHE_HOME", self.home.join("cache"))
            // Where `just coverage` counts; nobody else sets it.
            .envs(std::env::vars().filter(|(name, _)| name == "LLVM_PROFILE_FILE"))
            .envs(&self.variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().expect("bpctl starts"))
    }
}

/// A repository in a temporary folder, with the real `git`.
pub struct Repo {
    pub folder: tempfile::TempDir,
}

impl Repo {
    /// An empty repository on `main`.
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("repo")).expect("a folder");
        std::fs::create_dir(folder.path().join("home")).expect("a folder");
        let repo = Self { folder };
        repo.git(&["init", "-q", "-b", "main"]);
        repo
    }

    /// A repository with these files committed on `main`.
    pub fn with(files: &[(&str, &str)]) -> Self {
        let repo = Self::empty();
        repo.commit(files, "start");
        repo
    }

    /// The shipped example, committed on `main`.
    pub fn shop() -> Self {
        let repo = Self::empty();
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop"), &repo.path());
        repo.git(&["add", "-A"]);
        repo.git(&["commit", "-q", "-m", "the shop"]);
        repo
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("repo")
    }

    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub fn write(&self, path: &str, text: &str) {
        let file = self.path().join(path);
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
        std::fs::write(file, text).expect("a file");
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path().join(path)).expect("a file")
    }

    /// Replaces a text that stands there exactly once.
    #[track_caller]
    pub fn replace(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert_eq!(text.matches(from).count(), 1, "{from:?} in {path}");
        self.write(path, &text.replace(from, to));
    }

    pub fn commit(&self, files: &[(&str, &str)], message: &str) -> String {
        for (path, text) in files {
            self.write(path, text);
        }
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        let output = self.git_command(arguments).output().expect("git starts");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    pub fn git_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .args(["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"])
            .args(arguments)
            .current_dir(self.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("HOME", self.home());
        command
    }

    pub fn bpctl(&self) -> Program {
        Program::new(&self.path(), &self.home())
    }

    /// Runs the program in the repository.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.bpctl().run(arguments)
    }

    /// The merge commits on main.
    pub fn merges(&self) -> usize {
        self.git(&["log", "--merges", "--first-parent", "--format=%H", "main"]).lines().count()
    }

    /// Refs below a prefix.
    pub fn refs(&self, prefix: &str) -> Vec<String> {
        self.git(&["for-each-ref", "--format=%(refname)", prefix]).lines().map(ToOwned::to_owned).collect()
    }
}

pub fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            std::fs::create_dir_all(&target).expect("a folder");
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// A variable of the lab. The lab is never skipped: without it the test fails and says how to start it.
#[track_caller]
pub fn lab(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run the tests by `bash tests/run.sh`, which starts the lab"))
}

/// The lab's kubectl.
#[track_caller]
pub fn kubectl(arguments: &[&str], input: Option<&str>) -> String {
    use std::io::Write as _;
    let mut child = Command::new("kubectl")
        .args(arguments)
        .env("KUBECONFIG", lab("KUBECONFIG"))
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kubectl starts");
    if let Some(text) = input {
        child.stdin.take().expect("stdin").write_all(text.as_bytes()).expect("written");
    }
    let output = child.wait_with_output().expect("kubectl ends");
    assert!(output.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Waits until something holds, at most this many seconds.
#[track_caller]
pub fn wait_for<T>(what: &str, seconds: u64, mut look: impl FnMut() -> Option<T>) -> T {
    let start = std::time::Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed().as_secs() < seconds, "{what} did not happen within {seconds} s");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}

/// The shop with Alice's key among its allowed signers: the repository, and where her private key lies.
pub fn signed_shop() -> (Repo, String) {
    let repo = Repo::shop();
    let (line, file) = key(&repo, "alice@shop.example", "alice");
    repo.commit(&[("blueprints/allowed_signers", &line)], "alice may sign");
    (repo, file)
}

/// A new signing key beside the repository: its line for the allowed signers, and its file.
pub fn key(repo: &Repo, principal: &str, name: &str) -> (String, String) {
    let key = bpctl::forge::local::SigningKey::generate().expect("a key");
    let file = repo.folder.path().join(name);
    key.save(&file).expect("saved");
    (format!("{}\n", key.public_line(principal).expect("a line").trim_end()), file.to_str().expect("UTF-8").to_owned())
}

impl Repo {
    /// Every ref with its commit, and every file of the work tree with its bytes: what a command that only reads may not change.
    pub fn everything(&self) -> BTreeMap<String, Vec<u8>> {
        let mut all = BTreeMap::new();
        for line in self.git(&["for-each-ref", "--format=%(refname) %(objectname)"]).lines() {
            let (name, commit) = line.split_once(' ').expect("two words");
            all.insert(name.to_owned(), commit.as_bytes().to_vec());
        }
        files_below(&self.path(), &self.path(), &mut all);
        all
    }

    /// The ledger's entries of an environment.
    pub fn ledger(&self, environment: &str) -> Vec<serde_json::Value> {
        let branch = format!("bpctl-ledger/{environment}");
        if self.refs(&format!("refs/heads/{branch}")).is_empty() {
            return Vec::new();
        }
        let files = self.git(&["ls-tree", "-r", "--name-only", &branch]);
        let lines: Vec<String> = files.lines().map(|file| self.git(&["show", &format!("{branch}:{file}")])).collect();
        lines.iter().flat_map(|text| text.lines()).map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

fn files_below(root: &Path, folder: &Path, all: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.file_name().is_some_and(|name| name == ".git") {
            continue;
        }
        if path.is_dir() {
            files_below(root, &path, all);
        } else {
            let name = path.strip_prefix(root).expect("below").display().to_string();
            all.insert(name, std::fs::read(&path).expect("a file"));
        }
    }
}

/// A part of a name that nothing else in the lab has.
pub fn unique() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    format!("{}-{}", std::process::id(), now.as_micros() % 100_000_000)
}

/// A namespace of the lab of a test's own; it goes when the test ends.
pub struct Namespace {
    pub name: String,
}

impl Namespace {
    #[track_caller]
    pub fn new(stem: &str) -> Self {
        let name = format!("{stem}-{}", unique());
        kubectl(&["create", "namespace", &name], None);
        Self { name }
    }

    /// kubectl in this namespace.
    #[track_caller]
    pub fn kubectl(&self, arguments: &[&str], input: Option<&str>) -> String {
        let mut all = vec!["--namespace", self.name.as_str()];
        all.extend(arguments);
        kubectl(&all, input)
    }

    #[track_caller]
    pub fn get(&self, what: &str) -> serde_json::Value {
        let mut arguments = vec!["get", "-o", "json", "--show-managed-fields"];
        arguments.extend(what.split(' '));
        serde_json::from_str(&self.kubectl(&arguments, None)).expect("JSON")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Not `kubectl` above: a drop must not panic.
        let arguments = ["delete", "namespace", self.name.as_str(), "--wait=false"];
        let _ = Command::new("kubectl").args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// The API server's own account of the requests that name this text, oldest first.
#[track_caller]
pub fn audited(text: &str) -> Vec<serde_json::Value> {
    let log = std::fs::read(lab("LAB_AUDIT_LOG")).expect("the audit log");
    let log = String::from_utf8_lossy(&log);
    log.lines().filter(|line| line.contains(text)).filter_map(|line| serde_json::from_str(line).ok()).collect()
}
