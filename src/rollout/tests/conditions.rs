//! Each of the five conditions, missing alone, keeps a rollout from success.

use crate::rollout::conditions::Conditions;
use crate::rollout::restarts::Restarts;
use crate::rollout::testing::*;
use crate::rollout::{Followed, TargetGroupHealth};

/// A world in which all five hold.
fn done() -> World {
    let mut world = World::new(2, &[WEB]);
    world.start_serving(&["new0", "new1"]);
    world.succeed();
    world
}

fn succeeds(world: &World) -> bool {
    let mut run = Run::of(world);
    run.see(world, 1);
    run.succeeded()
}

fn succeeds_as(world: &World, followed: Followed) -> bool {
    let mut run = Run::new(followed, policy());
    run.see(world, 1);
    run.succeeded()
}

#[test]
fn all_five_conditions_are_a_success() {
    assert!(succeeds(&done()));
}

#[test]
fn condition_1_the_deployment_must_be_primary_with_the_registered_revision() {
    let mut world = done();
    world.deployment(NEW).status = "ACTIVE".to_owned();
    assert!(!succeeds(&world));
    let mut world = done();
    world.deployment(NEW).task_definition = revision(3);
    assert!(!succeeds(&world));
}

#[test]
fn condition_2_the_counts_must_be_those_wanted() {
    for (running, pending) in [(1, 0), (3, 0), (2, 1)] {
        let mut world = done();
        world.counted = false;
        let deployment = world.deployment(NEW);
        (deployment.running, deployment.pending) = (running, pending);
        assert!(!succeeds(&world), "{running} running, {pending} pending");
    }
}

#[test]
fn condition_3_every_task_must_be_running() {
    let mut world = done();
    world.counted = false;
    world.deployment(NEW).running = 2;
    assert!(succeeds(&world));
    world.task("new1").last_status = "ACTIVATING".to_owned();
    assert!(!succeeds(&world));
}

#[test]
fn condition_3_an_unhealthy_task_does_not_count() {
    let mut world = done();
    world.task("new1").health_status = "UNHEALTHY".to_owned();
    assert!(!succeeds(&world));
}

#[test]
fn condition_3_a_listing_without_the_tasks_proves_nothing() {
    let mut world = done();
    world.counted = false;
    world.deployment(NEW).running = 2;
    world.tasks.retain(|task| task.id() != "new1");
    assert!(!succeeds(&world));
}

#[test]
fn condition_4_every_target_group_must_find_every_task_healthy() {
    for state in ["initial", "unhealthy", "unused", "draining", "unavailable"] {
        let mut world = done();
        world.target("new1", state);
        assert!(!succeeds(&world), "{state}");
    }
    let mut world = done();
    world.groups[0].targets.retain(|target| target.id != "10.0.0.4");
    assert!(!succeeds(&world), "not registered");
    let mut world = done();
    world.groups.clear();
    assert!(!succeeds_as(&world, followed(&done())), "no answer");
    let mut world = done();
    world.task("new1").private_ip = None;
    assert!(!succeeds(&world), "no address");
}

#[test]
fn condition_4_the_port_must_be_the_containers() {
    let mut world = done();
    for target in &mut world.groups[0].targets {
        target.port = 8080;
    }
    assert!(!succeeds(&world));
}

#[test]
fn condition_4_holds_for_two_target_groups_only_with_both() {
    let mut world = World::new(1, &[WEB, API]);
    world.start_serving(&["new0"]);
    world.succeed();
    assert!(succeeds(&world));
    world.groups[1].targets[0].state = "unhealthy".to_owned();
    assert!(!succeeds(&world));
}

#[test]
fn condition_4_ignores_draining_and_foreign_targets() {
    let mut world = done();
    let mut foreign = world.groups[0].targets[0].clone();
    foreign.id = "10.9.9.9".to_owned();
    foreign.state = "unhealthy".to_owned();
    world.groups[0].targets.push(foreign.clone());
    // The same address may be registered anew while its predecessor drains.
    foreign.id = world.groups[0].targets[0].id.clone();
    foreign.state = "draining".to_owned();
    world.groups[0].targets.insert(0, foreign);
    assert!(succeeds(&world));
}

