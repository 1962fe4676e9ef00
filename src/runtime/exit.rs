//! Exit codes: one table, in the README too.

use std::process::ExitCode;

/// How a command ended. Of several the highest wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Fine, or nothing to do.
    Fine = 0,
    /// Something went wrong.
    Error = 1,
    /// The command line is wrong.
    Usage = 2,
    /// With `--detailed-exitcode`: changes are planned.
    Changes = 3,
    /// With `--detailed-exitcode`: something needs approval.
    NeedsApproval = 4,
    /// With `--detailed-exitcode`: something is forbidden.
    Forbidden = 5,
    /// A check (`lint`, `judge`, `verify`) found something.
    Found = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
