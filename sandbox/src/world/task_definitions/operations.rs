//! Register, describe, deregister and list.

use serde_json::{Map, Value, json};

use super::{defaults, rules, store::Revision};
use crate::world::{
    ApiError, World,
    account::wants_tags,
    json::{object, page, required, text},
};

impl World {
    /// Keeps the document as it came (unknown fields too) and adds what ECS adds.
    pub(crate) fn register_task_definition(&mut self, input: &Value) -> Result<Value, ApiError> {
        let arn = self.caller_arn();
        self.register_as(input, &arn)
    }

    pub(crate) fn register_as(&mut self, input: &Value, registered_by: &str) -> Result<Value, ApiError> {
        let mut document: Map<String, Value> = input.as_object().cloned().unwrap_or_default();
        // In AWS's JSON a field that is null is not there.
        document.retain(|_, value| !value.is_null());
        let family = document.get("family").and_then(Value::as_str).unwrap_or_default().to_owned();
        if family.is_empty() {
            return Err(ApiError::client_exception("Family should not be null or empty."));
        }
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if family.len() > 255 || !family.chars().all(legal) {
            return Err(ApiError::client_exception("Family contains invalid characters."));
        }
        let tags = match document.shift_remove("tags") {
            Some(Value::Array(tags)) => tags,
            _ => Vec::new(),
        };
        if !tags.is_empty()
            && let Some(text) = self.denial("ecs:TagResource", "*")
        {
            return Err(ApiError::client("AccessDeniedException", text));
        }
        defaults::normalise(&mut document)?;
        rules::check(&document, |image| self.registry.is_ecr(image))?;

        let number = self.task_definitions.next_number(&family);
        let arn = self.ecs_arn(&format!("task-definition/{family}:{number}"));
        let added = [
            ("taskDefinitionArn", json!(arn)),
            ("revision", json!(number)),
            ("status", json!("ACTIVE")),
            ("requiresAttributes", json!(defaults::required_attributes(&document))),
            ("compatibilities", defaults::compatibilities(&document)),
            ("registeredAt", json!(self.now.epoch_seconds())),
            ("registeredBy", json!(registered_by)),
        ];
        document.extend(added.map(|(field, value)| (field.to_owned(), value)));
        let revision = Revision { arn, family, number, document, tags, deregistered_at: None };
        let answer = json!({ "taskDefinition": revision.render(), "tags": revision.tags });
        self.logs.create_groups(revision.containers());
        self.task_definitions.add(revision);
        Ok(answer)
    }

    pub(crate) fn describe_task_definition(&mut self, input: &Value) -> Result<Value, ApiError> {
        let revision = self.task_definitions.resolve(required(input, "taskDefinition")?)?;
        let mut answer = object([("taskDefinition", revision.render())]);
        if wants_tags(input) {
            answer["tags"] = json!(revision.tags);
        }
        Ok(answer)
    }

    pub(crate) fn deregister_task_definition(&mut self, input: &Value) -> Result<Value, ApiError> {
        let given = required(input, "taskDefinition")?;
        if !given.rsplit('/').next().unwrap_or(given).contains(':') {
            return Err(ApiError::client_exception("Invalid revision number. Number: "));
        }
        let now = self.now;
        let arn = self.task_definitions.resolve(given)?.arn.clone();
        match self.task_definitions.by_arn_mut(&arn) {
            Some(revision) => {
                revision.deregistered_at.get_or_insert(now);
                Ok(json!({ "taskDefinition": revision.render() }))
            }
            None => Err(ApiError::client_exception("Unable to describe task definition.")),
        }
    }

    pub(crate) fn list_task_definitions(&mut self, input: &Value) -> Result<Value, ApiError> {
        let prefix = text(input, "familyPrefix");
        let active = match text(input, "status").unwrap_or("ACTIVE") {
            "ACTIVE" => Some(true),
            "INACTIVE" => Some(false),
            // DeleteTaskDefinitions is not modelled, so no revision has this status.
            "DELETE_IN_PROGRESS" => None,
            _ => return Err(ApiError::invalid_parameter("Invalid status.")),
        };
        let mut arns: Vec<String> = self
            .task_definitions
            .all()
            .filter(|revision| Some(revision.is_active()) == active)
            .filter(|revision| prefix.is_none_or(|prefix| revision.family == prefix))
            .map(|revision| revision.arn.clone())
            .collect();
        match text(input, "sort").unwrap_or("ASC") {
            "ASC" => {}
            "DESC" => arns.reverse(),
            _ => return Err(ApiError::invalid_parameter("Invalid sort.")),
        }
        let (arns, next) = page(input, arns)?;
        let mut answer = json!({ "taskDefinitionArns": arns });
        if let Some(next) = next {
            answer["nextToken"] = json!(next);
        }
        Ok(answer)
    }
}
