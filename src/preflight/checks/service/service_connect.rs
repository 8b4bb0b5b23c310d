//! Ports that Service Connect offers (facts 9.4).

use std::collections::BTreeSet;

use serde_json::Value;

use crate::preflight::look::objects;
use crate::preflight::tally::Tally;
use crate::preflight::{Check, Input, Outcome, Severity};

/// Service Connect's ports are there.
pub const CHECK: Check = Check {
    code: "service-connect-ports",
    title: "Every port that Service Connect offers has a name in the task definition",
    severity: Severity::Error,
    cause: "portName of a Service Connect service must be the name of a port mapping; UpdateService refuses others.",
    fix: &["Give the port mapping that name, or correct portName."],
    prevents: &[],
    source: "service-connect-concepts",
    run,
};

fn run(input: &Input<'_>) -> Outcome {
    // DescribeServices has it in the deployment, a service definition in the service.
    let primary = objects(input.service.get("deployments"))
        .find(|deployment| deployment.get("status").and_then(Value::as_str) == Some("PRIMARY"));
    let connect = input
        .service
        .get("serviceConnectConfiguration")
        .or_else(|| primary.and_then(|primary| primary.get("serviceConnectConfiguration")))
        .filter(|connect| connect.get("enabled").and_then(Value::as_bool) != Some(false));
    let offered: Vec<&str> = objects(connect.and_then(|connect| connect.get("services")))
        .filter_map(|service| service.get("portName")?.as_str())
        .collect();
    if offered.is_empty() {
        return Outcome::NotApplicable;
    }
    let mut tally = Tally::default();
    let names: BTreeSet<&str> = input
        .containers()
        .flat_map(|container| container.list("portMappings"))
        .filter_map(|mapping| mapping.get("name")?.as_str())
        .collect();
    for name in offered.into_iter().filter(|name| !names.contains(name)) {
        tally.problem(format!("portName {name}"), "no port mapping of the task definition has this name");
    }
    tally.outcome()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::testing::{World, does_not_apply, passes, problem};

    fn offer(world: &mut World, name: &str) {
        let connect = json!({"enabled": true, "services": [{"portName": name}]});
        world.service["deployments"] = json!([{"status": "PRIMARY", "serviceConnectConfiguration": connect}]);
    }

    #[test]
    fn an_unknown_port_is_refused() {
        let said = problem(&CHECK, |world| offer(world, "grpc"));
        assert_eq!(said, "portName grpc: no port mapping of the task definition has this name");
    }

    #[test]
    fn a_known_port_passes() {
        passes(&CHECK, |world| offer(world, "http"));
    }

    #[test]
    fn without_service_connect_there_is_nothing_to_check() {
        does_not_apply(&CHECK, |_| {});
    }
}
