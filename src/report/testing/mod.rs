//! Scripted runs and writers that remember, for the tests of this module.

mod pushes;
mod scripts;
mod writers;

pub use pushes::*;
pub use scripts::*;
pub use writers::*;
