//! The typed events that a run consists of. The core emits them and prints nothing; reporters turn
//! them into bars, lines, JSON or a summary, and [`RunState`](crate::state::RunState) folds them.
//!
//! The JSON form of a [`Record`] is public API: `docs/events.schema.json` is generated from these
//! types. Times named `*_ms` are milliseconds since the service's `UpdateService` unless said otherwise.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod logs;
mod origin;
mod outcome;
mod parts;
mod plan;
mod preflight;
mod probe;
mod variables;

pub use logs::{ContainerLogs, LogLine};
pub use origin::Origin;
pub use outcome::{
    BlobReport, ErrorReport, FailureClass, Finding, ImageReport, RollbackBy, RunReport, ServiceReport,
    Verdict, ZeroDowntime, ZeroDowntimeVerdict,
};
pub use parts::{
    Blob, Change, DeploymentState, EnvFileReport, Role, RunStarted, Step, Stopped, StoppedContainer,
    TargetState, TaskState, Transfer,
};
pub use plan::{
    AttributeChange, CostEstimate, Difference, DifferenceKind, ImageChange, PlanDetails, RolloutForecast,
};
pub use preflight::{CheckProblem, CheckReport, CheckResult, CheckSeverity, PreflightSummary};
pub use probe::{ProbeFailure, ProbeFailures, ProbeLatency, ProbeReport, ProbeSlice, ProbeWindow};
pub use variables::{
    ContainerVariables, EffectiveVariable, EnvFileCheck, EnvFinding, EnvOutcome, VariableChange,
    VariableSource,
};

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
    /// Where the run comes from; absent where nothing is known of it.
    Origin(Origin),
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
        /// What the containers of the configuration will have as environment; empty where nothing is said about it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        variables: Vec<ContainerVariables>,
        /// Differences, arithmetic, cost and the calls that a deploy makes; absent where a service is set back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        details: Option<Box<PlanDetails>>,
        /// Attempts at calls of AWS that this run had made when the plan was ready.
        #[serde(default)]
        api_calls: u64,
    },
    /// A check of a service was made before anything is changed.
    Checked(CheckReport),
    /// All checks of a service were made.
    PreflightFinished(PreflightSummary),
    /// A `.env` file was read; told where something was found in it.
    EnvFileChecked(EnvFileCheck),
    /// Variables of a container, where they are compared and not deployed (`env diff`).
    EnvCompared(ContainerVariables),
    /// Two task definitions were compared (`diff`).
    DefinitionsCompared {
        /// `file`, `live (web:7)`, `web:7`.
        from: String,
        /// The same.
        to: String,
        /// Empty where they run alike.
        differences: Vec<Difference>,
    },
    /// A file was written on this machine.
    FileWritten {
        /// Its path.
        path: String,
        /// What is in it, for a person: `12 variables`.
        content: String,
    },
    /// Something that nobody needs any more was found (`prune`).
    Prunable {
        /// `s3://BUCKET/KEY`
        object: String,
        /// When it was written.
        written: Timestamp,
        /// Bytes.
        size: u64,
        /// Whether it was deleted.
        deleted: bool,
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
    /// A repository of ECR was created.
    RepositoryCreated {
        /// `host/repository`
        repository: String,
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
    /// More of a layer has been read and compressed. At most ten a second for each layer.
    LayerProgress {
        /// The container whose image this is.
        container: String,
        /// Its uncompressed digest; its name in the export as long as that is all that is known.
        layer: String,
        /// Uncompressed bytes read so far.
        read: u64,
        /// Uncompressed bytes in all.
        size: u64,
    },
    /// A layer is compressed and can be sent.
    LayerPacked {
        /// The container whose image this is.
        container: String,
        /// What [`Event::LayerProgress`] called it.
        layer: String,
        /// `sha256:...` of the uncompressed layer.
        diff_id: String,
        /// Uncompressed bytes.
        uncompressed: u64,
        /// `sha256:...` of the blob that it has become.
        digest: String,
        /// Bytes of that blob.
        size: u64,
        /// How long it took.
        duration_ms: u64,
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
        /// From the first look at it to the confirmation; 0 when it was found among others.
        #[serde(default)]
        duration_ms: u64,
    },
    /// The registry has confirmed the manifest.
    ImagePushed {
        /// The container whose image this is.
        container: String,
        /// `host/repository@sha256:...`: what the task definition gets.
        reference: String,
        /// `sha256:...`
        digest: String,
        /// The manifest's media type; absent where only its digest was looked up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media_type: Option<String>,
        /// Bytes of the manifest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        manifest_size: Option<u64>,
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
        /// What ECS does meanwhile, where that is known: watch alarms.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// ECS restarted a container in place (`restartPolicy`): its task stays RUNNING.
    ContainerRestarted {
        /// The task's id.
        task: String,
        /// The container's name.
        container: String,
        /// How its run before ended, where AWS shows it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
        /// How many restarts of it were seen, this one included.
        restarts: u32,
    },
    /// A service deployment of strategy BLUE_GREEN, LINEAR or CANARY has come to another stage or status.
    StageChanged {
        /// `RECONCILE_SERVICE` ... `CLEAN_UP`, or whatever AWS says; absent before the first stage.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stage: Option<String>,
        /// `PENDING`, `IN_PROGRESS`, `SUCCESSFUL`, ... of the service deployment.
        status: String,
        /// AWS's text on the status.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The new revision is to get another part of the traffic.
    TrafficShifted {
        /// Percent of the production traffic.
        production_percent: f64,
        /// Percent of the test traffic; absent where there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        test_percent: Option<f64>,
    },
    /// The old revision is kept for a while in case something turns up (`bakeTimeInMinutes`). Told at the
    /// start and about every half minute.
    Baking {
        /// How much of the time is left.
        remaining_ms: u64,
    },
    /// A lifecycle hook waits for somebody to say how to go on.
    Paused {
        /// At which stage.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stage: Option<String>,
        /// The command that goes on, and the one that goes back.
        how: String,
        /// When nobody waits any longer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
        /// What ECS does then: `ROLLBACK` or `CONTINUE`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout_action: Option<String>,
    },
    /// AWS throttles; the poller slows down.
    Throttled {
        /// `ecs:DescribeServices`
        operation: String,
        /// Until the next look.
        delay_ms: u64,
    },
    /// The probe has had an answer as expected; from now on its requests count.
    ProbeStarted {
        /// Where they go, without user, password and query.
        url: String,
        /// From one request to the next.
        interval_ms: u64,
    },
    /// A request of the probe was not answered as expected, after one that was. Told of the first ten such series.
    ProbeFailed(ProbeFailure),
    /// The probe's requests are answered as expected again.
    ProbeRecovered {
        /// When the first of them was started.
        at_ms: u64,
        /// How many failed in between.
        failed: u64,
    },
    /// A cause was diagnosed, or one that is known occurred again.
    FindingMade {
        /// The finding with its number of occurrences so far.
        finding: Finding,
    },
    /// The end of the log of a container that has ended badly.
    ContainerLogs(ContainerLogs),
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
    /// A call of AWS or of a registry was answered, or broke off; only with `-v`.
    ApiCall {
        /// `ecs:DescribeServices`
        operation: String,
        /// The HTTP status; absent where there was no answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// What AWS's support asks for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
        /// From the request to the answer's head.
        duration_ms: u64,
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
