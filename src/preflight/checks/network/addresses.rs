//! Addresses for the tasks that run at once (facts 5.4, S8).

use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// There are addresses for new tasks.
pub const CHECK: Check = Check {
    code: "free-addresses",
    title: "The subnets have addresses for the tasks that a deployment adds",
    severity: Severity::Warning,
    cause: "Each task takes an address of its subnet, and during a deployment old and new tasks run side by side. ECS \
            waits for addresses, and where there is none at all no task starts.",
    fix: &["Add subnets to the service, or lower maximumPercent."],
    prevents: &["subnet-out-of-addresses"],
    source: "task-networking",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    if input.subnets().is_empty() || input.desired() == 0 {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    if let Some(network) = tally.know(&input.facts.network)
        && !network.subnets.is_empty()
    {
        let free: u64 = network.subnets.iter().map(|subnet| u64::from(subnet.free_addresses)).sum();
        let added = input.most_tasks().saturating_sub(u64::from(input.live.service.running_count));
        let subnets = input.subnets().join(", ");
        if added > 0 && free == 0 {
            tally.refusal(
                format!("subnets {subnets}"),
                format!("they have no free address, and {added} tasks are to be added"),
            );
        } else if free < added {
            tally.problem(
                format!("subnets {subnets}"),
                format!("they have {free} free addresses, and a deployment adds up to {added} tasks"),
            );
        }
    }
    tally.outcome()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{denied, does_not_apply, outcome, passes, problem, wants};

    #[test]
    fn too_few_are_told_and_none_are_refused() {
        let said = problem(&CHECK, |world| {
            world.network().subnets.iter_mut().for_each(|subnet| subnet.free_addresses = 0);
            world.network().subnets[0].free_addresses = 1;
        });
        assert_eq!(
            said,
            "subnets subnet-a, subnet-b: they have 1 free addresses, and a deployment adds up to 2 tasks"
        );
        let none = outcome(&CHECK, |world| {
            world.network().subnets.iter_mut().for_each(|subnet| subnet.free_addresses = 0);
        });
        let Outcome::Problems(found) = none else { panic!("{none:?}") };
        assert_eq!(found[0].severity, Some(Severity::Error));
    }

    #[test]
    fn enough_addresses_pass() {
        passes(&CHECK, |world| world.network().subnets[0].free_addresses = 0);
    }

    #[test]
    fn without_the_permission_it_cannot_be_told() {
        wants(&CHECK, "ec2:DescribeSubnets", |world| world.facts.network = denied("ec2:DescribeSubnets"));
        does_not_apply(&CHECK, |world| world.service["desiredCount"] = json!(0));
    }
}
