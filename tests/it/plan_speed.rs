//! How long a plan takes where each call of AWS takes 50 ms: by the virtual clock, whatever this machine does.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use landfall::aws::{AwsSettings, StaticEndpoint};
use landfall::commands::{DeployRequest, deploy};
use landfall::config::{Overrides, load};
use landfall::emit::Emitter;
use landfall::event::{Event, Verdict};
use landfall::logins::Workbench;
use landfall::state::RunState;
use landfall_sandbox::{InProcess, Options, TargetGroupOptions};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

const CALL: Duration = Duration::from_millis(50);

/// A wire on which every call takes the same time.
#[derive(Clone)]
struct Slow {
    account: Arc<InProcess>,
    calls: Arc<AtomicUsize>,
}

impl fmt::Debug for Slow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slow")
    }
}

impl HttpConnector for Slow {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").map(str::to_owned);
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let wire = self.clone();
        HttpConnectorFuture::new(async move {
            wire.calls.fetch_add(1, Ordering::Relaxed);
            sleep(CALL).await;
            let answer = wire.account.answer(target.as_deref(), &body);
            let status = answer.status.try_into().expect("a status");
            let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
            response.headers_mut().insert("content-type", answer.media_type);
            Ok(response)
        })
    }
}

impl HttpClient for Slow {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// So many services of three containers each, behind a target group each.
fn account(services: usize) -> Slow {
    let account = InProcess::new(Options { speed: 1.0, ..Options::default() });
    account.create_cluster("prod");
    let ecs = |operation, input: Value| account.ecs(operation, &input).expect(operation);
    for index in 0..services {
        let name = format!("web{index}");
        let group = account.create_target_group(&name, TargetGroupOptions::default());
        let container = |name: &str, port: u32| {
            json!({
                "name": name, "image": "registry.example.com/app:1", "portMappings": [{ "containerPort": port }]
            })
        };
        ecs(
            "RegisterTaskDefinition",
            json!({
                "family": name, "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc",
                "cpu": "256", "memory": "512",
                "containerDefinitions": [container("app", 8080), container("proxy", 8081), container("agent", 8082)],
            }),
        );
        ecs(
            "CreateService",
            json!({
                "cluster": "prod", "serviceName": name, "taskDefinition": name, "desiredCount": 1,
                "launchType": "FARGATE",
                "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-0a"], "securityGroups": ["sg-0a"], "assignPublicIp": "ENABLED" } },
                "loadBalancers": [{ "targetGroupArn": group, "containerName": "app", "containerPort": 8080 }],
            }),
        );
    }
    account.settle().expect("steady services");
    Slow { account: Arc::new(account), calls: Arc::default() }
}

/// How long the plan of so many services takes, and how many calls.
async fn plan(services: usize) -> (Duration, usize) {
    let wire = account(services);
    let folder = tempfile::tempdir().expect("a folder");
    let mut text = "version: 1\nregion: us-east-1\ncluster: prod\nservices:\n".to_owned();
    for index in 0..services {
        text.push_str(&format!("  web{index}:\n    containers:\n"));
        for container in ["app", "proxy", "agent"] {
            text.push_str(&format!("      {container}: {{ environment: {{ RELEASE: 2 }} }}\n"));
        }
    }
    let file = folder.path().join("landfall.yml");
    std::fs::write(&file, text).expect("written");
    let request = DeployRequest {
        config: load(Some(&file), &Overrides::default(), &HashMap::new()).expect("a configuration"),
        aws: AwsSettings {
            endpoint: Some(StaticEndpoint {
                url: "http://aws.invalid".to_owned(),
                access_key_id: "AKIAEXAMPLE".to_owned(),
                secret_access_key: "example".to_owned(),
            }),
            http: Some(SharedHttpClient::new(wire.clone())),
            ..AwsSettings::default()
        },
        workbench: Workbench::default(),
        dry_run: true,
        detailed_exitcode: false,
        sandbox: None,
    };
    let (emitter, mut receiver) = Emitter::channel();
    let began = Instant::now();
    if let Err(error) = deploy(request, &emitter, &CancellationToken::new()).await {
        emitter.emit(Event::RunFailed { error: (&error).into() });
    }
    let took = began.elapsed();
    drop(emitter);
    let mut state = RunState::default();
    while let Some(record) = receiver.recv().await {
        state.apply(&record);
    }
    let refused =
        state.services.iter().flat_map(|service| &service.checks).filter(|check| !check.problems.is_empty());
    assert_eq!(state.verdict(), Verdict::Planned, "{:?} {:?}", state.error, refused.collect::<Vec<_>>());
    assert_eq!(state.services.iter().filter(|service| service.plan.is_some()).count(), services);
    (took, wire.calls.load(Ordering::Relaxed))
}

#[tokio::test(start_paused = true)]
async fn the_calls_of_a_plan_overlap() {
    let (one, calls) = plan(1).await;
    println!("a plan of one service: {calls} calls, {} ms", one.as_millis());
    assert!(one < Duration::from_secs(1), "{one:?}");
    let (twenty, calls) = plan(20).await;
    println!("a plan of twenty services: {calls} calls, {} ms", twenty.as_millis());
    assert!(twenty < Duration::from_secs(3), "{twenty:?}");
}
