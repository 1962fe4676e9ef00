//! What the parser's complaints mean, in words that help.

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
