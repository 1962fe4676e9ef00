//! Problems in a user's input: values with a code, a place and a way out, never an `Err` that loses them.

use std::ops::Range;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How bad a diagnostic is. Ordered: `Info < Warning < Error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Probably not meant.
    Warning,
    /// Cannot be used as it is.
    Error,
}

/// A text that was read, with the name people know it by. Shared, so that spans stay small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Repository path, or another name to show (`<stdin>`).
    pub name: Arc<str>,
    /// The whole text, for rendering excerpts.
    pub text: Arc<str>,
}

/// A place in a text: bytes `range`, and the line and column (both from 1) where it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceSpan {
    /// Repository path or shown name of the text.
    pub file: String,
    /// Line of the first byte, from 1.
    pub line: usize,
    /// Column of the first byte in characters, from 1.
    pub column: usize,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl SourceSpan {
    /// Byte range in the text.
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }
}

impl std::fmt::Display for SourceSpan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A marked place and what it has to do with the problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Label {
    /// Where.
    pub span: SourceSpan,
    /// What is there.
    pub text: String,
}

/// One problem in the input: what is wrong, where, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Diagnostic {
    /// Stable identifier, `kebab-case`; `bpctl explain CODE` has its page.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// One line: what is wrong.
    pub message: String,
    /// Marked places, the principal one first.
    pub labels: Vec<Label>,
    /// What to write instead, where that is known.
    pub help: Option<String>,
    /// What `lint --fix` writes at the principal place: only where it changes no decision.
    #[serde(skip)]
    #[schemars(skip)]
    pub fix: Option<String>,
    /// The texts that the labels point into, for excerpts.
    #[serde(skip)]
    #[schemars(skip)]
    pub sources: Vec<Source>,
}

impl Diagnostic {
    /// Makes an error with the given code and message.
    pub fn error(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            severity: Severity::Error,
            message: message.into(),
            labels: Vec::new(),
            help: None,
            fix: None,
            sources: Vec::new(),
        }
    }

    /// Makes a warning with the given code and message.
    pub fn warning(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Makes a hint with the given code and message.
    pub fn info(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Info, ..Self::error(code, message) }
    }

    /// Adds a marked place.
    #[must_use]
    pub fn label(mut self, span: SourceSpan, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the value that may be written at the principal place without a decision becoming another.
    #[must_use]
    pub fn fix(mut self, value: impl Into<String>) -> Self {
        self.fix = Some(value.into());
        self
    }

    /// Adds the text that labels point into.
    #[must_use]
    pub fn source(mut self, source: Source) -> Self {
        if !self.sources.iter().any(|known| known.name == source.name) {
            self.sources.push(source);
        }
        self
    }
}
