//! Configuration from a live service.

use landfall_envfile::looks_like_credential;
use serde_json::{Map, Value};

use super::draft::{Draft, Drafted, Note};
use super::yaml::{CONFIG, Lines, SERVICE_DEFINITION, TASK_DEFINITION, json_file};
use crate::lookup::escape_document;
use crate::task_definition::TaskDefinition;

/// A live service.
#[derive(Debug, Clone)]
pub struct Live {
    /// AWS Region.
    pub region: String,
    /// The cluster, as it was named.
    pub cluster: String,
    /// The service as DescribeServices shows it, with its tags.
    pub service: Value,
    /// The revision that it is set to.
    pub task_definition: TaskDefinition,
}

/// What DescribeServices adds to what CreateService takes. What is not known here is kept: a field that AWS adds to
/// both tomorrow is one of the service's settings more likely than not.
const READ_ONLY: [&str; 17] = [
    "serviceArn",
    "clusterArn",
    "status",
    "runningCount",
    "pendingCount",
    "deployments",
    "events",
    "createdAt",
    "createdBy",
    "taskSets",
    "platformFamily",
    "currentServiceDeployment",
    "currentServiceRevisions",
    "resourceManagementType",
    "roleArn",
    // The configuration says which revision the service runs.
    "taskDefinition",
    // The account is in the ARN of the cluster; the configuration names it.
    "cluster",
];

/// Fields that DescribeServices only shows in the deployment.
const IN_DEPLOYMENT: [&str; 3] =
    ["serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"];

/// Writes down a live service: configuration, task definition and service definition.
pub fn from_live(live: &Live) -> Drafted {
    let name = live.service.get("serviceName").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut notes = Vec::new();
    credentials(&live.task_definition, &mut notes);
    manner(&live.service, &name, &mut notes);

    let mut lines = Lines::default();
    lines.line(0, "version: 1");
    lines.value(0, "region", &live.region);
    lines.value(0, "cluster", &live.cluster);
    lines.gap();
    lines.key(0, "services");
    lines.key(1, &name);
    lines.value(2, "task_definition", TASK_DEFINITION);
    lines.service_definition(2);

    let mut task_definition = live.task_definition.to_value();
    escape_document(&mut task_definition);
    let mut service = Value::Object(service_definition(&live.service));
    escape_document(&mut service);
    let file = |name: &str, text: String| Draft { name: name.to_owned(), text };
    Drafted {
        files: vec![
            file(CONFIG, lines.finish()),
            file(TASK_DEFINITION, json_file(&task_definition)),
            file(SERVICE_DEFINITION, json_file(&service)),
        ],
        notes,
    }
}

/// The fields that CreateService takes, with the values that they have.
fn service_definition(live: &Value) -> Map<String, Value> {
    let mut service = live.as_object().cloned().unwrap_or_default();
    let primary = live.get("deployments").and_then(Value::as_array).and_then(|deployments| {
        deployments.iter().find(|one| one.get("status") == Some(&Value::from("PRIMARY")))
    });
    for key in IN_DEPLOYMENT {
        if let Some(value) = primary.and_then(|primary| primary.get(key)) {
            service.insert(key.to_owned(), value.clone());
        }
    }
    // A role that is not the service-linked one was given by name.
    let role =
        live.get("roleArn").and_then(Value::as_str).filter(|role| !role.contains(":role/aws-service-role/"));
    if let Some(role) = role {
        service.insert("role".to_owned(), Value::from(role));
    }
    for key in READ_ONLY {
        service.shift_remove(key);
    }
    // CreateService takes one of the two.
    let has_strategy = service
        .get("capacityProviderStrategy")
        .and_then(Value::as_array)
        .is_some_and(|list| !list.is_empty());
    if has_strategy {
        service.shift_remove("launchType");
    }
    // One task runs on each instance, however many there are.
    if service.get("schedulingStrategy").and_then(Value::as_str) == Some("DAEMON") {
        service.shift_remove("desiredCount");
    }
    if let Some(Value::Array(tags)) = service.get_mut("tags") {
        let reserved = |tag: &Value| {
            tag.get("key").and_then(Value::as_str).is_some_and(|key| key.to_lowercase().starts_with("aws:"))
        };
        tags.retain(|tag| !reserved(tag));
    }
    service.retain(|_, value| !value.is_null() && !value.as_array().is_some_and(Vec::is_empty));
    service
}

