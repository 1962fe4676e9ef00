//! `bpctl doctor`.

use bpctl_core::model::Untrusted;
use bpctl_core::render::sink;
use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::{CommandError, Format, Global, Output, event, folder_of, with_token};
use crate::forge::{Check, State};
use crate::git::Repository;
use crate::pipeline::SessionOptions;
use crate::pipeline::doctor::{Area, look_over};
use crate::runtime::{self, Exit};

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// This environment only
    #[arg(short, long = "env", value_name = "NAME", env = "BPCTL_ENV")]
    environment: Option<String>,
    /// Send a test to the chat, and open an issue that is closed at once: whether people hear of an alert
    #[arg(long, env = "BPCTL_TEST_ALERT", value_parser = super::flag())]
    test_alert: bool,
    /// Text for people, or JSON
    #[arg(short, long, default_value = "text", env = "BPCTL_OUTPUT")]
    output: Format,
}

/// `bpctl doctor -o json`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoctorOutput {
    /// Always 1; grows by adding.
    pub schema_version: u32,
    /// What was looked at, in order.
    pub areas: Vec<Area>,
}

/// Runs the command.
pub async fn run(global: &Global, args: &DoctorArgs, output: &Output) -> Result<Exit, CommandError> {
    let folder = runtime::start_folder(global.directory.as_deref())
        .map_err(|source| CommandError::io(&folder_of(global), source))?;
    // Before a credential is read; that there is no repository is told with the rest.
    if let Ok(repository) = Repository::discover(&folder) {
        event::refuse_strangers(&repository)?;
    }
    let named = args.environment.as_deref().filter(|name| !name.is_empty());
    let areas = look_over(&folder, named, with_token(SessionOptions::default()), args.test_alert).await;
    let broken = areas.iter().flat_map(|area| &area.checks).any(|check| check.state == State::Broken);
    match args.output {
        Format::Text => output.data(&text(&areas)),
        Format::Json => output.json(&DoctorOutput { schema_version: 1, areas }),
    }
    Ok(if broken { Exit::Found } else { Exit::Fine })
}

fn text(areas: &[Area]) -> String {
    let mut lines = Vec::new();
    for Area { name, checks } in areas {
        lines.push(shown(name));
        for Check { state, told, mend } in checks {
            let symbol = match state {
                State::Fine => '✓',
                State::Limited => '!',
                State::Broken => '✗',
            };
            lines.push(format!("  {symbol} {}", shown(told)));
            lines.extend(mend.as_ref().map(|mend| format!("      {}", shown(mend))));
        }
        lines.push(String::new());
    }
    let of = |wanted: State| areas.iter().flat_map(|area| &area.checks).filter(|check| check.state == wanted).count();
    let mut sum = vec![format!("{} fine", of(State::Fine))];
    sum.extend(Some(of(State::Limited)).filter(|n| *n > 0).map(|n| format!("{n} do less for it (!)")));
    sum.extend(Some(of(State::Broken)).filter(|n| *n > 0).map(|n| format!("{n} to mend (✗)")));
    lines.push(sum.join(" · "));
    lines.join("\n")
}

fn shown(text: &str) -> String {
    sink::terminal(&Untrusted::new(text))
}
