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
    use crate::aws::account::Known;
    use crate::preflight::checks::permissions::judge::decide;
    use crate::preflight::testing::EXECUTION;
    use crate::preflight::testing::{World, denied, does_not_apply, passes, problem, wants};

    fn decided(world: &mut World, allowed: Known<bool>) {
        decide(world, Principal::Caller, "iam:PassRole", allowed);
        // Someone else's permission is not this check's business.
        decide(world, Principal::ExecutionRole(EXECUTION.into()), "iam:PassRole", Known::Is(false));
    }

    #[test]
    fn what_is_not_allowed_is_named() {
        let said = problem(&CHECK, |world| decided(world, Known::Is(false)));
        assert_eq!(said, "caller ci: it may not iam:PassRole on arn:x, and needs it");
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
