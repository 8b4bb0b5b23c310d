//! The execution role pulls images (facts 6.8).

use super::judge::{judge, of_execution_role};
use crate::preflight::{Check, Input, Outcome, Severity};

/// The execution role may pull the images.
pub const CHECK: Check = Check {
    code: "execution-role-ecr",
    title: "The execution role may pull the images from ECR",
    severity: Severity::Error,
    cause: "Tasks pull images with the execution role; without the permission they stop before they start. A policy of the repository may deny it as well.",
    fix: &[
        "Attach AmazonECSTaskExecutionRolePolicy to the execution role.",
        "For a repository of another account, allow the role in the repository's policy, too.",
    ],
    prevents: &["registry-access-denied"],
    source: "task_execution_IAM_role",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    judge(input, |demand| of_execution_role(demand, &["ecr"]))
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
            "ecr:BatchGetImage",
        );
    }
}
