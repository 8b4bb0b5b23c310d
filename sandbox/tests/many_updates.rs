//! UpdateService in the middle of other deployments: the bounds hold, and the last one wins.
#![allow(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use landfall_sandbox::{Scenario, world::VirtualTime};
use serde_json::json;
use support::{Account, CLUSTER, SERVICE, Shape, rollout_state};

#[test]
fn a_newer_update_supersedes_the_one_under_way() {
    let mut account = Account::new(Scenario::Healthy, 6);
    let (second, _) = account.deploy("v2");
    account.wait(20);
    let (third, arn) = account.deploy("v3");
    let service = account.service();
    assert_eq!(service["deployments"].as_array().unwrap().len(), 3);
    assert_eq!(service["deployments"][0]["id"], third);
    let service = account.watch(300, |service| rollout_state(service) == "COMPLETED").unwrap();
    assert_eq!(service["taskDefinition"], arn);
    let gone = account.tasks("STOPPED");
    let reason = format!("Scaling activity initiated by (deployment {second})");
    assert_eq!(gone.iter().filter(|task| task["stoppedReason"] == reason.as_str()).count(), 2);
}

#[test]
fn putting_the_old_revision_back_early_keeps_its_tasks() {
    let mut account = Account::new(Scenario::Healthy, 6);
    let mut old: Vec<String> = names(&mut account);
    old.sort();
    account.deploy("v2");
    account.wait(25);
    let id = account.update(&json!({ "taskDefinition": "api:1" }));
    let service = account.watch(120, |service| rollout_state(service) == "COMPLETED").unwrap();
    assert_eq!(service["deployments"][0]["id"], id);
    let mut kept = names(&mut account);
    kept.sort();
    assert_eq!(kept, old);
    assert!(account.tasks("RUNNING").iter().all(|task| task["startedBy"] == id));
    assert_eq!(account.world.truth(CLUSTER, SERVICE).unwrap().lowest_healthy, 2);
}

fn names(account: &mut Account) -> Vec<String> {
    account.tasks("RUNNING").iter().map(|task| task["taskArn"].as_str().unwrap().to_owned()).collect()
}

/// A small generator of its own, so that a failing seed can be named.
fn draw(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below
}

#[test]
fn updates_at_any_time_keep_the_bounds_and_end_well() {
    for seed in 1..40_u64 {
        let mut state = seed;
        let (desired, minimum, maximum) =
            [(2, 100, 200), (3, 50, 150), (4, 75, 125)][draw(&mut state, 3) as usize];
        let shape = Shape { desired, minimum, maximum, ..Shape::default() };
        let mut account = Account::with(Scenario::Healthy, seed, &shape);
        let (lower, upper) = ((desired * minimum).div_ceil(100) as usize, (desired * maximum / 100) as usize);
        let mut last = String::new();
        for version in 2..7 {
            last = match draw(&mut state, 3) {
                0 => account.update(&json!({ "forceNewDeployment": true })),
                1 => account
                    .update(&json!({ "taskDefinition": "api:1", "forceNewDeployment": version % 2 == 0 })),
                _ => account.deploy(&format!("v{version}")).0,
            };
            let until = account.now + std::time::Duration::from_millis(draw(&mut state, 90_000));
            check(&mut account, until, lower, upper, seed);
        }
        let until = account.now + std::time::Duration::from_secs(600);
        check(&mut account, until, lower, upper, seed);
        let service = account.service();
        assert_eq!(rollout_state(&service), "COMPLETED", "seed {seed}");
        assert_eq!(service["deployments"][0]["id"], last, "seed {seed}");
        assert_eq!(service["deployments"].as_array().unwrap().len(), 1, "seed {seed}");
        assert_eq!(service["runningCount"], desired, "seed {seed}");
    }
}

fn check(account: &mut Account, until: VirtualTime, lower: usize, upper: usize, seed: u64) {
    while account.now < until {
        account.wait_ms(5_300);
        let running = account.service()["runningCount"].as_u64().unwrap() as usize;
        assert!(running <= upper, "seed {seed}: {running} running, at most {upper}");
        let truth = account.world.truth(CLUSTER, SERVICE).unwrap();
        assert!(truth.lowest_healthy >= lower, "seed {seed}: {truth:?}, at least {lower}");
    }
}
