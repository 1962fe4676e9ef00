//! Three-way merges over object ids, in memory.
//!
//! No renames, no attributes, no merge drivers, no config: the same three trees give the same tree on every machine. What
//! Git would merge only by guessing a rename is a conflict here, which is the safe side.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use git2::{FileMode, MergeFileInput, MergeFileOptions, ObjectType, Oid};

use super::program::{Program, Workspace};
use super::repository::oid;
use super::{GitError, MAX_FILE_BYTES, Repository};

/// What merging two commits gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MergedTree {
    /// This tree, whose objects are in the repository.
    Clean(String),
    /// Both sides changed these paths, each in its own way.
    Conflict(Vec<String>),
}

/// How long `git` may take for a merge in memory.
const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) type Slot = Option<(Oid, i32)>;

pub(super) const TREE: i32 = 0o040_000;

impl Repository {
    /// Merges `head` into `base`, without making a commit. With several merge bases all of them have to give the same tree.
    pub fn merge_tree(&self, base: &str, head: &str) -> Result<MergedTree, GitError> {
        Ok(self.merged(base, head)?.0)
    }

    /// The same, for a merge that a forge is going to make: where lines of a file that both changed have to be merged, the `git` program, which
    /// matches lines by another algorithm, has to give the same tree. Where it does not, what lands is not known (X2).
    ///
    /// # Errors
    /// Also a `git` that is older than 2.38, or none, where it has to be asked.
    pub async fn merge_tree_as_forges_do(&self, base: &str, head: &str) -> Result<MergedTree, GitError> {
        let (merged, lines) = self.merged(base, head)?;
        let MergedTree::Clean(tree) = &merged else { return Ok(merged) };
        if lines.is_empty() {
            return Ok(merged);
        }
        let attempt = format!("merge {head} into {base} as git does");
        let workspace = Workspace::of(self, "", &attempt)?;
        let git = Program { workspace: &workspace, protocol: "none", header: None, timeout: TIMEOUT };
        let arguments = ["merge-tree", "--write-tree", "--no-messages", "--end-of-options", base, head];
        let said = git.run(&attempt, &arguments.map(str::to_owned)).await?;
        match said.status {
            Some(0) if said.stdout.trim_end() == tree => Ok(merged),
            Some(0 | 1) => Ok(MergedTree::Conflict(lines)),
            _ => Err(said.failed(&attempt)),
        }
    }

    /// The merge, and the files whose lines had to be merged.
    fn merged(&self, base: &str, head: &str) -> Result<(MergedTree, Vec<String>), GitError> {
        let attempt = || format!("merge {head} into {base}");
        let raw = self.raw();
        let tree = |id: Oid| -> Result<Oid, GitError> {
            Ok(raw.find_commit(id).map_err(GitError::library(attempt()))?.tree_id())
        };
        let (ours, theirs) = (tree(oid(base)?)?, tree(oid(head)?)?);
        let bases = match raw.merge_bases(oid(base)?, oid(head)?) {
            Ok(bases) => bases.iter().copied().collect(),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Vec::new(),
            Err(error) => return Err(GitError::library(attempt())(error)),
        };
        if bases.is_empty() {
            return Err(GitError::refused(attempt(), "they share no history"));
        }
        let (mut trees, mut conflicts, mut lines) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for ancestor in bases {
            let mut merge = Merge { raw: &raw, conflicts: BTreeSet::new(), lines: BTreeSet::new() };
            let merged = merge
                .slot("", Some((tree(ancestor)?, TREE)), Some((ours, TREE)), Some((theirs, TREE)))?
                .map(|(id, _)| id);
            conflicts.append(&mut merge.conflicts);
            lines.append(&mut merge.lines);
            trees.insert(merged);
        }
        if trees.len() > 1 {
            conflicts.insert("(the two histories cross, and their common ancestors give different results)".to_owned());
        }
        let lines = lines.into_iter().collect();
        if !conflicts.is_empty() {
            return Ok((MergedTree::Conflict(conflicts.into_iter().collect()), lines));
        }
        let tree = match trees.into_iter().next().flatten() {
            Some(tree) => tree,
            None => empty_tree(&raw)?,
        };
        Ok((MergedTree::Clean(tree.to_string()), lines))
    }
}

pub(super) fn empty_tree(raw: &git2::Repository) -> Result<Oid, GitError> {
    raw.treebuilder(None).and_then(|builder| builder.write()).map_err(GitError::library("write an empty tree"))
}

pub(super) struct Merge<'r> {
    pub(super) raw: &'r git2::Repository,
    pub(super) conflicts: BTreeSet<String>,
    /// Files that both sides changed, and whose lines could be merged.
    pub(super) lines: BTreeSet<String>,
}

