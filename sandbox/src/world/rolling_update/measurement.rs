//! What really happened, apart from what the API shows: tests compare a client's verdict with it.

use std::time::Duration;

use crate::world::{
    VirtualTime, World,
    load_balancing::TargetState,
    services::{RolloutState, Service},
    tasks::{Health, Task},
};

/// Notes taken since a service's newest deployment started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measurement {
    started: Option<VirtualTime>,
    healthy: Option<VirtualTime>,
    completed: Option<VirtualTime>,
    lowest: Option<usize>,
}

impl Measurement {
    /// Another deployment is the newest now.
    pub(crate) fn restart(&mut self, now: VirtualTime) {
        *self = Measurement { started: Some(now), healthy: None, completed: None, lowest: self.lowest };
    }

    /// Someone called UpdateService. A rollback by ECS is part of what came of that call, so only
    /// the call makes the lowest count start again.
    pub(crate) fn forget_lowest(&mut self) {
        self.lowest = None;
    }
}

/// What the newest deployment of a service really did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// The deployment's id.
    pub deployment: String,
    /// When it started.
    pub started: VirtualTime,
    /// When all of its tasks were RUNNING and healthy first, in every target group too.
    pub healthy: Option<VirtualTime>,
    /// When it was COMPLETED.
    pub completed: Option<VirtualTime>,
    /// The fewest healthy tasks (old and new together) at any instant since the last call of
    /// UpdateService: tasks whose targets are all healthy or, without a load balancer, tasks that
    /// are RUNNING.
    pub lowest_healthy: usize,
}

impl World {
    /// What the newest deployment of a service really did.
    pub fn truth(&self, cluster: &str, service: &str) -> Option<Truth> {
        let service = self.service(cluster, service)?;
        let notes = &service.measurement;
        Some(Truth {
            deployment: service.deployments.first()?.id.clone(),
            started: notes.started?,
            healthy: notes.healthy,
            completed: notes.completed,
            lowest_healthy: notes.lowest.unwrap_or_else(|| self.serving(service)),
        })
    }

    /// Tasks of a service that answer requests.
    pub(crate) fn serving(&self, service: &Service) -> usize {
        self.tasks_of(service).filter(|task| task.is_running() && self.targets_healthy(task)).count()
    }

    fn targets_healthy(&self, task: &Task) -> bool {
        task.target_groups.iter().all(|(arn, _)| {
            self.target_group(arn)
                .and_then(|group| group.target_of(&task.id))
                .is_some_and(|target| target.state == TargetState::Healthy)
        })
    }

    /// Whether a task counts as healthy for the scheduler (facts 3.5).
    pub(crate) fn is_healthy(&self, task: &Task) -> bool {
        let checked = !task.is_checked() || task.health() == Health::Healthy;
        task.wanted
            && task.is_running()
            && checked
            && task.presumed_healthy_at.is_none()
            && self.targets_healthy(task)
    }

    /// Takes notes; called after every change.
    pub(crate) fn measure(&mut self, index: usize) {
        let service = &self.services[index];
        let Some(primary) = service.deployments.first() else { return };
        let serving = self.serving(service);
        let healthy = primary.rollout != RolloutState::Failed && self.all_healthy(service);
        let completed = primary.rollout == RolloutState::Completed;
        let now = self.now;
        let notes = &mut self.services[index].measurement;
        notes.lowest = Some(notes.lowest.map_or(serving, |lowest| lowest.min(serving)));
        if healthy {
            notes.healthy.get_or_insert(now);
        }
        if completed {
            notes.completed.get_or_insert(now);
        }
    }

    /// The PRIMARY deployment has all its tasks RUNNING, and all answer their health checks.
    fn all_healthy(&self, service: &Service) -> bool {
        let Some(primary) = service.deployments.first() else { return false };
        let mut count = 0;
        for task in self.tasks_of(service).filter(|task| task.deployment == primary.id && task.wanted) {
            let checked = !task.is_checked() || task.health() == Health::Healthy;
            if !(task.is_running() && checked && self.targets_healthy(task)) {
                return false;
            }
            count += 1;
        }
        count == service.desired_count()
    }
}

impl Truth {
    /// Virtual time from the start until all tasks were healthy.
    pub fn time_to_healthy(&self) -> Option<Duration> {
        self.healthy.map(|at| at.since(self.started))
    }

    /// Virtual time from the start until COMPLETED.
    pub fn time_to_completed(&self) -> Option<Duration> {
        self.completed.map(|at| at.since(self.started))
    }
}
