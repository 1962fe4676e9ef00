//! The ledger's branch: read whole, appended by compare-and-swap, bounded (Z4, Z21).

use std::collections::{BTreeMap, BTreeSet};

use bpctl_core::ledger::{Entry, append, read};
use bpctl_core::model::{Digest, File, Name, RepoPath, Timestamp};

use super::{Effects, PipelineError, Session};
use crate::forge::{BranchName, Forge, Swapped};
use crate::git::{Repository, Signature};

/// Tries before an append gives up.
const TRIES: u32 = 10;

/// Who writes bpctl's commits.
pub fn signature(at: Timestamp) -> Signature {
    Signature { name: "bpctl".into(), email: "bpctl@localhost".into(), at }
}

/// A ledger as it stands.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The branch's commit; `None`: there is none yet.
    pub commit: Option<String>,
    /// Entries, oldest first.
    pub entries: Vec<Entry>,
    /// Lines that cannot be read.
    pub unreadable: usize,
    files: BTreeMap<RepoPath, Vec<u8>>,
}

impl Ledger {
    /// Ids of all entries.
    pub fn ids(&self) -> BTreeSet<Digest> {
        self.entries.iter().map(|entry| entry.id.clone()).collect()
    }
}

/// Reads an environment's ledger.
pub async fn load(repository: &Repository, forge: &dyn Forge, environment: &Name) -> Result<Ledger, PipelineError> {
    let commit = forge.branch(&BranchName::ledger(environment)).await?;
    match commit {
        Some(commit) => load_at(repository, commit),
        None => Ok(Ledger::default()),
    }
}

fn load_at(repository: &Repository, commit: String) -> Result<Ledger, PipelineError> {
    // The ledger's top folders are years; looking for one that is not there costs nothing.
    let years: Vec<RepoPath> = (2025..2125).filter_map(|year: u32| RepoPath::new(year.to_string()).ok()).collect();
    let tree = repository.read_tree(&commit, &years)?;
    let mut files = BTreeMap::new();
    for (path, file) in tree.0 {
        if let File::Blob(blob) = file
            && path.as_str().rsplit_once('.').is_some_and(|(_, ending)| ending == "jsonl")
        {
            files.insert(path, blob.bytes.to_vec());
        }
    }
    let (entries, unreadable) = read(files.values().map(Vec::as_slice));
    Ok(Ledger { commit: Some(commit), entries, unreadable, files })
}

/// Appends what the ledger does not have yet. Another writer's entries are kept: the append is done again on top of them.
pub async fn record(
    session: &Session,
    effects: &Effects<'_>,
    environment: &Name,
    entries: &[Entry],
    at: Timestamp,
) -> Result<usize, PipelineError> {
    let branch = BranchName::ledger(environment);
    let forge = session.forge.reading();
    for _ in 0..TRIES {
        let ledger = load(&session.repository, forge, environment).await?;
        let known = ledger.ids();
        let fresh = entries.iter().filter(|entry| !known.contains(&entry.id)).count();
        let files = append(&ledger.files, &known, entries);
        if files.is_empty() {
            return Ok(0);
        }
        let message = format!("ledger: {fresh} {} of {environment}", if fresh == 1 { "entry" } else { "entries" });
        let commit = match &ledger.commit {
            Some(parent) => {
                let changes = files.into_iter().map(|(path, bytes)| (path, Some(bytes))).collect();
                session.repository.commit_files(parent, &changes, &signature(at), &message)?
            }
            None => {
                let tree = session.repository.write_tree(&files)?;
                session.repository.commit_tree(&tree, &[], &signature(at), &message)?
            }
        };
        match effects.append_ledger(&branch, ledger.commit.as_deref(), &commit).await? {
            Swapped::Swapped => return Ok(fresh),
            Swapped::Moved(_) => {}
        }
    }
    Err(PipelineError::told(
        format!("couldn't append to the ledger {branch}: others wrote to it {TRIES} times in a row"),
        "run the command again; what was done is derived from the forge and the cluster, and is not done twice",
    ))
}
