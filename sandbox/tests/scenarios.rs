//! What each scenario ends in, and what ECS says on the way.
#![allow(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use landfall_sandbox::{Scenario, world::Service};
use serde_json::{Value, json};
use support::{Account, CLUSTER, SERVICE, Shape, rollout_state};

/// The tasks of a deployment that have ended.
fn stopped(account: &mut Account, deployment: &str) -> Vec<Value> {
    let mut tasks = account.tasks("STOPPED");
    tasks.retain(|task| task["startedBy"] == deployment);
    tasks
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn deployment<'a>(service: &'a Value, id: &str) -> Option<&'a Value> {
    service["deployments"].as_array().unwrap().iter().find(|deployment| deployment["id"] == id)
}

/// Puts the service back to revision 1, which has to work in every scenario.
fn put_back(account: &mut Account) {
    let id = account.update(&json!({ "taskDefinition": "api:1" }));
    let done = account
        .watch(400, |service| rollout_state(service) == "COMPLETED" && service["deployments"][0]["id"] == id)
        .unwrap();
    assert!(text(&done, "taskDefinition").ends_with("api:1"));
    assert_eq!(done["runningCount"], 2);
    account.wait(15);
    assert_eq!(account.target_states(), ["healthy", "healthy"]);
}

#[test]
fn slow_is_slower_than_healthy() {
    let took = |scenario| {
        let mut account = Account::new(scenario, 4);
        account.deploy("v2");
        account.watch(1000, |service| rollout_state(service) == "COMPLETED").unwrap();
        account.world.truth(CLUSTER, SERVICE).unwrap().time_to_completed().unwrap()
    };
    assert!(took(Scenario::Slow) > took(Scenario::Healthy) * 2);
}

#[test]
fn image_not_found() {
    let mut account = Account::new(Scenario::ImageNotFound, 4);
    let (id, _) = account.deploy("v2");
    account.watch(400, |service| service["deployments"][0]["failedTasks"] == 2).unwrap();
    let task = &stopped(&mut account, &id)[0];
    assert_eq!(task["stopCode"], "TaskFailedToStart");
    let reason = "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref docker.io/library/api:v2: docker.io/library/api:v2: not found";
    assert_eq!(task["stoppedReason"], reason);
    assert_eq!(task["containers"][0]["reason"], reason);
    assert_eq!(task["containers"][0].get("exitCode"), None);
    assert_eq!(task.get("startedAt"), None);
    assert!(
        account
            .events()
            .iter()
            .any(|event| event.contains("was unable to place a task. Reason: CannotPullContainerError"))
    );
    assert_eq!(rollout_state(&account.service()), "IN_PROGRESS");
    put_back(&mut account);
}

#[test]
fn without_a_breaker_failures_go_on_for_ever_with_back_off() {
    let mut account = Account::new(Scenario::ImageNotFound, 4);
    let (id, _) = account.deploy("v2");
    account.wait(3600);
    let service = account.service();
    assert_eq!(rollout_state(&service), "IN_PROGRESS");
    let failed = service["deployments"][0]["failedTasks"].as_u64().unwrap();
    assert!((6..60).contains(&failed), "{failed}");
    assert!(
        account
            .events()
            .iter()
            .any(|event| event.ends_with("is unable to consistently start tasks successfully."))
    );
    assert_eq!(stopped(&mut account, &id).len() as u64, failed);
    assert_eq!(service["deployments"][1]["runningCount"], 2);
}

#[test]
fn crash_loop() {
    let mut account = Account::new(Scenario::CrashLoop, 4);
    let (id, _) = account.deploy("v2");
    account.wait(300);
    let service = account.service();
    assert_eq!(rollout_state(&service), "IN_PROGRESS");
    assert_eq!(service["deployments"][0]["id"], id);
    let tasks = stopped(&mut account, &id);
    assert!(tasks.len() >= 4, "{}", tasks.len());
    for task in tasks {
        assert_eq!(task["stopCode"], "EssentialContainerExited");
        assert_eq!(task["stoppedReason"], "Essential container in task exited");
        assert_eq!(task["containers"][0]["exitCode"], 3);
        assert!(task["startedAt"].is_number());
    }
    assert_eq!(service["deployments"][1]["runningCount"], 2);
    put_back(&mut account);
}

