//! `bpctl schema`: JSON Schemas of files and outputs, generated from the types.

use std::path::PathBuf;

use bpctl_core::blueprint::{Blueprint, Policy, Suppression, Workspace};
use bpctl_core::govern::PullJudgement;
use bpctl_core::ledger::Entry;
use bpctl_core::observe::Observation;
use bpctl_core::plan::Plan;
use clap::Args;
use schemars::generate::SchemaSettings;

use super::{CommandError, Output, actions, apply, audit, breaker, comment, doctor, lint, origin, verify};
use crate::pipeline::stage;
use crate::runtime::{self, Exit};

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Which; left out: list them
    name: Option<String>,
    /// Write all of them into this folder
    #[arg(long, value_name = "FOLDER", env = "BPCTL_SCHEMA_OUT", conflicts_with = "name")]
    write: Option<PathBuf>,
}

/// All schemas: name and text.
pub fn all() -> Vec<(&'static str, String)> {
    fn text<T: schemars::JsonSchema>(name: &str) -> String {
        let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
        schema.insert("$id".into(), format!("https://bpctl.dev/schemas/{name}.v1.json").into());
        let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
        text.push('\n');
        text
    }
    vec![
        ("blueprint", text::<Blueprint>("blueprint")),
        ("policy", text::<Policy>("policy")),
        ("suppression", text::<Suppression>("suppression")),
        ("workspace", text::<Workspace>("workspace")),
        ("plan", text::<Plan>("plan")),
        ("catalog", text::<stage::Parsed>("catalog")),
        ("observation", text::<Observation>("observation")),
        ("decisions", text::<stage::Decided>("decisions")),
        ("executed", text::<crate::pipeline::apply::Executed>("executed")),
        ("verification", text::<stage::Verification>("verification")),
        ("lint", text::<lint::LintReport>("lint")),
        ("judgement", text::<PullJudgement>("judgement")),
        ("comment", text::<comment::CommentOutput>("comment")),
        ("apply", text::<apply::ApplyOutput>("apply")),
        ("verify", text::<verify::VerifyOutput>("verify")),
        ("actions", text::<actions::ActionsOutput>("actions")),
        ("audit", text::<audit::AuditOutput>("audit")),
        ("audit-replay", text::<audit::ReplayOutput>("audit-replay")),
        ("audit-backtest", text::<audit::BacktestOutput>("audit-backtest")),
        ("audit-verify", text::<audit::TrailOutput>("audit-verify")),
        ("breaker", text::<breaker::BreakerOutput>("breaker")),
        ("doctor", text::<doctor::DoctorOutput>("doctor")),
        ("suggestions", text::<crate::pipeline::suggest::Suggestions>("suggestions")),
        ("where", text::<origin::WhereOutput>("where")),
        ("ledger-entry", text::<Entry>("ledger-entry")),
    ]
}

/// Runs the command.
pub fn run(args: &SchemaArgs, output: &Output) -> Result<Exit, CommandError> {
    let all = all();
    if let Some(folder) = &args.write {
        for (name, text) in &all {
            let file = folder.join(format!("{name}.v1.json"));
            runtime::write_file(&file, text.as_bytes())
                .map_err(|source| CommandError::io(&format!("write {}", file.display()), source))?;
        }
        output.talk(&format!("wrote {} schemas to {}", all.len(), folder.display()));
        return Ok(Exit::Fine);
    }
    let Some(wanted) = &args.name else {
        output.data(&all.iter().map(|(name, _)| *name).collect::<Vec<_>>().join("\n"));
        return Ok(Exit::Fine);
    };
    let names = || all.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let (_, text) = all
        .iter()
        .find(|(name, _)| name == wanted)
        .ok_or_else(|| CommandError::usage(format!("there is no schema {wanted:?}"), format!("one of: {}", names())))?;
    output.data(text);
    Ok(Exit::Fine)
}
