//! What a check is.

use super::facts::Input;

/// What becomes of a deployment that a check finds a problem in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It is told, and the deployment goes on.
    Warning,
    /// The deployment is refused: it could not succeed.
    Error,
}

/// One check.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Stable name, as in `landfall explain CODE`: `no-route-to-ecr`.
    pub code: &'static str,
    /// What it makes sure of, in one line: `the tasks can reach ECR`.
    pub title: &'static str,
    /// What its problems are, unless one says otherwise.
    pub severity: Severity,
    /// What happens to a deployment with this problem, and why.
    pub cause: &'static str,
    /// What to do, step by step: whole sentences.
    pub fix: &'static [&'static str],
    /// Codes of findings that it prevents; empty where no failure of a rollout follows from it.
    pub prevents: &'static [&'static str],
    /// The section of facts or the AWS page that it rests on.
    pub source: &'static str,
    /// What it finds.
    pub run: fn(&Input<'_>) -> Outcome,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is wrong.
    Passed,
    /// There is nothing of the kind in this deployment.
    NotApplicable,
    /// What is wrong; never empty.
    Problems(Vec<Problem>),
    /// It cannot be told.
    NotChecked {
        /// IAM's names of the actions that the caller would need; empty where another reason stands in `why`.
        permissions: Vec<String>,
        /// Why, where it is not a missing permission.
        why: Option<String>,
    },
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What it is about: `subnet-0a1b`, `container web`, `secret DB_PASSWORD`.
    pub subject: String,
    /// What is wrong with it, for a person; no value of a variable or secret.
    pub message: String,
    /// Overrides [`Check::severity`], where one form of a problem is worse than another.
    pub severity: Option<Severity>,
}
