//! The one error type: a kind, what failed on which resource, its source, and what to do next.
//!
//! How a *rollout* ended is not an error but a [`Verdict`](crate::event::Verdict). The table
//! [`exit_code`] is the only place that turns either into a process exit code.

use std::error::Error as StdError;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::Verdict;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a command could not do what it was asked, coarse enough to choose an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// A defect of Landfall, or of the machine it runs on.
    Internal,
    /// Flags, configuration or a file that it names are wrong.
    Usage,
    /// A check before any change refused to go on.
    Preflight,
    /// AWS refused: credentials, permissions, throttled beyond the retries.
    Aws,
    /// A registry refused or broke off.
    Registry,
    /// SIGINT or SIGTERM.
    Interrupted,
}

/// Process exit codes; they are public API (the table is in the README).
pub mod exit_code {
    use super::{ErrorKind, Verdict};

    /// There is something to do (`--dry-run --detailed-exitcode`).
    pub const CHANGES_PLANNED: u8 = 10;

    /// The exit code of a run that ended with an error.
    pub fn of_error(kind: ErrorKind) -> u8 {
        match kind {
            ErrorKind::Internal => 1,
            ErrorKind::Usage => 2,
            ErrorKind::Preflight => 3,
            ErrorKind::Aws | ErrorKind::Registry => 8,
            ErrorKind::Interrupted => 130,
        }
    }

    /// The exit code of a run whose worst service ended with `verdict`.
    pub fn of_verdict(verdict: Verdict) -> u8 {
        match verdict {
            Verdict::Succeeded | Verdict::Unchanged | Verdict::Planned => 0,
            Verdict::RolledBack => 4,
            Verdict::Failed => 5,
            Verdict::TimedOut => 6,
            Verdict::Superseded => 7,
            Verdict::Interrupted => 130,
        }
    }
}

/// What failed, on which resource, why, and what to do next.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error whose `message` says what failed, on which resource.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None }
    }

    /// Shorthand for [`ErrorKind::Usage`].
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// Shorthand for [`ErrorKind::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Adds what a person should do next, as one sentence.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        let mut hint = hint.into();
        // Hints are read one below the other; they all begin alike. A command stands in backticks and is
        // not touched.
        if let Some(first) = hint.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        self.hint = Some(hint);
        self
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same error for another who waits for the same answer; its sources become a part of the message.
    pub(crate) fn again(&self) -> Self {
        Self { kind: self.kind, message: self.full_message(), hint: self.hint.clone(), source: None }
    }

    /// The kind, which decides the exit code.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What to do next, where we know.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The message followed by the chain of sources, each once, on one line.
    ///
    /// SDK errors print only their category with plain `Display`, so the whole chain is needed to
    /// see the cause.
    pub fn full_message(&self) -> String {
        let mut text = self.message.clone();
        let mut next: Option<&(dyn StdError + 'static)> = StdError::source(self);
        while let Some(error) = next {
            let part = error.to_string();
            if !part.is_empty() && !text.contains(&part) {
                text.push_str(": ");
                text.push_str(&part);
            }
            next = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full_message())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| {
            let source: &(dyn StdError + 'static) = source.as_ref();
            source
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_of_sources_is_printed_once_each() {
        let io = std::io::Error::other("connection reset");
        let error = Error::new(ErrorKind::Registry, "cannot push blob").source(io);
        assert_eq!(error.to_string(), "cannot push blob: connection reset");
    }

    #[test]
    fn every_outcome_that_is_not_good_has_a_code_of_its_own() {
        let bad = [
            Verdict::RolledBack,
            Verdict::Failed,
            Verdict::TimedOut,
            Verdict::Superseded,
            Verdict::Interrupted,
        ];
        let mut codes: Vec<u8> = bad.map(exit_code::of_verdict).to_vec();
        codes.extend(
            [ErrorKind::Internal, ErrorKind::Usage, ErrorKind::Preflight, ErrorKind::Aws]
                .map(exit_code::of_error),
        );
        let before = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), before);
        assert!(!codes.contains(&0));
    }
}
