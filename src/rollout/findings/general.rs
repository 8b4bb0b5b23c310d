//! Causes that no text of AWS's names.

use super::entry::Class::{Mixed, Transient};
use super::entry::Entry;

/// A text that the catalogue does not know.
pub(super) const UNKNOWN: Entry = Entry {
    title: "Something failed for a reason that Landfall does not know",
    cause: "AWS's text in the evidence says why.",
    fix: &["Please report the text, so that the next version can explain it."],
    signs: &["a stopped task or a service event with a text that no other code knows"],
    ..Entry::row("unknown-failure", &[], Transient)
};

/// Nothing has changed for `stall_timeout`.
pub(super) const STALLED: Entry = Entry {
    title: "The rollout makes no progress",
    cause: "Nothing has changed for the whole stall timeout, and the conditions of success do not hold.",
    fix: &[
        "Look at what is missing.",
        "A slow start needs a longer stall timeout or health check grace period; after several failed tasks \
         ECS waits up to 27 minutes between tries.",
    ],
    signs: &["no task, target or deployment has changed for the stall timeout"],
    ..Entry::row("stalled", &[], Mixed)
};

/// ECS has failed the deployment, and nothing said why.
pub(super) const FAILED: Entry = Entry {
    title: "ECS marked the deployment FAILED",
    cause: "The service's circuit breaker or an alarm failed it.",
    fix: &["Look at the service's events and stopped tasks."],
    signs: &["rollout state `FAILED`"],
    ..Entry::row("deployment-failed", &["3.6 FAILED"], Mixed)
};
