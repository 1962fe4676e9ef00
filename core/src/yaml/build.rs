//! Builds [`Node`]s from parser events: scalars resolved, aliases followed, merge keys applied, limits kept.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use granit_parser::{Event, ScalarStyle, Span, StructureStyle, Tag};

use super::node::{Document, Entry, Node, Value};
use smol_str::SmolStr;

use super::reader::{Kind, MAX_ALIASED_BYTES, MAX_ALIASED_NODES, MAX_DEPTH, MAX_NODES, Place};
use super::scalar::{self, CoreTag, Resolved};
use crate::model::{Diagnostic, FieldPath};

type Refused = Box<Diagnostic>;

/// A node that carries an anchor or a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Property {
    /// First byte of the node.
    pub start: u32,
    pub anchored: bool,
    pub tagged: bool,
}

pub(super) struct Builder<'a> {
    text: &'a str,
    place: &'a Place,
    kind: Kind,
    aliased: &'a HashSet<usize>,
    anchors: HashMap<usize, Anchored>,
    frames: Vec<Frame>,
    /// One past the last token seen.
    seen: usize,
    weight: Weight,
    copied: Weight,
    root: Option<Node>,
    documents: Vec<Document>,
    properties: Vec<Property>,
}

/// How much was built: values, and bytes of text in them.
#[derive(Debug, Clone, Copy, Default)]
struct Weight {
    nodes: usize,
    bytes: usize,
}

/// A finished value that aliases stand for.
struct Anchored {
    node: Node,
    weight: Weight,
    height: usize,
}

/// A list or mapping that is being read.
struct Frame {
    content: Content,
    flow: bool,
    start: usize,
    end: usize,
    anchor: usize,
    /// Levels below this one.
    height: usize,
    before: Weight,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, pending: Option<Pending>, keys: HashSet<String> },
}

/// A key whose value comes next.
enum Pending {
    Key { text: String, range: Range<usize> },
    Merge(Range<usize>),
}

/// Up to this many keys a mapping is searched; above, a set remembers them.
const FEW_KEYS: usize = 16;

