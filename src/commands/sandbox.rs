//! `landfall sandbox`, and the start of the embedded stand-in for `deploy --sandbox`.
//!
//! The stand-in knows nothing of Landfall. What a configuration expects to find in AWS is put into it
//! from here, so that a deployment goes from an old revision to a new one.

use std::str::FromStr;

use landfall_sandbox::{Options, Sandbox, Scenario, TargetGroupOptions};
use serde_json::{Value, json};

use crate::aws::{AwsSettings, StaticEndpoint};
use crate::config::{Config, ImageConfig, PushConfig, ServiceConfig};
use crate::error::{Error, ErrorKind, Result};
use crate::lookup::{Account, NOT_IN_THE_SANDBOX};
use crate::prepare::definition_file;
use crate::task_definition::TaskDefinition;

/// How many tasks a service in the stand-in has.
const DESIRED_COUNT: u32 = 2;

/// Starts the stand-in with the configuration's services running an earlier revision.
///
/// # Errors
/// [`ErrorKind::Usage`] for an unknown scenario or a task definition that AWS would refuse.
pub async fn start_sandbox(
    scenario: &str,
    speed: f64,
    port: Option<u16>,
    config: Option<&Config>,
) -> Result<Sandbox> {
    let scenario = Scenario::from_str(scenario).map_err(|error| {
        Error::usage(format!("there is no sandbox scenario `{scenario}`"))
            .source(error)
            .hint("`landfall sandbox --list` explains them.")
    })?;
    if !(speed.is_finite() && (0.1..=1000.0).contains(&speed)) {
        return Err(Error::usage(format!("the sandbox cannot run {speed} times as fast"))
            .hint("Choose a factor between 0.1 and 1000."));
    }
    let region = config.and_then(|config| config.region.clone()).unwrap_or_else(|| "us-east-1".to_owned());
    let options = Options { port, region, scenario, speed, ..Options::default() };
    let sandbox = Sandbox::start(options)
        .await
        .map_err(|error| Error::internal("the sandbox cannot be started").source(error))?;
    if let Some(config) = config {
        seed(&sandbox, config).await?;
    }
    Ok(sandbox)
}

