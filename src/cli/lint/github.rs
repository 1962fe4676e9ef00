//! Workflow commands of GitHub, Gitea and Forgejo, which show findings beside the lines that they are about: `bpctl lint -o github`.

use bpctl_core::model::{Diagnostic, Severity, Untrusted};
use bpctl_core::render::sink;

/// One command a finding.
pub fn render(found: &[Diagnostic]) -> String {
    found.iter().map(command).collect()
}

fn command(diagnostic: &Diagnostic) -> String {
    let name = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "notice",
    };
    let property = |text: &str| sink::workflow_property(&Untrusted::new(text));
    let message = |text: &str| sink::workflow_message(&Untrusted::new(text));
    let place = diagnostic.labels.first().map_or_else(String::new, |label| {
        format!("file={},line={},col={},", property(&label.span.file), label.span.line, label.span.column)
    });
    let mut text = message(&diagnostic.message);
    for part in diagnostic.labels.first().map(|label| &label.text).into_iter().chain(&diagnostic.help) {
        text.push_str(&format!("%0A{}", message(part)));
    }
    format!("::{name} {place}title={}::{text}\n", property(&diagnostic.code))
}
