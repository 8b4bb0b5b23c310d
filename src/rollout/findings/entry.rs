//! What a row of the catalogue looks like, and how a text is matched against it.

use crate::event::{FailureClass, Finding};

/// Texts that mean "the network path is broken" wherever they occur (facts 5, "How to use").
const NETWORK: &[&str] = &[
    "dial tcp",
    "dial udp",
    "i/o timeout",
    "tls handshake timeout",
    "read: connection timed out",
    "client.timeout exceeded while awaiting headers",
    "request canceled while waiting for connection",
    "net/http: request canceled",
    "signal: killed",
    "context deadline exceeded",
    "send request failed",
    "connection issue between the task and",
];

/// Whether waiting can help, and what the rollout does about it (facts 5, "How to use", and 5.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// No retry can ever differ: one occurrence ends the rollout.
    AtOnce,
    /// Fails until someone changes something: two occurrences end the rollout.
    Deterministic,
    /// A fault if it repeats, otherwise noise: three occurrences without a task of the deployment that
    /// became healthy end the rollout.
    Mixed,
    /// Waiting may help: its failed tasks count towards `max_failed_tasks`, and no more.
    Transient,
}

impl Class {
    /// What reports say of it.
    pub fn reported(self) -> FailureClass {
        match self {
            Self::AtOnce | Self::Deterministic => FailureClass::Deterministic,
            Self::Mixed => FailureClass::Mixed,
            Self::Transient => FailureClass::Transient,
        }
    }

    /// After how many occurrences it ends a rollout; never where there is none.
    pub fn limit(self) -> Option<usize> {
        match self {
            Self::AtOnce => Some(1),
            Self::Deterministic => Some(2),
            Self::Mixed => Some(3),
            Self::Transient => None,
        }
    }
}

/// Texts that all have to occur, in lower case.
#[derive(Debug, Clone, Copy)]
pub struct Pattern {
    all: &'static [&'static str],
    network: bool,
}

/// All of these texts.
pub(super) const fn all(all: &'static [&'static str]) -> Pattern {
    Pattern { all, network: false }
}

/// All of these texts and one of those that mean a broken network path.
pub(super) const fn network(all: &'static [&'static str]) -> Pattern {
    Pattern { all, network: true }
}

impl Pattern {
    /// The texts, in lower case, all of which have to occur.
    pub fn texts(&self) -> &'static [&'static str] {
        self.all
    }

    /// Whether one of the texts that mean a broken network path has to occur as well.
    pub fn is_network(&self) -> bool {
        self.network
    }

    fn matches(&self, text: &str) -> bool {
        self.all.iter().all(|part| text.contains(part))
            && (!self.network || NETWORK.iter().any(|part| text.contains(part)))
    }
}

/// Where a text has to come from to be matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A stopped task's or a container's reason, or a service event.
    Any,
    /// A service event alone.
    Event,
    /// A line of a container's log alone.
    Log,
    /// An error that the API of AWS answered with: `CODE: message`.
    Api,
}

/// One diagnosable cause: the row of a table, and a page of documentation.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Stable name: `image-not-found`.
    pub code: &'static str,
    /// The rows of facts 5 that it covers.
    pub rows: &'static [&'static str],
    /// Whether waiting can help.
    pub class: Class,
    /// Where its texts come from.
    pub scope: Scope,
    /// Any of them has to match.
    pub patterns: &'static [Pattern],
    /// What happened, in one line.
    pub title: &'static str,
    /// Why that happens.
    pub cause: &'static str,
    /// What to do, step by step: whole sentences.
    pub fix: &'static [&'static str],
    /// How it is seen where no text says it, for `landfall explain`.
    pub signs: &'static [&'static str],
    /// How to find out which of the causes it is; only `landfall explain` tells it.
    pub checks: &'static [&'static str],
    /// AWS's page on it, in the ECS developer guide, where its group's is not the closest.
    pub page: Option<&'static str>,
}

impl Entry {
    /// A row with what most rows have in common; the rest is filled in with `..`.
    pub(super) const fn row(code: &'static str, rows: &'static [&'static str], class: Class) -> Self {
        Self {
            code,
            rows,
            class,
            scope: Scope::Any,
            patterns: &[],
            title: "",
            cause: "",
            fix: &[],
            signs: &[],
            checks: &[],
            page: None,
        }
    }

    /// Whether a text is an instance of this cause. `text` has gone through [`normalize`].
    pub(super) fn matches(&self, text: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(text))
    }

    /// The finding for one occurrence.
    pub(super) fn finding(&self, evidence: Vec<String>) -> Finding {
        Finding {
            code: self.code.to_owned(),
            class: self.class.reported(),
            title: self.title.to_owned(),
            cause: self.cause.to_owned(),
            fix: self.fix.join(" "),
            evidence,
            occurrences: 1,
        }
    }
}

/// Lower case, and a plain apostrophe: AWS's texts and their copies disagree on it (facts 5.6, E2).
pub(super) fn normalize(text: &str) -> String {
    text.to_lowercase().replace('\u{2019}', "'")
}
