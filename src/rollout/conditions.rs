//! The five conditions of success (design 3, "What success means"), judged on one observation, and on what was seen of
//! containers that restart in place.

use std::collections::BTreeSet;

use super::observation::{Deployment, Observation, Service, Task, target_group_name};
use super::policy::{Followed, TargetGroupRef};
use super::restarts::Restarts;
use super::rules::TargetKind;
use super::targets;
use crate::wording;

/// Which of the five conditions hold, and what is missing where one does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conditions {
    /// 1: the followed deployment is PRIMARY with the registered revision, and ECS has not failed it.
    pub primary: bool,
    /// 2: its counts are those that the service wants.
    pub counts: bool,
    /// 3: every one of its tasks is RUNNING and healthy.
    pub tasks: bool,
    /// 4: every target group finds every one of its tasks healthy.
    pub targets: bool,
    /// 5: it is COMPLETED, and the old deployments have drained.
    pub completed: bool,
    /// Ids of those of its tasks that meet 3 and 4.
    pub ready: BTreeSet<String>,
    /// How many tasks the service wants.
    pub desired: u32,
    /// One on each container instance (scheduling strategy DAEMON).
    pub daemon: bool,
    /// Which part of the next look can show that it goes on.
    pub awaited: Awaited,
    missing: Vec<String>,
}

/// What the rollout waits for: the part of a look in which that will be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// Counts, states and events of DescribeServices.
    Service,
    /// A task that is counted and not listed.
    Listing,
    /// A task's state or its health.
    Tasks,
    /// The health of targets in the target group of this index.
    Targets(usize),
    /// That what seems to hold does hold.
    Everything,
}

/// How the phrase begins that condition 5 leaves where ECS has not completed the deployment.
const ROLLOUT_IS: &str = "the rollout is ";

impl Conditions {
    /// Judges one observation.
    pub fn evaluate(followed: &Followed, observation: &Observation, restarts: &Restarts) -> Self {
        let desired = observation.service.desired_count;
        let ours = observation.service.deployment(&followed.deployment_id);
        // Tasks that ECS is stopping are on their way out and count for nothing (facts 3.1).
        let live: Vec<&Task> =
            observation.tasks.iter().filter(|task| followed.owns(task) && !task.is_leaving()).collect();
        let mut missing = Vec::new();

        let primary = check_primary(followed, ours, &mut missing);
        let counts = check_counts(ours, desired, &mut missing);

        // An eventually consistent listing can lack tasks; that every listed one is well is then not enough.
        let listed = u32::try_from(live.len()).unwrap_or(u32::MAX) >= desired;
        if !listed {
            let verb = if desired == 1 { "is" } else { "are" };
            missing.push(format!("{} of {} {verb} listed", live.len(), wording::tasks(desired)));
        }
        let (mut tasks, mut targets) = (listed, listed);
        let mut unreached_in = None;
        let mut ready = BTreeSet::new();
        for task in live {
            let unwell = task_trouble(followed, task)
                .or_else(|| restarts.trouble(followed, task.id(), observation.at));
            let blind = |group: &TargetGroupRef| {
                group.kind != TargetKind::Ip && observation.instances_denied && task.ec2_instance.is_none()
            };
            let trouble = |group: &TargetGroupRef| match blind(group) {
                true => unseen_trouble(ours, group),
                false => target_trouble(observation, group, task),
            };
            let groups = followed.target_groups.iter().enumerate();
            let unreached: Vec<(usize, String)> =
                groups.filter_map(|(index, group)| Some((index, trouble(group)?))).collect();
            let visible = unreached.iter().find(|(index, _)| !blind(&followed.target_groups[*index]));
            tasks &= unwell.is_none();
            targets &= unreached.is_empty();
            if unwell.is_none() && unreached.is_empty() {
                ready.insert(task.id().to_owned());
            }
            missing.extend(unwell);
            unreached_in = unreached_in.or(visible.map(|(index, _)| *index));
            for (_, trouble) in unreached {
                if !missing.contains(&trouble) {
                    missing.push(trouble);
                }
            }
        }
        let completed = check_completed(followed, ours, observation, &mut missing);
        if let Some(words) = early_words(followed, ours, &missing) {
            missing.insert(0, words);
        }
        let awaited = match unreached_in {
            _ if !primary || !counts => Awaited::Service,
            _ if !listed => Awaited::Listing,
            _ if !tasks => Awaited::Tasks,
            Some(index) => Awaited::Targets(index),
            None if !targets => Awaited::Service,
            None if only_old_tasks_leave(followed, ours, observation) => Awaited::Tasks,
            None => Awaited::Service,
        };
        let daemon = followed.rules.daemon;
        Self { daemon, primary, counts, tasks, targets, completed, ready, desired, awaited, missing }
    }

