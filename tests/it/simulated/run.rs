//! An account with one service, and `landfall deploy` on it.

use std::collections::HashMap;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use landfall::aws::{AwsSettings, StaticEndpoint};
use landfall::commands::{DeployRequest, StatusJob, deploy as run, status};
use landfall::config::{Config, Overrides, ServiceConfig, WaitFor, load};
use landfall::emit::Emitter;
use landfall::event::{Event, Verdict};
use landfall::image::{Cache, DockerOptions, Logins};
use landfall::logins::Workbench;
use landfall::secret::Secret;
use landfall::state::RunState;
use landfall_sandbox::{InProcess, Options, Scenario, TargetGroupOptions};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::wire::Wire;

pub const CLUSTER: &str = "prod";
pub const SERVICE: &str = "web";

/// The service that is there before.
#[derive(Debug, Clone)]
pub struct Service {
    pub scenario: Scenario,
    pub desired: u32,
    pub minimum_healthy_percent: u32,
    pub maximum_percent: u32,
    /// One for each target group.
    pub target_groups: Vec<TargetGroupOptions>,
    /// Seconds between two health checks of the container, if it has one.
    pub health_check_interval: Option<u32>,
    /// The circuit breaker is on and rolls back.
    pub breaker: bool,
}

impl Service {
    /// An account with this service, steady.
    pub fn build(&self, seed: u64) -> Wire {
        let account = self.account(seed);
        self.create(&account);
        account.settle().expect("a steady service");
        Wire::new(account, seed)
    }

    /// An account with a cluster and nothing in it.
    pub fn account(&self, seed: u64) -> InProcess {
        let account =
            InProcess::new(Options { speed: 1.0, scenario: self.scenario, seed, ..Options::default() });
        account.create_cluster(CLUSTER);
        account
    }

    /// Registers the first revision, and creates the service with it.
    pub fn create(&self, account: &InProcess) {
        self.create_as(account, SERVICE, "app");
    }

    /// The same with a name of its own, and a family of its own for its revisions.
    pub fn create_as(&self, account: &InProcess, name: &str, family: &str) {
        let groups: Vec<String> = (0..)
            .zip(&self.target_groups)
            .map(|(index, options)| account.create_target_group(&format!("{name}-{index}"), options.clone()))
            .collect();
        let ecs = |operation, input: Value| account.ecs(operation, &input).expect(operation);
        ecs("RegisterTaskDefinition", self.task_definition(family));
        let balancers: Vec<Value> = groups
            .iter()
            .map(|arn| json!({ "targetGroupArn": arn, "containerName": "app", "containerPort": 8080 }))
            .collect();
        ecs(
            "CreateService",
            json!({
                "cluster": CLUSTER,
                "serviceName": name,
                "taskDefinition": format!("{family}:1"),
                "desiredCount": self.desired,
                "launchType": "FARGATE",
                "networkConfiguration": { "awsvpcConfiguration": {
                    "subnets": ["subnet-0a", "subnet-0b"], "securityGroups": ["sg-0a"], "assignPublicIp": "ENABLED",
                } },
                "loadBalancers": balancers,
                "deploymentConfiguration": {
                    "minimumHealthyPercent": self.minimum_healthy_percent,
                    "maximumPercent": self.maximum_percent,
                    "deploymentCircuitBreaker": { "enable": self.breaker, "rollback": self.breaker },
                },
            }),
        );
    }

    pub fn task_definition(&self, family: &str) -> Value {
        let mut container = json!({
            "name": "app",
            "image": "registry.example.com/app:1",
            "essential": true,
            "portMappings": [{ "containerPort": 8080, "protocol": "tcp" }],
            "environment": [{ "name": "RELEASE", "value": "1" }],
        });
        if let Some(interval) = self.health_check_interval {
            container["healthCheck"] =
                json!({ "command": ["CMD-SHELL", "true"], "interval": interval, "retries": 3 });
        }
        json!({
            "family": family,
            "requiresCompatibilities": ["FARGATE"],
            "networkMode": "awsvpc",
            "cpu": "256",
            "memory": "512",
            "containerDefinitions": [container],
        })
    }
}

