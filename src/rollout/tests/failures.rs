//! When there is no point in waiting, and what is said then.

use std::time::Duration;

use crate::event::{Event, FailureClass};
use crate::rollout::testing::*;
use crate::rollout::{Followed, HealthCheck, Outcome, Policy, Rules, WaitFor};

const NOT_FOUND: &str = "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve \
    ref 123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:x: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:x: not found";
const NO_SPACE: &str = "CannotPullContainerError: write /var/lib/x: no space left on device";
const ELB: &str =
    "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:x:targetgroup/web/aaaa)";

fn patient() -> Policy {
    Policy { max_failed_tasks: Some(50), ..Policy::new(WaitFor::Steady, Duration::from_secs(7200)) }
}

#[test]
fn what_no_retry_can_change_ends_the_rollout_at_once() {
    let mut world = World::new(2, &[WEB]);
    let mut run = Run::of(&world);
    world.start("new0");
    world.stop("new0", "TaskFailedToStart", NOT_FOUND);
    run.see(&world, 5);
    assert_eq!(run.reason(), "The image does not exist");
    let finding = run.finding("image-not-found");
    assert_eq!((finding.class, finding.occurrences), (FailureClass::Deterministic, 1));
    let evidence = finding.evidence.join("\n");
    for part in ["task new0", "TaskFailedToStart", "app:x: not found"] {
        assert!(evidence.contains(part), "{evidence}");
    }
}

#[test]
fn a_deterministic_cause_ends_the_rollout_the_second_time() {
    let mut world = World::new(2, &[WEB]);
    let mut run = Run::new(followed(&world), patient());
    world.start("new0");
    world.stop("new0", "TaskFailedToStart", NO_SPACE);
    run.see_throughout(&world, 5, 8);
    assert_eq!(run.outcome(), None);
    world.start("new1");
    world.stop("new1", "TaskFailedToStart", NO_SPACE);
    run.see(&world, 9);
    assert!(run.reason().contains("(2 times)"), "{}", run.reason());
}

#[test]
fn a_crash_loop_ends_the_rollout_the_third_time() {
    let mut world = World::new(4, &[WEB]);
    let mut run = Run::new(followed(&world), patient());
    for number in 0..3 {
        assert_eq!(run.outcome(), None);
        let id = format!("new{number}");
        world.start(&id);
        world.run(&id);
        run.see(&world, 10 * number + 1);
        world.exit(&id, 3);
        run.see(&world, 10 * number + 5);
    }
    assert_eq!(
        run.reason(),
        "Container web exited with code 3 (an error of the application's own) (3 times)"
    );
    assert_eq!(run.finding("essential-container-exited").occurrences, 3);
    let made = run.said(|event| matches!(event, Event::FindingMade { .. }));
    assert_eq!(made, 3, "one for each occurrence");
}

#[test]
fn a_crash_loop_without_load_balancer_is_not_forgiven_for_being_running_for_a_moment() {
    let mut world = World::new(8, &[]);
    let mut run = Run::new(followed(&world), patient());
    for number in 0..3 {
        let id = format!("new{number}");
        world.start(&id);
        world.run(&id);
        run.see_throughout(&world, 30 * number, 30 * number + 20);
        world.exit(&id, 1);
        run.see(&world, 30 * number + 25);
    }
    assert!(matches!(run.outcome(), Some(Outcome::Failed { .. })));
}

#[test]
fn a_mixed_cause_is_forgiven_when_a_task_becomes_healthy_after_it() {
    let mut world = World::new(8, &[WEB]);
    let mut run = Run::new(followed(&world), patient());
    for number in 0..4 {
        let id = format!("bad{number}");
        world.start(&id);
        world.exit(&id, 1);
        run.see(&world, 10 * number + 1);
        world.start_serving(&[&format!("good{number}")]);
        run.see(&world, 10 * number + 5);
    }
    assert_eq!(run.outcome(), None);
    assert_eq!(run.finding("essential-container-exited").occurrences, 4);
}

