//! YAML values with the place they were written at.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use smol_str::SmolStr;

use crate::model::{Diagnostic, FieldPath, Segment, Source, SourceSpan};

/// A value and the bytes that wrote it. The span covers the scalar with its quotes, or the collection from its first to its last byte;
/// a value that came through an alias has the span of the alias.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// What a node holds, resolved as Kubernetes resolves it. Small, because ten thousand blueprints with their manifests are a million of these.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true`, `false`, and YAML 1.1's `yes`, `no`, `on`, `off`.
    Bool(bool),
    /// A whole number.
    Int(Whole),
    /// Any other number: the text a JSON number would have.
    Float(Box<str>),
    /// Text.
    String(Box<str>),
    /// A list.
    Sequence(Box<[Node]>),
    /// A mapping, in the order written.
    Mapping(Box<[Entry]>),
}

/// A whole number. Packed: an `i128` of its own would make every value a third larger.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C, packed(8))]
pub struct Whole(i128);

impl Whole {
    /// The number.
    pub fn get(self) -> i128 {
        self.0
    }
}

impl From<i128> for Whole {
    fn from(number: i128) -> Self {
        Self(number)
    }
}

impl std::fmt::Debug for Whole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&self.get(), f)
    }
}

impl std::fmt::Display for Whole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.get(), f)
    }
}

/// One key of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key's text. Kubernetes knows only text keys; other scalars are written as JSON would.
    pub key: SmolStr,
    /// First byte of the key.
    pub key_start: u32,
    /// One past the key's last byte.
    pub key_end: u32,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The byte range.
    pub fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The value under a key of a mapping; of a key given twice the last one, as Kubernetes has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The entry of a key of a mapping.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Mapping(entries) => entries.iter().rev().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The value at a path of keys.
    pub fn at(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text, where this is text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, where this is one.
    pub fn as_int(&self) -> Option<i128> {
        match self.value {
            Value::Int(number) => Some(number.get()),
            _ => None,
        }
    }

    /// The items, where this is a list.
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::Sequence(items) => items,
            _ => &[],
        }
    }

    /// The entries, where this is a mapping.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// What kind of value this is, for messages.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::String(_) => "text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }

    /// The value as JSON, for server-side apply and hashing.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(flag) => Json::Bool(*flag),
            Value::Int(number) => match (i64::try_from(number.get()), u64::try_from(number.get())) {
                (Ok(number), _) => Json::from(number),
                (_, Ok(number)) => Json::from(number),
                _ => Json::String(number.to_string()),
            },
            Value::Float(text) => serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_string())),
            Value::String(text) => Json::String(text.to_string()),
            Value::Sequence(items) => Json::Array(items.iter().map(Node::to_json).collect()),
            Value::Mapping(entries) => {
                Json::Object(entries.iter().map(|entry| (entry.key.to_string(), entry.value.to_json())).collect())
            }
        }
    }
}

/// One document of a file: its root and all that is needed to point into the text.
#[derive(Debug, Clone)]
pub struct Document {
    /// The whole file's text and name.
    pub source: Source,
    /// The root value.
    pub root: Node,
    /// Which document of the file, from 0.
    pub index: usize,
    /// Where the root stands in that document: an item of a `List`; empty: it is the document's own.
    pub within: FieldPath,
    /// Where lines begin.
    pub(super) lines: Arc<Lines>,
}

impl Document {
    /// The same without what is declared as nothing; `None`: nothing is.
    pub fn without_nothing(&self) -> Option<Self> {
        fn has(node: &Node) -> bool {
            let below = |entry: &Entry| entry.value.value == Value::Null || has(&entry.value);
            node.entries().iter().any(below) || node.items().iter().any(has)
        }
        fn kept(node: &Node) -> Node {
            let entry = |entry: &Entry| Entry { value: kept(&entry.value), ..entry.clone() };
            let there = |entry: &&Entry| entry.value.value != Value::Null;
            let value = match &node.value {
                Value::Mapping(entries) => Value::Mapping(entries.iter().filter(there).map(entry).collect()),
                Value::Sequence(items) => Value::Sequence(items.iter().map(kept).collect()),
                other => other.clone(),
            };
            Node { value, ..node.clone() }
        }
        has(&self.root).then(|| Self { root: kept(&self.root), ..self.clone() })
    }

