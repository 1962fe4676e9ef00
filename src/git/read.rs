//! Reading files: from a commit's tree by object id, and from the work tree. Links and submodules are reported, never followed.

#![expect(clippy::disallowed_methods, reason = "an edge: reads the work tree")]

use std::collections::btree_map::Entry as Slotted;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use bpctl_core::model::{Blob, File, Files, RepoPath};
use git2::{ObjectType, Oid};

use super::repository::tree_of;
use super::{GitError, Repository};

/// Larger files are refused.
pub const MAX_FILE_BYTES: usize = 4 << 20;
/// Deeper folders are refused.
const MAX_DEPTH: usize = 256;

/// More entries of folders are not looked at for one question, and more bytes of files not read: a few small objects can name each other
/// so often that the paths have no end (T42).
const MAX_ENTRIES: usize = 300_000;
const MAX_READ_BYTES: usize = 64 << 20;
/// The most that the paths themselves may take: a few nested folders make each of them as long as their names together.
const MAX_PATH_BYTES: usize = 64 << 20;

const MANY: &str = "it holds more than 300000 entries";
const LONG: &str = "the paths of its entries are longer than 64 MiB together";
const MUCH: &str = "its files hold more than 64 MiB";
const LINK: &str = "it is a symbolic link; bpctl follows none";
const SUBMODULE: &str = "it is a submodule; bpctl enters none";
const LARGE: &str = "it is larger than 4 MiB";
const DEEP: &str = "it lies more than 256 folders deep";

/// One side of a changed path: the object's id and its mode (`0o100644`, `0o100755`, `0o120000` link, `0o160000` submodule).
pub type Entry = (String, u32);

/// A path at which two trees differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedPath {
    /// The path; `Err`: its text, when [`RepoPath`] refuses it.
    pub path: Result<RepoPath, String>,
    /// What stood there; `None`: nothing.
    pub before: Option<Entry>,
    /// What stands there; `None`: nothing.
    pub after: Option<Entry>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Folder,
    File,
    Link,
    Submodule,
    Other,
}

fn kind(mode: i32) -> Kind {
    match mode & 0o170_000 {
        0o040_000 => Kind::Folder,
        0o100_000 => Kind::File,
        0o120_000 => Kind::Link,
        0o160_000 => Kind::Submodule,
        _ => Kind::Other,
    }
}

impl Repository {
    /// All files at or below the wanted paths in a commit's tree. A wanted path that does not exist is simply absent. A path with
    /// a link on its way is refused at the link; an entry whose name [`RepoPath`] refuses is reported at its folder.
    pub fn read_tree(&self, commit: &str, wanted: &[RepoPath]) -> Result<Files, GitError> {
        let mut found = Vec::new();
        walk_wanted(&self.raw(), commit, wanted, &mut |path, id, read| {
            found.push((path, id, read.map_err(ToOwned::to_owned)));
            Ok(())
        })?;
        let left = Left::of(MAX_READ_BYTES);
        // A file of an object of its own is opened, unpacked and hashed alone: thousands are, on as many threads as there are processors.
        let parts = on_threads(&found, "read a tree", |part| {
            // A handle of libgit2 serves one thread.
            let again;
            let raw = if part.len() == found.len() {
                self.raw()
            } else {
                again = self.again()?;
                again.raw()
            };
            let odb = raw.odb().map_err(GitError::library("read objects"))?;
            let file = |(path, id, read): &(RepoPath, Oid, Result<(), String>)| {
                let file = match read {
                    Err(why) => File::Refused(why.clone()),
                    Ok(()) => match sized(&odb, path, *id, commit, &left)? {
                        Err(why) => File::Refused(why.to_owned()),
                        Ok(object) => File::Blob(Blob { id: id.to_string(), bytes: object.data().into() }),
                    },
                };
                Ok((path.clone(), file))
            };
            part.iter().map(file).collect::<Result<Vec<_>, GitError>>()
        });
        let mut files = BTreeMap::new();
        for part in parts {
            files.extend(part?);
        }
        Ok(Files(files))
    }

