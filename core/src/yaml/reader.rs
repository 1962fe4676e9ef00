//! From bytes to [`Document`]s: what may be read at all, and the limits within which it is.

use std::collections::HashSet;
use std::sync::Arc;

use granit_parser::{Event, Options, Parser};

use super::build::{Builder, Property};
use super::node::{Document, Lines, Node, span_in};
use super::syntax;
use crate::model::{Content, Diagnostic, Source, SourceSpan, map_all};

/// The largest file that is read, in bytes.
pub const MAX_BYTES: usize = 4 << 20;
/// How deep lists and mappings may nest, aliases followed.
pub const MAX_DEPTH: usize = 100;
/// How many values one file may hold, aliases followed.
pub const MAX_NODES: usize = 500_000;
/// How many values all files that are read for one question may hold, in all trees that are compared: about 80 bytes of memory each, until
/// their text is let go.
pub const MAX_ALL_NODES: usize = 2_250_000;
/// How many values the aliases of one file may stand for.
pub const MAX_ALIASED_NODES: usize = 100_000;
/// How many bytes of text the aliases of one file may stand for.
pub const MAX_ALIASED_BYTES: usize = 16 << 20;

/// Whose file it is, and so how strictly it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Blueprints, policies, workspace: a duplicate key, a merge key or a tag is an error (T16).
    Own,
    /// Manifests, as Kubernetes reads them: the last of two equal keys counts (both entries are kept), merge keys are applied, core
    /// tags are honoured.
    Manifest,
}

/// A file's text and its lines, to point into.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub source: Source,
    pub lines: Arc<Lines>,
}

impl Place {
    pub(super) fn span(&self, range: std::ops::Range<usize>) -> SourceSpan {
        span_in(&self.source, &self.lines, range)
    }

    /// An error that points at a byte range.
    pub(super) fn error(
        &self,
        code: &str,
        message: impl Into<String>,
        range: std::ops::Range<usize>,
        label: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::error(code, message).label(self.span(range), label).source(self.source.clone())
    }
}

/// Reads many files, side by side where there are many: the answers stand in the order of the files. With what other trees `held` already they
/// have so many values at most, mostly [`MAX_ALL_NODES`]; the files after that are refused, each for itself (T42).
pub fn parse_many(
    files: &[(&str, &Content)],
    kind: Kind,
    (bound, held): (usize, usize),
) -> Vec<Result<Vec<Document>, Box<Diagnostic>>> {
    let read = |(name, content): &(&str, &Content)| read_shared(name, content, kind).map(|(documents, _)| documents);
    // Before each value stands one of these, so that there are no more of them, but for what aliases repeat.
    let most = |content: &Content| -> usize {
        let marks = content.iter().filter(|byte| matches!(byte, b'\n' | b'\r' | b',' | b'[' | b'{' | b'-')).count() + 1;
        let repeats = content.contains(&b'&') && content.contains(&b'*');
        if repeats { marks + MAX_ALIASED_NODES } else { marks }
    };
    if files.iter().map(|(_, content)| most(content)).sum::<usize>() <= bound.saturating_sub(held) {
        return map_all(files, read);
    }
    // One after the other, by what there is of it.
    let mut left = bound.saturating_sub(held);
    let beside = if held > 0 { ", and those that it is compared with," } else { "" };
    let mut counted = |file: &(&str, &Content)| {
        if left == 0 {
            let message = format!("the files before it{beside} hold {bound} values together");
            let error = Diagnostic::error("yaml-too-large", message).label(start_of(file.0), "not read any more");
            return Err(Box::new(error.help("a `source` that holds fewer files is read whole")));
        }
        let documents = read(file)?;
        left = left.saturating_sub(documents.iter().map(|document| nodes(&document.root)).sum());
        Ok(documents)
    };
    files.iter().map(&mut counted).collect()
}

/// How many values a node is.
pub(crate) fn nodes(node: &Node) -> usize {
    let below = node.entries().iter().map(|entry| &entry.value).chain(node.items());
    1 + below.map(nodes).sum::<usize>()
}

fn start_of(file: &str) -> SourceSpan {
    SourceSpan { file: file.into(), line: 1, column: 1, start: 0, end: 0 }
}

/// Reads all documents of a file. A document of comments only is none.
///
/// # Errors
/// The first thing that keeps the file from being read, with its place: `yaml-encoding`, `yaml-too-large`, `yaml-too-deep`,
/// `yaml-alias-bomb`, `yaml-alias-cycle`, `yaml-syntax`, `yaml-key`, `yaml-number`, `yaml-tag`, `duplicate-key`, `merge-key`.
pub fn parse(name: &str, bytes: &[u8], kind: Kind) -> Result<Vec<Document>, Box<Diagnostic>> {
    read(name, bytes, kind).map(|(documents, _)| documents)
}

/// What a file holds, and which of its nodes carry anchors or tags.
type Read = Result<(Vec<Document>, Vec<Property>), Box<Diagnostic>>;

