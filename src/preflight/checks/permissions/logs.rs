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
    use crate::aws::account::Principal;
    use crate::preflight::checks::permissions::judge::judges;
    use crate::preflight::testing::EXECUTION;

    #[test]
    fn it_judges_the_demands_that_are_its_business() {
        judges(
            &CHECK,
            &Principal::ExecutionRole(EXECUTION.into()),
            "execution role execution",
            "logs:CreateLogStream",
        );
    }
}
