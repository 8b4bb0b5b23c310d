//! Service deployments and revisions of rolling updates (facts 4).
#![allow(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use landfall_sandbox::Scenario;
use serde_json::{Value, json};
use support::{Account, CLUSTER, SERVICE, rollout_state};

fn list(account: &mut Account, more: &Value) -> Vec<Value> {
    let mut input = json!({ "cluster": CLUSTER, "service": SERVICE });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    account.ecs("ListServiceDeployments", &input).unwrap()["serviceDeployments"].as_array().unwrap().clone()
}

fn describe(account: &mut Account, arn: &Value) -> Value {
    let answer = account.ecs("DescribeServiceDeployments", &json!({ "serviceDeploymentArns": [arn] }));
    answer.unwrap()["serviceDeployments"][0].clone()
}

/// The task definition of a service revision.
fn task_definition(account: &mut Account, revision: &Value) -> Value {
    let answer = account.ecs("DescribeServiceRevisions", &json!({ "serviceRevisionArns": [revision] }));
    answer.unwrap()["serviceRevisions"][0]["taskDefinition"].clone()
}

#[test]
fn a_rolling_update_is_a_service_deployment_that_succeeds() {
    let mut account = Account::new(Scenario::Healthy, 1);
    let seeded = list(&mut account, &json!({}));
    assert_eq!(seeded.len(), 1);
    assert_eq!(seeded[0]["status"], "SUCCESSFUL");
    assert!(account.service().get("currentServiceDeployment").is_none());

    let (_, revision) = account.deploy("v2");
    let listed = list(&mut account, &json!({}));
    assert_eq!((listed.len(), &listed[0]["status"]), (2, &json!("PENDING")));
    let arn = listed[0]["serviceDeploymentArn"].clone();
    assert!(arn.as_str().unwrap().contains(":service-deployment/prod/api/"), "{arn}");
    // As late as AWS may be.
    assert!(account.service().get("currentServiceDeployment").is_none());

    account.wait(5);
    let running = describe(&mut account, &arn);
    assert_eq!(running["status"], "IN_PROGRESS");
    assert_eq!(account.service()["currentServiceDeployment"], arn);
    let target = &running["targetServiceRevision"]["arn"];
    assert_eq!(task_definition(&mut account, target), revision);
    let source = &running["sourceServiceRevisions"][0];
    assert_eq!(
        (&source["arn"], &source["runningTaskCount"]),
        (&seeded[0]["targetServiceRevisionArn"], &json!(2))
    );

    account.watch(200, |service| rollout_state(service) == "COMPLETED").unwrap();
    let done = describe(&mut account, &arn);
    assert_eq!(
        (&done["status"], &done["targetServiceRevision"]["runningTaskCount"]),
        (&json!("SUCCESSFUL"), &json!(2))
    );
    assert!(done["finishedAt"].as_f64() > done["startedAt"].as_f64());
    // The entry of the first one went long ago; its service deployment is kept.
    let good = list(&mut account, &json!({ "status": ["SUCCESSFUL"] }));
    assert_eq!(good.len(), 2);
    let revisions: Vec<Value> =
        good.iter().map(|it| task_definition(&mut account, &it["targetServiceRevisionArn"])).collect();
    assert!(revisions[0].as_str().unwrap().ends_with("api:2"), "{revisions:?}");
    assert!(revisions[1].as_str().unwrap().ends_with("api:1"), "{revisions:?}");
}

#[test]
fn a_newer_deployment_stops_the_one_under_way() {
    let mut account = Account::new(Scenario::Healthy, 2);
    account.deploy("v2");
    account.wait(30);
    let first = list(&mut account, &json!({}))[0]["serviceDeploymentArn"].clone();
    account.deploy("v3");
    assert_eq!(describe(&mut account, &first)["status"], "STOP_REQUESTED");
    account.watch(300, |service| rollout_state(service) == "COMPLETED").unwrap();
    let stopped = describe(&mut account, &first);
    assert_eq!(stopped["status"], "STOPPED");
    assert!(stopped["stoppedAt"].is_number());
    assert_eq!(list(&mut account, &json!({}))[0]["status"], "SUCCESSFUL");
}

#[test]
fn the_circuit_breaker_rolls_a_service_deployment_back() {
    let mut account = Account::new(Scenario::BreakerRollback, 1);
    let seeded = list(&mut account, &json!({}))[0]["targetServiceRevisionArn"].clone();
    let (id, _) = account.deploy("v2");
    account.watch(900, |service| service["deployments"][0]["id"] != id).unwrap();
    let arn = list(&mut account, &json!({}))[0]["serviceDeploymentArn"].clone();
    let back = describe(&mut account, &arn);
    assert_eq!(back["status"], "ROLLBACK_IN_PROGRESS");
    assert_eq!(back["rollback"]["serviceRevisionArn"], seeded);
    account.watch(300, |service| rollout_state(service) == "COMPLETED").unwrap();
    assert_eq!(describe(&mut account, &arn)["status"], "ROLLBACK_SUCCESSFUL");
    // A rollback is no service deployment of its own.
    assert_eq!(list(&mut account, &json!({})).len(), 2);
    assert_eq!(list(&mut account, &json!({ "status": ["SUCCESSFUL"] })).len(), 1);
}

#[test]
fn lists_come_in_pages_and_by_time() {
    let mut account = Account::new(Scenario::Healthy, 4);
    account.wait(10);
    let after = account.now.epoch_seconds();
    for version in ["v2", "v3", "v4"] {
        account.deploy(version);
        account.wait(10);
    }
    assert_eq!(list(&mut account, &json!({ "createdAt": { "after": after } })).len(), 3);
    assert_eq!(list(&mut account, &json!({ "createdAt": { "before": after - 1.0 } })).len(), 1);
    let mut input = json!({ "cluster": CLUSTER, "service": SERVICE, "maxResults": 3 });
    let first = account.ecs("ListServiceDeployments", &input).unwrap();
    assert_eq!(first["serviceDeployments"].as_array().unwrap().len(), 3);
    input["nextToken"] = first["nextToken"].clone();
    let second = account.ecs("ListServiceDeployments", &input).unwrap();
    assert_eq!(second["serviceDeployments"].as_array().unwrap().len(), 1);
    assert!(second.get("nextToken").is_none());
}

#[test]
fn what_does_not_exist_is_a_failure() {
    let mut account = Account::new(Scenario::Healthy, 5);
    let answer =
        account.ecs("DescribeServiceDeployments", &json!({ "serviceDeploymentArns": ["arn:x"] })).unwrap();
    assert_eq!(answer["failures"][0]["reason"], "MISSING");
    let error = account.ecs("ListServiceDeployments", &json!({ "cluster": CLUSTER, "service": "no" }));
    assert_eq!(error.unwrap_err().code, "ServiceNotFoundException");
}
