//! Whether anything still moves.

use std::time::Duration;

use super::observation::{Deployment, Observation, Task};
use super::policy::Followed;
use super::targets;

/// A stall needs to have been looked at this often: a poller that could not see is no proof.
const LOOKS: u32 = 3;

/// What is compared: the followed deployment, its tasks and their targets.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Picture {
    desired: u32,
    deployment: Option<Deployment>,
    tasks: Vec<Task>,
    targets: Vec<(String, u32, String)>,
}

/// Knows when something last changed.
#[derive(Debug, Default)]
pub(super) struct StallClock {
    last: Option<Picture>,
    since: Duration,
    looks: u32,
    paused: bool,
}

impl StallClock {
    /// Somebody is waited for, or not any more: while paused, nothing has to change.
    pub fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Takes one observation in. While `excused`, nothing has to change.
    pub fn observe(&mut self, followed: &Followed, observation: &Observation, excused: bool) {
        let picture = picture(followed, observation);
        if excused || self.paused || self.last.as_ref() != Some(&picture) {
            self.last = Some(picture);
            self.since = observation.at;
            self.looks = 0;
        } else {
            self.looks += 1;
        }
    }

    /// How long nothing has changed.
    pub fn idle(&self, at: Duration) -> Duration {
        at.saturating_sub(self.since)
    }

    /// Whether nothing has changed for as long as `limit`.
    pub fn is_stalled(&self, at: Duration, limit: Duration) -> bool {
        self.looks >= LOOKS && self.idle(at) >= limit
    }
}

/// Whether the followed deployment waits for room that old tasks will make: fewer of its tasks exist than
/// are wanted, and old ones are on their way out, which takes the deregistration delay of up to an hour
/// (facts 3.5).
pub(super) fn waits_for_room(followed: &Followed, observation: &Observation) -> bool {
    let live = observation.tasks.iter().filter(|task| followed.owns(task) && !task.is_leaving()).count();
    let leaving =
        observation.tasks.iter().any(|task| !followed.owns(task) && task.is_leaving() && !task.is_stopped());
    leaving && (live as u64) < u64::from(observation.service.desired_count)
}

fn picture(followed: &Followed, observation: &Observation) -> Picture {
    let mut tasks: Vec<Task> = observation.tasks.iter().filter(|task| followed.owns(task)).cloned().collect();
    tasks.sort_by(|a, b| a.arn.cmp(&b.arn));
    let mut targets: Vec<(String, u32, String)> = followed
        .target_groups
        .iter()
        .filter_map(|group| Some((group, observation.target_group(&group.arn)?)))
        .flat_map(|(group, health)| health.targets.iter().map(move |target| (group, target)))
        .filter(|(group, target)| tasks.iter().any(|task| targets::is_of(target, group, task)))
        .map(|(_, target)| (target.id.clone(), target.port, target.state.clone()))
        .collect();
    targets.sort_unstable();
    Picture {
        desired: observation.service.desired_count,
        deployment: observation.service.deployment(&followed.deployment_id).cloned(),
        tasks,
        targets,
    }
}
