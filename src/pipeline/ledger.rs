//! The ledger's branch: read whole, appended by compare-and-swap, bounded (Z4, Z21).

use std::collections::{BTreeMap, BTreeSet};

use bpctl_core::action::Action;
use bpctl_core::ledger::{Entry, Event, Skipped, append, day_of, first_of_day, glance, in_order, lines, read_line};
use bpctl_core::model::{Content, Digest, Name, ObjectRef, Period, RepoPath, Timestamp};
use serde::de::DeserializeOwned;

use super::{Effects, PipelineError, Session};
use crate::forge::{BranchName, Forge, Swapped};
use crate::git::{Repository, Signature};
use crate::runtime;

/// Tries before an append gives up.
const TRIES: u32 = 10;

/// Who writes bpctl's commits.
pub fn signature(at: Timestamp) -> Signature {
    Signature { name: "bpctl".into(), email: "bpctl@localhost".into(), at }
}

/// A ledger as it stands.
#[derive(Debug)]
pub struct Ledger<E = Skipped> {
    /// The branch's commit; `None`: there is none yet.
    pub commit: Option<String>,
    /// Entries, in the order of what happened.
    pub entries: Vec<Entry<E>>,
    /// Lines that cannot be read.
    pub unreadable: usize,
    files: BTreeMap<RepoPath, Content>,
}

impl<E> Ledger<E> {
    /// Ids of all entries.
    pub fn ids(&self) -> BTreeSet<Digest> {
        self.entries.iter().map(|entry| entry.id.clone()).collect()
    }

    /// Whether this event is written down.
    pub fn has(&self, entry: &Entry) -> bool {
        self.entries.iter().any(|known| known.id == entry.id)
    }

    /// The correlation of the last decision to bring an object back.
    pub fn decision_on(&self, object: &ObjectRef) -> Option<Digest> {
        let about = |entry: &&Entry<E>| match &entry.event {
            Event::Decided { action: Action::Reconcile(reconcile), .. } => reconcile.workload == *object,
            _ => false,
        };
        self.entries.iter().rfind(about).map(|entry| entry.correlation.clone())
    }
}

/// Reads an environment's ledger.
pub async fn load<E: DeserializeOwned + Send>(
    repository: &Repository,
    forge: &dyn Forge,
    environment: &Name,
) -> Result<Ledger<E>, PipelineError> {
    load_since(repository, forge, environment, None).await
}

/// The same without the days before this one.
pub async fn load_since<E: DeserializeOwned + Send>(
    repository: &Repository,
    forge: &dyn Forge,
    environment: &Name,
    since: Option<Timestamp>,
) -> Result<Ledger<E>, PipelineError> {
    load_keeping(repository, forge, environment, since, &|_| false, read_line).await
}

/// The same for a listing, on which nothing rests: see [`glance`].
pub async fn list_since(
    repository: &Repository,
    forge: &dyn Forge,
    environment: &Name,
    since: Option<Timestamp>,
) -> Result<Ledger, PipelineError> {
    load_keeping(repository, forge, environment, since, &|_| false, glance).await
}

/// The same with the bytes of some files, to which something is appended.
async fn load_keeping<E: DeserializeOwned + Send>(
    repository: &Repository,
    forge: &dyn Forge,
    environment: &Name,
    since: Option<Timestamp>,
    keep: &(dyn Fn(&RepoPath) -> bool + Sync),
    read: ReadLine<E>,
) -> Result<Ledger<E>, PipelineError> {
    let Some(commit) = forge.branch(&BranchName::ledger(environment)).await? else {
        return Ok(Ledger { commit: None, entries: Vec::new(), unreadable: 0, files: BTreeMap::new() });
    };
    // A file holds a whole day.
    let first = since.map(|since| Period::from_secs(86_400).before(since));
    let folders = folders_since(first.unwrap_or(Timestamp::UNIX_EPOCH));
    let is_asked = |path: &RepoPath| day_of(path).is_some_and(|day| first.is_none_or(|first| day > first));
    // Every other file on a thread of its own: unpacking and parsing take the same time, and both are long in a long ledger.
    let half = |half: usize| {
        let mut position = 0;
        let mine = |path: &RepoPath| {
            position += usize::from(is_asked(path));
            is_asked(path) && position % 2 == half
        };
        read_part(&repository.again()?, &commit, &folders, mine, keep, read)
    };
    let parts: Vec<Result<Part<E>, PipelineError>> = std::thread::scope(|scope| {
        let half = &half;
        let threads = [0, 1].map(|one| scope.spawn(move || half(one)));
        let gone = || PipelineError::told("a thread that read the ledger ended", "this is a bug");
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(gone()))).collect()
    });
    let mut all = Part { days: BTreeMap::new(), unreadable: 0, files: BTreeMap::new() };
    for part in parts {
        let mut part = part?;
        all.days.append(&mut part.days);
        all.files.append(&mut part.files);
        all.unreadable += part.unreadable;
    }
    let Part { days, unreadable, files } = all;
    let mut entries = Vec::with_capacity(days.values().map(Vec::len).sum());
    entries.extend(days.into_values().flatten());
    in_order(&mut entries);
    Ok(Ledger { commit: Some(commit), entries, unreadable, files })
}

