//! The execution role decrypts what a customer's key protects (facts 2.6).

use super::judge::{judge, of_execution_role};
use crate::preflight::{Check, Input, Outcome, Severity};

/// The execution role may use the keys of the secrets.
pub const CHECK: Check = Check {
    code: "execution-role-keys",
    title: "The execution role may decrypt the secrets that a key of yours protects",
    severity: Severity::Warning,
    cause: "A secret that is encrypted with a key of yours needs kms:Decrypt. The key's policy may allow it by itself, which the simulation does not see.",
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
    use crate::aws::account::{Known, Principal};
    use crate::preflight::checks::permissions::judge::decide;
    use crate::preflight::testing::EXECUTION;
    use crate::preflight::testing::{World, denied, does_not_apply, passes, problem, wants};

    fn decided(world: &mut World, allowed: Known<bool>) {
        decide(world, Principal::ExecutionRole(EXECUTION.into()), "kms:Decrypt", allowed);
        // Someone else's permission is not this check's business.
        decide(world, Principal::Caller, "kms:Decrypt", Known::Is(false));
    }

    #[test]
    fn what_is_not_allowed_is_named() {
        let said = problem(&CHECK, |world| decided(world, Known::Is(false)));
        assert_eq!(said, "execution role execution: it may not kms:Decrypt on arn:x, and needs it");
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
