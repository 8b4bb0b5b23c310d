//! The environment inside of tasks: what their files said when they started.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod http;

use std::collections::BTreeMap;

use http::{ECS, definition, deploy, json_call, s3, seeded, until};
use landfall_sandbox::{Sandbox, Scenario};
use reqwest::Method;
use serde_json::json;

fn only(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}

/// Revision and variable A of each running task.
fn inside(sandbox: &Sandbox) -> Vec<(String, String)> {
    let tasks = sandbox.running_tasks("prod", "api");
    tasks
        .iter()
        .map(|task| {
            let revision = task.task_definition.rsplit('/').next().unwrap().to_owned();
            (revision, task.environments["api"]["A"].clone())
        })
        .collect()
}

fn pair(revision: &str, value: &str) -> (String, String) {
    (revision.to_owned(), value.to_owned())
}

#[tokio::test]
async fn running_tasks_keep_what_they_started_with() {
    let (sandbox, _) = seeded(Scenario::Healthy, 500.0).await;
    assert_eq!(inside(&sandbox), [pair("api:1", "1"), pair("api:1", "1")]);
    let first = sandbox.running_tasks("prod", "api")[0].arn.clone();

    // Overwriting the object changes nothing in tasks that run already.
    let response = s3(&sandbox, Method::PUT, "env/prod/a.env", &[], b"A=overwritten\n").await;
    assert_eq!(response.status(), 200);
    assert_eq!(inside(&sandbox), [pair("api:1", "1"), pair("api:1", "1")]);

    // It does change tasks of the same old revision that start later (facts 2.1).
    let input = json!({ "cluster": "prod", "service": "api", "forceNewDeployment": true });
    let (status, _) = json_call(&sandbox, &format!("{ECS}.UpdateService"), &input).await;
    assert_eq!(status, 200);
    until(&sandbox, |service| service["deployments"][0]["rolloutState"] == "COMPLETED").await;
    assert_eq!(inside(&sandbox), [pair("api:1", "overwritten"), pair("api:1", "overwritten")]);

    // A task that is gone can still be asked.
    assert_eq!(sandbox.task_environment(&first, "api"), Some(only("A", "1")));
    assert_eq!(sandbox.task_environment(&first, "web"), None);
    assert_eq!(sandbox.task_environment("none", "api"), None);
    assert_eq!(sandbox.running_tasks("prod", "none"), []);
}

#[tokio::test]
async fn each_revision_reads_its_own_file() {
    let (sandbox, _) = seeded(Scenario::Healthy, 500.0).await;
    sandbox.put_object("env", "prod/b.env", b"A=2\n").unwrap();
    let mut second = definition(&sandbox, "v1", "b");
    second["containerDefinitions"][0]["environment"] = json!([{ "name": "B", "value": "plain" }]);
    deploy(&sandbox, &second).await;
    until(&sandbox, |service| service["deployments"][0]["rolloutState"] == "COMPLETED").await;
    assert_eq!(inside(&sandbox), [pair("api:2", "2"), pair("api:2", "2")]);
    let task = &sandbox.running_tasks("prod", "api")[0];
    assert_eq!(task.environments["api"]["B"], "plain");
    assert_eq!(sandbox.task_environment(&task.arn, "api"), Some(task.environments["api"].clone()));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_stops_the_task() {
    let (sandbox, _) = seeded(Scenario::Healthy, 500.0).await;
    let long = format!("A={}\n", "x".repeat(64 * 1024));
    for (content, text) in
        [(&b"A=\xff\n"[..], "the file is not valid UTF-8"), (long.as_bytes(), "token too long")]
    {
        sandbox.put_object("env", "prod/bad.env", content).unwrap();
        let id = deploy(&sandbox, &definition(&sandbox, "v1", "bad")).await;
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
        assert!(
            reason.starts_with("ResourceInitializationError: failed to download env files: "),
            "{reason}"
        );
        assert!(reason.ends_with(text), "{reason}");
        assert_eq!(sandbox.task_environment(task["taskArn"].as_str().unwrap(), "api"), None);
    }
}
