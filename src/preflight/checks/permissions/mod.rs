//! What roles and the caller may do.

pub mod caller_reads;
pub mod caller_writes;
pub mod ecr;
pub mod env_files;
mod judge;
pub mod keys;
pub mod logs;
pub mod pass_role;
pub mod roles;
pub mod secrets;
pub mod task_role_efs;
