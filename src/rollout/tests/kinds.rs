//! Services of other kinds than the ordinary one: DAEMON, targets of EC2 instances, alarms, early success, and
//! containers that are not in the task definition.

use std::time::Duration;

use crate::event::{Event, FailureClass};
use crate::rollout::testing::*;
use crate::rollout::{
    EarlySuccess, Followed, Outcome, Policy, PortBinding, Rollout, Rules, Target, TargetKind, WaitFor,
};

fn with_rules(world: &World, rules: Rules) -> Run {
    Run::new(Followed { rules, ..followed(world) }, policy())
}

fn daemon() -> Rules {
    Rules { daemon: true, maximum_percent: 100, ..Rules::default() }
}

#[test]
fn a_daemon_service_stops_each_task_before_it_starts_the_next_and_that_is_no_violation() {
    let mut world = World::new(3, &[WEB]);
    let followed = Followed { rules: daemon(), minimum_healthy_percent: 66, ..followed(&world) };
    let mut run = Run::new(followed, Policy::new(WaitFor::Steady, Duration::from_secs(3600)));
    for number in 0..3 {
        let began = 400 * number;
        let old = format!("old{number}");
        world.drain(&old);
        // For longer than the stall timeout: the new task waits for the old one's place.
        run.see_throughout(&world, began + 1, began + 320);
        world.stop(&old, "ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/2)");
        world.start_serving(&[&format!("new{number}")]);
        run.see(&world, began + 330);
        assert_eq!(run.outcome(), None);
        assert_eq!(run.rollout.progress(), (u32::try_from(number).unwrap() + 1, 3));
    }
    world.succeed();
    run.see(&world, 1200);
    assert!(run.succeeded());
    assert_eq!(
        run.rollout.standing(),
        "app:2 is steady: 3 of 3 tasks healthy (DAEMON: one on each container instance)"
    );
    let measured = run.rollout.zero_downtime();
    assert_eq!((measured.floor, measured.lowest, measured.violated_at_ms), (2, 2, None));
}

#[test]
fn instances_that_come_and_go_change_what_a_daemon_service_wants_and_nothing_is_said_of_scaling() {
    let mut world = World::new(2, &[]);
    let mut run = with_rules(&world, daemon());
    run.see(&world, 1);
    world.desired = 3;
    world.start_serving(&["new0", "new1"]);
    run.see(&world, 30);
    assert_eq!((run.outcome(), run.rollout.progress()), (None, (2, 3)));
    world.desired = 1;
    world.stop("new1", "ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/2)");
    run.see(&world, 31);
    assert!(run.rollout.findings().is_empty(), "{:?}", run.rollout.findings());
    let others = run.said(|event| {
        !matches!(event, Event::DeploymentChanged { .. } | Event::TaskChanged { .. } | Event::Healthy { .. })
    });
    assert_eq!(others, 0, "{:?}", run.events);
    world.succeed();
    run.see(&world, 32);
    assert!(run.succeeded());
}

#[test]
fn a_daemon_service_without_an_instance_is_steady_when_ecs_says_so() {
    let mut world = World::new(0, &[]);
    let mut run = with_rules(&world, daemon());
    run.see(&world, 1);
    assert_eq!(run.outcome(), None);
    world.succeed();
    run.see(&world, 2);
    assert!(run.succeeded());
    assert_eq!(run.rollout.standing(), "app:2 is steady, and no container instance is there for its tasks");
}

/// Two new tasks on one instance, each bound to a host port of its own, and healthy there.
fn on_instances() -> World {
    let mut world = World::new(2, &[WEB]);
    world.groups[0].targets.clear();
    for (id, host_port) in [("new0", 32768), ("new1", 32769)] {
        world.start(id);
        world.run(id);
        let task = world.task(id);
        task.private_ip = None;
        task.container_instance =
            Some("arn:aws:ecs:eu-west-1:123456789012:container-instance/c/1".to_owned());
        task.ec2_instance = Some("i-0abc".to_owned());
        task.containers[0].ports = vec![PortBinding { container_port: 80, host_port }];
        world.groups[0].targets.push(Target {
            id: "i-0abc".to_owned(),
            port: host_port,
            state: "healthy".to_owned(),
            reason: None,
            description: None,
        });
    }
    world.succeed();
    world
}

fn by_instance(world: &World, kind: TargetKind) -> Run {
    let mut followed = followed(world);
    followed.target_groups[0].kind = kind;
    Run::new(followed, policy())
}

