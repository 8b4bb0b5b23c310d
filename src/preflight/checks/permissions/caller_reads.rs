//! What the caller looks at during a rollout (facts 8.1).

use super::judge::judge;
use crate::aws::account::Principal;
use crate::preflight::{Check, Input, Outcome, Severity};

/// The caller may follow the deployment.
pub const CHECK: Check = Check {
    code: "caller-reads",
    title: "The caller may look at tasks, targets and logs",
    severity: Severity::Warning,
    cause: "Without them the deployment goes on, but what fails cannot be explained. A policy that allows them for one cluster alone looks as if it denied them: the simulation knows no cluster.",
    fix: &["Allow the caller the action that is named."],
    prevents: &[],
    source: "security-iam",
    run,
};

/// Actions that a deployment is followed with. DescribeServices and DescribeTaskDefinition were needed for the plan.
const READS: [&str; 5] = [
    "ecs:ListTasks",
    "ecs:DescribeTasks",
    "elasticloadbalancing:DescribeTargetHealth",
    "elasticloadbalancing:DescribeTargetGroups",
    "logs:GetLogEvents",
];

fn run(input: &Input<'_>) -> Outcome {
    judge(input, |demand| demand.principal == Principal::Caller && READS.contains(&demand.action.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::account::Known;
    use crate::preflight::checks::permissions::judge::decide;
    use crate::preflight::testing::EXECUTION;
    use crate::preflight::testing::{World, denied, does_not_apply, passes, problem, wants};

    fn decided(world: &mut World, allowed: Known<bool>) {
        decide(world, Principal::Caller, "logs:GetLogEvents", allowed);
        // Someone else's permission is not this check's business.
        decide(world, Principal::ExecutionRole(EXECUTION.into()), "logs:GetLogEvents", Known::Is(false));
    }

    #[test]
    fn what_is_not_allowed_is_named() {
        let said = problem(&CHECK, |world| decided(world, Known::Is(false)));
        assert_eq!(said, "caller ci: it may not logs:GetLogEvents on arn:x, and needs it");
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
