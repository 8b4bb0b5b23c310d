//! How a run ends: findings, verdicts, and the report that is the last event.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::logs::ContainerLogs;
use super::origin::Origin;
use super::parts::{EnvFileReport, Transfer};
use super::preflight::{CheckReport, PreflightSummary};
use super::probe::ProbeReport;
use crate::error::ErrorKind;

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
    /// The floor held at every observation; there was no probe, or it cannot prove anything.
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
    /// What a probe measured meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<ProbeReport>,
}

impl ZeroDowntime {
    /// With what a probe measured meanwhile, which can prove it or show the opposite.
    #[must_use]
    pub fn with_probe(self, probe: ProbeReport) -> Self {
        let verdict = match self.verdict {
            ZeroDowntimeVerdict::NotApplicable => self.verdict,
            _ if probe.shows_loss() => ZeroDowntimeVerdict::Violated,
            ZeroDowntimeVerdict::Observed if probe.doubt().is_none() => ZeroDowntimeVerdict::Proven,
            verdict => verdict,
        };
        Self { verdict, probe: Some(probe), ..self }
    }
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
    /// Commit, build and version; absent where nothing is known of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// What the push of an image to one repository came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImageReport {
    /// The container whose image this is.
    pub container: String,
    /// Where it came from, as configured; absent where nothing had to be pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// `host/repository@sha256:...`
    pub reference: String,
    /// `sha256:...` of the manifest or index under the tags.
    pub digest: String,
    /// Of the manifest; absent where only its digest was looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Bytes of the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_size: Option<u64>,
    /// `exists` when nothing had to be sent.
    pub outcome: Transfer,
    /// Configurations and layers.
    pub blobs: Vec<BlobReport>,
    /// Bytes of blobs that were sent.
    pub bytes_sent: u64,
    /// Bytes of blobs that were there.
    pub bytes_skipped: u64,
    /// Bytes of blobs that the registry took from another repository.
    pub bytes_mounted: u64,
    /// From the first question to the confirmation of the tags.
    pub duration_ms: u64,
}

/// What became of one blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BlobReport {
    /// `sha256:...`
    pub digest: String,
    /// Bytes.
    pub size: u64,
    /// How it came there.
    pub outcome: Transfer,
    /// From the first look at it to the confirmation.
    pub duration_ms: u64,
    /// `sha256:...` of the uncompressed layer, where this run compressed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff_id: Option<String>,
    /// Its uncompressed bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncompressed: Option<u64>,
    /// How long compressing it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packing_ms: Option<u64>,
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
    /// What was pushed, blob by blob.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pushes: Vec<ImageReport>,
    /// The env files of this revision.
    pub env_files: Vec<EnvFileReport>,
    /// When conditions 1 to 4 first held.
    pub healthy_at_ms: Option<u64>,
    /// When all five held.
    pub steady_at_ms: Option<u64>,
    /// What was measured.
    pub zero_downtime: Option<ZeroDowntime>,
    /// Problems that the checks before a change found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckReport>,
    /// All checks in numbers; absent where none was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preflight: Option<PreflightSummary>,
    /// What was diagnosed.
    pub findings: Vec<Finding>,
    /// What containers that ended badly wrote last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<ContainerLogs>,
    /// The revision the service was put back to.
    pub rolled_back_to: Option<String>,
}
