//! Diagnostics with excerpts of the text they are about.

use std::ops::Range;

use bpctl_core::credential::lines_that_hold;
use bpctl_core::model::{Diagnostic, Label, Severity, Source, Untrusted};
use bpctl_core::render::sink;
use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SpanContents,
};

/// One excerpt of a diagnostic: miette shows one file at a time.
#[derive(Debug)]
struct Shown {
    code: String,
    message: String,
    severity: miette::Severity,
    help: Option<String>,
    source: Option<Window>,
    labels: Vec<LabeledSpan>,
}

/// The lines of a file around what is marked. Of a whole file every byte would be looked at anew for each finding in it (T42).
#[derive(Debug, Default)]
struct Window {
    name: String,
    text: String,
    /// The file's lines before the first of these.
    above: usize,
    /// How many of those miette is told to count among what one excerpt shows: as of a whole file, up to [`LONGEST_EXCERPT`].
    counted: usize,
}

impl SourceCode for Window {
    fn read_span<'a>(
        &'a self,
        span: &miette::SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let read = self.text.read_span(span, before, after)?;
        let (line, count) = (read.line() + self.above, read.line_count() + self.counted);
        let name = self.name.clone();
        Ok(Box::new(MietteSpanContents::new_named(name, read.data(), *read.span(), line, read.column(), count)))
    }
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
    source: Option<Window>,
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
    let lines = lines_around(text, labels);
    let spans = labels.iter().map(|label| {
        let start = label.span.start.min(text.len());
        let length = label.span.end.min(text.len()).saturating_sub(start);
        let told = sink::terminal(&Untrusted::new(label.text.as_str()));
        LabeledSpan::new(Some(told), start.saturating_sub(lines.start), length)
    });
    let labels = spans.collect();
    let count = |text: &str| text.bytes().filter(|byte| *byte == b'\n').count();
    let above = count(text.get(..lines.start).unwrap_or_default());
    let from = lines.start;
    let shown = text.get(lines).unwrap_or_default();
    let counted = if count(shown) > LONGEST_EXCERPT { 0 } else { above };
    Excerpt {
        source: Some(Window { name: file.into(), text: tame(&withheld(text, from, shown)), above, counted }),
        labels,
        instead: String::new(),
    }
}

/// Places further apart than so many lines are shown each by itself.
const LONGEST_EXCERPT: usize = 500;

