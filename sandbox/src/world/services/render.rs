//! A service as DescribeServices shows it.

use serde_json::{Value, json};

use super::{Deployment, Service};
use crate::world::{World, json::object, tasks::Task};

impl World {
    /// The role that a service was created with, by its ARN or its name; else the service-linked one.
    fn role_of(&self, service: &Service) -> String {
        match service.settings.get("role").and_then(Value::as_str) {
            Some(arn) if arn.starts_with("arn:") => arn.to_owned(),
            Some(name) => format!("arn:aws:iam::{}:role/{}", self.account, name.trim_start_matches('/')),
            None => format!(
                "arn:aws:iam::{}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
                self.account
            ),
        }
    }

    pub(crate) fn render_service(&self, service: &Service, with_tags: bool) -> Value {
        let tasks: Vec<&Task> = self.tasks_of(service).collect();
        let status = match service.deleted {
            false => "ACTIVE",
            true if tasks.iter().any(|task| task.takes_room() || task.is_leaving()) => "DRAINING",
            true => "INACTIVE",
        };
        let mut rendered = json!({
            "serviceArn": service.arn,
            "serviceName": service.name,
            "clusterArn": self.cluster_arn(&service.cluster),
            "status": status,
            "runningCount": tasks.iter().filter(|task| task.is_running()).count(),
            "pendingCount": tasks.iter().filter(|task| task.is_starting()).count(),
            "platformFamily": "Linux",
            "taskDefinition": service.deployments.first().map(|primary| primary.task_definition.as_str()),
            "roleArn": self.role_of(service),
            "createdAt": service.created_at.epoch_seconds(),
            "createdBy": self.caller_arn(),
        });
        let deployments =
            service.deployments.iter().map(|deployment| render_deployment(service, deployment, &tasks));
        let events = service.events.iter().map(|event| {
            object([
                ("id", event.id.as_str().into()),
                ("createdAt", event.created_at.epoch_seconds().into()),
                ("message", event.message.as_str().into()),
            ])
        });
        if let Some(fields) = rendered.as_object_mut() {
            fields.insert("deployments".to_owned(), deployments.collect());
            fields.insert("events".to_owned(), events.collect());
            fields.extend(service.settings.clone());
            // CreateService's name for it.
            fields.shift_remove("role");
            if let Value::Object(current) = self.render_current(service) {
                fields.extend(current);
            }
            if with_tags {
                fields.insert("tags".to_owned(), json!(service.tags));
            }
        }
        rendered
    }
}

fn render_deployment(service: &Service, deployment: &Deployment, tasks: &[&Task]) -> Value {
    let own = || tasks.iter().filter(|task| task.deployment == deployment.id);
    let primary = service.is_primary(&deployment.id);
    // What an older deployment is to keep shrinks as the new one takes over.
    let desired = if primary { service.desired_count() } else { own().filter(|task| task.wanted).count() };
    let mut rendered = json!({
        "id": deployment.id,
        "status": if primary { "PRIMARY" } else { "ACTIVE" },
        "taskDefinition": deployment.task_definition,
        "desiredCount": desired,
        "pendingCount": own().filter(|task| task.is_starting()).count(),
        "runningCount": own().filter(|task| task.is_running()).count(),
        "failedTasks": deployment.failed_tasks,
        "createdAt": deployment.created_at.epoch_seconds(),
        "updatedAt": deployment.updated_at.epoch_seconds(),
        "launchType": deployment.settings.get("launchType"),
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "networkConfiguration": deployment.settings.get("networkConfiguration"),
        "rolloutState": deployment.rollout.name(),
        "rolloutStateReason": deployment.reason,
    });
    if let Some(fields) = rendered.as_object_mut() {
        // AWS leaves out what is not set.
        fields.retain(|_, value| !value.is_null());
    }
    rendered
}
