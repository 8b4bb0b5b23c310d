//! BLUE_GREEN, LINEAR and CANARY through the binary, against the embedded stand-in: stages, traffic, pauses, and
//! the ways back.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use landfall_sandbox::{Options, Sandbox, Scenario, TargetGroupOptions};
use serde_json::{Value, json};

use crate::stage::{definition, lay_over, leading_to, seeded_image, serve};
use crate::support::{Landfall, Ran, api_calls, findings, signal, writes};

const ORDER: [&str; 11] = [
    "RECONCILE_SERVICE",
    "PRE_SCALE_UP",
    "SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
    "BAKE_TIME",
    "CLEAN_UP",
];

/// A service `web` on cluster `demo`, settled on revision 1 behind the target group `blue`.
struct Stage {
    sandbox: Sandbox,
}

impl Stage {
    async fn new(scenario: Scenario, more: &Value) -> Self {
        let options = Options { scenario, speed: 30.0, ..Options::default() };
        let sandbox = Sandbox::start(options).await.expect("it starts");
        sandbox.create_cluster("demo");
        let image = seeded_image(&sandbox);
        let blue = sandbox.create_target_group("blue", TargetGroupOptions::default());
        let green = sandbox.create_target_group("green", TargetGroupOptions::default());
        let app = json!({ "image": image, "portMappings": [{ "containerPort": 8080 }] });
        let mut service = json!({
            "desiredCount": 2,
            "loadBalancers": [{
                "targetGroupArn": blue,
                "containerName": "app",
                "containerPort": 8080,
                "advancedConfiguration": {
                    "alternateTargetGroupArn": green,
                    "productionListenerRule": "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener-rule/app/web/1/2/3",
                    "roleArn": "arn:aws:iam::000000000000:role/balancing",
                },
            }],
        });
        lay_over(&mut service, more);
        serve(&sandbox, &definition(&app), &service);
        Self { sandbox }
    }

    async fn with(scenario: Scenario, configuration: &Value) -> Self {
        Self::new(scenario, &json!({ "deploymentConfiguration": configuration })).await
    }

    fn landfall(&self, args: &[&str]) -> Landfall {
        let mut all = args.to_vec();
        all.extend(["--output", "json", "--cluster", "demo", "--service", "web"]);
        Landfall::new(&all).envs(&leading_to(&self.sandbox))
    }

    async fn run(&self, args: &[&str]) -> Ran {
        let landfall = self.landfall(args);
        tokio::task::spawn_blocking(move || landfall.run()).await.expect("it ran")
    }

    /// Starts it in the background.
    fn start(&self, args: &[&str]) -> Background {
        let mut child = self.landfall(args).into_command().stdout(Stdio::piped()).spawn().expect("it starts");
        let id = child.id();
        let lines = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, events) = tokio::sync::mpsc::unbounded_channel();
        let reader = tokio::task::spawn_blocking(move || {
            for line in lines.lines() {
                let event: Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
                let _ = sender.send(event);
            }
            child.wait().expect("it ends").code()
        });
        Background { id, events, reader }
    }

    /// The revisions that the running tasks have.
    fn revisions(&self) -> Vec<String> {
        let tasks = self.sandbox.running_tasks("demo", "web");
        let mut revisions: Vec<String> = tasks
            .into_iter()
            .map(|task| task.task_definition.rsplit('/').next().expect("a revision").to_owned())
            .collect();
        revisions.dedup();
        revisions
    }
}

/// A run in the background.
struct Background {
    id: u32,
    events: tokio::sync::mpsc::UnboundedReceiver<Value>,
    reader: tokio::task::JoinHandle<Option<i32>>,
}

impl Background {
    /// Waits for the next event of this kind.
    async fn until(&mut self, name: &str) -> Value {
        loop {
            let event = self.events.recv().await.unwrap_or_else(|| panic!("it ends without {name}"));
            if event["event"] == name {
                return event;
            }
        }
    }

    #[cfg(unix)]
    fn interrupt(&self) {
        signal("INT", self.id);
    }

