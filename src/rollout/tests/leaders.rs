//! Other deployments: rollbacks by ECS, deployments by others, and what is no longer there.

use std::time::Duration;

use crate::event::{Event, Role, RollbackBy};
use crate::rollout::testing::*;
use crate::rollout::{Fresh, Observation, Outcome, Policy, Service, WaitFor};

const BACK: &str = "ecs-svc/3";

fn rollback_to(number: u32) -> crate::rollout::Deployment {
    let mut rollback = deployment(BACK, "PRIMARY", number);
    rollback.rollout_state_reason =
        Some("ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.".to_owned());
    rollback
}

/// Three tasks failed, and ECS has failed the deployment.
fn failed() -> (World, Run) {
    let mut world = World::new(1, &[]);
    let mut run = Run::new(
        followed(&world),
        Policy { max_failed_tasks: Some(10), ..Policy::new(WaitFor::Steady, Duration::from_secs(900)) },
    );
    run.see(&world, 1);
    world.start("new0");
    world.exit("new0", 3);
    run.see(&world, 5);
    let ours = world.deployment(NEW);
    ours.rollout_state = Some("FAILED".to_owned());
    ours.rollout_state_reason = Some("ECS deployment circuit breaker: tasks failed to start.".to_owned());
    run.see(&world, 10);
    assert_eq!(run.outcome(), None);
    (world, run)
}

#[test]
fn a_rollback_by_the_circuit_breaker_is_followed_to_its_end() {
    let (mut world, mut run) = failed();
    world.deployment(NEW).status = "ACTIVE".to_owned();
    world.deployments.insert(0, rollback_to(1));
    let events = run.see(&world, 12);
    let started = events.iter().find_map(|event| match event {
        Event::RollbackStarted { by: RollbackBy::Ecs, task_definition, reason } => {
            Some((task_definition, reason))
        }
        _ => None,
    });
    let (task_definition, reason) = started.expect("the rollback is announced");
    assert_eq!(*task_definition, revision(1));
    assert!(reason.contains("circuit breaker") && reason.contains("exited with code 3"), "{reason}");
    let role = events.iter().find_map(|event| match event {
        Event::DeploymentChanged { deployment } if deployment.id == BACK => Some(deployment.role),
        _ => None,
    });
    assert_eq!(role, Some(Role::Newer));
    run.see(&world, 13);
    assert_eq!(run.outcome(), None, "not complete yet");
    world.complete(BACK);
    run.see(&world, 13);
    assert_eq!(run.outcome(), None, "no task of it runs yet");
    // A single answer from before changes nothing.
    let (stale, _) = failed();
    run.see(&stale, 14);
    assert_eq!(run.outcome(), None);
    world.tasks[0].started_by = Some(BACK.to_owned());
    world.deployments.retain(|deployment| deployment.id == BACK);
    run.see(&world, 20);
    let expected = Outcome::RolledBackByEcs { task_definition: revision(1), complete: true };
    assert_eq!(run.outcome(), Some(&expected));
    assert_eq!(run.said(|event| matches!(event, Event::RollbackStarted { .. })), 1);
    let finished = |event: &Event| matches!(event, Event::RollbackFinished { complete: true, .. });
    assert_eq!(run.said(finished), 1);
}

#[test]
fn a_rollback_by_an_older_deployment_becoming_primary_again_is_one() {
    let (mut world, mut run) = failed();
    world.deployment(NEW).status = "ACTIVE".to_owned();
    world.deployment(OLD).status = "PRIMARY".to_owned();
    world.deployment(OLD).rollout_state = Some("IN_PROGRESS".to_owned());
    run.see(&world, 12);
    assert_eq!(run.outcome(), None);
    world.complete(OLD);
    run.see(&world, 14);
    let expected = Outcome::RolledBackByEcs { task_definition: revision(1), complete: true };
    assert_eq!(run.outcome(), Some(&expected));
}

#[test]
fn a_rollback_to_a_revision_before_the_last_is_told_by_its_reason() {
    let (mut world, mut run) = failed();
    world.deployment(NEW).status = "ACTIVE".to_owned();
    world.deployments.insert(0, rollback_to(0));
    // Ours has drained already.
    world.deployments.retain(|deployment| deployment.id != NEW);
    run.see(&world, 12);
    assert_eq!(run.said(|event| matches!(event, Event::RollbackStarted { .. })), 1);
}

#[test]
fn an_older_deployment_that_leads_again_is_a_rollback_whatever_it_runs() {
    let mut world = World::new(1, &[]);
    let mut run = Run::of(&world);
    run.see(&world, 1);
    world.deployment(NEW).status = "ACTIVE".to_owned();
    world.deployment(OLD).status = "PRIMARY".to_owned();
    world.deployment(OLD).task_definition = revision(0);
    world.deployment(OLD).rollout_state = Some("IN_PROGRESS".to_owned());
    run.see(&world, 2);
    let expected = Outcome::RolledBackByEcs { task_definition: revision(0), complete: true };
    assert_eq!(run.outcome(), None);
    world.tasks[0].task_definition = revision(0);
    world.complete(OLD);
    run.see(&world, 3);
    assert_eq!(run.outcome(), Some(&expected));
}

