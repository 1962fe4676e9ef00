//! `bpctl completions`.

use clap::{Args, CommandFactory as _};

use super::{Cli, Output};
use crate::runtime::Exit;

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    shell: clap_complete::Shell,
}

/// Runs the command.
pub fn run(args: &CompletionsArgs, output: &Output) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "bpctl", &mut script);
    output.data(&String::from_utf8_lossy(&script));
    Exit::Fine
}
