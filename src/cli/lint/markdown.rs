//! A table for a page or a comment: `bpctl lint -o markdown`.

use bpctl_core::model::{Diagnostic, Untrusted};
use bpctl_core::render::sink;

/// One row a finding, below the summary.
pub fn render(found: &[Diagnostic], summary: &str) -> String {
    let mut text = format!("### bpctl lint\n\n{summary}\n");
    if found.is_empty() {
        return text;
    }
    let shown = |text: &str| sink::markdown(&Untrusted::new(text));
    text.push_str("\n| | where | what | instead |\n| --- | --- | --- | --- |\n");
    for diagnostic in found {
        let place = diagnostic.labels.first().map(|label| shown(&label.span.to_string())).unwrap_or_default();
        let help = diagnostic.help.as_deref().map(shown).unwrap_or_default();
        let (word, code) = (super::word(diagnostic.severity), shown(&diagnostic.code));
        text.push_str(&format!("| {word} {code} | {place} | {} | {help} |\n", shown(&diagnostic.message)));
    }
    text
}
