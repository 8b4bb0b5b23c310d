//! What a test lets happen to a world in the middle of a rollout.

use std::time::Duration;

use super::{World, load_balancing::TargetState, tasks::Fate};

/// What happens to a task that is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// Its image is not found.
    ImageNotFound,
    /// Its essential container exits before the task is RUNNING.
    ExitsWhileStarting {
        /// The exit code.
        code: i32,
    },
    /// Its essential container exits this long after the task is RUNNING.
    ExitsWhileRunning {
        /// The exit code.
        code: i32,
        /// How long after.
        after: Duration,
    },
    /// Its health checks fail.
    Unhealthy,
}

/// A mishap that waits for tasks.
pub(crate) struct Ordained {
    mishap: Mishap,
    left: Option<u32>,
}

impl World {
    /// Lets something happen to the next `times` tasks, or to every one, of revisions that did not exist when the
    /// scenario came into force.
    pub fn ordain(&mut self, mishap: Mishap, times: Option<u32>) {
        self.ordained = Some(Ordained { mishap, left: times });
    }

    /// What is in store for the next task of an afflicted deployment, if anything was ordained.
    pub(super) fn ordained(&mut self) -> Option<Fate> {
        let ordained = self.ordained.as_mut()?;
        match &mut ordained.left {
            Some(0) => return None,
            Some(left) => *left -= 1,
            None => {}
        }
        Some(match ordained.mishap {
            Mishap::ImageNotFound => Fate::ImageGone,
            Mishap::ExitsWhileStarting { code } => Fate::ExitsWhileStarting { code },
            Mishap::ExitsWhileRunning { code, after } => Fate::ExitsWhileRunning { code, after },
            Mishap::Unhealthy => Fate::Unhealthy,
        })
    }

    /// Ends one of the newest deployment's tasks as if its essential container had exited, whatever its state;
    /// `draw` chooses. Says whether there was one.
    pub fn kill_task(&mut self, cluster: &str, service: &str, draw: u64) -> bool {
        let Some(found) = self.service(cluster, service) else { return false };
        let Some(primary) = found.deployments.first().map(|deployment| deployment.id.clone()) else {
            return false;
        };
        let alive = |(index, task): (usize, &super::tasks::Task)| {
            (task.wanted && task.deployment == primary).then_some(index)
        };
        let alive: Vec<usize> = self.tasks.iter().enumerate().filter_map(alive).collect();
        let Some(task) = choose(&alive, draw) else { return false };
        self.tasks[task].fate = Fate::ExitsWhileRunning { code: 137, after: Duration::ZERO };
        self.tasks[task].exits_at = Some(self.now);
        true
    }

    /// Takes everything back that was in store for tasks: those that live on are well.
    pub fn mend(&mut self) {
        self.ordained = None;
        for task in self.tasks.iter_mut().filter(|task| task.wanted) {
            if task.fate != Fate::Ordinary {
                task.fate = Fate::Ordinary;
                task.exits_at = None;
            }
        }
        for target in self.target_groups.iter_mut().flat_map(|group| &mut group.targets) {
            target.answers = true;
            if target.state == TargetState::Unhealthy {
                target.state = TargetState::Healthy;
            }
        }
        for index in 0..self.tasks.len() {
            self.after_change(index);
        }
    }

    /// Turns the health of a target of one of the service's tasks; `draw` chooses. Says whether there was one.
    pub fn flap_target(&mut self, cluster: &str, service: &str, healthy: bool, draw: u64) -> bool {
        let Some(found) = self.service(cluster, service) else { return false };
        let ids: Vec<String> =
            self.tasks_of(found).filter(|task| task.wanted).map(|task| task.id.clone()).collect();
        let Some(id) = choose(&ids, draw) else { return false };
        let to = if healthy { TargetState::Healthy } else { TargetState::Unhealthy };
        let mut any = false;
        for group in &mut self.target_groups {
            let of_task = group.targets.iter_mut().filter(|target| target.task == id);
            for target in
                of_task.filter(|target| matches!(target.state, TargetState::Healthy | TargetState::Unhealthy))
            {
                target.state = to;
                any = true;
            }
        }
        if let Some(index) = self.tasks.iter().position(|task| task.id == id).filter(|_| any) {
            self.after_change(index);
        }
        any
    }
}

fn choose<T: Clone>(from: &[T], draw: u64) -> Option<T> {
    let index = usize::try_from(draw % u64::try_from(from.len().max(1)).unwrap_or(1)).unwrap_or(0);
    from.get(index).cloned()
}
