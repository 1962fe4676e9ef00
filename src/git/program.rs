//! The `git` program, started for the network, and where its own way of merging lines counts, in an environment that is built from nothing (T43).
//!
//! No variable of bpctl's own environment reaches it, no configuration file of the machine, the person or the repository is
//! read, it asks nobody anything, and it speaks no protocol but the one that the address names. Secrets travel in its
//! environment, never among its arguments (T38).

#![expect(clippy::disallowed_methods, reason = "an edge: starts git, reads its answers")]

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;

use super::{GitError, Repository};
use crate::runtime;

/// Where `git` is looked for first. Folders that only an administrator writes to.
const TRUSTED: [&str; 4] = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin", "/bin"];
/// What is read of its answer, and of its complaints.
const STDOUT_LIMIT: u64 = 64 << 20;
const STDERR_LIMIT: u64 = 16 << 10;

/// What every run is configured with; the empty values end lists that begin elsewhere.
const SETTINGS: [(&str, &str); 24] = [
    ("advice.detachedHead", "false"),
    ("core.askPass", ""),
    ("core.attributesFile", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.hooksPath", "/dev/null"),
    ("core.sshCommand", "ssh -o BatchMode=yes"),
    ("credential.helper", ""),
    ("fetch.recurseSubmodules", "false"),
    ("fetch.writeCommitGraph", "false"),
    // It works on somebody else's objects: collecting garbage by its own few refs would throw theirs away.
    ("gc.auto", "0"),
    ("gc.autoDetach", "false"),
    ("http.followRedirects", "false"),
    ("http.lowSpeedLimit", "100"),
    ("http.lowSpeedTime", "60"),
    ("http.proxy", ""),
    ("maintenance.auto", "false"),
    ("protocol.ext.allow", "never"),
    ("push.followTags", "false"),
    ("push.gpgSign", "false"),
    ("push.recurseSubmodules", "no"),
    ("push.useForceIfIncludes", "false"),
    ("submodule.recurse", "false"),
    ("transfer.bundleURI", "false"),
    ("uploadpack.packObjectsHook", ""),
];

/// How one run ended.
#[derive(Debug)]
pub(super) struct Output {
    /// Exit code; `None`: ended by a signal.
    pub(super) status: Option<i32>,
    /// What it answered.
    pub(super) stdout: String,
    /// What it complained about, cut.
    pub(super) stderr: String,
}

impl Output {
    /// Whether it said that all went well.
    pub(super) fn success(&self) -> bool {
        self.status == Some(0)
    }

    /// The run as an error.
    pub(super) fn failed(&self, attempt: &str) -> GitError {
        let said = runtime::said(&self.stderr);
        GitError::Program { attempt: attempt.into(), status: self.status, said }
    }
}

/// The folder that one operation runs in, removed with it: a Git directory without any configuration, on the objects of a repository.
#[derive(Debug)]
pub(super) struct Workspace {
    root: TempDir,
    /// The Git directory that it works in.
    pub(super) git_dir: PathBuf,
    /// The objects that it reads and adds to.
    objects: PathBuf,
}

impl Workspace {
    /// Makes it; `tips`: the commits that are here already, as `packed-refs`.
    pub(super) fn of(repository: &Repository, tips: &str, attempt: &str) -> Result<Self, GitError> {
        let io = || GitError::io(attempt);
        let root = tempfile::Builder::new().prefix("bpctl-git-").tempdir().map_err(io())?;
        let git_dir = root.path().join("repository.git");
        fs::create_dir_all(git_dir.join("refs")).map_err(io())?;
        fs::create_dir(git_dir.join("objects")).map_err(io())?;
        fs::create_dir(root.path().join("home")).map_err(io())?;
        fs::write(git_dir.join("HEAD"), "ref: refs/heads/none\n").map_err(io())?;
        fs::write(git_dir.join("config"), "[core]\n\trepositoryformatversion = 0\n\tbare = true\n").map_err(io())?;
        fs::write(git_dir.join("packed-refs"), tips).map_err(io())?;
        if repository.is_shallow() {
            fs::copy(repository.common_dir().join("shallow"), git_dir.join("shallow")).map_err(io())?;
        }
        let objects = repository.common_dir().join("objects");
        Ok(Self { root, git_dir, objects })
    }
}

/// One run of `git` in a folder of its own.
#[derive(Debug)]
pub(super) struct Program<'a> {
    /// Where it works.
    pub(super) workspace: &'a Workspace,
    /// The only protocol that it may speak.
    pub(super) protocol: &'a str,
    /// A header for each request; holds the token.
    pub(super) header: Option<&'a str>,
    /// How long it may take.
    pub(super) timeout: Duration,
}

