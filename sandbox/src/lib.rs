//! A stand-in of the parts of AWS that a deployment to Amazon ECS (Fargate) talks to: ECS, the ECR
//! API and its image registry, S3, Elastic Load Balancing, CloudWatch Logs and STS, on one loopback port.
//!
//! # Map
//!
//! [`world`] is the account as a pure value: no clock, no network, no threads, and the same answers
//! for the same seed. In it, `task_definitions` keeps documents as they come, `services` holds what
//! CreateService and UpdateService set, `tasks` is the lifecycle of a task and the ways in which it
//! fails, `logs` is what containers write, `load_balancing` is target groups and the health of targets, `images` is repositories and
//! manifests, and `rolling_update` is the passing of time: the service scheduler, the circuit
//! breaker and the measurement of what really happened. `server` puts a world on HTTP (AWS JSON,
//! AWS Query, the registry protocol, S3), lets virtual time follow real time, and keeps a journal
//! of every request. `handle` is [`Sandbox`]: starting, seeding, settling, stopping. [`Scenario`]
//! names what goes wrong.
//!
//! # Where AWS is not known, or is more than this
//!
//! - A task that runs the wanted revision already when UpdateService (or a rollback) asks for it
//!   becomes the new deployment's own, and its `startedBy` changes with it.
//! - A task that reached RUNNING and then exits does not count in `failedTasks`.
//! - A signature has to be there, but it is not checked. IAM denies nothing but the actions that
//!   [`Options`] or [`Sandbox::deny_action`] name.
//! - An S3 bucket of another Region is reached by a signature for that Region, as all Regions have
//!   one endpoint here.
//! - Log groups come with the task definition that names them, and containers write nothing but a line at
//!   their start and a few before they exit by themselves. Lines can be read at once.
//! - Subnets, security groups and roles are taken as given.
//!
//! "Facts" in comments are this project's collected facts about AWS, by section.

mod handle;
mod scenario;
mod server;
pub mod world;

pub use handle::{HttpAnswer, InProcess, Options, Sandbox, SandboxError, Truth};
pub use scenario::{Scenario, UnknownScenario};
pub use server::{ApiCall, BucketOptions, BucketPolicy};
pub use world::{
    ApiError, Encryption, Mishap, RepositoryOptions, RunningTask, TagMutability, TargetGroupOptions,
};
