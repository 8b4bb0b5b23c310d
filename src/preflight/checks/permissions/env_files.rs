//! The execution role reads env files (facts 2.4).

use super::judge::{judge, of_execution_role};
use crate::preflight::{Check, Input, Outcome, Severity};

/// The execution role may read the env files.
pub const CHECK: Check = Check {
    code: "execution-role-env-files",
    title: "The execution role may read the env files in S3",
    severity: Severity::Error,
    cause: "ECS reads env files with the execution role when each task starts; AmazonECSTaskExecutionRolePolicy does not allow it. A bucket policy may allow it as well, and is looked at where the role's own policies say nothing.",
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
    use crate::aws::account::Principal;
    use crate::preflight::checks::permissions::judge::judges;
    use crate::preflight::testing::EXECUTION;

    #[test]
    fn it_judges_the_demands_that_are_its_business() {
        judges(
            &CHECK,
            &Principal::ExecutionRole(EXECUTION.into()),
            "execution role execution",
            "s3:GetObject",
        );
    }
}
