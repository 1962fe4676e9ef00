//! `bpctl completions`: what a shell, `man` and the docs say of the command line; all from the same definitions.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};

use super::{Cli, CommandError, Output};
use crate::runtime::{self, Exit};

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(required_unless_present_any = ["man", "markdown"])]
    shell: Option<clap_complete::Shell>,
    /// Write manual pages into this folder instead, one for each command
    #[arg(long, value_name = "FOLDER", env = "BPCTL_MAN", conflicts_with = "shell")]
    man: Option<PathBuf>,
    /// Print the reference of all commands instead, as Markdown
    #[arg(long, env = "BPCTL_COMPLETIONS_MARKDOWN", value_parser = super::flag(), conflicts_with_all = ["shell", "man"])]
    markdown: bool,
}

/// Runs the command.
pub fn run(args: &CompletionsArgs, output: &Output) -> Result<Exit, CommandError> {
    if let Some(folder) = &args.man {
        let mut count = 0;
        for (name, page) in pages()? {
            let file = folder.join(format!("{name}.1"));
            runtime::write_file(&file, &page)
                .map_err(|source| CommandError::io(&format!("write {}", file.display()), source))?;
            count += 1;
        }
        output.talk(&format!("wrote {count} pages to {}", folder.display()));
    } else if let Some(shell) = args.shell {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "bpctl", &mut script);
        output.data(&String::from_utf8_lossy(&script));
    } else {
        output.data(&reference());
    }
    Ok(Exit::Fine)
}

/// The manual pages, by name.
fn pages() -> Result<Vec<(String, Vec<u8>)>, CommandError> {
    let mut root = Cli::command();
    root.build();
    let mut all = Vec::new();
    let mut add = |command: &clap::Command, name: String| {
        let mut page = Vec::new();
        clap_mangen::Man::new(command.clone().display_name(name.clone()))
            .title(name.clone())
            .render(&mut page)
            .map_err(|source| CommandError::io("write a manual page", source))?;
        all.push((name, page));
        Ok::<_, CommandError>(())
    };
    add(&root, "bpctl".into())?;
    for command in root.get_subcommands() {
        add(command, format!("bpctl-{}", command.get_name()))?;
    }
    Ok(all)
}

/// `docs/CLI.md`.
fn reference() -> String {
    let mut root = Cli::command();
    root.build();
    let mut text = String::from(
        "# Command line\n\nEvery command with its options, their defaults and their environment twins. Generated from the definitions that the \
         program itself uses; a test keeps it so.\n\n## Options of every command\n\n",
    );
    options(&mut text, root.get_arguments().filter(|arg| arg.is_global_set()));
    for command in root.get_subcommands() {
        section(&mut text, command, 2);
    }
    text
}

fn section(text: &mut String, command: &clap::Command, level: usize) {
    let name = command.get_bin_name().unwrap_or(command.get_name());
    text.push_str(&format!("\n{} {name}\n\n", "#".repeat(level)));
    if let Some(about) = command.get_about() {
        text.push_str(&format!("{about}.\n\n"));
    }
    let usage = command.clone().render_usage().to_string();
    text.push_str(&format!("```\n{}\n```\n\n", usage.trim_start_matches("Usage: ").replace("\n       ", "\n")));
    let own = command
        .get_arguments()
        .filter(|arg| !arg.is_global_set() && !matches!(arg.get_id().as_str(), "help" | "version"));
    options(text, own);
    for inner in command.get_subcommands() {
        section(text, inner, level + 1);
    }
}

fn options<'a>(text: &mut String, all: impl Iterator<Item = &'a clap::Arg>) {
    let mut rows = String::new();
    for arg in all {
        let value = arg.get_value_names().filter(|_| arg.get_action().takes_values()).map(|names| names.join(" "));
        let mut name = match (arg.get_short(), arg.get_long()) {
            (Some(short), Some(long)) => format!("-{short}, --{long}"),
            (Some(short), None) => format!("-{short}"),
            (None, Some(long)) => format!("--{long}"),
            (None, None) => String::new(),
        };
        if let Some(value) = value {
            let value = if arg.is_positional() { format!("[{value}]") } else { format!(" {value}") };
            name.push_str(&value);
        }
        let mut says = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let possible: Vec<String> = arg
            .get_possible_values()
            .iter()
            .filter(|value| !value.is_hide_set())
            .map(|value| format!("`{}`", value.get_name()))
            .collect();
        for alias in arg.get_visible_aliases().unwrap_or_default() {
            says.push_str(&format!(" (also `--{alias}`)"));
        }
        if arg.get_action().takes_values() && !possible.is_empty() {
            says.push_str(&format!(" ({})", possible.join(", ")));
        }
        let defaults: Vec<String> =
            arg.get_default_values().iter().map(|v| format!("`{}`", v.to_string_lossy())).collect();
        let twin = arg.get_env().map(|name| format!("`{}`", name.to_string_lossy())).unwrap_or_default();
        let cell = |text: &str| text.replace('|', "\\|").replace('<', "&lt;").replace('\n', " ");
        let default = if arg.get_action().takes_values() { defaults.join(" ") } else { String::new() };
        rows.push_str(&format!("| `{name}` | {} | {default} | {twin} |\n", cell(&says)));
    }
    if !rows.is_empty() {
        text.push_str("| option | what it does | default | environment |\n| --- | --- | --- | --- |\n");
        text.push_str(&rows);
    }
}
