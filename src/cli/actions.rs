//! `bpctl actions`.

use bpctl_core::action;
use bpctl_core::govern::default_tier;
use clap::Args;

use super::{Format, Output};
use crate::runtime::Exit;

/// Arguments of `actions`.
#[derive(Debug, Args)]
pub struct ActionsArgs {
    /// Text for people, or JSON
    #[arg(short, long, default_value = "text", env = "BPCTL_OUTPUT")]
    output: Format,
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
            let list: Vec<_> = action::ALL
                .iter()
                .map(|a| serde_json::json!({"name": a.name, "about": a.about, "operation": a.operation, "tier": default_tier(a.operation)}))
                .collect();
            output.json(&serde_json::json!({"schemaVersion": 1, "actions": list}));
        }
    }
    Exit::Fine
}