fn succeeds(world: &World, kind: TargetKind) -> bool {
    let mut run = by_instance(world, kind);
    run.see(world, 1);
    run.succeeded()
}

#[test]
fn an_instance_target_is_the_task_whose_host_port_it_is() {
    let world = on_instances();
    assert!(succeeds(&world, TargetKind::Instance));
    assert!(!succeeds(&world, TargetKind::Ip), "there are no addresses");

    // The other task's target is none of this one's, although the instance is the same.
    let mut sick = world.clone();
    sick.groups[0].targets[1].state = "unhealthy".to_owned();
    let mut run = by_instance(&sick, TargetKind::Instance);
    let events = run.see(&sick, 1);
    assert_eq!((run.outcome(), run.rollout.progress()), (None, (1, 2)));
    assert!(
        run.rollout.standing().contains("target i-0abc:32769 in web is unhealthy"),
        "{}",
        run.rollout.standing()
    );
    let shown = events.iter().filter_map(|event| match event {
        Event::TaskChanged { task } => {
            task.targets.first().map(|target| (task.id.as_str(), target.state.as_str()))
        }
        _ => None,
    });
    assert_eq!(shown.collect::<Vec<_>>(), [("new0", "healthy"), ("new1", "unhealthy")]);
    assert_eq!(run.finding("elb-health-check-failed").occurrences, 1);

    // Two tasks of one instance are two that serve.
    let mut run = by_instance(&world, TargetKind::Instance);
    run.see(&world, 1);
    assert_eq!(run.rollout.zero_downtime().lowest, 2);
}

#[test]
fn an_instance_target_needs_the_instance_and_the_port() {
    type Spoil = fn(&mut World);
    let cases: [(Spoil, &str); 3] = [
        (|world| world.task("new1").ec2_instance = None, "the EC2 instance of task new1 is not known yet"),
        (
            |world| world.task("new1").containers[0].ports.clear(),
            "the host port of task new1 is not known yet",
        ),
        (
            |world| world.task("new1").ec2_instance = Some("i-0def".to_owned()),
            "task new1 is not registered in web as i-0def:32769",
        ),
    ];
    for (spoil, words) in cases {
        let mut world = on_instances();
        spoil(&mut world);
        let mut run = by_instance(&world, TargetKind::Instance);
        run.see(&world, 1);
        assert_eq!(run.outcome(), None);
        assert!(run.rollout.standing().contains(words), "{}", run.rollout.standing());
    }
}

#[test]
fn in_network_mode_host_the_port_is_the_containers() {
    let mut world = on_instances();
    for (index, id) in ["new0", "new1"].into_iter().enumerate() {
        let task = world.task(id);
        task.ec2_instance = Some(format!("i-{index}"));
        task.containers[0].ports.clear();
        world.groups[0].targets[index].id = format!("i-{index}");
        world.groups[0].targets[index].port = 80;
    }
    assert!(succeeds(&world, TargetKind::Host));
    world.groups[0].targets[0].port = 8080;
    assert!(!succeeds(&world, TargetKind::Host));
}

#[test]
fn where_the_instances_may_not_be_asked_for_ecs_has_to_say_that_it_is_done() {
    let mut world = on_instances();
    world.instances_denied = true;
    for id in ["new0", "new1"] {
        world.task(id).ec2_instance = None;
    }
    world.deployment(NEW).rollout_state = Some("IN_PROGRESS".to_owned());
    let mut run = by_instance(&world, TargetKind::Instance);
    run.see(&world, 1);
    assert_eq!(run.outcome(), None);
    let standing = run.rollout.standing().to_owned();
    assert_eq!(standing.matches("ecs:DescribeContainerInstances is denied").count(), 1, "{standing}");
    world.complete(NEW);
    run.see(&world, 2);
    assert!(run.succeeded());
    assert!(run.rollout.unchecked().is_some());
}

fn with_alarms(world: &World) -> Run {
    let alarms = vec!["web-5xx".to_owned(), "web-latency".to_owned()];
    with_rules(world, Rules { alarms, ..Rules::default() })
}

/// Every new task is healthy, no old one is left, and ECS has not completed the deployment.
fn baking() -> World {
    let mut world = World::new(2, &[WEB]);
    world.start_serving(&["new0", "new1"]);
    world.finish_old();
    world
}

fn reasons(run: &Run) -> Vec<&str> {
    let reasons = run.events.iter().filter_map(|event| match event {
        Event::Waiting { reason, .. } => reason.as_deref(),
        _ => None,
    });
    reasons.collect()
}

