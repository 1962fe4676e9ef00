//! `bpctl lint`: one file per output format.

mod github;
mod junit;
mod markdown;
mod sarif;
mod text;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::str::FromStr;

use bpctl_core::model::{Diagnostic, Severity, Untrusted};
use bpctl_core::render::sink;
use clap::{Args, ValueEnum};
use schemars::JsonSchema;
use serde::Serialize;

use super::output::json_text;
use super::{CommandError, Global, Output, repository};
use crate::git::Repository;
use crate::pipeline::lint;
use crate::runtime::{self, Exit};

/// Arguments of `lint`.
#[derive(Debug, Args)]
pub struct LintArgs {
    /// Text for people; JSON; a report for code scanning, for tests, for a workflow's log or for a page
    #[arg(short, long, default_value = "text", env = "BPCTL_OUTPUT")]
    output: LintFormat,
    /// Show only what lies in files that differ from this branch, tag or commit
    #[arg(long, value_name = "REF", env = "BPCTL_CHANGED_SINCE")]
    changed_since: Option<String>,
    /// Check that versions rose as much as what changed since this branch, tag or commit needs
    #[arg(long, value_name = "REF", env = "BPCTL_LINT_BASE")]
    base: Option<String>,
    /// Write the values whose change makes no decision another, in place, and the versions that `--base` asks for; say what was written
    #[arg(long, env = "BPCTL_FIX", value_parser = super::flag())]
    fix: bool,
    /// Exit with 6 when something is at least this bad
    #[arg(long, default_value = "error", env = "BPCTL_FAIL_ON")]
    fail_on: FailOn,
    /// Also write what was found to this file in this format, as `sarif:FILE`; may be given several times
    #[arg(long, value_name = "FORMAT:FILE", env = "BPCTL_REPORT", value_delimiter = ',')]
    report: Vec<Report>,
}

/// A report that is written beside what is printed: one run serves people, code scanning and a job's summary.
#[derive(Debug, Clone)]
struct Report {
    format: LintFormat,
    file: PathBuf,
}

impl FromStr for Report {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (format, file) =
            text.split_once(':').filter(|(_, file)| !file.is_empty()).ok_or("a format, a colon and a file")?;
        let format = LintFormat::from_str(format, false).map_err(|_| {
            let known: Vec<_> = LintFormat::value_variants().iter().filter_map(ValueEnum::to_possible_value).collect();
            let known: Vec<&str> = known.iter().map(clap::builder::PossibleValue::get_name).collect();
            format!("{format} is none of {}", known.join(", "))
        })?;
        if format == LintFormat::Text {
            return Err("text is for a terminal; `markdown` is for a page".into());
        }
        Ok(Self { format, file: file.into() })
    }
}

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LintFormat {
    /// For people.
    Text,
    /// For machines; its schema is under schemas/.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// JUnit XML, for the test reports of CI servers.
    Junit,
    /// Workflow commands, for the log of GitHub, Gitea and Forgejo Actions.
    Github,
    /// A table, for a page or a comment.
    Markdown,
}

/// A severity's word.
fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

/// How bad is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Error,
    Warning,
    Info,
    Never,
}

/// `bpctl lint -o json`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LintReport {
    /// Always 1; grows by adding.
    pub schema_version: u32,
    /// Blueprints that were read.
    pub blueprints: usize,
    /// Policies that were read.
    pub policies: usize,
    /// Findings that a suppression hides; `--changed-since` has no say in it.
    pub suppressed: usize,
    /// Problems.
    pub diagnostics: Vec<Diagnostic>,
}

