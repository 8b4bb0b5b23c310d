//! Flags, `LANDFALL_*` variables and the process environment: the only place that knows them.

pub mod action;
mod args;
mod attribute_args;
mod env_args;
mod environment;
mod init_args;
mod interrupt;
mod logs_args;
mod parse;
mod plan_args;
mod push_args;
mod rollout_args;
mod run;
mod service_args;
mod verify_args;
mod wiring;

pub use args::Cli;
pub use run::run;
