//! The small values that everything else is made of: names, paths, quantities, times, trust marks.
//!
//! Each type refuses what it must never hold, once, at its constructor.

mod at;
mod diagnostic;
mod digest;
mod field_path;
mod files;
mod glob;
mod object;
mod parallel;
mod percent;
mod period;
mod quantity;
mod repo_path;
mod trust;
mod untrusted;

pub(crate) use at::At;
pub use diagnostic::{Diagnostic, Label, Severity, Source, SourceSpan};
pub use digest::{Digest, canonical_json};
pub use field_path::{FieldPath, Segment};
pub use files::{Blob, Content, File, Files};
pub(crate) use glob::glob;
pub use jiff::Timestamp;
pub use object::{Name, NameError, ObjectKind, ObjectParts, ObjectRef, WorkloadKind};
pub(crate) use parallel::map_all;
pub use percent::Percent;
pub use period::Period;
pub use quantity::Quantity;
pub use repo_path::{RepoPath, RepoPathError};
pub use trust::{BaseTip, Proposed, Trusted};
pub use untrusted::Untrusted;

/// A value that could not be read from the text that a person wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct ParseError {
    /// What was written.
    pub text: String,
    /// What was expected, with an example.
    pub expected: &'static str,
}
