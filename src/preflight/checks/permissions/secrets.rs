//! The execution role reads secrets and parameters (facts 2.6).

use super::judge::{judge, of_execution_role};
use crate::preflight::{Check, Input, Outcome, Severity};

/// The execution role may read the secrets.
pub const CHECK: Check = Check {
    code: "execution-role-secrets",
    title: "The execution role may read the secrets and parameters",
    severity: Severity::Error,
    cause: "ECS reads secrets with the execution role when each task starts; AmazonECSTaskExecutionRolePolicy does not allow it.",
    fix: &[
        "Allow the execution role secretsmanager:GetSecretValue on the secrets, and ssm:GetParameters on the parameters.",
    ],
    prevents: &["secret-access-denied"],
    source: "task_execution_IAM_role",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    judge(input, |demand| of_execution_role(demand, &["secretsmanager", "ssm"]))
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
            "ssm:GetParameters",
        );
    }
}