#[test]
fn condition_5_the_rollout_must_be_completed() {
    let mut world = done();
    world.deployment(NEW).rollout_state = Some("IN_PROGRESS".to_owned());
    assert!(!succeeds(&world));
}

#[test]
fn condition_5_the_old_deployment_must_have_drained() {
    let mut world = World::new(2, &[WEB]);
    world.start_serving(&["new0", "new1"]);
    world.complete(NEW);
    assert!(!succeeds(&world), "old tasks run");
    world.drain("old0");
    world.drain("old1");
    assert!(!succeeds(&world), "old tasks drain");
}

#[test]
fn condition_5_without_a_rollout_state_needs_the_only_deployment() {
    let mut world = done();
    world.deployment(NEW).rollout_state = None;
    assert!(succeeds(&world));
    world.deployments.push(deployment(OLD, "ACTIVE", 1));
    assert!(!succeeds(&world));
    world.deployment(OLD).status = "INACTIVE".to_owned();
    assert!(succeeds(&world));
}

#[test]
fn a_failed_deployment_that_stays_listed_without_tasks_is_no_old_one() {
    let mut world = done();
    let mut failed = deployment("ecs-svc/0", "ACTIVE", 0);
    failed.rollout_state = Some("FAILED".to_owned());
    world.deployments.push(failed);
    assert!(succeeds(&world));
}

#[test]
fn a_deployment_that_ecs_failed_is_not_healthy_however_its_tasks_are() {
    let mut world = done();
    world.deployment(NEW).rollout_state = Some("FAILED".to_owned());
    assert!(!succeeds(&world));
    assert!(!Conditions::evaluate(&followed(&world), &world.look(1), &Restarts::default()).healthy());
}

#[test]
fn unknown_health_counts_only_where_no_essential_container_is_checked() {
    let mut world = done();
    assert!(succeeds(&world), "no check");
    let mut followed = followed(&world);
    followed.health_checked_containers = vec!["web".to_owned()];
    assert!(!succeeds_as(&world, followed.clone()), "not evaluated yet");
    for id in ["new0", "new1"] {
        world.task(id).containers[0].health_status = Some("HEALTHY".to_owned());
    }
    // The task stays UNKNOWN because of a sidecar without a check (facts 3.2, the conflict).
    assert!(succeeds_as(&world, followed.clone()), "the checked container is healthy");
    for id in ["new0", "new1"] {
        world.task(id).containers[0].health_status = None;
        world.task(id).health_status = "HEALTHY".to_owned();
    }
    assert!(succeeds_as(&world, followed), "the task is healthy");
}

#[test]
fn the_revision_tells_where_started_by_does_not() {
    let mut world = done();
    world.counted = false;
    world.deployment(NEW).running = 2;
    for task in &mut world.tasks {
        task.started_by = Some("my-service".to_owned());
    }
    assert!(succeeds(&world));
    world.target("new1", "unhealthy");
    assert!(!succeeds(&world));
}

#[test]
fn a_followed_rollback_counts_tasks_that_an_older_deployment_of_the_same_revision_started() {
    let mut world = done();
    world.counted = false;
    world.deployment(NEW).running = 2;
    world.task("new0").started_by = Some("ecs-svc/0".to_owned());
    assert!(succeeds(&world));
    world.task("new0").last_status = "PENDING".to_owned();
    assert!(!succeeds(&world));
}

#[test]
fn a_task_listed_twice_counts_once_and_as_leaving() {
    let mut world = done();
    world.counted = false;
    world.deployment(NEW).running = 2;
    let mut twin = world.task("new1").clone();
    twin.desired_status = "STOPPED".to_owned();
    world.tasks.push(twin);
    assert!(!succeeds(&world));
}

#[test]
fn a_task_that_ecs_scales_in_does_not_hinder() {
    let mut world = World::new(2, &[WEB]);
    world.start_serving(&["new0", "new1", "new2"]);
    world.succeed();
    world.drain("new2");
    assert!(succeeds(&world));
}

#[test]
fn no_load_balancer_leaves_conditions_1_to_3_and_5() {
    let mut world = World::new(2, &[]);
    world.start_serving(&["new0", "new1"]);
    world.succeed();
    assert!(succeeds(&world));
    let group = TargetGroupHealth { arn: WEB.to_owned(), targets: Vec::new() };
    world.groups.push(group);
    assert!(!succeeds(&world));
}