/// Reads a file, and which of its nodes carry anchors or tags.
pub(super) fn read(name: &str, bytes: &[u8], kind: Kind) -> Read {
    let text = checked(name, bytes)?;
    read_text(name, text.into(), kind)
}

/// The same; the documents share the file's text.
fn read_shared(name: &str, content: &Content, kind: Kind) -> Read {
    let text = checked(name, content)?;
    match content {
        Content::Text(text) => read_text(name, Arc::clone(text), kind),
        Content::Binary(_) => read_text(name, text.into(), kind),
    }
}

/// A file's text, where it has one that is not too large.
fn checked<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, Box<Diagnostic>> {
    if bytes.len() > MAX_BYTES {
        let span = SourceSpan { file: name.into(), line: 1, column: 1, start: 0, end: 0 };
        return Err(Box::new(
            Diagnostic::error(
                "yaml-too-large",
                format!("{name} has {} bytes; a file may have {} MiB", bytes.len(), MAX_BYTES >> 20),
            )
            .label(span, "this file")
            .help("split it into several files"),
        ));
    }
    check_encoding(name, bytes)
}

fn read_text(name: &str, text: Arc<str>, kind: Kind) -> Read {
    let place = Place { lines: Lines::of(text.as_bytes()).into(), source: Source { name: name.into(), text } };
    let text = &*place.source.text;
    let aliased = if text.contains('&') && text.contains('*') { aliased_anchors(text) } else { HashSet::new() };

    let mut builder = Builder::new(text, &place, kind, &aliased);
    for event in Parser::new_from_str_with_options(text, options()) {
        match event {
            Ok((event, span)) => builder.event(event, &span)?,
            Err(error) => return Err(syntax::explain(&error, &place, builder.next_token()).into()),
        }
    }
    Ok(builder.finish())
}

fn options() -> Options {
    // Deeper than `MAX_DEPTH`, which the builder counts: these only keep the parser's own state small.
    granit_parser::options! { flow_nesting_limit: MAX_DEPTH + 20, block_nesting_limit: MAX_DEPTH + 20, emit_comments: false }
}

/// Which anchors some alias refers to: only their values are worth a copy.
fn aliased_anchors(text: &str) -> HashSet<usize> {
    Parser::new_from_str_with_options(text, options())
        .map_while(Result::ok)
        .filter_map(|(event, _)| match event {
            Event::Alias(id) => Some(id),
            _ => None,
        })
        .collect()
}

fn check_encoding<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, Box<Diagnostic>> {
    let refuse = |at: usize, what: &str, help: &str| {
        // The text up to the bad byte is sound; what follows is shown as well as can be.
        let source = Source { name: name.into(), text: String::from_utf8_lossy(bytes).into() };
        let span = span_in(&source, &Lines::of(bytes), at..at);
        Err(Box::new(
            Diagnostic::error("yaml-encoding", format!("{name} {what} at byte {at}"))
                .label(span, "here")
                .help(help)
                .source(source),
        ))
    };
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..] = bytes {
        let source = Source { name: name.into(), text: "".into() };
        return Err(Box::new(
            Diagnostic::error("yaml-encoding", format!("{name} is UTF-16 or UTF-32, as its first bytes (byte 0) show"))
                .label(span_in(&source, &Lines::of(&[]), 0..0), "the first bytes")
                .help("save the file as UTF-8"),
        ));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return refuse(error.valid_up_to(), "is not UTF-8", "save the file as UTF-8"),
    };
    let control = |byte: &u8| (*byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')) || *byte == 0x7f;
    if let Some(at) = bytes.iter().position(control) {
        let what = match bytes[at] {
            0 => "has a NUL character".to_owned(),
            byte => format!("has the control character 0x{byte:02x}"),
        };
        return refuse(at, &what, "remove it; in a double-quoted text it can be written \\x00 and so on");
    }
    // Most files: the rest is about other characters.
    if bytes.is_ascii() {
        return Ok(text);
    }
    // YAML 1.1 ends lines and comments there, YAML 1.2 does not: Kubernetes' reader would see other objects than this one.
    for (mark, escape) in [('\u{85}', "\\N"), ('\u{2028}', "\\L"), ('\u{2029}', "\\P")] {
        if let Some(at) = memchr::memmem::find(bytes, mark.encode_utf8(&mut [0; 4]).as_bytes()) {
            let what = format!(
                "has the character U+{:04X}, at which a line ends for Kubernetes and for others it does not,",
                mark as u32
            );
            return refuse(at, &what, &format!("remove it; in a double-quoted text it can be written {escape}"));
        }
    }
    // U+0080 to U+009F.
    if let Some(at) = bytes.windows(2).position(|pair| pair[0] == 0xc2 && pair[1] < 0xa0) {
        return refuse(at, "has a control character", "remove it");
    }
    Ok(text)
}
