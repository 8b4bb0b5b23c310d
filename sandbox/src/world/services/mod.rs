//! Services: what they are set to, their deployments and their events.

mod checks;
mod create;
mod events;
mod model;
mod operations;
mod render;
mod update;

pub(crate) use events::task_list;
pub(crate) use model::{Completed, Deployment, RolloutState, Service};
