//! Brings a work tree along when the branch that it has checked out moves.
//!
//! Only files that differ between the two commits are touched, and only where they are as the old commit has them: anything else
//! is somebody's work, and then nothing moves at all. Contents are written as they are in Git: no filter, hook or attribute has
//! a say (T21), and nothing is written through a link (T18).

#![expect(clippy::disallowed_methods, reason = "an edge: writes the work tree")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use bpctl_core::model::RepoPath;
use git2::{Index, IndexEntry, IndexTime, ObjectType, Oid};

use super::lock::{Checkout, Intent};
use super::repository::{oid, tree_of};
use super::{ChangedPath, GitError, RefSwapped, Repository, WriteLock};

const LINK: u32 = 0o120_000;
const SUBMODULE: u32 = 0o160_000;
/// `GIT_INDEX_ENTRY_SKIP_WORKTREE`: a sparse checkout leaves this file out.
const SKIP_WORK_TREE: u16 = 1 << 14;

type Side = Option<(Oid, u32)>;

struct Touched {
    path: RepoPath,
    before: Side,
    after: Side,
}

impl Repository {
    /// As [`WriteLock::advance`], taking the lock.
    pub fn advance(&self, full: &str, from: &str, to: &str) -> Result<RefSwapped, GitError> {
        self.lock()?.advance(full, from, to)
    }
}

impl WriteLock<'_> {
    /// Moves a branch (full ref) from one commit to another, unless it moved meanwhile, and brings index and work tree along where
    /// HEAD is on that branch. Before anything moves it refuses with [`GitError::LocalChanges`] when a file that it would touch has
    /// uncommitted changes, and with [`GitError::Refused`] when another work tree has the branch checked out.
    pub fn advance(&mut self, full: &str, from: &str, to: &str) -> Result<RefSwapped, GitError> {
        let repository = self.repository;
        let attempt = || format!("move {full}");
        if repository.ref_target(full)?.as_deref() != Some(from) {
            return Ok(RefSwapped::Moved(repository.ref_target(full)?));
        }
        if let Some(other) = repository.checked_out_elsewhere(full) {
            return Err(GitError::refused(
                attempt(),
                format!("the work tree of {} has it checked out", other.display()),
            ));
        }
        let here = repository.work_tree().filter(|_| head_is(repository.path(), full));
        let Some(work_tree) = here else { return self.swap_ref(full, from, to) };
        let checkout = Checkout {
            git_dir: repository.path().to_owned(),
            work_tree: work_tree.to_owned(),
            branch: full.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
        };
        let (touched, index) = plan(repository, &checkout)?;
        let changed = local_changes(work_tree, &touched, &index)?;
        if !changed.is_empty() {
            return Err(GitError::LocalChanges { attempt: attempt(), files: changed });
        }
        self.note(&Intent { refs: vec![full.to_owned()], checkout: Some(checkout.clone()) })?;
        let swapped = self.compare_and_swap(full, Some(oid(from)?), Some(oid(to)?));
        if matches!(swapped, Ok(RefSwapped::Swapped)) {
            // An error leaves the note: the next one to lock brings the work tree along.
            bring_along(repository, &checkout)?;
        }
        self.done()?;
        swapped
    }
}

impl Repository {
    /// The folder of another work tree than this one that has a branch checked out.
    pub fn checked_out_elsewhere(&self, full: &str) -> Option<PathBuf> {
        let common = self.common_dir();
        let mut folders = Vec::new();
        if common.file_name().is_some_and(|name| name == ".git") {
            folders.push(common.to_owned());
        }
        for entry in common.join("worktrees").read_dir().into_iter().flatten().flatten() {
            // A work tree that was deleted by hand leaves its folder here; it holds nothing back.
            let link = std::fs::read_to_string(entry.path().join("gitdir")).unwrap_or_default();
            if Path::new(link.trim_end()).exists() {
                folders.push(entry.path());
            }
        }
        folders.into_iter().find(|folder| folder != self.path() && head_is(folder, full))
    }
}

fn head_is(git_dir: &Path, full: &str) -> bool {
    std::fs::read_to_string(git_dir.join("HEAD")).is_ok_and(|text| text.trim_end().strip_prefix("ref: ") == Some(full))
}

