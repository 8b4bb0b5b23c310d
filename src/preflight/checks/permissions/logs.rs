//! The execution role writes logs (facts 8.1).

use super::judge::{judge, of_execution_role};
use crate::preflight::{Check, Input, Outcome, Severity};

/// The execution role may write the logs.
pub const CHECK: Check = Check {
    code: "execution-role-logs",
    title: "The execution role may write the containers' logs",
    severity: Severity::Error,
    cause: "The awslogs driver writes with the execution role; a task whose log stream cannot be created does not start. AmazonECSTaskExecutionRolePolicy has no logs:CreateLogGroup, which awslogs-create-group needs.",
    fix: &[
        "Allow the execution role logs:CreateLogStream and logs:PutLogEvents, and logs:CreateLogGroup where awslogs-create-group is true.",
    ],
    prevents: &["log-access-denied"],
    source: "using_awslogs",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    judge(input, |demand| of_execution_role(demand, &["logs"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::account::{Known, Principal};
    use crate::preflight::checks::permissions::judge::decide;
    use crate::preflight::testing::EXECUTION;
    use crate::preflight::testing::{World, denied, does_not_apply, passes, problem, wants};

    fn decided(world: &mut World, allowed: Known<bool>) {
        decide(world, Principal::ExecutionRole(EXECUTION.into()), "logs:CreateLogStream", allowed);
        // Someone else's permission is not this check's business.
        decide(world, Principal::Caller, "logs:CreateLogStream", Known::Is(false));
    }

    #[test]
    fn what_is_not_allowed_is_named() {
        let said = problem(&CHECK, |world| decided(world, Known::Is(false)));
        assert_eq!(said, "execution role execution: it may not logs:CreateLogStream on arn:x, and needs it");
    }

    #[test]
    fn what_is_allowed_passes() {
        passes(&CHECK, |world| decided(world, Known::Is(true)));
        does_not_apply(&CHECK, |_| {});
    }

    #[test]
    fn without_the_simulation_it_cannot_be_told() {
        let permission = "iam:SimulatePrincipalPolicy";
        wants(&CHECK, permission, |world| decided(world, denied(permission)));
    }
}
