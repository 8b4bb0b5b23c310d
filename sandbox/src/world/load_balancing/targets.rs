//! How targets come, become healthy or not, and go.

use std::time::Duration;

use super::{Target, TargetGroup, TargetState};
use crate::world::{VirtualTime, random::Random};

impl TargetGroup {
    pub(crate) fn register(&mut self, mut target: Target, now: VirtualTime, random: &mut Random) {
        target.state = TargetState::Registering;
        target.next_at = Some(now + random.between_ms(500, 2000));
        self.targets.push(target);
    }

    /// Takes a task's target out of service; it drains for the deregistration delay. Says whether there was one.
    pub(crate) fn deregister(&mut self, task: &str, now: VirtualTime) -> bool {
        let until = now + self.options.deregistration_delay();
        let mut found = false;
        for target in self.targets.iter_mut().filter(|target| target.task == task) {
            if !matches!(target.state, TargetState::Draining { .. }) {
                let was_unhealthy = target.state == TargetState::Unhealthy;
                target.state = TargetState::Draining { was_unhealthy };
                target.next_at = Some(until);
                found = true;
            }
        }
        found
    }

    pub(crate) fn next_due(&self) -> Option<VirtualTime> {
        self.targets.iter().filter_map(|target| target.next_at).min()
    }

    /// Lets every change that is due by `now` happen; returns the tasks whose target changed.
    pub(crate) fn advance(&mut self, now: VirtualTime, random: &mut Random) -> Vec<String> {
        let interval = self.options.interval();
        let (to_healthy, to_unhealthy) = (self.options.healthy_threshold, self.options.unhealthy_threshold);
        let mut changed = Vec::new();
        for target in &mut self.targets {
            let Some(due) = target.next_at.filter(|due| *due <= now) else { continue };
            changed.push(target.task.clone());
            (target.state, target.next_at) = match target.state {
                TargetState::Registering => {
                    let checks = if target.answers { to_healthy } else { to_unhealthy };
                    let span = interval * checks.max(1) * target.slowness + random.between_ms(0, 900);
                    (TargetState::FirstChecks, Some(due + span))
                }
                TargetState::FirstChecks if target.answers => (TargetState::Healthy, None),
                TargetState::FirstChecks => (TargetState::Unhealthy, None),
                state => (state, None),
            };
        }
        // A drained target leaves when its delay is over: its state is Draining and nothing is due.
        self.targets.retain(|target| {
            target.next_at.is_some() || !matches!(target.state, TargetState::Draining { .. })
        });
        changed
    }

    pub(crate) fn target_of(&self, task: &str) -> Option<&Target> {
        self.targets.iter().find(|target| target.task == task)
    }

    /// How long a target that was just deregistered drains.
    pub(crate) fn drain_time(&self) -> Duration {
        self.options.deregistration_delay()
    }
}
