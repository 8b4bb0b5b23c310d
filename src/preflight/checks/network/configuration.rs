//! The service's network configuration (facts 7.3).

use std::collections::BTreeSet;

use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// The service names subnets that are there.
pub const CHECK: Check = Check {
    code: "network-configuration",
    title: "The service names subnets and security groups that exist, in one VPC",
    severity: Severity::Error,
    cause: "Tasks with network mode awsvpc get their network interface in one of the service's subnets: 1 to 16 of them \
            in one VPC, with at most 5 security groups.",
    fix: &["Correct networkConfiguration.awsvpcConfiguration of the service."],
    prevents: &["network-configuration-missing"],
    source: "task-networking",
    run,
};

const MOST_SUBNETS: usize = 16;
const MOST_GROUPS: usize = 5;

fn run(input: &Input<'_>) -> Outcome {
    if input.network_mode() != Some("awsvpc") {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    let (subnets, groups) = (input.subnets(), input.security_groups());
    if subnets.is_empty() {
        tally.problem("networkConfiguration", "the service names no subnets, and awsvpc tasks need one");
        return tally.outcome();
    }
    for (what, count, most) in
        [("subnets", subnets.len(), MOST_SUBNETS), ("security groups", groups.len(), MOST_GROUPS)]
    {
        if count > most {
            tally.problem("networkConfiguration", format!("it has {count} {what}, and ECS takes {most}"));
        }
    }
    if let Some(network) = tally.know(&input.facts.network) {
        for id in subnets.iter().filter(|id| !network.subnets.iter().any(|subnet| subnet.id == **id)) {
            tally.problem(format!("subnet {id}"), "there is no such subnet in this Region and account");
        }
        let vpcs: BTreeSet<&str> = network.subnets.iter().map(|subnet| subnet.vpc.as_str()).collect();
        if vpcs.len() > 1 {
            let vpcs: Vec<&str> = vpcs.into_iter().collect();
            tally.problem(
                "networkConfiguration",
                format!("its subnets are in several VPCs: {}", vpcs.join(", ")),
            );
        }
        if let Some(known) = tally.know(&network.security_groups) {
            for id in groups.iter().filter(|id| !known.iter().any(|group| group.id == **id)) {
                tally.problem(
                    format!("security group {id}"),
                    "there is no such group in this Region and account",
                );
            }
        }
    }
    tally.outcome()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{denied, does_not_apply, passes, problem, wants};

    #[test]
    fn what_is_not_there_is_refused() {
        let said = problem(&CHECK, |world| world.service["networkConfiguration"] = json!({}));
        assert!(said.ends_with("names no subnets, and awsvpc tasks need one"), "{said}");
        let said = problem(&CHECK, |world| {
            world.network().subnets.pop();
        });
        assert_eq!(said, "subnet subnet-b: there is no such subnet in this Region and account");
        let said = problem(&CHECK, |world| world.network().subnets[1].vpc = "vpc-2".into());
        assert_eq!(said, "networkConfiguration: its subnets are in several VPCs: vpc-1, vpc-2");
        let said = problem(&CHECK, |world| {
            world.service["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"] =
                json!(["sg-gone"]);
        });
        assert_eq!(said, "security group sg-gone: there is no such group in this Region and account");
    }

    #[test]
    fn what_is_there_passes() {
        passes(&CHECK, |_| {});
        does_not_apply(&CHECK, |world| world.definition["networkMode"] = json!("bridge"));
    }

    #[test]
    fn without_the_permission_it_cannot_be_told() {
        wants(&CHECK, "ec2:DescribeSubnets", |world| world.facts.network = denied("ec2:DescribeSubnets"));
    }
}
