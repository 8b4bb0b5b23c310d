//! What a check collects while it looks.

use std::collections::BTreeSet;

use super::check::{Outcome, Problem, Severity};
use crate::aws::account::Known;

/// Problems, and what could not be told.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    problems: Vec<Problem>,
    permissions: BTreeSet<String>,
    why: BTreeSet<String>,
}

impl Tally {
    /// A problem of the check's own severity.
    pub fn problem(&mut self, subject: impl Into<String>, message: impl Into<String>) {
        self.add(subject, message, None);
    }

    /// A problem that is only told.
    pub fn warning(&mut self, subject: impl Into<String>, message: impl Into<String>) {
        self.add(subject, message, Some(Severity::Warning));
    }

    /// A problem that refuses the deployment, whatever the check's own severity.
    pub fn refusal(&mut self, subject: impl Into<String>, message: impl Into<String>) {
        self.add(subject, message, Some(Severity::Error));
    }

    fn add(&mut self, subject: impl Into<String>, message: impl Into<String>, severity: Option<Severity>) {
        let problem = Problem { subject: subject.into(), message: message.into(), severity };
        // Two containers may share what is wrong.
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// A fact, where it is known. What is not is noted, but for what AWS says is not there.
    pub fn know<'k, T>(&mut self, known: &'k Known<T>) -> Option<&'k T> {
        match known {
            Known::Is(fact) => return Some(fact),
            Known::Absent => {}
            Known::Denied { permission } => {
                self.permissions.insert(permission.clone());
            }
            Known::Unknown { why } => self.unsure(why.clone()),
            Known::NotAsked => self.unsure("it was not read"),
        }
        None
    }

    /// Like [`Tally::know`] for a fact that may not be in a map at all.
    pub fn know_of<'k, T>(&mut self, known: Option<&'k Known<T>>) -> Option<&'k T> {
        match known {
            Some(known) => self.know(known),
            None => {
                self.unsure("it was not read");
                None
            }
        }
    }

    /// Something cannot be told, and not for a missing permission.
    pub fn unsure(&mut self, why: impl Into<String>) {
        self.why.insert(why.into());
    }

    /// What came of it. A problem counts even where other things could not be told.
    pub fn outcome(self) -> Outcome {
        if !self.problems.is_empty() {
            return Outcome::Problems(self.problems);
        }
        if self.permissions.is_empty() && self.why.is_empty() {
            return Outcome::Passed;
        }
        let why = self.why.into_iter().collect::<Vec<_>>().join("; ");
        Outcome::NotChecked {
            permissions: self.permissions.into_iter().collect(),
            why: (!why.is_empty()).then_some(why),
        }
    }
}
