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
    use crate::preflight::checks::permissions::judge::judges;
    use crate::preflight::testing::TASK;

    #[test]
    fn it_judges_the_demands_that_are_its_business() {
        judges(&CHECK, &Principal::TaskRole(TASK.into()), "task role task", "elasticfilesystem:ClientMount");
    }
}
