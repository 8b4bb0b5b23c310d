//! What a run is asked to do, validated.

use std::path::{Path, PathBuf};
use std::time::Duration;

use landfall_envfile::Options;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::probe::ProbeConfig;
use crate::aws::{Encryption, RepositoryOptions};
use crate::error::{Error, Result};
use crate::event::Origin;
use crate::image::{Compression, Reference, Source};
use crate::lookup::Expressions;
use crate::secret::Secret;

/// Everything that a run is asked to do.
#[derive(Debug, Clone)]
pub struct Config {
    /// AWS Region; `None` leaves it to the AWS profile, and no Region at all is an error.
    pub region: Option<String>,
    /// ECS cluster: name or ARN. Empty only where images are pushed and nothing is deployed.
    pub cluster: String,
    /// Where `.env` files go.
    pub env_store: Option<EnvStore>,
    /// A price table of one's own, for the cost in a plan.
    pub prices: Option<PathBuf>,
    /// In the order of the file; never empty.
    pub services: Vec<ServiceConfig>,
    /// What the expressions in task-definition files are replaced from.
    pub expressions: Expressions,
    /// Where the run comes from: what a new revision's tags say of it.
    pub origin: Origin,
}

impl Config {
    /// Whether an interrupted run has a service to put back.
    pub fn puts_back_on_interrupt(&self) -> bool {
        self.services.iter().any(|service| service.rollback_on_interrupt)
    }
}

/// An S3 bucket and a prefix in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvStore {
    /// The bucket's name.
    pub bucket: String,
    /// Without slashes at its ends; may be empty.
    pub prefix: String,
    /// How objects are encrypted; `None`: as the bucket does.
    pub encryption: Option<Encryption>,
    /// The account that owns the bucket; `None`: the caller's.
    pub owner: Option<String>,
}

/// One ECS service and what it should run.
#[derive(Debug, Clone)]
pub struct ServiceConfig {
    /// The key in the configuration: what reports call it.
    pub name: String,
    /// The ECS service's name or ARN.
    pub service: String,
    /// What the new revision is made from.
    pub task_definition: TaskDefinitionSource,
    /// A file with the service's attributes; `None` leaves them as they are.
    pub service_definition: Option<PathBuf>,
    /// Attributes of the service as UpdateService takes them, which win over the file's.
    pub attributes: Map<String, Value>,
    /// Start a new deployment also where nothing has changed.
    pub force_new_deployment: bool,
    /// Whether `desiredCount` of that file counts; otherwise it is left to whoever scales the service.
    pub desired_count_from_file: bool,
    /// The containers to edit.
    pub containers: Vec<ContainerConfig>,
    /// When to stop waiting.
    pub wait_for: WaitFor,
    /// How long a rollout may take.
    pub timeout: Duration,
    /// How long nothing may move while tasks are missing.
    pub stall_timeout: Duration,
    /// How many tasks may fail; `None` is `max(2, desiredCount)`.
    pub max_failed_tasks: Option<u32>,
    /// Put the service back when the rollout cannot succeed.
    pub rollback: bool,
    /// Where there is nothing to put it back to, stop its tasks: the desired count becomes 0.
    pub scale_to_zero_on_first_failure: bool,
    /// Put the service back when the run is interrupted.
    pub rollback_on_interrupt: bool,
    /// Requests that go on throughout the rollout.
    pub probe: Option<ProbeConfig>,
    /// Codes of the checks before a change that are turned off.
    pub skip_checks: Vec<String>,
    /// What becomes of a deployment that someone else has under way.
    pub on_conflict: OnConflict,
}

/// What a run does about a deployment of the service that is under way and not its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnConflict {
    /// The new deployment takes its place, as ECS has it: the newest commit wins.
    #[default]
    Replace,
    /// It waits until that one has ended, within the time limit.
    Wait,
    /// It refuses, and changes nothing.
    Fail,
}

