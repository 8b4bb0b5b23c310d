//! What the task definition refers to.

pub mod env_files;
pub mod keys;
pub mod log_groups;
pub mod parameters;
pub mod secrets;