#[test]
fn failed_without_a_rollback_is_a_failure_with_its_cause() {
    let (world, mut run) = failed();
    run.see_throughout(&world, 11, 29);
    assert_eq!(run.outcome(), None);
    run.see(&world, 30);
    assert!(
        run.reason().contains("FAILED") && run.reason().contains("exited with code 3"),
        "{}",
        run.reason()
    );
}

#[test]
fn failed_without_any_sign_of_a_cause_still_makes_a_finding() {
    let mut world = World::new(1, &[]);
    let mut run = Run::of(&world);
    world.deployment(NEW).rollout_state = Some("FAILED".to_owned());
    run.see_throughout(&world, 1, 30);
    assert!(matches!(run.outcome(), Some(Outcome::Failed { .. })));
    assert_eq!(run.finding("deployment-failed").occurrences, 1);
}

#[test]
fn a_rollback_that_fails_is_a_failure() {
    let (mut world, mut run) = failed();
    world.deployment(NEW).status = "ACTIVE".to_owned();
    world.deployments.insert(0, rollback_to(1));
    run.see(&world, 12);
    world.deployment(BACK).rollout_state = Some("FAILED".to_owned());
    run.see(&world, 13);
    assert!(run.reason().contains("rollback"), "{}", run.reason());
}

#[test]
fn a_rollback_that_outlasts_the_time_limit_is_incomplete() {
    let (mut world, mut run) = failed();
    world.deployment(NEW).status = "ACTIVE".to_owned();
    world.deployments.insert(0, rollback_to(1));
    run.see(&world, 12);
    run.see(&world, 900);
    let expected = Outcome::RolledBackByEcs { task_definition: revision(1), complete: false };
    assert_eq!(run.outcome(), Some(&expected));
}

#[test]
fn another_revision_supersedes_at_once() {
    let mut world = World::new(1, &[]);
    let mut run = Run::of(&world);
    run.see(&world, 1);
    world.deployment(NEW).status = "ACTIVE".to_owned();
    world.deployments.insert(0, deployment(BACK, "PRIMARY", 3));
    run.see(&world, 2);
    let expected = Outcome::Superseded { by_deployment: BACK.to_owned(), task_definition: revision(3) };
    assert_eq!(run.outcome(), Some(&expected));
}

#[test]
fn a_fix_that_is_deployed_after_a_failure_supersedes_too() {
    let (mut world, mut run) = failed();
    world.deployment(NEW).status = "ACTIVE".to_owned();
    world.deployments.insert(0, deployment(BACK, "PRIMARY", 3));
    run.see(&world, 12);
    assert!(matches!(run.outcome(), Some(Outcome::Superseded { .. })));
}

#[test]
fn the_same_revision_forced_by_someone_supersedes() {
    let mut world = World::new(1, &[]);
    let mut run = Run::of(&world);
    run.see(&world, 1);
    world.deployments.retain(|deployment| deployment.id != NEW);
    world.deployments.insert(0, deployment(BACK, "PRIMARY", 2));
    run.see(&world, 2);
    assert!(matches!(run.outcome(), Some(Outcome::Superseded { .. })));
}

#[test]
fn a_stale_answer_at_the_start_shows_the_old_deployment_and_is_waited_out() {
    let world = World::new(1, &[]);
    let mut run = Run::of(&world);
    let mut stale = world.clone();
    stale.deployments = vec![deployment(OLD, "PRIMARY", 1)];
    run.see_throughout(&stale, 1, 5);
    assert_eq!(run.outcome(), None);
    // Two looks are no proof, however far apart they are.
    let mut twice = Run::of(&world);
    twice.see(&stale, 1);
    twice.see(&stale, 30);
    assert_eq!(twice.outcome(), None);
    run.see(&world, 6);
    assert_eq!(run.outcome(), None);
}

#[test]
fn a_deployment_that_never_appears_is_a_failure() {
    let world = World::new(1, &[]);
    let mut run = Run::of(&world);
    let mut stale = world;
    stale.deployments = vec![deployment(OLD, "PRIMARY", 1)];
    run.see_throughout(&stale, 1, 20);
    assert!(run.reason().contains("no longer listed"), "{}", run.reason());
}

#[test]
fn a_service_that_is_drained_or_deleted_is_gone() {
    for status in ["DRAINING", "INACTIVE"] {
        let mut world = World::new(1, &[]);
        let mut run = Run::of(&world);
        world.status = status.to_owned();
        run.see(&world, 1);
        assert_eq!(run.outcome(), Some(&Outcome::ServiceGone));
    }
}

#[test]
fn a_service_that_is_missing_once_is_not_gone() {
    let world = World::new(1, &[]);
    let mut run = Run::of(&world);
    let missing = |at| Observation {
        instances_denied: false,
        fresh: Fresh::ALL,
        spread: Duration::ZERO,
        at: Duration::from_secs(at),
        service: Service::missing(),
        tasks: Vec::new(),
        target_groups: Vec::new(),
    };
    run.see(&world, 1);
    assert!(run.rollout.observe(missing(2)).is_empty());
    run.see(&world, 3);
    for at in 4..=13 {
        run.rollout.observe(missing(at));
        assert_eq!(run.outcome(), None);
    }
    run.rollout.observe(missing(14));
    assert_eq!(run.outcome(), Some(&Outcome::ServiceGone));
    assert_eq!(run.rollout.zero_downtime().observations, 2, "no sample without a service");
}
