//! What really happened, for comparison with what a client believes.

use std::{collections::BTreeMap, time::Duration};

use super::Sandbox;
use crate::world::{self, RunningTask};

/// What the newest deployment of a service really did, in both kinds of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// The same in virtual time.
    pub world: world::Truth,
    /// Real time from the start of the deployment until all its tasks were RUNNING and healthy, in
    /// every target group too.
    pub healthy: Option<Duration>,
    /// Real time from the start of the deployment until it was COMPLETED.
    pub completed: Option<Duration>,
    /// The fewest healthy tasks at any instant since the last call of UpdateService.
    pub lowest_healthy: usize,
}

impl Sandbox {
    /// What the newest deployment of a service really did; `None` when there is no such service.
    pub fn truth(&self, cluster: &str, service: &str) -> Option<Truth> {
        let mut timed = self.shared.world();
        let now = timed.now();
        timed.world.advance(now);
        let world = timed.world.truth(cluster, service)?;
        let real = |span: Option<Duration>| span.map(|span| timed.clock.real(span));
        Some(Truth {
            healthy: real(world.time_to_healthy()),
            completed: real(world.time_to_completed()),
            lowest_healthy: world.lowest_healthy,
            world,
        })
    }

    /// The tasks of a service that are RUNNING now, oldest first, and the environment that each
    /// of their containers started with; none when there is no such service.
    pub fn running_tasks(&self, cluster: &str, service: &str) -> Vec<RunningTask> {
        let mut timed = self.shared.world();
        let now = timed.now();
        timed.world.advance(now);
        timed.world.running_tasks(cluster, service)
    }

    /// The environment that a container of a task (an ARN or an id) started with, also after the
    /// task has stopped; `None` when there is no such container or it has never been created.
    pub fn task_environment(&self, task: &str, container: &str) -> Option<BTreeMap<String, String>> {
        let mut timed = self.shared.world();
        let now = timed.now();
        timed.world.advance(now);
        timed.world.task_environment(task, container)
    }
}
