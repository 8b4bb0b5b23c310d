//! What the events of a run carry: steps, changes, deployments, tasks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The first event's fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunStarted {
    /// Landfall's version.
    pub version: String,
    /// The verb: `deploy`.
    pub command: String,
    /// AWS Region; empty where the command needs none.
    pub region: String,
    /// ECS cluster; empty where the command needs none.
    pub cluster: String,
    /// Keys of the services in this run, in the order of the configuration.
    pub services: Vec<String>,
    /// Nothing will be changed.
    pub dry_run: bool,
    /// A dry run with something to do exits 10.
    pub detailed_exitcode: bool,
    /// The scenario, when AWS is the embedded stand-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<String>,
}

/// The steps of a run, in order. Image push and env upload overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Read AWS, compare with the configuration.
    Plan,
    /// Push images to the registry.
    PushImage,
    /// Upload `.env` files to S3.
    UploadEnvFiles,
    /// Register a task-definition revision.
    RegisterTaskDefinition,
    /// Call `UpdateService`.
    UpdateService,
    /// Follow the deployment to a verdict.
    Watch,
    /// Put the service back.
    Rollback,
}

/// One thing that a run would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// What changes: `image of web`, `env file of web`, `task definition`, `service`.
    pub subject: String,
    /// Its value now; never a secret or an env value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Its value afterwards; never a secret or an env value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A content-addressed part of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Blob {
    /// `sha256:...`
    pub digest: String,
    /// Bytes.
    pub size: u64,
}

/// How something came to be where it was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transfer {
    /// It was sent.
    Uploaded,
    /// The registry linked it from another repository.
    Mounted,
    /// It was there already.
    Exists,
}

/// A `.env` file and where it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EnvFileReport {
    /// The container that reads it.
    pub container: String,
    /// The local file, as configured.
    pub file: String,
    /// `arn:aws:s3:::BUCKET/KEY`
    pub arn: String,
    /// How many variables it sets.
    pub variables: u32,
    /// Whether it was sent.
    pub outcome: Transfer,
}

/// Which deployment of the service something belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The one that this run started and follows.
    Followed,
    /// One that was there before.
    Old,
    /// One that came after it: a rollback or someone else's.
    Newer,
}

/// A deployment as DescribeServices shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeploymentState {
    /// `ecs-svc/...`
    pub id: String,
    /// Ours, older or newer.
    pub role: Role,
    /// The revision's ARN.
    pub task_definition: String,
    /// `PRIMARY`, `ACTIVE`, `INACTIVE`.
    pub status: String,
    /// `IN_PROGRESS`, `COMPLETED`, `FAILED`; absent where ECS gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout_state: Option<String>,
    /// Tasks wanted.
    pub desired: u32,
    /// Tasks RUNNING.
    pub running: u32,
    /// Tasks PENDING.
    pub pending: u32,
    /// Consecutive failed tasks by ECS's count (facts 3.6: zero proves nothing).
    pub failed: u32,
}

/// A task as DescribeTasks and DescribeTargetHealth show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskState {
    /// The last part of the ARN.
    pub id: String,
    /// Whose task it is.
    pub role: Role,
    /// The revision's ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_definition: Option<String>,
    /// `PROVISIONING` ... `STOPPED`.
    pub last_status: String,
    /// `RUNNING` or `STOPPED`: what ECS wants of it.
    pub desired_status: String,
    /// `HEALTHY`, `UNHEALTHY`, `UNKNOWN`.
    pub health: String,
    /// Its targets, one for each target group that knows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetState>,
    /// Why it stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
}

/// The health of one target in one target group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetState {
    /// The target group's name.
    pub target_group: String,
    /// `initial`, `healthy`, `unhealthy`, `draining`, `unused`, `unavailable`.
    pub state: String,
    /// `Target.ResponseCodeMismatch` and the like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// AWS's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Why a task stopped, in AWS's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stopped {
    /// `TaskFailedToStart`, `EssentialContainerExited`, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// AWS's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The containers that say something about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<StoppedContainer>,
}

/// How a container of a stopped task ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StoppedContainer {
    /// Its name in the task definition.
    pub name: String,
    /// Absent when it never started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// AWS's text, at most 1024 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