#[test]
fn unhealthy_target() {
    let mut account = Account::new(Scenario::UnhealthyTarget, 4);
    let group = account.group.clone();
    let (id, _) = account.deploy("v2");
    let mut seen = None;
    for _ in 0..300 {
        let input = json!({ "TargetGroupArn": group });
        let answer =
            account.world.call(Service::ElasticLoadBalancing, "DescribeTargetHealth", &input, account.now);
        let targets = answer.unwrap()["TargetHealthDescriptions"].clone();
        seen = seen.or(targets
            .as_array()
            .unwrap()
            .iter()
            .find(|target| target["TargetHealth"]["State"] == "unhealthy")
            .cloned());
        account.wait_ms(250);
    }
    let health = &seen.unwrap()["TargetHealth"];
    assert_eq!(health["Reason"], "Target.ResponseCodeMismatch");
    assert_eq!(health["Description"], "Health checks failed with these codes: [404]");
    account.wait(120);
    let task = &stopped(&mut account, &id)[0];
    assert_eq!(task["stoppedReason"], format!("Task failed ELB health checks in (target-group {group})"));
    assert_eq!(task["stopCode"], "ServiceSchedulerInitiated");
    let event = format!(
        "(port 8080) is unhealthy in (target-group {group}) due to (reason Health checks failed with these codes: [404])."
    );
    assert!(account.events().iter().any(|said| said.ends_with(&event)));
    put_back(&mut account);
}

#[test]
fn the_grace_period_keeps_an_unhealthy_task() {
    let mut account = Account::new(Scenario::UnhealthyTarget, 4);
    account.update(&json!({ "healthCheckGracePeriodSeconds": 120 }));
    let (id, _) = account.deploy("v2");
    account.wait(150);
    assert_eq!(stopped(&mut account, &id).len(), 0);
    account.wait(150);
    assert!(!stopped(&mut account, &id).is_empty());
}

#[test]
fn without_a_load_balancer_the_container_check_fails() {
    let shape = Shape { load_balanced: false, health_check: true, ..Shape::default() };
    let mut account = Account::with(Scenario::UnhealthyTarget, 4, &shape);
    let (id, _) = account.deploy("v2");
    account.wait(300);
    let task = &stopped(&mut account, &id)[0];
    assert_eq!(task["stoppedReason"], "Task failed container health checks");
    assert_eq!(task["healthStatus"], "UNHEALTHY");
}

#[test]
fn env_file_denied() {
    let mut account = Account::new(Scenario::EnvFileDenied, 4);
    let (id, _) = account.deploy("v2");
    account.wait(120);
    let task = &stopped(&mut account, &id)[0];
    assert_eq!(task["stopCode"], "TaskFailedToStart");
    let reason = text(task, "stoppedReason");
    assert!(reason.starts_with("ResourceInitializationError: failed to download env files: service call has been retried 1 time(s): operation error S3: HeadObject, https response error StatusCode: 403, RequestID: "), "{reason}");
    assert!(reason.ends_with("api error Forbidden: Forbidden"), "{reason}");
    put_back(&mut account);
}

#[test]
fn throttled() {
    let mut account = Account::new(Scenario::Throttled, 4);
    let input = json!({ "cluster": CLUSTER, "services": [SERVICE] });
    let mut refused = 0;
    let mut in_a_row = 0;
    for _ in 0..500 {
        match account.ecs("DescribeServices", &input) {
            Ok(_) => in_a_row = 0,
            Err(error) => {
                assert_eq!(
                    (error.code.as_str(), error.message.as_str(), error.status),
                    ("ThrottlingException", "Rate exceeded", 400)
                );
                refused += 1;
                in_a_row += 1;
                assert!(in_a_row <= 2);
            }
        }
    }
    assert!((130..230).contains(&refused), "{refused}");
    account.world.call(Service::Sts, "GetCallerIdentity", &json!({}), account.now).unwrap();

    // The deployment itself is a healthy one.
    let arn = account.world.seed_task_definition(&support::task_definition("v2", false)).unwrap();
    let input = json!({ "cluster": CLUSTER, "service": SERVICE, "taskDefinition": arn });
    while account.ecs("UpdateService", &input).is_err() {}
    for _ in 0..120 {
        account.wait(1);
        // Refused calls move time on too.
        let _ = account.ecs("ListServices", &json!({ "cluster": CLUSTER }));
    }
    let truth = account.world.truth(CLUSTER, SERVICE).unwrap();
    assert_eq!((truth.lowest_healthy, truth.completed.is_some()), (2, true));
}

