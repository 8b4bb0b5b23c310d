//! Containers with a restart policy, in tasks that stay RUNNING.

use std::time::Duration;

use crate::event::{Event, FailureClass};
use crate::rollout::testing::*;
use crate::rollout::{Followed, Policy, RestartPolicy};

/// `web` is restarted in place at most once a minute.
fn restarting(world: &World) -> Followed {
    let policy = RestartPolicy {
        container: "web".to_owned(),
        attempt_period: Duration::from_secs(60),
        ignored_exit_codes: vec![0],
    };
    Followed { restart_policies: vec![policy], ..followed(world) }
}

/// A new task that serves, in a world that is otherwise done.
fn world() -> World {
    let mut world = World::new(1, &[WEB]);
    world.start_serving(&["new0"]);
    world.task("new0").containers[0].last_status = "RUNNING".to_owned();
    world.task("new0").containers[0].runtime_id = Some("run-0".to_owned());
    world
}

/// The container has another id from now on.
fn replace(world: &mut World, number: u32) {
    world.task("new0").containers[0].runtime_id = Some(format!("run-{number}"));
}

fn restarts(run: &Run) -> Vec<(u32, Option<i32>)> {
    let seen = run.events.iter().filter_map(|event| match event {
        Event::ContainerRestarted { restarts, exit_code, .. } => Some((*restarts, *exit_code)),
        _ => None,
    });
    seen.collect()
}

#[test]
fn another_runtime_id_is_a_restart_and_an_old_one_is_only_stale() {
    let mut world = world();
    let mut run = Run::new(restarting(&world), policy());
    run.see(&world, 1);
    replace(&mut world, 1);
    run.see(&world, 2);
    assert_eq!(restarts(&run), [(1, None)]);
    for (second, number) in [(3, 0), (4, 1), (5, 0)] {
        replace(&mut world, number);
        run.see(&world, second);
    }
    assert_eq!(restarts(&run).len(), 1);
    let evidence = run.finding("container-restarting").evidence.join("\n");
    assert!(
        evidence.contains("task new0: container web restarted in place (1 restart seen): no exit code"),
        "{evidence}"
    );
}

#[test]
fn a_container_that_leaves_running_and_comes_back_as_another_has_restarted_once() {
    let mut world = world();
    let mut run = Run::new(restarting(&world), policy());
    run.see(&world, 1);
    world.task("new0").containers[0].last_status = "STOPPED".to_owned();
    world.task("new0").containers[0].exit_code = Some(3);
    run.see_throughout(&world, 2, 4);
    world.task("new0").containers[0].last_status = "RUNNING".to_owned();
    world.task("new0").containers[0].exit_code = None;
    replace(&mut world, 1);
    run.see(&world, 5);
    assert_eq!(restarts(&run), [(1, Some(3))]);
    let finding = run.finding("container-restarting");
    assert_eq!((finding.class, finding.occurrences), (FailureClass::Mixed, 1));
    assert!(finding.evidence[0].contains("exit code 3 (an error of the application's own)"), "{finding:?}");
}

#[test]
fn what_is_no_restart_is_not_counted() {
    // No policy.
    let mut first = world();
    let mut run = Run::of(&first);
    run.see(&first, 1);
    replace(&mut first, 1);
    run.see(&first, 2);
    assert!(restarts(&run).is_empty());
    // An exit code after which the policy does not restart.
    let mut world = world();
    let mut run = Run::new(restarting(&world), policy());
    run.see(&world, 1);
    world.task("new0").containers[0].last_status = "STOPPED".to_owned();
    world.task("new0").containers[0].exit_code = Some(0);
    run.see(&world, 2);
    // The end of the task, and another deployment's tasks.
    world.exit("new0", 1);
    run.see(&world, 3);
    let old = world.task("old0");
    old.containers[0].runtime_id = Some("old".to_owned());
    run.see(&world, 4);
    world.task("old0").containers[0].runtime_id = Some("older".to_owned());
    run.see(&world, 5);
    assert!(restarts(&run).is_empty(), "{:?}", run.events);
}

#[test]
fn a_restarted_container_counts_as_healthy_when_it_has_outlasted_the_attempt_period() {
    let mut world = world();
    let mut run = Run::new(restarting(&world), Policy { stall_timeout: Duration::from_secs(20), ..policy() });
    run.see(&world, 1);
    replace(&mut world, 1);
    world.succeed();
    run.see_throughout(&world, 10, 69);
    assert_eq!(run.outcome(), None, "neither a success nor a stall");
    let standing = run.rollout.standing();
    assert!(
        standing.contains("container web of task new0 restarted 59 s ago, and counts as healthy when it has run for 60 s (restartAttemptPeriod)"),
        "{standing}"
    );
    run.see(&world, 70);
    assert!(run.succeeded());
}

#[test]
fn three_restarts_end_the_rollout_also_where_ecs_rolls_back_and_the_task_was_healthy_between_them() {
    let mut world = world();
    world.deployment(NEW).rollout_state = Some("IN_PROGRESS".to_owned());
    let breaker = Policy { ecs_rolls_back: true, ..policy() };
    let mut run = Run::new(restarting(&world), breaker);
    for number in 0..3 {
        run.see(&world, 100 * u64::from(number) + 1);
        replace(&mut world, number + 1);
        run.see(&world, 100 * u64::from(number) + 20);
        assert_eq!(run.outcome().is_some(), number == 2);
        run.see(&world, 100 * u64::from(number) + 90);
    }
    assert_eq!(run.reason(), "A container restarted inside a RUNNING task (3 times)");
    assert_eq!(run.finding("container-restarting").occurrences, 3);
}

#[test]
fn another_task_that_becomes_healthy_forgives_them() {
    let mut world = world();
    world.desired = 3;
    let mut run = Run::new(restarting(&world), policy());
    run.see(&world, 1);
    for number in 1..=2 {
        replace(&mut world, number);
        run.see(&world, 70 * u64::from(number));
    }
    world.start_serving(&["new1"]);
    run.see(&world, 150);
    replace(&mut world, 3);
    run.see(&world, 220);
    assert_eq!(run.outcome(), None);
    assert_eq!(run.finding("container-restarting").occurrences, 3);
}
