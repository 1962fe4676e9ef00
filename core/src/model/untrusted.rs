//! Text from outside: cluster objects, logs, pull requests, models. It has no `Display`; each medium's sink escapes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Text that somebody outside wrote. To show it, pass it through a sink of `render::sink` (T7, T8, T10, T11).
///
/// It can be compared, hashed and serialized (JSON is a sink of its own: serde escapes it), but not formatted:
/// ```compile_fail
/// let text = bpctl_core::model::Untrusted::new("x");
/// println!("{text}");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Untrusted(String);

impl Untrusted {
    /// Marks text as coming from outside.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The raw text, for comparison and for sinks; never for output.
    pub fn raw(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Debug escapes control characters; bidi marks are escaped too.
        write!(f, "Untrusted({})", self.0.escape_debug())
    }
}
