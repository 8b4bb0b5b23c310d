//! Everything that is tested through the binary. One test program, because each one links the whole SDK.
//!
//! `e2e::*` need real parts (a Docker engine, Distribution, ministack, moto): `scripts/test` installs and
//! starts them. `scripts/test --fast` leaves them out.

// A test may panic, print, and read the variables that lead it to the real parts.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

mod account;
#[cfg(unix)]
mod action;
#[cfg(unix)]
mod canary;
mod chaos;
mod cli;
#[cfg(unix)]
mod codebuild;
mod corpus;
#[cfg(target_os = "linux")]
mod discard;
mod e2e;
mod env;
mod env_lifecycle;
mod env_store;
mod explain;
mod github;
mod iam_policy;
mod images;
mod init;
mod init_workflows;
mod kinds;
mod logs;
mod lookups;
#[cfg(target_os = "linux")]
mod memory;
mod native;
mod oidc;
#[cfg(unix)]
mod package;
mod plan;
mod plan_idempotence;
mod plan_speed;
mod preflight;
mod probe;
mod proxy;
mod push;
mod report;
mod rollback;
mod rollouts;
mod sandbox;
mod schemas;
mod simulated;
mod stage;
mod status;
mod support;