impl<'a> Builder<'a> {
    pub(super) fn new(text: &'a str, place: &'a Place, kind: Kind, aliased: &'a HashSet<usize>) -> Self {
        Self {
            text,
            place,
            kind,
            aliased,
            anchors: HashMap::new(),
            frames: Vec::new(),
            seen: 0,
            weight: Weight::default(),
            copied: Weight::default(),
            root: None,
            documents: Vec::new(),
            properties: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> (Vec<Document>, Vec<Property>) {
        (self.documents, self.properties)
    }

    /// Where the next token begins, after indicators, anchors, tags and comments.
    pub(super) fn next_token(&self) -> usize {
        next_token(self.text, self.seen, false)
    }

    pub(super) fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), Refused> {
        let range = span.byte_range().unwrap_or(0..0);
        match event {
            Event::DocumentStart(explicit, _) => {
                self.anchors.clear();
                self.root = None;
                if explicit {
                    self.seen = range.end;
                }
            }
            Event::DocumentEnd => {
                self.seen = self.seen.max(range.end);
                if let Some(root) = self.root.take().filter(|root| root.start != root.end) {
                    let (source, lines) = (self.place.source.clone(), self.place.lines.clone());
                    self.documents.push(Document {
                        source,
                        root,
                        index: self.documents.len(),
                        within: FieldPath::default(),
                        lines,
                    });
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let tag = self.tag(tag.as_deref(), span, range.start, anchor)?;
                self.scalar(text, style, anchor, tag, range)?;
            }
            Event::Alias(id) => self.alias(id, range)?,
            Event::SequenceStart(style, anchor, tag) => {
                let flow = style == StructureStyle::Flow;
                let start = if flow || self.text.as_bytes().get(range.start) == Some(&b'-') {
                    range.start
                } else {
                    // An unindented list: the parser reports it one token late.
                    next_token(self.text, self.seen, true)
                };
                let tag = self.tag(tag.as_deref(), span, start, anchor)?;
                self.expect_tag(tag, CoreTag::Sequence, &range)?;
                self.open(Content::Sequence(Vec::new()), flow, start, range.end, anchor)?;
            }
            Event::MappingStart(style, anchor, tag) => {
                let flow = style == StructureStyle::Flow;
                let tag = self.tag(tag.as_deref(), span, range.start, anchor)?;
                self.expect_tag(tag, CoreTag::Map, &range)?;
                let content = Content::Mapping { entries: Vec::new(), pending: None, keys: HashSet::new() };
                self.open(content, flow, range.start, range.end, anchor)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(range.end)?,
            _ => {}
        }
        Ok(())
    }

    /// Judges a node's tag, and remembers that the node has properties.
    fn tag(&mut self, tag: Option<&Tag>, span: &Span, start: usize, anchor: usize) -> Result<Option<CoreTag>, Refused> {
        if tag.is_some() || anchor != 0 {
            self.properties.push(Property { start: offset(start), anchored: anchor != 0, tagged: tag.is_some() });
        }
        let Some(tag) = tag else {
            return Ok(None);
        };
        let range = span.tag_span().and_then(|span| span.byte_range()).unwrap_or(start..start);
        let (handle, suffix) = tag.parts();
        let known = CoreTag::named(&format!("{handle}{suffix}"));
        if self.kind == Kind::Own {
            let message = format!("tags such as `{}` are not read here", tag.original());
            let help = "remove the tag; write text in quotes, and numbers and booleans without";
            return Err(self.place.error("yaml-tag", message, range, "this tag").help(help).into());
        }
        if known.is_none() {
            let message = format!("the tag `{}` is unknown to Kubernetes", tag.original());
            let help = "remove the tag, or render the manifest first with the tool that knows it";
            return Err(self.place.error("yaml-tag", message, range, "this tag").help(help).into());
        }
        Ok(known)
    }

    fn expect_tag(&self, tag: Option<CoreTag>, wanted: CoreTag, range: &Range<usize>) -> Result<(), Refused> {
        match tag {
            Some(tag) if tag != wanted => {
                let message = format!("the tag asks for {}, this is {}", tag.wants(), wanted.wants());
                Err(self.place.error("yaml-tag", message, range.clone(), "what was tagged").into())
            }
            _ => Ok(()),
        }
    }

    fn expects_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { content: Content::Mapping { pending: None, .. }, .. }))
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<CoreTag>,
        range: Range<usize>,
    ) -> Result<(), Refused> {
        let plain = style == ScalarStyle::Plain;
        let text = if plain && range.is_empty() { Cow::Borrowed("") } else { text };
        let mut shown = range.clone();
        if text.is_empty() && plain {
            shown = self.empty_place(range.start, tag.is_some() || anchor != 0);
        }
        if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            shown = self.block_scalar(range.clone());
        }
        self.seen = self.seen.max(if shown.is_empty() { shown.end } else { range.end });
        let before = self.weight;
        self.grow(Weight { nodes: 1, bytes: text.len() }, &shown)?;