    /// Calls `each` with every file at or below the wanted paths of a commit's tree that `mine` says yes to, as [`Repository::read_tree`]
    /// has them, one after the other: nothing is kept of a file that was looked at. `Err(why)` in place of one that is not read.
    pub fn each_in_tree<E: From<GitError>>(
        &self,
        commit: &str,
        wanted: &[RepoPath],
        mut mine: impl FnMut(&RepoPath) -> bool,
        mut each: impl FnMut(RepoPath, Result<&[u8], &str>) -> Result<(), E>,
    ) -> Result<(), E> {
        let raw = self.raw();
        let odb = raw.odb().map_err(GitError::library("read objects"))?;
        let mut found = Vec::new();
        walk_wanted(&raw, commit, wanted, &mut |path, id, read| {
            found.push((path, id, read.map_err(ToOwned::to_owned)));
            Ok(())
        })?;
        let left = Left::of(MAX_READ_BYTES);
        for (path, id, read) in found {
            if !mine(&path) {
                continue;
            }
            match read {
                Err(why) => each(path, Err(&why))?,
                Ok(()) => match sized(&odb, &path, id, commit, &left)? {
                    Err(why) => each(path, Err(why))?,
                    Ok(object) => each(path, Ok(object.data()))?,
                },
            }
        }
        Ok(())
    }

    /// The bytes of one blob, by full id; refused over 4 MiB.
    pub fn read_blob(&self, id: &str) -> Result<Arc<[u8]>, GitError> {
        let attempt = || format!("read blob {id}");
        let raw = self.raw();
        let odb = raw.odb().map_err(GitError::library(attempt()))?;
        let oid = super::repository::oid(id)?;
        let (size, kind) = odb.read_header(oid).map_err(GitError::library(attempt()))?;
        if kind != ObjectType::Blob || size > MAX_FILE_BYTES {
            return Err(GitError::refused(attempt(), "it is not a file of at most 4 MiB"));
        }
        Ok(Arc::from(odb.read(oid).map_err(GitError::library(attempt()))?.data()))
    }

    /// All files at or below the wanted paths on disk, as [`Repository::read_tree`] gives them for a commit. Contents are taken as
    /// they are: no filter turns line ends or fetches large files.
    pub fn read_work_tree(&self, wanted: &[RepoPath]) -> Result<Files, GitError> {
        let Some(root) = self.work_tree() else {
            return Err(GitError::refused("read the work tree", "the repository is bare"));
        };
        let mut found = Vec::new();
        for path in outermost(wanted) {
            look(root, path, &mut found)?;
        }
        if found.len() > MAX_ENTRIES {
            return Err(GitError::refused("read the work tree", MANY));
        }
        // Opening and hashing thousands of small files is mostly waiting on system calls: a few threads halve it.
        let left = Left::of(MAX_READ_BYTES);
        let read = on_threads(&found, "read the work tree", |part| {
            part.iter().filter_map(|item| load(root, item, &left).transpose()).collect::<Result<Vec<_>, GitError>>()
        });
        let mut files = BTreeMap::new();
        for part in read {
            files.extend(part?);
        }
        Ok(Files(files))
    }

    /// Whether something stands at this path of the work tree: a file, a folder, or a link, which is not followed.
    pub fn is_in_work_tree(&self, path: &RepoPath) -> Result<bool, GitError> {
        let Some(root) = self.work_tree() else { return Ok(false) };
        match root.join(path.as_str()).symlink_metadata() {
            Ok(_) => Ok(true),
            Err(error) if is_absent(&error) => Ok(false),
            Err(error) => Err(GitError::io(format!("look at {path}"))(error)),
        }
    }

    /// Whether a folder stands at a path in the work tree.
    pub fn is_folder_in_work_tree(&self, path: &RepoPath) -> bool {
        self.work_tree().is_some_and(|root| root.join(path.as_str()).is_dir())
    }

    /// The paths, at or below the wanted ones, at which these files are not what the commit has: "uncommitted". Modes do not count.
    pub fn uncommitted_in(&self, files: &Files, commit: &str, wanted: &[RepoPath]) -> Result<Vec<RepoPath>, GitError> {
        let (mut changed, mut committed) = (Vec::new(), Vec::with_capacity(files.0.len()));
        walk_wanted(&self.raw(), commit, wanted, &mut |path, id, found| {
            let here = files.0.get_key_value(&path);
            let same = match (found, here) {
                (Ok(()), Some((_, File::Blob(blob)))) => id.to_string() == blob.id,
                // Refused on both sides: whatever it is, nothing is read from it.
                (Err(_), Some((_, File::Refused(_)))) => true,
                // An oversized file has an id in the tree; on disk it is not hashed.
                (Ok(()), Some((_, File::Refused(why)))) => why == LARGE,
                _ => false,
            };
            committed.extend(here.map(|(path, _)| path));
            if !same {
                changed.push(path);
            }
            Ok(())
        })?;
        committed.sort_unstable();
        committed.dedup();
        if committed.len() < files.0.len() {
            let missing = files.0.keys().filter(|path| committed.binary_search(path).is_err());
            changed.extend(missing.cloned());
        }
        changed.sort_unstable();
        changed.dedup();
        Ok(changed)
    }

