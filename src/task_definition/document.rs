//! The document and its named accessors.

use serde_json::{Map, Value};

use super::compare::units;
use super::tags::is_own;
use crate::error::{Error, Result};

/// What DescribeTaskDefinition adds and RegisterTaskDefinition refuses (facts 8.1).
pub(super) const READ_ONLY: [&str; 9] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
];

/// A task definition as RegisterTaskDefinition takes it: whatever JSON it came as, fields that this
/// program has never heard of included.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskDefinition {
    pub(super) document: Map<String, Value>,
}

impl TaskDefinition {
    /// Takes a document over. One level of `{"taskDefinition": {...}}`, as `aws ecs
    /// describe-task-definition` prints it, is taken off. Read-only fields are dropped, and so are the tags that
    /// Landfall writes when it registers.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) where it is not an object with `family`
    /// and `containerDefinitions`.
    pub fn from_value(value: Value) -> Result<Self> {
        let Value::Object(mut document) = value else {
            return Err(Error::usage("a task definition is a JSON object").hint("It begins with `{`."));
        };
        if let Some(Value::Object(inner)) = document.get_mut("taskDefinition") {
            let mut inner = std::mem::take(inner);
            if let Some(tags) = document.remove("tags") {
                inner.entry("tags").or_insert(tags);
            }
            document = inner;
        }
        for key in READ_ONLY {
            document.shift_remove(key);
        }
        if let Some(Value::Array(tags)) = document.get_mut("tags") {
            // AWS writes tags of its own under `aws:` and lets nobody else do so.
            let reserved = |tag: &Value| {
                tag.get("key")
                    .and_then(Value::as_str)
                    .is_some_and(|key| key.to_lowercase().starts_with("aws:"))
            };
            // What an earlier run has said of itself is not true of this one.
            tags.retain(|tag| !reserved(tag) && !is_own(tag));
        }
        // DescribeTaskDefinition gives an empty list; RegisterTaskDefinition wants none or some.
        if document.get("tags").is_some_and(|tags| tags.as_array().is_some_and(Vec::is_empty)) {
            document.shift_remove("tags");
        }
        numbers_to_texts(&mut document);
        let result = Self { document };
        if result.family().is_empty() {
            return Err(Error::usage("`family` is missing").hint("Every task definition has a family."));
        }
        let containers = result.document.get("containerDefinitions").and_then(Value::as_array);
        if !containers.is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_object)) {
            return Err(Error::usage("`containerDefinitions` is missing or empty")
                .hint("It is a list with one object for each container."));
        }
        Ok(result)
    }

    /// The family, or an empty text.
    pub fn family(&self) -> &str {
        self.document.get("family").and_then(Value::as_str).unwrap_or_default()
    }

    /// The document.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.document
    }

    /// The document as a value, for sending.
    pub fn to_value(&self) -> Value {
        Value::Object(self.document.clone())
    }

    /// The container definitions.
    pub fn containers(&self) -> impl Iterator<Item = &Map<String, Value>> {
        self.document
            .get("containerDefinitions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
    }

    /// The names of the containers, in order.
    pub fn container_names(&self) -> Vec<&str> {
        self.containers().filter_map(|container| container.get("name")?.as_str()).collect()
    }

    /// One container definition by name.
    pub fn container(&self, name: &str) -> Option<&Map<String, Value>> {
        self.containers().find(|container| container.get("name").and_then(Value::as_str) == Some(name))
    }

    /// The image of a container.
    pub fn image(&self, container: &str) -> Option<&str> {
        self.container(container)?.get("image")?.as_str()
    }

    /// The essential containers that have a health check: their health counts (facts 3.2). A container
    /// is essential unless it says otherwise.
    pub fn health_checked_containers(&self) -> Vec<String> {
        self.containers()
            .filter(|container| {
                let essential = container.get("essential").and_then(Value::as_bool).unwrap_or(true);
                essential && container.get("healthCheck").is_some_and(Value::is_object)
            })
            .filter_map(|container| container.get("name")?.as_str().map(str::to_owned))
            .collect()
    }

    /// `linux/amd64` or `linux/arm64`: what `runtimePlatform` asks of the image (facts 1.4; X86_64 is
    /// the default). `None` for Windows, whose images we do not judge.
    pub fn platform(&self) -> Option<&'static str> {
        let platform = self.document.get("runtimePlatform").filter(|platform| platform.is_object());
        // On instances of one's own the default is whatever the instance is.
        if platform.is_none() && !self.wants_fargate() {
            return None;
        }
        let field = |name: &str| platform.and_then(|p| p.get(name)).and_then(Value::as_str);
        if field("operatingSystemFamily").is_some_and(|family| family != "LINUX") {
            return None;
        }
        Some(if field("cpuArchitecture") == Some("ARM64") { "linux/arm64" } else { "linux/amd64" })
    }

    /// The room that a Fargate task has for its images and files, in GiB (facts 1.3: 20 unless set). `None`
    /// elsewhere: there it is the instance's disk.
    pub fn ephemeral_storage_gib(&self) -> Option<u64> {
        let set = self.document.get("ephemeralStorage").and_then(|storage| storage.get("sizeInGiB"));
        self.wants_fargate().then(|| set.and_then(Value::as_u64).unwrap_or(20))
    }

    /// The task's CPU units (facts 1.1); `None` where the document does not say, or in no way that is known.
    pub fn cpu_units(&self) -> Option<u64> {
        units(self.document.get("cpu")?, "vcpu").parse().ok()
    }

    /// The task's memory in MiB (facts 1.1); `None` as above.
    pub fn memory_mib(&self) -> Option<u64> {
        units(self.document.get("memory")?, "gb").parse().ok()
    }

    /// `networkMode`; `bridge` where none is given, which is ECS's default on Linux.
    pub fn network_mode(&self) -> &str {
        self.document.get("networkMode").and_then(Value::as_str).unwrap_or("bridge")
    }

    /// Whether `requiresCompatibilities` names FARGATE.
    pub fn wants_fargate(&self) -> bool {
        let list = self.document.get("requiresCompatibilities").and_then(Value::as_array);
        list.is_some_and(|list| list.iter().any(|item| item == "FARGATE"))
    }

    /// Sets a field of the document itself.
    pub(super) fn set_field(&mut self, key: &str, value: Value) {
        self.document.insert(key.to_owned(), value);
    }

    pub(super) fn container_mut(&mut self, name: &str) -> Result<&mut Map<String, Value>> {
        let known = self.container_names().join(", ");
        let family = self.family().to_owned();
        self.document
            .get_mut("containerDefinitions")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
            .find(|container| container.get("name").and_then(Value::as_str) == Some(name))
            .ok_or_else(|| {
                Error::usage(format!("the task definition {family} has no container `{name}`"))
                    .hint(format!("It has: {known}."))
            })
    }
}

