//! A task's way through its states (facts 3.1).

use std::time::Duration;

use super::{Fate, Health, TaskStatus, launch::check_time};
use crate::world::{
    World,
    json::{flag, list, number, text},
    load_balancing::{Target, TargetState},
};

/// A task without any health check counts as healthy this long after RUNNING (facts 3.5).
const PRESUMED_HEALTHY_AFTER: Duration = Duration::from_secs(40);

/// A container that is restarted in place is down for so long.
const RESTART_TAKES: Duration = Duration::from_millis(2_500);

impl World {
    /// Lets everything happen to a task that is due by now.
    pub(crate) fn advance_task(&mut self, task: usize) {
        let due = |at: Option<crate::world::VirtualTime>| at.is_some_and(|at| at <= self.now);
        let it = &self.tasks[task];
        let (exits, checked, presumed, moves) =
            (due(it.exits_at), due(it.checked_at), due(it.presumed_healthy_at), due(it.next_at));
        if exits {
            self.exit_essential(task);
            return;
        }
        if due(self.tasks[task].restarts_at) {
            self.restart_in_place(task);
        }
        if checked {
            self.conclude_health_checks(task);
        }
        if presumed {
            self.tasks[task].presumed_healthy_at = None;
        }
        if moves {
            self.tasks[task].next_at = None;
            self.move_on(task);
        }
    }

    fn move_on(&mut self, task: usize) {
        let now = self.now;
        let it = &mut self.tasks[task];
        match it.status {
            TaskStatus::Provisioning | TaskStatus::Pending | TaskStatus::Activating if !it.wanted => {
                it.status = TaskStatus::Deprovisioning;
                it.execution_stopped_at = Some(now);
                it.next_at = Some(now + it.durations.deprovisioning);
            }
            TaskStatus::Provisioning => {
                it.status = TaskStatus::Pending;
                it.pull_started_at = Some(now);
                it.next_at = Some(now + it.durations.pending);
            }
            TaskStatus::Pending => self.activate(task),
            TaskStatus::Activating => match it.fate {
                Fate::ExitsWhileStarting { .. } => self.exit_essential(task),
                _ => self.run(task),
            },
            TaskStatus::Running => {
                it.status = TaskStatus::Deactivating;
                let least = now + Duration::from_millis(500);
                it.next_at = Some(it.drained_at.map_or(least, |drained| drained.max(least)));
            }
            TaskStatus::Deactivating => {
                it.status = TaskStatus::Stopping;
                it.next_at = Some(now + it.durations.stopping);
            }
            TaskStatus::Stopping => {
                it.status = TaskStatus::Deprovisioning;
                it.execution_stopped_at = Some(now);
                for container in &mut it.containers {
                    container.exit_code.get_or_insert(0);
                }
                it.next_at = Some(now + it.durations.deprovisioning);
            }
            TaskStatus::Deprovisioning => {
                it.status = TaskStatus::Stopped;
                it.stopped_at = Some(now);
            }
            TaskStatus::Stopped => {}
        }
    }

    /// The end of PENDING: what the task needs has been fetched, or has not.
    fn activate(&mut self, task: usize) {
        let now = self.now;
        if let Some((container, reason)) = self.start_failure(task) {
            let blamed = |name: &str| container.as_ref().is_some_and(|container| container == name);
            for container in self.tasks[task].containers.iter_mut().filter(|it| blamed(&it.name)) {
                container.reason = Some(reason.chars().take(1024).collect());
            }
            self.end(task, "TaskFailedToStart", reason);
            return;
        }
        self.open_logs(task);
        let it = &mut self.tasks[task];
        it.pull_stopped_at = Some(now);
        it.status = TaskStatus::Activating;
        it.next_at = Some(now + it.durations.activating);
    }

    fn run(&mut self, task: usize) {
        let now = self.now;
        let service = self.service_of(task);
        let slow = service.map_or(1, |service| {
            let id = &self.tasks[task].deployment;
            let deployment = self.services[service].deployments.iter().position(|it| it.id == *id);
            deployment.map_or(1, |deployment| self.slowness(service, deployment))
        });
        let answers = self.tasks[task].fate != Fate::Unhealthy;
        self.register_targets(task, answers, slow);
        let revision = self.task_definitions.by_arn(&self.tasks[task].task_definition);
        // With a load balancer it is the target that fails; the container itself is well.
        let well = answers || !self.tasks[task].target_groups.is_empty();
        let checks_take = revision.map_or(Duration::ZERO, |revision| check_time(revision.containers(), well));

        let it = &mut self.tasks[task];
        it.status = TaskStatus::Running;
        it.started_at = Some(now);
        it.runs_since = Some(now);
        if let Fate::ExitsWhileRunning { after, .. } = it.fate {
            it.exits_at = Some(now + after);
        }
        if it.is_checked() {
            it.checked_at = Some(now + checks_take * slow);
        } else if it.target_groups.is_empty() {
            it.presumed_healthy_at = Some(now + PRESUMED_HEALTHY_AFTER);
        }
        self.log_start(task);
    }

