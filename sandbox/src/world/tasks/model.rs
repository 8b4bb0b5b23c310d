//! A task and its containers.

use std::{collections::BTreeMap, time::Duration};

use super::instances::Host;
use crate::world::VirtualTime;

/// `lastStatus`, in the order in which a task goes through it (facts 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TaskStatus {
    Provisioning,
    Pending,
    Activating,
    Running,
    Deactivating,
    Stopping,
    Deprovisioning,
    Stopped,
}

impl TaskStatus {
    pub(crate) fn name(self) -> &'static str {
        match self {
            TaskStatus::Provisioning => "PROVISIONING",
            TaskStatus::Pending => "PENDING",
            TaskStatus::Activating => "ACTIVATING",
            TaskStatus::Running => "RUNNING",
            TaskStatus::Deactivating => "DEACTIVATING",
            TaskStatus::Stopping => "STOPPING",
            TaskStatus::Deprovisioning => "DEPROVISIONING",
            TaskStatus::Stopped => "STOPPED",
        }
    }
}

/// What the scenario has in store for a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It does what its task definition makes of it.
    Ordinary,
    /// Its image is not found.
    ImageGone,
    /// Its environment files may not be read.
    EnvironmentFileDenied,
    /// The essential container exits before the task is RUNNING.
    ExitsWhileStarting { code: i32 },
    /// The essential container exits this long after the task is RUNNING.
    ExitsWhileRunning { code: i32, after: Duration },
    /// Its health checks fail.
    Unhealthy,
}

/// `healthStatus` (facts 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Unknown,
    Healthy,
    Unhealthy,
}

impl Health {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Health::Unknown => "UNKNOWN",
            Health::Healthy => "HEALTHY",
            Health::Unhealthy => "UNHEALTHY",
        }
    }
}

pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) image_digest: Option<String>,
    pub(crate) runtime_id: String,
    pub(crate) essential: bool,
    /// Whether the task definition has a health check for it.
    pub(crate) checked: bool,
    pub(crate) health: Health,
    pub(crate) cpu: String,
    pub(crate) exit_code: Option<i32>,
    pub(crate) reason: Option<String>,
    /// Its variables; `None` until everything that the task needs has been fetched.
    pub(crate) environment: Option<BTreeMap<String, String>>,
}

/// How long each part of a task's life takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Durations {
    pub(crate) provisioning: Duration,
    pub(crate) pending: Duration,
    pub(crate) activating: Duration,
    pub(crate) stopping: Duration,
    pub(crate) deprovisioning: Duration,
}

pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) cluster: String,
    pub(crate) service: String,
    /// The id of the deployment that it belongs to, shown as `startedBy`.
    pub(crate) deployment: String,
    pub(crate) task_definition: String,
    pub(crate) status: TaskStatus,
    /// `desiredStatus` RUNNING; it turns to STOPPED before `lastStatus` changes (facts 3.1).
    pub(crate) wanted: bool,
    pub(crate) fate: Fate,
    pub(crate) durations: Durations,
    /// When `lastStatus` changes by itself.
    pub(crate) next_at: Option<VirtualTime>,
    /// When the container health checks come to a result.
    pub(crate) checked_at: Option<VirtualTime>,
    /// When a container that exited is restarted in place (`restartPolicy`).
    pub(crate) restarts_at: Option<VirtualTime>,
    /// Since when its essential container runs.
    pub(crate) runs_since: Option<VirtualTime>,
    /// The EC2 instance that it runs on; none on Fargate.
    pub(crate) host: Option<Host>,
    /// Whether it has a network interface of its own.
    pub(crate) awsvpc: bool,
    /// When the essential container exits.
    pub(crate) exits_at: Option<VirtualTime>,
    /// When a task without any health check counts as healthy (facts 3.5: 40 s after RUNNING).
    pub(crate) presumed_healthy_at: Option<VirtualTime>,
    pub(crate) drained_at: Option<VirtualTime>,
    pub(crate) created_at: VirtualTime,
    pub(crate) pull_started_at: Option<VirtualTime>,
    pub(crate) pull_stopped_at: Option<VirtualTime>,
    pub(crate) started_at: Option<VirtualTime>,
    pub(crate) stopping_at: Option<VirtualTime>,
    pub(crate) execution_stopped_at: Option<VirtualTime>,
    pub(crate) stopped_at: Option<VirtualTime>,
    pub(crate) stop_code: Option<&'static str>,
    pub(crate) stopped_reason: Option<String>,
    pub(crate) containers: Vec<Container>,
    /// ARNs of the target groups that it is registered with once it runs, and the port.
    pub(crate) target_groups: Vec<(String, u16)>,
    pub(crate) zone: String,
    pub(crate) subnet: String,
    pub(crate) address: String,
    pub(crate) mac: String,
    pub(crate) interface: String,
    pub(crate) attachment: String,
    pub(crate) cpu: String,
    pub(crate) memory: String,
    pub(crate) was_healthy: bool,
}

impl Task {
    pub(crate) fn is_running(&self) -> bool {
        self.status == TaskStatus::Running
    }

    /// On its way to RUNNING.
    pub(crate) fn is_starting(&self) -> bool {
        self.status < TaskStatus::Running && self.wanted
    }

    /// Whether it counts against `maximumPercent`.
    pub(crate) fn takes_room(&self) -> bool {
        self.status <= TaskStatus::Running
    }

    /// Whether the deployment that it belonged to is still held up by it.
    pub(crate) fn is_leaving(&self) -> bool {
        !self.wanted && self.status < TaskStatus::Deprovisioning
    }

    pub(crate) fn next_due(&self) -> Option<VirtualTime> {
        [self.next_at, self.checked_at, self.exits_at, self.restarts_at, self.presumed_healthy_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// Essential containers count: UNHEALTHY before UNKNOWN before HEALTHY (facts 3.2). Of those
    /// without a check nothing is known, so they decide only when no essential container has one.
    pub(crate) fn health(&self) -> Health {
        let mut health = Health::Unknown;
        for container in self.containers.iter().filter(|container| container.essential && container.checked) {
            match container.health {
                Health::Unhealthy => return Health::Unhealthy,
                Health::Unknown => return Health::Unknown,
                Health::Healthy => health = Health::Healthy,
            }
        }
        health
    }

    /// What target groups know it by.
    pub(crate) fn target_id(&self) -> &str {
        self.instance_network().map_or(&self.address, |host| &host.ec2)
    }

    /// Its instance, where it has no network interface of its own.
    pub(crate) fn instance_network(&self) -> Option<&Host> {
        self.host.as_ref().filter(|_| !self.awsvpc)
    }

    pub(crate) fn is_checked(&self) -> bool {
        self.containers.iter().any(|container| container.essential && container.checked)
    }
}
