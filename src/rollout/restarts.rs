//! Containers that ECS restarts in place (`restartPolicy`, facts 3.3): the task stays RUNNING, so that a crash loop
//! could pass for health.
//!
//! Nothing that AWS documents counts such restarts in DescribeTasks; only the task metadata endpoint and Container
//! Insights have a number. Two things in DescribeTasks can show one: the container is not RUNNING for a moment, and its
//! `runtimeId` is another one. That either of them does is unconfirmed on AWS: a restart that shows in neither is not
//! seen here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::observation::{Container, Task};
use super::policy::Followed;
use super::rules::RestartPolicy;

/// A restart that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Restart {
    /// The task's id.
    pub task: String,
    pub container: String,
    /// How the run before it ended, where that is shown.
    pub exit_code: Option<i32>,
    /// Of this container of this task, this one included.
    pub number: u32,
}

/// What is known of one container.
#[derive(Debug, Default)]
struct Known {
    /// Every id that it has had: a stale answer shows an old one again.
    runtime_ids: BTreeSet<String>,
    running: bool,
    restarts: u32,
    last: Option<Duration>,
}

/// The containers with a restart policy of the followed deployment's tasks, over several looks.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    containers: BTreeMap<(String, String), Known>,
}

impl Restarts {
    /// Takes the tasks of one look in; the restarts that are new.
    pub fn observe(&mut self, followed: &Followed, tasks: &[Task], at: Duration) -> Vec<Restart> {
        let mut seen = Vec::new();
        if followed.restart_policies.is_empty() {
            return seen;
        }
        // A task that is not RUNNING yet, or is on its way out, starts and ends its containers anyway.
        let tasks = tasks
            .iter()
            .filter(|task| followed.started(task) && task.last_status == "RUNNING" && !task.is_leaving());
        for task in tasks {
            for policy in &followed.restart_policies {
                let Some(container) = task.containers.iter().find(|it| it.name == policy.container) else {
                    continue;
                };
                let key = (task.id().to_owned(), container.name.clone());
                let known = self.containers.entry(key).or_default();
                if !known.take_in(container, policy) {
                    continue;
                }
                known.restarts += 1;
                known.last = Some(at);
                seen.push(Restart {
                    task: task.id().to_owned(),
                    container: container.name.clone(),
                    exit_code: container.exit_code,
                    number: known.restarts,
                });
            }
        }
        seen
    }

    /// Why a task does not count as healthy at `at`: one of its containers has restarted and has not run for its
    /// `restartAttemptPeriod` since. If it ends within that time, ECS does not restart it again (facts 3.3), and an
    /// essential one takes its task along; only a container that outlasts it has come up for good.
    pub fn trouble(&self, followed: &Followed, task: &str, at: Duration) -> Option<String> {
        followed.restart_policies.iter().find_map(|policy| {
            let last = self.containers.get(&(task.to_owned(), policy.container.clone()))?.last?;
            let ago = at.saturating_sub(last);
            (ago < policy.attempt_period).then(|| {
                format!(
                    "container {} of task {task} restarted {} s ago, and counts as healthy when it has run for {} s (restartAttemptPeriod)",
                    policy.container,
                    ago.as_secs(),
                    policy.attempt_period.as_secs()
                )
            })
        })
    }

    /// Whether a task has ever been seen to restart a container: that it is healthy again proves nothing.
    pub fn is_tainted(&self, task: &str) -> bool {
        self.containers.iter().any(|((id, _), known)| id == task && known.restarts > 0)
    }
}

impl Known {
    /// Whether the container has restarted since the last look.
    fn take_in(&mut self, container: &Container, policy: &RestartPolicy) -> bool {
        let runs = container.last_status == "RUNNING";
        let left = self.running && !runs;
        let replaced = match &container.runtime_id {
            Some(id) => self.runtime_ids.insert(id.clone()) && self.runtime_ids.len() > 1,
            None => false,
        };
        // A new id after the container was seen down belongs to the restart that was counted then.
        let restarted = left || (replaced && self.running);
        self.running = runs;
        let for_good =
            left && container.exit_code.is_some_and(|code| policy.ignored_exit_codes.contains(&code));
        restarted && !for_good
    }
}