    /// Whether the first essential container's `restartPolicy` restarts it after this exit: it has run for
    /// `restartAttemptPeriod`, and the exit code is not one of those to ignore (facts 3.3).
    fn is_restarted(&self, task: usize, code: i32) -> bool {
        let it = &self.tasks[task];
        let Some(since) = it.runs_since.filter(|_| it.is_running()) else { return false };
        let Some(essential) = it.containers.iter().find(|container| container.essential) else {
            return false;
        };
        let revision = self.task_definitions.by_arn(&it.task_definition);
        let containers = revision.map_or(&[][..], |revision| revision.containers());
        let definition = containers.iter().find(|it| text(it, "name") == Some(&essential.name));
        let Some(policy) = definition.and_then(|definition| definition.get("restartPolicy")) else {
            return false;
        };
        let period =
            number(policy, "restartAttemptPeriod").and_then(|it| u64::try_from(it).ok()).unwrap_or(300);
        let ignored = list(policy, "ignoredExitCodes").iter().any(|it| it.as_i64() == Some(i64::from(code)));
        flag(policy, "enabled") && !ignored && self.now.since(since) >= Duration::from_secs(period)
    }

    /// The container runs again, under another id of the runtime: that ECS shows it like this is not confirmed.
    fn restart_in_place(&mut self, task: usize) {
        let now = self.now;
        let runtime = self.random.below(10_000_000_000);
        let it = &mut self.tasks[task];
        it.restarts_at = None;
        it.runs_since = Some(now);
        let id = format!("{}-{runtime:010}", it.id);
        if let Some(container) = it.containers.iter_mut().find(|container| container.essential) {
            (container.exit_code, container.runtime_id) = (None, id);
        }
        if let Fate::ExitsWhileRunning { after, .. } = it.fate {
            it.exits_at = Some(now + after);
        }
        self.log_start(task);
    }

    fn register_targets(&mut self, task: usize, answers: bool, slowness: u32) {
        let now = self.now;
        let it = &self.tasks[task];
        let mut registered = Vec::new();
        for (arn, port) in &it.target_groups {
            if let Some(group) = self.target_groups.iter_mut().find(|group| group.arn == *arn) {
                let target = Target {
                    task: it.id.clone(),
                    address: it.target_id().to_owned(),
                    port: *port,
                    zone: it.zone.clone(),
                    state: TargetState::Registering,
                    next_at: None,
                    answers,
                    slowness,
                };
                group.register(target, now, &mut self.random);
                registered.push(arn.clone());
            }
        }
        if let Some(service) = self.service_of(task) {
            for arn in registered {
                let message = format!("registered 1 targets in (target-group {arn})");
                self.services[service].say(&message, now, &mut self.random);
            }
        }
    }

    /// Container health checks come to a result: healthy, or `retries` failures.
    fn conclude_health_checks(&mut self, task: usize) {
        let it = &mut self.tasks[task];
        it.checked_at = None;
        let healthy = it.fate != Fate::Unhealthy || !it.target_groups.is_empty();
        for container in it.containers.iter_mut().filter(|container| container.checked) {
            container.health = if healthy { Health::Healthy } else { Health::Unhealthy };
        }
    }

    /// The first essential container exits, which ends the task (facts 3.2).
    fn exit_essential(&mut self, task: usize) {
        let code = match self.tasks[task].fate {
            Fate::ExitsWhileStarting { code } | Fate::ExitsWhileRunning { code, .. } => code,
            _ => 0,
        };
        let exiting = self.tasks[task].containers.iter().find(|it| it.essential).map(|it| it.name.clone());
        if let Some(container) = exiting {
            self.log_exit(task, &container, code);
        }
        if self.is_restarted(task, code) {
            let now = self.now;
            let it = &mut self.tasks[task];
            if let Some(container) = it.containers.iter_mut().find(|container| container.essential) {
                container.exit_code = Some(code);
            }
            (it.exits_at, it.restarts_at) = (None, Some(now + RESTART_TAKES));
            return;
        }
        let mut first = true;
        for container in &mut self.tasks[task].containers {
            // The others are stopped by SIGTERM then.
            container.exit_code = Some(if container.essential && first { code } else { 143 });
            first &= !container.essential;
        }
        self.end(task, "EssentialContainerExited", "Essential container in task exited".to_owned());
    }
}
