//! A document that is read again when somebody looks into it.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::OnceLock;

use super::node::Lines;
use super::{Document, Kind, Node, Value, parse};
use crate::model::{FieldPath, Source};

/// A document of one of bpctl's own files, of which a value was made. From then on it only tells where things stand, for the few files that a
/// run speaks of: ten thousand of them would hold thirty mebibytes of nodes. Its text stays, and is read again when somebody asks.
#[derive(Debug, Clone)]
pub struct KeptDocument {
    source: Source,
    index: usize,
    read: OnceLock<Box<Document>>,
}

impl From<Document> for KeptDocument {
    fn from(document: Document) -> Self {
        let (source, index) = (document.source.clone(), document.index);
        Self { source, index, read: OnceLock::from(Box::new(document)) }
    }
}

impl KeptDocument {
    /// Keeps the text alone. Not for a document that was changed after it was read.
    pub fn put_away(&mut self) {
        self.read = OnceLock::new();
    }

    /// The whole file's text and name.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The document for a short look, after which it is not kept: a place is told once or twice.
    pub fn peek(&self) -> Cow<'_, Document> {
        self.read.get().map_or_else(|| Cow::Owned(self.read_again()), |read| Cow::Borrowed(&**read))
    }

    fn read_again(&self) -> Document {
        let documents = parse(&self.source.name, self.source.text.as_bytes(), Kind::Own).unwrap_or_default();
        let own = documents.into_iter().find(|document| document.index == self.index);
        // The same text was read before, so it can be read.
        own.unwrap_or_else(|| Document {
            source: self.source.clone(),
            root: Node { value: Value::Null, start: 0, end: 0 },
            index: self.index,
            within: FieldPath::default(),
            lines: Lines::of(&[]).into(),
        })
    }
}

impl Deref for KeptDocument {
    type Target = Document;
    fn deref(&self) -> &Document {
        self.read.get_or_init(|| Box::new(self.read_again()))
    }
}