    /// The paths, at or below the wanted ones, at which the work tree is not what the commit has.
    pub fn uncommitted(&self, commit: &str, wanted: &[RepoPath]) -> Result<Vec<RepoPath>, GitError> {
        self.uncommitted_in(&self.read_work_tree(wanted)?, commit, wanted)
    }

    /// Every path at which the trees of two commits differ in content or mode, in order of bytes. Nothing is taken for a rename.
    pub fn diff_paths(&self, before: &str, after: &str) -> Result<Vec<ChangedPath>, GitError> {
        let raw = self.raw();
        let (before, after) = (tree_of(&raw, before)?.id(), tree_of(&raw, after)?.id());
        diff_trees(&raw, before, after)
    }
}

/// What `load` makes of each part of these, in their order; of many on several threads.
fn on_threads<T: Sync, R: Send>(
    all: &[T],
    attempt: &str,
    load: impl Fn(&[T]) -> Result<R, GitError> + Sync,
) -> Vec<Result<R, GitError>> {
    /// Fewer are read sooner than a thread begins.
    const WORTH_A_THREAD: usize = 256;
    if all.len() < WORTH_A_THREAD {
        return vec![load(all)];
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from).clamp(1, 8);
    let load = &load;
    std::thread::scope(|scope| {
        let chunks = all.chunks(all.len().div_ceil(threads));
        let running: Vec<_> = chunks.map(|part| scope.spawn(move || load(part))).collect();
        let broke = |_| Err(GitError::refused(attempt, "a reader broke"));
        running.into_iter().map(|thread| thread.join().unwrap_or_else(broke)).collect()
    })
}

/// The object of a file that is not too large; `Err(why)`: it is not read.
fn sized<'o>(
    odb: &'o git2::Odb<'_>,
    path: &RepoPath,
    id: Oid,
    commit: &str,
    left: &Left,
) -> Result<Result<git2::OdbObject<'o>, &'static str>, GitError> {
    let failed = |source| GitError::library(format!("read {path} in commit {commit}"))(source);
    let (size, kind) = odb.read_header(id).map_err(failed)?;
    if kind != ObjectType::Blob {
        return Ok(Err("it is not a file"));
    }
    if size > MAX_FILE_BYTES {
        return Ok(Err(LARGE));
    }
    left.take(size, || format!("read the files of commit {commit}"), MUCH)?;
    odb.read(id).map(Ok).map_err(failed)
}

/// As [`Repository::diff_paths`], for trees.
pub(super) fn diff_trees(raw: &git2::Repository, before: Oid, after: Oid) -> Result<Vec<ChangedPath>, GitError> {
    let mut changed = Vec::new();
    diff_folder(raw, &mut Vec::new(), Some(before), Some(after), &mut changed, &Entries::new(), 0)?;
    Ok(changed)
}

type Slot = Option<(Oid, i32)>;
type Listing = BTreeMap<Vec<u8>, (Oid, i32)>;
/// Is told each file's path and id; `Err(why)` in place of those that are not read.
type Each<'a> = dyn FnMut(RepoPath, Oid, Result<(), &str>) -> Result<(), GitError> + 'a;

fn listing(raw: &git2::Repository, tree: Option<Oid>) -> Result<Listing, GitError> {
    let Some(id) = tree else { return Ok(Listing::new()) };
    let tree = ordered(raw, id)?;
    Ok(tree.iter().map(|e| (e.name_bytes().to_vec(), (e.id(), e.filemode_raw()))).collect())
}

