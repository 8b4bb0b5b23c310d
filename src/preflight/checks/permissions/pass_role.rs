//! The caller hands roles to the tasks (facts 8.1).

use super::judge::judge;
use crate::aws::account::Principal;
use crate::preflight::{Check, Input, Outcome, Severity};

/// The caller may pass the roles.
pub const CHECK: Check = Check {
    code: "caller-pass-role",
    title: "The caller may hand the execution role and the task role to ECS",
    severity: Severity::Error,
    cause: "Whoever registers a revision passes its roles on, and needs iam:PassRole for each of them.",
    fix: &[
        "Allow the caller iam:PassRole on both roles, with the condition iam:PassedToService = ecs-tasks.amazonaws.com.",
    ],
    prevents: &["pass-role-denied"],
    source: "task_execution_IAM_role",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    judge(input, |demand| demand.principal == Principal::Caller && demand.action == "iam:PassRole")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::checks::permissions::judge::judges;

    #[test]
    fn it_judges_the_demands_that_are_its_business() {
        judges(&CHECK, &Principal::Caller, "caller ci", "iam:PassRole");
    }
}
