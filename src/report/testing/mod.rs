//! Scripted runs and writers that remember, for the tests of this module.

mod scripts;
mod writers;

pub use scripts::*;
pub use writers::*;
