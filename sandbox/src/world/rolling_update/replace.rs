//! Which tasks the scheduler stops, and how it says so.

use crate::world::{
    World,
    load_balancing::{FAILING_CODE, TargetState},
    services::{RolloutState, task_list},
    tasks::{Health, Task},
};

/// Why a health check makes the scheduler stop a task.
struct Unhealthy {
    reason: String,
    event: Option<String>,
}

impl World {
    /// Stops tasks that fail their health checks, once `healthCheckGracePeriodSeconds` is over.
    pub(super) fn stop_unhealthy(&mut self, index: usize) {
        let grace = self.services[index].grace_period();
        for task in self.wanted_tasks(index, Task::is_running) {
            let Some(verdict) = self.unhealthy(&self.tasks[task]) else { continue };
            let Some(started) = self.tasks[task].started_at else { continue };
            if self.now < started + grace {
                self.services[index].wake(started + grace);
                continue;
            }
            let deployment = self.tasks[task].deployment.clone();
            if let Some(event) = verdict.event {
                self.services[index].say(&event, self.now, &mut self.random);
            }
            self.stop_and_say(index, &[task], |_| verdict.reason.clone());
            self.note_health_failure(index, &deployment);
        }
    }

    fn unhealthy(&self, task: &Task) -> Option<Unhealthy> {
        for (arn, port) in &task.target_groups {
            let target = self.target_group(arn).and_then(|group| group.target_of(&task.id));
            if target.is_some_and(|target| target.state == TargetState::Unhealthy) {
                return Some(Unhealthy {
                    reason: format!("Task failed ELB health checks in (target-group {arn})"),
                    event: Some(format!(
                        "(task {}) (port {port}) is unhealthy in (target-group {arn}) due to (reason Health checks failed with these codes: [{FAILING_CODE}]).",
                        task.id
                    )),
                });
            }
        }
        (task.health() == Health::Unhealthy)
            .then(|| Unhealthy { reason: "Task failed container health checks".to_owned(), event: None })
    }

    /// Stops tasks of older deployments, and tasks beyond the desired count, as far as
    /// `minimumHealthyPercent` permits (facts 3.5).
    pub(super) fn stop_surplus(&mut self, index: usize) {
        let service = &self.services[index];
        let Some(primary) = service.deployments.first() else { return };
        let desired = service.desired_count();
        let healthy = self.tasks_of(service).filter(|task| self.is_healthy(task)).count();
        let mut spare = healthy.saturating_sub(service.lower_bound());
        let id = primary.id.clone();

        let mut candidates = Vec::new();
        // A failed deployment without a rollback leaves what runs alone.
        if primary.rollout != RolloutState::Failed {
            let kept = self.kept_revision(index);
            let keeps = |task: &Task| {
                let entry = service.deployments.iter().find(|entry| entry.id == task.deployment);
                kept.is_some() && entry.map(|entry| &entry.service_revision) == kept.as_ref()
            };
            candidates = self.wanted_tasks(index, |task| task.deployment != id && !keeps(task));
        }
        let own = self.wanted_tasks(index, |task| task.deployment == id);
        // The youngest go first when the desired count was lowered.
        let surplus = own.len().saturating_sub(desired);
        candidates.extend(own.into_iter().rev().take(surplus));

        let mut stop = Vec::new();
        for task in candidates {
            if !self.is_healthy(&self.tasks[task]) {
                stop.push(task);
            } else if spare > 0 {
                spare -= 1;
                stop.push(task);
            }
        }
        self.stop_and_say(index, &stop, |task| {
            format!("Scaling activity initiated by (deployment {})", task.deployment)
        });
    }

    /// Stops tasks and adds the events about it.
    fn stop_and_say(&mut self, index: usize, tasks: &[usize], reason: impl Fn(&Task) -> String) {
        if tasks.is_empty() {
            return;
        }
        let now = self.now;
        let mut left_groups: Vec<String> = Vec::new();
        for task in tasks {
            let reason = reason(&self.tasks[*task]);
            left_groups.extend(self.stop(*task, "ServiceSchedulerInitiated", reason));
        }
        let list = task_list(tasks.iter().map(|task| self.tasks[*task].id.as_str()));
        let deployment = self.tasks[tasks[0]].deployment.clone();
        let service = &mut self.services[index];
        let mut distinct = left_groups.clone();
        distinct.sort();
        distinct.dedup();
        for group in distinct {
            let count = left_groups.iter().filter(|left| **left == group).count();
            let draining = format!("has begun draining connections on {count} tasks.");
            service.say_of_task_set(&deployment, &draining, now, &mut self.random);
            let message = format!("deregistered {count} targets in (target-group {group})");
            service.say(&message, now, &mut self.random);
        }
        let message = format!("has stopped {} running tasks: {list}.", tasks.len());
        service.say(&message, now, &mut self.random);
    }
}
