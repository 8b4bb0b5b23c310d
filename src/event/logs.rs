//! What containers wrote to their logs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The end of one container's log, fetched when the container had ended badly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContainerLogs {
    /// The last part of the task's ARN.
    pub task: String,
    /// Its name in the task definition.
    pub container: String,
    /// What the container exited with; absent where its task was stopped by a health check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The log group; absent where the container does not log to CloudWatch Logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The log stream in that group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// The newest lines, oldest first. Control sequences are taken out, and values of this run's `.env` files are
    /// `***`.
    pub lines: Vec<LogLine>,
    /// Why there are no lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogLine {
    /// When it was written, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<i64>,
    /// What was written.
    pub text: String,
}
