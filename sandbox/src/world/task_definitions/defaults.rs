//! What ECS adds to a document, or writes in its own form, on registration (facts 1.1).

use serde_json::{Map, Value, json};

use crate::world::{
    ApiError,
    json::{list, text},
};

/// Writes task-level `cpu` and `memory` in CPU units and MiB and adds the defaults that ECS shows.
/// Fields that are not known here stay as they came.
pub(crate) fn normalise(document: &mut Map<String, Value>) -> Result<(), ApiError> {
    if let Some(cpu) = document.get("cpu") {
        let units =
            cpu_units(cpu).ok_or_else(|| ApiError::client_exception("Invalid 'cpu' setting for task."))?;
        document.insert("cpu".to_owned(), json!(units.to_string()));
    }
    if let Some(memory) = document.get("memory") {
        let mib = memory_mib(memory)
            .ok_or_else(|| ApiError::client_exception("Invalid 'memory' setting for task."))?;
        document.insert("memory".to_owned(), json!(mib.to_string()));
    }
    let awsvpc = document.get("networkMode").and_then(Value::as_str) == Some("awsvpc");
    if let Some(Value::Array(containers)) = document.get_mut("containerDefinitions") {
        for container in containers.iter_mut().filter_map(Value::as_object_mut) {
            add_container_defaults(container, awsvpc);
        }
    }
    for (field, default) in [("volumes", json!([])), ("placementConstraints", json!([]))] {
        document.entry(field.to_owned()).or_insert(default);
    }
    Ok(())
}

fn add_container_defaults(container: &mut Map<String, Value>, awsvpc: bool) {
    for (field, default) in [
        ("cpu", json!(0)),
        ("portMappings", json!([])),
        ("essential", json!(true)),
        ("environment", json!([])),
        ("mountPoints", json!([])),
        ("volumesFrom", json!([])),
        ("systemControls", json!([])),
    ] {
        container.entry(field.to_owned()).or_insert(default);
    }
    if let Some(Value::Array(ports)) = container.get_mut("portMappings") {
        for port in ports.iter_mut().filter_map(Value::as_object_mut) {
            port.entry("protocol".to_owned()).or_insert(json!("tcp"));
            if awsvpc && let Some(container_port) = port.get("containerPort").cloned() {
                port.entry("hostPort".to_owned()).or_insert(container_port);
            }
        }
    }
}

/// `"1024"` and `"1 vCPU"` in CPU units.
fn cpu_units(value: &Value) -> Option<u64> {
    let text = value.as_str()?.trim().to_ascii_lowercase();
    match text.strip_suffix("vcpu") {
        Some(count) => whole(count.trim().parse::<f64>().ok()? * 1024.0),
        None => text.parse().ok(),
    }
}

/// `"2048"` and `"2 GB"` in MiB.
fn memory_mib(value: &Value) -> Option<u64> {
    let text = value.as_str()?.trim().to_ascii_lowercase();
    match text.strip_suffix("gb") {
        Some(count) => whole(count.trim().parse::<f64>().ok()? * 1024.0),
        None => text.parse().ok(),
    }
}

fn whole(number: f64) -> Option<u64> {
    (0.0..1e9).contains(&number).then_some(number.round() as u64)
}

/// The attributes that ECS derives from a document. The list is not complete; tools only show it.
pub(crate) fn required_attributes(document: &Map<String, Value>) -> Vec<Value> {
    let mut names = vec!["com.amazonaws.ecs.capability.docker-remote-api.1.18"];
    if document.get("networkMode").and_then(Value::as_str) == Some("awsvpc") {
        names.push("ecs.capability.task-eni");
    }
    if document.contains_key("taskRoleArn") {
        names.push("com.amazonaws.ecs.capability.task-iam-role");
    }
    if document.contains_key("executionRoleArn") {
        names.push("ecs.capability.execution-role-ecr-pull");
        names.push("com.amazonaws.ecs.capability.ecr-auth");
    }
    let containers = document.get("containerDefinitions").and_then(Value::as_array);
    for container in containers.into_iter().flatten() {
        if container["logConfiguration"]["logDriver"] == "awslogs" {
            names.push("com.amazonaws.ecs.capability.logging-driver.awslogs");
            names.push("ecs.capability.execution-role-awslogs");
        }
        if !list(container, "environmentFiles").is_empty() {
            names.push("ecs.capability.env-files.s3");
        }
        if text(container, "name").is_some() && container.get("healthCheck").is_some() {
            names.push("ecs.capability.container-health-check");
        }
    }
    names.dedup();
    names.into_iter().map(|name| json!({ "name": name })).collect()
}

/// `compatibilities`: EC2 always, FARGATE when the network mode permits it.
pub(crate) fn compatibilities(document: &Map<String, Value>) -> Value {
    let fits = document.get("networkMode").and_then(Value::as_str) == Some("awsvpc")
        && document.contains_key("cpu")
        && document.contains_key("memory");
    if fits { json!(["EC2", "FARGATE"]) } else { json!(["EC2"]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_with_units_become_plain_numbers() {
        for (given, units) in [("1024", 1024), ("1 vCPU", 1024), (".5 vcpu", 512), ("0.25vCPU", 256)] {
            assert_eq!(cpu_units(&json!(given)), Some(units), "{given}");
        }
        for (given, mib) in [("2048", 2048), ("2 GB", 2048), ("0.5GB", 512)] {
            assert_eq!(memory_mib(&json!(given)), Some(mib), "{given}");
        }
        assert_eq!(cpu_units(&json!("lots")), None);
        assert_eq!(memory_mib(&json!("-1 GB")), None);
    }
}
