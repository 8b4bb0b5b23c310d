//! How long old tasks take to leave (facts 3.5).

use super::target_groups::short;
use crate::config::WaitFor;
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// Old tasks end their requests, and leave before the time is over.
pub const CHECK: Check = Check {
    code: "drain-time",
    title: "Old tasks can end their requests, and leave within the time limit",
    severity: Severity::Warning,
    cause: "An old task leaves in this order: it is deregistered, the deregistration delay passes, it gets SIGTERM, \
            stopTimeout passes, it is killed. With no delay its requests are cut off; a delay longer than the time limit \
            makes a deployment time out that went well.",
    fix: &[
        "Set deregistration_delay.timeout_seconds of the target group to a little more than the longest request.",
        "Give the deployment more time (--timeout), or do not wait for old tasks (--wait-for healthy).",
    ],
    prevents: &[],
    source: "load-balancer-connection-draining",
    run,
};

/// Seconds from SIGTERM to SIGKILL, where nothing is set.
const DEFAULT_STOP_TIMEOUT: u64 = 30;

fn run(input: &Input<'_>) -> Outcome {
    let groups = input.target_groups();
    if groups.is_empty() {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    let stop = |container: crate::preflight::look::Container<'_>| {
        container.number("stopTimeout").filter(|seconds| *seconds > 0).unwrap_or(DEFAULT_STOP_TIMEOUT)
    };
    let stop = input.containers().map(stop).max().unwrap_or(DEFAULT_STOP_TIMEOUT);
    let limit = input.config.timeout.as_secs();
    for arn in groups {
        let Some(group) = tally.know_of(input.facts.target_groups.get(arn)) else { continue };
        let Some(delay) = tally.know(&group.deregistration_delay_s).copied() else { continue };
        let leaves = u64::from(delay) + stop;
        if delay == 0 {
            tally.problem(
                short(arn),
                "its deregistration delay is 0 s: requests to a task that leaves are cut off",
            );
        } else if input.config.wait_for == WaitFor::Steady && leaves >= limit {
            tally.problem(
                short(arn),
                format!(
                    "an old task may take {delay} s (deregistration delay) + {stop} s (stopTimeout) = {leaves} s to leave, and the time limit is {limit} s"
                ),
            );
        }
    }
    tally.outcome()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::account::Known;
    use crate::preflight::testing::{LONG, denied, does_not_apply, outcome, problem};

    #[test]
    fn more_time_than_there_is_is_told_with_its_arithmetic() {
        let said = problem(&CHECK, |world| {
            world.config.timeout = LONG / 10;
            world.target_group().deregistration_delay_s = Known::Is(300);
        });
        assert_eq!(
            said,
            "targetgroup/web/1: an old task may take 300 s (deregistration delay) + 30 s (stopTimeout) = 330 s to leave, and the time limit is 180 s"
        );
        let said = problem(&CHECK, |world| world.target_group().deregistration_delay_s = Known::Is(0));
        assert!(said.ends_with("requests to a task that leaves are cut off"), "{said}");
    }

    #[test]
    fn enough_time_passes() {
        let ample = outcome(&CHECK, |world| {
            world.config.timeout = LONG;
            world.target_group().deregistration_delay_s = Known::Is(300);
        });
        assert_eq!(ample, Outcome::Passed);
    }

    #[test]
    fn a_hidden_delay_cannot_be_told() {
        let permission = "elasticloadbalancing:DescribeTargetGroupAttributes";
        crate::preflight::testing::wants(&CHECK, permission, |world| {
            world.target_group().deregistration_delay_s = denied(permission);
        });
        does_not_apply(&CHECK, |world| world.service["loadBalancers"] = json!([]));
    }
}
