//! The typed events that a run consists of. The core emits them and prints nothing; reporters turn
//! them into bars, lines, JSON or a summary, and [`RunState`](crate::state::RunState) folds them.
//!
//! The JSON form of a [`Record`] is public API: `docs/events.schema.json` is generated from these
//! types. Times named `*_ms` are milliseconds since the service's `UpdateService` unless said otherwise.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::ErrorKind;

/// One event with the instant at which it happened and the service it concerns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// RFC 3339, UTC.
    pub time: Timestamp,
    /// The key of the service in the configuration; absent for what concerns the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What can happen during a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Always the first event.
    RunStarted(RunStarted),
    /// Something worth knowing that does not stop the run.
    Warning {
        /// What is odd, on which resource.
        message: String,
        /// What to do about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// What this run would change for a service; empty `changes` means there is nothing to do.
    Planned {
        /// The ECS service's name.
        ecs_service: String,
        /// The task definition that the service runs now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        current_task_definition: Option<String>,
        /// In the order in which they will be made.
        changes: Vec<Change>,
    },
    /// A step of the run began.
    StepStarted {
        /// Which one.
        step: Step,
    },
    /// A step of the run ended well.
    StepFinished {
        /// Which one.
        step: Step,
        /// How long it took.
        duration_ms: u64,
    },
    /// The push of one image began; every blob it consists of is listed.
    ImagePushStarted {
        /// The container whose image this is.
        container: String,
        /// Where it comes from, as configured (`oci:DIR`, `docker:NAME`).
        source: String,
        /// `host/repository:tag`.
        target: String,
        /// Configuration and layers.
        blobs: Vec<Blob>,
    },
    /// More of a blob has been sent. At most ten a second for each blob.
    BlobProgress {
        /// The container whose image this is.
        container: String,
        /// `sha256:...`
        digest: String,
        /// Bytes sent so far; falls back when an attempt is repeated.
        sent: u64,
        /// Bytes in all.
        size: u64,
    },
    /// The registry has confirmed a blob.
    BlobPushed {
        /// The container whose image this is.
        container: String,
        /// `sha256:...`
        digest: String,
        /// Bytes.
        size: u64,
        /// How it came there.
        outcome: Transfer,
    },
    /// The registry has confirmed the manifest.
    ImagePushed {
        /// The container whose image this is.
        container: String,
        /// `host/repository@sha256:...`: what the task definition gets.
        reference: String,
        /// `sha256:...`
        digest: String,
        /// Bytes that went over the wire as blobs.
        bytes_sent: u64,
        /// `exists` when nothing had to be sent.
        outcome: Transfer,
        /// How long the push took.
        duration_ms: u64,
    },
    /// A `.env` file is in S3 under the hash of its content.
    EnvFileStored(EnvFileReport),
    /// A new revision exists.
    TaskDefinitionRegistered {
        /// The revision's ARN.
        arn: String,
    },
    /// `UpdateService` was accepted; the rollout's clock starts here.
    ServiceUpdated {
        /// The PRIMARY deployment in the response: the one that is followed.
        deployment_id: String,
        /// What it runs.
        task_definition: String,
        /// What ran before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous_task_definition: Option<String>,
        /// How many tasks the service wants.
        desired_count: u32,
        /// How many must stay healthy throughout (design: "Zero downtime is a measurement").
        floor: u32,
    },
    /// A deployment of the service appeared or changed.
    DeploymentChanged {
        /// As it is now.
        deployment: DeploymentState,
    },
    /// A deployment is no longer listed: it has drained.
    DeploymentGone {
        /// Its id.
        id: String,
    },
    /// A task of the service appeared or changed.
    TaskChanged {
        /// As it is now.
        task: TaskState,
    },
    /// ECS wrote a new service event.
    ServiceMessage {
        /// AWS's text.
        message: String,
    },
    /// Nothing has changed for a while; the run is still watching.
    Waiting {
        /// Since `UpdateService`.
        elapsed_ms: u64,
        /// Tasks of the followed deployment that meet every condition.
        healthy: u32,
        /// Tasks wanted.
        desired: u32,
    },
    /// AWS throttles; the poller slows down.
    Throttled {
        /// `ecs:DescribeServices`
        operation: String,
        /// Until the next look.
        delay_ms: u64,
    },
    /// A cause was diagnosed, or one that is known occurred again.
    FindingMade {
        /// The finding with its number of occurrences so far.
        finding: Finding,
    },
    /// Conditions 1 to 4 of success hold for the first time.
    Healthy {
        /// Since `UpdateService`.
        at_ms: u64,
    },
    /// All five conditions of success hold.
    Steady {
        /// Since `UpdateService`.
        at_ms: u64,
    },
    /// The service is being put back.
    RollbackStarted {
        /// Who does it.
        by: RollbackBy,
        /// To which revision.
        task_definition: String,
        /// Why.
        reason: String,
    },
    /// The rollback has ended.
    RollbackFinished {
        /// Who did it.
        by: RollbackBy,
        /// Which revision the service runs.
        task_definition: String,
        /// Whether the service is steady again.
        complete: bool,
    },
    /// A service's part of the run has ended.
    RolloutFinished {
        /// How.
        verdict: Verdict,
        /// In one sentence, for a person.
        reason: String,
        /// What was measured; absent when there was no rollout.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        zero_downtime: Option<ZeroDowntime>,
    },
    /// SIGINT or SIGTERM arrived.
    Interrupted {
        /// Where things stand and how to go on.
        message: String,
    },
    /// How often each AWS operation was called.
    ApiCalls {
        /// `ecs:DescribeServices` -> count. Retries count.
        counts: BTreeMap<String, u64>,
    },
    /// The run could not go on.
    RunFailed {
        /// Why.
        error: ErrorReport,
    },
    /// Always the last event.
    RunFinished(RunReport),
}

