//! [`Timeline`]: what the rollout of one service looked like over time, as a fold of its events. The page of `--report`
//! draws its swimlanes from it, and a Gantt chart can be made of it too.
//!
//! Everything is an instant at which something was *seen*: what happens between two observations has the instant of the
//! later one. A [`Span`] without an end was still going on at the last event of the run ([`RunState::now`](super::RunState)).

use jiff::Timestamp;

use crate::event::{DeploymentState, Event, Role, RollbackBy, Stopped, TaskState, Verdict};

/// What the rollout of one service looked like over time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    /// A lane for each task, in order of appearance.
    pub lanes: Vec<TaskLane>,
    /// What the rollout was doing: one after the other, without overlap.
    pub phases: Vec<Span<Phase>>,
    /// The stages of a service deployment of strategy BLUE_GREEN, LINEAR or CANARY, in AWS's words; empty without one.
    pub stages: Vec<Span<String>>,
    /// How many percent of the production traffic the new revision was to get; empty where that is not told.
    pub traffic: Vec<Span<f64>>,
    /// Instants worth a mark, in order.
    pub marks: Vec<Mark>,
}

/// Something that was so from one instant to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span<T> {
    /// What was so.
    pub value: T,
    /// When it was first seen.
    pub from: Timestamp,
    /// When something else was seen; `None` while it goes on.
    pub until: Option<Timestamp>,
}

impl<T> Span<T> {
    /// Its end, with the end of the run for one that still went on.
    pub fn end(&self, run_end: Timestamp) -> Timestamp {
        self.until.unwrap_or(run_end).max(self.from)
    }
}

/// One task over time.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskLane {
    /// The last part of the task's ARN.
    pub id: String,
    /// Whose task it is, as last seen: [`Role::Followed`] is the new side, [`Role::Old`] the old one, and
    /// [`Role::Newer`] a rollback or somebody else's deployment.
    pub role: Role,
    /// The revision's ARN; `None` where it is not known.
    pub task_definition: Option<String>,
    /// The task in one word, made of everything that is known of it. A task that has stopped ends with a span of
    /// [`Condition::Stopped`] or [`Condition::Failed`] that has no end.
    pub conditions: Vec<Span<Condition>>,
    /// `lastStatus`: `PROVISIONING` ... `STOPPED`.
    pub statuses: Vec<Span<String>>,
    /// `healthStatus` of the container health checks: `HEALTHY`, `UNHEALTHY`, `UNKNOWN`.
    pub health: Vec<Span<String>>,
    /// `desiredStatus`, what ECS wants of the task: `RUNNING` or `STOPPED`.
    pub wanted: Vec<Span<String>>,
    /// The health of its targets, each as `target group: state`, sorted; empty lists where no target group knows it.
    pub targets: Vec<Span<Vec<String>>>,
    /// Why it stopped, with the exit codes of its containers.
    pub stopped: Option<Stopped>,
}

/// The condition of a task in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Condition {
    /// `PROVISIONING`, `PENDING`, `ACTIVATING`.
    Starting,
    /// `RUNNING`, and neither a target group nor a health check says that it is healthy.
    Running,
    /// `RUNNING`, and every target group and health check that says something says that it is healthy.
    Healthy,
    /// `RUNNING`, and a target group or a health check says that it is not healthy.
    Unhealthy,
    /// It gets no new connections: a target group lets those go on that it has.
    Draining,
    /// ECS wants it to stop, or it is stopping.
    Stopping,
    /// `STOPPED`, as ECS wanted.
    Stopped,
    /// `STOPPED` because it did not start, ended by itself, or was unhealthy.
    Failed,
}

/// What a rollout is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// From `UpdateService` until the new tasks meet conditions 1 to 4 of success.
    Deploying,
    /// From then on until the old tasks have drained.
    Draining,
    /// The service is put back.
    RollingBack,
}

/// An instant worth a mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// When it was seen.
    pub at: Timestamp,
    /// What happened.
    pub kind: MarkKind,
}

/// What happened at a [`Mark`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarkKind {
    /// `UpdateService` was accepted.
    Updated {
        /// The deployment that is followed.
        deployment_id: String,
        /// The revision's ARN.
        task_definition: String,
    },
    /// Conditions 1 to 4 of success hold for the first time.
    Healthy,
    /// All five hold.
    Steady,
    /// A deployment of this role is the first one seen: a rollback, or somebody else's.
    Newer {
        /// Its id.
        deployment_id: String,
    },
    /// A deployment has drained.
    Drained {
        /// Its id.
        deployment_id: String,
    },
    /// A container was restarted in place.
    Restarted {
        /// The task's id.
        task: String,
        /// The container's name.
        container: String,
    },
    /// The first of a series of requests of the probe that failed.
    ProbeFailed {
        /// `HTTP 502`
        what: String,
    },
    /// The probe's requests are answered as expected again.
    ProbeRecovered {
        /// How many failed in between.
        failed: u64,
    },
    /// The service is being put back.
    RollbackStarted {
        /// Who does it.
        by: RollbackBy,
        /// To which revision.
        task_definition: String,
    },
    /// The rollback has ended.
    RollbackFinished {
        /// Whether the service is steady again.
        complete: bool,
    },
    /// The service's part of the run has ended.
    Finished {
        /// How.
        verdict: Verdict,
    },
}