#[test]
fn superseded() {
    let mut account = Account::new(Scenario::Superseded, 4);
    let (id, _) = account.deploy("v2");
    account.wait(14);
    assert_eq!(account.service()["deployments"][0]["id"], id);
    account.wait(3);
    let service = account.service();
    let primary = &service["deployments"][0];
    assert_ne!(primary["id"], id);
    assert!(text(primary, "taskDefinition").ends_with("api:3"));
    assert_eq!(deployment(&service, &id).unwrap()["status"], "ACTIVE");
    assert_eq!(
        account.describe_revision("api:3")["registeredBy"],
        "arn:aws:iam::000000000000:user/someone-else"
    );
    let service = account.watch(300, |service| rollout_state(service) == "COMPLETED").unwrap();
    assert!(text(&service, "taskDefinition").ends_with("api:3"));
    assert!(deployment(&service, &id).is_none());
    assert_eq!(service["runningCount"], 2);

    // It happens once.
    let (id, _) = account.deploy("v4");
    let service = account.watch(300, |service| rollout_state(service) == "COMPLETED").unwrap();
    assert_eq!(service["deployments"][0]["id"], id);
}

#[test]
fn breaker_rollback() {
    for seed in 0..10 {
        let mut account = Account::new(Scenario::BreakerRollback, seed);
        let good = text(&account.service()["deployments"][0], "id").to_owned();
        let (id, _) = account.deploy("v2");
        let service = account.watch(600, |service| service["deployments"][0]["id"] != id).unwrap();
        let (primary, failed) = (&service["deployments"][0], deployment(&service, &id).unwrap());
        assert_eq!(failed["rolloutState"], "FAILED");
        assert_eq!(failed["status"], "ACTIVE");
        assert_eq!(failed["rolloutStateReason"], "ECS deployment circuit breaker: tasks failed to start.");
        assert!(failed["failedTasks"].as_u64().unwrap() >= 3);
        assert!(text(primary, "taskDefinition").ends_with("api:1"));
        assert_eq!(
            primary["rolloutStateReason"],
            format!("ECS deployment circuit breaker: rolling back to deploymentId {good}.")
        );
        for wanted in [
            format!("(deployment {id}) deployment failed: tasks failed to start."),
            format!("rolling back to deployment {good}."),
        ] {
            assert!(account.events().iter().any(|event| event.ends_with(&wanted)), "{wanted}");
        }
        let rollback = text(primary, "id").to_owned();
        let service = account.watch(400, |service| rollout_state(service) == "COMPLETED").unwrap();
        assert_eq!(service["deployments"][0]["id"], rollback);
        assert_eq!(service["deployments"].as_array().unwrap().len(), 1);
        let tasks = stopped(&mut account, &id);
        assert!(tasks.iter().all(|task| task.get("startedAt").is_none()));
        assert!(tasks.iter().any(|task| task["containers"][0]["exitCode"] == 1));
        assert_eq!(account.world.truth(CLUSTER, SERVICE).unwrap().lowest_healthy, 2);
    }
}

#[test]
fn a_breaker_without_rollback_leaves_what_runs() {
    let shape = Shape {
        configuration: json!({ "deploymentCircuitBreaker": { "enable": true, "rollback": false } }),
        ..Shape::default()
    };
    let mut account = Account::with(Scenario::ImageNotFound, 4, &shape);
    let (id, _) = account.deploy("v2");
    account.watch(600, |service| rollout_state(service) == "FAILED").unwrap();
    account.wait(3600);
    let service = account.service();
    assert_eq!((&service["deployments"][0]["id"], rollout_state(&service)), (&json!(id), "FAILED"));
    assert_eq!(service["deployments"][1]["runningCount"], 2);
    let started = stopped(&mut account, &id).len();
    account.wait(600);
    assert_eq!(stopped(&mut account, &id).len(), started);
    put_back(&mut account);
}

/// Whatever goes wrong, ECS never stops what serves: the old tasks stay until the new ones do.
#[test]
fn no_scenario_causes_downtime() {
    for scenario in Scenario::ALL.into_iter().filter(|scenario| *scenario != Scenario::Throttled) {
        for seed in 0..5 {
            let mut account = Account::new(scenario, seed);
            account.deploy("v2");
            for _ in 0..60 {
                account.wait_ms(4_700);
                let running = account.service()["runningCount"].as_u64().unwrap();
                assert!(running <= 4, "{scenario} {seed}: {running} running");
                let truth = account.world.truth(CLUSTER, SERVICE).unwrap();
                assert!(truth.lowest_healthy >= 2, "{scenario} {seed}: {truth:?}");
            }
            put_back(&mut account);
        }
    }
}
