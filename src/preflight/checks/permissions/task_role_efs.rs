//! The task role mounts file systems (facts 9.1).

use super::judge::judge;
use crate::aws::account::Principal;
use crate::preflight::{Check, Input, Outcome, Severity};

/// The task role may mount the file systems.
pub const CHECK: Check = Check {
    code: "task-role-efs",
    title: "The task role may mount the EFS file systems",
    severity: Severity::Warning,
    cause: "With IAM authorization the mount is made with the task role. The file system's policy may allow it by itself, which the simulation does not see.",
    fix: &["Allow the task role elasticfilesystem:ClientMount, and ClientWrite where it writes."],
    prevents: &["efs-access-denied"],
    source: "efs-volumes",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    judge(input, |demand| matches!(demand.principal, Principal::TaskRole(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::account::Known;
    use crate::preflight::checks::permissions::judge::decide;
    use crate::preflight::testing::TASK;
    use crate::preflight::testing::{World, denied, does_not_apply, passes, problem, wants};

    fn decided(world: &mut World, allowed: Known<bool>) {
        decide(world, Principal::TaskRole(TASK.into()), "elasticfilesystem:ClientMount", allowed);
        // Someone else's permission is not this check's business.
        decide(world, Principal::Caller, "elasticfilesystem:ClientMount", Known::Is(false));
    }

    #[test]
    fn what_is_not_allowed_is_named() {
        let said = problem(&CHECK, |world| decided(world, Known::Is(false)));
        assert_eq!(said, "task role task: it may not elasticfilesystem:ClientMount on arn:x, and needs it");
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