impl Timeline {
    /// Takes in an event of the service; those that say nothing about time change nothing.
    pub(super) fn apply(&mut self, time: Timestamp, event: &Event) {
        match event {
            Event::ServiceUpdated { deployment_id, task_definition, .. } => {
                enter(&mut self.phases, Phase::Deploying, time);
                let (deployment_id, task_definition) = (deployment_id.clone(), task_definition.clone());
                self.mark(time, MarkKind::Updated { deployment_id, task_definition });
            }
            Event::TaskChanged { task } => self.task(time, task),
            Event::DeploymentChanged { deployment } => self.deployment(time, deployment),
            Event::DeploymentGone { id } => {
                self.mark(time, MarkKind::Drained { deployment_id: id.clone() });
            }
            Event::ContainerRestarted { task, container, .. } => {
                let (task, container) = (task.clone(), container.clone());
                self.mark(time, MarkKind::Restarted { task, container });
            }
            Event::StageChanged { stage, status, .. } => {
                enter(&mut self.stages, stage.as_ref().unwrap_or(status).clone(), time);
            }
            Event::TrafficShifted { production_percent, .. } => {
                enter(&mut self.traffic, *production_percent, time);
            }
            Event::ProbeFailed(failure) => {
                self.mark(time, MarkKind::ProbeFailed { what: failure.what.clone() });
            }
            Event::ProbeRecovered { failed, .. } => {
                self.mark(time, MarkKind::ProbeRecovered { failed: *failed });
            }
            Event::Healthy { .. } => {
                enter(&mut self.phases, Phase::Draining, time);
                self.mark(time, MarkKind::Healthy);
            }
            Event::Steady { .. } => {
                leave(&mut self.phases, time);
                self.mark(time, MarkKind::Steady);
            }
            Event::RollbackStarted { by, task_definition, .. } => {
                enter(&mut self.phases, Phase::RollingBack, time);
                let task_definition = task_definition.clone();
                self.mark(time, MarkKind::RollbackStarted { by: *by, task_definition });
            }
            Event::RollbackFinished { complete, .. } => {
                leave(&mut self.phases, time);
                self.mark(time, MarkKind::RollbackFinished { complete: *complete });
            }
            Event::RolloutFinished { verdict, .. } => {
                leave(&mut self.phases, time);
                leave(&mut self.stages, time);
                leave(&mut self.traffic, time);
                self.mark(time, MarkKind::Finished { verdict: *verdict });
            }
            _ => {}
        }
    }

    /// When the first and the last thing of it was seen; `None` while it is empty. A span without an end counts to
    /// `run_end`.
    pub fn extent(&self, run_end: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let lanes = self.lanes.iter().flat_map(|lane| &lane.conditions);
        let conditions = lanes.map(|span| {
            let over = matches!(span.value, Condition::Stopped | Condition::Failed);
            (span.from, if over { span.from } else { span.end(run_end) })
        });
        let phases = self.phases.iter().map(|span| (span.from, span.end(run_end)));
        let stages = self.stages.iter().map(|span| (span.from, span.end(run_end)));
        let marks = self.marks.iter().map(|mark| (mark.at, mark.at));
        conditions
            .chain(phases)
            .chain(stages)
            .chain(marks)
            .reduce(|(first, last), (from, until)| (first.min(from), last.max(until)))
    }

    fn mark(&mut self, at: Timestamp, kind: MarkKind) {
        self.marks.push(Mark { at, kind });
    }

    fn deployment(&mut self, time: Timestamp, deployment: &DeploymentState) {
        let told = |mark: &Mark| match &mark.kind {
            MarkKind::Newer { deployment_id } => *deployment_id == deployment.id,
            _ => false,
        };
        if deployment.role == Role::Newer && !self.marks.iter().any(told) {
            self.mark(time, MarkKind::Newer { deployment_id: deployment.id.clone() });
        }
    }

    fn task(&mut self, time: Timestamp, task: &TaskState) {
        let index = match self.lanes.iter().position(|lane| lane.id == task.id) {
            Some(index) => index,
            None => {
                self.lanes.push(TaskLane::new(task));
                self.lanes.len() - 1
            }
        };
        self.lanes[index].apply(time, task);
    }
}