#[test]
fn while_ecs_watches_alarms_that_is_said_with_their_names_and_for_how_long() {
    let mut world = baking();
    let mut run = with_alarms(&world);
    run.see(&world, 40);
    // Longer than the stall timeout.
    run.see_throughout(&world, 41, 400);
    assert_eq!(run.outcome(), None);
    let said = reasons(&run);
    assert_eq!(
        said,
        [
            "every task is healthy, and ECS watches the alarms web-5xx and web-latency before it completes the deployment"
        ]
    );
    let standing = run.rollout.standing();
    assert!(
        standing.contains("web-5xx and web-latency") && standing.contains("(for at least 6 minutes so far)"),
        "{standing}"
    );
    assert!(!standing.contains("IN_PROGRESS"), "{standing}");
    world.complete(NEW);
    run.see(&world, 401);
    let (healthy_at, steady_at) = (Duration::from_secs(40), Some(Duration::from_secs(401)));
    assert_eq!(run.outcome(), Some(&Outcome::Succeeded { healthy_at, steady_at }));
    assert_eq!(run.rollout.meanwhile(Duration::from_secs(402)), None);
}

#[test]
fn a_bake_that_does_not_end_is_in_the_reason_of_the_time_limit() {
    let world = baking();
    let alarms = vec!["web-5xx".to_owned()];
    let rules = Rules { alarms, ..Rules::default() };
    let patience = Policy::new(WaitFor::Steady, Duration::from_secs(100));
    let mut run = Run::new(Followed { rules, ..followed(&world) }, patience);
    run.see_throughout(&world, 10, 100);
    assert!(run.reason().contains("ECS watches the alarm web-5xx"), "{}", run.reason());
    assert!(run.reason().contains("(for at least 90 s so far)"), "{}", run.reason());
}

#[test]
fn without_alarms_or_before_the_tasks_are_healthy_nothing_is_said_of_them() {
    let world = baking();
    let mut run = Run::of(&world);
    run.see_throughout(&world, 1, 20);
    assert_eq!(reasons(&run), Vec::<&str>::new());
    let mut world = baking();
    world.target("new1", "initial");
    let mut run = with_alarms(&world);
    run.see(&world, 1);
    assert_eq!(reasons(&run), Vec::<&str>::new());
    assert!(run.rollout.standing().contains("the rollout is IN_PROGRESS"), "{}", run.rollout.standing());
}

#[test]
fn an_alarm_that_fires_during_the_bake_is_a_failure_and_a_rollback() {
    let mut world = baking();
    let mut run = with_alarms(&world);
    run.see(&world, 40);
    world.deployment(NEW).rollout_state = Some("FAILED".to_owned());
    world.deployment(NEW).status = "ACTIVE".to_owned();
    let mut back = deployment("ecs-svc/3", "PRIMARY", 1);
    back.rollout_state_reason =
        Some("ECS deployment alarm: rolling back to deploymentId ecs-svc/1.".to_owned());
    world.deployments.insert(0, back);
    run.see(&world, 50);
    assert_eq!(run.said(|event| matches!(event, Event::RollbackStarted { .. })), 1);
    assert_eq!(run.rollout.meanwhile(Duration::from_secs(51)), None);
}

fn early(world: &World, deferred: bool) -> Run {
    let early_success = Some(EarlySuccess { healthy_percent: 50, deferred });
    with_rules(world, Rules { early_success, ..Rules::default() })
}

#[test]
fn completed_before_every_task_is_up_is_no_success_yet() {
    let mut world = World::new(2, &[WEB]);
    world.start_serving(&["new0"]);
    world.start("new1");
    world.complete(NEW);
    let mut run = early(&world, false);
    run.see(&world, 30);
    assert_eq!(run.outcome(), None);
    let standing = run.rollout.standing().to_owned();
    let words = "ECS has completed the deployment by its early success criteria (50 % of the tasks healthy), which does not count here";
    assert!(standing.contains(words), "{standing}");
    world.serve("new1");
    run.see(&world, 40);
    assert_eq!((run.outcome(), run.rollout.healthy_at()), (None, Some(Duration::from_secs(40))));
    world.finish_old();
    run.see(&world, 50);
    assert!(run.succeeded());
}

