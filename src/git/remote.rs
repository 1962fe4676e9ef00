//! A remote repository: its refs read, its commits fetched, its branches moved by compare-and-swap.
//!
//! Each operation runs in a bare Git directory that lives as long as the operation and holds nothing but the objects folder
//! of the real repository and the tips that it has: config, hooks and attributes of the real repository are never
//! read (T21). Fetched commits land among the real objects; no ref of the real repository is written.

#![expect(clippy::disallowed_methods, reason = "an edge: makes the directory that git runs in")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::program::{Program, Workspace};
use super::{GitError, Repository};

/// How many tips tell the other side what is here already.
const TIPS: usize = 512;
/// How long one operation may take unless told otherwise.
const TIMEOUT: Duration = Duration::from_mins(5);
const PROTOCOLS: [&str; 4] = ["https", "http", "ssh", "file"];

/// A repository elsewhere, as seen from one here.
pub struct GitRemote {
    repository: Arc<Repository>,
    url: Url,
    /// The whole header line, for `http` and `https`.
    header: Option<SecretString>,
    timeout: Duration,
    /// What was fetched by this value: no ref holds it, the next fetch need not bring it again.
    fetched: Mutex<BTreeSet<String>>,
}

impl std::fmt::Debug for GitRemote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GitRemote")
            .field("url", &self.url.as_str())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// What became of moving a ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// This run moved it (made it, deleted it).
    Done,
    /// It pointed to the new commit already; nothing was changed.
    Already,
    /// It points elsewhere than expected (`None`: it is gone); nothing was changed.
    Elsewhere(Option<String>),
}

impl GitRemote {
    /// A remote repository at `url`, whose objects are kept in `repository`. `token` is sent as the password of HTTP basic
    /// authentication.
    ///
    /// # Errors
    /// An address that is no `https`, `http`, `ssh` or `file` URL, or that holds a password; a partial clone.
    pub fn new(repository: Arc<Repository>, url: &str, token: Option<&SecretString>) -> Result<Self, GitError> {
        let refused = |why: &str| GitError::refused("use the address of a remote repository", why);
        // What a parser would mend (blanks, control characters), and what `git` would take for an option, is refused.
        if url.starts_with('-') || url.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(refused("it starts with `-` or holds blanks"));
        }
        let url =
            Url::parse(url).map_err(|_| refused("it is not a URL; write ssh://HOST/PATH instead of HOST:PATH"))?;
        if !PROTOCOLS.contains(&url.scheme()) {
            return Err(refused("its scheme is not https, http, ssh or file"));
        }
        let user_allowed = url.scheme() == "ssh";
        if url.password().is_some() || (!url.username().is_empty() && !user_allowed) {
            return Err(refused("it holds a name or a password; give a token instead"));
        }
        if url.host_str().is_some_and(|host| host.starts_with('-')) || url.username().starts_with('-') {
            return Err(refused("its host or user starts with `-`"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("it has a query or a fragment"));
        }
        if has_promisor_pack(&repository.common_dir().join("objects")) {
            return Err(GitError::refused(
                format!("use the repository {}", repository.path().display()),
                "it is a partial clone: objects are missing; clone it without --filter",
            ));
        }
        let header = token.filter(|_| url.scheme().starts_with("http")).map(|token| {
            let pair = format!("x-access-token:{}", token.expose_secret());
            SecretString::from(format!("Authorization: Basic {}", STANDARD.encode(pair)))
        });
        Ok(Self { repository, url, header, timeout: TIMEOUT, fetched: Mutex::default() })
    }

    /// The same remote with another time limit for each operation.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The repository that keeps the objects.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The refs whose full names are `prefix` or, where that ends in `/`, begin with it; with what they point to.
    pub async fn ls_remote(&self, prefix: &str) -> Result<BTreeMap<String, String>, GitError> {
        let attempt = format!("list {prefix} of {}", self.url);
        let below = prefix.ends_with('/');
        checked_ref(prefix.trim_end_matches('/'), &attempt)?;
        let pattern = if below { format!("{prefix}*") } else { prefix.to_owned() };
        let arguments = args(&["ls-remote", "--quiet", "--refs", "--end-of-options", self.url.as_str(), &pattern]);
        let workspace = Workspace::of(&self.repository, &self.tips(), &attempt)?;
        let output = self.program(&workspace).run(&attempt, &arguments).await?;
        if !output.success() {
            return Err(output.failed(&attempt));
        }
        let mut found = BTreeMap::new();
        for line in output.stdout.lines() {
            let (id, name) =
                line.split_once('\t').ok_or_else(|| GitError::refused(&attempt, "git's answer has no columns"))?;
            // `git` matches patterns at the end of names too.
            if name == prefix || (below && name.starts_with(prefix)) {
                found.insert(name.to_owned(), checked_id(id, &attempt)?.to_owned());
            }
        }
        Ok(found)
    }

