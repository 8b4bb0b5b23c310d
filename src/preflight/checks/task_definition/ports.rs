//! Ports that two containers of one task would share (facts 9.2).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// No two containers listen on one port.
pub const CHECK: Check = Check {
    code: "container-ports",
    title: "No two containers of the task have the same port",
    severity: Severity::Error,
    cause: "All containers of an awsvpc task share one network: the second that listens on a port fails with `address \
            already in use`.",
    fix: &["Give each container ports of its own."],
    prevents: &[],
    source: "task-networking",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    if input.network_mode() != Some("awsvpc") {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    let mut taken: BTreeMap<(u64, &str), &str> = BTreeMap::new();
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for container in input.containers() {
        for mapping in container.list("portMappings") {
            let protocol = mapping.get("protocol").and_then(Value::as_str).unwrap_or("tcp");
            if let Some(port) = mapping.get("containerPort").and_then(Value::as_u64) {
                match taken.insert((port, protocol), container.name) {
                    Some(other) if other != container.name => tally.problem(
                        container.subject(),
                        format!("its containerPort {port}/{protocol} is container {other}'s, too"),
                    ),
                    _ => {}
                }
                if !(1..=65535).contains(&port) {
                    tally.problem(container.subject(), format!("{port} is no port"));
                }
            }
            if let Some(name) = mapping.get("name").and_then(Value::as_str)
                && let Some(other) = names.insert(name, container.name)
            {
                let message = format!("the port name `{name}` is used twice (container {other})");
                tally.problem(container.subject(), message);
            }
        }
    }
    tally.outcome()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{World, does_not_apply, passes, problem};

    fn sidecar(world: &mut World, mapping: Value) {
        let sidecar = json!({"name": "proxy", "image": "p", "portMappings": [mapping]});
        world.definition["containerDefinitions"].as_array_mut().unwrap().push(sidecar);
    }

    #[test]
    fn one_port_for_two_is_refused() {
        let said = problem(&CHECK, |world| sidecar(world, json!({"containerPort": 8080})));
        assert_eq!(said, "container proxy: its containerPort 8080/tcp is container app's, too");
        let said = problem(&CHECK, |world| sidecar(world, json!({"containerPort": 1, "name": "http"})));
        assert!(said.contains("`http` is used twice"), "{said}");
    }

    #[test]
    fn another_port_or_protocol_passes() {
        passes(&CHECK, |world| sidecar(world, json!({"containerPort": 8080, "protocol": "udp"})));
        passes(&CHECK, |world| sidecar(world, json!({"containerPort": 9090})));
    }

    #[test]
    fn other_networks_translate_ports() {
        does_not_apply(&CHECK, |world| world.definition["networkMode"] = json!("bridge"));
    }
}
