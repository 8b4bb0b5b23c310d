//! Whole deployments on paused time (see `simulated`).

use landfall::event::{Event, Verdict};
use landfall_sandbox::{Scenario, TargetGroupOptions};
use tokio_util::sync::CancellationToken;

use crate::simulated::{Faults, Plan, Service, deploy, steady};

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
