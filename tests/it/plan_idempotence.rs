//! What is registered and described again shows no difference, however it is written: task definitions and services.

use std::collections::HashMap;
use std::path::Path;

use futures_util::FutureExt;
use landfall::lookup::{Account, Expressions, StateSources};
use landfall::service_definition::{ServiceDefinition, service_update};
use landfall::shape::{Document, Source, Trouble, check};
use landfall::task_definition::{TaskDefinition, differences};
use landfall_sandbox::{ApiError, InProcess, Options, TargetGroupOptions};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::corpus::corpus;
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
    Ok(different(described, &definition))
}

/// Where the described revision is not what was written.
pub fn different(described: Value, written: &TaskDefinition) -> Vec<String> {
    let described = TaskDefinition::from_value(described).expect("a definition");
    differences(&described, written).into_iter().map(|difference| difference.path).collect()
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

/// Ways to write what is the same once it is registered.
pub fn own_cases() -> Vec<Value> {
    [
        (json!({ "cpu": "1 vCPU", "memory": "2 GB" }), json!({})),
        (json!({ "cpu": ".25 vcpu", "memory": "0.5GB" }), json!({})),
        (json!({ "cpu": 256, "memory": 512 }), json!({})),
        (json!({ "taskRoleArn": "", "volumes": null, "placementConstraints": [] }), json!({})),
        (json!({ "tags": [], "ipcMode": null, "enableFaultInjection": false }), json!({})),
        (
            json!({ "networkMode": null, "requiresCompatibilities": ["EC2"], "cpu": null, "memory": null }),
            json!({ "memory": 128, "links": [], "portMappings": [{ "containerPort": 80, "hostPort": 0 }] }),
        ),
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
    ]
    .into_iter()
    .map(|(task, container)| written(task, container))
    .collect()
}

#[test]
fn every_way_to_write_the_same_is_the_same() {
    let account = account();
    for value in own_cases() {
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

/// A real task definition.
pub struct RealTaskDefinition {
    /// The name of its file.
    pub name: String,
    pub document: Value,
    /// What is wrong with it. A placeholder is a text like others, where it stands for one.
    pub troubles: Vec<Trouble>,
}

/// Real task definitions of public repositories that can be read. None where the corpus is not there, which is said.
pub fn real_task_definitions() -> Vec<RealTaskDefinition> {
    let read = |(name, text): (String, String)| {
        let source = Source::new(Path::new(&name), &text);
        let mut document = source.value().ok()?;
        let remarks = check(&source, &document, Document::TaskDefinition);
        let troubles = remarks.into_iter().map(|remark| remark.trouble);
        let troubles = troubles.filter(|trouble| *trouble != Trouble::Placeholder).collect();
        // A container whose image is left to the deployment has one by the time it is registered.
        for container in document
            .get_mut("containerDefinitions")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
        {
            container.entry("image").or_insert_with(|| json!("busybox"));
        }
        Some(RealTaskDefinition { name, document, troubles })
    };
    corpus("taskdefs").into_values().filter_map(read).collect()
}

#[test]
fn real_task_definitions_come_back_without_a_difference() {
    let account = account();
    let all = real_task_definitions();
    if all.is_empty() {
        return;
    }
    let mut same = 0;
    let (mut wrong, mut refused) = (Vec::new(), Vec::new());
    for RealTaskDefinition { name, document, troubles } in all {
        match round(&account, &document) {
            Ok(found) if found.is_empty() => same += 1,
            Ok(found) => wrong.push(format!("{name}: {}", found.join(", "))),
            Err(error) => refused.push(format!("{name} {troubles:?}: {error}")),
        }
    }
    println!("{same} come back as they were; refused: {refused:#?}");
    assert_eq!(wrong, Vec::<String>::new());
    assert!(same > 20, "{same}; refused: {refused:#?}");
}

/// A real service definition, in an account that has what it names.
pub struct RealService {
    /// The name of its file.
    pub name: String,
    pub file: ServiceDefinition,
    /// What RegisterTaskDefinition takes: the containers and ports that the load balancers name.
    pub task_definition: Value,
    /// What CreateService takes, but for the cluster, its name and its task definition.
    pub creation: Value,
}

/// What an account has in the place of what real service definitions name.
pub struct Furniture<'a> {
    pub subnets: &'a [String],
    pub security_group: &'a str,
    pub target_group: &'a str,
}

/// Real service definitions of public repositories that load. None where the corpus is not there, which is said.
pub fn real_services(furniture: &Furniture<'_>) -> Vec<RealService> {
    let mut services = Vec::new();
    let folder = tempfile::tempdir().expect("a folder");
    let expressions = Expressions::new(HashMap::new(), StateSources::default());
    for (name, text) in corpus("services").into_values() {
        let path = folder.path().join(&name);
        std::fs::write(&path, text).expect("written");
        let account = Account::none("there is no account", "");
        let loaded = ServiceDefinition::from_file(&path, &expressions, &account).now_or_never();
        let Ok(loaded) = loaded.expect("nothing is waited for") else { continue };
        let mut creation = Value::Object(loaded.content.attributes().clone());
        if let Some(network) = creation.pointer_mut("/networkConfiguration/awsvpcConfiguration") {
            network["subnets"] = json!(furniture.subnets);
            network["securityGroups"] = json!([furniture.security_group]);
        }
        let mut containers = vec![json!({ "name": "beside", "image": "busybox", "memory": 128 })];
        for balancer in creation["loadBalancers"].as_array_mut().into_iter().flatten() {
            balancer["targetGroupArn"] = json!(furniture.target_group);
            containers.push(json!({
                "name": balancer["containerName"], "image": "busybox", "memory": 128,
                "portMappings": [{ "containerPort": balancer["containerPort"] }]
            }));
        }
        let fargate = creation["networkConfiguration"].is_object();
        let mut task_definition = json!({ "family": "real", "containerDefinitions": containers });
        if fargate {
            lay_over(
                &mut task_definition,
                &json!({
                    "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"
                }),
            );
        }
        let file = ServiceDefinition::from_value(creation.clone()).expect("a service");
        creation.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        services.push(RealService { name, file, task_definition, creation });
    }
    services
}

/// What UpdateService would change of the described service; a refusal where it cannot.
pub fn updates(described: &Value, file: &ServiceDefinition) -> Vec<String> {
    let live = described["services"][0].as_object().expect("a service");
    match service_update(file, live, true) {
        Ok(update) => update.changes.into_iter().map(|change| change.difference.path).collect(),
        Err(refusal) => vec![refusal.to_string()],
    }
}

#[test]
fn real_services_come_back_without_a_difference() {
    let account = account();
    account.create_cluster("real");
    let target_group = account.create_target_group("real", TargetGroupOptions::default());
    let furniture = Furniture {
        subnets: &["subnet-0a".to_owned(), "subnet-0b".to_owned()],
        security_group: "sg-0a",
        target_group: &target_group,
    };
    let all = real_services(&furniture);
    if all.is_empty() {
        return;
    }
    let mut same = 0;
    let (mut wrong, mut refused) = (Vec::new(), Vec::new());
    for RealService { name, file, task_definition, mut creation } in all {
        let mut round = || {
            let registered = account.ecs("RegisterTaskDefinition", &task_definition)?;
            let arn = &registered["taskDefinition"]["taskDefinitionArn"];
            lay_over(
                &mut creation,
                &json!({ "cluster": "real", "serviceName": name.split('.').next(), "taskDefinition": arn }),
            );
            account.ecs("CreateService", &creation)?;
            let which = json!({ "cluster": "real", "services": [creation["serviceName"]] });
            account.ecs("DescribeServices", &which)
        };
        let answer: Result<Value, ApiError> = round();
        match answer.map(|described| updates(&described, &file)) {
            Ok(found) if found.is_empty() => same += 1,
            Ok(found) => wrong.push(format!("{name}: {}", found.join(", "))),
            Err(error) => refused.push(format!("{name}: {error:?}")),
        }
    }
    println!("{same} come back as they were; refused: {refused:#?}");
    assert_eq!(wrong, Vec::<String>::new());
    assert!(same > 10, "{same}; refused: {refused:#?}");
}
