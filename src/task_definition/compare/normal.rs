//! The normal form of a document: what the server adds by default is gone, and lists without an order are maps.

use serde_json::{Map, Value, json};

use crate::task_definition::TaskDefinition;

/// What names the items of a list that has no order, by the list's name. Of several names the first that every item
/// has counts; a port is named by its number and protocol.
const NAMED: [(&str, &[&str]); 22] = [
    ("containerDefinitions", &["name"]),
    ("volumes", &["name"]),
    ("environment", &["name"]),
    ("secrets", &["name"]),
    ("secretOptions", &["name"]),
    ("ulimits", &["name"]),
    ("portMappings", &["containerPort", "containerPortRange", "name"]),
    ("mountPoints", &["containerPath"]),
    ("volumesFrom", &["sourceContainer"]),
    ("dependsOn", &["containerName"]),
    ("extraHosts", &["hostname"]),
    ("systemControls", &["namespace"]),
    ("resourceRequirements", &["type"]),
    ("devices", &["hostPath"]),
    ("tmpfs", &["containerPath"]),
    ("inferenceAccelerators", &["deviceName"]),
    // Of `proxyConfiguration`.
    ("properties", &["name"]),
    ("placementConstraints", &["expression"]),
    // Of services.
    ("loadBalancers", &["targetGroupArn", "loadBalancerName"]),
    ("serviceRegistries", &["registryArn"]),
    ("capacityProviderStrategy", &["capacityProvider"]),
    ("volumeConfigurations", &["name"]),
];

/// Lists of texts that have no order.
const SETS: [&str; 9] = [
    "requiresCompatibilities",
    "links",
    "dockerSecurityOptions",
    "add",
    "drop",
    "ignoredExitCodes",
    "subnets",
    "securityGroups",
    "alarmNames",
];

/// Booleans that are true where nothing is said; the others are false, and DescribeTaskDefinition spells them out.
const TRUE_BY_DEFAULT: [&str; 1] = ["essential"];

/// What a field is that is not said, beside what it is on the other side.
pub(super) fn default_of(field: &str, other: &Value) -> Option<Value> {
    let default = match (field, other) {
        (_, Value::Bool(true)) if !TRUE_BY_DEFAULT.contains(&field) => json!(false),
        ("interval", Value::Number(_)) => json!(30),
        ("timeout", Value::Number(_)) => json!(5),
        ("retries", Value::Number(_)) => json!(3),
        ("startPeriod", Value::Number(_)) => json!(0),
        ("restartAttemptPeriod", _) => json!(300),
        ("minimumHealthyPercent", _) => json!(100),
        ("maximumPercent", _) => json!(200),
        ("strategy", Value::String(_)) => json!("ROLLING"),
        ("bakeTimeInMinutes", _) => json!(0),
        ("assignPublicIp" | "transitEncryption", _) => json!("DISABLED"),
        ("cpuArchitecture", _) => json!("X86_64"),
        ("operatingSystemFamily", _) => json!("LINUX"),
        ("rootDirectory", _) => json!("/"),
        ("versionConsistency", _) => json!("enabled"),
        _ => return None,
    };
    Some(default)
}

/// Whether the items of a list are told by name.
pub(super) fn is_named_list(name: &str) -> bool {
    NAMED.iter().any(|(list, _)| *list == name)
}

/// Two documents that run alike have the same normal form.
pub(super) fn normal(definition: &TaskDefinition) -> Value {
    let mut map = definition.as_map().clone();
    // Tags do not change how a task runs, and each run may write its own.
    map.shift_remove("tags");
    // `"taskRoleArn": ""` says the same as no role, and `"networkMode": null` as no network mode.
    map.retain(|_, value| value.as_str() != Some("") && !value.is_null());
    map.entry("networkMode").or_insert_with(|| json!("bridge"));
    for (key, unit) in [("cpu", "vcpu"), ("memory", "gb")] {
        if let Some(value) = map.get_mut(key) {
            *value = Value::String(units(value, unit));
        }
    }
    if let Some(Value::Object(platform)) =
        map.get_mut("runtimePlatform").filter(|_| definition.wants_fargate())
    {
        // Facts 1.4. On an instance of one's own it is a constraint.
        drop_defaults(
            platform,
            &[("cpuArchitecture", json!("X86_64")), ("operatingSystemFamily", json!("LINUX"))],
        );
    }
    if let Some(Value::Object(proxy)) = map.get_mut("proxyConfiguration") {
        drop_defaults(proxy, &[("type", json!("APPMESH"))]);
    }
    for volume in objects(&mut map, "volumes") {
        normal_volume(volume);
    }
    // Facts 1.5: where a task has the network to itself, or the host's, the host port is absent or the same.
    let same_ports = matches!(map.get("networkMode").and_then(Value::as_str), Some("awsvpc" | "host"));
    for container in objects(&mut map, "containerDefinitions") {
        normal_container(container, same_ports);
    }
    let mut value = Value::Object(map);
    drop_empty(&mut value);
    name_items("", &mut value);
    value
}