/// The first event's fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunStarted {
    /// Landfall's version.
    pub version: String,
    /// The verb: `deploy`.
    pub command: String,
    /// AWS Region.
    pub region: String,
    /// ECS cluster.
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

/// Whether a failure can go away by itself (facts 5, "How to use").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The same revision can never succeed until someone changes something.
    Deterministic,
    /// A fault if it repeats, otherwise noise.
    Mixed,
    /// Waiting may help.
    Transient,
}

/// A diagnosed cause with its fix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Stable name: `image-not-found`.
    pub code: String,
    /// Whether waiting can help.
    pub class: FailureClass,
    /// What happened, in one line.
    pub title: String,
    /// Why that happens.
    pub cause: String,
    /// What to do.
    pub fix: String,
    /// AWS's own words and the facts that led here.
    pub evidence: Vec<String>,
    /// How many tasks, targets or events showed it so far.
    pub occurrences: u32,
}

/// Who put a service back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RollbackBy {
    /// This run, by an `UpdateService` of its own.
    Landfall,
    /// The service's circuit breaker or alarms.
    Ecs,
}

/// How a service's part of a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing to do.
    Unchanged,
    /// A dry run found something to do.
    Planned,
    /// The five conditions held in one observation.
    Succeeded,
    /// Someone else's deployment took over.
    Superseded,
    /// SIGINT or SIGTERM.
    Interrupted,
    /// The time limit ran out.
    TimedOut,
    /// It could not succeed, and the service runs the earlier revision again.
    RolledBack,
    /// It could not succeed, and the service needs a person.
    Failed,
}

/// What can be said about requests during the rollout (design: "Zero downtime is a measurement").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ZeroDowntimeVerdict {
    /// A probe ran throughout, no request failed, and the floor held.
    Proven,
    /// The floor held at every observation; there was no probe.
    Observed,
    /// The floor did not hold, or a request failed.
    Violated,
    /// Nothing was running before.
    NotApplicable,
}

/// The evidence for [`ZeroDowntimeVerdict`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ZeroDowntime {
    /// What the evidence amounts to.
    pub verdict: ZeroDowntimeVerdict,
    /// `max(1, ceil(desiredCount * minimumHealthyPercent / 100))`
    pub floor: u32,
    /// The lowest number of healthy targets (tasks RUNNING where there is no target group) seen.
    pub lowest: u32,
    /// How many observations that is from.
    pub observations: u32,
    /// The longest time between two of them.
    pub longest_gap_ms: u64,
    /// When it first fell below the floor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub violated_at_ms: Option<u64>,
}

/// An [`Error`](crate::error::Error) as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorReport {
    /// Decides the exit code.
    pub kind: ErrorKind,
    /// What failed, on which resource, and why.
    pub message: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl From<&crate::error::Error> for ErrorReport {
    fn from(error: &crate::error::Error) -> Self {
        Self { kind: error.kind(), message: error.full_message(), hint: error.hint_text().map(str::to_owned) }
    }
}

/// The last event's fields: a view of [`RunState`](crate::state::RunState).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunReport {
    /// The worst verdict of the services.
    pub verdict: Verdict,
    /// What the process exits with.
    pub exit_code: u8,
    /// Since the run started.
    pub duration_ms: u64,
    /// `ecs:DescribeServices` -> count.
    pub api_calls: BTreeMap<String, u64>,
    /// In the order of the configuration.
    pub services: Vec<ServiceReport>,
    /// Why the run could not go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReport>,
}

/// What became of one service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceReport {
    /// The key in the configuration.
    pub name: String,
    /// How it ended.
    pub verdict: Verdict,
    /// In one sentence.
    pub reason: Option<String>,
    /// The followed deployment.
    pub deployment_id: Option<String>,
    /// The revision that this run deployed.
    pub task_definition: Option<String>,
    /// The revision that ran before.
    pub previous_task_definition: Option<String>,
    /// The digest of the pushed image; with several containers, the first one's.
    pub image_digest: Option<String>,
    /// Container -> digest of its image.
    pub images: BTreeMap<String, String>,
    /// The env files of this revision.
    pub env_files: Vec<EnvFileReport>,
    /// When conditions 1 to 4 first held.
    pub healthy_at_ms: Option<u64>,
    /// When all five held.
    pub steady_at_ms: Option<u64>,
    /// What was measured.
    pub zero_downtime: Option<ZeroDowntime>,
    /// What was diagnosed.
    pub findings: Vec<Finding>,
    /// The revision the service was put back to.
    pub rolled_back_to: Option<String>,
}