#[test]
fn any_failed_tasks_count_towards_the_limit() {
    let mut world = World::new(1, &[]);
    let mut run = Run::of(&world);
    for number in 0..3 {
        assert_eq!(run.outcome(), None);
        let id = format!("new{number}");
        world.start(&id);
        world.stop(&id, "SpotInterruption", "Your Spot Task was interrupted.");
        run.see(&world, number + 1);
    }
    assert!(run.reason().starts_with("3 tasks failed, and 2 are put up with"), "{}", run.reason());
}

#[test]
fn tasks_of_other_deployments_do_not_count() {
    let mut world = World::new(2, &[]);
    let mut run = Run::of(&world);
    world.exit("old0", 1);
    world.exit("old1", 1);
    // An earlier attempt with the same revision, which AWS still lists.
    for number in 0..4 {
        let id = format!("before{number}");
        world.add(&id, "ecs-svc/0", 2);
        world.stop(&id, "TaskFailedToStart", NOT_FOUND);
        world.add(&format!("m{id}"), "my-service", 2);
        world.stop(&format!("m{id}"), "TaskFailedToStart", NOT_FOUND);
    }
    run.see(&world, 1);
    // A listing that lagged behind shows one more of them.
    world.add("before9", "ecs-svc/0", 2);
    world.stop("before9", "TaskFailedToStart", NOT_FOUND);
    run.see(&world, 2);
    assert_eq!(run.outcome(), None);
    assert!(run.rollout.findings().is_empty());
    let about = |event: &Event| matches!(event, Event::TaskChanged { task } if task.id.contains("before"));
    assert_eq!(run.said(about), 0);
}

#[test]
fn where_started_by_does_not_tell_a_task_that_fails_later_counts() {
    let mut world = World::new(2, &[]);
    let mut run = Run::of(&world);
    run.see(&world, 1);
    world.add("new0", "my-service", 2);
    world.stop("new0", "TaskFailedToStart", NOT_FOUND);
    run.see(&world, 2);
    assert_eq!(run.reason(), "The image does not exist");
}

#[test]
fn a_cause_seen_as_target_event_and_stopped_task_is_one_finding() {
    let mut world = World::new(2, &[WEB]);
    let mut run = Run::new(followed(&world), patient());
    for id in ["new0", "new1"] {
        world.start(id);
        world.run(id);
        world.target(id, "unhealthy");
    }
    let reason = "Target.ResponseCodeMismatch".to_owned();
    world.groups[0].targets[2].reason = Some(reason);
    world.groups[0].targets[2].description = Some("Health checks failed with these codes: [404]".to_owned());
    run.see(&world, 1);
    assert_eq!(run.finding("elb-health-check-failed").occurrences, 2);
    let said = "(service app) (task new0) (port 80) is unhealthy in (target-group x) due to (reason Health checks \
                failed with these codes: [404]).";
    world.say("e1", said);
    run.see(&world, 2);
    world.stop("new0", "ServiceSchedulerInitiated", ELB);
    run.see(&world, 3);
    let finding = run.finding("elb-health-check-failed");
    assert_eq!(finding.occurrences, 2);
    assert!(finding.evidence.iter().any(|line| line.contains("[404]")), "{:?}", finding.evidence);
    assert_eq!(run.rollout.findings().len(), 1);
    assert_eq!(run.outcome(), None);
}

