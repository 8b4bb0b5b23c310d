//! Whole deployments on paused time (see `simulated`).

use std::time::Duration;

use landfall::event::{Event, Verdict};
use landfall_sandbox::{Mishap, Scenario, TargetGroupOptions};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::simulated::run::{CLUSTER, SERVICE};
use crate::simulated::{Call, Faults, Plan, Service, Wire, deploy, deploy_all, steady};

fn service() -> Service {
    Service {
        scenario: Scenario::Healthy,
        desired: 2,
        minimum_healthy_percent: 100,
        maximum_percent: 200,
        target_groups: vec![TargetGroupOptions::default()],
        health_check_interval: None,
        breaker: false,
    }
}

#[tokio::test(start_paused = true)]
async fn an_ordinary_rollout_is_seen_within_a_second_and_costs_few_calls() {
    let wire = service().build(1);
    let group = TargetGroupOptions { deregistration_delay_s: 120, ..TargetGroupOptions::default() };
    let wire = Service { target_groups: vec![group], ..service() }.build(wire.calls().len() as u64 + 1);
    let ended = deploy(&wire, &Plan::default(), &CancellationToken::new()).await;
    assert_eq!(ended.verdict(), Verdict::Succeeded, "{:?}", ended.state.error);
    let now = steady(&wire, ended.deployment().expect("a deployment"));
    assert!(now.steady, "{now:?}");
    let began = ended.when(|event| matches!(event, Event::ServiceUpdated { .. })).expect("an update");
    let calls = wire.calls().iter().filter(|call| call.at > began).count();
    let seconds = (ended.at - began).as_secs_f64();
    println!("{calls} calls in {seconds:.0} s: {:.2} a second", calls as f64 / seconds);
    assert!(calls as f64 / seconds <= 1.5, "{calls} calls in {seconds} s");
}

