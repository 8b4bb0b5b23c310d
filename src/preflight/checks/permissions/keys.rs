//! The execution role decrypts what a customer's key protects (facts 2.6).

use super::judge::{judge, of_execution_role};
use crate::preflight::{Check, Input, Outcome, Severity};

/// The execution role may use the keys of the secrets.
pub const CHECK: Check = Check {
    code: "execution-role-keys",
    title: "The execution role may decrypt the secrets that a key of yours protects",
    severity: Severity::Warning,
    cause: "A secret that is encrypted with a key of yours needs kms:Decrypt. The key's policy may allow it by itself, and is looked at where the role's own policies say nothing.",
    fix: &["Allow the execution role kms:Decrypt on the key, in its own policy or in the key's."],
    prevents: &["secret-access-denied"],
    source: "task_execution_IAM_role",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    judge(input, |demand| of_execution_role(demand, &["kms"]))
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
            "kms:Decrypt",
        );
    }
}
