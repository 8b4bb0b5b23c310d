//! Rollouts that go well, with what can be in their way.

use std::time::Duration;

use crate::event::{Event, Role};
use crate::rollout::testing::*;
use crate::rollout::{Followed, Outcome, Policy, Undone, WaitFor};

fn is_healthy(event: &Event) -> bool {
    matches!(event, Event::Healthy { .. })
}

fn is_steady(event: &Event) -> bool {
    matches!(event, Event::Steady { .. })
}

/// Two tasks are replaced by two, and the old ones drain for a while.
fn happy_path(run: &mut Run) -> World {
    let mut world = World::new(2, &[WEB]);
    run.see(&world, 1);
    world.start("new0");
    world.start("new1");
    run.see(&world, 2);
    world.run("new0");
    world.run("new1");
    world.target("new0", "initial");
    world.target("new1", "initial");
    run.see(&world, 20);
    world.serve("new0");
    run.see(&world, 30);
    world.serve("new1");
    run.see(&world, 31);
    world.drain("old0");
    world.drain("old1");
    run.see(&world, 33);
    world
}

#[test]
fn healthy_comes_first_and_steady_after_the_old_tasks_have_drained() {
    let mut run = Run::of(&World::new(2, &[WEB]));
    let mut world = happy_path(&mut run);
    assert_eq!(run.said(is_healthy), 1);
    assert_eq!(run.rollout.healthy_at(), Some(Duration::from_secs(31)));
    // Draining takes longer than the stall timeout.
    run.see_throughout(&world, 34, 400);
    assert_eq!(run.outcome(), None);
    world.succeed();
    let last = run.see(&world, 401);
    let (healthy_at, steady_at) = (Duration::from_secs(31), Some(Duration::from_secs(401)));
    assert_eq!(run.outcome(), Some(&Outcome::Succeeded { healthy_at, steady_at }));
    assert!(last.contains(&Event::DeploymentGone { id: OLD.to_owned() }));
    assert_eq!((run.said(is_healthy), run.said(is_steady)), (1, 1));
    assert!(run.rollout.findings().is_empty(), "{:?}", run.rollout.findings());
    assert!(run.rollout.observe(world.look(402)).is_empty(), "nothing is said after the outcome");
}

#[test]
fn waiting_for_healthy_ends_while_the_old_tasks_still_drain() {
    let world = World::new(2, &[WEB]);
    let policy = Policy::new(WaitFor::Healthy, Duration::from_secs(900));
    let mut run = Run::new(followed(&world), policy);
    happy_path(&mut run);
    let healthy_at = Duration::from_secs(31);
    assert_eq!(run.outcome(), Some(&Outcome::Succeeded { healthy_at, steady_at: None }));
    assert_eq!(run.said(is_steady), 0);
}

#[test]
fn a_rollback_that_is_followed_says_neither_healthy_nor_steady() {
    let world = World::new(2, &[WEB]);
    let undone = Undone { deployment_id: OLD.to_owned(), task_definition: revision(1) };
    let mut run = Run::new(Followed { undoes: Some(undone), ..followed(&world) }, policy());
    let mut world = happy_path(&mut run);
    world.succeed();
    run.see(&world, 60);
    assert!(run.succeeded());
    assert_eq!(run.said(|event| is_healthy(event) || is_steady(event)), 0);
}

#[test]
fn only_changes_are_said_and_tasks_carry_their_role_and_targets() {
    let mut world = World::new(1, &[WEB]);
    let mut run = Run::of(&world);
    assert!(!run.see(&world, 1).is_empty());
    assert!(run.see(&world, 2).is_empty());
    world.start("new0");
    world.run("new0");
    world.target("new0", "initial");
    let events = run.see(&world, 3);
    let tasks: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::TaskChanged { task } => Some(task),
            _ => None,
        })
        .collect();
    assert_eq!(tasks.len(), 1);
    assert_eq!((tasks[0].id.as_str(), tasks[0].role), ("new0", Role::Followed));
    assert_eq!(
        (tasks[0].targets[0].target_group.as_str(), tasks[0].targets[0].state.as_str()),
        ("web", "initial")
    );
    assert_eq!(run.rollout.progress(), (0, 1));
    world.target("new0", "healthy");
    assert!(run.see(&world, 4).iter().any(|event| matches!(event, Event::TaskChanged { .. })));
    assert_eq!(run.rollout.progress(), (1, 1));
}