/// Where nothing was ever good there is nothing to go back to.
#[tokio::test(start_paused = true)]
async fn a_first_deployment_that_fails_is_stopped_where_that_is_wanted() {
    for scale_to_zero in [false, true] {
        let account = service().account(7);
        account.settle().expect("nothing is there");
        account.ordain(Mishap::ImageNotFound, None);
        service().create(&account);
        let wire = Wire::new(account, 7);
        let plan = Plan { scale_to_zero, ..Plan::default() };
        let ended = deploy(&wire, &plan, &CancellationToken::new()).await;
        assert_eq!(ended.verdict(), Verdict::Failed, "{:?}", ended.state);
        let wanted = &wire.account().service(CLUSTER, SERVICE).expect("the service")["desiredCount"];
        assert_eq!(*wanted, if scale_to_zero { 0 } else { 2 });
        let reason = ended.state.services[0].report.reason.clone().expect("a reason");
        let said = if scale_to_zero { "so its desired count was set to 0" } else { "ECS goes on trying" };
        assert!(reason.contains("there is no earlier revision to go back to"), "{reason}");
        assert!(reason.contains(said), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wire_that_fails_does_not_fail_the_rollout() {
    let wire = service().build(3);
    wire.set_faults(Faults {
        throttled: 0.05,
        server_errors: 0.05,
        hangs: 0.01,
        resets: 0.03,
        lost_answers: 0.03,
        stale: 0.1,
    });
    let ended = deploy(&wire, &Plan::default(), &CancellationToken::new()).await;
    assert_eq!(ended.verdict(), Verdict::Succeeded, "{:?} {:?}", ended.state.error, ended.state.warnings);
}

/// What fails on the way back is explained as what failed on the way there: the last words of its containers, and how
/// the target groups check it.
#[tokio::test(start_paused = true)]
async fn a_rollback_that_fails_has_evidence_of_its_own() {
    let service = Service { minimum_healthy_percent: 0, maximum_percent: 100, ..service() };
    let wire = service.build(9);
    wire.account().ordain(Mishap::ExitsWhileStarting { code: 3 }, None);
    // On the way back a task of the old revision is killed.
    let kill = async {
        let updates = || wire.calls().iter().filter(|call| call.operation == "UpdateService").count();
        while updates() < 2 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        while !wire.account().kill_task(CLUSTER, SERVICE, 0) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let (plan, interrupt) = (Plan::default(), CancellationToken::new());
    let (ended, ()) = tokio::join!(deploy(&wire, &plan, &interrupt), kill);
    assert_eq!(ended.verdict(), Verdict::RolledBack, "{:?}", ended.state.services[0].report.reason);
    let back = ended.when(|event| matches!(event, Event::RollbackStarted { .. })).expect("it goes back");
    let told = |after: bool| {
        let logs = |event: &Event| matches!(event, Event::ContainerLogs(_));
        ended.events.iter().filter(|(at, event)| (*at >= back) == after && logs(event)).count()
    };
    assert!(told(false) > 0 && told(true) > 0, "{} before, {} after", told(false), told(true));
    let calls = wire.calls();
    let updated = calls.iter().find(|call| call.operation == "UpdateService").expect("an update").at;
    let asked = calls.iter().filter(|call| call.operation == "DescribeTargetGroups").map(|call| call.at);
    let asked = asked.filter(|at| *at >= updated);
    let asked: Vec<bool> = asked.map(|at| at >= back).collect();
    // What the plan has read a moment before counts for the way there.
    assert_eq!(asked, [true]);
}

/// The time at a pause is no stall, however long it is.
#[tokio::test(start_paused = true)]
async fn a_rolling_update_may_be_paused_for_longer_than_the_stall_timeout() {
    let wire = service().build(5);
    let ecs = |operation: &str, input: Value| wire.account().ecs(operation, &input).expect(operation);
    let service = json!({ "cluster": CLUSTER, "service": SERVICE });
    let hooks = json!([{ "targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"] }]);
    let configuration =
        json!({ "lifecycleHooks": hooks, "minimumHealthyPercent": 100, "maximumPercent": 200 });
    ecs(
        "UpdateService",
        json!({ "cluster": CLUSTER, "service": SERVICE, "deploymentConfiguration": configuration }),
    );
    let answer = async {
        let minutes = Duration::from_secs(20 * 60);
        tokio::time::sleep(minutes).await;
        let listed = ecs("ListServiceDeployments", service.clone())["serviceDeployments"].clone();
        let arns: Vec<&Value> =
            listed.as_array().expect("a list").iter().map(|it| &it["serviceDeploymentArn"]).collect();
        let found = ecs("DescribeServiceDeployments", json!({ "serviceDeploymentArns": arns }));
        for deployment in found["serviceDeployments"].as_array().expect("a list") {
            for hook in deployment["lifecycleHookDetails"].as_array().into_iter().flatten() {
                if hook["status"] == "AWAITING_ACTION" {
                    let arn = &deployment["serviceDeploymentArn"];
                    ecs(
                        "ContinueServiceDeployment",
                        json!({ "serviceDeploymentArn": arn, "hookId": hook["hookId"] }),
                    );
                }
            }
        }
        wire.calls().len() as f64 / minutes.as_secs_f64()
    };
    let plan = Plan { timeout: Duration::from_secs(3600), ..Plan::default() };
    let interrupt = CancellationToken::new();
    let (ended, rate) = tokio::join!(deploy(&wire, &plan, &interrupt), answer);
    assert_eq!(ended.verdict(), Verdict::Succeeded, "{:?}", ended.state.services[0].report.reason);
    assert!(ended.when(|event| matches!(event, Event::Paused { .. })).is_some());
    assert!(rate <= 1.5, "{rate} calls a second while it was paused");
}

/// A group of calls that an account may make so many of at once, and so many a second for long (facts 7.1, 7.2).
struct Bucket {
    members: &'static [&'static str],
    burst: f64,
    sustained: f64,
}

const BUCKETS: [Bucket; 6] = [
    Bucket { members: &["DescribeServices", "ListServices"], burst: 100.0, sustained: 20.0 },
    Bucket { members: &["DescribeTasks", "ListTasks"], burst: 100.0, sustained: 20.0 },
    Bucket { members: &["UpdateService"], burst: 50.0, sustained: 5.0 },
    Bucket { members: &["RegisterTaskDefinition"], burst: 20.0, sustained: 1.0 },
    Bucket { members: &["DescribeTaskDefinition"], burst: 50.0, sustained: 20.0 },
    // Of two rates that AWS's documents give, the lower one.
    Bucket { members: &["DescribeTargetHealth", "DescribeTargetGroups"], burst: 40.0, sustained: 10.0 },
];

impl Bucket {
    /// How many more calls there might have been at the worst instant; below zero, AWS would have throttled.
    fn least_left<'a>(&self, calls: impl Iterator<Item = &'a Call>) -> f64 {
        let (mut left, mut least) = (self.burst, self.burst);
        let mut before: Option<Instant> = None;
        for call in calls.filter(|call| self.members.contains(&call.operation.as_str())) {
            let passed = before.map_or(Duration::ZERO, |before| call.at - before);
            left = (left + passed.as_secs_f64() * self.sustained).min(self.burst) - 1.0;
            least = least.min(left);
            before = Some(call.at);
        }
        least
    }
}

#[test]
fn a_bucket_is_emptied_by_a_burst_and_filled_by_time() {
    let bucket = Bucket { members: &["ListTasks"], burst: 3.0, sustained: 1.0 };
    let began = Instant::now();
    let calls = |seconds: &[u64]| -> Vec<Call> {
        let call = |after: &u64| Call::testing(began + Duration::from_secs(*after), "ListTasks");
        seconds.iter().map(call).collect()
    };
    assert_eq!(bucket.least_left(calls(&[0, 0, 0]).iter()), 0.0);
    assert_eq!(bucket.least_left(calls(&[0, 0, 0, 0]).iter()), -1.0);
    assert_eq!(bucket.least_left(calls(&[0, 0, 0, 1, 2, 9, 9, 9]).iter()), 0.0);
}

/// Of twenty services that are deployed in one run, calls are shared and the account's rates are kept (facts 7.1, 7.3).
#[tokio::test(start_paused = true)]
async fn twenty_services_share_their_calls_and_stay_inside_the_rates() {
    fastrand::seed(20);
    let names: Vec<String> = (1..=20).map(|number| format!("service-{number}")).collect();
    let like = Service { desired: 6, ..service() };
    let account = like.account(20);
    for name in &names {
        like.create_as(&account, name, name);
    }
    account.settle().expect("steady services");
    let wire = Wire::new(account, 20);
    let ended = deploy_all(&wire, &Plan::default(), &names, &CancellationToken::new()).await;
    assert_eq!(ended.verdict(), Verdict::Succeeded, "{:?}", ended.state.error);
    assert!(ended.state.services.iter().all(|service| service.report.verdict == Verdict::Succeeded));

    let calls = wire.calls();
    for bucket in &BUCKETS {
        let left = bucket.least_left(calls.iter());
        println!("{:?}: {left:.1} of {} left at the worst instant", bucket.members, bucket.burst);
        assert!(left >= 0.0, "{:?} would have been throttled: {left}", bucket.members);
    }
    let began = ended.when(|event| matches!(event, Event::ServiceUpdated { .. })).expect("an update");
    let watching = || calls.iter().filter(|call| call.at > began);
    let named = |operation: &str, list: &str| -> Vec<usize> {
        watching().filter(|call| call.operation == operation).map(|call| call.named(list)).collect()
    };
    let services = named("DescribeServices", "services");
    let tasks = named("DescribeTasks", "tasks");
    let most = |counts: &[usize]| counts.iter().copied().max();
    assert_eq!(most(&services), Some(10), "{services:?}");
    assert_eq!(most(&tasks), Some(100), "{tasks:?}");

    let seconds = (ended.at - began).as_secs_f64();
    let average = watching().count() as f64 / seconds;
    let shared = |counts: &[usize]| counts.iter().sum::<usize>() as f64 / counts.len() as f64;
    println!(
        "{average:.1} calls a second for {seconds:.0} s; {:.1} services and {:.0} tasks in a call",
        shared(&services),
        shared(&tasks),
    );
    for operation in ["DescribeServices", "DescribeTasks", "ListTasks", "DescribeTargetHealth"] {
        let count = watching().filter(|call| call.operation == operation).count();
        println!("{operation}: {:.2} a second", count as f64 / seconds);
    }
    // Services that go on at the same time are asked about together.
    assert!(shared(&services) >= 5.0, "{services:?}");
}