    /// The keys that a mapping has twice, each with the entry before and the one that counts. What a merge key (`<<`) brings gives way to the
    /// mapping's own.
    pub fn doubled_keys(&self) -> Vec<(&Entry, &Entry)> {
        let mut found = Vec::new();
        self.doubled_below(&self.root, &mut found);
        found
    }

    fn doubled_below<'n>(&self, node: &'n Node, found: &mut Vec<(&'n Entry, &'n Entry)>) {
        node.items().iter().for_each(|item| self.doubled_below(item, found));
        let written = |entry: &Entry| self.source.text.get(entry.key_start as usize..entry.key_end as usize);
        let mut seen: HashMap<&str, &Entry> = HashMap::new();
        for entry in node.entries().iter().filter(|entry| written(entry) != Some("<<")) {
            self.doubled_below(&entry.value, found);
            found.extend(seen.insert(&entry.key, entry).map(|before| (before, entry)));
        }
    }

    /// A `List`, or one of a single kind such as a `RoleList`, as what it lists, as kubectl takes it; anything else as it is. Items that
    /// leave their kind to such a list are not told apart from the fields of an object, so that a list with one of them stays as it is.
    pub fn listed(self) -> Vec<Self> {
        let text = |node: &Node, key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default().to_owned();
        let (version, kind) = (text(&self.root, "apiVersion"), text(&self.root, "kind"));
        let whole = |item: &Node| !text(item, "apiVersion").is_empty() && !text(item, "kind").is_empty();
        let items = self.root.get("items").filter(|items| matches!(items.value, Value::Sequence(_)));
        let Some(items) = items.filter(|items| match kind.as_str() {
            "List" => version == "v1",
            kind => kind.ends_with("List") && !version.is_empty() && items.items().iter().all(whole),
        }) else {
            return vec![self];
        };
        self.below(items).into_iter().flat_map(Self::listed).collect()
    }

    /// What it lists, whatever it calls itself, and what that lists: for kubectl whatever has `items` is a list.
    pub fn listed_in_any(self) -> Vec<Self> {
        let items = self.root.get("items").filter(|items| matches!(items.value, Value::Sequence(_)));
        let below = items.map(|items| self.below(items)).unwrap_or_default();
        let mut all: Vec<Self> = below.into_iter().flat_map(Self::listed_in_any).collect();
        all.push(self);
        all
    }

    /// Whole objects that stand anywhere inside of it, each as a document: operators deliver what their own objects hold.
    pub fn objects_inside(&self) -> Vec<Self> {
        fn walk<'n>(node: &'n Node, found: &mut Vec<&'n Node>) {
            for below in node.entries().iter().map(|entry| &entry.value).chain(node.items()) {
                let text = |key: &str| below.get(key).and_then(Node::as_str).is_some();
                if text("apiVersion") && text("kind") && below.get("metadata").is_some() {
                    found.push(below);
                }
                walk(below, found);
            }
        }
        let mut found = Vec::new();
        walk(&self.root, &mut found);
        found.into_iter().map(|root| self.part(root, self.within.clone())).collect()
    }

    /// The items of a list of its own, each as a document.
    fn below(&self, items: &Node) -> Vec<Self> {
        let items = items.items().iter().enumerate();
        let within = |position| self.within.key("items").join(Segment::Index(position));
        items.map(|(position, item)| self.part(item, within(position))).collect()
    }

    /// A node of it as a document of its own: the rest is not copied with it.
    fn part(&self, root: &Node, within: FieldPath) -> Self {
        let Self { source, index, lines, .. } = self;
        Self { source: source.clone(), root: root.clone(), index: *index, within, lines: lines.clone() }
    }

    /// What keeps a list of another sort from being read. To kubectl whatever has `items` is a list, and it applies those alone.
    pub fn unread_list(&self) -> Option<Diagnostic> {
        let kind = self.root.get("kind").and_then(Node::as_str)?;
        let items = self.root.get("items");
        let lists = items.is_some_and(|items| matches!(items.value, Value::Sequence(_)));
        (lists || kind == "List" && items.is_some_and(|items| items.value != Value::Null)).then(|| {
            let at = self.root.entry("items").map_or(self.root.range(), |e| e.key_start as usize..e.key_end as usize);
            Diagnostic::error(
                "list-unread",
                "a list that bpctl does not read: kubectl applies its items, and nothing else of it",
            )
            .label(self.span(at), "items of a list")
            .source(self.source.clone())
            .help("write the objects as documents of their own, or below `items:` of `apiVersion: v1, kind: List`")
        })
    }

    /// A field of the root, as a field of the file's document.
    #[must_use]
    pub fn in_file(&self, field: &FieldPath) -> FieldPath {
        FieldPath(self.within.0.iter().chain(&field.0).cloned().collect())
    }

    /// Line and column (from 1, in characters) of a byte.
    pub fn position(&self, byte: usize) -> (usize, usize) {
        self.lines.position(&self.source.text, byte)
    }

    /// The place of a byte range in this document's file.
    pub fn span(&self, range: Range<usize>) -> SourceSpan {
        span_in(&self.source, &self.lines, range)
    }

    /// The place of a node.
    pub fn span_of(&self, node: &Node) -> SourceSpan {
        self.span(node.range())
    }
}

