//! Errors as people read them: what was attempted, why it failed, what to do.

use bpctl_core::model::{Diagnostic, Untrusted};
use bpctl_core::render::sink;

use crate::pipeline::PipelineError;
use crate::runtime::{self, Exit};

/// A command that could not do its work.
#[derive(Debug)]
pub struct CommandError {
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
    diagnostic: Option<Box<Diagnostic>>,
    exit: Exit,
}

impl CommandError {
    /// A wrong command line.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            causes: Vec::new(),
            hint: Some(hint.into()),
            diagnostic: None,
            exit: Exit::Usage,
        }
    }

    /// Something that a person can mend.
    pub fn told(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { exit: Exit::Error, ..Self::usage(message, hint) }
    }

    /// A file or process that failed.
    #[allow(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
    pub fn io(attempt: &str, source: std::io::Error) -> Self {
        let causes = vec![source.to_string()];
        Self { message: format!("couldn't {attempt}"), causes, hint: None, diagnostic: None, exit: Exit::Error }
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// The diagnostic to show with its excerpt, where the input is what is wrong.
    pub fn diagnostic(&self) -> Option<&Diagnostic> {
        self.diagnostic.as_deref()
    }

    /// `error: … cause: … hint: …`
    pub fn render(&self) -> String {
        let line = |text: &str| sink::terminal(&Untrusted::new(text));
        let mut text = format!("error: {}\n", line(&self.message));
        for cause in &self.causes {
            text.push_str(&format!("  cause: {cause}\n"));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("  hint:  {hint}\n"));
        }
        text
    }
}

impl From<PipelineError> for CommandError {
    fn from(error: PipelineError) -> Self {
        let mut causes = Vec::new();
        if let Some(said) = error.said() {
            causes.push(sink::terminal(said));
        }
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            // Errors of libraries may carry text from outside.
            causes.push(sink::terminal(&runtime::said(&inner.to_string())));
            source = inner.source();
        }
        causes.dedup();
        let hint = error.hint();
        let message = error.to_string();
        causes.retain(|cause| *cause != message);
        let diagnostic = match error {
            PipelineError::Input(diagnostic) => Some(diagnostic),
            _ => None,
        };
        Self { message, causes, hint, diagnostic, exit: Exit::Error }
    }
}
