//! Network mode, host ports and what the task definition is made for (facts 1.5).

use crate::preflight::look::texts;
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// Fargate can give each task a network interface.
pub const CHECK: Check = Check {
    code: "fargate-network-mode",
    title: "The task definition is made for Fargate's network",
    severity: Severity::Error,
    cause: "Each Fargate task has a network interface of its own: network mode awsvpc, and host ports that equal \
            container ports. A task definition for EC2 alone cannot be deployed to a service on Fargate.",
    fix: &[
        "Set networkMode to awsvpc and requiresCompatibilities to [\"FARGATE\"].",
        "Leave hostPort out, or set it to containerPort.",
    ],
    prevents: &["fargate-setting-refused", "task-definition-incompatible"],
    source: "fargate-tasks-services",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    if !input.is_fargate() {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    match input.network_mode() {
        Some("awsvpc") => {}
        mode => {
            let mode = mode.unwrap_or("not set");
            tally.problem("networkMode", format!("it is {mode}, and Fargate wants awsvpc"));
        }
    }
    let made_for: Vec<&str> = texts(input.field("requiresCompatibilities")).collect();
    if !made_for.is_empty() && !made_for.contains(&"FARGATE") {
        tally.problem(
            "requiresCompatibilities",
            format!("it is {}, and the service runs on Fargate", made_for.join(", ")),
        );
    }
    for container in input.containers() {
        for (index, mapping) in container.list("portMappings").enumerate() {
            let port = |field: &str| mapping.get(field).and_then(serde_json::Value::as_u64).unwrap_or(0);
            let (host, own) = (port("hostPort"), port("containerPort"));
            if host != 0 && host != own {
                let path = container.path(&format!("portMappings[{index}].hostPort"));
                tally.problem(
                    container.subject(),
                    format!("{path} is {host}, and must be {own} like containerPort"),
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
    use crate::preflight::testing::{does_not_apply, passes, problem, problems};

    #[test]
    fn bridge_and_another_host_port_are_refused() {
        let said = problems(&CHECK, |world| {
            world.definition["networkMode"] = json!("bridge");
            world.definition["requiresCompatibilities"] = json!(["EC2"]);
        });
        assert_eq!(said[0], "networkMode: it is bridge, and Fargate wants awsvpc");
        assert_eq!(said[1], "requiresCompatibilities: it is EC2, and the service runs on Fargate");
        let port = problem(&CHECK, |world| world.container()["portMappings"][0]["hostPort"] = json!(80));
        assert_eq!(
            port,
            "container app: containerDefinitions[0].portMappings[0].hostPort is 80, and must be 8080 like containerPort"
        );
    }

    #[test]
    fn the_same_host_port_passes() {
        passes(&CHECK, |world| world.container()["portMappings"][0]["hostPort"] = json!(8080));
    }

    #[test]
    fn instances_have_other_modes() {
        does_not_apply(&CHECK, |world| world.service["launchType"] = json!("EC2"));
    }
}
