//! [`Overrides`]: what is said beside the file.

use std::path::PathBuf;

use landfall_envfile::Policy;
use serde_json::{Map, Value};

use super::model::{OnConflict, WaitFor};
use super::probe::ProbeOverrides;
use super::push::PushOverrides;
use crate::secret::Secret;

/// What flags and `LANDFALL_*` say; each wins over the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Only these services of the file, by key.
    pub only: Vec<String>,
    /// AWS Region.
    pub region: Option<String>,
    /// ECS cluster.
    pub cluster: Option<String>,
    /// ECS service.
    pub service: Option<String>,
    /// Task-definition file, relative to the working directory.
    pub task_definition: Option<PathBuf>,
    /// The task-definition file is taken as it stands: empty values are dropped but for those under these keys.
    pub verbatim: Option<Vec<String>>,
    /// A revision that exists, in place of a file.
    pub revision: Option<String>,
    /// Attributes of the service, as UpdateService takes them.
    pub attributes: Map<String, Value>,
    /// Start a new deployment also where nothing has changed.
    pub force_new_deployment: bool,
    /// A price table of one's own, relative to the working directory.
    pub prices: Option<PathBuf>,
    /// The container that `from`, `images`, `env_file`, `environment` and `secrets` are for.
    pub container: Option<String>,
    /// Where the image comes from.
    pub from: Option<String>,
    /// The image's references in registries; the first is what the task definition gets.
    pub images: Vec<String>,
    /// How images are pushed, for every push of the run.
    pub push: PushOverrides,
    /// `.env` files, relative to the working directory.
    pub env_files: Vec<PathBuf>,
    /// What to do about findings, in every env file of the run.
    pub env_policy: Option<Policy>,
    /// `s3://BUCKET/PREFIX`
    pub env_store: Option<String>,
    /// `NAME=VALUE` entries of `environment`.
    pub environment: Vec<(String, Secret)>,
    /// `NAME=VALUE_FROM` entries of `secrets`.
    pub secrets: Vec<(String, String)>,
    /// What to wait for.
    pub wait_for: Option<WaitFor>,
    /// How long a rollout may take.
    pub timeout: Option<String>,
    /// How long nothing may move.
    pub stall_timeout: Option<String>,
    /// How many tasks may fail.
    pub max_failed_tasks: Option<u32>,
    /// Whether to put the service back.
    pub rollback: Option<bool>,
    /// Whether to stop the tasks of a service that has nothing to go back to.
    pub scale_to_zero_on_first_failure: Option<bool>,
    /// Whether to put the service back when the run is interrupted.
    pub rollback_on_interrupt: Option<bool>,
    /// Requests that go on throughout the rollout.
    pub probe: ProbeOverrides,
    /// Codes of checks that are turned off as well.
    pub skip_checks: Vec<String>,
    /// What becomes of a deployment that someone else has under way.
    pub on_conflict: Option<OnConflict>,
    /// Images are pushed and nothing is deployed: neither a cluster nor an env store is needed.
    pub only_images: bool,
}

impl Overrides {
    /// Whether something is said that can only concern a single service.
    pub(super) fn name_one_service(&self) -> bool {
        self.service.is_some()
            || self.task_definition.is_some()
            || self.revision.is_some()
            || !self.attributes.is_empty()
            || self.probe.url.is_some()
            || self.edit_container()
    }

    pub(super) fn edit_container(&self) -> bool {
        self.container.is_some()
            || self.from.is_some()
            || !self.images.is_empty()
            || !self.env_files.is_empty()
            || !self.environment.is_empty()
            || !self.secrets.is_empty()
    }
}
