//! Tasks: their lifecycle, how they fail, and how they are shown.

mod failures;
mod launch;
mod lifecycle;
mod model;
mod operations;
mod render;
mod stop;

pub(crate) use model::{Container, Fate, Health, Task, TaskStatus};
