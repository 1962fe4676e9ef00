//! Where the local forge keeps what a server would: commits under `refs/bpctl/`, each ref moved by compare-and-swap.
//!
//! - `refs/bpctl/pull/N`: one commit for each thing that happened to pull request N, with `pull.json` and `reviews/NNNN.json`. The
//!   proposed head is a further parent, so that Git never discards what was reviewed.
//! - `refs/bpctl/checks/COMMIT`: one file for each check on a commit.
//! - `refs/bpctl/pushed/HASH`: who moved a branch last through bpctl; the hash is the branch name's.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use bpctl_core::model::{Digest, File, Files, RepoPath, Timestamp};
use bpctl_core::observe::{CheckRun, Identity, PullState};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::forge::{Answer, ForgeError};
use crate::git::{GitError, RefCreated, RefSwapped, Repository, Signature, WriteLock};

const PULLS: &str = "refs/bpctl/pull/";
/// How often a write is tried again when something other than bpctl moved the ref.
const TRIES: usize = 5;

/// `pull.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pull {
    pub(super) version: u32,
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) branch: String,
    pub(super) base: String,
    pub(super) author: Identity,
    pub(super) opened_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) head: Head,
    pub(super) state: PullState,
    /// What bpctl said when it closed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) closing: Option<String>,
}

/// The head as bpctl last saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head {
    pub(super) commit: String,
    pub(super) by: Identity,
    /// When it became the head; left out: when the pull request was opened, or that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<Timestamp>,
    /// The base branch's tip at that time: a head that is in its history has nothing to merge.
    pub(super) base: String,
}

/// `reviews/NNNN.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredReview {
    pub(super) head: String,
    pub(super) answer: StoredAnswer,
    pub(super) justification: String,
    pub(super) at: Timestamp,
    /// Who claims to have answered; only a signature proves it.
    pub(super) by: Identity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) signature: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StoredAnswer {
    Approve,
    Reject,
}

impl From<Answer> for StoredAnswer {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Approve => Self::Approve,
            Answer::Reject => Self::Reject,
        }
    }
}

impl From<StoredAnswer> for Answer {
    fn from(answer: StoredAnswer) -> Self {
        match answer {
            StoredAnswer::Approve => Self::Approve,
            StoredAnswer::Reject => Self::Reject,
        }
    }
}

/// Everything stored of one pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) pull: Pull,
    pub(super) reviews: Vec<StoredReview>,
}

/// `pushed.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Pushed {
    pub(super) branch: String,
    pub(super) head: String,
    pub(super) by: Identity,
}

/// The stored side of the forge.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) repository: Arc<Repository>,
    /// Records by the commit that holds them, which never changes.
    read: Mutex<HashMap<String, Arc<Record>>>,
}

/// For `map_err` on Git's results.
pub(super) fn git(attempt: impl Into<String>) -> impl FnOnce(GitError) -> ForgeError {
    move |source| ForgeError::Git { attempt: attempt.into(), source }
}

impl Store {
    pub(super) fn new(repository: Arc<Repository>) -> Self {
        Self { repository, read: Mutex::default() }
    }