/// Where the lines of a text begin.
#[derive(Debug)]
pub(super) struct Lines {
    /// First byte of each.
    starts: Box<[u32]>,
    /// How many characters stand before each block of [`BLOCK`] bytes; counted when somebody asks for a place in a long line.
    before: OnceLock<Box<[u32]>>,
}

/// Of a line that is longer not every character is counted anew for each place in it (T42).
const BLOCK: usize = 1 << 10;

impl Lines {
    /// The lines of a text, or of what should have been one.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let breaks = bytes.iter().zip(1_u32..).filter(|(byte, _)| **byte == b'\n').map(|(_, next)| next);
        Self { starts: std::iter::once(0).chain(breaks).collect(), before: OnceLock::new() }
    }

    /// Line and column (from 1, in characters) of a byte.
    fn position(&self, text: &str, byte: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| (*start as usize) <= byte).max(1);
        let start = self.starts.get(line - 1).map_or(0, |start| *start as usize);
        let Some(before) = text.get(start..byte.min(text.len())) else { return (line, 1) };
        if before.len() <= 4 * BLOCK {
            return (line, counted(before) + 1);
        }
        let before = self.before_byte(text, start + before.len()) - self.before_byte(text, start);
        (line, before + 1)
    }

    /// How many characters stand before a byte.
    fn before_byte(&self, text: &str, byte: usize) -> usize {
        let blocks = self.before.get_or_init(|| {
            let mut blocks = vec![0];
            let mut count = 0;
            for (at, c) in text.char_indices() {
                if at >= blocks.len() * BLOCK {
                    blocks.push(count);
                }
                count += u32::from(c != BYTE_ORDER_MARK);
            }
            blocks.into()
        });
        let block = (byte / BLOCK).min(blocks.len() - 1);
        // A block begins with the first character that begins in it.
        let first = (block * BLOCK..byte).find(|at| text.is_char_boundary(*at)).unwrap_or(byte);
        blocks[block] as usize + counted(text.get(first..byte).unwrap_or_default())
    }
}

const BYTE_ORDER_MARK: char = '\u{feff}';

fn counted(text: &str) -> usize {
    text.chars().filter(|c| *c != BYTE_ORDER_MARK).count()
}

/// The place of a byte range in a text whose line starts are known.
pub(super) fn span_in(source: &Source, lines: &Lines, range: Range<usize>) -> SourceSpan {
    let (line, column) = lines.position(&source.text, range.start);
    SourceSpan { file: source.name.to_string(), line, column, start: range.start, end: range.end }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T42. Would miss: a column in a long line that is counted from a block's first byte instead of its first character, or that counts a
    /// byte order mark.
    #[test]
    fn t42_columns_of_long_lines_are_those_of_counting() {
        let long: String = (0..9_000).map(|at| ["a", "é", "\u{feff}", "字", "🦀"][at * at % 5]).collect();
        let text = format!("x: 1\n{long}\n{long}\nend: 1");
        let lines = Lines::of(text.as_bytes());
        for byte in (0..=text.len()).filter(|at| at % 13 == 0 || at % BLOCK < 6) {
            let line_start = text.as_bytes()[..byte].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let column = text.get(line_start..byte).map_or(1, |before| counted(before) + 1);
            let line = lines.starts.iter().filter(|start| **start as usize <= byte).count();
            assert_eq!(lines.position(&text, byte), (line, column), "{byte}");
        }
    }
}
