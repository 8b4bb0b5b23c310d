//! Stopping tasks.

use std::time::Duration;

use super::TaskStatus;
use crate::world::World;

/// `desiredStatus` is STOPPED this long before `lastStatus` follows.
const NOTICE: Duration = Duration::from_millis(800);

impl World {
    /// Decides that a task is to stop: `desiredStatus` flips and its targets are deregistered.
    /// Returns the target groups that it was taken out of.
    pub(crate) fn stop(&mut self, task: usize, code: &'static str, reason: String) -> Vec<String> {
        let now = self.now;
        if !self.tasks[task].wanted {
            return Vec::new();
        }
        let groups = self.deregister_targets(task);
        let task = &mut self.tasks[task];
        task.wanted = false;
        task.stopping_at = Some(now);
        task.stop_code = Some(code);
        task.stopped_reason = Some(reason);
        task.exits_at = None;
        task.restarts_at = None;
        task.checked_at = None;
        task.presumed_healthy_at = None;
        task.next_at = Some(now + NOTICE);
        groups
    }

    /// A task that ends by itself: its containers are gone at once, nothing is drained first.
    pub(super) fn end(&mut self, task: usize, code: &'static str, reason: String) {
        let now = self.now;
        self.deregister_targets(task);
        let task = &mut self.tasks[task];
        task.wanted = false;
        task.stopping_at = Some(now);
        task.stop_code = Some(code);
        task.stopped_reason = Some(reason);
        task.execution_stopped_at = Some(now);
        task.exits_at = None;
        task.checked_at = None;
        task.presumed_healthy_at = None;
        task.status = TaskStatus::Deprovisioning;
        task.next_at = Some(now + task.durations.deprovisioning);
    }

    fn deregister_targets(&mut self, task: usize) -> Vec<String> {
        let now = self.now;
        let task = &mut self.tasks[task];
        let mut left = Vec::new();
        for group in &mut self.target_groups {
            if group.deregister(&task.id, now) {
                let until = now + group.drain_time();
                task.drained_at = Some(task.drained_at.map_or(until, |other| other.max(until)));
                left.push(group.arn.clone());
            }
        }
        left
    }
}
