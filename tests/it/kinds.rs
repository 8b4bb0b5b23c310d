//! `landfall deploy` on paused time (see `simulated`) to services of other kinds than the ordinary one: DAEMON,
//! targets of EC2 instances, alarms, early success, restarts in place.

use std::time::Duration;

use landfall::event::{Event, Verdict, ZeroDowntimeVerdict};
use landfall_sandbox::{InProcess, Mishap, Options, TargetGroupOptions};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::simulated::run::{CLUSTER, Ended, SERVICE};
use crate::simulated::{Plan, Wire, deploy};

/// A steady service. `definition` and `service` are put over an ordinary one of two tasks on Fargate; what is null in
/// them is left out.
struct Kind {
    instances: usize,
    definition: Value,
    container: Value,
    service: Value,
    target_group: Option<TargetGroupOptions>,
    denied: Option<&'static str>,
}

impl Default for Kind {
    fn default() -> Self {
        Self {
            instances: 0,
            definition: json!({}),
            container: json!({}),
            service: json!({}),
            target_group: Some(TargetGroupOptions::default()),
            denied: None,
        }
    }
}

fn joined(mut base: Value, more: &Value) -> Value {
    base.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    base
}

fn put_over(base: Value, more: &Value) -> Value {
    let mut whole = joined(base, more);
    whole.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    whole
}

impl Kind {
    /// On EC2 instances, in network mode `bridge`.
    fn on_instances(instances: usize, service: &Value) -> Self {
        Self {
            instances,
            definition: json!({ "networkMode": "bridge", "requiresCompatibilities": ["EC2"] }),
            service: joined(json!({ "launchType": "EC2", "networkConfiguration": null }), service),
            target_group: Some(TargetGroupOptions {
                instance_targets: true,
                ..TargetGroupOptions::default()
            }),
            ..Self::default()
        }
    }

    fn build(&self) -> Wire {
        let account = self.account();
        self.create(&account);
        account.settle().expect("a steady service");
        Wire::new(account, 1)
    }

    fn account(&self) -> InProcess {
        let account = InProcess::new(Options {
            speed: 1.0,
            denied_actions: self.denied.iter().map(|action| (*action).to_owned()).collect(),
            ..Options::default()
        });
        account.create_cluster(CLUSTER);
        for _ in 0..self.instances {
            account.add_instance(CLUSTER);
        }
        account
    }

    fn create(&self, account: &InProcess) {
        let balancers: Vec<Value> = self
            .target_group
            .iter()
            .map(|options| account.create_target_group("tg", options.clone()))
            .map(|arn| json!({ "targetGroupArn": arn, "containerName": "app", "containerPort": 8080 }))
            .collect();
        let container = put_over(
            json!({
                "name": "app",
                "image": "registry.example.com/app:1",
                "portMappings": [{ "containerPort": 8080 }],
                "environment": [{ "name": "RELEASE", "value": "1" }],
            }),
            &self.container,
        );
        let definition = put_over(
            json!({
                "family": "app",
                "requiresCompatibilities": ["FARGATE"],
                "networkMode": "awsvpc",
                "cpu": "256",
                "memory": "512",
                "containerDefinitions": [container],
            }),
            &self.definition,
        );
        account.ecs("RegisterTaskDefinition", &definition).expect("a revision");
        let service = put_over(
            json!({
                "cluster": CLUSTER,
                "serviceName": SERVICE,
                "taskDefinition": "app:1",
                "desiredCount": 2,
                "launchType": "FARGATE",
                "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-0a"], "securityGroups": ["sg-0a"], "assignPublicIp": "ENABLED" } },
                "loadBalancers": balancers,
            }),
            &self.service,
        );
        account.ecs("CreateService", &service).expect("a service");
    }
}

async fn run(wire: &Wire) -> Ended {
    deploy(wire, &Plan::default(), &CancellationToken::new()).await
}

#[track_caller]
fn succeeded(ended: &Ended) {
    let reports = &ended.state.services;
    assert_eq!(ended.verdict(), Verdict::Succeeded, "{:?} {:?}", ended.state.error, reports);
}

fn reason(ended: &Ended) -> String {
    ended.state.services[0].report.reason.clone().unwrap_or_default()
}

fn asked(wire: &Wire, operation: &str) -> usize {
    wire.calls().iter().filter(|call| call.operation == operation).count()
}

fn targets(ended: &Ended) -> Vec<&str> {
    let told = ended.events.iter().filter_map(|(_, event)| match event {
        Event::TaskChanged { task } => task.targets.first().map(|target| target.state.as_str()),
        _ => None,
    });
    told.collect()
}

#[tokio::test(start_paused = true)]
async fn tasks_are_matched_to_instance_targets_by_instance_and_host_port() {
    let wire = Kind::on_instances(2, &json!({ "desiredCount": 4 })).build();
    let ended = run(&wire).await;
    succeeded(&ended);
    assert!(targets(&ended).contains(&"healthy"), "{:?}", ended.events);
    let measured = ended.state.services[0].report.zero_downtime.clone().expect("a measurement");
    assert_eq!((measured.verdict, measured.lowest), (ZeroDowntimeVerdict::Observed, 4));
    // Each instance is asked for once.
    assert_eq!(asked(&wire, "DescribeContainerInstances"), 1);
}

#[tokio::test(start_paused = true)]
async fn on_fargate_no_instance_is_asked_for() {
    let wire = Kind::default().build();
    succeeded(&run(&wire).await);
    assert_eq!(asked(&wire, "DescribeContainerInstances"), 0);
}

