//! The running sandbox, as its user sees it.

mod account;
mod in_process;
mod logins;
mod options;
mod sandbox;
mod seeding;
mod truth;

pub use in_process::{HttpAnswer, InProcess};
pub use options::{Options, SandboxError};
pub use sandbox::Sandbox;
pub use truth::Truth;
