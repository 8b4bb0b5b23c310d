//! What a probe measured.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Requests that went on throughout a rollout, and what became of them. Times count from the first of them, which is
/// sent just before `UpdateService`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeReport {
    /// Where they went, without user, password and query.
    pub url: String,
    /// From one request to the next, as asked for.
    pub interval_ms: u64,
    /// From before `UpdateService` to the end of the observation.
    pub duration_ms: u64,
    /// Requests that were started in that time. The `checks` are not among them.
    pub sent: u64,
    /// Those of them that were not answered as expected.
    pub failed: u64,
    /// The one of them that was started first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_failure: Option<ProbeFailure>,
    /// The failed ones by kind; the most frequent first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<ProbeFailures>,
    /// The failed ones that followed each other, in order; at most the first 50 of such series.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<ProbeWindow>,
    /// Further series that are not among the `windows`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub windows_left_out: u64,
    /// How long the answers took that were as expected; absent where none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<ProbeLatency>,
    /// How long each of the parts of `over_time` is; 0 where there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub slice_ms: u64,
    /// The same part by part, in order; at most 100. Parts in which no request was started are not among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub over_time: Vec<ProbeSlice>,
    /// The longest time in which no request was started.
    pub longest_gap_ms: u64,
    /// Requests that were due and not started: too many were under way, or this machine was busy.
    pub missed: u64,
    /// Requests before the observation, to see whether the address answers at all.
    pub checks: u32,
    /// How the last of them failed, where none was answered as expected: nothing can be proven then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_before: Option<String>,
    /// The service had been updated before the first request: the run follows an earlier one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub began_late: bool,
    /// The run ended before the rollout did: old tasks were still to drain.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ended_early: bool,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A request that was not answered as expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeFailure {
    /// When it was started, since just before `UpdateService`.
    pub at_ms: u64,
    /// `HTTP 502`, `connection refused`, `timed out`, ...
    pub what: String,
    /// What the tasks were doing at that time, as last seen.
    pub tasks: String,
}

/// How often requests failed in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeFailures {
    /// `HTTP 502`, `connection refused`, `timed out`, ...
    pub what: String,
    /// How often.
    pub count: u64,
}

/// Requests that failed one after the other, in the order in which they were started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeWindow {
    /// When the first of them was started.
    pub from_ms: u64,
    /// When the last of them was started.
    pub to_ms: u64,
    /// How many they are.
    pub failed: u64,
}

/// The requests that were started in one part of the observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeSlice {
    /// When it begins.
    pub from_ms: u64,
    /// Requests that were started in it.
    pub sent: u64,
    /// Those of them that were not answered as expected.
    pub failed: u64,
    /// How long the answers took that were as expected; absent where none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<ProbeLatency>,
}

/// From a request, a new connection included, to the end of its answer, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProbeLatency {
    /// Half of the answers took no longer.
    pub p50_ms: u64,
    /// 95 % of the answers took no longer.
    pub p95_ms: u64,
    /// 99 % of the answers took no longer.
    pub p99_ms: u64,
    /// None took longer.
    pub max_ms: u64,
}

impl ProbeReport {
    /// How many intervals may pass without a request before too much may have been overlooked.
    const INTERVALS: u64 = 3;
    /// A gap this long is put up with at any interval, in milliseconds: machines that deploy are busy ones.
    const SHORT: u64 = 1_000;

    /// Why it cannot prove that no request was lost, where it cannot; for a person.
    pub fn doubt(&self) -> Option<String> {
        if self.began_late {
            return Some("the probe began after the update".to_owned());
        }
        if let Some(what) = &self.failed_before {
            return Some(format!("the probe failed before anything was changed ({what})"));
        }
        if self.sent == 0 {
            return Some("the probe sent no request".to_owned());
        }
        if self.longest_gap_ms > Self::INTERVALS.saturating_mul(self.interval_ms).max(Self::SHORT) {
            return Some(format!("the probe sent no request for {} ms", self.longest_gap_ms));
        }
        self.ended_early.then(|| "the probe ended before the rollout was over".to_owned())
    }

    /// Whether it shows that requests were lost: failures of an address that never answered show nothing.
    pub fn shows_loss(&self) -> bool {
        self.failed > 0 && self.failed_before.is_none()
    }
}