/// A tree whose names are in Git's order and each there once. Of any other two readers see different files: a comparison the one, a
/// delivery or a checkout the other (T23).
fn ordered(raw: &git2::Repository, id: Oid) -> Result<git2::Tree<'_>, GitError> {
    let tree = raw.find_tree(id).map_err(GitError::library(format!("read tree {id}")))?;
    let entries: Vec<git2::TreeEntry<'_>> = tree.iter().collect();
    let is_folder = |entry: &git2::TreeEntry<'_>| kind(entry.filemode_raw()) == Kind::Folder;
    // Git puts a folder where its name with a slash belongs.
    let key = |entry| (if is_folder(entry) { Some(b'/') } else { None }, entry.name_bytes());
    let before = |a: (Option<u8>, &[u8]), b: (Option<u8>, &[u8])| {
        a.1.iter().copied().chain(a.0).lt(b.1.iter().copied().chain(b.0))
    };
    // Without the folders that is the order of bytes.
    let others: Vec<&[u8]> =
        entries.iter().filter(|entry| !is_folder(entry)).map(git2::TreeEntry::name_bytes).collect();
    let unordered = entries.windows(2).find(|pair| !before(key(&pair[0]), key(&pair[1]))).map(|pair| &pair[1]);
    let twice = || entries.iter().find(|entry| is_folder(entry) && others.binary_search(&entry.name_bytes()).is_ok());
    if let Some(entry) = unordered.or_else(twice) {
        let name = entry.name_bytes().escape_ascii();
        let why = format!("it holds {name} twice or out of order, as no Git makes it; git fsck names the commit");
        return Err(GitError::refused(format!("read tree {id}"), why));
    }
    drop(entries);
    Ok(tree)
}

fn diff_folder(
    raw: &git2::Repository,
    path: &mut Vec<u8>,
    before: Option<Oid>,
    after: Option<Oid>,
    changed: &mut Vec<ChangedPath>,
    left: &Entries,
    depth: usize,
) -> Result<(), GitError> {
    if before == after {
        return Ok(());
    }
    if depth > MAX_DEPTH {
        return Err(GitError::refused("compare two trees", DEEP));
    }
    let (old, mut new) = (listing(raw, before)?, listing(raw, after)?);
    left.take(old.len() + new.len(), path.len(), || "compare two trees".into())?;
    let mut pairs: BTreeMap<Vec<u8>, (Slot, Slot)> = BTreeMap::new();
    for (name, entry) in old {
        let other = new.remove(&name);
        pairs.insert(name, (Some(entry), other));
    }
    pairs.extend(new.into_iter().map(|(name, entry)| (name, (None, Some(entry)))));
    for (name, (old, new)) in pairs {
        if old == new {
            continue;
        }
        let length = path.len();
        if length > 0 {
            path.push(b'/');
        }
        path.extend_from_slice(&name);
        let folder = |entry: Slot| entry.filter(|(_, mode)| kind(*mode) == Kind::Folder).map(|(id, _)| id);
        let leaf = |entry: Slot| {
            let (id, mode) = entry.filter(|(_, mode)| kind(*mode) != Kind::Folder)?;
            Some((id.to_string(), mode.cast_unsigned()))
        };
        let (before, after) = (leaf(old), leaf(new));
        if before.is_some() || after.is_some() {
            changed.push(ChangedPath { path: checked(path), before, after });
        }
        diff_folder(raw, path, folder(old), folder(new), changed, left, depth + 1)?;
        path.truncate(length);
    }
    Ok(())
}

/// What may still be looked at.
struct Left(AtomicUsize);

impl Left {
    fn of(most: usize) -> Self {
        Self(AtomicUsize::new(most))
    }

    fn take(&self, amount: usize, attempt: impl FnOnce() -> String, why: &str) -> Result<(), GitError> {
        let taken = self.0.try_update(Relaxed, Relaxed, |left| left.checked_sub(amount));
        taken.map(drop).map_err(|_| GitError::refused(attempt(), why))
    }
}

/// What may still be looked at of trees: entries, and bytes of their paths (T42).
struct Entries {
    entries: Left,
    paths: Left,
}

impl Entries {
    fn new() -> Self {
        Self { entries: Left::of(MAX_ENTRIES), paths: Left::of(MAX_PATH_BYTES) }
    }

    /// Takes the entries of a folder whose path is so long.
    fn take(&self, entries: usize, path: usize, attempt: impl Fn() -> String) -> Result<(), GitError> {
        self.entries.take(entries, &attempt, MANY)?;
        self.paths.take(entries.saturating_mul(path), &attempt, LONG)
    }
}

