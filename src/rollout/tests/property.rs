//! Random observations: whatever comes in, success is claimed only where an evaluation that shares no
//! code with the state machine finds all five conditions in that same observation.

use std::collections::HashMap;
use std::time::Duration;

use crate::event::Event;
use crate::rollout::testing::*;
use crate::rollout::{Followed, Observation, Outcome, Policy, WaitFor};

/// SplitMix64: seeded, so that a failing seed can be run again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len() as u64) as usize]
    }
}

/// The design's five conditions, word for word and without regard to speed or explanation.
fn naive(followed: &Followed, observation: &Observation, wait_for: WaitFor) -> bool {
    let service = &observation.service;
    let Some(ours) = service.deployments.iter().find(|d| d.id == followed.deployment_id) else {
        return false;
    };
    // A task that is listed twice is what its later listing says: on its way out.
    let mut tasks: HashMap<&str, _> = HashMap::new();
    for task in &observation.tasks {
        let leaving = task.desired_status == "STOPPED" || task.last_status == "STOPPED";
        if leaving || !tasks.contains_key(task.arn.as_str()) {
            tasks.insert(task.arn.as_str(), task);
        }
    }
    let mine: Vec<_> = tasks
        .values()
        .filter(|t| {
            t.started_by.as_ref() == Some(&followed.deployment_id)
                || t.task_definition == followed.task_definition
        })
        .filter(|t| t.desired_status == "RUNNING" && t.last_status != "STOPPED")
        .collect();
    let one = ours.status == "PRIMARY" && ours.task_definition == followed.task_definition;
    let two = ours.running == service.desired_count && ours.pending == 0;
    let three = mine.len() as u32 >= service.desired_count
        && mine.iter().all(|t| {
            let checked =
                t.containers.iter().filter(|c| followed.health_checked_containers.contains(&c.name));
            t.last_status == "RUNNING"
                && t.health_status != "UNHEALTHY"
                && (t.health_status == "HEALTHY"
                    || followed.health_checked_containers.is_empty()
                    || checked.map(|c| c.health_status.as_deref()).all(|h| h == Some("HEALTHY")))
        });
    let four = followed.target_groups.iter().all(|wanted| {
        mine.iter().all(|t| {
            observation.target_groups.iter().filter(|g| g.arn == wanted.arn).flat_map(|g| &g.targets).any(
                |x| {
                    Some(&x.id) == t.private_ip.as_ref()
                        && x.port == wanted.container_port
                        && x.state == "healthy"
                },
            )
        })
    });
    let others_idle = service.deployments.iter().all(|d| d.id == ours.id || d.running + d.pending == 0);
    let five = others_idle && ours.rollout_state.as_deref() == Some("COMPLETED");
    one && two && three && four && (five || wait_for == WaitFor::Healthy)
}

/// Takes a world a random step further, mostly in the direction of success.
fn step(dice: &mut Dice, world: &mut World, number: u64) {
    let ids: Vec<String> = world.tasks.iter().map(|task| task.id().to_owned()).collect();
    match dice.roll(16) {
        0..=2 if ids.len() < 2 * world.desired as usize + 1 => world.start(&format!("new{number}")),
        3..=9 => {
            let Some(id) = ids.get(dice.roll(ids.len().max(1) as u64) as usize).cloned() else { return };
            let started = world.task(&id).started_by.clone();
            match dice.roll(10) {
                _ if world.task(&id).last_status == "STOPPED" => {}
                0..=4 if started.as_deref() == Some(NEW) => world.serve(&id),
                0..=5 if started.as_deref() == Some(OLD) => world.drain(&id),
                6 => world.target(&id, dice.pick(&["initial", "healthy", "unhealthy", "draining", "unused"])),
                7 => {
                    world.task(&id).health_status = dice.pick(&["HEALTHY", "UNHEALTHY", "UNKNOWN"]).to_owned()
                }
                8 if dice.one_in(3) => world.exit(&id, i32::try_from(dice.roll(256)).unwrap_or(1)),
                9 if dice.one_in(3) => world.task(&id).last_status = "PENDING".to_owned(),
                _ => world.run(&id),
            }
        }
        10 => world.finish_old_randomly(dice),
        11 | 12 => {
            let state = dice.pick(&["IN_PROGRESS", "COMPLETED", "COMPLETED", "COMPLETED"]).to_owned();
            world.deployment(NEW).rollout_state = Some(state);
        }
        13 if dice.one_in(6) => world.desired = u32::try_from(dice.roll(4)).unwrap_or(0),
        14 if dice.one_in(8) => world.deployment(NEW).rollout_state = Some("FAILED".to_owned()),
        _ => {}
    }
}

