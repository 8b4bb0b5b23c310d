//! `landfall action`: the inputs of the GitHub action, as one of its steps hands them over.

mod inputs;
#[cfg(test)]
mod tests;
mod translate;
mod work;

pub use inputs::{INPUTS, Inputs};
pub use translate::{Mode, Request, translate};
pub(super) use work::action;
