//! The timelines of scripted runs.

use super::*;
use crate::event::{Record, TargetState};
use crate::report::testing::{all_scripts, at, rolled_back, state_of, success, task};

fn timeline(records: &[Record]) -> Timeline {
    state_of(records).services[0].timeline.clone()
}

/// `lane id: word from-until, ...` in milliseconds of the run.
fn told<T>(spans: &[Span<T>], word: impl Fn(&T) -> String) -> String {
    let ms = |time: Timestamp| time.duration_since(at(0)).as_millis();
    let each = spans.iter().map(|span| {
        let until = span.until.map(|until| ms(until).to_string()).unwrap_or_default();
        format!("{} {}-{until}", word(&span.value), ms(span.from))
    });
    each.collect::<Vec<_>>().join(", ")
}

fn lanes(timeline: &Timeline) -> Vec<String> {
    let lane = |lane: &TaskLane| {
        format!("{:?} {}: {}", lane.role, &lane.id[..8], told(&lane.conditions, |c| c.word().to_owned()))
    };
    timeline.lanes.iter().map(lane).collect()
}

#[test]
fn a_rollout_is_lanes_of_conditions() {
    let timeline = timeline(&success());
    assert_eq!(
        lanes(&timeline),
        [
            "Old 0c9e11aa: healthy 9000-25000, draining 25000-33000, stopped 33000-",
            "Old d4f1bb02: healthy 9000-25000, draining 25000-34000, stopped 34000-",
            "Followed 7f3a9c12: starting 10000-20000, running 20000-22000, healthy 22000-",
            "Followed b01d77e4: starting 10200-23000, healthy 23000-",
        ]
    );
    let word = |phase: &Phase| phase.word().to_owned();
    assert_eq!(told(&timeline.phases, word), "deploying 8500-23000, draining 23000-35000");
    let lane = &timeline.lanes[2];
    assert_eq!(
        told(&lane.statuses, Clone::clone),
        "PROVISIONING 10000-13000, PENDING 13000-19000, ACTIVATING 19000-20000, RUNNING 20000-"
    );
    assert_eq!(told(&lane.health, Clone::clone), "UNKNOWN 10000-22000, HEALTHY 22000-");
    assert_eq!(told(&lane.wanted, Clone::clone), "RUNNING 10000-");
    assert_eq!(
        told(&lane.targets, |targets| targets.join("+")),
        " 10000-19000, hello-tg: initial 19000-22000, hello-tg: healthy 22000-"
    );
    assert_eq!((lane.first_seen(), lane.stopped_at()), (Some(at(10_000)), None));
    assert_eq!(timeline.lanes[0].stopped_at(), Some(at(33_000)));
    assert_eq!(timeline.extent(at(36_000)), Some((at(8_500), at(36_000))));
}

#[test]
fn tasks_that_end_by_themselves_have_failed_and_a_rollback_is_a_phase() {
    let timeline = timeline(&rolled_back());
    assert_eq!(
        lanes(&timeline)[2..],
        ["Followed 7f3a9c12: starting 10000-14000, failed 14000-", "Followed b01d77e4: failed 19000-"]
    );
    assert_eq!(timeline.lanes[2].exit_codes(), [("web", 1)]);
    let word = |phase: &Phase| phase.word().to_owned();
    assert_eq!(told(&timeline.phases, word), "deploying 8500-19500, rolling back 19500-27000");
    let kinds: Vec<String> = timeline.marks.iter().map(|mark| format!("{:?}", mark.kind)).collect();
    let kinds: Vec<&str> = kinds.iter().filter_map(|kind| kind.split([' ', '{']).next()).collect();
    assert_eq!(kinds, ["Updated", "RollbackStarted", "Newer", "RollbackFinished", "Finished"]);
}

#[test]
fn spans_follow_each_other_without_gap_or_overlap_in_every_script() {
    for (name, records) in all_scripts() {
        for service in &state_of(&records).services {
            for lane in &service.timeline.lanes {
                for pair in lane.conditions.windows(2) {
                    assert_eq!(pair[0].until, Some(pair[1].from), "{name}, {}", lane.id);
                    assert_ne!(pair[0].value, pair[1].value, "{name}, {}", lane.id);
                }
                assert_eq!(lane.conditions.last().map(|span| span.until), Some(None), "{name}, {}", lane.id);
            }
            let marks = &service.timeline.marks;
            assert!(marks.is_sorted_by_key(|mark| mark.at), "{name}");
        }
    }
}

#[test]
fn stages_and_traffic_of_a_native_deployment_are_spans() {
    let mut timeline = Timeline::default();
    let stage = |stage: &str| Event::StageChanged {
        stage: Some(stage.to_owned()),
        status: "IN_PROGRESS".to_owned(),
        reason: None,
    };
    let traffic = |percent| Event::TrafficShifted { production_percent: percent, test_percent: None };
    timeline.apply(at(0), &stage("SCALE_UP"));
    timeline.apply(at(1), &stage("SCALE_UP"));
    timeline.apply(at(5), &stage("PRODUCTION_TRAFFIC_SHIFT"));
    timeline.apply(at(6), &traffic(10.0));
    timeline.apply(at(9), &traffic(100.0));
    assert_eq!(told(&timeline.stages, Clone::clone), "SCALE_UP 0-5, PRODUCTION_TRAFFIC_SHIFT 5-");
    assert_eq!(told(&timeline.traffic, f64::to_string), "10 6-9, 100 9-");
}

#[test]
fn the_condition_weighs_targets_health_and_what_ecs_wants() {
    let of = |status: &str, target: &str| Condition::of(&task("7f3a9c12", Role::Followed, status, target));
    assert_eq!(of("ACTIVATING", "initial"), Condition::Starting);
    assert_eq!(of("RUNNING", ""), Condition::Running);
    assert_eq!(of("RUNNING", "initial"), Condition::Running);
    assert_eq!(of("RUNNING", "healthy"), Condition::Healthy);
    assert_eq!(of("RUNNING", "unhealthy"), Condition::Unhealthy);
    assert_eq!(of("RUNNING", "draining"), Condition::Draining);
    assert_eq!(of("DEPROVISIONING", ""), Condition::Stopping);

    let mut two = task("7f3a9c12", Role::Followed, "RUNNING", "healthy");
    let api = TargetState {
        target_group: "api".to_owned(),
        state: "initial".to_owned(),
        reason: None,
        description: None,
    };
    two.targets.push(api);
    assert_eq!(Condition::of(&two), Condition::Running);

    let mut leaving = task("7f3a9c12", Role::Old, "RUNNING", "");
    leaving.desired_status = "STOPPED".to_owned();
    assert_eq!(Condition::of(&leaving), Condition::Stopping);

    let stopped = |code: &str, reason: &str| {
        let (code, reason) = (Some(code.to_owned()), Some(reason.to_owned()));
        let stopped = Some(Stopped { code, reason, containers: Vec::new() });
        Condition::of(&TaskState { stopped, ..task("7f3a9c12", Role::Followed, "STOPPED", "") })
    };
    let scheduled = "ServiceSchedulerInitiated";
    assert_eq!(
        stopped(scheduled, "Scaling activity initiated by (deployment ecs-svc/1)"),
        Condition::Stopped
    );
    assert_eq!(stopped(scheduled, "Task failed container health checks"), Condition::Failed);
    assert_eq!(stopped("TaskFailedToStart", "CannotPullContainerError"), Condition::Failed);
}
