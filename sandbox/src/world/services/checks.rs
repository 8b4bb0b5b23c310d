//! What CreateService and UpdateService refuse about a task definition and load balancers (facts 5.7).

use serde_json::{Map, Value};

use crate::world::{
    ApiError, World,
    json::{list, number, text},
};

impl World {
    /// Finds the task definition of a service and checks that it may be used.
    pub(super) fn usable_task_definition(&self, given: &str) -> Result<String, ApiError> {
        let revision = self.task_definitions.resolve(given)?;
        if !revision.is_active() {
            return Err(ApiError::client_exception("TaskDefinition is inactive"));
        }
        Ok(revision.arn.clone())
    }

    /// Checks that the task definition has the containers and ports that the load balancers need.
    pub(super) fn check_load_balancers(
        &self,
        settings: &Map<String, Value>,
        task_definition: &str,
    ) -> Result<(), ApiError> {
        let revision = self.task_definitions.resolve(task_definition)?;
        for entry in settings.get("loadBalancers").and_then(Value::as_array).into_iter().flatten() {
            self.check_target_group(entry)?;
            self.check_alternate(settings, entry)?;
            let name = text(entry, "containerName").unwrap_or_default();
            let Some(container) = revision.container(name) else {
                return Err(ApiError::invalid_parameter(format!(
                    "The container {name} does not exist in the task definition."
                )));
            };
            let port = number(entry, "containerPort").unwrap_or_default();
            let mapped = list(container, "portMappings")
                .iter()
                .any(|mapping| number(mapping, "containerPort") == Some(port));
            if !mapped {
                return Err(ApiError::invalid_parameter(format!(
                    "The container {name} did not have a container port {port} defined."
                )));
            }
        }
        Ok(())
    }

    /// The strategies that shift traffic need a second target group (facts 4.3). What ECS says without
    /// one is not known.
    fn check_alternate(&self, settings: &Map<String, Value>, entry: &Value) -> Result<(), ApiError> {
        let strategy = settings.get("deploymentConfiguration").and_then(|it| text(it, "strategy"));
        if strategy.is_none_or(|strategy| strategy == "ROLLING") {
            return Ok(());
        }
        let alternate = text(&entry["advancedConfiguration"], "alternateTargetGroupArn").unwrap_or_default();
        if alternate.is_empty() {
            return Err(ApiError::invalid_parameter(
                "advancedConfiguration with an alternateTargetGroupArn is required for this deployment strategy.",
            ));
        }
        self.check_target_group(&serde_json::json!({ "targetGroupArn": alternate }))
    }

    pub(super) fn check_network(
        &self,
        settings: &Map<String, Value>,
        task_definition: &str,
    ) -> Result<(), ApiError> {
        let revision = self.task_definitions.resolve(task_definition)?;
        let awsvpc = revision.document.get("networkMode").and_then(Value::as_str) == Some("awsvpc");
        let configured = settings
            .get("networkConfiguration")
            .and_then(|network| network.get("awsvpcConfiguration"))
            .is_some_and(|awsvpc| !list(awsvpc, "subnets").is_empty());
        if awsvpc && !configured {
            return Err(ApiError::invalid_parameter(
                "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
            ));
        }
        Ok(())
    }
}