/// YAML writes `cpu: 256` and `value: 8080` without quotes; ECS wants texts there.
fn numbers_to_texts(document: &mut Map<String, Value>) {
    let to_text = |value: Option<&mut Value>| {
        if let Some(value) = value.filter(|value| value.is_number() || value.is_boolean()) {
            *value = Value::String(value.to_string());
        }
    };
    to_text(document.get_mut("cpu"));
    to_text(document.get_mut("memory"));
    let containers = document.get_mut("containerDefinitions").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten() {
        let variables = container.get_mut("environment").and_then(Value::as_array_mut);
        for variable in variables.into_iter().flatten() {
            to_text(variable.get_mut("value"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn read_only_fields_go_and_unknown_ones_stay() {
        let described = json!({
            "taskDefinition": {
                "taskDefinitionArn": "arn:aws:ecs:eu-west-1:1:task-definition/web:7",
                "family": "web", "revision": 7, "status": "ACTIVE", "registeredAt": 1.5,
                "requiresAttributes": [], "compatibilities": ["EC2"], "registeredBy": "someone",
                "containerDefinitions": [{"name": "app", "inventedInside": {"deep": [1, null]}}],
                "inventedField": true
            },
            "tags": []
        });
        let definition = TaskDefinition::from_value(described).unwrap();
        assert_eq!(
            definition.to_value(),
            json!({
                "family": "web",
                "containerDefinitions": [{"name": "app", "inventedInside": {"deep": [1, null]}}],
                "inventedField": true
            })
        );
    }

    #[test]
    fn tags_beside_the_definition_are_carried_over() {
        let described = json!({
            "taskDefinition": {"family": "web", "containerDefinitions": [{"name": "app"}]},
            "tags": [
                {"key": "team", "value": "blue"},
                {"key": "aws:cloudformation:stack-name", "value": "x"}
            ]
        });
        let definition = TaskDefinition::from_value(described).unwrap();
        assert_eq!(definition.as_map()["tags"], json!([{"key": "team", "value": "blue"}]));
    }

    #[test]
    fn what_is_no_task_definition_is_refused() {
        for wrong in [
            json!([]),
            json!({}),
            json!({"family": "x"}),
            json!({"family": "x", "containerDefinitions": [1]}),
        ] {
            assert!(TaskDefinition::from_value(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn health_checks_count_on_essential_containers_alone() {
        let with = |container: Value| {
            let value = json!({"family": "f", "containerDefinitions": [{"name": "a"}, container]});
            TaskDefinition::from_value(value).unwrap().health_checked_containers() == ["b"]
        };
        assert!(with(json!({"name": "b", "healthCheck": {"command": ["CMD", "true"]}})));
        assert!(!with(json!({"name": "b", "essential": false, "healthCheck": {"command": ["CMD", "true"]}})));
        assert!(!with(json!({"name": "b", "healthCheck": null})));
    }
}