    pub(super) fn lock(&self) -> Result<WriteLock<'_>, ForgeError> {
        self.repository.lock().map_err(git("write to the local forge"))
    }

    /// All pull requests, by number. One that cannot be read is an error: a short list never passes for a whole one (Z9).
    pub(super) fn pulls(&self) -> Result<Vec<Arc<Record>>, ForgeError> {
        let refs = self.repository.refs_below(PULLS).map_err(git("list pull requests"))?;
        let mut found = Vec::new();
        for (name, commit) in refs {
            if let Some(number) = number_of(&name) {
                found.push((number, self.record(number, &commit)?));
            }
        }
        found.sort_by_key(|(number, _)| *number);
        Ok(found.into_iter().map(|(_, record)| record).collect())
    }

    /// One pull request.
    pub(super) fn pull(&self, number: u64) -> Result<Arc<Record>, ForgeError> {
        let commit = self.pull_tip(number)?;
        self.record(number, &commit)
    }

    fn pull_tip(&self, number: u64) -> Result<String, ForgeError> {
        let found = self
            .repository
            .ref_target(&format!("{PULLS}{number}"))
            .map_err(git(format!("read pull request #{number}")))?;
        found.ok_or_else(|| ForgeError::Input {
            message: format!("there is no pull request #{number}"),
            hint: Some("git for-each-ref refs/bpctl/pull lists those that exist".to_owned()),
        })
    }

    fn record(&self, number: u64, commit: &str) -> Result<Arc<Record>, ForgeError> {
        if let Some(known) = self.read.lock().unwrap_or_else(PoisonError::into_inner).get(commit) {
            return Ok(Arc::clone(known));
        }
        let attempt = format!("read pull request #{number}");
        let (pull_path, reviews_path) = (path("pull.json")?, path("reviews")?);
        let files = self
            .repository
            .read_tree(commit, &[pull_path.clone(), reviews_path.clone()])
            .map_err(git(attempt.as_str()))?;
        let pull: Pull = parse(&attempt, &files, &pull_path)?;
        if pull.version != 1 || pull.number != number {
            return Err(ForgeError::Malformed {
                attempt,
                why: "its version or number is not the expected one".to_owned(),
            });
        }
        let reviews =
            files.below(&reviews_path).map(|(path, _)| parse(&attempt, &files, path)).collect::<Result<_, _>>()?;
        let record = Arc::new(Record { pull, reviews });
        self.read.lock().unwrap_or_else(PoisonError::into_inner).insert(commit.to_owned(), Arc::clone(&record));
        Ok(record)
    }

    /// Makes a new pull request with the next free number, in one step: it exists whole or not at all.
    pub(super) fn open(&self, lock: &mut WriteLock<'_>, mut pull: Pull, who: &Signature) -> Result<u64, ForgeError> {
        let refs = self.repository.refs_below(PULLS).map_err(git("list pull requests"))?;
        let mut number = refs.iter().filter_map(|(name, _)| number_of(name)).max().unwrap_or(0) + 1;
        loop {
            pull.number = number;
            let record = Record { pull: pull.clone(), reviews: Vec::new() };
            let commit = self.write(&record, None, who, "opened")?;
            match lock.create_ref(&format!("{PULLS}{number}"), &commit).map_err(git("open a pull request"))? {
                RefCreated::Created => return Ok(number),
                // Something other than bpctl took the number.
                RefCreated::Exists(_) => number += 1,
            }
        }
    }

    /// Changes a stored pull request; `change` answers what happened, or `None` when nothing is to be written.
    pub(super) fn update(
        &self,
        lock: &mut WriteLock<'_>,
        number: u64,
        who: &Signature,
        mut change: impl FnMut(&mut Record) -> Option<&'static str>,
    ) -> Result<(), ForgeError> {
        let attempt = format!("update pull request #{number}");
        for _ in 0..TRIES {
            let tip = self.pull_tip(number)?;
            let mut record = (*self.record(number, &tip)?).clone();
            let Some(what) = change(&mut record) else { return Ok(()) };
            record.pull.updated_at = who.at;
            let commit = self.write(&record, Some(&tip), who, what)?;
            let swapped = lock.swap_ref(&format!("{PULLS}{number}"), &tip, &commit).map_err(git(attempt.as_str()))?;
            if swapped == RefSwapped::Swapped {
                return Ok(());
            }
        }
        Err(ForgeError::Malformed { attempt, why: "its record moves all the time".to_owned() })
    }

    fn write(&self, record: &Record, on: Option<&str>, who: &Signature, what: &str) -> Result<String, ForgeError> {
        let mut files = BTreeMap::from([(path("pull.json")?, json(&record.pull)?)]);
        for (at, review) in record.reviews.iter().enumerate() {
            files.insert(path(&format!("reviews/{:04}.json", at + 1))?, json(review)?);
        }
        let parents: Vec<&str> = on.into_iter().chain([record.pull.head.commit.as_str()]).collect();
        let message = format!("pull request #{} {what}\n", record.pull.number);
        self.commit(&files, &parents, who, &message)
    }

    fn commit(
        &self,
        files: &BTreeMap<RepoPath, Vec<u8>>,
        parents: &[&str],
        who: &Signature,
        message: &str,
    ) -> Result<String, ForgeError> {
        let tree = self.repository.write_tree(files).map_err(git("write to the local forge"))?;
        self.repository.commit_tree(&tree, parents, who, message).map_err(git("write to the local forge"))
    }

    /// Who moved a branch to where it is, when that was done through bpctl.
    pub(super) fn pushed(&self, branch: &str) -> Result<Option<Pushed>, ForgeError> {
        let attempt = format!("read who pushed {branch}");
        let Some(commit) = self.repository.ref_target(&pushed_ref(branch)).map_err(git(attempt.as_str()))? else {
            return Ok(None);
        };
        let path = path("pushed.json")?;
        let files = self.repository.read_tree(&commit, std::slice::from_ref(&path)).map_err(git(attempt.as_str()))?;
        let pushed: Pushed = parse(&attempt, &files, &path)?;
        Ok((pushed.branch == branch).then_some(pushed))
    }

    /// Records who moved a branch; `None`: the branch is gone.
    pub(super) fn set_pushed(
        &self,
        lock: &mut WriteLock<'_>,
        branch: &str,
        pushed: Option<&Pushed>,
        who: &Signature,
    ) -> Result<(), ForgeError> {
        let attempt = || format!("record who pushed {branch}");
        let full = pushed_ref(branch);
        let now = self.repository.ref_target(&full).map_err(git(attempt()))?;
        let new = match pushed {
            Some(pushed) => {
                let files = BTreeMap::from([(path("pushed.json")?, json(pushed)?)]);
                Some(self.commit(&files, &[&pushed.head], who, &format!("{branch} pushed\n"))?)
            }
            None => None,
        };
        match (now, new) {
            (None, None) => Ok(()),
            (None, Some(new)) => lock.create_ref(&full, &new).map(|_| ()),
            (Some(now), Some(new)) => lock.swap_ref(&full, &now, &new).map(|_| ()),
            (Some(now), None) => lock.delete_ref(&full, &now).map(|_| ()),
        }
        .map_err(git(attempt()))
    }

    /// All checks on a commit.
    pub(super) fn checks(&self, commit: &str) -> Result<BTreeMap<String, CheckRun>, ForgeError> {
        let attempt = format!("read the checks on {commit}");
        let Some(tip) = self.repository.ref_target(&checks_ref(commit)).map_err(git(attempt.as_str()))? else {
            return Ok(BTreeMap::new());
        };
        let folder = path("checks")?;
        let files = self.repository.read_tree(&tip, std::slice::from_ref(&folder)).map_err(git(attempt.as_str()))?;
        let mut checks = BTreeMap::new();
        for (path, _) in files.below(&folder) {
            let check: CheckRun = parse(&attempt, &files, path)?;
            if check.commit != commit || check_path(&check.name)? != *path {
                let why = format!("{path} is about another check or commit");
                return Err(ForgeError::Malformed { attempt, why });
            }
            checks.insert(check.name.clone(), check);
        }
        Ok(checks)
    }

    /// Writes a check over the one of the same name. One that says the same already stays, with its time.
    pub(super) fn set_check(&self, check: &CheckRun, who: &Signature) -> Result<(), ForgeError> {
        let attempt = || format!("write check {:?} on {}", check.name, check.commit);
        let full = checks_ref(&check.commit);
        let mut lock = self.lock()?;
        for _ in 0..TRIES {
            let tip = self.repository.ref_target(&full).map_err(git(attempt()))?;
            let mut checks = self.checks(&check.commit)?;
            let says = |c: &CheckRun| (c.conclusion, c.summary.clone(), c.by.clone());
            if checks.get(&check.name).is_some_and(|old| says(old) == says(check)) {
                return Ok(());
            }
            checks.insert(check.name.clone(), check.clone());
            let files = checks
                .values()
                .map(|c| Ok((check_path(&c.name)?, json(c)?)))
                .collect::<Result<BTreeMap<_, _>, ForgeError>>()?;
            let parents: Vec<&str> = tip.as_deref().into_iter().collect();
            let commit = self.commit(&files, &parents, who, "check\n")?;
            let done = match &tip {
                None => lock.create_ref(&full, &commit).map_err(git(attempt()))? == RefCreated::Created,
                Some(tip) => lock.swap_ref(&full, tip, &commit).map_err(git(attempt()))? == RefSwapped::Swapped,
            };
            if done {
                return Ok(());
            }
        }
        Err(ForgeError::Malformed { attempt: attempt(), why: "its record moves all the time".to_owned() })
    }
}

