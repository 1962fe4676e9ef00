//! Diagnostics with excerpts of the text they are about.

use bpctl_core::model::{Diagnostic, Label, Severity, Source, Untrusted};
use bpctl_core::render::sink;
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource};

/// One excerpt of a diagnostic: miette shows one file at a time.
#[derive(Debug)]
struct Shown {
    code: String,
    message: String,
    severity: miette::Severity,
    help: Option<String>,
    source: Option<NamedSource<String>>,
    labels: Vec<LabeledSpan>,
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown {}

impl miette::Diagnostic for Shown {
    fn code<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        (!self.code.is_empty()).then(|| Box::new(&self.code) as Box<dyn std::fmt::Display>)
    }
    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }
    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.source.as_ref().map(|source| source as &dyn miette::SourceCode)
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        (!self.labels.is_empty())
            .then(|| Box::new(self.labels.iter().cloned()) as Box<dyn Iterator<Item = LabeledSpan>>)
    }
}

/// Renders diagnostics one after another.
pub fn render(found: &[Diagnostic], color: bool, width: usize) -> String {
    let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(width).with_links(false).with_context_lines(1);
    let mut out = String::new();
    for diagnostic in found {
        for part in parts(diagnostic) {
            if handler.render_report(&mut out, &part).is_err() {
                out.push_str(&part.message);
            }
        }
        out.push('\n');
    }
    out
}

/// A diagnostic, an excerpt a file. The first says what is wrong, and the last what to do.
fn parts(diagnostic: &Diagnostic) -> Vec<Shown> {
    let (severity, word) = match diagnostic.severity {
        Severity::Error => (miette::Severity::Error, "error"),
        Severity::Warning => (miette::Severity::Warning, "warning"),
        Severity::Info => (miette::Severity::Advice, "info"),
    };
    let mut files: Vec<&str> = Vec::new();
    for label in &diagnostic.labels {
        if !files.contains(&label.span.file.as_str()) {
            files.push(&label.span.file);
        }
    }
    let of_file = |file: &str| diagnostic.labels.iter().filter(|l| l.span.file == file).collect::<Vec<_>>();
    let mut excerpts = files.iter().map(|file| excerpt(diagnostic, file, &of_file(file)));
    let (source, labels) = excerpts.next().unwrap_or((None, Vec::new()));
    let message = sink::terminal(&Untrusted::new(diagnostic.message.as_str()));
    let hidden = files.first().filter(|_| source.is_none()).and_then(|file| of_file(file).first().copied());
    let first = Shown {
        code: format!("{word}[{}]", diagnostic.code),
        message: match hidden {
            Some(label) => format!("{message} ({})", place(label)),
            None => message,
        },
        severity,
        help: None,
        source,
        labels,
    };
    let others = files.iter().skip(1).zip(excerpts).map(|(file, (source, labels))| Shown {
        code: String::new(),
        message: match of_file(file).first().filter(|_| source.is_none()) {
            Some(label) => format!("and here ({})", place(label)),
            None => "and here".into(),
        },
        severity: miette::Severity::Advice,
        help: None,
        source,
        labels,
    });
    let mut parts: Vec<Shown> = [first].into_iter().chain(others).collect();
    if let Some(last) = parts.last_mut() {
        last.help = diagnostic.help.as_ref().map(|help| sink::terminal(&Untrusted::new(help.as_str())));
    }
    parts
}

fn excerpt(diagnostic: &Diagnostic, file: &str, labels: &[&Label]) -> (Option<NamedSource<String>>, Vec<LabeledSpan>) {
    let Some(Source { text, .. }) = diagnostic.sources.iter().find(|source| &*source.name == file) else {
        return (None, Vec::new());
    };
    if labels.iter().any(|label| may_hold_secret(document_around(text, label.span.start))) {
        return (None, Vec::new());
    }
    let text = tame(text);
    let spans = labels.iter().map(|label| {
        let start = label.span.start.min(text.len());
        let length = label.span.end.min(text.len()).saturating_sub(start);
        LabeledSpan::new(Some(sink::terminal(&Untrusted::new(label.text.as_str()))), start, length)
    });
    let spans = spans.collect();
    (Some(NamedSource::new(file, text)), spans)
}

/// A place without its line.
fn place(label: &Label) -> String {
    let told = sink::terminal(&Untrusted::new(label.text.as_str()));
    let span = sink::terminal(&Untrusted::new(label.span.to_string()));
    format!("{span}: {told}; no line is shown of what may hold a Secret")
}

/// The YAML document that a place is in.
fn document_around(text: &str, at: usize) -> &str {
    let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (before, after) = text.split_at(at);
    let start = before.rfind("\n---").map_or(0, |found| found + 1);
    let end = after.find("\n---").map_or(text.len(), |found| at + found);
    text.get(start..end).unwrap_or(text)
}

/// Whether a text may be that of a Secret, readable or not: an excerpt of it would show what lies beside the place (T38).
fn may_hold_secret(text: &str) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let named = text.match_indices("Secret").any(|(at, word)| {
        let rest = text.get(at + word.len()..).unwrap_or_default();
        let rest = rest.strip_prefix("List").unwrap_or(rest);
        !is_word(text.get(..at).and_then(|before| before.chars().next_back())) && !is_word(rest.chars().next())
    });
    named || ["\\u0053", "\\x53", "\\U00000053"].iter().any(|escaped| text.contains(escaped))
}

/// A text whose excerpts can be shown: what a terminal would obey becomes `?`, byte for byte, so that every span still fits (T10).
fn tame(text: &str) -> String {
    let mut tamed = String::with_capacity(text.len());
    for c in text.chars() {
        let shown = c == '\n' || c == '\t' || sink::terminal(&Untrusted::new(c.to_string())).chars().eq([c]);
        if shown {
            tamed.push(c);
        } else if c == '\r' {
            tamed.push(' ');
        } else {
            tamed.extend(std::iter::repeat_n('?', c.len_utf8()));
        }
    }
    tamed
}
