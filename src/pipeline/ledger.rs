//! The ledger's branch: read whole for people, its newest part for a pass, appended by compare-and-swap, bounded (Z4, Z21, T30).

use std::collections::{BTreeMap, BTreeSet};

use bpctl_core::action::Action;
use bpctl_core::ledger::{
    Entry, Event, FULL, Skipped, append, day_of, first_of_day, glance, in_order, lines, read_line,
};
use bpctl_core::model::{Content, Digest, Name, ObjectRef, Period, RepoPath, Timestamp};
use serde::de::DeserializeOwned;

use super::{Effects, PipelineError, Session};
use crate::forge::{BranchName, Forge, Swapped};
use crate::git::{Repository, Signature};
use crate::runtime;

/// Tries before an append gives up.
const TRIES: u32 = 10;

const DAY: Period = Period::from_secs(86_400);
/// How far back a pass remembers: as long as an issue that a person closed.
const RECALLED: Period = Period::from_secs(90 * 86_400);
/// How many bytes and lines of a ledger a pass reads, the newest first: anybody who may push can make it as long as they like, and it grows by
/// itself (T30, T42).
const RECALLED_BYTES: usize = 32 << 20;
const RECALLED_LINES: usize = 100_000;
/// By how much the clocks that entries go by may differ.
const SKEW: Period = Period::from_secs(60);

/// Whose bpctl's commits are where nothing else is said.
const NAME: &str = "bpctl";
const EMAIL: &str = "bpctl@localhost";

/// Whom `BPCTL_COMMIT_AUTHOR` names: `NAME <EMAIL>`; `None`: nobody.
pub fn named_author() -> Result<Option<(String, String)>, PipelineError> {
    let Some(text) = runtime::variable("BPCTL_COMMIT_AUTHOR") else { return Ok(None) };
    let parts = text.trim().strip_suffix('>').and_then(|rest| rest.split_once('<'));
    let plain = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_control() || matches!(c, '<' | '>'));
    match parts.map(|(name, email)| (name.trim(), email.trim())) {
        Some((name, email)) if plain(name) && plain(email) && email.contains('@') && !email.contains(' ') => {
            Ok(Some((name.to_owned(), email.to_owned())))
        }
        _ => Err(PipelineError::told(
            "BPCTL_COMMIT_AUTHOR is not a name and an e-mail address",
            "write it as Git does: BPCTL_COMMIT_AUTHOR='bpctl <bpctl@example.org>'",
        )),
    }
}

/// Who writes bpctl's commits.
pub fn signature(at: Timestamp) -> Signature {
    // What is wrong with it was said when the session began.
    let named = named_author().ok().flatten();
    let (name, email) = named.unwrap_or_else(|| (NAME.to_owned(), EMAIL.to_owned()));
    Signature { name, email, at }
}

/// Whether a commit says that bpctl wrote it: under its name of today, or without one. Nothing is permitted by what a commit says.
pub fn is_own(email: &str) -> bool {
    email == EMAIL || email == signature(Timestamp::UNIX_EPOCH).email
}

/// A ledger as it stands.
#[derive(Debug)]
pub struct Ledger<E = Skipped> {
    /// The branch's commit; `None`: there is none yet.
    pub commit: Option<String>,
    /// Entries, in the order of what happened.
    pub entries: Vec<Entry<E>>,
    /// Lines and files that cannot be read, or are of the future.
    pub unreadable: usize,
}

impl<E> Default for Ledger<E> {
    fn default() -> Self {
        Self { commit: None, entries: Vec::new(), unreadable: 0 }
    }
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
    load_reading(repository, forge, environment, since, read_line).await
}

/// The same for a listing, on which nothing rests: see [`glance`].
pub async fn list_since(
    repository: &Repository,
    forge: &dyn Forge,
    environment: &Name,
    since: Option<Timestamp>,
) -> Result<Ledger, PipelineError> {
    load_reading(repository, forge, environment, since, glance).await
}