    /// Waits for the end; the last event.
    async fn end(mut self, code: i32) -> Value {
        let mut last = Value::Null;
        while let Some(event) = self.events.recv().await {
            last = event;
        }
        assert_eq!(self.reader.await.expect("it was read"), Some(code), "{last}");
        last
    }
}

fn of_kind<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == name).collect()
}

fn percents(events: &[Value]) -> Vec<f64> {
    of_kind(events, "traffic_shifted")
        .iter()
        .map(|event| event["production_percent"].as_f64().expect("a number"))
        .collect()
}

/// The stages that were told, each once, in the order of ECS; a look a second does not see all of them.
#[track_caller]
fn stages(events: &[Value]) -> Vec<String> {
    let mut stages: Vec<String> = of_kind(events, "stage_changed")
        .iter()
        .filter_map(|event| event["stage"].as_str().map(str::to_owned))
        .collect();
    stages.dedup();
    let places: Vec<Option<usize>> =
        stages.iter().map(|stage| ORDER.iter().position(|known| known == stage)).collect();
    assert!(places.is_sorted() && places.iter().all(Option::is_some), "{stages:?}");
    stages
}

#[tokio::test(flavor = "multi_thread")]
async fn blue_green_is_followed_to_its_end() {
    let stage =
        Stage::with(Scenario::Healthy, &json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 2 })).await;
    let ran = stage.run(&["deploy", "-e", "A=1"]).await.expect_code(0);
    let (report, events) = (ran.report(), ran.events());
    let service = &report["services"][0];
    assert_eq!(service["verdict"], "succeeded", "{report}");
    assert!(service["healthy_at_ms"].is_u64(), "{report}");
    assert_eq!(service["zero_downtime"]["verdict"], "observed", "{report}");
    let seen = stages(&events);
    assert!(seen.contains(&"SCALE_UP".to_owned()) && seen.contains(&"BAKE_TIME".to_owned()), "{seen:?}");
    assert_eq!(percents(&events), [100.0]);
    assert!(!of_kind(&events, "baking").is_empty());
    let last = of_kind(&events, "stage_changed").pop().expect("a stage").clone();
    assert_eq!(last["status"], "SUCCESSFUL");
    let calls = api_calls(&report);
    assert_eq!(calls["ecs:UpdateService"], 1, "{calls:?}");
    assert_eq!(calls.get("ecs:StopServiceDeployment"), None);
    assert_eq!(stage.revisions(), ["web:2"]);

    // From the other target group and back.
    let ran = stage.run(&["deploy", "-e", "A=2"]).await.expect_code(0);
    assert_eq!(ran.report()["services"][0]["zero_downtime"]["verdict"], "observed", "{}", ran.all());
    assert_eq!(stage.revisions(), ["web:3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn canary_and_linear_tell_their_percentages() {
    let canary = json!({
        "strategy": "CANARY",
        "canaryConfiguration": { "canaryPercent": 12.5, "canaryBakeTimeInMinutes": 2 },
    });
    let linear = json!({
        "strategy": "LINEAR",
        "linearConfiguration": { "stepPercent": 40.0, "stepBakeTimeInMinutes": 2 },
    });
    for (configuration, expected) in [(canary, vec![12.5, 100.0]), (linear, vec![40.0, 80.0, 100.0])] {
        let stage = Stage::with(Scenario::Healthy, &configuration).await;
        let ran = stage.run(&["deploy", "-e", "A=1"]).await.expect_code(0);
        assert_eq!(percents(&ran.events()), expected, "{}", ran.all());
        stages(&ran.events());
        assert_eq!(stage.revisions(), ["web:2"]);
    }
}

fn pauses_at(stage: &str) -> Value {
    json!({
        "strategy": "BLUE_GREEN",
        "lifecycleHooks": [{ "targetType": "PAUSE", "lifecycleStages": [stage] }],
    })
}

/// Deploys until it is paused, answers with `landfall continue`, and gives what the deployment ended with.
async fn answered(stage: &Stage, paused_at: &str, action: &str, code: i32) -> Value {
    let none = stage.run(&["continue"]).await.expect_code(3);
    assert!(none.all().contains("no service deployment of web is paused"), "{}", none.all());

    let mut deploy = stage.start(&["deploy", "-e", "A=1"]);
    let paused = deploy.until("paused").await;
    assert_eq!(paused["stage"], paused_at);
    assert!(paused["how"].as_str().expect("how").contains("`landfall continue web`"), "{paused}");
    assert_eq!(paused["timeout_action"], "ROLLBACK");

    let status = stage.run(&["status"]).await.expect_code(0);
    let shown = status.report()["services"][0]["reason"].as_str().expect("a reason").to_owned();
    assert!(shown.contains(paused_at) && shown.contains("paused"), "{shown}");
    assert_eq!(writes(&status.report()), Vec::<String>::new());

    let went_on = stage.run(&["continue", "--action", action]).await.expect_code(0);
    let reason = went_on.report()["services"][0]["reason"].as_str().expect("a reason").to_owned();
    assert!(reason.contains(&format!("was paused at {paused_at}")), "{reason}");
    assert_eq!(writes(&went_on.report()), ["ecs:ContinueServiceDeployment"]);

    deploy.end(code).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_answered_while_the_deployment_is_watched() {
    let stage = Stage::with(Scenario::Healthy, &pauses_at("PRE_PRODUCTION_TRAFFIC_SHIFT")).await;
    let report = answered(&stage, "PRE_PRODUCTION_TRAFFIC_SHIFT", "continue", 0).await;
    assert_eq!(report["verdict"], "succeeded", "{report}");
    assert_eq!(stage.revisions(), ["web:2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_can_be_answered_with_a_rollback() {
    let stage = Stage::with(Scenario::Healthy, &pauses_at("PRE_PRODUCTION_TRAFFIC_SHIFT")).await;
    let report = answered(&stage, "PRE_PRODUCTION_TRAFFIC_SHIFT", "rollback", 4).await;
    assert_eq!(report["verdict"], "rolled-back", "{report}");
    let service = &report["services"][0];
    assert_eq!(service["rolled_back_to"], service["previous_task_definition"], "{report}");
    assert_eq!(stage.revisions(), ["web:1"]);
}

fn rolling_pauses_at(stage: &str) -> Value {
    json!({ "lifecycleHooks": [{ "targetType": "PAUSE", "lifecycleStages": [stage] }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_update_that_is_paused_is_told_and_answered_like_the_others() {
    let stage = Stage::with(Scenario::Healthy, &rolling_pauses_at("PRE_SCALE_UP")).await;
    let report = answered(&stage, "PRE_SCALE_UP", "continue", 0).await;
    assert_eq!(report["verdict"], "succeeded", "{report}");
    assert!(report["services"][0]["steady_at_ms"].is_u64(), "{report}");
    assert_eq!(stage.revisions(), ["web:2"]);

    let stage = Stage::with(Scenario::Healthy, &rolling_pauses_at("POST_SCALE_UP")).await;
    let report = answered(&stage, "POST_SCALE_UP", "rollback", 4).await;
    assert_eq!(report["verdict"], "rolled-back", "{report}");
    stage.sandbox.settle().expect("it is steady");
    assert_eq!(stage.revisions(), ["web:1"]);
}

/// A second UpdateService would wait at the same hook, so ECS is told to go back.
#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_update_with_hooks_that_fails_is_stopped() {
    let stage = Stage::with(Scenario::Healthy, &rolling_pauses_at("PRE_SCALE_UP")).await;
    let ran = stage.run(&["deploy", "-e", "A=1", "--timeout", "4s"]).await.expect_code(6);
    let report = ran.report();
    let reason = report["services"][0]["reason"].as_str().expect("a reason").to_owned();
    assert!(reason.contains("PRE_SCALE_UP, paused; go on with: `landfall continue web`"), "{reason}");
    let calls = api_calls(&report);
    assert_eq!((calls["ecs:UpdateService"], calls["ecs:StopServiceDeployment"]), (1, 1), "{calls:?}");
    assert_eq!(stage.revisions(), ["web:1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_that_ecs_rolls_back_is_told_as_that() {
    let stage = Stage::with(Scenario::BreakerRollback, &json!({ "strategy": "CANARY" })).await;
    let ran = stage.run(&["deploy", "-e", "A=1"]).await.expect_code(4);
    let report = ran.report();
    assert_eq!(report["verdict"], "rolled-back", "{}", ran.all());
    assert!(findings(&report).contains(&"essential-container-exited".to_owned()), "{report}");
    let calls = api_calls(&report);
    assert_eq!((calls["ecs:UpdateService"], calls.get("ecs:StopServiceDeployment")), (1, None), "{calls:?}");
    let events = ran.events();
    let started = of_kind(&events, "rollback_started");
    assert_eq!((started.len(), &started[0]["by"]), (1, &json!("ecs")), "{started:?}");
    assert_eq!(of_kind(&events, "rollback_finished").len(), 1);
    assert_eq!(percents(&events), Vec::<f64>::new());
    assert_eq!(stage.revisions(), ["web:1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_succeed_is_stopped_and_rolled_back() {
    for (scenario, finding) in [
        (Scenario::CrashLoop, "essential-container-exited"),
        (Scenario::UnhealthyTarget, "elb-health-check-failed"),
        (Scenario::ImageNotFound, "image-not-found"),
    ] {
        let stage = Stage::with(scenario, &json!({ "strategy": "BLUE_GREEN" })).await;
        let ran = stage.run(&["deploy", "-e", "A=1"]).await.expect_code(4);
        let report = ran.report();
        assert_eq!(report["verdict"], "rolled-back", "{scenario}: {report}");
        assert!(findings(&report).contains(&finding.to_owned()), "{scenario}: {report}");
        let calls = api_calls(&report);
        assert_eq!(calls["ecs:StopServiceDeployment"], 1, "{scenario}: {calls:?}");
        assert_eq!(calls["ecs:UpdateService"], 1, "{scenario}: {calls:?}");
        let service = &report["services"][0];
        assert_eq!(service["rolled_back_to"], service["previous_task_definition"], "{scenario}");
        assert_eq!(stage.revisions(), ["web:1"], "{scenario}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_has_ecs_go_back_where_that_is_wanted() {
    let configuration = json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 600 });
    // The sooner one comes before the service deployment is known.
    for event in ["service_updated", "baking"] {
        let stage = Stage::with(Scenario::Healthy, &configuration).await;
        let mut deploy = stage.start(&["deploy", "-e", "A=1", "--on-interrupt", "rollback"]);
        deploy.until(event).await;
        deploy.interrupt();
        let started = deploy.until("rollback_started").await;
        assert_eq!(started["reason"], "the run was interrupted", "{started}");
        let report = deploy.end(130).await;
        let reason = report["services"][0]["reason"].as_str().expect("a reason").to_owned();
        assert!(reason.contains("web:1"), "{event}: {report}");
        let calls = api_calls(&report);
        assert_eq!((calls["ecs:UpdateService"], calls["ecs:StopServiceDeployment"]), (1, 1), "{calls:?}");
        stage.sandbox.settle().expect("it is steady");
        assert_eq!(stage.revisions(), ["web:1"], "{event}");
    }
    // Otherwise ECS goes on with its stages.
    let stage = Stage::with(Scenario::Healthy, &configuration).await;
    let mut deploy = stage.start(&["deploy", "-e", "A=1"]);
    deploy.until("baking").await;
    deploy.interrupt();
    let report = deploy.end(130).await;
    assert_eq!(api_calls(&report).get("ecs:StopServiceDeployment"), None);
    assert!(stage.revisions().contains(&"web:2".to_owned()), "{report}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_put_back_for_an_interrupt_is_an_error() {
    for (configuration, action) in [
        (json!({ "strategy": "ROLLING" }), "ecs:UpdateService"),
        (json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 600 }), "ecs:StopServiceDeployment"),
    ] {
        let stage = Stage::with(Scenario::Slow, &configuration).await;
        let mut deploy = stage.start(&["deploy", "-e", "A=1", "--on-interrupt", "rollback"]);
        deploy.until("task_changed").await;
        stage.sandbox.deny_action(action);
        deploy.interrupt();
        deploy.until("interrupted").await;
        let report = deploy.end(8).await;
        let error = report["error"]["message"].as_str().expect("an error");
        assert!(
            error.starts_with("the run was interrupted, and the service could not be put back"),
            "{error}"
        );
        assert!(error.contains("AccessDenied") && error.contains(action), "{error}");
        let service = &report["services"][0];
        assert_eq!(service["verdict"], "interrupted", "{report}");
        assert!(service["reason"].as_str().expect("a reason").starts_with("ECS goes on with"), "{report}");
        assert_eq!(report["verdict"], "failed");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_before_the_service_is_touched_has_nothing_to_put_back() {
    let configuration = json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 600 });
    let stage = Stage::with(Scenario::Healthy, &configuration).await;
    stage.run(&["deploy", "-e", "A=1", "--wait-for", "none"]).await.expect_code(0);
    let waits = ["deploy", "-e", "B=1", "--on-conflict", "wait", "--on-interrupt", "rollback"];
    let mut deploy = stage.start(&waits);
    let warning = deploy.until("warning").await;
    assert!(warning["message"].as_str().expect("a message").contains("waiting for its end"), "{warning}");
    deploy.interrupt();
    let report = deploy.end(130).await;
    assert_eq!(writes(&report), Vec::<String>::new());
    assert_eq!(report["services"][0]["reason"], "the service was not updated; run the same command again");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_deployment_is_told_as_that() {
    let stage = Stage::with(Scenario::Superseded, &json!({ "strategy": "BLUE_GREEN" })).await;
    let ran = stage.run(&["deploy", "-e", "A=1"]).await.expect_code(7);
    assert_eq!(ran.report()["verdict"], "superseded");
    assert_eq!(api_calls(&ran.report()).get("ecs:StopServiceDeployment"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_limit_before_the_new_tasks_are_healthy_puts_the_service_back() {
    let stage = Stage::with(Scenario::Slow, &json!({ "strategy": "BLUE_GREEN" })).await;
    let ran = stage.run(&["deploy", "-e", "A=1", "--timeout", "3s"]).await;
    let report = ran.report();
    assert_eq!(report["verdict"], "timed-out", "{}", ran.all());
    assert_eq!(ran.code(), 6);
    assert!(report["services"][0]["reason"].as_str().expect("a reason").contains("SCALE_UP"), "{report}");
    assert_eq!(api_calls(&report)["ecs:StopServiceDeployment"], 1);
    // Without leave to roll back it is left alone.
    let stage = Stage::with(Scenario::Slow, &json!({ "strategy": "BLUE_GREEN" })).await;
    let ran =
        stage.run(&["deploy", "-e", "A=1", "--timeout", "2s", "--rollback", "never"]).await.expect_code(6);
    assert_eq!(api_calls(&ran.report()).get("ecs:StopServiceDeployment"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_healthy_ends_when_all_traffic_is_on_the_new_revision() {
    let stage =
        Stage::with(Scenario::Healthy, &json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 600 })).await;
    let ran = stage.run(&["deploy", "-e", "A=1", "--wait-for", "healthy"]).await.expect_code(0);
    assert_eq!(percents(&ran.events()), [100.0]);
    assert_eq!(stage.revisions().len(), 2, "the old revision is kept for the bake time");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_controllers_are_refused_before_anything_is_changed() {
    for controller in ["CODE_DEPLOY", "EXTERNAL"] {
        let more = json!({ "deploymentController": { "type": controller } });
        let stage = Stage::new(Scenario::Healthy, &more).await;
        let ran = stage.run(&["deploy", "-e", "A=1"]).await.expect_code(3);
        assert!(
            ran.all().contains(&format!("the service web is under {controller} control")),
            "{}",
            ran.all()
        );
        assert!(ran.all().contains("nothing was changed"), "{}", ran.all());
        assert_eq!(writes(&ran.report()), Vec::<String>::new());
    }
}
