//! What only GitHub Actions knows: masks, outputs, the job's summary, annotations, and what is told to GitHub's API.
//!
//! Everything here consumes events and their fold. `context` is what the runner tells, `files`, `annotations` and
//! `relay` do input and output; the rest is pure. Text from outside passes through `escape`, or through the escaping of
//! [`report`](crate::report)'s Markdown.

mod annotations;
mod api;
mod blocks;
mod comment;
mod context;
mod deployment;
mod escape;
mod files;
mod gantt;
mod mask;
mod outputs;
mod place;
mod relay;
mod summary;
#[cfg(test)]
mod testing;

pub use annotations::Annotations;
pub use context::{Context, PullRequest};
pub use files::{Outputs, Summary};
pub use mask::mask_commands;
pub use place::Folders;
pub use relay::{Asked, relay};

use crate::state::RunState;

/// Whether a run ends in a way that is worth a summary and outputs: it has changed something, would have, or could not
/// go on. Other commands only show something.
fn is_told(state: &RunState) -> bool {
    const COMMANDS: [&str; 8] =
        ["deploy", "register", "rollback", "verify", "push", "env push", "env check", "prune"];
    state.error.is_some() || state.run.as_ref().is_some_and(|run| COMMANDS.contains(&run.command.as_str()))
}