impl Program<'_> {
    /// Runs `git ARGUMENTS` to its end.
    ///
    /// # Errors
    /// No `git`, no time left, or an answer that is too long. A run that failed is an [`Output`].
    pub(super) async fn run(&self, attempt: &str, arguments: &[String]) -> Result<Output, GitError> {
        let git = locate().ok_or_else(|| GitError::refused(attempt, "there is no git program on this machine"))?;
        let out = self.workspace.root.path().join("stdout");
        let err = self.workspace.root.path().join("stderr");
        // Files, not pipes: a helper process that outlives `git` holds nobody up, and no answer fills the memory.
        let stdout = File::create(&out).map_err(GitError::io(attempt))?;
        let stderr = File::create(&err).map_err(GitError::io(attempt))?;
        let mut child = Command::new(git)
            .args(arguments)
            .current_dir(self.workspace.root.path())
            .env_clear()
            .envs(self.environment(git))
            .stdin(Stdio::null())
            .stdout(Stdio::from(stdout))
            .stderr(Stdio::from(stderr))
            .kill_on_drop(true)
            .spawn()
            .map_err(GitError::io(attempt))?;
        let Ok(ended) = tokio::time::timeout(self.timeout, child.wait()).await else {
            let _ = child.start_kill();
            let why = format!("git did not end within {} s", self.timeout.as_secs());
            return Err(GitError::refused(attempt, why));
        };
        let status = ended.map_err(GitError::io(attempt))?.code();
        if std::fs::metadata(&out).map_err(GitError::io(attempt))?.len() > STDOUT_LIMIT {
            return Err(GitError::refused(attempt, format!("git answered more than {} MiB", STDOUT_LIMIT >> 20)));
        }
        let stdout = read(&out, STDOUT_LIMIT).map_err(GitError::io(attempt))?;
        let stderr = read(&err, STDERR_LIMIT).map_err(GitError::io(attempt))?;
        Ok(Output { status, stdout, stderr })
    }

    /// The whole environment.
    fn environment(&self, git: &Path) -> Vec<(OsString, OsString)> {
        let mut path = OsString::from("/usr/bin:/bin:/usr/local/bin");
        if let Some(folder) = git.parent().filter(|folder| !TRUSTED.iter().any(|known| *folder == Path::new(known))) {
            path.push(":");
            path.push(folder);
        }
        let mut environment: Vec<(OsString, OsString)> = vec![
            ("PATH".into(), path),
            ("HOME".into(), self.workspace.root.path().join("home").into()),
            ("LC_ALL".into(), "C".into()),
            ("GIT_DIR".into(), self.workspace.git_dir.clone().into()),
            ("GIT_OBJECT_DIRECTORY".into(), self.workspace.objects.clone().into()),
            ("GIT_CONFIG_NOSYSTEM".into(), "1".into()),
            ("GIT_CONFIG_SYSTEM".into(), "/dev/null".into()),
            ("GIT_CONFIG_GLOBAL".into(), "/dev/null".into()),
            ("GIT_ATTR_NOSYSTEM".into(), "1".into()),
            ("GIT_TERMINAL_PROMPT".into(), "0".into()),
            ("GIT_NO_LAZY_FETCH".into(), "1".into()),
            ("GIT_NO_REPLACE_OBJECTS".into(), "1".into()),
            ("GIT_ALLOW_PROTOCOL".into(), self.protocol.into()),
        ];
        if self.protocol == "ssh" {
            // The one thing that an agent's keys cannot be reached without.
            environment.extend(std::env::var_os("SSH_AUTH_SOCK").map(|socket| ("SSH_AUTH_SOCK".into(), socket)));
        }
        let settings = SETTINGS.into_iter().chain(self.header.map(|header| ("http.extraHeader", header)));
        let mut count = 0;
        for (key, value) in settings {
            environment.push((format!("GIT_CONFIG_KEY_{count}").into(), key.into()));
            environment.push((format!("GIT_CONFIG_VALUE_{count}").into(), value.into()));
            count += 1;
        }
        environment.push(("GIT_CONFIG_COUNT".into(), count.to_string().into()));
        environment
    }
}

/// The `git` program: from the trusted folders, else from bpctl's own PATH; looked for once.
fn locate() -> Option<&'static Path> {
    static GIT: OnceLock<Option<PathBuf>> = OnceLock::new();
    GIT.get_or_init(|| {
        let own = std::env::var_os("PATH").unwrap_or_default();
        let trusted = TRUSTED.iter().map(PathBuf::from);
        let others = std::env::split_paths(&own).filter(|folder| folder.is_absolute()).collect::<Vec<_>>();
        trusted.chain(others).map(|folder| folder.join("git")).find(|candidate| candidate.is_file())
    })
    .as_deref()
}

fn read(path: &Path, limit: u64) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
