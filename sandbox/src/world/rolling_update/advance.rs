//! Time: everything that is due happens, in the order in which it is due.

use std::time::Duration;

use crate::world::{
    VirtualTime, World,
    services::Service,
    tasks::{Task, TaskStatus},
};

/// The scheduler reacts to a change this much later, so that changes close to each other are
/// handled together, as ECS does.
const REACTION: Duration = Duration::from_millis(1_500);
/// Stopped tasks stay visible for at least an hour (facts 3.1).
const STOPPED_VISIBLE: Duration = Duration::from_secs(2 * 3600);

impl World {
    /// Moves time on; earlier times change nothing.
    pub fn advance(&mut self, now: VirtualTime) {
        while let Some(due) = self.next_due().filter(|due| *due <= now) {
            self.now = self.now.max(due);
            self.happen();
        }
        self.now = self.now.max(now);
        let now = self.now;
        self.tasks.retain(|task| task.stopped_at.is_none_or(|at| now.since(at) < STOPPED_VISIBLE));
    }

    /// When something changes next by itself.
    pub fn next_due(&self) -> Option<VirtualTime> {
        let tasks = self.tasks.iter().filter_map(Task::next_due);
        let targets = self.target_groups.iter().filter_map(|group| group.next_due());
        let services =
            self.services.iter().flat_map(|service| [service.wake_at, service.interference_at]).flatten();
        tasks.chain(targets).chain(services).min()
    }

    fn happen(&mut self) {
        let now = self.now;
        for index in 0..self.tasks.len() {
            if self.tasks[index].next_due().is_some_and(|due| due <= now) {
                self.task_happens(index);
            }
        }
        for group in 0..self.target_groups.len() {
            let changed = self.target_groups[group].advance(now, &mut self.random);
            for id in changed {
                if let Some(task) = self.tasks.iter().position(|task| task.id == id) {
                    self.after_change(task);
                }
            }
        }
        for index in 0..self.services.len() {
            if self.services[index].interference_at.is_some_and(|at| at <= now) {
                self.interfere(index);
            }
            if self.services[index].wake_at.is_some_and(|at| at <= now) {
                self.services[index].wake_at = None;
                self.schedule(index);
            }
            self.measure(index);
        }
    }

    fn task_happens(&mut self, index: usize) {
        let was_wanted = self.tasks[index].wanted;
        self.advance_task(index);
        let task = &self.tasks[index];
        if was_wanted
            && !task.wanted
            && World::failed_by_itself(task)
            && let Some(service) = self.service_of(index)
        {
            self.note_failure(service, index);
        }
        self.after_change(index);
    }

    /// A task or its target changed: its service's scheduler is told.
    pub(crate) fn after_change(&mut self, index: usize) {
        let Some(service) = self.service_of(index) else { return };
        let newly_healthy = !self.tasks[index].was_healthy && self.is_healthy(&self.tasks[index]);
        if newly_healthy {
            self.tasks[index].was_healthy = true;
            let deployment = self.tasks[index].deployment.clone();
            self.note_healthy(service, &deployment);
        }
        if self.tasks[index].status != TaskStatus::Stopped {
            let at = self.now + REACTION;
            self.services[service].wake(at);
        }
    }

    pub(crate) fn service_of(&self, task: usize) -> Option<usize> {
        let task = &self.tasks[task];
        self.services
            .iter()
            .position(|service| service.cluster == task.cluster && service.name == task.service)
    }

    pub(crate) fn tasks_of<'a>(&'a self, service: &'a Service) -> impl Iterator<Item = &'a Task> {
        self.tasks.iter().filter(|task| task.cluster == service.cluster && task.service == service.name)
    }
}
