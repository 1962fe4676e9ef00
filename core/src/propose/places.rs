//! Where in a head's files its changes stand: what a forge shows beside their lines (X9). Nothing is decided by it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::accounts::{Leaves, is_at, says};
use super::changes::by_identity;
use super::{Change, ChangedPath, FieldChange, Side};
use crate::model::{FieldPath, ObjectRef, RepoPath, Segment, Untrusted};
use crate::render::sink;
use crate::yaml::{self, Document, Finder, Kind};

/// A line of a head's file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file; nothing in it is to be escaped.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
}

/// The lines of a change set, looked up as they are asked for.
#[derive(Debug)]
pub struct Places<'s> {
    after: &'s Side,
    leaves: Leaves,
    documents: RefCell<BTreeMap<RepoPath, Vec<Document>>>,
}

impl<'s> Places<'s> {
    /// Of what differs between two sides.
    pub fn of(paths: &[ChangedPath], before: &Side, after: &'s Side) -> Self {
        let leaves = Leaves::of(if after.rendered.is_empty() { &[] } else { paths }, before, after);
        Self { after, leaves, documents: RefCell::default() }
    }

    /// The line that makes a change: its field's, the nearest above a field that is gone, and the first line of a file that has no such line. Of
    /// what is rendered, the line of the value that says the same. `None`: no file of the head makes it, or its path cannot be shown as it is.
    pub fn of_change(&self, change: &Change) -> Option<Place> {
        match change {
            Change::Opaque(change) => place(change.path.raw(), 1),
            Change::Object(change) if self.rendered(&change.path) => self.first_of(&change.path),
            Change::Object(change) => {
                place(change.path.as_str(), self.line(&change.path, &change.object, &FieldPath::default()))
            }
            Change::Field(field) if self.rendered(&field.path) => {
                let read = || self.leaves.among(|path| self.reads(&field.path, path));
                let said = || read().filter(|leaf| says(leaf, field));
                let leaf = said().find(|leaf| is_at(leaf, change)).or_else(|| said().next());
                // A value that is not shown says nothing: then the very field does.
                match leaf.or_else(|| read().find(|leaf| is_at(leaf, change))) {
                    Some(leaf) => self.of_leaf(leaf),
                    None => self.first_of(&field.path),
                }
            }
            Change::Field(field) => self.of_leaf(field),
        }
    }

    fn of_leaf(&self, field: &FieldChange) -> Option<Place> {
        place(field.path.as_str(), self.line(&field.path, &field.object, &field.field))
    }

    /// Whether this is the folder of something that is rendered, and no file.
    fn rendered(&self, path: &RepoPath) -> bool {
        self.after.files.get(path).is_none() && self.after.rendered.values().any(|rendering| rendering.root == *path)
    }

    fn reads(&self, root: &RepoPath, path: &RepoPath) -> bool {
        self.after.rendered.values().any(|rendering| rendering.root == *root && rendering.reads(path))
    }

    /// The first value that changes in the files of a rendering, else the first line of the first of them that changed.
    fn first_of(&self, root: &RepoPath) -> Option<Place> {
        match self.leaves.among(|path| self.reads(root, path)).next() {
            Some(leaf) => self.of_leaf(leaf),
            None => place(self.leaves.paths().find(|path| self.reads(root, path))?.as_str(), 1),
        }
    }

    /// The line of a field, or of what is nearest above it.
    fn line(&self, path: &RepoPath, object: &ObjectRef, field: &FieldPath) -> usize {
        let mut kept = self.documents.borrow_mut();
        let documents = kept.entry(path.clone()).or_insert_with(|| {
            let blob = self.after.files.blob(path);
            let read = blob.and_then(|blob| yaml::parse(path.as_str(), &blob.bytes, Kind::Manifest).ok());
            read.unwrap_or_default().into_iter().flat_map(Document::listed).collect()
        });
        let Some(found) = by_identity(path, documents) else { return 1 };
        found.get(object).map_or(1, |document| line_in(document, field))
    }
}

fn line_in(document: &Document, field: &FieldPath) -> usize {
    let finder = Finder::new(document);
    let mut above = field.clone();
    let byte = loop {
        let Some(last) = above.0.pop() else { break document.root.start };
        let Some(parent) = finder.value_at(&above) else { continue };
        match last {
            // Where its key stands: a value may begin on a later line.
            Segment::Key(key) => {
                if let Some(entry) = parent.entry(&key) {
                    break entry.key_start;
                }
            }
            item => {
                if let Some(node) = finder.value_at(&above.join(item)) {
                    break node.start;
                }
            }
        }
    };
    document.position(byte as usize).0
}

/// A path that a reader could take for another one has no place.
fn place(path: &str, line: usize) -> Option<Place> {
    (path != "." && sink::terminal(&Untrusted::new(path)) == path).then(|| Place { path: path.to_owned(), line })
}
