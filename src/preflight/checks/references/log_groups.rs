//! Log groups exist, or the driver may create them (facts 5.2, R13).

use crate::aws::account::Known;
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// There is a group to log to.
pub const CHECK: Check = Check {
    code: "log-groups-exist",
    title: "The log groups exist, or the log driver creates them",
    severity: Severity::Error,
    cause: "The awslogs driver creates a stream in its group before the containers start, and stops the task where \
            there is no group; it creates one itself only with awslogs-create-group.",
    fix: &["Create the log group, or set awslogs-create-group to \"true\" and allow the execution role \
         logs:CreateLogGroup."],
    prevents: &["log-group-missing"],
    source: "using_awslogs",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    let mut tally = Tally::default();
    let mut any = false;
    for container in input.containers().filter(|container| container.log_driver() == Some("awslogs")) {
        let Some(group) = container.log_option("awslogs-group") else { continue };
        any = true;
        if container.log_option("awslogs-create-group") == Some("true") {
            continue;
        }
        let region = container.log_option("awslogs-region").unwrap_or(&input.facts.region);
        let known = input.facts.log_groups.get(&(region.to_owned(), group.to_owned()));
        if known == Some(&Known::Absent) {
            tally.problem(
                container.subject(),
                format!("there is no log group {group} in {region}, and awslogs-create-group is not true"),
            );
        } else {
            tally.know_of(known);
        }
    }
    if any { tally.outcome() } else { Outcome::NotApplicable }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::account::LogGroup;
    use crate::preflight::testing::{World, denied, does_not_apply, passes, problem, wants};

    fn gone(world: &mut World) {
        world.facts.log_groups.insert(("us-east-1".into(), "/ecs/web".into()), Known::Absent);
    }

    #[test]
    fn a_missing_group_is_refused_unless_the_driver_creates_it() {
        let said = problem(&CHECK, gone);
        assert_eq!(
            said,
            "container app: there is no log group /ecs/web in us-east-1, and awslogs-create-group is not true"
        );
        passes(&CHECK, |world| {
            gone(world);
            world.container()["logConfiguration"]["options"]["awslogs-create-group"] = json!("true");
        });
    }

    #[test]
    fn a_group_is_looked_for_in_the_region_that_is_named() {
        passes(&CHECK, |_| {});
        let elsewhere = |world: &mut World| {
            world.container()["logConfiguration"]["options"]["awslogs-region"] = json!("eu-west-1");
        };
        passes(&CHECK, |world| {
            elsewhere(world);
            let group = Known::Is(LogGroup { name: "/ecs/web".into() });
            world.facts.log_groups.insert(("eu-west-1".into(), "/ecs/web".into()), group);
        });
        let said = problem(&CHECK, |world| {
            elsewhere(world);
            world.facts.log_groups.insert(("eu-west-1".into(), "/ecs/web".into()), Known::Absent);
        });
        assert!(said.contains("there is no log group /ecs/web in eu-west-1"), "{said}");
    }

    #[test]
    fn a_hidden_group_cannot_be_told() {
        wants(&CHECK, "logs:DescribeLogGroups", |world| {
            world
                .facts
                .log_groups
                .insert(("us-east-1".into(), "/ecs/web".into()), denied("logs:DescribeLogGroups"));
        });
        does_not_apply(&CHECK, |world| {
            world.container().as_object_mut().unwrap().remove("logConfiguration");
        });
    }
}
