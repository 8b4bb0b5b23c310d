//! What the caller looks at during a rollout (facts 8.1).

use super::judge::judge;
use crate::aws::account::Principal;
use crate::preflight::{Check, Input, Outcome, Severity};

/// The caller may follow the deployment.
pub const CHECK: Check = Check {
    code: "caller-reads",
    title: "The caller may look at tasks, targets and logs",
    severity: Severity::Warning,
    cause: "Without them the deployment goes on, but what fails cannot be explained.",
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
    use crate::preflight::checks::permissions::judge::judges;

    #[test]
    fn it_judges_the_demands_that_are_its_business() {
        judges(&CHECK, &Principal::Caller, "caller ci", "logs:GetLogEvents");
    }
}
