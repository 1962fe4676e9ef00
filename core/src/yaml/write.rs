//! Scalars as they are spliced into a file: in the style that stood there, quoted where plain would mean something else.

use super::edit::Scalar;
use super::scalar::{self, Resolved};

/// How a scalar stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
}

/// A value in a style. Numbers and booleans are always plain.
pub(super) fn scalar(value: &Scalar, style: Style) -> String {
    match value {
        Scalar::Int(number) => number.to_string(),
        Scalar::Bool(flag) => flag.to_string(),
        Scalar::String(content) => text(content, style),
    }
}

/// A text in a style, or in double quotes where the style cannot hold it.
pub(super) fn text(content: &str, style: Style) -> String {
    match style {
        Style::Plain if is_plain(content) => content.to_owned(),
        Style::Single if !content.chars().any(needs_escape) => format!("'{}'", content.replace('\'', "''")),
        _ => double(content),
    }
}

/// Whether a text means itself without quotes, in block and in flow style, here and to other YAML readers.
fn is_plain(content: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@+%=~".contains(&byte);
    // `-x` and `--x` are text; `---` begins a document.
    let body = content.strip_prefix("--").or_else(|| content.strip_prefix('-')).unwrap_or(content);
    let first =
        body.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric()) || content.starts_with(['.', '/', '_']);
    // `12:30` is a number to some readers.
    let base_60 = content.contains(':') && content.bytes().all(|byte| byte.is_ascii_digit() || b":._".contains(&byte));
    first
        && content.bytes().all(sound)
        && !content.ends_with(':')
        && !base_60
        && scalar::resolve(content) == Resolved::Text
}

fn needs_escape(c: char) -> bool {
    c.is_control() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}')
}

fn double(content: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(content.len() + 2);
    out.push('"');
    for c in content.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            // A string takes every write.
            _ if needs_escape(c) => drop(write!(out, "\\u{:04x}", u32::from(c))),
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}