    /// Brings these full refs' commits here; answers what each points to, without those that do not exist.
    pub async fn fetch(&self, refs: &[String]) -> Result<BTreeMap<String, String>, GitError> {
        let attempt = match refs {
            [one] => format!("fetch {one} from {}", self.url),
            many => format!("fetch {} refs from {}", many.len(), self.url),
        };
        for name in refs {
            checked_ref(name, &attempt)?;
        }
        let mut wanted: Vec<String> = refs.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect();
        // A ref may vanish between the list and the fetch: then it is left out, a few times at most.
        for _ in 0..3 {
            if wanted.is_empty() {
                return Ok(BTreeMap::new());
            }
            if let Some(found) = self.fetch_once(&wanted, &attempt).await? {
                return Ok(found);
            }
            let mut existing = BTreeSet::new();
            for name in &wanted {
                existing.extend(self.ls_remote(name).await?.into_keys());
            }
            wanted.retain(|name| existing.contains(name));
        }
        Err(GitError::refused(attempt, "its refs come and go"))
    }

    /// Brings a commit here by its id, where the server allows that; false: it does not, or has no such commit.
    pub async fn fetch_commit(&self, id: &str) -> Result<bool, GitError> {
        let attempt = format!("fetch {id} from {}", self.url);
        checked_id(id, &attempt)?;
        if self.repository.resolve(id).is_ok_and(|found| found.is_some()) {
            return Ok(true);
        }
        let workspace = Workspace::of(&self.repository, &self.tips(), &attempt)?;
        let output =
            self.program(&workspace).run(&attempt, &self.fetch_arguments(&[format!("{id}:refs/fetched/0")])).await?;
        self.check_shallow(&workspace, &attempt)?;
        Ok(output.success())
    }

    /// Points a full ref to a commit of the local repository, if it points to `expected` (`None`: if it does not exist).
    pub async fn push(&self, full_ref: &str, commit: &str, expected: Option<&str>) -> Result<Pushed, GitError> {
        let attempt = format!("push {full_ref} to {}", self.url);
        checked_id(commit, &attempt)?;
        self.swap(full_ref, Some(commit), expected, &attempt).await
    }

    /// Deletes a full ref, if it points to `expected`.
    pub async fn delete(&self, full_ref: &str, expected: &str) -> Result<Pushed, GitError> {
        let attempt = format!("delete {full_ref} of {}", self.url);
        self.swap(full_ref, None, Some(expected), &attempt).await
    }

    async fn swap(
        &self,
        full_ref: &str,
        commit: Option<&str>,
        expected: Option<&str>,
        attempt: &str,
    ) -> Result<Pushed, GitError> {
        checked_ref(full_ref, attempt)?;
        if let Some(expected) = expected {
            checked_id(expected, attempt)?;
        }
        let lease = format!("--force-with-lease={full_ref}:{}", expected.unwrap_or_default());
        let spec = format!("{}:{full_ref}", commit.unwrap_or_default());
        let options =
            ["push", "--porcelain", "--no-verify", "--no-signed", &lease, "--end-of-options", self.url.as_str(), &spec];
        let workspace = Workspace::of(&self.repository, &self.tips(), attempt)?;
        let output = match self.program(&workspace).run(attempt, &args(&options)).await {
            Ok(output) => output,
            // No time left: it may have happened (Z3). What the ref says now decides.
            Err(error) => return self.read_back(full_ref, commit, expected, error).await,
        };
        match status_of(&output.stdout, full_ref) {
            Some(' ' | '+' | '*' | '-') if output.success() => Ok(Pushed::Done),
            Some('=') if output.success() => Ok(Pushed::Already),
            _ => self.read_back(full_ref, commit, expected, output.failed(attempt)).await,
        }
    }

    /// After a refusal, or an answer that was lost: what does the ref say now?
    async fn read_back(
        &self,
        full_ref: &str,
        commit: Option<&str>,
        expected: Option<&str>,
        error: GitError,
    ) -> Result<Pushed, GitError> {
        let now = self.ls_remote(full_ref).await?.remove(full_ref);
        if now.as_deref() == commit {
            // Ours may have arrived, or another run's equal one: nobody can tell, so nobody claims to have been first.
            return Ok(Pushed::Already);
        }
        if now.as_deref() == expected { Err(error) } else { Ok(Pushed::Elsewhere(now)) }
    }

