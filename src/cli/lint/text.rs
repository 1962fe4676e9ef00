//! Findings for people: `bpctl lint`. What has to be mended first, each with its lines; hints after it, and short.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use bpctl_core::blueprint::lint;
use bpctl_core::model::{Diagnostic, Severity, Untrusted};
use bpctl_core::render::sink;

use crate::cli::Output;

/// Of the hints of one code this many are named.
const HINTS: usize = 3;

/// The worst first; of one severity by file and line.
pub fn sort(found: &mut [Diagnostic]) {
    found.sort_by_key(|diagnostic| Reverse(diagnostic.severity));
}

/// Sorted findings: errors and warnings with excerpts, but what `--fix` writes into many files in a line each; then the hints, by code.
pub fn render(found: &[Diagnostic], output: &Output) -> String {
    let bumps: Vec<&Diagnostic> = found.iter().filter(|diagnostic| diagnostic.code == lint::VERSION_BUMP).collect();
    let mut text = String::new();
    for diagnostic in found.iter().filter(|diagnostic| diagnostic.severity > Severity::Info) {
        if diagnostic.code != lint::VERSION_BUMP || bumps.len() == 1 {
            text.push_str(&output.excerpts(std::slice::from_ref(diagnostic)));
        }
    }
    if bumps.len() > 1 {
        text.push_str(&brief(&bumps, usize::MAX));
    }
    let mut hints: BTreeMap<&str, Vec<&Diagnostic>> = BTreeMap::new();
    for diagnostic in found.iter().filter(|diagnostic| diagnostic.severity == Severity::Info) {
        hints.entry(&diagnostic.code).or_default().push(diagnostic);
    }
    text.extend(hints.values().map(|of_one| brief(of_one, HINTS)));
    text
}

/// Findings of one code, a line each, and what to do once.
fn brief(found: &[&Diagnostic], most: usize) -> String {
    let shown = |text: &str| sink::terminal(&Untrusted::new(text));
    let Some(first) = found.first() else { return String::new() };
    let mut text = format!("{}[{}]\n", super::word(first.severity), shown(&first.code));
    for diagnostic in found.iter().take(most) {
        let place = diagnostic.labels.first().map_or_else(String::new, |label| format!("{}: ", label.span));
        text.push_str(&format!("  {}{}\n", shown(&place), shown(&diagnostic.message)));
    }
    if found.len() > most {
        text.push_str(&format!("  and {} more: bpctl lint -o json has all\n", found.len() - most));
    }
    let help = match found {
        _ if first.code == lint::VERSION_BUMP => Some("run the same with --fix: it writes these versions"),
        _ => first.help.as_deref(),
    };
    if let Some(help) = help {
        text.push_str(&format!("  help: {}\n", shown(help)));
    }
    text.push('\n');
    text
}
