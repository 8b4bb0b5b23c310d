//! The service scheduler: one look at a service, and what it does about it.

use std::time::Duration;

use crate::world::{
    World,
    services::{Completed, RolloutState, Service, task_list},
    tasks::Task,
};

/// A failed deployment stays on the list at least this long, as rollbacks in the field show it
/// (facts 3.11).
const FAILED_SHOWN: Duration = Duration::from_secs(30);

/// How long alarms are watched after every task is healthy; by default AWS takes less than five minutes (facts 3.9).
const BAKE: Duration = Duration::from_secs(120);

impl World {
    /// Brings a service closer to what it should be. It is called again after every change.
    pub(super) fn schedule(&mut self, index: usize) {
        self.carry_out_rollback(index);
        self.stop_unhealthy(index);
        self.trip_circuit_breaker(index);
        self.advance_stages(index);
        self.stop_surplus(index);
        self.start_missing(index);
        self.conclude(index);
        self.follow_service_deployments(index);
    }

    /// Indices of a service's tasks that are wanted and for which `pick` holds.
    pub(super) fn wanted_tasks(&self, index: usize, pick: impl Fn(&Task) -> bool) -> Vec<usize> {
        let service = &self.services[index];
        let own = |task: &Task| task.cluster == service.cluster && task.service == service.name;
        (0..self.tasks.len())
            .filter(|task| self.tasks[*task].wanted && own(&self.tasks[*task]) && pick(&self.tasks[*task]))
            .collect()
    }

    pub(super) fn primary_id(&self, index: usize) -> Option<String> {
        self.services[index].deployments.first().map(|primary| primary.id.clone())
    }

    /// Starts the tasks that the PRIMARY deployment lacks, as far as `maximumPercent` permits.
    fn start_missing(&mut self, index: usize) {
        let now = self.now;
        let service = &self.services[index];
        let Some(primary) = service.deployments.first() else { return };
        if primary.rollout == RolloutState::Failed {
            return;
        }
        let id = primary.id.clone();
        let own = self.wanted_tasks(index, |task| task.deployment == id).len();
        let missing = service.desired_count().saturating_sub(own);
        if missing == 0 || self.holds_new_tasks(index) {
            return;
        }
        if let Some(retry) = primary.retry_at.filter(|retry| *retry > now) {
            self.services[index].wake(retry);
            return;
        }
        let taken = self.tasks_of(service).filter(|task| task.takes_room()).count();
        let room = match self.runs_both(index) {
            true => missing,
            false => service.upper_bound().saturating_sub(taken),
        };
        let started: Vec<String> =
            (0..missing.min(room)).filter_map(|_| self.launch_task(index, 0)).collect();
        if started.is_empty() {
            if room == 0 {
                self.say_when_blocked(index);
            }
            return;
        }
        let list = task_list(started.iter().map(String::as_str));
        let message = format!("has started {} tasks: {list}.", started.len());
        self.services[index].say(&message, now, &mut self.random);
    }

    /// Says so when `minimumHealthyPercent` and `maximumPercent` permit no step at all (facts 3.5, E10).
    fn say_when_blocked(&mut self, index: usize) {
        let service = &self.services[index];
        // A task that may yet become healthy will make room for a stop.
        let moving = self
            .tasks_of(service)
            .any(|task| task.is_starting() || task.is_leaving() || (task.wanted && !self.is_healthy(task)));
        let healthy = self.tasks_of(service).filter(|task| self.is_healthy(task)).count();
        let stuck = !moving && healthy <= service.lower_bound();
        let now = self.now;
        let service = &mut self.services[index];
        let Some(primary) = service.deployments.first_mut() else { return };
        if stuck && !std::mem::replace(&mut primary.said_blocked, true) {
            service.say(
                "was unable to stop or start tasks during a deployment because of the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again.",
                now,
                &mut self.random,
            );
        }
    }

