//! The sandbox over HTTP: protocols, credentials, S3 and the whole path of a deployment.
#![allow(clippy::unwrap_used, reason = "a test helper may panic")]

mod http;

use std::time::Duration;

use http::{ECS, definition, deploy, json_call, query, s3, seeded, start, until};
use landfall_sandbox::{Options, Sandbox, Scenario};
use reqwest::{Client, Method};
use serde_json::json;

#[tokio::test]
async fn who_is_calling() {
    let sandbox = start(Scenario::Healthy, 1.0).await;
    let (status, body) = query(&sandbox, "Action=GetCallerIdentity&Version=2011-06-15").await;
    assert_eq!(status, 200);
    assert!(body.contains("<GetCallerIdentityResponse xmlns="), "{body}");
    assert!(body.contains("<Account>000000000000</Account>"), "{body}");
}

#[tokio::test]
async fn what_is_not_there_fails_loudly_and_is_journalled() {
    let sandbox = start(Scenario::Healthy, 1.0).await;
    let (status, body) = json_call(&sandbox, &format!("{ECS}.RunTask"), &json!({})).await;
    assert_eq!(status, 400);
    assert_eq!(body["__type"], "UnknownOperationException");
    assert_eq!(body["message"], "the sandbox does not implement ecs:RunTask");
    let (_, body) = json_call(&sandbox, "Logs_20140328.PutLogEvents", &json!({})).await;
    assert_eq!(body["message"], "the sandbox does not implement logs:PutLogEvents");
    let (status, body) = query(&sandbox, "Action=DescribeRules&Version=2015-12-01").await;
    assert_eq!(status, 400);
    assert!(
        body.contains("<Message>the sandbox does not implement elasticloadbalancing:DescribeRules</Message>")
    );

    let calls = sandbox.calls();
    let last = calls.last().unwrap();
    assert_eq!((last.service.as_str(), last.operation.as_str()), ("elasticloadbalancing", "DescribeRules"));
    assert_eq!((last.write, last.http_status), (false, 400));
    assert!(calls[0].write);
    assert_eq!(calls.len(), 3);
}

#[tokio::test]
async fn requests_without_credentials_are_refused() {
    let sandbox = start(Scenario::Healthy, 1.0).await;
    let client = Client::new();
    let request = client.post(sandbox.endpoint()).header("x-amz-target", format!("{ECS}.ListServices"));
    let response = request.body("{}").send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(response.headers()["x-amzn-errortype"], "MissingAuthenticationTokenException");
    let response = client.get(format!("{}/bucket/key", sandbox.endpoint())).send().await.unwrap();
    assert_eq!(response.status(), 403);
}

#[tokio::test]
async fn the_port_can_be_chosen_and_is_free_after_shutdown() {
    let sandbox = start(Scenario::Healthy, 1.0).await;
    let port: u16 = sandbox.registry_host().rsplit(':').next().unwrap().parse().unwrap();
    let taken = Sandbox::start(Options { port: Some(port), ..Options::default() }).await;
    assert!(taken.err().unwrap().to_string().contains(&port.to_string()));
    sandbox.shutdown().await;
    let again = Sandbox::start(Options { port: Some(port), ..Options::default() }).await.unwrap();
    assert!(again.endpoint().ends_with(&format!(":{port}")));
}

#[tokio::test]
async fn objects_are_written_once() {
    let sandbox = start(Scenario::Healthy, 1.0).await;
    sandbox.create_bucket("env").unwrap();
    let once = [("if-none-match", "*"), ("x-amz-expected-bucket-owner", "000000000000")];
    let response = s3(&sandbox, Method::PUT, "env/prod/a.env", &once, b"A=1\n").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-amz-server-side-encryption"], "AES256");
    let response = s3(&sandbox, Method::PUT, "env/prod/a.env", &once, b"A=2\n").await;
    assert_eq!(response.status(), 412);
    assert!(response.text().await.unwrap().contains("<Code>PreconditionFailed</Code>"));
    let response = s3(&sandbox, Method::GET, "env/prod/a.env", &[], b"").await;
    assert_eq!(response.text().await.unwrap(), "A=1\n");

    let foreign = [("x-amz-expected-bucket-owner", "111111111111")];
    let response = s3(&sandbox, Method::HEAD, "env/prod/a.env", &foreign, b"").await;
    assert_eq!(response.status(), 403);
    let response = s3(&sandbox, Method::HEAD, "env/prod/b.env", &[], b"").await;
    assert_eq!(response.status(), 404);
    let response = s3(&sandbox, Method::PUT, "none/a.env", &[], b"A=1\n").await;
    assert_eq!(response.status(), 404);
    assert!(response.text().await.unwrap().contains("<Code>NoSuchBucket</Code>"));
    assert_eq!(s3(&sandbox, Method::HEAD, "env", &[], b"").await.status(), 200);
    assert_eq!(s3(&sandbox, Method::HEAD, "none", &[], b"").await.status(), 404);
    let location = s3(&sandbox, Method::GET, "env?location", &[], b"").await;
    assert!(location.text().await.unwrap().contains("<LocationConstraint"));
}

