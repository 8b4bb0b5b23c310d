//! In which order containers start (facts 3.3).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::preflight::look::Container;
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// Every dependency between containers can be met.
pub const CHECK: Check = Check {
    code: "container-dependencies",
    title: "Every dependsOn of a container can be met",
    severity: Severity::Error,
    cause: "A container whose dependency cannot be met never starts: one on a container that is not there, on HEALTHY \
            without a health check, on the end of an essential container (with which the task ends), or in a circle.",
    fix: &[
        "For COMPLETE and SUCCESS, set essential to false on the container that is waited for.",
        "For HEALTHY, give that container a healthCheck.",
        "Take one dependency out of a circle.",
    ],
    prevents: &["container-dependency-failed"],
    source: "task_definition_parameters",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    let containers: Vec<Container<'_>> = input.containers().collect();
    let by_name: BTreeMap<&str, &Container<'_>> =
        containers.iter().map(|found| (found.name, found)).collect();
    if containers.iter().all(|container| container.list("dependsOn").next().is_none()) {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    for container in &containers {
        for (index, dependency) in container.list("dependsOn").enumerate() {
            let path = container.path(&format!("dependsOn[{index}]"));
            let text = |field: &str| dependency.get(field).and_then(Value::as_str).unwrap_or_default();
            let (name, condition) = (text("containerName"), text("condition"));
            let Some(other) = by_name.get(name) else {
                tally.problem(
                    container.subject(),
                    format!("{path} names `{name}`, and there is no such container"),
                );
                continue;
            };
            match condition {
                "START" => {}
                "COMPLETE" | "SUCCESS" if other.is_essential() => tally.problem(
                    container.subject(),
                    format!(
                        "{path} waits for {condition} of {name}, which is essential: the task ends with it"
                    ),
                ),
                "COMPLETE" | "SUCCESS" => {}
                "HEALTHY" if !other.fields.get("healthCheck").is_some_and(Value::is_object) => tally.problem(
                    container.subject(),
                    format!("{path} waits for HEALTHY of {name}, which has no healthCheck"),
                ),
                "HEALTHY" => {}
                other => tally.problem(
                    container.subject(),
                    format!(
                        "{path} has the condition `{other}`; there are START, COMPLETE, SUCCESS and HEALTHY"
                    ),
                ),
            }
        }
    }
    if let Some(circle) = circle(&containers) {
        tally.problem(
            format!("container {}", circle[0]),
            format!("it waits for itself: {}", circle.join(" → ")),
        );
    }
    tally.outcome()
}

/// The first circle that is found, its first name repeated at its end.
fn circle<'a>(containers: &[Container<'a>]) -> Option<Vec<&'a str>> {
    let after: BTreeMap<&str, Vec<&'a str>> = containers
        .iter()
        .map(|container| {
            let names = container.list("dependsOn").filter_map(|on| on.get("containerName")?.as_str());
            (container.name, names.collect())
        })
        .collect();
    let mut done: Vec<&str> = Vec::new();
    for start in containers {
        let mut path: Vec<&'a str> = Vec::new();
        if let Some(circle) = walk(start.name, &after, &mut path, &mut done) {
            return Some(circle);
        }
    }
    None
}

fn walk<'a>(
    name: &'a str,
    after: &BTreeMap<&str, Vec<&'a str>>,
    path: &mut Vec<&'a str>,
    done: &mut Vec<&'a str>,
) -> Option<Vec<&'a str>> {
    if let Some(place) = path.iter().position(|seen| *seen == name) {
        return Some(path[place..].iter().copied().chain([name]).collect());
    }
    if done.contains(&name) {
        return None;
    }
    path.push(name);
    let found = after.get(name).into_iter().flatten().find_map(|next| walk(next, after, path, done));
    path.pop();
    done.push(name);
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{World, does_not_apply, passes, problem};

    fn migrate(world: &mut World, condition: &str, fields: Value) {
        let mut migrate = json!({"name": "migrate", "image": "m"});
        migrate.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        world.container()["dependsOn"] = json!([{"containerName": "migrate", "condition": condition}]);
        world.definition["containerDefinitions"].as_array_mut().unwrap().push(migrate);
    }

    #[test]
    fn what_cannot_be_met_is_refused() {
        let said = problem(&CHECK, |world| migrate(world, "SUCCESS", json!({})));
        assert_eq!(
            said,
            "container app: containerDefinitions[0].dependsOn[0] waits for SUCCESS of migrate, which is essential: the task ends with it"
        );
        let said = problem(&CHECK, |world| migrate(world, "HEALTHY", json!({})));
        assert!(said.ends_with("waits for HEALTHY of migrate, which has no healthCheck"), "{said}");
        let said = problem(&CHECK, |world| migrate(world, "READY", json!({})));
        assert!(said.contains("the condition `READY`"), "{said}");
        let said = problem(&CHECK, |world| {
            world.container()["dependsOn"] = json!([{"containerName": "gone", "condition": "START"}]);
        });
        assert!(said.contains("there is no such container"), "{said}");
    }

    #[test]
    fn a_circle_is_shown() {
        let back = json!({"dependsOn": [{"containerName": "app", "condition": "START"}]});
        let said = problem(&CHECK, |world| migrate(world, "START", back));
        assert_eq!(said, "container app: it waits for itself: app → migrate → app");
    }

    #[test]
    fn what_can_be_met_passes() {
        passes(&CHECK, |world| migrate(world, "SUCCESS", json!({"essential": false})));
        passes(&CHECK, |world| {
            migrate(world, "HEALTHY", json!({"healthCheck": {"command": ["CMD", "true"]}}))
        });
    }

    #[test]
    fn without_dependencies_there_is_nothing_to_check() {
        does_not_apply(&CHECK, |_| {});
    }
}
