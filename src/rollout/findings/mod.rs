//! The failure catalogue: what AWS's texts mean (facts 5), as data.
//!
//! One file of rows for each part of facts 5; [`catalogue`] has them all in the order in which they are
//! tried. [`diagnose`] and its sisters turn one sign of trouble into a finding, and `Ledger` counts
//! them and says when there is no point in waiting any longer.

mod api;
mod balancer;
mod container;
mod diagnose;
mod entry;
mod exit_codes;
mod general;
mod health;
mod infrastructure;
mod init;
mod ledger;
pub mod pages;
mod placement;
mod pull;
#[cfg(test)]
mod tests;

pub(crate) use api::api_error;
pub use diagnose::{diagnose, diagnose_event, diagnose_log};
pub use entry::{Class, Entry, Pattern, Scope};
pub use exit_codes::{ExitCode, exit_code};
pub(super) use ledger::{Ledger, Sight};

/// Rows that name one cause. Texts begin with the same words where a task starts (`unable to pull secrets
/// or registry auth`), so that secrets come before the registry.
const SPECIFIC: &[&[Entry]] = &[
    init::ENTRIES,
    pull::ENTRIES,
    container::ENTRIES,
    infrastructure::ENTRIES,
    placement::ENTRIES,
    health::ENTRIES,
];

/// Rows that only name the kind of trouble, the closer one first.
const GENERIC: &[&[Entry]] =
    &[pull::GENERIC, container::GENERIC, init::GENERIC, infrastructure::GENERIC, placement::GENERIC];

/// Rows that have no text to be recognised by.
const WITHOUT_TEXT: &[Entry] = &[
    container::EXITED,
    container::RESTARTING,
    infrastructure::BY_HAND,
    health::UNUSABLE,
    general::STALLED,
    general::FAILED,
    general::UNKNOWN,
];

/// Every row, in the order in which they are tried.
pub fn catalogue() -> impl Iterator<Item = &'static Entry> {
    SPECIFIC.iter().chain(GENERIC).flat_map(|table| table.iter()).chain(WITHOUT_TEXT).chain(api::ENTRIES)
}

/// The row with a code.
pub fn by_code(code: &str) -> Option<&'static Entry> {
    catalogue().find(|entry| entry.code == code)
}