/// What a pass remembers: the newest part of the ledger, as much as there is room for. What cannot be read in it is counted and passed over, and
/// so is what is dated after now: whoever may push writes what they like, and no pass stops for it (T30).
pub async fn recall(repository: &Repository, forge: &dyn Forge, environment: &Name) -> Result<Ledger, PipelineError> {
    let Some(commit) = forge.branch(&BranchName::ledger(environment)).await? else { return Ok(Ledger::default()) };
    let now = forge.clock().await?.now;
    let (first, tomorrow) = (DAY.before(RECALLED.before(now)), DAY.after(now));
    let mut ledger = Ledger { commit: Some(commit.clone()), ..Ledger::default() };
    let mut files = Vec::new();
    for (day, path) in day_files(repository, &commit, &folders_since(first))? {
        if day > tomorrow {
            ledger.unreadable += 1;
        } else if day > first {
            files.push((day, path));
        }
    }
    files.sort_by_key(|(day, path)| std::cmp::Reverse((*day, path.as_str().len(), path.clone())));
    let mut room = RECALLED_BYTES;
    for (_, path) in files {
        if room == 0 || ledger.entries.len() >= RECALLED_LINES {
            break;
        }
        read_file(repository, &commit, path, |file| {
            let Some(bytes) = file else {
                ledger.unreadable += 1;
                return;
            };
            room = room.saturating_sub(bytes.len());
            for line in lines(bytes).take(RECALLED_LINES) {
                match read_line::<Skipped>(line).filter(|entry| !is_of_the_future(entry, now)) {
                    Some(entry) => ledger.entries.push(entry),
                    None => ledger.unreadable += 1,
                }
            }
        })?;
    }
    in_order(&mut ledger.entries);
    Ok(ledger)
}

/// Whether an entry is dated after now. What was told to people has the forge's own time; others have the cluster's too.
fn is_of_the_future<E>(entry: &Entry<E>, now: Timestamp) -> bool {
    let skew = if matches!(entry.event, Event::Alerted { .. }) { SKEW } else { DAY };
    entry.at > skew.after(now)
}

/// The ledger's files below these folders, with their days. Nothing of them is read.
fn day_files(
    repository: &Repository,
    commit: &str,
    folders: &[RepoPath],
) -> Result<Vec<(Timestamp, RepoPath)>, PipelineError> {
    let mut found = Vec::new();
    let note = |path: &RepoPath| {
        found.extend(day_of(path).map(|day| (day, path.clone())));
        false
    };
    repository.each_in_tree(commit, folders, note, |_, _| Ok::<_, PipelineError>(()))?;
    Ok(found)
}

/// Looks at one file; `None`: it is no plain file, or too large.
fn read_file(
    repository: &Repository,
    commit: &str,
    path: RepoPath,
    mut look: impl FnMut(Option<&[u8]>),
) -> Result<(), PipelineError> {
    repository.each_in_tree(
        commit,
        &[path],
        |_| true,
        |_, file| {
            look(file.ok());
            Ok::<_, PipelineError>(())
        },
    )
}

async fn load_reading<E: DeserializeOwned + Send>(
    repository: &Repository,
    forge: &dyn Forge,
    environment: &Name,
    since: Option<Timestamp>,
    read: ReadLine<E>,
) -> Result<Ledger<E>, PipelineError> {
    let Some(commit) = forge.branch(&BranchName::ledger(environment)).await? else {
        return Ok(Ledger::default());
    };
    // A file holds a whole day.
    let first = since.map(|since| DAY.before(since));
    let folders = folders_since(first.unwrap_or(Timestamp::UNIX_EPOCH));
    let is_asked = |path: &RepoPath| day_of(path).is_some_and(|day| first.is_none_or(|first| day > first));
    // Every other file on a thread of its own: unpacking and parsing take the same time, and both are long in a long ledger.
    let half = |half: usize| {
        let mut position = 0;
        let mine = |path: &RepoPath| {
            position += usize::from(is_asked(path));
            is_asked(path) && position % 2 == half
        };
        read_part(&repository.again()?, &commit, &folders, mine, read)
    };
    let parts: Vec<Result<Part<E>, PipelineError>> = std::thread::scope(|scope| {
        let half = &half;
        let threads = [0, 1].map(|one| scope.spawn(move || half(one)));
        let gone = || PipelineError::told("a thread that read the ledger ended", "this is a bug");
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(gone()))).collect()
    });
    let mut all = Part { days: BTreeMap::new(), unreadable: 0 };
    for part in parts {
        let mut part = part?;
        all.days.append(&mut part.days);
        all.unreadable += part.unreadable;
    }
    let Part { days, unreadable } = all;
    let mut entries = Vec::with_capacity(days.values().map(Vec::len).sum());
    entries.extend(days.into_values().flatten());
    in_order(&mut entries);
    Ok(Ledger { commit: Some(commit), entries, unreadable })
}