/// How a line is read; `None`: it cannot be.
type ReadLine<E> = fn(&[u8]) -> Option<Entry<E>>;

/// What one thread read of a ledger, by file.
struct Part<E> {
    days: BTreeMap<RepoPath, Vec<Entry<E>>>,
    unreadable: usize,
    files: BTreeMap<RepoPath, Content>,
}

/// Reads those files that are mine.
fn read_part<E: DeserializeOwned + Send>(
    repository: &Repository,
    commit: &str,
    folders: &[RepoPath],
    mine: impl FnMut(&RepoPath) -> bool,
    keep: &(dyn Fn(&RepoPath) -> bool + Sync),
    read: ReadLine<E>,
) -> Result<Part<E>, PipelineError> {
    let mut part = Part { days: BTreeMap::new(), unreadable: 0, files: BTreeMap::new() };
    repository.each_in_tree(commit, folders, mine, |path, file| -> Result<(), PipelineError> {
        let Ok(bytes) = file else {
            // An append would begin it anew.
            let day = day_of(&path).map(|day| format!(" of {day:.0}")).unwrap_or_default();
            return Err(PipelineError::told(
                format!("couldn't read the ledger's file{day}: {path} is no plain file, or larger than 4 MiB"),
                "look at the branch of the ledger: bpctl writes no such file",
            ));
        };
        let mut entries = Vec::new();
        for line in lines(bytes) {
            match read(line) {
                Some(entry) => entries.push(entry),
                None => part.unreadable += 1,
            }
        }
        if keep(&path) {
            part.files.insert(path.clone(), bytes.into());
        }
        part.days.insert(path, entries);
        Ok(())
    })?;
    Ok(part)
}

/// The folders of months from this time on; looking for one that is not there costs nothing.
fn folders_since(first: Timestamp) -> Vec<RepoPath> {
    let text = first.to_string();
    let since = text.get(..7).unwrap_or_default().replace('-', "/");
    let months = years().into_iter().flat_map(|year| (1..=12).map(move |month| format!("{year}/{month:02}")));
    months.filter(|month| *month >= since).filter_map(|month| RepoPath::new(month).ok()).collect()
}

/// The ledger's top folders; looking for one that is not there costs nothing.
pub(super) fn years() -> Vec<RepoPath> {
    (2025..2125).filter_map(|year: u32| RepoPath::new(year.to_string()).ok()).collect()
}

/// Appends what the ledger does not have yet, and answers the ids of that. Another writer's entries are kept: the append is done again on top
/// of them. Of several runs with the same entry exactly one is answered its id.
pub async fn record(
    session: &Session,
    effects: &Effects<'_>,
    environment: &Name,
    entries: &[Entry],
    at: Timestamp,
) -> Result<BTreeSet<Digest>, PipelineError> {
    let branch = BranchName::ledger(environment);
    if entries.is_empty() {
        return Ok(BTreeSet::new());
    }
    let forge = session.forge.reading();
    let days: BTreeSet<Timestamp> = entries.iter().filter_map(|entry| first_of_day(entry.at)).collect();
    let keep = |path: &RepoPath| day_of(path).is_some_and(|day| days.contains(&day));
    for _ in 0..TRIES {
        let ledger: Ledger = load_keeping(&session.repository, forge, environment, None, &keep, read_line).await?;
        let known = ledger.ids();
        let fresh = entries.iter().map(|entry| &entry.id).filter(|id| !known.contains(id)).cloned();
        let fresh: BTreeSet<Digest> = fresh.collect();
        let files = append(&ledger.files, &known, entries);
        if files.is_empty() {
            return Ok(BTreeSet::new());
        }
        let plural = if fresh.len() == 1 { "entry" } else { "entries" };
        // Else two runs of one second make the same commit, and each takes it for its own.
        let message =
            format!("ledger: {} {plural} of {environment}\n\nBpctl-Run: {}\n", fresh.len(), runtime::run_id());
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
