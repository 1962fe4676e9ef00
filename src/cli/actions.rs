//! `bpctl actions`.

use bpctl_core::action;
use bpctl_core::blueprint::{Operation, Tier};
use bpctl_core::govern::default_tier;
use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Format, Output};
use crate::runtime::Exit;

/// Arguments of `actions`.
#[derive(Debug, Args)]
pub struct ActionsArgs {
    /// Text for people, or JSON
    #[arg(short, long, default_value = "text", env = "BPCTL_OUTPUT")]
    output: Format,
}

/// `bpctl actions -o json`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionsOutput {
    /// Always 1; grows by adding.
    pub schema_version: u32,
    /// All of them.
    pub actions: Vec<KnownAction>,
}

/// One action that bpctl knows.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KnownAction {
    /// `scale`.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// What rules call it.
    pub operation: Operation,
    /// Its tier where no rule says otherwise.
    pub tier: Tier,
}

/// Runs the command.
pub fn run(args: &ActionsArgs, output: &Output) -> Exit {
    match args.output {
        Format::Text => {
            let lines: Vec<String> = action::ALL
                .iter()
                .map(|a| format!("{:<12} {:<15} {}", a.name, default_tier(a.operation).to_string(), a.about))
                .collect();
            output.data(&lines.join("\n"));
        }
        Format::Json => {
            let actions = action::ALL.iter().map(|known| KnownAction {
                name: known.name,
                about: known.about,
                operation: known.operation,
                tier: default_tier(known.operation),
            });
            output.json(&ActionsOutput { schema_version: 1, actions: actions.collect() });
        }
    }
    Exit::Fine
}