    /// Conditions 1 to 4. Of a service that wants no task they hold at once and mean nothing, so that
    /// one has to be COMPLETED, too.
    pub fn healthy(&self) -> bool {
        self.primary && self.counts && self.tasks && self.targets && (self.desired > 0 || self.completed)
    }

    /// All five.
    pub fn steady(&self) -> bool {
        self.healthy() && self.completed
    }

    /// `2 of 3 tasks healthy`
    pub fn healthy_count(&self) -> String {
        let mut text = format!("{} of {} healthy", self.ready.len(), wording::tasks(self.desired));
        if self.daemon {
            text.push_str(" (DAEMON: one on each container instance)");
        }
        text
    }

    /// Says why ECS has not completed the deployment yet, in place of that it has not.
    pub fn explain_progress(&mut self, words: &str) {
        for phrase in self.missing.iter_mut().filter(|phrase| phrase.starts_with(ROLLOUT_IS)) {
            words.clone_into(phrase);
        }
    }

    /// How the service stands, in one sentence.
    pub fn standing(&self, followed: &Followed, service: &Service) -> String {
        let revision = followed.task_definition.rsplit('/').next().unwrap_or_default();
        let failed = service.deployment(&followed.deployment_id).is_some_and(|ours| ours.is_in("FAILED"));
        match () {
            () if failed => format!("the deployment of {revision} FAILED; {}", self.missing()),
            () if self.steady() && self.desired == 0 => {
                let why = match followed.rules.daemon {
                    true => "no container instance is there for its tasks",
                    false => "no task is wanted",
                };
                format!("{revision} is steady, and {why}")
            }
            () if self.steady() => format!("{revision} is steady: {}", self.healthy_count()),
            () if self.healthy() => {
                format!("{revision} is healthy, and earlier deployments are not gone: {}", self.missing())
            }
            () => format!("{revision} is on its way: {}", self.missing()),
        }
    }

    /// What is missing, for a person: a few phrases, or the number of the rest.
    pub fn missing(&self) -> String {
        const SHOWN: usize = 4;
        let mut text = self.healthy_count();
        for phrase in self.missing.iter().take(SHOWN) {
            text.push_str("; ");
            text.push_str(phrase);
        }
        if self.missing.len() > SHOWN {
            text.push_str(&format!("; and {} more", self.missing.len() - SHOWN));
        }
        text
    }
}

fn check_primary(followed: &Followed, ours: Option<&Deployment>, missing: &mut Vec<String>) -> bool {
    let Some(ours) = ours else {
        missing.push(format!("deployment {} is not listed", followed.deployment_id));
        return false;
    };
    if ours.status != "PRIMARY" {
        missing.push(format!("deployment {} is {} and not PRIMARY", ours.id, ours.status));
    }
    if ours.task_definition != followed.task_definition {
        missing.push(format!("deployment {} runs {}", ours.id, ours.task_definition));
    }
    if ours.is_in("FAILED") {
        missing.push(format!("deployment {} is FAILED", ours.id));
    }
    ours.status == "PRIMARY" && ours.task_definition == followed.task_definition && !ours.is_in("FAILED")
}

fn check_counts(ours: Option<&Deployment>, desired: u32, missing: &mut Vec<String>) -> bool {
    let Some(ours) = ours else { return false };
    if ours.running != desired {
        missing.push(format!("{} of {} RUNNING", ours.running, wording::tasks(desired)));
    }
    if ours.pending != 0 {
        missing.push(format!("{} PENDING", wording::tasks(ours.pending)));
    }
    ours.running == desired && ours.pending == 0
}

/// What keeps a task from condition 3.
fn task_trouble(followed: &Followed, task: &Task) -> Option<String> {
    if task.last_status != "RUNNING" {
        return Some(format!("task {} is {}", task.id(), task.last_status));
    }
    if is_well(followed, task) {
        return None;
    }
    Some(format!("task {} is RUNNING and {}", task.id(), task.health_status))
}

/// Container health: UNKNOWN is no failure for a task without a health check, and of a task with some it
/// is the checked containers that count (facts 3.2).
fn is_well(followed: &Followed, task: &Task) -> bool {
    match task.health_status.as_str() {
        "HEALTHY" => true,
        "UNHEALTHY" => false,
        _ => followed.health_checked_containers.iter().all(|name| {
            task.containers.iter().any(|container| {
                container.name == *name && container.health_status.as_deref() == Some("HEALTHY")
            })
        }),
    }
}

