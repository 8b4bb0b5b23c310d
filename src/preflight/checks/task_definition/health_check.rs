//! The numbers of a container's health check and its time limits (facts 3.2 and 3.3).

use serde_json::Value;

use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// Health checks and time limits are within what ECS takes.
pub const CHECK: Check = Check {
    code: "container-timing",
    title: "The times of health checks, starts and stops are within ECS's ranges",
    severity: Severity::Error,
    cause: "RegisterTaskDefinition refuses times outside their ranges; on Fargate startTimeout and stopTimeout are 2 to \
            120 seconds.",
    fix: &["Set a number within the range that is named."],
    prevents: &[],
    source: "task_definition_parameters",
    run,
};

/// Field, and its least and most; seconds but for `retries`.
const HEALTH: [(&str, u64, u64); 4] =
    [("interval", 5, 300), ("timeout", 2, 60), ("retries", 1, 10), ("startPeriod", 0, 300)];
/// Seconds, on Fargate.
const TIMEOUTS: [&str; 2] = ["startTimeout", "stopTimeout"];

fn run(input: &Input<'_>) -> Outcome {
    let mut tally = Tally::default();
    for container in input.containers() {
        let mut within = |field: &str, value: u64, least: u64, most: u64| {
            if !(least..=most).contains(&value) {
                let path = container.path(field);
                tally.problem(container.subject(), format!("{path} is {value}; ECS takes {least} to {most}"));
            }
        };
        let check = container.fields.get("healthCheck").filter(|check| check.is_object());
        for (field, least, most) in HEALTH {
            if let Some(value) = check.and_then(|check| check.get(field)?.as_u64()) {
                within(&format!("healthCheck.{field}"), value, least, most);
            }
        }
        // 0 stands for the default.
        for field in TIMEOUTS.into_iter().filter(|_| input.is_fargate()) {
            if let Some(value) = container.number(field).filter(|value| *value != 0) {
                within(field, value, 2, 120);
            }
        }
        let Some(check) = check else { continue };
        let command = check.get("command").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        match command.first().and_then(Value::as_str) {
            Some("CMD" | "CMD-SHELL") if command.len() > 1 => {}
            // This one takes the image's check away.
            Some("NONE") => {}
            _ => {
                let path = container.path("healthCheck.command");
                tally.problem(container.subject(), format!("{path} must be CMD or CMD-SHELL with a command"));
            }
        }
    }
    tally.outcome()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{passes, problem};

    #[test]
    fn times_out_of_range_are_refused() {
        let said = problem(&CHECK, |world| world.container()["healthCheck"]["startPeriod"] = json!(600));
        assert_eq!(
            said,
            "container app: containerDefinitions[0].healthCheck.startPeriod is 600; ECS takes 0 to 300"
        );
        let said = problem(&CHECK, |world| world.container()["stopTimeout"] = json!(300));
        assert_eq!(said, "container app: containerDefinitions[0].stopTimeout is 300; ECS takes 2 to 120");
        let said = problem(&CHECK, |world| world.container()["healthCheck"]["command"] = json!(["curl x"]));
        assert!(said.ends_with("must be CMD or CMD-SHELL with a command"), "{said}");
    }

    #[test]
    fn instances_may_take_longer_to_stop() {
        passes(&CHECK, |world| {
            world.service["launchType"] = json!("EC2");
            world.container()["stopTimeout"] = json!(300);
        });
    }

    #[test]
    fn defaults_pass() {
        passes(&CHECK, |world| world.container()["healthCheck"] = json!({"command": ["CMD-SHELL", "true"]}));
    }
}
