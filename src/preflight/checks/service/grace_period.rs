//! How long a new task may take to answer health checks (facts 3.2 and 3.5).

use serde_json::Value;

use super::target_groups::short;
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// New tasks have the time that they need.
pub const CHECK: Check = Check {
    code: "health-check-grace-period",
    title: "Target groups give new tasks the time to start that their containers are given",
    severity: Severity::Warning,
    cause: "A target group gives up on a target after unhealthyThreshold × interval seconds, unless the service's \
            healthCheckGracePeriodSeconds is longer; ECS then stops the task (`Task failed ELB health checks`).",
    fix: &[
        "Set healthCheckGracePeriodSeconds of the service to the time that the program may need to start.",
    ],
    prevents: &["elb-health-check-failed"],
    source: "service-load-balancing",
    run,
};

/// Below this many seconds, a program that says nothing of its start may well be too slow.
const SHORT: u64 = 10;

fn run(input: &Input<'_>) -> Outcome {
    let balancers = input.balancers();
    if balancers.is_empty() {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    let grace = input.service.get("healthCheckGracePeriodSeconds").and_then(Value::as_u64);
    let grace = grace.unwrap_or(input.live.health_check_grace_period.as_secs());
    for balancer in balancers {
        let Some(group) = tally.know_of(input.facts.target_groups.get(balancer.target_group)) else {
            continue;
        };
        let (threshold, interval) = (u64::from(group.unhealthy_threshold), u64::from(group.interval_s));
        let patience = threshold * interval;
        let container = input.containers().find(|container| container.name == balancer.container);
        let check = container.and_then(|container| container.fields.get("healthCheck"));
        let start = check.and_then(|check| check.get("startPeriod")?.as_u64()).unwrap_or(0);
        let gives_up = format!(
            "it gives up after {threshold} × {interval} s = {patience} s, and the grace period is {grace} s"
        );
        if patience.max(grace) < start {
            let message = format!("{gives_up}; startPeriod of container {} is {start} s", balancer.container);
            tally.problem(short(balancer.target_group), message);
        } else if grace == 0 && start == 0 && patience > 0 && patience < SHORT {
            let message = format!("{gives_up}; container {} may need longer to start", balancer.container);
            tally.problem(short(balancer.target_group), message);
        }
    }
    tally.outcome()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{TARGETS, denied, does_not_apply, passes, problem, wants};

    #[test]
    fn too_little_time_is_told_with_its_arithmetic() {
        let said = problem(&CHECK, |world| {
            world.service["healthCheckGracePeriodSeconds"] = json!(0);
            world.container()["healthCheck"]["startPeriod"] = json!(90);
        });
        assert_eq!(
            said,
            "targetgroup/web/1: it gives up after 3 × 10 s = 30 s, and the grace period is 0 s; startPeriod of container app is 90 s"
        );
        let said = problem(&CHECK, |world| {
            world.service["healthCheckGracePeriodSeconds"] = json!(0);
            world.container()["healthCheck"]["startPeriod"] = json!(0);
            world.target_group().interval_s = 3;
        });
        assert!(
            said.ends_with("9 s, and the grace period is 0 s; container app may need longer to start"),
            "{said}"
        );
    }

    #[test]
    fn a_grace_period_that_is_long_enough_passes() {
        passes(&CHECK, |world| world.container()["healthCheck"]["startPeriod"] = json!(120));
        passes(&CHECK, |world| world.service["healthCheckGracePeriodSeconds"] = json!(0));
    }

    #[test]
    fn a_hidden_target_group_cannot_be_told() {
        let permission = "elasticloadbalancing:DescribeTargetGroups";
        wants(&CHECK, permission, |world| {
            world.facts.target_groups.insert(TARGETS.into(), denied(permission));
        });
        does_not_apply(&CHECK, |world| world.service["loadBalancers"] = json!([]));
    }
}
