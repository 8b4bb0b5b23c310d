//! A task definition that is registered and described again shows no difference, however it is written.

use std::path::Path;

use landfall::task_definition::{TaskDefinition, differences};
use landfall_sandbox::{InProcess, Options};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::stage::lay_over;

fn account() -> InProcess {
    InProcess::new(Options::default())
}

/// What differs after a round through the account; an error where it refuses the document.
fn round(account: &InProcess, written: &Value) -> Result<Vec<String>, String> {
    let definition = TaskDefinition::from_value(written.clone()).map_err(|error| error.to_string())?;
    let registered = account
        .ecs("RegisterTaskDefinition", &definition.to_value())
        .map_err(|error| format!("{error:?}"))?;
    let arn = registered["taskDefinition"]["taskDefinitionArn"].clone();
    let described = account
        .ecs("DescribeTaskDefinition", &json!({ "taskDefinition": arn, "include": ["TAGS"] }))
        .map_err(|error| format!("{error:?}"))?;
    let described = TaskDefinition::from_value(described).map_err(|error| error.to_string())?;
    let found = differences(&described, &definition);
    Ok(found.into_iter().map(|difference| difference.path).collect())
}

/// A container with these fields in a task of these.
fn written(task: Value, container: Value) -> Value {
    let mut app = json!({ "name": "app", "image": "busybox" });
    lay_over(&mut app, &container);
    let mut value = json!({
        "family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256",
        "memory": "512", "executionRoleArn": "arn:aws:iam::000000000000:role/execution",
        "containerDefinitions": [app]
    });
    lay_over(&mut value, &task);
    value
}

#[test]
fn every_way_to_write_the_same_is_the_same() {
    let account = account();
    for (task, container) in [
        (json!({ "cpu": "1 vCPU", "memory": "2 GB" }), json!({})),
        (json!({ "cpu": ".25 vcpu", "memory": "0.5GB" }), json!({})),
        (json!({ "cpu": 256, "memory": 512 }), json!({})),
        (json!({ "taskRoleArn": "", "volumes": null, "placementConstraints": [] }), json!({})),
        (json!({ "tags": [], "ipcMode": null, "enableFaultInjection": false }), json!({})),
        (json!({ "tags": [{ "key": "team", "value": "a" }] }), json!({})),
        (
            json!({ "runtimePlatform": { "cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX" } }),
            json!({}),
        ),
        (
            json!({ "ephemeralStorage": { "sizeInGiB": 30 }, "inventedField": { "deep": [1, null] } }),
            json!({}),
        ),
        (
            json!({ "volumes": [{ "name": "v", "host": {} }, { "name": "e", "efsVolumeConfiguration": {
                "fileSystemId": "fs-1", "rootDirectory": "/", "transitEncryption": "DISABLED" } }] }),
            json!({ "mountPoints": [{ "sourceVolume": "v", "containerPath": "/v", "readOnly": false }] }),
        ),
        (json!({}), json!({ "essential": true, "cpu": 0, "environment": [], "secrets": null, "links": [] })),
        (
            json!({}),
            json!({ "portMappings": [{ "containerPort": 80 }, { "containerPort": 53, "protocol": "udp" }] }),
        ),
        (json!({}), json!({ "portMappings": [{ "containerPort": 80, "hostPort": 80, "protocol": "tcp" }] })),
        (json!({}), json!({ "environment": [{ "name": "B", "value": "" }, { "name": "A", "value": "1" }] })),
        (json!({}), json!({ "healthCheck": { "command": ["CMD", "true"], "interval": 30, "retries": 3 } })),
        (
            json!({}),
            json!({ "linuxParameters": { "initProcessEnabled": false }, "versionConsistency": "enabled" }),
        ),
        (json!({}), json!({ "readonlyRootFilesystem": false, "privileged": false, "interactive": null })),
        (
            json!({}),
            json!({ "logConfiguration": { "logDriver": "awslogs", "secretOptions": [], "options": {
            "awslogs-group": "g", "awslogs-region": "us-east-1" } } }),
        ),
        (
            json!({}),
            json!({ "ulimits": [{ "name": "nofile", "softLimit": 1, "hardLimit": 2 }], "command": [] }),
        ),
        (json!({}), json!({ "inventedInside": [{ "name": "x" }, { "name": "x" }] })),
    ] {
        let value = written(task, container);
        assert_eq!(round(&account, &value), Ok(Vec::new()), "{value}");
    }
}

