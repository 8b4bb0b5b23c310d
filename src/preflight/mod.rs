//! Checks before anything is changed: each one a file with a code, a page and a severity. They are pure functions of
//! what is planned and of [`Facts`], which are read from AWS beforehand.

mod check;
mod facts;

pub use check::{Check, Outcome, Problem, Severity};
pub use facts::{Facts, Input};