/// How it is deployed.
#[derive(Debug, Clone)]
pub struct Plan {
    pub release: String,
    pub wait_for: WaitFor,
    pub timeout: Duration,
    pub stall_timeout: Duration,
    pub rollback: bool,
    pub scale_to_zero: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            release: "2".to_owned(),
            wait_for: WaitFor::Steady,
            timeout: Duration::from_secs(1800),
            stall_timeout: Duration::from_secs(300),
            rollback: true,
            scale_to_zero: false,
        }
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    pub state: RunState,
    /// When the verdict was said.
    pub at: Instant,
    pub began: Instant,
    /// Each event, and when it was said.
    pub events: Vec<(Instant, Event)>,
}

impl Ended {
    pub fn verdict(&self) -> Verdict {
        self.state.verdict()
    }

    pub fn codes(&self) -> Vec<&str> {
        let findings = self.state.services.iter().flat_map(|service| &service.report.findings);
        findings.map(|finding| finding.code.as_str()).collect()
    }

    /// The deployment that was followed.
    pub fn deployment(&self) -> Option<&str> {
        self.state.services.first()?.report.deployment_id.as_deref()
    }

    pub fn when(&self, is: impl Fn(&Event) -> bool) -> Option<Instant> {
        self.events.iter().find(|(_, event)| is(event)).map(|(at, _)| *at)
    }
}

/// Runs `landfall deploy` until it ends or is interrupted.
pub async fn deploy(wire: &Wire, plan: &Plan, interrupt: &CancellationToken) -> Ended {
    deploy_all(wire, plan, &[SERVICE.to_owned()], interrupt).await
}

/// The same for several services in one run, each of them by the same plan.
pub async fn deploy_all(
    wire: &Wire,
    plan: &Plan,
    services: &[String],
    interrupt: &CancellationToken,
) -> Ended {
    let mut config = config(Overrides {
        environment: vec![("RELEASE".to_owned(), Secret::new(plan.release.clone()))],
        wait_for: Some(plan.wait_for),
        timeout: Some(format!("{}s", plan.timeout.as_secs())),
        stall_timeout: Some(format!("{}s", plan.stall_timeout.as_secs())),
        rollback: Some(plan.rollback),
        scale_to_zero_on_first_failure: Some(plan.scale_to_zero),
        ..Overrides::default()
    });
    let like = config.services.remove(0);
    config.services.extend(services.iter().map(|name| ServiceConfig {
        name: name.clone(),
        service: name.clone(),
        ..like.clone()
    }));
    let request = DeployRequest {
        config,
        aws: settings(wire),
        workbench: Workbench {
            docker: DockerOptions::default(),
            logins: Logins::default(),
            cache: Cache::disabled(),
        },
        dry_run: false,
        detailed_exitcode: false,
        sandbox: None,
    };
    heard(async |events| run(request, events, interrupt).await).await
}

/// Runs `landfall status --watch` until it is interrupted.
pub async fn look_on(wire: &Wire, interrupt: &CancellationToken) -> Ended {
    let job = StatusJob { config: config(Overrides::default()), aws: settings(wire), watch: true };
    heard(async |events| status(job, events, interrupt).await).await
}

fn config(overrides: Overrides) -> Config {
    let overrides = Overrides {
        region: Some("us-east-1".to_owned()),
        cluster: Some(CLUSTER.to_owned()),
        service: Some(SERVICE.to_owned()),
        ..overrides
    };
    load(None, &overrides, &HashMap::new()).expect("a configuration")
}

fn settings(wire: &Wire) -> AwsSettings {
    let endpoint = StaticEndpoint {
        url: "http://aws.invalid".to_owned(),
        access_key_id: "AKIAEXAMPLE".to_owned(),
        secret_access_key: "example".to_owned(),
    };
    AwsSettings {
        endpoint: Some(endpoint),
        http: Some(SharedHttpClient::new(wire.clone())),
        ..AwsSettings::default()
    }
}

/// Runs a command and keeps what it says.
async fn heard(command: impl AsyncFnOnce(&Emitter) -> landfall::error::Result<()>) -> Ended {
    let began = Instant::now();
    let (emitter, mut receiver) = Emitter::channel();
    let heard = tokio::spawn(async move {
        let mut state = RunState::default();
        let mut events = Vec::new();
        while let Some(record) = receiver.recv().await {
            state.apply(&record);
            events.push((Instant::now(), record.event));
        }
        (state, events)
    });
    if let Err(error) = command(&emitter).await {
        emitter.emit(Event::RunFailed { error: (&error).into() });
    }
    drop(emitter);
    let at = Instant::now();
    let (state, events) = heard.await.expect("the listener");
    Ended { state, at, began, events }
}
