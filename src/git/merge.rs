//! Three-way merges over object ids, in memory.
//!
//! No renames, no attributes, no merge drivers, no config: the same three trees give the same tree on every machine. What
//! Git would merge only by guessing a rename is a conflict here, which is the safe side.

use std::collections::{BTreeMap, BTreeSet};

use git2::{FileMode, MergeFileInput, MergeFileOptions, ObjectType, Oid};

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

type Slot = Option<(Oid, i32)>;

const TREE: i32 = 0o040_000;

impl Repository {
    /// Merges `head` into `base`, without making a commit. With several merge bases all of them have to give the same tree.
    pub fn merge_tree(&self, base: &str, head: &str) -> Result<MergedTree, GitError> {
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
        let (mut trees, mut conflicts) = (BTreeSet::new(), BTreeSet::new());
        for ancestor in bases {
            let mut merge = Merge { raw: &raw, conflicts: BTreeSet::new() };
            let merged = merge
                .slot("", Some((tree(ancestor)?, TREE)), Some((ours, TREE)), Some((theirs, TREE)))?
                .map(|(id, _)| id);
            conflicts.append(&mut merge.conflicts);
            trees.insert(merged);
        }
        if trees.len() > 1 {
            conflicts.insert("(the two histories cross, and their common ancestors give different results)".to_owned());
        }
        if !conflicts.is_empty() {
            return Ok(MergedTree::Conflict(conflicts.into_iter().collect()));
        }
        let tree = match trees.into_iter().next().flatten() {
            Some(tree) => tree,
            None => empty_tree(&raw)?,
        };
        Ok(MergedTree::Clean(tree.to_string()))
    }
}

pub(super) fn empty_tree(raw: &git2::Repository) -> Result<Oid, GitError> {
    raw.treebuilder(None).and_then(|builder| builder.write()).map_err(GitError::library("write an empty tree"))
}

struct Merge<'r> {
    raw: &'r git2::Repository,
    conflicts: BTreeSet<String>,
}

impl Merge<'_> {
    /// What stands at one path after the merge.
    fn slot(&mut self, path: &str, base: Slot, ours: Slot, theirs: Slot) -> Result<Slot, GitError> {
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
