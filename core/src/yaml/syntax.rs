//! What the parser's complaints mean, in words that help.

use std::ops::Range;

use granit_parser::{ErrorKind, ScanError};

use super::reader::{MAX_DEPTH, Place};
use crate::model::Diagnostic;

/// A parser error as a diagnostic. `token` is where the token begins that could not be finished.
pub(super) fn explain(error: &ScanError, place: &Place, token: usize) -> Diagnostic {
    let text: &str = &place.source.text;
    let at = error.marker().byte_offset().unwrap_or(0).min(text.len());
    let rest = text.get(at..).unwrap_or_default();
    let width = rest.chars().next().filter(|c| !matches!(c, '\n' | '\r')).map_or(0, char::len_utf8);
    if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
        let message = format!("lists and mappings nest more than {MAX_DEPTH} levels deep");
        return place.error("yaml-too-deep", message, at..at + width, "one level too many");
    }
    let lines = Lines { text };
    if let Some(found) = elsewhere(error.kind(), place, &lines, at) {
        return found;
    }
    let (message, help) = describe(error.kind(), rest);
    let mut found = place.error("yaml-syntax", message, at..at + width, "here");
    if let Some(quote @ ('"' | '\'')) = text.get(token..).and_then(|rest| rest.chars().next())
        && token < at
        && is_about_quotes(error.kind())
    {
        found = found.label(place.span(token..token + 1), format!("the {quote} opens here"));
    }
    let line = text.get(..at).and_then(|before| before.rsplit('\n').next()).map_or(0, str::len);
    let line = text.get(at - line..).unwrap_or_default().lines().next().unwrap_or_default();
    found.help = if line.contains("{{") {
        Some("this looks like a template: give bpctl the chart, or the manifest it renders to".into())
    } else {
        help.map(Into::into)
    };
    found
}

/// What is to be mended before the place where the parser gave up, where that is plain.
fn elsewhere(kind: &ErrorKind, place: &Place, lines: &Lines<'_>, at: usize) -> Option<Diagnostic> {
    match kind {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => {
            let (message, help) = describe(kind, "");
            let line = lines.at(at);
            let indented = &lines.get(&line)[..lines.indent(&line)];
            let tab = match indented.find('\t') {
                Some(tab) => line.start + tab,
                None => at + lines.text.get(at..)?.find('\t')?,
            };
            Some(place.error("yaml-syntax", message, tab..tab + 1, "this tab").help(help?))
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::CommentInterceptedScalar => {
            // A text that goes on over lines, until one of them turns out to be a key: it was not meant to go on.
            let line = lines.at(at);
            let (first, told) = if matches!(kind, ErrorKind::CommentInterceptedScalar) {
                (line.clone(), lines.after(&line)?)
            } else {
                (lines.above(&line).first()?.clone(), line)
            };
            let (key, written) = (key_of(lines.get(&told))?, lines.get(&first));
            let written = written.split(" #").next().unwrap_or_default().trim();
            if let Some((name, value)) = glued(written) {
                let start = first.start + lines.indent(&first);
                let range = start..start + written.len();
                let error = place.error("yaml-syntax", "a key without a space after its colon", range, "here");
                return Some(error.help(format!("write `{name}: {value}`")));
            }
            if lines.indent(&told) <= lines.indent(&first) || written.ends_with(':') {
                return None;
            }
            let start = told.start + lines.indent(&told);
            let message = "this line is indented deeper than the one above, whose value ends there";
            let error = place.error("yaml-syntax", message, start..start + key.len(), "this key");
            Some(error.help("indent it as far as its siblings, with spaces"))
        }
        ErrorKind::ExpectedBlockMappingKey => {
            // The lines above this one have siblings of it further up, and between them one that stands further out: that was moved.
            let line = lines.at(at);
            let indent = lines.indent(&line);
            let above = lines.above(&line);
            let out = above.iter().position(|line| lines.indent(line) < indent)?;
            let sibling = above.iter().skip(out + 1).find(|line| lines.indent(line) <= indent)?;
            let moved = above[out].clone();
            let (key, said) = (key_of(lines.get(&moved))?, key_of(lines.get(&line))?);
            if lines.indent(sibling) != indent || (lines.indent(&moved) == 0 && TOP.contains(&key)) {
                return None;
            }
            let start = moved.start + lines.indent(&moved);
            let message = format!("`{key}` is indented less than the lines around it");
            let error = place.error("yaml-syntax", message, start..start + key.len(), "this key");
            let error = error.label(place.span(at..at + said.len()), "so that this one does not line up");
            Some(error.help(format!("indent `{key}` as far as `{said}`, with spaces")))
        }
        _ => None,
    }
}

/// `name:value`, where a space was forgotten.
fn glued(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once(':')?;
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    (plain && !value.is_empty() && !value.starts_with([' ', '/'])).then_some((name, value))
}

/// The key that a line begins with.
fn key_of(line: &str) -> Option<&str> {
    let (key, rest) = line.trim_start().trim_start_matches("- ").split_once(':')?;
    (!key.is_empty() && (rest.trim_end().is_empty() || rest.starts_with(' '))).then_some(key)
}

/// Keys that stand at the outermost level of what bpctl and Kubernetes read.
const TOP: &[&str] = &[
    "apiVersion",
    "data",
    "environments",
    "freezes",
    "governance",
    "kind",
    "limits",
    "match",
    "metadata",
    "operations",
    "spec",
];

/// A text by lines.
struct Lines<'t> {
    text: &'t str,
}

