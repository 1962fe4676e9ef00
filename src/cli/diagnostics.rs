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
    let first = excerpts.next().unwrap_or_default();
    let message = sink::terminal(&Untrusted::new(diagnostic.message.as_str()));
    let first = Shown {
        code: format!("{word}[{}]", diagnostic.code),
        message: format!("{message}{}", first.instead),
        severity,
        help: None,
        source: first.source,
        labels: first.labels,
    };
    let others = excerpts.map(|other| Shown {
        code: String::new(),
        message: format!("and here{}", other.instead),
        severity: miette::Severity::Advice,
        help: None,
        source: other.source,
        labels: other.labels,
    });
    let mut parts: Vec<Shown> = [first].into_iter().chain(others).collect();
    if let Some(last) = parts.last_mut() {
        last.help = diagnostic.help.as_ref().map(|help| sink::terminal(&Untrusted::new(help.as_str())));
    }
    parts
}

/// What is shown of one file.
#[derive(Default)]
struct Excerpt {
    source: Option<NamedSource<String>>,
    labels: Vec<LabeledSpan>,
    /// The place in words, where its line is not shown; else empty.
    instead: String,
}

fn excerpt(diagnostic: &Diagnostic, file: &str, labels: &[&Label]) -> Excerpt {
    let Some(Source { text, .. }) = diagnostic.sources.iter().find(|source| &*source.name == file) else {
        return Excerpt::default();
    };
    let hidden = labels.iter().find_map(|label| {
        let secret = may_hold_secret(document_around(text, label.span.start));
        let why =
            if secret { "no line is shown of what may hold a Secret" } else { "the line is too long to be shown" };
        (secret || is_long_around(text, label)).then(|| place(label, why))
    });
    if let Some(place) = hidden {
        return Excerpt { instead: format!(" ({place})"), ..Excerpt::default() };
    }
    let text = tame(text);
    let spans = labels.iter().map(|label| {
        let start = label.span.start.min(text.len());
        let length = label.span.end.min(text.len()).saturating_sub(start);
        LabeledSpan::new(Some(sink::terminal(&Untrusted::new(label.text.as_str()))), start, length)
    });
    let labels = spans.collect();
    Excerpt { source: Some(NamedSource::new(file, text)), labels, instead: String::new() }
}

/// A place without its line.
fn place(label: &Label, why: &str) -> String {
    let told = sink::terminal(&Untrusted::new(label.text.as_str()));
    let span = sink::terminal(&Untrusted::new(label.span.to_string()));
    format!("{span}: {told}; {why}")
}

/// Longer lines are not shown: nobody reads them, and no column beyond 65,535 can be pointed at.
const LONGEST_LINE: usize = 2_000;

/// Whether one of the lines that an excerpt would show is too long.
fn is_long_around(text: &str, label: &Label) -> bool {
    let bytes = text.as_bytes();
    let (start, end) = (label.span.start.min(bytes.len()), label.span.end.min(bytes.len()));
    let line_before = |at: usize| bytes[..at].iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    let line_after =
        |at: usize| bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |found| at + found);
    let from = line_before(line_before(start));
    let to = line_after((line_after(end.max(start)) + 1).min(bytes.len()));
    bytes.get(from..to).is_some_and(|shown| shown.split(|byte| *byte == b'\n').any(|line| line.len() > LONGEST_LINE))
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

#[cfg(test)]
mod tests {
    use bpctl_core::model::SourceSpan;

    use super::*;

    /// T45. Would miss: a line of more columns than can be counted to, which ended lint for everything else.
    #[test]
    fn t45_a_line_without_end_is_named_and_not_shown() {
        let text = format!("a: 1\nx: \"{}\" y\n", "a".repeat(70_000));
        let span = SourceSpan { file: "a.yaml".into(), line: 2, column: 70_006, start: 70_010, end: 70_011 };
        let source = Source { name: "a.yaml".into(), text: text.as_str().into() };
        let told = render(&[Diagnostic::error("syntax", "it is wrong").label(span, "here").source(source)], false, 200);
        assert!(
            told.contains("(a.yaml:2:70006: here; the line is too long to be shown)") && told.len() < 500,
            "{told}"
        );
    }

    /// Would miss: a place whose text is not at hand, said to be hidden for a Secret's sake.
    #[test]
    fn only_what_may_hold_a_secret_is_said_to_be_hidden() {
        let span = SourceSpan { file: "a.yaml".into(), line: 1, column: 1, start: 0, end: 4 };
        let found = Diagnostic::error("wrong-type", "it is wrong").label(span, "here");
        let shown = |found: Diagnostic| render(&[found], false, 200);
        assert!(!shown(found.clone()).contains("Secret"));
        let hidden = Source { name: "a.yaml".into(), text: "kind: Secret\ndata: {a: canary}\n".into() };
        let told = shown(found.source(hidden));
        assert!(told.contains("(a.yaml:1:1: here; no line is shown of what may hold a Secret)"), "{told}");
        assert!(!told.contains("canary"), "{told}");
    }
}
