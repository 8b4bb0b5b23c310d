//! Landfall takes a container image from a build to a healthy service on Amazon ECS.
//!
//! # The map
//!
//! Data flows one way: `cli` → `commands` → `config` → `deploy` → (`plan`, `image`, `envfile`,
//! `task_definition`, `rollout`) → `aws`. Reports only consume events. `docs/architecture.md` has the
//! picture.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`error`] | the one error type, and the table of exit codes |
//! | [`event`], [`state`] | the typed events of a run, and the fold of them that every report is a view of |
//! | [`emit`] | how the core sends events |
//! | [`secret`] | a text that no output may show |
//! | [`image`] | where images come from, and pushing them to a registry |

pub mod emit;
pub mod error;
pub mod event;
pub mod image;
pub mod report;
pub mod rollout;
pub mod secret;
pub mod state;
