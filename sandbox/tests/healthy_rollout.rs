//! A rolling update that works: its end, and what holds all the way.

mod support;

use landfall_sandbox::Scenario;
use serde_json::{Value, json};
use support::{Account, CLUSTER, SERVICE, Shape, rollout_state};

#[test]
fn the_seeded_state_is_steady() {
    let mut account = Account::new(Scenario::Healthy, 1);
    let service = account.service();
    assert_eq!(service["runningCount"], 2);
    assert_eq!(service["pendingCount"], 0);
    assert_eq!(service["deployments"].as_array().unwrap().len(), 1);
    assert_eq!(rollout_state(&service), "COMPLETED");
    assert_eq!(account.target_states(), ["healthy", "healthy"]);
    assert!(account.events()[0].ends_with("deployment completed."), "{:?}", account.events());
}

#[test]
fn a_rollout_replaces_all_tasks_and_completes() {
    let mut account = Account::new(Scenario::Healthy, 1);
    let (id, arn) = account.deploy("v2");

    let service = account.service();
    let [new, old] = service["deployments"].as_array().unwrap().as_slice() else { panic!("{service}") };
    assert_eq!(
        (&new["id"], &new["status"], &new["rolloutState"]),
        (&json!(id), &json!("PRIMARY"), &json!("IN_PROGRESS"))
    );
    assert_eq!(new["rolloutStateReason"], format!("ECS deployment {id} in progress."));
    assert_eq!((&old["status"], &old["rolloutState"]), (&json!("ACTIVE"), &json!("COMPLETED")));
    assert_eq!(old["runningCount"], 2);

    let service = account.watch(200, |service| rollout_state(service) == "COMPLETED").unwrap();
    let [only] = service["deployments"].as_array().unwrap().as_slice() else { panic!("{service}") };
    assert_eq!((&only["id"], &only["taskDefinition"]), (&json!(id), &json!(arn)));
    assert_eq!(only["rolloutStateReason"], format!("ECS deployment {id} completed."));
    assert_eq!((&service["runningCount"], &service["pendingCount"]), (&json!(2), &json!(0)));
    for task in account.tasks("RUNNING") {
        assert_eq!(task["taskDefinitionArn"], arn);
        assert_eq!(task["startedBy"], id);
        assert_eq!(task["lastStatus"], "RUNNING");
        assert_eq!(task["group"], "service:api");
        assert!(task["containers"][0]["imageDigest"].as_str().unwrap().starts_with("sha256:"));
    }
    for task in account.tasks("STOPPED") {
        assert_eq!(task["stopCode"], "ServiceSchedulerInitiated");
        let reason = task["stoppedReason"].as_str().unwrap();
        assert!(reason.starts_with("Scaling activity initiated by (deployment ecs-svc/"), "{reason}");
    }
    let truth = account.world.truth(CLUSTER, SERVICE).unwrap();
    assert_eq!(truth.lowest_healthy, 2);
    assert!(truth.healthy.unwrap() < truth.completed.unwrap());
    let took = truth.time_to_completed().unwrap().as_secs();
    assert!((60..=100).contains(&took), "{took} virtual seconds");
    for wanted in [
        "has started 2 tasks: (task ",
        "registered 1 targets in (target-group ",
        "has begun draining connections on ",
        "has reached a steady state.",
    ] {
        assert!(account.events().iter().any(|event| event.contains(wanted)), "{wanted}");
    }
}

fn count(tasks: &[Value], status: &str) -> usize {
    tasks.iter().filter(|task| task["lastStatus"] == status).count()
}

/// At every instant: RUNNING tasks at most floor(d × max), healthy targets at least ceil(d × min).
#[test]
fn the_bounds_hold_all_the_way() {
    let shapes =
        [(2, 100, 200), (4, 50, 100), (3, 66, 150), (1, 100, 200), (5, 100, 120), (4, 0, 100), (7, 80, 130)];
    for seed in 0..21 {
        let (desired, minimum, maximum) = shapes[seed % shapes.len()];
        let shape = Shape { desired, minimum, maximum, ..Shape::default() };
        let mut account = Account::with(Scenario::Healthy, seed as u64, &shape);
        let (lower, upper) = ((desired * minimum).div_ceil(100) as usize, (desired * maximum / 100) as usize);
        account.deploy("v2");
        let mut completed = false;
        for _ in 0..4000 {
            let mut tasks = account.tasks("RUNNING");
            tasks.extend(account.tasks("STOPPED"));
            let running = count(&tasks, "RUNNING");
            assert!(running <= upper, "seed {seed}: {running} running, at most {upper}");
            let healthy = account.target_states().iter().filter(|state| *state == "healthy").count();
            assert!(healthy >= lower, "seed {seed}: {healthy} healthy, at least {lower}");
            if rollout_state(&account.service()) == "COMPLETED" {
                completed = true;
                break;
            }
            account.wait_ms(1237);
        }
        assert!(completed, "seed {seed}");
        let truth = account.world.truth(CLUSTER, SERVICE).unwrap();
        assert!(truth.lowest_healthy >= lower, "seed {seed}: {truth:?}");
        assert_eq!(account.service()["runningCount"], desired);
    }
}

