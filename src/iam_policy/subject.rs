//! A service as the configuration alone tells it, or as it is with what the configuration changes: what a policy is
//! made from.

use serde_json::{Map, Value, json};

use super::least::Deployed;
use crate::config::{Config, EnvStore, ServiceConfig};
use crate::envfile::folder;
use crate::error::{Error, Result};
use crate::preflight::demands::Asked;
use crate::task_definition::TaskDefinition;

/// A service, with all that [`Deployed`] borrows.
#[derive(Debug, Clone)]
pub struct Subject {
    config: ServiceConfig,
    definition: TaskDefinition,
    service: Map<String, Value>,
    cluster: String,
    perhaps_native: bool,
}

/// The account that the configuration is about, as far as its ARNs and image references say; the first one that is
/// found.
pub fn account_of(config: &Config, definitions: &[Option<TaskDefinition>]) -> Option<String> {
    let of_arn = |arn: &str| {
        let account = arn.strip_prefix("arn:")?.split(':').nth(3)?;
        (account.len() == 12).then(|| account.to_owned())
    };
    let of_roles = definitions.iter().flatten().flat_map(|definition| {
        let map = definition.as_map();
        ["executionRoleArn", "taskRoleArn"].into_iter().filter_map(|field| map.get(field)?.as_str())
    });
    let services = config.services.iter().map(|service| service.service.as_str());
    let arns = std::iter::once(config.cluster.as_str()).chain(services).chain(of_roles);
    let images = config.services.iter().flat_map(|service| &service.containers);
    let images = images.filter_map(|container| container.image.as_ref());
    let hosts =
        images.flat_map(|image| image.targets()).filter_map(|reference| Some(reference.is_ecr()?.account));
    arns.filter_map(of_arn).chain(hosts).next()
}

impl Subject {
    /// A service as the files say. Where no file has its task definition (`None`), its roles, family and log groups
    /// are any of the account.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`](crate::error::ErrorKind::Usage) for a container that the task definition does not have.
    pub fn new(
        config: &ServiceConfig,
        store: Option<&EnvStore>,
        definition: Option<TaskDefinition>,
        attributes: Option<&Map<String, Value>>,
        place: &Place<'_>,
    ) -> Result<Self> {
        let cluster = place.cluster_arn();
        let mut service = attributes.cloned().unwrap_or_default();
        service.insert("serviceArn".to_owned(), json!(place.service_arn(&config.service)));
        if !service.contains_key("loadBalancers") {
            // It may have one: the calls only read.
            service.insert("loadBalancers".to_owned(), json!([{}]));
        }
        let strategy = service.get("deploymentConfiguration").and_then(|all| all.get("strategy"));
        let perhaps_native = strategy.and_then(Value::as_str) != Some("ROLLING");
        let definition = match definition {
            Some(definition) => definition,
            None => TaskDefinition::from_value(unknown_definition(config, place))?,
        };
        let definition = edited(definition, config, store, place)?;
        Ok(Self { config: config.clone(), definition, service, cluster, perhaps_native })
    }

    /// What the policies are made from.
    pub fn deployed<'a>(&'a self, store: Option<&'a EnvStore>, place: &Place<'a>) -> Deployed<'a> {
        let asked = Asked {
            definition: &self.definition,
            config: &self.config,
            store,
            service: &self.service,
            region: place.region,
            account: place.account,
        };
        Deployed { asked, cluster: &self.cluster, perhaps_native: self.perhaps_native }
    }
}

/// Where the services are.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// AWS Region.
    pub region: &'a str,
    /// Account id, 12 digits.
    pub account: &'a str,
    /// The cluster's name or ARN.
    pub cluster: &'a str,
}

impl Place<'_> {
    /// `aws`, or what the Region belongs to.
    pub fn partition(&self) -> &'static str {
        match self.region {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    fn ecs(&self, rest: &str) -> String {
        format!("arn:{}:ecs:{}:{}:{rest}", self.partition(), self.region, self.account)
    }

    fn cluster_arn(&self) -> String {
        if self.cluster.starts_with("arn:") {
            return self.cluster.to_owned();
        }
        self.ecs(&format!("cluster/{}", self.cluster))
    }

    fn service_arn(&self, service: &str) -> String {
        if service.starts_with("arn:") {
            return service.to_owned();
        }
        let cluster = self.cluster.rsplit('/').next().unwrap_or(self.cluster);
        self.ecs(&format!("service/{cluster}/{service}"))
    }
}

/// A definition in which everything that is not known is any.
fn unknown_definition(config: &ServiceConfig, place: &Place<'_>) -> Value {
    let any_role = format!("arn:{}:iam::{}:role/*", place.partition(), place.account);
    let named = config.containers.iter().map(|container| container.name.as_deref().unwrap_or("container"));
    let mut names: Vec<&str> = named.collect();
    if names.is_empty() {
        names.push("container");
    }
    let log = json!({ "logDriver": "awslogs", "options": { "awslogs-group": "*" } });
    let containers: Vec<Value> = names
        .iter()
        .map(|name| json!({ "name": name, "image": "unknown", "logConfiguration": log }))
        .collect();
    json!({
        "family": "*",
        "executionRoleArn": any_role,
        "taskRoleArn": any_role,
        "requiresCompatibilities": ["FARGATE"],
        "containerDefinitions": containers,
        "tags": [{ "key": "unknown" }],
    })
}

/// The definition with the images, env files and secrets that the run would give it.
fn edited(
    mut definition: TaskDefinition,
    config: &ServiceConfig,
    store: Option<&EnvStore>,
    place: &Place<'_>,
) -> Result<TaskDefinition> {
    for container in &config.containers {
        let name = container.name.clone().map_or_else(|| definition.only_container(), Ok)?;
        if let Some(image) = &container.image {
            definition.set_image(&name, &image.target().to_string())?;
        }
        for (secret, from) in &container.secrets {
            definition.set_secret(&name, secret, from)?;
        }
        if let Some(store) = store.filter(|_| !container.env_files.is_empty()) {
            // The key has the hash of a content that is yet to be written.
            let any =
                format!("arn:{}:s3:::{}/{}*", place.partition(), store.bucket, folder(store, &config.name));
            definition = with_env_file(&definition, &name, &any)?;
        }
    }
    Ok(definition)
}

fn with_env_file(definition: &TaskDefinition, container: &str, arn: &str) -> Result<TaskDefinition> {
    let mut document = definition.to_value();
    let containers = document.get_mut("containerDefinitions").and_then(Value::as_array_mut);
    let found = containers
        .into_iter()
        .flatten()
        .find(|one| one.get("name").and_then(Value::as_str) == Some(container));
    let found = found.and_then(Value::as_object_mut);
    let found =
        found.ok_or_else(|| Error::usage(format!("the task definition has no container {container}")))?;
    let files = found.entry("environmentFiles").or_insert_with(|| json!([]));
    if let Some(files) = files.as_array_mut() {
        files.push(json!({ "type": "s3", "value": arn }));
    }
    TaskDefinition::from_value(document)
}