        let merge = text == "<<" && (tag == Some(CoreTag::Merge) || (plain && tag.is_none()));
        if merge && self.expects_key() {
            return self.merge_key(shown);
        }
        let (resolved, text) = match tag {
            None if plain => (scalar::resolve(&text), text),
            None => (Resolved::Text, text),
            Some(CoreTag::Binary) => {
                let Some(bytes) = scalar::base64(&text) else {
                    let message = "`!!binary` asks for base64";
                    return Err(self.place.error("yaml-tag", message, shown, "not base64").into());
                };
                (Resolved::Text, Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()))
            }
            Some(tag) => {
                let Some(resolved) = scalar::resolve_tagged(&text, tag) else {
                    let message = format!("the tag asks for {}, which `{text}` is not", tag.wants());
                    return Err(self.place.error("yaml-tag", message, shown, "what was tagged").into());
                };
                (resolved, text)
            }
        };
        if self.expects_key() {
            let key = match resolved {
                Resolved::Text => text.into_owned(),
                _ => match scalar::key_text(&resolved) {
                    Some(key) => key,
                    None => return Err(self.bad_key(shown).into()),
                },
            };
            if self.aliased.contains(&anchor) {
                let node = node(Value::String(key.as_str().into()), &shown);
                self.remember(anchor, &node, Weight { nodes: 1, bytes: key.len() }, 0)?;
            }
            return self.key(key, shown);
        }
        let value = match resolved {
            Resolved::Null => Value::Null,
            Resolved::Bool(flag) => Value::Bool(flag),
            Resolved::Int(number) => Value::Int(number.into()),
            Resolved::Text => Value::String(text.into()),
            Resolved::Float(number) => {
                let Some(value) = scalar::float_value(number) else {
                    let message = format!("`{text}` is no number that JSON, and so Kubernetes, can hold");
                    let help = format!("write \"{text}\" in quotes if text is meant");
                    return Err(self.place.error("yaml-number", message, shown, "here").help(help).into());
                };
                value
            }
        };
        self.value(node(value, &shown), 0, before, anchor)
    }

    /// Where a value that is nothing stands: right after its colon or dash, or after its anchor or tag; `{a}` has not even a colon.
    fn empty_place(&self, reported: usize, property: bool) -> Range<usize> {
        let (from, indicator) = match self.frames.last().map(|frame| &frame.content) {
            Some(Content::Mapping { pending: Some(Pending::Key { range, .. } | Pending::Merge(range)), .. }) => {
                (range.end, b':')
            }
            Some(Content::Sequence(_)) => (self.seen, b'-'),
            _ => (reported, 0),
        };
        let at = skip_blank(self.text.as_bytes(), from);
        let at = if property {
            reported
        } else if self.text.as_bytes().get(at) == Some(&indicator) {
            at + 1
        } else {
            from
        };
        at..at
    }

    /// The range of a block scalar from its indicator to its last visible byte; the parser reports the content alone.
    fn block_scalar(&self, content: Range<usize>) -> Range<usize> {
        let start = next_token(self.text, self.seen, false);
        let written = self.text.get(start..content.end.max(start)).unwrap_or_default();
        start..start + written.trim_end().len().max(1)
    }

    fn bad_key(&self, range: Range<usize>) -> Diagnostic {
        let written = self.text.get(range.clone()).unwrap_or_default();
        let rest = self.text.get(range.start..).unwrap_or_default();
        let before = self.text.get(..range.start).unwrap_or_default();
        let template = rest.starts_with("{{") || (rest.starts_with('{') && before.ends_with('{'));
        let message = match written {
            "" => "a key is missing before the colon".to_owned(),
            _ => "a key must be text".to_owned(),
        };
        let help = if template {
            "this looks like a template: give bpctl the chart, or the manifest it renders to"
        } else {
            "write the key in quotes"
        };
        self.place.error("yaml-key", message, range, "this key").help(help)
    }

    fn merge_key(&mut self, range: Range<usize>) -> Result<(), Refused> {
        if self.kind == Kind::Own {
            let message = "merge keys (`<<`) are not read here: what a file says should stand in it";
            let error = self.place.error("merge-key", message, range, "this merge key");
            return Err(error.help("write the merged keys out, or extend a blueprint").into());
        }
        if let Some(Frame { content: Content::Mapping { pending, .. }, .. }) = self.frames.last_mut() {
            *pending = Some(Pending::Merge(range));
        }
        Ok(())
    }

    fn key(&mut self, text: String, range: Range<usize>) -> Result<(), Refused> {
        let Some(Frame { content: Content::Mapping { entries, pending, keys }, .. }) = self.frames.last_mut() else {
            return Ok(());
        };
        if self.kind == Kind::Own {
            if entries.len() == FEW_KEYS {
                keys.extend(entries.iter().map(|entry| entry.key.to_string()));
            }
            let known = if entries.len() < FEW_KEYS {
                entries.iter().any(|entry| entry.key == text)
            } else {
                !keys.insert(text.clone())
            };
            if known {
                let first = entries.iter().find(|entry| entry.key == text);
                let first = first.map(|entry| entry.key_start as usize..entry.key_end as usize);
                let mut error =
                    self.place.error("duplicate-key", format!("the key `{text}` is given twice"), range, "again here");
                if let Some(first) = first {
                    error = error.label(self.place.span(first), "first here");
                }
                return Err(error.help("keep one of them").into());
            }
        }
        *pending = Some(Pending::Key { text, range });
        Ok(())
    }

    fn alias(&mut self, id: usize, range: Range<usize>) -> Result<(), Refused> {
        self.seen = self.seen.max(range.end);
        let name = self.text.get(range.clone()).unwrap_or_default();
        let Some(anchored) = self.anchors.get(&id) else {
            let message = format!("`{name}` stands inside the value it stands for, without end");
            let error = self.place.error("yaml-alias-cycle", message, range, "this alias");
            return Err(error.help("write the value out instead of the alias").into());
        };
        let (weight, height) = (anchored.weight, anchored.height);
        if self.expects_key() {
            let key = match &anchored.node.value {
                Value::String(text) => text.to_string(),
                Value::Bool(flag) => flag.to_string(),
                Value::Int(number) if i64::try_from(number.get()).is_ok() => number.to_string(),
                Value::Float(text) => {
                    text.parse().ok().and_then(|n| scalar::key_text(&Resolved::Float(n))).unwrap_or_default()
                }
                _ => return Err(self.bad_key(range).into()),
            };
            self.copy(weight, &range)?;
            return self.key(key, range);
        }
        let merges = matches!(
            self.frames.last(),
            Some(Frame { content: Content::Mapping { pending: Some(Pending::Merge(_)), .. }, .. })
        );
        if merges && !matches!(anchored.node.value, Value::Mapping(_)) {
            return Err(self.bad_merge(range).into());
        }
        if self.frames.len() + height > MAX_DEPTH {
            return Err(self.too_deep(range).into());
        }
        let before = self.weight;
        self.copy(weight, &range)?;
        self.grow(weight, &range)?;
        let mut node =
            self.anchors.get(&id).map_or_else(|| node(Value::Null, &range), |anchored| anchored.node.clone());
        place_at(&mut node, &range);
        self.value(node, height, before, 0)
    }

    fn open(&mut self, content: Content, flow: bool, start: usize, end: usize, anchor: usize) -> Result<(), Refused> {
        if self.expects_key() {
            return Err(self.bad_key(start..end).into());
        }
        if self.frames.len() >= MAX_DEPTH {
            return Err(self.too_deep(start..end).into());
        }
        let before = self.weight;
        self.grow(Weight { nodes: 1, bytes: 0 }, &(start..end))?;
        self.seen = self.seen.max(if flow { end } else { start });
        self.frames.push(Frame { content, flow, start, end: start, anchor, height: 1, before });
        Ok(())
    }

    fn close(&mut self, end: usize) -> Result<(), Refused> {
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        let end = if frame.flow { end.max(frame.end) } else { frame.end };
        if frame.flow {
            self.seen = self.seen.max(end);
        }
        let value = match frame.content {
            Content::Sequence(items) => Value::Sequence(items.into()),
            Content::Mapping { entries, .. } => Value::Mapping(entries.into()),
        };
        self.value(node(value, &(frame.start..end)), frame.height, frame.before, frame.anchor)
    }

    /// Puts a finished value where it belongs.
    fn value(&mut self, node: Node, height: usize, before: Weight, anchor: usize) -> Result<(), Refused> {
        if anchor != 0 && self.aliased.contains(&anchor) {
            let weight = Weight { nodes: self.weight.nodes - before.nodes, bytes: self.weight.bytes - before.bytes };
            self.remember(anchor, &node, weight, height)?;
        }
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        frame.height = frame.height.max(height + 1);
        frame.end = frame.end.max(node.end as usize);
        match &mut frame.content {
            Content::Sequence(items) => items.push(node),
            Content::Mapping { entries, pending, .. } => match pending.take() {
                Some(Pending::Key { text, range }) => entries.push(entry(text, &range, node)),
                Some(Pending::Merge(range)) => {
                    let shown = node.range();
                    let maps = match node.value {
                        Value::Mapping(merged) => vec![merged],
                        // Of several, the first one wins, so it comes last.
                        Value::Sequence(items) => {
                            let maps: Option<Vec<_>> = items.into_iter().rev().map(into_entries).collect();
                            match maps {
                                Some(maps) => maps,
                                None => return Err(self.bad_merge(shown).into()),
                            }
                        }
                        _ => return Err(self.bad_merge(shown).into()),
                    };
                    entries.extend(maps.into_iter().flatten().map(|merged| entry(merged.key, &range, merged.value)));
                }
                None => return Err(self.bad_key(node.range()).into()),
            },
        }
        Ok(())
    }

    fn bad_merge(&self, range: Range<usize>) -> Diagnostic {
        let message = "a merge key (`<<`) takes a mapping or a list of mappings";
        self.place.error("merge-key", message, range, "this is neither")
    }

    fn too_deep(&self, range: Range<usize>) -> Diagnostic {
        let message = format!("lists and mappings nest more than {MAX_DEPTH} levels deep");
        self.place.error("yaml-too-deep", message, range, "one level too many")
    }

    fn remember(&mut self, anchor: usize, node: &Node, weight: Weight, height: usize) -> Result<(), Refused> {
        self.copy(weight, &node.range())?;
        self.anchors.insert(anchor, Anchored { node: node.clone(), weight, height });
        Ok(())
    }

    /// Accounts for values that are written once and stand in several places.
    fn copy(&mut self, weight: Weight, range: &Range<usize>) -> Result<(), Refused> {
        self.copied.nodes += weight.nodes;
        self.copied.bytes += weight.bytes;
        if self.copied.nodes > MAX_ALIASED_NODES || self.copied.bytes > MAX_ALIASED_BYTES {
            let message = format!(
                "the aliases of this file stand for more than {MAX_ALIASED_NODES} values or {} MiB of text",
                MAX_ALIASED_BYTES >> 20
            );
            let error = self.place.error("yaml-alias-bomb", message, range.clone(), "too much from here on");
            return Err(error.help("write out what is needed instead of aliasing it").into());
        }
        Ok(())
    }

    /// Accounts for values that were built.
    fn grow(&mut self, weight: Weight, range: &Range<usize>) -> Result<(), Refused> {
        self.weight.nodes += weight.nodes;
        self.weight.bytes += weight.bytes;
        if self.weight.nodes > MAX_NODES {
            let message = format!("the file holds more than {MAX_NODES} values");
            let error = self.place.error("yaml-too-large", message, range.clone(), "one too many");
            return Err(error.help("split it into several files").into());
        }
        Ok(())
    }
}

