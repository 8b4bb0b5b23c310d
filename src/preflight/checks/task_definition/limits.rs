//! How large a task definition may be, and what each one needs (facts 7.3 and 3.2).

use std::collections::BTreeSet;

use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// ECS takes a task definition of this size and shape.
pub const CHECK: Check = Check {
    code: "task-definition-limits",
    title: "The task definition keeps to ECS's limits",
    severity: Severity::Error,
    cause: "ECS takes task definitions of at most 64 KiB with at most 10 containers of different names, at least one of \
            them essential, and families of letters, digits, - and _.",
    fix: &[
        "Move long environments into env files.",
        "Give each container a name of its own, and make one of them essential.",
    ],
    prevents: &["task-definition-name-invalid"],
    source: "service-quotas",
    run,
};

/// Bytes of JSON.
const LARGEST: usize = 64 * 1024;
const MOST_CONTAINERS: usize = 10;
const LONGEST_NAME: usize = 255;

fn run(input: &Input<'_>) -> Outcome {
    let mut tally = Tally::default();
    // Writing a value that was read from JSON does not fail.
    let size = serde_json::to_vec(input.definition.as_map()).map(|bytes| bytes.len()).unwrap_or_default();
    if size > LARGEST {
        tally.problem("task definition", format!("it has {size} bytes of JSON, and ECS takes {LARGEST}"));
    }
    let family = input.definition.family();
    if !is_name(family) {
        tally.problem(
            "family",
            format!("`{family}` is no name: at most {LONGEST_NAME} letters, digits, - and _"),
        );
    }
    let mut names = BTreeSet::new();
    for container in input.containers() {
        if !is_name(container.name) {
            let place = container.path("name");
            tally.problem(place, format!("`{}` is no name: letters, digits, - and _", container.name));
        } else if !names.insert(container.name) {
            tally.problem(container.subject(), "there are two containers of this name");
        }
    }
    let count = input.containers().count();
    if count > MOST_CONTAINERS {
        tally.problem(
            "task definition",
            format!("it has {count} containers, and ECS takes {MOST_CONTAINERS}"),
        );
    }
    if !input.containers().any(|container| container.is_essential()) {
        tally.problem("task definition", "none of its containers is essential");
    }
    tally.outcome()
}

fn is_name(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.len() <= LONGEST_NAME && text.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{passes, problem, problems};

    #[test]
    fn what_is_too_large_is_refused() {
        let said = problem(&CHECK, |world| {
            world.container()["environment"] = json!([{"name": "LONG", "value": "x".repeat(70_000)}]);
        });
        assert!(said.ends_with("bytes of JSON, and ECS takes 65536"), "{said}");
        let said = problem(&CHECK, |world| {
            let more = (0..10).map(|number| json!({"name": format!("c{number}"), "image": "i"}));
            world.definition["containerDefinitions"].as_array_mut().unwrap().extend(more);
        });
        assert!(said.contains("11 containers"), "{said}");
    }

    #[test]
    fn names_and_an_essential_container_are_needed() {
        let said = problems(&CHECK, |world| {
            world.definition["family"] = json!("my web");
            world.container()["essential"] = json!(false);
            let again = json!({"name": "app", "image": "i", "essential": false});
            world.definition["containerDefinitions"].as_array_mut().unwrap().push(again);
        });
        assert!(said[0].starts_with("family: `my web`"), "{said:?}");
        assert_eq!(said[1], "container app: there are two containers of this name");
        assert_eq!(said[2], "task definition: none of its containers is essential");
    }

    #[test]
    fn an_ordinary_one_passes() {
        passes(&CHECK, |_| {});
    }
}
