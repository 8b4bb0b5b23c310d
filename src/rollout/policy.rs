//! What is followed, and for how long: the arguments of a [`Rollout`](super::Rollout).

use std::collections::HashSet;
use std::time::Duration;

use super::observation::Task;
use super::rules::{RestartPolicy, Rules, TargetKind};
use crate::task_definition::TaskDefinition;

/// When a rollout counts as finished (design 3, condition 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitFor {
    /// All five conditions: the old deployment has drained, too.
    Steady,
    /// Conditions 1 to 4.
    Healthy,
    /// It is only looked at, and there is no outcome unless the service is gone.
    Nothing,
}

/// How patient to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// When it counts as finished.
    pub wait_for: WaitFor,
    /// For the rollout as a whole, from `UpdateService`.
    pub timeout: Duration,
    /// How long nothing may change while conditions 1 to 4 do not hold.
    pub stall_timeout: Duration,
    /// How many failed tasks are put up with; without it `max(2, desiredCount)`.
    pub max_failed_tasks: Option<u32>,
    /// The service's own circuit breaker rolls back. What it counts is then left to it, so that the two
    /// do not race; only a cause that no retry can help still ends the rollout at once, because the
    /// breaker is slow (facts 3.8).
    pub ecs_rolls_back: bool,
}

/// So many failed tasks after its threshold the circuit breaker should have acted.
const BREAKER_MARGIN: u32 = 3;

impl Policy {
    /// The default of `stall_timeout`.
    pub const STALL_TIMEOUT: Duration = Duration::from_secs(5 * 60);

    /// The defaults of everything else.
    pub fn new(wait_for: WaitFor, timeout: Duration) -> Self {
        Self {
            wait_for,
            timeout,
            stall_timeout: Self::STALL_TIMEOUT,
            max_failed_tasks: None,
            ecs_rolls_back: false,
        }
    }

    /// Whether `failed` tasks are the circuit breaker's to judge. Its default threshold is half of the
    /// desired count, at least 3 and at most 200 (facts 3.8).
    pub(super) fn leaves_to_ecs(&self, failed: usize, desired: u32) -> bool {
        let threshold = desired.div_ceil(2).clamp(3, 200);
        self.ecs_rolls_back && failed < (threshold + BREAKER_MARGIN) as usize
    }

    pub(super) fn failed_tasks_allowed(&self, desired: u32) -> u32 {
        self.max_failed_tasks.unwrap_or_else(|| desired.max(2))
    }
}

/// Where a target group finds the service's tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetGroupRef {
    /// The target group's ARN.
    pub arn: String,
    /// The container that serves.
    pub container_name: String,
    /// The container's port.
    pub container_port: u32,
    /// How it knows the task.
    pub kind: TargetKind,
    /// How it checks its targets, where DescribeTargetGroups could be asked: it needs a permission that
    /// nothing else needs.
    pub health_check: Option<HealthCheck>,
}

/// How a target group checks its targets, as DescribeTargetGroups has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// `HTTP`, `HTTPS`, `TCP`, ...
    pub protocol: String,
    /// What is asked for; TCP has none.
    pub path: Option<String>,
    /// A number or `traffic-port`.
    pub port: String,
    /// The status codes that count as success: `200-299`.
    pub matcher: Option<String>,
    /// Seconds between two checks.
    pub interval: u32,
    /// Seconds that an answer may take.
    pub timeout: u32,
    /// Successes in a row that make a target healthy.
    pub healthy_threshold: u32,
    /// Failures in a row that make a target unhealthy.
    pub unhealthy_threshold: u32,
}

impl std::fmt::Display for HealthCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.protocol)?;
        if let Some(path) = &self.path {
            write!(f, " {path}")?;
        }
        match self.port.as_str() {
            "traffic-port" => f.write_str(" on the target's port")?,
            port => write!(f, " on port {port}")?,
        }
        if let Some(matcher) = &self.matcher {
            write!(f, ", wants {matcher}")?;
        }
        write!(
            f,
            " within {} s; every {} s; {} failures make a target unhealthy, {} successes healthy",
            self.timeout, self.interval, self.unhealthy_threshold, self.healthy_threshold
        )
    }
}

