//! Tasks: their lifecycle, how they fail, and how they are shown.

mod environment;
mod failures;
mod instances;
mod launch;
mod lifecycle;
mod look;
mod model;
mod operations;
mod render;
mod stop;

pub(crate) use instances::Instance;
pub use look::RunningTask;
pub(crate) use model::{Container, Fate, Health, Task, TaskStatus};