/// How a line is read; `None`: it cannot be.
type ReadLine<E> = fn(&[u8]) -> Option<Entry<E>>;

/// What one thread read of a ledger, by file.
struct Part<E> {
    days: BTreeMap<RepoPath, Vec<Entry<E>>>,
    unreadable: usize,
}

/// Reads those files that are mine.
fn read_part<E: DeserializeOwned + Send>(
    repository: &Repository,
    commit: &str,
    folders: &[RepoPath],
    mine: impl FnMut(&RepoPath) -> bool,
    read: ReadLine<E>,
) -> Result<Part<E>, PipelineError> {
    let mut part = Part { days: BTreeMap::new(), unreadable: 0 };
    repository.each_in_tree(commit, folders, mine, |path, file| -> Result<(), PipelineError> {
        let Ok(bytes) = file else {
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

/// What an append has to know of the ledger: the files of the days that it writes to, and the ids that stand there and on the days beside them,
/// because runs at once may stand on both sides of midnight.
struct Tail {
    commit: Option<String>,
    files: BTreeMap<RepoPath, Content>,
    known: BTreeSet<Digest>,
}

/// A file that cannot be read, or for which there is no room, is as good as full: then the next of its day is begun.
async fn tail(
    repository: &Repository,
    forge: &dyn Forge,
    environment: &Name,
    days: &BTreeSet<Timestamp>,
) -> Result<Tail, PipelineError> {
    let commit = forge.branch(&BranchName::ledger(environment)).await?;
    let mut tail = Tail { commit: commit.clone(), files: BTreeMap::new(), known: BTreeSet::new() };
    let (Some(commit), Some(first)) = (commit, days.first()) else { return Ok(tail) };
    let beside = |day: Timestamp| days.contains(&DAY.before(day)) || days.contains(&DAY.after(day));
    let mut files = day_files(repository, &commit, &folders_since(DAY.before(*first)))?;
    files.retain(|(day, _)| days.contains(day) || beside(*day));
    files.sort_by_key(|(day, path)| (!days.contains(day), *day, path.as_str().len(), path.clone()));
    let full: Content = vec![b'\n'; FULL].as_slice().into();
    let mut room = RECALLED_BYTES;
    for (day, path) in files {
        let mut kept = full.clone();
        if room > 0 {
            read_file(repository, &commit, path.clone(), |file| {
                let Some(bytes) = file else { return };
                room = room.saturating_sub(bytes.len());
                tail.known.extend(lines(bytes).filter_map(read_line::<Skipped>).map(|entry| entry.id));
                if bytes.len() < FULL {
                    kept = bytes.into();
                }
            })?;
        }
        if days.contains(&day) {
            tail.files.insert(path, kept);
        }
    }
    Ok(tail)
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
    for _ in 0..TRIES {
        let Tail { commit: tip, files: existing, known } = tail(&session.repository, forge, environment, &days).await?;
        let fresh = entries.iter().map(|entry| &entry.id).filter(|id| !known.contains(id)).cloned();
        let fresh: BTreeSet<Digest> = fresh.collect();
        let files = append(&existing, &known, entries);
        if files.is_empty() {
            return Ok(BTreeSet::new());
        }
        let plural = if fresh.len() == 1 { "entry" } else { "entries" };
        // Else two runs of one second make the same commit, and each takes it for its own.
        let message =
            format!("ledger: {} {plural} of {environment}\n\nBpctl-Run: {}\n", fresh.len(), runtime::run_id());
        let commit = match &tip {
            Some(parent) => {
                let changes = files.into_iter().map(|(path, bytes)| (path, Some(bytes))).collect();
                session.repository.commit_files(parent, &changes, &signature(at), &message)?
            }
            None => {
                let tree = session.repository.write_tree(&files)?;
                session.repository.commit_tree(&tree, &[], &signature(at), &message)?
            }
        };
        match effects.append_ledger(&branch, tip.as_deref(), &commit).await? {
            Swapped::Swapped => return Ok(fresh),
            Swapped::Moved(_) => {}
        }
    }
    Err(PipelineError::told(
        format!("couldn't append to the ledger {branch}: others wrote to it {TRIES} times in a row"),
        "run the command again; what was done is derived from the forge and the cluster, and is not done twice",
    ))
}