#[test]
fn service_messages_come_oldest_first_and_once() {
    let mut world = World::new(1, &[]);
    world.say("e0", "(service app) has reached a steady state.");
    let mut followed = followed(&world);
    followed.seen_event_ids.insert("e0".to_owned());
    let mut run = Run::new(followed, policy());
    world.say("e1", "(service app) has started 1 tasks: (task new0).");
    world.say("e2", "(service app) registered 1 targets in (target-group x)");
    run.see(&world, 1);
    run.see(&world, 2);
    world.events.pop();
    run.see(&world, 3);
    let said: Vec<&str> = run
        .events
        .iter()
        .filter_map(|event| match event {
            Event::ServiceMessage { message } => Some(message.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("has started") && said[1].contains("registered"));
}

#[test]
fn one_transient_failure_is_put_up_with() {
    let mut world = World::new(2, &[WEB]);
    let mut run = Run::of(&world);
    world.start("new0");
    world.stop(
        "new0",
        "TaskFailedToStart",
        "Timeout waiting for network interface provisioning to complete.",
    );
    run.see(&world, 5);
    assert_eq!(run.finding("network-interface-timeout").occurrences, 1);
    world.start_serving(&["new1", "new2"]);
    run.see(&world, 40);
    world.succeed();
    run.see(&world, 60);
    assert!(run.succeeded());
}

#[test]
fn a_poll_without_a_task_or_the_deployment_is_no_conclusion() {
    let mut world = World::new(2, &[WEB]);
    let mut run = Run::of(&world);
    world.start_serving(&["new0", "new1"]);
    run.see(&world, 1);
    let mut stale = World::new(2, &[WEB]);
    stale.deployments = vec![deployment(OLD, "PRIMARY", 1)];
    run.see(&stale, 2);
    run.see(&stale, 3);
    assert_eq!(run.outcome(), None);
    let mut blind = world.clone();
    blind.tasks.clear();
    run.see(&blind, 4);
    assert_eq!(run.outcome(), None);
    world.succeed();
    run.see(&world, 5);
    assert!(run.succeeded());
    assert_eq!(run.rollout.zero_downtime().violated_at_ms, None);
}

#[test]
fn a_desired_count_of_zero_succeeds_once_completed() {
    for wait_for in [WaitFor::Steady, WaitFor::Healthy] {
        let mut world = World::new(0, &[WEB]);
        let mut run = Run::new(followed(&world), Policy::new(wait_for, Duration::from_secs(900)));
        run.see(&world, 1);
        assert_eq!(run.outcome(), None);
        world.succeed();
        run.see(&world, 2);
        assert!(run.succeeded());
    }
}

#[test]
fn scaling_during_the_rollout_is_followed() {
    let mut world = World::new(1, &[WEB]);
    let mut run = Run::of(&world);
    run.see(&world, 1);
    world.desired = 2;
    world.start_serving(&["new0"]);
    run.see(&world, 30);
    world.finish_old();
    run.see(&world, 31);
    assert_eq!((run.outcome(), run.rollout.healthy_at()), (None, None));
    world.start_serving(&["new1"]);
    world.complete(NEW);
    run.see(&world, 60);
    assert!(run.succeeded());
    // What was scaled out was never there to be lost.
    assert_eq!(run.rollout.zero_downtime().violated_at_ms, None);
}

#[test]
fn a_deployment_that_waits_for_old_tasks_to_make_room_is_not_stalled() {
    let mut world = World::new(2, &[WEB]);
    let mut run = Run::of(&world);
    world.drain("old0");
    run.see_throughout(&world, 1, 400);
    assert_eq!(run.outcome(), None);
}