/// Files are smaller than `MAX_BYTES`, so every offset fits.
fn offset(byte: usize) -> u32 {
    u32::try_from(byte).unwrap_or(u32::MAX)
}

fn node(value: Value, range: &Range<usize>) -> Node {
    Node { value, start: offset(range.start), end: offset(range.end) }
}

fn entry(key: impl Into<SmolStr>, range: &Range<usize>, value: Node) -> Entry {
    Entry { key: key.into(), key_start: offset(range.start), key_end: offset(range.end), value }
}

fn into_entries(node: Node) -> Option<Box<[Entry]>> {
    match node.value {
        Value::Mapping(entries) => Some(entries),
        _ => None,
    }
}

/// Gives a copied value the place of the alias it came through.
fn place_at(node: &mut Node, range: &Range<usize>) {
    (node.start, node.end) = (offset(range.start), offset(range.end));
    match &mut node.value {
        Value::Sequence(items) => items.iter_mut().for_each(|item| place_at(item, range)),
        Value::Mapping(entries) => {
            for entry in entries {
                (entry.key_start, entry.key_end) = (offset(range.start), offset(range.end));
                place_at(&mut entry.value, range);
            }
        }
        _ => {}
    }
}

/// The first byte at or after `from` that is content: not white space, a comment, an indicator (`:`, `?`, `-`), an anchor or a tag.
/// With `dash`, a `-` is content.
fn next_token(text: &str, from: usize, dash: bool) -> usize {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'-' if dash => break,
            b':' | b'?' | b'-' | b',' => at += 1,
            b' ' | b'\t' | b'\r' | b'\n' | b'#' => at = skip_blank(bytes, at),
            b'&' | b'!' => at += bytes[at..].iter().take_while(|b| !b.is_ascii_whitespace()).count(),
            _ => break,
        }
    }
    at.min(text.len())
}

/// The first byte at or after `from` that is neither white space nor in a comment.
fn skip_blank(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            b'#' => at += bytes[at..].iter().take_while(|b| !matches!(b, b'\n' | b'\r')).count(),
            _ => break,
        }
    }
    at
}