/// Makes `settings` lead to the stand-in.
pub(super) fn endpoint_of(sandbox: &Sandbox, settings: &mut AwsSettings) {
    let environment = sandbox.environment();
    let value = |name: &str| {
        environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    settings.region.get_or_insert_with(|| value("AWS_REGION"));
    settings.registry_endpoint = Some(sandbox.endpoint());
    settings.endpoint = Some(StaticEndpoint {
        url: sandbox.endpoint(),
        access_key_id: value("AWS_ACCESS_KEY_ID"),
        secret_access_key: value("AWS_SECRET_ACCESS_KEY"),
    });
}

/// The scenarios, each explained.
pub fn scenarios() -> String {
    let mut text = String::from(
        "Scenarios for `landfall deploy --sandbox=NAME` and `landfall sandbox --scenario NAME`:\n\n",
    );
    for scenario in Scenario::ALL {
        text.push_str(&format!("  {:<18}{}\n", scenario.name(), scenario.description()));
    }
    text
}

/// How to reach a running stand-in, as shell commands.
pub fn how_to_use(sandbox: &Sandbox) -> String {
    let mut text = String::from("# The sandbox is running; Ctrl-C ends it. In another terminal:\n");
    for (name, value) in sandbox.environment() {
        text.push_str(&format!("export {name}={value}\n"));
    }
    text.push_str(&format!("export LANDFALL_REGISTRY_ENDPOINT={}\n", sandbox.endpoint()));
    text.push_str("landfall deploy\n");
    text
}

async fn seed(sandbox: &Sandbox, config: &Config) -> Result<()> {
    let cluster = config.cluster.rsplit('/').next().unwrap_or(&config.cluster);
    sandbox.create_cluster(cluster);
    if let Some(store) = &config.env_store {
        sandbox.create_bucket(&store.bucket).map_err(cannot_seed)?;
    }
    for service in &config.services {
        seed_service(sandbox, cluster, config, service).await?;
    }
    sandbox.settle().map_err(cannot_seed)
}

async fn seed_service(
    sandbox: &Sandbox,
    cluster: &str,
    config: &Config,
    service: &ServiceConfig,
) -> Result<()> {
    let name = service.service.rsplit('/').next().unwrap_or(&service.service);
    let account = Account::none(NOT_IN_THE_SANDBOX.0, NOT_IN_THE_SANDBOX.1);
    let mut definition = match definition_file(service, &config.expressions, &account).await? {
        Some(loaded) => loaded.content,
        None => invented(name, service)?,
    };
    for container in &service.containers {
        let Some(image) = &container.image else { continue };
        let container_name = match &container.name {
            Some(name) => name.clone(),
            None => definition.only_container()?,
        };
        let target = image.target();
        sandbox.create_repository(&target.repository);
        if let ImageConfig::Push(PushConfig { to, create_repository: None, .. }) = image {
            for other in to {
                sandbox.create_repository(&other.repository);
            }
        }
        let tag = format!("before-{name}");
        let digest = sandbox.seed_image(&target.repository, &tag).map_err(cannot_seed)?;
        definition.set_image(&container_name, &target.with_digest(&digest))?;
    }
    let refused = |error: landfall_sandbox::ApiError| {
        Error::usage(format!("the sandbox refuses service {name} as AWS would: {error}"))
            .hint("Correct the task definition; AWS would answer the same.")
    };
    let revision = sandbox.register_task_definition(&definition.to_value()).map_err(refused)?;
    let mut request = json!({
        "cluster": cluster,
        "serviceName": name,
        "taskDefinition": revision,
        "desiredCount": DESIRED_COUNT,
        "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {
            "subnets": ["subnet-0a", "subnet-0b"],
            "securityGroups": ["sg-0a"],
            "assignPublicIp": "ENABLED"
        }},
        "deploymentConfiguration": {"minimumHealthyPercent": 100, "maximumPercent": 200}
    });
    // A container that listens stands behind a load balancer, as a web app does.
    if let Some((container, port)) = first_port(&definition) {
        let options = TargetGroupOptions {
            port,
            health_check_path: "/health".to_owned(),
            ..TargetGroupOptions::default()
        };
        let target_group = sandbox.create_target_group(name, options);
        request["loadBalancers"] =
            json!([{"targetGroupArn": target_group, "containerName": container, "containerPort": port}]);
    }
    sandbox.create_service(&request).map_err(refused)?;
    Ok(())
}

fn cannot_seed(error: landfall_sandbox::SandboxError) -> Error {
    Error::new(ErrorKind::Internal, "the sandbox cannot be filled").source(error)
}

/// The first container port of the definition, with its container.
fn first_port(definition: &TaskDefinition) -> Option<(String, u16)> {
    definition.containers().find_map(|container| {
        let name = container.get("name")?.as_str()?;
        let port = container.get("portMappings")?.as_array()?.first()?.get("containerPort")?.as_u64()?;
        Some((name.to_owned(), u16::try_from(port).ok()?))
    })
}

/// A task definition for a service that has none in the configuration: the live one is meant, and the
/// stand-in has no live one yet.
fn invented(name: &str, service: &ServiceConfig) -> Result<TaskDefinition> {
    let mut containers: Vec<Value> = service
        .containers
        .iter()
        .map(|container| {
            json!({
                "name": container.name.as_deref().unwrap_or("app"),
                "image": "busybox",
                "portMappings": [{"containerPort": 8080}]
            })
        })
        .collect();
    if containers.is_empty() {
        containers
            .push(json!({"name": "app", "image": "busybox", "portMappings": [{"containerPort": 8080}]}));
    }
    TaskDefinition::from_value(json!({
        "family": name,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": "arn:aws:iam::000000000000:role/execution",
        "containerDefinitions": containers
    }))
}
