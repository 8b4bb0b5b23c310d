//! The container and port behind each target group (facts 5.7).

use serde_json::Value;

use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// Each target group has its container and port.
pub const CHECK: Check = Check {
    code: "load-balancer-container",
    title: "The task definition has the container and port of each load balancer entry",
    severity: Severity::Error,
    cause: "The service's loadBalancers name a container and its containerPort; UpdateService refuses a revision that \
            lacks them.",
    fix: &[
        "Give the container the name and the containerPort that the service has, or update loadBalancers.",
    ],
    prevents: &["load-balancer-container-missing"],
    source: "register-multiple-targetgroups",
    run,
};

/// ECS takes at most this many (facts 7.3).
const MOST_TARGET_GROUPS: usize = 5;

fn run(input: &Input<'_>) -> Outcome {
    let balancers = input.balancers();
    if balancers.is_empty() {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    if input.network_mode() == Some("none") {
        tally.problem("networkMode", "it is none: no target group reaches tasks without a network");
    }
    if balancers.len() > MOST_TARGET_GROUPS {
        let message = format!("it has {} target groups, and ECS takes {MOST_TARGET_GROUPS}", balancers.len());
        tally.problem(format!("service {}", input.live.name), message);
    }
    for (index, balancer) in balancers.iter().enumerate() {
        let subject = format!("loadBalancers[{index}]");
        let Some(container) = input.containers().find(|container| container.name == balancer.container)
        else {
            let known: Vec<&str> = input.containers().map(|container| container.name).collect();
            let message = format!(
                "it names container `{}`, which the task definition lacks; it has {}",
                balancer.container,
                known.join(", ")
            );
            tally.problem(subject, message);
            continue;
        };
        let ports: Vec<u64> = container
            .list("portMappings")
            .filter_map(|mapping| mapping.get("containerPort").and_then(Value::as_u64))
            .collect();
        let ranges = container.list("portMappings").any(|mapping| mapping.contains_key("containerPortRange"));
        if !ports.contains(&balancer.port) && !ranges {
            let ports: Vec<String> = ports.iter().map(u64::to_string).collect();
            let ports = if ports.is_empty() { "none".to_owned() } else { ports.join(", ") };
            let message = format!(
                "it names port {} of container {}, whose ports are: {ports}",
                balancer.port, balancer.container
            );
            tally.problem(subject, message);
        }
    }
    tally.outcome()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{does_not_apply, passes, problem, problems};

    #[test]
    fn another_container_or_port_is_refused() {
        let said = problem(&CHECK, |world| world.service["loadBalancers"][0]["containerName"] = json!("api"));
        assert_eq!(
            said,
            "loadBalancers[0]: it names container `api`, which the task definition lacks; it has app"
        );
        let said =
            problem(&CHECK, |world| world.container()["portMappings"][0]["containerPort"] = json!(9090));
        assert_eq!(said, "loadBalancers[0]: it names port 8080 of container app, whose ports are: 9090");
    }

    #[test]
    fn tasks_without_a_network_are_refused() {
        let said = problem(&CHECK, |world| world.definition["networkMode"] = json!("none"));
        assert_eq!(said, "networkMode: it is none: no target group reaches tasks without a network");
    }

    #[test]
    fn six_target_groups_are_too_many() {
        let said = problems(&CHECK, |world| {
            let one = world.service["loadBalancers"][0].clone();
            world.service["loadBalancers"] = vec![one; 6].into();
        });
        assert_eq!(said, ["service web: it has 6 target groups, and ECS takes 5"]);
    }

    #[test]
    fn the_same_container_and_port_pass() {
        passes(&CHECK, |_| {});
        does_not_apply(&CHECK, |world| world.service["loadBalancers"] = json!([]));
    }
}