    /// `None`: one of the refs does not exist.
    async fn fetch_once(&self, refs: &[String], attempt: &str) -> Result<Option<BTreeMap<String, String>>, GitError> {
        let workspace = Workspace::of(&self.repository, &self.tips(), attempt)?;
        let specs: Vec<String> = refs.iter().enumerate().map(|(i, name)| format!("+{name}:refs/fetched/{i}")).collect();
        let output = self.program(&workspace).run(attempt, &self.fetch_arguments(&specs)).await?;
        if !output.success() {
            // LC_ALL=C: the words do not depend on the machine.
            let missing = output.stderr.contains("couldn't find remote ref");
            return if missing { Ok(None) } else { Err(output.failed(attempt)) };
        }
        self.check_shallow(&workspace, attempt)?;
        let mut found = BTreeMap::new();
        for (i, name) in refs.iter().enumerate() {
            let path = workspace.git_dir.join("refs/fetched").join(i.to_string());
            let id = fs::read_to_string(path).map_err(GitError::io(attempt))?;
            found.insert(name.clone(), checked_id(id.trim_end(), attempt)?.to_owned());
        }
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).extend(found.values().cloned());
        Ok(Some(found))
    }

    fn fetch_arguments(&self, specs: &[String]) -> Vec<String> {
        let mut arguments = args(&[
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-recurse-submodules",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            "--no-show-forced-updates",
            "--end-of-options",
            self.url.as_str(),
        ]);
        arguments.extend_from_slice(specs);
        arguments
    }

    fn program<'a>(&'a self, workspace: &'a Workspace) -> Program<'a> {
        Program {
            workspace,
            protocol: self.url.scheme(),
            header: self.header.as_ref().map(ExposeSecret::expose_secret),
            timeout: self.timeout,
        }
    }

    /// What is here already, as `packed-refs`. It saves traffic only, so what cannot be read is left out.
    fn tips(&self) -> String {
        let mut tips: BTreeSet<String> = self.fetched.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for prefix in ["refs/heads/", "refs/remotes/", "refs/bpctl/"] {
            tips.extend(self.repository.refs_below(prefix).unwrap_or_default().into_iter().map(|(_, id)| id));
        }
        tips.extend(self.repository.head_commit().ok().flatten());
        let present = tips.into_iter().filter(|id| self.repository.resolve(id).is_ok_and(|found| found.is_some()));
        let lines = present.take(TIPS).enumerate();
        lines.fold(String::new(), |text, (i, id)| text + &id + " refs/here/" + &i.to_string() + "\n")
    }

    fn shallow(&self) -> PathBuf {
        self.repository.common_dir().join("shallow")
    }

    /// Refuses what was fetched where it moved the place at which history is cut off: the real repository does not know
    /// of that place, and would take the commits there for broken (Z13).
    fn check_shallow(&self, workspace: &Workspace, attempt: &str) -> Result<(), GitError> {
        let lines = |path: &Path| -> BTreeSet<String> {
            fs::read_to_string(path).unwrap_or_default().lines().map(ToOwned::to_owned).collect()
        };
        let after = lines(&workspace.git_dir.join("shallow"));
        if after.is_subset(&lines(&self.shallow())) {
            return Ok(());
        }
        Err(GitError::refused(attempt, "history is cut off there: the clone is shallow; run git fetch --unshallow"))
    }
}

/// The flag of a ref in `git push --porcelain`'s answer.
fn status_of(stdout: &str, full_ref: &str) -> Option<char> {
    stdout.lines().find_map(|line| {
        let mut columns = line.split('\t');
        let mut flag = columns.next()?.chars();
        let (_, to) = columns.next()?.split_once(':')?;
        (to == full_ref).then(|| flag.next())?
    })
}

fn checked_ref<'a>(name: &'a str, attempt: &str) -> Result<&'a str, GitError> {
    let good = name.starts_with("refs/") && git2::Reference::is_valid_name(name) && !name.contains(char::is_whitespace);
    if good { Ok(name) } else { Err(GitError::refused(attempt, format!("{name:?} is not the full name of a ref"))) }
}

fn checked_id<'a>(id: &'a str, attempt: &str) -> Result<&'a str, GitError> {
    let good = id.len() == 40 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if good { Ok(id) } else { Err(GitError::refused(attempt, format!("{id:?} is not the id of a commit"))) }
}

fn has_promisor_pack(objects: &Path) -> bool {
    let packs = fs::read_dir(objects.join("pack")).into_iter().flatten().flatten();
    packs.into_iter().any(|entry| entry.path().extension().is_some_and(|extension| extension == "promisor"))
}

fn args(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[cfg(test)]
mod tests;