/// Brings a work tree from one commit to the other. Files that are neither as before nor as after are left alone.
pub(super) fn bring_along(repository: &Repository, checkout: &Checkout) -> Result<(), GitError> {
    let (touched, mut index) = plan(repository, checkout)?;
    let root = checkout.work_tree.as_path();
    let current: Vec<&Touched> = touched
        .iter()
        .filter(|t| {
            let staged = staged(&index, &t.path);
            (same(staged, t.before) || same(staged, t.after)) && !skipped(&index, &t.path)
        })
        .collect();
    // Removals first: a file may make way for a folder.
    for item in current.iter().filter(|t| t.after.is_none()) {
        let found = on_disk(root, &item.path)?;
        if found.is(item.before) && item.before.is_some_and(|(_, mode)| mode != SUBMODULE) {
            let path = root.join(item.path.as_str());
            std::fs::remove_file(&path).map_err(GitError::io(format!("remove {}", item.path)))?;
            // Folders that became empty go too; the first that is not ends it.
            for folder in path.ancestors().skip(1).take_while(|folder| *folder != root) {
                if std::fs::remove_dir(folder).is_err() {
                    break;
                }
            }
        }
    }
    for item in current.iter().filter(|t| t.after.is_some()) {
        let found = on_disk(root, &item.path)?;
        if found.is(item.before) && found != Disk::Is(item.after) {
            write(repository, root, item)?;
        }
    }
    let (gone, kept): (Vec<&Touched>, Vec<&Touched>) =
        touched.iter().filter(|t| same(staged(&index, &t.path), t.before)).partition(|t| t.after.is_none());
    for item in gone.into_iter().chain(kept) {
        match item.after {
            None if item.before.is_none() => Ok(()),
            None => index.remove(Path::new(item.path.as_str()), 0),
            Some(side) => index.add(&entry(root, &item.path, side, skipped(&index, &item.path))),
        }
        .map_err(GitError::library(format!("update the index at {}", item.path)))?;
    }
    index.write().map_err(GitError::library("write the index"))
}

/// What differs between the two commits, and the index.
fn plan(repository: &Repository, checkout: &Checkout) -> Result<(Vec<Touched>, Index), GitError> {
    let changed = {
        let raw = repository.raw();
        super::read::diff_trees(&raw, tree_of(&raw, &checkout.from)?.id(), tree_of(&raw, &checkout.to)?.id())?
    };
    let index = Index::open(&checkout.git_dir.join("index")).map_err(GitError::library("read the index"))?;
    if index.has_conflicts() {
        return Err(GitError::refused("bring the work tree along", "a merge with conflicts is open in it"));
    }
    let touched = changed.into_iter().map(touched).collect::<Result<_, _>>()?;
    Ok((touched, index))
}

fn touched(change: ChangedPath) -> Result<Touched, GitError> {
    let path = change.path.map_err(|path| {
        GitError::refused("bring the work tree along", format!("path {path:?} is not written to disk"))
    })?;
    let side = |entry: Option<(String, u32)>| entry.map(|(id, mode)| Ok((oid(&id)?, mode))).transpose();
    Ok(Touched { path, before: side(change.before)?, after: side(change.after)? })
}

/// What stands at a path on disk.
#[derive(PartialEq, Eq)]
enum Disk {
    /// A file, a link, a submodule's folder, or nothing; files have mode `0o100644` or `0o100755`.
    Is(Side),
    /// Something that belongs to nobody's commit: a folder, a device, a path through a link.
    Other,
}

impl Disk {
    fn is(&self, side: Side) -> bool {
        matches!(self, Self::Is(found) if same(*found, side))
    }
}

fn on_disk(root: &Path, path: &RepoPath) -> Result<Disk, GitError> {
    let attempt = || format!("read {path}");
    let mut reached = root.to_owned();
    let mut parts = path.as_str().split('/').peekable();
    while let Some(part) = parts.next() {
        reached.push(part);
        let metadata = match reached.symlink_metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Disk::Is(None)),
            Err(error) => return Err(GitError::io(attempt())(error)),
        };
        if parts.peek().is_some() {
            match (metadata.is_dir(), metadata.is_file()) {
                (true, _) => continue,
                // A file where a folder will be: nothing stands below it.
                (_, true) => return Ok(Disk::Is(None)),
                _ => return Ok(Disk::Other),
            }
        }
        if metadata.is_symlink() {
            let target = std::fs::read_link(&reached).map_err(GitError::io(attempt()))?;
            let id = Oid::hash_object(ObjectType::Blob, target.as_os_str().as_bytes())
                .map_err(GitError::library(attempt()))?;
            return Ok(Disk::Is(Some((id, LINK))));
        }
        if metadata.is_file() {
            let id = Oid::hash_file(ObjectType::Blob, &reached).map_err(GitError::library(attempt()))?;
            return Ok(Disk::Is(Some((id, if metadata.mode() & 0o100 == 0 { 0o100_644 } else { 0o100_755 }))));
        }
        return Ok(Disk::Other);
    }
    Ok(Disk::Other)
}