/// A path as a message holds it.
fn shortened(path: &RepoPath) -> String {
    let text = path.as_str();
    if text.chars().count() <= 200 { text.into() } else { text.chars().take(200).chain(['…']).collect() }
}

/// A path from bytes; `Err`: its text where it is refused.
fn checked(path: &[u8]) -> Result<RepoPath, String> {
    let shown = || String::from_utf8_lossy(path).into_owned();
    std::str::from_utf8(path)
        .ok()
        .and_then(|text| RepoPath::new(text).ok().filter(|p| p.as_str() == text))
        .ok_or_else(shown)
}

/// The wanted paths without those that lie below others. Ten thousand blueprints name as many files, so each path looks for those above
/// it instead of at every other.
fn outermost(wanted: &[RepoPath]) -> Vec<&RepoPath> {
    let all: BTreeSet<&str> = wanted.iter().map(RepoPath::as_str).collect();
    let lies_below = |path: &str| path.match_indices('/').any(|(end, _)| all.contains(&path[..end]));
    let mut kept: Vec<&RepoPath> = wanted.iter().filter(|path| !lies_below(path.as_str())).collect();
    kept.sort();
    kept.dedup();
    kept
}

/// Calls `each` for every file at or below the wanted paths; `Err(why)` in place of those that are not read.
fn walk_wanted(raw: &git2::Repository, commit: &str, wanted: &[RepoPath], each: &mut Each<'_>) -> Result<(), GitError> {
    let root = tree_of(raw, commit)?.id();
    // A thousand wanted files of one folder are one tree: libgit2 forgets large ones, and would unpack it a thousand times.
    let mut trees: BTreeMap<Oid, git2::Tree<'_>> = BTreeMap::new();
    let left = Entries::new();
    'wanted: for path in outermost(wanted) {
        if path.is_root() {
            walk_folder(raw, path, root, each, &left, 0)?;
            continue;
        }
        let (mut id, mut entry_kind) = (root, Kind::Folder);
        let mut end = 0;
        for part in path.as_str().split('/') {
            let tree = match trees.entry(id) {
                Slotted::Occupied(read) => read.into_mut(),
                Slotted::Vacant(free) => free.insert(ordered(raw, id)?),
            };
            let Some(entry) = tree.get_name(part) else { continue 'wanted };
            end += part.len() + usize::from(end > 0);
            (id, entry_kind) = (entry.id(), kind(entry.filemode_raw()));
            if end < path.as_str().len() && entry_kind != Kind::Folder {
                break;
            }
        }
        let Ok(reached) = RepoPath::new(path.as_str().get(..end).unwrap_or_default()) else { continue };
        match entry_kind {
            Kind::Folder => walk_folder(raw, &reached, id, each, &left, 0)?,
            Kind::File if reached == *path => each(reached, id, Ok(()))?,
            // A file where a folder was expected: nothing stands at the wanted path.
            Kind::File => {}
            other => each(reached, id, Err(refusal(other)))?,
        }
    }
    Ok(())
}

fn refusal(kind: Kind) -> &'static str {
    match kind {
        Kind::Link => LINK,
        Kind::Submodule => SUBMODULE,
        _ => "it is neither a file nor a folder",
    }
}

fn walk_folder(
    raw: &git2::Repository,
    folder: &RepoPath,
    id: Oid,
    each: &mut Each<'_>,
    left: &Entries,
    depth: usize,
) -> Result<(), GitError> {
    if depth > MAX_DEPTH {
        return each(folder.clone(), id, Err(DEEP));
    }
    let tree = ordered(raw, id)?;
    left.take(tree.len(), folder.as_str().len(), || format!("read {}", shortened(folder)))?;
    for entry in &tree {
        let path = entry.name().ok().and_then(|name| folder.join(name).ok());
        match (path, kind(entry.filemode_raw())) {
            (None, _) => each(folder.clone(), id, Err(&odd_name(entry.name_bytes())))?,
            (Some(path), Kind::Folder) => walk_folder(raw, &path, entry.id(), each, left, depth + 1)?,
            (Some(path), Kind::File) => each(path, entry.id(), Ok(()))?,
            (Some(path), other) => each(path, entry.id(), Err(refusal(other)))?,
        }
    }
    Ok(())
}

