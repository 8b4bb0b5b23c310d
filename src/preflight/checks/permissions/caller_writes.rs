//! What the caller sends (facts 8.1).

use super::judge::judge;
use crate::aws::account::Principal;
use crate::preflight::{Check, Input, Outcome, Severity};

/// The caller may do what the plan needs.
pub const CHECK: Check = Check {
    code: "caller-permissions",
    title: "The caller may push, store, register and update",
    severity: Severity::Error,
    cause: "A deployment that is refused half way leaves images, env files and revisions behind that nothing uses.",
    fix: &["Allow the caller the action that is named."],
    prevents: &["caller-access-denied"],
    source: "security-iam",
    run,
};

/// Actions without which a deployment cannot be made.
const WRITES: [&str; 9] = [
    "ecs:RegisterTaskDefinition",
    "ecs:UpdateService",
    "s3:PutObject",
    "ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
];

fn run(input: &Input<'_>) -> Outcome {
    judge(input, |demand| demand.principal == Principal::Caller && WRITES.contains(&demand.action.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::account::Known;
    use crate::preflight::checks::permissions::judge::decide;
    use crate::preflight::testing::EXECUTION;
    use crate::preflight::testing::{World, denied, does_not_apply, passes, problem, wants};

    fn decided(world: &mut World, allowed: Known<bool>) {
        decide(world, Principal::Caller, "ecs:UpdateService", allowed);
        // Someone else's permission is not this check's business.
        decide(world, Principal::ExecutionRole(EXECUTION.into()), "ecs:UpdateService", Known::Is(false));
    }

    #[test]
    fn what_is_not_allowed_is_named() {
        let said = problem(&CHECK, |world| decided(world, Known::Is(false)));
        assert_eq!(said, "caller ci: it may not ecs:UpdateService on arn:x, and needs it");
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
