//! Files of a tree, as data: what an edge read and the core looks at.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::ops::Deref;
use std::sync::Arc;

use super::RepoPath;

/// Files of one commit or work tree, by path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files(pub BTreeMap<RepoPath, File>);

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum File {
    /// A regular file.
    Blob(Blob),
    /// Something that is not read, and why: a symbolic link, a submodule, an oversized file (T18, T20).
    Refused(String),
}

/// A regular file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Git's id of the content.
    pub id: String,
    /// The content.
    pub bytes: Content,
}

/// A file's bytes. Text is told apart, because whoever parses it keeps it too, and ten thousand files are better kept once.
#[derive(Debug, Clone)]
pub enum Content {
    /// UTF-8.
    Text(Arc<str>),
    /// Anything else.
    Binary(Arc<[u8]>),
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        std::str::from_utf8(bytes).map_or_else(|_| Self::Binary(bytes.into()), |text| Self::Text(text.into()))
    }
}

impl Deref for Content {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Content {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Content {}

impl Files {
    /// Keeps the text of files that stand in other trees as well once for all of them (T42).
    pub fn share(&mut self, others: &[&Self]) {
        for (path, file) in &mut self.0 {
            let File::Blob(blob) = file else { continue };
            let same = others.iter().filter_map(|other| other.blob(path)).find(|other| *other == &*blob);
            if let Some(same) = same {
                blob.bytes = same.bytes.clone();
            }
        }
    }

    /// What stands at this path.
    pub fn get(&self, path: &RepoPath) -> Option<&File> {
        self.0.get(path)
    }

    /// The regular file at this path.
    pub fn blob(&self, path: &RepoPath) -> Option<&Blob> {
        match self.0.get(path) {
            Some(File::Blob(blob)) => Some(blob),
            _ => None,
        }
    }

    /// Everything at or below this path, in order.
    pub fn below<'a>(&'a self, folder: &'a RepoPath) -> impl Iterator<Item = (&'a RepoPath, &'a File)> {
        // The folder itself sorts first; what lies below starts with `folder/`, but names such as `folder-x` sort between.
        let from = if folder.is_root() { Bound::Unbounded } else { Bound::Included(folder) };
        self.0
            .range((from, Bound::Unbounded))
            .take_while(move |(path, _)| folder.is_root() || path.as_str().starts_with(folder.as_str()))
            .filter(move |(path, _)| path.is_within(folder))
    }
}
