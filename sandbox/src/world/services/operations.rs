//! DescribeServices, ListServices and DeleteService.

use serde_json::{Value, json};

use super::Service;
use crate::world::{
    ApiError, World,
    account::wants_tags,
    json::{flag, object, page, required, texts},
};

impl World {
    /// Services that do not exist are `failures` of an HTTP 200 answer (facts 5.7).
    pub(crate) fn describe_services(&mut self, input: &Value) -> Result<Value, ApiError> {
        let cluster = self.cluster_name(input)?;
        let asked = texts(input, "services");
        if asked.is_empty() {
            return Err(ApiError::invalid_parameter("Services cannot be empty."));
        }
        if asked.len() > 10 {
            return Err(ApiError::invalid_parameter("Cannot describe more than 10 services."));
        }
        let mut services = Vec::new();
        let mut failures = Vec::new();
        for given in asked {
            let name = given.rsplit('/').next().unwrap_or(given);
            match self.service(&cluster, name) {
                Some(service) => services.push(self.render_service(service, wants_tags(input))),
                None => failures.push(json!({
                    "arn": self.ecs_arn(&format!("service/{cluster}/{name}")),
                    "reason": "MISSING",
                })),
            }
        }
        Ok(object([("services", services.into()), ("failures", failures.into())]))
    }

    pub(crate) fn list_services(&mut self, input: &Value) -> Result<Value, ApiError> {
        let cluster = self.cluster_name(input)?;
        let arns = self
            .services
            .iter()
            .filter(|service| service.cluster == cluster && !service.deleted)
            .map(|service| service.arn.clone())
            .collect();
        let (arns, next) = page(input, arns)?;
        let mut answer = json!({ "serviceArns": arns });
        if let Some(next) = next {
            answer["nextToken"] = json!(next);
        }
        Ok(answer)
    }

    /// Takes a service out of use: its tasks are stopped, then it is INACTIVE.
    pub(crate) fn delete_service(&mut self, input: &Value) -> Result<Value, ApiError> {
        let cluster = self.cluster_name(input)?;
        let given = required(input, "service")?;
        let index = self.active_service(&cluster, given.rsplit('/').next().unwrap_or(given))?;
        let now = self.now;
        let service = &mut self.services[index];
        if service.desired_count() > 0 && !flag(input, "force") {
            return Err(ApiError::invalid_parameter(
                "The service cannot be stopped while it is scaled above 0.",
            ));
        }
        service.settings.insert("desiredCount".to_owned(), json!(0));
        service.deleted = true;
        service.wake(now);
        Ok(json!({ "service": self.render_service(&self.services[index], true) }))
    }

    /// A service that requests may change.
    pub(crate) fn active_service(&self, cluster: &str, name: &str) -> Result<usize, ApiError> {
        let index = self
            .services
            .iter()
            .position(|service| service.cluster == cluster && service.name == name)
            .ok_or_else(|| ApiError::client("ServiceNotFoundException", "Service not found."))?;
        if self.services[index].deleted {
            return Err(ApiError::client("ServiceNotActiveException", "Service was not ACTIVE."));
        }
        Ok(index)
    }

    pub(crate) fn service(&self, cluster: &str, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.cluster == cluster && service.name == name)
    }
}
