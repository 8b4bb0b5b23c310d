//! UpdateService.

use serde_json::{Map, Value, json};

use super::create::complete_deployment_configuration;
use crate::world::{
    ApiError, World,
    json::{flag, number, required, text},
};

/// Changing one of these starts a deployment (facts 3.4).
const STARTS_A_DEPLOYMENT: [&str; 7] = [
    "networkConfiguration",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
];

impl World {
    pub(crate) fn update_service(&mut self, input: &Value) -> Result<Value, ApiError> {
        let cluster = self.cluster_name(input)?;
        let given = required(input, "service")?;
        let name = given.rsplit('/').next().unwrap_or(given);
        let index = self.active_service(&cluster, name)?;
        if number(input, "desiredCount").is_some_and(|count| count < 0) {
            return Err(ApiError::invalid_parameter("desiredCount cannot be negative."));
        }

        if self.services[index].is_daemon() && input.get("desiredCount").is_some() {
            return Err(ApiError::invalid_parameter(
                "The daemon scheduling strategy does not support a desired count for services.",
            ));
        }

        let current = self.services[index].deployments.first().map(|primary| primary.task_definition.clone());
        let task_definition = match (text(input, "taskDefinition"), &current) {
            (Some(given), _) => self.usable_task_definition(given)?,
            (None, Some(current)) => current.clone(),
            (None, None) => return Err(ApiError::invalid_parameter("TaskDefinition can not be blank.")),
        };
        let before = &self.services[index].settings;
        let settings = merged_settings(before, input);
        self.check_load_balancers(&settings, &task_definition)?;
        self.check_network(&settings, &task_definition)?;

        let force = flag(input, "forceNewDeployment");
        let other_settings =
            STARTS_A_DEPLOYMENT.iter().any(|field| settings.get(*field) != before.get(*field));
        let other_revision = current.as_ref() != Some(&task_definition);
        let now = self.now;
        let service = &mut self.services[index];
        service.settings = settings;
        service.measurement.forget_lowest();
        service.wake(now);
        service.steady = false;
        if force || other_settings || other_revision {
            // Tasks that run what is wanted already stay, unless all are to be replaced.
            let adopt = other_revision && !force && !other_settings;
            self.start_deployment(index, task_definition, adopt);
        }
        Ok(json!({ "service": self.render_service(&self.services[index], true) }))
    }
}

/// The settings after an update: fields that were left out or null keep their value.
fn merged_settings(before: &Map<String, Value>, input: &Value) -> Map<String, Value> {
    let mut settings = before.clone();
    for (field, value) in input.as_object().into_iter().flatten() {
        let own = ["cluster", "service", "taskDefinition", "forceNewDeployment"].contains(&field.as_str());
        if own || value.is_null() {
            continue;
        }
        match (field.as_str(), settings.get_mut(field), value) {
            // Only the given parts of the deployment configuration change.
            ("deploymentConfiguration", Some(Value::Object(old)), Value::Object(new)) => {
                old.extend(new.clone());
            }
            _ => {
                settings.insert(field.clone(), value.clone());
            }
        }
    }
    complete_deployment_configuration(&mut settings);
    settings
}
