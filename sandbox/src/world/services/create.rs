//! CreateService.

use std::collections::VecDeque;

use serde_json::{Map, Value, json};

use super::Service;
use crate::world::{
    ApiError, World,
    json::{number, required, text},
};

impl World {
    pub(crate) fn create_service(&mut self, input: &Value) -> Result<Value, ApiError> {
        let cluster = self.cluster_name(input)?;
        let name = required(input, "serviceName")?.to_owned();
        let mut settings = creation_settings(input);
        if settings.get("schedulingStrategy").and_then(Value::as_str) == Some("DAEMON") {
            if input.get("desiredCount").is_some() {
                return Err(ApiError::invalid_parameter(
                    "The daemon scheduling strategy does not support a desired count for services.",
                ));
            }
            settings.insert("desiredCount".to_owned(), json!(self.daemon_count(&cluster)));
        }
        let given = text(input, "taskDefinition")
            .ok_or_else(|| ApiError::invalid_parameter("TaskDefinition can not be blank."))?;
        let task_definition = self.usable_task_definition(given)?;
        if number(input, "desiredCount").is_some_and(|count| count < 0) {
            return Err(ApiError::invalid_parameter("desiredCount cannot be negative."));
        }
        // A deleted service gives its name free.
        if self.service(&cluster, &name).is_some_and(|service| service.deleted) {
            let arn = self.ecs_arn(&format!("service/{cluster}/{name}"));
            self.history.forget(&arn);
        }
        self.services
            .retain(|service| !(service.deleted && service.cluster == cluster && service.name == name));
        if let Some(existing) =
            self.services.iter().position(|service| service.cluster == cluster && service.name == name)
        {
            return self.repeat_creation(existing, &settings, &task_definition);
        }
        self.check_network(&settings, &task_definition)?;
        self.check_load_balancers(&settings, &task_definition)?;

        let tags = input.get("tags").and_then(Value::as_array).cloned().unwrap_or_default();
        self.services.push(Service {
            arn: self.ecs_arn(&format!("service/{cluster}/{name}")),
            name,
            cluster,
            created_at: self.now,
            tags,
            settings,
            deployments: Vec::new(),
            events: VecDeque::new(),
            last_completed: None,
            wake_at: None,
            interference_at: None,
            interfered: false,
            steady: false,
            deleted: false,
            measurement: Default::default(),
        });
        let index = self.services.len() - 1;
        self.start_deployment(index, task_definition, false);
        Ok(json!({ "service": self.render_service(&self.services[index], true) }))
    }

    /// CreateService of a service that exists already answers with it when nothing differs.
    fn repeat_creation(
        &self,
        index: usize,
        settings: &Map<String, Value>,
        task_definition: &str,
    ) -> Result<Value, ApiError> {
        let service = &self.services[index];
        let same_revision =
            service.deployments.first().is_some_and(|primary| primary.task_definition == task_definition);
        if same_revision && service.settings == *settings {
            Ok(json!({ "service": self.render_service(service, true) }))
        } else {
            Err(ApiError::invalid_parameter("Creation of service was not idempotent."))
        }
    }
}

/// The request's fields that stay with the service, with the defaults that ECS shows.
fn creation_settings(input: &Value) -> Map<String, Value> {
    let mut settings = input.as_object().cloned().unwrap_or_default();
    for field in ["cluster", "serviceName", "taskDefinition", "tags", "clientToken"] {
        settings.shift_remove(field);
    }
    for (field, default) in [
        ("loadBalancers", json!([])),
        ("serviceRegistries", json!([])),
        ("desiredCount", json!(1)),
        ("deploymentConfiguration", json!({})),
        ("placementConstraints", json!([])),
        ("placementStrategy", json!([])),
        ("schedulingStrategy", json!("REPLICA")),
        ("deploymentController", json!({ "type": "ECS" })),
        ("enableECSManagedTags", json!(false)),
        ("propagateTags", json!("NONE")),
        ("enableExecuteCommand", json!(false)),
        ("availabilityZoneRebalancing", json!("DISABLED")),
    ] {
        settings.entry(field.to_owned()).or_insert(default);
    }
    if !settings.contains_key("capacityProviderStrategy") {
        settings.entry("launchType".to_owned()).or_insert(json!("FARGATE"));
    }
    settings.entry("platformVersion".to_owned()).or_insert(json!("LATEST"));
    complete_deployment_configuration(&mut settings);
    settings
}

/// Fills in what `deploymentConfiguration` leaves open.
pub(super) fn complete_deployment_configuration(settings: &mut Map<String, Value>) {
    // The defaults for DAEMON are those of CreateService's documentation.
    let daemon = settings.get("schedulingStrategy").and_then(Value::as_str) == Some("DAEMON");
    let (minimum, maximum) = if daemon { (0, 100) } else { (100, 200) };
    let configuration = settings.entry("deploymentConfiguration").or_insert_with(|| json!({}));
    if let Some(configuration) = configuration.as_object_mut() {
        for (field, default) in [
            ("deploymentCircuitBreaker", json!({ "enable": false, "rollback": false })),
            ("maximumPercent", json!(maximum)),
            ("minimumHealthyPercent", json!(minimum)),
            ("strategy", json!("ROLLING")),
            ("bakeTimeInMinutes", json!(0)),
        ] {
            configuration.entry(field.to_owned()).or_insert(default);
        }
    }
}
