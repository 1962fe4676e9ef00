//! SARIF 2.1.0, for code scanning: `bpctl lint -o sarif`.

use bpctl_core::blueprint::lint;
use bpctl_core::model::{Diagnostic, Label, Severity, Untrusted};
use bpctl_core::render::sink;
use serde_json::{Value as Json, json};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The whole log: one run, all rules, one result a finding.
pub fn render(found: &[Diagnostic]) -> Json {
    let pages: Vec<lint::Page> = lint::pages().collect();
    let rules: Vec<Json> = pages
        .iter()
        .map(|page| {
            json!({
                "id": page.code,
                "shortDescription": {"text": page.about},
                "fullDescription": {"text": page.about},
                "help": {"text": page.explain},
            })
        })
        .collect();
    let results: Vec<Json> = found
        .iter()
        .map(|diagnostic| {
            let mut result = json!({
                "ruleId": diagnostic.code,
                "level": level(diagnostic.severity),
                "message": {"text": message(diagnostic)},
            });
            if let Some(index) = pages.iter().position(|page| page.code == diagnostic.code) {
                result["ruleIndex"] = index.into();
            }
            if let [first, others @ ..] = diagnostic.labels.as_slice() {
                result["locations"] = json!([location(first)]);
                result["relatedLocations"] = others.iter().map(location).collect();
            }
            result
        })
        .collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "bpctl",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn location(label: &Label) -> Json {
    json!({
        "physicalLocation": {
            "artifactLocation": {"uri": uri(&label.span.file)},
            "region": {"startLine": label.span.line, "startColumn": label.span.column},
        },
        "message": {"text": plain(&label.text)},
    })
}

fn message(diagnostic: &Diagnostic) -> String {
    match &diagnostic.help {
        Some(help) => format!("{}. Help: {}", plain(&diagnostic.message), plain(help)),
        None => plain(&diagnostic.message),
    }
}

/// Text in which no link is live: SARIF reads `[text](target)` even in plain messages.
fn plain(text: &str) -> String {
    sink::terminal(&Untrusted::new(text)).replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]")
}

/// A repository path as a relative URI.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}
