//! `bpctl where`.

use bpctl_core::model::{Name, Untrusted};
use bpctl_core::render::sink;
use bpctl_core::rendering::Origin;
use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::{CommandError, EnvironmentArgs, Format, Global, Output, repository};
use crate::pipeline::origins::{OriginOptions, Origins, WorkloadOrigins, origins};
use crate::runtime::Exit;

/// Arguments of `where`.
#[derive(Debug, Args)]
pub struct WhereArgs {
    /// The blueprint; left out: all
    blueprint: Option<Name>,
    /// Fields at or below this path only, as plans write it: spec.replicas; or a part of one: image
    field: Option<String>,
    #[command(flatten)]
    environment: EnvironmentArgs,
    /// Also fields that no blueprint speaks about
    #[arg(long, env = "BPCTL_WHERE_ALL", value_parser = super::flag())]
    all: bool,
    /// Format of stdout
    #[arg(short, long, value_enum, default_value = "text", env = "BPCTL_OUTPUT")]
    output: Format,
}

/// What `where -o json` prints (schema version 1).
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WhereOutput {
    /// Always 1; grows by adding.
    schema_version: u32,
    /// The environment.
    environment: Name,
    /// Workloads and what belongs to them, by blueprint.
    workloads: Vec<WorkloadOrigins>,
}

/// Runs the command.
pub async fn run(global: &Global, args: &WhereArgs, output: &Output) -> Result<Exit, CommandError> {
    let repository = repository(global)?;
    let options = OriginOptions { blueprint: args.blueprint.clone(), field: args.field.clone(), all: args.all };
    let named = args.environment.environment.as_deref();
    let Origins { environment, workloads, missing, near } = origins(&repository, named, &options).await?;
    let shown = |text: &str| sink::terminal(&Untrusted::new(text));
    if let (Some(field), true) = (&args.field, workloads.iter().all(|workload| workload.fields.is_empty())) {
        let hint = match near {
            Some(near) => format!("did you mean {}?", shown(&near)),
            None => "write it as a plan does; `bpctl where BLUEPRINT --all` lists all".into(),
        };
        return Err(CommandError::usage(format!("no manifest has a field {}", shown(field)), hint));
    }
    let whole = missing.is_empty();
    for (blueprint, error) in &missing {
        output.talk(&format!("warning: {blueprint} is left out: {error}"));
    }
    match args.output {
        Format::Json => output.json(&WhereOutput { schema_version: 1, environment, workloads }),
        Format::Text => output.data(&text(&environment, &workloads)),
    }
    Ok(if whole { Exit::Fine } else { Exit::Error })
}

fn text(environment: &Name, workloads: &[WorkloadOrigins]) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    let (mut found, mut all) = (0, 0);
    let safe = |text: String| sink::terminal(&Untrusted::new(text));
    for workload in workloads {
        let how = if workload.rendered { ", rendered" } else { "" };
        let (object, path) = (&workload.workload, &workload.manifest);
        let _ = writeln!(out, "{} · {object} · {path} · {environment}{how}", workload.blueprint);
        let rows: Vec<(String, String, String)> = workload
            .fields
            .iter()
            .map(|field| {
                let place = match &field.origin {
                    Origin::Line(line) => {
                        found += 1;
                        let parts: Vec<String> =
                            line.parts.iter().map(|part| format!("{} ({})", part.span, part.text)).collect();
                        let place = match (parts.is_empty(), line.whole) {
                            (false, _) => parts.join(", "),
                            (true, true) => line.span.to_string(),
                            (true, false) => format!("{}, a part of it", line.span),
                        };
                        let also = match line.also {
                            0 => String::new(),
                            1 => ", with 1 other field".into(),
                            more => format!(", with {more} other fields"),
                        };
                        format!("{place}{also}")
                    }
                    Origin::Unknown(why) => format!("unknown: {why}"),
                };
                let value = match &field.value {
                    serde_json::Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                (safe(field.field.short()), brief(&value), safe(place))
            })
            .collect();
        all += rows.len();
        let width = |of: fn(&(String, String, String)) -> &String| {
            rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0)
        };
        let (one, two) = (width(|row| &row.0), width(|row| &row.1));
        for (field, value, place) in &rows {
            let _ = writeln!(out, "  {field:<one$}  {value:<two$}  {place}");
        }
        out.push('\n');
    }
    let _ = writeln!(out, "lines found for {found} of {all} {}", if all == 1 { "field" } else { "fields" });
    out
}

/// A value on one short line: the first of its lines, and that there is more.
fn brief(value: &str) -> String {
    const MOST: usize = 40;
    let line = value.lines().next().unwrap_or_default();
    let shown = sink::terminal(&Untrusted::new(line));
    let cut: String = shown.chars().take(MOST).collect();
    if line.len() < value.trim_end().len() || cut.len() < shown.len() { format!("{cut} …") } else { cut }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would miss: a value whose second line breaks the columns, and one that is cut without a word.
    #[test]
    fn a_value_is_one_short_line() {
        for (value, shown) in
            [("info", "info"), ("a=1\nb=2\n", "a=1 …"), ("a=1\n", "a=1"), ("\u{1b}[31m", "\\u{1b}[31m"), ("", "")]
        {
            assert_eq!(brief(value), shown, "{value:?}");
        }
        assert_eq!(brief(&"x".repeat(41)), format!("{} …", "x".repeat(40)));
    }
}