/// The touched files that are not as the old commit (or already as the new one) has them.
fn local_changes(root: &Path, touched: &[Touched], index: &Index) -> Result<Vec<String>, GitError> {
    let by_path: BTreeMap<&RepoPath, &Touched> = touched.iter().map(|t| (&t.path, t)).collect();
    let mut changed = Vec::new();
    for item in touched {
        let staged = staged(index, &item.path);
        let index_is_old = same(staged, item.before) || same(staged, item.after);
        if !index_is_old {
            changed.push(item.path.to_string());
            continue;
        }
        let submodule = [item.before, item.after].iter().any(|side| side.is_some_and(|(_, mode)| mode == SUBMODULE));
        if submodule || skipped(index, &item.path) {
            continue;
        }
        let good = match on_disk(root, &item.path)? {
            found if found.is(item.before) || found.is(item.after) => true,
            Disk::Is(_) => false,
            // A folder makes way for a file when every file in it goes.
            Disk::Other => item.before.is_none() && goes_away(root, &item.path, &by_path),
        };
        if !good {
            changed.push(item.path.to_string());
        }
    }
    Ok(changed)
}

fn goes_away(root: &Path, folder: &RepoPath, touched: &BTreeMap<&RepoPath, &Touched>) -> bool {
    let Ok(entries) = root.join(folder.as_str()).read_dir() else { return false };
    for entry in entries {
        let Ok(entry) = entry else { return false };
        let Some(path) = entry.file_name().to_str().and_then(|name| folder.join(name).ok()) else { return false };
        let gone = match entry.file_type() {
            Ok(kind) if kind.is_dir() => goes_away(root, &path, touched),
            Ok(_) => touched.get(&path).is_some_and(|t| t.after.is_none()),
            Err(_) => false,
        };
        if !gone {
            return false;
        }
    }
    true
}

fn staged(index: &Index, path: &RepoPath) -> Side {
    index.get_path(Path::new(path.as_str()), 0).map(|entry| (entry.id, entry.mode))
}

fn skipped(index: &Index, path: &RepoPath) -> bool {
    index.get_path(Path::new(path.as_str()), 0).is_some_and(|entry| entry.flags_extended & SKIP_WORK_TREE != 0)
}

/// Equal content and kind; the executable bit is not compared: not every file system keeps it.
fn same(a: Side, b: Side) -> bool {
    let plain = |side: Side| side.map(|(id, mode)| (id, mode & 0o170_000));
    plain(a) == plain(b)
}

/// Writes the new content beside its place, then renames it there.
fn write(repository: &Repository, root: &Path, item: &Touched) -> Result<(), GitError> {
    let attempt = || format!("write {}", item.path);
    let Some((id, mode)) = item.after.filter(|(_, mode)| *mode != SUBMODULE) else { return Ok(()) };
    let place = root.join(item.path.as_str());
    let folder = place.parent().unwrap_or(root);
    std::fs::create_dir_all(folder).map_err(GitError::io(attempt()))?;
    let content = {
        let raw = repository.raw();
        raw.find_blob(id).map_err(GitError::library(attempt()))?.content().to_vec()
    };
    let beside = folder.join(format!(".{id}.bpctl-new"));
    let _ = std::fs::remove_file(&beside);
    if mode == LINK {
        std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(&content), &beside).map_err(GitError::io(attempt()))?;
    } else {
        let mode = if mode & 0o111 == 0 { 0o666 } else { 0o777 };
        let mut options = std::fs::File::options();
        let mut file =
            options.write(true).create_new(true).mode(mode).open(&beside).map_err(GitError::io(attempt()))?;
        file.write_all(&content).map_err(GitError::io(attempt()))?;
    }
    std::fs::rename(&beside, &place).map_err(GitError::io(attempt()))
}

/// An index entry with what `git status` compares, so that it need not read the file again.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the index keeps the low 32 bits")]
fn entry(root: &Path, path: &RepoPath, (id, mode): (Oid, u32), skip: bool) -> IndexEntry {
    let found = root.join(path.as_str()).symlink_metadata().ok().filter(|m| !skip && !m.is_dir());
    let field = |get: fn(&std::fs::Metadata) -> u64| found.as_ref().map_or(0, |m| get(m) as u32);
    let time = |seconds: fn(&std::fs::Metadata) -> i64, nanos: fn(&std::fs::Metadata) -> i64| {
        found.as_ref().map_or(IndexTime::new(0, 0), |m| IndexTime::new(seconds(m) as i32, nanos(m) as u32))
    };
    IndexEntry {
        ctime: time(std::fs::Metadata::ctime, std::fs::Metadata::ctime_nsec),
        mtime: time(std::fs::Metadata::mtime, std::fs::Metadata::mtime_nsec),
        dev: field(std::fs::Metadata::dev),
        ino: field(std::fs::Metadata::ino),
        mode,
        uid: field(|m| u64::from(m.uid())),
        gid: field(|m| u64::from(m.gid())),
        file_size: field(std::fs::Metadata::size),
        id,
        flags: 0,
        flags_extended: if skip { SKIP_WORK_TREE } else { 0 },
        path: path.as_str().as_bytes().to_vec(),
    }
}
