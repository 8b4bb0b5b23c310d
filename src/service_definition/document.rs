//! The file.

use std::path::Path;

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::lookup::{Account, Expressions};
use crate::shape::Document;
use crate::task_definition::{Loaded, read_document};

/// What DescribeServices adds and neither CreateService nor UpdateService takes, and what is said elsewhere: cluster,
/// service and task definition are the configuration's, and a new deployment is forced where one is needed.
const NOT_ATTRIBUTES: [&str; 21] = [
    "serviceArn",
    "clusterArn",
    "status",
    "runningCount",
    "pendingCount",
    "deployments",
    "taskSets",
    "events",
    "createdAt",
    "createdBy",
    "platformFamily",
    "currentServiceDeployment",
    "currentServiceRevisions",
    "resourceManagementType",
    "tags",
    "cluster",
    "service",
    "serviceName",
    "taskDefinition",
    "forceNewDeployment",
    "clientToken",
];
/// Attributes that DescribeServices shows with a deployment and not with the service.
pub(super) const OF_DEPLOYMENT: [&str; 3] =
    ["serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations"];

/// A service as CreateService or UpdateService takes it; fields that this program has never heard of included.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServiceDefinition {
    /// `serviceName` or `service`, where it says one.
    pub name: Option<String>,
    attributes: Map<String, Value>,
}

impl ServiceDefinition {
    /// Takes a document over. What `aws ecs describe-services` prints of one service is taken too.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) where it is no service, or several.
    pub fn from_value(value: Value) -> Result<Self> {
        let no_object = || {
            Error::usage("a service definition is a JSON object")
                .hint("Write it as `aws ecs create-service --cli-input-json` takes it.")
        };
        let Value::Object(mut document) = value else { return Err(no_object()) };
        match document
            .get_mut("services")
            .map(Value::take)
            .or_else(|| document.get_mut("service").filter(|inner| inner.is_object()).map(Value::take))
        {
            Some(Value::Array(mut services)) if services.len() == 1 => {
                let Some(Value::Object(one)) = services.pop() else { return Err(no_object()) };
                document = one;
            }
            Some(Value::Object(one)) => document = one,
            Some(Value::Array(services)) => {
                return Err(Error::usage(format!("it holds {} services", services.len()))
                    .hint("Keep one service in each file."));
            }
            _ => {}
        }
        if document.contains_key("containerDefinitions") {
            return Err(Error::usage("it is a task definition").hint("Name it under `task_definition`."));
        }
        let name = ["serviceName", "service"].iter().find_map(|key| document.get(*key)?.as_str());
        let name = name.map(str::to_owned);
        // Of a described service; a file that is written by hand has the attributes themselves.
        let primary = document.get("deployments").and_then(Value::as_array).and_then(|list| {
            list.iter().find(|deployment| deployment.get("status") == Some(&Value::from("PRIMARY")))
        });
        let of_deployment: Vec<(String, Value)> = OF_DEPLOYMENT
            .iter()
            .filter_map(|key| Some(((*key).to_owned(), primary?.get(*key)?.clone())))
            .collect();
        for (key, value) in of_deployment {
            document.entry(key).or_insert(value);
        }
        if let Some(role) = document.shift_remove("roleArn") {
            document.entry("role").or_insert(role);
        }
        for key in NOT_ATTRIBUTES {
            document.shift_remove(key);
        }
        document.retain(|_, value| !value.is_null());
        Ok(Self { name, attributes: document })
    }

    /// Reads a JSON or YAML file, YAML by the endings `.yml` and `.yaml`, and replaces the expressions in it.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage), naming the file and, where it is wrong, line and column.
    pub async fn from_file(
        path: &Path,
        expressions: &Expressions,
        account: &Account,
    ) -> Result<Loaded<Self>> {
        let Loaded { content, remarks } =
            read_document(path, Document::Service, expressions, account).await?;
        let content = Self::from_value(content).map_err(|error| {
            let hint = error.hint_text().unwrap_or_default().to_owned();
            Error::usage(format!("{}: {error}", path.display())).hint(hint)
        })?;
        Ok(Loaded { content, remarks })
    }

    /// The same with these attributes in place of its own.
    #[must_use]
    pub fn with(mut self, attributes: &Map<String, Value>) -> Self {
        self.attributes.extend(attributes.clone());
        self
    }

    /// The attributes, as UpdateService takes them.
    pub fn attributes(&self) -> &Map<String, Value> {
        &self.attributes
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_described_service_is_taken_without_what_is_read_only() {
        let described = json!({"failures": [], "services": [{
            "serviceArn": "arn:aws:ecs:r:1:service/c/web", "serviceName": "web", "status": "ACTIVE",
            "desiredCount": 2, "runningCount": 2, "roleArn": "arn:aws:iam::1:role/x",
            "taskDefinition": "arn:aws:ecs:r:1:task-definition/web:1", "invented": {"x": null},
            "deployments": [{"status": "PRIMARY", "serviceConnectConfiguration": {"enabled": true}}]
        }]});
        let service = ServiceDefinition::from_value(described).unwrap();
        assert_eq!(service.name.as_deref(), Some("web"));
        assert_eq!(
            Value::Object(service.attributes),
            json!({
                "desiredCount": 2, "invented": {"x": null}, "serviceConnectConfiguration": {"enabled": true},
                "role": "arn:aws:iam::1:role/x"
            })
        );
    }

    #[test]
    fn what_is_no_service_is_refused() {
        for wrong in [
            json!([]),
            json!({"services": []}),
            json!({"services": [{}, {}]}),
            json!({"family": "x", "containerDefinitions": []}),
        ] {
            assert!(ServiceDefinition::from_value(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
