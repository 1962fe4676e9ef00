//! The one place that writes to the terminal: data to stdout, talk to stderr.

use std::io::{IsTerminal as _, Write as _};

use bpctl_core::model::Diagnostic;
use bpctl_core::render::sink;

use super::{CommandError, Global, diagnostics};
use crate::runtime;

/// Where a command's words go.
#[derive(Debug)]
pub struct Output {
    quiet: bool,
    color: bool,
    width: usize,
}

impl Output {
    /// As the options say. Colour only on a terminal, and never with `NO_COLOR`.
    pub fn new(global: &Global) -> Self {
        let color = !global.no_color && runtime::variable("NO_COLOR").is_none() && std::io::stdout().is_terminal();
        Self { quiet: global.quiet, color, width: 120 }
    }

    /// Data, to stdout. A reader that went away is no error.
    pub fn data(&self, text: &str) {
        self.raw(&sink::page(text));
    }

    /// Data that may hold colours: excerpts, whose text was tamed where they were made.
    pub fn raw(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes());
        if !text.ends_with('\n') {
            let _ = out.write_all(b"\n");
        }
        let _ = out.flush();
    }

    /// A value as JSON, to stdout.
    pub fn json<T: serde::Serialize>(&self, value: &T) {
        self.data(&json_text(value));
    }

    /// Talk, to stderr, unless `--quiet`.
    pub fn talk(&self, text: &str) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr().lock(), "{}", sink::page(text));
        }
    }

    /// Diagnostics with their excerpts, as text.
    pub fn excerpts(&self, found: &[Diagnostic]) -> String {
        diagnostics::render(found, self.color, self.width)
    }

    /// An error, to stderr.
    pub fn error(&self, error: &CommandError) {
        let mut text = String::new();
        if let Some(diagnostic) = error.diagnostic() {
            text.push_str(&diagnostics::render(std::slice::from_ref(diagnostic), self.color, self.width));
        } else {
            text.push_str(&sink::page(&error.render()));
        }
        let _ = writeln!(std::io::stderr().lock(), "{}", text.trim_end());
    }
}

/// A value as JSON, escaped for wherever it is shown.
pub fn json_text<T: serde::Serialize>(value: &T) -> String {
    let text =
        serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("{{\"error\":{:?}}}", error.to_string()));
    sink::json(&text)
}