impl Merge<'_> {
    /// What stands at one path after the merge.
    pub(super) fn slot(&mut self, path: &str, base: Slot, ours: Slot, theirs: Slot) -> Result<Slot, GitError> {
        if ours == theirs || base == theirs {
            return Ok(ours);
        }
        if base == ours {
            return Ok(theirs);
        }
        let folder = |slot: Slot| slot.is_none_or(|(_, mode)| mode == TREE);
        if folder(base) && folder(ours) && folder(theirs) {
            return self.folder(path, base, ours, theirs);
        }
        if let (Some(base), Some(ours), Some(theirs)) = (base, ours, theirs)
            && let Some(merged) = self.file(base, ours, theirs)?
        {
            if base.0 != ours.0 && base.0 != theirs.0 && ours.0 != theirs.0 {
                self.lines.insert(path.to_owned());
            }
            return Ok(Some(merged));
        }
        self.conflicts.insert(path.to_owned());
        Ok(ours)
    }

    fn folder(&mut self, path: &str, base: Slot, ours: Slot, theirs: Slot) -> Result<Slot, GitError> {
        let (base, ours, theirs) = (self.entries(base)?, self.entries(ours)?, self.entries(theirs)?);
        let names: BTreeSet<&Vec<u8>> = base.keys().chain(ours.keys()).chain(theirs.keys()).collect();
        let mut builder = self.raw.treebuilder(None).map_err(GitError::library("write a tree"))?;
        for name in names {
            let shown = String::from_utf8_lossy(name);
            let below = if path.is_empty() { shown.into_owned() } else { format!("{path}/{shown}") };
            let [b, o, t] = [&base, &ours, &theirs].map(|side| side.get(name).copied());
            if let Some((id, mode)) = self.slot(&below, b, o, t)? {
                builder
                    .insert(name.as_slice(), id, mode)
                    .map_err(GitError::library(format!("write {below} into a tree")))?;
            }
        }
        if builder.is_empty() {
            return Ok(None);
        }
        Ok(Some((builder.write().map_err(GitError::library("write a tree"))?, TREE)))
    }

    fn entries(&self, slot: Slot) -> Result<BTreeMap<Vec<u8>, (Oid, i32)>, GitError> {
        let Some((id, _)) = slot else { return Ok(BTreeMap::new()) };
        let tree = self.raw.find_tree(id).map_err(GitError::library(format!("read tree {id}")))?;
        Ok(tree.iter().map(|entry| (entry.name_bytes().to_vec(), (entry.id(), entry.filemode()))).collect())
    }

    /// Merges the lines of a regular file that both sides changed; `None`: a conflict.
    fn file(&self, base: (Oid, i32), ours: (Oid, i32), theirs: (Oid, i32)) -> Result<Option<(Oid, i32)>, GitError> {
        let regular = [i32::from(FileMode::Blob), i32::from(FileMode::BlobExecutable)];
        if [base, ours, theirs].iter().any(|(_, mode)| !regular.contains(mode)) {
            return Ok(None);
        }
        let mode = if ours.1 == base.1 { theirs.1 } else { ours.1 };
        let id = if ours.0 == theirs.0 || base.0 == theirs.0 {
            ours.0
        } else if base.0 == ours.0 {
            theirs.0
        } else {
            let odb = self.raw.odb().map_err(GitError::library("read objects"))?;
            let mut contents = Vec::new();
            for (id, _) in [base, ours, theirs] {
                let (size, kind) = odb.read_header(id).map_err(GitError::library(format!("read blob {id}")))?;
                if kind != ObjectType::Blob || size > MAX_FILE_BYTES {
                    return Ok(None);
                }
                let blob = odb.read(id).map_err(GitError::library(format!("read blob {id}")))?;
                if blob.data().contains(&0) {
                    return Ok(None);
                }
                contents.push(blob);
            }
            let inputs: Vec<MergeFileInput<'_>> = contents
                .iter()
                .map(|blob| {
                    let mut input = MergeFileInput::new();
                    input.content(blob.data());
                    input
                })
                .collect();
            let mut options = MergeFileOptions::new();
            let [base, ours, theirs] = inputs.as_slice() else { return Ok(None) };
            let merged = git2::merge_file(base, ours, theirs, Some(&mut options))
                .map_err(GitError::library("merge the lines of a file"))?;
            if !merged.is_automergeable() {
                return Ok(None);
            }
            self.raw.blob(merged.content()).map_err(GitError::library("write a merged file"))?
        };
        Ok(Some((id, mode)))
    }
}