#[test]
fn a_task_goes_through_its_states_in_order() {
    const ORDER: [&str; 8] = [
        "PROVISIONING",
        "PENDING",
        "ACTIVATING",
        "RUNNING",
        "DEACTIVATING",
        "STOPPING",
        "DEPROVISIONING",
        "STOPPED",
    ];
    let mut account = Account::new(Scenario::Healthy, 3);
    let old = account.tasks("RUNNING")[0]["taskArn"].clone();
    account.deploy("v2");
    let mut seen: Vec<String> = Vec::new();
    let mut flipped_while = None;
    for _ in 0..2000 {
        let answer = account.ecs("DescribeTasks", &json!({ "cluster": CLUSTER, "tasks": [old] })).unwrap();
        let task = &answer["tasks"][0];
        let status = task["lastStatus"].as_str().unwrap().to_owned();
        if task["desiredStatus"] == "STOPPED" && flipped_while.is_none() {
            flipped_while = Some(status.clone());
        }
        if seen.last() != Some(&status) {
            seen.push(status);
        }
        account.wait_ms(100);
    }
    assert_eq!(seen, ORDER[3..]);
    assert_eq!(flipped_while.as_deref(), Some("RUNNING"));

    let mut account = Account::new(Scenario::Healthy, 3);
    let (id, _) = account.deploy("v2");
    let mut seen: Vec<String> = Vec::new();
    for _ in 0..700 {
        let tasks = account.tasks("RUNNING");
        if let Some(task) = tasks.iter().find(|task| task["startedBy"] == id) {
            let status = task["lastStatus"].as_str().unwrap().to_owned();
            if seen.last() != Some(&status) {
                seen.push(status);
            }
        }
        account.wait_ms(100);
    }
    assert_eq!(seen, ORDER[..4]);
}

#[test]
fn without_a_load_balancer_health_is_the_containers_or_forty_seconds() {
    for health_check in [true, false] {
        let shape = Shape { load_balanced: false, health_check, ..Shape::default() };
        let mut account = Account::with(Scenario::Healthy, 5, &shape);
        account.deploy("v2");
        account.watch(300, |service| rollout_state(service) == "COMPLETED").unwrap();
        let expected = if health_check { "HEALTHY" } else { "UNKNOWN" };
        assert!(account.tasks("RUNNING").iter().all(|task| task["healthStatus"] == expected));
        let truth = account.world.truth(CLUSTER, SERVICE).unwrap();
        assert_eq!(truth.lowest_healthy, 2);
    }
}

#[test]
fn the_same_seed_gives_the_same_run_however_often_it_is_looked_at() {
    let run = |step_ms: u64| {
        let mut account = Account::new(Scenario::Healthy, 11);
        account.deploy("v2");
        for _ in 0..(120_000 / step_ms) {
            account.wait_ms(step_ms);
            account.service();
        }
        account.service()
    };
    assert_eq!(run(100), run(60_000));
}

#[test]
fn scaling_starts_no_deployment() {
    let mut account = Account::new(Scenario::Healthy, 2);
    let before = account.service()["deployments"][0]["id"].clone();
    account.update(&json!({ "desiredCount": 4 }));
    let service = account.watch(200, |service| service["runningCount"] == 4).unwrap();
    assert_eq!(service["deployments"][0]["id"], before);
    account.update(&json!({ "desiredCount": 1 }));
    account.watch(200, |service| service["runningCount"] == 1).unwrap();
    assert_eq!(account.service()["deployments"].as_array().unwrap().len(), 1);
}

#[test]
fn a_forced_deployment_replaces_tasks_of_the_same_revision() {
    let mut account = Account::new(Scenario::Healthy, 2);
    let old: Vec<Value> = account.tasks("RUNNING").iter().map(|task| task["taskArn"].clone()).collect();
    let before = account.service()["deployments"][0]["id"].clone();
    let revision = account.service()["taskDefinition"].clone();
    assert_eq!(account.update(&json!({ "taskDefinition": revision })), before);
    assert_ne!(account.update(&json!({ "forceNewDeployment": true })), before);
    account.watch(200, |service| rollout_state(service) == "COMPLETED").unwrap();
    assert!(account.tasks("RUNNING").iter().all(|task| !old.contains(&task["taskArn"])));
}

#[test]
fn bounds_that_permit_no_step_block_the_deployment() {
    let shape = Shape { desired: 1, minimum: 100, maximum: 100, ..Shape::default() };
    let mut account = Account::with(Scenario::Healthy, 2, &shape);
    account.deploy("v2");
    account.wait(600);
    assert_eq!(rollout_state(&account.service()), "IN_PROGRESS");
    let blocked = "was unable to stop or start tasks during a deployment because of the service deployment configuration.";
    let said = account.events().iter().filter(|event| event.contains(blocked)).count();
    assert_eq!(said, 1);
}
