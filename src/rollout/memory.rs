//! Tasks as they were last seen: a listing is eventually consistent, and a task that is missing once is
//! not gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::observation::Task;
use super::policy::Followed;

/// A task that is missing from more observations in a row is gone.
const FORGIVEN: u32 = 2;
/// Where neither a load balancer nor a health check speaks for a task, ECS takes it for healthy after
/// this long in RUNNING (facts 3.5).
const PROOF: Duration = Duration::from_secs(40);

/// The service's tasks, over several observations.
#[derive(Debug, Default)]
pub(super) struct Memory {
    tasks: BTreeMap<String, (Task, u32)>,
    others: BTreeSet<String>,
    began: bool,
    ready_since: BTreeMap<String, Duration>,
    proven: BTreeSet<String>,
}

impl Memory {
    /// Takes the tasks of one observation in.
    pub fn remember(&mut self, followed: &Followed, tasks: &[Task]) {
        for (_, missing) in self.tasks.values_mut() {
            *missing += 1;
        }
        for task in tasks {
            self.tasks.insert(task.arn.clone(), (task.clone(), 0));
            // What had ended at the first look is an earlier attempt with the same revision where `startedBy` does not
            // tell. Of a deployment that another run began nothing counts that was started before this run's first
            // look: whoever runs the command again may have mended the cause.
            let named = task.started_by.as_deref() == Some(&followed.deployment_id) && !followed.resumed;
            let ended = followed.resumed || task.is_stopped();
            if !followed.started(task) || (!self.began && !named && ended) {
                self.others.insert(task.id().to_owned());
            }
        }
        self.began = true;
        self.tasks.retain(|_, (_, missing)| *missing <= FORGIVEN);
    }

    /// The tasks of this observation, and those that it lacks for the moment.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.values().map(|(task, _)| task)
    }

    /// Ids of tasks that the followed deployment did not start.
    pub fn others(&self) -> &BTreeSet<String> {
        &self.others
    }

    /// Takes in which tasks are ready; whether one of them has just proved that the revision can be
    /// healthy. A crash loop is RUNNING for a moment, too, so that where nothing checks, only time proves.
    pub fn became_healthy(&mut self, followed: &Followed, ready: &BTreeSet<String>, at: Duration) -> bool {
        let checked = !followed.target_groups.is_empty() || !followed.health_checked_containers.is_empty();
        self.ready_since.retain(|id, _| ready.contains(id));
        self.proven.retain(|id| ready.contains(id));
        let mut any = false;
        for id in ready {
            let since = *self.ready_since.entry(id.clone()).or_insert(at);
            if checked || at.saturating_sub(since) >= PROOF {
                any |= self.proven.insert(id.clone());
            }
        }
        any
    }
}
