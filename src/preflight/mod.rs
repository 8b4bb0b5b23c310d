//! Checks before anything is changed: each one a file with a code, a page and a severity. They are pure functions of
//! what is planned and of [`Facts`], which are read from AWS beforehand.

mod check;
pub mod checks;
pub mod coverage;
pub mod demands;
mod facts;
mod gather;
mod look;
mod reference;
mod run;
mod size;
mod tally;
#[cfg(test)]
pub(crate) mod testing;

pub use check::{Check, Outcome, Problem, Severity};
pub use facts::{Facts, Input};
pub use gather::{Gather, Gathered};
pub use run::run;