    /// Whether the PRIMARY deployment is to be COMPLETED: everything is there and nothing is left of old ones, or as
    /// much as early success criteria want (facts 3.10); and alarms have been watched for a while (facts 3.9).
    fn is_complete(&mut self, index: usize, whole: bool) -> bool {
        let now = self.now;
        let service = &self.services[index];
        let Some(primary) = service.deployments.first() else { return false };
        if primary.rollout != RolloutState::InProgress {
            return false;
        }
        let enough = match service.early_success() {
            Some((wanted, deferred)) => {
                let own = |task: &&Task| task.deployment == primary.id;
                let healthy = self.tasks_of(service).filter(own).filter(|task| self.is_healthy(task)).count();
                healthy >= wanted && (deferred || service.deployments.len() == 1)
            }
            None => whole,
        };
        if !enough || !service.watches_alarms() {
            return enough;
        }
        let service = &mut self.services[index];
        let Some(primary) = service.deployments.first_mut() else { return false };
        let until = *primary.bakes_until.get_or_insert(now + BAKE);
        if until > now {
            service.wake(until);
        }
        until <= now
    }

    /// Takes replaced deployments off the list, and completes the PRIMARY one (facts 3.6).
    fn conclude(&mut self, index: usize) {
        let now = self.now;
        let Some(primary) = self.primary_id(index) else { return };
        let held_up: Vec<String> = self
            .tasks_of(&self.services[index])
            .filter(|task| task.wanted || task.is_leaving())
            .map(|task| task.deployment.clone())
            .collect();
        let service = &mut self.services[index];
        let mut look_again = None;
        service.deployments.retain(|deployment| {
            let shown_until = deployment.updated_at + FAILED_SHOWN;
            let still_shown = deployment.rollout == RolloutState::Failed && now < shown_until;
            if still_shown {
                look_again = Some(shown_until);
            }
            deployment.id == primary || still_shown || held_up.contains(&deployment.id)
        });
        if let Some(at) = look_again {
            service.wake(at);
        }

        let kept = self.kept_revision(index).is_some() || self.holds_end(index);
        let alone = self.services[index].deployments.len() == 1;
        let settled = self.has_what_it_should(&self.services[index]) && !kept;
        let complete = !kept && self.is_complete(index, settled && alone);
        let service = &mut self.services[index];
        if !settled {
            service.steady = false;
        } else if !service.steady && alone {
            service.steady = true;
            service.say("has reached a steady state.", now, &mut self.random);
        }
        let mut completed = None;
        if let Some(deployment) = service.deployments.first_mut().filter(|_| complete) {
            deployment.rollout = RolloutState::Completed;
            deployment.reason = format!("ECS deployment {} completed.", deployment.id);
            deployment.updated_at = now;
            completed = Some(Completed {
                deployment: deployment.id.clone(),
                task_definition: deployment.task_definition.clone(),
                service_revision: deployment.service_revision.clone(),
            });
        }
        if let Some(completed) = completed {
            let message = format!("(deployment {}) deployment completed.", completed.deployment);
            service.say(&message, now, &mut self.random);
            service.last_completed = Some(completed);
        }
    }

    /// All tasks of the PRIMARY deployment are there and healthy, and no task is on its way out.
    fn has_what_it_should(&self, service: &Service) -> bool {
        let Some(primary) = service.deployments.first() else { return false };
        let mut healthy = 0;
        for task in self.tasks_of(service) {
            if task.is_leaving() || (task.wanted && task.deployment != primary.id) {
                return false;
            }
            healthy += usize::from(self.is_healthy(task));
        }
        healthy == service.desired_count()
    }

    /// Whether nothing is left to do for a service.
    pub(crate) fn is_steady(&self, service: &Service) -> bool {
        let completed =
            service.deployments.first().is_some_and(|primary| primary.rollout == RolloutState::Completed);
        completed && service.deployments.len() == 1 && self.has_what_it_should(service)
    }
}
