//! BLUE_GREEN, LINEAR and CANARY: stages, traffic, hooks, and the ways back (facts 4).
#![allow(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use landfall_sandbox::{Scenario, TargetGroupOptions};
use serde_json::{Value, json};
use support::{Account, CLUSTER, SERVICE, Shape, empty_world, task_definition};

const ORDER: [&str; 10] = [
    "RECONCILE_SERVICE",
    "PRE_SCALE_UP",
    "SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
    "BAKE_TIME",
    "CLEAN_UP",
];

/// A settled service of two tasks with two target groups.
fn account(scenario: Scenario, configuration: &Value) -> (Account, String) {
    let mut world = empty_world(scenario, 7);
    world.create_cluster(CLUSTER);
    let blue = world.create_target_group("blue", TargetGroupOptions::default());
    let green = world.create_target_group("green", TargetGroupOptions::default());
    let revision = world.seed_task_definition(&task_definition("v1", false)).unwrap();
    world
        .seed_service(&json!({
            "cluster": CLUSTER,
            "serviceName": SERVICE,
            "taskDefinition": revision,
            "desiredCount": 2,
            "loadBalancers": [{
                "targetGroupArn": blue,
                "containerName": "api",
                "containerPort": 8080,
                "advancedConfiguration": {
                    "alternateTargetGroupArn": green,
                    "productionListenerRule": "arn:rule/production",
                    "testListenerRule": "arn:rule/test",
                    "roleArn": "arn:aws:iam::000000000000:role/balancing",
                },
            }],
            "deploymentConfiguration": configuration,
            "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-a"] } },
        }))
        .unwrap();
    let now = world.settle().unwrap();
    (Account { world, group: blue, now }, green)
}

fn current(account: &mut Account) -> Value {
    let list = json!({ "cluster": CLUSTER, "service": SERVICE });
    let listed = account.ecs("ListServiceDeployments", &list).unwrap();
    let arn = listed["serviceDeployments"][0]["serviceDeploymentArn"].clone();
    let input = json!({ "serviceDeploymentArns": [arn] });
    account.ecs("DescribeServiceDeployments", &input).unwrap()["serviceDeployments"][0].clone()
}

fn production(deployment: &Value) -> f64 {
    deployment["targetServiceRevision"]["requestedProductionTrafficWeight"].as_f64().unwrap()
}

/// What is seen second by second until the deployment is over: stages, and percents of production traffic.
fn follow(account: &mut Account) -> (Vec<String>, Vec<f64>, Value) {
    let (mut stages, mut percents): (Vec<String>, Vec<f64>) = (Vec::new(), Vec::new());
    for _ in 0..3000 {
        let seen = current(account);
        if let Some(stage) = seen["lifecycleStage"].as_str()
            && stages.last().is_none_or(|last| last != stage)
        {
            stages.push(stage.to_owned());
        }
        if percents.last() != Some(&production(&seen)) {
            percents.push(production(&seen));
        }
        if seen.get("finishedAt").is_some() {
            return (stages, percents, seen);
        }
        account.wait(1);
    }
    panic!("it never ends: {stages:?} {percents:?}")
}

#[test]
fn blue_green_goes_through_its_stages_and_keeps_both_until_the_end() {
    let (mut account, _) =
        account(Scenario::Healthy, &json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 2 }));
    account.deploy("v2");
    let (stages, percents, done) = follow(&mut account);
    assert_eq!(stages, ORDER);
    assert_eq!(percents, [0.0, 100.0]);
    assert_eq!(done["status"], "SUCCESSFUL");
    assert_eq!(done["targetServiceRevision"]["requestedTestTrafficWeight"], 100.0);
    let service = account.service();
    assert_eq!(
        (&service["deployments"][0]["rolloutState"], &service["runningCount"]),
        (&json!("COMPLETED"), &json!(2))
    );
    assert!(account.world.truth(CLUSTER, SERVICE).unwrap().lowest_healthy >= 2);

    // The new tasks are in the other target group, and the next deployment goes back to the first.
    account.wait(60);
    assert_eq!(account.target_states(), Vec::<String>::new());
    account.deploy("v3");
    assert_eq!(follow(&mut account).2["status"], "SUCCESSFUL");
    account.wait(60);
    assert_eq!(account.target_states(), ["healthy", "healthy"]);
}

#[test]
fn the_old_revision_runs_for_the_whole_bake() {
    let (mut account, _) =
        account(Scenario::Healthy, &json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 60 }));
    account.deploy("v2");
    account.watch(300, |_| false);
    let seen = current(&mut account);
    assert_eq!(seen["lifecycleStage"], "BAKE_TIME");
    let service = account.service();
    assert_eq!((&service["runningCount"], service["deployments"].as_array().unwrap().len()), (&json!(4), 2));
}

#[test]
fn canary_and_linear_shift_in_steps() {
    let canary = json!({
        "strategy": "CANARY",
        "bakeTimeInMinutes": 1,
        "canaryConfiguration": { "canaryPercent": 20.0, "canaryBakeTimeInMinutes": 1 },
    });
    let (mut world, _) = account(Scenario::Healthy, &canary);
    world.deploy("v2");
    let (stages, percents, done) = follow(&mut world);
    assert_eq!((stages.len(), percents, &done["status"]), (10, vec![0.0, 20.0, 100.0], &json!("SUCCESSFUL")));

    let linear = json!({
        "strategy": "LINEAR",
        "linearConfiguration": { "stepPercent": 40.0, "stepBakeTimeInMinutes": 1 },
    });
    let (mut world, _) = account(Scenario::Healthy, &linear);
    world.deploy("v2");
    let (_, percents, done) = follow(&mut world);
    assert_eq!((percents, &done["status"]), (vec![0.0, 40.0, 80.0, 100.0], &json!("SUCCESSFUL")));
}

