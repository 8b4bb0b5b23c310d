//! What belongs to the account as a whole: clusters, tags, and who is calling.

use serde_json::{Value, json};

use super::{
    ApiError, World,
    json::{includes, list, required, text, texts},
    state::Cluster,
};

impl World {
    pub(crate) fn call_sts(&mut self, operation: &str, input: &Value) -> Result<Value, ApiError> {
        match operation {
            "AssumeRole" => self.assume_role(input),
            "AssumeRoleWithWebIdentity" => self.assume_role_with_web_identity(input),
            "GetCallerIdentity" => Ok(json!({
                "Arn": self.caller_arn(),
                "UserId": "AIDASANDBOXSANDBOX00",
                "Account": self.account,
            })),
            _ => Err(ApiError::not_implemented("sts", operation)),
        }
    }

    pub(crate) fn describe_clusters(&mut self, input: &Value) -> Result<Value, ApiError> {
        let mut asked = texts(input, "clusters");
        if asked.is_empty() {
            asked.push("default");
        }
        let mut clusters = Vec::new();
        let mut failures = Vec::new();
        for given in asked {
            let name = given.rsplit('/').next().unwrap_or(given);
            match self.clusters.get(name) {
                Some(cluster) => clusters.push(self.render_cluster(cluster)),
                None => failures.push(json!({ "arn": self.cluster_arn(name), "reason": "MISSING" })),
            }
        }
        Ok(json!({ "clusters": clusters, "failures": failures }))
    }

    fn render_cluster(&self, cluster: &Cluster) -> Value {
        let name = cluster.name.as_str();
        let tasks = || self.tasks.iter().filter(|task| task.cluster == name);
        json!({
            "clusterArn": self.cluster_arn(name),
            "clusterName": name,
            "status": cluster.status,
            "registeredContainerInstancesCount": 0,
            "runningTasksCount": tasks().filter(|task| task.is_running()).count(),
            "pendingTasksCount": tasks().filter(|task| task.is_starting()).count(),
            "activeServicesCount": self.services.iter().filter(|service| service.cluster == name && !service.deleted).count(),
            "statistics": [],
            "tags": [],
            "settings": [{ "name": "containerInsights", "value": "disabled" }],
            "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
            "defaultCapacityProviderStrategy": [],
        })
    }

    pub(crate) fn list_tags_for_resource(&mut self, input: &Value) -> Result<Value, ApiError> {
        let arn = required(input, "resourceArn")?;
        let tags = self.tags_of(arn)?.clone();
        Ok(json!({ "tags": tags }))
    }

    pub(crate) fn tag_resource(&mut self, input: &Value) -> Result<Value, ApiError> {
        let arn = required(input, "resourceArn")?;
        let new = list(input, "tags").to_vec();
        let tags = self.tags_of(arn)?;
        for tag in new {
            tags.retain(|old| text(old, "key") != text(&tag, "key"));
            tags.push(tag);
        }
        Ok(json!({}))
    }

    fn tags_of(&mut self, arn: &str) -> Result<&mut Vec<Value>, ApiError> {
        let not_found = || ApiError::invalid_parameter("The specified resource was not found.");
        if arn.contains(":task-definition/") {
            self.task_definitions.by_arn_mut(arn).map(|revision| &mut revision.tags).ok_or_else(not_found)
        } else {
            self.services
                .iter_mut()
                .find(|service| service.arn == arn)
                .map(|service| &mut service.tags)
                .ok_or_else(not_found)
        }
    }
}

/// Whether a describe request wants tags: they are left out unless asked for.
pub(crate) fn wants_tags(input: &Value) -> bool {
    includes(input, "TAGS")
}
