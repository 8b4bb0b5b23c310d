//! What is decided of which snapshot.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Action, ImageFacts, Prices, Revision, Snapshot, plan};
use crate::aws::LiveService;
use crate::config::{ContainerConfig, ServiceConfig, TaskDefinitionSource, WaitFor};
use crate::error::ErrorKind;
use crate::image::Variant;
use crate::rollout::{EarlySuccess, TargetGroupRef, TargetKind};
use crate::secret::Secret;
use crate::task_definition::TaskDefinition;

const LIVE: &str = "arn:aws:ecs:eu-west-1:1:task-definition/web:7";
const OLD: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const NEW: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";

fn definition(digest: &str) -> TaskDefinition {
    let image = format!("1.dkr.ecr.eu-west-1.amazonaws.com/web@{digest}");
    TaskDefinition::from_value(json!({
        "family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
        "containerDefinitions": [{"name": "app", "image": image}]
    }))
    .unwrap()
}

fn snapshot(digest: &str) -> Snapshot {
    Snapshot {
        live: LiveService::testing(&[(LIVE, Some("COMPLETED"))]),
        live_definition: definition(OLD),
        base: definition(OLD),
        latest: Some((LIVE.into(), definition(OLD))),
        images: vec![ImageFacts {
            container: "app".into(),
            target: "1.dkr.ecr.eu-west-1.amazonaws.com/web:tag".parse().unwrap(),
            digest: digest.into(),
            ours: true,
            present: digest == OLD,
            variants: vec![Variant { platform: "linux/amd64".into(), size: 5_000_000 }],
        }],
        image_calls: Vec::new(),
        env_files: Vec::new(),
        service_definition: None,
        target_groups: Vec::new(),
        region: "eu-west-1".into(),
        prices: Prices::built_in().unwrap(),
        base_is_live: true,
        stored: HashMap::new(),
    }
}

/// A service that runs a revision with this container and has a steady deployment.
pub(super) fn snapshot_of(container: Value) -> Snapshot {
    let definition = TaskDefinition::from_value(json!({
        "family": "web",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "containerDefinitions": [container]
    }))
    .unwrap();
    Snapshot {
        live_definition: definition.clone(),
        base: definition.clone(),
        latest: Some((LIVE.into(), definition)),
        images: Vec::new(),
        ..snapshot(OLD)
    }
}

pub(crate) fn config() -> ServiceConfig {
    ServiceConfig {
        name: "web".into(),
        service: "web".into(),
        task_definition: TaskDefinitionSource::Live,
        service_definition: None,
        attributes: Default::default(),
        force_new_deployment: false,
        desired_count_from_file: false,
        containers: vec![ContainerConfig {
            name: None,
            image: None,
            env_files: Vec::new(),
            environment: Vec::new(),
            secrets: Vec::new(),
        }],
        wait_for: WaitFor::Steady,
        timeout: Duration::from_secs(60),
        stall_timeout: Duration::from_secs(60),
        max_failed_tasks: None,
        probe: None,
        rollback: true,
        scale_to_zero_on_first_failure: false,
        rollback_on_interrupt: false,
        skip_checks: Vec::new(),
        on_conflict: Default::default(),
    }
}

#[test]
fn the_same_digest_is_nothing_to_do() {
    let plan = plan(&config(), &snapshot(OLD)).unwrap();
    assert_eq!((plan.revision, plan.action), (Revision::Existing(LIVE.into()), Action::Nothing));
    assert_eq!(plan.changes, []);
}

#[test]
fn a_new_digest_is_a_new_revision_that_pins_it() {
    let plan = plan(&config(), &snapshot(NEW)).unwrap();
    assert_eq!((plan.revision, plan.action), (Revision::Register, Action::Update));
    let image = format!("1.dkr.ecr.eu-west-1.amazonaws.com/web@{NEW}");
    assert_eq!(plan.definition.image("app"), Some(image.as_str()));
    let subjects: Vec<_> = plan.changes.iter().map(|change| change.subject.as_str()).collect();
    assert_eq!(subjects, ["image of app", "task definition", "service web"]);
}

#[test]
fn a_revision_that_an_interrupted_run_left_behind_is_used() {
    let mut snapshot = snapshot(NEW);
    let arn = LIVE.replace(":7", ":8");
    snapshot.latest = Some((arn.clone(), definition(NEW)));
    let plan = plan(&config(), &snapshot).unwrap();
    assert_eq!((plan.revision, plan.action), (Revision::Existing(arn), Action::Update));
}

