//! A sandbox over HTTP, and one with a settled service of two tasks.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test helper may panic")]

use landfall_sandbox::{Options, Sandbox, Scenario, TargetGroupOptions};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};

pub const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=AKIASANDBOXSANDBOX00/20260101/us-east-1/ecs/aws4_request, SignedHeaders=host, Signature=00";
pub const ECS: &str = "AmazonEC2ContainerServiceV20141113";

pub async fn start(scenario: Scenario, speed: f64) -> Sandbox {
    Sandbox::start(Options { scenario, speed, ..Options::default() }).await.unwrap()
}

pub async fn json_call(sandbox: &Sandbox, target: &str, input: &Value) -> (StatusCode, Value) {
    let response = Client::new()
        .post(sandbox.endpoint())
        .header("x-amz-target", target)
        .header("content-type", "application/x-amz-json-1.1")
        .header("authorization", SIGNED)
        .body(input.to_string())
        .send()
        .await
        .unwrap();
    let status = response.status();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

pub async fn query(sandbox: &Sandbox, form: &str) -> (StatusCode, String) {
    let response = Client::new()
        .post(sandbox.endpoint())
        .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
        .header("authorization", SIGNED)
        .body(form.to_owned())
        .send()
        .await
        .unwrap();
    (response.status(), response.text().await.unwrap())
}

pub async fn s3(
    sandbox: &Sandbox,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let mut request = Client::new()
        .request(method, format!("{}/{path}", sandbox.endpoint()))
        .header("authorization", SIGNED)
        .body(body.to_vec());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

/// A sandbox with a settled service of two tasks.
pub async fn seeded(scenario: Scenario, speed: f64) -> (Sandbox, String) {
    let sandbox = start(scenario, speed).await;
    sandbox.create_cluster("prod");
    sandbox.create_repository("api");
    sandbox.create_bucket("env").unwrap();
    sandbox.put_object("env", "prod/a.env", b"A=1\n").unwrap();
    sandbox.seed_image("api", "v1").unwrap();
    let group = sandbox.create_target_group("api", TargetGroupOptions { port: 8080, ..Default::default() });
    let revision = sandbox.register_task_definition(&definition(&sandbox, "v1", "a")).unwrap();
    sandbox
        .create_service(&json!({
            "cluster": "prod",
            "serviceName": "api",
            "taskDefinition": revision,
            "desiredCount": 2,
            "loadBalancers": [{ "targetGroupArn": group, "containerName": "api", "containerPort": 8080 }],
            "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-a"] } },
        }))
        .unwrap();
    sandbox.settle().unwrap();
    (sandbox, group)
}

pub fn definition(sandbox: &Sandbox, tag: &str, env: &str) -> Value {
    json!({
        "family": "api",
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": "arn:aws:iam::000000000000:role/execution",
        "containerDefinitions": [{
            "name": "api",
            "image": format!("{}/api:{tag}", sandbox.registry_host()),
            "portMappings": [{ "containerPort": 8080 }],
            "environmentFiles": [{ "type": "s3", "value": format!("arn:aws:s3:::env/prod/{env}.env") }],
        }],
    })
}

pub async fn service(sandbox: &Sandbox) -> Value {
    let input = json!({ "cluster": "prod", "services": ["api"] });
    json_call(sandbox, &format!("{ECS}.DescribeServices"), &input).await.1["services"][0].clone()
}

pub async fn deploy(sandbox: &Sandbox, definition: &Value) -> Value {
    let (status, answer) = json_call(sandbox, &format!("{ECS}.RegisterTaskDefinition"), definition).await;
    assert_eq!(status, 200, "{answer}");
    let revision = &answer["taskDefinition"]["taskDefinitionArn"];
    let input = json!({ "cluster": "prod", "service": "api", "taskDefinition": revision });
    let (status, answer) = json_call(sandbox, &format!("{ECS}.UpdateService"), &input).await;
    assert_eq!(status, 200, "{answer}");
    answer["service"]["deployments"][0]["id"].clone()
}

/// Polls until `done` holds. How long that takes is not asserted.
pub async fn until(sandbox: &Sandbox, done: impl Fn(&Value) -> bool) -> Value {
    loop {
        let service = service(sandbox).await;
        if done(&service) {
            return service;
        }
        tokio::task::yield_now().await;
    }
}