#[test]
fn a_failed_health_check_shows_what_was_asked_and_how_long_the_task_had() {
    let mut world = World::new(1, &[WEB]);
    let mut followed = followed(&world);
    followed.health_check_grace_period = Duration::from_secs(60);
    followed.target_groups[0].health_check = Some(HealthCheck {
        protocol: "HTTP".to_owned(),
        path: Some("/health".to_owned()),
        port: "traffic-port".to_owned(),
        matcher: Some("200-299".to_owned()),
        interval: 30,
        timeout: 5,
        healthy_threshold: 3,
        unhealthy_threshold: 2,
    });
    let mut run = Run::new(followed, patient());
    world.start("new0");
    world.run("new0");
    world.stop("new0", "ServiceSchedulerInitiated", ELB);
    world.target("new0", "unhealthy.draining");
    world.groups[0].targets[1].reason = Some("Target.Timeout".to_owned());
    world.groups[0].targets[1].description = Some("Request timed out".to_owned());
    let task = world.task("new0");
    // By AWS's timestamps alone: they are nowhere near this machine's clock.
    (task.started_at_ms, task.stopping_at_ms) = (Some(1_000), Some(91_500));
    run.see(&world, 1);
    let evidence = run.finding("elb-health-check-failed").evidence.join("\n");
    for part in [
        "unhealthy.draining, Target.Timeout, Request timed out",
        "health check of web: HTTP /health on the target's port, wants 200-299 within 5 s; every 30 s; 2 failures \
         make a target unhealthy, 3 successes healthy",
        "the task had been running for 90 s; the service's healthCheckGracePeriodSeconds is 60",
    ] {
        assert!(evidence.contains(part), "{part}: {evidence}");
    }
}

#[test]
fn an_unhealthy_target_is_no_failure_until_ecs_stops_the_task() {
    let mut world = World::new(6, &[WEB]);
    let mut run = Run::of(&world);
    let ids = ["new0", "new1", "new2", "new3", "new4", "new5"];
    for id in ids {
        world.start(id);
        world.run(id);
        world.target(id, "unhealthy");
    }
    run.see_throughout(&world, 1, 60);
    assert_eq!(run.outcome(), None, "a slow start");
    for id in ids {
        world.serve(id);
    }
    world.succeed();
    run.see(&world, 61);
    assert!(run.succeeded());
}

#[test]
fn events_about_old_tasks_and_other_deployments_are_not_ours() {
    let mut world = World::new(2, &[WEB]);
    let mut run = Run::of(&world);
    let unhealthy = "(service app) (task old0) (port 80) is unhealthy in (target-group x) due to (reason Request timed out).";
    world.say("e1", unhealthy);
    world.say("e2", "(service app) (deployment ecs-svc/1) deployment failed: tasks failed to start.");
    run.see(&world, 1);
    assert!(run.rollout.findings().is_empty(), "{:?}", run.rollout.findings());
}

#[test]
fn one_event_that_names_no_task_does_not_end_a_rollout() {
    let mut world = World::new(2, &[WEB]);
    let mut run = Run::of(&world);
    // It may be about the broken deployment that this one mends.
    world.say("e1", &format!("(service app) was unable to place a task. Reason: {NOT_FOUND}."));
    run.see(&world, 1);
    assert_eq!(run.finding("image-not-found").occurrences, 1);
    assert_eq!(run.outcome(), None);
    world.say("e2", &format!("(service app) was unable to place a task. Reason: {NOT_FOUND}."));
    run.see(&world, 2);
    assert_eq!(run.reason(), "The image does not exist (2 times)");
}

#[test]
fn a_task_that_someone_stops_is_told_and_put_up_with() {
    let mut world = World::new(1, &[]);
    let mut run = Run::of(&world);
    world.start("new0");
    world.stop("new0", "UserInitiated", "Task stopped by user");
    run.see(&world, 1);
    assert_eq!(run.finding("task-stopped-by-hand").occurrences, 1);
    assert_eq!(run.outcome(), None);
}

#[test]
fn no_progress_ends_the_rollout_and_says_what_is_missing() {
    let mut world = World::new(2, &[WEB]);
    let mut run = Run::of(&world);
    world.start_serving(&["new0"]);
    world.start("new1");
    world.run("new1");
    world.target("new1", "initial");
    run.see_throughout(&world, 10, 309);
    assert_eq!(run.outcome(), None);
    run.see(&world, 310);
    for part in ["5 minutes", "1 of 2 tasks healthy", "10.0.0.4:80 in web is initial"] {
        assert!(run.reason().contains(part), "{}", run.reason());
    }
    assert_eq!(run.finding("stalled").occurrences, 1);
}

