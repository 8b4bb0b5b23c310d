//! Target groups that can take the tasks (facts 9.3 and 5.7).

use crate::aws::account::Known;
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// The target groups are of type `ip`.
pub const TYPE: Check = Check {
    code: "target-group-type",
    title: "The target groups exist and are of type ip",
    severity: Severity::Error,
    cause: "A task with network mode awsvpc has an address of its own, which only a target group of type ip takes.",
    fix: &["Create a target group of type ip, and give it to the listener and to the service."],
    prevents: &["target-type-instance", "target-group-missing", "target-registration-failed"],
    source: "register-multiple-targetgroups",
    run: run_type,
};

/// The target groups get requests.
pub const LISTENER: Check = Check {
    code: "target-group-listener",
    title: "A listener sends requests to each target group",
    severity: Severity::Error,
    cause: "ECS refuses a target group that no load balancer uses, and its targets never become healthy.",
    fix: &["Add the target group to a listener or a rule of the load balancer."],
    prevents: &["target-group-without-listener", "target-group-unused"],
    source: "service-load-balancing",
    run: run_listener,
};

/// The target groups are in the VPC of the tasks.
pub const VPC: Check = Check {
    code: "target-group-vpc",
    title: "The target groups are in the VPC of the service's subnets",
    severity: Severity::Error,
    cause: "A target group takes addresses of its own VPC only.",
    fix: &["Create the target group in the VPC of the service's subnets."],
    prevents: &["target-group-other-vpc"],
    source: "service-load-balancing",
    run: run_vpc,
};

/// `targetgroup/web/0123` of an ARN.
pub(super) fn short(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

fn run_type(input: &Input<'_>) -> Outcome {
    let groups = input.target_groups();
    if groups.is_empty() {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    for arn in groups {
        let known = input.facts.target_groups.get(arn);
        if known == Some(&Known::Absent) {
            tally.problem(short(arn), "there is no such target group");
        } else if let Some(group) = tally.know_of(known)
            && input.network_mode() == Some("awsvpc")
            && group.target_type != "ip"
        {
            tally.problem(
                short(arn),
                format!("its target type is {}, and awsvpc tasks need ip", group.target_type),
            );
        }
    }
    tally.outcome()
}

fn run_listener(input: &Input<'_>) -> Outcome {
    let groups = input.target_groups();
    if groups.is_empty() {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    for arn in groups {
        let group = tally.know_of(input.facts.target_groups.get(arn));
        if group.is_some_and(|group| group.load_balancers.is_empty()) {
            tally.problem(short(arn), "no listener of a load balancer uses it");
        }
    }
    tally.outcome()
}

fn run_vpc(input: &Input<'_>) -> Outcome {
    let groups = input.target_groups();
    if groups.is_empty() || input.subnets().is_empty() {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    let network = tally.know(&input.facts.network);
    let ours = network.and_then(|network| network.subnets.first()).map(|subnet| subnet.vpc.as_str());
    for arn in groups {
        let Some(group) = tally.know_of(input.facts.target_groups.get(arn)) else { continue };
        if let (Some(theirs), Some(ours)) = (group.vpc.as_deref(), ours)
            && theirs != ours
        {
            tally.problem(short(arn), format!("it is in {theirs}, and the subnets are in {ours}"));
        }
    }
    tally.outcome()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{TARGETS, World, denied, does_not_apply, passes, problem, wants};

    const DESCRIBE: &str = "elasticloadbalancing:DescribeTargetGroups";

    fn hide(world: &mut World) {
        world.facts.target_groups.insert(TARGETS.into(), denied(DESCRIBE));
    }

    #[test]
    fn a_target_group_of_another_type_is_refused() {
        let said = problem(&TYPE, |world| world.target_group().target_type = "instance".into());
        assert_eq!(said, "targetgroup/web/1: its target type is instance, and awsvpc tasks need ip");
        let said = problem(&TYPE, |world| {
            world.facts.target_groups.insert(TARGETS.into(), Known::Absent);
        });
        assert_eq!(said, "targetgroup/web/1: there is no such target group");
    }

    #[test]
    fn one_without_a_listener_is_refused() {
        let said = problem(&LISTENER, |world| world.target_group().load_balancers.clear());
        assert_eq!(said, "targetgroup/web/1: no listener of a load balancer uses it");
    }

    #[test]
    fn one_of_another_vpc_is_refused() {
        let said = problem(&VPC, |world| world.target_group().vpc = Some("vpc-2".into()));
        assert_eq!(said, "targetgroup/web/1: it is in vpc-2, and the subnets are in vpc-1");
    }

    #[test]
    fn a_sound_one_passes_and_a_hidden_one_cannot_be_told() {
        for check in [&TYPE, &LISTENER, &VPC] {
            passes(check, |_| {});
            wants(check, DESCRIBE, hide);
            does_not_apply(check, |world| world.service["loadBalancers"] = json!([]));
        }
    }

    #[test]
    fn the_other_target_group_of_a_strategy_counts_as_well() {
        let said = problem(&LISTENER, |world| {
            let mut green = world.target_group().clone();
            green.load_balancers.clear();
            world.facts.target_groups.insert("arn:x:targetgroup/green/2".into(), Known::Is(green));
            world.service["loadBalancers"][0]["advancedConfiguration"] =
                json!({"alternateTargetGroupArn": "arn:x:targetgroup/green/2"});
        });
        assert!(said.starts_with("targetgroup/green/2:"), "{said}");
    }
}