#[test]
fn a_deployment_that_ecs_completed_early_is_followed_while_tasks_are_missing() {
    for (early, running, follows) in [(true, 1, true), (true, 2, false), (false, 1, false)] {
        let mut snapshot = snapshot(OLD);
        snapshot.live = LiveService::testing(&[(LIVE, Some("COMPLETED"))]);
        snapshot.live.service.deployments[0].running = running;
        snapshot.live.rules.early_success =
            early.then_some(EarlySuccess { healthy_percent: 50, deferred: false });
        let plan = plan(&config(), &snapshot).unwrap();
        assert_eq!(matches!(plan.action, Action::Follow(_)), follows, "{early} {running}");
    }
}

#[test]
fn a_deployment_that_is_under_way_is_followed_and_not_started_again() {
    let mut snapshot = snapshot(OLD);
    snapshot.live = LiveService::testing(&[(LIVE, Some("IN_PROGRESS"))]);
    let plan = plan(&config(), &snapshot).unwrap();
    assert_eq!(plan.action, Action::Follow("ecs-svc/1".into()));
    assert_eq!(plan.changes.len(), 1);
}

#[test]
fn a_revision_whose_deployment_failed_is_deployed_again_and_never_called_unchanged() {
    let mut snapshot = snapshot(OLD);
    snapshot.live = LiveService::testing(&[(LIVE, Some("FAILED")), ("web:6", Some("COMPLETED"))]);
    let plan = plan(&config(), &snapshot).unwrap();
    assert_eq!(plan.action, Action::Redeploy);
    assert_eq!(plan.changes.len(), 1);
}

#[test]
fn the_plan_shows_no_value() {
    let mut config = config();
    config.containers[0].environment = vec![("TOKEN".into(), Secret::new("canary"))];
    let plan = plan(&config, &snapshot(OLD)).unwrap();
    assert_eq!(plan.action, Action::Update);
    assert!(!format!("{:?}", plan.changes).contains("canary"));
}

#[test]
fn what_cannot_be_deployed_is_refused_before_anything_is_sent() {
    type Spoil = fn(&mut Snapshot);
    let cases: [(Spoil, &str); 8] = [
        (
            |s| {
                s.live.target_groups = vec![TargetGroupRef {
                    arn: "tg".into(),
                    container_name: "app".into(),
                    container_port: 80,
                    kind: TargetKind::Ip,
                    health_check: None,
                }];
                s.base = TaskDefinition::from_value(
                    json!({"family": "web", "networkMode": "none", "containerDefinitions": [{"name": "app"}]}),
                )
                .unwrap();
            },
            "network mode none",
        ),
        (|s| s.live.service.status = "DRAINING".into(), "the service web is DRAINING"),
        (|s| s.live.controller = "CODE_DEPLOY".into(), "under CODE_DEPLOY control"),
        (|s| s.live.controller = "EXTERNAL".into(), "under EXTERNAL control"),
        (|s| s.live.strategy = "MAGENTA".into(), "uses the MAGENTA strategy"),
        (|s| s.live.rules.maximum_percent = 100, "can neither start nor stop a task"),
        (|s| s.images[0].variants[0].platform = "linux/arm64".into(), "exec format error"),
        (|s| s.images[0].variants[0].size = 21 << 30, "no space left on device"),
    ];
    for (spoil, expected) in cases {
        let mut snapshot = snapshot(NEW);
        spoil(&mut snapshot);
        let error = plan(&config(), &snapshot).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Preflight, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.hint_text().is_some(), "{error}");
    }
}

#[test]
fn percentages_block_only_where_neither_a_start_nor_a_stop_is_allowed() {
    // Desired, minimum, maximum, whether ECS could move (facts 3.5).
    for (desired, minimum, maximum, moves) in [
        (1, 100, 100, false),
        (2, 75, 125, false),
        (2, 50, 100, true),
        (4, 75, 125, true),
        (0, 100, 100, true),
    ] {
        let mut snapshot = snapshot(NEW);
        snapshot.live.service.desired_count = desired;
        snapshot.live.minimum_healthy_percent = minimum;
        snapshot.live.rules.maximum_percent = maximum;
        assert_eq!(plan(&config(), &snapshot).is_ok(), moves, "{desired} at {minimum}/{maximum}");
    }
}

#[test]
fn a_container_that_is_not_there_is_named() {
    let mut config = config();
    config.containers[0].name = Some("sidecar".into());
    config.containers[0].secrets = vec![("A".into(), "/a".into())];
    let error = plan(&config, &snapshot(OLD)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("no container `sidecar`"), "{error}");
}
