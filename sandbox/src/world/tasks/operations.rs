//! ListTasks, DescribeTasks and StopTask.

use serde_json::{Value, json};

use super::Task;
use crate::world::{
    ApiError, World,
    json::{object, page, required, text, texts},
};

impl World {
    pub(crate) fn list_tasks(&mut self, input: &Value) -> Result<Value, ApiError> {
        let cluster = self.cluster_name(input)?;
        let family = text(input, "family");
        let started_by = text(input, "startedBy");
        let service = text(input, "serviceName").map(|name| name.rsplit('/').next().unwrap_or(name));
        if started_by.is_some() && (family.is_some() || service.is_some()) {
            return Err(ApiError::invalid_parameter("cannot specify startedBy with any other filter."));
        }
        if let Some(name) = service
            && self.service(&cluster, name).is_none()
        {
            return Err(ApiError::client("ServiceNotFoundException", "Service not found."));
        }
        let wanted = match text(input, "desiredStatus").unwrap_or("RUNNING") {
            "RUNNING" => Some(true),
            "STOPPED" => Some(false),
            // Accepted, but never true of any task (facts 3.1).
            "PENDING" => None,
            _ => return Err(ApiError::invalid_parameter("Invalid desiredStatus.")),
        };
        let arns = self
            .tasks
            .iter()
            .filter(|task| task.cluster == cluster && Some(task.wanted) == wanted)
            .filter(|task| service.is_none_or(|name| task.service == name))
            .filter(|task| started_by.is_none_or(|id| task.deployment == id))
            .filter(|task| family.is_none_or(|family| self.is_of_family(task, family)))
            .map(|task| task.arn.clone())
            .collect();
        let (arns, next) = page(input, arns)?;
        let mut answer = json!({ "taskArns": arns });
        if let Some(next) = next {
            answer["nextToken"] = json!(next);
        }
        Ok(answer)
    }

    fn is_of_family(&self, task: &Task, family: &str) -> bool {
        self.task_definitions.by_arn(&task.task_definition).is_some_and(|revision| revision.family == family)
    }

    pub(crate) fn describe_tasks(&mut self, input: &Value) -> Result<Value, ApiError> {
        let cluster = self.cluster_name(input)?;
        let asked = texts(input, "tasks");
        if asked.is_empty() {
            return Err(ApiError::invalid_parameter("Tasks cannot be empty."));
        }
        if asked.len() > 100 {
            return Err(ApiError::invalid_parameter("Cannot describe more than 100 tasks."));
        }
        let mut tasks = Vec::new();
        let mut failures = Vec::new();
        for given in asked {
            match self.find_task(&cluster, given) {
                Some(index) => tasks.push(self.render_task(&self.tasks[index])),
                None => failures.push(json!({ "arn": given, "reason": "MISSING" })),
            }
        }
        Ok(object([("tasks", tasks.into()), ("failures", failures.into())]))
    }

    fn find_task(&self, cluster: &str, given: &str) -> Option<usize> {
        let id = given.rsplit('/').next().unwrap_or(given);
        self.tasks.iter().position(|task| task.cluster == cluster && task.id == id)
    }

    pub(crate) fn stop_task(&mut self, input: &Value) -> Result<Value, ApiError> {
        let cluster = self.cluster_name(input)?;
        let index = self
            .find_task(&cluster, required(input, "task")?)
            .ok_or_else(|| ApiError::invalid_parameter("The referenced task was not found."))?;
        let reason = text(input, "reason").unwrap_or("Task stopped by user").to_owned();
        self.stop(index, "UserInitiated", reason);
        if let Some(service) = self.service_of(index) {
            let now = self.now;
            self.services[service].steady = false;
            self.services[service].wake(now);
        }
        Ok(json!({ "task": self.render_task(&self.tasks[index]) }))
    }
}
