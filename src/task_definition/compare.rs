//! Comparing two documents as AWS would: what the server adds by default, and the order of lists that
//! have none, are no difference.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::document::TaskDefinition;

/// The JSON paths that differ, container definitions by name: `containerDefinitions.web.image`.
/// Empty when registering `wanted` would give a revision that runs as `current` does. Values are
/// never part of the result.
pub fn differences(current: &TaskDefinition, wanted: &TaskDefinition) -> Vec<String> {
    let mut paths = BTreeSet::new();
    compare("", &normal(current), &normal(wanted), &mut paths);
    paths.into_iter().collect()
}

fn compare(path: &str, a: &Value, b: &Value, paths: &mut BTreeSet<String>) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let (a, b) = (a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null));
                compare(&inner, a, b, paths);
            }
        }
        (a, b) if a == b => {}
        _ => {
            paths.insert(path.to_owned());
        }
    }
}

/// The document without what makes no difference, with lists of named things turned into maps.
fn normal(definition: &TaskDefinition) -> Value {
    let mut map = definition.as_map().clone();
    // Tags do not change how a task runs, and each run may write its own.
    map.shift_remove("tags");
    // `"taskRoleArn": ""` says the same as no role.
    map.retain(|_, value| value.as_str() != Some(""));
    map.entry("networkMode").or_insert_with(|| json!("bridge"));
    if let Some(cpu) = map.get_mut("cpu") {
        *cpu = Value::String(units(cpu, "vcpu"));
    }
    if let Some(memory) = map.get_mut("memory") {
        *memory = Value::String(units(memory, "gb"));
    }
    if let Some(Value::Array(list)) = map.get_mut("requiresCompatibilities") {
        list.sort_by_key(Value::to_string);
    }
    // AWS adds the root of an EFS file system where none is named.
    for volume in map.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten() {
        let efs = volume.get_mut("efsVolumeConfiguration").and_then(Value::as_object_mut);
        if let Some(efs) = efs.filter(|efs| efs.get("rootDirectory") == Some(&json!("/"))) {
            efs.remove("rootDirectory");
        }
    }
    let awsvpc = map.get("networkMode") == Some(&json!("awsvpc"));
    if let Some(Value::Array(containers)) = map.remove("containerDefinitions") {
        let named = containers.into_iter().map(|mut container| {
            if let Value::Object(container) = &mut container {
                normal_container(container, awsvpc);
            }
            container
        });
        map.insert("containerDefinitions".to_owned(), by_key(named.collect(), "name"));
    }
    let mut value = Value::Object(map);
    drop_empty(&mut value);
    value
}

fn normal_container(container: &mut Map<String, Value>, awsvpc: bool) {
    // Defaults that DescribeTaskDefinition spells out.
    if container.get("cpu") == Some(&json!(0)) {
        container.remove("cpu");
    }
    if container.get("essential").is_none_or(Value::is_null) {
        container.insert("essential".to_owned(), json!(true));
    }
    for (list, key) in [("environment", "name"), ("secrets", "name"), ("ulimits", "name")] {
        if let Some(Value::Array(items)) = container.remove(list) {
            container.insert(list.to_owned(), by_key(items, key));
        }
    }
    if let Some(Value::Array(ports)) = container.get_mut("portMappings") {
        for port in ports.iter_mut().filter_map(Value::as_object_mut) {
            if port.get("protocol") == Some(&json!("tcp")) {
                port.remove("protocol");
            }
            // Facts 1.5: with awsvpc the host port is absent or the same.
            if awsvpc || port.get("hostPort") == Some(&json!(0)) {
                port.remove("hostPort");
            }
        }
        ports.sort_by_key(Value::to_string);
    }
    if let Some(Value::Object(check)) = container.get_mut("healthCheck") {
        for (key, default) in [("interval", 30), ("timeout", 5), ("retries", 3), ("startPeriod", 0)] {
            if check.get(key) == Some(&json!(default)) {
                check.remove(key);
            }
        }
    }
    if let Some(Value::Array(mounts)) = container.get_mut("mountPoints") {
        for mount in mounts.iter_mut().filter_map(Value::as_object_mut) {
            if mount.get("readOnly") == Some(&json!(false)) {
                mount.remove("readOnly");
            }
        }
    }
}