#[test]
fn completed_while_old_tasks_stay_is_healthy_and_not_steady() {
    let mut world = World::new(2, &[WEB]);
    world.start_serving(&["new0", "new1"]);
    world.complete(NEW);
    let mut run = early(&world, true);
    run.see(&world, 30);
    assert_eq!((run.outcome(), run.rollout.healthy_at()), (None, Some(Duration::from_secs(30))));
    let standing = run.rollout.standing();
    assert!(standing.contains("old tasks may stay for up to two weeks (DEFERRED"), "{standing}");
    assert!(standing.contains("2 tasks of older deployments have not stopped"), "{standing}");
}

/// The breaker, which would have had to judge them, is over.
#[test]
fn tasks_that_fail_after_an_early_completion_are_not_left_to_ecs() {
    let mut world = World::new(2, &[WEB]);
    let rules = Rules {
        early_success: Some(EarlySuccess { healthy_percent: 0, deferred: false }),
        ..Rules::default()
    };
    let breaker = Policy { ecs_rolls_back: true, max_failed_tasks: Some(2), ..policy() };
    let mut run = Run::new(Followed { rules, ..followed(&world) }, breaker);
    for number in 0..3 {
        let id = format!("new{number}");
        world.start(&id);
        world.stop(&id, "SpotInterruption", "Your Spot Task was interrupted.");
    }
    run.see(&world, 10);
    assert_eq!(run.outcome(), None, "the breaker's threshold is 3, and it has a little time");
    world.complete(NEW);
    run.see(&world, 11);
    assert!(run.reason().starts_with("3 tasks failed, and 2 are put up with"), "{}", run.reason());
}

#[test]
fn containers_that_aws_put_into_the_task_do_not_matter_while_it_runs() {
    for name in ["aws-guardduty-agent-abc123", "ecs-service-connect-xyz"] {
        let mut world = baking();
        for id in ["new0", "new1"] {
            let mut injected = world.task(id).containers[0].clone();
            injected.name = name.to_owned();
            injected.last_status = "STOPPED".to_owned();
            injected.health_status = Some("UNHEALTHY".to_owned());
            injected.exit_code = Some(1);
            world.task(id).containers.insert(0, injected);
            world.task(id).containers[1].health_status = Some("HEALTHY".to_owned());
        }
        world.complete(NEW);
        let mut followed = followed(&world);
        followed.health_checked_containers = vec!["web".to_owned()];
        let mut run = Run::new(followed, policy());
        run.see(&world, 1);
        assert!(run.succeeded(), "{name}: {}", run.rollout.standing());
        assert!(run.rollout.findings().is_empty());
    }
}

#[test]
fn a_container_that_aws_put_into_the_task_is_not_the_one_to_blame() {
    let mut world = World::new(1, &[WEB]);
    let mut run = Run::of(&world);
    world.start("new0");
    world.run("new0");
    world.exit("new0", 3);
    let mut injected = world.task("new0").containers[0].clone();
    injected.name = "aws-guardduty-agent-abc123".to_owned();
    injected.exit_code = Some(1);
    world.task("new0").containers.insert(0, injected);
    run.see(&world, 1);
    let finding = run.finding("essential-container-exited");
    assert!(finding.title.starts_with("Container web exited with code 3"), "{finding:?}");
}

#[test]
fn one_task_is_not_tasks() {
    let mut world = World::new(1, &[WEB]);
    world.start_serving(&["new0"]);
    world.complete(NEW);
    let mut run = Run::of(&world);
    run.see(&world, 1);
    let standing = |rollout: &Rollout| rollout.standing().to_owned();
    let now = standing(&run.rollout);
    assert!(
        now.contains("1 of 1 task healthy") && now.contains("1 task of older deployments has not stopped"),
        "{now}"
    );
}

/// On instances of one's own there is room again when old tasks leave: that ECS finds none is no mistake.
#[test]
fn a_lack_of_instances_is_certain_only_where_nothing_runs_on_one() {
    let full =
        "(service app) was unable to place a task because no container instance met all of its requirements.";
    for runs_on_instances in [true, false] {
        let mut world = World::new(2, &[]);
        if runs_on_instances {
            world.task("old0").container_instance = Some("arn:aws:ecs:x:1:container-instance/c/1".to_owned());
        }
        let mut run = Run::of(&world);
        for second in 1..=4 {
            world.say(&format!("e{second}"), full);
            run.see(&world, second);
        }
        assert_eq!(run.outcome().is_none(), runs_on_instances);
        let class = run.finding("no-container-instances").class;
        assert_eq!(class == FailureClass::Transient, runs_on_instances);
    }
}
