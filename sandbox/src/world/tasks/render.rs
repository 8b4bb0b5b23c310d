//! A task as DescribeTasks shows it.

use serde_json::{Value, json};

use super::{Container, Task, TaskStatus, instances::Host};
use crate::world::{World, json::object};

impl World {
    pub(super) fn render_task(&self, task: &Task) -> Value {
        let desired = if task.wanted { "RUNNING" } else { "STOPPED" };
        let mut rendered = json!({
            "containerInstanceArn": task.host.as_ref().map(|host| &host.arn),
            "attributes": [{ "name": "ecs.cpu-architecture", "value": "x86_64" }],
            "availabilityZone": task.zone,
            "clusterArn": self.cluster_arn(&task.cluster),
            "connectivity": task.pull_started_at.map(|_| "CONNECTED"),
            "connectivityAt": task.pull_started_at.map(|at| at.epoch_seconds()),
            "cpu": task.cpu,
            "createdAt": task.created_at.epoch_seconds(),
            "desiredStatus": desired,
            "enableExecuteCommand": false,
            "ephemeralStorage": { "sizeInGiB": 20 },
            "executionStoppedAt": task.execution_stopped_at.map(|at| at.epoch_seconds()),
            "group": format!("service:{}", task.service),
            "healthStatus": task.health().name(),
            "lastStatus": task.status.name(),
            "launchType": if task.host.is_some() { "EC2" } else { "FARGATE" },
            "memory": task.memory,
            "platformFamily": "Linux",
            "platformVersion": "1.4.0",
            "pullStartedAt": task.pull_started_at.map(|at| at.epoch_seconds()),
            "pullStoppedAt": task.pull_stopped_at.map(|at| at.epoch_seconds()),
            "startedAt": task.started_at.map(|at| at.epoch_seconds()),
            "startedBy": task.deployment,
            "stopCode": task.stop_code,
            "stoppedAt": task.stopped_at.map(|at| at.epoch_seconds()),
            "stoppedReason": task.stopped_reason,
            "stoppingAt": task.stopping_at.map(|at| at.epoch_seconds()),
            "tags": [],
            "taskArn": task.arn,
            "taskDefinitionArn": task.task_definition,
            "version": 1,
        });
        leave_out_nulls(&mut rendered);
        let containers = task.containers.iter().map(|it| self.render_container(task, it));
        let overrides = task.containers.iter().map(|it| object([("name", it.name.as_str().into())]));
        if let Some(fields) = rendered.as_object_mut() {
            let attachments = match task.instance_network() {
                Some(_) => Vec::new(),
                None => vec![self.render_attachment(task)],
            };
            fields.insert("attachments".to_owned(), attachments.into());
            fields.insert("containers".to_owned(), containers.collect());
            let overrides = object([
                ("containerOverrides", overrides.collect()),
                ("inferenceAcceleratorOverrides", Value::Array(Vec::new())),
            ]);
            fields.insert("overrides".to_owned(), overrides);
        }
        rendered
    }

    fn render_attachment(&self, task: &Task) -> Value {
        let attached = task.status > TaskStatus::Provisioning;
        let status = match task.status {
            TaskStatus::Provisioning => "PRECREATED",
            TaskStatus::Deprovisioning => "DETACHING",
            TaskStatus::Stopped => "DELETED",
            _ => "ATTACHED",
        };
        let mut details = vec![json!({ "name": "subnetId", "value": task.subnet })];
        if attached {
            for (name, value) in [
                ("networkInterfaceId", &task.interface),
                ("macAddress", &task.mac),
                (
                    "privateDnsName",
                    &format!("ip-{}.{}.compute.internal", task.address.replace('.', "-"), self.region),
                ),
                ("privateIPv4Address", &task.address),
            ] {
                details.push(object([("name", name.into()), ("value", value.as_str().into())]));
            }
        }
        object([
            ("id", task.attachment.as_str().into()),
            ("type", "ElasticNetworkInterface".into()),
            ("status", status.into()),
            ("details", details.into()),
        ])
    }

    fn render_container(&self, task: &Task, container: &Container) -> Value {
        let created = task.pull_stopped_at.is_some();
        let status = match task.status {
            TaskStatus::Running if container.exit_code.is_some() => "STOPPED",
            TaskStatus::Running | TaskStatus::Deactivating | TaskStatus::Stopping => "RUNNING",
            TaskStatus::Deprovisioning | TaskStatus::Stopped => "STOPPED",
            _ => "PENDING",
        };
        let interfaces = match task.status {
            TaskStatus::Provisioning => json!([]),
            _ if task.instance_network().is_some() => json!([]),
            _ => json!([{ "attachmentId": task.attachment, "privateIpv4Address": task.address }]),
        };
        let own = |host: &Host| {
            let ports = host.ports.iter().filter(|it| it.0 == container.name);
            ports
                .map(|it| json!({ "bindIP": "0.0.0.0", "containerPort": it.1, "hostPort": it.2, "protocol": "tcp" }))
                .collect::<Vec<_>>()
        };
        let bindings = task.instance_network().filter(|_| created).map(own).unwrap_or_default();
        let mut rendered = json!({
            "containerArn": format!("{}/{}", task.arn.replacen(":task/", ":container/", 1), container.name),
            "taskArn": task.arn,
            "name": container.name,
            "image": container.image,
            "imageDigest": container.image_digest,
            "runtimeId": created.then_some(&container.runtime_id),
            "lastStatus": status,
            "exitCode": container.exit_code,
            "reason": container.reason,
            "networkBindings": bindings,
            "healthStatus": container.health.name(),
            "cpu": container.cpu,
        });
        leave_out_nulls(&mut rendered);
        if let Some(fields) = rendered.as_object_mut() {
            fields.insert("networkInterfaces".to_owned(), interfaces);
        }
        rendered
    }
}

/// AWS leaves out what is not known yet.
fn leave_out_nulls(value: &mut Value) {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
}