/// The lines from two before the first label to three after the last: more than an excerpt shows.
fn lines_around(text: &str, labels: &[&Label]) -> Range<usize> {
    let bytes = text.as_bytes();
    let mut start = labels.iter().map(|label| label.span.start).min().unwrap_or_default().min(bytes.len());
    let mut end = labels.iter().map(|label| label.span.end.max(label.span.start)).max().unwrap_or_default();
    end = end.min(bytes.len());
    start =
        bytes[..start].iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n').nth(2).map_or(0, |(at, _)| at + 1);
    let after = bytes[end..].iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(4);
    start..after.map_or(bytes.len(), |(at, _)| end + at + 1)
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

/// How many lines above an excerpt say what its own lines belong to.
const CONTEXT: usize = 200;

/// An excerpt without values that may be credentials: byte for byte, so that every span still fits (T38).
fn withheld(text: &str, from: usize, shown: &str) -> String {
    let above = text.get(..from).unwrap_or_default();
    let start = above.rmatch_indices('\n').nth(CONTEXT).map_or(0, |(at, _)| at + 1);
    let context = text.get(start..from + shown.len()).unwrap_or(shown);
    let skipped = context.get(..from - start).unwrap_or_default().lines().count();
    let holds = lines_that_hold(context);
    let mut out = String::with_capacity(shown.len());
    for (line, holds) in
        shown.split_inclusive('\n').zip(holds.into_iter().skip(skipped).chain(std::iter::repeat(false)))
    {
        let value = line.find([':', '=']).map_or(0, |at| at + 1);
        let (name, value) = if holds { line.split_at(value) } else { (line, "") };
        out.push_str(name);
        let hidden = |c: char| if c.is_whitespace() { c.to_string() } else { "*".repeat(c.len_utf8()) };
        out.extend(value.chars().map(hidden));
    }
    out
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

    use miette::NamedSource;

    use super::*;

    /// T38. Would miss: a credential in the line that is shown, or in its neighbour; and a place that is pointed to elsewhere than without it.
    #[test]
    fn t38_no_excerpt_shows_a_credential() {
        let text = "a: 1\nenv:\n- name: DB_PASSWORD\n  value: hunter2\n- {name: API_TOKEN, value: \"s3cr3t\"}\nb: 2\n";
        let at = text.find("hunter2").unwrap();
        let span = SourceSpan { file: "a.yaml".into(), line: 4, column: 10, start: at, end: at + 7 };
        let source = Source { name: "a.yaml".into(), text: text.into() };
        let found = Diagnostic::error("code", "it is wrong").label(span, "here").source(source);
        let told = render(&[found], false, 200);
        assert!(!told.contains("hunter2") && !told.contains("s3cr3t"), "{told}");
        assert!(told.contains("value: *******") || told.contains("value: \u{2a}"), "{told}");
        assert!(told.contains("- name: DB_PASSWORD") && told.contains("here"), "{told}");
    }

    /// T42. Would miss: excerpts whose lines are numbered from the window's first, that lose the line before or after, or that take other
    /// places together than those of the whole file.
    #[test]
    fn t42_excerpts_of_a_window_are_those_of_the_whole_file() {
        let line = |at: usize| format!("{}k{at}: é\u{1b}\t{}\r\n", " ".repeat(at % 5), "v".repeat(at % 11));
        let text: String = (0..120).map(line).chain(["last: 1".into()]).collect();
        let (whole, ends) = (tame(&text), text.len());
        let starts: Vec<usize> = (0..ends).step_by(97).chain([0, 1, ends - 1, ends]).collect();
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_context_lines(1);
        for (at, first) in starts.iter().enumerate() {
            for (second, length) in [(starts[at * 7 % starts.len()], 3), (*first + 40, 0), (*first, 90)] {
                let place = |start: usize, end: usize| SourceSpan { file: "a".into(), line: 1, column: 1, start, end };
                let source = Source { name: "a".into(), text: text.as_str().into() };
                let found = Diagnostic::error("code", "it is wrong").source(source).help("mend it");
                let found =
                    found.label(place(*first, first + 3), "here").label(place(second, second + length), "and here");
                let shown = render(&[found], false, 80);
                let labels = [(*first, 3, "here"), (second, length, "and here")].map(|(start, length, told)| {
                    let start = start.min(ends);
                    LabeledSpan::new(Some(told.into()), start, (start + length).min(ends) - start)
                });
                let of_all = miette::MietteDiagnostic::new("it is wrong").with_code("error[code]").with_help("mend it");
                let of_all = miette::Report::new(of_all.with_severity(miette::Severity::Error).with_labels(labels))
                    .with_source_code(NamedSource::new("a", whole.clone()));
                let mut expected = String::new();
                handler.render_report(&mut expected, of_all.as_ref()).unwrap();
                assert_eq!(shown.trim_end(), expected.trim_end(), "{first} {second} {length}");
            }
        }
    }

    /// T42. Would miss: two places at the ends of a long file, told with all that stands between them.
    #[test]
    fn t42_what_lies_far_apart_is_shown_without_what_is_between() {
        let lines: Vec<String> = (0..5_000).map(|at| format!("k{at}: v\n")).collect();
        let text = lines.concat();
        let place = |of: &str| {
            let start = text.find(of).unwrap();
            SourceSpan { file: "a.yaml".into(), line: 1, column: 1, start, end: start + of.len() }
        };
        let source = Source { name: "a.yaml".into(), text: text.as_str().into() };
        let found = Diagnostic::error("code", "it is wrong").source(source);
        let told = render(&[found.label(place("k3000"), "here").label(place("k4999"), "and here")], false, 80);
        assert!(told.contains(" 3001 │ k3000: v") && told.contains(" 5000 │ k4999: v"), "{told}");
        assert!(told.lines().count() < 30, "{told}");
    }

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