/// The deployment that is followed, and what was there before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// The PRIMARY deployment in the response of `UpdateService`.
    pub deployment_id: String,
    /// The registered revision's ARN.
    pub task_definition: String,
    /// At the time of `UpdateService`; each observation brings its own.
    pub desired_count: u32,
    /// Of the service's deployment configuration.
    pub minimum_healthy_percent: u32,
    /// The rest of it.
    pub rules: Rules,
    /// The containers of the revision that ECS restarts in place.
    pub restart_policies: Vec<RestartPolicy>,
    /// The essential containers of the revision that have a `healthCheck`. Names and not a yes or no:
    /// AWS contradicts itself on whether a task with one checked and one unchecked essential container
    /// ever becomes HEALTHY (facts 3.2), so what counts is the health of these.
    pub health_checked_containers: Vec<String>,
    /// Of the service, after the update.
    pub target_groups: Vec<TargetGroupRef>,
    /// The service's `healthCheckGracePeriodSeconds`; zero where it has none.
    pub health_check_grace_period: Duration,
    /// Every other deployment that was listed before the update or in its response.
    pub earlier_deployments: Vec<String>,
    /// What the service ran before.
    pub earlier_task_definition: Option<String>,
    /// The service events before the update, so that no clock decides which are new.
    pub seen_event_ids: HashSet<String>,
    /// Whether the service had running tasks before the update.
    pub something_ran_before: bool,
    /// Another run began the deployment: failures of tasks that were there at this one's first look do not count.
    pub resumed: bool,
    /// Set where the followed deployment puts the service back: what it undoes. Then neither
    /// [`Event::Healthy`](crate::event::Event::Healthy) nor [`Event::Steady`](crate::event::Event::Steady)
    /// is said, roles stay those of the run, and events that name no task are not held against it: they
    /// are about what it undoes.
    pub undoes: Option<Undone>,
}

/// The failed deployment that a rollback undoes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// Its id.
    pub deployment_id: String,
    /// Its revision's ARN.
    pub task_definition: String,
}

impl Followed {
    /// Whether a task belongs to the followed deployment for the conditions of success. `startedBy` is
    /// the deployment's id (facts 3.1); where it is something else, the revision tells.
    pub fn owns(&self, task: &Task) -> bool {
        task.started_by.as_deref() == Some(&self.deployment_id)
            || task.task_definition == self.task_definition
    }

    /// Takes over what a revision decides: which containers' health and restarts count, and what its targets are.
    pub fn judge_by(&mut self, definition: &TaskDefinition) {
        self.health_checked_containers = definition.health_checked_containers();
        self.restart_policies = RestartPolicy::of(definition);
        for group in &mut self.target_groups {
            group.kind = TargetKind::of(definition);
        }
    }

    /// Whether the followed deployment is to blame for what happens to a task. Stopped tasks are listed
    /// for an hour (facts 3.1), so those of an earlier attempt with the same revision must not count.
    pub fn started(&self, task: &Task) -> bool {
        match task.started_by.as_deref() {
            Some(id) if id == self.deployment_id => true,
            Some(other) if other.starts_with("ecs-svc/") => false,
            _ => task.task_definition == self.task_definition,
        }
    }
}

/// How many tasks must stay healthy: `max(1, ceil(desired * percent / 100))` (design 3, "Zero downtime is
/// a measurement"); of a service that wants no task, none.
pub fn floor(desired: u32, minimum_healthy_percent: u32) -> u32 {
    if desired == 0 {
        return 0;
    }
    let tasks = (u64::from(desired) * u64::from(minimum_healthy_percent)).div_ceil(100);
    u32::try_from(tasks).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_rounded_up_and_at_least_one() {
        let cases = [(2, 100, 2), (3, 50, 2), (1, 0, 1), (4, 0, 1), (0, 100, 0), (7, 33, 3), (1, 200, 2)];
        for (desired, percent, expected) in cases {
            assert_eq!(floor(desired, percent), expected, "{desired} at {percent} %");
        }
    }
}
