//! Findings for people: `bpctl lint`. What has to be mended first, each with its lines; hints after it, and short.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use bpctl_core::blueprint::lint;
use bpctl_core::model::{Diagnostic, Severity, Untrusted};
use bpctl_core::render::sink;

use crate::cli::Output;

/// Of the hints of one code this many are named.
const HINTS: usize = 3;

/// Of the errors and warnings of one code this many are shown of a file: more of the same tell nobody more (T42).
const SHOWN: usize = 20;

/// The worst first; of one severity by file and line, and versions after what they are about.
pub fn sort(found: &mut [Diagnostic]) {
    found.sort_by_key(|diagnostic| (Reverse(diagnostic.severity), is_bump(diagnostic)));
}

/// Sorted findings: errors and warnings with excerpts, but what `--fix` writes into many files in a line each; then the hints, by code.
pub fn render(found: &[Diagnostic], output: &Output) -> String {
    let mut text = String::new();
    let bumps: Vec<&Diagnostic> = found.iter().filter(|diagnostic| is_bump(diagnostic)).collect();
    let mut hints: BTreeMap<&str, Vec<&Diagnostic>> = BTreeMap::new();
    let mut of_file: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for diagnostic in found {
        *of_file.entry(kind_of(diagnostic)).or_default() += 1;
    }
    let mut shown: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for diagnostic in found {
        if diagnostic.severity == Severity::Info {
            hints.entry(&diagnostic.code).or_default().push(diagnostic);
        } else if bumps.len() < 2 || !is_bump(diagnostic) {
            let kind = kind_of(diagnostic);
            let before = shown.entry(kind).or_default();
            *before += 1;
            if *before <= SHOWN {
                text.push_str(&output.excerpts(std::slice::from_ref(diagnostic)));
            }
            let all = of_file.get(&kind).copied().unwrap_or_default();
            if *before == SHOWN && all > SHOWN {
                text.push_str(&more(diagnostic, all - SHOWN));
            }
        } else if std::ptr::eq(diagnostic, bumps[0]) {
            text.push_str(&brief(&bumps, usize::MAX));
        }
    }
    text.extend(hints.values().map(|of_one| brief(of_one, HINTS)));
    text
}

/// Code and file of a finding.
fn kind_of(diagnostic: &Diagnostic) -> (&str, &str) {
    (&diagnostic.code, diagnostic.labels.first().map_or("", |label| &label.span.file))
}

/// What is said of findings that are not shown.
fn more(of: &Diagnostic, count: usize) -> String {
    let shown = |text: &str| sink::terminal(&Untrusted::new(text));
    let (code, file) = kind_of(of);
    let place = if file.is_empty() { String::new() } else { format!(" in {}", shown(file)) };
    format!(
        "{}[{}]\n  and {count} more of this code{place}: bpctl lint -o json has all\n\n",
        super::word(of.severity),
        shown(code)
    )
}

fn is_bump(diagnostic: &Diagnostic) -> bool {
    diagnostic.code == lint::VERSION_BUMP
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
    let help =
        if is_bump(first) { Some("run the same with --fix: it writes these versions") } else { first.help.as_deref() };
    if let Some(help) = help {
        text.push_str(&format!("  help: {}\n", shown(help)));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would miss: a code that drowns all others, and one whose rest is left out without a word.
    #[test]
    fn many_hints_of_one_code_are_a_few_lines() {
        let hints: Vec<Diagnostic> =
            (0..5).map(|number| Diagnostic::info("scaling-fixed", format!("hint {number}")).help("raise it")).collect();
        let text = brief(&hints.iter().collect::<Vec<_>>(), HINTS);
        let told = "  hint 0\n  hint 1\n  hint 2\n  and 2 more: bpctl lint -o json has all\n  help: raise it\n\n";
        assert_eq!(text, format!("info[scaling-fixed]\n{told}"));
    }
}