/// Runs the command.
pub async fn run(global: &Global, args: &LintArgs, output: &Output) -> Result<Exit, CommandError> {
    let options = lint::LintOptions { changed_since: args.changed_since.clone(), base: args.base.clone() };
    let repository = repository(global)?;
    let mut linted = lint::run(&repository, &options, runtime::now()).await?;
    if args.fix {
        // A value that was written may need a version: a second round writes that.
        let mut refused = BTreeSet::new();
        for _ in 0..2 {
            if !write(&repository, &linted.fixes, &mut refused, output)? {
                break;
            }
            linted = lint::run(&repository, &options, runtime::now()).await?;
        }
        for why in refused {
            output.talk(&why);
        }
    }
    let least = match args.fail_on {
        FailOn::Never => None,
        FailOn::Error => Some(Severity::Error),
        FailOn::Warning => Some(Severity::Warning),
        FailOn::Info => Some(Severity::Info),
    };
    let fails = |diagnostic: &Diagnostic| least.is_some_and(|least| diagnostic.severity >= least);
    let bad = linted.diagnostics.iter().any(fails);
    for report in &args.report {
        let text = sink::page(written(report.format, &linted, fails)?.trim_end());
        runtime::write_file(&report.file, format!("{text}\n").as_bytes())
            .map_err(|source| CommandError::io(&format!("write {}", report.file.display()), source))?;
    }
    if args.output == LintFormat::Text {
        text::sort(&mut linted.diagnostics);
        output.raw(&format!("{}{}", text::render(&linted.diagnostics, output), summary(&linted)));
        if let Some(first) = linted.diagnostics.first() {
            output.talk(&format!("hint: bpctl explain {}", first.code));
        }
    } else {
        output.data(&written(args.output, &linted, fails)?);
    }
    Ok(if bad { Exit::Found } else { Exit::Fine })
}

/// What was found, as machines and pages read it.
fn written(
    format: LintFormat,
    linted: &lint::Linted,
    fails: impl Fn(&Diagnostic) -> bool,
) -> Result<String, CommandError> {
    let lint::Linted { diagnostics, blueprints, policies, suppressed, .. } = linted;
    Ok(match format {
        LintFormat::Json => json_text(&LintReport {
            schema_version: 1,
            blueprints: *blueprints,
            policies: *policies,
            suppressed: *suppressed,
            diagnostics: diagnostics.clone(),
        }),
        LintFormat::Sarif => json_text(&sarif::render(diagnostics)),
        LintFormat::Junit => {
            junit::render(diagnostics, fails).map_err(|source| CommandError::io("write the report", source))?
        }
        LintFormat::Github => format!("{}{}", github::render(diagnostics), summary(linted)),
        LintFormat::Markdown | LintFormat::Text => markdown::render(diagnostics, summary(linted).trim_end()),
    })
}

/// Writes fixed files into the work tree, and says each value. Whether any was.
fn write(
    repository: &Repository,
    fixes: &[lint::FixedFile],
    refused: &mut BTreeSet<String>,
    output: &Output,
) -> Result<bool, CommandError> {
    let mut any = false;
    for file in fixes {
        let Some(root) = repository.work_tree() else { continue };
        refused.extend(file.refused.iter().map(|(_, why)| format!("not fixed {}: {why}", file.path)));
        if file.values.is_empty() {
            continue;
        }
        runtime::write_file(&root.join(file.path.as_str()), &file.bytes)
            .map_err(|source| CommandError::io(&format!("write {}", file.path), source))?;
        any = true;
        for fix in &file.values {
            let from = sink::terminal(&Untrusted::new(fix.from.as_str()));
            output.talk(&format!("fixed {}: {from} → {} ({})", fix.span, fix.to, fix.code));
        }
    }
    Ok(any)
}

/// What was read, and what was found in it, in a line.
fn summary(linted: &lint::Linted) -> String {
    let found = |severity| linted.diagnostics.iter().filter(|d| d.severity == severity).count();
    let plural = |n: usize, what: &str, many: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {many}") };
    let mut read = if linted.unread {
        "bpctl.yaml could not be read, and so nothing else was".into()
    } else {
        let blueprints = plural(linted.blueprints, "blueprint", "blueprints");
        format!("{blueprints}, {}", plural(linted.policies, "policy", "policies"))
    };
    if linted.files_unread > 0 {
        read.push_str(&format!(", {} not read", plural(linted.files_unread, "file", "files")));
    }
    let counts = [
        (found(Severity::Error), "error", "errors"),
        (found(Severity::Warning), "warning", "warnings"),
        (found(Severity::Info), "hint", "hints"),
    ];
    // Warnings are always said beside errors; hints only where there are any.
    let mut said: Vec<String> = match counts {
        [(0, ..), (0, ..), (0, ..)] => vec!["no problems".into()],
        [(0, ..), (0, ..), hints] => vec!["no problems".into(), plural(hints.0, hints.1, hints.2)],
        all => {
            let shown = all.into_iter().enumerate().filter(|(at, (count, ..))| *at < 2 || *count > 0);
            shown.map(|(_, (count, one, many))| plural(count, one, many)).collect()
        }
    };
    if linted.suppressed > 0 {
        said.push(format!("{} suppressed", linted.suppressed));
    }
    format!("{read}: {}\n", said.join(", "))
}
