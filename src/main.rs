//! The `bpctl` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    bpctl::cli::main()
}
