//! Service deployments and revisions as the API shows them.

use serde_json::{Map, Value, json};

use super::{ServiceDeployment, ServiceRevision};
use crate::world::{World, services::Service};

/// Settings that a service revision keeps (facts 4.1).
const OF_A_REVISION: [&str; 8] = [
    "capacityProviderStrategy",
    "launchType",
    "loadBalancers",
    "serviceRegistries",
    "networkConfiguration",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
];

impl World {
    /// An element of ListServiceDeployments.
    pub(super) fn render_brief(&self, deployment: &ServiceDeployment) -> Value {
        without_nulls(json!({
            "serviceDeploymentArn": deployment.arn,
            "serviceArn": deployment.service_arn,
            "clusterArn": self.cluster_arn(&deployment.cluster),
            "createdAt": deployment.created_at.epoch_seconds(),
            "startedAt": deployment.started_at.map(|at| at.epoch_seconds()),
            "finishedAt": deployment.finished_at.map(|at| at.epoch_seconds()),
            "targetServiceRevisionArn": deployment.target,
            "status": deployment.status.name(),
            "statusReason": deployment.reason,
        }))
    }

    pub(super) fn render_service_deployment(&self, deployment: &ServiceDeployment) -> Value {
        let summary = |arn: &String| self.render_revision_summary(deployment, arn);
        let mut whole = self.render_brief(deployment);
        if let Some(fields) = whole.as_object_mut() {
            fields.remove("targetServiceRevisionArn");
            let more = without_nulls(json!({
                "stoppedAt": deployment.stopped_at.map(|at| at.epoch_seconds()),
                "updatedAt": deployment.updated_at.epoch_seconds(),
                "sourceServiceRevisions": deployment.sources.iter().map(summary).collect::<Vec<_>>(),
                "targetServiceRevision": summary(&deployment.target),
                "deploymentConfiguration": deployment.configuration,
                "lifecycleStage": deployment.native.as_ref().and_then(|native| native.stage).map(|it| it.name()),
                "lifecycleHookDetails": deployment.native.as_ref().map(|native| {
                    native.hooks.iter().map(|hook| hook.render()).collect::<Vec<_>>()
                }),
                "rollback": deployment.rollback.as_ref().map(|rollback| json!({
                    "reason": rollback.reason,
                    "startedAt": rollback.started_at.epoch_seconds(),
                    "serviceRevisionArn": rollback.revision,
                })),
            }));
            fields.extend(more.as_object().cloned().unwrap_or_default());
        }
        whole
    }

    fn render_revision_summary(&self, deployment: &ServiceDeployment, revision: &str) -> Value {
        let service = self.services.iter().find(|service| service.arn == deployment.service_arn);
        let (mut running, mut pending, mut requested) = (0, 0, 0);
        if let Some(service) = service {
            (running, pending) = self.tasks_of_revision(service, revision);
            requested = if revision == deployment.target { service.desired_count() } else { running };
        }
        let mut summary = json!({
            "arn": revision,
            "requestedTaskCount": requested,
            "runningTaskCount": running,
            "pendingTaskCount": pending,
        });
        if let Some(native) = deployment.native.as_ref().filter(|native| !native.rolling) {
            let (production, test) = match revision {
                revision if revision == deployment.target => (native.production, native.test),
                revision if revision == native.keeps => (100.0 - native.production, 100.0 - native.test),
                _ => (0.0, 0.0),
            };
            summary["requestedProductionTrafficWeight"] = json!(production);
            if native.has_test_traffic {
                summary["requestedTestTrafficWeight"] = json!(test);
            }
        }
        summary
    }

    /// How many tasks of a service revision are RUNNING and on their way to it.
    fn tasks_of_revision(&self, service: &Service, revision: &str) -> (usize, usize) {
        let entries: Vec<&str> = service
            .deployments
            .iter()
            .filter(|entry| entry.service_revision == revision)
            .map(|entry| entry.id.as_str())
            .collect();
        let own = || self.tasks_of(service).filter(|task| entries.contains(&task.deployment.as_str()));
        (own().filter(|task| task.is_running()).count(), own().filter(|task| task.is_starting()).count())
    }

    pub(super) fn render_service_revision(&self, revision: &ServiceRevision) -> Value {
        let mut fields = Map::new();
        fields.insert("serviceRevisionArn".to_owned(), json!(revision.arn));
        fields.insert("serviceArn".to_owned(), json!(revision.service_arn));
        fields.insert("clusterArn".to_owned(), json!(self.cluster_arn(&revision.cluster)));
        fields.insert("taskDefinition".to_owned(), json!(revision.task_definition));
        for field in OF_A_REVISION {
            if let Some(value) = revision.settings.get(field) {
                fields.insert(field.to_owned(), value.clone());
            }
        }
        fields.insert("platformVersion".to_owned(), json!("1.4.0"));
        fields.insert("platformFamily".to_owned(), json!("Linux"));
        fields.insert("createdAt".to_owned(), json!(revision.created_at.epoch_seconds()));
        Value::Object(fields)
    }

    /// `currentServiceDeployment` and `currentServiceRevisions` of DescribeServices. A PENDING service
    /// deployment is not shown yet: AWS does not say how late it is, so the answer of UpdateService
    /// lacks it here.
    pub(crate) fn render_current(&self, service: &Service) -> Value {
        let current = self.history.current(&service.arn).filter(|it| it.started_at.is_some());
        let mut revisions: Vec<&str> = Vec::new();
        for entry in &service.deployments {
            if !revisions.contains(&entry.service_revision.as_str()) {
                revisions.push(&entry.service_revision);
            }
        }
        let summary = |revision: &&str| {
            let (running, pending) = self.tasks_of_revision(service, revision);
            json!({ "arn": revision, "runningTaskCount": running, "pendingTaskCount": pending })
        };
        without_nulls(json!({
            "currentServiceDeployment": current.map(|current| current.arn.as_str()),
            "currentServiceRevisions": revisions.iter().map(summary).collect::<Vec<_>>(),
        }))
    }
}

/// AWS leaves out what is not set.
fn without_nulls(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    value
}