fn odd_name(name: &[u8]) -> String {
    format!("it holds a name that is refused: {}", name.escape_ascii())
}

/// Something on disk: a file to read, or a refusal.
type Found = (RepoPath, Option<String>);

/// Lists what stands at one wanted path on disk.
fn look(root: &Path, wanted: &RepoPath, found: &mut Vec<Found>) -> Result<(), GitError> {
    let mut end = 0;
    for part in wanted.as_str().split('/') {
        end += part.len() + usize::from(end > 0);
        let Ok(reached) = RepoPath::new(wanted.as_str().get(..end).unwrap_or_default()) else { return Ok(()) };
        let on_disk = root.join(reached.as_str());
        let metadata = match on_disk.symlink_metadata() {
            Ok(metadata) => metadata,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(GitError::io(format!("read {reached}"))(error)),
        };
        let last = reached == *wanted;
        if metadata.is_symlink() {
            found.push((reached, Some(LINK.to_owned())));
            return Ok(());
        }
        if metadata.is_dir() && is_submodule(&on_disk) {
            found.push((reached, Some(SUBMODULE.to_owned())));
            return Ok(());
        }
        match (metadata.is_dir(), metadata.is_file()) {
            (true, _) if last => return list(root, &reached, found, 0),
            (true, _) => {}
            (_, true) if last => found.push((reached, None)),
            (_, true) => return Ok(()),
            _ => {
                found.push((reached, Some(refusal(Kind::Other).to_owned())));
                return Ok(());
            }
        }
    }
    Ok(())
}

fn is_submodule(folder: &Path) -> bool {
    folder.join(".git").symlink_metadata().is_ok()
}

fn list(root: &Path, folder: &RepoPath, found: &mut Vec<Found>, depth: usize) -> Result<(), GitError> {
    let attempt = || format!("list {folder}");
    if depth > MAX_DEPTH {
        found.push((folder.clone(), Some(DEEP.to_owned())));
        return Ok(());
    }
    let mut folders = Vec::new();
    for entry in root.join(folder.as_str()).read_dir().map_err(GitError::io(attempt()))? {
        let entry = entry.map_err(GitError::io(attempt()))?;
        let name = entry.file_name();
        let Some(path) = name.to_str().and_then(|name| folder.join(name).ok()) else {
            found.push((folder.clone(), Some(odd_name(name.as_encoded_bytes()))));
            continue;
        };
        let file_type = entry.file_type().map_err(GitError::io(attempt()))?;
        if file_type.is_symlink() {
            found.push((path, Some(LINK.to_owned())));
        } else if file_type.is_dir() {
            folders.push(path);
        } else if file_type.is_file() {
            found.push((path, None));
        } else {
            found.push((path, Some(refusal(Kind::Other).to_owned())));
        }
    }
    let listed = on_threads(&folders, "list the work tree", |part| {
        let mut found = Vec::new();
        for folder in part {
            if is_submodule(&root.join(folder.as_str())) {
                found.push((folder.clone(), Some(SUBMODULE.to_owned())));
            } else {
                list(root, folder, &mut found, depth + 1)?;
            }
        }
        Ok(found)
    });
    for part in listed {
        found.extend(part?);
    }
    Ok(())
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

/// Reads one file; `None`: it is gone meanwhile.
fn load(root: &Path, (path, refused): &Found, left: &Left) -> Result<Option<(RepoPath, File)>, GitError> {
    let file = match refused {
        Some(why) => File::Refused(why.clone()),
        None => match read_regular(&root.join(path.as_str())) {
            Ok(Some(bytes)) => {
                left.take(bytes.len(), || "read the work tree".into(), MUCH)?;
                let failed = |source| GitError::library(format!("hash {path}"))(source);
                let id = Oid::hash_object(ObjectType::Blob, &bytes).map_err(failed)?;
                File::Blob(Blob { id: id.to_string(), bytes: bytes.as_slice().into() })
            }
            Ok(None) => File::Refused(LARGE.to_owned()),
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(GitError::io(format!("read {path}"))(error)),
        },
    };
    Ok(Some((path.clone(), file)))
}

/// The content of a regular file; `None`: too large.
fn read_regular(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    let file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    if length > MAX_FILE_BYTES as u64 {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1);
    file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= MAX_FILE_BYTES).then_some(bytes))
}
