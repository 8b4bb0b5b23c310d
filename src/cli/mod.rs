//! Flags, `LANDFALL_*` variables and the process environment: the only place that knows them.

pub mod action;
mod args;
mod attribute_args;
mod codebuild_args;
mod env_args;
mod environment;
mod github_args;
mod iam_policy_args;
mod init_args;
mod interrupt;
mod login_args;
mod logs_args;
mod origin;
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
