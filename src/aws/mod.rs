//! The one place that talks to AWS: clients (Region, credentials, retries, time limits), and AWS's
//! answers turned into our values and back.

pub mod account;
mod batch;
mod calls;
mod clients;
mod ecr;
mod ecs;
mod elb;
mod error;
mod live;
mod login;
mod logs;
mod raw;
mod s3;
mod service_deployments;
mod signed;
mod update;
mod watching;

pub use calls::CallCounter;
pub use clients::{Aws, AwsSettings, StaticEndpoint};
pub use ecr::{Encryption, Repository, RepositoryLook, RepositoryOptions, RepositoryTags, TagMutability};
pub use live::LiveService;
pub use login::{FirstStep, GithubJob, Login, LoginSettings, session_name};
pub use logs::{LogPage, NoLogs};
pub use s3::{NewObject, PutOutcome, StoredObject};
pub use service_deployments::{HookAction, ServiceDeploymentBrief};
pub use update::Updated;
pub use watching::{Allowance, Watcher, Watching};
