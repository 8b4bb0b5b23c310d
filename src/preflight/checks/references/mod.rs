//! What the task definition refers to.

pub mod log_groups;
pub mod parameters;
pub mod secrets;