/// What a new revision is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskDefinitionSource {
    /// The revision that the service runs.
    Live,
    /// A JSON or YAML file.
    File(PathBuf),
    /// A JSON or YAML file as it stands, which the official action for GitHub would register: nothing in it is an
    /// expression, and empty values are dropped but for those under the `keep` keys.
    Verbatim {
        /// The file.
        path: PathBuf,
        /// Keys whose empty values stay.
        keep: Vec<String>,
    },
    /// A revision that exists: an ARN, `FAMILY:NUMBER`, or a family, whose newest one is meant.
    Revision(String),
}

impl TaskDefinitionSource {
    /// The file, where it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) | Self::Verbatim { path, .. } => Some(path),
            Self::Live | Self::Revision(_) => None,
        }
    }
}

/// What changes in one container of the task definition.
#[derive(Debug, Clone)]
pub struct ContainerConfig {
    /// Its name; `None` means the only container of the task definition.
    pub name: Option<String>,
    /// The image it gets.
    pub image: Option<ImageConfig>,
    /// The `.env` files it reads: of two that set a name the first one wins (facts 2.3).
    pub env_files: Vec<EnvFileConfig>,
    /// `environment` entries to set, in order.
    pub environment: Vec<(String, Secret)>,
    /// `secrets` entries to set: name and `valueFrom` (a parameter's or secret's name or ARN).
    pub secrets: Vec<(String, String)>,
}

/// A `.env` file and how it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvFileConfig {
    /// Where it is.
    pub path: PathBuf,
    /// Whether `${NAME}` stands for a variable that the same file sets further up.
    pub interpolate: bool,
    /// What to do about findings.
    pub options: Options,
}

/// The image that a container gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageConfig {
    /// Already in its registry: only resolved to its digest.
    Existing(Reference),
    /// Pushed first.
    Push(PushConfig),
}

/// An image to push, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushConfig {
    /// Where it comes from.
    pub from: Source,
    /// Where it goes: never empty, all different. The first is what the task definition gets.
    pub to: Vec<Reference>,
    /// What a missing ECR repository is created with; `None`: it is not created.
    pub create_repository: Option<RepositoryOptions>,
    /// How layers are compressed that the source gives uncompressed.
    pub compression: Compression,
}

/// One push that is asked for, by the configuration or by flags alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushRequest {
    /// What reports call it: `SERVICE/CONTAINER`, or `image` where flags say everything.
    pub name: String,
    /// What to push, and how.
    pub push: PushConfig,
}

impl PushConfig {
    /// A push that creates no repository and compresses with gzip.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) where nothing is named, or one thing twice.
    pub fn new(from: Source, to: Vec<Reference>) -> Result<Self> {
        if to.is_empty() {
            return Err(Error::usage(format!("nothing says where to push {from}"))
                .hint("Name at least one HOST/REPOSITORY:TAG."));
        }
        if let Some((_, twice)) = to.iter().enumerate().find(|(index, target)| to[..*index].contains(target))
        {
            return Err(Error::usage(format!("{twice} is named twice")).hint("Name each target once."));
        }
        Ok(Self { from, to, create_repository: None, compression: Compression::default() })
    }

    /// The reference that the task definition gets.
    pub fn target(&self) -> &Reference {
        &self.to[0]
    }
}

impl ImageConfig {
    /// The reference in the registry that the task will pull from.
    pub fn target(&self) -> &Reference {
        match self {
            Self::Existing(reference) => reference,
            Self::Push(push) => push.target(),
        }
    }

    /// Every reference that the image has in a registry; [`ImageConfig::target`] is the first.
    pub fn targets(&self) -> &[Reference] {
        match self {
            Self::Existing(reference) => std::slice::from_ref(reference),
            Self::Push(push) => &push.to,
        }
    }
}

/// What a deployment waits for (design: "What success means").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WaitFor {
    /// All five conditions: the rollout is COMPLETED and the old tasks have drained.
    #[default]
    Steady,
    /// Conditions 1 to 4: every new task is healthy.
    Healthy,
    /// Return after `UpdateService`.
    None,
}