#[tokio::test(start_paused = true)]
async fn without_the_permission_it_is_said_what_was_not_checked_and_nothing_hangs() {
    let denied = Some("ecs:DescribeContainerInstances");
    let wire = Kind { denied, ..Kind::on_instances(2, &json!({})) }.build();
    let ended = run(&wire).await;
    succeeded(&ended);
    assert!(reason(&ended).contains("ecs:DescribeContainerInstances is denied"), "{}", reason(&ended));
    let warnings: Vec<_> = ended
        .events
        .iter()
        .filter(|(_, event)| {
            matches!(event, Event::Warning { message, .. } if message.contains("which target is which task is not checked"))
        })
        .collect();
    assert_eq!(warnings.len(), 1);
    assert_eq!(asked(&wire, "DescribeContainerInstances"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_daemon_service_is_followed_one_instance_after_the_other() {
    let daemon = json!({
        "schedulingStrategy": "DAEMON",
        "desiredCount": null,
        "deploymentConfiguration": { "minimumHealthyPercent": 60, "maximumPercent": 100 },
    });
    let wire = Kind::on_instances(3, &daemon).build();
    let ended = run(&wire).await;
    succeeded(&ended);
    let measured = ended.state.services[0].report.zero_downtime.clone().expect("a measurement");
    assert_eq!((measured.verdict, measured.floor, measured.lowest), (ZeroDowntimeVerdict::Observed, 2, 2));
    let sent = wire.account().service(CLUSTER, SERVICE).expect("a service");
    assert_eq!(sent["desiredCount"], 3);
}

/// `desiredCount` may not be sent for it.
#[tokio::test(start_paused = true)]
async fn a_daemon_service_that_never_worked_cannot_be_scaled_to_zero() {
    let daemon = json!({ "schedulingStrategy": "DAEMON", "desiredCount": null });
    let kind = Kind::on_instances(1, &daemon);
    let account = kind.account();
    account.settle().expect("nothing is there");
    account.ordain(Mishap::ImageNotFound, None);
    kind.create(&account);
    let wire = Wire::new(account, 1);
    let plan = Plan { scale_to_zero: true, ..Plan::default() };
    let ended = deploy(&wire, &plan, &CancellationToken::new()).await;
    assert_eq!(ended.verdict(), Verdict::Failed, "{:?}", ended.state.error);
    assert!(reason(&ended).contains("nobody can scale a DAEMON service to zero"), "{}", reason(&ended));
}

#[tokio::test(start_paused = true)]
async fn while_ecs_watches_alarms_the_wait_says_so() {
    let alarms = json!({ "alarms": { "enable": true, "rollback": true, "alarmNames": ["web-5xx"] } });
    let wire = Kind { service: json!({ "deploymentConfiguration": alarms }), ..Kind::default() }.build();
    let ended = run(&wire).await;
    succeeded(&ended);
    let said: Vec<&str> = ended
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Waiting { reason, .. } => reason.as_deref(),
            _ => None,
        })
        .collect();
    assert!(said.len() > 3, "{said:?}");
    assert!(said.iter().all(|reason| reason.contains("ECS watches the alarm web-5xx")), "{said:?}");
    let healthy = ended.when(|event| matches!(event, Event::Healthy { .. })).expect("healthy");
    assert!(ended.at - healthy >= Duration::from_secs(120));
}

#[tokio::test(start_paused = true)]
async fn early_success_of_ecs_is_no_success_here_before_every_task_is_healthy() {
    let early = json!({
        "minimumHealthyPercent": 50,
        "maximumPercent": 100,
        "earlySuccessCriteria": { "enable": true, "healthyPercent": 50, "sourceServiceRevisionCleanup": "DEFERRED" },
    });
    let service = json!({ "desiredCount": 4, "deploymentConfiguration": early });
    let wire = Kind { service, ..Kind::default() }.build();
    let ended = run(&wire).await;
    succeeded(&ended);
    let completed = ended.when(|event| {
        matches!(event, Event::DeploymentChanged { deployment }
            if deployment.status == "PRIMARY" && deployment.rollout_state.as_deref() == Some("COMPLETED")
                && deployment.task_definition.ends_with(":2"))
    });
    let healthy = ended.when(|event| matches!(event, Event::Healthy { .. })).expect("healthy");
    assert!(completed.expect("COMPLETED was seen") < healthy);
}

#[tokio::test(start_paused = true)]
async fn a_crash_loop_that_a_restart_policy_hides_is_a_finding_with_the_exit_code_and_ends_the_rollout() {
    let container = json!({
        "restartPolicy": { "enabled": true, "restartAttemptPeriod": 60 },
        // Its task is RUNNING for longer than the period before it can be healthy.
        "healthCheck": { "command": ["CMD-SHELL", "true"], "interval": 300 },
    });
    let wire = Kind { container, target_group: None, ..Kind::default() }.build();
    wire.account().ordain(Mishap::ExitsWhileRunning { code: 3, after: Duration::from_secs(65) }, None);
    let ended = run(&wire).await;
    assert_eq!(ended.verdict(), Verdict::RolledBack, "{}", reason(&ended));
    assert_eq!(ended.codes(), ["container-restarting"]);
    let finding = &ended.state.services[0].report.findings[0];
    assert!(finding.evidence[0].contains("restarted in place (1 restart seen): exit code 3"), "{finding:?}");
    assert!(
        reason(&ended).starts_with("A container restarted inside a RUNNING task (3 times)"),
        "{}",
        reason(&ended)
    );
    let logs = &ended.state.services[0].report.logs;
    assert_eq!(
        logs.iter().map(|log| (log.container.as_str(), log.exit_code)).collect::<Vec<_>>(),
        [("app", Some(3))]
    );
}