impl World {
    fn finish_old_randomly(&mut self, dice: &mut Dice) {
        let any =
            self.tasks.iter().any(|t| t.started_by.as_deref() == Some(OLD) && t.last_status != "STOPPED");
        if !any || dice.one_in(2) {
            self.finish_old();
        }
    }
}

/// What eventual consistency and our own two calls can make of an observation.
fn distort(dice: &mut Dice, observation: &mut Observation) {
    match dice.roll(12) {
        0 if !observation.tasks.is_empty() => {
            let index = dice.roll(observation.tasks.len() as u64) as usize;
            observation.tasks.remove(index);
        }
        1 if !observation.tasks.is_empty() => {
            let index = dice.roll(observation.tasks.len() as u64) as usize;
            let mut twin = observation.tasks[index].clone();
            twin.desired_status = "STOPPED".to_owned();
            observation.tasks.push(twin);
        }
        2 => observation.service.deployments.retain(|deployment| deployment.id != NEW),
        3 => observation.target_groups.clear(),
        4 => {
            for deployment in &mut observation.service.deployments {
                deployment.running = observation.service.desired_count;
                deployment.pending = 0;
            }
        }
        _ => {}
    }
}

#[test]
fn success_is_never_claimed_where_the_five_conditions_do_not_hold() {
    let mut successes = 0;
    let mut outcomes = 0;
    for seed in 0..800 {
        let mut dice = Dice(seed);
        let groups: &[&str] = [&[][..], &[WEB][..], &[WEB, API][..]][dice.roll(3) as usize];
        let mut world = World::new(u32::try_from(dice.roll(3)).unwrap_or(0), groups);
        let mut followed = followed(&world);
        if dice.one_in(4) {
            followed.health_checked_containers = vec!["web".to_owned()];
        }
        if dice.one_in(4) {
            for task in &mut world.tasks {
                task.started_by = Some(OLD.to_owned());
            }
        }
        let wait_for = if dice.one_in(3) { WaitFor::Healthy } else { WaitFor::Steady };
        let policy = Policy { max_failed_tasks: Some(9), ..Policy::new(wait_for, Duration::from_secs(3000)) };
        let mut run = Run::new(followed.clone(), policy);
        let mut announced = (0, 0);
        for number in 0..80 {
            step(&mut dice, &mut world, number);
            let mut observation = world.look(number);
            distort(&mut dice, &mut observation);
            let events = run.rollout.observe(observation.clone());
            announced.0 += events.iter().filter(|event| matches!(event, Event::Healthy { .. })).count();
            announced.1 += events.iter().filter(|event| matches!(event, Event::Steady { .. })).count();
            if events.iter().any(|event| matches!(event, Event::Healthy { .. })) {
                assert!(
                    naive(&followed, &observation, WaitFor::Healthy),
                    "seed {seed}, look {number}: Healthy"
                );
            }
            let Some(outcome) = run.outcome() else { continue };
            outcomes += 1;
            if let Outcome::Succeeded { healthy_at, steady_at } = outcome {
                successes += 1;
                assert!(naive(&followed, &observation, wait_for), "seed {seed}, look {number}");
                assert!(*healthy_at <= observation.at && steady_at.is_none_or(|at| at == observation.at));
                assert_eq!(announced, (1, usize::from(steady_at.is_some())), "seed {seed}");
            } else {
                assert!(announced.1 == 0, "seed {seed}: steady, and then {outcome:?}");
            }
            break;
        }
    }
    // The walk has to get somewhere, or it proves nothing.
    assert!(successes > 250, "{successes} successes in {outcomes} outcomes");
    assert!(outcomes > successes, "{successes} successes in {outcomes} outcomes");
}

#[test]
fn success_is_claimed_in_the_first_observation_in_which_all_five_hold() {
    for seed in 0..400 {
        let mut dice = Dice(seed);
        let mut world = World::new(2, &[WEB]);
        let followed = followed(&world);
        let policy =
            Policy { max_failed_tasks: Some(9), ..Policy::new(WaitFor::Steady, Duration::from_secs(3000)) };
        let mut run = Run::new(followed.clone(), policy);
        for number in 0..80 {
            step(&mut dice, &mut world, number);
            let observation = world.look(number);
            let busy = observation.tasks.iter().any(|task| {
                task.started_by.as_deref() == Some(OLD) && !matches!(task.last_status.as_str(), "STOPPED")
            });
            let holds = observation.service.desired_count > 0
                && !busy
                && naive(&followed, &observation, WaitFor::Steady);
            run.rollout.observe(observation);
            if holds {
                assert!(run.succeeded(), "seed {seed}, look {number}: {:?}", run.outcome());
            }
            if run.outcome().is_some() {
                break;
            }
        }
    }
}
