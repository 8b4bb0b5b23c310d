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
    use crate::aws::account::{Known, Principal};
    use crate::preflight::checks::permissions::judge::decide;
    use crate::preflight::testing::EXECUTION;
    use crate::preflight::testing::{World, denied, does_not_apply, passes, problem, wants};

    fn decided(world: &mut World, allowed: Known<bool>) {
        decide(world, Principal::ExecutionRole(EXECUTION.into()), "ecr:BatchGetImage", allowed);
        // Someone else's permission is not this check's business.
        decide(world, Principal::Caller, "ecr:BatchGetImage", Known::Is(false));
    }

    #[test]
    fn what_is_not_allowed_is_named() {
        let said = problem(&CHECK, |world| decided(world, Known::Is(false)));
        assert_eq!(said, "execution role execution: it may not ecr:BatchGetImage on arn:x, and needs it");
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
