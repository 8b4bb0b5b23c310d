//! Log drivers and their options (facts 1.5; the page on awslogs).

use serde_json::Value;

use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// The log drivers can start.
pub const CHECK: Check = Check {
    code: "log-driver",
    title: "The containers' log drivers are ones that Fargate has, with the options they need",
    severity: Severity::Error,
    cause: "A task whose log driver cannot start is stopped before its containers run. Fargate has awslogs, splunk and \
            awsfirelens; awslogs needs a group, a Region and, on Fargate, a stream prefix; awsfirelens needs a \
            container with firelensConfiguration.",
    fix: &["Add the option, or choose another logDriver."],
    prevents: &["log-option-missing"],
    source: "using_awslogs",
    run,
};

const FARGATE: [&str; 3] = ["awslogs", "splunk", "awsfirelens"];

fn run(input: &Input<'_>) -> Outcome {
    if input.containers().all(|container| container.log_driver().is_none()) {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    let routers = input
        .containers()
        .filter(|container| container.fields.get("firelensConfiguration").is_some_and(Value::is_object))
        .count();
    if routers > 1 {
        tally.problem(
            "task definition",
            format!("{routers} containers have firelensConfiguration, and one may"),
        );
    }
    for container in input.containers() {
        let Some(driver) = container.log_driver() else { continue };
        let subject = container.subject();
        if input.is_fargate() && !FARGATE.contains(&driver) {
            let place = container.path("logConfiguration.logDriver");
            tally.problem(&subject, format!("{place} is {driver}; Fargate has {}", FARGATE.join(", ")));
        }
        let mut wanted: &[&str] = &[];
        match driver {
            "awslogs" if input.is_fargate() => {
                wanted = &["awslogs-group", "awslogs-region", "awslogs-stream-prefix"];
            }
            "awslogs" => wanted = &["awslogs-group", "awslogs-region"],
            "awsfirelens" if routers == 0 => {
                tally.problem(
                    &subject,
                    "it logs through awsfirelens, and no container has firelensConfiguration",
                );
            }
            _ => {}
        }
        for option in wanted.iter().filter(|option| container.log_option(option).is_none_or(str::is_empty)) {
            let place = container.path("logConfiguration.options");
            tally.problem(&subject, format!("{place} lacks {option}"));
        }
    }
    tally.outcome()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{does_not_apply, passes, problem};

    #[test]
    fn missing_options_and_foreign_drivers_are_refused() {
        let said = problem(&CHECK, |world| {
            let options = world.container()["logConfiguration"]["options"].as_object_mut().unwrap();
            options.remove("awslogs-stream-prefix");
        });
        assert_eq!(
            said,
            "container app: containerDefinitions[0].logConfiguration.options lacks awslogs-stream-prefix"
        );
        let said =
            problem(&CHECK, |world| world.container()["logConfiguration"]["logDriver"] = json!("syslog"));
        assert!(said.contains("is syslog; Fargate has awslogs, splunk, awsfirelens"), "{said}");
        let said = problem(&CHECK, |world| {
            world.container()["logConfiguration"] = json!({"logDriver": "awsfirelens"})
        });
        assert!(said.contains("no container has firelensConfiguration"), "{said}");
    }

    #[test]
    fn awslogs_with_its_options_and_a_router_pass() {
        passes(&CHECK, |_| {});
        passes(&CHECK, |world| {
            world.container()["logConfiguration"] = json!({"logDriver": "awsfirelens"});
            let router = json!({"name": "log", "image": "l", "firelensConfiguration": {"type": "fluentbit"}});
            world.definition["containerDefinitions"].as_array_mut().unwrap().push(router);
        });
    }

    #[test]
    fn without_drivers_there_is_nothing_to_check() {
        does_not_apply(&CHECK, |world| {
            world.container().as_object_mut().unwrap().remove("logConfiguration");
        });
    }
}