fn environment() -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[A-Z]{1,3}", "[a-z ]{0,4}", 0..4).prop_map(|variables| {
        variables.into_iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
    })
}

fn container() -> impl Strategy<Value = Value> {
    let ports = prop::collection::btree_set(1_u16..2000, 0..4);
    (
        environment(),
        ports,
        any::<bool>(),
        prop::option::of(5_u32..60),
        prop::collection::vec("[a-z]{1,4}", 0..3),
    )
        .prop_map(|(environment, ports, spelt, interval, command)| {
            let mut value = json!({ "environment": environment, "command": command });
            let port = |port: u16| match spelt {
                true => json!({ "containerPort": port, "hostPort": port, "protocol": "tcp" }),
                false => json!({ "containerPort": port }),
            };
            value["portMappings"] = ports.into_iter().map(port).collect();
            if let Some(interval) = interval {
                value["healthCheck"] = json!({ "command": ["CMD-SHELL", "true"], "interval": interval });
            }
            if spelt {
                lay_over(&mut value, &json!({ "essential": true, "mountPoints": [], "cpu": 0 }));
            }
            value
        })
}

/// The same document with every list in another order that has none.
fn shuffled(value: &Value, key: &str) -> Value {
    match value {
        Value::Object(map) => {
            map.iter().rev().map(|(key, value)| (key.clone(), shuffled(value, key))).collect()
        }
        Value::Array(items) if ["environment", "portMappings", "containerDefinitions"].contains(&key) => {
            items.iter().rev().map(|item| shuffled(item, "")).collect()
        }
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_registered_is_what_is_described(
        first in container(), second in container(), size in prop::sample::select(vec!["256", "1 vCPU"])
    ) {
        let mut task = written(json!({ "cpu": size, "memory": "2 GB" }), first.clone());
        let mut other = json!({ "name": "other", "image": "busybox" });
        lay_over(&mut other, &second);
        other["portMappings"] = json!([]);
        task["containerDefinitions"].as_array_mut().expect("a list").push(other);
        prop_assert_eq!(round(&account(), &task), Ok(Vec::new()));
        // Order where there is none is no difference either; another value is one.
        let definition = TaskDefinition::from_value(task.clone()).expect("a definition");
        let again = TaskDefinition::from_value(shuffled(&task, "")).expect("a definition");
        prop_assert!(differences(&definition, &again).is_empty());
        let mut changed = task.clone();
        changed["containerDefinitions"][1]["environment"] = json!([{ "name": "NEW", "value": "x" }]);
        let changed = TaskDefinition::from_value(changed).expect("a definition");
        let paths: Vec<String> =
            differences(&definition, &changed).into_iter().map(|found| found.path).collect();
        prop_assert!(paths.contains(&"containerDefinitions[other].environment[NEW]".to_owned()), "{:?}", paths);
    }
}

/// Real task definitions of public repositories, where they lie beside this one.
#[test]
fn real_task_definitions_come_back_without_a_difference() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/taskdefs");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("the corpus is not beside the repository: nothing was compared");
        return;
    };
    let account = account();
    let (mut same, mut refused) = (0, 0);
    let mut wrong = Vec::new();
    for entry in entries {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("read");
        let parsed = match path.extension().and_then(|ending| ending.to_str()) {
            Some("yml" | "yaml") => serde_saphyr::from_str::<Value>(&text).ok(),
            _ => serde_json::from_str(&text).ok(),
        };
        match parsed.map(|value| round(&account, &value)) {
            Some(Ok(found)) if found.is_empty() => same += 1,
            Some(Ok(found)) => wrong.push(format!("{}: {}", path.display(), found.join(", "))),
            Some(Err(_)) | None => refused += 1,
        }
    }
    println!("{same} come back as they were, {refused} are none or are refused");
    assert_eq!(wrong, Vec::<String>::new());
    assert!(same > 20, "{same} of {}", same + refused);
}