#[tokio::test]
async fn of_simultaneous_writers_one_wins() {
    let sandbox = start(Scenario::Healthy, 1.0).await;
    sandbox.create_bucket("env").unwrap();
    let once = [("if-none-match", "*")];
    let put = || async { s3(&sandbox, Method::PUT, "env/a.env", &once, b"A=1\n").await.status().as_u16() };
    let (a, b, c) = tokio::join!(put(), put(), put());
    let mut statuses = [a, b, c];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412]);
}

#[tokio::test]
async fn checksums_before_and_after_the_body_are_verified() {
    let sandbox = start(Scenario::Healthy, 1.0).await;
    sandbox.create_bucket("env").unwrap();
    // CRC-32 of "hello", big endian, in base64.
    let (right, wrong) = ("NhCmhg==", "AAAAAA==");
    for (value, status) in [(right, 200), (wrong, 400)] {
        let response = s3(&sandbox, Method::PUT, "env/a", &[("x-amz-checksum-crc32", value)], b"hello").await;
        assert_eq!(response.status(), status, "{value}");
        let chunked = [
            ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            ("content-encoding", "aws-chunked"),
            ("x-amz-decoded-content-length", "5"),
            ("x-amz-trailer", "x-amz-checksum-crc32"),
        ];
        let body = format!("5\r\nhello\r\n0\r\nx-amz-checksum-crc32:{value}\r\n\r\n");
        let response = s3(&sandbox, Method::PUT, "env/b", &chunked, body.as_bytes()).await;
        assert_eq!(response.status(), status, "{value}");
    }
    let response = s3(&sandbox, Method::GET, "env/b", &[], b"").await;
    assert_eq!(response.text().await.unwrap(), "hello");
}

#[tokio::test]
async fn a_deployment_over_http_completes() {
    let (sandbox, group) = seeded(Scenario::Healthy, 500.0).await;
    sandbox.seed_image("api", "v2").unwrap();
    let id = deploy(&sandbox, &definition(&sandbox, "v2", "a")).await;
    let done = until(&sandbox, |service| service["deployments"][0]["rolloutState"] == "COMPLETED").await;
    assert_eq!(done["deployments"][0]["id"], id);

    let form =
        form(&[("Action", "DescribeTargetHealth"), ("Version", "2015-12-01"), ("TargetGroupArn", &group)]);
    let (status, body) = query(&sandbox, &form).await;
    assert_eq!(status, 200);
    assert_eq!(body.matches("<State>healthy</State>").count(), 2, "{body}");

    let truth = sandbox.truth("prod", "api").unwrap();
    assert_eq!(truth.lowest_healthy, 2);
    assert!(truth.healthy.unwrap() < truth.completed.unwrap());
    assert!(truth.completed.unwrap() < Duration::from_secs(1));
    sandbox.shutdown().await;
}

fn form(fields: &[(&str, &str)]) -> String {
    fields
        .iter()
        .map(|(name, value)| format!("{name}={}", value.replace(':', "%3A").replace('/', "%2F")))
        .collect::<Vec<_>>()
        .join("&")
}

#[tokio::test]
async fn a_task_whose_image_or_environment_file_is_missing_does_not_start() {
    let (sandbox, _) = seeded(Scenario::Healthy, 500.0).await;
    for (tag, env, text) in [
        (
            "none",
            "a",
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref ",
        ),
        (
            "v1",
            "none",
            "ResourceInitializationError: failed to download env files: service call has been retried 1 time(s): operation error S3: HeadObject, https response error StatusCode: 403",
        ),
    ] {
        let id = deploy(&sandbox, &definition(&sandbox, tag, env)).await;
        until(&sandbox, |service| service["deployments"][0]["failedTasks"] != 0).await;
        let input = json!({ "cluster": "prod", "serviceName": "api", "desiredStatus": "STOPPED" });
        let (_, listed) = json_call(&sandbox, &format!("{ECS}.ListTasks"), &input).await;
        let input = json!({ "cluster": "prod", "tasks": listed["taskArns"] });
        let (_, described) = json_call(&sandbox, &format!("{ECS}.DescribeTasks"), &input).await;
        let tasks = described["tasks"].as_array().unwrap();
        let task = tasks
            .iter()
            .find(|task| task["startedBy"] == id && task["stopCode"] == "TaskFailedToStart")
            .unwrap();
        let reason = task["stoppedReason"].as_str().unwrap();
        assert!(reason.starts_with(text), "{reason}");
    }
}

#[tokio::test]
async fn a_service_that_cannot_become_steady_is_named() {
    let sandbox = start(Scenario::Healthy, 1.0).await;
    sandbox.create_cluster("prod");
    sandbox.create_repository("api");
    sandbox.create_bucket("env").unwrap();
    let revision = sandbox.register_task_definition(&definition(&sandbox, "v1", "a")).unwrap();
    let subnets = json!({ "awsvpcConfiguration": { "subnets": ["subnet-a"] } });
    let input = json!({ "cluster": "prod", "serviceName": "api", "taskDefinition": revision, "networkConfiguration": subnets });
    sandbox.create_service(&input).unwrap();
    let error = sandbox.settle().unwrap_err().to_string();
    assert!(
        error.starts_with("the service api does not become steady: ResourceInitializationError"),
        "{error}"
    );
    assert!(sandbox.put_object("none", "k", b"").is_err());
    assert!(sandbox.put_object("env", "../k", b"").is_err());
    assert!(sandbox.seed_image("none", "v1").is_err());
}