/// What keeps a task from condition 4 in one target group. Targets of other addresses, draining old ones
/// among them, do not matter.
fn target_trouble(observation: &Observation, group: &TargetGroupRef, task: &Task) -> Option<String> {
    let name = target_group_name(&group.arn);
    let Some(health) = observation.target_group(&group.arn) else {
        return Some(format!("target group {name} did not answer"));
    };
    let (id, port) = match targets::place(task, group) {
        Ok(place) => place,
        Err(lacking) => return Some(lacking),
    };
    match health.target(id, Some(port)) {
        Some(target) if target.is_healthy() => None,
        Some(target) => {
            let reason = target.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            Some(format!("target {id}:{port} in {name} is {}{reason}", target.state))
        }
        None => Some(format!("task {} is not registered in {name} as {id}:{port}", task.id())),
    }
}

/// Condition 4 where targets cannot be told apart: ECS completes a deployment when every target is healthy (facts 3.5,
/// 3.6), so that its word has to do.
fn unseen_trouble(ours: Option<&Deployment>, group: &TargetGroupRef) -> Option<String> {
    let completed = ours.is_some_and(|ours| ours.is_in("COMPLETED"));
    (!completed).then(|| {
        format!(
            "which target of {} is which task cannot be checked (ecs:DescribeContainerInstances is denied), and ECS has not completed the deployment",
            target_group_name(&group.arn)
        )
    })
}

/// COMPLETED says less where the service has early success criteria: what counts here stays the same.
fn early_words(followed: &Followed, ours: Option<&Deployment>, missing: &[String]) -> Option<String> {
    let early = followed.rules.early_success?;
    if missing.is_empty() || !ours?.is_in("COMPLETED") {
        return None;
    }
    let deferred = match early.deferred {
        true => {
            ", and old tasks may stay for up to two weeks (DEFERRED; waiting for `healthy` does not wait for them)"
        }
        false => "",
    };
    Some(format!(
        "ECS has completed the deployment by its early success criteria ({} % of the tasks healthy{deferred}), which does not count here",
        early.healthy_percent
    ))
}

fn check_completed(
    followed: &Followed,
    ours: Option<&Deployment>,
    observation: &Observation,
    missing: &mut Vec<String>,
) -> bool {
    let Some(ours) = ours else { return false };
    let others = || observation.service.deployments.iter().filter(|other| other.id != followed.deployment_id);
    // A FAILED deployment may stay listed without tasks; that is no old task that still serves.
    let busy: u32 =
        others().map(|other| other.running.saturating_add(other.pending)).fold(0, u32::saturating_add);
    let leaving = observation.tasks.iter().filter(|task| !followed.owns(task) && is_draining(task)).count();
    let completed = match ours.rollout_state.as_deref() {
        Some("COMPLETED") => true,
        Some(state) => {
            missing.push(format!("{ROLLOUT_IS}{state}"));
            false
        }
        // Classic Load Balancers have no rollout state (facts 3.6): then only the list of deployments tells.
        None => {
            let alone = others().all(|other| other.status == "INACTIVE");
            if !alone {
                missing.push("older deployments are listed".to_owned());
            }
            alone
        }
    };
    if busy > 0 || leaving > 0 {
        let left = u32::try_from(leaving).unwrap_or(u32::MAX).max(busy);
        let verb = if left == 1 { "has" } else { "have" };
        missing.push(format!("{} of older deployments {verb} not stopped", wording::tasks(left)));
    }
    completed && busy == 0 && leaving == 0
}

/// Whether ECS has completed the deployment and no longer counts an old task that DescribeTasks shows.
fn only_old_tasks_leave(followed: &Followed, ours: Option<&Deployment>, observation: &Observation) -> bool {
    let deployments = &observation.service.deployments;
    ours.is_some_and(|ours| ours.is_in("COMPLETED"))
        && deployments.iter().all(|other| other.id == followed.deployment_id || other.running == 0)
        && observation.tasks.iter().any(|task| !followed.owns(task) && is_draining(task))
}

/// A task whose containers may still run. DEPROVISIONING removes the network interface after the stop.
fn is_draining(task: &Task) -> bool {
    !matches!(task.last_status.as_str(), "STOPPED" | "DELETED" | "DEPROVISIONING")
}
