//! The execution role reads env files (facts 2.4).

use super::judge::{judge, of_execution_role};
use crate::preflight::{Check, Input, Outcome, Severity};

/// The execution role may read the env files.
pub const CHECK: Check = Check {
    code: "execution-role-env-files",
    title: "The execution role may read the env files in S3",
    severity: Severity::Error,
    cause: "ECS reads env files with the execution role when each task starts; AmazonECSTaskExecutionRolePolicy does not allow it. A bucket policy may allow it as well, which the simulation does not see: skip the check then.",
    fix: &["Allow the execution role s3:GetObject on the files and s3:GetBucketLocation on the bucket."],
    prevents: &["env-file-denied"],
    source: "use-environment-file",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    judge(input, |demand| of_execution_role(demand, &["s3"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::account::{Known, Principal};
    use crate::preflight::checks::permissions::judge::decide;
    use crate::preflight::testing::EXECUTION;
    use crate::preflight::testing::{World, denied, does_not_apply, passes, problem, wants};

    fn decided(world: &mut World, allowed: Known<bool>) {
        decide(world, Principal::ExecutionRole(EXECUTION.into()), "s3:GetObject", allowed);
        // Someone else's permission is not this check's business.
        decide(world, Principal::Caller, "s3:GetObject", Known::Is(false));
    }

    #[test]
    fn what_is_not_allowed_is_named() {
        let said = problem(&CHECK, |world| decided(world, Known::Is(false)));
        assert_eq!(said, "execution role execution: it may not s3:GetObject on arn:x, and needs it");
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