/// The normal form of an attribute of a service: null or an empty object where it says nothing.
pub(super) fn normal_attribute(name: &str, value: &Value) -> Value {
    let mut value = value.clone();
    drop_empty(&mut value);
    if value == json!([]) || value == json!(false) {
        return Value::Null;
    }
    name_items(name, &mut value);
    value
}

fn objects<'a>(
    map: &'a mut Map<String, Value>,
    key: &str,
) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    let list = map.get_mut(key).and_then(Value::as_array_mut);
    list.into_iter().flatten().filter_map(Value::as_object_mut)
}

fn drop_defaults(map: &mut Map<String, Value>, defaults: &[(&str, Value)]) {
    for (key, default) in defaults {
        if map.get(*key) == Some(default) {
            map.shift_remove(*key);
        }
    }
}

fn normal_volume(volume: &mut Map<String, Value>) {
    // Facts 9.1: what is said of EFS where nothing is said.
    if let Some(Value::Object(efs)) = volume.get_mut("efsVolumeConfiguration") {
        drop_defaults(efs, &[("rootDirectory", json!("/")), ("transitEncryption", json!("DISABLED"))]);
        if let Some(Value::Object(authorization)) = efs.get_mut("authorizationConfig") {
            drop_defaults(authorization, &[("iam", json!("DISABLED"))]);
        }
    }
    if let Some(Value::Object(docker)) = volume.get_mut("dockerVolumeConfiguration") {
        drop_defaults(docker, &[("scope", json!("task")), ("driver", json!("local"))]);
    }
}

fn normal_container(container: &mut Map<String, Value>, same_ports: bool) {
    drop_defaults(container, &[("cpu", json!(0)), ("versionConsistency", json!("enabled"))]);
    if container.get("essential").is_none_or(Value::is_null) {
        container.insert("essential".to_owned(), json!(true));
    }
    for port in objects(container, "portMappings") {
        drop_defaults(port, &[("protocol", json!("tcp"))]);
        if same_ports || port.get("hostPort") == Some(&json!(0)) {
            port.shift_remove("hostPort");
        }
    }
    for variable in objects(container, "environment") {
        // A variable without a value is an empty one.
        if variable.get("value").is_none_or(Value::is_null) {
            variable.insert("value".to_owned(), json!(""));
        }
    }
    if let Some(Value::Object(check)) = container.get_mut("healthCheck") {
        // Facts 3.2.
        let defaults = [
            ("interval", json!(30)),
            ("timeout", json!(5)),
            ("retries", json!(3)),
            ("startPeriod", json!(0)),
        ];
        drop_defaults(check, &defaults);
    }
    if let Some(Value::Object(policy)) = container.get_mut("restartPolicy") {
        // Facts 3.3.
        drop_defaults(policy, &[("restartAttemptPeriod", json!(300))]);
    }
}

/// Turns lists without an order into maps by the names of their items, and sorts those of texts.
fn name_items(key: &str, value: &mut Value) {
    match value {
        Value::Object(map) => map.iter_mut().for_each(|(key, value)| name_items(key, value)),
        Value::Array(items) => {
            items.iter_mut().for_each(|item| name_items("", item));
            if SETS.contains(&key) {
                items.sort_by_key(Value::to_string);
            } else if let Some((_, names)) = NAMED.iter().find(|(list, _)| *list == key) {
                let by_name = names.iter().find_map(|name| by_name(items, name));
                match by_name {
                    Some(map) => *value = Value::Object(map),
                    // Without names that tell them apart, the items as such are compared, in the order that is
                    // theirs in every spelling.
                    None if key != "environment" && key != "secrets" => items.sort_by_key(sorted_text),
                    None => {}
                }
            }
        }
        _ => {}
    }
}

/// A list of objects as a map by one of their fields; `None` where that field is missing or not unique, so that
/// nothing is hidden.
fn by_name(items: &[Value], key: &str) -> Option<Map<String, Value>> {
    let mut map = Map::new();
    for item in items {
        let mut item = item.as_object()?.clone();
        let mut name = match item.shift_remove(key)? {
            Value::String(name) => name,
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        if key.starts_with("containerPort") {
            let protocol = item.shift_remove("protocol");
            name = format!("{name}/{}", protocol.as_ref().and_then(Value::as_str).unwrap_or("tcp"));
        }
        if map.insert(name, Value::Object(item)).is_some() {
            return None;
        }
    }
    Some(map)
}

/// A text by which values sort, whatever the order of the fields in them.
pub(super) fn sorted_text(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut fields: Vec<String> =
                map.iter().map(|(key, value)| format!("{key:?}:{}", sorted_text(value))).collect();
            fields.sort();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(sorted_text).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

/// CPU units or MiB as text: `"1 vCPU"` and `1024` are `"1024"`, `"2 GB"` is `"2048"` (facts 1.1).
pub(in crate::task_definition) fn units(value: &Value, big_unit: &str) -> String {
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
            map.iter_mut().for_each(|(_, value)| drop_empty(value));
            map.retain(|key, value| {
                let default = *value == json!(false) && !TRUE_BY_DEFAULT.contains(&key.as_str());
                // `"firelensConfiguration": {}` and the like say nothing; a volume of the task may be only a name.
                !is_empty(value) && !default
            });
        }
        // An item that has become empty still is one.
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
