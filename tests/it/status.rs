//! `landfall status`: how a service stands, and nothing is changed.

use std::time::Duration;

use landfall::event::Event;
use landfall_sandbox::{Scenario, TargetGroupOptions};
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::simulated::run::{CLUSTER, SERVICE};
use crate::simulated::{Service, look_on};
use crate::stage::LongLived;
use crate::support::{Landfall, signal, writes};

const HELLO: &str = "examples/hello/landfall.yml";

#[test]
fn a_service_is_shown_before_during_and_after_a_deployment() {
    let sandbox = LongLived::start(&["--config", HELLO, "--scenario", "slow"]);
    let status = |output: &str| {
        let ran = sandbox.landfall(&["status", "--config", HELLO, "--output", output]).run().expect_code(0);
        if output == "json" {
            assert_eq!(writes(&ran.report()), Vec::<String>::new());
        }
        ran
    };
    let reason = |ran: &crate::support::Ran| {
        ran.report()["services"][0]["reason"].as_str().expect("a reason").to_owned()
    };
    assert_eq!(reason(&status("json")), "hello:1 is steady: 2 of 2 tasks healthy");
    let shown = status("plain").stdout();
    assert!(shown.contains("hello: hello:1 is steady: 2 of 2 tasks healthy\n"), "{shown}");
    assert!(shown.contains("  deployment        hello:1 PRIMARY COMPLETED: 2 of 2 running\n"), "{shown}");
    assert_eq!(shown.matches("RUNNING, target healthy").count(), 2, "{shown}");
    assert!(!shown.contains("(new)"), "nothing is new here: {shown}");

    let deploy = ["deploy", "--config", HELLO, "--wait-for", "none"];
    sandbox.landfall(&deploy).run().expect_code(0);
    let during = reason(&status("json"));
    assert!(during.starts_with("hello:2 is on its way: "), "{during}");
    // Another run follows it to its end.
    sandbox.landfall(&["deploy", "--config", HELLO]).run().expect_code(0);
    assert_eq!(reason(&status("json")), "hello:2 is steady: 2 of 2 tasks healthy");
}

#[test]
fn a_failure_that_goes_on_is_explained() {
    let sandbox = LongLived::start(&["--config", HELLO, "--scenario", "image-not-found"]);
    let deploy = ["deploy", "--config", HELLO, "--rollback", "never"];
    sandbox.landfall(&deploy).run().expect_code(5);
    let shown =
        sandbox.landfall(&["status", "--config", HELLO, "--output", "plain"]).run().expect_code(0).stdout();
    assert!(shown.contains("hello:2 is on its way"), "{shown}");
    assert!(shown.contains("(image-not-found, "), "{shown}");
}

#[test]
fn a_service_that_is_not_there_is_one_clear_error() {
    let sandbox = LongLived::start(&["--config", HELLO]);
    let args = ["status", "--cluster", "demo", "--service", "nobody"];
    let ran = sandbox.landfall(&args).run().expect_code(3);
    assert!(ran.all().contains("there is no service nobody in cluster demo"), "{}", ran.all());
    let ran = Landfall::new(&["status", "--service", "x"]).run().expect_code(2);
    assert!(ran.all().contains("cluster"), "{}", ran.all());
}

/// On paused time: while nothing is under way few calls are made, and during a deployment no more than the deployment
/// itself makes.
#[tokio::test(start_paused = true)]
async fn watching_costs_few_calls() {
    let wire = Service {
        scenario: Scenario::Healthy,
        desired: 2,
        minimum_healthy_percent: 100,
        maximum_percent: 200,
        target_groups: vec![TargetGroupOptions::default()],
        health_check_interval: None,
        breaker: false,
    }
    .build(11);
    let interrupt = CancellationToken::new();
    let seen = tokio::spawn({
        let (wire, interrupt) = (wire.clone(), interrupt.clone());
        async move { look_on(&wire, &interrupt).await }
    });
    let calls = async |minutes: u64| {
        let before = wire.calls().len();
        tokio::time::sleep(Duration::from_secs(60 * minutes)).await;
        (wire.calls().len() - before) as f64 / (60 * minutes) as f64
    };
    let resting = calls(10).await;
    assert!(resting <= 1.0, "{resting} calls a second while nothing moves");
    // Somebody deploys, without the calls of a second watcher.
    let again = json!({ "cluster": CLUSTER, "service": SERVICE, "forceNewDeployment": true });
    wire.account().ecs("UpdateService", &again).expect("an update");
    let began = Instant::now();
    let moving = calls(5).await;
    assert!(moving <= 1.5, "{moving} calls a second");
    interrupt.cancel();
    let ended = seen.await.expect("it ends");
    let steady = |reason: &String| reason.contains("app:1 is steady: 2 of 2 tasks healthy");
    let report = &ended.state.services[0].report;
    assert!(report.reason.as_ref().is_some_and(steady), "{:?}", report.reason);
    let noticed = ended.events.iter().find(|(at, event)| {
        *at > began && matches!(event, Event::DeploymentChanged { .. } | Event::TaskChanged { .. })
    });
    let noticed = noticed.expect("the deployment is seen").0 - began;
    assert!(noticed < Duration::from_secs(4), "{noticed:?} on the clock of the test");
}

/// Ctrl-C is how it is meant to end.
#[cfg(unix)]
#[test]
fn watching_goes_on_until_a_signal_and_sees_the_next_deployment() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;

    let sandbox = LongLived::start(&["--config", HELLO]);
    let args = ["status", "--watch", "--config", HELLO, "--output", "json"];
    let mut child = sandbox.landfall(&args).into_command().stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut until = |what: &str| {
        let found = lines.by_ref().map(|line| line.expect("a line")).find(|line| line.contains(what));
        found.unwrap_or_else(|| panic!("{what} was not told"))
    };
    until("task-definition/hello:1");
    sandbox.landfall(&["deploy", "--config", HELLO, "--wait-for", "none"]).run().expect_code(0);
    until("task-definition/hello:2");
    signal("INT", child.id());
    until("run_finished");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}