impl<'t> Lines<'t> {
    /// The line that a byte stands in, without its end.
    fn at(&self, byte: usize) -> Range<usize> {
        let (before, after) = self.text.split_at_checked(byte).unwrap_or((self.text, ""));
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        start..after.find('\n').map_or(self.text.len(), |length| before.len() + length)
    }

    fn get(&self, line: &Range<usize>) -> &'t str {
        self.text.get(line.clone()).unwrap_or_default()
    }

    /// How far a line is indented.
    fn indent(&self, line: &Range<usize>) -> usize {
        let text = self.get(line);
        text.len() - text.trim_start_matches([' ', '\t']).len()
    }

    /// Whether something stands in a line.
    fn says(&self, line: &Range<usize>) -> bool {
        !matches!(self.get(line).trim_start().bytes().next(), None | Some(b'#'))
    }

    /// The next line in which something stands.
    fn after(&self, line: &Range<usize>) -> Option<Range<usize>> {
        let mut end = line.end;
        while end < self.text.len() {
            let next = self.at(end + 1);
            if self.says(&next) {
                return Some(next);
            }
            end = next.end;
        }
        None
    }

    /// The lines above in which something stands, the nearest first.
    fn above(&self, line: &Range<usize>) -> Vec<Range<usize>> {
        let mut lines = Vec::new();
        let mut start = line.start;
        while start > 0 {
            let line = self.at(start - 1);
            start = line.start;
            if self.says(&line) {
                lines.push(line);
            }
        }
        lines
    }
}

fn is_about_quotes(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UnclosedQuotedScalar
            | ErrorKind::InvalidQuotedScalarIndent
            | ErrorKind::DocumentIndicatorInQuotedScalar
            | ErrorKind::TabInIndentation
            | ErrorKind::InvalidTrailingSingleQuotedScalar
            | ErrorKind::InvalidTrailingDoubleQuotedScalar
    )
}

fn describe(kind: &ErrorKind, rest: &str) -> (String, Option<&'static str>) {
    let (message, help) = match kind {
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => {
            ("a `key: value` cannot stand here", "put it on a line of its own, or the text with the colon in quotes")
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            ("a key without a colon", "write `key: value`; a space follows the colon")
        }
        ErrorKind::ExpectedBlockMappingKey => {
            ("this line does not line up with the keys above it", "indent it as far as its siblings, with spaces")
        }
        ErrorKind::ExpectedBlockSequenceEntry => (
            "this line does not line up with the list above it",
            "begin it with `- `, or indent it as far as its siblings",
        ),
        ErrorKind::InvalidIndentation | ErrorKind::InvalidBlockScalarIndent | ErrorKind::InvalidFlowScalarIndent => {
            ("this line is not indented as it must be", "indent it as far as its siblings, with spaces")
        }
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => ("a tab where only spaces may stand", "indent with spaces"),
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => {
            ("a quoted text is not closed", "close the quote")
        }
        ErrorKind::InvalidQuotedScalarIndent => {
            ("a quoted text is not closed, or goes on without indentation", "close the quote on its line")
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            ("something follows a closed quote", "quote the whole value; inside '…' a quote is written ''")
        }
        ErrorKind::UnknownQuotedScalarEscape => {
            ("an escape that does not exist", "write \\\\ for a backslash, or use single quotes")
        }
        ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping
        | ErrorKind::UnclosedFlowCollection { .. } => ("a bracket or brace is not closed", "close it with ] or }"),
        ErrorKind::ExpectedFlowMappingSeparator => {
            ("a `,` or `}` is missing before this", "separate entries by commas")
        }
        ErrorKind::ExpectedFlowSequenceSeparator => ("a `,` or `]` is missing before this", "separate items by commas"),
        ErrorKind::MisplacedFlowCollectionEnd | ErrorKind::MismatchedFlowCollectionEnd { .. } => {
            ("a closing bracket or brace that nothing opened", "remove it, or open it")
        }
        ErrorKind::BlockEntryInFlowCollection | ErrorKind::BlockSequenceEntryNotAllowed => {
            ("a list item (`- `) cannot stand here", "put it on a line of its own under its key")
        }
        ErrorKind::UnknownAnchor => {
            let name: String = rest.chars().take_while(|c| !c.is_whitespace() && !",[]{}".contains(*c)).collect();
            let help = "an alias needs its anchor (&name) before it in the same document; put text that begins with * in quotes";
            return (format!("`{name}` stands for nothing: there is no such anchor before it"), Some(help));
        }
        ErrorKind::UnexpectedCharacter { character } => {
            return (format!("a plain text cannot begin with `{character}`"), Some("put it in quotes"));
        }
        ErrorKind::CommentInterceptedScalar => {
            ("a comment in the middle of a text of several lines", "put the comment before the text")
        }
        ErrorKind::CommentNotSeparated => ("a `#` right after a value", "put a space before the comment"),
        ErrorKind::BomInsideDocument => {
            ("a byte-order mark inside the text", "remove it; it may stand at the very start only")
        }
        _ => return (kind.to_string(), None),
    };
    (message.to_owned(), Some(help))
}