#[test]
fn a_gap_in_observation_is_no_stall() {
    let mut world = World::new(2, &[WEB]);
    let mut run = Run::of(&world);
    world.start("new0");
    run.see(&world, 10);
    run.see(&world, 400);
    assert_eq!(run.outcome(), None);
}

#[test]
fn the_time_limit_says_what_is_missing() {
    let mut world = World::new(1, &[WEB]);
    let mut run = Run::new(followed(&world), Policy::new(WaitFor::Steady, Duration::from_secs(60)));
    world.start_serving(&["new0"]);
    world.drain("old0");
    run.see(&world, 59);
    assert_eq!(run.outcome(), None);
    run.see(&world, 60);
    assert!(matches!(run.outcome(), Some(Outcome::TimedOut { .. })));
    assert!(run.reason().contains("the rollout is IN_PROGRESS"), "{}", run.reason());
}

#[test]
fn success_at_the_last_moment_is_a_success() {
    let mut world = World::new(1, &[WEB]);
    let mut run = Run::new(followed(&world), Policy::new(WaitFor::Steady, Duration::from_secs(60)));
    world.start_serving(&["new0"]);
    world.succeed();
    run.see(&world, 60);
    assert!(run.succeeded());
}

#[test]
fn what_the_circuit_breaker_counts_is_left_to_it_for_a_while() {
    let crash = |breaker: bool, tasks: u64| {
        let mut world = World::new(2, &[WEB]);
        let mut run = Run::new(followed(&world), Policy { ecs_rolls_back: breaker, ..policy() });
        for number in 0..tasks {
            let id = format!("new{number}");
            world.start(&id);
            world.run(&id);
            run.see(&world, 10 * number + 1);
            world.exit(&id, 3);
            run.see(&world, 10 * number + 5);
        }
        run.outcome().is_some()
    };
    assert!(crash(false, 3));
    assert!(!crash(true, 3), "the breaker trips now, and a second rollback would race with it");
    assert!(crash(true, 6), "a breaker that does not trip is not waited for");
}

#[test]
fn what_no_retry_can_change_is_not_left_to_the_circuit_breaker() {
    let mut world = World::new(2, &[WEB]);
    let mut run = Run::new(followed(&world), Policy { ecs_rolls_back: true, ..policy() });
    world.start("new0");
    world.stop("new0", "TaskFailedToStart", NOT_FOUND);
    run.see(&world, 5);
    assert_eq!(run.reason(), "The image does not exist");
}

const BLOCKED: &str = "(service app) was unable to stop or start tasks during a deployment because of the service \
    deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again.";

#[test]
fn percentages_that_block_end_the_rollout_at_once_where_the_arithmetic_agrees() {
    for (maximum_percent, class, ends) in
        [(100, FailureClass::Deterministic, true), (200, FailureClass::Mixed, false)]
    {
        let mut world = World::new(2, &[WEB]);
        let rules = Rules { maximum_percent, ..Rules::default() };
        let mut run = Run::new(Followed { rules, ..followed(&world) }, patient());
        world.say("e1", BLOCKED);
        run.see(&world, 5);
        let finding = run.finding("deployment-percent-blocked").clone();
        assert_eq!((finding.class, run.outcome().is_some()), (class, ends), "{maximum_percent}");
        if ends {
            assert!(run.reason().starts_with("minimumHealthyPercent"), "{}", run.reason());
        }
        let evidence = finding.evidence.join("\n");
        let arithmetic = format!(
            "with 2 tasks wanted, minimumHealthyPercent 100 keeps 2 and maximumPercent {maximum_percent} allows {}",
            maximum_percent / 50
        );
        assert!(evidence.contains(&arithmetic), "{evidence}");
        assert_eq!(evidence.contains("leaves room"), !ends, "{evidence}");
        // Three times it is a fault all the same.
        world.say("e2", BLOCKED);
        run.see(&world, 6);
        assert_eq!(run.outcome().is_some(), ends);
        world.say("e3", BLOCKED);
        run.see(&world, 7);
        assert!(matches!(run.outcome(), Some(Outcome::Failed { .. })));
    }
}
