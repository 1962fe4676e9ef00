//! `bpctl lint`.

use bpctl_core::model::{Diagnostic, Severity};
use clap::{Args, ValueEnum};
use schemars::JsonSchema;
use serde::Serialize;

use super::{CommandError, Format, Global, Output, repository};
use crate::pipeline::lint;
use crate::runtime::{self, Exit};

/// Arguments of `lint`.
#[derive(Debug, Args)]
pub struct LintArgs {
    /// Text for people, or JSON
    #[arg(short, long, default_value = "text", env = "BPCTL_OUTPUT")]
    output: Format,
    /// Exit with 6 when something is at least this bad
    #[arg(long, default_value = "error", env = "BPCTL_FAIL_ON")]
    fail_on: FailOn,
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
    /// Problems.
    pub diagnostics: Vec<Diagnostic>,
}

/// Runs the command.
pub fn run(global: &Global, args: &LintArgs, output: &Output) -> Result<Exit, CommandError> {
    let linted = lint::run(&repository(global)?, runtime::now())?;
    let found = |severity| linted.diagnostics.iter().filter(|d| d.severity == severity).count();
    let (errors, warnings) = (found(Severity::Error), found(Severity::Warning));
    let bad = match args.fail_on {
        FailOn::Never => false,
        FailOn::Error => errors > 0,
        FailOn::Warning => errors + warnings > 0,
        FailOn::Info => !linted.diagnostics.is_empty(),
    };
    match args.output {
        Format::Json => {
            let lint::Linted { diagnostics, blueprints, policies } = linted;
            output.json(&LintReport { schema_version: 1, blueprints, policies, diagnostics });
        }
        Format::Text => {
            let mut text = output.excerpts(&linted.diagnostics);
            let plural =
                |n: usize, what: &str, many: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {many}") };
            let read = format!(
                "{}, {}",
                plural(linted.blueprints, "blueprint", "blueprints"),
                plural(linted.policies, "policy", "policies")
            );
            text.push_str(&match (errors, warnings) {
                (0, 0) => format!("{read}: no problems\n"),
                _ => format!(
                    "{read}: {}, {}\n",
                    plural(errors, "error", "errors"),
                    plural(warnings, "warning", "warnings")
                ),
            });
            output.raw(&text);
            if let Some(first) = linted.diagnostics.first() {
                output.talk(&format!("hint: bpctl explain {}", first.code));
            }
        }
    }
    Ok(if bad { Exit::Found } else { Exit::Fine })
}