/// Values that stand in the file for everyone to read. Their names are told, never they themselves.
pub(super) fn credentials(definition: &TaskDefinition, notes: &mut Vec<Note>) {
    for container in definition.containers() {
        let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
        let variables = container.get("environment").and_then(Value::as_array).into_iter().flatten();
        for variable in variables {
            let text = |key: &str| variable.get(key).and_then(Value::as_str).unwrap_or_default();
            if looks_like_credential(text("name"), text("value")) {
                notes.push(Note::new(format!(
                    "{} of container {name} looks like a credential, and its value stands in {TASK_DEFINITION}: move it to Secrets Manager or Parameter Store and to `secrets` before the file is committed",
                    text("name")
                )));
            }
        }
    }
}

/// What this release does not deploy.
fn manner(service: &Value, name: &str, notes: &mut Vec<Note>) {
    let controller = service.pointer("/deploymentController/type").and_then(Value::as_str).unwrap_or("ECS");
    if controller != "ECS" {
        notes.push(Note::new(format!(
            "the service {name} is under {controller} control, and Landfall deploys services whose deployment controller is ECS"
        )));
    }
    if service.get("resourceManagementType").and_then(Value::as_str) == Some("ECS") {
        notes.push(Note::new(format!(
            "the service {name} is one of ECS Express Mode, which manages it itself: do not deploy it by another tool"
        )));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live() -> Live {
        let definition = json!({
            "family": "web", "tags": [{ "key": "team", "value": "blue" }],
            "containerDefinitions": [{
                "name": "app", "image": "busybox", "command": ["sh", "-c", "echo ${HOME} $$"],
                "environment": [
                    { "name": "DB_PASSWORD", "value": "hunter2-x9" }, { "name": "PRICE", "value": "$5 ${A} $$" } ],
                "secrets": [{ "name": "TOKEN", "valueFrom": "/prod/token" }]
            }]
        });
        let service = json!({
            "serviceArn": "arn:aws:ecs:r:1:service/demo/web", "serviceName": "web", "clusterArn": "arn:aws:ecs:r:1:cluster/demo",
            "status": "ACTIVE", "desiredCount": 2, "runningCount": 2, "pendingCount": 0, "launchType": "FARGATE",
            "capacityProviderStrategy": [{ "capacityProvider": "FARGATE_SPOT", "weight": 1 }],
            "taskDefinition": "arn:aws:ecs:r:1:task-definition/web:3", "events": [], "placementConstraints": [],
            "roleArn": "arn:aws:iam::1:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
            "deployments": [{ "status": "PRIMARY", "serviceConnectConfiguration": { "enabled": true } }],
            "createdAt": 1.5, "createdBy": "arn:aws:iam::1:role/x", "inventedSetting": { "a": 1 },
            "deploymentController": { "type": "CODE_DEPLOY" },
            "tags": [{ "key": "aws:x", "value": "y" }, { "key": "team", "value": "blue" }]
        });
        Live {
            region: "eu-west-1".into(),
            cluster: "demo".into(),
            service,
            task_definition: TaskDefinition::from_value(definition).unwrap(),
        }
    }

    #[test]
    fn a_service_definition_has_what_create_service_takes() {
        let drafted = from_live(&live());
        let names: Vec<&str> = drafted.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["landfall.yml", "task-definition.json", "service-definition.json"]);
        let service: Value = serde_json::from_str(&drafted.files[2].text).unwrap();
        assert_eq!(
            service,
            json!({
                "serviceName": "web", "desiredCount": 2,
                "capacityProviderStrategy": [{ "capacityProvider": "FARGATE_SPOT", "weight": 1 }],
                "inventedSetting": { "a": 1 }, "deploymentController": { "type": "CODE_DEPLOY" },
                "tags": [{ "key": "team", "value": "blue" }],
                "serviceConnectConfiguration": { "enabled": true }
            })
        );
    }

    #[test]
    fn a_task_definition_is_written_so_that_it_reads_as_it_was() {
        let drafted = from_live(&live());
        let definition: Value = serde_json::from_str(&drafted.files[1].text).unwrap();
        assert_eq!(definition["containerDefinitions"][0]["environment"][1]["value"], "$5 $${A} $$$");
        assert_eq!(definition["containerDefinitions"][0]["command"][2], "echo ${HOME} $$");
        assert_eq!(definition["tags"][0]["value"], "blue");
    }

    #[test]
    fn what_looks_like_a_credential_is_named_and_not_shown() {
        let drafted = from_live(&live());
        let told = drafted.text();
        assert!(told.contains("DB_PASSWORD of container app looks like a credential"), "{told}");
        assert!(told.contains("under CODE_DEPLOY control"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}
