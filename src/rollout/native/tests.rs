//! The state machine of a service deployment, observation by observation.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Hook, Native, NativeFollowed, NativeObservation, NativeOutcome, RollbackTo, ServiceDeployment, Share,
};
use crate::event::Event;

fn native() -> Native {
    Native::new(NativeFollowed {
        task_definition: "web:4".to_owned(),
        earlier_task_definition: Some("web:3".to_owned()),
        name: "web".to_owned(),
        known: Vec::new(),
        until_healthy: false,
        timeout: Duration::from_secs(900),
        rolling: false,
        alternate_target_groups: Vec::new(),
    })
}

fn deployment(status: &str, stage: &str) -> ServiceDeployment {
    ServiceDeployment {
        arn: "arn:x".to_owned(),
        status: status.to_owned(),
        stage: Some(stage.to_owned()),
        target: Share { production_percent: Some(0.0), ..Share::default() },
        strategy: "CANARY".to_owned(),
        bake_time: Duration::from_secs(120),
        ..ServiceDeployment::default()
    }
}

fn at(seconds: u64, deployment: ServiceDeployment) -> NativeObservation {
    let start: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    let now = start.checked_add(Duration::from_secs(seconds)).unwrap();
    NativeObservation { at: Duration::from_secs(seconds), now, deployment: Some(deployment) }
}

#[test]
fn stages_and_traffic_are_told_once_and_unknown_names_as_they_are() {
    let mut native = native();
    let told = native.observe(at(1, deployment("IN_PROGRESS", "SOME_NEW_STAGE")), false);
    let stage = |stage: &str, status: &str| Event::StageChanged {
        stage: Some(stage.to_owned()),
        status: status.to_owned(),
        reason: None,
    };
    assert_eq!(told, [stage("SOME_NEW_STAGE", "IN_PROGRESS")]);
    assert_eq!(native.observe(at(2, deployment("IN_PROGRESS", "SOME_NEW_STAGE")), false), []);

    let mut shifted = deployment("IN_PROGRESS", "PRODUCTION_TRAFFIC_SHIFT");
    shifted.target.production_percent = Some(12.5);
    let told = native.observe(at(3, shifted.clone()), false);
    let traffic = Event::TrafficShifted { production_percent: 12.5, test_percent: None };
    assert_eq!(told, [stage("PRODUCTION_TRAFFIC_SHIFT", "IN_PROGRESS"), traffic]);
    assert_eq!(native.observe(at(4, shifted), false), []);
    assert_eq!(native.outcome(), None);
}

#[test]
fn the_bake_time_is_counted_down() {
    let mut native = native();
    let left = |told: &[Event]| {
        told.iter().find_map(|event| match event {
            Event::Baking { remaining_ms } => Some(*remaining_ms / 1000),
            _ => None,
        })
    };
    let bakes = |seconds| at(seconds, deployment("IN_PROGRESS", "BAKE_TIME"));
    assert_eq!(left(&native.observe(bakes(100), false)), Some(120));
    assert_eq!(left(&native.observe(bakes(101), false)), None);
    assert_eq!(left(&native.observe(bakes(131), false)), Some(89));
    // AWS began earlier than it was seen.
    let mut native = self::native();
    let mut seen = deployment("IN_PROGRESS", "BAKE_TIME");
    seen.updated_at = Some("2026-11-21T12:01:00Z".parse().unwrap());
    assert_eq!(left(&native.observe(at(100, seen.clone()), false)), Some(80));
    // A clock that is hours off is not believed.
    let mut native = self::native();
    seen.updated_at = Some("2026-11-21T15:00:00Z".parse().unwrap());
    assert_eq!(left(&native.observe(at(100, seen), false)), Some(120));
}

#[test]
fn a_pause_is_told_with_how_to_go_on() {
    let mut native = native();
    let mut paused = deployment("IN_PROGRESS", "POST_SCALE_UP");
    paused.hooks = vec![Hook { id: "h-1".into(), status: "AWAITING_ACTION".into(), ..Hook::default() }];
    let told = native.observe(at(1, paused.clone()), false);
    let how = told.iter().find_map(|event| match event {
        Event::Paused { stage, how, .. } => Some((stage.clone(), how.clone())),
        _ => None,
    });
    let (stage, how) = how.unwrap();
    assert_eq!(stage.as_deref(), Some("POST_SCALE_UP"));
    assert!(how.contains("`landfall continue web`"), "{how}");
    assert_eq!(native.observe(at(2, paused.clone()), false), []);
    // A second hook is another pause.
    paused.hooks[0].status = "SUCCEEDED".into();
    paused.hooks.push(Hook { id: "h-2".into(), status: "AWAITING_ACTION".into(), ..Hook::default() });
    assert_eq!(native.observe(at(3, paused), false).len(), 1);
    assert!(native.standing().contains("paused"), "{}", native.standing());
}

#[test]
fn statuses_become_outcomes() {
    let end = |status: &str| {
        let mut native = native();
        let mut seen = deployment(status, "SCALE_UP");
        seen.rollback = Some(RollbackTo { reason: Some("it failed".into()), revision: None });
        native.observe(at(1, seen), false);
        native.outcome().cloned()
    };
    let reason = "it failed".to_owned();
    assert_eq!(end("SUCCESSFUL"), Some(NativeOutcome::Succeeded));
    let rolled_back = |complete| Some(NativeOutcome::RolledBackByEcs { reason: reason.clone(), complete });
    assert_eq!(end("ROLLBACK_SUCCESSFUL"), rolled_back(true));
    assert_eq!(end("ROLLBACK_FAILED"), rolled_back(false));
    assert_eq!(end("STOPPED"), Some(NativeOutcome::Stopped { reason: reason.clone() }));
    for open in
        ["PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS", "NEW"]
    {
        assert_eq!(end(open), None, "{open}");
    }
}

#[test]
fn the_time_limit_names_where_it_stood() {
    let mut native = native();
    native.observe(at(899, deployment("IN_PROGRESS", "PRODUCTION_TRAFFIC_SHIFT")), true);
    assert_eq!(native.outcome(), None);
    native.observe(NativeObservation { deployment: None, ..at(900, deployment("", "")) }, true);
    let Some(NativeOutcome::TimedOut { reason }) = native.outcome() else { panic!("{:?}", native.outcome()) };
    assert_eq!(
        reason,
        "the time limit of 900 s ran out: CANARY deployment IN_PROGRESS, PRODUCTION_TRAFFIC_SHIFT, 0 % of production traffic"
    );
    let mut native = self::native();
    native.observe(at(901, deployment("ROLLBACK_IN_PROGRESS", "SCALE_UP")), false);
    let ended = native.outcome();
    assert!(matches!(ended, Some(NativeOutcome::RolledBackByEcs { complete: false, .. })), "{ended:?}");
}

#[test]
fn waiting_for_healthy_ends_with_all_traffic_on_healthy_tasks() {
    let mut native = native();
    native.followed.until_healthy = true;
    let mut seen = deployment("IN_PROGRESS", "BAKE_TIME");
    seen.target.production_percent = Some(50.0);
    native.observe(at(1, seen.clone()), true);
    assert_eq!(native.outcome(), None);
    seen.target.production_percent = Some(100.0);
    native.observe(at(2, seen.clone()), false);
    assert_eq!(native.outcome(), None);
    native.observe(at(3, seen), true);
    assert_eq!(native.outcome(), Some(&NativeOutcome::Succeeded));
}