/// A list of objects as a map by one of their fields. A list in which that field is missing or not
/// unique stays as it is, so that nothing is hidden.
fn by_key(items: Vec<Value>, key: &str) -> Value {
    let mut map = Map::new();
    for item in &items {
        let Some(name) = item.get(key).and_then(Value::as_str) else {
            return Value::Array(items);
        };
        let mut item = item.clone();
        if let Value::Object(item) = &mut item {
            item.remove(key);
            // An environment variable without a value is an empty one.
            if item.is_empty() {
                item.insert("value".to_owned(), json!(""));
            }
        }
        if map.insert(name.to_owned(), item).is_some() {
            return Value::Array(items);
        }
    }
    Value::Object(map)
}

/// CPU units or MiB as text: `"1 vCPU"` and `1024` are `"1024"`, `"2 GB"` is `"2048"` (facts 1.1).
fn units(value: &Value, big_unit: &str) -> String {
    let text = match value {
        Value::String(text) => text.trim().to_lowercase(),
        other => other.to_string(),
    };
    match text.strip_suffix(big_unit).map(|number| number.trim().parse::<f64>()) {
        Some(Ok(number)) => format!("{}", (number * 1024.0).round()),
        _ => text,
    }
}

fn drop_empty(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(drop_empty);
            // Of the booleans of a task definition only `essential` is true by default; the others are
            // spelt out as `false` by DescribeTaskDefinition, `enableFaultInjection` in every revision.
            map.retain(|key, value| !is_empty(value) && (key == "essential" || *value != json!(false)));
        }
        Value::Array(list) => list.iter_mut().for_each(drop_empty),
        _ => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(value: Value) -> TaskDefinition {
        TaskDefinition::from_value(value).unwrap()
    }

    fn written() -> Value {
        json!({
            "family": "web", "networkMode": "awsvpc", "cpu": ".25 vCPU", "memory": "0.5GB",
            "requiresCompatibilities": ["FARGATE"],
            "volumes": [{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}],
            "containerDefinitions": [{
                "name": "app", "image": "r/app@sha256:aa", "portMappings": [{"containerPort": 80}],
                "environment": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}],
                "healthCheck": {"command": ["CMD", "true"]}
            }]
        })
    }

    fn described() -> Value {
        json!({
            "family": "web", "networkMode": "awsvpc", "cpu": "256", "memory": "512",
            "requiresCompatibilities": ["FARGATE"], "placementConstraints": [], "enableFaultInjection": false,
            "volumes": [{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1", "rootDirectory": "/"}}],
            "containerDefinitions": [{
                "name": "app", "image": "r/app@sha256:aa", "cpu": 0, "essential": true,
                "portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}],
                "environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                "mountPoints": [], "volumesFrom": [],
                "healthCheck": {"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3}
            }]
        })
    }

    #[test]
    fn what_the_server_adds_is_no_difference() {
        assert_eq!(differences(&definition(described()), &definition(written())), Vec::<String>::new());
    }

    #[test]
    fn a_difference_is_named_by_its_path_and_shows_no_value() {
        let mut changed = written();
        changed["containerDefinitions"][0]["environment"][1]["value"] = json!("canary-1");
        changed["containerDefinitions"][0]["image"] = json!("r/app@sha256:bb");
        changed["inventedField"] = json!({"x": 1});
        changed["memory"] = json!("1024");
        let paths = differences(&definition(described()), &definition(changed));
        assert_eq!(
            paths,
            [
                "containerDefinitions.app.environment.A.value",
                "containerDefinitions.app.image",
                "inventedField",
                "memory"
            ]
        );
    }

    #[test]
    fn lists_whose_order_matters_differ_by_it() {
        let files = |order: [&str; 2]| {
            let mut value = written();
            value["containerDefinitions"][0]["environmentFiles"] =
                order.iter().map(|arn| json!({"type": "s3", "value": arn})).collect();
            definition(value)
        };
        assert!(differences(&files(["a", "b"]), &files(["a", "b"])).is_empty());
        assert_eq!(
            differences(&files(["a", "b"]), &files(["b", "a"])),
            ["containerDefinitions.app.environmentFiles"]
        );
    }

    #[test]
    fn a_repeated_name_hides_nothing() {
        let mut twice = written();
        twice["containerDefinitions"][0]["environment"] =
            json!([{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "A", "value": "3"}]);
        assert!(!differences(&definition(described()), &definition(twice)).is_empty());
    }
}
