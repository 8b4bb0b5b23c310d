//! The values that one look at AWS gives: DescribeServices, ListTasks and DescribeTasks, and
//! DescribeTargetHealth, as plain data.

use std::collections::HashMap;
use std::time::Duration;

/// One look at a service. What is fresh in it was asked for at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Since `UpdateService`.
    pub at: Duration,
    /// Between the first question and the last answer: how far apart its parts may be. Ordinarily a
    /// fraction of a second; seconds when calls are throttled.
    pub spread: Duration,
    /// From DescribeServices.
    pub service: Service,
    /// The service's tasks, from ListTasks for `RUNNING` and for `STOPPED` (facts 3.1). A task may be
    /// listed twice, when it changed between the two calls.
    pub tasks: Vec<Task>,
    /// Target health of every target group of the service.
    pub target_groups: Vec<TargetGroupHealth>,
    /// AWS refuses to tell which EC2 instances the tasks run on (`ecs:DescribeContainerInstances`), so that targets of
    /// type `instance` cannot be told apart.
    pub instances_denied: bool,
    /// Which of these were asked for in this look.
    pub fresh: Fresh,
}

/// Which parts of an observation were answered in this look. The others are as they were last seen: success is
/// never judged by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fresh {
    /// DescribeServices.
    pub service: bool,
    /// DescribeTasks.
    pub tasks: bool,
    /// DescribeTargetHealth, of every target group.
    pub targets: bool,
}

impl Fresh {
    /// Everything is of this look.
    pub const ALL: Self = Self { service: true, tasks: true, targets: true };

    /// Whether everything is of this look.
    pub fn is_complete(self) -> bool {
        self == Self::ALL
    }
}

impl Observation {
    /// Keeps one entry for each task. A task that was on its way out in one of the two listings is
    /// on its way out: it never comes back.
    pub(super) fn deduplicate(&mut self) {
        let mut kept: Vec<Task> = Vec::with_capacity(self.tasks.len());
        let mut index: HashMap<String, usize> = HashMap::new();
        for task in self.tasks.drain(..) {
            match index.get(&task.arn) {
                Some(&at) if task.is_leaving() && !kept[at].is_stopped() => kept[at] = task,
                Some(_) => {}
                None => {
                    index.insert(task.arn.clone(), kept.len());
                    kept.push(task);
                }
            }
        }
        self.tasks = kept;
    }

    /// The health of one target group, if it was asked for and answered.
    pub fn target_group(&self, arn: &str) -> Option<&TargetGroupHealth> {
        self.target_groups.iter().find(|group| group.arn == arn)
    }
}

/// A service as DescribeServices shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// `ACTIVE`, `DRAINING`, `INACTIVE`; [`Service::MISSING`] where DescribeServices lists it among its
    /// failures (HTTP 200, facts 5.7).
    pub status: String,
    /// How many tasks it wants.
    pub desired_count: u32,
    /// How many are RUNNING, over all deployments.
    pub running_count: u32,
    /// How many are PENDING, over all deployments.
    pub pending_count: u32,
    /// Newest first.
    pub deployments: Vec<Deployment>,
    /// Newest first, as AWS gives them; at most 100 (facts 3.7).
    pub events: Vec<ServiceEvent>,
}

impl Service {
    /// The status of a service that DescribeServices does not find.
    pub const MISSING: &'static str = "MISSING";

    /// What stands for a service that DescribeServices does not find. One such answer is eventual
    /// consistency, and several are a deleted service; the state machine tells them apart.
    pub fn missing() -> Self {
        Self {
            status: Self::MISSING.to_owned(),
            desired_count: 0,
            running_count: 0,
            pending_count: 0,
            deployments: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Whether DescribeServices did not find it.
    pub fn is_missing(&self) -> bool {
        self.status == Self::MISSING
    }

    /// One of its deployments.
    pub fn deployment(&self, id: &str) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.id == id)
    }

    /// The newest deployment (facts 3.6).
    pub fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.status == "PRIMARY")
    }
}

/// A service event (facts 3.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEvent {
    /// What to deduplicate on.
    pub id: String,
    /// AWS's text.
    pub message: String,
}

/// An entry of `services[].deployments[]` (facts 3.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// `ecs-svc/...`
    pub id: String,
    /// `PRIMARY`, `ACTIVE`, `INACTIVE`.
    pub status: String,
    /// The revision's ARN.
    pub task_definition: String,
    /// `IN_PROGRESS`, `COMPLETED`, `FAILED`; absent for Classic Load Balancers.
    pub rollout_state: Option<String>,
    /// AWS's text.
    pub rollout_state_reason: Option<String>,
    /// Tasks wanted.
    pub desired: u32,
    /// Tasks RUNNING.
    pub running: u32,
    /// Tasks PENDING.
    pub pending: u32,
    /// Consecutive failed tasks by ECS's count; zero proves nothing.
    pub failed: u32,
}

impl Deployment {
    /// Whether `rolloutState` is `state`.
    pub fn is_in(&self, state: &str) -> bool {
        self.rollout_state.as_deref() == Some(state)
    }
}

