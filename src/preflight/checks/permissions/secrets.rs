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
    use crate::aws::account::{Known, Principal};
    use crate::preflight::checks::permissions::judge::decide;
    use crate::preflight::testing::EXECUTION;
    use crate::preflight::testing::{World, denied, does_not_apply, passes, problem, wants};

    fn decided(world: &mut World, allowed: Known<bool>) {
        decide(world, Principal::ExecutionRole(EXECUTION.into()), "ssm:GetParameters", allowed);
        // Someone else's permission is not this check's business.
        decide(world, Principal::Caller, "ssm:GetParameters", Known::Is(false));
    }

    #[test]
    fn what_is_not_allowed_is_named() {
        let said = problem(&CHECK, |world| decided(world, Known::Is(false)));
        assert_eq!(said, "execution role execution: it may not ssm:GetParameters on arn:x, and needs it");
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
