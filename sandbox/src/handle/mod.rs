//! The running sandbox, as its user sees it.

mod options;
mod sandbox;
mod seeding;
mod truth;

pub use options::{Options, SandboxError};
pub use sandbox::Sandbox;
pub use truth::Truth;