/// A task as DescribeTasks shows it (facts 3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The whole ARN.
    pub arn: String,
    /// The revision's ARN.
    pub task_definition: String,
    /// On AWS the deployment's id; elsewhere perhaps the service's name.
    pub started_by: Option<String>,
    /// `PROVISIONING` ... `STOPPED`.
    pub last_status: String,
    /// `RUNNING` or `STOPPED`; it turns to STOPPED before `last_status` does.
    pub desired_status: String,
    /// `HEALTHY`, `UNHEALTHY`, `UNKNOWN`.
    pub health_status: String,
    /// `TaskFailedToStart`, `EssentialContainerExited`, ...
    pub stop_code: Option<String>,
    /// AWS's text.
    pub stopped_reason: Option<String>,
    /// From the elastic network interface in `attachments`, or from `containers[].networkInterfaces`.
    pub private_ip: Option<String>,
    /// The ARN of the container instance that it runs on; Fargate has none.
    pub container_instance: Option<String>,
    /// The id of that EC2 instance, where it had to be asked for (target type `instance`).
    pub ec2_instance: Option<String>,
    /// `startedAt`: when it became RUNNING, in milliseconds since 1970 by AWS's clock.
    pub started_at_ms: Option<i64>,
    /// `stoppingAt`, or `stoppedAt` where that is missing, in the same unit.
    pub stopping_at_ms: Option<i64>,
    /// Also those that AWS put into the task and that its definition lacks (facts 9.2).
    pub containers: Vec<Container>,
}

impl Task {
    /// The last part of the ARN.
    pub fn id(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or(&self.arn)
    }

    /// How long it was RUNNING, by AWS's own timestamps; none while it runs, or where it never did.
    pub fn ran_for(&self) -> Option<Duration> {
        let ms = self.stopping_at_ms?.checked_sub(self.started_at_ms?)?;
        u64::try_from(ms).ok().map(Duration::from_millis)
    }

    /// ECS has decided to stop it, or it has stopped (facts 3.1).
    pub fn is_leaving(&self) -> bool {
        self.desired_status == "STOPPED" || self.is_stopped()
    }

    /// It has ended.
    pub fn is_stopped(&self) -> bool {
        matches!(self.last_status.as_str(), "STOPPED" | "DELETED")
    }
}

/// A container of a task. DescribeTasks has no count of restarts in place (`restartPolicy`, facts 3.3); what it may
/// show of them is in `last_status` and `runtime_id` (see `restarts`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its name in the task definition.
    pub name: String,
    /// `PENDING`, `RUNNING`, `STOPPED`.
    pub last_status: String,
    /// Absent when it never started.
    pub exit_code: Option<i32>,
    /// AWS's text.
    pub reason: Option<String>,
    /// `HEALTHY`, `UNHEALTHY`, `UNKNOWN`.
    pub health_status: Option<String>,
    /// The id that the runtime gave it; absent until it was created.
    pub runtime_id: Option<String>,
    /// The ports of the host that its ports are bound to (network modes `bridge` and `host`).
    pub ports: Vec<PortBinding>,
}

/// An entry of `containers[].networkBindings`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortBinding {
    /// The port in the container.
    pub container_port: u32,
    /// The port of the host.
    pub host_port: u32,
}

/// DescribeTargetHealth for one target group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetGroupHealth {
    /// The target group's ARN.
    pub arn: String,
    /// Its targets.
    pub targets: Vec<Target>,
}

impl TargetGroupHealth {
    /// The target of one task; a target that is not leaving comes before one that is, because an
    /// address can be registered anew while its predecessor drains.
    pub fn target(&self, ip: &str, port: Option<u32>) -> Option<&Target> {
        let mut matching = self
            .targets
            .iter()
            .filter(|target| target.id == ip && port.is_none_or(|port| target.port == port));
        let first = matching.next()?;
        if first.is_draining() {
            matching.find(|target| !target.is_draining()).or(Some(first))
        } else {
            Some(first)
        }
    }
}

/// The name of a target group, from its ARN.
pub(super) fn target_group_name(arn: &str) -> &str {
    arn.split_once("targetgroup/").and_then(|(_, rest)| rest.split('/').next()).unwrap_or(arn)
}

/// The health of one target (facts 5.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// An IP address, or the id of an EC2 instance: the target group's type decides it (facts 9.3).
    pub id: String,
    /// The container's port, or the host's.
    pub port: u32,
    /// `initial`, `healthy`, `unhealthy`, `unhealthy.draining`, `unused`, `draining`, `unavailable`.
    pub state: String,
    /// `Target.ResponseCodeMismatch` and the like.
    pub reason: Option<String>,
    /// AWS's text.
    pub description: Option<String>,
}

impl Target {
    /// The load balancer sends it requests.
    pub fn is_healthy(&self) -> bool {
        self.state == "healthy"
    }

    /// It is leaving the target group.
    pub fn is_draining(&self) -> bool {
        self.state.ends_with("draining")
    }
}
