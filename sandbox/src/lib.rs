//! A stand-in of the parts of AWS that a deployment to Amazon ECS (Fargate) talks to: ECS, the ECR
//! API and its image registry, S3, Elastic Load Balancing, CloudWatch Logs and STS, and what can be looked up before
//! a deployment in EC2, IAM, Secrets Manager, Systems Manager, CloudFormation, EFS and Service Quotas, on one
//! loopback port.
//!
//! # Map
//!
//! [`world`] is the account as a pure value: no clock, no network, no threads, and the same answers
//! for the same seed. In it, `task_definitions` keeps documents as they come, `services` holds what
//! CreateService and UpdateService set, `tasks` is the lifecycle of a task and the ways in which it
//! fails, `logs` is what containers write, `load_balancing` is target groups and the health of targets, `images` is repositories and
//! manifests, `network` is a VPC, `identity` is roles and what they may do, `policies` what a principal's own
//! policy lets through, `sessions` who may assume which role, `values` is what is looked up by name,
//! `file_systems` is EFS, and `rolling_update` is the passing of time: the service scheduler, the circuit
//! breaker and the measurement of what really happened. `server` puts a world on HTTP (AWS JSON,
//! AWS Query, REST, the registry protocol, S3), lets virtual time follow real time, and keeps a journal
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
//! - Subnets, security groups, roles, secrets and file systems can be looked up; a rollout takes those that it is
//!   given as they are. There are two public subnets, `subnet-0a` and `subnet-0b`, and the security group `sg-0a`
//!   from the start. What a seeded task definition names (roles, secrets, parameters, file systems) comes with it.
//! - Who has no policy by [`Sandbox::put_policy`] may do everything. In a simulation everything is allowed but what
//!   [`Options`], [`Sandbox::deny_action`], [`Sandbox::deny`] and [`Sandbox::withhold`] take away, and the rules of the
//!   last two are told by simulations alone. Policies of buckets, secrets, repositories, keys and VPC endpoints can be
//!   read, and change nothing.
//! - Whoever assumed a role last is the caller of everything that comes after it. The signatures of tokens are not
//!   checked, and nothing ends with a session.
//! - A `SecureString` cannot be decrypted, and GetParameters has neither versions nor labels.
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
    AclEntryOptions, ApiError, Encryption, Mishap, MountTargetOptions, NetworkAclOptions, PermissionOptions,
    RepositoryOptions, RouteOptions, RouteTableOptions, RunningTask, SecurityGroupOptions, Simulated,
    SubnetOptions, TagMutability, TargetGroupOptions, VpcEndpointOptions,
};
