//! What is said about zero downtime.

use crate::event::{ProbeReport, ZeroDowntime, ZeroDowntimeVerdict};
use crate::rollout::testing::*;

#[test]
fn the_floor_holds_from_the_first_observation_on() {
    let mut world = World::new(2, &[WEB]);
    let mut run = Run::of(&world);
    run.see(&world, 1);
    let measured = run.rollout.zero_downtime();
    assert_eq!((measured.lowest, measured.floor, measured.observations), (2, 2, 1));
    world.start_serving(&["new0"]);
    world.drain("old0");
    run.see(&world, 4);
    world.start_serving(&["new1"]);
    world.succeed();
    run.see(&world, 6);
    let measured = run.rollout.zero_downtime();
    assert_eq!(measured.verdict, ZeroDowntimeVerdict::Observed);
    assert_eq!((measured.lowest, measured.observations, measured.longest_gap_ms), (2, 3, 3000));
    assert_eq!(measured.violated_at_ms, None);
}

#[test]
fn a_draining_target_serves_nobody() {
    let mut world = World::new(2, &[WEB]);
    let mut run = Run::of(&world);
    run.see(&world, 1);
    world.drain("old0");
    run.see(&world, 3);
    world.start_serving(&["new0", "new1"]);
    run.see(&world, 9);
    let measured = run.rollout.zero_downtime();
    assert_eq!(measured.verdict, ZeroDowntimeVerdict::Violated);
    assert_eq!((measured.lowest, measured.floor, measured.violated_at_ms), (1, 2, Some(3000)));
}

#[test]
fn without_a_load_balancer_running_tasks_count() {
    let mut world = World::new(1, &[]);
    let mut run = Run::of(&world);
    run.see(&world, 1);
    world.exit("old0", 0);
    world.start("new0");
    run.see(&world, 2);
    assert_eq!(run.rollout.zero_downtime().violated_at_ms, Some(2000));
}

#[test]
fn a_task_must_be_healthy_in_every_target_group() {
    let mut world = World::new(1, &[WEB, API]);
    let mut run = Run::of(&world);
    world.groups[1].targets[0].state = "unhealthy".to_owned();
    run.see(&world, 1);
    assert_eq!(run.rollout.zero_downtime().lowest, 0);
}

#[test]
fn an_old_revision_may_serve_on_another_port() {
    let mut world = World::new(1, &[WEB]);
    world.groups[0].targets[0].port = 8080;
    let mut run = Run::of(&world);
    run.see(&world, 1);
    assert_eq!(run.rollout.zero_downtime().lowest, 1);
}

#[test]
fn an_observation_without_target_health_is_a_gap() {
    let world = World::new(1, &[WEB]);
    let mut run = Run::of(&world);
    run.see(&world, 1);
    let mut blind = world.clone();
    blind.groups.clear();
    run.see(&blind, 2);
    run.see(&world, 5);
    let measured = run.rollout.zero_downtime();
    assert_eq!((measured.observations, measured.longest_gap_ms), (2, 4000));
    assert_eq!(measured.verdict, ZeroDowntimeVerdict::Observed);
}

#[test]
fn scaling_in_lowers_what_is_wanted() {
    let mut world = World::new(4, &[WEB]);
    let mut run = Run::of(&world);
    run.see(&world, 1);
    world.desired = 2;
    world.drain("old0");
    world.drain("old1");
    run.see(&world, 2);
    let measured = run.rollout.zero_downtime();
    assert_eq!((measured.verdict, measured.floor), (ZeroDowntimeVerdict::Observed, 2));
}

#[test]
fn nothing_is_said_where_nothing_ran_before() {
    let mut world = World::new(1, &[WEB]);
    world.finish_old();
    let mut followed = followed(&world);
    followed.something_ran_before = false;
    let mut run = Run::new(followed, policy());
    run.see(&world, 1);
    assert_eq!(run.rollout.zero_downtime().verdict, ZeroDowntimeVerdict::NotApplicable);
}

#[test]
fn a_stopped_task_serves_nobody_even_if_its_target_has_not_been_found_out() {
    let mut world = World::new(1, &[WEB]);
    let mut run = Run::of(&world);
    run.see(&world, 1);
    world.exit("old0", 1);
    world.groups[0] = World::new(1, &[WEB]).groups[0].clone();
    run.see(&world, 2);
    assert_eq!(run.rollout.zero_downtime().violated_at_ms, Some(2000));
}

#[test]
fn a_probe_proves_or_disproves_what_was_observed() {
    let zero = |verdict, probe: ProbeReport| {
        let measured = ZeroDowntime {
            verdict,
            floor: 1,
            lowest: 1,
            observations: 9,
            longest_gap_ms: 1_000,
            violated_at_ms: None,
            probe: None,
        };
        let measured = measured.with_probe(probe.clone());
        assert_eq!(measured.probe, Some(probe));
        measured.verdict
    };
    let good = ProbeReport { interval_ms: 500, sent: 40, longest_gap_ms: 501, ..ProbeReport::default() };
    let lossy = ProbeReport { failed: 1, ..good.clone() };
    let doubtful = ProbeReport { ended_early: true, ..good.clone() };
    let dead = ProbeReport { failed: 40, failed_before: Some("HTTP 404".to_owned()), ..good.clone() };
    let early_and_lossy = ProbeReport { ended_early: true, ..lossy.clone() };
    use ZeroDowntimeVerdict::{NotApplicable, Observed, Proven, Violated};
    assert_eq!(zero(Observed, good.clone()), Proven);
    assert_eq!(zero(Observed, lossy.clone()), Violated);
    assert_eq!(zero(Observed, doubtful), Observed);
    assert_eq!(zero(Observed, early_and_lossy), Violated, "a loss is a loss whenever the probe ended");
    assert_eq!(zero(Observed, dead.clone()), Observed, "it had failed before");
    assert_eq!(zero(Violated, good), Violated, "the floor was broken");
    assert_eq!(zero(Violated, dead), Violated);
    assert_eq!(zero(NotApplicable, lossy), NotApplicable);
}