fn number_of(full: &str) -> Option<u64> {
    let text = full.strip_prefix(PULLS)?;
    text.parse().ok().filter(|number: &u64| *number > 0 && number.to_string() == text)
}

fn checks_ref(commit: &str) -> String {
    format!("refs/bpctl/checks/{commit}")
}

/// Flat, so that `a` and `a/b` never stand in each other's way, and no two branches share one (T46).
fn pushed_ref(branch: &str) -> String {
    format!("refs/bpctl/pushed/{}", Digest::of_bytes(branch.as_bytes()))
}

/// A check's file: every byte that is not a letter, digit, `-` or `_` is written as `%XX`.
fn check_path(name: &str) -> Result<RepoPath, ForgeError> {
    use std::fmt::Write as _;
    let mut file = String::from("checks/");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            file.push(char::from(byte));
        } else {
            let _ = write!(file, "%{byte:02x}");
        }
    }
    file.push_str(".json");
    path(&file)
}

fn path(text: &str) -> Result<RepoPath, ForgeError> {
    RepoPath::new(text)
        .map_err(|error| ForgeError::Input { message: format!("{text:?} makes no file name: {error}"), hint: None })
}

fn json<T: Serialize>(value: &T) -> Result<Vec<u8>, ForgeError> {
    serde_json::to_vec_pretty(value).map_err(|error| ForgeError::Malformed {
        attempt: "write to the local forge".to_owned(),
        why: error.to_string(),
    })
}

fn parse<T: DeserializeOwned>(attempt: &str, files: &Files, path: &RepoPath) -> Result<T, ForgeError> {
    let wrong = |why: String| ForgeError::Malformed { attempt: attempt.to_owned(), why };
    match files.get(path) {
        Some(File::Blob(blob)) => {
            serde_json::from_slice(&blob.bytes).map_err(|error| wrong(format!("{path}: {error}")))
        }
        Some(File::Refused(why)) => Err(wrong(format!("{path}: {why}"))),
        None => Err(wrong(format!("{path} is missing"))),
    }
}