impl TaskLane {
    fn new(task: &TaskState) -> Self {
        Self {
            id: task.id.clone(),
            role: task.role,
            task_definition: None,
            conditions: Vec::new(),
            statuses: Vec::new(),
            health: Vec::new(),
            wanted: Vec::new(),
            targets: Vec::new(),
            stopped: None,
        }
    }

    fn apply(&mut self, time: Timestamp, task: &TaskState) {
        self.role = task.role;
        if task.task_definition.is_some() {
            self.task_definition.clone_from(&task.task_definition);
        }
        if task.stopped.is_some() {
            self.stopped.clone_from(&task.stopped);
        }
        enter(&mut self.conditions, Condition::of(task), time);
        enter(&mut self.statuses, task.last_status.clone(), time);
        enter(&mut self.health, task.health.clone(), time);
        enter(&mut self.wanted, task.desired_status.clone(), time);
        let mut targets: Vec<String> =
            task.targets.iter().map(|target| format!("{}: {}", target.target_group, target.state)).collect();
        targets.sort();
        enter(&mut self.targets, targets, time);
    }

    /// When it was first seen; a task of the old side ran before that.
    pub fn first_seen(&self) -> Option<Timestamp> {
        self.conditions.first().map(|span| span.from)
    }

    /// When it was first seen as `STOPPED`; `None` for one that was not.
    pub fn stopped_at(&self) -> Option<Timestamp> {
        self.conditions.last().filter(|span| span.value.is_over()).map(|span| span.from)
    }

    /// Its condition when it was last seen.
    pub fn last(&self) -> Option<Condition> {
        self.conditions.last().map(|span| span.value)
    }

    /// The exit codes of its containers, with their names; of a task that has stopped.
    pub fn exit_codes(&self) -> Vec<(&str, i32)> {
        let containers = self.stopped.iter().flat_map(|stopped| &stopped.containers);
        containers.filter_map(|container| Some((container.name.as_str(), container.exit_code?))).collect()
    }
}

impl Condition {
    /// The condition that a task is in.
    pub fn of(task: &TaskState) -> Self {
        match task.last_status.as_str() {
            "STOPPED" if failed(task.stopped.as_ref()) => Self::Failed,
            "STOPPED" => Self::Stopped,
            "DEACTIVATING" | "STOPPING" | "DEPROVISIONING" => Self::leaving(task),
            _ if task.desired_status == "STOPPED" => Self::leaving(task),
            "RUNNING" => Self::running(task),
            _ => Self::Starting,
        }
    }

    fn leaving(task: &TaskState) -> Self {
        let draining = task.targets.iter().any(|target| target.state == "draining");
        if draining { Self::Draining } else { Self::Stopping }
    }

    fn running(task: &TaskState) -> Self {
        let (targets, health) = (&task.targets, task.health.as_str());
        let is = |state: &str| targets.iter().any(|target| target.state == state);
        match () {
            () if health == "UNHEALTHY" || is("unhealthy") => Self::Unhealthy,
            () if is("draining") => Self::Draining,
            () if targets.is_empty() && health != "HEALTHY" => Self::Running,
            () if targets.iter().all(|target| target.state == "healthy") => Self::Healthy,
            () => Self::Running,
        }
    }

    /// Whether the task has stopped.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Stopped | Self::Failed)
    }

    /// In one lower-case word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Draining => "draining",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

/// Whether a task stopped for a reason of its own. The scheduler stops tasks that are replaced and tasks that fail their
/// health checks under the same code; the text tells them apart (facts 5).
fn failed(stopped: Option<&Stopped>) -> bool {
    let Some(stopped) = stopped else { return false };
    let by_itself = matches!(stopped.code.as_deref(), Some("TaskFailedToStart" | "EssentialContainerExited"));
    by_itself || stopped.reason.as_deref().is_some_and(|reason| reason.contains("health check"))
}

impl Phase {
    /// In a word or two.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deploying => "deploying",
            Self::Draining => "draining",
            Self::RollingBack => "rolling back",
        }
    }
}

/// From now on it is so; nothing changes where it already was.
fn enter<T: PartialEq>(spans: &mut Vec<Span<T>>, value: T, time: Timestamp) {
    if spans.last().is_some_and(|last| last.until.is_none() && last.value == value) {
        return;
    }
    leave(spans, time);
    spans.push(Span { value, from: time, until: None });
}

/// What was so is over.
fn leave<T>(spans: &mut [Span<T>], time: Timestamp) {
    if let Some(last) = spans.last_mut().filter(|last| last.until.is_none()) {
        last.until = Some(time);
    }
}

#[cfg(test)]
mod tests;