fn paused(stage: &str) -> (Account, Value) {
    let configuration = json!({
        "strategy": "BLUE_GREEN",
        "lifecycleHooks": [{
            "targetType": "PAUSE",
            "lifecycleStages": [stage],
            "timeoutConfiguration": { "timeoutInMinutes": 30, "action": "ROLLBACK" },
        }],
    });
    let (mut account, _) = account(Scenario::Healthy, &configuration);
    account.deploy("v2");
    account.wait(300);
    let seen = current(&mut account);
    (account, seen)
}

#[test]
fn a_pause_waits_for_an_answer() {
    let (mut account, seen) = paused("PRE_PRODUCTION_TRAFFIC_SHIFT");
    assert_eq!(seen["lifecycleStage"], "PRE_PRODUCTION_TRAFFIC_SHIFT");
    let hook = &seen["lifecycleHookDetails"][0];
    assert_eq!((&hook["status"], &hook["targetType"]), (&json!("AWAITING_ACTION"), &json!("PAUSE")));
    assert!(hook["expiresAt"].is_number());
    assert_eq!(production(&seen), 0.0);

    let arn = &seen["serviceDeploymentArn"];
    let wrong =
        account.ecs("ContinueServiceDeployment", &json!({ "serviceDeploymentArn": arn, "hookId": "no" }));
    assert_eq!(wrong.unwrap_err().code, "InvalidParameterException");
    let go_on = json!({ "serviceDeploymentArn": arn, "hookId": hook["hookId"] });
    account.ecs("ContinueServiceDeployment", &go_on).unwrap();
    let (stages, _, done) = follow(&mut account);
    assert_eq!(stages.last().unwrap(), "CLEAN_UP");
    assert_eq!(done["status"], "SUCCESSFUL");
    assert_eq!(done["lifecycleHookDetails"][0]["status"], "SUCCEEDED");
}

#[test]
fn a_pause_goes_back_when_told_so_and_when_nobody_answers() {
    let (mut account, seen) = paused("POST_SCALE_UP");
    let input = json!({
        "serviceDeploymentArn": seen["serviceDeploymentArn"],
        "hookId": seen["lifecycleHookDetails"][0]["hookId"],
        "action": "ROLLBACK",
    });
    account.ecs("ContinueServiceDeployment", &input).unwrap();
    assert_eq!(follow(&mut account).2["status"], "ROLLBACK_SUCCESSFUL");

    let (mut account, _) = paused("POST_SCALE_UP");
    account.wait(1700);
    let (_, _, done) = follow(&mut account);
    assert_eq!(done["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(done["lifecycleHookDetails"][0]["status"], "TIMED_OUT");
}

#[test]
fn stopping_rolls_back_to_what_ran() {
    let (mut account, _) =
        account(Scenario::Healthy, &json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 60 }));
    account.deploy("v2");
    account.wait(300);
    let seen = current(&mut account);
    assert_eq!(production(&seen), 100.0);
    let stop = json!({ "serviceDeploymentArn": seen["serviceDeploymentArn"], "stopType": "ROLLBACK" });
    account.ecs("StopServiceDeployment", &stop).unwrap();
    assert_eq!(current(&mut account)["status"], "ROLLBACK_REQUESTED");
    let (_, percents, done) = follow(&mut account);
    assert_eq!((&done["status"], percents.last()), (&json!("ROLLBACK_SUCCESSFUL"), Some(&0.0)));
    let service = account.service();
    assert!(service["taskDefinition"].as_str().unwrap().ends_with("api:1"));
    assert_eq!(service["runningCount"], 2);
    let again = account.ecs("StopServiceDeployment", &stop);
    assert_eq!(again.unwrap_err().code, "ConflictException");
    assert!(account.world.truth(CLUSTER, SERVICE).unwrap().lowest_healthy >= 2);
}

#[test]
fn a_revision_that_fails_is_rolled_back() {
    let (mut account, _) = account(Scenario::BreakerRollback, &json!({ "strategy": "CANARY" }));
    account.deploy("v2");
    let (stages, percents, done) = follow(&mut account);
    assert_eq!(stages.last().unwrap(), "SCALE_UP");
    assert_eq!(percents, [0.0]);
    assert_eq!(done["status"], "ROLLBACK_SUCCESSFUL");
    assert!(account.service()["taskDefinition"].as_str().unwrap().ends_with("api:1"));
}

#[test]
fn a_second_target_group_is_needed() {
    let shape = Shape { configuration: json!({}), ..Shape::default() };
    let mut account = Account::with(Scenario::Healthy, 1, &shape);
    let input = json!({ "cluster": CLUSTER, "service": SERVICE, "deploymentConfiguration": { "strategy": "BLUE_GREEN" } });
    assert_eq!(account.ecs("UpdateService", &input).unwrap_err().code, "InvalidParameterException");
}

#[test]
fn an_abort_leaves_what_runs() {
    let (mut account, _) =
        account(Scenario::Healthy, &json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 60 }));
    account.deploy("v2");
    account.wait(300);
    let arn = current(&mut account)["serviceDeploymentArn"].clone();
    account
        .ecs("StopServiceDeployment", &json!({ "serviceDeploymentArn": arn, "stopType": "ABORT" }))
        .unwrap();
    account.wait(5);
    assert_eq!(current(&mut account)["status"], "STOPPED");
    assert_eq!(account.service()["runningCount"], 4);
}
