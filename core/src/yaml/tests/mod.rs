//! What reading, typing and editing must do, seen from outside.

mod edit;
mod edit_random;
mod go_table;
#[allow(clippy::disallowed_methods, reason = "some tests are about time")]
mod reader;
#[allow(clippy::disallowed_methods, reason = "some tests are about time")]
mod typed;

use super::{Document, Kind, Node, parse};
use crate::model::Diagnostic;

fn manifest(text: &str) -> Document {
    parse("t.yaml", text.as_bytes(), Kind::Manifest).expect(text).into_iter().next().expect(text)
}

fn refused(bytes: &[u8], kind: Kind) -> Diagnostic {
    *parse("t.yaml", bytes, kind).expect_err("must be refused")
}

/// Line and column of the first label, with the code.
fn at(diagnostic: &Diagnostic) -> (&str, usize, usize) {
    let span = &diagnostic.labels[0].span;
    (&diagnostic.code, span.line, span.column)
}

fn written<'a>(document: &'a Document, node: &Node) -> &'a str {
    &document.source.text[node.range()]
}
