//! What the checks before a change found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What became of one check of a service. Checks that have nothing to look at are not told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckReport {
    /// Stable name: `no-route-to-ecr`; `landfall explain CODE` has its page.
    pub code: String,
    /// What it makes sure of, in one line.
    pub title: String,
    /// What came of it.
    pub result: CheckResult,
    /// What is wrong; empty unless `result` is `problems`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<CheckProblem>,
    /// What to do about its problems; absent where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// IAM's names of the actions that the caller would need for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<String>,
    /// Why it could not be told, where that is not a missing permission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// Nothing is wrong.
    Passed,
    /// Something is wrong.
    Problems,
    /// It cannot be told.
    NotChecked,
    /// The caller has turned it off.
    Skipped,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckProblem {
    /// Whether the deployment is refused for it.
    pub severity: CheckSeverity,
    /// What it is about: `subnet subnet-0a1b`, `container web`.
    pub subject: String,
    /// What is wrong with it.
    pub message: String,
}

/// What becomes of a deployment with a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckSeverity {
    /// It is told, and the deployment goes on.
    Warning,
    /// The deployment is refused.
    Error,
}

/// All checks of a service in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PreflightSummary {
    /// Problems that refuse the deployment.
    pub errors: u32,
    /// Problems that are only told.
    pub warnings: u32,
    /// Checks that found nothing wrong.
    pub passed: u32,
    /// Checks that could not be made.
    pub not_checked: u32,
    /// What the caller would have to be allowed for all checks to be made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<String>,
    /// Codes of the checks that the caller has turned off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
    /// How long reading and checking took.
    pub duration_ms: u64,
}

impl PreflightSummary {
    /// The numbers of these reports.
    pub fn of(reports: &[CheckReport], duration_ms: u64) -> Self {
        let mut summary = Self { duration_ms, ..Self::default() };
        for report in reports {
            match report.result {
                CheckResult::Passed => summary.passed += 1,
                CheckResult::NotChecked => summary.not_checked += 1,
                CheckResult::Skipped => summary.skipped.push(report.code.clone()),
                CheckResult::Problems => {}
            }
            for problem in &report.problems {
                match problem.severity {
                    CheckSeverity::Error => summary.errors += 1,
                    CheckSeverity::Warning => summary.warnings += 1,
                }
            }
            summary.permissions.extend(report.permissions.iter().cloned());
        }
        summary.permissions.sort();
        summary.permissions.dedup();
        summary
    }
}
